/* scenario_fleet.c: what people say in a scenario of the fleet itself: a new one is given. */
#include "scenario.h"

#include <stdlib.h>

static void give(struct sim *s, struct fleet *next)
{
    struct operator_record o = {0};
    uint16_t node = say_as(s, OPERATOR_FLEET, &o);
    if (!node_is_running(s, node) || !fleets_give(s, node, next, &o)) {
        say_refused(s, ERR_GUARD);
    }
    free(next);
}

static void give_capacity(struct sim *s, const struct args *a)
{
    struct fleet *next = fleets_copy(s->fleet);
    for (uint16_t e = 0; e < next->entrance_count; e++) {
        struct entrance *at = &next->entrances[e];
        if (at->idc == (uint16_t)a->at[1]) {
            uint64_t *there = &next->capacity_ups[(size_t)at->service * next->idc_count + at->idc];
            *there = *there * (uint64_t)a->at[0] / 1000000;
            at->capacity_ups = at->capacity_ups * (uint64_t)a->at[0] / 1000000;
        }
    }
    give(s, next);
}

static void give_latency(struct sim *s, const struct args *a)
{
    struct fleet *next = fleets_copy(s->fleet);
    next->links[a->at[1]].latency_us = (uint32_t)a->at[0];
    give(s, next);
}

static void give_slots(struct sim *s, const struct args *a)
{
    struct fleet *next = fleets_copy(s->fleet);
    next->views[a->at[1]].slots = (uint16_t)a->at[0];
    give(s, next);
}

const struct phrase FLEET_PHRASES[] = {
    {"give a fleet with capacity <share> at <idc>", .do_it = give_capacity},
    {"give a fleet with latency <time> on link <link>", .do_it = give_latency},
    {"give a fleet with <n> slots of <view>", .do_it = give_slots},
    {0},
};
