/* fence_text.h: the one text form of fences and holds: in DNS TXT records, feature files, and the
 * route helper's state file (ADR: fence text).
 *
 *     v=1 era=<n> log=<32 hex> gen=<n> digest=<64 hex>
 *     hold=<n> who=<token> why=<text>
 *
 * Strict: exactly these fields in this order, one space between them, lower case hex, decimal
 * numbers without sign, leading zeros or overflow. There is one text for a fence, so equality of
 * fences is equality of bytes, which is what a value-dependent prerequisite (RFC 2136
 * section 2.4.2) compares. */
#ifndef SPILLWAY_ACTUATE_FENCE_TEXT_H
#define SPILLWAY_ACTUATE_FENCE_TEXT_H

#include "model/plan.h"

enum {
    FENCE_TEXT_SIZE = 192, /* bytes, NUL included; the longest fence takes 164 */
    HOLD_TEXT_SIZE = 256,  /* with NUL; a TXT character-string carries 255 bytes */
    HOLD_WHO_SIZE = 65,
    HOLD_WHY_SIZE = 161,
};

/* A person's break-glass hold on what the fence guards; id 0: none. */
struct fence_hold {
    uint32_t id;
    char who[HOLD_WHO_SIZE]; /* visible ASCII, no space, '"' or '\' */
    char why[HOLD_WHY_SIZE]; /* visible ASCII and spaces, no '"' or '\' */
};

/* Writes the fence's text, NUL-terminated; returns its length. */
size_t fence_text_format(const struct fence *f, char ret_text[FENCE_TEXT_SIZE]);
/* ERR_INVALID for anything but exactly one fence; ERR_VERSION for another version than 1. */
int fence_text_parse(const char *text, size_t len, struct fence *ret_fence) MUST_CHECK;

/* Writes the hold's text; returns its length, or ERR_INVALID when who or why do not fit the form.
 */
int hold_text_format(const struct fence_hold *h, char ret_text[HOLD_TEXT_SIZE]) MUST_CHECK;
int hold_text_parse(const char *text, size_t len, struct fence_hold *ret_hold) MUST_CHECK;

#endif
