/* explain_order.c: a person's standing word as a sentence. */
#include "core/explain_internal.h"

static void put_what(const struct fleet *f, const struct order *o, struct text *t)
{
    switch (o->kind) {
    case ORDER_DRAIN:
        text_put(t, "drain of ");
        explain_subject(f, &o->subject, t);
        return;
    case ORDER_DEMOTE:
        explain_subject(f, &o->subject, t);
        text_put(t, " demoted from tier ");
        text_put_int(t, o->tier);
        return;
    case ORDER_PIN:
        explain_subject(f, &o->subject, t);
        text_put(t, " is pinned: no traffic leaves or comes there by the machine");
        return;
    case ORDER_FREEZE: text_put(t, "the plan is FROZEN: the machine changes nothing"); return;
    case ORDER_UNDO:
        text_put(t, "decision ");
        text_put_int(t, (int64_t)o->decision);
        text_put(t, " is undone, and what it had replaced is kept");
        return;
    case ORDER_FLEET: text_put(t, "a new fleet"); return;
    }
}

void explain_order(const struct fleet *f, const struct order *o, struct logtime now, struct text *t)
{
    text_put(t, "order ");
    text_put_int(t, o->id);
    text_put(t, ": ");
    put_what(f, o, t);
    text_put(t, ", by ");
    text_put(t, o->identity);
    text_put(t, ": ");
    text_put(t, o->reason);
    if (o->kind == ORDER_FLEET) {
        text_put(t, "; in force, and what it wants otherwise comes in steps");
        return;
    }
    if (o->ended) {
        text_put(t, "; ended, and what it had moved is on its way home");
        return;
    }
    if (o->expires.us != 0) {
        int64_t left_us = logtime_diff_us(o->expires, now);
        text_put(t, "; ends in ");
        text_put_duration(t, left_us > 0 ? left_us : 0);
    } else {
        text_put(t, "; until it is taken back");
    }
    text_put(t, ": spillway release ");
    text_put_int(t, o->id);
    text_put(t, " --reason TEXT");
}
