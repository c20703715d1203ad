/* planner.c: fills slots with entrances and decides which tiers have to go for it. */
#include "core/planner.h"

#include "base/bug.h"

#include <string.h>

size_t planner_arena_size(const struct fleet *f)
{
    size_t places = (size_t)f->service_count * f->idc_count;
    size_t ranks = (size_t)f->view_count * f->idc_count;
    return sizeof(uint16_t) * (places + f->entrance_count + ranks + f->view_count) +
           sizeof(uint32_t) * 2 * f->view_count + f->region_count +
           sizeof(struct answer) * f->view_count + path_count(f) + (size_t)9 * 16 +
           load_arena_size(f);
}

/* IDCs by the view's preference, then the others by index. */
static void order_ranks(const struct planner *p, uint16_t v)
{
    const struct fleet *f = p->f;
    const struct view *view = &f->views[v];
    uint16_t *order = &p->order[(size_t)v * f->idc_count];
    uint16_t n = 0;
    for (uint16_t i = 0; i < view->prefer_count && n < f->idc_count; i++) {
        order[n++] = view->prefer[i];
    }
    for (uint16_t x = 0; x < f->idc_count; x++) {
        bool named = false;
        for (uint16_t i = 0; i < view->prefer_count; i++) {
            named = named || view->prefer[i] == x;
        }
        if (!named && n < f->idc_count) {
            order[n++] = x;
        }
    }
}

int planner_new(const struct fleet *f, const struct demand *demand, const bool *dead,
                const bool *usable, struct arena *a, struct planner *ret_p)
{
    size_t places = (size_t)f->service_count * f->idc_count;
    struct planner p = {.f = f, .dead = dead, .usable = usable};
    p.first = ARENA_NEW(a, uint16_t, places);
    p.next = ARENA_NEW(a, uint16_t, f->entrance_count);
    p.order = ARENA_NEW(a, uint16_t, (size_t)f->view_count * f->idc_count);
    p.pending = ARENA_NEW(a, uint32_t, f->view_count);
    p.wanted = ARENA_NEW(a, uint32_t, f->view_count);
    p.ranks = ARENA_NEW(a, uint16_t, f->view_count);
    p.base = ARENA_NEW(a, uint8_t, f->region_count);
    p.full = ARENA_NEW(a, bool, path_count(f));
    p.had = ARENA_NEW(a, struct answer, f->view_count);
    int status = load_new(f, demand, a, &p.load);
    if (status != OK || p.first == NULL || p.next == NULL || p.order == NULL || p.pending == NULL ||
        p.wanted == NULL || p.ranks == NULL || p.base == NULL || p.full == NULL || p.had == NULL) {
        return ERR_FULL;
    }
    for (size_t i = 0; i < places; i++) {
        p.first[i] = FLEET_NONE;
    }
    for (uint16_t e = f->entrance_count; e-- > 0;) {
        uint16_t *first =
            &p.first[(size_t)f->entrances[e].service * f->idc_count + f->entrances[e].idc];
        p.next[e] = *first;
        *first = e;
    }
    for (uint16_t v = 0; v < f->view_count; v++) {
        order_ranks(&p, v);
    }
    *ret_p = p;
    return OK;
}

bool entrance_reaches(const struct fleet *f, uint16_t entrance, uint16_t view)
{
    return entrance_over(&f->entrances[entrance], f->views[view].carrier);
}

int answer_free_address(const struct fleet *f, const struct answer *a, uint16_t entrance)
{
    uint64_t used = 0;
    for (uint8_t i = 0; i < a->count; i++) {
        if (a->slots[i].entrance == entrance) {
            used |= UINT64_C(1) << a->slots[i].address;
        }
    }
    for (int k = 0; k < f->entrances[entrance].address_count; k++) {
        if ((used >> k & 1) == 0) {
            return k;
        }
    }
    return -1;
}

/* First usable entrance of the service at the IDC that reaches the view, from e on; FLEET_NONE:
 * none. */
static uint16_t usable_from(const struct planner *p, uint16_t e, uint16_t v)
{
    uint16_t c = p->f->views[v].carrier;
    while (e != FLEET_NONE &&
           !(p->usable[path_index(p->f, e, c)] && entrance_reaches(p->f, e, v))) {
        e = p->next[e];
    }
    return e;
}

