/* fleet_schema.c: the tables of the fleet file: every key with type, unit, bounds, default and
 * meaning. */
#include "config/fleet_schema.h"

#include <string.h>

#define US  UINT64_C(1)
#define MS  UINT64_C(1000)
#define SEC UINT64_C(1000000)
#define ALL UINT64_C(1000000) /* ppm */

static const char *const check_kinds[] = {"tcp", "http", "https", "dns", NULL};
static const char *const load_formats[] = {"json", "prometheus", NULL};
static const char *const backbone_needs[] = {"required", "preferred", "none", NULL};

static const struct schema_field idc_fields[] = {
    {.key = "name",
     .type = FIELD_NAME,
     .required = true,
     SCHEMA_MEMBER(struct idc, name),
     .meaning = "the IDC's name"},
    {.key = "region",
     .type = FIELD_REF,
     .required = true,
     SCHEMA_MEMBER(struct idc, region),
     .class = CLASS_REGION,
     .meaning = "where it stands; features are demoted per region"},
    {.key = "partition",
     .type = FIELD_INTEGER,
     .required = true,
     SCHEMA_MEMBER(struct idc, partition),
     .min = 0,
     .max = 1023,
     .meaning = "partition of spillway.reports; never reused for another IDC"},
    {.key = "vantage",
     .type = FIELD_BOOL,
     SCHEMA_MEMBER(struct idc, vantage),
     .preset = "false",
     .meaning = "a probe without services: it only observes"},
    {.key = "candidate",
     .type = FIELD_BOOL,
     SCHEMA_MEMBER(struct idc, candidate),
     .preset = "false",
     .meaning = "its spillwayd may lead; 3 or 5 in a fleet"},
    {.key = "auto_restore",
     .type = FIELD_BOOL,
     SCHEMA_MEMBER(struct idc, auto_restore),
     .preset = "false",
     .meaning = "comes back after an outage without a person's word"},
    {.key = "prefixes",
     .type = FIELD_LIST,
     .element = FIELD_PREFIX,
     .min = 0,
     .max = FLEET_MAX_PREFIXES,
     .offset = offsetof(struct idc, prefixes),
     .size = sizeof(struct prefix),
     .in_place = true,
     .class = CLASS_NONE,
     SCHEMA_COUNTED(struct idc, prefix_count),
     .meaning = "networks inside, reached over the links; exactly these are routed"},
    {.key = "probe_key",
     .type = FIELD_KEY_ID,
     .required = true,
     SCHEMA_MEMBER(struct idc, probe_key),
     .meaning = "key id of its reports' MAC; one per IDC"},
    {.key = "probe_key_next",
     .type = FIELD_KEY_ID,
     SCHEMA_MEMBER(struct idc, probe_key_next),
     .meaning = "second key id, accepted too: for a change of key without a gap"},
};
static const struct schema idc_schema = {"an IDC", "idcs[]", SCHEMA_FIELDS(idc_fields)};

/* An end of a link as the file has it: an IDC's side, or a carrier's. */
struct end_entry {
    struct link_end end;
    uint16_t carrier;
};

/* The IDC's end of an uplink comes first in struct link, in whatever order the file has them. */
static void end_set(void *object, uint32_t i, const void *item)
{
    struct link *l = object;
    const struct end_entry *e = item;
    if (i >= 2) {
        return;
    }
    if (i == 0) {
        l->carrier = FLEET_NONE;
    }
    l->end[i] = e->end;
    if (e->carrier != FLEET_NONE) {
        l->carrier = e->carrier;
    }
    if (i == 1 && l->end[0].idc == FLEET_NONE && l->end[1].idc != FLEET_NONE) {
        const struct link_end other = l->end[0];
        l->end[0] = l->end[1];
        l->end[1] = other;
    }
}

static void end_get(const void *object, uint32_t i, void *item)
{
    const struct link *l = object;
    struct end_entry *e = item;
    e->end = l->end[i];
    e->carrier = e->end.idc == FLEET_NONE ? l->carrier : FLEET_NONE;
}

