/* test_planner.c: properties of plans over seeded random fleets: never empty, never over capacity
 * while a tier is left, sticky, minimal shedding; next hops that never loop; the way home that
 * arrives. */
#include "core/load.h"
#include "core/nexthop.h"
#include "core_world.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

enum { SEEDS = 90, FLEET_ROOM = 4 * 1024 * 1024 };

static void *must(void *p)
{
    ck_assert_ptr_nonnull(p);
    return p;
}

static struct world *random_world(uint64_t seed)
{
    struct rng r = rng_init(seed);
    struct arena a;
    void *room = must(calloc(1, FLEET_ROOM));
    arena_init(&a, room, FLEET_ROOM);
    struct world *w = world_of_fleet(random_fleet(seed, (uint16_t)(3 + rng_below(&r, 8)), &a));
    free(room);
    return w;
}

/* Work of a request when tiers up to the limit are served; written anew, not by the planner's
 * helpers. */
static double cost(const struct service *s, uint8_t limit)
{
    double sum = 0;
    for (uint16_t i = 0; i < s->feature_count; i++) {
        sum += s->features[i].tier <= limit ? s->features[i].cost_ppm / 1e6 : 0;
    }
    return sum;
}

/* Load of the entrance in units per second under the plan. */
static double load_on(const struct fleet *f, const struct plan *p, uint16_t e)
{
    const struct entrance *at = &f->entrances[e];
    double sum = 0;
    for (uint16_t v = 0; v < f->view_count; v++) {
        const struct answer *a = plan_answer(p, at->service, v);
        for (uint8_t i = 0; i < a->count; i++) {
            if (a->slots[i].entrance == e) {
                sum += (double)fleet_demand_rps(f, at->service, v) / a->count;
            }
        }
    }
    return sum * cost(&f->services[at->service],
                      *plan_tier_limit(p, f->idcs[at->idc].region, at->service));
}

static bool is_over(const struct fleet *f, const struct plan *p, uint16_t e)
{
    return load_on(f, p, e) > (double)f->entrances[e].capacity_ups * (1 + 1e-9) + 1e-3;
}

/* Law 6: where something is over capacity, nothing above core is served any more. */
static void check_capacity(const struct fleet *f, const struct plan *p, uint16_t except_idc,
                           uint64_t seed)
{
    for (uint16_t e = 0; e < f->entrance_count; e++) {
        uint16_t s = f->entrances[e].service;
        uint8_t limit = *plan_tier_limit(p, f->idcs[f->entrances[e].idc].region, s);
        bool core_only = cost(&f->services[s], limit) <= cost(&f->services[s], 0) + 1e-12;
        ck_assert_msg(f->entrances[e].idc == except_idc || !is_over(f, p, e) || core_only,
                      "seed %llu: entrance %u over capacity with limit %u",
                      (unsigned long long)seed, e, limit);
    }
}

/* No single tier that was shed could be served again without exceeding a capacity in its region. */
static void check_minimal(const struct fleet *f, struct plan *p, const struct plan *base,
                          uint16_t except_idc, uint64_t seed)
{
    for (uint16_t r = 0; r < f->region_count; r++) {
        for (uint16_t s = 0; s < f->service_count; s++) {
            uint8_t *limit = plan_tier_limit(p, r, s), before = *limit;
            if (before >= *plan_tier_limit(base, r, s)) {
                continue;
            }
            *limit = tier_above(&f->services[s], before);
            bool over = false;
            for (uint16_t e = 0; e < f->entrance_count; e++) {
                over = over || (f->entrances[e].service == s && f->entrances[e].idc != except_idc &&
                                f->idcs[f->entrances[e].idc].region == r && is_over(f, p, e));
            }
            ck_assert_msg(over, "seed %llu: region %u service %u shed for nothing",
                          (unsigned long long)seed, r, s);
            *limit = before;
        }
    }
}

static void check_answers(const struct fleet *f, const struct plan *p, uint64_t seed)
{
    const char *broken = plan_broken(f, p);
    ck_assert_msg(broken == NULL, "seed %llu: %s", (unsigned long long)seed, broken);
}

