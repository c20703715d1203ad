/* probe_stage.c: namespaces, processes and sockets around real probes, for test_probe_live.c. */
#include "probe_stage.h"

#include "config/fleet_config.h"
#include "config/settings.h"

#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define BROKER_ADDRESS "127.0.0.1:19092"

static const char key_text[] = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=\n";

void stage_run(const char *format, ...)
{
    char command[1024];
    va_list args;
    va_start(args, format);
    vsnprintf(command, sizeof(command), format, args);
    va_end(args);
    ck_assert_msg(system(command) == 0, "failed: %s", command);
}

const char *stage_missing(void)
{
    if (geteuid() != 0)
        return "needs root for network namespaces";
    if (system("ip netns add sw-probe-try 2>/dev/null && ip netns del sw-probe-try") != 0)
        return "cannot make network namespaces";
    if (system("command -v nft >/dev/null") != 0)
        return "needs nft";
    return NULL;
}

static struct mono now_mono(void)
{
    struct timespec t;
    clock_gettime(CLOCK_BOOTTIME, &t);
    return (struct mono){t.tv_sec * US_PER_SEC + t.tv_nsec / 1000};
}

static void write_text(const char *path, const char *text)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    ck_assert_int_ge(fd, 0);
    ck_assert_int_eq(write(fd, text, strlen(text)), (ssize_t)strlen(text));
    close(fd);
}

static void encode_fleet(struct stage *s)
{
    free(s->frame_bytes);
    s->fleet_size = fleet_encoded_size(&s->fleet);
    s->frame_bytes = malloc(s->fleet_size);
    struct codec c = codec_writer(s->frame_bytes, s->fleet_size);
    fleet_codec(&c, &s->fleet);
    ck_assert_int_eq(codec_finish(&c), OK);
    s->digest = sha256_of(s->frame_bytes, s->fleet_size);
}

static void load_fleet(struct stage *s)
{
    struct config_errors errors = {0};
    char *text = NULL;
    size_t size = 0;
    ck_assert_int_eq(
        config_file_read(FLEETS "/three-idc.yaml", CONFIG_FLEET_MAX_BYTES, &text, &size, &errors),
        OK);
    s->memory = malloc(CONFIG_FLEET_ARENA_SIZE);
    struct arena arena;
    arena_init(&arena, s->memory, CONFIG_FLEET_ARENA_SIZE);
    ck_assert_int_eq(config_fleet_parse(text, size, &arena, &s->fleet, &errors), OK);
    config_errors_done(&errors);
    free(text);
    snprintf(s->fleet.idcs[0].probe_key_next, FLEET_NAME_SIZE, "probe-beijing-b");
    encode_fleet(s);
}

static void side_files(struct stage *s, int i)
{
    struct stage_side *side = &s->side[i];
    char text[1024];
    snprintf(side->settings, sizeof(side->settings), "%s/probe-%d.yaml", s->dir, i);
    snprintf(side->socket, sizeof(side->socket), "%s/%d.sock", s->dir, i);
    snprintf(text, sizeof(text),
             "idc: %s\nbrokers: [\"" BROKER_ADDRESS "\"]\nkeys_dir: %s/keys\nprobe_socket: %s\n"
             "state_dir: %s/state-%d\n",
             side->idc, s->dir, side->socket, s->dir, i);
    write_text(side->settings, text);
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    snprintf(address.sun_path, sizeof(address.sun_path), "%s", side->socket);
    side->listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    ck_assert_int_eq(bind(side->listener, (struct sockaddr *)&address, sizeof(address)), 0);
    ck_assert_int_eq(listen(side->listener, 4), 0);
    side->connection = -1;
}

static pid_t spawn(const char *netns, const char *const argv[], int out)
{
    pid_t pid = fork();
    ck_assert_int_ge(pid, 0);
    if (pid > 0)
        return pid;
    char path[128];
    snprintf(path, sizeof(path), "/run/netns/%s", netns);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0 || setns(fd, CLONE_NEWNET) != 0)
        _exit(99);
    if (out >= 0)
        dup2(out, STDOUT_FILENO);
    execv(argv[0], (char *const *)argv);
    _exit(98);
}

static void start_broker(struct stage *s)
{
    int out[2];
    ck_assert_int_eq(pipe2(out, O_CLOEXEC), 0);
    const char *argv[] = {SPILLWAY_BROKER, "--listen", BROKER_ADDRESS, "--partitions", "4", NULL};
    s->broker = spawn(s->side[STAGE_A].netns, argv, out[1]);
    close(out[1]);
    char line[256];
    ck_assert_int_gt(read(out[0], line, sizeof(line)), 0);
    close(out[0]);
    /* The bus' threads are born in the namespace of A. */
    char path[128];
    snprintf(path, sizeof(path), "/run/netns/%s", s->side[STAGE_A].netns);
    int here = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
    int there = open(path, O_RDONLY | O_CLOEXEC);
    ck_assert_int_eq(setns(there, CLONE_NEWNET), 0);
    const struct bus_config config = {
        .brokers = BROKER_ADDRESS, .client_id = "test", .development = true};
    ck_assert_int_eq(bus_open(&config, &s->bus, NULL, 0), OK);
    ck_assert_int_eq(bus_tail_reports(s->bus, 4, now_mono()), OK);
    ck_assert_int_eq(setns(here, CLONE_NEWNET), 0);
    close(here);
    close(there);
}

