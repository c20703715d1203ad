/* test_errors.c: services that answer their checks and fail their requests, by their own word. */
#include "core/told.h"
#include "core_world.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

#define S US_PER_SEC
enum { WEB, STOCK };

static struct world *w;

static void begin(const char *path, uint32_t min_observers)
{
    w = world_of_yaml(path);
    w->loads = LOADS_VIEWS;
    w->fleet->policy.min_observers = min_observers;
    for (size_t i = 0; i < (size_t)w->fleet->service_count * w->fleet->idc_count; i++) {
        w->says[i].saturation_ppm = 100000;
    }
    (void)world_run(w, 10 * S, S / 2, 0);
}

static void three(void)
{
    begin(FLEETS "/three-idc.yaml", 2);
}

static void end(void)
{
    ck_assert_ptr_null(control_broken(&w->control));
    world_free(w);
}

static struct place_says *says(uint16_t service, const char *idc)
{
    return &w->says[(size_t)service * w->fleet->idc_count + world_idc(w, idc)];
}

static const struct incident *gray(uint16_t service, const char *idc)
{
    return world_incident(w, INCIDENT_GRAY_FAILURE, service, world_idc(w, idc));
}

static uint32_t slots(const char *entrance)
{
    return world_slots(w, world_entrance(w, entrance));
}

START_TEST(a_word_of_ones_own_is_suspected_and_moves_nothing)
{
    three();
    says(WEB, "beijing")->errors_ppm = 190000; /* below the limit */
    ck_assert_uint_eq(world_run(w, 60 * S, S / 2, 0), 0);
    says(WEB, "beijing")->errors_ppm = 300000;
    ck_assert_int_eq(world_tick(w, S / 2), DECIDE_NOTE);
    ck_assert_int_eq(gray(WEB, "beijing")->state, INCIDENT_SUSPECTED);
    ck_assert_int_eq(gray(WEB, "beijing")->rule, RULE_ERRORS);
    ck_assert_uint_eq(world_run(w, 300 * S, S / 2, 0), 0);
    ck_assert_uint_eq(slots("web-beijing"), 4);
    says(WEB, "beijing")->errors_ppm = 150000; /* still more than half of the limit */
    ck_assert_uint_eq(world_run(w, 60 * S, S / 2, 0), 0);
    says(WEB, "beijing")->errors_ppm = 50000;
    ck_assert_int_eq(world_tick(w, S / 2), DECIDE_NOTE);
    ck_assert_ptr_null(gray(WEB, "beijing"));
    end();
}
END_TEST

START_TEST(a_lone_word_is_enough_where_the_fleet_says_so)
{
    begin(FLEETS "/three-idc.yaml", 1);
    says(WEB, "beijing")->errors_ppm = 300000;
    (void)world_tick(w, S / 2);
    ck_assert_int_eq(gray(WEB, "beijing")->state, INCIDENT_SUSPECTED);
    ck_assert_uint_eq(world_run(w, w->fleet->policy.confirmation_us - S / 2, S / 2, 0), 0);
    ck_assert_int_eq(world_tick(w, S / 2), DECIDE_RESCUE);
    ck_assert_uint_eq(slots("web-beijing"), 0);
    (void)world_run(w, 60 * S, S / 2, 6); /* it is asked nothing now: that is no sign of health */
    ck_assert_int_eq(gray(WEB, "beijing")->state, INCIDENT_MITIGATED);
    ck_assert(gray(WEB, "beijing")->needs_approval);
    says(WEB, "beijing")->errors_ppm = 0;
    world_approve(w, gray(WEB, "beijing")->id);
    (void)world_run(w, 60 * S, S / 2, 12);
    ck_assert_uint_eq(slots("web-beijing"), 4);
    ck_assert_ptr_null(gray(WEB, "beijing"));
    end();
}
END_TEST

START_TEST(what_is_asked_too_much_fails_for_that)
{
    begin(FLEETS "/three-idc.yaml", 1);
    says(WEB, "beijing")->errors_ppm = 500000;
    says(WEB, "beijing")->saturation_ppm = 1000000;
    (void)world_run(w, 60 * S, S / 2, 20);
    ck_assert_ptr_null(gray(WEB, "beijing"));
    ck_assert_uint_eq(slots("web-beijing"), 4);
    ck_assert_ptr_nonnull(world_incident(w, INCIDENT_OVERLOAD, WEB, world_idc(w, "beijing")));
    end();
}
END_TEST

START_TEST(nobody_is_evidence_against_another)
{
    begin(FLEETS "/three-idc.yaml", 1);
    says(WEB, "beijing")->errors_ppm = 1000000;
    says(WEB, "beijing")->times = 1000;
    (void)world_run(w, 60 * S, S / 2, 20);
    ck_assert_ptr_null(gray(WEB, "shanghai"));
    ck_assert_ptr_null(gray(WEB, "shenzhen"));
    ck_assert_uint_gt(slots("web-shanghai"), 0);
    end();
}
END_TEST

START_TEST(where_all_fail_nothing_moves)
{
    begin(FLEETS "/three-idc.yaml", 1);
    struct digest before = plan_shape_digest(&w->control.plan);
    says(WEB, "beijing")->errors_ppm = 900000;
    says(WEB, "shanghai")->errors_ppm = 900000;
    says(WEB, "shenzhen")->errors_ppm = 900000;
    (void)world_run(w, 60 * S, S / 2, 20);
    struct digest after = plan_shape_digest(&w->control.plan);
    ck_assert_int_eq(digest_compare(&before, &after), 0);
    end();
}
END_TEST

