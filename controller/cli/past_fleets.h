/* past_fleets.h: the fleet that a record speaks of: its indices are of the one that was in force
 * when it was written. */
#ifndef SPILLWAY_CLI_PAST_FLEETS_H
#define SPILLWAY_CLI_PAST_FLEETS_H

#include "cli/host.h"

struct past_fleets;

/* NULL when there is no memory. Freed by past_fleets_free(). */
struct past_fleets *past_fleets_new(void);
void past_fleets_free(struct past_fleets *p); /* NULL-safe */

/* The fleet of the record at the offset; a fleet without anything when its record is not kept here:
 * sentences then have numbers instead of names. Valid as long as the host is open. */
const struct fleet *host_fleet_at(const struct host *h, int64_t offset);
/* The fleet that the record at this offset gave: the log's first, or a `fleet apply`. Its arena is
 * *ret_memory, to be freed. ERR_NOT_FOUND: that record gave none. */
int host_fleet_given(const struct host *h, int64_t offset, struct fleet *ret_fleet,
                     int64_t *ret_before, void **ret_memory) MUST_CHECK;

#endif
