/* forecast.c: a copy of the present, a fault laid over what its probes say, and time. */
#include "core/forecast.h"

#include "core/decide.h"
#include "fold/fold.h"
#include "model/spike.h"

#include <string.h>

#define STEP_MAX_US (250 * US_PER_MS) /* between two looks: no report is older */

/* What one observer would say. */
struct voice {
    struct report report; /* observations and loads of its own */
    uint32_t told_count;
    struct load_sample *told_loads; /* what its services told, before any spike */
    struct load_rate *told_views;
    bool speaks;       /* it had a word when the forecast began */
    int64_t age_us;    /* then */
    int64_t *since_us; /* [target] when a state began that the fault made; INT64_MIN: untouched */
    enum health *was;  /* [target] before any fault */
};

struct forecast {
    struct control control;
    struct logtime began, now;
    struct forecast_fault fault;
    bool struck;
    bool drilled;              /* by a drill under way */
    bool spiked;               /* there was a spike: loads count */
    struct voice *voices;      /* [idc] */
    struct evidence *evidence; /* [idc] */
    struct target *targets;    /* [REPORT_MAX_TARGETS] */
    struct diagnosis diagnosis;
    void *room; /* of one decision */
    size_t room_size;
    uint64_t sequence;
    int64_t offset;
    uint32_t guard_count;
    struct guard_result guards[RECORD_MAX_GUARDS];
    uint32_t count;
    struct forecast_step steps[FORECAST_MAX_STEPS];
};

/* --- Making -------------------------------------------------------------------------------------
 */

static size_t voice_size(const struct fleet *f)
{
    size_t rates = (size_t)f->service_count * f->view_count;
    return REPORT_MAX_TARGETS *
               (sizeof(struct observation) + sizeof(int64_t) + sizeof(enum health)) +
           2 * (f->service_count * sizeof(struct load_sample) + rates * sizeof(struct load_rate)) +
           (size_t)7 * 16;
}

size_t forecast_arena_size(const struct fleet *f)
{
    size_t lists = sizeof(struct control) + (size_t)64 * 1024;
    /* The canonical form of the state stands in the arena for a moment: it is smaller than it. */
    size_t control = control_arena_size(f) + lists;
    return sizeof(struct forecast) + 2 * control +
           f->idc_count * (sizeof(struct voice) + sizeof(struct evidence) + voice_size(f)) +
           sizeof(struct target) * REPORT_MAX_TARGETS + diagnosis_arena_size(f) +
           decide_arena_size(f) + (size_t)16 * 8;
}

/* Through its canonical form, so that nothing is shared with the original. */
static int copy_control(struct forecast *fc, const struct control *c, struct arena *a)
{
    size_t size = control_encoded_size(c);
    if (a->size - a->used < size) {
        return ERR_FULL;
    }
    struct arena front = *a;
    front.size -= size;
    uint8_t *bytes = front.base + front.size;
    struct control from = *c;
    struct codec out = codec_writer(bytes, size);
    control_codec(&out, &from);
    struct codec in = codec_reader(bytes, size, &front);
    control_init(&fc->control);
    control_codec(&in, &fc->control);
    a->used = front.used;
    return out.status == OK ? codec_finish(&in) : out.status;
}

/* The loads twice: as they were told, and as they are while a spike lasts. */
static int copy_loads(struct voice *v, const struct report *r, struct arena *a)
{
    size_t rates = (size_t)r->load_count * r->view_count;
    v->told_count = r->load_count;
    v->told_loads = ARENA_NEW(a, struct load_sample, r->load_count);
    v->told_views = ARENA_NEW(a, struct load_rate, rates);
    v->report.loads = ARENA_NEW(a, struct load_sample, r->load_count);
    v->report.load_views = ARENA_NEW(a, struct load_rate, rates);
    if (v->told_loads == NULL || v->told_views == NULL || v->report.loads == NULL ||
        v->report.load_views == NULL) {
        return ERR_FULL;
    }
    if (r->load_count > 0) {
        memcpy(v->told_loads, r->loads, r->load_count * sizeof *r->loads);
        memcpy(v->told_views, r->load_views, rates * sizeof *r->load_views);
    }
    return OK;
}

