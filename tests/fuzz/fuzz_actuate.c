/* fuzz_actuate.c: what actuators read from outside: fence and hold texts, feature files, requests
 * and replies of the route helper's socket, TXT answers of a name server. The first byte chooses
 * which. */
#include "actuate/dns_message.h"
#include "actuate/feature_file.h"
#include "actuate/route_wire.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void fuzz_texts(const uint8_t *data, size_t size)
{
    struct fence fence;
    struct fence_hold hold;
    char text[FENCE_TEXT_SIZE], hold_text[HOLD_TEXT_SIZE];
    if (fence_text_parse((const char *)data, size, &fence) == OK) {
        size_t n = fence_text_format(&fence, text);
        assert(n == size && memcmp(text, data, n) == 0);
    }
    if (hold_text_parse((const char *)data, size, &hold) == OK) {
        int n = hold_text_format(&hold, hold_text);
        assert(n >= 0 && (size_t)n == size && memcmp(hold_text, data, size) == 0);
    }
}

static void fuzz_feature(const uint8_t *data, size_t size)
{
    struct feature_file file, again;
    char *text = NULL;
    size_t len = 0;
    if (feature_file_parse((const char *)data, size, &file) != OK)
        return;
    int status = feature_file_print(&file, "idc", &text, &len);
    assert(status == OK);
    status = feature_file_parse(text, len, &again);
    assert(status == OK && feature_file_equal(&file, &again));
    feature_file_done(&file);
    feature_file_done(&again);
    free(text);
}

/* One of the other requests of the helper's socket, either way; false when it is none. */
static bool request_codec(struct codec *c, enum route_operation operation)
{
    static struct inject_request inject;
    static struct hold_request hold;
    static uint64_t id;
    switch (operation) {
    case ROUTE_HOLD: hold_request_codec(c, &hold); return true;
    case ROUTE_INJECT: inject_request_codec(c, &inject); return true;
    case ROUTE_ASK: route_ask_codec(c, &id); return true;
    case ROUTE_NOTHING:
    case ROUTE_SET:
    case ROUTE_REPLY: return false;
    }
    return false;
}

/* What is read is written the same. */
static void fuzz_requests(const uint8_t *data, size_t size)
{
    static uint8_t back[ROUTE_MESSAGE_MAX];
    enum route_operation operation = route_operation(data, size);
    struct codec reader = codec_reader(data, size, NULL), writer = codec_writer(back, sizeof(back));
    if (!request_codec(&reader, operation) || codec_finish(&reader) != OK)
        return;
    (void)request_codec(&writer, operation);
    assert(codec_finish(&writer) == OK && writer.pos == size && memcmp(back, data, size) == 0);
}

static void fuzz_route(const uint8_t *data, size_t size)
{
    static _Alignas(16) uint8_t memory[ROUTE_ARENA_SIZE];
    static uint8_t back[ROUTE_MESSAGE_MAX];
    struct arena arena;
    struct route_request request = {0};
    struct route_reply reply = {0};
    arena_init(&arena, memory, sizeof(memory));
    struct codec reader = codec_reader(data, size, &arena);
    route_request_codec(&reader, &request);
    if (codec_finish(&reader) == OK) {
        struct codec writer = codec_writer(back, sizeof(back));
        route_request_codec(&writer, &request);
        assert(codec_finish(&writer) == OK && writer.pos == size && memcmp(back, data, size) == 0);
    }
    reader = codec_reader(data, size, NULL);
    route_reply_codec(&reader, &reply);
    (void)codec_finish(&reader);
}

static void fuzz_reply(const uint8_t *data, size_t size)
{
    static const struct dns_key key = {.name = "k", .size = 32};
    struct dns_names names;
    struct dns_request request;
    ldns_pkt *packet = NULL;
    ldns_pkt_rcode rcode;
    char detail[128];
    int status = dns_names_of("gslb.example.", &names);
    assert(status == OK);
    status = dns_request_txt(&key, &names.fence, &request);
    assert(status == OK);
    if (size >= 2) /* the id is random; let the rest of the message be reached */
        request.id = (uint16_t)(data[0] << 8 | data[1]);
    if (dns_reply_check(&request, data, size, 0, &packet, &rcode, detail, sizeof(detail)) == OK)
        ldns_pkt_free(packet);
    dns_request_done(&request);
    struct dns_txt txt;
    if (ldns_wire2pkt(&packet, data, size) ==
        LDNS_STATUS_OK) { /* an unsigned answer, as c-ares hands it on */
        if (dns_reply_txt(packet, &names.fence, &txt) == OK)
            assert(txt.absent || txt.fence.era != 0);
        ldns_pkt_free(packet);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0)
        return 0;
    switch (data[0] % 4) {
    case 0: fuzz_texts(data + 1, size - 1); break;
    case 1: fuzz_feature(data + 1, size - 1); break;
    case 2:
        fuzz_requests(data + 1, size - 1);
        fuzz_route(data + 1, size - 1);
        break;
    case 3: fuzz_reply(data + 1, size - 1); break;
    }
    return 0;
}
