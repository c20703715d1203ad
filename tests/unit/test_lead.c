/* test_lead.c: who leads: claims, leases, a lead that is given, rules versions, log time
 * (PROTOCOL.md, "The log"). */
#include "replica_stage.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

/* --- Who leads ----------------------------------------------------------------------------------
 */

START_TEST(claims_after_a_lease_and_a_delay_and_not_before)
{
    at_end();
    now = mono_add(now, LEASE - 1);
    tick();
    ck_assert_ptr_null(appended(RECORD_CLAIM));
    struct record beat = beat_of_0(2);
    read_record(&beat); /* the leader lives: the lease begins anew */
    at_end();
    now = mono_add(now, LEASE - 1);
    tick();
    ck_assert_ptr_null(appended(RECORD_CLAIM));
    now = mono_add(now, LEASE + 1);
    tick();
    const struct record *claim = appended(RECORD_CLAIM);
    ck_assert_ptr_nonnull(claim);
    ck_assert_int_eq(claim->claim.names, replica_control(replica)->leader_newest);
    ck_assert_uint_eq(claim->epoch, 2);
}
END_TEST

/* When a replica with this seed claims that wakes every step_us at the latest, and hears nothing.
 */
static int64_t claimed_at(uint64_t seed, int64_t step_us)
{
    begin(seed);
    at_end();
    while (appended(RECORD_CLAIM) == NULL && now.us < 10 * LEASE) {
        struct mono due = replica_deadline(replica);
        struct mono step_at = mono_add(now, step_us);
        now = due.us > now.us && due.us < step_at.us ? due : step_at;
        tick();
    }
    return now.us;
}

START_TEST(the_delay_of_a_claim_is_drawn_and_not_by_the_load)
{
    int64_t least = INT64_MAX, most = 0;
    for (uint64_t seed = 1; seed <= 32; seed++) {
        int64_t at = claimed_at(seed, LEASE);
        ck_assert_int_ge(at, LEASE);
        ck_assert_int_lt(at, 2 * LEASE);
        ck_assert_int_eq(at, claimed_at(seed, LEASE / 97)); /* however often it is woken */
        least = at < least ? at : least;
        most = at > most ? at : most;
    }
    ck_assert_int_gt(most - least, LEASE / 2);
    int64_t first = 0,
            same = 0; /* all of them were held up for as long: they do not claim at once */
    for (uint64_t seed = 1; seed <= 32; seed++) {
        begin(seed);
        now = T(60);
        at_end();
        ck_assert_ptr_null(appended(RECORD_CLAIM));
        int64_t due = replica_deadline(replica).us;
        first = seed == 1 ? due : first;
        same += due == first;
    }
    ck_assert_int_lt(same, 32);
}
END_TEST

START_TEST(claims_nothing_while_the_log_is_away_or_not_read_to_its_end)
{
    expect_no_claim_for(10); /* never at the end yet */
    at_end();
    step((struct event){.kind = EVENT_LOG_LOST});
    expect_no_claim_for(10);
    step((struct event){.kind = EVENT_STOP});
    at_end();
    expect_no_claim_for(10); /* who would have to yield does not claim */
}
END_TEST

START_TEST(a_leader_beats_four_times_a_lease_one_record_at_a_time)
{
    lead_now();
    uint32_t beats = 0;
    for (int64_t us = 0; us < 4 * LEASE; us += 5 * US_PER_MS) {
        now = mono_add(now, 5 * US_PER_MS);
        tick();
        if (appended(RECORD_HEARTBEAT) != NULL) {
            struct record r = *appended(RECORD_HEARTBEAT);
            read_record(&r);
            at_end();
            beats++;
        }
    }
    ck_assert_uint_ge(beats, 15);
    ck_assert_uint_le(beats, 17);
}
END_TEST

