/* orders.c: people's standing words at random, and one evacuation when all is well again. */
#include "sim.h"

#include <stdlib.h>
#include <string.h>

#define BETWEEN_US  (6 * US_PER_SEC)
#define EVACUATE_US (60 * US_PER_SEC) /* all steps of one drain, when everything is well */

/* --- Speaking -----------------------------------------------------------------------------------
 */

static uint16_t any(struct sim *s, uint16_t count)
{
    return (uint16_t)rng_below(&s->words, count);
}

/* An IDC, a stateless service there, one carrier of it, or an entrance. */
static struct subject any_place(struct sim *s)
{
    const struct fleet *f = s->fleet;
    uint16_t e = any(s, f->entrance_count);
    bool stateful = f->services[f->entrances[e].service].stateful;
    switch (rng_below(&s->words, 4)) {
    case 0:
        return (struct subject){SUBJECT_CARRIER_AT, any(s, f->carrier_count), any(s, f->idc_count)};
    case 1: return (struct subject){SUBJECT_ENTRANCE, e, 0};
    case 2:
        if (!stateful) {
            return (struct subject){SUBJECT_SERVICE, f->entrances[e].service, f->entrances[e].idc};
        }
        break;
    default: break;
    }
    return (struct subject){SUBJECT_IDC, any(s, f->idc_count), 0};
}

static void say(struct sim *s, struct operator_record *o)
{
    uint64_t id = rng_next(&s->words);
    memcpy(o->request.bytes, &id, sizeof id);
    memcpy(o->identity, "ada", 4);
    memcpy(o->reason, "a word", 7);
    node_request(s, any(s, s->fleet->idc_count), o);
}

static void say_undo(struct sim *s)
{
    uint64_t newest = s->reference.plan.fence.generation;
    const struct generation *g = oracle_generation(s, newest - rng_below(&s->words, 3));
    if (g == NULL || g->change_count == 0) {
        return;
    }
    struct change *ch = sim_alloc(g->change_count, sizeof *ch);
    memcpy(ch, g->changes, g->change_count * sizeof *ch);
    struct operator_record o = {.command = OPERATOR_UNDO,
                                .argument = (uint64_t)g->offset,
                                .changes = ch,
                                .change_count = g->change_count};
    changes_invert(ch, g->change_count);
    say(s, &o);
    free(ch);
}

static void say_release(struct sim *s)
{
    if (s->reference.order_count > 0) {
        uint32_t i = (uint32_t)rng_below(&s->words, s->reference.order_count);
        struct operator_record o = {.command = OPERATOR_RELEASE,
                                    .argument = s->reference.orders[i].id};
        say(s, &o);
    }
}

static void say_something(struct sim *s)
{
    const struct fleet *f = s->fleet;
    struct operator_record o = {.ttl_us = (int64_t)rng_below(&s->words, 20) * US_PER_SEC};
    uint16_t service = any(s, f->service_count);
    switch (rng_below(&s->words, 8)) {
    case 0:
    case 1:
        o.command = OPERATOR_DRAIN;
        o.subject = any_place(s);
        break;
    case 2:
        o.command = OPERATOR_PIN;
        o.subject = any_place(s);
        break;
    case 3:
        o.command = OPERATOR_DEMOTE;
        o.subject = (struct subject){SUBJECT_FEATURES, any(s, f->region_count), service};
        o.tier = (uint8_t)(1 + rng_below(&s->words, 3));
        break;
    case 4:
        o.command = OPERATOR_FREEZE;
        o.ttl_us = (1 + (int64_t)rng_below(&s->words, 5)) * US_PER_SEC;
        break;
    case 5: say_undo(s); return;
    default: say_release(s); return;
    }
    say(s, &o);
}

/* Everything is well again: what is left is taken back, then one IDC is drained, and that again. */
static void say_healed(struct sim *s)
{
    const struct control *c = &s->reference;
    bool drains = s->evacuated != FLEET_NONE && !s->evacuation_over;
    if (drains && s->now_us - s->evacuated_us > EVACUATE_US) {
        s->evacuation_over = true;
        if (!oracle_emptied(s, s->evacuated)) {
            sim_fail(s, "IDC %u is drained, all is well, and it still has shares", s->evacuated);
        }
        return;
    }
    for (uint32_t i = 0; i < c->order_count; i++) {
        const struct order *at = &c->orders[i];
        bool own = at->kind == ORDER_DRAIN && drains && at->subject.a == s->evacuated;
        if (!at->ended && !own) {
            struct operator_record o = {.command = OPERATOR_RELEASE, .argument = at->id};
            say(s, &o);
            return;
        }
    }
    char why[128];
    if (s->evacuated == FLEET_NONE && oracle_converged(s, why, sizeof why)) {
        s->evacuated = any(s, s->fleet->idc_count);
        s->evacuated_us = s->now_us;
        struct operator_record o = {.command = OPERATOR_DRAIN,
                                    .subject = {SUBJECT_IDC, s->evacuated, 0}};
        say(s, &o);
    }
}

/* Its own dice, so that other seeds mean what they meant. */
void orders_start(struct sim *s)
{
    s->words = rng_init(s->seed ^ UINT64_C(0x6f7264657273));
    s->swarm.orders = !s->script.on && rng_chance(&s->words, 250000);
    s->evacuated = FLEET_NONE;
    s->next_order_us = (int64_t)rng_below(&s->words, BETWEEN_US);
}

void orders_tick(struct sim *s)
{
    if (!s->swarm.orders || s->now_us < s->next_order_us) {
        return;
    }
    s->next_order_us =
        s->now_us + (s->healed ? US_PER_SEC / 2 : (int64_t)rng_below(&s->words, BETWEEN_US));
    if (s->healed) {
        say_healed(s);
    } else {
        say_something(s);
    }
}
