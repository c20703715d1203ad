/* bench.c: figures of the actuators: UPDATE to served answer per name server, and routes over the
 * helper's socket. Median, p95 and max; nothing here passes or fails by a time. */
#include "fixture.h"
#include "nameserver.h"
#include "netns.h"

#include "actuate/dns_message.h"
#include "actuate/route.h"

#include <arpa/inet.h>
#include <check.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { DNS_SAMPLES = 30, ROUTE_SAMPLES = 1000, SPACED_MS = 1300 };

static struct world world;
static uv_loop_t loop;
static struct waiter waiter;

static double now_ms(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6;
}

static int order(const void *a, const void *b)
{
    const double *x = a, *y = b;
    return (*x > *y) - (*x < *y);
}

static void print(const char *what, double *samples, unsigned count)
{
    qsort(samples, count, sizeof(*samples), order);
    printf("%-58s %4u %9.3f %9.3f %9.3f\n", what, count, samples[count / 2],
           samples[count * 95 / 100], samples[count - 1]);
}

/* A question for A of the answer, as plain UDP. */
static size_t question(const struct dns_answer *a, uint8_t *wire)
{
    static const uint8_t head[12] = {0x12, 0x34, 0, 0, 0, 1};
    static const uint8_t tail[4] = {0, 1, 0, 1};
    memcpy(wire, head, sizeof(head));
    memcpy(wire + 12, a->name.wire, a->name.len);
    memcpy(wire + 12 + a->name.len, tail, sizeof(tail));
    return 16 + a->name.len;
}

static bool shows(const uint8_t *reply, ssize_t len, const struct address *address)
{
    return len > 12 && memmem(reply + 12, (size_t)len - 12, address->bytes, 4) != NULL;
}

/* An address that `new` serves and `old` does not. */
static const struct address *fresh(const struct dns_answer *new, const struct dns_answer *old)
{
    for (uint8_t i = 0; i < new->count4; i++) {
        bool known = false;
        for (uint8_t j = 0; j < old->count4; j++)
            known = known || memcmp(new->addresses[i].bytes, old->addresses[j].bytes, 4) == 0;
        if (!known)
            return &new->addresses[i];
    }
    return NULL;
}

/* Runs the push and asks the server all the while; *ret_served: when the answer was seen from
 * outside. */
static void watch(struct dns_pusher *p, const struct dns_job *job, int udp,
                  const struct dns_answer *answer, const struct address *expected,
                  double *ret_served, double *ret_verified)
{
    uint8_t ask[300], reply[1500];
    size_t ask_len = question(answer, ask);
    unsigned before = waiter.count;
    double began = now_ms();
    *ret_served = -1;
    ck_assert_int_eq(dns_push(p, job), OK);
    ck_assert_int_eq(send(udp, ask, ask_len, 0), (ssize_t)ask_len);
    while (waiter.count == before || *ret_served < 0) {
        uv_run(&loop, UV_RUN_NOWAIT);
        ssize_t n = recv(udp, reply, sizeof(reply), MSG_DONTWAIT);
        if (n > 0 && *ret_served < 0 && shows(reply, n, expected))
            *ret_served = now_ms() - began;
        else if (n > 0)
            ck_assert_int_eq(send(udp, ask, ask_len, 0), (ssize_t)ask_len);
        if (waiter.count != before && waiter.last.status != OK)
            ck_abort_msg("push: %s: %s", error_text(waiter.last.status), waiter.last.detail);
    }
    *ret_verified = now_ms() - began;
}

static void bench_dns(enum software software, uint64_t pause_ms, const char *rhythm)
{
    static struct change changes[64];
    struct nameserver server;
    nameserver_start(&server, software);
    struct dns_target target = test_target(server.port);
    struct dns_pusher *p = NULL;
    ck_assert_int_eq(dns_pusher_new(&loop, &target, waiter_done, &waiter, &p), OK);
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(server.port)};
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    int udp = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    ck_assert_int_eq(connect(udp, (struct sockaddr *)&to, sizeof(to)), 0);
    double served[DNS_SAMPLES], verified[DNS_SAMPLES];
    struct plan plans[2] = {world_plan(&world, 1, 0), world_plan(&world, 1, 0)};
    for (uint16_t v = 0; v < world.fleet.view_count;
         v++) /* the second one leaves the first entrance */
        plan_answer(&plans[1], 0, v)->slots[0] = (struct slot){2, 3};
    struct dns_content *content[2];
    for (int i = 0; i < 2; i++)
        ck_assert_int_eq(dns_content_new(&world.fleet, &plans[i], NULL, 0, &content[i]), OK);
    struct dns_job job = {.fleet = &world.fleet, .plan = &plans[0], .may_create = true};
    ck_assert_int_eq(dns_push(p, &job), OK);
    ck_assert(waiter_wait(&waiter, waiter.count + 1));
    for (unsigned i = 0; i < DNS_SAMPLES; i++) {
        unsigned from = i % 2, to_plan = 1 - from;
        plans[to_plan].fence = test_fence(1, i + 2, i);
        int n = plan_diff(&plans[from], &plans[to_plan], changes, 64);
        ck_assert_int_gt(n, 0);
        job = (struct dns_job){&world.fleet,      &plans[to_plan], false,
                               plans[from].fence, changes,         (uint32_t)n};
        loop_run_ms(&loop, pause_ms);
        const struct address *expected =
            fresh(&content[to_plan]->answers[0], &content[from]->answers[0]);
        ck_assert_ptr_nonnull(expected);
        watch(p, &job, udp, &content[to_plan]->answers[0], expected, &served[i], &verified[i]);
    }
    char what[96];
    snprintf(what, sizeof(what), "dns %s, 4 names, %s: push -> served", nameserver_name(software),
             rhythm);
    print(what, served, DNS_SAMPLES);
    snprintf(what, sizeof(what), "dns %s, 4 names, %s: push -> verified", nameserver_name(software),
             rhythm);
    print(what, verified, DNS_SAMPLES);
    dns_content_free(content[0]);
    dns_content_free(content[1]);
    dns_pusher_free(p);
    close(udp);
    nameserver_end(&server);
}

