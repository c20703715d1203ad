/* drill.c: judges a drill under way and finds its next move. */
#include "core/drill.h"

#include "base/bug.h"

/* What one call works with. */
struct watch {
    const struct drill_view *v;
    const struct drill_run *r;
    const struct control *c;
    int64_t *next_us;
};

static void wake_in(const struct watch *w, int64_t us)
{
    if (us > 0 && us < *w->next_us) {
        *w->next_us = us;
    }
}

/* True when that much log time has passed since then; else wakes when it will have. */
static bool over(const struct watch *w, struct logtime since, int64_t us)
{
    int64_t left_us = us - logtime_diff_us(w->v->o->now, since);
    wake_in(w, left_us);
    return left_us <= 0;
}

/* The first incident that is not the drill's own work, or NULL: any open one forbids to begin, a
 * concluded one ends a run; what is only suspected a person looks at. */
static const struct incident *real_incident(const struct watch *w)
{
    for (uint32_t i = 0; i < w->v->cases->count; i++) {
        const struct incident *at = &w->v->cases->at[i];
        bool counts = at->state != INCIDENT_CLOSED &&
                      (at->state != INCIDENT_SUSPECTED || w->r->state == DRILL_ASKED);
        if (counts && !drill_owns(w->v->o->f, w->r, at)) {
            return at;
        }
    }
    return NULL;
}

/* An order that is not the drill's own drain is in force. */
static bool ordered(const struct watch *w)
{
    bool any = false;
    for (uint32_t i = 0; i < w->c->order_count; i++) {
        any = any || w->c->orders[i].drill != w->r->id;
    }
    return any;
}

/* The injectors of all IDCs that the drill strikes have said that they do what step `step` wants
 * (DRILL_MAX_STEPS: nothing is injected any more). *ret_failed: one of them could not. */
static bool injectors_at(const struct watch *w, uint32_t step, bool *ret_failed)
{
    const struct fleet *f = w->v->o->f;
    bool all = true;
    *ret_failed = false;
    for (uint16_t x = 0; x < f->idc_count; x++) {
        const struct injection_state *at = &w->c->injections[x];
        if (!drill_strikes(f, w->r, x)) {
            continue;
        }
        bool heard = at->run == w->r->id && at->step == step;
        bool idle = step == DRILL_MAX_STEPS && at->run != w->r->id;
        *ret_failed = *ret_failed || (heard && at->status != OK);
        all = all && ((heard && at->status == OK) || idle);
    }
    return all;
}

static bool acknowledged(const struct watch *w)
{
    const struct outlook *o = w->v->o;
    bool all = plan_acknowledged(o);
    for (uint16_t x = 0; x < o->f->idc_count; x++) {
        bool counts = !o->f->idcs[x].vantage && o->d->idcs[x].health == HEALTH_UP;
        uint64_t generation = w->c->plan.fence.generation;
        all = all && (!counts || (w->c->routes[x].generation >= generation &&
                                  w->c->features[x].generation >= generation));
    }
    return all && w->v->settled;
}

/* Nothing that the machine may move is left on the target. */
static bool empty(const struct watch *w)
{
    const struct outlook *o = w->v->o;
    const struct plan *p = &w->c->plan;
    struct subject idc = {SUBJECT_IDC, w->r->target.index, 0};
    for (uint16_t s = 0; s < o->f->service_count; s++) {
        for (uint16_t v = 0; v < o->f->view_count && !o->f->services[s].stateful; v++) {
            const struct answer *a = plan_answer(p, s, v);
            for (uint8_t n = 0; n < a->count; n++) {
                uint16_t e = a->slots[n].entrance;
                if (e != FLEET_NONE && subject_covers(o->f, &idc, e, o->f->views[v].carrier)) {
                    return false;
                }
            }
        }
    }
    return true;
}

/* An incident of the kind about the target is in the state or beyond it; CLOSED: none is open. */
static bool reached(const struct watch *w, const struct drill_condition *want)
{
    bool found = false;
    for (uint32_t i = 0; i < w->v->cases->count; i++) {
        const struct incident *at = &w->v->cases->at[i];
        if (at->kind == want->incident && at->state != INCIDENT_CLOSED &&
            drill_owns(w->v->o->f, w->r, at)) {
            if (want->reaches == INCIDENT_CLOSED) {
                return false;
            }
            found = found || at->state >= want->reaches;
        }
    }
    return found || want->reaches == INCIDENT_CLOSED;
}

static bool holds(const struct watch *w, const struct drill_condition *want)
{
    if (want->incident != 0) {
        return reached(w, want);
    }
    if (want->headroom_ppm != 0) {
        return w->v->headroom_ppm >= want->headroom_ppm;
    }
    switch (want->is) {
    case DRILL_IS_NOTHING: return true;
    case DRILL_IS_QUIET: return real_incident(w) == NULL && !ordered(w);
    case DRILL_IS_ACKNOWLEDGED: return acknowledged(w);
    case DRILL_IS_RESTORED: {
        struct digest now = plan_shape_digest(&w->c->plan);
        return digest_compare(&now, &w->r->plan_before) == 0;
    }
    case DRILL_IS_EMPTY: return empty(w);
    }
    return false;
}

static bool all_hold(const struct watch *w, const struct drill_condition *at, uint16_t count)
{
    bool all = true;
    for (uint16_t i = 0; i < count; i++) {
        all = all && holds(w, &at[i]);
    }
    return all;
}

