/* drill_file.h: runbooks of drills, from a file or found by name. */
#ifndef SPILLWAY_CLI_DRILL_FILE_H
#define SPILLWAY_CLI_DRILL_FILE_H

#include "cli/cli.h"
#include "model/drill.h"

#include <dirent.h>

/* The runbooks in the directory, by name: their number, each and the list to be freed; a negative
 * code after it was told why there are none. */
int drill_file_scan(const struct cli *c, struct dirent ***ret_entries) MUST_CHECK;
/* Reads and checks a runbook; prints every finding to standard error. OK, or the code of the
 * failure. */
int drill_file_load(const struct cli *c, const char *path, struct drill *ret_drill) MUST_CHECK;
/* The same by the file's path, or by a drill's bare name: then NAME.yaml in the directory of
 * runbooks. */
int drill_file_find(const struct cli *c, const char *name, struct drill *ret_drill) MUST_CHECK;

#endif
