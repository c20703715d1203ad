/* check.h: the rules that every record obeys on the wire, checked before encoding and after
 * decoding, so that nothing is written that cannot be read. Internal. */
#ifndef SPILLWAY_WIRE_CHECK_H
#define SPILLWAY_WIRE_CHECK_H

#include "model/record.h"

/* OK; ERR_VERSION: a kind or command that this version does not know; ERR_TOO_LARGE: a count;
 * ERR_INVALID. */
int record_check(const struct record *r) MUST_CHECK;
/* Well-formed UTF-8 (RFC 3629) without control characters. */
bool text_is_clean(const uint8_t *at, size_t size);

#endif
