/* wire_samples.c: random but sound records and reports. */
#include "wire_samples.h"

#include <stdlib.h>
#include <string.h>

static void fill(struct rng *r, void *at, size_t size)
{
    uint8_t *bytes = at;
    for (size_t i = 0; i < size; i++) {
        bytes[i] = (uint8_t)rng_next(r);
    }
}

static void *room(struct arena *a, size_t count, size_t size)
{
    void *p = arena_alloc(a, count, size);
    if (p == NULL) {
        abort();
    }
    return p;
}

/* Printable text with a character of each length in it. */
static void text(struct rng *r, char to[RECORD_TEXT_SIZE])
{
    static const char *const pieces[] = {
        "a", "9", " ", "\"", "\xc3\xa9", "\xe6\xb0\xb4", "\xf0\x9f\x8c\x8a"};
    memset(to, 0, RECORD_TEXT_SIZE);
    size_t len = 0;
    for (uint64_t n = rng_below(r, 60); n > 0; n--) {
        const char *piece = pieces[rng_below(r, sizeof(pieces) / sizeof(pieces[0]))];
        memcpy(to + len, piece, strlen(piece));
        len += strlen(piece);
    }
}

static struct bytes blob(struct rng *r, struct arena *a)
{
    size_t size = 1 + rng_below(r, 300);
    uint8_t *at = room(a, size, 1);
    fill(r, at, size);
    return (struct bytes){at, size};
}

static struct subject subject(struct rng *r)
{
    enum subject_kind kind = (enum subject_kind)(1 + rng_below(r, SUBJECT_LAST));
    uint32_t most = kind == SUBJECT_TARGET ? ACTUATOR_FEATURES + 1 : FLEET_MAX_CARRIERS;
    uint16_t a = (uint16_t)rng_below(r, most);
    return (struct subject){.kind = kind, .a = a, .b = (uint16_t)rng_below(r, FLEET_MAX_IDCS)};
}

static struct answer answer(struct rng *r)
{
    struct answer a = {.count = (uint8_t)rng_below(r, FLEET_MAX_SLOTS + 1)};
    for (uint8_t i = 0; i < a.count; i++) {
        a.slots[i].entrance = (uint16_t)rng_below(r, FLEET_MAX_ENTRANCES);
        a.slots[i].address = (uint8_t)rng_below(r, FLEET_MAX_ADDRESSES);
    }
    return a;
}

static struct hops hops(struct rng *r)
{
    struct hops h = {.count = (uint8_t)rng_below(r, FLEET_MAX_HOPS + 1)};
    for (uint8_t i = 0; i < h.count; i++) {
        h.links[i] = (uint16_t)rng_below(r, FLEET_MAX_LINKS);
    }
    return h;
}

static void change(struct rng *r, struct change *ch)
{
    ch->kind = (enum change_kind)(1 + rng_below(r, CHANGE_TIER));
    ch->a = (uint16_t)rng_below(r, 16);
    ch->b = (uint16_t)rng_below(r, 2);
    switch (ch->kind) {
    case CHANGE_ANSWER:
        ch->answer.from = answer(r);
        ch->answer.to = answer(r);
        break;
    case CHANGE_HOPS:
        ch->hops.from = hops(r);
        ch->hops.to = hops(r);
        break;
    case CHANGE_RELEASED:
        ch->released.from = (uint32_t)rng_next(r);
        ch->released.to = (uint32_t)rng_next(r);
        break;
    case CHANGE_TIER:
        ch->tier.from = (uint8_t)rng_below(r, FLEET_MAX_TIER + 1);
        ch->tier.to = (uint8_t)rng_below(r, FLEET_MAX_TIER + 1);
        break;
    case CHANGE_ANNOUNCE:
        ch->announced.from = (uint8_t)rng_below(r, 2);
        ch->announced.to = (uint8_t)rng_below(r, 2);
        break;
    }
}

