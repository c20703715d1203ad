/* agree.h: do the replicas still have the same control state? (PROTOCOL.md, "Digests") */
#ifndef SPILLWAY_CORE_AGREE_H
#define SPILLWAY_CORE_AGREE_H

#include "fold/fold.h"

enum {
    AGREE_RING = 64
}; /* own digests kept; heartbeats and alives speak of the newest few records */

enum agreement { AGREE_UNKNOWN, AGREE_SAME, AGREE_DIFFERS };

struct agree {
    struct {
        int64_t offset; /* -1: free */
        struct digest digest;
    } ring[AGREE_RING];
    uint32_t next;
    enum agreement with[FLEET_MAX_IDCS]; /* by each replica's newest alive */
    bool leader_differs; /* by the leader's newest heartbeat that could be compared */
};

void agree_init(struct agree *g);
/* A new fleet counts its IDCs anew: what the others last said is forgotten, the own digests are
 * not. */
void agree_renew(struct agree *g);
/* Own digest after the record at this offset. */
void agree_own(struct agree *g, int64_t offset, const struct digest *d);
/* NULL when it is too old or was never made. */
const struct digest *agree_at(const struct agree *g, int64_t offset);
/* Another replica's digest after the record at base. */
void agree_alive(struct agree *g, uint16_t idc, int64_t base, const struct digest *d);
void agree_heartbeat(struct agree *g, int64_t base, const struct digest *d);
/* True when this replica may not act: it differs from the leader and has no majority of candidates
 * behind it; or it leads and a majority of candidates agrees on another digest. Those who differ
 * from the leader say by their `alive` that they are not halted once they have that majority: a
 * leader whom all others contradict, each with a digest of its own, goes on. */
bool agree_halts(const struct agree *g, const struct control *c, uint16_t me, bool leads);

#endif
