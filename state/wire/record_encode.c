/* record_encode.c: from a record of the model to its bytes. */
#include "wire/check.h"
#include "wire/record.h"

#include "record.pb-c.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

enum { MOVE_SIZE = 16 }; /* a drill's move in its canonical form is smaller */

/* Sub-messages of one record; only one of them is used. */
union body {
    Spillway__GenesisWire genesis;
    Spillway__ClaimWire claim;
    Spillway__HeartbeatWire heartbeat;
    Spillway__DecideWire decide;
    Spillway__OperatorWire operator;
    Spillway__StepWire step;
    Spillway__SnapshotWire snapshot;
    Spillway__RulesWire rules;
};

/* The packer reads through these pointers only, so dropping const is safe. */
static ProtobufCBinaryData data_of(const void *at, size_t size)
{
    return (ProtobufCBinaryData){.len = size, .data = (uint8_t *)(uintptr_t)at};
}

static ProtobufCBinaryData text_of(const char *text)
{
    return data_of(text, strlen(text));
}

static ProtobufCBinaryData bytes_of(const struct bytes *b)
{
    return data_of(b->at, b->size);
}

static ProtobufCBinaryData digest_of(const struct digest *d)
{
    return data_of(d->bytes, sizeof(d->bytes));
}

/* Columns and canonical bytes live in one scratch block whose size is computed first. */
static void *column(struct arena *a, size_t count, size_t size)
{
    void *p = arena_alloc(a, count, size);
    assert(p != NULL);
    return p;
}

static void changes_codec(struct codec *c, struct change *changes, uint32_t count)
{
    for (uint32_t i = 0; i < count && c->status == OK; i++) {
        change_codec(c, &changes[i]);
    }
}

static void incidents_codec(struct codec *c, struct incident *incidents, uint32_t count)
{
    for (uint32_t i = 0; i < count && c->status == OK; i++) {
        incident_codec(c, &incidents[i]);
    }
}

static size_t changes_size(struct change *changes, uint32_t count)
{
    struct codec c = codec_measure();
    changes_codec(&c, changes, count);
    return c.pos;
}

static size_t incidents_size(const struct decide *d)
{
    struct codec c = codec_measure();
    incidents_codec(&c, d->incidents, d->incident_count);
    return c.pos;
}

static size_t scratch_size(const struct record *r)
{
    if (r->kind == RECORD_OPERATOR) {
        return changes_size(r->operator.changes, r->operator.change_count) + 16;
    }
    if (r->kind != RECORD_DECIDE) {
        return 256; /* a fence */
    }
    const struct decide *d = &r->decide;
    size_t evidence = sizeof(uint32_t) + 2 * sizeof(int64_t);
    size_t verdict = 5 * sizeof(uint32_t) + 5 * sizeof(uint64_t) + sizeof(int64_t);
    size_t guard = 4 * sizeof(uint32_t) + sizeof(protobuf_c_boolean);
    size_t demand = 2 * sizeof(uint32_t) + 2 * sizeof(uint64_t);
    return d->demand_count * demand + d->evidence_count * evidence + d->verdict_count * verdict +
           d->guard_count * guard + changes_size(d->changes, d->change_count) + incidents_size(d) +
           MOVE_SIZE + 32 * 16; /* alignment of each piece */
}

static void encode_evidence(Spillway__DecideWire *w, const struct decide *d, struct arena *a)
{
    size_t n = d->evidence_count;
    w->n_evidence_partition = w->n_evidence_offset = w->n_evidence_age_us = n;
    w->evidence_partition = column(a, n, sizeof(uint32_t));
    w->evidence_offset = column(a, n, sizeof(int64_t));
    w->evidence_age_us = column(a, n, sizeof(int64_t));
    for (size_t i = 0; i < n; i++) {
        w->evidence_partition[i] = d->evidence[i].partition;
        w->evidence_offset[i] = d->evidence[i].offset;
        w->evidence_age_us[i] = d->evidence[i].age_us;
    }
}

static void encode_verdicts(Spillway__DecideWire *w, const struct decide *d, struct arena *a)
{
    size_t n = d->verdict_count;
    w->n_verdict_kind = w->n_verdict_a = w->n_verdict_b = n;
    w->n_verdict_health = w->n_verdict_rule = w->n_verdict_held_us = n;
    w->n_verdict_observers = 5 * n;
    w->verdict_kind = column(a, n, sizeof(uint32_t));
    w->verdict_a = column(a, n, sizeof(uint32_t));
    w->verdict_b = column(a, n, sizeof(uint32_t));
    w->verdict_health = column(a, n, sizeof(uint32_t));
    w->verdict_rule = column(a, n, sizeof(uint32_t));
    w->verdict_observers = column(a, 5 * n, sizeof(uint64_t));
    w->verdict_held_us = column(a, n, sizeof(int64_t));
    for (size_t i = 0; i < n; i++) {
        const struct verdict *v = &d->verdicts[i];
        w->verdict_kind[i] = v->subject.kind;
        w->verdict_a[i] = v->subject.a;
        w->verdict_b[i] = v->subject.b;
        w->verdict_health[i] = v->health;
        w->verdict_rule[i] = v->rule;
        w->verdict_held_us[i] = v->held_us;
        memcpy(&w->verdict_observers[5 * i], v->for_observers, sizeof(v->for_observers));
    }
}

