/* replica.h: one replica as a pure step: (state, event with its time) -> effects.
 *
 * The daemon and the simulator drive the same function. The daemon's duty: all records read in one
 * wake are stepped, then committed with the control state in one journal transaction, then the
 * effects are carried out in order; nothing is acted on before that commit (law 3). */
#ifndef SPILLWAY_CORE_REPLICA_H
#define SPILLWAY_CORE_REPLICA_H

#include "core/decide.h"
#include "fold/fold.h"

enum event_kind {
    EVENT_TICK = 1, /* time passed; nothing else */
    EVENT_RECORD,   /* a record of the log, in order of offsets */
    EVENT_LOG_END, /* everything up to offset end - 1 has been stepped; this is the log's end now */
    EVENT_LOG_LOST, /* the log cannot be read now (bus away); EVENT_LOG_END ends it */
    EVENT_REPORT,   /* a verified, decoded report; borrowed for the call, the replica copies it */
    EVENT_PARTITION_END,  /* a report partition was read to its end (after each batch that reaches
                             it) */
    EVENT_PARTITION_LOST, /* it cannot be read now; EVENT_PARTITION_END ends it */
    EVENT_REQUEST,        /* an operator's command from the control socket */
    EVENT_LINK_EDGE,      /* the local probe's word on a link end of this IDC */
    EVENT_OUTCOME,        /* an actuator finished (or gave up) one job */
    EVENT_STOP,           /* SIGTERM: yield, then drain */
};

struct link_edge {
    uint16_t link;
    uint8_t end;
    bool down;
    uint32_t down_number; /* the rim counts downs in the journal and commits before it steps (0 when
                             up) */
};

struct outcome {
    enum actuator actuator;
    uint16_t target;    /* DNS: server; else this IDC */
    struct fence fence; /* what was attempted */
    struct fence found; /* what is there now, when known (era 0: unknown) */
    int32_t status;
    /* INJECT: what was asked for; no fences */
    uint32_t run;
    uint8_t step; /* DRILL_MAX_STEPS: that nothing is injected any more */
};

struct event {
    enum event_kind kind;
    struct mono now;
    union {
        struct {
            const struct record *record;
            int64_t offset;
        } record;
        int64_t log_end; /* EVENT_LOG_END: offset after the last record */
        struct {
            const struct report *report;
            uint16_t partition;
            int64_t offset;
        } report;
        uint16_t partition; /* EVENT_PARTITION_END, EVENT_PARTITION_LOST */
        struct operator_record request;
        struct link_edge edge;
        struct outcome outcome;
    };
};

enum effect_kind {
    EFFECT_APPEND = 1, /* append this record to the log; fire and forget, the log tells the rest */
    EFFECT_DNS,        /* bring a server to the plan */
    EFFECT_ROUTES,     /* bring this IDC's routes to these hops */
    EFFECT_FEATURES,   /* bring this IDC's feature file to the plan */
    EFFECT_INJECT,     /* bring this IDC's injectors to what a drill wants */
    EFFECT_REPLY,      /* answer an operator's request */
    EFFECT_NOTICE,     /* tell people: a log line with a stable code */
    EFFECT_REREAD,     /* give the log's records again from this offset (after a skip) */
};

/* Ordered next hops for one destination IDC, as they should stand in the kernel now: effective
 * first. */
struct route_want {
    uint16_t destination; /* idc; all its prefixes */
    uint8_t count;
    uint16_t links[FLEET_MAX_HOPS];
};

enum notice {
    NOTICE_HALTED = 1, /* acting halted: digest differs or invariant broken */
    NOTICE_RESUMED,
    NOTICE_CLAIMED,
    NOTICE_LEADING,
    NOTICE_LOST_LEAD,
    NOTICE_DECIDED,
    NOTICE_VOID_DECISION, /* a decision of ours did not count */
    NOTICE_UNDECIDED,     /* the decision core failed (status); it is asked again in a second */
    NOTICE_INCIDENT,
    NOTICE_FENCE_SPLIT, /* equal era and generation, another digest or log id */
    NOTICE_HELD,        /* an actuator found a hold */
    NOTICE_REPORT_DROPPED,
    NOTICE_BUS_LOST,
    NOTICE_BUS_BACK,
    NOTICE_SNAPSHOT,         /* a SNAPSHOT was found to be our own control state at its base */
    NOTICE_SNAPSHOT_DIFFERS, /* ... or not to be */
};

