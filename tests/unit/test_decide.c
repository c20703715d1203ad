/* test_decide.c: whole stories through diagnose, decide and the production fold, and the laws they
 * obey. */
#include "core_world.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

enum { BEIJING, SHANGHAI, SHENZHEN };
#define MS US_PER_MS
#define S  US_PER_SEC

static struct world *three(void)
{
    return world_of_yaml(FLEETS "/three-idc.yaml");
}

static uint16_t entrance(const struct world *w, const char *name)
{
    uint16_t e = 0;
    while (e < w->fleet->entrance_count && strcmp(w->fleet->entrances[e].name, name) != 0) {
        e++;
    }
    ck_assert_uint_lt(e, w->fleet->entrance_count);
    return e;
}

static uint8_t limit(const struct world *w, uint16_t region)
{
    return *plan_tier_limit(&w->control.plan, region, 0);
}

/* The guard's result that did not pass, or NULL. */
static const struct guard_result *stopped(const struct world *w, enum guard guard)
{
    for (uint32_t i = 0; i < w->decide.guard_count; i++) {
        if (w->decide.guards[i].guard == guard && !w->decide.guards[i].passed) {
            return &w->decide.guards[i];
        }
    }
    return NULL;
}

START_TEST(quiet_decides_nothing)
{
    struct world *w = three();
    ck_assert_uint_eq(world_run(w, 20 * S, 100 * MS, 0), 0);
    ck_assert_uint_eq(w->control.plan.fence.generation, 1);
    world_free(w);
}
END_TEST

START_TEST(home_fits_and_is_preferred)
{
    struct world *w = three();
    ck_assert_uint_eq(world_slots(w, entrance(w, "web-beijing")), 4);
    ck_assert_uint_eq(world_slots(w, entrance(w, "web-shanghai")), 8);
    ck_assert_uint_eq(world_slots(w, entrance(w, "web-shenzhen")), 4);
    ck_assert_uint_eq(limit(w, 0), 3);
    world_free(w);
}
END_TEST

static void kill_beijing(struct world *w)
{
    w->idc_dead[BEIJING] = true;
    ck_assert_uint_eq(world_run(w, 1900 * MS, 50 * MS, 0), 0);
    enum decide_purpose p = 0;
    for (int i = 0; i < 4 && p == 0; i++) {
        p = world_tick(w, 50 * MS);
    }
    ck_assert_int_eq(p, DECIDE_RESCUE);
}

/* One generation: the dead IDC's slots, the receivers' demotions and the next hops. */
START_TEST(an_idc_dies)
{
    struct world *w = three();
    kill_beijing(w);
    ck_assert_uint_eq(w->control.plan.fence.generation, 2);
    ck_assert_uint_eq(world_slots(w, entrance(w, "web-beijing")), 0);
    ck_assert_uint_eq(world_slots(w, entrance(w, "web-shanghai")), 10);
    ck_assert_uint_eq(world_slots(w, entrance(w, "web-shenzhen")), 6);
    ck_assert_uint_eq(limit(w, 1), 2); /* the nearest receiver makes room, no other has to */
    ck_assert_uint_eq(limit(w, 2), 3);
    const struct incident *i = world_incident(w, INCIDENT_IDC_OUTAGE, BEIJING, 0);
    ck_assert_ptr_nonnull(i);
    ck_assert_int_eq(i->state, INCIDENT_CONFIRMED);
    ck_assert(i->needs_approval);
    ck_assert_uint_eq(w->control.incident_count, 1); /* its links are no incidents of their own */
    ck_assert_int_eq(world_tick(w, 50 * MS), DECIDE_NOTE);
    ck_assert_int_eq(world_incident(w, INCIDENT_IDC_OUTAGE, BEIJING, 0)->state, INCIDENT_MITIGATED);
    ck_assert_uint_eq(world_run(w, 60 * S, 100 * MS, 0), 0);
    world_free(w);
}
END_TEST

/* Law 12: stateful slots stay on the dead IDC, and the record says so. */
START_TEST(stateful_stays)
{
    struct world *w = three();
    uint32_t before = world_slots(w, entrance(w, "ledger-beijing"));
    ck_assert_uint_gt(before, 0);
    kill_beijing(w);
    ck_assert_uint_eq(world_slots(w, entrance(w, "ledger-beijing")), before);
    const struct guard_result *g = stopped(w, GUARD_STATEFUL);
    ck_assert_ptr_nonnull(g);
    ck_assert_uint_eq(g->subject.a, fleet_find_service(w->fleet, "ledger"));
    ck_assert_uint_eq(g->subject.b, BEIJING);
    world_free(w);
}
END_TEST

