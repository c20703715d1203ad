/* test_damping.c: the penalty of what flaps: its very values, and that it is bounded. */
#include "base/rng.h"
#include "core/damping.h"

#include <check.h>
#include <stdlib.h>

static struct mono at(int64_t us)
{
    return (struct mono){us};
}

/* The very values: half-life 16 s (a step is a second), suppress at 2500, reuse below 1000. */
START_TEST(test_damping)
{
    const struct damping_policy p = {16 * US_PER_SEC, 160 * US_PER_SEC, 2500, 1000};
    struct damping d = {0};
    int64_t t0 = 1000 * US_PER_SEC;
    damping_flap(&d, &p, at(t0));
    static const struct {
        int64_t after_us;
        uint32_t penalty;
    } decay[] = {{0, 1000},
                 {US_PER_SEC - 1, 1000},
                 {US_PER_SEC, 957},
                 {2 * US_PER_SEC, 917},
                 {8 * US_PER_SEC, 707},
                 {15 * US_PER_SEC, 522},
                 {16 * US_PER_SEC - 1, 522},
                 {16 * US_PER_SEC, 500},
                 {24 * US_PER_SEC, 353},
                 {160 * US_PER_SEC, 0},
                 {INT64_MAX / 2, 0}};
    for (size_t i = 0; i < sizeof(decay) / sizeof(decay[0]); i++)
        ck_assert_uint_eq(damping_penalty(&d, &p, at(t0 + decay[i].after_us)), decay[i].penalty);
    ck_assert_int_eq(damping_left_us(&d, at(t0)), 0); /* one is no flapping */
    damping_flap(&d, &p, at(t0 + 8 * US_PER_SEC));
    ck_assert_uint_eq(d.penalty, 1707);
    ck_assert_int_eq(damping_left_us(&d, at(t0 + 8 * US_PER_SEC)), 0);
    damping_flap(&d, &p, at(t0 + 8 * US_PER_SEC));
    ck_assert_uint_eq(d.penalty, 2707);
    /* 2707 to below 1000: 23 steps of 1/16 (2707 / 2^(23/16) = 999). */
    ck_assert_int_eq(damping_left_us(&d, at(t0 + 8 * US_PER_SEC)), 23 * US_PER_SEC);
    ck_assert_uint_eq(damping_penalty(&d, &p, at(t0 + 30 * US_PER_SEC)), 1043);
    ck_assert_uint_eq(damping_penalty(&d, &p, at(t0 + 31 * US_PER_SEC)), 999);
    ck_assert_int_eq(damping_left_us(&d, at(t0 + 31 * US_PER_SEC)), 0);

    /* Once suppressed, another down below the threshold keeps it so; once let go, it does not. */
    struct damping again = d;
    damping_flap(&again, &p, at(t0 + 30 * US_PER_SEC));
    ck_assert_uint_eq(again.penalty, 2043);
    ck_assert_int_eq(damping_left_us(&again, at(t0 + 30 * US_PER_SEC)), 17 * US_PER_SEC);
    again = d;
    damping_flap(&again, &p, at(t0 + 31 * US_PER_SEC));
    ck_assert_uint_eq(again.penalty, 1999);
    ck_assert_int_eq(damping_left_us(&again, at(t0 + 31 * US_PER_SEC)), 0);

    const struct damping_policy off = {0, 0, 2500, 1000};
    struct damping none = {0};
    for (int i = 0; i < 10; i++)
        damping_flap(&none, &off, at(t0));
    ck_assert_int_eq(damping_left_us(&none, at(t0)), 0);
}
END_TEST

/* Whatever the policy and the flaps: after the last down it is suppressed for at most the longest
 * time, the penalty only falls between downs, and is below reuse when it is let go. */
START_TEST(test_damping_is_bounded)
{
    struct rng rng = rng_init(2439);
    for (int world = 0; world < 2000; world++) {
        struct damping_policy p = {.half_life_us = 1 + (int64_t)rng_below(&rng, 3600 * US_PER_SEC)};
        p.longest_us = 1 + (int64_t)rng_below(&rng, 86400 * US_PER_SEC);
        p.suppress = 1000 + (uint32_t)rng_below(&rng, 20000);
        p.reuse = 100 + (uint32_t)rng_below(&rng, p.suppress - 100);
        struct damping d = {0};
        int64_t now = 0;
        for (int flap = 0; flap < 60; flap++) {
            now += (int64_t)rng_below(&rng, (uint64_t)p.half_life_us / 4 + 1);
            damping_flap(&d, &p, at(now));
            int64_t left = damping_left_us(&d, at(now));
            ck_assert_int_le(left, p.longest_us);
            if (left > 0)
                ck_assert_uint_lt(damping_penalty(&d, &p, at(now + left)), p.reuse);
            int64_t later = now + (int64_t)rng_below(&rng, (uint64_t)p.half_life_us * 40);
            ck_assert_uint_le(damping_penalty(&d, &p, at(later)), d.penalty);
        }
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("damping");
    TCase *c = tcase_create("damping");
    tcase_add_test(c, test_damping);
    tcase_add_test(c, test_damping_is_bounded);
    suite_add_tcase(suite, c);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
