/* layout.c: keys, values and hashes of the journal file, and the conversion of LMDB's errors. */
#include "journal/internal.h"

#include <errno.h>
#include <string.h>

int journal_error(int rc)
{
    switch (rc) {
    case 0: return OK;
    case MDB_NOTFOUND:
    case ENOENT: return ERR_NOT_FOUND;
    case MDB_MAP_FULL:
    case ENOSPC:
    case EDQUOT:
    case EFBIG: return ERR_DISK_FULL;
    case MDB_CORRUPTED:
    case MDB_PAGE_NOTFOUND:
    case MDB_BAD_DBI:
    case MDB_INCOMPATIBLE: return ERR_CORRUPT;
    case MDB_INVALID: return ERR_FOREIGN;
    case MDB_VERSION_MISMATCH: return ERR_VERSION;
    case EACCES:
    case EPERM:
    case EROFS: return ERR_PERMISSION;
    case ENOMEM: return ERR_MEMORY;
    case MDB_READERS_FULL:
    case EAGAIN: return ERR_BUSY;
    case MDB_TXN_FULL: return ERR_FULL;
    case EEXIST: return ERR_EXISTS;
    }
    return ERR_IO;
}

void journal_explain(const char *path, const char *what, int status, int rc, struct text *t)
{
    text_put(t, "journal ");
    text_put(t, path);
    text_put(t, ": ");
    text_put(t, what);
    text_put(t, ": ");
    text_put(t, error_text(status));
    if (rc != 0) {
        text_put(t, " (");
        text_put(t, mdb_strerror(rc));
        text_put(t, ")");
    }
    text_put(t, "; ");
    text_put(t, error_remedy(status));
}

void journal_fail(struct journal *j, const char *what, int status, int rc)
{
    if (j->status != OK) {
        return;
    }
    j->status = status;
    struct text t = text_over(j->why, sizeof j->why);
    journal_explain(j->path, what, status, rc, &t);
}

int journal_value_get(MDB_txn *txn, MDB_dbi dbi, const char *key, value_codec *codec,
                      void *ret_value)
{
    MDB_val k = {strlen(key), (void *)(uintptr_t)key}, v;
    int rc = mdb_get(txn, dbi, &k, &v);
    if (rc != 0) {
        return journal_error(rc);
    }
    struct codec c = codec_reader(v.mv_data, v.mv_size, NULL);
    codec(&c, ret_value);
    return codec_finish(&c) == OK ? OK : ERR_CORRUPT;
}

int journal_value_put(MDB_txn *txn, MDB_dbi dbi, const char *key, value_codec *codec, void *value)
{
    uint8_t room[META_SIZE];
    struct codec c = codec_writer(room, sizeof room);
    codec(&c, value);
    MDB_val k = {strlen(key), (void *)(uintptr_t)key}, v = {c.pos, room};
    return c.status != OK ? EINVAL : mdb_put(txn, dbi, &k, &v, 0);
}

void chain_codec(struct codec *c, void *value)
{
    struct chain *chain = value;
    codec_bytes(c, chain->base.bytes, DIGEST_SIZE);
    codec_bytes(c, chain->head.bytes, DIGEST_SIZE);
    codec_u64(c, &chain->count);
    codec_i64(c, &chain->newest);
    codec_i64(c, &chain->leaf);
}

void control_meta_codec(struct codec *c, void *value)
{
    struct control_meta *control = value;
    codec_i64(c, &control->applied);
    codec_u64(c, &control->size);
    codec_bytes(c, control->root.bytes, DIGEST_SIZE);
}

void identity_codec(struct codec *c, void *value)
{
    struct journal_identity *identity = value;
    codec_string(c, identity->fleet, sizeof identity->fleet);
    codec_bytes(c, identity->log_id.bytes, sizeof identity->log_id.bytes);
    codec_u64(c, &identity->era);
}

void down_codec(struct codec *c, void *value)
{
    struct journal_down *down = value;
    codec_u32(c, &down->number);
    codec_bool(c, &down->down);
}

void heard_codec(struct codec *c, void *value)
{
    struct journal_heard *heard = value;
    codec_u64(c, &heard->incarnation);
    codec_u64(c, &heard->sequence);
}

static void hash_u64(struct sha256 *s, uint64_t v)
{
    uint8_t bytes[8];
    for (size_t i = 0; i < sizeof bytes; i++) {
        bytes[i] = (uint8_t)(v >> (8 * i));
    }
    sha256_update(s, bytes, sizeof bytes);
}

struct digest journal_chain_next(const struct digest *prev, int64_t offset, uint8_t outcome,
                                 const void *bytes, size_t size)
{
    struct sha256 s;
    sha256_init(&s);
    sha256_update(&s, prev->bytes, DIGEST_SIZE);
    hash_u64(&s, (uint64_t)offset);
    sha256_update(&s, &outcome, 1);
    hash_u64(&s, size);
    sha256_update(&s, bytes, size);
    return sha256_final(&s);
}

void control_root_begin(struct sha256 *s, uint64_t size)
{
    sha256_init(s);
    hash_u64(s, size);
}

void journal_key_u64(uint8_t key[8], uint64_t v)
{
    for (size_t i = 0; i < 8; i++) {
        key[i] = (uint8_t)(v >> (8 * (7 - i)));
    }
}

uint64_t journal_key_read(const uint8_t key[8])
{
    uint64_t v = 0;
    for (size_t i = 0; i < 8; i++) {
        v = v << 8 | key[i];
    }
    return v;
}

bool journal_key_down(char key[JOURNAL_LINK_NAME_MAX + 3], const char *link, uint8_t end)
{
    size_t n = strlen(link);
    if (n > JOURNAL_LINK_NAME_MAX || end > 1) {
        return false;
    }
    memcpy(key, link, n);
    key[n] = '/';
    key[n + 1] = (char)('0' + end);
    key[n + 2] = '\0';
    return true;
}
