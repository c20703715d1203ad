/* keeper.c: requests against policy and fence, then kernel steps in the order that never leaves a
 * prefix bare. */
#include "actuate/routed/keeper.h"

#include "actuate/routed/announce.h"
#include "actuate/routed/state.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct keeper {
    const struct policy_of_routes *policy;
    const char *state_path;
    struct kernel *kernel;
    struct announcer *announcer;
    struct rib rib;
    struct rib_hop
        hops[ROUTE_MAX_GATEWAYS]; /* the policy's gateways as the kernel knows them now */
    struct rib_step *steps;       /* room for the steps of one turn */
    void *arena;                  /* room to decode a request */
};

int keeper_new(const struct policy_of_routes *policy, const char *state_path,
               struct keeper **ret_keeper)
{
    struct keeper *k = calloc(1, sizeof(*k));
    if (k == NULL)
        return ERR_MEMORY;
    size_t rows = policy->prefix_count;
    k->policy = policy;
    k->state_path = state_path;
    k->rib.rows = calloc(rows + 1, sizeof(*k->rib.rows));
    k->steps = calloc(rows * RIB_METRICS + 1, sizeof(*k->steps));
    k->arena = aligned_alloc(16, ROUTE_ARENA_SIZE);
    int status = k->rib.rows != NULL && k->steps != NULL && k->arena != NULL ? OK : ERR_MEMORY;
    for (uint32_t i = 0; status == OK && i < policy->prefix_count; i++)
        k->rib.rows[k->rib.row_count++].prefix = policy->prefixes[i];
    if (status == OK)
        status = kernel_open(policy, &k->kernel);
    if (status == OK)
        status = announcer_new(policy, k->kernel, &k->announcer);
    if (status == OK)
        status = kernel_read(k->kernel, &k->rib, false);
    if (status != OK) {
        keeper_free(k);
        return status;
    }
    *ret_keeper = k;
    return OK;
}

void keeper_free(struct keeper *k)
{
    if (k == NULL)
        return;
    announcer_free(k->announcer);
    kernel_close(k->kernel);
    free(k->rib.rows);
    free(k->steps);
    free(k->arena);
    free(k);
}

struct kernel *keeper_kernel(struct keeper *k)
{
    return k->kernel;
}

/* Puts first, deletes last. A put that fails (its interface is down) stays wanted. Returns failures
 * or a negative code. */
static int bring(struct keeper *k, uint32_t *ret_steps)
{
    kernel_resolve(k->kernel, k->hops);
    uint32_t puts = rib_puts(&k->rib, k->hops, k->steps);
    int failures = kernel_apply(k->kernel, &k->rib, k->steps, puts);
    if (failures < 0)
        return failures;
    uint32_t deletes = rib_deletes(&k->rib, k->hops, k->steps);
    int status = kernel_apply(k->kernel, &k->rib, k->steps, deletes);
    if (status < 0)
        return status;
    *ret_steps = puts + deletes;
    return failures + status;
}

static int assert_routes(struct keeper *k, uint32_t *ret_mended)
{
    uint32_t steps = 0;
    struct fence_state found = {0};
    /* Held: a person has the wheel, and what she changes by hand is not put back. */
    if (state_read(k->state_path, &found) == OK && found.hold.id != 0) {
        *ret_mended = 0;
        return OK;
    }
    int status = kernel_read(k->kernel, &k->rib, false);
    if (status == OK)
        status = kernel_ensure_rule(k->kernel);
    kernel_ignore_linkdown(k->kernel);
    if (status == OK)
        status = bring(k, &steps);
    if (status < 0)
        return status;
    /* What is ours and fits no row goes only when nothing of it can be a prefix's last route. */
    if (rib_bare(&k->rib, k->hops) == 0) {
        status = kernel_read(k->kernel, &k->rib, true);
        if (status != OK)
            return status;
    }
    *ret_mended = steps;
    return OK;
}

int keeper_assert(struct keeper *k, uint32_t *ret_mended)
{
    uint32_t announced = 0, routes = 0;
    int first = announcer_bring(k->announcer, &announced);
    int second = assert_routes(k, &routes);
    *ret_mended = announced + routes;
    return first != OK ? first : second;
}

/* A prefix of the policy, over hops that can carry its family. */
static bool prefix_is_fine(const struct keeper *k, const struct route_request *r, uint32_t index)
{
    const struct route_prefix *p = &r->prefixes[index];
    bool fine = rib_find(&k->rib, &p->prefix) >= 0;
    for (uint8_t i = 0; i < p->count; i++)
        fine = fine && r->gateways[p->gateways[i]].address.family == p->prefix.address.family;
    return fine;
}

