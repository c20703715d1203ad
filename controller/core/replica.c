/* replica.c: fold, lead, diagnose, decide, act and tell as one step. */
#include "core/replica.h"

#include "base/bug.h"
#include "core/act.h"
#include "core/agree.h"
#include "core/confirm.h"
#include "core/intake.h"
#include "core/lead.h"
#include "core/requests.h"
#include "core/snapshot.h"
#include "core/strike.h"
#include "core/tell.h"

#include <assert.h>
#include <string.h>

/* Room for a fleet at every limit of model/fleet.h; pages that are not touched cost nothing. */
#define REPLICA_LARGEST ((size_t)512 * 1024 * 1024)
#define IDLE_US         US_PER_SEC /* between two ticks while no fleet is known */

/* What exists once the fleet is known. */
struct parts {
    struct intake intake;
    struct act act;
    struct strike strike;
    struct diagnosis diagnosis;
    struct snapshot snapshot;
    void *decide_room; /* of the decision in flight; reused when nothing is in flight */
    size_t decide_size;
    void *digest_room;
    size_t digest_size;
};

struct replica {
    struct replica_config config;
    struct arena arena; /* the control state first, then the parts */
    size_t front;       /* of the arena that the replica itself takes */
    struct control control;
    struct lead lead;
    struct agree agree;
    struct requests requests;
    struct tell tell;
    struct parts parts; /* of use while control.fleet is not NULL */
    uint64_t sequence;
    struct digest digest; /* of control at its applied offset */
    const char *broken;   /* NULL, or why record broken_at could not be folded */
    int64_t broken_at;
    uint32_t needs; /* rules version for want of which it broke, or 0 */
    bool differs;   /* digests: halted until they agree again */
    bool unproven;  /* restored from a SNAPSHOT that no leader's word has borne out yet */
    int64_t verified,
        verified_base; /* newest SNAPSHOT found to be our own state, its base; or -1 */
    enum fold_void last_void;
    struct mono stepped; /* when the last step was */
    struct mono deadline;
    struct mono look_at; /* when the evidence may mean something new by time alone */
    bool look;           /* something new to decide upon */
};

/* --- Making -------------------------------------------------------------------------------------
 */

static size_t larger(size_t a, size_t b)
{
    return a > b ? a : b;
}

static size_t decide_room(const struct fleet *f)
{
    return larger(decide_arena_size(f), confirm_arena_size(f));
}

/* Of a digest of any control state of this fleet: lists at their bounds. */
static size_t digest_room(const struct control *c)
{
    return control_digest_size(c) + INCIDENT_MAX * sizeof(struct incident) +
           ORDER_MAX * sizeof(struct order) + CONTROL_MAX_REQUESTS * sizeof(struct request_state);
}

size_t replica_size(const struct fleet *f)
{
    if (f == NULL) {
        return REPLICA_LARGEST;
    }
    size_t lists = sizeof(struct control) + (size_t)f->idc_count * sizeof(struct alive_state) * 2;
    return sizeof(struct replica) + control_arena_size(f) + snapshot_room_size(f) +
           snapshot_arena_size(f) + control_arena_size(f) + intake_arena_size(f) +
           act_arena_size(f) + strike_arena_size(f) + diagnosis_arena_size(f) + decide_room(f) +
           requests_arena_size(f) + 2 * lists +
           (size_t)f->dns_server_count * sizeof(struct actuation_state) +
           (size_t)f->link_count * 8 + 16 * 16;
}

