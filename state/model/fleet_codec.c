/* fleet_codec.c: the fleet's canonical binary form, one description for both directions. */
#include "model/fleet.h"

#include <assert.h>

/* Version of this form; a reader refuses a newer one. */
enum { FLEET_FORM = 2 };

/* An index into an array of count elements, or FLEET_NONE where that is allowed. */
static void index_codec(struct codec *c, uint16_t *v, uint16_t count, bool may_be_none)
{
    codec_u16(c, v);
    if (*v >= count && !(may_be_none && *v == FLEET_NONE)) {
        codec_fail(c, ERR_INVALID);
    }
}

static void enum_codec(struct codec *c, uint8_t *v, unsigned last)
{
    codec_u8(c, v);
    if (*v > last) {
        codec_fail(c, ERR_INVALID);
        *v = 0;
    }
}

/* A count of at most max in 16 bits. */
static void count_codec(struct codec *c, uint16_t *n, uint16_t max)
{
    codec_u16(c, n);
    if (*n > max) {
        codec_fail(c, ERR_TOO_LARGE);
        *n = 0;
    }
}

static void carriers_codec(struct codec *c, uint32_t *mask, const struct fleet *f)
{
    codec_u32(c, mask);
    if (*mask >> f->carrier_count != 0) {
        codec_fail(c, ERR_INVALID);
    }
}

static void address_codec(struct codec *c, struct address *a)
{
    codec_u8(c, &a->family);
    if (a->family != 0 && a->family != 4 && a->family != 6) {
        codec_fail(c, ERR_INVALID);
    }
    codec_bytes(c, a->bytes, a->family == 4 ? 4 : a->family == 6 ? 16 : 0);
}

static void policy_codec(struct codec *c, struct policy *p)
{
    codec_i64(c, &p->probe_interval_us);
    codec_u32(c, &p->probe_losses);
    codec_u32(c, &p->degraded_loss_ppm);
    codec_i64(c, &p->check_interval_us);
    codec_i64(c, &p->check_timeout_us);
    codec_u32(c, &p->check_failures);
    codec_i64(c, &p->report_interval_us);
    codec_i64(c, &p->report_stale_us);
    codec_i64(c, &p->confirmation_us);
    codec_i64(c, &p->link_hold_down_us);
    codec_i64(c, &p->idc_hold_down_us);
    codec_i64(c, &p->step_interval_us);
    codec_u32(c, &p->restore_step_ppm);
    codec_u32(c, &p->headroom_ppm);
    codec_u32(c, &p->min_observers);
    codec_u32(c, &p->max_drained_idcs);
    codec_i64(c, &p->cold_start_us);
    codec_i64(c, &p->lease_us);
    codec_i64(c, &p->rescue_bound_us);
    codec_i64(c, &p->dns_timeout_us);
    codec_i64(c, &p->flap_half_life_us);
    codec_u32(c, &p->flap_suppress);
    codec_u32(c, &p->flap_reuse);
    codec_i64(c, &p->flap_longest_us);
    codec_u32(c, &p->demand_band_ppm);
    codec_i64(c, &p->demand_fall_us);
    codec_u32(c, &p->saturation_limit_ppm);
    codec_u32(c, &p->error_limit_ppm);
    codec_u32(c, &p->snapshot_records);
    codec_i64(c, &p->journal_keep_us);
}

static void prefix_codec(struct codec *c, struct prefix *p)
{
    address_codec(c, &p->address);
    codec_u8(c, &p->length);
    if (p->length > (p->address.family == 4 ? 32 : 128)) {
        codec_fail(c, ERR_INVALID);
    }
}

