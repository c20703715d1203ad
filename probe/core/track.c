/* track.c: the health of one watched thing over time: since when it holds, how often it flapped. */
#include "core/track.h"

#include <assert.h>
#include <string.h>

#define US_PER_MINUTE (60 * US_PER_SEC)

/* Empties the buckets of the minutes that have passed since the newest one. */
static void flaps_age(struct track *t, struct mono now)
{
    int64_t minute = now.us / US_PER_MINUTE;
    if (minute - t->minute >= FLAP_MINUTES) {
        memset(t->flaps, 0, sizeof(t->flaps));
        t->minute = minute;
    }
    while (t->minute < minute) {
        t->minute++;
        t->flaps[t->minute % FLAP_MINUTES] = 0;
    }
}

static bool is_good(enum health h)
{
    return h == HEALTH_UP || h == HEALTH_DEGRADED;
}

void track_init(struct track *t, const struct damping_policy *policy, struct mono now)
{
    assert(now.us >= 0);
    *t = (struct track){.health = HEALTH_UNKNOWN,
                        .since = now,
                        .minute = now.us / US_PER_MINUTE,
                        .policy = *policy};
}

bool track_set(struct track *t, enum health health, struct mono since, struct mono now)
{
    if (health == t->health)
        return false;
    flaps_age(t, now);
    uint16_t *bucket = &t->flaps[t->minute % FLAP_MINUTES];
    if (health != HEALTH_UNKNOWN && t->health != HEALTH_UNKNOWN && *bucket < UINT16_MAX)
        (*bucket)++;
    if (health == HEALTH_DOWN)
        t->before = t->damping;
    if (health == HEALTH_DOWN && is_good(t->health))
        damping_flap(&t->damping, &t->policy, now);
    t->health = health;
    t->since = since.us < now.us ? since : now;
    return true;
}

void track_unseen(struct track *t, struct mono until)
{
    if (t->since.us < until.us)
        t->since = until;
}

int64_t track_held_us(const struct track *t, struct mono now)
{
    struct mono since = t->since;
    if (is_good(t->health) && t->damping.until.us > since.us)
        since = t->damping.until;
    int64_t held = mono_diff_us(now, since);
    return held > 0 ? held : 0;
}

uint32_t track_flaps(struct track *t, struct mono now)
{
    flaps_age(t, now);
    uint32_t sum = 0;
    for (int i = 0; i < FLAP_MINUTES; i++)
        sum += t->flaps[i];
    return sum;
}

void track_forgive(struct track *t)
{
    if (t->health == HEALTH_DOWN)
        t->damping = t->before;
}

int64_t track_damped_us(const struct track *t, struct mono now)
{
    return is_good(t->health) ? damping_left_us(&t->damping, now) : 0;
}
