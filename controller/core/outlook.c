/* outlook.c: which entrances are dead, out or usable, and which links carry. */
#include "core/outlook.h"

#include "base/bug.h"
#include "core/incidents.h"
#include "core/orders.h"

#include <string.h>

size_t outlook_arena_size(const struct fleet *f)
{
    return 8 * path_count(f) + (size_t)2 * f->link_count + f->idc_count + f->service_count +
           (size_t)12 * 16;
}

int outlook_new(const struct control *c, const struct diagnosis *d, struct logtime now,
                struct arena *a, struct outlook *ret_o)
{
    const struct fleet *f = c->fleet;
    struct outlook o = {.c = c, .f = f, .d = d, .now = now};
    o.dead = ARENA_NEW(a, bool, path_count(f));
    o.out = ARENA_NEW(a, bool, path_count(f));
    o.usable = ARENA_NEW(a, bool, path_count(f));
    o.settled = ARENA_NEW(a, bool, path_count(f));
    o.good = ARENA_NEW(a, bool, path_count(f));
    o.drained = ARENA_NEW(a, bool, path_count(f));
    o.pinned = ARENA_NEW(a, bool, path_count(f));
    o.stays = ARENA_NEW(a, uint8_t, path_count(f));
    o.refused = ARENA_NEW(a, bool, f->service_count);
    o.link_out = ARENA_NEW(a, bool, f->link_count);
    o.release = ARENA_NEW(a, bool, f->link_count);
    o.over_budget = ARENA_NEW(a, bool, f->idc_count);
    if (o.dead == NULL || o.out == NULL || o.usable == NULL || o.settled == NULL ||
        o.good == NULL || o.drained == NULL || o.pinned == NULL || o.stays == NULL ||
        o.refused == NULL || o.link_out == NULL || o.release == NULL || o.over_budget == NULL) {
        return ERR_FULL;
    }
    *ret_o = o;
    return OK;
}

const struct incident *case_find_const(const struct casebook *cases, enum incident_kind kind,
                                       struct subject subject)
{
    for (uint32_t i = 0; i < cases->count; i++) {
        const struct incident *at = &cases->at[i];
        if (at->kind == kind && at->state != INCIDENT_CLOSED &&
            subject_equal(&at->subject, &subject)) {
            return at;
        }
    }
    return NULL;
}

struct incident *case_find(struct casebook *cases, enum incident_kind kind, struct subject subject)
{
    const struct incident *found = case_find_const(cases, kind, subject);
    return found == NULL ? NULL : &cases->at[found - cases->at];
}

bool case_holds(const struct incident *i)
{
    return i != NULL && (i->state == INCIDENT_CONFIRMED || i->state == INCIDENT_MITIGATED);
}

/* What is drained already has its place in the budget, then the oldest outages are drained; what
 * exceeds it waits for a person or for their end. */
static void find_over_budget(struct outlook *o, const struct casebook *cases)
{
    uint32_t granted = 0, budget = o->f->policy.max_drained_idcs + (BUG(DRAIN_BUDGET) ? 1 : 0);
    memset(o->over_budget, 0, o->f->idc_count * sizeof *o->over_budget);
    for (int drained = 1; drained >= 0; drained--) {
        for (uint32_t i = 0; i < cases->count; i++) {
            const struct incident *at = &cases->at[i];
            if (at->kind == INCIDENT_IDC_OUTAGE && case_holds(at) &&
                case_drained(o, at) == (drained == 1)) {
                o->over_budget[at->subject.a] = granted >= budget;
                granted++;
            }
        }
    }
}

static bool seen_good(const struct verdict *v)
{
    return v->health == HEALTH_UP || v->rule == RULE_PARTLY_SEEN;
}

/* Seen good by all who look, for the hold-down. */
static bool has_held(const struct verdict *v, int64_t hold_us)
{
    return v->rule == RULE_SEEN_GOOD && v->held_us >= hold_us;
}

