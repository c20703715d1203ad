/* test_conduit.c: links that fail together, that lose packets, and an IDC off the backbone. */
#include "core_world.h"

#include <check.h>
#include <stdlib.h>

#define MS US_PER_MS
#define S  US_PER_SEC

enum { TELECOM, UNICOM };
enum { BEIJING, TIANJIN, SHANGHAI, SHENZHEN, CHENGDU };

static struct world *begin(void)
{
    return world_of_yaml(WORLDS "/two-carriers.yaml");
}

static const struct incident *conduit_cut(const struct world *w, uint16_t g)
{
    return world_case(w, INCIDENT_CONDUIT_CUT, (struct subject){SUBJECT_CONDUIT, g, 0});
}

static const struct incident *isolated(const struct world *w, uint16_t x)
{
    return world_case(w, INCIDENT_IDC_ISOLATED, (struct subject){SUBJECT_IDC, x, 0});
}

static uint32_t count(const struct world *w, enum incident_kind kind)
{
    uint32_t n = 0;
    for (uint32_t i = 0; i < w->control.incident_count; i++) {
        n += w->control.incidents[i].kind == kind ? 1 : 0;
    }
    return n;
}

static uint16_t first_hop(const struct world *w, uint16_t from, uint16_t to)
{
    return plan_hops(&w->control.plan, from, to)->links[0];
}

static void cut(struct world *w, const char *link, bool is_cut)
{
    uint16_t l = world_link(w, link);
    w->link_cut[l] = is_cut;
    if (is_cut) {
        w->control.link_downs[l * 2]++;
        w->control.link_downs[l * 2 + 1]++;
    }
}

enum { SOUTH_BRIDGE, EAST_TRENCH };

/* One incident, and routes around all its links; back by itself when all have held. */
START_TEST(a_trench_is_one_incident)
{
    struct world *w = begin();
    struct plan *p = &w->control.plan;
    uint16_t direct = world_link(w, "tianjin-shanghai");
    ck_assert_uint_eq(first_hop(w, TIANJIN, SHANGHAI), direct);
    cut(w, "beijing-shanghai", true);
    world_run(w, 300 * MS, 50 * MS, 0);
    cut(w, "tianjin-shanghai", true);                      /* the digger goes on */
    ck_assert_uint_eq(world_run(w, 2 * S, 50 * MS, 0), 0); /* the first waits for the second */
    ck_assert_int_eq(world_tick(w, 50 * MS), DECIDE_ROUTES);
    ck_assert_ptr_nonnull(conduit_cut(w, EAST_TRENCH));
    ck_assert_uint_eq(w->control.incident_count, 1);
    ck_assert_uint_eq(first_hop(w, TIANJIN, SHANGHAI), world_link(w, "beijing-tianjin"));
    ck_assert_uint_eq(plan_hops(p, TIANJIN, SHANGHAI)->count, 2);
    ck_assert_int_eq(world_tick(w, 50 * MS), DECIDE_NOTE);
    ck_assert_int_eq(conduit_cut(w, EAST_TRENCH)->state, INCIDENT_MITIGATED);
    ck_assert_uint_eq(world_run(w, 30 * S, 100 * MS, 0), 0);

    cut(w, "tianjin-shanghai", false); /* one is spliced: it carries, the incident stays */
    world_run(w, 5 * S, 50 * MS, 1);
    ck_assert_uint_eq(first_hop(w, TIANJIN, SHANGHAI), direct);
    ck_assert_int_eq(conduit_cut(w, EAST_TRENCH)->state, INCIDENT_MITIGATED);
    cut(w, "beijing-shanghai", false);
    ck_assert_uint_eq(world_run(w, 3 * S, 50 * MS, 0), 0);
    ck_assert_int_eq(world_tick(w, 50 * MS), DECIDE_ROUTES);
    ck_assert_int_eq(conduit_cut(w, EAST_TRENCH)->state, INCIDENT_RECOVERING);
    ck_assert_int_eq(world_tick(w, 50 * MS), DECIDE_NOTE);
    ck_assert_uint_eq(w->control.incident_count, 0);
    ck_assert_uint_eq(first_hop(w, BEIJING, SHANGHAI), world_link(w, "beijing-shanghai"));
    world_free(w);
}
END_TEST

