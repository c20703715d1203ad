/* result.h: what an actuator tells about one finished job. The daemon turns it into an outcome
 * event.
 *
 * Actuators never include core and never log: everything that a person or the core may want to know
 * about a job is in this structure. */
#ifndef SPILLWAY_ACTUATE_RESULT_H
#define SPILLWAY_ACTUATE_RESULT_H

#include "actuate/fence_text.h"
#include "model/record.h"

enum { ACTUATE_DETAIL_SIZE = 128 };

/* What stands at a target. */
struct fence_state {
    struct fence fence; /* era 0: none yet */
    struct fence_hold hold;
};

/* A person's break-glass word on a target: no plan, no generation (PROTOCOL.md, "Holds"). */
struct hold_order {
    bool place;             /* else: release the hold of this id */
    struct fence_hold hold; /* release: its id alone counts */
};

struct actuate_result {
    enum actuator actuator;
    uint16_t target;        /* DNS: server index; else the IDC */
    struct fence attempted; /* of the job */
    struct fence found;     /* what is there now, when known (era 0: unknown or none) */
    struct fence_hold hold; /* the hold that stopped it (ERR_HELD), else id 0 */
    int status;             /* of the error table */
    char
        detail[ACTUATE_DETAIL_SIZE]; /* what exactly, for people; "" when there is nothing to add */
};

/* Whether a job may write where `found` and `hold` stand: OK (older or equal there), ERR_HELD,
 * ERR_STALE or ERR_FOREIGN. found->era 0: no fence is there, which is older than any. hold->id 0:
 * no hold. */
int actuate_admit(const struct fence *job, const struct fence *found,
                  const struct fence_hold *hold) MUST_CHECK;

/* What holds after the order, id 0: nothing. ERR_NOT_FOUND: no fence is there to hold, or not the
 * hold that is to be released; ERR_HELD: another hold is there, which is released first. Placing
 * the same hold again is fine. */
int actuate_admit_hold(const struct hold_order *order, const struct fence_state *found,
                       struct fence_hold *ret_hold) MUST_CHECK;

/* Called from the loop, never from inside the call that started the job. r is borrowed. */
typedef void actuate_done(void *user, const struct actuate_result *r);

#endif
