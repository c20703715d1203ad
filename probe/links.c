/* links.c: all link ends of this IDC: STAMP sessions, carrier, and the state of each. */
#include "links.h"

#include "checks/clocks.h"
#include "checks/link.h"
#include "config/keys.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

enum {
    LINKS_EVENTS = 64,
    DRAIN_MAX = 16, /* batches taken from one socket at once: then others have their turn */
    CLOCK_STEP_US = 20 * 1000,
    ROLE_SENDER = 0,
    ROLE_REFLECTOR = 1,
};

#define TAG_MONITOR UINT64_MAX

struct watched_link {
    uint16_t link;
    uint8_t end;
    bool session;        /* STAMP runs on it */
    bool key_told;       /* that its key is missing was logged */
    int index;           /* of the interface that the sockets are bound to; 0: closed */
    struct stamp *stamp; /* NULL: no session, or no key yet */
    struct path path;
};

struct links {
    struct links_config config;
    int epoll;
    struct link_monitor *monitor;
    struct stamp_io *io;
    struct watched_link *items;
};

static const struct link *fleet_link(const struct links *l, uint32_t i)
{
    return &l->config.fleet->links[l->items[i].link];
}

static void tell(struct links *l, uint32_t i, enum health before)
{
    l->config.changed(l->config.context, i, before);
}

static bool watch(struct links *l, int fd, uint64_t tag)
{
    struct epoll_event event = {.events = EPOLLIN, .data.u64 = tag};
    return epoll_ctl(l->epoll, EPOLL_CTL_ADD, fd, &event) == 0;
}

static void watch_sockets(struct links *l, uint32_t i)
{
    struct stamp *s = l->items[i].stamp;
    if (!watch(l, stamp_sender_fd(s), (uint64_t)i * 2 + ROLE_SENDER) ||
        !watch(l, stamp_reflector_fd(s), (uint64_t)i * 2 + ROLE_REFLECTOR)) {
        stamp_close(s);
        l->items[i].index = 0;
    }
}

/* Opens the sockets on the interface as it is now. Until there is a route they stay closed, and
 * each tick tries again. */
static void open_sockets(struct links *l, uint32_t i)
{
    struct watched_link *w = &l->items[i];
    const struct link_state *state = link_monitor_state(l->monitor, i);
    if (w->stamp == NULL || state->index == 0)
        return;
    if (stamp_open(w->stamp) != OK) {
        w->index = 0;
        return;
    }
    w->index = state->index;
    watch_sockets(l, i);
}

static void make_stamp(struct links *l, uint32_t i)
{
    struct watched_link *w = &l->items[i];
    const struct link *link = fleet_link(l, i);
    struct stamp_config config = {
        .local = link->end[w->end].address,
        .peer = link->end[1 - w->end].address,
        .port = l->config.fleet->stamp_port,
    };
    memcpy(config.interface, link->end[w->end].interface, sizeof(config.interface));
    struct key key = {0};
    if (link->key[0] != '\0') {
        char why[256] = "";
        int status = key_load(l->config.keys_dir, link->key, &key, why, sizeof(why));
        if (status != OK) {
            if (!w->key_told)
                log_event(l->config.log, LOG_ERROR, LOG_CODE("stamp-key-missing"),
                          LOG_STR("link", link->name), LOG_STR("why", why));
            w->key_told = true;
            return;
        }
        config.secret = key.bytes;
        config.secret_size = key.size;
    }
    w->key_told = false;
    if (stamp_new(&config, &w->stamp) != OK)
        log_event(l->config.log, LOG_ERROR, LOG_CODE("stamp-failed"), LOG_STR("link", link->name));
    key_wipe(&key);
}

static void on_interface(void *context, uint32_t i, const struct link_state *state)
{
    struct links *l = context;
    struct watched_link *w = &l->items[i];
    enum health before = w->path.track.health;
    bool changed = path_carrier(&w->path, state->oper_up, clock_mono());
    if (changed)
        tell(l, i, before); /* first of all: a local route waits for it */
    if (w->stamp != NULL && w->index != 0 && w->index != state->index) {
        stamp_close(w->stamp);
        w->index = 0;
    }
}

