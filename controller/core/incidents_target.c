/* incidents_target.c: places where a plan is to be written and cannot be: held by a person, or
 * written by another log. By the folded outcomes of the actuators, which are the only witnesses. */
#include "core/incidents_internal.h"

/* A failure of another kind says nothing on what stands there: only an outcome that has seen it
 * does. */
static void observe_target(struct casebook *cases, const struct outlook *o, struct subject about,
                           const struct actuation_state *a)
{
    switch (a->status) {
    case ERR_HELD: case_confirm(cases, o, INCIDENT_HELD, about, RULE_FENCE_SAYS, false); break;
    case ERR_FOREIGN:
        case_confirm(cases, o, INCIDENT_SPLIT_FENCE, about, RULE_FENCE_SAYS, false);
        case_clear(cases, o, INCIDENT_HELD, about, INCIDENT_CONFIRMED);
        break;
    case OK:
        case_clear(cases, o, INCIDENT_HELD, about, INCIDENT_CONFIRMED);
        case_clear(cases, o, INCIDENT_SPLIT_FENCE, about, INCIDENT_CONFIRMED);
        break;
    default: break;
    }
}

void observe_targets(struct casebook *cases, const struct outlook *o)
{
    for (uint16_t n = 0; n < o->f->dns_server_count; n++) {
        observe_target(cases, o, (struct subject){SUBJECT_TARGET, ACTUATOR_DNS, n}, &o->c->dns[n]);
    }
    for (uint16_t x = 0; x < o->f->idc_count; x++) {
        observe_target(cases, o, (struct subject){SUBJECT_TARGET, ACTUATOR_ROUTES, x},
                       &o->c->routes[x]);
        observe_target(cases, o, (struct subject){SUBJECT_TARGET, ACTUATOR_FEATURES, x},
                       &o->c->features[x]);
    }
}
