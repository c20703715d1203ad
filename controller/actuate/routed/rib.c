/* rib.c: from wanted hops to kernel steps. */
#include "actuate/routed/rib.h"

#include <assert.h>
#include <string.h>

int prefix_order(const struct prefix *a, const struct prefix *b)
{
    if (a->address.family != b->address.family)
        return a->address.family < b->address.family ? -1 : 1;
    int order = memcmp(a->address.bytes, b->address.bytes, sizeof(a->address.bytes));
    if (order != 0)
        return order;
    return (a->length > b->length) - (a->length < b->length);
}

bool rib_hop_equal(const struct rib_hop *a, const struct rib_hop *b)
{
    return a->index == b->index && a->gateway.family == b->gateway.family &&
           memcmp(a->gateway.bytes, b->gateway.bytes, sizeof(a->gateway.bytes)) == 0;
}

int rib_find(const struct rib *r, const struct prefix *prefix)
{
    uint32_t low = 0, high = r->row_count;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        int order = prefix_order(&r->rows[middle].prefix, prefix);
        if (order == 0)
            return (int)middle;
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return -1;
}

void rib_forget_kernel(struct rib *r)
{
    for (uint32_t i = 0; i < r->row_count; i++) {
        memset(r->rows[i].have, 0, sizeof(r->rows[i].have));
        memset(r->rows[i].foreign, 0, sizeof(r->rows[i].foreign));
    }
}

/* The place in the row of the wanted hop number `place`: over foreign metrics; RIB_METRICS when
 * there is no room left. */
static uint32_t slot_of(const struct rib_row *row, uint32_t place)
{
    uint32_t slot = 0;
    for (;; slot++) {
        while (slot < RIB_METRICS && row->foreign[slot])
            slot++;
        if (place == 0 || slot >= RIB_METRICS)
            return slot < RIB_METRICS ? slot : RIB_METRICS;
        place--;
    }
}

uint32_t rib_puts(const struct rib *r, const struct rib_hop *gateways, struct rib_step *steps)
{
    uint32_t n = 0;
    for (uint32_t place = 0; place < FLEET_MAX_HOPS; place++) {
        for (uint32_t i = 0; i < r->row_count; i++) {
            const struct rib_row *row = &r->rows[i];
            if (place >= row->want_count)
                continue;
            const struct rib_hop *hop = &gateways[row->want[place]];
            uint32_t slot = slot_of(row, place);
            if (hop->index == 0 || slot == RIB_METRICS || rib_hop_equal(&row->have[slot], hop))
                continue;
            steps[n++] = (struct rib_step){
                .kind = row->have[slot].index != 0 ? RIB_REPLACE : RIB_CREATE,
                .row = i,
                .metric = slot + 1,
                .hop = *hop,
            };
        }
    }
    return n;
}

/* True when the kernel's route in the slot is the one that is wanted there. */
static bool is_wanted(const struct rib_row *row, const struct rib_hop *gateways, uint32_t slot)
{
    for (uint32_t place = 0; place < row->want_count; place++) {
        if (slot_of(row, place) == slot)
            return row->have[slot].index != 0 &&
                   rib_hop_equal(&row->have[slot], &gateways[row->want[place]]);
    }
    return false;
}

static bool stands(const struct rib_row *row, const struct rib_hop *gateways)
{
    for (uint32_t slot = 0; slot < RIB_METRICS; slot++) {
        if (is_wanted(row, gateways, slot))
            return true;
    }
    return false;
}

uint32_t rib_deletes(const struct rib *r, const struct rib_hop *gateways, struct rib_step *steps)
{
    uint32_t n = 0;
    for (uint32_t i = 0; i < r->row_count; i++) {
        const struct rib_row *row = &r->rows[i];
        if (!row->wanted || !stands(row, gateways))
            continue;
        for (uint32_t slot = 0; slot < RIB_METRICS; slot++) {
            if (row->have[slot].index == 0 || is_wanted(row, gateways, slot))
                continue;
            steps[n++] = (struct rib_step){RIB_DELETE, i, slot + 1, row->have[slot]};
        }
    }
    return n;
}

void rib_done(struct rib *r, const struct rib_step *step)
{
    struct rib_row *row = &r->rows[step->row];
    assert(step->metric >= 1 && step->metric <= RIB_METRICS);
    if (step->kind == RIB_DELETE)
        row->have[step->metric - 1] = (struct rib_hop){0};
    else
        row->have[step->metric - 1] = step->hop;
}

uint32_t rib_bare(const struct rib *r, const struct rib_hop *gateways)
{
    uint32_t n = 0;
    for (uint32_t i = 0; i < r->row_count; i++)
        n += r->rows[i].wanted && !stands(&r->rows[i], gateways);
    return n;
}
