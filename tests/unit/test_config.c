/* test_config.c: the fleet file: goldens of every mistake, round trips, hostile input; settings. */
#include "config/fleet_config.h"
#include "config/settings.h"
#include "config/units.h"

#include <check.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { TEXT_MAX = 256 * 1024 };

struct parsed {
    int status;
    struct arena arena;
    struct fleet fleet;
    struct config_errors errs;
};

static struct parsed parse(const char *text, size_t len)
{
    struct parsed p = {0};
    arena_init(&p.arena, aligned_alloc(16, CONFIG_FLEET_ARENA_SIZE), CONFIG_FLEET_ARENA_SIZE);
    p.status = config_fleet_parse(text, len, &p.arena, &p.fleet, &p.errs);
    return p;
}

static void parsed_done(struct parsed *p)
{
    config_errors_done(&p->errs);
    free(p->arena.base);
}

static char *slurp(const char *path)
{
    FILE *file = fopen(path, "re");
    ck_assert_msg(file != NULL, "%s", path);
    char *text = calloc(1, TEXT_MAX);
    ck_assert_ptr_nonnull(text);
    const size_t n = fread(text, 1, TEXT_MAX - 1, file);
    ck_assert_uint_lt(n, TEXT_MAX - 1);
    fclose(file);
    return text;
}

/* Findings as lines "LINE:COLUMN: text". */
static char *findings(const struct config_errors *errs)
{
    char *out = NULL;
    size_t size = 0;
    FILE *file = open_memstream(&out, &size);
    for (uint32_t i = 0; i < errs->count; i++) {
        const struct config_error *e = &errs->items[i];
        fprintf(file, "= %u:%u: %s%s\n", e->line, e->column, e->warning ? "warning: " : "",
                e->text);
    }
    fclose(file);
    return out;
}

/* Replaces the first occurrence of old; "\n" in the new text is a line end. */
static void edit(char *text, const char *old, const char *new)
{
    char *at = strstr(text, old);
    ck_assert_msg(at != NULL, "the base does not have: %s", old);
    char expanded[1024];
    size_t n = 0;
    for (; *new != '\0'; new ++) {
        ck_assert_uint_lt(n, sizeof expanded - 1);
        const bool line_end = new[0] == '\\' && new[1] == 'n';
        expanded[n++] = line_end ? '\n' : *new;
        new += line_end;
    }
    memmove(at + n, at + strlen(old), strlen(at + strlen(old)) + 1);
    memcpy(at, expanded, n);
}

/* Takes the next line off *text, without its end; NULL at the end. */
static char *next_line(char **text)
{
    char *line = *text;
    if (*line == '\0') {
        return NULL;
    }
    char *end = strchr(line, '\n');
    ck_assert_ptr_nonnull(end);
    *end = '\0';
    *text = end + 1;
    return line;
}

static void check_case(const char *name, const char *text, const char *expected)
{
    struct parsed p = parse(text, strlen(text));
    char *found = findings(&p.errs);
    if (getenv("SPILLWAY_SHOW_FINDINGS") != NULL) {
        printf("case %s\n%s", name, found);
    } else {
        ck_assert_msg(strcmp(found, expected) == 0, "case %s: found\n%sexpected\n%s", name, found,
                      expected);
    }
    ck_assert_msg((p.status == OK) == (p.errs.error_count == 0), "case %s: status %d", name,
                  p.status);
    free(found);
    parsed_done(&p);
}

START_TEST(each_mistake_is_found_at_its_place)
{
    char *base = slurp(FLEETS_BAD "/base.yaml"), *cases = slurp(FLEETS_BAD "/cases.txt");
    char *text = calloc(1, TEXT_MAX), *expected = calloc(1, TEXT_MAX), *rest = cases, *line,
         *old = NULL;
    const char *name = NULL;
    uint32_t count = 0;
    while ((line = next_line(&rest)) != NULL) {
        if (strncmp(line, "case ", 5) == 0) {
            if (name != NULL) {
                check_case(name, text, expected);
            }
            name = line + 5;
            strcpy(text, base);
            expected[0] = '\0';
            count++;
        } else if (line[0] == '-') {
            old = line + 2;
        } else if (line[0] == '+') {
            edit(text, old, line + 2);
        } else if (line[0] == '=') {
            strcat(strcat(expected, line), "\n");
        }
    }
    check_case(name, text, expected);
    ck_assert_uint_gt(count, 70);
    free(base);
    free(cases);
    free(text);
    free(expected);
}
END_TEST

static struct digest digest_of(const struct fleet *f)
{
    const size_t size = fleet_encoded_size(f);
    void *scratch = malloc(size);
    ck_assert_ptr_nonnull(scratch);
    struct digest d = fleet_digest(f, scratch, size);
    free(scratch);
    return d;
}

static char *show(const struct fleet *f, size_t *ret_size)
{
    char *out = NULL;
    FILE *file = open_memstream(&out, ret_size);
    config_fleet_print_yaml(f, file);
    fclose(file);
    return out;
}

