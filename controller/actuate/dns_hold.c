/* dns_hold.c: one request, one reply, on a loop of its own; the reading decides after a lost reply.
 */
#include "actuate/dns_hold.h"

#include "actuate/dns_exchange.h"
#include "actuate/dns_message.h"
#include "base/text.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

/* One exchange under way. */
struct talk {
    const struct dns_request *request;
    char *detail;
    struct dns_exchange *exchange;
    int status;
    ldns_pkt *packet;
    ldns_pkt_rcode rcode;
};

static void on_reply(void *user, int status, const uint8_t *wire, size_t len)
{
    struct talk *t = user;
    if (status == OK)
        status = dns_reply_check(t->request, wire, len, (int64_t)time(NULL), &t->packet, &t->rcode,
                                 t->detail, ACTUATE_DETAIL_SIZE);
    t->status = status;
    dns_exchange_close(t->exchange); /* the loop ends with it */
}

/* Sends a request and waits for its reply, which is the caller's when OK is returned. */
static int exchange(const struct dns_target *target, const struct dns_request *request,
                    char *detail, ldns_pkt **ret_packet, ldns_pkt_rcode *ret_rcode)
{
    uv_loop_t loop;
    struct talk t = {.request = request, .detail = detail, .status = ERR_UNAVAILABLE};
    if (uv_loop_init(&loop) != 0)
        return ERR_MEMORY;
    int status = dns_exchange_open(&loop, &target->address, target->port, target->timeout_us,
                                   on_reply, &t, &t.exchange);
    if (status == OK) {
        dns_exchange_send(t.exchange, request->wire, request->len);
        uv_run(&loop, UV_RUN_DEFAULT);
        status = t.status;
    }
    uv_loop_close(&loop);
    if (status == OK) {
        *ret_packet = t.packet;
        *ret_rcode = t.rcode;
    }
    return status;
}

static int read_with(const struct dns_target *target, const struct dns_key *key,
                     const struct dns_names *names, struct fence_state *ret_there, char *detail)
{
    struct dns_request request = {0};
    struct dns_txt txt;
    ldns_pkt *packet = NULL;
    ldns_pkt_rcode rcode;
    int status = dns_request_txt(key, &names->fence, &request);
    if (status != OK)
        return status;
    status = exchange(target, &request, detail, &packet, &rcode);
    dns_request_done(&request);
    if (status != OK)
        return status;
    status = dns_reply_txt(packet, &names->fence, &txt);
    ldns_pkt_free(packet);
    if (status != OK) {
        snprintf(detail, ACTUATE_DETAIL_SIZE, "what stands at its fence is none of ours");
        return status;
    }
    *ret_there = (struct fence_state){txt.fence, txt.hold};
    return OK;
}

/* With the key that the server knows: during a rotation it may be the second. */
static int read_there(const struct dns_target *target, const struct dns_names *names,
                      const struct dns_key **ret_key, struct fence_state *ret_there, char *detail)
{
    int status = ERR_INVALID;
    for (uint8_t i = 0; i < target->key_count; i++) {
        detail[0] = '\0';
        status = read_with(target, &target->keys[i], names, ret_there, detail);
        if (status != ERR_UNAUTHENTIC && status != ERR_REFUSED) {
            *ret_key = &target->keys[i];
            return status;
        }
    }
    return status;
}

int dns_hold_read(const struct dns_target *target, struct fence_state *ret_there, char *detail)
{
    struct dns_names names;
    const struct dns_key *key;
    detail[0] = '\0';
    int status = dns_names_of(target->zone, &names);
    return status == OK ? read_there(target, &names, &key, ret_there, detail) : status;
}

static bool same_hold(const struct fence_hold *a, const struct fence_hold *b)
{
    return a->id == b->id &&
           (a->id == 0 || (text_equal(a->who, b->who) && text_equal(a->why, b->why)));
}

static bool same_state(const struct fence_state *a, const struct fence_state *b)
{
    bool same =
        a->fence.era == 0 ? b->fence.era == 0 : fence_compare(&a->fence, &b->fence) == FENCE_EQUAL;
    return same && same_hold(&a->hold, &b->hold);
}

