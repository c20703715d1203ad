/* fold_internal.h: between the files of the fold only. */
#ifndef SPILLWAY_FOLD_INTERNAL_H
#define SPILLWAY_FOLD_INTERNAL_H

#include "fold/fold.h"

/* The first record of a log: *c becomes its control state. */
int fold_genesis(struct control *c, struct arena *arena, const struct record *r) MUST_CHECK;
/* A DECIDE that was accepted by the rules of who and when. */
int fold_decide(struct control *c, const struct record *r, int64_t offset) MUST_CHECK;
/* What the incident is about is of its kind and exists in the fleet: others index by it. */
bool incident_fits(const struct fleet *f, const struct incident *n);

#endif
