/* guard.c: evaluates each guard on a proposed plan and removes what it forbids. */
#include "core/guard.h"

#include "base/bug.h"
#include "core/announce.h"
#include "core/orders.h"
#include "core/rollout.h"

#include <string.h>

struct check_run {
    const struct outlook *o;
    enum decide_purpose purpose;
    struct load *load;
    struct plan *to;
    struct guard_log *log;
};

static void tell(struct check_run *g, enum guard guard, bool passed, struct subject subject)
{
    struct guard_log *log = g->log;
    for (uint32_t i = 0; i < log->count; i++) {
        if (log->at[i].guard == guard && subject_equal(&log->at[i].subject, &subject)) {
            return;
        }
    }
    /* The last places are kept for the results of the other guards; the rest is counted as one. */
    if (log->count + (passed ? 0 : GUARD_LAST) < RECORD_MAX_GUARDS) {
        log->at[log->count++] =
            (struct guard_result){.guard = guard, .passed = passed, .subject = subject};
    }
}

static bool stopped(const struct guard_log *log, enum guard guard)
{
    for (uint32_t i = 0; i < log->count; i++) {
        if (log->at[i].guard == guard && !log->at[i].passed) {
            return true;
        }
    }
    return false;
}

static struct subject place_of(const struct fleet *f, uint16_t e)
{
    return (struct subject){SUBJECT_SERVICE, f->entrances[e].service, f->entrances[e].idc};
}

static bool at_path(const struct fleet *f, const bool *set, uint16_t e, uint16_t carrier)
{
    return e != FLEET_NONE && set[path_index(f, e, carrier)];
}

static bool is_rescue(enum decide_purpose p)
{
    return p == DECIDE_RESCUE;
}

/* Why the slot may not move from one entrance to the other; 0: it may. */
static unsigned forbids_move(const struct check_run *g, uint16_t s, uint16_t v, uint16_t from,
                             uint16_t to)
{
    const struct outlook *o = g->o;
    uint16_t c = o->f->views[v].carrier;
    bool reverts = g->purpose == DECIDE_REVERT; /* a person named the decision, and so its moves */
    bool named = reverts || (g->purpose == DECIDE_SHIFT && at_path(o->f, o->drained, from, c));
    if (o->f->services[s].stateful && !named && !BUG(STATEFUL)) {
        return GUARD_STATEFUL;
    }
    if (at_path(o->f, o->pinned, from, c) || at_path(o->f, o->pinned, to, c) ||
        (reverts && at_path(o->f, o->drained, to, c))) {
        return GUARD_PIN;
    }
    if (to == FLEET_NONE) {
        return BUG(NEVER_LAST) ? 0 : GUARD_NEVER_LAST;
    }
    if (is_rescue(g->purpose) && (from == FLEET_NONE || !o->dead[path_index(o->f, from, c)])) {
        return GUARD_QUORUM; /* a rescue takes only from what is concluded dead */
    }
    if (is_rescue(g->purpose) &&
        logtime_diff_us(o->now, o->c->epoch_began) < o->f->policy.cold_start_us) {
        return GUARD_COLD_START;
    }
    /* Still out, not approved, or not held for long enough; an undo asks for what is seen only. */
    const bool *ready = reverts ? o->good : o->settled;
    return is_rescue(g->purpose) || at_path(o->f, ready, to, c) ? 0 : GUARD_RESTORE;
}

/* Entrances that gained slots, summed: what really moves. */
static uint32_t slots_moved(const struct answer *from, const struct answer *to)
{
    uint32_t moved = 0;
    for (uint8_t i = 0; i < to->count; i++) {
        bool kept = false;
        for (uint8_t j = 0; j < from->count; j++) {
            kept = kept || (from->slots[j].entrance == to->slots[i].entrance &&
                            from->slots[j].address == to->slots[i].address);
        }
        moved += kept ? 0 : 1;
    }
    return moved;
}

static bool answer_empty(const struct answer *a)
{
    return answer_slots_of(a, FLEET_NONE) == a->count && !BUG(NEVER_LAST);
}

