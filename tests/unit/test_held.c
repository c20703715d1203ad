/* test_held.c: a place that is held, or written by another log, is an incident until it is written
 * again. */
#include "core_world.h"

#include "core/explain.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

#define MS US_PER_MS
#define S  US_PER_SEC

enum { BEIJING, SHANGHAI, SHENZHEN };

static struct world *w;

static void setup(void)
{
    w = world_of_yaml(FLEETS "/three-idc.yaml");
    world_run(w, 20 * S, 100 * MS, 0);
}

static void teardown(void)
{
    world_free(w);
}

/* What an actuator found at its target. */
static void tell(enum actuator actuator, uint16_t target, int status)
{
    uint16_t by = actuator == ACTUATOR_DNS ? BEIJING : target;
    struct record r = {.kind = RECORD_STEP};
    r.step = (struct step){.kind = STEP_OUTCOME,
                           .actuator = actuator,
                           .target = target,
                           .fence = w->control.plan.fence,
                           .status = status};
    world_fold(w, by, &r);
}

static const struct incident *open(enum incident_kind kind, enum actuator actuator, uint16_t target)
{
    return world_case(w, kind, (struct subject){SUBJECT_TARGET, (uint16_t)actuator, target});
}

START_TEST(a_hold_is_an_incident_until_it_is_released)
{
    static const struct {
        enum actuator actuator;
        uint16_t target;
    } at[] = {{ACTUATOR_DNS, 1}, {ACTUATOR_ROUTES, SHANGHAI}, {ACTUATOR_FEATURES, SHENZHEN}};
    const struct fence before = w->control.plan.fence;
    for (size_t i = 0; i < sizeof at / sizeof at[0]; i++) {
        tell(at[i].actuator, at[i].target, ERR_HELD);
        ck_assert_uint_eq(world_tick(w, 100 * MS), DECIDE_NOTE);
        const struct incident *n = open(INCIDENT_HELD, at[i].actuator, at[i].target);
        ck_assert_ptr_nonnull(n);
        ck_assert_int_eq(n->state, INCIDENT_CONFIRMED);
        /* Once, and a lost connection is no release. */
        ck_assert_uint_eq(world_run(w, 20 * S, 100 * MS, 0), 0);
        tell(at[i].actuator, at[i].target, ERR_UNAVAILABLE);
        ck_assert_uint_eq(world_run(w, 5 * S, 100 * MS, 0), 0);
        ck_assert_ptr_nonnull(open(INCIDENT_HELD, at[i].actuator, at[i].target));
    }
    ck_assert_uint_eq(w->control.incident_count, 3);
    for (size_t i = 0; i < sizeof at / sizeof at[0]; i++) {
        tell(at[i].actuator, at[i].target, OK);
        ck_assert_uint_eq(world_tick(w, 100 * MS), DECIDE_NOTE);
        ck_assert_ptr_null(open(INCIDENT_HELD, at[i].actuator, at[i].target));
    }
    ck_assert_uint_eq(w->control.incident_count, 0);
    ck_assert(fence_compare(&before, &w->control.plan.fence) == FENCE_EQUAL);
}
END_TEST

START_TEST(another_log_is_an_incident)
{
    tell(ACTUATOR_DNS, 0, ERR_HELD);
    ck_assert_uint_eq(world_tick(w, 100 * MS), DECIDE_NOTE);
    tell(ACTUATOR_DNS, 0, ERR_FOREIGN); /* the hold is gone, and under it was this */
    ck_assert_uint_eq(world_tick(w, 100 * MS), DECIDE_NOTE);
    ck_assert_ptr_null(open(INCIDENT_HELD, ACTUATOR_DNS, 0));
    ck_assert_ptr_nonnull(open(INCIDENT_SPLIT_FENCE, ACTUATOR_DNS, 0));
    tell(ACTUATOR_DNS, 0, OK);
    ck_assert_uint_eq(world_tick(w, 100 * MS), DECIDE_NOTE);
    ck_assert_uint_eq(w->control.incident_count, 0);
}
END_TEST

START_TEST(it_explains_itself)
{
    char room[512];
    struct text t = text_over(room, sizeof room);
    tell(ACTUATOR_DNS, 1, ERR_HELD);
    world_tick(w, 100 * MS);
    explain_incident(w->fleet, open(INCIDENT_HELD, ACTUATOR_DNS, 1), &t);
    ck_assert_ptr_nonnull(strstr(room, "held, DNS server "));
    ck_assert_ptr_nonnull(strstr(room, w->fleet->dns_servers[1].name));
    ck_assert_ptr_nonnull(strstr(room, "spillway emergency release"));
}
END_TEST

/* The word itself: in the log for the audit, and nothing else. */
START_TEST(a_word_in_the_log_changes_nothing)
{
    const struct fence before = w->control.plan.fence;
    struct operator_record o = {.command = OPERATOR_HOLD, .argument = 4711};
    strcpy(o.identity, "alice (uid 1000)");
    strcpy(o.reason, "the resolvers lie");
    ck_assert_int_eq(world_command(w, &o), FOLD_ACCEPTED);
    o.command = OPERATOR_UNHOLD;
    o.request.bytes[0] = 1;
    ck_assert_int_eq(world_command(w, &o), FOLD_ACCEPTED);
    ck_assert_uint_eq(world_run(w, 10 * S, 100 * MS, 0), 0);
    ck_assert(fence_compare(&before, &w->control.plan.fence) == FENCE_EQUAL);
    ck_assert_uint_eq(w->control.order_count + w->control.incident_count, 0);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("held");
    TCase *t = tcase_create("held");
    tcase_set_timeout(t, 60);
    tcase_add_checked_fixture(t, setup, teardown);
    tcase_add_test(t, a_hold_is_an_incident_until_it_is_released);
    tcase_add_test(t, another_log_is_an_incident);
    tcase_add_test(t, it_explains_itself);
    tcase_add_test(t, a_word_in_the_log_changes_nothing);
    suite_add_tcase(s, t);
    SRunner *runner = srunner_create(s);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
