/* guard.h: the named safety rules in the commit path. Every proposed plan passes them, whatever
 * made it. */
#ifndef SPILLWAY_CORE_GUARD_H
#define SPILLWAY_CORE_GUARD_H

#include "core/incidents.h"
#include "core/planner.h"

struct guard_log {
    struct guard_result *at; /* [RECORD_MAX_GUARDS] */
    uint32_t count;
};

/* Checks the proposal against the plan in force and repairs it where a guard does not pass:
 *   never-last, last-idc, stateful, quorum, cold-start, restore, pin: the place stays as it is;
 *   core: the tier limit stays as it is;
 *   capacity: a rescue or a demotion sheds further, anything else loses what it wanted for that
 * service; drain-budget: the IDC's slots stay (the outlook already left them out; here it is told).
 * Each guard writes one result when it passed, or one for each subject that it stopped. */
void guard_check(const struct outlook *o, enum decide_purpose purpose, struct load *load,
                 struct plan *to, struct guard_log *log);
/* Tells, of the answers that the rescue changed, which entrances their views prefer and found full:
 * full[path_index()], as the planner left it. */
void guard_full(const struct outlook *o, const struct plan *to, const bool *full,
                struct guard_log *log);
/* The one result of a plan that a person has frozen. */
void guard_frozen(struct guard_log *log);
/* Marks in over[service * idc_count + idc] what the plan overloads; core_only: with core alone. */
void guard_overloads(const struct outlook *o, const struct plan *p, bool core_only,
                     struct load *load, bool *over);

#endif
