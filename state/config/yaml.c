/* yaml.c: libfyaml's events -> a bounded tree of nodes with places. */
#include "config/yaml.h"

#include "config/utf8.h"

#include <libfyaml.h>
#include <stdlib.h>
#include <string.h>

enum { CHUNK_SIZE = 64 * 1024 };

struct chunk {
    struct chunk *next;
    size_t used, size;
    _Alignas(16) unsigned char bytes[];
};

struct yaml {
    struct chunk *chunks;
    struct yaml_node *root;
};

/* What building the tree needs beside the tree. */
struct builder {
    struct yaml *yaml;
    struct config_errors *errs;
    struct yaml_node *open[YAML_MAX_DEPTH];      /* maps and sequences not yet ended */
    const struct yaml_node *key[YAML_MAX_DEPTH]; /* of an open map: read, its value not yet */
    uint32_t depth, nodes, documents;
    int status;
};

void *yaml_alloc(struct yaml *y, size_t size)
{
    size = (size + 15) & ~(size_t)15;
    struct chunk *c = y->chunks;
    if (c == NULL || c->size - c->used < size) {
        const size_t room = size > CHUNK_SIZE ? size : CHUNK_SIZE;
        c = calloc(1, sizeof *c + room);
        if (c == NULL) {
            return NULL;
        }
        c->size = room;
        c->next = y->chunks;
        y->chunks = c;
    }
    void *p = c->bytes + c->used;
    c->used += size;
    return p;
}

void yaml_free(struct yaml *y)
{
    if (y == NULL) {
        return;
    }
    for (struct chunk *c = y->chunks; c != NULL;) {
        struct chunk *next = c->next;
        free(c);
        c = next;
    }
    free(y);
}

const struct yaml_node *yaml_root(const struct yaml *y)
{
    return y->root;
}

const struct yaml_node *yaml_get(const struct yaml_node *map, const char *key)
{
    if (map == NULL || map->kind != YAML_MAP) {
        return NULL;
    }
    for (const struct yaml_node *n = map->first; n != NULL; n = n->next) {
        if (strcmp(n->key->text, key) == 0) {
            return n;
        }
    }
    return NULL;
}

const char *yaml_kind_name(enum yaml_kind k)
{
    switch (k) {
    case YAML_SCALAR: return "a single value";
    case YAML_MAP: return "a mapping";
    case YAML_SEQUENCE: return "a list";
    case YAML_BAD: return "an alias";
    }
    return "something else";
}

struct yaml_quoted yaml_quote(const char *text, size_t len)
{
    struct yaml_quoted q;
    const unsigned char *s = (const unsigned char *)text;
    size_t out = 0, in = 0;
    q.text[out++] = '"';
    while (in < len && out + 12 < sizeof q.text) {
        const size_t n = utf8_length(s + in, len - in);
        if (n == 0 || s[in] < 0x20 || s[in] == 0x7f || (s[in] == 0xc2 && s[in + 1] < 0xa0)) {
            static const char digit[] = "0123456789abcdef";
            const unsigned char c = s[in++];
            const char escape[] = {'\\', 'x', digit[c >> 4], digit[c & 15]};
            memcpy(q.text + out, escape, sizeof escape);
            out += sizeof escape;
        } else {
            memcpy(q.text + out, s + in, n);
            out += n;
            in += n;
        }
    }
    if (in < len) {
        memcpy(q.text + out, "...", 3);
        out += 3;
    }
    q.text[out++] = '"';
    q.text[out] = '\0';
    return q;
}

static void refuse(struct builder *b, const struct fy_mark *at, const char *text)
{
    config_error_add(b->errs, false, at != NULL ? (uint32_t)at->line + 1 : 0,
                     at != NULL ? (uint32_t)at->column + 1 : 0, "%s", text);
    b->status = ERR_INVALID;
}

/* A node at the event's place, or NULL with status set. */
static struct yaml_node *node_new(struct builder *b, struct fy_event *e, enum yaml_kind kind)
{
    const struct fy_mark *at = fy_event_start_mark(e);
    if (++b->nodes > YAML_MAX_NODES) {
        refuse(b, at, "found too many values, expected at most 500000 in one file");
        return NULL;
    }
    struct yaml_node *n = yaml_alloc(b->yaml, sizeof *n);
    if (n == NULL) {
        b->status = ERR_MEMORY;
        return NULL;
    }
    n->kind = kind;
    n->line = at != NULL ? (uint32_t)at->line + 1 : 1;
    n->column = at != NULL ? (uint32_t)at->column + 1 : 1;
    n->text = "";
    return n;
}

