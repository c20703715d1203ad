/* demand.c: sums up what the services measured, and filters it slowly into the demand in force. */
#include "core/demand.h"

#include "core/witness.h"

#include <string.h>

enum {
    WHOLE_PPM = 1000000,
    FALL_PART = 4,   /* of the distance, in one step down */
    CHANCE_SIGMA = 3 /* what counted requests differ by chance alone, in standard deviations */
};

size_t demand_arena_size(const struct fleet *f)
{
    return sizeof(uint64_t) * f->idc_count + sizeof(struct demand_word) * record_max_demands(f) +
           (size_t)2 * 16;
}

int demand_new(const struct fleet *f, struct arena *a, struct demand_room *ret_room)
{
    struct demand_room room = {.planned_mrps = ARENA_NEW(a, uint64_t, f->idc_count),
                               .words = ARENA_NEW(a, struct demand_word, record_max_demands(f))};
    if (room.planned_mrps == NULL || room.words == NULL) {
        return ERR_FULL;
    }
    *ret_room = room;
    return OK;
}

/* --- Measured -----------------------------------------------------------------------------------
 */

static uint64_t add(uint64_t a, uint64_t b)
{
    uint64_t sum;
    return __builtin_add_overflow(a, b, &sum) ? UINT64_MAX : sum;
}

/* a * b / c; where the product is too large, b and c lose low bits alike. */
static uint64_t scale(uint64_t a, uint64_t b, uint64_t c)
{
    uint64_t product;
    while (__builtin_mul_overflow(a, b, &product)) {
        b >>= 1;
        c = c > 1 ? c >> 1 : 1;
    }
    return product / c;
}

/* Requests of one slot's share of the view. */
static uint64_t slot_mrps(const struct outlook *o, uint16_t s, uint16_t v)
{
    uint64_t rps = demand_in_force(o->f, o->c->demand, s, v);
    return scale(rps, 1000, plan_answer(&o->c->plan, s, v)->count);
}

static const struct told *told_at(const struct outlook *o, uint16_t s, uint16_t idc)
{
    return &o->d->witness->told[(size_t)s * o->f->idc_count + idc];
}

static void plan_requests(const struct outlook *o, uint16_t s, uint64_t *planned_mrps)
{
    memset(planned_mrps, 0, o->f->idc_count * sizeof *planned_mrps);
    for (uint16_t v = 0; v < o->f->view_count; v++) {
        const struct answer *a = plan_answer(&o->c->plan, s, v);
        uint64_t each = a->count > 0 ? slot_mrps(o, s, v) : 0;
        for (uint8_t i = 0; i < a->count; i++) {
            uint16_t e = a->slots[i].entrance;
            if (e != FLEET_NONE) {
                uint64_t *at = &planned_mrps[o->f->entrances[e].idc];
                *at = add(*at, each);
            }
        }
    }
}

/* How the holders of a view's slots tell of it. */
enum telling { TELL_NOTHING, TELL_REQUESTS, TELL_VIEWS };

static enum telling holders_tell(const struct outlook *o, uint16_t s, uint16_t v)
{
    const struct answer *a = plan_answer(&o->c->plan, s, v);
    enum telling tell = a->count > 0 ? TELL_VIEWS : TELL_NOTHING;
    for (uint8_t i = 0; i < a->count && tell != TELL_NOTHING; i++) {
        uint16_t e = a->slots[i].entrance;
        const struct told *t = e == FLEET_NONE ? NULL : told_at(o, s, o->f->entrances[e].idc);
        if (t == NULL || !t->known) {
            tell = TELL_NOTHING;
        } else if (!t->views[v].valid) {
            tell = TELL_REQUESTS;
        }
    }
    return tell;
}

/* The view's own requests, wherever they arrive. */
static uint64_t sum_of_view(const struct outlook *o, uint16_t s, uint16_t v)
{
    uint64_t sum = 0;
    for (uint16_t x = 0; x < o->f->idc_count; x++) {
        const struct told *t = told_at(o, s, x);
        sum = t->known && t->views[v].valid ? add(sum, t->views[v].mrps) : sum;
    }
    return sum;
}

/* Where an IDC tells its requests as a whole, its views share what it has more or less than planned
 * alike. */
static uint64_t share_of_requests(const struct outlook *o, const uint64_t *planned_mrps, uint16_t s,
                                  uint16_t v)
{
    const struct answer *a = plan_answer(&o->c->plan, s, v);
    uint64_t each = slot_mrps(o, s, v), sum = 0;
    for (uint8_t i = 0; i < a->count; i++) {
        uint16_t x = o->f->entrances[a->slots[i].entrance].idc;
        uint64_t requests = told_at(o, s, x)->sample.requests_mrps;
        sum = planned_mrps[x] > 0 ? add(sum, scale(each, requests, planned_mrps[x])) : sum;
    }
    return sum;
}

/* --- Believed -----------------------------------------------------------------------------------
 */

/* One demand and what is measured of it. */
struct question {
    uint64_t declared_rps, force_rps;
    uint64_t seen_rps;  /* within the span, or the declared value when that is near */
    int64_t settled_us; /* since then users have had time to follow the plan */
};

