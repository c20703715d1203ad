/* test_carrier.c: carriers as a dimension of their own: one IDC off one carrier, one pool dark over
 * one, a carrier down everywhere, vantage sites, and what may and may not move by it. */
#include "core_world.h"

#include <check.h>
#include <stdlib.h>

#define MS US_PER_MS
#define S  US_PER_SEC

enum { TELECOM, UNICOM };
enum { BEIJING, TIANJIN, SHANGHAI, SHENZHEN, CHENGDU };
enum { WEB, STOCK, LEDGER };

static struct world *begin(void)
{
    return world_of_yaml(WORLDS "/two-carriers.yaml");
}

static bool *carrier_off(struct world *w, uint16_t c, uint16_t x)
{
    return &w->carrier_off[(size_t)c * w->fleet->idc_count + x];
}

static const struct verdict *front(const struct world *w, uint16_t c, uint16_t x)
{
    return &w->diagnosis.fronts[(size_t)c * w->fleet->idc_count + x];
}

static const struct incident *off_there(const struct world *w, uint16_t c, uint16_t x)
{
    return world_case(w, INCIDENT_CARRIER_OUTAGE, (struct subject){SUBJECT_CARRIER_AT, c, x});
}

static uint32_t slots(const struct world *w, const char *entrance, uint16_t carrier)
{
    return world_slots_over(w, world_entrance(w, entrance), carrier);
}

static void tick_until(struct world *w, enum decide_purpose purpose, int64_t most_us)
{
    for (int64_t t = 0; t < most_us; t += 50 * MS) {
        if (world_tick(w, 50 * MS) == purpose) {
            return;
        }
    }
    ck_abort_msg("no %s in %lld us", decide_purpose_name(purpose), (long long)most_us);
}

START_TEST(home)
{
    struct world *w = begin();
    ck_assert_uint_eq(slots(w, "web-beijing-telecom", TELECOM), 4);
    ck_assert_uint_eq(slots(w, "web-beijing-unicom", UNICOM), 4);
    ck_assert_uint_eq(world_run(w, 20 * S, 100 * MS, 0), 0);
    world_free(w);
}
END_TEST

/* Telecom's views leave for the next IDC that telecom reaches; unicom's stay; it comes back by
 * itself, in steps, after the hold-down. */
START_TEST(an_idc_is_off_one_carrier)
{
    struct world *w = begin();
    struct digest begun = plan_digest(&w->control.plan);
    *carrier_off(w, TELECOM, BEIJING) = true;
    ck_assert_uint_eq(world_run(w, 1950 * MS, 50 * MS, 0), 0);
    tick_until(w, DECIDE_RESCUE, 200 * MS);
    ck_assert_int_eq(front(w, TELECOM, BEIJING)->rule, RULE_CARRIER_DARK_HERE);
    ck_assert_int_eq(front(w, UNICOM, BEIJING)->rule, RULE_SEEN_GOOD);
    ck_assert_int_eq(w->diagnosis.idcs[BEIJING].health == HEALTH_DOWN, false);
    ck_assert_uint_eq(slots(w, "web-beijing-telecom", TELECOM), 0);
    ck_assert_uint_eq(slots(w, "web-beijing-telecom-b", TELECOM), 0);
    ck_assert_uint_eq(slots(w, "web-tianjin", TELECOM), 8);
    ck_assert_uint_eq(slots(w, "web-beijing-unicom", UNICOM), 4);
    const struct incident *i = off_there(w, TELECOM, BEIJING);
    ck_assert_ptr_nonnull(i);
    ck_assert(!i->needs_approval);
    ck_assert_uint_eq(w->control.incident_count, 1);
    ck_assert_int_eq(world_tick(w, 50 * MS), DECIDE_NOTE);
    ck_assert_int_eq(off_there(w, TELECOM, BEIJING)->state, INCIDENT_MITIGATED);
    ck_assert_uint_eq(world_run(w, 30 * S, 100 * MS, 0), 0);
    *carrier_off(w, TELECOM, BEIJING) = false;
    ck_assert_uint_eq(world_run(w, 5 * S, 100 * MS, 0), 0); /* the hold-down */
    ck_assert_int_eq(world_tick(w, 100 * MS), DECIDE_RESTORE);
    ck_assert_uint_eq(slots(w, "web-beijing-telecom", TELECOM), 2);
    world_run(w, 10 * S, 100 * MS, 4);
    struct digest now = plan_digest(&w->control.plan);
    ck_assert_int_eq(digest_compare(&now, &begun), 0);
    ck_assert_uint_eq(w->control.incident_count, 0);
    world_free(w);
}
END_TEST