/* OK when it was accepted; ERR_BUSY when a prerequisite failed; else no word on it. */
static int send_update(const struct dns_target *target, const struct dns_key *key,
                       const struct dns_names *names, const struct dns_update *u, char *detail)
{
    struct dns_request request = {0};
    ldns_pkt *packet = NULL;
    ldns_pkt_rcode rcode = LDNS_RCODE_NOERROR;
    int status = dns_request_update(key, names, u, &request);
    if (status != OK)
        return status;
    status = exchange(target, &request, detail, &packet, &rcode);
    dns_request_done(&request);
    if (status != OK)
        return status;
    ldns_pkt_free(packet);
    return rcode == LDNS_RCODE_NOERROR ? OK : ERR_BUSY;
}

/* In a rotation the server may know a key and no longer, or not yet, let it change the zone. */
static int send_by_any(const struct dns_target *target, const struct dns_key *key,
                       const struct dns_names *names, const struct dns_update *u, char *detail)
{
    int status = send_update(target, key, names, u, detail);
    for (uint8_t i = 0; status == ERR_REFUSED && i < target->key_count; i++) {
        int other = &target->keys[i] != key
                        ? send_update(target, &target->keys[i], names, u, detail)
                        : ERR_UNAUTHENTIC;
        status = other != ERR_UNAUTHENTIC ? other : status;
    }
    return status;
}

int dns_hold_write(const struct dns_target *target, const struct fence_state *there,
                   const struct fence_hold *hold, const struct dns_answer *answer, char *detail)
{
    struct dns_names names;
    const struct dns_key *key = NULL;
    struct dns_content content = {.answer_count = 0};
    struct dns_answer copy;
    struct fence_state found = {0}, wanted = {there->fence, *hold};
    detail[0] = '\0';
    if (there->fence.era == 0)
        return ERR_NOT_FOUND;
    if (answer != NULL && answer->count4 + answer->count6 == 0)
        return ERR_GUARD;
    if (answer != NULL) {
        copy = *answer;
        content = (struct dns_content){.answer_count = 1, .answers = &copy};
    }
    struct dns_update u = {
        .fence_there = &there->fence,
        .hold_there = &there->hold,
        .hold = hold,
        .fence = &there->fence,
        .raise = true,
        .done = answer != NULL ? DNS_DONE_REMOVE : DNS_DONE_KEEP,
        .content = &content,
        .to = content.answer_count,
    };
    int status = dns_names_of(target->zone, &names);
    if (status == OK)
        status = read_there(target, &names, &key, &found, detail);
    if (status != OK)
        return status;
    if (!same_state(&found, there))
        return ERR_BUSY;
    status = send_by_any(target, key, &names, &u, detail);
    /* A lost reply says nothing. With an answer even a hold that stands proves only that it was
     * ours when the hold is new, which it is: the UPDATE is one transaction (RFC 2136 section 3.4).
     */
    bool unclear = status == ERR_TIMEOUT || status == ERR_UNAVAILABLE || status == ERR_TRUNCATED ||
                   status == ERR_INVALID;
    bool telling = !same_state(there, &wanted);
    if (unclear && telling && read_there(target, &names, &key, &found, detail) == OK &&
        same_state(&found, &wanted))
        status = OK;
    return status;
}

/* Sorted order is not needed: an RRset has none. */
static int add_address(struct dns_answer *a, const struct address *address)
{
    uint8_t n = (uint8_t)(a->count4 + a->count6);
    for (uint8_t i = 0; i < n; i++) {
        if (memcmp(&a->addresses[i], address, sizeof(*address)) == 0)
            return OK;
    }
    if (n == FLEET_MAX_SLOTS)
        return ERR_TOO_LARGE;
    if (address->family == 6) {
        a->addresses[n] = *address;
        a->count6++;
    } else {
        memmove(&a->addresses[a->count4 + 1], &a->addresses[a->count4],
                a->count6 * sizeof(*address));
        a->addresses[a->count4++] = *address;
    }
    return OK;
}

int dns_hold_answer(const struct fleet *f, uint16_t service, uint16_t view,
                    const uint16_t *entrances, uint32_t count, struct dns_answer *ret_answer)
{
    struct dns_answer a = {.ttl_s = f->services[service].ttl_s};
    struct dns_name name;
    int status = dns_name_from_text(f->services[service].dns_name, &name);
    if (status == OK)
        status = dns_name_prepend(f->views[view].name, &name, &a.name);
    for (uint32_t i = 0; status == OK && i < count; i++) {
        const struct entrance *e = &f->entrances[entrances[i]];
        for (uint16_t j = 0; status == OK && j < e->address_count; j++)
            status = add_address(&a, &e->addresses[j]);
    }
    if (status == OK && a.count4 + a.count6 == 0)
        status = ERR_GUARD;
    if (status == OK)
        *ret_answer = a;
    return status;
}
