/* policy.h: what the helper may do at all, from a root-owned fleet file: once at the start, never
 * from the client. */
#ifndef SPILLWAY_ROUTED_POLICY_H
#define SPILLWAY_ROUTED_POLICY_H

#include "actuate/route_wire.h"

#include <stdio.h>

struct policy_of_routes {
    uint32_t table;
    uint8_t protocol;
    uint32_t gateway_count;
    struct route_gateway gateways[ROUTE_MAX_GATEWAYS]; /* over the links of this IDC */
    uint32_t interface_count; /* of all links and uplinks here: what a drill may strike */
    char interfaces[ROUTE_MAX_GATEWAYS][FLEET_IFNAME_SIZE];
    uint32_t prefix_count;
    struct prefix prefixes[ROUTE_MAX_PREFIXES]; /* of the other IDCs, sorted, distinct */
    uint32_t announce_table;
    uint32_t announced_count;
    struct prefix announced[ROUTE_MAX_ANNOUNCED]; /* anycast, of the services that are here */
};

/* Reads the fleet file: a regular file of root (or of the running user), not writable for group and
 * others. Says on err what is wrong and returns ERR_NOT_FOUND, ERR_PERMISSION, ERR_INVALID,
 * ERR_MEMORY or ERR_IO. */
int policy_load(const char *path, const char *idc_name, FILE *err,
                struct policy_of_routes *ret_policy) MUST_CHECK;
/* The same from a fleet in memory. ERR_INVALID for a table that is the kernel's own (0, 253 to
 * 255), one table for routes and announcements, a protocol below 5 (the kernel's and ip's own), too
 * many links. */
int policy_from_fleet(const struct fleet *f, uint16_t idc,
                      struct policy_of_routes *ret_policy) MUST_CHECK;
/* The interface belongs to a link of the fleet here. */
bool policy_interface(const struct policy_of_routes *p, const char *name);
/* Index of the gateway, or -1: it is not a hop of the fleet. */
int policy_gateway(const struct policy_of_routes *p, const struct route_gateway *gateway);
/* Index of the anycast prefix, or -1: it is not one of a service that is here. */
int policy_announcement(const struct policy_of_routes *p, const struct prefix *prefix);

#endif
