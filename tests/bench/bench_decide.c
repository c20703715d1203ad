/* bench_decide.c: how long diagnosing and deciding take at 100 IDCs, quiet and in a disaster. */
#include "core_world.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

enum { RUNS = 50, FLEET_ROOM = 64 * 1024 * 1024 };

static double now_us(void)
{
    struct timespec t;
    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec * 1e6 + (double)t.tv_nsec / 1e3;
}

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return x < y ? -1 : x > y;
}

static void print(const char *what, double *us)
{
    qsort(us, RUNS, sizeof *us, by_value);
    printf("%-44s median %8.0f us  p95 %8.0f us  max %8.0f us\n", what, us[RUNS / 2],
           us[RUNS * 95 / 100], us[RUNS - 1]);
}

/* Diagnoses and decides RUNS times over the same evidence; nothing is folded. */
static void measure(struct world *w, const char *what)
{
    double look_us[RUNS], decide_us[RUNS];
    char label[128];
    for (int i = 0; i < RUNS; i++) {
        double start = now_us();
        diagnose(&w->control, w->evidence, w->now, &w->diagnosis);
        look_us[i] = now_us() - start;
        struct arena a;
        arena_init(&a, w->arena_memory, w->arena_size);
        start = now_us();
        if (decide(&w->control, w->evidence, &w->diagnosis, w->now, &a, &w->decide, &w->next_us) !=
            OK) {
            abort();
        }
        decide_us[i] = now_us() - start;
    }
    (void)snprintf(label, sizeof label, "%s: diagnose", what);
    print(label, look_us);
    (void)snprintf(label, sizeof label, "%s: decide (%u changes)", what, w->decide.change_count);
    print(label, decide_us);
}

int main(void)
{
    struct arena a;
    void *room = calloc(1, FLEET_ROOM);
    if (room == NULL) {
        return 1;
    }
    arena_init(&a, room, FLEET_ROOM);
    struct world *w = world_of_fleet(random_fleet(1, 100, &a));
    free(room);
    uint32_t targets = 0;
    for (uint16_t x = 0; x < w->fleet->idc_count; x++) {
        targets += w->reports[x].count;
    }
    printf("%u IDCs, %u links, %u entrances, %u views, %u targets in all reports\n",
           w->fleet->idc_count, w->fleet->link_count, w->fleet->entrance_count,
           w->fleet->view_count, targets);
    world_run(w, 3000000, 1000000, 100);
    measure(w, "quiet");
    w->idc_dead[7] = true;
    world_look(w);
    w->now.us += 2000000;
    world_look(w);
    measure(w, "an IDC dies");
    world_run(w, 5000000, 100000, 100);
    measure(w, "waiting for the person's word");
    w->idc_dead[7] = false;
    world_run(w, 8000000, 100000, 100);
    for (uint32_t i = 0; i < w->control.incident_count; i++) {
        if (w->control.incidents[i].needs_approval) {
            world_approve(w, w->control.incidents[i].id);
        }
    }
    w->now.us += 100000;
    world_look(w);
    measure(w, "a step of the way back");
    world_free(w);
    return 0;
}
