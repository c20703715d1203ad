/* write.c: one transaction per wake: puts with a sticky first failure, then a durable commit or
 * nothing. */
#include "journal/internal.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

enum { FULL_PROBE = 64 * 1024 };

int journal_begin(struct journal *j)
{
    assert(j->mode == JOURNAL_WRITE && j->txn == NULL);
    j->status = OK;
    int dead;
    (void)mdb_reader_check(j->env, &dead); /* a reader that died would pin pages for ever */
    int rc = mdb_txn_begin(j->env, NULL, 0, &j->txn);
    if (rc != 0) {
        j->txn = NULL;
        journal_fail(j, "cannot begin to write", journal_error(rc), rc);
        return j->status;
    }
    int status = journal_value_get(j->txn, j->meta, "chain", chain_codec, &j->chain);
    if (status != OK) {
        journal_fail(j, "the state of the chain is missing", ERR_CORRUPT, 0);
        mdb_txn_abort(j->txn);
        j->txn = NULL;
    }
    return j->status;
}

void journal_abort(struct journal *j)
{
    if (j->txn != NULL) {
        mdb_txn_abort(j->txn);
        j->txn = NULL;
    }
}

/* LMDB reports a short write as EIO, and a short write is what a disk does just before it is full.
 * So the disk itself is asked for a little more. */
static int commit_error(const struct journal *j, int rc)
{
    struct stat file;
    int fd;
    if (rc != EIO || mdb_env_get_fd(j->env, &fd) != 0 || fstat(fd, &file) != 0) {
        return rc;
    }
    int full = posix_fallocate(fd, file.st_size, FULL_PROBE);
    return full != 0 ? full : rc;
}

int journal_commit(struct journal *j)
{
    assert(j->txn != NULL);
    if (j->status == OK) {
        int rc = journal_value_put(j->txn, j->meta, "chain", chain_codec, &j->chain);
        if (rc != 0) {
            journal_fail(j, "cannot write", journal_error(rc), rc);
        }
    }
    if (j->status != OK) {
        journal_abort(j);
        return j->status;
    }
    int rc = mdb_txn_commit(j->txn);
    j->txn = NULL; /* freed by the commit, whether it worked or not */
    if (rc != 0) {
        rc = commit_error(j, rc);
        journal_fail(j, "cannot commit", journal_error(rc), rc);
        return j->status;
    }
    /* The commit is durable; only readers of a damaged file could miss the tail of free pages. */
    (void)journal_cover_pages(j);
    return OK;
}

static bool may_put(const struct journal *j)
{
    assert(j->txn != NULL);
    return j->status == OK;
}

static void put_meta(struct journal *j, const char *key, value_codec *codec, void *value)
{
    int rc = journal_value_put(j->txn, j->meta, key, codec, value);
    if (rc != 0) {
        journal_fail(j, "cannot write", journal_error(rc), rc);
    }
}

static bool same_log(const struct journal_identity *a, const struct journal_identity *b)
{
    return memcmp(&a->log_id, &b->log_id, sizeof a->log_id) == 0 && a->era == b->era &&
           strcmp(a->fleet, b->fleet) == 0;
}

void journal_put_identity(struct journal *j, const struct journal_identity *identity)
{
    if (!may_put(j)) {
        return;
    }
    struct journal_identity is, wanted = *identity;
    int status = journal_value_get(j->txn, j->meta, "identity", identity_codec, &is);
    if (status == ERR_NOT_FOUND) {
        put_meta(j, "identity", identity_codec, &wanted);
    } else if (status != OK) {
        journal_fail(j, "its identity cannot be read", status, 0);
    } else if (!same_log(&is, identity)) {
        journal_fail(j, "it was written for another log", ERR_FOREIGN, 0);
    }
}

void journal_put_successor(struct journal *j, const struct journal_identity *identity)
{
    if (!may_put(j)) {
        return;
    }
    struct journal_identity is, wanted = *identity;
    int status = journal_value_get(j->txn, j->meta, "identity", identity_codec, &is);
    if (status != OK) {
        journal_fail(j, "it has no log that could be succeeded", status, 0);
        return;
    }
    if (identity->era <= is.era || strcmp(identity->fleet, is.fleet) != 0) {
        journal_fail(j, "the other log is no successor with a higher era", ERR_FOREIGN, 0);
        return;
    }
    int rc = mdb_drop(j->txn, j->records, 0);
    if (rc == 0) {
        rc = mdb_drop(j->txn, j->control, 0);
    }
    MDB_val key = {sizeof "control" - 1, (void *)(uintptr_t) "control"};
    if (rc == 0) {
        rc = mdb_del(j->txn, j->meta, &key, NULL);
        rc = rc == MDB_NOTFOUND ? 0 : rc;
    }
    if (rc != 0) {
        journal_fail(j, "cannot leave the old log", journal_error(rc), rc);
        return;
    }
    j->chain = (struct chain){.newest = -1, .leaf = -1};
    put_meta(j, "identity", identity_codec, &wanted);
}

void journal_put_restart(struct journal *j, const struct digest *base)
{
    if (!may_put(j)) {
        return;
    }
    int rc = mdb_drop(j->txn, j->records, 0);
    if (rc != 0) {
        journal_fail(j, "cannot leave the records before a snapshot", journal_error(rc), rc);
        return;
    }
    j->chain = (struct chain){.base = *base, .head = *base, .newest = -1, .leaf = -1};
}

static void delete_leaf(struct journal *j)
{
    uint8_t room[8];
    journal_key_u64(room, (uint64_t)j->chain.leaf);
    MDB_val key = {sizeof room, room};
    int rc = mdb_del(j->txn, j->records, &key, NULL);
    if (rc != 0) {
        journal_fail(j, "cannot replace the newest heartbeat", journal_error(rc), rc);
    }
}

