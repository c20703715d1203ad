/* explain_decision.c: the whole story of one decision, in the order in which a person asks. */
#include "core/explain_internal.h"

enum {
    STORY_MAX_LINES = 12
}; /* of one kind; the rest is counted: the record itself has them all */

static const char *purpose_text(enum decide_purpose p)
{
    switch (p) {
    case DECIDE_NOTE: return "noted, nothing moved";
    case DECIDE_RESCUE: return "rescue: traffic moved away from what is dead";
    case DECIDE_SHED: return "features demoted, because capacity is short";
    case DECIDE_SHIFT: return "planned shift: one step away from what a person drains";
    case DECIDE_RESTORE: return "restore: one step of traffic back";
    case DECIDE_PROMOTE: return "features brought back, one tier";
    case DECIDE_ROUTES: return "next hops between IDCs";
    case DECIDE_CONFIRM: return "an earlier decision confirmed on fresh evidence";
    case DECIDE_REVERT: return "an earlier decision taken back";
    }
    return "an unknown decision";
}

static void line(struct text *t, const char *lead)
{
    text_put(t, "\n");
    text_put(t, lead);
}

static void put_more(struct text *t, uint32_t total)
{
    if (total > STORY_MAX_LINES) {
        line(t, "  and ");
        text_put_int(t, total - STORY_MAX_LINES);
        text_put(t, " more");
    }
}

static void tell_incidents(const struct fleet *f, const struct decide *d, struct text *t)
{
    for (uint32_t i = 0; i < d->incident_count && i < STORY_MAX_LINES; i++) {
        line(t, "  ");
        explain_incident(f, &d->incidents[i], t);
    }
    put_more(t, d->incident_count);
}

/* Why: the verdicts behind the incidents of this decision first; those of others are context. */
static void tell_seen(const struct fleet *f, const struct decide *d, struct text *t)
{
    line(t, "Seen:");
    if (d->verdict_count == 0) {
        text_put(t, " nothing out of order now");
    }
    for (uint32_t i = 0; i < d->verdict_count && i < STORY_MAX_LINES; i++) {
        line(t, "  ");
        explain_verdict(f, &d->verdicts[i], t);
    }
    put_more(t, d->verdict_count);
    if (d->evidence_count > 0) {
        int64_t oldest_us = 0;
        for (uint32_t i = 0; i < d->evidence_count; i++) {
            oldest_us = d->evidence[i].age_us > oldest_us ? d->evidence[i].age_us : oldest_us;
        }
        line(t, "  from ");
        put_count(t, d->evidence_count, "fresh report", "fresh reports");
        text_put(t, ", the oldest ");
        text_put_duration(t, oldest_us);
        text_put(t, " old");
    }
}

static uint32_t count_kind(const struct decide *d, enum change_kind kind)
{
    uint32_t n = 0;
    for (uint32_t i = 0; i < d->change_count; i++) {
        n += d->changes[i].kind == kind ? 1 : 0;
    }
    return n;
}

static void tell_kind(const struct fleet *f, const struct decide *d, enum change_kind kind,
                      struct text *t)
{
    uint32_t told = 0, total = count_kind(d, kind);
    for (uint32_t i = 0; i < d->change_count && told < STORY_MAX_LINES; i++) {
        if (d->changes[i].kind == kind) {
            line(t, "  ");
            explain_change(f, &d->changes[i], t);
            told++;
        }
    }
    put_more(t, total);
}

/* "demand of web in north-telecom is now 320/s, measured; declared 100/s". */
static void tell_demand(const struct fleet *f, const struct demand_word *w, struct text *t)
{
    bool known = w->service < f->service_count && w->view < f->view_count;
    uint64_t declared_rps = known ? fleet_demand_rps(f, w->service, w->view) : 0;
    text_put(t, "demand of ");
    put_service(f, w->service, t);
    text_put(t, " in ");
    put_view(f, w->view, t);
    text_put(t, w->rps == 0 ? " is as declared, " : " is now ");
    text_put_int(t, (int64_t)(w->rps == 0 ? declared_rps : w->rps));
    text_put(t, "/s");
    if (w->rps != 0) {
        text_put(t, ", measured; declared ");
        text_put_int(t, (int64_t)declared_rps);
        text_put(t, "/s");
    }
    if (w->seen_rps != 0) {
        text_put(t, "; ");
        text_put_int(t, (int64_t)w->seen_rps);
        text_put(t, "/s is measured and counts when it has held");
    }
}

static void tell_demands(const struct fleet *f, const struct decide *d, struct text *t)
{
    for (uint32_t i = 0; i < d->demand_count && i < STORY_MAX_LINES; i++) {
        line(t, "  ");
        tell_demand(f, &d->demands[i], t);
    }
    put_more(t, d->demand_count);
}

static void tell_changes(const struct fleet *f, const struct decide *d, struct text *t)
{
    line(t, "Changed:");
    if (d->change_count == 0 && d->demand_count == 0) {
        text_put(t, " nothing");
        return;
    }
    tell_demands(f, d, t);
    tell_kind(f, d, CHANGE_TIER, t);
    tell_kind(f, d, CHANGE_ANSWER, t);
    tell_kind(f, d, CHANGE_ANNOUNCE, t);
    tell_kind(f, d, CHANGE_HOPS, t);
    tell_kind(f, d, CHANGE_RELEASED, t);
}

