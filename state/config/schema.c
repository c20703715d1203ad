/* schema.c: a tree of YAML nodes -> an object, driven by a table; every mistake is reported. */
#include "config/schema.h"

#include "config/schema_value.h"
#include "config/suggest.h"
#include "model/fleet.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#define FOUND(node) yaml_quote((node)->text, (node)->len).text

static void decode_field(struct schema_context *ctx, const struct schema_field *f,
                         const struct yaml_node *node, void *object);

const char *schema_class_name(enum schema_class class)
{
    switch (class) {
    case CLASS_REGION: return "region";
    case CLASS_CARRIER: return "carrier";
    case CLASS_IDC: return "IDC";
    case CLASS_LINK: return "link";
    case CLASS_CONDUIT: return "conduit";
    case CLASS_VIEW: return "view";
    case CLASS_SERVICE: return "service";
    case CLASS_ENTRANCE: return "entrance";
    case CLASS_REFERENCE: return "reference";
    case CLASS_DNS_SERVER: return "DNS server";
    case CLASS_NONE: break;
    }
    return "thing";
}

/* Memory gone or arena full: the rest of the file is still checked. */
static void failed(struct schema_context *ctx, int status)
{
    if (ctx->status == OK) {
        ctx->status = status;
    }
}

/* "found X, expected Y" at a node; X is its text or its kind. Nothing for what was reported
 * already. */
static void mistake(struct schema_context *ctx, const struct yaml_node *node, const char *expected)
{
    if (node->kind == YAML_BAD) {
        return;
    }
    if (node->kind != YAML_SCALAR) {
        config_error_add(ctx->errs, false, node->line, node->column, "found %s, expected %s",
                         yaml_kind_name(node->kind), expected);
    } else if (node->len == 0) {
        config_error_add(ctx->errs, false, node->line, node->column, "found nothing, expected %s",
                         expected);
    } else {
        config_error_add(ctx->errs, false, node->line, node->column, "found %s, expected %s",
                         FOUND(node), expected);
    }
}

static int compare_entries(const void *pa, const void *pb)
{
    const struct name_entry *a = pa, *b = pb;
    const int order = strcmp(a->name, b->name);
    return order != 0 ? order : (int)a->index - (int)b->index;
}

void schema_collect_names(struct schema_context *ctx, enum schema_class class,
                          const struct yaml_node *list)
{
    struct name_index *names = &ctx->names[class];
    *names = (struct name_index){0};
    names->unknown = list == NULL ? class != CLASS_LINK : list->kind != YAML_SEQUENCE;
    if (list == NULL || list->kind != YAML_SEQUENCE || list->count == 0) {
        return;
    }
    names->total = list->count < FLEET_NONE ? list->count : FLEET_NONE;
    names->entries = yaml_alloc(ctx->yaml, names->total * sizeof *names->entries);
    if (names->entries == NULL) {
        failed(ctx, ERR_MEMORY);
        return;
    }
    const struct yaml_node *item = list->first;
    for (uint32_t i = 0; i < names->total; i++, item = item->next) {
        const struct yaml_node *name = item->kind == YAML_SCALAR ? item : yaml_get(item, "name");
        if (name != NULL && name->kind == YAML_SCALAR && name->len > 0) {
            names->entries[names->count++] = (struct name_entry){name->text, (uint16_t)i, name};
        }
    }
    qsort(names->entries, names->count, sizeof *names->entries, compare_entries);
    const struct name_entry *first = names->entries;
    for (uint32_t i = 1; i < names->count; i++) {
        const struct name_entry *e = &names->entries[i];
        if (strcmp(e->name, first->name) != 0) {
            first = e;
            continue;
        }
        config_error_add(
            ctx->errs, false, e->node->line, e->node->column,
            "found a second %s named %s (the first is on line %u), expected unique names",
            schema_class_name(class), FOUND(e->node), first->node->line);
    }
}

