/* test_kafka.c: the bus on Apache Kafka: three real brokers, killed and paused by process id. Run
 * by tests/lab/kafka.py. */
#include "bus_stage.h"
#include "kafka_stage.h"

#include <check.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MOST_RECORDS = 1024 };

/* What is appended: whose, and which. */
struct mark {
    uint32_t writer, sequence;
};

/* A reader of the log and all that it has read, by offset. */
struct reader {
    struct bus *bus;
    struct mark seen[MOST_RECORDS];
    int64_t count;
};

static struct bus *bus_to_kafka(void)
{
    char why[BUS_TEXT_SIZE] = "";
    struct bus *bus = NULL;
    struct bus_config config = {.brokers = kafka_brokers(), .client_id = "test"};
    int status = bus_open(&config, &bus, why, sizeof(why));
    ck_assert_msg(status == OK, "%s", why);
    return bus;
}

/* Reads the log from its start. */
static void reader_open(struct reader *r)
{
    *r = (struct reader){.bus = bus_to_kafka()};
    ck_assert_int_eq(bus_tail_log(r->bus, 0, bus_now()), OK);
}

/* Takes what is there; no offset may be missing or come twice. Gives whether there was a record. */
static bool reader_take(struct reader *r)
{
    struct bus_event e;
    int64_t before = r->count;
    bus_pump(r->bus, bus_now());
    while (bus_next(r->bus, &e) == 1) {
        ck_assert_msg(e.kind != BUS_LOG_BROKEN, "broken at %lld: %s", (long long)e.offset, e.why);
        if (e.kind == BUS_RECORD) {
            ck_assert_int_eq(e.offset, r->count);
            ck_assert_int_lt(r->count, MOST_RECORDS);
            ck_assert_uint_eq(e.size, sizeof(r->seen[0]));
            memcpy(&r->seen[r->count++], e.data, e.size);
        }
    }
    return r->count > before;
}

/* Where the mark was read first, or -1. */
static int64_t reader_find(const struct reader *r, struct mark mark)
{
    for (int64_t i = 0; i < r->count; i++) {
        if (memcmp(&r->seen[i], &mark, sizeof(mark)) == 0) {
            return i;
        }
    }
    return -1;
}

/* Appends as a leader does: one in flight, the same again when the brokers gave no word of it,
 * until it is read back. */
static void append_surely(struct reader *r, struct mark mark)
{
    uint64_t failed = bus_stats(r->bus)->append_failed;
    struct mono end = mono_add(bus_now(), KAFKA_PATIENCE_MS * US_PER_MS);
    ck_assert_int_eq(bus_append(r->bus, &mark, sizeof(mark)), OK);
    while (reader_find(r, mark) < 0) {
        ck_assert_msg(mono_diff_us(end, bus_now()) > 0, "record %u was not read back: %s",
                      mark.sequence, bus_stats(r->bus)->last_error);
        bus_rest(r->bus);
        if (!reader_take(r) && bus_stats(r->bus)->append_failed > failed) {
            failed = bus_stats(r->bus)->append_failed;
            ck_assert_int_eq(bus_append(r->bus, &mark, sizeof(mark)), OK);
        }
    }
}

static void append_all(struct reader *r, uint32_t first, uint32_t end)
{
    for (uint32_t i = first; i < end; i++) {
        append_surely(r, (struct mark){1, i});
    }
}

/* A fresh reader finds the very records that the other has read. */
static void reads_the_same(const struct reader *r)
{
    static struct reader fresh;
    reader_open(&fresh);
    struct mono end = mono_add(bus_now(), KAFKA_PATIENCE_MS * US_PER_MS);
    while (fresh.count < r->count) {
        ck_assert(mono_diff_us(end, bus_now()) > 0);
        bus_rest(fresh.bus);
        reader_take(&fresh);
    }
    ck_assert_mem_eq(fresh.seen, r->seen, (size_t)r->count * sizeof(r->seen[0]));
    bus_close(fresh.bus, 0);
}

/* The records of a writer come in its order, and what comes twice was there before. */
static void in_order(const struct reader *r, uint32_t writer, uint32_t sent)
{
    uint32_t next = 0;
    for (int64_t i = 0; i < r->count; i++) {
        if (r->seen[i].writer == writer) {
            ck_assert_uint_le(r->seen[i].sequence, next);
            next += r->seen[i].sequence == next;
        }
    }
    ck_assert_uint_eq(next, sent);
}

/* Waits for the answer to a check of the topics that has this status; settings take a moment to
 * reach every broker. */
