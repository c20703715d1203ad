/* feature_file.c: the flagd flag definition JSON of one IDC: writer and strict reader. */
#include "actuate/feature_file.h"

#include "base/bug.h"

#include "base/text.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

static const char schema_uri[] = "https://flagd.dev/schema/v0/flags.json";

enum { FLAG_KEY_SIZE = 2 * FLEET_NAME_SIZE };

void feature_file_done(struct feature_file *f)
{
    free(f->flags);
    *f = (struct feature_file){0};
}

int feature_file_wanted(const struct fleet *f, const struct plan *p, uint16_t idc,
                        struct feature_file *ret_file)
{
    uint32_t count = 0;
    for (uint16_t s = 0; s < f->service_count; s++)
        count += f->services[s].feature_count;
    struct feature_flag *flags = calloc(count > 0 ? count : 1, sizeof(*flags));
    if (flags == NULL)
        return ERR_MEMORY;
    uint32_t n = 0;
    for (uint16_t s = 0; s < f->service_count; s++) {
        const struct service *service = &f->services[s];
        uint8_t limit = *plan_tier_limit(p, f->idcs[idc].region, s);
        for (uint16_t i = 0; i < service->feature_count; i++) {
            struct feature_flag *flag = &flags[n++];
            memcpy(flag->service, service->name, sizeof(flag->service));
            memcpy(flag->feature, service->features[i].name, sizeof(flag->feature));
            flag->tier = service->features[i].tier;
            flag->on = BUG(CORE_FEATURE) ? flag->tier < limit : flag->tier <= limit;
        }
    }
    *ret_file = (struct feature_file){.fence = p->fence, .flag_count = count, .flags = flags};
    return OK;
}

static void flag_key(const struct feature_flag *flag, char ret_key[FLAG_KEY_SIZE])
{
    struct text t = text_over(ret_key, FLAG_KEY_SIZE);
    text_put(&t, flag->service);
    text_put(&t, ".");
    text_put(&t, flag->feature);
}

/* Takes over value; false when anything failed. */
static bool put(json_t *object, const char *key, json_t *value)
{
    return json_object_set_new(object, key, value) == 0;
}

static json_t *flag_to_json(const struct feature_flag *flag)
{
    return json_pack("{s:s, s:{s:b, s:b}, s:s, s:{s:s, s:s, s:i}}", "state", "ENABLED", "variants",
                     "on", 1, "off", 0, "defaultVariant", flag->on ? "on" : "off", "metadata",
                     "service", flag->service, "feature", flag->feature, "tier", (int)flag->tier);
}

static json_t *metadata_to_json(const struct feature_file *file, const char *flag_set)
{
    char fence[FENCE_TEXT_SIZE], hold[HOLD_TEXT_SIZE], version[32];
    fence_text_format(&file->fence, fence);
    struct text t = text_over(version, sizeof(version));
    text_put_int(&t, (int64_t)file->fence.generation);
    json_t *metadata =
        json_pack("{s:s, s:s, s:s}", "flagSetId", flag_set, "version", version, "fence", fence);
    bool held = file->hold.id != 0;
    if (held &&
        (hold_text_format(&file->hold, hold) < 0 || !put(metadata, "hold", json_string(hold)))) {
        json_decref(metadata);
        return NULL;
    }
    return metadata;
}

int feature_file_print(const struct feature_file *file, const char *flag_set, char **ret_text,
                       size_t *ret_len)
{
    json_t *flags = json_object();
    bool ok = flags != NULL;
    for (uint32_t i = 0; ok && i < file->flag_count; i++) {
        char key[FLAG_KEY_SIZE];
        flag_key(&file->flags[i], key);
        ok = put(flags, key, flag_to_json(&file->flags[i]));
    }
    json_t *root = json_object();
    ok = ok && put(root, "$schema", json_string(schema_uri));
    ok = ok && put(root, "metadata", metadata_to_json(file, flag_set));
    ok = ok && put(root, "flags", json_incref(flags));
    char *text = ok ? json_dumps(root, JSON_INDENT(2)) : NULL;
    json_decref(flags);
    json_decref(root);
    if (text == NULL)
        return ERR_MEMORY;
    *ret_text = text;
    *ret_len = strlen(text);
    return OK;
}

/* A string member that is shorter than size, or NULL. */
static const char *string_member(const json_t *object, const char *key, size_t size)
{
    json_t *value = json_object_get(object, key);
    if (!json_is_string(value) || json_string_length(value) >= size)
        return NULL;
    return json_string_value(value);
}

