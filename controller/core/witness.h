/* witness.h: what each observer says, summed up before any rule is applied.
 *
 * Internal to diagnosis. "Good" and "bad" are words of fresh reports only; an observation that is
 * unknown is no word at all (law 1: silence is never down). */
#ifndef SPILLWAY_CORE_WITNESS_H
#define SPILLWAY_CORE_WITNESS_H

#include "core/told.h"

enum { OBSERVER_WORDS = 5 }; /* 64-bit words that hold a bit for each observer */

/* One observer's word on an IDC, on a service at an IDC, on what a carrier reaches. */
struct word {
    uint32_t good, bad; /* targets there that it sees good, bad */
    int64_t good_us;    /* how long the longest good one has been good */
    int64_t bad_us;     /* how long all have been bad: the least of them */
    bool uncovered;     /* a target over a carrier over which it has no good reference */
    bool suspect;       /* a bad target over a carrier on which it is blind: not in the numbers */
};

/* The words of all observers on one subject. A dark word: everything there bad, nothing good. */
struct tally {
    uint32_t good, dark; /* counted observers */
    uint32_t suspect;    /* observers that do not count, of those who would call it dark */
    uint32_t covered;    /* of the dark ones, those whose references are good over its carriers */
    int64_t good_us;     /* least of the counted good ones */
    int64_t dark_us;     /* least of the counted dark ones */
    uint64_t good_bits[OBSERVER_WORDS], dark_bits[OBSERVER_WORDS];
};

/* One end's word on a link. */
struct end_word {
    enum health health; /* HEALTH_UNKNOWN: no fresh word, or its observer is suspect */
    int64_t held_us;
    bool suspect;
};

enum observer_state { OBSERVER_SILENT, OBSERVER_COUNTS, OBSERVER_BLIND };

struct observer {
    enum observer_state state;
    int64_t blind_us;    /* how long everything has been dark to it */
    uint32_t blind_over; /* carriers on which it is blind, as bits: its word over them counts not */
    uint32_t good_carriers; /* carriers over which it has a good reference, as bits */
    int64_t age_us;         /* of its newest report */
    struct word inside;     /* its word on its own IDC's services */
};

/* Working memory, sized from the fleet; lives in the arena of diagnosis_new. */
struct witness {
    struct target *targets;     /* [REPORT_MAX_TARGETS] of the observer being read */
    struct word *idc_words;     /* [idc] of the observer being read */
    struct word *place_words;   /* [service * idc_count + idc] of the observer being read */
    struct word *front_words;   /* [carrier * idc_count + idc] of the observer being read */
    struct observer *observers; /* [idc] */
    struct tally *idcs;         /* [idc] words from outside */
    struct tally *places;       /* [service * idc_count + idc] words from outside and inside */
    struct tally *carriers;     /* [carrier] words on all that it reaches, references too */
    struct tally *fronts;       /* [carrier * idc_count + idc] on all that it reaches there */
    struct tally *paths;        /* [path_index()] */
    bool *
        served; /* [carrier * idc_count + idc] it reaches a service that somebody sees good there */
    uint16_t *watchers;    /* [carrier] IDCs that have an uplink to it */
    struct end_word *ends; /* [link * 2 + end] */
    uint32_t *carriers_at; /* [idc] carriers that have an uplink there, as bits */
    uint32_t referenced;   /* carriers that have a reference, as bits */
    bool *darkened;        /* [idc] every link there is called down by an end that counts */
    bool *tells;           /* [service * idc_count + idc] it could tell its load there */
    struct told *told;     /* [service * idc_count + idc] what it tells */
    int64_t stale_us;      /* in how long the first fresh report will be stale */
};

size_t witness_arena_size(const struct fleet *f);
int witness_new(const struct fleet *f, struct arena *a, struct witness **ret_w) MUST_CHECK;
/* Hears all observers. */
void witness_hear(struct witness *w, const struct control *c, const struct evidence *evidence);

static inline void observer_bit_set(uint64_t bits[OBSERVER_WORDS], uint16_t idc)
{
    bits[idc / 64] |= UINT64_C(1) << (idc % 64);
}

#endif
