/* invariant.c: what must hold of every plan and every control state, whoever made it. */
#include "base/bug.h"
#include "fold/fold_internal.h"

#include <string.h>

/* Somebody could fill this answer. */
static bool can_serve(const struct fleet *f, uint16_t service, uint16_t view)
{
    for (uint16_t e = 0; e < f->entrance_count; e++) {
        const struct entrance *n = &f->entrances[e];
        if (n->service == service && (n->carriers >> f->views[view].carrier & 1) != 0 &&
            n->address_count > 0) {
            return true;
        }
    }
    return false;
}

static bool slot_valid(const struct fleet *f, uint16_t service, uint16_t view, const struct slot *s)
{
    if (s->entrance >= f->entrance_count) {
        return false;
    }
    const struct entrance *n = &f->entrances[s->entrance];
    return n->service == service && (n->carriers >> f->views[view].carrier & 1) != 0 &&
           s->address < n->address_count;
}

static const char *answer_broken(const struct fleet *f, const struct answer *a, uint16_t service,
                                 uint16_t view)
{
    uint32_t used = 0;
    if (a->count > f->views[view].slots) {
        return "an answer has more slots than its view";
    }
    for (uint8_t i = 0; i < a->count; i++) {
        const struct slot *s = &a->slots[i];
        if (s->entrance == FLEET_NONE) {
            continue;
        }
        used++;
        if (!slot_valid(f, service, view, s)) {
            return "a slot names no address that the view can reach";
        }
        for (uint8_t k = 0; k < i; k++) {
            if (a->slots[k].entrance == s->entrance && a->slots[k].address == s->address) {
                return "an answer names an address twice";
            }
        }
    }
    bool empty = used == 0 && can_serve(f, service, view) && !BUG(NEVER_LAST);
    return empty ? "an answer is empty" : NULL;
}

static const char *hops_broken(const struct fleet *f, const struct hops *h, uint16_t from,
                               uint16_t to)
{
    for (uint8_t i = 0; i < h->count; i++) {
        if (from == to || h->links[i] >= f->link_count ||
            link_end_at(&f->links[h->links[i]], from) < 0) {
            return "a next hop is no link of its source";
        }
        for (uint8_t k = 0; k < i; k++) {
            if (h->links[k] == h->links[i]) {
                return "a next hop is listed twice";
            }
        }
    }
    return NULL;
}

/* Law 5: an anycast service is announced somewhere, and nothing else is. */
static const char *announced_broken(const struct fleet *f, const struct plan *p, uint16_t service)
{
    uint32_t announcers = 0, able = 0;
    for (uint16_t x = 0; x < f->idc_count; x++) {
        uint8_t bit = *plan_announced(p, service, x);
        bool serves = fleet_announces(f, service, x);
        able += serves ? 1 : 0;
        if (bit > 1 || (bit == 1 && !serves)) {
            return "an IDC announces what it does not serve";
        }
        announcers += bit;
    }
    bool none = able > 0 && announcers == 0 && !BUG(NEVER_LAST);
    return none ? "an anycast service is announced nowhere" : NULL;
}

const char *plan_broken(const struct fleet *f, const struct plan *p)
{
    if (p->service_count != f->service_count || p->view_count != f->view_count ||
        p->idc_count != f->idc_count || p->link_count != f->link_count ||
        p->region_count != f->region_count) {
        return "the plan is for a fleet of another shape";
    }
    const char *broken = NULL;
    for (uint16_t s = 0; s < f->service_count && broken == NULL; s++) {
        for (uint16_t v = 0; v < f->view_count && broken == NULL; v++) {
            broken = answer_broken(f, plan_answer(p, s, v), s, v);
        }
    }
    for (uint16_t a = 0; a < f->idc_count && broken == NULL; a++) {
        for (uint16_t b = 0; b < f->idc_count && broken == NULL; b++) {
            broken = hops_broken(f, plan_hops(p, a, b), a, b);
        }
    }
    for (uint32_t i = 0; i < (uint32_t)p->region_count * p->service_count && broken == NULL; i++) {
        broken = p->tier_limits[i] > FLEET_MAX_TIER ? "a tier limit is out of range" : NULL;
    }
    for (uint16_t s = 0; s < f->service_count && broken == NULL; s++) {
        broken = announced_broken(f, p, s);
    }
    return broken;
}

