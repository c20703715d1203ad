/* damping.h: what flaps must hold longer before its good state counts (RFC 2439's shape).
 *
 * Each time that a watched thing goes down adds DAMPING_FLAP to its penalty, which halves with
 * every half-life. When the penalty reaches `suppress`, the thing is suppressed until it is below
 * `reuse`: its good state is then held since that moment and not before, so every hold-down that
 * counts from there keeps it out for longer. Its health is told as it is: damping never makes a
 * good link look down, nor a dead one less dead.
 *
 * The penalty has a ceiling, from which it decays below `reuse` within the longest suppression
 * (RFC 2439 section 4.2): after its last down nothing is suppressed for longer, however often it
 * flapped. Decay goes in steps of 1/16 half-life, so all values are exact integers. */
#ifndef SPILLWAY_PROBE_CORE_DAMPING_H
#define SPILLWAY_PROBE_CORE_DAMPING_H

#include "base/times.h"
#include "model/fleet.h"

enum {
    DAMPING_FLAP = 1000,
    DAMPING_STEPS = 16,      /* of one half-life */
    DAMPING_HALVES_MAX = 20, /* of the longest suppression: it is clipped to as many half-lives */
};

struct damping_policy {
    int64_t half_life_us;     /* 0: nothing is damped */
    int64_t longest_us;       /* suppression after the last down */
    uint32_t suppress, reuse; /* penalties */
};

struct damping {
    uint32_t penalty; /* at its time; 0 at the start */
    struct mono at;
    struct mono until; /* suppressed until then */
};

struct damping_policy damping_policy_of(const struct policy *p);
/* It went down. */
void damping_flap(struct damping *d, const struct damping_policy *p, struct mono now);
uint32_t damping_penalty(const struct damping *d, const struct damping_policy *p, struct mono now);
/* How much longer it is suppressed, in microseconds; 0 for not. */
int64_t damping_left_us(const struct damping *d, struct mono now);

#endif
