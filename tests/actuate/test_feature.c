/* test_feature.c: the feature file: what is written, fences, holds, damage, full disks, concurrent
 * writers. */
#include "fixture.h"

#include "actuate/feature.h"
#include "actuate/feature_file.h"
#include "base/rng.h"

#include <check.h>
#include <fcntl.h>
#include <jansson.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static struct world world;
static char directory[64], path[96], lock_path[128];

static void set_up(void)
{
    world_init(&world);
    snprintf(directory, sizeof(directory), "/tmp/spillway-test-feature-XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(directory));
    snprintf(path, sizeof(path), "%s/features.json", directory);
    snprintf(lock_path, sizeof(lock_path), "%s.lock", path);
}

static void tear_down(void)
{
    char command[96];
    snprintf(command, sizeof(command), "rm -rf %s", directory);
    ck_assert_int_eq(system(command), 0);
    world_done(&world);
}

static int apply(const struct plan *plan, struct actuate_result *ret_result)
{
    return feature_apply(path, &world.fleet, plan, 1, ret_result);
}

/* The plan with web limited to the tier in shanghai's region. */
static struct plan limited(uint64_t generation, uint8_t tier)
{
    struct plan p = world_plan(&world, generation, (unsigned)generation);
    *plan_tier_limit(&p, world.fleet.idcs[1].region, 0) = tier;
    return p;
}

static size_t read_text(char *text, size_t size)
{
    FILE *f = fopen(path, "r");
    ck_assert_ptr_nonnull(f);
    size_t n = fread(text, 1, size - 1, f);
    fclose(f);
    text[n] = '\0';
    return n;
}

static void write_text(const char *text, size_t len)
{
    FILE *f = fopen(path, "w");
    ck_assert_ptr_nonnull(f);
    fwrite(text, 1, len, f);
    fclose(f);
}

START_TEST(writes_what_flagd_reads)
{
    struct actuate_result result;
    struct plan plan = limited(1, 1);
    ck_assert_int_eq(apply(&plan, &result), OK);
    json_t *root = json_load_file(path, 0, NULL);
    ck_assert_ptr_nonnull(root);
    ck_assert_str_eq(json_string_value(json_object_get(root, "$schema")),
                     "https://flagd.dev/schema/v0/flags.json");
    json_t *flags = json_object_get(root, "flags");
    ck_assert_uint_eq(json_object_size(flags), 6);
    static const char *const expected[][2] = {{"web.login", "on"},     {"web.feed", "on"},
                                              {"web.comments", "off"}, {"web.recommend", "off"},
                                              {"ledger.post", "on"},   {"ledger.statement", "on"}};
    for (size_t i = 0; i < 6; i++) {
        json_t *flag = json_object_get(flags, expected[i][0]);
        ck_assert_str_eq(json_string_value(json_object_get(flag, "state")), "ENABLED");
        ck_assert_str_eq(json_string_value(json_object_get(flag, "defaultVariant")),
                         expected[i][1]);
        ck_assert(json_is_true(json_object_get(json_object_get(flag, "variants"), "on")));
    }
    /* Metadata holds strings, numbers and booleans only: that is flagd's schema. */
    const char *key;
    json_t *value;
    json_object_foreach(json_object_get(root, "metadata"), key, value)
    {
        ck_assert(json_is_string(value));
    }
    json_decref(root);
    struct stat st;
    ck_assert_int_eq(stat(path, &st), 0);
    ck_assert_uint_eq(st.st_mode & 0777, 0644);
}
END_TEST

static int hold_file(bool place, uint32_t id, struct fence_state *ret_found)
{
    struct hold_order order = {place, {id, "alice@ops1", "the cache is cold"}};
    return feature_hold(path, &order, ret_found);
}

START_TEST(a_person_holds_and_releases)
{
    struct actuate_result result;
    struct fence_state found = {0};
    struct plan one = limited(1, 9), two = limited(2, 1);
    char before[8192], after[8192];
    ck_assert_int_eq(hold_file(true, 5, &found), ERR_NOT_FOUND);
    ck_assert_int_eq(apply(&one, &result), OK);
    read_text(before, sizeof before);
    ck_assert_int_eq(hold_file(true, 5, &found), OK);
    ck_assert_uint_eq(found.hold.id, 5);
    ck_assert_int_eq(apply(&two, &result), ERR_HELD);
    ck_assert_str_eq(result.hold.why, "the cache is cold");
    ck_assert_int_eq(apply(&one, &result), ERR_HELD);
    ck_assert_int_eq(hold_file(true, 6, &found), ERR_HELD);
    ck_assert_int_eq(hold_file(false, 6, &found), ERR_NOT_FOUND);
    ck_assert_uint_eq(found.hold.id, 5);
    ck_assert_int_eq(hold_file(false, 5, &found), OK);
    ck_assert_uint_eq(found.hold.id, 0);
    read_text(after, sizeof after);
    ck_assert_str_eq(before, after); /* nothing but the hold had changed */
    ck_assert_int_eq(hold_file(false, 5, &found), ERR_NOT_FOUND);
    ck_assert_int_eq(apply(&two, &result), OK);
    int lock = open(lock_path, O_RDWR);
    ck_assert_int_eq(flock(lock, LOCK_EX), 0);
    ck_assert_int_eq(hold_file(true, 5, &found), ERR_BUSY);
    close(lock);
    struct hold_order unfit = {true, {5, "two words", "x"}};
    ck_assert_int_lt(feature_hold(path, &unfit, &found), 0);
    ck_assert_int_eq(apply(&two, &result), OK);
}
END_TEST

START_TEST(obeys_fences_and_holds)
{
    struct actuate_result result;
    struct plan one = limited(1, 9), two = limited(2, 1), split = limited(2, 3);
    struct stat before, after;
    ck_assert_int_eq(apply(&two, &result), OK);
    ck_assert_int_eq(stat(path, &before), 0);
    ck_assert_int_eq(apply(&two, &result), OK); /* equal: not written again */
    ck_assert_int_eq(stat(path, &after), 0);
    ck_assert_uint_eq(before.st_ino, after.st_ino);
    ck_assert_int_eq(apply(&one, &result), ERR_STALE);
    ck_assert_uint_eq(result.found.generation, 2);
    split.fence.digest.bytes[0] ^= 1;
    ck_assert_int_eq(apply(&split, &result), ERR_FOREIGN);
    struct feature_file file;
    ck_assert_int_eq(feature_read(path, &file), OK);
    file.hold = (struct fence_hold){.id = 9, .who = "carol", .why = "testing by hand"};
    char *text = NULL;
    size_t len = 0;
    ck_assert_int_eq(feature_file_print(&file, "shanghai", &text, &len), OK);
    write_text(text, len);
    free(text);
    struct plan three = limited(3, 9);
    ck_assert_int_eq(apply(&three, &result), ERR_HELD);
    ck_assert_str_eq(result.hold.who, "carol");
    file.hold.id = 0;
    file.flags[2].on = !file.flags[2].on; /* somebody edited a value under the same fence */
    ck_assert_int_eq(feature_file_print(&file, "shanghai", &text, &len), OK);
    write_text(text, len);
    free(text);
    feature_file_done(&file);
    ck_assert_int_eq(apply(&two, &result), OK);
    ck_assert_int_eq(feature_read(path, &file), OK);
    ck_assert(!file.flags[2].on);
    feature_file_done(&file);
    ck_assert_int_eq(apply(&three, &result), OK);
}
END_TEST

START_TEST(never_turns_core_off)
{
    struct actuate_result result;
    for (unsigned tier = 0; tier <= 255; tier++) {
        struct plan plan = limited(tier + 1, (uint8_t)tier);
        struct feature_file file;
        ck_assert_int_eq(apply(&plan, &result), OK);
        ck_assert_int_eq(feature_read(path, &file), OK);
        for (uint32_t i = 0; i < file.flag_count; i++)
            ck_assert(file.flags[i].tier > 0 || file.flags[i].on);
        feature_file_done(&file);
    }
}
END_TEST

START_TEST(leaves_damaged_files_alone)
{
    struct actuate_result result;
    struct plan plan = limited(1, 9);
    static const char *const damaged[] = {
        "",
        "{}",
        "[]",
        "hello",
        "{\"flags\":{}}",
        "{\"$schema\":\"https://flagd.dev/schema/v0/flags.json\",\"metadata\":{},\"flags\":{}}"};
    char found[256];
    for (size_t i = 0; i < sizeof(damaged) / sizeof(damaged[0]); i++) {
        write_text(damaged[i], strlen(damaged[i]));
        ck_assert_int_eq(apply(&plan, &result), ERR_CORRUPT);
        read_text(found, sizeof(found));
        ck_assert_str_eq(found, damaged[i]);
        ck_assert_ptr_nonnull(strstr(result.detail, "present file"));
    }
    unlink(path);
    ck_assert_int_eq(apply(&plan, &result), OK);
    static char text[65536], mutated[65536];
    size_t len = read_text(text, sizeof(text));
    struct rng rng = rng_init(7);
    for (unsigned i = 0; i < 5000; i++) {
        struct feature_file file;
        size_t n = rng_chance(&rng, 300000) ? (size_t)rng_below(&rng, len) : len;
        memcpy(mutated, text, len);
        for (uint64_t k = rng_below(&rng, 4); k > 0; k--)
            mutated[rng_below(&rng, len)] = (char)rng_next(&rng);
        if (feature_file_parse(mutated, n, &file) ==
            OK) /* whatever is taken prints and parses again */
        {
            char *again = NULL;
            size_t again_len = 0;
            struct feature_file second;
            ck_assert_int_eq(feature_file_print(&file, "x", &again, &again_len), OK);
            ck_assert_int_eq(feature_file_parse(again, again_len, &second), OK);
            ck_assert(feature_file_equal(&file, &second));
            feature_file_done(&second);
            feature_file_done(&file);
            free(again);
        }
    }
}
END_TEST

START_TEST(keeps_the_old_file_when_the_disk_is_full)
{
    struct actuate_result result;
    struct plan one = limited(1, 9), two = limited(2, 1);
    struct rlimit old, tiny = {200, 200};
    static char before[65536], after[65536];
    ck_assert_int_eq(apply(&one, &result), OK);
    read_text(before, sizeof(before));
    signal(SIGXFSZ, SIG_IGN);
    ck_assert_int_eq(getrlimit(RLIMIT_FSIZE, &old), 0);
    tiny.rlim_max = old.rlim_max;
    ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &tiny), 0);
    int status = apply(&two, &result);
    ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &old), 0);
    ck_assert_int_eq(status, ERR_DISK_FULL);
    read_text(after, sizeof(after));
    ck_assert_str_eq(before, after);
    char left_over[128];
    snprintf(left_over, sizeof(left_over), "%s.new", path);
    ck_assert_int_ne(access(left_over, F_OK), 0);
    ck_assert_int_eq(apply(&two, &result), OK);
}
END_TEST

