/* dns_tsig.c: finds, checks and appends TSIG records; every length comes from outside. */
#include "actuate/dns_tsig.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/params.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    HEADER_SIZE = 12,
    QUESTION_TAIL = 4, /* type, class */
    RECORD_TAIL = 10,  /* type, class, TTL, length of the data */
    TYPE_TSIG = 250,
    CLASS_ANY = 255,
};

static const char algorithm_text[] = "hmac-sha256.";

/* Bytes that are read one after the other; `bad` once there were too few. */
struct reader {
    const uint8_t *wire;
    size_t len, at;
    bool bad;
};

static const uint8_t *take(struct reader *r, size_t n)
{
    if (r->bad || n > r->len - r->at) {
        r->bad = true;
        return NULL;
    }
    r->at += n;
    return r->wire + r->at - n;
}

static uint64_t take_number(struct reader *r, size_t bytes)
{
    const uint8_t *from = take(r, bytes);
    uint64_t v = 0;
    for (size_t i = 0; from != NULL && i < bytes; i++)
        v = v << 8 | from[i];
    return v;
}

static bool put_label(struct dns_name *name, const uint8_t *label, size_t size)
{
    if (label == NULL || name->len + size > DNS_NAME_SIZE)
        return false;
    for (size_t i = 0; i < size; i++)
        name->wire[name->len + i] =
            label[i] >= 'A' && label[i] <= 'Z' ? (uint8_t)(label[i] + 'a' - 'A') : label[i];
    name->len = (uint8_t)(name->len + size);
    return true;
}

/* A name in its canonical form: expanded (a pointer leads backwards only, so there is an end), in
 * lower case. Length bytes are below 64 and so no letters. */
static void take_name(struct reader *r, struct dns_name *ret_name)
{
    struct dns_name name = {0};
    struct reader part = *r;
    size_t end = 0, lowest = r->at;
    for (;;) {
        const uint8_t *label = take(&part, 1);
        if (label == NULL || (label[0] > 63 && label[0] < 192)) {
            r->bad = true;
            return;
        }
        if (label[0] >= 192) {
            part.at--;
            size_t to = (size_t)(take_number(&part, 2) & 0x3fff);
            end = end == 0 ? part.at : end;
            r->bad = r->bad || part.bad || to >= lowest;
            lowest = part.at = to;
            if (r->bad)
                return;
            continue;
        }
        if (label[0] > 0 && take(&part, label[0]) == NULL)
            label = NULL;
        if (label == NULL || !put_label(&name, label, 1U + label[0])) {
            r->bad = true;
            return;
        }
        if (label[0] == 0)
            break;
    }
    r->at = end == 0 ? part.at : end;
    *ret_name = name;
}

/* Where the last record begins; bad when there is none. */
static size_t find_last(struct reader *r)
{
    struct dns_name ignored;
    size_t at = 0;
    const uint8_t *header = take(r, HEADER_SIZE);
    if (header == NULL)
        return 0;
    size_t questions = (size_t)header[4] << 8 | header[5], records = 0;
    for (size_t i = 6; i < HEADER_SIZE; i += 2)
        records += (size_t)header[i] << 8 | header[i + 1];
    for (size_t i = 0; i < questions && !r->bad; i++) {
        take_name(r, &ignored);
        (void)take(r, QUESTION_TAIL);
    }
    for (size_t i = 0; i < records && !r->bad; i++) {
        at = r->at;
        take_name(r, &ignored);
        (void)take(r, RECORD_TAIL - 2);
        (void)take(r, (size_t)take_number(r, 2));
    }
    r->bad = r->bad || r->at != r->len || (header[10] == 0 && header[11] == 0);
    return at;
}

