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
    bool starved;           /* it was late itself and may have made its losses: no lone witness */
    bool counts;            /* not everything is dark to it */
    uint32_t good_carriers; /* carriers over which a reference is good */
    uint32_t blind_over;    /* carriers over which all is dark to it, references too */
    uint32_t here;          /* carriers that have an uplink at the observer */
    struct word outside;    /* all spans, all remote entrances, all references together */
    struct word over[FLEET_MAX_CARRIERS]; /* remote entrances and references over the carrier */
};

static size_t place_count(const struct fleet *f)
{
    return (size_t)f->service_count * f->idc_count;
}

static size_t front_count(const struct fleet *f)
{
    return (size_t)f->carrier_count * f->idc_count;
}

size_t witness_arena_size(const struct fleet *f)
{
    size_t idcs = f->idc_count, places = place_count(f), fronts = front_count(f);
    size_t words = idcs + places + fronts;
    size_t tallies = words + f->carrier_count + path_count(f);
    return sizeof(struct witness) + sizeof(struct target) * REPORT_MAX_TARGETS +
           idcs * (sizeof(struct observer) + sizeof(uint32_t) + 1) + fronts +
           places * (sizeof(struct told) + 1) + words * sizeof(struct word) +
           tallies * sizeof(struct tally) + sizeof(uint16_t) * f->carrier_count +
           sizeof(struct end_word) * 2 * f->link_count + (size_t)18 * 16;
}

/* What the fleet alone says of carriers: who can see over which. */
static void read_fleet(const struct fleet *f, struct witness *w)
{
    for (uint16_t x = 0; x < f->idc_count; x++) {
        w->carriers_at[x] = fleet_carriers_at(f, x);
        for (uint16_t c = 0; c < f->carrier_count; c++) {
            w->watchers[c] = (uint16_t)(w->watchers[c] + (w->carriers_at[x] >> c & 1));
        }
    }
    for (uint16_t r = 0; r < f->reference_count; r++) {
        w->referenced |= f->references[r].carriers;
    }
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
    w->front_words = ARENA_NEW(a, struct word, front_count(f));
    w->observers = ARENA_NEW(a, struct observer, f->idc_count);
    w->idcs = ARENA_NEW(a, struct tally, f->idc_count);
    w->places = ARENA_NEW(a, struct tally, place_count(f));
    w->carriers = ARENA_NEW(a, struct tally, f->carrier_count);
    w->fronts = ARENA_NEW(a, struct tally, front_count(f));
    w->paths = ARENA_NEW(a, struct tally, path_count(f));
    w->served = ARENA_NEW(a, bool, front_count(f));
    w->watchers = ARENA_NEW(a, uint16_t, f->carrier_count);
    w->carriers_at = ARENA_NEW(a, uint32_t, f->idc_count);
    w->ends = ARENA_NEW(a, struct end_word, (size_t)f->link_count * 2);
    w->darkened = ARENA_NEW(a, bool, f->idc_count);
    w->tells = ARENA_NEW(a, bool, place_count(f));
    w->told = ARENA_NEW(a, struct told, place_count(f));
    if (w->targets == NULL || w->idc_words == NULL || w->place_words == NULL ||
        w->front_words == NULL || w->observers == NULL || w->idcs == NULL || w->places == NULL ||
        w->carriers == NULL || w->fronts == NULL || w->paths == NULL || w->served == NULL ||
        w->watchers == NULL || w->carriers_at == NULL || w->ends == NULL || w->darkened == NULL ||
        w->tells == NULL || w->told == NULL) {
        return ERR_FULL;
    }
    read_fleet(f, w);
    told_read_fleet(f, w->tells);
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
    } else if (word_dark(w) && counts) {
        t->dark_us = t->dark == 0 || w->bad_us < t->dark_us ? w->bad_us : t->dark_us;
        t->dark++;
        t->covered += w->uncovered ? 0 : 1;
        observer_bit_set(t->dark_bits, observer);
    } else if (word_dark(w) || w->suspect) {
        t->suspect++;
    }
}

/* Health and age of the target at i, or of the entrance whose checks begin there; sets the number
 * of observations that tell it. An entrance is bad when one of its checks is, good when all are. */
