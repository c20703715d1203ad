/* overload.h: places that are asked for more than they carry, the tiers that fall for it, and when
 * they may come back. Internal to decide().
 *
 * By the plan: the demand in force is beyond a place's capacity; all tiers fall at once that have
 * to. By its own word: a service says that it is full though it fits on paper; when that has held
 * for the confirmation window one tier falls, and the next when the first had time to show. Back
 * they come one by one: with headroom on paper, and, where the place had said that it was full,
 * with the headroom below the limit in what it says now. */
#ifndef SPILLWAY_CORE_OVERLOAD_H
#define SPILLWAY_CORE_OVERLOAD_H

#include "core/incidents.h"
#include "core/load.h"

/* What an incident of overload moves by. */
struct overload {
    bool *over; /* [service * idc_count + idc] beyond its capacity */
    bool *full; /* [service * idc_count + idc] it says so itself; silence says nothing */
};

size_t overload_arena_size(const struct fleet *f);
int overload_new(const struct fleet *f, struct arena *a, struct overload *ret_v) MUST_CHECK;
/* An incident of overload is open. */
bool overload_open(const struct outlook *o);
/* A tier is missing somewhere that may come back. */
bool overload_shed_any(const struct outlook *o);
/* over: by the plan in force, or, with core alone, by the proposal (NULL: there is none). */
void overload_look(const struct outlook *o, const struct plan *to, struct load *load,
                   struct overload *v);
/* Lowers the tiers of *to, a copy of the plan in force, that have to fall for what services say.
 * *ret_next_us: in how long one may be due; only ever made shorter. */
void overload_shed(const struct outlook *o, struct plan *to, int64_t *ret_next_us);
/* The service in the region is not full, and would not be with the tiers of *to, where they may
 * come back. load: scratch. */
bool overload_allows(const struct outlook *o, const struct plan *to, uint16_t region,
                     uint16_t service, struct load *load);
/* No view asks more of the service than is declared. */
bool overload_calm(const struct outlook *o, uint16_t service);
/* Incidents of overload open, change and close. to: the proposal, or, where one is open, a copy of
 * the plan in force, which it is again after the call; moves: it is a proposal. load: scratch. */
void cases_overload(struct casebook *cases, const struct outlook *o, const struct overload *v,
                    struct plan *to, bool moves, struct load *load);

#endif
