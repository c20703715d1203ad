/* record.c: names of record kinds, guards, purposes and actuators. */
#include "model/record.h"

const char *record_kind_name(enum record_kind k)
{
    switch (k) {
    case RECORD_GENESIS: return "GENESIS";
    case RECORD_CLAIM: return "CLAIM";
    case RECORD_HEARTBEAT: return "HEARTBEAT";
    case RECORD_DECIDE: return "DECIDE";
    case RECORD_OPERATOR: return "OPERATOR";
    case RECORD_FLEET: return "FLEET";
    case RECORD_STEP: return "STEP";
    case RECORD_SNAPSHOT: return "SNAPSHOT";
    case RECORD_RULES: return "RULES";
    }
    return "?";
}

const char *guard_name(enum guard g)
{
    switch (g) {
    case GUARD_NEVER_LAST: return "never-last";
    case GUARD_LAST_IDC: return "last-idc";
    case GUARD_CORE: return "core";
    case GUARD_QUORUM: return "quorum";
    case GUARD_COLD_START: return "cold-start";
    case GUARD_STATEFUL: return "stateful";
    case GUARD_CAPACITY: return "capacity";
    case GUARD_DRAIN_BUDGET: return "drain-budget";
    case GUARD_RESTORE: return "restore";
    case GUARD_HOLD: return "hold";
    }
    return "?";
}

const char *decide_purpose_name(enum decide_purpose p)
{
    switch (p) {
    case DECIDE_NOTE: return "note";
    case DECIDE_RESCUE: return "rescue";
    case DECIDE_SHED: return "shed";
    case DECIDE_SHIFT: return "shift";
    case DECIDE_RESTORE: return "restore";
    case DECIDE_PROMOTE: return "promote";
    case DECIDE_ROUTES: return "routes";
    case DECIDE_CONFIRM: return "confirm";
    case DECIDE_REVERT: return "revert";
    }
    return "?";
}

const char *actuator_name(enum actuator a)
{
    switch (a) {
    case ACTUATOR_DNS: return "dns";
    case ACTUATOR_ROUTES: return "routes";
    case ACTUATOR_FEATURES: return "features";
    case ACTUATOR_INJECT: return "inject";
    }
    return "?";
}