static enum health read_health(const struct fleet *f, const struct witness *w,
                               const struct reading *r, uint32_t i, uint32_t *ret_count,
                               int64_t *ret_held_us)
{
    const struct target *t = &w->targets[i];
    uint32_t good = 0, count = 1;
    int64_t bad_us = -1, good_us = INT64_MAX;
    enum health good_health = r->seen[i].health;
    if (t->kind == TARGET_ENTRANCE) {
        count = f->services[f->entrances[t->a].service].check_count;
        good_health = HEALTH_UP;
    }
    for (uint32_t k = i; k < i + count; k++) {
        int64_t held_us = r->seen[k].held_us + r->age_us;
        if (r->seen[k].health == HEALTH_DOWN) {
            bad_us = held_us > bad_us ? held_us : bad_us;
        } else if (is_good(r->seen[k].health)) {
            good_us = held_us < good_us ? held_us : good_us;
            good++;
        }
    }
    *ret_count = count;
    *ret_held_us = bad_us >= 0 ? bad_us : good_us;
    return bad_us >= 0 ? HEALTH_DOWN : good == count ? good_health : HEALTH_UNKNOWN;
}

/* First what the report says of its observer: to which carriers it is blind, and over which it has
 * good references, decides what its word on others is worth. */
static void read_observer(const struct fleet *f, const struct witness *w, struct reading *r)
{
    for (uint32_t i = 0, n = 1; i < r->count; i += n) {
        const struct target *t = &w->targets[i];
        int64_t held_us = 0;
        enum health h = read_health(f, w, r, i, &n, &held_us);
        if (t->kind == TARGET_ENTRANCE && f->entrances[t->a].idc == r->observer) {
            continue;
        }
        if (t->kind != TARGET_LINK || f->links[t->a].carrier == FLEET_NONE) {
            word_add(&r->outside, h, held_us); /* a carrier's nearest router is not the world */
        }
        if (t->kind != TARGET_LINK && t->carrier != FLEET_NONE) {
            word_add(&r->over[t->carrier], h, held_us);
        }
        if (t->kind == TARGET_REFERENCE && h == HEALTH_UP && held_us >= r->window_us) {
            r->good_carriers |=
                t->carrier != FLEET_NONE ? UINT32_C(1) << t->carrier : f->references[t->a].carriers;
        }
    }
    r->counts = !word_dark(&r->outside);
    for (uint16_t c = 0; c < f->carrier_count; c++) {
        r->blind_over |= word_dark(&r->over[c]) ? UINT32_C(1) << c : 0;
    }
}

static void read_link(const struct fleet *f, struct witness *w, const struct reading *r,
                      const struct target *t, enum health h, int64_t held_us)
{
    w->ends[(uint32_t)t->a * 2 + t->b] = (struct end_word){.health = h, .held_us = held_us};
    uint16_t far = f->links[t->a].end[1 - t->b].idc;
    if (far != FLEET_NONE && far != r->observer) {
        struct word *word = &w->idc_words[far];
        word_add(word, h, held_us);
        word->uncovered = word->uncovered || r->good_carriers == 0 || r->starved;
    }
}

/* One target of several joins a word. */
static void word_hear(struct word *w, const struct word *one, enum health h, int64_t held_us)
{
    w->suspect = w->suspect || one->suspect;
    if (!one->suspect) {
        w->uncovered = w->uncovered || one->uncovered;
        word_add(w, h, held_us);
    }
}

/* An entrance of another IDC, over a carrier or by the observer's own routes. */
static void read_remote(const struct fleet *f, struct witness *w, const struct reading *r,
                        const struct target *t, enum health h, int64_t held_us)
{
    const struct entrance *e = &f->entrances[t->a];
    bool own_routes = t->carrier == FLEET_NONE;
    uint32_t over = own_routes ? e->carriers : UINT32_C(1) << t->carrier;
    uint32_t by = own_routes ? r->here : over; /* its own routes lead over any of its uplinks */
    bool blind = by != 0 && (by & ~r->blind_over) == 0;
    if (!own_routes && h == HEALTH_DOWN && r->over[t->carrier].good > 0) {
        /* Before it saw anything over the carrier its word over it was worth nothing. */
        int64_t seeing_us = r->over[t->carrier].good_us;
        held_us = held_us < seeing_us ? held_us : seeing_us;
    }
    struct word one = {.uncovered = (over & r->good_carriers) == 0 || r->starved,
                       .suspect = blind && h == HEALTH_DOWN};
    word_hear(&w->idc_words[e->idc], &one, h, held_us);
    word_hear(&w->place_words[(size_t)e->service * f->idc_count + e->idc], &one, h, held_us);
    if (!own_routes) {
        word_hear(&w->front_words[(size_t)t->carrier * f->idc_count + e->idc], &one, h, held_us);
        word_hear(&one, &one, h, held_us);
        tally_add(&w->paths[path_index(f, t->a, t->carrier)], &one, r->observer, r->counts);
    }
}

