/* main.c: the `spillway` command: options, verbs, exit codes. */
#include "cli/cli.h"

#include <errno.h>
#include <getopt.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define DEFAULT_CONFIG "/etc/spillway/spillwayd.yaml"

enum option_bit {
    OPT_JSON = 1 << 0,
    OPT_HOST = 1 << 1, /* --config, --journal, --control */
    OPT_YES = 1 << 2,
    OPT_REASON = 1 << 3,
    OPT_BUS = 1 << 4, /* --brokers, --development */
    OPT_LIMIT = 1 << 5,
    OPT_DRILLS = 1 << 6,
    OPT_TARGET = 1 << 7, /* --on, --mode */
    OPT_ASK = 1 << 8,    /* --request-id, --dry-run */
    OPT_TTL = 1 << 9,
    OPT_FLEET = 1 << 10,
    OPT_LATER = 1 << 11, /* reads the settings only when it needs them */
    OPT_TO = 1 << 12,
    OPT_COMMAND = OPT_JSON | OPT_HOST | OPT_REASON | OPT_ASK,
};

struct verb {
    const char *name;
    unsigned options;
    int (*run)(struct cli *c);
    const char *usage;
    const char *summary;
};

static const struct verb verbs[] = {
    {"status", OPT_JSON | OPT_HOST, cli_status, "status",
     "what broke, what was done, why, is it safe, how to undo it"},
    {"history", OPT_JSON | OPT_HOST | OPT_LIMIT, cli_history, "history [--limit N]",
     "the newest decisions and commands, one line each"},
    {"explain", OPT_JSON | OPT_HOST, cli_explain, "explain [OFFSET | incident N]",
     "the story of a record (a number), an incident, or the newest decision"},
    {"approve", OPT_COMMAND, cli_command, "approve INCIDENT --reason TEXT",
     "your word that an incident's way back may be taken"},
    {"drain", OPT_COMMAND | OPT_TTL, cli_command, "drain SUBJECT --reason TEXT [--ttl TIME]",
     "move traffic away from an IDC, SERVICE@IDC, CARRIER@IDC or entrance, step by step"},
    {"undrain", OPT_COMMAND, cli_command, "undrain SUBJECT --reason TEXT",
     "end a drain: traffic comes home step by step"},
    {"demote", OPT_COMMAND | OPT_TTL, cli_command,
     "demote REGION SERVICE TIER --reason TEXT [--ttl TIME]",
     "switch off the service's features of that tier and above in a region"},
    {"promote", OPT_COMMAND, cli_command, "promote REGION SERVICE --reason TEXT",
     "end a demotion: the features come back one tier at a time"},
    {"pin", OPT_COMMAND | OPT_TTL, cli_command, "pin SUBJECT --reason TEXT [--ttl TIME]",
     "no traffic leaves or comes there by the machine, rescues included"},
    {"freeze", OPT_COMMAND | OPT_TTL, cli_command, "freeze --reason TEXT [--ttl TIME]",
     "the machine changes no plan"},
    {"undo", OPT_COMMAND | OPT_TTL, cli_command, "undo DECISION --reason TEXT [--ttl TIME]",
     "put back what a decision replaced, and keep it there"},
    {"release", OPT_COMMAND, cli_command, "release ORDER --reason TEXT",
     "end any of these orders (status numbers them)"},
    {"log", OPT_JSON | OPT_HOST | OPT_REASON | OPT_YES | OPT_ASK, cli_log,
     "log skip RECORD --reason TEXT [--yes]",
     "have halted replicas read on behind a record that breaks an invariant"},
    {"leader", OPT_COMMAND | OPT_TO, cli_leader, "leader transfer [--to IDC] --reason TEXT",
     "have the leader give its lead to another candidate; --dry-run says who could take it"},
    {"emergency", OPT_JSON | OPT_HOST | OPT_YES | OPT_REASON | OPT_FLEET, cli_emergency,
     "emergency list | hold SERVER|routes|features|all --reason TEXT\n"
     "        | set SERVER SERVICE VIEW ENTRANCE ... --reason TEXT | release ID --reason TEXT",
     "break-glass, when log, leader or daemon are dead: stop all writing there; give it back"},
    {"features", OPT_JSON | OPT_HOST, cli_features, "features",
     "which features are demoted where, and who owns them"},
    {"fleet", OPT_COMMAND | OPT_YES | OPT_LATER, cli_fleet,
     "fleet check FILE | show FILE|@RECORD | keys\n"
     "        | apply FILE|@RECORD --reason TEXT [--yes]",
     "check a fleet file, print it canonically, explain its keys; give the log a new fleet"},
    {"init", OPT_JSON | OPT_HOST | OPT_YES | OPT_BUS | OPT_REASON, cli_init,
     "init FLEET [--yes] [--brokers LIST] [--reason TEXT] [--development]",
     "create the log for a fleet, once"},
    {"reseed", OPT_JSON | OPT_HOST | OPT_YES | OPT_BUS | OPT_REASON, cli_reseed,
     "reseed --reason TEXT [--yes] [--brokers LIST] [--journal FILE] [--development]",
     "the log was lost: begin it anew from this host's journal"},
    {"drill", OPT_JSON | OPT_HOST | OPT_DRILLS | OPT_TARGET | OPT_REASON, cli_drill,
     "drill list | check DRILL [--on TARGET] | run DRILL --on TARGET --mode shadow|live --reason "
     "TEXT\n"
     "        | status | abort --reason TEXT | report [RUN] | show DRILL | keys",
     "disasters on purpose: what a drill would do, run it, end it, what came of it"},
    {"journal", OPT_JSON | OPT_HOST | OPT_LIMIT | OPT_YES, cli_journal,
     "journal verify | dump [--limit N] | backup FILE | restore FILE [--yes]",
     "check this host's journal, print it, copy it, put a copy back"},
};

