/* test_region.c: disasters of several IDCs: a region lost, one on top of the other, a return in the
 * middle of a failover. */
#include "core_world.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

#define MS US_PER_MS
#define S  US_PER_SEC

enum { TELECOM, UNICOM };
enum { BEIJING, TIANJIN, SHANGHAI, SHENZHEN, CHENGDU };
enum { NORTH, EAST, SOUTH };

static struct world *begin(uint32_t budget)
{
    struct world *w = world_of_yaml(WORLDS "/two-carriers.yaml");
    ((struct fleet *)w->fleet)->policy.max_drained_idcs = budget;
    return w;
}

static const struct incident *region(const struct world *w, uint16_t r)
{
    return world_case(w, INCIDENT_REGION_DISASTER, (struct subject){SUBJECT_REGION, r, 0});
}

static const struct incident *outage(const struct world *w, uint16_t x)
{
    return world_case(w, INCIDENT_IDC_OUTAGE, (struct subject){SUBJECT_IDC, x, 0});
}

static uint32_t slots_at(const struct world *w, const char *service, uint16_t idc)
{
    uint32_t n = 0;
    for (uint16_t e = 0; e < w->fleet->entrance_count; e++) {
        const struct entrance *at = &w->fleet->entrances[e];
        bool of = strcmp(w->fleet->services[at->service].name, service) == 0;
        n += of && at->idc == idc ? world_slots(w, e) : 0;
    }
    return n;
}

static void lose_north(struct world *w)
{
    w->idc_dead[BEIJING] = w->idc_dead[TIANJIN] = true;
    world_run(w, 6 * S, 50 * MS, 4);
}

/* One name for it beside the two outages; the plan does what the budget allows. */
START_TEST(a_region_is_lost)
{
    struct world *w = begin(2);
    lose_north(w);
    ck_assert_uint_eq(w->control.incident_count, 3);
    ck_assert_int_eq(region(w, NORTH)->state, INCIDENT_MITIGATED);
    ck_assert_int_eq(region(w, NORTH)->rule, RULE_REGION_DOWN);
    ck_assert(region(w, NORTH)->needs_approval);
    ck_assert_int_eq(outage(w, BEIJING)->state, INCIDENT_MITIGATED);
    ck_assert_int_eq(outage(w, TIANJIN)->state, INCIDENT_MITIGATED);
    ck_assert_uint_eq(slots_at(w, "web", BEIJING), 0);
    ck_assert_uint_eq(slots_at(w, "web", TIANJIN), 0);
    ck_assert_uint_eq(world_run(w, 30 * S, 100 * MS, 0), 0);
    world_free(w);
}
END_TEST

/* The word on the region is the word on its IDCs; it ends with the last of its outages. */
START_TEST(one_word_for_a_region)
{
    struct world *w = begin(2);
    struct digest begun = plan_digest(&w->control.plan);
    lose_north(w);
    w->idc_dead[BEIJING] = w->idc_dead[TIANJIN] = false;
    world_run(w, 20 * S, 100 * MS, 3);
    ck_assert_uint_eq(slots_at(w, "web", BEIJING), 0);
    world_approve(w, region(w, NORTH)->id);
    ck_assert(outage(w, BEIJING)->approved);
    ck_assert(outage(w, TIANJIN)->approved);
    world_run(w, 30 * S, 100 * MS, 10);
    ck_assert_uint_eq(w->control.incident_count, 0);
    ck_assert_uint_eq(w->control.rescued[BEIJING] | w->control.rescued[TIANJIN], 0);
    struct digest now = plan_digest(&w->control.plan);
    ck_assert_int_eq(digest_compare(&now, &begun), 0);
    world_free(w);
}
END_TEST

/* Approved one by one: the region is over when one of them serves again. */
START_TEST(a_region_comes_back_by_halves)
{
    struct world *w = begin(2);
    lose_north(w);
    w->idc_dead[BEIJING] = false;
    world_run(w, 10 * S, 100 * MS, 3);
    world_approve(w, outage(w, BEIJING)->id);
    world_run(w, 20 * S, 100 * MS, 8);
    ck_assert_ptr_null(outage(w, BEIJING));
    ck_assert_ptr_nonnull(outage(w, TIANJIN));
    ck_assert_int_eq(region(w, NORTH)->state, INCIDENT_RECOVERING);
    ck_assert_uint_gt(slots_at(w, "web", BEIJING), 0);
    ck_assert_uint_eq(slots_at(w, "web", TIANJIN), 0);
    world_free(w);
}
END_TEST

/* With the usual budget of one the second waits, and both records and status say it. */
START_TEST(the_budget_holds_in_a_region)
{
    struct world *w = begin(1);
    lose_north(w);
    ck_assert_int_eq(region(w, NORTH)->state, INCIDENT_CONFIRMED);
    bool beijing_first = outage(w, BEIJING)->id < outage(w, TIANJIN)->id;
    ck_assert_uint_eq(slots_at(w, "web", beijing_first ? BEIJING : TIANJIN), 0);
    uint16_t second = beijing_first ? TIANJIN : BEIJING;
    ck_assert_int_eq(outage(w, second)->state, INCIDENT_CONFIRMED);
    world_free(w);
}
END_TEST

