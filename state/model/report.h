/* report.h: a probe's full current state, and the list of targets that it works through.
 *
 * Both sides derive the same list of targets from the fleet (targets_for_idc), so a report names a
 * target by its index in the list of that fleet digest. */
#ifndef SPILLWAY_MODEL_REPORT_H
#define SPILLWAY_MODEL_REPORT_H

#include "model/fleet.h"
#include "model/verdict.h"

enum { REPORT_MAX_TARGETS = 4096 };

enum target_kind {
    TARGET_LINK = 1,  /* the probe's end of a link; a: link, b: end */
    TARGET_ENTRANCE,  /* a check of an entrance from here; a: entrance, b: check of its service */
    TARGET_REFERENCE, /* a: reference */
};

struct target {
    enum target_kind kind;
    uint16_t a, b;
    uint16_t carrier; /* over whose uplink at this IDC it is checked; FLEET_NONE: by the IDC's own
                         routes */
};

/* What the probe at the IDC watches, in canonical order: its link ends; every entrance of every
 * other IDC, once over each carrier that reaches it and has an uplink here (by the IDC's own routes
 * when there is none), and its own once, from inside; each times the checks of the service; then
 * the references, likewise over each of their carriers. Returns the number, or ERR_FULL when it
 * exceeds max. */
int targets_for_idc(const struct fleet *f, uint16_t idc, struct target *targets,
                    uint32_t max) MUST_CHECK;

/* State of one target on the probe's clock. */
struct observation {
    enum health health;
    int64_t
        held_us; /* since when this state holds: age at the send time. For down: since the first
                    lost packet or failed check of the run, not since the threshold was reached */
    uint32_t loss_out_ppm; /* links: loss from here to there, in the window (RFC 8762 sequence
                              numbers) */
    uint32_t loss_in_ppm;  /* links: loss from there to here */
    uint32_t rtt_us;       /* median of the window; 0 unknown */
    uint32_t jitter_us;    /* links: mean deviation; 0 unknown */
    uint32_t flaps;        /* changes of health in the last hour, saturating */
    int64_t damped_us;     /* it flapped: how much longer its good state counts as held for 0 */
    bool oper_up;          /* links: kernel carrier */
    uint64_t rx_bytes, tx_bytes; /* links: interface counters */
};

/* Thousandths of requests per second. */
#define LOAD_MAX_MRPS UINT64_C(1000000000000)

struct load_rate {
    bool valid; /* else nothing is known of it, which is not zero */
    uint64_t mrps;
};

/* What one service of the observer's IDC says that it carries. */
struct load_sample {
    bool valid;     /* else all else is zero and means nothing: never told, or too long ago */
    int64_t age_us; /* of its word, at the send time */
    uint64_t requests_mrps, errors_mrps;
    uint32_t saturation_ppm; /* 0 idle to 1000000 full */
};

/* The services of the IDC that tell their load, ascending: those with a load source and an entrance
 * there. Returns their number; both sides of a report derive it from the fleet. */
uint32_t loads_for_idc(const struct fleet *f, uint16_t idc, uint16_t services[FLEET_MAX_SERVICES]);

struct report {
    uint16_t observer;    /* idc; also proven by the MAC's key id */
    uint64_t incarnation; /* grows with every start of the probe */
    uint64_t sequence;    /* from 1, grows by one per report of an incarnation */
    int64_t sent_us;      /* probe's CLOCK_BOOTTIME at send */
    struct digest fleet;  /* whose target list the observations follow */
    int64_t lateness_us;  /* worst lateness of the probe's own timers in the last second: a starved
                             prober must not blame the link */
    uint32_t count;
    struct observation *observations; /* one per target, in the canonical order */
    uint32_t load_count, view_count;  /* of loads; of the fleet, 0 without loads */
    struct load_sample *loads;        /* one per service of loads_for_idc, in that order */
    struct load_rate *load_views;     /* [load * view_count + view]: its requests from that view */
};

#endif
