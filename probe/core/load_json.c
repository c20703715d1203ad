/* load_json.c: a load page in JSON (RFC 8259): one flat object, and the views in another. */
#include "core/load_text.h"

#include <string.h>

static void skip_space(struct cursor *c)
{
    while (cursor_is(c, ' ') || cursor_is(c, '\t') || cursor_is(c, '\r') || cursor_is(c, '\n'))
        c->at++;
}

static bool take(struct cursor *c, char what)
{
    skip_space(c);
    return cursor_take(c, what);
}

/* A key, and the colon behind it. Our keys and the fleet's names need no escapes. */
static bool take_key(struct cursor *c, const char **ret_at, size_t *ret_size)
{
    if (!take(c, '"'))
        return false;
    const char *at = c->at;
    while (c->at < c->end && *c->at != '"' && *c->at != '\\' && (unsigned char)*c->at >= 0x20)
        c->at++;
    *ret_at = at;
    *ret_size = (size_t)(c->at - at);
    if (!cursor_take(c, '"') || !take(c, ':'))
        return false;
    skip_space(c);
    return true;
}

/* Another member (true) or the end of the object (*ret_ended). */
static bool take_next(struct cursor *c, bool *ret_ended)
{
    *ret_ended = take(c, '}');
    return *ret_ended || take(c, ',');
}

static bool take_views(struct cursor *c, struct load_draft *d)
{
    bool ended = false;
    if (!take(c, '{'))
        return false;
    if (take(c, '}'))
        return true;
    while (!ended) {
        const char *name;
        size_t size;
        if (!take_key(c, &name, &size) || !draft_view(d, name, size, c, NUMBER_JSON) ||
            !take_next(c, &ended))
            return false;
    }
    return true;
}

static bool is_key(const char *at, size_t size, const char *key, size_t key_size)
{
    return size == key_size && memcmp(at, key, size) == 0;
}

#define IS_KEY(at, size, key) is_key(at, size, key, sizeof(key) - 1)

bool load_parse_json(struct cursor *c, struct load_draft *d)
{
    bool ended = false, views = false;
    if (!take(c, '{'))
        return false;
    while (!ended) {
        const char *at;
        size_t size;
        bool ok = take_key(c, &at, &size);
        if (!ok)
            return false;
        if (IS_KEY(at, size, "requests_per_s"))
            ok = draft_requests(d, c, NUMBER_JSON);
        else if (IS_KEY(at, size, "errors_per_s"))
            ok = draft_errors(d, c, NUMBER_JSON);
        else if (IS_KEY(at, size, "saturation"))
            ok = draft_saturation(d, c, NUMBER_JSON);
        else if (IS_KEY(at, size, "views") && !views)
            ok = views = take_views(c, d);
        else
            ok = false;
        if (!ok || !take_next(c, &ended))
            return false;
    }
    skip_space(c);
    return c->at == c->end;
}
