/* diagnose.c: the numbered ladders that turn the observers' words into verdicts: observers, IDCs
 * and services. */
#include "core/diagnose_internal.h"

#include "base/bug.h"

#include <string.h>

size_t diagnosis_arena_size(const struct fleet *f)
{
    size_t verdicts = (size_t)f->link_count + 2 * (size_t)f->idc_count +
                      (size_t)f->service_count * f->idc_count +
                      (size_t)f->carrier_count * (1 + f->idc_count) + path_count(f) + f->idc_count +
                      f->conduit_count;
    return witness_arena_size(f) + verdicts * sizeof(struct verdict) + f->link_count +
           (size_t)10 * 16;
}

int diagnosis_new(const struct fleet *f, struct arena *a, struct diagnosis *ret_d)
{
    struct diagnosis d = {.next_us = INT64_MAX};
    int status = witness_new(f, a, &d.witness);
    if (status != OK) {
        return status;
    }
    d.links = ARENA_NEW(a, struct verdict, f->link_count);
    d.idcs = ARENA_NEW(a, struct verdict, f->idc_count);
    d.services = ARENA_NEW(a, struct verdict, (size_t)f->service_count * f->idc_count);
    d.observers = ARENA_NEW(a, struct verdict, f->idc_count);
    d.carriers = ARENA_NEW(a, struct verdict, f->carrier_count);
    d.fronts = ARENA_NEW(a, struct verdict, (size_t)f->carrier_count * f->idc_count);
    d.paths = ARENA_NEW(a, struct verdict, path_count(f));
    d.backbones = ARENA_NEW(a, struct verdict, f->idc_count);
    d.conduits = ARENA_NEW(a, struct verdict, f->conduit_count);
    d.waits = ARENA_NEW(a, bool, f->link_count);
    if (d.links == NULL || d.idcs == NULL || d.services == NULL || d.observers == NULL ||
        d.carriers == NULL || d.fronts == NULL || d.paths == NULL || d.backbones == NULL ||
        d.conduits == NULL || d.waits == NULL) {
        return ERR_FULL;
    }
    *ret_d = d;
    return OK;
}

void conclude(struct verdict *v, enum health h, enum rule rule, int64_t held_us)
{
    v->health = h;
    v->rule = rule;
    v->held_us = held_us;
}

void wake_in(const struct bench *b, int64_t us)
{
    if (us > 0 && us < b->d->next_us) {
        b->d->next_us = us;
    }
}

bool case_open(const struct bench *b, enum incident_kind kind, enum subject_kind of, uint16_t a,
               uint16_t at)
{
    struct subject subject = {of, a, at};
    for (uint32_t i = 0; i < b->c->incident_count; i++) {
        const struct incident *n = &b->c->incidents[i];
        if (n->kind == kind && subject_equal(&n->subject, &subject)) {
            return true;
        }
    }
    return false;
}

static void judge_observer(const struct bench *b, uint16_t o)
{
    struct verdict *v = &b->d->observers[o];
    *v = (struct verdict){.subject = {SUBJECT_OBSERVER, o, 0}};
    const struct observer *seen = &b->w->observers[o];
    switch (seen->state) {
    case OBSERVER_SILENT: conclude(v, HEALTH_UNKNOWN, RULE_NO_FRESH_EVIDENCE, 0); break;
    case OBSERVER_COUNTS: conclude(v, HEALTH_UP, RULE_SEEN_GOOD, 0); break;
    case OBSERVER_BLIND:
        conclude(v, HEALTH_DEGRADED, RULE_OBSERVER_SUSPECT, seen->blind_us);
        wake_in(b, b->policy->confirmation_us - seen->blind_us);
        break;
    }
}

/* The IDC's own probe says, in a report sent after the darkness began, that it serves. A report
 * sent before it proves nothing; the margin allows for the first lost packet being a little later
 * than the death, and for the jitter of the age. */
static bool says_alive(const struct bench *b, uint16_t x, int64_t dark_us)
{
    const struct observer *own = &b->w->observers[x];
    int64_t margin_us = b->policy->probe_interval_us * b->policy->probe_losses;
    int64_t half_us = b->policy->confirmation_us / 2;
    margin_us = margin_us < half_us ? margin_us : half_us;
    return own->state != OBSERVER_SILENT && own->inside.good > 0 &&
           own->age_us + margin_us < dark_us;
}

void judge_dark(const struct bench *b, struct verdict *v, const struct tally *t, int64_t dark_us,
                struct proof proof)
{
    uint32_t agree = proof.references ? t->covered : t->dark;
    memcpy(v->for_observers, t->dark_bits, sizeof v->for_observers);
    if (dark_us < b->policy->confirmation_us) {
        wake_in(b, b->policy->confirmation_us - dark_us);
        conclude(v, HEALTH_DEGRADED, RULE_NOT_CONFIRMED_YET, dark_us);
    } else if (b->cold_us > 0) {
        wake_in(b, b->cold_us);
        conclude(v, HEALTH_DEGRADED, RULE_COLD_START, dark_us);
    } else if (agree >= b->policy->min_observers || BUG(MIN_OBSERVERS)) {
        conclude(v, HEALTH_DOWN, proof.rule, dark_us);
    } else if (proof.lone && t->dark == t->covered) {
        conclude(v, HEALTH_DOWN, RULE_LONE_WITNESS_GOOD_REFERENCES, dark_us);
    } else {
        conclude(v, HEALTH_UNKNOWN, RULE_NOT_ENOUGH_OBSERVERS, dark_us);
    }
}

