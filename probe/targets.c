/* targets.c: the service checks of this probe: entrances and references, begun on a fixed schedule.
 */
#include "targets.h"

#include "checks/clocks.h"
#include "checks/dns.h"
#include "checks/http.h"
#include "checks/tcp.h"

#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

enum {
    TURNS_MAX = 20, /* of one check interval */
    SLOTS_MIN = 16,
    SLOTS_MAX = 4096,
    CONNECTIONS_MAX = 512, /* kept open by HTTP checks */
    RUNNERS = 4,
};

#define SLOT_NONE UINT32_MAX

/* libcurl would use a connection that was bound to an interface for a request that is not. */
enum { HTTP_ROUTED, HTTP_BOUND, HTTP_RUNNERS };

struct watched {
    struct check_request request; /* its address is set for each check */
    const char *name;
    uint16_t carrier;
    const struct address *addresses;
    struct checker checker;
};

/* A running check. Those that run are a list in order of beginning: the first ends first. */
struct slot {
    uint32_t target;
    uint16_t address;
    enum check_kind kind;
    struct mono began;
    int64_t stalled_us; /* of the loop when it began */
    int way;            /* index of the interface, 0: none in particular */
    union {
        int tcp;
        struct http_check *http;
        struct dns_check *dns;
    } of;
    uint32_t previous, next; /* in the list of running or (next only) free ones */
};

struct targets {
    struct targets_config config;
    int epoll;
    struct tcp_checks *tcp;
    struct http_checks *http[HTTP_RUNNERS];
    struct dns_checks *dns;
    struct watched *items;
    struct ticker ticker;
    uint32_t turns; /* of one interval */
    struct slot *slots;
    uint32_t slot_count, free_slot, first, last;
    struct mono swept;
    struct check_way ways[FLEET_MAX_CARRIERS]; /* as last used */
    bool usable[FLEET_MAX_CARRIERS];           /* sockets could be bound to it */
    uint64_t left_out, without_uplink;
};

static void watched_init(struct targets *t, uint32_t i, struct mono now)
{
    const struct fleet *f = t->config.fleet;
    const struct target *target = &t->config.targets[i];
    struct watched *w = &t->items[i];
    uint16_t addresses = 1;
    w->carrier = target->carrier;
    if (target->kind == TARGET_ENTRANCE) {
        const struct entrance *e = &f->entrances[target->a];
        const struct service *s = &f->services[e->service];
        const struct check *c = &s->checks[target->b];
        w->request = (struct check_request){.kind = c->kind,
                                            .port = c->port,
                                            .path = c->path,
                                            .host = s->dns_name,
                                            .expect_status = c->expect_status};
        w->name = e->name;
        w->addresses = e->addresses;
        addresses = e->address_count;
    } else {
        const struct reference *r = &f->references[target->a];
        w->request =
            (struct check_request){.kind = r->kind, .port = r->port, .path = r->path, .host = ""};
        w->name = r->name;
        w->addresses = &r->address;
    }
    const struct damping_policy damping = damping_policy_of(&f->policy);
    checker_init(&w->checker, addresses, f->policy.check_failures, &damping, now);
}

static bool same_target(const struct watched *a, const struct watched *b)
{
    return strcmp(a->name, b->name) == 0 && a->carrier == b->carrier &&
           a->request.kind == b->request.kind && a->request.port == b->request.port &&
           strcmp(a->request.path, b->request.path) == 0 &&
           memcmp(&a->checker.track.policy, &b->checker.track.policy,
                  sizeof(struct damping_policy)) == 0 &&
           a->checker.failures == b->checker.failures && a->checker.count == b->checker.count &&
           memcmp(a->addresses, b->addresses, a->checker.count * sizeof(*a->addresses)) == 0;
}

static void take_over(struct targets *t, const struct targets *old)
{
    for (uint32_t i = 0; i < t->config.count; i++)
        for (uint32_t j = 0; j < old->config.count; j++)
            if (same_target(&t->items[i], &old->items[j])) {
                t->items[i].checker = old->items[j].checker;
                break;
            }
}

