/* inject.h: the injector of drills: drops what passes by interfaces of the fleet's links, for a
 * bounded time, by a table of nftables of its own.
 *
 * The way back needs nobody: each interface is an element of a set with a timeout, which the kernel
 * ends by itself even while this process is stopped or gone. Starting and ending the helper removes
 * the table as well. */
#ifndef SPILLWAY_ROUTED_INJECT_H
#define SPILLWAY_ROUTED_INJECT_H

#include "actuate/routed/policy.h"

#define INJECT_TABLE "spillway-drill"

struct injector;

/* Removes what an earlier process left. allowed: whoever started the helper lets drills strike this
 * host; without it every injection is refused and nothing is touched. The policy is borrowed.
 * ERR_MEMORY, ERR_PERMISSION, ERR_IO. */
int injector_new(const struct policy_of_routes *policy, bool allowed,
                 struct injector **ret_injector) MUST_CHECK;
/* Removes the table. NULL-safe. */
void injector_free(struct injector *in);
/* One request, one reply. Any input is safe. False: it is no request, there is nothing to reply to.
 */
bool injector_serve(struct injector *in, const uint8_t *bytes, size_t size,
                    struct route_reply *ret_reply);

#endif
