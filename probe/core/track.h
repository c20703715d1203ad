/* track.h: the health of one watched thing over time: since when it holds, how often it flapped.
 *
 * A good state is held since it began, but not since before damping let go of it (damping.h). */
#ifndef SPILLWAY_PROBE_CORE_TRACK_H
#define SPILLWAY_PROBE_CORE_TRACK_H

#include "core/damping.h"
#include "model/verdict.h"

#include <stdbool.h>
#include <stdint.h>

enum { FLAP_MINUTES = 60 };

struct track {
    enum health health;
    struct mono since;            /* when this health began, by its first packet or check */
    int64_t minute;               /* of the newest bucket, in minutes of the mono clock */
    uint16_t flaps[FLAP_MINUTES]; /* changes between known states, by minute modulo 60 */
    struct damping_policy policy;
    struct damping damping, before; /* before: without the newest down */
};

/* Unknown since now. */
void track_init(struct track *t, const struct damping_policy *policy, struct mono now);
/* Sets the health, which began at `since` (clipped to now). True when it changed. Leaving or
 * entering unknown is a change, but no flap; going down from a good state is what damping counts.
 */
bool track_set(struct track *t, enum health health, struct mono since, struct mono now);
/* Nobody looked until `until`: what held before is not known to have held since. */
void track_unseen(struct track *t, struct mono until);
/* How long the present health has held, in microseconds; never negative. 0 for a good one that is
 * suppressed. */
int64_t track_held_us(const struct track *t, struct mono now);
/* Changes in the hour that ends now. */
uint32_t track_flaps(struct track *t, struct mono now);
/* The present down turned out to be none: damping does not count it. */
void track_forgive(struct track *t);
/* How much longer a good state counts for nothing. */
int64_t track_damped_us(const struct track *t, struct mono now);

#endif
