/* utf8.h: is a text valid UTF-8 without control characters, and where is it not? */
#ifndef SPILLWAY_CONFIG_UTF8_H
#define SPILLWAY_CONFIG_UTF8_H

#include <stddef.h>
#include <stdint.h>

enum utf8_fault { UTF8_OK, UTF8_INVALID, UTF8_CONTROL };

struct utf8_place {
    enum utf8_fault fault;
    size_t at;             /* byte offset of the fault, or the length */
    uint32_t line, column; /* from 1, in characters */
};

/* Bytes of the character at s (RFC 3629: shortest form, no surrogates, at most U+10FFFF), or 0 when
 * it is not one. n is at least 1. */
size_t utf8_length(const unsigned char *s, size_t n);
/* The first fault. Tab, line feed and carriage return are the control characters that may occur. */
struct utf8_place utf8_check(const char *text, size_t len);

#endif
