/* roles.h: who speaks on the control socket, and what that person may do.
 *
 * The kernel says who it is. Everybody who may connect may look; who may give commands is the
 * daemon's own user, root, and those whom spillwayd.yaml names. */
#ifndef SPILLWAY_DAEMON_ROLES_H
#define SPILLWAY_DAEMON_ROLES_H

#include "model/record.h"

#include <sys/types.h>

enum { ROLE_MAX_GROUPS = 256 };

struct peer {
    uid_t uid;
    uint32_t group_count;
    gid_t groups[ROLE_MAX_GROUPS];
};

/* The process at the other end of a unix socket; ERR_IO. */
int peer_of(int fd, struct peer *ret_peer) MUST_CHECK;
/* users, groups: names or numbers, separated by commas. Looks accounts up, which may take time:
 * call it beside the event loop. */
bool peer_is_operator(const struct peer *p, uid_t own, const char *users, const char *groups);
/* "ada (uid 1000)"; as slow. */
void peer_identity(const struct peer *p, char ret_identity[RECORD_TEXT_SIZE]);

#endif
