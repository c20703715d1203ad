/* stamp_packet.c: STAMP packets as bytes (RFC 8762 sections 4.2.1, 4.2.2, 4.3.1, 4.3.2, 4.4). */
#include "checks/stamp_packet.h"

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/params.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

/* Where each field is. The two modes differ only in this. */
struct layout {
    size_t size, timestamp, error, received, request_seq, request_timestamp, request_error, ttl;
};

static const struct layout open_layout = {STAMP_OPEN_SIZE, 4, 12, 16, 24, 28, 36, 40};
static const struct layout auth_layout = {STAMP_AUTH_SIZE, 16, 24, 32, 48, 64, 72, 80};

enum { SIGNED_SIZE = STAMP_AUTH_SIZE - STAMP_MAC_SIZE };

struct stamp_mac {
    EVP_MAC_CTX *ctx;
};

int stamp_mac_new(const uint8_t *secret, size_t size, struct stamp_mac **ret)
{
    struct stamp_mac *mac = calloc(1, sizeof(*mac));
    if (mac == NULL)
        return ERR_MEMORY;
    EVP_MAC *algorithm = EVP_MAC_fetch(NULL, "HMAC", NULL);
    mac->ctx = algorithm != NULL ? EVP_MAC_CTX_new(algorithm) : NULL;
    EVP_MAC_free(algorithm);
    char sha256[] = "SHA256";
    const OSSL_PARAM params[] = {
        OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, sha256, 0),
        OSSL_PARAM_construct_end(),
    };
    if (mac->ctx == NULL || EVP_MAC_init(mac->ctx, secret, size, params) != 1) {
        stamp_mac_free(mac);
        return ERR_IO;
    }
    *ret = mac;
    return OK;
}

void stamp_mac_free(struct stamp_mac *mac)
{
    if (mac == NULL)
        return;
    EVP_MAC_CTX_free(mac->ctx);
    free(mac);
}

static int mac_of(struct stamp_mac *mac, const uint8_t *data, uint8_t ret[STAMP_MAC_SIZE])
{
    uint8_t full[32];
    size_t size = 0;
    /* Without a key, EVP_MAC_init starts again with the one it has. */
    if (EVP_MAC_init(mac->ctx, NULL, 0, NULL) != 1 ||
        EVP_MAC_update(mac->ctx, data, SIGNED_SIZE) != 1 ||
        EVP_MAC_final(mac->ctx, full, &size, sizeof(full)) != 1 || size != sizeof(full))
        return ERR_IO;
    memcpy(ret, full, STAMP_MAC_SIZE);
    return OK;
}

static void put_number(uint8_t *at, uint64_t v, size_t bytes)
{
    for (size_t i = bytes; i-- > 0; v >>= 8)
        at[i] = (uint8_t)v;
}

static uint64_t get_number(const uint8_t *at, size_t bytes)
{
    uint64_t v = 0;
    for (size_t i = 0; i < bytes; i++)
        v = v << 8 | at[i];
    return v;
}

static const struct layout *layout_of(const struct stamp_mac *mac)
{
    return mac != NULL ? &auth_layout : &open_layout;
}

static int sign(struct stamp_mac *mac, uint8_t *packet)
{
    return mac != NULL ? mac_of(mac, packet, packet + SIGNED_SIZE) : OK;
}

static int verify(struct stamp_mac *mac, const uint8_t *packet, size_t size)
{
    if (size < layout_of(mac)->size)
        return ERR_TRUNCATED;
    if (mac == NULL)
        return OK;
    uint8_t expected[STAMP_MAC_SIZE];
    int status = mac_of(mac, packet, expected);
    if (status != OK)
        return status;
    return CRYPTO_memcmp(expected, packet + SIGNED_SIZE, STAMP_MAC_SIZE) == 0 ? OK
                                                                              : ERR_UNAUTHENTIC;
}

int stamp_request_encode(const struct stamp_request *r, struct stamp_mac *mac,
                         uint8_t room[STAMP_MAX_SIZE], size_t *ret_size)
{
    const struct layout *at = layout_of(mac);
    memset(room, 0, at->size);
    put_number(room, r->seq, 4);
    put_number(room + at->timestamp, r->timestamp, 8);
    put_number(room + at->error, r->error_estimate, 2);
    int status = sign(mac, room);
    if (status == OK)
        *ret_size = at->size;
    return status;
}

int stamp_answer_encode(const struct stamp_answer *a, struct stamp_mac *mac,
                        uint8_t room[STAMP_MAX_SIZE], size_t *ret_size)
{
    const struct layout *at = layout_of(mac);
    memset(room, 0, at->size);
    put_number(room, a->seq, 4);
    put_number(room + at->timestamp, a->timestamp, 8);
    put_number(room + at->error, a->error_estimate, 2);
    put_number(room + at->received, a->received, 8);
    put_number(room + at->request_seq, a->request.seq, 4);
    put_number(room + at->request_timestamp, a->request.timestamp, 8);
    put_number(room + at->request_error, a->request.error_estimate, 2);
    room[at->ttl] = a->request_ttl;
    int status = sign(mac, room);
    if (status == OK)
        *ret_size = at->size;
    return status;
}

static bool estimate_valid(uint16_t error_estimate)
{
    return (error_estimate & 0xff) != 0;
}

int stamp_request_decode(const uint8_t *data, size_t size, struct stamp_mac *mac,
                         struct stamp_request *ret)
{
    const struct layout *at = layout_of(mac);
    int status = verify(mac, data, size);
    if (status != OK)
        return status;
    struct stamp_request r = {
        .seq = (uint32_t)get_number(data, 4),
        .timestamp = get_number(data + at->timestamp, 8),
        .error_estimate = (uint16_t)get_number(data + at->error, 2),
    };
    if (!estimate_valid(r.error_estimate))
        return ERR_INVALID;
    *ret = r;
    return OK;
}

int stamp_answer_decode(const uint8_t *data, size_t size, struct stamp_mac *mac,
                        struct stamp_answer *ret)
{
    const struct layout *at = layout_of(mac);
    int status = verify(mac, data, size);
    if (status != OK)
        return status;
    struct stamp_answer a = {
        .seq = (uint32_t)get_number(data, 4),
        .timestamp = get_number(data + at->timestamp, 8),
        .error_estimate = (uint16_t)get_number(data + at->error, 2),
        .received = get_number(data + at->received, 8),
        .request = {.seq = (uint32_t)get_number(data + at->request_seq, 4),
                    .timestamp = get_number(data + at->request_timestamp, 8),
                    .error_estimate = (uint16_t)get_number(data + at->request_error, 2)},
        .request_ttl = data[at->ttl],
    };
    if (!estimate_valid(a.error_estimate) || !estimate_valid(a.request.error_estimate))
        return ERR_INVALID;
    *ret = a;
    return OK;
}

uint64_t stamp_time(struct timespec t)
{
    const uint64_t ntp_minus_unix_s = UINT64_C(2208988800);
    uint64_t fraction = ((uint64_t)t.tv_nsec << 32) / UINT64_C(1000000000);
    return ((uint64_t)t.tv_sec + ntp_minus_unix_s) << 32 | fraction;
}

int64_t stamp_time_diff_us(uint64_t a, uint64_t b)
{
    int64_t d = (int64_t)(a - b); /* seconds in the upper half, fraction in the lower */
    int64_t seconds = d >> 32;
    uint64_t fraction = (uint64_t)d & UINT32_MAX;
    return seconds * 1000000 + (int64_t)(fraction * 1000000 >> 32);
}
