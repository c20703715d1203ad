/* witness.c: reads each observer's newest report once and sums up its words. */
#include "core/witness.h"

#include <string.h>

/* What one observer's report says about the observer itself. */
struct reading {
    uint16_t observer;
    const struct observation *seen;
    uint32_t count;
    int64_t age_us;
    int64_t window_us;      /* references must have been good for this long */
    uint32_t good_carriers; /* carriers over which a reference is good */
    struct word outside;    /* all links, all remote entrances, all references together */
};

static size_t place_count(const struct fleet *f)
{
    return (size_t)f->service_count * f->idc_count;
}

size_t witness_arena_size(const struct fleet *f)
{
    size_t idcs = f->idc_count, places = place_count(f);
    return sizeof(struct witness) + sizeof(struct target) * REPORT_MAX_TARGETS +
           idcs * (sizeof(struct word) + sizeof(struct observer) + sizeof(struct tally) + 1) +
           places * (sizeof(struct word) + sizeof(struct tally)) +
           sizeof(struct end_word) * 2 * f->link_count + (size_t)16 * 9;
}

int witness_new(const struct fleet *f, struct arena *a, struct witness **ret_w)
{
    struct witness *w = ARENA_NEW(a, struct witness, 1);
    if (w == NULL) {
        return ERR_FULL;
    }
    w->targets = ARENA_NEW(a, struct target, REPORT_MAX_TARGETS);
    w->idc_words = ARENA_NEW(a, struct word, f->idc_count);
    w->place_words = ARENA_NEW(a, struct word, place_count(f));
    w->observers = ARENA_NEW(a, struct observer, f->idc_count);
    w->idcs = ARENA_NEW(a, struct tally, f->idc_count);
    w->places = ARENA_NEW(a, struct tally, place_count(f));
    w->ends = ARENA_NEW(a, struct end_word, (size_t)f->link_count * 2);
    w->darkened = ARENA_NEW(a, bool, f->idc_count);
    if (w->targets == NULL || w->idc_words == NULL || w->place_words == NULL ||
        w->observers == NULL || w->idcs == NULL || w->places == NULL || w->ends == NULL ||
        w->darkened == NULL) {
        return ERR_FULL;
    }
    *ret_w = w;
    return OK;
}

static bool is_good(enum health h)
{
    return h == HEALTH_UP || h == HEALTH_DEGRADED;
}

static void word_add(struct word *w, enum health h, int64_t held_us)
{
    if (is_good(h)) {
        w->good_us = w->good == 0 || held_us > w->good_us ? held_us : w->good_us;
        w->good++;
    } else if (h == HEALTH_DOWN) {
        w->bad_us = w->bad == 0 || held_us < w->bad_us ? held_us : w->bad_us;
        w->bad++;
    }
}

static bool word_dark(const struct word *w)
{
    return w->good == 0 && w->bad > 0;
}

/* One observer's word joins the tally. */
static void tally_add(struct tally *t, const struct word *w, uint16_t observer, bool counts)
{
    if (w->good > 0 && counts) {
        t->good_us = t->good == 0 || w->good_us < t->good_us ? w->good_us : t->good_us;
        t->good++;
        observer_bit_set(t->good_bits, observer);
    } else if (word_dark(w) && !counts) {
        t->suspect++;
    } else if (word_dark(w)) {
        t->dark_us = t->dark == 0 || w->bad_us < t->dark_us ? w->bad_us : t->dark_us;
        t->dark++;
        t->covered += w->uncovered ? 0 : 1;
        observer_bit_set(t->dark_bits, observer);
    }
}

/* References first: whether a lone witness may be believed depends on them. */
static void read_references(const struct fleet *f, const struct witness *w, struct reading *r)
{
    for (uint32_t i = 0; i < r->count; i++) {
        if (w->targets[i].kind != TARGET_REFERENCE) {
            continue;
        }
        int64_t held_us = r->seen[i].held_us + r->age_us;
        word_add(&r->outside, r->seen[i].health, held_us);
        if (r->seen[i].health == HEALTH_UP && held_us >= r->window_us) {
            r->good_carriers |= f->references[w->targets[i].a].carriers;
        }
    }
}

