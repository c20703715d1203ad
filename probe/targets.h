/* targets.h: the service checks of this probe: entrances and references, begun on a fixed schedule.
 *
 * Constant work: the targets are spread evenly over the check interval and each begins its share of
 * its pool (core/checker.h) at its turn, whatever the results are. Checks that run longer than the
 * interval overlap, in a bounded number of slots; when none is free a check is left out, which
 * counts for nothing. A check's time leaves out what our own lateness took (core/schedule.h).
 *
 * A target with a carrier is checked over that carrier's uplink here. While there is no interface
 * for it, nothing is known of the target; a check that failed over an interface that is no longer
 * the uplink's counts for nothing. */
#ifndef SPILLWAY_PROBE_TARGETS_H
#define SPILLWAY_PROBE_TARGETS_H

#include "base/error.h"
#include "core/checker.h"
#include "core/schedule.h"

struct targets;

/* The health of the i-th target (of those that are no links) changed. */
typedef void targets_changed_fn(void *context, uint32_t i, enum health before);

/* The interface of this IDC's uplink to the carrier: its index and name, or 0. Of several the first
 * that has its link, in the order of the fleet. */
typedef int targets_uplink_fn(void *context, uint16_t carrier, const char **ret_interface);

struct targets_config {
    const struct fleet *fleet;    /* outlives the targets */
    const struct target *targets; /* entrances and references */
    uint32_t count;
    const struct lateness *lateness; /* of the loop */
    targets_changed_fn *changed;
    void *context;
    targets_uplink_fn *uplink;
    void *uplink_context;
};

/* Makes them; what `old` (may be NULL) knows of the same targets is taken over. */
int targets_new(const struct targets_config *config, const struct targets *old, struct mono now,
                struct targets **ret) MUST_CHECK;
void targets_free(struct targets *t);
/* Readable when targets_events has something to do. */
int targets_fd(const struct targets *t);
void targets_events(struct targets *t);
/* Begins what is due, ends what is over its time; call it after targets_events. */
void targets_turn(struct targets *t, struct mono now);
/* This process stood still until `until` (core/checker.h). */
void targets_unseen(struct targets *t, struct mono until);
/* When targets_turn is next due. */
struct mono targets_due(const struct targets *t);

void targets_observe(struct targets *t, uint32_t i, struct mono now, struct observation *ret);
/* The target's name in the fleet, and that of the carrier over which it is checked ("": by the
 * host's routes). */
const char *targets_name(const struct targets *t, uint32_t i);
const char *targets_carrier(const struct targets *t, uint32_t i);
/* Checks left out for want of a slot or of a descriptor. */
uint64_t targets_left_out(const struct targets *t);
/* Checks that could not be begun for want of the uplink's interface. */
uint64_t targets_without_uplink(const struct targets *t);

#endif
