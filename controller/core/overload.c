/* overload.c: overload by the plan and by the services' own word, as a life of incidents. */
#include "core/overload.h"

#include "core/guard.h"
#include "core/incidents_internal.h"
#include "core/orders.h"
#include "core/rollout.h"
#include "core/witness.h"

#include <string.h>

enum { WHOLE_PPM = 1000000 };

static size_t place_count(const struct fleet *f)
{
    return (size_t)f->service_count * f->idc_count;
}

size_t overload_arena_size(const struct fleet *f)
{
    return 2 * place_count(f) + (size_t)2 * 16;
}

int overload_new(const struct fleet *f, struct arena *a, struct overload *ret_v)
{
    struct overload v = {.over = ARENA_NEW(a, bool, place_count(f)),
                         .full = ARENA_NEW(a, bool, place_count(f))};
    if (v.over == NULL || v.full == NULL) {
        return ERR_FULL;
    }
    *ret_v = v;
    return OK;
}

/* --- What is seen -------------------------------------------------------------------------------
 */

static const struct told *told_at(const struct outlook *o, uint16_t s, uint16_t x)
{
    return &o->d->witness->told[(size_t)s * o->f->idc_count + x];
}

static bool is_full(const struct outlook *o, uint16_t s, uint16_t x)
{
    const struct told *t = told_at(o, s, x);
    uint32_t limit_ppm = o->f->policy.saturation_limit_ppm;
    return t->known && limit_ppm > 0 && t->sample.saturation_ppm >= limit_ppm;
}

void overload_look(const struct outlook *o, const struct plan *to, struct load *load,
                   struct overload *v)
{
    memset(v->over, 0, place_count(o->f) * sizeof *v->over);
    guard_overloads(o, &o->c->plan, false, load, v->over);
    if (to != NULL) {
        guard_overloads(o, to, true, load, v->over);
    }
    for (uint16_t s = 0; s < o->f->service_count; s++) {
        for (uint16_t x = 0; x < o->f->idc_count; x++) {
            v->full[(size_t)s * o->f->idc_count + x] = is_full(o, s, x);
        }
    }
}

bool overload_calm(const struct outlook *o, uint16_t service)
{
    bool calm = true;
    for (uint16_t v = 0; v < o->f->view_count; v++) {
        calm = calm && demand_in_force(o->f, o->c->demand, service, v) <=
                           fleet_demand_rps(o->f, service, v);
    }
    return calm;
}

/* --- What falls for it --------------------------------------------------------------------------
 */

static const struct incident *overload_of(const struct outlook *o, uint16_t s, uint16_t x)
{
    for (uint32_t i = 0; i < o->c->incident_count; i++) {
        const struct incident *at = &o->c->incidents[i];
        if (at->kind == INCIDENT_OVERLOAD && at->subject.a == s && at->subject.b == x) {
            return at;
        }
    }
    return NULL;
}

/* The incident has stood as it is for long enough that a tier may fall; 0 or less: it may. */
static int64_t fall_wait_us(const struct outlook *o, const struct incident *i)
{
    const struct policy *p = &o->f->policy;
    int64_t since_us = logtime_diff_us(o->now, i->changed);
    return (i->state == INCIDENT_SUSPECTED ? p->confirmation_us : p->step_interval_us) - since_us;
}

/* Something of the service fell in the region that may come back. */
static bool is_shed(const struct outlook *o, uint16_t region, uint16_t s)
{
    uint8_t cap = orders_tier_cap(o->c, region, s), top = service_top_tier(&o->f->services[s]);
    return *plan_tier_limit(&o->c->plan, region, s) < (cap < top ? cap : top);
}

bool overload_shed_any(const struct outlook *o)
{
    bool any = false;
    for (uint16_t r = 0; r < o->f->region_count && !any; r++) {
        for (uint16_t s = 0; s < o->f->service_count && !any; s++) {
            any = is_shed(o, r, s);
        }
    }
    return any;
}

bool overload_open(const struct outlook *o)
{
    bool any = false;
    for (uint32_t i = 0; i < o->c->incident_count; i++) {
        any = any || o->c->incidents[i].kind == INCIDENT_OVERLOAD;
    }
    return any;
}

/* In how long a tier of the service in the region is due to fall for what its places say;
 * INT64_MAX: none is. One that fell for any of them is obeyed and shows first; a confirmed one for
 * which nothing could fall is asked again. */