static struct drill_move go(const struct watch *w, enum drill_state to, enum drill_cause cause)
{
    return (struct drill_move){.state = to,
                               .step = w->r->step,
                               .done = w->r->done,
                               .cause = cause,
                               .core_errors_ppm = w->v->core_errors_ppm};
}

/* What forbids the drill now; DRILL_CAUSE_NONE: nothing. */
static enum drill_cause forbidden(const struct watch *w, uint32_t *ret_incident)
{
    const struct incident *real = real_incident(w);
    *ret_incident = real == NULL ? 0 : real->id;
    return real != NULL                                     ? DRILL_CAUSE_INCIDENT
           : ordered(w)                                     ? DRILL_CAUSE_ORDER
           : w->v->core_errors_ppm >= w->r->drill.abort_ppm ? DRILL_CAUSE_ERRORS
                                                            : DRILL_CAUSE_NONE;
}

static struct drill_move judge_asked(const struct watch *w)
{
    const struct drill_step *first = &w->r->drill.steps[0];
    uint32_t incident;
    enum drill_cause cause = forbidden(w, &incident);
    for (uint16_t i = 0; i < first->before_count && cause == DRILL_CAUSE_NONE; i++) {
        bool tight = first->before[i].headroom_ppm != 0 && !holds(w, &first->before[i]);
        cause = tight ? DRILL_CAUSE_HEADROOM : cause;
    }
    struct drill_move m = go(w, cause == DRILL_CAUSE_NONE ? DRILL_RUNNING : DRILL_REFUSED, cause);
    m.incident = incident;
    return m;
}

/* The action of the present step has been carried out. */
static bool carried_out(const struct watch *w, bool *ret_failed)
{
    const struct drill_step *s = &w->r->drill.steps[w->r->step];
    *ret_failed = false;
    switch (s->action) {
    case DRILL_INJECT: return injectors_at(w, w->r->step, ret_failed);
    case DRILL_RESTORE: return injectors_at(w, DRILL_MAX_STEPS, ret_failed);
    case DRILL_WAIT: return over(w, w->r->step_since, s->for_us);
    case DRILL_DRAIN:
    case DRILL_UNDRAIN:
    case DRILL_APPROVE: return true;
    }
    return false;
}

/* The move of a run that nothing forbids. */
static struct drill_move judge_step(const struct watch *w)
{
    const struct drill_run *r = w->r;
    const struct drill_step *s = &r->drill.steps[r->step];
    bool failed = false;
    struct drill_move m = go(w, DRILL_RUNNING, DRILL_CAUSE_NONE);
    if (!r->done && all_hold(w, s->before, s->before_count)) {
        m.done = true;
        return m;
    }
    if (r->done && carried_out(w, &failed) && all_hold(w, s->after, s->after_count)) {
        bool last = r->step + 1U == r->drill.step_count;
        m.state = last ? DRILL_PASSED : DRILL_RUNNING;
        m.step = last ? r->step : (uint16_t)(r->step + 1);
        m.done = last;
        return m;
    }
    if (failed) {
        return go(w, DRILL_ABORTING, DRILL_CAUSE_INJECTOR);
    }
    if ((s->within_us > 0 && over(w, r->step_since, s->within_us)) ||
        over(w, r->began, r->drill.limit_us)) {
        return go(w, DRILL_ABORTING, DRILL_CAUSE_TIME);
    }
    return (struct drill_move){.state = DRILL_NEVER};
}

static struct drill_move judge_running(const struct watch *w)
{
    uint32_t incident;
    enum drill_cause cause = forbidden(w, &incident);
    bool overlooks = cause == DRILL_CAUSE_INCIDENT && BUG(DRILL_GOES_ON);
    if (cause == DRILL_CAUSE_NONE || overlooks) {
        return judge_step(w);
    }
    struct drill_move m = go(w, DRILL_ABORTING, cause);
    m.incident = incident;
    return m;
}

/* Restored by every injector, or by its own deadline where one cannot be heard. */
static struct drill_move judge_aborting(const struct watch *w)
{
    bool failed, gone = injectors_at(w, DRILL_MAX_STEPS, &failed);
    if (!gone) {
        gone = true;
        for (uint16_t i = 0; i < w->r->drill.step_count; i++) {
            bool injects = w->r->drill.steps[i].action == DRILL_INJECT;
            bool began = w->r->injected[i].us != 0;
            gone = gone &&
                   (!injects || !began || over(w, w->r->injected[i], w->r->drill.steps[i].for_us));
        }
    }
    return gone ? go(w, DRILL_ABORTED, w->r->cause) : (struct drill_move){.state = DRILL_NEVER};
}

struct drill_move drill_next(const struct drill_view *v, int64_t *ret_next_us)
{
    const struct control *c = v->o->c;
    struct watch w = {.v = v, .r = &c->drill, .c = c, .next_us = ret_next_us};
    switch (c->drill.state) {
    case DRILL_ASKED: return judge_asked(&w);
    case DRILL_RUNNING: return judge_running(&w);
    case DRILL_ABORTING: return judge_aborting(&w);
    case DRILL_NEVER:
    case DRILL_PASSED:
    case DRILL_ABORTED:
    case DRILL_REFUSED: break;
    }
    return (struct drill_move){.state = DRILL_NEVER};
}

bool drill_asks_headroom(const struct drill_run *r)
{
    const struct drill_step *s = &r->drill.steps[r->step];
    bool asks = false;
    for (uint16_t i = 0; i < s->before_count; i++) {
        asks = asks || s->before[i].headroom_ppm != 0;
    }
    return asks && (r->state == DRILL_ASKED || (r->state == DRILL_RUNNING && !r->done));
}