static const struct schema_field end_fields[] = {
    {.key = "idc",
     .type = FIELD_REF,
     SCHEMA_MEMBER(struct end_entry, end.idc),
     .class = CLASS_IDC,
     .meaning = "the IDC at this end, or"},
    {.key = "carrier",
     .type = FIELD_REF,
     SCHEMA_MEMBER(struct end_entry, carrier),
     .class = CLASS_CARRIER,
     .meaning = "the carrier at this end (of an uplink)"},
    {.key = "interface",
     .type = FIELD_IFNAME,
     SCHEMA_MEMBER(struct end_entry, end.interface),
     .meaning = "network interface; needed at an IDC's end"},
    {.key = "address",
     .type = FIELD_ADDRESS,
     .required = true,
     SCHEMA_MEMBER(struct end_entry, end.address),
     .meaning = "address of this end on the link"},
};
static const struct schema end_schema = {"an end of a link", "links[].ends[]",
                                         SCHEMA_FIELDS(end_fields)};

static const struct schema_field link_fields[] = {
    {.key = "name",
     .type = FIELD_NAME,
     .required = true,
     SCHEMA_MEMBER(struct link, name),
     .meaning = "the link's name"},
    {.key = "ends",
     .type = FIELD_LIST,
     .element = FIELD_OBJECT,
     .required = true,
     .min = 2,
     .max = 2,
     .size = sizeof(struct end_entry),
     .child = &end_schema,
     .class = CLASS_NONE,
     .get = end_get,
     .set = end_set,
     .meaning = "two IDCs (a span), or an IDC and a carrier (an uplink)"},
    {.key = "capacity",
     .json = "capacity_mbps",
     .type = FIELD_BANDWIDTH,
     .required = true,
     SCHEMA_MEMBER(struct link, capacity_mbps),
     .min = 1,
     .max = 1000000000,
     .meaning = "what it can carry in each direction"},
    {.key = "latency",
     .json = "latency_us",
     .type = FIELD_DURATION,
     .required = true,
     SCHEMA_MEMBER(struct link, latency_us),
     .min = 1 * US,
     .max = 2 * SEC,
     .meaning = "one way; the metric of route planning"},
    {.key = "key",
     .type = FIELD_KEY_ID,
     SCHEMA_MEMBER(struct link, key),
     .meaning = "key id of authenticated STAMP; without it the packets are unauthenticated"},
};
static const struct schema link_schema = {"a link", "links[]", SCHEMA_FIELDS(link_fields)};

static const struct schema_field conduit_fields[] = {
    {.key = "name",
     .type = FIELD_NAME,
     .required = true,
     SCHEMA_MEMBER(struct conduit, name),
     .meaning = "the conduit's name"},
    {.key = "links",
     .type = FIELD_LIST,
     .element = FIELD_REF,
     .required = true,
     .min = 2,
     .max = FLEET_MAX_LINKS,
     .offset = offsetof(struct conduit, links),
     .size = sizeof(uint16_t),
     .class = CLASS_LINK,
     .ascending = true,
     SCHEMA_COUNTED(struct conduit, link_count),
     .meaning = "the links that fail together"},
};
static const struct schema conduit_schema = {"a conduit", "conduits[]",
                                             SCHEMA_FIELDS(conduit_fields)};

static const struct schema_field view_fields[] = {
    {.key = "name",
     .type = FIELD_NAME,
     .required = true,
     SCHEMA_MEMBER(struct view, name),
     .meaning = "the view's name; the first label of what is published"},
    {.key = "region",
     .type = FIELD_REF,
     .required = true,
     SCHEMA_MEMBER(struct view, region),
     .class = CLASS_REGION,
     .meaning = "where its users are"},
    {.key = "carrier",
     .type = FIELD_REF,
     .required = true,
     SCHEMA_MEMBER(struct view, carrier),
     .class = CLASS_CARRIER,
     .meaning = "the carrier they come by"},
    {.key = "slots",
     .type = FIELD_INTEGER,
     .required = true,
     SCHEMA_MEMBER(struct view, slots),
     .min = 1,
     .max = FLEET_MAX_SLOTS,
     .meaning = "addresses in each of its answers: the unit of share"},
    {.key = "prefer",
     .type = FIELD_LIST,
     .element = FIELD_REF,
     .required = true,
     .min = 1,
     .max = FLEET_MAX_IDCS,
     .offset = offsetof(struct view, prefer),
     .size = sizeof(uint16_t),
     .class = CLASS_IDC,
     SCHEMA_COUNTED(struct view, prefer_count),
     .meaning = "IDCs from the nearest to the farthest; others are a last resort"},
};
static const struct schema view_schema = {"a view", "views[]", SCHEMA_FIELDS(view_fields)};

