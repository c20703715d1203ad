/* test_probe_live.c: real probes on real packets between two network namespaces. */
#include "memory.h"
#include "probe_stage.h"

#include <arpa/inet.h>
#include <check.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

static struct stage stage;

/* Targets of Beijing in the example fleet: links beijing-shanghai, beijing-shenzhen, two uplinks,
 * then the entrances in order. */
enum { LINK_SHANGHAI = 0, LINK_ABSENT = 1, ENTRANCE_BEIJING = 4, ENTRANCE_SHANGHAI = 5 };

static enum health health_of(const struct stage *s, int target)
{
    return s->observed[target].health;
}

static bool link_up(const struct stage *s)
{
    return health_of(s, LINK_SHANGHAI) == HEALTH_UP;
}
static bool link_unknown(const struct stage *s)
{
    return health_of(s, LINK_SHANGHAI) == HEALTH_UNKNOWN;
}
static bool link_lost_out(const struct stage *s)
{
    const struct observation *o = &s->observed[LINK_SHANGHAI];
    return o->health == HEALTH_DOWN && o->loss_out_ppm > 0;
}
static bool all_known(const struct stage *s)
{
    return link_up(s) && s->observed[LINK_SHANGHAI].rtt_us > 0 &&
           health_of(s, LINK_ABSENT) == HEALTH_DOWN &&
           health_of(s, ENTRANCE_BEIJING) == HEALTH_UP &&
           health_of(s, ENTRANCE_SHANGHAI) == HEALTH_UNKNOWN; /* no interface to a carrier here */
}

static bool entrance_degraded(const struct stage *s)
{
    return health_of(s, ENTRANCE_BEIJING) == HEALTH_DEGRADED;
}
static bool entrance_down(const struct stage *s)
{
    return health_of(s, ENTRANCE_BEIJING) == HEALTH_DOWN;
}

/* A service with a health page, in the namespace of A; it answers 200, or 503 when broken. */
static _Atomic bool broken;

static void *serve_one(void *context)
{
    int fd = (int)(intptr_t)context;
    char request[1024];
    while (recv(fd, request, sizeof(request), 0) > 0) {
        static const char good[] = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
        static const char bad[] = "HTTP/1.1 503 Sorry\r\nContent-Length: 0\r\n\r\n";
        const char *answer = broken ? bad : good;
        if (send(fd, answer, strlen(answer), MSG_NOSIGNAL) < 0)
            break;
    }
    close(fd);
    return NULL;
}

static void *serve_all(void *context)
{
    int listener = (int)(intptr_t)context;
    int fd;
    while ((fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC)) >= 0) {
        pthread_t thread;
        pthread_create(&thread, NULL, serve_one, (void *)(intptr_t)fd);
        pthread_detach(thread);
    }
    return NULL;
}

static void start_service(void)
{
    int here = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
    int there = open("/run/netns/sw-probe-a", O_RDONLY | O_CLOEXEC);
    ck_assert_int_eq(setns(there, CLONE_NEWNET), 0);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct sockaddr_in any = {.sin_family = AF_INET, .sin_port = htons(8080)};
    ck_assert_int_eq(bind(fd, (struct sockaddr *)&any, sizeof(any)), 0);
    ck_assert_int_eq(listen(fd, 64), 0);
    ck_assert_int_eq(setns(here, CLONE_NEWNET), 0);
    close(here);
    close(there);
    pthread_t thread;
    ck_assert_int_eq(pthread_create(&thread, NULL, serve_all, (void *)(intptr_t)fd), 0);
    pthread_detach(thread);
}

static void cut(const char *netns, const char *interface, bool on)
{
    stage_run("ip netns exec %s nft %s element inet t cut '{ %s }'", netns, on ? "add" : "delete",
              interface);
}

