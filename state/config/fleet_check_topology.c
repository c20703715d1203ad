/* fleet_check_topology.c: do IDCs, links and observers hang together? */
#include "config/fleet_check.h"
#include "model/report.h"

#include <string.h>

static void check_partitions(const struct fleet *f, struct schema_context *ctx)
{
    for (uint32_t i = 0; i < f->idc_count; i++) {
        for (uint32_t j = 0; j < i; j++) {
            if (f->idcs[i].partition == f->idcs[j].partition &&
                yaml_get(fleet_place(ctx, CLASS_IDC, i, NULL), "partition") != NULL) {
                CHECK_ERROR(ctx, fleet_place(ctx, CLASS_IDC, i, "partition"),
                            "found partition %u again (%s has it), expected one of its own per IDC",
                            f->idcs[i].partition, f->idcs[j].name);
                break;
            }
        }
    }
}

static void check_probe_keys(const struct fleet *f, struct schema_context *ctx)
{
    for (uint32_t i = 0; i < f->idc_count; i++) {
        const struct idc *a = &f->idcs[i];
        if (a->probe_key_next[0] != '\0' && strcmp(a->probe_key, a->probe_key_next) == 0) {
            CHECK_ERROR(ctx, fleet_place(ctx, CLASS_IDC, i, "probe_key_next"),
                        "found the same key twice, expected another key to rotate to");
        }
        for (uint32_t j = 0; j < i; j++) {
            const struct idc *b = &f->idcs[j];
            if (a->probe_key[0] != '\0' && strcmp(a->probe_key, b->probe_key) == 0) {
                CHECK_ERROR(ctx, fleet_place(ctx, CLASS_IDC, i, "probe_key"),
                            "found the probe key of %s, expected one of its own per IDC: the key "
                            "proves who reports",
                            b->name);
                break;
            }
        }
    }
}

static void check_candidates(const struct fleet *f, struct schema_context *ctx)
{
    uint32_t count = 0;
    bool one_region = true;
    uint32_t first = 0;
    for (uint32_t i = 0; i < f->idc_count; i++) {
        if (!f->idcs[i].candidate) {
            continue;
        }
        if (f->idcs[i].vantage) {
            CHECK_ERROR(ctx, fleet_place(ctx, CLASS_IDC, i, "candidate"),
                        "found a vantage site as a candidate, expected an IDC with a spillwayd");
        }
        first = count == 0 ? i : first;
        one_region = one_region && f->idcs[i].region == f->idcs[first].region;
        count++;
    }
    const struct yaml_node *at = yaml_get(yaml_root(ctx->yaml), "idcs");
    if (at == NULL || f->idc_count == 0) {
        return;
    }
    if (count == 1) {
        CHECK_WARNING(
            ctx, at,
            "found 1 candidate to lead, expected 3 or 5 (1 is for development: when it is "
            "lost, nothing decides)");
    } else if (count != 3 && count != 5) {
        CHECK_ERROR(ctx, at, "found %u candidates to lead, expected 3 or 5 in different IDCs",
                    count);
    } else if (one_region && f->region_count > 1) {
        CHECK_WARNING(
            ctx, at,
            "found all candidates in one region, expected several: a disaster often takes "
            "a whole region");
    }
}

/* Both ends given? Then what the ends say is worth checking. */
static bool has_ends(const struct schema_context *ctx, uint32_t link)
{
    const struct yaml_node *ends = fleet_place(ctx, CLASS_LINK, link, "ends");
    return ends->kind == YAML_SEQUENCE && ends->count == 2 && ends->first->kind == YAML_MAP &&
           ends->last->kind == YAML_MAP;
}

static void check_link_ends(const struct fleet *f, struct schema_context *ctx, uint32_t i)
{
    const struct link *l = &f->links[i];
    const struct yaml_node *ends = fleet_place(ctx, CLASS_LINK, i, "ends");
    uint32_t carriers = 0;
    for (const struct yaml_node *end = ends->first; end != NULL; end = end->next) {
        const bool idc = yaml_get(end, "idc") != NULL, carrier = yaml_get(end, "carrier") != NULL;
        carriers += carrier;
        if (idc == carrier) {
            CHECK_ERROR(ctx, end, "found an end with %s, expected an idc or a carrier",
                        idc ? "both an idc and a carrier" : "neither an idc nor a carrier");
        } else if (idc && yaml_get(end, "interface") == NULL) {
            CHECK_ERROR(ctx, end,
                        "found an end at an IDC without \"interface\", expected its name");
        } else if (carrier && yaml_get(end, "interface") != NULL) {
            CHECK_ERROR(ctx, yaml_get(end, "interface"),
                        "found an interface at the carrier's end, expected one only at the IDC's");
        }
    }
    if (carriers == 2) {
        CHECK_ERROR(ctx, ends, "found a link between two carriers, expected an IDC at one end");
    } else if (l->end[0].idc == l->end[1].idc && l->end[0].idc != FLEET_NONE) {
        CHECK_ERROR(ctx, ends, "found both ends of link \"%s\" at %s, expected two different ends",
                    l->name, f->idcs[l->end[0].idc].name);
    }
    if (l->end[0].address.family != 0 && l->end[1].address.family != 0 &&
        l->end[0].address.family != l->end[1].address.family) {
        CHECK_ERROR(ctx, ends, "found an IPv4 and an IPv6 address, expected one family on a link");
    }
}

