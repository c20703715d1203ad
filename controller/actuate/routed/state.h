/* state.h: the helper's fence (and a hold) in a small file on tmpfs, under an flock. */
#ifndef SPILLWAY_ROUTED_STATE_H
#define SPILLWAY_ROUTED_STATE_H

#include "actuate/result.h"

/* Takes the lock without waiting, lets `fence` pass or not, and stores it when it is newer.
 * *ret_found is what stood there, and is set whenever it could be read. OK, ERR_STALE, ERR_FOREIGN,
 * ERR_HELD, ERR_BUSY, ERR_CORRUPT, ERR_VERSION, ERR_PERMISSION, ERR_DISK_FULL, ERR_IO. */
int state_raise(const char *path, const struct fence *fence,
                struct fence_state *ret_found) MUST_CHECK;
/* Carries out a person's word under the same lock; the fence stays as it is. *ret_found is what
 * stands afterwards, or what refused it. As actuate_admit_hold(), ERR_BUSY and the errors of the
 * file. */
int state_hold(const char *path, const struct hold_order *order,
               struct fence_state *ret_found) MUST_CHECK;
/* Reads it; an absent file is no fence. */
int state_read(const char *path, struct fence_state *ret_found) MUST_CHECK;

#endif