static const struct schema_field check_fields[] = {
    {.key = "kind",
     .type = FIELD_ENUM,
     .required = true,
     SCHEMA_MEMBER(struct check, kind),
     .names = check_kinds,
     .meaning = "how it is asked"},
    {.key = "port",
     .type = FIELD_INTEGER,
     .required = true,
     SCHEMA_MEMBER(struct check, port),
     .min = 1,
     .max = 65535,
     .meaning = "port of the service"},
    {.key = "path",
     .type = FIELD_PATH,
     SCHEMA_MEMBER(struct check, path),
     .meaning = "http, https: the request target; dns: the name asked for"},
    {.key = "expect_status",
     .type = FIELD_INTEGER,
     SCHEMA_MEMBER(struct check, expect_status),
     .min = 100,
     .max = 599,
     .meaning = "http, https: the status that is good; without it any 2xx"},
};
static const struct schema check_schema = {"a check", "services[].checks[]",
                                           SCHEMA_FIELDS(check_fields)};

static const struct schema_field load_fields[] = {
    {.key = "port",
     .type = FIELD_INTEGER,
     .required = true,
     SCHEMA_MEMBER(struct load_source, port),
     .min = 1,
     .max = 65535,
     .meaning = "port of the page, asked with HTTP at the service's addresses of the probe's IDC"},
    {.key = "path",
     .type = FIELD_PATH,
     .required = true,
     SCHEMA_MEMBER(struct load_source, path),
     .meaning = "the request target; it begins with \"/\""},
    {.key = "format",
     .type = FIELD_ENUM,
     SCHEMA_MEMBER(struct load_source, format),
     .names = load_formats,
     .preset = "json",
     .meaning = "what the page is; see LOAD"},
};
static const struct schema load_schema = {"a load source", "services[].load",
                                          SCHEMA_FIELDS(load_fields)};

static const struct schema_field feature_fields[] = {
    {.key = "name",
     .type = FIELD_KEY_ID,
     .required = true,
     SCHEMA_MEMBER(struct feature, name),
     .meaning = "the feature's name, as the application asks for it"},
    {.key = "tier",
     .type = FIELD_INTEGER,
     .required = true,
     SCHEMA_MEMBER(struct feature, tier),
     .min = 0,
     .max = FLEET_MAX_TIER,
     .meaning = "0 is core and never demoted; the highest goes first"},
    {.key = "cost",
     .json = "cost_ppm",
     .type = FIELD_COST,
     .required = true,
     SCHEMA_MEMBER(struct feature, cost_ppm),
     .min = 1,
     .max = 1000 * ALL,
     .meaning = "capacity units that it takes of one request of the service"},
    {.key = "value",
     .type = FIELD_INTEGER,
     SCHEMA_MEMBER(struct feature, value),
     .min = 0,
     .max = 1000000,
     .preset = "1",
     .meaning = "relative worth to users; shown"},
    {.key = "owner",
     .type = FIELD_TEXT,
     .required = true,
     SCHEMA_MEMBER(struct feature, owner),
     .meaning = "whom to call about it"},
};
static const struct schema feature_schema = {"a feature", "services[].features[]",
                                             SCHEMA_FIELDS(feature_fields)};

static uint64_t *capacity_row(const void *root, const void *object)
{
    const struct fleet *f = root;
    const size_t service = (size_t)((const struct service *)object - f->services);
    return f->capacity_ups == NULL ? NULL : &f->capacity_ups[service * f->idc_count];
}

static uint64_t *demand_row(const void *root, const void *object)
{
    const struct fleet *f = root;
    const size_t service = (size_t)((const struct service *)object - f->services);
    return f->demand_rps == NULL ? NULL : &f->demand_rps[service * f->view_count];
}

