/* test_replica.c: the replica's protocol, part by part and as a whole: what is acted upon when,
 * next hops, evidence, digests (PROTOCOL.md). */
#include "replica_stage.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

/* --- What is acted upon -------------------------------------------------------------------------
 */

static struct change lowered;

/* A decision of leader 0 that demotes one tier in the region of IDC 1. */
static struct record demotion(uint64_t sequence)
{
    const struct plan *p = &replica_control(replica)->plan;
    uint16_t region = w->fleet->idcs[1].region;
    uint8_t *limit = plan_tier_limit(p, region, 0);
    struct record r = by(RECORD_DECIDE, 0, 1, sequence);
    lowered = (struct change){.kind = CHANGE_TIER, .a = region, .b = 0};
    lowered.tier.from = *limit;
    lowered.tier.to = (uint8_t)(*limit - 1);
    *limit = lowered.tier.to;
    r.decide.plan_digest = plan_digest(p);
    *limit = lowered.tier.from;
    r.decide.purpose = DECIDE_SHED;
    r.decide.generation = p->fence.generation + 1;
    r.decide.changes = &lowered;
    r.decide.change_count = 1;
    return r;
}

static void features_end(int status)
{
    struct event e = {.kind = EVENT_OUTCOME};
    e.outcome.actuator = ACTUATOR_FEATURES;
    e.outcome.target = 1;
    e.outcome.fence = replica_acting(replica);
    e.outcome.status = status;
    step(e);
}

/* Leader 0 is heard, its plan is in the feature file. */
static void quiet(void)
{
    at_end();
    ck_assert_ptr_nonnull(find(EFFECT_FEATURES));
    features_end(OK);
    struct record beat = beat_of_0(2);
    read_record(&beat);
    at_end();
}

START_TEST(a_timely_decision_is_acted_upon_at_once)
{
    quiet();
    now = mono_add(now, LEASE);
    struct record r = demotion(3);
    read_record(&r);
    ck_assert_ptr_nonnull(find(EFFECT_FEATURES));
    ck_assert_uint_eq(find(EFFECT_FEATURES)->features.fence.generation, r.decide.generation);
}
END_TEST

START_TEST(a_late_decision_waits_for_a_word_of_somebody_who_knew_it)
{
    at_end();
    struct record gave_up = beat_of_0(4);
    now = mono_add(now, 2 * LEASE + 1);
    struct record r = demotion(3);
    read_record(&r);
    at_end();
    ck_assert_uint_lt(replica_acting(replica).generation, r.decide.generation);
    read_record(&gave_up);
    at_end();
    ck_assert_uint_lt(replica_acting(replica).generation, r.decide.generation);
    struct record beat = beat_of_0(5);
    read_record(&beat);
    ck_assert_uint_eq(replica_acting(replica).generation, r.decide.generation);
}
END_TEST

START_TEST(a_failed_push_is_retried_later_and_later)
{
    quiet();
    struct record r = demotion(3);
    read_record(&r);
    ck_assert_ptr_nonnull(find(EFFECT_FEATURES));
    int64_t last_us = 0;
    for (int i = 0; i < 10; i++) {
        features_end(ERR_IO);
        struct mono failed = now;
        while (find(EFFECT_FEATURES) == NULL) {
            now = mono_add(now, 50 * US_PER_MS);
            tick();
            ck_assert_int_lt(mono_diff_us(now, failed), 11 * US_PER_SEC);
        }
        ck_assert_int_ge(mono_diff_us(now, failed), last_us);
        last_us = mono_diff_us(now, failed);
    }
    ck_assert_int_ge(last_us, 9 * US_PER_SEC);
}
END_TEST

START_TEST(an_outcome_is_told_until_it_is_read_back)
{
    quiet();
    struct record r = demotion(3);
    read_record(&r);
    features_end(OK);
    at_end();
    struct record told = {.kind = RECORD_GENESIS};
    for (int i = 0; i < 3; i++) {
        now = mono_add(now, LEASE);
        tick();
        for (int k = 0; k < effect_count; k++) {
            const struct record *a = &effects[k].append;
            if (effects[k].kind == EFFECT_APPEND && a->kind == RECORD_STEP &&
                a->step.kind == STEP_OUTCOME && a->step.actuator == ACTUATOR_FEATURES) {
                told = *a;
            }
        }
    }
    ck_assert_int_eq(told.kind, RECORD_STEP);
    read_record(&told);
    at_end();
    ck_assert_uint_eq(replica_control(replica)->features[1].generation, r.decide.generation);
    now = mono_add(now, 2 * LEASE);
    tick();
    for (int k = 0; k < effect_count; k++) {
        ck_assert(effects[k].kind != EFFECT_APPEND || effects[k].append.kind != RECORD_STEP ||
                  effects[k].append.step.kind != STEP_OUTCOME ||
                  effects[k].append.step.actuator != ACTUATOR_FEATURES);
    }
}
END_TEST

