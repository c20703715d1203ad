/* oracle.c: the laws, watched from outside the core. The only production code used here is the
 * fold, and it is compared with what every replica made of the same log. */
#include "actuate/feature_file.h"
#include "sim.h"

#include <stdio.h>
#include <string.h>

/* d: NULL for GENESIS. */
static void set_plan(struct sim *s, int64_t offset, const struct decide *d)
{
    const struct fence *f = &s->reference.plan.fence;
    if (f->generation >= SIM_MAX_PLANS) {
        sim_fail(s, "law 9: there are %d plans", SIM_MAX_PLANS);
        return;
    }
    struct generation *g = &s->plans[f->generation];
    g->offset = offset;
    g->digest = f->digest;
    g->purpose = DECIDE_NOTE;
    if (d != NULL) {
        g->purpose = d->purpose;
        g->change_count = d->change_count;
        g->changes = sim_alloc(d->change_count, sizeof *g->changes);
        memcpy(g->changes, d->changes, d->change_count * sizeof *g->changes);
        oracle_generated(s, g);
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
    set_plan(s, 0, NULL);
    s->ledger = (struct ledger){.generation = s->reference.plan.fence.generation,
                                .newest = s->reference.leader_newest,
                                .decisive = s->reference.decisive};
    s->converged_us = -1;
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

/* --- Decisions, when they are made --------------------------------------------------------------
 */

/* By the truth: dead now, or a moment ago, when the newest usable evidence was gathered. */
static bool was_dead(const struct sim *s, uint16_t idc)
{
    return s->idc_dead[idc] ||
           (s->idc_died_us[idc] > 0 && s->now_us - s->idc_back_us[idc] < SIM_DEAD_US);
}

/* Well for so long. A death that nobody need know of yet does not count, not even when it is over.
 */
static bool well_for(const struct sim *s, uint16_t idc, int64_t us)
{
    bool news = s->idc_died_us[idc] > 0 && s->now_us - s->idc_died_us[idc] < SIM_DEAD_US;
    int64_t well_us = news ? s->idc_was_well_us[idc] : s->idc_well_us[idc];
    return (news || !s->idc_dead[idc]) && (well_us == 0 || s->now_us - well_us >= us);
}

/* The same of an entrance over a carrier, in the world of a scenario. */
static bool path_was_dead(const struct sim *s, uint16_t entrance, uint16_t carrier)
{
    const struct path_truth *p = &s->script.paths[path_index(s->fleet, entrance, carrier)];
    return p->bad_us > 0 && s->now_us - p->bad_us < SIM_DEAD_US;
}

static bool path_well_for(const struct sim *s, uint16_t entrance, uint16_t carrier, int64_t us)
{
    const struct path_truth *p = &s->script.paths[path_index(s->fleet, entrance, carrier)];
    bool news = p->bad_us > 0 && s->now_us - p->bad_since_us < SIM_DEAD_US;
    int64_t well_us = news ? p->was_well_us : p->well_us;
    return (news || !p->bad) && (well_us == 0 || s->now_us - well_us >= us);
}

/* Laws 1, 2: a rescue takes from what is dead. Law 7: a restore gives to what has been well. */
static void check_move(struct sim *s, uint16_t node, enum decide_purpose purpose, uint16_t carrier,
                       uint16_t from, uint16_t to)
{
    const struct entrance *e = s->fleet->entrances;
    int64_t hold_us = s->fleet->policy.idc_hold_down_us;
    bool dead = s->script.on
                    ? path_was_dead(s, from, carrier)
                    : was_dead(s, e[from].idc) || carriers_were_off(s, carrier, e[from].idc);
    bool well = s->script.on ? path_well_for(s, to, carrier, hold_us)
                             : well_for(s, e[to].idc, hold_us) &&
                                   carriers_well_for(s, carrier, e[to].idc, hold_us);
    if (purpose == DECIDE_RESCUE && !dead) {
        s->false_drains++;
        sim_fail(s, "laws 1, 2: node %u drains %s, which was not dead", node, e[from].name);
    }
    if (purpose == DECIDE_RESTORE && !well) {
        sim_fail(s, "law 7: node %u restores %s, which has not been well for long", node,
                 e[to].name);
    }
}

static unsigned slots_of(const struct answer *a, uint16_t entrance)
{
    unsigned n = 0;
    for (uint8_t i = 0; i < a->count; i++) {
        n += a->slots[i].entrance == entrance ? 1 : 0;
    }
    return n;
}

/* Not the same addresses in another order. */
static bool moves(const struct change *ch, uint16_t from, uint16_t to)
{
    const struct answer *a = &ch->answer.from, *b = &ch->answer.to;
    return from != to && from != FLEET_NONE && to != FLEET_NONE &&
           slots_of(b, from) < slots_of(a, from) && slots_of(b, to) > slots_of(a, to);
}

void oracle_writes(struct sim *s, uint16_t node, const struct record *r)
{
    const struct decide *d = &r->decide;
    for (uint32_t i = 0; r->kind == RECORD_DECIDE && i < d->change_count; i++) {
        const struct change *ch = &d->changes[i];
        if (ch->kind != CHANGE_ANSWER) {
            continue;
        }
        if (s->fleet->services[ch->a].stateful) {
            sim_fail(s, "law 12: node %u moves a stateful service", node);
        }
        for (uint8_t k = 0; k < ch->answer.from.count && k < ch->answer.to.count; k++) {
            uint16_t from = ch->answer.from.slots[k].entrance, to = ch->answer.to.slots[k].entrance;
            if (moves(ch, from, to)) {
                uint16_t carrier = s->fleet->views[ch->b].carrier;
                check_move(s, node, d->purpose, carrier, from, to);
                if (d->purpose == DECIDE_RESCUE && !oracle_says_why(s, d, from, carrier)) {
                    sim_fail(s, "law 8: node %u does not say why it takes from %s", node,
                             s->fleet->entrances[from].name);
                }
            }
        }
    }
}

/* --- The ledger: what should count, by an account of its own ------------------------------------
 */

static void account_claim(struct sim *s, const struct record *r, int64_t offset, bool counted)
{
    struct ledger *l = &s->ledger;
    bool good = r->claim.ends_epoch == l->epoch && r->epoch == l->epoch + 1 &&
                (r->claim.names == l->newest || l->yields);
    if (counted != good) {
        sim_fail(s,
                 "record %lld, a CLAIM that names %lld, %s; the newest of epoch %llu's leader is "
                 "%lld",
                 (long long)offset, (long long)r->claim.names,
                 counted ? "ends an epoch that went on" : "is refused wrongly",
                 (unsigned long long)l->epoch, (long long)l->newest);
    }
    if (counted) {
        l->epoch = r->epoch;
        l->leader = r->writer;
        l->yields = false;
        l->newest = l->decisive = offset;
    }
}

static void account_leader(struct sim *s, const struct record *r, int64_t offset)
{
    struct ledger *l = &s->ledger;
    if (r->epoch != l->epoch || r->writer.replica != l->leader.replica ||
        r->writer.incarnation != l->leader.incarnation ||
        r->writer.sequence <= l->leader.sequence) {
        sim_fail(s, "record %lld counts and is not the next word of epoch %llu's leader",
                 (long long)offset, (unsigned long long)l->epoch);
    }
    l->leader.sequence = r->writer.sequence;
    l->newest = offset;
    if (r->kind == RECORD_HEARTBEAT) {
        l->yields = r->heartbeat.yield;
    }
    if (r->kind != RECORD_DECIDE) {
        return;
    }
    if (r->base < l->decisive) {
        sim_fail(s, "record %lld decides at base %lld, and record %lld came in between",
                 (long long)offset, (long long)r->base, (long long)l->decisive);
    }
    l->generation += r->decide.change_count > 0 ? 1 : 0;
    if (r->decide.generation != l->generation) {
        sim_fail(s, "record %lld decides generation %llu after %llu others", (long long)offset,
                 (unsigned long long)r->decide.generation, (unsigned long long)l->generation);
    }
    l->decisive = offset;
}

static void account(struct sim *s, const struct record *r, int64_t offset, enum fold_void why)
{
    bool counted = why == FOLD_ACCEPTED;
    switch (r->kind) {
    case RECORD_CLAIM:
        if (counted || why == FOLD_LATE_CLAIM) {
            account_claim(s, r, offset, counted);
        }
        return;
    case RECORD_HEARTBEAT:
    case RECORD_DECIDE:
    case RECORD_SNAPSHOT:
    case RECORD_RULES:
        if (counted) {
            account_leader(s, r, offset);
        }
        return;
    case RECORD_OPERATOR:
        if (counted) {
            s->ledger.decisive = offset;
            s->ledger.generation += r->operator.command == OPERATOR_FLEET ? 1 : 0;
        }
        return;
    case RECORD_GENESIS:
    case RECORD_STEP: return;
    }
}

static void trace_decision(struct sim *s, const struct decide *d)
{
    uint32_t changes[CHANGE_TIER + 1] = {0};
    for (uint32_t i = 0; i < d->change_count; i++) {
        changes[d->changes[i].kind]++;
    }
    if (d->change_count > 0) {
        sim_trace(s, "  generation %llu: %u answers, %u hops, %u releases, %u tiers",
                  (unsigned long long)d->generation, changes[CHANGE_ANSWER], changes[CHANGE_HOPS],
                  changes[CHANGE_RELEASED], changes[CHANGE_TIER]);
    }
    for (uint32_t i = 0; i < d->incident_count; i++) {
        const struct incident *n = &d->incidents[i];
        sim_trace(s, "  incident %u: %s of %s %u %s", n->id, incident_kind_name(n->kind),
                  subject_kind_name(n->subject.kind), n->subject.a, incident_state_name(n->state));
    }
    for (uint32_t i = 0; i < d->guard_count; i++) {
        const struct guard_result *g = &d->guards[i];
        if (!g->passed) {
            sim_trace(s, "  guard %s stops it at %s %u %u", guard_name(g->guard),
                      subject_kind_name(g->subject.kind), g->subject.a, g->subject.b);
        }
    }
}

void oracle_record(struct sim *s, const struct record *r, int64_t offset)
{
    enum fold_void why = FOLD_ACCEPTED;
    uint64_t generation = s->reference.plan.fence.generation;
    const struct control was = s->reference; /* its arrays stay: a new fleet has its own */
    const char *disobeys = r->kind == RECORD_DECIDE ? oracle_orders(s, &r->decide) : NULL;
    disobeys =
        r->kind == RECORD_DECIDE && disobeys == NULL ? drills_broken(s, &r->decide) : disobeys;
    int status = fold_apply(&s->reference, &s->reference_arena, r, offset, &why);
    if (disobeys != NULL && status == OK && why == FOLD_ACCEPTED) {
        sim_fail(s, "record %lld %s", (long long)offset, disobeys);
    }
    if (status != OK) {
        sim_fail(s, "record %lld (%s) breaks an invariant: %d", (long long)offset,
                 record_kind_name(r->kind), status);
        return;
    }
    account(s, r, offset, why);
    if (why == FOLD_ACCEPTED) {
        transfers_record(s, r, offset);
    }
    if (s->reference.order_count != s->script.orders_seen) {
        s->script.orders_seen = s->reference.order_count;
        s->changed_us = s->now_us; /* a time to live is over */
    }
    if (r->kind == RECORD_OPERATOR && why == FOLD_ACCEPTED) {
        s->changed_us = s->now_us; /* a person's word is news like any other */
        oracle_approved(s, &r->operator);
    }
    s->digests[offset] = control_digest(&s->reference, s->digest_memory, s->digest_size);
    sim_trace(s, "record %lld %s%s%s of node %u epoch %llu: %s", (long long)offset,
              record_kind_name(r->kind), r->kind == RECORD_DECIDE ? " " : "",
              r->kind == RECORD_DECIDE ? decide_purpose_name(r->decide.purpose) : "",
              r->writer.replica, (unsigned long long)r->epoch, fold_void_name(why));
    if (s->reference.plan.fence.generation != generation) {
        set_plan(s, offset, r->kind == RECORD_DECIDE ? &r->decide : NULL);
        if (r->kind == RECORD_OPERATOR) {
            fleets_followed(s, &was);
        }
        if (!s->swarm.disasters && !s->swarm.orders && !s->swarm.fleets && !s->swarm.drills) {
            sim_fail(s, "law 1: record %lld moves traffic, and nothing ever happened",
                     (long long)offset);
        }
    }
    if (r->kind == RECORD_DECIDE && why == FOLD_ACCEPTED) {
        s->decisions++;
        script_decided(s, &r->decide);
        trace_decision(s, &r->decide);
        s->rescues += r->decide.purpose == DECIDE_RESCUE ? 1 : 0;
    }
}

/* Law 3: what is acted upon stands in the log, and in the actor's own journal. */
void oracle_acts(struct sim *s, uint16_t node, const struct fence *f)
{
    const struct generation *g = oracle_generation(s, f->generation);
    if (g == NULL) {
        sim_fail(s, "law 3: node %u acts upon generation %llu, which the log does not have", node,
                 (unsigned long long)f->generation);
    } else if (digest_compare(&g->digest, &f->digest) != 0) {
        sim_fail(s, "law 4: node %u acts upon another plan of generation %llu", node,
                 (unsigned long long)f->generation);
    } else if (s->nodes[node].disk.applied < g->offset) {
        sim_fail(s, "law 3: node %u acts upon record %lld before its journal has it", node,
                 (long long)g->offset);
    }
}

/* Law 4: no older plan is written over what a newer one began. */
void oracle_pushes(struct sim *s, uint16_t node, uint16_t server, const struct fence *f)
{
    struct virtual_server *v = &s->servers[server];
    if (f->generation < v->begun) {
        sim_fail(s, "law 4: node %u writes generation %llu to DNS server %u, where %llu began",
                 node, (unsigned long long)f->generation, server, (unsigned long long)v->begun);
    }
    v->begun = f->generation;
}

/* Law 10: equal offsets, equal states. States that differ stay different, and the replicas compare
 * them too, so some of the heartbeats suffice. */
void oracle_commit(struct sim *s, uint16_t node, const struct control *c)
{
    for (uint64_t at = c->plan.fence.generation; at > 0; at--) {
        struct generation *g = oracle_generation(s, at);
        if (g == NULL || g->folded_us[node] >= 0) {
            break;
        }
        g->folded_us[node] = s->now_us;
    }
    if (c->applied % 8 != 0 && c->applied != c->decisive) {
        return;
    }
    struct digest d = control_digest(c, s->digest_memory, s->digest_size);
    if (digest_compare(&d, &s->digests[c->applied]) != 0) {
        sim_fail(s, "law 10: node %u differs after record %lld", node, (long long)c->applied);
    }
}

/* Laws 5 and 9: what a feature file would say, and how much a node asks for. */
void oracle_effect(struct sim *s, uint16_t node, const struct effect *e)
{
    struct node *n = &s->nodes[node];
    const struct control *c = replica_control(n->replica);
    n->effects += e->kind == EFFECT_APPEND || e->kind == EFFECT_DNS || e->kind == EFFECT_ROUTES ||
                          e->kind == EFFECT_FEATURES
                      ? 1
                      : 0;
    s->most_effects = n->effects > s->most_effects ? n->effects : s->most_effects;
    if (n->effects > SIM_NODE_EFFECTS) {
        sim_fail(s, "law 9: node %u asks for more than %d things in a second", node,
                 SIM_NODE_EFFECTS);
    }
    struct feature_file file;
    if (e->kind != EFFECT_FEATURES || feature_file_wanted(c->fleet, &c->plan, node, &file) != OK) {
        return;
    }
    for (uint32_t i = 0; i < file.flag_count; i++) {
        if (file.flags[i].tier == 0 && !file.flags[i].on) {
            sim_fail(s, "law 5: generation %llu turns %s of %s off, which is core",
                     (unsigned long long)e->features.fence.generation, file.flags[i].feature,
                     file.flags[i].service);
        }
    }
    feature_file_done(&file);
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

static unsigned used_slots(const struct answer *a)
{
    unsigned used = 0;
    for (uint8_t i = 0; i < a->count; i++) {
        used += a->slots[i].entrance != FLEET_NONE ? 1 : 0;
    }
    return used;
}

static void check_server(struct sim *s, uint16_t i)
{
    struct virtual_server *v = &s->servers[i];
    check_fence(s, "DNS server", i, &v->fence, &v->before);
    for (size_t k = 0; k < (size_t)s->fleet->service_count * s->fleet->view_count; k++) {
        uint64_t brought = s->fleets.brought[k];
        bool comes = brought > 0 && (v->fence.generation < brought || !v->done);
        if (used_slots(&v->answers[k]) == 0 && used_slots(&s->initial.answers[k]) > 0 && !comes) {
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
    for (uint16_t i = 0; i < s->fleet->idc_count; i++) {
        oracle_prompt(s, i);
        s->nodes[i].effects = s->now_us % US_PER_SEC == 0 ? 0 : s->nodes[i].effects;
    }
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

/* The plan is that of the first day, and nothing is open. */
static bool is_normal(const struct sim *s, char *why, size_t size)
{
    const struct plan *p = &s->reference.plan;
    size_t answers = (size_t)p->service_count * p->view_count;
    for (size_t k = 0; k < answers; k++) {
        for (uint8_t i = 0; i < s->initial.answers[k].count; i++) {
            if (p->answers[k].slots[i].entrance != s->initial.answers[k].slots[i].entrance) {
                (void)snprintf(why, size, "answer %zu is not what it was at first", k);
                return false;
            }
        }
    }
    if (memcmp(p->tier_limits, s->initial.tier_limits,
               (size_t)p->region_count * p->service_count) != 0) {
        (void)snprintf(why, size, "some features are still demoted");
        return false;
    }
    if (s->reference.order_count > 0) {
        (void)snprintf(why, size, "order %u still stands", s->reference.orders[0].id);
        return false;
    }
    if (drill_under_way(&s->reference.drill)) {
        (void)snprintf(why, size, "a drill is still %s",
                       drill_state_name(s->reference.drill.state));
        return false;
    }
    if (s->reference.incident_count > 0) {
        (void)snprintf(why, size, "%s is still %s",
                       incident_kind_name(s->reference.incidents[0].kind),
                       incident_state_name(s->reference.incidents[0].state));
        return false;
    }
    return true;
}

/* One fence everywhere. */
bool oracle_acknowledged(const struct sim *s, char *why, size_t size)
{
    const struct fence *f = &s->reference.plan.fence;
    for (uint16_t i = 0; i < s->fleet->dns_server_count; i++) {
        if (fence_compare(&s->servers[i].fence, f) != FENCE_EQUAL || !s->servers[i].done) {
            (void)snprintf(why, size, "DNS server %u is at %llu of %llu", i,
                           (unsigned long long)s->servers[i].fence.generation,
                           (unsigned long long)f->generation);
            return false;
        }
    }
    for (uint16_t i = 0; i < s->fleet->idc_count; i++) {
        if (fence_compare(&s->routes[i].fence, f) != FENCE_EQUAL ||
            fence_compare(&s->features[i].fence, f) != FENCE_EQUAL) {
            (void)snprintf(why, size, "IDC %u has routes of %llu and features of %llu, not %llu", i,
                           (unsigned long long)s->routes[i].fence.generation,
                           (unsigned long long)s->features[i].fence.generation,
                           (unsigned long long)f->generation);
            return false;
        }
    }
    return true;
}

/* ... and the plan of the first day. */
bool oracle_converged(struct sim *s, char *why, size_t size)
{
    return oracle_acknowledged(s, why, size) && is_normal(s, why, size);
}

/* Everything was healed long ago: all must be as on the first day, and have stayed so. */
void oracle_end(struct sim *s)
{
    char why[128];
    if (!oracle_converged(s, why, sizeof why)) {
        sim_fail(s, "not converged: %s", why);
    }
}
