/* control.h: the control state: everything that the log alone determines, equal on every replica.
 */
#ifndef SPILLWAY_MODEL_CONTROL_H
#define SPILLWAY_MODEL_CONTROL_H

#include "model/demand.h"
#include "model/order.h"

enum {
    CONTROL_MAX_REQUESTS = 256, /* newest request ids, for "once per request id" */
};

/* What the control state remembers of one writer. */
struct writer_state {
    uint64_t incarnation;     /* 0: nothing seen */
    uint64_t sequence;        /* highest seen of those kinds that any replica may write */
    struct logtime window;    /* start of the second in which its requests are counted ... */
    uint32_t window_requests; /* ... and their number in it (flood bound) */
};

/* Newest `alive` of a replica. */
struct alive_state {
    uint32_t version; /* 0: never seen */
    int64_t base;
    struct digest control;
    bool warm, halted;
    struct logtime at;
};

/* Newest outcome of an actuator. */
struct actuation_state {
    uint64_t generation; /* newest acknowledged OK, 0 for none */
    int32_t status;      /* newest outcome, of the error table */
    uint64_t status_generation;
    struct logtime at;
};

/* What an IDC's injectors last said. */
struct injection_state {
    uint32_t run; /* 0: nothing yet */
    uint8_t step; /* whose injection lasts there; DRILL_MAX_STEPS: none */
    int32_t status;
};

struct request_state {
    struct request_id id;
    int32_t status;
    uint64_t offset;
};

struct control {
    struct log_id log_id;
    uint64_t era;
    int64_t applied; /* offset of the newest folded record, -1 for none */
    struct logtime log_time;
    uint32_t rules; /* version in force, from 1 */

    uint64_t epoch;       /* 0 until the first CLAIM */
    struct writer leader; /* of the epoch; its sequence is the highest accepted */
    int64_t
        leader_newest; /* offset of its newest record: CLAIM, HEARTBEAT, DECIDE, SNAPSHOT, RULES */
    bool leader_yields;
    struct logtime epoch_began;
    int64_t decisive; /* offset of the newest accepted CLAIM, OPERATOR, FLEET, RULES or DECIDE */
    int64_t newest_decide;            /* -1 for none */
    int64_t plan_offset;              /* offset of the record that set the plan's fence */
    enum decide_purpose plan_purpose; /* of that record; DECIDE_NOTE for GENESIS */
    int64_t unconfirmed; /* offset of a plan that the leader found without a STEP and has to confirm
                            or take back before anyone acts on it; -1 for none */
    bool plan_followed;  /* the leader wrote again after it had folded that plan */
    int64_t snapshot;    /* -1 for none */

    struct fleet *fleet; /* in the arena it was loaded with */
    struct digest fleet_digest;
    int64_t fleet_offset; /* of the record that gave it; indices in records before it are another
                             fleet's */
    struct plan plan;
    struct plan previous; /* what plan replaced; the fold's working room, no part of the state: its
                             generation is 0 when not known (after a load) */

    uint32_t next_incident;
    uint32_t incident_count;
    struct incident incidents[INCIDENT_MAX]; /* open ones, by id; a closed one leaves */
    uint32_t next_order;
    uint32_t order_count;
    struct order orders[ORDER_MAX]; /* in force, or ended and not home yet; by id */
    struct logtime last_restore;    /* of the newest SHIFT, RESTORE or PROMOTE step */
    struct logtime answers_moved;   /* by the newest decision that changed one */

    struct drill_run drill; /* the newest one */

    uint32_t request_next; /* ring position */
    struct request_state requests[CONTROL_MAX_REQUESTS];

    /* Arrays sized from the fleet. */
    uint32_t fixed_count;
    struct fixed *fixed; /* [record_max_changes()] of orders to undo, by place, each place once */
    struct digest fixed_digest;
    struct demand *demand; /* [service * view_count + view] */
    struct digest demand_digest;
    struct writer_state *writers;       /* [idc] */
    struct alive_state *alive;          /* [idc] */
    uint32_t *link_downs;               /* [link * 2 + end]: highest number told by STEP */
    struct logtime *link_down_at;       /* [link * 2 + end]: when that was told */
    struct actuation_state *dns;        /* [dns server] */
    struct actuation_state *routes;     /* [idc] */
    struct actuation_state *features;   /* [idc] */
    struct injection_state *injections; /* [idc] */
    uint32_t *rescued; /* [idc]: carriers (bits) over which rescues took slots away from it, and
                          nothing has brought one back */
};

#endif