static uint16_t usable_at_rank(const struct planner *p, uint16_t s, uint16_t v, uint16_t rank)
{
    uint16_t idc = p->order[(size_t)v * p->f->idc_count + rank];
    return usable_from(p, p->first[(size_t)s * p->f->idc_count + idc], v);
}

/* Lowest rank below `ranks` with a usable entrance, or FLEET_NONE. */
static uint16_t first_rank(const struct planner *p, uint16_t s, uint16_t v, uint16_t ranks)
{
    for (uint16_t r = 0; r < ranks; r++) {
        if (usable_at_rank(p, s, v, r) != FLEET_NONE) {
            return r;
        }
    }
    return FLEET_NONE;
}

static uint64_t more_load(const struct planner *p, const struct plan *plan, uint16_t s, uint16_t v,
                          uint16_t e)
{
    uint32_t n = 0;
    const struct answer *a = plan_answer(plan, s, v);
    for (uint8_t i = 0; i < a->count; i++) {
        n += a->slots[i].entrance == e && (p->pending[v] >> i & 1) == 0 ? 1 : 0;
    }
    const struct demand *demand = p->load.demand;
    return load_of_slots(p->f, demand, plan, s, v, e, n + 1) -
           load_of_slots(p->f, demand, plan, s, v, e, n);
}

/* Gives the view's first pending slot to the entrance. The pool has a free address. */
static void fill(struct planner *p, struct plan *plan, uint16_t s, uint16_t v, uint16_t e,
                 int address)
{
    struct answer *a = plan_answer(plan, s, v);
    uint64_t more = more_load(p, plan, s, v, e);
    unsigned i = (unsigned)__builtin_ctz(p->pending[v]);
    a->slots[i] = (struct slot){.entrance = e, .address = (uint8_t)address};
    p->pending[v] &= p->pending[v] - 1;
    p->load.entrance[e] += more;
    p->load.idc[p->f->entrances[e].idc] += more;
}

/* Fills what fits at one rank of one view. */
static void fill_rank(struct planner *p, struct plan *plan, uint16_t s, uint16_t v, uint16_t rank)
{
    for (uint16_t e = usable_at_rank(p, s, v, rank); e != FLEET_NONE;
         e = usable_from(p, p->next[e], v)) {
        while (p->pending[v] != 0) {
            int address = answer_free_address(p->f, plan_answer(plan, s, v), e);
            bool fits = load_fits(p->f, &p->load, e, more_load(p, plan, s, v, e), 0);
            p->full[path_index(p->f, e, p->f->views[v].carrier)] |= !fits;
            if (address < 0 || !fits) {
                break;
            }
            fill(p, plan, s, v, e, address);
        }
    }
}

static bool any_pending(const struct planner *p)
{
    bool any = false;
    for (uint16_t v = 0; v < p->f->view_count; v++) {
        any = any || p->pending[v] != 0;
    }
    return any;
}

/* One attempt with the tiers as they are: rank by rank, so that no view's overflow takes the place
 * that another view prefers. Pending slots are emptied first. True when all were filled. */
static bool attempt(struct planner *p, struct plan *plan, uint16_t s)
{
    const struct fleet *f = p->f;
    uint16_t deepest = 0;
    for (uint16_t e = 0; e < f->entrance_count; e++) {
        if (f->entrances[e].service == s) {
            memset(&p->full[path_index(f, e, 0)], 0, f->carrier_count * sizeof *p->full);
        }
    }
    memcpy(p->pending, p->wanted, f->view_count * sizeof *p->pending);
    for (uint16_t v = 0; v < f->view_count; v++) {
        struct answer *a = plan_answer(plan, s, v);
        for (uint8_t i = 0; i < a->count; i++) {
            if ((p->pending[v] >> i & 1) != 0) {
                a->slots[i] = (struct slot){.entrance = FLEET_NONE};
            }
        }
        deepest = p->pending[v] != 0 && p->ranks[v] > deepest ? p->ranks[v] : deepest;
    }
    load_compute(f, plan, s, &p->load);
    for (uint16_t r = 0; r < deepest; r++) {
        for (uint16_t v = 0; v < f->view_count; v++) {
            if (p->pending[v] != 0 && r < p->ranks[v]) {
                fill_rank(p, plan, s, v, r);
            }
        }
    }
    return !any_pending(p);
}

/* Sheds one tier where it helps: in a region with a usable entrance for a view that still waits,
 * the highest served tier first, then the region that the first waiting view prefers. False:
 * nothing is left. */
