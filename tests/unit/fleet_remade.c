/* fleet_remade.c: lists in another order, and all indices with them. */
#include "fleet_remade.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MOST = 512 }; /* of one list, for tests */

static void require(bool holds, const char *what)
{
    if (!holds) {
        (void)fprintf(stderr, "a fleet made anew needs %s\n", what);
        abort();
    }
}

/* Of one list: what is at each new place, and where each old one went. */
struct places {
    uint16_t count, at[MOST], to[MOST];
};

struct work {
    const struct fleet *f;
    struct arena a;
    struct places of[PARTS];
};

uint16_t fleet_count(const struct fleet *f, enum part part)
{
    switch (part) {
    case PART_REGION: return f->region_count;
    case PART_CARRIER: return f->carrier_count;
    case PART_IDC: return f->idc_count;
    case PART_LINK: return f->link_count;
    case PART_CONDUIT: return f->conduit_count;
    case PART_VIEW: return f->view_count;
    case PART_SERVICE: return f->service_count;
    case PART_ENTRANCE: return f->entrance_count;
    case PART_SERVER: return f->dns_server_count;
    case PART_REFERENCE: return f->reference_count;
    case PARTS: break;
    }
    return 0;
}

static void *room(struct work *w, size_t count, size_t size)
{
    void *p = arena_alloc(&w->a, count, size);
    require(p != NULL, "memory for a fleet");
    return p;
}

static uint16_t gone_to(const struct work *w, enum part part, uint16_t old)
{
    return old == FLEET_NONE ? FLEET_NONE : w->of[part].to[old];
}

static bool kept(const struct work *w, enum part part, uint16_t old)
{
    return gone_to(w, part, old) != FLEET_NONE;
}

static uint32_t mask_of(const struct work *w, uint32_t carriers)
{
    uint32_t mask = 0;
    for (uint16_t c = 0; c < w->f->carrier_count; c++) {
        if ((carriers >> c & 1) != 0 && kept(w, PART_CARRIER, c)) {
            mask |= UINT32_C(1) << w->of[PART_CARRIER].to[c];
        }
    }
    return mask;
}

/* What it hangs on is kept. */
static bool stands(const struct work *w, enum part part, uint16_t i)
{
    const struct fleet *f = w->f;
    switch (part) {
    case PART_REGION:
    case PART_CARRIER:
    case PART_SERVICE:
    case PART_CONDUIT:
    case PARTS: return true;
    case PART_IDC: return kept(w, PART_REGION, f->idcs[i].region);
    case PART_LINK: {
        const struct link *l = &f->links[i];
        return kept(w, PART_IDC, l->end[0].idc) &&
               (l->carrier != FLEET_NONE ? kept(w, PART_CARRIER, l->carrier)
                                         : kept(w, PART_IDC, l->end[1].idc));
    }
    case PART_VIEW:
        return kept(w, PART_REGION, f->views[i].region) &&
               kept(w, PART_CARRIER, f->views[i].carrier);
    case PART_ENTRANCE:
        return kept(w, PART_SERVICE, f->entrances[i].service) &&
               kept(w, PART_IDC, f->entrances[i].idc) && mask_of(w, f->entrances[i].carriers) != 0;
    case PART_SERVER:
        return f->dns_servers[i].idc == FLEET_NONE || kept(w, PART_IDC, f->dns_servers[i].idc);
    case PART_REFERENCE: return mask_of(w, f->references[i].carriers) != 0;
    }
    return true;
}

static void place(struct work *w, enum part part, const struct remake *how)
{
    struct places *p = &w->of[part];
    uint16_t n = fleet_count(w->f, part);
    require(n <= MOST, "a small fleet");
    for (uint16_t i = 0; i < n; i++) {
        uint16_t old = how->reverse ? (uint16_t)(n - 1 - i) : i;
        bool out = how->takes && how->part == part && how->index == old;
        p->to[old] = FLEET_NONE;
        if (!out && stands(w, part, old)) {
            p->to[old] = p->count;
            p->at[p->count++] = old;
        }
    }
}

/* Copies the list in its new order. */
static void *list(struct work *w, enum part part, const void *things, size_t size,
                  uint16_t *ret_count)
{
    const struct places *p = &w->of[part];
    char *to = room(w, p->count, size);
    for (uint16_t i = 0; i < p->count; i++) {
        memcpy(to + size * i, (const char *)things + size * p->at[i], size);
    }
    *ret_count = p->count;
    return to;
}

#define LIST(w, g, part, things, count)                                                            \
    ((g)->things = list((w), (part), (w)->f->things, sizeof *(g)->things, &(g)->count))

static void lists(struct work *w, struct fleet *g)
{
    LIST(w, g, PART_REGION, regions, region_count);
    LIST(w, g, PART_CARRIER, carriers, carrier_count);
    LIST(w, g, PART_IDC, idcs, idc_count);
    LIST(w, g, PART_LINK, links, link_count);
    LIST(w, g, PART_CONDUIT, conduits, conduit_count);
    LIST(w, g, PART_VIEW, views, view_count);
    LIST(w, g, PART_SERVICE, services, service_count);
    LIST(w, g, PART_ENTRANCE, entrances, entrance_count);
    LIST(w, g, PART_SERVER, dns_servers, dns_server_count);
    LIST(w, g, PART_REFERENCE, references, reference_count);
}

static int by_value(const void *a, const void *b)
{
    uint16_t x = *(const uint16_t *)a, y = *(const uint16_t *)b;
    return x < y ? -1 : x > y ? 1 : 0;
}