static bool same_link(const struct links *a, uint32_t i, const struct links *b, uint32_t j)
{
    const struct link *x = fleet_link(a, i), *y = fleet_link(b, j);
    return strcmp(x->name, y->name) == 0 && a->items[i].end == b->items[j].end &&
           memcmp(x->end, y->end, sizeof(x->end)) == 0 && strcmp(x->key, y->key) == 0 &&
           a->config.fleet->stamp_port == b->config.fleet->stamp_port &&
           memcmp(&a->items[i].path.policy, &b->items[j].path.policy, sizeof(struct path_policy)) ==
               0;
}

static void take_over(struct links *l, uint32_t i, struct links *old, bool reread_keys)
{
    for (uint32_t j = 0; j < old->config.count; j++) {
        struct watched_link *mine = &l->items[i], *his = &old->items[j];
        if (!same_link(l, i, old, j))
            continue;
        mine->path = his->path;
        if (reread_keys || his->stamp == NULL)
            return;
        mine->stamp = his->stamp;
        mine->index = his->index;
        his->stamp = NULL;
        if (mine->index != 0)
            watch_sockets(l, i);
        return;
    }
}

static void item_init(struct links *l, uint32_t i, struct mono now)
{
    const struct fleet *f = l->config.fleet;
    struct watched_link *w = &l->items[i];
    w->link = l->config.targets[i].a;
    w->end = (uint8_t)l->config.targets[i].b;
    const struct link *link = &f->links[w->link];
    w->session = link->carrier == FLEET_NONE;
    struct path_policy policy;
    memset(&policy, 0, sizeof(policy)); /* padding too: policies are compared by bytes */
    policy.interval_us = f->policy.probe_interval_us;
    policy.latency_us = link->latency_us;
    policy.losses = f->policy.probe_losses;
    policy.degraded_ppm = f->policy.degraded_loss_ppm;
    policy.damping = damping_policy_of(&f->policy);
    path_init(&w->path, &policy, w->session, true, now);
}

static int monitor_start(struct links *l)
{
    uint32_t n = l->config.count;
    char(*names)[FLEET_IFNAME_SIZE] = calloc(n + 1, sizeof(*names));
    if (names == NULL)
        return ERR_MEMORY;
    for (uint32_t i = 0; i < n; i++)
        memcpy(names[i], fleet_link(l, i)->end[l->items[i].end].interface, sizeof(names[i]));
    int status = link_monitor_new((const char(*)[FLEET_IFNAME_SIZE])names, n, 0, on_interface, l,
                                  &l->monitor);
    free(names);
    if (status == OK && !watch(l, link_monitor_fd(l->monitor), TAG_MONITOR))
        status = ERR_IO;
    return status;
}

int links_new(const struct links_config *config, struct links *old, bool reread_keys,
              struct mono now, struct links **ret)
{
    struct links *l = calloc(1, sizeof(*l));
    if (l == NULL)
        return ERR_MEMORY;
    l->config = *config;
    l->items = calloc(config->count + 1, sizeof(*l->items));
    l->epoll = epoll_create1(EPOLL_CLOEXEC);
    int status = l->items == NULL ? ERR_MEMORY : l->epoll < 0 ? ERR_IO : OK;
    if (status == OK)
        status = stamp_io_new(&l->io);
    for (uint32_t i = 0; status == OK && i < config->count; i++)
        item_init(l, i, now);
    if (status == OK)
        status = monitor_start(l);
    if (status != OK) {
        l->config.count = l->items != NULL ? config->count : 0;
        links_free(l);
        return status;
    }
    for (uint32_t i = 0; i < config->count; i++) {
        if (old != NULL)
            take_over(l, i, old, reread_keys);
        if (l->items[i].session && l->items[i].stamp == NULL)
            make_stamp(l, i);
        on_interface(l, i, link_monitor_state(l->monitor, i));
        if (l->items[i].index == 0)
            open_sockets(l, i);
    }
    *ret = l;
    return OK;
}