static int copy_voice(struct forecast *fc, const struct evidence *e, uint16_t o, struct arena *a)
{
    struct voice *v = &fc->voices[o];
    const struct policy *policy = &fc->control.fleet->policy;
    v->speaks = e->report != NULL && e->conclusive && e->age_us <= policy->report_stale_us;
    if (!v->speaks) {
        return OK;
    }
    uint32_t n = e->report->count;
    v->report = *e->report;
    v->age_us = e->age_us;
    v->report.observations = ARENA_NEW(a, struct observation, n);
    v->since_us = ARENA_NEW(a, int64_t, n);
    v->was = ARENA_NEW(a, enum health, n);
    if (v->report.observations == NULL || v->since_us == NULL || v->was == NULL) {
        return ERR_FULL;
    }
    memcpy(v->report.observations, e->report->observations, n * sizeof *v->report.observations);
    for (uint32_t i = 0; i < n; i++) {
        v->since_us[i] = INT64_MIN;
        v->was[i] = v->report.observations[i].health;
    }
    return copy_loads(v, e->report, a);
}

int forecast_new(const struct control *c, const struct evidence *evidence, struct logtime now,
                 struct arena *a, struct forecast **ret_forecast)
{
    if (c->fleet == NULL || c->epoch == 0) {
        return ERR_UNAVAILABLE;
    }
    struct forecast *fc = ARENA_NEW(a, struct forecast, 1);
    if (fc == NULL) {
        return ERR_FULL;
    }
    int status = copy_control(fc, c, a);
    if (status != OK) {
        return status;
    }
    const struct fleet *f = fc->control.fleet;
    fc->began = fc->now = now;
    fc->sequence = fc->control.leader.sequence;
    fc->offset = fc->control.applied;
    fc->voices = ARENA_NEW(a, struct voice, f->idc_count);
    fc->evidence = ARENA_NEW(a, struct evidence, f->idc_count);
    fc->targets = ARENA_NEW(a, struct target, REPORT_MAX_TARGETS);
    fc->room_size = decide_arena_size(f);
    fc->room = ARENA_NEW(a, uint8_t, fc->room_size);
    if (fc->voices == NULL || fc->evidence == NULL || fc->targets == NULL || fc->room == NULL) {
        return ERR_FULL;
    }
    status = diagnosis_new(f, a, &fc->diagnosis);
    for (uint16_t o = 0; o < f->idc_count && status == OK; o++) {
        status = copy_voice(fc, &evidence[o], o, a);
    }
    if (status == OK) {
        *ret_forecast = fc;
    }
    return status;
}

/* --- What the fault does to what is seen --------------------------------------------------------
 */

static bool in_conduit(const struct conduit *c, uint16_t link)
{
    bool found = false;
    for (uint32_t i = 0; i < c->link_count; i++) {
        found = found || c->links[i] == link;
    }
    return found;
}

/* The carrier is lost: everywhere, or at one IDC. */
static bool loses_carrier(const struct fleet *f, const struct drill_target *lost, uint16_t o,
                          const struct target *t)
{
    if (t->carrier != lost->index) {
        return false;
    }
    bool there = t->kind == TARGET_ENTRANCE && f->entrances[t->a].idc == lost->at;
    return lost->at == FLEET_NONE || o == lost->at || there;
}

static bool loses_idc(const struct fleet *f, uint16_t lost, const struct target *t)
{
    switch (t->kind) {
    case TARGET_LINK: return link_end_at(&f->links[t->a], lost) >= 0;
    case TARGET_ENTRANCE: return f->entrances[t->a].idc == lost;
    case TARGET_REFERENCE: return false;
    }
    return false;
}

