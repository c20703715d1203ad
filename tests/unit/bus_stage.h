/* bus_stage.h: waiting for what the bus has to say, for tests. */
#ifndef SPILLWAY_TEST_BUS_STAGE_H
#define SPILLWAY_TEST_BUS_STAGE_H

#include "log/bus.h"

enum { BUS_PATIENCE_MS = 30000 }; /* a stuck test fails; no test asserts how long something takes */

struct mono bus_now(void);
/* Pumps, and sleeps until there is something to pump or a moment is over. */
void bus_rest(struct bus *bus);
/* Waits for the next event of this kind and lets others pass; fails the test after patience_ms. */
struct bus_event bus_await_for(struct bus *bus, enum bus_event_kind kind, int patience_ms);
struct bus_event bus_await(struct bus *bus, enum bus_event_kind kind);

#endif
