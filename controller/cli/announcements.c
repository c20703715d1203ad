/* announcements.c: which IDCs announce the anycast services by the plan, for people and as JSON. */
#include "cli/status.h"

static json_t *idcs_json(const struct control *c, uint16_t s, uint8_t bit)
{
    json_t *list = json_array();
    for (uint16_t x = 0; x < c->fleet->idc_count; x++) {
        if (fleet_announces(c->fleet, s, x) && *plan_announced(&c->plan, s, x) == bit) {
            json_array_append_new(list, json_string(c->fleet->idcs[x].name));
        }
    }
    return list;
}

json_t *announcements_json(const struct control *c)
{
    json_t *list = json_array();
    for (uint16_t s = 0; s < c->fleet->service_count; s++) {
        if (c->fleet->services[s].anycast_count > 0) {
            json_array_append_new(list, json_pack("{s:s, s:o, s:o}", "service",
                                                  c->fleet->services[s].name, "announced_by",
                                                  idcs_json(c, s, 1), "withdrawn_at",
                                                  idcs_json(c, s, 0)));
        }
    }
    return list;
}

/* Prints the names behind the lead; nothing when there are none. */
static void print_idcs(const struct control *c, uint16_t s, uint8_t bit, const char *lead,
                       FILE *out)
{
    for (uint16_t x = 0; x < c->fleet->idc_count; x++) {
        if (fleet_announces(c->fleet, s, x) && *plan_announced(&c->plan, s, x) == bit) {
            fprintf(out, "%s%s", lead, c->fleet->idcs[x].name);
            lead = ", ";
        }
    }
}

void announcements_print(const struct control *c, FILE *out)
{
    const char *title = "\nANNOUNCED BY BGP\n";
    for (uint16_t s = 0; s < c->fleet->service_count; s++) {
        if (c->fleet->services[s].anycast_count > 0) {
            fprintf(out, "%s  %-18s", title, c->fleet->services[s].name);
            print_idcs(c, s, 1, " ", out);
            print_idcs(c, s, 0, "; withdrawn at ", out);
            fputc('\n', out);
            title = "";
        }
    }
}
