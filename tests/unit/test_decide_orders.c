/* test_decide_orders.c: what the decision core makes of people's standing words: planned shifts and
 * the way home, demotions, pins, a freeze, and undo of every kind of decision. */
#include "core_world.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

enum { WEB, LEDGER };
enum { BEIJING, SHANGHAI, SHENZHEN };
enum { WEB_BEIJING, WEB_SHANGHAI, WEB_SHENZHEN, LEDGER_BEIJING, LEDGER_SHENZHEN };

#define STEP_US (50 * US_PER_MS)

static struct world *w;
static struct plan *home; /* the plan before anything happened */
static void *home_room;

static struct plan *copy_of(const struct plan *p, void **ret_room)
{
    size_t size = (plan_arena_size(w->fleet) + sizeof(struct plan) + 79) / 16 * 16;
    struct arena a;
    *ret_room = aligned_alloc(16, size);
    ck_assert_ptr_nonnull(*ret_room);
    arena_init(&a, *ret_room, size);
    struct plan *copy = ARENA_NEW(&a, struct plan, 1);
    ck_assert_int_eq(plan_new(w->fleet, &a, copy), OK);
    plan_copy(copy, p);
    return copy;
}

static void setup(void)
{
    w = world_of_yaml(FLEETS "/three-idc.yaml");
    w->acknowledge = true;
    world_run(w, 10 * US_PER_SEC, STEP_US, 0);
    home = copy_of(&w->control.plan, &home_room);
}

static void teardown(void)
{
    free(home_room);
    world_free(w);
}

static bool at_home(void)
{
    struct digest is = plan_digest(&w->control.plan), was = plan_digest(home);
    return digest_compare(&is, &was) == 0;
}

static enum fold_void say(enum operator_command command, enum subject_kind kind, uint16_t a,
                          uint16_t b)
{
    struct operator_record o = {.command = command, .subject = {kind, a, b}};
    return world_command(w, &o);
}

static void release(uint64_t id)
{
    struct operator_record o = {.command = OPERATOR_RELEASE, .argument = id};
    ck_assert_int_eq(world_command(w, &o), FOLD_ACCEPTED);
}

/* Ticks until a decision of the purpose was made; its offset. */
static int64_t await(enum decide_purpose purpose, int64_t within_us)
{
    for (int64_t t = 0; t < within_us; t += STEP_US) {
        if (world_tick(w, STEP_US) == purpose) {
            return w->offset - 1;
        }
    }
    ck_abort_msg("no %s in time", decide_purpose_name(purpose));
    return -1;
}

/* Ticks; no decision but notes. */
static void expect_stillness(int64_t us)
{
    for (int64_t t = 0; t < us; t += STEP_US) {
        enum decide_purpose p = world_tick(w, STEP_US);
        ck_assert_msg(p == 0 || p == DECIDE_NOTE, "%s", decide_purpose_name(p));
    }
}

static bool stopped_by(enum guard guard)
{
    for (uint32_t i = 0; i < w->decide.guard_count; i++) {
        if (w->decide.guards[i].guard == guard && !w->decide.guards[i].passed) {
            return true;
        }
    }
    return false;
}

/* --- Drain --------------------------------------------------------------------------------------
 */

START_TEST(a_drain_is_a_demotion_and_then_steps_and_the_way_home_is_steps)
{
    ck_assert_uint_gt(world_slots(w, WEB_BEIJING), 0);
    ck_assert_int_eq(say(OPERATOR_DRAIN, SUBJECT_IDC, BEIJING, 0), FOLD_ACCEPTED);
    int64_t shed = await(DECIDE_SHED, US_PER_SEC);
    ck_assert_uint_eq(w->decide.order, 1);
    ck_assert_int_gt(await(DECIDE_SHIFT, US_PER_SEC), shed);
    ck_assert_uint_eq(w->decide.order, 1);
    ck_assert_uint_gt(world_slots(w, WEB_BEIJING), 0); /* one step, not all */
    uint32_t before = world_slots(w, WEB_BEIJING);
    expect_stillness(w->fleet->policy.step_interval_us - 2 * STEP_US);
    ck_assert_uint_eq(world_slots(w, WEB_BEIJING), before);
    world_run(w, 60 * US_PER_SEC, STEP_US, 20);
    ck_assert_uint_eq(world_slots(w, WEB_BEIJING), 0);
    ck_assert_uint_eq(w->control.incident_count, 0);
    ck_assert_int_eq(say(OPERATOR_UNDRAIN, SUBJECT_IDC, BEIJING, 0), FOLD_ACCEPTED);
    (void)await(DECIDE_RESTORE, 3 * US_PER_SEC);
    world_run(w, 90 * US_PER_SEC, STEP_US, 30);
    ck_assert(at_home());
    ck_assert_uint_eq(w->control.order_count, 0); /* the last note has closed it */
    expect_stillness(10 * US_PER_SEC);
}
END_TEST

