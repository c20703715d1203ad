/* test_demand.c: what services tell of their load, and what becomes of it: demand that is measured,
 * and a signal that is lost, late or a lie. */
#include "core_world.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

enum { WEB, LEDGER };
enum { BEIJING, SHANGHAI, SHENZHEN };

static struct world *w;

static void setup(void)
{
    w = world_of_yaml(FLEETS "/three-idc.yaml");
    w->loads = LOADS_VIEWS;
    for (uint16_t x = 0; x < w->fleet->idc_count; x++) {
        w->says[WEB * w->fleet->idc_count + x].saturation_ppm = 500000;
    }
    (void)world_run(w, 5 * US_PER_SEC, US_PER_SEC / 2, 0);
}

static void teardown(void)
{
    ck_assert_ptr_null(control_broken(&w->control));
    world_free(w);
}

static uint64_t force(uint16_t v)
{
    return demand_in_force(w->fleet, w->control.demand, WEB, v);
}

static uint64_t declared(uint16_t v)
{
    return fleet_demand_rps(w->fleet, WEB, v);
}

static void settle(void)
{
    (void)world_run(w, 60 * US_PER_SEC, US_PER_SEC / 2, 60);
    (void)world_run(w, 60 * US_PER_SEC, US_PER_SEC / 2, 0);
}

/* --- The filter --------------------------------------------------------------------------------
 */

START_TEST(as_declared_until_measured)
{
    w->loads = (enum load_telling)_i;
    ck_assert_uint_eq(world_run(w, 300 * US_PER_SEC, US_PER_SEC / 2, 0), 0);
    for (uint16_t v = 0; v < w->fleet->view_count; v++) {
        ck_assert_uint_eq(w->control.demand[v].rps, 0);
    }
}
END_TEST

START_TEST(a_spike_counts_when_it_has_held)
{
    w->loads = (enum load_telling)_i;
    world_users(w, WEB, 300);
    ck_assert_int_eq(world_tick(w, US_PER_SEC / 2), DECIDE_NOTE); /* noted, not believed */
    ck_assert_uint_gt(w->decide.demand_count, 0);
    ck_assert_uint_eq(force(0), declared(0));
    (void)world_run(w, w->fleet->policy.confirmation_us - US_PER_SEC / 2, US_PER_SEC / 2, 0);
    ck_assert_uint_eq(force(0), declared(0));
    (void)world_tick(w, US_PER_SEC / 2);
    for (uint16_t v = 0; v < w->fleet->view_count; v++) {
        ck_assert_uint_eq(force(v), 3 * declared(v));
    }
}
END_TEST

START_TEST(a_blip_moves_nothing)
{
    world_users(w, WEB, 300);
    (void)world_tick(w, US_PER_SEC / 2);
    world_users(w, WEB, 100);
    (void)world_tick(w, US_PER_SEC);
    ck_assert_uint_eq(w->control.demand[0].seen_rps, 0);
    /* The next one begins anew. */
    world_users(w, WEB, 300);
    (void)world_tick(w, US_PER_SEC / 2);
    (void)world_run(w, w->fleet->policy.confirmation_us - US_PER_SEC / 2, US_PER_SEC / 2, 0);
    ck_assert_uint_eq(force(0), declared(0));
}
END_TEST

START_TEST(little_differences_and_chance_leave_no_record)
{
    world_users(w, WEB, 109);
    ck_assert_uint_eq(world_run(w, 60 * US_PER_SEC, US_PER_SEC / 2, 0), 0);
    world_users(w, WEB, 125); /* of 100 requests, less than three standard deviations */
    ck_assert_uint_eq(world_run(w, 60 * US_PER_SEC, US_PER_SEC / 2, 0), 0);
}
END_TEST

START_TEST(it_falls_slowly_and_comes_to_rest_at_what_is_declared)
{
    world_users(w, WEB, 300);
    settle();
    world_users(w, WEB, 100);
    uint64_t before = force(0);
    (void)world_run(w, w->fleet->policy.demand_fall_us, US_PER_SEC / 2, 3);
    ck_assert_uint_eq(force(0), before);
    uint64_t steps = 0;
    for (int64_t t = 0; t < 300 * US_PER_SEC; t += US_PER_SEC / 2) {
        (void)world_tick(w, US_PER_SEC / 2);
        ck_assert_uint_le(force(0), before);
        ck_assert_uint_ge(force(0), before - (before - declared(0) + 3) / 4 - declared(0) / 3);
        steps += force(0) != before ? 1 : 0;
        before = force(0);
    }
    ck_assert_uint_ge(steps, 5);
    for (uint16_t v = 0; v < w->fleet->view_count; v++) {
        ck_assert_uint_eq(w->control.demand[v].rps, 0);
        ck_assert_uint_eq(w->control.demand[v].seen_rps, 0);
    }
}
END_TEST

