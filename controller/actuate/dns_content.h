/* dns_content.h: what a plan publishes, as plain data: a snapshot that outlives the plan it was
 * taken of. */
#ifndef SPILLWAY_ACTUATE_DNS_CONTENT_H
#define SPILLWAY_ACTUATE_DNS_CONTENT_H

#include "model/plan.h"

enum {
    DNS_NAME_SIZE = 255,               /* of a name on the wire, RFC 1035 section 3.1 */
    DNS_CHUNK_ANSWERS_MAX = 46 * 1024, /* wire bytes of answers in one UPDATE; with fence, done mark
                                          and TSIG it stays below 48 KB */
};

/* A name on the wire, uncompressed. */
struct dns_name {
    uint8_t len;
    uint8_t wire[DNS_NAME_SIZE];
};

/* What one (service, view) publishes: an A and an AAAA RRset, either of which may be empty (then it
 * is not there). The addresses are distinct and sorted, those of family 4 first. */
struct dns_answer {
    struct dns_name name;
    uint32_t ttl_s;
    bool may_be_empty; /* nothing of the service reaches the view; else an empty answer is never
                          written */
    uint8_t count4, count6;
    struct address addresses[FLEET_MAX_SLOTS];
};

struct dns_content {
    uint32_t answer_count; /* service_count * view_count of the plan */
    struct dns_answer *answers;
    uint32_t changed_count; /* indices of answers that differ from the predecessor's */
    uint32_t *changed;
};

/* "label.label." to the wire. ERR_INVALID for an empty or long label, a long name, escapes, no
 * final dot. */
int dns_name_from_text(const char *text, struct dns_name *ret_name) MUST_CHECK;
/* label in front of a name. */
int dns_name_prepend(const char *label, const struct dns_name *name,
                     struct dns_name *ret_name) MUST_CHECK;
/* Without regard to ASCII case (RFC 4343). */
bool dns_name_equal(const struct dns_name *a, const struct dns_name *b);

/* Takes the snapshot: all answers of the plan, and the list of those that the changes touch.
 * ERR_GUARD when an answer would be empty although an entrance of the service reaches the view (law
 * 5); ERR_INVALID for an index out of range, a name that is none or lies outside the zone;
 * ERR_MEMORY. */
int dns_content_new(const struct fleet *f, const struct plan *p, const struct change *changes,
                    uint32_t change_count, struct dns_content **ret_content) MUST_CHECK;
void dns_content_free(struct dns_content *c);

/* Bytes that an answer takes in an UPDATE at most. */
size_t dns_answer_wire_size(const struct dns_answer *a);

#endif
