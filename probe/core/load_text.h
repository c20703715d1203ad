/* load_text.h: a cursor over a page of text, and decimal numbers read exactly. Internal. */
#ifndef SPILLWAY_PROBE_CORE_LOAD_TEXT_H
#define SPILLWAY_PROBE_CORE_LOAD_TEXT_H

#include "core/load_parse.h"

struct cursor {
    const char *at, *end;
};

static inline bool cursor_is(const struct cursor *c, char what)
{
    return c->at < c->end && *c->at == what;
}

static inline bool cursor_take(struct cursor *c, char what)
{
    bool is = cursor_is(c, what);
    c->at += is;
    return is;
}

/* Takes the word when it comes next. */
bool cursor_word(struct cursor *c, const char *word);

enum number_form {
    NUMBER_JSON,  /* RFC 8259 section 6 */
    NUMBER_FLOAT, /* also a leading plus or zeros, and no digits on one side of the point */
};

/* A decimal number, times 10^shift, cut off below; not negative. False when there is none, or it
 * exceeds most. */
bool cursor_number(struct cursor *c, enum number_form form, int shift, uint64_t most,
                   uint64_t *ret);

/* What is known of a page so far. */
struct load_draft {
    const struct fleet *fleet;
    struct load_page page;
    bool requests, errors, saturation;
};

bool draft_requests(struct load_draft *d, struct cursor *c, enum number_form form);
bool draft_errors(struct load_draft *d, struct cursor *c, enum number_form form);
bool draft_saturation(struct load_draft *d, struct cursor *c, enum number_form form);
/* The requests of the view with this name (of size bytes). */
bool draft_view(struct load_draft *d, const char *name, size_t size, struct cursor *c,
                enum number_form form);

bool load_parse_json(struct cursor *c, struct load_draft *d);
bool load_parse_prometheus(struct cursor *c, struct load_draft *d);

#endif
