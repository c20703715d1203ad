/* fuzz_hostile.c: a replica that leads, whose bus somebody writes to who is no probe, or is one and
 * lies. What is not signed by the partition's own observer never reaches the replica: nothing is
 * incident then and no plan moves. One liar with a stolen identity, beside honest others, breaks
 * nothing, halts nobody and takes no answer away.
 *
 * The input: whose partition is attacked and whether its key is stolen, then steps of four bytes:
 * what, and three arguments. The honest report each second, and the log answers with what was
 * appended. */
#include "core/replica.h"
#include "daemon/judge.h"
#include "wire/record.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { STATE_MAX = 1 << 20, ARENA_SIZE = 8 << 20, RECORD_ROOM = 1 << 20, MESSAGE_ROOM = 1 << 16 };
enum { STEPS_MAX = 200, RECORDS_MAX = 400, PENDING_MAX = 64, PENDING_SIZE = 16384 };

struct message {
    size_t size;
    uint8_t bytes[MESSAGE_ROOM];
};

static struct stage {
    uint8_t begin[STATE_MAX];
    size_t begin_size, replica_size;
    void *control_memory, *replica_memory, *report_memory, *record_memory;
    struct control control; /* as it was at the beginning */
    struct replica *replica;
    struct keyring ring;
    struct effect effects[REPLICA_MAX_EFFECTS];
    struct mono now;
    int64_t offset;
    uint64_t sequence;
    uint32_t records;
    struct pending {
        size_t size;
        uint8_t bytes[PENDING_SIZE];
    } pending[PENDING_MAX]; /* appended, not yet read */
    uint32_t pending_count;
    struct message last; /* an honest one, to be damaged */
    uint16_t victim;
    bool stolen;
} stage;

static void prepare(struct stage *s)
{
    FILE *f = fopen(FOLD_STATE, "r");
    assert(f != NULL);
    s->begin_size = fread(s->begin, 1, sizeof s->begin, f);
    fclose(f);
    s->control_memory = aligned_alloc(16, ARENA_SIZE);
    s->report_memory = aligned_alloc(16, (report_arena_size(REPORT_MAX_TARGETS) + 15) / 16 * 16);
    s->record_memory = aligned_alloc(16, RECORD_ROOM);
    assert(s->control_memory != NULL && s->report_memory != NULL && s->record_memory != NULL);
}

static void load(struct stage *s)
{
    struct arena a;
    arena_init(&a, s->control_memory, ARENA_SIZE);
    control_init(&s->control);
    struct codec r = codec_reader(s->begin, s->begin_size, &a);
    control_codec(&r, &s->control);
    assert(codec_finish(&r) == OK && control_broken(&s->control) == NULL);
}

/* A secret of its own for each probe. */
static void give_keys(struct stage *s)
{
    const struct fleet *f = s->control.fleet;
    s->ring.keys = calloc(f->idc_count, sizeof *s->ring.keys);
    assert(s->ring.keys != NULL);
    for (uint16_t i = 0; i < f->idc_count; i++) {
        struct key *k = &s->ring.keys[s->ring.count++];
        memcpy(k->id, f->idcs[i].probe_key, sizeof f->idcs[i].probe_key);
        k->size = 16;
        memset(k->bytes, i + 1, k->size);
    }
}

static void keep_effects(struct stage *s, int count)
{
    for (int i = 0; i < count; i++) {
        struct pending *p = &s->pending[s->pending_count];
        if (s->effects[i].kind == EFFECT_APPEND && s->pending_count < PENDING_MAX &&
            record_encode(&s->effects[i].append, p->bytes, sizeof p->bytes, &p->size) == OK) {
            s->pending_count++;
        }
    }
}

static void step(struct stage *s, struct event e)
{
    e.now = s->now;
    int n = replica_step(s->replica, &e, s->effects, REPLICA_MAX_EFFECTS);
    assert(n >= 0);
    keep_effects(s, n);
}

/* The log gives back what was appended. */
static void read_log(struct stage *s)
{
    for (uint32_t i = 0; i < s->pending_count && s->records < RECORDS_MAX; i++) {
        struct record r;
        struct arena a;
        arena_init(&a, s->record_memory, RECORD_ROOM);
        int status = record_decode(s->pending[i].bytes, s->pending[i].size, &a, &r);
        assert(status == OK);
        s->records++;
        step(s,
             (struct event){.kind = EVENT_RECORD, .record = {.record = &r, .offset = ++s->offset}});
    }
    s->pending_count = 0;
    step(s, (struct event){.kind = EVENT_LOG_END, .log_end = s->offset + 1});
}

