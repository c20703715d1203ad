/* control.c: the control state as a whole: its first value, canonical form, digest and size. */
#include "fold/fold_internal.h"

#include <assert.h>
#include <string.h>

enum { CONTROL_FORM = 3 }; /* version of the canonical form */

void control_init(struct control *c)
{
    memset(c, 0, sizeof *c);
    c->applied = -1;
    c->rules = 1;
    c->leader_newest = -1;
    c->decisive = -1;
    c->newest_decide = -1;
    c->plan_offset = -1;
    c->plan_purpose = DECIDE_NOTE;
    c->unconfirmed = -1;
    c->snapshot = -1;
    c->next_incident = 1;
    c->next_order = 1;
}

static size_t aligned(size_t count, size_t size)
{
    return count * size + 16;
}

static size_t fleet_arena_size(const struct fleet *f)
{
    size_t n =
        aligned(1, sizeof *f) + aligned(f->region_count, sizeof *f->regions) +
        aligned(f->carrier_count, sizeof *f->carriers) + aligned(f->idc_count, sizeof *f->idcs) +
        aligned(f->link_count, sizeof *f->links) + aligned(f->conduit_count, sizeof *f->conduits) +
        aligned(f->view_count, sizeof *f->views) + aligned(f->service_count, sizeof *f->services) +
        aligned(f->entrance_count, sizeof *f->entrances) +
        aligned(f->reference_count, sizeof *f->references) +
        aligned(f->dns_server_count, sizeof *f->dns_servers) +
        aligned((size_t)f->service_count * f->idc_count, sizeof *f->capacity_ups) +
        aligned((size_t)f->service_count * f->view_count, sizeof *f->demand_rps);
    for (uint16_t i = 0; i < f->conduit_count; i++) {
        n += aligned(f->conduits[i].link_count, sizeof *f->conduits[i].links);
    }
    for (uint16_t i = 0; i < f->view_count; i++) {
        n += aligned(f->views[i].prefer_count, sizeof *f->views[i].prefer);
    }
    for (uint16_t i = 0; i < f->service_count; i++) {
        n += aligned(f->services[i].feature_count, sizeof *f->services[i].features);
    }
    for (uint16_t i = 0; i < f->entrance_count; i++) {
        n += aligned(f->entrances[i].address_count, sizeof *f->entrances[i].addresses);
    }
    return n;
}

size_t control_arena_size(const struct fleet *f)
{
    return fleet_arena_size(f) + 2 * (plan_arena_size(f) + 64) +
           aligned(f->idc_count, sizeof(struct writer_state)) +
           aligned(f->idc_count, sizeof(struct alive_state)) +
           aligned(2 * (size_t)f->link_count, sizeof(uint32_t)) +
           aligned(2 * (size_t)f->link_count, sizeof(struct logtime)) +
           aligned(f->dns_server_count, sizeof(struct actuation_state)) +
           2 * aligned(f->idc_count, sizeof(struct actuation_state)) +
           aligned(f->idc_count, sizeof(struct injection_state)) +
           aligned(f->idc_count, sizeof(uint32_t)) +
           aligned(record_max_changes(f), sizeof(struct fixed)) +
           aligned((size_t)f->service_count * f->view_count, sizeof(struct demand));
}

static void digest_codec(struct codec *c, struct digest *d)
{
    codec_bytes(c, d->bytes, sizeof d->bytes);
}

static void status_codec(struct codec *c, int32_t *status)
{
    uint32_t v = (uint32_t)*status;
    codec_u32(c, &v);
    *status = (int32_t)v;
}

