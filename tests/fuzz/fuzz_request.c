/* fuzz_request.c: any bytes as a line of the control socket: refused with a sentence, or a request
 * whose fields keep their promises and that is the same when it is written and read again. */
#include "daemon/request.h"

#include <assert.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_fields(const struct request *r)
{
    size_t n = strnlen(r->reason, sizeof r->reason);
    assert(n > 0 && n < sizeof r->reason && r->incident > 0);
    for (size_t i = 0; i < n; i++) {
        unsigned char ch = (unsigned char)r->reason[i];
        unsigned char next = (unsigned char)r->reason[i + 1];
        assert(ch >= 0x20 && ch != 0x7f && !(ch == 0xc2 && next < 0xa0));
    }
}

static char *write_request(const struct request *r)
{
    char id[2 * sizeof r->id.bytes + 1];
    for (size_t i = 0; i < sizeof r->id.bytes; i++) {
        static const char digits[] = "0123456789abcdef";
        id[2 * i] = digits[r->id.bytes[i] >> 4];
        id[2 * i + 1] = digits[r->id.bytes[i] & 15];
    }
    id[sizeof id - 1] = '\0';
    json_t *object = NULL;
    switch (r->kind) {
    case REQUEST_STATUS: object = json_pack("{s:s}", "request", "status"); break;
    case REQUEST_APPROVE:
        object = json_pack("{s:s, s:s, s:I, s:s}", "request", "approve", "id", id, "incident",
                           (json_int_t)r->incident, "reason", r->reason);
        break;
    }
    assert(object != NULL); /* the reason is UTF-8, or it could not be packed */
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
    if (r.kind == REQUEST_APPROVE) {
        check_fields(&r);
    }
    char *text = write_request(&r);
    status = request_read(text, strlen(text), &again, &why);
    assert(status == OK && again.kind == r.kind && again.incident == r.incident);
    assert(memcmp(&again.id, &r.id, sizeof r.id) == 0 && strcmp(again.reason, r.reason) == 0);
    free(text);
    return 0;
}
