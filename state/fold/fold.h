/* fold.h: the control fold: (control state, record at offset) -> control state. Pure and
 * deterministic.
 *
 * Every replica folds the same log into the same bytes (law 10). */
#ifndef SPILLWAY_FOLD_FOLD_H
#define SPILLWAY_FOLD_FOLD_H

#include "model/control.h"

/* Why a record did not count. Shown by `journal dump` and `explain`. */
enum fold_void {
    FOLD_ACCEPTED = 0,
    FOLD_DUPLICATE,   /* writer and sequence were seen, or a higher one of that writer */
    FOLD_FOREIGN_LOG, /* another log id */
    FOLD_NOT_FIRST,   /* GENESIS elsewhere than at offset 0, or something else at offset 0 */
    FOLD_LATE_CLAIM,  /* the record it names is no longer the newest of the epoch's leader */
    FOLD_NOT_CANDIDATE,
    FOLD_NOT_LEADER,      /* HEARTBEAT, DECIDE, SNAPSHOT, RULES of another epoch or writer */
    FOLD_OVERTAKEN,       /* DECIDE: something decisive was accepted after its base */
    FOLD_REQUEST_SEEN,    /* OPERATOR, FLEET: that request id was folded before */
    FOLD_REQUEST_LATE,    /* ... or more than 60 s of log time after its base */
    FOLD_REQUEST_FLOOD,   /* ... or the replica's sixth in a second */
    FOLD_REQUEST_REFUSED, /* ... or it names nothing that exists */
    FOLD_UNKNOWN_REPLICA,
    FOLD_SKIPPED,           /* an operator's skip */
    FOLD_VERSION,           /* a kind that the rules in force do not have */
    FOLD_REQUEST_FULL,      /* OPERATOR: as many orders as there may be are in force */
    FOLD_REQUEST_EXISTS,    /* ... or that order is in force already */
    FOLD_REQUEST_CORE,      /* ... or it would turn tier 0 off */
    FOLD_REQUEST_OVERTAKEN, /* ... or nothing stands of what it undoes or replaces */
    FOLD_REQUEST_IN_USE,    /* ... or an answer needs what the new fleet does not have any more */
    FOLD_REQUEST_BUSY,      /* ... or a drill, a freeze or a plan not yet confirmed is in its way */
};

/* Highest rules version that this fold knows. Where deliberate bugs are compiled in, there is a
 * next one, which differs in nothing: the simulator upgrades to it. */
#ifdef SPILLWAY_BUGS
enum { FOLD_RULES_NEWEST = 2 };
#else
enum { FOLD_RULES_NEWEST = 1 };
#endif

/* Bytes of arena for the control state of a fleet of this shape, plan and fleet included. */
size_t control_arena_size(const struct fleet *f);
/* The control state before any record: applied -1, no fleet. */
void control_init(struct control *c);

/* Folds one record. arena is where GENESIS and OPERATOR fleet put the fleet and arrays;
 * other records allocate nothing. *ret_void says whether it counted; a record that did not moves
 * `applied` and nothing else but its writer's count of requests. Returns OK, or with c unchanged
 * ERR_INVARIANT  the record was accepted by the rules and then broke an invariant (plan digest,
 * incident transition, never-last): the caller halts acting at this offset; ERR_INVALID    offset
 * is not above applied, or GENESIS cannot be read: likewise; ERR_VERSION    RULES raises the
 * version above FOLD_RULES_NEWEST: likewise, until an upgrade; ERR_FULL       the arena is too
 * small. */
int fold_apply(struct control *c, struct arena *arena, const struct record *r, int64_t offset,
               enum fold_void *ret_void) MUST_CHECK;
/* Writes what the plan in force says of everything that is in both fleets over `plan`, a plan of
 * the next fleet: what a new fleet has to bring. Next hops to an IDC stay if all of them can.
 * ERR_BUSY: an answer needs an address that the next fleet does not have or its view does not
 * reach, the number of its view's slots is another one, or the last way between two IDCs or the
 * last announcer is gone; ERR_FULL. */
int fleet_carry_over(const struct control *c, const struct fleet *next, struct arena *a,
                     struct plan *plan) MUST_CHECK;
size_t fleet_carry_arena_size(const struct fleet *old);
/* A person's new fleet, as fold_apply() takes it, by itself: to look before writing. The new fleet
 * and the state of it go into the arena, which has control_arena_size(next) and
 * fleet_carry_arena_size(c->fleet); what is void leaves *c
 * as it is. The command's argument is the offset of the record that gave the fleet in force.
 * ERR_FULL. */
int fold_fleet(struct control *c, struct arena *arena, const struct operator_record *o,
               int64_t offset, enum fold_void *ret_void) MUST_CHECK;
/* Folds the record at offset as void (OPERATOR skip): only applied moves. */
void fold_skip(struct control *c, int64_t offset);

/* The whole control state in canonical form, in either direction. Reading (the journal, a SNAPSHOT,
 * a reseed) needs an arena of control_arena_size(); check the result with control_broken(). */
void control_codec(struct codec *c, struct control *control);
size_t control_encoded_size(const struct control *c);
/* SHA-256 of the canonical form, `applied` included, where the fleet stands by its digest, the
 * plan by its fence, the fixed values and the demand by theirs: a heartbeat need not hash
 * megabytes. Nothing local to a replica is covered. scratch must hold control_digest_size() bytes.
 */
struct digest control_digest(const struct control *c, void *scratch, size_t scratch_size);
size_t control_digest_size(const struct control *c);
/* Takes the control state out of a SNAPSHOT: that of its base, of this log, whole in itself (it
 * matches all digests that it names). Whether it is the log's own only its control digest tells.
 * ERR_INVALID: it is none; ERR_FULL: the arena has less than snapshot_arena_size() of its fleet. */
int snapshot_read(const struct record *r, struct arena *a, struct control *ret_c) MUST_CHECK;
size_t snapshot_arena_size(const struct fleet *f);
/* Checks what must always hold of a control state; NULL, or a static sentence naming what is
 * broken. */
const char *control_broken(const struct control *c);
/* The same of a plan for this fleet: no answer is empty that somebody could fill (law 5), slots and
 * hops exist and are distinct, tiers are in range. */
const char *plan_broken(const struct fleet *f, const struct plan *p);
/* A plan that is frozen changes by a person's UNDO only. */
bool control_frozen(const struct control *c);
/* The order with this id, or NULL. */
const struct order *control_order(const struct control *c, uint64_t id);
/* What keeps the change's place, or NULL. */
const struct fixed *control_fixed(const struct control *c, const struct change *place);
/* The idc whose report partition this is, or FLEET_NONE. */
uint16_t fold_replica(const struct fleet *f, uint16_t partition);
/* The version that all candidates run, by their newest `alive`; 0: one of them never spoke. */
uint32_t fold_rules_common(const struct control *c);
/* The version that this RULES would put in force; 0: it does not count. */
uint32_t fold_rules_raised(const struct control *c, const struct record *r);
const char *fold_void_name(enum fold_void v);

#endif