static void done(enum actuator actuator, uint16_t target)
{
    struct event e = {.kind = EVENT_OUTCOME};
    e.outcome.actuator = actuator;
    e.outcome.target = target;
    e.outcome.fence = replica_acting(replica);
    step(e);
}

static struct change rescue_changes[2];

/* Replica 1 leads, everything stands at its plan, and it reads its own rescue: a demotion in the
 * region of IDC 1, which receives, and an answer. */
static void rescue(void)
{
    lead_now();
    done(ACTUATOR_FEATURES, 1);
    done(ACTUATOR_ROUTES, 1);
    for (uint16_t i = 0; i < w->fleet->dns_server_count; i++) {
        done(ACTUATOR_DNS, i);
    }
    struct plan *p = (struct plan *)(uintptr_t)&replica_control(replica)->plan;
    struct record r = demotion(900);
    struct answer *a = plan_answer(p, 0, 0);
    r.writer = (struct writer){1, 42, 900};
    r.decide.purpose = DECIDE_RESCUE;
    memset(rescue_changes, 0, sizeof rescue_changes);
    rescue_changes[0].kind = CHANGE_ANSWER;
    rescue_changes[0].answer.from = rescue_changes[0].answer.to = *a;
    rescue_changes[0].answer.to.count--;
    rescue_changes[1] = lowered;
    r.decide.changes = rescue_changes;
    r.decide.change_count = 2;
    uint8_t *limit = plan_tier_limit(p, lowered.a, lowered.b);
    a->count--;
    *limit = lowered.tier.to;
    r.decide.plan_digest = plan_digest(p);
    a->count++;
    *limit = lowered.tier.from;
    read_record(&r);
    ck_assert_int_eq(replica_last_void(replica), FOLD_ACCEPTED);
    ck_assert_ptr_nonnull(find(EFFECT_FEATURES));
    ck_assert_ptr_null(find(EFFECT_DNS));
}

START_TEST(a_rescue_pushes_when_its_receivers_are_demoted)
{
    rescue();
    done(ACTUATOR_FEATURES, 1);
    ck_assert_ptr_nonnull(find(EFFECT_DNS));
    ck_assert_uint_eq(find(EFFECT_DNS)->dns.change_count, 1);
    ck_assert_uint_eq(find(EFFECT_DNS)->dns.predecessor.generation + 1,
                      replica_acting(replica).generation);
}
END_TEST

START_TEST(a_rescue_waits_for_its_receivers_no_longer_than_the_bound)
{
    rescue();
    struct mono began = now;
    now = mono_add(began, w->fleet->policy.rescue_bound_us - 1);
    tick();
    ck_assert_ptr_null(find(EFFECT_DNS));
    ck_assert_int_le(replica_deadline(replica).us, began.us + w->fleet->policy.rescue_bound_us);
    now = mono_add(began, w->fleet->policy.rescue_bound_us);
    tick();
    ck_assert_ptr_nonnull(find(EFFECT_DNS));
}
END_TEST

/* What nobody should have changed behind the done mark is seen only by looking at all of it. */
START_TEST(a_server_at_the_plan_is_looked_at_as_a_whole)
{
    rescue();
    done(ACTUATOR_FEATURES, 1);
    for (uint16_t i = 0; i < w->fleet->dns_server_count; i++) {
        done(ACTUATOR_DNS, i);
    }
    for (int i = 0; i < 400 && find(EFFECT_DNS) == NULL; i++) {
        now = mono_add(now, 100 * US_PER_MS);
        tick();
    }
    ck_assert_ptr_nonnull(find(EFFECT_DNS));
    ck_assert_uint_eq(find(EFFECT_DNS)->dns.change_count, 0);
    ck_assert_uint_eq(find(EFFECT_DNS)->dns.predecessor.generation, 0);
}
END_TEST

START_TEST(a_replica_helps_its_own_server_when_that_lags_two_leases)
{
    quiet(); /* server 1 stands in IDC 1 */
    ck_assert_uint_eq(w->fleet->dns_servers[1].idc, 1);
    struct record r = demotion(3);
    read_record(&r);
    at_end();
    ck_assert_ptr_null(find(EFFECT_DNS));
    now = mono_add(now, 2 * LEASE);
    tick();
    ck_assert_ptr_nonnull(find(EFFECT_DNS));
    ck_assert_uint_eq(find(EFFECT_DNS)->dns.server, 1);
    ck_assert(!find(EFFECT_DNS)->dns.may_create);
}
END_TEST

