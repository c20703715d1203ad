/* test_stamp.c: STAMP packets byte by byte, in both modes, and what is wrong with them. */
#include "checks/stamp_packet.h"

#include <check.h>
#include <openssl/hmac.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

static const uint8_t secret[20] = "a key of 20 bytes..";

static const struct stamp_request request = {
    .seq = 0x01020304, .timestamp = 0x1112131415161718, .error_estimate = 0x1601};
static const struct stamp_answer answer = {
    .seq = 0x21222324,
    .timestamp = 0x3132333435363738,
    .error_estimate = 0x1702,
    .received = 0x4142434445464748,
    .request = {.seq = 0x01020304, .timestamp = 0x1112131415161718, .error_estimate = 0x1601},
    .request_ttl = 255,
};

/* Written from the figures of RFC 8762, not from our encoder: offset, then bytes; all else is zero.
 */
struct field {
    size_t at;
    const char *bytes;
    size_t size;
};
#define FIELD(at, bytes)                                                                           \
    {                                                                                              \
        at, bytes, sizeof(bytes) - 1                                                               \
    }

static const struct field open_request[] = {/* section 4.2.1 */
                                            FIELD(0, "\x01\x02\x03\x04"),
                                            FIELD(4, "\x11\x12\x13\x14\x15\x16\x17\x18"),
                                            FIELD(12, "\x16\x01")};
static const struct field auth_request[] = {/* section 4.2.2 */
                                            FIELD(0, "\x01\x02\x03\x04"),
                                            FIELD(16, "\x11\x12\x13\x14\x15\x16\x17\x18"),
                                            FIELD(24, "\x16\x01")};
static const struct field open_answer[] = {/* section 4.3.1 */
                                           FIELD(0, "\x21\x22\x23\x24"),
                                           FIELD(4, "\x31\x32\x33\x34\x35\x36\x37\x38"),
                                           FIELD(12, "\x17\x02"),
                                           FIELD(16, "\x41\x42\x43\x44\x45\x46\x47\x48"),
                                           FIELD(24, "\x01\x02\x03\x04"),
                                           FIELD(28, "\x11\x12\x13\x14\x15\x16\x17\x18"),
                                           FIELD(36, "\x16\x01"),
                                           FIELD(40, "\xff")};
static const struct field auth_answer[] = {/* section 4.3.2 */
                                           FIELD(0, "\x21\x22\x23\x24"),
                                           FIELD(16, "\x31\x32\x33\x34\x35\x36\x37\x38"),
                                           FIELD(24, "\x17\x02"),
                                           FIELD(32, "\x41\x42\x43\x44\x45\x46\x47\x48"),
                                           FIELD(48, "\x01\x02\x03\x04"),
                                           FIELD(64, "\x11\x12\x13\x14\x15\x16\x17\x18"),
                                           FIELD(72, "\x16\x01"),
                                           FIELD(80, "\xff")};

static size_t golden(const struct field *fields, size_t count, bool auth, uint8_t *room)
{
    size_t size = auth ? 112 : 44;
    memset(room, 0, size);
    for (size_t i = 0; i < count; i++)
        memcpy(room + fields[i].at, fields[i].bytes, fields[i].size);
    if (auth) { /* section 4.4 */
        uint8_t mac[32];
        unsigned mac_size = 0;
        HMAC(EVP_sha256(), secret, sizeof(secret), room, 96, mac, &mac_size);
        memcpy(room + 96, mac, 16);
    }
    return size;
}
#define GOLDEN(name, auth, room) golden(name, sizeof(name) / sizeof(name[0]), auth, room)

static struct stamp_mac *mac;
static void up(void)
{
    ck_assert_int_eq(stamp_mac_new(secret, sizeof(secret), &mac), OK);
}
static void down(void)
{
    stamp_mac_free(mac);
}

START_TEST(test_golden)
{
    uint8_t want[STAMP_MAX_SIZE], got[STAMP_MAX_SIZE];
    size_t size = 0;
    for (int auth = 0; auth < 2; auth++) {
        struct stamp_mac *with = auth ? mac : NULL;
        size_t expected =
            auth ? GOLDEN(auth_request, true, want) : GOLDEN(open_request, false, want);
        ck_assert_int_eq(stamp_request_encode(&request, with, got, &size), OK);
        ck_assert_uint_eq(size, expected);
        ck_assert_mem_eq(got, want, size);
        struct stamp_request r;
        ck_assert_int_eq(stamp_request_decode(want, size, with, &r), OK);
        ck_assert_uint_eq(r.seq, request.seq);
        ck_assert_uint_eq(r.timestamp, request.timestamp);
        ck_assert_uint_eq(r.error_estimate, request.error_estimate);

        expected = auth ? GOLDEN(auth_answer, true, want) : GOLDEN(open_answer, false, want);
        ck_assert_int_eq(stamp_answer_encode(&answer, with, got, &size), OK);
        ck_assert_uint_eq(size, expected);
        ck_assert_mem_eq(got, want, size);
        struct stamp_answer a;
        ck_assert_int_eq(stamp_answer_decode(want, size, with, &a), OK);
        ck_assert_uint_eq(a.seq, answer.seq);
        ck_assert_uint_eq(a.received, answer.received);
        ck_assert_uint_eq(a.timestamp, answer.timestamp);
        ck_assert_uint_eq(a.request.seq, request.seq);
        ck_assert_uint_eq(a.request.timestamp, request.timestamp);
        ck_assert_uint_eq(a.request_ttl, 255);
    }
}
END_TEST

