/* carriers.c: carriers that are off at an IDC or everywhere, and conduits that are cut: the truth,
 * and how it goes wrong. */
#include "sim.h"

#include <string.h>

#define EVERY_US (6 * US_PER_SEC) /* between two of these faults, about */

void carriers_start(struct sim *s)
{
    struct carriers *k = &s->carriers;
    k->rng = rng_init(s->seed * 2 + 1); /* of its own, so that kept seeds mean what they meant */
    k->fronts_fail = s->swarm.disasters && rng_chance(&k->rng, 400000);
    k->carriers_fail = s->swarm.disasters && rng_chance(&k->rng, 250000);
    k->conduits_fail = s->swarm.disasters && rng_chance(&k->rng, 400000);
    k->next_us = 8 * US_PER_SEC + (int64_t)rng_below(&k->rng, EVERY_US);
}

static int64_t until(struct sim *s)
{
    return s->now_us + (int64_t)rng_below(&s->carriers.rng, 15 * US_PER_SEC) + 50 * US_PER_MS;
}

static bool is_off(const struct front *f)
{
    return f->off_until_us > 0;
}

static void take_off(struct sim *s, uint16_t c, uint16_t x, int64_t until_us)
{
    struct front *f = &s->carriers.fronts[c][x];
    if (!is_off(f)) {
        f->off_us = s->now_us;
        f->was_well_us = f->well_us;
    }
    f->off_until_us = until_us > f->off_until_us ? until_us : f->off_until_us;
    s->changed_us = s->now_us;
}

static void put_back(struct sim *s, uint16_t c, uint16_t x)
{
    struct front *f = &s->carriers.fronts[c][x];
    f->off_until_us = 0;
    f->back_us = f->well_us = s->now_us;
    s->changed_us = s->now_us;
    sim_trace(s, "carrier %u is back at IDC %u", c, x);
}

static void one_fault(struct sim *s)
{
    struct carriers *k = &s->carriers;
    const struct fleet *f = s->fleet;
    uint16_t c = (uint16_t)rng_below(&k->rng, f->carrier_count);
    uint16_t x = (uint16_t)rng_below(&k->rng, f->idc_count);
    int64_t until_us = until(s);
    switch (rng_below(&k->rng, 4)) {
    case 0:
        for (uint16_t i = 0; k->carriers_fail && i < f->idc_count; i++) {
            take_off(s, c, i, until_us);
        }
        sim_trace(s, "carrier %u %s", c, k->carriers_fail ? "is down everywhere" : "stays");
        return;
    case 1:
        for (uint16_t g = 0; k->conduits_fail && g < f->conduit_count; g++) {
            for (uint32_t n = 0; n < f->conduits[g].link_count; n++) {
                s->link_cut[f->conduits[g].links[n]] = true;
                s->link_back_us[f->conduits[g].links[n]] = until_us;
            }
            sim_trace(s, "conduit %s is cut", f->conduits[g].name);
        }
        return;
    default:
        if (k->fronts_fail) {
            take_off(s, c, x, until_us);
            sim_trace(s, "carrier %u is off at IDC %u", c, x);
        }
        return;
    }
}

void carriers_tick(struct sim *s)
{
    struct carriers *k = &s->carriers;
    for (uint16_t c = 0; c < s->fleet->carrier_count; c++) {
        for (uint16_t x = 0; x < s->fleet->idc_count; x++) {
            if (is_off(&k->fronts[c][x]) &&
                (s->healed || k->fronts[c][x].off_until_us <= s->now_us)) {
                put_back(s, c, x);
            }
        }
    }
    if (k->next_us > 0 && !s->healed &&
        k->next_us <= s->now_us) { /* 0: a scenario, which has its own */
        k->next_us = s->now_us + (int64_t)rng_below(&k->rng, 2 * EVERY_US);
        one_fault(s);
    }
}

bool carriers_dark(const struct sim *s, uint16_t o, const struct target *t)
{
    if (t->carrier == FLEET_NONE || t->kind == TARGET_LINK) {
        return false;
    }
    bool far = t->kind == TARGET_ENTRANCE &&
               is_off(&s->carriers.fronts[t->carrier][s->fleet->entrances[t->a].idc]);
    return far || is_off(&s->carriers.fronts[t->carrier][o]);
}

/* Off now, or a moment ago. */
bool carriers_were_off(const struct sim *s, uint16_t c, uint16_t idc)
{
    const struct front *f = &s->carriers.fronts[c][idc];
    return is_off(f) || (f->off_us > 0 && s->now_us - f->back_us < SIM_DEAD_US);
}

/* On for so long; an end of that which nobody need know of yet does not count. */
bool carriers_well_for(const struct sim *s, uint16_t c, uint16_t idc, int64_t us)
{
    const struct front *f = &s->carriers.fronts[c][idc];
    bool news = f->off_us > 0 && s->now_us - f->off_us < SIM_DEAD_US;
    int64_t well_us = news ? f->was_well_us : f->well_us;
    return (news || !is_off(f)) && (well_us == 0 || s->now_us - well_us >= us);
}
