/* fold_fleet.c: a person's new fleet: what the control state says of the old one is said of the new
 * one, by names; traffic stays where it is. */
#include "fold/fold_internal.h"

#include "base/text.h"

#include <string.h>

/* --- Names --------------------------------------------------------------------------------------
 */

/* Where the things of the old fleet are in the new one; FLEET_NONE: they are gone. */
struct names {
    const struct fleet *old, *new;
    uint16_t *regions, *carriers, *idcs, *links, *conduits, *views, *services, *entrances;
    uint16_t *dns_servers;
};

/* Index of the thing of that name; each begins with its name. */
static uint16_t find(const void *things, size_t stride, uint16_t count, const char *name)
{
    const char *at = things;
    for (uint16_t i = 0; i < count; i++) {
        if (text_equal(at + stride * i, name)) {
            return i;
        }
    }
    return FLEET_NONE;
}

static uint16_t *map(struct arena *a, const void *old, uint16_t old_count, const void *new,
                     uint16_t new_count, size_t stride)
{
    uint16_t *m = ARENA_NEW(a, uint16_t, old_count);
    for (uint16_t i = 0; i < old_count && m != NULL; i++) {
        m[i] = find(new, stride, new_count, (const char *)old + stride * i);
    }
    return m;
}

#define MAP(a, old, new, things, count)                                                            \
    map((a), (old)->things, (old)->count, (new)->things, (new)->count, sizeof *(old)->things)

static uint16_t of(const uint16_t *m, uint16_t old)
{
    return old == FLEET_NONE ? FLEET_NONE : m[old];
}

/* Another link or pool that has taken over the name is not the old one. */
static void tell_apart(struct names *n)
{
    for (uint16_t l = 0; l < n->old->link_count; l++) {
        const struct link *was = &n->old->links[l];
        const struct link *is = n->links[l] == FLEET_NONE ? NULL : &n->new->links[n->links[l]];
        bool same = is != NULL && of(n->idcs, was->end[0].idc) == is->end[0].idc &&
                    of(n->idcs, was->end[1].idc) == is->end[1].idc &&
                    of(n->carriers, was->carrier) == is->carrier;
        n->links[l] = same ? n->links[l] : FLEET_NONE;
    }
    for (uint16_t e = 0; e < n->old->entrance_count; e++) {
        const struct entrance *was = &n->old->entrances[e];
        const struct entrance *is =
            n->entrances[e] == FLEET_NONE ? NULL : &n->new->entrances[n->entrances[e]];
        bool same =
            is != NULL && n->services[was->service] == is->service && n->idcs[was->idc] == is->idc;
        n->entrances[e] = same ? n->entrances[e] : FLEET_NONE;
    }
}

static int names_new(const struct fleet *old, const struct fleet *new, struct arena *a,
                     struct names *ret_names)
{
    struct names n = {.old = old, .new = new};
    n.regions = MAP(a, old, new, regions, region_count);
    n.carriers = MAP(a, old, new, carriers, carrier_count);
    n.idcs = MAP(a, old, new, idcs, idc_count);
    n.links = MAP(a, old, new, links, link_count);
    n.conduits = MAP(a, old, new, conduits, conduit_count);
    n.views = MAP(a, old, new, views, view_count);
    n.services = MAP(a, old, new, services, service_count);
    n.entrances = MAP(a, old, new, entrances, entrance_count);
    n.dns_servers = MAP(a, old, new, dns_servers, dns_server_count);
    if (n.regions == NULL || n.carriers == NULL || n.idcs == NULL || n.links == NULL ||
        n.conduits == NULL || n.views == NULL || n.services == NULL || n.entrances == NULL ||
        n.dns_servers == NULL) {
        return ERR_FULL;
    }
    tell_apart(&n);
    *ret_names = n;
    return OK;
}

static bool unique(const void *things, uint16_t count, size_t stride)
{
    bool all = true;
    for (uint16_t i = 0; i < count && all; i++) {
        all = find(things, stride, count, (const char *)things + stride * i) == i;
    }
    return all;
}

#define UNIQUE(f, things, count) unique((f)->things, (f)->count, sizeof *(f)->things)

