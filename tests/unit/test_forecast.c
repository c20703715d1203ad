/* test_forecast.c: what the forecast says is what then happens: the same faults in the small world
 * of the core's tests lead to the very plan that was foretold. */
#include "core_world.h"

#include "core/forecast.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

#define QUIET_US (5 * US_PER_SEC)
#define LIMIT_US (120 * US_PER_SEC)

static struct world *three(void)
{
    struct world *w = world_of_yaml(FLEETS "/three-idc.yaml");
    w->acknowledge = true;
    world_run(w, 20 * US_PER_SEC, 100 * US_PER_MS, 10);
    return w;
}

static struct forecast *forecast_of(const struct world *w, void **ret_memory)
{
    size_t size = forecast_arena_size(w->fleet);
    struct arena a;
    struct forecast *fc;
    *ret_memory = aligned_alloc(16, (size + 15) & ~(size_t)15);
    arena_init(&a, *ret_memory, size);
    ck_assert_int_eq(forecast_new(&w->control, w->evidence, w->now, &a, &fc), OK);
    return fc;
}

static void same_plan(const struct world *w, const struct forecast *fc)
{
    struct digest foretold = plan_shape_digest(&forecast_control(fc)->plan);
    struct digest came = plan_shape_digest(&w->control.plan);
    ck_assert_int_eq(digest_compare(&foretold, &came), 0);
}

/* Every purpose that was foretold, in order. */
static void purposes(const struct forecast *fc, char *ret_text, size_t size)
{
    uint32_t n;
    const struct forecast_step *s = forecast_steps(fc, &n);
    ret_text[0] = '\0';
    ck_assert_uint_le(n, FORECAST_MAX_STEPS);
    for (uint32_t i = 0; i < n; i++) {
        strncat(ret_text, decide_purpose_name(s[i].purpose), size - strlen(ret_text) - 2);
        strcat(ret_text, " ");
    }
}

START_TEST(a_quiet_fleet_stays_quiet)
{
    struct world *w = three();
    void *memory;
    struct forecast *fc = forecast_of(w, &memory);
    ck_assert_int_eq(forecast_run(fc, QUIET_US, LIMIT_US), OK);
    uint32_t n;
    forecast_steps(fc, &n);
    ck_assert_uint_eq(n, 0);
    same_plan(w, fc);
    free(memory);
    world_free(w);
}
END_TEST

START_TEST(an_idc_that_would_die_leaves_the_plan_that_it_leaves_when_it_dies)
{
    struct world *w = three();
    void *memory;
    struct forecast *fc = forecast_of(w, &memory);
    uint16_t idc = (uint16_t)_i;
    struct forecast_fault fault = {DRILL_ON_IDC, {idc, FLEET_NONE}, 0};
    struct digest before = plan_shape_digest(&w->control.plan);
    forecast_strike(fc, &fault);
    ck_assert_int_eq(forecast_run(fc, QUIET_US, LIMIT_US), OK);
    uint32_t n;
    const struct forecast_step *s = forecast_steps(fc, &n);
    ck_assert_uint_ge(n, 1);
    ck_assert_int_eq(s[0].purpose, DECIDE_RESCUE);
    ck_assert_int_eq(s[0].incident.kind, INCIDENT_IDC_OUTAGE);
    ck_assert_int_ge(s[0].at_us, w->fleet->policy.confirmation_us);
    ck_assert_int_le(s[0].at_us, w->fleet->policy.confirmation_us + US_PER_SEC);

    w->idc_dead[idc] = true;
    world_run(w, 20 * US_PER_SEC, 100 * US_PER_MS, 20);
    same_plan(w, fc);

    forecast_strike(fc, NULL); /* it comes back; the word of a person */
    ck_assert_int_eq(forecast_run(fc, 2 * QUIET_US, LIMIT_US), OK);
    ck_assert_int_eq(forecast_approve(fc), OK);
    ck_assert_int_eq(forecast_run(fc, 2 * QUIET_US, LIMIT_US), OK);
    struct digest after = plan_shape_digest(&forecast_control(fc)->plan);
    ck_assert_int_eq(digest_compare(&before, &after), 0);
    ck_assert_uint_eq(forecast_control(fc)->incident_count, 0);
    free(memory);
    world_free(w);
}
END_TEST

START_TEST(a_cut_fibre_moves_routes_and_nothing_else)
{
    struct world *w = three();
    void *memory;
    struct forecast *fc = forecast_of(w, &memory);
    struct forecast_fault fault = {DRILL_ON_LINK, {(uint16_t)_i, FLEET_NONE}, 0};
    forecast_strike(fc, &fault);
    ck_assert_int_eq(forecast_run(fc, QUIET_US, LIMIT_US), OK);
    char said[256];
    purposes(fc, said, sizeof said);
    ck_assert_ptr_nonnull(strstr(said, "routes"));
    ck_assert_ptr_null(strstr(said, "rescue"));
    w->link_cut[_i] = true;
    world_run(w, 20 * US_PER_SEC, 100 * US_PER_MS, 20);
    same_plan(w, fc);
    free(memory);
    world_free(w);
}
END_TEST

