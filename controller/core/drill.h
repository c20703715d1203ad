/* drill.h: the next move of a drill under way: blockers, conditions, aborts. Internal to decide().
 *
 * A run moves only by decisions, so every replica knows where it stands, a new leader goes on with
 * it, and its report is the log. What a move does (begin or end an injection, drain, approve) is
 * done by the fold and carried out by the actuators of the IDCs that it strikes. */
#ifndef SPILLWAY_CORE_DRILL_H
#define SPILLWAY_CORE_DRILL_H

#include "core/incidents.h"
#include "core/planner.h"

/* What a drill is judged by, beside outlook and incidents. */
struct drill_view {
    const struct outlook *o;
    const struct casebook *cases;
    uint32_t core_errors_ppm; /* of requests to the services, now; 0 when nothing is measured */
    uint32_t headroom_ppm;    /* that stays free for core with the target lost */
    bool settled;             /* nothing else is being decided about the plan */
};

/* The move that is due, state DRILL_NEVER for none. *ret_next_us: in how long, without anything
 * new, another may be due; only ever made shorter. */
struct drill_move drill_next(const struct drill_view *v, int64_t *ret_next_us);
/* What stays free of the fullest entrance when all that the run strikes is lost and only core is
 * served: a plan is made for it in the arena. ERR_FULL. */
int drill_headroom(const struct outlook *o, const struct drill_run *r, struct arena *a,
                   uint32_t *ret_ppm) MUST_CHECK;
size_t drill_headroom_arena_size(const struct fleet *f);
/* A condition needs drill_view.headroom_ppm now, which costs a plan to find out. */
bool drill_asks_headroom(const struct drill_run *r);

#endif