static void head_codec(struct codec *c, struct control *k)
{
    uint16_t form = CONTROL_FORM;
    uint8_t purpose = (uint8_t)k->plan_purpose;
    codec_u16(c, &form);
    if (form != CONTROL_FORM) {
        codec_fail(c, ERR_VERSION);
    }
    codec_bytes(c, k->log_id.bytes, sizeof k->log_id.bytes);
    codec_u64(c, &k->era);
    codec_i64(c, &k->applied);
    codec_i64(c, &k->log_time.us);
    codec_u32(c, &k->rules);
    codec_u64(c, &k->epoch);
    codec_u16(c, &k->leader.replica);
    codec_u64(c, &k->leader.incarnation);
    codec_u64(c, &k->leader.sequence);
    codec_i64(c, &k->leader_newest);
    codec_bool(c, &k->leader_yields);
    codec_i64(c, &k->epoch_began.us);
    codec_i64(c, &k->decisive);
    codec_i64(c, &k->newest_decide);
    codec_i64(c, &k->plan_offset);
    codec_u8(c, &purpose);
    if (purpose < DECIDE_NOTE || purpose > DECIDE_REVERT) {
        codec_fail(c, ERR_INVALID);
    }
    k->plan_purpose = (enum decide_purpose)purpose;
    codec_i64(c, &k->unconfirmed);
    codec_bool(c, &k->plan_followed);
    codec_i64(c, &k->snapshot);
}

/* The ring fills from its start; every heartbeat is hashed, so what is empty is left out. */
static uint32_t requests_used(const struct control *k)
{
    uint32_t n = 0;
    while (n < CONTROL_MAX_REQUESTS && k->requests[n].offset != 0) {
        n++;
    }
    return n;
}

static void lists_codec(struct codec *c, struct control *k)
{
    codec_u32(c, &k->next_incident);
    codec_count(c, &k->incident_count, INCIDENT_MAX);
    for (uint32_t i = 0; i < k->incident_count && c->status == OK; i++) {
        incident_codec(c, &k->incidents[i]);
    }
    codec_u32(c, &k->next_order);
    codec_count(c, &k->order_count, ORDER_MAX);
    for (uint32_t i = 0; i < k->order_count && c->status == OK; i++) {
        order_codec(c, &k->orders[i]);
    }
    codec_i64(c, &k->last_restore.us);
    codec_i64(c, &k->answers_moved.us);
    drill_run_codec(c, &k->drill);
    uint32_t requests = requests_used(k);
    codec_count(c, &k->request_next, CONTROL_MAX_REQUESTS - 1);
    codec_count(c, &requests, CONTROL_MAX_REQUESTS);
    for (uint32_t i = 0; i < requests && c->status == OK; i++) {
        codec_bytes(c, k->requests[i].id.bytes, sizeof k->requests[i].id.bytes);
        status_codec(c, &k->requests[i].status);
        codec_u64(c, &k->requests[i].offset);
    }
}

static void actuations_codec(struct codec *c, struct actuation_state **array, size_t count)
{
    if (!codec_array(c, (void **)array, count, sizeof **array)) {
        return;
    }
    for (size_t i = 0; i < count; i++) {
        struct actuation_state *a = &(*array)[i];
        codec_u64(c, &a->generation);
        status_codec(c, &a->status);
        codec_u64(c, &a->status_generation);
        codec_i64(c, &a->at.us);
    }
}

static void injections_codec(struct codec *c, struct injection_state **array, size_t count)
{
    if (!codec_array(c, (void **)array, count, sizeof **array)) {
        return;
    }
    for (size_t i = 0; i < count; i++) {
        codec_u32(c, &(*array)[i].run);
        codec_u8(c, &(*array)[i].step);
        status_codec(c, &(*array)[i].status);
    }
}

static void alive_codec(struct codec *c, struct alive_state *a)
{
    codec_u32(c, &a->version);
    codec_i64(c, &a->base);
    digest_codec(c, &a->control);
    codec_bool(c, &a->warm);
    codec_bool(c, &a->halted);
    codec_i64(c, &a->at.us);
}

