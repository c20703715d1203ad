/* replica_stage.h: a replica of three-idc that is stepped by hand, for tests of its protocol. */
#ifndef SPILLWAY_TEST_REPLICA_STAGE_H
#define SPILLWAY_TEST_REPLICA_STAGE_H

#include "core_world.h"

#include "core/replica.h"

#define LEASE  (w->fleet->policy.lease_us)
#define T(sec) ((struct mono){(int64_t)((sec)*1000000)})

extern struct world *w; /* a fleet, and GENESIS and a claim of replica 0 folded */
extern struct effect effects[REPLICA_MAX_EFFECTS];
extern int effect_count;
extern struct replica *replica; /* number 1 */
extern struct mono now;

/* What each does stands in replica_stage.c; setup and teardown are the fixture. */
void begin_as(uint64_t seed, uint32_t version);
void begin(uint64_t seed);
void setup(void);
void teardown(void);
void step(struct event e);
void at_end(void);
void tick(void);
const struct effect *find(enum effect_kind kind);
const struct record *appended(enum record_kind kind);
bool noticed(enum notice n);
struct record by(enum record_kind kind, uint16_t writer, uint64_t incarnation, uint64_t sequence);
void read_record(const struct record *r);
struct digest digest_of_replica(void);
struct record beat_of_0(uint64_t sequence);
void lead_now(void);
void expect_no_claim_for(int seconds);
void alive_of(uint16_t replica_id, uint64_t sequence, const struct digest *d);
void reads_all_reports(void);
bool next_beat_yields(void);

#endif
