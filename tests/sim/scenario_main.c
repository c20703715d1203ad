/* scenario_main.c: the command line that runs scenarios, one line of TAP each. */
#include "scenario.h"

#include <dirent.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

static const char *const USAGE =
    "usage: scenario [--trace] [--must-fail] [--bugs] FILE|DIRECTORY\n"
    "       scenario --phrases\n"
    "Runs a scenario, or all of a directory (tests/sim/scenarios/README.md), in the simulator and\n"
    "prints TAP.\n"
    "  --trace      print everything that happens\n"
    "  --must-fail  ok when it does not come out as it says: for scenarios that are wrong\n"
    "  --bugs       only in scenario-bugs: each case that names a deliberate bug (finds: ...) "
    "must\n"
    "               fail with it, and pass without\n"
    "  --phrases    print what can be said\n";

struct options {
    bool trace, must_fail, bugs;
};

#ifdef SPILLWAY_BUGS
enum bug bug_chosen;

#define BUG_NAME(name, what) #name,
static const char *const BUG_NAMES[] = {"none", BUG_LIST(BUG_NAME)};

static bool choose(const char *name)
{
    for (unsigned i = 0; i < BUG_COUNT; i++) {
        if (strcasecmp(name, BUG_NAMES[i]) == 0) {
            bug_chosen = (enum bug)i;
            return true;
        }
    }
    return false;
}
#else
static bool choose(const char *name)
{
    (void)name;
    return false;
}
#endif

static void print_phrases(void)
{
    static const struct {
        const char *title;
        const struct phrase *table;
    } tables[] = {{"with:", SETUP_PHRASES},
                  {"with: (of the fleet)", BEGIN_PHRASES},
                  {"at TIME: or when CONDITION: (faults and repairs)", FAULT_PHRASES},
                  {"at TIME: or when CONDITION: (a person's word)", WORD_PHRASES},
                  {"at TIME: or when CONDITION: (a new fleet)", FLEET_PHRASES},
                  {"within TIME:, from TIME to TIME:, never:, always:, at last: (conditions)",
                   CONDITION_PHRASES}};
    for (size_t i = 0; i < sizeof tables / sizeof tables[0]; i++) {
        printf("%s\n", tables[i].title);
        for (const struct phrase *p = tables[i].table; p->pattern != NULL; p++) {
            printf("    %s\n", p->pattern);
        }
    }
}

/* Twice, and both must be the same to the last byte (law 10). */
static int run_twice(struct scenario *c, bool trace, char *ret_why, size_t size)
{
    struct digest first, second;
    int failed = scenario_run(c, trace, &first, ret_why, size);
    if (failed == 0) {
        failed = scenario_run(c, false, &second, ret_why, size);
        if (failed == 0 && digest_compare(&first, &second) != 0) {
            (void)snprintf(ret_why, size, "law 10: two runs differ");
            failed = 1;
        }
    }
    return failed;
}

/* With the bug that the case names. */
static bool run_with_bug(struct scenario *c, bool trace, char *ret_why, size_t size)
{
    struct digest digest;
    if (!choose(c->bug)) {
        (void)snprintf(ret_why, size, "bug %s is not compiled in here", c->bug);
        return false;
    }
    int failed = scenario_run(c, trace, &digest, ret_why, size);
    (void)choose("none");
    char without[512];
    return failed != 0 && scenario_run(c, false, &digest, without, sizeof without) == 0;
}

/* True when it is ok. */
static bool run_one(struct scenario *c, const struct options *o, char *ret_why, size_t size)
{
    if (o->bugs) {
        return run_with_bug(c, o->trace, ret_why, size);
    }
    int failed = run_twice(c, o->trace, ret_why, size);
    return o->must_fail ? failed != 0 : failed == 0;
}

struct total {
    int cases, wrong;
};

static void run_file(const char *path, const struct options *o, struct total *t)
{
    static struct scenario c;
    char why[512] = "";
    bool readable = scenario_read(path, FLEETS, &c) == 0;
    if (readable && o->bugs && c.bug[0] == '\0') {
        scenario_done(&c);
        return;
    }
    bool ok = readable && run_one(&c, o, why, sizeof why);
    t->wrong += ok ? 0 : 1;
    printf("%s %d - %s%s%s\n", ok ? "ok" : "not ok", ++t->cases, readable ? c.name : path,
           o->bugs ? " finds " : "", o->bugs ? c.bug : "");
    if (why[0] != '\0') {
        printf("# %s\n", why);
    }
    (void)fflush(stdout);
    scenario_done(&c);
}

static int is_scenario(const struct dirent *e)
{
    const char *dot = strrchr(e->d_name, '.');
    return dot != NULL && strcmp(dot, ".scenario") == 0 ? 1 : 0;
}

static int run_all(const char *path, const struct options *o)
{
    struct total t = {0};
    struct dirent **files = NULL;
    int count = scandir(path, &files, is_scenario, alphasort);
    if (count < 0) {
        run_file(path, o, &t);
    }
    for (int i = 0; i < count; i++) {
        char at[1024];
        (void)snprintf(at, sizeof at, "%s/%s", path, files[i]->d_name);
        run_file(at, o, &t);
        free(files[i]);
    }
    free(files);
    printf("1..%d\n", t.cases);
    if (!o->must_fail && !o->bugs && t.wrong == 0) {
        printf("# corpus: %d cases, all expected verdicts, no forbidden action\n", t.cases);
    } else if (t.wrong > 0) {
        printf("# %d of %d came out otherwise\n", t.wrong, t.cases);
    }
    return t.wrong == 0 && t.cases > 0 ? 0 : 1;
}

int main(int argc, char **argv)
{
    static const struct option longs[] = {
        {"trace", no_argument, NULL, 'v'}, {"must-fail", no_argument, NULL, 'f'},
        {"bugs", no_argument, NULL, 'b'},  {"phrases", no_argument, NULL, 'p'},
        {"help", no_argument, NULL, 'h'},  {NULL, 0, NULL, 0}};
    struct options o = {0};
    for (int c; (c = getopt_long(argc, argv, "", longs, NULL)) != -1;) {
        switch (c) {
        case 'v': o.trace = true; break;
        case 'f': o.must_fail = true; break;
        case 'b': o.bugs = true; break;
        case 'p': print_phrases(); return 0;
        case 'h': (void)fputs(USAGE, stdout); return 0;
        default: (void)fputs(USAGE, stderr); return 2;
        }
    }
    if (optind + 1 != argc) {
        (void)fputs(USAGE, stderr);
        return 2;
    }
    return run_all(argv[optind], &o);
}
