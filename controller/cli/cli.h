/* cli.h: what the verbs of the `spillway` command share. */
#ifndef SPILLWAY_CLI_CLI_H
#define SPILLWAY_CLI_CLI_H

#include "base/arena.h"
#include "base/error.h"
#include "config/settings.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

/* CLI_UNKNOWN: a command may count or not; asking again with its request id tells. */
enum cli_exit { CLI_OK = 0, CLI_FAILURE = 1, CLI_USAGE = 2, CLI_UNKNOWN = 3 };

enum { CLI_WHY_SIZE = 512 };

struct cli {
    FILE *out, *err;
    bool json;        /* --json */
    bool colour;      /* a terminal, and NO_COLOR is not set */
    bool yes;         /* --yes */
    bool development; /* --development */
    bool dry_run;     /* --dry-run */
    const char *verb;
    const char *ttl, *request_id; /* --ttl, --request-id; NULL when not given */
    const char *reason, *journal, *control, *brokers, *config; /* options, NULL when not given */
    const char *drills;    /* --drills, or where they are installed */
    const char *to;        /* --to, NULL when not given */
    const char *fleet;     /* --fleet, NULL when not given */
    const char *on, *mode; /* --on, --mode; NULL when not given */
    int64_t limit;         /* --limit, -1 when not given */
    int count;             /* positional arguments after the verb */
    char **args;
    /* From --config, or the default file when it is there; else the defaults. */
    struct spillwayd_settings settings;
};

/* The verbs. Each returns an exit code. */
int cli_init(struct cli *c);
int cli_reseed(struct cli *c);
int cli_command(struct cli *c); /* of c->verb: approve, drain, ... */
int cli_status(struct cli *c);
int cli_history(struct cli *c);
int cli_explain(struct cli *c);
int cli_fleet(struct cli *c);
int cli_drill(struct cli *c);
int cli_journal(struct cli *c);
int cli_leader(struct cli *c);
int cli_log(struct cli *c);
int cli_features(struct cli *c);
int cli_emergency(struct cli *c);

/* Settings of this host's spillwayd, and what the options do not say from them. CLI_OK, or an exit
 * code after each mistake was told. */
int cli_settings(struct cli *c);
/* "spillway: text" with the code's text and remedy (status OK: without) to standard error; gives
 * CLI_FAILURE. */
int cli_fail(const struct cli *c, int status, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* The same for wrong use; gives CLI_USAGE. */
int cli_misuse(const struct cli *c, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* An arena of size bytes over new memory; false when there is none. Freed with free(a->base). */
bool cli_arena(struct arena *a, size_t size);

#endif
