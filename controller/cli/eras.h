/* eras.h: which eras stand at what a new log's plan will have to overwrite. */
#ifndef SPILLWAY_CLI_ERAS_H
#define SPILLWAY_CLI_ERAS_H

#include "cli/cli.h"
#include "model/fleet.h"

/* The highest era of the fences at every DNS server of the fleet that answers, and of this host's
 * feature file; 0 when there is none. A new log takes a higher one (PROTOCOL.md, GENESIS), else its
 * plan would be refused there as older or as a split. Servers that do not answer within three
 * seconds are named on standard error: their fences, should they be newer, refuse the plan later,
 * which does no harm. ERR_MEMORY when the resolver cannot start. */
int eras_highest(const struct cli *c, const struct fleet *f, uint64_t *ret_era) MUST_CHECK;

#endif
