/* text.h: building short texts in a fixed buffer without stdio, for the pure core's sentences. */
#ifndef SPILLWAY_BASE_TEXT_H
#define SPILLWAY_BASE_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct text {
    char *at;       /* always terminated by NUL while size > 0 */
    size_t size;    /* bytes of room, NUL included */
    size_t len;     /* bytes written, NUL excluded */
    bool truncated; /* something did not fit; what fitted is kept */
};

/* Starts an empty text over room of the caller. */
struct text text_over(char *room, size_t size);
void text_put(struct text *t, const char *s);
void text_put_n(struct text *t, const char *s, size_t n);
void text_put_int(struct text *t, int64_t v);
/* A duration for people: "350 us", "150 ms", "2.5 s", "3 min". */
void text_put_duration(struct text *t, int64_t us);
/* A share for people, from parts per million: "12.5 %". */
void text_put_share(struct text *t, int64_t ppm);
void text_put_hex(struct text *t, const uint8_t *bytes, size_t n);

/* Length of a NUL-terminated string. */
size_t text_length(const char *s);
/* True when equal; the pure core's strcmp() == 0. */
bool text_equal(const char *a, const char *b);

#endif
