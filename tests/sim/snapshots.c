/* snapshots.c: leaders that write the control state down, and daemons that begin with it because
 * their journals are gone or far behind. */
#include "sim.h"
#include "wire/record.h"

#include <stdlib.h>
#include <string.h>

enum { NEWEST = 200 }; /* records looked through for a heartbeat, as spillwayd does */

void snapshots_start(struct sim *s)
{
    s->snapshots = rng_init(s->seed ^ UINT64_C(0x736e617073686f74));
    if (!s->script.on && rng_chance(&s->snapshots, 300000)) {
        s->own.policy.snapshot_records = 60 + (uint32_t)rng_below(&s->snapshots, 400);
        s->wipes = true;
    } else {
        s->own.policy.snapshot_records = 0;
    }
}

bool snapshots_wipe(struct sim *s)
{
    return s->wipes && rng_chance(&s->snapshots, 500000);
}

/* The SNAPSHOT that the newest leader's heartbeat near the log's end names; -1: none. */
static int64_t named(struct sim *s)
{
    uint64_t epoch = 0;
    int64_t offset = -1;
    for (int64_t at = s->log_end > NEWEST ? s->log_end - NEWEST : 1; at < s->log_end; at++) {
        struct record r;
        if (bus_decode(s, at, &r) == OK && r.kind == RECORD_HEARTBEAT && r.epoch >= epoch) {
            epoch = r.epoch;
            offset = r.heartbeat.snapshot;
        }
    }
    return offset;
}

bool snapshots_load(struct sim *s, struct arena *a, struct control *ret_c)
{
    struct record r;
    int64_t offset = named(s);
    if (!s->wipes || offset < 0 || bus_decode(s, offset, &r) != OK) {
        return false;
    }
    if (r.kind != RECORD_SNAPSHOT || snapshot_read(&r, a, ret_c) != OK) {
        sim_fail(s, "record %lld is no snapshot that can be read", (long long)offset);
        return false;
    }
    s->loads++;
    return true;
}
