/* report.c: the canonical lists of targets and of loads of one IDC's probe. */
#include "model/report.h"

/* Appends one target; false when the list is full. */
static bool push(struct target *targets, uint32_t max, uint32_t *n, struct target t)
{
    if (*n >= max) {
        return false;
    }
    targets[(*n)++] = t;
    return true;
}

/* here: the carriers that have an uplink at the IDC, as fleet_carriers_at() says; found on the way.
 */
static bool push_links(const struct fleet *f, uint16_t idc, struct target *t, uint32_t max,
                       uint32_t *n, uint32_t *ret_here)
{
    uint32_t here = 0;
    for (uint16_t l = 0; l < f->link_count; l++) {
        int end = link_end_at(&f->links[l], idc);
        if (end < 0) {
            continue;
        }
        struct target at = {TARGET_LINK, l, (uint16_t)end, f->links[l].carrier};
        here |= at.carrier != FLEET_NONE ? UINT32_C(1) << at.carrier : 0;
        if (!push(t, max, n, at)) {
            return false;
        }
    }
    *ret_here = here;
    return true;
}

/* `count` targets that differ in b alone, over one carrier after the other. */
static bool push_over(struct target *targets, uint32_t max, uint32_t *n, struct target t,
                      uint16_t count, uint32_t carriers)
{
    do {
        t.carrier = carriers == 0 ? FLEET_NONE : (uint16_t)__builtin_ctz(carriers);
        for (t.b = 0; t.b < count; t.b++) {
            if (!push(targets, max, n, t)) {
                return false;
            }
        }
        carriers &= carriers - 1;
    } while (carriers != 0);
    return true;
}

int targets_for_idc(const struct fleet *f, uint16_t idc, struct target *targets, uint32_t max)
{
    uint32_t n = 0, here = 0;
    bool room = push_links(f, idc, targets, max, &n, &here);
    for (uint16_t e = 0; e < f->entrance_count && room; e++) {
        const struct entrance *at = &f->entrances[e];
        room = push_over(targets, max, &n, (struct target){.kind = TARGET_ENTRANCE, .a = e},
                         f->services[at->service].check_count,
                         at->idc == idc ? 0 : at->carriers & here);
    }
    for (uint16_t r = 0; r < f->reference_count && room; r++) {
        room = push_over(targets, max, &n, (struct target){.kind = TARGET_REFERENCE, .a = r}, 1,
                         f->references[r].carriers & here);
    }
    return room ? (int)n : ERR_FULL;
}

static bool serves_at(const struct fleet *f, uint16_t service, uint16_t idc)
{
    for (uint16_t e = 0; e < f->entrance_count; e++) {
        if (f->entrances[e].service == service && f->entrances[e].idc == idc) {
            return true;
        }
    }
    return false;
}

uint32_t loads_for_idc(const struct fleet *f, uint16_t idc, uint16_t services[FLEET_MAX_SERVICES])
{
    uint32_t n = 0;
    for (uint16_t s = 0; s < f->service_count && n < FLEET_MAX_SERVICES; s++) {
        if (f->services[s].has_load && serves_at(f, s, idc)) {
            services[n++] = s;
        }
    }
    return n;
}
