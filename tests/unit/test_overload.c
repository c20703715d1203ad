/* test_overload.c: traffic spikes and services that say that they are full: tiers fall in the right
 * region, core stays, all comes back with margin, and a world that stands still is left alone. */
#include "core/load.h"
#include "core_world.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

#define S US_PER_SEC
enum { WEB };
enum { BEIJING, SHANGHAI, SHENZHEN };
enum { NORTH, EAST, SOUTH };
enum { SEEDS = 150, FLEET_ROOM = 4 * 1024 * 1024 };

static struct world *w;
static struct digest home;

static void setup(void)
{
    w = world_of_yaml(FLEETS "/three-idc.yaml");
    w->loads = LOADS_VIEWS;
    (void)world_run(w, 5 * S, S / 2, 0);
    home = plan_shape_digest(&w->control.plan);
}

static void teardown(void)
{
    ck_assert_ptr_null(control_broken(&w->control));
    world_free(w);
}

static uint8_t limit(uint16_t region)
{
    return *plan_tier_limit(&w->control.plan, region, WEB);
}

static const struct incident *overload(uint16_t idc)
{
    return world_incident(w, INCIDENT_OVERLOAD, WEB, idc);
}

static bool is_home(void)
{
    struct digest now = plan_shape_digest(&w->control.plan);
    return digest_compare(&now, &home) == 0;
}

/* Until nothing is decided any more; a world that stands still must come to that. */
static void settle(void)
{
    (void)world_run(w, 400 * S, S / 2, 200);
    ck_assert_uint_eq(world_run(w, 300 * S, S / 2, 0), 0);
}

/* What a place says that is as full as its tiers make it, from what it would say with all. */
static void say_full(uint16_t idc, uint32_t with_all_ppm)
{
    const struct service *s = &w->fleet->services[WEB];
    uint64_t now = service_cost_ppm(s, limit(w->fleet->idcs[idc].region));
    w->says[WEB * w->fleet->idc_count + idc].saturation_ppm =
        (uint32_t)(with_all_ppm * now / service_cost_ppm(s, service_top_tier(s)));
}

/* No service says anything of how full it is. */
static void mum(void)
{
    for (uint16_t x = 0; x < w->fleet->idc_count; x++) {
        w->says[WEB * w->fleet->idc_count + x].saturation_ppm = 1;
    }
}

/* Load of the fullest entrance of web in the region, in ppm of its capacity. */
static uint64_t use_ppm(uint16_t region)
{
    const struct fleet *f = w->fleet;
    uint64_t most = 0;
    for (uint16_t e = 0; e < f->entrance_count; e++) {
        if (f->entrances[e].service != WEB || f->idcs[f->entrances[e].idc].region != region) {
            continue;
        }
        uint64_t sum = 0;
        for (uint16_t v = 0; v < f->view_count; v++) {
            const struct answer *a = plan_answer(&w->control.plan, WEB, v);
            sum += demand_in_force(f, w->control.demand, WEB, v) * answer_slots_of(a, e) / a->count;
        }
        sum *= service_cost_ppm(&f->services[WEB], limit(region)) / f->entrances[e].capacity_ups;
        most = sum > most ? sum : most;
    }
    return most;
}

/* --- By the plan -------------------------------------------------------------------------------
 */

START_TEST(a_spike_on_a_quiet_day)
{
    w->loads = (enum load_telling)_i;
    if (_i == LOADS_VIEWS) {
        mum();
    }
    world_users(w, WEB, 300);
    settle();
    for (uint16_t x = 0; x < w->fleet->idc_count; x++) {
        ck_assert_ptr_nonnull(overload(x));
        ck_assert_int_eq(overload(x)->state, INCIDENT_MITIGATED);
    }
    ck_assert_uint_eq(limit(NORTH), 0); /* core stays, on the same addresses */
    ck_assert_uint_eq(limit(EAST), 0);
    ck_assert_uint_eq(limit(SOUTH), 0);
    ck_assert_uint_eq(world_slots(w, 0), 4);
    world_users(w, WEB, 100);
    settle();
    ck_assert(is_home());
    ck_assert_uint_eq(w->control.incident_count, 0);
}
END_TEST