/* What is followed by name needs one of its own: the fleet that follows this one looks for it. */
static bool names_are_unique(const struct fleet *f)
{
    return UNIQUE(f, regions, region_count) && UNIQUE(f, carriers, carrier_count) &&
           UNIQUE(f, idcs, idc_count) && UNIQUE(f, links, link_count) &&
           UNIQUE(f, conduits, conduit_count) && UNIQUE(f, views, view_count) &&
           UNIQUE(f, services, service_count) && UNIQUE(f, entrances, entrance_count) &&
           UNIQUE(f, dns_servers, dns_server_count);
}

/* It is the same fleet, and no file of another. A partition is one IDC's for ever: it is who a
 * replica is, and whose reports it holds. */
static bool identity_kept(const struct names *n)
{
    bool kept = text_equal(n->old->name, n->new->name) && text_equal(n->old->zone, n->new->zone);
    for (uint16_t i = 0; i < n->new->idc_count; i++) {
        kept = kept && fold_replica(n->new, n->new->idcs[i].partition) == i;
    }
    for (uint16_t i = 0; i < n->old->idc_count; i++) {
        uint16_t same = fold_replica(n->new, n->old->idcs[i].partition);
        kept = kept && (same == n->idcs[i]);
    }
    return kept;
}

static bool follow_subject(const struct names *n, struct subject *s)
{
    struct subject to = *s;
    switch (s->kind) {
    case SUBJECT_LINK: to.a = n->links[s->a]; break;
    case SUBJECT_CONDUIT: to.a = n->conduits[s->a]; break;
    case SUBJECT_CARRIER: to.a = n->carriers[s->a]; break;
    case SUBJECT_IDC:
    case SUBJECT_OBSERVER:
    case SUBJECT_BACKBONE: to.a = n->idcs[s->a]; break;
    case SUBJECT_SERVICE:
        to.a = n->services[s->a];
        to.b = n->idcs[s->b];
        break;
    case SUBJECT_REGION: to.a = n->regions[s->a]; break;
    case SUBJECT_ENTRANCE: to.a = n->entrances[s->a]; break;
    case SUBJECT_FEATURES:
        to.a = n->regions[s->a];
        to.b = n->services[s->b];
        break;
    case SUBJECT_CARRIER_AT:
        to.a = n->carriers[s->a];
        to.b = n->idcs[s->b];
        break;
    case SUBJECT_PATH:
        to.a = n->entrances[s->a];
        to.b = n->carriers[s->b];
        break;
    case SUBJECT_TARGET: to.b = s->a == ACTUATOR_DNS ? n->dns_servers[s->b] : n->idcs[s->b]; break;
    }
    *s = to;
    return to.a != FLEET_NONE && to.b != FLEET_NONE;
}

/* --- The plan -----------------------------------------------------------------------------------
 */

static bool same_address(const struct address *a, const struct address *b)
{
    return a->family == b->family && memcmp(a->bytes, b->bytes, sizeof a->bytes) == 0;
}

static bool follow_slot(const struct names *n, struct slot *s)
{
    if (s->entrance == FLEET_NONE) {
        return true;
    }
    if (s->entrance >= n->old->entrance_count ||
        s->address >= n->old->entrances[s->entrance].address_count) {
        return false; /* the old side of a kept value: nobody checked it */
    }
    uint16_t e = n->entrances[s->entrance];
    const struct address *was = &n->old->entrances[s->entrance].addresses[s->address];
    if (e == FLEET_NONE) {
        return false;
    }
    uint8_t i = 0;
    while (i < n->new->entrances[e].address_count &&
           !same_address(was, &n->new->entrances[e].addresses[i])) {
        i++;
    }
    *s = (struct slot){.entrance = e, .address = i};
    return i < n->new->entrances[e].address_count;
}

static bool follow_answer(const struct names *n, struct answer *a)
{
    bool all = true;
    for (uint8_t i = 0; i < a->count; i++) {
        all = all && follow_slot(n, &a->slots[i]);
    }
    return all;
}

static bool follow_hops(const struct names *n, struct hops *h)
{
    bool all = true;
    for (uint8_t i = 0; i < h->count && all; i++) {
        h->links[i] = h->links[i] < n->old->link_count ? n->links[h->links[i]] : FLEET_NONE;
        all = h->links[i] != FLEET_NONE;
    }
    return all;
}

