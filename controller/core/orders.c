/* orders.c: drains, demotions, pins and undos, as the planner, the rollout and the guards see them.
 */
#include "core/orders.h"

#include <string.h>

/* --- Drains and pins ----------------------------------------------------------------------------
 */

static bool is_pinned(const struct control *c, uint16_t e, uint16_t carrier)
{
    bool pinned = false;
    for (uint32_t i = 0; i < c->order_count; i++) {
        const struct order *at = &c->orders[i];
        pinned = pinned || (at->kind == ORDER_PIN && !at->ended &&
                            subject_covers(c->fleet, &at->subject, e, carrier));
    }
    return pinned;
}

/* A drain in force below the order `until` moves what is there. */
static bool is_drained(const struct control *c, uint16_t e, uint16_t carrier, uint32_t until)
{
    bool drained = false;
    for (uint32_t i = 0; i < c->order_count; i++) {
        const struct order *at = &c->orders[i];
        drained = drained || (at->id < until && order_moves(c->fleet, at, e, carrier));
    }
    return drained;
}

/* A drain is on it, which may name it or not (law 12). */
static bool is_covered(const struct control *c, uint16_t e, uint16_t carrier)
{
    bool covered = false;
    for (uint32_t i = 0; i < c->order_count; i++) {
        const struct order *at = &c->orders[i];
        covered = covered || (at->kind == ORDER_DRAIN && !at->ended &&
                              subject_covers(c->fleet, &at->subject, e, carrier));
    }
    return covered;
}

static void look_at_path(struct outlook *o, uint16_t e, uint16_t carrier)
{
    size_t n = path_index(o->f, e, carrier);
    size_t k = drain_index(o->f, o->f->entrances[e].service, carrier);
    bool moves = is_drained(o->c, e, carrier, UINT32_MAX);
    o->pinned[n] = is_pinned(o->c, e, carrier);
    o->drained[n] = !o->pinned[n] && is_drained(o->c, e, carrier, o->drains_until[k]);
    o->stays[n] = 0;
    if (moves && !o->drained[n]) {
        o->stays[n] = o->pinned[n] ? GUARD_PIN : o->drains_stopped[k];
    } else if (!moves && is_covered(o->c, e, carrier)) {
        o->stays[n] = GUARD_STATEFUL;
    }
    if (o->pinned[n]) {
        o->dead[n] = o->out[n] = o->usable[n] = o->settled[n] = false;
    }
}

static void look_at_service(struct outlook *o, uint16_t service, uint16_t carrier)
{
    for (uint16_t e = 0; e < o->f->entrance_count; e++) {
        if (o->f->entrances[e].service == service && entrance_over(&o->f->entrances[e], carrier)) {
            look_at_path(o, e, carrier);
        }
    }
}

/* Over the carrier something of the service is drained, and nothing is left that could take it. */
static bool leaves_nothing(const struct outlook *o, uint16_t service, uint16_t carrier)
{
    bool left = false, drained = false;
    for (uint16_t e = 0; e < o->f->entrance_count; e++) {
        size_t n = path_index(o->f, e, carrier);
        bool of = o->f->entrances[e].service == service;
        left = left || (of && o->usable[n] && !o->drained[n]);
        drained = drained || (of && o->drained[n]);
    }
    return drained && !left;
}

/* The newest drain that still does something to the service over the carrier; 0: none. */
static uint32_t newest_drain(const struct outlook *o, uint16_t service, uint16_t carrier)
{
    uint32_t newest = 0, until = o->drains_until[drain_index(o->f, service, carrier)];
    for (uint32_t i = 0; i < o->c->order_count; i++) {
        const struct order *at = &o->c->orders[i];
        for (uint16_t e = 0; e < o->f->entrance_count && at->id < until; e++) {
            bool moves = o->f->entrances[e].service == service &&
                         entrance_over(&o->f->entrances[e], carrier) &&
                         order_moves(o->f, at, e, carrier);
            newest = moves ? at->id : newest;
        }
    }
    return newest;
}

