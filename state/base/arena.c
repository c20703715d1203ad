/* arena.c: bump allocation with checked arithmetic. */
#include "base/arena.h"

#include <assert.h>
#include <string.h>

#define ARENA_ALIGN ((size_t)16)

void arena_init(struct arena *a, void *mem, size_t size)
{
    assert(((uintptr_t)mem & (ARENA_ALIGN - 1)) == 0);
    *a = (struct arena){.base = mem, .size = size, .used = 0};
}

void *arena_alloc(struct arena *a, size_t count, size_t size)
{
    size_t bytes;
    if (__builtin_mul_overflow(count, size, &bytes) || bytes > a->size) {
        return NULL;
    }
    size_t start = (a->used + ARENA_ALIGN - 1) & ~(ARENA_ALIGN - 1);
    if (start > a->size || a->size - start < bytes) {
        return NULL;
    }
    void *p = a->base + start;
    a->used = start + bytes;
    memset(p, 0, bytes);
    return p;
}
