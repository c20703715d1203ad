/* fleet_check_views.c: can every view be served, with its slots, in an answer that fits? */
#include "config/fleet_check.h"

#include <string.h>

enum {
    EDNS_SAFE_BYTES = 1232, /* answers above are fragmented or truncated: DNS flag day 2020 */
    DNS_HEADER = 12,
    DNS_RECORD = 2 + 10, /* compressed owner, type, class, TTL, length */
    DNS_QUESTION = 4,
    DNS_OPT = 11,
    DNS_MAX_TEXT = 254, /* of an absolute name as text (RFC 1035: 255 on the wire) */
};

static bool reaches(const struct entrance *e, const struct view *v)
{
    return v->carrier < 32 && (e->carriers >> v->carrier & 1);
}

static bool served(const struct fleet *f, uint32_t service, const struct view *v)
{
    for (uint32_t i = 0; i < f->entrance_count; i++) {
        if (f->entrances[i].service == service && reaches(&f->entrances[i], v)) {
            return true;
        }
    }
    return false;
}

static void check_same_users(const struct fleet *f, struct schema_context *ctx, uint32_t i)
{
    const struct view *v = &f->views[i];
    for (uint32_t j = 0; j < i; j++) {
        if (v->region != FLEET_NONE && v->carrier != FLEET_NONE &&
            v->region == f->views[j].region && v->carrier == f->views[j].carrier) {
            CHECK_ERROR(ctx, fleet_place(ctx, CLASS_VIEW, i, NULL),
                        "found the region and carrier of view \"%s\" again, expected one view for "
                        "each pair",
                        f->views[j].name);
            return;
        }
    }
}

/* A view that wants something must get it; a view that nobody reaches is a mistake. */
static void check_service(const struct fleet *f, struct schema_context *ctx, uint32_t i)
{
    const struct view *v = &f->views[i];
    bool any = false, wants = false;
    if (v->carrier >= f->carrier_count || f->entrance_count == 0 || f->demand_rps == NULL) {
        return;
    }
    for (uint32_t s = 0; s < f->service_count; s++) {
        const bool demand = fleet_demand_rps(f, (uint16_t)s, (uint16_t)i) > 0;
        const bool reached = served(f, s, v);
        any = any || reached;
        wants = wants || demand;
        if (demand && !reached) {
            const struct yaml_node *map = fleet_place(ctx, CLASS_SERVICE, s, "demand");
            const struct yaml_node *node = yaml_get(map, v->name);
            CHECK_ERROR(
                ctx, node != NULL ? node->key : map,
                "found demand of \"%s\" in view \"%s\", expected an entrance of the service "
                "over carrier \"%s\"",
                f->services[s].name, v->name, f->carriers[v->carrier].name);
        }
    }
    if (!any) {
        CHECK_ERROR(ctx, fleet_place(ctx, CLASS_VIEW, i, NULL),
                    "found view \"%s\" that nobody can serve, expected an entrance over carrier "
                    "\"%s\"",
                    v->name, f->carriers[v->carrier].name);
    } else if (!wants && v->name[0] != '\0') {
        CHECK_WARNING(ctx, fleet_place(ctx, CLASS_VIEW, i, NULL),
                      "found view \"%s\" without demand, expected some in a service: its answers "
                      "are planned as if they weighed nothing",
                      v->name);
    }
}

