/* diagnose_carrier.c: verdicts on carriers, everywhere, at an IDC and to an entrance. */
#include "core/diagnose_internal.h"

#include <string.h>

/* Somebody blind on it alone is no death of the carrier; min_observers are, when nobody sees
 * anything over it. It is not down everywhere any more when somebody has seen it for the hold-down,
 * whoever is still off it. */
static void judge_carrier(const struct bench *b, uint16_t c)
{
    struct verdict *v = &b->d->carriers[c];
    const struct tally *t = &b->w->carriers[c];
    *v = (struct verdict){.subject = {SUBJECT_CARRIER, c, 0}};
    bool restoring = case_open(b, INCIDENT_CARRIER_OUTAGE, SUBJECT_CARRIER, c, 0);
    if (t->dark == 0) {
        judge_not_dark(b, v, t, restoring);
    } else if (t->good == 0) {
        judge_dark(b, v, t, t->dark_us, (struct proof){RULE_CARRIER_DARK_EVERYWHERE, false, false});
    } else {
        judge_partly(v, t);
        int64_t left_us = b->policy->idc_hold_down_us - t->good_us;
        if (restoring && left_us > 0) {
            wake_in(b, left_us);
            conclude(v, HEALTH_DEGRADED, RULE_HOLD_DOWN, t->good_us);
        }
    }
}

/* Observers are believed about a carrier by their references over it, where it has any. */
static struct proof proof_over(const struct bench *b, uint16_t c, enum rule rule)
{
    return (struct proof){rule, (b->w->referenced >> c & 1) != 0, true};
}

static bool coming_back(const struct bench *b, uint16_t x)
{
    return case_open(b, INCIDENT_IDC_OUTAGE, SUBJECT_IDC, x, 0);
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
                           case_open(b, INCIDENT_CARRIER_OUTAGE, SUBJECT_CARRIER_AT, c, x));
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

static bool path_was_out(const struct bench *b, uint16_t e, uint16_t c)
{
    const struct entrance *at = &b->f->entrances[e];
    return coming_back(b, at->idc) ||
           case_open(b, INCIDENT_GRAY_FAILURE, SUBJECT_SERVICE, at->service, at->idc) ||
           case_open(b, INCIDENT_CARRIER_OUTAGE, SUBJECT_CARRIER_AT, c, at->idc) ||
           case_open(b, INCIDENT_GRAY_FAILURE, SUBJECT_PATH, e, c);
}

/* Its own probe alone speaks for the IDC, and has a good reference over the carrier. */
static bool speaks_last_over(const struct bench *b, uint16_t x, uint16_t c)
{
    return b->d->idcs[x].rule == RULE_LAST_VOICE &&
           (b->w->observers[x].good_carriers >> c & 1) != 0;
}

/* It has been reached over the carrier for no longer than anything was seen over it. */
static void judge_last_voice_over(const struct bench *b, struct verdict *v, uint16_t x, uint16_t c)
{
    judge_as(v, &b->d->idcs[x]);
    v->held_us = least(v->held_us, b->w->carriers[c].good_us);
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
    } else if (speaks_last_over(b, at->idc, c)) {
        judge_last_voice_over(b, v, at->idc, c);
    } else if (all_dark(&b->w->fronts[front])) {
        judge_as(v, &b->d->fronts[front]);
    } else if (t->dark == 0) {
        judge_not_dark(b, v, t, path_was_out(b, e, c));
    } else if (t->good > 0) {
        judge_partly(v, t);
    } else {
        judge_dark(b, v, t, least(t->dark_us, b->w->fronts[front].good_us),
                   proof_over(b, c, RULE_PATH_DARK));
    }
}

void judge_carriers(const struct bench *b)
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