START_TEST(show_parses_back_to_the_same_fleet)
{
    static const char *const files[] = {FLEETS "/three-idc.yaml", FLEETS "/two-carrier.yaml",
                                        FLEETS_BAD "/base.yaml", FLEETS_BAD "/rich.yaml"};
    char *text = slurp(files[_i]);
    struct parsed a = parse(text, strlen(text));
    ck_assert_int_eq(a.status, OK);
    size_t size_a, size_b;
    char *shown = show(&a.fleet, &size_a);
    struct parsed b = parse(shown, size_a);
    ck_assert_int_eq(b.status, OK);
    char *again = show(&b.fleet, &size_b);
    ck_assert_uint_eq(size_a, size_b);
    ck_assert_str_eq(shown, again);
    const struct digest da = digest_of(&a.fleet), db = digest_of(&b.fleet);
    ck_assert_int_eq(digest_compare(&da, &db), 0);
    free(text);
    free(shown);
    free(again);
    parsed_done(&a);
    parsed_done(&b);
}
END_TEST

START_TEST(hostile_text_is_refused_in_words)
{
    static const struct {
        const char *text;
        size_t len;
        const char *finding;
    } cases[] = {
        {"", 0, "= 1:1: found an empty file, expected a mapping of keys\n"},
        {"# nothing\n", 10, "= 1:1: found an empty file, expected a mapping of keys\n"},
        {"fleet: a\xff\n", 10, "= 1:9: found byte 0xff, expected valid UTF-8\n"},
        {"fleet: \xc0\xaf\n", 10, "= 1:8: found byte 0xc0, expected valid UTF-8\n"},
        {"a: b\nx: \xed\xa0\x80\n", 12, "= 2:4: found byte 0xed, expected valid UTF-8\n"},
        {"fleet: a\0b\n", 11, "= 1:9: found control character 0x00, expected printable text\n"},
        {"- a\n", 4, "= 1:1: found a list, expected a mapping that describes the fleet\n"},
        {"just text\n", 10,
         "= 1:1: found \"just text\", expected a mapping that describes the fleet\n"},
    };
    struct parsed p = parse(cases[_i].text, cases[_i].len);
    char *found = findings(&p.errs);
    ck_assert_str_eq(found, cases[_i].finding);
    ck_assert_int_eq(p.status, ERR_INVALID);
    free(found);
    parsed_done(&p);
}
END_TEST

START_TEST(deep_nesting_is_refused)
{
    char text[4002];
    memset(text, '[', 2000);
    memset(text + 2000, ']', 2000);
    text[4000] = '\n';
    struct parsed p = parse(text, 4001);
    ck_assert_int_eq(p.status, ERR_INVALID);
    ck_assert_uint_eq(p.errs.error_count, 1);
    ck_assert_ptr_nonnull(strstr(p.errs.items[0].text, "nesting deeper than 16"));
    parsed_done(&p);
}
END_TEST

START_TEST(a_file_too_large_is_refused)
{
    const size_t size = CONFIG_FLEET_MAX_BYTES + 1;
    char *text = malloc(size);
    memset(text, ' ', size);
    struct parsed p = parse(text, size);
    ck_assert_int_eq(p.status, ERR_INVALID);
    ck_assert_ptr_nonnull(strstr(p.errs.items[0].text, "expected at most 8388608"));
    free(text);
    parsed_done(&p);
}
END_TEST

START_TEST(errors_are_bounded)
{
    char *text = NULL;
    size_t size = 0;
    FILE *file = open_memstream(&text, &size);
    for (int i = 0; i < 5000; i++) {
        fprintf(file, "key%d: x\n", i);
    }
    fclose(file);
    struct parsed p = parse(text, size);
    ck_assert_int_eq(p.status, ERR_INVALID);
    ck_assert_uint_eq(p.errs.count, CONFIG_MAX_ERRORS);
    ck_assert_uint_ge(p.errs.error_count, 5000);
    free(text);
    parsed_done(&p);
}
END_TEST

/* Bytes all over a good file replaced, one at a time: it is accepted, or refused in words. The
 * fuzzer does more. */
START_TEST(no_single_byte_crashes_it)
{
    char *base = slurp(FLEETS_BAD "/base.yaml");
    const size_t len = strlen(base);
    static const char bytes[] = "\t\n:{[\"'#&*!|>%@-0\x80";
    for (size_t i = 0; i < len; i += 11) {
        const char was = base[i];
        base[i] = bytes[i % (sizeof bytes - 1)];
        struct parsed p = parse(base, len);
        ck_assert((p.status == OK) == (p.errs.error_count == 0));
        parsed_done(&p);
        base[i] = was;
    }
    free(base);
}
END_TEST

