/* resolver.c: hands the descriptors and the clock of a c-ares channel to a libuv loop. */
#include "actuate/resolver.h"

#include <stdlib.h>
#include <string.h>

enum { TRIES = 2, EDNS_SIZE = 1232 };

/* One descriptor of the channel. */
struct watch {
    uv_poll_t poll;
    struct resolver *resolver;
    ares_socket_t fd;
    struct watch *next;
};

struct resolver {
    ares_channel channel;
    uv_loop_t *loop;
    uv_timer_t timer;
    struct watch *watches;
    unsigned inside; /* depth of calls into c-ares, which must not free itself under its own feet */
    bool freed;
};

static void on_closed(uv_handle_t *handle)
{
    free(handle->data);
}

static void on_timer(uv_timer_t *timer);

static void destroy(struct resolver *r)
{
    ares_destroy(r->channel); /* ends the questions and closes the descriptors, hence the watches */
    uv_close((uv_handle_t *)&r->timer, on_closed);
}

static void enter(struct resolver *r)
{
    r->inside++;
}

/* After c-ares had its turn: when does it want the next one at the latest? */
static void leave(struct resolver *r)
{
    if (--r->inside > 0)
        return;
    if (r->freed) {
        destroy(r);
        return;
    }
    struct timeval room;
    const struct timeval *next = ares_timeout(r->channel, NULL, &room);
    if (next == NULL)
        uv_timer_stop(&r->timer);
    else
        uv_timer_start(&r->timer, on_timer,
                       (uint64_t)next->tv_sec * 1000 + (uint64_t)next->tv_usec / 1000 + 1, 0);
}

static void on_timer(uv_timer_t *timer)
{
    struct resolver *r = timer->data;
    enter(r);
    ares_process_fd(r->channel, ARES_SOCKET_BAD, ARES_SOCKET_BAD);
    leave(r);
}

static void on_poll(uv_poll_t *poll, int status, int events)
{
    struct watch *w = poll->data;
    struct resolver *r = w->resolver;
    ares_socket_t fd = w->fd; /* the watch may go while c-ares works */
    bool broken = status < 0; /* c-ares finds out what is wrong by reading */
    enter(r);
    ares_process_fd(r->channel, broken || (events & UV_READABLE) != 0 ? fd : ARES_SOCKET_BAD,
                    broken || (events & UV_WRITABLE) != 0 ? fd : ARES_SOCKET_BAD);
    leave(r);
}

static struct watch *watch_add(struct resolver *r, ares_socket_t fd)
{
    struct watch *w = calloc(1, sizeof(*w));
    if (w == NULL)
        return NULL;
    if (uv_poll_init(r->loop, &w->poll, fd) < 0) {
        free(w);
        return NULL;
    }
    w->poll.data = w;
    w->resolver = r;
    w->fd = fd;
    w->next = r->watches;
    r->watches = w;
    return w;
}

static void watch_remove(struct resolver *r, ares_socket_t fd)
{
    for (struct watch **at = &r->watches; *at != NULL; at = &(*at)->next) {
        struct watch *w = *at;
        if (w->fd != fd)
            continue;
        *at = w->next;
        uv_poll_stop(&w->poll);
        uv_close((uv_handle_t *)&w->poll, on_closed);
        return;
    }
}

/* c-ares tells which of its descriptors to watch; neither readable nor writable: it closes it next.
 * Without memory for a watch the question ends by its timeout. */
static void on_socket(void *data, ares_socket_t fd, int readable, int writable)
{
    struct resolver *r = data;
    if (!readable && !writable) {
        watch_remove(r, fd);
        return;
    }
    struct watch *w = r->watches;
    while (w != NULL && w->fd != fd)
        w = w->next;
    if (w == NULL)
        w = watch_add(r, fd);
    if (w != NULL)
        uv_poll_start(&w->poll, (readable ? UV_READABLE : 0) | (writable ? UV_WRITABLE : 0),
                      on_poll);
}

static int set_server(ares_channel channel, const struct address *address, uint16_t port)
{
    struct ares_addr_port_node server = {.udp_port = port, .tcp_port = port};
    if (address->family == 4) {
        server.family = AF_INET;
        memcpy(&server.addr.addr4, address->bytes, 4);
    } else if (address->family == 6) {
        server.family = AF_INET6;
        memcpy(&server.addr.addr6, address->bytes, 16);
    } else {
        return ERR_INVALID;
    }
    return ares_set_servers_ports(channel, &server) == ARES_SUCCESS ? OK : ERR_MEMORY;
}

int resolver_new(uv_loop_t *loop, const struct address *address, uint16_t port, int64_t timeout_us,
                 struct resolver **ret_resolver)
{
    struct resolver *r = calloc(1, sizeof(*r));
    if (r == NULL)
        return ERR_MEMORY;
    /* c-ares doubles its patience at the second try: a third and two thirds. */
    int64_t first_ms = timeout_us / 3000;
    struct ares_options options = {
        .flags = ARES_FLAG_NOSEARCH | ARES_FLAG_NOALIASES | ARES_FLAG_NOCHECKRESP | ARES_FLAG_EDNS |
                 ARES_FLAG_STAYOPEN,
        .timeout = first_ms > 10 ? (int)first_ms : 10,
        .tries = TRIES,
        .ednspsz = EDNS_SIZE,
        .sock_state_cb = on_socket,
        .sock_state_cb_data = r,
    };
    int e = ares_init_options(&r->channel, &options,
                              ARES_OPT_FLAGS | ARES_OPT_TIMEOUTMS | ARES_OPT_TRIES |
                                  ARES_OPT_EDNSPSZ | ARES_OPT_SOCK_STATE_CB);
    if (e != ARES_SUCCESS) {
        free(r);
        return e == ARES_ENOMEM ? ERR_MEMORY : ERR_UNAVAILABLE;
    }
    int status = set_server(r->channel, address, port);
    if (status != OK) {
        ares_destroy(r->channel);
        free(r);
        return status;
    }
    r->loop = loop;
    uv_timer_init(loop, &r->timer);
    r->timer.data = r;
    *ret_resolver = r;
    return OK;
}

void resolver_ask(struct resolver *r, const char *name, int type, ares_callback done, void *user)
{
    enum { CLASS_IN = 1 };
    enter(r);
    ares_query(r->channel, name, CLASS_IN, type, done, user);
    leave(r);
}

void resolver_free(struct resolver *r)
{
    if (r == NULL || r->freed)
        return;
    r->freed = true;
    if (r->inside == 0)
        destroy(r);
}
