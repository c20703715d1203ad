/* store.c: gathering records, control state and downs into one journal transaction per wake. */
#include "daemon/store.h"

#include "wire/record.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    ARENA_FIRST = 256 * 1024,
    ARENA_MOST = 512 * 1024 * 1024,
    PRUNE_MOST = 500, /* records in one transaction */
};

int store_open(struct store *s, const char *path, size_t map_size, struct text *why)
{
    *s = (struct store){.newest = -1};
    int status = journal_open(path, JOURNAL_WRITE, map_size, why, &s->journal);
    if (status != OK) {
        return status;
    }
    struct journal_view *v = NULL;
    struct journal_entry e = {.offset = -1};
    status = journal_view_open(s->journal, &v);
    if (status == OK) {
        status = journal_identity(v, &s->identity);
        s->bound = status == OK;
    }
    if (status == OK || status == ERR_NOT_FOUND) {
        status = journal_seek(v, JOURNAL_LAST, &e);
        s->newest = status == OK ? e.offset : -1;
    }
    journal_view_close(v);
    if (status != OK && status != ERR_NOT_FOUND) {
        text_put(why, "journal ");
        text_put(why, path);
        text_put(why, ": ");
        text_put(why, error_text(status));
        text_put(why, "; ");
        text_put(why, error_remedy(status));
        store_close(s);
        return status;
    }
    return OK;
}

void store_close(struct store *s)
{
    journal_close(s->journal);
    free(s->room);
    *s = (struct store){.newest = -1};
}

/* Decodes with an arena that is doubled until it suffices: its need depends on a fleet that is only
 * known after decoding. */
static int decode_control(const uint8_t *bytes, size_t size, struct restored *ret_r)
{
    for (size_t room = ARENA_FIRST; room <= ARENA_MOST; room *= 2) {
        struct restored r = {.memory = aligned_alloc(16, room)};
        if (r.memory == NULL) {
            return ERR_MEMORY;
        }
        struct arena arena;
        arena_init(&arena, r.memory, room);
        control_init(&r.control);
        struct codec c = codec_reader(bytes, size, &arena);
        control_codec(&c, &r.control);
        int status = codec_finish(&c);
        if (status == OK) {
            *ret_r = r;
            return OK;
        }
        free(r.memory);
        if (status != ERR_FULL) {
            return ERR_CORRUPT;
        }
    }
    return ERR_CORRUPT;
}

int store_restore(const struct store *s, struct restored *ret_r)
{
    struct journal_view *v = NULL;
    size_t size = 0;
    int64_t applied;
    int status = journal_view_open(s->journal, &v);
    if (status != OK) {
        return status;
    }
    uint8_t *bytes = NULL;
    status = journal_control_size(v, &size, &applied);
    if (status == OK) {
        bytes = malloc(size > 0 ? size : 1);
        status = bytes == NULL ? ERR_MEMORY : journal_control_read(v, bytes, size);
    }
    journal_view_close(v);
    if (status == OK) {
        status = decode_control(bytes, size, ret_r);
    }
    free(bytes);
    if (status == OK && (ret_r->control.fleet == NULL || ret_r->control.applied != applied ||
                         control_broken(&ret_r->control) != NULL)) {
        restored_done(ret_r);
        status = ERR_CORRUPT;
    }
    return status;
}

void restored_done(struct restored *r)
{
    free(r->memory);
    r->memory = NULL;
}

int store_down(const struct store *s, const char *link, uint8_t end, struct down *ret_d)
{
    struct journal_view *v = NULL;
    int status = journal_view_open(s->journal, &v);
    if (status != OK) {
        return status;
    }
    struct journal_down down;
    status = journal_down(v, link, end, &down);
    journal_view_close(v);
    if (status == OK) {
        *ret_d = (struct down){.number = down.number, .down = down.down, .counted_at = {-1}};
    }
    return status;
}

int store_heard(const struct store *s, uint16_t partition, struct journal_heard *ret_heard)
{
    struct journal_view *v = NULL;
    int status = journal_view_open(s->journal, &v);
    if (status != OK) {
        return status;
    }
    status = journal_heard(v, partition, ret_heard);
    journal_view_close(v);
    return status;
}

bool store_differs(const struct store *s, int64_t offset, const void *bytes, size_t size,
                   bool *ret_kept)
{
    struct journal_view *v = NULL;
    struct journal_entry e = {.offset = offset};
    *ret_kept = false;
    if (journal_view_open(s->journal, &v) != OK) {
        return false;
    }
    bool differs = false;
    if (journal_seek(v, JOURNAL_AT, &e) == OK) {
        *ret_kept = true;
        differs = e.size != size || memcmp(e.bytes, bytes, size) != 0;
    }
    journal_view_close(v);
    return differs;
}