static void verdict(struct rng *r, struct verdict *v)
{
    v->subject = subject(r);
    v->health = (enum health)rng_below(r, HEALTH_DOWN + 1);
    v->rule = (enum rule)rng_below(r, RULE_LAST + 1);
    v->held_us = (int64_t)rng_below(r, UINT64_C(1) << 50);
    fill(r, v->for_observers, sizeof(v->for_observers));
}

static void incident(struct rng *r, struct incident *n)
{
    *n = (struct incident){.id = (uint32_t)rng_next(r),
                           .kind = (enum incident_kind)(1 + rng_below(r, INCIDENT_LAST)),
                           .state = (enum incident_state)rng_below(r, INCIDENT_CLOSED + 1),
                           .subject = subject(r),
                           .rule = (enum rule)rng_below(r, RULE_LAST + 1),
                           .needs_approval = rng_below(r, 2) == 1,
                           .approved = rng_below(r, 2) == 1,
                           .opened = {(int64_t)rng_below(r, UINT64_C(1) << 50)},
                           .changed = {(int64_t)rng_below(r, UINT64_C(1) << 50)},
                           .opened_offset = rng_below(r, UINT64_C(1) << 40),
                           .changed_offset = rng_below(r, UINT64_C(1) << 40)};
}

static void decide(struct rng *r, struct decide *d, struct arena *a)
{
    d->purpose = (enum decide_purpose)(1 + rng_below(r, DECIDE_REVERT));
    d->generation = rng_next(r);
    d->concerns = rng_next(r);
    fill(r, d->plan_digest.bytes, sizeof(d->plan_digest.bytes));
    d->evidence_count = (uint32_t)rng_below(r, 20);
    d->verdict_count = (uint32_t)rng_below(r, 20);
    d->guard_count = (uint32_t)rng_below(r, RECORD_MAX_GUARDS + 1);
    d->incident_count = (uint32_t)rng_below(r, 5);
    d->change_count = (uint32_t)rng_below(r, 20);
    d->evidence = room(a, d->evidence_count, sizeof(*d->evidence));
    d->verdicts = room(a, d->verdict_count, sizeof(*d->verdicts));
    d->guards = room(a, d->guard_count, sizeof(*d->guards));
    d->incidents = room(a, d->incident_count, sizeof(*d->incidents));
    d->changes = room(a, d->change_count, sizeof(*d->changes));
    for (uint32_t i = 0; i < d->evidence_count; i++) {
        d->evidence[i] = (struct evidence_ref){.partition = (uint16_t)rng_next(r),
                                               .offset = (int64_t)rng_below(r, UINT64_C(1) << 62),
                                               .age_us = (int64_t)rng_next(r)};
    }
    for (uint32_t i = 0; i < d->verdict_count; i++) {
        verdict(r, &d->verdicts[i]);
    }
    for (uint32_t i = 0; i < d->guard_count; i++) {
        d->guards[i].guard = (enum guard)(1 + rng_below(r, GUARD_LAST));
        d->guards[i].passed = rng_below(r, 2) == 1;
        d->guards[i].subject = d->guards[i].passed ? (struct subject){0} : subject(r);
    }
    for (uint32_t i = 0; i < d->incident_count; i++) {
        incident(r, &d->incidents[i]);
    }
    for (uint32_t i = 0; i < d->change_count; i++) {
        change(r, &d->changes[i]);
    }
    d->order = (uint32_t)rng_next(r);
    d->demand_count = (uint32_t)rng_below(r, 5);
    d->demands = room(a, d->demand_count, sizeof(*d->demands));
    for (uint32_t i = 0; i < d->demand_count; i++) {
        d->demands[i] = (struct demand_word){.service = (uint16_t)rng_next(r),
                                             .view = (uint16_t)rng_next(r),
                                             .rps = rng_next(r),
                                             .seen_rps = rng_below(r, 1000)};
    }
    if (rng_below(r, 2) == 1) {
        d->drill =
            (struct drill_move){.state = (enum drill_state)(1 + rng_below(r, DRILL_REFUSED)),
                                .step = (uint16_t)rng_below(r, DRILL_MAX_STEPS),
                                .done = rng_below(r, 2) == 1,
                                .cause = (enum drill_cause)rng_below(r, DRILL_CAUSE_INJECTOR + 1),
                                .incident = (uint32_t)rng_next(r),
                                .core_errors_ppm = (uint32_t)rng_next(r)};
    }
}