/* Law 12: what keeps state stays there and the record says why. */
START_TEST(a_stateful_service_stays)
{
    struct world *w = begin();
    uint32_t before = slots(w, "ledger-beijing", TELECOM);
    ck_assert_uint_gt(before, 0);
    *carrier_off(w, TELECOM, BEIJING) = true;
    tick_until(w, DECIDE_RESCUE, 3 * S);
    ck_assert_uint_eq(slots(w, "ledger-beijing", TELECOM), before);
    ck_assert_ptr_nonnull(world_stopped(w, GUARD_STATEFUL));
    world_free(w);
}
END_TEST

/* One pool alone: the other pool of the same IDC comes first, as far as it carries. */
START_TEST(a_pool_is_dark_over_its_carrier)
{
    struct world *w = begin();
    uint16_t e = world_entrance(w, "web-beijing-telecom");
    w->path_dead[path_index(w->fleet, e, TELECOM)] = true;
    tick_until(w, DECIDE_RESCUE, 3 * S);
    ck_assert_int_eq(front(w, TELECOM, BEIJING)->health, HEALTH_UP);
    ck_assert_int_eq(w->diagnosis.paths[path_index(w->fleet, e, TELECOM)].rule, RULE_PATH_DARK);
    ck_assert_uint_eq(slots(w, "web-beijing-telecom", TELECOM), 0);
    ck_assert_uint_eq(slots(w, "web-beijing-telecom-b", TELECOM), 2); /* 60 of 100 requests/s */
    ck_assert_uint_eq(slots(w, "web-tianjin", TELECOM), 6);
    const struct incident *i =
        world_case(w, INCIDENT_GRAY_FAILURE, (struct subject){SUBJECT_PATH, e, TELECOM});
    ck_assert_ptr_nonnull(i);
    ck_assert(i->needs_approval);
    ck_assert_uint_eq(w->control.incident_count, 1);
    w->path_dead[path_index(w->fleet, e, TELECOM)] = false;
    world_run(w, 20 * S, 100 * MS, 1);
    ck_assert_uint_eq(slots(w, "web-beijing-telecom", TELECOM), 0);
    world_approve(w, i->id);
    tick_until(w, DECIDE_RESTORE, 1 * S);
    world_run(w, 10 * S, 100 * MS, 3);
    ck_assert_uint_eq(slots(w, "web-beijing-telecom", TELECOM), 4);
    ck_assert_uint_eq(w->control.incident_count, 0);
    world_free(w);
}
END_TEST

/* Law 5: a carrier that is down everywhere moves nothing, and the record says so. */
START_TEST(a_carrier_is_down_everywhere)
{
    struct world *w = begin();
    w->carrier_dead[TELECOM] = true;
    ck_assert_uint_eq(world_run(w, 1950 * MS, 50 * MS, 0), 0);
    tick_until(w, DECIDE_NOTE, 200 * MS);
    ck_assert_int_eq(w->diagnosis.carriers[TELECOM].rule, RULE_CARRIER_DARK_EVERYWHERE);
    const struct guard_result *g = world_stopped(w, GUARD_LAST_IDC);
    ck_assert_ptr_nonnull(g);
    ck_assert_int_eq(g->subject.kind, SUBJECT_CARRIER);
    ck_assert_uint_eq(w->control.incident_count, 1);
    ck_assert_uint_eq(world_run(w, 60 * S, 100 * MS, 0), 0);
    ck_assert_uint_eq(w->control.plan.fence.generation, 1);
    for (uint16_t x = 0; x < 4; x++) {
        ck_assert_int_eq(w->diagnosis.idcs[x].health, HEALTH_UP);
        ck_assert_int_eq(front(w, TELECOM, x)->rule, RULE_OBSERVER_SUSPECT);
    }
    w->carrier_dead[TELECOM] = false;
    ck_assert_uint_eq(world_run(w, 5 * S, 100 * MS, 0), 0);
    world_run(w, 1 * S, 100 * MS, 1);
    ck_assert_uint_eq(w->control.incident_count, 0);
    ck_assert_uint_eq(w->control.plan.fence.generation, 1);
    world_free(w);
}
END_TEST

