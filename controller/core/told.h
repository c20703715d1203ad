/* told.h: what the services of each place tell of their load, as far as it is fresh.
 *
 * Internal to diagnosis and decision. A place that tells nothing, or told it too long ago, is not
 * known; that is not zero (law 1). */
#ifndef SPILLWAY_CORE_TOLD_H
#define SPILLWAY_CORE_TOLD_H

#include "core/diagnose.h"

/* Of one service at one IDC. */
struct told {
    bool known; /* else all else is zero and means nothing */
    struct load_sample sample;
    const struct load_rate *views; /* [view], borrowed from the report */
};

/* What the service's place could tell at all: [service * idc_count + idc]. */
void told_read_fleet(const struct fleet *f, bool *ret_tells);
/* Hears one observer, whose report is fresh and of this fleet, on the services of its own IDC.
 * told: [service * idc_count + idc], all unknown before. */
void told_hear(const struct fleet *f, const bool *tells, const struct evidence *e,
               uint16_t observer, struct told *told);

/* Errors among the requests; 0 where nothing is asked. */
uint32_t told_errors_ppm(const struct told *t);
/* ... of all services that tell; 0 when none does. */
uint32_t told_all_errors_ppm(const struct fleet *f, const struct told *told);

#endif
