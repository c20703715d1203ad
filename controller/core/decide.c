/* decide.c: composes incidents, planner, rollout and guards into the next decision. */
#include "core/decide.h"

#include "base/bug.h"
#include "core/announce.h"
#include "core/demand.h"
#include "core/drill.h"
#include "core/guard.h"
#include "core/incidents.h"
#include "core/nexthop.h"
#include "core/orders.h"
#include "core/overload.h"
#include "core/planner.h"
#include "core/rollout.h"
#include "core/witness.h"
#include "fold/fold.h"

#include <string.h>

/* Everything that one call works with. */
struct work {
    struct outlook o;
    struct casebook cases;
    struct planner planner;
    struct plan to; /* the proposal */
    struct arena *arena;
    struct overload overload;
    struct guard_log guards;
    enum decide_purpose purpose; /* 0 while nothing is proposed */
    uint32_t order;              /* whose word it follows; 0: nobody's */
    uint64_t concerns;
    struct drill_move drill;
    struct demand_room demand;
    uint32_t demand_count;
    int64_t next_us;
};

static uint32_t verdict_bound(const struct fleet *f)
{
    uint64_t n = (uint64_t)f->link_count + f->conduit_count + (uint64_t)3 * f->idc_count +
                 (uint64_t)(f->service_count + f->carrier_count) * f->idc_count + f->carrier_count +
                 path_count(f);
    return n < RECORD_MAX_VERDICTS ? (uint32_t)n : RECORD_MAX_VERDICTS;
}

size_t decide_arena_size(const struct fleet *f)
{
    size_t result =
        sizeof(struct evidence_ref) * f->idc_count + sizeof(struct verdict) * verdict_bound(f) +
        sizeof(struct guard_result) * RECORD_MAX_GUARDS + sizeof(struct incident) * INCIDENT_MAX +
        sizeof(struct change) * record_max_changes(f);
    size_t home = 2 * path_count(f) + f->link_count; /* all usable, none dead, none out */
    return outlook_arena_size(f) + 2 * plan_arena_size(f) + 3 * planner_arena_size(f) +
           2 * nexthop_arena_size(f) + drill_headroom_arena_size(f) + demand_arena_size(f) +
           overload_arena_size(f) + result + home + (size_t)16 * 10;
}

/* The plan with nothing known down, without hops: every entrance may receive. */
static int plan_home(const struct fleet *f, struct arena *a, struct plan *ret_plan)
{
    size_t paths = path_count(f);
    bool *none = ARENA_NEW(a, bool, paths), *all = ARENA_NEW(a, bool, paths);
    struct planner p;
    struct plan plan;
    if (none == NULL || all == NULL) {
        return ERR_FULL;
    }
    memset(all, true, paths);
    int status = planner_new(f, NULL, none, all, a, &p);
    status = status == OK ? plan_new(f, a, &plan) : status;
    if (status != OK) {
        return status;
    }
    planner_home(&p, &plan);
    *ret_plan = plan;
    return OK;
}

int plan_initial(const struct fleet *f, struct arena *a, struct plan *ret_plan)
{
    struct plan plan;
    bool *out = ARENA_NEW(a, bool, f->link_count);
    int status = out == NULL ? ERR_FULL : plan_home(f, a, &plan);
    status = status == OK ? nexthop_plan(f, out, out, a, &plan) : status;
    if (status != OK) {
        return status;
    }
    plan.fence.generation = 1;
    plan.fence.digest = plan_digest(&plan);
    *ret_plan = plan;
    return OK;
}

size_t plan_following_arena_size(const struct control *c, const struct fleet *next)
{
    return decide_arena_size(next) + plan_arena_size(next) + fleet_carry_arena_size(c->fleet);
}

int plan_following(const struct control *c, const struct fleet *next, struct arena *a,
                   struct plan *ret_plan)
{
    struct plan plan;
    int status = plan_initial(next, a, &plan);
    status = status == OK ? fleet_carry_over(c, next, a, &plan) : status;
    if (status != OK) {
        return status;
    }
    plan.fence.digest = plan_digest(&plan);
    *ret_plan = plan;
    return OK;
}

