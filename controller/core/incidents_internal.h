/* incidents_internal.h: how the files that observe verdicts move incidents. */
#ifndef SPILLWAY_CORE_INCIDENTS_INTERNAL_H
#define SPILLWAY_CORE_INCIDENTS_INTERNAL_H

#include "core/incidents.h"

void case_go(struct incident *i, enum incident_state to, struct logtime now);
/* It was concluded: opens or confirms. A recovery that fails again needs its approval anew. */
void case_confirm(struct casebook *cases, const struct outlook *o, enum incident_kind kind,
                  struct subject about, enum rule rule, bool needs_approval);
/* It looks so and nobody may conclude it: opens as suspected, for a person to look. */
void case_suspect(struct casebook *cases, const struct outlook *o, enum incident_kind kind,
                  const struct verdict *v);
/* Closes an incident of which nothing has to be undone. */
void case_clear(struct casebook *cases, const struct outlook *o, enum incident_kind kind,
                struct subject subject, enum incident_state from);

/* The IDC is down as a whole: what is dead there belongs to that incident. */
bool outage_holds(const struct casebook *cases, uint16_t idc);
/* The carrier is down, there or everywhere. */
bool carrier_outage_holds(const struct casebook *cases, uint16_t carrier, uint16_t idc);
/* Each outage of the region is mitigated, or over. */
bool region_mitigated(const struct casebook *cases, const struct outlook *o, uint16_t region);

void observe_carriers(struct casebook *cases, const struct outlook *o);
void observe_targets(struct casebook *cases, const struct outlook *o);
void observe_links(struct casebook *cases, const struct outlook *o);

#endif
