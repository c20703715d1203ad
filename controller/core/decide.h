/* decide.h: from verdicts to the next decision: incidents, target plan, next permissible step,
 * guards. Pure: the same control state, diagnosis and log time give the same decision. */
#ifndef SPILLWAY_CORE_DECIDE_H
#define SPILLWAY_CORE_DECIDE_H

#include "core/diagnose.h"

/* Working memory of decide(): scratch plans and the arrays of its result. */
size_t decide_arena_size(const struct fleet *f);

/* The plan with nothing known down, for `spillway init`. *ret_plan is allocated in the arena; its
 * fence has generation 1 and the digest set, era and log id zero. */
int plan_initial(const struct fleet *f, struct arena *a, struct plan *ret_plan) MUST_CHECK;
/* The plan that a new fleet brings: what is in force of all that is in both fleets, the initial one
 * of what is new. The arena has plan_following_arena_size(); the fence's digest is set. ERR_BUSY:
 * an answer needs what the next fleet does not have (fleet_carry_over). */
int plan_following(const struct control *c, const struct fleet *next, struct arena *a,
                   struct plan *ret_plan) MUST_CHECK;
size_t plan_following_arena_size(const struct control *c, const struct fleet *next);

/* The next decision, or purpose 0 in *ret_decide, with what the guards said, when there is nothing
 * to decide. Its arrays live
 * in the arena, which is reset by the caller between calls. *ret_next_us: in how long, without new
 * evidence or records, there may be something to decide (INT64_MAX: never). */
int decide(const struct control *c, const struct evidence *evidence, const struct diagnosis *d,
           struct logtime now, struct arena *a, struct decide *ret_decide,
           int64_t *ret_next_us) MUST_CHECK;

#endif
