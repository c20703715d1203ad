/* checker.h: the state of one checked target: an entrance's pool of addresses, or a reference.
 *
 * Constant work (law 9): each check interval looks at an eighth of the pool (at least one address),
 * in rotation, so the whole pool is seen within eight intervals whatever its size and whatever
 * happens.
 *
 * The target is down when the newest check of every address failed and at least `failures` checks
 * in a row did: one live address keeps an entrance from being called dead. That state is held since
 * the first of those checks began, as a link's is since its first lost packet. It is degraded while
 * some addresses fail `failures` times in a row. It leaves down when one address is good as often;
 * what flaps is damped (damping.h).
 *
 * Checks overlap (a timeout is longer than an interval) and end in any order: a failure that began
 * before a success began is older news, and does not count. */
#ifndef SPILLWAY_PROBE_CORE_CHECKER_H
#define SPILLWAY_PROBE_CORE_CHECKER_H

#include "core/track.h"
#include "core/window.h"
#include "model/report.h"

enum { CHECKER_ROUND = 8 }; /* intervals in which the whole pool is seen */

struct checked_address {
    uint32_t failed_run, good_run; /* saturating */
    struct mono failed_first;      /* when the first check of the failed run began */
    struct mono good_first;        /* when the first of the good run ended */
    struct mono good_began;        /* when the newest success began */
    bool ever_good;
    bool bad; /* failed `failures` times in a row, and not yet good as often */
};

struct checker {
    uint32_t failures; /* in a row */
    uint16_t count, next;
    struct checked_address addresses[FLEET_MAX_ADDRESSES];
    uint32_t failed_run; /* of the target, in order of beginning */
    struct mono failed_first;
    struct mono good_began;
    bool ever_good;
    struct mono blind; /* checks that began before it count for nothing */
    struct times_window took;
    struct track track;
};

/* addresses is clipped to 1..FLEET_MAX_ADDRESSES, failures to at least 1. */
void checker_init(struct checker *c, uint16_t addresses, uint32_t failures,
                  const struct damping_policy *damping, struct mono now);
/* How many checks begin at each interval. */
uint16_t checker_per_interval(const struct checker *c);
/* The address whose turn it is; the rotation goes on. */
uint16_t checker_take(struct checker *c);
/* A check of the address that began at `began` ended now. True when the target's health changed. */
bool checker_result(struct checker *c, uint16_t address, bool good, struct mono began,
                    struct mono now);
/* This process stood still until `until`: neither a state nor a run of results began before. */
void checker_unseen(struct checker *c, struct mono until);
/* There is no way to look: unknown from now on, and what began before does not count. True when the
 * health changed. */
bool checker_blind(struct checker *c, struct mono now);
void checker_observe(struct checker *c, struct mono now, struct observation *ret);

#endif
