/* diagnose_internal.h: what the files that hold the ladders share. */
#ifndef SPILLWAY_CORE_DIAGNOSE_INTERNAL_H
#define SPILLWAY_CORE_DIAGNOSE_INTERNAL_H

#include "core/witness.h"

/* What the ladders look at. */
struct bench {
    const struct control *c;
    const struct fleet *f;
    const struct policy *policy;
    const struct witness *w;
    struct diagnosis *d;
    struct logtime now;
    int64_t cold_us; /* what is left of the cold start, 0 or less when it is over */
};

/* What it takes to believe that something is dead. */
struct proof {
    enum rule rule;  /* by which min_observers who agree conclude it */
    bool references; /* their references over its carriers must be good ... */
    bool lone;       /* ... and who proves himself so is enough when nobody else speaks */
};

void conclude(struct verdict *v, enum health h, enum rule rule, int64_t held_us);
/* Time alone will change a verdict in so long. */
void wake_in(const struct bench *b, int64_t us);
/* The control state has such an incident open. */
bool case_open(const struct bench *b, enum incident_kind kind, enum subject_kind of, uint16_t a,
               uint16_t at);
/* All counted observers have called it dark for dark_us: is that a death? */
void judge_dark(const struct bench *b, struct verdict *v, const struct tally *t, int64_t dark_us,
                struct proof proof);
/* Nobody who counts calls it dark; at least one may see it good. */
void judge_not_dark(const struct bench *b, struct verdict *v, const struct tally *t,
                    bool restoring);
void judge_partly(struct verdict *v, const struct tally *t);
/* What holds for the whole holds for its part. */
void judge_as(struct verdict *v, const struct verdict *whole);
/* Dark to all who speak of it. */
bool all_dark(const struct tally *t);

/* ... of a service that is up otherwise: it may fail its requests by its own word. */
void judge_errors(const struct bench *b, struct verdict *v, uint16_t service, uint16_t idc);
void judge_carriers(const struct bench *b);
void judge_links(const struct bench *b); /* after IDCs and carriers */

static inline int64_t least(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

#endif
