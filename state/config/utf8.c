/* utf8.c: validation of UTF-8 (RFC 3629). */
#include "config/utf8.h"

#include <stdbool.h>

static bool follows(const unsigned char *s, size_t n, size_t i, unsigned low, unsigned high)
{
    return i < n && s[i] >= low && s[i] <= high;
}

size_t utf8_length(const unsigned char *s, size_t n)
{
    const unsigned c = s[0];
    if (c < 0x80) {
        return 1;
    }
    if (c >= 0xc2 && c <= 0xdf) {
        return follows(s, n, 1, 0x80, 0xbf) ? 2 : 0;
    }
    if (c >= 0xe0 && c <= 0xef) {
        const unsigned low = c == 0xe0 ? 0xa0 : 0x80, high = c == 0xed ? 0x9f : 0xbf;
        return follows(s, n, 1, low, high) && follows(s, n, 2, 0x80, 0xbf) ? 3 : 0;
    }
    if (c >= 0xf0 && c <= 0xf4) {
        const unsigned low = c == 0xf0 ? 0x90 : 0x80, high = c == 0xf4 ? 0x8f : 0xbf;
        return follows(s, n, 1, low, high) && follows(s, n, 2, 0x80, 0xbf) &&
                       follows(s, n, 3, 0x80, 0xbf)
                   ? 4
                   : 0;
    }
    return 0;
}

/* C0 and C1 control characters and DEL; the line separators that only YAML knows are among the
 * rest. */
static bool is_control(const unsigned char *s)
{
    if (s[0] < 0x20) {
        return s[0] != '\t' && s[0] != '\n' && s[0] != '\r';
    }
    return s[0] == 0x7f || (s[0] == 0xc2 && s[1] < 0xa0);
}

struct utf8_place utf8_check(const char *text, size_t len)
{
    const unsigned char *s = (const unsigned char *)text;
    struct utf8_place p = {.fault = UTF8_OK, .at = 0, .line = 1, .column = 1};
    while (p.at < len) {
        const size_t n = utf8_length(s + p.at, len - p.at);
        if (n == 0) {
            p.fault = UTF8_INVALID;
            return p;
        }
        if (is_control(s + p.at)) {
            p.fault = UTF8_CONTROL;
            return p;
        }
        if (s[p.at] == '\n') {
            p.line++;
            p.column = 1;
        } else {
            p.column++;
        }
        p.at += n;
    }
    return p;
}
