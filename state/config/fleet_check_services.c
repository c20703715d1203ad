/* fleet_check_services.c: can each service be checked, served, demoted, and carried by what there
 * is? */
#include "config/fleet_check.h"

#include <string.h>

/* ppm of a capacity unit times a rate: saturates, which only makes a load look larger. */
static uint64_t load_of(uint64_t rps, uint64_t cost_ppm)
{
    uint64_t load;
    return __builtin_mul_overflow(rps, cost_ppm, &load) ? UINT64_MAX : load;
}

static uint64_t add_up(uint64_t a, uint64_t b)
{
    uint64_t sum;
    return __builtin_add_overflow(a, b, &sum) ? UINT64_MAX : sum;
}

/* What a check or reference of this kind needs beside its port. */
static void check_kind(struct schema_context *ctx, const struct yaml_node *node,
                       enum check_kind kind, const char *path, bool expects_status)
{
    const struct yaml_node *at = yaml_get(node, "path");
    at = at != NULL ? at : node;
    if (node->kind != YAML_MAP || yaml_get(node, "kind") == NULL) {
        return;
    }
    switch (kind) {
    case CHECK_TCP:
        if (path[0] != '\0') {
            CHECK_ERROR(ctx, at, "found a path with kind tcp, expected none");
        }
        break;
    case CHECK_HTTP:
    case CHECK_HTTPS:
        if (path[0] != '/') {
            CHECK_ERROR(ctx, at, "found %s, expected a path that begins with \"/\"",
                        path[0] == '\0' ? "no \"path\"" : yaml_quote(path, strlen(path)).text);
        }
        break;
    case CHECK_DNS:
        if (path[0] == '\0') {
            CHECK_ERROR(ctx, at, "found no \"path\", expected the DNS name to ask for");
        }
        break;
    }
    if (expects_status && (kind == CHECK_TCP || kind == CHECK_DNS)) {
        CHECK_ERROR(ctx, yaml_get(node, "expect_status"),
                    "found expect_status, expected it only with kind http or https");
    }
}

static void check_load(const struct fleet *f, struct schema_context *ctx, uint32_t i)
{
    const struct service *s = &f->services[i];
    const struct yaml_node *node = yaml_get(fleet_place(ctx, CLASS_SERVICE, i, "load"), "path");
    if (s->has_load && node != NULL && s->load.path[0] != '\0' && s->load.path[0] != '/') {
        CHECK_ERROR(ctx, node, "found %s, expected a path that begins with \"/\"",
                    yaml_quote(s->load.path, strlen(s->load.path)).text);
    }
}

/* True when name is zone or below it; both absolute. */
static bool name_in_zone(const char *name, const char *zone)
{
    const size_t n = strlen(name), z = strlen(zone);
    return n >= z && strcmp(name + n - z, zone) == 0 && (n == z || name[n - z - 1] == '.');
}

static void check_names(const struct fleet *f, struct schema_context *ctx, uint32_t i)
{
    const struct service *s = &f->services[i];
    const struct yaml_node *node = fleet_place(ctx, CLASS_SERVICE, i, "dns_name");
    if (s->dns_name[0] == '\0') {
        return;
    }
    if (f->zone[0] != '\0' && !name_in_zone(s->dns_name, f->zone)) {
        CHECK_ERROR(ctx, node, "found %s, expected a name in the zone %s", s->dns_name, f->zone);
    }
    for (uint32_t j = 0; j < i; j++) {
        if (strcmp(s->dns_name, f->services[j].dns_name) == 0) {
            CHECK_ERROR(ctx, node, "found the dns_name of service \"%s\" again, expected another",
                        f->services[j].name);
            return;
        }
    }
}

static void check_features(const struct fleet *f, struct schema_context *ctx, uint32_t i)
{
    const struct service *s = &f->services[i];
    const struct yaml_node *node = fleet_place(ctx, CLASS_SERVICE, i, "features");
    bool core = false;
    for (uint32_t j = 0; j < s->feature_count; j++) {
        core = core || s->features[j].tier == 0;
        for (uint32_t k = 0; k < j; k++) {
            if (s->features[j].name[0] != '\0' &&
                strcmp(s->features[j].name, s->features[k].name) == 0) {
                CHECK_ERROR(
                    ctx, fleet_item(node, j),
                    "found a second feature named \"%s\", expected unique names in a service",
                    s->features[j].name);
                break;
            }
        }
    }
    if (!core && s->feature_count > 0) {
        CHECK_ERROR(
            ctx, node,
            "found no feature of tier 0 in service \"%s\", expected its core: what is never "
            "demoted",
            s->name);
    }
}

/* Is there an entrance of the service at the IDC? */
static bool has_entrance(const struct fleet *f, uint32_t service, uint32_t idc)
{
    for (uint32_t i = 0; i < f->entrance_count; i++) {
        if (f->entrances[i].service == service && f->entrances[i].idc == idc) {
            return true;
        }
    }
    return false;
}

static void check_capacity(const struct fleet *f, struct schema_context *ctx, uint32_t i)
{
    const struct yaml_node *map = fleet_place(ctx, CLASS_SERVICE, i, "capacity");
    if (f->capacity_ups == NULL || map->kind != YAML_MAP ||
        !yaml_get(fleet_place(ctx, CLASS_SERVICE, i, NULL), "capacity")) {
        return;
    }
    for (uint32_t idc = 0; idc < f->idc_count; idc++) {
        const struct yaml_node *node = yaml_get(map, f->idcs[idc].name);
        if (node == NULL || fleet_capacity_ups(f, (uint16_t)i, (uint16_t)idc) == 0) {
            continue;
        }
        if (f->idcs[idc].vantage) {
            CHECK_ERROR(ctx, node->key, "found capacity at vantage site \"%s\", expected an IDC",
                        f->idcs[idc].name);
        } else if (!has_entrance(f, i, idc)) {
            CHECK_WARNING(
                ctx, node->key,
                "found capacity of \"%s\" at \"%s\" that no entrance leads to, expected an "
                "entrance",
                f->services[i].name, f->idcs[idc].name);
        }
    }
}

