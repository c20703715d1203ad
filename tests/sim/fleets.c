/* fleets.c: people give the fleet anew in the middle of a run, and what must not come of it. */
#include "sim.h"

#include "../unit/fleet_remade.h"

#include <stdlib.h>
#include <string.h>

#define BETWEEN_US (15 * US_PER_SEC)

/* Another one is given while there is room for its state in the oracle's memory. */
bool fleets_has_room(const struct sim *s)
{
    return s->fleets.given < SIM_MAX_FLEETS;
}

/* A copy whose arrays may be changed; one free() ends it. */
struct fleet *fleets_copy(const struct fleet *f)
{
    size_t size = fleet_encoded_size(f), room = control_arena_size(f);
    uint8_t *bytes = sim_alloc(size, 1);
    struct arena a;
    arena_init(&a, sim_alloc(room, 1), room);
    struct fleet *copy = ARENA_NEW(&a, struct fleet, 1), from = *f;
    struct codec w = codec_writer(bytes, size);
    fleet_codec(&w, &from);
    struct codec r = codec_reader(bytes, size, &a);
    fleet_codec(&r, copy);
    free(bytes);
    return copy;
}

static struct bytes encoded_fleet(const struct fleet *f)
{
    struct fleet copy = *f;
    size_t size = fleet_encoded_size(f);
    uint8_t *bytes = sim_alloc(size, 1);
    struct codec w = codec_writer(bytes, size);
    fleet_codec(&w, &copy);
    return (struct bytes){bytes, size};
}

static struct bytes encoded_plan(struct plan *p)
{
    struct codec m = codec_measure();
    plan_codec(&m, p);
    uint8_t *bytes = sim_alloc(m.pos, 1);
    struct codec w = codec_writer(bytes, m.pos);
    plan_codec(&w, p);
    return (struct bytes){bytes, m.pos};
}

/* As the daemon there makes the command, from what it has read. False: it cannot. */
bool fleets_give(struct sim *s, uint16_t node, const struct fleet *next, struct operator_record *o)
{
    const struct control *c = replica_control(s->nodes[node].replica);
    if (c->fleet == NULL || !fleets_has_room(s)) {
        return false;
    }
    size_t size = plan_following_arena_size(c, next);
    struct arena a;
    struct plan plan;
    arena_init(&a, sim_alloc(size, 1), size);
    bool follows = plan_following(c, next, &a, &plan) == OK;
    if (follows) {
        s->fleets.given++;
        o->command = OPERATOR_FLEET;
        o->argument = (uint64_t)c->fleet_offset;
        o->replaces = c->fleet_digest;
        o->fleet = encoded_fleet(next);
        o->plan = encoded_plan(&plan);
        node_request(s, node, o);
        free((void *)(uintptr_t)o->fleet.at);
        free((void *)(uintptr_t)o->plan.at);
    }
    free(a.base);
    return follows;
}

/* --- At random ----------------------------------------------------------------------------------
 */

/* Its own dice, so that other seeds mean what they meant. */
void fleets_start(struct sim *s)
{
    s->fleets.rng = rng_init(s->seed ^ UINT64_C(0x666c65657473));
    s->swarm.fleets = !s->script.on && rng_chance(&s->fleets.rng, 250000);
    s->fleets.next_us = (int64_t)rng_below(&s->fleets.rng, BETWEEN_US);
}

/* More capacity than on the first day and other latencies: what fitted once fits now, and the ways
 * are others. */
static void change(struct sim *s, struct fleet *next)
{
    static const uint64_t percents[] = {100, 150, 200, 300};
    struct rng *r = &s->fleets.rng;
    for (uint16_t e = 0; e < next->entrance_count; e++) {
        struct entrance *at = &next->entrances[e];
        size_t place = (size_t)at->service * next->idc_count + at->idc;
        uint64_t percent = percents[rng_below(r, 4)];
        at->capacity_ups = s->first->entrances[e].capacity_ups * percent / 100;
        next->capacity_ups[place] = s->first->capacity_ups[place] * percent / 100;
    }
    for (uint16_t l = 0; l < next->link_count; l++) {
        next->links[l].latency_us = (uint32_t)(1 + rng_below(r, 20)) * 1000;
    }
}