static void topics_judged(struct bus *bus, uint16_t partitions, int status, const char *named)
{
    struct bus_event e = {.status = OK};
    for (int tries = 0; tries < 50; tries++) {
        ck_assert_int_eq(bus_check_topics(bus, partitions, KAFKA_RECORD_BYTES), OK);
        e = bus_await(bus, BUS_TOPICS);
        if (e.status == status && strstr(e.why, named) != NULL) {
            return;
        }
        poll(NULL, 0, 200);
    }
    ck_abort_msg("%s: judged %d: %s", named, e.status, e.why);
}

START_TEST(test_topics_are_made_and_checked)
{
    struct bus *bus = bus_to_kafka();
    char why[BUS_TEXT_SIZE] = "";
    kafka_fresh_topics();
    topics_judged(bus, KAFKA_REPORT_PARTITIONS, OK, "");
    topics_judged(bus, KAFKA_REPORT_PARTITIONS + 1, ERR_REFUSED, "expected at least 4");
    /* What is there is left alone. */
    ck_assert_int_eq(bus_create_topics(bus, KAFKA_REPORT_PARTITIONS, KAFKA_RECORD_BYTES, 10000, why,
                                       sizeof(why)),
                     OK);
    topics_judged(bus, KAFKA_REPORT_PARTITIONS, OK, "");
    bus_close(bus, 0);
}
END_TEST

/* Each setting that durability needs, wrong once. */
START_TEST(test_weak_topics_are_refused)
{
    enum { PAIRS = 6 };
    static const char *const good[PAIRS][2] = {
        {"min.insync.replicas", "2"}, {"unclean.leader.election.enable", "false"},
        {"cleanup.policy", "delete"}, {"retention.ms", "-1"},
        {"retention.bytes", "-1"},    {"max.message.bytes", "4194304"}};
    static const char *const bad[PAIRS] = {"1",         "true",    "compact",
                                           "604800000", "1000000", "4194303"};
    struct bus *bus = bus_to_kafka();
    kafka_fresh_topics();
    for (int wrong = 0; wrong < PAIRS; wrong++) {
        const char *settings[2 * PAIRS + 1] = {NULL};
        for (int i = 0; i < PAIRS; i++) {
            settings[2 * i] = good[i][0];
            settings[2 * i + 1] = i == wrong ? bad[i] : good[i][1];
        }
        kafka_alter_topic(BUS_LOG_TOPIC, settings);
        topics_judged(bus, KAFKA_REPORT_PARTITIONS, ERR_REFUSED, good[wrong][0]);
    }
    const char *none[] = {NULL};
    kafka_remove_topics();
    topics_judged(bus, KAFKA_REPORT_PARTITIONS, ERR_REFUSED, "expected an existing topic");
    const char *settings[] = {"retention.ms", "-1", "max.message.bytes", "4194304", NULL};
    kafka_make_topic(BUS_REPORTS_TOPIC, KAFKA_REPORT_PARTITIONS, KAFKA_BROKERS, none);
    kafka_make_topic(BUS_LOG_TOPIC, 2, KAFKA_BROKERS, settings);
    topics_judged(bus, KAFKA_REPORT_PARTITIONS, ERR_REFUSED, "expected exactly 1");
    kafka_remove_topics();
    kafka_make_topic(BUS_REPORTS_TOPIC, KAFKA_REPORT_PARTITIONS, KAFKA_BROKERS, none);
    kafka_make_topic(BUS_LOG_TOPIC, 1, 2, settings);
    topics_judged(bus, KAFKA_REPORT_PARTITIONS, ERR_REFUSED, "replication: found 2");
    bus_close(bus, 0);
}
END_TEST

/* Brokers die one after another, each while it leads the log and an append is on its way. */
START_TEST(test_log_survives_its_leaders)
{
    static struct reader r;
    kafka_fresh_topics();
    reader_open(&r);
    append_all(&r, 0, 20);
    for (uint32_t death = 1; death <= 2; death++) {
        int leader = kafka_log_leader();
        struct mark next = {1, 20 * death};
        ck_assert_int_eq(bus_append(r.bus, &next, sizeof(next)), OK);
        kafka_strike("kill", leader);
        struct mono killed = bus_now();
        append_surely(&r, (struct mark){1, 20 * death + 1});
        printf("kafka: leader of the log killed -> next append read back: %lld ms\n",
               (long long)(mono_diff_us(bus_now(), killed) / US_PER_MS));
        append_all(&r, 20 * death, 20 * death + 20);
        ck_assert_int_ne(kafka_log_leader(), leader);
        kafka_strike("start", leader);
    }
    append_all(&r, 60, 65);
    in_order(&r, 1, 65);
    reads_the_same(&r);
    bus_close(r.bus, 0);
}
END_TEST

