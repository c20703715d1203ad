/* service_load.h: what a service tells of its load (spillway-fleet(5), LOAD): its true counters of
 * the last whole second, in the fleet's numbers though the lab runs at a share of them. A request
 * is what the fleet calls so: a visit of a user, counted by its first call. */
#ifndef SPILLWAY_LAB_SERVICE_LOAD_H
#define SPILLWAY_LAB_SERVICE_LOAD_H

#include "lab.h"

enum { LOAD_VIEWS = 256, LOAD_PAGE_SIZE = 16 * 1024 };

struct load_counts {
    unsigned requests, errors;
    unsigned views[LOAD_VIEWS]; /* by the users' network, 100.64.<view>.0/24 */
};

struct service_load {
    const char *path; /* NULL: it tells none */
    bool prometheus;
    double scale; /* of the lab */
    size_t view_count;
    const char *views[LOAD_VIEWS];
    struct load_counts now, last;
    double saturation; /* of the last second */
};

/* settings: {"path", "format", "scale", "views": [...]} */
void service_load_init(struct service_load *l, const json_t *settings);
void service_load_count(struct service_load *l, struct in_addr peer, bool failed);
/* A second is over, in which units of the capacity (both of the lab) were spent. */
void service_load_second(struct service_load *l, double units, double capacity);
void service_load_page(const struct service_load *l, char room[LOAD_PAGE_SIZE]);

#endif
