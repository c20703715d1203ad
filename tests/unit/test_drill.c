/* test_drill.c: runbooks of drills: the shipped ones are sound, mistakes are found at their place,
 * and both forms of a drill read back. */
#include "config/drill_config.h"
#include "config/settings.h"

#include <check.h>
#include <dirent.h>
#include <stdlib.h>
#include <string.h>

static char *read_text(const char *path, size_t *ret_len)
{
    struct config_errors errs = {0};
    char *text = NULL;
    ck_assert_int_eq(config_file_read(path, CONFIG_DRILL_MAX_BYTES, &text, ret_len, &errs), OK);
    config_errors_done(&errs);
    return text;
}

static struct drill parse(const char *text, size_t len)
{
    struct config_errors errs = {0};
    struct drill d;
    int status = config_drill_parse(text, len, &d, &errs);
    config_errors_print(&errs, "drill", stderr);
    ck_assert_int_eq(status, OK);
    config_errors_done(&errs);
    return d;
}

static struct drill idc_outage(void)
{
    size_t len;
    char *text = read_text(DRILLS "/idc-outage.yaml", &len);
    struct drill d = parse(text, len);
    free(text);
    return d;
}

/* The bytes that pin a drill. */
static size_t encode(struct drill *d, uint8_t room[DRILL_MAX_BYTES])
{
    struct codec c = codec_writer(room, DRILL_MAX_BYTES);
    drill_codec(&c, d);
    ck_assert_int_eq(c.status, OK);
    return c.pos;
}

START_TEST(every_shipped_runbook_is_sound_and_reads_back)
{
    DIR *dir = opendir(DRILLS);
    ck_assert_ptr_nonnull(dir);
    int found = 0;
    for (struct dirent *e = readdir(dir); e != NULL; e = readdir(dir)) {
        if (e->d_name[0] == '.') {
            continue;
        }
        char path[1024], *printed = NULL, expected[FLEET_NAME_SIZE + 8];
        snprintf(path, sizeof path, "%s/%s", DRILLS, e->d_name);
        size_t len, printed_len = 0;
        char *text = read_text(path, &len);
        struct drill d = parse(text, len);
        snprintf(expected, sizeof expected, "%s.yaml", d.name);
        ck_assert_str_eq(e->d_name, expected);
        FILE *out = open_memstream(&printed, &printed_len);
        config_drill_print_yaml(&d, out);
        fclose(out);
        struct drill again = parse(printed, printed_len);
        uint8_t a[DRILL_MAX_BYTES], b[DRILL_MAX_BYTES];
        size_t size = encode(&d, a);
        ck_assert_uint_eq(size, encode(&again, b));
        ck_assert_mem_eq(a, b, size);
        struct codec c = codec_reader(a, size, NULL);
        struct drill read;
        memset(&read, 0, sizeof read);
        drill_codec(&c, &read);
        ck_assert_int_eq(codec_finish(&c), OK);
        ck_assert_uint_eq(size, encode(&read, b));
        ck_assert_mem_eq(a, b, size);
        free(printed);
        free(text);
        found++;
    }
    closedir(dir);
    ck_assert_int_eq(found, 6);
}
END_TEST

/* A copy of the text with `from` replaced by `to`, once. */
static char *replace(const char *text, const char *from, const char *to)
{
    const char *at = strstr(text, from);
    ck_assert_msg(at != NULL, "the runbook has no \"%s\"", from);
    size_t before = (size_t)(at - text);
    char *out = malloc(strlen(text) + strlen(to) + 1);
    memcpy(out, text, before);
    strcpy(out + before, to);
    strcat(out, at + strlen(from));
    return out;
}

static const struct mistake {
    const char *from, *to, *says;
    uint32_t line;
} mistakes[] = {
    {"do: inject\n    for: 30s", "do: restore", "nothing is injected that could be restored", 11},
    {"do: restore", "do: wait", "an injection and a wait last for a stated time", 18},
    {"for: 30s  ", "for: 10min", "a step lasts longer than the limit", 11},
    {"[{is: quiet}, {is: acknowledged}]", "[{is: acknowledged}]", "only while all is quiet", 11},
    {", {is: restored}]", "]", "ends with the very plan from before it", 18},
    {"name: mend", "name: cut", "two steps have the same name", 18},
    {"    within: 15s", "", "a step with conditions says within what time", 11},
    {"reaches: mitigated", "headroom: 5%", "a condition is one of", 11},
    {", reaches: closed", "", "names the state that it reaches", 18},
    {"{core_errors: 2%}", "{core_errors: 0.01%}", "not below its objective", 3},
    {"on: link", "on: fibre", "expected link, conduit, carrier, idc or view", 5},
    {"limit: 3min", "limit: 3", "expected a duration", 7},
    {"limit: 3min", "limits: 3min", "did you mean \"limit\"?", 7},
    {"do: inject", "do: drain\n    factor: 300%", "last for a stated time, no other step does", 11},
};

