/* oracle.c: the laws, watched from outside the core. The only production code used here is the
 * fold, and it is compared with what every replica made of the same log. */
#include "sim.h"

#include <string.h>

static void set_plan(struct sim *s, int64_t offset)
{
    const struct plan *p = &s->reference.plan;
    if (p->fence.generation < SIM_MAX_RECORDS) {
        s->plan_offsets[p->fence.generation] = offset;
        s->plan_digests[p->fence.generation] = p->fence.digest;
    }
}

void oracle_start(struct sim *s, const struct record *genesis)
{
    enum fold_void why;
    control_init(&s->reference);
    int status = fold_apply(&s->reference, &s->reference_arena, genesis, 0, &why);
    if (status != OK || why != FOLD_ACCEPTED) {
        sim_fail(s, "GENESIS: %d", status);
        return;
    }
    s->digest_size = control_digest_size(&s->reference) + 65536;
    s->digest_memory = sim_alloc(s->digest_size, 1);
    s->digests[0] = control_digest(&s->reference, s->digest_memory, s->digest_size);
    set_plan(s, 0);
    for (size_t i = 0; i < (size_t)s->fleet->service_count * s->fleet->view_count; i++) {
        for (uint16_t k = 0; k < s->fleet->dns_server_count; k++) {
            s->servers[k].answers[i] = s->reference.plan.answers[i];
        }
    }
    for (uint16_t k = 0; k < s->fleet->dns_server_count; k++) {
        s->servers[k].fence = s->servers[k].before = s->reference.plan.fence;
        s->servers[k].done = s->servers[k].up = true;
    }
}

/* The IDC died, by the truth, not long ago, or is dead. */
static bool was_dead(const struct sim *s, uint16_t idc)
{
    return s->idc_dead[idc] ||
           (s->idc_died_us[idc] > 0 && s->now_us - s->idc_back_us[idc] < 30 * US_PER_SEC);
}

/* Laws 1 and 2: a rescue takes slots away from IDCs that are dead, and from no others. */
static void check_rescue(struct sim *s, const struct decide *d, int64_t offset)
{
    s->rescues++;
    for (uint32_t i = 0; i < d->change_count; i++) {
        const struct change *ch = &d->changes[i];
        if (ch->kind != CHANGE_ANSWER) {
            continue;
        }
        if (s->fleet->services[ch->a].stateful) {
            sim_fail(s, "law 12: record %lld moves a stateful service", (long long)offset);
        }
        for (uint8_t k = 0; k < ch->answer.from.count && k < ch->answer.to.count; k++) {
            uint16_t from = ch->answer.from.slots[k].entrance;
            if (from != ch->answer.to.slots[k].entrance &&
                !was_dead(s, s->fleet->entrances[from].idc)) {
                sim_fail(s, "laws 1, 2: record %lld drains %s, which was never dead",
                         (long long)offset, s->fleet->entrances[from].name);
            }
        }
    }
}

void oracle_record(struct sim *s, const struct record *r, int64_t offset)
{
    enum fold_void why = FOLD_ACCEPTED;
    uint64_t generation = s->reference.plan.fence.generation;
    int status = fold_apply(&s->reference, &s->reference_arena, r, offset, &why);
    if (status != OK) {
        sim_fail(s, "record %lld (%s) breaks an invariant: %d", (long long)offset,
                 record_kind_name(r->kind), status);
        return;
    }
    s->digests[offset] = control_digest(&s->reference, s->digest_memory, s->digest_size);
    sim_trace(s, "record %lld %s of %u epoch %llu: %s%s", (long long)offset,
              record_kind_name(r->kind), r->writer.replica, (unsigned long long)r->epoch,
              fold_void_name(why),
              r->kind == RECORD_DECIDE ? decide_purpose_name(r->decide.purpose) : "");
    if (s->reference.plan.fence.generation != generation) {
        set_plan(s, offset);
        if (!s->swarm.disasters) {
            sim_fail(s, "law 1: record %lld moves traffic, and nothing ever happened",
                     (long long)offset);
        }
    }
    if (r->kind == RECORD_DECIDE && why == FOLD_ACCEPTED) {
        s->decisions++;
        for (uint32_t i = 0; i < r->decide.incident_count; i++) {
            sim_trace(s, "  incident %u %s %s", r->decide.incidents[i].id,
                      incident_kind_name(r->decide.incidents[i].kind),
                      incident_state_name(r->decide.incidents[i].state));
        }
        if (r->decide.purpose == DECIDE_RESCUE) {
            check_rescue(s, &r->decide, offset);
        }
    }
}

