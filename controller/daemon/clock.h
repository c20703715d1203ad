/* clock.h: the one place where this daemon reads a clock. */
#ifndef SPILLWAY_DAEMON_CLOCK_H
#define SPILLWAY_DAEMON_CLOCK_H

#include "base/times.h"

#include <time.h>

/* CLOCK_BOOTTIME: goes on while the machine sleeps, never jumps. */
static inline struct mono mono_now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_BOOTTIME, &t);
    return (struct mono){(int64_t)t.tv_sec * US_PER_SEC + t.tv_nsec / 1000};
}

#endif
