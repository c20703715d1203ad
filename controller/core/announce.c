/* announce.c: announcements of anycast services follow their entrances. */
#include "core/announce.h"

#include "base/bug.h"

/* A service at an IDC, over all the paths that lead to it. */
struct spot {
    bool any;     /* it has a path */
    bool dead;    /* all of them are */
    bool out;     /* all of them are */
    bool usable;  /* one of them is */
    bool settled; /* one of them is */
    bool good;    /* one of them is */
    bool drained; /* one of them is */
    bool pinned;  /* one of them is */
};

static void add_path(const struct outlook *o, size_t n, struct spot *s)
{
    s->dead = (!s->any || s->dead) && o->dead[n];
    s->out = (!s->any || s->out) && o->out[n];
    s->any = true;
    s->usable = s->usable || o->usable[n];
    s->settled = s->settled || o->settled[n];
    s->good = s->good || o->good[n];
    s->drained = s->drained || o->drained[n];
    s->pinned = s->pinned || o->pinned[n];
}

static struct spot look(const struct outlook *o, uint16_t service, uint16_t idc)
{
    struct spot s = {0};
    for (uint16_t e = 0; e < o->f->entrance_count; e++) {
        const struct entrance *at = &o->f->entrances[e];
        for (uint16_t c = 0; at->service == service && at->idc == idc && c < o->f->carrier_count;
             c++) {
            if (entrance_over(at, c)) {
                add_path(o, path_index(o->f, e, c), &s);
            }
        }
    }
    return s;
}

static bool is_anycast(const struct outlook *o, uint16_t service)
{
    return o->f->services[service].anycast_count > 0;
}

/* Law 12: what a person drains is all that moves of a stateful service. */
static bool may_leave(const struct outlook *o, uint16_t service)
{
    return !o->f->services[service].stateful || BUG(STATEFUL);
}

/* Somebody beside the IDC announces it in the plan and is seen good. */
static bool other_announces(const struct outlook *o, const struct plan *p, uint16_t service,
                            uint16_t idc)
{
    bool any = false;
    for (uint16_t x = 0; x < o->f->idc_count && !any; x++) {
        any = x != idc && *plan_announced(p, service, x) == 1 && look(o, service, x).usable;
    }
    return any;
}

/* Nobody good announces the service: everyone who is good does from now on. */
static void call_in(const struct outlook *o, struct plan *to, uint16_t service)
{
    for (uint16_t x = 0; x < o->f->idc_count; x++) {
        struct spot s = look(o, service, x);
        if (s.usable && !s.pinned && fleet_announces(o->f, service, x)) {
            *plan_announced(to, service, x) = 1;
        }
    }
}

static void rescue(const struct outlook *o, struct plan *to, uint16_t service)
{
    for (uint16_t x = 0; x < o->f->idc_count; x++) {
        if (*plan_announced(to, service, x) == 0 || !look(o, service, x).dead) {
            continue;
        }
        if (!other_announces(o, to, service, x)) {
            call_in(o, to, service);
        }
        if (other_announces(o, to, service, x) || BUG(NEVER_LAST)) {
            *plan_announced(to, service, x) = 0;
        }
    }
}

void announce_rescue(const struct outlook *o, struct plan *to)
{
    for (uint16_t s = 0; s < o->f->service_count; s++) {
        if (is_anycast(o, s) && may_leave(o, s)) {
            rescue(o, to, s);
        }
    }
}

void announce_target(const struct outlook *o, struct plan *target)
{
    for (uint16_t s = 0; s < o->f->service_count; s++) {
        bool any = false;
        for (uint16_t x = 0; is_anycast(o, s) && x < o->f->idc_count; x++) {
            struct spot at = look(o, s, x);
            uint8_t *to = plan_announced(target, s, x);
            if (at.pinned || (at.out && !at.drained && !may_leave(o, s))) {
                *to = *plan_announced(&o->c->plan, s, x);
            } else if (at.out) {
                *to = 0;
            }
            any = any || *to == 1;
        }
        for (uint16_t x = 0; !any && x < o->f->idc_count; x++) {
            *plan_announced(target, s, x) = *plan_announced(&o->c->plan, s, x);
        }
    }
}

