/* keeper.h: keeps the kernel's routes as they were last asked for: judges requests, applies them,
 * puts back what others change. */
#ifndef SPILLWAY_ROUTED_KEEPER_H
#define SPILLWAY_ROUTED_KEEPER_H

#include "actuate/routed/kernel.h"

struct keeper;

/* Reads what stands in the kernel; changes nothing in our table yet. Policy and path are borrowed.
 */
int keeper_new(const struct policy_of_routes *policy, const char *state_path,
               struct keeper **ret_keeper) MUST_CHECK;
void keeper_free(struct keeper *k);
/* One request, one reply. Any input is safe. False: it is no request, there is nothing to reply to.
 */
bool keeper_serve(struct keeper *k, const uint8_t *bytes, size_t size,
                  struct route_reply *ret_reply);
/* Compares kernel and wish, and mends. *ret_mended: steps that were needed. */
int keeper_assert(struct keeper *k, uint32_t *ret_mended) MUST_CHECK;
struct kernel *keeper_kernel(struct keeper *k);

#endif