/* Law 3: what is acted upon stands in the log, and in the actor's own journal. */
void oracle_acts(struct sim *s, uint16_t node, const struct fence *f)
{
    uint64_t g = f->generation;
    if (g > s->reference.plan.fence.generation || s->plan_offsets[g] < 0) {
        sim_fail(s, "law 3: node %u acts upon generation %llu, which the log does not have", node,
                 (unsigned long long)g);
    } else if (digest_compare(&s->plan_digests[g], &f->digest) != 0) {
        sim_fail(s, "law 4: node %u acts upon another plan of generation %llu", node,
                 (unsigned long long)g);
    } else if (s->nodes[node].disk.applied < s->plan_offsets[g]) {
        sim_fail(s, "law 3: node %u acts upon record %lld before its journal has it", node,
                 (long long)s->plan_offsets[g]);
    }
}

/* Law 10: equal offsets, equal states. */
void oracle_commit(struct sim *s, uint16_t node, const struct control *c)
{
    struct digest d = control_digest(c, s->digest_memory, s->digest_size);
    if (digest_compare(&d, &s->digests[c->applied]) != 0) {
        sim_fail(s, "law 10: node %u differs after record %lld", node, (long long)c->applied);
    }
}

static void check_fence(struct sim *s, const char *what, uint16_t i, const struct fence *now,
                        struct fence *before)
{
    enum fence_order order = fence_compare(before, now);
    if (order == FENCE_NEWER || order == FENCE_SPLIT) {
        sim_fail(s, "law 4: the fence of %s %u went from %llu to %llu", what, i,
                 (unsigned long long)before->generation, (unsigned long long)now->generation);
    }
    *before = *now;
}

static void check_server(struct sim *s, uint16_t i)
{
    struct virtual_server *v = &s->servers[i];
    check_fence(s, "DNS server", i, &v->fence, &v->before);
    for (size_t k = 0; k < (size_t)s->fleet->service_count * s->fleet->view_count; k++) {
        if (v->answers[k].count == 0 && s->initial.answers[k].count > 0) {
            sim_fail(s, "law 5: DNS server %u has an empty answer", i);
        }
    }
    if (v->done && v->fence.generation == s->reference.plan.fence.generation &&
        memcmp(v->answers, s->reference.plan.answers,
               (size_t)s->fleet->service_count * s->fleet->view_count * sizeof v->answers[0]) !=
            0) {
        sim_fail(s, "law 4: DNS server %u says done and serves something else", i);
    }
}

void oracle_tick(struct sim *s)
{
    for (uint16_t i = 0; i < s->fleet->dns_server_count; i++) {
        check_server(s, i);
    }
    for (uint16_t i = 0; i < s->fleet->idc_count; i++) {
        struct virtual_routes *v = &s->routes[i];
        check_fence(s, "routes", i, &v->fence, &v->before);
        check_fence(s, "features", i, &s->features[i].fence, &s->features[i].before);
        for (uint32_t k = 0; k < v->count; k++) {
            if (v->want[k].count == 0) {
                sim_fail(s, "law 5: IDC %u has no route to IDC %u", i, v->want[k].destination);
            }
        }
    }
}

static void check_normal(struct sim *s)
{
    const struct plan *p = &s->reference.plan;
    size_t answers = (size_t)p->service_count * p->view_count;
    for (size_t k = 0; k < answers; k++) {
        for (uint8_t i = 0; i < s->initial.answers[k].count; i++) {
            if (p->answers[k].slots[i].entrance != s->initial.answers[k].slots[i].entrance) {
                sim_fail(s, "not converged: answer %zu is not what it was at first", k);
                return;
            }
        }
    }
    if (memcmp(p->tier_limits, s->initial.tier_limits,
               (size_t)p->region_count * p->service_count) != 0) {
        sim_fail(s, "not converged: some features are still demoted");
    }
    if (s->reference.incident_count > 0) {
        sim_fail(s, "not converged: %s is still %s",
                 incident_kind_name(s->reference.incidents[0].kind),
                 incident_state_name(s->reference.incidents[0].state));
    }
}

/* Everything was healed long ago: one fence everywhere, and the plan of the first day. */
void oracle_end(struct sim *s)
{
    const struct fence *f = &s->reference.plan.fence;
    for (uint16_t i = 0; i < s->fleet->dns_server_count; i++) {
        if (fence_compare(&s->servers[i].fence, f) != FENCE_EQUAL || !s->servers[i].done) {
            sim_fail(s, "not converged: DNS server %u is at %llu of %llu", i,
                     (unsigned long long)s->servers[i].fence.generation,
                     (unsigned long long)f->generation);
        }
    }
    for (uint16_t i = 0; i < s->fleet->idc_count; i++) {
        if (fence_compare(&s->routes[i].fence, f) != FENCE_EQUAL ||
            fence_compare(&s->features[i].fence, f) != FENCE_EQUAL) {
            sim_fail(s, "not converged: IDC %u has routes of %llu and features of %llu, not %llu",
                     i, (unsigned long long)s->routes[i].fence.generation,
                     (unsigned long long)s->features[i].fence.generation,
                     (unsigned long long)f->generation);
        }
    }
    check_normal(s);
}
