/* fuzz_fleet.c: any bytes as a fleet file or settings: no crash, and what is accepted round-trips.
 */
#include "config/fleet_config.h"
#include "config/settings.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct digest digest_of(const struct fleet *f)
{
    const size_t size = fleet_encoded_size(f);
    void *scratch = malloc(size);
    assert(scratch != NULL);
    struct digest d = fleet_digest(f, scratch, size);
    free(scratch);
    return d;
}

/* An arena over memory that is kept from one run to the next. */
static struct arena arena_over(void **memory)
{
    struct arena a;
    if (*memory == NULL) {
        *memory = aligned_alloc(16, CONFIG_FLEET_ARENA_SIZE);
        assert(*memory != NULL);
    }
    arena_init(&a, *memory, CONFIG_FLEET_ARENA_SIZE);
    return a;
}

static void parse_again(const struct fleet *f)
{
    static void *memory;
    char *shown = NULL;
    size_t size = 0;
    FILE *file = open_memstream(&shown, &size);
    assert(file != NULL);
    config_fleet_print_yaml(f, file);
    fclose(file);
    struct arena arena = arena_over(&memory);
    struct config_errors errs = {0};
    struct fleet again;
    const int status = config_fleet_parse(shown, size, &arena, &again, &errs);
    assert(status == OK);
    const struct digest a = digest_of(f), b = digest_of(&again);
    assert(digest_compare(&a, &b) == 0);
    config_errors_done(&errs);
    free(shown);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static void *memory;
    struct arena arena = arena_over(&memory);
    struct config_errors errs = {0};
    struct fleet fleet;
    struct spillwayd_settings daemon;
    struct probe_settings probe;
    const int status = config_fleet_parse((const char *)data, size, &arena, &fleet, &errs);
    assert((status == OK) == (errs.error_count == 0));
    if (status == OK) {
        parse_again(&fleet);
    }
    (void)!config_spillwayd_parse((const char *)data, size, &daemon, &errs);
    (void)!config_probe_parse((const char *)data, size, &probe, &errs);
    config_errors_done(&errs);
    return 0;
}