static void step(struct rng *r, struct step *s)
{
    s->kind = (enum step_kind)(1 + rng_below(r, STEP_INJECTION));
    switch (s->kind) {
    case STEP_OUTCOME:
        s->actuator = (enum actuator)(1 + rng_below(r, ACTUATOR_FEATURES));
        s->target = (uint16_t)rng_below(r, FLEET_MAX_IDCS);
        s->status = -(int32_t)rng_below(r, 25);
        s->fence.era = rng_next(r);
        s->fence.generation = rng_next(r);
        fill(r, s->fence.log_id.bytes, sizeof(s->fence.log_id.bytes));
        fill(r, s->fence.digest.bytes, sizeof(s->fence.digest.bytes));
        break;
    case STEP_LINK_DOWN:
        s->link = (uint16_t)rng_below(r, FLEET_MAX_LINKS);
        s->end = (uint8_t)rng_below(r, 2);
        s->down_number = (uint32_t)rng_next(r);
        break;
    case STEP_ALIVE:
        s->version = (uint32_t)rng_next(r);
        s->alive_base = (int64_t)rng_below(r, 1000) - 1;
        fill(r, s->control.bytes, sizeof(s->control.bytes));
        s->warm = rng_below(r, 2) == 1;
        s->halted = rng_below(r, 2) == 1;
        break;
    case STEP_INJECTION:
        s->run = (uint32_t)rng_next(r);
        s->drill_step = (uint8_t)rng_below(r, DRILL_MAX_STEPS + 1);
        s->status = -(int32_t)rng_below(r, 25);
        break;
    }
}

static void operator_record(struct rng *r, struct operator_record *o, struct arena *a)
{
    o->command = (enum operator_command)(1 + rng_below(r, OPERATOR_LAST));
    o->argument = rng_next(r);
    o->subject = subject(r);
    o->tier = (uint8_t)rng_below(r, FLEET_MAX_TIER + 1);
    o->ttl_us = (int64_t)rng_below(r, UINT64_C(1) << 40);
    o->change_count = (uint32_t)rng_below(r, 20);
    o->changes = room(a, o->change_count, sizeof(*o->changes));
    for (uint32_t i = 0; i < o->change_count; i++) {
        change(r, &o->changes[i]);
    }
    o->drill = blob(r, a);
    o->target = (struct drill_target){(uint16_t)rng_next(r), (uint16_t)rng_next(r)};
    if (o->command == OPERATOR_FLEET) {
        fill(r, o->replaces.bytes, sizeof(o->replaces.bytes));
        o->fleet = blob(r, a);
        o->plan = blob(r, a);
    }
}

static void body(struct rng *r, struct record *rec, struct arena *a)
{
    switch (rec->kind) {
    case RECORD_GENESIS:
        fill(r, rec->genesis.predecessor.bytes, sizeof(rec->genesis.predecessor.bytes));
        rec->genesis.era = rng_next(r);
        rec->genesis.fleet = blob(r, a);
        rec->genesis.plan = blob(r, a);
        text(r, rec->genesis.identity);
        text(r, rec->genesis.reason);
        break;
    case RECORD_CLAIM:
        rec->claim.ends_epoch = rng_next(r);
        rec->claim.names = (int64_t)rng_below(r, 1 << 20) - 1;
        break;
    case RECORD_HEARTBEAT:
        fill(r, rec->heartbeat.control.bytes, sizeof(rec->heartbeat.control.bytes));
        rec->heartbeat.yield = rng_below(r, 2) == 1;
        rec->heartbeat.snapshot = (int64_t)rng_below(r, 1 << 20) - 1;
        break;
    case RECORD_DECIDE: decide(r, &rec->decide, a); break;
    case RECORD_OPERATOR:
        fill(r, rec->operator.request.bytes, sizeof(rec->operator.request.bytes));
        text(r, rec->operator.identity);
        text(r, rec->operator.reason);
        operator_record(r, &rec->operator, a);
        break;
    case RECORD_STEP: step(r, &rec->step); break;
    case RECORD_SNAPSHOT: rec->snapshot.control = blob(r, a); break;
    case RECORD_RULES: rec->rules.version = (uint32_t)rng_next(r); break;
    }
}