START_TEST(many_writers_end_with_the_newest)
{
    enum { WRITERS = 4, TURNS = 60 };
    pid_t writers[WRITERS];
    for (unsigned w = 0; w < WRITERS; w++) {
        writers[w] = fork();
        ck_assert_int_ge(writers[w], 0);
        if (writers[w] != 0)
            continue;
        for (uint64_t g = 1 + w; g <= TURNS * WRITERS; g += WRITERS) {
            struct actuate_result result;
            struct plan plan = limited(g, (uint8_t)(g % 4));
            while (apply(&plan, &result) == ERR_BUSY)
                usleep(100);
            struct feature_file
                file; /* a reader finds a whole file at any moment, never an older one */
            if (feature_read(path, &file) != OK || file.fence.generation < g)
                _exit(1);
            feature_file_done(&file);
            if (result.status != OK && result.status != ERR_STALE)
                _exit(1);
        }
        _exit(0);
    }
    for (unsigned w = 0; w < WRITERS; w++) {
        int status = 0;
        ck_assert_int_eq(waitpid(writers[w], &status, 0), writers[w]);
        ck_assert(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    }
    struct feature_file file;
    ck_assert_int_eq(feature_read(path, &file), OK);
    ck_assert_uint_eq(file.fence.generation, TURNS * WRITERS);
    feature_file_done(&file);
    int fd = open(lock_path, O_RDWR);
    ck_assert_int_eq(flock(fd, LOCK_EX), 0);
    struct actuate_result result;
    struct plan plan = limited(1000, 9);
    ck_assert_int_eq(apply(&plan, &result), ERR_BUSY);
    close(fd);
}
END_TEST

START_TEST(fence_text_is_strict)
{
    struct fence f = test_fence(UINT64_MAX, UINT64_MAX, 200), back;
    struct fence_hold hold = {4, "alice@example", "why not: 7 reasons"}, hold_back;
    char text[FENCE_TEXT_SIZE], hold_text[HOLD_TEXT_SIZE], mutated[FENCE_TEXT_SIZE];
    size_t len = fence_text_format(&f, text);
    ck_assert_int_eq(fence_text_parse(text, len, &back), OK);
    ck_assert(memcmp(&f, &back, sizeof(f)) == 0);
    static const char *const bad[] = {
        "",
        "v=1",
        "v=0 era=1",
        "v=01 era=1 log=",
        " v=1 era=1",
        "v=1 era=18446744073709551616 log=00000000000000000000000000000000 gen=1 digest="
        "0000000000000000000000000000000000000000000000000000000000000000",
        "v=1 era=+1 log=00000000000000000000000000000000 gen=1 digest="
        "0000000000000000000000000000000000000000000000000000000000000000",
        "v=1 era=1 log=0000000000000000000000000000000A gen=1 digest="
        "0000000000000000000000000000000000000000000000000000000000000000"};
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        ck_assert_int_eq(fence_text_parse(bad[i], strlen(bad[i]), &back), ERR_INVALID);
    ck_assert_int_eq(fence_text_parse("v=2 anything", 12, &back), ERR_VERSION);
    struct rng rng = rng_init(3);
    for (unsigned i = 0; i < 200000; i++) {
        size_t n = rng_chance(&rng, 200000) ? (size_t)rng_below(&rng, len + 1) : len;
        memcpy(mutated, text, sizeof mutated);
        mutated[rng_below(&rng, len)] = (char)rng_next(&rng);
        if (fence_text_parse(mutated, n, &back) != OK)
            continue;
        char again[FENCE_TEXT_SIZE]; /* one text for one fence */
        ck_assert_uint_eq(fence_text_format(&back, again), n);
        ck_assert(memcmp(again, mutated, n) == 0);
    }
    int n = hold_text_format(&hold, hold_text);
    ck_assert_int_gt(n, 0);
    ck_assert_int_eq(hold_text_parse(hold_text, (size_t)n, &hold_back), OK);
    ck_assert_str_eq(hold_back.why, hold.why);
    snprintf(hold.why, sizeof(hold.why), "a \"quoted\" word");
    ck_assert_int_eq(hold_text_format(&hold, hold_text), ERR_INVALID);
    ck_assert_int_eq(hold_text_parse("hold=0 who=a why=b", 18, &hold_back), ERR_INVALID);
}
END_TEST

static Suite *suite(void)
{
    Suite *s = suite_create("feature");
    TCase *t = tcase_create("file");
    tcase_set_timeout(t, 60);
    tcase_add_checked_fixture(t, set_up, tear_down);
    tcase_add_test(t, writes_what_flagd_reads);
    tcase_add_test(t, a_person_holds_and_releases);
    tcase_add_test(t, obeys_fences_and_holds);
    tcase_add_test(t, never_turns_core_off);
    tcase_add_test(t, leaves_damaged_files_alone);
    tcase_add_test(t, keeps_the_old_file_when_the_disk_is_full);
    tcase_add_test(t, many_writers_end_with_the_newest);
    tcase_add_test(t, fence_text_is_strict);
    suite_add_tcase(s, t);
    return s;
}

int main(void)
{
    SRunner *runner = srunner_create(suite());
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
