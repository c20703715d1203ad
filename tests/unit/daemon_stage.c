/* daemon_stage.c: starting, asking and stopping the real processes. */
#include "daemon_stage.h"

#include "config/fleet_config.h"
#include "config/settings.h"
#include "core/decide.h"
#include "kafka_stage.h"
#include "log/bus.h"
#include "model/record.h"
#include "wire/record.h"

#include <check.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum {
    PATIENCE_MS = 40000,
    STEP_MS = 20
}; /* a stuck test fails; none asserts how long something takes */

static const char *const idcs[STAGE_DAEMONS] = {"beijing", "shanghai", "shenzhen"};

static struct mono now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_BOOTTIME, &t);
    return (struct mono){(int64_t)t.tv_sec * US_PER_SEC + t.tv_nsec / 1000};
}

static void pause_ms(long ms)
{
    nanosleep(&(struct timespec){.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000}, NULL);
}

static void load_fleet(struct stage *s)
{
    char *text = NULL;
    size_t len = 0;
    struct config_errors errs = {.items = NULL};
    ck_assert_int_eq(
        config_file_read(FLEETS "/three-idc.yaml", CONFIG_FLEET_MAX_BYTES, &text, &len, &errs), OK);
    s->memory = aligned_alloc(16, CONFIG_FLEET_ARENA_SIZE);
    ck_assert_ptr_nonnull(s->memory);
    struct arena arena;
    arena_init(&arena, s->memory, CONFIG_FLEET_ARENA_SIZE);
    s->fleet = ARENA_NEW(&arena, struct fleet, 1);
    ck_assert_int_eq(config_fleet_parse(text, len, &arena, s->fleet, &errs), OK);
    config_errors_done(&errs);
    free(text);
}

