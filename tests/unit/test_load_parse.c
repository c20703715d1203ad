/* test_load_parse.c: pages of load, good to the digit and refused for each reason. */
#include "core/load_parse.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

static struct view views[3] = {{.name = "north"}, {.name = "north-telecom"}, {.name = "east"}};
static const struct fleet fleet = {.views = views, .view_count = 3};

static int parse(enum load_format format, const char *text, struct load_page *ret)
{
    /* Without the NUL, and at the very end of its memory, for the sanitizers. */
    size_t size = strlen(text);
    char *copy = malloc(size + (size == 0));
    memcpy(copy, text, size);
    int status = load_parse(format, copy, size, &fleet, ret);
    free(copy);
    return status;
}

#define JSON(requests, errors, saturation)                                                         \
    "{\"requests_per_s\":" requests ",\"errors_per_s\":" errors ",\"saturation\":" saturation "}"

#define PAGE(more) "{\"requests_per_s\":1,\"errors_per_s\":0,\"saturation\":0," more "}"

static const struct {
    const char *text; /* as requests, errors and saturation */
    uint64_t requests, errors;
    uint32_t saturation;
} good_json[] = {
    {JSON("0", "0", "0"), 0, 0, 0},
    {JSON("1234.5", "0.25", "0.625"), 1234500, 250, 625000},
    {JSON("1e3", "2.5E-1", "1"), 1000000, 250, 1000000},
    {JSON("1.0e+2", "0e9", "1.000"), 100000, 0, 1000000},
    {JSON("0.0019", "0.00099", "0.0000019"), 1, 0, 1}, /* cut off */
    {JSON("1000000000", "1000000000.0", "0.9999999"), 1000000000000, 1000000000000, 999999},
    {JSON("0.30000000000000004", "99999999.99999999", "1e-6"), 300, 99999999999, 1},
    {JSON("123456789.1234567890123456789", "1e-400", "10000000000000000000000e-22"), 123456789123,
     0, 1000000},
    {"\r\n\t { \"saturation\" : 0.5 , \"requests_per_s\" : 2 , \"errors_per_s\" : 1 } \n", 2000,
     1000, 500000},
};

static const char *const bad_json[] = {
    "",
    "{}",
    "{",
    "null",
    "[1,2,3]",
    "{\"requests_per_s\":1,\"errors_per_s\":0}",                 /* half a signal */
    "{\"requests_per_s\":1,\"saturation\":0}",                   /* */
    "{\"errors_per_s\":1,\"saturation\":0}",                     /* */
    "{\"requests_per_s\":1,\"errors_per_s\":0,\"saturation\":0", /* cut */
    JSON("1", "0", "0") "x",
    JSON("1", "0", "0") JSON("1", "0", "0"),
    JSON("-1", "0", "0"),
    JSON("1", "-0", "0"),
    JSON("1", "0", "1.000001"),
    JSON("1000000000.001", "0", "0"),
    JSON("1e10", "0", "0"),
    JSON("1e99999999999999999999", "0", "0"),
    JSON("99999999999999999999999999", "0", "0"),
    JSON("01", "0", "0"),
    JSON("00", "0", "0"),
    JSON(".5", "0", "0"),
    JSON("5.", "0", "0"),
    JSON("+5", "0", "0"),
    JSON("5e", "0", "0"),
    JSON("0x5", "0", "0"),
    JSON("NaN", "0", "0"),
    JSON("null", "0", "0"),
    JSON("\"5\"", "0", "0"),
    JSON("5 5", "0", "0"),
    JSON("", "0", "0"),
    PAGE("\"requests_per_s\":1"),
    PAGE(""),
    "{,\"requests_per_s\":1,\"errors_per_s\":0,\"saturation\":0}",
    "{\"requests_per_s\":1 \"errors_per_s\":0,\"saturation\":0}",
    PAGE("\"more\":1"),
    PAGE("\"views\":[]"),
    PAGE("\"views\":{}}"),
    PAGE("\"views\":{},\"views\":{}"),
    PAGE("\"views\":{\"north\":1,\"north\":1}"),
    PAGE("\"views\":{\"north\":-1}"),
    PAGE("\"views\":{\"north\":1,}"),
    PAGE("\"views\":{\"no\\u0072th\":1}"),
    PAGE("\"views\":{north:1}"),
};

