/* fuzz_stamp.c: any bytes as STAMP packets, in both modes, into the codec and the state behind it.
 */
#include "checks/stamp_packet.h"
#include "core/path.h"
#include "core/reflector.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct stamp_mac *the_mac(void)
{
    static struct stamp_mac *mac;
    if (mac == NULL && stamp_mac_new((const uint8_t *)"sixteen bytes...", 16, &mac) != OK)
        abort();
    return mac;
}

/* What was read is written and read again: the same. */
static void round_trip(const uint8_t *data, size_t size, struct stamp_mac *mac)
{
    uint8_t again[STAMP_MAX_SIZE];
    size_t again_size = 0;
    struct stamp_request request, request2;
    if (stamp_request_decode(data, size, mac, &request) == OK) {
        assert(stamp_request_encode(&request, mac, again, &again_size) == OK);
        assert(again_size <= size);
        assert(stamp_request_decode(again, again_size, mac, &request2) == OK);
        assert(request2.seq == request.seq && request2.timestamp == request.timestamp &&
               request2.error_estimate == request.error_estimate);
    }
    struct stamp_answer answer, answer2;
    if (stamp_answer_decode(data, size, mac, &answer) == OK) {
        assert(stamp_answer_encode(&answer, mac, again, &again_size) == OK);
        assert(stamp_answer_decode(again, again_size, mac, &answer2) == OK);
        assert(answer2.seq == answer.seq && answer2.received == answer.received &&
               answer2.request.seq == answer.request.seq);
    }
}

/* The input as a row of packets with what the attacker may choose: port, numbers, times. */
static void live(const uint8_t *data, size_t size)
{
    const struct path_policy policy = {
        .interval_us = 50000, .latency_us = 1000, .losses = 3, .degraded_ppm = 20000};
    struct reflector reflector = {0};
    struct path path;
    struct mono now = {1000000};
    path_init(&path, &policy, true, true, now);
    for (; size >= STAMP_OPEN_SIZE; data += STAMP_OPEN_SIZE, size -= STAMP_OPEN_SIZE) {
        struct stamp_answer a;
        struct stamp_request r;
        uint32_t seq = 0;
        now = mono_add(now, data[15] * INT64_C(1000));
        path_sent(&path, now, data[14] & 1 ? 0 : 7);
        if (stamp_request_decode(data, size, NULL, &r) == OK)
            (void)reflector_accept(&reflector, data[41], r.seq, r.timestamp, now, &seq);
        if (stamp_answer_decode(data, size, NULL, &a) == OK) {
            int64_t dwell = stamp_time_diff_us(a.timestamp, a.received);
            (void)path_reply(&path, a.request.seq, a.seq, a.request.timestamp,
                             mono_add(now, -(int64_t)data[42]), dwell > 0 ? 1 : 2, now);
        }
        (void)path_judge(&path, now);
        struct observation o;
        path_observe(&path, now, &o);
        assert(o.loss_out_ppm <= 1000000 && o.loss_in_ppm <= 1000000 && o.held_us >= 0);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    round_trip(data, size, NULL);
    round_trip(data, size, the_mac());
    if (size >= STAMP_AUTH_SIZE) { /* and with a MAC that matches, so that it gets further */
        uint8_t copy[STAMP_AUTH_SIZE];
        memcpy(copy, data, sizeof(copy));
        struct stamp_request r = {0};
        size_t copy_size = 0;
        memcpy(&r.seq, data, 4);
        memcpy(&r.timestamp, data + 4, 8);
        r.error_estimate = (uint16_t)(data[12] << 8 | 1);
        assert(stamp_request_encode(&r, the_mac(), copy, &copy_size) == OK);
        round_trip(copy, copy_size, the_mac());
    }
    live(data, size);
    return 0;
}
