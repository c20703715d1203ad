/* schema_print.c: an object -> canonical YAML, or JSON with stable fields, driven by its table. */
#include "config/schema_value.h"
#include "model/fleet.h"

#include <inttypes.h>
#include <string.h>

struct printer {
    FILE *out;
    const void *root;
    schema_namer *namer;
};

/* ---- access ---- */

/* The list's array in the object; NULL when it is reached through get(). */
static const char *list_at(const struct schema_field *f, const void *object)
{
    const char *at = (const char *)object + f->offset;
    if (f->get != NULL) {
        return NULL;
    }
    if (!f->in_place) {
        memcpy(&at, (const char *)object + f->offset, sizeof at);
    }
    return at;
}

static const void *item_at(const struct schema_field *f, const void *object, uint32_t i, void *temp)
{
    if (f->get != NULL) {
        f->get(object, i, temp);
        return temp;
    }
    return list_at(f, object) + i * f->size;
}

/* The text of a scalar, references included; "" when absent. */
static void put_text(const struct printer *p, const struct schema_field *f, enum field_type t,
                     const void *at, char *room)
{
    if (t != FIELD_REF) {
        schema_put_scalar(f, t, at, room);
        return;
    }
    uint16_t index;
    memcpy(&index, at, sizeof index);
    snprintf(room, SCHEMA_TEMP_SIZE, "%s",
             index == FLEET_NONE ? "" : p->namer(p->root, f->class, index));
}

static uint32_t class_total(const struct printer *p, enum schema_class class)
{
    uint32_t n = 0;
    while (p->namer(p->root, class, n) != NULL) {
        n++;
    }
    return n;
}

/* True when there is nothing to print in YAML. */
static bool is_absent(const struct printer *p, const struct schema_field *f, const void *object)
{
    char room[SCHEMA_TEMP_SIZE];
    const char *at = (const char *)object + f->offset;
    if (schema_is_scalar(f->type)) {
        put_text(p, f, f->type, at, room);
        return room[0] == '\0';
    }
    if (f->type == FIELD_LIST || (f->type == FIELD_OBJECT && f->count_size > 0)) {
        return schema_load_count(f, object) == 0;
    }
    if (f->type == FIELD_JOINED) {
        return at[0] == '\0';
    }
    if (f->type == FIELD_RATE_MAP) {
        const uint64_t *row = f->row(p->root, object);
        const uint32_t total = class_total(p, f->class);
        for (uint32_t i = 0; i < total; i++) {
            if (row[i] != 0) {
                return false;
            }
        }
        return true;
    }
    return false;
}

/* ---- YAML ---- */

static void yaml_object(const struct printer *p, const struct schema *s, const void *object,
                        unsigned indent, bool hanging);

/* A text that may stand plain in a flow list as well as in a block. */
static bool plain_ok(const char *s)
{
    static const char safe[] =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789./_-%";
    return s[0] != '-' && s[0] != '%' && s[strspn(s, safe)] == '\0';
}

static void yaml_text(const struct printer *p, const char *s)
{
    if (plain_ok(s)) {
        fputs(s, p->out);
        return;
    }
    fputc('"', p->out);
    for (; *s != '\0'; s++) {
        if (*s == '"' || *s == '\\') {
            fputc('\\', p->out);
        }
        fputc(*s, p->out);
    }
    fputc('"', p->out);
}

static void yaml_list(const struct printer *p, const struct schema_field *f, const void *object,
                      unsigned indent)
{
    _Alignas(16) char temp[SCHEMA_TEMP_SIZE];
    char room[SCHEMA_TEMP_SIZE];
    const uint32_t count = schema_load_count(f, object);
    if (f->element == FIELD_OBJECT) {
        fputc('\n', p->out);
        for (uint32_t i = 0; i < count; i++) {
            fprintf(p->out, "%*s- ", (int)indent + 2, "");
            yaml_object(p, f->child, item_at(f, object, i, temp), indent + 4, true);
        }
        return;
    }
    fputs(" [", p->out);
    for (uint32_t i = 0; i < count; i++) {
        put_text(p, f, f->element, item_at(f, object, i, temp), room);
        fputs(i == 0 ? "" : ", ", p->out);
        yaml_text(p, room);
    }
    fputs("]\n", p->out);
}

