/* world.h: the fleet as one probe sees it: its IDC, its targets, and what watches them. */
#ifndef SPILLWAY_PROBE_WORLD_H
#define SPILLWAY_PROBE_WORLD_H

#include "checks/load.h"
#include "links.h"
#include "model/spike.h"
#include "targets.h"

struct world {
    struct fleet fleet; /* arrays in `memory` */
    void *memory;
    struct digest digest; /* of the fleet's canonical bytes */
    uint16_t idc;
    uint32_t count, link_count;
    struct target *list;          /* in canonical order; links first */
    struct observation *observed; /* room for a report */
    struct load_sample *loads_observed;
    struct load_rate *load_views;
    struct links *links;
    struct targets *targets;
    struct loads *loads;
    struct spike spike; /* of a drill; set before world_observe() */
};

struct world_config {
    const char *idc_name; /* which IDC this probe says it is of */
    const char *keys_dir;
    const struct logger *log;
    const struct lateness *lateness;
    links_changed_fn *link_changed;
    targets_changed_fn *target_changed;
    loads_changed_fn *load_changed;
    void *context;
};

/* Reads canonical fleet bytes and begins to watch; what `old` (may be NULL) knows goes on, but for
 * loads, which are read anew.
 * ERR_FOREIGN: the IDC with this index has another name; ERR_INVALID, ERR_TRUNCATED, ERR_TOO_LARGE:
 * damaged bytes; ERR_FULL: more targets than a report holds. */
int world_new(const struct world_config *config, uint16_t idc, const uint8_t *fleet, size_t size,
              struct world *old, bool reread_keys, struct mono now, struct world **ret) MUST_CHECK;
void world_free(struct world *w);
/* Fills what was observed. */
void world_observe(struct world *w, struct mono now);

#endif
