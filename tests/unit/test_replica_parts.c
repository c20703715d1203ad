/* test_replica_parts.c: the parts of a replica that decide for themselves: the order of next hops,
 * what counts as evidence, what becomes of a plan that was found (PROTOCOL.md). */
#include "core_world.h"

#include "core/confirm.h"
#include "core/intake.h"
#include "core/routes.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

#define T(sec) ((struct mono){(int64_t)((sec)*1000000)})

static struct world *w;

static void setup(void)
{
    w = world_of_yaml(FLEETS "/three-idc.yaml");
}

static void teardown(void)
{
    world_free(w);
}

/* --- Next hops ----------------------------------------------------------------------------------
 */

static struct routes hops_of_two(uint16_t first, uint16_t second, struct arena *a)
{
    struct routes r;
    ck_assert_int_eq(routes_new(w->fleet, a, &r), OK);
    struct plan p = w->control.plan;
    struct hops *h = plan_hops(&p, 0, 1);
    h->count = 2;
    h->links[0] = first;
    h->links[1] = second;
    routes_plan(&r, w->fleet, &p, 0);
    return r;
}

static uint16_t effective(const struct routes *r)
{
    for (uint32_t i = 0; i < r->want_count; i++) {
        if (r->want[i].destination == 1) {
            return r->want[i].links[0];
        }
    }
    return FLEET_NONE;
}

static void edge(struct routes *r, uint16_t link, bool down, uint32_t number)
{
    struct link_edge e = {.link = link, .end = 0, .down = down, .down_number = number};
    routes_edge(r, w->fleet, &e, 0);
}

/* Links 0 (to IDC 1) and 2 (to IDC 2, a way round) both begin at IDC 0. */
START_TEST(the_effective_hop_is_the_first_that_is_not_down)
{
    static uint8_t room[1 << 20] __attribute__((aligned(16)));
    struct arena a;
    arena_init(&a, room, sizeof room);
    struct routes r = hops_of_two(0, 2, &a);
    ck_assert_uint_eq(effective(&r), 0);
    edge(&r, 0, true, 1);
    ck_assert_uint_eq(effective(&r), 0); /* the backup was never seen good: the present one stays */
    edge(&r, 2, false, 0);
    ck_assert_uint_eq(effective(&r), 2);
    edge(&r, 0, false, 1);
    ck_assert_uint_eq(effective(&r), 2); /* held until a plan has seen down number 1 */
    edge(&r, 2, true, 1);
    ck_assert_uint_eq(effective(&r),
                      0); /* a held link that is good serves when nothing is better */
    edge(&r, 0, true, 2);
    ck_assert_uint_eq(effective(&r), 0); /* nothing is good: stay */
    edge(&r, 0, false, 2);
    edge(&r, 2, false, 1);
    ck_assert_uint_eq(effective(&r), 0); /* both held and good: the plan's order */
    for (uint32_t i = 0; i < r.want_count; i++) {
        ck_assert_uint_gt(r.want[i].count, 0);
    }
}
END_TEST

START_TEST(a_plan_releases_only_the_downs_that_it_has_seen)
{
    static uint8_t room[1 << 20] __attribute__((aligned(16)));
    struct arena a;
    arena_init(&a, room, sizeof room);
    struct routes r = hops_of_two(0, 2, &a);
    edge(&r, 2, false, 0);
    edge(&r, 0, true, 1);
    edge(&r, 0, true, 2);
    edge(&r, 0, false, 2);
    ck_assert_uint_eq(effective(&r), 2);
    *plan_released(&w->control.plan, 0, 0) = 1;
    routes_plan(&r, w->fleet, &w->control.plan, 0);
    ck_assert_uint_ne(effective(&r), 0);
    *plan_released(&w->control.plan, 0, 0) = 2;
    routes_plan(&r, w->fleet, &w->control.plan, 0);
    ck_assert_uint_eq(effective(&r), 0);
}
END_TEST

/* --- Evidence -----------------------------------------------------------------------------------
 */

static struct intake in;