void links_free(struct links *l)
{
    if (l == NULL)
        return;
    for (uint32_t i = 0; i < l->config.count; i++)
        stamp_free(l->items[i].stamp);
    link_monitor_free(l->monitor);
    stamp_io_free(l->io);
    if (l->epoll >= 0)
        close(l->epoll);
    free(l->items);
    free(l);
}

int links_fd(const struct links *l)
{
    return l->epoll;
}

/* The wall clock began before the packet was handed to the kernel, the mono clock after: the first
 * is right unless it was stepped meanwhile, which the second tells. The kernel's own time of
 * sending is by the wall clock too, and lies behind the one in the packet. Never 0, which means
 * unknown. */
static uint32_t round_trip_us(const struct stamp_reply *r, int64_t mono_us)
{
    int64_t round = r->round_us;
    if (round < mono_us || round > mono_us + CLOCK_STEP_US)
        round = mono_us;
    else if (r->kernel_round_us >= 0 && r->kernel_round_us <= round)
        round = r->kernel_round_us;
    int64_t rtt = round - r->dwell_us;
    return rtt < 1 ? 1 : rtt < UINT32_MAX ? (uint32_t)rtt : UINT32_MAX;
}

static void take_reply(struct watched_link *w, const struct stamp_reply *r, struct mono now)
{
    struct stamp_stats *stats = stamp_stats(w->stamp);
    const struct stamp_request *request = &r->answer.request;
    const struct path_packet *packet = &w->path.packets[request->seq % PATH_WINDOW];
    uint32_t rtt = round_trip_us(r, mono_diff_us(r->arrived, packet->sent));
    switch (path_reply(&w->path, request->seq, r->answer.seq, request->timestamp, r->arrived, rtt,
                       now)) {
    case PATH_ANSWERED: stats->answered++; break;
    case PATH_REPLAYED: stats->replayed++; break;
    case PATH_FOREIGN: stats->foreign++; break;
    case PATH_FORGED: stats->forged++; break;
    }
}

static void drain_sender(struct links *l, uint32_t i)
{
    struct watched_link *w = &l->items[i];
    struct stamp_reply replies[STAMP_BATCH];
    bool more = w->stamp != NULL;
    for (int batch = 0; more && batch < DRAIN_MAX; batch++) {
        bool refused = false;
        uint32_t n = stamp_receive(w->stamp, l->io, replies, &refused, &more);
        struct mono now = clock_mono();
        if (refused)
            path_refused(&w->path, now);
        for (uint32_t k = 0; k < n; k++)
            take_reply(w, &replies[k], now);
    }
}

static void drain_reflector(struct links *l, uint32_t i)
{
    struct watched_link *w = &l->items[i];
    bool more = w->stamp != NULL;
    for (int batch = 0; more && batch < DRAIN_MAX; batch++)
        if (stamp_reflect(w->stamp, l->io, &more) > 0)
            path_heard(&w->path, clock_mono());
}

static void monitor_events(struct links *l)
{
    if (link_monitor_events(l->monitor) != OK)
        log_event(l->config.log, LOG_WARNING, LOG_CODE("netlink-failed"));
}

void links_events(struct links *l)
{
    struct epoll_event events[LINKS_EVENTS];
    int n = epoll_wait(l->epoll, events, LINKS_EVENTS, 0);
    for (int k = 0; k < n; k++) /* carrier first: it has the least time */
        if (events[k].data.u64 == TAG_MONITOR)
            monitor_events(l);
    for (int k = 0; k < n; k++) {
        uint64_t tag = events[k].data.u64;
        if (tag == TAG_MONITOR)
            continue;
        if (tag % 2 == ROLE_REFLECTOR)
            drain_reflector(l, (uint32_t)(tag / 2));
        else
            drain_sender(l, (uint32_t)(tag / 2));
    }
}