static const struct schema_field service_fields[] = {
    {.key = "name",
     .type = FIELD_NAME,
     .required = true,
     SCHEMA_MEMBER(struct service, name),
     .meaning = "the service's name"},
    {.key = "dns_name",
     .type = FIELD_DNS_NAME,
     .required = true,
     SCHEMA_MEMBER(struct service, dns_name),
     .meaning = "<view>.<dns_name> is what is published; inside dns.zone"},
    {.key = "ttl",
     .json = "ttl_us",
     .type = FIELD_DURATION,
     .required = true,
     SCHEMA_MEMBER(struct service, ttl_s),
     .scale = SEC,
     .min = 1,
     .max = 3600,
     .meaning = "TTL of the answers; users follow a change within it"},
    {.key = "backbone",
     .type = FIELD_ENUM,
     .required = true,
     SCHEMA_MEMBER(struct service, backbone),
     .names = backbone_needs,
     .meaning = "does it need the links between IDCs to serve"},
    {.key = "stateful",
     .type = FIELD_BOOL,
     SCHEMA_MEMBER(struct service, stateful),
     .preset = "false",
     .meaning = "the machine alone never moves its users: that could lose data"},
    {.key = "checks",
     .type = FIELD_LIST,
     .element = FIELD_OBJECT,
     .required = true,
     .min = 1,
     .max = FLEET_MAX_CHECKS,
     .offset = offsetof(struct service, checks),
     .size = sizeof(struct check),
     .child = &check_schema,
     .in_place = true,
     .class = CLASS_NONE,
     SCHEMA_COUNTED(struct service, check_count),
     .meaning = "how probes see that it serves"},
    {.key = "anycast",
     .type = FIELD_LIST,
     .element = FIELD_PREFIX,
     .min = 0,
     .max = FLEET_MAX_ANYCAST,
     .offset = offsetof(struct service, anycast),
     .size = sizeof(struct prefix),
     .in_place = true,
     .class = CLASS_NONE,
     SCHEMA_COUNTED(struct service, anycast_count),
     .meaning = "prefixes that every IDC with an entrance of it announces by BGP, while it serves"},
    {.key = "load",
     .type = FIELD_OBJECT,
     .child = &load_schema,
     SCHEMA_MEMBER(struct service, load),
     SCHEMA_COUNTED(struct service, has_load),
     .meaning = "where it tells what it carries; without it the declared demand is all there is"},
    {.key = "features",
     .type = FIELD_LIST,
     .element = FIELD_OBJECT,
     .required = true,
     .min = 1,
     .max = FLEET_MAX_FEATURES,
     .offset = offsetof(struct service, features),
     .size = sizeof(struct feature),
     .child = &feature_schema,
     .class = CLASS_NONE,
     SCHEMA_COUNTED(struct service, feature_count),
     .meaning = "its parts; at least one of tier 0"},
    {.key = "capacity",
     .json = "capacity_ups",
     .type = FIELD_RATE_MAP,
     .required = true,
     .class = CLASS_IDC,
     .row = capacity_row,
     .min = 1,
     .max = UINT64_C(1000000000),
     .meaning = "capacity units per second by IDC"},
    {.key = "demand",
     .json = "demand_rps",
     .type = FIELD_RATE_MAP,
     .required = true,
     .class = CLASS_VIEW,
     .row = demand_row,
     .min = 0,
     .max = UINT64_C(1000000000),
     .meaning = "requests per second by view at the daily peak"},
};
static const struct schema service_schema = {"a service", "services[]",
                                             SCHEMA_FIELDS(service_fields)};

static const struct schema_field entrance_fields[] = {
    {.key = "name",
     .type = FIELD_NAME,
     .required = true,
     SCHEMA_MEMBER(struct entrance, name),
     .meaning = "the entrance's name"},
    {.key = "service",
     .type = FIELD_REF,
     .required = true,
     SCHEMA_MEMBER(struct entrance, service),
     .class = CLASS_SERVICE,
     .meaning = "the service it leads to"},
    {.key = "idc",
     .type = FIELD_REF,
     .required = true,
     SCHEMA_MEMBER(struct entrance, idc),
     .class = CLASS_IDC,
     .meaning = "the IDC that serves there"},
    {.key = "carriers",
     .type = FIELD_REFSET,
     .required = true,
     .min = 1,
     .max = FLEET_MAX_CARRIERS,
     SCHEMA_MEMBER(struct entrance, carriers),
     .class = CLASS_CARRIER,
     .meaning = "the carriers whose users reach it"},
    {.key = "capacity",
     .json = "capacity_ups",
     .type = FIELD_RATE,
     .required = true,
     SCHEMA_MEMBER(struct entrance, capacity_ups),
     .min = 1,
     .max = UINT64_C(1000000000),
     .meaning = "capacity units per second that fit through it"},
    {.key = "addresses",
     .type = FIELD_LIST,
     .element = FIELD_ADDRESS,
     .required = true,
     .min = 1,
     .max = FLEET_MAX_ADDRESSES,
     .offset = offsetof(struct entrance, addresses),
     .size = sizeof(struct address),
     .class = CLASS_NONE,
     SCHEMA_COUNTED(struct entrance, address_count),
     .meaning = "its pool: at least as many as the slots of each view it reaches"},
};
static const struct schema entrance_schema = {"an entrance", "entrances[]",
                                              SCHEMA_FIELDS(entrance_fields)};

