/* store.c: what the probe keeps on disk: its incarnation, and the fleet it was last given. */
#include "store.h"

#include "base/sha256.h"
#include "wire/local.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum { STORE_PATH_SIZE = 320, STORE_MODE = 0600, STORE_DIR_MODE = 0700 };

static int write_all(int fd, const uint8_t *data, size_t size)
{
    while (size > 0) {
        ssize_t n = write(fd, data, size);
        if (n < 0 && errno != EINTR)
            return ERR_IO;
        if (n > 0) {
            data += n;
            size -= (size_t)n;
        }
    }
    return OK;
}

/* Writes a file beside, synchronises it, moves it into its place, synchronises the directory. */
static int replace(const char *dir, const char *name, const uint8_t *data, size_t size)
{
    char path[STORE_PATH_SIZE], fresh[STORE_PATH_SIZE];
    snprintf(path, sizeof(path), "%s/%s", dir, name);
    snprintf(fresh, sizeof(fresh), "%s/%s.new", dir, name);
    int fd = open(fresh, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, STORE_MODE);
    if (fd < 0)
        return ERR_IO;
    int status = write_all(fd, data, size);
    if (status == OK && fsync(fd) != 0)
        status = ERR_IO;
    if (close(fd) != 0)
        status = ERR_IO;
    if (status != OK || rename(fresh, path) != 0)
        return ERR_IO;
    int folder = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (folder < 0)
        return ERR_IO;
    status = fsync(folder) == 0 ? OK : ERR_IO;
    close(folder);
    return status;
}

/* Reads a file of at most max bytes into memory from malloc, with a NUL behind it. */
static int read_file(const char *dir, const char *name, size_t max, uint8_t **ret, size_t *ret_size)
{
    char path[STORE_PATH_SIZE];
    snprintf(path, sizeof(path), "%s/%s", dir, name);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return errno == ENOENT ? ERR_NOT_FOUND : ERR_IO;
    struct stat about;
    int status = fstat(fd, &about) == 0 ? OK : ERR_IO;
    if (status == OK && (!S_ISREG(about.st_mode) || (uint64_t)about.st_size > max))
        status = ERR_CORRUPT;
    uint8_t *data = status == OK ? malloc((size_t)about.st_size + 1) : NULL;
    if (status == OK && data == NULL)
        status = ERR_MEMORY;
    size_t got = 0;
    while (status == OK && got < (size_t)about.st_size) {
        ssize_t n = read(fd, data + got, (size_t)about.st_size - got);
        if (n == 0)
            break;
        if (n > 0)
            got += (size_t)n;
        else if (errno != EINTR)
            status = ERR_IO;
    }
    close(fd);
    if (status != OK) {
        free(data);
        return status;
    }
    data[got] = '\0';
    *ret = data;
    *ret_size = got;
    return OK;
}

int store_next_incarnation(const char *dir, uint64_t *ret)
{
    if (mkdir(dir, STORE_DIR_MODE) != 0 && errno != EEXIST)
        return ERR_IO;
    uint64_t known = 0;
    uint8_t *text = NULL;
    size_t size = 0;
    int status = read_file(dir, "incarnation", 32, &text, &size);
    if (status == OK) {
        char *end = NULL;
        errno = 0;
        known = strtoumax((char *)text, &end, 10);
        bool good = size > 1 && errno == 0 && end == (char *)text + size - 1 && *end == '\n' &&
                    known < UINT64_MAX;
        free(text);
        if (!good)
            return ERR_CORRUPT;
    } else if (status != ERR_NOT_FOUND) {
        return status;
    }
    uint64_t wall = (uint64_t)time(NULL);
    uint64_t next = known + 1 > wall ? known + 1 : wall;
    char line[32];
    int length = snprintf(line, sizeof(line), "%" PRIu64 "\n", next);
    status = replace(dir, "incarnation", (const uint8_t *)line, (size_t)length);
    if (status == OK)
        *ret = next;
    return status;
}

int store_fleet_write(const char *dir, const uint8_t *frame, size_t size)
{
    uint8_t *file = malloc(size + DIGEST_SIZE);
    if (file == NULL)
        return ERR_MEMORY;
    struct digest digest = sha256_of(frame, size);
    memcpy(file, digest.bytes, DIGEST_SIZE);
    memcpy(file + DIGEST_SIZE, frame, size);
    int status = replace(dir, "fleet", file, size + DIGEST_SIZE);
    free(file);
    return status;
}

int store_fleet_read(const char *dir, uint8_t **ret_frame, size_t *ret_size)
{
    uint8_t *file = NULL;
    size_t size = 0;
    int status = read_file(dir, "fleet", LOCAL_MAX_FRAME + DIGEST_SIZE, &file, &size);
    if (status != OK)
        return status;
    struct digest digest;
    if (size > DIGEST_SIZE)
        digest = sha256_of(file + DIGEST_SIZE, size - DIGEST_SIZE);
    if (size <= DIGEST_SIZE || memcmp(digest.bytes, file, DIGEST_SIZE) != 0) {
        free(file);
        return ERR_CORRUPT;
    }
    memmove(file, file + DIGEST_SIZE, size - DIGEST_SIZE);
    *ret_frame = file;
    *ret_size = size - DIGEST_SIZE;
    return OK;
}