/* Everything in the request must be in the policy, before anything is done. */
static int check(const struct keeper *k, const struct route_request *r, uint16_t *ret_gateways,
                 char *detail, size_t detail_size)
{
    for (uint32_t i = 0; i < r->gateway_count; i++) {
        int index = policy_gateway(k->policy, &r->gateways[i]);
        if (index < 0) {
            snprintf(detail, detail_size,
                     "next hop %u of the request is not in the helper's fleet file", i + 1);
            return ERR_GUARD;
        }
        ret_gateways[i] = (uint16_t)index;
    }
    for (uint32_t i = 0; i < r->prefix_count; i++) {
        if (!prefix_is_fine(k, r, i)) {
            snprintf(
                detail, detail_size,
                "prefix %u of the request is not in the helper's fleet file, or of another family "
                "than its hops",
                i + 1);
            return ERR_GUARD;
        }
    }
    int foreign = announcer_foreign(k->announcer, r);
    if (foreign >= 0) {
        snprintf(detail, detail_size,
                 "announcement %d of the request is not in the helper's fleet file", foreign + 1);
        return ERR_GUARD;
    }
    return OK;
}

static void want(struct keeper *k, const struct route_request *r, const uint16_t *gateways)
{
    for (uint32_t i = 0; i < r->prefix_count; i++) {
        struct rib_row *row = &k->rib.rows[rib_find(&k->rib, &r->prefixes[i].prefix)];
        row->wanted = true;
        row->want_count = r->prefixes[i].count;
        for (uint8_t j = 0; j < row->want_count; j++)
            row->want[j] = gateways[r->prefixes[i].gateways[j]];
    }
}

static int serve_routes(struct keeper *k, struct route_reply *reply)
{
    uint32_t steps = 0;
    int failures = bring(k, &steps);
    if (failures > 0) {
        /* The picture was out of date, or an interface is down: look again, once. */
        int status = kernel_read(k->kernel, &k->rib, false);
        failures = status == OK ? bring(k, &steps) : status;
    }
    if (failures < 0)
        return failures;
    uint32_t bare = rib_bare(&k->rib, k->hops);
    if (bare == 0)
        return OK;
    snprintf(reply->detail, sizeof(reply->detail),
             "%u prefixes have no hop that can be installed now", bare);
    return ERR_UNAVAILABLE;
}

/* One does not wait for the other, and each is told. */
static int serve_both(struct keeper *k, struct route_reply *reply)
{
    uint32_t steps = 0;
    int announced = announcer_bring(k->announcer, &steps);
    int routes = serve_routes(k, reply);
    if (routes != OK || announced == OK)
        return routes;
    snprintf(reply->detail, sizeof(reply->detail),
             announced == ERR_UNAVAILABLE
                 ? "somebody else's route keeps a withdrawn prefix in the table of announcements"
                 : "the table of announcements could not be brought to what was asked for");
    return announced;
}

static int serve(struct keeper *k, const struct route_request *r, struct route_reply *reply)
{
    uint16_t gateways[ROUTE_MAX_GATEWAYS];
    struct fence_state found = {0};
    int status = check(k, r, gateways, reply->detail, sizeof(reply->detail));
    if (status != OK)
        return status;
    status = state_raise(k->state_path, &r->fence, &found);
    reply->found = found.fence;
    reply->hold = found.hold;
    if (status != OK)
        return status;
    reply->found = r->fence;
    want(k, r, gateways);
    announcer_want(k->announcer, r);
    return serve_both(k, reply);
}

/* The fence and hold that stand here. */
static bool tell(const struct keeper *k, const uint8_t *bytes, size_t size,
                 struct route_reply *ret_reply)
{
    struct fence_state found = {0};
    struct route_reply reply = {0};
    struct codec reader = codec_reader(bytes, size, NULL);
    route_ask_codec(&reader, &reply.id);
    if (codec_finish(&reader) != OK)
        return false;
    reply.status = state_read(k->state_path, &found);
    reply.found = found.fence;
    reply.hold = found.hold;
    *ret_reply = reply;
    return true;
}

/* A person's word on these routes. */
static bool hold(const struct keeper *k, const uint8_t *bytes, size_t size,
                 struct route_reply *ret_reply)
{
    struct hold_request request = {0};
    struct fence_state found = {0};
    struct codec reader = codec_reader(bytes, size, NULL);
    hold_request_codec(&reader, &request);
    if (codec_finish(&reader) != OK)
        return false;
    struct route_reply reply = {.id = request.id};
    reply.status = state_hold(k->state_path, &request.order, &found);
    reply.found = found.fence;
    reply.hold = found.hold;
    *ret_reply = reply;
    return true;
}

bool keeper_serve(struct keeper *k, const uint8_t *bytes, size_t size,
                  struct route_reply *ret_reply)
{
    struct arena arena;
    struct route_request request = {0};
    struct route_reply reply = {0};
    if (route_operation(bytes, size) == ROUTE_ASK)
        return tell(k, bytes, size, ret_reply);
    if (route_operation(bytes, size) == ROUTE_HOLD)
        return hold(k, bytes, size, ret_reply);
    arena_init(&arena, k->arena, ROUTE_ARENA_SIZE);
    struct codec reader = codec_reader(bytes, size, &arena);
    route_request_codec(&reader, &request);
    if (codec_finish(&reader) != OK)
        return false;
    reply.id = request.id;
    reply.status = serve(k, &request, &reply);
    *ret_reply = reply;
    return true;
}
