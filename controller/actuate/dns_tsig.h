/* dns_tsig.h: signatures of DNS messages: TSIG with hmac-sha256 (RFC 8945), over bytes.
 *
 * ldns can sign as well; it leaves the decoded key in memory that it frees without wiping. Here the
 * key stays in its struct, and OpenSSL wipes the copies that it makes. */
#ifndef SPILLWAY_ACTUATE_DNS_TSIG_H
#define SPILLWAY_ACTUATE_DNS_TSIG_H

#include "actuate/dns.h"
#include "actuate/dns_content.h"

enum {
    TSIG_MAC_SIZE = 32,
    TSIG_FUDGE_S = 300, /* RFC 8945 section 10 */
};

/* A TSIG record as it stands at the end of a message; points into it. */
struct tsig {
    size_t at; /* where the record begins */
    struct dns_name name, algorithm;
    int64_t time_s;
    uint16_t fudge_s, id, error;
    const uint8_t *mac, *other;
    uint16_t mac_size, other_size;
};

/* The record at the end of a message. ERR_NOT_FOUND: the last record is none, or this is no whole
 * message. */
int tsig_find(const uint8_t *wire, size_t len, struct tsig *ret_tsig) MUST_CHECK;
/* Is it ours by its names: this key's, hmac-sha256? */
bool tsig_is_by(const struct tsig *t, const struct dns_key *key);
/* Does its MAC belong to this reply to the request that had request_mac? */
bool tsig_verify(const struct tsig *t, const struct dns_key *key,
                 const uint8_t request_mac[TSIG_MAC_SIZE], const uint8_t *wire, size_t len);

/* Signs a request: appends the record to *wire (from malloc; replaced) and adds to *len.
 * ERR_MEMORY; ERR_INVALID for a key whose name is none, or an unusable message; nothing has changed
 * then. */
int tsig_append(const struct dns_key *key, int64_t now_s, uint8_t **wire, size_t *len,
                uint8_t ret_mac[TSIG_MAC_SIZE]) MUST_CHECK;

#endif
