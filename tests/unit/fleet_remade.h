/* fleet_remade.h: a fleet made from another one, for tests of what follows it: in another order,
 * without one thing and all that hangs on it. */
#ifndef SPILLWAY_TEST_FLEET_REMADE_H
#define SPILLWAY_TEST_FLEET_REMADE_H

#include "model/control.h"
#include "model/record.h"

/* The lists of a fleet whose things are followed by name. */
enum part {
    PART_REGION,
    PART_CARRIER,
    PART_IDC,
    PART_LINK,
    PART_CONDUIT,
    PART_VIEW,
    PART_SERVICE,
    PART_ENTRANCE,
    PART_SERVER,
    PART_REFERENCE,
    PARTS
};

struct remake {
    bool reverse; /* every list, from its end to its beginning */
    bool takes;   /* something away: */
    enum part part;
    uint16_t index;
};

/* In memory of its own: one free() ends it. */
struct fleet *fleet_remade(const struct fleet *f, const struct remake *how);
/* What the fleet has of it. */
uint16_t fleet_count(const struct fleet *f, enum part part);
/* Bytes of a fleet and of a plan in their canonical forms, malloc'ed. */
struct bytes fleet_bytes(const struct fleet *f);
struct bytes plan_bytes(const struct plan *p);

#endif