/* Everything served stays everything served, whatever tiers there are now. */
static uint8_t follow_limit(const struct names *n, uint16_t service, uint8_t limit)
{
    uint8_t was = service_top_tier(&n->old->services[service]);
    uint8_t is = service_top_tier(&n->new->services[n->services[service]]);
    return limit >= was || limit > is ? is : limit;
}

static bool is_empty(const struct answer *a)
{
    bool empty = true;
    for (uint8_t i = 0; i < a->count; i++) {
        empty = empty && a->slots[i].entrance == FLEET_NONE;
    }
    return empty;
}

/* False: it needs what the new fleet does not have. An answer that nobody could fill is no share of
 * anybody's: what the new fleet puts there is all new. */
static bool carry_answer(const struct names *n, const struct plan *from, uint16_t s, uint16_t v,
                         struct plan *to)
{
    uint16_t service = n->services[s], view = n->views[v];
    struct answer a = *plan_answer(from, s, v);
    if (service == FLEET_NONE || view == FLEET_NONE || is_empty(&a)) {
        return true;
    }
    bool fits = n->old->views[v].slots == n->new->views[view].slots &&follow_answer(n, &a);
    if (fits) {
        *plan_answer(to, service, view) = a;
    }
    return fits;
}

/* Ways to one IDC are free of loops only together: all of them stay as long as all can, and
 * otherwise all are the new fleet's. */
static void carry_hops(const struct names *n, const struct plan *from, uint16_t old,
                       struct plan *to)
{
    bool all = n->idcs[old] != FLEET_NONE;
    for (uint16_t x = 0; x < n->old->idc_count && all; x++) {
        struct hops h = *plan_hops(from, x, old);
        all = n->idcs[x] == FLEET_NONE || follow_hops(n, &h);
    }
    for (uint16_t x = 0; x < n->old->idc_count && all; x++) {
        struct hops h = *plan_hops(from, x, old);
        if (n->idcs[x] != FLEET_NONE && h.count > 0 && follow_hops(n, &h)) {
            *plan_hops(to, n->idcs[x], n->idcs[old]) = h;
        }
    }
}

/* All that both fleets have. False: an answer cannot stay. */
static bool carry_over(const struct names *n, const struct plan *from, struct plan *to)
{
    bool all = true;
    for (uint16_t s = 0; s < n->old->service_count; s++) {
        uint16_t service = n->services[s];
        for (uint16_t v = 0; v < n->old->view_count; v++) {
            all = carry_answer(n, from, s, v, to) && all;
        }
        for (uint16_t r = 0; r < n->old->region_count && service != FLEET_NONE; r++) {
            if (n->regions[r] != FLEET_NONE) {
                *plan_tier_limit(to, n->regions[r], service) =
                    follow_limit(n, s, *plan_tier_limit(from, r, s));
            }
        }
        for (uint16_t x = 0; x < n->old->idc_count && service != FLEET_NONE; x++) {
            if (n->idcs[x] != FLEET_NONE && fleet_announces(n->old, s, x) &&
                fleet_announces(n->new, service, n->idcs[x])) {
                *plan_announced(to, service, n->idcs[x]) = *plan_announced(from, s, x);
            }
        }
    }
    for (uint32_t l = 0; l < (uint32_t)n->old->link_count * 2; l++) {
        uint16_t is = n->links[l / 2];
        if (is != FLEET_NONE) {
            *plan_released(to, is, (uint8_t)(l % 2)) = from->released[l];
        }
    }
    for (uint16_t x = 0; x < n->old->idc_count; x++) {
        carry_hops(n, from, x, to);
    }
    return all;
}

/* Law 5 between the plans of two fleets: somebody there is reached no more. */
static bool last_hop_lost(const struct names *n, const struct plan *from, const struct plan *to)
{
    bool lost = false;
    for (uint16_t a = 0; a < n->old->idc_count; a++) {
        for (uint16_t b = 0; b < n->old->idc_count; b++) {
            bool both = n->idcs[a] != FLEET_NONE && n->idcs[b] != FLEET_NONE;
            lost = lost || (both && n->new->idcs[n->idcs[b]].prefix_count > 0 &&
                            plan_hops(from, a, b)->count > 0 &&
                            plan_hops(to, n->idcs[a], n->idcs[b])->count == 0);
        }
    }
    return lost;
}

