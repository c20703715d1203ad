/* orders.h: people's standing words, as lines for people and as JSON. */
#ifndef SPILLWAY_CLI_ORDERS_H
#define SPILLWAY_CLI_ORDERS_H

#include "cli/host.h"

/* {"id", "kind", "subject", "since_us", "expires_us", "identity", "reason", "text", ...} each. */
json_t *orders_json(const struct control *c);
/* A line each, with what of them has no effect yet. before and after surround each line. */
void orders_print(const struct control *c, FILE *out, const char *before, const char *after);

#endif
