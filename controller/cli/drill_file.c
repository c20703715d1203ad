/* drill_file.c: reads a runbook of a drill and tells what is wrong with it. */
#include "cli/drill_file.h"

#include "config/drill_config.h"

#include <stdlib.h>
#include <string.h>

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
    return drill_file_load(c, path, ret_drill);
}
