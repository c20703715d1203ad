/* test_snapshots.c: real spillwayds that begin with a snapshot, and journals that are pruned behind
 * one. */
#include "daemon_stage.h"
#include "fold/fold.h"
#include "journal/journal.h"
#include "wire/record.h"

#include <check.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

enum { EVERY = 60 };

static struct stage stage;

static void setup(void)
{
    stage_open(&stage);
    stage_broker(&stage);
    stage.fleet->policy.snapshot_records = EVERY;
    stage.fleet->policy.lease_us = 250 * US_PER_MS;
}

static void teardown(void)
{
    stage_close(&stage);
}

/* Verifies a stopped daemon's journal whole and gives its first offset. */
static int64_t first_of(int daemon)
{
    char path[108];
    struct journal *j = NULL;
    struct journal_view *v = NULL;
    struct journal_check check;
    stage_path(&stage, daemon, "journal", path);
    ck_assert_int_eq(journal_open(path, JOURNAL_READ, 0, NULL, &j), OK);
    ck_assert_int_eq(journal_view_open(j, &v), OK);
    int status = journal_verify(v, &check);
    ck_assert_msg(status == OK, "%s", check.fault);
    journal_view_close(v);
    journal_close(j);
    return check.first_offset;
}

static int64_t applied_of(int daemon)
{
    json_t *status = stage_status(&stage, daemon);
    int64_t applied = json_integer_value(json_object_get(status, "applied"));
    ck_assert(json_is_null(json_object_get(status, "halted")));
    json_decref(status);
    return applied;
}

/* Lets the log grow by so many records under the daemon. */
static void grow(int daemon, int64_t records)
{
    stage_await_number(&stage, daemon, "applied", applied_of(daemon) + records);
}

static void begin(void)
{
    stage_genesis(&stage, 1, 0, 1);
    stage_start(&stage, 0);
    stage_start(&stage, 1);
    (void)stage_await_leader(&stage);
}

START_TEST(who_is_new_or_was_away_begins_with_the_newest_snapshot)
{
    begin();
    stage_await_number(&stage, 0, "applied", 2 * EVERY);
    stage_start(&stage, 2);
    stage_await_text(&stage, 2, "phase", "following");
    stage_await_number(&stage, 2, "applied", applied_of(0));
    grow(2, 10); /* it goes on with the others and agrees with them */
    (void)stage_await_leader(&stage);
    (void)applied_of(2);
    ck_assert_int_eq(stage_stop(&stage, 2, SIGTERM), 0);
    int64_t first = first_of(2);
    ck_assert_int_gt(first, EVERY);
    grow(0, 2 * EVERY + 10);
    stage_start(&stage, 2);
    stage_await_number(&stage, 2, "applied", applied_of(0));
    stage_await_text(&stage, 2, "phase", "following");
    (void)applied_of(2);
    ck_assert_int_eq(stage_stop(&stage, 2, SIGKILL), -SIGKILL);
    ck_assert_int_gt(first_of(2), first + EVERY); /* what it was away for is not in its journal */
    stage_start(&stage, 2);
    stage_await_text(&stage, 2, "phase", "following");
    ck_assert_int_eq(stage_stop(&stage, 0, SIGTERM), 0);
    ck_assert_int_eq(first_of(0), 0); /* who was there read everything */
}
END_TEST

/* The control state of a stopped daemon's journal, one number changed, in canonical form. */
static uint8_t *forged(int daemon, struct control *c, size_t *ret_size, void **ret_memory)
{
    char path[108];
    struct journal *j = NULL;
    struct journal_view *v = NULL;
    int64_t applied;
    enum { ROOM = 16 * 1024 * 1024 };
    stage_path(&stage, daemon, "journal", path);
    ck_assert_int_eq(journal_open(path, JOURNAL_READ, 0, NULL, &j), OK);
    ck_assert_int_eq(journal_view_open(j, &v), OK);
    ck_assert_int_eq(journal_control_size(v, ret_size, &applied), OK);
    uint8_t *bytes = malloc(*ret_size);
    ck_assert_ptr_nonnull(bytes);
    ck_assert_int_eq(journal_control_read(v, bytes, *ret_size), OK);
    journal_view_close(v);
    journal_close(j);
    struct arena a;
    *ret_memory = aligned_alloc(16, ROOM);
    ck_assert_ptr_nonnull(*ret_memory);
    arena_init(&a, *ret_memory, ROOM);
    control_init(c);
    struct codec in = codec_reader(bytes, *ret_size, &a);
    control_codec(&in, c);
    ck_assert_int_eq(codec_finish(&in), OK);
    c->last_restore.us += 1;
    struct codec out = codec_writer(bytes, *ret_size);
    control_codec(&out, c);
    ck_assert_int_eq(codec_finish(&out), OK);
    return bytes;
}