/* Does the core fit, with all IDCs and with the largest one lost? */
static void check_core_fits(const struct fleet *f, struct schema_context *ctx, uint32_t i)
{
    const struct service *s = &f->services[i];
    const struct yaml_node *node = fleet_place(ctx, CLASS_SERVICE, i, "demand");
    uint64_t core = 0, demand = 0, total = 0, largest = 0;
    uint32_t largest_idc = 0;
    if (f->capacity_ups == NULL || f->demand_rps == NULL) {
        return;
    }
    for (uint32_t j = 0; j < s->feature_count; j++) {
        core += s->features[j].tier == 0 ? s->features[j].cost_ppm : 0;
    }
    for (uint32_t v = 0; v < f->view_count; v++) {
        demand = add_up(demand, fleet_demand_rps(f, (uint16_t)i, (uint16_t)v));
    }
    for (uint32_t d = 0; d < f->idc_count; d++) {
        const uint64_t capacity = fleet_capacity_ups(f, (uint16_t)i, (uint16_t)d);
        total = add_up(total, capacity);
        if (capacity > largest) {
            largest = capacity;
            largest_idc = d;
        }
    }
    const uint64_t load = load_of(demand, core);
    if (demand == 0 && node->kind == YAML_MAP && node->key != NULL) {
        CHECK_ERROR(ctx, node, "found no demand of \"%s\" in any view, expected some", s->name);
    } else if (total == 0 || core == 0) {
        return;
    } else if (load > load_of(total, 1000000)) {
        CHECK_ERROR(ctx, node,
                    "found a core load of %llu units/s of \"%s\", expected at most its capacity of "
                    "%llu/s",
                    (unsigned long long)(load / 1000000), s->name, (unsigned long long)total);
    } else if (load > load_of(total - largest, 1000000)) {
        CHECK_WARNING(ctx, node,
                      "found that without \"%s\" the core of \"%s\" (%llu units/s) exceeds what is "
                      "left (%llu/s), expected room for the loss of one IDC",
                      f->idcs[largest_idc].name, s->name, (unsigned long long)(load / 1000000),
                      (unsigned long long)(total - largest));
    }
}

static void check_entrance(const struct fleet *f, struct schema_context *ctx, uint32_t i)
{
    const struct entrance *e = &f->entrances[i];
    const struct yaml_node *pool = fleet_place(ctx, CLASS_ENTRANCE, i, "addresses");
    if (e->idc < f->idc_count && f->idcs[e->idc].vantage) {
        CHECK_ERROR(ctx, fleet_place(ctx, CLASS_ENTRANCE, i, "idc"),
                    "found an entrance at vantage site \"%s\", expected an IDC",
                    f->idcs[e->idc].name);
    } else if (e->idc < f->idc_count && e->service < f->service_count && f->capacity_ups != NULL &&
               fleet_capacity_ups(f, e->service, e->idc) == 0) {
        CHECK_ERROR(
            ctx, fleet_place(ctx, CLASS_ENTRANCE, i, "idc"),
            "found an entrance of \"%s\" at \"%s\" without capacity there, expected \"%s\" in "
            "the capacity of the service",
            f->services[e->service].name, f->idcs[e->idc].name, f->idcs[e->idc].name);
    }
    for (uint32_t j = 1; j < e->address_count; j++) {
        if (e->addresses[j].family != 0 && e->addresses[0].family != 0 &&
            e->addresses[j].family != e->addresses[0].family) {
            CHECK_ERROR(ctx, fleet_item(pool, j),
                        "found IPv4 and IPv6 in one pool, expected one family");
            return;
        }
    }
    for (uint32_t j = 0; j < i; j++) {
        const struct entrance *other = &f->entrances[j];
        if (other->service == e->service && other->address_count > 0 && e->address_count > 0 &&
            e->addresses[0].family != 0 && other->addresses[0].family != 0 &&
            e->addresses[0].family != other->addresses[0].family) {
            CHECK_ERROR(ctx, pool,
                        "found another address family than at entrance \"%s\", expected one family "
                        "for a service",
                        other->name);
            return;
        }
    }
}

void fleet_check_services(const struct fleet *f, struct schema_context *ctx)
{
    for (uint32_t i = 0; i < f->service_count; i++) {
        const struct service *s = &f->services[i];
        const struct yaml_node *checks = fleet_place(ctx, CLASS_SERVICE, i, "checks");
        for (uint32_t j = 0; j < s->check_count; j++) {
            const struct yaml_node *node = fleet_item(checks, j);
            check_kind(ctx, node, s->checks[j].kind, s->checks[j].path,
                       s->checks[j].expect_status != 0);
        }
        check_load(f, ctx, i);
        check_names(f, ctx, i);
        check_features(f, ctx, i);
        check_capacity(f, ctx, i);
        check_core_fits(f, ctx, i);
    }
    for (uint32_t i = 0; i < f->entrance_count; i++) {
        check_entrance(f, ctx, i);
    }
    for (uint32_t i = 0; i < f->reference_count; i++) {
        check_kind(ctx, fleet_place(ctx, CLASS_REFERENCE, i, NULL), f->references[i].kind,
                   f->references[i].path, false);
    }
}