START_TEST(test_links)
{
    int64_t held = 0;
    ck_assert(stage_report(&stage, all_known, 20000));
    ck_assert(stage_edge(&stage, STAGE_B, false, 5000, &held));

    /* Both ends see a cut, since its first lost packet, and its end. */
    cut("sw-probe-a", "to-shanghai", true);
    cut("sw-probe-b", "to-beijing", true);
    for (int i = 0; i < STAGE_SIDES; i++) {
        ck_assert(stage_edge(&stage, i, true, 5000, &held));
        ck_assert_int_ge(held, 100 * US_PER_MS); /* two intervals and a bit: never sooner */
    }
    cut("sw-probe-a", "to-shanghai", false);
    cut("sw-probe-b", "to-beijing", false);
    for (int i = 0; i < STAGE_SIDES; i++)
        ck_assert(stage_edge(&stage, i, false, 5000, &held));
    ck_assert(stage_report(&stage, link_up, 5000));

    /* One way: A's packets die at B, B's arrive at A. A says: the way out. */
    cut("sw-probe-b", "to-beijing", true);
    ck_assert(stage_report(&stage, link_lost_out, 5000));
    ck_assert_uint_eq(stage.observed[LINK_SHANGHAI].loss_in_ppm, 0);
    cut("sw-probe-b", "to-beijing", false);
    ck_assert(stage_report(&stage, link_up, 5000));

    /* Carrier: both ends at once. */
    while (stage_edge(&stage, STAGE_A, true, 100, &held))
        continue;
    stage_run("ip -n sw-probe-b link set to-beijing down");
    ck_assert(stage_edge(&stage, STAGE_A, true, 5000, &held));
    stage_run("ip -n sw-probe-b link set to-beijing up");
    ck_assert(stage_report(&stage, link_up, 20000));
}
END_TEST

START_TEST(test_probe_gone_is_no_cut)
{
    int64_t held = 0;
    ck_assert(stage_report(&stage, link_up, 20000));
    while (stage_edge(&stage, STAGE_A, true, 100, &held))
        continue;
    ck_assert_int_eq(stage_stop(&stage, STAGE_B), 0);
    ck_assert(stage_report(&stage, link_unknown, 10000));
    ck_assert(!stage_edge(&stage, STAGE_A, true, 1000, &held));
    stage_start(&stage, STAGE_B);
    ck_assert(stage_report(&stage, link_up, 10000));
}
END_TEST

START_TEST(test_service_dies)
{
    ck_assert(stage_report(&stage, all_known, 20000));
    stage_run("ip -n sw-probe-a addr del 198.51.100.3/32 dev lo"); /* one address of four */
    ck_assert(stage_report(&stage, entrance_degraded, 10000));
    broken = true;
    ck_assert(stage_report(&stage, entrance_down, 10000));
    broken = false;
    ck_assert(stage_report(&stage, entrance_degraded, 10000));
    stage_run("ip -n sw-probe-a addr add 198.51.100.3/32 dev lo");
    ck_assert(stage_report(&stage, all_known, 10000));
}
END_TEST

static bool link_up_for_a_second(const struct stage *s)
{
    return link_up(s) && s->observed[LINK_SHANGHAI].held_us > US_PER_SEC &&
           health_of(s, ENTRANCE_BEIJING) == HEALTH_UP &&
           s->observed[ENTRANCE_BEIJING].held_us > US_PER_SEC;
}

/* A new fleet, and keys read again, do not make the probe forget what it knows. */
START_TEST(test_change_of_fleet_and_keys)
{
    int64_t held = 0;
    ck_assert(stage_report(&stage, link_up_for_a_second, 20000));
    int64_t before = stage.observed[LINK_SHANGHAI].held_us;
    stage_change_fleet(&stage);
    ck_assert(stage_report(&stage, link_up_for_a_second, 5000)); /* from before the change */
    kill(stage.side[STAGE_A].probe, SIGHUP);
    ck_assert(!stage_edge(&stage, STAGE_A, true, 500, &held));
    ck_assert(stage_report(&stage, link_up_for_a_second, 5000));
    ck_assert_int_gt(stage.observed[LINK_SHANGHAI].held_us, before);
}
END_TEST

static void write_key(const char *name, const char *text)
{
    stage_run("printf '%s\n' >%s/keys/%s.key", text, stage.dir, name);
}

/* Keys on disk are used when the signal says so, and not before: both ends can be given new ones
 * first. Between the two signals the ends do not understand each other. */