struct record sample_record(struct rng *r, enum record_kind kind, struct arena *a)
{
    struct record rec;
    memset(&rec, 0, sizeof(rec));
    rec.kind = kind;
    fill(r, rec.log_id.bytes, sizeof(rec.log_id.bytes));
    rec.writer = (struct writer){(uint16_t)rng_next(r), rng_next(r), rng_next(r)};
    rec.epoch = rng_next(r);
    rec.base = (int64_t)rng_below(r, UINT64_C(1) << 40) - 1;
    rec.log_time.us = (int64_t)rng_below(r, UINT64_C(1) << 60);
    body(r, &rec, a);
    return rec;
}

static struct answer full_answer(uint16_t slots)
{
    struct answer a = {.count = (uint8_t)slots};
    for (uint16_t i = 0; i < slots; i++) {
        a.slots[i] = (struct slot){FLEET_MAX_ENTRANCES - 1, FLEET_MAX_ADDRESSES - 1};
    }
    return a;
}

static void largest_changes(const struct fleet *f, struct decide *d)
{
    struct change *ch = d->changes;
    for (uint32_t i = 0; i < (uint32_t)f->service_count * f->view_count; i++) {
        struct answer full = full_answer(f->views[i % f->view_count].slots);
        *ch++ = (struct change){.kind = CHANGE_ANSWER, .answer = {full, full}};
    }
    struct hops hops = {.count = FLEET_MAX_HOPS};
    for (uint32_t i = 0; i < (uint32_t)f->idc_count * f->idc_count; i++) {
        *ch++ = (struct change){.kind = CHANGE_HOPS, .hops = {hops, hops}};
    }
    for (uint32_t i = 0; i < 2U * f->link_count; i++) {
        *ch++ = (struct change){.kind = CHANGE_RELEASED, .released = {0, UINT32_MAX}};
    }
    for (uint32_t i = 0; i < (uint32_t)f->region_count * f->service_count; i++) {
        *ch++ = (struct change){.kind = CHANGE_TIER, .tier = {0, 9}};
    }
    for (uint32_t i = 0; i < fleet_announce_bound(f); i++) {
        *ch++ = (struct change){.kind = CHANGE_ANNOUNCE, .announced = {0, 1}};
    }
    d->change_count = (uint32_t)(ch - d->changes);
}

