/* test_guard.c: each guard against a proposal that it must stop (laws 1, 2, 5, 6, 7 and 12):
 * whatever a planner does wrong, the commit path repairs it and says so. */
#include "core/guard.h"
#include "core/rollout.h"
#include "core_world.h"

#include <check.h>
#include <stdlib.h>

enum { WEB, LEDGER };
enum { WEB_BEIJING, WEB_SHANGHAI, WEB_SHENZHEN, LEDGER_BEIJING, LEDGER_SHENZHEN };

/* A proposal under test over the three-IDC world. */
struct bench {
    struct world *w;
    void *room;
    struct arena arena;
    struct outlook o;
    struct casebook cases;
    struct load load;
    struct plan to;
    struct guard_result results[RECORD_MAX_GUARDS];
    struct guard_log log;
};

/* Takes the world as it is now. */
static void take(struct bench *b)
{
    const struct fleet *f = b->w->fleet;
    size_t size = decide_arena_size(f);
    free(b->room);
    b->room = calloc(1, size);
    ck_assert_ptr_nonnull(b->room);
    arena_init(&b->arena, b->room, size);
    world_look(b->w);
    ck_assert_int_eq(outlook_new(&b->w->control, &b->w->diagnosis, b->w->now, &b->arena, &b->o),
                     OK);
    cases_begin(&b->cases, &b->w->control);
    outlook_fill(&b->o, &b->cases);
    ck_assert_int_eq(load_new(f, NULL, &b->arena, &b->load), OK);
    ck_assert_int_eq(plan_new(f, &b->arena, &b->to), OK);
    plan_copy(&b->to, &b->w->control.plan);
    b->log = (struct guard_log){.at = b->results};
}

static void begin(struct bench *b)
{
    *b = (struct bench){.w = world_of_yaml(FLEETS "/three-idc.yaml")};
    take(b);
}

static void done(struct bench *b)
{
    free(b->room);
    world_free(b->w);
}

static bool passed(const struct bench *b, enum guard guard)
{
    bool found = false;
    for (uint32_t i = 0; i < b->log.count; i++) {
        if (b->log.at[i].guard == guard) {
            found = true;
            if (!b->log.at[i].passed) {
                return false;
            }
        }
    }
    ck_assert_msg(found, "guard %d wrote no result", guard);
    return true;
}

/* Runs the guards; the named one stops the proposal and the plan stays as it is. */
static void expect_stopped(struct bench *b, enum decide_purpose purpose, enum guard guard)
{
    guard_check(&b->o, purpose, &b->load, &b->to, &b->log);
    ck_assert(!passed(b, guard));
    struct digest is = plan_digest(&b->to), was = plan_digest(&b->w->control.plan);
    ck_assert_int_eq(digest_compare(&is, &was), 0);
}

/* Gives the first n slots of an answer to another entrance. */
static void move(struct bench *b, uint16_t service, uint16_t view, uint16_t entrance, uint8_t n)
{
    struct answer *a = plan_answer(&b->to, service, view);
    for (uint8_t i = 0; i < n; i++) {
        a->slots[i] = (struct slot){.entrance = entrance, .address = i};
    }
}

START_TEST(an_unchanged_plan_passes)
{
    struct bench b;
    begin(&b);
    guard_check(&b.o, DECIDE_NOTE, &b.load, &b.to, &b.log);
    for (unsigned g = GUARD_NEVER_LAST; g <= GUARD_LAST; g++) {
        ck_assert(passed(&b, (enum guard)g));
    }
    done(&b);
}
END_TEST

START_TEST(never_last)
{
    struct bench b;
    begin(&b);
    move(&b, WEB, 0, FLEET_NONE, 4);
    expect_stopped(&b, DECIDE_SHIFT, GUARD_NEVER_LAST);
    take(&b);
    plan_answer(&b.to, WEB, 0)->count = 0;
    expect_stopped(&b, DECIDE_SHIFT, GUARD_NEVER_LAST);
    done(&b);
}
END_TEST

START_TEST(quorum)
{
    struct bench b;
    begin(&b);
    move(&b, WEB, 0, WEB_SHENZHEN, 1);
    expect_stopped(&b, DECIDE_RESCUE, GUARD_QUORUM);
    done(&b);
}
END_TEST

