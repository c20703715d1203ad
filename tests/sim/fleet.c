/* fleet.c: reads the fleet that is simulated. */
#include "sim.h"

#include "config/fleet_config.h"

#include <stdio.h>
#include <stdlib.h>

struct fleet *sim_load_fleet(const char *path)
{
    struct fleet *f = sim_alloc(1, sizeof *f);
    FILE *in = fopen(path, "r");
    char *text = sim_alloc(CONFIG_FLEET_MAX_BYTES, 1);
    size_t len = in == NULL ? 0 : fread(text, 1, CONFIG_FLEET_MAX_BYTES, in);
    struct arena a;
    struct config_errors errs = {0};
    arena_init(&a, sim_alloc(1, CONFIG_FLEET_ARENA_SIZE), CONFIG_FLEET_ARENA_SIZE);
    int status = config_fleet_parse(text, len, &a, f, &errs);
    config_errors_print(&errs, path, stderr);
    config_errors_done(&errs);
    if (in != NULL) {
        (void)fclose(in);
    }
    free(text);
    if (status != OK) {
        free(f);
        return NULL;
    }
    return f; /* and its arena, for as long as the process lives */
}
