/* outlook.c: which entrances are dead, out or usable, and which links carry. */
#include "core/outlook.h"

#include "base/bug.h"
#include "core/incidents.h"
#include "core/orders.h"
#include "core/witness.h"

#include <string.h>

size_t outlook_arena_size(const struct fleet *f)
{
    return 8 * path_count(f) + (size_t)3 * f->link_count +
           (size_t)f->carrier_count * (1 + f->idc_count) + f->idc_count +
           5 * (size_t)f->service_count * f->carrier_count + (size_t)15 * 16;
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
    size_t drains = (size_t)f->service_count * f->carrier_count;
    o.drains_until = ARENA_NEW(a, uint32_t, drains);
    o.drains_stopped = ARENA_NEW(a, uint8_t, drains);
    o.link_out = ARENA_NEW(a, bool, f->link_count);
    o.release = ARENA_NEW(a, bool, f->link_count);
    o.link_gray = ARENA_NEW(a, bool, f->link_count);
    o.carrier_out = ARENA_NEW(a, bool, f->carrier_count);
    o.over_stranded = ARENA_NEW(a, bool, f->idc_count);
    o.over_budget = ARENA_NEW(a, bool, (size_t)f->carrier_count * f->idc_count);
    if (o.dead == NULL || o.out == NULL || o.usable == NULL || o.settled == NULL ||
        o.good == NULL || o.drained == NULL || o.pinned == NULL || o.stays == NULL ||
        o.drains_until == NULL || o.drains_stopped == NULL || o.link_out == NULL ||
        o.release == NULL || o.link_gray == NULL || o.carrier_out == NULL ||
        o.over_budget == NULL || o.over_stranded == NULL) {
        return ERR_FULL;
    }
    memset(o.drains_until, 0xff, drains * sizeof *o.drains_until);
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

/* What a budget counts: IDCs drained as dead over a carrier, or for being off the backbone. */
struct budget {
    uint16_t carrier; /* FLEET_NONE: off the backbone */
    uint32_t granted;
    uint64_t places[OBSERVER_WORDS]; /* [idc] as bits */
};

/* The IDC that the incident drains, or wants to, in the budget's sense; FLEET_NONE: none. */
static uint16_t drained_idc(const struct budget *b, const struct incident *i)
{
    bool off = i->kind == INCIDENT_CARRIER_OUTAGE && i->subject.kind == SUBJECT_CARRIER_AT;
    if (!case_holds(i)) {
        return FLEET_NONE;
    }
    if (b->carrier == FLEET_NONE) {
        return i->kind == INCIDENT_IDC_ISOLATED ? i->subject.a : FLEET_NONE;
    }
    if (off && i->subject.a == b->carrier) {
        return i->subject.b;
    }
    return i->kind == INCIDENT_IDC_OUTAGE ? i->subject.a : FLEET_NONE;
}

/* Rescues took away over that carrier what the incident covers; an IDC that never had anything
 * there has not been drained. */
static bool was_drained(const struct outlook *o, const struct budget *b, const struct incident *i)
{
    uint16_t x = drained_idc(b, i);
    uint32_t over = b->carrier == FLEET_NONE ? UINT32_MAX : UINT32_C(1) << b->carrier;
    return x != FLEET_NONE && (o->c->rescued[x] & over) != 0 && case_drained(o, i, b->carrier);
}

/* What is drained already, over that carrier, has its place; then the oldest incidents are drained;
 * what exceeds the budget waits for a person or for their end. An IDC with two reasons takes one
 * place. */
static void spend(const struct outlook *o, const struct casebook *cases, struct budget *b,
                  bool *ret_over)
{
    uint32_t most = o->f->policy.max_drained_idcs + (BUG(DRAIN_BUDGET) ? 1 : 0);
    bool drained[INCIDENT_MAX];
    memset(ret_over, 0, o->f->idc_count * sizeof *ret_over);
    for (uint32_t n = 0; n < cases->count; n++) {
        drained[n] = was_drained(o, b, &cases->at[n]);
    }
    for (uint32_t n = 0; n < 2 * cases->count; n++) {
        uint32_t k = n % cases->count;
        uint16_t x = drained_idc(b, &cases->at[k]);
        if (x == FLEET_NONE || drained[k] != (n < cases->count)) {
            continue;
        }
        bool has = (b->places[x / 64] >> (x % 64) & 1) != 0;
        if (!has && b->granted < most) {
            observer_bit_set(b->places, x);
            b->granted++;
        }
        ret_over[x] = !has && (b->places[x / 64] >> (x % 64) & 1) == 0;
    }
}

/* Over each carrier for itself; and for the services that leave an IDC off the backbone, which goes
 * on to serve the others and takes nobody's place. */
static void find_over_budget(struct outlook *o, const struct casebook *cases)
{
    for (uint16_t c = 0; c < o->f->carrier_count; c++) {
        struct budget b = {.carrier = c};
        spend(o, cases, &b, &o->over_budget[(size_t)c * o->f->idc_count]);
    }
    struct budget b = {.carrier = FLEET_NONE};
    spend(o, cases, &b, o->over_stranded);
}

bool lost_without_backbone(const struct outlook *o, uint16_t service, uint16_t idc)
{
    const struct verdict *v = &o->d->services[(size_t)service * o->f->idc_count + idc];
    switch (o->f->services[service].backbone) {
    case BACKBONE_REQUIRED: return true;
    case BACKBONE_PREFERRED:
        return v->rule == RULE_ERRORS && v->held_us >= o->f->policy.confirmation_us;
    case BACKBONE_NONE: return false;
    }
    return false;
}

static bool seen_good(const struct verdict *v)
{
    return v->health == HEALTH_UP || v->rule == RULE_PARTLY_SEEN ||
           (v->rule == RULE_ERRORS && v->health != HEALTH_DOWN);
}

/* Seen good by all who look, for the hold-down; by itself, when nobody else is left to look. */
static bool has_held(const struct verdict *v, int64_t hold_us)
{
    return (v->rule == RULE_SEEN_GOOD || v->rule == RULE_LAST_VOICE) && v->held_us >= hold_us;
}

/* Why an entrance is out, over all its carriers or over one, and whether that holds right now. */
struct reason {
    bool out, dead;
};

static void add_reason(struct reason *r, bool out, bool dead)
{
    r->out = r->out || out;
    r->dead = r->dead || (out && dead);
}

static bool holds(const struct casebook *cases, enum incident_kind kind, enum subject_kind of,
                  uint16_t a, uint16_t b)
{
    return case_holds(case_find_const(cases, kind, (struct subject){of, a, b}));
}

static bool is_down(const struct verdict *v)
{
    return v->health == HEALTH_DOWN;
}

static bool is_stranded(const struct outlook *o, const struct casebook *cases, uint16_t e)
{
    const struct entrance *at = &o->f->entrances[e];
    return lost_without_backbone(o, at->service, at->idc) &&
           holds(cases, INCIDENT_IDC_ISOLATED, SUBJECT_IDC, at->idc, 0);
}

/* The IDC as a whole, the service there, and, unless it is the last place left, the IDC off the
 * backbone. */
static struct reason reason_of_entrance(const struct outlook *o, const struct casebook *cases,
                                        uint16_t e, bool last)
{
    const struct entrance *at = &o->f->entrances[e];
    const struct verdict *idc = &o->d->idcs[at->idc];
    const struct verdict *place = &o->d->services[(size_t)at->service * o->f->idc_count + at->idc];
    struct reason r = {0};
    add_reason(&r, holds(cases, INCIDENT_IDC_OUTAGE, SUBJECT_IDC, at->idc, 0), is_down(idc));
    add_reason(&r, holds(cases, INCIDENT_GRAY_FAILURE, SUBJECT_SERVICE, at->service, at->idc),
               is_down(place) && !is_down(idc));
    add_reason(&r, !last && is_stranded(o, cases, e),
               is_down(&o->d->backbones[at->idc]) && !o->over_stranded[at->idc]);
    return r;
}

/* ... and what is out over this carrier alone. */
static struct reason reason_of_path(const struct outlook *o, const struct casebook *cases,
                                    struct reason r, uint16_t e, uint16_t c)
{
    const struct entrance *at = &o->f->entrances[e];
    const struct verdict *front = &o->d->fronts[(size_t)c * o->f->idc_count + at->idc];
    bool idc_down = is_down(&o->d->idcs[at->idc]);
    add_reason(&r, holds(cases, INCIDENT_CARRIER_OUTAGE, SUBJECT_CARRIER_AT, c, at->idc),
               is_down(front) && !idc_down);
    add_reason(&r, holds(cases, INCIDENT_GRAY_FAILURE, SUBJECT_PATH, e, c),
               is_down(&o->d->paths[path_index(o->f, e, c)]) && !is_down(front) && !idc_down);
    return r;
}

/* The IDC is off some other carrier: who looks over that one sees it dark, rightly so. */
static bool off_another(const struct outlook *o, uint16_t x, uint16_t c)
{
    bool off = false;
    for (uint16_t k = 0; k < o->f->carrier_count; k++) {
        off = off || (k != c && is_down(&o->d->fronts[(size_t)k * o->f->idc_count + x]));
    }
    return off;
}

static void fill_path(struct outlook *o, const struct casebook *cases, struct reason whole,
                      uint16_t e, uint16_t c)
{
    const struct entrance *at = &o->f->entrances[e];
    const struct verdict *idc = &o->d->idcs[at->idc];
    const struct verdict *place = &o->d->services[(size_t)at->service * o->f->idc_count + at->idc];
    size_t n = path_index(o->f, e, c);
    const struct verdict *path = &o->d->paths[n];
    struct reason r = reason_of_path(o, cases, whole, e, c);
    o->out[n] = r.out;
    o->dead[n] = r.dead && !o->over_budget[(size_t)c * o->f->idc_count + at->idc];
    o->good[n] = seen_good(idc) && seen_good(place) && seen_good(path);
    o->usable[n] = !r.out && o->good[n];
    /* Whether or not an outage of it was ever concluded: nobody may have led while it was dead. */
    int64_t hold_us = BUG(HOLD_DOWN) ? 0 : o->f->policy.idc_hold_down_us;
    bool excused = off_another(o, at->idc, c);
    o->settled[n] = o->usable[n] && has_held(path, hold_us) &&
                    ((has_held(idc, hold_us) && has_held(place, hold_us)) || excused);
}

/* Off the backbone is better than dead: when the service has nothing usable over the carrier, the
 * places that are only off the backbone stay and may receive. */
static void spare_the_last(struct outlook *o, const struct casebook *cases, uint16_t s, uint16_t c)
{
    for (uint16_t e = 0; e < o->f->entrance_count; e++) {
        if (o->f->entrances[e].service == s && o->usable[path_index(o->f, e, c)]) {
            return;
        }
    }
    for (uint16_t e = 0; e < o->f->entrance_count; e++) {
        const struct entrance *at = &o->f->entrances[e];
        if (at->service == s && entrance_over(at, c) && is_stranded(o, cases, e)) {
            fill_path(o, cases, reason_of_entrance(o, cases, e, true), e, c);
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
        holds(cases, INCIDENT_LINK_CUT, SUBJECT_LINK, l, 0) || conduit_cut_holds(cases, o->f, l);
    bool idc_out = false;
    for (int end = 0; end < 2; end++) {
        uint16_t x = o->f->links[l].end[end].idc;
        idc_out = idc_out ||
                  (x != FLEET_NONE && case_find_const(cases, INCIDENT_IDC_OUTAGE,
                                                      (struct subject){SUBJECT_IDC, x, 0}) != NULL);
    }
    o->link_gray[l] = holds(cases, INCIDENT_GRAY_FAILURE, SUBJECT_LINK, l, 0);
    o->release[l] = unreleased && settled;
    o->link_out[l] = v->health == HEALTH_DOWN || ((cut || (idc_out && unreleased)) && !settled);
    o->routes_open =
        o->routes_open || o->release[l] || o->link_out[l] || cut || idc_out || o->link_gray[l];
}

void outlook_fill(struct outlook *o, const struct casebook *cases)
{
    find_over_budget(o, cases);
    for (uint16_t c = 0; c < o->f->carrier_count; c++) {
        o->carrier_out[c] = holds(cases, INCIDENT_CARRIER_OUTAGE, SUBJECT_CARRIER, c, 0);
    }
    for (uint16_t e = 0; e < o->f->entrance_count; e++) {
        struct reason whole = reason_of_entrance(o, cases, e, false);
        for (uint16_t c = 0; c < o->f->carrier_count; c++) {
            if (entrance_over(&o->f->entrances[e], c)) {
                fill_path(o, cases, whole, e, c);
            }
        }
    }
    for (uint16_t s = 0; s < o->f->service_count; s++) {
        bool needs = o->f->services[s].backbone != BACKBONE_NONE;
        for (uint16_t c = 0; c < o->f->carrier_count && needs; c++) {
            spare_the_last(o, cases, s, c);
        }
    }
    orders_look(o);
    o->routes_open = orders_new_fleet(o->c); /* it kept the ways of before */
    for (uint16_t l = 0; l < o->f->link_count; l++) {
        fill_link(o, cases, l);
    }
    for (uint32_t i = 0; i < cases->count; i++) {
        const struct incident *at = &cases->at[i];
        o->routes_open = o->routes_open || at->kind == INCIDENT_LINK_CUT ||
                         at->kind == INCIDENT_CONDUIT_CUT ||
                         (at->kind == INCIDENT_GRAY_FAILURE && at->subject.kind == SUBJECT_LINK);
    }
}
