/* local.c: the unix socket to the local spillwayd: the fleet comes from it, link edges go to it. */
#include "local.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

enum { LOCAL_ROOM_FIRST = 16 * 1024 };

struct local {
    struct sockaddr_un address;
    struct local_events events;
    int fd;
    uint8_t *data; /* received and not yet used */
    size_t size, room;
};

int local_new(const char *path, const struct local_events *events, struct local **ret)
{
    struct local *l = calloc(1, sizeof(*l));
    if (l == NULL)
        return ERR_MEMORY;
    l->address.sun_family = AF_UNIX;
    snprintf(l->address.sun_path, sizeof(l->address.sun_path), "%s", path);
    l->events = *events;
    l->fd = -1;
    *ret = l;
    return OK;
}

static void disconnect(struct local *l, const char *why)
{
    close(l->fd);
    l->fd = -1;
    free(l->data);
    l->data = NULL;
    l->size = l->room = 0;
    if (l->events.changed != NULL)
        l->events.changed(l->events.context, false, why);
}

void local_free(struct local *l)
{
    if (l == NULL)
        return;
    l->events.changed = NULL;
    if (l->fd >= 0)
        disconnect(l, "");
    free(l);
}

int local_fd(const struct local *l)
{
    return l->fd;
}

void local_connect(struct local *l)
{
    if (l->fd >= 0)
        return;
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return;
    /* A unix socket connects at once or not at all; EAGAIN means that its backlog is full. */
    if (connect(fd, (const struct sockaddr *)&l->address, sizeof(l->address)) != 0) {
        close(fd);
        return;
    }
    l->fd = fd;
    l->events.changed(l->events.context, true, "");
}

/* Makes room for the whole frame that begins at data; false when it is none. */
static bool room_for_frame(struct local *l)
{
    size_t need = LOCAL_ROOM_FIRST;
    int status = local_frame_size(l->data, l->size, &need);
    if (status != OK && status != ERR_TRUNCATED)
        return false;
    if (need < LOCAL_ROOM_FIRST)
        need = LOCAL_ROOM_FIRST;
    if (need <= l->room)
        return true;
    uint8_t *more = realloc(l->data, need);
    if (more == NULL)
        return false;
    l->data = more;
    l->room = need;
    return true;
}

/* Takes all whole frames; false when the stream is broken. */
static bool take_frames(struct local *l)
{
    for (;;) {
        struct local_message m;
        size_t used = 0;
        int status = local_decode(l->data, l->size, &m, &used);
        if (status == ERR_TRUNCATED)
            return true;
        if (status != OK)
            return false;
        if (m.type == LOCAL_FLEET)
            l->events.fleet(l->events.context, &m, l->data, used);
        if (m.type == LOCAL_INJECT)
            l->events.inject(l->events.context, &m);
        if (l->fd < 0)
            return true; /* the event gave the connection up */
        memmove(l->data, l->data + used, l->size - used);
        l->size -= used;
    }
}

void local_readable(struct local *l)
{
    while (l->fd >= 0) {
        if (!room_for_frame(l)) {
            disconnect(l, "a frame that is none, or too large");
            return;
        }
        ssize_t n = recv(l->fd, l->data + l->size, l->room - l->size, 0);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
            return;
        if (n <= 0) {
            disconnect(l, n == 0 ? "closed by spillwayd" : strerror(errno));
            return;
        }
        l->size += (size_t)n;
        if (!take_frames(l) && l->fd >= 0)
            disconnect(l, "a frame that is none");
    }
}

void local_edge(struct local *l, uint16_t link, uint8_t end, bool down, int64_t held_us)
{
    if (l->fd < 0)
        return;
    struct local_message m = {.type = LOCAL_EDGE,
                              .edge = {.link = link, .end = end, .down = down, .held_us = held_us}};
    uint8_t frame[LOCAL_EDGE_SIZE];
    size_t size = 0;
    if (local_encode(&m, frame, sizeof(frame), &size) != OK)
        return;
    if (send(l->fd, frame, size, MSG_NOSIGNAL) != (ssize_t)size)
        disconnect(l, "spillwayd does not read");
}