enum { VERB_COUNT = sizeof verbs / sizeof verbs[0] };

static const struct option long_options[] = {
    {"json", no_argument, NULL, 'j'},
    {"config", required_argument, NULL, 'c'},
    {"journal", required_argument, NULL, 'J'},
    {"control", required_argument, NULL, 'C'},
    {"yes", no_argument, NULL, 'y'},
    {"reason", required_argument, NULL, 'r'},
    {"brokers", required_argument, NULL, 'b'},
    {"development", no_argument, NULL, 'd'},
    {"limit", required_argument, NULL, 'n'},
    {"drills", required_argument, NULL, 'D'},
    {"on", required_argument, NULL, 'o'},
    {"mode", required_argument, NULL, 'm'},
    {"ttl", required_argument, NULL, 't'},
    {"request-id", required_argument, NULL, 'i'},
    {"dry-run", no_argument, NULL, 'N'},
    {"fleet", required_argument, NULL, 'f'},
    {"to", required_argument, NULL, 'T'},
    {"help", no_argument, NULL, 'h'},
    {"version", no_argument, NULL, 'V'},
    {"check", no_argument, NULL, 'k'},
    {NULL, 0, NULL, 0},
};

static void print_help(FILE *out)
{
    fputs("usage: spillway VERB [ARGUMENTS] [OPTIONS]\n\n", out);
    for (int i = 0; i < VERB_COUNT; i++) {
        fprintf(out, "  %s\n        %s\n", verbs[i].usage, verbs[i].summary);
    }
    fputs(
        "\noptions:\n"
        "  --json            print JSON with stable fields (spillway(1))\n"
        "  --config FILE     settings of this host's spillwayd; " DEFAULT_CONFIG "\n"
        "  --journal FILE    read this journal instead of the one in the settings\n"
        "  --control SOCKET  ask the daemon at this socket instead\n"
        "  --drills DIR      look for runbooks there; " SPILLWAY_DRILLS "\n"
        "  --on TARGET       what a drill strikes: a link, conduit, carrier[@IDC], IDC or view\n"
        "  --mode MODE       shadow (nothing is injected) or live\n"
        "  --reason TEXT     why, for the log; every command needs one\n"
        "  --yes             what would be typed to confirm is confirmed\n"
        "  --fleet FILE      of an emergency: the fleet, when there is no journal here\n"
        "  --to IDC          who is to lead; any candidate that can without it\n"
        "  --ttl TIME        the order ends by itself after so long: 90s, 30min, 8h\n"
        "  --dry-run         say what a command would lead to, and write nothing\n"
        "  --request-id ID   32 hex digits: asking again with it does nothing twice\n"
        "  --check           validate the settings file and exit\n"
        "  --version, --help\n"
        "\nexit status: 0 well, 1 failure or refused, 2 wrong use, 3 a command may count or not:\n"
        "ask again with its request id\n",
        out);
}