void stage_open(struct stage *s)
{
    *s = (struct stage){.broker = 0};
    strcpy(s->dir, "/tmp/test-spillwayd-XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(s->dir));
    load_fleet(s);
}

static void kill_and_wait(pid_t *pid)
{
    if (*pid > 0) {
        kill(*pid, SIGKILL);
        waitpid(*pid, NULL, 0);
        *pid = 0;
    }
}

void stage_close(struct stage *s)
{
    for (int i = 0; i < STAGE_DAEMONS; i++) {
        kill_and_wait(&s->daemons[i]);
    }
    kill_and_wait(&s->broker);
    char command[128];
    snprintf(command, sizeof command, "rm -r '%s'", s->dir);
    ck_assert_int_eq(system(command), 0);
    free(s->memory);
}

void stage_lose_broker(struct stage *s)
{
    if (kafka_brokers() != NULL) {
        kafka_remove_topics();
    } else {
        kill_and_wait(&s->broker);
    }
}

void stage_broker(struct stage *s)
{
    if (kafka_brokers() != NULL) {
        kafka_fresh_topics();
        snprintf(s->brokers, sizeof s->brokers, "%s", kafka_brokers());
        return;
    }
    kill_and_wait(&s->broker);
    int out[2];
    ck_assert_int_eq(pipe(out), 0);
    pid_t parent = getpid();
    s->broker = fork();
    if (s->broker == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        dup2(out[1], STDOUT_FILENO);
        close(out[0]);
        close(out[1]);
        /* The same address again after a restart, as settings files name it. */
        const char *listen = s->brokers[0] != '\0' ? s->brokers : "127.0.0.1:0";
        if (getppid() == parent) {
            execl(SPILLWAY_BROKER, "spillway-broker", "--listen", listen, "--partitions", "3",
                  (char *)NULL);
        }
        _exit(127);
    }
    close(out[1]);
    FILE *f = fdopen(out[0], "r");
    char line[256] = "";
    ck_assert_ptr_nonnull(f);
    ck_assert_ptr_nonnull(fgets(line, sizeof line, f));
    ck_assert_int_eq(sscanf(line, "ready bootstrap=%63s", s->brokers), 1);
    fclose(f);
}

static struct bus *open_bus(struct stage *s)
{
    char why[BUS_TEXT_SIZE];
    struct bus *bus = NULL;
    struct bus_config config = {
        .brokers = s->brokers, .client_id = "stage", .development = kafka_brokers() == NULL};
    ck_assert_int_eq(bus_open(&config, &bus, why, sizeof why), OK);
    return bus;
}

/* Waits for the acknowledgement that is counted there. */
static void settle(struct bus *bus, const uint64_t *counter)
{
    struct bus_event e;
    for (int waited = 0; *counter == 0; waited += STEP_MS) {
        ck_assert_int_lt(waited, PATIENCE_MS);
        bus_pump(bus, now());
        while (bus_next(bus, &e) == 1) {
        }
        pause_ms(STEP_MS);
    }
    bus_close(bus, 1000);
}

void stage_append(struct stage *s, const void *bytes, size_t size)
{
    struct bus *bus = open_bus(s);
    ck_assert_int_eq(bus_append(bus, bytes, size), OK);
    settle(bus, &bus_stats(bus)->appended);
}

void stage_report(struct stage *s, uint16_t partition, const void *bytes, size_t size)
{
    struct bus *bus = open_bus(s);
    ck_assert_int_eq(bus_report(bus, partition, bytes, size), OK);
    settle(bus, &bus_stats(bus)->reports_sent);
}

void stage_genesis(struct stage *s, uint8_t id, uint8_t predecessor, uint64_t era)
{
    size_t room = plan_arena_size(s->fleet) + decide_arena_size(s->fleet) + 65536;
    void *memory = aligned_alloc(16, (room + 15) & ~(size_t)15);
    size_t fleet_size = fleet_encoded_size(s->fleet), size = 0;
    static uint8_t fleet[256 * 1024], plan_bytes[256 * 1024], record[1024 * 1024];
    struct arena arena;
    struct plan plan;
    ck_assert_uint_lt(fleet_size, sizeof fleet);
    arena_init(&arena, memory, room);
    ck_assert_int_eq(plan_initial(s->fleet, &arena, &plan), OK);
    struct codec c = codec_writer(fleet, sizeof fleet),
                 p = codec_writer(plan_bytes, sizeof plan_bytes);
    fleet_codec(&c, s->fleet);
    plan_codec(&p, &plan);
    struct record r = {.kind = RECORD_GENESIS,
                       .writer = {.replica = REPLICA_PERSON, .incarnation = 1, .sequence = 1},
                       .base = -1,
                       .genesis = {.era = era,
                                   .fleet = {fleet, c.pos},
                                   .plan = {plan_bytes, p.pos},
                                   .identity = "test",
                                   .reason = "test"}};
    memset(&r.log_id, id, sizeof r.log_id);
    memset(&r.genesis.predecessor, predecessor, sizeof r.genesis.predecessor);
    ck_assert_int_eq(record_encode(&r, record, sizeof record, &size), OK);
    stage_append(s, record, size);
    free(memory);
}

void stage_path(const struct stage *s, int daemon, const char *name, char ret_path[108])
{
    snprintf(ret_path, 108, "%s/%s-%s", s->dir, idcs[daemon], name);
}

static void write_settings(const struct stage *s, int daemon)
{
    char path[108];
    stage_path(s, daemon, "settings.yaml", path);
    FILE *f = fopen(path, "w");
    ck_assert_ptr_nonnull(f);
    fprintf(f,
            "idc: %s\nbrokers: [%s]\ndevelopment_broker: %s\nkeys_dir: %s\n"
            "journal: %s/%s-journal\ncontrol_socket: %s/%s-control\nprobe_socket: %s/%s-probe\n"
            "feature_file: %s/%s-features.json\n%s",
            idcs[daemon], s->brokers, kafka_brokers() == NULL ? "true" : "false", s->dir, s->dir,
            idcs[daemon], s->dir, idcs[daemon], s->dir, idcs[daemon], s->dir, idcs[daemon],
            s->settings);
    ck_assert_int_eq(fclose(f), 0);
}

void stage_start_bounded(struct stage *s, int daemon, size_t bytes)
{
    char settings[108], log[108];
    write_settings(s, daemon);
    stage_path(s, daemon, "settings.yaml", settings);
    stage_path(s, daemon, "log", log);
    ck_assert_int_eq(s->daemons[daemon], 0);
    pid_t parent = getpid();
    s->daemons[daemon] = fork();
    if (s->daemons[daemon] == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        const char *shown = getenv("SPILLWAY_TEST_LOG"); /* set: on the terminal, for debugging */
        int fd = shown != NULL ? STDERR_FILENO : open(log, O_WRONLY | O_CREAT | O_APPEND, 0600);
        dup2(fd, STDERR_FILENO);
        setenv("UBSAN_OPTIONS", "halt_on_error=1:print_stacktrace=1", 0);
        if (bytes > 0) {
            struct rlimit limit = {bytes, bytes};
            signal(SIGXFSZ, SIG_IGN);
            setrlimit(RLIMIT_FSIZE, &limit);
        }
        if (getppid() == parent) {
            execl(SPILLWAYD, "spillwayd", "--config", settings, (char *)NULL);
        }
        _exit(127);
    }
}

void stage_start(struct stage *s, int daemon)
{
    stage_start_bounded(s, daemon, 0);
}

int stage_stop(struct stage *s, int daemon, int sig)
{
    int status = 0;
    ck_assert_int_gt(s->daemons[daemon], 0);
    ck_assert_int_eq(kill(s->daemons[daemon], sig), 0);
    ck_assert_int_eq(waitpid(s->daemons[daemon], &status, 0), s->daemons[daemon]);
    s->daemons[daemon] = 0;
    return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

int stage_connect(const struct stage *s, int daemon, const char *name)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    stage_path(s, daemon, name, address.sun_path);
    for (int waited = 0; waited < PATIENCE_MS; waited += STEP_MS) {
        int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
        if (connect(fd, (const struct sockaddr *)&address, sizeof address) == 0) {
            return fd;
        }
        close(fd);
        ck_assert_msg(waitpid(s->daemons[daemon], NULL, WNOHANG) == 0, "spillwayd has ended");
        pause_ms(STEP_MS);
    }
    ck_abort_msg("no connection to %s", address.sun_path);
}

json_t *stage_ask(int fd, const char *line)
{
    static char answer[1024 * 1024];
    size_t len = strlen(line), got = 0;
    if (send(fd, line, len, MSG_NOSIGNAL) != (ssize_t)len) {
        return NULL;
    }
    while (got == 0 || answer[got - 1] != '\n') {
        struct pollfd p = {.fd = fd, .events = POLLIN};
        ck_assert_int_eq(poll(&p, 1, PATIENCE_MS), 1);
        ssize_t n = recv(fd, answer + got, sizeof answer - got, 0);
        if (n <= 0) {
            return NULL;
        }
        got += (size_t)n;
        ck_assert_uint_lt(got, sizeof answer);
    }
    json_error_t error;
    json_t *object = json_loadb(answer, got, 0, &error);
    ck_assert_msg(object != NULL, "%s: %.*s", error.text, (int)got, answer);
    return object;
}

json_t *stage_status(const struct stage *s, int daemon)
{
    int fd = stage_connect(s, daemon, "control");
    json_t *status = stage_ask(fd, "{\"request\":\"status\"}\n");
    ck_assert_ptr_nonnull(status);
    close(fd);
    return status;
}

static json_t *at_path(json_t *object, const char *key)
{
    char part[64];
    while (object != NULL) {
        size_t n = strcspn(key, ".");
        ck_assert_uint_lt(n, sizeof part);
        memcpy(part, key, n);
        part[n] = '\0';
        bool index = json_is_array(object);
        object =
            index ? json_array_get(object, strtoul(part, NULL, 10)) : json_object_get(object, part);
        if (key[n] == '\0') {
            return object;
        }
        key += n + 1;
    }
    return NULL;
}

void stage_await_text(const struct stage *s, int daemon, const char *key, const char *text)
{
    for (int waited = 0;; waited += STEP_MS) {
        json_t *status = stage_status(s, daemon);
        const char *is = json_string_value(at_path(status, key));
        bool good = is != NULL && strcmp(is, text) == 0;
        if (!good && waited >= PATIENCE_MS) {
            ck_abort_msg("%s is not %s: %.1500s", key, text, json_dumps(status, JSON_COMPACT));
        }
        json_decref(status);
        if (good) {
            return;
        }
        pause_ms(STEP_MS);
    }
}

void stage_await_number(const struct stage *s, int daemon, const char *key, json_int_t at_least)
{
    for (int waited = 0;; waited += STEP_MS) {
        json_t *status = stage_status(s, daemon);
        json_t *is = at_path(status, key);
        bool good = json_is_integer(is) && json_integer_value(is) >= at_least;
        if (!good && waited >= PATIENCE_MS) {
            ck_abort_msg("%s is not at least %lld: %.1500s", key, (long long)at_least,
                         json_dumps(status, JSON_COMPACT));
        }
        json_decref(status);
        if (good) {
            return;
        }
        pause_ms(STEP_MS);
    }
}

int stage_await_leader(const struct stage *s)
{
    for (int waited = 0; waited < PATIENCE_MS; waited += STEP_MS) {
        int leader = -1, running = 0, agree = 0;
        const char *named = NULL;
        for (int i = 0; i < STAGE_DAEMONS; i++) {
            json_t *status = s->daemons[i] > 0 ? stage_status(s, i) : NULL;
            running += status != NULL ? 1 : 0;
            leader = json_is_true(json_object_get(status, "leads")) ? i : leader;
            const char *name = json_string_value(json_object_get(status, "leader"));
            for (int k = 0; name != NULL && k < STAGE_DAEMONS; k++) {
                named = strcmp(name, idcs[k]) == 0 && named == NULL ? idcs[k] : named;
            }
            agree += name != NULL && named != NULL && strcmp(name, named) == 0 ? 1 : 0;
            json_decref(status);
        }
        if (leader >= 0 && agree == running && strcmp(named, idcs[leader]) == 0) {
            return leader;
        }
        pause_ms(STEP_MS);
    }
    ck_abort_msg("nobody leads");
}

struct journal *stage_journal(const struct stage *s, int daemon, struct journal_view **ret_v)
{
    char path[108];
    struct journal *j = NULL;
    struct journal_check check;
    stage_path(s, daemon, "journal", path);
    ck_assert_int_eq(journal_open(path, JOURNAL_READ, 0, NULL, &j), OK);
    ck_assert_int_eq(journal_view_open(j, ret_v), OK);
    int status = journal_verify(*ret_v, &check);
    ck_assert_msg(status == OK, "%s", check.fault);
    return j;
}

int stage_compare_journals(const struct stage *s, int a, int b)
{
    struct journal_view *va, *vb;
    struct journal *ja = stage_journal(s, a, &va), *jb = stage_journal(s, b, &vb);
    struct journal_entry ea = {.offset = -1};
    int common = 0;
    for (int status = journal_seek(va, JOURNAL_FIRST, &ea); status == OK;
         status = journal_seek(va, JOURNAL_NEXT, &ea)) {
        struct journal_entry eb = {.offset = ea.offset};
        if (ea.leaf || journal_seek(vb, JOURNAL_AT, &eb) != OK) {
            continue;
        }
        ck_assert_int_eq(digest_compare(&ea.chain, &eb.chain), 0);
        ck_assert_uint_eq(ea.outcome, eb.outcome);
        common++;
    }
    journal_view_close(va);
    journal_view_close(vb);
    journal_close(ja);
    journal_close(jb);
    return common;
}
