/* dns_reply.c: judges replies: form, identity, signature, clock, code, and the fence they show. */
#include "actuate/dns_message.h"

#include "base/text.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { TSIG_BADSIG = 16, TSIG_BADKEY = 17, TSIG_BADTIME = 18, TSIG_BADTRUNC = 22 };

/* The error field: what the server says about our signature (RFC 8945 section 5.2). */
static int tsig_error(const struct tsig *t, int64_t now_s, char *detail, size_t detail_size)
{
    int64_t theirs = 0;
    switch (t->error) {
    case 0: return OK;
    case TSIG_BADSIG: snprintf(detail, detail_size, "it says BADSIG"); return ERR_UNAUTHENTIC;
    case TSIG_BADKEY: snprintf(detail, detail_size, "it says BADKEY"); return ERR_UNAUTHENTIC;
    case TSIG_BADTRUNC: snprintf(detail, detail_size, "it says BADTRUNC"); return ERR_UNAUTHENTIC;
    case TSIG_BADTIME:
        /* Its clock is the other data. */
        for (uint16_t i = 0; i < 6 && t->other_size == 6; i++)
            theirs = theirs << 8 | t->other[i];
        if (t->other_size == 6)
            snprintf(detail, detail_size, "it says BADTIME: its clock is %lld s ahead of ours",
                     (long long)(theirs - now_s));
        else
            snprintf(detail, detail_size, "it says BADTIME");
        return ERR_CLOCK;
    default:
        snprintf(detail, detail_size, "it reports an unknown TSIG error");
        return ERR_UNAUTHENTIC;
    }
}

static int check_signature(const struct dns_request *r, const struct tsig *t, const uint8_t *wire,
                           size_t len, int64_t now_s, char *detail, size_t detail_size)
{
    if (t == NULL || !tsig_is_by(t, r->key)) {
        snprintf(detail, detail_size, "its reply is not signed with our key");
        return ERR_UNAUTHENTIC;
    }
    if (!tsig_verify(t, r->key, r->mac, wire, len)) {
        snprintf(detail, detail_size, "its reply's signature is wrong");
        return ERR_UNAUTHENTIC;
    }
    int64_t offset = t->time_s - now_s;
    if (offset > TSIG_FUDGE_S || offset < -TSIG_FUDGE_S) {
        snprintf(detail, detail_size, "its clock is %lld s ahead of ours", (long long)offset);
        return ERR_CLOCK;
    }
    return OK;
}

/* Codes that end a job, whoever says so: nothing is concluded from them about the server's content.
 */
static int check_rcode(ldns_pkt_rcode rcode, char *detail, size_t detail_size)
{
    int status = ERR_REFUSED;
    if (rcode == LDNS_RCODE_NOERROR || rcode == LDNS_RCODE_NXRRSET || rcode == LDNS_RCODE_YXRRSET ||
        rcode == LDNS_RCODE_NXDOMAIN)
        return OK;
    if (rcode == LDNS_RCODE_SERVFAIL)
        status = ERR_UNAVAILABLE;
    char *name = ldns_pkt_rcode2str(rcode);
    snprintf(detail, detail_size, "it says %s", name != NULL ? name : "an unknown code");
    free(name);
    return status;
}

int dns_reply_check(const struct dns_request *r, const uint8_t *wire, size_t len, int64_t now_s,
                    ldns_pkt **ret_packet, ldns_pkt_rcode *ret_rcode, char *detail,
                    size_t detail_size)
{
    ldns_pkt *packet = NULL;
    if (ldns_wire2pkt(&packet, wire, len) != LDNS_STATUS_OK) {
        snprintf(detail, detail_size, "its reply is no DNS message");
        return ERR_INVALID;
    }
    ldns_pkt_rcode rcode = ldns_pkt_get_rcode(packet);
    struct tsig found;
    const struct tsig *tsig = tsig_find(wire, len, &found) == OK ? &found : NULL;
    int status = OK;
    if (!ldns_pkt_qr(packet) || ldns_pkt_id(packet) != r->id ||
        ldns_pkt_get_opcode(packet) != r->opcode) {
        snprintf(detail, detail_size, "its reply belongs to another request");
        status = ERR_INVALID;
    } else if (ldns_pkt_tc(packet)) {
        snprintf(detail, detail_size, "its reply is cut short");
        status = ERR_TRUNCATED;
    } else if (tsig != NULL) {
        status = tsig_error(tsig, now_s, detail, detail_size);
    }
    if (status == OK)
        status = check_rcode(rcode, detail, detail_size);
    if (status == OK)
        status = check_signature(r, tsig, wire, len, now_s, detail, detail_size);
    if (status != OK) {
        ldns_pkt_free(packet);
        return status;
    }
    *ret_packet = packet;
    *ret_rcode = rcode;
    return OK;
}

/* One record of one or two character-strings. */
static int parse_txt(const ldns_rr *rr, struct dns_txt *txt)
{
    size_t strings = ldns_rr_rd_count(rr);
    if (strings < 1 || strings > 2)
        return ERR_CORRUPT;
    const ldns_rdf *fence = ldns_rr_rdf(rr, 0);
    int status = fence_text_parse((const char *)ldns_rdf_data(fence) + 1, ldns_rdf_size(fence) - 1,
                                  &txt->fence);
    if (status == ERR_VERSION)
        return status;
    if (status == OK && strings == 2) {
        const ldns_rdf *hold = ldns_rr_rdf(rr, 1);
        status = hold_text_parse((const char *)ldns_rdf_data(hold) + 1, ldns_rdf_size(hold) - 1,
                                 &txt->hold);
    }
    return status == OK && txt->fence.era != 0 ? OK : ERR_CORRUPT;
}

int dns_reply_txt(const ldns_pkt *packet, const struct dns_name *name, struct dns_txt *ret_txt)
{
    struct dns_txt txt = {.absent = true};
    ldns_rr_list *answers = ldns_pkt_answer(packet);
    ldns_rdf *owner = ldns_rdf_new_frm_data(LDNS_RDF_TYPE_DNAME, name->len, name->wire);
    if (owner == NULL)
        return ERR_MEMORY;
    int status = OK;
    for (size_t i = 0; status == OK && i < ldns_rr_list_rr_count(answers); i++) {
        const ldns_rr *rr = ldns_rr_list_rr(answers, i);
        if (ldns_rr_get_type(rr) != LDNS_RR_TYPE_TXT ||
            ldns_dname_compare(ldns_rr_owner(rr), owner) != 0)
            continue;
        status = txt.absent ? parse_txt(rr, &txt) : ERR_CORRUPT;
        txt.absent = false;
    }
    ldns_rdf_deep_free(owner);
    if (status == OK)
        *ret_txt = txt;
    return status;
}
