/* store.h: the daemon's journal: what is read and stepped is gathered into one transaction, which
 * is committed before anything is acted on (law 3). */
#ifndef SPILLWAY_DAEMON_STORE_H
#define SPILLWAY_DAEMON_STORE_H

#include "daemon/downs.h"
#include "fold/fold.h"
#include "journal/journal.h"

struct store {
    struct journal *journal;
    bool open;     /* a transaction has begun */
    int status;    /* OK, or why nothing can be written any more: it stays */
    bool control;  /* the control state has changed since the last commit */
    uint8_t *room; /* for its encoded form */
    size_t room_size;
    int64_t newest; /* offset of the newest record put, -1 for none */
    bool bound;     /* it knows whose log it is */
    struct journal_identity identity;
};

/* Opens the journal. why gets a sentence on failure. */
int store_open(struct store *s, const char *path, size_t map_size, struct text *why) MUST_CHECK;
void store_close(struct store *s);

/* A control state read back, with its memory. */
struct restored {
    void *memory;
    struct control control;
};

/* The control state of the journal. ERR_NOT_FOUND: a new journal; ERR_CORRUPT. */
int store_restore(const struct store *s, struct restored *ret_r) MUST_CHECK;
void restored_done(struct restored *r);
/* A link end's number and state. */
int store_down(const struct store *s, const char *link, uint8_t end, struct down *ret_d) MUST_CHECK;
/* The newest report taken from a partition. */
int store_heard(const struct store *s, uint16_t partition,
                struct journal_heard *ret_heard) MUST_CHECK;
/* True when the record of this offset is kept and has other bytes. *ret_kept: it is kept. */
bool store_differs(const struct store *s, int64_t offset, const void *bytes, size_t size,
                   bool *ret_kept);

/* Each of these joins the open transaction or begins one. After a failure they do nothing. */
void store_put_identity(struct store *s, const struct journal_identity *identity);
void store_put_record(struct store *s, int64_t offset, enum fold_void outcome, bool leaf,
                      const void *bytes, size_t size);
void store_put_down(struct store *s, const char *link, uint8_t end, const struct down *d);
void store_put_heard(struct store *s, uint16_t partition, const struct journal_heard *heard);
/* The journal begins anew behind a snapshot. */
void store_restart(struct store *s, const struct digest *base);
/* Drops some of the oldest records, if they are before offset `base` and their log time is before
 * `before`; a few hundred at once, in the transaction of the wake. Gives the first one that is kept
 * if any was dropped, else -1. */
int64_t store_prune(struct store *s, int64_t base, struct logtime before);
/* Commits what was gathered, with the control state when records are among it. OK too when there is
 * nothing to commit. Any failure is final: status stays, journal_why() tells. */
int store_commit(struct store *s, const struct control *control) MUST_CHECK;
/* Archives the journal beside itself and binds it to the log that succeeds its own. */
int store_succeed(struct store *s, const char *path,
                  const struct journal_identity *identity) MUST_CHECK;

#endif
