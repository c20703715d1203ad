/* units.c: decimal texts with units to integers and back, exactly. */
#include "config/units.h"

#include <arpa/inet.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

struct unit {
    const char *suffix;
    uint64_t factor; /* of the stored unit */
};

/* From the largest factor to the smallest: printing takes the first that divides. */
static const struct unit durations[] = {{"h", 3600000000}, {"min", 60000000}, {"s", 1000000},
                                        {"ms", 1000},      {"us", 1},         {NULL, 0}};
static const struct unit shares[] = {{"%", 10000}, {NULL, 0}};
static const struct unit costs[] = {{"", 1000000}, {NULL, 0}};
static const struct unit rates[] = {{"/s", 1}, {NULL, 0}};
static const struct unit bandwidths[] = {{"Tbps", 1000000}, {"Gbps", 1000}, {"Mbps", 1}, {NULL, 0}};
static const struct unit byte_sizes[] = {{"TiB", UINT64_C(1) << 40},
                                         {"GiB", UINT64_C(1) << 30},
                                         {"MiB", UINT64_C(1) << 20},
                                         {"KiB", UINT64_C(1) << 10},
                                         {"B", 1},
                                         {NULL, 0}};

/* Reads digits[.digits] to a whole part, and a fraction as numerator over a power of ten. */
static int read_decimal(const char **s, uint64_t *ret_whole, uint64_t *ret_part,
                        uint64_t *ret_scale)
{
    uint64_t whole = 0, part = 0, scale = 1;
    const char *p = *s;
    if (*p < '0' || *p > '9') {
        return ERR_INVALID;
    }
    for (; *p >= '0' && *p <= '9'; p++) {
        if (__builtin_mul_overflow(whole, 10, &whole) ||
            __builtin_add_overflow(whole, (uint64_t)(*p - '0'), &whole)) {
            return ERR_TOO_LARGE;
        }
    }
    if (*p == '.') {
        p++;
        if (*p < '0' || *p > '9') {
            return ERR_INVALID;
        }
        for (; *p >= '0' && *p <= '9'; p++) {
            if (scale >= UINT64_C(1000000000)) {
                return ERR_INVALID;
            }
            part = part * 10 + (uint64_t)(*p - '0');
            scale *= 10;
        }
    }
    *s = p;
    *ret_whole = whole;
    *ret_part = part;
    *ret_scale = scale;
    return OK;
}

static int parse(const char *s, const struct unit *units, uint64_t *ret)
{
    uint64_t whole, part, scale;
    int status = read_decimal(&s, &whole, &part, &scale);
    if (status != OK) {
        return status;
    }
    for (const struct unit *u = units; u->suffix != NULL; u++) {
        if (strcmp(s, u->suffix) != 0) {
            continue;
        }
        uint64_t value, rest;
        if (__builtin_mul_overflow(part, u->factor, &rest) ||
            __builtin_mul_overflow(whole, u->factor, &value)) {
            return ERR_TOO_LARGE;
        }
        if (rest % scale != 0) {
            return ERR_INVALID;
        }
        if (__builtin_add_overflow(value, rest / scale, &value)) {
            return ERR_TOO_LARGE;
        }
        *ret = value;
        return OK;
    }
    return ERR_INVALID;
}

/* With the largest unit that divides. */
static void put(uint64_t v, const struct unit *units, char *room)
{
    const struct unit *u = units;
    while (u[1].suffix != NULL && (v == 0 || v % u->factor != 0)) {
        u++;
    }
    snprintf(room, UNITS_TEXT_SIZE, "%" PRIu64 "%s", v / u->factor, u->suffix);
}

/* With as many decimals as it takes, of the one unit. */
static void put_decimal(uint64_t v, const struct unit *u, char *room)
{
    uint64_t scale = u->factor, part = v % u->factor;
    int n = snprintf(room, UNITS_TEXT_SIZE - 8, "%" PRIu64, v / u->factor);
    if (part != 0 && n > 0) {
        room[n++] = '.';
        while (part != 0) {
            scale /= 10;
            room[n++] = (char)('0' + part / scale);
            part %= scale;
        }
        room[n] = '\0';
    }
    memcpy(room + strlen(room), u->suffix, strlen(u->suffix) + 1);
}

int units_parse_integer(const char *s, uint64_t *ret)
{
    static const struct unit none[] = {{"", 1}, {NULL, 0}};
    if (strchr(s, '.') != NULL || (s[0] == '0' && s[1] != '\0')) {
        return ERR_INVALID;
    }
    return parse(s, none, ret);
}

int units_parse_duration(const char *s, int64_t *ret_us)
{
    uint64_t us;
    if (strcmp(s, "0") == 0) {
        *ret_us = 0;
        return OK;
    }
    int status = parse(s, durations, &us);
    if (status == OK && us > INT64_MAX) {
        status = ERR_TOO_LARGE;
    }
    if (status == OK) {
        *ret_us = (int64_t)us;
    }
    return status;
}

