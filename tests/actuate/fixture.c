/* fixture.c: see fixture.h. */
#include "fixture.h"

#include "config/fleet_config.h"
#include "config/settings.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

void world_init(struct world *w)
{
    world_init_file(w, TEST_FLEET);
}

void world_init_file(struct world *w, const char *path)
{
    struct config_errors errors = {0};
    char *text = NULL;
    size_t len = 0;
    w->memory = aligned_alloc(16, CONFIG_FLEET_ARENA_SIZE);
    ck_assert_ptr_nonnull(w->memory);
    arena_init(&w->arena, w->memory, CONFIG_FLEET_ARENA_SIZE);
    ck_assert_int_eq(config_file_read(path, CONFIG_FLEET_MAX_BYTES, &text, &len, &errors), OK);
    ck_assert_int_eq(config_fleet_parse(text, len, &w->arena, &w->fleet, &errors), OK);
    config_errors_done(&errors);
    free(text);
}

void world_done(struct world *w)
{
    free(w->memory);
}

struct fence test_fence(uint64_t era, uint64_t generation, unsigned variant)
{
    struct fence f = {.era = era, .generation = generation};
    memset(f.log_id.bytes, 7, sizeof(f.log_id.bytes));
    memset(f.digest.bytes, (int)variant + 1, sizeof(f.digest.bytes));
    return f;
}

static void fill(const struct fleet *f, uint16_t service, uint16_t view, unsigned variant,
                 struct answer *a)
{
    uint16_t pools[FLEET_MAX_ENTRANCES], pool_count = 0;
    for (uint16_t e = 0; e < f->entrance_count; e++) {
        if (f->entrances[e].service == service &&
            (f->entrances[e].carriers & (UINT32_C(1) << f->views[view].carrier)) != 0)
            pools[pool_count++] = e;
    }
    a->count = (uint8_t)f->views[view].slots;
    for (uint8_t i = 0; i < a->count; i++)
        a->slots[i] = (struct slot){pools[(variant + i) % pool_count], (uint8_t)(i / pool_count)};
}

struct plan world_plan(struct world *w, uint64_t generation, unsigned variant)
{
    struct plan p;
    ck_assert_int_eq(plan_new(&w->fleet, &w->arena, &p), OK);
    for (uint16_t s = 0; s < w->fleet.service_count; s++) {
        for (uint16_t v = 0; v < w->fleet.view_count; v++)
            fill(&w->fleet, s, v, variant, plan_answer(&p, s, v));
    }
    p.fence = test_fence(1, generation, variant);
    return p;
}

void waiter_done(void *user, const struct actuate_result *r)
{
    struct waiter *w = user;
    w->last = *r;
    w->count++;
    uv_stop(w->loop);
}

static void on_guard(uv_timer_t *timer)
{
    uv_stop(timer->loop);
}

static void on_timer_closed(uv_handle_t *handle)
{
    *(bool *)handle->data = true;
}

/* Runs the loop until *count reaches target or the time is over. */
static void run(uv_loop_t *loop, const unsigned *count, unsigned target, uint64_t ms)
{
    uv_timer_t guard;
    bool closed = false;
    uv_update_time(loop);
    uv_timer_init(loop, &guard);
    guard.data = &closed;
    uv_timer_start(&guard, on_guard, ms, 0);
    while (*count < target && uv_is_active((uv_handle_t *)&guard))
        uv_run(loop, UV_RUN_ONCE);
    uv_close((uv_handle_t *)&guard, on_timer_closed);
    while (!closed)
        uv_run(loop, UV_RUN_NOWAIT);
}

bool waiter_wait(struct waiter *w, unsigned count)
{
    run(w->loop, &w->count, count, 20000);
    return w->count >= count;
}

void loop_run_ms(uv_loop_t *loop, uint64_t ms)
{
    unsigned never = 0;
    run(loop, &never, 1, ms);
}

void loop_end(uv_loop_t *loop)
{
    uv_run(loop, UV_RUN_DEFAULT);
    ck_assert_int_eq(uv_loop_close(loop), 0);
}