/* Checks one changed answer; a forbidden one stays as it is. */
static void check_answer(struct check_run *g, uint16_t s, uint16_t v)
{
    const struct answer *from = plan_answer(&g->o->c->plan, s, v);
    struct answer *to = plan_answer(g->to, s, v);
    unsigned forbidden = 0;
    uint16_t about = FLEET_NONE;
    for (uint8_t i = 0; i < to->count && i < from->count && forbidden == 0; i++) {
        if (from->slots[i].entrance != to->slots[i].entrance && slots_moved(from, to) > 0) {
            forbidden = forbids_move(g, s, v, from->slots[i].entrance, to->slots[i].entrance);
            about = from->slots[i].entrance != FLEET_NONE ? from->slots[i].entrance
                                                          : to->slots[i].entrance;
        }
    }
    if (forbidden == 0 && !answer_empty(from) && (answer_empty(to) || to->count != from->count)) {
        forbidden = GUARD_NEVER_LAST;
    }
    if (forbidden == 0 && (g->purpose == DECIDE_RESTORE || g->purpose == DECIDE_SHIFT) &&
        slots_moved(from, to) > rollout_budget(g->o->f, to->count)) {
        forbidden = GUARD_RESTORE;
    }
    if (forbidden != 0) {
        *to = *from;
        struct subject none = {0};
        tell(g, (enum guard)forbidden, false,
             about != FLEET_NONE ? place_of(g->o->f, about) : none);
    }
}

/* What stays on a dead or drained entrance, and why: nothing else is usable, its service is
 * stateful, a person pinned it. */
static void tell_what_stays(struct check_run *g, uint16_t s, uint16_t v)
{
    const struct fleet *f = g->o->f;
    const struct answer *a = plan_answer(g->to, s, v);
    if (g->o->carrier_out[f->views[v].carrier] && !answer_empty(a)) {
        tell(g, GUARD_LAST_IDC, false, (struct subject){SUBJECT_CARRIER, f->views[v].carrier, 0});
    }
    for (uint8_t i = 0; i < a->count; i++) {
        uint16_t e = a->slots[i].entrance;
        size_t path = e == FLEET_NONE ? 0 : path_index(f, e, f->views[v].carrier);
        if (e != FLEET_NONE && g->o->stays[path] != 0) {
            tell(g, (enum guard)g->o->stays[path], false, place_of(f, e));
        }
        if (e == FLEET_NONE || !g->o->out[path]) {
            continue;
        }
        uint16_t c = f->views[v].carrier;
        uint16_t x = f->entrances[e].idc;
        bool budget = g->o->over_budget[(size_t)c * f->idc_count + x] || g->o->over_stranded[x];
        if (f->services[s].stateful) {
            tell(g, GUARD_STATEFUL, false, place_of(f, e));
        } else if (budget) {
            tell(g, GUARD_DRAIN_BUDGET, false,
                 (struct subject){SUBJECT_IDC, f->entrances[e].idc, 0});
        } else if (g->o->dead[path] && !stopped(g->log, GUARD_PIN) &&
                   !stopped(g->log, GUARD_COLD_START)) {
            tell(g, GUARD_LAST_IDC, false, place_of(f, e));
        }
    }
}

/* Tier 0 is core and has no limit below it; a limit outside the known tiers is a planner's mistake.
 * What a person demoted does not come back. */
static void check_tiers(struct check_run *g)
{
    for (uint16_t r = 0; r < g->o->f->region_count; r++) {
        for (uint16_t s = 0; s < g->o->f->service_count; s++) {
            uint8_t *limit = plan_tier_limit(g->to, r, s);
            uint8_t now = *plan_tier_limit(&g->o->c->plan, r, s);
            bool unknown = *limit > service_top_tier(&g->o->f->services[s]);
            bool demoted = *limit > now && *limit > orders_tier_cap(g->o->c, r, s);
            if (unknown || demoted) {
                *limit = now;
                tell(g, unknown ? GUARD_CORE : GUARD_PIN, false,
                     (struct subject){SUBJECT_FEATURES, r, s});
            }
        }
    }
}

static struct subject subject_of(const struct check_run *g, const struct change *place)
{
    const struct fleet *f = g->o->f;
    switch (place->kind) {
    case CHANGE_ANSWER: {
        const struct answer *a = plan_answer(&g->o->c->plan, place->a, place->b);
        uint16_t e = a->count > 0 ? a->slots[0].entrance : FLEET_NONE;
        return e != FLEET_NONE ? place_of(f, e) : (struct subject){0};
    }
    case CHANGE_HOPS: return (struct subject){SUBJECT_IDC, place->a, 0};
    case CHANGE_RELEASED: return (struct subject){SUBJECT_LINK, place->a, 0};
    case CHANGE_TIER: return (struct subject){SUBJECT_FEATURES, place->a, place->b};
    case CHANGE_ANNOUNCE: return (struct subject){SUBJECT_SERVICE, place->a, place->b};
    }
    return (struct subject){0};
}

/* What a person undid stays undone, but for what the capacity guard, which comes later, sheds; an
 * undo itself leads no route over what does not carry. */
