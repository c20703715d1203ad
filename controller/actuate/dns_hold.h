/* dns_hold.h: a person's hand at one DNS server: reads its fence, puts a break-glass hold into it
 * or takes it out, and together with a hold may write one answer.
 *
 * Needs no log, no leader and no daemon. Blocking: each exchange is bounded by the target's
 * timeout. Several threads may not share a target. */
#ifndef SPILLWAY_ACTUATE_DNS_HOLD_H
#define SPILLWAY_ACTUATE_DNS_HOLD_H

#include "actuate/dns.h"
#include "actuate/dns_content.h"

/* What stands there. OK (era 0: no fence), or as dns_push() says of a reading; detail (of
 * ACTUATE_DETAIL_SIZE bytes) says more, or "". */
int dns_hold_read(const struct dns_target *target, struct fence_state *ret_there,
                  char *detail) MUST_CHECK;
/* Writes the hold (id 0: none) beside the fence that stands, which is the prerequisite as it was
 * read. answer, when not NULL, is written in the same UPDATE, and then the done mark goes, so that
 * the next push writes the whole plan. ERR_GUARD for an answer without addresses (law 5), whatever
 * it says of itself; ERR_NOT_FOUND: there is no fence; ERR_BUSY: by now something else stands
 * there. */
int dns_hold_write(const struct dns_target *target, const struct fence_state *there,
                   const struct fence_hold *hold, const struct dns_answer *answer,
                   char *detail) MUST_CHECK;

/* Fills an answer of (service, view) with all addresses of these entrances. ERR_GUARD: none;
 * ERR_TOO_LARGE: more than FLEET_MAX_SLOTS; ERR_INVALID: no name. */
int dns_hold_answer(const struct fleet *f, uint16_t service, uint16_t view,
                    const uint16_t *entrances, uint32_t count,
                    struct dns_answer *ret_answer) MUST_CHECK;

#endif