const char *change_broken(const struct fleet *f, const struct change *ch)
{
    static const char no_place[] = "a change is about no place of the plan";
    switch (ch->kind) {
    case CHANGE_ANSWER:
        return ch->a < f->service_count && ch->b < f->view_count
                   ? answer_broken(f, &ch->answer.to, ch->a, ch->b)
                   : no_place;
    case CHANGE_HOPS:
        return ch->a < f->idc_count && ch->b < f->idc_count
                   ? hops_broken(f, &ch->hops.to, ch->a, ch->b)
                   : no_place;
    case CHANGE_RELEASED: return ch->a < f->link_count && ch->b <= 1 ? NULL : no_place;
    case CHANGE_TIER:
        return ch->a < f->region_count && ch->b < f->service_count && ch->tier.to <= FLEET_MAX_TIER
                   ? NULL
                   : no_place;
    case CHANGE_ANNOUNCE:
        return ch->a < f->service_count && ch->b < f->idc_count && ch->announced.to <= 1 &&
                       fleet_announces(f, ch->a, ch->b)
                   ? NULL
                   : no_place;
    }
    return no_place;
}

static bool kind_is_about(enum incident_kind kind, enum subject_kind s)
{
    switch (kind) {
    case INCIDENT_LINK_CUT: return s == SUBJECT_LINK;
    case INCIDENT_CONDUIT_CUT: return s == SUBJECT_CONDUIT;
    case INCIDENT_CARRIER_OUTAGE: return s == SUBJECT_CARRIER || s == SUBJECT_CARRIER_AT;
    case INCIDENT_IDC_OUTAGE:
    case INCIDENT_IDC_ISOLATED: return s == SUBJECT_IDC;
    case INCIDENT_REGION_DISASTER: return s == SUBJECT_REGION;
    case INCIDENT_OVERLOAD: return s == SUBJECT_SERVICE;
    case INCIDENT_GRAY_FAILURE:
        return s == SUBJECT_SERVICE || s == SUBJECT_PATH || s == SUBJECT_LINK;
    case INCIDENT_BLIND_OBSERVER: return s == SUBJECT_OBSERVER;
    case INCIDENT_HELD:
    case INCIDENT_SPLIT_FENCE: return s == SUBJECT_TARGET;
    }
    return false;
}

bool incident_fits(const struct fleet *f, const struct incident *n)
{
    const struct subject *s = &n->subject;
    bool idc_or_unused = s->kind != SUBJECT_TARGET && s->kind != SUBJECT_PATH;
    return s->kind != 0 && kind_is_about(n->kind, s->kind) && subject_exists(f, s) &&
           (s->b < f->idc_count || !idc_or_unused);
}

static const char *incidents_broken(const struct control *c)
{
    uint32_t last = 0;
    for (uint32_t i = 0; i < c->incident_count; i++) {
        const struct incident *n = &c->incidents[i];
        if (n->id <= last || n->id >= c->next_incident) {
            return "incidents are not in the order of their ids";
        }
        if (n->state == INCIDENT_NONE || n->state == INCIDENT_CLOSED) {
            return "an incident that is not open was kept";
        }
        if (!incident_fits(c->fleet, n)) {
            return "an incident is about something that the fleet does not have";
        }
        last = n->id;
    }
    return NULL;
}

static const char *rescued_broken(const struct control *c)
{
    uint32_t any = 0;
    for (uint16_t i = 0; i < c->fleet->idc_count; i++) {
        any |= c->rescued[i];
    }
    return (uint64_t)any >> c->fleet->carrier_count == 0
               ? NULL
               : "slots were rescued over a carrier that the fleet does not have";
}

const char *control_broken(const struct control *c)
{
    if (c->fleet == NULL) {
        return c->applied < 0 && c->epoch == 0 ? NULL : "records were folded and there is no fleet";
    }
    if (c->applied < 0 || c->leader_newest > c->applied || c->decisive > c->applied ||
        c->newest_decide > c->applied || c->plan_offset > c->applied ||
        c->unconfirmed > c->applied || c->snapshot > c->applied || c->fleet_offset > c->applied) {
        return "an offset lies behind the newest folded record";
    }
    if (c->unconfirmed >= 0 && c->unconfirmed != c->plan_offset) {
        return "a plan waits for its confirmation and is not the newest";
    }
    if (c->plan.fence.era != c->era || c->plan.fence.generation == 0 ||
        memcmp(c->plan.fence.log_id.bytes, c->log_id.bytes, sizeof c->log_id.bytes) != 0) {
        return "the plan's fence is of another log";
    }
    struct digest digest = plan_digest(&c->plan);
    if (digest_compare(&digest, &c->plan.fence.digest) != 0) {
        return "the plan does not match its digest";
    }
    const char *broken = plan_broken(c->fleet, &c->plan);
    broken = broken != NULL ? broken : incidents_broken(c);
    broken = broken != NULL ? broken : orders_broken(c);
    broken = broken != NULL ? broken : demands_broken(c);
    broken = broken != NULL ? broken : rescued_broken(c);
    return broken != NULL ? broken : drill_run_broken(c);
}