/* --- The signal --------------------------------------------------------------------------------
 */

START_TEST(a_lost_signal_is_not_zero)
{
    world_users(w, WEB, 300);
    settle();
    ck_assert_uint_eq(force(0), 3 * declared(0));
    for (uint16_t x = 0; x < w->fleet->idc_count; x++) {
        w->says[WEB * w->fleet->idc_count + x].nothing = true;
    }
    ck_assert_uint_eq(world_run(w, 600 * US_PER_SEC, US_PER_SEC, 0), 0);
    ck_assert_uint_eq(force(0), 3 * declared(0));
}
END_TEST

START_TEST(an_idc_that_does_not_tell_leaves_its_views_alone)
{
    w->says[WEB * w->fleet->idc_count + BEIJING].nothing = true;
    world_users(w, WEB, 300);
    settle();
    ck_assert_uint_eq(force(0), declared(0)); /* north-telecom, on beijing */
    ck_assert_uint_eq(force(1), 3 * declared(1));
}
END_TEST

START_TEST(a_silent_probe_is_not_zero)
{
    world_users(w, WEB, 300);
    settle();
    w->mood[BEIJING] = MOOD_SILENT;
    (void)world_run(w, 120 * US_PER_SEC, US_PER_SEC, 4);
    ck_assert_uint_eq(force(0), 3 * declared(0));
}
END_TEST

START_TEST(an_old_word_or_one_of_a_clock_that_jumped_counts_for_nothing)
{
    static const int64_t ages_us[] = {-86400 * US_PER_SEC, 86400 * US_PER_SEC, INT64_MAX, INT64_MIN,
                                      3 * US_PER_SEC + 1};
    world_users(w, WEB, 300);
    world_look(w);
    struct arena a;
    for (int64_t t = 0; t < 10; t++) {
        for (uint16_t x = 0; x < w->fleet->idc_count; x++) {
            w->reports[x].loads[0].age_us = ages_us[_i];
        }
        diagnose(&w->control, w->evidence, w->now, &w->diagnosis);
        arena_init(&a, w->arena_memory, w->arena_size);
        ck_assert_int_eq(
            decide(&w->control, w->evidence, &w->diagnosis, w->now, &a, &w->decide, &w->next_us),
            OK);
        ck_assert_uint_eq(w->decide.demand_count, 0);
        w->now.us += US_PER_SEC;
    }
}
END_TEST

START_TEST(a_probe_whose_clock_is_a_day_off_is_heard_like_any_other)
{
    for (uint16_t x = 0; x < w->fleet->idc_count; x++) {
        w->reports[x].sent_us = (x == BEIJING ? 1 : -1) * 86400 * US_PER_SEC;
    }
    world_users(w, WEB, 300);
    settle();
    ck_assert_uint_eq(force(0), 3 * declared(0));
}
END_TEST

START_TEST(a_lie_stays_within_the_span)
{
    w->says[WEB * w->fleet->idc_count + BEIJING].times = UINT64_C(1000000);
    settle();
    ck_assert_uint_eq(force(0), DEMAND_SPAN * declared(0));
    ck_assert_uint_eq(force(1), declared(1)); /* of others nothing changes */
    w->says[WEB * w->fleet->idc_count + BEIJING].times = 0;
    world_users(w, WEB, 0); /* likewise downwards */
    (void)world_run(w, 600 * US_PER_SEC, US_PER_SEC, 200);
    ck_assert_uint_eq(force(0), declared(0) / DEMAND_SPAN);
    ck_assert_uint_eq(world_run(w, 60 * US_PER_SEC, US_PER_SEC, 0), 0);
}
END_TEST

/* --- In the log --------------------------------------------------------------------------------
 */

static struct record note(void)
{
    struct record r = {.kind = RECORD_DECIDE, .log_time = w->now};
    r.log_id = w->control.log_id;
    r.writer = w->control.leader;
    r.writer.sequence++;
    r.epoch = w->control.epoch;
    r.base = w->control.applied;
    r.decide.purpose = DECIDE_NOTE;
    r.decide.generation = w->control.plan.fence.generation;
    r.decide.plan_digest = w->control.plan.fence.digest;
    return r;
}