size_t fleet_carry_arena_size(const struct fleet *old)
{
    size_t things = (size_t)old->region_count + old->carrier_count + old->idc_count +
                    old->link_count + old->conduit_count + old->view_count + old->service_count +
                    old->entrance_count + old->dns_server_count;
    return things * sizeof(uint16_t) + (size_t)9 * 16;
}

int fleet_carry_over(const struct control *c, const struct fleet *next, struct arena *a,
                     struct plan *plan)
{
    struct names n;
    int status = names_new(c->fleet, next, a, &n);
    if (status != OK) {
        return status;
    }
    bool fits = carry_over(&n, &c->plan, plan) && !last_hop_lost(&n, &c->plan, plan);
    return fits && plan_broken(next, plan) == NULL ? OK : ERR_BUSY;
}

/* --- What is said of the plan's places ----------------------------------------------------------
 */

static bool follow_change(const struct names *n, struct change *ch)
{
    switch (ch->kind) {
    case CHANGE_ANSWER:
        ch->a = n->services[ch->a];
        ch->b = n->views[ch->b];
        return ch->a != FLEET_NONE && ch->b != FLEET_NONE && follow_answer(n, &ch->answer.from) &&
               follow_answer(n, &ch->answer.to);
    case CHANGE_HOPS:
        ch->a = n->idcs[ch->a];
        ch->b = n->idcs[ch->b];
        return ch->a != FLEET_NONE && ch->b != FLEET_NONE && follow_hops(n, &ch->hops.from) &&
               follow_hops(n, &ch->hops.to);
    case CHANGE_RELEASED: ch->a = n->links[ch->a]; return ch->a != FLEET_NONE;
    case CHANGE_TIER: {
        uint16_t service = ch->b;
        ch->a = n->regions[ch->a];
        ch->b = n->services[service];
        if (ch->a == FLEET_NONE || ch->b == FLEET_NONE) {
            return false;
        }
        ch->tier.from = follow_limit(n, service, ch->tier.from);
        ch->tier.to = follow_limit(n, service, ch->tier.to);
        return true;
    }
    case CHANGE_ANNOUNCE:
        ch->a = n->services[ch->a];
        ch->b = n->idcs[ch->b];
        return ch->a != FLEET_NONE && ch->b != FLEET_NONE;
    }
    return false;
}

/* In order by place: the new fleet may have them in another. */
static void insert_fixed(struct control *c, const struct fixed *x)
{
    uint32_t at = c->fixed_count++;
    while (at > 0 && change_compare(&c->fixed[at - 1].change, &x->change) > 0) {
        c->fixed[at] = c->fixed[at - 1];
        at--;
    }
    c->fixed[at] = *x;
}

static void follow_fixed(const struct names *n, const struct control *from, struct control *c)
{
    c->fixed_count = 0;
    for (uint32_t i = 0; i < from->fixed_count; i++) {
        struct fixed x = from->fixed[i];
        if (control_order(c, x.order) != NULL && follow_change(n, &x.change) &&
            change_broken(n->new, &x.change) == NULL) {
            insert_fixed(c, &x);
        }
    }
    c->fixed_digest = fixed_digest(c);
}

static void follow_demand(const struct names *n, const struct control *from, struct control *c)
{
    for (uint16_t s = 0; s < n->old->service_count; s++) {
        for (uint16_t v = 0; v < n->old->view_count; v++) {
            if (n->services[s] == FLEET_NONE || n->views[v] == FLEET_NONE) {
                continue;
            }
            struct demand d = from->demand[(size_t)s * n->old->view_count + v];
            if (demand_fits(n->new, n->services[s], n->views[v], &d)) {
                c->demand[(size_t)n->services[s] * n->new->view_count + n->views[v]] = d;
            }
        }
    }
    c->demand_digest = demand_digest(c);
}

/* --- The rest of the state ----------------------------------------------------------------------
 */

