/* takeover.c: which candidate could lead next. */
#include "fold/takeover.h"

#include "fold/fold.h"

#define SILENT_US (30 * US_PER_SEC) /* three times the pause between two `alive` */

enum takeover takeover_of(const struct control *c, uint16_t idc)
{
    const struct alive_state *a = &c->alive[idc];
    if (c->epoch > 0 && fold_replica(c->fleet, c->leader.replica) == idc) {
        return TAKEOVER_LEADS;
    }
    if (!c->fleet->idcs[idc].candidate) {
        return TAKEOVER_NO_CANDIDATE;
    }
    if (a->version == 0 || logtime_diff_us(c->log_time, a->at) > SILENT_US) {
        return TAKEOVER_SILENT;
    }
    if (a->version < c->rules) {
        return TAKEOVER_OLD;
    }
    if (a->halted) {
        return TAKEOVER_HALTED;
    }
    return a->warm ? TAKEOVER_CAN : TAKEOVER_COLD;
}

bool takeover_is_possible(const struct control *c, const struct subject *to)
{
    bool possible = false, any = (unsigned)to->kind == 0;
    for (uint16_t i = 0; i < c->fleet->idc_count; i++) {
        bool meant = any || (to->kind == SUBJECT_IDC && to->a == i);
        possible = possible || (meant && takeover_of(c, i) == TAKEOVER_CAN);
    }
    return possible && c->epoch > 0;
}

const char *takeover_text(enum takeover t)
{
    switch (t) {
    case TAKEOVER_CAN: return "can take over";
    case TAKEOVER_LEADS: return "leads already";
    case TAKEOVER_NO_CANDIDATE: return "is no candidate of the fleet";
    case TAKEOVER_SILENT: return "has not been heard in the log for 30 s";
    case TAKEOVER_OLD: return "runs an older version than the rules in force";
    case TAKEOVER_HALTED: return "is halted";
    case TAKEOVER_COLD: return "has not read every report partition to its end";
    }
    return "?";
}
