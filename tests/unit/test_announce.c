/* test_announce.c: who announces an anycast service: withdrawn where it is dead or drained, back in
 * steps, never the last one; through diagnose, decide and the production fold. */
#include "core/act.h"
#include "core/announce.h"
#include "core/explain.h"
#include "core/guard.h"
#include "core/routes.h"
#include "core_world.h"
#include "fold/fold_internal.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

enum { WEB, LEDGER };
enum { BEIJING, SHANGHAI, SHENZHEN };

#define STEP_US (50 * US_PER_MS)

static struct world *w;

/* The example fleet, with web announced by its three IDCs. */
static void setup(void)
{
    struct world *plain = world_of_yaml(FLEETS "/three-idc.yaml");
    struct fleet f = *plain->fleet;
    f.services[WEB].anycast_count = 1;
    f.services[WEB].anycast[0] = (struct prefix){{4, {203, 0, 113}}, 24};
    w = world_of_fleet(&f);
    world_free(plain);
    ck_assert_uint_eq(world_run(w, 10 * US_PER_SEC, STEP_US, 0), 0);
}

static void teardown(void)
{
    world_free(w);
}

static bool announces(uint16_t idc)
{
    return *plan_announced(&w->control.plan, WEB, idc) == 1;
}

static bool announced_by(bool beijing, bool shanghai, bool shenzhen)
{
    return announces(BEIJING) == beijing && announces(SHANGHAI) == shanghai &&
           announces(SHENZHEN) == shenzhen;
}

/* What the plan in force says from now on, as if decisions had led there. */
static void put(uint16_t idc, uint8_t bit)
{
    *plan_announced(&w->control.plan, WEB, idc) = bit;
    w->control.plan.fence.digest = plan_digest(&w->control.plan);
}