/* One entrance over one carrier, with what holds for the entrance over all of them. */
static void fill_path(struct outlook *o, uint16_t e, uint16_t c, bool out, bool dead)
{
    const struct entrance *at = &o->f->entrances[e];
    const struct verdict *idc = &o->d->idcs[at->idc];
    const struct verdict *place = &o->d->services[(size_t)at->service * o->f->idc_count + at->idc];
    size_t n = path_index(o->f, e, c);
    const struct verdict *path = &o->d->paths[n];
    o->out[n] = out;
    o->dead[n] = dead;
    o->good[n] = seen_good(idc) && seen_good(place) && seen_good(path);
    o->usable[n] = !out && o->good[n];
    /* Whether or not an outage of it was ever concluded: nobody may have led while it was dead. */
    int64_t hold_us = BUG(HOLD_DOWN) ? 0 : o->f->policy.idc_hold_down_us;
    o->settled[n] = o->usable[n] && has_held(idc, hold_us) && has_held(place, hold_us) &&
                    has_held(path, hold_us);
}

static void fill_entrance(struct outlook *o, const struct casebook *cases, uint16_t e)
{
    const struct entrance *at = &o->f->entrances[e];
    const struct verdict *idc = &o->d->idcs[at->idc];
    const struct verdict *place = &o->d->services[(size_t)at->service * o->f->idc_count + at->idc];
    bool idc_out = case_holds(case_find_const(cases, INCIDENT_IDC_OUTAGE, idc->subject));
    bool place_out = case_holds(case_find_const(
        cases, INCIDENT_GRAY_FAILURE, (struct subject){SUBJECT_SERVICE, at->service, at->idc}));
    bool dead = (idc_out && idc->health == HEALTH_DOWN && !o->over_budget[at->idc]) ||
                (place_out && place->health == HEALTH_DOWN && idc->health != HEALTH_DOWN);
    for (uint16_t c = 0; c < o->f->carrier_count; c++) {
        if (entrance_over(at, c)) {
            fill_path(o, e, c, idc_out || place_out, dead);
        }
    }
}

bool entrance_out(const struct outlook *o, uint16_t entrance)
{
    for (uint16_t c = 0; c < o->f->carrier_count; c++) {
        if (entrance_over(&o->f->entrances[entrance], c) &&
            !o->out[path_index(o->f, entrance, c)]) {
            return false;
        }
    }
    return true;
}

static void fill_link(struct outlook *o, const struct casebook *cases, uint16_t l)
{
    const struct verdict *v = &o->d->links[l];
    const uint32_t *downs = &o->c->link_downs[(uint32_t)l * 2];
    bool unreleased = downs[0] > *plan_released(&o->c->plan, l, 0) ||
                      downs[1] > *plan_released(&o->c->plan, l, 1);
    bool settled = v->health == HEALTH_UP && v->held_us >= o->f->policy.link_hold_down_us;
    bool cut =
        case_holds(case_find_const(cases, INCIDENT_LINK_CUT, (struct subject){SUBJECT_LINK, l, 0}));
    bool idc_out = false;
    for (int end = 0; end < 2; end++) {
        uint16_t x = o->f->links[l].end[end].idc;
        idc_out = idc_out ||
                  (x != FLEET_NONE && case_find_const(cases, INCIDENT_IDC_OUTAGE,
                                                      (struct subject){SUBJECT_IDC, x, 0}) != NULL);
    }
    o->release[l] = unreleased && settled;
    o->link_out[l] = v->health == HEALTH_DOWN || ((cut || (idc_out && unreleased)) && !settled);
    o->routes_open = o->routes_open || o->release[l] || o->link_out[l] || cut || idc_out;
}

void outlook_fill(struct outlook *o, const struct casebook *cases)
{
    find_over_budget(o, cases);
    for (uint16_t e = 0; e < o->f->entrance_count; e++) {
        fill_entrance(o, cases, e);
    }
    orders_look(o);
    o->routes_open = false;
    for (uint16_t l = 0; l < o->f->link_count; l++) {
        fill_link(o, cases, l);
    }
    for (uint32_t i = 0; i < cases->count; i++) {
        o->routes_open = o->routes_open || cases->at[i].kind == INCIDENT_LINK_CUT;
    }
}