START_TEST(the_shift_waits_until_its_demotion_is_in_force)
{
    w->acknowledge = false;
    ck_assert_int_eq(say(OPERATOR_DRAIN, SUBJECT_IDC, BEIJING, 0), FOLD_ACCEPTED);
    (void)await(DECIDE_SHED, US_PER_SEC);
    expect_stillness(20 * US_PER_SEC);
    ck_assert_uint_eq(world_slots(w, WEB_BEIJING), 4);
}
END_TEST

START_TEST(a_drain_ends_by_its_time)
{
    struct operator_record o = {.command = OPERATOR_DRAIN,
                                .subject = {SUBJECT_SERVICE, WEB, BEIJING},
                                .ttl_us = 60 * US_PER_SEC};
    ck_assert_int_eq(world_command(w, &o), FOLD_ACCEPTED);
    world_run(w, 58 * US_PER_SEC, STEP_US, 20);
    ck_assert_uint_eq(world_slots(w, WEB_BEIJING), 0);
    /* Log time moves with the leader's words: this one is read a moment later. */
    w->now.us += 3 * US_PER_SEC;
    ck_assert_int_eq(say(OPERATOR_PIN, SUBJECT_ENTRANCE, LEDGER_BEIJING, 0), FOLD_ACCEPTED);
    world_run(w, 90 * US_PER_SEC, STEP_US, 30);
    ck_assert(at_home());
}
END_TEST

static void demand(uint64_t factor, uint64_t divisor)
{
    for (uint32_t i = 0; i < (uint32_t)w->fleet->view_count; i++) {
        uint64_t *rps = &w->control.fleet->demand_rps[WEB * w->fleet->view_count + i];
        *rps = *rps * factor / divisor;
    }
}

/* Of several drains the newest gives way: what was evacuated stays so. */
START_TEST(law_5_the_last_one_is_not_drained)
{
    demand(1, 10);
    ck_assert_int_eq(say(OPERATOR_DRAIN, SUBJECT_IDC, BEIJING, 0), FOLD_ACCEPTED);
    ck_assert_int_eq(say(OPERATOR_DRAIN, SUBJECT_IDC, SHANGHAI, 0), FOLD_ACCEPTED);
    ck_assert_int_eq(say(OPERATOR_DRAIN, SUBJECT_IDC, SHENZHEN, 0), FOLD_ACCEPTED);
    world_run(w, 60 * US_PER_SEC, STEP_US, 30);
    ck_assert_uint_eq(world_slots(w, WEB_SHENZHEN), 16);
    expect_stillness(10 * US_PER_SEC);
    release(1);
    world_run(w, 60 * US_PER_SEC, STEP_US, 30);
    ck_assert_uint_eq(world_slots(w, WEB_BEIJING), 16);
}
END_TEST

/* A second drain that the rest cannot carry leaves the first one alone. */
START_TEST(law_6_the_newest_drain_gives_way)
{
    demand(4, 1);
    world_run(w, 10 * US_PER_SEC, STEP_US, 10);
    ck_assert_int_eq(say(OPERATOR_DRAIN, SUBJECT_IDC, SHANGHAI, 0), FOLD_ACCEPTED);
    world_run(w, 60 * US_PER_SEC, STEP_US, 20);
    ck_assert_uint_eq(world_slots(w, WEB_SHANGHAI), 0);
    ck_assert_int_eq(say(OPERATOR_DRAIN, SUBJECT_IDC, SHENZHEN, 0), FOLD_ACCEPTED);
    for (int i = 0; i < 1200; i++) {
        (void)world_tick(w, STEP_US);
        ck_assert_int_ne(w->decide.purpose, DECIDE_SHIFT);
        ck_assert_uint_eq(world_slots(w, WEB_SHANGHAI), 0);
    }
    ck_assert(stopped_by(GUARD_CAPACITY));
}
END_TEST

