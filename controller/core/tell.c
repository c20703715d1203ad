/* tell.c: telling the log what happened here. There is no queue: what is to be told is the
 * difference between what is known here and what the control state says. */
#include "core/tell.h"

#define ALIVE_US (10 * US_PER_SEC)
enum { TELL_MOST = 32 }; /* records of one step */

static struct step *append_step(struct out *o, enum step_kind kind)
{
    struct effect *e = out_effect(o, EFFECT_APPEND);
    if (e == NULL) {
        return NULL;
    }
    e->append = out_record(o, RECORD_STEP, o->control->log_time);
    e->append.step.kind = kind;
    return &e->append.step;
}

void tell_folded(struct tell *t, struct act *a, struct out *o, const struct record *r,
                 enum fold_void why)
{
    const struct step *s = &r->step;
    if (why == FOLD_DUPLICATE) {
        return; /* overtaken by a later one of ours; it is sent again */
    }
    if (s->kind == STEP_ALIVE) {
        bool newest = s->warm == t->warm && s->halted == t->halted && s->version == t->version;
        t->alive_due = t->alive_due && !newest;
        t->alive_read = o->now;
    } else if (s->kind == STEP_OUTCOME) {
        struct job *j = act_job(a, o->control, s->actuator, s->target, o->me);
        if (j != NULL && j->status == s->status &&
            fence_compare(&j->told, &s->fence) == FENCE_EQUAL) {
            j->untold = false;
        }
    }
}

static void tell_job(struct act *a, struct out *o, enum actuator actuator, uint16_t target)
{
    struct job *j = act_job(a, o->control, actuator, target, o->me);
    struct mono again = mono_add(j->told_at, out_lease_us(o));
    if (!j->untold) {
        return;
    }
    if (!is_due(again, o->now)) {
        out_wake(o, again);
        return;
    }
    struct step *s = append_step(o, STEP_OUTCOME);
    if (s != NULL) {
        s->actuator = actuator;
        s->target = target;
        s->fence = j->told;
        s->status = j->status;
        j->told_at = o->now;
        out_wake(o, mono_add(o->now, out_lease_us(o)));
    }
}

static void tell_link(struct act *a, struct out *o, uint16_t link, uint8_t end)
{
    struct local_link *l = &a->routes.links[link];
    struct mono again = mono_add(l->told_at, out_lease_us(o));
    if (l->number <= o->control->link_downs[(uint32_t)link * 2 + end]) {
        return;
    }
    if (l->told == l->number && !is_due(again, o->now)) {
        out_wake(o, again);
        return;
    }
    struct step *s = append_step(o, STEP_LINK_DOWN);
    if (s != NULL) {
        s->link = link;
        s->end = end;
        s->down_number = l->number;
        l->told = l->number;
        l->told_at = o->now;
        out_wake(o, mono_add(o->now, out_lease_us(o)));
    }
}

static void tell_alive(struct tell *t, struct out *o, const struct digest *control, bool warm,
                       bool halted)
{
    bool changed = warm != t->warm || halted != t->halted || t->version != o->config->version;
    struct mono periodic = mono_add(t->alive_read, ALIVE_US);
    if (changed || is_due(periodic, o->now)) {
        t->alive_due = true;
    }
    struct mono again = mono_add(t->alive_sent, out_lease_us(o));
    if (!t->alive_due) {
        out_wake(o, periodic);
        return;
    }
    if (!changed && !is_due(again, o->now)) {
        out_wake(o, again);
        return;
    }
    struct step *s = append_step(o, STEP_ALIVE);
    if (s != NULL) {
        t->warm = s->warm = warm;
        t->halted = s->halted = halted;
        t->version = s->version = o->config->version;
        s->alive_base = o->control->applied;
        s->control = *control;
        t->alive_sent = o->now;
        out_wake(o, mono_add(o->now, out_lease_us(o)));
    }
}

void tell_run(struct tell *t, struct act *a, struct out *o, const struct digest *control, bool warm,
              bool halted)
{
    const struct fleet *f = o->control->fleet;
    uint32_t most = o->count + TELL_MOST;
    tell_alive(t, o, control, warm, halted);
    tell_job(a, o, ACTUATOR_FEATURES, o->me);
    tell_job(a, o, ACTUATOR_ROUTES, o->me);
    for (uint16_t i = 0; i < f->dns_server_count && o->count < most; i++) {
        tell_job(a, o, ACTUATOR_DNS, i);
    }
    for (uint16_t l = 0; l < f->link_count; l++) {
        int end = link_end_at(&f->links[l], o->me);
        if (end >= 0 && o->count >= most) {
            out_wake(o, o->now);
            return;
        }
        if (end >= 0) {
            tell_link(a, o, l, (uint8_t)end);
        }
    }
}
