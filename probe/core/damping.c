/* damping.c: what flaps must hold longer before its good state counts (RFC 2439's shape). */
#include "core/damping.h"

enum {
    HALVES_TO_NOTHING = 32,
    STEPS_TO_NOTHING = HALVES_TO_NOTHING * DAMPING_STEPS,
};

struct damping_policy damping_policy_of(const struct policy *p)
{
    return (struct damping_policy){
        .half_life_us = p->flap_half_life_us,
        .longest_us = p->flap_longest_us,
        .suppress = p->flap_suppress,
        .reuse = p->flap_reuse,
    };
}

/* The penalty after so many steps. */
static uint32_t decayed(uint32_t penalty, int64_t steps)
{
    /* 65536 / 2^(i / 16) */
    static const uint32_t fraction[DAMPING_STEPS] = {65536, 62757, 60097, 57549, 55109, 52773,
                                                     50535, 48393, 46341, 44376, 42495, 40693,
                                                     38968, 37316, 35734, 34219};
    if (steps >= STEPS_TO_NOTHING)
        return 0;
    uint64_t part = (uint64_t)penalty * fraction[steps % DAMPING_STEPS] >> 16;
    return (uint32_t)(part >> (steps / DAMPING_STEPS));
}

/* Whole steps that have passed, at most those to nothing. */
static int64_t steps_in(int64_t elapsed_us, const struct damping_policy *p)
{
    if (elapsed_us <= 0)
        return 0;
    if (elapsed_us / HALVES_TO_NOTHING >= p->half_life_us)
        return STEPS_TO_NOTHING;
    return elapsed_us * DAMPING_STEPS / p->half_life_us;
}

/* From just below it, as many half-lives as the longest suppression has whole ones lead just below
 * reuse. */
static uint32_t ceiling(const struct damping_policy *p)
{
    int64_t halves = p->longest_us / p->half_life_us;
    if (halves > DAMPING_HALVES_MAX)
        halves = DAMPING_HALVES_MAX;
    uint64_t most = ((uint64_t)p->reuse << halves) - (p->reuse > 0);
    return most < UINT32_MAX ? (uint32_t)most : UINT32_MAX;
}

/* How long the penalty takes to fall below reuse. */
static int64_t time_to_reuse_us(uint32_t penalty, const struct damping_policy *p)
{
    int64_t steps = 0;
    while (steps < STEPS_TO_NOTHING && decayed(penalty, steps) >= p->reuse)
        steps++;
    return (steps * p->half_life_us + DAMPING_STEPS - 1) / DAMPING_STEPS;
}

void damping_flap(struct damping *d, const struct damping_policy *p, struct mono now)
{
    if (p->half_life_us <= 0)
        return;
    uint64_t penalty = (uint64_t)damping_penalty(d, p, now) + DAMPING_FLAP;
    uint32_t most = ceiling(p);
    d->penalty = penalty < most ? (uint32_t)penalty : most;
    d->at = now;
    if (d->penalty >= p->suppress || damping_left_us(d, now) > 0)
        d->until = mono_add(now, time_to_reuse_us(d->penalty, p));
}

uint32_t damping_penalty(const struct damping *d, const struct damping_policy *p, struct mono now)
{
    if (p->half_life_us <= 0)
        return 0;
    return decayed(d->penalty, steps_in(mono_diff_us(now, d->at), p));
}

int64_t damping_left_us(const struct damping *d, struct mono now)
{
    int64_t left = mono_diff_us(d->until, now);
    return left > 0 ? left : 0;
}
