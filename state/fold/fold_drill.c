/* fold_drill.c: a drill is asked for, moves, and ends; what each of its steps does to the control
 * state. */
#include "fold/fold_internal.h"

#include "base/text.h"

#include <string.h>

static enum fold_void drill_void(const struct control *c, const struct operator_record *o,
                                 const struct drill *d)
{
    uint32_t step;
    if (drill_under_way(&c->drill)) {
        return FOLD_REQUEST_EXISTS;
    }
    bool sound = drill_broken(d, &step) == NULL && d->live &&
                 drill_target_exists(c->fleet, d->on, &o->target);
    return sound ? FOLD_ACCEPTED : FOLD_REQUEST_REFUSED;
}

enum fold_void drill_ask(struct control *c, const struct operator_record *o, int64_t offset)
{
    struct drill d;
    memset(&d, 0, sizeof d);
    struct codec in = codec_reader(o->drill.at, o->drill.size, NULL);
    drill_codec(&in, &d);
    if (codec_finish(&in) != OK) {
        return FOLD_REQUEST_REFUSED;
    }
    enum fold_void why = drill_void(c, o, &d);
    if (why != FOLD_ACCEPTED) {
        return why;
    }
    uint32_t id = c->drill.id + 1;
    struct drill_run *r = &c->drill;
    memset(r, 0, sizeof *r);
    r->id = id;
    r->state = DRILL_ASKED;
    r->drill = d;
    r->target = o->target;
    r->began = r->step_since = c->log_time;
    r->offset = (uint64_t)offset;
    memcpy(r->identity, o->identity, sizeof r->identity);
    memcpy(r->reason, o->reason, sizeof r->reason);
    return FOLD_ACCEPTED;
}

/* What the run has ordered is taken back. */
static void release_orders(struct control *c)
{
    for (uint32_t i = 0; i < c->order_count; i++) {
        bool own = c->orders[i].drill == c->drill.id && !c->orders[i].ended;
        if (own && !order_end_id(c, c->orders[i].id)) {
            return; /* it was there a moment ago; a drain stays, ended, until it is home */
        }
    }
}

static void stop(struct control *c, const struct drill_move *m, enum drill_state to,
                 struct logtime now)
{
    struct drill_run *r = &c->drill;
    r->state = to;
    r->cause = m->cause;
    r->incident = m->incident;
    r->ended = now;
    release_orders(c);
}

enum fold_void drill_abort(struct control *c, uint64_t id)
{
    struct drill_move m = {.cause = DRILL_CAUSE_PERSON};
    if (c->drill.id != id || !drill_under_way(&c->drill)) {
        return FOLD_REQUEST_REFUSED;
    }
    if (c->drill.state != DRILL_ABORTING) {
        stop(c, &m, c->drill.state == DRILL_ASKED ? DRILL_REFUSED : DRILL_ABORTING, c->log_time);
    }
    return FOLD_ACCEPTED;
}

/* The drain of a planned evacuation, as if the person who runs the drill had given it. When it
 * cannot be given the IDC does not get empty, and the drill aborts for want of that. */
static void give_drain(struct control *c, int64_t offset)
{
    struct operator_record o;
    memset(&o, 0, sizeof o);
    o.subject = (struct subject){SUBJECT_IDC, c->drill.target.index, 0};
    memcpy(o.identity, c->drill.identity, sizeof o.identity);
    struct text reason = text_over(o.reason, sizeof o.reason);
    text_put(&reason, "drill ");
    text_put(&reason, c->drill.drill.name);
    if (order_give(c, ORDER_DRAIN, &o, offset) == FOLD_ACCEPTED) {
        c->orders[c->order_count - 1].drill = c->drill.id;
    }
}

/* The person who runs the drill has approved its own incidents with it. */
static void approve_own(struct control *c)
{
    for (uint32_t i = 0; i < c->incident_count; i++) {
        if (drill_owns(c->fleet, &c->drill, &c->incidents[i])) {
            c->incidents[i].approved = true;
        }
    }
}

static void take_action(struct control *c, struct logtime now, int64_t offset)
{
    struct drill_run *r = &c->drill;
    r->done = true;
    switch (r->drill.steps[r->step].action) {
    case DRILL_INJECT: r->injected[r->step].us = now.us > 0 ? now.us : 1; break;
    case DRILL_DRAIN: give_drain(c, offset); break;
    case DRILL_UNDRAIN: release_orders(c); break;
    case DRILL_APPROVE: approve_own(c); break;
    case DRILL_RESTORE:
    case DRILL_WAIT: break;
    }
}

bool drill_move_fits(const struct drill_run *r, const struct drill_move *m)
{
    bool last = r->done && r->step + 1 == r->drill.step_count;
    bool acts = m->step == r->step && !r->done && m->done;
    bool next = r->done && !last && !m->done && m->step == r->step + 1;
    if (m->state == DRILL_NEVER) {
        return true;
    }
    switch (m->state) {
    case DRILL_NEVER:
    case DRILL_ASKED: return false; /* by a person only */
    case DRILL_RUNNING:
        return drill_may_go(r->state, m->state) && (r->state == DRILL_ASKED || acts || next);
    case DRILL_PASSED: return drill_may_go(r->state, m->state) && last;
    case DRILL_ABORTING:
    case DRILL_ABORTED:
    case DRILL_REFUSED: return drill_may_go(r->state, m->state);
    }
    return false;
}

void drill_move(struct control *c, const struct drill_move *m, struct logtime now, int64_t offset)
{
    struct drill_run *r = &c->drill;
    if (m->state == DRILL_NEVER) {
        return;
    }
    if (m->core_errors_ppm > r->core_errors_ppm) {
        r->core_errors_ppm = m->core_errors_ppm;
    }
    if (m->state != DRILL_RUNNING) {
        stop(c, m, m->state, now);
        return;
    }
    if (r->state == DRILL_ASKED) {
        r->state = DRILL_RUNNING;
        r->began = now;
        r->plan_before = plan_shape_digest(&c->plan);
    } else if (m->done) {
        take_action(c, now, offset);
    } else {
        r->step = m->step;
        r->done = false;
    }
    r->step_since = now;
}

bool drill_injection(struct control *c, const struct step *s, uint16_t idc)
{
    if (s->run == 0 || s->run > c->drill.id || s->drill_step > DRILL_MAX_STEPS) {
        return false;
    }
    c->injections[idc] =
        (struct injection_state){.run = s->run, .step = s->drill_step, .status = s->status};
    return true;
}

const char *drill_run_broken(const struct control *c)
{
    const struct drill_run *r = &c->drill;
    uint32_t step;
    if (r->state == DRILL_NEVER) {
        return NULL;
    }
    if (r->id == 0 || drill_broken(&r->drill, &step) != NULL || r->step >= r->drill.step_count ||
        !drill_target_exists(c->fleet, r->drill.on, &r->target)) {
        return "a drill is none that could be run";
    }
    for (uint32_t i = 0; i < c->order_count; i++) {
        if (c->orders[i].drill > r->id) {
            return "an order belongs to no drill";
        }
    }
    return NULL;
}
