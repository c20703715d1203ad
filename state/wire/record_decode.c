/* record_decode.c: from bytes of outside to a record of the model. */
#include "wire/budget.h"
#include "wire/check.h"
#include "wire/record.h"

#include "record.pb-c.h"

#include <string.h>

/* Least bytes of one entry on the wire: what bounds the arena by the size of the input. */
enum {
    MIN_EVIDENCE = 3,
    MIN_VERDICT = 11,
    MIN_GUARD = 5,
    MIN_INCIDENT = 40,
    MIN_CHANGE = 7,
    MIN_DEMAND = 4
};

size_t record_arena_size(size_t encoded_size)
{
    static const struct {
        size_t max, min, size;
    } lists[] = {
        {RECORD_MAX_EVIDENCE, MIN_EVIDENCE, sizeof(struct evidence_ref)},
        {RECORD_MAX_VERDICTS, MIN_VERDICT, sizeof(struct verdict)},
        {RECORD_MAX_GUARDS, MIN_GUARD, sizeof(struct guard_result)},
        {INCIDENT_MAX, MIN_INCIDENT, sizeof(struct incident)},
        {RECORD_MAX_CHANGES, MIN_CHANGE, sizeof(struct change)},
        {RECORD_MAX_DEMANDS, MIN_DEMAND, sizeof(struct demand_word)},
    };
    size_t size = encoded_size + 16 * 16; /* byte strings; alignment of each piece */
    for (size_t i = 0; i < sizeof(lists) / sizeof(lists[0]); i++) {
        size_t count = encoded_size / lists[i].min;
        size += (count < lists[i].max ? count : lists[i].max) * lists[i].size;
    }
    return size;
}

/* Exactly size bytes; an absent field is one of zeros. */
static int take_exact(const ProtobufCBinaryData *data, uint8_t *to, size_t size)
{
    if (data->len != size && data->len != 0) {
        return ERR_INVALID;
    }
    if (data->len == size) {
        memcpy(to, data->data, size);
    }
    return OK;
}

static int take_digest(const ProtobufCBinaryData *data, struct digest *to)
{
    return take_exact(data, to->bytes, sizeof(to->bytes));
}

/* The field was zeroed, so a NUL follows. What it holds is judged by record_check(). */
static int take_text(const ProtobufCBinaryData *data, char to[RECORD_TEXT_SIZE])
{
    if (data->len >= RECORD_TEXT_SIZE) {
        return ERR_TOO_LARGE;
    }
    if (data->len > 0) {
        if (memchr(data->data, '\0', data->len) != NULL) {
            return ERR_INVALID;
        }
        memcpy(to, data->data, data->len);
    }
    return OK;
}

static int take_bytes(const ProtobufCBinaryData *data, struct arena *a, struct bytes *to)
{
    uint8_t *copy = arena_alloc(a, data->len, 1);
    if (copy == NULL) {
        return ERR_FULL;
    }
    if (data->len > 0) {
        memcpy(copy, data->data, data->len);
    }
    *to = (struct bytes){copy, data->len};
    return OK;
}

/* Collects the first failure of several steps. */
static void also(int *status, int next)
{
    if (*status == OK) {
        *status = next;
    }
}

static bool fits16(uint32_t v)
{
    return v <= UINT16_MAX;
}

/* An array for a list of count entries, of which at most max are allowed and whose columns all have
 * their length. */
static int take_list(struct arena *a, size_t count, size_t max, bool columns_match, size_t size,
                     void **ret_array)
{
    if (!columns_match) {
        return ERR_INVALID;
    }
    if (count > max) {
        return ERR_TOO_LARGE;
    }
    void *array = arena_alloc(a, count, size);
    if (array == NULL) {
        return ERR_FULL;
    }
    *ret_array = array;
    return OK;
}

static int decode_evidence(const Spillway__DecideWire *w, struct arena *a, struct decide *d)
{
    void *array = NULL;
    size_t n = w->n_evidence_partition;
    bool match = w->n_evidence_offset == n && w->n_evidence_age_us == n;
    int status = take_list(a, n, RECORD_MAX_EVIDENCE, match, sizeof(*d->evidence), &array);
    d->evidence = array;
    d->evidence_count = (uint32_t)n;
    for (size_t i = 0; status == OK && i < n; i++) {
        if (!fits16(w->evidence_partition[i])) {
            return ERR_INVALID;
        }
        d->evidence[i] = (struct evidence_ref){.partition = (uint16_t)w->evidence_partition[i],
                                               .offset = w->evidence_offset[i],
                                               .age_us = w->evidence_age_us[i]};
    }
    return status;
}