static int parts_new(struct replica *r, struct mono now)
{
    const struct fleet *f = r->control.fleet;
    struct parts p;
    memset(&p, 0, sizeof p);
    int status = intake_new(f, &r->arena, now, &p.intake);
    status = status == OK ? act_new(f, &r->arena, &p.act) : status;
    status = status == OK ? strike_new(f, &r->arena, &p.strike) : status;
    status = status == OK ? diagnosis_new(f, &r->arena, &p.diagnosis) : status;
    status = status == OK ? snapshot_new(f, &r->arena, &p.snapshot) : status;
    if (status != OK) {
        return status;
    }
    p.decide_size = decide_room(f);
    p.decide_room = ARENA_NEW(&r->arena, uint8_t, p.decide_size);
    p.digest_size = digest_room(&r->control);
    p.digest_room = ARENA_NEW(&r->arena, uint8_t, p.digest_size);
    if (p.decide_room == NULL || p.digest_room == NULL) {
        return ERR_FULL;
    }
    r->parts = p;
    return OK;
}

/* Copies a control state to the front of the replica's own arena, where it may lie itself, through
 * its canonical form. */
static int adopt_control(struct replica *r, const struct control *from)
{
    size_t size = control_encoded_size(from);
    /* The bytes stand at the end of the arena for the moment, behind all that is in use. */
    if (r->arena.size - r->arena.used < size) {
        return ERR_FULL;
    }
    struct arena front = r->arena;
    front.size -= size;
    front.used = r->front;
    uint8_t *bytes = front.base + front.size;
    struct control copy = *from;
    struct codec w = codec_writer(bytes, size);
    control_codec(&w, &copy);
    int status = codec_finish(&w);
    if (status != OK) {
        return status;
    }
    struct codec in = codec_reader(bytes, size, &front);
    control_init(&r->control);
    control_codec(&in, &r->control);
    r->arena.used = front.used;
    return codec_finish(&in);
}

static uint16_t own_idc(const struct replica *r)
{
    return r->control.fleet == NULL ? FLEET_NONE
                                    : fold_replica(r->control.fleet, r->config.replica);
}

static void take_digest(struct replica *r)
{
    r->digest = control_digest(&r->control, r->parts.digest_room, r->parts.digest_size);
    agree_own(&r->agree, r->control.applied, &r->digest);
}

/* A decision may be acted upon when a later record of the leader follows it (PROTOCOL.md, "Late is
 * not effective") and it does not wait for a confirmation. GENESIS and a new fleet are a person's
 * word; the latter moves nothing, and until it is acted upon no next hop would follow its links. */
static bool plan_is_effective(const struct control *c)
{
    return c->unconfirmed < 0 && (c->plan_purpose == DECIDE_NOTE || c->plan_followed);
}

/* An IDC that a new fleet took out leads no more, whoever the log's newest claim names. */
static bool leads(const struct replica *r)
{
    return lead_is_mine(&r->config, &r->control) && own_idc(r) != FLEET_NONE;
}

static void adopt_plan(struct replica *r, struct mono now)
{
    if (act_lags(&r->parts.act, &r->control)) {
        act_adopt(&r->parts.act, &r->control, own_idc(r), now);
    }
}

static const char *why_broken(int status, const struct control *c)
{
    if (status == ERR_INVARIANT) {
        return "a record that counts breaks an invariant";
    }
    if (status == ERR_VERSION) {
        return "a record demands rules of a newer version than this binary runs";
    }
    if (status == ERR_FULL) {
        return "the fleet is larger than this process has room for";
    }
    return c->fleet == NULL ? "the first record is not a GENESIS that can be read"
                            : "a record does not follow the one before it";
}