static void read_targets(const struct fleet *f, struct witness *w, const struct reading *r)
{
    for (uint32_t i = 0, n = 1; i < r->count; i += n) {
        const struct target *t = &w->targets[i];
        int64_t held_us = 0;
        enum health h = read_health(f, w, r, i, &n, &held_us);
        switch (t->kind) {
        case TARGET_LINK: read_link(f, w, r, t, h, held_us); break;
        case TARGET_ENTRANCE: {
            const struct entrance *e = &f->entrances[t->a];
            if (e->idc != r->observer) {
                read_remote(f, w, r, t, h, held_us);
            } else {
                word_add(&w->observers[r->observer].inside, h, held_us);
                word_add(&w->place_words[(size_t)e->service * f->idc_count + e->idc], h, held_us);
            }
            break;
        }
        case TARGET_REFERENCE: break;
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

static void join_tallies(const struct fleet *f, struct witness *w, const struct reading *r)
{
    for (uint16_t x = 0; x < f->idc_count; x++) {
        tally_add(&w->idcs[x], &w->idc_words[x], r->observer, r->counts);
    }
    for (size_t p = 0; p < place_count(f); p++) {
        /* What a probe sees inside its own IDC needs no network: it counts even from a blind one.
         */
        bool inside = p % f->idc_count == r->observer;
        tally_add(&w->places[p], &w->place_words[p], r->observer, r->counts || inside);
    }
    for (size_t n = 0; n < front_count(f); n++) {
        tally_add(&w->fronts[n], &w->front_words[n], r->observer, r->counts);
    }
    for (uint16_t c = 0; c < f->carrier_count; c++) {
        tally_add(&w->carriers[c], &r->over[c], r->observer, r->counts);
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
    memset(w->front_words, 0, front_count(f) * sizeof *w->front_words);
    int64_t patience_us = policy->probe_interval_us * policy->probe_losses;
    struct reading r = {.observer = observer,
                        .seen = e->report->observations,
                        .count = (uint32_t)count,
                        .age_us = e->age_us,
                        .window_us = policy->confirmation_us,
                        .starved = e->report->lateness_us > patience_us,
                        .here = w->carriers_at[observer]};
    read_observer(f, w, &r);
    read_targets(f, w, &r);
    struct observer *o = &w->observers[observer];
    o->age_us = e->age_us;
    o->state = r.counts ? OBSERVER_COUNTS : OBSERVER_BLIND;
    o->blind_us = r.counts ? 0 : r.outside.bad_us;
    o->blind_over = r.blind_over;
    o->good_carriers = r.good_carriers;
    if (!r.counts) {
        discount_links(f, w, observer);
    }
    join_tallies(f, w, &r);
    told_hear(f, w->tells, e, observer, w->told);
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

static void find_served(const struct fleet *f, struct witness *w)
{
    memset(w->served, 0, front_count(f) * sizeof *w->served);
    for (uint16_t i = 0; i < f->entrance_count; i++) {
        const struct entrance *e = &f->entrances[i];
        bool good = w->places[(size_t)e->service * f->idc_count + e->idc].good > 0;
        for (uint16_t c = 0; c < f->carrier_count && good; c++) {
            bool *served = &w->served[(size_t)c * f->idc_count + e->idc];
            *served = *served || entrance_over(e, c);
        }
    }
}

void witness_hear(struct witness *w, const struct control *c, const struct evidence *evidence)
{
    const struct fleet *f = c->fleet;
    memset(w->observers, 0, f->idc_count * sizeof *w->observers);
    memset(w->idcs, 0, f->idc_count * sizeof *w->idcs);
    memset(w->places, 0, place_count(f) * sizeof *w->places);
    memset(w->carriers, 0, f->carrier_count * sizeof *w->carriers);
    memset(w->fronts, 0, front_count(f) * sizeof *w->fronts);
    memset(w->paths, 0, path_count(f) * sizeof *w->paths);
    memset(w->ends, 0, (size_t)f->link_count * 2 * sizeof *w->ends);
    memset(w->told, 0, place_count(f) * sizeof *w->told);
    w->stale_us = INT64_MAX;
    for (uint16_t o = 0; o < f->idc_count; o++) {
        hear_one(w, c, &evidence[o], o);
    }
    find_served(f, w);
    find_darkened(f, w);
}
