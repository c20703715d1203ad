/* check.h: what the checks of all kinds (TCP, HTTP, DNS) have in common.
 *
 * A kind owns its sockets behind one epoll descriptor, which the event loop watches, and tells when
 * a check ended. Time is not its matter: who began a check cancels it when its time is over. */
#ifndef SPILLWAY_PROBE_CHECKS_CHECK_H
#define SPILLWAY_PROBE_CHECKS_CHECK_H

#include "base/error.h"
#include "model/fleet.h"

#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>

/* Strings are borrowed for the call that begins the check. */
struct check_request {
    enum check_kind kind;
    struct address address;
    uint16_t port;
    const char *path;       /* HTTP(S): request target; DNS: the name asked for */
    const char *host;       /* HTTP(S): Host and TLS server name; "": the address */
    uint16_t expect_status; /* HTTP(S): 0 for any 2xx */
};

/* The check in this slot of the caller's ended. A begin may call it for other slots than its own, a
 * cancel for none. */
typedef void check_ended_fn(void *context, uint32_t slot, bool good);

enum { CHECK_ADDRESS_TEXT = 46 };

/* The address as text, without brackets. */
void check_address_text(const struct address *a, char ret[CHECK_ADDRESS_TEXT]);
socklen_t check_socket_address(const struct address *a, uint16_t port,
                               struct sockaddr_storage *ret);

#endif