START_TEST(a_mistake_is_found_at_its_place)
{
    size_t len;
    char *text = read_text(DRILLS "/fibre-cut.yaml", &len);
    const struct mistake *m = &mistakes[_i];
    char *wrong = replace(text, m->from, m->to);
    struct config_errors errs = {0};
    struct drill d;
    ck_assert_int_eq(config_drill_parse(wrong, strlen(wrong), &d, &errs), ERR_INVALID);
    bool found = false;
    for (uint32_t i = 0; i < errs.count; i++) {
        found = found || (errs.items[i].line == m->line && strstr(errs.items[i].text, m->says));
    }
    if (!found) {
        config_errors_print(&errs, m->to, stderr);
    }
    ck_assert_msg(found, "mistake %d, \"%s\", is not told at line %u", _i, m->says, m->line);
    config_errors_done(&errs);
    free(wrong);
    free(text);
}
END_TEST

START_TEST(what_is_injected_now_is_known_at_every_step)
{
    struct drill d = idc_outage();
    ck_assert_uint_eq(drill_injecting(&d, 0), DRILL_MAX_STEPS);
    ck_assert_uint_eq(drill_injecting(&d, 1), 0);
    ck_assert_uint_eq(drill_injecting(&d, 2), 0);
    ck_assert_uint_eq(drill_injecting(&d, 3), DRILL_MAX_STEPS);
    uint32_t step;
    ck_assert_ptr_null(drill_broken(&d, &step));
    d.steps[2].action = DRILL_APPROVE; /* the restore is gone */
    ck_assert_str_eq(drill_broken(&d, &step), "an injection is restored by a later step");
    ck_assert_uint_eq(step, 0);
}
END_TEST

START_TEST(the_reader_survives_every_flipped_byte)
{
    struct drill d = idc_outage();
    uint8_t bytes[DRILL_MAX_BYTES];
    size_t size = encode(&d, bytes);
    int refused = 0;
    for (size_t i = 0; i < size; i++) {
        bytes[i] ^= 0xff;
        struct drill read;
        memset(&read, 0, sizeof read);
        struct codec c = codec_reader(bytes, size, NULL);
        drill_codec(&c, &read);
        uint32_t step;
        refused += codec_finish(&c) != OK || drill_broken(&read, &step) != NULL;
        bytes[i] ^= 0xff;
    }
    ck_assert_int_gt(refused, 0); /* counts and enumerations are checked */
    for (size_t i = 0; i < size; i++) {
        struct drill read;
        memset(&read, 0, sizeof read);
        struct codec c = codec_reader(bytes, i, NULL);
        drill_codec(&c, &read);
        ck_assert_int_ne(codec_finish(&c), OK);
    }
}
END_TEST

/* The middle part of the man page is what the tables say. */
START_TEST(the_man_page_has_the_reference)
{
    size_t len, size = 0;
    char *page = read_text(MAN "/spillway-drill.5.md", &len), *out = NULL;
    FILE *file = open_memstream(&out, &size);
    config_drill_print_reference(file);
    fclose(file);
    ck_assert_msg(strstr(page, out) != NULL, "spillway-drill.5.md lacks:\n%s", out);
    free(page);
    free(out);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("drill");
    TCase *tc = tcase_create("drill");
    suite_add_tcase(s, tc);
    tcase_add_test(tc, every_shipped_runbook_is_sound_and_reads_back);
    tcase_add_loop_test(tc, a_mistake_is_found_at_its_place, 0,
                        (int)(sizeof mistakes / sizeof mistakes[0]));
    tcase_add_test(tc, what_is_injected_now_is_known_at_every_step);
    tcase_add_test(tc, the_reader_survives_every_flipped_byte);
    tcase_add_test(tc, the_man_page_has_the_reference);
    SRunner *r = srunner_create(s);
    srunner_run_all(r, CK_NORMAL);
    int failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
