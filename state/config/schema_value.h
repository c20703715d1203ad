/* schema_value.h: inside of the schema engine: single values by the type of their field. */
#ifndef SPILLWAY_CONFIG_SCHEMA_VALUE_H
#define SPILLWAY_CONFIG_SCHEMA_VALUE_H

#include "config/schema.h"

/* Parses a text of type t (a text, number, address or prefix) into the member. ERR_INVALID: another
 * form; ERR_TOO_LARGE: out of bounds or too long. The member is untouched unless OK. */
int schema_value_parse(const struct schema_field *f, enum field_type t, const char *s,
                       void *at) MUST_CHECK;
/* One rate of a RATE_MAP, with the bounds of the field. */
int schema_rate_parse(const struct schema_field *f, const char *s, uint64_t *ret) MUST_CHECK;
void schema_put_number(const struct schema_field *f, uint64_t v, char *room);
/* The number of items of a list in the object. */
void schema_store_count(const struct schema_field *f, void *object, uint32_t n);
uint32_t schema_load_count(const struct schema_field *f, const void *object);

#endif
