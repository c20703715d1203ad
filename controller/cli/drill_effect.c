/* drill_effect.c: counts down the places where a drill's first change has to be in effect. */
#include "cli/drill_effect.h"

static void expect(struct drill_effect *e, bool *place, bool lost)
{
    e->left += !*place && !lost ? 1 : 0;
    *place = *place || !lost;
}

static void expect_change(struct drill_effect *e, const struct fleet *f, const struct change *ch,
                          uint16_t lost)
{
    switch (ch->kind) {
    case CHANGE_ANSWER:
        for (uint16_t i = 0; i < f->dns_server_count; i++) {
            expect(e, &e->dns[i], f->dns_servers[i].idc == lost);
        }
        return;
    case CHANGE_HOPS:
    case CHANGE_ANNOUNCE: {
        const uint16_t at = ch->kind == CHANGE_HOPS ? ch->a : ch->b;
        if (at < f->idc_count) {
            expect(e, &e->routes[at], at == lost);
        }
        return;
    }
    case CHANGE_TIER:
        for (uint16_t x = 0; x < f->idc_count; x++) {
            if (f->idcs[x].region == ch->a && !f->idcs[x].vantage) {
                expect(e, &e->features[x], x == lost);
            }
        }
        return;
    case CHANGE_RELEASED: return; /* changes no route by itself */
    }
}

void drill_effect_decide(struct drill_effect *e, const struct fleet *f, const struct decide *d,
                         uint16_t lost, struct logtime now)
{
    if (e->generation != 0 || d->change_count == 0) {
        return;
    }
    e->generation = d->generation;
    e->decided = now;
    for (uint32_t i = 0; i < d->change_count; i++) {
        expect_change(e, f, &d->changes[i], lost);
    }
    if (e->left == 0) {
        e->done = now;
    }
}

void drill_effect_outcome(struct drill_effect *e, const struct step *s, int64_t offset)
{
    bool *place = NULL;
    if (s->kind != STEP_OUTCOME || s->status != OK || e->generation == 0 ||
        s->fence.generation < e->generation) {
        return;
    }
    switch (s->actuator) {
    case ACTUATOR_DNS: place = s->target < FLEET_MAX_DNS_SERVERS ? &e->dns[s->target] : NULL; break;
    case ACTUATOR_ROUTES: place = s->target < FLEET_MAX_IDCS ? &e->routes[s->target] : NULL; break;
    case ACTUATOR_FEATURES:
        place = s->target < FLEET_MAX_IDCS ? &e->features[s->target] : NULL;
        break;
    case ACTUATOR_INJECT: break;
    }
    if (place == NULL || !*place) {
        return;
    }
    *place = false;
    e->left--;
    e->acknowledged = offset;
}

void drill_effect_time(struct drill_effect *e, int64_t base, struct logtime now)
{
    if (e->generation != 0 && e->left == 0 && e->done.us == 0 && base >= e->acknowledged) {
        e->done = now;
    }
}
