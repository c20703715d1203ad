/* core_fleet.c: random fleets for the property tests and benches of the decision core. */
#include "core_world.h"

#include <stdio.h>

#define NEW(a, type, count) ((type *)room(arena_alloc((a), (count), sizeof(type))))

static void *room(void *p)
{
    world_require(p != NULL, "memory");
    return p;
}

#define NAME(field, prefix, n)                                                                     \
    (void)snprintf((field), sizeof(field), "%s-%u", (prefix), (unsigned)(n))

static void add_link(struct fleet *f, uint16_t a, uint16_t b, uint32_t latency_us)
{
    struct link *l = &f->links[f->link_count];
    NAME(l->name, "link", f->link_count);
    l->end[0].idc = a;
    l->end[1].idc = b;
    l->carrier = FLEET_NONE;
    l->latency_us = latency_us;
    f->link_count++;
}

static void add_places(struct fleet *f, struct rng *r, struct arena *a)
{
    f->region_count = (uint16_t)(1 + f->idc_count / 2);
    f->regions = NEW(a, struct region, f->region_count);
    f->idcs = NEW(a, struct idc, f->idc_count);
    f->links = NEW(a, struct link, (size_t)3 * f->idc_count);
    for (uint16_t i = 0; i < f->region_count; i++) {
        NAME(f->regions[i].name, "region", i);
    }
    for (uint16_t x = 0; x < f->idc_count; x++) {
        NAME(f->idcs[x].name, "idc", x);
        f->idcs[x].region = x % f->region_count;
        f->idcs[x].partition = x;
        f->idcs[x].candidate = x < 3;
        f->idcs[x].prefix_count = 1;
    }
    for (uint16_t x = 0; x < f->idc_count; x++) {
        add_link(f, x, (uint16_t)((x + 1) % f->idc_count), 1000 + (uint32_t)rng_below(r, 9000));
    }
    for (uint16_t x = 0; x < f->idc_count && f->idc_count > 3; x++) {
        uint16_t to = (uint16_t)((x + 2 + rng_below(r, f->idc_count - 3u)) % f->idc_count);
        add_link(f, x, to, 1000 + (uint32_t)rng_below(r, 20000));
    }
}

static void add_service(struct fleet *f, struct rng *r, struct arena *a, uint16_t s)
{
    struct service *at = &f->services[s];
    NAME(at->name, "service", s);
    at->stateful = s > 0 && rng_chance(r, 300000);
    at->check_count = 1;
    at->anycast_count = at->stateful ? 0 : 1;
    at->feature_count = (uint16_t)(1 + rng_below(r, 5));
    at->features = NEW(a, struct feature, at->feature_count);
    for (uint16_t i = 0; i < at->feature_count; i++) {
        NAME(at->features[i].name, "feature", i);
        at->features[i].tier = (uint8_t)(i == 0 ? 0 : rng_below(r, 5));
        at->features[i].cost_ppm = 100000 + (uint32_t)rng_below(r, 500000);
    }
    for (uint16_t v = 0; v < f->view_count; v++) {
        f->demand_rps[(size_t)s * f->view_count + v] = rng_below(r, 1500);
    }
    for (uint16_t x = 0; x < f->idc_count; x++) {
        if (s > 0 && rng_chance(r, 400000)) {
            continue;
        }
        struct entrance *e = &f->entrances[f->entrance_count];
        NAME(e->name, "entrance", f->entrance_count);
        f->entrance_count++;
        e->service = s;
        e->idc = x;
        e->carriers = 1 + (uint32_t)rng_below(r, 3);
        e->capacity_ups = 200 + rng_below(r, 3000);
        e->address_count = 8;
        e->addresses = NEW(a, struct address, e->address_count);
        f->capacity_ups[(size_t)s * f->idc_count + x] = e->capacity_ups;
    }
}

static void add_views(struct fleet *f, struct rng *r, struct arena *a)
{
    f->views = NEW(a, struct view, f->view_count);
    for (uint16_t v = 0; v < f->view_count; v++) {
        struct view *at = &f->views[v];
        NAME(at->name, "view", v);
        at->region = v % f->region_count;
        at->carrier = v % 2;
        at->slots = (uint16_t)(1 + rng_below(r, 8));
        at->prefer_count = (uint16_t)(1 + rng_below(r, f->idc_count));
        at->prefer = NEW(a, uint16_t, at->prefer_count);
        uint16_t start = (uint16_t)rng_below(r, f->idc_count);
        for (uint16_t i = 0; i < at->prefer_count; i++) {
            at->prefer[i] = (uint16_t)((start + i) % f->idc_count);
        }
    }
}

static struct policy usual_policy(void)
{
    return (struct policy){.probe_interval_us = 50000,
                           .probe_losses = 3,
                           .degraded_loss_ppm = 20000,
                           .check_interval_us = 100000,
                           .check_timeout_us = 500000,
                           .check_failures = 2,
                           .report_interval_us = 1000000,
                           .report_stale_us = 3000000,
                           .confirmation_us = 2000000,
                           .link_hold_down_us = 3000000,
                           .idc_hold_down_us = 5000000,
                           .step_interval_us = 2000000,
                           .restore_step_ppm = 500000,
                           .headroom_ppm = 100000,
                           .min_observers = 2,
                           .max_drained_idcs = 1,
                           .cold_start_us = 5000000,
                           .lease_us = 1000000,
                           .rescue_bound_us = 200000,
                           .dns_timeout_us = 1000000,
                           .demand_band_ppm = 100000,
                           .demand_fall_us = 10000000,
                           .saturation_limit_ppm = 950000,
                           .snapshot_records = 50000,
                           .journal_keep_us = INT64_C(2592000000000),
                           .error_limit_ppm = 200000};
}

struct fleet *random_fleet(uint64_t seed, uint16_t idcs, struct arena *a)
{
    struct rng r = rng_init(seed);
    struct fleet *f = NEW(a, struct fleet, 1);
    (void)snprintf(f->name, sizeof f->name, "random");
    f->policy = usual_policy();
    f->idc_count = idcs;
    f->carrier_count = 2;
    f->carriers = NEW(a, struct carrier, 2);
    f->service_count = (uint16_t)(1 + rng_below(&r, 3));
    f->view_count = (uint16_t)(1 + rng_below(&r, (uint64_t)2 * idcs));
    add_places(f, &r, a);
    add_views(f, &r, a);
    f->services = NEW(a, struct service, f->service_count);
    f->entrances = NEW(a, struct entrance, (size_t)f->service_count * idcs);
    f->capacity_ups = NEW(a, uint64_t, (size_t)f->service_count * idcs);
    f->demand_rps = NEW(a, uint64_t, (size_t)f->service_count * f->view_count);
    for (uint16_t s = 0; s < f->service_count; s++) {
        add_service(f, &r, a, s);
    }
    f->reference_count = 2;
    f->references = NEW(a, struct reference, 2);
    for (uint16_t i = 0; i < 2; i++) {
        NAME(f->references[i].name, "reference", i);
        f->references[i].carriers = UINT32_C(1) << i;
    }
    return f;
}