/* A drain that others cannot carry with core alone moves nothing and demotes nobody. */
START_TEST(law_6_a_drain_does_not_overload_the_others)
{
    demand(6, 1);
    world_run(w, 30 * US_PER_SEC, STEP_US, 10);
    free(home_room);
    home = copy_of(&w->control.plan, &home_room);
    ck_assert_int_eq(say(OPERATOR_DRAIN, SUBJECT_IDC, BEIJING, 0), FOLD_ACCEPTED);
    expect_stillness(30 * US_PER_SEC);
    ck_assert(at_home());
}
END_TEST

START_TEST(law_12_a_stateful_service_moves_when_it_is_named)
{
    uint32_t ledger = world_slots(w, LEDGER_BEIJING);
    ck_assert_uint_gt(ledger, 0);
    ck_assert_int_eq(say(OPERATOR_DRAIN, SUBJECT_IDC, BEIJING, 0), FOLD_ACCEPTED);
    world_run(w, 60 * US_PER_SEC, STEP_US, 20);
    ck_assert_uint_eq(world_slots(w, WEB_BEIJING), 0);
    ck_assert_uint_eq(world_slots(w, LEDGER_BEIJING), ledger);
    ck_assert_int_eq(say(OPERATOR_DRAIN, SUBJECT_ENTRANCE, LEDGER_BEIJING, 0), FOLD_ACCEPTED);
    expect_stillness(20 * US_PER_SEC);
    ck_assert_int_eq(say(OPERATOR_DRAIN, SUBJECT_SERVICE, LEDGER, BEIJING), FOLD_ACCEPTED);
    world_run(w, 60 * US_PER_SEC, STEP_US, 20);
    ck_assert_uint_eq(world_slots(w, LEDGER_BEIJING), 0);
    /* It comes back by a word only. */
    ck_assert_int_eq(say(OPERATOR_UNDRAIN, SUBJECT_SERVICE, LEDGER, BEIJING), FOLD_ACCEPTED);
    ck_assert_int_eq(say(OPERATOR_UNDRAIN, SUBJECT_IDC, BEIJING, 0), FOLD_ACCEPTED);
    world_run(w, 90 * US_PER_SEC, STEP_US, 30);
    ck_assert_uint_eq(world_slots(w, WEB_BEIJING), 4);
    ck_assert_uint_eq(world_slots(w, LEDGER_BEIJING), 0);
    ck_assert_int_eq(say(OPERATOR_DRAIN, SUBJECT_SERVICE, LEDGER, SHENZHEN), FOLD_ACCEPTED);
    world_run(w, 60 * US_PER_SEC, STEP_US, 20);
    ck_assert_uint_gt(world_slots(w, LEDGER_BEIJING), 0);
    ck_assert_uint_eq(world_slots(w, LEDGER_SHENZHEN), 0);
}
END_TEST

/* One carrier of an IDC: the views of the other one stay. */
START_TEST(a_drain_of_a_carrier_at_an_idc_moves_its_views_only)
{
    struct answer *other = plan_answer(&w->control.plan, WEB, 0);
    uint16_t drained = w->fleet->views[0].carrier;
    ck_assert_int_eq(say(OPERATOR_DRAIN, SUBJECT_CARRIER_AT, drained, BEIJING), FOLD_ACCEPTED);
    world_run(w, 60 * US_PER_SEC, STEP_US, 20);
    for (uint16_t v = 0; v < w->fleet->view_count; v++) {
        other = plan_answer(&w->control.plan, WEB, v);
        const struct answer *was = plan_answer(home, WEB, v);
        for (uint8_t i = 0; i < other->count; i++) {
            if (w->fleet->views[v].carrier == drained) {
                ck_assert_uint_ne(other->slots[i].entrance, WEB_BEIJING);
            } else {
                ck_assert_uint_eq(other->slots[i].entrance, was->slots[i].entrance);
            }
        }
    }
}
END_TEST

