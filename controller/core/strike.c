/* strike.c: this IDC's part in a drill. */
#include "core/strike.h"

#define RETRY_US US_PER_SEC

size_t strike_arena_size(const struct fleet *f)
{
    return sizeof(uint16_t) * f->link_count + 16;
}

int strike_new(const struct fleet *f, struct arena *a, struct strike *ret_s)
{
    struct strike s = {.links = ARENA_NEW(a, uint16_t, f->link_count), .step = DRILL_MAX_STEPS};
    if (s.links == NULL) {
        return ERR_FULL;
    }
    *ret_s = s;
    return OK;
}

void strike_answered(struct strike *s, const struct outcome *answer, struct mono now)
{
    s->busy = false;
    s->known = true;
    s->run = answer->run;
    s->step = answer->step;
    s->status = answer->status;
    s->told_at = (struct mono){INT64_MIN / 2};
    s->retry_at = mono_add(now, RETRY_US);
}

/* What this IDC should do for the run; DRILL_MAX_STEPS: nothing. */
static uint8_t wanted(const struct out *o, struct logtime now)
{
    const struct drill_run *r = &o->control->drill;
    bool struck = drill_strikes(o->control->fleet, r, o->me);
    return (uint8_t)(struck ? drill_wants(r, now) : DRILL_MAX_STEPS);
}

/* A process that begins knows what the log has heard from this IDC. Nothing lasts that it said was
 * over, and a step's own time ends the rest. */
static void remember(struct strike *s, const struct out *o)
{
    const struct injection_state *told = &o->control->injections[o->me];
    if (!s->known && told->run == 0) {
        s->known = true;
        s->run = 0;
        s->step = DRILL_MAX_STEPS;
    }
    if (!s->known && told->step == DRILL_MAX_STEPS && told->status == OK) {
        s->known = true;
        s->run = told->run;
        s->step = told->step;
    }
}

static void fill(const struct strike *s, const struct out *o, uint8_t step, struct logtime now,
                 struct effect *e)
{
    const struct fleet *f = o->control->fleet;
    const struct drill_run *r = &o->control->drill;
    e->inject.run = r->id;
    e->inject.step = step;
    e->inject.view = FLEET_NONE;
    if (step == DRILL_MAX_STEPS) {
        return; /* nothing is to be injected any more */
    }
    const struct drill_step *at = &r->drill.steps[step];
    e->inject.for_us = at->for_us - logtime_diff_us(now, r->injected[step]);
    e->inject.mute = r->drill.on == DRILL_ON_IDC;
    e->inject.links = s->links;
    if (r->drill.on == DRILL_ON_VIEW) {
        e->inject.view = r->target.index;
        e->inject.factor_ppm = at->factor_ppm;
    }
    for (uint16_t l = 0; l < f->link_count; l++) {
        if (link_end_at(&f->links[l], o->me) >= 0 && drill_strikes_link(f, r, l)) {
            s->links[e->inject.link_count++] = l;
        }
    }
}

static void ask(struct strike *s, struct out *o, uint8_t step, struct logtime now)
{
    struct effect *e = out_effect(o, EFFECT_INJECT);
    if (e != NULL) {
        fill(s, o, step, now, e);
        s->busy = true;
    }
}

static void tell(struct strike *s, struct out *o)
{
    const struct injection_state *told = &o->control->injections[o->me];
    struct mono again = mono_add(s->told_at, out_lease_us(o));
    if (s->run == 0 ||
        (told->run == s->run && told->step == s->step && told->status == s->status)) {
        return;
    }
    if (!is_due(again, o->now)) {
        out_wake(o, again);
        return;
    }
    struct effect *e = out_effect(o, EFFECT_APPEND);
    if (e != NULL) {
        e->append = out_record(o, RECORD_STEP, o->control->log_time);
        e->append.step.kind = STEP_INJECTION;
        e->append.step.run = s->run;
        e->append.step.drill_step = s->step;
        e->append.step.status = s->status;
        s->told_at = o->now;
        out_wake(o, mono_add(o->now, out_lease_us(o)));
    }
}

void strike_run(struct strike *s, struct out *o, struct logtime now, bool writes)
{
    const struct drill_run *r = &o->control->drill;
    if (r->state == DRILL_NEVER || s->busy) {
        return;
    }
    remember(s, o);
    uint8_t want = wanted(o, now);
    bool done = s->known && s->status == OK && s->step == want &&
                (s->run == r->id || want == DRILL_MAX_STEPS);
    if (!done && is_due(s->retry_at, o->now)) {
        ask(s, o, want, now);
    } else if (!done) {
        out_wake(o, s->retry_at);
    }
    if (want != DRILL_MAX_STEPS) { /* its own time ends it: look then */
        const struct drill_step *at = &r->drill.steps[want];
        out_wake(o, mono_add(o->now, at->for_us - logtime_diff_us(now, r->injected[want])));
    }
    if (writes && s->known) {
        tell(s, o);
    }
}
