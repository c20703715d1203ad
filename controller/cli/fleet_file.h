/* fleet_file.h: a fleet file read, checked and held in memory, for the verbs that take one. */
#ifndef SPILLWAY_CLI_FLEET_FILE_H
#define SPILLWAY_CLI_FLEET_FILE_H

#include "cli/cli.h"
#include "model/fleet.h"

struct fleet_file {
    struct arena arena;
    struct fleet fleet;
    uint32_t warnings;
};

/* Reads and checks; prints every finding to standard error. OK, or the code of the failure. */
int fleet_file_load(const struct cli *c, const char *path, struct fleet_file *ret) MUST_CHECK;
void fleet_file_done(struct fleet_file *f);

#endif
