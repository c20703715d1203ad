/* rollout.c: one permissible step from the plan in force towards its target. */
#include "core/rollout.h"

#include "base/bug.h"
#include "core/announce.h"
#include "core/orders.h"
#include "core/overload.h"

uint32_t rollout_budget(const struct fleet *f, uint8_t slots)
{
    uint32_t n = (uint32_t)((uint64_t)slots * f->policy.restore_step_ppm / 1000000);
    return n == 0 ? 1 : n;
}

/* The target's limit is lower somewhere: receivers are demoted before anything moves to them. */
static bool shed_first(const struct outlook *o, const struct rollout_way *way, struct plan *to)
{
    bool any = false;
    for (uint16_t r = 0; r < o->f->region_count; r++) {
        for (uint16_t s = 0; s < o->f->service_count; s++) {
            uint8_t limit = *plan_tier_limit(way->target, r, s);
            if (limit < *plan_tier_limit(to, r, s)) {
                *plan_tier_limit(to, r, s) = limit;
                any = true;
            }
        }
    }
    return any;
}

/* Something above core is not served there by the plan in force. */
static bool is_shed(const struct outlook *o, uint16_t region)
{
    bool shed = false;
    for (uint16_t s = 0; s < o->f->service_count; s++) {
        shed =
            shed || *plan_tier_limit(&o->c->plan, region, s) < service_top_tier(&o->f->services[s]);
    }
    return shed;
}

/* What the plan in force demotes is demoted at every IDC that is seen good: whatever it was demoted
 * for, and whatever came after it. */
static bool demotion_verified(const struct outlook *o)
{
    for (uint16_t x = 0; x < o->f->idc_count && !BUG(SHIFT_UNVERIFIED); x++) {
        bool counts = !o->f->idcs[x].vantage && o->d->idcs[x].health == HEALTH_UP &&
                      is_shed(o, o->f->idcs[x].region);
        if (counts && o->c->features[x].generation < o->c->plan.fence.generation) {
            return false;
        }
    }
    return true;
}

static bool slot_equal(struct slot a, struct slot b)
{
    return a.entrance == b.entrance && a.address == b.address;
}

/* Which slot of the answer holds the wanted one, from position `from` on; the count when none does.
 */
static uint8_t slot_find(const struct answer *a, uint8_t from, struct slot wanted)
{
    uint8_t i = from;
    while (i < a->count && !slot_equal(a->slots[i], wanted)) {
        i++;
    }
    return i;
}

/* Puts the same published addresses in the target's order; moves no traffic. */
static void align(struct answer *a, const struct answer *target)
{
    for (uint8_t i = 0; i < a->count; i++) {
        uint8_t at = slot_find(a, 0, target->slots[i]);
        if (at < a->count && at != i) {
            struct slot other = a->slots[i];
            a->slots[i] = a->slots[at];
            a->slots[at] = other;
        }
    }
}

struct walk {
    const struct outlook *o;
    const struct rollout_way *way;
    struct load *load;
    struct plan *to;
    bool away;               /* only what a drain moves away; else only what it does not */
    uint32_t moved, blocked; /* blocked: by a target that is not usable now */
};

/* Capacity allows the move; or core alone is too much at the target as well, and this is no more:
 * a planned shift does not ask for that. */
static bool may_load(const struct walk *w, uint16_t e)
{
    uint16_t idc = w->o->f->entrances[e].idc;
    return load_fits(w->o->f, w->load, e, 0, 0) ||
           (!w->away && w->load->entrance[e] <= w->way->load->entrance[e] &&
            w->load->idc[idc] <= w->way->load->idc[idc]);
}

static bool is_drained(const struct outlook *o, uint16_t v, struct slot s)
{
    return s.entrance != FLEET_NONE &&
           o->drained[path_index(o->f, s.entrance, o->f->views[v].carrier)];
}

/* Moves up to the budget of one answer's slots to where the target has them, as far as capacity
 * allows. */
static void walk_answer(struct walk *w, uint16_t s, uint16_t v)
{
    const struct fleet *f = w->o->f;
    const struct answer *target = plan_answer(w->way->target, s, v);
    struct answer *a = plan_answer(w->to, s, v);
    if (a->count != target->count) {
        return; /* only a new fleet changes counts */
    }
    align(a, target);
    uint32_t budget = rollout_budget(f, a->count);
    for (uint8_t i = 0; i < a->count && budget > 0; i++) {
        struct slot wanted = target->slots[i];
        if (slot_equal(a->slots[i], wanted) || wanted.entrance == FLEET_NONE ||
            is_drained(w->o, v, a->slots[i]) != w->away) {
            continue;
        }
        if (!w->o->settled[path_index(f, wanted.entrance, f->views[v].carrier)]) {
            w->blocked++;
            continue;
        }
        struct slot had = a->slots[i];
        load_move_slot(f, w->to, s, v, i, wanted, w->load);
        if (had.entrance != wanted.entrance && !may_load(w, wanted.entrance)) {
            load_move_slot(f, w->to, s, v, i, had, w->load);
            continue;
        }
        w->moved++;
        budget--;
    }
}

