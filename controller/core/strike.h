/* strike.h: what a drill wants injected at this IDC, brought about and told: desired against done.
 *
 * There is no queue. What is wanted is a function of the control state and log time
 * (model/drill.h), what is done is the injectors' newest answer, and the difference is one effect
 * or one STEP. */
#ifndef SPILLWAY_CORE_STRIKE_H
#define SPILLWAY_CORE_STRIKE_H

#include "core/out.h"

struct strike {
    uint16_t *links; /* [link] of the effect in flight */
    bool known;      /* the injectors' state is known: they answered, or nothing was ever asked */
    uint32_t run;    /* the newest answer: what they do ... */
    uint8_t step;    /* ... DRILL_MAX_STEPS: nothing */
    int32_t status;
    bool busy; /* an effect is out and its OUTCOME has not come */
    struct mono retry_at, told_at;
};

size_t strike_arena_size(const struct fleet *f);
int strike_new(const struct fleet *f, struct arena *a, struct strike *ret_s) MUST_CHECK;
/* The injectors answered. */
void strike_answered(struct strike *s, const struct outcome *answer, struct mono now);
/* Asks for what is wanted and not done, tells what the log does not know. now: log time. */
void strike_run(struct strike *s, struct out *o, struct logtime now, bool writes);

#endif