static void arrays_codec(struct codec *c, struct control *k)
{
    const struct fleet *f = k->fleet;
    if (!codec_array(c, (void **)&k->writers, f->idc_count, sizeof *k->writers) ||
        !codec_array(c, (void **)&k->alive, f->idc_count, sizeof *k->alive) ||
        !codec_array(c, (void **)&k->link_downs, 2 * (size_t)f->link_count,
                     sizeof *k->link_downs) ||
        !codec_array(c, (void **)&k->link_down_at, 2 * (size_t)f->link_count,
                     sizeof *k->link_down_at)) {
        return;
    }
    for (uint16_t i = 0; i < f->idc_count; i++) {
        codec_u64(c, &k->writers[i].incarnation);
        codec_u64(c, &k->writers[i].sequence);
        codec_i64(c, &k->writers[i].window.us);
        codec_u32(c, &k->writers[i].window_requests);
        alive_codec(c, &k->alive[i]);
    }
    for (size_t i = 0; i < 2 * (size_t)f->link_count; i++) {
        codec_u32(c, &k->link_downs[i]);
        codec_i64(c, &k->link_down_at[i].us);
    }
    actuations_codec(c, &k->dns, f->dns_server_count);
    actuations_codec(c, &k->routes, f->idc_count);
    actuations_codec(c, &k->features, f->idc_count);
    injections_codec(c, &k->injections, f->idc_count);
    if (codec_array(c, (void **)&k->rescued, f->idc_count, sizeof *k->rescued)) {
        for (uint16_t i = 0; i < f->idc_count; i++) {
            codec_u32(c, &k->rescued[i]);
        }
    }
}

/* The array has room for all that may come, whatever there is now. */
static void fixed_values_codec(struct codec *c, struct control *k)
{
    uint32_t max = record_max_changes(k->fleet);
    codec_count(c, &k->fixed_count, max);
    if (!codec_array(c, (void **)&k->fixed, max, sizeof *k->fixed)) {
        return;
    }
    for (uint32_t i = 0; i < k->fixed_count && c->status == OK; i++) {
        fixed_codec(c, &k->fixed[i]);
    }
}

/* Fleet, plan, fixed values and demand in full. */
static void contents_codec(struct codec *c, struct control *k)
{
    if (!codec_array(c, (void **)&k->fleet, 1, sizeof *k->fleet)) {
        return;
    }
    fleet_codec(c, k->fleet);
    if (c->status == OK && c->mode == CODEC_READ) {
        int status = plan_new(k->fleet, c->arena, &k->plan);
        status = status == OK ? plan_new(k->fleet, c->arena, &k->previous) : status;
        if (status != OK) {
            codec_fail(c, status);
        }
    }
    if (c->status == OK) {
        plan_codec(c, &k->plan);
    }
    if (c->status == OK) {
        fixed_values_codec(c, k);
    }
    if (c->status == OK) {
        demands_codec(c, k);
    }
}

static void all_codec(struct codec *c, struct control *k, bool contents)
{
    head_codec(c, k);
    bool has_fleet = k->fleet != NULL;
    codec_bool(c, &has_fleet);
    if (!has_fleet) {
        return;
    }
    if (contents) {
        contents_codec(c, k);
    }
    digest_codec(c, &k->fleet_digest);
    codec_i64(c, &k->fleet_offset);
    fence_codec(c, &k->plan.fence);
    digest_codec(c, &k->fixed_digest);
    digest_codec(c, &k->demand_digest);
    if (c->status == OK) {
        lists_codec(c, k);
        arrays_codec(c, k);
    }
}

void control_codec(struct codec *c, struct control *control)
{
    all_codec(c, control, true);
}

/* Codecs take non-const pointers, and change nothing when they write or measure. */
static struct control *unconst(const struct control *c)
{
    return (struct control *)(uintptr_t)c;
}

size_t control_encoded_size(const struct control *c)
{
    struct codec m = codec_measure();
    all_codec(&m, unconst(c), true);
    return m.pos;
}

size_t control_digest_size(const struct control *c)
{
    struct codec m = codec_measure();
    all_codec(&m, unconst(c), false);
    return m.pos;
}

struct digest control_digest(const struct control *c, void *scratch, size_t scratch_size)
{
    struct codec w = codec_writer(scratch, scratch_size);
    all_codec(&w, unconst(c), false);
    assert(w.status == OK);
    return sha256_of(scratch, w.pos);
}