/* Incidents and orders about what is gone end with it. */
static void follow_lists(const struct names *n, struct control *c)
{
    uint32_t kept = 0;
    for (uint32_t i = 0; i < c->incident_count; i++) {
        struct incident x = c->incidents[i];
        if (follow_subject(n, &x.subject) && incident_fits(n->new, &x)) {
            c->incidents[kept++] = x;
        }
    }
    memset(&c->incidents[kept], 0, (c->incident_count - kept) * sizeof c->incidents[0]);
    c->incident_count = kept;
    kept = 0;
    for (uint32_t i = 0; i < c->order_count; i++) {
        struct order x = c->orders[i];
        bool whole = x.subject.kind == 0;
        if ((whole || follow_subject(n, &x.subject)) &&
            order_subject_fits(n->new, x.kind, &x.subject)) {
            c->orders[kept++] = x;
        }
    }
    memset(&c->orders[kept], 0, (c->order_count - kept) * sizeof c->orders[0]);
    c->order_count = kept;
}

/* A run that is over keeps its number; its story is in the log. */
static void forget_drill(struct control *c)
{
    uint32_t id = c->drill.id;
    memset(&c->drill, 0, sizeof c->drill);
    c->drill.id = id;
    for (uint32_t i = 0; i < c->order_count; i++) {
        c->orders[i].drill = 0;
    }
}

static uint32_t follow_carriers(const struct names *n, uint32_t carriers)
{
    uint32_t now = 0;
    for (uint16_t i = 0; i < n->old->carrier_count; i++) {
        bool has = (carriers >> i & 1) != 0 && n->carriers[i] != FLEET_NONE;
        now |= has ? UINT32_C(1) << n->carriers[i] : 0;
    }
    return now;
}

static void follow_replicas(const struct names *n, const struct control *from, struct control *c)
{
    for (uint16_t i = 0; i < n->old->idc_count; i++) {
        uint16_t x = n->idcs[i];
        if (x != FLEET_NONE) {
            c->writers[x] = from->writers[i];
            c->alive[x] = from->alive[i];
            c->routes[x] = from->routes[i];
            c->features[x] = from->features[i];
            c->injections[x] = from->injections[i];
            c->rescued[x] = follow_carriers(n, from->rescued[i]);
        }
    }
    for (uint16_t i = 0; i < n->old->dns_server_count; i++) {
        if (n->dns_servers[i] != FLEET_NONE) {
            c->dns[n->dns_servers[i]] = from->dns[i];
        }
    }
    for (uint32_t i = 0; i < (uint32_t)n->old->link_count * 2; i++) {
        if (n->links[i / 2] != FLEET_NONE) {
            uint32_t at = (uint32_t)n->links[i / 2] * 2 + i % 2;
            c->link_downs[at] = from->link_downs[i];
            c->link_down_at[at] = from->link_down_at[i];
        }
    }
}

static int arrays_new(struct control *c, struct arena *a, const struct fleet *f)
{
    int status = plan_new(f, a, &c->plan);
    status = status == OK ? plan_new(f, a, &c->previous) : status;
    c->fixed = ARENA_NEW(a, struct fixed, record_max_changes(f));
    c->demand = ARENA_NEW(a, struct demand, (size_t)f->service_count * f->view_count);
    c->writers = ARENA_NEW(a, struct writer_state, f->idc_count);
    c->alive = ARENA_NEW(a, struct alive_state, f->idc_count);
    c->link_downs = ARENA_NEW(a, uint32_t, 2 * (size_t)f->link_count);
    c->link_down_at = ARENA_NEW(a, struct logtime, 2 * (size_t)f->link_count);
    c->dns = ARENA_NEW(a, struct actuation_state, f->dns_server_count);
    c->routes = ARENA_NEW(a, struct actuation_state, f->idc_count);
    c->features = ARENA_NEW(a, struct actuation_state, f->idc_count);
    c->injections = ARENA_NEW(a, struct injection_state, f->idc_count);
    c->rescued = ARENA_NEW(a, uint32_t, f->idc_count);
    bool full = c->fixed == NULL || c->demand == NULL || c->writers == NULL || c->alive == NULL ||
                c->link_downs == NULL || c->link_down_at == NULL || c->dns == NULL ||
                c->routes == NULL || c->features == NULL || c->injections == NULL ||
                c->rescued == NULL;
    return status != OK ? status : full ? ERR_FULL : OK;
}

/* --- All ----------------------------------------------------------------------------------------
 */

/* Nothing else is in the middle of changing the plan: what nobody acts upon yet must not come into
 * force with a person's word on something else. */
