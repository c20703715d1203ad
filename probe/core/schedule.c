/* schedule.c: when things are due: ticks on an absolute grid, our own lateness, and reports. */
#include "core/schedule.h"

#include <assert.h>

struct ticker ticker_start(struct mono first, int64_t interval_us)
{
    assert(interval_us > 0);
    return (struct ticker){.due = first, .interval_us = interval_us};
}

bool ticker_take(struct ticker *t, struct mono now, uint64_t *ret_number)
{
    int64_t late = mono_diff_us(now, t->due);
    if (late < 0)
        return false;
    int64_t missed = late / t->interval_us;
    *ret_number = t->count + (uint64_t)missed;
    t->count += (uint64_t)missed + 1;
    t->due = mono_add(t->due, (missed + 1) * t->interval_us);
    return true;
}

static void lateness_age(struct lateness *l, int64_t second)
{
    if (second == l->second)
        return;
    l->worst_before_us = second == l->second + 1 ? l->worst_us : 0;
    l->worst_us = 0;
    l->second = second;
}

void lateness_note(struct lateness *l, struct mono due, struct mono now)
{
    int64_t late = mono_diff_us(now, due);
    if (late < 0)
        late = 0;
    lateness_age(l, now.us / US_PER_SEC);
    if (late > l->worst_us)
        l->worst_us = late;
    struct mono from = due.us > l->until.us ? due : l->until;
    int64_t lost = mono_diff_us(now, from);
    if (late > LATE_US && lost > 0) {
        l->stalled_us += lost;
        l->until = now;
    }
}

int64_t lateness_worst_us(const struct lateness *l, struct mono now)
{
    struct lateness aged = *l;
    lateness_age(&aged, now.us / US_PER_SEC);
    return aged.worst_us > aged.worst_before_us ? aged.worst_us : aged.worst_before_us;
}

struct report_schedule report_schedule_start(struct mono now, int64_t interval_us)
{
    assert(interval_us > 0);
    return (struct report_schedule){.interval_us = interval_us, .due = now};
}

void report_edge(struct report_schedule *s, struct mono now)
{
    struct mono due = now;
    if (s->any && mono_diff_us(now, s->sent) < REPORT_MIN_GAP_US)
        due = mono_add(s->sent, REPORT_MIN_GAP_US);
    if (due.us < s->due.us)
        s->due = due;
}

void report_sent(struct report_schedule *s, struct mono now)
{
    s->sent = now;
    s->any = true;
    s->due = mono_add(now, s->interval_us > REPORT_MIN_GAP_US ? s->interval_us : REPORT_MIN_GAP_US);
}
