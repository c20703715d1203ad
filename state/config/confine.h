/* confine.h: gives up, for good, every privilege that a daemon does not need (capabilities(7)). */
#ifndef SPILLWAY_CONFIG_CONFINE_H
#define SPILLWAY_CONFIG_CONFINE_H

#include "base/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/capability.h>

/* Of the capabilities that the process has, keeps those that are named, in the effective and the
 * permitted set; empties the inheritable and the ambient set; closes the bounding set to the same
 * as far as it may; forbids new privileges to itself and to whatever it starts; and
 * confine_memory(). Call it before there are threads: each has capabilities of its own.
 * ERR_PERMISSION when the kernel shows anything else afterwards. */
int confine(const cap_value_t *keep, uint32_t count) MUST_CHECK;
/* For who holds keys: no core file, and nobody but a root with CAP_SYS_PTRACE looks into its memory
 * (PR_SET_DUMPABLE of prctl(2)). ERR_PERMISSION. */
int confine_memory(void) MUST_CHECK;
/* Has it now? */
bool confine_has(cap_value_t capability);

#endif
