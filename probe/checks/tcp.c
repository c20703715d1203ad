/* tcp.c: TCP checks: a connection that the other side accepts in time is good. */
#include "checks/tcp.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <unistd.h>

enum { TCP_EVENTS = 64 };

struct tcp_checks {
    int epoll;
    check_ended_fn *ended;
    void *context;
};

/* What epoll remembers of a check. */
static uint64_t pack(uint32_t slot, int fd)
{
    return (uint64_t)slot << 32 | (uint32_t)fd;
}

int tcp_checks_new(check_ended_fn *ended, void *context, struct tcp_checks **ret)
{
    struct tcp_checks *t = calloc(1, sizeof(*t));
    if (t == NULL)
        return ERR_MEMORY;
    *t = (struct tcp_checks){epoll_create1(EPOLL_CLOEXEC), ended, context};
    if (t->epoll < 0) {
        free(t);
        return ERR_IO;
    }
    *ret = t;
    return OK;
}

void tcp_checks_free(struct tcp_checks *t)
{
    if (t == NULL)
        return;
    close(t->epoll);
    free(t);
}

int tcp_checks_fd(const struct tcp_checks *t)
{
    return t->epoll;
}

static bool own_shortage(int error)
{
    return error == EMFILE || error == ENFILE || error == ENOBUFS || error == ENOMEM ||
           error == EADDRNOTAVAIL || error == ENOSPC;
}

int tcp_check_begin(struct tcp_checks *t, const struct check_request *r, uint32_t slot, int *ret_fd)
{
    struct sockaddr_storage to;
    socklen_t size = check_socket_address(&r->address, r->port, &to);
    int fd = socket(to.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return ERR_FULL;
    if (!check_bind(fd, &r->way)) {
        close(fd);
        return ERR_FULL;
    }
    struct epoll_event event = {.events = EPOLLOUT, .data.u64 = pack(slot, fd)};
    bool begun = connect(fd, (struct sockaddr *)&to, size) == 0 || errno == EINPROGRESS;
    if (begun && epoll_ctl(t->epoll, EPOLL_CTL_ADD, fd, &event) == 0) {
        *ret_fd = fd;
        return OK;
    }
    int error = errno;
    close(fd);
    return begun || own_shortage(error) ? ERR_FULL : ERR_REFUSED;
}

void tcp_check_cancel(struct tcp_checks *t, int fd)
{
    (void)t;
    close(fd); /* leaves the epoll set by itself */
}

void tcp_checks_events(struct tcp_checks *t)
{
    struct epoll_event events[TCP_EVENTS];
    int n = epoll_wait(t->epoll, events, TCP_EVENTS, 0);
    for (int i = 0; i < n; i++) {
        int fd = (int)(uint32_t)events[i].data.u64;
        int error = 0;
        socklen_t size = sizeof(error);
        if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &size) != 0)
            error = errno;
        close(fd);
        t->ended(t->context, (uint32_t)(events[i].data.u64 >> 32), error == 0);
    }
}