/* An enum's value beyond its range stays beyond it, for record_check() to find. */
static int take_subject(uint32_t kind, uint32_t a, uint32_t b, struct subject *to)
{
    if (kind > SUBJECT_LAST || !fits16(a) || !fits16(b)) {
        return ERR_INVALID;
    }
    *to = (struct subject){.kind = (enum subject_kind)kind, .a = (uint16_t)a, .b = (uint16_t)b};
    return OK;
}

static int decode_verdicts(const Spillway__DecideWire *w, struct arena *a, struct decide *d)
{
    void *array = NULL;
    size_t n = w->n_verdict_kind;
    bool match = w->n_verdict_a == n && w->n_verdict_b == n && w->n_verdict_health == n &&
                 w->n_verdict_rule == n && w->n_verdict_held_us == n &&
                 w->n_verdict_observers == 5 * n;
    int status = take_list(a, n, RECORD_MAX_VERDICTS, match, sizeof(*d->verdicts), &array);
    d->verdicts = array;
    d->verdict_count = (uint32_t)n;
    for (size_t i = 0; status == OK && i < n; i++) {
        struct verdict *v = &d->verdicts[i];
        status = take_subject(w->verdict_kind[i], w->verdict_a[i], w->verdict_b[i], &v->subject);
        if (w->verdict_health[i] > HEALTH_DOWN || w->verdict_rule[i] > RULE_LAST) {
            return ERR_INVALID;
        }
        v->health = (enum health)w->verdict_health[i];
        v->rule = (enum rule)w->verdict_rule[i];
        v->held_us = w->verdict_held_us[i];
        memcpy(v->for_observers, &w->verdict_observers[5 * i], sizeof(v->for_observers));
    }
    return status;
}

static int decode_guards(const Spillway__DecideWire *w, struct arena *a, struct decide *d)
{
    void *array = NULL;
    size_t n = w->n_guard;
    bool match =
        w->n_guard_passed == n && w->n_guard_kind == n && w->n_guard_a == n && w->n_guard_b == n;
    int status = take_list(a, n, RECORD_MAX_GUARDS, match, sizeof(*d->guards), &array);
    d->guards = array;
    d->guard_count = (uint32_t)n;
    for (size_t i = 0; status == OK && i < n; i++) {
        struct guard_result *g = &d->guards[i];
        if (w->guard[i] > GUARD_LAST) {
            return ERR_INVALID;
        }
        g->guard = (enum guard)w->guard[i];
        g->passed = w->guard_passed[i] != 0;
        status = take_subject(w->guard_kind[i], w->guard_a[i], w->guard_b[i], &g->subject);
    }
    return status;
}

static int decode_demands(const Spillway__DecideWire *w, struct arena *a, struct decide *d)
{
    void *array = NULL;
    size_t n = w->n_demand_service;
    bool match = w->n_demand_view == n && w->n_demand_rps == n && w->n_demand_seen_rps == n;
    int status = take_list(a, n, RECORD_MAX_DEMANDS, match, sizeof(*d->demands), &array);
    d->demands = array;
    d->demand_count = (uint32_t)n;
    for (size_t i = 0; status == OK && i < n; i++) {
        if (!fits16(w->demand_service[i]) || !fits16(w->demand_view[i])) {
            return ERR_INVALID;
        }
        d->demands[i] = (struct demand_word){.service = (uint16_t)w->demand_service[i],
                                             .view = (uint16_t)w->demand_view[i],
                                             .rps = w->demand_rps[i],
                                             .seen_rps = w->demand_seen_rps[i]};
    }
    return status;
}

static int decode_incidents(const Spillway__DecideWire *w, struct arena *a, struct decide *d)
{
    void *array = NULL;
    bool room = w->incident_count <= w->incidents.len / MIN_INCIDENT;
    int status = take_list(a, w->incident_count, INCIDENT_MAX, room, sizeof(*d->incidents), &array);
    if (status != OK) {
        return status;
    }
    d->incidents = array;
    d->incident_count = w->incident_count;
    struct codec c = codec_reader(w->incidents.data, w->incidents.len, NULL);
    for (uint32_t i = 0; i < d->incident_count && c.status == OK; i++) {
        incident_codec(&c, &d->incidents[i]);
    }
    return codec_finish(&c);
}

