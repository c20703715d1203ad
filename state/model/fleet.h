/* fleet.h: the fleet as plain data: what exists, how it hangs together, what it can carry.
 *
 * A fleet is parsed once (state/config), checked whole, and never changed in place. Things refer to
 * each other by index into the arrays below; FLEET_NONE means "none". Array order is the order of
 * the file, so indices are stable for one fleet digest and meaningless for another. */
#ifndef SPILLWAY_MODEL_FLEET_H
#define SPILLWAY_MODEL_FLEET_H

#include "base/codec.h"
#include "base/sha256.h"

#include <stdbool.h>
#include <stdint.h>

enum {
    FLEET_NAME_SIZE = 64, /* bytes of a name, NUL included */
    FLEET_DNS_NAME_SIZE = 256,
    FLEET_IFNAME_SIZE = 16,
    FLEET_PATH_SIZE = 128,
    FLEET_TEXT_SIZE = 128,

    FLEET_MAX_REGIONS = 64,
    FLEET_MAX_CARRIERS = 16,
    FLEET_MAX_IDCS = 320,   /* vantage sites included */
    FLEET_MAX_PREFIXES = 8, /* of one IDC */
    FLEET_MAX_LINKS = 2048,
    FLEET_MAX_CONDUITS = 512,
    FLEET_MAX_VIEWS = 256,
    FLEET_MAX_SERVICES = 64,
    FLEET_MAX_FEATURES = 32, /* of one service */
    FLEET_MAX_CHECKS = 4,    /* of one service */
    FLEET_MAX_ANYCAST = 4,   /* prefixes of one service */
    FLEET_MAX_ENTRANCES = 1024,
    FLEET_MAX_ADDRESSES = 32, /* of one entrance */
    FLEET_MAX_REFERENCES = 64,
    FLEET_MAX_DNS_SERVERS = 64,
    FLEET_MAX_SLOTS = 32, /* of one view's answer */
    FLEET_MAX_TIER = 9,   /* tiers are 0 (core) to 9 */
    FLEET_MAX_HOPS = 8,   /* ordered next hops to one IDC */
    FLEET_NONE = 0xffff,
};

/* family 4 or 6 (0: no address); bytes in network order, the first 4 or all 16. */
struct address {
    uint8_t family;
    uint8_t bytes[16];
};

struct prefix {
    struct address address;
    uint8_t length; /* bits */
};

struct region {
    char name[FLEET_NAME_SIZE];
};

struct carrier {
    char name[FLEET_NAME_SIZE];
};

/* A datacenter, or a vantage site (a probe without services). Each is one observer. */
struct idc {
    char name[FLEET_NAME_SIZE];
    uint16_t region;
    uint16_t partition; /* of spillway.reports; never reused for another IDC */
    bool vantage;
    bool candidate;    /* its spillwayd may lead */
    bool auto_restore; /* comes back without a person's word; default false (law 7) */
    uint16_t prefix_count;
    struct prefix prefixes[FLEET_MAX_PREFIXES]; /* reached over the links, routed by Spillway */
    char probe_key[FLEET_NAME_SIZE]; /* key id of report MACs; the key itself is a local file */
    char probe_key_next[FLEET_NAME_SIZE]; /* second key during a rotation, or "" */
};

struct link_end {
    uint16_t idc; /* FLEET_NONE for the carrier's end of an uplink */
    char interface[FLEET_IFNAME_SIZE];
    struct address address;
};

/* A span between two IDCs, or an IDC's uplink to a carrier (end 0 is then the IDC). */
struct link {
    char name[FLEET_NAME_SIZE];
    struct link_end end[2];
    uint16_t carrier; /* FLEET_NONE for a span */
    uint32_t capacity_mbps;
    uint32_t latency_us;       /* one way; the metric of route planning */
    char key[FLEET_NAME_SIZE]; /* key id of authenticated STAMP, or "" for unauthenticated */
};

/* Links that fail together (shared risk link group, RFC 4202 section 2.3). */
struct conduit {
    char name[FLEET_NAME_SIZE];
    uint32_t link_count;
    uint16_t *links; /* indices of links, ascending */
};

/* (user region, carrier): the unit of DNS steering. */
struct view {
    char name[FLEET_NAME_SIZE]; /* one DNS label */
    uint16_t region;            /* of the users */
    uint16_t carrier;
    uint16_t slots; /* of every answer of this view, 1 to FLEET_MAX_SLOTS */
    uint16_t prefer_count;
    uint16_t
        *prefer; /* IDCs in order of preference (usually latency); others only as a last resort */
};