static void read_link(const struct fleet *f, struct witness *w, struct reading *r, uint32_t i)
{
    const struct target *t = &w->targets[i];
    int64_t held_us = r->seen[i].held_us + r->age_us;
    word_add(&r->outside, r->seen[i].health, held_us);
    w->ends[(uint32_t)t->a * 2 + t->b] =
        (struct end_word){.health = r->seen[i].health, .held_us = held_us};
    uint16_t far = f->links[t->a].end[1 - t->b].idc;
    if (far != FLEET_NONE && far != r->observer) {
        struct word *word = &w->idc_words[far];
        word_add(word, r->seen[i].health, held_us);
        word->uncovered = word->uncovered || r->good_carriers == 0;
    }
}

/* An entrance is bad when one of its checks is, good when all are. Its checks begin at targets[i].
 */
static enum health entrance_health(const struct reading *r, uint32_t i, uint16_t checks,
                                   int64_t *ret_held_us)
{
    uint32_t good = 0;
    int64_t bad_us = -1, good_us = INT64_MAX;
    for (uint32_t k = i; k < i + checks; k++) {
        int64_t held_us = r->seen[k].held_us + r->age_us;
        if (r->seen[k].health == HEALTH_DOWN) {
            bad_us = held_us > bad_us ? held_us : bad_us;
        } else if (is_good(r->seen[k].health)) {
            good_us = held_us < good_us ? held_us : good_us;
            good++;
        }
    }
    *ret_held_us = bad_us >= 0 ? bad_us : good_us;
    return bad_us >= 0 ? HEALTH_DOWN : good == checks ? HEALTH_UP : HEALTH_UNKNOWN;
}

/* Reads the checks of the entrance at targets[i]; returns their number. */
static uint32_t read_entrance(const struct fleet *f, struct witness *w, struct reading *r,
                              uint32_t i)
{
    const struct entrance *e = &f->entrances[w->targets[i].a];
    uint16_t checks = f->services[e->service].check_count;
    int64_t held_us = 0;
    enum health h = entrance_health(r, i, checks, &held_us);
    struct word *place = &w->place_words[(uint32_t)e->service * f->idc_count + e->idc];
    word_add(place, h, held_us);
    if (e->idc == r->observer) {
        word_add(&w->observers[r->observer].inside, h, held_us);
        return checks;
    }
    bool uncovered = (e->carriers & r->good_carriers) == 0;
    word_add(&w->idc_words[e->idc], h, held_us);
    w->idc_words[e->idc].uncovered = w->idc_words[e->idc].uncovered || uncovered;
    place->uncovered = place->uncovered || uncovered;
    word_add(&r->outside, h, held_us);
    return checks;
}

static void read_targets(const struct fleet *f, struct witness *w, struct reading *r)
{
    read_references(f, w, r);
    for (uint32_t i = 0; i < r->count;) {
        switch (w->targets[i].kind) {
        case TARGET_LINK:
            read_link(f, w, r, i);
            i++;
            break;
        case TARGET_ENTRANCE: i += read_entrance(f, w, r, i); break;
        case TARGET_REFERENCE: i++; break;
        }
    }
}

/* A blind observer's word on its links does not count either; the other ends speak for them. */
static void discount_links(const struct fleet *f, struct witness *w, uint16_t observer)
{
    for (uint16_t l = 0; l < f->link_count; l++) {
        int end = link_end_at(&f->links[l], observer);
        if (end >= 0) {
            struct end_word *word = &w->ends[(uint32_t)l * 2 + (uint32_t)end];
            word->suspect = word->health == HEALTH_DOWN;
            word->health = HEALTH_UNKNOWN;
        }
    }
}

