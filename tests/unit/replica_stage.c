/* replica_stage.c: a replica of three-idc that is stepped by hand, for tests of its protocol. */
#include "replica_stage.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

struct world *w; /* a fleet, and GENESIS and a claim of replica 0 folded */
struct effect effects[REPLICA_MAX_EFFECTS];
int effect_count;
struct replica *replica;
void *memory;
struct mono now;

/* Replica 1 goes on from that control state, at time 0. */
void begin_as(uint64_t seed, uint32_t version)
{
    struct replica_config config = {
        .replica = 1, .incarnation = 42, .seed = seed, .candidate = true, .version = version};
    now = T(0);
    ck_assert_int_eq(
        replica_new(memory, replica_size(w->fleet), &config, &w->control, now, &replica), OK);
}

void begin(uint64_t seed)
{
    begin_as(seed, 1);
}

void setup(void)
{
    w = world_of_yaml(FLEETS "/three-idc.yaml");
    size_t size = replica_size(w->fleet);
    memory = aligned_alloc(16, (size + 15) / 16 * 16);
    ck_assert_ptr_nonnull(memory);
    begin(7);
}

void teardown(void)
{
    free(memory);
    world_free(w);
}

void step(struct event e)
{
    e.now = now;
    effect_count = replica_step(replica, &e, effects, REPLICA_MAX_EFFECTS);
    ck_assert_int_ge(effect_count, 0);
}

void at_end(void)
{
    step((struct event){.kind = EVENT_LOG_END});
}

void tick(void)
{
    step((struct event){.kind = EVENT_TICK});
}

const struct effect *find(enum effect_kind kind)
{
    for (int i = 0; i < effect_count; i++) {
        if (effects[i].kind == kind) {
            return &effects[i];
        }
    }
    return NULL;
}

const struct record *appended(enum record_kind kind)
{
    for (int i = 0; i < effect_count; i++) {
        if (effects[i].kind == EFFECT_APPEND && effects[i].append.kind == kind) {
            return &effects[i].append;
        }
    }
    return NULL;
}

bool noticed(enum notice n)
{
    bool found = false;
    for (int i = 0; i < effect_count; i++) {
        found = found || (effects[i].kind == EFFECT_NOTICE && effects[i].notice.notice == n);
    }
    return found;
}

struct record by(enum record_kind kind, uint16_t writer, uint64_t incarnation, uint64_t sequence)
{
    const struct control *c = replica_control(replica);
    struct record r;
    memset(&r, 0, sizeof r);
    r.kind = kind;
    r.log_id = c->log_id;
    r.writer = (struct writer){writer, incarnation, sequence};
    r.epoch = c->epoch;
    r.base = c->applied;
    r.log_time = c->log_time;
    return r;
}

void read_record(const struct record *r)
{
    struct event e = {.kind = EVENT_RECORD};
    e.record.record = r;
    e.record.offset = replica_control(replica)->applied + 1;
    step(e);
}

struct digest digest_of_replica(void)
{
    const struct control *c = replica_control(replica);
    size_t size = control_digest_size(c);
    uint8_t *room = malloc(size);
    ck_assert_ptr_nonnull(room);
    struct digest d = control_digest(c, room, size);
    free(room);
    return d;
}

struct record beat_of_0(uint64_t sequence)
{
    struct record r = by(RECORD_HEARTBEAT, 0, 1, sequence);
    r.heartbeat.control = digest_of_replica();
    r.heartbeat.snapshot = -1;
    return r;
}

/* Replica 1 becomes the leader of epoch 2, at the log's end. */
void lead_now(void)
{
    at_end();
    const struct record *claim = NULL;
    for (int i = 0; i < 400 && claim == NULL; i++) {
        now = mono_add(now, 10 * US_PER_MS);
        tick();
        claim = appended(RECORD_CLAIM);
    }
    ck_assert_ptr_nonnull(claim);
    struct record copy = *claim;
    read_record(&copy);
    at_end();
    ck_assert(replica_leads(replica));
}

void expect_no_claim_for(int seconds)
{
    for (int i = 0; i < seconds; i++) {
        now = mono_add(now, US_PER_SEC);
        tick();
        ck_assert_ptr_null(appended(RECORD_CLAIM));
    }
}

void alive_of(uint16_t replica_id, uint64_t sequence, const struct digest *d)
{
    struct record r = by(RECORD_STEP, replica_id, 5, sequence);
    r.step.kind = STEP_ALIVE;
    r.step.version = 1;
    r.step.alive_base = replica_control(replica)->applied;
    r.step.control = *d;
    read_record(&r);
}

void reads_all_reports(void)
{
    for (uint16_t i = 0; i < w->fleet->idc_count; i++) {
        step((struct event){.kind = EVENT_PARTITION_END, .partition = i});
    }
}

/* The leader's next heartbeat, read back: does it yield? */
bool next_beat_yields(void)
{
    at_end();
    for (int i = 0; i < 400 && appended(RECORD_HEARTBEAT) == NULL; i++) {
        now = mono_add(now, 10 * US_PER_MS);
        tick();
    }
    ck_assert_ptr_nonnull(appended(RECORD_HEARTBEAT));
    struct record beat = *appended(RECORD_HEARTBEAT);
    read_record(&beat);
    return beat.heartbeat.yield;
}