int units_parse_share(const char *s, uint64_t *ret_ppm)
{
    return parse(s, shares, ret_ppm);
}

int units_parse_cost(const char *s, uint64_t *ret_ppm)
{
    return parse(s, costs, ret_ppm);
}

int units_parse_rate(const char *s, uint64_t *ret_per_s)
{
    return parse(s, rates, ret_per_s);
}

int units_parse_bandwidth(const char *s, uint64_t *ret_mbps)
{
    return parse(s, bandwidths, ret_mbps);
}

int units_parse_bytes(const char *s, uint64_t *ret_bytes)
{
    return parse(s, byte_sizes, ret_bytes);
}

int units_parse_address(const char *s, struct address *ret)
{
    struct address a = {.family = 4};
    if (inet_pton(AF_INET, s, a.bytes) != 1) {
        a = (struct address){.family = 6};
        if (inet_pton(AF_INET6, s, a.bytes) != 1) {
            return ERR_INVALID;
        }
    }
    *ret = a;
    return OK;
}

int units_parse_prefix(const char *s, struct prefix *ret)
{
    const char *slash = strchr(s, '/');
    char address[INET6_ADDRSTRLEN];
    struct prefix p;
    uint64_t length;
    if (slash == NULL || (size_t)(slash - s) >= sizeof address) {
        return ERR_INVALID;
    }
    memcpy(address, s, (size_t)(slash - s));
    address[slash - s] = '\0';
    if (units_parse_address(address, &p.address) != OK ||
        units_parse_integer(slash + 1, &length) != OK ||
        length > (p.address.family == 4 ? 32u : 128u)) {
        return ERR_INVALID;
    }
    p.length = (uint8_t)length;
    *ret = p;
    return OK;
}

void units_put_integer(uint64_t v, char *room)
{
    snprintf(room, UNITS_TEXT_SIZE, "%" PRIu64, v);
}

void units_put_duration(int64_t us, char *room)
{
    put(us < 0 ? 0 : (uint64_t)us, durations, room);
}

void units_put_share(uint64_t ppm, char *room)
{
    put_decimal(ppm, shares, room);
}

void units_put_cost(uint64_t ppm, char *room)
{
    put_decimal(ppm, costs, room);
}

void units_put_rate(uint64_t per_s, char *room)
{
    put(per_s, rates, room);
}

void units_put_bandwidth(uint64_t mbps, char *room)
{
    put(mbps, bandwidths, room);
}

void units_put_bytes(uint64_t bytes, char *room)
{
    put(bytes, byte_sizes, room);
}

void units_put_address(const struct address *a, char *room)
{
    const int family = a->family == 6 ? AF_INET6 : AF_INET;
    if (a->family == 0 || inet_ntop(family, a->bytes, room, UNITS_TEXT_SIZE) == NULL) {
        room[0] = '\0';
    }
}

void units_put_prefix(const struct prefix *p, char *room)
{
    units_put_address(&p->address, room);
    const size_t n = strlen(room);
    snprintf(room + n, UNITS_TEXT_SIZE - n, "/%u", p->length);
}

struct prefix prefix_clean(const struct prefix *p)
{
    struct prefix clean = *p;
    const unsigned bits = p->address.family == 4 ? 32 : 128;
    for (unsigned bit = p->length; bit < bits; bit++) {
        clean.address.bytes[bit / 8] &= (uint8_t) ~(0x80u >> bit % 8);
    }
    return clean;
}

bool prefix_is_clean(const struct prefix *p)
{
    const struct prefix clean = prefix_clean(p);
    return address_equal(&clean.address, &p->address);
}

bool address_shares_prefix(const struct address *a, const struct address *b, unsigned length)
{
    if (a->family != b->family) {
        return false;
    }
    for (unsigned bit = 0; bit < length; bit++) {
        if ((a->bytes[bit / 8] ^ b->bytes[bit / 8]) & (0x80u >> bit % 8)) {
            return false;
        }
    }
    return true;
}

bool address_equal(const struct address *a, const struct address *b)
{
    return address_shares_prefix(a, b, a->family == 4 ? 32 : 128);
}

const char *address_unusable(const struct address *a)
{
    static const uint8_t zero[16];
    const size_t n = a->family == 4 ? 4 : 16;
    if (memcmp(a->bytes, zero, n) == 0) {
        return "unspecified";
    }
    if (a->family == 4 && a->bytes[0] == 255 && a->bytes[1] == 255 && a->bytes[2] == 255 &&
        a->bytes[3] == 255) {
        return "broadcast";
    }
    if (a->family == 4 ? (a->bytes[0] & 0xf0) == 0xe0 : a->bytes[0] == 0xff) {
        return "multicast";
    }
    return NULL;
}
