/* record.h: the records of spillway.log as plain data (PROTOCOL.md, "The log").
 *
 * A decoded record borrows its arrays and byte strings from the arena or buffer it was decoded
 * with. */
#ifndef SPILLWAY_MODEL_RECORD_H
#define SPILLWAY_MODEL_RECORD_H

#include "model/demand.h"
#include "model/drill.h"
#include "model/plan.h"

enum record_kind {
    RECORD_GENESIS = 1,
    RECORD_CLAIM,
    RECORD_HEARTBEAT,
    RECORD_DECIDE,
    RECORD_OPERATOR,
    RECORD_STEP = 7,
    RECORD_SNAPSHOT,
    RECORD_RULES,
};

enum {
    RECORD_TEXT_SIZE = 256,     /* identities and reasons */
    RECORD_MAX_CHANGES = 16384, /* of one DECIDE */
    RECORD_MAX_EVIDENCE = FLEET_MAX_IDCS,
    RECORD_MAX_VERDICTS = 4096,
    RECORD_MAX_GUARDS = 32,
    RECORD_MAX_DEMANDS = 1024, /* of one DECIDE; more come with the next */
    RECORD_MAX_BYTES =
        8 * 1024 * 1024,     /* of any encoded record; fleet check prints a fleet's own bound */
    REPLICA_PERSON = 0xffff, /* writer of GENESIS: a person's command */
};

/* Who wrote a record. replica is the IDC's report partition number, stable over fleets. */
struct writer {
    uint16_t replica;
    uint64_t incarnation; /* random at each start */
    uint64_t sequence;    /* from 1 */
};

struct request_id {
    uint8_t bytes[16];
};

struct bytes {
    const uint8_t *at;
    size_t size;
};

/* A report that a decision used. */
struct evidence_ref {
    uint16_t partition;
    int64_t offset;
    int64_t age_us;
};

enum guard {
    GUARD_NEVER_LAST = 1, /* law 5: no answer empties */
    GUARD_LAST_IDC,       /* law 5: the last IDC of a service is not drained */
    GUARD_CORE,           /* law 5: tier 0 is never demoted */
    GUARD_QUORUM,         /* law 2 */
    GUARD_COLD_START,     /* law 1 */
    GUARD_STATEFUL,       /* law 12 */
    GUARD_CAPACITY,       /* law 6: no plan over capacity while a tier is left to shed */
    GUARD_DRAIN_BUDGET,   /* policy.max_drained_idcs */
    GUARD_RESTORE,        /* law 7: approval, hold-down, step size, step interval */
    GUARD_PIN,            /* a person's order keeps it: pinned, or undone */
    GUARD_FREEZE,         /* a person's freeze is on the plan */
    GUARD_LAST = GUARD_FREEZE
};

struct guard_result {
    enum guard guard;
    bool passed;
    struct subject subject; /* what it looked at when it did not pass; kind 0 otherwise */
};

/* What a decision is for. */
enum decide_purpose {
    DECIDE_NOTE = 1, /* an incident changed, the plan did not: no generation */
    DECIDE_RESCUE,   /* away from a dead source, with the demotions it needs (law 6) */
    DECIDE_SHED,     /* demotion before a planned shift, or against overload */
    DECIDE_SHIFT,   /* planned shift away from a drain, one step, after its demotion was verified */
    DECIDE_RESTORE, /* slots back, one step */
    DECIDE_PROMOTE, /* features back, one step */
    DECIDE_ROUTES,  /* next hops and releases */
    DECIDE_CONFIRM, /* an earlier decision, read back late or found without a STEP, is confirmed */
    DECIDE_REVERT,  /* ... or taken back */
};

/* An incident after this decision. */
struct decide {
    enum decide_purpose purpose;
    uint64_t generation;       /* of the plan after it; unchanged when change_count is 0 */
    struct digest plan_digest; /* of the plan after it */
    uint32_t evidence_count, verdict_count, guard_count, incident_count, change_count;
    struct evidence_ref *evidence;
    struct verdict *verdicts; /* those that are not plainly up */
    struct guard_result *guards;
    struct incident
        *incidents; /* new state of each incident that changes; offsets 0, the fold sets them */
    struct change *changes; /* its inverse: changes_invert() */
    uint64_t concerns;      /* CONFIRM, REVERT: offset of that decision; else 0 */
    uint32_t order; /* REVERT: the UNDO that it carries out; NOTE: the ended order that is home;
                       SHED, SHIFT: the newest DRAIN or DEMOTE it follows; else 0 */
    struct drill_move drill;     /* of the drill under way; state DRILL_NEVER: none */
    uint32_t demand_count;       /* NOTE only */
    struct demand_word *demands; /* what is measured now, ascending by service, then view */
};

/* What each takes beside identity and reason. Those that give an order (model/order.h) may have a
 * time to live. */
