/* fuzz_files.c: any bytes as the small files that a process reads at its start: a key, a probe's
 * incarnation and its last fleet, the route helper's fence. No crash; what is read is in bounds,
 * and what is written is read again. The first byte chooses which. */
#include "actuate/routed/state.h"
#include "config/keys.h"
#include "store.h"

#include "base/sha256.h"

#include <assert.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static char dir[] = "/tmp/spillway-fuzz-XXXXXX";

static void remove_dir(void)
{
    static const char *const names[] = {"k.key", "incarnation", "fleet", "fence", "fence.lock"};
    char path[64];
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        snprintf(path, sizeof path, "%s/%s", dir, names[i]);
        (void)unlink(path);
    }
    (void)rmdir(dir);
}

static void put(const char *name, const uint8_t *data, size_t size, char ret_path[64])
{
    snprintf(ret_path, 64, "%s/%s", dir, name);
    int fd = open(ret_path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    assert(fd >= 0);
    assert(write(fd, data, size) == (ssize_t)size);
    close(fd);
}

static void as_key(const uint8_t *data, size_t size)
{
    char path[64], why[256] = "";
    struct key key;
    put("k.key", data, size, path);
    int status = key_load(dir, "k", &key, why, sizeof why);
    assert(status == OK || (status == ERR_INVALID && strstr(why, path) != NULL));
    if (status == OK) {
        assert(key.size >= KEY_MIN_SIZE && key.size <= KEY_MAX_SIZE);
        assert((key.size + 2) / 3 * 4 <= size); /* base64: as long as it has to be */
        key_wipe(&key);
    }
}

static void as_incarnation(const uint8_t *data, size_t size)
{
    char path[64];
    uint64_t first = 0, second = 0;
    put("incarnation", data, size, path);
    if (store_next_incarnation(dir, &first) == OK) {
        int status = store_next_incarnation(dir, &second);
        assert(first != 0 && (first == UINT64_MAX || (status == OK && second > first)));
    }
}

/* With the digest that it has to have: anybody can compute it. */
static void as_fleet(const uint8_t *data, size_t size)
{
    char path[64];
    uint8_t *file = malloc(DIGEST_SIZE + size), *frame = NULL;
    size_t n = 0;
    assert(file != NULL);
    struct digest digest = sha256_of(data, size);
    memcpy(file, digest.bytes, DIGEST_SIZE);
    memcpy(file + DIGEST_SIZE, data, size);
    if (size > 0 && (data[0] & 1) != 0) {
        file[0] ^= 1;
    }
    put("fleet", file, DIGEST_SIZE + size, path);
    int status = store_fleet_read(dir, &frame, &n);
    if (status == OK) {
        assert(n == size && n > 0 && memcmp(frame, data, n) == 0 && (data[0] & 1) == 0);
        free(frame);
    }
    free(file);
}

static void as_fence(const uint8_t *data, size_t size)
{
    char path[64];
    struct fence_state found, again;
    put("fence", data, size, path);
    if (state_read(path, &found) != OK || found.fence.era == 0) {
        return;
    }
    struct fence next = found.fence;
    if (next.generation == UINT64_MAX || found.hold.id != 0) {
        return;
    }
    next.generation++;
    int status = state_raise(path, &next, &found);
    assert(status == OK);
    status = state_read(path, &again);
    assert(status == OK && fence_compare(&again.fence, &next) == FENCE_EQUAL);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static bool made;
    if (!made) {
        assert(mkdtemp(dir) != NULL);
        made = true;
        atexit(remove_dir);
    }
    if (size == 0) {
        return 0;
    }
    switch (data[0] % 4) {
    case 0: as_key(data + 1, size - 1); break;
    case 1: as_incarnation(data + 1, size - 1); break;
    case 2: as_fleet(data + 1, size - 1); break;
    case 3: as_fence(data + 1, size - 1); break;
    }
    return 0;
}
