/* window.c: sliding windows of measured times, and a smoothed round trip, in integers. */
#include "core/window.h"

#include <string.h>

void times_add(struct times_window *w, uint32_t us)
{
    w->us[w->next] = us;
    w->next = (w->next + 1) % TIMES_WINDOW;
    if (w->count < TIMES_WINDOW)
        w->count++;
}

void times_summary(const struct times_window *w, uint32_t *ret_median_us,
                   uint32_t *ret_deviation_us)
{
    uint32_t sorted[TIMES_WINDOW];
    for (uint32_t i = 0; i < w->count; i++) {
        uint32_t at = i;
        for (; at > 0 && sorted[at - 1] > w->us[i]; at--)
            sorted[at] = sorted[at - 1];
        sorted[at] = w->us[i];
    }
    uint32_t median = w->count > 0 ? sorted[(w->count - 1) / 2] : 0;
    uint64_t sum = 0;
    for (uint32_t i = 0; i < w->count; i++)
        sum += sorted[i] > median ? sorted[i] - median : median - sorted[i];
    *ret_median_us = median;
    *ret_deviation_us = w->count > 0 ? (uint32_t)(sum / w->count) : 0;
}

void smooth_add(struct smooth *s, int64_t us)
{
    if (s->samples == 0) {
        s->mean_us_x8 = us * 8;
        s->deviation_us_x4 = us * 2;
    } else {
        int64_t error = us - s->mean_us_x8 / 8;
        s->mean_us_x8 += error;
        s->deviation_us_x4 += (error < 0 ? -error : error) - s->deviation_us_x4 / 4;
    }
    if (s->samples < UINT32_MAX)
        s->samples++;
}

int64_t smooth_limit_us(const struct smooth *s)
{
    return s->mean_us_x8 / 8 + s->deviation_us_x4;
}
