/* clocks.h: reading the clocks of this machine; the pure core gets times from here. */
#ifndef SPILLWAY_PROBE_CHECKS_CLOCKS_H
#define SPILLWAY_PROBE_CHECKS_CLOCKS_H

#include "base/times.h"

#include <time.h>

static inline struct mono clock_mono(void)
{
    struct timespec t = {0};
    clock_gettime(CLOCK_BOOTTIME, &t);
    return (struct mono){t.tv_sec * US_PER_SEC + t.tv_nsec / 1000};
}

static inline struct timespec clock_wall(void)
{
    struct timespec t = {0};
    clock_gettime(CLOCK_REALTIME, &t);
    return t;
}

#endif
