/* text.c: fixed-buffer text without stdio. */
#include "base/text.h"

#include <string.h>

struct text text_over(char *room, size_t size)
{
    if (size > 0) {
        room[0] = '\0';
    }
    return (struct text){.at = room, .size = size};
}

size_t text_length(const char *s)
{
    size_t n = 0;
    while (s[n] != '\0') {
        n++;
    }
    return n;
}

bool text_equal(const char *a, const char *b)
{
    while (*a != '\0' && *a == *b) {
        a++;
        b++;
    }
    return *a == *b;
}

void text_put_n(struct text *t, const char *s, size_t n)
{
    size_t room = t->size > 0 ? t->size - 1 - t->len : 0;
    if (n > room) {
        n = room;
        t->truncated = true;
    }
    if (t->size == 0) {
        return;
    }
    memcpy(t->at + t->len, s, n);
    t->len += n;
    t->at[t->len] = '\0';
}

void text_put(struct text *t, const char *s)
{
    text_put_n(t, s, text_length(s));
}

void text_put_int(struct text *t, int64_t v)
{
    char digits[21];
    size_t at = sizeof digits;
    uint64_t u = v < 0 ? 0 - (uint64_t)v : (uint64_t)v;
    do {
        digits[--at] = (char)('0' + u % 10);
        u /= 10;
    } while (u > 0);
    if (v < 0) {
        digits[--at] = '-';
    }
    text_put_n(t, digits + at, sizeof digits - at);
}

/* value / scale with one decimal, left away when it is zero. */
static void put_decimal(struct text *t, int64_t value, int64_t scale)
{
    text_put_int(t, value / scale);
    int64_t tenth = value % scale * 10 / scale;
    if (tenth != 0) {
        text_put(t, ".");
        text_put_int(t, tenth < 0 ? -tenth : tenth);
    }
}

void text_put_duration(struct text *t, int64_t us)
{
    if (us < 1000) {
        text_put_int(t, us);
        text_put(t, " us");
    } else if (us < 1000000) {
        put_decimal(t, us, 1000);
        text_put(t, " ms");
    } else if (us < INT64_C(120000000)) {
        put_decimal(t, us, 1000000);
        text_put(t, " s");
    } else {
        text_put_int(t, us / INT64_C(60000000));
        text_put(t, " min");
    }
}

void text_put_share(struct text *t, int64_t ppm)
{
    put_decimal(t, ppm, 10000);
    text_put(t, " %");
}

void text_put_hex(struct text *t, const uint8_t *bytes, size_t n)
{
    static const char digit[] = "0123456789abcdef";
    for (size_t i = 0; i < n; i++) {
        const char pair[2] = {digit[bytes[i] >> 4], digit[bytes[i] & 15]};
        text_put_n(t, pair, sizeof pair);
    }
}
