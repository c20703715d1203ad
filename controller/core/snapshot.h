/* snapshot.h: writing the control state down as the leader, and checking what a leader wrote
 * (PROTOCOL.md, "The log": SNAPSHOT). */
#ifndef SPILLWAY_CORE_SNAPSHOT_H
#define SPILLWAY_CORE_SNAPSHOT_H

#include "core/agree.h"

/* Room for the one in flight; until it is read back or given up it is not made anew. */
struct snapshot {
    uint8_t *room;
    size_t size;
};

size_t snapshot_room_size(const struct fleet *f);
int snapshot_new(const struct fleet *f, struct arena *a, struct snapshot *ret_s) MUST_CHECK;
/* policy.snapshot_records since the newest one. It waits for open incidents to close, but not for
 * ever: while it is on its way to the log no decision can be. */
bool snapshot_due(const struct control *c);
/* Encodes the control state; borrowed from s. ERR_FULL. */
int snapshot_make(struct snapshot *s, const struct control *c, struct bytes *ret_bytes) MUST_CHECK;

enum snapshot_check {
    SNAPSHOT_SAME,      /* it is our own control state at its base */
    SNAPSHOT_DIFFERS,   /* it is not, or cannot be read */
    SNAPSHOT_UNCHECKED, /* what we had at its base is not known any more, or there is no room */
};

/* Compares an accepted SNAPSHOT with the own digest at its base; room is for the time of it. */
enum snapshot_check snapshot_check(const struct record *r, const struct agree *agree,
                                   struct arena room) MUST_CHECK;

#endif