/* Law 7: nothing moves back without the person's word; then slots in steps, then features. */
START_TEST(restore_is_harder)
{
    struct world *w = three();
    struct plan home;
    struct arena a;
    size_t size = decide_arena_size(w->fleet);
    void *room = malloc(size);
    arena_init(&a, room, size);
    ck_assert_int_eq(plan_initial(w->fleet, &a, &home), OK);
    kill_beijing(w);
    world_run(w, 5 * S, 100 * MS, 1);
    w->idc_dead[BEIJING] = false;
    world_run(w, 60 * S, 100 * MS, 2); /* links come back by themselves, slots do not */
    ck_assert_uint_eq(world_slots(w, entrance(w, "web-beijing")), 0);
    world_approve(w, world_incident(w, INCIDENT_IDC_OUTAGE, BEIJING, 0)->id);
    ck_assert_int_eq(world_tick(w, 100 * MS), DECIDE_RESTORE);
    ck_assert_uint_eq(world_slots(w, entrance(w, "web-beijing")), 2);
    ck_assert_uint_eq(limit(w, 1), 2);
    ck_assert_uint_eq(world_run(w, 1900 * MS, 100 * MS, 0), 0);
    ck_assert_int_eq(world_tick(w, 100 * MS), DECIDE_RESTORE);
    ck_assert_uint_eq(world_slots(w, entrance(w, "web-beijing")), 4);
    ck_assert_uint_eq(world_run(w, 1900 * MS, 100 * MS, 0), 0);
    ck_assert_int_eq(world_tick(w, 100 * MS), DECIDE_PROMOTE);
    ck_assert_uint_eq(limit(w, 1), 3);
    ck_assert_uint_eq(world_run(w, 1900 * MS, 100 * MS, 0), 0);
    ck_assert_int_eq(world_tick(w, 100 * MS), DECIDE_NOTE);
    ck_assert_uint_eq(w->control.incident_count, 0);
    struct digest now = plan_digest(&w->control.plan);
    ck_assert_int_eq(digest_compare(&now, &home.fence.digest), 0);
    free(room);
    world_free(w);
}
END_TEST

/* An approval is for one return: when the IDC dies again on the way, it has to be given again. */
START_TEST(dies_again_while_recovering)
{
    struct world *w = three();
    kill_beijing(w);
    world_run(w, 5 * S, 100 * MS, 1);
    w->idc_dead[BEIJING] = false;
    world_run(w, 10 * S, 100 * MS, 2);
    world_approve(w, world_incident(w, INCIDENT_IDC_OUTAGE, BEIJING, 0)->id);
    ck_assert_int_eq(world_tick(w, 100 * MS), DECIDE_RESTORE);
    w->idc_dead[BEIJING] = true;
    world_run(w, 5 * S, 100 * MS, 3);
    ck_assert_uint_eq(world_slots(w, entrance(w, "web-beijing")), 0);
    const struct incident *i = world_incident(w, INCIDENT_IDC_OUTAGE, BEIJING, 0);
    ck_assert(!i->approved);
    ck_assert_int_eq(i->state, INCIDENT_MITIGATED);
    w->idc_dead[BEIJING] = false;
    world_run(w, 30 * S, 100 * MS, 2);
    ck_assert_uint_eq(world_slots(w, entrance(w, "web-beijing")), 0);
    world_free(w);
}
END_TEST

/* A blip on the way back, too short to be a death, starts the hold-down anew. */
START_TEST(a_blip_on_the_way_back)
{
    struct world *w = three();
    kill_beijing(w);
    world_run(w, 5 * S, 100 * MS, 1);
    w->idc_dead[BEIJING] = false;
    world_run(w, 10 * S, 100 * MS, 2);
    world_approve(w, world_incident(w, INCIDENT_IDC_OUTAGE, BEIJING, 0)->id);
    ck_assert_int_eq(world_tick(w, 100 * MS), DECIDE_RESTORE);
    w->idc_dead[BEIJING] = true;
    world_run(w, 1 * S, 100 * MS, 0);
    w->idc_dead[BEIJING] = false;
    ck_assert_uint_eq(world_run(w, 5 * S, 100 * MS, 0), 0);
    ck_assert_int_eq(world_tick(w, 100 * MS), DECIDE_RESTORE);
    world_free(w);
}
END_TEST

/* A service that is still dead while its IDC comes back belongs to the outage: one word of a person
 * is enough. */