void judge_not_dark(const struct bench *b, struct verdict *v, const struct tally *t, bool restoring)
{
    if (t->good == 0) {
        bool suspect = t->suspect > 0;
        conclude(v, BUG(SILENCE_IS_DOWN) && !suspect ? HEALTH_DOWN : HEALTH_UNKNOWN,
                 suspect ? RULE_OBSERVER_SUSPECT : RULE_NO_FRESH_EVIDENCE, 0);
        return;
    }
    memcpy(v->for_observers, t->good_bits, sizeof v->for_observers);
    bool held = restoring && t->good_us < b->policy->idc_hold_down_us && !BUG(HOLD_DOWN);
    if (held) {
        wake_in(b, b->policy->idc_hold_down_us - t->good_us);
    }
    conclude(v, HEALTH_UP, held ? RULE_HOLD_DOWN : RULE_SEEN_GOOD, t->good_us);
}

void judge_partly(struct verdict *v, const struct tally *t)
{
    memcpy(v->for_observers, t->dark_bits, sizeof v->for_observers);
    conclude(v, HEALTH_DEGRADED, RULE_PARTLY_SEEN, t->dark_us);
}

void judge_as(struct verdict *v, const struct verdict *whole)
{
    memcpy(v->for_observers, whole->for_observers, sizeof v->for_observers);
    conclude(v, whole->health, whole->rule, whole->held_us);
}

bool all_dark(const struct tally *t)
{
    return t->good == 0 && t->dark > 0;
}

/* Nobody else's word counts, its own proves itself by a reference, and it serves. */
static bool speaks_last(const struct bench *b, uint16_t x)
{
    const struct observer *own = &b->w->observers[x];
    bool last = own->state == OBSERVER_COUNTS && own->good_carriers != 0 && own->inside.good > 0;
    for (uint16_t o = 0; o < b->f->idc_count; o++) {
        last = last && (o == x || b->w->observers[o].state != OBSERVER_COUNTS);
    }
    return last;
}

/* When every other IDC is dead nobody outside is left to see the last one, and where else should
 * the users go? What is said to be dead itself comes back only when somebody else sees it. */
static void judge_last_voice(const struct bench *b, struct verdict *v, uint16_t x)
{
    observer_bit_set(v->for_observers, x);
    conclude(v, HEALTH_UP, RULE_LAST_VOICE, b->w->observers[x].inside.good_us);
}

static void judge_idc(const struct bench *b, uint16_t x)
{
    struct verdict *v = &b->d->idcs[x];
    const struct tally *t = &b->w->idcs[x];
    *v = (struct verdict){.subject = {SUBJECT_IDC, x, 0}};
    bool restoring = case_open(b, INCIDENT_IDC_OUTAGE, SUBJECT_IDC, x, 0) ||
                     case_open(b, INCIDENT_IDC_ISOLATED, SUBJECT_IDC, x, 0);
    if (t->good + t->dark == 0 && !restoring && speaks_last(b, x)) {
        judge_last_voice(b, v, x);
    } else if (t->dark == 0) {
        judge_not_dark(b, v, t, restoring);
    } else if (t->good > 0) {
        judge_partly(v, t);
    } else if (says_alive(b, x, t->dark_us)) {
        memcpy(v->for_observers, t->dark_bits, sizeof v->for_observers);
        conclude(v, HEALTH_DEGRADED, RULE_OWN_PROBE_SAYS_ALIVE, t->dark_us);
        wake_in(b, b->policy->confirmation_us - t->dark_us);
    } else {
        judge_dark(b, v, t, t->dark_us, (struct proof){RULE_QUORUM_DOWN, false, true});
    }
}

static void judge_service(const struct bench *b, uint16_t s, uint16_t x)
{
    size_t at = (size_t)s * b->f->idc_count + x;
    struct verdict *v = &b->d->services[at];
    const struct tally *t = &b->w->places[at];
    const struct tally *idc = &b->w->idcs[x];
    *v = (struct verdict){.subject = {SUBJECT_SERVICE, s, x}};
    if (all_dark(idc)) {
        judge_as(v, &b->d->idcs[x]);
    } else if (t->dark == 0) {
        judge_not_dark(b, v, t,
                       case_open(b, INCIDENT_GRAY_FAILURE, SUBJECT_SERVICE, s, x) ||
                           case_open(b, INCIDENT_IDC_OUTAGE, SUBJECT_IDC, x, 0));
    } else if (t->good > 0) {
        judge_partly(v, t);
    } else {
        judge_dark(b, v, t, t->dark_us, (struct proof){RULE_SERVICE_DEAD_INSIDE, false, false});
    }
}

void diagnose(const struct control *c, const struct evidence *evidence, struct logtime now,
              struct diagnosis *d)
{
    const struct fleet *f = c->fleet;
    witness_hear(d->witness, c, evidence);
    int64_t young_us = logtime_diff_us(now, c->epoch_began);
    struct bench b = {.c = c,
                      .now = now,
                      .f = f,
                      .policy = &f->policy,
                      .w = d->witness,
                      .d = d,
                      .cold_us = f->policy.cold_start_us - young_us};
    d->next_us = d->witness->stale_us;
    for (uint16_t o = 0; o < f->idc_count; o++) {
        judge_observer(&b, o);
    }
    for (uint16_t x = 0; x < f->idc_count; x++) {
        judge_idc(&b, x);
    }
    for (uint16_t s = 0; s < f->service_count; s++) {
        for (uint16_t x = 0; x < f->idc_count; x++) {
            judge_service(&b, s, x);
            judge_errors(&b, &d->services[(size_t)s * f->idc_count + x], s, x);
        }
    }
    judge_carriers(&b);
    judge_links(&b);
}
