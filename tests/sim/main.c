/* main.c: the simulator's command line. */
#include "sim.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>

static const char *const USAGE =
    "usage: sim [--seed N] [--seeds M] [--seconds S] [--least L] [--file SEEDS] [--trace]\n"
    "           [--bug NAME | --bugs]\n"
    "Runs the production core under a virtual world, a seed at a time, and stops at the first "
    "failure.\n"
    "  --seed N      the first seed (1)\n"
    "  --seeds M     how many (100)\n"
    "  --seconds S   stop after S seconds of real time, but not before ...\n"
    "  --least L     ... so many seeds (1)\n"
    "  --file SEEDS  first the seeds in this file, each twice, one a line, # begins a comment\n"
    "  --trace       print everything that happens\n"
    "Only in sim-bugs, with a deliberate bug compiled in (state/base/bug.h):\n"
    "  --bug NAME    break this rule\n"
    "  --bugs        break one rule after the other; ok (TAP) when a seed finds it\n";

struct options {
    uint64_t seed, seeds, least;
    double seconds;
    const char *file;
    bool trace, bugs;
};

#define MOST_KEPT 64

/* The seeds of the file. */
struct kept {
    uint32_t count;
    uint64_t at[MOST_KEPT];
};

static double seconds_now(void)
{
    struct timespec t;
    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* Of all seeds that were run. */
struct total {
    uint64_t seeds, violations, false_drains;
    uint64_t records, decisions, plans, most_plans, most_plans_seed;
    double simulated_s, longest_s; /* longest: from healing to convergence */
    uint64_t longest_seed;
    uint32_t most_healed_plans, most_effects;
};

/* Once more, and both must be the same to the last byte (law 10). */
static int run_again(const struct fleet *f, uint64_t seed, struct sim_result *r)
{
    struct sim_result again;
    (void)sim_run(f, seed, false, &again);
    if (digest_compare(&again.digest, &r->digest) == 0) {
        return 0;
    }
    (void)snprintf(r->failure, sizeof r->failure, "law 10: seed %llu gives two different runs",
                   (unsigned long long)seed);
    return 1;
}

static int run_one(const struct fleet *f, uint64_t seed, bool trace, bool twice,
                   struct sim_result *ret_r)
{
    int failed = sim_run(f, seed, trace, ret_r);
    return failed == 0 && twice ? run_again(f, seed, ret_r) : failed;
}

static void add(struct total *t, uint64_t seed, const struct sim_result *r)
{
    t->seeds++;
    t->records += r->records;
    t->decisions += r->decisions;
    t->plans += r->generations;
    t->violations += r->failure[0] != '\0' ? 1 : 0;
    t->false_drains += r->false_drains;
    t->simulated_s += (double)r->simulated_us / 1e6;
    t->most_healed_plans =
        r->healed_plans > t->most_healed_plans ? r->healed_plans : t->most_healed_plans;
    t->most_effects = r->most_effects > t->most_effects ? r->most_effects : t->most_effects;
    if (r->generations > t->most_plans) {
        t->most_plans = r->generations;
        t->most_plans_seed = seed;
    }
    if ((double)r->converged_us / 1e6 > t->longest_s) {
        t->longest_s = (double)r->converged_us / 1e6;
        t->longest_seed = seed;
    }
}

static int read_kept(const char *file, struct kept *ret_kept)
{
    char line[128];
    FILE *in = file == NULL ? NULL : fopen(file, "r");
    if (file != NULL && in == NULL) {
        perror(file);
        return 1;
    }
    while (in != NULL && fgets(line, sizeof line, in) != NULL && ret_kept->count < MOST_KEPT) {
        char *end;
        uint64_t seed = strtoull(line, &end, 10);
        if (end != line) {
            ret_kept->at[ret_kept->count++] = seed;
        }
    }
    if (in != NULL) {
        (void)fclose(in);
    }
    return 0;
}

/* The i-th seed of a run: the kept ones first. */
static uint64_t seed_at(const struct kept *kept, const struct options *o, uint64_t i)
{
    return i < kept->count ? kept->at[i] : o->seed + i - kept->count;
}

static void print_total(const struct total *t, double took)
{
    printf("%llu seeds in %.1f s: %.0f seeds per minute, %.0f simulated seconds per second\n",
           (unsigned long long)t->seeds, took, (double)t->seeds * 60 / took, t->simulated_s / took);
    printf("%llu violations, %llu false drains", (unsigned long long)t->violations,
           (unsigned long long)t->false_drains);
    if (t->violations == 0 && t->seeds > 0) {
        /* The rule of three: none in N trials. */
        printf(": with 95 %% confidence fewer than 3/N = %.5f of all seeds",
               3.0 / (double)t->seeds);
    }
    printf("\n%llu records, %llu decisions, %llu plans, at most %llu (seed %llu)\n",
           (unsigned long long)t->records, (unsigned long long)t->decisions,
           (unsigned long long)t->plans, (unsigned long long)t->most_plans,
           (unsigned long long)t->most_plans_seed);
    printf(
        "converged at most %.1f s after everything healed (seed %llu), with at most %u plans; at "
        "most %u effects of a node in a second\n",
        t->longest_s, (unsigned long long)t->longest_seed, t->most_healed_plans, t->most_effects);
}

static int run_all(const struct fleet *f, const struct kept *kept, const struct options *o)
{
    double began = seconds_now();
    struct total t = {0};
    int failed = 0;
    for (uint64_t i = 0; i < kept->count + o->seeds && failed == 0; i++) {
        if (o->seconds > 0 && t.seeds >= o->least && seconds_now() - began > o->seconds) {
            break;
        }
        struct sim_result r;
        uint64_t seed = seed_at(kept, o, i);
        failed = run_one(f, seed, o->trace, !o->trace && i <= kept->count, &r);
        add(&t, seed, &r);
        if (failed != 0) {
            printf("FAILED: %s\n", r.failure);
        }
    }
    print_total(&t, seconds_now() - began);
    if (failed == 0 && t.seeds < o->least) {
        printf("FAILED: only %llu of at least %llu seeds were run\n", (unsigned long long)t.seeds,
               (unsigned long long)o->least);
        failed = 1;
    }
    return failed;
}

#ifdef SPILLWAY_BUGS
enum bug bug_chosen;

#define BUG_NAME(name, what) #name,
#define BUG_WHAT(name, what) what,
static const char *const BUG_NAMES[] = {"none", BUG_LIST(BUG_NAME)};
static const char *const BUG_WHATS[] = {"", BUG_LIST(BUG_WHAT)};

static bool choose(const char *name)
{
    for (unsigned i = 0; i < BUG_COUNT; i++) {
        if (strcasecmp(name, BUG_NAMES[i]) == 0) {
            bug_chosen = (enum bug)i;
            return true;
        }
    }
    (void)fprintf(stderr, "sim: there is no bug %s\n", name);
    return false;
}

/* Some seed fails with the bug, and passes without it. */
static bool find(const struct fleet *f, const struct kept *kept, const struct options *o,
                 enum bug bug)
{
    for (uint64_t i = 0; i < o->seeds; i++) {
        struct sim_result r, without;
        uint64_t seed = seed_at(kept, o, i);
        bug_chosen = bug;
        int failed = run_one(f, seed, o->trace, i == 0, &r);
        bug_chosen = BUG_NONE;
        if (failed != 0 && sim_run(f, seed, false, &without) == 0) {
            printf("ok %u - %s, %s: found with seed %llu, the %llu. one\n# %s\n", (unsigned)bug,
                   BUG_NAMES[bug], BUG_WHATS[bug], (unsigned long long)seed,
                   (unsigned long long)i + 1, r.failure);
            return true;
        }
        if (failed != 0) {
            printf("# also without the bug: %s\n", without.failure);
            break;
        }
    }
    printf("not ok %u - %s, %s: not found\n", (unsigned)bug, BUG_NAMES[bug], BUG_WHATS[bug]);
    return false;
}

static int find_all(const struct fleet *f, const struct kept *kept, const struct options *o)
{
    int failed = 0;
    printf("1..%u\n", (unsigned)BUG_COUNT - 1);
    for (unsigned bug = BUG_NONE + 1; bug < BUG_COUNT; bug++) {
        failed |= find(f, kept, o, (enum bug)bug) ? 0 : 1;
        (void)fflush(stdout);
    }
    return failed;
}
#else
static bool choose(const char *name)
{
    (void)fprintf(stderr, "sim: bug %s is not compiled in here, but in sim-bugs\n", name);
    return false;
}

static int find_all(const struct fleet *f, const struct kept *kept, const struct options *o)
{
    (void)f, (void)kept, (void)o;
    return choose("any") ? 0 : 2;
}
#endif

int main(int argc, char **argv)
{
    static const struct option longs[] = {
        {"seed", required_argument, NULL, 's'},    {"seeds", required_argument, NULL, 'n'},
        {"seconds", required_argument, NULL, 't'}, {"file", required_argument, NULL, 'f'},
        {"least", required_argument, NULL, 'l'},   {"trace", no_argument, NULL, 'v'},
        {"bug", required_argument, NULL, 'b'},     {"bugs", no_argument, NULL, 'B'},
        {"help", no_argument, NULL, 'h'},          {NULL, 0, NULL, 0}};
    struct options o = {.seed = 1, .seeds = 100, .least = 1};
    struct kept kept = {0};
    for (int c; (c = getopt_long(argc, argv, "", longs, NULL)) != -1;) {
        switch (c) {
        case 's': o.seed = strtoull(optarg, NULL, 10); break;
        case 'n': o.seeds = strtoull(optarg, NULL, 10); break;
        case 't': o.seconds = strtod(optarg, NULL); break;
        case 'f': o.file = optarg; break;
        case 'l': o.least = strtoull(optarg, NULL, 10); break;
        case 'B': o.bugs = true; break;
        case 'b':
            if (!choose(optarg)) {
                return 2;
            }
            break;
        case 'v': o.trace = true; break;
        case 'h': (void)fputs(USAGE, stdout); return 0;
        default: (void)fputs(USAGE, stderr); return 2;
        }
    }
    static const struct fleet *f; /* never freed, and no leak */
    f = sim_load_fleet(FLEET_FILE);
    if (f == NULL || read_kept(o.file, &kept) != 0) {
        return 1;
    }
    return o.bugs ? find_all(f, &kept, &o) : run_all(f, &kept, &o);
}