/* --- Reports ------------------------------------------------------------------------------------
 */

static struct observation observations[REPORT_MAX_TARGETS];
static struct load_sample loads[FLEET_MAX_SERVICES];
static struct load_rate rates[FLEET_MAX_SERVICES * FLEET_MAX_VIEWS];

/* All is well, says the observer. */
static struct report good_word(struct stage *s, uint16_t idc)
{
    static struct target targets[REPORT_MAX_TARGETS];
    const struct fleet *f = s->control.fleet;
    uint16_t services[FLEET_MAX_SERVICES];
    int count = targets_for_idc(f, idc, targets, REPORT_MAX_TARGETS);
    assert(count > 0);
    for (int i = 0; i < count; i++) {
        observations[i] =
            (struct observation){.health = HEALTH_UP, .held_us = s->now.us, .oper_up = true};
    }
    memset(loads, 0, sizeof loads);
    memset(rates, 0, sizeof rates);
    uint32_t load_count = loads_for_idc(f, idc, services);
    return (struct report){.observer = idc,
                           .incarnation = 1,
                           .sequence = ++s->sequence,
                           .sent_us = s->now.us,
                           .fleet = s->control.fleet_digest,
                           .count = (uint32_t)count,
                           .observations = observations,
                           .load_count = load_count,
                           .view_count = load_count > 0 ? f->view_count : 0,
                           .loads = loads,
                           .load_views = rates};
}

/* False: the encoder knows better, such a report cannot be. */
static bool seal(const struct stage *s, const struct report *r, uint16_t signer, struct message *m)
{
    const struct key *k = &s->ring.keys[signer];
    const struct report_key key = {k->id, k->bytes, k->size};
    return report_encode(r, &key, m->bytes, sizeof m->bytes, &m->size) == OK;
}

/* What the daemon does with bytes of a partition; true when they were taken for a report. */
static bool deliver(struct stage *s, uint16_t idc, const uint8_t *bytes, size_t size)
{
    const struct fleet *f = s->control.fleet;
    struct arena a;
    struct report r;
    const char *why = NULL;
    arena_init(&a, s->report_memory, report_arena_size(REPORT_MAX_TARGETS));
    int status =
        judge_report(f, &s->control.fleet_digest, &s->ring, idc, bytes, size, &a, &r, &why);
    assert(judge_observer(f, f->idcs[idc].partition) == idc && (status == OK) == (why == NULL));
    if (status == OK) {
        step(s, (struct event){.kind = EVENT_REPORT,
                               .report = {.report = &r,
                                          .partition = f->idcs[idc].partition,
                                          .offset = (int64_t)s->sequence}});
    }
    return status == OK;
}

/* A tenth of a second to a second passes, and whoever is honest says that all is well. */
static void pass(struct stage *s, uint8_t tenths)
{
    const struct fleet *f = s->control.fleet;
    s->now.us += (tenths % 10 + 1) * (US_PER_SEC / 10);
    for (uint16_t i = 0; i < f->idc_count; i++) {
        struct report r = good_word(s, i);
        if (i != s->victim || !s->stolen) { /* else the liar speaks in its place */
            bool sent = seal(s, &r, i, &s->last) && deliver(s, i, s->last.bytes, s->last.size);
            assert(sent);
        }
        step(s, (struct event){.kind = EVENT_PARTITION_END, .partition = f->idcs[i].partition});
    }
    step(s, (struct event){.kind = EVENT_TICK});
    read_log(s);
}

static const enum health healths[] = {HEALTH_UNKNOWN, HEALTH_UP, HEALTH_DEGRADED, HEALTH_DOWN};

/* The word of the liar: everything bad but what an argument lets be. */
static void lie(struct stage *s, const uint8_t arguments[3])
{
    static struct message m;
    struct report r = good_word(s, s->victim);
    for (uint32_t i = 0; i < r.count; i++) {
        bool spared = (arguments[0] >> (i % 8) & 1) != 0;
        observations[i].health = spared ? HEALTH_UP : healths[arguments[1] % 4];
        observations[i].held_us = arguments[2] < 250 ? arguments[2] * (US_PER_SEC / 4) : INT64_MAX;
        observations[i].oper_up = (arguments[1] & 16) == 0;
        observations[i].loss_in_ppm = (arguments[1] & 32) != 0 ? 500000 : 0;
    }
    for (uint32_t i = 0; (arguments[1] & 64) != 0 && i < r.load_count; i++) {
        loads[i] = (struct load_sample){.valid = true,
                                        .requests_mrps = LOAD_MAX_MRPS >> arguments[0] % 40,
                                        .saturation_ppm = arguments[2] * 3900U};
    }
    if ((arguments[1] & 8) != 0) { /* its key, the name of another */
        r.observer = (uint16_t)((s->victim + 1) % s->control.fleet->idc_count);
    }
    if ((arguments[1] & 128) != 0) {
        r.sent_us = arguments[2] < 128 ? 0 : INT64_MAX - arguments[2];
        r.incarnation = UINT64_MAX - arguments[2] % 4;
    }
    uint16_t signer = s->stolen ? s->victim : (uint16_t)((s->victim + 1) % s->ring.count);
    if (!seal(s, &r, signer, &m)) {
        return;
    }
    bool taken = deliver(s, s->victim, m.bytes, m.size);
    assert(taken == (s->stolen && r.observer == s->victim));
    for (uint16_t i = 0; i < s->control.fleet->idc_count; i++) { /* nor in partitions of others */
        assert(i == s->victim || i == signer || !deliver(s, i, m.bytes, m.size));
    }
}