/* A death is more urgent than an evacuation, and what is drained receives nothing of it. */
START_TEST(a_rescue_goes_on_during_a_drain)
{
    ck_assert_int_eq(say(OPERATOR_DRAIN, SUBJECT_IDC, BEIJING, 0), FOLD_ACCEPTED);
    (void)await(DECIDE_SHIFT, 3 * US_PER_SEC);
    uint32_t left = world_slots(w, WEB_BEIJING);
    w->idc_dead[SHENZHEN] = true;
    (void)await(DECIDE_RESCUE, 10 * US_PER_SEC);
    ck_assert_uint_eq(world_slots(w, WEB_SHENZHEN), 0);
    ck_assert_uint_le(world_slots(w, WEB_BEIJING), left);
}
END_TEST

START_TEST(what_is_drained_serves_when_nothing_else_does)
{
    ck_assert_int_eq(say(OPERATOR_DRAIN, SUBJECT_IDC, BEIJING, 0), FOLD_ACCEPTED);
    world_run(w, 60 * US_PER_SEC, STEP_US, 20);
    ck_assert_uint_eq(world_slots(w, WEB_BEIJING), 0);
    w->service_dead[WEB * 3 + SHANGHAI] = true;
    w->service_dead[WEB * 3 + SHENZHEN] = true;
    world_run(w, 20 * US_PER_SEC, STEP_US, 10);
    ck_assert_uint_eq(world_slots(w, WEB_BEIJING), 16);
}
END_TEST

/* --- Demote, pin, freeze ------------------------------------------------------------------------
 */

START_TEST(a_demotion_holds_until_it_is_taken_back)
{
    struct operator_record o = {
        .command = OPERATOR_DEMOTE, .subject = {SUBJECT_FEATURES, 0, WEB}, .tier = 2};
    ck_assert_int_eq(world_command(w, &o), FOLD_ACCEPTED);
    (void)await(DECIDE_SHED, US_PER_SEC);
    ck_assert_uint_eq(w->decide.change_count, 1);
    ck_assert_uint_eq(*plan_tier_limit(&w->control.plan, 0, WEB), 1);
    expect_stillness(20 * US_PER_SEC);
    ck_assert_int_eq(say(OPERATOR_PROMOTE, SUBJECT_FEATURES, 0, WEB), FOLD_ACCEPTED);
    (void)await(DECIDE_PROMOTE, 3 * US_PER_SEC);
    world_run(w, 30 * US_PER_SEC, STEP_US, 20);
    ck_assert(at_home());
    ck_assert_uint_eq(w->control.order_count, 0);
}
END_TEST

START_TEST(a_pinned_share_neither_leaves_nor_comes)
{
    ck_assert_int_eq(say(OPERATOR_PIN, SUBJECT_IDC, BEIJING, 0), FOLD_ACCEPTED);
    w->idc_dead[BEIJING] = true;
    world_run(w, 10 * US_PER_SEC, STEP_US, 10);
    ck_assert_uint_eq(world_slots(w, WEB_BEIJING), 4);
    ck_assert_ptr_nonnull(world_incident(w, INCIDENT_IDC_OUTAGE, BEIJING, 0));
    w->service_dead[WEB * 3 + SHENZHEN] = true; /* its share goes to the one that is left */
    world_run(w, 10 * US_PER_SEC, STEP_US, 10);
    ck_assert_uint_eq(world_slots(w, WEB_SHENZHEN), 0);
    ck_assert_uint_eq(world_slots(w, WEB_BEIJING), 4);
    release(1);
    (void)await(DECIDE_RESCUE, US_PER_SEC);
    ck_assert_uint_eq(world_slots(w, WEB_BEIJING), 0);
}
END_TEST