static void append(const struct record *r)
{
    static uint8_t bytes[1024 * 1024];
    size_t size;
    ck_assert_int_eq(record_encode(r, bytes, sizeof bytes, &size), OK);
    stage_append(&stage, bytes, size);
}

/* Somebody who does not lead writes a snapshot and a heartbeat that names it: nothing that the log
 * accepted bears it out, and the log is read whole. */
START_TEST(a_snapshot_that_the_log_did_not_accept_is_not_begun_with)
{
    struct control *c = malloc(sizeof *c);
    void *memory;
    size_t size;
    begin();
    stage_await_number(&stage, 0, "applied", EVERY + 20);
    ck_assert_int_eq(stage_stop(&stage, 1, SIGTERM), 0);
    ck_assert_int_eq(stage_stop(&stage, 0, SIGTERM), 0);
    uint8_t *bytes = forged(0, c, &size, &memory);
    struct record r = {.kind = RECORD_SNAPSHOT,
                       .log_id = c->log_id,
                       .writer = {.replica = 0, .incarnation = 9, .sequence = 1000000},
                       .epoch = c->epoch,
                       .base = c->applied,
                       .log_time = c->log_time};
    r.snapshot.control = (struct bytes){bytes, size};
    int64_t end = c->applied;
    for (int i = 0; i < 10; i++) { /* a few records may stand behind the journal's last */
        append(&r);
    }
    r.kind = RECORD_HEARTBEAT;
    r.epoch += 100;
    memset(&r.heartbeat, 0, sizeof r.heartbeat);
    r.heartbeat.snapshot = end + 9;
    append(&r);
    stage_start(&stage, 0);
    stage_start(&stage, 1);
    (void)stage_await_leader(&stage);
    stage_start(&stage, 2);
    stage_await_number(&stage, 2, "applied", end + 30);
    stage_await_text(&stage, 2, "phase", "following");
    (void)applied_of(2);
    ck_assert_int_eq(stage_stop(&stage, 2, SIGTERM), 0);
    ck_assert_int_eq(first_of(2), 0);
    free(memory);
    free(bytes);
    free(c);
}
END_TEST

START_TEST(a_journal_is_pruned_behind_a_snapshot_and_goes_on)
{
    stage.fleet->policy.journal_keep_us = 2 * US_PER_SEC;
    begin();
    stage_await_number(&stage, 0, "applied", 4 * EVERY);
    ck_assert_int_eq(stage_stop(&stage, 0, SIGTERM), 0);
    int64_t first = first_of(0);
    ck_assert_int_gt(first, 0);
    stage_start(&stage, 0);
    stage_await_text(&stage, 0, "phase", "following");
    grow(0, 10);
    ck_assert_int_eq(stage_stop(&stage, 0, SIGTERM), 0);
    ck_assert_int_ge(first_of(0), first);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("snapshots");
    TCase *t = tcase_create("daemons");
    tcase_add_checked_fixture(t, setup, teardown);
    tcase_set_timeout(t, 120);
    tcase_add_test(t, who_is_new_or_was_away_begins_with_the_newest_snapshot);
    tcase_add_test(t, a_snapshot_that_the_log_did_not_accept_is_not_begun_with);
    tcase_add_test(t, a_journal_is_pruned_behind_a_snapshot_and_goes_on);
    suite_add_tcase(suite, t);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