/* True when a transaction is open for one more put. */
static bool ready(struct store *s)
{
    if (s->status == OK && !s->open) {
        s->status = journal_begin(s->journal);
        s->open = s->status == OK;
    }
    return s->status == OK;
}

void store_put_identity(struct store *s, const struct journal_identity *identity)
{
    if (ready(s)) {
        journal_put_identity(s->journal, identity);
        s->identity = *identity;
        s->bound = true;
    }
}

void store_put_record(struct store *s, int64_t offset, enum fold_void outcome, bool leaf,
                      const void *bytes, size_t size)
{
    if (offset > s->newest && ready(s)) {
        journal_put_record(s->journal, offset, (uint8_t)outcome, leaf, bytes, size);
        s->newest = offset;
        s->control = true;
    }
}

void store_put_down(struct store *s, const char *link, uint8_t end, const struct down *d)
{
    struct journal_down down = {.number = d->number, .down = d->down};
    if (ready(s)) {
        journal_put_down(s->journal, link, end, &down);
    }
}

void store_put_heard(struct store *s, uint16_t partition, const struct journal_heard *heard)
{
    if (ready(s)) {
        journal_put_heard(s->journal, partition, heard);
    }
}

void store_restart(struct store *s, const struct digest *base)
{
    if (ready(s)) {
        journal_put_restart(s->journal, base);
        s->newest = -1;
        s->control = true;
    }
}

/* The record may go by its log time; one that cannot be read stays, and all behind it. */
static bool is_before(const struct journal_entry *e, struct logtime before)
{
    struct arena arena;
    struct record *r = malloc(sizeof *r);
    size_t size = (record_arena_size(e->size) + 15) & ~(size_t)15;
    void *memory = aligned_alloc(16, size);
    bool is = false;
    if (r != NULL && memory != NULL) {
        arena_init(&arena, memory, size);
        is = record_decode(e->bytes, e->size, &arena, r) == OK && r->log_time.us < before.us;
    }
    free(memory);
    free(r);
    return is;
}

int64_t store_prune(struct store *s, int64_t base, struct logtime before)
{
    struct journal_view *v = NULL;
    struct journal_entry e = {.offset = -1};
    if (s->status != OK || s->open || journal_view_open(s->journal, &v) != OK) {
        return -1; /* later, from a view of all that was put */
    }
    uint32_t dropped = 0;
    int status = journal_seek(v, JOURNAL_FIRST, &e);
    while (status == OK && dropped < PRUNE_MOST && e.offset < base && is_before(&e, before)) {
        dropped++;
        status = journal_seek(v, JOURNAL_NEXT, &e);
    }
    journal_view_close(v);
    if (status != OK || dropped == 0 || !ready(s)) {
        return -1;
    }
    journal_prune(s->journal, e.offset);
    return e.offset;
}

static int encode_control(struct store *s, const struct control *control, size_t *ret_size)
{
    size_t size = control_encoded_size(control);
    if (size > s->room_size) {
        uint8_t *room = realloc(s->room, size);
        if (room == NULL) {
            return ERR_MEMORY;
        }
        s->room = room;
        s->room_size = size;
    }
    struct codec c = codec_writer(s->room, s->room_size);
    control_codec(&c, (struct control *)(uintptr_t)control); /* a writer only reads it */
    *ret_size = c.pos;
    return codec_finish(&c);
}

int store_commit(struct store *s, const struct control *control)
{
    if (s->status != OK || !s->open) {
        return s->status;
    }
    if (s->control && control != NULL && control->applied >= 0) {
        size_t size = 0;
        int status = encode_control(s, control, &size);
        if (status != OK) {
            journal_abort(s->journal);
            s->open = false;
            return s->status = status;
        }
        journal_put_control(s->journal, control->applied, s->room, size);
    }
    s->open = false;
    s->control = false;
    return s->status = journal_commit(s->journal);
}

int store_succeed(struct store *s, const char *path, const struct journal_identity *identity)
{
    assert(!s->open);
    char archive[4096];
    int n =
        snprintf(archive, sizeof archive, "%s.era-%llu", path, (unsigned long long)s->identity.era);
    if (n < 0 || (size_t)n >= sizeof archive) {
        return ERR_TOO_LARGE;
    }
    /* An archive that is there already is of this very log: its era is unique to it. */
    int status = journal_archive(s->journal, archive);
    if (status != OK && status != ERR_EXISTS) {
        return status;
    }
    status = journal_begin(s->journal);
    if (status == OK) {
        journal_put_successor(s->journal, identity);
        status = journal_commit(s->journal);
    }
    if (status == OK) {
        s->identity = *identity;
        s->newest = -1;
    }
    return status;
}
