/* drill.c: codec, soundness and names of drills. */
#include "model/drill.h"

#include "base/text.h"

static void condition_codec(struct codec *c, struct drill_condition *d)
{
    d->is = (enum drill_is)codec_choice(c, d->is, DRILL_IS_EMPTY);
    codec_u32(c, &d->headroom_ppm);
    d->incident = (enum incident_kind)codec_choice(c, d->incident, INCIDENT_BLIND_OBSERVER);
    d->reaches = (enum incident_state)codec_choice(c, d->reaches, INCIDENT_CLOSED);
}

static void conditions_codec(struct codec *c, uint16_t *count, struct drill_condition *at)
{
    uint32_t n = *count;
    codec_count(c, &n, DRILL_MAX_CONDITIONS);
    for (uint32_t i = 0; i < n && c->status == OK; i++) {
        condition_codec(c, &at[i]);
    }
    *count = (uint16_t)n;
}

static void step_codec(struct codec *c, struct drill_step *s)
{
    codec_string(c, s->name, sizeof s->name);
    s->action = (enum drill_action)codec_choice(c, s->action, DRILL_WAIT);
    codec_i64(c, &s->for_us);
    codec_u32(c, &s->factor_ppm);
    codec_i64(c, &s->within_us);
    conditions_codec(c, &s->before_count, s->before);
    conditions_codec(c, &s->after_count, s->after);
}

void drill_codec(struct codec *c, struct drill *d)
{
    codec_string(c, d->name, sizeof d->name);
    codec_string(c, d->about, sizeof d->about);
    d->on = (enum drill_on)codec_choice(c, d->on, DRILL_ON_VIEW);
    codec_bool(c, &d->live);
    codec_i64(c, &d->limit_us);
    codec_i64(c, &d->objective_us);
    codec_u32(c, &d->objective_ppm);
    codec_u32(c, &d->abort_ppm);
    uint32_t n = d->step_count;
    codec_count(c, &n, DRILL_MAX_STEPS);
    for (uint32_t i = 0; i < n && c->status == OK; i++) {
        step_codec(c, &d->steps[i]);
    }
    d->step_count = (uint16_t)n;
}

uint32_t drill_injecting(const struct drill *d, uint32_t step)
{
    uint32_t open = DRILL_MAX_STEPS;
    for (uint32_t i = 0; i < step && i < d->step_count; i++) {
        switch (d->steps[i].action) {
        case DRILL_INJECT: open = i; break;
        case DRILL_RESTORE: open = DRILL_MAX_STEPS; break;
        case DRILL_DRAIN:
        case DRILL_UNDRAIN:
        case DRILL_APPROVE:
        case DRILL_WAIT: break;
        }
    }
    return open;
}

bool drill_injects(const struct drill *d)
{
    bool injects = false;
    for (uint16_t i = 0; i < d->step_count; i++) {
        injects = injects || d->steps[i].action == DRILL_INJECT;
    }
    return injects;
}

uint32_t drill_factor_ppm(const struct drill *d)
{
    uint32_t factor = 0;
    for (uint16_t i = d->step_count; i-- > 0;) {
        factor = d->steps[i].action == DRILL_INJECT ? d->steps[i].factor_ppm : factor;
    }
    return factor;
}

/* A drain that no step before this one took back. */
static bool draining(const struct drill *d, uint32_t step)
{
    bool open = false;
    for (uint32_t i = 0; i < step; i++) {
        open = d->steps[i].action == DRILL_DRAIN || (open && d->steps[i].action != DRILL_UNDRAIN);
    }
    return open;
}

static const char *condition_broken(const struct drill_condition *at, uint16_t count)
{
    for (uint16_t i = 0; i < count; i++) {
        const struct drill_condition *c = &at[i];
        int kinds = (c->is != DRILL_IS_NOTHING) + (c->headroom_ppm != 0) + (c->incident != 0);
        if (kinds != 1) {
            return "a condition is one of a state of the whole, a headroom, or an incident";
        }
        if ((c->incident != 0) != (c->reaches != INCIDENT_NONE)) {
            return "a condition on an incident names the state that it reaches";
        }
    }
    return NULL;
}

