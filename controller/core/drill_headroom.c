/* drill_headroom.c: how much room core would have with a drill's target lost. */
#include "core/drill.h"

#include <string.h>

enum { WHOLE_PPM = 1000000 };

size_t drill_headroom_arena_size(const struct fleet *f)
{
    return planner_arena_size(f) + plan_arena_size(f) + 2 * (size_t)path_count(f) + (size_t)4 * 16;
}

/* The entrance is not reached over the carrier while the injection lasts. */
static bool lost(const struct fleet *f, const struct drill_run *r, uint16_t entrance,
                 uint16_t carrier)
{
    uint16_t idc = f->entrances[entrance].idc;
    switch (r->drill.on) {
    case DRILL_ON_IDC: return idc == r->target.index;
    case DRILL_ON_CARRIER:
        return carrier == r->target.index && (r->target.at == FLEET_NONE || r->target.at == idc);
    case DRILL_ON_LINK:
    case DRILL_ON_CONDUIT:
    case DRILL_ON_VIEW: return false;
    }
    return false;
}

/* Use of the fullest entrance that somebody is sent to. */
static uint64_t worst_use_ppm(const struct fleet *f, const struct plan *p, struct load *load)
{
    uint64_t worst = 0;
    for (uint16_t s = 0; s < f->service_count; s++) {
        load_compute(f, p, s, load);
        for (uint16_t e = 0; e < f->entrance_count; e++) {
            bool used = f->entrances[e].service == s && load->entrance[e] > 0;
            uint64_t use = used ? load_use_ppm(f, load, e, 0) : 0;
            worst = use > worst ? use : worst;
        }
    }
    return worst;
}

int drill_headroom(const struct outlook *o, const struct drill_run *r, struct arena *a,
                   uint32_t *ret_ppm)
{
    const struct fleet *f = o->f;
    size_t paths = path_count(f);
    bool *dead = ARENA_NEW(a, bool, paths), *usable = ARENA_NEW(a, bool, paths);
    struct planner planner;
    struct plan plan;
    int status = dead == NULL || usable == NULL ? ERR_FULL : plan_new(f, a, &plan);
    status = status == OK ? planner_new(f, o->c->demand, dead, usable, a, &planner) : status;
    if (status != OK) {
        return status;
    }
    for (uint16_t e = 0; e < f->entrance_count; e++) {
        for (uint16_t c = 0; c < f->carrier_count; c++) {
            size_t at = path_index(f, e, c);
            dead[at] = o->dead[at] || lost(f, r, e, c);
            usable[at] = o->usable[at] && !dead[at];
        }
    }
    plan_copy(&plan, &o->c->plan);
    memset(plan.tier_limits, 0, (size_t)f->region_count * f->service_count);
    planner_rescue(&planner, &plan);
    uint64_t use = worst_use_ppm(f, &plan, &planner.load);
    *ret_ppm = use < WHOLE_PPM ? (uint32_t)(WHOLE_PPM - use) : 0;
    return OK;
}