static bool at_rest(const struct control *c)
{
    bool effective = c->plan_followed || !plan_without_step(c);
    return c->unconfirmed < 0 && effective && !drill_under_way(&c->drill) && !control_frozen(c);
}

/* The plan it brings changes nothing of what is in both fleets. */
static enum fold_void check_plan(const struct names *n, const struct control *c,
                                 const struct control *next, struct plan *room)
{
    plan_copy(room, &next->plan);
    if (!carry_over(n, &c->plan, room) || last_hop_lost(n, &c->plan, room)) {
        return FOLD_REQUEST_IN_USE;
    }
    struct digest brought = plan_digest(&next->plan), kept = plan_digest(room);
    return digest_compare(&brought, &kept) == 0 ? FOLD_ACCEPTED : FOLD_REQUEST_OVERTAKEN;
}

static int read_fleet(const struct bytes *from, struct arena *a, struct fleet **ret_fleet)
{
    struct fleet *f = ARENA_NEW(a, struct fleet, 1);
    if (f == NULL) {
        return ERR_FULL;
    }
    struct codec in = codec_reader(from->at, from->size, a);
    fleet_codec(&in, f);
    *ret_fleet = f;
    return codec_finish(&in);
}

/* The whole next state; *ret_void says what the person is told when it is none. */
static int follow(const struct control *c, struct arena *a, const struct operator_record *o,
                  struct control *next, enum fold_void *ret_void)
{
    struct names n;
    struct fleet *f = NULL;
    *ret_void = FOLD_REQUEST_REFUSED;
    int status = read_fleet(&o->fleet, a, &f);
    status = status == OK ? names_new(c->fleet, f, a, &n) : status;
    if (status != OK || !names_are_unique(f) || !identity_kept(&n)) {
        return status;
    }
    next->fleet = f;
    next->fleet_digest = sha256_of(o->fleet.at, o->fleet.size);
    status = arrays_new(next, a, f);
    if (status != OK) {
        return status;
    }
    struct codec in = codec_reader(o->plan.at, o->plan.size, a);
    plan_codec(&in, &next->plan);
    status = codec_finish(&in);
    enum fold_void why = status == OK ? check_plan(&n, c, next, &next->previous) : FOLD_VERSION;
    if (status != OK || why != FOLD_ACCEPTED) {
        *ret_void = status == OK ? why : *ret_void;
        return status;
    }
    follow_lists(&n, next);
    forget_drill(next);
    follow_fixed(&n, c, next);
    follow_demand(&n, c, next);
    follow_replicas(&n, c, next);
    *ret_void = FOLD_ACCEPTED;
    return OK;
}

int fold_fleet(struct control *c, struct arena *arena, const struct operator_record *o,
               int64_t offset, enum fold_void *ret_void)
{
    struct control next = *c;
    struct arena tried = *arena;
    enum fold_void why = FOLD_REQUEST_REFUSED;
    if (digest_compare(&o->replaces, &c->fleet_digest) != 0 ||
        o->argument != (uint64_t)c->fleet_offset) {
        *ret_void = FOLD_REQUEST_OVERTAKEN;
        return OK;
    }
    if (!at_rest(c)) {
        *ret_void = FOLD_REQUEST_BUSY;
        return OK;
    }
    int status = follow(c, &tried, o, &next, &why);
    if (status == ERR_FULL) {
        return status;
    }
    if (status != OK || why != FOLD_ACCEPTED) {
        *ret_void = why;
        return OK;
    }
    if (!order_new_fleet(&next, o, offset)) {
        *ret_void = FOLD_REQUEST_FULL;
        return OK;
    }
    next.fleet_offset = offset;
    next.plan.fence = c->plan.fence;
    next.plan.fence.generation++;
    next.plan.fence.digest = plan_digest(&next.plan);
    next.plan_offset = offset;
    next.plan_purpose = DECIDE_NOTE; /* like that of a GENESIS: a person's word */
    next.plan_followed = false;
    next.applied = offset;
    *ret_void = control_broken(&next) != NULL ? FOLD_REQUEST_REFUSED : FOLD_ACCEPTED;
    if (*ret_void == FOLD_ACCEPTED) {
        *c = next;
        *arena = tried;
    }
    return OK;
}