static bool read_name(const json_t *object, const char *key, char ret_name[FLEET_NAME_SIZE])
{
    const char *name = string_member(object, key, FLEET_NAME_SIZE);
    if (name == NULL || name[0] == '\0')
        return false;
    memcpy(ret_name, name, text_length(name) + 1);
    return true;
}

static bool flag_from_json(const char *key, const json_t *json, struct feature_flag *flag)
{
    const json_t *metadata = json_object_get(json, "metadata");
    const json_t *variants = json_object_get(json, "variants");
    const char *state = string_member(json, "state", 16);
    const char *variant = string_member(json, "defaultVariant", 16);
    const json_t *tier = json_object_get(metadata, "tier");
    if (json_object_size(json) != 4 || json_object_size(metadata) != 3 ||
        json_object_size(variants) != 2 || state == NULL || !text_equal(state, "ENABLED") ||
        variant == NULL || !json_is_integer(tier) || json_integer_value(tier) < 0 ||
        json_integer_value(tier) > FLEET_MAX_TIER)
        return false;
    if (!json_is_true(json_object_get(variants, "on")) ||
        !json_is_false(json_object_get(variants, "off")))
        return false;
    flag->on = text_equal(variant, "on");
    if (!flag->on && !text_equal(variant, "off"))
        return false;
    flag->tier = (uint8_t)json_integer_value(tier);
    char expected[FLAG_KEY_SIZE];
    if (!read_name(metadata, "service", flag->service) ||
        !read_name(metadata, "feature", flag->feature))
        return false;
    flag_key(flag, expected);
    return text_equal(expected, key);
}

static int metadata_from_json(const json_t *json, struct feature_file *file)
{
    const char *fence = string_member(json, "fence", FENCE_TEXT_SIZE);
    const json_t *hold_json = json_object_get(json, "hold");
    const char *flag_set = string_member(json, "flagSetId", sizeof(file->flag_set));
    size_t members = hold_json == NULL ? 3 : 4;
    if (fence == NULL || json_object_size(json) != members || flag_set == NULL ||
        string_member(json, "version", 32) == NULL)
        return ERR_CORRUPT;
    memcpy(file->flag_set, flag_set, text_length(flag_set) + 1);
    int status = fence_text_parse(fence, text_length(fence), &file->fence);
    if (status != OK)
        return status == ERR_VERSION ? ERR_VERSION : ERR_CORRUPT;
    if (hold_json == NULL)
        return OK;
    const char *hold = string_member(json, "hold", HOLD_TEXT_SIZE);
    if (hold == NULL || hold_text_parse(hold, text_length(hold), &file->hold) != OK)
        return ERR_CORRUPT;
    return OK;
}

static int file_from_json(const json_t *root, struct feature_file *file)
{
    json_t *flags = json_object_get(root, "flags");
    const char *schema = string_member(root, "$schema", sizeof(schema_uri));
    if (json_object_size(root) != 3 || schema == NULL || !text_equal(schema, schema_uri) ||
        !json_is_object(flags) ||
        json_object_size(flags) > (size_t)FLEET_MAX_SERVICES * FLEET_MAX_FEATURES)
        return ERR_CORRUPT;
    int status = metadata_from_json(json_object_get(root, "metadata"), file);
    if (status != OK)
        return status;
    size_t count = json_object_size(flags);
    file->flags = calloc(count > 0 ? count : 1, sizeof(*file->flags));
    if (file->flags == NULL)
        return ERR_MEMORY;
    const char *key;
    json_t *value;
    json_object_foreach(flags, key, value)
    {
        if (!flag_from_json(key, value, &file->flags[file->flag_count++]))
            return ERR_CORRUPT;
    }
    return OK;
}

int feature_file_parse(const char *text, size_t len, struct feature_file *ret_file)
{
    json_t *root = json_loadb(text, len, JSON_REJECT_DUPLICATES, NULL);
    if (root == NULL)
        return ERR_CORRUPT;
    struct feature_file file = {0};
    int status = file_from_json(root, &file);
    json_decref(root);
    if (status != OK) {
        feature_file_done(&file);
        return status;
    }
    *ret_file = file;
    return OK;
}

bool feature_file_equal(const struct feature_file *a, const struct feature_file *b)
{
    if (fence_compare(&a->fence, &b->fence) != FENCE_EQUAL || a->flag_count != b->flag_count ||
        a->hold.id != b->hold.id)
        return false;
    for (uint32_t i = 0; i < a->flag_count; i++) {
        const struct feature_flag *x = &a->flags[i], *y = &b->flags[i];
        if (x->tier != y->tier || x->on != y->on || !text_equal(x->service, y->service) ||
            !text_equal(x->feature, y->feature))
            return false;
    }
    return true;
}
