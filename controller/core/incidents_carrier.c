/* incidents_carrier.c: incidents of carriers, everywhere, at one IDC and to one entrance. */
#include "core/incidents_internal.h"

bool carrier_outage_holds(const struct casebook *cases, uint16_t carrier, uint16_t idc)
{
    return case_holds(case_find_const(cases, INCIDENT_CARRIER_OUTAGE,
                                      (struct subject){SUBJECT_CARRIER, carrier, 0})) ||
           case_holds(case_find_const(cases, INCIDENT_CARRIER_OUTAGE,
                                      (struct subject){SUBJECT_CARRIER_AT, carrier, idc}));
}

/* Nothing moves by it, so nothing has to come back: it ends when somebody has seen anything over
 * the carrier for the hold-down. IDCs that are still off it have incidents of their own. */
static void observe_carrier(struct casebook *cases, const struct outlook *o, uint16_t c)
{
    const struct verdict *v = &o->d->carriers[c];
    if (v->health == HEALTH_DOWN) {
        case_confirm(cases, o, INCIDENT_CARRIER_OUTAGE, v->subject, v->rule, false);
    } else if (v->rule == RULE_NOT_ENOUGH_OBSERVERS) {
        case_suspect(cases, o, INCIDENT_CARRIER_OUTAGE, v);
    } else if (v->rule == RULE_SEEN_GOOD || v->rule == RULE_PARTLY_SEEN) {
        case_clear(cases, o, INCIDENT_CARRIER_OUTAGE, v->subject, INCIDENT_SUSPECTED);
        case_clear(cases, o, INCIDENT_CARRIER_OUTAGE, v->subject, INCIDENT_CONFIRMED);
    }
}

/* A carrier's reach to an IDC comes back as a link does, by itself. */
static void observe_front(struct casebook *cases, const struct outlook *o, uint16_t c, uint16_t x)
{
    const struct verdict *v = &o->d->fronts[(size_t)c * o->f->idc_count + x];
    if (outage_holds(cases, x) &&
        case_find_const(cases, INCIDENT_CARRIER_OUTAGE, v->subject) == NULL) {
        return; /* an IDC that comes back is seen again carrier by carrier */
    }
    bool own = v->rule != o->d->idcs[x].rule; /* else it only repeats its IDC's verdict */
    if (v->health == HEALTH_DOWN && o->d->idcs[x].health != HEALTH_DOWN) {
        case_confirm(cases, o, INCIDENT_CARRIER_OUTAGE, v->subject, v->rule, false);
    } else if (v->rule == RULE_NOT_ENOUGH_OBSERVERS && own) {
        case_suspect(cases, o, INCIDENT_CARRIER_OUTAGE, v);
    } else if (v->rule == RULE_SEEN_GOOD) {
        case_clear(cases, o, INCIDENT_CARRIER_OUTAGE, v->subject, INCIDENT_SUSPECTED);
    }
}

/* What is dead as a whole has its own incident. */
static bool path_belongs(const struct casebook *cases, const struct entrance *e, uint16_t c)
{
    struct subject place = {SUBJECT_SERVICE, e->service, e->idc};
    return outage_holds(cases, e->idc) || carrier_outage_holds(cases, c, e->idc) ||
           case_holds(case_find_const(cases, INCIDENT_GRAY_FAILURE, place));
}

static void observe_path(struct casebook *cases, const struct outlook *o, uint16_t e, uint16_t c)
{
    const struct entrance *at = &o->f->entrances[e];
    const struct verdict *v = &o->d->paths[path_index(o->f, e, c)];
    const struct verdict *front = &o->d->fronts[(size_t)c * o->f->idc_count + at->idc];
    const struct verdict *place = &o->d->services[(size_t)at->service * o->f->idc_count + at->idc];
    if (path_belongs(cases, at, c) &&
        case_find_const(cases, INCIDENT_GRAY_FAILURE, v->subject) == NULL) {
        return;
    }
    bool own = front->health != HEALTH_DOWN && place->health != HEALTH_DOWN;
    if (v->health == HEALTH_DOWN && own) {
        bool waits = !o->f->idcs[at->idc].auto_restore && !o->f->services[at->service].stateful;
        case_confirm(cases, o, INCIDENT_GRAY_FAILURE, v->subject, v->rule, waits);
    } else if (v->rule == RULE_NOT_ENOUGH_OBSERVERS && front->rule != v->rule &&
               place->rule != v->rule) {
        case_suspect(cases, o, INCIDENT_GRAY_FAILURE, v);
    } else if (v->rule == RULE_SEEN_GOOD) {
        case_clear(cases, o, INCIDENT_GRAY_FAILURE, v->subject, INCIDENT_SUSPECTED);
    }
}

void observe_carriers(struct casebook *cases, const struct outlook *o)
{
    for (uint16_t c = 0; c < o->f->carrier_count; c++) {
        observe_carrier(cases, o, c);
        for (uint16_t x = 0; x < o->f->idc_count; x++) {
            observe_front(cases, o, c, x);
        }
    }
    for (uint16_t e = 0; e < o->f->entrance_count; e++) {
        for (uint16_t c = 0; c < o->f->carrier_count; c++) {
            if (entrance_over(&o->f->entrances[e], c)) {
                observe_path(cases, o, e, c);
            }
        }
    }
}