static int begin(struct work *w, const struct control *c, const struct diagnosis *d,
                 struct logtime now, struct arena *a)
{
    const struct fleet *f = c->fleet;
    memset(w, 0, sizeof *w);
    w->arena = a;
    w->next_us = d->next_us;
    int status = outlook_new(c, d, now, a, &w->o);
    status = status == OK ? plan_new(f, a, &w->to) : status;
    status =
        status == OK ? planner_new(f, c->demand, w->o.dead, w->o.usable, a, &w->planner) : status;
    status = status == OK ? demand_new(f, a, &w->demand) : status;
    status = status == OK ? overload_new(f, a, &w->overload) : status;
    w->guards.at = ARENA_NEW(a, struct guard_result, RECORD_MAX_GUARDS);
    return status == OK && w->guards.at == NULL ? ERR_FULL : status;
}

static bool answer_differs(const struct answer *a, const struct answer *b)
{
    bool differ = a->count != b->count;
    for (uint8_t i = 0; i < a->count && !differ; i++) {
        differ = a->slots[i].entrance != b->slots[i].entrance ||
                 a->slots[i].address != b->slots[i].address;
    }
    return differ;
}

static bool hops_differ(const struct hops *a, const struct hops *b)
{
    return a->count != b->count || memcmp(a->links, b->links, a->count * sizeof a->links[0]) != 0;
}

/* Answers, tier limits and announcements that are not the same in both plans. */
static uint32_t count_moves(const struct plan *a, const struct plan *b)
{
    uint32_t n = 0;
    for (size_t i = 0; i < (size_t)a->service_count * a->view_count; i++) {
        n += answer_differs(&a->answers[i], &b->answers[i]) ? 1 : 0;
    }
    for (size_t i = 0; i < (size_t)a->region_count * a->service_count; i++) {
        n += a->tier_limits[i] != b->tier_limits[i] ? 1 : 0;
    }
    return n + announce_moves(a, b);
}

/* Next hops and releases that are not the same in both plans. */
static uint32_t count_routes(const struct plan *a, const struct plan *b)
{
    uint32_t n = 0;
    for (size_t i = 0; i < (size_t)a->idc_count * a->idc_count; i++) {
        n += hops_differ(&a->hops[i], &b->hops[i]) ? 1 : 0;
    }
    for (size_t i = 0; i < (size_t)a->link_count * 2; i++) {
        n += a->released[i] != b->released[i] ? 1 : 0;
    }
    return n;
}

/* Next hops over the links that carry, and releases of those that have held long enough. */
static int propose_routes(struct work *w)
{
    const struct control *c = w->o.c;
    if (!w->o.routes_open) {
        return OK;
    }
    for (uint16_t l = 0; l < w->o.f->link_count; l++) {
        for (uint8_t end = 0; end < 2 && w->o.release[l]; end++) {
            *plan_released(&w->to, l, end) = c->link_downs[(uint32_t)l * 2 + end];
        }
    }
    return nexthop_plan(w->o.f, w->o.link_out, w->o.link_gray, w->arena, &w->to);
}

/* A record holds so many changes: hops that do not fit come with the next decision. */
static void bound_hops(struct work *w)
{
    const struct plan *from = &w->o.c->plan;
    uint32_t room = record_max_changes(w->o.f);
    uint64_t others =
        (uint64_t)from->service_count * from->view_count + (uint64_t)2 * from->link_count +
        (uint64_t)from->region_count * from->service_count + fleet_announce_bound(w->o.f);
    room = others < room ? room - (uint32_t)others : 0;
    for (size_t i = 0; i < (size_t)from->idc_count * from->idc_count; i++) {
        const struct hops *a = &from->hops[i];
        struct hops *b = &w->to.hops[i];
        if (!hops_differ(a, b)) {
            continue;
        }
        if (room == 0) {
            *b = *a;
        } else {
            room--;
        }
    }
}

/* Away from what is dead: answers, tiers, announcements, hops and releases in one generation. */
static int propose_rescue(struct work *w)
{
    const struct plan *from = &w->o.c->plan;
    plan_copy(&w->to, from);
    planner_rescue(&w->planner, &w->to);
    announce_rescue(&w->o, &w->to);
    int status = propose_routes(w);
    if (status != OK) {
        return status;
    }
    bool moves = count_moves(from, &w->to) > 0;
    guard_check(&w->o, moves ? DECIDE_RESCUE : DECIDE_ROUTES, &w->planner.load, &w->to, &w->guards);
    bound_hops(w);
    if (count_moves(from, &w->to) > 0) {
        cases_drained(&w->cases, &w->o, &w->to);
        guard_full(&w->o, &w->to, w->planner.full, &w->guards);
        w->purpose = DECIDE_RESCUE;
    } else if (count_routes(from, &w->to) > 0) {
        w->purpose = DECIDE_ROUTES;
    }
    return OK;
}

