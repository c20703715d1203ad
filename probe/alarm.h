/* alarm.h: one absolute timer in the event loop (a timerfd of CLOCK_BOOTTIME): it does not drift.
 */
#ifndef SPILLWAY_PROBE_ALARM_H
#define SPILLWAY_PROBE_ALARM_H

#include "base/error.h"
#include "base/times.h"

#include <stdbool.h>

struct alarm_clock {
    int fd;
    struct mono due; /* as it is set */
};

/* ERR_IO with errno. */
int alarm_open(struct alarm_clock *a) MUST_CHECK;
void alarm_close(struct alarm_clock *a);
/* Rings at `due`, or at once when that is past; replaces the earlier setting. */
void alarm_set(struct alarm_clock *a, struct mono due);
/* After it rang: reading makes the descriptor quiet. */
void alarm_quiet(struct alarm_clock *a);

#endif
