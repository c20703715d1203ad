/* sim.c: one seed from GENESIS through a safety phase to convergence. */
#include "sim.h"

#include "wire/record.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SAFETY_US   (60 * US_PER_SEC)
#define CONVERGE_US (120 * US_PER_SEC)
#define ORDERS_US   (180 * US_PER_SEC) /* more, to release all orders and to evacuate an IDC */
#define FIRST_US    (3 * US_PER_SEC)   /* that a scenario's first leader is alone */
#define STABLE_US   (15 * US_PER_SEC)  /* of being converged, and the seed is over */

void *sim_alloc(size_t count, size_t size)
{
    size_t bytes = count * size;
    void *p = aligned_alloc(16, (bytes + 31) / 16 * 16);
    if (p == NULL) {
        (void)fprintf(stderr, "sim: out of memory\n");
        exit(EXIT_FAILURE);
    }
    memset(p, 0, (bytes + 31) / 16 * 16);
    return p;
}

void sim_fail(struct sim *s, const char *format, ...)
{
    if (s->failure[0] != '\0') {
        return;
    }
    va_list args;
    va_start(args, format);
    int n = snprintf(s->failure, sizeof s->failure,
                     "seed %llu at %.3f s: ", (unsigned long long)s->seed, (double)s->now_us / 1e6);
    (void)vsnprintf(s->failure + n, sizeof s->failure - (size_t)n, format, args);
    va_end(args);
}

void sim_trace(struct sim *s, const char *format, ...)
{
    if (!s->trace) {
        return;
    }
    va_list args;
    va_start(args, format);
    printf("%10.3f ", (double)s->now_us / 1e6);
    vprintf(format, args);
    printf("\n");
    va_end(args);
}

/* GENESIS as `spillway init` makes it, put into the log. */
static void genesis(struct sim *s)
{
    const struct fleet *f = s->fleet;
    size_t room = decide_arena_size(f) + plan_arena_size(f);
    struct arena a;
    arena_init(&a, sim_alloc(1, room), room);
    struct plan p;
    if (plan_initial(f, &a, &p) != OK || plan_new(f, &s->reference_arena, &s->initial) != OK) {
        sim_fail(s, "no initial plan");
        free(a.base);
        return;
    }
    plan_copy(&s->initial, &p);
    struct codec m = codec_measure();
    plan_codec(&m, &p);
    size_t fleet_size = fleet_encoded_size(f);
    uint8_t *bytes = sim_alloc(fleet_size + m.pos, 1);
    struct fleet copy = *f;
    struct codec w = codec_writer(bytes, fleet_size);
    fleet_codec(&w, &copy);
    w = codec_writer(bytes + fleet_size, m.pos);
    plan_codec(&w, &p);
    struct record r = {.kind = RECORD_GENESIS, .writer = {REPLICA_PERSON, 1, 1}, .base = -1};
    r.log_id.bytes[0] = 1;
    r.genesis.era = 1;
    r.genesis.fleet = (struct bytes){bytes, fleet_size};
    r.genesis.plan = (struct bytes){bytes + fleet_size, m.pos};
    size_t bound = record_size_bound(f);
    s->log[0].bytes = sim_alloc(bound, 1);
    int status = record_encode(&r, s->log[0].bytes, bound, &s->log[0].size);
    if (status != OK) {
        sim_fail(s, "GENESIS cannot be encoded: %d", status);
    } else {
        s->log_end = 1;
        oracle_start(s, &r);
    }
    free(bytes);
    free(a.base);
}

struct sim *sim_new(const struct fleet *f, uint64_t seed, bool trace)
{
    struct sim *s = sim_alloc(1, sizeof *s);
    s->seed = seed;
    s->rng = rng_init(seed);
    s->extra = rng_init(~seed);
    s->first = f;
    s->own = *f;
    s->fleet = &s->own;
    s->trace = trace;
    size_t each = control_arena_size(f) + plan_arena_size(f) + fleet_carry_arena_size(f) + 4096;
    size_t room = each * (1 + SIM_MAX_FLEETS);
    s->reference_memory = sim_alloc(1, room);
    arena_init(&s->reference_arena, s->reference_memory, room);
    s->decode_size = record_arena_size(record_size_bound(f));
    s->decode_memory = sim_alloc(1, s->decode_size);
    s->digests = sim_alloc(SIM_MAX_RECORDS, sizeof *s->digests);
    s->plans = sim_alloc(SIM_MAX_PLANS, sizeof *s->plans);
    for (uint32_t g = 0; g < SIM_MAX_PLANS; g++) {
        s->plans[g].offset = -1;
        memset(s->plans[g].folded_us, 0xff, sizeof s->plans[g].folded_us);
    }
    for (uint16_t i = 0; i < SIM_MAX_IDCS; i++) {
        s->nodes[i].disk.applied = -1;
    }
    return s;
}

