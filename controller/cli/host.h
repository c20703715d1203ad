/* host.h: what this host knows: the control state and records from its journal, the rest from its
 * daemon.
 *
 * The journal is only ever read; the daemon is asked for what is not in it (live evidence,
 * actuators), and for the journal itself by who cannot read its files. */
#ifndef SPILLWAY_CLI_HOST_H
#define SPILLWAY_CLI_HOST_H

#include "cli/lent.h"
#include "model/control.h"

#include <jansson.h>

struct host {
    struct journal *journal;   /* NULL: lent */
    struct journal_view *view; /* one snapshot: the state and the records belong together */
    struct lent *lent;
    struct journal_identity identity;
    void *memory;             /* of the control state */
    struct past_fleets *past; /* what was read of fleets before that in force */
    struct control control;
};

/* Opens the journal and loads the control state. OK, or a code after the failure was told to the
 * person. */
int host_open(const struct cli *c, struct host *ret_h) MUST_CHECK;
/* The journal alone, which may hold no control state yet. */
int host_open_journal(const struct cli *c, struct host *ret_h) MUST_CHECK;
void host_close(struct host *h);

/* A record of the journal, decoded. */
struct host_record {
    int64_t offset;
    uint8_t outcome; /* enum fold_void, or JOURNAL_OUTCOME_UNKNOWN */
    size_t size;
    struct digest chain;
    void *memory;
    struct record record; /* valid until host_record_done() */
};

/* Moves like journal_seek() from r->offset, and decodes. ERR_NOT_FOUND at the end; then, and after
 * any failure, *r is untouched. */
int host_record_seek(const struct host *h, enum journal_move move,
                     struct host_record *r) MUST_CHECK;
void host_record_done(struct host_record *r);
/* Offset of the first record kept: above 0 when older ones were pruned, or the journal began with a
 * snapshot; -1: there is none. */
int64_t host_begins(const struct host *h);
/* True when the record counted, as far as is known. */
bool host_record_counts(const struct host_record *r);

/* Sends one request (stolen) to the daemon and waits for the answer: NULL when it does not answer,
 * with a sentence in why (CLI_WHY_SIZE bytes). */
json_t *host_ask(const struct cli *c, json_t *request, int timeout_ms, char *why);
/* The same, and what became of it: OK; ERR_UNAVAILABLE, ERR_PERMISSION (the socket is not for this
 * user), ERR_TOO_LARGE (its path), ERR_MEMORY: it was not sent; ERR_TIMEOUT: it was, and nobody
 * knows what came of it. */
int host_ask_for(const struct cli *c, json_t *request, int timeout_ms, json_t **ret_answer,
                 char *why) MUST_CHECK;
/* Prints and frees. */
int cli_print_json(const struct cli *c, json_t *object);

#endif
