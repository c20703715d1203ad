/* dns_request.c: builds and signs queries and UPDATEs. */
#include "actuate/dns_message.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

int dns_names_of(const char *zone, struct dns_names *ret_names)
{
    struct dns_names names;
    int status = dns_name_from_text(zone, &names.zone);
    if (status == OK)
        status = dns_name_prepend("_fence", &names.zone, &names.fence);
    if (status == OK)
        status = dns_name_prepend("_done", &names.zone, &names.done);
    if (status == OK)
        *ret_names = names;
    return status;
}

static ldns_rdf *name_rdf(const struct dns_name *name)
{
    return ldns_rdf_new_frm_data(LDNS_RDF_TYPE_DNAME, name->len, name->wire);
}

/* Appends a record without data to the list; further calls add data to it. NULL after a failure. */
static ldns_rr *add_rr(ldns_rr_list *list, const struct dns_name *name, ldns_rr_type type,
                       ldns_rr_class class, uint32_t ttl)
{
    ldns_rr *rr = ldns_rr_new();
    if (rr == NULL)
        return NULL;
    ldns_rdf *owner = name_rdf(name);
    ldns_rr_set_owner(rr, owner);
    ldns_rr_set_type(rr, type);
    ldns_rr_set_class(rr, class);
    ldns_rr_set_ttl(rr, ttl);
    if (owner == NULL || !ldns_rr_list_push_rr(list, rr)) {
        ldns_rr_free(rr);
        return NULL;
    }
    return rr;
}

static bool add_data(ldns_rr *rr, ldns_rdf_type type, size_t size, const void *data)
{
    if (rr == NULL)
        return false;
    ldns_rdf *rdf = ldns_rdf_new_frm_data(type, size, data);
    if (rdf == NULL || !ldns_rr_push_rdf(rr, rdf)) {
        ldns_rdf_deep_free(rdf);
        return false;
    }
    return true;
}

/* One TXT record: the fence and, when something holds (id not 0), the hold as a second string. */
static bool add_fence(ldns_rr_list *list, const struct dns_name *name, const struct fence *fence,
                      const struct fence_hold *hold)
{
    char text[1 + FENCE_TEXT_SIZE]; /* a length byte in front: a character-string */
    char held[1 + HOLD_TEXT_SIZE];
    size_t n = fence_text_format(fence, text + 1);
    text[0] = (char)n;
    ldns_rr *rr = add_rr(list, name, LDNS_RR_TYPE_TXT, LDNS_RR_CLASS_IN, 0);
    bool ok = add_data(rr, LDNS_RDF_TYPE_STR, n + 1, text);
    if (!ok || hold == NULL || hold->id == 0)
        return ok;
    int size = hold_text_format(hold, held + 1);
    held[0] = (char)size;
    return size > 0 && add_data(rr, LDNS_RDF_TYPE_STR, (size_t)size + 1, held);
}

static bool delete_rrset(ldns_rr_list *list, const struct dns_name *name, ldns_rr_type type)
{
    return add_rr(list, name, type, LDNS_RR_CLASS_ANY, 0) != NULL;
}

static bool add_answer(ldns_rr_list *list, const struct dns_answer *a)
{
    assert(a->count4 + a->count6 > 0 || a->may_be_empty); /* law 5 */
    bool ok = delete_rrset(list, &a->name, LDNS_RR_TYPE_A) &&
              delete_rrset(list, &a->name, LDNS_RR_TYPE_AAAA);
    for (uint32_t i = 0; ok && i < (uint32_t)a->count4 + a->count6; i++) {
        bool v4 = i < a->count4;
        ldns_rr *rr = add_rr(list, &a->name, v4 ? LDNS_RR_TYPE_A : LDNS_RR_TYPE_AAAA,
                             LDNS_RR_CLASS_IN, a->ttl_s);
        ok = add_data(rr, v4 ? LDNS_RDF_TYPE_A : LDNS_RDF_TYPE_AAAA, v4 ? 4 : 16,
                      a->addresses[i].bytes);
    }
    return ok;
}