START_TEST(a_frozen_plan_does_not_change_and_says_so)
{
    ck_assert_int_eq(say(OPERATOR_FREEZE, 0, 0, 0), FOLD_ACCEPTED);
    w->idc_dead[BEIJING] = true;
    for (int i = 0; i < 200 && w->control.incident_count == 0; i++) {
        (void)world_tick(w, STEP_US);
    }
    ck_assert_ptr_nonnull(world_incident(w, INCIDENT_IDC_OUTAGE, BEIJING, 0));
    ck_assert(stopped_by(GUARD_FREEZE));
    ck_assert_int_eq(say(OPERATOR_DRAIN, SUBJECT_IDC, SHENZHEN, 0), FOLD_ACCEPTED);
    expect_stillness(10 * US_PER_SEC);
    ck_assert(at_home());
    release(1);
    (void)await(DECIDE_RESCUE, US_PER_SEC);
}
END_TEST

/* --- Undo ---------------------------------------------------------------------------------------
 */

/* The inverse of the newest decision, as the daemon reads it from the journal. */
static struct change *inverse(uint32_t *ret_count)
{
    struct change *ch = calloc(w->decide.change_count, sizeof *ch);
    ck_assert_ptr_nonnull(ch);
    memcpy(ch, w->decide.changes, w->decide.change_count * sizeof *ch);
    *ret_count = w->decide.change_count;
    changes_invert(ch, *ret_count);
    return ch;
}

static enum fold_void undo(int64_t offset, struct change *ch, uint32_t count)
{
    struct operator_record o = {.command = OPERATOR_UNDO,
                                .argument = (uint64_t)offset,
                                .change_count = count,
                                .changes = ch};
    return world_command(w, &o);
}

/* The newest decision is undone by the next one, whole. */
static void expect_undone(int64_t offset)
{
    uint32_t count;
    struct change *ch = inverse(&count);
    ck_assert_int_eq(undo(offset, ch, count), FOLD_ACCEPTED);
    ck_assert_int_eq(world_tick(w, STEP_US), DECIDE_REVERT);
    ck_assert_uint_eq(w->decide.concerns, (uint64_t)offset);
    ck_assert_uint_eq(w->decide.order, w->control.next_order - 1);
    ck_assert_uint_eq(w->decide.change_count, count);
    for (uint32_t i = 0; i < count; i++) {
        changes_invert(&ch[i], 1);
        ck_assert(plan_has(&w->control.plan, &ch[i]));
    }
    free(ch);
}

static int64_t rescued(void)
{
    w->idc_dead[BEIJING] = true;
    int64_t offset = await(DECIDE_RESCUE, 10 * US_PER_SEC);
    return offset;
}

START_TEST(undo_of_a_rescue_waits_while_its_source_is_dead)
{
    uint32_t count;
    int64_t offset = rescued();
    struct change *ch = inverse(&count);
    ck_assert_int_eq(undo(offset, ch, count), FOLD_ACCEPTED);
    for (int i = 0; i < 100; i++) {
        (void)world_tick(w, STEP_US);
        ck_assert_uint_eq(world_slots(w, WEB_BEIJING), 0);
    }
    w->idc_dead[BEIJING] = false; /* nobody has to approve: the undo was a person's word */
    for (int i = 0; i < 100 && world_slots(w, WEB_BEIJING) == 0; i++) {
        (void)world_tick(w, STEP_US);
    }
    ck_assert_uint_eq(world_slots(w, WEB_BEIJING), 4);
    ck_assert_int_eq(w->decide.purpose, DECIDE_REVERT);
    expect_stillness(20 * US_PER_SEC);
    free(ch);
}
END_TEST

START_TEST(what_was_undone_stays_undone_until_released)
{
    int64_t offset = rescued();
    w->idc_dead[BEIJING] = false;
    uint32_t count;
    struct change *ch = inverse(&count);
    world_run(w, 2 * US_PER_SEC, STEP_US, 10);
    ck_assert_int_eq(undo(offset, ch, count), FOLD_ACCEPTED);
    ck_assert_int_eq(world_tick(w, STEP_US), DECIDE_REVERT);
    w->idc_dead[BEIJING] = true; /* pinned by a person's word: it is not moved again */
    world_run(w, 10 * US_PER_SEC, STEP_US, 10);
    ck_assert_uint_eq(world_slots(w, WEB_BEIJING), 4);
    release(1);
    (void)await(DECIDE_RESCUE, US_PER_SEC);
    ck_assert_uint_eq(world_slots(w, WEB_BEIJING), 0);
    free(ch);
}
END_TEST