START_TEST(test_truncated)
{
    uint8_t packet[STAMP_MAX_SIZE];
    for (int auth = 0; auth < 2; auth++) {
        struct stamp_mac *with = auth ? mac : NULL;
        size_t size = auth ? GOLDEN(auth_answer, true, packet) : GOLDEN(open_answer, false, packet);
        for (size_t n = 0; n < size; n++) {
            struct stamp_answer a = {.seq = 7};
            struct stamp_request r = {.seq = 7};
            ck_assert_int_eq(stamp_answer_decode(packet, n, with, &a), ERR_TRUNCATED);
            ck_assert_int_eq(stamp_request_decode(packet, n, with, &r), ERR_TRUNCATED);
            ck_assert_uint_eq(a.seq, 7); /* untouched */
            ck_assert_uint_eq(r.seq, 7);
        }
    }
}
END_TEST

START_TEST(test_forged)
{
    uint8_t packet[STAMP_MAX_SIZE];
    size_t size = GOLDEN(auth_answer, true, packet);
    struct stamp_answer a;
    for (size_t bit = 0; bit < size * 8; bit++) { /* every bit counts */
        packet[bit / 8] ^= (uint8_t)(1 << bit % 8);
        ck_assert_int_eq(stamp_answer_decode(packet, size, mac, &a), ERR_UNAUTHENTIC);
        packet[bit / 8] ^= (uint8_t)(1 << bit % 8);
    }
    ck_assert_int_eq(stamp_answer_decode(packet, size, mac, &a), OK);
    struct stamp_mac *other = NULL;
    ck_assert_int_eq(stamp_mac_new((const uint8_t *)"another key of 20 b.", 20, &other), OK);
    ck_assert_int_eq(stamp_answer_decode(packet, size, other, &a), ERR_UNAUTHENTIC);
    stamp_mac_free(other);
}
END_TEST

START_TEST(test_longer_packets)
{
    uint8_t packet[STAMP_MAX_SIZE + 64];
    memset(packet, 0xee, sizeof(packet));
    (void)GOLDEN(auth_request, true, packet);
    struct stamp_request r;
    ck_assert_int_eq(stamp_request_decode(packet, sizeof(packet), mac, &r), OK);
    ck_assert_uint_eq(r.seq, request.seq);
}
END_TEST

START_TEST(test_zero_multiplier_is_corrupt)
{
    uint8_t packet[STAMP_MAX_SIZE];
    size_t size = GOLDEN(open_request, false, packet);
    struct stamp_request r;
    packet[13] = 0;
    ck_assert_int_eq(stamp_request_decode(packet, size, NULL, &r), ERR_INVALID);
}
END_TEST

START_TEST(test_times)
{
    /* 1970 is 2,208,988,800 s after 1900; half a second is the upper bit of the fraction. */
    ck_assert_uint_eq(stamp_time((struct timespec){0, 500000000}),
                      UINT64_C(2208988800) << 32 | 1U << 31);
    uint64_t a = stamp_time((struct timespec){100, 250000000});
    uint64_t b = stamp_time((struct timespec){99, 750000000});
    ck_assert_int_eq(stamp_time_diff_us(a, b), 500000);
    ck_assert_int_eq(stamp_time_diff_us(b, a), -500000);
    /* The era ends in 2036: differences go on. */
    ck_assert_int_eq(stamp_time_diff_us(UINT64_C(1) << 32, UINT64_MAX - (UINT64_C(1) << 32) + 1),
                     2000000);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("stamp");
    TCase *c = tcase_create("packets");
    tcase_add_checked_fixture(c, up, down);
    tcase_add_test(c, test_golden);
    tcase_add_test(c, test_truncated);
    tcase_add_test(c, test_forged);
    tcase_add_test(c, test_longer_packets);
    tcase_add_test(c, test_zero_multiplier_is_corrupt);
    tcase_add_test(c, test_times);
    suite_add_tcase(suite, c);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
