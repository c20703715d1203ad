/* test_drill_run.c: runs of the shipped drills in the small world of the core's tests, by the
 * production fold and decisions: each passes and ends in the very plan from before; what must stop
 * one stops it, and restores. */
#include "core_world.h"

#include "config/drill_config.h"
#include "config/settings.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

#define TICK_US (100 * US_PER_MS)

/* The injectors of the IDCs. */
enum obedience { OBEYS, DEAF, REFUSES };

static enum obedience obedience;
static uint32_t requests;

static struct world *three(void)
{
    struct world *w = world_of_yaml(FLEETS "/three-idc.yaml");
    obedience = OBEYS;
    world_run(w, 20 * US_PER_SEC, TICK_US, 10);
    world_acknowledge(w);
    return w;
}

static struct drill runbook(const char *name)
{
    char path[512], *text = NULL;
    size_t len;
    struct config_errors errs = {0};
    struct drill d;
    snprintf(path, sizeof path, "%s/%s.yaml", DRILLS, name);
    ck_assert_int_eq(config_file_read(path, CONFIG_DRILL_MAX_BYTES, &text, &len, &errs), OK);
    ck_assert_int_eq(config_drill_parse(text, len, &d, &errs), OK);
    config_errors_done(&errs);
    free(text);
    return d;
}

static void person(struct world *w, struct operator_record *o)
{
    struct record r = {.kind = RECORD_OPERATOR};
    r.operator= * o;
    requests++;
    memcpy(r.operator.request.bytes, &requests, sizeof requests);
    memcpy(r.operator.identity, "ann", 4);
    memcpy(r.operator.reason, "test", 5);
    world_fold(w, 0, &r);
}

static void ask(struct world *w, const char *name, const char *target)
{
    struct drill d = runbook(name);
    uint8_t bytes[DRILL_MAX_BYTES];
    struct codec c = codec_writer(bytes, sizeof bytes);
    drill_codec(&c, &d);
    struct operator_record o;
    memset(&o, 0, sizeof o);
    o.command = OPERATOR_DRILL;
    o.drill = (struct bytes){bytes, c.pos};
    ck_assert_int_eq(drill_target_find(w->fleet, d.on, target, &o.target), OK);
    person(w, &o);
}

/* The world is as the injections make it, and each IDC says what it does. */
static void obey(struct world *w)
{
    const struct drill_run *r = &w->control.drill;
    uint32_t step = drill_wants(r, w->now);
    bool on = step != DRILL_MAX_STEPS && obedience == OBEYS;
    for (uint16_t l = 0; l < w->fleet->link_count; l++) {
        w->link_cut[l] = on && drill_strikes_link(w->fleet, r, l);
    }
    for (uint16_t x = 0; x < w->fleet->idc_count; x++) {
        const struct injection_state *at = &w->control.injections[x];
        w->idc_dead[x] = on && r->drill.on == DRILL_ON_IDC && r->target.index == x;
        bool told = at->run == r->id && at->step == step;
        if (r->state == DRILL_NEVER || obedience == DEAF || told ||
            !drill_strikes(w->fleet, r, x)) {
            continue;
        }
        struct record s = {.kind = RECORD_STEP};
        s.step.kind = STEP_INJECTION;
        s.step.run = r->id;
        s.step.drill_step = (uint8_t)step;
        s.step.status = obedience == REFUSES && step != DRILL_MAX_STEPS ? ERR_GUARD : OK;
        world_fold(w, x, &s);
    }
}

static void run(struct world *w, int64_t us)
{
    for (int64_t t = 0; t < us; t += TICK_US) {
        obey(w);
        (void)world_tick(w, TICK_US);
    }
}

/* Until the drill has ended; the test fails when it does not. */
static void run_out(struct world *w)
{
    for (int i = 0; i < 6000 && drill_under_way(&w->control.drill); i++) {
        run(w, TICK_US);
    }
    ck_assert(!drill_under_way(&w->control.drill));
}

static struct digest shape(const struct world *w)
{
    return plan_shape_digest(&w->control.plan);
}

static bool same_shape(const struct world *w, const struct digest *before)
{
    struct digest now = shape(w);
    return digest_compare(&now, before) == 0;
}

static const struct {
    const char *name, *target;
} whole[] = {{"fibre-cut", "beijing-shanghai"}, {"fibre-cut", "shanghai-shenzhen"},
             {"conduit-cut", "coast-trench"},   {"carrier-outage", "telecom@shanghai"},
             {"idc-outage", "shanghai"},        {"idc-outage", "shenzhen"},
             {"planned-evacuation", "shanghai"}};