START_TEST(undo_of_a_shed)
{
    struct operator_record o = {
        .command = OPERATOR_DEMOTE, .subject = {SUBJECT_FEATURES, 0, WEB}, .tier = 2};
    ck_assert_int_eq(world_command(w, &o), FOLD_ACCEPTED);
    int64_t offset = await(DECIDE_SHED, US_PER_SEC);
    uint32_t count;
    struct change *ch = inverse(&count);
    ck_assert_int_eq(undo(offset, ch, count), FOLD_ACCEPTED);
    expect_stillness(2 * US_PER_SEC); /* a person's demotion stands against it */
    ck_assert_int_eq(say(OPERATOR_PROMOTE, SUBJECT_FEATURES, 0, WEB), FOLD_ACCEPTED);
    ck_assert_int_eq(world_tick(w, STEP_US), DECIDE_REVERT);
    ck_assert(at_home());
    free(ch);
}
END_TEST

START_TEST(undo_of_a_shed_that_capacity_needs_is_refused)
{
    ck_assert_int_eq(say(OPERATOR_DRAIN, SUBJECT_IDC, BEIJING, 0), FOLD_ACCEPTED);
    int64_t offset = await(DECIDE_SHED, US_PER_SEC);
    uint32_t count;
    struct change *ch = inverse(&count);
    world_run(w, 60 * US_PER_SEC, STEP_US, 20);
    ck_assert_uint_eq(world_slots(w, WEB_BEIJING), 0);
    ck_assert_int_eq(undo(offset, ch, count), FOLD_ACCEPTED);
    expect_stillness(5 * US_PER_SEC);
    free(ch);
}
END_TEST

START_TEST(undo_of_a_shift_and_of_a_restore)
{
    ck_assert_int_eq(say(OPERATOR_DRAIN, SUBJECT_IDC, BEIJING, 0), FOLD_ACCEPTED);
    int64_t offset = await(DECIDE_SHIFT, 3 * US_PER_SEC);
    uint32_t count;
    struct change *ch = inverse(&count);
    ck_assert_int_eq(undo(offset, ch, count), FOLD_ACCEPTED);
    expect_stillness(US_PER_SEC); /* the drain itself forbids it ... */
    free(ch);
    ck_assert_int_eq(say(OPERATOR_UNDRAIN, SUBJECT_IDC, BEIJING, 0), FOLD_ACCEPTED);
    ck_assert_int_eq(world_tick(w, STEP_US), DECIDE_REVERT); /* ... as long as it is in force */
    ck_assert_uint_eq(world_slots(w, WEB_BEIJING), 4);
    release(2);
    ck_assert_int_eq(say(OPERATOR_DRAIN, SUBJECT_IDC, BEIJING, 0), FOLD_ACCEPTED);
    world_run(w, 60 * US_PER_SEC, STEP_US, 20);
    ck_assert_int_eq(say(OPERATOR_UNDRAIN, SUBJECT_IDC, BEIJING, 0), FOLD_ACCEPTED);
    offset = await(DECIDE_RESTORE, 3 * US_PER_SEC);
    expect_undone(offset);
    uint32_t slots = world_slots(w, WEB_BEIJING);
    world_run(w, 60 * US_PER_SEC, STEP_US, 20);
    ck_assert_uint_eq(world_slots(w, WEB_BEIJING), slots);
    release(w->control.next_order - 1);
    world_run(w, 90 * US_PER_SEC, STEP_US, 30);
    ck_assert(at_home());
    ck_assert_uint_eq(w->control.order_count, 0);
}
END_TEST

START_TEST(undo_of_a_promotion)
{
    struct operator_record o = {
        .command = OPERATOR_DEMOTE, .subject = {SUBJECT_FEATURES, 0, WEB}, .tier = 2};
    ck_assert_int_eq(world_command(w, &o), FOLD_ACCEPTED);
    (void)await(DECIDE_SHED, US_PER_SEC);
    ck_assert_int_eq(say(OPERATOR_PROMOTE, SUBJECT_FEATURES, 0, WEB), FOLD_ACCEPTED);
    int64_t offset = await(DECIDE_PROMOTE, 3 * US_PER_SEC);
    expect_undone(offset);
    ck_assert_uint_eq(*plan_tier_limit(&w->control.plan, 0, WEB), 1);
    expect_stillness(20 * US_PER_SEC);
}
END_TEST