/* Its last view may go and come. */
static struct fleet *draw(struct sim *s)
{
    uint16_t last = (uint16_t)(s->first->view_count - 1);
    bool all = s->fleet->view_count == s->first->view_count;
    if (rng_chance(&s->fleets.rng, 300000)) {
        all = !all;
    }
    struct remake how = {.takes = !all, .part = PART_VIEW, .index = last};
    struct fleet *next = fleet_remade(s->first, &how);
    next->policy = s->fleet->policy;
    change(s, next);
    return next;
}

void fleets_tick(struct sim *s)
{
    if (!s->swarm.fleets || s->now_us < s->fleets.next_us) {
        return;
    }
    struct rng *r = &s->fleets.rng;
    s->fleets.next_us = s->now_us + (int64_t)rng_below(r, BETWEEN_US);
    uint16_t node = (uint16_t)rng_below(r, s->fleet->idc_count);
    struct operator_record o = {.identity = "eve", .reason = "a new fleet"};
    uint64_t id = rng_next(r);
    memcpy(o.request.bytes, &id, sizeof id);
    struct fleet *next = draw(s);
    if (!s->healed && node_is_running(s, node)) {
        sim_trace(s, "eve gives a new fleet to node %u", node);
        (void)fleets_give(s, node, next, &o);
    }
    free(next);
}

/* --- The laws -----------------------------------------------------------------------------------
 */

static uint16_t now_at(const void *things, size_t stride, uint16_t count, const char *name)
{
    for (uint16_t i = 0; i < count; i++) {
        if (strcmp((const char *)things + stride * i, name) == 0) {
            return i;
        }
    }
    return FLEET_NONE;
}

#define NOW_AT(was, is, things, count, i)                                                          \
    now_at((is)->fleet->things, sizeof *(is)->fleet->things, (is)->fleet->count,                   \
           (was)->fleet->things[i].name)

static bool same_slot(const struct control *was, const struct slot *a, const struct control *is,
                      const struct slot *b)
{
    if (a->entrance == FLEET_NONE || b->entrance == FLEET_NONE) {
        return a->entrance == b->entrance;
    }
    const struct entrance *x = &was->fleet->entrances[a->entrance];
    const struct entrance *y = &is->fleet->entrances[b->entrance];
    return strcmp(x->name, y->name) == 0 &&
           memcmp(&x->addresses[a->address], &y->addresses[b->address], sizeof *x->addresses) == 0;
}

/* No answer of what is in both fleets moves by the record, and none is empty (law 5). */
static void check_answer(struct sim *s, const struct control *was, uint16_t service, uint16_t view)
{
    const struct control *is = &s->reference;
    uint16_t to = NOW_AT(was, is, services, service_count, service);
    uint16_t at = NOW_AT(was, is, views, view_count, view);
    const struct answer *a = plan_answer(&was->plan, service, view);
    if (to == FLEET_NONE || at == FLEET_NONE || a->count == 0) {
        return;
    }
    const struct answer *b = plan_answer(&is->plan, to, at);
    bool same = a->count == b->count;
    for (uint8_t i = 0; i < a->count && same; i++) {
        same = same_slot(was, &a->slots[i], is, &b->slots[i]);
    }
    if (!same) {
        sim_fail(s, "a new fleet moves the answer of %s to %s by itself",
                 was->fleet->services[service].name, was->fleet->views[view].name);
    }
}

static void check_limits(struct sim *s, const struct control *was)
{
    const struct control *is = &s->reference;
    for (uint16_t r = 0; r < was->fleet->region_count; r++) {
        uint16_t region = NOW_AT(was, is, regions, region_count, r);
        for (uint16_t v = 0; v < was->fleet->service_count && region != FLEET_NONE; v++) {
            uint16_t service = NOW_AT(was, is, services, service_count, v);
            if (service != FLEET_NONE && *plan_tier_limit(&was->plan, r, v) !=
                                             *plan_tier_limit(&is->plan, region, service)) {
                sim_fail(s, "a new fleet turns tiers of %s by itself",
                         was->fleet->services[v].name);
            }
        }
    }
}