/* So near that nothing is said: within the band, or within what chance makes of so many requests
 * counted in a second. */
static bool near(const struct policy *p, uint64_t of, uint64_t value)
{
    uint64_t apart = of > value ? of - value : value - of;
    uint64_t square;
    return apart <= scale(of, p->demand_band_ppm, WHOLE_PPM) ||
           (!__builtin_mul_overflow(apart, apart, &square) &&
            square <= (uint64_t)CHANCE_SIGMA * CHANCE_SIGMA * of);
}

static bool at_rest(const struct policy *p, const struct question *q)
{
    bool declared = q->seen_rps == q->declared_rps;
    return declared ? q->force_rps == q->seen_rps : near(p, q->force_rps, q->seen_rps);
}

static uint64_t lesser(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

static uint64_t greater(uint64_t a, uint64_t b)
{
    return a > b ? a : b;
}

/* What has held since it was noted, of which a rise believes all and a fall a part. */
static uint64_t believe(const struct policy *p, const struct question *q, uint64_t noted_rps)
{
    if (q->seen_rps > q->force_rps) {
        return lesser(q->seen_rps, noted_rps);
    }
    uint64_t held = greater(q->seen_rps, noted_rps);
    uint64_t step = (q->force_rps - held + FALL_PART - 1) / FALL_PART;
    uint64_t next = q->force_rps - step;
    return near(p, next, held) ? held : next;
}

/* What to say of one demand now; false: nothing. */
static bool answer(const struct outlook *o, const struct demand *d, const struct question *q,
                   struct demand_word *ret_word, int64_t *ret_next_us)
{
    const struct policy *p = &o->f->policy;
    bool rises = q->seen_rps > q->force_rps;
    bool noted = d->seen_rps != 0, same_side = noted && (d->seen_rps > q->force_rps) == rises;
    if (at_rest(p, q)) {
        ret_word->rps = d->rps;
        ret_word->seen_rps = 0;
        return noted;
    }
    if (!same_side) {
        ret_word->rps = d->rps;
        ret_word->seen_rps = q->seen_rps;
        return true;
    }
    int64_t since_us = rises || d->since.us > q->settled_us ? d->since.us : q->settled_us;
    int64_t left_us = since_us + (rises ? p->confirmation_us : p->demand_fall_us) - o->now.us;
    if (left_us > 0) {
        *ret_next_us = left_us < *ret_next_us ? left_us : *ret_next_us;
        return false;
    }
    struct question after = *q;
    after.force_rps = believe(p, q, d->seen_rps);
    ret_word->rps = after.force_rps == q->declared_rps ? 0 : after.force_rps;
    ret_word->seen_rps = at_rest(p, &after) ? 0 : q->seen_rps;
    return true;
}

/* When users had time to follow the last move: the customer's geo layer and our answers are cached
 * so long. */
static int64_t settled_us(const struct outlook *o, uint16_t s)
{
    int64_t cached_s = (int64_t)o->f->geo_ttl_s + o->f->services[s].ttl_s;
    return o->c->answers_moved.us == 0 ? 0 : o->c->answers_moved.us + cached_s * US_PER_SEC;
}

/* False: nothing is known of it now. */
static bool ask(const struct outlook *o, const uint64_t *planned_mrps, uint16_t s, uint16_t v,
                struct question *ret_q)
{
    struct question q = {.declared_rps = fleet_demand_rps(o->f, s, v),
                         .force_rps = demand_in_force(o->f, o->c->demand, s, v),
                         .settled_us = settled_us(o, s)};
    enum telling tell = q.declared_rps == 0 ? TELL_NOTHING : holders_tell(o, s, v);
    /* Users on their way to where the plan sends them are counted against the wrong views. */
    if (tell == TELL_NOTHING || (tell == TELL_REQUESTS && o->now.us < q.settled_us)) {
        return false;
    }
    uint64_t mrps =
        tell == TELL_VIEWS ? sum_of_view(o, s, v) : share_of_requests(o, planned_mrps, s, v);
    uint64_t rps = mrps / 1000 + (mrps % 1000 >= 500 ? 1 : 0);
    rps = greater(rps, demand_least(q.declared_rps));
    rps = lesser(rps, demand_most(q.declared_rps));
    q.seen_rps = near(&o->f->policy, q.declared_rps, rps) ? q.declared_rps : rps;
    *ret_q = q;
    return true;
}

uint32_t demand_words(const struct outlook *o, struct demand_room *room, int64_t *ret_next_us)
{
    const struct fleet *f = o->f;
    uint32_t count = 0, max = record_max_demands(f);
    for (uint16_t s = 0; s < f->service_count; s++) {
        if (!f->services[s].has_load) {
            continue;
        }
        plan_requests(o, s, room->planned_mrps);
        for (uint16_t v = 0; v < f->view_count && count < max; v++) {
            struct question q;
            struct demand_word word = {.service = s, .view = v};
            if (ask(o, room->planned_mrps, s, v, &q) &&
                answer(o, &o->c->demand[(size_t)s * f->view_count + v], &q, &word, ret_next_us)) {
                room->words[count++] = word;
            }
        }
    }
    return count;
}
