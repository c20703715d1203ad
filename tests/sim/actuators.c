/* actuators.c: virtual DNS servers, route tables and feature files, with the fences of PROTOCOL.md.
 */
#include "sim.h"

#include <string.h>

static void finish(struct sim *s, uint16_t i, struct job *j, enum actuator actuator,
                   uint16_t target, int status, const struct fence *found)
{
    j->busy = false;
    struct outcome o = {
        .actuator = actuator, .target = target, .fence = j->fence, .status = status};
    if (found != NULL) {
        o.found = *found;
    }
    sim_trace(s, "node %u %s %u generation %llu: %d", i, actuator_name(actuator), target,
              (unsigned long long)j->fence.generation, status);
    if (actuator == ACTUATOR_DNS) {
        oracle_pushed(s, i, target, status);
    }
    node_outcome(s, i, &o);
}

static bool same(const struct fence *a, const struct fence *b)
{
    return fence_compare(a, b) == FENCE_EQUAL;
}

/* The first look decides what there is to do. True: go on pushing. */
static bool push_begins(struct sim *s, uint16_t i, struct job *j, uint16_t server)
{
    struct virtual_server *v = &s->servers[server];
    j->read = v->fence;
    switch (fence_compare(&v->fence, &j->fence)) {
    case FENCE_NEWER: finish(s, i, j, ACTUATOR_DNS, server, ERR_STALE, &v->fence); return false;
    case FENCE_SPLIT: finish(s, i, j, ACTUATOR_DNS, server, ERR_FOREIGN, &v->fence); return false;
    case FENCE_EQUAL:
        if (v->done) {
            finish(s, i, j, ACTUATOR_DNS, server, OK, &v->fence);
            return false;
        }
        break;
    case FENCE_OLDER: break;
    }
    if (!(v->done && j->predecessor.generation != 0 && same(&v->fence, &j->predecessor))) {
        j->change_count = 0; /* not the direct predecessor, whole: the whole plan */
        j->predecessor.generation = 0;
    }
    return true;
}

/* One half of the plan, or of its changes. */
static void write_half(struct sim *s, uint16_t i, uint16_t server, size_t half)
{
    struct virtual_server *v = &s->servers[server];
    const struct job *j = &s->nodes[i].dns[server];
    oracle_pushes(s, i, server, &j->fence);
    size_t n = (size_t)j->services * j->views;
    if (j->predecessor.generation != 0) {
        for (uint32_t k = 0; k < j->change_count; k++) {
            if (k % 2 == half) {
                const struct change *ch = &j->changes[k];
                v->answers[(size_t)ch->a * s->fleet->view_count + ch->b] = ch->answer.to;
            }
        }
        return;
    }
    for (size_t k = half == 0 ? 0 : n / 2; k < (half == 0 ? n / 2 : n); k++) {
        size_t service = k / j->views, view = k % j->views; /* its fleet may be the one before */
        if (service < s->fleet->service_count && view < s->fleet->view_count) {
            v->answers[service * s->fleet->view_count + view] = j->answers[k];
        }
    }
}

static void push(struct sim *s, uint16_t i, uint16_t server)
{
    struct job *j = &s->nodes[i].dns[server];
    struct virtual_server *v = &s->servers[server];
    uint16_t at = s->fleet->dns_servers[server].idc;
    if (v->slow_us > s->fleet->policy.dns_timeout_us) {
        finish(s, i, j, ACTUATOR_DNS, server, ERR_TIMEOUT, NULL);
        return;
    }
    if (!v->up || (at != FLEET_NONE && s->idc_dead[at])) {
        finish(s, i, j, ACTUATOR_DNS, server, ERR_UNAVAILABLE, NULL);
        return;
    }
    bool unlucky = s->swarm.losses && !s->healed && rng_chance(&s->rng, 20000);
    if (j->phase == 0) {
        if (!push_begins(s, i, j, server)) {
            return;
        }
    } else if (j->phase == 1) {
        if (!same(&v->fence, &j->read)) {
            finish(s, i, j, ACTUATOR_DNS, server, ERR_BUSY, &v->fence);
            return;
        }
        oracle_acts(s, i, &j->fence);
        oracle_shifts(s, i, server, &j->fence);
        if (!BUG(FENCE_LAST)) {
            v->fence = j->fence;
            v->done = false;
        }
        write_half(s, i, server, 0);
    } else {
        const struct fence *expected = BUG(FENCE_LAST) ? &j->read : &j->fence;
        if (!same(&v->fence, expected)) {
            finish(s, i, j, ACTUATOR_DNS, server, ERR_BUSY, &v->fence);
            return;
        }
        write_half(s, i, server, 1);
        v->fence = j->fence;
        v->done = true;
        finish(s, i, j, ACTUATOR_DNS, server, unlucky ? ERR_TIMEOUT : OK,
               unlucky ? NULL : &v->fence);
        return;
    }
    if (unlucky && j->phase == 1) {
        finish(s, i, j, ACTUATOR_DNS, server, ERR_TIMEOUT,
               NULL); /* the reply was lost in the middle */
        return;
    }
    j->phase++;
    bool slow = s->swarm.slow_pushes && !s->healed && rng_chance(&s->rng, 300000);
    j->next_us =
        s->now_us + (int64_t)rng_below(&s->rng, slow ? 3000 : 2) * US_PER_MS + 300 + v->slow_us;
}

/* Routes and features refuse an older fence and take an equal one again. */
static int guarded(const struct fence *there, const struct fence *wanted)
{
    switch (fence_compare(there, wanted)) {
    case FENCE_OLDER:
    case FENCE_EQUAL: return OK;
    case FENCE_NEWER: return ERR_STALE;
    case FENCE_SPLIT: return ERR_FOREIGN;
    }
    return ERR_INVALID;
}

static void set_routes(struct sim *s, uint16_t i)
{
    struct job *j = &s->nodes[i].routes;
    struct virtual_routes *v = &s->routes[i];
    int status = guarded(&v->fence, &j->fence);
    if (status == OK) {
        oracle_acts(s, i, &j->fence);
        struct fence before = v->before;
        *v = j->routes;
        v->fence = j->fence;
        v->before = before;
    }
    finish(s, i, j, ACTUATOR_ROUTES, i, status, &v->fence);
}

static void set_features(struct sim *s, uint16_t i)
{
    struct job *j = &s->nodes[i].features;
    struct virtual_features *v = &s->features[i];
    int status = guarded(&v->fence, &j->fence);
    if (status == OK) {
        oracle_acts(s, i, &j->fence);
        v->fence = j->fence;
    }
    finish(s, i, j, ACTUATOR_FEATURES, i, status, &v->fence);
}

static bool is_due(const struct sim *s, const struct job *j)
{
    return j->busy && j->next_us <= s->now_us && s->failure[0] == '\0';
}

void job_tick(struct sim *s, uint16_t i)
{
    for (uint16_t k = 0; k < s->fleet->dns_server_count && node_is_running(s, i); k++) {
        if (is_due(s, &s->nodes[i].dns[k])) {
            push(s, i, k);
        }
    }
    if (node_is_running(s, i) && is_due(s, &s->nodes[i].routes)) {
        set_routes(s, i);
    }
    if (node_is_running(s, i) && is_due(s, &s->nodes[i].features)) {
        set_features(s, i);
    }
}
