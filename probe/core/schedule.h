/* schedule.h: when things are due: ticks on an absolute grid, our own lateness, and reports. */
#ifndef SPILLWAY_PROBE_CORE_SCHEDULE_H
#define SPILLWAY_PROBE_CORE_SCHEDULE_H

#include "base/times.h"

#include <stdbool.h>
#include <stdint.h>

/* Ticks at start + k * interval. A missed tick is skipped, never made up by a burst, and the grid
 * never drifts. */
struct ticker {
    struct mono due; /* of the next tick */
    int64_t interval_us;
    uint64_t count; /* ticks taken and skipped; the number of the next tick */
};

/* interval_us must be above 0. */
struct ticker ticker_start(struct mono first, int64_t interval_us);
/* Takes the tick if it is due: true, *ret_number is its number (the newest of those missed), and
 * the next one lies after now. */
bool ticker_take(struct ticker *t, struct mono now, uint64_t *ret_number);

/* Our own worst lateness over the last one to two seconds, and all the time that was lost by it.
 * A prober that was not running must not blame a target for it: what is timed by `stalled_us`
 * leaves those times out. */
struct lateness {
    int64_t second; /* of `worst` */
    int64_t worst_us, worst_before_us;
    int64_t stalled_us; /* sum of all lateness above LATE_US */
    struct mono until;  /* what was late before this is counted already */
};

enum { LATE_US = 5000 }; /* below this the kernel's scheduler is not worth a word */

/* Something due at `due` was done at `now`. */
void lateness_note(struct lateness *l, struct mono due, struct mono now);
int64_t lateness_worst_us(const struct lateness *l, struct mono now);

enum { REPORT_MIN_GAP_US = 100 * 1000 }; /* at most 10 reports a second */

/* A full report each interval, and at once on an edge; edges within the gap share one report. */
struct report_schedule {
    int64_t interval_us;
    struct mono due;
    struct mono sent; /* the newest, valid when any */
    bool any;
};

struct report_schedule report_schedule_start(struct mono now, int64_t interval_us);
void report_edge(struct report_schedule *s, struct mono now);
/* Call when a report was sent; it goes on from here. */
void report_sent(struct report_schedule *s, struct mono now);

#endif
