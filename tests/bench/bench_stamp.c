/* bench_stamp.c: what a STAMP packet costs the processor: sent, reflected, received, concluded.
 *
 * Both ends run in this process over the loopback interface, so a round has twice the work of a
 * probe's one packet and one reflection. Printed: microseconds of processor time per round, and
 * rounds per second of a whole core; median, p95 and max of 30 runs in each mode. */
#include "checks/clocks.h"
#include "checks/stamp.h"
#include "core/path.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { RUNS = 30, ROUNDS = 5000, WINDOW = 16, PORT = 18862 };

static int64_t cpu_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return t.tv_sec * INT64_C(1000000000) + t.tv_nsec;
}

static int compare(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static void die(const char *what)
{
    perror(what);
    exit(EXIT_FAILURE);
}

struct rig {
    struct stamp *near, *far;
    struct stamp_io *io;
    struct path path;
};

static void send_window(struct rig *r)
{
    for (int i = 0; i < WINDOW; i++) {
        uint64_t stamp;
        struct mono sent;
        if (stamp_send(r->near, r->path.next_seq, &stamp, &sent) != OK)
            die("send");
        path_sent(&r->path, sent, stamp);
    }
}

/* Gives the answers that came back. */
static uint32_t take_answers(struct rig *r)
{
    struct stamp_reply replies[STAMP_BATCH];
    bool refused, more;
    (void)stamp_reflect(r->far, r->io, &more);
    uint32_t n = stamp_receive(r->near, r->io, replies, &refused, &more);
    struct mono now = clock_mono();
    for (uint32_t i = 0; i < n; i++)
        (void)path_reply(&r->path, replies[i].answer.request.seq, replies[i].answer.seq,
                         replies[i].answer.request.timestamp, replies[i].arrived, 1, now);
    (void)path_judge(&r->path, now);
    return n;
}

static void run_mode(const char *name, const char *secret)
{
    struct stamp_config near = {.interface = "lo",
                                .local = {4, {127, 0, 0, 1}},
                                .peer = {4, {127, 0, 0, 2}},
                                .port = PORT,
                                .secret = (const uint8_t *)secret,
                                .secret_size = secret != NULL ? strlen(secret) : 0};
    struct stamp_config far = near;
    far.local = near.peer;
    far.peer = near.local;
    struct rig r = {0};
    const struct path_policy policy = {
        .interval_us = 50000, .latency_us = 100, .losses = 3, .degraded_ppm = 20000};
    if (stamp_new(&near, &r.near) != OK || stamp_new(&far, &r.far) != OK ||
        stamp_io_new(&r.io) != OK)
        die("memory");
    if (stamp_open(r.near) != OK || stamp_open(r.far) != OK)
        die("open");
    path_init(&r.path, &policy, true, true, clock_mono());
    double us[RUNS];
    for (int run = 0; run < RUNS; run++) {
        uint32_t rounds = 0;
        int64_t start = cpu_ns();
        while (rounds < ROUNDS) {
            send_window(&r);
            uint32_t got = 0, idle = 0;
            while (got < WINDOW && idle++ < 1000)
                got += take_answers(&r);
            rounds += WINDOW;
        }
        us[run] = (double)(cpu_ns() - start) / 1000.0 / rounds;
    }
    qsort(us, RUNS, sizeof(us[0]), compare);
    double median = us[RUNS / 2], p95 = us[RUNS * 95 / 100], most = us[RUNS - 1];
    printf("stamp %-15s us of CPU per round: median %.2f p95 %.2f max %.2f; "
           "rounds/s of a core: %.0f; %d links at 50 ms: %.2f %% of a core\n",
           name, median, p95, most, 1e6 / median, 100, median * 20 * 100 / 1e4);
    stamp_free(r.near);
    stamp_free(r.far);
    stamp_io_free(r.io);
}

int main(void)
{
    run_mode("unauthenticated", NULL);
    run_mode("authenticated", "a secret of the bench, 32 bytes.");
    return EXIT_SUCCESS;
}