static void expect_home(struct sim *s)
{
    const struct fleet *f = s->fleet;
    size_t size = decide_arena_size(f) + plan_arena_size(f);
    struct arena a;
    struct plan p;
    arena_init(&a, sim_alloc(size, 1), size);
    if (plan_initial(f, &a, &p) != OK || plan_new(f, &s->reference_arena, &s->initial) != OK) {
        sim_fail(s, "no initial plan of the new fleet");
    } else {
        plan_copy(&s->initial, &p);
    }
    free(a.base);
}

#define BEGIN_ALIKE(a, b, things, count)                                                           \
    begin_alike((a)->things, (a)->count, (b)->things, (b)->count, sizeof *(a)->things)

/* The shorter list is how the longer one begins, by names. */
static bool begin_alike(const void *a, uint16_t na, const void *b, uint16_t nb, size_t stride)
{
    bool alike = true;
    for (uint16_t i = 0; i < na && i < nb; i++) {
        alike = alike && strcmp((const char *)a + stride * i, (const char *)b + stride * i) == 0;
    }
    return alike;
}

static bool is_prefix(struct sim *s, const struct fleet *was)
{
    const struct fleet *is = s->fleet;
    bool alike =
        BEGIN_ALIKE(was, is, idcs, idc_count) && BEGIN_ALIKE(was, is, links, link_count) &&
        BEGIN_ALIKE(was, is, views, view_count) && BEGIN_ALIKE(was, is, services, service_count) &&
        BEGIN_ALIKE(was, is, entrances, entrance_count) &&
        was->carrier_count == is->carrier_count && was->dns_server_count == is->dns_server_count;
    if (!alike) {
        sim_fail(s, "the simulator does not know a thing of the new fleet again by its index");
    }
    return alike;
}

/* Answers of the virtual servers and the oracle's accounts of them, in the new order. */
static void lay_out(struct sim *s, const struct fleet *was)
{
    const struct fleet *is = s->fleet;
    static struct answer old[SIM_MAX_SERVERS][SIM_MAX_ANSWERS];
    uint64_t brought[SIM_MAX_ANSWERS];
    memcpy(brought, s->fleets.brought, sizeof brought);
    for (uint16_t k = 0; k < is->dns_server_count; k++) {
        memcpy(old[k], s->servers[k].answers, sizeof old[k]);
    }
    for (size_t i = 0; i < (size_t)is->service_count * is->view_count; i++) {
        size_t service = i / is->view_count, view = i % is->view_count;
        size_t from = service * was->view_count + view;
        bool known = service < was->service_count && view < was->view_count;
        s->fleets.brought[i] = known ? brought[from] : s->reference.plan.fence.generation;
        for (uint16_t k = 0; k < is->dns_server_count; k++) {
            s->servers[k].answers[i] = known ? old[k][from] : (struct answer){0};
        }
    }
    if (was->view_count != is->view_count || was->service_count != is->service_count) {
        memset(s->shares, 0, sizeof s->shares);
        memset(s->limits, 0, sizeof s->limits);
        memset(s->script.turns, 0, sizeof s->script.turns);
    }
}

void fleets_followed(struct sim *s, const struct control *was)
{
    s->fleets.followed++;
    sim_trace(s, "  fleet %u, generation %llu", s->fleets.followed,
              (unsigned long long)s->reference.plan.fence.generation);
    for (uint16_t v = 0; v < was->fleet->service_count; v++) {
        for (uint16_t k = 0; k < was->fleet->view_count; k++) {
            check_answer(s, was, v, k);
        }
    }
    check_limits(s, was);
    if (s->reference.plan.fence.generation != was->plan.fence.generation + 1) {
        sim_fail(s, "law 4: a new fleet has generation %llu after %llu",
                 (unsigned long long)s->reference.plan.fence.generation,
                 (unsigned long long)was->plan.fence.generation);
    }
    s->own = *s->reference.fleet;
    expect_home(s);
    if (is_prefix(s, was->fleet)) {
        lay_out(s, was->fleet);
        world_refleet(s, was->fleet);
    }
}