int replica_new(void *mem, size_t size, const struct replica_config *config,
                const struct control *restored, struct mono now, struct replica **ret_r)
{
    struct arena arena;
    arena_init(&arena, mem, size);
    struct replica *r = ARENA_NEW(&arena, struct replica, 1);
    if (r == NULL) {
        return ERR_FULL;
    }
    r->config = *config;
    r->arena = arena;
    r->front = arena.used;
    r->stepped = r->deadline = r->look_at = now;
    r->verified = r->verified_base = -1;
    control_init(&r->control);
    agree_init(&r->agree);
    r->unproven = config->unproven && restored != NULL;
    if (restored != NULL && restored->fleet != NULL) {
        int status = adopt_control(r, restored);
        status = status == OK ? parts_new(r, now) : status;
        status = status == OK ? requests_new(r->control.fleet, &r->arena, &r->requests) : status;
        if (status != OK) {
            return status;
        }
        take_digest(r);
        if (r->control.rules > config->version) { /* an older binary than wrote this journal */
            r->broken = why_broken(ERR_VERSION, &r->control);
            r->broken_at = r->control.applied;
            r->needs = r->control.rules;
        }
        if (plan_is_effective(&r->control) && !r->unproven) {
            adopt_plan(r, now);
        }
    }
    uint64_t seed = config->seed;
    if (BUG(GLOBAL_STATE)) {
        static uint64_t lives;
        seed += lives++;
    }
    lead_init(&r->lead, seed, r->control.log_time, now);
    *ret_r = r;
    return OK;
}

/* --- A record -----------------------------------------------------------------------------------
 */

static void break_at(struct replica *r, struct out *o, int64_t offset, int status)
{
    r->broken = why_broken(status, &r->control);
    r->broken_at = offset;
    r->needs = 0;
    out_notice(o, NOTICE_HALTED, offset, status, o->me);
}

/* Halted at a record, a replica reads on for one thing only: a person's word to skip it. */
static void read_for_skip(struct replica *r, struct out *o, const struct record *record)
{
    bool skips =
        r->broken_at > r->control.applied && record->kind == RECORD_OPERATOR &&
        record->operator.command == OPERATOR_SKIP && record->operator.argument ==(uint64_t)
            r->broken_at &&
        memcmp(record->log_id.bytes, r->control.log_id.bytes, sizeof record->log_id.bytes) == 0;
    if (!skips || r->control.fleet == NULL) {
        return;
    }
    struct effect *e = out_effect(o, EFFECT_REREAD);
    if (e == NULL) {
        return; /* the record comes again with the next reading */
    }
    e->reread = r->broken_at + 1;
    fold_skip(&r->control, r->broken_at);
    take_digest(r);
    r->broken = NULL;
    r->last_void = FOLD_SKIPPED;
    lead_lost(&r->lead); /* until the records behind it were read */
    out_notice(o, NOTICE_RESUMED, r->broken_at, OK, o->me);
}

static void notice_decision(struct out *o, const struct decide *d, int64_t offset)
{
    for (uint32_t i = 0; i < d->incident_count; i++) {
        out_notice(o, NOTICE_INCIDENT, offset, OK, (uint16_t)d->incidents[i].id);
    }
    if (d->change_count > 0) {
        out_notice(o, NOTICE_DECIDED, offset, OK, o->me);
    }
}

/* The word of the log's leader on a state that we have from a SNAPSHOT: it accepted that very one,
 * and folded the log to what we have folded it to. The record itself was accepted by our fold. */
static void prove(struct replica *r, struct out *o, const struct record *record, int64_t offset)
{
    const struct digest *own = agree_at(&r->agree, record->base);
    if (r->unproven && own != NULL && r->control.snapshot >= 0 &&
        record->base >= r->control.snapshot && record->heartbeat.snapshot == r->control.snapshot &&
        digest_compare(own, &record->heartbeat.control) == 0) {
        r->unproven = false;
        out_notice(o, NOTICE_RESUMED, offset, OK, o->me);
    }
}

/* Everyone compares what the leader wrote down with what it has itself (law 10). */
static void check_snapshot(struct replica *r, struct out *o, const struct record *record,
                           int64_t offset)
{
    switch (snapshot_check(record, &r->agree, r->arena)) {
    case SNAPSHOT_SAME:
        r->verified = offset;
        r->verified_base = record->base;
        out_notice(o, NOTICE_SNAPSHOT, offset, OK, o->me);
        return;
    case SNAPSHOT_DIFFERS:
        out_notice(o, NOTICE_SNAPSHOT_DIFFERS, offset, ERR_INVARIANT, o->me);
        return;
    case SNAPSHOT_UNCHECKED: return;
    }
}

