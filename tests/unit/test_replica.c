/* test_replica.c: the replica's protocol, part by part and as a whole: who leads, what is acted
 * upon when, next hops, evidence, digests (PROTOCOL.md). */
#include "core_world.h"

#include "core/replica.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

#define LEASE  (w->fleet->policy.lease_us)
#define T(sec) ((struct mono){(int64_t)((sec)*1000000)})

static struct world *w; /* a fleet, and GENESIS and a claim of replica 0 folded */
static struct effect effects[REPLICA_MAX_EFFECTS];
static int effect_count;
static struct replica *replica;
static void *memory;
static struct mono now;

/* Replica 1 goes on from that control state, at time 0. */
static void begin_as(uint64_t seed, uint32_t version)
{
    struct replica_config config = {
        .replica = 1, .incarnation = 42, .seed = seed, .candidate = true, .version = version};
    now = T(0);
    ck_assert_int_eq(
        replica_new(memory, replica_size(w->fleet), &config, &w->control, now, &replica), OK);
}

static void begin(uint64_t seed)
{
    begin_as(seed, 1);
}

static void setup(void)
{
    w = world_of_yaml(FLEETS "/three-idc.yaml");
    size_t size = replica_size(w->fleet);
    memory = aligned_alloc(16, (size + 15) / 16 * 16);
    ck_assert_ptr_nonnull(memory);
    begin(7);
}

static void teardown(void)
{
    free(memory);
    world_free(w);
}

static void step(struct event e)
{
    e.now = now;
    effect_count = replica_step(replica, &e, effects, REPLICA_MAX_EFFECTS);
    ck_assert_int_ge(effect_count, 0);
}

static void at_end(void)
{
    step((struct event){.kind = EVENT_LOG_END});
}

static void tick(void)
{
    step((struct event){.kind = EVENT_TICK});
}

static const struct effect *find(enum effect_kind kind)
{
    for (int i = 0; i < effect_count; i++) {
        if (effects[i].kind == kind) {
            return &effects[i];
        }
    }
    return NULL;
}

static const struct record *appended(enum record_kind kind)
{
    for (int i = 0; i < effect_count; i++) {
        if (effects[i].kind == EFFECT_APPEND && effects[i].append.kind == kind) {
            return &effects[i].append;
        }
    }
    return NULL;
}

static bool noticed(enum notice n)
{
    bool found = false;
    for (int i = 0; i < effect_count; i++) {
        found = found || (effects[i].kind == EFFECT_NOTICE && effects[i].notice.notice == n);
    }
    return found;
}

static struct record by(enum record_kind kind, uint16_t writer, uint64_t incarnation,
                        uint64_t sequence)
{
    const struct control *c = replica_control(replica);
    struct record r;
    memset(&r, 0, sizeof r);
    r.kind = kind;
    r.log_id = c->log_id;
    r.writer = (struct writer){writer, incarnation, sequence};
    r.epoch = c->epoch;
    r.base = c->applied;
    r.log_time = c->log_time;
    return r;
}

static void read_record(const struct record *r)
{
    struct event e = {.kind = EVENT_RECORD};
    e.record.record = r;
    e.record.offset = replica_control(replica)->applied + 1;
    step(e);
}

static struct digest digest_of_replica(void)
{
    const struct control *c = replica_control(replica);
    size_t size = control_digest_size(c);
    uint8_t *room = malloc(size);
    ck_assert_ptr_nonnull(room);
    struct digest d = control_digest(c, room, size);
    free(room);
    return d;
}

static struct record beat_of_0(uint64_t sequence)
{
    struct record r = by(RECORD_HEARTBEAT, 0, 1, sequence);
    r.heartbeat.control = digest_of_replica();
    r.heartbeat.snapshot = -1;
    return r;
}

/* Replica 1 becomes the leader of epoch 2, at the log's end. */
static void lead_now(void)
{
    at_end();
    const struct record *claim = NULL;
    for (int i = 0; i < 400 && claim == NULL; i++) {
        now = mono_add(now, 10 * US_PER_MS);
        tick();
        claim = appended(RECORD_CLAIM);
    }
    ck_assert_ptr_nonnull(claim);
    struct record copy = *claim;
    read_record(&copy);
    at_end();
    ck_assert(replica_leads(replica));
}

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

static void expect_no_claim_for(int seconds)
{
    for (int i = 0; i < seconds; i++) {
        now = mono_add(now, US_PER_SEC);
        tick();
        ck_assert_ptr_null(appended(RECORD_CLAIM));
    }
}

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

static void alive_of(uint16_t replica_id, uint64_t sequence, const struct digest *d)
{
    struct record r = by(RECORD_STEP, replica_id, 5, sequence);
    r.step.kind = STEP_ALIVE;
    r.step.version = 1;
    r.step.alive_base = replica_control(replica)->applied;
    r.step.control = *d;
    read_record(&r);
}

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

static void reads_all_reports(void)
{
    for (uint16_t i = 0; i < w->fleet->idc_count; i++) {
        step((struct event){.kind = EVENT_PARTITION_END, .partition = i});
    }
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

/* The leader's next heartbeat, read back: does it yield? */
static bool next_beat_yields(void)
{
    at_end();
    for (int i = 0; i < 400 && appended(RECORD_HEARTBEAT) == NULL; i++) {
        now = mono_add(now, 10 * US_PER_MS);
        tick();
    }
    ck_assert_ptr_nonnull(appended(RECORD_HEARTBEAT));
    struct record beat = *appended(RECORD_HEARTBEAT);
    read_record(&beat);
    return beat.heartbeat.yield;
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
    tcase_add_test(t, claims_after_a_lease_and_a_delay_and_not_before);
    tcase_add_test(t, claims_nothing_while_the_log_is_away_or_not_read_to_its_end);
    tcase_add_test(t, a_leader_beats_four_times_a_lease_one_record_at_a_time);
    tcase_add_test(t, resends_the_same_record_and_after_two_leases_the_next_sequence);
    tcase_add_test(t, a_stopping_leader_yields_at_once);
    tcase_add_test(t, the_delay_of_a_claim_is_drawn_and_not_by_the_load);
    tcase_add_test(t, a_leader_gives_its_lead_and_goes_on_when_nobody_takes_it);
    tcase_add_test(t, new_rules_wait_for_every_candidate);
    tcase_add_test(t, an_older_binary_halts_at_newer_rules_and_says_what_it_needs);
    tcase_add_test(t, who_was_named_claims_at_once_and_no_other);
    tcase_add_test(t, log_time_is_the_newest_record_and_the_clock_since);
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
