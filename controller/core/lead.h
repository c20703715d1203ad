/* lead.h: who leads, and what a leader writes: claim, lease, heartbeats, one record in flight, log
 * time (PROTOCOL.md, "The log"). */
#ifndef SPILLWAY_CORE_LEAD_H
#define SPILLWAY_CORE_LEAD_H

#include "base/rng.h"
#include "core/out.h"

struct lead {
    struct rng rng;
    /* Place in the log. */
    bool at_end;        /* everything there was has been stepped */
    bool lost;          /* the log cannot be read */
    bool stopping;      /* EVENT_STOP came */
    struct mono end_at; /* when it was at the end last */
    struct mono heard;  /* when it read the epoch's leader last */
    /* Log time: this time at that moment of our clock, and our clock since. */
    struct logtime time;
    struct mono time_at;
    /* The one record in flight, resent unchanged until it is read back. */
    bool in_flight;
    struct record flight;
    struct mono first_sent, last_sent;
    struct mono spoke; /* newest record of ours as leader was made */
    /* Claiming: the delay is drawn anew for each newest record of the leader. */
    int64_t drawn_for;
    bool drawn_for_yield;
    struct mono claim_at;
    /* A decision of ours came back late: another claim makes it wait for confirmation (lead.c). */
    bool reclaim;
    /* A person's word that somebody else leads (OPERATOR transfer): of that epoch, until then. Kept
     * here and not in the control state: it only says who is quick to claim. */
    uint64_t given_epoch;
    uint16_t given_to; /* idc; FLEET_NONE: any */
    struct mono given_until;
};

void lead_init(struct lead *l, uint64_t seed, struct logtime time, struct mono now);
/* A decision or snapshot in flight is of another fleet: what it borrowed is gone. */
void lead_drop_borrowed(struct lead *l);
/* This replica's incarnation leads. */
bool lead_is_mine(const struct replica_config *config, const struct control *c);
/* Log time now, as far as this replica can know. */
struct logtime lead_time(const struct lead *l, struct mono now);
/* A record was folded. Returns true when it is a DECIDE that came in time to be acted upon at once.
 */
bool lead_folded(struct lead *l, struct out *o, const struct record *r, enum fold_void why);
void lead_end(struct lead *l, struct mono now);
void lead_lost(struct lead *l);

/* What the rest of the replica knows that decides who leads. */
struct fitness {
    bool halted;
    bool must_yield; /* SIGTERM, unread partitions, digest minority: a leader yields, nobody claims
                      */
    const struct digest *control; /* own control digest at the applied offset */
};

/* Claims, beats, resends what is due. */
void lead_run(struct lead *l, struct out *o, const struct fitness *fit);
/* True when this replica leads, sees its own records come back, and has nothing in flight. */
bool lead_may_decide(const struct lead *l, const struct out *o, const struct fitness *fit);
/* Puts a decision in flight; its arrays must stay until lead_in_flight() is false. False: no room
 * for the effect, nothing was done. */
bool lead_decide(struct lead *l, struct out *o, const struct decide *d);
/* Likewise a SNAPSHOT of this control state. */
bool lead_snapshot(struct lead *l, struct out *o, const struct bytes *control);

#endif
