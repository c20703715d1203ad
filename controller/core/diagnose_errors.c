/* diagnose_errors.c: a service that answers its checks and fails its requests.
 *
 * That is its own word on itself, and so evidence against itself only: it never speaks for another,
 * and it is one word, however often it is said. Where min_observers ask for more, nothing is moved
 * for it: the failure is suspected, and a person looks. What is asked for more than it carries
 * fails for that: it is the overload's, and to move its users would only carry it on. */
#include "core/diagnose_internal.h"

#include <string.h>

enum {
    LEAST_MRPS = 1000, /* fewer requests tell nothing */
    CALMER = 2,        /* what failed fails until its errors are below the limit by this factor */
};

static const struct incident *find(const struct bench *b, enum incident_kind kind,
                                   struct subject about)
{
    for (uint32_t i = 0; i < b->c->incident_count; i++) {
        const struct incident *at = &b->c->incidents[i];
        if (at->kind == kind && subject_equal(&at->subject, &about)) {
            return at;
        }
    }
    return NULL;
}

static bool is_stranded(const struct bench *b, uint16_t x)
{
    const struct incident *i = find(b, INCIDENT_IDC_ISOLATED, (struct subject){SUBJECT_IDC, x, 0});
    return i != NULL && i->state != INCIDENT_RECOVERING;
}

static bool is_overloaded(const struct bench *b, const struct told *t, struct subject place)
{
    uint32_t limit_ppm = b->policy->saturation_limit_ppm;
    return (limit_ppm > 0 && t->sample.saturation_ppm >= limit_ppm) ||
           find(b, INCIDENT_OVERLOAD, place) != NULL;
}

/* What left an IDC that is off the backbone for its errors is asked nothing there, and fails until
 * the backbone is back. */
static bool fails(const struct bench *b, const struct told *t, bool known, uint16_t x)
{
    uint32_t limit_ppm = b->policy->error_limit_ppm;
    if (!t->known || limit_ppm == 0) {
        return false;
    }
    if (t->sample.requests_mrps < LEAST_MRPS) {
        return known && is_stranded(b, x);
    }
    return told_errors_ppm(t) >= (known ? limit_ppm / CALMER : limit_ppm);
}

void judge_errors(const struct bench *b, struct verdict *v, uint16_t s, uint16_t x)
{
    const struct incident *open = find(b, INCIDENT_GRAY_FAILURE, v->subject);
    const struct told *t = &b->w->told[(size_t)s * b->f->idc_count + x];
    if (v->health != HEALTH_UP || !fails(b, t, open != NULL, x) ||
        is_overloaded(b, t, v->subject)) {
        return;
    }
    int64_t held_us = open != NULL ? logtime_diff_us(b->now, open->opened) : 0;
    int64_t left_us = b->policy->confirmation_us - held_us;
    bool concluded = left_us <= 0 && b->cold_us <= 0 && b->policy->min_observers <= 1;
    memset(v->for_observers, 0, sizeof v->for_observers);
    observer_bit_set(v->for_observers, x);
    conclude(v, concluded ? HEALTH_DOWN : HEALTH_DEGRADED, RULE_ERRORS, held_us);
    wake_in(b, left_us);
}