static bool is_own(const struct replica *r, const struct writer *w)
{
    return w->replica == r->config.replica && w->incarnation == r->config.incarnation;
}

/* What a folded record means beyond the control state. */
static void folded(struct replica *r, struct out *o, const struct record *record, int64_t offset,
                   enum fold_void why)
{
    bool own = is_own(r, &record->writer);
    if (record->kind == RECORD_OPERATOR) {
        requests_folded(&r->requests, o, record, offset, why);
    }
    if (record->kind == RECORD_STEP && own) {
        tell_folded(&r->tell, &r->parts.act, o, record, why);
    }
    if (record->kind == RECORD_DECIDE && own && why != FOLD_ACCEPTED && why != FOLD_DUPLICATE) {
        out_notice(o, NOTICE_VOID_DECISION, offset, (int)why, o->me);
    }
    if (why != FOLD_ACCEPTED) {
        return;
    }
    if (record->kind == RECORD_HEARTBEAT && !own) {
        agree_heartbeat(&r->agree, record->base, &record->heartbeat.control);
        prove(r, o, record, offset);
    } else if (record->kind == RECORD_SNAPSHOT) {
        check_snapshot(r, o, record, offset);
    } else if (record->kind == RECORD_DECIDE) {
        if (record->decide.change_count > 0) {
            act_decided(&r->parts.act, &r->control, &record->decide, o->now);
        }
        notice_decision(o, &record->decide, offset);
    } else if (record->kind == RECORD_STEP && record->step.kind == STEP_ALIVE) {
        uint16_t idc = fold_replica(r->control.fleet, record->writer.replica);
        agree_alive(&r->agree, idc, record->step.alive_base, &record->step.control);
    }
}

static bool brings_fleet(const struct replica *r, const struct record *record)
{
    return r->last_void == FOLD_ACCEPTED && record->kind == RECORD_OPERATOR &&
           record->operator.command == OPERATOR_FLEET;
}

/* Everything is made anew for the fleet that follows, at the front of the arena. What was known of
 * targets and observers is asked for again: the actuators find out what is there, the probes report
 * on what the new fleet has. */
static int follow_fleet(struct replica *r, struct out *o, const struct record *record,
                        int64_t offset)
{
    bool current = r->parts.act.current;
    requests_folded(&r->requests, o, record, offset, r->last_void);
    struct control next = r->control;
    int status = adopt_control(r, &next);
    status = status == OK ? parts_new(r, o->now) : status;
    o->me = own_idc(r);
    status = status == OK ? requests_renew(r->control.fleet, &r->arena, o, &r->requests) : status;
    if (status != OK) {
        control_init(&r->control);
        o->me = FLEET_NONE;
        return status;
    }
    lead_drop_borrowed(&r->lead);
    agree_renew(&r->agree);
    if (current) {
        act_current(&r->parts.act);
    }
    r->config.candidate = o->me != FLEET_NONE && r->control.fleet->idcs[o->me].candidate;
    return OK;
}

