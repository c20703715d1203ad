/* route_wire.h: what spillwayd and its route helper say to each other: one message per packet of a
 * unix SOCK_SEQPACKET socket, in the canonical codec.
 *
 * Prefixes and hops travel by value, not as indices: the helper judges them by its own fleet file,
 * which may be another version than the client's. */
#ifndef SPILLWAY_ACTUATE_ROUTE_WIRE_H
#define SPILLWAY_ACTUATE_ROUTE_WIRE_H

#include "actuate/result.h"

enum {
    ROUTE_WIRE_VERSION = 1,
    ROUTE_MAX_GATEWAYS = 512, /* different next hops in one message */
    ROUTE_MAX_PREFIXES = FLEET_MAX_IDCS * FLEET_MAX_PREFIXES,
    ROUTE_MAX_ANNOUNCED = FLEET_MAX_SERVICES * FLEET_MAX_ANYCAST,
    ROUTE_MESSAGE_MAX = 128 * 1024, /* fits the largest request */
    ROUTE_ARENA_SIZE = 192 * 1024,  /* for one decoded request */
    INJECT_MAX_MS = 3600 * 1000,
};

/* A next hop: the address at the other end of a link, and our interface to it. */
struct route_gateway {
    char interface[FLEET_IFNAME_SIZE];
    struct address address;
};

struct route_prefix {
    struct prefix prefix;
    uint8_t count;                     /* 1 to FLEET_MAX_HOPS */
    uint16_t gateways[FLEET_MAX_HOPS]; /* indices into the request's gateways, effective first */
};

/* Whether a BGP daemon is to announce the prefix from here. */
struct route_announcement {
    struct prefix prefix;
    bool on;
};

/* SET: bring these prefixes to these hops, and announce or withdraw those. Prefixes that are not
 * named are left as they are. */
struct route_request {
    uint64_t id; /* comes back in the reply */
    struct fence fence;
    uint32_t gateway_count, prefix_count;
    struct route_gateway *gateways;
    struct route_prefix *prefixes;
    uint32_t announcement_count; /* 0: the message ends before them, as it did in the beginning */
    struct route_announcement *announcements;
};

/* INJECT: for a drill: drop all that comes and goes by these interfaces of the fleet's links, for
 * so long; none, or no time: nothing is dropped any more. Replaces what was injected before. */
struct inject_request {
    uint64_t id;
    uint32_t for_ms; /* the kernel ends it by itself after so long; at most INJECT_MAX_MS */
    uint32_t count;
    char interfaces[ROUTE_MAX_GATEWAYS][FLEET_IFNAME_SIZE];
};

/* HOLD: places a break-glass hold on this host's routes, or releases it. */
struct hold_request {
    uint64_t id;
    struct hold_order order;
};

enum route_operation {
    ROUTE_NOTHING = 0,
    ROUTE_SET = 1,
    ROUTE_REPLY = 2,
    ROUTE_INJECT = 3,
    ROUTE_ASK = 4,  /* changes nothing: the reply says which fence and hold the helper has */
    ROUTE_HOLD = 5, /* a person's word: the reply says what stands afterwards */
};

struct route_reply {
    uint64_t id;
    int32_t status;
    struct fence found; /* what the helper holds now; era 0: none */
    struct fence_hold hold;
    char detail[ACTUATE_DETAIL_SIZE];
};

/* Either direction; in reading, arrays come from the codec's arena and every index and size is
 * checked. */
void route_request_codec(struct codec *c, struct route_request *r);
void inject_request_codec(struct codec *c, struct inject_request *r);
void route_ask_codec(struct codec *c, uint64_t *id);
void hold_request_codec(struct codec *c, struct hold_request *r);
void route_reply_codec(struct codec *c, struct route_reply *r);
/* What the message asks for, by its head alone; ROUTE_NOTHING: it is none of ours. */
enum route_operation route_operation(const uint8_t *bytes, size_t size);

#endif
