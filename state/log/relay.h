/* relay.h: a small TCP relay: what connects to one address is carried to another, unchanged.
 *
 * For development only: it leads the clients of a network namespace to a broker that they cannot
 * reach by themselves, and killing or pausing it is the fault "bus away" for that namespace alone.
 */
#ifndef SPILLWAY_LOG_RELAY_H
#define SPILLWAY_LOG_RELAY_H

#include "base/error.h"

#include <stdbool.h>
#include <sys/socket.h>

enum {
    RELAY_MAX_PAIRS = 256,  /* connections at once; more wait in the kernel's backlog */
    RELAY_BUFFER = 64 << 10 /* bytes under way in each direction of each connection */
};

struct endpoint {
    struct sockaddr_storage address;
    socklen_t size;
};

/* Parses "ADDR:PORT" or "[V6]:PORT", numeric only. n bytes of text. */
int endpoint_parse(const char *text, size_t n, struct endpoint *ret_endpoint) MUST_CHECK;
/* A listening, non-blocking socket, or a negative code with errno set. */
int relay_listen(const struct endpoint *e) MUST_CHECK;
/* Relays from the listening socket to target until stop_fd becomes readable. OK, or ERR_MEMORY,
 * ERR_IO with errno set. Connections are then closed, not drained: a relay holds nothing that is
 * acknowledged. */
int relay_run(int listen_fd, const struct endpoint *target, int stop_fd) MUST_CHECK;

#endif
