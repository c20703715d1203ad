/* dns.h: brings one DNS server to a plan: RFC 2136 UPDATE over TCP with TSIG (RFC 8945), fenced as
 * in PROTOCOL.md ("Fences", DNS), then verified at that server.
 *
 * Names: the answer of (service, view) is the A and AAAA RRsets of <view>.<service.dns_name>; the
 * fence is the TXT at _fence.<zone>, the done mark the TXT at _done.<zone>. */
#ifndef SPILLWAY_ACTUATE_DNS_H
#define SPILLWAY_ACTUATE_DNS_H

#include "actuate/result.h"

#include <uv.h>

enum { DNS_SECRET_SIZE = 128 };

struct dns_key {
    char name[FLEET_NAME_SIZE]; /* the TSIG key's name = its id */
    size_t size;
    uint8_t secret[DNS_SECRET_SIZE]; /* for hmac-sha256 */
};

/* Where to push. Copied. */
struct dns_target {
    uint16_t server; /* index in the fleet; comes back as the result's target */
    struct address address;
    uint16_t port;
    uint8_t key_count; /* 1, or 2 during a rotation: the second is tried when the first is not known
                          there, or refused */
    struct dns_key keys[2];
    char zone[FLEET_DNS_NAME_SIZE];
    int64_t timeout_us; /* of one connect, one exchange, one verifying query */
};

/* What to push; everything is read during dns_push() and not kept. */
struct dns_job {
    const struct fleet *fleet;
    const struct plan *plan; /* the whole plan, its fence included */
    bool may_create;         /* an absent fence may be created: the leader only */
    /* When the server stands at `predecessor` with its done mark, these changes (CHANGE_ANSWER
     * ones; others are passed over) suffice. change_count 0 and an all-zero predecessor: whole plan
     * only. */
    struct fence predecessor;
    const struct change *changes;
    uint32_t change_count;
};

struct dns_pusher;

/* A pusher for one server. done is called once per job, except for a job that was replaced while
 * waiting. ERR_INVALID: the zone, address or keys cannot be used; ERR_MEMORY. */
int dns_pusher_new(uv_loop_t *loop, const struct dns_target *target, actuate_done *done, void *user,
                   struct dns_pusher **ret_pusher) MUST_CHECK;
/* Stops, without a result, and frees once the loop has run its close callbacks. NULL-safe. */
void dns_pusher_free(struct dns_pusher *p);

/* Starts the job, or lets it wait while another one is in flight; a waiting job is replaced by a
 * newer fence (or an equal one). The result comes by `done`: OK               the server serves the
 * plan: verified there ERR_STALE        a newer fence is there (found) ERR_FOREIGN      same era
 * and generation, another log or digest (found): a split ERR_HELD         a hold is in the fence
 * (found, hold) ERR_NOT_FOUND    the fence is absent and may_create is false ERR_CORRUPT      what
 * stands at the fence's name is no fence ERR_VERSION      a fence of a newer version stands there
 *   ERR_TIMEOUT, ERR_UNAVAILABLE   not reached, SERVFAIL, connection lost: try again later
 *   ERR_REFUSED, ERR_UNAUTHENTIC, ERR_CLOCK   its access rules, keys, clock (TSIG BADTIME)
 *   ERR_BUSY         other writers kept coming in between
 *   ERR_INVALID, ERR_TRUNCATED   the reply is no DNS message, or not the one that belongs here
 *   ERR_LYING        accepted the change and serves something else
 * Returns OK, or at once: ERR_GUARD the plan would empty an answer (law 5), nothing is sent;
 * ERR_INVALID a name or slot that does not exist in the fleet, or too large for a message;
 * ERR_STALE a newer job waits or is in flight; ERR_MEMORY. */
int dns_push(struct dns_pusher *p, const struct dns_job *job) MUST_CHECK;
/* True while a job is in flight or waits. */
bool dns_busy(const struct dns_pusher *p);

#endif