static int slots_init(struct targets *t)
{
    const struct policy *policy = &t->config.fleet->policy;
    int64_t overlap = policy->check_timeout_us / policy->check_interval_us + 2;
    int64_t want = 0;
    for (uint32_t i = 0; i < t->config.count; i++)
        want += overlap * checker_per_interval(&t->items[i].checker);
    t->slot_count = (uint32_t)(want < SLOTS_MIN ? SLOTS_MIN : want > SLOTS_MAX ? SLOTS_MAX : want);
    t->slots = calloc(t->slot_count, sizeof(*t->slots));
    if (t->slots == NULL)
        return ERR_MEMORY;
    for (uint32_t i = 0; i < t->slot_count; i++)
        t->slots[i].next = i + 1 < t->slot_count ? i + 1 : SLOT_NONE;
    t->free_slot = 0;
    t->first = t->last = SLOT_NONE;
    return OK;
}

static void slot_release(struct targets *t, uint32_t s)
{
    struct slot *slot = &t->slots[s];
    if (slot->previous != SLOT_NONE)
        t->slots[slot->previous].next = slot->next;
    else
        t->first = slot->next;
    if (slot->next != SLOT_NONE)
        t->slots[slot->next].previous = slot->previous;
    else
        t->last = slot->previous;
    slot->next = t->free_slot;
    t->free_slot = s;
}

static uint32_t slot_take(struct targets *t)
{
    uint32_t s = t->free_slot;
    if (s == SLOT_NONE)
        return s;
    t->free_slot = t->slots[s].next;
    t->slots[s] = (struct slot){.previous = t->last, .next = SLOT_NONE};
    if (t->last != SLOT_NONE)
        t->slots[t->last].next = s;
    else
        t->first = s;
    t->last = s;
    return s;
}

/* How checks over the carrier leave now; index 0: they cannot. */
static struct check_way way_over(struct targets *t, uint16_t carrier, struct mono now)
{
    const char *interface = "";
    int index = t->config.uplink(t->config.uplink_context, carrier, &interface);
    struct check_way *way = &t->ways[carrier];
    if (index != way->index) {
        *way = (struct check_way){.index = index, .since = now};
        strncpy(way->interface, interface, sizeof(way->interface) - 1);
        t->usable[carrier] = index != 0 && check_way_usable(way);
    }
    return t->usable[carrier] ? *way : (struct check_way){0};
}

static void note_blind(struct targets *t, uint32_t i, struct mono now)
{
    struct checker *c = &t->items[i].checker;
    enum health before = c->track.health;
    if (checker_blind(c, now))
        t->config.changed(t->config.context, i, before);
}

static void note_result(struct targets *t, const struct slot *slot, bool good, struct mono now)
{
    struct watched *w = &t->items[slot->target];
    struct checker *c = &w->checker;
    if (!good && w->carrier != FLEET_NONE && way_over(t, w->carrier, now).index != slot->way) {
        t->left_out++;
        return;
    }
    enum health before = c->track.health;
    if (checker_result(c, slot->address, good, slot->began, now))
        t->config.changed(t->config.context, slot->target, before);
}

static void on_ended(void *context, uint32_t s, bool good)
{
    struct targets *t = context;
    struct slot ended = t->slots[s];
    slot_release(t, s);
    note_result(t, &ended, good, clock_mono());
}

static int runners_new(struct targets *t)
{
    uint32_t http = 0;
    for (uint32_t i = 0; i < t->config.count; i++) {
        enum check_kind kind = t->items[i].request.kind;
        http += kind == CHECK_HTTP || kind == CHECK_HTTPS ? t->items[i].checker.count : 0;
    }
    uint32_t connections = http + 4 < CONNECTIONS_MAX ? http + 4 : CONNECTIONS_MAX;
    int status = tcp_checks_new(on_ended, t, &t->tcp);
    for (int i = 0; status == OK && i < HTTP_RUNNERS; i++)
        status = http_checks_new(connections, on_ended, t, &t->http[i]);
    if (status == OK)
        status = dns_checks_new(t->config.fleet->policy.check_timeout_us, on_ended, t, &t->dns);
    if (status != OK)
        return status;
    int fds[RUNNERS] = {tcp_checks_fd(t->tcp), http_checks_fd(t->http[HTTP_ROUTED]),
                        http_checks_fd(t->http[HTTP_BOUND]), dns_checks_fd(t->dns)};
    for (int i = 0; i < RUNNERS; i++) {
        struct epoll_event event = {.events = EPOLLIN, .data.fd = fds[i]};
        if (epoll_ctl(t->epoll, EPOLL_CTL_ADD, fds[i], &event) != 0)
            return ERR_IO;
    }
    return OK;
}

