/* arena.h: a bump allocator over memory that the caller gives; the core never calls malloc. */
#ifndef SPILLWAY_BASE_ARENA_H
#define SPILLWAY_BASE_ARENA_H

#include <stddef.h>
#include <stdint.h>

struct arena {
    uint8_t *base; /* owned by the caller, outlives everything allocated from it */
    size_t size;   /* bytes */
    size_t used;   /* bytes, at most size */
};

/* Starts an empty arena over mem, which must be aligned to 16 bytes. */
void arena_init(struct arena *a, void *mem, size_t size);
/* Zeroed room for count elements of size bytes, aligned to 16 bytes; NULL when the arena is full or
 * count * size overflows. A count of 0 gives a valid pointer that must not be read. */
void *arena_alloc(struct arena *a, size_t count, size_t size);

#define ARENA_NEW(a, type, count) ((type *)arena_alloc((a), (count), sizeof(type)))

#endif
