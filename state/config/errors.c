/* errors.c: collecting and printing what is wrong with a configuration. */
#include "config/errors.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

void config_errors_done(struct config_errors *errs)
{
    for (uint32_t i = 0; i < errs->count; i++) {
        free(errs->items[i].text);
    }
    free(errs->items);
    *errs = (struct config_errors){0};
}

/* Room for one more item, or NULL: the bound is reached or memory is out. */
static struct config_error *grow(struct config_errors *errs)
{
    if (errs->count == errs->capacity) {
        uint32_t capacity = errs->capacity == 0 ? 16 : errs->capacity * 2;
        if (capacity > CONFIG_MAX_ERRORS) {
            capacity = CONFIG_MAX_ERRORS;
        }
        if (capacity == errs->capacity) {
            return NULL;
        }
        struct config_error *items = realloc(errs->items, capacity * sizeof *items);
        if (items == NULL) {
            return NULL;
        }
        errs->items = items;
        errs->capacity = capacity;
    }
    return &errs->items[errs->count];
}

void config_error_add(struct config_errors *errs, bool warning, uint32_t line, uint32_t column,
                      const char *format, ...)
{
    if (warning) {
        errs->warning_count++;
    } else {
        errs->error_count++;
    }
    struct config_error *e = grow(errs);
    if (e == NULL) {
        return;
    }
    va_list args;
    va_start(args, format);
    char *text = NULL;
    int n = vasprintf(&text, format, args);
    va_end(args);
    if (n < 0) {
        return;
    }
    *e = (struct config_error){
        .line = line, .column = column, .order = errs->count, .warning = warning, .text = text};
    errs->count++;
}

static int compare(const void *pa, const void *pb)
{
    const struct config_error *a = pa, *b = pb;
    if (a->line != b->line) {
        return a->line < b->line ? -1 : 1;
    }
    if (a->column != b->column) {
        return a->column < b->column ? -1 : 1;
    }
    return a->order < b->order ? -1 : a->order > b->order;
}

static bool repeats(const struct config_error *a, const struct config_error *b)
{
    return a->line == b->line && a->column == b->column && a->warning == b->warning &&
           strcmp(a->text, b->text) == 0;
}

void config_errors_sort(struct config_errors *errs)
{
    if (errs->count == 0) {
        return;
    }
    qsort(errs->items, errs->count, sizeof *errs->items, compare);
    uint32_t kept = 1;
    for (uint32_t i = 1; i < errs->count; i++) {
        if (repeats(&errs->items[kept - 1], &errs->items[i])) {
            free(errs->items[i].text);
            if (errs->items[i].warning) {
                errs->warning_count--;
            } else {
                errs->error_count--;
            }
        } else {
            errs->items[kept++] = errs->items[i];
        }
    }
    errs->count = kept;
    for (uint32_t i = 0; i < kept; i++) {
        errs->items[i].order = i;
    }
}

void config_errors_print(const struct config_errors *errs, const char *filename, FILE *out)
{
    for (uint32_t i = 0; i < errs->count; i++) {
        const struct config_error *e = &errs->items[i];
        const char *kind = e->warning ? "warning: " : "";
        if (e->line == 0) {
            fprintf(out, "%s: %s%s\n", filename, kind, e->text);
        } else {
            fprintf(out, "%s:%u:%u: %s%s\n", filename, e->line, e->column, kind, e->text);
        }
    }
    uint32_t lost = errs->error_count + errs->warning_count - errs->count;
    if (lost > 0) {
        fprintf(out, "%s: %u more are not shown, expected a better file first\n", filename, lost);
    }
}
