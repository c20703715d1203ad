/* result.c: the one rule by which every actuator lets a job pass or stops it (law 4). */
#include "actuate/result.h"

int actuate_admit(const struct fence *job, const struct fence *found, const struct fence_hold *hold)
{
    if (hold->id != 0)
        return ERR_HELD;
    if (found->era == 0)
        return OK;
    switch (fence_compare(found, job)) {
    case FENCE_OLDER:
    case FENCE_EQUAL: return OK;
    case FENCE_NEWER: return ERR_STALE;
    case FENCE_SPLIT: return ERR_FOREIGN;
    }
    return ERR_INVARIANT;
}

int actuate_admit_hold(const struct hold_order *order, const struct fence_state *found,
                       struct fence_hold *ret_hold)
{
    bool same = found->hold.id == order->hold.id;
    if (found->fence.era == 0 || (!order->place && !same))
        return ERR_NOT_FOUND;
    if (order->place && found->hold.id != 0 && !same)
        return ERR_HELD;
    *ret_hold = order->place ? order->hold : (struct fence_hold){0};
    return OK;
}