static void step_record(struct replica *r, struct out *o, const struct record *record,
                        int64_t offset)
{
    if (r->broken != NULL) {
        read_for_skip(r, o, record);
        return;
    }
    uint32_t rules = fold_rules_raised(&r->control, record);
    if (rules > r->config.version) {
        break_at(r, o, offset, ERR_VERSION);
        r->needs = rules;
        return;
    }
    bool had_fleet = r->control.fleet != NULL, led = leads(r);
    int status = fold_apply(&r->control, &r->arena, record, offset, &r->last_void);
    if (status == OK && !had_fleet && r->control.fleet != NULL) {
        status = parts_new(r, o->now);
        status = status == OK ? requests_new(r->control.fleet, &r->arena, &r->requests) : status;
        if (status != OK) {
            control_init(&r->control); /* a fleet without its parts is none */
        }
        o->me = own_idc(r);
    } else if (status == OK && brings_fleet(r, record)) {
        status = follow_fleet(r, o, record, offset);
    }
    if (status != OK) {
        break_at(r, o, offset, status);
        return;
    }
    if (r->control.fleet == NULL) {
        return; /* void, and nothing is known yet */
    }
    if (BUG(LOCAL_CLOCK) && record->kind == RECORD_STEP) {
        r->control.log_time = lead_time(&r->lead, o->now);
    }
    take_digest(r);
    if (record->writer.replica == r->config.replica &&
        record->writer.incarnation == r->config.incarnation) {
        act_current(&r->parts.act);
    }
    bool timely = lead_folded(&r->lead, o, record, r->last_void);
    folded(r, o, record, offset, r->last_void);
    bool effective = plan_is_effective(&r->control) || (timely && r->control.unconfirmed < 0);
    if (effective && !r->unproven) {
        adopt_plan(r, o->now);
    }
    bool now_leads = leads(r);
    if (now_leads != led) {
        out_notice(o, now_leads ? NOTICE_LEADING : NOTICE_LOST_LEAD, offset, OK, o->me);
    }
    r->look = true;
}

/* --- Other events -------------------------------------------------------------------------------
 */

static void step_report(struct replica *r, struct out *o, const struct event *e)
{
    uint16_t idc = fold_replica(r->control.fleet, e->report.partition);
    if (idc == FLEET_NONE || !intake_report(&r->parts.intake, &r->control, idc, e->report.report,
                                            e->report.offset, o->now)) {
        out_notice(o, NOTICE_REPORT_DROPPED, e->report.offset, OK, e->report.partition);
        return;
    }
    r->look = true;
}

static void step_partition(struct replica *r, struct out *o, const struct event *e)
{
    uint16_t idc = fold_replica(r->control.fleet, e->partition);
    if (idc == FLEET_NONE) {
        return;
    }
    if (e->kind == EVENT_PARTITION_END) {
        intake_ended(&r->parts.intake, idc);
    } else {
        intake_lost(&r->parts.intake, idc, o->now);
    }
    r->look = true;
}

static void step_log_lost(struct replica *r, struct out *o)
{
    if (!r->lead.lost) {
        out_notice(o, NOTICE_BUS_LOST, r->control.applied, OK, o->me);
    }
    lead_lost(&r->lead);
}

static void step_log_end(struct replica *r, struct out *o)
{
    if (r->broken != NULL) {
        return; /* its end is not ours */
    }
    if (r->lead.lost) {
        out_notice(o, NOTICE_BUS_BACK, r->control.applied, OK, o->me);
    }
    lead_end(&r->lead, o->now);
    r->look = true;
}

/* Events that mean nothing while no fleet is known. */
static void step_known(struct replica *r, struct out *o, const struct event *e)
{
    switch (e->kind) {
    case EVENT_REPORT: step_report(r, o, e); break;
    case EVENT_PARTITION_END:
    case EVENT_PARTITION_LOST: step_partition(r, o, e); break;
    case EVENT_LINK_EDGE:
        routes_edge(&r->parts.act.routes, r->control.fleet, &e->edge, o->me);
        break;
    case EVENT_OUTCOME:
        if (e->outcome.actuator == ACTUATOR_INJECT) {
            strike_answered(&r->parts.strike, &e->outcome, o->now);
        } else {
            act_outcome(&r->parts.act, o, &e->outcome);
        }
        break;
    case EVENT_TICK:
    case EVENT_RECORD:
    case EVENT_LOG_END:
    case EVENT_LOG_LOST:
    case EVENT_REQUEST:
    case EVENT_STOP: break;
    }
}