START_TEST(resends_the_same_record_and_after_two_leases_the_next_sequence)
{
    lead_now();
    now = mono_add(now, LEASE / 4);
    tick();
    ck_assert_ptr_nonnull(appended(RECORD_HEARTBEAT));
    struct record first = *appended(RECORD_HEARTBEAT);
    now = mono_add(now, LEASE / 2);
    tick();
    ck_assert_ptr_nonnull(appended(RECORD_HEARTBEAT));
    ck_assert_uint_eq(appended(RECORD_HEARTBEAT)->writer.sequence, first.writer.sequence);
    ck_assert_int_eq(appended(RECORD_HEARTBEAT)->base, first.base);
    now = mono_add(now, 2 * LEASE);
    tick();
    ck_assert_ptr_nonnull(appended(RECORD_HEARTBEAT));
    ck_assert_uint_gt(appended(RECORD_HEARTBEAT)->writer.sequence, first.writer.sequence);
}
END_TEST

START_TEST(a_stopping_leader_yields_at_once)
{
    lead_now();
    step((struct event){.kind = EVENT_STOP});
    ck_assert_ptr_nonnull(appended(RECORD_HEARTBEAT));
    ck_assert(appended(RECORD_HEARTBEAT)->heartbeat.yield);
}
END_TEST

/* Replica `id` is alive and has read every report; told with the sequences from this one on. */
static void is_warm(uint16_t id, uint64_t sequence, bool halted)
{
    struct record r = by(RECORD_STEP, id, 5, sequence);
    r.step.kind = STEP_ALIVE;
    r.step.version = 1;
    r.step.alive_base = replica_control(replica)->applied;
    r.step.control = digest_of_replica();
    r.step.warm = true;
    r.step.halted = halted;
    read_record(&r);
}

/* A person has the leader give its lead; FLEET_NONE: to whom it may be. */
static enum fold_void transfer(uint16_t to, uint8_t request)
{
    struct record r = by(RECORD_OPERATOR, 2, 9, request);
    r.operator.command = OPERATOR_TRANSFER;
    r.operator.request.bytes[0] = request;
    if (to != FLEET_NONE) {
        r.operator.subject =(struct subject){SUBJECT_IDC, to, 0};
    }
    read_record(&r);
    return replica_last_void(replica);
}

START_TEST(a_leader_gives_its_lead_and_goes_on_when_nobody_takes_it)
{
    lead_now();
    reads_all_reports();
    ck_assert_int_eq(transfer(FLEET_NONE, 0), FOLD_REQUEST_REFUSED); /* nobody was heard */
    ck_assert(!next_beat_yields());
    struct digest own = digest_of_replica();
    alive_of(0, 1, &own);
    ck_assert_int_eq(transfer(0, 1), FOLD_REQUEST_REFUSED); /* not warm */
    is_warm(2, 1, true);
    ck_assert_int_eq(transfer(2, 2), FOLD_REQUEST_REFUSED); /* halted */
    is_warm(2, 2, false);
    ck_assert_int_eq(transfer(1, 3), FOLD_REQUEST_REFUSED); /* leads already */
    ck_assert_int_eq(transfer(2, 5), FOLD_ACCEPTED);
    struct mono given = now;
    ck_assert(next_beat_yields());
    ck_assert(replica_control(replica)->leader_yields);
    while (mono_diff_us(now, given) < 3 * LEASE) {
        (void)next_beat_yields();
    }
    ck_assert(!next_beat_yields());
    ck_assert(replica_leads(replica));
}
END_TEST

START_TEST(who_was_named_claims_at_once_and_no_other)
{
    for (uint16_t to = 1; to <= 2; to++) {
        begin(7);
        reads_all_reports();
        is_warm(1, 1, false);
        is_warm(2, 1, false);
        ck_assert_int_eq(transfer(to, 1), FOLD_ACCEPTED);
        struct record beat = beat_of_0(2);
        beat.heartbeat.yield = true;
        read_record(&beat);
        at_end();
        now = mono_add(now, LEASE / 4);
        tick();
        ck_assert_int_eq(appended(RECORD_CLAIM) != NULL, to == 1);
        now = mono_add(now, 2 * LEASE); /* the leader is silent after its word */
        tick();
        ck_assert_ptr_nonnull(appended(RECORD_CLAIM));
        ck_assert_uint_eq(appended(RECORD_CLAIM)->epoch, 2);
    }
}
END_TEST

