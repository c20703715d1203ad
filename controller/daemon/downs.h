/* downs.h: numbers the downs of this IDC's link ends (PROTOCOL.md, "Fences", routes).
 *
 * Pure counting; the daemon puts each number into the journal before the replica hears of it. */
#ifndef SPILLWAY_DAEMON_DOWNS_H
#define SPILLWAY_DAEMON_DOWNS_H

#include "base/times.h"

#include <stdbool.h>
#include <stdint.h>

/* What is known of one link end. */
struct down {
    uint32_t number;        /* of the newest down; 0: never down */
    bool down;              /* the probe's newest word */
    struct mono counted_at; /* when that down was counted; us -1: before this process */
};

/* Takes the probe's word: down or up, for held_us. True when it says something new: then *d has
 * changed and must be journaled before anyone acts on it.
 *
 * The probe repeats its word after each connect. A down that began before we counted the last one
 * is that one; one that began later is new, whatever we missed in between. After a restart of this
 * process a down is counted again: an extra number only makes a hold longer. */
bool down_heard(struct down *d, bool is_down, int64_t held_us, struct mono now);

#endif
