/* relay.c: one poll loop, two bounded buffers for each pair of sockets, half-closes carried over.
 */
#include "log/relay.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* One direction: bytes read from one socket and not yet written to the other. */
struct flow {
    uint8_t *buffer;
    size_t from, to; /* the bytes under way are buffer[from..to) */
    bool ended;      /* the reading side said that no more comes */
    bool closed;     /* ... and that was passed on */
};

struct pair {
    int fd[2];           /* client, target */
    struct flow flow[2]; /* flow[i] is read from fd[i] and written to fd[1 - i] */
    bool connecting;
};

struct relay {
    int listen_fd, stop_fd;
    const struct endpoint *target;
    size_t count;
    struct pair pairs[RELAY_MAX_PAIRS];
    struct pollfd polls[2 + 2 * RELAY_MAX_PAIRS];
};

int endpoint_parse(const char *text, size_t n, struct endpoint *ret_endpoint)
{
    char host[64];
    char port[8];
    size_t colon = n;
    while (colon > 0 && text[colon - 1] != ':') {
        colon--;
    }
    if (colon < 2 || n - colon < 1 || n - colon >= sizeof(port) || colon - 1 >= sizeof(host)) {
        return ERR_INVALID;
    }
    /* getaddrinfo() would take the low 16 bits of a larger number. */
    uint32_t number = 0;
    for (size_t i = colon; i < n; i++) {
        if (text[i] < '0' || text[i] > '9') {
            return ERR_INVALID;
        }
        number = number * 10 + (uint32_t)(text[i] - '0');
    }
    if (number > UINT16_MAX) {
        return ERR_INVALID;
    }
    size_t start = 0;
    size_t len = colon - 1;
    if (text[0] == '[' && len > 2 && text[len - 1] == ']') {
        start = 1;
        len -= 2;
    }
    memcpy(host, text + start, len);
    host[len] = '\0';
    memcpy(port, text + colon, n - colon);
    port[n - colon] = '\0';
    struct addrinfo hints = {.ai_flags = AI_NUMERICHOST | AI_NUMERICSERV,
                             .ai_socktype = SOCK_STREAM};
    struct addrinfo *found;
    if (getaddrinfo(host, port, &hints, &found) != 0) {
        return ERR_INVALID;
    }
    struct endpoint e = {.size = found->ai_addrlen};
    memcpy(&e.address, found->ai_addr, found->ai_addrlen);
    freeaddrinfo(found);
    *ret_endpoint = e;
    return OK;
}

int relay_listen(const struct endpoint *e)
{
    int fd = socket(e->address.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0) {
        return ERR_IO;
    }
    int on = 1;
    if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) != 0 ||
        bind(fd, (const struct sockaddr *)&e->address, e->size) != 0 || listen(fd, 64) != 0) {
        int saved = errno;
        close(fd);
        errno = saved;
        return ERR_IO;
    }
    return fd;
}

static void pair_done(struct pair *p)
{
    for (int i = 0; i < 2; i++) {
        if (p->fd[i] >= 0) {
            close(p->fd[i]);
        }
        free(p->flow[i].buffer);
    }
}

/* Takes over the client's socket, also on failure. */
static int pair_init(struct pair *p, int client, const struct endpoint *target)
{
    *p = (struct pair){.fd = {client, -1}, .connecting = true};
    p->fd[1] = socket(target->address.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    p->flow[0].buffer = malloc(RELAY_BUFFER);
    p->flow[1].buffer = malloc(RELAY_BUFFER);
    bool ok = p->fd[1] >= 0 && p->flow[0].buffer != NULL && p->flow[1].buffer != NULL;
    int on = 1;
    for (int i = 0; ok && i < 2; i++) {
        ok = setsockopt(p->fd[i], IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on)) == 0;
    }
    if (ok && connect(p->fd[1], (const struct sockaddr *)&target->address, target->size) != 0) {
        ok = errno == EINPROGRESS;
    }
    if (!ok) {
        pair_done(p);
        return ERR_IO;
    }
    return OK;
}

/* Reads what fits from fd[i]. False: the pair is broken. */
static bool flow_fill(struct pair *p, int i)
{
    struct flow *f = &p->flow[i];
    if (f->ended || f->to == RELAY_BUFFER) {
        return true;
    }
    ssize_t n = read(p->fd[i], f->buffer + f->to, RELAY_BUFFER - f->to);
    if (n < 0) {
        return errno == EAGAIN || errno == EINTR;
    }
    f->to += (size_t)n;
    f->ended = n == 0;
    return true;
}