static int fold_one(struct record *r)
{
    enum fold_void why = FOLD_ACCEPTED;
    int status = fold_apply(&w->control, &w->memory, r, w->control.applied + 1, &why);
    ck_assert(status != OK || why == FOLD_ACCEPTED);
    return status;
}

START_TEST(the_fold_takes_only_words_that_can_be_meant)
{
    static struct demand_word words[2];
    static const struct demand_word bad[] = {
        {9, 0, 200, 0},    {0, 99, 200, 0}, {WEB, 0, 1001, 0},       {WEB, 0, 9, 0},
        {WEB, 0, 0, 1001}, {WEB, 0, 0, 9},  {WEB, 0, UINT64_MAX, 0},
    };
    struct record r = note();
    r.decide.demands = words;
    r.decide.demand_count = 1;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        words[0] = bad[i];
        ck_assert_int_eq(fold_one(&r), ERR_INVARIANT);
    }
    r.decide.demand_count = 2; /* each once, in order */
    words[0] = words[1] = (struct demand_word){WEB, 0, 200, 0};
    ck_assert_int_eq(fold_one(&r), ERR_INVARIANT);
    words[1] = (struct demand_word){WEB, 1, 0, 150};
    r.decide.purpose = DECIDE_SHED; /* the plan was made for the demand before */
    ck_assert_int_eq(fold_one(&r), ERR_INVARIANT);
    r.decide.purpose = DECIDE_NOTE;
    uint64_t generation = w->control.plan.fence.generation;
    ck_assert_int_eq(fold_one(&r), OK);
    ck_assert_uint_eq(w->control.plan.fence.generation, generation);
    ck_assert_uint_eq(force(0), 200);
    ck_assert_uint_eq(force(1), declared(1));
    ck_assert_uint_eq(w->control.demand[1].seen_rps, 150);
    ck_assert_int_eq(w->control.demand[1].since.us, w->now.us);
}
END_TEST

START_TEST(the_demand_is_part_of_the_state)
{
    world_users(w, WEB, 300);
    settle();
    size_t size = control_encoded_size(&w->control);
    uint8_t *bytes = calloc(1, size), *room = calloc(1, 2 * control_arena_size(w->fleet) + 65536);
    ck_assert(bytes != NULL && room != NULL);
    struct codec out = codec_writer(bytes, size);
    control_codec(&out, &w->control);
    ck_assert_int_eq(codec_finish(&out), OK);
    struct arena a;
    arena_init(&a, room, 2 * control_arena_size(w->fleet) + 65536);
    struct codec in = codec_reader(bytes, size, &a);
    struct control back;
    control_init(&back);
    control_codec(&in, &back);
    ck_assert_int_eq(codec_finish(&in), OK);
    ck_assert_ptr_null(control_broken(&back));
    size_t demands = (size_t)w->fleet->service_count * w->fleet->view_count;
    ck_assert_mem_eq(back.demand, w->control.demand, demands * sizeof *back.demand);
    back.demand[0].rps++;
    ck_assert_ptr_nonnull(control_broken(&back));
    free(bytes);
    free(room);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("demand");
    TCase *t = tcase_create("filter");
    tcase_add_checked_fixture(t, setup, teardown);
    tcase_add_loop_test(t, as_declared_until_measured, LOADS_UNTOLD, LOADS_VIEWS + 1);
    tcase_add_loop_test(t, a_spike_counts_when_it_has_held, LOADS_TOTALS, LOADS_VIEWS + 1);
    tcase_add_test(t, a_blip_moves_nothing);
    tcase_add_test(t, little_differences_and_chance_leave_no_record);
    tcase_add_test(t, it_falls_slowly_and_comes_to_rest_at_what_is_declared);
    tcase_add_test(t, a_lost_signal_is_not_zero);
    tcase_add_test(t, an_idc_that_does_not_tell_leaves_its_views_alone);
    tcase_add_test(t, a_silent_probe_is_not_zero);
    tcase_add_loop_test(t, an_old_word_or_one_of_a_clock_that_jumped_counts_for_nothing, 0, 5);
    tcase_add_test(t, a_probe_whose_clock_is_a_day_off_is_heard_like_any_other);
    tcase_add_test(t, a_lie_stays_within_the_span);
    tcase_add_test(t, the_fold_takes_only_words_that_can_be_meant);
    tcase_add_test(t, the_demand_is_part_of_the_state);
    tcase_set_timeout(t, 60);
    suite_add_tcase(s, t);
    SRunner *r = srunner_create(s);
    srunner_run_all(r, CK_NORMAL);
    int failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed == 0 ? 0 : 1;
}
