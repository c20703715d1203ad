/* load_prometheus.c: a load page in Prometheus' text exposition format: our gauges, line by line.
 */
#include "core/load_text.h"

static void skip_blanks(struct cursor *c)
{
    while (cursor_is(c, ' ') || cursor_is(c, '\t'))
        c->at++;
}

/* A metric's name goes on with what names consist of. */
static bool name_goes_on(const struct cursor *c)
{
    if (c->at == c->end)
        return false;
    char at = *c->at;
    return at == '_' || at == ':' || (at >= '0' && at <= '9') || (at >= 'a' && at <= 'z') ||
           (at >= 'A' && at <= 'Z');
}

static bool take_name(struct cursor *c, const char *name)
{
    struct cursor ahead = *c;
    if (!cursor_word(&ahead, name) || name_goes_on(&ahead))
        return false;
    *c = ahead;
    return true;
}

/* {} or nothing. */
static bool take_no_labels(struct cursor *c)
{
    skip_blanks(c);
    if (!cursor_take(c, '{'))
        return true;
    skip_blanks(c);
    return cursor_take(c, '}');
}

/* {view="NAME"}, a comma behind it allowed. The fleet's names need no escapes. */
static bool take_view_label(struct cursor *c, const char **ret_at, size_t *ret_size)
{
    skip_blanks(c);
    if (!cursor_take(c, '{'))
        return false;
    skip_blanks(c);
    if (!take_name(c, "view"))
        return false;
    skip_blanks(c);
    if (!cursor_take(c, '='))
        return false;
    skip_blanks(c);
    if (!cursor_take(c, '"'))
        return false;
    *ret_at = c->at;
    while (c->at < c->end && *c->at != '"' && *c->at != '\\' && *c->at != '\n')
        c->at++;
    *ret_size = (size_t)(c->at - *ret_at);
    if (!cursor_take(c, '"'))
        return false;
    skip_blanks(c);
    (void)cursor_take(c, ',');
    skip_blanks(c);
    return cursor_take(c, '}');
}

/* Behind a value: perhaps a timestamp, then the end of the line. */
static bool take_line_end(struct cursor *c)
{
    skip_blanks(c);
    if (cursor_is(c, '-') || (c->at < c->end && *c->at >= '0' && *c->at <= '9')) {
        uint64_t when;
        (void)cursor_take(c, '-');
        if (!cursor_number(c, NUMBER_FLOAT, 0, UINT64_MAX, &when))
            return false;
        skip_blanks(c);
    }
    (void)cursor_take(c, '\r');
    return cursor_take(c, '\n');
}

static void skip_line(struct cursor *c)
{
    while (c->at < c->end && *c->at != '\n')
        c->at++;
    (void)cursor_take(c, '\n');
}

static bool take_value(struct cursor *c, struct load_draft *d,
                       bool (*draft)(struct load_draft *, struct cursor *, enum number_form))
{
    if (!take_no_labels(c))
        return false;
    skip_blanks(c);
    return draft(d, c, NUMBER_FLOAT) && take_line_end(c);
}

static bool take_view(struct cursor *c, struct load_draft *d)
{
    const char *name;
    size_t size;
    if (!take_view_label(c, &name, &size))
        return false;
    skip_blanks(c);
    return draft_view(d, name, size, c, NUMBER_FLOAT) && take_line_end(c);
}

static bool take_line(struct cursor *c, struct load_draft *d)
{
    skip_blanks(c);
    if (take_name(c, "spillway_requests_per_second"))
        return take_value(c, d, draft_requests);
    if (take_name(c, "spillway_errors_per_second"))
        return take_value(c, d, draft_errors);
    if (take_name(c, "spillway_saturation_ratio"))
        return take_value(c, d, draft_saturation);
    if (take_name(c, "spillway_view_requests_per_second"))
        return take_view(c, d);
    skip_line(c);
    return true;
}

bool load_parse_prometheus(struct cursor *c, struct load_draft *d)
{
    if (c->at == c->end || c->end[-1] != '\n')
        return false; /* the format ends in a line feed: this page was cut */
    while (c->at < c->end)
        if (!take_line(c, d))
            return false;
    return true;
}