static int64_t region_wait_us(const struct outlook *o, uint16_t region, uint16_t s)
{
    int64_t due_us = INT64_MAX, shows_us = INT64_MIN;
    bool shed = is_shed(o, region, s);
    for (uint16_t x = 0; x < o->f->idc_count; x++) {
        const struct incident *i = o->f->idcs[x].region == region ? overload_of(o, s, x) : NULL;
        if (i == NULL) {
            continue;
        }
        int64_t wait_us = fall_wait_us(o, i);
        bool shows = shed && case_holds(i);
        if (shows && i->state == INCIDENT_CONFIRMED) {
            return INT64_MAX;
        }
        shows_us = shows && wait_us > shows_us ? wait_us : shows_us;
        bool asks = i->state != INCIDENT_RECOVERING && is_full(o, s, x);
        due_us = asks && wait_us < due_us ? wait_us : due_us;
    }
    return due_us > shows_us ? due_us : shows_us;
}

void overload_shed(const struct outlook *o, struct plan *to, int64_t *ret_next_us)
{
    for (uint16_t r = 0; r < o->f->region_count; r++) {
        for (uint16_t s = 0; s < o->f->service_count && o->c->incident_count > 0; s++) {
            uint8_t *limit = plan_tier_limit(to, r, s);
            uint8_t below = tier_below(&o->f->services[s], *limit);
            int64_t wait_us = below < *limit ? region_wait_us(o, r, s) : INT64_MAX;
            if (wait_us <= 0) {
                *limit = below;
            } else {
                *ret_next_us = wait_us < *ret_next_us ? wait_us : *ret_next_us;
            }
        }
    }
}

/* --- What may come back -------------------------------------------------------------------------
 */

/* How full the place is on paper. */
static uint64_t paper_ppm(const struct outlook *o, const struct plan *p, uint16_t s, uint16_t x,
                          struct load *load)
{
    uint64_t most = 0;
    load_compute(o->f, p, s, load);
    for (uint16_t e = 0; e < o->f->entrance_count; e++) {
        if (o->f->entrances[e].service == s && o->f->entrances[e].idc == x) {
            uint64_t use = load_use_ppm(o->f, load, e, 0);
            most = use > most ? use : most;
        }
    }
    return most;
}

/* With the tiers of *to the place would say no more than the limit less the headroom, or be nearer
 * to what it is on paper than to the limit: a home that is declared nearly full is reached again.
 */
static bool leaves_room(const struct outlook *o, const struct plan *to, uint16_t s, uint16_t x,
                        struct load *load)
{
    const struct policy *p = &o->f->policy;
    const struct service *at = &o->f->services[s];
    const struct told *t = told_at(o, s, x);
    uint16_t region = o->f->idcs[x].region;
    uint64_t now = service_cost_ppm(at, *plan_tier_limit(&o->c->plan, region, s));
    uint64_t then = service_cost_ppm(at, *plan_tier_limit(to, region, s));
    uint64_t most_ppm =
        (uint64_t)p->saturation_limit_ppm * (WHOLE_PPM - p->headroom_ppm) / WHOLE_PPM;
    uint64_t on_paper_ppm = paper_ppm(o, to, s, x, load);
    if (on_paper_ppm < p->saturation_limit_ppm) {
        uint64_t between_ppm = (on_paper_ppm + p->saturation_limit_ppm) / 2;
        most_ppm = between_ppm > most_ppm ? between_ppm : most_ppm;
    }
    /* Without any work of its own there is nothing to go by. */
    return t->known && (now == 0 || t->sample.saturation_ppm * then / now <= most_ppm);
}

bool overload_allows(const struct outlook *o, const struct plan *to, uint16_t region,
                     uint16_t service, struct load *load)
{
    bool allowed = true;
    for (uint16_t x = 0; x < o->f->idc_count && allowed; x++) {
        if (o->f->idcs[x].region != region) {
            continue;
        }
        const struct incident *i = overload_of(o, service, x);
        bool held = i != NULL && i->state == INCIDENT_MITIGATED &&
                    logtime_diff_us(o->now, i->changed) < o->f->policy.idc_hold_down_us;
        bool over = i != NULL && (held || i->state == INCIDENT_CONFIRMED);
        bool said = i != NULL && i->rule == RULE_SATURATED &&
                    o->d->services[(size_t)service * o->f->idc_count + x].health != HEALTH_DOWN;
        allowed =
            !over && !is_full(o, service, x) && (!said || leaves_room(o, to, service, x, load));
    }
    return allowed;
}

/* --- Incidents ----------------------------------------------------------------------------------
 */

/* What is known of one place, and what the decision does to its tiers. */
struct place {
    uint16_t s, x, region;
    bool over, full;
    bool lowered, raised; /* by the proposal */
    bool core_only;       /* nothing is left to fall */
    bool shed;            /* something fell that may come back */
};

