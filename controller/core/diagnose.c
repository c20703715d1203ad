/* diagnose.c: the numbered ladders that turn the observers' words into verdicts. */
#include "core/diagnose.h"

#include "base/bug.h"
#include "core/witness.h"

#include <string.h>

/* What the ladders look at. */
struct bench {
    const struct control *c;
    const struct fleet *f;
    const struct policy *policy;
    const struct witness *w;
    struct diagnosis *d;
    int64_t cold_us; /* what is left of the cold start, 0 or less when it is over */
};

size_t diagnosis_arena_size(const struct fleet *f)
{
    size_t verdicts = (size_t)f->link_count + 2 * (size_t)f->idc_count +
                      (size_t)f->service_count * f->idc_count +
                      (size_t)f->carrier_count * (1 + f->idc_count) + path_count(f);
    return witness_arena_size(f) + verdicts * sizeof(struct verdict) + (size_t)7 * 16;
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
    if (d.links == NULL || d.idcs == NULL || d.services == NULL || d.observers == NULL ||
        d.carriers == NULL || d.fronts == NULL || d.paths == NULL) {
        return ERR_FULL;
    }
    *ret_d = d;
    return OK;
}

static void conclude(struct verdict *v, enum health h, enum rule rule, int64_t held_us)
{
    v->health = h;
    v->rule = rule;
    v->held_us = held_us;
}

/* Time alone will change a verdict in so long. */
static void wake_in(const struct bench *b, int64_t us)
{
    if (us > 0 && us < b->d->next_us) {
        b->d->next_us = us;
    }
}

static const struct incident *open_incident(const struct control *c, enum incident_kind kind,
                                            struct subject subject)
{
    for (uint32_t i = 0; i < c->incident_count; i++) {
        if (c->incidents[i].kind == kind && subject_equal(&c->incidents[i].subject, &subject)) {
            return &c->incidents[i];
        }
    }
    return NULL;
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

/* What it takes to believe that something is dead. */
struct proof {
    enum rule rule;  /* by which min_observers who agree conclude it */
    bool references; /* their references over its carriers must be good ... */
    bool lone;       /* ... and who proves himself so is enough when nobody else speaks */
};

/* All counted observers have called it dark for dark_us: is that a death? */
static void judge_dark(const struct bench *b, struct verdict *v, const struct tally *t,
                       int64_t dark_us, struct proof proof)
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

/* Nobody who counts calls it dark; at least one may see it good. */
static void judge_not_dark(const struct bench *b, struct verdict *v, const struct tally *t,
                           bool restoring)
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

static void judge_partly(struct verdict *v, const struct tally *t)
{
    memcpy(v->for_observers, t->dark_bits, sizeof v->for_observers);
    conclude(v, HEALTH_DEGRADED, RULE_PARTLY_SEEN, t->dark_us);
}

/* What holds for the whole holds for its part. */
static void judge_as(struct verdict *v, const struct verdict *whole)
{
    memcpy(v->for_observers, whole->for_observers, sizeof v->for_observers);
    conclude(v, whole->health, whole->rule, whole->held_us);
}

/* Dark to all who speak of it. */
static bool all_dark(const struct tally *t)
{
    return t->good == 0 && t->dark > 0;
}

static void judge_idc(const struct bench *b, uint16_t x)
{
    struct verdict *v = &b->d->idcs[x];
    const struct tally *t = &b->w->idcs[x];
    *v = (struct verdict){.subject = {SUBJECT_IDC, x, 0}};
    if (t->dark == 0) {
        judge_not_dark(b, v, t,
                       open_incident(b->c, INCIDENT_IDC_OUTAGE, v->subject) != NULL ||
                           open_incident(b->c, INCIDENT_IDC_ISOLATED, v->subject) != NULL);
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
                       open_incident(b->c, INCIDENT_GRAY_FAILURE, v->subject) != NULL ||
                           open_incident(b->c, INCIDENT_IDC_OUTAGE,
                                         (struct subject){SUBJECT_IDC, x, 0}) != NULL);
    } else if (t->good > 0) {
        judge_partly(v, t);
    } else {
        judge_dark(b, v, t, t->dark_us, (struct proof){RULE_SERVICE_DEAD_INSIDE, false, false});
    }
}

/* Somebody blind on it alone is no death of the carrier; min_observers are, when nobody sees
 * anything over it. */
static void judge_carrier(const struct bench *b, uint16_t c)
{
    struct verdict *v = &b->d->carriers[c];
    const struct tally *t = &b->w->carriers[c];
    *v = (struct verdict){.subject = {SUBJECT_CARRIER, c, 0}};
    if (t->dark == 0) {
        judge_not_dark(b, v, t, open_incident(b->c, INCIDENT_CARRIER_OUTAGE, v->subject) != NULL);
    } else if (t->good > 0) {
        judge_partly(v, t);
    } else {
        judge_dark(b, v, t, t->dark_us, (struct proof){RULE_CARRIER_DARK_EVERYWHERE, false, false});
    }
}