/* A message of an honest probe with one bit turned, cut, or as it was in a partition of others. */
static void forge(struct stage *s, const uint8_t arguments[3])
{
    static struct message m;
    uint16_t idc = (uint16_t)(arguments[0] % s->control.fleet->idc_count);
    m = s->last;
    if (m.size == 0) {
        return;
    }
    size_t at = ((size_t)arguments[1] << 8 | arguments[2]) % m.size;
    if (arguments[0] < 128) {
        m.bytes[at] ^= (uint8_t)(1U << (arguments[0] >> 4));
    } else {
        m.size = at;
    }
    bool taken = deliver(s, idc, m.bytes, m.size);
    assert(!taken);
}

/* --- What holds ---------------------------------------------------------------------------------
 */

static void hold(const struct stage *s)
{
    const struct control *c = replica_control(s->replica);
    const struct plan *before = &s->control.plan;
    int64_t offset;
    assert(control_broken(c) == NULL && replica_halted(s->replica, &offset) == NULL);
    for (uint32_t i = 0; i < (uint32_t)before->service_count * before->view_count; i++) {
        assert(memcmp(&before->answers[i], &c->plan.answers[i], sizeof before->answers[i]) == 0);
    }
    if (!s->stolen) {
        struct digest then = plan_shape_digest(before), now = plan_shape_digest(&c->plan);
        assert(c->incident_count == s->control.incident_count);
        assert(digest_compare(&then, &now) == 0);
    }
}

static void act(struct stage *s, const uint8_t *at, const uint8_t *end)
{
    const struct fleet *f = s->control.fleet;
    uint16_t partition = f->idcs[at[1] % f->idc_count].partition;
    switch (at[0] % 8) {
    case 0:
    case 1:
    case 2: pass(s, at[1]); break;
    case 3:
    case 4: lie(s, at + 1); break;
    case 5: forge(s, at + 1); break;
    case 6: { /* the rest of the input as a message */
        bool taken = deliver(s, at[1] % f->idc_count, at + 2, (size_t)(end - at) - 2);
        assert(!taken);
        break;
    }
    case 7:
        step(s, (struct event){.kind = at[2] % 2 == 0 ? EVENT_PARTITION_LOST : EVENT_PARTITION_END,
                               .partition = partition});
        break;
    }
    hold(s);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct stage *s = &stage;
    if (s->begin_size == 0) {
        prepare(s);
        load(s);
        give_keys(s);
        s->replica_size = (replica_size(s->control.fleet) + 15) / 16 * 16;
        s->replica_memory = aligned_alloc(16, s->replica_size);
        assert(s->replica_memory != NULL);
    }
    if (size == 0) {
        return 0;
    }
    const uint8_t *end = data + size;
    load(s);
    s->victim = data[0] % s->control.fleet->idc_count;
    s->stolen = (data[0] & 128) != 0;
    s->now = (struct mono){US_PER_SEC * 1000};
    s->offset = s->control.applied;
    s->sequence = s->records = s->pending_count = 0;
    s->last.size = 0;
    struct replica_config config = {.replica = s->control.fleet->idcs[0].partition,
                                    .incarnation = 7,
                                    .seed = 7,
                                    .candidate = true,
                                    .version = FOLD_RULES_NEWEST};
    int status =
        replica_new(s->replica_memory, s->replica_size, &config, &s->control, s->now, &s->replica);
    assert(status == OK);
    step(s, (struct event){.kind = EVENT_LOG_END, .log_end = s->offset + 1});
    const uint8_t *at = data + 1;
    for (int n = 0; end - at >= 4 && n < STEPS_MAX; n++, at += 4) {
        act(s, at, end);
    }
    return 0;
}
