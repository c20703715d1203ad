/* schema_value.c: single values of a configuration: text to member and back, by the type of the
 * field. */
#include "config/schema_value.h"

#include "config/units.h"
#include "config/utf8.h"

#include <assert.h>
#include <string.h>

static bool is_lower(char c)
{
    return c >= 'a' && c <= 'z';
}
static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}
static bool is_alnum(char c)
{
    return is_lower(c) || is_digit(c) || (c >= 'A' && c <= 'Z');
}

/* A DNS label of lower-case letters, digits and inner hyphens (RFC 1123 section 2.1). */
static bool name_ok(const char *s, size_t len)
{
    if (len == 0 || len > 63 || s[0] == '-' || s[len - 1] == '-') {
        return false;
    }
    for (size_t i = 0; i < len; i++) {
        if (!is_lower(s[i]) && !is_digit(s[i]) && s[i] != '-') {
            return false;
        }
    }
    return true;
}

static bool key_id_ok(const char *s, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        if (!is_alnum(s[i]) && (i == 0 || (s[i] != '.' && s[i] != '_' && s[i] != '-'))) {
            return false;
        }
    }
    return len > 0;
}

static bool dns_name_ok(const char *s, size_t len)
{
    size_t label = 0;
    if (len < 2 || len > 254 || s[len - 1] != '.') {
        return false;
    }
    for (size_t i = 0; i < len; i++) {
        if (s[i] == '.') {
            if (label == 0 || label > 63) {
                return false;
            }
            label = 0;
        } else if (is_lower(s[i]) || is_digit(s[i]) || s[i] == '-' || s[i] == '_') {
            label++;
        } else {
            return false;
        }
    }
    return true;
}

static bool printable_ok(const char *s, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        if (s[i] <= ' ' || s[i] > '~' || s[i] == '"' || s[i] == '\\') {
            return false;
        }
    }
    return len > 0;
}

static bool ifname_ok(const char *s, size_t len)
{
    return printable_ok(s, len) && memchr(s, '/', len) == NULL && memchr(s, ':', len) == NULL &&
           strcmp(s, ".") != 0 && strcmp(s, "..") != 0;
}

/* One line that says something: no line breaks, no space at its ends. */
static bool text_ok(const char *s, size_t len)
{
    return len > 0 && s[0] != ' ' && s[len - 1] != ' ' && strpbrk(s, "\t\r\n") == NULL;
}

/* host:port or [v6]:port. */
static bool endpoint_ok(const char *s, size_t len)
{
    const char *colon = strrchr(s, ':');
    uint64_t port;
    if (colon == NULL || colon == s || !printable_ok(s, len) || memchr(s, ',', len) != NULL ||
        memchr(s, '/', len) != NULL || units_parse_integer(colon + 1, &port) != OK || port == 0 ||
        port > 65535) {
        return false;
    }
    const size_t host = (size_t)(colon - s);
    return memchr(s, ':', host) == NULL || (s[0] == '[' && s[host - 1] == ']');
}

static bool text_type_ok(enum field_type t, const char *s, size_t len)
{
    if (t == FIELD_NAME) {
        return name_ok(s, len);
    }
    if (t == FIELD_KEY_ID) {
        return key_id_ok(s, len);
    }
    if (t == FIELD_IFNAME) {
        return ifname_ok(s, len);
    }
    if (t == FIELD_DNS_NAME) {
        return dns_name_ok(s, len);
    }
    if (t == FIELD_PATH) {
        return printable_ok(s, len);
    }
    if (t == FIELD_ENDPOINT) {
        return endpoint_ok(s, len);
    }
    return text_ok(s, len);
}

static bool is_text(enum field_type t)
{
    return t <= FIELD_ENDPOINT;
}
static bool is_number(enum field_type t)
{
    return t >= FIELD_BOOL && t <= FIELD_ENUM;
}

bool schema_is_scalar(enum field_type t)
{
    return t <= FIELD_REF;
}

static int parse_enum(const char *const *names, const char *s, uint64_t *ret)
{
    for (uint64_t i = 0; names[i] != NULL; i++) {
        if (strcmp(names[i], s) == 0) {
            *ret = i;
            return OK;
        }
    }
    return ERR_INVALID;
}

