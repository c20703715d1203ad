/* orders.h: what people's standing words mean for the next decision. Internal to decide(). */
#ifndef SPILLWAY_CORE_ORDERS_H
#define SPILLWAY_CORE_ORDERS_H

#include "core/load.h"
#include "core/outlook.h"

/* Brings drains and pins into the outlook, which is filled otherwise. A drain does nothing where it
 * would leave a service over a carrier without anything usable (law 5): of several the newest gives
 * way, so that what is drained already stays so. */
void orders_look(struct outlook *o);
/* The newest drain that still moves the service does nothing, for want of capacity elsewhere; all:
 * every drain. False: there is none. outlook_fill() makes it so. */
bool orders_refuse(struct outlook *o, uint16_t service, bool all);
/* Something is to move for an order, or to come back after one: a target is worth its cost. */
bool orders_due(const struct outlook *o);
/* Home as people's words leave it, before what is out is moved away: what is pinned, and stateful
 * services, stay where they are. */
void orders_target(const struct outlook *o, struct plan *home);
/* ... and after that: what an undo keeps stays as the plan has it, and tiers end at the demotions.
 */
void orders_target_end(const struct outlook *o, struct plan *target);
/* A drained service's target asks more of an entrance than it has. load: scratch. */
bool orders_overload(const struct outlook *o, const struct plan *target, uint16_t service,
                     struct load *load);
/* Puts the values of the oldest undo above `after` that the plan differs from into *to, a copy of
 * the plan in force; its id, or 0. */
uint32_t orders_undo(const struct outlook *o, uint32_t after, struct plan *to);
/* Keeps the place of kept value i as the plan in force has it; true when *to was about to change
 * it.
 */
bool orders_keep(const struct outlook *o, uint32_t i, struct plan *to);
/* What a new fleet wants otherwise is not all in the plan yet. */
bool orders_new_fleet(const struct control *c);
/* An order that has ended; 0: none. */
uint32_t orders_ended(const struct outlook *o);
/* The newest drain or demotion in force; 0: none. */
uint32_t orders_newest(const struct outlook *o);
/* Highest tier of the service that demotions leave in the region; FLEET_MAX_TIER: any. */
uint8_t orders_tier_cap(const struct control *c, uint16_t region, uint16_t service);

#endif
