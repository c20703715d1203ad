/* sha256.h: SHA-256 (FIPS 180-4) for digests inside the pure core, which may call no library (ADR
 * 2). Secrets (MACs, TSIG) use OpenSSL at the rim, not this. */
#ifndef SPILLWAY_BASE_SHA256_H
#define SPILLWAY_BASE_SHA256_H

#include <stddef.h>
#include <stdint.h>

#define DIGEST_SIZE 32

struct digest {
    uint8_t bytes[DIGEST_SIZE];
};

struct sha256 {
    uint32_t h[8];
    uint64_t length; /* bytes so far */
    uint8_t block[64];
    size_t fill; /* bytes waiting in block, below 64 */
};

void sha256_init(struct sha256 *s);
void sha256_update(struct sha256 *s, const void *data, size_t len);
struct digest sha256_final(struct sha256 *s);
/* One call for one piece of data. */
struct digest sha256_of(const void *data, size_t len);
/* 0 when equal. */
int digest_compare(const struct digest *a, const struct digest *b);

#endif
