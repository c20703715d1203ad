/* planner.h: which entrance fills which slot, and which tiers are served.
 *
 * Per service, because neither capacity nor demand is shared between services. All choices are made
 * in a fixed order (rank of preference, view, entrance index), so equal inputs give equal plans. */
#ifndef SPILLWAY_CORE_PLANNER_H
#define SPILLWAY_CORE_PLANNER_H

#include "core/load.h"

struct planner {
    const struct fleet *f;
    const bool *dead;   /* [path_index()] slots of the carrier's views have to move (rescue) */
    const bool *usable; /* [path_index()] it may receive them */
    const bool *named;  /* [path_index()] a person moves a stateful service away; NULL: nowhere */
    uint16_t *first;    /* [service * idc_count + idc] first entrance there, FLEET_NONE: none */
    uint16_t *next;     /* [entrance] next one at the same place */
    uint16_t *order; /* [view * idc_count + rank] IDCs by preference, the others behind by index */
    uint32_t *pending; /* [view] slots to fill, as bits */
    uint32_t *wanted;  /* [view] slots to fill at the start, to try again with fewer tiers */
    uint16_t *ranks;   /* [view] how many ranks are considered */
    uint8_t *base;     /* [region] tier limit before shedding */
    bool *full; /* [path_index()] a view that prefers it would have given it more than it carries */
    struct answer *had; /* [view] before: what cannot be filled keeps what it had */
    struct load load;   /* of the service at hand */
};

size_t planner_arena_size(const struct fleet *f);
/* demand (NULL: as declared), dead and usable are borrowed. */
int planner_new(const struct fleet *f, const struct demand *demand, const bool *dead,
                const bool *usable, struct arena *a, struct planner *ret_p) MUST_CHECK;

/* Fills the empty plan for the whole fleet with nothing known down: answers and tiers, no hops. */
void planner_home(struct planner *p, struct plan *plan);
/* Moves the slots that stateless services have on entrances dead over their views' carriers to
 * usable ones, and only those: within the IDC first, then by the view's preference; sheds
 * tiers at the receivers as far as needed, from the highest down; when core alone does not fit,
 * spreads in proportion to capacity. Answers without a usable entrance stay as they are. Stateful
 * ones move only where `named` says so. */
void planner_rescue(struct planner *p, struct plan *plan);

/* Sheds tiers, as far as there are, where the plan asks more of an entrance than it has. */
void planner_shed(struct planner *p, struct plan *plan);

/* First address of the entrance's pool that the answer does not use, or -1. */
int answer_free_address(const struct fleet *f, const struct answer *a, uint16_t entrance);
/* True when the entrance is reached over the view's carrier. */
bool entrance_reaches(const struct fleet *f, uint16_t entrance, uint16_t view);

#endif
