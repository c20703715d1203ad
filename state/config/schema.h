/* schema.h: one table per kind of thing in a configuration file: key, type, unit, bounds, default,
 * meaning.
 *
 * Parsing, defaults, `show` in YAML and JSON, and the reference in the man page are all driven by
 * the same tables, so they cannot disagree. */
#ifndef SPILLWAY_CONFIG_SCHEMA_H
#define SPILLWAY_CONFIG_SCHEMA_H

#include "base/arena.h"
#include "config/errors.h"
#include "config/yaml.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

enum field_type {
    /* Texts, in a char array of `size` bytes; "" when absent. */
    FIELD_NAME,     /* a DNS label in lower case: what other things refer to it by */
    FIELD_KEY_ID,   /* letters, digits, '.', '_', '-': safe as a file name */
    FIELD_TEXT,     /* one line for people */
    FIELD_IFNAME,   /* a network interface */
    FIELD_DNS_NAME, /* absolute, lower case, with the final dot */
    FIELD_PATH,     /* printable ASCII without spaces: a request target or a file */
    FIELD_ENDPOINT, /* host:port */
    /* Numbers, in an unsigned or int64_t member of `size` bytes. */
    FIELD_BOOL,
    FIELD_INTEGER,
    FIELD_DURATION,  /* microseconds / scale */
    FIELD_SHARE,     /* parts per million */
    FIELD_COST,      /* millionths of a capacity unit */
    FIELD_RATE,      /* per second */
    FIELD_BANDWIDTH, /* Mbit/s */
    FIELD_BYTES,
    FIELD_ENUM, /* index into names */
    /* Others. */
    FIELD_ADDRESS,
    FIELD_PREFIX,
    FIELD_REF,      /* a name of another thing: its index, uint16_t; FLEET_NONE when absent */
    FIELD_REFSET,   /* a list of names: bit per index, uint32_t */
    FIELD_RATE_MAP, /* name -> rate: row[index] */
    FIELD_OBJECT,   /* a mapping by the child schema */
    FIELD_LIST,     /* of `element` */
    FIELD_JOINED,   /* a list of texts, joined by commas in one char array */
};

/* Things with names. */
enum schema_class {
    CLASS_REGION,
    CLASS_CARRIER,
    CLASS_IDC,
    CLASS_LINK,
    CLASS_CONDUIT,
    CLASS_VIEW,
    CLASS_SERVICE,
    CLASS_ENTRANCE,
    CLASS_REFERENCE,
    CLASS_DNS_SERVER,
    CLASS_COUNT,
    CLASS_NONE = CLASS_COUNT,
};

enum { SCHEMA_MAX_FIELDS = 32, SCHEMA_TEMP_SIZE = 256 };

struct schema;

struct schema_field {
    const char *key;
    const char *json; /* its name in JSON where that differs (the unit as suffix); else NULL */
    enum field_type type;
    bool required;
    size_t offset,
        size; /* of the member; lists: offset of the pointer or array, size of an element */
    uint64_t min, max;          /* in the stored unit; lists: number of items; texts: not used */
    uint64_t scale;             /* DURATION: microseconds per stored unit, 0 is 1 */
    const char *preset;         /* the default as it would be written, or NULL: absent is zero */
    const char *meaning;        /* for the reference */
    enum schema_class class;    /* REF, REFSET, RATE_MAP: of what; LIST: what its items are */
    const char *const *names;   /* ENUM: ends with NULL; a first one of "" is "absent" */
    const struct schema *child; /* OBJECT, LIST of OBJECT */
    enum field_type element;    /* LIST */
    bool in_place;              /* LIST: the array is in the struct, `max` elements long */
    bool ascending;             /* LIST of REF: kept sorted */
    /* LIST: where the number of items is; size 0: always `max`. OBJECT: where a bool says whether
     * it is there; size 0: it always is, with the defaults of its keys. */
    size_t count_offset, count_size;
    /* LIST whose items are spread in the object (the ends of a link): through a copy of `size`
     * bytes. */
    void (*get)(const void *object, uint32_t i, void *item);
    void (*set)(void *object, uint32_t i, const void *item);
    /* RATE_MAP: the row of `object`, as long as the class has things. */
    uint64_t *(*row)(const void *root, const void *object);
};

struct schema {
    const char *what; /* "an IDC" */
    const char *path; /* "idcs[]", for the reference */
    const struct schema_field *fields;
    uint32_t count;
};

#define SCHEMA_MEMBER(type, member)                                                                \
    .offset = offsetof(type, member), .size = sizeof(((type *)0)->member)
#define SCHEMA_COUNTED(type, member)                                                               \
    .count_offset = offsetof(type, member), .count_size = sizeof(((type *)0)->member)
#define SCHEMA_FIELDS(array) .fields = (array), .count = sizeof(array) / sizeof((array)[0])

struct name_entry {
    const char *name;
    uint16_t index;
    const struct yaml_node *node;
};

/* The names of one class, sorted. */
struct name_index {
    struct name_entry *entries;
    uint32_t count;
    uint32_t total; /* things of the class, also those whose name is unusable */
    bool unknown;   /* their list is missing or no list, which is reported: no name can be judged */
};

struct schema_context {
    struct config_errors *errs;
    struct yaml *yaml;   /* scratch memory */
    struct arena *arena; /* of the result; NULL when no field needs it */
    const void *root;    /* the outermost object */
    struct name_index names[CLASS_COUNT];
    const struct yaml_node **origins[CLASS_COUNT]; /* [index]: the item's node, for later checks */
    int status;                                    /* OK, or ERR_MEMORY or ERR_FULL */
};

/* Collects the names of a list of things; reports duplicates. list may be NULL. */
void schema_collect_names(struct schema_context *ctx, enum schema_class class,
                          const struct yaml_node *list);
/* Fills object from a mapping. Everything wrong is added to ctx->errs; the object is then not
 * usable. */
void schema_decode(struct schema_context *ctx, const struct schema *s, const struct yaml_node *node,
                   void *object);
/* Index of a name, or FLEET_NONE. */
uint16_t schema_find(const struct schema_context *ctx, enum schema_class class, const char *name);
const char *schema_class_name(enum schema_class class);

/* True for types that are a single text in the file. */
bool schema_is_scalar(enum field_type t);
/* The value as it is written in the file; an absent one gives "". room has SCHEMA_TEMP_SIZE bytes.
 */
void schema_put_scalar(const struct schema_field *f, enum field_type t, const void *at, char *room);
/* A number member of f at `at`, in the stored unit. */
uint64_t schema_number(const struct schema_field *f, const void *at);
/* What a type looks like, for messages: "a duration such as 50ms". */
const char *schema_type_text(const struct schema_field *f, enum field_type t);
/* The bounds as written in the file, or "" where there are none. */
void schema_put_bounds(const struct schema_field *f, char *room);

/* Where to find the names that indices stand for: fills *ret_name; used in printing. */
typedef const char *schema_namer(const void *root, enum schema_class class, uint32_t index);

void schema_print_yaml(const struct schema *s, const void *object, const void *root,
                       schema_namer *namer, FILE *out);
void schema_print_json(const struct schema *s, const void *object, const void *root,
                       schema_namer *namer, FILE *out);
/* A Markdown table per schema, children after parents. */
void schema_print_reference(const struct schema *s, FILE *out);

/* The tables of the daemons' settings (settings.c). */
extern const struct schema spillwayd_schema, probe_schema;

/* A text as a JSON string. */
void json_put_string(const char *s, FILE *out);

#endif