static const char *action_broken(const struct drill *d, uint32_t i)
{
    const struct drill_step *s = &d->steps[i];
    bool open = drill_injecting(d, i) != DRILL_MAX_STEPS;
    bool lasts = s->action == DRILL_INJECT || s->action == DRILL_WAIT;
    if (lasts != (s->for_us > 0)) {
        return "an injection and a wait last for a stated time, no other step does";
    }
    if ((s->action == DRILL_INJECT && d->on == DRILL_ON_VIEW) != (s->factor_ppm != 0)) {
        return "an injection on a view has a factor, no other step has";
    }
    switch (s->action) {
    case DRILL_INJECT: return open ? "an injection begins while another lasts" : NULL;
    case DRILL_RESTORE: return open ? NULL : "nothing is injected that could be restored";
    case DRILL_DRAIN:
        return d->on != DRILL_ON_IDC ? "only an IDC is drained"
               : draining(d, i)      ? "the IDC is drained already"
                                     : NULL;
    case DRILL_UNDRAIN: return draining(d, i) ? NULL : "nothing is drained that could come back";
    case DRILL_APPROVE:
    case DRILL_WAIT: return NULL;
    }
    return NULL;
}

static const char *step_broken(const struct drill *d, uint32_t i)
{
    const struct drill_step *s = &d->steps[i];
    for (uint32_t k = 0; k < i; k++) {
        if (text_equal(d->steps[k].name, s->name)) {
            return "two steps have the same name";
        }
    }
    if (s->for_us > d->limit_us || s->within_us > d->limit_us) {
        return "a step lasts longer than the limit of the whole drill";
    }
    if ((s->before_count > 0 || s->after_count > 0) != (s->within_us > 0)) {
        return "a step with conditions says within what time, no other step does";
    }
    const char *why = condition_broken(s->before, s->before_count);
    why = why == NULL ? condition_broken(s->after, s->after_count) : why;
    return why == NULL ? action_broken(d, i) : why;
}

static bool ends_restored(const struct drill *d)
{
    const struct drill_step *last = &d->steps[d->step_count - 1];
    bool restored = false;
    for (uint16_t i = 0; i < last->after_count; i++) {
        restored = restored || last->after[i].is == DRILL_IS_RESTORED;
    }
    return restored;
}

static bool begins_quiet(const struct drill *d)
{
    bool quiet = false;
    for (uint16_t i = 0; i < d->steps[0].before_count; i++) {
        quiet = quiet || d->steps[0].before[i].is == DRILL_IS_QUIET;
    }
    return quiet;
}

const char *drill_broken(const struct drill *d, uint32_t *ret_step)
{
    *ret_step = DRILL_MAX_STEPS;
    if (d->step_count == 0 || d->limit_us <= 0 || d->objective_us <= 0) {
        return "a drill has steps, a limit and an objective";
    }
    if (d->abort_ppm == 0 || d->abort_ppm < d->objective_ppm) {
        return "a drill aborts at a stated error rate, not below its objective";
    }
    for (uint32_t i = 0; i < d->step_count; i++) {
        const char *why = step_broken(d, i);
        if (why != NULL) {
            *ret_step = i;
            return why;
        }
    }
    uint32_t open = drill_injecting(d, d->step_count);
    if (open != DRILL_MAX_STEPS) {
        *ret_step = open;
        return "an injection is restored by a later step";
    }
    if (draining(d, d->step_count)) {
        return "what is drained comes back by a later step";
    }
    if (!begins_quiet(d)) {
        *ret_step = 0;
        return "a drill begins only while all is quiet";
    }
    if (!ends_restored(d)) {
        *ret_step = d->step_count - 1U;
        return "a drill ends with the very plan from before it";
    }
    return NULL;
}

const char *drill_on_name(enum drill_on on)
{
    switch (on) {
    case DRILL_ON_LINK: return "link";
    case DRILL_ON_CONDUIT: return "conduit";
    case DRILL_ON_CARRIER: return "carrier";
    case DRILL_ON_IDC: return "idc";
    case DRILL_ON_VIEW: return "view";
    }
    return "?";
}

const char *drill_action_name(enum drill_action a)
{
    switch (a) {
    case DRILL_INJECT: return "inject";
    case DRILL_RESTORE: return "restore";
    case DRILL_DRAIN: return "drain";
    case DRILL_UNDRAIN: return "undrain";
    case DRILL_APPROVE: return "approve";
    case DRILL_WAIT: return "wait";
    }
    return "?";
}

const char *drill_is_name(enum drill_is is)
{
    switch (is) {
    case DRILL_IS_NOTHING: return "nothing";
    case DRILL_IS_QUIET: return "quiet";
    case DRILL_IS_ACKNOWLEDGED: return "acknowledged";
    case DRILL_IS_RESTORED: return "restored";
    case DRILL_IS_EMPTY: return "empty";
    }
    return "?";
}
