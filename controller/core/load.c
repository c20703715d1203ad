/* load.c: loads of entrances and IDCs from slots, demand and the tiers that are served. */
#include "core/load.h"

#include <string.h>

size_t load_arena_size(const struct fleet *f)
{
    return sizeof(uint64_t) * ((size_t)f->entrance_count + f->idc_count) + (size_t)2 * 16;
}

int load_new(const struct fleet *f, const struct demand *demand, struct arena *a,
             struct load *ret_load)
{
    struct load load = {.demand = demand,
                        .entrance = ARENA_NEW(a, uint64_t, f->entrance_count),
                        .idc = ARENA_NEW(a, uint64_t, f->idc_count)};
    if (load.entrance == NULL || load.idc == NULL) {
        return ERR_FULL;
    }
    *ret_load = load;
    return OK;
}

static uint64_t add(uint64_t a, uint64_t b)
{
    uint64_t sum;
    return __builtin_add_overflow(a, b, &sum) ? UINT64_MAX : sum;
}

static uint64_t multiply(uint64_t a, uint64_t b)
{
    uint64_t product;
    return __builtin_mul_overflow(a, b, &product) ? UINT64_MAX : product;
}

uint32_t answer_slots_of(const struct answer *a, uint16_t entrance)
{
    uint32_t n = 0;
    for (uint8_t i = 0; i < a->count; i++) {
        n += a->slots[i].entrance == entrance ? 1 : 0;
    }
    return n;
}

uint64_t load_of_slots(const struct fleet *f, const struct demand *demand, const struct plan *p,
                       uint16_t service, uint16_t view, uint16_t entrance, uint32_t n)
{
    uint32_t count = plan_answer(p, service, view)->count;
    uint16_t region = f->idcs[f->entrances[entrance].idc].region;
    uint64_t cost = service_cost_ppm(&f->services[service], *plan_tier_limit(p, region, service));
    return count == 0
               ? 0
               : multiply(multiply(demand_in_force(f, demand, service, view), cost), n) / count;
}

void load_compute(const struct fleet *f, const struct plan *p, uint16_t service, struct load *load)
{
    memset(load->entrance, 0, f->entrance_count * sizeof *load->entrance);
    memset(load->idc, 0, f->idc_count * sizeof *load->idc);
    for (uint16_t v = 0; v < f->view_count; v++) {
        struct answer left = *plan_answer(p, service, v);
        for (uint8_t i = 0; i < left.count; i++) {
            uint16_t e = left.slots[i].entrance;
            if (e == FLEET_NONE) {
                continue;
            }
            uint32_t n = 0;
            for (uint8_t j = i; j < left.count; j++) {
                if (left.slots[j].entrance == e) {
                    left.slots[j].entrance = FLEET_NONE;
                    n++;
                }
            }
            uint64_t more = load_of_slots(f, load->demand, p, service, v, e, n);
            load->entrance[e] = add(load->entrance[e], more);
            load->idc[f->entrances[e].idc] = add(load->idc[f->entrances[e].idc], more);
        }
    }
}

/* Adds the view's part of an entrance's load, or takes it away. */
static void load_part(const struct fleet *f, const struct plan *p, uint16_t service, uint16_t view,
                      uint16_t e, bool there, struct load *load)
{
    if (e == FLEET_NONE) {
        return;
    }
    uint64_t *idc = &load->idc[f->entrances[e].idc];
    uint64_t part = load_of_slots(f, load->demand, p, service, view, e,
                                  answer_slots_of(plan_answer(p, service, view), e));
    load->entrance[e] = there ? add(load->entrance[e], part) : load->entrance[e] - part;
    *idc = there ? add(*idc, part) : *idc - part;
}

void load_move_slot(const struct fleet *f, struct plan *p, uint16_t service, uint16_t view,
                    uint8_t i, struct slot to, struct load *load)
{
    struct slot *slot = &plan_answer(p, service, view)->slots[i];
    uint16_t from = slot->entrance;
    if (from != to.entrance) {
        load_part(f, p, service, view, from, false, load);
        load_part(f, p, service, view, to.entrance, false, load);
    }
    *slot = to;
    if (from != to.entrance) {
        load_part(f, p, service, view, from, true, load);
        load_part(f, p, service, view, to.entrance, true, load);
    }
}

static bool fits_in(uint64_t load, uint64_t more, uint64_t capacity_ups, uint32_t keep_ppm)
{
    uint32_t usable_ppm = keep_ppm < 1000000 ? 1000000 - keep_ppm : 0;
    return add(load, more) <= multiply(capacity_ups, usable_ppm);
}

bool load_fits(const struct fleet *f, const struct load *load, uint16_t entrance, uint64_t more,
               uint32_t keep_ppm)
{
    const struct entrance *e = &f->entrances[entrance];
    return fits_in(load->entrance[entrance], more, e->capacity_ups, keep_ppm) &&
           fits_in(load->idc[e->idc], more, fleet_capacity_ups(f, e->service, e->idc), keep_ppm);
}

uint64_t load_use_ppm(const struct fleet *f, const struct load *load, uint16_t entrance,
                      uint64_t more)
{
    const struct entrance *e = &f->entrances[entrance];
    uint64_t room = e->capacity_ups, idc_room = fleet_capacity_ups(f, e->service, e->idc);
    if (room == 0 || idc_room == 0) {
        return UINT64_MAX;
    }
    uint64_t own = add(load->entrance[entrance], more) / room;
    uint64_t whole = add(load->idc[e->idc], more) / idc_room;
    return own > whole ? own : whole;
}

uint8_t tier_below(const struct service *s, uint8_t limit)
{
    /* The lower limit must serve less, so it is the highest tier below the highest served one. */
    uint8_t served = 0, below = 0;
    for (uint16_t i = 0; i < s->feature_count; i++) {
        uint8_t t = s->features[i].tier;
        served = t <= limit && t > served ? t : served;
    }
    for (uint16_t i = 0; i < s->feature_count; i++) {
        uint8_t t = s->features[i].tier;
        below = t < served && t > below ? t : below;
    }
    return served == 0 ? limit : below;
}

uint8_t tier_above(const struct service *s, uint8_t limit)
{
    uint8_t above = UINT8_MAX;
    for (uint16_t i = 0; i < s->feature_count; i++) {
        uint8_t t = s->features[i].tier;
        above = t > limit && t < above ? t : above;
    }
    return above == UINT8_MAX ? limit : above;
}