int tsig_find(const uint8_t *wire, size_t len, struct tsig *ret_tsig)
{
    struct reader r = {.wire = wire, .len = len};
    struct tsig t = {.at = find_last(&r)};
    r.at = t.at;
    take_name(&r, &t.name);
    bool good = take_number(&r, 2) == TYPE_TSIG && take_number(&r, 2) == CLASS_ANY &&
                take_number(&r, 4) == 0;
    (void)take_number(&r, 2); /* it ends with the message, as was found above */
    take_name(&r, &t.algorithm);
    t.time_s = (int64_t)take_number(&r, 6);
    t.fudge_s = (uint16_t)take_number(&r, 2);
    t.mac_size = (uint16_t)take_number(&r, 2);
    t.mac = take(&r, t.mac_size);
    t.id = (uint16_t)take_number(&r, 2);
    t.error = (uint16_t)take_number(&r, 2);
    t.other_size = (uint16_t)take_number(&r, 2);
    t.other = take(&r, t.other_size);
    if (!good || r.bad || r.at != len)
        return ERR_NOT_FOUND;
    *ret_tsig = t;
    return OK;
}

/* A key's name needs no final dot. */
static int name_of(const char *text, struct dns_name *ret_name)
{
    char dotted[FLEET_NAME_SIZE + 1];
    size_t n = strlen(text);
    if (n + 1 >= sizeof(dotted))
        return ERR_INVALID;
    snprintf(dotted, sizeof(dotted), "%s%s", text, n > 0 && text[n - 1] == '.' ? "" : ".");
    int status = dns_name_from_text(dotted, ret_name);
    for (size_t i = 0; status == OK && i < ret_name->len; i++) {
        if (ret_name->wire[i] >= 'A' && ret_name->wire[i] <= 'Z')
            ret_name->wire[i] = (uint8_t)(ret_name->wire[i] + 'a' - 'A');
    }
    return status;
}

bool tsig_is_by(const struct tsig *t, const struct dns_key *key)
{
    struct dns_name name, algorithm;
    return name_of(key->name, &name) == OK && name_of(algorithm_text, &algorithm) == OK &&
           dns_name_equal(&t->name, &name) && dns_name_equal(&t->algorithm, &algorithm);
}

static void put_number(uint8_t **at, uint64_t v, size_t bytes)
{
    for (size_t i = bytes; i-- > 0; v >>= 8)
        (*at)[i] = (uint8_t)v;
    *at += bytes;
}

static void put_bytes(uint8_t **at, const void *bytes, size_t size)
{
    if (size > 0)
        memcpy(*at, bytes, size);
    *at += size;
}

/* The MAC of a message whose record begins at t->at, RFC 8945 section 4.3; request_mac NULL: it is
 * a request. */
static int mac_of(const struct tsig *t, const struct dns_key *key, const uint8_t *request_mac,
                  const uint8_t *wire, uint8_t ret_mac[TSIG_MAC_SIZE])
{
    uint8_t head[HEADER_SIZE], fields[2 * DNS_NAME_SIZE + 24], prefix[2], *at = head;
    put_number(&at, t->id, 2);
    put_bytes(&at, wire + 2, HEADER_SIZE - 2);
    uint16_t additional = (uint16_t)(wire[10] << 8 | wire[11]);
    at = head + 10;
    put_number(&at, (uint16_t)(additional - 1), 2);
    at = prefix;
    put_number(&at, TSIG_MAC_SIZE, 2);
    at = fields;
    put_bytes(&at, t->name.wire, t->name.len);
    put_number(&at, CLASS_ANY, 2);
    put_number(&at, 0, 4);
    put_bytes(&at, t->algorithm.wire, t->algorithm.len);
    put_number(&at, (uint64_t)t->time_s, 6);
    put_number(&at, t->fudge_s, 2);
    put_number(&at, t->error, 2);
    put_number(&at, t->other_size, 2);

    EVP_MAC *algorithm = EVP_MAC_fetch(NULL, "HMAC", NULL);
    EVP_MAC_CTX *m = algorithm != NULL ? EVP_MAC_CTX_new(algorithm) : NULL;
    char digest[] = "SHA256";
    const OSSL_PARAM params[] = {OSSL_PARAM_construct_utf8_string("digest", digest, 0),
                                 OSSL_PARAM_construct_end()};
    size_t size = 0;
    bool ok = m != NULL && EVP_MAC_init(m, key->secret, key->size, params) == 1;
    if (request_mac != NULL)
        ok = ok && EVP_MAC_update(m, prefix, sizeof(prefix)) == 1 &&
             EVP_MAC_update(m, request_mac, TSIG_MAC_SIZE) == 1;
    ok = ok && EVP_MAC_update(m, head, sizeof(head)) == 1 &&
         EVP_MAC_update(m, wire + HEADER_SIZE, t->at - HEADER_SIZE) == 1 &&
         EVP_MAC_update(m, fields, (size_t)(at - fields)) == 1 &&
         EVP_MAC_update(m, t->other, t->other_size) == 1 &&
         EVP_MAC_final(m, ret_mac, &size, TSIG_MAC_SIZE) == 1 && size == TSIG_MAC_SIZE;
    EVP_MAC_CTX_free(m);
    EVP_MAC_free(algorithm);
    return ok ? OK : ERR_MEMORY;
}

