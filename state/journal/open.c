/* open.c: opening, binding and closing a journal file; refusals name the remedy and change nothing.
 */
#include "journal/internal.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum { MAX_DATABASES = 8, MAX_READERS = 64 };

static void format_codec(struct codec *c, void *value)
{
    codec_u32(c, value);
}

static int refuse(const char *path, const char *what, int status, int rc, struct text *why)
{
    if (why != NULL) {
        journal_explain(path, what, status, rc, why);
    }
    return status;
}

/* LMDB trusts its file: a page behind the end would be a SIGBUS. So a file that is shorter than its
 * own account is refused by readers; the writer keeps it as long as that (see journal_cover_pages).
 */
static bool file_is_short(struct journal *j, off_t *ret_expected)
{
    MDB_envinfo info;
    MDB_stat stat;
    struct stat file;
    int fd;
    if (mdb_env_info(j->env, &info) != 0 || mdb_env_stat(j->env, &stat) != 0 ||
        mdb_env_get_fd(j->env, &fd) != 0 || fstat(fd, &file) != 0) {
        return false;
    }
    *ret_expected = (off_t)(info.me_last_pgno + 1) * (off_t)stat.ms_psize;
    return file.st_size < *ret_expected;
}

/* A reader may look between a writer's commit and its journal_cover_pages(): it looks again before
 * it believes in damage. */
static bool file_was_cut(struct journal *j)
{
    off_t expected;
    for (int tries = 0; tries < 5; tries++) {
        if (!file_is_short(j, &expected)) {
            return false;
        }
        (void)nanosleep(&(struct timespec){.tv_nsec = 4000000}, NULL);
    }
    return true;
}

/* LMDB may leave the last pages of a file unwritten when they are free. The writer adds them as
 * zeros, so that a short file always means damage to readers, and damage is then found by hashes
 * and not by a signal. */
int journal_cover_pages(struct journal *j)
{
    off_t expected;
    int fd;
    if (!file_is_short(j, &expected) || mdb_env_get_fd(j->env, &fd) != 0) {
        return OK;
    }
    return ftruncate(fd, expected) == 0 ? OK : journal_error(errno);
}

/* One writer: a lock on the data file itself, which dies with its process. */
static int lock_writer(struct journal *j)
{
    int fd;
    int rc = mdb_env_get_fd(j->env, &fd);
    if (rc != 0) {
        return rc;
    }
    return flock(fd, LOCK_EX | LOCK_NB) == 0 ? 0 : errno;
}

static int open_environment(struct journal *j, size_t map_size, struct text *why)
{
    const char *what = "cannot open";
    unsigned flags = MDB_NOSUBDIR | MDB_NOTLS;
    if (j->mode == JOURNAL_READ) {
        flags |= MDB_RDONLY;
    }
    int rc = mdb_env_create(&j->env);
    if (rc == 0) {
        rc = mdb_env_set_maxdbs(j->env, MAX_DATABASES);
    }
    if (rc == 0) {
        rc = mdb_env_set_maxreaders(j->env, MAX_READERS);
    }
    if (rc == 0 && j->mode == JOURNAL_WRITE) {
        size_t mb = (size_t)1024 * 1024;
        rc = mdb_env_set_mapsize(j->env, map_size != 0 ? map_size : JOURNAL_MAP_DEFAULT_MB * mb);
    }
    if (rc == 0) {
        rc = mdb_env_open(j->env, j->path, flags, 0600);
    }
    if (rc == 0 && j->mode == JOURNAL_WRITE) {
        rc = lock_writer(j);
        what = "another process writes it";
        rc = rc == EWOULDBLOCK ? EAGAIN : rc;
    }
    if (rc != 0) {
        int status = journal_error(rc);
        what = status == ERR_FOREIGN ? "not a journal of Spillway" : what;
        return refuse(j->path, what, status, rc, why);
    }
    int dead;
    (void)mdb_reader_check(j->env, &dead);
    return OK;
}

/* Tells an empty file from a file of something else. */
static int check_owner(struct journal *j, MDB_txn *txn, bool *ret_empty)
{
    MDB_dbi root;
    MDB_stat stat;
    int rc = mdb_dbi_open(txn, NULL, 0, &root);
    if (rc == 0) {
        rc = mdb_stat(txn, root, &stat);
    }
    if (rc != 0) {
        return journal_error(rc);
    }
    *ret_empty = stat.ms_entries == 0;
    rc = mdb_dbi_open(txn, "meta", 0, &j->meta);
    if (rc == MDB_NOTFOUND) {
        return *ret_empty ? OK : ERR_FOREIGN;
    }
    if (rc != 0) {
        return rc == MDB_INCOMPATIBLE ? ERR_FOREIGN : journal_error(rc);
    }
    uint32_t format = 0;
    int status = journal_value_get(txn, j->meta, "format", format_codec, &format);
    if (status != OK) {
        return status == ERR_NOT_FOUND ? ERR_FOREIGN : status;
    }
    return format > JOURNAL_FORMAT ? ERR_VERSION : OK;
}