/* The observer no longer sees the target good. */
static bool hides(const struct forecast *fc, uint16_t o, const struct target *t)
{
    const struct fleet *f = fc->control.fleet;
    const struct drill_target *at = &fc->fault.target;
    if (!fc->struck) {
        return false;
    }
    switch (fc->fault.on) {
    case DRILL_ON_LINK: return t->kind == TARGET_LINK && t->a == at->index;
    case DRILL_ON_CONDUIT:
        return t->kind == TARGET_LINK && in_conduit(&f->conduits[at->index], t->a);
    case DRILL_ON_CARRIER: return loses_carrier(f, at, o, t);
    case DRILL_ON_IDC: return o != at->index && loses_idc(f, at->index, t);
    case DRILL_ON_VIEW: return false;
    }
    return false;
}

/* Its probe falls silent. */
static bool silences(const struct forecast *fc, uint16_t o)
{
    return fc->struck && fc->fault.on == DRILL_ON_IDC && fc->fault.target.index == o;
}

void forecast_strike(struct forecast *fc, const struct forecast_fault *fault)
{
    const struct fleet *f = fc->control.fleet;
    fc->struck = fault != NULL;
    if (fault != NULL) {
        fc->spiked = fc->spiked || fault->on == DRILL_ON_VIEW;
        fc->fault = *fault;
    }
    for (uint16_t o = 0; o < f->idc_count; o++) {
        struct voice *v = &fc->voices[o];
        int n = v->speaks ? targets_for_idc(f, o, fc->targets, REPORT_MAX_TARGETS) : 0;
        for (int i = 0; i < n && (uint32_t)i < v->report.count; i++) {
            struct observation *at = &v->report.observations[i];
            enum health h = hides(fc, o, &fc->targets[i]) ? HEALTH_DOWN : v->was[i];
            if (h != at->health) {
                at->health = h;
                v->since_us[i] = fc->now.us;
            }
        }
    }
}

/* What its services tell, multiplied while a spike lasts; as fresh as the report. But for a spike
 * nothing is told: what is measured now says nothing of a plan that moves, so the demand stands. */
static void tell_loads(const struct forecast *fc, struct voice *v)
{
    struct report *r = &v->report;
    bool spikes = fc->struck && fc->fault.on == DRILL_ON_VIEW;
    r->load_count = fc->spiked ? v->told_count : 0;
    const struct spike spike = {spikes ? fc->fault.target.index : FLEET_NONE, fc->fault.factor_ppm};
    for (uint32_t i = 0; i < r->load_count; i++) {
        struct load_rate *views = &r->load_views[i * r->view_count];
        r->loads[i] = v->told_loads[i];
        memcpy(views, &v->told_views[i * r->view_count], r->view_count * sizeof *views);
        spike_apply(&spike, &r->loads[i], views, r->view_count);
    }
}

/* Everybody who speaks has just reported; states are as much older as time has passed. */
static void look(struct forecast *fc, int64_t passed_us)
{
    for (uint16_t o = 0; o < fc->control.fleet->idc_count; o++) {
        struct voice *v = &fc->voices[o];
        struct evidence *e = &fc->evidence[o];
        bool silent = silences(fc, o);
        e->report = v->speaks ? &v->report : NULL;
        e->conclusive = v->speaks;
        e->age_us = silent ? e->age_us + passed_us : 0;
        if (v->speaks && !silent) {
            tell_loads(fc, v);
        }
        for (uint32_t i = 0; v->speaks && !silent && i < v->report.count; i++) {
            struct observation *at = &v->report.observations[i];
            bool touched = v->since_us[i] != INT64_MIN;
            at->held_us = touched ? fc->now.us - v->since_us[i] : at->held_us + passed_us;
        }
    }
    diagnose(&fc->control, fc->evidence, fc->now, &fc->diagnosis);
}

/* --- Time ---------------------------------------------------------------------------------------
 */

static int fold_as(struct forecast *fc, struct record *r, enum fold_void *ret_why)
{
    struct arena none = {0};
    r->log_id = fc->control.log_id;
    r->epoch = fc->control.epoch;
    r->base = fc->control.applied;
    bool leads = r->kind == RECORD_DECIDE;
    r->log_time = leads ? fc->now : fc->control.log_time; /* others know only what they folded */
    return fold_apply(&fc->control, &none, r, ++fc->offset, ret_why);
}