static int decode_changes(const ProtobufCBinaryData *data, uint32_t count, struct arena *a,
                          struct change **ret_changes)
{
    void *array = NULL;
    bool room = count <= data->len / MIN_CHANGE;
    int status = take_list(a, count, RECORD_MAX_CHANGES, room, sizeof(struct change), &array);
    if (status != OK) {
        return status;
    }
    struct change *changes = array;
    struct codec c = codec_reader(data->data, data->len, NULL);
    for (uint32_t i = 0; i < count && c.status == OK; i++) {
        change_codec(&c, &changes[i]);
    }
    *ret_changes = changes;
    return codec_finish(&c);
}

/* No bytes are no move. */
static int decode_move(const ProtobufCBinaryData *data, struct drill_move *ret_move)
{
    struct drill_move m = {.state = DRILL_NEVER};
    struct codec c = codec_reader(data->data, data->len, NULL);
    if (data->len > 0) {
        drill_move_codec(&c, &m);
    }
    int status = codec_finish(&c);
    if (status == OK && data->len > 0 && m.state == DRILL_NEVER) {
        status = ERR_INVALID;
    }
    if (status == OK) {
        *ret_move = m;
    }
    return status;
}

static int decode_decide(const Spillway__DecideWire *w, struct arena *a, struct decide *d)
{
    if (w->purpose > DECIDE_REVERT) {
        return ERR_INVALID;
    }
    d->purpose = (enum decide_purpose)w->purpose;
    d->generation = w->generation;
    d->concerns = w->concerns;
    d->order = w->order;
    d->change_count = w->change_count;
    int status = take_digest(&w->plan_digest, &d->plan_digest);
    also(&status, decode_move(&w->drill_move, &d->drill));
    also(&status, status == OK ? decode_evidence(w, a, d) : status);
    also(&status, status == OK ? decode_verdicts(w, a, d) : status);
    also(&status, status == OK ? decode_guards(w, a, d) : status);
    also(&status, status == OK ? decode_demands(w, a, d) : status);
    also(&status, status == OK ? decode_incidents(w, a, d) : status);
    also(&status,
         status == OK ? decode_changes(&w->changes, w->change_count, a, &d->changes) : status);
    return status;
}

static int decode_step(const Spillway__StepWire *w, struct step *s)
{
    if (w->kind > STEP_INJECTION || w->actuator > ACTUATOR_FEATURES) {
        return ERR_VERSION;
    }
    if (!fits16(w->target) || !fits16(w->link) || w->end > 1) {
        return ERR_INVALID;
    }
    int status = OK;
    s->kind = (enum step_kind)w->kind;
    switch (s->kind) {
    case STEP_OUTCOME: {
        struct codec c = codec_reader(w->fence.data, w->fence.len, NULL);
        fence_codec(&c, &s->fence);
        status = codec_finish(&c);
        s->actuator = (enum actuator)w->actuator;
        s->target = (uint16_t)w->target;
        s->status = w->status;
        break;
    }
    case STEP_LINK_DOWN:
        s->link = (uint16_t)w->link;
        s->end = (uint8_t)w->end;
        s->down_number = w->down_number;
        break;
    case STEP_ALIVE:
        s->version = w->version;
        s->alive_base = w->alive_base;
        s->warm = w->warm != 0;
        s->halted = w->halted != 0;
        status = take_digest(&w->control_digest, &s->control);
        break;
    case STEP_INJECTION:
        s->run = w->run;
        s->drill_step = (uint8_t)w->drill_step;
        s->status = w->status;
        status = w->drill_step <= DRILL_MAX_STEPS ? OK : ERR_INVALID;
        break;
    }
    return status;
}

static int decode_genesis(const Spillway__GenesisWire *w, struct arena *a, struct record *r)
{
    int status = take_exact(&w->predecessor, r->genesis.predecessor.bytes,
                            sizeof(r->genesis.predecessor.bytes));
    r->genesis.era = w->era;
    also(&status, take_bytes(&w->fleet, a, &r->genesis.fleet));
    also(&status, take_bytes(&w->control, a, &r->genesis.control));
    also(&status, take_bytes(&w->plan, a, &r->genesis.plan));
    also(&status, take_text(&w->identity, r->genesis.identity));
    also(&status, take_text(&w->reason, r->genesis.reason));
    return status;
}

