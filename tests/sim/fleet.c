/* fleet.c: reads the fleet that is simulated. */
#include "sim.h"

#include "config/fleet_config.h"

#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

/* A fleet and what it points at, so that one free() ends both. */
struct home {
    struct fleet fleet; /* first */
    _Alignas(max_align_t) unsigned char room[CONFIG_FLEET_ARENA_SIZE];
};

struct fleet *sim_load_fleet(const char *path)
{
    struct home *home = sim_alloc(1, sizeof *home);
    FILE *in = fopen(path, "r");
    char *text = sim_alloc(CONFIG_FLEET_MAX_BYTES, 1);
    size_t len = in == NULL ? 0 : fread(text, 1, CONFIG_FLEET_MAX_BYTES, in);
    struct arena a;
    struct config_errors errs = {0};
    arena_init(&a, home->room, sizeof home->room);
    int status = config_fleet_parse(text, len, &a, &home->fleet, &errs);
    config_errors_print(&errs, path, stderr);
    config_errors_done(&errs);
    if (in != NULL) {
        (void)fclose(in);
    }
    free(text);
    if (status != OK) {
        free(home);
        return NULL;
    }
    return &home->fleet;
}