static void conduit_of(struct work *w, struct conduit *d)
{
    uint16_t *links = room(w, d->link_count, sizeof *links);
    uint32_t n = 0;
    for (uint32_t i = 0; i < d->link_count; i++) {
        if (kept(w, PART_LINK, d->links[i])) {
            links[n++] = w->of[PART_LINK].to[d->links[i]];
        }
    }
    qsort(links, n, sizeof *links, by_value);
    d->links = links;
    d->link_count = n;
}

static void view_of(struct work *w, struct view *v)
{
    uint16_t *prefer = room(w, v->prefer_count, sizeof *prefer), n = 0;
    for (uint16_t i = 0; i < v->prefer_count; i++) {
        if (kept(w, PART_IDC, v->prefer[i])) {
            prefer[n++] = w->of[PART_IDC].to[v->prefer[i]];
        }
    }
    v->region = gone_to(w, PART_REGION, v->region);
    v->carrier = gone_to(w, PART_CARRIER, v->carrier);
    v->prefer = prefer;
    v->prefer_count = n;
}

static void indices(struct work *w, struct fleet *g)
{
    for (uint16_t i = 0; i < g->idc_count; i++) {
        g->idcs[i].region = gone_to(w, PART_REGION, g->idcs[i].region);
    }
    for (uint16_t i = 0; i < g->link_count; i++) {
        g->links[i].end[0].idc = gone_to(w, PART_IDC, g->links[i].end[0].idc);
        g->links[i].end[1].idc = gone_to(w, PART_IDC, g->links[i].end[1].idc);
        g->links[i].carrier = gone_to(w, PART_CARRIER, g->links[i].carrier);
    }
    for (uint16_t i = 0; i < g->conduit_count; i++) {
        conduit_of(w, &g->conduits[i]);
    }
    for (uint16_t i = 0; i < g->view_count; i++) {
        view_of(w, &g->views[i]);
    }
    for (uint16_t i = 0; i < g->entrance_count; i++) {
        g->entrances[i].service = gone_to(w, PART_SERVICE, g->entrances[i].service);
        g->entrances[i].idc = gone_to(w, PART_IDC, g->entrances[i].idc);
        g->entrances[i].carriers = mask_of(w, g->entrances[i].carriers);
    }
    for (uint16_t i = 0; i < g->reference_count; i++) {
        g->references[i].carriers = mask_of(w, g->references[i].carriers);
    }
    for (uint16_t i = 0; i < g->dns_server_count; i++) {
        g->dns_servers[i].idc = gone_to(w, PART_IDC, g->dns_servers[i].idc);
    }
}

static void tables(struct work *w, struct fleet *g)
{
    const struct fleet *f = w->f;
    g->capacity_ups = room(w, (size_t)g->service_count * g->idc_count, sizeof(uint64_t));
    g->demand_rps = room(w, (size_t)g->service_count * g->view_count, sizeof(uint64_t));
    for (uint16_t s = 0; s < g->service_count; s++) {
        size_t was = w->of[PART_SERVICE].at[s];
        for (uint16_t x = 0; x < g->idc_count; x++) {
            g->capacity_ups[(size_t)s * g->idc_count + x] =
                f->capacity_ups[was * f->idc_count + w->of[PART_IDC].at[x]];
        }
        for (uint16_t v = 0; v < g->view_count; v++) {
            g->demand_rps[(size_t)s * g->view_count + v] =
                f->demand_rps[was * f->view_count + w->of[PART_VIEW].at[v]];
        }
    }
}

/* Features and addresses are copied too: a test may change them. */
static void own(struct work *w, struct fleet *g)
{
    for (uint16_t i = 0; i < g->service_count; i++) {
        struct service *s = &g->services[i];
        size_t n = s->feature_count;
        struct feature *to = room(w, n + 1, sizeof *to); /* and one more */
        memcpy(to, s->features, n * sizeof *to);
        s->features = to;
    }
    for (uint16_t i = 0; i < g->entrance_count; i++) {
        struct entrance *e = &g->entrances[i];
        struct address *to = room(w, e->address_count, sizeof *to);
        memcpy(to, e->addresses, e->address_count * sizeof *to);
        e->addresses = to;
    }
}

struct fleet *fleet_remade(const struct fleet *f, const struct remake *how)
{
    struct work *w = calloc(1, sizeof *w);
    size_t size = 2 * fleet_encoded_size(f) + (size_t)1024 * 1024;
    void *memory = aligned_alloc(16, (size + 15) & ~(size_t)15);
    require(w != NULL && memory != NULL, "memory for a fleet");
    w->f = f;
    arena_init(&w->a, memory, size);
    struct fleet *g = room(w, 1, sizeof *g);
    *g = *f;
    for (unsigned part = 0; part < PARTS; part++) {
        place(w, (enum part)part, how);
    }
    lists(w, g);
    indices(w, g);
    tables(w, g);
    own(w, g);
    free(w);
    return g;
}

struct bytes fleet_bytes(const struct fleet *f)
{
    size_t size = fleet_encoded_size(f);
    uint8_t *at = malloc(size);
    require(at != NULL, "memory for a fleet");
    struct codec c = codec_writer(at, size);
    struct fleet copy = *f;
    fleet_codec(&c, &copy);
    require(codec_finish(&c) == OK, "a fleet that can be encoded");
    return (struct bytes){at, size};
}

struct bytes plan_bytes(const struct plan *p)
{
    struct plan copy = *p;
    struct codec m = codec_measure();
    plan_codec(&m, &copy);
    uint8_t *at = malloc(m.pos);
    require(at != NULL, "memory for a plan");
    struct codec c = codec_writer(at, m.pos);
    plan_codec(&c, &copy);
    return (struct bytes){at, m.pos};
}
