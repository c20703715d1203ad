/* journal.h: what this host knows of the log, in LMDB: records, control state, local state (ADR 7).
 *
 * One process writes, any number read (the CLI, also while the daemon lives or is dead). All of one
 * wake of the daemon is one transaction: either its records, the control state at the last of them
 * and the local state are there, or none of them is.
 *
 * Records are hash-chained: chain(n) = SHA-256(chain(n-1) | offset | outcome | size | bytes).
 * Heartbeats are leaves: of them only the newest is kept; its hash is made the same way from the
 * chain's head, but nothing builds on it. So the chain needs no heartbeat to be verified, and is
 * equal on every replica that started at the same record. */
#ifndef SPILLWAY_JOURNAL_JOURNAL_H
#define SPILLWAY_JOURNAL_JOURNAL_H

#include "base/error.h"
#include "base/sha256.h"
#include "base/text.h"
#include "model/plan.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct journal;      /* an open journal */
struct journal_view; /* a read-only snapshot of one; keep it short, it pins old pages */

enum journal_mode {
    JOURNAL_READ,  /* the file must exist; works beside a living writer */
    JOURNAL_WRITE, /* created when absent, mode 0600; one writer only (else ERR_BUSY) */
};

enum {
    JOURNAL_OUTCOME_UNKNOWN = 0xff, /* of a record: the fold's word is not known */
    JOURNAL_LINK_NAME_MAX = 63,     /* bytes of a link's name */
    JOURNAL_MAP_DEFAULT_MB = 1024,  /* address space, not disk: the file grows as needed */
};

/* Opens the journal file at path (beside it LMDB keeps path-lock). map_size is its largest size in
 * bytes; 0 takes the default; ignored for JOURNAL_READ. Stale readers are cleared. On failure why
 * (may be NULL) gets a sentence with the remedy: ERR_NOT_FOUND  JOURNAL_READ and no file ERR_BUSY
 * JOURNAL_WRITE and another process writes it ERR_FOREIGN    the file is not a journal of Spillway
 *   ERR_VERSION    written by a newer version
 *   ERR_CORRUPT, ERR_PERMISSION, ERR_DISK_FULL, ERR_IO, ERR_MEMORY */
int journal_open(const char *path, enum journal_mode mode, size_t map_size, struct text *why,
                 struct journal **ret_j) MUST_CHECK;
/* NULL-safe. Views must be closed before; an open transaction is aborted. */
void journal_close(struct journal *j);

/* Whose log this is. */
struct journal_identity {
    char fleet[FLEET_NAME_SIZE];
    struct log_id log_id;
    uint64_t era;
};

/* -- Writing: begin, put, commit. The first failure sticks: later puts do nothing and commit
 * returns it with nothing changed on disk. ERR_DISK_FULL: map or disk is full, nothing was
 * overwritten. */
int journal_begin(struct journal *j) MUST_CHECK;
/* Binds an empty journal to a log; the same identity again is fine, another one is ERR_FOREIGN. */
void journal_put_identity(struct journal *j, const struct journal_identity *identity);
/* Leaves the old log for its successor: records and control state are dropped, local state stays.
 * Only onto a higher era (else ERR_FOREIGN). journal_archive() first. */
void journal_put_successor(struct journal *j, const struct journal_identity *identity);
/* Appends the record of this offset, encoded as it was read. Offsets must grow (else
 * ERR_INVARIANT). outcome: the fold's word (enum fold_void), or JOURNAL_OUTCOME_UNKNOWN. leaf: a
 * heartbeat, which replaces the previous leaf. */
void journal_put_record(struct journal *j, int64_t offset, uint8_t outcome, bool leaf,
                        const void *bytes, size_t size);
/* The control state in canonical form after the record at applied. Only changed pages are written.
 */
void journal_put_control(struct journal *j, int64_t applied, const void *bytes, size_t size);
/* Forgets all records, for those behind a snapshot: the chain begins anew, with base before the
 * first. Identity and local state stay; the control state is put with what follows. */