static void join_tallies(const struct fleet *f, struct witness *w, uint16_t observer, bool counts)
{
    for (uint16_t x = 0; x < f->idc_count; x++) {
        tally_add(&w->idcs[x], &w->idc_words[x], observer, counts);
    }
    for (size_t p = 0; p < place_count(f); p++) {
        /* What a probe sees inside its own IDC needs no network: it counts even from a blind one.
         */
        bool inside = p % f->idc_count == observer;
        tally_add(&w->places[p], &w->place_words[p], observer, counts || inside);
    }
}

static void hear_one(struct witness *w, const struct control *c, const struct evidence *e,
                     uint16_t observer)
{
    const struct fleet *f = c->fleet;
    const struct policy *policy = &f->policy;
    if (e->report == NULL || !e->conclusive || e->age_us > policy->report_stale_us ||
        digest_compare(&e->report->fleet, &c->fleet_digest) != 0) {
        return;
    }
    int count = targets_for_idc(f, observer, w->targets, REPORT_MAX_TARGETS);
    if (count < 0 || (uint32_t)count != e->report->count) {
        return;
    }
    int64_t fresh_us = policy->report_stale_us - e->age_us + 1;
    w->stale_us = fresh_us < w->stale_us ? fresh_us : w->stale_us;
    memset(w->idc_words, 0, f->idc_count * sizeof *w->idc_words);
    memset(w->place_words, 0, place_count(f) * sizeof *w->place_words);
    struct reading r = {.observer = observer,
                        .seen = e->report->observations,
                        .count = (uint32_t)count,
                        .age_us = e->age_us,
                        .window_us = policy->confirmation_us};
    /* A probe that was late itself may have made its losses: it is no lone witness. */
    bool starved = e->report->lateness_us > policy->probe_interval_us * policy->probe_losses;
    read_targets(f, w, &r);
    if (starved) {
        for (uint16_t x = 0; x < f->idc_count; x++) {
            w->idc_words[x].uncovered = true;
        }
    }
    struct observer *o = &w->observers[observer];
    o->age_us = e->age_us;
    o->state = word_dark(&r.outside) ? OBSERVER_BLIND : OBSERVER_COUNTS;
    o->blind_us = o->state == OBSERVER_BLIND ? r.outside.bad_us : 0;
    if (o->state == OBSERVER_BLIND) {
        discount_links(f, w, observer);
    }
    join_tallies(f, w, observer, o->state == OBSERVER_COUNTS);
}

/* True when an end that counts calls the link down. */
static bool called_down(const struct witness *w, uint16_t link)
{
    return w->ends[(uint32_t)link * 2].health == HEALTH_DOWN ||
           w->ends[(uint32_t)link * 2 + 1].health == HEALTH_DOWN;
}

static void find_darkened(const struct fleet *f, struct witness *w)
{
    for (uint16_t x = 0; x < f->idc_count; x++) {
        uint32_t spans = 0, down = 0;
        for (uint16_t l = 0; l < f->link_count; l++) {
            if (f->links[l].carrier == FLEET_NONE && link_end_at(&f->links[l], x) >= 0) {
                spans++;
                down += called_down(w, l) ? 1 : 0;
            }
        }
        w->darkened[x] = spans > 0 && spans == down;
    }
}

void witness_hear(struct witness *w, const struct control *c, const struct evidence *evidence)
{
    const struct fleet *f = c->fleet;
    memset(w->observers, 0, f->idc_count * sizeof *w->observers);
    memset(w->idcs, 0, f->idc_count * sizeof *w->idcs);
    memset(w->places, 0, place_count(f) * sizeof *w->places);
    memset(w->ends, 0, (size_t)f->link_count * 2 * sizeof *w->ends);
    w->stale_us = INT64_MAX;
    for (uint16_t o = 0; o < f->idc_count; o++) {
        hear_one(w, c, &evidence[o], o);
    }
    find_darkened(f, w);
}
