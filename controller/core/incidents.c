/* incidents.c: the lives of incidents, moved by verdicts, actuators' outcomes and a person's word.
 */
#include "core/incidents.h"

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

static void go(struct incident *i, enum incident_state to, struct logtime now)
{
    assert(incident_may_go(i->state, to));
    i->state = to;
    i->changed = now;
}

static void open_case(struct casebook *cases, const struct outlook *o, enum incident_kind kind,
                      enum incident_state state, const struct verdict *v, bool needs_approval)
{
    if (cases->count >= INCIDENT_MAX) {
        return; /* bounded: what is open already says that a person is needed */
    }
    struct incident *i = &cases->at[cases->count++];
    memset(i, 0, sizeof *i);
    i->id = cases->next_id++;
    i->kind = kind;
    i->subject = v->subject;
    i->rule = v->rule;
    i->needs_approval = needs_approval;
    i->opened = o->now;
    go(i, state, o->now);
}

/* A death was concluded: opens or confirms. A recovery that fails again needs its approval anew. */
static void confirm(struct casebook *cases, const struct outlook *o, enum incident_kind kind,
                    const struct verdict *v, bool needs_approval)
{
    struct incident *i = case_find(cases, kind, v->subject);
    if (i == NULL) {
        open_case(cases, o, kind, INCIDENT_CONFIRMED, v, needs_approval);
    } else if (i->state == INCIDENT_SUSPECTED || i->state == INCIDENT_RECOVERING) {
        go(i, INCIDENT_CONFIRMED, o->now);
        i->rule = v->rule;
        i->needs_approval = needs_approval;
        i->approved = false;
    }
}

static void suspect(struct casebook *cases, const struct outlook *o, enum incident_kind kind,
                    const struct verdict *v)
{
    if (case_find(cases, kind, v->subject) == NULL) {
        open_case(cases, o, kind, INCIDENT_SUSPECTED, v, false);
    }
}

/* Closes an incident of which nothing has to be undone. */
static void clear(struct casebook *cases, const struct outlook *o, enum incident_kind kind,
                  const struct subject *subject, enum incident_state from)
{
    struct incident *i = case_find(cases, kind, *subject);
    if (i != NULL && i->state == from) {
        go(i, INCIDENT_CLOSED, o->now);
    }
}

static void observe_idc(struct casebook *cases, const struct outlook *o, uint16_t x)
{
    const struct verdict *v = &o->d->idcs[x];
    bool window_over = v->held_us >= o->f->policy.confirmation_us;
    if (v->health == HEALTH_DOWN) {
        confirm(cases, o, INCIDENT_IDC_OUTAGE, v, !o->f->idcs[x].auto_restore);
        clear(cases, o, INCIDENT_IDC_ISOLATED, &v->subject, INCIDENT_CONFIRMED);
    } else if (v->rule == RULE_NOT_ENOUGH_OBSERVERS) {
        suspect(cases, o, INCIDENT_IDC_OUTAGE, v);
    } else if (v->rule == RULE_OWN_PROBE_SAYS_ALIVE && window_over &&
               case_find(cases, INCIDENT_IDC_OUTAGE, v->subject) == NULL &&
               case_find(cases, INCIDENT_IDC_ISOLATED, v->subject) == NULL) {
        open_case(cases, o, INCIDENT_IDC_ISOLATED, INCIDENT_CONFIRMED, v, false);
    } else if (v->rule == RULE_SEEN_GOOD) {
        clear(cases, o, INCIDENT_IDC_OUTAGE, &v->subject, INCIDENT_SUSPECTED);
        clear(cases, o, INCIDENT_IDC_ISOLATED, &v->subject, INCIDENT_CONFIRMED);
    }
}

/* An IDC that comes back is seen again check by check: as long as its outage holds, a service that
 * is still dead there belongs to that incident, and waits for no word of its own. */