static int fold(struct forecast *fc, struct record *r)
{
    enum fold_void why = FOLD_ACCEPTED;
    int status = fold_as(fc, r, &why);
    return status == OK && why != FOLD_ACCEPTED ? ERR_GUARD : status;
}

static struct writer leader(struct forecast *fc)
{
    struct writer w = fc->control.leader;
    w.sequence = ++fc->sequence;
    return w;
}

static struct writer replica(struct forecast *fc, uint16_t idc)
{
    const struct writer_state *had = &fc->control.writers[idc];
    return (struct writer){fc->control.fleet->idcs[idc].partition, had->incarnation,
                           had->sequence + 1};
}

static int acknowledge(struct forecast *fc, enum actuator actuator, uint16_t target, uint16_t by)
{
    struct record r;
    memset(&r, 0, sizeof r);
    r.kind = RECORD_STEP;
    r.writer = replica(fc, by);
    r.step = (struct step){.kind = STEP_OUTCOME,
                           .actuator = actuator,
                           .target = target,
                           .fence = fc->control.plan.fence};
    return fold(fc, &r);
}

/* Actuators obey at once, but for those of an IDC that is out. */
static int acknowledge_all(struct forecast *fc)
{
    const struct fleet *f = fc->control.fleet;
    uint16_t by = fold_replica(f, fc->control.leader.replica);
    int status = by == FLEET_NONE ? ERR_UNAVAILABLE : OK;
    for (uint16_t s = 0; s < f->dns_server_count && status == OK; s++) {
        uint16_t at = f->dns_servers[s].idc;
        if (at == FLEET_NONE || !silences(fc, at)) {
            status = acknowledge(fc, ACTUATOR_DNS, s, by);
        }
    }
    for (uint16_t x = 0; x < f->idc_count && status == OK; x++) {
        if (!silences(fc, x)) {
            status = acknowledge(fc, ACTUATOR_ROUTES, x, x);
            status = status == OK ? acknowledge(fc, ACTUATOR_FEATURES, x, x) : status;
        }
    }
    return status;
}

static void note(struct forecast *fc, const struct decide *d)
{
    if (fc->count++ >= FORECAST_MAX_STEPS) {
        return;
    }
    struct forecast_step *s = &fc->steps[fc->count - 1];
    memset(s, 0, sizeof *s);
    s->at_us = logtime_diff_us(fc->now, fc->began);
    s->purpose = d->purpose;
    s->drill = d->drill;
    s->incident_count = d->incident_count;
    if (d->incident_count > 0) {
        s->incident = d->incidents[0];
    }
    for (uint32_t i = 0; i < d->change_count; i++) {
        switch (d->changes[i].kind) {
        case CHANGE_ANSWER: s->answers++; break;
        case CHANGE_TIER: s->tiers++; break;
        case CHANGE_HOPS: s->hops++; break;
        case CHANGE_RELEASED:
        case CHANGE_ANNOUNCE: break;
        }
    }
}

/* The injectors of a drill under way do as the control state wants, and say so. */
static int obey_drill(struct forecast *fc)
{
    const struct drill_run *r = &fc->control.drill;
    uint8_t step = (uint8_t)drill_wants(r, fc->now);
    bool strikes = step != DRILL_MAX_STEPS;
    const struct forecast_fault fault = {r->drill.on, r->target,
                                         strikes ? r->drill.steps[step].factor_ppm : 0};
    int status = OK;
    if (!drill_under_way(r) && !fc->drilled) {
        return OK;
    }
    if (strikes != fc->struck) {
        forecast_strike(fc, strikes ? &fault : NULL);
    }
    fc->drilled = strikes;
    for (uint16_t x = 0; x < fc->control.fleet->idc_count && status == OK; x++) {
        const struct injection_state *at = &fc->control.injections[x];
        if (!drill_strikes(fc->control.fleet, r, x) || (at->run == r->id && at->step == step)) {
            continue;
        }
        struct record s;
        memset(&s, 0, sizeof s);
        s.kind = RECORD_STEP;
        s.writer = replica(fc, x);
        s.step = (struct step){.kind = STEP_INJECTION, .run = r->id, .drill_step = step};
        status = fold(fc, &s);
    }
    return status;
}

