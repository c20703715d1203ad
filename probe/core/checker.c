/* checker.c: the state of one checked target: an entrance's pool of addresses, or a reference. */
#include "core/checker.h"

#include <assert.h>
#include <string.h>

void checker_init(struct checker *c, uint16_t addresses, uint32_t failures,
                  const struct damping_policy *damping, struct mono now)
{
    memset(c, 0, sizeof(*c));
    c->failures = failures > 0 ? failures : 1;
    c->count = addresses > 0 ? addresses : 1;
    if (c->count > FLEET_MAX_ADDRESSES)
        c->count = FLEET_MAX_ADDRESSES;
    track_init(&c->track, damping, now);
}

uint16_t checker_per_interval(const struct checker *c)
{
    return (uint16_t)((c->count + CHECKER_ROUND - 1) / CHECKER_ROUND);
}

uint16_t checker_take(struct checker *c)
{
    uint16_t address = c->next;
    c->next = (uint16_t)((c->next + 1) % c->count);
    return address;
}

static uint32_t saturating_next(uint32_t n)
{
    return n < UINT32_MAX ? n + 1 : n;
}

static void address_good(struct checker *c, struct checked_address *a, struct mono began,
                         struct mono now)
{
    if (!a->ever_good || began.us > a->good_began.us)
        a->good_began = began;
    a->ever_good = true;
    a->failed_run = 0;
    if (a->good_run == 0)
        a->good_first = now;
    a->good_run = saturating_next(a->good_run);
    if (a->good_run >= c->failures)
        a->bad = false;

    if (!c->ever_good || began.us > c->good_began.us)
        c->good_began = began;
    c->ever_good = true;
    c->failed_run = 0;
}

static void address_failed(struct checker *c, struct checked_address *a, struct mono began)
{
    if (!a->ever_good || began.us > a->good_began.us) {
        if (a->failed_run == 0 || began.us < a->failed_first.us)
            a->failed_first = began;
        a->failed_run = saturating_next(a->failed_run);
        a->good_run = 0;
        if (a->failed_run >= c->failures)
            a->bad = true;
    }
    if (!c->ever_good || began.us > c->good_began.us) {
        if (c->failed_run == 0 || began.us < c->failed_first.us)
            c->failed_first = began;
        c->failed_run = saturating_next(c->failed_run);
    }
}

/* What all addresses together say. */
struct pool_view {
    uint32_t failing, bad;
    struct mono bad_since;              /* when the first of the bad began to fail */
    const struct checked_address *best; /* the longest good run, NULL for none */
};

static struct pool_view pool_look(const struct checker *c)
{
    struct pool_view view = {0};
    for (uint16_t i = 0; i < c->count; i++) {
        const struct checked_address *a = &c->addresses[i];
        view.failing += a->failed_run > 0;
        if (a->bad && (view.bad++ == 0 || a->failed_first.us < view.bad_since.us))
            view.bad_since = a->failed_first;
        if (a->good_run > 0 && (view.best == NULL || a->good_run > view.best->good_run))
            view.best = a;
    }
    return view;
}

bool checker_result(struct checker *c, uint16_t address, bool good, struct mono began,
                    struct mono now)
{
    assert(address < c->count);
    if (began.us < c->blind.us)
        return false;
    if (good) {
        address_good(c, &c->addresses[address], began, now);
        int64_t took = mono_diff_us(now, began);
        times_add(&c->took, took < 0 ? 0 : took < UINT32_MAX ? (uint32_t)took : UINT32_MAX);
    } else {
        address_failed(c, &c->addresses[address], began);
    }

    struct pool_view view = pool_look(c);
    if (view.failing == c->count && c->failed_run >= c->failures)
        return track_set(&c->track, HEALTH_DOWN, c->failed_first, now);
    enum health alive = view.bad > 0 ? HEALTH_DEGRADED : HEALTH_UP;
    struct mono since = view.bad > 0 ? view.bad_since : now;
    switch (c->track.health) {
    case HEALTH_UP:
    case HEALTH_DEGRADED: return track_set(&c->track, alive, since, now);
    case HEALTH_UNKNOWN:
    case HEALTH_DOWN: break;
    }
    uint32_t need = c->track.health == HEALTH_DOWN ? c->failures : 1;
    if (view.best == NULL || view.best->good_run < need)
        return false;
    return track_set(&c->track, alive, view.best->good_first, now);
}

static struct mono not_before(struct mono t, struct mono until)
{
    return t.us < until.us ? until : t;
}

void checker_unseen(struct checker *c, struct mono until)
{
    track_unseen(&c->track, until);
    c->failed_first = not_before(c->failed_first, until);
    for (uint16_t i = 0; i < c->count; i++) {
        struct checked_address *a = &c->addresses[i];
        a->failed_first = not_before(a->failed_first, until);
        a->good_first = not_before(a->good_first, until);
    }
}

bool checker_blind(struct checker *c, struct mono now)
{
    c->blind = now;
    memset(c->addresses, 0, sizeof(c->addresses));
    c->failed_run = 0;
    c->ever_good = false;
    return track_set(&c->track, HEALTH_UNKNOWN, now, now);
}

void checker_observe(struct checker *c, struct mono now, struct observation *ret)
{
    *ret = (struct observation){
        .health = c->track.health,
        .held_us = track_held_us(&c->track, now),
        .flaps = track_flaps(&c->track, now),
        .damped_us = track_damped_us(&c->track, now),
    };
    uint32_t deviation;
    times_summary(&c->took, &ret->rtt_us, &deviation);
}
