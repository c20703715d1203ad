/* intake.c: reports in, evidence out; drops what is old, foreign or repeated. */
#include "core/intake.h"

#include "base/bug.h"

#include <string.h>

#define DRIFT_PPM INT64_C(200) /* between two clocks that both keep their makers' promises */

static uint32_t target_count(const struct fleet *f, uint16_t idc, struct target *room)
{
    int n = targets_for_idc(f, idc, room, REPORT_MAX_TARGETS);
    return n < 0 ? 0 : (uint32_t)n;
}

/* Over at most so many carriers. */
static uint32_t ways(uint32_t carriers)
{
    uint32_t n = 0;
    for (uint32_t left = carriers; left != 0; left &= left - 1) {
        n++;
    }
    return n == 0 ? 1 : n;
}

static uint32_t target_bound(const struct fleet *f)
{
    uint32_t bound = 2 * (uint32_t)f->link_count;
    for (uint16_t i = 0; i < f->entrance_count; i++) {
        const struct entrance *e = &f->entrances[i];
        bound += f->services[e->service].check_count * ways(e->carriers);
    }
    for (uint16_t i = 0; i < f->reference_count; i++) {
        bound += ways(f->references[i].carriers);
    }
    return bound < REPORT_MAX_TARGETS ? bound : REPORT_MAX_TARGETS;
}

size_t intake_arena_size(const struct fleet *f)
{
    size_t each =
        sizeof(struct seat) + sizeof(struct evidence) + 3 * 16 +
        (size_t)target_bound(f) * sizeof(struct observation) +
        f->service_count * (sizeof(struct load_sample) + f->view_count * sizeof(struct load_rate));
    return each * f->idc_count + sizeof(struct target) * REPORT_MAX_TARGETS + 64;
}

int intake_new(const struct fleet *f, struct arena *a, struct mono now, struct intake *ret_in)
{
    struct intake in = {.count = f->idc_count};
    struct target *targets = ARENA_NEW(a, struct target, REPORT_MAX_TARGETS);
    in.seats = ARENA_NEW(a, struct seat, f->idc_count);
    in.evidence = ARENA_NEW(a, struct evidence, f->idc_count);
    if (targets == NULL || in.seats == NULL || in.evidence == NULL) {
        return ERR_FULL;
    }
    uint16_t services[FLEET_MAX_SERVICES];
    for (uint16_t i = 0; i < f->idc_count; i++) {
        struct seat *s = &in.seats[i];
        s->room = target_count(f, i, targets);
        s->load_room = loads_for_idc(f, i, services);
        s->report.observations = ARENA_NEW(a, struct observation, s->room);
        s->report.loads = ARENA_NEW(a, struct load_sample, s->load_room);
        s->report.load_views = ARENA_NEW(a, struct load_rate, s->load_room * f->view_count);
        s->unread_since = now;
        if (s->report.observations == NULL || s->report.loads == NULL ||
            s->report.load_views == NULL) {
            return ERR_FULL;
        }
    }
    *ret_in = in;
    return OK;
}

/* A probe that tells no load at all (of an older version) is heard for the rest. */
static bool loads_fit(const struct seat *s, const struct fleet *f, const struct report *r)
{
    return r->load_count == 0 || (r->load_count == s->load_room && r->view_count == f->view_count);
}

static bool is_news(const struct seat *s, const struct control *c, uint16_t idc,
                    const struct report *r)
{
    if (r->observer != idc || r->sequence == 0 || r->count != s->room ||
        digest_compare(&r->fleet, &c->fleet_digest) != 0 || !loads_fit(s, c->fleet, r)) {
        return false;
    }
    if (s->report.sequence == 0 || r->incarnation > s->report.incarnation || BUG(STALE_EVIDENCE)) {
        return true;
    }
    return r->incarnation == s->report.incarnation && r->sequence > s->report.sequence;
}

static int64_t transit_at(const struct seat *s, struct mono now)
{
    return s->transit_us + mono_diff_us(now, s->transit_at) / (1000000 / DRIFT_PPM);
}

/* Copies r into what has room for it. */
static void keep(struct report *to, const struct report *r)
{
    const struct report room = *to;
    *to = *r;
    to->observations = room.observations;
    to->loads = room.loads;
    to->load_views = room.load_views;
    memcpy(to->observations, r->observations, r->count * sizeof *r->observations);
    if (r->load_count > 0) {
        memcpy(to->loads, r->loads, r->load_count * sizeof *r->loads);
        memcpy(to->load_views, r->load_views,
               (size_t)r->load_count * r->view_count * sizeof *r->load_views);
    }
}

bool intake_report(struct intake *in, const struct control *c, uint16_t idc, const struct report *r,
                   int64_t offset, struct mono now)
{
    struct seat *s = &in->seats[idc];
    if (!is_news(s, c, idc, r)) {
        return false;
    }
    int64_t transit_us = now.us - r->sent_us;
    bool same_life = s->report.sequence != 0 && s->report.incarnation == r->incarnation;
    if (!same_life || transit_us < transit_at(s, now)) {
        s->transit_us = transit_us;
    } else {
        s->transit_us = transit_at(s, now);
    }
    s->transit_at = now;
    if (s->report.sequence != 0 &&
        mono_diff_us(now, s->arrived) > c->fleet->policy.report_stale_us) {
        s->ended = s->conclusive = false; /* back from silence */
    }
    s->conclusive = s->conclusive || s->ended;
    keep(&s->report, r);
    s->offset = offset;
    s->arrived = now;
    return true;
}

void intake_ended(struct intake *in, uint16_t idc)
{
    in->seats[idc].ended = true;
    in->seats[idc].reading = true;
}

void intake_lost(struct intake *in, uint16_t idc, struct mono now)
{
    struct seat *s = &in->seats[idc];
    if (s->reading) {
        s->unread_since = now;
    }
    s->reading = s->ended = s->conclusive = false;
}

void intake_silence(struct intake *in)
{
    for (uint16_t i = 0; i < in->count; i++) {
        in->seats[i].ended = in->seats[i].conclusive = false;
    }
}

bool intake_warm(const struct intake *in)
{
    bool warm = true;
    for (uint16_t i = 0; i < in->count; i++) {
        warm = warm && in->seats[i].reading && in->seats[i].ended;
    }
    return warm;
}

bool intake_unread_for(const struct intake *in, int64_t us, struct mono now)
{
    bool unread = false;
    for (uint16_t i = 0; i < in->count; i++) {
        const struct seat *s = &in->seats[i];
        unread = unread || (!s->reading && mono_diff_us(now, s->unread_since) >= us);
    }
    return unread;
}

const struct evidence *intake_evidence(struct intake *in, struct mono now)
{
    for (uint16_t i = 0; i < in->count; i++) {
        const struct seat *s = &in->seats[i];
        struct evidence *e = &in->evidence[i];
        *e = (struct evidence){.conclusive = s->conclusive, .offset = s->offset};
        if (s->report.sequence != 0) {
            e->report = &s->report;
            int64_t age_us = now.us - s->report.sent_us - s->transit_us;
            e->age_us = age_us > 0 ? age_us : 0;
        }
    }
    return in->evidence;
}
