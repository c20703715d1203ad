/* drill_effect.h: when the first change that a drill brought about was in effect everywhere: at
 * every DNS server for answers, at every IDC whose routes or features changed. */
#ifndef SPILLWAY_CLI_DRILL_EFFECT_H
#define SPILLWAY_CLI_DRILL_EFFECT_H

#include "model/control.h"

/* Places that still have to acknowledge. All zero: nothing was changed yet. */
struct drill_effect {
    uint64_t generation; /* of the first change */
    struct logtime decided, done;
    uint32_t left;
    bool dns[FLEET_MAX_DNS_SERVERS], routes[FLEET_MAX_IDCS], features[FLEET_MAX_IDCS];
};

/* The first decision after the stroke that changes the plan begins it; later ones do nothing. lost:
 * the IDC that the drill takes away, where nothing can be in effect; FLEET_NONE: none. */
void drill_effect_decide(struct drill_effect *e, const struct fleet *f, const struct decide *d,
                         uint16_t lost, struct logtime now);
/* A place has acknowledged. */
void drill_effect_outcome(struct drill_effect *e, const struct step *s, struct logtime now);

#endif