/* A service says that it is full, or the plan in force asks for more than there is: the capacity
 * guard sheds what has to go. */
static void propose_shed(struct work *w)
{
    plan_copy(&w->to, &w->o.c->plan);
    overload_shed(&w->o, &w->to, &w->next_us);
    w->guards.count = 0;
    guard_check(&w->o, DECIDE_SHED, &w->planner.load, &w->to, &w->guards);
    w->purpose = count_moves(&w->o.c->plan, &w->to) > 0 ? DECIDE_SHED : 0;
}

/* A person takes a decision back: what the guards let pass of it, one order at a time. */
static void propose_undo(struct work *w)
{
    plan_copy(&w->to, &w->o.c->plan);
    for (uint32_t order = orders_undo(&w->o, 0, &w->to); order != 0 && w->purpose == 0;
         order = orders_undo(&w->o, order, &w->to)) {
        w->guards.count = 0;
        guard_check(&w->o, DECIDE_REVERT, &w->planner.load, &w->to, &w->guards);
        if (count_moves(&w->o.c->plan, &w->to) + count_routes(&w->o.c->plan, &w->to) > 0) {
            w->purpose = DECIDE_REVERT;
            w->order = order;
            w->concerns = control_order(w->o.c, order)->decision;
            return;
        }
    }
}

static bool any_recovering(const struct casebook *cases)
{
    bool any = false;
    for (uint32_t i = 0; i < cases->count; i++) {
        any = any || case_recovering(&cases->at[i]);
    }
    return any;
}

/* Home as people's words leave it, with what is still out rescued away from it. */
static int make_target(struct work *w, struct planner *p, struct plan *ret_target,
                       struct rollout_way *ret_way)
{
    const struct fleet *f = w->o.f;
    size_t paths = path_count(f);
    bool *not_out = ARENA_NEW(w->arena, bool, paths);
    int status = not_out == NULL ? ERR_FULL : plan_home(f, w->arena, ret_target);
    status = status == OK ? planner_new(f, w->o.c->demand, w->o.out, not_out, w->arena, p) : status;
    if (status != OK) {
        return status;
    }
    bool whole = true;
    for (size_t n = 0; n < paths; n++) {
        not_out[n] = !w->o.out[n];
        whole = whole && not_out[n];
    }
    p->named = w->o.drained;
    orders_target(&w->o, ret_target);
    planner_rescue(p, ret_target);
    planner_shed(p, ret_target);
    announce_target(&w->o, ret_target);
    orders_target_end(&w->o, ret_target);
    *ret_way = (struct rollout_way){.target = ret_target, .whole = whole, .load = &p->load};
    return OK;
}

/* Services whose drains would overload others with core alone: the newest is not carried out, or
 * none at all. */
static bool refuse_drains(struct work *w, struct planner *p, const struct plan *target, bool all)
{
    bool any = false;
    for (uint16_t s = 0; s < w->o.f->service_count; s++) {
        if (orders_overload(&w->o, target, s, &p->load)) {
            any = orders_refuse(&w->o, s, all) || any;
        }
    }
    if (any) {
        outlook_fill(&w->o, &w->cases);
    }
    return any;
}

/* The target without the drains that others lack the capacity for. A target costs much: after a
 * few tries no drain of such a service counts. */
static int make_feasible_target(struct work *w, struct planner *p, struct plan *ret_target,
                                struct rollout_way *ret_way)
{
    enum { TRIES = 3 };
    const struct arena before = *w->arena;
    int status = make_target(w, p, ret_target, ret_way);
    for (int i = 1; status == OK && refuse_drains(w, p, ret_target, i >= TRIES); i++) {
        *w->arena = before;
        status = make_target(w, p, ret_target, ret_way);
    }
    return status;
}

/* Recovered incidents, and orders that have ended, close when their way home is done and
 * acknowledged. */
