/* test_bus.c: the bus against a real spillway-broker process on loopback: order, loss, return. */
#include "bus_stage.h"

#include <check.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

struct broker {
    pid_t pid;
    char address[64];
};

/* Starts spillway-broker at the address and waits for its ready line. */
static struct broker broker_start(const char *address)
{
    int out[2];
    ck_assert_int_eq(pipe(out), 0);
    pid_t pid = fork();
    ck_assert_int_ge(pid, 0);
    if (pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        dup2(out[1], STDOUT_FILENO);
        close(out[0]);
        close(out[1]);
        execl(SPILLWAY_BROKER, "spillway-broker", "--listen", address, "--partitions", "3",
              (char *)NULL);
        _exit(127);
    }
    close(out[1]);
    struct broker b = {.pid = pid};
    FILE *f = fdopen(out[0], "r");
    char line[256] = "";
    ck_assert_ptr_nonnull(f);
    ck_assert_ptr_nonnull(fgets(line, sizeof(line), f));
    ck_assert_int_eq(sscanf(line, "ready bootstrap=%63s", b.address), 1);
    fclose(f);
    return b;
}

static int broker_stop(struct broker *b, int sig)
{
    int status = 0;
    kill(b->pid, sig);
    kill(b->pid, SIGCONT);
    waitpid(b->pid, &status, 0);
    return status;
}

static struct bus *bus_to(const char *address)
{
    char why[BUS_TEXT_SIZE];
    struct bus *bus = NULL;
    struct bus_config config = {.brokers = address, .client_id = "test", .development = true};
    ck_assert_int_eq(bus_open(&config, &bus, why, sizeof(why)), OK);
    return bus;
}

static int by_value(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a;
    int64_t y = *(const int64_t *)b;
    return (x > y) - (x < y);
}

