/* main.c: the simulator's command line. */
#include "sim.h"

#include "config/fleet_config.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static const char *const USAGE =
    "usage: sim [--seed N] [--seeds M] [--seconds S] [--file SEEDS] [--until-failure] [--trace]\n"
    "Runs the production core under a virtual world, a seed at a time, and stops at the first "
    "failure.\n"
    "  --seed N         the first seed (1)\n"
    "  --seeds M        how many (100)\n"
    "  --seconds S      stop after S seconds of real time\n"
    "  --file SEEDS     also the seeds in this file, one a line, # begins a comment\n"
    "  --until-failure  exit 0 when some seed fails, 1 when none does: for deliberate bugs\n"
    "  --trace          print everything that happens\n";

struct options {
    uint64_t seed, seeds;
    double seconds;
    const char *file;
    bool until_failure, trace;
};

static struct fleet *load_fleet(void)
{
    static struct fleet f;
    FILE *in = fopen(FLEET_FILE, "r");
    char *text = sim_alloc(CONFIG_FLEET_MAX_BYTES, 1);
    size_t len = in == NULL ? 0 : fread(text, 1, CONFIG_FLEET_MAX_BYTES, in);
    struct arena a;
    struct config_errors errs = {0};
    arena_init(&a, sim_alloc(1, CONFIG_FLEET_ARENA_SIZE), CONFIG_FLEET_ARENA_SIZE);
    int status = config_fleet_parse(text, len, &a, &f, &errs);
    config_errors_print(&errs, FLEET_FILE, stderr);
    config_errors_done(&errs);
    if (in != NULL) {
        (void)fclose(in);
    }
    free(text);
    return status == OK ? &f : NULL;
}

static double seconds_now(void)
{
    struct timespec t;
    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* Of all seeds that were run. */
struct total {
    uint64_t seeds, records, decisions, plans, most_plans, most_plans_seed;
    double simulated_s, longest_s; /* longest: from healing to convergence */
    uint64_t longest_seed;
};

/* Once more, and both must be the same to the last byte (law 10). */
static int run_again(const struct fleet *f, uint64_t seed, const struct sim_result *first)
{
    struct sim_result again;
    (void)sim_run(f, seed, false, &again);
    if (digest_compare(&again.digest, &first->digest) != 0) {
        printf("FAILED: seed %llu gives two different runs\n", (unsigned long long)seed);
        return 1;
    }
    return 0;
}

static int run_one(const struct fleet *f, uint64_t seed, const struct options *o, struct total *t)
{
    struct sim_result r;
    int failed = sim_run(f, seed, o->trace, &r);
    t->seeds++;
    t->records += r.records;
    t->decisions += r.decisions;
    t->plans += r.generations;
    t->simulated_s += (double)r.simulated_us / 1e6;
    if (r.generations > t->most_plans) {
        t->most_plans = r.generations;
        t->most_plans_seed = seed;
    }
    if ((double)r.converged_us / 1e6 > t->longest_s) {
        t->longest_s = (double)r.converged_us / 1e6;
        t->longest_seed = seed;
    }
    if (failed != 0) {
        printf("%s: %s\n", o->until_failure ? "found" : "FAILED", r.failure);
    } else if (t->seeds == 1 && !o->trace) {
        failed = run_again(f, seed, &r);
    }
    return failed;
}

static int run_file(const struct fleet *f, const struct options *o, struct total *t)
{
    char line[128];
    FILE *in = o->file == NULL ? NULL : fopen(o->file, "r");
    int failed = 0;
    if (o->file != NULL && in == NULL) {
        perror(o->file);
        return 1;
    }
    while (in != NULL && failed == 0 && fgets(line, sizeof line, in) != NULL) {
        char *end;
        uint64_t seed = strtoull(line, &end, 10);
        failed = end != line ? run_one(f, seed, o, t) : 0;
    }
    if (in != NULL) {
        (void)fclose(in);
    }
    return failed;
}

static int run_all(const struct fleet *f, const struct options *o)
{
    double began = seconds_now();
    struct total t = {0};
    int failed = run_file(f, o, &t);
    for (uint64_t i = 0; i < o->seeds && failed == 0; i++) {
        if (o->seconds > 0 && seconds_now() - began > o->seconds) {
            break;
        }
        failed = run_one(f, o->seed + i, o, &t);
    }
    double took = seconds_now() - began;
    printf("%llu seeds in %.1f s: %.0f seeds per minute, %.0f simulated seconds per second\n",
           (unsigned long long)t.seeds, took, (double)t.seeds * 60 / took, t.simulated_s / took);
    printf("%llu records, %llu decisions, %llu plans, at most %llu (seed %llu)\n",
           (unsigned long long)t.records, (unsigned long long)t.decisions,
           (unsigned long long)t.plans, (unsigned long long)t.most_plans,
           (unsigned long long)t.most_plans_seed);
    printf("converged at most %.1f s after everything healed (seed %llu)\n", t.longest_s,
           (unsigned long long)t.longest_seed);
    return o->until_failure ? !failed : failed;
}

int main(int argc, char **argv)
{
    static const struct option longs[] = {
        {"seed", required_argument, NULL, 's'},    {"seeds", required_argument, NULL, 'n'},
        {"seconds", required_argument, NULL, 't'}, {"file", required_argument, NULL, 'f'},
        {"until-failure", no_argument, NULL, 'u'}, {"trace", no_argument, NULL, 'v'},
        {"help", no_argument, NULL, 'h'},          {NULL, 0, NULL, 0}};
    struct options o = {.seed = 1, .seeds = 100};
    for (int c; (c = getopt_long(argc, argv, "", longs, NULL)) != -1;) {
        switch (c) {
        case 's': o.seed = strtoull(optarg, NULL, 10); break;
        case 'n': o.seeds = strtoull(optarg, NULL, 10); break;
        case 't': o.seconds = strtod(optarg, NULL); break;
        case 'f': o.file = optarg; break;
        case 'u': o.until_failure = true; break;
        case 'v': o.trace = true; break;
        case 'h': (void)fputs(USAGE, stdout); return 0;
        default: (void)fputs(USAGE, stderr); return 2;
        }
    }
    const struct fleet *f = load_fleet();
    return f == NULL ? 1 : run_all(f, &o);
}
