/* load.h: what a plan asks of the entrances and IDCs of one service, in integers. */
#ifndef SPILLWAY_CORE_LOAD_H
#define SPILLWAY_CORE_LOAD_H

#include "model/demand.h"
#include "model/plan.h"

/* Millionths of a capacity unit per second; sums saturate. */
struct load {
    const struct demand *demand; /* in force (demand.h); NULL: all as declared */
    uint64_t *entrance;          /* [entrance] */
    uint64_t *idc;               /* [idc], of the service that was computed last */
};

size_t load_arena_size(const struct fleet *f);
/* demand is borrowed. */
int load_new(const struct fleet *f, const struct demand *demand, struct arena *a,
             struct load *ret_load) MUST_CHECK;

/* Load that n slots of a view's answer put on an entrance in the given region's tier limit. */
uint64_t load_of_slots(const struct fleet *f, const struct demand *demand, const struct plan *p,
                       uint16_t service, uint16_t view, uint16_t entrance, uint32_t n);
/* Computes the loads of the service under the plan. */
void load_compute(const struct fleet *f, const struct plan *p, uint16_t service, struct load *load);
/* Gives slot i of the view's answer to another entrance and address, and brings the loads up to
 * date. */
void load_move_slot(const struct fleet *f, struct plan *p, uint16_t service, uint16_t view,
                    uint8_t i, struct slot to, struct load *load);
/* True when the entrance and its IDC carry their load plus `more`, with keep_ppm of their capacity
 * free. */
bool load_fits(const struct fleet *f, const struct load *load, uint16_t entrance, uint64_t more,
               uint32_t keep_ppm);
/* Load of the entrance or of its IDC, whichever is worse, in ppm of its capacity; saturates. */
uint64_t load_use_ppm(const struct fleet *f, const struct load *load, uint16_t entrance,
                      uint64_t more);

/* Slots of the answer that the entrance fills. */
uint32_t answer_slots_of(const struct answer *a, uint16_t entrance);
/* The next lower tier that the service has a feature in, or the limit itself when there is none. */
uint8_t tier_below(const struct service *s, uint8_t limit);
/* The next higher one, or the limit itself. */
uint8_t tier_above(const struct service *s, uint8_t limit);

#endif
