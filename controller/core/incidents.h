/* incidents.h: which incidents open, change and close. Internal to decide().
 *
 * What deserves a record (policy): a blip shorter than its window leaves none. After the window an
 * incident opens as confirmed when the rules allow the conclusion, as suspected when they do not
 * and a person should look. A suspected one that is seen good for the hold-down closes. So a
 * flapping subject costs at most one opening and one closing per hold-down, and INCIDENT_MAX bounds
 * all. */
#ifndef SPILLWAY_CORE_INCIDENTS_H
#define SPILLWAY_CORE_INCIDENTS_H

#include "core/outlook.h"

void cases_begin(struct casebook *cases, const struct control *c);
/* Opens, confirms and closes by the verdicts alone. */
void cases_observe(struct casebook *cases, const struct outlook *o);
/* to: what a rescue makes of the plan in force. A drain needs a word of its own: what was approved
 * before it was drained, or drained anew, no longer is. */
void cases_drained(struct casebook *cases, const struct outlook *o, const struct plan *to);
/* By the plan in force, nothing that may move is left on what the incident covers; of the views of
 * that carrier, or of all (FLEET_NONE). */
bool case_drained(const struct outlook *o, const struct incident *i, uint16_t carrier);
/* Incidents whose subject is back, held and approved begin to recover. */
void cases_recover(struct casebook *cases, const struct outlook *o);
/* Confirmed incidents about which the plan has done all it can, and whose actuators said so, are
 * mitigated; recovering links and conduits whose routes are in place close. */
void cases_settle(struct casebook *cases, const struct outlook *o);
/* The incident has taken traffic away by the answers, and is recovering. */
bool case_recovering(const struct incident *i);
/* The incident takes the entrance away from the carrier's views. */
bool case_covers(const struct outlook *o, const struct incident *i, uint16_t entrance,
                 uint16_t carrier);
/* The link belongs to a conduit that is cut. */
bool conduit_cut_holds(const struct casebook *cases, const struct fleet *f, uint16_t link);
/* All reachable DNS servers have acknowledged the plan in force. */
bool plan_acknowledged(const struct outlook *o);
/* Incidents that differ from those of the control state, to ret[INCIDENT_MAX]; returns their
 * number. */
uint32_t cases_changed(const struct casebook *cases, const struct control *c, struct incident *ret);

#endif
