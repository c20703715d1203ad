/* drill_run.c: the run of a drill: its states, what it wants injected, codecs and names. */
#include "model/drill.h"

/* Row: from; bit i of the entry: may go to state i. */
static const uint8_t TRANSITIONS[] = {
    [DRILL_NEVER] = 1 << DRILL_ASKED,
    [DRILL_ASKED] = 1 << DRILL_RUNNING | 1 << DRILL_REFUSED,
    [DRILL_RUNNING] = 1 << DRILL_RUNNING | 1 << DRILL_ABORTING | 1 << DRILL_PASSED,
    [DRILL_ABORTING] = 1 << DRILL_ABORTED,
    [DRILL_PASSED] = 1 << DRILL_ASKED,
    [DRILL_ABORTED] = 1 << DRILL_ASKED,
    [DRILL_REFUSED] = 1 << DRILL_ASKED,
};

bool drill_may_go(enum drill_state from, enum drill_state to)
{
    return (unsigned)from < sizeof TRANSITIONS && (unsigned)to < sizeof TRANSITIONS &&
           (TRANSITIONS[from] >> to & 1) != 0;
}

bool drill_target_exists(const struct fleet *f, enum drill_on on, const struct drill_target *t)
{
    bool whole = t->at == FLEET_NONE;
    switch (on) {
    case DRILL_ON_LINK: return whole && t->index < f->link_count;
    case DRILL_ON_CONDUIT: return whole && t->index < f->conduit_count;
    case DRILL_ON_CARRIER: return t->index < f->carrier_count && (whole || t->at < f->idc_count);
    case DRILL_ON_IDC: return whole && t->index < f->idc_count && !f->idcs[t->index].vantage;
    case DRILL_ON_VIEW: return whole && t->index < f->view_count;
    }
    return false;
}

/* --- What a run strikes -------------------------------------------------------------------------
 */

static bool in_conduit(const struct fleet *f, uint16_t conduit, uint16_t link)
{
    bool found = false;
    for (uint32_t i = 0; i < f->conduits[conduit].link_count; i++) {
        found = found || f->conduits[conduit].links[i] == link;
    }
    return found;
}

bool drill_strikes_link(const struct fleet *f, const struct drill_run *r, uint16_t link)
{
    const struct link *l = &f->links[link];
    const struct drill_target *t = &r->target;
    switch (r->drill.on) {
    case DRILL_ON_LINK: return link == t->index;
    case DRILL_ON_CONDUIT: return in_conduit(f, t->index, link);
    case DRILL_ON_CARRIER:
        return l->carrier == t->index && (t->at == FLEET_NONE || link_end_at(l, t->at) >= 0);
    case DRILL_ON_IDC: return link_end_at(l, t->index) >= 0;
    case DRILL_ON_VIEW: return false;
    }
    return false;
}

bool drill_strikes(const struct fleet *f, const struct drill_run *r, uint16_t idc)
{
    bool struck = r->drill.on == DRILL_ON_VIEW && !f->idcs[idc].vantage;
    if (r->drill.on == DRILL_ON_IDC) {
        return idc == r->target.index; /* its own injectors strike all its links */
    }
    for (uint16_t l = 0; l < f->link_count; l++) {
        struck = struck || (drill_strikes_link(f, r, l) && link_end_at(&f->links[l], idc) >= 0);
    }
    return struck;
}

/* The IDC is one that the drill may leave without a way. */
static bool touches(const struct fleet *f, const struct drill_run *r, uint16_t idc)
{
    return r->drill.on != DRILL_ON_VIEW && drill_strikes(f, r, idc);
}

static bool owns_carrier(const struct drill_run *r, uint16_t carrier, uint16_t idc)
{
    const struct drill_target *t = &r->target;
    bool whole_idc = r->drill.on == DRILL_ON_IDC && idc == t->index;
    return whole_idc || (r->drill.on == DRILL_ON_CARRIER && carrier == t->index &&
                         (t->at == FLEET_NONE || t->at == idc));
}

bool drill_owns(const struct fleet *f, const struct drill_run *r, const struct incident *i)
{
    const struct subject *s = &i->subject;
    bool this_idc = r->drill.on == DRILL_ON_IDC && r->target.index == s->a;
    switch (s->kind) {
    case SUBJECT_LINK: return drill_strikes_link(f, r, s->a);
    case SUBJECT_CONDUIT: return r->drill.on == DRILL_ON_CONDUIT && r->target.index == s->a;
    case SUBJECT_CARRIER: return owns_carrier(r, s->a, FLEET_NONE);
    case SUBJECT_CARRIER_AT: return owns_carrier(r, s->a, s->b);
    case SUBJECT_IDC: return this_idc || (i->kind == INCIDENT_IDC_ISOLATED && touches(f, r, s->a));
    case SUBJECT_OBSERVER: return touches(f, r, s->a);
    case SUBJECT_SERVICE:
        return i->kind == INCIDENT_OVERLOAD
                   ? r->drill.on == DRILL_ON_VIEW
                   : r->drill.on == DRILL_ON_IDC && r->target.index == s->b;
    case SUBJECT_PATH: return owns_carrier(r, s->b, f->entrances[s->a].idc);
    case SUBJECT_BACKBONE: return touches(f, r, s->a);
    case SUBJECT_ENTRANCE:
    case SUBJECT_REGION:
    case SUBJECT_TARGET:
    case SUBJECT_FEATURES: return false;
    }
    return false;
}

