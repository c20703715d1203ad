/* kernel.h: routes, the rule and the sysctl in the kernel, by netlink (libnl). */
#ifndef SPILLWAY_ROUTED_KERNEL_H
#define SPILLWAY_ROUTED_KERNEL_H

#include "actuate/routed/policy.h"
#include "actuate/routed/rib.h"

enum { RULE_PRIORITY = 32000 }; /* before the main table's 32766 */

struct kernel;

/* ERR_PERMISSION, ERR_MEMORY, ERR_IO. The policy is borrowed. */
int kernel_open(const struct policy_of_routes *policy, struct kernel **ret_kernel) MUST_CHECK;
void kernel_close(struct kernel *k);

/* Reads our table into the rib. Routes of our protocol that no row can hold (another prefix, kind
 * or metric) are no longer ours to keep: with remove_strays they are deleted. */
int kernel_read(struct kernel *k, struct rib *rib, bool remove_strays) MUST_CHECK;
/* Carries the steps out, 256 per send with one acknowledgement, and tells the rib those that
 * worked. Returns the number that failed, or a negative code when the kernel cannot be talked to.
 */
int kernel_apply(struct kernel *k, struct rib *rib, const struct rib_step *steps,
                 uint32_t count) MUST_CHECK;
/* Adds the rule that leads to our table for each family of the policy's prefixes, where it is
 * absent. */
int kernel_ensure_rule(struct kernel *k) MUST_CHECK;
/* ignore_routes_with_linkdown on the gateways' interfaces that exist, so that carrier loss moves
 * traffic to the next hop without us. Returns how many could not be set. */
int kernel_ignore_linkdown(struct kernel *k);
/* What the kernel knows the gateways as now: index 0 where the interface does not exist. */
void kernel_resolve(struct kernel *k, struct rib_hop *ret_hops);
/* The table of announcements, by the policy's prefixes: ours, and those of somebody else. */
struct kernel_announced {
    bool stands[ROUTE_MAX_ANNOUNCED];
    bool foreign[ROUTE_MAX_ANNOUNCED];
};

/* Reads the table. With remove_strays, routes of our protocol that are no announcement of the
 * policy are deleted. */
int kernel_read_announced(struct kernel *k, struct kernel_announced *ret_table,
                          bool remove_strays) MUST_CHECK;
/* Creates the route of the prefix, or deletes it. */
int kernel_announce(struct kernel *k, const struct prefix *prefix, bool on) MUST_CHECK;
/* Deletes all routes of our tables and protocol, and our rules; nothing else. */
int kernel_flush(struct kernel *k) MUST_CHECK;

/* Descriptor that is readable when something happened, and whether it may concern us: our tables or
 * rules changed by others, an interface came or went, events were lost. */
int kernel_event_fd(const struct kernel *k);
bool kernel_events(struct kernel *k);

#endif
