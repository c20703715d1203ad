/* report.c: packing, signing, verifying and unpacking a probe's report. */
#include "wire/report.h"

#include "report.pb-c.h"
#include "wire/budget.h"
#include "wire/report_load.h"

#include <assert.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/params.h>
#include <stdlib.h>
#include <string.h>

enum {
    ENVELOPE_VERSION = 1,
    HEAD_SIZE = 2, /* version and length of the key id */
    MAC_SIZE = 32,
    ROW_MAX = 2 + 2 * 10 + 5 * 5 + 1 + 2 * 10, /* bytes of one target over all columns, at most */
    COLUMNS = 11,
    MILLION = 1000000,
};

size_t report_size_bound(uint32_t count, uint32_t loads, uint32_t views)
{
    return HEAD_SIZE + FLEET_NAME_SIZE + MAC_SIZE + 128 + COLUMNS * 8 + (size_t)count * ROW_MAX +
           report_load_bound(loads, views);
}

size_t report_arena_size(uint32_t count)
{
    return count * sizeof(struct observation) + 32 + report_load_arena();
}

static size_t key_id_size(const struct report_key *key)
{
    return strnlen(key->id, FLEET_NAME_SIZE);
}

static bool key_is_sound(const struct report_key *key)
{
    size_t n = key_id_size(key);
    return n > 0 && n < FLEET_NAME_SIZE && key->size >= REPORT_MIN_KEY_SIZE &&
           key->size <= INT32_MAX;
}

static bool observation_is_sound(const struct observation *o)
{
    return (unsigned)o->health <= HEALTH_DOWN && o->held_us >= 0 && o->held_us <= US_MAX &&
           o->damped_us >= 0 && o->damped_us <= US_MAX && o->loss_out_ppm <= MILLION &&
           o->loss_in_ppm <= MILLION;
}

static bool report_is_sound(const struct report *r)
{
    bool ok = r->observer < FLEET_MAX_IDCS && r->incarnation > 0 && r->sequence > 0 &&
              r->sent_us >= 0 && r->sent_us <= US_MAX && r->lateness_us >= 0 &&
              r->count <= REPORT_MAX_TARGETS && report_load_sound(r);
    for (uint32_t i = 0; ok && i < r->count; i++) {
        ok = observation_is_sound(&r->observations[i]);
    }
    return ok;
}

/* HMAC-SHA-256 over head (version, key id) and payload. */
static int sign(const struct report_key *key, const uint8_t *head, size_t head_size,
                const uint8_t *payload, size_t payload_size, uint8_t mac[MAC_SIZE])
{
    EVP_MAC *algorithm = EVP_MAC_fetch(NULL, "HMAC", NULL);
    EVP_MAC_CTX *m = algorithm != NULL ? EVP_MAC_CTX_new(algorithm) : NULL;
    size_t size = 0;
    char digest[] = "SHA256";
    const OSSL_PARAM params[] = {OSSL_PARAM_construct_utf8_string("digest", digest, 0),
                                 OSSL_PARAM_construct_end()};
    bool ok = m != NULL && EVP_MAC_init(m, key->secret, key->size, params) == 1 &&
              EVP_MAC_update(m, head, head_size) == 1 &&
              EVP_MAC_update(m, payload, payload_size) == 1 &&
              EVP_MAC_final(m, mac, &size, MAC_SIZE) == 1 && size == MAC_SIZE;
    EVP_MAC_CTX_free(m);
    EVP_MAC_free(algorithm);
    return ok ? OK : ERR_IO;
}

/* The columns of a report in memory, from one block. */
struct columns {
    uint32_t *health, *loss_out, *loss_in, *rtt, *jitter, *flaps;
    int64_t *held, *damped;
    uint64_t *rx, *tx;
    protobuf_c_boolean *oper;
};

static int columns_new(struct columns *c, uint32_t count, void **ret_memory)
{
    size_t n = count > 0 ? count : 1;
    uint8_t *at =
        malloc(n * (4 * sizeof(uint64_t) + 6 * sizeof(uint32_t) + sizeof(protobuf_c_boolean)));
    if (at == NULL) {
        return ERR_MEMORY;
    }
    /* The widest first, so that each starts aligned. */
    *ret_memory = at;
    c->held = (int64_t *)(void *)at;
    c->rx = (uint64_t *)(void *)at + n;
    c->tx = (uint64_t *)(void *)at + 2 * n;
    c->damped = (int64_t *)(void *)at + 3 * n;
    uint32_t *narrow = (uint32_t *)(void *)(at + 4 * n * sizeof(uint64_t));
    uint32_t **columns[] = {&c->health, &c->loss_out, &c->loss_in, &c->rtt, &c->jitter, &c->flaps};
    for (size_t i = 0; i < sizeof(columns) / sizeof(columns[0]); i++) {
        *columns[i] = narrow + i * n;
    }
    c->oper = (protobuf_c_boolean *)(void *)(narrow + 6 * n);
    return OK;
}

