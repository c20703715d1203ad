/* demands.c: demand that is measured and not as declared, for people and as JSON. */
#include "cli/status.h"

#include <inttypes.h>

static const struct demand *demand_at(const struct control *c, uint16_t s, uint16_t v)
{
    const struct demand *d = &c->demand[(size_t)s * c->fleet->view_count + v];
    return d->rps == 0 && d->seen_rps == 0 ? NULL : d;
}

json_t *demands_json(const struct control *c)
{
    json_t *list = json_array();
    for (uint16_t s = 0; s < c->fleet->service_count; s++) {
        for (uint16_t v = 0; v < c->fleet->view_count; v++) {
            const struct demand *d = demand_at(c, s, v);
            if (d != NULL) {
                json_array_append_new(
                    list, json_pack("{s:s, s:s, s:I, s:I, s:I}", "service",
                                    c->fleet->services[s].name, "view", c->fleet->views[v].name,
                                    "rps", (json_int_t)demand_in_force(c->fleet, c->demand, s, v),
                                    "declared_rps", (json_int_t)fleet_demand_rps(c->fleet, s, v),
                                    "noted_rps", (json_int_t)d->seen_rps));
            }
        }
    }
    return list;
}

void demands_print(const struct control *c, FILE *out)
{
    bool any = false;
    for (uint16_t s = 0; s < c->fleet->service_count; s++) {
        for (uint16_t v = 0; v < c->fleet->view_count; v++) {
            const struct demand *d = demand_at(c, s, v);
            if (d == NULL) {
                continue;
            }
            fprintf(out, "%s  %s in %s: %" PRIu64 "/s, declared %" PRIu64 "/s",
                    any ? "" : "\nDEMAND, MEASURED\n", c->fleet->services[s].name,
                    c->fleet->views[v].name, demand_in_force(c->fleet, c->demand, s, v),
                    fleet_demand_rps(c->fleet, s, v));
            if (d->seen_rps != 0) {
                fprintf(out, "; %" PRIu64 "/s counts when it has held", d->seen_rps);
            }
            fputc('\n', out);
            any = true;
        }
    }
}