/* Hangs a finished or opened node under the innermost open one. */
static void attach(struct builder *b, struct yaml_node *n)
{
    if (b->depth == 0) {
        b->yaml->root = n;
        return;
    }
    struct yaml_node *parent = b->open[b->depth - 1];
    const struct yaml_node **key = &b->key[b->depth - 1];
    if (parent->kind == YAML_MAP && *key == NULL) {
        if (n->kind == YAML_MAP || n->kind == YAML_SEQUENCE) {
            config_error_add(b->errs, false, n->line, n->column,
                             "found %s as a key, expected a name", yaml_kind_name(n->kind));
            b->status = ERR_INVALID;
        }
        *key = n;
        return;
    }
    n->key = parent->kind == YAML_MAP ? *key : NULL;
    *key = NULL;
    if (parent->last == NULL) {
        parent->first = n;
    } else {
        parent->last->next = n;
    }
    parent->last = n;
    parent->count++;
}

static void refuse_properties(struct builder *b, struct fy_token *anchor, struct fy_token *tag)
{
    if (anchor != NULL) {
        refuse(
            b, fy_token_start_mark(anchor),
            "found an anchor, expected the value written out (anchors and aliases are not used)");
    }
    if (tag != NULL) {
        refuse(b, fy_token_start_mark(tag), "found a tag, expected a plain value");
    }
}

static void on_scalar(struct builder *b, struct fy_event *e)
{
    struct yaml_node *n = node_new(b, e, YAML_SCALAR);
    if (n == NULL) {
        return;
    }
    refuse_properties(b, e->scalar.anchor, e->scalar.tag);
    size_t len = 0;
    const char *text = e->scalar.value != NULL ? fy_token_get_text(e->scalar.value, &len) : NULL;
    if (text != NULL && len > 0) {
        char *copy = yaml_alloc(b->yaml, len + 1);
        if (copy == NULL) {
            b->status = ERR_MEMORY;
            return;
        }
        memcpy(copy, text, len);
        if (memchr(copy, '\0', len) != NULL || utf8_check(copy, len).fault != UTF8_OK) {
            refuse(b, fy_event_start_mark(e),
                   "found a control character in a quoted text, expected printable characters");
            len = 0;
            copy[0] = '\0';
        }
        n->text = copy;
        n->len = len;
    }
    attach(b, n);
}

static void on_open(struct builder *b, struct fy_event *e, enum yaml_kind kind)
{
    if (b->depth == YAML_MAX_DEPTH) {
        refuse(b, fy_event_start_mark(e),
               "found nesting deeper than 16 levels, expected at most 6");
        b->status = ERR_TOO_LARGE; /* what follows cannot be kept: stop here */
        return;
    }
    struct yaml_node *n = node_new(b, e, kind);
    if (n == NULL) {
        return;
    }
    if (kind == YAML_MAP) {
        refuse_properties(b, e->mapping_start.anchor, e->mapping_start.tag);
    } else {
        refuse_properties(b, e->sequence_start.anchor, e->sequence_start.tag);
    }
    attach(b, n);
    b->open[b->depth] = n;
    b->key[b->depth] = NULL;
    b->depth++;
}

static void on_alias(struct builder *b, struct fy_event *e)
{
    refuse(b, fy_event_start_mark(e),
           "found an alias, expected the value written out (anchors and aliases are not used)");
    struct yaml_node *n = node_new(b, e, YAML_BAD);
    if (n != NULL) {
        attach(b, n);
    }
}

static void on_event(struct builder *b, struct fy_event *e)
{
    switch (e->type) {
    case FYET_DOCUMENT_START:
        if (++b->documents > 1) {
            refuse(b, fy_event_start_mark(e),
                   "found a second document, expected only one in a file");
        }
        break;
    case FYET_SCALAR: on_scalar(b, e); break;
    case FYET_MAPPING_START: on_open(b, e, YAML_MAP); break;
    case FYET_SEQUENCE_START: on_open(b, e, YAML_SEQUENCE); break;
    case FYET_ALIAS: on_alias(b, e); break;
    case FYET_MAPPING_END:
    case FYET_SEQUENCE_END:
        if (b->depth > 0) {
            b->depth--;
        }
        break;
    case FYET_NONE:
    case FYET_STREAM_START:
    case FYET_STREAM_END:
    case FYET_DOCUMENT_END: break;
    }
}