static void take_event(struct replica *r, struct out *o, const struct event *e)
{
    switch (e->kind) {
    case EVENT_RECORD: step_record(r, o, e->record.record, e->record.offset); return;
    case EVENT_LOG_END: step_log_end(r, o); return;
    case EVENT_LOG_LOST: step_log_lost(r, o); return;
    case EVENT_REQUEST: requests_take(&r->requests, &r->arena, o, &e->request); return;
    case EVENT_STOP: r->lead.stopping = true; return;
    case EVENT_TICK: return;
    case EVENT_REPORT:
    case EVENT_PARTITION_END:
    case EVENT_PARTITION_LOST:
    case EVENT_LINK_EDGE:
    case EVENT_OUTCOME:
        if (r->control.fleet != NULL) {
            step_known(r, o, e);
        }
        return;
    }
}

/* --- What is due ---------------------------------------------------------------------------------
 */

static bool other_is_warm(const struct control *c, uint16_t me)
{
    bool warm = false;
    for (uint16_t i = 0; i < c->fleet->idc_count; i++) {
        warm = warm || (i != me && c->fleet->idcs[i].candidate && c->alive[i].warm);
    }
    return warm;
}

static struct fitness fitness_of(struct replica *r, struct out *o)
{
    const struct control *c = &r->control;
    bool differs = agree_halts(&r->agree, c, o->me, leads(r));
    if (differs != r->differs) {
        r->differs = differs;
        out_notice(o, differs ? NOTICE_HALTED : NOTICE_RESUMED, c->applied, ERR_INVARIANT, o->me);
    }
    bool halted = r->broken != NULL || differs || r->unproven;
    bool blind = intake_unread_for(&r->parts.intake, 2 * c->fleet->policy.lease_us, o->now) &&
                 other_is_warm(c, o->me);
    bool unfit = !c->fleet->idcs[o->me].candidate; /* no more, by a new fleet */
    return (struct fitness){.halted = halted,
                            .must_yield = r->lead.stopping || halted || blind || unfit,
                            .control = &r->digest};
}

static int look(struct replica *r, struct out *o)
{
    const struct control *c = &r->control;
    struct logtime now = lead_time(&r->lead, o->now);
    const struct evidence *evidence = intake_evidence(&r->parts.intake, o->now);
    struct arena room;
    struct decide d;
    int64_t next_us = INT64_MAX;
    arena_init(&room, r->parts.decide_room, r->parts.decide_size);
    memset(&d, 0, sizeof d);
    diagnose(c, evidence, now, &r->parts.diagnosis);
    int status = c->unconfirmed >= 0
                     ? confirm(c, evidence, &r->parts.diagnosis, now, &room, &d)
                     : decide(c, evidence, &r->parts.diagnosis, now, &room, &d, &next_us);
    if (status != OK) {
        return status;
    }
    if (c->unconfirmed >= 0) {
        next_us = US_PER_SEC; /* confirm() gives up by time */
    }
    next_us = next_us < r->parts.diagnosis.next_us ? next_us : r->parts.diagnosis.next_us;
    r->look_at = mono_add(o->now, next_us < US_PER_SEC ? next_us : US_PER_SEC);
    if (BUG(ACT_UNCOMMITTED) && d.change_count > 0 &&
        plan_apply(&r->control.plan, d.changes, d.change_count) == OK) {
        r->control.plan.fence.generation = d.generation;
        r->control.plan.fence.digest = d.plan_digest;
        adopt_plan(r, o->now);
    }
    if (d.purpose != 0 && !lead_decide(&r->lead, o, &d)) {
        r->look = true; /* no room for the effect: again in the next step, which is due at once */
    }
    return OK;
}

/* A decision that cannot be made must not cost the lead: heartbeats and effects of this step go on.
 */
static void run_leader(struct replica *r, struct out *o, const struct fitness *fit)
{
    if (!lead_may_decide(&r->lead, o, fit)) {
        return;
    }
    if (r->look || is_due(r->look_at, o->now)) {
        r->look = false;
        int status = look(r, o);
        if (status != OK) {
            out_notice(o, NOTICE_UNDECIDED, r->control.applied, status, o->me);
            r->look_at = mono_add(o->now, US_PER_SEC);
        }
    }
    out_wake(o, r->look_at);
}