static bool report(uint64_t incarnation, uint64_t sequence, int64_t sent_us, struct mono arrived)
{
    struct report r = w->reports[0];
    r.incarnation = incarnation;
    r.sequence = sequence;
    r.sent_us = sent_us;
    return intake_report(&in, &w->control, 0, &r, (int64_t)sequence, arrived);
}

START_TEST(evidence_is_new_aged_and_conclusive_by_the_rules)
{
    size_t size = intake_arena_size(w->fleet);
    void *room = aligned_alloc(16, (size + 15) / 16 * 16);
    struct arena a;
    ck_assert_ptr_nonnull(room);
    arena_init(&a, room, size);
    ck_assert_int_eq(intake_new(w->fleet, &a, T(0), &in), OK);
    ck_assert(report(5, 1, 100000000, T(1)));
    ck_assert(!intake_evidence(&in, T(1))[0].conclusive); /* the end was not read before it */
    intake_ended(&in, 0);
    ck_assert(report(5, 2, 101000000, T(2.5))); /* half a second more on its way than the first */
    ck_assert(intake_evidence(&in, T(2.5))[0].conclusive);
    int64_t age_us = intake_evidence(&in, T(2.5))[0].age_us;
    ck_assert_int_ge(age_us, 499000);
    ck_assert_int_le(age_us, 500000);
    ck_assert_int_ge(intake_evidence(&in, T(3.5))[0].age_us, 1499000);
    ck_assert(!report(5, 2, 101000000, T(3))); /* again */
    ck_assert(!report(4, 9, 101000000, T(3))); /* an older life */
    ck_assert(report(6, 1, 500, T(3)));        /* a new one: its own clock */
    ck_assert_int_eq(intake_evidence(&in, T(3))[0].age_us, 0);
    struct report foreign = w->reports[0];
    foreign.sequence = 99;
    foreign.incarnation = 6;
    foreign.fleet.bytes[0] ^= 1;
    ck_assert(!intake_report(&in, &w->control, 0, &foreign, 9, T(3)));
    intake_silence(&in);
    ck_assert(report(6, 2, 1000500, T(4)));
    ck_assert(!intake_evidence(&in, T(4))[0].conclusive);
    intake_ended(&in, 0);
    ck_assert(report(6, 3, 2000500, T(5)));
    ck_assert(intake_evidence(&in, T(5))[0].conclusive);
    ck_assert(!intake_warm(&in)); /* the other partitions were never read */
    ck_assert(intake_unread_for(&in, 2 * US_PER_SEC, T(5)));
    free(room);
}
END_TEST

START_TEST(a_long_silence_does_not_make_an_old_report_young)
{
    size_t size = intake_arena_size(w->fleet);
    void *room = aligned_alloc(16, (size + 15) / 16 * 16);
    struct arena a;
    ck_assert_ptr_nonnull(room);
    arena_init(&a, room, size);
    ck_assert_int_eq(intake_new(w->fleet, &a, T(0), &in), OK);
    intake_ended(&in, 0);
    ck_assert(report(5, 1, 0, T(0)));
    ck_assert(report(5, 2, 1000000, T(601))); /* held back for ten minutes */
    ck_assert_int_ge(intake_evidence(&in, T(601))[0].age_us, 599 * US_PER_SEC);
    ck_assert(!intake_evidence(&in, T(601))[0].conclusive);
    free(room);
}
END_TEST

/* The furthest that the wire lets through (US_MAX), and back to zero: no sum overflows. */
START_TEST(the_furthest_times_of_a_report_do_not_overflow)
{
    size_t size = intake_arena_size(w->fleet);
    void *room = aligned_alloc(16, (size + 15) / 16 * 16);
    struct arena a;
    ck_assert_ptr_nonnull(room);
    arena_init(&a, room, size);
    ck_assert_int_eq(intake_new(w->fleet, &a, T(0), &in), OK);
    intake_ended(&in, 0);
    ck_assert(report(5, 1, US_MAX, T(1)));
    ck_assert(report(5, 2, 0, T(2)));
    ck_assert_int_ge(intake_evidence(&in, T(3))[0].age_us, US_MAX);
    free(room);
}
END_TEST