START_TEST(only_the_region_that_is_asked_more_sheds)
{
    mum();
    w->users_rps[0] *= 3; /* north-telecom */
    settle();
    ck_assert_uint_eq(limit(NORTH), 0);
    ck_assert_uint_eq(limit(EAST), 3);
    ck_assert_uint_eq(limit(SOUTH), 3);
    ck_assert_ptr_nonnull(overload(BEIJING));
    ck_assert_ptr_null(overload(SHANGHAI));
}
END_TEST

START_TEST(tiers_come_back_one_by_one_and_only_with_room)
{
    mum();
    world_users(w, WEB, 300);
    settle();
    world_users(w, WEB, 100);
    uint8_t before = limit(EAST), north = limit(NORTH);
    int64_t last_us = 0;
    for (int64_t t = 0; t < 400 * S; t += S / 2) {
        enum decide_purpose p = world_tick(w, S / 2);
        ck_assert_int_ne(p, DECIDE_SHED); /* never to and fro */
        ck_assert_uint_le(limit(EAST), before + 1U);
        ck_assert_uint_ge(limit(EAST), before);
        if (p == DECIDE_PROMOTE) {
            ck_assert(last_us == 0 || w->now.us - last_us >= w->fleet->policy.step_interval_us);
            last_us = w->now.us;
            /* Unless home is as it was declared, with the headroom left. */
            ck_assert(limit(EAST) == before || w->control.demand[1].rps == 0 ||
                      use_ppm(EAST) <= 1000000 - w->fleet->policy.headroom_ppm);
            ck_assert(limit(NORTH) == north || w->control.demand[0].rps == 0 ||
                      use_ppm(NORTH) <= 1000000 - w->fleet->policy.headroom_ppm);
        }
        before = limit(EAST);
        north = limit(NORTH);
    }
    ck_assert_int_gt(last_us, 0);
    ck_assert(is_home());
}
END_TEST

START_TEST(a_spike_during_an_outage)
{
    mum();
    w->idc_dead[BEIJING] = true;
    (void)world_run(w, 60 * S, S / 2, 20);
    ck_assert_uint_eq(world_slots(w, 0), 0);
    uint8_t outage = limit(EAST);
    world_users(w, WEB, 300);
    settle();
    ck_assert_uint_eq(limit(EAST), 0);
    ck_assert_ptr_nonnull(overload(SHANGHAI));
    ck_assert_ptr_null(overload(BEIJING)); /* nobody is sent there */
    world_users(w, WEB, 100);
    settle();                               /* the outage still waits for a person */
    ck_assert_uint_le(limit(EAST), outage); /* with margin: it may not reach what a rescue left */
    ck_assert_uint_gt(limit(EAST), 0);
    ck_assert_ptr_null(overload(SHANGHAI));
    w->idc_dead[BEIJING] = false;
    (void)world_run(w, 20 * S, S / 2, 5);
    world_approve(w, world_incident(w, INCIDENT_IDC_OUTAGE, BEIJING, 0)->id);
    settle();
    ck_assert(is_home());
    ck_assert_uint_eq(w->control.incident_count, 0);
}
END_TEST

START_TEST(an_outage_during_a_spike)
{
    mum();
    world_users(w, WEB, 300);
    settle();
    w->idc_dead[BEIJING] = true;
    settle();
    ck_assert_uint_eq(world_slots(w, 0), 0); /* rescued by what is asked now, not by what was */
    w->idc_dead[BEIJING] = false;
    (void)world_run(w, 20 * S, S / 2, 5);
    world_approve(w, world_incident(w, INCIDENT_IDC_OUTAGE, BEIJING, 0)->id);
    settle();
    ck_assert_uint_eq(world_slots(w, 0), 4); /* home, and not a tier too many */
    ck_assert_uint_eq(limit(NORTH), 0);
    world_users(w, WEB, 100);
    settle();
    ck_assert(is_home());
}
END_TEST

START_TEST(a_signal_lost_in_the_middle_keeps_what_was_shed)
{
    world_users(w, WEB, 300);
    settle();
    struct digest shed = plan_shape_digest(&w->control.plan);
    for (uint16_t x = 0; x < w->fleet->idc_count; x++) {
        w->says[WEB * w->fleet->idc_count + x].nothing = true;
    }
    ck_assert_uint_eq(world_run(w, 600 * S, S, 0), 0);
    struct digest now = plan_shape_digest(&w->control.plan);
    ck_assert_int_eq(digest_compare(&shed, &now), 0);
}
END_TEST