int targets_new(const struct targets_config *config, const struct targets *old, struct mono now,
                struct targets **ret)
{
    struct targets *t = calloc(1, sizeof(*t));
    if (t == NULL)
        return ERR_MEMORY;
    t->config = *config;
    t->epoll = epoll_create1(EPOLL_CLOEXEC);
    t->items = calloc(config->count + 1, sizeof(*t->items));
    t->first = t->last = t->free_slot = SLOT_NONE;
    t->turns = config->count < TURNS_MAX ? config->count : TURNS_MAX;
    if (t->turns == 0)
        t->turns = 1;
    t->ticker = ticker_start(now, config->fleet->policy.check_interval_us / t->turns + 1);
    int status = t->items == NULL ? ERR_MEMORY : t->epoll < 0 ? ERR_IO : OK;
    for (uint32_t i = 0; status == OK && i < config->count; i++)
        watched_init(t, i, now);
    if (status == OK)
        status = slots_init(t);
    if (status == OK)
        status = runners_new(t);
    if (status != OK) {
        targets_free(t);
        return status;
    }
    if (old != NULL)
        take_over(t, old);
    *ret = t;
    return OK;
}

static struct http_checks *http_of(const struct targets *t, const struct slot *slot)
{
    return t->http[slot->way != 0 ? HTTP_BOUND : HTTP_ROUTED];
}

static void slot_cancel(struct targets *t, const struct slot *slot)
{
    switch (slot->kind) {
    case CHECK_TCP: tcp_check_cancel(t->tcp, slot->of.tcp); break;
    case CHECK_HTTP:
    case CHECK_HTTPS: http_check_cancel(http_of(t, slot), slot->of.http); break;
    case CHECK_DNS: dns_check_cancel(slot->of.dns); break;
    }
}

void targets_free(struct targets *t)
{
    if (t == NULL)
        return;
    for (uint32_t s = t->first; s != SLOT_NONE; s = t->slots[s].next)
        slot_cancel(t, &t->slots[s]);
    tcp_checks_free(t->tcp);
    for (int i = 0; i < HTTP_RUNNERS; i++)
        http_checks_free(t->http[i]);
    dns_checks_free(t->dns);
    if (t->epoll >= 0)
        close(t->epoll);
    free(t->items);
    free(t->slots);
    free(t);
}

int targets_fd(const struct targets *t)
{
    return t->epoll;
}

void targets_events(struct targets *t)
{
    struct epoll_event events[RUNNERS];
    int n = epoll_wait(t->epoll, events, RUNNERS, 0);
    for (int i = 0; i < n; i++) {
        int fd = events[i].data.fd;
        if (fd == tcp_checks_fd(t->tcp))
            tcp_checks_events(t->tcp);
        else if (fd == dns_checks_fd(t->dns))
            dns_checks_events(t->dns);
        for (int k = 0; k < HTTP_RUNNERS; k++)
            if (fd == http_checks_fd(t->http[k]))
                http_checks_events(t->http[k], clock_mono());
    }
}

/* When HTTP checks are due without an event. */
static bool http_due(const struct targets *t, struct mono *ret_due)
{
    bool any = false;
    for (int i = 0; i < HTTP_RUNNERS; i++) {
        struct mono due;
        if (!http_checks_due(t->http[i], &due) || (any && due.us >= ret_due->us))
            continue;
        *ret_due = due;
        any = true;
    }
    return any;
}

static void http_turn(struct targets *t, struct mono now)
{
    for (int i = 0; i < HTTP_RUNNERS; i++) {
        struct mono due;
        if (http_checks_due(t->http[i], &due) && due.us <= now.us)
            http_checks_events(t->http[i], now);
    }
}

