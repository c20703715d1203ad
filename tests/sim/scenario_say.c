/* scenario_say.c: what people say in a scenario: approvals, orders, undos, drills. */
#include "scenario.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* To a daemon that runs and reads the log; who speaks asks the next one when one does not. */
static uint16_t listener(const struct sim *s)
{
    for (uint16_t i = 0; i < s->fleet->idc_count; i++) {
        if (node_is_running(s, i) && !s->nodes[i].bus_away && !s->fleet->idcs[i].vantage) {
            return i;
        }
    }
    return 0;
}

uint16_t say_as(struct sim *s, enum operator_command command, struct operator_record *o)
{
    uint64_t id = ++s->script.words;
    memcpy(o->identity, "ann", 4);
    memcpy(o->reason, "scenario", 9);
    memcpy(o->request.bytes, &id, sizeof id);
    s->script.replied = false;
    s->changed_us = s->now_us;
    sim_trace(s, "ann says %s", operator_command_name(command));
    return listener(s);
}

static void say(struct sim *s, struct operator_record *o)
{
    uint16_t node = say_as(s, o->command, o);
    node_request(s, node, o);
}

void say_refused(struct sim *s, int status)
{
    s->script.replied = true;
    s->script.reply = status;
}

static void refuse(struct sim *s)
{
    say_refused(s, ERR_NOT_FOUND);
}

static void approve(struct sim *s, const struct args *a)
{
    for (uint32_t i = 0; i < s->reference.incident_count; i++) {
        const struct incident *at = &s->reference.incidents[i];
        char name[SCENARIO_TEXT_SIZE];
        subject_put(s->fleet, &at->subject, name, sizeof name);
        if (at->kind == (enum incident_kind)a->at[0] && strcmp(name, a->word[1]) == 0) {
            struct operator_record o = {.command = OPERATOR_APPROVE, .argument = at->id};
            say(s, &o);
            return;
        }
    }
    refuse(s);
}

static void order(struct sim *s, enum operator_command command, enum order_kind kind,
                  const char *name, int64_t ttl_us)
{
    struct operator_record o = {.command = command, .ttl_us = ttl_us};
    if (name != NULL && order_subject_find(s->fleet, kind, name, &o.subject) != OK) {
        refuse(s);
        return;
    }
    say(s, &o);
}

static void drain(struct sim *s, const struct args *a)
{
    order(s, OPERATOR_DRAIN, ORDER_DRAIN, a->word[0], 0);
}

static void drain_for(struct sim *s, const struct args *a)
{
    order(s, OPERATOR_DRAIN, ORDER_DRAIN, a->word[0], a->at[1]);
}

static void undrain(struct sim *s, const struct args *a)
{
    order(s, OPERATOR_UNDRAIN, ORDER_DRAIN, a->word[0], 0);
}

static void pin(struct sim *s, const struct args *a)
{
    order(s, OPERATOR_PIN, ORDER_PIN, a->word[0], 0);
}

static void freeze(struct sim *s, const struct args *a)
{
    (void)a;
    order(s, OPERATOR_FREEZE, ORDER_FREEZE, NULL, 0);
}

static void freeze_for(struct sim *s, const struct args *a)
{
    order(s, OPERATOR_FREEZE, ORDER_FREEZE, NULL, a->at[0]);
}

static void demote(struct sim *s, const struct args *a)
{
    struct operator_record o = {.command = OPERATOR_DEMOTE, .tier = (uint8_t)a->at[0]};
    o.subject = (struct subject){SUBJECT_FEATURES, (uint16_t)a->at[2], (uint16_t)a->at[1]};
    say(s, &o);
}

static void promote(struct sim *s, const struct args *a)
{
    struct operator_record o = {.command = OPERATOR_PROMOTE};
    o.subject = (struct subject){SUBJECT_FEATURES, (uint16_t)a->at[1], (uint16_t)a->at[0]};
    say(s, &o);
}

/* The newest order of the kind. */
static void release(struct sim *s, const struct args *a)
{
    for (uint32_t i = s->reference.order_count; i-- > 0;) {
        if (s->reference.orders[i].kind == (enum order_kind)a->at[0]) {
            struct operator_record o = {.command = OPERATOR_RELEASE,
                                        .argument = s->reference.orders[i].id};
            say(s, &o);
            return;
        }
    }
    refuse(s);
}

/* The newest decision of the purpose that changed the plan, as far as it stands. */
static void undo(struct sim *s, const struct args *a)
{
    const struct generation *found = NULL;
    for (uint64_t g = s->reference.plan.fence.generation; g > 1 && found == NULL; g--) {
        const struct generation *at = oracle_generation(s, g);
        bool is_it =
            at != NULL && at->change_count > 0 && at->purpose == (enum decide_purpose)a->at[0];
        found = is_it ? at : NULL;
    }
    if (found == NULL) {
        refuse(s);
        return;
    }
    struct operator_record o = {.command = OPERATOR_UNDO, .argument = (uint64_t)found->offset};
    struct change *changes = sim_alloc(found->change_count, sizeof *changes);
    memcpy(changes, found->changes, found->change_count * sizeof *changes);
    changes_invert(changes, found->change_count);
    for (uint32_t i = 0; i < found->change_count; i++) {
        if (plan_has(&s->reference.plan, &changes[i])) {
            changes[o.change_count++] = changes[i];
        }
    }
    o.changes = changes;
    if (o.change_count == 0) {
        refuse(s);
    } else {
        say(s, &o);
    }
    free(changes);
}

static void run_drill(struct sim *s, const struct args *a)
{
    struct drill d;
    uint8_t bytes[DRILL_MAX_BYTES];
    struct operator_record o = {.command = OPERATOR_DRILL};
    if (!drills_read(a->word[0], &d) ||
        drill_target_find(s->fleet, d.on, a->word[1], &o.target) != OK) {
        sim_fail(s, "there is no drill %s on %s", a->word[0], a->word[1]);
        return;
    }
    struct codec c = codec_writer(bytes, sizeof bytes);
    drill_codec(&c, &d);
    o.drill = (struct bytes){bytes, c.pos};
    say(s, &o);
}

static void abort_drill(struct sim *s, const struct args *a)
{
    struct operator_record o = {.command = OPERATOR_ABORT, .argument = s->reference.drill.id};
    (void)a;
    say(s, &o);
}

const struct phrase WORD_PHRASES[] = {
    {"approve <incident> <subject>", .do_it = approve},
    {"order drain <name>", .do_it = drain},
    {"order drain <name> for <time>", .do_it = drain_for},
    {"order undrain <name>", .do_it = undrain},
    {"order pin <name>", .do_it = pin},
    {"order freeze", .do_it = freeze},
    {"order freeze for <time>", .do_it = freeze_for},
    {"order demote tier <n> of <service> in <region>", .do_it = demote},
    {"order promote <service> in <region>", .do_it = promote},
    {"release <order>", .do_it = release},
    {"undo the <purpose>", .do_it = undo},
    {"run drill <name> on <name>", .do_it = run_drill},
    {"abort the drill", .do_it = abort_drill},
    {0},
};
