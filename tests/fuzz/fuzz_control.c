/* fuzz_control.c: any bytes as a control state, as a journal, a snapshot or a reseed brings it: no
 * crash, and what is read and sound is written the same. */
#include "fold/fold.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { ARENA_SIZE = 8 << 20 };

/* The same as a SNAPSHOT: what is taken out of one names itself rightly. */
static void as_snapshot(const uint8_t *data, size_t size, struct arena *arena,
                        const struct control *c)
{
    static struct control taken;
    static struct record r;
    r.kind = RECORD_SNAPSHOT;
    r.log_id = c->log_id;
    r.epoch = c->epoch;
    r.base = c->applied;
    r.snapshot.control = (struct bytes){data, size};
    if (snapshot_read(&r, arena, &taken) == OK) {
        assert(control_broken(&taken) == NULL && taken.applied == c->applied);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static void *memory;
    static struct control control;
    struct arena arena;
    if (memory == NULL) {
        memory = aligned_alloc(16, ARENA_SIZE);
        assert(memory != NULL);
    }
    arena_init(&arena, memory, ARENA_SIZE);
    control_init(&control);
    struct codec r = codec_reader(data, size, &arena);
    control_codec(&r, &control);
    if (codec_finish(&r) != OK || control_broken(&control) != NULL) {
        return 0;
    }
    struct arena rest = arena;
    as_snapshot(data, size, &rest, &control);
    uint8_t *back = malloc(size);
    assert(back != NULL);
    struct codec w = codec_writer(back, size);
    control_codec(&w, &control);
    assert(codec_finish(&w) == OK && w.pos == size && memcmp(back, data, size) == 0);
    free(back);
    return 0;
}
