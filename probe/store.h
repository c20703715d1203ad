/* store.h: what the probe keeps on disk: its incarnation, and the fleet it was last given. */
#ifndef SPILLWAY_PROBE_STORE_H
#define SPILLWAY_PROBE_STORE_H

#include "base/error.h"

#include <stddef.h>
#include <stdint.h>

/* Makes the directory if it is absent, then takes the next incarnation: the greater of the one on
 * disk
 * + 1 and the wall clock in seconds. It is on disk, synchronised, before it is returned. ERR_IO
 * with errno; ERR_CORRUPT when the file holds something else. */
int store_next_incarnation(const char *dir, uint64_t *ret) MUST_CHECK;
/* Replaces the fleet (a LOCAL_FLEET frame), atomically and synchronised. ERR_IO with errno. */
int store_fleet_write(const char *dir, const uint8_t *frame, size_t size) MUST_CHECK;
/* *ret_frame is from malloc. ERR_NOT_FOUND, ERR_CORRUPT (its digest does not match), ERR_IO. */
int store_fleet_read(const char *dir, uint8_t **ret_frame, size_t *ret_size) MUST_CHECK;

#endif
