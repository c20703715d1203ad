/* diagnose_link.c: verdicts on links, conduits and the backbone of an IDC. */
#include "core/diagnose_internal.h"

#include <string.h>

/* How long an end that counts has called the link down; -1: none does. */
static int64_t called_down_us(const struct bench *b, uint16_t l)
{
    int64_t down_us = -1;
    for (uint32_t end = 0; end < 2; end++) {
        const struct end_word *word = &b->w->ends[(uint32_t)l * 2 + end];
        if (word->health == HEALTH_DOWN && word->held_us > down_us) {
            down_us = word->held_us;
        }
    }
    return down_us;
}

static bool is_dying(const struct verdict *whole)
{
    return whole->rule == RULE_NOT_CONFIRMED_YET || whole->rule == RULE_COLD_START;
}

/* Until the checks of the services behind it have had their say. */
static int64_t patient_window_us(const struct policy *p)
{
    return p->confirmation_us + p->check_timeout_us +
           (int64_t)p->check_failures * p->check_interval_us;
}

/* How long a link must have been down before it is called cut. A link whose IDC, or whose carrier
 * at its IDC, may be lost as a whole waits until the checks of the services there have had their
 * say, so that one death is one incident and not one per link; local steps along the committed hops
 * have moved traffic long before. */
static int64_t link_window_us(const struct bench *b, uint16_t l)
{
    const struct link *at = &b->f->links[l];
    for (int end = 0; end < 2; end++) {
        uint16_t x = at->end[end].idc;
        if (x == FLEET_NONE) {
            continue;
        }
        bool uplink = at->carrier != FLEET_NONE &&
                      b->d->fronts[(size_t)at->carrier * b->f->idc_count + x].health != HEALTH_DOWN;
        if (uplink || (b->w->darkened[x] && b->d->idcs[x].health != HEALTH_DOWN)) {
            return patient_window_us(b->policy);
        }
    }
    return b->policy->confirmation_us;
}

/* An IDC at one of its ends, or its carrier there, is dark and not confirmed yet. */
static bool waits_for_whole(const struct bench *b, uint16_t l)
{
    const struct link *at = &b->f->links[l];
    for (int end = 0; end < 2; end++) {
        uint16_t x = at->end[end].idc;
        if (x != FLEET_NONE &&
            (is_dying(&b->d->idcs[x]) ||
             (at->carrier != FLEET_NONE &&
              is_dying(&b->d->fronts[(size_t)at->carrier * b->f->idc_count + x])))) {
            return true;
        }
    }
    return false;
}

/* All links of the conduit are called down, and one of them not for its window yet: the others wait
 * for it, so that a trench is one incident. */
static void find_trench(const struct bench *b, const struct conduit *g)
{
    bool all = g->link_count > 1, young = false;
    for (uint32_t n = 0; n < g->link_count; n++) {
        int64_t down_us = called_down_us(b, g->links[n]);
        all = all && down_us >= 0;
        young = young || down_us < link_window_us(b, g->links[n]);
    }
    for (uint32_t n = 0; n < g->link_count && all && young; n++) {
        b->d->waits[g->links[n]] = true;
    }
}

static bool conduit_is_cut(const struct bench *b, uint16_t l)
{
    for (uint32_t i = 0; i < b->c->incident_count; i++) {
        const struct incident *n = &b->c->incidents[i];
        const struct conduit *g = &b->f->conduits[n->subject.a];
        for (uint32_t k = 0; n->kind == INCIDENT_CONDUIT_CUT && k < g->link_count; k++) {
            if (g->links[k] == l) {
                return true;
            }
        }
    }
    return false;
}

/* An open incident has the link, or an IDC at one of its ends, already: nothing is to be named, and
 * a link that is out does not flicker when something beside it begins to die. */
static bool is_known_out(const struct bench *b, uint16_t l)
{
    bool known = case_open(b, INCIDENT_LINK_CUT, SUBJECT_LINK, l, 0) || conduit_is_cut(b, l);
    for (int end = 0; end < 2; end++) {
        uint16_t x = b->f->links[l].end[end].idc;
        known = known || (x != FLEET_NONE && case_open(b, INCIDENT_IDC_OUTAGE, SUBJECT_IDC, x, 0));
    }
    return known;
}