static void walk_slots(struct walk *w)
{
    for (uint16_t s = 0; s < w->o->f->service_count; s++) {
        load_compute(w->o->f, w->way->target, s, w->way->load);
        load_compute(w->o->f, w->to, s, w->load);
        /* The target of a stateful service differs only where a person named it (orders.h). */
        for (uint16_t v = 0; v < w->o->f->view_count; v++) {
            walk_answer(w, s, v);
        }
    }
    w->moved += announce_step(w->o, w->way->target, w->away, w->to, &w->blocked);
}

/* All usable entrances of the service in the region carry the plan with the headroom free. */
static bool fits_with(const struct outlook *o, struct load *load, const struct plan *p, uint16_t s,
                      uint16_t region, uint32_t keep_ppm)
{
    load_compute(o->f, p, s, load);
    bool fits = true;
    for (uint16_t e = 0; e < o->f->entrance_count; e++) {
        const struct entrance *at = &o->f->entrances[e];
        if (at->service == s && o->f->idcs[at->idc].region == region && !entrance_out(o, e)) {
            fits = fits && load_fits(o->f, load, e, 0, keep_ppm);
        }
    }
    return fits;
}

bool rollout_whole(const struct outlook *o)
{
    bool any = false;
    for (size_t n = 0; n < path_count(o->f) && !any; n++) {
        any = o->out[n];
    }
    return !any;
}

/* Headroom is kept while something is out or more is asked than declared; home itself is what the
 * fleet's owner declared to be right. */
bool rollout_fits(const struct outlook *o, const struct plan *p, bool whole, uint16_t region,
                  uint16_t service, struct load *load)
{
    uint32_t keep_ppm = whole && overload_calm(o, service) ? 0 : o->f->policy.headroom_ppm;
    return fits_with(o, load, p, service, region, keep_ppm);
}

static bool may_promote(const struct outlook *o, bool whole, struct load *load,
                        const struct plan *to, uint16_t r, uint16_t s)
{
    return BUG(OSCILLATION) ||
           (rollout_fits(o, to, whole, r, s, load) && overload_allows(o, to, r, s, load));
}

/* The highest tier that may come back. */
static uint8_t tier_home(const struct outlook *o, const struct plan *target, uint16_t r, uint16_t s)
{
    uint8_t top = service_top_tier(&o->f->services[s]), cap = orders_tier_cap(o->c, r, s);
    return target != NULL ? *plan_tier_limit(target, r, s) : cap < top ? cap : top;
}

/* Promotes the lowest shed tier, wherever it is the next one and fits. */
bool rollout_promote(const struct outlook *o, const struct plan *target, bool whole,
                     struct load *load, struct plan *to)
{
    bool any = false;
    for (unsigned tier = 1; tier <= FLEET_MAX_TIER && !any; tier++) {
        for (uint16_t r = 0; r < o->f->region_count; r++) {
            for (uint16_t s = 0; s < o->f->service_count; s++) {
                uint8_t *limit = plan_tier_limit(to, r, s);
                uint8_t before = *limit, next = tier_above(&o->f->services[s], before);
                bool beyond = next > tier_home(o, target, r, s) && !BUG(OSCILLATION);
                if (next == before || next != tier || beyond) {
                    continue;
                }
                *limit = next;
                if (may_promote(o, whole, load, to, r, s)) {
                    any = true;
                } else {
                    *limit = before;
                }
            }
        }
    }
    return any;
}

int64_t rollout_wait_us(const struct outlook *o)
{
    int64_t since_us = logtime_diff_us(o->now, o->c->last_restore);
    return o->c->last_restore.us == 0 ? 0 : o->f->policy.step_interval_us - since_us;
}

enum rollout rollout_step(const struct outlook *o, const struct rollout_way *way, struct load *load,
                          struct plan *to)
{
    struct walk w = {.o = o, .way = way, .load = load, .to = to, .away = true};
    if (shed_first(o, way, to)) {
        return ROLLOUT_SHED;
    }
    if (!demotion_verified(o)) {
        return ROLLOUT_WAITS;
    }
    walk_slots(&w);
    if (w.moved > 0) {
        return ROLLOUT_SHIFT;
    }
    w.away = false;
    walk_slots(&w);
    if (w.moved > 0) {
        return ROLLOUT_RESTORE;
    }
    if (w.blocked > 0) {
        return ROLLOUT_WAITS;
    }
    return rollout_promote(o, way->target, way->whole, load, to) ? ROLLOUT_PROMOTE : ROLLOUT_DONE;
}