static void close_recovered(struct work *w)
{
    const struct control *c = w->o.c;
    for (uint32_t i = 0; i < w->cases.count && plan_acknowledged(&w->o); i++) {
        struct incident *at = &w->cases.at[i];
        if (case_recovering(at) && i < c->incident_count &&
            c->incidents[i].state == INCIDENT_RECOVERING) {
            at->state = INCIDENT_CLOSED;
            at->changed = w->o.now;
        }
    }
    w->order = plan_acknowledged(&w->o) ? orders_ended(&w->o) : 0;
}

/* Somebody looks dead and is not concluded yet. The way home waits for that: what it would load may
 * be needed in a moment, and its target may be what is dying. */
static bool death_pending(const struct outlook *o)
{
    bool pending = false;
    for (uint16_t x = 0; x < o->f->idc_count; x++) {
        pending = pending || o->d->idcs[x].rule == RULE_NOT_CONFIRMED_YET;
    }
    for (size_t i = 0; i < (size_t)o->f->service_count * o->f->idc_count; i++) {
        pending = pending || o->d->services[i].rule == RULE_NOT_CONFIRMED_YET;
    }
    for (size_t i = 0; i < (size_t)o->f->carrier_count * o->f->idc_count; i++) {
        pending = pending || o->d->fronts[i].rule == RULE_NOT_CONFIRMED_YET;
    }
    for (size_t i = 0; i < path_count(o->f); i++) {
        pending = pending || o->d->paths[i].rule == RULE_NOT_CONFIRMED_YET;
    }
    return pending;
}

/* The demand fell, and a tier may come back where nothing else is on its way home. */
static bool any_relief(struct work *w)
{
    if (!overload_shed_any(&w->o)) {
        return false;
    }
    plan_copy(&w->to, &w->o.c->plan);
    return rollout_promote(&w->o, NULL, rollout_whole(&w->o), &w->planner.load, &w->to);
}

/* What the way home begins with, or, for relief alone, a tier. */
static enum rollout next_step(struct work *w, const struct rollout_way *way, bool relief)
{
    plan_copy(&w->to, &w->o.c->plan);
    if (!relief) {
        return rollout_step(&w->o, way, &w->planner.load, &w->to);
    }
    bool any = rollout_promote(&w->o, way->target, way->whole, &w->planner.load, &w->to);
    return any ? ROLLOUT_PROMOTE : ROLLOUT_WAITS;
}

static int propose_return(struct work *w)
{
    struct planner planner;
    struct plan target;
    struct rollout_way way;
    int64_t wait_us = rollout_wait_us(&w->o);
    bool home = any_recovering(&w->cases) || orders_due(&w->o) || announce_due(&w->o);
    if (death_pending(&w->o) || (!home && !any_relief(w))) {
        return OK; /* d->next_us is when a confirmation completes */
    }
    if (wait_us > 0) {
        w->next_us = wait_us < w->next_us ? wait_us : w->next_us;
        return OK;
    }
    int status = make_feasible_target(w, &planner, &target, &way);
    if (status != OK) {
        return status;
    }
    static const enum decide_purpose purposes[] = {[ROLLOUT_SHED] = DECIDE_SHED,
                                                   [ROLLOUT_SHIFT] = DECIDE_SHIFT,
                                                   [ROLLOUT_RESTORE] = DECIDE_RESTORE,
                                                   [ROLLOUT_PROMOTE] = DECIDE_PROMOTE};
    enum rollout next = next_step(w, &way, !home);
    switch (next) {
    case ROLLOUT_DONE: close_recovered(w); break;
    case ROLLOUT_WAITS: break; /* a report or a STEP will tell */
    case ROLLOUT_SHED:
    case ROLLOUT_SHIFT:
    case ROLLOUT_RESTORE:
    case ROLLOUT_PROMOTE:
        w->guards.count = 0;
        w->order = next == ROLLOUT_SHED || next == ROLLOUT_SHIFT ? orders_newest(&w->o) : 0;
        guard_check(&w->o, purposes[next], &w->planner.load, &w->to, &w->guards);
        w->purpose = count_moves(&w->o.c->plan, &w->to) > 0 ? purposes[next] : 0;
        w->order = w->purpose != 0 ? w->order : 0;
        return OK;
    }
    plan_copy(&w->to, &w->o.c->plan);
    w->guards.count = 0; /* what was refused above is told now */
    guard_check(&w->o, DECIDE_NOTE, &w->planner.load, &w->to, &w->guards);
    return OK;
}

