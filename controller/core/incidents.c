/* incidents.c: the lives of incidents, moved by actuators' outcomes and a person's word.
 */
#include "core/incidents_internal.h"

#include "base/bug.h"

#include <assert.h>
#include <string.h>

void cases_begin(struct casebook *cases, const struct control *c)
{
    memset(cases, 0, sizeof *cases);
    cases->count = c->incident_count;
    memcpy(cases->at, c->incidents, c->incident_count * sizeof *cases->at);
    cases->next_id = c->next_incident == 0 ? 1 : c->next_incident;
}

void case_go(struct incident *i, enum incident_state to, struct logtime now)
{
    assert(incident_may_go(i->state, to));
    i->state = to;
    i->changed = now;
}

static void open_case(struct casebook *cases, const struct outlook *o, enum incident_kind kind,
                      struct subject about, enum incident_state state, enum rule rule,
                      bool needs_approval)
{
    if (cases->count >= INCIDENT_MAX) {
        return; /* bounded: what is open already says that a person is needed */
    }
    struct incident *i = &cases->at[cases->count++];
    memset(i, 0, sizeof *i);
    i->id = cases->next_id++;
    i->kind = kind;
    i->subject = about;
    i->rule = rule;
    i->needs_approval = needs_approval;
    i->opened = o->now;
    case_go(i, state, o->now);
}

void case_confirm(struct casebook *cases, const struct outlook *o, enum incident_kind kind,
                  struct subject about, enum rule rule, bool needs_approval)
{
    struct incident *i = case_find(cases, kind, about);
    if (i == NULL) {
        open_case(cases, o, kind, about, INCIDENT_CONFIRMED, rule, needs_approval);
    } else if (i->state == INCIDENT_SUSPECTED || i->state == INCIDENT_RECOVERING) {
        case_go(i, INCIDENT_CONFIRMED, o->now);
        i->rule = rule;
        i->needs_approval = needs_approval;
        i->approved = false;
    }
}

void case_suspect(struct casebook *cases, const struct outlook *o, enum incident_kind kind,
                  const struct verdict *v)
{
    if (case_find(cases, kind, v->subject) == NULL) {
        open_case(cases, o, kind, v->subject, INCIDENT_SUSPECTED, v->rule, false);
    }
}

void case_clear(struct casebook *cases, const struct outlook *o, enum incident_kind kind,
                struct subject subject, enum incident_state from)
{
    struct incident *i = case_find(cases, kind, subject);
    if (i != NULL && i->state == from) {
        case_go(i, INCIDENT_CLOSED, o->now);
    }
}

/* Traffic leaves what these are about by the answers, and comes back by the rollout. */
static bool is_drain(const struct incident *i)
{
    switch (i->kind) {
    case INCIDENT_IDC_OUTAGE:
    case INCIDENT_IDC_ISOLATED: return true;
    case INCIDENT_CARRIER_OUTAGE: return i->subject.kind == SUBJECT_CARRIER_AT;
    case INCIDENT_GRAY_FAILURE: return i->subject.kind != SUBJECT_LINK;
    case INCIDENT_LINK_CUT:
    case INCIDENT_CONDUIT_CUT:
    case INCIDENT_REGION_DISASTER:
    case INCIDENT_OVERLOAD:
    case INCIDENT_BLIND_OBSERVER:
    case INCIDENT_HELD:
    case INCIDENT_SPLIT_FENCE: return false;
    }
    return false;
}

bool case_recovering(const struct incident *i)
{
    return is_drain(i) && i->state == INCIDENT_RECOVERING;
}