START_TEST(what_fails_is_better_than_what_is_dead)
{
    three();
    says(WEB, "shanghai")->errors_ppm = 300000;
    says(WEB, "shenzhen")->errors_ppm = 300000;
    (void)world_run(w, 10 * S, S / 2, 4);
    w->idc_dead[world_idc(w, "beijing")] = true;
    (void)world_run(w, 20 * S, S / 2, 8);
    ck_assert_uint_eq(slots("web-beijing"), 0);
    end();
}
END_TEST

START_TEST(silence_says_nothing_of_errors)
{
    three();
    says(WEB, "beijing")->nothing = true;
    says(WEB, "beijing")->errors_ppm = 900000;
    ck_assert_uint_eq(world_run(w, 60 * S, S / 2, 0), 0);
    end();
}
END_TEST

static void isolate_shenzhen(bool cut)
{
    static const char *const links[] = {"shanghai-shenzhen", "beijing-shenzhen"};
    for (size_t i = 0; i < 2; i++) {
        uint16_t l = world_link(w, links[i]);
        w->link_cut[l] = cut;
        if (cut) {
            w->control.link_downs[l * 2]++;
            w->control.link_downs[l * 2 + 1]++;
        }
    }
}

/* Item 2 of the model: off the backbone, `preferred` stays while its error rate is in bounds. */
START_TEST(off_the_backbone_preferred_leaves_when_it_fails)
{
    begin(WORLDS "/two-carriers.yaml", 2);
    w->fleet->services[STOCK].backbone = BACKBONE_PREFERRED;
    uint32_t before = slots("stock-shenzhen");
    ck_assert_uint_gt(before, 0);
    isolate_shenzhen(true);
    (void)world_run(w, 20 * S, S / 2, 6);
    ck_assert_uint_eq(slots("stock-shenzhen"), before);
    says(STOCK, "shenzhen")->errors_ppm = 300000;
    (void)world_run(w, w->fleet->policy.confirmation_us, S / 2, 1); /* suspected */
    ck_assert_uint_eq(slots("stock-shenzhen"), before);
    (void)world_run(w, 2 * S, S / 2, 3);
    ck_assert_uint_eq(slots("stock-shenzhen"), 0);
    ck_assert_uint_eq(world_run(w, 60 * S, S / 2, 2), 0); /* asked nothing, it does not come back */
    ck_assert_uint_eq(slots("stock-shenzhen"), 0);
    ck_assert_ptr_nonnull(gray(STOCK, "shenzhen"));
    says(STOCK, "shenzhen")->errors_ppm = 0;
    isolate_shenzhen(false);
    (void)world_run(w, 60 * S, S / 2, 12);
    ck_assert_uint_eq(slots("stock-shenzhen"), before);
    ck_assert_uint_eq(w->control.incident_count, 0);
    end();
}
END_TEST

START_TEST(a_drill_is_judged_by_the_errors_of_all)
{
    three();
    size_t places = (size_t)w->fleet->service_count * w->fleet->idc_count;
    struct told *told = calloc(places, sizeof *told);
    ck_assert_ptr_nonnull(told);
    ck_assert_uint_eq(told_all_errors_ppm(w->fleet, told), 0);
    told[0] = (struct told){.known = true, .sample = {.requests_mrps = 9000000}};
    told[1] =
        (struct told){.known = true, .sample = {.requests_mrps = 1000000, .errors_mrps = 100000}};
    told[2] = (struct told){.sample = {.requests_mrps = 1000000, .errors_mrps = 1000000}};
    ck_assert_uint_eq(told_all_errors_ppm(w->fleet, told), 10000);
    for (size_t i = 0; i < places; i++) {
        told[i] =
            (struct told){.known = true,
                          .sample = {.requests_mrps = LOAD_MAX_MRPS, .errors_mrps = LOAD_MAX_MRPS}};
    }
    ck_assert_uint_eq(told_all_errors_ppm(w->fleet, told), 1000000);
    free(told);
    end();
}
END_TEST

int main(void)
{
    Suite *s = suite_create("errors");
    TCase *t = tcase_create("errors");
    tcase_add_test(t, a_word_of_ones_own_is_suspected_and_moves_nothing);
    tcase_add_test(t, a_lone_word_is_enough_where_the_fleet_says_so);
    tcase_add_test(t, what_is_asked_too_much_fails_for_that);
    tcase_add_test(t, nobody_is_evidence_against_another);
    tcase_add_test(t, where_all_fail_nothing_moves);
    tcase_add_test(t, what_fails_is_better_than_what_is_dead);
    tcase_add_test(t, silence_says_nothing_of_errors);
    tcase_add_test(t, off_the_backbone_preferred_leaves_when_it_fails);
    tcase_add_test(t, a_drill_is_judged_by_the_errors_of_all);
    tcase_set_timeout(t, 60);
    suite_add_tcase(s, t);
    SRunner *r = srunner_create(s);
    srunner_run_all(r, CK_NORMAL);
    int failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed == 0 ? 0 : 1;
}