uint16_t schema_find(const struct schema_context *ctx, enum schema_class class, const char *name)
{
    const struct name_index *names = &ctx->names[class];
    uint32_t low = 0, high = names->count;
    while (low < high) {
        const uint32_t middle = low + (high - low) / 2;
        if (strcmp(names->entries[middle].name, name) < 0) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    const bool hit = low < names->count && strcmp(names->entries[low].name, name) == 0;
    return hit ? names->entries[low].index : FLEET_NONE;
}

/* An unknown name, with the nearest that exists. */
static void report_dangling(struct schema_context *ctx, enum schema_class class,
                            const struct yaml_node *node)
{
    struct suggestion s = suggest_start(node->text);
    const struct name_index *names = &ctx->names[class];
    if (ctx->errs->count < CONFIG_MAX_ERRORS) {
        for (uint32_t i = 0; i < names->count; i++) {
            suggest_offer(&s, names->entries[i].name);
        }
    }
    char hint[128];
    suggest_put(&s, hint, sizeof hint);
    config_error_add(ctx->errs, false, node->line, node->column,
                     "found %s, expected the name of %s %s of this fleet%s", FOUND(node),
                     class == CLASS_IDC || class == CLASS_ENTRANCE ? "an" : "a",
                     schema_class_name(class), hint);
}

static uint16_t decode_ref(struct schema_context *ctx, enum schema_class class,
                           const struct yaml_node *node)
{
    if (node->kind != YAML_SCALAR || node->len == 0) {
        char expected[64];
        snprintf(expected, sizeof expected, "the name of a %s", schema_class_name(class));
        mistake(ctx, node, expected);
        return FLEET_NONE;
    }
    const uint16_t index = schema_find(ctx, class, node->text);
    if (index == FLEET_NONE && !ctx->names[class].unknown) {
        report_dangling(ctx, class, node);
    }
    return index;
}

static void decode_scalar(struct schema_context *ctx, const struct schema_field *f,
                          enum field_type t, const struct yaml_node *node, void *at)
{
    char expected[SCHEMA_TEMP_SIZE + 64], bounds[SCHEMA_TEMP_SIZE];
    if (t == FIELD_REF) {
        const uint16_t index = decode_ref(ctx, f->class, node);
        memcpy(at, &index, sizeof index);
        return;
    }
    int status = ERR_INVALID;
    if (node->kind == YAML_SCALAR && node->len > 0) {
        status = schema_value_parse(f, t, node->text, at);
    }
    if (status == OK) {
        return;
    }
    schema_put_bounds(f, bounds);
    if (t == FIELD_ENUM || (status == ERR_TOO_LARGE && bounds[0] != '\0')) {
        snprintf(expected, sizeof expected, "%s", bounds);
    } else if (status == ERR_TOO_LARGE) {
        snprintf(expected, sizeof expected, "at most %zu bytes", f->size - 1);
    } else {
        snprintf(expected, sizeof expected, "%s", schema_type_text(f, t));
    }
    mistake(ctx, node, expected);
}

static void decode_item(struct schema_context *ctx, const struct schema_field *f,
                        const struct yaml_node *node, void *at)
{
    if (f->element == FIELD_OBJECT) {
        schema_decode(ctx, f->child, node, at);
    } else {
        decode_scalar(ctx, f, f->element, node, at);
    }
}

/* True when the node is a list with an allowed number of items. */
static bool list_ok(struct schema_context *ctx, const struct schema_field *f,
                    const struct yaml_node *node)
{
    if (node->kind != YAML_SEQUENCE) {
        mistake(ctx, node, "a list");
        return false;
    }
    if (node->count >= f->min && node->count <= f->max) {
        return true;
    }
    char bounds[64];
    if (f->min == f->max) {
        snprintf(bounds, sizeof bounds, "exactly %u", (unsigned)f->min);
    } else if (node->count < f->min) {
        snprintf(bounds, sizeof bounds, "at least %u", (unsigned)f->min);
    } else {
        snprintf(bounds, sizeof bounds, "at most %u", (unsigned)f->max);
    }
    config_error_add(ctx->errs, false, node->line, node->column,
                     "found %u item%s in \"%s\", expected %s", node->count,
                     node->count == 1 ? "" : "s", f->key, bounds);
    return node->count < f->min;
}

static int compare_u16(const void *pa, const void *pb)
{
    uint16_t a, b;
    memcpy(&a, pa, sizeof a);
    memcpy(&b, pb, sizeof b);
    return a < b ? -1 : a > b;
}

/* Names twice in one list of references. */
static void check_repeats(struct schema_context *ctx, const struct yaml_node *list)
{
    for (const struct yaml_node *a = list->first; a != NULL; a = a->next) {
        for (const struct yaml_node *b = list->first; b != a; b = b->next) {
            if (a->kind == YAML_SCALAR && b->kind == YAML_SCALAR && strcmp(a->text, b->text) == 0) {
                config_error_add(ctx->errs, false, a->line, a->column,
                                 "found %s a second time, expected it once in this list", FOUND(a));
                break;
            }
        }
    }
}

static void remember(struct schema_context *ctx, const struct schema_field *f,
                     const struct yaml_node *list)
{
    if (f->class >= CLASS_COUNT || f->element == FIELD_REF) {
        return;
    }
    const struct yaml_node **origin = yaml_alloc(ctx->yaml, (list->count + 1) * sizeof(void *));
    if (origin == NULL) {
        failed(ctx, ERR_MEMORY);
        return;
    }
    uint32_t i = 0;
    for (const struct yaml_node *item = list->first; item != NULL; item = item->next) {
        origin[i++] = item;
    }
    ctx->origins[f->class] = origin;
}

static void decode_list(struct schema_context *ctx, const struct schema_field *f,
                        const struct yaml_node *node, void *object)
{
    if (!list_ok(ctx, f, node)) {
        return;
    }
    char *array = (char *)object + f->offset;
    if (!f->in_place && f->get == NULL) {
        char *room = arena_alloc(ctx->arena, node->count, f->size);
        if (room == NULL) {
            failed(ctx, ERR_FULL);
            return;
        }
        memcpy(array, &room, sizeof room);
        array = room;
    }
    schema_store_count(f, object, node->count);
    remember(ctx, f, node);
    uint32_t i = 0;
    for (const struct yaml_node *item = node->first; item != NULL; item = item->next, i++) {
        if (f->set != NULL) {
            _Alignas(16) char temp[SCHEMA_TEMP_SIZE] = {0};
            assert(f->size <= sizeof temp);
            decode_item(ctx, f, item, temp);
            f->set(object, i, temp);
        } else {
            decode_item(ctx, f, item, array + i * f->size);
        }
    }
    if (f->element == FIELD_REF) {
        check_repeats(ctx, node);
        if (f->ascending) {
            qsort(array, node->count, f->size, compare_u16);
        }
    }
}

static void decode_refset(struct schema_context *ctx, const struct schema_field *f,
                          const struct yaml_node *node, void *object)
{
    if (!list_ok(ctx, f, node)) {
        return;
    }
    uint32_t set = 0;
    for (const struct yaml_node *item = node->first; item != NULL; item = item->next) {
        const uint16_t index = decode_ref(ctx, f->class, item);
        if (index < 32) {
            set |= UINT32_C(1) << index;
        }
    }
    check_repeats(ctx, node);
    memcpy((char *)object + f->offset, &set, sizeof set);
}

static void decode_rate_map(struct schema_context *ctx, const struct schema_field *f,
                            const struct yaml_node *node, void *object)
{
    if (node->kind != YAML_MAP || node->count == 0) {
        mistake(ctx, node, schema_type_text(f, f->type));
        return;
    }
    uint64_t *row = f->row(ctx->root, object);
    uint8_t *seen = yaml_alloc(ctx->yaml, ctx->names[f->class].total + 1);
    if (seen == NULL) {
        failed(ctx, ERR_MEMORY);
        return;
    }
    for (const struct yaml_node *item = node->first; item != NULL; item = item->next) {
        if (item->key->kind != YAML_SCALAR) {
            continue;
        }
        const uint16_t index = decode_ref(ctx, f->class, item->key);
        uint64_t rate = 0;
        if (index != FLEET_NONE && seen[index]) {
            mistake(ctx, item->key, "each name once in this mapping");
            continue;
        }
        const int status =
            item->kind == YAML_SCALAR ? schema_rate_parse(f, item->text, &rate) : ERR_INVALID;
        if (status != OK) {
            char bounds[SCHEMA_TEMP_SIZE];
            schema_put_bounds(f, bounds);
            mistake(ctx, item, status == ERR_TOO_LARGE ? bounds : "a rate such as 200/s");
        } else if (index != FLEET_NONE && row != NULL) {
            row[index] = rate;
            seen[index] = 1;
        }
    }
}

static void decode_joined(struct schema_context *ctx, const struct schema_field *f,
                          const struct yaml_node *node, void *object)
{
    if (!list_ok(ctx, f, node)) {
        return;
    }
    char *joined = (char *)object + f->offset;
    size_t n = 0;
    for (const struct yaml_node *item = node->first; item != NULL; item = item->next) {
        char text[SCHEMA_TEMP_SIZE] = "";
        const struct schema_field one = {.size = sizeof text, .key = f->key, .type = f->element};
        decode_scalar(ctx, &one, f->element, item, text);
        const int more = snprintf(joined + n, f->size - n, "%s%s", n == 0 ? "" : ",", text);
        if (more < 0 || (size_t)more >= f->size - n) {
            failed(ctx, ERR_FULL);
            return;
        }
        n += (size_t)more;
    }
    check_repeats(ctx, node);
}

static void decode_field(struct schema_context *ctx, const struct schema_field *f,
                         const struct yaml_node *node, void *object)
{
    if (node->kind == YAML_BAD) {
        return;
    }
    char *at = (char *)object + f->offset;
    if (schema_is_scalar(f->type)) {
        decode_scalar(ctx, f, f->type, node, at);
    } else if (f->type == FIELD_OBJECT) {
        schema_store_count(f, object, 1);
        schema_decode(ctx, f->child, node, at);
    } else if (f->type == FIELD_LIST) {
        decode_list(ctx, f, node, object);
    } else if (f->type == FIELD_REFSET) {
        decode_refset(ctx, f, node, object);
    } else if (f->type == FIELD_RATE_MAP) {
        decode_rate_map(ctx, f, node, object);
    } else {
        decode_joined(ctx, f, node, object);
    }
}

static void report_unknown_key(struct schema_context *ctx, const struct schema *s,
                               const struct yaml_node *key)
{
    if (key->kind != YAML_SCALAR) {
        return; /* reported while parsing */
    }
    struct suggestion suggestion = suggest_start(key->text);
    char keys[512];
    size_t n = 0;
    keys[0] = '\0';
    for (uint32_t i = 0; i < s->count; i++) {
        suggest_offer(&suggestion, s->fields[i].key);
        if (n < sizeof keys) {
            n += (size_t)snprintf(keys + n, sizeof keys - n, "%s%s", i == 0 ? "" : ", ",
                                  s->fields[i].key);
        }
    }
    char hint[128];
    suggest_put(&suggestion, hint, sizeof hint);
    if (hint[0] != '\0') {
        config_error_add(ctx->errs, false, key->line, key->column,
                         "found unknown key %s in %s, expected a known one%s", FOUND(key), s->what,
                         hint);
    } else {
        config_error_add(ctx->errs, false, key->line, key->column,
                         "found unknown key %s in %s, expected one of: %s", FOUND(key), s->what,
                         keys);
    }
}

/* What an absent key means: its default, an error, or "none". */
static void fill_absent(struct schema_context *ctx, const struct schema *s,
                        const struct schema_field *f, const struct yaml_node *node, void *object)
{
    char *at = (char *)object + f->offset;
    if (f->type == FIELD_REF) {
        const uint16_t none = FLEET_NONE;
        memcpy(at, &none, sizeof none);
    }
    if (f->required) {
        config_error_add(ctx->errs, false, node->line, node->column,
                         "found no \"%s\" in %s, expected %s", f->key, s->what,
                         schema_type_text(f, f->type));
    } else if (f->preset != NULL) {
        const int status = schema_value_parse(f, f->type, f->preset, at);
        assert(status == OK); /* the table's own default is within its own bounds */
        (void)status;
    } else if (f->type == FIELD_OBJECT && f->count_size == 0) {
        const struct yaml_node empty = {
            .kind = YAML_MAP, .line = node->line, .column = node->column, .text = ""};
        schema_decode(ctx, f->child, &empty, at);
    }
}

void schema_decode(struct schema_context *ctx, const struct schema *s, const struct yaml_node *node,
                   void *object)
{
    bool seen[SCHEMA_MAX_FIELDS] = {false};
    assert(s->count <= SCHEMA_MAX_FIELDS);
    if (node->kind != YAML_MAP) {
        char expected[128];
        snprintf(expected, sizeof expected, "a mapping that describes %s", s->what);
        mistake(ctx, node, expected);
        return;
    }
    for (const struct yaml_node *item = node->first; item != NULL; item = item->next) {
        uint32_t i = 0;
        while (i < s->count && strcmp(s->fields[i].key, item->key->text) != 0) {
            i++;
        }
        if (i == s->count) {
            report_unknown_key(ctx, s, item->key);
        } else if (seen[i]) {
            mistake(ctx, item->key, "each key once in a mapping");
        } else {
            seen[i] = true;
            decode_field(ctx, &s->fields[i], item, object);
        }
    }
    for (uint32_t i = 0; i < s->count; i++) {
        if (!seen[i]) {
            fill_absent(ctx, s, &s->fields[i], node, object);
        }
    }
}