static struct place look_at(const struct outlook *o, const struct overload *v,
                            const struct plan *to, bool moves, uint16_t s, uint16_t x)
{
    uint16_t region = o->f->idcs[x].region;
    uint8_t now = *plan_tier_limit(&o->c->plan, region, s);
    uint8_t then = moves ? *plan_tier_limit(to, region, s) : now;
    size_t at = (size_t)s * o->f->idc_count + x;
    return (struct place){.s = s,
                          .x = x,
                          .region = region,
                          .over = v->over[at],
                          .full = v->full[at],
                          .lowered = moves && then < now,
                          .raised = moves && then > now,
                          .core_only = tier_below(&o->f->services[s], now) == now,
                          .shed = is_shed(o, region, s)};
}

/* Nothing that fell is still to come back: all is served, or no more than is declared is asked and
 * the next tier does not fit that either. */
static bool is_home(const struct outlook *o, const struct place *p, struct plan *to,
                    struct load *load)
{
    if (!p->shed) {
        return true;
    }
    if (!overload_calm(o, p->s)) {
        return false;
    }
    uint8_t *limit = plan_tier_limit(to, p->region, p->s), before = *limit;
    *limit = tier_above(&o->f->services[p->s], before);
    bool fits = rollout_fits(o, to, rollout_whole(o), p->region, p->s, load);
    *limit = before;
    return !fits;
}

/* The IDC's features are as the plan has them, as far as they can be. */
static bool obeyed(const struct outlook *o, uint16_t x)
{
    const struct actuation_state *a = &o->c->features[x];
    return a->generation >= o->c->plan.fence.generation || a->status != OK ||
           o->d->idcs[x].health == HEALTH_DOWN;
}

static void open_overload(struct casebook *cases, const struct outlook *o, const struct place *p)
{
    struct verdict v = {.subject = {SUBJECT_SERVICE, p->s, p->x}, .rule = RULE_SATURATED};
    if (p->over) {
        case_confirm(cases, o, INCIDENT_OVERLOAD, v.subject, RULE_OVER_CAPACITY, false);
    } else if (p->full) {
        case_suspect(cases, o, INCIDENT_OVERLOAD, &v);
    }
}

/* The state that the incident goes to; its own when it stays. */
static enum incident_state next_state(const struct outlook *o, const struct incident *i,
                                      const struct place *p, bool home, bool moves)
{
    bool due = fall_wait_us(o, i) <= 0;
    bool falls = p->full && (p->lowered || (p->core_only && due));
    bool stands = !moves && obeyed(o, p->x);
    switch (i->state) {
    case INCIDENT_SUSPECTED:
        return p->over || (p->full && due) ? INCIDENT_CONFIRMED
               : p->full                   ? INCIDENT_SUSPECTED
                                           : INCIDENT_CLOSED;
    case INCIDENT_CONFIRMED:
        if (p->over || (p->full && p->core_only) || !stands) {
            return INCIDENT_CONFIRMED;
        }
        return !p->full && home ? INCIDENT_CLOSED
               : p->shed        ? INCIDENT_MITIGATED
                                : INCIDENT_CONFIRMED;
    case INCIDENT_MITIGATED:
        return p->over || falls                              ? INCIDENT_CONFIRMED
               : !p->full && (p->raised || (stands && home)) ? INCIDENT_RECOVERING
                                                             : INCIDENT_MITIGATED;
    case INCIDENT_RECOVERING:
        return p->over          ? INCIDENT_CONFIRMED
               : p->full        ? INCIDENT_MITIGATED
               : stands && home ? INCIDENT_CLOSED
                                : INCIDENT_RECOVERING;
    case INCIDENT_NONE:
    case INCIDENT_CLOSED: return i->state;
    }
    return i->state;
}

void cases_overload(struct casebook *cases, const struct outlook *o, const struct overload *v,
                    struct plan *to, bool moves, struct load *load)
{
    for (uint16_t s = 0; s < o->f->service_count; s++) {
        for (uint16_t x = 0; x < o->f->idc_count; x++) {
            struct incident *i =
                case_find(cases, INCIDENT_OVERLOAD, (struct subject){SUBJECT_SERVICE, s, x});
            size_t at = (size_t)s * o->f->idc_count + x;
            if (i == NULL && !v->over[at] && !v->full[at]) {
                continue;
            }
            struct place p = look_at(o, v, to, moves, s, x);
            if (i == NULL) {
                open_overload(cases, o, &p);
                continue;
            }
            bool home = !moves && is_home(o, &p, to, load);
            enum incident_state was = i->state;
            enum incident_state next = next_state(o, i, &p, home, moves);
            if (next != was) {
                case_go(i, next, o->now);
            }
            if (next == INCIDENT_CONFIRMED && next != was) {
                i->rule = p.over ? RULE_OVER_CAPACITY : RULE_SATURATED;
            }
        }
    }
}
