/* verdict.h: what is concluded about the world: verdicts and the incidents that group them. */
#ifndef SPILLWAY_MODEL_VERDICT_H
#define SPILLWAY_MODEL_VERDICT_H

#include "base/codec.h"
#include "base/times.h"

#include <stdbool.h>
#include <stdint.h>

enum health { HEALTH_UNKNOWN, HEALTH_UP, HEALTH_DEGRADED, HEALTH_DOWN };

enum subject_kind {
    SUBJECT_LINK = 1,   /* a: link */
    SUBJECT_CONDUIT,    /* a: conduit */
    SUBJECT_CARRIER,    /* a: carrier */
    SUBJECT_IDC,        /* a: idc */
    SUBJECT_SERVICE,    /* a: service, b: idc */
    SUBJECT_OBSERVER,   /* a: idc */
    SUBJECT_REGION,     /* a: region */
    SUBJECT_ENTRANCE,   /* a: entrance */
    SUBJECT_FEATURES,   /* a: region, b: service: its features there */
    SUBJECT_CARRIER_AT, /* a: carrier, b: idc: what the carrier reaches there */
    SUBJECT_PATH,       /* a: entrance, b: carrier: the entrance as reached over that carrier */
    SUBJECT_BACKBONE,   /* a: idc: its spans to other IDCs as a whole */
    SUBJECT_TARGET,     /* a: enum actuator, b: DNS server or idc: where a plan is written */
    SUBJECT_LAST = SUBJECT_TARGET
};

struct subject {
    enum subject_kind kind;
    uint16_t a, b; /* b is 0 where the kind has none */
};

/* The numbered ladder of diagnosis: which rule decided a verdict. The text of each is in explain.
 */
enum rule {
    RULE_NONE = 0,
    RULE_NO_FRESH_EVIDENCE = 1, /* -> unknown */
    RULE_OBSERVER_SUSPECT = 2,  /* everything dark to one observer: its word does not count */
    RULE_COLD_START = 3,        /* leader or log too young to conclude a death */
    RULE_SEEN_GOOD = 4,         /* at least one fresh observer sees it good -> up */
    RULE_BOTH_ENDS_DOWN = 5,    /* link: both ends say down */
    RULE_ONE_END_DOWN = 6,      /* link: one end says down, the other is silent or differs */
    RULE_END_DEGRADED = 7,      /* link: loss above the bound */
    RULE_QUORUM_DOWN = 8,       /* IDC: min_observers agree for the confirmation window */
    RULE_LONE_WITNESS_GOOD_REFERENCES = 9, /* IDC: one observer, its references are good */
    RULE_NOT_CONFIRMED_YET = 10,           /* down, but not for the confirmation window */
    RULE_NOT_ENOUGH_OBSERVERS = 11,
    RULE_OWN_PROBE_SAYS_ALIVE =
        12, /* IDC: dark from outside, its own fresh report says it serves: isolated */
    RULE_SERVICE_DEAD_INSIDE = 13, /* service: its own IDC's probe and outside agree */
    RULE_ABSENT_PROBE = 14,        /* the IDC's own probe was absent before; it does not block */
    RULE_HOLD_DOWN = 15,           /* up again, but not for the hold-down */
    RULE_PARTLY_SEEN = 16,         /* some observers see it good, some bad -> degraded */
    RULE_CARRIER_DARK_HERE = 17,   /* carrier at an IDC: all its entrances over it are dark, the IDC
                                      is   seen good over something else */
    RULE_CARRIER_DARK_EVERYWHERE =
        18, /* carrier: min_observers are blind on it alone, nobody sees anything over it */
    RULE_PATH_DARK = 19,     /* entrance over a carrier: dark, others of its IDC over it are good */
    RULE_CONDUIT_CUT = 20,   /* conduit: all its links are down */
    RULE_OFF_BACKBONE = 21,  /* backbone of an IDC: all spans down, its entrances seen good */
    RULE_REGION_DOWN = 22,   /* region: all IDCs that serve from it are down */
    RULE_OVER_CAPACITY = 23, /* service: the plan asks more of it than it has */
    RULE_SATURATED = 24,     /* service: it says that it is full */
    RULE_ERRORS = 25,        /* service: checks are good, and it fails its requests */
    RULE_FENCE_SAYS = 26,    /* target: its own fence, as the actuator found it */
    RULE_LAST_VOICE = 27,    /* IDC: nobody else has fresh eyes; its own probe's word is taken */
    RULE_LAST = RULE_LAST_VOICE
};

struct verdict {
    struct subject subject;
    enum health health;
    enum rule rule;
    uint64_t for_observers[5]; /* bit i: observer (idc) i supports it; FLEET_MAX_IDCS = 320 bits */
    int64_t held_us;           /* how long the deciding state has held, by the probes' clocks */
};

enum incident_kind {
    INCIDENT_LINK_CUT = 1,
    INCIDENT_CONDUIT_CUT,
    INCIDENT_CARRIER_OUTAGE,
    INCIDENT_IDC_OUTAGE,
    INCIDENT_IDC_ISOLATED,
    INCIDENT_REGION_DISASTER,
    INCIDENT_OVERLOAD,
    INCIDENT_GRAY_FAILURE, /* a service dead inside a healthy IDC, an entrance dark over one of its
                              carriers, a link that loses packets */
    INCIDENT_BLIND_OBSERVER,
    INCIDENT_HELD,        /* a person's break-glass hold stands at a target: nothing is written */
    INCIDENT_SPLIT_FENCE, /* another log or plan of the same generation stands at a target */
    INCIDENT_LAST = INCIDENT_SPLIT_FENCE
};

enum incident_state {
    INCIDENT_NONE = 0,
    INCIDENT_SUSPECTED,
    INCIDENT_CONFIRMED,
    INCIDENT_MITIGATED,
    INCIDENT_RECOVERING,
    INCIDENT_CLOSED,
};

enum { INCIDENT_MAX = 64 }; /* open at once; more are folded into the oldest's region disaster */

struct incident {
    uint32_t id; /* counts up from 1 in one log */
    enum incident_kind kind;
    enum incident_state state;
    struct subject subject;
    enum rule rule;
    bool needs_approval; /* its way back waits for a person */
    bool approved;       /* a person said so (OPERATOR approve) */
    struct logtime opened;
    struct logtime changed;  /* when its state last changed */
    uint64_t opened_offset;  /* of the record that opened it */
    uint64_t changed_offset; /* of the record that last changed it */
};

/* True when the table of allowed transitions has it. */
bool incident_may_go(enum incident_state from, enum incident_state to);
const char *health_name(enum health h);
const char *incident_kind_name(enum incident_kind k); /* "link-cut", ... */
const char *incident_state_name(enum incident_state s);
const char *subject_kind_name(enum subject_kind k);
void subject_codec(struct codec *c, struct subject *s);
void incident_codec(struct codec *c, struct incident *i);
bool subject_equal(const struct subject *a, const struct subject *b);

#endif