START_TEST(undo_of_routes)
{
    w->link_cut[0] = true;
    int64_t offset = await(DECIDE_ROUTES, 10 * US_PER_SEC);
    uint32_t count;
    struct change *ch = inverse(&count);
    ck_assert_int_eq(undo(offset, ch, count), FOLD_ACCEPTED);
    for (int i = 0; i < 40; i++) { /* over the cut link it does not lead back */
        (void)world_tick(w, STEP_US);
        ck_assert_uint_ne(plan_hops(&w->control.plan, BEIJING, SHANGHAI)->links[0], 0);
    }
    w->link_cut[0] = false;
    for (int i = 0; i < 400 && w->decide.purpose != DECIDE_REVERT; i++) {
        (void)world_tick(w, STEP_US);
    }
    ck_assert_uint_eq(plan_hops(&w->control.plan, BEIJING, SHANGHAI)->links[0], 0);
    free(ch);
}
END_TEST

START_TEST(an_undo_passes_a_freeze)
{
    ck_assert_int_eq(say(OPERATOR_DRAIN, SUBJECT_IDC, BEIJING, 0), FOLD_ACCEPTED);
    int64_t offset = await(DECIDE_SHIFT, 3 * US_PER_SEC);
    uint32_t count;
    struct change *ch = inverse(&count);
    ck_assert_int_eq(say(OPERATOR_FREEZE, 0, 0, 0), FOLD_ACCEPTED);
    ck_assert_int_eq(say(OPERATOR_UNDRAIN, SUBJECT_IDC, BEIJING, 0), FOLD_ACCEPTED);
    expect_stillness(5 * US_PER_SEC);
    ck_assert_int_eq(undo(offset, ch, count), FOLD_ACCEPTED);
    ck_assert_int_eq(world_tick(w, STEP_US), DECIDE_REVERT);
    ck_assert_uint_eq(world_slots(w, WEB_BEIJING), 4);
    expect_stillness(5 * US_PER_SEC);
    free(ch);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("decide-orders");
    TCase *t = tcase_create("orders");
    tcase_add_checked_fixture(t, setup, teardown);
    tcase_set_timeout(t, 120);
    tcase_add_test(t, a_drain_is_a_demotion_and_then_steps_and_the_way_home_is_steps);
    tcase_add_test(t, the_shift_waits_until_its_demotion_is_in_force);
    tcase_add_test(t, a_drain_ends_by_its_time);
    tcase_add_test(t, law_5_the_last_one_is_not_drained);
    tcase_add_test(t, law_6_the_newest_drain_gives_way);
    tcase_add_test(t, law_6_a_drain_does_not_overload_the_others);
    tcase_add_test(t, law_12_a_stateful_service_moves_when_it_is_named);
    tcase_add_test(t, a_drain_of_a_carrier_at_an_idc_moves_its_views_only);
    tcase_add_test(t, a_rescue_goes_on_during_a_drain);
    tcase_add_test(t, what_is_drained_serves_when_nothing_else_does);
    tcase_add_test(t, a_demotion_holds_until_it_is_taken_back);
    tcase_add_test(t, a_pinned_share_neither_leaves_nor_comes);
    tcase_add_test(t, a_frozen_plan_does_not_change_and_says_so);
    tcase_add_test(t, undo_of_a_rescue_waits_while_its_source_is_dead);
    tcase_add_test(t, what_was_undone_stays_undone_until_released);
    tcase_add_test(t, undo_of_a_shed);
    tcase_add_test(t, undo_of_a_shed_that_capacity_needs_is_refused);
    tcase_add_test(t, undo_of_a_shift_and_of_a_restore);
    tcase_add_test(t, undo_of_a_promotion);
    tcase_add_test(t, undo_of_routes);
    tcase_add_test(t, an_undo_passes_a_freeze);
    suite_add_tcase(s, t);
    SRunner *r = srunner_create(s);
    srunner_run_all(r, CK_ENV);
    int failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
