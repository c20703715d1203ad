/* fuzz_local.c: any bytes as the stream between a probe and its spillwayd: no crash, every frame is
 * taken whole or not at all, and what is read is written the same. */
#include "wire/local.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void write_again(const struct local_message *m, const uint8_t *frame, size_t size)
{
    uint8_t *room = malloc(size);
    size_t n = 0;
    assert(room != NULL);
    if (m->type == LOCAL_UNKNOWN) {
        free(room);
        return;
    }
    int status = local_encode(m, room, size, &n);
    assert(status == OK && n == size && n == local_encoded_size(m) && memcmp(room, frame, n) == 0);
    free(room);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    size_t at = 0, whole = 0, used = 0;
    struct local_message m;
    while (local_frame_size(data + at, size - at, &whole) == OK) {
        int status = local_decode(data + at, size - at, &m, &used);
        if (status != OK)
            break;
        assert(used == whole && used <= size - at);
        write_again(&m, data + at, used);
        at += used;
    }
    return 0;
}