/* libfyaml's own complaints, with places. */
static void take_complaints(struct builder *b, struct fy_diag *diag)
{
    void *at = NULL;
    const struct fy_diag_error *e;
    uint32_t found = 0;
    while ((e = fy_diag_errors_iterate(diag, &at)) != NULL) {
        const bool placed = e->line > 0;
        config_error_add(b->errs, false, placed ? (uint32_t)e->line : 1,
                         placed && e->column > 0 ? (uint32_t)e->column : 1,
                         "found broken YAML (%s), expected well-formed YAML",
                         e->msg != NULL ? e->msg : "syntax error");
        found++;
    }
    if (found == 0) {
        config_error_add(b->errs, false, 1, 1, "found broken YAML, expected well-formed YAML");
    }
    b->status = ERR_INVALID;
}

static void run(struct builder *b, struct fy_parser *p, struct fy_diag *diag)
{
    for (;;) {
        struct fy_event *e = fy_parser_parse(p);
        if (e == NULL) {
            break;
        }
        const bool end = e->type == FYET_STREAM_END;
        on_event(b, e);
        fy_parser_event_free(p, e);
        if (end) {
            return;
        }
        if (b->status == ERR_MEMORY || b->status == ERR_TOO_LARGE || b->nodes > YAML_MAX_NODES ||
            b->documents > 1) {
            return;
        }
    }
    take_complaints(b, diag);
}

static int parse_events(struct builder *b, const char *text, size_t len)
{
    struct fy_diag_cfg diag_config;
    fy_diag_cfg_default(&diag_config);
    diag_config.fp = NULL;
    diag_config.colorize = false;
    struct fy_diag *diag = fy_diag_create(&diag_config);
    if (diag == NULL) {
        return ERR_MEMORY;
    }
    fy_diag_set_collect_errors(diag, true);
    const struct fy_parse_cfg config = {.search_path = "",
                                        .flags = FYPCF_QUIET | FYPCF_COLLECT_DIAG |
                                                 FYPCF_DEFAULT_VERSION_1_2 | FYPCF_JSON_NONE,
                                        .diag = diag};
    struct fy_parser *p = fy_parser_create(&config);
    if (p == NULL || fy_parser_set_string(p, text, len) != 0) {
        b->status = ERR_MEMORY;
    } else {
        run(b, p, diag);
    }
    fy_parser_destroy(p);
    fy_diag_destroy(diag);
    return b->status == ERR_TOO_LARGE ? ERR_INVALID : b->status;
}

/* What can be said before parsing: size and characters. */
static int check_bytes(const char *text, size_t len, size_t max, struct config_errors *errs)
{
    if (len > max) {
        config_error_add(errs, false, 1, 1, "found a file of %zu bytes, expected at most %zu", len,
                         max);
        return ERR_INVALID;
    }
    const struct utf8_place p = utf8_check(text, len);
    switch (p.fault) {
    case UTF8_OK: return OK;
    case UTF8_INVALID:
        config_error_add(errs, false, p.line, p.column, "found byte 0x%02x, expected valid UTF-8",
                         (unsigned char)text[p.at]);
        return ERR_INVALID;
    case UTF8_CONTROL:
        config_error_add(errs, false, p.line, p.column,
                         "found control character 0x%02x, expected printable text",
                         (unsigned char)text[p.at]);
        return ERR_INVALID;
    }
    return ERR_INVALID;
}

int yaml_parse(const char *text, size_t len, size_t max, struct config_errors *errs,
               struct yaml **ret_yaml)
{
    int status = check_bytes(text, len, max, errs);
    if (status != OK) {
        return status;
    }
    struct yaml *y = calloc(1, sizeof *y);
    if (y == NULL) {
        return ERR_MEMORY;
    }
    struct builder b = {.yaml = y, .errs = errs};
    status = len == 0 ? OK : parse_events(&b, text, len);
    if (status == OK && y->root == NULL) {
        config_error_add(errs, false, 1, 1, "found an empty file, expected a mapping of keys");
        status = ERR_INVALID;
    }
    /* After an alias, anchor or tag the tree is whole: the schema may find more. */
    if (y->root == NULL || status == ERR_MEMORY || b.depth > 0 || b.documents > 1) {
        yaml_free(y);
        return status;
    }
    *ret_yaml = y;
    return OK;
}
