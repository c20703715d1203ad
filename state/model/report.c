/* report.c: the canonical list of targets of one IDC's probe. */
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

static bool push_links(const struct fleet *f, uint16_t idc, struct target *t, uint32_t max,
                       uint32_t *n)
{
    for (uint16_t l = 0; l < f->link_count; l++) {
        int end = link_end_at(&f->links[l], idc);
        if (end >= 0 && !push(t, max, n, (struct target){TARGET_LINK, l, (uint16_t)end})) {
            return false;
        }
    }
    return true;
}

static bool push_entrances(const struct fleet *f, struct target *t, uint32_t max, uint32_t *n)
{
    for (uint16_t e = 0; e < f->entrance_count; e++) {
        uint16_t checks = f->services[f->entrances[e].service].check_count;
        for (uint16_t k = 0; k < checks; k++) {
            if (!push(t, max, n, (struct target){TARGET_ENTRANCE, e, k})) {
                return false;
            }
        }
    }
    return true;
}

int targets_for_idc(const struct fleet *f, uint16_t idc, struct target *targets, uint32_t max)
{
    uint32_t n = 0;
    if (!push_links(f, idc, targets, max, &n) || !push_entrances(f, targets, max, &n)) {
        return ERR_FULL;
    }
    for (uint16_t r = 0; r < f->reference_count; r++) {
        if (!push(targets, max, &n, (struct target){TARGET_REFERENCE, r, 0})) {
            return ERR_FULL;
        }
    }
    return (int)n;
}
