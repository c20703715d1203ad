/* reporter.h: full-state reports to the bus, signed with the probe's key (wire/report.h,
 * log/bus.h). */
#ifndef SPILLWAY_PROBE_REPORTER_H
#define SPILLWAY_PROBE_REPORTER_H

#include "config/logger.h"
#include "log/bus.h"
#include "world.h"

struct reporter;

int reporter_new(const char *brokers, const char *security, const char *keys_dir,
                 uint64_t incarnation, const struct logger *log, struct reporter **ret, char *why,
                 size_t why_size) MUST_CHECK;
/* Waits at most flush_ms for what is under way. */
void reporter_free(struct reporter *r, int flush_ms);
int reporter_fd(const struct reporter *r);
/* Does what the bus asks for; call it when reporter_fd is readable and every BUS_PUMP_MS. Says in
 * the log when the bus goes and comes. */
void reporter_pump(struct reporter *r, struct mono now);
/* The keys of the world's IDC are read again before the next report. */
void reporter_forget_key(struct reporter *r);
/* Sends the state of all targets. Without its key nothing is sent, and the log says so. */
void reporter_send(struct reporter *r, struct world *w, int64_t lateness_us, struct mono now);
uint64_t reporter_sequence(const struct reporter *r);

#endif