static void says_version(uint16_t id, uint64_t sequence, uint32_t version)
{
    struct record r = by(RECORD_STEP, id, 5, sequence);
    r.step.kind = STEP_ALIVE;
    r.step.version = version;
    r.step.alive_base = replica_control(replica)->applied;
    r.step.control = digest_of_replica();
    read_record(&r);
    at_end();
}

START_TEST(new_rules_wait_for_every_candidate)
{
    begin_as(7, 3);
    lead_now();
    says_version(0, 1, 2);
    says_version(1, 1, 3);
    now = mono_add(now, LEASE);
    at_end();
    ck_assert_ptr_null(appended(RECORD_RULES)); /* one of them was never heard */
    says_version(2, 1, 1);
    ck_assert_ptr_null(appended(RECORD_RULES));
    now = mono_add(now, 3 * LEASE); /* the heartbeat in flight is given up */
    says_version(2, 2, 3);
    for (int i = 0; i < 400 && appended(RECORD_RULES) == NULL; i++) {
        now = mono_add(now, 10 * US_PER_MS);
        at_end();
    }
    ck_assert_ptr_nonnull(appended(RECORD_RULES));
    ck_assert_uint_eq(appended(RECORD_RULES)->rules.version, 2); /* that all of them run */
}
END_TEST

START_TEST(an_older_binary_halts_at_newer_rules_and_says_what_it_needs)
{
    at_end();
    for (uint16_t id = 0; id <= 2; id++) {
        says_version(id, 1, 2); /* it ran the next one before, and was put back */
    }
    int64_t offset;
    struct record r = by(RECORD_RULES, 0, 1, 2);
    r.rules.version = 2;
    read_record(&r);
    ck_assert_ptr_nonnull(replica_halted(replica, &offset));
    ck_assert_uint_eq(replica_needs(replica), 2);
    expect_no_claim_for(10);
    w->control.rules = 2; /* nor does it begin with a journal of such rules */
    begin(7);
    ck_assert_ptr_nonnull(replica_halted(replica, &offset));
    ck_assert_uint_eq(replica_needs(replica), 2);
    at_end();
    expect_no_claim_for(10);
}
END_TEST

START_TEST(log_time_is_the_newest_record_and_the_clock_since)
{
    struct logtime begin = replica_log_time(replica, now);
    ck_assert_int_eq(begin.us, w->control.log_time.us); /* nothing is added for a time not lived */
    now = T(2);
    ck_assert_int_eq(replica_log_time(replica, now).us, begin.us + 2 * US_PER_SEC);
    struct record beat = beat_of_0(2);
    beat.log_time.us = begin.us + 5 * US_PER_SEC;
    read_record(&beat);
    ck_assert_int_eq(replica_log_time(replica, now).us, begin.us + 5 * US_PER_SEC);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("lead");
    TCase *t = tcase_create("protocol");
    tcase_add_checked_fixture(t, setup, teardown);
    tcase_add_test(t, claims_after_a_lease_and_a_delay_and_not_before);
    tcase_add_test(t, the_delay_of_a_claim_is_drawn_and_not_by_the_load);
    tcase_add_test(t, claims_nothing_while_the_log_is_away_or_not_read_to_its_end);
    tcase_add_test(t, a_leader_beats_four_times_a_lease_one_record_at_a_time);
    tcase_add_test(t, resends_the_same_record_and_after_two_leases_the_next_sequence);
    tcase_add_test(t, a_stopping_leader_yields_at_once);
    tcase_add_test(t, a_leader_gives_its_lead_and_goes_on_when_nobody_takes_it);
    tcase_add_test(t, who_was_named_claims_at_once_and_no_other);
    tcase_add_test(t, new_rules_wait_for_every_candidate);
    tcase_add_test(t, an_older_binary_halts_at_newer_rules_and_says_what_it_needs);
    tcase_add_test(t, log_time_is_the_newest_record_and_the_clock_since);
    suite_add_tcase(s, t);
    SRunner *r = srunner_create(s);
    srunner_run_all(r, CK_ENV);
    int failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
