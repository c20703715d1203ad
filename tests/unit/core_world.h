/* core_world.h: a small world for tests of the decision core: a fleet, the truth about it, what the
 * probes see of that truth, and a log that the production fold reads. */
#ifndef SPILLWAY_TEST_CORE_WORLD_H
#define SPILLWAY_TEST_CORE_WORLD_H

#include "base/rng.h"
#include "core/decide.h"
#include "fold/fold.h"

enum observer_mood { MOOD_SEES, MOOD_SILENT, MOOD_BLIND };
enum load_telling { LOADS_UNTOLD, LOADS_TOTALS, LOADS_VIEWS };

/* What the service of one place says of itself, beside its requests. */
struct place_says {
    bool nothing;            /* its signal is lost */
    uint32_t errors_ppm;     /* of its requests */
    uint32_t saturation_ppm; /* 0: as full as its requests make it */
    uint64_t times;          /* it tells so many times its requests; 0: once, it does not lie */
};

struct world {
    struct fleet *fleet;
    struct arena memory; /* of fleet, control, reports */
    struct control control;
    int64_t offset;    /* of the next record */
    uint64_t sequence; /* of the leader */
    struct logtime now;

    /* The truth; change it, then world_tick(). */
    bool *idc_dead;           /* [idc] nothing answers, its probe is silent */
    bool *idc_isolated;       /* [idc] nothing passes its borders, its probe still reports */
    bool *service_dead;       /* [service * idc_count + idc] */
    bool *link_cut;           /* [link] of an uplink: the carrier is off there */
    bool *link_gray;          /* [link] it loses packets */
    bool *carrier_off;        /* [carrier * idc_count + idc] */
    bool *carrier_dead;       /* [carrier] everywhere */
    uint32_t *carriers_at;    /* [idc] fleet_carriers_at() */
    bool *path_dead;          /* [path_index()] the entrance does not answer over the carrier */
    enum observer_mood *mood; /* [idc] */
    bool acknowledge;         /* actuators answer at once */
    enum load_telling loads;  /* what the services tell; nothing at first */
    uint64_t *users_rps;      /* [service * view_count + view] as declared at first */
    struct place_says *says;  /* [service * idc_count + idc] */

    struct report *reports; /* [idc] */
    struct evidence *evidence;
    int64_t **since_us;     /* [idc][target] when its state began */
    int64_t *sent_us;       /* [idc] when the newest report was sent */
    struct target *targets; /* scratch */
    struct diagnosis diagnosis;
    void *arena_memory;
    size_t arena_size;
    struct decide decide; /* of the newest tick; valid until the next */
    int64_t next_us;
    uint32_t records; /* decisions folded so far */
};

/* Ends the test (or bench) with a message when something does not hold. */
void world_require(bool holds, const char *what);
/* Index of the name, which the fleet has. */
uint16_t world_idc(const struct world *w, const char *name);
uint16_t world_link(const struct world *w, const char *name);
uint16_t world_entrance(const struct world *w, const char *name);
uint16_t world_carrier(const struct world *w, const char *name);
/* From the fleet file's text; aborts the test when it is wrong. */
struct world *world_of_yaml(const char *path);
/* From a fleet in memory; the world copies it (through its canonical form). */
struct world *world_of_fleet(const struct fleet *f);
void world_free(struct world *w);
/* Time passes, probes look and report, verdicts, decision, fold. Returns the decision's purpose or
 * 0. */
enum decide_purpose world_tick(struct world *w, int64_t us);
/* Only looks and diagnoses at the present time. */
void world_look(struct world *w);
/* Ticks of step_us for total_us; aborts when more than max_records decisions were made. Returns how
 * many. */
uint32_t world_run(struct world *w, int64_t total_us, int64_t step_us, uint32_t max_records);
/* Folds a record of the replica at the IDC, which must count; a heartbeat brings log time to now
 * before it. */
void world_fold(struct world *w, uint16_t idc, struct record *r);
/* Every actuator that is alive says that it is at the plan. */
void world_acknowledge(struct world *w);
/* An operator's approval of the incident. */
void world_approve(struct world *w, uint32_t incident);
/* An operator's command; what the fold says of it. Its changes are borrowed. */
enum fold_void world_command(struct world *w, const struct operator_record *command);
/* The open incident of this kind and subject, or NULL. */
const struct incident *world_incident(const struct world *w, enum incident_kind kind, uint16_t a,
                                      uint16_t b);
/* All views of the service ask for so many percent of what is declared. */
void world_users(struct world *w, uint16_t service, uint64_t percent);
/* Slots that the entrance has in the plan. */
uint32_t world_slots(const struct world *w, uint16_t entrance);
/* Slots that it has in the answers of the carrier's views. */
uint32_t world_slots_over(const struct world *w, uint16_t entrance, uint16_t carrier);
/* The open incident of the kind about exactly this, or NULL. */
const struct incident *world_case(const struct world *w, enum incident_kind kind,
                                  struct subject subject);
/* The guard's result that did not pass in the newest decision, or NULL. */
const struct guard_result *world_stopped(const struct world *w, enum guard guard);

/* A random fleet: regions, carriers, IDCs on a ring with chords, views, services, entrances. */
struct fleet *random_fleet(uint64_t seed, uint16_t idcs, struct arena *a);

#endif
