/* dns.c: DNS checks with c-ares: an answer with NOERROR in time is good, whatever it holds. */
#include "checks/dns.h"

#include <ares.h>
#include <arpa/nameser.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

enum {
    DNS_EVENTS = 64,
    DNS_SERVERS = 1024, /* checked by one process */
};

/* One checked server, over one way. */
struct server {
    struct dns_checks *owner;
    uint32_t index;
    ares_channel channel; /* NULL: it could not be opened anew */
    struct address address;
    uint16_t port;
    struct check_way way;
    bool unbound; /* our socket could not be bound to the way */
};

struct dns_check {
    struct dns_checks *owner;
    uint32_t slot;
    bool beginning, ended_early; /* c-ares may end a query from within ares_query */
    bool cancelled;              /* it cannot take one query back: then its end is not told */
};

struct dns_checks {
    int epoll;
    int timeout_ms;
    struct server *servers[DNS_SERVERS];
    uint32_t count;
    check_ended_fn *ended;
    void *context;
};

int dns_checks_new(int64_t timeout_us, check_ended_fn *ended, void *context,
                   struct dns_checks **ret)
{
    struct dns_checks *d = calloc(1, sizeof(*d));
    if (d == NULL)
        return ERR_MEMORY;
    d->ended = ended;
    d->context = context;
    /* Twice the caller's: c-ares' own clock must not judge, only clean up. */
    d->timeout_ms = (int)(2 * timeout_us / US_PER_MS) + 1;
    d->epoll = epoll_create1(EPOLL_CLOEXEC);
    if (d->epoll < 0) {
        free(d);
        return ERR_IO;
    }
    *ret = d;
    return OK;
}

void dns_checks_free(struct dns_checks *d)
{
    if (d == NULL)
        return;
    d->ended = NULL;
    for (uint32_t i = 0; i < d->count; i++) {
        ares_destroy(d->servers[i]->channel); /* ends its queries with ARES_EDESTRUCTION */
        free(d->servers[i]);
    }
    close(d->epoll);
    free(d);
}

int dns_checks_fd(const struct dns_checks *d)
{
    return d->epoll;
}

static void on_socket(void *context, ares_socket_t fd, int readable, int writable)
{
    const struct server *s = context;
    struct epoll_event event = {.data.u64 = (uint64_t)s->index << 32 | (uint32_t)fd};
    event.events = (readable ? EPOLLIN : 0U) | (writable ? EPOLLOUT : 0U);
    if (event.events == 0)
        epoll_ctl(s->owner->epoll, EPOLL_CTL_DEL, fd, NULL);
    else if (epoll_ctl(s->owner->epoll, EPOLL_CTL_MOD, fd, &event) != 0)
        epoll_ctl(s->owner->epoll, EPOLL_CTL_ADD, fd, &event);
}

/* Before a socket of the channel is connected; -1 gives it up. (c-ares' own setting of a device
 * goes on without it when it fails.) */
static int on_new_socket(ares_socket_t fd, int type, void *context)
{
    (void)type;
    struct server *s = context;
    s->unbound = !check_bind(fd, &s->way);
    return s->unbound ? -1 : 0;
}

static bool channel_open(struct dns_checks *d, struct server *s)
{
    struct ares_options options = {
        .flags = ARES_FLAG_STAYOPEN | ARES_FLAG_NOSEARCH | ARES_FLAG_NOALIASES | ARES_FLAG_IGNTC,
        .timeout = d->timeout_ms,
        .tries = 1,
        .sock_state_cb = on_socket,
        .sock_state_cb_data = s,
    };
    int mask = ARES_OPT_FLAGS | ARES_OPT_TIMEOUTMS | ARES_OPT_TRIES | ARES_OPT_SOCK_STATE_CB;
    if (ares_init_options(&s->channel, &options, mask) != ARES_SUCCESS)
        return false;
    struct ares_addr_port_node node = {
        .family = s->address.family == 4 ? AF_INET : AF_INET6,
        .udp_port = s->port,
        .tcp_port = s->port,
    };
    memcpy(&node.addr, s->address.bytes, s->address.family == 4 ? 4 : 16);
    ares_set_socket_configure_callback(s->channel, on_new_socket, s);
    if (ares_set_servers_ports(s->channel, &node) == ARES_SUCCESS)
        return true;
    ares_destroy(s->channel);
    s->channel = NULL;
    return false;
}