static void columns_fill(struct columns *c, const struct report *r)
{
    for (uint32_t i = 0; i < r->count; i++) {
        const struct observation *o = &r->observations[i];
        c->health[i] = o->health;
        c->held[i] = o->held_us;
        c->loss_out[i] = o->loss_out_ppm;
        c->loss_in[i] = o->loss_in_ppm;
        c->rtt[i] = o->rtt_us;
        c->jitter[i] = o->jitter_us;
        c->flaps[i] = o->flaps;
        c->oper[i] = o->oper_up;
        c->rx[i] = o->rx_bytes;
        c->tx[i] = o->tx_bytes;
        c->damped[i] = o->damped_us;
    }
}

/* count, or 0 when the column is all zero and is left out. */
static size_t length32(const uint32_t *column, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        if (column[i] != 0) {
            return count;
        }
    }
    return 0;
}

static size_t length64(const uint64_t *column, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        if (column[i] != 0) {
            return count;
        }
    }
    return 0;
}

static void describe(Spillway__ReportWire *w, const struct report *r, const struct columns *c)
{
    spillway__report_wire__init(w);
    w->observer = r->observer;
    w->incarnation = r->incarnation;
    w->sequence = r->sequence;
    w->sent_us = r->sent_us;
    /* The packer reads through this pointer only. */
    w->fleet = (ProtobufCBinaryData){sizeof(r->fleet.bytes), (uint8_t *)(uintptr_t)r->fleet.bytes};
    w->lateness_us = r->lateness_us;
    w->count = r->count;
    w->health = c->health;
    w->n_health = length32(c->health, r->count);
    w->held_us = c->held;
    w->n_held_us = length64((const uint64_t *)c->held, r->count);
    w->loss_out_ppm = c->loss_out;
    w->n_loss_out_ppm = length32(c->loss_out, r->count);
    w->loss_in_ppm = c->loss_in;
    w->n_loss_in_ppm = length32(c->loss_in, r->count);
    w->rtt_us = c->rtt;
    w->n_rtt_us = length32(c->rtt, r->count);
    w->jitter_us = c->jitter;
    w->n_jitter_us = length32(c->jitter, r->count);
    w->flaps = c->flaps;
    w->n_flaps = length32(c->flaps, r->count);
    w->oper_up = c->oper;
    w->n_oper_up = r->count;
    w->rx_bytes = c->rx;
    w->n_rx_bytes = length64(c->rx, r->count);
    w->tx_bytes = c->tx;
    w->n_tx_bytes = length64(c->tx, r->count);
    w->damped_us = c->damped;
    w->n_damped_us = length64((const uint64_t *)c->damped, r->count);
}

/* Head, MAC and payload into room. */
static int seal(const Spillway__ReportWire *w, const struct report_key *key, uint8_t *room,
                size_t size, size_t *ret_size)
{
    size_t id_size = key_id_size(key);
    size_t head = HEAD_SIZE + id_size;
    size_t payload = spillway__report_wire__get_packed_size(w);
    size_t need = head + MAC_SIZE + payload;
    if (need > REPORT_MAX_BYTES) {
        return ERR_TOO_LARGE;
    }
    if (need > size) {
        return ERR_FULL;
    }
    room[0] = ENVELOPE_VERSION;
    room[1] = (uint8_t)id_size;
    memcpy(room + HEAD_SIZE, key->id, id_size);
    uint8_t *body = room + head + MAC_SIZE;
    spillway__report_wire__pack(w, body);
    int status = sign(key, room, head, body, payload, room + head);
    if (status == OK) {
        *ret_size = need;
    }
    return status;
}

int report_encode(const struct report *r, const struct report_key *key, uint8_t *room, size_t size,
                  size_t *ret_size)
{
    if (!report_is_sound(r) || !key_is_sound(key)) {
        return ERR_INVALID;
    }
    struct columns columns;
    void *memory = NULL;
    int status = columns_new(&columns, r->count, &memory);
    if (status != OK) {
        return status;
    }
    Spillway__ReportWire w;
    void *load_memory = NULL;
    columns_fill(&columns, r);
    describe(&w, r, &columns);
    status = report_load_put(r, &w, &load_memory);
    if (status == OK) {
        status = seal(&w, key, room, size, ret_size);
    }
    free(load_memory);
    free(memory);
    return status;
}

