/* prune.c: dropping the oldest records, so that a journal does not grow without bound. */
#include "journal/internal.h"

#include <assert.h>
#include <string.h>

/* Takes the record under the cursor out of the chain's account. */
static int drop(struct journal *j, MDB_cursor *cursor, int64_t offset, const MDB_val *value)
{
    if (value->mv_size < RECORD_HEAD) {
        return MDB_CORRUPTED;
    }
    const uint8_t *at = value->mv_data;
    struct digest hash;
    memcpy(hash.bytes, at + 2, DIGEST_SIZE);
    bool leaf = (at[0] & RECORD_FLAG_LEAF) != 0;
    int rc = mdb_cursor_del(cursor, 0);
    if (rc == 0 && leaf) {
        j->chain.leaf = j->chain.leaf == offset ? -1 : j->chain.leaf;
    } else if (rc == 0) {
        j->chain.base = hash; /* what the next one was chained to */
        j->chain.count--;
    }
    return rc;
}

static int drop_before(struct journal *j, MDB_cursor *cursor, int64_t first)
{
    MDB_val key, value;
    for (;;) {
        int rc = mdb_cursor_get(cursor, &key, &value, MDB_FIRST);
        if (rc != 0) {
            return rc;
        }
        int64_t offset = key.mv_size == 8 ? (int64_t)journal_key_read(key.mv_data) : -1;
        if (offset < 0 || offset >= first) {
            return offset < 0 ? MDB_CORRUPTED : 0;
        }
        rc = drop(j, cursor, offset, &value);
        if (rc != 0) {
            return rc;
        }
    }
}

void journal_prune(struct journal *j, int64_t first)
{
    assert(j->txn != NULL);
    if (j->status != OK) {
        return;
    }
    uint8_t room[8];
    journal_key_u64(room, (uint64_t)first);
    MDB_val key = {sizeof room, room}, value;
    MDB_cursor *cursor;
    int rc = mdb_get(j->txn, j->records, &key, &value); /* the newest record is never dropped */
    rc = rc == 0 ? mdb_cursor_open(j->txn, j->records, &cursor) : rc;
    if (rc == 0) {
        rc = drop_before(j, cursor, first);
        mdb_cursor_close(cursor);
    }
    if (rc != 0) {
        journal_fail(j, "cannot prune", journal_error(rc), rc);
    }
}
