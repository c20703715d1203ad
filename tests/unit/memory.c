/* memory.c: see memory.h; by /proc/PID/mem. */
#include "memory.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <openssl/evp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { PART = 16, PARTS = 8, CHUNK = 1 << 20 };
#define MAPPING_MAX (UINT64_C(1) << 30) /* a sanitizer's shadow is larger, and holds no data */

static size_t read_parts(const char *key_file, uint8_t parts[PARTS][PART])
{
    uint8_t text[256], key[256];
    FILE *f = fopen(key_file, "r");
    size_t n = f != NULL ? fread(text, 1, 44, f) : 0;
    if (f != NULL)
        fclose(f);
    if (n != 44 || EVP_DecodeBlock(key, text, 44) != 33) /* 32 bytes and a pad */
        return 0;
    memcpy(parts[0], text, PART);
    memcpy(parts[1], text + 20, PART);
    for (size_t i = 0; i < PART; i++) {
        parts[2][i] = key[i];
        parts[3][i] = key[PART + i];
        parts[4][i] = key[i] ^ 0x36;
        parts[5][i] = key[PART + i] ^ 0x36;
        parts[6][i] = key[i] ^ 0x5c;
        parts[7][i] = key[PART + i] ^ 0x5c;
    }
    return PARTS;
}

static long count_in(const uint8_t *data, size_t size, uint8_t parts[PARTS][PART])
{
    long found = 0;
    for (size_t i = 0; i < PARTS; i++) {
        const uint8_t *at = data;
        while ((at = memmem(at, size - (size_t)(at - data), parts[i], PART)) != NULL) {
            found++;
            at++;
        }
    }
    return found;
}

static long count_mapping(int mem, uint64_t from, uint64_t to, uint8_t parts[PARTS][PART])
{
    static uint8_t data[CHUNK];
    long found = 0;
    for (uint64_t at = from; at < to; at += CHUNK - PART) {
        uint64_t left = to - at;
        ssize_t n = pread(mem, data, left < CHUNK ? (size_t)left : CHUNK, (off_t)at);
        found += n > 0 ? count_in(data, (size_t)n, parts) : 0;
    }
    return found;
}

long memory_count_key(pid_t pid, const char *key_file)
{
    uint8_t parts[PARTS][PART];
    char path[64], line[512];
    snprintf(path, sizeof(path), "/proc/%d/mem", (int)pid);
    int mem = open(path, O_RDONLY | O_CLOEXEC);
    snprintf(path, sizeof(path), "/proc/%d/maps", (int)pid);
    FILE *maps = mem >= 0 ? fopen(path, "re") : NULL;
    if (maps == NULL || read_parts(key_file, parts) == 0) {
        int e = errno;
        if (mem >= 0)
            close(mem);
        if (maps != NULL)
            fclose(maps);
        errno = e;
        return -1;
    }
    long found = 0;
    while (fgets(line, sizeof(line), maps) != NULL) {
        uint64_t from, to;
        char mode[8];
        if (sscanf(line, "%" SCNx64 "-%" SCNx64 " %4s", &from, &to, mode) == 3 && mode[1] == 'w' &&
            to - from <= MAPPING_MAX)
            found += count_mapping(mem, from, to, parts);
    }
    fclose(maps);
    close(mem);
    return found;
}