/* It comes back everywhere but at one IDC: that one is off it, for a whole window of its own. */
START_TEST(a_carrier_comes_back_but_for_one)
{
    struct world *w = begin();
    w->carrier_dead[TELECOM] = true;
    world_run(w, 10 * S, 100 * MS, 1);
    w->carrier_dead[TELECOM] = false;
    *carrier_off(w, TELECOM, BEIJING) = true;
    ck_assert_uint_eq(world_run(w, 1950 * MS, 50 * MS, 0), 0);
    tick_until(w, DECIDE_RESCUE, 200 * MS);
    ck_assert_ptr_nonnull(off_there(w, TELECOM, BEIJING));
    world_run(w, 6 * S, 100 * MS, 2);
    ck_assert_ptr_null(
        world_case(w, INCIDENT_CARRIER_OUTAGE, (struct subject){SUBJECT_CARRIER, TELECOM, 0}));
    ck_assert_uint_eq(slots(w, "web-beijing-telecom", TELECOM), 0);
    world_free(w);
}
END_TEST

/* Law 2: one observer that lost a carrier is the suspect, over that carrier only: its word over the
 * other carrier still counts. */
START_TEST(blind_on_one_carrier_only)
{
    struct world *w = begin();
    w->link_cut[world_link(w, "chengdu-telecom")] = true; /* the vantage site has nothing else */
    world_run(w, 10 * S, 100 * MS, 1);
    ck_assert_int_eq(w->diagnosis.observers[CHENGDU].rule, RULE_OBSERVER_SUSPECT);
    ck_assert_uint_eq(w->control.plan.fence.generation, 1);
    world_free(w);

    w = begin();
    *carrier_off(w, TELECOM, SHANGHAI) = true;
    world_look(w);
    ck_assert_int_eq(w->diagnosis.observers[SHANGHAI].rule, RULE_SEEN_GOOD);
    const struct verdict *seen =
        &w->diagnosis.paths[path_index(w->fleet, world_entrance(w, "web-tianjin"), UNICOM)];
    ck_assert_uint_eq(seen->for_observers[0] >> SHANGHAI & 1, 1);
    seen = &w->diagnosis.paths[path_index(w->fleet, world_entrance(w, "web-tianjin"), TELECOM)];
    ck_assert_uint_eq(seen->for_observers[0] >> SHANGHAI & 1, 0);
    world_free(w);
}
END_TEST

static void set_references(struct world *w, uint16_t o, uint16_t c, enum health h, int64_t held_us)
{
    int n = targets_for_idc(w->fleet, o, w->targets, REPORT_MAX_TARGETS);
    for (int i = 0; i < n; i++) {
        if (w->targets[i].kind == TARGET_REFERENCE && w->targets[i].carrier == c) {
            w->reports[o].observations[i].health = h;
            w->reports[o].observations[i].held_us = held_us;
        }
    }
}

static const struct verdict *path_of(const struct world *w, const char *entrance, uint16_t c)
{
    return &w->diagnosis.paths[path_index(w->fleet, world_entrance(w, entrance), c)];
}

/* All that it sees over the carrier. */
static void set_over(struct world *w, uint16_t o, uint16_t c, enum health h, int64_t held_us)
{
    int n = targets_for_idc(w->fleet, o, w->targets, REPORT_MAX_TARGETS);
    for (int i = 0; i < n; i++) {
        if (w->targets[i].kind != TARGET_LINK && w->targets[i].carrier == c) {
            w->reports[o].observations[i].health = h;
            w->reports[o].observations[i].held_us = held_us;
        }
    }
}

/* The observer has not looked at the IDC yet. */
static void forget(struct world *w, uint16_t o, uint16_t x)
{
    int n = targets_for_idc(w->fleet, o, w->targets, REPORT_MAX_TARGETS);
    for (int i = 0; i < n; i++) {
        const struct target *t = &w->targets[i];
        if ((t->kind == TARGET_ENTRANCE && w->fleet->entrances[t->a].idc == x) ||
            (t->kind == TARGET_LINK && w->fleet->links[t->a].end[1 - t->b].idc == x)) {
            w->reports[o].observations[i].health = HEALTH_UNKNOWN;
        }
    }
}

/* All others are silent: the last probe speaks for its own IDC, over the carriers that its
 * references prove, and for no other. */
