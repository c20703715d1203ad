/* times.h: three kinds of time that must never be mixed, as three incompatible types. */
#ifndef SPILLWAY_BASE_TIMES_H
#define SPILLWAY_BASE_TIMES_H

#include <stdint.h>

/* CLOCK_BOOTTIME of this machine, in microseconds. Compare only with times of the same machine. */
struct mono {
    int64_t us;
};
/* CLOCK_REALTIME in microseconds since 1970. Shown to people, never decided upon. */
struct wall {
    int64_t us;
};
/* Time of the log in microseconds since its GENESIS; comes from records only (PROTOCOL.md: log
 * time). */
struct logtime {
    int64_t us;
};

#define US_PER_MS  INT64_C(1000)
#define US_PER_SEC INT64_C(1000000)
/* What comes from outside is at most this (73000 years), so that sums of a few cannot overflow. */
#define US_MAX (INT64_MAX / 4)

static inline struct mono mono_add(struct mono t, int64_t us)
{
    return (struct mono){t.us + us};
}
/* a - b in microseconds. */
static inline int64_t mono_diff_us(struct mono a, struct mono b)
{
    return a.us - b.us;
}
static inline int64_t logtime_diff_us(struct logtime a, struct logtime b)
{
    return a.us - b.us;
}

#endif