void sim_free(struct sim *s)
{
    bus_free(s);
    for (uint16_t i = 0; i < SIM_MAX_IDCS; i++) {
        node_free(s, i);
    }
    free(s->fleets.begins);
    free(s->reference_memory);
    free(s->decode_memory);
    free(s->digest_memory);
    free(s->digests);
    for (uint32_t g = 0; g < SIM_MAX_PLANS; g++) {
        free(s->plans[g].changes);
    }
    free(s->plans);
    free(s);
}

void sim_tick(struct sim *s)
{
    s->now_us += SIM_TICK_US;
    if (s->script.on) {
        script_tick(s);
    }
    world_tick(s);
    bus_tick(s);
    for (uint16_t i = 0; i < s->first->idc_count && s->failure[0] == '\0'; i++) {
        job_tick(s, i); /* whoever was taken out, too, until it has read that */
        node_tick(s, i);
    }
    oracle_tick(s);
}

struct digest sim_digest(const struct sim *s)
{
    struct sha256 h;
    sha256_init(&h);
    for (int64_t i = 0; i < s->log_end; i++) {
        sha256_update(&h, s->log[i].bytes, s->log[i].size);
        sha256_update(&h, &s->log[i].at_us, sizeof s->log[i].at_us);
        sha256_update(&h, s->digests[i].bytes, DIGEST_SIZE);
    }
    return sha256_final(&h);
}

/* True when all has been as on the first day for a while. Looked at every 100 ms. */
static bool is_over(struct sim *s)
{
    char why[128];
    if (!s->healed || s->now_us % (20 * SIM_TICK_US) != 0) {
        return false;
    }
    bool evacuates = s->swarm.orders && !s->evacuation_over;
    if (evacuates || !oracle_converged(s, why, sizeof why)) {
        s->converged_us = -1;
    } else if (s->converged_us < 0) {
        s->converged_us = s->now_us;
        sim_trace(s, "converged");
    }
    return s->converged_us >= 0 && s->now_us - s->converged_us >= STABLE_US;
}

static void finish(struct sim *s, struct sim_result *ret_result)
{
    if (s->failure[0] == '\0') {
        oracle_end(s);
    }
    ret_result->digest = sim_digest(s);
    ret_result->simulated_us = s->now_us;
    ret_result->converged_us = s->converged_us < 0 ? -1 : s->converged_us - SAFETY_US;
    ret_result->records = (uint64_t)s->log_end;
    ret_result->decisions = s->decisions;
    ret_result->false_drains = s->false_drains;
    ret_result->healed_plans = s->healed_plans;
    ret_result->most_effects = s->most_effects;
    ret_result->generations = s->reference.plan.fence.generation - 1;
    memcpy(ret_result->failure, s->failure, sizeof s->failure);
    sim_trace(s, "%lld records, %llu decisions, %llu rescues, %llu plans, %llu approvals",
              (long long)s->log_end, (unsigned long long)s->decisions,
              (unsigned long long)s->rescues, (unsigned long long)ret_result->generations,
              (unsigned long long)s->approvals);
}

void sim_start(struct sim *s)
{
    world_start(s);
    genesis(s);
    for (uint16_t i = 0; i < s->fleet->idc_count && s->failure[0] == '\0'; i++) {
        if (s->script.on && s->script.first != FLEET_NONE && s->script.first != i) {
            s->nodes[i].back_at_us = FIRST_US;
        } else {
            node_start(s, i);
        }
    }
}

int sim_run(const struct fleet *f, uint64_t seed, bool trace, struct sim_result *ret_result)
{
    struct sim *s = sim_new(f, seed, trace);
    sim_start(s);
    int64_t end_us = SAFETY_US + CONVERGE_US + (s->swarm.orders ? ORDERS_US : 0);
    while (s->failure[0] == '\0' && s->now_us < end_us && !is_over(s)) {
        if (s->now_us >= SAFETY_US && !s->healed) {
            sim_trace(s, "everything heals");
            world_heal(s);
        }
        sim_tick(s);
    }
    finish(s, ret_result);
    int failed = s->failure[0] != '\0';
    sim_free(s);
    return failed;
}
