/* probe_stage.h: two network namespaces with a link, probes in them, and the test in place of their
 * spillwayds: it hands out the fleet, reads edges and reports. */
#ifndef SPILLWAY_TESTS_PROBE_STAGE_H
#define SPILLWAY_TESTS_PROBE_STAGE_H

#include "log/bus.h"
#include "wire/local.h"
#include "wire/report.h"

#include <sys/types.h>

enum { STAGE_A, STAGE_B, STAGE_SIDES, STAGE_OBSERVED = 64 };

struct stage_side {
    const char *netns, *interface, *idc;
    uint16_t index;
    char settings[300], socket[300];
    int listener, connection;
    pid_t probe;
};

struct stage {
    char dir[64];
    struct stage_side side[STAGE_SIDES];
    struct fleet fleet;
    void *memory;
    uint8_t *frame_bytes; /* canonical fleet */
    size_t fleet_size;
    struct digest digest, old_digest;
    pid_t broker;
    struct bus *bus;
    uint8_t key[32];      /* of every probe and link */
    uint8_t key_next[32]; /* the second of side A, once the test puts it there */
    struct report report; /* newest of side A */
    bool by_next;         /* that one was signed with the second key */
    struct observation observed[STAGE_OBSERVED];
};

/* NULL, or why this machine cannot carry the stage (a reason to skip). */
const char *stage_missing(void);
void stage_up(struct stage *s);
void stage_down(struct stage *s);
void stage_start(struct stage *s, int side);
/* Sends SIGTERM and waits: the exit code, or -1 when a signal ended it. */
int stage_stop(struct stage *s, int side);
/* Runs a shell command; fails the test when it fails. */
void stage_run(const char *format, ...) __attribute__((format(printf, 1, 2)));
/* Waits for an edge of link 0 that says `down`, for at most timeout_ms; *ret_held_us is its age. */
bool stage_edge(struct stage *s, int side, bool down, int timeout_ms, int64_t *ret_held_us);
/* Reads reports of side A until `good` says so of s->report, for at most timeout_ms. */
bool stage_report(struct stage *s, bool (*good)(const struct stage *s), int timeout_ms);
/* Changes the fleet (its features' owners, which no probe watches) and gives it to both probes. */
void stage_change_fleet(struct stage *s);
/* Closes the listening sockets: the daemons are away. */
void stage_daemons_away(struct stage *s);

#endif