START_TEST(a_drill_passes_and_leaves_the_very_plan_from_before)
{
    struct world *w = three();
    struct digest before = shape(w);
    uint64_t generation = w->control.plan.fence.generation;
    ask(w, whole[_i].name, whole[_i].target);
    run_out(w);
    ck_assert_msg(w->control.drill.state == DRILL_PASSED, "%s ended %s for %s in step %u",
                  whole[_i].name, drill_state_name(w->control.drill.state),
                  drill_cause_name(w->control.drill.cause), w->control.drill.step + 1);
    ck_assert(same_shape(w, &before));
    ck_assert_uint_gt(w->control.plan.fence.generation, generation); /* it did something */
    run(w, 20 * US_PER_SEC);
    ck_assert_uint_eq(w->control.incident_count, 0);
    ck_assert_uint_eq(w->control.order_count, 0);
    ck_assert_ptr_null(control_broken(&w->control));
    world_free(w);
}
END_TEST

START_TEST(a_real_incident_aborts_it_and_everything_is_given_back)
{
    struct world *w = three();
    struct digest before = shape(w);
    uint16_t other = fleet_find_link(w->fleet, "shanghai-shenzhen");
    ask(w, "fibre-cut", "beijing-shanghai");
    run(w, 5 * US_PER_SEC);
    ck_assert_int_eq(w->control.drill.state, DRILL_RUNNING);
    ck_assert_uint_eq(drill_wants(&w->control.drill, w->now), 0);
    for (int i = 0; i < 100 && w->control.drill.state == DRILL_RUNNING; i++) {
        obey(w);
        w->link_cut[other] = true;
        (void)world_tick(w, TICK_US);
    }
    ck_assert_int_eq(w->control.drill.cause, DRILL_CAUSE_INCIDENT);
    ck_assert_uint_ne(w->control.drill.incident, 0);
    ck_assert_uint_eq(drill_wants(&w->control.drill, w->now), DRILL_MAX_STEPS); /* at once */
    run_out(w);
    ck_assert_int_eq(w->control.drill.state, DRILL_ABORTED);
    run(w, 60 * US_PER_SEC);
    ck_assert(same_shape(w, &before));
    world_free(w);
}
END_TEST

START_TEST(a_person_aborts_it_at_once)
{
    struct world *w = three();
    struct digest before = shape(w);
    ask(w, "planned-evacuation", "shanghai");
    run(w, 6 * US_PER_SEC);
    ck_assert_uint_eq(w->control.order_count, 1);
    ck_assert(!same_shape(w, &before));
    struct operator_record o = {.command = OPERATOR_ABORT, .argument = w->control.drill.id};
    person(w, &o);
    ck_assert_int_eq(w->control.drill.state, DRILL_ABORTING);
    ck_assert_int_eq(w->control.drill.cause, DRILL_CAUSE_PERSON);
    ck_assert(w->control.orders[0].ended);
    run(w, 60 * US_PER_SEC);
    ck_assert_int_eq(w->control.drill.state, DRILL_ABORTED);
    ck_assert(same_shape(w, &before));
    ck_assert_uint_eq(w->control.order_count, 0);
    world_free(w);
}
END_TEST

START_TEST(it_does_not_begin_while_a_real_incident_is_open)
{
    struct world *w = three();
    w->link_cut[fleet_find_link(w->fleet, "shanghai-shenzhen")] = true;
    world_run(w, 10 * US_PER_SEC, TICK_US, 20);
    uint64_t generation = w->control.plan.fence.generation;
    ask(w, "idc-outage", "beijing");
    (void)world_tick(w, TICK_US);
    ck_assert_int_eq(w->control.drill.state, DRILL_REFUSED);
    ck_assert_int_eq(w->control.drill.cause, DRILL_CAUSE_INCIDENT);
    ck_assert_uint_eq(w->control.plan.fence.generation, generation);
    world_free(w);
}
END_TEST

START_TEST(it_does_not_begin_under_a_freeze)
{
    struct world *w = three();
    struct operator_record o = {.command = OPERATOR_FREEZE};
    person(w, &o);
    ask(w, "fibre-cut", "beijing-shanghai");
    (void)world_tick(w, TICK_US);
    ck_assert_int_eq(w->control.drill.state, DRILL_REFUSED);
    ck_assert_int_eq(w->control.drill.cause, DRILL_CAUSE_ORDER);
    world_free(w);
}
END_TEST

START_TEST(it_does_not_begin_where_core_would_not_fit)
{
    struct world *w = three();
    uint16_t web = fleet_find_service(w->fleet, "web");
    for (uint16_t v = 0; v < w->fleet->view_count;
         v++) { /* core alone then needs all of two IDCs */
        w->fleet->demand_rps[(size_t)web * w->fleet->view_count + v] *= 6;
    }
    for (uint16_t i = 0; i < w->fleet->services[web].feature_count; i++) { /* ... and is all */
        struct feature *at = &w->fleet->services[web].features[i];
        at->cost_ppm = at->tier > 0 ? 0 : at->cost_ppm;
    }
    ask(w, "idc-outage", "beijing");
    (void)world_tick(w, TICK_US);
    ck_assert_int_eq(w->control.drill.state, DRILL_REFUSED);
    ck_assert_int_eq(w->control.drill.cause, DRILL_CAUSE_HEADROOM);
    world_free(w);
}
END_TEST

