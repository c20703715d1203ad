/* link.h: the kernel's interfaces: carrier events at once, counters on demand (libnl, rtnetlink).
 *
 * Events come from RTNLGRP_LINK. When the event socket overran (-NLE_NOMEM), events are lost: then
 * all interfaces are read again and compared, so the state is right again before link_events()
 * returns. */
#ifndef SPILLWAY_PROBE_CHECKS_LINK_H
#define SPILLWAY_PROBE_CHECKS_LINK_H

#include "base/error.h"
#include "model/fleet.h"

#include <stdbool.h>
#include <stdint.h>

/* One interface as the kernel has it. Absent: index 0, oper_up false. */
struct link_state {
    int index;    /* of the interface; another one under the same name was made anew */
    bool oper_up; /* administratively up and with carrier */
    uint64_t rx_bytes, tx_bytes;
};

struct link_monitor;
/* A watched interface changed its index or its carrier. */
typedef void link_changed_fn(void *context, uint32_t interface, const struct link_state *state);

/* Watches `count` interfaces by name and reads their present state. buffer_bytes is the event
 * socket's receive buffer (0: 1 MiB). ERR_IO, ERR_MEMORY. */
int link_monitor_new(const char (*names)[FLEET_IFNAME_SIZE], uint32_t count, int buffer_bytes,
                     link_changed_fn *changed, void *context, struct link_monitor **ret) MUST_CHECK;
void link_monitor_free(struct link_monitor *m);
int link_monitor_fd(const struct link_monitor *m);
/* Takes all waiting events; calls `changed` for each change. ERR_IO when the kernel does not
 * answer. */
int link_monitor_events(struct link_monitor *m) MUST_CHECK;
/* Reads the byte counters of all watched interfaces again. */
int link_monitor_counters(struct link_monitor *m) MUST_CHECK;
const struct link_state *link_monitor_state(const struct link_monitor *m, uint32_t interface);
/* How often events were lost and all was read again. */
uint64_t link_monitor_resyncs(const struct link_monitor *m);

#endif