static void check_kept(struct check_run *g)
{
    for (uint32_t i = 0; i < g->o->c->fixed_count && g->purpose != DECIDE_REVERT; i++) {
        if (orders_keep(g->o, i, g->to)) {
            tell(g, GUARD_PIN, false, subject_of(g, &g->o->c->fixed[i].change));
        }
    }
    uint32_t pairs = (uint32_t)g->to->idc_count * g->to->idc_count;
    for (uint32_t i = 0; i < pairs && g->purpose == DECIDE_REVERT; i++) {
        struct hops *to = &g->to->hops[i];
        const struct hops *now = &g->o->c->plan.hops[i];
        bool leads = to->count > 0 && (now->count == 0 || to->links[0] != now->links[0]);
        if (leads && g->o->link_out[to->links[0]]) {
            tell(g, GUARD_RESTORE, false, (struct subject){SUBJECT_LINK, to->links[0], 0});
            *to = *now;
        }
    }
}

/* The first entrance that is over capacity while its region has a tier left to shed, or FLEET_NONE.
 */
static uint16_t over_capacity(const struct check_run *g, uint16_t s)
{
    const struct fleet *f = g->o->f;
    load_compute(f, g->to, s, g->load);
    for (uint16_t e = 0; e < f->entrance_count; e++) {
        if (f->entrances[e].service != s || entrance_out(g->o, e)) {
            continue;
        }
        uint8_t limit = *plan_tier_limit(g->to, f->idcs[f->entrances[e].idc].region, s);
        bool promotes = g->purpose == DECIDE_PROMOTE && BUG(OSCILLATION);
        if (!load_fits(f, g->load, e, 0, 0) && tier_below(&f->services[s], limit) < limit &&
            !promotes) {
            return e;
        }
    }
    return FLEET_NONE;
}

/* Checks the announcements of one kind, 1 or 0; a forbidden change stays undone. */
static void check_announced(struct check_run *g, uint16_t s, uint8_t kind)
{
    for (uint16_t x = 0; x < g->o->f->idc_count; x++) {
        unsigned forbidden = *plan_announced(g->to, s, x) == kind
                                 ? announce_forbids(g->o, g->purpose, g->to, s, x)
                                 : 0;
        if (forbidden != 0) {
            *plan_announced(g->to, s, x) = *plan_announced(&g->o->c->plan, s, x);
            tell(g, (enum guard)forbidden, false, (struct subject){SUBJECT_SERVICE, s, x});
        }
    }
}

/* Who withdraws relies on who announces, so these come first; and after what an undo keeps. */
static void check_announcements(struct check_run *g)
{
    for (uint16_t s = 0; s < g->o->f->service_count; s++) {
        if (g->o->f->services[s].anycast_count > 0) {
            check_announced(g, s, 1);
            check_announced(g, s, 0);
        }
    }
}

static void tell_who_announces(struct check_run *g)
{
    for (uint16_t s = 0; s < g->o->f->service_count; s++) {
        for (uint16_t x = 0; g->o->f->services[s].anycast_count > 0 && x < g->o->f->idc_count;
             x++) {
            unsigned guard = announce_stays(g->o, g->to, s, x);
            if (guard != 0) {
                tell(g, (enum guard)guard, false, (struct subject){SUBJECT_SERVICE, s, x});
            }
        }
    }
}

/* Everything that the proposal wanted for the service stays as it is. */
static void drop_service(struct check_run *g, uint16_t s)
{
    for (uint16_t v = 0; v < g->o->f->view_count; v++) {
        *plan_answer(g->to, s, v) = *plan_answer(&g->o->c->plan, s, v);
    }
    for (uint16_t r = 0; r < g->o->f->region_count; r++) {
        *plan_tier_limit(g->to, r, s) = *plan_tier_limit(&g->o->c->plan, r, s);
    }
    for (uint16_t x = 0; x < g->o->f->idc_count; x++) {
        *plan_announced(g->to, s, x) = *plan_announced(&g->o->c->plan, s, x);
    }
}

/* An entrance that the proposal loads beyond its capacity and more than now, or FLEET_NONE. */
static uint16_t loads_more(const struct check_run *g, uint16_t s)
{
    const struct fleet *f = g->o->f;
    for (uint16_t e = 0; e < f->entrance_count; e++) {
        if (f->entrances[e].service != s) {
            continue;
        }
        load_compute(f, g->to, s, g->load);
        bool over = !load_fits(f, g->load, e, 0, 0);
        uint64_t then_ppm = load_use_ppm(f, g->load, e, 0);
        load_compute(f, &g->o->c->plan, s, g->load);
        if (over && then_ppm > load_use_ppm(f, g->load, e, 0)) {
            return e;
        }
    }
    return FLEET_NONE;
}

