/* demand.h: requests per second that a view asks of a service: declared, until measured.
 *
 * What is measured counts only after it has held for a while, in the control state: diagnosis has
 * no memory. It never leaves the span around the declared value, so that a service that tells
 * nonsense can neither hide from the planner nor starve the others of capacity. */
#ifndef SPILLWAY_MODEL_DEMAND_H
#define SPILLWAY_MODEL_DEMAND_H

#include "base/times.h"
#include "model/fleet.h"

enum { DEMAND_SPAN = 10 }; /* measured demand is at least a tenth and at most ten times declared */

/* Of one service in one view. */
struct demand {
    uint64_t rps;         /* in force; 0: as declared */
    uint64_t seen_rps;    /* measured since `since`, not in force yet; 0: nothing */
    struct logtime since; /* of the newest word on it */
};

/* A decision's word on one of them. */
struct demand_word {
    uint16_t service, view;
    uint64_t rps, seen_rps; /* as above */
};

static inline uint64_t demand_least(uint64_t declared_rps)
{
    return declared_rps / DEMAND_SPAN + (declared_rps % DEMAND_SPAN != 0 ? 1 : 0);
}
static inline uint64_t demand_most(uint64_t declared_rps)
{
    uint64_t most;
    return __builtin_mul_overflow(declared_rps, DEMAND_SPAN, &most) ? UINT64_MAX : most;
}
/* In force for the service in the view. demands is [service * view_count + view], or NULL: all as
 * declared. */
static inline uint64_t demand_in_force(const struct fleet *f, const struct demand *demands,
                                       uint16_t service, uint16_t view)
{
    size_t at = (size_t)service * f->view_count + view;
    return demands == NULL || demands[at].rps == 0 ? fleet_demand_rps(f, service, view)
                                                   : demands[at].rps;
}

#endif