struct record sample_largest_decide(const struct fleet *f, struct arena *a)
{
    struct rng r = rng_init(1);
    struct record rec = sample_record(&r, RECORD_DECIDE, a);
    struct decide *d = &rec.decide;
    d->evidence_count = f->idc_count;
    d->verdict_count = (uint32_t)f->link_count + f->conduit_count + f->carrier_count +
                       2U * f->idc_count + (uint32_t)f->service_count * f->idc_count +
                       f->region_count;
    d->guard_count = RECORD_MAX_GUARDS;
    d->incident_count = INCIDENT_MAX;
    d->evidence = room(a, d->evidence_count, sizeof(*d->evidence));
    d->verdicts = room(a, d->verdict_count, sizeof(*d->verdicts));
    d->guards = room(a, d->guard_count, sizeof(*d->guards));
    d->incidents = room(a, d->incident_count, sizeof(*d->incidents));
    d->changes = room(a, 4096, sizeof(*d->changes));
    for (uint32_t i = 0; i < d->evidence_count; i++) {
        d->evidence[i] = (struct evidence_ref){UINT16_MAX, INT64_MAX, INT64_MIN};
    }
    for (uint32_t i = 0; i < d->verdict_count; i++) {
        verdict(&r, &d->verdicts[i]);
        memset(d->verdicts[i].for_observers, 0xff, sizeof(d->verdicts[i].for_observers));
        d->verdicts[i].held_us = INT64_MIN;
    }
    for (uint32_t i = 0; i < d->guard_count; i++) {
        d->guards[i] = (struct guard_result){GUARD_LAST, true, {SUBJECT_LINK, 2047, 319}};
    }
    for (uint32_t i = 0; i < d->incident_count; i++) {
        incident(&r, &d->incidents[i]);
    }
    largest_changes(f, d);
    return rec;
}

/* None, or some of the most that there can be. */
static void sample_loads(struct rng *r, struct report *rep, struct arena *a)
{
    if (rng_below(r, 3) == 0)
        return;
    rep->load_count = 1 + (uint32_t)rng_below(r, FLEET_MAX_SERVICES);
    rep->view_count = (uint32_t)rng_below(r, FLEET_MAX_VIEWS + 1);
    rep->loads = room(a, rep->load_count, sizeof(*rep->loads));
    rep->load_views = room(a, rep->load_count * rep->view_count, sizeof(*rep->load_views));
    for (uint32_t i = 0; i < rep->load_count; i++) {
        if (rng_below(r, 3) == 0)
            continue;
        rep->loads[i] = (struct load_sample){.valid = true,
                                             .age_us = (int64_t)rng_below(r, US_MAX),
                                             .requests_mrps = rng_below(r, LOAD_MAX_MRPS + 1),
                                             .errors_mrps = rng_below(r, LOAD_MAX_MRPS + 1),
                                             .saturation_ppm = (uint32_t)rng_below(r, 1000001)};
        for (uint32_t v = 0; v < rep->view_count; v++)
            if (rng_below(r, 2) == 0)
                rep->load_views[i * rep->view_count + v] =
                    (struct load_rate){true, rng_below(r, LOAD_MAX_MRPS + 1)};
    }
}

struct report sample_report(struct rng *r, uint32_t count, struct arena *a)
{
    struct report rep = {.observer = (uint16_t)rng_below(r, FLEET_MAX_IDCS),
                         .incarnation = 1 + rng_below(r, UINT64_MAX - 1),
                         .sequence = 1 + rng_below(r, UINT64_MAX - 1),
                         .sent_us = (int64_t)rng_below(r, US_MAX),
                         .lateness_us = (int64_t)rng_below(r, INT64_MAX),
                         .count = count};
    fill(r, rep.fleet.bytes, sizeof(rep.fleet.bytes));
    rep.observations = room(a, count, sizeof(*rep.observations));
    sample_loads(r, &rep, a);
    for (uint32_t i = 0; i < count; i++) {
        rep.observations[i] =
            (struct observation){.health = (enum health)rng_below(r, HEALTH_DOWN + 1),
                                 .held_us = (int64_t)rng_below(r, US_MAX),
                                 .loss_out_ppm = (uint32_t)rng_below(r, 1000001),
                                 .loss_in_ppm = (uint32_t)rng_below(r, 1000001),
                                 .rtt_us = (uint32_t)rng_next(r),
                                 .jitter_us = (uint32_t)rng_next(r),
                                 .flaps = (uint32_t)rng_next(r),
                                 .damped_us = (int64_t)rng_below(r, US_MAX),
                                 .oper_up = rng_below(r, 2) == 1,
                                 .rx_bytes = rng_next(r),
                                 .tx_bytes = rng_next(r)};
    }
    return rep;
}