/* A log that never rests has an end all the same: its leader decides there. */
START_TEST(test_a_busy_log_has_an_end)
{
    enum { WRITES = 100, PAUSE_MS = 50 };
    static struct reader r;
    struct bus *writer = bus_to_kafka();
    struct bus_event e;
    int ends = 0;
    kafka_fresh_topics();
    reader_open(&r);
    append_all(&r, 0, 1);
    for (uint32_t i = 0; i < WRITES; i++) {
        struct mark mark = {2, i};
        ck_assert_int_eq(bus_append(writer, &mark, sizeof(mark)), OK);
        poll(NULL, 0, PAUSE_MS);
        bus_pump(writer, bus_now());
        bus_pump(r.bus, bus_now());
        while (bus_next(r.bus, &e) == 1) {
            ends += e.kind == BUS_LOG_END;
        }
    }
    ck_assert_int_gt(ends, WRITES / 4);
    bus_close(writer, 0);
    bus_close(r.bus, 0);
}
END_TEST

/* Without a second replica nothing is acknowledged and nothing is read; what was, is there after.
 */
START_TEST(test_one_replica_is_not_enough)
{
    static struct reader r;
    kafka_fresh_topics();
    reader_open(&r);
    append_all(&r, 0, 10);
    int leader = kafka_log_leader();
    for (int i = 1; i <= KAFKA_BROKERS; i++) {
        if (i != leader) {
            kafka_strike("kill", i);
        }
    }
    const struct bus_stats before = *bus_stats(r.bus);
    struct mark lonely = {2, 0};
    ck_assert_int_eq(bus_append(r.bus, &lonely, sizeof(lonely)), OK);
    while (bus_stats(r.bus)->append_failed == before.append_failed) {
        bus_rest(r.bus);
        ck_assert(!reader_take(&r));
        ck_assert_uint_eq(bus_stats(r.bus)->appended, before.appended);
    }
    for (int i = 1; i <= KAFKA_BROKERS; i++) {
        if (i != leader) {
            kafka_strike("start", i);
        }
    }
    append_all(&r, 10, 15);
    in_order(&r, 1, 15);
    reads_the_same(&r);
    bus_close(r.bus, 0);
}
END_TEST

/* Two that claim the same thing at once, a broker that is paused among it: both read the same of
 * them first, in every round. */
START_TEST(test_races_have_one_winner)
{
    enum { ROUNDS = 40 };
    static struct reader r[2];
    kafka_fresh_topics();
    reader_open(&r[0]);
    reader_open(&r[1]);
    for (uint32_t round = 0; round < ROUNDS; round++) {
        int paused = round == ROUNDS / 2 ? kafka_log_leader() : 0;
        struct mark second = {2, round};
        if (paused != 0) {
            kafka_strike("pause", paused);
        }
        ck_assert_int_eq(bus_append(r[1].bus, &second, sizeof(second)), OK);
        if (paused != 0) {
            poll(NULL, 0, 3000); /* both give up on theirs, and it may land all the same */
            kafka_strike("resume", paused);
        }
        append_surely(&r[0], (struct mark){1, round});
        append_surely(&r[1], second);
    }
    in_order(&r[0], 1, ROUNDS);
    in_order(&r[1], 2, ROUNDS);
    int64_t common = r[0].count < r[1].count ? r[0].count : r[1].count;
    ck_assert_mem_eq(r[0].seen, r[1].seen, (size_t)common * sizeof(r[0].seen[0]));
    reads_the_same(&r[0]);
    bus_close(r[0].bus, 0);
    bus_close(r[1].bus, 0);
}
END_TEST

/* Truncated, expired, made anew: never read on. */
START_TEST(test_another_log_is_refused)
{
    static struct reader r;
    kafka_fresh_topics();
    reader_open(&r);
    append_all(&r, 0, 5);
    ck_assert_int_eq(bus_tail_log(r.bus, 7, bus_now()), OK);
    ck_assert_int_eq(bus_await(r.bus, BUS_LOG_BROKEN).status, ERR_FOREIGN);
    ck_assert_int_eq(bus_tail_log(r.bus, 5, bus_now()), OK);
    ck_assert_int_eq(bus_await(r.bus, BUS_LOG_END).offset, 5);
    kafka_fresh_topics();
    ck_assert_int_eq(bus_await_for(r.bus, BUS_LOG_BROKEN, KAFKA_PATIENCE_MS).status, ERR_FOREIGN);
    bus_close(r.bus, 0);
    reader_open(&r);
    append_all(&r, 0, 5);
    kafka_expire_log(3);
    ck_assert_int_eq(bus_tail_log(r.bus, 0, bus_now()), OK);
    ck_assert_int_eq(bus_await(r.bus, BUS_LOG_BROKEN).status, ERR_FOREIGN);
    bus_close(r.bus, 0);
}
END_TEST