static void stop_drains(struct outlook *o, uint16_t service, uint16_t carrier, uint32_t from,
                        enum guard why)
{
    size_t k = drain_index(o->f, service, carrier);
    o->drains_until[k] = from;
    o->drains_stopped[k] = (uint8_t)why;
}

/* Somebody has to be left that can take what comes: the newest drain gives way. */
static void take_out(struct outlook *o, uint16_t service, uint16_t carrier)
{
    look_at_service(o, service, carrier);
    while (leaves_nothing(o, service, carrier)) {
        stop_drains(o, service, carrier, newest_drain(o, service, carrier), GUARD_LAST_IDC);
        look_at_service(o, service, carrier);
    }
    for (uint16_t e = 0; e < o->f->entrance_count; e++) {
        size_t n = path_index(o->f, e, carrier);
        if (o->f->entrances[e].service == service && o->drained[n]) {
            o->out[n] = true;
            o->usable[n] = o->settled[n] = false;
        }
    }
}

bool orders_refuse(struct outlook *o, uint16_t service, bool all)
{
    bool any = false;
    for (uint16_t c = 0; c < o->f->carrier_count; c++) {
        uint32_t newest = newest_drain(o, service, c);
        if (newest != 0) {
            stop_drains(o, service, c, all ? 0 : newest, GUARD_CAPACITY);
            any = true;
        }
    }
    return any;
}

void orders_look(struct outlook *o)
{
    memset(o->drained, 0, path_count(o->f) * sizeof *o->drained);
    memset(o->pinned, 0, path_count(o->f) * sizeof *o->pinned);
    memset(o->stays, 0, path_count(o->f) * sizeof *o->stays);
    if (o->c->order_count == 0) {
        return;
    }
    for (uint16_t s = 0; s < o->f->service_count; s++) {
        for (uint16_t c = 0; c < o->f->carrier_count; c++) {
            take_out(o, s, c);
        }
    }
}

/* --- What is due --------------------------------------------------------------------------------
 */

uint8_t orders_tier_cap(const struct control *c, uint16_t region, uint16_t service)
{
    uint8_t cap = FLEET_MAX_TIER;
    for (uint32_t i = 0; i < c->order_count; i++) {
        const struct order *at = &c->orders[i];
        if (at->kind == ORDER_DEMOTE && !at->ended && at->subject.a == region &&
            at->subject.b == service) {
            uint8_t limit = order_tier_limit(c->fleet, at);
            cap = limit < cap ? limit : cap;
        }
    }
    return cap;
}

/* A slot is where a drain takes it away. */
static bool any_to_move(const struct outlook *o)
{
    for (uint32_t i = 0; i < (uint32_t)o->f->service_count * o->f->view_count; i++) {
        const struct answer *a = &o->c->plan.answers[i];
        uint16_t carrier = o->f->views[i % o->f->view_count].carrier;
        for (uint8_t n = 0; n < a->count; n++) {
            uint16_t e = a->slots[n].entrance;
            if (e != FLEET_NONE && o->drained[path_index(o->f, e, carrier)]) {
                return true;
            }
        }
    }
    return false;
}

static bool any_above_cap(const struct outlook *o)
{
    for (uint16_t r = 0; r < o->f->region_count; r++) {
        for (uint16_t s = 0; s < o->f->service_count; s++) {
            if (*plan_tier_limit(&o->c->plan, r, s) > orders_tier_cap(o->c, r, s)) {
                return true;
            }
        }
    }
    return false;
}

bool orders_due(const struct outlook *o)
{
    return o->c->order_count > 0 && (orders_ended(o) != 0 || any_to_move(o) || any_above_cap(o));
}

bool orders_new_fleet(const struct control *c)
{
    bool any = false;
    for (uint32_t i = 0; i < c->order_count; i++) {
        any = any || c->orders[i].kind == ORDER_FLEET;
    }
    return any;
}

