/* window.h: sliding windows of measured times, and a smoothed round trip, in integers. */
#ifndef SPILLWAY_PROBE_CORE_WINDOW_H
#define SPILLWAY_PROBE_CORE_WINDOW_H

#include <stdint.h>

enum { TIMES_WINDOW = 64 };

/* The newest TIMES_WINDOW measured times. */
struct times_window {
    uint32_t us[TIMES_WINDOW];
    uint32_t next, count;
};

void times_add(struct times_window *w, uint32_t us);
/* Median (the lower of two middles), and mean absolute deviation from it; 0 when empty. */
void times_summary(const struct times_window *w, uint32_t *ret_median_us,
                   uint32_t *ret_deviation_us);

/* Smoothed time and mean deviation (RFC 6298 section 2: gains 1/8 and 1/4). */
struct smooth {
    int64_t mean_us_x8;
    int64_t deviation_us_x4;
    uint32_t samples; /* saturating */
};

void smooth_add(struct smooth *s, int64_t us);
/* Mean + 4 deviations: what hardly any answer exceeds. 0 without samples. */
int64_t smooth_limit_us(const struct smooth *s);

#endif