START_TEST(test_new_keys_on_signal)
{
    int64_t held = 0;
    ck_assert(stage_report(&stage, link_up, 20000));
    while (stage_edge(&stage, STAGE_A, false, 100, &held))
        continue;
    write_key("stamp-backbone", "HwECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHgA=");
    ck_assert(!stage_edge(&stage, STAGE_A, true, 500, &held));
    kill(stage.side[STAGE_A].probe, SIGHUP);
    ck_assert(stage_edge(&stage, STAGE_A, true, 5000, &held));
    kill(stage.side[STAGE_B].probe, SIGHUP);
    ck_assert(stage_edge(&stage, STAGE_A, false, 5000, &held));
    ck_assert(stage_report(&stage, link_up, 5000));
}
END_TEST

/* How often parts of the key in a file of the stage are in the memory of side A's probe. */
static long key_in_memory(const char *file)
{
    char path[160];
    pid_t pid = stage.side[STAGE_A].probe;
    snprintf(path, sizeof(path), "%s/%s", stage.dir, file);
    kill(pid, SIGSTOP);
    ck_assert_int_eq(waitpid(pid, NULL, WUNTRACED), pid);
    long found = memory_count_key(pid, path);
    kill(pid, SIGCONT);
    ck_assert_int_ge(found, 0);
    return found;
}

static bool by_first(const struct stage *s)
{
    return link_up(s) && !s->by_next;
}

static bool by_second(const struct stage *s)
{
    return link_up(s) && s->by_next;
}

/* The file that is there says which of the two keys signs; when both are, it is the first. */
START_TEST(test_key_of_reports_changes)
{
    ck_assert(stage_report(&stage, by_first, 20000));
    write_key("probe-beijing-b", "HwECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHgA=");
    stage_run("chmod 600 %s/keys/probe-beijing-b.key", stage.dir);
    kill(stage.side[STAGE_A].probe, SIGHUP);
    ck_assert(!stage_report(&stage, by_second, 1000));
    stage_run("mv %s/keys/probe-beijing.key %s/first", stage.dir, stage.dir);
    ck_assert(!stage_report(&stage, by_second, 1000)); /* not before the signal */
    kill(stage.side[STAGE_A].probe, SIGHUP);
    ck_assert(stage_report(&stage, by_second, 5000));
    ck_assert_int_gt(key_in_memory("keys/probe-beijing-b.key"), 0);
    stage_run("mv %s/first %s/keys/probe-beijing.key", stage.dir, stage.dir);
    kill(stage.side[STAGE_A].probe, SIGHUP);
    ck_assert(stage_report(&stage, by_first, 5000));
    ck_assert_int_eq(key_in_memory("keys/probe-beijing-b.key"), 0); /* in no library either */
}
END_TEST

/* A key that is taken away is forgotten, though no other comes to its place in memory. */
START_TEST(test_key_that_is_taken_away)
{
    ck_assert(stage_report(&stage, by_first, 20000));
    write_key("probe-beijing-b", "HwECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHgA=");
    stage_run("chmod 600 %s/keys/probe-beijing-b.key", stage.dir);
    stage_run("mv %s/keys/probe-beijing.key %s/first", stage.dir, stage.dir);
    kill(stage.side[STAGE_A].probe, SIGHUP);
    ck_assert(stage_report(&stage, by_second, 5000));
    ck_assert_int_gt(key_in_memory("keys/probe-beijing-b.key"), 0);
    stage_run("mv %s/keys/probe-beijing-b.key %s/second", stage.dir, stage.dir);
    kill(stage.side[STAGE_A].probe, SIGHUP);
    while (stage_report(&stage, link_up, 2000))
        continue;
    ck_assert_int_eq(key_in_memory("second"), 0);
    stage_run("mv %s/first %s/keys/probe-beijing.key", stage.dir, stage.dir);
    ck_assert(stage_report(&stage, by_first, 10000)); /* it looks for what it lacks */
}
END_TEST

static void await_message(int manager, const char *text)
{
    char got[64] = "";
    struct pollfd p = {manager, POLLIN, 0};
    ck_assert_msg(poll(&p, 1, 20000) == 1, "no %s", text);
    ck_assert_int_gt(recv(manager, got, sizeof(got) - 1, 0), 0);
    ck_assert_str_eq(got, text);
}