START_TEST(the_last_voice)
{
    struct world *w = begin();
    for (uint16_t x = 0; x < w->fleet->idc_count; x++) {
        w->mood[x] = x == TIANJIN ? w->mood[x] : MOOD_SILENT;
    }
    world_look(w);
    w->now.us += 10 * S;
    world_look(w);
    const struct verdict *own = &w->diagnosis.idcs[TIANJIN];
    ck_assert_int_eq(own->health, HEALTH_UP);
    ck_assert_int_eq(own->rule, RULE_LAST_VOICE);
    ck_assert_uint_eq(own->for_observers[0], UINT64_C(1) << TIANJIN);
    ck_assert_int_eq(path_of(w, "web-tianjin", TELECOM)->health, HEALTH_UP);
    ck_assert_int_eq(path_of(w, "web-tianjin", TELECOM)->held_us, own->held_us);
    ck_assert_int_eq(w->diagnosis.idcs[BEIJING].rule, RULE_SEEN_GOOD);

    set_over(w, TIANJIN, TELECOM, HEALTH_UP, 5 * S);
    diagnose(&w->control, w->evidence, w->now, &w->diagnosis);
    ck_assert_int_eq(path_of(w, "web-tianjin", TELECOM)->held_us, 5 * S);
    set_references(w, TIANJIN, TELECOM, HEALTH_DOWN, 5 * S);
    diagnose(&w->control, w->evidence, w->now, &w->diagnosis);
    ck_assert_int_eq(own->rule, RULE_LAST_VOICE);
    ck_assert_int_eq(path_of(w, "web-tianjin", TELECOM)->health, HEALTH_UNKNOWN);
    ck_assert_int_eq(path_of(w, "web-tianjin", UNICOM)->health, HEALTH_UP);

    set_references(w, TIANJIN, UNICOM, HEALTH_DOWN, 5 * S);
    diagnose(&w->control, w->evidence, w->now, &w->diagnosis);
    ck_assert_int_eq(own->health, HEALTH_UNKNOWN);

    w->mood[SHANGHAI] = w->mood[TIANJIN];
    world_look(w);
    ck_assert_int_eq(own->rule, RULE_SEEN_GOOD);

    /* Somebody looks, and has not seen it yet: no reason to take its own word. */
    w->now.us += 10 * S;
    world_look(w);
    forget(w, SHANGHAI, TIANJIN);
    diagnose(&w->control, w->evidence, w->now, &w->diagnosis);
    ck_assert_int_eq(own->rule, RULE_NO_FRESH_EVIDENCE);
    world_free(w);
}
END_TEST

/* What is said to be dead itself does not come back by its own word. */
START_TEST(the_last_voice_does_not_end_its_own_outage)
{
    struct world *w = begin();
    w->idc_dead[TIANJIN] = true;
    tick_until(w, DECIDE_RESCUE, 3 * S);
    w->idc_dead[TIANJIN] = false;
    for (uint16_t x = 0; x < w->fleet->idc_count; x++) {
        w->mood[x] = x == TIANJIN ? w->mood[x] : MOOD_SILENT;
    }
    world_run(w, 60 * S, 100 * MS, 9);
    ck_assert_int_eq(w->diagnosis.idcs[TIANJIN].health, HEALTH_UNKNOWN);
    ck_assert_uint_eq(slots(w, "web-tianjin", TELECOM), 0);
    world_free(w);
}
END_TEST

/* Law 2: a good reference over unicom proves nothing about telecom; nor does one that was not good
 * for the whole window. */
START_TEST(references_cover_their_carrier_only)
{
    struct world *w = begin();
    *carrier_off(w, TELECOM, BEIJING) = true;
    world_look(w);
    w->now.us += 2500 * MS;
    world_look(w);
    ck_assert_int_eq(front(w, TELECOM, BEIJING)->health, HEALTH_DOWN);
    for (uint16_t o = 0; o < w->fleet->idc_count; o++) {
        set_references(w, o, TELECOM, HEALTH_DOWN, 2500 * MS);
    }
    diagnose(&w->control, w->evidence, w->now, &w->diagnosis);
    ck_assert_int_eq(front(w, TELECOM, BEIJING)->rule, RULE_NOT_ENOUGH_OBSERVERS);
    set_references(w, TIANJIN, TELECOM, HEALTH_UP, 2 * S);
    set_references(w, SHANGHAI, TELECOM, HEALTH_UP, 2 * S - 1);
    diagnose(&w->control, w->evidence, w->now, &w->diagnosis);
    ck_assert_int_eq(front(w, TELECOM, BEIJING)->rule, RULE_NOT_ENOUGH_OBSERVERS);
    set_references(w, SHANGHAI, TELECOM, HEALTH_UP, 2 * S);
    diagnose(&w->control, w->evidence, w->now, &w->diagnosis);
    ck_assert_int_eq(front(w, TELECOM, BEIJING)->rule, RULE_CARRIER_DARK_HERE);
    world_free(w);
}
END_TEST

