/* test_diagnose.c: exhaustive small worlds for the ladders, and the laws that they carry (1, 2, 7).
 */
#include "core_world.h"

#include <check.h>
#include <stdlib.h>

static struct world *three(void)
{
    return world_of_yaml(FLEETS "/three-idc.yaml");
}

static const struct verdict *idc(const struct world *w, uint16_t x)
{
    return &w->diagnosis.idcs[x];
}

START_TEST(quiet_is_up)
{
    struct world *w = three();
    world_look(w);
    for (uint16_t x = 0; x < 3; x++) {
        ck_assert_int_eq(idc(w, x)->health, HEALTH_UP);
        ck_assert_int_eq(w->diagnosis.observers[x].health, HEALTH_UP);
    }
    for (uint16_t l = 0; l < w->fleet->link_count; l++) {
        ck_assert_int_eq(w->diagnosis.links[l].health, HEALTH_UP);
    }
    world_free(w);
}
END_TEST

/* The wake-up is exact: at it the death is concluded, one microsecond before it is not. */
START_TEST(confirmation_is_exact)
{
    struct world *w = three();
    w->idc_dead[0] = true;
    world_look(w);
    ck_assert_int_eq(idc(w, 0)->rule, RULE_NOT_CONFIRMED_YET);
    ck_assert_int_eq(w->diagnosis.next_us, 2000000);
    w->now.us += w->diagnosis.next_us - 1;
    world_look(w);
    ck_assert_int_eq(idc(w, 0)->rule, RULE_NOT_CONFIRMED_YET);
    ck_assert_int_eq(w->diagnosis.next_us, 1);
    w->now.us += 1;
    world_look(w);
    ck_assert_int_eq(idc(w, 0)->health, HEALTH_DOWN);
    ck_assert_int_eq(idc(w, 0)->rule, RULE_QUORUM_DOWN);
    ck_assert_uint_eq(idc(w, 0)->for_observers[0], 6);
    world_free(w);
}
END_TEST

/* Law 1: whatever was seen before, silence is never down. */
START_TEST(silence_is_unknown)
{
    struct world *w = three();
    w->idc_dead[0] = true;
    world_look(w);
    for (uint16_t x = 0; x < 3; x++) {
        w->mood[x] = MOOD_SILENT;
    }
    w->now.us += 3600 * US_PER_SEC;
    world_look(w);
    for (uint16_t x = 0; x < 3; x++) {
        ck_assert_int_eq(idc(w, x)->health, HEALTH_UNKNOWN);
        ck_assert_int_eq(idc(w, x)->rule, RULE_NO_FRESH_EVIDENCE);
    }
    for (uint16_t l = 0; l < w->fleet->link_count; l++) {
        ck_assert_int_eq(w->diagnosis.links[l].health, HEALTH_UNKNOWN);
    }
    world_free(w);
}
END_TEST

/* What one of two outside observers may say of IDC 0 in the exhaustive world. */
enum say {
    SAY_GOOD,
    SAY_BAD,
    SAY_BAD_SHORT,
    SAY_SILENT,
    SAY_BLIND,
    SAY_NOT_CONCLUSIVE,
    SAY_UNKNOWN,
    SAYS
};

static void set_entry(struct world *w, uint16_t o, const struct target *t, int i, enum say say)
{
    struct observation *at = &w->reports[o].observations[i];
    bool about = (t->kind == TARGET_ENTRANCE && w->fleet->entrances[t->a].idc == 0) ||
                 (t->kind == TARGET_LINK && w->fleet->links[t->a].end[1 - t->b].idc == 0);
    bool own = t->kind == TARGET_ENTRANCE && w->fleet->entrances[t->a].idc == o;
    bool bad = say == SAY_BLIND ? !own : about && (say == SAY_BAD || say == SAY_BAD_SHORT);
    at->health = bad ? HEALTH_DOWN : HEALTH_UP;
    at->held_us = bad ? 2500000 : 3600 * US_PER_SEC;
    if (say == SAY_BAD_SHORT && about) {
        at->held_us = 500000;
    }
    if (say == SAY_UNKNOWN && about) {
        at->health = HEALTH_UNKNOWN;
    }
}

static void set_say(struct world *w, uint16_t o, enum say say)
{
    int n = targets_for_idc(w->fleet, o, w->targets, REPORT_MAX_TARGETS);
    for (int i = 0; i < n; i++) {
        set_entry(w, o, &w->targets[i], i, say);
    }
    w->evidence[o].age_us = say == SAY_SILENT ? 3000001 : 0;
    w->evidence[o].conclusive = say != SAY_NOT_CONCLUSIVE;
}