START_TEST(units_are_exact)
{
    int64_t us;
    uint64_t n;
    char text[UNITS_TEXT_SIZE];
    ck_assert_int_eq(units_parse_duration("1.5s", &us), OK);
    ck_assert_int_eq(us, 1500000);
    units_put_duration(us, text);
    ck_assert_str_eq(text, "1500ms");
    ck_assert_int_eq(units_parse_duration("0.5us", &us), ERR_INVALID);
    ck_assert_int_eq(units_parse_duration("99999999999h", &us), ERR_TOO_LARGE);
    ck_assert_int_eq(units_parse_duration("5 ms", &us), ERR_INVALID);
    ck_assert_int_eq(units_parse_duration("-5ms", &us), ERR_INVALID);
    ck_assert_int_eq(units_parse_cost("0.2", &n), OK);
    ck_assert_uint_eq(n, 200000);
    ck_assert_int_eq(units_parse_cost("0.0000001", &n), ERR_INVALID);
    units_put_cost(1250000, text);
    ck_assert_str_eq(text, "1.25");
    ck_assert_int_eq(units_parse_share("2.5%", &n), OK);
    ck_assert_uint_eq(n, 25000);
    ck_assert_int_eq(units_parse_bandwidth("1.5Gbps", &n), OK);
    ck_assert_uint_eq(n, 1500);
    ck_assert_int_eq(units_parse_integer("010", &n), ERR_INVALID);
    ck_assert_int_eq(units_parse_integer("18446744073709551616", &n), ERR_TOO_LARGE);
    ck_assert_int_eq(units_parse_bytes("1GiB", &n), OK);
    ck_assert_uint_eq(n, UINT64_C(1) << 30);
}
END_TEST

START_TEST(settings_have_defaults_and_refuse_mistakes)
{
    static const char good[] = "idc: beijing\nbrokers: [\"a:9092\", \"[::1]:9093\"]\n";
    static const char bad[] =
        "idc: beijing\nbroker: [a]\njournal_map_size: 1MiB\nlog_level: loud\n";
    struct spillwayd_settings d;
    struct probe_settings p;
    struct config_errors errs = {0};
    ck_assert_int_eq(config_spillwayd_parse(good, sizeof good - 1, &d, &errs), OK);
    ck_assert_str_eq(d.idc, "beijing");
    ck_assert_str_eq(d.brokers, "a:9092,[::1]:9093");
    ck_assert_str_eq(d.journal, "/var/lib/spillway/journal");
    ck_assert_uint_eq(d.journal_map_bytes, UINT64_C(1) << 30);
    ck_assert_str_eq(d.feature_file, "");
    ck_assert(!d.development_broker);
    ck_assert_int_eq(d.log_level, LOG_INFO);
    ck_assert_int_eq(config_probe_parse(good, sizeof good - 1, &p, &errs), OK);
    ck_assert_str_eq(p.state_dir, "/var/lib/spillway-probe");
    ck_assert_uint_eq(errs.error_count, 0);
    ck_assert_int_eq(config_spillwayd_parse(bad, sizeof bad - 1, &d, &errs), ERR_INVALID);
    char *found = findings(&errs);
    ck_assert_str_eq(found,
                     "= 1:1: found no \"brokers\" in the settings of spillwayd, expected a list\n"
                     "= 2:1: found unknown key \"broker\" in the settings of spillwayd, expected a "
                     "known one; did you mean \"brokers\"?\n"
                     "= 3:19: found \"1MiB\", expected 64MiB to 1TiB\n"
                     "= 4:12: found \"loud\", expected error, warning, info or debug\n");
    free(found);
    config_errors_done(&errs);
}
END_TEST

/* The middle part of the man page is what the tables say. */
START_TEST(the_man_page_has_the_reference)
{
    char *page = slurp(MAN "/spillway-fleet.5.md"), *out = NULL;
    size_t size = 0;
    FILE *file = open_memstream(&out, &size);
    config_fleet_print_reference(file);
    fclose(file);
    ck_assert_msg(strstr(page, out) != NULL,
                  "spillway-fleet.5.md lacks the output of `spillway fleet "
                  "keys`");
    free(page);
    free(out);
    page = slurp(MAN "/spillwayd.yaml.5.md");
    file = open_memstream(&out, &size);
    config_settings_print_reference(file);
    fclose(file);
    char *probe = strstr(out, "### spillway-probe");
    ck_assert_ptr_nonnull(probe);
    *probe = '\0';
    ck_assert_msg(strstr(page, out) != NULL, "spillwayd.yaml.5.md lacks:\n%s", out);
    free(page);
    free(out);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("config");
    TCase *cases = tcase_create("config");
    tcase_set_timeout(cases, 100);
    tcase_add_test(cases, each_mistake_is_found_at_its_place);
    tcase_add_loop_test(cases, show_parses_back_to_the_same_fleet, 0, 4);
    tcase_add_loop_test(cases, hostile_text_is_refused_in_words, 0, 8);
    tcase_add_test(cases, deep_nesting_is_refused);
    tcase_add_test(cases, a_file_too_large_is_refused);
    tcase_add_test(cases, errors_are_bounded);
    tcase_add_test(cases, no_single_byte_crashes_it);
    tcase_add_test(cases, units_are_exact);
    tcase_add_test(cases, settings_have_defaults_and_refuse_mistakes);
    tcase_add_test(cases, the_man_page_has_the_reference);
    suite_add_tcase(suite, cases);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    const int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
