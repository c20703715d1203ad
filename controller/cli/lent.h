/* lent.h: the journal through the daemon, for who may look at it and cannot read its files. */
#ifndef SPILLWAY_CLI_LENT_H
#define SPILLWAY_CLI_LENT_H

#include "cli/cli.h"
#include "journal/journal.h"

#include <jansson.h>

struct lent;

/* ERR_UNAVAILABLE with a sentence in why (CLI_WHY_SIZE bytes) when the daemon lends nothing.
 * *ret_control is freed by the caller. */
int lent_open(const struct cli *c, struct lent **ret_l, uint8_t **ret_control, size_t *ret_size,
              char *why) MUST_CHECK;
void lent_close(struct lent *l); /* NULL-safe */
/* Like journal_seek(); the entry's bytes are valid until the next call. */
int lent_seek(struct lent *l, enum journal_move move, struct journal_entry *entry) MUST_CHECK;
/* Bytes of a string of hex digits, to be freed; NULL when it is none or empty. */
uint8_t *bytes_of_hex(const char *text, size_t *ret_size);

#endif