static void judge_link_down(const struct bench *b, struct verdict *v, uint16_t l, bool both,
                            int64_t held_us)
{
    bool known = is_known_out(b, l);
    int64_t window_us = known ? b->policy->confirmation_us : link_window_us(b, l);
    /* Siblings that come and go keep nobody waiting for more than one further window. */
    int64_t most_us = window_us + b->policy->confirmation_us;
    bool waits = (b->d->waits[l] && held_us < most_us) || waits_for_whole(b, l);
    if (held_us < window_us || (waits && !known)) {
        wake_in(b, window_us - held_us);
        wake_in(b, most_us - held_us);
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
           case_open(b, INCIDENT_LINK_CUT, SUBJECT_LINK, l, 0) ||
           case_open(b, INCIDENT_GRAY_FAILURE, SUBJECT_LINK, l, 0) || conduit_is_cut(b, l);
}

/* What is said to be good was said to be down in between: the word may be older than the news of a
 * down that has not been released, so it holds at most since then. */
static int64_t held_since_down(const struct bench *b, uint16_t l, int64_t held_us)
{
    for (uint8_t end = 0; end < 2; end++) {
        uint32_t at = (uint32_t)l * 2 + end;
        int64_t since_us = logtime_diff_us(b->now, b->c->link_down_at[at]);
        bool unreleased = b->c->link_downs[at] > *plan_released(&b->c->plan, l, end);
        held_us = unreleased && since_us < held_us ? since_us : held_us;
    }
    return held_us > 0 ? held_us : 0;
}

static void judge_link_up(const struct bench *b, struct verdict *v, uint16_t l, int64_t held_us)
{
    held_us = held_since_down(b, l, held_us);
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
    int64_t down_us = 0, up_us = INT64_MAX, degraded_us = 0;
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
            up_us = least(word->held_us, up_us);
            up++;
        }
        if (word->health == HEALTH_DEGRADED) {
            degraded_us = word->held_us > degraded_us ? word->held_us : degraded_us;
            degraded++;
        }
    }
    if (down > 0) {
        judge_link_down(b, v, l, down == 2, down_us);
    } else if (up == 0) {
        conclude(v, HEALTH_UNKNOWN, suspect > 0 ? RULE_OBSERVER_SUSPECT : RULE_NO_FRESH_EVIDENCE,
                 0);
    } else if (degraded > 0) {
        wake_in(b, b->policy->confirmation_us - degraded_us);
        conclude(v, HEALTH_DEGRADED, RULE_END_DEGRADED, degraded_us);
    } else {
        judge_link_up(b, v, l, up_us);
    }
}

static void support(struct verdict *v, const struct verdict *part)
{
    for (uint32_t n = 0; n < OBSERVER_WORDS; n++) {
        v->for_observers[n] |= part->for_observers[n];
    }
}

/* Cut when all its links are: one trench, one name. Whole again when all are good and have held. */
static void judge_conduit(const struct bench *b, uint16_t at)
{
    struct verdict *v = &b->d->conduits[at];
    const struct conduit *g = &b->f->conduits[at];
    uint32_t down = 0, good = 0, dark = 0;
    int64_t down_us = INT64_MAX, good_us = INT64_MAX;
    *v = (struct verdict){.subject = {SUBJECT_CONDUIT, at, 0}};
    for (uint32_t n = 0; n < g->link_count; n++) {
        const struct verdict *link = &b->d->links[g->links[n]];
        if (called_down_us(b, g->links[n]) >= 0) {
            dark++;
            support(v, link);
            down_us = least(down_us, link->held_us);
        }
        down += link->health == HEALTH_DOWN ? 1 : 0;
        good += link->rule == RULE_SEEN_GOOD ? 1 : 0;
        good_us = least(good_us, link->held_us);
    }
    if (g->link_count > 1 && down == g->link_count) {
        conclude(v, HEALTH_DOWN, RULE_CONDUIT_CUT, down_us);
    } else if (dark > 0) {
        conclude(v, HEALTH_DEGRADED,
                 dark == g->link_count ? RULE_NOT_CONFIRMED_YET : RULE_PARTLY_SEEN, down_us);
    } else if (good == g->link_count) {
        conclude(v, HEALTH_UP, RULE_SEEN_GOOD, good_us);
    } else {
        conclude(v, HEALTH_UNKNOWN, RULE_NO_FRESH_EVIDENCE, 0);
    }
}

