/* orders.c: tells the orders of a control state. */
#include "cli/orders.h"

#include "cli/plan_text.h"
#include "cli/records.h"
#include "core/explain.h"

/* Slots that the plan still has where the drain is, of services that it moves or that it does not.
 */
static uint32_t slots_left(const struct control *c, const struct order *o, bool moves)
{
    const struct fleet *f = c->fleet;
    uint32_t n = 0;
    for (uint32_t i = 0; i < (uint32_t)f->service_count * f->view_count; i++) {
        const struct answer *a = &c->plan.answers[i];
        const uint16_t carrier = f->views[i % f->view_count].carrier;
        for (uint8_t k = 0; k < a->count; k++) {
            const uint16_t e = a->slots[k].entrance;
            n += e != FLEET_NONE && subject_covers(f, &o->subject, e, carrier) &&
                         order_moves(f, o, e, carrier) == moves
                     ? 1
                     : 0;
        }
    }
    return n;
}

static uint32_t values_left(const struct control *c, const struct order *o)
{
    uint32_t n = 0;
    for (uint32_t i = 0; i < c->fixed_count; i++) {
        struct change back = c->fixed[i].change;
        changes_invert(&back, 1);
        n += c->fixed[i].order == o->id && !plan_has(&c->plan, &back) ? 1 : 0;
    }
    return n;
}

static json_t *order_json(const struct control *c, const struct order *o)
{
    char subject[SENTENCE_SIZE], sentence[SENTENCE_SIZE];
    struct text t = text_over(subject, sizeof subject), s = text_over(sentence, sizeof sentence);
    order_subject_put(c->fleet, &o->subject, &t);
    explain_order(c->fleet, o, c->log_time, &s);
    const bool drains = o->kind == ORDER_DRAIN && !o->ended;
    return json_pack("{s:I, s:s, s:s?, s:o, s:o, s:I, s:o, s:b, s:I, s:s, s:s, s:s, s:I, s:I, s:I}",
                     "id", (json_int_t)o->id, "kind", order_kind_name(o->kind), "subject",
                     subject[0] != '\0' ? subject : NULL, "tier",
                     o->kind == ORDER_DEMOTE ? json_integer(o->tier) : json_null(), "decision",
                     o->kind == ORDER_UNDO ? json_integer((json_int_t)o->decision) : json_null(),
                     "since_us", (json_int_t)o->since.us, "expires_us",
                     o->expires.us != 0 ? json_integer((json_int_t)o->expires.us) : json_null(),
                     "ended", o->ended, "offset", (json_int_t)o->offset, "identity", o->identity,
                     "reason", o->reason, "text", sentence, "slots_left",
                     (json_int_t)(drains ? slots_left(c, o, true) : 0), "slots_stateful",
                     (json_int_t)(drains ? slots_left(c, o, false) : 0), "places_held",
                     (json_int_t)values_left(c, o));
}

json_t *orders_json(const struct control *c)
{
    json_t *list = json_array();
    for (uint32_t i = 0; i < c->order_count; i++) {
        json_array_append_new(list, order_json(c, &c->orders[i]));
    }
    return list;
}

static void print_effect(const struct control *c, const struct order *o, FILE *out)
{
    if (o->kind == ORDER_DRAIN && !o->ended) {
        const uint32_t moving = slots_left(c, o, true), staying = slots_left(c, o, false);
        if (moving > 0) {
            fprintf(out, "      %u slots are still there\n", moving);
        }
        if (staying > 0) {
            fprintf(out,
                    "      %u slots of stateful services stay: name the service to move it "
                    "(spillway drain SERVICE@IDC)\n",
                    staying);
        }
    }
    if (o->kind == ORDER_UNDO && !o->ended && values_left(c, o) > 0) {
        fprintf(out, "      %u places are not back yet: the guards hold them\n", values_left(c, o));
    }
}

void orders_print(const struct control *c, FILE *out, const char *before, const char *after)
{
    for (uint32_t i = 0; i < c->order_count; i++) {
        char line[SENTENCE_SIZE];
        struct text t = text_over(line, sizeof line);
        explain_order(c->fleet, &c->orders[i], c->log_time, &t);
        fprintf(out, "  %s%s%s\n", before, line, after);
        print_effect(c, &c->orders[i], out);
    }
}