/* One observer that is blind on a carrier is no death of the carrier. */
START_TEST(everywhere_takes_a_quorum)
{
    struct world *w = begin();
    w->carrier_dead[TELECOM] = true;
    world_look(w);
    for (uint16_t x = TIANJIN; x <= CHENGDU; x++) {
        w->mood[x] = MOOD_SILENT;
    }
    w->now.us += 3001 * MS;
    world_look(w);
    ck_assert_int_eq(w->diagnosis.carriers[TELECOM].rule, RULE_NOT_ENOUGH_OBSERVERS);
    w->mood[TIANJIN] = MOOD_SEES;
    world_look(w);
    ck_assert_int_eq(w->diagnosis.carriers[TELECOM].rule, RULE_CARRIER_DARK_EVERYWHERE);
    world_free(w);
}
END_TEST

/* A vantage site is an observer like others: with it two agree. */
START_TEST(a_vantage_site_counts)
{
    struct world *w = begin();
    *carrier_off(w, TELECOM, BEIJING) = true;
    w->mood[TIANJIN] = w->mood[SHENZHEN] = MOOD_SILENT;
    world_look(w);
    w->now.us += 3001 * MS; /* their last reports are stale */
    world_look(w);
    ck_assert_int_eq(front(w, TELECOM, BEIJING)->rule, RULE_CARRIER_DARK_HERE);
    ck_assert_uint_eq(front(w, TELECOM, BEIJING)->for_observers[0],
                      (UINT64_C(1) << SHANGHAI) | (UINT64_C(1) << CHENGDU));
    world_free(w);
}
END_TEST

/* The uplink that is cut and the carrier that is off are one incident. */
START_TEST(a_cut_uplink_is_one_incident)
{
    struct world *w = begin();
    w->link_cut[world_link(w, "beijing-telecom")] = true;
    world_run(w, 10 * S, 50 * MS, 3);
    ck_assert_ptr_nonnull(off_there(w, TELECOM, BEIJING));
    ck_assert_uint_eq(w->control.incident_count, 1);
    world_free(w);
}
END_TEST

/* The budget holds over each carrier: a second IDC off the same one waits, and is told. */
START_TEST(the_budget_holds_over_each_carrier)
{
    struct world *w = begin();
    *carrier_off(w, TELECOM, BEIJING) = true;
    tick_until(w, DECIDE_RESCUE, 3 * S);
    world_run(w, 2 * S, 50 * MS, 1);
    *carrier_off(w, TELECOM, SHANGHAI) = true;
    *carrier_off(w, UNICOM, TIANJIN) = true;
    uint32_t before = slots(w, "web-shanghai", TELECOM);
    ck_assert_uint_gt(before, 0);
    tick_until(w, DECIDE_NOTE, 3 * S);
    ck_assert_uint_eq(slots(w, "web-shanghai", TELECOM), before);
    const struct guard_result *g = world_stopped(w, GUARD_DRAIN_BUDGET);
    ck_assert_ptr_nonnull(g);
    ck_assert_uint_eq(g->subject.a, SHANGHAI);
    world_run(w, 5 * S, 50 * MS, 4);
    ck_assert_int_eq(off_there(w, UNICOM, TIANJIN)->state, INCIDENT_MITIGATED);
    ck_assert_int_eq(off_there(w, TELECOM, SHANGHAI)->state, INCIDENT_CONFIRMED);
    world_free(w);
}
END_TEST

