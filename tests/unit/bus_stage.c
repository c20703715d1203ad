/* bus_stage.c: the bus' events, waited for. */
#include "bus_stage.h"

#include <check.h>
#include <poll.h>
#include <stdio.h>
#include <time.h>

struct mono bus_now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_BOOTTIME, &t);
    return (struct mono){(int64_t)t.tv_sec * US_PER_SEC + t.tv_nsec / 1000};
}

void bus_rest(struct bus *bus)
{
    struct pollfd p = {.fd = bus_fd(bus), .events = POLLIN};
    poll(&p, 1, BUS_PUMP_MS);
    bus_pump(bus, bus_now());
}

struct bus_event bus_await_for(struct bus *bus, enum bus_event_kind kind, int patience_ms)
{
    struct mono end = mono_add(bus_now(), (int64_t)patience_ms * US_PER_MS);
    struct bus_event e;
    char lost[BUS_TEXT_SIZE] = "nothing";
    bus_pump(bus, bus_now());
    while (mono_diff_us(end, bus_now()) > 0) {
        while (bus_next(bus, &e) == 1) {
            if (e.kind == kind) {
                return e;
            }
            if (e.kind == BUS_LOG_LOST || e.kind == BUS_REPORTS_LOST) {
                snprintf(lost, sizeof(lost), "partition %u: %s", e.partition, e.why);
            }
        }
        bus_rest(bus);
    }
    ck_abort_msg("event %d did not come; lost last: %s; last error: %s", (int)kind, lost,
                 bus_stats(bus)->last_error);
}

struct bus_event bus_await(struct bus *bus, enum bus_event_kind kind)
{
    return bus_await_for(bus, kind, BUS_PATIENCE_MS);
}
