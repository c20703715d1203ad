/* out.h: what the parts of a replica share while it takes one step: where effects go, who speaks.
 */
#ifndef SPILLWAY_CORE_OUT_H
#define SPILLWAY_CORE_OUT_H

#include "core/replica.h"

/* One step's surroundings. */
struct out {
    const struct replica_config *config;
    const struct control *control;
    uint16_t me; /* own idc in the control state's fleet, or FLEET_NONE */
    struct mono now;
    uint64_t *sequence; /* of this incarnation, the last one used */
    struct effect *effects;
    uint32_t count, max;
    struct mono deadline; /* the earliest time at which a part wants to be called again */
};

/* Room for one more effect, its kind set; NULL when the step's effects are full: the caller then
 * leaves its state as it was and is called again at once. */
struct effect *out_effect(struct out *o, enum effect_kind kind);
/* Tells people; dropped when the effects are full. */
void out_notice(struct out *o, enum notice notice, int64_t offset, int status, uint16_t subject);
/* The parts of a record that are the same for every kind, with the next sequence. */
struct record out_record(struct out *o, enum record_kind kind, struct logtime log_time);
/* Wants to be called at t at the latest. */
void out_wake(struct out *o, struct mono t);

static inline int64_t out_lease_us(const struct out *o)
{
    return o->control->fleet->policy.lease_us;
}
static inline bool is_due(struct mono t, struct mono now)
{
    return now.us >= t.us;
}
static inline struct mono mono_least(struct mono a, struct mono b)
{
    return a.us < b.us ? a : b;
}

#endif