/* Came after the first journals: a writer adds it to theirs, a reader does without. */
static int open_heard(struct journal *j, MDB_txn *txn)
{
    unsigned flags = j->mode == JOURNAL_WRITE ? MDB_CREATE : 0;
    int rc = mdb_dbi_open(txn, "heard", flags, &j->heard);
    j->no_heard = rc == MDB_NOTFOUND;
    return j->no_heard ? OK : journal_error(rc);
}

static int open_databases(struct journal *j, MDB_txn *txn, bool create)
{
    unsigned flags = create ? MDB_CREATE : 0;
    struct {
        const char *name;
        MDB_dbi *dbi;
    } all[] = {{"meta", &j->meta},
               {"records", &j->records},
               {"control", &j->control},
               {"downs", &j->downs}};
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) {
        int rc = mdb_dbi_open(txn, all[i].name, flags, all[i].dbi);
        if (rc != 0) {
            return rc == MDB_NOTFOUND ? ERR_CORRUPT : journal_error(rc);
        }
    }
    int status = open_heard(j, txn);
    if (status != OK) {
        return status;
    }
    if (create) {
        uint32_t format = JOURNAL_FORMAT;
        struct chain chain = {.newest = -1, .leaf = -1};
        int rc = journal_value_put(txn, j->meta, "format", format_codec, &format);
        if (rc == 0) {
            rc = journal_value_put(txn, j->meta, "chain", chain_codec, &chain);
        }
        return journal_error(rc);
    }
    return OK;
}

/* Handles of databases live on only when the transaction that opened them commits, a reading one
 * too. */
static int open_content(struct journal *j, struct text *why)
{
    MDB_txn *txn = NULL;
    bool empty = false;
    int rc = mdb_txn_begin(j->env, NULL, j->mode == JOURNAL_READ ? MDB_RDONLY : 0, &txn);
    if (rc != 0) {
        return refuse(j->path, "cannot read", journal_error(rc), rc, why);
    }
    const char *what = "cannot read";
    int status = check_owner(j, txn, &empty);
    if (status == ERR_FOREIGN) {
        what = "not a journal of Spillway";
    } else if (status == OK && empty && j->mode == JOURNAL_READ) {
        what = "nothing is in it yet";
        status = ERR_NOT_FOUND;
    }
    if (status == OK) {
        status = open_databases(j, txn, empty);
    }
    if (status == OK) {
        status = journal_value_get(txn, j->meta, "chain", chain_codec, &j->chain);
        status = status == ERR_NOT_FOUND ? ERR_CORRUPT : status;
    }
    if (status != OK) {
        mdb_txn_abort(txn);
        return refuse(j->path, what, status, 0, why);
    }
    rc = mdb_txn_commit(txn);
    return rc == 0 ? OK : refuse(j->path, "cannot create", journal_error(rc), rc, why);
}

int journal_open(const char *path, enum journal_mode mode, size_t map_size, struct text *why,
                 struct journal **ret_j)
{
    struct stat file;
    if (mode == JOURNAL_READ && stat(path, &file) != 0) {
        return refuse(path, "cannot open", journal_error(errno), errno, why);
    }
    struct journal *j = calloc(1, sizeof *j);
    char *copy = strdup(path);
    if (j == NULL || copy == NULL) {
        free(j);
        free(copy);
        return refuse(path, "cannot open", ERR_MEMORY, 0, why);
    }
    j->path = copy;
    j->mode = mode;
    int status = open_environment(j, map_size, why);
    if (status == OK && mode == JOURNAL_READ && file_was_cut(j)) {
        status = refuse(path, "the file was cut off", ERR_CORRUPT, 0, why);
    }
    if (status == OK && mode == JOURNAL_WRITE) {
        status = journal_cover_pages(j);
    }
    if (status == OK) {
        status = open_content(j, why);
    }
    if (status != OK) {
        journal_close(j);
        return status;
    }
    *ret_j = j;
    return OK;
}

void journal_close(struct journal *j)
{
    if (j == NULL) {
        return;
    }
    journal_abort(j);
    if (j->env != NULL) {
        mdb_env_close(j->env);
    }
    free(j->path);
    free(j);
}

int journal_archive(struct journal *j, const char *path)
{
    if (access(path, F_OK) == 0) {
        return ERR_EXISTS;
    }
    size_t size = strlen(path) + sizeof ".part";
    char *part = malloc(size);
    if (part == NULL) {
        return ERR_MEMORY;
    }
    snprintf(part, size, "%s.part", path);
    (void)unlink(part); /* of an archiving that a crash ended */
    int rc = mdb_env_copy2(j->env, part, MDB_CP_COMPACT);
    if (rc == 0 && rename(part, path) != 0) {
        rc = errno;
    }
    if (rc != 0) {
        (void)unlink(part);
    }
    free(part);
    return journal_error(rc);
}

const char *journal_why(const struct journal *j)
{
    return j->why;
}
