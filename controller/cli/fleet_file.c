/* fleet_file.c: reading a fleet file for the CLI. */
#include "cli/fleet_file.h"

#include "config/fleet_config.h"

#include <stdlib.h>

int fleet_file_load(const struct cli *c, const char *path, struct fleet_file *ret)
{
    struct config_errors errs = {0};
    struct fleet_file f = {0};
    char *text = NULL;
    size_t len = 0;
    int status = cli_arena(&f.arena, CONFIG_FLEET_ARENA_SIZE) ? OK : ERR_MEMORY;
    if (status == OK) {
        status = config_file_read(path, CONFIG_FLEET_MAX_BYTES, &text, &len, &errs);
    }
    if (status == OK) {
        status = config_fleet_parse(text, len, &f.arena, &f.fleet, &errs);
    }
    config_errors_print(&errs, path, c->err);
    f.warnings = errs.warning_count;
    config_errors_done(&errs);
    free(text);
    if (status != OK) {
        free(f.arena.base);
        return status;
    }
    *ret = f;
    return OK;
}

void fleet_file_done(struct fleet_file *f)
{
    free(f->arena.base);
    *f = (struct fleet_file){0};
}