static bool covered_by_outage(const struct casebook *cases, const struct verdict *v)
{
    struct subject idc = {SUBJECT_IDC, v->subject.b, 0};
    return case_find_const(cases, INCIDENT_GRAY_FAILURE, v->subject) == NULL &&
           case_holds(case_find_const(cases, INCIDENT_IDC_OUTAGE, idc));
}

static void observe_service(struct casebook *cases, const struct outlook *o, uint16_t s, uint16_t x)
{
    const struct verdict *v = &o->d->services[(size_t)s * o->f->idc_count + x];
    if (covered_by_outage(cases, v)) {
        return;
    }
    bool own_rule = v->rule != o->d->idcs[x].rule; /* else it only repeats its IDC's verdict */
    if (v->rule == RULE_SERVICE_DEAD_INSIDE) {
        bool waits = !o->f->idcs[x].auto_restore && !o->f->services[s].stateful;
        confirm(cases, o, INCIDENT_GRAY_FAILURE, v, waits);
    } else if (v->rule == RULE_NOT_ENOUGH_OBSERVERS && own_rule) {
        suspect(cases, o, INCIDENT_GRAY_FAILURE, v);
    } else if (v->rule == RULE_SEEN_GOOD) {
        clear(cases, o, INCIDENT_GRAY_FAILURE, &v->subject, INCIDENT_SUSPECTED);
    }
}

/* The link's IDC is down as a whole: its links belong to that incident. */
static bool belongs_to_outage(const struct casebook *cases, const struct outlook *o, uint16_t l)
{
    for (int end = 0; end < 2; end++) {
        uint16_t x = o->f->links[l].end[end].idc;
        if (x != FLEET_NONE && case_holds(case_find_const(cases, INCIDENT_IDC_OUTAGE,
                                                          (struct subject){SUBJECT_IDC, x, 0}))) {
            return true;
        }
    }
    return false;
}

static void observe_link(struct casebook *cases, const struct outlook *o, uint16_t l)
{
    const struct verdict *v = &o->d->links[l];
    struct incident *i = case_find(cases, INCIDENT_LINK_CUT, v->subject);
    if (v->health == HEALTH_DOWN && (i != NULL || !belongs_to_outage(cases, o, l))) {
        confirm(cases, o, INCIDENT_LINK_CUT, v, false);
    } else if (v->rule == RULE_SEEN_GOOD && case_holds(i) &&
               v->held_us >= o->f->policy.link_hold_down_us) {
        go(i, INCIDENT_RECOVERING, o->now);
    }
}

static void observe_observer(struct casebook *cases, const struct outlook *o, uint16_t x)
{
    const struct verdict *v = &o->d->observers[x];
    struct subject idc = {SUBJECT_IDC, x, 0};
    bool known = case_find(cases, INCIDENT_IDC_OUTAGE, idc) != NULL ||
                 case_find(cases, INCIDENT_IDC_ISOLATED, idc) != NULL ||
                 case_find(cases, INCIDENT_BLIND_OBSERVER, v->subject) != NULL;
    if (v->rule == RULE_OBSERVER_SUSPECT && !known && v->held_us >= o->f->policy.confirmation_us) {
        open_case(cases, o, INCIDENT_BLIND_OBSERVER, INCIDENT_CONFIRMED, v, false);
    } else if (v->rule == RULE_SEEN_GOOD) {
        clear(cases, o, INCIDENT_BLIND_OBSERVER, &v->subject, INCIDENT_CONFIRMED);
    }
}

void cases_observe(struct casebook *cases, const struct outlook *o)
{
    for (uint16_t x = 0; x < o->f->idc_count; x++) {
        observe_idc(cases, o, x);
    }
    for (uint16_t x = 0; x < o->f->idc_count; x++) {
        observe_observer(cases, o, x);
    }
    for (uint16_t s = 0; s < o->f->service_count; s++) {
        for (uint16_t x = 0; x < o->f->idc_count; x++) {
            observe_service(cases, o, s, x);
        }
    }
    for (uint16_t l = 0; l < o->f->link_count; l++) {
        observe_link(cases, o, l);
    }
}

