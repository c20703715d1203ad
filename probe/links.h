/* links.h: all link ends of this IDC: STAMP sessions, carrier, and the state of each (core/path.h).
 *
 * A span between two IDCs has a STAMP session in each direction. An uplink's other end belongs to a
 * carrier and reflects nothing: its health is its interface's carrier; whether the world is
 * reachable over it is what the reference targets tell. */
#ifndef SPILLWAY_PROBE_LINKS_H
#define SPILLWAY_PROBE_LINKS_H

#include "checks/stamp.h"
#include "config/logger.h"
#include "core/path.h"

struct links;

/* The health of the i-th link end changed; called from links_events, links_tick and links_judge. */
typedef void links_changed_fn(void *context, uint32_t i, enum health before);

struct links_config {
    const struct fleet *fleet;    /* outlives the links */
    const struct target *targets; /* the links among the targets come first */
    uint32_t count;               /* how many of them are links */
    const char *keys_dir;
    const struct logger *log;
    links_changed_fn *changed;
    void *context;
};

/* Makes them; what `old` (may be NULL) knows of the same links is taken over, their sockets too
 * unless keys are to be read again. A link whose key cannot be loaded is not probed and stays
 * unknown. */
int links_new(const struct links_config *config, struct links *old, bool reread_keys,
              struct mono now, struct links **ret) MUST_CHECK;
void links_free(struct links *l);
/* Readable when links_events has something to do. */
int links_fd(const struct links *l);
void links_events(struct links *l);
/* Sends a packet on every link, and concludes. */
void links_tick(struct links *l, struct mono now);
/* Drains the sockets, then concludes. */
void links_judge(struct links *l, struct mono now);
/* This process stood still until `until` (core/path.h). */
void links_unseen(struct links *l, struct mono until);
/* When links_judge is next due before a tick; false for not. */
bool links_due(const struct links *l, struct mono *ret_due);
/* Reads the interface counters, and loads keys that were missing. */
void links_refresh(struct links *l);

uint32_t links_count(const struct links *l);
/* The i-th link end: index of the link, and which end. */
void links_name(const struct links *l, uint32_t i, uint16_t *ret_link, uint8_t *ret_end);
void links_observe(struct links *l, uint32_t i, struct mono now, struct observation *ret);
/* The interface of the uplink to the carrier: its index and name, or 0 when there is none. Of
 * several, the first that has its link, in the order of the fleet. */
int links_uplink(const struct links *l, uint16_t carrier, const char **ret_interface);
/* Sum over all links. */
struct stamp_stats links_stats(const struct links *l);
uint64_t links_resyncs(const struct links *l);

#endif