enum check_kind { CHECK_TCP, CHECK_HTTP, CHECK_HTTPS, CHECK_DNS };

struct check {
    enum check_kind kind;
    uint16_t port;
    char path[FLEET_PATH_SIZE]; /* HTTP(S): request target; DNS: the name asked for */
    uint16_t expect_status;     /* HTTP(S): 0 means any 2xx */
};

enum load_format { LOAD_JSON, LOAD_PROMETHEUS };

/* Where a service of an IDC tells what it carries, over HTTP (spillway-fleet(5) has the formats).
 */
struct load_source {
    uint16_t port;
    char path[FLEET_PATH_SIZE];
    enum load_format format;
};

enum backbone_need { BACKBONE_REQUIRED, BACKBONE_PREFERRED, BACKBONE_NONE };

/* A part of a service that can be demoted. Tier 0 is core and never is. */
struct feature {
    char name[FLEET_NAME_SIZE];
    char owner[FLEET_NAME_SIZE];
    uint8_t tier;
    uint32_t cost_ppm; /* load of one request of the service, in millionths of a capacity unit */
    uint32_t value;    /* relative worth to users; among equal tiers shown, not decided upon */
};

struct service {
    char name[FLEET_NAME_SIZE];
    char dns_name[FLEET_DNS_NAME_SIZE]; /* <view>.<dns_name> is what Spillway publishes; absolute,
                                           with dot */
    uint32_t ttl_s;
    enum backbone_need backbone;
    bool stateful; /* law 12: the machine alone never moves it */
    uint16_t feature_count;
    uint16_t check_count;
    uint16_t anycast_count;
    bool has_load; /* it tells its load */
    struct load_source load;
    struct feature *features;
    struct check checks[FLEET_MAX_CHECKS];
    struct prefix anycast[FLEET_MAX_ANYCAST]; /* every IDC that serves it announces them */
};

/* An address pool of a service at an IDC, reached through carriers. Traffic is given to entrances.
 */
struct entrance {
    char name[FLEET_NAME_SIZE];
    uint16_t service;
    uint16_t idc;
    uint32_t carriers;     /* bit i: carrier i reaches it */
    uint64_t capacity_ups; /* capacity units per second */
    uint16_t address_count;
    struct address *addresses;
};

/* A target that tells whether an observer itself can see the world over a carrier. */
struct reference {
    char name[FLEET_NAME_SIZE];
    uint32_t carriers; /* bit i: reached over carrier i */
    enum check_kind kind;
    uint16_t port;
    struct address address;
    char path[FLEET_PATH_SIZE];
};

struct dns_server {
    char name[FLEET_NAME_SIZE];
    uint16_t idc; /* where it stands, or FLEET_NONE */
    struct address address;
    uint16_t port;
    char tsig_key[FLEET_NAME_SIZE];      /* key name = key id; hmac-sha256 */
    char tsig_key_next[FLEET_NAME_SIZE]; /* second key during a rotation, or "" */
};

/* Durations in microseconds. Each has a default, bounds and a unit in the one schema table of
 * state/config. */
struct policy {
    int64_t probe_interval_us;  /* between two STAMP packets of a session */
    uint32_t probe_losses;      /* consecutive losses that make a link down */
    uint32_t degraded_loss_ppm; /* loss in the window that makes it degraded */
    int64_t check_interval_us;  /* between two service checks of one target */
    int64_t check_timeout_us;
    uint32_t check_failures;    /* consecutive failures that make a target down */
    int64_t report_interval_us; /* full-state reports */
    int64_t report_stale_us;    /* an older newest report is not evidence */
    int64_t
        confirmation_us; /* how long a death must have lasted before an IDC or service is drained */
    int64_t link_hold_down_us; /* how long a link must have been up before it is released */
    int64_t idc_hold_down_us;  /* how long an IDC must have been up before it may come back */
    int64_t step_interval_us;  /* between two steps of a restore */
    uint32_t restore_step_ppm; /* of a view's slots brought back in one step, at least one slot */
    uint32_t headroom_ppm;     /* capacity kept free when features come back */
    uint32_t min_observers;    /* whose agreement drains an IDC (law 2) */
    uint32_t max_drained_idcs; /* dead as a whole, that the machine alone may have drained */
    int64_t cold_start_us;     /* a new log or leader drains nothing before this has passed */
    int64_t lease_us;          /* of the leader; heartbeats come four per lease */
    int64_t rescue_bound_us;   /* a rescue waits for features at most this long (law 6) */
    int64_t dns_timeout_us;    /* for one exchange with a DNS server */
    int64_t flap_half_life_us; /* of the penalty of what flaps (RFC 2439): 1000 for each down */
    uint32_t flap_suppress;    /* penalty at which its good state no longer counts */
    uint32_t flap_reuse;       /* penalty below which it counts again, from then on */
    int64_t flap_longest_us;   /* that it does not count after the last down */
    uint32_t demand_band_ppm;  /* measured demand within it of the one in force changes nothing */
    int64_t demand_fall_us;    /* between two steps down of the demand in force, a quarter each */
    uint32_t saturation_limit_ppm; /* from which on a service is overloaded; 0: not looked at */
    uint32_t error_limit_ppm;      /* of its requests, from which on it fails; 0: not looked at */
    uint32_t
        snapshot_records;    /* of the log, after which the leader writes the control state down */
    int64_t journal_keep_us; /* log time that a journal goes back, if a snapshot is behind it */
};

