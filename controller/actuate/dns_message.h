/* dns_message.h: signed requests to a DNS server, and what its replies say (ldns; RFC 2136, RFC
 * 8945). */
#ifndef SPILLWAY_ACTUATE_DNS_MESSAGE_H
#define SPILLWAY_ACTUATE_DNS_MESSAGE_H

#include "actuate/dns.h"
#include "actuate/dns_content.h"
#include "actuate/dns_tsig.h"

#include <ldns/ldns.h>

/* A request ready to send, and what is needed to judge its reply. */
struct dns_request {
    uint8_t *wire; /* owned (malloc) */
    size_t len;
    uint16_t id;
    ldns_pkt_opcode opcode;
    uint8_t mac[TSIG_MAC_SIZE];
    const struct dns_key *key;
};

/* The names of one zone. */
struct dns_names {
    struct dns_name zone, fence, done;
};

enum dns_done { DNS_DONE_KEEP, DNS_DONE_REMOVE, DNS_DONE_SET };

/* One chunk of a push. */
struct dns_update {
    const struct fence *fence_there; /* prerequisite: exactly this fence; NULL: no fence at all */
    const struct fence_hold *hold_there; /* ... with this hold; NULL or id 0: without any */
    const struct fence_hold *hold;       /* written with the fence; NULL or id 0: none */
    const struct fence *done_there; /* prerequisite: exactly this done mark; NULL: none asked for */
    const struct fence *fence;      /* the push's fence */
    bool raise;                     /* writes the fence (the first chunk) */
    enum dns_done done;             /* what happens to the done mark */
    const struct dns_content *content;
    const uint32_t *indices; /* of answers; NULL: all, in order */
    uint32_t from, to;       /* half-open range of indices, or of answers */
};

/* Zone, fence and done names. ERR_INVALID when the zone is no name or too long. */
int dns_names_of(const char *zone, struct dns_names *ret_names) MUST_CHECK;

/* A signed query for the TXT records at a name. ERR_MEMORY, or ERR_INVALID for a key that cannot
 * sign. */
int dns_request_txt(const struct dns_key *key, const struct dns_name *name,
                    struct dns_request *ret_request) MUST_CHECK;
/* A signed UPDATE. Never deletes an answer's last RRset without writing another unless the content
 * says that nothing reaches that view. ERR_MEMORY, ERR_INVALID, ERR_TOO_LARGE. */
int dns_request_update(const struct dns_key *key, const struct dns_names *names,
                       const struct dns_update *u, struct dns_request *ret_request) MUST_CHECK;
void dns_request_done(struct dns_request *r);

/* What stands at a TXT name: one record of one or two strings. */
struct dns_txt {
    bool absent;
    struct fence fence;
    struct fence_hold hold;
};

/* Judges a reply. *ret_rcode is set when OK is returned: NOERROR, NXRRSET or YXRRSET of a reply
 * whose signature, time and id are right. Everything else is an error of dns_push(). detail gets a
 * sentence part for people when there is more to say. now_s: wall clock. */
int dns_reply_check(const struct dns_request *r, const uint8_t *wire, size_t len, int64_t now_s,
                    ldns_pkt **ret_packet, ldns_pkt_rcode *ret_rcode, char *detail,
                    size_t detail_size) MUST_CHECK;
/* The TXT at a name in the answer section of a packet: ERR_CORRUPT when it is not one fence. */
int dns_reply_txt(const ldns_pkt *packet, const struct dns_name *name,
                  struct dns_txt *ret_txt) MUST_CHECK;

#endif