bool case_covers(const struct outlook *o, const struct incident *i, uint16_t entrance,
                 uint16_t carrier)
{
    const struct entrance *e = &o->f->entrances[entrance];
    const struct subject *s = &i->subject;
    switch (s->kind) {
    case SUBJECT_IDC:
        return s->a == e->idc &&
               (i->kind == INCIDENT_IDC_OUTAGE ||
                (i->kind == INCIDENT_IDC_ISOLATED && lost_without_backbone(o, e->service, e->idc)));
    case SUBJECT_CARRIER_AT: return s->a == carrier && s->b == e->idc;
    case SUBJECT_SERVICE:
        return i->kind == INCIDENT_GRAY_FAILURE && s->a == e->service && s->b == e->idc;
    case SUBJECT_PATH: return s->a == entrance && s->b == carrier;
    case SUBJECT_LINK:
    case SUBJECT_CONDUIT:
    case SUBJECT_CARRIER:
    case SUBJECT_OBSERVER:
    case SUBJECT_REGION:
    case SUBJECT_ENTRANCE:
    case SUBJECT_FEATURES:
    case SUBJECT_BACKBONE:
    case SUBJECT_TARGET: return false;
    }
    return false;
}

/* The plan takes slots away from what the incident covers. */
static bool takes_from(const struct outlook *o, const struct incident *i, const struct plan *to)
{
    size_t answers = (size_t)to->service_count * to->view_count;
    for (size_t n = 0; n < answers; n++) {
        const struct answer *from = &o->c->plan.answers[n];
        for (uint8_t k = 0; k < from->count && k < to->answers[n].count; k++) {
            uint16_t e = from->slots[k].entrance;
            if (e != FLEET_NONE && e != to->answers[n].slots[k].entrance &&
                case_covers(o, i, e, o->f->views[n % to->view_count].carrier)) {
                return true;
            }
        }
    }
    return false;
}

void cases_drained(struct casebook *cases, const struct outlook *o, const struct plan *to)
{
    for (uint32_t n = 0; n < cases->count; n++) {
        struct incident *i = &cases->at[n];
        if (is_drain(i) && case_holds(i) && i->approved && takes_from(o, i, to)) {
            i->approved = false;
        }
    }
}

/* The verdict on what a drain is about. */
static const struct verdict *drain_verdict(const struct outlook *o, const struct incident *i)
{
    const struct subject *s = &i->subject;
    const struct diagnosis *d = o->d;
    if (i->kind == INCIDENT_IDC_ISOLATED && d->idcs[s->a].rule == RULE_SEEN_GOOD) {
        return &d->backbones[s->a];
    }
    if (s->kind == SUBJECT_CARRIER_AT) {
        return &d->fronts[(size_t)s->a * o->f->idc_count + s->b];
    }
    if (s->kind == SUBJECT_SERVICE) {
        return &d->services[(size_t)s->a * o->f->idc_count + s->b];
    }
    return s->kind == SUBJECT_PATH ? &d->paths[path_index(o->f, s->a, s->b)] : &d->idcs[s->a];
}

void cases_recover(struct casebook *cases, const struct outlook *o)
{
    for (uint32_t n = 0; n < cases->count; n++) {
        struct incident *i = &cases->at[n];
        /* RULE_SEEN_GOOD on a drained subject means that the hold-down is over. */
        bool may = i->approved || !i->needs_approval || BUG(APPROVAL);
        if (is_drain(i) && case_holds(i) && may && drain_verdict(o, i)->rule == RULE_SEEN_GOOD) {
            case_go(i, INCIDENT_RECOVERING, o->now);
        }
    }
}

/* OK at this generation or newer, or known to fail, or in an IDC that is out: nobody to wait for.
 */
static bool answered(const struct outlook *o, const struct actuation_state *a, uint16_t idc)
{
    bool gone = idc != FLEET_NONE && o->d->idcs[idc].health == HEALTH_DOWN;
    return gone || a->generation >= o->c->plan.fence.generation || a->status != OK;
}