static void check_interfaces(const struct fleet *f, struct schema_context *ctx, uint32_t i)
{
    for (uint32_t j = 0; j <= i; j++) {
        for (int a = 0; a < 2; a++) {
            for (int b = 0; b < 2; b++) {
                const struct link_end *x = &f->links[i].end[a], *y = &f->links[j].end[b];
                if ((i == j && b >= a) || x->idc == FLEET_NONE || x->idc != y->idc ||
                    x->interface[0] == '\0' || strcmp(x->interface, y->interface) != 0) {
                    continue;
                }
                CHECK_ERROR(ctx, fleet_place(ctx, CLASS_LINK, i, "ends"),
                            "found interface \"%s\" of %s again (link \"%s\" has it), expected an "
                            "interface per link",
                            x->interface, f->idcs[x->idc].name, f->links[j].name);
            }
        }
    }
}

/* Everything a probe there must watch fits into one report. */
static void check_targets(const struct fleet *f, struct schema_context *ctx)
{
    uint32_t shared = f->reference_count;
    for (uint32_t i = 0; i < f->entrance_count; i++) {
        const uint16_t service = f->entrances[i].service;
        shared += service < f->service_count ? f->services[service].check_count : 0;
    }
    for (uint32_t i = 0; i < f->idc_count; i++) {
        uint32_t ends = 0;
        for (uint32_t j = 0; j < f->link_count; j++) {
            ends += f->links[j].end[0].idc == i || f->links[j].end[1].idc == i;
        }
        if (ends == 0 && !f->idcs[i].vantage && f->idc_count > 1) {
            CHECK_WARNING(
                ctx, fleet_place(ctx, CLASS_IDC, i, NULL),
                "found no link at \"%s\", expected spans and uplinks: its routes cannot be "
                "steered",
                f->idcs[i].name);
        }
        if (shared + ends > REPORT_MAX_TARGETS) {
            CHECK_ERROR(ctx, fleet_place(ctx, CLASS_IDC, i, NULL),
                        "found %u targets for the probe of \"%s\", expected at most %d (link ends, "
                        "entrances times checks, references)",
                        shared + ends, f->idcs[i].name, REPORT_MAX_TARGETS);
        }
    }
}

static void check_used_names(const struct fleet *f, struct schema_context *ctx)
{
    for (uint32_t i = 0; i < f->carrier_count; i++) {
        bool referenced = false;
        for (uint32_t j = 0; j < f->reference_count; j++) {
            referenced = referenced || (f->references[j].carriers >> i & 1);
        }
        if (!referenced) {
            CHECK_WARNING(
                ctx, fleet_place(ctx, CLASS_CARRIER, i, NULL),
                "found no reference target over carrier \"%s\", expected one: without it a "
                "blind probe and a dead carrier look alike",
                f->carriers[i].name);
        }
    }
    for (uint32_t i = 0; i < f->region_count; i++) {
        bool used = false;
        for (uint32_t j = 0; j < f->idc_count; j++) {
            used = used || f->idcs[j].region == i;
        }
        for (uint32_t j = 0; j < f->view_count; j++) {
            used = used || f->views[j].region == i;
        }
        if (!used) {
            CHECK_WARNING(ctx, fleet_place(ctx, CLASS_REGION, i, NULL),
                          "found region \"%s\" unused, expected an IDC or a view in it",
                          f->regions[i].name);
        }
    }
}

void fleet_check_topology(const struct fleet *f, struct schema_context *ctx)
{
    check_partitions(f, ctx);
    check_probe_keys(f, ctx);
    check_candidates(f, ctx);
    for (uint32_t i = 0; i < f->link_count; i++) {
        if (has_ends(ctx, i)) {
            check_link_ends(f, ctx, i);
            check_interfaces(f, ctx, i);
        }
    }
    check_targets(f, ctx);
    check_used_names(f, ctx);
}
