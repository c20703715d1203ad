/* probe.h: the probe as a whole: what happens when, and what is told to whom. */
#ifndef SPILLWAY_PROBE_PROBE_H
#define SPILLWAY_PROBE_PROBE_H

#include "config/logger.h"
#include "config/settings.h"

struct probe;

/* Starts a probe: next incarnation, bus, the fleet from disk if there is one. Errors are logged.
 * Settings and logger outlive it. */
int probe_new(const struct probe_settings *settings, struct logger *log,
              struct probe **ret) MUST_CHECK;
/* Tells the bus what is still to tell, for at most a second. */
void probe_free(struct probe *p);

/* The loop's side: one descriptor that is readable when probe_events has something to do. After
 * each round of events, and only then, probe_turn does what is due: so what had arrived is seen
 * before anything is concluded from its absence. */
int probe_fd(const struct probe *p);
void probe_events(struct probe *p);
void probe_turn(struct probe *p);
/* Reads keys again (SIGHUP). */
void probe_reread(struct probe *p);

#endif