START_TEST(a_fence_of_another_log_is_told_and_not_fought)
{
    quiet();
    struct record r = demotion(3);
    read_record(&r);
    struct event e = {.kind = EVENT_OUTCOME};
    e.outcome.actuator = ACTUATOR_FEATURES;
    e.outcome.target = 1;
    e.outcome.fence = e.outcome.found = replica_acting(replica);
    e.outcome.found.log_id.bytes[3] ^= 1;
    e.outcome.status = ERR_FOREIGN;
    step(e);
    ck_assert(noticed(NOTICE_FENCE_SPLIT));
    ck_assert_ptr_null(find(EFFECT_FEATURES));
    e.outcome.found = replica_acting(replica); /* a newer one: we are behind, and wait */
    e.outcome.found.generation += 5;
    e.outcome.status = ERR_STALE;
    now = mono_add(now, US_PER_SEC);
    tick();
    ck_assert_ptr_nonnull(find(EFFECT_FEATURES));
    step(e);
    now = mono_add(now, 20 * US_PER_SEC);
    tick();
    ck_assert_ptr_null(find(EFFECT_FEATURES));
}
END_TEST

START_TEST(a_request_is_sent_until_the_fold_answers_it)
{
    at_end();
    struct event e = {.kind = EVENT_REQUEST};
    e.request.request.bytes[0] = 8;
    e.request.command = OPERATOR_APPROVE;
    e.request.argument = 12345;
    step(e);
    at_end();
    now = mono_add(now, LEASE);
    tick();
    const struct record *sent = appended(RECORD_OPERATOR);
    ck_assert_ptr_nonnull(sent);
    struct record copy = *sent;
    read_record(&copy);
    ck_assert_ptr_nonnull(find(EFFECT_REPLY));
    ck_assert_int_eq(find(EFFECT_REPLY)->reply.status, ERR_NOT_FOUND);
    now = mono_add(now, 2 * LEASE);
    tick();
    ck_assert_ptr_null(appended(RECORD_OPERATOR));
    step((struct event){.kind = EVENT_LOG_LOST});
    step(e);
    now = mono_add(now, 61 * US_PER_SEC);
    tick();
    ck_assert_ptr_nonnull(find(EFFECT_REPLY));
    ck_assert_int_eq(find(EFFECT_REPLY)->reply.status, ERR_TIMEOUT);
}
END_TEST

START_TEST(the_changes_of_an_undo_are_the_replicas_own)
{
    at_end();
    struct change ch[2] = {{.kind = CHANGE_TIER, .a = 0}, {.kind = CHANGE_TIER, .a = 1}};
    struct event e = {.kind = EVENT_REQUEST};
    e.request.request.bytes[0] = 8;
    e.request.command = OPERATOR_UNDO;
    e.request.changes = ch;
    e.request.change_count = 2;
    step(e);
    memset(ch, 0xff, sizeof ch); /* borrowed for the call only */
    at_end();
    now = mono_add(now, LEASE);
    tick();
    const struct record *sent = appended(RECORD_OPERATOR);
    ck_assert_ptr_nonnull(sent);
    ck_assert_uint_eq(sent->operator.change_count, 2);
    ck_assert_int_eq(sent->operator.changes[1].kind, CHANGE_TIER);
    ck_assert_uint_eq(sent->operator.changes[1].a, 1);
    e.request.request.bytes[0] = 9; /* there is room for one of them under way */
    step(e);
    ck_assert_ptr_nonnull(find(EFFECT_REPLY));
    ck_assert_int_eq(find(EFFECT_REPLY)->reply.status, ERR_BUSY);
}
END_TEST

/* --- Halting ------------------------------------------------------------------------------------
 */

START_TEST(a_digest_that_differs_from_the_leaders_halts_until_a_majority_agrees)
{
    int64_t offset;
    at_end();
    struct record beat = beat_of_0(2);
    beat.heartbeat.control.bytes[0] ^= 1;
    read_record(&beat);
    ck_assert(noticed(NOTICE_HALTED));
    ck_assert_ptr_nonnull(replica_halted(replica, &offset));
    expect_no_claim_for(10);
    struct digest own = digest_of_replica();
    alive_of(2, 1, &own); /* two of three agree: it is the leader who is wrong */
    ck_assert(noticed(NOTICE_RESUMED));
    ck_assert_ptr_null(replica_halted(replica, &offset));
}
END_TEST

