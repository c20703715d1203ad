/* route.h: brings this IDC's kernel routes to ordered next hops, through the privileged helper
 * spillway-routed (the only process with CAP_NET_ADMIN). This is the client's side. */
#ifndef SPILLWAY_ACTUATE_ROUTE_H
#define SPILLWAY_ACTUATE_ROUTE_H

#include "actuate/result.h"

#include <uv.h>

/* Ordered next hops for all prefixes of one destination IDC, effective first. */
struct route_target {
    uint16_t destination; /* idc */
    struct hops
        hops; /* links of this IDC; count 0: no path is known, its routes are left as they are */
};

struct route_client;

/* A client of the helper at a unix socket (SOCK_SEQPACKET). It connects when it has something to
 * say and again after a loss, and then repeats the newest job. ERR_TOO_LARGE for the path,
 * ERR_MEMORY. */
int route_client_new(uv_loop_t *loop, const char *socket_path, uint16_t idc, int64_t timeout_us,
                     actuate_done *done, void *user, struct route_client **ret_client) MUST_CHECK;
/* Stops, without a result, and frees once the loop has run its close callbacks. NULL-safe. */
void route_client_free(struct route_client *c);

/* Sets the routes, and what this IDC announces: announced[service] is 1 or 0 (NULL: left as it is).
 * Everything is read during the call. The bytes leave within the call when nothing
 * is in flight; else the job waits, and a newer one replaces it. Jobs with an equal fence follow
 * each other (a local step along the plan's hops). The result comes by `done`: OK               the
 * kernel stands as asked ERR_STALE, ERR_FOREIGN, ERR_HELD   the helper has a newer fence, a split,
 * a hold (found) ERR_GUARD        it would leave a prefix without a route, or names a prefix or hop
 * that is not in the helper's fleet file ERR_UNAVAILABLE  the helper is not there, or no hop of
 * some prefix can be installed now (its interface is down or missing; the helper installs it as
 * soon as it can) ERR_TIMEOUT, ERR_INVALID, ERR_IO Returns OK, or at once ERR_INVALID for an index
 * out of range or a link that is not at this IDC, ERR_STALE for a fence older than the waiting
 * job's, ERR_MEMORY. */
int route_set(struct route_client *c, const struct fleet *f, const struct fence *fence,
              const struct route_target *targets, uint32_t count,
              const uint8_t *announced) MUST_CHECK;
/* For a drill: drops all that passes by these links of this IDC for so long; no links or no time
 * ends it. The newest replaces the one that waits. The result comes by `done` with ACTUATOR_INJECT:
 * OK, ERR_GUARD (the helper lets no drill strike this host, or knows no such link),
 * ERR_UNAVAILABLE, ERR_TIMEOUT, ERR_IO. Returns OK, or at once ERR_INVALID for a link that is not
 * at this IDC or a time above INJECT_MAX_MS, ERR_MEMORY. */
int route_inject(struct route_client *c, const struct fleet *f, const uint16_t *links,
                 uint32_t count, uint32_t for_ms) MUST_CHECK;
/* A job of route_set has not come back yet. */
bool route_busy(const struct route_client *c);

#endif
