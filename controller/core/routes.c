/* routes.c: ordering next hops by the plan and the local probe's word. */
#include "core/routes.h"

#include <string.h>

size_t routes_arena_size(const struct fleet *f)
{
    size_t idc = sizeof(struct hops) + sizeof(uint16_t) + sizeof(struct route_want);
    size_t link = sizeof(struct local_link) + sizeof(uint32_t);
    return idc * f->idc_count + link * f->link_count + f->service_count + 6 * 16;
}

int routes_new(const struct fleet *f, struct arena *a, struct routes *ret_r)
{
    struct routes r = {
        .idc_count = f->idc_count, .link_count = f->link_count, .service_count = f->service_count};
    r.links = ARENA_NEW(a, struct local_link, f->link_count);
    r.hops = ARENA_NEW(a, struct hops, f->idc_count);
    r.released = ARENA_NEW(a, uint32_t, f->link_count);
    r.present = ARENA_NEW(a, uint16_t, f->idc_count);
    r.want = ARENA_NEW(a, struct route_want, f->idc_count);
    r.announced = ARENA_NEW(a, uint8_t, f->service_count);
    if (r.links == NULL || r.hops == NULL || r.released == NULL || r.present == NULL ||
        r.want == NULL || r.announced == NULL) {
        return ERR_FULL;
    }
    for (uint16_t i = 0; i < f->idc_count; i++) {
        r.present[i] = FLEET_NONE;
    }
    *ret_r = r;
    return OK;
}

/* A down that the plan has not seen over holds the link. */
static bool is_held(const struct routes *r, uint16_t link)
{
    return r->links[link].number > r->released[link];
}

/* The plan's first choice may serve unless it is known to be down; anything else has to be seen
 * good. */
static bool may_serve(const struct routes *r, uint16_t link, bool first_choice)
{
    enum local_state s = r->links[link].state;
    return s == LOCAL_UP || (s == LOCAL_UNKNOWN && first_choice && !is_held(r, link));
}

static void move_to_front(uint16_t *links, uint8_t at)
{
    uint16_t link = links[at];
    memmove(links + 1, links, at * sizeof links[0]);
    links[0] = link;
}

static uint8_t index_of(const struct route_want *w, uint16_t link)
{
    uint8_t i = 0;
    while (i < w->count && w->links[i] != link) {
        i++;
    }
    return i;
}

/* The plan's order, held links at the end; then the effective hop first. */
static struct route_want order(struct routes *r, uint16_t destination)
{
    const struct hops *h = &r->hops[destination];
    struct route_want w;
    memset(&w, 0, sizeof w);
    w.destination = destination;
    for (int held = 0; held < 2; held++) {
        for (uint8_t i = 0; i < h->count; i++) {
            if (is_held(r, h->links[i]) == (held == 1)) {
                w.links[w.count++] = h->links[i];
            }
        }
    }
    uint8_t effective = 0;
    while (effective < w.count &&
           !may_serve(r, w.links[effective], w.links[effective] == h->links[0])) {
        effective++;
    }
    if (effective == w.count) {
        effective = index_of(&w, r->present[destination]); /* nothing is good: stay */
    }
    if (effective < w.count) {
        move_to_front(w.links, effective);
    }
    r->present[destination] = w.count > 0 ? w.links[0] : FLEET_NONE;
    return w;
}

static bool want_equal(const struct route_want *a, const struct route_want *b)
{
    return a->destination == b->destination && a->count == b->count &&
           memcmp(a->links, b->links, a->count * sizeof a->links[0]) == 0;
}

static void order_all(struct routes *r)
{
    uint32_t n = 0;
    for (uint16_t to = 0; to < r->idc_count; to++) {
        if (r->hops[to].count == 0) {
            continue;
        }
        struct route_want w = order(r, to);
        if (n >= r->want_count || !want_equal(&w, &r->want[n])) {
            r->want[n] = w;
            r->changed = true;
        }
        n++;
    }
    r->changed = r->changed || n != r->want_count;
    r->want_count = n;
}

void routes_plan(struct routes *r, const struct fleet *f, const struct plan *p, uint16_t me)
{
    for (uint16_t to = 0; to < f->idc_count; to++) {
        r->hops[to] = *plan_hops(p, me, to);
    }
    for (uint16_t l = 0; l < f->link_count; l++) {
        int end = link_end_at(&f->links[l], me);
        r->released[l] = end < 0 ? 0 : *plan_released(p, l, (uint8_t)end);
    }
    for (uint16_t s = 0; s < r->service_count; s++) {
        r->changed = r->changed || r->announced[s] != *plan_announced(p, s, me);
        r->announced[s] = *plan_announced(p, s, me);
    }
    order_all(r);
}

void routes_edge(struct routes *r, const struct fleet *f, const struct link_edge *e, uint16_t me)
{
    if (e->link >= r->link_count || e->end > 1 || f->links[e->link].end[e->end].idc != me) {
        return;
    }
    struct local_link *l = &r->links[e->link];
    l->state = e->down ? LOCAL_DOWN : LOCAL_UP;
    l->number = e->down_number > l->number ? e->down_number : l->number;
    order_all(r);
}