void journal_put_restart(struct journal *j, const struct digest *base);
/* Drops the records before first, which must be kept itself; the chain is verified from there on.
 */
void journal_prune(struct journal *j, int64_t first);
/* The highest number of a local down of this link end, and whether it is down now. */
struct journal_down {
    uint32_t number; /* 0: never down */
    bool down;
};
void journal_put_down(struct journal *j, const char *link, uint8_t end,
                      const struct journal_down *down);
/* The newest report taken from a partition of spillway.reports: what is older is a replay. */
struct journal_heard {
    uint64_t incarnation; /* 0: none */
    uint64_t sequence;
};
void journal_put_heard(struct journal *j, uint16_t partition, const struct journal_heard *heard);
int journal_commit(struct journal *j) MUST_CHECK;
void journal_abort(struct journal *j);
/* A sentence on the last failure of this journal, with the remedy. */
const char *journal_why(const struct journal *j);
/* Copies the whole journal to path (compacted, by a temporary file and rename). ERR_EXISTS when
 * path is there already. Not within a transaction. */
int journal_archive(struct journal *j, const char *path) MUST_CHECK;

/* -- Reading. */
int journal_view_open(struct journal *j, struct journal_view **ret_v) MUST_CHECK;
void journal_view_close(struct journal_view *v); /* NULL-safe */

/* ERR_NOT_FOUND while the journal is bound to no log. */
int journal_identity(const struct journal_view *v,
                     struct journal_identity *ret_identity) MUST_CHECK;
/* Size of the control state in bytes and the offset it stands at; ERR_NOT_FOUND when there is none.
 */
int journal_control_size(const struct journal_view *v, size_t *ret_size,
                         int64_t *ret_applied) MUST_CHECK;
/* The control state's bytes to room, checked against its digest (else ERR_CORRUPT). */
int journal_control_read(const struct journal_view *v, void *room, size_t size) MUST_CHECK;
/* Zeros when none was ever put. */
int journal_down(const struct journal_view *v, const char *link, uint8_t end,
                 struct journal_down *ret_down) MUST_CHECK;
/* Zeros when none was ever put. */
int journal_heard(const struct journal_view *v, uint16_t partition,
                  struct journal_heard *ret_heard) MUST_CHECK;

struct journal_entry {
    int64_t offset;
    uint8_t outcome; /* enum fold_void, or JOURNAL_OUTCOME_UNKNOWN */
    bool leaf;
    struct digest chain;
    const uint8_t *bytes; /* valid until the view is closed; not aligned */
    size_t size;
};

enum journal_move {
    JOURNAL_FIRST,
    JOURNAL_LAST,
    JOURNAL_NEXT, /* after entry->offset */
    JOURNAL_PREV, /* before entry->offset */
    JOURNAL_AT,   /* exactly entry->offset */
    JOURNAL_FROM, /* entry->offset or the first after it */
};

/* Moves *entry; ERR_NOT_FOUND at the end, ERR_CORRUPT for an entry that cannot be one. For NEXT,
 * PREV, AT and FROM only entry->offset is read. */
int journal_seek(const struct journal_view *v, enum journal_move move,
                 struct journal_entry *entry) MUST_CHECK;

struct journal_check {
    uint64_t records; /* entries walked */
    uint64_t control_bytes;
    int64_t first_offset, last_offset, applied; /* -1 for none */
    struct digest head;                         /* of the chain */
    int64_t bad_offset; /* where the first fault is, -1 when not at a record */
    const char *fault;  /* static sentence, or NULL when all is well */
};

/* Walks everything: the chain, its head and count, the control state's digest. OK, or ERR_CORRUPT
 * with the fault in *ret_check (which is filled in both cases). */
int journal_verify(const struct journal_view *v, struct journal_check *ret_check) MUST_CHECK;

#endif