static const struct schema_field reference_fields[] = {
    {.key = "name",
     .type = FIELD_NAME,
     .required = true,
     SCHEMA_MEMBER(struct reference, name),
     .meaning = "the reference target's name"},
    {.key = "carriers",
     .type = FIELD_REFSET,
     .required = true,
     .min = 1,
     .max = FLEET_MAX_CARRIERS,
     SCHEMA_MEMBER(struct reference, carriers),
     .class = CLASS_CARRIER,
     .meaning = "the carriers over which it is reached"},
    {.key = "kind",
     .type = FIELD_ENUM,
     .required = true,
     SCHEMA_MEMBER(struct reference, kind),
     .names = check_kinds,
     .meaning = "how it is asked"},
    {.key = "port",
     .type = FIELD_INTEGER,
     .required = true,
     SCHEMA_MEMBER(struct reference, port),
     .min = 1,
     .max = 65535,
     .meaning = "its port"},
    {.key = "address",
     .type = FIELD_ADDRESS,
     .required = true,
     SCHEMA_MEMBER(struct reference, address),
     .meaning = "its address"},
    {.key = "path",
     .type = FIELD_PATH,
     SCHEMA_MEMBER(struct reference, path),
     .meaning = "http, https: the request target; dns: the name asked for"},
};
static const struct schema reference_schema = {"a reference", "references[]",
                                               SCHEMA_FIELDS(reference_fields)};

static const struct schema_field server_fields[] = {
    {.key = "name",
     .type = FIELD_NAME,
     .required = true,
     SCHEMA_MEMBER(struct dns_server, name),
     .meaning = "the server's name"},
    {.key = "idc",
     .type = FIELD_REF,
     SCHEMA_MEMBER(struct dns_server, idc),
     .class = CLASS_IDC,
     .meaning = "where it stands, if in an IDC"},
    {.key = "address",
     .type = FIELD_ADDRESS,
     .required = true,
     SCHEMA_MEMBER(struct dns_server, address),
     .meaning = "where it takes updates"},
    {.key = "port",
     .type = FIELD_INTEGER,
     SCHEMA_MEMBER(struct dns_server, port),
     .min = 1,
     .max = 65535,
     .preset = "53",
     .meaning = "its port"},
    {.key = "tsig_key",
     .type = FIELD_KEY_ID,
     .required = true,
     SCHEMA_MEMBER(struct dns_server, tsig_key),
     .meaning = "name and key id of the TSIG key (hmac-sha256)"},
    {.key = "tsig_key_next",
     .type = FIELD_KEY_ID,
     SCHEMA_MEMBER(struct dns_server, tsig_key_next),
     .meaning = "second key, tried during a rotation"},
};
static const struct schema server_schema = {"a DNS server", "dns.servers[]",
                                            SCHEMA_FIELDS(server_fields)};

static const struct schema_field dns_fields[] = {
    {.key = "zone",
     .type = FIELD_DNS_NAME,
     .required = true,
     SCHEMA_MEMBER(struct fleet, zone),
     .meaning = "the zone that Spillway updates"},
    {.key = "geo_ttl",
     .json = "geo_ttl_us",
     .type = FIELD_DURATION,
     .required = true,
     SCHEMA_MEMBER(struct fleet, geo_ttl_s),
     .scale = SEC,
     .min = 0,
     .max = 3600,
     .meaning = "TTL of your geo layer's CNAMEs; part of the stated windows"},
    {.key = "servers",
     .type = FIELD_LIST,
     .element = FIELD_OBJECT,
     .required = true,
     .min = 1,
     .max = FLEET_MAX_DNS_SERVERS,
     .offset = offsetof(struct fleet, dns_servers),
     .size = sizeof(struct dns_server),
     .child = &server_schema,
     .class = CLASS_DNS_SERVER,
     SCHEMA_COUNTED(struct fleet, dns_server_count),
     .meaning = "its independent primaries"},
};
static const struct schema dns_schema = {"the dns section", "dns", SCHEMA_FIELDS(dns_fields)};