struct fleet {
    char name[FLEET_NAME_SIZE];
    char zone[FLEET_DNS_NAME_SIZE]; /* the zone that Spillway updates; absolute, with dot */
    uint16_t geo_ttl_s;             /* TTL of the customer's CNAMEs, part of the stated windows */
    uint16_t route_table;           /* kernel table of our routes */
    uint16_t announce_table;        /* kernel table of what a BGP daemon is to announce */
    uint8_t route_protocol;         /* kernel protocol number of our routes */
    uint16_t stamp_port;            /* UDP port of STAMP reflectors (RFC 8762: 862) */
    struct policy policy;

    uint16_t region_count, carrier_count, idc_count, link_count, conduit_count, view_count;
    uint16_t service_count, entrance_count, reference_count, dns_server_count;
    struct region *regions;
    struct carrier *carriers;
    struct idc *idcs;
    struct link *links;
    struct conduit *conduits;
    struct view *views;
    struct service *services;
    struct entrance *entrances;
    struct reference *references;
    struct dns_server *dns_servers;
    uint64_t *capacity_ups; /* [service * idc_count + idc]: capacity units per second, 0 where it
                               does not run */
    uint64_t *demand_rps;   /* [service * view_count + view]: declared requests per second at the
                               daily peak */
};

/* The fleet in its canonical binary form, in either direction (arrays come from the codec's arena).
 * Reading checks structure and index bounds only; meaning is checked by state/config. */
void fleet_codec(struct codec *c, struct fleet *f);
/* SHA-256 of the canonical form. scratch must hold fleet_encoded_size() bytes. */
struct digest fleet_digest(const struct fleet *f, void *scratch, size_t scratch_size);
size_t fleet_encoded_size(const struct fleet *f);

static inline uint64_t fleet_capacity_ups(const struct fleet *f, uint16_t service, uint16_t idc)
{
    return f->capacity_ups[(uint32_t)service * f->idc_count + idc];
}
static inline uint64_t fleet_demand_rps(const struct fleet *f, uint16_t service, uint16_t view)
{
    return f->demand_rps[(uint32_t)service * f->view_count + view];
}
/* Load of one request when tiers up to tier_limit are served, in millionths of a capacity unit. */
uint64_t service_cost_ppm(const struct service *s, uint8_t tier_limit);
/* Highest tier of any feature of the service. */
uint8_t service_top_tier(const struct service *s);
/* The IDC announces the service's anycast prefixes when all is well: an entrance of it is there. */
bool fleet_announces(const struct fleet *f, uint16_t service, uint16_t idc);
/* Pairs of an anycast service and an IDC: how many announcements a plan can change at most. */
uint32_t fleet_announce_bound(const struct fleet *f);
/* Index by name, or FLEET_NONE. */
uint16_t fleet_find_idc(const struct fleet *f, const char *name);
uint16_t fleet_find_service(const struct fleet *f, const char *name);
uint16_t fleet_find_link(const struct fleet *f, const char *name);
/* The end (0 or 1) of link l at the IDC, or -1. */
int link_end_at(const struct link *l, uint16_t idc);
/* Carriers that have an uplink at the IDC, as bits. */
uint32_t fleet_carriers_at(const struct fleet *f, uint16_t idc);
/* A path is an entrance as reached over one carrier; paths are numbered
 * [entrance * carrier_count + carrier]. */
static inline size_t path_index(const struct fleet *f, uint16_t entrance, uint16_t carrier)
{
    return (size_t)entrance * f->carrier_count + carrier;
}
static inline size_t path_count(const struct fleet *f)
{
    return (size_t)f->entrance_count * f->carrier_count;
}
static inline bool entrance_over(const struct entrance *e, uint16_t carrier)
{
    return (e->carriers >> carrier & 1) != 0;
}

#endif