static bool shed_one(const struct planner *p, struct plan *plan, uint16_t s)
{
    const struct fleet *f = p->f;
    uint16_t best = FLEET_NONE;
    uint8_t best_tier = 0;
    for (uint16_t v = 0; v < f->view_count; v++) {
        for (uint16_t r = 0; p->pending[v] != 0 && r < p->ranks[v]; r++) {
            if (usable_at_rank(p, s, v, r) == FLEET_NONE) {
                continue;
            }
            uint16_t region = f->idcs[p->order[(size_t)v * f->idc_count + r]].region;
            uint8_t limit = *plan_tier_limit(plan, region, s);
            if (tier_below(&f->services[s], limit) < limit && limit > best_tier) {
                best = region;
                best_tier = limit;
            }
        }
    }
    if (best == FLEET_NONE) {
        return false;
    }
    *plan_tier_limit(plan, best, s) = tier_below(&f->services[s], best_tier);
    return true;
}

/* Even core does not fit: the rest goes where it is relatively least, preferred IDCs on a tie. */
static void spread(struct planner *p, struct plan *plan, uint16_t s)
{
    const struct fleet *f = p->f;
    for (uint16_t v = 0; v < f->view_count; v++) {
        while (p->pending[v] != 0) {
            uint16_t best = FLEET_NONE;
            uint64_t best_ppm = 0;
            for (uint16_t r = 0; r < p->ranks[v]; r++) {
                for (uint16_t e = usable_at_rank(p, s, v, r); e != FLEET_NONE;
                     e = usable_from(p, p->next[e], v)) {
                    uint64_t ppm = load_use_ppm(f, &p->load, e, more_load(p, plan, s, v, e));
                    bool free = answer_free_address(f, plan_answer(plan, s, v), e) >= 0;
                    if (free && (best == FLEET_NONE || ppm < best_ppm)) {
                        best = e;
                        best_ppm = ppm;
                    }
                }
            }
            if (best == FLEET_NONE) {
                break;
            }
            fill(p, plan, s, v, best, answer_free_address(f, plan_answer(plan, s, v), best));
        }
    }
}

/* Dead over every carrier that reaches it. */
static bool dead_for_all(const struct planner *p, uint16_t e)
{
    bool dead = true;
    for (uint16_t c = 0; c < p->f->carrier_count; c++) {
        dead = dead && (p->dead[path_index(p->f, e, c)] || !entrance_over(&p->f->entrances[e], c));
    }
    return dead;
}

/* All entrances of the service in the region, and their IDCs, carry what the plan gives them. */
static bool region_fits(struct planner *p, const struct plan *plan, uint16_t s, uint16_t region)
{
    const struct fleet *f = p->f;
    load_compute(f, plan, s, &p->load);
    bool fits = true;
    for (uint16_t e = 0; e < f->entrance_count; e++) {
        if (f->entrances[e].service == s && f->idcs[f->entrances[e].idc].region == region &&
            !dead_for_all(p, e)) {
            fits = fits && load_fits(f, &p->load, e, 0, 0);
        }
    }
    return fits;
}

/* Takes back what was shed and turns out not to be needed. */
static void relax(struct planner *p, struct plan *plan, uint16_t s)
{
    const struct fleet *f = p->f;
    for (uint16_t region = 0; region < f->region_count; region++) {
        uint8_t *limit = plan_tier_limit(plan, region, s);
        while (*limit < p->base[region]) {
            uint8_t before = *limit;
            *limit = tier_above(&f->services[s], before);
            *limit = *limit > p->base[region] || *limit == before ? p->base[region] : *limit;
            if (!region_fits(p, plan, s, region)) {
                *limit = before;
                break;
            }
        }
    }
}

/* What could not be filled gets back what it had (fail static). */
static void keep_pending(const struct planner *p, struct plan *plan, uint16_t s)
{
    for (uint16_t v = 0; v < p->f->view_count; v++) {
        struct answer *a = plan_answer(plan, s, v);
        for (uint8_t i = 0; i < a->count && !BUG(NEVER_LAST); i++) {
            if ((p->pending[v] >> i & 1) != 0) {
                a->slots[i] = p->had[v].slots[i];
            }
        }
    }
}