bool plan_acknowledged(const struct outlook *o)
{
    bool any = o->f->dns_server_count == 0, all = true;
    for (uint16_t n = 0; n < o->f->dns_server_count; n++) {
        const struct actuation_state *a = &o->c->dns[n];
        any = any || a->generation >= o->c->plan.fence.generation;
        all = all && answered(o, a, o->f->dns_servers[n].idc);
    }
    return any && all;
}

static bool routes_acknowledged(const struct outlook *o, uint16_t l)
{
    bool all = true;
    for (int end = 0; end < 2; end++) {
        uint16_t x = o->f->links[l].end[end].idc;
        all = all && (x == FLEET_NONE || answered(o, &o->c->routes[x], x));
    }
    return all;
}

/* The IDCs at the ends of the links have the plan's next hops. */
static bool rerouted(const struct outlook *o, const struct incident *i)
{
    if (i->subject.kind != SUBJECT_CONDUIT) {
        return routes_acknowledged(o, i->subject.a);
    }
    const struct conduit *g = &o->f->conduits[i->subject.a];
    bool all = true;
    for (uint32_t n = 0; n < g->link_count; n++) {
        all = all && routes_acknowledged(o, g->links[n]);
    }
    return all;
}

/* Next hops leave these, or prefer others. */
static bool is_of_links(const struct incident *i)
{
    return i->kind == INCIDENT_LINK_CUT || i->kind == INCIDENT_CONDUIT_CUT ||
           (i->kind == INCIDENT_GRAY_FAILURE && i->subject.kind == SUBJECT_LINK);
}

bool case_drained(const struct outlook *o, const struct incident *i, uint16_t carrier)
{
    const struct plan *p = &o->c->plan;
    for (uint16_t s = 0; s < o->f->service_count; s++) {
        for (uint16_t v = 0; v < o->f->view_count && !o->f->services[s].stateful; v++) {
            const struct answer *a = plan_answer(p, s, v);
            uint16_t over = o->f->views[v].carrier;
            for (uint8_t n = 0; n < a->count && (carrier == FLEET_NONE || carrier == over); n++) {
                uint16_t e = a->slots[n].entrance;
                if (e != FLEET_NONE && case_covers(o, i, e, over)) {
                    return false;
                }
            }
        }
    }
    return true;
}

/* All that the plan can do about it is done, by the word of those who had to do it. */
static bool is_mitigated(const struct casebook *cases, const struct outlook *o,
                         const struct incident *i)
{
    if (i->kind == INCIDENT_REGION_DISASTER) {
        return region_mitigated(cases, o, i->subject.a);
    }
    return is_drain(i) ? plan_acknowledged(o) && case_drained(o, i, FLEET_NONE)
                       : is_of_links(i) && rerouted(o, i);
}

void cases_settle(struct casebook *cases, const struct outlook *o)
{
    for (uint32_t n = 0; n < cases->count; n++) {
        struct incident *i = &cases->at[n];
        if (n >= o->c->incident_count || i->state != o->c->incidents[n].state) {
            continue; /* it already moves in this decision: one transition per record */
        }
        if (i->state == INCIDENT_CONFIRMED && is_mitigated(cases, o, i)) {
            case_go(i, INCIDENT_MITIGATED, o->now);
        } else if (is_of_links(i) && i->state == INCIDENT_RECOVERING && rerouted(o, i)) {
            case_go(i, INCIDENT_CLOSED, o->now);
        }
    }
}

static bool incident_equal(const struct incident *a, const struct incident *b)
{
    return a->state == b->state && a->rule == b->rule && a->approved == b->approved &&
           a->needs_approval == b->needs_approval;
}

uint32_t cases_changed(const struct casebook *cases, const struct control *c, struct incident *ret)
{
    uint32_t count = 0;
    for (uint32_t n = 0; n < cases->count; n++) {
        if (n >= c->incident_count || !incident_equal(&cases->at[n], &c->incidents[n])) {
            ret[count] = cases->at[n];
            ret[count].opened_offset = ret[count].changed_offset = 0;
            count++;
        }
    }
    return count;
}
