/* fuzz_report.c: any bytes as an envelope, and any bytes as a correctly signed payload. */
#include "wire/report.h"

#include <assert.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const uint8_t secret[16] = {1};
static const struct report_key key = {"k", secret, sizeof(secret)};

static int open_bytes(const uint8_t *data, size_t size, struct arena *a, struct report *ret_r)
{
    a->used = 0;
    return report_open(data, size, &key, 1, a, ret_r);
}

/* Version 1, key id "k", MAC over both and the payload. */
static uint8_t *seal(const uint8_t *payload, size_t size)
{
    uint8_t *sealed = malloc(35 + size);
    uint8_t *covered = malloc(3 + size);
    assert(sealed != NULL && covered != NULL);
    memcpy(covered, "\x01\x01k", 3);
    memcpy(sealed, covered, 3);
    if (size > 0) {
        memcpy(covered + 3, payload, size);
        memcpy(sealed + 35, payload, size);
    }
    HMAC(EVP_sha256(), secret, sizeof(secret), covered, 3 + size, sealed + 3, NULL);
    free(covered);
    return sealed;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static uint8_t *memory; /* of the process */
    static uint8_t again[REPORT_MAX_BYTES];
    struct arena a;
    struct report r;
    if (memory == NULL)
        memory = aligned_alloc(16, (report_arena_size(REPORT_MAX_TARGETS) + 15) / 16 * 16);
    assert(memory != NULL);
    arena_init(&a, memory, report_arena_size(REPORT_MAX_TARGETS));
    (void)open_bytes(data, size, &a, &r);
    uint8_t *sealed = seal(data, size);
    int status = open_bytes(sealed, 35 + size, &a, &r);
    assert(status != ERR_UNAUTHENTIC && status != ERR_FULL);
    if (status == OK) {
        size_t n = 0;
        status = report_encode(&r, &key, again, sizeof(again), &n);
        assert(status == OK && n <= report_size_bound(r.count, r.load_count, r.view_count));
        status = open_bytes(again, n, &a, &r);
        assert(status == OK);
    }
    free(sealed);
    return 0;
}