START_TEST(a_slow_service_on_the_way_back)
{
    struct world *w = three();
    kill_beijing(w);
    world_run(w, 5 * S, 100 * MS, 1);
    w->service_dead[BEIJING] = true;
    w->idc_dead[BEIJING] = false;
    world_run(w, 5 * S, 100 * MS, 3);
    ck_assert_ptr_null(world_incident(w, INCIDENT_GRAY_FAILURE, 0, BEIJING));
    w->service_dead[BEIJING] = false;
    world_run(w, 10 * S, 100 * MS, 3);
    world_approve(w, world_incident(w, INCIDENT_IDC_OUTAGE, BEIJING, 0)->id);
    ck_assert_int_eq(world_tick(w, 100 * MS), DECIDE_RESTORE);
    world_free(w);
}
END_TEST

/* A second death during a restore comes first, and the returning IDC may receive. */
START_TEST(second_disaster_pre_empts)
{
    struct world *w = three();
    kill_beijing(w);
    world_run(w, 5 * S, 100 * MS, 1);
    w->idc_dead[BEIJING] = false;
    world_run(w, 10 * S, 100 * MS, 2);
    world_approve(w, world_incident(w, INCIDENT_IDC_OUTAGE, BEIJING, 0)->id);
    ck_assert_int_eq(world_tick(w, 100 * MS), DECIDE_RESTORE);
    w->idc_dead[SHENZHEN] = true;
    world_run(w, 10 * S, 50 * MS, 8);
    ck_assert_uint_eq(world_slots(w, entrance(w, "web-shenzhen")), 0);
    ck_assert_uint_gt(world_slots(w, entrance(w, "web-beijing")), 0);
    world_free(w);
}
END_TEST

/* Law 1: with all evidence lost, nothing is ever decided. */
/* Law 7: slots and features come back only while nobody is just dying: what looks dead may be it.
 */
START_TEST(comfort_waits_while_a_death_is_confirmed)
{
    struct world *w = three();
    kill_beijing(w);
    world_run(w, 5 * S, 100 * MS, 1);
    w->idc_dead[BEIJING] = false;
    world_run(w, 10 * S, 100 * MS, 2);
    world_approve(w, world_incident(w, INCIDENT_IDC_OUTAGE, BEIJING, 0)->id);
    ck_assert_int_eq(world_tick(w, 100 * MS), DECIDE_RESTORE);
    world_run(w, w->fleet->policy.step_interval_us - 200 * MS, 100 * MS, 1);
    w->idc_dead[SHENZHEN] = true; /* just before the next step is due */
    for (int i = 0; i < 18; i++) {
        enum decide_purpose p = world_tick(w, 100 * MS);
        ck_assert_msg(p != DECIDE_RESTORE && p != DECIDE_PROMOTE, "%s in the window",
                      decide_purpose_name(p));
    }
    ck_assert_int_eq(world_tick(w, 300 * MS), DECIDE_RESCUE);
    world_free(w);
}
END_TEST

START_TEST(fail_static)
{
    struct world *w = three();
    world_tick(w, 100 * MS);
    for (uint16_t x = 0; x < 3; x++) {
        w->mood[x] = MOOD_SILENT;
    }
    ck_assert_uint_eq(world_run(w, 600 * S, 500 * MS, 0), 0);
    world_free(w);
}
END_TEST

/* A blip of half the window leaves no record, however often it comes. */
START_TEST(blips_leave_no_record)
{
    struct world *w = three();
    for (int i = 0; i < 20; i++) {
        w->idc_dead[BEIJING] = true;
        w->link_cut[1] = true;
        ck_assert_uint_eq(world_run(w, 1 * S, 50 * MS, 0), 0);
        w->idc_dead[BEIJING] = false;
        w->link_cut[1] = false;
        ck_assert_uint_eq(world_run(w, 1 * S, 50 * MS, 0), 0);
    }
    world_free(w);
}
END_TEST

/* Law 5, and the budget: with two IDCs dying one after the other the second one's answers stay. */
START_TEST(never_the_last)
{
    struct world *w = three();
    kill_beijing(w);
    world_run(w, 5 * S, 100 * MS, 1);
    w->idc_dead[SHANGHAI] = true;
    world_run(w, 10 * S, 50 * MS, 4);
    ck_assert_uint_eq(world_slots(w, entrance(w, "web-shanghai")), 10);
    const struct incident *i = world_incident(w, INCIDENT_IDC_OUTAGE, SHANGHAI, 0);
    ck_assert_ptr_nonnull(i);
    w->idc_dead[SHENZHEN] = true;
    world_run(w, 10 * S, 50 * MS, 4);
    for (uint16_t v = 0; v < w->fleet->view_count; v++) {
        ck_assert_uint_eq(plan_answer(&w->control.plan, 0, v)->count, 4);
    }
    world_free(w);
}
END_TEST