enum operator_command {
    OPERATOR_APPROVE = 1, /* argument: incident */
    OPERATOR_RELEASE,     /* argument: order */
    OPERATOR_SKIP,        /* argument: offset */
    OPERATOR_DRAIN,       /* subject: IDC, service at an IDC, or entrance */
    OPERATOR_UNDRAIN,     /* subject of a drain */
    OPERATOR_DEMOTE,      /* subject: features; tier: the lowest that goes off */
    OPERATOR_PROMOTE,     /* subject of a demotion */
    OPERATOR_PIN,         /* subject: like DRAIN, or region */
    OPERATOR_FREEZE,
    OPERATOR_UNDO,   /* argument: offset of a decision; changes: its inverse, as far as it stood */
    OPERATOR_DRILL,  /* drill, target */
    OPERATOR_ABORT,  /* argument: run of a drill */
    OPERATOR_HOLD,   /* argument: a break-glass hold; for the audit, it changes nothing */
    OPERATOR_UNHOLD, /* argument: the hold that is released; the same */
    OPERATOR_FLEET,  /* replaces, fleet, plan; argument: record that gave the one in force */
    OPERATOR_TRANSFER, /* subject: the IDC that is to lead, or none: any candidate that can */
    OPERATOR_LAST = OPERATOR_TRANSFER
};

struct operator_record {
    struct request_id request;
    char identity[RECORD_TEXT_SIZE];
    char reason[RECORD_TEXT_SIZE];
    enum operator_command command;
    uint64_t argument;
    struct subject subject;
    uint8_t tier;
    int64_t ttl_us; /* 0: for ever */
    uint32_t change_count;
    struct change *changes;
    struct bytes drill; /* canonical form (drill_codec) */
    struct drill_target target;
    struct digest replaces; /* the fleet that the new one follows */
    struct bytes fleet;     /* the new one, canonical */
    struct bytes plan;      /* of it: what is in force of what is in both, and all that is new */
};

enum actuator { ACTUATOR_DNS = 1, ACTUATOR_ROUTES, ACTUATOR_FEATURES, ACTUATOR_INJECT };
enum step_kind { STEP_OUTCOME = 1, STEP_LINK_DOWN, STEP_ALIVE, STEP_INJECTION };

struct step {
    enum step_kind kind;
    /* STEP_OUTCOME */
    enum actuator actuator;
    uint16_t target; /* DNS: server; else the IDC */
    struct fence fence;
    int32_t status; /* of the error table */
    /* STEP_LINK_DOWN */
    uint16_t link;
    uint8_t end;
    uint32_t down_number; /* counted in the local journal, from 1 */
    /* STEP_ALIVE */
    uint32_t version;      /* highest rules version this binary runs */
    int64_t alive_base;    /* applied offset ... */
    struct digest control; /* ... and the control digest at it */
    bool warm;             /* has read every report partition to its end */
    bool halted;
    /* STEP_INJECTION, status: what this IDC does for a drill */
    uint32_t run;
    uint8_t drill_step; /* whose injection lasts here; DRILL_MAX_STEPS: none */
};

struct record {
    enum record_kind kind;
    struct log_id log_id;
    struct writer writer;
    uint64_t epoch;
    int64_t base; /* offset its writer had folded up to; -1 for none */
    struct logtime log_time;
    union {
        struct {
            struct log_id predecessor; /* zero for init */
            uint64_t era;
            struct bytes fleet;   /* canonical form (fleet_codec) */
            struct bytes control; /* reseed: canonical control state; init: empty, with plan set */
            struct bytes plan;    /* init: canonical plan (plan_codec) */
            char identity[RECORD_TEXT_SIZE];
            char reason[RECORD_TEXT_SIZE];
        } genesis;
        struct {
            uint64_t ends_epoch;
            int64_t names; /* offset of the newest record of that epoch's leader */
        } claim;
        struct {
            struct digest control; /* at base */
            bool yield;
            int64_t snapshot; /* offset of the newest accepted SNAPSHOT, -1 for none */
        } heartbeat;
        struct decide decide;
        struct operator_record operator;
        struct step step;
        struct {
            struct bytes control; /* canonical control state at base */
        } snapshot;
        struct {
            uint32_t version;
        } rules;
    };
};

/* Most changes that a record about this fleet carries: one for each place of a plan. */
uint32_t record_max_changes(const struct fleet *f);
/* Most words on demand that a decision about this fleet carries. */
uint32_t record_max_demands(const struct fleet *f);
const char *record_kind_name(enum record_kind k);
const char *operator_command_name(enum operator_command c); /* "drain", ... */
/* It speaks of places of a fleet by their indices, which mean nothing in another fleet. */
bool operator_names_places(enum operator_command c);
const char *guard_name(enum guard g);
const char *decide_purpose_name(enum decide_purpose p);
const char *actuator_name(enum actuator a);

#endif