/* Finds the key by the id in the envelope and verifies the MAC. */
static int authenticate(const uint8_t *data, size_t size, const struct report_key *keys,
                        uint32_t key_count, size_t *ret_body)
{
    if (size < HEAD_SIZE) {
        return ERR_TRUNCATED;
    }
    if (data[0] != ENVELOPE_VERSION) {
        return ERR_VERSION;
    }
    size_t id_size = data[1];
    size_t head = HEAD_SIZE + id_size;
    if (size < head + MAC_SIZE) {
        return ERR_TRUNCATED;
    }
    for (uint32_t i = 0; i < key_count; i++) {
        const struct report_key *key = &keys[i];
        if (!key_is_sound(key) || key_id_size(key) != id_size ||
            memcmp(key->id, data + HEAD_SIZE, id_size) != 0) {
            continue;
        }
        uint8_t mac[MAC_SIZE];
        size_t body = head + MAC_SIZE;
        int status = sign(key, data, head, data + body, size - body, mac);
        if (status == OK && CRYPTO_memcmp(mac, data + head, MAC_SIZE) != 0) {
            status = ERR_UNAUTHENTIC;
        }
        if (status == OK) {
            *ret_body = body;
        }
        return status;
    }
    return ERR_UNAUTHENTIC;
}

static bool columns_match(const Spillway__ReportWire *w)
{
    const size_t lengths[] = {w->n_health,   w->n_held_us,   w->n_loss_out_ppm, w->n_loss_in_ppm,
                              w->n_rtt_us,   w->n_jitter_us, w->n_flaps,        w->n_oper_up,
                              w->n_rx_bytes, w->n_tx_bytes,  w->n_damped_us};
    bool ok = true;
    for (size_t i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++) {
        ok = ok && (lengths[i] == 0 || lengths[i] == w->count);
    }
    return ok;
}

static int take_row(const Spillway__ReportWire *w, uint32_t i, struct observation *o)
{
    uint32_t health = w->n_health > 0 ? w->health[i] : HEALTH_UNKNOWN;
    if (health > HEALTH_DOWN) {
        return ERR_INVALID;
    }
    o->health = (enum health)health;
    o->held_us = w->n_held_us > 0 ? w->held_us[i] : 0;
    o->loss_out_ppm = w->n_loss_out_ppm > 0 ? w->loss_out_ppm[i] : 0;
    o->loss_in_ppm = w->n_loss_in_ppm > 0 ? w->loss_in_ppm[i] : 0;
    o->rtt_us = w->n_rtt_us > 0 ? w->rtt_us[i] : 0;
    o->jitter_us = w->n_jitter_us > 0 ? w->jitter_us[i] : 0;
    o->flaps = w->n_flaps > 0 ? w->flaps[i] : 0;
    o->oper_up = w->n_oper_up > 0 && w->oper_up[i] != 0;
    o->rx_bytes = w->n_rx_bytes > 0 ? w->rx_bytes[i] : 0;
    o->tx_bytes = w->n_tx_bytes > 0 ? w->tx_bytes[i] : 0;
    o->damped_us = w->n_damped_us > 0 ? w->damped_us[i] : 0;
    return OK;
}

static int take_report(const Spillway__ReportWire *w, struct arena *a, struct report *r)
{
    if (w->count > REPORT_MAX_TARGETS) {
        return ERR_TOO_LARGE;
    }
    if (!columns_match(w) || w->fleet.len != sizeof(r->fleet.bytes) ||
        w->observer >= FLEET_MAX_IDCS) {
        return ERR_INVALID;
    }
    *r = (struct report){.observer = (uint16_t)w->observer,
                         .incarnation = w->incarnation,
                         .sequence = w->sequence,
                         .sent_us = w->sent_us,
                         .lateness_us = w->lateness_us,
                         .count = w->count};
    memcpy(r->fleet.bytes, w->fleet.data, sizeof(r->fleet.bytes));
    r->observations = ARENA_NEW(a, struct observation, w->count);
    if (r->observations == NULL) {
        return ERR_FULL;
    }
    int status = OK;
    for (uint32_t i = 0; i < w->count && status == OK; i++) {
        status = take_row(w, i, &r->observations[i]);
    }
    if (status == OK) {
        status = report_load_take(w, a, r);
    }
    return status == OK && !report_is_sound(r) ? ERR_INVALID : status;
}

int report_open(const uint8_t *data, size_t size, const struct report_key *keys, uint32_t key_count,
                struct arena *arena, struct report *ret_r)
{
    if (size > REPORT_MAX_BYTES) {
        return ERR_TOO_LARGE;
    }
    size_t body = 0;
    int status = authenticate(data, size, keys, key_count, &body);
    if (status != OK) {
        return status;
    }
    struct budget budget;
    budget_init(&budget, size - body);
    Spillway__ReportWire *w =
        spillway__report_wire__unpack(&budget.allocator, size - body, data + body);
    if (w == NULL) {
        return ERR_INVALID;
    }
    struct report r;
    struct arena before = *arena;
    status = take_report(w, arena, &r);
    spillway__report_wire__free_unpacked(w, &budget.allocator);
    if (status == OK) {
        *ret_r = r;
    } else {
        *arena = before;
    }
    return status;
}
