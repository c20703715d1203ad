/* explain_record.c: one line for any record of the log. */
#include "core/explain_internal.h"

#include <string.h>

/* Slots that a change of an answer gives to entrances that did not have them. */
static uint32_t slots_moved(const struct change *ch)
{
    uint32_t moved = 0;
    for (uint8_t i = 0; i < ch->answer.to.count; i++) {
        bool had = false;
        for (uint8_t k = 0; k < ch->answer.from.count; k++) {
            had = had || (ch->answer.from.slots[k].entrance == ch->answer.to.slots[i].entrance &&
                          ch->answer.from.slots[k].address == ch->answer.to.slots[i].address);
        }
        moved += had ? 0 : 1;
    }
    return moved;
}

struct summary {
    uint32_t slots, demotions, promotions, hops, releases, announced, withdrawn;
};

static struct summary summarise(const struct decide *d)
{
    struct summary s = {0};
    for (uint32_t i = 0; i < d->change_count; i++) {
        const struct change *ch = &d->changes[i];
        switch (ch->kind) {
        case CHANGE_ANSWER: s.slots += slots_moved(ch); break;
        case CHANGE_HOPS: s.hops++; break;
        case CHANGE_RELEASED: s.releases++; break;
        case CHANGE_TIER:
            s.demotions += ch->tier.to < ch->tier.from ? 1 : 0;
            s.promotions += ch->tier.to > ch->tier.from ? 1 : 0;
            break;
        case CHANGE_ANNOUNCE:
            s.announced += ch->announced.to == 1 ? 1 : 0;
            s.withdrawn += ch->announced.to == 1 ? 0 : 1;
            break;
        }
    }
    return s;
}

static void put_part(struct text *t, uint32_t n, const char *one, const char *many, bool *first)
{
    if (n > 0) {
        text_put(t, *first ? ": " : ", ");
        put_count(t, n, one, many);
        *first = false;
    }
}

static void put_numbered(struct text *t, const char *what, uint64_t n)
{
    text_put(t, what);
    text_put_int(t, (int64_t)n);
}

/* "runs the drill fibre-cut on beijing-shanghai" */
static void put_drill(const struct fleet *f, const struct operator_record *o, struct text *t)
{
    struct drill d;
    memset(&d, 0, sizeof d);
    struct codec in = codec_reader(o->drill.at, o->drill.size, NULL);
    drill_codec(&in, &d);
    text_put(t, " runs the drill ");
    if (codec_finish(&in) != OK) {
        text_put(t, "(unreadable)");
        return;
    }
    text_put(t, d.name);
    text_put(t, " on ");
    drill_target_put(f, d.on, &o->target, t);
}

/* What a decision does to the drill under way. */
static void put_move(const struct drill_move *m, struct text *t)
{
    if (m->state == DRILL_NEVER) {
        return;
    }
    text_put(t, "; the drill ");
    if (m->state == DRILL_RUNNING) {
        put_numbered(t, m->done ? "takes step " : "comes to step ", m->step + 1U);
        return;
    }
    text_put(t, drill_state_name(m->state));
    if (m->cause != DRILL_CAUSE_NONE) {
        text_put(t, " for ");
        text_put(t, drill_cause_name(m->cause));
    }
}

static void put_decide(const struct fleet *f, const struct decide *d, struct text *t)
{
    struct summary s = summarise(d);
    bool first = true;
    text_put(t, decide_purpose_name(d->purpose));
    if (d->change_count > 0) {
        text_put(t, ", generation ");
        text_put_int(t, (int64_t)d->generation);
    }
    put_part(t, s.slots, "slot moved", "slots moved", &first);
    put_part(t, s.demotions, "demotion", "demotions", &first);
    put_part(t, s.promotions, "promotion", "promotions", &first);
    put_part(t, s.withdrawn, "announcement withdrawn", "announcements withdrawn", &first);
    put_part(t, s.announced, "announced again", "announced again", &first);
    put_part(t, s.hops, "route changed", "routes changed", &first);
    put_part(t, s.releases, "link end released", "link ends released", &first);
    put_part(t, d->demand_count, "demand measured", "demands measured", &first);
    for (uint32_t i = 0; i < d->incident_count && i < 3; i++) {
        text_put(t, "; ");
        text_put(t, incident_kind_name(d->incidents[i].kind));
        text_put(t, " of ");
        explain_subject(f, &d->incidents[i].subject, t);
        text_put(t, " ");
        text_put(t, incident_state_name(d->incidents[i].state));
    }
    if (d->incident_count > 3) {
        text_put(t, "; ");
        put_count(t, d->incident_count - 3, "more incident", "more incidents");
    }
    put_move(&d->drill, t);
}

static void put_about(const struct fleet *f, struct text *t, const char *what,
                      const struct subject *s)
{
    text_put(t, what);
    explain_subject(f, s, t);
}