static const struct schema_field routes_fields[] = {
    {.key = "table",
     .type = FIELD_INTEGER,
     SCHEMA_MEMBER(struct fleet, route_table),
     .min = 1,
     .max = 65535,
     .preset = "100",
     .meaning = "kernel table of our routes; not 253 to 255"},
    {.key = "announce_table",
     .type = FIELD_INTEGER,
     SCHEMA_MEMBER(struct fleet, announce_table),
     .min = 1,
     .max = 65535,
     .preset = "101",
     .meaning = "kernel table of the anycast prefixes that a BGP daemon is to announce"},
    {.key = "protocol",
     .type = FIELD_INTEGER,
     SCHEMA_MEMBER(struct fleet, route_protocol),
     .min = 5,
     .max = 255,
     .preset = "201",
     .meaning = "kernel protocol number of our routes; routes with another are not touched"},
};
static const struct schema routes_schema = {"the routes section", "routes",
                                            SCHEMA_FIELDS(routes_fields)};

static const struct schema_field stamp_fields[] = {
    {.key = "port",
     .type = FIELD_INTEGER,
     SCHEMA_MEMBER(struct fleet, stamp_port),
     .min = 1,
     .max = 65535,
     .preset = "862",
     .meaning = "UDP port of the STAMP reflectors (RFC 8762)"},
};
static const struct schema stamp_schema = {"the stamp section", "stamp",
                                           SCHEMA_FIELDS(stamp_fields)};

