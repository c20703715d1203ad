/* read.c: snapshots of the journal: identity, control state, what only this host knows, and records
 * in both directions. */
#include "journal/internal.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

int journal_view_open(struct journal *j, struct journal_view **ret_v)
{
    struct journal_view *v = calloc(1, sizeof *v);
    if (v == NULL) {
        return ERR_MEMORY;
    }
    v->journal = j;
    int rc = mdb_txn_begin(j->env, NULL, MDB_RDONLY, &v->txn);
    if (rc != 0) {
        free(v);
        return journal_error(rc);
    }
    *ret_v = v;
    return OK;
}

void journal_view_close(struct journal_view *v)
{
    if (v != NULL) {
        mdb_txn_abort(v->txn);
        free(v);
    }
}

int journal_identity(const struct journal_view *v, struct journal_identity *ret_identity)
{
    struct journal_identity identity;
    int status = journal_value_get(v->txn, v->journal->meta, "identity", identity_codec, &identity);
    if (status == OK) {
        *ret_identity = identity;
    }
    return status;
}

static int control_meta(const struct journal_view *v, struct control_meta *ret_meta)
{
    struct control_meta meta;
    int status = journal_value_get(v->txn, v->journal->meta, "control", control_meta_codec, &meta);
    if (status == OK && meta.size > CONTROL_MAX_BYTES) {
        return ERR_CORRUPT;
    }
    if (status == OK) {
        *ret_meta = meta;
    }
    return status;
}

int journal_control_size(const struct journal_view *v, size_t *ret_size, int64_t *ret_applied)
{
    struct control_meta meta;
    int status = control_meta(v, &meta);
    if (status == OK) {
        *ret_size = (size_t)meta.size;
        *ret_applied = meta.applied;
    }
    return status;
}

int journal_control_read(const struct journal_view *v, void *room, size_t size)
{
    struct control_meta meta;
    int status = control_meta(v, &meta);
    if (status != OK) {
        return status;
    }
    if (size < meta.size) {
        return ERR_FULL;
    }
    struct sha256 root;
    control_root_begin(&root, meta.size);
    uint64_t page = 0;
    for (size_t at = 0; at < meta.size; at += CONTROL_PAGE, page++) {
        size_t n = meta.size - at < CONTROL_PAGE ? (size_t)meta.size - at : CONTROL_PAGE;
        uint8_t number[8];
        journal_key_u64(number, page);
        MDB_val key = {sizeof number, number}, value;
        int rc = mdb_get(v->txn, v->journal->control, &key, &value);
        if (rc != 0 || value.mv_size != DIGEST_SIZE + n) {
            return rc == 0 || rc == MDB_NOTFOUND ? ERR_CORRUPT : journal_error(rc);
        }
        const uint8_t *bytes = value.mv_data;
        struct digest hash = sha256_of(bytes + DIGEST_SIZE, n);
        sha256_update(&root, hash.bytes, DIGEST_SIZE);
        memcpy((uint8_t *)room + at, bytes + DIGEST_SIZE, n);
    }
    struct digest is = sha256_final(&root);
    return digest_compare(&is, &meta.root) == 0 ? OK : ERR_CORRUPT;
}

int journal_down(const struct journal_view *v, const char *link, uint8_t end,
                 struct journal_down *ret_down)
{
    char name[JOURNAL_LINK_NAME_MAX + 3];
    struct journal_down down = {.number = 0};
    if (!journal_key_down(name, link, end)) {
        return ERR_TOO_LARGE;
    }
    int status = journal_value_get(v->txn, v->journal->downs, name, down_codec, &down);
    if (status != OK && status != ERR_NOT_FOUND) {
        return status;
    }
    *ret_down = down;
    return OK;
}

int journal_heard(const struct journal_view *v, uint16_t partition, struct journal_heard *ret_heard)
{
    struct journal_heard heard = {.incarnation = 0};
    uint8_t number[8];
    journal_key_u64(number, partition);
    MDB_val key = {sizeof number, number}, value;
    int rc = v->journal->no_heard ? MDB_NOTFOUND : mdb_get(v->txn, v->journal->heard, &key, &value);
    if (rc == 0) {
        struct codec c = codec_reader(value.mv_data, value.mv_size, NULL);
        heard_codec(&c, &heard);
        if (codec_finish(&c) != OK) {
            return ERR_CORRUPT;
        }
    } else if (rc != MDB_NOTFOUND) {
        return journal_error(rc);
    }
    *ret_heard = heard;
    return OK;
}

static int entry_read(const MDB_val *key, const MDB_val *value, struct journal_entry *entry)
{
    if (key->mv_size != 8 || value->mv_size < RECORD_HEAD) {
        return ERR_CORRUPT;
    }
    const uint8_t *at = value->mv_data;
    uint64_t offset = journal_key_read(key->mv_data);
    if (offset > INT64_MAX || (at[0] & ~RECORD_FLAG_LEAF) != 0) {
        return ERR_CORRUPT;
    }
    *entry = (struct journal_entry){.offset = (int64_t)offset,
                                    .outcome = at[1],
                                    .leaf = (at[0] & RECORD_FLAG_LEAF) != 0,
                                    .bytes = at + RECORD_HEAD,
                                    .size = value->mv_size - RECORD_HEAD};
    memcpy(entry->chain.bytes, at + 2, DIGEST_SIZE);
    return OK;
}

/* Sets the cursor before the key to the entry before it: the last one when nothing is at or after
 * it. */
static int cursor_before(MDB_cursor *cursor, MDB_val *key, MDB_val *value)
{
    int rc = mdb_cursor_get(cursor, key, value, MDB_SET_RANGE);
    if (rc == MDB_NOTFOUND) {
        return mdb_cursor_get(cursor, key, value, MDB_LAST);
    }
    return rc != 0 ? rc : mdb_cursor_get(cursor, key, value, MDB_PREV);
}

int journal_seek(const struct journal_view *v, enum journal_move move, struct journal_entry *entry)
{
    uint8_t room[8];
    MDB_cursor *cursor;
    MDB_val key = {sizeof room, room}, value = {0, NULL};
    int rc = mdb_cursor_open(v->txn, v->journal->records, &cursor);
    if (rc != 0) {
        return journal_error(rc);
    }
    switch (move) {
    case JOURNAL_FIRST: rc = mdb_cursor_get(cursor, &key, &value, MDB_FIRST); break;
    case JOURNAL_LAST: rc = mdb_cursor_get(cursor, &key, &value, MDB_LAST); break;
    case JOURNAL_NEXT:
        journal_key_u64(room, (uint64_t)entry->offset + 1);
        rc = mdb_cursor_get(cursor, &key, &value, MDB_SET_RANGE);
        break;
    case JOURNAL_PREV:
        journal_key_u64(room, (uint64_t)entry->offset);
        rc = cursor_before(cursor, &key, &value);
        break;
    case JOURNAL_AT:
        journal_key_u64(room, (uint64_t)entry->offset);
        rc = mdb_cursor_get(cursor, &key, &value, MDB_SET_KEY);
        break;
    case JOURNAL_FROM:
        journal_key_u64(room, (uint64_t)entry->offset);
        rc = mdb_cursor_get(cursor, &key, &value, MDB_SET_RANGE);
        break;
    }
    mdb_cursor_close(cursor);
    return rc == 0 ? entry_read(&key, &value, entry) : journal_error(rc);
}
