/* fleet_check.h: what a fleet must be beyond the form of each key: does it hang together, can it
 * work? */
#ifndef SPILLWAY_CONFIG_FLEET_CHECK_H
#define SPILLWAY_CONFIG_FLEET_CHECK_H

#include "config/schema.h"
#include "model/fleet.h"

/* All checks. The fleet may be incomplete (mistakes in the form were reported before): what is
 * missing is passed over in silence. Adds errors and warnings to ctx->errs. */
void fleet_check(const struct fleet *f, struct schema_context *ctx);

/* Parts, one concern each. */
void fleet_check_topology(const struct fleet *f,
                          struct schema_context *ctx); /* idcs, links, conduits */
void fleet_check_addresses(const struct fleet *f, struct schema_context *ctx);
void fleet_check_services(const struct fleet *f, struct schema_context *ctx); /* and entrances */
void fleet_check_anycast(const struct fleet *f, struct schema_context *ctx);
void fleet_check_views(const struct fleet *f, struct schema_context *ctx);
void fleet_check_policy(const struct fleet *f, struct schema_context *ctx);

/* The node of a thing, or of the value under a key of it when there is one. Never NULL. */
const struct yaml_node *fleet_place(const struct schema_context *ctx, enum schema_class class,
                                    uint32_t index, const char *key);
/* The i-th item of a list, or the list itself when it is shorter. */
const struct yaml_node *fleet_item(const struct yaml_node *list, uint32_t i);

#define CHECK_ERROR(ctx, node, ...)                                                                \
    config_error_add((ctx)->errs, false, (node)->line, (node)->column, __VA_ARGS__)
#define CHECK_WARNING(ctx, node, ...)                                                              \
    config_error_add((ctx)->errs, true, (node)->line, (node)->column, __VA_ARGS__)

#endif
