/* dns_verify.h: asks a DNS server itself whether it serves what it should (c-ares on a libuv loop).
 */
#ifndef SPILLWAY_ACTUATE_DNS_VERIFY_H
#define SPILLWAY_ACTUATE_DNS_VERIFY_H

#include "actuate/dns_message.h"

#include <uv.h>

struct dns_verify;

/* OK: answers and fence are as asked for. ERR_LYING: some answer, or the fence, is not (detail
 * names the first). ERR_STALE, ERR_FOREIGN: another fence is there by now (found), so the answers
 * prove nothing. ERR_TIMEOUT, ERR_REFUSED, ERR_UNAVAILABLE, ERR_INVALID, ERR_MEMORY: no verdict.
 * The texts are borrowed. */
typedef void dns_verify_done(void *user, int status, const struct dns_txt *found,
                             const char *detail);

/* What to verify: the answers content->answers[indices[i]] (indices NULL: all), each as A and as
 * AAAA, at most 32 questions at a time; then the fence. All of it must outlive the verification. */
struct dns_claim {
    const struct dns_names *names;
    const struct dns_content *content;
    const uint32_t *indices;
    uint32_t count;
    const struct fence *fence;
};

/* Begins; done is called from the loop, and the object is gone after it. timeout_us is for each
 * question. ERR_INVALID, ERR_MEMORY. */
int dns_verify_start(uv_loop_t *loop, const struct address *address, uint16_t port,
                     int64_t timeout_us, const struct dns_claim *claim, dns_verify_done *done,
                     void *user, struct dns_verify **ret_verify) MUST_CHECK;
/* No call of done after this. NULL-safe. */
void dns_verify_cancel(struct dns_verify *v);

#endif
