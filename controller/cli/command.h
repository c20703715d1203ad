/* command.h: between the files of the verbs that change something. */
#ifndef SPILLWAY_CLI_COMMAND_H
#define SPILLWAY_CLI_COMMAND_H

#include "cli/prediction.h"

/* --dry-run: what the command would lead to, and what of it the guards hold back. */
int command_dry_run(const struct cli *c);
/* A drain of which nothing could be carried out, because nothing else can take what is there: the
 * guard's sentence in why (CLI_WHY_SIZE bytes). False too when that cannot be foreseen. */
bool command_is_futile(const struct cli *c, char *why);

#endif
