/* report.h: a probe's report as bytes: packed protobuf columns (report.proto) in a signed envelope.
 *
 * The envelope is fixed and tiny, so that nothing of an unauthenticated sender reaches a parser:
 *
 *     u8 version (1), u8 n, n bytes of key id, 32 bytes HMAC-SHA-256, payload
 *
 * The MAC (RFC 2104, FIPS 198-1) covers everything but itself: version, n, key id, payload. */
#ifndef SPILLWAY_WIRE_REPORT_H
#define SPILLWAY_WIRE_REPORT_H

#include "model/report.h"

enum {
    REPORT_MAX_BYTES = 512 * 1024, /* of any encoded report */
    REPORT_MAX_KEYS = 2,           /* of one probe: during a rotation */
    REPORT_MIN_KEY_SIZE = 16,      /* bytes of secret */
};

/* One key that may sign an observer's reports. Borrowed for the call. */
struct report_key {
    const char *id; /* 1 to FLEET_NAME_SIZE - 1 bytes */
    const uint8_t *secret;
    size_t size;
};

/* Upper bound of the encoded size of a report about count targets with so many loads of so many
 * views. */
size_t report_size_bound(uint32_t count, uint32_t loads, uint32_t views);
/* Bytes of arena that opening any report about count targets can take, with any loads;
 * REPORT_MAX_TARGETS for any. */
size_t report_arena_size(uint32_t count);

/* Encodes and signs. ERR_FULL: room too small; ERR_INVALID: r or key breaks a rule; ERR_MEMORY;
 * ERR_IO: the cryptographic library failed. */
int report_encode(const struct report *r, const struct report_key *key, uint8_t *room, size_t size,
                  size_t *ret_size) MUST_CHECK;

/* Verifies the MAC with one of the keys (those of the IDC whose partition the report came from),
 * then decodes; nothing is decoded before. Observations and loads live in the arena. The caller
 * compares observer with the partition's IDC, and the fleet digest with its own; the numbers of
 * targets, loads and views are then for it to compare with the fleet's. ERR_UNAUTHENTIC: no such
 * key id, or the MAC does not match; ERR_VERSION: of the envelope; ERR_INVALID, ERR_TRUNCATED,
 * ERR_TOO_LARGE: damaged or out of bounds; ERR_FULL: arena; ERR_MEMORY; ERR_IO. */
int report_open(const uint8_t *data, size_t size, const struct report_key *keys, uint32_t key_count,
                struct arena *arena, struct report *ret_r) MUST_CHECK;

#endif