static void check_prefer(const struct fleet *f, struct schema_context *ctx, uint32_t i)
{
    const struct view *v = &f->views[i];
    const struct yaml_node *list = fleet_place(ctx, CLASS_VIEW, i, "prefer");
    for (uint32_t j = 0; j < v->prefer_count; j++) {
        const uint16_t idc = v->prefer[j];
        bool any = false, reached = false;
        if (idc >= f->idc_count || v->carrier >= f->carrier_count) {
            continue;
        }
        for (uint32_t e = 0; e < f->entrance_count; e++) {
            if (f->entrances[e].idc == idc) {
                any = true;
                reached = reached || reaches(&f->entrances[e], v);
            }
        }
        if (!any && f->entrance_count > 0) {
            CHECK_ERROR(ctx, fleet_item(list, j),
                        "found \"%s\", which has no entrance, expected an IDC that serves",
                        f->idcs[idc].name);
        } else if (!reached && f->entrance_count > 0) {
            CHECK_WARNING(
                ctx, fleet_item(list, j),
                "found \"%s\", which no entrance over carrier \"%s\" leads to, expected an "
                "IDC that serves these users",
                f->idcs[idc].name, f->carriers[v->carrier].name);
        }
    }
}

/* Any entrance may be the last one left for a view, so each must be able to fill all its slots. */
static void check_pools(const struct fleet *f, struct schema_context *ctx, uint32_t i)
{
    const struct entrance *e = &f->entrances[i];
    uint32_t most = 0;
    for (uint32_t v = 0; v < f->view_count; v++) {
        if (reaches(e, &f->views[v]) && f->views[v].slots > f->views[most].slots) {
            most = v;
        } else if (!reaches(e, &f->views[most])) {
            most = v;
        }
    }
    if (f->view_count > 0 && e->address_count > 0 && reaches(e, &f->views[most]) &&
        e->address_count < f->views[most].slots) {
        CHECK_ERROR(ctx, fleet_place(ctx, CLASS_ENTRANCE, i, "addresses"),
                    "found %u address%s for the %u slots of view \"%s\", expected at least as many "
                    "addresses as slots",
                    e->address_count, e->address_count == 1 ? "" : "es", f->views[most].slots,
                    f->views[most].name);
    }
}

/* What a resolver sends to a client: the question, the customer's CNAME (its name is taken to be as
 * long as ours), our RRset, OPT. */
static void check_answer_size(const struct fleet *f, struct schema_context *ctx, uint32_t service,
                              uint32_t view)
{
    const struct service *s = &f->services[service];
    const struct view *v = &f->views[view];
    const size_t text = strlen(v->name) + 1 + strlen(s->dns_name);
    bool v6 = false;
    if (v->name[0] == '\0' || s->dns_name[0] == '\0') {
        return;
    }
    for (uint32_t i = 0; i < f->entrance_count; i++) {
        const struct entrance *e = &f->entrances[i];
        v6 = v6 || (e->service == service && e->address_count > 0 && e->addresses[0].family == 6);
    }
    if (text > DNS_MAX_TEXT) {
        CHECK_ERROR(ctx, fleet_place(ctx, CLASS_SERVICE, service, "dns_name"),
                    "found a name of %zu characters with view \"%s\", expected at most %d", text,
                    v->name, DNS_MAX_TEXT);
        return;
    }
    const size_t name = text + 1;
    const size_t bytes = DNS_HEADER + name + DNS_QUESTION + DNS_RECORD + name +
                         v->slots * (size_t)(DNS_RECORD + (v6 ? 16 : 4)) + DNS_OPT;
    if (bytes > EDNS_SAFE_BYTES) {
        CHECK_ERROR(
            ctx, fleet_place(ctx, CLASS_VIEW, view, "slots"),
            "found answers of up to %zu bytes for \"%s\" in view \"%s\", expected at most %d: "
            "fewer slots or shorter names",
            bytes, s->name, v->name, EDNS_SAFE_BYTES);
    }
}

void fleet_check_views(const struct fleet *f, struct schema_context *ctx)
{
    for (uint32_t i = 0; i < f->view_count; i++) {
        check_same_users(f, ctx, i);
        check_service(f, ctx, i);
        check_prefer(f, ctx, i);
        for (uint32_t s = 0; s < f->service_count; s++) {
            check_answer_size(f, ctx, s, i);
        }
    }
    for (uint32_t i = 0; i < f->entrance_count; i++) {
        check_pools(f, ctx, i);
    }
}