/* One link of a conduit is a link that is cut. */
START_TEST(one_link_is_a_link)
{
    struct world *w = begin();
    cut(w, "tianjin-shanghai", true);
    world_run(w, 5 * S, 50 * MS, 2);
    ck_assert_uint_eq(count(w, INCIDENT_LINK_CUT), 1);
    ck_assert_ptr_null(conduit_cut(w, EAST_TRENCH));
    world_free(w);
}
END_TEST

static void set_since(struct world *w, uint16_t link, int64_t since_us)
{
    for (uint16_t o = 0; o < w->fleet->idc_count; o++) {
        int n = targets_for_idc(w->fleet, o, w->targets, REPORT_MAX_TARGETS);
        for (int t = 0; t < n; t++) {
            if (w->targets[t].kind == TARGET_LINK && w->targets[t].a == link) {
                w->since_us[o][t] = since_us;
            }
        }
    }
}

/* A sibling that is down and, by its own word, always only just so: nobody waits for it for more
 * than one further window. */
START_TEST(the_wait_for_siblings_is_bounded)
{
    struct world *w = begin();
    int64_t waited_us = 0;
    cut(w, "beijing-shanghai", true);
    cut(w, "tianjin-shanghai", true);
    while (count(w, INCIDENT_LINK_CUT) == 0 && waited_us < 20 * S) {
        (void)world_tick(w, 50 * MS);
        set_since(w, world_link(w, "tianjin-shanghai"), w->now.us - 500 * MS);
        waited_us += 50 * MS;
    }
    ck_assert_int_ge(waited_us, 3900 * MS);
    ck_assert_int_le(waited_us, 4100 * MS);
    world_free(w);
}
END_TEST

/* An IDC that dies takes its links with it: neither conduit nor link is an incident. */
START_TEST(an_outage_is_no_trench)
{
    struct world *w = begin();
    w->idc_dead[SHENZHEN] = true;
    world_run(w, 10 * S, 50 * MS, 4);
    ck_assert_uint_eq(w->control.incident_count, 1);
    ck_assert_int_eq(w->control.incidents[0].kind, INCIDENT_IDC_OUTAGE);
    world_free(w);
}
END_TEST

/* The one that led died with its IDC: who leads next names the death when it may, and no link
 * before. */
START_TEST(a_new_leader_waits_for_the_whole)
{
    struct world *w = begin();
    w->idc_dead[TIANJIN] = true;
    w->control.epoch_began = w->now;
    int64_t cold_us = w->fleet->policy.cold_start_us;
    world_run(w, cold_us - 200 * MS, 50 * MS, 0);
    world_run(w, 2 * S, 50 * MS, 6);
    ck_assert_ptr_nonnull(world_incident(w, INCIDENT_IDC_OUTAGE, TIANJIN, 0));
    ck_assert_uint_eq(count(w, INCIDENT_LINK_CUT), 0);
    ck_assert_uint_eq(count(w, INCIDENT_CONDUIT_CUT), 0);
    world_free(w);
}
END_TEST

static uint32_t slots(const struct world *w, const char *entrance)
{
    return world_slots(w, world_entrance(w, entrance));
}

/* Off the backbone, in service: `none` stays, `required` leaves, state stays (law 12). Back by
 * itself after the hold-down. */
