/* reflector.h: the sessions of a stateful STAMP reflector (RFC 8762 section 4.3): who is answered.
 *
 * A session is a source port of the link's peer. Each has its own count of reflected packets, and a
 * window of 64 sequence numbers against replays (the scheme of RFC 4303 section 3.4.3). A packet
 * that is old by its number is taken as a restarted sender's if its timestamp is newer than all
 * before it: in authenticated mode a replayed packet cannot have that.
 *
 * The table is bounded: a new session takes the place of one that was idle for a second, else it is
 * refused, so a flood of invented ports does not push the real peer out. */
#ifndef SPILLWAY_PROBE_CORE_REFLECTOR_H
#define SPILLWAY_PROBE_CORE_REFLECTOR_H

#include "base/times.h"

#include <stdbool.h>
#include <stdint.h>

enum {
    REFLECTOR_SESSIONS = 8,
    REFLECTOR_IDLE_US = 1000 * 1000,
};

struct reflector_session {
    uint16_t port; /* 0: free */
    uint32_t next; /* number of the next answer */
    uint32_t newest_seq;
    uint64_t seen;         /* bit i: newest_seq - i was seen */
    uint64_t newest_stamp; /* highest timestamp of the sender */
    struct mono used;
};

struct reflector {
    struct reflector_session sessions[REFLECTOR_SESSIONS];
};

enum reflect_result { REFLECT_OK, REFLECT_REPLAYED, REFLECT_REFUSED };

/* A packet of the peer's source port. REFLECT_OK: answer it with sequence number *ret_seq. */
enum reflect_result reflector_accept(struct reflector *r, uint16_t port, uint32_t seq,
                                     uint64_t stamp, struct mono now, uint32_t *ret_seq);

#endif
