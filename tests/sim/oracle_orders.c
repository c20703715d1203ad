/* oracle_orders.c: the machine keeps people's words: watched by each decision's changes and the
 * orders that stood before it, without the core's own idea of either. */
#include "sim.h"

#include <stdio.h>

/* Slots of the answer on what the subject covers, for this view. */
static unsigned slots_on(const struct sim *s, const struct subject *subject, const struct answer *a,
                         uint16_t view)
{
    unsigned n = 0;
    for (uint8_t i = 0; i < a->count; i++) {
        uint16_t e = a->slots[i].entrance;
        n += e != FLEET_NONE && subject_covers(s->fleet, subject, e, s->fleet->views[view].carrier)
                 ? 1
                 : 0;
    }
    return n;
}

static bool in_force(const struct order *o, enum order_kind kind)
{
    return o->kind == kind && !o->ended;
}

/* The decision says that drains of the service are not carried out: nothing else could serve, or
 * others would be overloaded. */
static bool says_drain_is_void(const struct decide *d, uint16_t service)
{
    bool told = false;
    for (uint32_t i = 0; i < d->guard_count; i++) {
        const struct guard_result *g = &d->guards[i];
        bool about = g->subject.kind == SUBJECT_SERVICE && g->subject.a == service;
        told = told ||
               (!g->passed && about && (g->guard == GUARD_LAST_IDC || g->guard == GUARD_CAPACITY));
    }
    return told;
}

/* A share that a person pinned neither leaves nor comes; to what is drained nothing comes by a
 * planned move. */
static const char *answer_breaks(const struct sim *s, const struct decide *d,
                                 const struct change *ch, const struct order *o)
{
    unsigned from = slots_on(s, &o->subject, &ch->answer.from, ch->b);
    unsigned to = slots_on(s, &o->subject, &ch->answer.to, ch->b);
    bool planned = d->purpose == DECIDE_SHIFT || d->purpose == DECIDE_RESTORE;
    if (in_force(o, ORDER_PIN) && from != to) {
        return "moves a pinned share";
    }
    if (in_force(o, ORDER_DRAIN) && planned && to > from && !s->fleet->services[ch->a].stateful &&
        !says_drain_is_void(d, ch->a)) {
        return "gives a share to what is drained";
    }
    return NULL;
}

static const char *tier_breaks(const struct change *ch, const struct order *o)
{
    bool about = in_force(o, ORDER_DEMOTE) && o->subject.a == ch->a && o->subject.b == ch->b;
    return about && ch->tier.to > ch->tier.from && ch->tier.to >= o->tier
               ? "brings back what a person demoted"
               : NULL;
}

/* What was undone is not done again: but features may have to go for capacity. */
static const char *undo_breaks(const struct sim *s, const struct decide *d, const struct change *ch)
{
    const struct fixed *x = NULL;
    for (uint32_t i = 0; i < s->reference.fixed_count && x == NULL; i++) {
        const struct change *at = &s->reference.fixed[i].change;
        if (at->kind == ch->kind && at->a == ch->a && at->b == ch->b) {
            x = &s->reference.fixed[i];
        }
    }
    bool sheds = ch->kind == CHANGE_TIER && ch->tier.to < ch->tier.from &&
                 (d->purpose == DECIDE_RESCUE || d->purpose == DECIDE_SHED);
    bool own = x != NULL && d->purpose == DECIDE_REVERT && d->order == x->order;
    return x != NULL && !own && !sheds ? "changes what a person had undone" : NULL;
}

const char *oracle_orders(const struct sim *s, const struct decide *d)
{
    const struct control *before = &s->reference;
    const char *broken = NULL;
    for (uint32_t n = 0; n < d->change_count && broken == NULL; n++) {
        const struct change *ch = &d->changes[n];
        broken = undo_breaks(s, d, ch);
        for (uint32_t i = 0; i < before->order_count && broken == NULL; i++) {
            const struct order *o = &before->orders[i];
            bool person = d->purpose == DECIDE_REVERT && d->order != 0;
            if (o->kind == ORDER_FREEZE && !person) {
                broken = "changes a frozen plan";
            } else if (ch->kind == CHANGE_ANSWER) {
                broken = answer_breaks(s, d, ch, o);
            } else if (ch->kind == CHANGE_TIER) {
                broken = tier_breaks(ch, o);
            }
        }
    }
    return broken;
}

/* A drained IDC is empty of what may move, in the plan and at every DNS server. */
bool oracle_emptied(const struct sim *s, uint16_t idc)
{
    const struct subject subject = {SUBJECT_IDC, idc, 0};
    for (uint32_t i = 0; i < (uint32_t)s->fleet->service_count * s->fleet->view_count; i++) {
        uint16_t view = (uint16_t)(i % s->fleet->view_count);
        bool moves = !s->fleet->services[i / s->fleet->view_count].stateful;
        bool left = slots_on(s, &subject, &s->reference.plan.answers[i], view) > 0;
        for (uint16_t k = 0; k < s->fleet->dns_server_count; k++) {
            left = left || slots_on(s, &subject, &s->servers[k].answers[i], view) > 0;
        }
        if (moves && left) {
            return false;
        }
    }
    return true;
}