START_TEST(test_reports_from_the_newest)
{
    struct bus *bus = bus_to_kafka();
    struct bus *probe = bus_to_kafka();
    kafka_fresh_topics();
    ck_assert_int_eq(bus_report(probe, 2, "old", 3), OK);
    ck_assert_int_eq(bus_report(probe, 2, "new", 3), OK);
    while (bus_stats(probe)->reports_sent < 2) {
        bus_rest(probe);
    }
    ck_assert_int_eq(bus_tail_reports(bus, KAFKA_REPORT_PARTITIONS, bus_now()), OK);
    struct bus_event e = bus_await(bus, BUS_REPORT);
    ck_assert_int_eq(e.partition, 2);
    ck_assert_mem_eq(e.data, "new", 3);
    bool ended[KAFKA_REPORT_PARTITIONS] = {false};
    while (!(ended[0] && ended[1] && ended[2])) {
        ended[bus_await(bus, BUS_REPORTS_END).partition] = true;
    }
    /* Every broker stands still: every partition is told as lost, once. */
    for (int i = 1; i <= KAFKA_BROKERS; i++) {
        kafka_strike("pause", i);
    }
    bool lost[KAFKA_REPORT_PARTITIONS] = {false};
    while (!(lost[0] && lost[1] && lost[2])) {
        uint16_t partition = bus_await(bus, BUS_REPORTS_LOST).partition;
        ck_assert(!lost[partition]);
        lost[partition] = true;
    }
    for (int i = 1; i <= KAFKA_BROKERS; i++) {
        kafka_strike("resume", i);
    }
    ck_assert_int_eq(bus_report(probe, 0, "back", 4), OK);
    do {
        e = bus_await_for(bus, BUS_REPORT, KAFKA_PATIENCE_MS);
    } while (e.partition != 0);
    ck_assert_mem_eq(e.data, "back", 4);
    bus_close(probe, 0);
    bus_close(bus, 0);
}
END_TEST

static int by_value(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a;
    int64_t y = *(const int64_t *)b;
    return (x > y) - (x < y);
}

START_TEST(test_latency_is_printed)
{
    enum { ROUNDS = 100 };
    static struct reader r;
    int64_t taken[ROUNDS];
    kafka_fresh_topics();
    reader_open(&r);
    append_all(&r, 0, 10);
    for (uint32_t i = 0; i < ROUNDS; i++) {
        struct mono start = bus_now();
        append_surely(&r, (struct mark){1, 10 + i});
        taken[i] = mono_diff_us(bus_now(), start);
    }
    qsort(taken, ROUNDS, sizeof(taken[0]), by_value);
    printf("kafka: append to read back over %d rounds: median %lld us, p95 %lld us, max %lld us\n",
           ROUNDS, (long long)taken[ROUNDS / 2], (long long)taken[ROUNDS * 95 / 100],
           (long long)taken[ROUNDS - 1]);
    bus_close(r.bus, 0);
}
END_TEST

int main(void)
{
    if (kafka_brokers() == NULL) {
        fprintf(stderr, "test-kafka: run it as `python3 tests/lab/kafka.py with test-kafka`\n");
        return EXIT_FAILURE;
    }
    Suite *s = suite_create("kafka");
    TCase *c = tcase_create("kafka");
    tcase_set_timeout(c, 240);
    tcase_add_checked_fixture(c, kafka_mend, NULL);
    tcase_add_test(c, test_topics_are_made_and_checked);
    tcase_add_test(c, test_weak_topics_are_refused);
    tcase_add_test(c, test_latency_is_printed);
    tcase_add_test(c, test_a_busy_log_has_an_end);
    tcase_add_test(c, test_log_survives_its_leaders);
    tcase_add_test(c, test_one_replica_is_not_enough);
    tcase_add_test(c, test_races_have_one_winner);
    tcase_add_test(c, test_another_log_is_refused);
    tcase_add_test(c, test_reports_from_the_newest);
    suite_add_tcase(s, c);
    SRunner *r = srunner_create(s);
    srunner_run_all(r, CK_VERBOSE);
    int failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
