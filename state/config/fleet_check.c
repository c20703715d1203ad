/* fleet_check.c: runs all checks of a fleet, and finds the places of their findings. */
#include "config/fleet_check.h"

const struct yaml_node *fleet_item(const struct yaml_node *list, uint32_t i)
{
    const struct yaml_node *item = list->first;
    while (item != NULL && i > 0) {
        item = item->next;
        i--;
    }
    return item != NULL ? item : list;
}

const struct yaml_node *fleet_place(const struct schema_context *ctx, enum schema_class class,
                                    uint32_t index, const char *key)
{
    const struct yaml_node *node =
        ctx->origins[class] != NULL ? ctx->origins[class][index] : yaml_root(ctx->yaml);
    const struct yaml_node *value = key != NULL ? yaml_get(node, key) : NULL;
    return value != NULL ? value : node;
}

void fleet_check(const struct fleet *f, struct schema_context *ctx)
{
    fleet_check_topology(f, ctx);
    fleet_check_addresses(f, ctx);
    fleet_check_services(f, ctx);
    fleet_check_anycast(f, ctx);
    fleet_check_views(f, ctx);
    fleet_check_policy(f, ctx);
}
