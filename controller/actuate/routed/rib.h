/* rib.h: the helper's picture of its prefixes: wanted hops, what stands in the kernel, and the
 * steps from one to the other. Pure: no kernel is touched here.
 *
 * Each prefix has a row of metrics 1 to RIB_METRICS. The first wanted hop goes to the lowest
 * metric, the next one to the next, over metrics that foreign routes occupy. A route is replaced in
 * one kernel operation and a surplus one is deleted last, so that a prefix that has a route keeps
 * one at every step (law 5). */
#ifndef SPILLWAY_ROUTED_RIB_H
#define SPILLWAY_ROUTED_RIB_H

#include "actuate/route_wire.h"

enum { RIB_METRICS = 16 };

/* A next hop as the kernel knows it. index 0: none, or an interface that does not exist now. */
struct rib_hop {
    uint32_t index; /* of the interface */
    struct address gateway;
};

struct rib_row {
    struct prefix prefix;
    bool wanted; /* something was asked for since the start; else the kernel's routes are left as
                    they are */
    uint8_t want_count;
    uint16_t want[FLEET_MAX_HOPS];    /* indices into the policy's gateways, effective first */
    struct rib_hop have[RIB_METRICS]; /* ours in the kernel, at metric i + 1 */
    bool foreign[RIB_METRICS];        /* somebody else's route is there */
};

struct rib {
    uint32_t row_count;
    struct rib_row *rows; /* sorted by prefix_order() */
};

enum rib_step_kind { RIB_CREATE = 1, RIB_REPLACE, RIB_DELETE };

struct rib_step {
    enum rib_step_kind kind;
    uint32_t row;
    uint32_t metric;
    struct rib_hop hop; /* of a deletion: what is deleted */
};

int prefix_order(const struct prefix *a, const struct prefix *b);
bool rib_hop_equal(const struct rib_hop *a, const struct rib_hop *b);
/* Index of the row, or -1. */
int rib_find(const struct rib *r, const struct prefix *prefix);
/* Forgets what stands in the kernel, before it is read anew. */
void rib_forget_kernel(struct rib *r);

/* gateways[i]: the policy's gateway i as the kernel knows it now. Steps of the first kind: wanted
 * hops that do not stand, the effective ones of all prefixes first. The caller carries them out in
 * order and tells each outcome by rib_done(). steps must hold row_count * FLEET_MAX_HOPS. Returns
 * their number. */
uint32_t rib_puts(const struct rib *r, const struct rib_hop *gateways, struct rib_step *steps);
/* Steps of the second kind: ours that nobody wants, of prefixes where a wanted hop stands. steps
 * must hold row_count * RIB_METRICS. */
uint32_t rib_deletes(const struct rib *r, const struct rib_hop *gateways, struct rib_step *steps);
/* The kernel carried the step out. */
void rib_done(struct rib *r, const struct rib_step *step);
/* Rows of which something is wanted and no wanted hop stands. */
uint32_t rib_bare(const struct rib *r, const struct rib_hop *gateways);

#endif