/* What a guard that did not pass means for its subject. */
static const char *stopped_text(enum guard g, enum subject_kind about)
{
    switch (g) {
    case GUARD_NEVER_LAST: return "the answer stays, because the change would have emptied it";
    case GUARD_LAST_IDC:
        if (about == SUBJECT_CARRIER) {
            return "its users' answers stay as they are, because nothing is seen over it anywhere";
        }
        return "its addresses stay in the answers, because nothing else is seen good to take them";
    case GUARD_CORE: return "the tier limit stays, because core is never demoted";
    case GUARD_QUORUM:
        return "nothing was taken from it, because its death is not concluded on fresh evidence";
    case GUARD_COLD_START: return "nothing was moved, because the leader is too young";
    case GUARD_STATEFUL:
        return "not moved: it keeps state, and moving its users could lose data; a person decides: "
               "spillway "
               "drain SERVICE@IDC";
    case GUARD_CAPACITY:
        if (about == SUBJECT_PATH) {
            return "full: what it could not take went to the next that its users prefer";
        }
        return "over capacity: more features had to go, or the step was dropped";
    case GUARD_DRAIN_BUDGET:
        return "not drained: as many IDCs as policy.max_drained_idcs allows are drained already";
    case GUARD_RESTORE:
        return "nothing moves to it: not seen good, not approved, not held for long enough, or "
               "more "
               "than a step";
    case GUARD_PIN:
        return "a person's order keeps it as it is: pinned, or undone (spillway status shows "
               "which)";
    case GUARD_FREEZE: return "not done: a person has frozen the plan";
    }
    return "an unknown guard";
}

void explain_guard(const struct fleet *f, const struct guard_result *g, struct text *t)
{
    explain_subject(f, &g->subject, t);
    text_put(t, ": ");
    text_put(t, stopped_text(g->guard, g->subject.kind));
    text_put(t, " (guard ");
    text_put(t, guard_name(g->guard));
    text_put(t, ")");
}

static void tell_not_done(const struct fleet *f, const struct decide *d, struct text *t)
{
    uint32_t passed = 0;
    for (uint32_t i = 0; i < d->guard_count; i++) {
        passed += d->guards[i].passed ? 1 : 0;
    }
    if (passed < d->guard_count) {
        line(t, "Not done:");
    }
    for (uint32_t i = 0; i < d->guard_count; i++) {
        if (!d->guards[i].passed) {
            line(t, "  ");
            explain_guard(f, &d->guards[i], t);
        }
    }
    if (passed > 0) {
        line(t, "Guards passed: ");
        uint32_t listed = 0;
        for (uint32_t i = 0; i < d->guard_count; i++) {
            if (d->guards[i].passed) {
                put_separator(t, listed++, passed);
                text_put(t, guard_name(d->guards[i].guard));
            }
        }
    }
}

static const struct incident *waiting(const struct decide *d)
{
    for (uint32_t i = 0; i < d->incident_count; i++) {
        const struct incident *at = &d->incidents[i];
        if (at->needs_approval && !at->approved && at->state != INCIDENT_CLOSED) {
            return at;
        }
    }
    return NULL;
}

/* How what was decided ends without anybody taking it back. */
static void tell_way_back(const struct decide *d, struct text *t)
{
    const struct incident *i = waiting(d);
    if (d->order != 0) {
        line(t, "  spillway release ");
        text_put_int(t, d->order);
        text_put(t, d->purpose == DECIDE_REVERT
                        ? " --reason TEXT ends the order; the machine then decides anew"
                        : " --reason TEXT ends the order, and brings it back in steps");
    } else if (i != NULL) {
        line(t, "  spillway approve ");
        text_put_int(t, i->id);
        text_put(t, " --reason TEXT brings it back in steps, once it is up and has held");
    } else {
        line(t, "  by itself, step by step, when what broke is up and has held");
    }
}

static void tell_undo(const struct decide *d, int64_t offset, struct text *t)
{
    line(t, "Undo:");
    if (d->change_count == 0) {
        text_put(t, " there is nothing to undo");
        return;
    }
    tell_way_back(d, t);
    line(t, "  spillway undo ");
    text_put_int(t, offset);
    text_put(t, " --reason TEXT puts back what it replaced, and keeps it there (--dry-run first)");
}

void explain_decision(const struct fleet *f, const struct decide *d, int64_t offset, struct text *t)
{
    text_put(t, "Decision ");
    text_put_int(t, offset);
    text_put(t, ": ");
    text_put(t, purpose_text(d->purpose));
    text_put(t, d->change_count > 0 ? "; now generation " : "; still generation ");
    text_put_int(t, (int64_t)d->generation);
    if (d->concerns != 0) {
        text_put(t, "; concerns decision ");
        text_put_int(t, (int64_t)d->concerns);
    }
    if (d->order != 0) {
        text_put(t, d->change_count > 0 ? "; follows order " : "; all is home after order ");
        text_put_int(t, d->order);
    }
    tell_incidents(f, d, t);
    tell_seen(f, d, t);
    tell_changes(f, d, t);
    tell_not_done(f, d, t);
    tell_undo(d, offset, t);
    text_put(t, "\n");
}