START_TEST(stateful)
{
    struct bench b;
    begin(&b);
    b.w->idc_dead[0] = true;
    world_run(b.w, 3 * US_PER_SEC, 50000, 3);
    take(&b);
    move(&b, LEDGER, 0, LEDGER_SHENZHEN, 4);
    expect_stopped(&b, DECIDE_RESCUE, GUARD_STATEFUL);
    done(&b);
}
END_TEST

START_TEST(core_and_capacity)
{
    struct bench b;
    begin(&b);
    *plan_tier_limit(&b.to, 0, WEB) = (uint8_t)-1;
    expect_stopped(&b, DECIDE_SHED, GUARD_CORE);
    take(&b);
    move(&b, WEB, 0, WEB_SHANGHAI, 2); /* 252 of 200 */
    expect_stopped(&b, DECIDE_SHIFT, GUARD_CAPACITY);
    done(&b);
}
END_TEST

/* Not even core fits: nothing is left to shed, and a person's undo does not make it worse. */
START_TEST(undo_does_not_overload_core)
{
    struct bench b;
    begin(&b);
    for (uint16_t v = 0; v < b.w->fleet->view_count; v++) {
        b.w->control.fleet->demand_rps[WEB * b.w->fleet->view_count + v] *= 6;
    }
    for (uint16_t r = 0; r < b.w->fleet->region_count; r++) {
        *plan_tier_limit(&b.w->control.plan, r, WEB) = 0;
    }
    take(&b);
    move(&b, WEB, 0, WEB_SHANGHAI, 4);
    expect_stopped(&b, DECIDE_REVERT, GUARD_CAPACITY);
    done(&b);
}
END_TEST

/* A rescue is not dropped for capacity: it sheds until it fits. */
START_TEST(rescue_sheds)
{
    struct bench b;
    begin(&b);
    b.w->idc_dead[0] = true;
    world_look(b.w);
    b.w->now.us += 2 * US_PER_SEC;
    take(&b);
    cases_observe(&b.cases, &b.o);
    outlook_fill(&b.o, &b.cases);
    move(&b, WEB, 0, WEB_SHANGHAI, 4);
    guard_check(&b.o, DECIDE_RESCUE, &b.load, &b.to, &b.log);
    ck_assert(!passed(&b, GUARD_CAPACITY));
    ck_assert_uint_eq(*plan_tier_limit(&b.to, 1, WEB), 1);
    ck_assert_uint_eq(plan_answer(&b.to, WEB, 0)->slots[3].entrance, WEB_SHANGHAI);
    done(&b);
}
END_TEST

START_TEST(cold_start)
{
    struct bench b;
    begin(&b);
    b.w->idc_dead[0] = true;
    world_look(b.w);
    b.w->now.us += 2 * US_PER_SEC;
    take(&b);
    cases_observe(&b.cases, &b.o);
    outlook_fill(&b.o, &b.cases);
    b.o.now = b.w->control.epoch_began;
    move(&b, WEB, 0, WEB_SHENZHEN, 4);
    expect_stopped(&b, DECIDE_RESCUE, GUARD_COLD_START);
    done(&b);
}
END_TEST

static void drained(struct bench *b)
{
    b->w->idc_dead[0] = true;
    world_run(b->w, 4 * US_PER_SEC, 50000, 3);
    b->w->idc_dead[0] = false;
    world_run(b->w, 10 * US_PER_SEC, 50000, 3);
    take(b);
}

/* Law 7: without the person's word nothing goes back, however healthy it looks. */
START_TEST(restore_without_approval)
{
    struct bench b;
    begin(&b);
    drained(&b);
    ck_assert_int_eq(b.w->diagnosis.idcs[0].health, HEALTH_UP);
    move(&b, WEB, 0, WEB_BEIJING, 1);
    expect_stopped(&b, DECIDE_RESTORE, GUARD_RESTORE);
    done(&b);
}
END_TEST

