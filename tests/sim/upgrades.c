/* upgrades.c: replicas that go over to the next rules version one by one, under all other faults;
 * and its oracles: nobody halts for it, and in the end the new rules are in force.
 *
 * Only where a next version is compiled in (fold.h): it has another number and no other rule. */
#include "sim.h"

#define BETWEEN_US (8 * US_PER_SEC)
#define SETTLED_US (60 * US_PER_SEC) /* after the newest restart, when everything is well */

/* Its own dice, so that other seeds mean what they meant. */
void upgrades_start(struct sim *s)
{
    struct upgrades *u = &s->upgrades;
    u->rng = rng_init(s->seed ^ UINT64_C(0x7570677261646573));
    u->on = FOLD_RULES_NEWEST > 1 && !s->script.on && rng_chance(&u->rng, 300000);
    u->next_us = (int64_t)rng_below(&u->rng, BETWEEN_US);
}

static void upgrade_one(struct sim *s)
{
    uint16_t first = (uint16_t)rng_below(&s->upgrades.rng, s->fleet->idc_count);
    for (uint16_t k = 0; k < s->fleet->idc_count; k++) {
        uint16_t i = (uint16_t)((first + k) % s->fleet->idc_count);
        if (!s->nodes[i].upgraded && s->nodes[i].up && !s->idc_dead[i]) {
            sim_trace(s, "node %u is upgraded", i);
            s->nodes[i].upgraded = true;
            s->upgrades.newest_us = s->now_us;
            node_crash(s, i);
            return;
        }
    }
}

static bool all_upgraded(const struct sim *s)
{
    bool all = true;
    for (uint16_t i = 0; i < s->fleet->idc_count; i++) {
        all = all && s->nodes[i].upgraded;
    }
    return all;
}

void upgrades_tick(struct sim *s)
{
    struct upgrades *u = &s->upgrades;
    int64_t at;
    if (!u->on) {
        return;
    }
    for (uint16_t i = 0; i < s->fleet->idc_count; i++) {
        if (s->nodes[i].up && replica_halted(s->nodes[i].replica, &at) != NULL) {
            sim_fail(s, "node %u has halted at record %lld in an upgrade", i, (long long)at);
        }
    }
    if (s->now_us >= u->next_us) {
        u->next_us = s->now_us + (int64_t)rng_below(&u->rng, BETWEEN_US);
        upgrade_one(s);
    }
    if (s->healed && all_upgraded(s) && s->now_us - u->newest_us > SETTLED_US &&
        s->reference.rules < FOLD_RULES_NEWEST) {
        sim_fail(s, "all run rules %u, and %u are in force", (unsigned)FOLD_RULES_NEWEST,
                 s->reference.rules);
    }
}