static void note_overload(struct work *w)
{
    bool moves = w->purpose != 0;
    if (!moves && overload_open(&w->o)) {
        plan_copy(&w->to, &w->o.c->plan);
    }
    overload_look(&w->o, moves ? &w->to : NULL, &w->planner.load, &w->overload);
    cases_overload(&w->cases, &w->o, &w->overload, &w->to, moves, &w->planner.load);
}

static void cite_evidence(const struct control *c, const struct evidence *evidence,
                          struct decide *d)
{
    for (uint16_t o = 0; o < c->fleet->idc_count; o++) {
        const struct evidence *e = &evidence[o];
        if (e->report != NULL && e->conclusive && e->age_us <= c->fleet->policy.report_stale_us) {
            d->evidence[d->evidence_count++] =
                (struct evidence_ref){c->fleet->idcs[o].partition, e->offset, e->age_us};
        }
    }
}

/* A verdict worth telling: not plainly up, and not only "nothing is known". */
static bool telling(const struct verdict *v)
{
    bool plain = v->health == HEALTH_UP && v->rule != RULE_HOLD_DOWN;
    return v->subject.kind != 0 && !plain && v->rule != RULE_NO_FRESH_EVIDENCE;
}

static void cite_all(struct decide *d, uint32_t max, const struct verdict *verdicts, size_t count)
{
    for (size_t i = 0; i < count && d->verdict_count < max; i++) {
        if (telling(&verdicts[i])) {
            d->verdicts[d->verdict_count++] = verdicts[i];
        }
    }
}

static bool repeats(const struct verdict *v, const struct verdict *whole)
{
    return v->rule == whole->rule && v->health == whole->health;
}

/* Carriers at IDCs, and entrances over carriers, that say more than their IDC and services do. What
 * nobody can see over a carrier is the carrier's own verdict. */
static void cite_carriers(const struct fleet *f, const struct diagnosis *d, uint32_t max,
                          struct decide *ret)
{
    cite_all(ret, max, d->carriers, f->carrier_count);
    for (size_t i = 0; i < (size_t)f->carrier_count * f->idc_count; i++) {
        const struct verdict *v = &d->fronts[i];
        if (!repeats(v, &d->idcs[i % f->idc_count]) && v->rule != RULE_OBSERVER_SUSPECT &&
            v->rule != RULE_SERVICE_DEAD_INSIDE) {
            cite_all(ret, max, v, 1);
        }
    }
    for (size_t i = 0; i < path_count(f); i++) {
        const struct verdict *v = &d->paths[i];
        const struct entrance *e = &f->entrances[i / f->carrier_count];
        size_t front = i % f->carrier_count * f->idc_count + e->idc;
        size_t place = (size_t)e->service * f->idc_count + e->idc;
        if (!repeats(v, &d->fronts[front]) && !repeats(v, &d->services[place]) &&
            v->rule != RULE_OBSERVER_SUSPECT) {
            cite_all(ret, max, v, 1);
        }
    }
}

/* IDCs first: they explain the most. A part that only repeats the verdict of its whole is left out.
 */
static void cite_verdicts(const struct fleet *f, const struct diagnosis *d, struct decide *ret)
{
    uint32_t max = verdict_bound(f);
    cite_all(ret, max, d->idcs, f->idc_count);
    cite_carriers(f, d, max, ret);
    for (uint16_t g = 0; g < f->conduit_count; g++) {
        cite_all(ret, max, &d->conduits[g], d->conduits[g].health == HEALTH_DOWN ? 1 : 0);
    }
    cite_all(ret, max, d->backbones, f->idc_count);
    cite_all(ret, max, d->observers, f->idc_count);
    cite_all(ret, max, d->links, f->link_count);
    for (size_t i = 0; i < (size_t)f->service_count * f->idc_count; i++) {
        if (!repeats(&d->services[i], &d->idcs[i % f->idc_count])) {
            cite_all(ret, max, &d->services[i], 1);
        }
    }
}

static int allocate_decision(const struct fleet *f, struct arena *a, struct decide *d)
{
    d->evidence = ARENA_NEW(a, struct evidence_ref, f->idc_count);
    d->verdicts = ARENA_NEW(a, struct verdict, verdict_bound(f));
    d->changes = ARENA_NEW(a, struct change, d->change_count);
    bool full = d->evidence == NULL || d->verdicts == NULL || d->changes == NULL;
    return full ? ERR_FULL : OK;
}

