/* forecast.h: what the machine would do if a fault struck now: the control state and the newest
 * evidence, stepped through log time by the same diagnosis, decisions and fold that do it in
 * earnest.
 *
 * Nothing is written and nobody acts: a shadow drill, the prediction before a live one, and the
 * question what a disaster would leave. What it leaves out, it says: actuators obey at once, every
 * healthy probe reports all the time, measured load stays as it is. */
#ifndef SPILLWAY_CORE_FORECAST_H
#define SPILLWAY_CORE_FORECAST_H

#include "core/diagnose.h"
#include "fold/fold.h"
#include "model/drill.h"

enum { FORECAST_MAX_STEPS = 64 }; /* kept; more are counted */

struct forecast_fault {
    enum drill_on on;
    struct drill_target target;
    uint32_t factor_ppm; /* on a view: what its demand is multiplied by */
};

/* One decision that would be taken. */
struct forecast_step {
    int64_t at_us; /* since the forecast began */
    enum decide_purpose purpose;
    uint32_t answers, tiers, hops; /* places of the plan that change */
    uint32_t incident_count;
    struct incident incident; /* the first that changes with it; kind 0: none does */
    struct drill_move drill;  /* of a drill under way; state DRILL_NEVER: none */
};

struct forecast;

size_t forecast_arena_size(const struct fleet *f);
/* Copies control state and reports into the arena, which has forecast_arena_size(). now: the
 * present log time. ERR_UNAVAILABLE while nobody leads, ERR_FULL. */
int forecast_new(const struct control *c, const struct evidence *evidence, struct logtime now,
                 struct arena *a, struct forecast **ret_forecast) MUST_CHECK;
/* The fault begins at the forecast's present time; NULL: it ends. */
void forecast_strike(struct forecast *fc, const struct forecast_fault *fault);
/* A person's command; what the fold says of it. A drill that is asked for runs: its injections are
 * the fault. */
int forecast_command(struct forecast *fc, const struct operator_record *command,
                     enum fold_void *ret_why) MUST_CHECK;
/* A person's word on every incident that waits for one. */
int forecast_approve(struct forecast *fc) MUST_CHECK;
/* Lets time pass until nothing was decided for quiet_us, at most limit_us. */
int forecast_run(struct forecast *fc, int64_t quiet_us, int64_t limit_us) MUST_CHECK;

/* The control state as it would be now; its plan is what would be in force. */
const struct control *forecast_control(const struct forecast *fc);
/* What the guards held back at the newest look; *ret_count results, those that passed too. */
const struct guard_result *forecast_guards(const struct forecast *fc, uint32_t *ret_count);
/* The decisions so far; *ret_count of them, of which at most FORECAST_MAX_STEPS are kept. */
const struct forecast_step *forecast_steps(const struct forecast *fc, uint32_t *ret_count);

#endif