START_TEST(all_dead_moves_nothing)
{
    struct world *w = three();
    ((struct fleet *)w->fleet)->policy.max_drained_idcs = 3;
    for (uint16_t x = 0; x < 3; x++) {
        w->service_dead[x] = true; /* web everywhere */
    }
    world_run(w, 10 * S, 50 * MS, 4);
    ck_assert_uint_eq(w->control.plan.fence.generation, 1);
    ck_assert_ptr_nonnull(world_incident(w, INCIDENT_GRAY_FAILURE, 0, BEIJING));
    world_free(w);
}
END_TEST

START_TEST(gray_failure_moves_one_service)
{
    struct world *w = three();
    w->service_dead[BEIJING] = true;
    world_run(w, 3 * S, 50 * MS, 2);
    ck_assert_uint_eq(world_slots(w, entrance(w, "web-beijing")), 0);
    ck_assert_int_eq(world_incident(w, INCIDENT_GRAY_FAILURE, 0, BEIJING)->state,
                     INCIDENT_MITIGATED);
    ck_assert_ptr_null(world_incident(w, INCIDENT_IDC_OUTAGE, BEIJING, 0));
    world_free(w);
}
END_TEST

static void told_down(struct world *w, uint16_t l)
{
    w->control.link_downs[l * 2] = w->control.link_downs[l * 2 + 1] = 1;
}

START_TEST(a_fibre_is_cut_and_repaired)
{
    struct world *w = three();
    uint16_t l = fleet_find_link(w->fleet, "beijing-shanghai");
    ck_assert_uint_eq(plan_hops(&w->control.plan, BEIJING, SHANGHAI)->links[0], l);
    w->link_cut[l] = true;
    told_down(w, l);
    world_run(w, 3 * S, 50 * MS, 2);
    const struct hops *h = plan_hops(&w->control.plan, BEIJING, SHANGHAI);
    ck_assert_uint_eq(h->links[0], fleet_find_link(w->fleet, "beijing-shenzhen"));
    ck_assert_uint_eq(h->count, 2); /* the cut one stays, last */
    ck_assert_uint_eq(h->links[1], l);
    ck_assert_uint_eq(world_slots(w, entrance(w, "web-beijing")), 4);
    const struct incident *i = world_incident(w, INCIDENT_LINK_CUT, l, 0);
    ck_assert_int_eq(i->state, INCIDENT_MITIGATED);
    w->link_cut[l] = false;
    ck_assert_uint_eq(world_run(w, 3 * S, 50 * MS, 0), 0); /* the hold-down */
    ck_assert_int_eq(world_tick(w, 50 * MS), DECIDE_ROUTES);
    ck_assert_uint_eq(plan_hops(&w->control.plan, BEIJING, SHANGHAI)->links[0], l);
    ck_assert_uint_eq(*plan_released(&w->control.plan, l, 0), 1);
    ck_assert_int_eq(world_tick(w, 50 * MS), DECIDE_NOTE);
    ck_assert_uint_eq(w->control.incident_count, 0);
    world_free(w);
}
END_TEST

/* A local down that was too short for an incident is released after the hold-down all the same. */
START_TEST(a_short_down_is_released)
{
    struct world *w = three();
    told_down(w, 1);
    w->link_cut[1] = true;
    world_run(w, 500 * MS, 50 * MS, 0);
    w->link_cut[1] = false;
    ck_assert_uint_eq(world_run(w, 3 * S, 50 * MS, 0), 0);
    ck_assert_int_eq(world_tick(w, 50 * MS), DECIDE_ROUTES);
    ck_assert_uint_eq(w->decide.change_count, 2);
    ck_assert_uint_eq(w->decide.incident_count, 0);
    world_free(w);
}
END_TEST

/* Isolated and blind are told, and move nothing; their links are cut all the same. */
START_TEST(isolated_moves_no_answer)
{
    struct world *w = three();
    w->idc_isolated[BEIJING] = true;
    world_run(w, 20 * S, 50 * MS, 12);
    ck_assert_ptr_nonnull(world_incident(w, INCIDENT_IDC_ISOLATED, BEIJING, 0));
    ck_assert_ptr_null(world_incident(w, INCIDENT_BLIND_OBSERVER, BEIJING, 0));
    ck_assert_uint_eq(world_slots(w, entrance(w, "web-beijing")), 4);
    w->idc_isolated[BEIJING] = false;
    world_run(w, 20 * S, 50 * MS, 12);
    ck_assert_uint_eq(w->control.incident_count, 0);
    world_free(w);
}
END_TEST

