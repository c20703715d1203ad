/* oracle_explain.c: law 8: what a decision must carry, so that it can be told later by whom
 * something was seen, and why traffic was taken from it. */
#include "sim.h"

static bool seen_by_somebody(const struct verdict *v)
{
    uint64_t any = 0;
    for (size_t i = 0; i < sizeof v->for_observers / sizeof v->for_observers[0]; i++) {
        any |= v->for_observers[i];
    }
    return any != 0;
}

/* The verdict is about the entrance over the carrier, or about something that it is a part of. */
static bool concerns(const struct sim *s, const struct subject *about, uint16_t entrance,
                     uint16_t carrier)
{
    const struct entrance *e = &s->fleet->entrances[entrance];
    switch (about->kind) {
    case SUBJECT_IDC:
    case SUBJECT_BACKBONE: return about->a == e->idc;
    case SUBJECT_SERVICE: return about->a == e->service && about->b == e->idc;
    case SUBJECT_CARRIER: return about->a == carrier;
    case SUBJECT_CARRIER_AT: return about->a == carrier && about->b == e->idc;
    case SUBJECT_PATH: return about->a == entrance && about->b == carrier;
    case SUBJECT_LINK:
    case SUBJECT_CONDUIT:
    case SUBJECT_OBSERVER:
    case SUBJECT_REGION:
    case SUBJECT_ENTRANCE:
    case SUBJECT_FEATURES:
    case SUBJECT_TARGET: break;
    }
    return false;
}

bool oracle_says_why(const struct sim *s, const struct decide *d, uint16_t entrance,
                     uint16_t carrier)
{
    bool seen = false;
    for (uint32_t i = 0; i < d->verdict_count && d->evidence_count > 0; i++) {
        const struct verdict *v = &d->verdicts[i];
        seen = seen || (v->health != HEALTH_UP && v->rule != RULE_NONE && seen_by_somebody(v) &&
                        concerns(s, &v->subject, entrance, carrier));
    }
    return seen;
}
