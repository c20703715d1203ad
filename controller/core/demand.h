/* demand.h: what is measured against the demand in force. Internal to decide().
 *
 * A measured demand that differs is first noted in the control state, and believed when it has held
 * since: for the confirmation window to rise, for policy.demand_fall to fall, and then by a quarter
 * of the distance. What is measured near the declared value means the declared value, so that a
 * quiet fleet stands exactly where its owner declared it. */
#ifndef SPILLWAY_CORE_DEMAND_H
#define SPILLWAY_CORE_DEMAND_H

#include "core/load.h"
#include "core/outlook.h"

/* Working memory, sized from the fleet. */
struct demand_room {
    uint64_t *planned_mrps;    /* [idc] requests of the service at hand that the plan sends there */
    struct demand_word *words; /* [record_max_demands()] */
};

size_t demand_arena_size(const struct fleet *f);
int demand_new(const struct fleet *f, struct arena *a, struct demand_room *ret_room) MUST_CHECK;

/* What a decision now has to say of the demand, to room->words; their number. *ret_next_us: in how
 * long, without new reports, there may be more to say; only ever made shorter. */
uint32_t demand_words(const struct outlook *o, struct demand_room *room, int64_t *ret_next_us);

#endif