static bool same_server(const struct server *s, const struct check_request *r)
{
    return s->port == r->port && memcmp(&s->address, &r->address, sizeof(r->address)) == 0 &&
           strcmp(s->way.interface, r->way.interface) == 0;
}

/* The channel of a server over a way. An interface that was made anew gets a new socket; what ran
 * over the old one ends as failed. */
static struct server *server_of(struct dns_checks *d, const struct check_request *r)
{
    for (uint32_t i = 0; i < d->count; i++) {
        struct server *s = d->servers[i];
        if (!same_server(s, r))
            continue;
        if (s->channel != NULL && s->way.index != r->way.index) {
            ares_channel old = s->channel;
            s->channel = NULL;
            ares_destroy(old);
        }
        s->way = r->way;
        return s->channel != NULL || channel_open(d, s) ? s : NULL;
    }
    struct server *s = d->count < DNS_SERVERS ? calloc(1, sizeof(*s)) : NULL;
    if (s == NULL)
        return NULL;
    s->owner = d;
    s->index = d->count;
    s->address = r->address;
    s->port = r->port;
    s->way = r->way;
    if (!channel_open(d, s)) {
        free(s);
        return NULL;
    }
    d->servers[d->count++] = s;
    return s;
}

/* NOERROR of any content; "no data" is NOERROR without A records. */
static bool answer_good(int status)
{
    return status == ARES_SUCCESS || status == ARES_ENODATA;
}

static void on_answer(void *context, int status, int timeouts, unsigned char *data, int size)
{
    (void)timeouts;
    (void)data;
    (void)size;
    struct dns_check *check = context;
    if (check->beginning) {
        check->ended_early = true;
        return;
    }
    struct dns_checks *d = check->owner;
    uint32_t slot = check->slot;
    bool tell = !check->cancelled && d->ended != NULL;
    free(check);
    if (tell)
        d->ended(d->context, slot, answer_good(status));
}

int dns_check_begin(struct dns_checks *d, const struct check_request *r, uint32_t slot,
                    struct dns_check **ret)
{
    struct server *server = server_of(d, r);
    struct dns_check *check = server != NULL ? calloc(1, sizeof(*check)) : NULL;
    if (check == NULL)
        return ERR_FULL;
    *check = (struct dns_check){.owner = d, .slot = slot, .beginning = true};
    server->unbound = false;
    ares_query(server->channel, r->path, ns_c_in, ns_t_a, on_answer, check);
    check->beginning = false;
    if (check->ended_early) {
        free(check);
        return server->unbound ? ERR_FULL : ERR_REFUSED;
    }
    *ret = check;
    return OK;
}

void dns_check_cancel(struct dns_check *check)
{
    check->cancelled = true; /* freed when c-ares ends it */
}

void dns_checks_events(struct dns_checks *d)
{
    struct epoll_event events[DNS_EVENTS];
    int n = epoll_wait(d->epoll, events, DNS_EVENTS, 0);
    for (int i = 0; i < n; i++) {
        ares_socket_t fd = (ares_socket_t)(uint32_t)events[i].data.u64;
        bool in = (events[i].events & (EPOLLIN | EPOLLHUP | EPOLLERR)) != 0;
        bool out = (events[i].events & EPOLLOUT) != 0;
        const struct server *s = d->servers[events[i].data.u64 >> 32];
        if (s->channel != NULL)
            ares_process_fd(s->channel, in ? fd : ARES_SOCKET_BAD, out ? fd : ARES_SOCKET_BAD);
    }
}

void dns_checks_sweep(struct dns_checks *d)
{
    for (uint32_t i = 0; i < d->count; i++)
        if (d->servers[i]->channel != NULL)
            ares_process_fd(d->servers[i]->channel, ARES_SOCKET_BAD, ARES_SOCKET_BAD);
}
