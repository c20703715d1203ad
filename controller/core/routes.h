/* routes.h: the order in which this IDC's next hops should stand now: the plan's, with held links
 * last and a good one first (PROTOCOL.md, "Fences", Routes). */
#ifndef SPILLWAY_CORE_ROUTES_H
#define SPILLWAY_CORE_ROUTES_H

#include "core/out.h"

enum local_state { LOCAL_UNKNOWN, LOCAL_UP, LOCAL_DOWN };

/* This IDC's end of a link, by the local probe's word. */
struct local_link {
    enum local_state state;
    uint32_t number; /* highest local down */
    uint32_t told;   /* ... that was put into a STEP, last at: */
    struct mono told_at;
};

struct routes {
    uint16_t idc_count, link_count;
    struct local_link *links; /* [link]; only those with an end here are used */
    struct hops *hops;        /* [destination]: this IDC's row of the plan acted upon */
    uint32_t *released;       /* [link]: at this IDC's end, of the plan acted upon */
    uint16_t *present;        /* [destination]: the effective hop, FLEET_NONE for none */
    struct route_want *want;  /* [destination], want_count of them */
    uint32_t want_count;
    uint16_t service_count;
    uint8_t *announced; /* [service] 1: this IDC announces it, by the plan acted upon */
    bool changed;       /* want is not what was handed out last */
};

size_t routes_arena_size(const struct fleet *f);
int routes_new(const struct fleet *f, struct arena *a, struct routes *ret_r) MUST_CHECK;
/* The plan that is acted upon from now on. */
void routes_plan(struct routes *r, const struct fleet *f, const struct plan *p, uint16_t me);
/* The local probe's word; ignored for a link that has no end here. */
void routes_edge(struct routes *r, const struct fleet *f, const struct link_edge *e, uint16_t me);

#endif
