/* fixture.h: a fleet and plans for the actuators' tests, and a loop that runs until a result is
 * there. */
#ifndef SPILLWAY_TESTS_ACTUATE_FIXTURE_H
#define SPILLWAY_TESTS_ACTUATE_FIXTURE_H

#include "actuate/result.h"

#include <uv.h>

struct world {
    void *memory;
    struct arena arena;
    struct fleet fleet;
};

/* The example fleet of the repository. */
void world_init(struct world *w);
/* Another fleet file. */
void world_init_file(struct world *w, const char *path);
void world_done(struct world *w);
/* A plan whose answers depend on `variant`: variant v begins with the v-th entrance of the service.
 * Its fence is (era 1, one log, generation, a digest of the variant). */
struct plan world_plan(struct world *w, uint64_t generation, unsigned variant);
struct fence test_fence(uint64_t era, uint64_t generation, unsigned variant);

/* What a done callback leaves behind. */
struct waiter {
    uv_loop_t *loop;
    unsigned count; /* results so far */
    struct actuate_result last;
};

void waiter_done(void *user, const struct actuate_result *r);
/* Runs the loop until `count` results are there; false when that takes more than 20 s. */
bool waiter_wait(struct waiter *w, unsigned count);
/* Runs the loop for a while. */
void loop_run_ms(uv_loop_t *loop, uint64_t ms);
/* Lets close callbacks run, and closes. */
void loop_end(uv_loop_t *loop);

#endif
