/* drill.h: a runbook as plain data: the typed steps of a drill, and what it is judged by.
 *
 * A runbook names no part of a fleet: what it strikes is given when it is run, so one runbook
 * serves every link, carrier or IDC. The machine that runs it is controller/core/drill. */
#ifndef SPILLWAY_MODEL_DRILL_H
#define SPILLWAY_MODEL_DRILL_H

#include "base/text.h"
#include "model/fleet.h"
#include "model/verdict.h"

enum {
    DRILL_TEXT_SIZE = 256, /* identities and reasons */
    DRILL_MAX_STEPS = 16,
    DRILL_MAX_CONDITIONS = 4, /* before or after one step */
    DRILL_MAX_BYTES = 8192,   /* of any drill in its canonical form */
};

/* What a drill strikes, and so what its injection does. */
enum drill_on {
    DRILL_ON_LINK,    /* both ends of the link are taken down */
    DRILL_ON_CONDUIT, /* all its links */
    DRILL_ON_CARRIER, /* every uplink to the carrier, or one IDC's */
    DRILL_ON_IDC,     /* all links and uplinks of the IDC, and its probe falls silent */
    DRILL_ON_VIEW,    /* the view's measured demand is multiplied */
};

enum drill_action {
    DRILL_INJECT,  /* begins the injection */
    DRILL_RESTORE, /* ends it */
    DRILL_DRAIN,   /* a planned evacuation: an order to drain the IDC */
    DRILL_UNDRAIN, /* takes that order back */
    DRILL_APPROVE, /* a person's word, given with the run: what the target's outage waits for */
    DRILL_WAIT,    /* lets time pass */
};

enum drill_is {
    DRILL_IS_NOTHING,      /* no such condition */
    DRILL_IS_QUIET,        /* no incident is open but the run's own, no order or freeze in force */
    DRILL_IS_ACKNOWLEDGED, /* every actuator that can be reached is at the plan */
    DRILL_IS_RESTORED,     /* the plan is the very one from before the run */
    DRILL_IS_EMPTY,        /* nothing that may move is left on the target */
};

/* One of the three: a state of the whole, room, or the state of the target's incident. */
struct drill_condition {
    enum drill_is is;
    uint32_t headroom_ppm;       /* with the target lost, so much capacity stays free for core */
    enum incident_kind incident; /* 0: no such condition */
    enum incident_state reaches; /* that state or, for CLOSED, none is open */
};

struct drill_step {
    char name[FLEET_NAME_SIZE];
    enum drill_action action;
    int64_t for_us;      /* INJECT: the injector ends it by itself after so long; WAIT: how long */
    uint32_t factor_ppm; /* INJECT on a view: what its demand is multiplied by */
    int64_t within_us;   /* how long before and after may take; over it the drill aborts */
    uint16_t before_count, after_count;
    struct drill_condition before[DRILL_MAX_CONDITIONS], after[DRILL_MAX_CONDITIONS];
};

struct drill {
    char name[FLEET_NAME_SIZE];
    char about[FLEET_TEXT_SIZE];
    enum drill_on on;
    bool live;              /* may be run with real injections; every drill may be a shadow */
    int64_t limit_us;       /* of the whole run: over it the drill aborts */
    int64_t objective_us;   /* injection to effect, at most */
    uint32_t objective_ppm; /* errors of core requests over the run, at most */
    uint32_t abort_ppm;     /* errors of core requests that abort it */
    uint16_t step_count;
    struct drill_step steps[DRILL_MAX_STEPS];
};

/* What a run strikes. at: of a carrier, the one IDC where it is lost; else FLEET_NONE. */
struct drill_target {
    uint16_t index;
    uint16_t at;
};

enum drill_state {
    DRILL_NEVER, /* no drill was run in this log */
    DRILL_ASKED, /* a person asked; the leader has not judged it yet */
    DRILL_RUNNING,
    DRILL_ABORTING, /* what was injected and drained is being taken back */
    DRILL_PASSED,   /* every step's conditions held, the plan is the one from before */
    DRILL_ABORTED,
    DRILL_REFUSED, /* it did not begin */
};

/* Why a run did not begin, or ended before its last step. */
enum drill_cause {
    DRILL_CAUSE_NONE,
    DRILL_CAUSE_INCIDENT, /* a real incident: about something that the drill does not strike */
    DRILL_CAUSE_ORDER,    /* a freeze, or another order that is in force */
    DRILL_CAUSE_HEADROOM, /* core would not fit with the target lost */
    DRILL_CAUSE_ERRORS,   /* core requests fail beyond the bound */
    DRILL_CAUSE_PERSON,   /* a person said abort */
    DRILL_CAUSE_TIME,     /* a step's conditions did not hold in time, or the limit is over */
    DRILL_CAUSE_INJECTOR, /* an injector did not do as it was told */
};

