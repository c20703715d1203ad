/* world.c: the fleet as one probe sees it: its IDC, its targets, and what watches them. */
#include "world.h"

#include <stdlib.h>
#include <string.h>

enum {
    ARENA_PER_BYTE = 4, /* structures are wider than their canonical bytes */
    ARENA_FIRST = 64 * 1024,
    ARENA_MAX = 64 * 1024 * 1024,
};

/* The arrays need more room than the bytes, by a factor that depends on the fleet. */
static int read_fleet(struct world *w, const uint8_t *bytes, size_t size)
{
    for (size_t room = ARENA_FIRST + ARENA_PER_BYTE * size; room <= ARENA_MAX; room *= 2) {
        w->memory = malloc(room);
        if (w->memory == NULL)
            return ERR_MEMORY;
        struct arena arena;
        arena_init(&arena, w->memory, room);
        struct codec c = codec_reader(bytes, size, &arena);
        memset(&w->fleet, 0, sizeof(w->fleet));
        fleet_codec(&c, &w->fleet);
        int status = codec_finish(&c);
        if (status != ERR_FULL && status != ERR_MEMORY)
            return status;
        free(w->memory);
        w->memory = NULL;
    }
    return ERR_TOO_LARGE;
}

static int list_targets(struct world *w)
{
    struct target *all = calloc(REPORT_MAX_TARGETS, sizeof(*all));
    if (all == NULL)
        return ERR_MEMORY;
    int n = targets_for_idc(&w->fleet, w->idc, all, REPORT_MAX_TARGETS);
    if (n >= 0) {
        w->count = (uint32_t)n;
        w->list = calloc(w->count + 1, sizeof(*w->list));
        w->observed = calloc(w->count + 1, sizeof(*w->observed));
        if (w->list == NULL || w->observed == NULL)
            n = ERR_MEMORY;
        else
            memcpy(w->list, all, w->count * sizeof(*all));
    }
    free(all);
    if (n < 0)
        return n;
    while (w->link_count < w->count && w->list[w->link_count].kind == TARGET_LINK)
        w->link_count++;
    return OK;
}

static int load_room(struct world *w)
{
    size_t count = loads_count(w->loads);
    w->loads_observed = calloc(count + 1, sizeof(*w->loads_observed));
    w->load_views = calloc(count * w->fleet.view_count + 1, sizeof(*w->load_views));
    return w->loads_observed == NULL || w->load_views == NULL ? ERR_MEMORY : OK;
}

static int uplink(void *context, uint16_t carrier, const char **ret_interface)
{
    const struct world *w = context;
    return links_uplink(w->links, carrier, ret_interface);
}

static int start_watching(struct world *w, const struct world_config *config, struct world *old,
                          bool reread_keys, struct mono now)
{
    const struct links_config links = {
        .fleet = &w->fleet,
        .targets = w->list,
        .count = w->link_count,
        .keys_dir = config->keys_dir,
        .log = config->log,
        .changed = config->link_changed,
        .context = config->context,
    };
    const struct targets_config targets = {
        .fleet = &w->fleet,
        .targets = w->list + w->link_count,
        .count = w->count - w->link_count,
        .lateness = config->lateness,
        .changed = config->target_changed,
        .context = config->context,
        .uplink = uplink,
        .uplink_context = w,
    };
    int status =
        loads_new(&w->fleet, w->idc, config->load_changed, config->context, now, &w->loads);
    if (status == OK)
        status = load_room(w);
    if (status == OK)
        status = targets_new(&targets, old != NULL ? old->targets : NULL, now, &w->targets);
    /* Last, because it takes the old one's sockets. */
    if (status == OK)
        status = links_new(&links, old != NULL ? old->links : NULL, reread_keys, now, &w->links);
    return status;
}

/* The policy's intervals drive timers; a fleet that was checked has them. */
static bool intervals_sane(const struct policy *p)
{
    return p->probe_interval_us > 0 && p->check_interval_us > 0 && p->check_timeout_us > 0 &&
           p->report_interval_us > 0;
}

int world_new(const struct world_config *config, uint16_t idc, const uint8_t *fleet, size_t size,
              struct world *old, bool reread_keys, struct mono now, struct world **ret)
{
    struct world *w = calloc(1, sizeof(*w));
    if (w == NULL)
        return ERR_MEMORY;
    w->idc = idc;
    w->digest = sha256_of(fleet, size);
    int status = read_fleet(w, fleet, size);
    if (status == OK && !intervals_sane(&w->fleet.policy))
        status = ERR_INVALID;
    if (status == OK &&
        (idc >= w->fleet.idc_count || strcmp(w->fleet.idcs[idc].name, config->idc_name) != 0))
        status = ERR_FOREIGN;
    if (status == OK)
        status = list_targets(w);
    if (status == OK)
        status = start_watching(w, config, old, reread_keys, now);
    if (status != OK) {
        world_free(w);
        return status;
    }
    *ret = w;
    return OK;
}

void world_free(struct world *w)
{
    if (w == NULL)
        return;
    links_free(w->links);
    targets_free(w->targets);
    loads_free(w->loads);
    free(w->list);
    free(w->observed);
    free(w->loads_observed);
    free(w->load_views);
    free(w->memory);
    free(w);
}

void world_observe(struct world *w, struct mono now)
{
    for (uint32_t i = 0; i < w->link_count; i++)
        links_observe(w->links, i, now, &w->observed[i]);
    for (uint32_t i = w->link_count; i < w->count; i++)
        targets_observe(w->targets, i - w->link_count, now, &w->observed[i]);
    loads_observe(w->loads, now, w->loads_observed, w->load_views);
    for (uint32_t i = 0; i < loads_count(w->loads); i++)
        spike_apply(&w->spike, &w->loads_observed[i], &w->load_views[i * w->fleet.view_count],
                    w->fleet.view_count);
}