/* An IDC dies while it is off a carrier: one outage more, and the way back is the person's. */
START_TEST(an_outage_on_top)
{
    struct world *w = begin();
    *carrier_off(w, TELECOM, BEIJING) = true;
    world_run(w, 5 * S, 50 * MS, 3);
    w->idc_dead[BEIJING] = true;
    world_run(w, 6 * S, 50 * MS, 4);
    ck_assert_uint_eq(slots(w, "web-beijing-unicom", UNICOM), 0);
    const struct incident *i = world_incident(w, INCIDENT_IDC_OUTAGE, BEIJING, 0);
    ck_assert_ptr_nonnull(i);
    w->idc_dead[BEIJING] = false;
    *carrier_off(w, TELECOM, BEIJING) = false;
    world_run(w, 30 * S, 100 * MS, 6);
    ck_assert_uint_eq(slots(w, "web-beijing-telecom", TELECOM), 0);
    ck_assert_uint_eq(slots(w, "web-beijing-unicom", UNICOM), 0);
    world_approve(w, world_incident(w, INCIDENT_IDC_OUTAGE, BEIJING, 0)->id);
    world_run(w, 20 * S, 100 * MS, 6);
    ck_assert_uint_eq(slots(w, "web-beijing-telecom", TELECOM), 4);
    ck_assert_uint_eq(w->control.incident_count, 0);
    world_free(w);
}
END_TEST

/* Seen first over its links and unicom, a returning IDC is not taken to be off telecom. */
START_TEST(a_return_carrier_by_carrier)
{
    struct world *w = begin();
    w->idc_dead[BEIJING] = true;
    world_run(w, 6 * S, 50 * MS, 3);
    w->idc_dead[BEIJING] = false;
    *carrier_off(w, TELECOM, BEIJING) = true;
    world_run(w, 4 * S, 50 * MS, 2);
    ck_assert_ptr_null(off_there(w, TELECOM, BEIJING));
    *carrier_off(w, TELECOM, BEIJING) = false;
    world_run(w, 10 * S, 100 * MS, 3);
    ck_assert_ptr_null(off_there(w, TELECOM, BEIJING));
    world_free(w);
}
END_TEST

/* Without references to prove itself, what an observer says over a carrier counts from when it sees
 * anything over it: the carrier's own outage is no window for one IDC's. */
START_TEST(a_word_counts_from_when_it_sees)
{
    struct world *full = begin();
    struct fleet bare = *full->fleet;
    bare.reference_count = 0;
    struct world *w = world_of_fleet(&bare);
    world_free(full);
    w->mood[CHENGDU] = MOOD_SILENT;
    w->carrier_dead[TELECOM] = true;
    world_run(w, 10 * S, 100 * MS, 1);
    w->carrier_dead[TELECOM] = false;
    *carrier_off(w, TELECOM, BEIJING) = true;
    ck_assert_uint_eq(world_run(w, 1950 * MS, 50 * MS, 0), 0);
    tick_until(w, DECIDE_RESCUE, 200 * MS);
    world_free(w);
}
END_TEST

/* A service that is dead inside is dark over every carrier: that is no carrier's fault, even where
 * nothing else is reached over it. */
START_TEST(a_dead_service_is_no_carrier)
{
    struct world *w = world_of_yaml(FLEETS "/three-idc.yaml");
    w->service_dead[1] = true; /* web at shanghai, the only one there */
    world_run(w, 10 * S, 50 * MS, 3);
    ck_assert_uint_eq(w->control.incident_count, 1);
    ck_assert_int_eq(w->control.incidents[0].kind, INCIDENT_GRAY_FAILURE);
    ck_assert_int_eq(w->control.incidents[0].subject.kind, SUBJECT_SERVICE);
    world_free(w);
}
END_TEST

/* Off telecom, an IDC is dark to the vantage site, which has nothing else: that does not keep its
 * unicom users away from it. */
START_TEST(off_one_carrier_receives_over_the_other)
{
    struct world *w = begin();
    uint16_t e = world_entrance(w, "stock-shanghai");
    w->path_dead[path_index(w->fleet, e, UNICOM)] = true;
    world_run(w, 5 * S, 50 * MS, 3);
    ck_assert_uint_eq(slots(w, "stock-shanghai", UNICOM), 0);
    *carrier_off(w, TELECOM, SHANGHAI) = true;
    w->path_dead[path_index(w->fleet, e, UNICOM)] = false;
    world_run(w, 8 * S, 50 * MS, 6);
    ck_assert_int_eq(w->diagnosis.idcs[SHANGHAI].rule, RULE_PARTLY_SEEN);
    world_approve(
        w, world_case(w, INCIDENT_GRAY_FAILURE, (struct subject){SUBJECT_PATH, e, UNICOM})->id);
    world_run(w, 20 * S, 100 * MS, 8);
    ck_assert_uint_eq(slots(w, "stock-shanghai", UNICOM), 4);
    ck_assert_uint_eq(slots(w, "stock-shanghai", TELECOM), 0);
    world_free(w);
}
END_TEST

