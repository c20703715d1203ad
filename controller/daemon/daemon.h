/* daemon.h: what the files of spillwayd share: one loop, and the parts that it wires together. */
#ifndef SPILLWAY_DAEMON_DAEMON_H
#define SPILLWAY_DAEMON_DAEMON_H

#include "config/logger.h"
#include "config/settings.h"
#include "core/replica.h"
#include "daemon/actuators.h"
#include "daemon/keyring.h"
#include "daemon/request.h"
#include "daemon/store.h"
#include "daemon/unix_server.h"
#include "log/bus.h"

#include <jansson.h>
#include <uv.h>

enum phase {
    PHASE_WAITING,   /* no journal yet: for the GENESIS at offset 0 */
    PHASE_RESUMING,  /* has a control state; the log has to show that it is the same log */
    PHASE_CHECKING,  /* the log may be another one: is it a successor of ours? */
    PHASE_SEEKING,   /* far behind: looks for the place of the newest SNAPSHOT (catch_up.c) ... */
    PHASE_LOADING,   /* ... reads it */
    PHASE_PROVING,   /* ... and folds on from it, until the log bears it out */
    PHASE_FOLLOWING, /* reads on */
    PHASE_REFUSED,   /* reads no more; why says what a person has to do */
    PHASE_FAILED,    /* the journal cannot be written: acts on nothing more */
};

enum {
    CONTROL_MAX_CLIENTS = 16,
    CONTROL_MAX_LINE = 4 * 1024 * 1024, /* holds a fleet file; memory comes as bytes come */
    CONTROL_GUEST_LINE = 64 * 1024,     /* of who may give no commands; holds all but a fleet */
    WHY_SIZE = 512,
};

/* Everything that was counted and dropped, or is worth a number. */
struct counters {
    struct log_limit bad_records;  /* not decodable */
    struct log_limit bad_reports;  /* forged, damaged, of another observer or fleet */
    struct log_limit bad_requests; /* control messages that cannot be read */
    struct log_limit bad_edges;    /* frames of the probe that make no sense */
    uint64_t records, reports, edges, commits;
    uint64_t append_refused;  /* the bus had no room, or the log is not ours to write to */
    uint64_t claims_withheld; /* the topic's settings were not accepted */
};

/* The newest report taken from an IDC's partition, so that a replayed one is refused, also after a
 * restart. */
struct heard {
    uint16_t partition;
    struct journal_heard newest;
    bool unsaved;
};

/* A person's command on its way: who gives it is looked up, then it waits for its record to be
 * folded. Or, without a command, a line that is too long for everybody: who sends it is looked up.
 */
struct waiter {
    struct unix_client *client; /* NULL: nobody waits */
    struct daemon *daemon;
    struct request request;
    struct mono until;
    /* While `looking` the work is another thread's, and reads the settings through these. */
    bool looking;
    uv_work_t work;
    const char *operators, *operator_groups;
    struct peer peer;
    bool is_operator;
    char identity[RECORD_TEXT_SIZE];
    /* Stepped; its changes are not kept. */
    bool waiting;
    struct operator_record command;
};

/* Beginning with a SNAPSHOT. */
struct catch_up {
    bool tried;         /* once in a life */
    int64_t named;      /* offset of the newest one, by the heartbeats ... */
    uint64_t epoch;     /* ... of this epoch; -1: none yet */
    struct digest base; /* SHA-256 of its bytes: what the journal's chain begins with */
};

struct daemon {
    struct spillwayd_settings settings;
    const char *config_path;
    struct logger log;
    struct mono started;

    uv_loop_t loop;
    int timer_fd; /* CLOCK_BOOTTIME, absolute */
    uv_poll_t timer_poll, bus_poll;
    uv_signal_t signals[3];
    bool stopping;
    struct mono stop_until;

    struct store store;
    struct bus *bus;
    struct mono pumped;
    struct replica *replica; /* NULL while no fleet is known */
    void *replica_memory;
    struct effect *effects;  /* REPLICA_MAX_EFFECTS of them */
    char broken_record[512]; /* the one it halted at, in words; "": it has not */

    enum phase phase;
    struct catch_up catch_up;
    struct mono pruned; /* when the journal was last looked through for what may go */
    char why[WHY_SIZE]; /* of PHASE_CHECKING, PHASE_REFUSED, PHASE_FAILED, or "" */
    bool in_doubt;      /* PHASE_CHECKING only because of a foreign record */
    struct mono doubted;
    bool log_readable;
    int64_t log_end;

    uint16_t idc;           /* index in the fleet, FLEET_NONE while unknown */
    struct digest equipped; /* digest of the fleet that the parts below are for */
    bool is_equipped;
    bool edges_due; /* the replica has to hear of the downs in the journal */
    struct keyring keys;
    struct actuators actuators;
    struct down *downs;  /* [link * 2 + end] */
    struct heard *heard; /* [idc] */
    uint16_t heard_count;
    struct mono heard_saved;

