/* spikes.c: users who ask for more and for less at random, and services that say nothing of it. */
#include "sim.h"

#define BETWEEN_US (12 * US_PER_SEC)
#define FALL_US    (2 * US_PER_SEC) /* so that the way home fits into a seed */

enum { LEAST_PERCENT = 40, MOST_PERCENT = 400 };

void spikes_start(struct sim *s)
{
    s->demands = rng_init(s->seed ^ UINT64_C(0x7370696b6573));
    s->swarm.spikes = !s->script.on && s->swarm.disasters && rng_chance(&s->demands, 300000);
    s->next_spike_us = (int64_t)rng_below(&s->demands, BETWEEN_US);
    if (s->swarm.spikes) {
        script_start(s);
        s->own.policy.demand_fall_us = FALL_US;
    }
}

static void calm(struct sim *s)
{
    for (uint16_t v = 0; v < s->fleet->view_count; v++) {
        if (s->script.demand_ppm[v] != 1000000) {
            s->script.demand_ppm[v] = 1000000;
            s->changed_us = s->now_us; /* users who ask for what is usual again are news, too */
        }
    }
    for (uint16_t x = 0; x < s->fleet->idc_count; x++) {
        s->script.untold[x] = false;
    }
}

void spikes_tick(struct sim *s)
{
    if (!s->swarm.spikes || s->now_us < s->next_spike_us) {
        return;
    }
    s->next_spike_us = s->now_us + (int64_t)rng_below(&s->demands, BETWEEN_US);
    if (s->healed) {
        calm(s);
        return;
    }
    uint16_t v = (uint16_t)rng_below(&s->demands, s->fleet->view_count);
    uint16_t x = (uint16_t)rng_below(&s->demands, s->fleet->idc_count);
    uint64_t percent = LEAST_PERCENT + rng_below(&s->demands, MOST_PERCENT - LEAST_PERCENT);
    s->script.demand_ppm[v] = (uint32_t)(percent * 10000);
    s->script.untold[x] = rng_chance(&s->demands, 200000);
    s->changed_us = s->now_us;
    sim_trace(s, "view %u asks for %llu %%; the services of IDC %u %s", v,
              (unsigned long long)percent, x, s->script.untold[x] ? "fall silent" : "tell");
}