START_TEST(test_json)
{
    struct load_page page;
    for (size_t i = 0; i < sizeof(good_json) / sizeof(good_json[0]); i++) {
        ck_assert_msg(parse(LOAD_JSON, good_json[i].text, &page) == OK, "%s", good_json[i].text);
        ck_assert_uint_eq(page.requests_mrps, good_json[i].requests);
        ck_assert_uint_eq(page.errors_mrps, good_json[i].errors);
        ck_assert_uint_eq(page.saturation_ppm, good_json[i].saturation);
        for (int v = 0; v < 3; v++)
            ck_assert(!page.views[v].valid);
    }
    struct load_page untouched = page;
    for (size_t i = 0; i < sizeof(bad_json) / sizeof(bad_json[0]); i++)
        ck_assert_msg(parse(LOAD_JSON, bad_json[i], &page) == ERR_INVALID, "%s", bad_json[i]);
    ck_assert_mem_eq(&page, &untouched, sizeof(page));
}
END_TEST

START_TEST(test_json_views)
{
    struct load_page page;
    const char *text = "{\"views\":{\"east\":0,\"elsewhere\":7,\"north-telecom\":1.5},"
                       "\"requests_per_s\":9,\"errors_per_s\":0,\"saturation\":0}";
    ck_assert_int_eq(parse(LOAD_JSON, text, &page), OK);
    ck_assert(!page.views[0].valid); /* not told; "north" is not "north-telecom" */
    ck_assert(page.views[1].valid);
    ck_assert_uint_eq(page.views[1].mrps, 1500);
    ck_assert(page.views[2].valid); /* told as zero */
    ck_assert_uint_eq(page.views[2].mrps, 0);

    /* A name that no fleet can have is no view's, whatever its length. */
    static char long_name[1024];
    strcpy(long_name, "{\"requests_per_s\":9,\"errors_per_s\":0,\"saturation\":0,\"views\":{\"");
    memset(long_name + strlen(long_name), 'n', 500);
    strcat(long_name, "\":1}}");
    ck_assert_int_eq(parse(LOAD_JSON, long_name, &page), OK);
    ck_assert(!page.views[0].valid && !page.views[1].valid && !page.views[2].valid);
}
END_TEST

#define THREE                                                                                      \
    "spillway_requests_per_second 10\nspillway_errors_per_second 1\n"                              \
    "spillway_saturation_ratio 0.5\n"