/* Its entrances are seen good from outside. */
static bool reached(const struct bench *b, uint16_t x)
{
    bool any = false;
    for (uint16_t c = 0; c < b->f->carrier_count; c++) {
        any = any || b->w->fronts[(size_t)c * b->f->idc_count + x].good > 0;
    }
    return any;
}

struct spans {
    uint32_t count, down, up;    /* to IDCs that are alive */
    int64_t down_us, up_us;      /* how long all have been down; the longest good one good */
    uint64_t by[OBSERVER_WORDS]; /* who calls them down */
};

static void add_span(const struct bench *b, uint16_t l, struct spans *s)
{
    s->count++;
    int64_t down_us = called_down_us(b, l);
    if (down_us < 0) {
        const struct verdict *v = &b->d->links[l];
        s->up += v->health == HEALTH_UP ? 1 : 0;
        s->up_us = v->health == HEALTH_UP && v->held_us > s->up_us ? v->held_us : s->up_us;
        return;
    }
    s->down++;
    s->down_us = least(s->down_us, down_us);
    for (uint32_t end = 0; end < 2; end++) {
        if (b->w->ends[(uint32_t)l * 2 + end].health == HEALTH_DOWN) {
            observer_bit_set(s->by, b->f->links[l].end[end].idc);
        }
    }
}

static uint32_t count_bits(const uint64_t bits[OBSERVER_WORDS])
{
    uint32_t n = 0;
    for (uint32_t w = 0; w < OBSERVER_WORDS; w++) {
        for (uint64_t left = bits[w]; left != 0; left &= left - 1) {
            n++;
        }
    }
    return n;
}

/* Off the backbone, and nobody's death: a span to an IDC that is itself dark proves nothing. */
static void judge_backbone(const struct bench *b, uint16_t x)
{
    struct verdict *v = &b->d->backbones[x];
    struct spans s = {.down_us = INT64_MAX};
    *v = (struct verdict){.subject = {SUBJECT_BACKBONE, x, 0}};
    for (uint16_t l = 0; l < b->f->link_count; l++) {
        const struct link *at = &b->f->links[l];
        int end = at->carrier == FLEET_NONE ? link_end_at(at, x) : -1;
        if (end >= 0 && b->w->idcs[at->end[1 - end].idc].good > 0) {
            add_span(b, l, &s);
        }
    }
    memcpy(v->for_observers, s.by, sizeof v->for_observers);
    int64_t window_us = patient_window_us(b->policy);
    int64_t left_us = b->policy->idc_hold_down_us - s.up_us;
    if (s.count > 0 && s.down == s.count && reached(b, x)) {
        bool young = s.down_us<window_us, cold = b->cold_us> 0;
        bool enough = count_bits(s.by) >= b->policy->min_observers;
        wake_in(b, young ? window_us - s.down_us : b->cold_us);
        conclude(v,
                 young || cold ? HEALTH_DEGRADED
                 : enough      ? HEALTH_DOWN
                               : HEALTH_UNKNOWN,
                 young    ? RULE_NOT_CONFIRMED_YET
                 : cold   ? RULE_COLD_START
                 : enough ? RULE_OFF_BACKBONE
                          : RULE_NOT_ENOUGH_OBSERVERS,
                 s.down_us);
    } else if (s.up == 0) {
        conclude(v, HEALTH_UNKNOWN, RULE_NO_FRESH_EVIDENCE, 0);
    } else if (left_us > 0 && case_open(b, INCIDENT_IDC_ISOLATED, SUBJECT_IDC, x, 0)) {
        wake_in(b, left_us);
        conclude(v, HEALTH_UP, RULE_HOLD_DOWN, s.up_us);
    } else {
        conclude(v, HEALTH_UP, RULE_SEEN_GOOD, s.up_us);
    }
}

void judge_links(const struct bench *b)
{
    memset(b->d->waits, 0, b->f->link_count * sizeof *b->d->waits);
    for (uint16_t g = 0; g < b->f->conduit_count; g++) {
        find_trench(b, &b->f->conduits[g]);
    }
    for (uint16_t l = 0; l < b->f->link_count; l++) {
        judge_link(b, l);
    }
    for (uint16_t g = 0; g < b->f->conduit_count; g++) {
        judge_conduit(b, g);
    }
    for (uint16_t x = 0; x < b->f->idc_count; x++) {
        judge_backbone(b, x);
    }
}
