/* announce.h: keeps the anycast prefixes that this IDC announces in a kernel table of their own,
 * where a BGP daemon learns them (docs/bgp.md). No rule leads to the table: it carries no traffic.
 *
 * Announced is a prefix that has an unreachable route of ours there. What nobody asked for since
 * the start is left as it stands (law 1). */
#ifndef SPILLWAY_ROUTED_ANNOUNCE_H
#define SPILLWAY_ROUTED_ANNOUNCE_H

#include "actuate/routed/kernel.h"

struct announcer;

/* Reads nothing yet. Both are borrowed. ERR_MEMORY. */
int announcer_new(const struct policy_of_routes *policy, struct kernel *kernel,
                  struct announcer **ret_announcer) MUST_CHECK;
void announcer_free(struct announcer *a);

/* Index (from 0) of the first announcement of a prefix that the policy does not have, or -1. */
int announcer_foreign(const struct announcer *a, const struct route_request *r);
/* What is wanted from now on. A request was accepted: so what is ours and in no policy goes. */
void announcer_want(struct announcer *a, const struct route_request *r);
/* Compares kernel and wish, and mends: announcements first. *ret_steps: what was needed.
 * ERR_UNAVAILABLE when somebody else's route keeps a prefix in the table that is to be withdrawn;
 * what the kernel answers otherwise. */
int announcer_bring(struct announcer *a, uint32_t *ret_steps) MUST_CHECK;

#endif