void journal_put_record(struct journal *j, int64_t offset, uint8_t outcome, bool leaf,
                        const void *bytes, size_t size)
{
    if (!may_put(j)) {
        return;
    }
    if (offset < 0 || offset <= j->chain.newest) {
        journal_fail(j, "a record does not come after the newest one", ERR_INVARIANT, 0);
        return;
    }
    if (leaf && j->chain.leaf >= 0) {
        delete_leaf(j);
        if (j->status != OK) {
            return;
        }
    }
    struct digest hash = journal_chain_next(&j->chain.head, offset, outcome, bytes, size);
    uint8_t room[8];
    journal_key_u64(room, (uint64_t)offset);
    MDB_val key = {sizeof room, room}, value = {RECORD_HEAD + size, NULL};
    int rc = mdb_put(j->txn, j->records, &key, &value, MDB_RESERVE | MDB_APPEND);
    if (rc != 0) {
        journal_fail(j, "cannot write a record", journal_error(rc), rc);
        return;
    }
    uint8_t *at = value.mv_data;
    at[0] = leaf ? RECORD_FLAG_LEAF : 0;
    at[1] = outcome;
    memcpy(at + 2, hash.bytes, DIGEST_SIZE);
    memcpy(at + RECORD_HEAD, bytes, size);
    j->chain.newest = offset;
    if (leaf) {
        j->chain.leaf = offset;
    } else {
        j->chain.head = hash;
        j->chain.count++;
    }
}

/* Writes one page when its bytes differ from those that are there; *ret_hash is its hash in both
 * cases. */
static int put_page(struct journal *j, uint64_t page, const uint8_t *bytes, size_t size,
                    struct digest *ret_hash)
{
    uint8_t room[8], content[DIGEST_SIZE + CONTROL_PAGE];
    journal_key_u64(room, page);
    MDB_val key = {sizeof room, room}, value;
    int rc = mdb_get(j->txn, j->control, &key, &value);
    if (rc != 0 && rc != MDB_NOTFOUND) {
        return rc;
    }
    if (rc == 0 && value.mv_size == DIGEST_SIZE + size &&
        memcmp((const uint8_t *)value.mv_data + DIGEST_SIZE, bytes, size) == 0) {
        memcpy(ret_hash->bytes, value.mv_data, DIGEST_SIZE);
        return 0;
    }
    *ret_hash = sha256_of(bytes, size);
    memcpy(content, ret_hash->bytes, DIGEST_SIZE);
    memcpy(content + DIGEST_SIZE, bytes, size);
    value = (MDB_val){DIGEST_SIZE + size, content};
    return mdb_put(j->txn, j->control, &key, &value, 0);
}

/* Pages of a larger state before this one. */
static int delete_pages_from(struct journal *j, uint64_t page)
{
    for (;; page++) {
        uint8_t room[8];
        journal_key_u64(room, page);
        MDB_val key = {sizeof room, room};
        int rc = mdb_del(j->txn, j->control, &key, NULL);
        if (rc != 0) {
            return rc == MDB_NOTFOUND ? 0 : rc;
        }
    }
}

void journal_put_control(struct journal *j, int64_t applied, const void *bytes, size_t size)
{
    if (!may_put(j)) {
        return;
    }
    if (size > CONTROL_MAX_BYTES) {
        journal_fail(j, "the control state is too large", ERR_TOO_LARGE, 0);
        return;
    }
    struct control_meta meta = {.applied = applied, .size = size};
    struct sha256 root;
    control_root_begin(&root, size);
    int rc = 0;
    uint64_t page = 0;
    for (size_t at = 0; at < size && rc == 0; at += CONTROL_PAGE, page++) {
        size_t n = size - at < CONTROL_PAGE ? size - at : CONTROL_PAGE;
        struct digest hash;
        rc = put_page(j, page, (const uint8_t *)bytes + at, n, &hash);
        sha256_update(&root, hash.bytes, DIGEST_SIZE);
    }
    if (rc == 0) {
        rc = delete_pages_from(j, page);
    }
    if (rc != 0) {
        journal_fail(j, "cannot write the control state", journal_error(rc), rc);
        return;
    }
    meta.root = sha256_final(&root);
    put_meta(j, "control", control_meta_codec, &meta);
}

void journal_put_down(struct journal *j, const char *link, uint8_t end,
                      const struct journal_down *down)
{
    if (!may_put(j)) {
        return;
    }
    char name[JOURNAL_LINK_NAME_MAX + 3];
    struct journal_down value = *down;
    if (!journal_key_down(name, link, end)) {
        journal_fail(j, "a link's name is too long", ERR_TOO_LARGE, 0);
        return;
    }
    int rc = journal_value_put(j->txn, j->downs, name, down_codec, &value);
    if (rc != 0) {
        journal_fail(j, "cannot write a link's down", journal_error(rc), rc);
    }
}

void journal_put_heard(struct journal *j, uint16_t partition, const struct journal_heard *heard)
{
    if (!may_put(j)) {
        return;
    }
    uint8_t number[8], room[META_SIZE];
    struct journal_heard value = *heard;
    struct codec c = codec_writer(room, sizeof room);
    journal_key_u64(number, partition);
    heard_codec(&c, &value);
    MDB_val k = {sizeof number, number}, v = {c.pos, room};
    int rc = c.status != OK ? EINVAL : mdb_put(j->txn, j->heard, &k, &v, 0);
    if (rc != 0) {
        journal_fail(j, "cannot write what was heard of a probe", journal_error(rc), rc);
    }
}
