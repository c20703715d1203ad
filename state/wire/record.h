/* record.h: records of spillway.log as bytes: a protobuf envelope (record.proto) with the canonical
 * binary form inside where digests cover it (ADR 20).
 *
 * Decoding takes bytes from outside: every count, enum, string and index that can be checked
 * without the fleet is checked, unknown fields are tolerated, and memory is bounded by the number
 * of bytes given. */
#ifndef SPILLWAY_WIRE_RECORD_H
#define SPILLWAY_WIRE_RECORD_H

#include "model/record.h"

/* Encodes r into room. ERR_FULL: size bytes do not suffice (record_size_bound() always does);
 * ERR_INVALID: r breaks a rule that decoding checks; ERR_MEMORY. */
int record_encode(const struct record *r, uint8_t *room, size_t size, size_t *ret_size) MUST_CHECK;

/* Decodes size bytes; arrays and byte strings of *ret_r live in the arena, of which
 * record_arena_size(size) bytes are always enough. ERR_VERSION: a kind that this version does not
 * know; ERR_INVALID, ERR_TRUNCATED, ERR_TOO_LARGE: damaged; ERR_FULL: the arena is too small;
 * ERR_MEMORY. */
int record_decode(const uint8_t *data, size_t size, struct arena *arena,
                  struct record *ret_r) MUST_CHECK;

/* Bytes of arena that decoding any record of this many bytes can take. */
size_t record_arena_size(size_t encoded_size);
/* Upper bound of the encoded size of any record that a fleet of this shape can need; `fleet check`
 * prints it for the topic's max.message.bytes. May exceed RECORD_MAX_BYTES: then the fleet is too
 * large. */
size_t record_size_bound(const struct fleet *f);

#endif