static int parse_number(const struct schema_field *f, const char *s, uint64_t *ret)
{
    int64_t us;
    int status = ERR_INVALID;
    if (f->type == FIELD_BOOL) {
        static const char *const words[] = {"false", "true", NULL};
        status = parse_enum(words, s, ret);
    } else if (f->type == FIELD_ENUM) {
        status = parse_enum(f->names, s, ret);
    } else if (f->type == FIELD_DURATION) {
        status = units_parse_duration(s, &us);
        const int64_t scale = f->scale == 0 ? 1 : (int64_t)f->scale;
        if (status == OK && us % scale != 0) {
            status = ERR_INVALID;
        }
        if (status == OK) {
            *ret = (uint64_t)(us / scale);
        }
    } else if (f->type == FIELD_SHARE) {
        status = units_parse_share(s, ret);
    } else if (f->type == FIELD_COST) {
        status = units_parse_cost(s, ret);
    } else if (f->type == FIELD_RATE || f->type == FIELD_RATE_MAP) {
        status = units_parse_rate(s, ret);
    } else if (f->type == FIELD_BANDWIDTH) {
        status = units_parse_bandwidth(s, ret);
    } else if (f->type == FIELD_BYTES) {
        status = units_parse_bytes(s, ret);
    } else {
        status = units_parse_integer(s, ret);
    }
    if (status == OK && f->type != FIELD_BOOL && f->type != FIELD_ENUM &&
        (*ret < f->min || *ret > f->max)) {
        return ERR_TOO_LARGE;
    }
    return status;
}

static void put_number_text(const struct schema_field *f, uint64_t v, char *room)
{
    if (f->type == FIELD_BOOL) {
        strcpy(room, v != 0 ? "true" : "false");
    } else if (f->type == FIELD_ENUM) {
        strcpy(room, f->names[v]);
    } else if (f->type == FIELD_DURATION) {
        units_put_duration((int64_t)(v * (f->scale == 0 ? 1 : f->scale)), room);
    } else if (f->type == FIELD_SHARE) {
        units_put_share(v, room);
    } else if (f->type == FIELD_COST) {
        units_put_cost(v, room);
    } else if (f->type == FIELD_RATE || f->type == FIELD_RATE_MAP) {
        units_put_rate(v, room);
    } else if (f->type == FIELD_BANDWIDTH) {
        units_put_bandwidth(v, room);
    } else if (f->type == FIELD_BYTES) {
        units_put_bytes(v, room);
    } else {
        units_put_integer(v, room);
    }
}

/* Tables are ours: a member of another size is a mistake in the table. */
static void store(void *at, size_t size, uint64_t v)
{
    const uint8_t v8 = (uint8_t)v;
    const uint16_t v16 = (uint16_t)v;
    const uint32_t v32 = (uint32_t)v;
    assert(size == 1 || size == 2 || size == 4 || size == 8);
    memcpy(at,
           size == 1   ? (const void *)&v8
           : size == 2 ? (const void *)&v16
           : size == 4 ? (const void *)&v32
                       : (const void *)&v,
           size);
}

void schema_store_count(const struct schema_field *f, void *object, uint32_t n)
{
    if (f->count_size != 0) {
        store((char *)object + f->count_offset, f->count_size, n);
    }
}

static uint64_t load(const void *at, size_t size)
{
    uint8_t v8;
    uint16_t v16;
    uint32_t v32;
    uint64_t v64;
    assert(size == 1 || size == 2 || size == 4 || size == 8);
    switch (size) {
    case 1: memcpy(&v8, at, 1); return v8;
    case 2: memcpy(&v16, at, 2); return v16;
    case 4: memcpy(&v32, at, 4); return v32;
    default: memcpy(&v64, at, 8); return v64;
    }
}

uint32_t schema_load_count(const struct schema_field *f, const void *object)
{
    return f->count_size == 0
               ? (uint32_t)f->max
               : (uint32_t)load((const char *)object + f->count_offset, f->count_size);
}

uint64_t schema_number(const struct schema_field *f, const void *at)
{
    return load(at, f->size);
}

