/* schema_reference.c: the tables as Markdown, for the man page. */
#include "config/schema_value.h"

static void put_row(const struct schema_field *f, FILE *out)
{
    char bounds[SCHEMA_TEMP_SIZE];
    schema_put_bounds(f, bounds);
    fprintf(out, "| `%s` | ", f->key);
    if (f->type == FIELD_LIST || f->type == FIELD_JOINED) {
        if (f->min == f->max) {
            fprintf(out, "list of %u", (unsigned)f->max);
        } else {
            fprintf(out, "list of %u to %u", (unsigned)f->min, (unsigned)f->max);
        }
        if (f->element == FIELD_REF) {
            fprintf(out, " names of a %s", schema_class_name(f->class));
        } else if (f->element != FIELD_OBJECT) {
            fprintf(out, ": %s", schema_type_text(f, f->element));
        }
    } else if (f->type == FIELD_REF || f->type == FIELD_REFSET) {
        fprintf(out, "%s of a %s", schema_type_text(f, f->type), schema_class_name(f->class));
    } else if (f->type == FIELD_ENUM) {
        fputs(bounds, out);
    } else {
        fprintf(out, "%s%s%s", schema_type_text(f, f->type), bounds[0] != '\0' ? ", " : "", bounds);
    }
    const char *preset = f->required ? "required" : f->preset != NULL ? f->preset : "none";
    fprintf(out, " | %s | %s |\n",
            f->type == FIELD_OBJECT && !f->required && f->count_size == 0 ? "see below" : preset,
            f->meaning);
}

void schema_print_reference(const struct schema *s, FILE *out)
{
    fprintf(out, "### %s\n\n| key | value | default | meaning |\n|---|---|---|---|\n", s->path);
    for (uint32_t i = 0; i < s->count; i++) {
        put_row(&s->fields[i], out);
    }
    fputc('\n', out);
    for (uint32_t i = 0; i < s->count; i++) {
        const struct schema *child = s->fields[i].child;
        bool told = child == NULL;
        for (uint32_t k = 0; k < i; k++) {
            told = told || s->fields[k].child == child;
        }
        if (!told) {
            schema_print_reference(child, out);
        }
    }
}