/* --- Confirm or take back ------------------------------------------------------------------------
 */

static struct decide weighed(void *room, size_t size)
{
    struct arena a;
    struct decide d;
    arena_init(&a, room, size);
    world_look(w);
    ck_assert_int_eq(confirm(&w->control, w->evidence, &w->diagnosis, w->now, &a, &d), OK);
    return d;
}

START_TEST(a_found_plan_is_confirmed_or_taken_back_by_what_is_seen)
{
    size_t size = confirm_arena_size(w->fleet);
    void *room = aligned_alloc(16, (size + 15) / 16 * 16);
    ck_assert_ptr_nonnull(room);
    w->acknowledge = false; /* nobody acts upon it */
    w->idc_dead[0] = true;
    uint32_t tries = 0;
    while (world_incident(w, INCIDENT_IDC_OUTAGE, 0, 0) == NULL || w->control.plan_offset == 0 ||
           w->control.plan_purpose != DECIDE_RESCUE) {
        (void)world_tick(w, 500 * US_PER_MS);
        ck_assert_uint_lt(tries++, 100);
    }
    w->control.unconfirmed = w->control.plan_offset;
    struct decide d = weighed(room, size);
    ck_assert_int_eq(d.purpose, DECIDE_CONFIRM);
    ck_assert_uint_eq(d.change_count, 0);
    w->idc_dead[0] = false; /* it lives after all */
    for (int i = 0; i < 20; i++) {
        w->now.us += US_PER_SEC;
        world_look(w);
    }
    d = weighed(room, size);
    ck_assert_int_eq(d.purpose, DECIDE_REVERT);
    ck_assert_int_eq(digest_compare(&d.plan_digest, &w->control.previous.fence.digest), 0);
    ck_assert_uint_gt(d.change_count, 0);
    free(room);
}
END_TEST

/* The same when what was taken away is one carrier at an IDC. */
START_TEST(a_found_plan_may_be_about_a_carrier)
{
    struct subject there = {SUBJECT_CARRIER_AT, 0, 0};
    size_t size = confirm_arena_size(w->fleet);
    void *room = aligned_alloc(16, (size + 15) / 16 * 16);
    ck_assert_ptr_nonnull(room);
    w->acknowledge = false;
    w->carrier_off[0] = true;
    for (int i = 0; i < 100 && w->control.plan_purpose != DECIDE_RESCUE; i++) {
        (void)world_tick(w, 100 * US_PER_MS);
    }
    ck_assert_ptr_nonnull(world_case(w, INCIDENT_CARRIER_OUTAGE, there));
    w->control.unconfirmed = w->control.plan_offset;
    ck_assert_int_eq(weighed(room, size).purpose, DECIDE_CONFIRM);
    w->carrier_off[0] = false;
    world_look(w);
    w->now.us += 20 * US_PER_SEC;
    ck_assert_int_eq(weighed(room, size).purpose, DECIDE_REVERT);
    free(room);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("replica-parts");
    TCase *t = tcase_create("parts");
    tcase_add_checked_fixture(t, setup, teardown);
    tcase_add_test(t, the_effective_hop_is_the_first_that_is_not_down);
    tcase_add_test(t, a_plan_releases_only_the_downs_that_it_has_seen);
    tcase_add_test(t, evidence_is_new_aged_and_conclusive_by_the_rules);
    tcase_add_test(t, a_long_silence_does_not_make_an_old_report_young);
    tcase_add_test(t, the_furthest_times_of_a_report_do_not_overflow);
    tcase_add_test(t, a_found_plan_is_confirmed_or_taken_back_by_what_is_seen);
    tcase_add_test(t, a_found_plan_may_be_about_a_carrier);
    suite_add_tcase(s, t);
    SRunner *r = srunner_create(s);
    srunner_run_all(r, CK_ENV);
    int failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
