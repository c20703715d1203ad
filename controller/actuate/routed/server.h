/* server.h: the helper's loop: one client at a time on a unix SOCK_SEQPACKET socket, kernel events,
 * the clock. */
#ifndef SPILLWAY_ROUTED_SERVER_H
#define SPILLWAY_ROUTED_SERVER_H

#include "actuate/routed/inject.h"
#include "actuate/routed/keeper.h"
#include "config/logger.h"

#include <sys/types.h>

/* Binds and listens; the socket has mode 0600 and belongs to uid. A dead socket in its place is
 * removed. ERR_BUSY when a living one is there, ERR_TOO_LARGE, ERR_PERMISSION, ERR_IO. */
int server_listen(const char *path, uid_t uid, int *ret_fd) MUST_CHECK;
/* Runs until SIGTERM or SIGINT (blocked by the caller). Peers other than uid and root are turned
 * away; a new connection replaces the present one, so that a stale client cannot go on. */
int server_run(int listen_fd, uid_t uid, struct keeper *keeper, struct injector *injector,
               const struct logger *log) MUST_CHECK;

#endif