START_TEST(nothing_is_shared_with_what_it_was_made_of)
{
    struct world *w = three();
    void *memory;
    struct forecast *fc = forecast_of(w, &memory);
    uint8_t room[65536];
    struct digest before = control_digest(&w->control, room, sizeof room);
    struct forecast_fault fault = {DRILL_ON_IDC, {0, FLEET_NONE}, 0};
    forecast_strike(fc, &fault);
    ck_assert_int_eq(forecast_run(fc, QUIET_US, LIMIT_US), OK);
    struct digest after = control_digest(&w->control, room, sizeof room);
    ck_assert_int_eq(digest_compare(&before, &after), 0);
    for (uint16_t o = 0; o < w->fleet->idc_count; o++) {
        for (uint32_t i = 0; i < w->reports[o].count; i++) {
            ck_assert_int_eq(w->reports[o].observations[i].health, HEALTH_UP);
        }
    }
    free(memory);
    world_free(w);
}
END_TEST

static bool held_back_by(const struct forecast *fc, enum guard guard)
{
    uint32_t n;
    const struct guard_result *g = forecast_guards(fc, &n);
    bool found = false;
    for (uint32_t i = 0; i < n; i++) {
        found = found || (g[i].guard == guard && !g[i].passed);
    }
    return found;
}

START_TEST(an_order_leads_where_its_forecast_says)
{
    struct world *w = three();
    struct operator_record drain = {.command = OPERATOR_DRAIN, .subject = {SUBJECT_IDC, 0, 0}};
    enum fold_void why = FOLD_VERSION;
    void *memory;
    struct forecast *fc = forecast_of(w, &memory);
    ck_assert_int_eq(forecast_command(fc, &drain, &why), OK);
    ck_assert_int_eq(why, FOLD_ACCEPTED);
    ck_assert_int_eq(forecast_run(fc, QUIET_US, LIMIT_US), OK);
    ck_assert(held_back_by(fc, GUARD_STATEFUL)); /* the ledger was not named */
    ck_assert_int_eq(world_command(w, &drain), FOLD_ACCEPTED);
    world_run(w, LIMIT_US, 100 * US_PER_MS, 20);
    same_plan(w, fc);
    free(memory);
    for (uint16_t x = 1; x < 3; x++) { /* and then the others: the last one stays */
        fc = forecast_of(w, &memory);
        drain.subject.a = x;
        ck_assert_int_eq(forecast_command(fc, &drain, &why), OK);
        ck_assert_int_eq(forecast_run(fc, QUIET_US, LIMIT_US), OK);
        ck_assert_int_eq(held_back_by(fc, GUARD_LAST_IDC), x == 2);
        ck_assert_int_eq(world_command(w, &drain), FOLD_ACCEPTED);
        world_run(w, LIMIT_US, 100 * US_PER_MS, 20);
        free(memory);
    }
    drain.subject.a = 9;
    fc = forecast_of(w, &memory);
    ck_assert_int_eq(forecast_command(fc, &drain, &why), OK);
    ck_assert_int_eq(why, FOLD_REQUEST_REFUSED);
    free(memory);
    world_free(w);
}
END_TEST

START_TEST(nobody_leads_nothing_is_foretold)
{
    struct world *w = three();
    w->control.epoch = 0;
    size_t size = forecast_arena_size(w->fleet);
    void *memory = aligned_alloc(16, (size + 15) & ~(size_t)15);
    struct arena a;
    struct forecast *fc = NULL;
    arena_init(&a, memory, size);
    ck_assert_int_eq(forecast_new(&w->control, w->evidence, w->now, &a, &fc), ERR_UNAVAILABLE);
    ck_assert_ptr_null(fc);
    free(memory);
    world_free(w);
}
END_TEST

START_TEST(a_spike_would_shed_what_it_does_not_fit_and_give_it_back)
{
    struct world *w = three();
    w->loads = LOADS_VIEWS;
    world_run(w, 20 * US_PER_SEC, 100 * US_PER_MS, 10);
    void *memory;
    struct forecast *fc = forecast_of(w, &memory);
    struct forecast_fault fault = {DRILL_ON_VIEW, {0, FLEET_NONE}, 3000000};
    struct digest before = plan_shape_digest(&w->control.plan);
    forecast_strike(fc, &fault);
    ck_assert_int_eq(forecast_run(fc, QUIET_US, LIMIT_US), OK);
    char said[256];
    purposes(fc, said, sizeof said);
    ck_assert_msg(strstr(said, "shed") != NULL, "%s", said);
    ck_assert_ptr_null(strstr(said, "rescue"));
    forecast_strike(fc, NULL);
    ck_assert_int_eq(forecast_run(fc, 30 * US_PER_SEC, 2 * LIMIT_US), OK);
    struct digest after = plan_shape_digest(&forecast_control(fc)->plan);
    ck_assert_int_eq(digest_compare(&before, &after), 0);
    free(memory);
    world_free(w);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("forecast");
    TCase *tc = tcase_create("forecast");
    suite_add_tcase(s, tc);
    tcase_add_test(tc, a_quiet_fleet_stays_quiet);
    tcase_add_loop_test(tc, an_idc_that_would_die_leaves_the_plan_that_it_leaves_when_it_dies, 0,
                        3);
    tcase_add_loop_test(tc, a_cut_fibre_moves_routes_and_nothing_else, 0, 3);
    tcase_add_test(tc, nothing_is_shared_with_what_it_was_made_of);
    tcase_add_test(tc, an_order_leads_where_its_forecast_says);
    tcase_add_test(tc, nobody_leads_nothing_is_foretold);
    tcase_add_test(tc, a_spike_would_shed_what_it_does_not_fit_and_give_it_back);
    SRunner *r = srunner_create(s);
    srunner_run_all(r, CK_NORMAL);
    int failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