uint32_t orders_ended(const struct outlook *o)
{
    for (uint32_t i = 0; i < o->c->order_count; i++) {
        if (o->c->orders[i].ended) {
            return o->c->orders[i].id;
        }
    }
    return 0;
}

uint32_t orders_newest(const struct outlook *o)
{
    uint32_t id = 0;
    for (uint32_t i = 0; i < o->c->order_count; i++) {
        const struct order *at = &o->c->orders[i];
        bool moves = at->kind == ORDER_DRAIN || at->kind == ORDER_DEMOTE;
        id = moves && !at->ended ? at->id : id;
    }
    return id;
}

/* --- The target of the rollout ------------------------------------------------------------------
 */

static bool any_pinned(const struct outlook *o, const struct answer *a, uint16_t carrier)
{
    bool any = false;
    for (uint8_t n = 0; n < a->count; n++) {
        uint16_t e = a->slots[n].entrance;
        any = any || (e != FLEET_NONE && o->pinned[path_index(o->f, e, carrier)]);
    }
    return any;
}

void orders_target(const struct outlook *o, struct plan *home)
{
    for (uint16_t s = 0; s < o->f->service_count; s++) {
        for (uint16_t v = 0; v < o->f->view_count; v++) {
            const struct answer *now = plan_answer(&o->c->plan, s, v);
            struct answer *to = plan_answer(home, s, v);
            uint16_t carrier = o->f->views[v].carrier;
            if (o->f->services[s].stateful || any_pinned(o, now, carrier) ||
                any_pinned(o, to, carrier)) {
                *to = *now;
            }
        }
    }
}

void orders_target_end(const struct outlook *o, struct plan *target)
{
    for (uint32_t i = 0; i < o->c->fixed_count; i++) {
        struct change value = plan_value(&o->c->plan, &o->c->fixed[i].change);
        plan_put(target, &value);
    }
    for (uint16_t r = 0; r < o->f->region_count && o->c->order_count > 0; r++) {
        for (uint16_t s = 0; s < o->f->service_count; s++) {
            uint8_t cap = orders_tier_cap(o->c, r, s), *limit = plan_tier_limit(target, r, s);
            *limit = *limit > cap ? cap : *limit;
        }
    }
}

bool orders_overload(const struct outlook *o, const struct plan *target, uint16_t service,
                     struct load *load)
{
    bool drained = false, over = false;
    load_compute(o->f, target, service, load);
    for (uint16_t e = 0; e < o->f->entrance_count; e++) {
        if (o->f->entrances[e].service != service) {
            continue;
        }
        for (uint16_t c = 0; c < o->f->carrier_count; c++) {
            drained = drained || o->drained[path_index(o->f, e, c)];
        }
        over = over || (!entrance_out(o, e) && !load_fits(o->f, load, e, 0, 0));
    }
    return drained && over;
}

/* --- Undo ---------------------------------------------------------------------------------------
 */

/* The plan has the value that is to be kept. */
static bool stands(const struct plan *p, const struct change *ch)
{
    struct change back = *ch;
    changes_invert(&back, 1);
    return plan_has(p, &back);
}

uint32_t orders_undo(const struct outlook *o, uint32_t after, struct plan *to)
{
    uint32_t id = 0;
    for (uint32_t i = 0; i < o->c->fixed_count; i++) {
        const struct fixed *x = &o->c->fixed[i];
        bool older = x->order > after && (id == 0 || x->order < id);
        id = older && !stands(&o->c->plan, &x->change) ? x->order : id;
    }
    for (uint32_t i = 0; i < o->c->fixed_count && id != 0; i++) {
        if (o->c->fixed[i].order == id) {
            plan_put(to, &o->c->fixed[i].change);
        }
    }
    return id;
}

bool orders_keep(const struct outlook *o, uint32_t i, struct plan *to)
{
    struct change value = plan_value(&o->c->plan, &o->c->fixed[i].change);
    if (plan_has(to, &value)) {
        return false;
    }
    plan_put(to, &value);
    return true;
}