/* When there is nothing to decide: a decision never waits behind one that has not begun. */
static void write_snapshot(struct replica *r, struct out *o, const struct fitness *fit)
{
    struct bytes bytes;
    if (lead_may_decide(&r->lead, o, fit) && !r->look && snapshot_due(&r->control) &&
        snapshot_make(&r->parts.snapshot, &r->control, &bytes) == OK) {
        (void)lead_snapshot(&r->lead, o, &bytes); /* full: it stays due */
    }
}

static void run(struct replica *r, struct out *o)
{
    if (o->me == FLEET_NONE) {
        return; /* no fleet yet, or one that does not know this IDC */
    }
    struct fitness fit = fitness_of(r, o);
    bool writes = !r->lead.lost;
    lead_run(&r->lead, o, &fit);
    run_leader(r, o, &fit);
    write_snapshot(r, o, &fit);
    requests_run(&r->requests, o, writes);
    if (!fit.halted) {
        act_run(&r->parts.act, o, leads(r));
        strike_run(&r->parts.strike, o, lead_time(&r->lead, o->now), writes);
    }
    if (writes) {
        tell_run(&r->tell, &r->parts.act, o, &r->digest, intake_warm(&r->parts.intake), fit.halted);
    }
}

int replica_step(struct replica *r, const struct event *e, struct effect *effects, uint32_t max)
{
    struct out o = {.config = &r->config,
                    .control = &r->control,
                    .me = own_idc(r),
                    .now = e->now,
                    .sequence = &r->sequence,
                    .effects = effects,
                    .max = max,
                    .deadline = mono_add(e->now, IDLE_US)};
    if (r->control.fleet != NULL) {
        int64_t lease_us = r->control.fleet->policy.lease_us;
        if (mono_diff_us(e->now, r->stepped) > lease_us) {
            intake_silence(&r->parts.intake); /* this process stood still: what it knows is old */
        }
        o.deadline = mono_add(e->now, lease_us / 4);
    }
    r->stepped = e->now;
    take_event(r, &o, e);
    run(r, &o);
    r->deadline = o.deadline;
    return (int)o.count;
}

/* --- Views ---------------------------------------------------------------------------------------
 */

struct mono replica_deadline(const struct replica *r)
{
    return r->deadline;
}

const struct control *replica_control(const struct replica *r)
{
    return &r->control;
}

const struct evidence *replica_evidence(struct replica *r, struct mono now)
{
    return r->control.fleet == NULL ? NULL : intake_evidence(&r->parts.intake, now);
}

const struct diagnosis *replica_diagnosis(struct replica *r, struct mono now)
{
    if (r->control.fleet == NULL) {
        return NULL;
    }
    diagnose(&r->control, intake_evidence(&r->parts.intake, now), lead_time(&r->lead, now),
             &r->parts.diagnosis);
    return &r->parts.diagnosis;
}

struct logtime replica_log_time(const struct replica *r, struct mono now)
{
    return lead_time(&r->lead, now);
}

enum fold_void replica_last_void(const struct replica *r)
{
    return r->last_void;
}

struct fence replica_acting(const struct replica *r)
{
    return r->parts.act.plan;
}

bool replica_leads(const struct replica *r)
{
    return leads(r);
}

uint32_t replica_needs(const struct replica *r)
{
    return r->broken != NULL ? r->needs : 0;
}

const char *replica_halted(const struct replica *r, int64_t *ret_offset)
{
    if (r->broken != NULL) {
        *ret_offset = r->broken_at;
        return r->broken;
    }
    if (r->unproven) {
        *ret_offset = r->control.applied;
        return "its control state came from a snapshot, and the log has to bear it out first";
    }
    if (r->differs) {
        *ret_offset = r->control.applied;
        return "its control state differs from that of the others";
    }
    return NULL;
}

bool replica_unproven(const struct replica *r)
{
    return r->unproven;
}

int64_t replica_snapshot(const struct replica *r, int64_t *ret_base)
{
    *ret_base = r->verified_base;
    return r->verified;
}