START_TEST(a_lie_sheds_where_it_is_told_and_nowhere_else)
{
    mum();
    w->says[WEB * w->fleet->idc_count + BEIJING].times = 1000;
    settle();
    ck_assert_uint_eq(limit(NORTH), 0);
    ck_assert_uint_eq(limit(EAST), 3);
    ck_assert_uint_eq(limit(SOUTH), 3);
    ck_assert_uint_eq(world_slots(w, 0), 4);
}
END_TEST

/* --- By its own word ---------------------------------------------------------------------------
 */

START_TEST(full_that_passes_moves_nothing)
{
    say_full(SHANGHAI, 990000);
    ck_assert_int_eq(world_tick(w, S / 2), DECIDE_NOTE);
    ck_assert_int_eq(overload(SHANGHAI)->state, INCIDENT_SUSPECTED);
    (void)world_run(w, w->fleet->policy.confirmation_us - S, S / 2, 0);
    w->says[WEB * w->fleet->idc_count + SHANGHAI].saturation_ppm = 800000;
    ck_assert_int_eq(world_tick(w, S / 2), DECIDE_NOTE);
    ck_assert_ptr_null(overload(SHANGHAI));
    ck_assert(is_home());
}
END_TEST

START_TEST(full_sheds_one_tier_after_the_other_as_long_as_it_lasts)
{
    uint8_t before = limit(EAST);
    int64_t last_us = 0;
    for (int64_t t = 0; t < 60 * S; t += S / 2) {
        w->says[WEB * w->fleet->idc_count + SHANGHAI].saturation_ppm = 1000000;
        (void)world_tick(w, S / 2);
        ck_assert_uint_le(before - limit(EAST), 1);
        if (limit(EAST) != before) {
            ck_assert(last_us == 0 || w->now.us - last_us >= w->fleet->policy.step_interval_us);
            last_us = w->now.us;
        }
        before = limit(EAST);
    }
    ck_assert_uint_eq(before, 0); /* core stays */
    ck_assert_uint_eq(limit(NORTH), 3);
    ck_assert_int_eq(overload(SHANGHAI)->state, INCIDENT_CONFIRMED);
    ck_assert_uint_eq(world_run(w, 300 * S, S / 2, 0), 0);
    w->says[WEB * w->fleet->idc_count + SHANGHAI].saturation_ppm = 100000;
    settle();
    ck_assert(is_home());
    ck_assert_uint_eq(w->control.incident_count, 0);
}
END_TEST

START_TEST(a_tier_that_fell_shows_first)
{
    w->acknowledge = false;
    w->says[WEB * w->fleet->idc_count + SHANGHAI].saturation_ppm = 1000000;
    (void)world_run(w, 60 * S, S / 2, 3);
    ck_assert_uint_eq(limit(EAST), 2); /* nobody has obeyed yet */
    world_acknowledge(w);
    (void)world_run(w, 3 * S, S / 2, 3);
    ck_assert_uint_eq(limit(EAST), 1);
}
END_TEST

START_TEST(it_waits_before_a_tier_comes_back)
{
    for (int64_t t = 0; t < 60 * S && limit(EAST) == 3; t += S / 2) {
        say_full(SHANGHAI, 990000);
        (void)world_tick(w, S / 2);
    }
    (void)world_tick(w, S / 2);
    ck_assert_int_eq(overload(SHANGHAI)->state, INCIDENT_MITIGATED);
    w->says[WEB * w->fleet->idc_count + SHANGHAI].saturation_ppm = 100000;
    int64_t left_us = w->fleet->policy.idc_hold_down_us - S;
    ck_assert_uint_eq(world_run(w, left_us, S / 2, 0), 0);
    ck_assert_uint_eq(limit(EAST), 2);
    settle();
    ck_assert(is_home());
}
END_TEST

/* The place whose tiers could come back on paper is full of something else. */
START_TEST(nothing_comes_back_to_what_is_full)
{
    mum();
    world_users(w, WEB, 300);
    settle();
    world_users(w, WEB, 100);
    for (int64_t t = 0; t < 300 * S; t += S / 2) {
        w->says[WEB * w->fleet->idc_count + SHANGHAI].saturation_ppm = 990000;
        ck_assert_int_ne(world_tick(w, S / 2), DECIDE_SHED);
    }
    ck_assert_uint_eq(limit(EAST), 0);
    ck_assert_uint_eq(limit(NORTH), 3);
    w->says[WEB * w->fleet->idc_count + SHANGHAI].saturation_ppm = 100000;
    settle();
    ck_assert(is_home());
}
END_TEST