START_TEST(an_idc_off_the_backbone)
{
    struct world *w = begin();
    uint32_t web = slots(w, "web-shenzhen"), ledger = slots(w, "ledger-shenzhen");
    uint32_t stock = slots(w, "stock-shenzhen");
    ck_assert_uint_gt(stock, 0);
    ck_assert_uint_gt(web, 0);
    ck_assert_uint_gt(ledger, 0);
    cut(w, "shanghai-shenzhen", true);
    cut(w, "beijing-shenzhen", true);
    for (int i = 0; i < 100 && w->decide.purpose != DECIDE_RESCUE; i++) {
        (void)world_tick(w, 50 * MS);
    }
    ck_assert_ptr_nonnull(world_stopped(w, GUARD_STATEFUL));
    world_run(w, 3 * S, 50 * MS, 3);
    ck_assert_int_eq(w->diagnosis.backbones[SHENZHEN].rule, RULE_OFF_BACKBONE);
    ck_assert_int_eq(isolated(w, SHENZHEN)->state, INCIDENT_MITIGATED);
    ck_assert_int_eq(conduit_cut(w, SOUTH_BRIDGE)->state, INCIDENT_MITIGATED);
    ck_assert_uint_eq(w->control.incident_count, 2);
    ck_assert_uint_eq(slots(w, "web-shenzhen"), web);
    ck_assert_uint_eq(slots(w, "stock-shenzhen"), 0);
    ck_assert_uint_eq(slots(w, "ledger-shenzhen"), ledger);
    cut(w, "shanghai-shenzhen", false);
    cut(w, "beijing-shenzhen", false);
    world_run(w, 4900 * MS, 100 * MS, 2); /* the routes; not the answers */
    ck_assert_uint_eq(slots(w, "stock-shenzhen"), 0);
    world_run(w, 15 * S, 100 * MS, 5);
    ck_assert_uint_eq(slots(w, "stock-shenzhen"), stock);
    ck_assert_uint_eq(w->control.incident_count, 0);
    world_free(w);
}
END_TEST

/* `preferred` stays while nothing says that it fails. */
START_TEST(preferred_stays)
{
    struct world *w = begin();
    ((struct fleet *)w->fleet)->services[1].backbone = BACKBONE_PREFERRED;
    uint32_t before = slots(w, "stock-shenzhen");
    cut(w, "shanghai-shenzhen", true);
    cut(w, "beijing-shenzhen", true);
    world_run(w, 10 * S, 50 * MS, 4);
    ck_assert_ptr_nonnull(isolated(w, SHENZHEN));
    ck_assert_uint_eq(slots(w, "stock-shenzhen"), before);
    world_free(w);
}
END_TEST

/* A span to an IDC that is dead isolates nobody; and who is off the backbone is better than dead:
 * the last place of a service takes over and stays. */
START_TEST(the_last_one_left_takes_over)
{
    struct world *w = begin();
    cut(w, "beijing-shenzhen", true);
    world_run(w, 5 * S, 50 * MS, 2);
    ck_assert_int_eq(w->diagnosis.backbones[SHENZHEN].health, HEALTH_UP);
    w->idc_dead[SHANGHAI] = true;
    world_run(w, 10 * S, 50 * MS, 5);
    ck_assert_ptr_nonnull(world_incident(w, INCIDENT_IDC_OUTAGE, SHANGHAI, 0));
    ck_assert_ptr_nonnull(isolated(w, SHENZHEN));
    ck_assert_uint_eq(slots(w, "stock-shanghai"), 0);
    ck_assert_uint_eq(slots(w, "stock-shenzhen"), 20);
    world_free(w);
    w = begin();
    w->idc_dead[SHANGHAI] = true;
    world_run(w, 10 * S, 50 * MS, 4);
    for (uint16_t x = 0; x < w->fleet->idc_count; x++) {
        ck_assert_ptr_null(isolated(w, x));
    }
    world_free(w);
}
END_TEST

/* Every neighbour of it is dead: it is not off the backbone, there is none; and it takes over. */
START_TEST(dead_neighbours_isolate_nobody)
{
    struct world *w = begin();
    ((struct fleet *)w->fleet)->policy.max_drained_idcs = 2;
    ((struct fleet *)w->fleet)->policy.min_observers = 1; /* its own word would be enough */
    w->idc_dead[BEIJING] = w->idc_dead[SHANGHAI] = true;
    world_run(w, 10 * S, 50 * MS, 6);
    ck_assert_int_ne(w->diagnosis.backbones[SHENZHEN].health, HEALTH_DOWN);
    ck_assert_ptr_null(isolated(w, SHENZHEN));
    ck_assert_uint_eq(slots(w, "stock-shenzhen"), 20);
    world_free(w);
}
END_TEST

static void set_spans(struct world *w, uint16_t o, enum health h, int64_t held_us)
{
    int n = targets_for_idc(w->fleet, o, w->targets, REPORT_MAX_TARGETS);
    for (int t = 0; t < n; t++) {
        if (w->targets[t].kind == TARGET_LINK && w->targets[t].carrier == FLEET_NONE) {
            w->reports[o].observations[t].health = h;
            w->reports[o].observations[t].held_us = held_us;
        }
    }
}

