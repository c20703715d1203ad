/* dns.h: DNS checks with c-ares: an answer with NOERROR in time is good, whatever it holds.
 *
 * Each checked server has a channel of its own for each way to it, whose UDP socket is kept. The
 * question is for the name's A records; a server that has only others says NOERROR too, and serves.
 */
#ifndef SPILLWAY_PROBE_CHECKS_DNS_H
#define SPILLWAY_PROBE_CHECKS_DNS_H

#include "base/times.h"
#include "checks/check.h"

struct dns_checks;
struct dns_check;

/* timeout_us: the time of a check, after which the caller cancels it. */
int dns_checks_new(int64_t timeout_us, check_ended_fn *ended, void *context,
                   struct dns_checks **ret) MUST_CHECK;
/* Cancels what runs, without telling. */
void dns_checks_free(struct dns_checks *d);
int dns_checks_fd(const struct dns_checks *d);
void dns_checks_events(struct dns_checks *d);
/* Forgets cancelled questions; call it about once a second. */
void dns_checks_sweep(struct dns_checks *d);
/* ERR_REFUSED: it failed at once; ERR_FULL: our own shortage. */
int dns_check_begin(struct dns_checks *d, const struct check_request *r, uint32_t slot,
                    struct dns_check **ret) MUST_CHECK;
void dns_check_cancel(struct dns_check *check);

#endif
