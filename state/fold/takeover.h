/* takeover.h: which candidate could lead next, by what the log knows of it (PROTOCOL.md, "Lease").
 */
#ifndef SPILLWAY_FOLD_TAKEOVER_H
#define SPILLWAY_FOLD_TAKEOVER_H

#include "model/control.h"
#include "model/record.h"

enum takeover {
    TAKEOVER_CAN,
    TAKEOVER_LEADS,        /* it does already */
    TAKEOVER_NO_CANDIDATE, /* by the fleet */
    TAKEOVER_SILENT,       /* its newest `alive` is older than three of them, or never came */
    TAKEOVER_OLD,          /* its version is older than the rules in force */
    TAKEOVER_HALTED,
    TAKEOVER_COLD, /* it has not read every report partition to its end */
};

/* idc is one of the fleet. */
enum takeover takeover_of(const struct control *c, uint16_t idc);
/* Somebody leads, and the subject (an IDC; kind 0: anybody) can take over from it. */
bool takeover_is_possible(const struct control *c, const struct subject *to);
/* What there is to say behind the name of the IDC: "can take over", "is halted", ... */
const char *takeover_text(enum takeover t);

#endif