static void encode_guards(Spillway__DecideWire *w, const struct decide *d, struct arena *a)
{
    size_t n = d->guard_count;
    w->n_guard = w->n_guard_passed = w->n_guard_kind = w->n_guard_a = w->n_guard_b = n;
    w->guard = column(a, n, sizeof(uint32_t));
    w->guard_passed = column(a, n, sizeof(protobuf_c_boolean));
    w->guard_kind = column(a, n, sizeof(uint32_t));
    w->guard_a = column(a, n, sizeof(uint32_t));
    w->guard_b = column(a, n, sizeof(uint32_t));
    for (size_t i = 0; i < n; i++) {
        const struct guard_result *g = &d->guards[i];
        w->guard[i] = g->guard;
        w->guard_passed[i] = g->passed;
        w->guard_kind[i] = g->subject.kind;
        w->guard_a[i] = g->subject.a;
        w->guard_b[i] = g->subject.b;
    }
}

static void encode_demands(Spillway__DecideWire *w, const struct decide *d, struct arena *a)
{
    size_t n = d->demand_count;
    w->n_demand_service = w->n_demand_view = w->n_demand_rps = w->n_demand_seen_rps = n;
    w->demand_service = column(a, n, sizeof(uint32_t));
    w->demand_view = column(a, n, sizeof(uint32_t));
    w->demand_rps = column(a, n, sizeof(uint64_t));
    w->demand_seen_rps = column(a, n, sizeof(uint64_t));
    for (size_t i = 0; i < n; i++) {
        w->demand_service[i] = d->demands[i].service;
        w->demand_view[i] = d->demands[i].view;
        w->demand_rps[i] = d->demands[i].rps;
        w->demand_seen_rps[i] = d->demands[i].seen_rps;
    }
}

static int encode_changes(struct change *changes, uint32_t count, struct arena *a,
                          ProtobufCBinaryData *to)
{
    size_t size = changes_size(changes, count);
    struct codec c = codec_writer(column(a, size, 1), size);
    changes_codec(&c, changes, count);
    *to = data_of(c.at, c.pos);
    return codec_finish(&c);
}

/* No move is no bytes. */
static int encode_move(const struct drill_move *m, struct arena *a, ProtobufCBinaryData *to)
{
    struct drill_move copy = *m;
    struct codec c = codec_writer(column(a, MOVE_SIZE, 1), MOVE_SIZE);
    if (m->state != DRILL_NEVER) {
        drill_move_codec(&c, &copy);
    }
    *to = data_of(c.at, c.pos);
    return codec_finish(&c);
}

static int encode_decide(Spillway__DecideWire *w, const struct decide *d, struct arena *a)
{
    spillway__decide_wire__init(w);
    w->purpose = d->purpose;
    w->generation = d->generation;
    w->plan_digest = digest_of(&d->plan_digest);
    w->concerns = d->concerns;
    w->order = d->order;
    encode_evidence(w, d, a);
    encode_verdicts(w, d, a);
    encode_guards(w, d, a);
    encode_demands(w, d, a);
    w->incident_count = d->incident_count;
    w->change_count = d->change_count;
    size_t size = incidents_size(d);
    struct codec c = codec_writer(column(a, size, 1), size);
    incidents_codec(&c, d->incidents, d->incident_count);
    w->incidents = data_of(c.at, c.pos);
    int status = codec_finish(&c);
    status = status == OK ? encode_move(&d->drill, a, &w->drill_move) : status;
    return status != OK ? status : encode_changes(d->changes, d->change_count, a, &w->changes);
}

static int encode_step(Spillway__StepWire *w, const struct step *s, struct arena *a)
{
    spillway__step_wire__init(w);
    w->kind = s->kind;
    struct fence fence = s->fence;
    struct codec c = codec_writer(column(a, 128, 1), 128);
    switch (s->kind) {
    case STEP_OUTCOME:
        w->actuator = s->actuator;
        w->target = s->target;
        w->status = s->status;
        fence_codec(&c, &fence);
        w->fence = data_of(c.at, c.pos);
        break;
    case STEP_LINK_DOWN:
        w->link = s->link;
        w->end = s->end;
        w->down_number = s->down_number;
        break;
    case STEP_ALIVE:
        w->version = s->version;
        w->alive_base = s->alive_base;
        w->control_digest = digest_of(&s->control);
        w->warm = s->warm;
        w->halted = s->halted;
        break;
    case STEP_INJECTION:
        w->run = s->run;
        w->drill_step = s->drill_step;
        w->status = s->status;
        break;
    }
    return codec_finish(&c);
}

