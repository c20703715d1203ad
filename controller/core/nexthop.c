/* nexthop.c: Dijkstra over the links that carry, and loop-free alternates (RFC 5286 section 3.1).
 */
#include "core/nexthop.h"

#include <string.h>

enum {
    FAR = INT32_MAX,   /* no path; sums of two such fit in int64_t */
    LONG = FAR / 1024, /* the longest latency that is told apart, about 2 s */
    GRAY = LONG        /* what a gray link is longer by; 320 such hops are less than FAR */
};

/* One direction of a span, grouped by its source. */
struct arc {
    uint16_t link, to;
    bool out;
    int32_t metric;
};

struct graph {
    const struct fleet *f;
    uint32_t *first;   /* [idc + 1]: its arcs are arcs[first[idc] .. first[idc + 1]) */
    struct arc *arcs;  /* [2 * link] */
    int32_t *distance; /* [from * idc_count + to] */
    uint16_t *heap;    /* of one search */
    uint16_t *place;   /* [idc] its position in the heap + 1, 0: not there */
};

size_t nexthop_arena_size(const struct fleet *f)
{
    size_t n = f->idc_count;
    return sizeof(uint32_t) * (n + 1) + sizeof(struct arc) * 2 * f->link_count +
           sizeof(int32_t) * n * n + sizeof(uint16_t) * 2 * n + (size_t)16 * 5;
}

static bool is_span(const struct link *l)
{
    return l->end[0].idc != FLEET_NONE && l->end[1].idc != FLEET_NONE;
}

static int graph_build(const struct fleet *f, const bool *out, const bool *gray, struct arena *a,
                       struct graph *g)
{
    size_t n = f->idc_count;
    *g = (struct graph){.f = f};
    g->first = ARENA_NEW(a, uint32_t, n + 1);
    g->arcs = ARENA_NEW(a, struct arc, (size_t)2 * f->link_count);
    g->distance = ARENA_NEW(a, int32_t, n * n);
    g->heap = ARENA_NEW(a, uint16_t, n);
    g->place = ARENA_NEW(a, uint16_t, n);
    if (g->first == NULL || g->arcs == NULL || g->distance == NULL || g->heap == NULL ||
        g->place == NULL) {
        return ERR_FULL;
    }
    uint32_t filled = 0;
    for (uint16_t x = 0; x < n; x++) {
        g->first[x] = filled;
        for (uint16_t l = 0; l < f->link_count; l++) {
            int end = link_end_at(&f->links[l], x);
            if (end < 0 || !is_span(&f->links[l])) {
                continue;
            }
            uint32_t latency = f->links[l].latency_us;
            latency = latency == 0 ? 1 : latency > LONG ? LONG : latency;
            latency += gray[l] ? GRAY : 0;
            g->arcs[filled++] = (struct arc){.link = l,
                                             .to = f->links[l].end[1 - end].idc,
                                             .out = out[l],
                                             .metric = (int32_t)latency};
        }
    }
    g->first[n] = filled;
    return OK;
}

static void heap_put(struct graph *g, uint32_t at, uint16_t x)
{
    g->heap[at] = x;
    g->place[x] = (uint16_t)(at + 1);
}

/* Moves x up from position at until its parent is nearer. */
static void heap_rise(struct graph *g, const int32_t *d, uint32_t at, uint16_t x)
{
    while (at > 0 && d[g->heap[(at - 1) / 2]] > d[x]) {
        heap_put(g, at, g->heap[(at - 1) / 2]);
        at = (at - 1) / 2;
    }
    heap_put(g, at, x);
}

static uint16_t heap_take(struct graph *g, const int32_t *d, uint32_t *size)
{
    uint16_t nearest = g->heap[0];
    g->place[nearest] = 0;
    uint16_t last = g->heap[--*size];
    if (*size == 0) {
        return nearest;
    }
    uint32_t at = 0;
    for (;;) {
        uint32_t child = at * 2 + 1;
        if (child >= *size) {
            break;
        }
        child += child + 1 < *size && d[g->heap[child + 1]] < d[g->heap[child]] ? 1 : 0;
        if (d[g->heap[child]] >= d[last]) {
            break;
        }
        heap_put(g, at, g->heap[child]);
        at = child;
    }
    heap_put(g, at, last);
    return nearest;
}

/* Distances from one IDC to all over the arcs that are not out. */
static void search(struct graph *g, uint16_t from)
{
    size_t n = g->f->idc_count;
    int32_t *d = &g->distance[(size_t)from * n];
    for (size_t x = 0; x < n; x++) {
        d[x] = FAR;
    }
    d[from] = 0;
    uint32_t size = 1;
    heap_put(g, 0, from);
    while (size > 0) {
        uint16_t x = heap_take(g, d, &size);
        for (uint32_t i = g->first[x]; i < g->first[x + 1]; i++) {
            const struct arc *arc = &g->arcs[i];
            if (arc->out || d[x] + arc->metric >= d[arc->to]) {
                continue;
            }
            d[arc->to] = d[x] + arc->metric;
            heap_rise(g, d, g->place[arc->to] > 0 ? g->place[arc->to] - 1u : size++, arc->to);
        }
    }
}

/* A candidate hop with its rank: carrying ones first, then by distance, then by link. */
struct candidate {
    int64_t distance;
    uint16_t link;
    bool out;
};

static bool better(const struct candidate *a, const struct candidate *b)
{
    if (a->out != b->out) {
        return !a->out;
    }
    return a->distance != b->distance ? a->distance < b->distance : a->link < b->link;
}

static void choose(const struct graph *g, uint16_t from, uint16_t to, struct hops *ret_hops)
{
    size_t n = g->f->idc_count;
    const int32_t *d = g->distance;
    struct candidate best[FLEET_MAX_HOPS];
    uint8_t count = 0;
    for (uint32_t i = g->first[from]; i < g->first[from + 1]; i++) {
        const struct arc *arc = &g->arcs[i];
        int64_t rest = d[(size_t)arc->to * n + to];
        /* RFC 5286 inequality 1: the neighbour's own way does not lead back through us. */
        if (rest == FAR ||
            rest >= (int64_t)d[(size_t)arc->to * n + from] + d[(size_t)from * n + to]) {
            continue;
        }
        struct candidate c = {.distance = arc->metric + rest, .link = arc->link, .out = arc->out};
        uint8_t at = count < FLEET_MAX_HOPS ? count++ : FLEET_MAX_HOPS;
        while (at > 0 && better(&c, &best[at - 1])) {
            if (at < FLEET_MAX_HOPS) {
                best[at] = best[at - 1];
            }
            at--;
        }
        if (at < FLEET_MAX_HOPS) {
            best[at] = c;
        }
    }
    memset(ret_hops, 0, sizeof *ret_hops);
    ret_hops->count = count;
    for (uint8_t i = 0; i < count; i++) {
        ret_hops->links[i] = best[i].link;
    }
}

int nexthop_plan(const struct fleet *f, const bool *out, const bool *gray, struct arena *a,
                 struct plan *plan)
{
    struct graph g;
    int status = graph_build(f, out, gray, a, &g);
    if (status != OK) {
        return status;
    }
    for (uint16_t x = 0; x < f->idc_count; x++) {
        search(&g, x);
    }
    for (uint16_t from = 0; from < f->idc_count; from++) {
        for (uint16_t to = 0; to < f->idc_count; to++) {
            bool wanted = from != to && f->idcs[to].prefix_count > 0 &&
                          g.distance[(size_t)from * f->idc_count + to] != FAR;
            if (wanted) {
                choose(&g, from, to, plan_hops(plan, from, to));
            }
        }
    }
    return OK;
}
