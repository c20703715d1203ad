/* memory.h: looks for a secret in the memory of another process. */
#ifndef SPILLWAY_TESTS_MEMORY_H
#define SPILLWAY_TESTS_MEMORY_H

#include <stddef.h>
#include <sys/types.h>

/* How often parts of the key in this file are in the writable memory of a process: as bytes, as
 * base64, or as HMAC pads them; each half of 16 bytes counts. -1: it may not be looked into (errno
 * says why). The process should stand still meanwhile. */
long memory_count_key(pid_t pid, const char *key_file);

#endif
