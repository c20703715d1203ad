/* yaml.h: YAML text -> a bounded tree of nodes with places. The only user of libfyaml (docs/adr).
 *
 * Stricter than YAML on purpose: one document, UTF-8, no anchors, aliases, tags or directives,
 * bounded size, depth and number of nodes. Duplicate keys are left for the schema to report. */
#ifndef SPILLWAY_CONFIG_YAML_H
#define SPILLWAY_CONFIG_YAML_H

#include "config/errors.h"

#include <stddef.h>

enum { YAML_MAX_NODES = 500000, YAML_MAX_DEPTH = 16 };

enum yaml_kind {
    YAML_SCALAR,
    YAML_MAP,
    YAML_SEQUENCE,
    YAML_BAD, /* was reported already (an alias): say nothing more about it */
};

struct yaml_node {
    enum yaml_kind kind;
    uint32_t line, column; /* from 1 */
    const char *text;      /* scalar: NUL-terminated, without NUL inside */
    size_t len;
    const struct yaml_node *key; /* of this node when its parent is a map */
    struct yaml_node *first, *last, *next;
    uint32_t count; /* children */
};

struct yaml;

/* Parses at most max bytes. On success *ret_yaml owns everything (yaml_free) and yaml_root() is not
 * NULL. ERR_INVALID: errs says why. ERR_MEMORY. */
int yaml_parse(const char *text, size_t len, size_t max, struct config_errors *errs,
               struct yaml **ret_yaml) MUST_CHECK;
void yaml_free(struct yaml *y);
const struct yaml_node *yaml_root(const struct yaml *y);
/* Zeroed scratch memory that lives as long as y; NULL when out of memory. */
void *yaml_alloc(struct yaml *y, size_t size);
/* The value under a key of a map (the first one), or NULL. */
const struct yaml_node *yaml_get(const struct yaml_node *map, const char *key);
const char *yaml_kind_name(enum yaml_kind k);

/* A text for an error message: quoted, shortened, control characters made visible. */
struct yaml_quoted {
    char text[88];
};
struct yaml_quoted yaml_quote(const char *text, size_t len);

#endif