/* Law 6: with less capacity more tiers go, then core is spread and the overload is an incident. */
START_TEST(core_that_does_not_fit_is_an_overload)
{
    struct world *w = three();
    struct fleet *f = (struct fleet *)w->fleet;
    for (uint16_t x = 0; x < 3; x++) {
        f->capacity_ups[x] = 30; /* core alone asks for 72 of the two that are left */
    }
    ck_assert_int_eq(world_tick(w, 50 * MS), DECIDE_SHED); /* what is there already does not fit */
    ck_assert_uint_eq(limit(w, 0), 0);
    ck_assert_ptr_nonnull(world_incident(w, INCIDENT_OVERLOAD, 0, SHANGHAI));
    ck_assert_int_eq(world_tick(w, 50 * MS), DECIDE_NOTE); /* shed: mitigated, as far as it goes */
    kill_beijing(w);
    ck_assert_uint_eq(world_slots(w, entrance(w, "web-beijing")), 0);
    ck_assert_uint_eq(limit(w, 1), 0);
    ck_assert_uint_eq(limit(w, 2), 0);
    ck_assert_ptr_nonnull(world_incident(w, INCIDENT_OVERLOAD, 0, SHANGHAI));
    world_free(w);
}
END_TEST

/* Law 10: the same inputs give the same decision. */
START_TEST(deterministic)
{
    struct world *a = three(), *b = three();
    kill_beijing(a);
    kill_beijing(b);
    ck_assert_int_eq(digest_compare(&a->decide.plan_digest, &b->decide.plan_digest), 0);
    world_free(a);
    world_free(b);
}
END_TEST

/* The STEP is faster than the report of the same edge: what the probes last said is older than the
 * down, and must not release it. */
START_TEST(a_down_that_is_told_now_is_not_released_by_what_was_seen_before)
{
    struct world *w = three();
    struct record r = {.kind = RECORD_STEP};
    world_run(w, 2 * US_PER_SEC, 100 * US_PER_MS, 5);
    r.step.kind = STEP_LINK_DOWN;
    r.step.link = fleet_find_link(w->fleet, "beijing-shanghai");
    r.step.down_number = 1;
    world_fold(w, w->fleet->links[r.step.link].end[0].idc, &r);
    int64_t hold_us = w->fleet->policy.link_hold_down_us;
    world_run(w, hold_us - 300 * US_PER_MS, 100 * US_PER_MS, 5);
    ck_assert_uint_eq(*plan_released(&w->control.plan, r.step.link, 0), 0);
    world_run(w, US_PER_SEC, 100 * US_PER_MS, 5);
    ck_assert_uint_eq(*plan_released(&w->control.plan, r.step.link, 0), 1);
    world_free(w);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("decide");
    TCase *t = tcase_create("stories");
    tcase_set_timeout(t, 120);
    tcase_add_test(t, quiet_decides_nothing);
    tcase_add_test(t, home_fits_and_is_preferred);
    tcase_add_test(t, an_idc_dies);
    tcase_add_test(t, stateful_stays);
    tcase_add_test(t, restore_is_harder);
    tcase_add_test(t, dies_again_while_recovering);
    tcase_add_test(t, a_blip_on_the_way_back);
    tcase_add_test(t, a_slow_service_on_the_way_back);
    tcase_add_test(t, second_disaster_pre_empts);
    tcase_add_test(t, comfort_waits_while_a_death_is_confirmed);
    tcase_add_test(t, fail_static);
    tcase_add_test(t, blips_leave_no_record);
    tcase_add_test(t, never_the_last);
    tcase_add_test(t, all_dead_moves_nothing);
    tcase_add_test(t, gray_failure_moves_one_service);
    tcase_add_test(t, a_fibre_is_cut_and_repaired);
    tcase_add_test(t, a_short_down_is_released);
    tcase_add_test(t, isolated_moves_no_answer);
    tcase_add_test(t, core_that_does_not_fit_is_an_overload);
    tcase_add_test(t, deterministic);
    tcase_add_test(t, a_down_that_is_told_now_is_not_released_by_what_was_seen_before);
    suite_add_tcase(s, t);
    SRunner *r = srunner_create(s);
    srunner_run_all(r, CK_NORMAL);
    int failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed == 0 ? 0 : 1;
}
