/* nexthop.h: ordered next hops between IDCs: shortest path by latency, then loop-free backups. */
#ifndef SPILLWAY_CORE_NEXTHOP_H
#define SPILLWAY_CORE_NEXTHOP_H

#include "model/plan.h"

size_t nexthop_arena_size(const struct fleet *f);
/* Writes the hops of every (source, destination with prefixes) into the plan. out[link]: the link
 * does not carry and goes to the end of the lists it stays in. gray[link]: it carries and loses:
 * any way without it is shorter, and it is never left out. Every hop but such a last one satisfies
 * RFC 5286 inequality 1 over the links that are not out. A pair without any path keeps the hops it
 * has (fail static: the last route is never withdrawn). Ties: the lower link index first. Scratch
 * from the arena. */
int nexthop_plan(const struct fleet *f, const bool *out, const bool *gray, struct arena *a,
                 struct plan *plan) MUST_CHECK;

#endif