static pid_t start_helper(const char *socket_path, const char *state_path)
{
    pid_t pid = fork();
    ck_assert_int_ge(pid, 0);
    if (pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        execl(TEST_ROUTED, "spillway-routed", "--fleet", TEST_FLEET, "--idc", "beijing", "--socket",
              socket_path, "--state", state_path, (char *)NULL);
        _exit(127);
    }
    while (access(socket_path, F_OK) != 0)
        usleep(1000);
    usleep(50 * 1000);
    return pid;
}

static void bench_routes(void)
{
    char directory[] = "/tmp/spillway-bench-XXXXXX", socket_path[64], state_path[64];
    static double samples[ROUTE_SAMPLES];
    struct route_client *client = NULL;
    if (!netns_enter()) {
        printf("routes: skipped, needs root and network namespaces\n");
        return;
    }
    ck_assert_ptr_nonnull(mkdtemp(directory));
    snprintf(socket_path, sizeof(socket_path), "%s/socket", directory);
    snprintf(state_path, sizeof(state_path), "%s/fence", directory);
    pid_t helper = start_helper(socket_path, state_path);
    ck_assert_int_eq(
        route_client_new(&loop, socket_path, 0, US_PER_SEC, waiter_done, &waiter, &client), OK);
    uint16_t shanghai = fleet_find_link(&world.fleet, "beijing-shanghai");
    uint16_t shenzhen = fleet_find_link(&world.fleet, "beijing-shenzhen");
    for (unsigned i = 0; i < ROUTE_SAMPLES; i++) {
        bool direct = i % 2 == 0;
        struct fence fence = test_fence(1, 1 + i, 0);
        struct route_target targets[2] = {
            {1, {2, {direct ? shanghai : shenzhen, direct ? shenzhen : shanghai}}},
            {2, {2, {direct ? shenzhen : shanghai, direct ? shanghai : shenzhen}}},
        };
        unsigned before = waiter.count;
        double began = now_ms();
        ck_assert_int_eq(route_set(client, &world.fleet, &fence, targets, 2, NULL), OK);
        while (waiter.count == before)
            uv_run(&loop, UV_RUN_ONCE);
        samples[i] = now_ms() - began;
        ck_assert_int_eq(waiter.last.status, OK);
    }
    print("routes, 2 prefixes of 2 hops exchanged: set -> acknowledged", samples, ROUTE_SAMPLES);
    route_client_free(client);
    kill(helper, SIGTERM);
    waitpid(helper, NULL, 0);
    run("rm -rf %s", directory);
}

/* The fixture's checks work inside a Check test only. */
START_TEST(figures)
{
    world_init(&world);
    ck_assert_int_eq(uv_loop_init(&loop), 0);
    waiter = (struct waiter){.loop = &loop};
    printf("%-58s %4s %9s %9s %9s   ms\n", "", "n", "median", "p95", "max");
    for (int s = 0; s < SOFTWARE_COUNT; s++) {
        if (!nameserver_available((enum software)s))
            continue;
        bench_dns((enum software)s, SPACED_MS, "1.3 s apart");
        bench_dns((enum software)s, 0, "back to back");
    }
    bench_routes();
    loop_end(&loop);
    world_done(&world);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("figures");
    TCase *t = tcase_create("actuators");
    tcase_add_test(t, figures);
    suite_add_tcase(suite, t);
    SRunner *runner = srunner_create(suite);
    signal(SIGPIPE, SIG_IGN);
    setvbuf(stdout, NULL, _IOLBF, 0);
    srunner_set_fork_status(runner, CK_NOFORK); /* no time limit either */
    srunner_run_all(runner, CK_SILENT);
    int failed = srunner_ntests_failed(runner);
    if (failed > 0)
        srunner_print(runner, CK_NORMAL);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
