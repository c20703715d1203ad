/* fuzz_journal.c: any bytes as the values of a journal, in a file that LMDB itself holds for whole:
 * no crash, every walk ends, and a small value that is read is written the same.
 *
 * The input is a list of values: which, two bytes of length, the bytes. */
#include "journal/internal.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { CONTROL_ROOM = 1 << 20, VALUES_MAX = 64 };

static char dir[] = "/tmp/spillway-fuzz-XXXXXX", path[64];
static struct journal *journal;

static void remove_dir(void)
{
    char lock[80];
    journal_close(journal);
    snprintf(lock, sizeof lock, "%s-lock", path);
    (void)unlink(path);
    (void)unlink(lock);
    (void)rmdir(dir);
}

static void open_once(void)
{
    assert(mkdtemp(dir) != NULL);
    snprintf(path, sizeof path, "%s/journal", dir);
    int status = journal_open(path, JOURNAL_WRITE, 8 << 20, NULL, &journal);
    assert(status == OK);
    int rc = mdb_env_set_flags(journal->env, MDB_NOSYNC, 1);
    assert(rc == 0);
    atexit(remove_dir);
}

static void put_value(MDB_txn *txn, uint8_t which, const uint8_t *data, size_t size)
{
    static const char *const names[] = {"identity", "chain", "control", "format"};
    MDB_dbi dbis[] = {journal->records, journal->control, journal->heard, journal->downs};
    MDB_val key, value = {size, (void *)(uintptr_t)data};
    if (which % 8 < 4) {
        key = (MDB_val){strlen(names[which % 4]), (void *)(uintptr_t)names[which % 4]};
        int rc = mdb_put(txn, journal->meta, &key, &value, 0);
        assert(rc == 0 || which % 4 == 3 || rc == MDB_BAD_VALSIZE);
        return;
    }
    /* A key of eight bytes as it has to be, or, with the high bit, of one. */
    size_t n = which >= 128 ? 1 : 8;
    if (size < n) {
        return;
    }
    key = (MDB_val){n, (void *)(uintptr_t)data};
    value = (MDB_val){size - n, (void *)(uintptr_t)(data + n)};
    int rc = mdb_put(txn, dbis[which % 4], &key, &value, 0);
    assert(rc == 0);
}

static void write_values(const uint8_t *data, size_t size)
{
    MDB_txn *txn = NULL;
    int rc = mdb_txn_begin(journal->env, NULL, 0, &txn);
    assert(rc == 0);
    MDB_dbi dbis[] = {journal->meta, journal->records, journal->control, journal->heard,
                      journal->downs};
    for (size_t i = 0; i < sizeof dbis / sizeof dbis[0]; i++) {
        rc = mdb_drop(txn, dbis[i], 0);
        assert(rc == 0);
    }
    for (int n = 0; size >= 3 && n < VALUES_MAX; n++) {
        size_t len = (size_t)data[1] | (size_t)data[2] << 8;
        len = len < size - 3 ? len : size - 3;
        put_value(txn, data[0], data + 3, len);
        data += 3 + len;
        size -= 3 + len;
    }
    rc = mdb_txn_commit(txn);
    assert(rc == 0);
}

static void walk(const struct journal_view *v, enum journal_move from, enum journal_move step)
{
    struct journal_entry e = {0};
    int64_t last = -1;
    int n = 0;
    for (int status = journal_seek(v, from, &e); status == OK; status = journal_seek(v, step, &e)) {
        assert(n == 0 || (step == JOURNAL_NEXT ? e.offset > last : e.offset < last));
        assert(++n <= VALUES_MAX);
        last = e.offset;
    }
}

static void read_values(void)
{
    static uint8_t room[CONTROL_ROOM];
    struct journal_view *v = NULL;
    struct journal_identity identity;
    struct journal_down down;
    struct journal_heard heard;
    struct journal_check check;
    size_t size = 0;
    int64_t applied;
    int status = journal_view_open(journal, &v);
    assert(status == OK);
    status = journal_identity(v, &identity);
    assert(status != OK || memchr(identity.fleet, '\0', sizeof identity.fleet) != NULL);
    if (journal_control_size(v, &size, &applied) == OK && size <= sizeof room) {
        status = journal_control_read(v, room, size);
    }
    status = journal_down(v, "link", 0, &down);
    status = journal_heard(v, 1, &heard);
    walk(v, JOURNAL_FIRST, JOURNAL_NEXT);
    walk(v, JOURNAL_LAST, JOURNAL_PREV);
    status = journal_verify(v, &check);
    assert((status == OK) == (check.fault == NULL));
    journal_view_close(v);
}

/* Each small value by its codec: what is read is written the same. */
static void small_values(const uint8_t *data, size_t size)
{
    static value_codec *const codecs[] = {chain_codec, control_meta_codec, identity_codec,
                                          down_codec, heard_codec};
    union {
        struct chain chain;
        struct control_meta control;
        struct journal_identity identity;
        struct journal_down down;
        struct journal_heard heard;
    } value;
    uint8_t back[META_SIZE];
    for (size_t i = 0; i < sizeof codecs / sizeof codecs[0]; i++) {
        memset(&value, 0, sizeof value);
        struct codec r = codec_reader(data, size, NULL), w = codec_writer(back, sizeof back);
        codecs[i](&r, &value);
        if (codec_finish(&r) == OK) {
            codecs[i](&w, &value);
            assert(codec_finish(&w) == OK && w.pos == size && memcmp(back, data, size) == 0);
        }
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (journal == NULL) {
        open_once();
    }
    small_values(data, size);
    write_values(data, size);
    read_values();
    return 0;
}