/* Law 2: a probe that alone calls all its spans down isolates nobody. */
START_TEST(one_word_isolates_nobody)
{
    struct world *w = begin();
    world_look(w);
    set_spans(w, SHENZHEN, HEALTH_DOWN, 10 * S);
    diagnose(&w->control, w->evidence, w->now, &w->diagnosis);
    ck_assert_int_eq(w->diagnosis.backbones[SHENZHEN].rule, RULE_NOT_ENOUGH_OBSERVERS);
    w->link_cut[world_link(w, "beijing-shenzhen")] = true;
    w->now.us += 10 * S;
    world_look(w);
    w->now.us += 10 * S;
    world_look(w);
    set_spans(w, SHENZHEN, HEALTH_DOWN, 10 * S);
    diagnose(&w->control, w->evidence, w->now, &w->diagnosis);
    ck_assert_int_eq(w->diagnosis.backbones[SHENZHEN].rule, RULE_OFF_BACKBONE);
    world_free(w);
}
END_TEST

/* Links of a conduit hold down even when no local down of theirs was ever told. */
START_TEST(a_trench_holds_down)
{
    struct world *w = begin();
    w->link_cut[world_link(w, "beijing-shanghai")] = true;
    w->link_cut[world_link(w, "tianjin-shanghai")] = true;
    world_run(w, 5 * S, 50 * MS, 2);
    ck_assert_ptr_nonnull(conduit_cut(w, EAST_TRENCH));
    w->link_cut[world_link(w, "beijing-shanghai")] = false;
    w->link_cut[world_link(w, "tianjin-shanghai")] = false;
    ck_assert_uint_eq(world_run(w, 3 * S, 50 * MS, 0), 0);
    world_run(w, 200 * MS, 50 * MS, 2);
    ck_assert_uint_eq(w->control.incident_count, 0);
    world_free(w);
}
END_TEST

/* The isolated IDC dies: one way away and one way back, the person's. */
START_TEST(isolated_then_dead)
{
    struct world *w = begin();
    cut(w, "shanghai-shenzhen", true);
    cut(w, "beijing-shenzhen", true);
    world_run(w, 6 * S, 50 * MS, 4);
    w->idc_dead[SHENZHEN] = true;
    world_run(w, 10 * S, 50 * MS, 6);
    ck_assert_uint_eq(slots(w, "web-shenzhen"), 0);
    ck_assert_ptr_nonnull(world_incident(w, INCIDENT_IDC_OUTAGE, SHENZHEN, 0));
    w->idc_dead[SHENZHEN] = false;
    cut(w, "shanghai-shenzhen", false);
    cut(w, "beijing-shenzhen", false);
    world_run(w, 30 * S, 100 * MS, 8);
    ck_assert_uint_eq(slots(w, "web-shenzhen"), 0);
    ck_assert_uint_eq(slots(w, "stock-shenzhen"), 0);
    world_approve(w, world_incident(w, INCIDENT_IDC_OUTAGE, SHENZHEN, 0)->id);
    world_run(w, 30 * S, 100 * MS, 8);
    ck_assert_uint_gt(slots(w, "stock-shenzhen"), 0);
    ck_assert_uint_eq(w->control.incident_count, 0);
    world_free(w);
}
END_TEST

static const struct incident *gray(const struct world *w, uint16_t l)
{
    return world_case(w, INCIDENT_GRAY_FAILURE, (struct subject){SUBJECT_LINK, l, 0});
}

