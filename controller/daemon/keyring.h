/* keyring.h: the keys that this daemon needs for a fleet, loaded once and again on SIGHUP. */
#ifndef SPILLWAY_DAEMON_KEYRING_H
#define SPILLWAY_DAEMON_KEYRING_H

#include "config/keys.h"
#include "config/logger.h"
#include "model/fleet.h"

struct keyring {
    struct key *keys;
    uint32_t count;
};

/* Loads every key that the fleet names for reports and DNS servers. A key that cannot be loaded is
 * told to the log and left out: what needs it does not work, the rest does. ERR_MEMORY: nothing has
 * changed. */
int keyring_load(struct keyring *ring, const char *keys_dir, const struct fleet *f,
                 const struct logger *log) MUST_CHECK;
/* NULL when it could not be loaded. */
const struct key *keyring_find(const struct keyring *ring, const char *id);
/* Wipes and frees. */
void keyring_done(struct keyring *ring);

#endif
