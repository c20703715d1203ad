/* fold_decide.c: what an accepted DECIDE does to plan and incidents, all of it or nothing. */
#include "fold/fold_internal.h"

#include <string.h>

/* The open incidents after a decision, made beside the old ones. */
struct incident_list {
    const struct fleet *fleet;
    uint32_t next, count;
    struct incident at[INCIDENT_MAX];
};

static struct incident *find(struct incident_list *l, uint32_t id)
{
    for (uint32_t i = 0; i < l->count; i++) {
        if (l->at[i].id == id) {
            return &l->at[i];
        }
    }
    return NULL;
}

static void leave(struct incident_list *l, struct incident *n)
{
    size_t after = (size_t)(&l->at[l->count] - (n + 1));
    memmove(n, n + 1, after * sizeof *n);
    l->count--;
}

static int open_incident(struct incident_list *l, const struct incident *new, struct logtime now,
                         uint64_t offset)
{
    if (new->id != l->next || l->count == INCIDENT_MAX || new->approved ||
        !incident_may_go(INCIDENT_NONE, new->state) || !incident_fits(l->fleet, new)) {
        return ERR_INVARIANT;
    }
    struct incident *n = &l->at[l->count++];
    *n = *new;
    n->opened = n->changed = now;
    n->opened_offset = n->changed_offset = offset;
    l->next++;
    return OK;
}

/* An approval comes from an OPERATOR only; a decision may use it up and not invent it. */
static int change_incident(struct incident_list *l, const struct incident *new, struct logtime now,
                           uint64_t offset)
{
    struct incident *n = find(l, new->id);
    if (n == NULL) {
        return open_incident(l, new, now, offset);
    }
    bool moves = n->state != new->state;
    bool same = subject_equal(&new->subject, &n->subject) && new->kind == n->kind;
    if (!same || (moves && !incident_may_go(n->state, new->state)) ||
        (new->approved && !n->approved)) {
        return ERR_INVARIANT;
    }
    struct incident old = *n;
    *n = *new;
    n->opened = old.opened;
    n->opened_offset = old.opened_offset;
    n->changed = moves ? now : old.changed;
    n->changed_offset = offset;
    if (n->state == INCIDENT_CLOSED) {
        leave(l, n);
    }
    return OK;
}

static int change_incidents(struct incident_list *l, const struct decide *d, struct logtime now,
                            int64_t offset)
{
    int status = OK;
    for (uint32_t i = 0; i < d->incident_count && status == OK; i++) {
        status = change_incident(l, &d->incidents[i], now, (uint64_t)offset);
    }
    return status;
}

/* Law 5 between two plans: no destination loses its last next hop. */
static bool last_hop_lost(const struct plan *from, const struct plan *to)
{
    for (uint32_t i = 0; i < (uint32_t)from->idc_count * from->idc_count; i++) {
        if (from->hops[i].count > 0 && to->hops[i].count == 0) {
            return true;
        }
    }
    return false;
}

/* Makes the next plan in c->previous, which is no part of the state. */
static int next_plan(struct control *c, const struct decide *d)
{
    struct plan *next = &c->previous;
    plan_copy(next, &c->plan);
    int status = plan_apply(next, d->changes, d->change_count);
    if (status != OK) {
        return status;
    }
    next->fence.generation++;
    next->fence.digest = plan_digest(next);
    if (d->generation != next->fence.generation ||
        digest_compare(&d->plan_digest, &next->fence.digest) != 0 ||
        plan_broken(c->fleet, next) != NULL || last_hop_lost(&c->plan, next)) {
        return ERR_INVARIANT;
    }
    return OK;
}

static bool same_plan(const struct control *c, const struct decide *d)
{
    return d->generation == c->plan.fence.generation &&
           digest_compare(&d->plan_digest, &c->plan.fence.digest) == 0;
}

/* A REVERT for a person undoes the decision that the order names, and nothing but that order's
 * values. */
static bool carries_out_undo(const struct control *c, const struct decide *d)
{
    const struct order *o = control_order(c, d->order);
    bool only = o != NULL && o->kind == ORDER_UNDO && !o->ended && o->decision == d->concerns;
    for (uint32_t i = 0; i < d->change_count && only; i++) {
        const struct fixed *x = control_fixed(c, &d->changes[i]);
        only = x != NULL && x->order == d->order;
    }
    return only;
}

/* CONFIRM and REVERT speak of the plan that waits for it, or of the newest; or a REVERT of an
 * order. */
