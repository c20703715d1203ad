/* record.c: names of record kinds, guards, purposes, commands and actuators. */
#include "model/record.h"

uint32_t record_max_changes(const struct fleet *f)
{
    uint64_t n = (uint64_t)f->service_count * f->view_count +
                 (uint64_t)f->idc_count * f->idc_count + (uint64_t)2 * f->link_count +
                 (uint64_t)f->region_count * f->service_count + fleet_announce_bound(f);
    return n < RECORD_MAX_CHANGES ? (uint32_t)n : RECORD_MAX_CHANGES;
}

uint32_t record_max_demands(const struct fleet *f)
{
    uint32_t n = (uint32_t)f->service_count * f->view_count;
    return n < RECORD_MAX_DEMANDS ? n : RECORD_MAX_DEMANDS;
}

const char *record_kind_name(enum record_kind k)
{
    switch (k) {
    case RECORD_GENESIS: return "GENESIS";
    case RECORD_CLAIM: return "CLAIM";
    case RECORD_HEARTBEAT: return "HEARTBEAT";
    case RECORD_DECIDE: return "DECIDE";
    case RECORD_OPERATOR: return "OPERATOR";
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
    case GUARD_PIN: return "pin";
    case GUARD_FREEZE: return "freeze";
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

bool operator_names_places(enum operator_command c)
{
    switch (c) {
    case OPERATOR_DRAIN:
    case OPERATOR_UNDRAIN:
    case OPERATOR_DEMOTE:
    case OPERATOR_PROMOTE:
    case OPERATOR_PIN:
    case OPERATOR_UNDO:
    case OPERATOR_DRILL:
    case OPERATOR_TRANSFER: return true;
    case OPERATOR_APPROVE:
    case OPERATOR_RELEASE:
    case OPERATOR_SKIP:
    case OPERATOR_FREEZE:
    case OPERATOR_ABORT:
    case OPERATOR_HOLD:
    case OPERATOR_UNHOLD:
    case OPERATOR_FLEET: return false; /* it says itself what it follows */
    }
    return true;
}

const char *operator_command_name(enum operator_command c)
{
    switch (c) {
    case OPERATOR_APPROVE: return "approve";
    case OPERATOR_RELEASE: return "release";
    case OPERATOR_SKIP: return "skip";
    case OPERATOR_DRAIN: return "drain";
    case OPERATOR_UNDRAIN: return "undrain";
    case OPERATOR_DEMOTE: return "demote";
    case OPERATOR_PROMOTE: return "promote";
    case OPERATOR_PIN: return "pin";
    case OPERATOR_FREEZE: return "freeze";
    case OPERATOR_UNDO: return "undo";
    case OPERATOR_DRILL: return "drill";
    case OPERATOR_ABORT: return "abort";
    case OPERATOR_HOLD: return "emergency-hold";
    case OPERATOR_UNHOLD: return "emergency-release";
    case OPERATOR_FLEET: return "fleet";
    case OPERATOR_TRANSFER: return "leader-transfer";
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
