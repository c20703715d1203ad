/* budget.h: memory for unpacking bytes from outside, bounded by their number. Internal. */
#ifndef SPILLWAY_WIRE_BUDGET_H
#define SPILLWAY_WIRE_BUDGET_H

#include <protobuf-c/protobuf-c.h>
#include <stdbool.h>
#include <stddef.h>

struct budget {
    ProtobufCAllocator allocator;
    size_t left;  /* bytes that may still be asked for; given back memory does not count again */
    bool starved; /* the system had no memory: what failed is not the message's fault */
};

/* Starts a budget that any honest message of size bytes stays within: a packed column grows by
 * eight (one byte becomes an int64), everything else by less. A list of unknown fields grows by
 * more: such a message is damage or an attack and fails to unpack. b must not move afterwards. */
void budget_init(struct budget *b, size_t size);

#endif
