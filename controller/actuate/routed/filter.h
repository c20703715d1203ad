/* filter.h: the system calls that the route helper may make once it serves (seccomp(2)). */
#ifndef SPILLWAY_ROUTED_FILTER_H
#define SPILLWAY_ROUTED_FILTER_H

#include "base/error.h"

/* From here on any call that is not on the list kills the process. Needs no privilege, but that new
 * ones are forbidden already; cannot be taken back. ERR_MEMORY, ERR_PERMISSION: nothing is
 * filtered, or the kernel cannot. */
int filter_install(void) MUST_CHECK;

#endif
