/* scenario_run.c: a scenario's way through the simulator: events in time, expectations judged. */
#include "scenario.h"

#include <stdio.h>
#include <string.h>

struct run {
    struct scenario *c;
    struct sim *s;
    char *why;
    size_t size;
    bool failed;
};

static void differs(struct run *r, const struct line *l, const char *what)
{
    if (!r->failed) {
        (void)snprintf(r->why, r->size, "line %u, \"%s\": %s at %.3f s", l->number, l->text, what,
                       (double)r->s->now_us / 1e6);
        r->failed = true;
    }
}

static int64_t event_us(const struct run *r, const struct line *l)
{
    return l->event < r->c->count ? r->c->lines[l->event].fired_us : 0;
}

static bool holds(const struct run *r, const struct line *l, int64_t since_us)
{
    r->s->script.event_us = since_us;
    return l->condition->holds(r->s, &l->args) != l->negated;
}

/* Before a tick. */
static void do_events(struct run *r)
{
    for (uint32_t i = 0; i < r->c->count; i++) {
        struct line *l = &r->c->lines[i];
        bool after = l->event >= r->c->count || event_us(r, l) >= 0;
        bool due = (l->kind == LINE_AT && l->from_us <= r->s->now_us) ||
                   (l->kind == LINE_WHEN && after && holds(r, l, event_us(r, l)));
        if (l->fired_us < 0 && due) {
            l->fired_us = r->s->now_us;
            sim_trace(r->s, ">> %s", l->text);
            l->does->do_it(r->s, &l->does_args);
            r->s->changed_us = r->s->now_us;
        }
    }
}

/* After a tick. */
static void judge(struct run *r)
{
    for (uint32_t i = 0; i < r->c->count; i++) {
        struct line *l = &r->c->lines[i];
        int64_t since_us = event_us(r, l), us = r->s->now_us - since_us;
        bool begun = since_us >= 0 && l->kind != LINE_WITH;
        switch (l->kind) {
        case LINE_WITHIN:
            if (begun && !l->met && us <= l->to_us && holds(r, l, since_us)) {
                l->met = true;
                sim_trace(r->s, "<< after %.3f s: %s", (double)us / 1e6, l->text);
            } else if (begun && !l->met && us > l->to_us) {
                differs(r, l, "has not come true");
            }
            break;
        case LINE_FROM:
            if (begun && us > l->from_us && us <= l->to_us) {
                l->met = true;
                if (!holds(r, l, since_us)) {
                    differs(r, l, "does not hold");
                }
            }
            break;
        case LINE_NEVER:
            if (holds(r, l, 0)) {
                differs(r, l, "happened");
            }
            break;
        case LINE_ALWAYS:
            if (!holds(r, l, 0)) {
                differs(r, l, "does not hold");
            }
            break;
        case LINE_WITH:
        case LINE_AT:
        case LINE_WHEN:
        case LINE_FINALLY: break;
        }
    }
}

/* What the end shows: events that never came, expectations that had no time, the last look. */
static void judge_end(struct run *r)
{
    for (uint32_t i = 0; i < r->c->count; i++) {
        struct line *l = &r->c->lines[i];
        bool event = l->kind == LINE_AT || l->kind == LINE_WHEN;
        bool timed = l->kind == LINE_WITHIN || l->kind == LINE_FROM;
        if (event && l->fired_us < 0) {
            differs(r, l, "never came to it");
        } else if (timed && !l->met) {
            differs(r, l, "the scenario ended first");
        } else if (l->kind == LINE_FINALLY && !holds(r, l, 0)) {
            differs(r, l, "does not hold at the end");
        }
    }
}

int scenario_run(struct scenario *c, bool trace, struct digest *ret_digest, char *ret_why,
                 size_t size)
{
    struct sim *s = sim_new(c->own, c->seed, trace);
    struct run r = {.c = c, .s = s, .why = ret_why, .size = size};
    s->script.on = true;
    s->script.first = FLEET_NONE;
    ret_why[0] = '\0';
    for (uint32_t i = 0; i < c->count; i++) {
        c->lines[i].fired_us = -1;
        c->lines[i].met = false;
        if (c->lines[i].kind == LINE_WITH) {
            c->lines[i].does->do_it(s, &c->lines[i].does_args);
        }
    }
    sim_start(s);
    while (s->now_us < c->end_us && !r.failed && s->failure[0] == '\0') {
        do_events(&r);
        sim_tick(s);
        judge(&r);
    }
    if (s->failure[0] != '\0') {
        (void)snprintf(ret_why, size, "%s", s->failure);
        r.failed = true;
    }
    if (!r.failed) {
        judge_end(&r);
    }
    *ret_digest = sim_digest(s);
    sim_free(s);
    return r.failed ? 1 : 0;
}
