/* actuators.h: this host's actuators: the replica's effects out to them, their outcomes back to it.
 */
#ifndef SPILLWAY_DAEMON_ACTUATORS_H
#define SPILLWAY_DAEMON_ACTUATORS_H

#include "actuate/dns.h"
#include "actuate/feature.h"
#include "actuate/route.h"
#include "config/logger.h"
#include "core/replica.h"
#include "daemon/keyring.h"

/* One actuator at one target, for status. */
struct actuator_state {
    bool configured;
    struct fence trying;        /* of the newest job handed to it */
    bool tried;                 /* last is set */
    struct actuate_result last; /* its newest result */
    struct mono at;             /* when that came */
    uint64_t good_generation;   /* of the newest OK, 0 for none */
};

/* Takes one outcome; called from the loop, never from inside a call below. */
typedef void actuators_outcome(void *user, const struct outcome *outcome);

struct actuators {
    uv_loop_t *loop;
    const struct spillwayd_settings *settings;
    const struct logger *log;
    actuators_outcome *tell;
    void *user;
    uint16_t idc;
    uint16_t dns_count;
    struct dns_pusher **dns; /* [server]; NULL where it could not be made */
    struct actuator_state *dns_state;
    struct route_client *routes;
    struct actuator_state route_state, feature_state;
    uint32_t inject_run; /* of the injection handed out last */
    uint8_t inject_step;
    bool inject_busy;
    /* Outcomes that wait for the loop's next turn, oldest first. The array is moved by
     * actuators_equip(), which `tell` may call: so one is taken out before it is told. */
    struct outcome *waiting; /* [waiting_room] */
    uint32_t waiting_count, waiting_room;
    uv_idle_t idle;
};

int actuators_init(struct actuators *a, uv_loop_t *loop, const struct spillwayd_settings *settings,
                   const struct logger *log, actuators_outcome *tell, void *user) MUST_CHECK;
/* Makes them for a fleet, or again with other keys; what was in flight comes back as
 * ERR_UNAVAILABLE, with its fence. May be called from `tell`. A DNS server whose keys are missing
 * stays unconfigured. ERR_MEMORY. */
int actuators_equip(struct actuators *a, const struct fleet *f, uint16_t idc,
                    const struct keyring *ring) MUST_CHECK;
/* Carry out one effect each. */
void actuators_push_dns(struct actuators *a, const struct control *c, const struct effect *e);
void actuators_set_routes(struct actuators *a, const struct control *c, const struct effect *e);
/* probe: what became of telling the local probe its part (OK when it has none). */
void actuators_inject(struct actuators *a, const struct control *c, const struct effect *e,
                      int probe);
void actuators_set_features(struct actuators *a, const struct control *c, const struct effect *e);
bool actuators_busy(const struct actuators *a);
/* Stops without results; memory is free once the loop has run its close callbacks. */
void actuators_done(struct actuators *a);

#endif