/* Known before anybody could move: an IDC of which nothing was over a carrier was not drained
 * there, and takes no place from the one that is first. */
START_TEST(what_had_nothing_there_was_not_drained)
{
    struct world *w = begin(1);
    struct operator_record freeze = {.command = OPERATOR_FREEZE};
    ck_assert_int_eq(world_command(w, &freeze), FOLD_ACCEPTED);
    uint32_t order = w->control.orders[0].id;
    lose_north(w);
    ck_assert_uint_gt(slots_at(w, "web", BEIJING), 0);
    struct operator_record release = {.command = OPERATOR_RELEASE, .argument = order};
    ck_assert_int_eq(world_command(w, &release), FOLD_ACCEPTED);
    world_run(w, 6 * S, 50 * MS, 4);
    bool beijing_first = outage(w, BEIJING)->id < outage(w, TIANJIN)->id;
    uint16_t first = beijing_first ? BEIJING : TIANJIN, second = beijing_first ? TIANJIN : BEIJING;
    ck_assert_uint_eq(slots_at(w, "web", first), 0);
    ck_assert_uint_gt(slots_at(w, "web", second), 0);
    ck_assert_uint_ne(w->control.rescued[first], 0);
    ck_assert_uint_eq(w->control.rescued[second], 0);
    world_free(w);
}
END_TEST

/* A second disaster during the first: a carrier goes at another IDC while traffic is away. */
START_TEST(one_on_top_of_the_other)
{
    struct world *w = begin(2);
    w->idc_dead[SHANGHAI] = true;
    world_run(w, 2300 * MS, 50 * MS, 3); /* the rescue has just been decided */
    w->carrier_off[TELECOM * w->fleet->idc_count + SHENZHEN] = true;
    world_run(w, 6 * S, 50 * MS, 4);
    uint16_t e = world_entrance(w, "web-shenzhen");
    ck_assert_uint_eq(world_slots_over(w, e, TELECOM), 0);
    ck_assert_uint_eq(slots_at(w, "web", SHANGHAI), 0);
    ck_assert_uint_gt(slots_at(w, "web", BEIJING), 0);
    for (uint16_t v = 0; v < w->fleet->view_count; v++) {
        ck_assert_uint_eq(plan_answer(&w->control.plan, 0, v)->count, 4);
    }
    world_free(w);
}
END_TEST

/* Back in the middle of the failover, before anything was acknowledged: what was decided stands,
 * and the way back is a person's all the same. */
START_TEST(back_in_the_middle)
{
    struct world *w = begin(1);
    w->acknowledge = false;
    w->idc_dead[SHANGHAI] = true;
    for (int i = 0; i < 100 && w->decide.purpose != DECIDE_RESCUE; i++) {
        (void)world_tick(w, 50 * MS);
    }
    ck_assert_uint_eq(slots_at(w, "web", SHANGHAI), 0);
    w->idc_dead[SHANGHAI] = false;
    world_run(w, 20 * S, 100 * MS, 3);
    ck_assert_uint_eq(slots_at(w, "web", SHANGHAI), 0);
    ck_assert_int_eq(outage(w, SHANGHAI)->state, INCIDENT_CONFIRMED);
    w->acknowledge = true;
    world_approve(w, outage(w, SHANGHAI)->id);
    world_run(w, 20 * S, 100 * MS, 8);
    ck_assert_uint_gt(slots_at(w, "web", SHANGHAI), 0);
    world_free(w);
}
END_TEST

/* Off a carrier that comes back before the window is over: nothing happens at all. */
START_TEST(back_before_the_window_is_over)
{
    struct world *w = begin(1);
    w->carrier_off[SHANGHAI] = true;
    ck_assert_uint_eq(world_run(w, 1900 * MS, 50 * MS, 0), 0);
    w->carrier_off[SHANGHAI] = false;
    ck_assert_uint_eq(world_run(w, 20 * S, 50 * MS, 0), 0);
    world_free(w);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("region");
    TCase *t = tcase_create("stories");
    tcase_set_timeout(t, 60);
    tcase_add_test(t, a_region_is_lost);
    tcase_add_test(t, one_word_for_a_region);
    tcase_add_test(t, a_region_comes_back_by_halves);
    tcase_add_test(t, the_budget_holds_in_a_region);
    tcase_add_test(t, what_had_nothing_there_was_not_drained);
    tcase_add_test(t, one_on_top_of_the_other);
    tcase_add_test(t, back_in_the_middle);
    tcase_add_test(t, back_before_the_window_is_over);
    suite_add_tcase(s, t);
    SRunner *r = srunner_create(s);
    srunner_run_all(r, CK_NORMAL);
    int failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed == 0 ? 0 : 1;
}