static void idc_codec(struct codec *c, struct idc *i, const struct fleet *f)
{
    codec_string(c, i->name, sizeof i->name);
    index_codec(c, &i->region, f->region_count, false);
    codec_u16(c, &i->partition);
    codec_bool(c, &i->vantage);
    codec_bool(c, &i->candidate);
    codec_bool(c, &i->auto_restore);
    count_codec(c, &i->prefix_count, FLEET_MAX_PREFIXES);
    for (uint16_t k = 0; k < i->prefix_count; k++) {
        prefix_codec(c, &i->prefixes[k]);
    }
    codec_string(c, i->probe_key, sizeof i->probe_key);
    codec_string(c, i->probe_key_next, sizeof i->probe_key_next);
}

static void link_codec(struct codec *c, struct link *l, const struct fleet *f)
{
    codec_string(c, l->name, sizeof l->name);
    for (unsigned e = 0; e < 2; e++) {
        index_codec(c, &l->end[e].idc, f->idc_count, e == 1);
        codec_string(c, l->end[e].interface, sizeof l->end[e].interface);
        address_codec(c, &l->end[e].address);
    }
    index_codec(c, &l->carrier, f->carrier_count, true);
    codec_u32(c, &l->capacity_mbps);
    codec_u32(c, &l->latency_us);
    codec_string(c, l->key, sizeof l->key);
    if ((l->end[1].idc == FLEET_NONE) == (l->carrier == FLEET_NONE)) {
        codec_fail(c, ERR_INVALID); /* a span has no carrier, an uplink has one */
    }
}

static void conduit_codec(struct codec *c, struct conduit *d, const struct fleet *f)
{
    codec_string(c, d->name, sizeof d->name);
    codec_count(c, &d->link_count, f->link_count);
    if (!codec_array(c, (void **)&d->links, d->link_count, sizeof *d->links)) {
        return;
    }
    for (uint32_t k = 0; k < d->link_count; k++) {
        index_codec(c, &d->links[k], f->link_count, false);
    }
}

static void view_codec(struct codec *c, struct view *v, const struct fleet *f)
{
    codec_string(c, v->name, sizeof v->name);
    index_codec(c, &v->region, f->region_count, false);
    index_codec(c, &v->carrier, f->carrier_count, false);
    count_codec(c, &v->slots, FLEET_MAX_SLOTS);
    count_codec(c, &v->prefer_count, f->idc_count);
    if (!codec_array(c, (void **)&v->prefer, v->prefer_count, sizeof *v->prefer)) {
        return;
    }
    for (uint16_t k = 0; k < v->prefer_count; k++) {
        index_codec(c, &v->prefer[k], f->idc_count, false);
    }
}

static void check_codec(struct codec *c, struct check *k)
{
    uint8_t kind = (uint8_t)k->kind;
    enum_codec(c, &kind, CHECK_DNS);
    k->kind = (enum check_kind)kind;
    codec_u16(c, &k->port);
    codec_string(c, k->path, sizeof k->path);
    codec_u16(c, &k->expect_status);
}

static void feature_codec(struct codec *c, struct feature *t)
{
    codec_string(c, t->name, sizeof t->name);
    codec_string(c, t->owner, sizeof t->owner);
    enum_codec(c, &t->tier, FLEET_MAX_TIER);
    codec_u32(c, &t->cost_ppm);
    codec_u32(c, &t->value);
}

static void load_codec(struct codec *c, struct load_source *l)
{
    uint8_t format = (uint8_t)l->format;
    codec_u16(c, &l->port);
    codec_string(c, l->path, sizeof l->path);
    enum_codec(c, &format, LOAD_PROMETHEUS);
    l->format = (enum load_format)format;
}

