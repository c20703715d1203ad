/* lead.c: claim, lease, heartbeat and the one record in flight. */
#include "core/lead.h"

#include "base/bug.h"

#include <assert.h>
#include <string.h>

/* A leader that gave its lead away, and that nobody took it from for so long, goes on. */
enum { BEATS_PER_LEASE = 4, RESENDS_PER_LEASE = 2, LEASES_GIVEN = 3 };

void lead_init(struct lead *l, uint64_t seed, struct logtime time, struct mono now)
{
    memset(l, 0, sizeof *l);
    l->rng = rng_init(seed);
    l->end_at = (struct mono){INT64_MIN / 2};
    l->heard = now;
    l->time = time;
    l->time_at = now;
    l->spoke = (struct mono){INT64_MIN / 2};
    l->drawn_for = -2;
}

void lead_drop_borrowed(struct lead *l)
{
    l->in_flight =
        l->in_flight && l->flight.kind != RECORD_DECIDE && l->flight.kind != RECORD_SNAPSHOT;
}

bool lead_is_mine(const struct replica_config *config, const struct control *c)
{
    return c->epoch > 0 && c->leader.replica == config->replica &&
           c->leader.incarnation == config->incarnation;
}

struct logtime lead_time(const struct lead *l, struct mono now)
{
    int64_t us = l->time.us + mono_diff_us(now, l->time_at);
    return (struct logtime){us < US_MAX ? us : US_MAX}; /* the greatest that a record can carry */
}

void lead_end(struct lead *l, struct mono now)
{
    l->at_end = true;
    l->lost = false;
    l->end_at = now;
}

void lead_lost(struct lead *l)
{
    l->at_end = false;
    l->lost = true;
}

/* --- Reading ------------------------------------------------------------------------------------
 */

static bool is_flight(const struct lead *l, const struct replica_config *config,
                      const struct record *r)
{
    return l->in_flight && r->writer.replica == config->replica &&
           r->writer.incarnation == config->incarnation &&
           r->writer.sequence == l->flight.writer.sequence;
}

static bool is_leader_kind(enum record_kind k)
{
    return k == RECORD_CLAIM || k == RECORD_HEARTBEAT || k == RECORD_DECIDE ||
           k == RECORD_SNAPSHOT || k == RECORD_RULES;
}

static bool within(struct mono earlier, struct mono now, int64_t us)
{
    return mono_diff_us(now, earlier) <= us;
}

/* A decision is in time when it can have stood in the log for two leases at most (we were at its
 * end then), and its leader was alive two leases before. Anything older may have been overtaken by
 * a world that we have not heard of. */
static bool in_time(const struct lead *l, const struct out *o)
{
    int64_t bound_us = 2 * out_lease_us(o);
    return within(l->end_at, o->now, bound_us) && within(l->heard, o->now, bound_us);
}

/* Our own decision, read back after two leases: the world may have changed since its evidence. A
 * new claim, naming our own newest record, makes the fold mark the plan as unconfirmed if nobody
 * acted. */
static bool came_late(const struct lead *l, const struct out *o, const struct record *r)
{
    return r->kind == RECORD_DECIDE && r->decide.change_count > 0 &&
           lead_is_mine(o->config, o->control) &&
           !(is_flight(l, o->config, r) && within(l->first_sent, o->now, 2 * out_lease_us(o)));
}

/* This epoch's leader is to be followed by another now. */
static bool is_given(const struct lead *l, const struct out *o)
{
    return l->given_epoch == o->control->epoch && o->control->epoch > 0 &&
           (!is_due(l->given_until, o->now) || BUG(GIVEN_FOR_EVER));
}

static void give(struct lead *l, const struct out *o, const struct subject *to)
{
    l->given_epoch = o->control->epoch;
    l->given_to = to->kind == SUBJECT_IDC ? to->a : FLEET_NONE;
    l->given_until = mono_add(o->now, LEASES_GIVEN * out_lease_us(o));
}

bool lead_folded(struct lead *l, struct out *o, const struct record *r, enum fold_void why)
{
    bool timely = false;
    if (why == FOLD_ACCEPTED && is_leader_kind(r->kind)) {
        timely = r->kind == RECORD_DECIDE && in_time(l, o);
        l->reclaim = (l->reclaim && r->kind != RECORD_CLAIM) || came_late(l, o, r);
        l->heard = o->now;
    }
    if (why == FOLD_ACCEPTED && r->kind == RECORD_OPERATOR &&
        r->operator.command == OPERATOR_TRANSFER) {
        give(l, o, &r->operator.subject);
    }
    if (is_flight(l, o->config, r) && why != FOLD_DUPLICATE) {
        l->in_flight = false;
    }
    l->at_end = false; /* EVENT_LOG_END says when this was the last one */
    struct logtime known = lead_time(l, o->now);
    if (o->control->log_time.us > known.us) {
        l->time = o->control->log_time;
        l->time_at = o->now;
    }
    return timely;
}

/* --- Writing ------------------------------------------------------------------------------------
 */

static bool send(struct lead *l, struct out *o)
{
    struct effect *e = out_effect(o, EFFECT_APPEND);
    if (e == NULL) {
        return false;
    }
    e->append = l->flight;
    l->last_sent = o->now;
    return true;
}

static bool launch(struct lead *l, struct out *o, const struct record *r)
{
    assert(!l->in_flight);
    struct record old = l->flight;
    l->flight = *r;
    if (!send(l, o)) {
        l->flight = old;
        return false;
    }
    l->in_flight = true;
    l->first_sent = l->spoke = o->now;
    return true;
}