/* One step of one service; true when there was one. */
static bool step(const struct outlook *o, const struct plan *target, bool away, uint16_t service,
                 struct plan *to, uint32_t *blocked)
{
    for (uint16_t x = 0; x < o->f->idc_count; x++) {
        uint8_t wanted = *plan_announced(target, service, x);
        uint8_t *bit = plan_announced(to, service, x);
        if (*bit == wanted || (wanted == 0) != away) {
            continue;
        }
        struct spot at = look(o, service, x);
        bool may = away ? at.drained && other_announces(o, to, service, x) : at.settled;
        if (may) {
            *bit = wanted;
            return true;
        }
        *blocked += away ? 0 : 1;
    }
    return false;
}

uint32_t announce_step(const struct outlook *o, const struct plan *target, bool away,
                       struct plan *to, uint32_t *blocked)
{
    uint32_t moved = 0;
    for (uint16_t s = 0; s < o->f->service_count; s++) {
        moved += is_anycast(o, s) && step(o, target, away, s, to, blocked) ? 1 : 0;
    }
    return moved;
}

bool announce_due(const struct outlook *o)
{
    for (uint16_t s = 0; s < o->f->service_count; s++) {
        for (uint16_t x = 0; is_anycast(o, s) && x < o->f->idc_count; x++) {
            struct spot at = look(o, s, x);
            if (*plan_announced(&o->c->plan, s, x) == 1 && at.out && at.drained) {
                return true;
            }
        }
    }
    return false;
}

uint32_t announce_moves(const struct plan *a, const struct plan *b)
{
    uint32_t n = 0;
    for (size_t i = 0; i < (size_t)a->service_count * a->idc_count; i++) {
        n += a->announced[i] != b->announced[i] ? 1 : 0;
    }
    return n;
}

/* --- Guards -------------------------------------------------------------------------------------
 */

static unsigned forbids_withdrawal(const struct outlook *o, enum decide_purpose purpose,
                                   const struct plan *to, uint16_t service, uint16_t idc)
{
    struct spot at = look(o, service, idc);
    bool reverts = purpose == DECIDE_REVERT; /* a person named the decision */
    bool named = reverts || (purpose == DECIDE_SHIFT && at.out && at.drained);
    if (!may_leave(o, service) && !named) {
        return GUARD_STATEFUL;
    }
    if (at.pinned) {
        return GUARD_PIN;
    }
    if (!other_announces(o, to, service, idc) && !BUG(NEVER_LAST)) {
        return GUARD_LAST_IDC;
    }
    return named || (purpose == DECIDE_RESCUE && at.dead) ? 0 : GUARD_QUORUM;
}

static unsigned forbids_announcement(const struct outlook *o, enum decide_purpose purpose,
                                     uint16_t service, uint16_t idc)
{
    struct spot at = look(o, service, idc);
    bool reverts = purpose == DECIDE_REVERT;
    if (at.pinned || (reverts && at.drained)) {
        return GUARD_PIN;
    }
    bool ready = purpose == DECIDE_RESCUE ? at.usable : reverts ? at.good : at.settled;
    return ready ? 0 : GUARD_RESTORE;
}

unsigned announce_forbids(const struct outlook *o, enum decide_purpose purpose,
                          const struct plan *to, uint16_t service, uint16_t idc)
{
    uint8_t now = *plan_announced(&o->c->plan, service, idc);
    uint8_t then = *plan_announced(to, service, idc);
    if (now == then) {
        return 0;
    }
    if (purpose == DECIDE_RESCUE &&
        logtime_diff_us(o->now, o->c->epoch_began) < o->f->policy.cold_start_us) {
        return GUARD_COLD_START;
    }
    return then == 0 ? forbids_withdrawal(o, purpose, to, service, idc)
                     : forbids_announcement(o, purpose, service, idc);
}

unsigned announce_stays(const struct outlook *o, const struct plan *to, uint16_t service,
                        uint16_t idc)
{
    struct spot at = look(o, service, idc);
    if (*plan_announced(to, service, idc) == 0 || !at.out) {
        return 0;
    }
    if (!may_leave(o, service)) {
        return GUARD_STATEFUL;
    }
    return at.dead && !other_announces(o, to, service, idc) ? GUARD_LAST_IDC : 0;
}
