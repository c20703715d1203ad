/* test_takeover.c: real spillwayds and the real command: the lead handed over by a person, and a
 * record that breaks an invariant, at which all halt until a person has it skipped. */
#include "daemon_stage.h"

#include "base/error.h"
#include "wire/record.h"

#include <check.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static struct stage stage;
static const char *const idcs[] = {"beijing", "shanghai", "shenzhen"};

static void setup(void)
{
    stage_open(&stage);
    stage_broker(&stage);
    stage_genesis(&stage, 1, 0, 1);
}

static void teardown(void)
{
    stage_close(&stage);
}

/* Runs the command at the daemon's host; its exit status, and what it said to both ends. */
static int spillway(int daemon, const char *words, char *ret_said, size_t size)
{
    char settings[108], line[1024];
    stage_path(&stage, daemon, "settings.yaml", settings);
    snprintf(line, sizeof line, "%s %s --config %s 2>&1 </dev/null", SPILLWAY, words, settings);
    FILE *f = popen(line, "r");
    ck_assert_ptr_nonnull(f);
    size_t n = fread(ret_said, 1, size - 1, f);
    ret_said[n] = '\0';
    int status = pclose(f);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static void expect(int daemon, const char *words, int code, const char *told)
{
    char said[8192];
    int got = spillway(daemon, words, said, sizeof said);
    ck_assert_msg(got == code && strstr(said, told) != NULL, "%s: %d, %s", words, got, said);
}

static json_int_t number_of(int daemon, const char *key)
{
    json_t *status = stage_status(&stage, daemon);
    json_int_t n = json_integer_value(json_object_get(status, key));
    json_decref(status);
    return n;
}

/* The candidate is warm in the log, so that the lead may be given to it. */
static void await_possible(int daemon, const char *words)
{
    char said[8192];
    for (int i = 0; i < 600 && spillway(daemon, words, said, sizeof said) != 0; i++) {
        usleep(50000);
    }
    expect(daemon, words, 0, "can take over");
}

START_TEST(a_person_hands_the_lead_over)
{
    for (int i = 0; i < STAGE_DAEMONS; i++) {
        stage_start(&stage, i);
    }
    int first = stage_await_leader(&stage), to = (first + 1) % STAGE_DAEMONS;
    char words[128];
    snprintf(words, sizeof words, "leader transfer --to %s --dry-run", idcs[to]);
    await_possible(first, words);
    expect(first, "leader transfer", 2, "--reason");
    expect(first, "leader transfer --to nowhere --reason x", 1, "nowhere");
    snprintf(words, sizeof words, "leader transfer --to %s --reason x", idcs[first]);
    expect(to, words, 1, "leads already");
    json_int_t epoch = number_of(to, "epoch");
    snprintf(words, sizeof words, "leader transfer --to %s --reason maintenance", idcs[to]);
    expect(first, words, 0, "done");
    stage_await_number(&stage, to, "epoch", epoch + 1);
    ck_assert_int_eq(stage_await_leader(&stage), to);
    expect(to, "history", 0, "has the leader give its lead to IDC");
    expect(to, "history", 0, "maintenance");
}
END_TEST

/* Appends what a leader could have written: a claim of an epoch whose leader yields, and a decision
 * that says another generation than it makes. */
static void append_poison(json_int_t epoch)
{
    static uint8_t bytes[65536];
    size_t size = 0;
    struct record claim = {.kind = RECORD_CLAIM,
                           .writer = {.replica = 0, .incarnation = 99, .sequence = 1},
                           .epoch = (uint64_t)epoch + 1,
                           .claim = {.ends_epoch = (uint64_t)epoch}};
    struct record decide = {.kind = RECORD_DECIDE,
                            .writer = {.replica = 0, .incarnation = 99, .sequence = 2},
                            .epoch = (uint64_t)epoch + 1,
                            .base = 1000000,
                            .decide = {.purpose = DECIDE_NOTE, .generation = 77}};
    memset(&claim.log_id, 1, sizeof claim.log_id);
    memset(&decide.log_id, 1, sizeof decide.log_id);
    ck_assert_int_eq(record_encode(&claim, bytes, sizeof bytes, &size), OK);
    stage_append(&stage, bytes, size);
    ck_assert_int_eq(record_encode(&decide, bytes, sizeof bytes, &size), OK);
    stage_append(&stage, bytes, size);
}

static json_int_t halted_at(int daemon)
{
    stage_await_number(&stage, daemon, "halted.offset", 1);
    json_t *status = stage_status(&stage, daemon);
    json_int_t at =
        json_integer_value(json_object_get(json_object_get(status, "halted"), "offset"));
    json_decref(status);
    return at;
}

START_TEST(a_poisoned_record_halts_all_until_it_is_skipped)
{
    char words[128];
    stage_start(&stage, 0);
    ck_assert_int_eq(stage_await_leader(&stage), 0);
    expect(0, "log skip 1 --reason x --yes", 1, "has not halted");
    json_int_t epoch = number_of(0, "epoch");
    ck_assert_int_eq(stage_stop(&stage, 0, SIGTERM), 0);
    append_poison(epoch);
    json_int_t at = -1;
    for (int i = 0; i < STAGE_DAEMONS; i++) {
        stage_start(&stage, i);
        at = halted_at(i);
        ck_assert_int_eq(at, halted_at(0));
        ck_assert_int_eq(number_of(i, "applied"), at - 1);
        expect(i, "history", 0, "claims"); /* it lives, and what it knows can be read */
    }
    ck_assert_int_eq(stage_stop(&stage, 2, SIGKILL), -SIGKILL);
    stage_start(&stage, 2);
    ck_assert_int_eq(halted_at(2), at); /* to start it again changes nothing */
    snprintf(words, sizeof words, "log skip %lld --reason x --yes", (long long)at - 1);
    expect(1, words, 1, "halted at record");
    snprintf(words, sizeof words, "log skip %lld --reason x", (long long)at);
    expect(1, words, 2, "not confirmed");
    expect(1, words, 2, "DECIDE");
    snprintf(words, sizeof words, "log skip %lld --reason \"a bug\" --yes", (long long)at);
    expect(1, words, 0, "done");
    (void)stage_await_leader(&stage);
    for (int i = 0; i < STAGE_DAEMONS; i++) {
        stage_await_number(&stage, i, "applied", at + 3);
        json_t *status = stage_status(&stage, i);
        ck_assert(json_is_null(json_object_get(status, "halted")));
        json_decref(status);
        expect(i, "journal dump --limit 1000", 0, "skipped");
        expect(i, "journal verify", 0, "");
    }
    expect(1, words, 1, "has not halted");
}
END_TEST

int main(void)
{
    Suite *s = suite_create("takeover");
    TCase *t = tcase_create("a person's word");
    tcase_set_timeout(t, 120);
    tcase_add_checked_fixture(t, setup, teardown);
    tcase_add_test(t, a_person_hands_the_lead_over);
    tcase_add_test(t, a_poisoned_record_halts_all_until_it_is_skipped);
    suite_add_tcase(s, t);
    SRunner *r = srunner_create(s);
    srunner_run_all(r, CK_ENV);
    int failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