/* Fills wanted[]; sheds in the preferred IDCs before it resorts to others, and spreads at last. */
static void place(struct planner *p, struct plan *plan, uint16_t s)
{
    const struct fleet *f = p->f;
    for (uint16_t r = 0; r < f->region_count; r++) {
        p->base[r] = *plan_tier_limit(plan, r, s);
    }
    memcpy(p->had, plan_answer(plan, s, 0), f->view_count * sizeof *p->had);
    bool done = attempt(p, plan, s);
    while (!done && shed_one(p, plan, s)) {
        done = attempt(p, plan, s);
    }
    for (uint16_t v = 0; v < f->view_count; v++) {
        p->ranks[v] = f->idc_count;
    }
    while (!done) {
        done = attempt(p, plan, s);
        if (!done && !shed_one(p, plan, s)) {
            break;
        }
    }
    if (!done) {
        spread(p, plan, s);
    }
    keep_pending(p, plan, s);
    relax(p, plan, s);
}

/* Which ranks count for the view: the preferred IDCs when one is usable, else all. False: none is.
 */
static bool choose_ranks(struct planner *p, uint16_t s, uint16_t v)
{
    const struct fleet *f = p->f;
    uint16_t preferred =
        f->views[v].prefer_count < f->idc_count ? f->views[v].prefer_count : f->idc_count;
    p->ranks[v] = first_rank(p, s, v, preferred) != FLEET_NONE ? preferred : f->idc_count;
    return first_rank(p, s, v, p->ranks[v]) != FLEET_NONE || BUG(NEVER_LAST);
}

void planner_home(struct planner *p, struct plan *plan)
{
    const struct fleet *f = p->f;
    for (uint16_t s = 0; s < f->service_count; s++) {
        for (uint16_t v = 0; v < f->view_count; v++) {
            struct answer *a = plan_answer(plan, s, v);
            memset(a, 0, sizeof *a);
            p->wanted[v] = 0;
            for (uint8_t i = 0; i < FLEET_MAX_SLOTS; i++) {
                a->slots[i].entrance = FLEET_NONE;
            }
            if (f->views[v].slots > 0 && choose_ranks(p, s, v)) {
                a->count = (uint8_t)f->views[v].slots;
                p->wanted[v] = UINT32_MAX >> (32 - a->count);
            }
        }
        place(p, plan, s);
    }
}

/* The view's slots on entrances that are to be left over its carrier, as bits. */
static uint32_t slots_on(const struct planner *p, const bool *left, const struct answer *a,
                         uint16_t v)
{
    uint32_t bits = 0;
    uint16_t c = p->f->views[v].carrier;
    for (uint8_t i = 0; i < a->count; i++) {
        uint16_t e = a->slots[i].entrance;
        bits |= e != FLEET_NONE && left[path_index(p->f, e, c)] ? UINT32_C(1) << i : 0;
    }
    return bits;
}

void planner_rescue(struct planner *p, struct plan *plan)
{
    const struct fleet *f = p->f;
    for (uint16_t s = 0; s < f->service_count; s++) {
        bool any = false;
        const bool *left = f->services[s].stateful && !BUG(STATEFUL) ? p->named : p->dead;
        for (uint16_t v = 0; v < f->view_count; v++) {
            p->wanted[v] = 0;
            if (left != NULL && choose_ranks(p, s, v)) {
                p->wanted[v] = slots_on(p, left, plan_answer(plan, s, v), v);
            }
            any = any || p->wanted[v] != 0;
        }
        if (any) {
            place(p, plan, s);
        }
    }
}

/* An entrance that is over capacity while its region has a tier left to shed, or FLEET_NONE. */
static uint16_t find_over(struct planner *p, const struct plan *plan, uint16_t s)
{
    const struct fleet *f = p->f;
    load_compute(f, plan, s, &p->load);
    for (uint16_t e = 0; e < f->entrance_count; e++) {
        uint8_t limit = *plan_tier_limit(plan, f->idcs[f->entrances[e].idc].region, s);
        if (f->entrances[e].service == s && !load_fits(f, &p->load, e, 0, 0) &&
            tier_below(&f->services[s], limit) < limit && !dead_for_all(p, e)) {
            return e;
        }
    }
    return FLEET_NONE;
}

void planner_shed(struct planner *p, struct plan *plan)
{
    const struct fleet *f = p->f;
    for (uint16_t s = 0; s < f->service_count; s++) {
        for (uint16_t e = find_over(p, plan, s); e != FLEET_NONE; e = find_over(p, plan, s)) {
            uint8_t *limit = plan_tier_limit(plan, f->idcs[f->entrances[e].idc].region, s);
            *limit = tier_below(&f->services[s], *limit);
        }
    }
}