int schema_value_parse(const struct schema_field *f, enum field_type t, const char *s, void *at)
{
    const size_t len = strlen(s);
    if (is_text(t)) {
        if (!text_type_ok(t, s, len)) {
            return ERR_INVALID;
        }
        if (len >= f->size) {
            return ERR_TOO_LARGE;
        }
        memcpy(at, s, len + 1);
        return OK;
    }
    if (t == FIELD_ADDRESS) {
        return units_parse_address(s, at);
    }
    if (t == FIELD_PREFIX) {
        return units_parse_prefix(s, at);
    }
    uint64_t v;
    assert(is_number(t));
    int status = parse_number(f, s, &v);
    if (status == OK) {
        store(at, f->size, v);
    }
    return status;
}

int schema_rate_parse(const struct schema_field *f, const char *s, uint64_t *ret)
{
    return parse_number(f, s, ret);
}

void schema_put_scalar(const struct schema_field *f, enum field_type t, const void *at, char *room)
{
    if (is_text(t)) {
        const size_t len = strlen(at);
        memcpy(room, at, len + 1);
    } else if (t == FIELD_ADDRESS) {
        units_put_address(at, room);
    } else if (t == FIELD_PREFIX) {
        units_put_prefix(at, room);
    } else {
        const uint64_t v = load(at, f->size);
        const bool absent = v == 0 && !f->required && f->preset == NULL && t != FIELD_BOOL;
        if (absent) {
            room[0] = '\0';
        } else {
            put_number_text(f, v, room);
        }
    }
}

void schema_put_number(const struct schema_field *f, uint64_t v, char *room)
{
    put_number_text(f, v, room);
}

void schema_put_bounds(const struct schema_field *f, char *room)
{
    char low[UNITS_TEXT_SIZE], high[UNITS_TEXT_SIZE];
    room[0] = '\0';
    if ((!is_number(f->type) && f->type != FIELD_RATE_MAP) || f->type == FIELD_BOOL) {
        return;
    }
    if (f->type == FIELD_ENUM) {
        size_t n = 0;
        const int first = f->names[0][0] == '\0' ? 1 : 0; /* an empty name means absent */
        for (int i = first; f->names[i] != NULL; i++) {
            const char *glue = i == first ? "" : f->names[i + 1] == NULL ? " or " : ", ";
            n += (size_t)snprintf(room + n, SCHEMA_TEMP_SIZE - n, "%s%s", glue, f->names[i]);
        }
        return;
    }
    put_number_text(f, f->min, low);
    put_number_text(f, f->max, high);
    snprintf(room, SCHEMA_TEMP_SIZE, "%s to %s", low, high);
}

const char *schema_type_text(const struct schema_field *f, enum field_type t)
{
    switch (t) {
    case FIELD_NAME: return "a name of lower-case letters, digits and inner hyphens, 1 to 63 long";
    case FIELD_KEY_ID: return "a key id of letters, digits, '.', '_' and '-', 1 to 63 long";
    case FIELD_TEXT: return "one line of text";
    case FIELD_IFNAME: return "an interface name of 1 to 15 characters";
    case FIELD_DNS_NAME: return "an absolute DNS name in lower case, ending in a dot";
    case FIELD_PATH: return "printable text without spaces";
    case FIELD_ENDPOINT: return "host:port";
    case FIELD_BOOL: return "true or false";
    case FIELD_INTEGER: return "a whole number";
    case FIELD_DURATION:
        return f->scale > 1 ? "a duration in whole seconds such as 30s" : "a duration such as 50ms";
    case FIELD_SHARE: return "a share such as 2.5%";
    case FIELD_COST: return "a decimal number such as 0.25";
    case FIELD_RATE: return "a rate such as 200/s";
    case FIELD_BANDWIDTH: return "a bandwidth such as 100Gbps";
    case FIELD_BYTES: return "a size such as 1GiB";
    case FIELD_ENUM: return "one of the words";
    case FIELD_ADDRESS: return "an IPv4 or IPv6 address";
    case FIELD_PREFIX: return "a network such as 10.1.0.0/16";
    case FIELD_REF: return "a name";
    case FIELD_REFSET: return "a list of names";
    case FIELD_RATE_MAP: return "a mapping of names to rates such as 200/s";
    case FIELD_OBJECT: return "a mapping";
    case FIELD_LIST: return "a list";
    case FIELD_JOINED: return "a list";
    }
    return "a value";
}
