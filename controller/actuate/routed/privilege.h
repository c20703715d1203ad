/* privilege.h: leaves the process with CAP_NET_ADMIN and nothing else. */
#ifndef SPILLWAY_ROUTED_PRIVILEGE_H
#define SPILLWAY_ROUTED_PRIVILEGE_H

#include "base/error.h"

#include <sys/types.h>

/* Becomes uid and gid when they differ from the present ones (needs root), keeps CAP_NET_ADMIN
 * alone in every set, forbids new privileges for good, and checks that it came out so.
 * ERR_PERMISSION otherwise. */
int privilege_drop(uid_t uid, gid_t gid) MUST_CHECK;

#endif