START_TEST(test_log_in_order)
{
    struct broker b = broker_start("127.0.0.1:0");
    struct bus *bus = bus_to(b.address);
    ck_assert_int_eq(bus_tail_log(bus, 0, bus_now()), OK);
    struct bus_event e = bus_await(bus, BUS_LOG_END);
    ck_assert_int_eq(e.offset, 0);
    for (int i = 0; i < 50; i++) {
        ck_assert_int_eq(bus_append(bus, &i, sizeof(i)), OK);
    }
    for (int i = 0; i < 50; i++) {
        int got;
        e = bus_await(bus, BUS_RECORD);
        ck_assert_int_eq(e.offset, i);
        ck_assert_uint_eq(e.size, sizeof(got));
        memcpy(&got, e.data, sizeof(got));
        ck_assert_int_eq(got, i);
    }
    e = bus_await(bus, BUS_LOG_END);
    ck_assert_int_eq(e.offset, 50);
    /* Silence is answered by the end again: a proof that the log is readable. */
    e = bus_await(bus, BUS_LOG_END);
    ck_assert_int_eq(e.offset, 50);
    ck_assert_uint_eq(bus_stats(bus)->appended, 50);
    /* From the middle, as after a restart. */
    ck_assert_int_eq(bus_tail_log(bus, 48, bus_now()), OK);
    e = bus_await(bus, BUS_RECORD);
    ck_assert_int_eq(e.offset, 48);
    bus_close(bus, 0);
    int status = broker_stop(&b, SIGTERM);
    ck_assert(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}
END_TEST

START_TEST(test_log_shorter_than_ours)
{
    struct broker b = broker_start("127.0.0.1:0");
    struct bus *bus = bus_to(b.address);
    ck_assert_int_eq(bus_append(bus, "x", 1), OK);
    ck_assert_int_eq(bus_tail_log(bus, 7, bus_now()), OK);
    struct bus_event e = bus_await(bus, BUS_LOG_BROKEN);
    ck_assert_int_eq(e.status, ERR_FOREIGN);
    bus_close(bus, 0);
    broker_stop(&b, SIGTERM);
}
END_TEST

START_TEST(test_log_paused_and_back)
{
    struct broker b = broker_start("127.0.0.1:0");
    struct bus *bus = bus_to(b.address);
    ck_assert_int_eq(bus_tail_log(bus, 0, bus_now()), OK);
    ck_assert_int_eq(bus_append(bus, "a", 1), OK);
    ck_assert_int_eq(bus_await(bus, BUS_RECORD).offset, 0);
    kill(b.pid, SIGSTOP);
    struct bus_event e = bus_await(bus, BUS_LOG_LOST);
    ck_assert_int_ne(e.status, OK);
    ck_assert_int_eq(e.offset, 1);
    kill(b.pid, SIGCONT);
    ck_assert_int_eq(bus_await(bus, BUS_LOG_END).offset, 1);
    ck_assert_int_eq(bus_append(bus, "b", 1), OK);
    ck_assert_int_eq(bus_await(bus, BUS_RECORD).offset, 1);
    bus_close(bus, 1000);
    broker_stop(&b, SIGTERM);
}
END_TEST

START_TEST(test_log_made_anew)
{
    struct broker b = broker_start("127.0.0.1:0");
    char address[64];
    memcpy(address, b.address, sizeof(address));
    struct bus *bus = bus_to(address);
    ck_assert_int_eq(bus_tail_log(bus, 0, bus_now()), OK);
    ck_assert_int_eq(bus_append(bus, "a", 1), OK);
    ck_assert_int_eq(bus_await(bus, BUS_RECORD).offset, 0);
    broker_stop(&b, SIGKILL);
    ck_assert_int_ne(bus_await(bus, BUS_LOG_LOST).status, OK);
    b = broker_start(address);
    ck_assert_int_eq(bus_await(bus, BUS_LOG_BROKEN).status, ERR_FOREIGN);
    /* The producer finds its way to the new broker as well. */
    ck_assert_int_eq(bus_tail_log(bus, 0, bus_now()), OK);
    bus_await(bus, BUS_LOG_END);
    ck_assert_int_eq(bus_append(bus, "b", 1), OK);
    ck_assert_int_eq(bus_await(bus, BUS_RECORD).offset, 0);
    bus_close(bus, 1000);
    broker_stop(&b, SIGTERM);
}
END_TEST

START_TEST(test_appends_are_bounded)
{
    struct bus *bus = bus_to("127.0.0.1:1"); /* nobody there */
    for (int i = 0; i < BUS_MAX_IN_FLIGHT; i++) {
        ck_assert_int_eq(bus_append(bus, "x", 1), OK);
    }
    ck_assert_int_eq(bus_append(bus, "x", 1), ERR_FULL);
    ck_assert_uint_eq(bus_stats(bus)->append_refused, 1);
    struct bus_event e;
    while (bus_stats(bus)->append_failed < BUS_MAX_IN_FLIGHT) {
        bus_pump(bus, bus_now());
        ck_assert_int_eq(bus_next(bus, &e), 0);
        poll(NULL, 0, 20);
    }
    ck_assert_int_eq(bus_append(bus, "x", 1), OK);
    bus_close(bus, 0);
}
END_TEST

START_TEST(test_reports_newest_first)
{
    enum { SENT = BUS_REPORT_RING + 20 };
    struct broker b = broker_start("127.0.0.1:0");
    char address[64];
    memcpy(address, b.address, sizeof(address));
    broker_stop(&b, SIGTERM);
    struct bus *bus = bus_to(address);
    for (int i = 0; i < SENT; i++) {
        ck_assert_int_eq(bus_report(bus, 1, &i, sizeof(i)), OK);
    }
    ck_assert_uint_eq(bus_stats(bus)->reports_dropped, SENT - BUS_REPORT_RING);
    /* The one that was handed over first comes back and stands behind newer ones. */
    while (bus_stats(bus)->reports_retried == 0) {
        struct bus_event e;
        bus_pump(bus, bus_now());
        ck_assert_int_eq(bus_next(bus, &e), 0);
        poll(NULL, 0, 20);
    }
    b = broker_start(address);
    while (bus_stats(bus)->reports_sent + bus_stats(bus)->reports_dropped < SENT) {
        struct bus_event e;
        bus_pump(bus, bus_now());
        ck_assert_int_eq(bus_next(bus, &e), 0);
        poll(NULL, 0, 20);
    }
    ck_assert_int_eq(bus_tail_reports(bus, 3, bus_now()), OK);
    struct bus_event e = bus_await(bus, BUS_REPORT); /* the last that was sent: the oldest kept */
    int last;
    memcpy(&last, e.data, sizeof(last));
    ck_assert_int_eq(e.partition, 1);
    ck_assert_int_eq(last, SENT - BUS_REPORT_RING + 1);
    ck_assert_uint_eq(bus_stats(bus)->reports_sent, BUS_REPORT_RING - 1);
    bus_close(bus, 0);
    broker_stop(&b, SIGTERM);
}
END_TEST

START_TEST(test_reports_all_partitions)
{
    struct broker b = broker_start("127.0.0.1:0");
    struct bus *bus = bus_to(b.address);
    struct bus *probe = bus_to(b.address);
    bool ended[3] = {false};
    ck_assert_int_eq(bus_report(probe, 2, "old", 3), OK);
    ck_assert_int_eq(bus_report(probe, 2, "new", 3), OK);
    while (bus_stats(probe)->reports_sent < 2) {
        bus_pump(probe, bus_now());
        poll(NULL, 0, 5);
    }
    ck_assert_int_eq(bus_tail_reports(bus, 3, bus_now()), OK);
    struct bus_event e = bus_await(bus, BUS_REPORT);
    ck_assert_int_eq(e.partition, 2);
    ck_assert_int_eq(e.offset, 1); /* from the newest, not from the start */
    ck_assert_mem_eq(e.data, "new", 3);
    while (!(ended[0] && ended[1] && ended[2])) {
        ended[bus_await(bus, BUS_REPORTS_END).partition] = true;
    }
    ck_assert_int_eq(bus_report(probe, 0, "zero", 4), OK);
    e = bus_await(bus, BUS_REPORT);
    ck_assert_int_eq(e.partition, 0);
    bus_close(probe, 1000);
    /* All of them are lost with the broker, each is told once. */
    kill(b.pid, SIGSTOP);
    bool lost[3] = {false};
    while (!(lost[0] && lost[1] && lost[2])) {
        uint16_t partition = bus_await(bus, BUS_REPORTS_LOST).partition;
        ck_assert(!lost[partition]);
        lost[partition] = true;
    }
    kill(b.pid, SIGCONT);
    e = bus_await(bus, BUS_REPORT); /* the newest again, then its end */
    bus_await(bus, BUS_REPORTS_END);
    bus_close(bus, 0);
    broker_stop(&b, SIGTERM);
}
END_TEST

START_TEST(test_topics_are_checked)
{
    struct broker b = broker_start("127.0.0.1:0");
    struct bus *bus = bus_to(b.address);
    ck_assert_int_eq(bus_check_topics(bus, 3, 1 << 20), OK);
    struct bus_event e = bus_await(bus, BUS_TOPICS);
    ck_assert_msg(e.status == OK, "%s", e.why);
    ck_assert_int_eq(bus_check_topics(bus, 4, 1 << 20), OK);
    e = bus_await(bus, BUS_TOPICS);
    ck_assert_int_eq(e.status, ERR_REFUSED);
    ck_assert_msg(strstr(e.why, "found 3, expected at least 4") != NULL, "%s", e.why);
    bus_close(bus, 0);
    /* Without the development flag this broker is not good enough to lead on. */
    struct bus_config config = {.brokers = b.address, .client_id = "test", .development = false};
    ck_assert_int_eq(bus_open(&config, &bus, NULL, 0), OK);
    ck_assert_int_eq(bus_check_topics(bus, 3, 1 << 20), OK);
    ck_assert_int_eq(bus_await(bus, BUS_TOPICS).status, ERR_REFUSED);
    bus_close(bus, 0);
    broker_stop(&b, SIGTERM);
}
END_TEST

START_TEST(test_fd_stays_readable)
{
    struct broker b = broker_start("127.0.0.1:0");
    struct bus *bus = bus_to(b.address);
    ck_assert_int_eq(bus_tail_log(bus, 0, bus_now()), OK);
    bus_await(bus, BUS_LOG_END);
    for (int i = 0; i < 10; i++) {
        ck_assert_int_eq(bus_append(bus, "x", 1), OK);
    }
    /* A caller that takes one event per wake misses none. */
    int records = 0;
    while (records < 10) {
        struct pollfd p = {.fd = bus_fd(bus), .events = POLLIN};
        ck_assert_int_eq(poll(&p, 1, BUS_PATIENCE_MS), 1);
        struct bus_event e;
        bus_pump(bus, bus_now());
        records += bus_next(bus, &e) == 1 && e.kind == BUS_RECORD;
    }
    bus_close(bus, 0);
    broker_stop(&b, SIGTERM);
}
END_TEST

START_TEST(test_bad_brokers)
{
    char why[BUS_TEXT_SIZE] = "";
    struct bus *bus = NULL;
    struct bus_config config = {.brokers = "", .client_id = "test", .development = true};
    ck_assert_int_ne(bus_open(&config, &bus, why, sizeof(why)), OK);
    ck_assert_ptr_null(bus);
    ck_assert_uint_gt(strlen(why), 0);
}
END_TEST

START_TEST(test_latency_is_printed)
{
    enum { ROUNDS = 50 };
    int64_t taken[ROUNDS];
    struct broker b = broker_start("127.0.0.1:0");
    struct bus *bus = bus_to(b.address);
    ck_assert_int_eq(bus_tail_log(bus, 0, bus_now()), OK);
    ck_assert_int_eq(bus_append(bus, "x", 1), OK);
    bus_await(bus, BUS_RECORD);
    for (int i = 0; i < ROUNDS; i++) {
        struct mono start = bus_now();
        ck_assert_int_eq(bus_append(bus, "x", 1), OK);
        bus_await(bus, BUS_RECORD);
        taken[i] = mono_diff_us(bus_now(), start);
    }
    qsort(taken, ROUNDS, sizeof(taken[0]), by_value);
    printf("bus: append to read back over %d rounds: median %lld us, p95 %lld us, max %lld us\n",
           ROUNDS, (long long)taken[ROUNDS / 2], (long long)taken[ROUNDS * 95 / 100],
           (long long)taken[ROUNDS - 1]);
    bus_close(bus, 0);
    broker_stop(&b, SIGTERM);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("bus");
    TCase *c = tcase_create("bus");
    tcase_set_timeout(c, 60);
    tcase_add_test(c, test_log_in_order);
    tcase_add_test(c, test_log_shorter_than_ours);
    tcase_add_test(c, test_log_paused_and_back);
    tcase_add_test(c, test_log_made_anew);
    tcase_add_test(c, test_appends_are_bounded);
    tcase_add_test(c, test_reports_newest_first);
    tcase_add_test(c, test_reports_all_partitions);
    tcase_add_test(c, test_topics_are_checked);
    tcase_add_test(c, test_fd_stays_readable);
    tcase_add_test(c, test_bad_brokers);
    tcase_add_test(c, test_latency_is_printed);
    suite_add_tcase(s, c);
    SRunner *r = srunner_create(s);
    srunner_run_all(r, CK_NORMAL);
    int failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