static void service_codec(struct codec *c, struct service *s)
{
    uint8_t backbone = (uint8_t)s->backbone;
    codec_string(c, s->name, sizeof s->name);
    codec_string(c, s->dns_name, sizeof s->dns_name);
    codec_u32(c, &s->ttl_s);
    enum_codec(c, &backbone, BACKBONE_NONE);
    s->backbone = (enum backbone_need)backbone;
    codec_bool(c, &s->stateful);
    codec_bool(c, &s->has_load);
    if (s->has_load) {
        load_codec(c, &s->load);
    }
    count_codec(c, &s->check_count, FLEET_MAX_CHECKS);
    for (uint16_t k = 0; k < s->check_count; k++) {
        check_codec(c, &s->checks[k]);
    }
    count_codec(c, &s->anycast_count, FLEET_MAX_ANYCAST);
    for (uint16_t k = 0; k < s->anycast_count; k++) {
        prefix_codec(c, &s->anycast[k]);
    }
    count_codec(c, &s->feature_count, FLEET_MAX_FEATURES);
    if (!codec_array(c, (void **)&s->features, s->feature_count, sizeof *s->features)) {
        return;
    }
    for (uint16_t k = 0; k < s->feature_count; k++) {
        feature_codec(c, &s->features[k]);
    }
}

static void entrance_codec(struct codec *c, struct entrance *e, const struct fleet *f)
{
    codec_string(c, e->name, sizeof e->name);
    index_codec(c, &e->service, f->service_count, false);
    index_codec(c, &e->idc, f->idc_count, false);
    carriers_codec(c, &e->carriers, f);
    codec_u64(c, &e->capacity_ups);
    count_codec(c, &e->address_count, FLEET_MAX_ADDRESSES);
    if (!codec_array(c, (void **)&e->addresses, e->address_count, sizeof *e->addresses)) {
        return;
    }
    for (uint16_t k = 0; k < e->address_count; k++) {
        address_codec(c, &e->addresses[k]);
    }
}

static void reference_codec(struct codec *c, struct reference *r, const struct fleet *f)
{
    uint8_t kind = (uint8_t)r->kind;
    codec_string(c, r->name, sizeof r->name);
    carriers_codec(c, &r->carriers, f);
    enum_codec(c, &kind, CHECK_DNS);
    r->kind = (enum check_kind)kind;
    codec_u16(c, &r->port);
    address_codec(c, &r->address);
    codec_string(c, r->path, sizeof r->path);
}

static void dns_server_codec(struct codec *c, struct dns_server *d, const struct fleet *f)
{
    codec_string(c, d->name, sizeof d->name);
    index_codec(c, &d->idc, f->idc_count, true);
    address_codec(c, &d->address);
    codec_u16(c, &d->port);
    codec_string(c, d->tsig_key, sizeof d->tsig_key);
    codec_string(c, d->tsig_key_next, sizeof d->tsig_key_next);
}

static void head_codec(struct codec *c, struct fleet *f)
{
    uint16_t form = FLEET_FORM;
    codec_u16(c, &form);
    if (form != FLEET_FORM) {
        codec_fail(c, ERR_VERSION);
    }
    codec_string(c, f->name, sizeof f->name);
    codec_string(c, f->zone, sizeof f->zone);
    codec_u16(c, &f->geo_ttl_s);
    codec_u16(c, &f->route_table);
    codec_u16(c, &f->announce_table);
    codec_u8(c, &f->route_protocol);
    codec_u16(c, &f->stamp_port);
    policy_codec(c, &f->policy);
    count_codec(c, &f->region_count, FLEET_MAX_REGIONS);
    count_codec(c, &f->carrier_count, FLEET_MAX_CARRIERS);
    count_codec(c, &f->idc_count, FLEET_MAX_IDCS);
    count_codec(c, &f->link_count, FLEET_MAX_LINKS);
    count_codec(c, &f->conduit_count, FLEET_MAX_CONDUITS);
    count_codec(c, &f->view_count, FLEET_MAX_VIEWS);
    count_codec(c, &f->service_count, FLEET_MAX_SERVICES);
    count_codec(c, &f->entrance_count, FLEET_MAX_ENTRANCES);
    count_codec(c, &f->reference_count, FLEET_MAX_REFERENCES);
    count_codec(c, &f->dns_server_count, FLEET_MAX_DNS_SERVERS);
}