/* It says so in the moment in which the next tier is due. */
START_TEST(full_again_on_the_way_back_ends_it)
{
    mum();
    w->fleet->policy.demand_fall_us = S / 2;
    world_users(w, WEB, 300);
    settle();
    world_users(w, WEB, 100);
    while (w->decide.purpose != DECIDE_PROMOTE || limit(NORTH) == 0) {
        (void)world_tick(w, S / 2);
    }
    ck_assert_uint_eq(limit(NORTH), 1);
    (void)world_run(w, w->fleet->policy.step_interval_us - S / 2, S / 2, 4);
    ck_assert_uint_eq(limit(NORTH), 1);
    w->says[WEB * w->fleet->idc_count + BEIJING].saturation_ppm = 990000;
    (void)world_run(w, S, S / 2, 2); /* now comments would be due, and fit on paper */
    ck_assert_uint_eq(limit(NORTH), 1);
    ck_assert_int_eq(overload(BEIJING)->state, INCIDENT_MITIGATED);
}
END_TEST

START_TEST(one_tier_is_enough_and_it_does_not_come_back_too_soon)
{
    for (int64_t t = 0; t < 300 * S; t += S / 2) {
        say_full(SHANGHAI, 990000);
        (void)world_tick(w, S / 2);
    }
    ck_assert_uint_eq(limit(EAST), 2);
    ck_assert_int_eq(overload(SHANGHAI)->state, INCIDENT_MITIGATED);
    uint32_t records = w->records;
    for (int64_t t = 0; t < 300 * S; t += S / 2) { /* less, and still without the margin */
        say_full(SHANGHAI, 975000);
        (void)world_tick(w, S / 2);
    }
    ck_assert_uint_eq(w->records, records);
    for (int64_t t = 0; t < 60 * S; t += S / 2) {
        say_full(SHANGHAI, 850000);
        (void)world_tick(w, S / 2);
    }
    ck_assert(is_home());
    ck_assert_uint_eq(w->control.incident_count, 0);
}
END_TEST

START_TEST(full_and_then_silent_stays_shed)
{
    for (int64_t t = 0; t < 60 * S; t += S / 2) {
        say_full(SHANGHAI, 990000);
        (void)world_tick(w, S / 2);
    }
    w->says[WEB * w->fleet->idc_count + SHANGHAI].nothing = true;
    ck_assert_uint_eq(world_run(w, 600 * S, S, 0), 0);
    ck_assert_uint_eq(limit(EAST), 2);
    w->says[WEB * w->fleet->idc_count + SHANGHAI].nothing = false;
    w->says[WEB * w->fleet->idc_count + SHANGHAI].saturation_ppm = 100000;
    settle();
    ck_assert(is_home());
}
END_TEST

START_TEST(a_frozen_plan_sheds_when_it_is_released)
{
    struct operator_record freeze = {.command = OPERATOR_FREEZE};
    ck_assert_int_eq(world_command(w, &freeze), FOLD_ACCEPTED);
    w->says[WEB * w->fleet->idc_count + SHANGHAI].saturation_ppm = 1000000;
    (void)world_run(w, 60 * S, S / 2, 4);
    ck_assert_uint_eq(limit(EAST), 3);
    ck_assert_int_eq(overload(SHANGHAI)->state, INCIDENT_CONFIRMED);
    struct operator_record release = {.command = OPERATOR_RELEASE,
                                      .argument = w->control.orders[0].id};
    ck_assert_int_eq(world_command(w, &release), FOLD_ACCEPTED);
    (void)world_run(w, 60 * S, S / 2, 12);
    ck_assert_uint_eq(limit(EAST), 0);
}
END_TEST

/* --- Any fleet ---------------------------------------------------------------------------------
 */