START_TEST(restore_step_and_interval)
{
    struct bench b;
    begin(&b);
    drained(&b);
    for (uint32_t i = 0; i < b.cases.count; i++) {
        b.cases.at[i].state = INCIDENT_RECOVERING;
    }
    outlook_fill(&b.o, &b.cases);
    move(&b, WEB, 0, WEB_BEIJING, 3); /* two are the step */
    expect_stopped(&b, DECIDE_RESTORE, GUARD_RESTORE);
    b.log.count = 0;
    move(&b, WEB, 0, WEB_BEIJING, 2);
    guard_check(&b.o, DECIDE_RESTORE, &b.load, &b.to, &b.log);
    ck_assert(passed(&b, GUARD_RESTORE));
    b.log.count = 0;
    b.w->control.last_restore.us = b.w->now.us - 1999999;
    expect_stopped(&b, DECIDE_RESTORE, GUARD_RESTORE);
    done(&b);
}
END_TEST

/* An IDC that came back a moment ago receives nothing, even if nobody ever concluded that it was
 * dead. */
START_TEST(restore_to_a_newcomer)
{
    struct bench b;
    begin(&b);
    b.w->idc_dead[2] = true;
    world_look(b.w);
    b.w->now.us += US_PER_SEC;
    b.w->idc_dead[2] = false;
    world_look(b.w);
    b.w->now.us += 4999999;
    take(&b);
    move(&b, WEB, 0, WEB_SHENZHEN, 1);
    expect_stopped(&b, DECIDE_RESTORE, GUARD_RESTORE);
    b.w->now.us += 1;
    take(&b);
    move(&b, WEB, 0, WEB_SHENZHEN, 1);
    guard_check(&b.o, DECIDE_RESTORE, &b.load, &b.to, &b.log);
    ck_assert(passed(&b, GUARD_RESTORE));
    done(&b);
}
END_TEST

START_TEST(a_pin_stops)
{
    struct bench b;
    begin(&b);
    drained(&b);
    for (uint32_t i = 0; i < b.cases.count; i++) {
        b.cases.at[i].state = INCIDENT_RECOVERING;
    }
    b.w->control.order_count = 1;
    b.w->control.orders[0].kind = ORDER_PIN;
    b.w->control.orders[0].subject = (struct subject){SUBJECT_IDC, 0, 0};
    outlook_fill(&b.o, &b.cases);
    move(&b, WEB, 0, WEB_BEIJING, 2);
    expect_stopped(&b, DECIDE_RESTORE, GUARD_PIN);
    done(&b);
}
END_TEST

/* What cannot be drained is told: nothing else to go to, or the budget is used up. */
START_TEST(last_idc_and_budget)
{
    struct bench b;
    begin(&b);
    for (uint16_t x = 0; x < 3; x++) {
        b.w->service_dead[x] = true;
    }
    world_run(b.w, 3 * US_PER_SEC, 50000, 3);
    take(&b);
    expect_stopped(&b, DECIDE_NOTE, GUARD_LAST_IDC);
    done(&b);
    begin(&b);
    b.w->idc_dead[0] = true;
    world_run(b.w, 3 * US_PER_SEC, 50000, 3);
    b.w->idc_dead[1] = true;
    world_run(b.w, 5 * US_PER_SEC, 50000, 3);
    take(&b);
    expect_stopped(&b, DECIDE_NOTE, GUARD_DRAIN_BUDGET);
    done(&b);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("guard");
    TCase *t = tcase_create("guards");
    tcase_set_timeout(t, 60);
    tcase_add_test(t, an_unchanged_plan_passes);
    tcase_add_test(t, never_last);
    tcase_add_test(t, quorum);
    tcase_add_test(t, stateful);
    tcase_add_test(t, core_and_capacity);
    tcase_add_test(t, undo_does_not_overload_core);
    tcase_add_test(t, rescue_sheds);
    tcase_add_test(t, cold_start);
    tcase_add_test(t, restore_without_approval);
    tcase_add_test(t, restore_step_and_interval);
    tcase_add_test(t, restore_to_a_newcomer);
    tcase_add_test(t, a_pin_stops);
    tcase_add_test(t, last_idc_and_budget);
    suite_add_tcase(s, t);
    SRunner *r = srunner_create(s);
    srunner_run_all(r, CK_NORMAL);
    int failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed == 0 ? 0 : 1;
}
