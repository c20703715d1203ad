/* request.c: reading requests of the control socket (spillwayd(8)); fuzzed. */
#include "daemon/request.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

static int refuse(const char *why, const char **ret_why)
{
    *ret_why = why;
    return ERR_INVALID;
}

static bool read_id(const char *hex, struct request_id *ret_id)
{
    static const char digits[] = "0123456789abcdef";
    if (hex == NULL || strlen(hex) != 2 * sizeof ret_id->bytes ||
        strspn(hex, digits) != 2 * sizeof ret_id->bytes) {
        return false;
    }
    for (size_t i = 0; i < sizeof ret_id->bytes; i++) {
        const char pair[] = {hex[2 * i], hex[2 * i + 1], '\0'};
        ret_id->bytes[i] = (uint8_t)strtoul(pair, NULL, 16);
    }
    return true;
}

/* A reason that people can read later: not empty, no control characters (U+0080 to U+009F are some
 * as well, in UTF-8 as jansson passes it), within the record's field. */
static bool read_reason(const char *text, char ret_reason[RECORD_TEXT_SIZE])
{
    if (text == NULL || text[0] == '\0' || strlen(text) >= RECORD_TEXT_SIZE) {
        return false;
    }
    for (const char *s = text; *s != '\0'; s++) {
        const unsigned char *ch = (const unsigned char *)s;
        if (ch[0] < 0x20 || ch[0] == 0x7f || (ch[0] == 0xc2 && ch[1] < 0xa0)) {
            return false;
        }
    }
    strcpy(ret_reason, text);
    return true;
}

/* What a command takes beside its id and reason. */
enum {
    TAKES_SUBJECT = 1,
    TAKES_FEATURES = 2,
    TAKES_TIER = 4,
    TAKES_TTL = 8,
    TAKES_DRILL = 16,
    TAKES_FLEET = 32,
    TAKES_TO = 64
};

static const struct form {
    const char *name;
    enum operator_command command;
    const char *number; /* the key of the one that it is about, or NULL */
    unsigned takes;
} forms[] = {
    {"approve", OPERATOR_APPROVE, "incident", 0},
    {"release", OPERATOR_RELEASE, "order", 0},
    {"skip", OPERATOR_SKIP, "record", 0},
    {"undo", OPERATOR_UNDO, "decision", TAKES_TTL},
    {"drill", OPERATOR_DRILL, NULL, TAKES_SUBJECT | TAKES_DRILL},
    {"abort", OPERATOR_ABORT, "run", 0},
    {"emergency-hold", OPERATOR_HOLD, "hold", 0},
    {"emergency-release", OPERATOR_UNHOLD, "hold", 0},
    {"drain", OPERATOR_DRAIN, NULL, TAKES_SUBJECT | TAKES_TTL},
    {"undrain", OPERATOR_UNDRAIN, NULL, TAKES_SUBJECT},
    {"demote", OPERATOR_DEMOTE, NULL, TAKES_FEATURES | TAKES_TIER | TAKES_TTL},
    {"promote", OPERATOR_PROMOTE, NULL, TAKES_FEATURES},
    {"pin", OPERATOR_PIN, NULL, TAKES_SUBJECT | TAKES_TTL},
    {"freeze", OPERATOR_FREEZE, NULL, TAKES_TTL},
    {"fleet", OPERATOR_FLEET, NULL, TAKES_FLEET},
    {"leader-transfer", OPERATOR_TRANSFER, NULL, TAKES_TO},
};

static const struct form *find_form(const char *name)
{
    for (size_t i = 0; i < sizeof forms / sizeof forms[0]; i++) {
        if (strcmp(forms[i].name, name) == 0) {
            return &forms[i];
        }
    }
    return NULL;
}

/* A name of the fleet: short, printable ASCII. */
static bool read_name(const json_t *value, char *ret_name, size_t size)
{
    const char *text = json_string_value(value);
    if (text == NULL || text[0] == '\0' || strlen(text) >= size) {
        return false;
    }
    for (const char *s = text; *s != '\0'; s++) {
        if (*s <= ' ' || *s > '~') {
            return false;
        }
    }
    strcpy(ret_name, text);
    return true;
}

static bool read_number(const json_t *value, int64_t least, int64_t most, int64_t *ret)
{
    if (!json_is_integer(value) || json_integer_value(value) < least ||
        json_integer_value(value) > most) {
        return false;
    }
    *ret = json_integer_value(value);
    return true;
}

/* Bytes as lower case hex; at most `most` of them. */
static bool read_hex(const char *hex, uint8_t *ret_bytes, size_t most, size_t *ret_size)
{
    static const char digits[] = "0123456789abcdef";
    size_t n = hex == NULL ? 0 : strlen(hex);
    if (n == 0 || n % 2 != 0 || n / 2 > most || strspn(hex, digits) != n) {
        return false;
    }
    for (size_t i = 0; i < n; i += 2) {
        size_t high = (size_t)(strchr(digits, hex[i]) - digits);
        size_t low = (size_t)(strchr(digits, hex[i + 1]) - digits);
        ret_bytes[i / 2] = (uint8_t)(high << 4 | low);
    }
    *ret_size = n / 2;
    return true;
}

