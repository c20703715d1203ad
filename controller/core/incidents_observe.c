/* incidents_observe.c: incidents of IDCs, services, observers and regions, out of verdicts. */
#include "core/incidents_internal.h"

bool outage_holds(const struct casebook *cases, uint16_t idc)
{
    return case_holds(
        case_find_const(cases, INCIDENT_IDC_OUTAGE, (struct subject){SUBJECT_IDC, idc, 0}));
}

static void observe_idc(struct casebook *cases, const struct outlook *o, uint16_t x)
{
    const struct verdict *v = &o->d->idcs[x];
    bool window_over = v->held_us >= o->f->policy.confirmation_us;
    if (v->health == HEALTH_DOWN) {
        case_confirm(cases, o, INCIDENT_IDC_OUTAGE, v->subject, v->rule,
                     !o->f->idcs[x].auto_restore);
        case_clear(cases, o, INCIDENT_IDC_ISOLATED, v->subject, INCIDENT_CONFIRMED);
    } else if (v->rule == RULE_NOT_ENOUGH_OBSERVERS) {
        case_suspect(cases, o, INCIDENT_IDC_OUTAGE, v);
    } else if (v->rule == RULE_OWN_PROBE_SAYS_ALIVE && window_over &&
               case_find(cases, INCIDENT_IDC_OUTAGE, v->subject) == NULL) {
        case_confirm(cases, o, INCIDENT_IDC_ISOLATED, v->subject, v->rule, false);
    } else if (v->rule == RULE_SEEN_GOOD) {
        case_clear(cases, o, INCIDENT_IDC_OUTAGE, v->subject, INCIDENT_SUSPECTED);
    }
}

/* An IDC that comes back is seen again check by check: as long as its outage holds, a service that
 * is still dead there belongs to that incident, and waits for no word of its own. */
static bool covered_by_outage(const struct casebook *cases, const struct verdict *v)
{
    return case_find_const(cases, INCIDENT_GRAY_FAILURE, v->subject) == NULL &&
           outage_holds(cases, v->subject.b);
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
        case_confirm(cases, o, INCIDENT_GRAY_FAILURE, v->subject, v->rule, waits);
    } else if (v->rule == RULE_ERRORS && v->health == HEALTH_DOWN) {
        /* Without requests it cannot show that it is well: a person has to say so. */
        case_confirm(cases, o, INCIDENT_GRAY_FAILURE, v->subject, v->rule,
                     !o->f->services[s].stateful);
    } else if (v->rule == RULE_ERRORS || (v->rule == RULE_NOT_ENOUGH_OBSERVERS && own_rule)) {
        case_suspect(cases, o, INCIDENT_GRAY_FAILURE, v);
    } else if (v->rule == RULE_SEEN_GOOD) {
        case_clear(cases, o, INCIDENT_GRAY_FAILURE, v->subject, INCIDENT_SUSPECTED);
    }
}

/* All that the observer looks over is out, for all or for it: it is no suspect of its own. */
static bool carriers_explain(const struct casebook *cases, const struct outlook *o, uint16_t x)
{
    uint32_t here = fleet_carriers_at(o->f, x);
    bool explain = here != 0;
    for (uint16_t c = 0; c < o->f->carrier_count; c++) {
        explain = explain && ((here >> c & 1) == 0 || carrier_outage_holds(cases, c, x));
    }
    return explain;
}

static void observe_observer(struct casebook *cases, const struct outlook *o, uint16_t x)
{
    const struct verdict *v = &o->d->observers[x];
    struct subject idc = {SUBJECT_IDC, x, 0};
    bool known = case_find(cases, INCIDENT_IDC_OUTAGE, idc) != NULL ||
                 case_find(cases, INCIDENT_IDC_ISOLATED, idc) != NULL;
    if (v->rule == RULE_OBSERVER_SUSPECT && !known && v->held_us >= o->f->policy.confirmation_us &&
        !carriers_explain(cases, o, x)) {
        case_confirm(cases, o, INCIDENT_BLIND_OBSERVER, v->subject, v->rule, false);
    } else if (v->rule == RULE_SEEN_GOOD) {
        case_clear(cases, o, INCIDENT_BLIND_OBSERVER, v->subject, INCIDENT_CONFIRMED);
    }
}

/* It has entrances: a vantage site or an empty datacenter says nothing of its region. */
static bool serves(const struct fleet *f, uint16_t x)
{
    bool any = false;
    for (uint16_t s = 0; s < f->service_count; s++) {
        any = any || fleet_capacity_ups(f, s, x) > 0;
    }
    return any;
}

/* A region is lost when two or more IDCs serve from it and all are down: one name for it beside
 * their outages, which keep their own lives. It is over when one of them is. */
static void observe_region(struct casebook *cases, const struct outlook *o, uint16_t r)
{
    struct subject about = {SUBJECT_REGION, r, 0};
    uint32_t serving = 0, down = 0, open = 0;
    bool waits = false;
    for (uint16_t x = 0; x < o->f->idc_count; x++) {
        if (o->f->idcs[x].region != r || !serves(o->f, x)) {
            continue;
        }
        const struct incident *i =
            case_find_const(cases, INCIDENT_IDC_OUTAGE, (struct subject){SUBJECT_IDC, x, 0});
        serving++;
        down += case_holds(i) && o->d->idcs[x].health == HEALTH_DOWN ? 1 : 0;
        open += case_holds(i) ? 1 : 0;
        waits = waits || (i != NULL && i->needs_approval);
    }
    struct incident *i = case_find(cases, INCIDENT_REGION_DISASTER, about);
    if (serving >= 2 && down == serving) {
        case_confirm(cases, o, INCIDENT_REGION_DISASTER, about, RULE_REGION_DOWN, waits);
    } else if (i != NULL && case_holds(i) && open < serving) {
        case_go(i, INCIDENT_RECOVERING, o->now);
    } else if (i != NULL && i->state == INCIDENT_RECOVERING && open == 0) {
        case_go(i, INCIDENT_CLOSED, o->now);
    }
}

bool region_mitigated(const struct casebook *cases, const struct outlook *o, uint16_t region)
{
    bool all = true;
    for (uint32_t n = 0; n < cases->count; n++) {
        const struct incident *i = &cases->at[n];
        if (i->kind == INCIDENT_IDC_OUTAGE && o->f->idcs[i->subject.a].region == region) {
            all = all && i->state != INCIDENT_CONFIRMED && i->state != INCIDENT_SUSPECTED;
        }
    }
    return all;
}

void cases_observe(struct casebook *cases, const struct outlook *o)
{
    for (uint16_t x = 0; x < o->f->idc_count; x++) {
        observe_idc(cases, o, x);
    }
    observe_carriers(cases, o);
    for (uint16_t x = 0; x < o->f->idc_count; x++) {
        observe_observer(cases, o, x);
    }
    for (uint16_t s = 0; s < o->f->service_count; s++) {
        for (uint16_t x = 0; x < o->f->idc_count; x++) {
            observe_service(cases, o, s, x);
        }
    }
    observe_links(cases, o);
    for (uint16_t r = 0; r < o->f->region_count; r++) {
        observe_region(cases, o, r);
    }
    observe_targets(cases, o);
}
