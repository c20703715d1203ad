/* act.h: desired against observed, per actuator: when to push, to retry, to wait, and what to tell.
 */
#ifndef SPILLWAY_CORE_ACT_H
#define SPILLWAY_CORE_ACT_H

#include "core/routes.h"

/* One actuator at one target. */
struct job {
    struct fence at; /* what is there, generation 0 while not known */
    bool busy;       /* an effect is out and its OUTCOME has not come */
    struct fence trying;
    struct mono since;
    uint32_t failures;     /* in a row */
    struct mono retry_at;  /* after a failure */
    struct mono verify_at; /* look again although all is well */
    bool untold;           /* the newest outcome is not in the log yet */
    int32_t status;
    struct fence told; /* what that outcome was about */
    struct mono told_at;
};

struct act {
    struct fence plan; /* of the plan that is acted upon; generation 0: none yet */
    struct mono since; /* when that began */
    struct job *dns;   /* [dns server] */
    struct job routing, features;
    struct routes routes;
    bool current; /* the log is read to where it stood when this incarnation began */
    /* A rescue's push waits for the receivers' demotion, until push_at at the latest (law 6). */
    bool *receivers; /* [idc] */
    bool waits;
    struct mono push_at;
    /* Answers that differ between two plans, so that a server at diff_from needs no more. */
    struct change *diff;
    uint32_t diff_count;
    struct fence diff_from, diff_to;
};

size_t act_arena_size(const struct fleet *f);
int act_new(const struct fleet *f, struct arena *a, struct act *ret_a) MUST_CHECK;
/* A DECIDE gave the control state a new plan: remembers what is needed to act upon it. */
void act_decided(struct act *a, const struct control *c, const struct decide *d, struct mono now);
/* The control state's plan is acted upon from now on. */
void act_adopt(struct act *a, const struct control *c, uint16_t me, struct mono now);
/* A record of this very incarnation was read back. Until then announcements are left as they stand:
 * an IDC that was dead may have been withdrawn since its journal was written (law 7). */
void act_current(struct act *a);
/* True when the control state's plan is not the one acted upon. */
bool act_lags(const struct act *a, const struct control *c);
void act_outcome(struct act *a, struct out *o, const struct outcome *outcome);
/* Pushes what is due. leads: every DNS server; else only a lagging one of the own IDC. */
void act_run(struct act *a, struct out *o, bool leads);
/* The job of an actuator, NULL when there is none of that name here. */
struct job *act_job(struct act *a, const struct control *c, enum actuator actuator, uint16_t target,
                    uint16_t me);

#endif