bool tsig_verify(const struct tsig *t, const struct dns_key *key,
                 const uint8_t request_mac[TSIG_MAC_SIZE], const uint8_t *wire, size_t len)
{
    uint8_t mac[TSIG_MAC_SIZE];
    return t->at >= HEADER_SIZE && t->at < len && t->mac_size == TSIG_MAC_SIZE &&
           mac_of(t, key, request_mac, wire, mac) == OK &&
           CRYPTO_memcmp(mac, t->mac, TSIG_MAC_SIZE) == 0;
}

int tsig_append(const struct dns_key *key, int64_t now_s, uint8_t **wire, size_t *len,
                uint8_t ret_mac[TSIG_MAC_SIZE])
{
    struct tsig t = {.at = *len, .time_s = now_s, .fudge_s = TSIG_FUDGE_S, .mac = ret_mac};
    uint8_t mac[TSIG_MAC_SIZE];
    if (*len < HEADER_SIZE || key->size == 0 || key->size > DNS_SECRET_SIZE ||
        ((*wire)[10] == 0xff && (*wire)[11] == 0xff) || name_of(key->name, &t.name) != OK ||
        name_of(algorithm_text, &t.algorithm) != OK)
        return ERR_INVALID;
    size_t data = t.algorithm.len + 16U + TSIG_MAC_SIZE;
    uint8_t *whole = malloc(*len + t.name.len + RECORD_TAIL + data);
    if (whole == NULL)
        return ERR_MEMORY;
    memcpy(whole, *wire, *len);
    uint8_t *at = whole + 10;
    put_number(&at, ((uint64_t)whole[10] << 8 | whole[11]) + 1, 2);
    t.id = (uint16_t)(whole[0] << 8 | whole[1]);
    int status = mac_of(&t, key, NULL, whole, mac);
    if (status != OK) {
        free(whole);
        return status;
    }
    at = whole + *len;
    put_bytes(&at, t.name.wire, t.name.len);
    put_number(&at, TYPE_TSIG, 2);
    put_number(&at, CLASS_ANY, 2);
    put_number(&at, 0, 4);
    put_number(&at, data, 2);
    put_bytes(&at, t.algorithm.wire, t.algorithm.len);
    put_number(&at, (uint64_t)t.time_s, 6);
    put_number(&at, t.fudge_s, 2);
    put_number(&at, TSIG_MAC_SIZE, 2);
    put_bytes(&at, mac, TSIG_MAC_SIZE);
    put_number(&at, t.id, 2);
    put_number(&at, 0, 4); /* no error, no other data */
    free(*wire);
    *wire = whole;
    *len = (size_t)(at - whole);
    memcpy(ret_mac, mac, TSIG_MAC_SIZE);
    return OK;
}