static bool arrays_codec(struct codec *c, struct fleet *f)
{
    return codec_array(c, (void **)&f->regions, f->region_count, sizeof *f->regions) &&
           codec_array(c, (void **)&f->carriers, f->carrier_count, sizeof *f->carriers) &&
           codec_array(c, (void **)&f->idcs, f->idc_count, sizeof *f->idcs) &&
           codec_array(c, (void **)&f->links, f->link_count, sizeof *f->links) &&
           codec_array(c, (void **)&f->conduits, f->conduit_count, sizeof *f->conduits) &&
           codec_array(c, (void **)&f->views, f->view_count, sizeof *f->views) &&
           codec_array(c, (void **)&f->services, f->service_count, sizeof *f->services) &&
           codec_array(c, (void **)&f->entrances, f->entrance_count, sizeof *f->entrances) &&
           codec_array(c, (void **)&f->references, f->reference_count, sizeof *f->references) &&
           codec_array(c, (void **)&f->dns_servers, f->dns_server_count, sizeof *f->dns_servers) &&
           codec_array(c, (void **)&f->capacity_ups, (size_t)f->service_count * f->idc_count,
                       sizeof *f->capacity_ups) &&
           codec_array(c, (void **)&f->demand_rps, (size_t)f->service_count * f->view_count,
                       sizeof *f->demand_rps);
}

static void elements_codec(struct codec *c, struct fleet *f)
{
    for (uint16_t i = 0; i < f->region_count; i++) {
        codec_string(c, f->regions[i].name, sizeof f->regions[i].name);
    }
    for (uint16_t i = 0; i < f->carrier_count; i++) {
        codec_string(c, f->carriers[i].name, sizeof f->carriers[i].name);
    }
    for (uint16_t i = 0; i < f->idc_count; i++) {
        idc_codec(c, &f->idcs[i], f);
    }
    for (uint16_t i = 0; i < f->link_count; i++) {
        link_codec(c, &f->links[i], f);
    }
    for (uint16_t i = 0; i < f->conduit_count; i++) {
        conduit_codec(c, &f->conduits[i], f);
    }
    for (uint16_t i = 0; i < f->view_count; i++) {
        view_codec(c, &f->views[i], f);
    }
    for (uint16_t i = 0; i < f->service_count; i++) {
        service_codec(c, &f->services[i]);
    }
    for (uint16_t i = 0; i < f->entrance_count; i++) {
        entrance_codec(c, &f->entrances[i], f);
    }
    for (uint16_t i = 0; i < f->reference_count; i++) {
        reference_codec(c, &f->references[i], f);
    }
    for (uint16_t i = 0; i < f->dns_server_count; i++) {
        dns_server_codec(c, &f->dns_servers[i], f);
    }
    for (size_t i = 0; i < (size_t)f->service_count * f->idc_count; i++) {
        codec_u64(c, &f->capacity_ups[i]);
    }
    for (size_t i = 0; i < (size_t)f->service_count * f->view_count; i++) {
        codec_u64(c, &f->demand_rps[i]);
    }
}

void fleet_codec(struct codec *c, struct fleet *f)
{
    head_codec(c, f);
    if (c->status == OK && arrays_codec(c, f)) {
        elements_codec(c, f);
    }
}

size_t fleet_encoded_size(const struct fleet *f)
{
    struct codec c = codec_measure();
    struct fleet copy = *f; /* codecs take non-const pointers; measuring changes nothing */
    fleet_codec(&c, &copy);
    assert(c.status == OK);
    return c.pos;
}

struct digest fleet_digest(const struct fleet *f, void *scratch, size_t scratch_size)
{
    struct codec c = codec_writer(scratch, scratch_size);
    struct fleet copy = *f;
    fleet_codec(&c, &copy);
    assert(c.status == OK); /* the caller gave fleet_encoded_size() bytes */
    return sha256_of(scratch, c.pos);
}
