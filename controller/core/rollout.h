/* rollout.h: the way back home in small steps: demotion first, then slots, then features (law 7).
 */
#ifndef SPILLWAY_CORE_ROLLOUT_H
#define SPILLWAY_CORE_ROLLOUT_H

#include "core/outlook.h"
#include "core/planner.h"

/* What the next step of the way from the plan in force to the target is. */
enum rollout {
    ROLLOUT_DONE = 1, /* home, or as near as capacity allows */
    ROLLOUT_WAITS,    /* for an acknowledgement, or a target that is not usable now */
    ROLLOUT_SHED,     /* *to is the plan with the receivers' tiers demoted first */
    ROLLOUT_SHIFT,    /* *to is the plan with one step of slots moved away from drains */
    ROLLOUT_RESTORE,  /* *to is the plan with one step of slots moved home */
    ROLLOUT_PROMOTE,  /* *to is the plan with one tier promoted */
};

struct rollout_way {
    const struct plan *target; /* home, with what is still out rescued away */
    bool whole;                /* nothing is out: the target is home itself */
    struct load *load;         /* scratch: of the target */
};

/* What is left of the interval since the last step, 0 or less when the next may come. Asked first:
 * a target costs more than the answer. */
int64_t rollout_wait_us(const struct outlook *o);
/* to: a copy of the plan in force, changed by SHED, RESTORE and PROMOTE. load: scratch. */
enum rollout rollout_step(const struct outlook *o, const struct rollout_way *way, struct load *load,
                          struct plan *to);
/* One tier more where the target has it and it fits: the demand fell. target NULL: wherever a tier
 * is missing, to ask before a target is made. whole: nothing is out. False: none. */
bool rollout_promote(const struct outlook *o, const struct plan *target, bool whole,
                     struct load *load, struct plan *to);
/* Nothing is out. */
bool rollout_whole(const struct outlook *o);
/* All usable entrances of the service in the region carry the plan, with what has to be kept free
 * for a tier to come back. */
bool rollout_fits(const struct outlook *o, const struct plan *p, bool whole, uint16_t region,
                  uint16_t service, struct load *load);
/* Slots of a view's answer that may move in one step. */
uint32_t rollout_budget(const struct fleet *f, uint8_t slots);

#endif
