/* load_parse.c: what a service tells of its load: numbers, and what both formats have in common. */
#include "core/load_parse.h"

#include "core/load_text.h"

#include <string.h>

enum {
    MILLI = 3, /* rates are in thousandths */
    PPM = 6,
    MILLION = 1000000,
    DIGITS_MAX = 18, /* that a uint64_t holds; further ones behind the point do not matter */
    EXPONENT_MAX = 400,
};

bool cursor_word(struct cursor *c, const char *word)
{
    const char *at = c->at;
    while (*word != '\0' && at < c->end && *at == *word) {
        at++;
        word++;
    }
    if (*word != '\0')
        return false;
    c->at = at;
    return true;
}

static bool is_digit(const struct cursor *c)
{
    return c->at < c->end && *c->at >= '0' && *c->at <= '9';
}

/* Digits behind each other, as mantissa * 10^exponent. */
struct decimal {
    uint64_t mantissa;
    int exponent;
    int digits; /* of the mantissa, leading zeros left out */
};

/* All digits that come; returns how many. Behind the point each moves the exponent. */
static uint32_t take_digits(struct cursor *c, struct decimal *d, bool behind)
{
    uint32_t n = 0;
    for (; is_digit(c); c->at++, n++) {
        unsigned digit = (unsigned)(*c->at - '0');
        if (d->digits < DIGITS_MAX) {
            d->mantissa = d->mantissa * 10 + digit;
            d->digits += d->mantissa > 0;
            d->exponent -= behind;
        } else {
            d->exponent += !behind; /* too large for any of our bounds, or finer than them */
        }
    }
    return n;
}

static bool take_exponent(struct cursor *c, struct decimal *d)
{
    if (!cursor_take(c, 'e') && !cursor_take(c, 'E'))
        return true;
    bool negative = cursor_take(c, '-');
    if (!negative)
        (void)cursor_take(c, '+');
    if (!is_digit(c))
        return false;
    int exponent = 0;
    for (; is_digit(c); c->at++)
        if (exponent < EXPONENT_MAX)
            exponent = exponent * 10 + (*c->at - '0');
    d->exponent += negative ? -exponent : exponent;
    return true;
}

/* mantissa * 10^(exponent + shift), cut off; false above most. */
static bool scale(const struct decimal *d, int shift, uint64_t most, uint64_t *ret)
{
    uint64_t value = d->mantissa;
    int exponent = d->exponent + shift;
    for (; exponent < 0 && value > 0; exponent++)
        value /= 10;
    for (; exponent > 0 && value > 0; exponent--)
        if (__builtin_mul_overflow(value, 10, &value))
            return false;
    if (value > most)
        return false;
    *ret = value;
    return true;
}

bool cursor_number(struct cursor *c, enum number_form form, int shift, uint64_t most, uint64_t *ret)
{
    struct decimal d = {0};
    if (form == NUMBER_FLOAT)
        (void)cursor_take(c, '+');
    bool zero = cursor_is(c, '0');
    uint32_t before = take_digits(c, &d, false), behind = 0;
    bool point = cursor_take(c, '.');
    if (point)
        behind = take_digits(c, &d, true);
    if (before + behind == 0)
        return false;
    if (form == NUMBER_JSON && (before == 0 || (point && behind == 0) || (zero && before > 1)))
        return false;
    return take_exponent(c, &d) && scale(&d, shift, most, ret);
}

static bool draft_rate(struct cursor *c, enum number_form form, uint64_t *ret)
{
    return cursor_number(c, form, MILLI, LOAD_MAX_MRPS, ret);
}

bool draft_requests(struct load_draft *d, struct cursor *c, enum number_form form)
{
    if (d->requests)
        return false;
    d->requests = true;
    return draft_rate(c, form, &d->page.requests_mrps);
}

bool draft_errors(struct load_draft *d, struct cursor *c, enum number_form form)
{
    if (d->errors)
        return false;
    d->errors = true;
    return draft_rate(c, form, &d->page.errors_mrps);
}

bool draft_saturation(struct load_draft *d, struct cursor *c, enum number_form form)
{
    uint64_t ppm = 0;
    if (d->saturation || !cursor_number(c, form, PPM, MILLION, &ppm))
        return false;
    d->saturation = true;
    d->page.saturation_ppm = (uint32_t)ppm;
    return true;
}

bool draft_view(struct load_draft *d, const char *name, size_t size, struct cursor *c,
                enum number_form form)
{
    uint64_t mrps = 0;
    if (!draft_rate(c, form, &mrps))
        return false;
    for (uint16_t v = 0; v < d->fleet->view_count && size < FLEET_NAME_SIZE; v++) {
        const char *known = d->fleet->views[v].name;
        if (memcmp(known, name, size) != 0 || known[size] != '\0')
            continue;
        bool fresh = !d->page.views[v].valid;
        d->page.views[v] = (struct load_rate){true, mrps};
        return fresh;
    }
    return true;
}

int load_parse(enum load_format format, const char *text, size_t size, const struct fleet *f,
               struct load_page *ret)
{
    if (size > LOAD_PAGE_MAX)
        return ERR_TOO_LARGE;
    struct cursor c = {text, text + size};
    struct load_draft d = {.fleet = f};
    bool ok = false;
    switch (format) {
    case LOAD_JSON: ok = load_parse_json(&c, &d); break;
    case LOAD_PROMETHEUS: ok = load_parse_prometheus(&c, &d); break;
    }
    if (!ok || !d.requests || !d.errors || !d.saturation)
        return ERR_INVALID;
    *ret = d.page;
    return OK;
}