static enum decide_purpose await_change(int64_t within_us)
{
    struct digest before = w->control.plan.fence.digest;
    for (int64_t t = 0; t < within_us; t += STEP_US) {
        enum decide_purpose p = world_tick(w, STEP_US);
        if (digest_compare(&before, &w->control.plan.fence.digest) != 0) {
            return p;
        }
    }
    return 0;
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

static enum fold_void say(enum operator_command command, enum subject_kind kind, uint16_t a,
                          uint16_t b)
{
    struct operator_record o = {.command = command, .subject = {kind, a, b}};
    return world_command(w, &o);
}

START_TEST(every_idc_that_serves_announces_and_no_other_service_does)
{
    ck_assert(announced_by(true, true, true));
    for (uint16_t x = 0; x < w->fleet->idc_count; x++) {
        ck_assert_uint_eq(*plan_announced(&w->control.plan, LEDGER, x), 0);
    }
    ck_assert_uint_eq(fleet_announce_bound(w->fleet), 3);
}
END_TEST

/* In the same decision as the slots; back only with a person's word, and in the restore's steps. */
START_TEST(a_dead_idc_is_withdrawn_and_comes_back_by_approval)
{
    w->idc_dead[BEIJING] = true;
    ck_assert_int_eq(await_change(5 * US_PER_SEC), DECIDE_RESCUE);
    ck_assert(announced_by(false, true, true));
    w->idc_dead[BEIJING] = false;
    world_run(w, 60 * US_PER_SEC, STEP_US, 5);
    ck_assert(announced_by(false, true, true));
    world_approve(w, world_incident(w, INCIDENT_IDC_OUTAGE, BEIJING, 0)->id);
    ck_assert_int_eq(await_change(5 * US_PER_SEC), DECIDE_RESTORE);
    ck_assert(announced_by(true, true, true));
    world_run(w, 60 * US_PER_SEC, STEP_US, 20);
    ck_assert_uint_eq(w->control.incident_count, 0);
}
END_TEST

START_TEST(a_service_that_dies_everywhere_keeps_its_last_announcer)
{
    for (uint16_t x = 0; x < w->fleet->idc_count; x++) {
        w->service_dead[WEB * w->fleet->idc_count + x] = true;
        world_run(w, 10 * US_PER_SEC, STEP_US, 10);
    }
    ck_assert(announced_by(false, false, true));
    ck_assert(stopped_by(GUARD_LAST_IDC));
    w->service_dead[WEB * w->fleet->idc_count + BEIJING] = false;
    world_approve(w, world_incident(w, INCIDENT_GRAY_FAILURE, WEB, BEIJING)->id);
    world_run(w, 120 * US_PER_SEC, STEP_US, 40);
    ck_assert(announces(BEIJING)); /* it is good: so the dead one need not be the last any more */
    ck_assert(!announces(SHENZHEN));
}
END_TEST

START_TEST(all_at_once_withdraws_nothing)
{
    for (uint16_t x = 0; x < w->fleet->idc_count; x++) {
        w->service_dead[WEB * w->fleet->idc_count + x] = true;
    }
    world_run(w, 30 * US_PER_SEC, STEP_US, 20);
    ck_assert(announced_by(true, true, true));
}
END_TEST

START_TEST(silence_withdraws_nothing)
{
    for (uint16_t x = 0; x < w->fleet->idc_count; x++) {
        w->mood[x] = MOOD_SILENT;
    }
    world_run(w, 60 * US_PER_SEC, STEP_US, 5);
    ck_assert(announced_by(true, true, true));
}
END_TEST

/* Who is withdrawn for another reason and good is called in when the only announcer dies. */
START_TEST(a_rescue_calls_in_who_is_good)
{
    put(SHANGHAI, 0);
    put(SHENZHEN, 0);
    w->service_dead[WEB * w->fleet->idc_count + BEIJING] = true;
    ck_assert_int_eq(await_change(5 * US_PER_SEC), DECIDE_RESCUE);
    ck_assert(announced_by(false, true, true));
}
END_TEST

START_TEST(a_drain_withdraws_and_its_end_announces_again)
{
    ck_assert_int_eq(say(OPERATOR_DRAIN, SUBJECT_SERVICE, WEB, BEIJING), FOLD_ACCEPTED);
    world_run(w, 60 * US_PER_SEC, STEP_US, 20);
    ck_assert(announced_by(false, true, true));
    ck_assert_int_eq(say(OPERATOR_UNDRAIN, SUBJECT_SERVICE, WEB, BEIJING), FOLD_ACCEPTED);
    world_run(w, 90 * US_PER_SEC, STEP_US, 30);
    ck_assert(announced_by(true, true, true));
    ck_assert_uint_eq(w->control.order_count, 0);
}
END_TEST

/* A drain of a place without slots is still a step. */
START_TEST(a_drain_moves_an_announcement_alone)
{
    ck_assert_int_eq(say(OPERATOR_DRAIN, SUBJECT_SERVICE, WEB, BEIJING), FOLD_ACCEPTED);
    world_run(w, 60 * US_PER_SEC, STEP_US, 20);
    put(BEIJING, 1);
    ck_assert_int_eq(await_change(5 * US_PER_SEC), DECIDE_SHIFT);
    ck_assert(announced_by(false, true, true));
}
END_TEST

START_TEST(drains_of_all_leave_the_last)
{
    for (uint16_t x = 0; x < w->fleet->idc_count; x++) {
        (void)say(OPERATOR_DRAIN, SUBJECT_SERVICE, WEB, x);
        world_run(w, 60 * US_PER_SEC, STEP_US, 40);
    }
    ck_assert(announces(BEIJING) || announces(SHANGHAI) || announces(SHENZHEN));
}
END_TEST

START_TEST(a_pin_keeps_it)
{
    ck_assert_int_eq(say(OPERATOR_PIN, SUBJECT_SERVICE, WEB, BEIJING), FOLD_ACCEPTED);
    w->idc_dead[BEIJING] = true;
    world_run(w, 30 * US_PER_SEC, STEP_US, 20);
    ck_assert(announces(BEIJING));
}
END_TEST

/* --- The guard, whatever proposes
 * -----------------------------------------------------------------
 */

struct bench {
    void *room;
    struct outlook o;
    struct casebook cases;
    struct planner planner;
    struct plan to;
    struct guard_result results[RECORD_MAX_GUARDS];
    struct guard_log log;
};

static void take(struct bench *b)
{
    const struct fleet *f = w->fleet;
    struct arena a;
    size_t size = decide_arena_size(f);
    memset(b, 0, sizeof *b);
    b->room = calloc(1, size);
    ck_assert_ptr_nonnull(b->room);
    arena_init(&a, b->room, size);
    world_look(w);
    ck_assert_int_eq(outlook_new(&w->control, &w->diagnosis, w->now, &a, &b->o), OK);
    cases_begin(&b->cases, &w->control);
    outlook_fill(&b->o, &b->cases);
    ck_assert_int_eq(planner_new(f, NULL, b->o.dead, b->o.usable, &a, &b->planner), OK);
    ck_assert_int_eq(plan_new(f, &a, &b->to), OK);
    plan_copy(&b->to, &w->control.plan);
    b->log.at = b->results;
}

/* The bits of web after the guards. */
static unsigned guarded(struct bench *b, enum decide_purpose purpose)
{
    unsigned bits = 0;
    guard_check(&b->o, purpose, &b->planner.load, &b->to, &b->log);
    for (uint16_t x = 0; x < 3; x++) {
        bits |= (unsigned)*plan_announced(&b->to, WEB, x) << x;
    }
    free(b->room);
    return bits;
}

static void propose(struct bench *b, unsigned bits)
{
    take(b);
    for (uint16_t x = 0; x < 3; x++) {
        *plan_announced(&b->to, WEB, x) = bits >> x & 1;
    }
}

START_TEST(no_proposal_withdraws_the_good_or_the_last)
{
    static const enum decide_purpose all[] = {DECIDE_RESCUE,  DECIDE_SHED,    DECIDE_SHIFT,
                                              DECIDE_RESTORE, DECIDE_PROMOTE, DECIDE_NOTE};
    struct bench b;
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) {
        for (unsigned bits = 0; bits < 7; bits++) {
            propose(&b, bits);
            ck_assert_uint_eq(guarded(&b, all[i]), 7);
        }
    }
    for (unsigned bits = 1; bits < 7; bits++) { /* a person's undo may, but for the last */
        propose(&b, bits);
        ck_assert_uint_eq(guarded(&b, DECIDE_REVERT), bits);
    }
    propose(&b, 0);
    ck_assert_uint_ne(guarded(&b, DECIDE_REVERT), 0);
}
END_TEST