/* The new fleet's file, and the digest of the one that it follows. */
static int read_fleet(const json_t *object, struct request *r, const char **ret_why)
{
    const json_t *text = json_object_get(object, "fleet");
    size_t size = 0;
    if (!read_hex(json_string_value(json_object_get(object, "replaces")), r->replaces.bytes,
                  sizeof r->replaces.bytes, &size) ||
        size != sizeof r->replaces.bytes) {
        return refuse("replaces: expected the digest of the fleet in force, 64 hex digits",
                      ret_why);
    }
    if (!json_is_string(text) || json_string_length(text) == 0) {
        return refuse("fleet: expected the text of a fleet file", ret_why);
    }
    r->fleet = malloc(json_string_length(text) + 1);
    if (r->fleet == NULL) {
        return refuse("fleet: there is no memory for it now", ret_why);
    }
    r->fleet_size = json_string_length(text);
    memcpy(r->fleet, json_string_value(text), r->fleet_size + 1);
    return OK;
}

static int read_fields(const json_t *object, const struct form *form, struct request *r,
                       const char **ret_why)
{
    int64_t tier = 0;
    const json_t *ttl = json_object_get(object, "ttl_us");
    if ((form->takes & TAKES_SUBJECT) != 0 &&
        !read_name(json_object_get(object, "subject"), r->subject, sizeof r->subject)) {
        return refuse("subject: expected a name, as in beijing, web@beijing, entrance:NAME",
                      ret_why);
    }
    const json_t *to = json_object_get(object, "to");
    if ((form->takes & TAKES_TO) != 0 && to != NULL &&
        !read_name(to, r->subject, sizeof r->subject)) {
        return refuse("to: expected the name of an IDC", ret_why);
    }
    if ((form->takes & TAKES_FEATURES) != 0 &&
        (!read_name(json_object_get(object, "region"), r->region, sizeof r->region) ||
         !read_name(json_object_get(object, "service"), r->service, sizeof r->service))) {
        return refuse("region, service: expected their names", ret_why);
    }
    if ((form->takes & TAKES_TIER) != 0 &&
        !read_number(json_object_get(object, "tier"), 0, FLEET_MAX_TIER, &tier)) {
        return refuse("tier: expected 1 to 9", ret_why);
    }
    if ((form->takes & TAKES_TTL) != 0 && ttl != NULL &&
        !read_number(ttl, US_PER_SEC, ORDER_TTL_MAX_US, &r->ttl_us)) {
        return refuse("ttl_us: expected one second to 366 days", ret_why);
    }
    if ((form->takes & TAKES_DRILL) != 0 &&
        !read_hex(json_string_value(json_object_get(object, "drill")), r->drill, sizeof r->drill,
                  &r->drill_size)) {
        return refuse("drill: expected a runbook's bytes in lower case hex digits", ret_why);
    }
    r->tier = (uint8_t)tier;
    return (form->takes & TAKES_FLEET) != 0 ? read_fleet(object, r, ret_why) : OK;
}

static int read_command(const json_t *object, const struct form *form, struct request *r,
                        const char **ret_why)
{
    int64_t number = 0;
    if (!read_id(json_string_value(json_object_get(object, "id")), &r->id)) {
        return refuse("id: expected 32 lower case hex digits", ret_why);
    }
    if (form->number != NULL &&
        !read_number(json_object_get(object, form->number), 1, INT64_MAX - 1, &number)) {
        return refuse("incident, order, record, decision, run: expected its number", ret_why);
    }
    if (!read_reason(json_string_value(json_object_get(object, "reason")), r->reason)) {
        return refuse("reason: expected 1 to 255 bytes without control characters", ret_why);
    }
    r->kind = REQUEST_COMMAND;
    r->command = form->command;
    r->number = (uint64_t)number;
    return read_fields(object, form, r, ret_why);
}

static const struct look {
    const char *name;
    enum request_kind kind;
} looks[] = {
    {"status", REQUEST_STATUS},
    {"evidence", REQUEST_EVIDENCE},
    {"control", REQUEST_CONTROL},
    {"records", REQUEST_RECORDS},
};

static int read_place(const json_t *object, struct request *r, const char **ret_why)
{
    const json_t *after = json_object_get(object, "after");
    const json_t *before = json_object_get(object, "before");
    r->backwards = after == NULL;
    if ((after == NULL) == (before == NULL) ||
        !read_number(r->backwards ? before : after, -1, INT64_MAX, &r->offset)) {
        return refuse("after or before: expected the offset of a record", ret_why);
    }
    return OK;
}

static int read_object(const json_t *object, struct request *r, const char **ret_why)
{
    const char *name = json_string_value(json_object_get(object, "request"));
    if (!json_is_object(object)) {
        return refuse("expected one JSON object", ret_why);
    }
    if (name == NULL) {
        return refuse("request: expected the name of a request", ret_why);
    }
    for (size_t i = 0; i < sizeof looks / sizeof looks[0]; i++) {
        if (strcmp(name, looks[i].name) == 0) {
            r->kind = looks[i].kind;
            return r->kind == REQUEST_RECORDS ? read_place(object, r, ret_why) : OK;
        }
    }
    const struct form *form = find_form(name);
    if (form != NULL) {
        return read_command(object, form, r, ret_why);
    }
    return refuse(
        "request: expected status, evidence, control, records or a command (spillwayd(8))",
        ret_why);
}

int request_read(const char *line, size_t size, struct request *ret_request, const char **ret_why)
{
    struct request r = {.kind = 0};
    json_t *object = json_loadb(line, size, JSON_REJECT_DUPLICATES, NULL);
    int status = read_object(object, &r, ret_why);
    json_decref(object);
    if (status == OK) {
        *ret_request = r;
    } else {
        request_done(&r);
    }
    return status;
}

void request_done(struct request *r)
{
    free(r->fleet);
    r->fleet = NULL;
}
