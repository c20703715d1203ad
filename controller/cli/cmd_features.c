/* cmd_features.c: `spillway features`: what is served where by the plan, and whom to call. */
#include "cli/host.h"

static json_t *feature_json(const struct fleet *f, const struct plan *p, uint16_t r, uint16_t s,
                            const struct feature *feature)
{
    return json_pack("{s:s, s:s, s:s, s:i, s:I, s:I, s:s, s:b}", "region", f->regions[r].name,
                     "service", f->services[s].name, "feature", feature->name, "tier",
                     feature->tier, "cost_ppm", (json_int_t)feature->cost_ppm, "value",
                     (json_int_t)feature->value, "owner", feature->owner, "served",
                     feature->tier <= *plan_tier_limit(p, r, s));
}

/* Regions where an IDC serves the service: elsewhere the tier limit says nothing. */
static bool serves(const struct fleet *f, uint16_t r, uint16_t s)
{
    for (uint16_t i = 0; i < f->idc_count; i++) {
        if (f->idcs[i].region == r && fleet_capacity_ups(f, s, i) > 0) {
            return true;
        }
    }
    return false;
}

static void print_service(const struct cli *c, const struct fleet *f, const struct plan *p,
                          uint16_t r, uint16_t s)
{
    const struct service *service = &f->services[s];
    const uint8_t top = service_top_tier(service), set = *plan_tier_limit(p, r, s);
    const uint8_t limit = set < top ? set : top;
    fprintf(c->out, "%s in %s: tiers 0 to %u are served\n", service->name, f->regions[r].name,
            limit);
    for (uint32_t i = 0; i < service->feature_count; i++) {
        const struct feature *feature = &service->features[i];
        const bool served = feature->tier <= limit;
        fprintf(c->out, "  %s%-8s%s %-20s tier %u%-7s %s\n", served || !c->colour ? "" : "\033[33m",
                served ? "served" : "demoted", served || !c->colour ? "" : "\033[0m", feature->name,
                feature->tier, feature->tier == 0 ? " (core)" : "", feature->owner);
    }
}

int cli_features(struct cli *c)
{
    struct host h;
    if (c->count != 0) {
        return cli_misuse(c, "usage: spillway features");
    }
    if (host_open(c, &h) != OK) {
        return CLI_FAILURE;
    }
    const struct fleet *f = h.control.fleet;
    const struct plan *p = &h.control.plan;
    json_t *list = c->json ? json_array() : NULL;
    for (uint16_t r = 0; r < f->region_count; r++) {
        for (uint16_t s = 0; s < f->service_count; s++) {
            if (!serves(f, r, s)) {
                continue;
            }
            for (uint32_t i = 0; i < f->services[s].feature_count && list != NULL; i++) {
                json_array_append_new(list, feature_json(f, p, r, s, &f->services[s].features[i]));
            }
            if (list == NULL) {
                print_service(c, f, p, r, s);
            }
        }
    }
    int code = CLI_OK;
    if (c->json) {
        code = cli_print_json(c, json_pack("{s:b, s:I, s:o}", "ok", 1, "generation",
                                           (json_int_t)p->fence.generation, "features", list));
    }
    host_close(&h);
    return code;
}
