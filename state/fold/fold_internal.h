/* fold_internal.h: between the files of the fold only. */
#ifndef SPILLWAY_FOLD_INTERNAL_H
#define SPILLWAY_FOLD_INTERNAL_H

#include "fold/fold.h"

/* The plan came from a decision, and no actuator was ever brought to it: who claims has to confirm
 * it. */
bool plan_without_step(const struct control *c);
/* The first record of a log: *c becomes its control state. */
int fold_genesis(struct control *c, struct arena *arena, const struct record *r) MUST_CHECK;
/* A DECIDE that was accepted by the rules of who and when. */
int fold_decide(struct control *c, const struct record *r, int64_t offset) MUST_CHECK;
/* An OPERATOR record by a known replica, not read before. */
int fold_operator(struct control *c, struct arena *arena, const struct record *r, uint16_t idc,
                  int64_t offset, enum fold_void *ret_void) MUST_CHECK;

/* fold_orders.c: a new order; what ends by its subject or id, and by time; what is home and leaves.
 * False: there is none. */
enum fold_void order_give(struct control *c, enum order_kind kind, const struct operator_record *o,
                          int64_t offset) MUST_CHECK;
/* A new fleet: the way home goes to what it wants. False: as many orders as there may be hold. */
bool order_new_fleet(struct control *c, const struct operator_record *o, int64_t offset) MUST_CHECK;
bool order_end_subject(struct control *c, enum order_kind kind,
                       const struct subject *subject) MUST_CHECK;
bool order_end_id(struct control *c, uint64_t id) MUST_CHECK;
void orders_expire(struct control *c);
void order_home(struct control *c, uint32_t id);
struct digest fixed_digest(const struct control *c);
const char *orders_broken(const struct control *c);
/* The change's new side is no value of its place in a plan for this fleet; NULL: it is. */
const char *change_broken(const struct fleet *f, const struct change *ch);

/* fold_drill.c: a person asks for a run or ends it; a decision moves it (once the move is known to
 * fit); an IDC's injectors say what they do. */
enum fold_void drill_ask(struct control *c, const struct operator_record *o,
                         int64_t offset) MUST_CHECK;
enum fold_void drill_abort(struct control *c, uint64_t id) MUST_CHECK;
bool drill_move_fits(const struct drill_run *r, const struct drill_move *m) MUST_CHECK;
void drill_move(struct control *c, const struct drill_move *m, struct logtime now, int64_t offset);
bool drill_injection(struct control *c, const struct step *s, uint16_t idc) MUST_CHECK;
const char *drill_run_broken(const struct control *c);

/* fold_demand.c: the words of a decision are about this fleet, in order, within the span. */
bool demands_fit(const struct control *c, const struct decide *d) MUST_CHECK;
void demands_apply(struct control *c, const struct decide *d, struct logtime now);
/* Demand in its canonical form; the array comes from the codec's arena. */
void demands_codec(struct codec *c, struct control *k);
/* It may be said of that place of the fleet. */
bool demand_fits(const struct fleet *f, uint16_t service, uint16_t view, const struct demand *d);
struct digest demand_digest(const struct control *c);
const char *demands_broken(const struct control *c);

/* What the incident is about is of its kind and exists in the fleet: others index by it. */
bool incident_fits(const struct fleet *f, const struct incident *n);

#endif