static void __attribute__((format(printf, 3, 0)))
print_error(const struct cli *c, int status, const char *format, va_list args)
{
    char why[CLI_WHY_SIZE];
    vsnprintf(why, sizeof why, format, args);
    if (status != OK) {
        fprintf(c->err, "spillway: %s (%s; %s)\n", why, error_text(status), error_remedy(status));
    } else {
        fprintf(c->err, "spillway: %s\n", why);
    }
}

int cli_fail(const struct cli *c, int status, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    print_error(c, status, format, args);
    va_end(args);
    return CLI_FAILURE;
}

int cli_misuse(const struct cli *c, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    print_error(c, OK, format, args);
    va_end(args);
    fputs("try: spillway --help\n", c->err);
    return CLI_USAGE;
}

bool cli_arena(struct arena *a, size_t size)
{
    size = (size + 15) & ~(size_t)15;
    void *mem = aligned_alloc(16, size == 0 ? 16 : size);
    if (mem == NULL) {
        return false;
    }
    arena_init(a, mem, size);
    return true;
}

static const struct verb *find_verb(const char *name)
{
    for (int i = 0; i < VERB_COUNT; i++) {
        if (strcmp(verbs[i].name, name) == 0) {
            return &verbs[i];
        }
    }
    return NULL;
}

/* Numbers of --limit: 1 to a million. */
static bool parse_limit(const char *s, int64_t *ret)
{
    char *end;
    errno = 0;
    const long v = strtol(s, &end, 10);
    if (errno != 0 || end == s || *end != '\0' || v < 1 || v > 1000000) {
        return false;
    }
    *ret = v;
    return true;
}

/* Reads the settings: a named file must be good, the default one may be absent. */
static int load_settings(struct cli *c)
{
    struct config_errors errs = {0};
    const char *path = c->config != NULL ? c->config : DEFAULT_CONFIG;
    char *text = NULL;
    size_t len = 0;
    static const char defaults[] = "{idc: unnamed, brokers: [\"127.0.0.1:9092\"]}";
    int status;
    if (c->config == NULL && access(path, F_OK) != 0) {
        status = config_spillwayd_parse(defaults, sizeof defaults - 1, &c->settings, &errs);
    } else {
        status = config_file_read(path, SETTINGS_MAX_BYTES, &text, &len, &errs);
        if (status == OK) {
            status = config_spillwayd_parse(text, len, &c->settings, &errs);
        }
    }
    config_errors_print(&errs, path, c->err);
    config_errors_done(&errs);
    free(text);
    return status == OK ? CLI_OK : CLI_FAILURE;
}