START_TEST(an_injector_that_refuses_aborts_it)
{
    struct world *w = three();
    obedience = REFUSES;
    ask(w, "fibre-cut", "beijing-shanghai");
    run_out(w);
    ck_assert_int_eq(w->control.drill.state, DRILL_ABORTED);
    ck_assert_int_eq(w->control.drill.cause, DRILL_CAUSE_INJECTOR);
    world_free(w);
}
END_TEST

START_TEST(an_injector_that_is_deaf_costs_its_time_and_no_more)
{
    struct world *w = three();
    obedience = DEAF;
    int64_t began_us = w->now.us;
    ask(w, "fibre-cut", "beijing-shanghai");
    run_out(w);
    ck_assert_int_eq(w->control.drill.state, DRILL_ABORTED);
    ck_assert_int_eq(w->control.drill.cause, DRILL_CAUSE_TIME);
    const struct drill_step *cut = &w->control.drill.drill.steps[0];
    ck_assert_int_le(w->now.us - began_us, cut->for_us + cut->within_us + 2 * US_PER_SEC);
    world_free(w);
}
END_TEST

START_TEST(one_drill_at_a_time)
{
    struct world *w = three();
    ask(w, "fibre-cut", "beijing-shanghai");
    struct drill d = runbook("fibre-cut");
    uint8_t bytes[DRILL_MAX_BYTES];
    struct codec c = codec_writer(bytes, sizeof bytes);
    drill_codec(&c, &d);
    struct record r = {.kind = RECORD_OPERATOR};
    r.operator.command = OPERATOR_DRILL;
    r.operator.drill =(struct bytes){bytes, c.pos};
    r.operator.target =(struct drill_target){1, FLEET_NONE};
    memset(r.operator.request.bytes, 9, sizeof r.operator.request.bytes);
    r.log_id = w->control.log_id;
    r.epoch = w->control.epoch;
    r.base = w->control.applied;
    r.log_time = w->control.log_time;
    r.writer = (struct writer){w->fleet->idcs[1].partition, 77, 1};
    enum fold_void why = FOLD_ACCEPTED;
    ck_assert_int_eq(fold_apply(&w->control, &w->memory, &r, w->offset, &why), OK);
    ck_assert_int_eq(why, FOLD_REQUEST_EXISTS);
    world_free(w);
}
END_TEST

START_TEST(the_state_of_a_run_reads_back)
{
    struct world *w = three();
    ask(w, "idc-outage", "shanghai");
    run(w, 8 * US_PER_SEC);
    ck_assert_int_eq(w->control.drill.state, DRILL_RUNNING);
    uint8_t a[2 * DRILL_MAX_BYTES], b[2 * DRILL_MAX_BYTES];
    struct codec out = codec_writer(a, sizeof a);
    drill_run_codec(&out, &w->control.drill);
    struct drill_run again;
    memset(&again, 0, sizeof again);
    struct codec in = codec_reader(a, out.pos, NULL);
    drill_run_codec(&in, &again);
    ck_assert_int_eq(codec_finish(&in), OK);
    struct codec second = codec_writer(b, sizeof b);
    drill_run_codec(&second, &again);
    ck_assert_uint_eq(out.pos, second.pos);
    ck_assert_mem_eq(a, b, out.pos);
    world_free(w);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("drill-run");
    TCase *tc = tcase_create("drill-run");
    tcase_set_timeout(tc, 60);
    suite_add_tcase(s, tc);
    tcase_add_loop_test(tc, a_drill_passes_and_leaves_the_very_plan_from_before, 0,
                        (int)(sizeof whole / sizeof whole[0]));
    tcase_add_test(tc, a_real_incident_aborts_it_and_everything_is_given_back);
    tcase_add_test(tc, a_person_aborts_it_at_once);
    tcase_add_test(tc, it_does_not_begin_while_a_real_incident_is_open);
    tcase_add_test(tc, it_does_not_begin_under_a_freeze);
    tcase_add_test(tc, it_does_not_begin_where_core_would_not_fit);
    tcase_add_test(tc, an_injector_that_refuses_aborts_it);
    tcase_add_test(tc, an_injector_that_is_deaf_costs_its_time_and_no_more);
    tcase_add_test(tc, one_drill_at_a_time);
    tcase_add_test(tc, the_state_of_a_run_reads_back);
    SRunner *r = srunner_create(s);
    srunner_run_all(r, CK_NORMAL);
    int failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
