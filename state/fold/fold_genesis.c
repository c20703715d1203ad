/* fold_genesis.c: the first record of a log, of a new fleet or of a reseed. */
#include "fold/fold_internal.h"

#include <string.h>

/* `spillway init`: the fleet and the plan with nothing known down. */
static int from_init(struct control *c, struct arena *arena, const struct record *r)
{
    struct fleet *f = ARENA_NEW(arena, struct fleet, 1);
    if (f == NULL) {
        return ERR_FULL;
    }
    struct codec in = codec_reader(r->genesis.fleet.at, r->genesis.fleet.size, arena);
    fleet_codec(&in, f);
    int status = codec_finish(&in);
    status = status == OK ? plan_new(f, arena, &c->plan) : status;
    status = status == OK ? plan_new(f, arena, &c->previous) : status;
    c->fixed = ARENA_NEW(arena, struct fixed, record_max_changes(f));
    c->demand = ARENA_NEW(arena, struct demand, (size_t)f->service_count * f->view_count);
    if (status != OK || c->fixed == NULL || c->demand == NULL) {
        return status != OK ? status : ERR_FULL;
    }
    in = codec_reader(r->genesis.plan.at, r->genesis.plan.size, arena);
    plan_codec(&in, &c->plan);
    status = codec_finish(&in);
    c->fleet = f;
    c->plan.fence.generation = 1;
    return status;
}

/* A reseed goes on from the control state of the log before. */
static int from_reseed(struct control *c, struct arena *arena, const struct record *r)
{
    struct codec in = codec_reader(r->genesis.control.at, r->genesis.control.size, arena);
    control_codec(&in, c);
    int status = codec_finish(&in);
    if (status != OK) {
        return status;
    }
    struct digest fleet = sha256_of(r->genesis.fleet.at, r->genesis.fleet.size);
    bool same = c->fleet != NULL && digest_compare(&fleet, &c->fleet_digest) == 0;
    return same ? OK : ERR_INVALID;
}

/* What speaks of offsets and writers of the log before means nothing in this one. */
static int forget_old_log(struct control *c, struct arena *arena)
{
    const struct fleet *f = c->fleet;
    c->epoch = 0;
    c->leader = (struct writer){.replica = REPLICA_PERSON};
    c->leader_newest = 0;
    c->leader_yields = false;
    c->decisive = 0;
    c->newest_decide = -1;
    c->plan_offset = 0;
    c->fleet_offset = 0;
    c->plan_purpose = DECIDE_NOTE;
    c->unconfirmed = -1;
    c->plan_followed = false;
    c->snapshot = -1;
    c->applied = 0;
    c->request_next = 0;
    memset(c->requests, 0, sizeof c->requests);
    for (uint32_t i = 0; i < c->incident_count; i++) {
        c->incidents[i].opened_offset = 0;
        c->incidents[i].changed_offset = 0;
    }
    for (uint32_t i = 0; i < c->order_count; i++) {
        c->orders[i].offset = c->orders[i].decision = 0;
    }
    c->writers = ARENA_NEW(arena, struct writer_state, f->idc_count);
    c->alive = ARENA_NEW(arena, struct alive_state, f->idc_count);
    c->dns = ARENA_NEW(arena, struct actuation_state, f->dns_server_count);
    c->routes = ARENA_NEW(arena, struct actuation_state, f->idc_count);
    c->features = ARENA_NEW(arena, struct actuation_state, f->idc_count);
    if (c->link_downs == NULL) {
        c->link_downs = ARENA_NEW(arena, uint32_t, 2 * (size_t)f->link_count);
        c->link_down_at = ARENA_NEW(arena, struct logtime, 2 * (size_t)f->link_count);
    }
    c->injections = ARENA_NEW(arena, struct injection_state, f->idc_count);
    c->rescued = c->rescued == NULL ? ARENA_NEW(arena, uint32_t, f->idc_count) : c->rescued;
    if (drill_under_way(&c->drill)) { /* its records are in the log before; injections end alone */
        c->drill.state = DRILL_ABORTED;
        c->drill.cause = DRILL_CAUSE_PERSON;
    }
    c->drill.offset = 0;
    bool full = c->injections == NULL || c->writers == NULL || c->alive == NULL || c->dns == NULL ||
                c->routes == NULL || c->features == NULL || c->link_downs == NULL ||
                c->link_down_at == NULL || c->rescued == NULL;
    return full ? ERR_FULL : OK;
}

int fold_genesis(struct control *c, struct arena *arena, const struct record *r)
{
    struct control fresh;
    control_init(&fresh);
    bool reseed = r->genesis.control.size > 0;
    int status = reseed ? from_reseed(&fresh, arena, r) : from_init(&fresh, arena, r);
    status = status == OK ? forget_old_log(&fresh, arena) : status;
    if (status != OK) {
        return status == ERR_FULL ? ERR_FULL : ERR_INVALID;
    }
    fresh.log_id = r->log_id;
    fresh.era = r->genesis.era;
    /* Times of incidents go on: the clock of a reseeded log does not run back. */
    fresh.log_time.us = fresh.log_time.us > r->log_time.us ? fresh.log_time.us : r->log_time.us;
    fresh.epoch_began = fresh.log_time;
    fresh.fixed_digest = fixed_digest(&fresh);
    fresh.demand_digest = demand_digest(&fresh);
    fresh.fleet_digest = sha256_of(r->genesis.fleet.at, r->genesis.fleet.size);
    fresh.plan.fence.era = fresh.era;
    fresh.plan.fence.log_id = fresh.log_id;
    fresh.plan.fence.digest = plan_digest(&fresh.plan);
    if (control_broken(&fresh) != NULL) {
        return ERR_INVARIANT;
    }
    *c = fresh;
    return OK;
}