static void yaml_refset(const struct printer *p, const struct schema_field *f, const void *at)
{
    uint32_t set;
    memcpy(&set, at, sizeof set);
    const char *glue = "";
    fputs(" [", p->out);
    for (uint32_t i = 0; i < 32; i++) {
        if (set >> i & 1) {
            fputs(glue, p->out);
            yaml_text(p, p->namer(p->root, f->class, i));
            glue = ", ";
        }
    }
    fputs("]\n", p->out);
}

static void yaml_rate_map(const struct printer *p, const struct schema_field *f, const void *object,
                          unsigned indent)
{
    char room[SCHEMA_TEMP_SIZE];
    const uint64_t *row = f->row(p->root, object);
    const uint32_t total = class_total(p, f->class);
    fputc('\n', p->out);
    for (uint32_t i = 0; i < total; i++) {
        if (row[i] != 0) {
            schema_put_number(f, row[i], room);
            fprintf(p->out, "%*s%s: %s\n", (int)indent + 2, "", p->namer(p->root, f->class, i),
                    room);
        }
    }
}

static void yaml_joined(const struct printer *p, const char *joined)
{
    fputs(" [", p->out);
    while (*joined != '\0') {
        const size_t n = strcspn(joined, ",");
        fprintf(p->out, "\"%.*s\"%s", (int)n, joined, joined[n] == ',' ? ", " : "");
        joined += n + (joined[n] == ',');
    }
    fputs("]\n", p->out);
}

static void yaml_field(const struct printer *p, const struct schema_field *f, const void *object,
                       unsigned indent)
{
    char room[SCHEMA_TEMP_SIZE];
    const char *at = (const char *)object + f->offset;
    fprintf(p->out, "%s:", f->key);
    if (schema_is_scalar(f->type)) {
        put_text(p, f, f->type, at, room);
        fputc(' ', p->out);
        yaml_text(p, room);
        fputc('\n', p->out);
    } else if (f->type == FIELD_OBJECT) {
        fputc('\n', p->out);
        yaml_object(p, f->child, at, indent + 2, false);
    } else if (f->type == FIELD_LIST) {
        yaml_list(p, f, object, indent);
    } else if (f->type == FIELD_REFSET) {
        yaml_refset(p, f, at);
    } else if (f->type == FIELD_RATE_MAP) {
        yaml_rate_map(p, f, object, indent);
    } else {
        yaml_joined(p, at);
    }
}

/* hanging: the first key stands on the line that is open already, after "- ". */
static void yaml_object(const struct printer *p, const struct schema *s, const void *object,
                        unsigned indent, bool hanging)
{
    for (uint32_t i = 0; i < s->count; i++) {
        if (is_absent(p, &s->fields[i], object)) {
            continue;
        }
        if (!hanging) {
            fprintf(p->out, "%*s", (int)indent, "");
        }
        hanging = false;
        yaml_field(p, &s->fields[i], object, indent);
    }
}

void schema_print_yaml(const struct schema *s, const void *object, const void *root,
                       schema_namer *namer, FILE *out)
{
    const struct printer p = {.out = out, .root = root, .namer = namer};
    yaml_object(&p, s, object, 0, false);
}

/* ---- JSON ---- */

static void json_object(const struct printer *p, const struct schema *s, const void *object,
                        unsigned indent);

void json_put_string(const char *s, FILE *out)
{
    fputc('"', out);
    for (; *s != '\0'; s++) {
        const unsigned char c = (unsigned char)*s;
        if (c == '"' || c == '\\') {
            fprintf(out, "\\%c", c);
        } else if (c < 0x20 || c == 0x7f) {
            fprintf(out, "\\u%04x", c);
        } else {
            fputc(c, out);
        }
    }
    fputc('"', out);
}

