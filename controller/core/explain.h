/* explain.h: sentences: seen by whom, which rule decided, what changed, what was not done and why,
 * how to undo it (law 8). Pure: from a record and the fleet alone. */
#ifndef SPILLWAY_CORE_EXPLAIN_H
#define SPILLWAY_CORE_EXPLAIN_H

#include "base/text.h"
#include "model/control.h"

/* One line: what the record at this offset did. */
void explain_line(const struct fleet *f, const struct record *r, int64_t offset, struct text *t);
/* The whole story of a decision, several lines. */
void explain_decision(const struct fleet *f, const struct decide *d, int64_t offset,
                      struct text *t);
/* One line on an incident: kind, subject, state, since when, what waits for a person. */
void explain_incident(const struct fleet *f, const struct incident *i, struct text *t);
/* One line on an order: what, whose, why, until when, how to take it back. */
void explain_order(const struct fleet *f, const struct order *o, struct logtime now,
                   struct text *t);
void explain_subject(const struct fleet *f, const struct subject *s, struct text *t);
void explain_verdict(const struct fleet *f, const struct verdict *v, struct text *t);
/* What a guard that did not pass held back, and why. */
void explain_guard(const struct fleet *f, const struct guard_result *g, struct text *t);
void explain_change(const struct fleet *f, const struct change *ch, struct text *t);
/* The rule as a sentence. Static storage. */
const char *rule_text(enum rule r);

#endif