void stage_up(struct stage *s)
{
    memset(s, 0, sizeof(*s));
    s->side[STAGE_A] = (struct stage_side){
        .netns = "sw-probe-a", .interface = "to-shanghai", .idc = "beijing", .index = 0};
    s->side[STAGE_B] = (struct stage_side){
        .netns = "sw-probe-b", .interface = "to-beijing", .idc = "shanghai", .index = 1};
    snprintf(s->dir, sizeof(s->dir), "/tmp/sw-probe-XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(s->dir));
    (void)!system("ip netns del sw-probe-a 2>/dev/null; ip netns del sw-probe-b 2>/dev/null");
    stage_run("ip netns add sw-probe-a && ip netns add sw-probe-b");
    stage_run("ip -n sw-probe-a link set lo up && ip -n sw-probe-b link set lo up");
    stage_run("ip link add to-shanghai netns sw-probe-a type veth peer name to-beijing netns "
              "sw-probe-b");
    stage_run("ip -n sw-probe-a addr add 10.255.0.1/30 dev to-shanghai");
    stage_run("ip -n sw-probe-b addr add 10.255.0.2/30 dev to-beijing");
    stage_run(
        "ip -n sw-probe-a link set to-shanghai up && ip -n sw-probe-b link set to-beijing up");
    stage_run("ip netns exec sw-probe-b nft 'table inet t { set cut { type ifname; }; chain in { "
              "type filter hook prerouting priority -300; iifname @cut drop; }; }'");
    stage_run("ip netns exec sw-probe-a nft 'table inet t { set cut { type ifname; }; chain in { "
              "type filter hook prerouting priority -300; iifname @cut drop; }; }'");
    for (int i = 1; i <= 4; i++)
        stage_run("ip -n sw-probe-a addr add 198.51.100.%d/32 dev lo", i);
    stage_run("mkdir %s/keys", s->dir);
    static const char *const keys[] = {"probe-beijing", "probe-shanghai", "stamp-backbone"};
    for (int i = 0; i < 3; i++) {
        char path[300];
        snprintf(path, sizeof(path), "%s/keys/%s.key", s->dir, keys[i]);
        write_text(path, key_text);
    }
    for (int i = 0; i < 32; i++)
        s->key[i] = s->key_next[i] = (uint8_t)i;
    s->key_next[0] = 31;
    s->key_next[31] = 0;
    load_fleet(s);
    for (int i = 0; i < STAGE_SIDES; i++)
        side_files(s, i);
    start_broker(s);
}

void stage_daemons_away(struct stage *s)
{
    for (int i = 0; i < STAGE_SIDES; i++) {
        struct stage_side *side = &s->side[i];
        if (side->listener >= 0)
            close(side->listener);
        if (side->connection >= 0)
            close(side->connection);
        side->listener = side->connection = -1;
        unlink(side->socket);
    }
}

void stage_down(struct stage *s)
{
    for (int i = 0; i < STAGE_SIDES; i++)
        if (s->side[i].probe > 0)
            (void)stage_stop(s, i);
    stage_daemons_away(s);
    bus_close(s->bus, 0);
    kill(s->broker, SIGTERM);
    waitpid(s->broker, NULL, 0);
    stage_run("ip netns del sw-probe-a; ip netns del sw-probe-b; rm -r %s", s->dir);
    free(s->memory);
    free(s->frame_bytes);
}

void stage_start(struct stage *s, int i)
{
    struct stage_side *side = &s->side[i];
    const char *argv[] = {SPILLWAY_PROBE, "--config", side->settings, NULL};
    side->probe = spawn(side->netns, argv, -1);
}

int stage_stop(struct stage *s, int i)
{
    int status = 0;
    kill(s->side[i].probe, SIGTERM);
    ck_assert_int_eq(waitpid(s->side[i].probe, &status, 0), s->side[i].probe);
    s->side[i].probe = 0;
    if (s->side[i].connection >= 0)
        close(s->side[i].connection);
    s->side[i].connection = -1;
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static void give_fleet(struct stage *s, int i)
{
    struct stage_side *side = &s->side[i];
    const struct local_message m = {
        .type = LOCAL_FLEET,
        .fleet = {.idc = side->index, .fleet = {s->frame_bytes, (uint32_t)s->fleet_size}}};
    size_t size = local_encoded_size(&m);
    uint8_t *frame = malloc(size);
    ck_assert_int_eq(local_encode(&m, frame, size, &size), OK);
    ck_assert_int_eq(write(side->connection, frame, size), (ssize_t)size);
    free(frame);
}

/* Accepts the probe if it waits, and gives it the fleet. */
static void serve(struct stage *s, int i)
{
    struct stage_side *side = &s->side[i];
    struct pollfd waiting = {side->listener, POLLIN, 0};
    if (side->listener < 0 || side->connection >= 0 || poll(&waiting, 1, 0) != 1)
        return;
    side->connection = accept4(side->listener, NULL, NULL, SOCK_CLOEXEC);
    ck_assert_int_ge(side->connection, 0);
    give_fleet(s, i);
}

void stage_change_fleet(struct stage *s)
{
    s->old_digest = s->digest;
    snprintf(s->fleet.services[0].features[0].owner, FLEET_NAME_SIZE, "somebody-else");
    encode_fleet(s);
    for (int i = 0; i < STAGE_SIDES; i++)
        give_fleet(s, i);
}

bool stage_edge(struct stage *s, int i, bool down, int timeout_ms, int64_t *ret_held_us)
{
    struct mono end = mono_add(now_mono(), timeout_ms * US_PER_MS);
    while (mono_diff_us(end, now_mono()) > 0) {
        for (int k = 0; k < STAGE_SIDES; k++)
            serve(s, k);
        struct pollfd p = {s->side[i].connection, POLLIN, 0};
        if (s->side[i].connection < 0 || poll(&p, 1, 5) != 1) {
            usleep(1000);
            continue;
        }
        uint8_t frame[LOCAL_EDGE_SIZE];
        if (recv(s->side[i].connection, frame, sizeof(frame), MSG_WAITALL) != sizeof(frame))
            return false;
        struct local_message m;
        size_t used = 0;
        ck_assert_int_eq(local_decode(frame, sizeof(frame), &m, &used), OK);
        if (m.type == LOCAL_EDGE && m.edge.link == 0 && m.edge.down == down) {
            *ret_held_us = m.edge.held_us;
            return true;
        }
    }
    return false;
}

static void take_report(struct stage *s, const struct bus_event *e)
{
    if (e->kind != BUS_REPORT || e->partition != s->fleet.idcs[0].partition)
        return;
    static _Alignas(16) uint8_t room[64 * 1024];
    struct arena arena;
    arena_init(&arena, room, sizeof(room));
    const struct report_key key = {"probe-beijing", s->key, sizeof(s->key)};
    const struct report_key next = {"probe-beijing-b", s->key_next, sizeof(s->key_next)};
    struct report r;
    bool by_next = report_open(e->data, e->size, &next, 1, &arena, &r) == OK;
    if (!by_next)
        ck_assert_int_eq(report_open(e->data, e->size, &key, 1, &arena, &r), OK);
    if (digest_compare(&r.fleet, &s->old_digest) == 0)
        return; /* of before the change */
    ck_assert_int_eq(digest_compare(&r.fleet, &s->digest), 0);
    ck_assert_uint_le(r.count, STAGE_OBSERVED);
    if (r.incarnation < s->report.incarnation)
        return;
    if (r.incarnation == s->report.incarnation && r.sequence <= s->report.sequence)
        return;
    s->report = r;
    s->by_next = by_next;
    memcpy(s->observed, r.observations, r.count * sizeof(*r.observations));
    s->report.observations = s->observed;
}

bool stage_report(struct stage *s, bool (*good)(const struct stage *s), int timeout_ms)
{
    struct mono end = mono_add(now_mono(), timeout_ms * US_PER_MS);
    s->report.count = 0; /* an older one does not tell of now */
    while (mono_diff_us(end, now_mono()) > 0) {
        for (int i = 0; i < STAGE_SIDES; i++)
            serve(s, i);
        struct bus_event event;
        bus_pump(s->bus, now_mono());
        while (bus_next(s->bus, &event) == 1)
            take_report(s, &event);
        if (s->report.count > 0 && good(s))
            return true;
        usleep(2000);
    }
    printf("no such report within %d ms; the newest is %u targets, sequence %llu\n", timeout_ms,
           s->report.count, (unsigned long long)s->report.sequence);
    for (uint32_t i = 0; i < s->report.count; i++)
        printf("  %u: health %d, held %lld us, rtt %u us, loss %u out %u in\n", i,
               (int)s->observed[i].health, (long long)s->observed[i].held_us, s->observed[i].rtt_us,
               s->observed[i].loss_out_ppm, s->observed[i].loss_in_ppm);
    return false;
}
