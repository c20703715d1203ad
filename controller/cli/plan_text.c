/* plan_text.c: printing a plan. */
#include "cli/plan_text.h"

#include <string.h>

static void print_answer(const struct fleet *f, const struct plan *p, uint16_t s, uint16_t v,
                         FILE *out)
{
    const struct answer *a = plan_answer(p, s, v);
    fprintf(out, "  %-12s %-20s", f->services[s].name, f->views[v].name);
    for (uint32_t i = 0; i < f->entrance_count; i++) {
        uint32_t slots = 0;
        for (uint32_t k = 0; k < a->count; k++) {
            slots += a->slots[k].entrance == i;
        }
        if (slots > 0) {
            fprintf(out, " %s %u/%u", f->entrances[i].name, slots, a->count);
        }
    }
    fputs(a->count == 0 ? " (no entrance reaches it)\n" : "\n", out);
}

static void print_announced(const struct fleet *f, const struct plan *p, FILE *out)
{
    for (uint16_t s = 0; s < f->service_count; s++) {
        if (f->services[s].anycast_count == 0) {
            continue;
        }
        fprintf(out, "announced\n  %-12s", f->services[s].name);
        for (uint16_t x = 0; x < f->idc_count; x++) {
            if (*plan_announced(p, s, x) == 1) {
                fprintf(out, " %s", f->idcs[x].name);
            }
        }
        fputc('\n', out);
    }
}

void plan_print(const struct fleet *f, const struct plan *p, FILE *out)
{
    fputs("answers (service, view, entrance slots/of)\n", out);
    for (uint16_t s = 0; s < f->service_count; s++) {
        for (uint16_t v = 0; v < f->view_count; v++) {
            print_answer(f, p, s, v, out);
        }
    }
    uint32_t demoted = 0, routed = 0, pairs = 0;
    fputs("features\n", out);
    for (uint16_t r = 0; r < f->region_count; r++) {
        for (uint16_t s = 0; s < f->service_count; s++) {
            const uint8_t limit = *plan_tier_limit(p, r, s);
            if (limit < service_top_tier(&f->services[s])) {
                fprintf(out, "  %-12s %-20s tiers above %u demoted\n", f->services[s].name,
                        f->regions[r].name, limit);
                demoted++;
            }
        }
    }
    if (demoted == 0) {
        fputs("  every tier is served everywhere\n", out);
    }
    for (uint16_t a = 0; a < f->idc_count; a++) {
        for (uint16_t b = 0; b < f->idc_count; b++) {
            if (a != b && f->idcs[b].prefix_count > 0) {
                pairs++;
                routed += plan_hops(p, a, b)->count > 0;
            }
        }
    }
    fprintf(out, "routes\n  %u of %u pairs of IDCs have ordered next hops\n", routed, pairs);
    print_announced(f, p, out);
}

uint32_t plan_slots_at(const struct fleet *f, const struct plan *p, uint16_t service, uint16_t idc)
{
    uint32_t slots = 0;
    for (uint16_t v = 0; v < f->view_count; v++) {
        const struct answer *a = plan_answer(p, service, v);
        for (uint32_t k = 0; k < a->count; k++) {
            slots += a->slots[k].entrance < f->entrance_count &&
                     f->entrances[a->slots[k].entrance].idc == idc;
        }
    }
    return slots;
}