START_TEST(test_prometheus)
{
    struct load_page page;
    const char *text = "# HELP spillway_requests_per_second All that arrived.\n"
                       "# TYPE spillway_requests_per_second gauge\n"
                       "spillway_requests_per_second 1.2345e+03 1700000000000\r\n"
                       "spillway_requests_per_second_created 17\n"
                       "go_goroutines{a=\"}\"} NaN\n\n"
                       "  spillway_errors_per_second{ }\t.25\n"
                       "spillway_saturation_ratio +0.5 -1\n"
                       "spillway_view_requests_per_second{view=\"north-telecom\"} 800\n"
                       "spillway_view_requests_per_second { view = \"east\" , } 0\n"
                       "spillway_view_requests_per_second{view=\"elsewhere\"} 1\n";
    ck_assert_int_eq(parse(LOAD_PROMETHEUS, text, &page), OK);
    ck_assert_uint_eq(page.requests_mrps, 1234500);
    ck_assert_uint_eq(page.errors_mrps, 250);
    ck_assert_uint_eq(page.saturation_ppm, 500000);
    ck_assert(!page.views[0].valid && page.views[1].valid && page.views[2].valid);
    ck_assert_uint_eq(page.views[1].mrps, 800000);
    ck_assert_uint_eq(page.views[2].mrps, 0);
    ck_assert_int_eq(parse(LOAD_PROMETHEUS, THREE, &page), OK);
    static const char *const bad[] = {
        "",
        "\n",
        "spillway_requests_per_second 10\nspillway_errors_per_second 1\n",
        "spillway_requests_per_second 10\nspillway_errors_per_second 1\n"
        "spillway_saturation_ratio 0.5", /* the page may have been cut within the number */
        THREE "spillway_saturation_ratio 0.5\n",
        THREE "spillway_view_requests_per_second{view=\"east\"} 1\n"
              "spillway_view_requests_per_second{view=\"east\"} 1\n",
        THREE "spillway_view_requests_per_second 1\n",
        THREE "spillway_view_requests_per_second{} 1\n",
        THREE "spillway_view_requests_per_second{region=\"east\"} 1\n",
        THREE "spillway_view_requests_per_second{view=\"east\",a=\"b\"} 1\n",
        THREE "spillway_view_requests_per_second{view=\"east} 1\n",
        THREE "spillway_view_requests_per_second{view=\"ea\\\\st\"} 1\n",
        THREE "spillway_view_requests_per_second{view=\"east\"} NaN\n",
        THREE "spillway_view_requests_per_second{view=\"east\"} -1\n",
        THREE "spillway_view_requests_per_second{view=\"east\"} 1x\n",
        THREE "spillway_view_requests_per_second{view=\"east\"} 1 2 3\n",
        "spillway_requests_per_second{instance=\"a\"} 10\nspillway_errors_per_second 1\n"
        "spillway_saturation_ratio 0.5\n",
        "spillway_requests_per_second +Inf\nspillway_errors_per_second 1\n"
        "spillway_saturation_ratio 0.5\n",
        "spillway_requests_per_second 1\nspillway_errors_per_second 1\n"
        "spillway_saturation_ratio 1.01\n",
        "spillway_requests_per_second\nspillway_errors_per_second 1\n"
        "spillway_saturation_ratio 1\n",
    };
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        ck_assert_msg(parse(LOAD_PROMETHEUS, bad[i], &page) == ERR_INVALID, "%s", bad[i]);
}
END_TEST

/* Every cut of a good page is refused: a part of it must not read as less load. */
START_TEST(test_cut_pages)
{
    struct load_page page;
    const char *json = "{\"requests_per_s\":1234,\"errors_per_s\":1,\"saturation\":0.62,"
                       "\"views\":{\"north\":800,\"east\":434}}";
    const char *text = THREE "spillway_view_requests_per_second{view=\"east\"} 10\n";
    for (size_t n = 0; n < strlen(json); n++)
        ck_assert_int_eq(load_parse(LOAD_JSON, json, n, &fleet, &page), ERR_INVALID);
    /* Lines are the unit here: a page may end behind any, once it has the three. */
    for (size_t n = 0; n < strlen(text); n++)
        ck_assert_int_eq(load_parse(LOAD_PROMETHEUS, text, n, &fleet, &page),
                         n == strlen(THREE) ? OK : ERR_INVALID);
    static char large[LOAD_PAGE_MAX + 1];
    memset(large, ' ', sizeof(large));
    memcpy(large, json, strlen(json));
    ck_assert_int_eq(load_parse(LOAD_JSON, large, LOAD_PAGE_MAX, &fleet, &page), OK);
    ck_assert_int_eq(load_parse(LOAD_JSON, large, LOAD_PAGE_MAX + 1, &fleet, &page), ERR_TOO_LARGE);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("load-parse");
    TCase *c = tcase_create("load-parse");
    tcase_add_test(c, test_json);
    tcase_add_test(c, test_json_views);
    tcase_add_test(c, test_prometheus);
    tcase_add_test(c, test_cut_pages);
    suite_add_tcase(suite, c);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