static void put_operator(const struct fleet *f, const struct operator_record *o, struct text *t)
{
    text_put(t, o->identity);
    switch (o->command) {
    case OPERATOR_APPROVE: put_numbered(t, " approved the return of incident ", o->argument); break;
    case OPERATOR_RELEASE: put_numbered(t, " released order ", o->argument); break;
    case OPERATOR_SKIP: put_numbered(t, " had record skipped: ", o->argument); break;
    case OPERATOR_DRAIN: put_about(f, t, " drains ", &o->subject); break;
    case OPERATOR_UNDRAIN: put_about(f, t, " ends the drain of ", &o->subject); break;
    case OPERATOR_DEMOTE:
        put_about(f, t, " demotes ", &o->subject);
        put_numbered(t, " from tier ", o->tier);
        break;
    case OPERATOR_PROMOTE: put_about(f, t, " ends the demotion of ", &o->subject); break;
    case OPERATOR_PIN: put_about(f, t, " pins ", &o->subject); break;
    case OPERATOR_FREEZE: text_put(t, " freezes the plan"); break;
    case OPERATOR_UNDO: put_numbered(t, " undoes decision ", o->argument); break;
    case OPERATOR_DRILL: put_drill(f, o, t); break;
    case OPERATOR_ABORT: put_numbered(t, " aborts drill ", o->argument); break;
    case OPERATOR_HOLD: put_numbered(t, " placed break-glass hold ", o->argument); break;
    case OPERATOR_UNHOLD: put_numbered(t, " releases break-glass hold ", o->argument); break;
    case OPERATOR_FLEET: text_put(t, " gives a new fleet"); break;
    case OPERATOR_TRANSFER:
        text_put(t, " has the leader give its lead");
        if ((unsigned)o->subject.kind != 0) {
            put_about(f, t, " to ", &o->subject);
        }
        break;
    }
    if (o->ttl_us > 0) {
        text_put(t, " for ");
        text_put_duration(t, o->ttl_us);
    }
    text_put(t, ": ");
    text_put(t, o->reason);
}

static void put_target(const struct fleet *f, const struct step *s, struct text *t)
{
    text_put(t, actuator_name(s->actuator));
    text_put(t, " at ");
    if (s->actuator == ACTUATOR_DNS && s->target < f->dns_server_count) {
        text_put(t, f->dns_servers[s->target].name);
    } else if (s->actuator == ACTUATOR_DNS) {
        text_put(t, "server #");
        text_put_int(t, s->target);
    } else {
        put_idc(f, s->target, t);
    }
}

static void put_step(const struct fleet *f, const struct record *r, struct text *t)
{
    const struct step *s = &r->step;
    switch (s->kind) {
    case STEP_OUTCOME:
        put_target(f, s, t);
        text_put(t, ", generation ");
        text_put_int(t, (int64_t)s->fence.generation);
        text_put(t, ": ");
        text_put(t, error_text(s->status));
        return;
    case STEP_LINK_DOWN:
        text_put(t, "link ");
        put_link(f, s->link, t);
        text_put(t, " went down at ");
        put_replica(f, r->writer.replica, t);
        text_put(t, ", down number ");
        text_put_int(t, s->down_number);
        return;
    case STEP_ALIVE:
        put_replica(f, r->writer.replica, t);
        text_put(t, " is alive at offset ");
        text_put_int(t, s->alive_base);
        text_put(t, s->halted ? ", acting halted" : s->warm ? ", warm" : ", not warm yet");
        return;
    case STEP_INJECTION:
        put_replica(f, r->writer.replica, t);
        put_numbered(
            t, s->drill_step < DRILL_MAX_STEPS ? " is struck by drill " : " is released by drill ",
            s->run);
        text_put(t, ": ");
        text_put(t, error_text(s->status));
        return;
    }
}

static void put_claim(const struct fleet *f, const struct record *r, struct text *t)
{
    put_replica(f, r->writer.replica, t);
    text_put(t, " claims to lead epoch ");
    text_put_int(t, (int64_t)r->epoch);
}

void explain_line(const struct fleet *f, const struct record *r, int64_t offset, struct text *t)
{
    text_put_int(t, offset);
    text_put(t, " ");
    text_put(t, record_kind_name(r->kind));
    text_put(t, ": ");
    switch (r->kind) {
    case RECORD_GENESIS:
        text_put(t, r->genesis.identity);
        text_put(t, " began the log, era ");
        text_put_int(t, (int64_t)r->genesis.era);
        text_put(t, ": ");
        text_put(t, r->genesis.reason);
        return;
    case RECORD_CLAIM: put_claim(f, r, t); return;
    case RECORD_HEARTBEAT:
        put_replica(f, r->writer.replica, t);
        text_put(t, r->heartbeat.yield ? " leads and wants to yield" : " leads");
        return;
    case RECORD_DECIDE: put_decide(f, &r->decide, t); return;
    case RECORD_OPERATOR: put_operator(f, &r->operator, t); return;
    case RECORD_STEP: put_step(f, r, t); return;
    case RECORD_SNAPSHOT: text_put(t, "control state written down"); return;
    case RECORD_RULES:
        text_put(t, "rules version ");
        text_put_int(t, r->rules.version);
        return;
    }
}
