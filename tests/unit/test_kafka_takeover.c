/* test_kafka_takeover.c: spillwayds on Apache Kafka that lose their leader, its broker, or both at
 * once. Run by tests/lab/kafka.py. */
#include "daemon_stage.h"
#include "kafka_stage.h"

#include <check.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

static struct stage stage;

static void setup(void)
{
    kafka_mend();
    stage_open(&stage);
    stage_broker(&stage);
    stage_genesis(&stage, 1, 0, 1);
    for (int i = 0; i < STAGE_DAEMONS; i++) {
        stage_start(&stage, i);
    }
}

/* All are asked to stop; what they have in common is the same, byte for byte. */
static void end_alike(void)
{
    for (int i = 0; i < STAGE_DAEMONS; i++) {
        ck_assert_int_eq(stage_stop(&stage, i, SIGTERM), 0);
    }
    ck_assert_int_gt(stage_compare_journals(&stage, 0, 1), 3);
    ck_assert_int_gt(stage_compare_journals(&stage, 1, 2), 3);
}

static void teardown(void)
{
    stage_close(&stage);
}

static json_int_t applied_of(int daemon)
{
    json_t *status = stage_status(&stage, daemon);
    json_int_t applied = json_integer_value(json_object_get(status, "applied"));
    json_decref(status);
    return applied;
}

/* The leader and the broker that leads the log die at the same instant: an IDC with both in it. */
START_TEST(leader_and_broker_die_together)
{
    for (int death = 0; death < 2; death++) {
        int leader = stage_await_leader(&stage), broker = kafka_log_leader();
        ck_assert_int_eq(stage_stop(&stage, leader, SIGKILL), -SIGKILL);
        kafka_strike("kill", broker);
        int next = stage_await_leader(&stage);
        ck_assert_int_ne(next, leader);
        kafka_strike("start", broker);
        stage_start(&stage, leader);
        stage_await_text(&stage, leader, "phase", "following");
        stage_await_number(&stage, leader, "applied", applied_of(next) + 4);
    }
    end_alike();
}
END_TEST

/* A leader that stood still comes back with a record in its hand: it is void, and it follows. */
START_TEST(a_paused_leader_follows)
{
    int leader = stage_await_leader(&stage);
    pid_t pid = stage.daemons[leader];
    ck_assert_int_eq(kill(pid, SIGSTOP), 0);
    stage.daemons[leader] = 0; /* nobody to ask while it stands still */
    int next = stage_await_leader(&stage);
    stage.daemons[leader] = pid;
    ck_assert_int_eq(kill(pid, SIGCONT), 0);
    stage_await_number(&stage, leader, "applied", applied_of(next) + 4);
    ck_assert_int_eq(stage_await_leader(&stage), next);
    end_alike();
}
END_TEST

/* Every broker stands still for longer than any lease: nobody leads on a log that is not there, and
 * the same log goes on when they are back. */
START_TEST(the_bus_stands_still)
{
    json_int_t before = applied_of(stage_await_leader(&stage));
    for (int i = 1; i <= KAFKA_BROKERS; i++) {
        kafka_strike("pause", i);
    }
    poll(NULL, 0, 8000);
    for (int i = 1; i <= KAFKA_BROKERS; i++) {
        kafka_strike("resume", i);
    }
    int leader = stage_await_leader(&stage);
    stage_await_number(&stage, leader, "applied", before + 8);
    for (int i = 0; i < STAGE_DAEMONS; i++) {
        stage_await_text(&stage, i, "phase", "following");
    }
    end_alike();
}
END_TEST

int main(void)
{
    if (kafka_brokers() == NULL) {
        fprintf(stderr, "test-kafka-takeover: run it as `python3 tests/lab/kafka.py with "
                        "test-kafka-takeover`\n");
        return EXIT_FAILURE;
    }
    Suite *s = suite_create("kafka-takeover");
    TCase *c = tcase_create("takeover");
    tcase_set_timeout(c, 240);
    tcase_add_checked_fixture(c, setup, teardown);
    tcase_add_test(c, leader_and_broker_die_together);
    tcase_add_test(c, a_paused_leader_follows);
    tcase_add_test(c, the_bus_stands_still);
    suite_add_tcase(s, c);
    SRunner *r = srunner_create(s);
    srunner_run_all(r, CK_NORMAL);
    int failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
