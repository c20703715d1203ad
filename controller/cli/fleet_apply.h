/* fleet_apply.h: between the files of the verb `fleet`. */
#ifndef SPILLWAY_CLI_FLEET_APPLY_H
#define SPILLWAY_CLI_FLEET_APPLY_H

#include "cli/fleet_file.h"

/* `fleet apply FILE`: a new fleet for a log that goes on. An exit code. */
int fleet_apply(const struct cli *c);
/* Reads a fleet: of a file, or "@RECORD": the one that this record of the journal gave. OK, or a
 * code after the failure was told. */
int fleet_load_named(const struct cli *c, const char *name, struct fleet_file *ret) MUST_CHECK;

#endif
