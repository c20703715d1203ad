/* test_replica_fleet.c: a replica, leading or following, across the record that brings a new fleet.
 */
#include "fleet_stage.h"

#include "core/replica.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

#define LEASE (w->fleet->policy.lease_us)

static struct effect effects[REPLICA_MAX_EFFECTS];
static int effect_count;
static struct replica *replica;
static void *memory;
static size_t memory_size;
static struct mono now;
static uint64_t operators; /* records of replica 2 so far */

static int begin_in(size_t size)
{
    struct replica_config config = {
        .replica = 1, .incarnation = 42, .seed = 7, .candidate = true, .version = 1};
    memory_size = (size + 15) & ~(size_t)15;
    memory = aligned_alloc(16, memory_size);
    ck_assert_ptr_nonnull(memory);
    now = (struct mono){0};
    return replica_new(memory, memory_size, &config, &w->control, now, &replica);
}

static void begin(size_t size)
{
    ck_assert_int_eq(begin_in(size), OK);
}

static void prepare_replica(void)
{
    setup();
    settle();
    begin(4 * replica_size(w->fleet));
}

static void forget_replica(void)
{
    free(memory);
    teardown();
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

static void wait_for(int64_t us)
{
    now = mono_add(now, us);
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

static uint32_t count(enum effect_kind kind)
{
    uint32_t n = 0;
    for (int i = 0; i < effect_count; i++) {
        n += effects[i].kind == kind ? 1 : 0;
    }
    return n;
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

static const struct control *state(void)
{
    return replica_control(replica);
}

/* The world's control state is the one that the command is made from; it folds along. */
static void read_record(const struct record *r)
{
    struct event e = {.kind = EVENT_RECORD};
    struct record copy = *r;
    enum fold_void why;
    e.record.record = &copy;
    e.record.offset = w->offset;
    ck_assert_int_eq(fold_apply(&w->control, &w->memory, &copy, w->offset++, &why), OK);
    step(e);
}

static struct record by(enum record_kind kind, uint16_t writer, uint64_t sequence)
{
    struct record r;
    memset(&r, 0, sizeof r);
    r.kind = kind;
    r.log_id = w->control.log_id;
    r.writer = (struct writer){writer, writer == 2 ? 9 : 1, sequence};
    r.epoch = w->control.epoch;
    r.base = w->control.applied;
    r.log_time = w->control.log_time;
    return r;
}

static struct digest digest_of(const struct control *c)
{
    size_t size = control_digest_size(c);
    uint8_t *room = malloc(size);
    ck_assert_ptr_nonnull(room);
    struct digest d = control_digest(c, room, size);
    free(room);
    return d;
}

static void beat(void)
{
    struct record r = by(RECORD_HEARTBEAT, 0, ++w->sequence);
    r.log_time.us += US_PER_SEC; /* a person may speak again */
    r.heartbeat.control = digest_of(&w->control);
    r.heartbeat.snapshot = -1;
    read_record(&r);
}

/* A record of replica 2: a person's word. */
static struct record word(const struct operator_record *o)
{
    struct record r = by(RECORD_OPERATOR, 2, ++operators);
    r.operator= * o;
    r.operator.request.bytes[1] =(uint8_t) operators;
    return r;
}

/* The new fleet comes, by a person at the third IDC. */
static void give(const struct fleet *next)
{
    ck_assert_int_eq(prepare(next), OK);
    struct record r = word(&command);
    read_record(&r);
    ck_assert_int_eq(replica_last_void(replica), FOLD_ACCEPTED);
    ck_assert_int_eq(digest_compare(&state()->fleet_digest, &w->control.fleet_digest), 0);
    struct digest theirs = digest_of(&w->control), ours = digest_of(state());
    ck_assert_int_eq(digest_compare(&theirs, &ours), 0);
}

/* Replica 1 becomes the leader, at the log's end. */
static void lead_now(void)
{
    at_end();
    const struct record *claim = NULL;
    for (int i = 0; i < 400 && claim == NULL; i++) {
        wait_for(10 * US_PER_MS);
        claim = appended(RECORD_CLAIM);
    }
    ck_assert_ptr_nonnull(claim);
    struct record copy = *claim;
    read_record(&copy);
    at_end();
    ck_assert(replica_leads(replica));
}

static void request(const struct operator_record *o, uint8_t id)
{
    struct event e = {.kind = EVENT_REQUEST, .request = *o};
    e.request.request.bytes[0] = id;
    step(e);
}

/* What the request was answered in the newest step; 1: nothing. Once only. */
static int answer(uint8_t id)
{
    int status = 1;
    for (int i = 0; i < effect_count; i++) {
        if (effects[i].kind == EFFECT_REPLY && effects[i].reply.request.bytes[0] == id) {
            ck_assert_int_eq(status, 1);
            status = effects[i].reply.status;
        }
    }
    return status;
}

static void without_shanghai(void)
{
    say(OPERATOR_DRAIN, SUBJECT_IDC, SHANGHAI, 0, 0);
    world_run(w, 60 * US_PER_SEC, STEP_US, 30);
    settle();
    free(memory);
    begin(4 * replica_size(w->fleet));
}

/* --- Following ----------------------------------------------------------------------------------
 */

START_TEST(a_follower_acts_upon_the_new_fleet_at_once_and_asks_anew)
{
    at_end();
    beat();
    struct fleet *next = fleet_remade(w->fleet, &(struct remake){.reverse = true});
    uint64_t before = replica_acting(replica).generation;
    give(next);
    at_end();
    ck_assert_uint_eq(replica_acting(replica).generation, before + 1);
    ck_assert_int_eq(replica_acting(replica).generation == state()->plan.fence.generation, 1);
    struct event e = {.kind = EVENT_OUTCOME}; /* one that was under way: nobody asked for it here */
    e.outcome = (struct outcome){.actuator = ACTUATOR_DNS, .target = 1, .status = ERR_TIMEOUT};
    e.outcome.fence.generation = before;
    step(e);
    ck_assert_ptr_null(appended(RECORD_STEP));
    wait_for(3 * LEASE);
    beat();
    ck_assert_uint_eq(replica_acting(replica).generation, before + 1);
    free(next);
}
END_TEST

START_TEST(its_routes_and_features_are_asked_for_with_the_new_fence)
{
    at_end();
    beat();
    struct fleet *next = fleet_remade(w->fleet, &(struct remake){.reverse = true});
    uint64_t wanted = state()->plan.fence.generation + 1;
    give(next);
    ck_assert_ptr_nonnull(find(EFFECT_FEATURES));
    ck_assert_uint_eq(find(EFFECT_FEATURES)->features.fence.generation, wanted);
    const struct effect *routes = find(EFFECT_ROUTES);
    ck_assert_ptr_nonnull(routes);
    ck_assert_uint_eq(routes->routes.fence.generation, wanted);
    ck_assert_uint_eq(routes->routes.count, 2);
    for (uint32_t i = 0; i < 2; i++) { /* each over its own link of the new fleet */
        const struct route_want *want = &routes->routes.want[i];
        const struct link *l = &state()->fleet->links[want->links[0]];
        ck_assert_int_ge(link_end_at(l, 1), 0); /* shanghai is in the middle, both ways */
        ck_assert_int_ge(link_end_at(l, want->destination), 0);
    }
    free(next);
}
END_TEST

static bool hears(uint16_t observer, uint64_t sequence, struct digest fleet)
{
    const struct fleet *f = state()->fleet;
    static struct target targets[REPORT_MAX_TARGETS];
    int n = targets_for_idc(f, observer, targets, REPORT_MAX_TARGETS);
    ck_assert_int_gt(n, 0);
    struct observation *seen = calloc((size_t)n, sizeof *seen);
    ck_assert_ptr_nonnull(seen);
    for (int i = 0; i < n; i++) {
        seen[i].health = HEALTH_UP;
    }
    struct report r = {.observer = observer,
                       .incarnation = 1,
                       .sequence = sequence,
                       .sent_us = now.us,
                       .fleet = fleet,
                       .count = (uint32_t)n,
                       .observations = seen};
    struct event e = {.kind = EVENT_REPORT};
    e.report.report = &r;
    e.report.partition = f->idcs[observer].partition;
    e.report.offset = (int64_t)sequence;
    step(e);
    free(seen);
    return !noticed(NOTICE_REPORT_DROPPED);
}

START_TEST(reports_of_the_old_fleet_are_none)
{
    at_end();
    struct digest old = state()->fleet_digest;
    ck_assert(hears(0, 1, old));
    struct fleet *next = fleet_remade(w->fleet, THIS);
    next->capacity_ups[0]++;
    give(next);
    ck_assert(!hears(0, 2, old));
    ck_assert(hears(0, 2, state()->fleet_digest));
    ck_assert(!hears(0, 3, old));
    free(next);
}
END_TEST

START_TEST(two_that_fold_and_one_that_was_restored_stay_the_same)
{
    struct rng r = rng_init(3);
    for (uint32_t round = 0; round < 12; round++) {
        struct remake how = {.reverse = rng_chance(&r, 500000)};
        struct fleet *next = fleet_remade(w->control.fleet, &how);
        next->links[0].latency_us += 1 + round;
        at_end();
        give(next);
        wait_for(LEASE / 4);
        beat();
        struct digest theirs = digest_of(&w->control), ours = digest_of(state());
        ck_assert_int_eq(digest_compare(&theirs, &ours), 0);
        int64_t offset;
        ck_assert_ptr_null(replica_halted(replica, &offset));
        if (round % 4 == 3) { /* from the journal */
            struct control was = *state();
            struct replica_config config = {.replica = 1,
                                            .incarnation = 43 + round,
                                            .seed = 7,
                                            .candidate = true,
                                            .version = 1};
            void *before = memory;
            memory = aligned_alloc(16, memory_size);
            ck_assert_ptr_nonnull(memory);
            ck_assert_int_eq(replica_new(memory, memory_size, &config, &was, now, &replica), OK);
            free(before);
        }
        free(next);
        w->memory.used = 0; /* the world's own state starts anew as well */
        size_t size;
        uint8_t *bytes = state_bytes(state(), &size);
        struct codec in = codec_reader(bytes, size, &w->memory);
        memset(w->memory.base, 0, w->memory.size);
        control_init(&w->control);
        control_codec(&in, &w->control);
        ck_assert_int_eq(codec_finish(&in), OK);
        free(bytes);
    }
}
END_TEST

/* --- Leading ------------------------------------------------------------------------------------
 */

/* All report partitions are read; heartbeats go through the log until there is a decision. */
static const struct record *decided(void)
{
    for (uint16_t i = 0; i < w->fleet->idc_count; i++) {
        step((struct event){.kind = EVENT_PARTITION_END, .partition = i});
    }
    for (int i = 0; i < 400 && appended(RECORD_DECIDE) == NULL; i++) {
        if (appended(RECORD_HEARTBEAT) != NULL) {
            struct record own = *appended(RECORD_HEARTBEAT);
            read_record(&own);
            at_end();
        } else {
            wait_for(50 * US_PER_MS);
        }
    }
    return appended(RECORD_DECIDE);
}

START_TEST(a_decision_under_way_is_given_up_and_made_anew)
{
    lead_now();
    struct operator_record demote = {
        .command = OPERATOR_DEMOTE, .subject = {SUBJECT_FEATURES, 0, WEB}, .tier = 3};
    struct record r = word(&demote);
    read_record(&r);
    at_end();
    const struct record *decide = decided();
    ck_assert_ptr_nonnull(decide);
    uint64_t generation = decide->decide.generation;
    struct record stale = *decide; /* its arrays are the replica's: gone after the next step */
    stale.decide.changes = NULL;
    stale.decide.change_count = stale.decide.evidence_count = stale.decide.verdict_count = 0;
    stale.decide.guard_count = stale.decide.incident_count = stale.decide.demand_count = 0;
    struct fleet *next = fleet_remade(w->fleet, &(struct remake){.reverse = true});
    give(next);
    for (int i = 0; i < 8; i++) { /* nobody sends again what speaks of the old fleet */
        at_end();
        wait_for(LEASE / 4);
        const struct record *again = appended(RECORD_DECIDE);
        ck_assert(again == NULL || again->decide.generation == generation + 1);
    }
    read_record(&stale);
    ck_assert_int_eq(replica_last_void(replica), FOLD_OVERTAKEN);
    at_end();
    decide = decided();
    ck_assert_ptr_nonnull(decide);
    ck_assert_uint_eq(decide->decide.generation, generation + 1);
    ck_assert_uint_ge(decide->decide.change_count, 1);
    ck_assert_int_eq(decide->decide.changes[0].kind, CHANGE_TIER);
    ck_assert_uint_eq(decide->decide.changes[0].a, 2); /* north is the last region now */
    free(next);
}
END_TEST

START_TEST(requests_under_way_are_answered_or_go_on)
{
    at_end();
    struct fleet *next = fleet_remade(w->fleet, &(struct remake){.reverse = true});
    struct operator_record drain = {.command = OPERATOR_DRAIN, .subject = {SUBJECT_IDC, 0, 0}};
    struct operator_record approve = {.command = OPERATOR_APPROVE, .argument = 12345};
    ck_assert_int_eq(prepare(next), OK);
    request(&command, 50);
    ck_assert_ptr_nonnull(appended(RECORD_OPERATOR));
    struct record own = *appended(RECORD_OPERATOR);
    request(&command, 53); /* there is room for one */
    ck_assert_int_eq(answer(53), ERR_BUSY);
    request(&drain, 51);
    struct record late = *appended(RECORD_OPERATOR);
    request(&approve, 52);
    uint8_t *fleet = malloc(own.operator.fleet.size), *plan = malloc(own.operator.plan.size);
    ck_assert(fleet != NULL && plan != NULL); /* as the log gives them back */
    memcpy(fleet, own.operator.fleet.at, own.operator.fleet.size);
    memcpy(plan, own.operator.plan.at, own.operator.plan.size);
    own.operator.fleet.at = fleet;
    own.operator.plan.at = plan;
    read_record(&own);
    ck_assert_int_eq(answer(50), OK);
    ck_assert_int_eq(answer(51), ERR_STALE);
    ck_assert_int_eq(answer(52), 1);
    read_record(&late); /* it had gone out already: IDC 0 is another one now */
    ck_assert_int_eq(replica_last_void(replica), FOLD_REQUEST_OVERTAKEN);
    ck_assert_uint_eq(state()->order_count, 1); /* the fleet's own */
    at_end();
    for (int i = 0; i < 20 && appended(RECORD_OPERATOR) == NULL; i++) {
        wait_for(LEASE / 4);
    }
    ck_assert_ptr_nonnull(appended(RECORD_OPERATOR));
    struct record again = *appended(RECORD_OPERATOR);
    ck_assert_int_eq(again.operator.command, OPERATOR_APPROVE);
    read_record(&again);
    ck_assert_int_eq(answer(52), ERR_NOT_FOUND);
    ck_assert_uint_eq(count(EFFECT_REPLY), 1);
    request(&command, 50); /* asked again after its answer was lost */
    ck_assert_int_eq(answer(50), OK);
    free(fleet);
    free(plan);
    free(next);
}
END_TEST

START_TEST(who_is_no_candidate_any_more_yields)
{
    lead_now();
    struct fleet *next = fleet_remade(w->fleet, THIS);
    next->idcs[SHANGHAI].candidate = false;
    give(next);
    at_end();
    const struct record *own = appended(RECORD_HEARTBEAT);
    for (int i = 0; i < 40 && own == NULL; i++) {
        wait_for(LEASE / 8);
        own = appended(RECORD_HEARTBEAT);
    }
    ck_assert_ptr_nonnull(own);
    ck_assert(own->heartbeat.yield);
    free(next);
}
END_TEST

/* --- Being taken out ----------------------------------------------------------------------------
 */

static void expect_silence(void)
{
    for (int i = 0; i < 40; i++) {
        wait_for(LEASE / 2);
        at_end();
        for (int k = 0; k < effect_count; k++) {
            ck_assert_int_eq(effects[k].kind, EFFECT_NOTICE);
        }
    }
}

START_TEST(who_is_taken_out_leads_and_acts_no_more_and_may_come_back)
{
    without_shanghai();
    struct remake how = {.takes = true, .part = PART_IDC, .index = SHANGHAI};
    struct fleet *full = fleet_remade(w->fleet, THIS), *less = fleet_remade(w->fleet, &how);
    lead_now();
    struct operator_record freeze = {.command = OPERATOR_FREEZE};
    step((struct event){.kind = EVENT_LOG_LOST}); /* it cannot be sent */
    request(&freeze, 60);
    give(less);
    ck_assert_int_eq(answer(60), ERR_UNAVAILABLE);
    ck_assert(noticed(NOTICE_LOST_LEAD));
    ck_assert(!replica_leads(replica));
    expect_silence();
    request(&freeze, 61);
    ck_assert_int_eq(answer(61), ERR_UNAVAILABLE);
    struct event e = {.kind = EVENT_LINK_EDGE, .edge = {.link = 3, .end = 1, .down = true}};
    step(e);
    for (uint16_t target = 0; target < 3; target++) {
        e = (struct event){.kind = EVENT_OUTCOME};
        e.outcome = (struct outcome){.actuator = ACTUATOR_ROUTES, .target = target};
        step(e);
    }
    e.outcome.target = FLEET_NONE;
    step(e);
    e = (struct event){.kind = EVENT_PARTITION_END, .partition = 1};
    step(e);
    expect_silence();
    struct record claim = by(RECORD_CLAIM, 0, ++w->sequence);
    claim.claim.ends_epoch = w->control.epoch;
    claim.claim.names = w->control.leader_newest;
    claim.epoch = w->control.epoch + 1;
    read_record(&claim);
    beat();
    give(full);
    at_end();
    ck_assert_uint_eq(replica_acting(replica).generation, state()->plan.fence.generation);
    ck_assert_ptr_nonnull(find(EFFECT_FEATURES) != NULL ? find(EFFECT_FEATURES) : effects);
    for (int i = 0; i < 40 && appended(RECORD_CLAIM) == NULL; i++) {
        wait_for(LEASE / 8);
    }
    ck_assert_ptr_nonnull(appended(RECORD_CLAIM)); /* it may lead again */
    free(full);
    free(less);
}
END_TEST

/* --- Room ---------------------------------------------------------------------------------------
 */

START_TEST(too_little_room_halts_and_never_breaks)
{
    struct remake how = {.takes = true, .part = PART_IDC, .index = BEIJING};
    struct fleet *full = fleet_remade(w->fleet, THIS), *less = fleet_remade(w->fleet, &how);
    free(memory);
    teardown();
    uint32_t halted = 0, folded = 0;
    for (size_t more = 0; more < 160; more++) {
        w = world_of_fleet(less);
        operators = 0;
        if (begin_in((40 + more) * replica_size(full) / 80) != OK) {
            free(memory);
            teardown();
            continue;
        }
        at_end();
        ck_assert_int_eq(prepare(full), OK);
        struct record r = word(&command);
        struct event e = {.kind = EVENT_RECORD};
        e.record.record = &r;
        e.record.offset = w->offset;
        step(e);
        ck_assert_int_eq(replica_last_void(replica), FOLD_ACCEPTED); /* or as it was before */
        int64_t offset;
        bool halts = replica_halted(replica, &offset) != NULL;
        ck_assert(halts == noticed(NOTICE_HALTED));
        halted += halts ? 1 : 0;
        folded += halts ? 0 : 1;
        for (int i = 0; i < 8; i++) {
            wait_for(LEASE / 2);
            at_end();
            ck_assert(!halts || find(EFFECT_DNS) == NULL);
        }
        free(memory);
        teardown();
    }
    ck_assert_uint_ge(halted, 4);
    ck_assert_uint_ge(folded, 10);
    free(full);
    free(less);
    prepare_replica();
}
END_TEST

int main(void)
{
    Suite *s = suite_create("replica-fleet");
    TCase *t = tcase_create("a new fleet");
    tcase_add_checked_fixture(t, prepare_replica, forget_replica);
    tcase_set_timeout(t, 120);
    tcase_add_test(t, a_follower_acts_upon_the_new_fleet_at_once_and_asks_anew);
    tcase_add_test(t, its_routes_and_features_are_asked_for_with_the_new_fence);
    tcase_add_test(t, reports_of_the_old_fleet_are_none);
    tcase_add_test(t, two_that_fold_and_one_that_was_restored_stay_the_same);
    tcase_add_test(t, a_decision_under_way_is_given_up_and_made_anew);
    tcase_add_test(t, requests_under_way_are_answered_or_go_on);
    tcase_add_test(t, who_is_no_candidate_any_more_yields);
    tcase_add_test(t, who_is_taken_out_leads_and_acts_no_more_and_may_come_back);
    tcase_add_test(t, too_little_room_halts_and_never_breaks);
    suite_add_tcase(s, t);
    SRunner *r = srunner_create(s);
    srunner_run_all(r, CK_ENV);
    int failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
