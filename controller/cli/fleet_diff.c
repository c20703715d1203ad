/* fleet_diff.c: two fleets compared in the form that `fleet show --json` prints. */
#include "cli/fleet_diff.h"

#include "config/fleet_config.h"

#include <stdlib.h>
#include <string.h>

enum { PATH_SIZE = 512, VALUE_WIDTH = 100 };

/* The fleet as JSON; NULL when there is no memory. */
static json_t *json_of(const struct fleet *f)
{
    char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);
    if (out == NULL) {
        return NULL;
    }
    config_fleet_print_json(f, out);
    json_t *json = fclose(out) == 0 ? json_loadb(text, size, 0, NULL) : NULL;
    free(text);
    return json;
}

static void put(json_t *list, const char *path, json_t *before, json_t *after)
{
    json_array_append_new(
        list, json_pack("{s:s, s:O?, s:O?}", "path", path, "before", before, "after", after));
}

/* What a thing of a list goes by: its name, or itself when it is one. */
static const char *name_of(const json_t *thing)
{
    return json_is_string(thing) ? json_string_value(thing)
                                 : json_string_value(json_object_get(thing, "name"));
}

static json_t *find(const json_t *list, const char *name)
{
    size_t i;
    json_t *thing;
    json_array_foreach(list, i, thing)
    {
        const char *at = name_of(thing);
        if (at != NULL && strcmp(at, name) == 0) {
            return thing;
        }
    }
    return NULL;
}

/* Every thing of the list has a name, so that it is a set. */
static bool is_named(const json_t *list)
{
    size_t i;
    const json_t *thing;
    json_array_foreach(list, i, thing)
    {
        if (name_of(thing) == NULL) {
            return false;
        }
    }
    return json_is_array(list);
}

static void compare(json_t *list, const char *path, json_t *before, json_t *after);

static void compare_at(json_t *list, const char *path, const char *key, json_t *before,
                       json_t *after)
{
    char longer[PATH_SIZE];
    snprintf(longer, sizeof longer, "%s%s%s", path, path[0] != '\0' ? "." : "", key);
    compare(list, longer, before, after);
}

static void compare_named(json_t *list, const char *path, json_t *before, json_t *after)
{
    size_t i;
    json_t *thing;
    json_array_foreach(before, i, thing)
    {
        compare_at(list, path, name_of(thing), thing, find(after, name_of(thing)));
    }
    json_array_foreach(after, i, thing)
    {
        if (find(before, name_of(thing)) == NULL) {
            compare_at(list, path, name_of(thing), NULL, thing);
        }
    }
}

static void compare_objects(json_t *list, const char *path, json_t *before, json_t *after)
{
    const char *key;
    json_t *value;
    json_object_foreach(before, key, value)
    {
        compare_at(list, path, key, value, json_object_get(after, key));
    }
    json_object_foreach(after, key, value)
    {
        if (json_object_get(before, key) == NULL) {
            compare_at(list, path, key, NULL, value);
        }
    }
}

/* NULL: it is not there. As deep as a fleet is, which its schema bounds. */
static void compare(json_t *list, const char *path, json_t *before, json_t *after)
{
    if (json_is_object(before) && json_is_object(after)) {
        compare_objects(list, path, before, after);
    } else if (is_named(before) && is_named(after)) {
        compare_named(list, path, before, after);
    } else if (before == NULL || after == NULL || !json_equal(before, after)) {
        put(list, path, before, after);
    }
}

json_t *fleet_diff(const struct fleet *before, const struct fleet *after)
{
    json_t *from = json_of(before), *to = json_of(after), *list = json_array();
    if (from == NULL || to == NULL || list == NULL) {
        json_decref(list);
        list = NULL;
    } else {
        compare(list, "", from, to);
    }
    json_decref(from);
    json_decref(to);
    return list;
}

static void print_value(const json_t *value, FILE *out)
{
    char *text = json_dumps(value, JSON_ENCODE_ANY | JSON_COMPACT);
    const bool is_long = text != NULL && strlen(text) > VALUE_WIDTH;
    fprintf(out, "%.*s%s", VALUE_WIDTH, text != NULL ? text : "?", is_long ? "..." : "");
    free(text);
}

void fleet_diff_print(const json_t *differences, FILE *out)
{
    size_t i;
    const json_t *at;
    json_array_foreach(differences, i, at)
    {
        const json_t *before = json_object_get(at, "before"), *after = json_object_get(at, "after");
        const char *path = json_string_value(json_object_get(at, "path"));
        if (json_is_null(before) || json_is_null(after)) {
            fprintf(out, "  %c %s ", json_is_null(after) ? '-' : '+', path);
            print_value(json_is_null(after) ? before : after, out);
        } else {
            fprintf(out, "  ~ %s ", path);
            print_value(before, out);
            fputs(" -> ", out);
            print_value(after, out);
        }
        fputc('\n', out);
    }
}
