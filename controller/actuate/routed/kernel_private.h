/* kernel_private.h: shared by the files that talk to the kernel. */
#ifndef SPILLWAY_ROUTED_KERNEL_PRIVATE_H
#define SPILLWAY_ROUTED_KERNEL_PRIVATE_H

#include "actuate/routed/kernel.h"

#include <linux/fib_rules.h>
#include <linux/rtnetlink.h>
#include <netlink/msg.h>
#include <netlink/netlink.h>
#include <sys/socket.h>

struct kernel {
    const struct policy_of_routes *policy;
    struct nl_sock *command; /* requests and their acknowledgements */
    struct nl_sock *events;
    uint32_t sequence; /* of batches, which libnl does not see; its own begin at the wall clock's
                          seconds */
    bool touched;      /* set while events are read */
};

/* One route of one of our tables, as dumped. */
struct kernel_route {
    struct prefix prefix;
    uint32_t table;
    uint32_t metric;
    struct rib_hop hop; /* index 0: not a plain single gateway */
    uint8_t protocol, type, tos;
};

int kernel_family(uint8_t family); /* 4, 6 -> AF_INET, AF_INET6 */
int kernel_error(int nl_error);    /* of libnl, negative */
/* Calls f for each route of the table in the family. */
int kernel_dump_routes(struct kernel *k, int family, uint32_t table,
                       void (*f)(void *user, const struct kernel_route *route),
                       void *user) MUST_CHECK;
/* Reads one route message; false when it is in none of our tables. */
bool kernel_parse_route(const struct kernel *k, struct nlmsghdr *header,
                        struct kernel_route *ret_route);
/* Deletes exactly this route. */
int kernel_delete_route(struct kernel *k, const struct kernel_route *route) MUST_CHECK;
/* Creates a route without a next hop, and never replaces another. */
int kernel_create_route(struct kernel *k, const struct kernel_route *route) MUST_CHECK;
/* One request with its acknowledgement; takes over the message. A negative errno, or OK. */
int kernel_request(struct kernel *k, struct nl_msg *message) MUST_CHECK;
int kernel_flush_rules(struct kernel *k) MUST_CHECK;

#endif