static int begin_kind(struct targets *t, const struct check_request *r, uint32_t s)
{
    struct slot *slot = &t->slots[s];
    switch (r->kind) {
    case CHECK_TCP: return tcp_check_begin(t->tcp, r, s, &slot->of.tcp);
    case CHECK_HTTP:
    case CHECK_HTTPS: return http_check_begin(http_of(t, slot), r, s, &slot->of.http);
    case CHECK_DNS: return dns_check_begin(t->dns, r, s, &slot->of.dns);
    }
    return ERR_FULL;
}

static void begin_one(struct targets *t, uint32_t i, const struct check_way *way, struct mono now)
{
    struct watched *w = &t->items[i];
    uint32_t s = slot_take(t);
    if (s == SLOT_NONE) {
        t->left_out++;
        return;
    }
    struct slot *slot = &t->slots[s];
    slot->target = i;
    slot->address = checker_take(&w->checker);
    slot->kind = w->request.kind;
    slot->began = now;
    slot->stalled_us = t->config.lateness->stalled_us;
    slot->way = way->index;
    struct check_request request = w->request;
    request.way = *way;
    request.address = w->addresses[slot->address];
    int status = begin_kind(t, &request, s);
    if (status == OK)
        return;
    struct slot ended = *slot;
    slot_release(t, s);
    if (status == ERR_REFUSED)
        note_result(t, &ended, false, now);
    else
        t->left_out++;
}

/* The share of target i that is due now. */
static void begin_share(struct targets *t, uint32_t i, struct mono now)
{
    struct watched *w = &t->items[i];
    struct check_way way = {0};
    uint16_t share = checker_per_interval(&w->checker);
    if (w->carrier != FLEET_NONE) {
        way = way_over(t, w->carrier, now);
        if (way.index == 0) {
            t->without_uplink += share;
            note_blind(t, i, now);
            return;
        }
    }
    while (share-- > 0)
        begin_one(t, i, &way, now);
}

/* Time that the loop lost since the check began does not count against it. */
static struct mono deadline(const struct targets *t, const struct slot *slot)
{
    int64_t stalled = t->config.lateness->stalled_us - slot->stalled_us;
    return mono_add(slot->began, t->config.fleet->policy.check_timeout_us + stalled);
}

static void end_overdue(struct targets *t, struct mono now)
{
    while (t->first != SLOT_NONE && deadline(t, &t->slots[t->first]).us <= now.us) {
        struct slot ended = t->slots[t->first];
        slot_cancel(t, &ended);
        slot_release(t, t->first);
        note_result(t, &ended, false, now);
    }
}

void targets_turn(struct targets *t, struct mono now)
{
    http_turn(t, now);
    if (mono_diff_us(now, t->swept) >= US_PER_SEC) {
        dns_checks_sweep(t->dns);
        t->swept = now;
    }
    end_overdue(t, now);
    uint64_t tick = 0;
    if (!ticker_take(&t->ticker, now, &tick))
        return;
    for (uint32_t i = (uint32_t)(tick % t->turns); i < t->config.count; i += t->turns)
        begin_share(t, i, now);
    http_turn(t, clock_mono());
}

void targets_unseen(struct targets *t, struct mono until)
{
    for (uint32_t i = 0; i < t->config.count; i++)
        checker_unseen(&t->items[i].checker, until);
}

struct mono targets_due(const struct targets *t)
{
    struct mono due = t->ticker.due, http;
    if (http_due(t, &http) && http.us < due.us)
        due = http;
    if (t->first != SLOT_NONE) {
        struct mono end = deadline(t, &t->slots[t->first]);
        due = end.us < due.us ? end : due;
    }
    return due;
}

void targets_observe(struct targets *t, uint32_t i, struct mono now, struct observation *ret)
{
    checker_observe(&t->items[i].checker, now, ret);
}

const char *targets_name(const struct targets *t, uint32_t i)
{
    return t->items[i].name;
}

const char *targets_carrier(const struct targets *t, uint32_t i)
{
    uint16_t carrier = t->items[i].carrier;
    return carrier == FLEET_NONE ? "" : t->config.fleet->carriers[carrier].name;
}

uint64_t targets_left_out(const struct targets *t)
{
    return t->left_out;
}

uint64_t targets_without_uplink(const struct targets *t)
{
    return t->without_uplink;
}