    int topics_status; /* ERR_UNAVAILABLE: not known yet */
    char topics_why[BUS_TEXT_SIZE];
    struct mono topics_asked;
    bool topics_asking;

    struct unix_server *control, *probe;
    uint32_t probes; /* connected */
    struct waiter waiters[CONTROL_MAX_CLIENTS];

    void *arena; /* for decoding, arena_size bytes */
    size_t arena_size;
    uint8_t *encoded; /* for encoding, encoded_size bytes */
    size_t encoded_size;
    struct counters counters;
};

/* daemon.c: life. Returns the exit code. */
int daemon_run(struct daemon *d);
/* Sets the timer to the next thing that time asks for. */
void daemon_set_timer(struct daemon *d);

/* step.c: one event into the replica: journal, then effects. */
void daemon_step(struct daemon *d, struct event *e);
void daemon_step_record(struct daemon *d, const struct record *r, int64_t offset,
                        const struct bytes *encoded);
/* Commits what was gathered; false when the journal has failed: then nothing may be acted upon. */
bool daemon_commit(struct daemon *d);
/* Makes sure of an arena of at least size bytes, and starts it. */
bool daemon_arena(struct daemon *d, size_t size, struct arena *ret_arena);

/* follow.c: the bus's events, and whether the log is ours. */
void follow_start(struct daemon *d);
void follow_pump(struct daemon *d);
/* Starts reading the log over after the newest record that the journal has (after a skip). */
void follow_reread(struct daemon *d);

/* catch_up.c: a start with the newest SNAPSHOT. Looks whether the log's end is far away. */
void catch_up_begin(struct daemon *d);
/* A record in PHASE_SEEKING or PHASE_LOADING; the log's end in SEEKING or PROVING. */
void catch_up_record(struct daemon *d, const struct record *r, int64_t offset);
void catch_up_end(struct daemon *d);
/* A record was folded in PHASE_PROVING, and is not in the journal yet. */
void catch_up_folded(struct daemon *d, int64_t offset);

/* equip.c: the replica and the parts that depend on the fleet. */
int equip_replica(struct daemon *d, const struct fleet *f, const struct control *restored,
                  bool unproven) MUST_CHECK;
/* Frees the replica. */
void equip_done(struct daemon *d);
/* Makes the parts anew when the fleet has changed; steps nothing. */
void equip_parts(struct daemon *d);
/* Tells a new replica of the downs that the journal knows. */
void equip_edges(struct daemon *d);
void equip_keys(struct daemon *d);
void equip_check_topics(struct daemon *d);

/* reports.c: a report from the bus: verified, then stepped. */
void reports_take(struct daemon *d, const struct bus_event *e);
/* Loads what the journal says was taken from the partitions of this fleet. */
void reports_equip(struct daemon *d, const struct fleet *f);
/* Puts what was taken since into the journal: now, or when it was not done for a while. */
void reports_save(struct daemon *d, bool now);

/* evidence.c: the newest report of each observer, for who wants to reason beside the daemon. NULL:
 * no memory, or one could not be encoded. Freed by the caller. */
json_t *evidence_json(struct daemon *d) MUST_CHECK;

/* lend.c: the control state, and records after or before an offset, as the journal has them. NULL:
 * there are none, or no memory. Freed by the caller. */
json_t *lend_control(struct daemon *d) MUST_CHECK;
json_t *lend_records(struct daemon *d, int64_t offset, bool backwards) MUST_CHECK;
/* Bytes as a string of hex digits. */
json_t *json_of_bytes(const uint8_t *bytes, size_t size);

/* probe_socket.c: the local probe: the fleet to it, link edges from it. */
int probe_socket_open(struct daemon *d) MUST_CHECK;
void probe_socket_tell_fleet(struct daemon *d);
/* The probe's part in an EFFECT_INJECT. ERR_UNAVAILABLE: it has one and is not there. */
int probe_socket_inject(struct daemon *d, const struct effect *e) MUST_CHECK;

/* control_socket.c: people's requests, one JSON object per line. */
int control_socket_open(struct daemon *d) MUST_CHECK;
void control_socket_reply(struct daemon *d, const struct request_id *id, int status,
                          int64_t offset);
/* Answers those that have waited too long. */
void control_socket_expire(struct daemon *d, struct mono now);

/* status.c: the answer to a status request; NULL when out of memory. */
char *status_text(struct daemon *d);

/* notices.c: what the replica has to tell people, as log lines with stable codes. */
void notices_log(const struct daemon *d, const struct effect *e);
const char *phase_name(enum phase p);

#endif