struct effect {
    enum effect_kind kind;
    union {
        struct record append; /* its arrays belong to the replica until the next step */
        struct {
            uint16_t server;
            bool may_create; /* the fence may be created where absent: leader only */
            /* The plan to reach is control.plan. When the server stands at `predecessor` with its
             * done mark, `changes` (answers only) suffice. Borrowed until the next step. */
            struct fence predecessor;
            const struct change *changes;
            uint32_t change_count;
        } dns;
        struct {
            struct fence fence;
            uint32_t count;
            const struct route_want *want; /* borrowed until the next step */
            /* [service] 1: this IDC announces it; NULL: left as it is. Borrowed too. */
            const uint8_t *announced;
        } routes;
        struct {
            struct fence fence;
        } features;
        /* What is to be injected here, all of it; step DRILL_MAX_STEPS: nothing. The injectors end
         * it by themselves after for_us. */
        struct {
            uint32_t run;
            uint8_t step;
            bool mute;     /* the local probe falls silent */
            uint16_t view; /* whose measured demand is multiplied by factor_ppm; FLEET_NONE: none */
            uint32_t factor_ppm;
            int64_t for_us;
            uint32_t link_count;
            const uint16_t *links; /* that carry nothing; borrowed until the next step */
        } inject;
        struct {
            struct request_id request;
            int32_t status;
            int64_t offset; /* of the record, -1 when none */
        } reply;
        int64_t reread;
        struct {
            enum notice notice;
            int64_t offset; /* of the record concerned, -1 when none */
            int32_t status;
            uint16_t subject;
        } notice;
    };
};

enum { REPLICA_MAX_EFFECTS = 256 }; /* of one step */

struct replica_config {
    uint16_t replica;     /* partition number of this IDC */
    uint64_t incarnation; /* random */
    uint64_t seed;        /* of the claim delay */
    bool candidate;       /* from the fleet once known; false forbids leading locally */
    uint32_t version;     /* highest rules version this binary runs */
    bool unproven;        /* `restored` is from a SNAPSHOT: acts on nothing until the log's leader
                             has said that it took that one and has the same state */
};

struct replica; /* see replica.c; allocated from memory of the caller */

/* Bytes that a replica needs for fleets up to the given shape (or the largest allowed when NULL).
 */
size_t replica_size(const struct fleet *f);
/* Makes a replica in mem (16-byte aligned). With restored not NULL, goes on from that control state
 * (from the journal, with the local down numbers told again by EVENT_LINK_EDGE); else from an empty
 * one. */
int replica_new(void *mem, size_t size, const struct replica_config *config,
                const struct control *restored, struct mono now, struct replica **ret_r) MUST_CHECK;
/* One step. An OUTCOME must come for each DNS, routes or features effect, and until it does there
 * is no other for the same actuator and target; likewise for each INJECT. Effects are
 * appended to effects[0..max); returns their number or a negative code: ERR_FULL cannot happen with
 * max = REPLICA_MAX_EFFECTS. */
int replica_step(struct replica *r, const struct event *e, struct effect *effects,
                 uint32_t max) MUST_CHECK;
/* When the next EVENT_TICK is due at the latest. */
struct mono replica_deadline(const struct replica *r);

/* For status, the journal and the simulator's oracles. */
const struct control *replica_control(const struct replica *r);
/* [idc]; NULL while no fleet is known. Valid until the next call with this replica. */
const struct evidence *replica_evidence(struct replica *r, struct mono now);
/* The newest verdicts, made now; NULL while no fleet is known. */
const struct diagnosis *replica_diagnosis(struct replica *r, struct mono now);
struct logtime replica_log_time(const struct replica *r, struct mono now);
/* What the fold said of the record that was stepped last, for the journal. */
enum fold_void replica_last_void(const struct replica *r);
/* The fence that this replica acts upon; generation 0 while it acts on none. */
struct fence replica_acting(const struct replica *r);
bool replica_leads(const struct replica *r);
/* It was restored from a SNAPSHOT and acts on nothing yet. */
bool replica_unproven(const struct replica *r);
/* Offset and base of the newest SNAPSHOT that was found to be our own state; -1: none in this life.
 */
int64_t replica_snapshot(const struct replica *r, int64_t *ret_base);
/* NULL, or why acting is halted and at which offset. */
const char *replica_halted(const struct replica *r, int64_t *ret_offset);
/* The rules version for want of which it halted; 0: not for that. */
uint32_t replica_needs(const struct replica *r);

#endif
