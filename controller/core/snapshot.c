/* snapshot.c: writing the control state down as the leader, and checking what a leader wrote. */
#include "core/snapshot.h"

#include "base/bug.h"

size_t snapshot_room_size(const struct fleet *f)
{
    /* Structures in memory are never smaller than their canonical forms plus counts. */
    return sizeof(struct control) + 4096 + fleet_encoded_size(f) + control_arena_size(f);
}

int snapshot_new(const struct fleet *f, struct arena *a, struct snapshot *ret_s)
{
    size_t size = snapshot_room_size(f);
    uint8_t *room = ARENA_NEW(a, uint8_t, size);
    if (room == NULL) {
        return ERR_FULL;
    }
    *ret_s = (struct snapshot){.room = room, .size = size};
    return OK;
}

bool snapshot_due(const struct control *c)
{
    int64_t every = c->fleet->policy.snapshot_records;
    int64_t since = c->applied - (c->snapshot >= 0 ? c->snapshot : 0);
    return every > 0 && since >= (c->incident_count > 0 ? 2 * every : every);
}

int snapshot_make(struct snapshot *s, const struct control *c, struct bytes *ret_bytes)
{
    struct control copy = *c;
    struct codec w = codec_writer(s->room, s->size);
    if (BUG(SNAPSHOT_FORGETS)) {
        copy.answers_moved.us = 0;
        copy.link_down_at[0].us = 0;
    }
    control_codec(&w, &copy);
    int status = codec_finish(&w);
    if (status == OK) {
        *ret_bytes = (struct bytes){.at = s->room, .size = w.pos};
    }
    return status;
}

enum snapshot_check snapshot_check(const struct record *r, const struct agree *agree,
                                   struct arena room)
{
    const struct digest *own = agree_at(agree, r->base);
    struct control c;
    if (own == NULL) {
        return SNAPSHOT_UNCHECKED;
    }
    int status = snapshot_read(r, &room, &c);
    if (status != OK) {
        return status == ERR_FULL ? SNAPSHOT_UNCHECKED : SNAPSHOT_DIFFERS;
    }
    size_t size = control_digest_size(&c);
    void *scratch = ARENA_NEW(&room, uint8_t, size);
    if (scratch == NULL) {
        return SNAPSHOT_UNCHECKED;
    }
    struct digest is = control_digest(&c, scratch, size);
    return digest_compare(&is, own) == 0 ? SNAPSHOT_SAME : SNAPSHOT_DIFFERS;
}
