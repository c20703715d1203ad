/* fuzz_fold.c: what somebody may do to the control state who can write to the log: records of any
 * bytes, put in order where a writer of ill will would do so as well (log id, epoch, base, digest).
 * No crash, no record that counts leaves a state that is broken, and the state can be kept.
 *
 * The input is a list of records: a byte that says what is put in order, two bytes of length, the
 * bytes. */
#include "fold/fold.h"
#include "wire/record.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { ARENA_SIZE = 8 << 20, RECORD_ROOM = 4 << 20, STATE_MAX = 1 << 20, RECORDS_MAX = 24 };
enum { AS_LEADER = 1, AS_REPLICA = 2, IN_EPOCH = 4, DIGESTED = 8, LATER = 16, ELSEWHERE = 32 };

static uint8_t begin[STATE_MAX], state[STATE_MAX], again[STATE_MAX];
static void *arena_memory, *record_memory;

static size_t read_begin(void)
{
    FILE *f = fopen(FOLD_STATE, "r");
    assert(f != NULL);
    size_t n = fread(begin, 1, sizeof begin, f);
    fclose(f);
    arena_memory = aligned_alloc(16, ARENA_SIZE);
    record_memory = aligned_alloc(16, RECORD_ROOM);
    assert(arena_memory != NULL && record_memory != NULL && n > 0);
    return n;
}

static void load(const uint8_t *bytes, size_t size, struct arena *a, struct control *c)
{
    arena_init(a, arena_memory, ARENA_SIZE);
    control_init(c);
    struct codec r = codec_reader(bytes, size, a);
    control_codec(&r, c);
    assert(codec_finish(&r) == OK && control_broken(c) == NULL);
}

static size_t keep(struct control *c, uint8_t *room)
{
    struct codec w = codec_writer(room, STATE_MAX);
    control_codec(&w, c);
    assert(codec_finish(&w) == OK && w.pos == control_encoded_size(c));
    return w.pos;
}

static void put_in_order(struct record *r, const struct control *c, uint8_t what, uint64_t sequence)
{
    if ((what & ELSEWHERE) == 0)
        r->log_id = c->log_id;
    if ((what & AS_LEADER) != 0)
        r->writer = c->leader;
    if ((what & AS_REPLICA) != 0)
        r->writer.replica = c->fleet->idcs[r->writer.replica % c->fleet->idc_count].partition;
    r->writer.sequence = sequence;
    if ((what & IN_EPOCH) != 0) {
        r->epoch = r->kind == RECORD_CLAIM ? c->epoch + 1 : c->epoch;
        r->base = c->applied;
    }
    if ((what & LATER) != 0)
        r->log_time.us = c->log_time.us + 1000000;
}

/* Folds a record; a decision is tried once more with the digest that it should have had, which
 * whoever writes it can compute. */
static void fold(struct control *c, struct arena *a, struct record *r, uint8_t what)
{
    enum fold_void why = FOLD_ACCEPTED;
    int64_t offset = c->applied + 1;
    int status = fold_apply(c, a, r, offset, &why);
    if (status == ERR_INVARIANT && r->kind == RECORD_DECIDE && (what & DIGESTED) != 0) {
        r->decide.generation = c->plan.fence.generation + (r->decide.change_count > 0);
        r->decide.plan_digest =
            r->decide.change_count > 0 ? c->previous.fence.digest : c->plan.fence.digest;
        status = fold_apply(c, a, r, offset, &why);
    }
    if (status != OK)
        fold_skip(c, offset);
    assert(c->applied == offset && control_broken(c) == NULL);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct control c;
    static size_t begin_size;
    struct arena arena, records;
    struct record r;
    if (begin_size == 0)
        begin_size = read_begin();
    load(begin, begin_size, &arena, &c);
    uint64_t sequence = c.leader.sequence;
    for (int n = 0; size >= 3 && n < RECORDS_MAX; n++) {
        size_t len = (size_t)data[1] | (size_t)data[2] << 8;
        len = len < size - 3 ? len : size - 3;
        arena_init(&records, record_memory, RECORD_ROOM);
        if (record_arena_size(len) <= RECORD_ROOM &&
            record_decode(data + 3, len, &records, &r) == OK) {
            put_in_order(&r, &c, data[0], ++sequence);
            fold(&c, &arena, &r, data[0]);
        }
        data += 3 + len;
        size -= 3 + len;
    }
    size_t kept = keep(&c, state);
    load(state, kept, &arena, &c);
    size_t more = keep(&c, again);
    assert(kept == more && memcmp(state, again, kept) == 0);
    return 0;
}
