/* drill_words.c: a drill's run, its moves and its targets, in words and as JSON. */
#include "cli/drill_words.h"

#include "cli/records.h"

enum { TARGETS_SHOWN = 12 };

static void put_name(const struct drill_step *s, struct text *t)
{
    text_put(t, s->name);
    text_put(t, " (");
    text_put(t, drill_action_name(s->action));
    text_put(t, ")");
}

void drill_put_step(const struct drill *d, const struct drill_move *m, struct text *t)
{
    if (m->state == DRILL_RUNNING && m->step < d->step_count) {
        text_put(t, ": ");
        put_name(&d->steps[m->step], t);
    }
}

void drill_put_move(const struct drill *d, const struct drill_move *m, struct text *t)
{
    if (m->state == DRILL_RUNNING && m->step < d->step_count) {
        text_put(t, m->done ? "does " : "comes to ");
        put_name(&d->steps[m->step], t);
        return;
    }
    text_put(t, drill_state_name(m->state));
    if (m->cause != DRILL_CAUSE_NONE) {
        text_put(t, " for ");
        text_put(t, drill_cause_name(m->cause));
    }
}

void drill_put_run(const struct fleet *f, const struct drill_run *r, struct text *t)
{
    text_put(t, "drill ");
    text_put_int(t, r->id);
    text_put(t, ", ");
    text_put(t, r->drill.name);
    text_put(t, " on ");
    drill_target_put(f, r->drill.on, &r->target, t);
}

static uint32_t targets_of(const struct fleet *f, enum drill_on on)
{
    switch (on) {
    case DRILL_ON_LINK: return f->link_count;
    case DRILL_ON_CONDUIT: return f->conduit_count;
    case DRILL_ON_CARRIER: return f->carrier_count;
    case DRILL_ON_IDC: return f->idc_count;
    case DRILL_ON_VIEW: return f->view_count;
    }
    return 0;
}

void drill_put_targets(const struct fleet *f, enum drill_on on, struct text *t)
{
    const uint32_t n = targets_of(f, on);
    for (uint32_t i = 0; i < n && i < TARGETS_SHOWN; i++) {
        const struct drill_target target = {(uint16_t)i, FLEET_NONE};
        text_put(t, i > 0 ? ", " : "");
        drill_target_put(f, on, &target, t);
    }
    if (n > TARGETS_SHOWN) {
        text_put(t, " and ");
        text_put_int(t, n - TARGETS_SHOWN);
        text_put(t, " more");
    }
    text_put(t, on == DRILL_ON_CARRIER ? "; at one IDC alone: CARRIER@IDC" : "");
}

void drill_print_run(const struct control *k, const char *indent, FILE *out)
{
    const struct drill_run *r = &k->drill;
    char room[SENTENCE_SIZE];
    struct text t = text_over(room, sizeof room);
    drill_put_run(k->fleet, r, &t);
    text_put(&t, ": ");
    text_put(&t, drill_state_name(r->state));
    if (r->state == DRILL_RUNNING) {
        text_put(&t, r->done ? ", waiting in step " : ", before step ");
        text_put_int(&t, r->step + 1);
        text_put(&t, " of ");
        text_put_int(&t, r->drill.step_count);
        text_put(&t, ", ");
        text_put(&t, r->drill.steps[r->step].name);
    }
    if (r->cause != DRILL_CAUSE_NONE) {
        text_put(&t, ", for ");
        text_put(&t, drill_cause_name(r->cause));
    }
    fprintf(out, "%s%s\n%srun by %s: %s\n", indent, room, indent, r->identity, r->reason);
}

json_t *drill_run_json(const struct control *k)
{
    const struct drill_run *r = &k->drill;
    char target[2 * FLEET_NAME_SIZE + 2];
    struct text t = text_over(target, sizeof target);
    if (r->state == DRILL_NEVER) {
        return json_pack("{s:i}", "run", 0);
    }
    drill_target_put(k->fleet, r->drill.on, &r->target, &t);
    json_t *injections = json_array();
    for (uint16_t x = 0; x < k->fleet->idc_count; x++) {
        const struct injection_state *at = &k->injections[x];
        if (at->run == r->id) {
            json_array_append_new(
                injections, json_pack("{s:s, s:b, s:i}", "idc", k->fleet->idcs[x].name, "struck",
                                      at->step != DRILL_MAX_STEPS, "status", (int)at->status));
        }
    }
    return json_pack("{s:i, s:s, s:s, s:s, s:s, s:i, s:s, s:s, s:s, s:I, s:o}", "run", (int)r->id,
                     "drill", r->drill.name, "target", target, "state", drill_state_name(r->state),
                     "cause", drill_cause_name(r->cause), "step", r->step + 1, "step_name",
                     r->drill.steps[r->step].name, "identity", r->identity, "reason", r->reason,
                     "offset", (json_int_t)r->offset, "injections", injections);
}