/* The same, from the text of the laws and not from the code. own: IDC 0's own fresh word. */
static enum health expected(enum say a, enum say b, bool own_alive)
{
    enum say says[2] = {a, b};
    int good = 0, bad = 0, bad_short = 0;
    for (int i = 0; i < 2; i++) {
        good += says[i] == SAY_GOOD ? 1 : 0;
        bad += says[i] == SAY_BAD ? 1 : 0;
        bad_short += says[i] == SAY_BAD_SHORT ? 1 : 0;
    }
    if (good > 0) {
        return bad + bad_short > 0 ? HEALTH_DEGRADED : HEALTH_UP;
    }
    if (bad + bad_short == 0) {
        return HEALTH_UNKNOWN;
    }
    if (own_alive || bad_short > 0) {
        return HEALTH_DEGRADED;
    }
    return HEALTH_DOWN; /* two agree, or a lone one with good references */
}

START_TEST(every_pair_of_words)
{
    struct world *w = three();
    for (int a = 0; a < SAYS; a++) {
        for (int b = 0; b < SAYS; b++) {
            for (int own = 0; own < 2; own++) {
                set_say(w, 0, own ? SAY_BLIND : SAY_SILENT);
                set_say(w, 1, (enum say)a);
                set_say(w, 2, (enum say)b);
                diagnose(&w->control, w->evidence, w->now, &w->diagnosis);
                bool short_dark = a == SAY_BAD_SHORT || b == SAY_BAD_SHORT;
                enum health want = expected((enum say)a, (enum say)b, own && !short_dark);
                ck_assert_msg(idc(w, 0)->health == want, "say %d, %d, own %d: %s, not %s, rule %d",
                              a, b, own, health_name(idc(w, 0)->health), health_name(want),
                              idc(w, 0)->rule);
            }
        }
    }
    world_free(w);
}
END_TEST

/* Law 2: a lone witness without a good reference in the same window drains nothing. */
START_TEST(lone_witness_needs_references)
{
    struct world *w = three();
    set_say(w, 0, SAY_SILENT);
    set_say(w, 1, SAY_BAD);
    set_say(w, 2, SAY_SILENT);
    diagnose(&w->control, w->evidence, w->now, &w->diagnosis);
    ck_assert_int_eq(idc(w, 0)->rule, RULE_LONE_WITNESS_GOOD_REFERENCES);
    int n = targets_for_idc(w->fleet, 1, w->targets, REPORT_MAX_TARGETS);
    for (int i = 0; i < n; i++) {
        if (w->targets[i].kind == TARGET_REFERENCE) {
            w->reports[1].observations[i].held_us =
                1999999; /* good, but not for the whole window */
        }
    }
    diagnose(&w->control, w->evidence, w->now, &w->diagnosis);
    ck_assert_int_eq(idc(w, 0)->health, HEALTH_UNKNOWN);
    ck_assert_int_eq(idc(w, 0)->rule, RULE_NOT_ENOUGH_OBSERVERS);
    set_say(w, 1, SAY_BAD);
    w->reports[1].lateness_us = 151000; /* starved: it may have made the losses itself */
    diagnose(&w->control, w->evidence, w->now, &w->diagnosis);
    ck_assert_int_eq(idc(w, 0)->rule, RULE_NOT_ENOUGH_OBSERVERS);
    world_free(w);
}
END_TEST

/* The last report of a dying IDC says that it serves; it was sent before and does not block. */
START_TEST(last_words_do_not_block)
{
    struct world *w = three();
    world_look(w);
    w->idc_dead[0] = true;
    w->now.us += 1000;
    world_look(w);
    w->now.us += 2000000;
    world_look(w); /* the last report is 2.001 s old: still fresh */
    ck_assert_int_eq(w->evidence[0].age_us, 2001000);
    ck_assert_int_eq(idc(w, 0)->health, HEALTH_DOWN);
    world_free(w);
}
END_TEST

START_TEST(isolated_is_not_dead)
{
    struct world *w = three();
    w->idc_isolated[0] = true;
    for (int i = 0; i < 100; i++) {
        w->now.us += 100000;
        world_look(w);
        ck_assert_int_ne(idc(w, 0)->health, HEALTH_DOWN);
    }
    ck_assert_int_eq(idc(w, 0)->rule, RULE_OWN_PROBE_SAYS_ALIVE);
    world_free(w);
}
END_TEST