/* Writes what fd[1 - i] takes, and passes the end on after the last byte. False: broken. */
static bool flow_drain(struct pair *p, int i)
{
    struct flow *f = &p->flow[i];
    int to = p->fd[1 - i];
    if (f->from < f->to) {
        ssize_t n = send(to, f->buffer + f->from, f->to - f->from, MSG_NOSIGNAL);
        if (n < 0) {
            return errno == EAGAIN || errno == EINTR;
        }
        f->from += (size_t)n;
    }
    if (f->from == f->to) {
        f->from = f->to =
            0; /* the whole buffer is room again, so that the next poll asks for more */
    }
    if (f->from == f->to && f->ended && !f->closed) {
        f->closed = true;
        return shutdown(to, SHUT_WR) == 0;
    }
    return true;
}

/* Moves what can be moved after poll said so. False: the pair has ended. */
static bool pair_move(struct pair *p, const struct pollfd polls[2])
{
    if (p->connecting) {
        if (polls[1].revents == 0) {
            return (polls[0].revents & (POLLERR | POLLHUP)) == 0;
        }
        int error = 0;
        socklen_t size = sizeof(error);
        if (getsockopt(p->fd[1], SOL_SOCKET, SO_ERROR, &error, &size) != 0 || error != 0) {
            return false;
        }
        p->connecting = false;
    }
    for (int i = 0; i < 2; i++) {
        if ((polls[i].revents & POLLERR) != 0 || !flow_fill(p, i) || !flow_drain(p, i)) {
            return false;
        }
    }
    return !(p->flow[0].closed && p->flow[1].closed);
}

static void pair_wants(const struct pair *p, struct pollfd polls[2])
{
    for (int i = 0; i < 2; i++) {
        const struct flow *in = &p->flow[i];
        const struct flow *out = &p->flow[1 - i];
        bool readable = !p->connecting && !in->ended && in->to < RELAY_BUFFER;
        bool writable = out->from < out->to || (i == 1 && p->connecting);
        int events = (readable ? POLLIN : 0) | (writable ? POLLOUT : 0);
        /* A negative fd keeps poll from spinning on the hang-up of a side with nothing to do. */
        bool idle = events == 0 && !p->connecting;
        polls[i] = (struct pollfd){.fd = idle ? -1 : p->fd[i], .events = (short)events};
    }
}

static void relay_accept(struct relay *r)
{
    while (r->count < RELAY_MAX_PAIRS) {
        int client = accept4(r->listen_fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
        if (client < 0) {
            return;
        }
        if (pair_init(&r->pairs[r->count], client, r->target) == OK) {
            r->count++;
        }
    }
}

/* One round. 1 to go on, 0 to stop, or a negative code. */
static int relay_round(struct relay *r)
{
    bool room = r->count < RELAY_MAX_PAIRS;
    r->polls[0] = (struct pollfd){.fd = r->stop_fd, .events = POLLIN};
    r->polls[1] = (struct pollfd){.fd = room ? r->listen_fd : -1, .events = POLLIN};
    for (size_t i = 0; i < r->count; i++) {
        pair_wants(&r->pairs[i], &r->polls[2 + 2 * i]);
    }
    if (poll(r->polls, 2 + 2 * r->count, -1) < 0) {
        return errno == EINTR ? 1 : ERR_IO;
    }
    if (r->polls[0].revents != 0) {
        return 0;
    }
    /* From the last to the first: an ended pair is replaced by the last, which was handled already.
     */
    for (size_t i = r->count; i-- > 0;) {
        if (!pair_move(&r->pairs[i], &r->polls[2 + 2 * i])) {
            pair_done(&r->pairs[i]);
            r->pairs[i] = r->pairs[--r->count];
        }
    }
    if (r->polls[1].revents != 0) {
        relay_accept(r);
    }
    return 1;
}

int relay_run(int listen_fd, const struct endpoint *target, int stop_fd)
{
    struct relay *r = calloc(1, sizeof(*r));
    if (r == NULL) {
        return ERR_MEMORY;
    }
    *r = (struct relay){.listen_fd = listen_fd, .stop_fd = stop_fd, .target = target};
    int status = 1;
    while (status == 1) {
        status = relay_round(r);
    }
    for (size_t i = 0; i < r->count; i++) {
        pair_done(&r->pairs[i]);
    }
    free(r);
    return status;
}