static bool in_file(const char *path, const char *text)
{
    char command[600];
    snprintf(command, sizeof(command), "grep -q '%s' %s", text, path);
    return system(command) == 0;
}

static void await_in_file(const char *path, const char *text)
{
    for (int waited = 0; !in_file(path, text); waited++) {
        ck_assert_msg(waited < 400, "no %s in %s", text, path);
        usleep(50000);
    }
}

/* What the service manager is told, and what SIGHUP changes of the log. */
START_TEST(test_service_manager)
{
    char log[128];
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    ck_assert(stage_report(&stage, link_up, 20000));
    ck_assert_int_eq(stage_stop(&stage, STAGE_A), 0);
    snprintf(log, sizeof(log), "%s/probe.log", stage.dir);
    snprintf(address.sun_path, sizeof(address.sun_path), "%s/notify", stage.dir);
    int manager = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    ck_assert_int_eq(bind(manager, (struct sockaddr *)&address, sizeof(address)), 0);
    setenv("NOTIFY_SOCKET", address.sun_path, 1);
    int terminal = dup(STDERR_FILENO);
    int file = open(log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    dup2(file, STDERR_FILENO);
    stage_start(&stage, STAGE_A);
    dup2(terminal, STDERR_FILENO);
    unsetenv("NOTIFY_SOCKET");

    await_message(manager, "READY=1");
    stage_run("echo 'log_format: json' >>%s", stage.side[STAGE_A].settings);
    kill(stage.side[STAGE_A].probe, SIGHUP);
    await_in_file(log, "\"event\":\"reloaded\"");
    await_in_file(log, "\"event\":\"keys-read\"");
    ck_assert(!in_file(log, "event=reloaded"));
    stage_run("echo 'log_level: loud' >>%s", stage.side[STAGE_A].settings);
    kill(stage.side[STAGE_A].probe, SIGHUP);
    await_in_file(log, "loud"); /* told, and nothing else happens */
    ck_assert(stage_report(&stage, link_up, 20000));
    ck_assert_int_eq(stage_stop(&stage, STAGE_A), 0);
    await_message(manager, "STOPPING=1");
    ck_assert(in_file(log, "\"event\":\"stopping\""));
    close(manager);
    close(terminal);
    close(file);
}
END_TEST

static uint64_t first_incarnation;
static bool newer_incarnation(const struct stage *s)
{
    return s->report.incarnation > first_incarnation && link_up(s);
}

START_TEST(test_restart_without_daemon)
{
    ck_assert(stage_report(&stage, link_up, 20000));
    first_incarnation = stage.report.incarnation;
    ck_assert_int_eq(stage_stop(&stage, STAGE_A), 0);
    stage_daemons_away(&stage);
    stage_start(&stage, STAGE_A);
    ck_assert(stage_report(&stage, newer_incarnation, 20000));
}
END_TEST

static void up(void)
{
    stage_up(&stage);
    broken = false;
    start_service();
    stage_start(&stage, STAGE_A);
    stage_start(&stage, STAGE_B);
}

static void down(void)
{
    stage_down(&stage);
}

int main(void)
{
    const char *missing = stage_missing();
    if (missing != NULL) {
        printf("skipped: %s\n", missing);
        return 77; /* meson: skipped */
    }
    Suite *suite = suite_create("probe-live");
    TCase *c = tcase_create("live");
    tcase_set_timeout(c, 100);
    tcase_add_checked_fixture(c, up, down);
    tcase_add_test(c, test_links);
    tcase_add_test(c, test_probe_gone_is_no_cut);
    tcase_add_test(c, test_service_dies);
    tcase_add_test(c, test_change_of_fleet_and_keys);
    tcase_add_test(c, test_new_keys_on_signal);
    tcase_add_test(c, test_key_of_reports_changes);
    tcase_add_test(c, test_key_that_is_taken_away);
    tcase_add_test(c, test_service_manager);
    tcase_add_test(c, test_restart_without_daemon);
    suite_add_tcase(suite, c);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
