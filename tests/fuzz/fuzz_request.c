/* fuzz_request.c: any bytes as a line of the control socket: refused with a sentence, or a request
 * whose fields keep their promises and that is the same when it is written and read again. */
#include "daemon/request.h"

#include <assert.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* A name of the fleet, or empty. */
static void check_name(const char *name, size_t size)
{
    size_t n = strnlen(name, size);
    assert(n < size);
    for (size_t i = 0; i < n; i++) {
        assert(name[i] > ' ' && name[i] <= '~');
    }
}

static void check_fields(const struct request *r)
{
    size_t n = strnlen(r->reason, sizeof r->reason);
    assert(n > 0 && n < sizeof r->reason);
    for (size_t i = 0; i < n; i++) {
        unsigned char ch = (unsigned char)r->reason[i];
        unsigned char next = (unsigned char)r->reason[i + 1];
        assert(ch >= 0x20 && ch != 0x7f && !(ch == 0xc2 && next < 0xa0));
    }
    check_name(r->subject, sizeof r->subject);
    check_name(r->region, sizeof r->region);
    check_name(r->service, sizeof r->service);
    assert(r->command >= OPERATOR_APPROVE && r->command <= OPERATOR_LAST);
    assert(r->tier <= FLEET_MAX_TIER && r->ttl_us >= 0 && r->ttl_us <= ORDER_TTL_MAX_US);
    assert(r->drill_size <= sizeof r->drill);
    assert((r->fleet != NULL) == (r->command == OPERATOR_FLEET));
}

static void hex(const uint8_t *bytes, size_t size, char *ret_text)
{
    static const char digits[] = "0123456789abcdef";
    for (size_t i = 0; i < size; i++) {
        ret_text[2 * i] = digits[bytes[i] >> 4];
        ret_text[2 * i + 1] = digits[bytes[i] & 15];
    }
    ret_text[2 * size] = '\0';
}

static const char *name_of(const struct request *r)
{
    if (r->command == OPERATOR_HOLD || r->command == OPERATOR_UNHOLD) {
        return r->command == OPERATOR_HOLD ? "emergency-hold" : "emergency-release";
    }
    return operator_command_name(r->command);
}

static void put_name(json_t *object, const char *key, const char *name)
{
    if (name[0] != '\0') {
        json_object_set_new(object, key, json_string(name));
    }
}

/* Every key that some command has; the others are ignored. */
static json_t *write_command(const struct request *r)
{
    static const char *const numbers[] = {"incident", "order", "record", "decision", "run", "hold"};
    static char drill[2 * sizeof r->drill + 1];
    char id[2 * sizeof r->id.bytes + 1];
    hex(r->id.bytes, sizeof r->id.bytes, id);
    hex(r->drill, r->drill_size, drill);
    json_t *object = json_pack("{s:s, s:s, s:s, s:i}", "request", name_of(r), "id", id, "reason",
                               r->reason, "tier", (int)r->tier);
    assert(object != NULL); /* the reason is UTF-8, or it could not be packed */
    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++) {
        json_object_set_new(object, numbers[i], json_integer((json_int_t)r->number));
    }
    put_name(object, "subject", r->subject);
    put_name(object, "region", r->region);
    put_name(object, "service", r->service);
    put_name(object, "drill", drill);
    if (r->fleet != NULL) {
        char replaces[2 * sizeof r->replaces.bytes + 1];
        hex(r->replaces.bytes, sizeof r->replaces.bytes, replaces);
        put_name(object, "replaces", replaces);
        json_object_set_new(object, "fleet", json_stringn(r->fleet, r->fleet_size));
    }
    if (r->ttl_us > 0) {
        json_object_set_new(object, "ttl_us", json_integer(r->ttl_us));
    }
    return object;
}

static char *write_request(const struct request *r)
{
    json_t *object = NULL;
    switch (r->kind) {
    case REQUEST_STATUS: object = json_pack("{s:s}", "request", "status"); break;
    case REQUEST_EVIDENCE: object = json_pack("{s:s}", "request", "evidence"); break;
    case REQUEST_CONTROL: object = json_pack("{s:s}", "request", "control"); break;
    case REQUEST_RECORDS:
        object = json_pack("{s:s, s:I}", "request", "records", r->backwards ? "before" : "after",
                           (json_int_t)r->offset);
        break;
    case REQUEST_COMMAND: object = write_command(r); break;
    }
    char *text = json_dumps(object, JSON_COMPACT);
    assert(text != NULL);
    json_decref(object);
    return text;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct request r, again;
    const char *why = NULL;
    int status = request_read((const char *)data, size, &r, &why);
    if (status != OK) {
        assert(status == ERR_INVALID && why != NULL);
        return 0;
    }
    if (r.kind == REQUEST_COMMAND) {
        check_fields(&r);
    }
    char *text = write_request(&r);
    status = request_read(text, strlen(text), &again, &why);
    assert(status == OK && again.kind == r.kind && again.command == r.command);
    assert(again.offset == r.offset && again.backwards == r.backwards);
    assert(again.number == r.number && again.tier == r.tier && again.ttl_us == r.ttl_us);
    assert(memcmp(&again.id, &r.id, sizeof r.id) == 0 && strcmp(again.reason, r.reason) == 0);
    assert(strcmp(again.subject, r.subject) == 0 && strcmp(again.region, r.region) == 0 &&
           strcmp(again.service, r.service) == 0);
    assert(again.drill_size == r.drill_size && memcmp(again.drill, r.drill, r.drill_size) == 0);
    assert((again.fleet == NULL) == (r.fleet == NULL) && again.fleet_size == r.fleet_size);
    if (r.fleet != NULL) {
        assert(memcmp(again.fleet, r.fleet, r.fleet_size) == 0 && r.fleet[r.fleet_size] == '\0');
        assert(memcmp(&again.replaces, &r.replaces, sizeof r.replaces) == 0);
    }
    request_done(&again);
    request_done(&r);
    free(text);
    return 0;
}