static void encode_genesis(Spillway__GenesisWire *w, const struct record *r)
{
    spillway__genesis_wire__init(w);
    w->predecessor = data_of(r->genesis.predecessor.bytes, sizeof(r->genesis.predecessor.bytes));
    w->era = r->genesis.era;
    w->fleet = bytes_of(&r->genesis.fleet);
    w->control = bytes_of(&r->genesis.control);
    w->plan = bytes_of(&r->genesis.plan);
    w->identity = text_of(r->genesis.identity);
    w->reason = text_of(r->genesis.reason);
}

static int encode_operator(Spillway__OperatorWire *w, const struct operator_record *o,
                           struct arena *a)
{
    spillway__operator_wire__init(w);
    w->request = data_of(o->request.bytes, sizeof(o->request.bytes));
    w->identity = text_of(o->identity);
    w->reason = text_of(o->reason);
    w->command = o->command;
    w->argument = o->argument;
    w->subject_kind = o->subject.kind;
    w->subject_a = o->subject.a;
    w->subject_b = o->subject.b;
    w->tier = o->tier;
    w->ttl_us = o->ttl_us;
    w->change_count = o->change_count;
    w->drill = bytes_of(&o->drill);
    w->target_index = o->target.index;
    w->target_at = o->target.at;
    w->fleet = bytes_of(&o->fleet);
    w->plan = bytes_of(&o->plan);
    if (o->fleet.size > 0) {
        w->replaces = digest_of(&o->replaces);
    }
    return encode_changes(o->changes, o->change_count, a, &w->changes);
}

/* The body of the record's kind, hung into the envelope. */
static int encode_body(const struct record *r, Spillway__RecordWire *w, union body *b,
                       struct arena *a)
{
    int status = OK;
    switch (r->kind) {
    case RECORD_GENESIS:
        encode_genesis(&b->genesis, r);
        w->genesis = &b->genesis;
        break;
    case RECORD_CLAIM:
        spillway__claim_wire__init(&b->claim);
        b->claim.ends_epoch = r->claim.ends_epoch;
        b->claim.names = r->claim.names;
        w->claim = &b->claim;
        break;
    case RECORD_HEARTBEAT:
        spillway__heartbeat_wire__init(&b->heartbeat);
        b->heartbeat.control_digest = digest_of(&r->heartbeat.control);
        b->heartbeat.yield = r->heartbeat.yield;
        b->heartbeat.snapshot = r->heartbeat.snapshot;
        w->heartbeat = &b->heartbeat;
        break;
    case RECORD_DECIDE:
        status = encode_decide(&b->decide, &r->decide, a);
        w->decide = &b->decide;
        break;
    case RECORD_OPERATOR:
        status = encode_operator(&b->operator, & r->operator, a);
        w->operator_ = &b->operator;
        break;
    case RECORD_STEP:
        status = encode_step(&b->step, &r->step, a);
        w->step = &b->step;
        break;
    case RECORD_SNAPSHOT:
        spillway__snapshot_wire__init(&b->snapshot);
        b->snapshot.control = bytes_of(&r->snapshot.control);
        w->snapshot = &b->snapshot;
        break;
    case RECORD_RULES:
        spillway__rules_wire__init(&b->rules);
        b->rules.version = r->rules.version;
        w->rules = &b->rules;
        break;
    }
    /* Kinds and the numbers of their bodies run in parallel. */
    w->body_case = (Spillway__RecordWire__BodyCase)(SPILLWAY__RECORD_WIRE__BODY_GENESIS +
                                                    ((unsigned)r->kind - RECORD_GENESIS));
    return status;
}

static int pack(const struct record *r, struct arena *scratch, uint8_t *room, size_t size,
                size_t *ret_size)
{
    union body body;
    Spillway__RecordWire w;
    spillway__record_wire__init(&w);
    w.kind = r->kind;
    w.log_id = data_of(r->log_id.bytes, sizeof(r->log_id.bytes));
    w.replica = r->writer.replica;
    w.incarnation = r->writer.incarnation;
    w.sequence = r->writer.sequence;
    w.epoch = r->epoch;
    w.writer_base = r->base;
    w.log_time_us = r->log_time.us;
    int status = encode_body(r, &w, &body, scratch);
    if (status != OK) {
        return status;
    }
    size_t need = spillway__record_wire__get_packed_size(&w);
    if (need > RECORD_MAX_BYTES) {
        return ERR_TOO_LARGE;
    }
    if (need > size) {
        return ERR_FULL;
    }
    *ret_size = spillway__record_wire__pack(&w, room);
    return OK;
}

int record_encode(const struct record *r, uint8_t *room, size_t size, size_t *ret_size)
{
    int status = record_check(r);
    if (status != OK) {
        return status == ERR_VERSION ? ERR_INVALID : status;
    }
    size_t bytes = scratch_size(r);
    void *memory = malloc(bytes);
    if (memory == NULL) {
        return ERR_MEMORY;
    }
    struct arena scratch;
    arena_init(&scratch, memory, bytes);
    status = pack(r, &scratch, room, size, ret_size);
    free(memory);
    return status;
}
