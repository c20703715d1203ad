/* internal.h: layout of the journal file (ADR 7) and what the files of this folder share.
 *
 *   meta     "format", "identity", "chain", "control": one small value each
 *   records  offset (big endian) -> flags, outcome, chain hash, encoded record
 *   control  page number (big endian) -> SHA-256 of the bytes, bytes of the control state
 *   downs    "<link>/<end>" -> number, down now
 *   heard    report partition (big endian) -> incarnation, sequence
 *
 * Values are in the codec's form: little endian, fixed width. */
#ifndef SPILLWAY_JOURNAL_INTERNAL_H
#define SPILLWAY_JOURNAL_INTERNAL_H

#include "base/codec.h"
#include "journal/journal.h"

#include <lmdb.h>

enum {
    JOURNAL_FORMAT = 1,
    RECORD_HEAD = 2 + DIGEST_SIZE, /* flags, outcome, chain hash */
    RECORD_FLAG_LEAF = 1,
    /* A page's hash and bytes fill one overflow page of LMDB: 4096 bytes less its head of 16. */
    CONTROL_PAGE = 4080 - DIGEST_SIZE,
    CONTROL_MAX_BYTES = 64 * 1024 * 1024,
    META_SIZE = 256, /* room for any small value */
};

/* The state of the hash chain: the value of "chain" in meta. */
struct chain {
    struct digest base; /* before the first record that is kept (zero: nothing was pruned) */
    struct digest head;
    uint64_t count; /* of chained records */
    int64_t newest; /* highest offset put, -1 for none */
    int64_t leaf;   /* offset of the kept heartbeat, -1 for none */
};

/* The value of "control" in meta. */
struct control_meta {
    int64_t applied;
    uint64_t size;
    struct digest root; /* over the size and the hashes of all pages */
};

struct journal {
    MDB_env *env;
    MDB_txn *txn; /* the write transaction, or NULL */
    MDB_dbi meta, records, control, downs, heard;
    bool no_heard; /* read from a journal of before "heard" */
    enum journal_mode mode;
    int status;         /* first failure in this transaction */
    struct chain chain; /* within this transaction */
    char *path;
    char why[512];
};

struct journal_view {
    struct journal *journal;
    MDB_txn *txn;
};

/* Converts an error of LMDB, or the errno it passed on. */
int journal_error(int rc);
/* Writes a sentence: path, what, the code's text, the system's text, the remedy. */
void journal_explain(const char *path, const char *what, int status, int rc, struct text *t);
/* Records the first failure of the transaction in j->status and j->why; rc is LMDB's, or 0. */
void journal_fail(struct journal *j, const char *what, int status, int rc);

/* Makes the file as long as LMDB's account of its pages. */
int journal_cover_pages(struct journal *j);

/* One small value, through its codec function. Reading: ERR_NOT_FOUND, ERR_CORRUPT. */
typedef void value_codec(struct codec *c, void *value);
int journal_value_get(MDB_txn *txn, MDB_dbi dbi, const char *key, value_codec *codec,
                      void *ret_value);
int journal_value_put(MDB_txn *txn, MDB_dbi dbi, const char *key, value_codec *codec, void *value);
void chain_codec(struct codec *c, void *chain);
void control_meta_codec(struct codec *c, void *control);
void identity_codec(struct codec *c, void *identity);
void down_codec(struct codec *c, void *down);
void heard_codec(struct codec *c, void *heard);

struct digest journal_chain_next(const struct digest *prev, int64_t offset, uint8_t outcome,
                                 const void *bytes, size_t size);
/* Key of an offset or page: big endian, so that LMDB's byte order is the order of numbers. */
void journal_key_u64(uint8_t key[8], uint64_t v);
uint64_t journal_key_read(const uint8_t key[8]);
/* Key of a down number; false when the name is too long. */
bool journal_key_down(char key[JOURNAL_LINK_NAME_MAX + 3], const char *link, uint8_t end);
/* The root over page hashes is computed piece by piece. */
void control_root_begin(struct sha256 *s, uint64_t size);

#endif