static void check_capacity(struct check_run *g, uint16_t s)
{
    const struct fleet *f = g->o->f;
    uint16_t more = g->purpose == DECIDE_REVERT ? loads_more(g, s) : FLEET_NONE;
    if (more != FLEET_NONE) {
        tell(g, GUARD_CAPACITY, false, place_of(f, more));
        drop_service(g, s);
        return;
    }
    for (uint16_t e = over_capacity(g, s); e != FLEET_NONE; e = over_capacity(g, s)) {
        tell(g, GUARD_CAPACITY, false, place_of(f, e));
        if (!is_rescue(g->purpose) && g->purpose != DECIDE_SHED) {
            drop_service(g, s);
            return;
        }
        uint8_t *limit = plan_tier_limit(g->to, f->idcs[f->entrances[e].idc].region, s);
        *limit = tier_below(&f->services[s], *limit);
    }
}

/* The guard had stopped nothing so far, and now it did. */
static void untell_passed(struct guard_log *log, enum guard guard)
{
    uint32_t kept = 0;
    for (uint32_t i = 0; i < log->count; i++) {
        if (log->at[i].guard != guard || !log->at[i].passed) {
            log->at[kept++] = log->at[i];
        }
    }
    log->count = kept;
}

void guard_full(const struct outlook *o, const struct plan *to, const bool *full,
                struct guard_log *log)
{
    enum { MOST = 8 }; /* the first few tell the story; the rest of the room is for the guards */
    struct check_run g = {.o = o, .log = log};
    uint32_t told = 0;
    for (uint32_t i = 0; i < (uint32_t)o->f->service_count * o->f->view_count; i++) {
        uint16_t c = o->f->views[i % o->f->view_count].carrier;
        bool moved = slots_moved(&o->c->plan.answers[i], &to->answers[i]) > 0;
        for (uint16_t e = 0; e < o->f->entrance_count && moved && told < MOST; e++) {
            if (o->f->entrances[e].service == i / o->f->view_count &&
                full[path_index(o->f, e, c)]) {
                untell_passed(log, GUARD_CAPACITY);
                tell(&g, GUARD_CAPACITY, false, (struct subject){SUBJECT_PATH, e, c});
                told++;
            }
        }
    }
}

/* Two steps of a restore keep their interval, whoever proposed the second. */
static void check_interval(struct check_run *g)
{
    bool step =
        g->purpose == DECIDE_SHIFT || g->purpose == DECIDE_RESTORE || g->purpose == DECIDE_PROMOTE;
    if (!step || rollout_wait_us(g->o) <= 0) {
        return;
    }
    for (uint16_t s = 0; s < g->o->f->service_count; s++) {
        drop_service(g, s);
    }
    tell(g, GUARD_RESTORE, false, (struct subject){0});
}

void guard_check(const struct outlook *o, enum decide_purpose purpose, struct load *load,
                 struct plan *to, struct guard_log *log)
{
    struct check_run g = {o, purpose, load, to, log};
    const struct fleet *f = o->f;
    for (uint16_t s = 0; s < f->service_count; s++) {
        for (uint16_t v = 0; v < f->view_count; v++) {
            check_answer(&g, s, v);
        }
    }
    check_tiers(&g);
    check_kept(&g);
    check_announcements(&g);
    check_interval(&g);
    bool moves = purpose != DECIDE_NOTE && purpose != DECIDE_ROUTES;
    for (uint16_t s = 0; moves && s < f->service_count; s++) {
        check_capacity(&g, s);
    }
    for (uint16_t s = 0; s < f->service_count; s++) {
        for (uint16_t v = 0; v < f->view_count; v++) {
            tell_what_stays(&g, s, v);
        }
    }
    tell_who_announces(&g);
    for (unsigned guard = GUARD_NEVER_LAST; guard <= GUARD_LAST; guard++) {
        if (!stopped(log, (enum guard)guard)) {
            tell(&g, (enum guard)guard, true, (struct subject){0});
        }
    }
}

void guard_frozen(struct guard_log *log)
{
    log->count = 0;
    struct check_run g = {.log = log};
    tell(&g, GUARD_FREEZE, false, (struct subject){0});
}

void guard_overloads(const struct outlook *o, const struct plan *p, bool core_only,
                     struct load *load, bool *over)
{
    const struct fleet *f = o->f;
    for (uint16_t s = 0; s < f->service_count; s++) {
        load_compute(f, p, s, load);
        for (uint16_t e = 0; e < f->entrance_count; e++) {
            uint8_t limit = *plan_tier_limit(p, f->idcs[f->entrances[e].idc].region, s);
            bool counts = !core_only || tier_below(&f->services[s], limit) == limit;
            if (f->entrances[e].service == s && !entrance_out(o, e) && counts &&
                !load_fits(f, load, e, 0, 0)) {
                over[(size_t)s * f->idc_count + f->entrances[e].idc] = true;
            }
        }
    }
}