static int write_decision(struct work *w, const struct evidence *evidence,
                          struct decide *ret_decide)
{
    const struct control *c = w->o.c;
    struct decide d;
    memset(&d, 0, sizeof d);
    d.incidents = ARENA_NEW(w->arena, struct incident, INCIDENT_MAX);
    if (d.incidents == NULL) {
        return ERR_FULL;
    }
    d.incident_count = cases_changed(&w->cases, c, d.incidents);
    d.change_count = count_moves(&c->plan, &w->to) + count_routes(&c->plan, &w->to);
    d.generation = c->plan.fence.generation;
    d.plan_digest = c->plan.fence.digest;
    d.drill = w->drill;
    bool closes = d.change_count == 0 && w->order != 0;
    d.demand_count = w->demand_count;
    d.demands = w->demand.words;
    if (d.change_count == 0 && d.incident_count == 0 && !closes && d.demand_count == 0 &&
        d.drill.state == DRILL_NEVER) {
        d.guards = w->guards.at; /* why nothing is done, for those who ask */
        d.guard_count = w->guards.count;
        *ret_decide = d;
        return OK;
    }
    int status = allocate_decision(w->o.f, w->arena, &d);
    if (status != OK) {
        return status;
    }
    d.purpose = DECIDE_NOTE;
    if (d.change_count > 0) {
        int changes = plan_diff(&c->plan, &w->to, d.changes, d.change_count);
        if (changes < 0) {
            return changes;
        }
        d.purpose = w->purpose;
        d.generation++;
        d.plan_digest = plan_digest(&w->to);
    }
    d.order = w->order;
    d.concerns = w->concerns;
    d.guards = w->guards.at;
    d.guard_count = w->guards.count;
    cite_evidence(c, evidence, &d);
    if (!BUG(UNEXPLAINED)) {
        cite_verdicts(w->o.f, w->o.d, &d);
    }
    *ret_decide = d;
    return OK;
}

/* The drill under way moves with whatever else is decided. */
static int judge_drill(struct work *w)
{
    const struct drill_run *r = &w->o.c->drill;
    struct drill_view v = {.o = &w->o,
                           .cases = &w->cases,
                           .core_errors_ppm = told_all_errors_ppm(w->o.f, w->o.d->witness->told),
                           .settled = w->purpose == 0};
    if (!drill_under_way(r)) {
        return OK;
    }
    int status = drill_asks_headroom(r) ? drill_headroom(&w->o, r, w->arena, &v.headroom_ppm) : OK;
    if (status == OK) {
        w->drill = drill_next(&v, &w->next_us);
    }
    return status;
}

/* Rescue, then a person's undo, then comfort (law 6). */
static int propose(struct work *w)
{
    int status = propose_rescue(w);
    if (status == OK && w->purpose == 0) {
        propose_undo(w);
    }
    if (status == OK && w->purpose == 0) {
        propose_shed(w);
    }
    if (status == OK && w->purpose == 0) {
        status = propose_return(w);
    }
    return status;
}

/* A frozen plan: incidents go on, and only a person's undo changes it. */
static int propose_frozen(struct work *w)
{
    propose_undo(w);
    if (w->purpose == 0) {
        guard_frozen(&w->guards);
    }
    return OK;
}

int decide(const struct control *c, const struct evidence *evidence, const struct diagnosis *d,
           struct logtime now, struct arena *a, struct decide *ret_decide, int64_t *ret_next_us)
{
    struct work w;
    int status = begin(&w, c, d, now, a);
    if (status != OK) {
        return status;
    }
    cases_begin(&w.cases, c);
    cases_observe(&w.cases, &w.o);
    cases_recover(&w.cases, &w.o);
    outlook_fill(&w.o, &w.cases);
    status = control_frozen(c) ? propose_frozen(&w) : propose(&w);
    if (status == OK && w.purpose == 0) {
        cases_settle(&w.cases, &w.o);
    }
    if (status != OK) {
        return status;
    }
    note_overload(&w);
    status = judge_drill(&w);
    if (status != OK) {
        return status;
    }
    w.demand_count = w.purpose == 0 ? demand_words(&w.o, &w.demand, &w.next_us) : 0;
    status = write_decision(&w, evidence, ret_decide);
    if (status == OK) {
        *ret_next_us = w.next_us;
    }
    return status;
}