START_TEST(nobody_announces_before_it_has_held)
{
    struct bench b;
    put(BEIJING, 0);
    w->service_dead[WEB * w->fleet->idc_count + BEIJING] = true;
    world_run(w, 10 * US_PER_SEC, STEP_US, 5);
    w->service_dead[WEB * w->fleet->idc_count + BEIJING] = false;
    world_run(w, US_PER_SEC, STEP_US, 2);
    propose(&b, 7);
    ck_assert_uint_eq(guarded(&b, DECIDE_RESTORE), 6);
}
END_TEST

START_TEST(what_is_pinned_is_not_undone)
{
    struct bench b;
    ck_assert_int_eq(say(OPERATOR_PIN, SUBJECT_SERVICE, WEB, BEIJING), FOLD_ACCEPTED);
    propose(&b, 6);
    ck_assert_uint_eq(guarded(&b, DECIDE_REVERT), 7);
}
END_TEST

/* --- The planner's side, without the guards behind it
 * ---------------------------------------------
 */

static void all_of_web(const struct bench *b, bool *set, bool value)
{
    for (uint16_t e = 0; e < w->fleet->entrance_count; e++) {
        for (uint16_t c = 0; w->fleet->entrances[e].service == WEB && c < w->fleet->carrier_count;
             c++) {
            set[path_index(b->o.f, e, c)] = value;
        }
    }
}