static bool is_drain(const struct incident *i)
{
    return i->kind == INCIDENT_IDC_OUTAGE || i->kind == INCIDENT_GRAY_FAILURE;
}

bool case_recovering(const struct incident *i)
{
    return is_drain(i) && i->state == INCIDENT_RECOVERING;
}

bool case_covers(const struct incident *i, const struct entrance *e)
{
    return (i->kind == INCIDENT_IDC_OUTAGE && i->subject.a == e->idc) ||
           (i->kind == INCIDENT_GRAY_FAILURE && i->subject.a == e->service &&
            i->subject.b == e->idc);
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
                case_covers(i, &o->f->entrances[e])) {
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
    return i->kind == INCIDENT_IDC_OUTAGE
               ? &o->d->idcs[i->subject.a]
               : &o->d->services[(size_t)i->subject.a * o->f->idc_count + i->subject.b];
}

void cases_recover(struct casebook *cases, const struct outlook *o)
{
    for (uint32_t n = 0; n < cases->count; n++) {
        struct incident *i = &cases->at[n];
        /* RULE_SEEN_GOOD on a drained subject means that the hold-down is over. */
        bool may = i->approved || !i->needs_approval || BUG(APPROVAL);
        if (is_drain(i) && case_holds(i) && may && drain_verdict(o, i)->rule == RULE_SEEN_GOOD) {
            go(i, INCIDENT_RECOVERING, o->now);
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

bool case_drained(const struct outlook *o, const struct incident *i)
{
    const struct plan *p = &o->c->plan;
    for (uint16_t s = 0; s < o->f->service_count; s++) {
        for (uint16_t v = 0; v < o->f->view_count && !o->f->services[s].stateful; v++) {
            const struct answer *a = plan_answer(p, s, v);
            for (uint8_t n = 0; n < a->count; n++) {
                uint16_t e = a->slots[n].entrance;
                if (e != FLEET_NONE && case_covers(i, &o->f->entrances[e])) {
                    return false;
                }
            }
        }
    }
    return true;
}

void cases_settle(struct casebook *cases, const struct outlook *o)
{
    bool dns = plan_acknowledged(o);
    for (uint32_t n = 0; n < cases->count; n++) {
        struct incident *i = &cases->at[n];
        bool link = i->kind == INCIDENT_LINK_CUT;
        if (n >= o->c->incident_count || i->state != o->c->incidents[n].state) {
            continue; /* it already moves in this decision: one transition per record */
        }
        if (i->state == INCIDENT_CONFIRMED && is_drain(i) && dns && case_drained(o, i)) {
            go(i, INCIDENT_MITIGATED, o->now);
        } else if (link && i->state == INCIDENT_CONFIRMED && routes_acknowledged(o, i->subject.a)) {
            go(i, INCIDENT_MITIGATED, o->now);
        } else if (link && i->state == INCIDENT_RECOVERING &&
                   routes_acknowledged(o, i->subject.a)) {
            go(i, INCIDENT_CLOSED, o->now);
        }
    }
}

void cases_overload(struct casebook *cases, const struct outlook *o, const bool *overloaded)
{
    for (uint16_t s = 0; s < o->f->service_count; s++) {
        for (uint16_t x = 0; x < o->f->idc_count; x++) {
            struct verdict v = {.subject = {SUBJECT_SERVICE, s, x}};
            bool over = overloaded[(size_t)s * o->f->idc_count + x];
            if (over && case_find(cases, INCIDENT_OVERLOAD, v.subject) == NULL) {
                open_case(cases, o, INCIDENT_OVERLOAD, INCIDENT_CONFIRMED, &v, false);
            } else if (!over) {
                clear(cases, o, INCIDENT_OVERLOAD, &v.subject, INCIDENT_CONFIRMED);
            }
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