/* Where the value of an option goes: a word or a flag of struct cli. */
static const struct place {
    int option;
    unsigned bit;
    bool flag;
    size_t offset;
} places[] = {
    {'j', OPT_JSON, true, offsetof(struct cli, json)},
    {'c', OPT_HOST, false, offsetof(struct cli, config)},
    {'J', OPT_HOST, false, offsetof(struct cli, journal)},
    {'C', OPT_HOST, false, offsetof(struct cli, control)},
    {'y', OPT_YES, true, offsetof(struct cli, yes)},
    {'r', OPT_REASON, false, offsetof(struct cli, reason)},
    {'b', OPT_BUS, false, offsetof(struct cli, brokers)},
    {'d', OPT_BUS, true, offsetof(struct cli, development)},
    {'D', OPT_DRILLS, false, offsetof(struct cli, drills)},
    {'f', OPT_FLEET, false, offsetof(struct cli, fleet)},
    {'o', OPT_TARGET, false, offsetof(struct cli, on)},
    {'m', OPT_TARGET, false, offsetof(struct cli, mode)},
    {'T', OPT_TO, false, offsetof(struct cli, to)},
    {'t', OPT_TTL, false, offsetof(struct cli, ttl)},
    {'i', OPT_ASK, false, offsetof(struct cli, request_id)},
    {'N', OPT_ASK, true, offsetof(struct cli, dry_run)},
};

/* Takes one option; *ret_used collects which kinds were given. */
static bool take_option(struct cli *c, int option, unsigned *ret_used)
{
    for (size_t i = 0; i < sizeof places / sizeof places[0]; i++) {
        const struct place *p = &places[i];
        void *to = (char *)c + p->offset;
        if (p->option != option) {
            continue;
        }
        if (p->flag) {
            *(bool *)to = true;
        } else {
            *(const char **)to = optarg;
        }
        *ret_used |= p->bit;
        return true;
    }
    *ret_used |= OPT_LIMIT;
    return option == 'n' && parse_limit(optarg, &c->limit);
}

int cli_settings(struct cli *c)
{
    const int failed = load_settings(c);
    if (failed != CLI_OK) {
        return failed;
    }
    c->journal = c->journal != NULL ? c->journal : c->settings.journal;
    c->control = c->control != NULL ? c->control : c->settings.control_socket;
    c->brokers = c->brokers != NULL ? c->brokers : c->settings.brokers;
    c->development = c->development || c->settings.development_broker;
    return CLI_OK;
}

static int run_verb(struct cli *c, const struct verb *v, unsigned used)
{
    if ((used & ~v->options) != 0) {
        return cli_misuse(c, "an option does not belong to \"%s\"; usage: spillway %s", v->name,
                          v->usage);
    }
    const bool now = (v->options & (OPT_HOST | OPT_BUS)) != 0 && (v->options & OPT_LATER) == 0;
    const int failed = now ? cli_settings(c) : CLI_OK;
    return failed != CLI_OK ? failed : v->run(c);
}

int main(int argc, char **argv)
{
    const char *no_colour = getenv("NO_COLOR");
    struct cli c = {.out = stdout, .err = stderr, .limit = -1, .drills = SPILLWAY_DRILLS};
    c.colour = isatty(STDOUT_FILENO) && (no_colour == NULL || no_colour[0] == '\0');
    unsigned used = 0;
    bool check = false;
    int option;
    while ((option = getopt_long(argc, argv, "jyhV", long_options, NULL)) != -1) {
        if (option == 'h') {
            print_help(stdout);
            return CLI_OK;
        }
        if (option == 'V') {
            puts("spillway " SPILLWAY_VERSION);
            return CLI_OK;
        }
        if (option == 'k') {
            check = true;
        } else if (!take_option(&c, option, &used)) {
            return cli_misuse(&c, "wrong option or value");
        }
    }
    if (check) {
        return load_settings(&c);
    }
    if (optind == argc) {
        print_help(stderr);
        return CLI_USAGE;
    }
    const struct verb *v = find_verb(argv[optind]);
    if (v == NULL) {
        return cli_misuse(&c, "there is no verb \"%s\"", argv[optind]);
    }
    c.verb = v->name;
    c.count = argc - optind - 1;
    c.args = argv + optind + 1;
    const int code = run_verb(&c, v, used);
    if (fflush(stdout) != 0 || ferror(stdout) != 0) {
        return cli_fail(&c, ERR_IO, "standard output: %s", strerror(errno));
    }
    return code;
}