/* Numbers keep their stored unit, except durations, which are always microseconds. */
static void json_scalar(const struct printer *p, const struct schema_field *f, enum field_type t,
                        const void *at)
{
    char room[SCHEMA_TEMP_SIZE];
    put_text(p, f, t, at, room);
    if (room[0] == '\0') {
        fputs("null", p->out);
    } else if (t == FIELD_BOOL) {
        fputs(room, p->out);
    } else if (t >= FIELD_INTEGER && t <= FIELD_BYTES) {
        const uint64_t scale = f->scale == 0 ? 1 : f->scale;
        fprintf(p->out, "%" PRIu64, schema_number(f, at) * scale);
    } else {
        json_put_string(room, p->out);
    }
}

static void json_list(const struct printer *p, const struct schema_field *f, const void *object,
                      unsigned indent)
{
    _Alignas(16) char temp[SCHEMA_TEMP_SIZE];
    const uint32_t count = schema_load_count(f, object);
    const bool block = f->element == FIELD_OBJECT;
    fputc('[', p->out);
    for (uint32_t i = 0; i < count; i++) {
        const void *item = item_at(f, object, i, temp);
        if (block) {
            fprintf(p->out, "%s\n%*s", i == 0 ? "" : ",", (int)indent + 2, "");
            json_object(p, f->child, item, indent + 2);
        } else {
            fputs(i == 0 ? "" : ", ", p->out);
            json_scalar(p, f, f->element, item);
        }
    }
    if (block && count > 0) {
        fprintf(p->out, "\n%*s", (int)indent, "");
    }
    fputc(']', p->out);
}

static void json_refset(const struct printer *p, const struct schema_field *f, const void *at)
{
    uint32_t set;
    memcpy(&set, at, sizeof set);
    const char *glue = "";
    fputc('[', p->out);
    for (uint32_t i = 0; i < 32; i++) {
        if (set >> i & 1) {
            fputs(glue, p->out);
            json_put_string(p->namer(p->root, f->class, i), p->out);
            glue = ", ";
        }
    }
    fputc(']', p->out);
}

static void json_rate_map(const struct printer *p, const struct schema_field *f, const void *object)
{
    const uint64_t *row = f->row(p->root, object);
    const uint32_t total = class_total(p, f->class);
    const char *glue = "";
    fputc('{', p->out);
    for (uint32_t i = 0; i < total; i++) {
        if (row[i] != 0) {
            fputs(glue, p->out);
            json_put_string(p->namer(p->root, f->class, i), p->out);
            fprintf(p->out, ": %" PRIu64, row[i]);
            glue = ", ";
        }
    }
    fputc('}', p->out);
}

static void json_joined(const struct printer *p, const char *joined)
{
    fputc('[', p->out);
    while (*joined != '\0') {
        const size_t n = strcspn(joined, ",");
        fprintf(p->out, "\"%.*s\"%s", (int)n, joined, joined[n] == ',' ? ", " : "");
        joined += n + (joined[n] == ',');
    }
    fputc(']', p->out);
}

static void json_object(const struct printer *p, const struct schema *s, const void *object,
                        unsigned indent)
{
    fputc('{', p->out);
    for (uint32_t i = 0; i < s->count; i++) {
        const struct schema_field *f = &s->fields[i];
        const char *at = (const char *)object + f->offset;
        fprintf(p->out, "%s\n%*s\"%s\": ", i == 0 ? "" : ",", (int)indent + 2, "",
                f->json != NULL ? f->json : f->key);
        if (schema_is_scalar(f->type)) {
            json_scalar(p, f, f->type, at);
        } else if (f->type == FIELD_OBJECT && is_absent(p, f, object)) {
            fputs("null", p->out);
        } else if (f->type == FIELD_OBJECT) {
            json_object(p, f->child, at, indent + 2);
        } else if (f->type == FIELD_LIST) {
            json_list(p, f, object, indent + 2);
        } else if (f->type == FIELD_REFSET) {
            json_refset(p, f, at);
        } else if (f->type == FIELD_RATE_MAP) {
            json_rate_map(p, f, object);
        } else {
            json_joined(p, at);
        }
    }
    fprintf(p->out, "\n%*s}", (int)indent, "");
}

void schema_print_json(const struct schema *s, const void *object, const void *root,
                       schema_namer *namer, FILE *out)
{
    const struct printer p = {.out = out, .root = root, .namer = namer};
    json_object(&p, s, object, 0);
    fputc('\n', out);
}
