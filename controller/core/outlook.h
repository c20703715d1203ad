/* outlook.h: what the planner may rely on, out of incidents and verdicts. Internal to decide(). */
#ifndef SPILLWAY_CORE_OUTLOOK_H
#define SPILLWAY_CORE_OUTLOOK_H

#include "core/diagnose.h"

/* The incidents as they will be after this decision; starts as those of the control state. */
struct casebook {
    uint32_t count;
    struct incident at[INCIDENT_MAX];
    uint32_t next_id;
};

struct outlook {
    const struct control *c;
    const struct fleet *f;
    const struct diagnosis *d;
    struct logtime now;
    /* Of an entrance as reached over a carrier: a view asks for its own carrier's. */
    bool *dead; /* [path_index()] concluded dead on fresh evidence, within the budget: slots move */
    bool *out;  /* [path_index()] drained or to be drained until its incident recovers */
    bool *usable;   /* [path_index()] not out and positively seen good: may receive */
    bool *settled;  /* [path_index()] usable, and good for the hold-down: traffic may come back */
    bool *good;     /* [path_index()] positively seen good, whatever incidents and orders say */
    bool *drained;  /* [path_index()] out by a person's order: its slots move by a planned shift */
    bool *pinned;   /* [path_index()] by a person's order its slots neither leave nor come */
    uint8_t *stays; /* [path_index()] the guard that keeps a drain from moving it; 0: none does */
    /* Of drains of a service over a carrier: those from this order on do nothing, and the guard
     * that says so: the newest gives way first. */
    uint32_t *drains_until;  /* [drain_index()] */
    uint8_t *drains_stopped; /* [drain_index()] */
    bool *link_out;          /* [link] does not carry in the plan */
    bool *release;           /* [link] has held long enough: its downs are released */
    bool *link_gray;         /* [link] carries, and loses: other hops are preferred */
    bool *carrier_out;       /* [carrier] down everywhere: what is on it has nowhere to go */
    bool *over_budget;       /* [carrier * idc_count + idc] dead over the carrier, but more than
                                max_drained_idcs are */
    bool *over_stranded;     /* [idc] off the backbone, but as many others are already */
    bool routes_open;        /* some incident or release concerns next hops, or a new fleet does */
};

static inline size_t drain_index(const struct fleet *f, uint16_t service, uint16_t carrier)
{
    return (size_t)service * f->carrier_count + carrier;
}

size_t outlook_arena_size(const struct fleet *f);
int outlook_new(const struct control *c, const struct diagnosis *d, struct logtime now,
                struct arena *a, struct outlook *ret_o) MUST_CHECK;
/* Fills the arrays from the verdicts and the casebook. */
void outlook_fill(struct outlook *o, const struct casebook *cases);

/* The service cannot serve from the IDC while that is off the backbone: by declaration, or, where
 * it only prefers one, because it has failed its requests there for the confirmation window. */
bool lost_without_backbone(const struct outlook *o, uint16_t service, uint16_t idc);
/* The entrance is out over every carrier that reaches it. */
bool entrance_out(const struct outlook *o, uint16_t entrance);

struct incident *case_find(struct casebook *cases, enum incident_kind kind, struct subject subject);
const struct incident *case_find_const(const struct casebook *cases, enum incident_kind kind,
                                       struct subject subject);
/* The incident keeps traffic away: it is confirmed or mitigated. */
bool case_holds(const struct incident *i);

#endif
