/* wire_samples.h: seeded random records and reports that obey the rules, for tests and benches of
 * codecs. */
#ifndef SPILLWAY_TESTS_WIRE_SAMPLES_H
#define SPILLWAY_TESTS_WIRE_SAMPLES_H

#include "base/rng.h"
#include "model/record.h"
#include "model/report.h"

enum { SAMPLE_ARENA = 4 << 20 };

/* A record of this kind with everything in it drawn from r; arrays come from the arena. */
struct record sample_record(struct rng *r, enum record_kind kind, struct arena *a);
/* The largest DECIDE that a fleet of these numbers can need. */
struct record sample_largest_decide(const struct fleet *f, struct arena *a);
struct report sample_report(struct rng *r, uint32_t count, struct arena *a);

#endif