/* What is in flight can still count, and is worth another try. */
static bool worth_resending(const struct lead *l, const struct out *o)
{
    const struct control *c = o->control;
    const struct record *r = &l->flight;
    if (!within(l->first_sent, o->now, 2 * out_lease_us(o))) {
        return false; /* whether it is in the log, the log will tell */
    }
    if (r->kind == RECORD_CLAIM) {
        return r->claim.ends_epoch == c->epoch &&
               (r->claim.names == c->leader_newest || c->leader_yields);
    }
    return lead_is_mine(o->config, c) && r->epoch == c->epoch;
}

static void resend(struct lead *l, struct out *o)
{
    int64_t pause_us = out_lease_us(o) / RESENDS_PER_LEASE;
    if (!worth_resending(l, o)) {
        l->in_flight = false;
        return;
    }
    if (is_due(mono_add(l->last_sent, pause_us), o->now)) {
        (void)send(l, o); /* full: out_effect() asked to be called again */
    }
    out_wake(o, mono_add(l->last_sent, pause_us));
    out_wake(o, mono_add(l->first_sent, 2 * out_lease_us(o) + 1));
}

static void claim(struct lead *l, struct out *o)
{
    struct record r = out_record(o, RECORD_CLAIM, lead_time(l, o->now));
    r.claim.ends_epoch = o->control->epoch;
    r.claim.names = o->control->leader_newest;
    r.epoch = o->control->epoch + 1;
    if (launch(l, o, &r)) {
        out_notice(o, NOTICE_CLAIMED, -1, OK, o->me);
    }
}

static bool yields(const struct lead *l, const struct out *o, const struct fitness *fit)
{
    return fit->must_yield || is_given(l, o);
}

static void beat(struct lead *l, struct out *o, const struct fitness *fit)
{
    struct record r = out_record(o, RECORD_HEARTBEAT, lead_time(l, o->now));
    r.heartbeat.control = *fit->control;
    r.heartbeat.yield = yields(l, o, fit);
    r.heartbeat.snapshot = o->control->snapshot;
    (void)launch(l, o, &r);
}

/* Every candidate runs newer rules than those in force, and so does this one. */
static bool raise_rules(struct lead *l, struct out *o)
{
    uint32_t common = fold_rules_common(o->control);
    uint32_t version = common < o->config->version ? common : o->config->version;
    if (version <= o->control->rules) {
        return false;
    }
    struct record r = out_record(o, RECORD_RULES, lead_time(l, o->now));
    r.rules.version = version;
    return launch(l, o, &r);
}

static void run_leader(struct lead *l, struct out *o, const struct fitness *fit)
{
    struct mono due = mono_add(l->spoke, out_lease_us(o) / BEATS_PER_LEASE);
    if (l->reclaim && !yields(l, o, fit)) {
        claim(l, o);
    } else if (!yields(l, o, fit) && raise_rules(l, o)) {
        return;
    } else if (is_due(due, o->now) || yields(l, o, fit) != o->control->leader_yields) {
        beat(l, o, fit);
    } else {
        out_wake(o, due);
    }
}

/* A lease of silence and a random delay, or only the delay when the leader yields, unless it yields
 * to another. The seed draws it, not the load: two candidates that were equally late must not stay
 * so. */
static void draw_claim(struct lead *l, const struct out *o)
{
    const struct control *c = o->control;
    int64_t lease_us = out_lease_us(o);
    bool open =
        c->leader_yields && (!is_given(l, o) || l->given_to == FLEET_NONE || l->given_to == o->me);
    uint64_t spread = (uint64_t)(open ? lease_us / BEATS_PER_LEASE : lease_us);
    struct mono from = open ? o->now : mono_add(l->heard, lease_us);
    from = mono_diff_us(from, o->now) > 0 ? from : o->now;
    l->claim_at = mono_add(from, (int64_t)rng_below(&l->rng, spread));
    l->drawn_for = c->leader_newest;
    l->drawn_for_yield = c->leader_yields;
}

static void run_candidate(struct lead *l, struct out *o, const struct fitness *fit)
{
    const struct control *c = o->control;
    if (!o->config->candidate || !c->fleet->idcs[o->me].candidate || fit->must_yield) {
        return;
    }
    if (l->drawn_for != c->leader_newest || l->drawn_for_yield != c->leader_yields) {
        draw_claim(l, o);
    }
    if (!is_due(l->claim_at, o->now)) {
        out_wake(o, l->claim_at);
        return;
    }
    l->drawn_for = -2; /* the next try has another delay */
    claim(l, o);
}

void lead_run(struct lead *l, struct out *o, const struct fitness *fit)
{
    if (!l->at_end || l->lost || o->me == FLEET_NONE) {
        return;
    }
    if (l->in_flight) {
        resend(l, o);
    }
    if (l->in_flight) {
        return;
    }
    if (lead_is_mine(o->config, o->control)) {
        run_leader(l, o, fit);
    } else if (!fit->halted) {
        run_candidate(l, o, fit);
    }
}

bool lead_may_decide(const struct lead *l, const struct out *o, const struct fitness *fit)
{
    return l->at_end && !l->lost && !l->in_flight && !l->reclaim && !fit->halted &&
           !yields(l, o, fit) && lead_is_mine(o->config, o->control) &&
           within(l->heard, o->now, out_lease_us(o));
}

bool lead_decide(struct lead *l, struct out *o, const struct decide *d)
{
    struct record r = out_record(o, RECORD_DECIDE, lead_time(l, o->now));
    r.decide = *d;
    return launch(l, o, &r);
}

bool lead_snapshot(struct lead *l, struct out *o, const struct bytes *control)
{
    struct record r = out_record(o, RECORD_SNAPSHOT, lead_time(l, o->now));
    r.snapshot.control = *control;
    return launch(l, o, &r);
}
