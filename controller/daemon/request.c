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

static int read_approve(const json_t *object, struct request *r, const char **ret_why)
{
    const json_t *incident = json_object_get(object, "incident");
    if (!read_id(json_string_value(json_object_get(object, "id")), &r->id)) {
        return refuse("id: expected 32 lower case hex digits", ret_why);
    }
    if (!json_is_integer(incident) || json_integer_value(incident) < 1 ||
        json_integer_value(incident) > UINT32_MAX) {
        return refuse("incident: expected the number of an incident", ret_why);
    }
    if (!read_reason(json_string_value(json_object_get(object, "reason")), r->reason)) {
        return refuse("reason: expected 1 to 255 bytes without control characters", ret_why);
    }
    r->incident = (uint32_t)json_integer_value(incident);
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
    if (strcmp(name, "status") == 0) {
        r->kind = REQUEST_STATUS;
        return OK;
    }
    if (strcmp(name, "approve") == 0) {
        r->kind = REQUEST_APPROVE;
        return read_approve(object, r, ret_why);
    }
    return refuse("request: expected status or approve", ret_why);
}

int request_read(const char *line, size_t size, struct request *ret_request, const char **ret_why)
{
    struct request r = {.kind = 0};
    json_t *object = json_loadb(line, size, JSON_REJECT_DUPLICATES, NULL);
    int status = read_object(object, &r, ret_why);
    json_decref(object);
    if (status == OK) {
        *ret_request = r;
    }
    return status;
}
