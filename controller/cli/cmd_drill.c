/* cmd_drill.c: `spillway drill list|check|show`: the runbooks on this host. */
#include "cli/cli.h"
#include "cli/drill_file.h"
#include "config/drill_config.h"
#include "config/schema.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

static int is_runbook(const struct dirent *entry)
{
    size_t n = strlen(entry->d_name);
    return entry->d_name[0] != '.' && n > 5 && strcmp(entry->d_name + n - 5, ".yaml") == 0;
}

static void print_line(const struct cli *c, const struct drill *d, bool first)
{
    const char *modes = d->live ? "shadow, live" : "shadow";
    if (!c->json) {
        fprintf(c->out, "%-20s on a%s %-8s %-13s %s\n", d->name, d->on == DRILL_ON_IDC ? "n" : " ",
                drill_on_name(d->on), modes, d->about);
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
    int n = scandir(c->drills, &entries, is_runbook, alphasort);
    if (n < 0) {
        return cli_fail(c, errno == ENOENT ? ERR_NOT_FOUND : ERR_IO, "the runbooks in %s",
                        c->drills);
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
    fputs(c->json ? "]}\n" : "", c->out);
    if (n == 0 && !c->json) {
        fprintf(c->out, "no runbooks in %s\n", c->drills);
    }
    return code;
}

static int check(const struct cli *c, const struct drill *d)
{
    if (c->json) {
        config_drill_print_json(d, c->out);
        return CLI_OK;
    }
    fprintf(c->out, "drill %s: ok, %u steps, on %s %s, %s\n", d->name, d->step_count,
            d->on == DRILL_ON_IDC ? "an" : "a", drill_on_name(d->on),
            d->live ? "live or as a shadow" : "as a shadow only");
    return CLI_OK;
}

int cli_drill(struct cli *c)
{
    const char *verb = c->count > 0 ? c->args[0] : "";
    if (strcmp(verb, "list") == 0 && c->count == 1) {
        return list(c);
    }
    if (strcmp(verb, "keys") == 0 && c->count == 1 && !c->json) {
        config_drill_print_reference(c->out);
        return CLI_OK;
    }
    bool show = strcmp(verb, "show") == 0;
    if ((!show && strcmp(verb, "check") != 0) || c->count != 2) {
        return cli_misuse(c, "usage: spillway drill list, drill check DRILL, drill show DRILL, or "
                             "drill keys");
    }
    struct drill d;
    if (drill_file_find(c, c->args[1], &d) != OK) {
        return CLI_FAILURE; /* every error was printed with its place */
    }
    if (show && !c->json) {
        config_drill_print_yaml(&d, c->out);
        return CLI_OK;
    }
    return check(c, &d);
}