START_TEST(home)
{
    struct world *w = random_world((uint64_t)_i);
    check_answers(w->fleet, &w->control.plan, (uint64_t)_i);
    check_capacity(w->fleet, &w->control.plan, FLEET_NONE, (uint64_t)_i);
    world_free(w);
}
END_TEST

static struct plan *copy_plan(const struct world *w)
{
    size_t size = plan_arena_size(w->fleet) + 64;
    struct plan *p = must(calloc(1, sizeof *p + 16 + size));
    struct arena a;
    arena_init(&a, (uint8_t *)p + ((sizeof *p + 15) & ~(size_t)15), size);
    ck_assert_int_eq(plan_new(w->fleet, &a, p), OK);
    plan_copy(p, &w->control.plan);
    return p;
}

/* Only slots of the dead IDC moved, no stateful one did. */
static void check_sticky(const struct world *w, const struct plan *before, uint16_t dead)
{
    const struct fleet *f = w->fleet;
    for (size_t i = 0; i < (size_t)f->service_count * f->view_count; i++) {
        const struct answer *a = &before->answers[i], *b = &w->control.plan.answers[i];
        for (uint8_t k = 0; k < a->count; k++) {
            uint16_t e = a->slots[k].entrance;
            bool may_move = e != FLEET_NONE && f->entrances[e].idc == dead &&
                            !f->services[i / f->view_count].stateful;
            ck_assert(may_move ||
                      (b->slots[k].entrance == e && b->slots[k].address == a->slots[k].address));
        }
    }
}

/* A slot is left on the dead IDC only when no other entrance could take it. */
static void check_drained(const struct world *w, uint16_t dead, uint64_t seed)
{
    const struct fleet *f = w->fleet;
    for (size_t i = 0; i < (size_t)f->service_count * f->view_count; i++) {
        uint16_t s = (uint16_t)(i / f->view_count), v = (uint16_t)(i % f->view_count);
        const struct answer *a = &w->control.plan.answers[i];
        bool other = false, left = false;
        for (uint16_t e = 0; e < f->entrance_count; e++) {
            other = other || (f->entrances[e].service == s && f->entrances[e].idc != dead &&
                              (f->entrances[e].carriers >> f->views[v].carrier & 1) != 0);
        }
        for (uint8_t k = 0; k < a->count; k++) {
            uint16_t e = a->slots[k].entrance;
            left = left || (e != FLEET_NONE && f->entrances[e].idc == dead);
        }
        ck_assert_msg(!left || !other || f->services[s].stateful, "seed %llu: slots left",
                      (unsigned long long)seed);
    }
}

/* Hop by hop along the first hop that carries: the destination is reached and nothing is visited
 * twice. */
static void check_forwarding(const struct world *w, const bool *cut, uint16_t dead, uint64_t seed)
{
    const struct fleet *f = w->fleet;
    for (uint16_t from = 0; from < f->idc_count; from++) {
        for (uint16_t to = 0; to < f->idc_count; to++) {
            uint16_t at = from;
            for (uint16_t steps = 0; at != to && from != dead && to != dead; steps++) {
                ck_assert_msg(steps < f->idc_count, "seed %llu: a loop from %u to %u",
                              (unsigned long long)seed, from, to);
                const struct hops *h = plan_hops(&w->control.plan, at, to);
                uint8_t i = 0;
                while (i < h->count && cut[h->links[i]]) {
                    i++;
                }
                if (i == h->count) {
                    break; /* no protected path: fail static, but no loop */
                }
                const struct link *l = &f->links[h->links[i]];
                at = l->end[1 - link_end_at(l, at)].idc;
            }
        }
    }
}

