/* fleet_schema.h: inside of the fleet parser: the root of the tables, and names by index. */
#ifndef SPILLWAY_CONFIG_FLEET_SCHEMA_H
#define SPILLWAY_CONFIG_FLEET_SCHEMA_H

#include "config/schema.h"
#include "model/fleet.h"

extern const struct schema fleet_schema;
/* The top-level key of the list of a class: "idcs"; DNS servers are at "servers" under "dns". */
const char *fleet_class_key(enum schema_class class);
/* Name of the thing, or NULL when there is none with this index. */
const char *fleet_name_of(const void *fleet, enum schema_class class, uint32_t index);

#endif
