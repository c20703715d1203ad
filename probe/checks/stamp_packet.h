/* stamp_packet.h: STAMP packets as bytes (RFC 8762 sections 4.2.1, 4.2.2, 4.3.1, 4.3.2, 4.4).
 *
 * Both sides' packets have 44 bytes in the unauthenticated mode and 112 in the authenticated one,
 * whose last 16 are HMAC-SHA-256, truncated to 128 bits, over the first 96 (six blocks). Longer
 * packets are taken by their first part, as section 4.6 and RFC 8972 need it. Must-be-zero fields
 * are zero when written and ignored when read. Timestamps are in NTP format (RFC 5905 section 6).
 */
#ifndef SPILLWAY_PROBE_CHECKS_STAMP_PACKET_H
#define SPILLWAY_PROBE_CHECKS_STAMP_PACKET_H

#include "base/error.h"

#include <stddef.h>
#include <stdint.h>
#include <time.h>

enum {
    STAMP_OPEN_SIZE = 44,
    STAMP_AUTH_SIZE = 112,
    STAMP_MAC_SIZE = 16,
    STAMP_MAX_SIZE = STAMP_AUTH_SIZE,
    /* Not known to be synchronised; good to 1 ms: multiplier 1, scale 22 (RFC 4656 section 4.1.2:
     * error = multiplier * 2^(scale - 32) seconds). */
    STAMP_ERROR_ESTIMATE = 22 << 8 | 1,
};

/* The session-sender's packet. */
struct stamp_request {
    uint32_t seq;
    uint64_t timestamp;
    uint16_t error_estimate;
};

/* The session-reflector's packet. */
struct stamp_answer {
    uint32_t seq;       /* the reflector's own count */
    uint64_t timestamp; /* when it sent */
    uint16_t error_estimate;
    uint64_t received; /* when it received */
    struct stamp_request request;
    uint8_t request_ttl;
};

/* The key of a link's packets; NULL in its place means the unauthenticated mode. */
struct stamp_mac;

int stamp_mac_new(const uint8_t *secret, size_t size, struct stamp_mac **ret) MUST_CHECK;
void stamp_mac_free(struct stamp_mac *mac);

/* Write a packet; *ret_size is its size. ERR_IO: the cryptographic library failed. */
int stamp_request_encode(const struct stamp_request *r, struct stamp_mac *mac,
                         uint8_t room[STAMP_MAX_SIZE], size_t *ret_size) MUST_CHECK;
int stamp_answer_encode(const struct stamp_answer *a, struct stamp_mac *mac,
                        uint8_t room[STAMP_MAX_SIZE], size_t *ret_size) MUST_CHECK;
/* Read a packet from outside. ERR_TRUNCATED; ERR_UNAUTHENTIC; ERR_INVALID: an error estimate with
 * multiplier 0, which RFC 4656 calls corrupt; ERR_IO. */
int stamp_request_decode(const uint8_t *data, size_t size, struct stamp_mac *mac,
                         struct stamp_request *ret) MUST_CHECK;
int stamp_answer_decode(const uint8_t *data, size_t size, struct stamp_mac *mac,
                        struct stamp_answer *ret) MUST_CHECK;

/* NTP format of a time since 1970, modulo its era. */
uint64_t stamp_time(struct timespec t);
/* a - b in microseconds, for times within 68 years of each other. */
int64_t stamp_time_diff_us(uint64_t a, uint64_t b);

#endif
