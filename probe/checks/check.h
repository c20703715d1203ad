/* check.h: what the checks of all kinds (TCP, HTTP, DNS) have in common.
 *
 * A kind owns its sockets behind one epoll descriptor, which the event loop watches, and tells when
 * a check ended. Time is not its matter: who began a check cancels it when its time is over.
 *
 * A check over a carrier leaves by the interface of an uplink, whatever the routes prefer; the host
 * needs a route to the target over it, at any metric. Linux binds a socket to a device without
 * privileges since 5.7. */
#ifndef SPILLWAY_PROBE_CHECKS_CHECK_H
#define SPILLWAY_PROBE_CHECKS_CHECK_H

#include "base/error.h"
#include "base/times.h"
#include "model/fleet.h"

#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>

/* The interface by which checks leave. One that was made anew under the same name has another
 * index, and is another. */
struct check_way {
    int index; /* 0: by the routes of the host */
    char interface[FLEET_IFNAME_SIZE];
    struct mono since; /* connections from before it are of another way */
};

/* Where an HTTP answer's body is kept. */
struct check_body {
    char *room;
    size_t max, size; /* bytes; a larger body makes the check fail */
};

/* Strings are borrowed for the call that begins the check. */
struct check_request {
    enum check_kind kind;
    struct address address;
    uint16_t port;
    const char *path;       /* HTTP(S): request target; DNS: the name asked for */
    const char *host;       /* HTTP(S): Host and TLS server name; "": the address */
    uint16_t expect_status; /* HTTP(S): 0 for any 2xx */
    struct check_way way;
    struct check_body *body; /* HTTP(S): borrowed until the check ends; NULL: thrown away */
};

/* The check in this slot of the caller's ended. A begin may call it for other slots than its own, a
 * cancel for none. */
typedef void check_ended_fn(void *context, uint32_t slot, bool good);

enum { CHECK_ADDRESS_TEXT = 46 };

/* The address as text, without brackets. */
void check_address_text(const struct address *a, char ret[CHECK_ADDRESS_TEXT]);
socklen_t check_socket_address(const struct address *a, uint16_t port,
                               struct sockaddr_storage *ret);
/* Binds the socket to the way's interface; false when it cannot be, or the interface is gone. */
bool check_bind(int fd, const struct check_way *way) MUST_CHECK;
/* Whether sockets of this process can be bound to it now. */
bool check_way_usable(const struct check_way *way);

#endif