START_TEST(a_leader_in_the_minority_halts_and_yields)
{
    lead_now();
    struct digest other = digest_of_replica();
    other.bytes[0] ^= 1;
    alive_of(0, 1, &other);
    int64_t offset;
    ck_assert_ptr_null(replica_halted(replica, &offset));
    other = digest_of_replica();
    other.bytes[0] ^= 1;
    alive_of(2, 1, &other);
    ck_assert_ptr_nonnull(replica_halted(replica, &offset));
    now = mono_add(now, LEASE);
    at_end();
    ck_assert_ptr_nonnull(appended(RECORD_HEARTBEAT));
    ck_assert(appended(RECORD_HEARTBEAT)->heartbeat.yield);
}
END_TEST

START_TEST(a_leader_whom_no_majority_contradicts_with_one_voice_goes_on)
{
    lead_now();
    int64_t offset;
    for (uint16_t id = 0; id <= 2; id += 2) { /* each differs from all, and therefore halted */
        struct record r = by(RECORD_STEP, id, 5, 1);
        r.step.kind = STEP_ALIVE;
        r.step.version = 1;
        r.step.halted = true;
        r.step.alive_base = replica_control(replica)->applied;
        r.step.control.bytes[0] = (uint8_t)id;
        read_record(&r);
        ck_assert_ptr_null(replica_halted(replica, &offset));
    }
    ck_assert(!next_beat_yields());
}
END_TEST

START_TEST(a_broken_record_halts_until_an_operator_skips_it)
{
    int64_t offset = -1;
    at_end();
    struct record r = demotion(2);
    r.decide.plan_digest.bytes[0] ^= 1;
    read_record(&r);
    ck_assert(noticed(NOTICE_HALTED));
    ck_assert_ptr_nonnull(replica_halted(replica, &offset));
    ck_assert_int_eq(offset, 2);
    struct record beat = beat_of_0(3);
    read_record(&beat); /* is looked at and not folded */
    ck_assert_int_eq(replica_control(replica)->applied, 1);
    r = by(RECORD_OPERATOR, 2, 3, 1);
    r.operator.command = OPERATOR_SKIP;
    r.operator.argument = 3; /* another record */
    read_record(&r);
    ck_assert_ptr_null(find(EFFECT_REREAD));
    r.operator.argument = 2;
    read_record(&r);
    ck_assert_ptr_nonnull(find(EFFECT_REREAD));
    ck_assert_int_eq(find(EFFECT_REREAD)->reread, 3);
    ck_assert_ptr_null(replica_halted(replica, &offset));
    ck_assert_int_eq(replica_control(replica)->applied, 2);
    read_record(&beat);
    ck_assert_int_eq(replica_control(replica)->applied, 3);
    ck_assert_int_eq(replica_last_void(replica), FOLD_ACCEPTED);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("replica");
    TCase *t = tcase_create("protocol");
    tcase_add_checked_fixture(t, setup, teardown);
    tcase_add_test(t, a_timely_decision_is_acted_upon_at_once);
    tcase_add_test(t, a_late_decision_waits_for_a_word_of_somebody_who_knew_it);
    tcase_add_test(t, a_failed_push_is_retried_later_and_later);
    tcase_add_test(t, an_outcome_is_told_until_it_is_read_back);
    tcase_add_test(t, a_rescue_pushes_when_its_receivers_are_demoted);
    tcase_add_test(t, a_rescue_waits_for_its_receivers_no_longer_than_the_bound);
    tcase_add_test(t, a_server_at_the_plan_is_looked_at_as_a_whole);
    tcase_add_test(t, a_replica_helps_its_own_server_when_that_lags_two_leases);
    tcase_add_test(t, a_fence_of_another_log_is_told_and_not_fought);
    tcase_add_test(t, a_request_is_sent_until_the_fold_answers_it);
    tcase_add_test(t, the_changes_of_an_undo_are_the_replicas_own);
    tcase_add_test(t, a_digest_that_differs_from_the_leaders_halts_until_a_majority_agrees);
    tcase_add_test(t, a_leader_in_the_minority_halts_and_yields);
    tcase_add_test(t, a_leader_whom_no_majority_contradicts_with_one_voice_goes_on);
    tcase_add_test(t, a_broken_record_halts_until_an_operator_skips_it);
    suite_add_tcase(s, t);
    SRunner *r = srunner_create(s);
    srunner_run_all(r, CK_ENV);
    int failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