#define POLICY_DURATION(name, low, high, default_text, text)                                       \
    {                                                                                              \
        .key = #name, .json = #name "_us", .type = FIELD_DURATION,                                 \
        SCHEMA_MEMBER(struct policy, name##_us), .min = (low), .max = (high),                      \
        .preset = (default_text), .meaning = (text)                                                \
    }
#define POLICY_COUNT(name, low, high, default_text, text)                                          \
    {                                                                                              \
        .key = #name, .type = FIELD_INTEGER, SCHEMA_MEMBER(struct policy, name), .min = (low),     \
        .max = (high), .preset = (default_text), .meaning = (text)                                 \
    }
#define POLICY_SHARE(name, low, high, default_text, text)                                          \
    {                                                                                              \
        .key = #name, .json = #name "_ppm", .type = FIELD_SHARE,                                   \
        SCHEMA_MEMBER(struct policy, name##_ppm), .min = (low), .max = (high),                     \
        .preset = (default_text), .meaning = (text)                                                \
    }

static const struct schema_field policy_fields[] = {
    POLICY_DURATION(probe_interval, 5 * MS, 10 * SEC, "50ms",
                    "between two STAMP packets of a session"),
    POLICY_COUNT(probe_losses, 2, 100, "3", "lost in a row: the link is down"),
    POLICY_SHARE(degraded_loss, 100, ALL, "2%", "loss in the window that makes a link degraded"),
    POLICY_DURATION(check_interval, 10 * MS, 60 * SEC, "100ms",
                    "between two checks of one target from one probe"),
    POLICY_DURATION(check_timeout, 10 * MS, 30 * SEC, "500ms", "a check without an answer failed"),
    POLICY_COUNT(check_failures, 1, 100, "2", "failed in a row: the target is down"),
    POLICY_DURATION(report_interval, 100 * MS, 60 * SEC, "1s",
                    "between two full reports of a probe"),
    POLICY_DURATION(report_stale, 200 * MS, 600 * SEC, "3s",
                    "an older report is not evidence: silence moves nothing"),
    POLICY_DURATION(confirmation, 150 * MS, 600 * SEC, "2s",
                    "how long a death must have lasted before an IDC or service is drained"),
    POLICY_DURATION(link_hold_down, 100 * MS, 86400 * SEC, "3s",
                    "how long a link must be good before it carries again"),
    POLICY_DURATION(idc_hold_down, 1 * SEC, 86400 * SEC, "5s",
                    "how long an IDC must be good before it may come back"),
    POLICY_DURATION(step_interval, 200 * MS, 3600 * SEC, "2s", "between two steps of a restore"),
    POLICY_SHARE(restore_step, 10000, ALL, "50%",
                 "of a view's slots brought back in one step, at least one slot"),
    POLICY_SHARE(headroom, 0, 900000, "10%", "capacity kept free when features come back"),
    POLICY_COUNT(min_observers, 1, 100, "2", "that must agree before an IDC is drained (law 2)"),
    POLICY_COUNT(max_drained_idcs, 1, FLEET_MAX_IDCS, "1",
                 "dead, as a whole or over a carrier, that the machine alone may have drained at "
                 "once over each carrier; a service or pool that died inside one does not count"),
    POLICY_DURATION(cold_start, 0, 600 * SEC, "5s",
                    "a new log or leader drains nothing before this has passed"),
    POLICY_DURATION(lease, 100 * MS, 60 * SEC, "1s", "of the leader; four heartbeats per lease"),
    POLICY_DURATION(rescue_bound, 0, 200 * MS, "200ms",
                    "a rescue waits for feature demotion at most this long (law 6)"),
    POLICY_DURATION(dns_timeout, 50 * MS, 30 * SEC, "1s", "for one exchange with a DNS server"),
    POLICY_DURATION(flap_half_life, 1 * SEC, 3600 * SEC, "1min",
                    "of the penalty of what flaps (RFC 2439): 1000 for each time it goes down"),
    POLICY_COUNT(flap_suppress, 1000, 1000000, "2500",
                 "penalty at which a good state no longer counts for the hold-downs"),
    POLICY_COUNT(flap_reuse, 100, 1000000, "1000", "penalty below which it counts, from then on"),
    POLICY_DURATION(flap_longest, 1 * SEC, 86400 * SEC, "10min",
                    "that a good state does not count after the last down, at most"),
    POLICY_SHARE(demand_band, 10000, 500000, "10%",
                 "measured demand that differs by less changes nothing"),
    POLICY_DURATION(demand_fall, 1 * SEC, 3600 * SEC, "10s",
                    "between two steps down of the demand, each a quarter of the distance"),
    POLICY_SHARE(saturation_limit, 500000, ALL, "95%",
                 "told by a service: from there on it is overloaded"),
    POLICY_SHARE(error_limit, 10000, ALL, "20%",
                 "of its requests, told by a service: from there on it fails"),
    POLICY_COUNT(snapshot_records, 100, 10000000, "50000",
                 "of the log, after which the leader writes the control state down"),
    POLICY_DURATION(journal_keep, 3600 * SEC, 3650 * UINT64_C(86400) * SEC, "720h",
                    "that journals go back; what is older than this and a snapshot is pruned"),
};
static const struct schema policy_schema = {"the policy section", "policy",
                                            SCHEMA_FIELDS(policy_fields)};

/* A top-level list of things with a schema of their own. */
#define FLEET_LIST(plural, item, counter, at_least, at_most, schema, of, text)                     \
    {                                                                                              \
        .key = #plural, .type = FIELD_LIST, .element = FIELD_OBJECT, .required = (at_least) > 0,   \
        .min = (at_least), .max = (at_most), .offset = offsetof(struct fleet, plural),             \
        .size = sizeof(item), .child = &(schema), .class = (of),                                   \
        SCHEMA_COUNTED(struct fleet, counter), .meaning = (text)                                   \
    }
#define FLEET_NAMES(plural, item, counter, at_most, of, text)                                      \
    {                                                                                              \
        .key = #plural, .type = FIELD_LIST, .element = FIELD_NAME, .required = true, .min = 1,     \
        .max = (at_most), .offset = offsetof(struct fleet, plural), .size = sizeof(item),          \
        .class = (of), SCHEMA_COUNTED(struct fleet, counter), .meaning = (text)                    \
    }

static const struct schema_field fleet_fields[] = {
    {.key = "fleet",
     .type = FIELD_NAME,
     .required = true,
     SCHEMA_MEMBER(struct fleet, name),
     .meaning = "the fleet's name"},
    FLEET_NAMES(regions, struct region, region_count, FLEET_MAX_REGIONS, CLASS_REGION,
                "where people and IDCs are"),
    FLEET_NAMES(carriers, struct carrier, carrier_count, FLEET_MAX_CARRIERS, CLASS_CARRIER,
                "operators through which users and IDCs are connected"),
    FLEET_LIST(idcs, struct idc, idc_count, 1, FLEET_MAX_IDCS, idc_schema, CLASS_IDC,
               "the datacenters and vantage sites"),
    FLEET_LIST(links, struct link, link_count, 0, FLEET_MAX_LINKS, link_schema, CLASS_LINK,
               "spans between IDCs and uplinks to carriers"),
    FLEET_LIST(conduits, struct conduit, conduit_count, 0, FLEET_MAX_CONDUITS, conduit_schema,
               CLASS_CONDUIT, "links that fail together (RFC 4202 section 2.3)"),
    FLEET_LIST(views, struct view, view_count, 1, FLEET_MAX_VIEWS, view_schema, CLASS_VIEW,
               "what DNS can tell apart: users of a region on a carrier"),
    FLEET_LIST(services, struct service, service_count, 1, FLEET_MAX_SERVICES, service_schema,
               CLASS_SERVICE, "what users come for"),
    FLEET_LIST(entrances, struct entrance, entrance_count, 1, FLEET_MAX_ENTRANCES, entrance_schema,
               CLASS_ENTRANCE, "address pools of a service at an IDC"),
    FLEET_LIST(references, struct reference, reference_count, 0, FLEET_MAX_REFERENCES,
               reference_schema, CLASS_REFERENCE,
               "targets outside that are practically always up: they tell who is blind"),
    {.key = "dns",
     .type = FIELD_OBJECT,
     .required = true,
     .child = &dns_schema,
     .meaning = "the zone and its servers"},
    {.key = "routes",
     .type = FIELD_OBJECT,
     .child = &routes_schema,
     .meaning = "which kernel routes are ours"},
    {.key = "stamp", .type = FIELD_OBJECT, .child = &stamp_schema, .meaning = "link measurement"},
    {.key = "policy",
     .type = FIELD_OBJECT,
     .child = &policy_schema,
     SCHEMA_MEMBER(struct fleet, policy),
     .meaning = "intervals, windows, hold-downs and guards"},
};
const struct schema fleet_schema = {"the fleet", "(top level)", SCHEMA_FIELDS(fleet_fields)};

const char *fleet_class_key(enum schema_class class)
{
    switch (class) {
    case CLASS_REGION: return "regions";
    case CLASS_CARRIER: return "carriers";
    case CLASS_IDC: return "idcs";
    case CLASS_LINK: return "links";
    case CLASS_CONDUIT: return "conduits";
    case CLASS_VIEW: return "views";
    case CLASS_SERVICE: return "services";
    case CLASS_ENTRANCE: return "entrances";
    case CLASS_REFERENCE: return "references";
    case CLASS_DNS_SERVER: return "servers";
    case CLASS_NONE: break;
    }
    return "";
}

const char *fleet_name_of(const void *root, enum schema_class class, uint32_t i)
{
    const struct fleet *f = root;
    switch (class) {
    case CLASS_REGION: return i < f->region_count ? f->regions[i].name : NULL;
    case CLASS_CARRIER: return i < f->carrier_count ? f->carriers[i].name : NULL;
    case CLASS_IDC: return i < f->idc_count ? f->idcs[i].name : NULL;
    case CLASS_LINK: return i < f->link_count ? f->links[i].name : NULL;
    case CLASS_CONDUIT: return i < f->conduit_count ? f->conduits[i].name : NULL;
    case CLASS_VIEW: return i < f->view_count ? f->views[i].name : NULL;
    case CLASS_SERVICE: return i < f->service_count ? f->services[i].name : NULL;
    case CLASS_ENTRANCE: return i < f->entrance_count ? f->entrances[i].name : NULL;
    case CLASS_REFERENCE: return i < f->reference_count ? f->references[i].name : NULL;
    case CLASS_DNS_SERVER: return i < f->dns_server_count ? f->dns_servers[i].name : NULL;
    case CLASS_NONE: break;
    }
    return NULL;
}