START_TEST(a_rescue_from_everywhere_proposes_nothing)
{
    struct bench b;
    take(&b);
    all_of_web(&b, b.o.dead, true);
    all_of_web(&b, b.o.usable, false);
    announce_rescue(&b.o, &b.to);
    ck_assert_uint_eq(announce_moves(&b.to, &w->control.plan), 0);
    free(b.room);
}
END_TEST

START_TEST(a_step_waits_for_what_has_not_held)
{
    struct bench b;
    uint32_t blocked = 0;
    put(BEIJING, 0);
    propose(&b, 6);
    put(BEIJING, 1); /* the target: home */
    all_of_web(&b, b.o.settled, false);
    ck_assert_uint_eq(announce_step(&b.o, &w->control.plan, false, &b.to, &blocked), 0);
    ck_assert_uint_eq(blocked, 1);
    all_of_web(&b, b.o.settled, true);
    ck_assert_uint_eq(announce_step(&b.o, &w->control.plan, false, &b.to, &blocked), 1);
    ck_assert_uint_eq(*plan_announced(&b.to, WEB, BEIJING), 1);
    free(b.room);
}
END_TEST

/* --- Plan, fold, effect, sentence
 * -----------------------------------------------------------------
 */

START_TEST(the_fold_refuses_a_plan_without_an_announcer)
{
    ck_assert_ptr_null(plan_broken(w->fleet, &w->control.plan));
    put(BEIJING, 0);
    put(SHANGHAI, 0);
    ck_assert_ptr_null(plan_broken(w->fleet, &w->control.plan));
    put(SHENZHEN, 0);
    ck_assert_str_eq(plan_broken(w->fleet, &w->control.plan),
                     "an anycast service is announced nowhere");
    put(SHENZHEN, 2);
    ck_assert_ptr_nonnull(plan_broken(w->fleet, &w->control.plan));
    put(SHENZHEN, 1);
    *plan_announced(&w->control.plan, LEDGER, BEIJING) = 1;
    ck_assert_str_eq(plan_broken(w->fleet, &w->control.plan),
                     "an IDC announces what it does not serve");
    struct change ch = {.kind = CHANGE_ANNOUNCE, .a = WEB, .b = SHENZHEN, .announced = {1, 0}};
    ck_assert_ptr_null(change_broken(w->fleet, &ch));
    ch.a = LEDGER;
    ck_assert_ptr_nonnull(change_broken(w->fleet, &ch));
}
END_TEST

START_TEST(the_shape_of_a_plan_has_its_announcements)
{
    struct digest before = plan_shape_digest(&w->control.plan);
    put(BEIJING, 0);
    struct digest after = plan_shape_digest(&w->control.plan);
    ck_assert_int_ne(digest_compare(&before, &after), 0);
}
END_TEST

START_TEST(this_idcs_announcements_go_with_its_routes)
{
    struct arena a;
    struct routes r;
    size_t size = routes_arena_size(w->fleet);
    void *room = malloc(size);
    arena_init(&a, room, size);
    ck_assert_int_eq(routes_new(w->fleet, &a, &r), OK);
    routes_plan(&r, w->fleet, &w->control.plan, BEIJING);
    ck_assert(r.changed && r.announced[WEB] == 1 && r.announced[LEDGER] == 0);
    r.changed = false;
    routes_plan(&r, w->fleet, &w->control.plan, BEIJING);
    put(SHANGHAI, 0); /* another IDC's */
    routes_plan(&r, w->fleet, &w->control.plan, BEIJING);
    ck_assert(!r.changed);
    put(BEIJING, 0);
    routes_plan(&r, w->fleet, &w->control.plan, BEIJING);
    ck_assert(r.changed && r.announced[WEB] == 0);
    free(room);
}
END_TEST

/* Runs the actuators once; the routes effect that came of it, answered at once. */
static const struct effect *run_act(struct act *act, struct out *o, struct effect *effects)
{
    o->count = 0;
    o->now.us += US_PER_SEC;
    act_run(act, o, false);
    for (uint32_t i = 0; i < o->count; i++) {
        if (effects[i].kind == EFFECT_ROUTES) {
            struct outcome done = {
                .actuator = ACTUATOR_ROUTES, .target = BEIJING, .fence = effects[i].routes.fence};
            act_outcome(act, o, &done);
            return &effects[i];
        }
    }
    return NULL;
}