static int decode_operator(const Spillway__OperatorWire *w, struct arena *a,
                           struct operator_record *o)
{
    if (w->command > OPERATOR_LAST) {
        return ERR_VERSION;
    }
    if (w->tier > FLEET_MAX_TIER) {
        return ERR_INVALID;
    }
    o->command = (enum operator_command)w->command;
    o->argument = w->argument;
    o->tier = (uint8_t)w->tier;
    o->ttl_us = w->ttl_us;
    o->change_count = w->change_count;
    o->target = (struct drill_target){(uint16_t)w->target_index, (uint16_t)w->target_at};
    if (!fits16(w->target_index) || !fits16(w->target_at) || w->drill.len > DRILL_MAX_BYTES) {
        return ERR_INVALID;
    }
    int status = take_subject(w->subject_kind, w->subject_a, w->subject_b, &o->subject);
    also(&status, take_exact(&w->request, o->request.bytes, sizeof(o->request.bytes)));
    also(&status, take_text(&w->identity, o->identity));
    also(&status, take_text(&w->reason, o->reason));
    also(&status, take_bytes(&w->drill, a, &o->drill));
    also(&status, take_bytes(&w->fleet, a, &o->fleet));
    also(&status, take_bytes(&w->plan, a, &o->plan));
    if (w->fleet.len > 0) {
        also(&status, take_digest(&w->replaces, &o->replaces));
    }
    also(&status,
         status == OK ? decode_changes(&w->changes, w->change_count, a, &o->changes) : status);
    return status;
}

static int decode_body(const Spillway__RecordWire *w, struct arena *a, struct record *r)
{
    switch (r->kind) {
    case RECORD_GENESIS: return decode_genesis(w->genesis, a, r);
    case RECORD_CLAIM:
        r->claim.ends_epoch = w->claim->ends_epoch;
        r->claim.names = w->claim->names;
        return OK;
    case RECORD_HEARTBEAT:
        r->heartbeat.yield = w->heartbeat->yield != 0;
        r->heartbeat.snapshot = w->heartbeat->snapshot;
        return take_digest(&w->heartbeat->control_digest, &r->heartbeat.control);
    case RECORD_DECIDE: return decode_decide(w->decide, a, &r->decide);
    case RECORD_OPERATOR: return decode_operator(w->operator_, a, &r->operator);
    case RECORD_STEP: return decode_step(w->step, &r->step);
    case RECORD_SNAPSHOT: return take_bytes(&w->snapshot->control, a, &r->snapshot.control);
    case RECORD_RULES: r->rules.version = w->rules->version; return OK;
    }
    return ERR_VERSION;
}

static int decode_envelope(const Spillway__RecordWire *w, struct arena *a, struct record *r)
{
    memset(r, 0, sizeof(*r));
    if (w->kind > RECORD_RULES) {
        return ERR_VERSION;
    }
    uint32_t expected = SPILLWAY__RECORD_WIRE__BODY_GENESIS + (w->kind - RECORD_GENESIS);
    if (w->kind < RECORD_GENESIS || (uint32_t)w->body_case != expected || !fits16(w->replica)) {
        return ERR_INVALID;
    }
    r->kind = (enum record_kind)w->kind;
    r->writer.replica = (uint16_t)w->replica;
    r->writer.incarnation = w->incarnation;
    r->writer.sequence = w->sequence;
    r->epoch = w->epoch;
    r->base = w->writer_base;
    r->log_time.us = w->log_time_us;
    int status = take_exact(&w->log_id, r->log_id.bytes, sizeof(r->log_id.bytes));
    also(&status, status == OK ? decode_body(w, a, r) : status);
    return status == OK ? record_check(r) : status;
}

int record_decode(const uint8_t *data, size_t size, struct arena *arena, struct record *ret_r)
{
    if (size > RECORD_MAX_BYTES) {
        return ERR_TOO_LARGE;
    }
    struct budget budget;
    budget_init(&budget, size);
    Spillway__RecordWire *w = spillway__record_wire__unpack(&budget.allocator, size, data);
    if (w == NULL) {
        return budget.starved ? ERR_MEMORY : ERR_INVALID;
    }
    struct record r;
    struct arena before = *arena;
    int status = decode_envelope(w, arena, &r);
    spillway__record_wire__free_unpacked(w, &budget.allocator);
    if (status == OK) {
        *ret_r = r;
    } else {
        *arena = before;
    }
    return status;
}