/* docs/planning.md: when telecom is back and has held for 5 s, two slots return, 2 s later the
 * other two, 2 s later the feature. */
START_TEST(the_worked_example_comes_home)
{
    struct world *w = world_of_yaml(FLEETS "/three-idc.yaml");
    struct digest begun = plan_digest(&w->control.plan);
    *carrier_off(w, TELECOM, BEIJING) = true;
    tick_until(w, DECIDE_RESCUE, 3 * S);
    ck_assert_uint_eq(*plan_tier_limit(&w->control.plan, 1, WEB), 2);
    world_run(w, 1 * S, 100 * MS, 1);
    *carrier_off(w, TELECOM, BEIJING) = false;
    ck_assert_uint_eq(world_run(w, 5 * S, 100 * MS, 0), 0);
    ck_assert_int_eq(world_tick(w, 100 * MS), DECIDE_RESTORE);
    ck_assert_uint_eq(slots(w, "web-beijing", TELECOM), 2);
    ck_assert_uint_eq(world_run(w, 1900 * MS, 100 * MS, 0), 0);
    ck_assert_int_eq(world_tick(w, 100 * MS), DECIDE_RESTORE);
    ck_assert_uint_eq(slots(w, "web-beijing", TELECOM), 4);
    ck_assert_uint_eq(world_run(w, 1900 * MS, 100 * MS, 0), 0);
    ck_assert_int_eq(world_tick(w, 100 * MS), DECIDE_PROMOTE);
    ck_assert_uint_eq(*plan_tier_limit(&w->control.plan, 1, WEB), 3);
    struct digest now = plan_digest(&w->control.plan);
    ck_assert_int_eq(digest_compare(&now, &begun), 0);
    world_free(w);
}
END_TEST

/* Blips and young leaders. */
START_TEST(short_or_cold_moves_nothing)
{
    struct world *w = begin();
    for (int i = 0; i < 10; i++) {
        *carrier_off(w, TELECOM, BEIJING) = true;
        ck_assert_uint_eq(world_run(w, 1500 * MS, 50 * MS, 0), 0);
        *carrier_off(w, TELECOM, BEIJING) = false;
        ck_assert_uint_eq(world_run(w, 500 * MS, 50 * MS, 0), 0);
    }
    w->now.us = w->control.epoch_began.us;
    *carrier_off(w, TELECOM, BEIJING) = true;
    world_look(w);
    w->now.us += 4999 * MS;
    world_look(w);
    ck_assert_int_eq(front(w, TELECOM, BEIJING)->rule, RULE_COLD_START);
    world_free(w);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("carrier");
    TCase *t = tcase_create("stories");
    tcase_set_timeout(t, 60);
    tcase_add_test(t, home);
    tcase_add_test(t, an_idc_is_off_one_carrier);
    tcase_add_test(t, a_stateful_service_stays);
    tcase_add_test(t, a_pool_is_dark_over_its_carrier);
    tcase_add_test(t, a_carrier_is_down_everywhere);
    tcase_add_test(t, a_carrier_comes_back_but_for_one);
    tcase_add_test(t, blind_on_one_carrier_only);
    tcase_add_test(t, the_last_voice);
    tcase_add_test(t, the_last_voice_does_not_end_its_own_outage);
    tcase_add_test(t, references_cover_their_carrier_only);
    tcase_add_test(t, everywhere_takes_a_quorum);
    tcase_add_test(t, a_vantage_site_counts);
    tcase_add_test(t, a_cut_uplink_is_one_incident);
    tcase_add_test(t, the_budget_holds_over_each_carrier);
    tcase_add_test(t, an_outage_on_top);
    tcase_add_test(t, a_return_carrier_by_carrier);
    tcase_add_test(t, a_word_counts_from_when_it_sees);
    tcase_add_test(t, a_dead_service_is_no_carrier);
    tcase_add_test(t, off_one_carrier_receives_over_the_other);
    tcase_add_test(t, the_worked_example_comes_home);
    tcase_add_test(t, short_or_cold_moves_nothing);
    suite_add_tcase(s, t);
    SRunner *r = srunner_create(s);
    srunner_run_all(r, CK_NORMAL);
    int failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed == 0 ? 0 : 1;
}