static bool concerns_known(const struct control *c, const struct decide *d)
{
    if (d->purpose == DECIDE_REVERT && d->order != 0) {
        return carries_out_undo(c, d);
    }
    bool names = d->purpose == DECIDE_CONFIRM || d->purpose == DECIDE_REVERT;
    return !names || d->concerns == (uint64_t)c->plan_offset;
}

/* A frozen plan is changed by a person's word only. */
static bool breaks_freeze(const struct control *c, const struct decide *d)
{
    bool by_person = d->purpose == DECIDE_REVERT && d->order != 0;
    return d->change_count > 0 && !by_person && control_frozen(c);
}

/* A note that names an order says that what the order had moved is home. */
static bool closes_order(const struct decide *d)
{
    return d->purpose == DECIDE_NOTE && d->order != 0;
}

static bool closes_open_order(const struct control *c, const struct decide *d)
{
    const struct order *o = control_order(c, d->order);
    return !closes_order(d) || (o != NULL && o->ended);
}

static bool moves_answers(const struct decide *d)
{
    bool any = false;
    for (uint32_t i = 0; i < d->change_count; i++) {
        any = any || d->changes[i].kind == CHANGE_ANSWER;
    }
    return any;
}

static uint32_t slots_at(const struct control *c, const struct answer *a, uint16_t idc)
{
    uint32_t n = 0;
    for (uint8_t i = 0; i < a->count; i++) {
        uint16_t e = a->slots[i].entrance;
        n += e != FLEET_NONE && c->fleet->entrances[e].idc == idc;
    }
    return n;
}

/* Remembers from where a rescue, or one that is in force again, took slots. */
static void note_rescued(struct control *c, const struct decide *d)
{
    bool rescues = d->purpose == DECIDE_RESCUE || d->purpose == DECIDE_REVERT;
    for (uint32_t i = 0; i < d->change_count; i++) {
        const struct change *ch = &d->changes[i];
        for (uint16_t x = 0; x < c->fleet->idc_count && ch->kind == CHANGE_ANSWER; x++) {
            uint32_t bit = UINT32_C(1) << c->fleet->views[ch->b].carrier;
            uint32_t from = slots_at(c, &ch->answer.from, x), to = slots_at(c, &ch->answer.to, x);
            c->rescued[x] |= rescues && to < from ? bit : 0;
            c->rescued[x] &= to > from ? ~bit : UINT32_MAX;
        }
    }
}

int fold_decide(struct control *c, const struct record *r, int64_t offset)
{
    const struct decide *d = &r->decide;
    struct logtime now = r->log_time.us > c->log_time.us ? r->log_time : c->log_time;
    struct incident_list l = {
        .fleet = c->fleet, .next = c->next_incident, .count = c->incident_count};
    memcpy(l.at, c->incidents, sizeof l.at);
    if (!concerns_known(c, d) || breaks_freeze(c, d) || !closes_open_order(c, d) ||
        !drill_move_fits(&c->drill, &d->drill) || !demands_fit(c, d)) {
        return ERR_INVARIANT;
    }
    int status = change_incidents(&l, d, now, offset);
    if (status != OK) {
        return status;
    }
    if (d->change_count > 0) {
        status = next_plan(c, d);
        if (status != OK) {
            c->previous.fence.generation = 0; /* half made: what was replaced is not known now */
            return status;
        }
        struct plan old = c->plan;
        c->plan = c->previous;
        c->previous = old;
        c->plan_offset = offset;
        c->plan_purpose = d->purpose;
    } else if (!same_plan(c, d)) {
        return ERR_INVARIANT;
    }
    if (d->change_count > 0 || d->purpose == DECIDE_CONFIRM) {
        c->unconfirmed = -1;
    }
    if (d->purpose == DECIDE_SHIFT || d->purpose == DECIDE_RESTORE ||
        d->purpose == DECIDE_PROMOTE) {
        c->last_restore = now;
    }
    if (moves_answers(d)) {
        c->answers_moved = now;
        note_rescued(c, d);
    }
    demands_apply(c, d, now);
    if (closes_order(d)) {
        order_home(c, d->order);
    }
    c->next_incident = l.next;
    c->incident_count = l.count;
    memcpy(c->incidents, l.at, sizeof c->incidents);
    drill_move(c, &d->drill, now, offset); /* it may approve incidents and give or end orders */
    c->newest_decide = offset;
    c->decisive = offset;
    return OK;
}
