/* test_drill_effect.c: a drill's first change is in effect when the last place it is about has
 * acknowledged, and not with the first one. */
#include "cli/drill_effect.h"

#include <check.h>
#include <stdlib.h>

enum { LOST = 2, ACKNOWLEDGED = 70 /* offset of every acknowledgement */ };

static struct idc idcs[3] = {{.region = 0}, {.region = 1}, {.region = 1}};
static struct dns_server servers[2] = {{.idc = 0}, {.idc = LOST}};
static const struct fleet fleet = {
    .idc_count = 3, .idcs = idcs, .dns_server_count = 2, .dns_servers = servers};

static struct logtime at(int64_t us)
{
    return (struct logtime){us};
}

static void acknowledge(struct drill_effect *e, enum actuator a, uint16_t target,
                        uint64_t generation, int status)
{
    const struct step s = {.kind = STEP_OUTCOME,
                           .actuator = a,
                           .target = target,
                           .fence = {.generation = generation},
                           .status = status};
    drill_effect_outcome(e, &s, ACKNOWLEDGED);
}

START_TEST(every_place_but_the_lost_one_has_to_acknowledge)
{
    struct change changes[] = {{.kind = CHANGE_ANSWER},
                               {.kind = CHANGE_TIER, .a = 1},
                               {.kind = CHANGE_HOPS, .a = 0},
                               {.kind = CHANGE_HOPS, .a = LOST}};
    const struct decide d = {.generation = 5, .changes = changes, .change_count = 4};
    const struct decide later = {.generation = 6, .changes = changes, .change_count = 4};
    struct drill_effect e = {0};
    drill_effect_decide(&e, &fleet, &d, LOST, at(10));
    drill_effect_decide(&e, &fleet, &later, LOST, at(11));
    ck_assert_int_eq(e.decided.us, 10);
    ck_assert_uint_eq(e.left, 3); /* one server, the features of one IDC, the routes of one */
    acknowledge(&e, ACTUATOR_FEATURES, 1, 5, OK);
    acknowledge(&e, ACTUATOR_FEATURES, 1, 5, OK);
    acknowledge(&e, ACTUATOR_ROUTES, 0, 6, OK); /* a later plan has it too */
    acknowledge(&e, ACTUATOR_DNS, 1, 5, OK);    /* of the lost IDC: it does not count */
    acknowledge(&e, ACTUATOR_DNS, 0, 4, OK);
    acknowledge(&e, ACTUATOR_DNS, 0, 5, ERR_UNAVAILABLE);
    ck_assert_int_eq(e.done.us, 0);
    drill_effect_time(&e, ACKNOWLEDGED, at(28));
    ck_assert_int_eq(e.done.us, 0);
    acknowledge(&e, ACTUATOR_DNS, 0, 5, OK);
    ck_assert_int_eq(e.done.us, 0); /* when that was, the next record of the leader tells */
    drill_effect_time(&e, ACKNOWLEDGED - 1, at(29)); /* made before it was read */
    ck_assert_int_eq(e.done.us, 0);
    drill_effect_time(&e, ACKNOWLEDGED, at(30));
    drill_effect_time(&e, ACKNOWLEDGED, at(31));
    ck_assert_int_eq(e.done.us, 30);
}
END_TEST

START_TEST(nothing_changed_has_no_effect_and_what_only_the_lost_one_had_to_do_is_done)
{
    struct change own = {.kind = CHANGE_HOPS, .a = LOST};
    const struct decide note = {.generation = 5};
    const struct decide d = {.generation = 5, .changes = &own, .change_count = 1};
    struct drill_effect e = {0};
    drill_effect_decide(&e, &fleet, &note, LOST, at(10));
    acknowledge(&e, ACTUATOR_DNS, 0, 5, OK);
    drill_effect_time(&e, ACKNOWLEDGED, at(11));
    ck_assert_int_eq(e.decided.us, 0);
    ck_assert_int_eq(e.done.us, 0);
    drill_effect_decide(&e, &fleet, &d, LOST, at(12));
    ck_assert_int_eq(e.done.us, 12);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("drill-effect");
    TCase *tc = tcase_create("effect");
    tcase_add_test(tc, every_place_but_the_lost_one_has_to_acknowledge);
    tcase_add_test(tc, nothing_changed_has_no_effect_and_what_only_the_lost_one_had_to_do_is_done);
    suite_add_tcase(suite, tc);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    const int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
