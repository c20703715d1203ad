/* alarm.c: one absolute timer in the event loop (a timerfd of CLOCK_BOOTTIME): it does not drift.
 */
#include "alarm.h"

#include <stdint.h>
#include <sys/timerfd.h>
#include <unistd.h>

int alarm_open(struct alarm_clock *a)
{
    a->due = (struct mono){0};
    a->fd = timerfd_create(CLOCK_BOOTTIME, TFD_NONBLOCK | TFD_CLOEXEC);
    return a->fd >= 0 ? OK : ERR_IO;
}

void alarm_close(struct alarm_clock *a)
{
    if (a->fd >= 0)
        close(a->fd);
    a->fd = -1;
}

void alarm_set(struct alarm_clock *a, struct mono due)
{
    if (due.us == a->due.us)
        return;
    a->due = due;
    int64_t us = due.us > 0 ? due.us : 1; /* zero would switch it off */
    struct itimerspec when = {
        .it_value = {.tv_sec = us / US_PER_SEC, .tv_nsec = us % US_PER_SEC * 1000}};
    (void)timerfd_settime(a->fd, TFD_TIMER_ABSTIME, &when, NULL);
}

void alarm_quiet(struct alarm_clock *a)
{
    uint64_t count;
    ssize_t n = read(a->fd, &count, sizeof(count));
    (void)n;
    a->due.us = 0; /* set again even for the same time */
}