/* No place is over capacity in truth while a tier above core is served there. */
static void check_law_6(const struct world *at, uint64_t seed)
{
    const struct fleet *f = at->fleet;
    const struct plan *p = &at->control.plan;
    for (uint16_t e = 0; e < f->entrance_count; e++) {
        uint16_t s = f->entrances[e].service;
        uint8_t served = *plan_tier_limit(p, f->idcs[f->entrances[e].idc].region, s);
        uint64_t sum = 0;
        for (uint16_t v = 0; v < f->view_count; v++) {
            const struct answer *a = plan_answer(p, s, v);
            uint64_t users = at->users_rps[(size_t)s * f->view_count + v];
            sum += a->count == 0 ? 0 : users * answer_slots_of(a, e) / a->count;
        }
        /* What the band leaves unsaid may be beyond it. */
        bool over = sum * service_cost_ppm(&f->services[s], served) * 7 / 10000000 >
                    f->entrances[e].capacity_ups;
        ck_assert_msg(!over || tier_below(&f->services[s], served) == served,
                      "seed %llu: entrance %u is over with tier %u", (unsigned long long)seed, e,
                      served);
    }
}

START_TEST(a_world_that_stands_still_is_left_alone)
{
    uint64_t seed = (uint64_t)_i;
    struct rng r = rng_init(seed);
    struct arena a;
    void *room = calloc(1, FLEET_ROOM);
    ck_assert_ptr_nonnull(room);
    arena_init(&a, room, FLEET_ROOM);
    struct fleet *f = random_fleet(seed, (uint16_t)(3 + rng_below(&r, 6)), &a);
    for (uint16_t s = 0; s < f->service_count; s++) {
        f->services[s].has_load = true;
    }
    struct world *at = world_of_fleet(f);
    free(room);
    at->loads = rng_chance(&r, 500000) ? LOADS_VIEWS : LOADS_TOTALS;
    f = at->fleet;
    bool told = rng_chance(&r, 500000);
    for (size_t i = 0; i < (size_t)f->service_count * f->idc_count; i++) {
        at->says[i].saturation_ppm = told ? 0 : 1;
    }
    for (int day = 0; day < 3; day++) {
        for (size_t i = 0; i < (size_t)f->service_count * f->view_count; i++) {
            at->users_rps[i] = f->demand_rps[i] * (20 + rng_below(&r, 400)) / 100;
        }
        (void)world_run(at, 400 * S, S, 400);
        ck_assert_uint_eq(world_run(at, 120 * S, S, 0), 0);
        check_law_6(at, seed);
        ck_assert_ptr_null(control_broken(&at->control));
    }
    world_free(at);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("overload");
    TCase *t = tcase_create("stories");
    tcase_add_checked_fixture(t, setup, teardown);
    tcase_add_loop_test(t, a_spike_on_a_quiet_day, LOADS_TOTALS, LOADS_VIEWS + 1);
    tcase_add_test(t, only_the_region_that_is_asked_more_sheds);
    tcase_add_test(t, tiers_come_back_one_by_one_and_only_with_room);
    tcase_add_test(t, a_spike_during_an_outage);
    tcase_add_test(t, an_outage_during_a_spike);
    tcase_add_test(t, a_signal_lost_in_the_middle_keeps_what_was_shed);
    tcase_add_test(t, a_lie_sheds_where_it_is_told_and_nowhere_else);
    tcase_add_test(t, full_that_passes_moves_nothing);
    tcase_add_test(t, full_sheds_one_tier_after_the_other_as_long_as_it_lasts);
    tcase_add_test(t, a_tier_that_fell_shows_first);
    tcase_add_test(t, it_waits_before_a_tier_comes_back);
    tcase_add_test(t, nothing_comes_back_to_what_is_full);
    tcase_add_test(t, full_again_on_the_way_back_ends_it);
    tcase_add_test(t, one_tier_is_enough_and_it_does_not_come_back_too_soon);
    tcase_add_test(t, full_and_then_silent_stays_shed);
    tcase_add_test(t, a_frozen_plan_sheds_when_it_is_released);
    tcase_set_timeout(t, 60);
    suite_add_tcase(s, t);
    TCase *any = tcase_create("any fleet");
    tcase_add_loop_test(any, a_world_that_stands_still_is_left_alone, 0, SEEDS);
    tcase_set_timeout(any, 120);
    suite_add_tcase(s, any);
    SRunner *r = srunner_create(s);
    srunner_run_all(r, CK_NORMAL);
    int failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed == 0 ? 0 : 1;
}
