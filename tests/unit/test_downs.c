/* test_downs.c: when a link end's down is a new one, and the daemons' log lines. */
#include "config/logger.h"
#include "daemon/downs.h"

#include <check.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static struct mono at(int64_t us)
{
    return (struct mono){us};
}

START_TEST(a_down_is_counted_once)
{
    struct down d = {.counted_at = {-1}};
    ck_assert(!down_heard(&d, false, 0, at(1000)));
    ck_assert(down_heard(&d, true, 100, at(2000)));
    ck_assert_uint_eq(d.number, 1);
    ck_assert(!down_heard(&d, true, 600, at(2500))); /* said again after a connect */
    ck_assert(!down_heard(&d, true, 8100, at(10000)));
    ck_assert_uint_eq(d.number, 1);
    ck_assert(down_heard(&d, false, 0, at(11000)));
    ck_assert(!down_heard(&d, false, 500, at(11500)));
    ck_assert(down_heard(&d, true, 0, at(12000)));
    ck_assert_uint_eq(d.number, 2);
}
END_TEST

START_TEST(a_down_behind_an_unseen_up_is_new)
{
    struct down d = {.counted_at = {-1}};
    ck_assert(down_heard(&d, true, 0, at(1000)));
    ck_assert(
        down_heard(&d, true, 500, at(5000))); /* it was up before 4500, and we did not hear it */
    ck_assert_uint_eq(d.number, 2);
}
END_TEST

START_TEST(an_up_that_was_taken_back_is_the_same_down)
{
    struct down d = {.counted_at = {-1}};
    ck_assert(down_heard(&d, true, 0, at(1000)));
    ck_assert(down_heard(&d, false, 0, at(2000)));
    ck_assert(down_heard(&d, true, 3000, at(3000))); /* news, and no new number */
    ck_assert_uint_eq(d.number, 1);
}
END_TEST

START_TEST(after_a_restart_a_down_is_counted_again)
{
    struct down d = {.number = 4, .down = true, .counted_at = {-1}};
    ck_assert(down_heard(&d, true, 900000, at(1000)));
    ck_assert_uint_eq(d.number, 5);
    d = (struct down){.number = UINT32_MAX, .counted_at = {-1}};
    ck_assert(!down_heard(&d, true, 0, at(1000)));
    ck_assert_uint_eq(d.number, UINT32_MAX);
}
END_TEST

/* Writes one line and gives it back. */
static void line_of(enum log_format format, const char *value, char *ret_line, size_t size)
{
    int fds[2];
    ck_assert_int_eq(pipe(fds), 0);
    struct logger l = {.fd = fds[1], .format = format, .level = LOG_INFO, .identity = "beijing"};
    log_event(&l, LOG_DEBUG, LOG_CODE("too-quiet"));
    log_event(&l, LOG_WARNING, LOG_CODE("x"), LOG_STR("why", value), LOG_INT("n", -3));
    close(fds[1]);
    ssize_t n = read(fds[0], ret_line, size - 1);
    close(fds[0]);
    ck_assert_int_gt(n, 0);
    ret_line[n] = '\0';
}

START_TEST(a_line_stays_a_line)
{
    char line[LOG_LINE_MAX + 1], big[5000];
    line_of(LOG_LOGFMT, "a \"b\"\n\xff", line, sizeof line);
    ck_assert_ptr_nonnull(strstr(line, " level=warning idc=beijing event=x "
                                       "why=\"a \\\"b\\\"\\u000a\\u00ff\" n=-3\n"));
    memset(big, '"', sizeof big - 1);
    big[sizeof big - 1] = '\0';
    for (int format = LOG_LOGFMT; format <= LOG_JSON; format++) {
        line_of((enum log_format)format, big, line, sizeof line);
        ck_assert_uint_le(strlen(line), LOG_LINE_MAX);
        ck_assert_ptr_eq(strchr(line, '\n'), line + strlen(line) - 1);
    }
    ck_assert_ptr_nonnull(strstr(line, "\"n\":-3}\n"));
}
END_TEST

START_TEST(bad_input_is_counted_and_told_rarely)
{
    struct log_limit limit = {.total = 0};
    uint64_t silent = 0, told = 0;
    for (int64_t i = 0; i < 1000; i++) {
        told += log_allow(&limit, at(i * 1000), 100000, &silent) ? 1 : 0;
    }
    ck_assert_uint_eq(told, 10);
    ck_assert_uint_eq(silent, 99);
    ck_assert_uint_eq(limit.total, 1000);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("downs");
    TCase *t = tcase_create("downs and log lines");
    tcase_add_test(t, a_down_is_counted_once);
    tcase_add_test(t, a_down_behind_an_unseen_up_is_new);
    tcase_add_test(t, an_up_that_was_taken_back_is_the_same_down);
    tcase_add_test(t, after_a_restart_a_down_is_counted_again);
    tcase_add_test(t, a_line_stays_a_line);
    tcase_add_test(t, bad_input_is_counted_and_told_rarely);
    suite_add_tcase(s, t);
    SRunner *runner = srunner_create(s);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? 0 : 1;
}