START_TEST(blind_observer_is_the_suspect)
{
    struct world *w = three();
    w->mood[1] = MOOD_BLIND;
    world_look(w);
    w->now.us += 10 * US_PER_SEC;
    world_look(w);
    ck_assert_int_eq(w->diagnosis.observers[1].rule, RULE_OBSERVER_SUSPECT);
    ck_assert_int_eq(idc(w, 0)->health, HEALTH_UP);
    ck_assert_int_eq(idc(w, 2)->health, HEALTH_UP);
    world_free(w);
}
END_TEST

START_TEST(service_dead_in_a_healthy_idc)
{
    struct world *w = three();
    uint16_t web = fleet_find_service(w->fleet, "web");
    w->service_dead[(size_t)web * 3 + 0] = true;
    world_look(w);
    const struct verdict *v = &w->diagnosis.services[(size_t)web * 3 + 0];
    ck_assert_int_eq(v->rule, RULE_NOT_CONFIRMED_YET);
    w->now.us += 2000000;
    world_look(w);
    ck_assert_int_eq(v->health, HEALTH_DOWN);
    ck_assert_int_eq(v->rule, RULE_SERVICE_DEAD_INSIDE);
    ck_assert_int_eq(idc(w, 0)->health, HEALTH_UP);
    world_free(w);
}
END_TEST

START_TEST(cold_start_concludes_no_death)
{
    struct world *w = three();
    w->now.us = w->control.epoch_began.us;
    w->idc_dead[0] = true;
    world_look(w);
    w->now.us += 4999999;
    world_look(w);
    ck_assert_int_eq(idc(w, 0)->rule, RULE_COLD_START);
    ck_assert_int_eq(w->diagnosis.next_us, 1);
    w->now.us += 1;
    world_look(w);
    ck_assert_int_eq(idc(w, 0)->health, HEALTH_DOWN);
    world_free(w);
}
END_TEST

/* A cut is told by either end; a link of an IDC that may be dying waits for the checks' say. */
START_TEST(links)
{
    struct world *w = three();
    uint16_t l = fleet_find_link(w->fleet, "beijing-shanghai");
    const struct verdict *v = &w->diagnosis.links[l];
    w->link_cut[l] = true;
    world_look(w);
    ck_assert_int_eq(v->rule, RULE_NOT_CONFIRMED_YET);
    w->now.us += 2000000;
    world_look(w);
    ck_assert_int_eq(v->rule, RULE_BOTH_ENDS_DOWN);
    w->mood[0] = MOOD_SILENT;
    w->now.us += 3000001;
    world_look(w);
    ck_assert_int_eq(v->rule, RULE_ONE_END_DOWN);
    w->link_cut[fleet_find_link(w->fleet, "shanghai-shenzhen")] = true;
    world_look(w);
    w->now.us += 2000000;
    world_look(w);
    ck_assert_int_eq(w->diagnosis.links[fleet_find_link(w->fleet, "shanghai-shenzhen")].rule,
                     RULE_NOT_CONFIRMED_YET);
    world_free(w);
}
END_TEST

/* Nothing that a report says may be believed when it follows another fleet's target list. */
START_TEST(foreign_reports_do_not_count)
{
    struct world *w = three();
    w->idc_dead[0] = true;
    world_look(w);
    w->now.us += 2500000;
    world_look(w);
    ck_assert_int_eq(idc(w, 0)->health, HEALTH_DOWN);
    w->reports[1].fleet.bytes[0] ^= 1;
    w->reports[2].count--;
    diagnose(&w->control, w->evidence, w->now, &w->diagnosis);
    ck_assert_int_eq(idc(w, 0)->health, HEALTH_UNKNOWN);
    w->reports[2].count++;
    world_free(w);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("diagnose");
    TCase *t = tcase_create("ladders");
    tcase_set_timeout(t, 60);
    tcase_add_test(t, quiet_is_up);
    tcase_add_test(t, confirmation_is_exact);
    tcase_add_test(t, silence_is_unknown);
    tcase_add_test(t, every_pair_of_words);
    tcase_add_test(t, lone_witness_needs_references);
    tcase_add_test(t, last_words_do_not_block);
    tcase_add_test(t, isolated_is_not_dead);
    tcase_add_test(t, blind_observer_is_the_suspect);
    tcase_add_test(t, service_dead_in_a_healthy_idc);
    tcase_add_test(t, cold_start_concludes_no_death);
    tcase_add_test(t, links);
    tcase_add_test(t, foreign_reports_do_not_count);
    suite_add_tcase(s, t);
    SRunner *r = srunner_create(s);
    srunner_run_all(r, CK_NORMAL);
    int failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed == 0 ? 0 : 1;
}
