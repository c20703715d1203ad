/* requests.h: operators' commands on their way through the log, until the fold has answered them.
 */
#ifndef SPILLWAY_CORE_REQUESTS_H
#define SPILLWAY_CORE_REQUESTS_H

#include "core/out.h"

enum { REQUESTS_MAX = 8 }; /* under way at once; one more is answered ERR_BUSY */

struct request {
    bool used;
    struct operator_record command;
    int64_t base; /* of the first try, and the log time there: they bound how late it may count */
    struct logtime log_time;
    struct mono began, sent;
};

struct requests {
    struct request at[REQUESTS_MAX];
    uint8_t drill[DRILL_MAX_BYTES]; /* of the one request that asks for a drill */
    /* The changes of an UNDO under way; another one is answered ERR_BUSY. NULL without a fleet. */
    struct change *changes;
    uint32_t change_max;
    uint8_t *fleet; /* the bytes of the one request that brings a fleet, and its plan's */
    size_t fleet_size;
};

size_t requests_arena_size(const struct fleet *f);
int requests_new(const struct fleet *f, struct arena *a, struct requests *ret_q) MUST_CHECK;
/* The same for the fleet that follows: what is under way and speaks of places of the old one is
 * answered ERR_STALE, its indices mean something else now; ERR_UNAVAILABLE when we are gone. */
int requests_renew(const struct fleet *f, struct arena *a, struct out *o,
                   struct requests *q) MUST_CHECK;
/* Takes a command and copies what it points at (a fleet to the arena); answers at once when it was
 * folded before or there is no room. */
void requests_take(struct requests *q, struct arena *a, struct out *o,
                   const struct operator_record *command);
/* An OPERATOR record was read: answers it if it is ours. */
void requests_folded(struct requests *q, struct out *o, const struct record *r, int64_t offset,
                     enum fold_void why);
/* Sends what is due; answers ERR_TIMEOUT what the log did not show in time. writes: the log can be
 * written. */
void requests_run(struct requests *q, struct out *o, bool writes);

#endif