static void conclude(struct links *l, uint32_t i, struct mono now)
{
    struct path *p = &l->items[i].path;
    enum health before = p->track.health;
    if (path_judge(p, now))
        tell(l, i, before);
}

void links_tick(struct links *l, struct mono now)
{
    for (uint32_t i = 0; i < l->config.count; i++) {
        struct watched_link *w = &l->items[i];
        if (w->stamp == NULL)
            continue;
        if (w->index == 0)
            open_sockets(l, i);
        uint64_t stamp = 0;
        struct mono sent = now;
        /* No socket means no route to the peer over this interface: the packet is lost. */
        if (w->index == 0)
            path_sent(&w->path, now, 0);
        else if (stamp_send(w->stamp, w->path.next_seq, &stamp, &sent) == OK)
            path_sent(&w->path, sent, stamp);
    }
    links_judge(l, now);
}

void links_judge(struct links *l, struct mono now)
{
    for (uint32_t i = 0; i < l->config.count; i++) {
        drain_sender(l, i);
        conclude(l, i, now);
    }
}

void links_unseen(struct links *l, struct mono until)
{
    for (uint32_t i = 0; i < l->config.count; i++)
        path_unseen(&l->items[i].path, until);
}

bool links_due(const struct links *l, struct mono *ret_due)
{
    bool any = false;
    for (uint32_t i = 0; i < l->config.count; i++) {
        struct mono due;
        if (l->items[i].stamp == NULL || !path_due(&l->items[i].path, &due))
            continue;
        if (!any || due.us < ret_due->us)
            *ret_due = due;
        any = true;
    }
    return any;
}

void links_refresh(struct links *l)
{
    if (link_monitor_counters(l->monitor) != OK)
        log_event(l->config.log, LOG_WARNING, LOG_CODE("netlink-failed"));
    for (uint32_t i = 0; i < l->config.count; i++)
        if (l->items[i].session && l->items[i].stamp == NULL)
            make_stamp(l, i);
}

uint32_t links_count(const struct links *l)
{
    return l->config.count;
}

void links_name(const struct links *l, uint32_t i, uint16_t *ret_link, uint8_t *ret_end)
{
    *ret_link = l->items[i].link;
    *ret_end = l->items[i].end;
}

void links_observe(struct links *l, uint32_t i, struct mono now, struct observation *ret)
{
    const struct link_state *state = link_monitor_state(l->monitor, i);
    path_observe(&l->items[i].path, now, ret);
    ret->oper_up = state->oper_up;
    ret->rx_bytes = state->rx_bytes;
    ret->tx_bytes = state->tx_bytes;
}

int links_uplink(const struct links *l, uint16_t carrier, const char **ret_interface)
{
    int index = 0;
    for (uint32_t i = 0; i < l->config.count; i++) {
        const struct link *link = fleet_link(l, i);
        const struct link_state *state = link_monitor_state(l->monitor, i);
        if (link->carrier != carrier || state->index == 0 || (index != 0 && !state->oper_up))
            continue;
        index = state->index;
        *ret_interface = link->end[l->items[i].end].interface;
        if (state->oper_up)
            break;
    }
    return index;
}

struct stamp_stats links_stats(const struct links *l)
{
    struct stamp_stats sum = {0};
    for (uint32_t i = 0; i < l->config.count; i++) {
        if (l->items[i].stamp == NULL)
            continue;
        const struct stamp_stats *s = stamp_stats(l->items[i].stamp);
        sum.sent += s->sent;
        sum.answered += s->answered;
        sum.requests += s->requests;
        sum.reflected += s->reflected;
        sum.unstamped += s->unstamped;
        sum.truncated += s->truncated;
        sum.malformed += s->malformed;
        sum.forged += s->forged;
        sum.replayed += s->replayed;
        sum.foreign += s->foreign;
        sum.refused += s->refused;
        sum.send_failed += s->send_failed;
        sum.send_starved += s->send_starved;
    }
    return sum;
}

uint64_t links_resyncs(const struct links *l)
{
    return link_monitor_resyncs(l->monitor);
}
