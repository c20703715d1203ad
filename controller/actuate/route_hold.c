/* route_hold.c: one packet to the route helper and one back. */
#include "actuate/route_hold.h"

#include "actuate/route_wire.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

enum { MESSAGE_SIZE = 1024 };

static int connect_to(const char *path, int *ret_fd)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    size_t len = strlen(path);
    if (len >= sizeof(address.sun_path))
        return ERR_TOO_LARGE;
    memcpy(address.sun_path, path, len + 1);
    int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return ERR_UNAVAILABLE;
    if (connect(fd, (const struct sockaddr *)&address, sizeof(address)) != 0) {
        int status = errno == EACCES || errno == EPERM ? ERR_PERMISSION : ERR_UNAVAILABLE;
        close(fd);
        return status;
    }
    *ret_fd = fd;
    return OK;
}

/* Sends the bytes, and puts the reply in their place. */
static int exchange(const char *path, int timeout_ms, uint8_t bytes[MESSAGE_SIZE], size_t size,
                    size_t *ret_size)
{
    int fd = -1;
    int status = connect_to(path, &fd);
    if (status != OK)
        return status;
    struct pollfd p = {.fd = fd, .events = POLLIN};
    ssize_t n = -1;
    if (send(fd, bytes, size, MSG_NOSIGNAL) != (ssize_t)size)
        status = ERR_UNAVAILABLE;
    else if (poll(&p, 1, timeout_ms) != 1)
        status = ERR_TIMEOUT;
    else if ((n = recv(fd, bytes, MESSAGE_SIZE, 0)) <= 0)
        status = ERR_PERMISSION; /* it closes on whom it does not hear */
    close(fd);
    if (status == OK)
        *ret_size = (size_t)n;
    return status;
}

static int converse(const char *path, int timeout_ms, uint8_t bytes[MESSAGE_SIZE], size_t size,
                    uint64_t id, struct fence_state *ret_found)
{
    struct route_reply reply = {0};
    size_t n = 0;
    int status = exchange(path, timeout_ms, bytes, size, &n);
    if (status != OK)
        return status;
    struct codec reader = codec_reader(bytes, n, NULL);
    route_reply_codec(&reader, &reply);
    if (codec_finish(&reader) != OK || reply.id != id)
        return ERR_INVALID;
    *ret_found = (struct fence_state){reply.found, reply.hold};
    return reply.status;
}

int route_hold_read(const char *socket_path, int timeout_ms, struct fence_state *ret_found)
{
    uint8_t bytes[MESSAGE_SIZE];
    uint64_t id = 1;
    struct codec w = codec_writer(bytes, sizeof(bytes));
    route_ask_codec(&w, &id);
    return converse(socket_path, timeout_ms, bytes, w.pos, id, ret_found);
}

int route_hold(const char *socket_path, int timeout_ms, const struct hold_order *order,
               struct fence_state *ret_found)
{
    uint8_t bytes[MESSAGE_SIZE];
    struct hold_request request = {.id = 2, .order = *order};
    struct codec w = codec_writer(bytes, sizeof(bytes));
    hold_request_codec(&w, &request);
    if (codec_finish(&w) != OK)
        return ERR_INVALID;
    return converse(socket_path, timeout_ms, bytes, w.pos, request.id, ret_found);
}
