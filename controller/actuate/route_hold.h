/* route_hold.h: a person's word to this host's route helper, or a question what holds there.
 * Blocking, one message and its reply.
 *
 * The helper serves one client: spillwayd, if it runs, loses its connection and makes it anew. */
#ifndef SPILLWAY_ACTUATE_ROUTE_HOLD_H
#define SPILLWAY_ACTUATE_ROUTE_HOLD_H

#include "actuate/result.h"

/* The fence and hold that stand; then, and after route_hold(), era 0 says that there is no fence.
 * ERR_UNAVAILABLE, ERR_PERMISSION: the helper is not there, or does not hear this user;
 * ERR_TIMEOUT; ERR_INVALID: it said something else. */
int route_hold_read(const char *socket_path, int timeout_ms,
                    struct fence_state *ret_found) MUST_CHECK;
/* Carries out the order; as actuate_admit_hold() too. *ret_found is set by any reply. */
int route_hold(const char *socket_path, int timeout_ms, const struct hold_order *order,
               struct fence_state *ret_found) MUST_CHECK;

#endif
