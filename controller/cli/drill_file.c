/* drill_file.c: reads a runbook of a drill and tells what is wrong with it. */
#include "cli/drill_file.h"

#include "config/drill_config.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static int is_runbook(const struct dirent *entry)
{
    size_t n = strlen(entry->d_name);
    return entry->d_name[0] != '.' && n > 5 && strcmp(entry->d_name + n - 5, ".yaml") == 0;
}

int drill_file_scan(const struct cli *c, struct dirent ***ret_entries)
{
    int n = scandir(c->drills, ret_entries, is_runbook, alphasort);
    if (n >= 0) {
        return n;
    }
    const int why = errno;
    cli_fail(c, OK, "no runbooks of drills in %s: %s; --drills DIR names another directory",
             c->drills, strerror(why));
    return why == ENOENT ? ERR_NOT_FOUND : ERR_IO;
}

/* No runbook has the name: those that are there. */
static void tell_missing(const struct cli *c, const char *name)
{
    char names[CLI_WHY_SIZE];
    struct text t = text_over(names, sizeof names);
    struct dirent **entries = NULL;
    const int n = drill_file_scan(c, &entries);
    for (int i = 0; i < n; i++) {
        text_put(&t, i > 0 ? ", " : "");
        text_put_n(&t, entries[i]->d_name, strlen(entries[i]->d_name) - strlen(".yaml"));
        free(entries[i]);
    }
    free(entries);
    if (n >= 0) {
        cli_fail(c, OK, "there is no drill %s in %s; there are: %s", name, c->drills,
                 n > 0 ? names : "none");
    }
}

int drill_file_load(const struct cli *c, const char *path, struct drill *ret_drill)
{
    struct config_errors errs = {0};
    char *text = NULL;
    size_t len = 0;
    int status = config_file_read(path, CONFIG_DRILL_MAX_BYTES, &text, &len, &errs);
    status = status == OK ? config_drill_parse(text, len, ret_drill, &errs) : status;
    free(text);
    config_errors_print(&errs, path, c->err);
    config_errors_done(&errs);
    return status;
}

int drill_file_find(const struct cli *c, const char *name, struct drill *ret_drill)
{
    char path[SETTINGS_PATH_SIZE];
    if (strchr(name, '/') != NULL || strchr(name, '.') != NULL) {
        return drill_file_load(c, name, ret_drill);
    }
    int n = snprintf(path, sizeof path, "%s/%s.yaml", c->drills, name);
    if (n < 0 || (size_t)n >= sizeof path) {
        cli_fail(c, ERR_TOO_LARGE, "the path of drill %s", name);
        return ERR_TOO_LARGE;
    }
    if (access(path, F_OK) != 0 && errno == ENOENT) {
        tell_missing(c, name);
        return ERR_NOT_FOUND;
    }
    return drill_file_load(c, path, ret_drill);
}