/* --- Where a run stands -------------------------------------------------------------------------
 */

/* Steps whose action was taken. */
static uint32_t taken(const struct drill_run *r)
{
    bool began = r->state == DRILL_RUNNING || r->state == DRILL_PASSED;
    return began ? r->step + (r->done ? 1U : 0U) : 0;
}

uint32_t drill_wants(const struct drill_run *r, struct logtime now)
{
    uint32_t step = r->state == DRILL_RUNNING ? drill_injecting(&r->drill, taken(r))
                                              : (uint32_t)DRILL_MAX_STEPS;
    if (step == DRILL_MAX_STEPS) {
        return step;
    }
    bool over = logtime_diff_us(now, r->injected[step]) >= r->drill.steps[step].for_us;
    return over ? (uint32_t)DRILL_MAX_STEPS : step;
}

bool drill_drains(const struct drill_run *r)
{
    bool drains = false;
    for (uint32_t i = 0; i < taken(r) && i < r->drill.step_count; i++) {
        enum drill_action a = r->drill.steps[i].action;
        drains = a == DRILL_DRAIN || (drains && a != DRILL_UNDRAIN);
    }
    return drains;
}

void drill_move_codec(struct codec *c, struct drill_move *m)
{
    m->state = (enum drill_state)codec_choice(c, m->state, DRILL_REFUSED);
    codec_u16(c, &m->step);
    codec_bool(c, &m->done);
    m->cause = (enum drill_cause)codec_choice(c, m->cause, DRILL_CAUSE_INJECTOR);
    codec_u32(c, &m->incident);
    codec_u32(c, &m->core_errors_ppm);
}

void drill_run_codec(struct codec *c, struct drill_run *r)
{
    codec_u32(c, &r->id);
    r->state = (enum drill_state)codec_choice(c, r->state, DRILL_REFUSED);
    if (r->state == DRILL_NEVER) {
        return; /* nothing else is known */
    }
    drill_codec(c, &r->drill);
    codec_u16(c, &r->target.index);
    codec_u16(c, &r->target.at);
    codec_string(c, r->identity, sizeof r->identity);
    codec_string(c, r->reason, sizeof r->reason);
    codec_u16(c, &r->step);
    codec_bool(c, &r->done);
    r->cause = (enum drill_cause)codec_choice(c, r->cause, DRILL_CAUSE_INJECTOR);
    codec_u32(c, &r->incident);
    codec_u32(c, &r->core_errors_ppm);
    codec_bytes(c, r->plan_before.bytes, sizeof r->plan_before.bytes);
    codec_i64(c, &r->began.us);
    codec_i64(c, &r->step_since.us);
    codec_i64(c, &r->ended.us);
    for (uint32_t i = 0; i < r->drill.step_count; i++) {
        codec_i64(c, &r->injected[i].us);
    }
    codec_u64(c, &r->offset);
    if (c->status == OK && r->step >= r->drill.step_count) {
        codec_fail(c, ERR_INVALID);
    }
}

const char *drill_state_name(enum drill_state s)
{
    switch (s) {
    case DRILL_NEVER: return "never";
    case DRILL_ASKED: return "asked";
    case DRILL_RUNNING: return "running";
    case DRILL_ABORTING: return "aborting";
    case DRILL_PASSED: return "passed";
    case DRILL_ABORTED: return "aborted";
    case DRILL_REFUSED: return "refused";
    }
    return "?";
}

const char *drill_cause_name(enum drill_cause c)
{
    switch (c) {
    case DRILL_CAUSE_NONE: return "nothing";
    case DRILL_CAUSE_INCIDENT: return "a real incident";
    case DRILL_CAUSE_ORDER: return "an order in force";
    case DRILL_CAUSE_HEADROOM: return "too little headroom";
    case DRILL_CAUSE_ERRORS: return "failing core requests";
    case DRILL_CAUSE_PERSON: return "a person's word";
    case DRILL_CAUSE_TIME: return "time over";
    case DRILL_CAUSE_INJECTOR: return "an injector that did not obey";
    }
    return "?";
}
