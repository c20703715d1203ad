/* dns.h: just enough of RFC 1035 to ask for A records and read the answer. */
#ifndef SPILLWAY_LAB_DNS_H
#define SPILLWAY_LAB_DNS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { DNS_MAX_ADDRESSES = 64, DNS_MAX_QUERY = 300, DNS_MAX_REPLY = 4096 };

struct dns_answer {
    uint16_t id;
    uint8_t rcode;
    uint32_t ttl; /* least of the records in the answer section; 0 when there is none */
    size_t count;
    uint32_t addresses[DNS_MAX_ADDRESSES]; /* host order, ascending */
};

/* A query for the A records of an absolute name, to buffer[DNS_MAX_QUERY]. Returns its size, or 0
 * when the name does not fit the rules. */
size_t dns_query(uint8_t *buffer, uint16_t id, const char *name, bool recurse);

/* False when the bytes are not a whole reply, or truncated (TC). CNAMEs are passed over: a resolver
 * sends the whole chain. */
bool dns_parse(const uint8_t *bytes, size_t size, struct dns_answer *ret_answer);

#endif
