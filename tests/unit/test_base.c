/* test_base.c: SHA-256 against FIPS vectors and OpenSSL, codec, arena, text, error table. */
#include "base/arena.h"
#include "base/codec.h"
#include "base/error.h"
#include "base/rng.h"
#include "base/sha256.h"
#include "base/text.h"

#include <check.h>
#include <openssl/sha.h>
#include <stdlib.h>
#include <string.h>

START_TEST(sha256_known_vector)
{
    /* FIPS 180-4 example: "abc" */
    struct digest d = sha256_of("abc", 3);
    char hex[65];
    struct text t = text_over(hex, sizeof hex);
    text_put_hex(&t, d.bytes, sizeof d.bytes);
    ck_assert_str_eq(hex, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
}
END_TEST

START_TEST(sha256_agrees_with_openssl_at_every_length)
{
    uint8_t data[300], want[32];
    struct rng rng = rng_init(1);
    for (size_t i = 0; i < sizeof data; i++) {
        data[i] = (uint8_t)rng_next(&rng);
    }
    for (size_t n = 0; n <= sizeof data; n++) {
        struct sha256 s;
        sha256_init(&s);
        size_t cut = rng_below(&rng, n + 1);
        sha256_update(&s, data, cut);
        sha256_update(&s, data + cut, n - cut);
        struct digest got = sha256_final(&s);
        SHA256(data, n, want);
        ck_assert_mem_eq(got.bytes, want, sizeof want);
    }
}
END_TEST

struct sample {
    uint8_t a;
    uint16_t b;
    uint32_t c;
    uint64_t d;
    int64_t e;
    bool f;
    char s[8];
};

static void sample_codec(struct codec *c, struct sample *x)
{
    codec_u8(c, &x->a);
    codec_u16(c, &x->b);
    codec_u32(c, &x->c);
    codec_u64(c, &x->d);
    codec_i64(c, &x->e);
    codec_bool(c, &x->f);
    codec_string(c, x->s, sizeof x->s);
}

START_TEST(codec_round_trip_and_truncation)
{
    struct sample in = {1, 0x0203, 0x04050607, UINT64_MAX - 1, INT64_MIN, true, "hello"}, out;
    uint8_t room[64];
    struct codec w = codec_writer(room, sizeof room);
    sample_codec(&w, &in);
    ck_assert_int_eq(codec_finish(&w), OK);
    struct codec m = codec_measure();
    sample_codec(&m, &in);
    ck_assert_uint_eq(m.pos, w.pos);
    ck_assert_uint_eq(room[1], 0x03); /* little endian */
    for (size_t n = 0; n <= w.pos; n++) {
        memset(&out, 0, sizeof out);
        struct codec r = codec_reader(room, n, NULL);
        sample_codec(&r, &out);
        ck_assert_int_eq(codec_finish(&r), n == w.pos ? OK : ERR_TRUNCATED);
    }
    ck_assert_mem_eq(&in.d, &out.d, sizeof in.d);
    ck_assert_int_eq(out.e, in.e);
    ck_assert_str_eq(out.s, "hello");
    struct codec longer = codec_reader(room, w.pos + 1, NULL);
    sample_codec(&longer, &out);
    ck_assert_int_eq(codec_finish(&longer), ERR_INVALID); /* a byte is left over */
}
END_TEST

START_TEST(codec_refuses_what_does_not_fit)
{
    uint8_t room[4] = {9, 0, 0, 0};
    char field[8];
    struct codec r = codec_reader(room, sizeof room, NULL);
    codec_string(&r, field, sizeof field); /* says 9 characters; 7 fit */
    ck_assert_int_eq(codec_finish(&r), ERR_TOO_LARGE);
    bool flag;
    uint8_t two = 2;
    r = codec_reader(&two, 1, NULL);
    codec_bool(&r, &flag);
    ck_assert_int_eq(codec_finish(&r), ERR_INVALID);
    uint8_t embedded[] = {3, 0, 0, 0, 'a', 0, 'b'};
    r = codec_reader(embedded, sizeof embedded, NULL);
    codec_string(&r, field, sizeof field); /* a NUL inside would make two forms of one string */
    ck_assert_int_eq(codec_finish(&r), ERR_INVALID);
    uint64_t big = 7;
    struct codec w = codec_writer(room, sizeof room);
    codec_u64(&w, &big);
    ck_assert_int_eq(codec_finish(&w), ERR_FULL);
    void *array = NULL;
    r = codec_reader(room, sizeof room, NULL);
    ck_assert(!codec_array(&r, &array, 10, 10));
    ck_assert_int_eq(codec_finish(&r), ERR_FULL);
}
END_TEST

START_TEST(arena_bounds)
{
    _Alignas(16) uint8_t room[64];
    struct arena a;
    arena_init(&a, room, sizeof room);
    uint8_t *p = ARENA_NEW(&a, uint8_t, 1);
    uint8_t *q = ARENA_NEW(&a, uint8_t, 1);
    ck_assert_ptr_eq(q, p + 16); /* aligned */
    ck_assert_ptr_null(ARENA_NEW(&a, uint64_t, 5));
    ck_assert_ptr_nonnull(ARENA_NEW(&a, uint64_t, 4)); /* exactly the rest */
    ck_assert_ptr_null(arena_alloc(&a, SIZE_MAX, 2));  /* overflow, not wrap-around */
    ck_assert_ptr_null(ARENA_NEW(&a, uint8_t, 1));
}
END_TEST

START_TEST(text_sentences)
{
    char room[64];
    struct text t = text_over(room, sizeof room);
    text_put_duration(&t, 350);
    text_put(&t, "|");
    text_put_duration(&t, 150000);
    text_put(&t, "|");
    text_put_duration(&t, 2500000);
    text_put(&t, "|");
    text_put_share(&t, 125000);
    text_put(&t, "|");
    text_put_int(&t, INT64_MIN);
    ck_assert_str_eq(room, "350 us|150 ms|2.5 s|12.5 %|-9223372036854775808");
    ck_assert(!t.truncated);
    text_put(&t, "0123456789012345678901234567890123456789");
    ck_assert(t.truncated);
    ck_assert_uint_eq(strlen(room), sizeof room - 1);
}
END_TEST

START_TEST(error_codes_are_distinct_and_explained)
{
    static const int codes[] = {
#define CODE(name, value, text, remedy) value,
        ERROR_TABLE(CODE)
#undef CODE
    };
    size_t n = sizeof codes / sizeof codes[0];
    for (size_t i = 0; i < n; i++) {
        ck_assert_int_eq(codes[i], -(int)i); /* no gap, no double */
        ck_assert_str_ne(error_text(codes[i]), "unknown error");
        ck_assert_uint_gt(strlen(error_remedy(codes[i])), 0);
    }
    ck_assert_str_eq(error_text(-9999), "unknown error");
}
END_TEST

int main(void)
{
    Suite *s = suite_create("base");
    TCase *tc = tcase_create("base");
    suite_add_tcase(s, tc);
    tcase_add_test(tc, sha256_known_vector);
    tcase_add_test(tc, sha256_agrees_with_openssl_at_every_length);
    tcase_add_test(tc, codec_round_trip_and_truncation);
    tcase_add_test(tc, codec_refuses_what_does_not_fit);
    tcase_add_test(tc, arena_bounds);
    tcase_add_test(tc, text_sentences);
    tcase_add_test(tc, error_codes_are_distinct_and_explained);
    SRunner *r = srunner_create(s);
    srunner_run_all(r, CK_NORMAL);
    int failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