/* One look and, when there is one, one decision. *ret_decided: there was one. */
static int decide_once(struct forecast *fc, int64_t passed_us, bool *ret_decided,
                       int64_t *ret_next_us)
{
    struct arena room;
    struct record r;
    look(fc, passed_us);
    arena_init(&room, fc->room, fc->room_size);
    memset(&r, 0, sizeof r);
    r.kind = RECORD_DECIDE;
    int status =
        decide(&fc->control, fc->evidence, &fc->diagnosis, fc->now, &room, &r.decide, ret_next_us);
    *ret_decided = status == OK && r.decide.purpose != 0;
    if (status == OK) {
        fc->guard_count = r.decide.guard_count;
        memcpy(fc->guards, r.decide.guards, r.decide.guard_count * sizeof *fc->guards);
    }
    if (!*ret_decided) {
        return status;
    }
    r.writer = leader(fc);
    bool moves = r.decide.change_count > 0;
    note(fc, &r.decide);
    status = fold(fc, &r);
    return status == OK && moves ? acknowledge_all(fc) : status;
}

int forecast_run(struct forecast *fc, int64_t quiet_us, int64_t limit_us)
{
    int64_t passed_us = 0, still_us = 0, next_us = 0;
    int status = OK;
    for (int64_t gone_us = 0; gone_us < limit_us && still_us < quiet_us && status == OK;) {
        bool decided = false;
        status = obey_drill(fc);
        status = status == OK ? decide_once(fc, passed_us, &decided, &next_us) : status;
        passed_us = decided ? 1 : next_us < STEP_MAX_US ? next_us : STEP_MAX_US;
        passed_us = passed_us > 0 ? passed_us : 1;
        still_us = decided ? 0 : still_us + passed_us;
        gone_us += passed_us;
        fc->now.us += passed_us;
    }
    return status;
}

int forecast_command(struct forecast *fc, const struct operator_record *command,
                     enum fold_void *ret_why)
{
    struct record r;
    uint16_t by = fold_replica(fc->control.fleet, fc->control.leader.replica);
    if (by == FLEET_NONE) {
        return ERR_UNAVAILABLE;
    }
    memset(&r, 0, sizeof r);
    r.kind = RECORD_OPERATOR;
    r.writer = replica(fc, by);
    r.operator= * command;
    /* No request of the world: each command of a forecast has an id of its own. */
    memset(r.operator.request.bytes, 0xff, sizeof r.operator.request.bytes);
    memcpy(r.operator.request.bytes, &r.writer.sequence, sizeof r.writer.sequence);
    return fold_as(fc, &r, ret_why);
}

int forecast_approve(struct forecast *fc)
{
    int status = OK;
    for (uint32_t i = 0; i < fc->control.incident_count && status == OK; i++) {
        const struct incident *at = &fc->control.incidents[i];
        struct operator_record approve;
        enum fold_void why = FOLD_ACCEPTED;
        if (!at->needs_approval || at->approved) {
            continue;
        }
        memset(&approve, 0, sizeof approve);
        approve.command = OPERATOR_APPROVE;
        approve.argument = at->id;
        status = forecast_command(fc, &approve, &why);
        status = status == OK && why != FOLD_ACCEPTED ? ERR_GUARD : status;
    }
    return status;
}

const struct control *forecast_control(const struct forecast *fc)
{
    return &fc->control;
}

const struct forecast_step *forecast_steps(const struct forecast *fc, uint32_t *ret_count)
{
    *ret_count = fc->count;
    return fc->steps;
}

const struct guard_result *forecast_guards(const struct forecast *fc, uint32_t *ret_count)
{
    *ret_count = fc->guard_count;
    return fc->guards;
}