/* Law 7: a journal may be older than a withdrawal. */
START_TEST(a_journal_alone_announces_nothing)
{
    struct arena a;
    struct act act;
    static struct effect effects[REPLICA_MAX_EFFECTS];
    struct out o = {.control = &w->control, .effects = effects, .max = REPLICA_MAX_EFFECTS};
    size_t size = act_arena_size(w->fleet);
    void *room = malloc(size);
    arena_init(&a, room, size);
    ck_assert_int_eq(act_new(w->fleet, &a, &act), OK);
    act_adopt(&act, &w->control, BEIJING, o.now);
    const struct effect *e = run_act(&act, &o, effects);
    ck_assert(e != NULL && e->routes.count > 0 && e->routes.announced == NULL);
    act_current(&act);
    e = run_act(&act, &o, effects);
    ck_assert(e != NULL && e->routes.announced != NULL && e->routes.announced[WEB] == 1);
    w->control.plan.fence.generation++; /* a newer plan that is not acted upon yet */
    act.routes.changed = true;
    e = run_act(&act, &o, effects);
    ck_assert(e != NULL && e->routes.announced == NULL);
    free(room);
}
END_TEST

START_TEST(a_change_is_a_sentence)
{
    char room[256];
    struct change ch = {.kind = CHANGE_ANNOUNCE, .a = WEB, .b = SHANGHAI, .announced = {1, 0}};
    struct text t = text_over(room, sizeof room);
    explain_change(w->fleet, &ch, &t);
    ck_assert_str_eq(room, "web at shanghai: withdrawn from BGP");
    changes_invert(&ch, 1);
    t = text_over(room, sizeof room);
    explain_change(w->fleet, &ch, &t);
    ck_assert_str_eq(room, "web at shanghai: announced by BGP again");
}
END_TEST

int main(void)
{
    Suite *s = suite_create("announce");
    TCase *t = tcase_create("announce");
    tcase_add_checked_fixture(t, setup, teardown);
    tcase_set_timeout(t, 60);
    tcase_add_test(t, every_idc_that_serves_announces_and_no_other_service_does);
    tcase_add_test(t, a_dead_idc_is_withdrawn_and_comes_back_by_approval);
    tcase_add_test(t, a_service_that_dies_everywhere_keeps_its_last_announcer);
    tcase_add_test(t, all_at_once_withdraws_nothing);
    tcase_add_test(t, silence_withdraws_nothing);
    tcase_add_test(t, a_rescue_calls_in_who_is_good);
    tcase_add_test(t, a_drain_withdraws_and_its_end_announces_again);
    tcase_add_test(t, a_drain_moves_an_announcement_alone);
    tcase_add_test(t, drains_of_all_leave_the_last);
    tcase_add_test(t, a_pin_keeps_it);
    tcase_add_test(t, no_proposal_withdraws_the_good_or_the_last);
    tcase_add_test(t, nobody_announces_before_it_has_held);
    tcase_add_test(t, what_is_pinned_is_not_undone);
    tcase_add_test(t, a_rescue_from_everywhere_proposes_nothing);
    tcase_add_test(t, a_step_waits_for_what_has_not_held);
    tcase_add_test(t, the_fold_refuses_a_plan_without_an_announcer);
    tcase_add_test(t, the_shape_of_a_plan_has_its_announcements);
    tcase_add_test(t, this_idcs_announcements_go_with_its_routes);
    tcase_add_test(t, a_journal_alone_announces_nothing);
    tcase_add_test(t, a_change_is_a_sentence);
    suite_add_tcase(s, t);
    SRunner *r = srunner_create(s);
    srunner_run_all(r, CK_ENV);
    int failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed == 0 ? 0 : 1;
}