static bool add_prerequisites(ldns_rr_list *list, const struct dns_names *names,
                              const struct dns_update *u)
{
    bool ok = true;
    if (u->fence_there != NULL)
        ok = add_fence(list, &names->fence, u->fence_there, u->hold_there);
    else
        ok = add_rr(list, &names->fence, LDNS_RR_TYPE_TXT, LDNS_RR_CLASS_NONE, 0) != NULL;
    if (u->done_there != NULL)
        ok = ok && add_fence(list, &names->done, u->done_there, NULL);
    return ok;
}

static bool add_updates(ldns_rr_list *list, const struct dns_names *names,
                        const struct dns_update *u)
{
    bool ok = true;
    if (u->raise)
        ok = delete_rrset(list, &names->fence, LDNS_RR_TYPE_TXT) &&
             add_fence(list, &names->fence, u->fence, u->hold);
    for (uint32_t i = u->from; ok && i < u->to; i++)
        ok = add_answer(list, &u->content->answers[u->indices != NULL ? u->indices[i] : i]);
    switch (u->done) {
    case DNS_DONE_KEEP: break;
    case DNS_DONE_REMOVE: ok = ok && delete_rrset(list, &names->done, LDNS_RR_TYPE_TXT); break;
    case DNS_DONE_SET:
        ok = ok && delete_rrset(list, &names->done, LDNS_RR_TYPE_TXT) &&
             add_fence(list, &names->done, u->fence, NULL);
        break;
    }
    return ok;
}

/* Turns the packet into signed bytes. Takes over the packet. */
static int seal(ldns_pkt *packet, const struct dns_key *key, struct dns_request *ret_request)
{
    ldns_pkt_set_random_id(packet);
    struct dns_request r = {
        .id = ldns_pkt_id(packet), .opcode = ldns_pkt_get_opcode(packet), .key = key};
    ldns_status writing = ldns_pkt2wire(&r.wire, packet, &r.len);
    ldns_pkt_free(packet);
    int status = OK;
    if (writing != LDNS_STATUS_OK)
        status = writing == LDNS_STATUS_MEM_ERR ? ERR_MEMORY : ERR_INVALID;
    else
        status = tsig_append(key, (int64_t)time(NULL), &r.wire, &r.len, r.mac);
    if (status == OK && r.len > UINT16_MAX)
        status = ERR_TOO_LARGE;
    if (status != OK) {
        dns_request_done(&r);
        return status;
    }
    *ret_request = r;
    return OK;
}

int dns_request_txt(const struct dns_key *key, const struct dns_name *name,
                    struct dns_request *ret_request)
{
    ldns_rdf *owner = name_rdf(name);
    if (owner == NULL)
        return ERR_MEMORY;
    ldns_pkt *packet = ldns_pkt_query_new(owner, LDNS_RR_TYPE_TXT, LDNS_RR_CLASS_IN, 0);
    if (packet == NULL) {
        ldns_rdf_deep_free(owner);
        return ERR_MEMORY;
    }
    return seal(packet, key, ret_request);
}

int dns_request_update(const struct dns_key *key, const struct dns_names *names,
                       const struct dns_update *u, struct dns_request *ret_request)
{
    ldns_rr_list *prerequisites = ldns_rr_list_new(), *updates = ldns_rr_list_new();
    ldns_rdf *zone = name_rdf(&names->zone);
    ldns_pkt *packet = NULL;
    if (prerequisites != NULL && updates != NULL && zone != NULL &&
        add_prerequisites(prerequisites, names, u) && add_updates(updates, names, u))
        packet = ldns_update_pkt_new(zone, LDNS_RR_CLASS_IN, prerequisites, updates, NULL);
    if (packet == NULL)
        ldns_rdf_deep_free(zone); /* else the packet owns it */
    ldns_rr_list_deep_free(prerequisites);
    ldns_rr_list_deep_free(updates);
    if (packet == NULL)
        return ERR_MEMORY;
    ldns_pkt_set_rd(packet, false);
    return seal(packet, key, ret_request);
}

void dns_request_done(struct dns_request *r)
{
    free(r->wire);
    *r = (struct dns_request){0};
}
