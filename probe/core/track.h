/* track.h: the health of one watched thing over time: since when it holds, how often it flapped.
 *
 * What flaps must prove itself for longer (the idea of RFC 2439, in its simplest form): the good
 * run that ends a down doubles with every FLAPS_PER_DOUBLING changes of the last minute. */
#ifndef SPILLWAY_PROBE_CORE_TRACK_H
#define SPILLWAY_PROBE_CORE_TRACK_H

#include "base/times.h"
#include "model/verdict.h"

#include <stdbool.h>
#include <stdint.h>

enum {
    FLAP_MINUTES = 60,
    FLAPS_PER_DOUBLING = 4,
    FLAP_MAX_DOUBLINGS = 4,
};

struct track {
    enum health health;
    struct mono since;            /* when this health began, by its first packet or check */
    int64_t minute;               /* of the newest bucket, in minutes of the mono clock */
    uint16_t flaps[FLAP_MINUTES]; /* changes between known states, by minute modulo 60 */
};

/* Unknown since now. */
void track_init(struct track *t, struct mono now);
/* Sets the health, which began at `since` (clipped to now). True when it changed. Leaving or
 * entering unknown is a change, but no flap. */
bool track_set(struct track *t, enum health health, struct mono since, struct mono now);
/* Nobody looked until `until`: what held before is not known to have held since. */
void track_unseen(struct track *t, struct mono until);
/* How long the present health has held, in microseconds; never negative. */
int64_t track_held_us(const struct track *t, struct mono now);
/* Changes in the hour that ends now. */
uint32_t track_flaps(struct track *t, struct mono now);
/* The run of good results that must end a down: base, doubled for what flaps. */
uint32_t track_good_run(struct track *t, uint32_t base, struct mono now);

#endif
