/* budget.c: an allocator for protobuf-c that ends. */
#include "wire/budget.h"

#include <stdlib.h>

static void *budget_alloc(void *data, size_t size)
{
    struct budget *b = data;
    if (size > b->left) {
        return NULL;
    }
    b->left -= size;
    void *memory = malloc(size > 0 ? size : 1);
    b->starved = b->starved || memory == NULL;
    return memory;
}

static void budget_free(void *data, void *memory)
{
    (void)data;
    free(memory);
}

void budget_init(struct budget *b, size_t size)
{
    b->left = 64 * 1024 + 10 * size;
    b->starved = false;
    b->allocator =
        (ProtobufCAllocator){.alloc = budget_alloc, .free = budget_free, .allocator_data = b};
}