/* Observers are believed about a carrier by their references over it, where it has any. */
static struct proof proof_over(const struct bench *b, uint16_t c, enum rule rule)
{
    return (struct proof){rule, (b->w->referenced >> c & 1) != 0, true};
}

static int64_t least(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

static bool coming_back(const struct bench *b, uint16_t x)
{
    return open_incident(b->c, INCIDENT_IDC_OUTAGE, (struct subject){SUBJECT_IDC, x, 0}) != NULL;
}

/* A carrier at an IDC. A service that is dead inside is dark over every carrier, and its own case:
 * only entrances of services that somebody sees good there tell of the carrier. */
static void judge_front(const struct bench *b, uint16_t c, uint16_t x)
{
    size_t at = (size_t)c * b->f->idc_count + x;
    struct verdict *v = &b->d->fronts[at];
    const struct tally *t = &b->w->fronts[at], *idc = &b->w->idcs[x];
    *v = (struct verdict){.subject = {SUBJECT_CARRIER_AT, c, x}};
    if (all_dark(idc)) {
        judge_as(v, &b->d->idcs[x]);
    } else if (t->dark == 0) {
        judge_not_dark(b, v, t,
                       coming_back(b, x) ||
                           open_incident(b->c, INCIDENT_CARRIER_OUTAGE, v->subject) != NULL);
    } else if (t->good > 0) {
        judge_partly(v, t);
    } else if (!b->w->served[at]) {
        memcpy(v->for_observers, t->dark_bits, sizeof v->for_observers);
        conclude(v, HEALTH_DEGRADED, RULE_SERVICE_DEAD_INSIDE, t->dark_us);
    } else {
        /* Dark over this one while good over something else, for the whole window. */
        judge_dark(b, v, t, least(t->dark_us, idc->good_us),
                   proof_over(b, c, RULE_CARRIER_DARK_HERE));
    }
}

/* Somebody could look at the entrance over the carrier. */
static bool watched(const struct bench *b, uint16_t e, uint16_t c)
{
    uint16_t x = b->f->entrances[e].idc;
    return b->w->watchers[c] > (b->w->carriers_at[x] >> c & 1);
}

static bool path_was_out(const struct bench *b, const struct verdict *v, uint16_t c)
{
    const struct entrance *e = &b->f->entrances[v->subject.a];
    struct subject place = {SUBJECT_SERVICE, e->service, e->idc};
    struct subject front = {SUBJECT_CARRIER_AT, c, e->idc};
    return coming_back(b, e->idc) || open_incident(b->c, INCIDENT_GRAY_FAILURE, place) != NULL ||
           open_incident(b->c, INCIDENT_CARRIER_OUTAGE, front) != NULL ||
           open_incident(b->c, INCIDENT_GRAY_FAILURE, v->subject) != NULL;
}

/* What is dark as a whole (IDC, service there, carrier there) is judged as that. */
static void judge_path(const struct bench *b, uint16_t e, uint16_t c)
{
    const struct entrance *at = &b->f->entrances[e];
    size_t place = (size_t)at->service * b->f->idc_count + at->idc;
    size_t front = (size_t)c * b->f->idc_count + at->idc;
    struct verdict *v = &b->d->paths[path_index(b->f, e, c)];
    const struct tally *t = &b->w->paths[path_index(b->f, e, c)];
    *v = (struct verdict){.subject = {SUBJECT_PATH, e, c}};
    if (!entrance_over(at, c)) {
        return;
    }
    if (all_dark(&b->w->idcs[at->idc]) || all_dark(&b->w->places[place]) || !watched(b, e, c)) {
        judge_as(v, &b->d->services[place]);
    } else if (all_dark(&b->w->fronts[front])) {
        judge_as(v, &b->d->fronts[front]);
    } else if (t->dark == 0) {
        judge_not_dark(b, v, t, path_was_out(b, v, c));
    } else if (t->good > 0) {
        judge_partly(v, t);
    } else {
        judge_dark(b, v, t, least(t->dark_us, b->w->fronts[front].good_us),
                   proof_over(b, c, RULE_PATH_DARK));
    }
}

/* How long a link must have been down before it is called cut. A link whose IDC may be dying as a
 * whole waits until the checks of that IDC's services have had their say, so that the death of an
 * IDC is one incident and not one per link; local steps along the committed hops have moved traffic
 * long before. */
static int64_t link_window_us(const struct bench *b, uint16_t l)
{
    const struct policy *p = b->policy;
    int64_t window_us = p->confirmation_us;
    for (int end = 0; end < 2; end++) {
        uint16_t x = b->f->links[l].end[end].idc;
        if (x != FLEET_NONE && b->w->darkened[x] && b->d->idcs[x].health != HEALTH_DOWN) {
            return window_us + p->check_timeout_us +
                   (int64_t)p->check_failures * p->check_interval_us;
        }
    }
    return window_us;
}

/* An IDC at one of its ends is dark and not confirmed yet. */
static bool waits_for_idc(const struct bench *b, uint16_t l)
{
    for (int end = 0; end < 2; end++) {
        uint16_t x = b->f->links[l].end[end].idc;
        if (x != FLEET_NONE && b->d->idcs[x].rule == RULE_NOT_CONFIRMED_YET) {
            return true;
        }
    }
    return false;
}

static void judge_link_down(const struct bench *b, struct verdict *v, uint16_t l, bool both,
                            int64_t held_us)
{
    int64_t window_us = link_window_us(b, l);
    if (held_us < window_us || waits_for_idc(b, l)) {
        wake_in(b, window_us - held_us);
        conclude(v, HEALTH_DEGRADED, RULE_NOT_CONFIRMED_YET, held_us);
    } else {
        conclude(v, HEALTH_DOWN, both ? RULE_BOTH_ENDS_DOWN : RULE_ONE_END_DOWN, held_us);
    }
}

/* True while a link is out of service in the control state: it has to hold before it is released.
 */
static bool link_is_held(const struct bench *b, uint16_t l)
{
    const uint32_t *downs = &b->c->link_downs[(uint32_t)l * 2];
    return downs[0] > *plan_released(&b->c->plan, l, 0) ||
           downs[1] > *plan_released(&b->c->plan, l, 1) ||
           open_incident(b->c, INCIDENT_LINK_CUT, (struct subject){SUBJECT_LINK, l, 0}) != NULL;
}

static void judge_link_up(const struct bench *b, struct verdict *v, uint16_t l, int64_t held_us)
{
    int64_t left_us = b->policy->link_hold_down_us - held_us;
    if (left_us > 0 && link_is_held(b, l)) {
        wake_in(b, left_us);
        conclude(v, HEALTH_UP, RULE_HOLD_DOWN, held_us);
    } else {
        conclude(v, HEALTH_UP, RULE_SEEN_GOOD, held_us);
    }
}

static void judge_link(const struct bench *b, uint16_t l)
{
    struct verdict *v = &b->d->links[l];
    *v = (struct verdict){.subject = {SUBJECT_LINK, l, 0}};
    uint32_t down = 0, degraded = 0, up = 0, suspect = 0;
    int64_t down_us = 0, up_us = INT64_MAX;
    for (int end = 0; end < 2; end++) {
        const struct end_word *word = &b->w->ends[(uint32_t)l * 2 + (uint32_t)end];
        suspect += word->suspect ? 1 : 0;
        if (word->health == HEALTH_UNKNOWN) {
            continue;
        }
        observer_bit_set(v->for_observers, b->f->links[l].end[end].idc);
        if (word->health == HEALTH_DOWN) {
            down_us = word->held_us > down_us ? word->held_us : down_us;
            down++;
        } else {
            up_us = word->held_us < up_us ? word->held_us : up_us;
            up++;
            degraded += word->health == HEALTH_DEGRADED ? 1 : 0;
        }
    }
    if (down > 0) {
        judge_link_down(b, v, l, down == 2, down_us);
    } else if (up == 0) {
        conclude(v, HEALTH_UNKNOWN, suspect > 0 ? RULE_OBSERVER_SUSPECT : RULE_NO_FRESH_EVIDENCE,
                 0);
    } else if (degraded > 0) {
        conclude(v, HEALTH_DEGRADED, RULE_END_DEGRADED, up_us);
    } else {
        judge_link_up(b, v, l, up_us);
    }
}

static void judge_carriers(const struct bench *b)
{
    for (uint16_t c = 0; c < b->f->carrier_count; c++) {
        judge_carrier(b, c);
        for (uint16_t x = 0; x < b->f->idc_count; x++) {
            judge_front(b, c, x);
        }
    }
    for (uint16_t e = 0; e < b->f->entrance_count; e++) {
        for (uint16_t c = 0; c < b->f->carrier_count; c++) {
            judge_path(b, e, c);
        }
    }
}

void diagnose(const struct control *c, const struct evidence *evidence, struct logtime now,
              struct diagnosis *d)
{
    const struct fleet *f = c->fleet;
    witness_hear(d->witness, c, evidence);
    int64_t young_us = logtime_diff_us(now, c->epoch_began);
    struct bench b = {.c = c,
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
        }
    }
    judge_carriers(&b);
    for (uint16_t l = 0; l < f->link_count; l++) {
        judge_link(&b, l);
    }
}
