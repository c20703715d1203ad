/* cmd_drill.c: `spillway drill`: the runbooks of this host, what one would do, and running it. */
#include "cli/drill.h"

#include "cli/drill_file.h"
#include "config/drill_config.h"
#include "config/schema.h"

#include <stdlib.h>
#include <string.h>

static const char *article(const struct drill *d)
{
    return d->on == DRILL_ON_IDC ? "an" : "a";
}

static void print_line(const struct cli *c, const struct drill *d, bool first)
{
    const char *modes = d->live ? "shadow, live" : "shadow";
    if (!c->json) {
        fprintf(c->out, "%-20s on %-2s %-8s %-13s %s\n", d->name, article(d), drill_on_name(d->on),
                modes, d->about);
        return;
    }
    fprintf(c->out,
            "%s{\"name\": \"%s\", \"on\": \"%s\", \"live\": %s, \"about\": ", first ? "" : ", ",
            d->name, drill_on_name(d->on), d->live ? "true" : "false");
    json_put_string(d->about, c->out);
    fputc('}', c->out);
}

/* Every runbook of the directory, by name; a broken one is told and makes the listing fail. */
static int list(const struct cli *c)
{
    struct dirent **entries = NULL;
    int n = drill_file_scan(c, &entries);
    if (n < 0) {
        return CLI_FAILURE;
    }
    int code = CLI_OK;
    bool first = true;
    fputs(c->json ? "{\"drills\": [" : "", c->out);
    for (int i = 0; i < n; i++) {
        char path[SETTINGS_PATH_SIZE + NAME_MAX + 2];
        struct drill d;
        snprintf(path, sizeof path, "%s/%s", c->drills, entries[i]->d_name);
        if (drill_file_load(c, path, &d) == OK) {
            print_line(c, &d, first);
            first = false;
        } else {
            code = CLI_FAILURE;
        }
        free(entries[i]);
    }
    free(entries);
    if (c->json) {
        fprintf(c->out, "], \"ok\": %s}\n", code == CLI_OK ? "true" : "false");
    }
    if (n == 0 && !c->json) {
        fprintf(c->out, "no runbooks in %s\n", c->drills);
    }
    return code;
}

static int show(const struct cli *c, const struct drill *d)
{
    if (c->json) {
        config_drill_print_json(d, c->out);
    } else {
        config_drill_print_yaml(d, c->out);
    }
    return CLI_OK;
}

static int check(const struct cli *c, const struct drill *d)
{
    if (c->on != NULL) {
        return drill_predict(c, d);
    }
    if (c->json) {
        config_drill_print_json(d, c->out);
        return CLI_OK;
    }
    fprintf(c->out, "drill %s: ok, %u steps, on %s %s, %s\n", d->name, d->step_count, article(d),
            drill_on_name(d->on), d->live ? "live or as a shadow" : "as a shadow only");
    return CLI_OK;
}

/* The verbs that take a runbook. */
static int with_runbook(struct cli *c)
{
    static const struct {
        const char *name;
        int (*act)(const struct cli *c, const struct drill *d);
    } acts[] = {{"check", check}, {"show", show}, {"run", drill_run}};
    for (size_t i = 0; i < sizeof acts / sizeof acts[0]; i++) {
        if (strcmp(c->args[0], acts[i].name) == 0) {
            struct drill d;
            /* Every error of the runbook was printed with its place. */
            return drill_file_find(c, c->args[1], &d) == OK ? acts[i].act(c, &d) : CLI_FAILURE;
        }
    }
    return -1;
}

int cli_drill(struct cli *c)
{
    const char *verb = c->count > 0 ? c->args[0] : "";
    int code = c->count == 2 ? with_runbook(c) : -1;
    if (code >= 0) {
        return code;
    }
    if (strcmp(verb, "list") == 0 && c->count == 1) {
        return list(c);
    }
    if (strcmp(verb, "keys") == 0 && c->count == 1 && !c->json) {
        config_drill_print_reference(c->out);
        return CLI_OK;
    }
    if (strcmp(verb, "status") == 0 && c->count == 1) {
        return drill_status(c);
    }
    if (strcmp(verb, "abort") == 0 && c->count == 1) {
        return drill_end(c);
    }
    if (strcmp(verb, "report") == 0 && c->count <= 2) {
        return drill_report(c, c->count == 2 ? c->args[1] : NULL);
    }
    return cli_misuse(c, "usage: spillway drill list, check DRILL [--on TARGET], run DRILL --on "
                         "TARGET --mode shadow|live --reason TEXT, status, abort --reason TEXT, "
                         "report [RUN], show DRILL, or keys");
}
