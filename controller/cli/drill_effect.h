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
    int64_t acknowledged; /* offset of the last one that was waited for */
    bool dns[FLEET_MAX_DNS_SERVERS], routes[FLEET_MAX_IDCS], features[FLEET_MAX_IDCS];
};

/* The first decision after the stroke that changes the plan begins it; later ones do nothing. lost:
 * the IDC that the drill takes away, where nothing can be in effect; FLEET_NONE: none. */
void drill_effect_decide(struct drill_effect *e, const struct fleet *f, const struct decide *d,
                         uint16_t lost, struct logtime now);
/* A place has acknowledged, by the record at the offset. It knows no log time: the leader's next
 * record tells when that was at the latest. */
void drill_effect_outcome(struct drill_effect *e, const struct step *s, int64_t offset);
/* A record of the leader, made at that base: what it had read is in effect by now. */
void drill_effect_time(struct drill_effect *e, int64_t base, struct logtime now);

#endif
