/* test_journal.c: the journal: what was put is there, all or nothing, through crashes, damage and
 * full disks. */
#include "base/rng.h"
#include "journal/journal.h"

#include <check.h>
#include <fcntl.h>
#include <lmdb.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static char dir[64], path[96];

static void setup(void)
{
    strcpy(dir, "/tmp/test-journal-XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(dir));
    snprintf(path, sizeof path, "%s/journal", dir);
}

static void remove_file(const char *suffix)
{
    char name[128];
    snprintf(name, sizeof name, "%s%s", path, suffix);
    (void)unlink(name);
}

static void teardown(void)
{
    remove_file("");
    remove_file("-lock");
    remove_file(".old");
    remove_file(".old-lock");
    ck_assert_int_eq(rmdir(dir), 0);
}

static struct journal *must_open(enum journal_mode mode, size_t map_size)
{
    char room[512];
    struct text why = text_over(room, sizeof room);
    struct journal *j = NULL;
    int status = journal_open(path, mode, map_size, &why, &j);
    ck_assert_msg(status == OK, "%s", room);
    return j;
}

static struct journal_view *must_view(struct journal *j)
{
    struct journal_view *v = NULL;
    ck_assert_int_eq(journal_view_open(j, &v), OK);
    return v;
}

static struct journal_identity identity_of(const char *fleet, uint8_t id, uint64_t era)
{
    struct journal_identity i = {.era = era};
    strcpy(i.fleet, fleet);
    memset(i.log_id.bytes, id, sizeof i.log_id.bytes);
    return i;
}

/* Puts records first..last as one batch each; every third is a heartbeat. The control state grows.
 */
static void put_batch(struct journal *j, int64_t offset)
{
    char record[64], state[20000];
    int n = snprintf(record, sizeof record, "record %lld", (long long)offset);
    memset(state, 'a', sizeof state);
    memcpy(state + (offset * 7) % 19000, record, (size_t)n);
    ck_assert_int_eq(journal_begin(j), OK);
    journal_put_record(j, offset, 0, offset % 3 == 2, record, (size_t)n);
    journal_put_control(j, offset, state, sizeof state - (size_t)(offset % 5) * 3000);
    journal_put_down(j, "beijing-shanghai", 0,
                     &(struct journal_down){(uint32_t)offset, offset % 2 == 1});
    ck_assert_int_eq(journal_commit(j), OK);
}

static struct journal_check must_verify(struct journal *j)
{
    struct journal_view *v = must_view(j);
    struct journal_check check;
    int status = journal_verify(v, &check);
    ck_assert_msg(status == OK, "%d: %s", status, check.fault != NULL ? check.fault : "");
    journal_view_close(v);
    return check;
}

START_TEST(what_was_put_is_there_after_reopening)
{
    struct journal *j = must_open(JOURNAL_WRITE, 0);
    for (int64_t i = 0; i < 30; i++) {
        put_batch(j, i);
    }
    journal_close(j);
    j = must_open(JOURNAL_WRITE, 0);
    struct journal_check check = must_verify(j);
    ck_assert_uint_eq(check.records, 21); /* 20 kept and the newest heartbeat */
    ck_assert_int_eq(check.first_offset, 0);
    ck_assert_int_eq(check.last_offset, 29);
    ck_assert_int_eq(check.applied, 29);
    struct journal_view *v = must_view(j);
    struct journal_down down;
    ck_assert_int_eq(journal_down(v, "beijing-shanghai", 0, &down), OK);
    ck_assert_uint_eq(down.number, 29);
    ck_assert(down.down);
    ck_assert_int_eq(journal_down(v, "beijing-shanghai", 1, &down), OK);
    ck_assert_uint_eq(down.number, 0);
    size_t size;
    int64_t applied;
    ck_assert_int_eq(journal_control_size(v, &size, &applied), OK);
    ck_assert_uint_eq(size, 20000 - 4 * 3000);
    char *state = malloc(size);
    ck_assert_int_eq(journal_control_read(v, state, size - 1), ERR_FULL);
    ck_assert_int_eq(journal_control_read(v, state, size), OK);
    ck_assert_mem_eq(state + 29 * 7, "record 29", 9);
    free(state);
    journal_view_close(v);
    journal_close(j);
}
END_TEST

static struct journal_heard must_heard(struct journal *j, uint16_t partition)
{
    struct journal_view *v = must_view(j);
    struct journal_heard heard;
    ck_assert_int_eq(journal_heard(v, partition, &heard), OK);
    journal_view_close(v);
    return heard;
}

static void put_heard(struct journal *j, uint16_t partition, uint64_t incarnation,
                      uint64_t sequence)
{
    struct journal_heard heard = {.incarnation = incarnation, .sequence = sequence};
    ck_assert_int_eq(journal_begin(j), OK);
    journal_put_heard(j, partition, &heard);
    ck_assert_int_eq(journal_commit(j), OK);
}

/* Throws one database out, as if the file came from before it. */
static void drop_database(const char *name)
{
    MDB_env *env;
    MDB_txn *txn;
    MDB_dbi dbi;
    ck_assert_int_eq(mdb_env_create(&env), 0);
    ck_assert_int_eq(mdb_env_set_maxdbs(env, 8), 0);
    ck_assert_int_eq(mdb_env_open(env, path, MDB_NOSUBDIR, 0600), 0);
    ck_assert_int_eq(mdb_txn_begin(env, NULL, 0, &txn), 0);
    ck_assert_int_eq(mdb_dbi_open(txn, name, 0, &dbi), 0);
    ck_assert_int_eq(mdb_drop(txn, dbi, 1), 0);
    ck_assert_int_eq(mdb_txn_commit(txn), 0);
    mdb_env_close(env);
}

START_TEST(what_was_heard_is_kept_and_older_files_are_read)
{
    struct journal *j = must_open(JOURNAL_WRITE, 0);
    put_batch(j, 0);
    ck_assert_uint_eq(must_heard(j, 319).incarnation, 0);
    put_heard(j, 319, 5, UINT64_MAX);
    put_heard(j, 0, 7, 1);
    journal_close(j);
    j = must_open(JOURNAL_READ, 0);
    ck_assert_uint_eq(must_heard(j, 319).incarnation, 5);
    ck_assert_uint_eq(must_heard(j, 319).sequence, UINT64_MAX);
    ck_assert_uint_eq(must_heard(j, 0).incarnation, 7);
    ck_assert_uint_eq(must_heard(j, 1).incarnation, 0);
    journal_close(j);
    drop_database("heard");
    j = must_open(JOURNAL_READ, 0);
    ck_assert_uint_eq(must_heard(j, 319).incarnation, 0);
    journal_close(j);
    j = must_open(JOURNAL_WRITE, 0);
    put_heard(j, 319, 6, 2);
    ck_assert_uint_eq(must_heard(j, 319).incarnation, 6);
    must_verify(j);
    journal_close(j);
}
END_TEST

START_TEST(records_are_walked_in_both_directions)
{
    struct journal *j = must_open(JOURNAL_WRITE, 0);
    struct journal_view *v = must_view(j);
    struct journal_entry e = {.offset = 7};
    ck_assert_int_eq(journal_seek(v, JOURNAL_FIRST, &e), ERR_NOT_FOUND);
    ck_assert_int_eq(journal_seek(v, JOURNAL_PREV, &e), ERR_NOT_FOUND);
    journal_view_close(v);
    for (int64_t i = 0; i < 9; i++) {
        put_batch(j, i * 1000);
    }
    /* i = 2, 5, 8: i * 1000 % 3 == 2 for 2000, 5000, 8000, and so only 8000 is left of these. */
    static const int64_t kept[] = {0, 1000, 3000, 4000, 6000, 7000, 8000};
    v = must_view(j);
    size_t n = 0;
    int status = journal_seek(v, JOURNAL_FIRST, &e);
    for (; status == OK; status = journal_seek(v, JOURNAL_NEXT, &e)) {
        ck_assert_uint_lt(n, 7);
        ck_assert_int_eq(e.offset, kept[n++]);
        ck_assert_int_eq(e.leaf, e.offset == 8000);
    }
    ck_assert_int_eq(status, ERR_NOT_FOUND);
    ck_assert_uint_eq(n, 7);
    status = journal_seek(v, JOURNAL_LAST, &e);
    for (; status == OK; status = journal_seek(v, JOURNAL_PREV, &e)) {
        ck_assert_int_eq(e.offset, kept[--n]);
    }
    ck_assert_int_eq(status, ERR_NOT_FOUND);
    ck_assert_uint_eq(n, 0);
    e.offset = 3500;
    ck_assert_int_eq(journal_seek(v, JOURNAL_AT, &e), ERR_NOT_FOUND);
    ck_assert_int_eq(journal_seek(v, JOURNAL_FROM, &e), OK);
    ck_assert_int_eq(e.offset, 4000);
    ck_assert_uint_eq(e.size, strlen("record 4000"));
    ck_assert_mem_eq(e.bytes, "record 4000", e.size);
    e.offset = 99999;
    ck_assert_int_eq(journal_seek(v, JOURNAL_PREV, &e), OK);
    ck_assert_int_eq(e.offset, 8000);
    journal_view_close(v);
    journal_close(j);
}
END_TEST

START_TEST(what_is_pruned_is_gone_and_the_rest_verifies)
{
    struct journal *j = must_open(JOURNAL_WRITE, 0);
    for (int64_t i = 0; i < 12; i++) {
        put_batch(j, i);
    }
    struct journal_check whole = must_verify(j);
    ck_assert_int_eq(journal_begin(j), OK);
    journal_prune(j, 5); /* a heartbeat: it is not kept, and so nothing is pruned */
    ck_assert_int_eq(journal_commit(j), ERR_NOT_FOUND);
    ck_assert_int_eq(must_verify(j).first_offset, 0);
    ck_assert_int_eq(journal_begin(j), OK);
    journal_prune(j, 6);
    ck_assert_int_eq(journal_commit(j), OK);
    struct journal_check rest = must_verify(j);
    ck_assert_int_eq(rest.first_offset, 6);
    ck_assert_int_eq(rest.last_offset, 11);
    ck_assert_int_eq(digest_compare(&rest.head, &whole.head), 0);
    ck_assert_int_eq(journal_begin(j), OK);
    journal_prune(j, 11); /* the newest, a heartbeat, alone */
    ck_assert_int_eq(journal_commit(j), OK);
    journal_close(j);
    j = must_open(JOURNAL_WRITE, 0);
    put_batch(j, 12);
    rest = must_verify(j);
    ck_assert_int_eq(rest.first_offset, 11);
    ck_assert_uint_eq(rest.records, 2);
    journal_close(j);
}
END_TEST

START_TEST(a_restart_behind_a_snapshot_keeps_the_downs)
{
    struct journal *j = must_open(JOURNAL_WRITE, 0);
    struct digest base = sha256_of("snapshot", 8);
    struct journal_down down;
    put_batch(j, 0);
    put_batch(j, 1);
    ck_assert_int_eq(journal_begin(j), OK);
    journal_put_restart(j, &base);
    journal_put_record(j, 700, 0, false, "behind it", 9);
    journal_put_control(j, 700, "state", 5);
    ck_assert_int_eq(journal_commit(j), OK);
    struct journal_check check = must_verify(j);
    ck_assert_int_eq(check.first_offset, 700);
    ck_assert_uint_eq(check.records, 1);
    struct journal_view *v = must_view(j);
    ck_assert_int_eq(journal_down(v, "beijing-shanghai", 0, &down), OK);
    ck_assert_uint_eq(down.number, 1);
    journal_view_close(v);
    journal_close(j);
}
END_TEST

START_TEST(a_failed_transaction_leaves_nothing)
{
    struct journal *j = must_open(JOURNAL_WRITE, 0);
    put_batch(j, 0);
    put_batch(j, 1);
    ck_assert_int_eq(journal_begin(j), OK);
    journal_put_down(j, "coast", 1, &(struct journal_down){5, true});
    journal_put_record(j, 1, 0, false, "again", 5); /* not after the newest */
    journal_put_record(j, 2, 0, false, "two", 3);
    ck_assert_int_eq(journal_commit(j), ERR_INVARIANT);
    ck_assert_ptr_nonnull(strstr(journal_why(j), path));
    struct journal_view *v = must_view(j);
    struct journal_down down;
    ck_assert_int_eq(journal_down(v, "coast", 1, &down), OK);
    ck_assert_uint_eq(down.number, 0);
    journal_view_close(v);
    ck_assert_int_eq(must_verify(j).last_offset, 1);
    put_batch(j, 2); /* the next transaction works */
    must_verify(j);
    journal_close(j);
}
END_TEST

START_TEST(the_chain_is_the_same_without_heartbeats)
{
    struct digest heads[2];
    for (int with = 0; with < 2; with++) {
        struct journal *j = must_open(JOURNAL_WRITE, 0);
        ck_assert_int_eq(journal_begin(j), OK);
        for (int64_t i = 0; i < 20; i++) {
            if (i % 3 != 2 || with == 1) {
                journal_put_record(j, i, 0, i % 3 == 2, &i, sizeof i);
            }
        }
        ck_assert_int_eq(journal_commit(j), OK);
        heads[with] = must_verify(j).head;
        journal_close(j);
        remove_file("");
        remove_file("-lock");
    }
    ck_assert_int_eq(digest_compare(&heads[0], &heads[1]), 0);
}
END_TEST

/* Finds text in the file and damages it there; returns how often. */
static int damage(const char *text)
{
    FILE *f = fopen(path, "r+b");
    ck_assert_ptr_nonnull(f);
    struct stat st;
    ck_assert_int_eq(fstat(fileno(f), &st), 0);
    char *all = malloc((size_t)st.st_size);
    ck_assert_uint_eq(fread(all, 1, (size_t)st.st_size, f), (size_t)st.st_size);
    int n = 0;
    size_t len = strlen(text);
    for (long i = 0; i + (long)len <= st.st_size; i++) {
        if (memcmp(all + i, text, len) == 0) {
            ck_assert_int_eq(fseek(f, i, SEEK_SET), 0);
            fputc('X', f);
            n++;
        }
    }
    free(all);
    ck_assert_int_eq(fclose(f), 0);
    return n;
}

static struct journal_check verify_damaged(void)
{
    struct journal *j = must_open(JOURNAL_READ, 0);
    struct journal_view *v = must_view(j);
    struct journal_check check;
    ck_assert_int_eq(journal_verify(v, &check), ERR_CORRUPT);
    ck_assert_ptr_nonnull(check.fault);
    journal_view_close(v);
    journal_close(j);
    return check;
}

START_TEST(damage_in_a_record_is_found)
{
    struct journal *j = must_open(JOURNAL_WRITE, 0);
    for (int64_t i = 0; i < 10; i++) {
        ck_assert_int_eq(journal_begin(j), OK);
        char record[32];
        int n = snprintf(record, sizeof record, "payload <%lld>", (long long)i);
        journal_put_record(j, i, 0, false, record, (size_t)n);
        ck_assert_int_eq(journal_commit(j), OK);
    }
    must_verify(j);
    journal_close(j);
    ck_assert_int_gt(damage("payload <6>"), 0);
    ck_assert_int_eq(verify_damaged().bad_offset, 6);
}
END_TEST

START_TEST(damage_in_the_control_state_is_found)
{
    char state[30000];
    memset(state, 'c', sizeof state);
    memcpy(state + 21000, "needle", 6);
    struct journal *j = must_open(JOURNAL_WRITE, 0);
    ck_assert_int_eq(journal_begin(j), OK);
    journal_put_record(j, 0, 0, false, "r", 1);
    journal_put_control(j, 0, state, sizeof state);
    ck_assert_int_eq(journal_commit(j), OK);
    journal_close(j);
    ck_assert_int_eq(damage("needle"), 1);
    ck_assert_int_eq(verify_damaged().bad_offset, -1);
    j = must_open(JOURNAL_READ, 0);
    struct journal_view *v = must_view(j);
    ck_assert_int_eq(journal_control_read(v, state, sizeof state), ERR_CORRUPT);
    journal_view_close(v);
    journal_close(j);
}
END_TEST

/* _i: offset of the record that is taken out; 4 is the newest of all, 3 has others behind it. */
START_TEST(a_lost_record_is_found)
{
    struct journal *j = must_open(JOURNAL_WRITE, 0);
    ck_assert_int_eq(journal_begin(j), OK);
    for (int64_t i = 0; i < 5; i++) {
        journal_put_record(j, i, 0, false, &i, sizeof i);
    }
    ck_assert_int_eq(journal_commit(j), OK);
    journal_close(j);
    /* By LMDB's own means, as a person with a tool might. */
    MDB_env *env;
    MDB_txn *txn;
    MDB_dbi records;
    uint8_t offset[8] = {[7] = (uint8_t)_i};
    MDB_val key = {sizeof offset, offset};
    ck_assert_int_eq(mdb_env_create(&env), 0);
    ck_assert_int_eq(mdb_env_set_maxdbs(env, 8), 0);
    ck_assert_int_eq(mdb_env_open(env, path, MDB_NOSUBDIR, 0600), 0);
    ck_assert_int_eq(mdb_txn_begin(env, NULL, 0, &txn), 0);
    ck_assert_int_eq(mdb_dbi_open(txn, "records", 0, &records), 0);
    ck_assert_int_eq(mdb_del(txn, records, &key, NULL), 0);
    ck_assert_int_eq(mdb_txn_commit(txn), 0);
    mdb_env_close(env);
    verify_damaged();
}
END_TEST

START_TEST(a_file_cut_off_is_refused)
{
    struct journal *j = must_open(JOURNAL_WRITE, 0);
    for (int64_t i = 0; i < 50; i++) {
        put_batch(j, i);
    }
    journal_close(j);
    struct stat st;
    ck_assert_int_eq(stat(path, &st), 0);
    ck_assert_int_eq(truncate(path, st.st_size / 2), 0);
    ck_assert_int_eq(journal_open(path, JOURNAL_READ, 0, NULL, &j), ERR_CORRUPT);
}
END_TEST

/* Fills until it is full; returns the first offset that did not go in. */
static int64_t fill(struct journal *j)
{
    static char record[10000];
    for (int64_t i = 0;; i++) {
        ck_assert_int_lt(i, 10000);
        memset(record, (int)i, sizeof record);
        int status = journal_begin(j);
        journal_put_record(j, i, 0, false, record, sizeof record);
        journal_put_control(j, i, &i, sizeof i);
        if (status == OK) {
            status = journal_commit(j);
        }
        if (status != OK) {
            ck_assert_int_eq(status, ERR_DISK_FULL);
            ck_assert_ptr_nonnull(strstr(journal_why(j), "journal_map_size"));
            return i;
        }
    }
}

START_TEST(a_full_map_overwrites_nothing)
{
    struct journal *j = must_open(JOURNAL_WRITE, 300 * 1024);
    int64_t full = fill(j);
    ck_assert_int_gt(full, 3);
    struct journal_check check = must_verify(j);
    ck_assert_int_eq(check.last_offset, full - 1);
    ck_assert_int_eq(check.applied, full - 1);
    journal_close(j);
    j = must_open(JOURNAL_WRITE, 3000 * 1024); /* a larger map goes on where it was */
    ck_assert_int_eq(must_verify(j).last_offset, full - 1);
    put_batch(j, full);
    journal_close(j);
}
END_TEST

/* _i: by how many bytes the disk's end is off a page: a write may then be cut in the middle. */
START_TEST(a_full_disk_overwrites_nothing)
{
    pid_t child = fork();
    if (child == 0) {
        struct rlimit limit = {(rlim_t)(200 * 1024 + _i * 1000), RLIM_INFINITY};
        signal(SIGXFSZ, SIG_IGN);
        setrlimit(RLIMIT_FSIZE, &limit);
        struct journal *j = NULL;
        if (journal_open(path, JOURNAL_WRITE, 0, NULL, &j) != OK) {
            _exit(99);
        }
        _exit((int)fill(j));
    }
    int wstatus;
    ck_assert_int_eq(waitpid(child, &wstatus, 0), child);
    ck_assert(WIFEXITED(wstatus));
    int full = WEXITSTATUS(wstatus);
    ck_assert_int_gt(full, 3);
    ck_assert_int_lt(full, 99);
    struct journal *j = must_open(JOURNAL_WRITE, 0);
    ck_assert_int_eq(must_verify(j).last_offset, full - 1);
    put_batch(j, full);
    journal_close(j);
}
END_TEST

START_TEST(another_log_is_refused)
{
    struct journal_identity ours = identity_of("three-idc", 1, 1),
                            other = identity_of("three-idc", 2, 1);
    struct journal_identity fleet = identity_of("four-idc", 1, 1), read;
    struct journal *j = must_open(JOURNAL_WRITE, 0);
    struct journal_view *v = must_view(j);
    ck_assert_int_eq(journal_identity(v, &read), ERR_NOT_FOUND);
    journal_view_close(v);
    ck_assert_int_eq(journal_begin(j), OK);
    journal_put_identity(j, &ours);
    journal_put_identity(j, &ours);
    ck_assert_int_eq(journal_commit(j), OK);
    const struct journal_identity *wrong[] = {&other, &fleet};
    for (size_t i = 0; i < 2; i++) {
        ck_assert_int_eq(journal_begin(j), OK);
        journal_put_identity(j, wrong[i]);
        journal_put_record(j, 0, 0, false, "x", 1);
        ck_assert_int_eq(journal_commit(j), ERR_FOREIGN);
        ck_assert_ptr_nonnull(strstr(journal_why(j), "move the journal away"));
    }
    ck_assert_uint_eq(must_verify(j).records, 0);
    v = must_view(j);
    ck_assert_int_eq(journal_identity(v, &read), OK);
    ck_assert_mem_eq(&read.log_id, &ours.log_id, sizeof read.log_id);
    ck_assert_str_eq(read.fleet, "three-idc");
    journal_view_close(v);
    journal_close(j);
}
END_TEST

START_TEST(a_successor_keeps_the_downs_and_the_archive_the_rest)
{
    struct journal_identity ours = identity_of("three-idc", 1, 1),
                            next = identity_of("three-idc", 2, 2);
    struct journal_identity same_era = identity_of("three-idc", 2, 1);
    struct journal *j = must_open(JOURNAL_WRITE, 0);
    ck_assert_int_eq(journal_begin(j), OK);
    journal_put_identity(j, &ours);
    ck_assert_int_eq(journal_commit(j), OK);
    for (int64_t i = 0; i < 10; i++) {
        put_batch(j, i);
    }
    ck_assert_int_eq(journal_begin(j), OK);
    journal_put_successor(j, &same_era);
    ck_assert_int_eq(journal_commit(j), ERR_FOREIGN);
    char old[128];
    snprintf(old, sizeof old, "%s.old", path);
    ck_assert_int_eq(journal_archive(j, old), OK);
    ck_assert_int_eq(journal_archive(j, old), ERR_EXISTS);
    ck_assert_int_eq(journal_begin(j), OK);
    journal_put_successor(j, &next);
    journal_put_record(j, 0, 0, false, "genesis", 7);
    ck_assert_int_eq(journal_commit(j), OK);
    struct journal_check check = must_verify(j);
    ck_assert_uint_eq(check.records, 1);
    ck_assert_int_eq(check.applied, -1);
    struct journal_view *v = must_view(j);
    struct journal_down down;
    ck_assert_int_eq(journal_down(v, "beijing-shanghai", 0, &down), OK);
    ck_assert_uint_eq(down.number, 9);
    journal_view_close(v);
    journal_close(j);
    ck_assert_int_eq(journal_open(old, JOURNAL_READ, 0, NULL, &j), OK);
    ck_assert_int_eq(must_verify(j).last_offset, 9);
    journal_close(j);
}
END_TEST

START_TEST(what_is_no_journal_is_left_alone)
{
    struct journal *j = NULL;
    char room[512];
    struct text why = text_over(room, sizeof room);
    ck_assert_int_eq(journal_open(path, JOURNAL_READ, 0, &why, &j), ERR_NOT_FOUND);
    FILE *f = fopen(path, "wb");
    for (int i = 0; i < 9000; i++) {
        fputc('z', f);
    }
    ck_assert_int_eq(fclose(f), 0);
    ck_assert_int_eq(journal_open(path, JOURNAL_WRITE, 0, NULL, &j), ERR_FOREIGN);
    ck_assert_int_eq(journal_open(path, JOURNAL_READ, 0, NULL, &j), ERR_FOREIGN);
    ck_assert_int_eq(damage("zzz"), 8998);
    remove_file("");
    remove_file("-lock");
    MDB_env *env; /* an LMDB file of something else */
    MDB_txn *txn;
    MDB_dbi dbi;
    MDB_val key = {1, (void *)(uintptr_t) "k"};
    ck_assert_int_eq(mdb_env_create(&env), 0);
    ck_assert_int_eq(mdb_env_open(env, path, MDB_NOSUBDIR, 0600), 0);
    ck_assert_int_eq(mdb_txn_begin(env, NULL, 0, &txn), 0);
    ck_assert_int_eq(mdb_dbi_open(txn, NULL, 0, &dbi), 0);
    ck_assert_int_eq(mdb_put(txn, dbi, &key, &key, 0), 0);
    ck_assert_int_eq(mdb_txn_commit(txn), 0);
    mdb_env_close(env);
    ck_assert_int_eq(journal_open(path, JOURNAL_WRITE, 0, NULL, &j), ERR_FOREIGN);
    ck_assert_int_eq(journal_open(path, JOURNAL_READ, 0, NULL, &j), ERR_FOREIGN);
    ck_assert_int_eq(journal_open("/nonexistent/journal", JOURNAL_WRITE, 0, NULL, &j),
                     ERR_NOT_FOUND);
}
END_TEST

/* Writes until it is killed, telling each acknowledged offset through a pipe. */
static void write_until_killed(int pipe_fd, int64_t from)
{
    struct journal *j = NULL;
    if (journal_open(path, JOURNAL_WRITE, 0, NULL, &j) != OK) {
        _exit(1);
    }
    for (int64_t i = from;; i++) {
        char record[64], state[9000];
        int n = snprintf(record, sizeof record, "record %lld", (long long)i);
        memset(state, (int)i, sizeof state);
        if (journal_begin(j) != OK) {
            _exit(1);
        }
        journal_put_record(j, i, 0, i % 3 == 2, record, (size_t)n);
        journal_put_control(j, i, state, sizeof state);
        journal_put_down(j, "l", 0, &(struct journal_down){(uint32_t)i, false});
        if (journal_commit(j) != OK || write(pipe_fd, &i, sizeof i) != sizeof i) {
            _exit(1);
        }
    }
}

START_TEST(kill_9_loses_nothing_acknowledged)
{
    struct rng rng = rng_init(42);
    int64_t acknowledged = -1;
    for (int round = 0; round < 12; round++) {
        int fds[2];
        ck_assert_int_eq(pipe(fds), 0);
        pid_t child = fork();
        if (child == 0) {
            close(fds[0]);
            write_until_killed(fds[1], acknowledged + 1);
        }
        close(fds[1]);
        uint64_t until = 1 + rng_below(&rng, 30);
        int64_t offset;
        for (uint64_t n = 0; n < until; n++) {
            ck_assert_int_eq(read(fds[0], &offset, sizeof offset), sizeof offset);
            acknowledged = offset;
        }
        ck_assert_int_eq(kill(child, SIGKILL), 0);
        ck_assert_int_eq(waitpid(child, NULL, 0), child);
        while (read(fds[0], &offset, sizeof offset) == sizeof offset) {
            acknowledged = offset;
        }
        close(fds[0]);
        struct journal *j = must_open(JOURNAL_WRITE, 0);
        struct journal_check check = must_verify(j);
        ck_assert_int_ge(check.last_offset, acknowledged); /* one more may be in, unacknowledged */
        ck_assert_int_le(check.last_offset, acknowledged + 1);
        ck_assert_int_eq(check.applied, check.last_offset);
        struct journal_view *v = must_view(j);
        struct journal_down down;
        ck_assert_int_eq(journal_down(v, "l", 0, &down), OK);
        ck_assert_int_eq(down.number, check.last_offset);
        journal_view_close(v);
        journal_close(j);
        acknowledged = check.last_offset;
    }
}
END_TEST

START_TEST(a_reader_sees_whole_transactions_of_a_living_writer)
{
    int fds[2];
    ck_assert_int_eq(pipe(fds), 0);
    pid_t child = fork();
    if (child == 0) {
        close(fds[0]);
        write_until_killed(fds[1], 0);
    }
    close(fds[1]);
    int64_t offset;
    ck_assert_int_eq(read(fds[0], &offset, sizeof offset), sizeof offset);
    struct journal *j = NULL, *second = NULL;
    ck_assert_int_eq(journal_open(path, JOURNAL_WRITE, 0, NULL, &second), ERR_BUSY);
    j = must_open(JOURNAL_READ, 0);
    for (int round = 0; round < 20; round++) {
        ck_assert_int_eq(read(fds[0], &offset, sizeof offset), sizeof offset);
        struct journal_check check = must_verify(j);
        ck_assert_int_ge(check.last_offset, offset);
        ck_assert_int_eq(check.applied, check.last_offset);
    }
    ck_assert_int_eq(kill(child, SIGKILL), 0);
    ck_assert_int_eq(waitpid(child, NULL, 0), child);
    close(fds[0]);
    must_verify(j); /* and of a dead one */
    journal_close(j);
}
END_TEST

START_TEST(a_reader_that_died_does_not_pin_pages)
{
    struct journal *j = must_open(JOURNAL_WRITE, 400 * 1024);
    put_batch(j, 0);
    pid_t child = fork();
    if (child == 0) {
        struct journal *r = NULL;
        struct journal_view *v = NULL;
        if (journal_open(path, JOURNAL_READ, 0, NULL, &r) != OK || journal_view_open(r, &v) != OK) {
            _exit(1);
        }
        _exit(0); /* with its snapshot still open */
    }
    int wstatus;
    ck_assert_int_eq(waitpid(child, &wstatus, 0), child);
    ck_assert_int_eq(WEXITSTATUS(wstatus), 0);
    static char state[20000];
    for (int64_t i = 1; i < 1000; i++) { /* 20 MB through a map of 400 KB */
        memset(state, (int)i, sizeof state);
        ck_assert_int_eq(journal_begin(j), OK);
        journal_put_control(j, 0, state, sizeof state);
        ck_assert_msg(journal_commit(j) == OK, "%s", journal_why(j));
    }
    journal_close(j);
}
END_TEST

static Suite *journal_suite(void)
{
    Suite *s = suite_create("journal");
    TCase *t = tcase_create("journal");
    tcase_set_timeout(t, 60);
    tcase_add_checked_fixture(t, setup, teardown);
    tcase_add_test(t, what_was_put_is_there_after_reopening);
    tcase_add_test(t, what_was_heard_is_kept_and_older_files_are_read);
    tcase_add_test(t, records_are_walked_in_both_directions);
    tcase_add_test(t, what_is_pruned_is_gone_and_the_rest_verifies);
    tcase_add_test(t, a_restart_behind_a_snapshot_keeps_the_downs);
    tcase_add_test(t, a_failed_transaction_leaves_nothing);
    tcase_add_test(t, the_chain_is_the_same_without_heartbeats);
    tcase_add_test(t, damage_in_a_record_is_found);
    tcase_add_test(t, damage_in_the_control_state_is_found);
    tcase_add_loop_test(t, a_lost_record_is_found, 3, 5);
    tcase_add_test(t, a_file_cut_off_is_refused);
    tcase_add_test(t, a_full_map_overwrites_nothing);
    tcase_add_loop_test(t, a_full_disk_overwrites_nothing, 0, 30);
    tcase_add_test(t, another_log_is_refused);
    tcase_add_test(t, a_successor_keeps_the_downs_and_the_archive_the_rest);
    tcase_add_test(t, what_is_no_journal_is_left_alone);
    tcase_add_test(t, kill_9_loses_nothing_acknowledged);
    tcase_add_test(t, a_reader_sees_whole_transactions_of_a_living_writer);
    tcase_add_test(t, a_reader_that_died_does_not_pin_pages);
    suite_add_tcase(s, t);
    return s;
}

int main(void)
{
    SRunner *runner = srunner_create(journal_suite());
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? 0 : 1;
}
