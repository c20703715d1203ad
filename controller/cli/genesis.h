/* genesis.h: beginning a log: what `spillway init` and `spillway reseed` share. */
#ifndef SPILLWAY_CLI_GENESIS_H
#define SPILLWAY_CLI_GENESIS_H

#include "cli/cli.h"
#include "model/record.h"

struct genesis {
    uint8_t *parts; /* canonical forms that the record borrows */
    uint8_t *bytes; /* the encoded record */
    size_t size;
    struct log_id log_id;
    uint64_t era;
    const char *not_empty; /* what to do when there is a log already, after its sentence */
};

/* A random id. */
int genesis_new_log(struct genesis *g) MUST_CHECK;
/* Completes the record (fleet, plan or control state are the verb's) and encodes it. */
int genesis_encode(struct genesis *g, struct record *r, const char *reason,
                   size_t bound) MUST_CHECK;
void genesis_done(struct genesis *g);
/* The person's word: a terminal and "yes", or --yes. An exit code. */
int genesis_confirm(const struct cli *c, const char *question);
/* Creates the topics where they are absent, appends once the log was seen empty, and is content
 * only when the record was read back at offset 0. An exit code. */
int genesis_begin_log(const struct cli *c, const struct fleet *f, const struct genesis *g);

#endif
