/* incidents_link.c: incidents of links, conduits and the backbone of an IDC. */
#include "core/incidents_internal.h"

/* A whole that is down explains the link: its IDC, or its carrier there. */
static bool belongs_to_outage(const struct casebook *cases, const struct outlook *o, uint16_t l)
{
    const struct link *at = &o->f->links[l];
    for (int end = 0; end < 2; end++) {
        uint16_t x = at->end[end].idc;
        if (x != FLEET_NONE &&
            (outage_holds(cases, x) ||
             (at->carrier != FLEET_NONE && carrier_outage_holds(cases, at->carrier, x)))) {
            return true;
        }
    }
    return false;
}

static bool conduit_has(const struct conduit *g, uint16_t l)
{
    for (uint32_t n = 0; n < g->link_count; n++) {
        if (g->links[n] == l) {
            return true;
        }
    }
    return false;
}

bool conduit_cut_holds(const struct casebook *cases, const struct fleet *f, uint16_t l)
{
    for (uint32_t n = 0; n < cases->count; n++) {
        const struct incident *i = &cases->at[n];
        if (i->kind == INCIDENT_CONDUIT_CUT && case_holds(i) &&
            conduit_has(&f->conduits[i->subject.a], l)) {
            return true;
        }
    }
    return false;
}

static void observe_conduit(struct casebook *cases, const struct outlook *o, uint16_t g)
{
    const struct verdict *v = &o->d->conduits[g];
    struct incident *i = case_find(cases, INCIDENT_CONDUIT_CUT, v->subject);
    bool explained = false;
    for (uint32_t n = 0; n < o->f->conduits[g].link_count; n++) {
        explained = explained || belongs_to_outage(cases, o, o->f->conduits[g].links[n]);
    }
    if (v->health == HEALTH_DOWN && (i != NULL || !explained)) {
        case_confirm(cases, o, INCIDENT_CONDUIT_CUT, v->subject, v->rule, false);
    } else if (v->rule == RULE_SEEN_GOOD && case_holds(i)) {
        case_go(i, INCIDENT_RECOVERING, o->now);
    }
}

static void observe_link(struct casebook *cases, const struct outlook *o, uint16_t l)
{
    const struct verdict *v = &o->d->links[l];
    struct incident *i = case_find(cases, INCIDENT_LINK_CUT, v->subject);
    bool explained = belongs_to_outage(cases, o, l) || conduit_cut_holds(cases, o->f, l);
    if (v->health == HEALTH_DOWN && (i != NULL || !explained)) {
        case_confirm(cases, o, INCIDENT_LINK_CUT, v->subject, v->rule, false);
    } else if (v->rule == RULE_SEEN_GOOD && case_holds(i) &&
               v->held_us >= o->f->policy.link_hold_down_us) {
        case_go(i, INCIDENT_RECOVERING, o->now);
    }
}

/* A link that loses packets for the whole window; what is cut is no longer gray. */
static void observe_gray(struct casebook *cases, const struct outlook *o, uint16_t l)
{
    const struct verdict *v = &o->d->links[l];
    struct incident *i = case_find(cases, INCIDENT_GRAY_FAILURE, v->subject);
    bool held = v->rule == RULE_SEEN_GOOD && v->held_us >= o->f->policy.link_hold_down_us;
    if (v->rule == RULE_END_DEGRADED && v->held_us >= o->f->policy.confirmation_us &&
        !belongs_to_outage(cases, o, l)) {
        case_confirm(cases, o, INCIDENT_GRAY_FAILURE, v->subject, v->rule, false);
    } else if (case_holds(i) && (held || v->health == HEALTH_DOWN)) {
        case_go(i, INCIDENT_RECOVERING, o->now);
    }
}

static void observe_backbone(struct casebook *cases, const struct outlook *o, uint16_t x)
{
    const struct verdict *v = &o->d->backbones[x];
    struct subject about = {SUBJECT_IDC, x, 0};
    struct incident *i = case_find(cases, INCIDENT_IDC_ISOLATED, about);
    if (outage_holds(cases, x)) {
        if (i != NULL && i->state == INCIDENT_MITIGATED) {
            case_go(i, INCIDENT_RECOVERING, o->now); /* the outage has what it had taken away */
        }
    } else if (v->health == HEALTH_DOWN) {
        case_confirm(cases, o, INCIDENT_IDC_ISOLATED, about, v->rule, false);
    }
}

void observe_links(struct casebook *cases, const struct outlook *o)
{
    for (uint16_t x = 0; x < o->f->idc_count; x++) {
        observe_backbone(cases, o, x);
    }
    for (uint16_t g = 0; g < o->f->conduit_count; g++) {
        observe_conduit(cases, o, g);
    }
    for (uint16_t l = 0; l < o->f->link_count; l++) {
        observe_link(cases, o, l);
        observe_gray(cases, o, l);
    }
}
