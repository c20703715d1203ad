/* fleet_config.c: the fleet file from text to a checked struct fleet, and its printing. */
#include "config/fleet_config.h"

#include "config/fleet_check.h"
#include "config/fleet_schema.h"

#include <string.h>

/* Names first, so that references may stand before what they name. */
static void collect(struct schema_context *ctx, const struct yaml_node *root)
{
    for (int class = 0; class < CLASS_COUNT; class ++) {
        const struct yaml_node *list =
            class == CLASS_DNS_SERVER ? yaml_get(yaml_get(root, "dns"), "servers")
                                      : yaml_get(root, fleet_class_key((enum schema_class) class));
        schema_collect_names(ctx, (enum schema_class) class, list);
    }
}

/* The two tables of rates need the numbers of IDCs and views before services are read. */
static void prepare(struct schema_context *ctx, struct fleet *f)
{
    const uint32_t idcs = ctx->names[CLASS_IDC].total, views = ctx->names[CLASS_VIEW].total;
    const uint32_t services = ctx->names[CLASS_SERVICE].total;
    if (idcs > FLEET_MAX_IDCS || views > FLEET_MAX_VIEWS || services > FLEET_MAX_SERVICES) {
        return; /* reported with the lists; the tables stay absent */
    }
    f->idc_count = (uint16_t)idcs;
    f->view_count = (uint16_t)views;
    f->capacity_ups = ARENA_NEW(ctx->arena, uint64_t, (size_t)services * idcs);
    f->demand_rps = ARENA_NEW(ctx->arena, uint64_t, (size_t)services * views);
    if (f->capacity_ups == NULL || f->demand_rps == NULL) {
        ctx->status = ERR_FULL;
    }
}

/* A list that was refused as a whole leaves no array behind: then there is nothing to count. */
static void settle(struct fleet *f)
{
    f->idc_count = f->idcs == NULL ? 0 : f->idc_count;
    f->view_count = f->views == NULL ? 0 : f->view_count;
}

int config_fleet_parse(const char *text, size_t len, struct arena *arena, struct fleet *ret_fleet,
                       struct config_errors *errs)
{
    const uint32_t errors_before = errs->error_count;
    struct yaml *yaml = NULL;
    struct fleet fleet = {0};
    struct schema_context ctx = {.errs = errs, .arena = arena, .root = &fleet};
    int status = yaml_parse(text, len, CONFIG_FLEET_MAX_BYTES, errs, &yaml);
    if (status == OK) {
        ctx.yaml = yaml;
        collect(&ctx, yaml_root(yaml));
        prepare(&ctx, &fleet);
        schema_decode(&ctx, &fleet_schema, yaml_root(yaml), &fleet);
        settle(&fleet);
        status = ctx.status;
        if (status == OK) {
            fleet_check(&fleet, &ctx);
        }
    }
    config_errors_sort(errs);
    yaml_free(yaml);
    if (errs->error_count > errors_before && status != ERR_MEMORY) {
        status = ERR_INVALID;
    }
    if (status == OK) {
        *ret_fleet = fleet;
    }
    return status;
}

void config_fleet_print_yaml(const struct fleet *f, FILE *out)
{
    schema_print_yaml(&fleet_schema, f, f, fleet_name_of, out);
}

void config_fleet_print_json(const struct fleet *f, FILE *out)
{
    schema_print_json(&fleet_schema, f, f, fleet_name_of, out);
}

void config_fleet_print_reference(FILE *out)
{
    schema_print_reference(&fleet_schema, out);
}