/* The newest run of a drill: one at a time in a fleet. Part of the control state. */
struct drill_run {
    uint32_t id; /* counts up from 1 in one log */
    enum drill_state state;
    struct drill drill;
    struct drill_target target;
    char identity[DRILL_TEXT_SIZE]; /* of the person who runs it */
    char reason[DRILL_TEXT_SIZE];
    uint16_t step; /* the present one */
    bool done;     /* its action was taken; what comes after it is waited for */
    enum drill_cause cause;
    uint32_t incident;         /* of that cause */
    uint32_t core_errors_ppm;  /* the worst that a move has told */
    struct digest plan_before; /* plan_shape_digest() when it began */
    struct logtime began, step_since, ended;
    struct logtime injected[DRILL_MAX_STEPS]; /* when each step's injection began */
    uint64_t offset;                          /* of the record that asked for it */
};

/* One move of a run, carried by a decision. */
struct drill_move {
    enum drill_state state; /* DRILL_NEVER: no move */
    uint16_t step;
    bool done;
    enum drill_cause cause;
    uint32_t incident;
    uint32_t core_errors_ppm; /* of core requests when it was decided, as far as it is measured */
};

/* The table of allowed transitions. */
bool drill_may_go(enum drill_state from, enum drill_state to);
static inline bool drill_under_way(const struct drill_run *r)
{
    return r->state == DRILL_ASKED || r->state == DRILL_RUNNING || r->state == DRILL_ABORTING;
}
/* The fleet has what the run strikes. */
bool drill_target_exists(const struct fleet *f, enum drill_on on, const struct drill_target *t);
/* The step whose injection is wanted at log time `now`: begun, not restored, its time not over, the
 * run not ended; DRILL_MAX_STEPS: none. */
uint32_t drill_wants(const struct drill_run *r, struct logtime now);
/* The run holds a drain that it has not taken back. */
bool drill_drains(const struct drill_run *r);
/* The run's injection takes the link away. */
bool drill_strikes_link(const struct fleet *f, const struct drill_run *r, uint16_t link);
/* The IDC's injectors take part in the run. */
bool drill_strikes(const struct fleet *f, const struct drill_run *r, uint16_t idc);
/* The incident is what the run brings about, and no disaster of its own. */
bool drill_owns(const struct fleet *f, const struct drill_run *r, const struct incident *i);
/* What a name means as the target of a drill: of the runbook's kind, a carrier also at one IDC
 * ("telecom@beijing"). ERR_NOT_FOUND. */
int drill_target_find(const struct fleet *f, enum drill_on on, const char *name,
                      struct drill_target *ret_target) MUST_CHECK;
/* The name again, as it is typed. */
void drill_target_put(const struct fleet *f, enum drill_on on, const struct drill_target *t,
                      struct text *to);
void drill_run_codec(struct codec *c, struct drill_run *r);
void drill_move_codec(struct codec *c, struct drill_move *m);

/* The drill in its canonical form, in either direction. Reading checks structure and enumerations;
 * meaning is checked by drill_broken(). */
void drill_codec(struct codec *c, struct drill *d);
/* What makes the drill impossible to run safely, as a static sentence, and the index of the step it
 * is about (DRILL_MAX_STEPS: the whole); NULL when it is sound: every injection is restored by a
 * later step and by itself, steps are named once, times are bounded, the way back ends in the very
 * plan from before. */
const char *drill_broken(const struct drill *d, uint32_t *ret_step);
/* Some step of it injects a fault; else it drains. */
bool drill_injects(const struct drill *d);
/* What its first injection multiplies a view's demand by; 0: it injects nothing of that kind. */
uint32_t drill_factor_ppm(const struct drill *d);
/* The last step before `step` that began an injection which no step has ended; DRILL_MAX_STEPS:
 * none. */
uint32_t drill_injecting(const struct drill *d, uint32_t step);

const char *drill_on_name(enum drill_on on);
const char *drill_action_name(enum drill_action a);
const char *drill_is_name(enum drill_is is);
const char *drill_state_name(enum drill_state s);
const char *drill_cause_name(enum drill_cause c); /* "a real incident", ... */

#endif
