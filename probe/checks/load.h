/* load.h: the loads of this IDC's services, read once a second from their own pages.
 *
 * A page is asked for at one address of the service's entrances here; one that gives none is
 * followed by the next. What was read counts for report_stale; then the load is unknown, which is
 * not zero. */
#ifndef SPILLWAY_PROBE_CHECKS_LOAD_H
#define SPILLWAY_PROBE_CHECKS_LOAD_H

#include "base/times.h"
#include "core/load_parse.h"

#define LOAD_INTERVAL_US US_PER_SEC

struct loads;

/* The load of the i-th service became known, or is known no more. */
typedef void loads_changed_fn(void *context, uint32_t i, bool known);

/* For the services of loads_for_idc; the fleet outlives them. */
int loads_new(const struct fleet *f, uint16_t idc, loads_changed_fn *changed, void *context,
              struct mono now, struct loads **ret) MUST_CHECK;
void loads_free(struct loads *l);
/* Readable when loads_events has something to do. */
int loads_fd(const struct loads *l);
void loads_events(struct loads *l);
/* Begins what is due, ends what is over its time; call it after loads_events. */
void loads_turn(struct loads *l, struct mono now);
/* When loads_turn is next due; false for never. */
bool loads_due(const struct loads *l, struct mono *ret_due);

uint32_t loads_count(const struct loads *l);
const char *loads_name(const struct loads *l, uint32_t i);
/* For a report: samples[loads_count], rates[loads_count * the fleet's views]. */
void loads_observe(const struct loads *l, struct mono now, struct load_sample *samples,
                   struct load_rate *rates);

#endif