START_TEST(rescue)
{
    struct world *w = random_world((uint64_t)_i);
    struct plan *before = copy_plan(w);
    uint16_t dead = (uint16_t)_i % w->fleet->idc_count;
    w->idc_dead[dead] = true;
    world_run(w, 5 * US_PER_SEC, 100000, 6);
    check_answers(w->fleet, &w->control.plan, (uint64_t)_i);
    check_sticky(w, before, dead);
    bool moved = false;
    for (uint32_t i = 0; i < w->control.incident_count; i++) {
        moved = moved || w->control.incidents[i].kind == INCIDENT_IDC_OUTAGE;
    }
    ck_assert(moved);
    check_drained(w, dead, (uint64_t)_i);
    check_capacity(w->fleet, &w->control.plan, dead, (uint64_t)_i);
    check_minimal(w->fleet, &w->control.plan, before, dead, (uint64_t)_i);
    bool *cut = must(calloc(w->fleet->link_count, sizeof *cut));
    for (uint16_t l = 0; l < w->fleet->link_count; l++) {
        cut[l] = link_end_at(&w->fleet->links[l], dead) >= 0;
    }
    check_forwarding(w, cut, dead, (uint64_t)_i);
    free(cut);
    free(before);
    world_free(w);
}
END_TEST

/* Approved, the whole way back ends at the initial plan, with no step over capacity or beyond its
 * budget. */
START_TEST(way_home)
{
    struct world *w = random_world((uint64_t)_i);
    uint16_t dead = (uint16_t)_i % w->fleet->idc_count;
    struct plan *begun = copy_plan(w);
    w->idc_dead[dead] = true;
    world_run(w, 5 * US_PER_SEC, 100000, 6);
    w->idc_dead[dead] = false;
    world_run(w, 8 * US_PER_SEC, 100000, 6);
    for (uint32_t i = 0; i < w->control.incident_count; i++) {
        if (w->control.incidents[i].kind == INCIDENT_IDC_OUTAGE) {
            world_approve(w, w->control.incidents[i].id);
        }
    }
    for (int i = 0; i < 1200; i++) {
        (void)world_tick(w, 100000);
        check_answers(w->fleet, &w->control.plan, (uint64_t)_i);
        check_capacity(w->fleet, &w->control.plan, FLEET_NONE, (uint64_t)_i);
    }
    for (uint32_t i = 0; i < w->control.incident_count; i++) {
        ck_assert_int_eq(w->control.incidents[i].kind, INCIDENT_OVERLOAD);
    }
    struct digest now = plan_digest(&w->control.plan), then = plan_digest(begun);
    ck_assert_msg(digest_compare(&now, &then) == 0, "seed %d: not home", _i);
    free(begun);
    world_free(w);
}
END_TEST

/* Each single link cut, before and after the plan knows: the local step along the hops never loops.
 */
START_TEST(single_cuts_never_loop)
{
    struct world *w = random_world((uint64_t)_i);
    bool *cut = must(calloc(w->fleet->link_count, sizeof *cut));
    check_forwarding(w, cut, FLEET_NONE, (uint64_t)_i);
    for (uint16_t l = 0; l < w->fleet->link_count; l++) {
        cut[l] = true;
        check_forwarding(w, cut, FLEET_NONE, (uint64_t)_i);
        cut[l] = false;
    }
    uint16_t l = (uint16_t)_i % w->fleet->link_count;
    cut[l] = w->link_cut[l] = true;
    world_run(w, 5 * US_PER_SEC, 100000, 6);
    check_forwarding(w, cut, FLEET_NONE, (uint64_t)_i);
    free(cut);
    world_free(w);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("planner");
    TCase *t = tcase_create("properties");
    tcase_set_timeout(t, 60);
    tcase_add_loop_test(t, home, 0, SEEDS);
    tcase_add_loop_test(t, rescue, 0, SEEDS);
    tcase_add_loop_test(t, way_home, 0, SEEDS / 3);
    tcase_add_loop_test(t, single_cuts_never_loop, 0, SEEDS);
    suite_add_tcase(s, t);
    SRunner *r = srunner_create(s);
    srunner_run_all(r, CK_NORMAL);
    int failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed == 0 ? 0 : 1;
}
