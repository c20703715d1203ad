/* announce.h: which IDCs announce the prefixes of anycast services. Internal to decide().
 *
 * An announcement follows the service's entrances at the IDC: withdrawn when they are dead or
 * drained over every carrier, announced again when one of them may have traffic back. What BGP
 * makes of it is not ours to plan: loads are those of the answers. */
#ifndef SPILLWAY_CORE_ANNOUNCE_H
#define SPILLWAY_CORE_ANNOUNCE_H

#include "core/outlook.h"

/* Withdraws where the service is dead, if another IDC is good to announce it, and lets that one
 * announce it when nobody good does. *to: a copy of the plan in force. */
void announce_rescue(const struct outlook *o, struct plan *to);
/* Takes what is out from a target that announces everywhere, but for pinned places; a service that
 * is out everywhere keeps what it has. */
void announce_target(const struct outlook *o, struct plan *target);
/* One step of each service towards the target: away withdraws one drained announcer, else one
 * settled IDC announces again. Returns how many; *blocked is added those that are not settled. */
uint32_t announce_step(const struct outlook *o, const struct plan *target, bool away,
                       struct plan *to, uint32_t *blocked);
/* A drained place still announces. */
bool announce_due(const struct outlook *o);
/* Announcements that are not the same in both plans. */
uint32_t announce_moves(const struct plan *a, const struct plan *b);

/* Why the announcement may not become what *to has there: the guard; 0: it may, or does not change.
 */
unsigned announce_forbids(const struct outlook *o, enum decide_purpose purpose,
                          const struct plan *to, uint16_t service, uint16_t idc);
/* Why a place that is out goes on announcing: the guard; 0: it does not. */
unsigned announce_stays(const struct outlook *o, const struct plan *to, uint16_t service,
                        uint16_t idc);

#endif
