/* scenario_fleet.c: what people say in a scenario of the fleet itself: a new one is given. */
#include "scenario.h"

#include "../unit/fleet_remade.h"

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

static struct fleet *without(const struct fleet *f, enum part part, const struct args *a)
{
    struct remake how = {.takes = true, .part = part, .index = (uint16_t)a->at[0]};
    return fleet_remade(f, &how);
}

static void give_without_idc(struct sim *s, const struct args *a)
{
    give(s, without(s->fleet, PART_IDC, a));
}

static void give_without_view(struct sim *s, const struct args *a)
{
    give(s, without(s->fleet, PART_VIEW, a));
}

static void give_all(struct sim *s, const struct args *a)
{
    (void)a;
    struct fleet *next = fleets_copy(s->first);
    next->policy = s->fleet->policy;
    give(s, next);
}

static void begin_without(struct sim *s, enum part part, const struct args *a)
{
    struct fleet *less = without(s->fleet, part, a);
    free(s->fleets.begins);
    s->fleets.begins = less;
    s->own = *less;
}

static void begin_without_idc(struct sim *s, const struct args *a)
{
    begin_without(s, PART_IDC, a);
}

static void begin_without_view(struct sim *s, const struct args *a)
{
    begin_without(s, PART_VIEW, a);
}

const struct phrase BEGIN_PHRASES[] = {
    {"the fleet has no idc <idc>", .do_it = begin_without_idc},
    {"the fleet has no view <view>", .do_it = begin_without_view},
    {0},
};

const struct phrase FLEET_PHRASES[] = {
    {"give the fleet without idc <idc>", .do_it = give_without_idc},
    {"give the fleet without view <view>", .do_it = give_without_view},
    {"give the whole fleet", .do_it = give_all},
    {"give a fleet with capacity <share> at <idc>", .do_it = give_capacity},
    {"give a fleet with latency <time> on link <link>", .do_it = give_latency},
    {"give a fleet with <n> slots of <view>", .do_it = give_slots},
    {0},
};
