/* keys.h: secrets by id, each from its own file in the host's keys_dir; never from the fleet file.
 *
 * <keys_dir>/<key-id>.key holds one line of base64 (a final newline is allowed). The file must be a
 * regular file of the running user or root, not reachable for group and others (mode 0600 or 0400),
 * and not a symbolic link; nor may others change the directory. The file is read by read(2) into
 * one buffer, which is wiped. */
#ifndef SPILLWAY_CONFIG_KEYS_H
#define SPILLWAY_CONFIG_KEYS_H

#include "base/error.h"

#include <stddef.h>
#include <stdint.h>

enum {
    KEY_MIN_SIZE = 16, /* bytes of a key once decoded; less is refused */
    KEY_MAX_SIZE = 128,
    KEY_ID_SIZE = 64, /* NUL included */
};

struct key {
    char id[KEY_ID_SIZE];
    size_t size;
    uint8_t bytes[KEY_MAX_SIZE];
};

/* Loads a key. Errors, with *ret_key untouched:
 *   ERR_NOT_FOUND   no such file (or no such directory)
 *   ERR_PERMISSION  owner, mode or type of the file is wrong, or it may not be read; others may
 *                   change the directory
 *   ERR_INVALID     the id is no key id, or the content is not base64 of 16 to 128 bytes
 *   ERR_IO          reading failed
 * why, when not NULL, gets one sentence for people that names the file and the remedy (no secret).
 */
int key_load(const char *keys_dir, const char *id, struct key *ret_key, char *why,
             size_t why_size) MUST_CHECK;
/* Overwrites the key in a way that the compiler keeps. */
void key_wipe(struct key *key);

#endif
