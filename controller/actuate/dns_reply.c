/* dns_reply.c: judges replies: form, identity, signature, clock, code, and the fence they show. */
#include "actuate/dns_message.h"

#include "base/text.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Places of the data of a TSIG record, RFC 8945 section 4.2. */
enum {
    TSIG_ALGORITHM,
    TSIG_TIME,
    TSIG_FUDGE,
    TSIG_MAC,
    TSIG_ID,
    TSIG_ERROR,
    TSIG_OTHER,
    TSIG_FIELDS
};
enum { TSIG_BADSIG = 16, TSIG_BADKEY = 17, TSIG_BADTIME = 18, TSIG_BADTRUNC = 22 };

static int64_t read_48(const uint8_t *at)
{
    int64_t v = 0;
    for (int i = 0; i < 6; i++)
        v = v << 8 | at[i];
    return v;
}

static bool rdf_is(const ldns_rdf *rdf, size_t size)
{
    return rdf != NULL && ldns_rdf_size(rdf) == size;
}

static bool tsig_is_whole(const ldns_rr *tsig)
{
    return tsig != NULL && ldns_rr_rd_count(tsig) == TSIG_FIELDS &&
           rdf_is(ldns_rr_rdf(tsig, TSIG_TIME), 6) && rdf_is(ldns_rr_rdf(tsig, TSIG_FUDGE), 2) &&
           rdf_is(ldns_rr_rdf(tsig, TSIG_ERROR), 2) && ldns_rr_rdf(tsig, TSIG_ALGORITHM) != NULL;
}

static bool name_is(const ldns_rdf *name, const char *text)
{
    ldns_rdf *other = ldns_dname_new_frm_str(text);
    bool equal = other != NULL && name != NULL && ldns_dname_compare(name, other) == 0;
    ldns_rdf_deep_free(other);
    return equal;
}

/* The error field: what the server says about our signature (RFC 8945 section 5.2). */
static int tsig_error(const ldns_rr *tsig, int64_t now_s, char *detail, size_t detail_size)
{
    const ldns_rdf *other = ldns_rr_rdf(tsig, TSIG_OTHER);
    switch (ldns_rdf2native_int16(ldns_rr_rdf(tsig, TSIG_ERROR))) {
    case 0: return OK;
    case TSIG_BADSIG: snprintf(detail, detail_size, "it says BADSIG"); return ERR_UNAUTHENTIC;
    case TSIG_BADKEY: snprintf(detail, detail_size, "it says BADKEY"); return ERR_UNAUTHENTIC;
    case TSIG_BADTRUNC: snprintf(detail, detail_size, "it says BADTRUNC"); return ERR_UNAUTHENTIC;
    case TSIG_BADTIME:
        /* Other data: its length, then its clock. */
        if (other != NULL && ldns_rdf_size(other) == 8)
            snprintf(detail, detail_size, "it says BADTIME: its clock is %lld s ahead of ours",
                     (long long)(read_48(ldns_rdf_data(other) + 2) - now_s));
        else
            snprintf(detail, detail_size, "it says BADTIME");
        return ERR_CLOCK;
    default:
        snprintf(detail, detail_size, "it reports an unknown TSIG error");
        return ERR_UNAUTHENTIC;
    }
}

/* ldns verifies the MAC; the algorithm, the key's name and the time are for the caller to check. */
static int check_signature(const struct dns_request *r, ldns_pkt *packet, const uint8_t *wire,
                           size_t len, int64_t now_s, char *detail, size_t detail_size)
{
    const ldns_rr *tsig = ldns_pkt_tsig(packet);
    char secret[DNS_SECRET_TEXT_SIZE];
    if (!tsig_is_whole(tsig) || !name_is(ldns_rr_owner(tsig), r->key->name) ||
        !name_is(ldns_rr_rdf(tsig, TSIG_ALGORITHM), "hmac-sha256.")) {
        snprintf(detail, detail_size, "its reply is not signed with our key");
        return ERR_UNAUTHENTIC;
    }
    dns_key_secret(r->key, secret);
    bool verified = ldns_pkt_tsig_verify(packet, wire, len, r->key->name, secret, r->mac);
    explicit_bzero(secret, sizeof(secret));
    if (!verified) {
        snprintf(detail, detail_size, "its reply's signature is wrong");
        return ERR_UNAUTHENTIC;
    }
    int64_t offset = read_48(ldns_rdf_data(ldns_rr_rdf(tsig, TSIG_TIME))) - now_s;
    if (offset > DNS_FUDGE_S || offset < -DNS_FUDGE_S) {
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
    const ldns_rr *tsig = ldns_pkt_tsig(packet);
    int status = OK;
    if (!ldns_pkt_qr(packet) || ldns_pkt_id(packet) != r->id ||
        ldns_pkt_get_opcode(packet) != r->opcode) {
        snprintf(detail, detail_size, "its reply belongs to another request");
        status = ERR_INVALID;
    } else if (ldns_pkt_tc(packet)) {
        snprintf(detail, detail_size, "its reply is cut short");
        status = ERR_TRUNCATED;
    } else if (tsig_is_whole(tsig)) {
        status = tsig_error(tsig, now_s, detail, detail_size);
    }
    if (status == OK)
        status = check_rcode(rcode, detail, detail_size);
    if (status == OK)
        status = check_signature(r, packet, wire, len, now_s, detail, detail_size);
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
