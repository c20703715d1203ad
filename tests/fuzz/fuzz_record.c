/* fuzz_record.c: any bytes decode or are refused; what decodes encodes to a form that is stable. */
#include "wire/record.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Decodes into fresh memory of exactly the stated size. */
static int decode(const uint8_t *data, size_t size, void **ret_memory, struct record *ret_r)
{
    struct arena a;
    size_t room = (record_arena_size(size) + 15) & ~(size_t)15;
    *ret_memory = aligned_alloc(16, room);
    assert(*ret_memory != NULL);
    arena_init(&a, *ret_memory, room);
    return record_decode(data, size, &a, ret_r);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static uint8_t first[1 << 20];
    static uint8_t second[1 << 20];
    struct record r;
    struct record again;
    void *memory = NULL;
    void *memory_again = NULL;
    size_t n = 0;
    size_t m = 0;
    int status = decode(data, size, &memory, &r);
    assert(status != ERR_FULL);
    if (status == OK) {
        status = record_encode(&r, first, sizeof(first), &n);
        assert(status == OK);
        status = decode(first, n, &memory_again, &again);
        assert(status == OK);
        status = record_encode(&again, second, sizeof(second), &m);
        assert(status == OK && n == m && memcmp(first, second, n) == 0);
    }
    free(memory);
    free(memory_again);
    return 0;
}
