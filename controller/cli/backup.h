/* backup.h: copies of this host's journal. */
#ifndef SPILLWAY_CLI_BACKUP_H
#define SPILLWAY_CLI_BACKUP_H

#include "cli/cli.h"

/* c->args[1] is the other file. Both give an exit code. */
int cli_backup(struct cli *c);
/* Never over the journal of a living daemon, of another log, or a newer one. */
int cli_restore(struct cli *c);

#endif