/* A link that loses packets stays in the lists, behind every way without it. */
START_TEST(a_dying_link_is_avoided)
{
    struct world *w = begin();
    uint16_t l = world_link(w, "beijing-shanghai");
    ck_assert_uint_eq(first_hop(w, BEIJING, SHANGHAI), l);
    w->link_gray[l] = true;
    ck_assert_uint_eq(world_run(w, 2 * S, 50 * MS, 0), 0);
    ck_assert_int_eq(world_tick(w, 50 * MS), DECIDE_ROUTES);
    ck_assert_uint_eq(first_hop(w, BEIJING, SHANGHAI), world_link(w, "beijing-tianjin"));
    ck_assert_uint_eq(plan_hops(&w->control.plan, BEIJING, SHANGHAI)->count, 3);
    ck_assert_int_eq(gray(w, l)->rule, RULE_END_DEGRADED);
    world_run(w, 1 * S, 50 * MS, 1);
    ck_assert_int_eq(gray(w, l)->state, INCIDENT_MITIGATED);
    w->link_gray[l] = false;
    ck_assert_uint_eq(world_run(w, 3 * S, 50 * MS, 0), 0);
    ck_assert_int_eq(world_tick(w, 50 * MS), DECIDE_ROUTES);
    ck_assert_uint_eq(first_hop(w, BEIJING, SHANGHAI), l);
    ck_assert_int_eq(world_tick(w, 50 * MS), DECIDE_NOTE);
    ck_assert_uint_eq(w->control.incident_count, 0);
    world_free(w);
}
END_TEST

/* It is the only way: it stays the way. Then it is cut: no longer gray. */
START_TEST(a_dying_link_is_never_left_out)
{
    struct world *w = begin();
    uint16_t l = world_link(w, "shanghai-shenzhen");
    cut(w, "beijing-shenzhen", true);
    world_run(w, 5 * S, 50 * MS, 2);
    w->link_gray[l] = true;
    world_run(w, 5 * S, 50 * MS, 2);
    ck_assert_ptr_nonnull(gray(w, l));
    ck_assert_uint_eq(first_hop(w, SHANGHAI, SHENZHEN), l);
    cut(w, "shanghai-shenzhen", true);
    world_run(w, 8 * S, 50 * MS, 6);
    ck_assert_ptr_null(gray(w, l));
    world_free(w);
}
END_TEST

/* What the probe has damped (RFC 2439) comes back when it says so: the core just holds down. */
START_TEST(a_damped_link)
{
    struct world *w = begin();
    uint16_t l = world_link(w, "beijing-shanghai");
    for (int i = 0; i < 3; i++) { /* too short for an incident each; its downs are told */
        cut(w, "beijing-shanghai", true);
        world_run(w, 300 * MS, 50 * MS, 0);
        cut(w, "beijing-shanghai", false);
        world_run(w, 300 * MS, 50 * MS, 0);
    }
    for (int i = 0; i < 40; i++) { /* damped: the age of "up" stands still */
        int n = targets_for_idc(w->fleet, BEIJING, w->targets, REPORT_MAX_TARGETS);
        for (int t = 0; t < n; t++) {
            if (w->targets[t].kind == TARGET_LINK && w->targets[t].a == l) {
                w->since_us[BEIJING][t] = w->now.us;
            }
        }
        ck_assert_int_eq(world_tick(w, 500 * MS), 0);
    }
    world_run(w, 4 * S, 50 * MS, 1);
    ck_assert_uint_eq(*plan_released(&w->control.plan, l, 0), 3);
    world_free(w);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("conduit");
    TCase *t = tcase_create("stories");
    tcase_set_timeout(t, 60);
    tcase_add_test(t, a_trench_is_one_incident);
    tcase_add_test(t, one_link_is_a_link);
    tcase_add_test(t, the_wait_for_siblings_is_bounded);
    tcase_add_test(t, an_outage_is_no_trench);
    tcase_add_test(t, a_new_leader_waits_for_the_whole);
    tcase_add_test(t, an_idc_off_the_backbone);
    tcase_add_test(t, preferred_stays);
    tcase_add_test(t, the_last_one_left_takes_over);
    tcase_add_test(t, dead_neighbours_isolate_nobody);
    tcase_add_test(t, one_word_isolates_nobody);
    tcase_add_test(t, a_trench_holds_down);
    tcase_add_test(t, isolated_then_dead);
    tcase_add_test(t, a_dying_link_is_avoided);
    tcase_add_test(t, a_dying_link_is_never_left_out);
    tcase_add_test(t, a_damped_link);
    suite_add_tcase(s, t);
    SRunner *r = srunner_create(s);
    srunner_run_all(r, CK_NORMAL);
    int failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed == 0 ? 0 : 1;
}
