/* fleet_diff.h: what is different between two fleets, by names. */
#ifndef SPILLWAY_CLI_FLEET_DIFF_H
#define SPILLWAY_CLI_FLEET_DIFF_H

#include "cli/cli.h"
#include "model/fleet.h"

#include <jansson.h>

/* [{"path": "services.web.features.recommend.tier", "before": 2, "after": 3}, ...]; before is null
 * for what is new, after for what is gone. In the order of the fleets. NULL: no memory. */
json_t *fleet_diff(const struct fleet *before, const struct fleet *after);
/* One line for each. */
void fleet_diff_print(const json_t *differences, FILE *out);

#endif
