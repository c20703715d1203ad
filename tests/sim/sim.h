/* sim.h: the production core under a virtual log, network, clock, disk, actuators and world.
 *
 * One seed determines everything: which faults exist at all (swarm testing), when they happen,
 * every delay. Oracles outside the core (oracle.c) watch the laws; after a safety phase everything
 * heals and must converge. */
#ifndef SPILLWAY_SIM_SIM_H
#define SPILLWAY_SIM_SIM_H

#include "base/bug.h"
#include "base/rng.h"
#include "core/damping.h"
#include "core/replica.h"

enum {
    SIM_MAX_IDCS = 8,
    SIM_MAX_SERVERS = 4,
    SIM_MAX_LINKS = 16,
    SIM_MAX_TARGETS = 64,
    SIM_MAX_ANSWERS = 64,
    SIM_MAX_ENTRANCES = 32,
    SIM_MAX_CARRIERS = 4,
    SIM_MAX_SERVICES = 8,
    SIM_MAX_CASES = 128, /* incidents of one scenario */
    SIM_MAX_RECORDS = 20000,
    SIM_MAX_PLANS = 1024,
    SIM_MAX_FLEETS = 8,     /* given after the first one */
    SIM_HEALED_PLANS = 20,  /* the way home and the release of every link, with room to spare */
    SIM_CALMED_PLANS = 12,  /* more after spikes: every tier of every region for itself */
    SIM_NODE_EFFECTS = 100, /* of one node in one second, likewise */
    SIM_MAX_MESSAGES = 8192,
    SIM_TICK_US = 5000,
};

/* A decision rests on reports of at most report_stale (3 s), after at most 150 ms of looking, and
 * is resent for two leases at most. */
#define SIM_DEAD_US (5500 * US_PER_MS)

/* What may go wrong under this seed. */
struct swarm {
    bool crashes, pauses, bus_outages, slow_appends, duplicates, losses, dns_outages;
    bool link_cuts, idc_deaths, silent_probes, blind_probes;
    bool slow_claims, slow_decides, slow_pushes; /* so that others come in between */
    bool busy_operator;                          /* speaks often, and of anything that is open */
    bool zombies;        /* old processes of probes speak again after a while */
    bool wipeouts;       /* several IDCs may be dead at once, and drained */
    bool lone_witnesses; /* all are silent but one, which sees an IDC dead, and no reference */
    bool slow_operator;  /* an IDC is seen good for long before somebody says so */
    bool orders;         /* people drain, demote, pin, freeze and undo */
    bool fleets;         /* the fleet is given anew, with other numbers */
    bool drills;         /* people run drills on links and conduits */
    bool spikes;         /* views ask for more and less; services fall silent about it */
    bool disasters;      /* any change of the world; without one no traffic may move (law 1) */
};

/* A generation of the plan, as the log has it. */
struct generation {
    int64_t offset; /* -1: there is none */
    struct digest digest;
    enum decide_purpose purpose;
    uint32_t change_count;
    struct change *changes;          /* owned */
    int64_t folded_us[SIM_MAX_IDCS]; /* first time that the node's journal had it; -1: never */
};

/* Where a share or a limit went last. */
struct drift {
    int way; /* 1 up, -1 down, 0 not known */
    int64_t at_us;
};

struct log_entry {
    uint8_t *bytes;
    size_t size;
    int64_t at_us;
};

/* A report and its observations. */
struct kept_report {
    struct report report; /* sequence 0: none */
    struct observation seen[SIM_MAX_TARGETS];
    struct load_sample loads[SIM_MAX_SERVICES];
    struct load_rate views[SIM_MAX_ANSWERS];
};

/* Something that arrives later. */
struct message {
    enum { MESSAGE_FREE, MESSAGE_APPEND, MESSAGE_REPORT } kind;
    int64_t at_us;
    uint16_t node, idc; /* report: to, from */
    int64_t offset;
    uint8_t *bytes; /* owned */
    size_t size;
    struct kept_report *kept; /* owned */
};

struct virtual_server {
    struct fence fence, before; /* before: at the last look of the oracle */
    bool done, up;
    int64_t slow_us; /* that each exchange takes longer */
    uint64_t begun;  /* newest generation of which somebody wrote an answer here */
    struct answer answers[SIM_MAX_ANSWERS];
};

struct virtual_routes {
    struct fence fence, before;
    uint32_t count;
    struct route_want want[SIM_MAX_IDCS];
};

struct virtual_features {
    struct fence fence, before;
};

/* One actuation under way at a node. */
struct job {
    bool busy;
    int phase;
    int64_t next_us;
    struct fence fence, read, predecessor;
    uint32_t change_count;
    struct change changes[SIM_MAX_ANSWERS];
    uint16_t services, views;               /* of the plan */
    struct answer answers[SIM_MAX_ANSWERS]; /* of the whole plan */
    struct virtual_routes routes;
};

/* What survives a crash. */
struct disk {
    uint8_t *control;
    size_t size;
    int64_t applied;
    uint32_t downs[SIM_MAX_LINKS];
};

/* What an IDC injects for a drill; the injector ends it at until_us by itself. */
struct injection {
    uint32_t run;
    uint8_t step;
    int64_t until_us;  /* 0: nothing */
    int64_t answer_us; /* when the injector says that it does it; 0: it has */
    bool mute, links[SIM_MAX_LINKS];
    uint16_t view;
    uint32_t factor_ppm;
};

struct node {
    struct replica *replica;
    void *memory;
    bool up, bus_away, told_away, ended[SIM_MAX_IDCS];
    struct digest fleet; /* that its probe, actuators and partitions are set up for */
    bool doomed;         /* dies in this tick, after its steps and before their commit */
    bool disk_full;
    bool from_start; /* its next life reads the whole log */
    int64_t told_end_us;
    int64_t paused_until_us, back_at_us, bus_back_us;
    int64_t read; /* next offset to read */
    uint64_t lives;
    bool upgraded; /* its binary runs the next rules version */
    struct disk disk;
    struct job dns[SIM_MAX_SERVERS], routes, features;
    uint64_t acting; /* as the leader, upon this generation; 0: it does not lead or lags */
    int64_t acting_since_us;
    bool push_failed[SIM_MAX_SERVERS]; /* the newest one, in this life */
    uint32_t effects;                  /* in this second */
    struct {                           /* effects of steps since the last commit, copied */
        uint32_t count;
        struct effect at[4 * REPLICA_MAX_EFFECTS];
        uint8_t *bytes[4 * REPLICA_MAX_EFFECTS];
        size_t size[4 * REPLICA_MAX_EFFECTS];
        struct job jobs[SIM_MAX_SERVERS + 1];
        bool has_job[SIM_MAX_SERVERS + 1];
        struct injection injection;
    } pending;
};

/* A probe: what it sees, since when, what it said. */
struct probe {
    bool silent, blind;
    bool told; /* by the daemon there, which fleet it reports on */
    struct digest fleet;
    bool lone; /* sees no reference, and `missed` dead */
    uint16_t missed;
    bool misses, unreferenced; /* sees `missed` dead; no reference */
    bool starved, twice;       /* late itself; each report is sent twice */
    int64_t skew_us;           /* of its clock */
    uint32_t count;
    struct target targets[SIM_MAX_TARGETS];
    enum health seen[SIM_MAX_TARGETS], said[SIM_MAX_TARGETS];
    int64_t since_us[SIM_MAX_TARGETS];
    uint64_t incarnation, sequence;
    int64_t report_at_us, offset;
};

/* Somebody who has a probe's key, or pretends to. */
struct forger {
    bool active, knows_key;
    uint16_t missed;
    uint64_t sequence, dropped;
    int64_t next_us;
};

/* What one entrance is for the users of one carrier. */
struct path_truth {
    bool bad;
    int64_t bad_since_us, bad_us; /* last time that it was bad; 0: never */
    int64_t well_us, was_well_us; /* since then; 0: always. was: before the newest bad time */
};

/* An incident's way. */
struct seen_incident {
    uint32_t id;
    enum incident_kind kind;
    struct subject subject;
    enum incident_state state;
    int64_t reached_us[INCIDENT_CLOSED + 1]; /* newest time; -1: never */
};

/* The world of a scenario, beside what seeds use. */
struct script {
    bool on;        /* no fault and no word but the scenario's */
    uint16_t first; /* whose daemon starts a while before the others; FLEET_NONE: all at once */
    bool bus_follows_links; /* who cannot reach most IDCs over spans cannot reach the bus */
    bool bus_cut[SIM_MAX_IDCS];
    bool entrance_dead[SIM_MAX_ENTRANCES];
    bool service_dead[SIM_MAX_SERVICES][SIM_MAX_IDCS];
    bool carrier_out[SIM_MAX_CARRIERS];
    bool untold[SIM_MAX_IDCS];           /* its services do not tell their load */
    uint32_t loss_ppm[SIM_MAX_LINKS][2]; /* of what leaves the end */
    int64_t flap_us[SIM_MAX_LINKS];      /* it goes down and up in turn, each for so long */
    bool flap_down[SIM_MAX_LINKS];
    struct damping damping[SIM_MAX_IDCS][SIM_MAX_TARGETS];
    uint32_t demand_ppm[SIM_MAX_ANSWERS]; /* [view], of the declared */
    struct injection injections[SIM_MAX_IDCS];
    struct forger forgers[SIM_MAX_IDCS]; /* of the probe there */
    struct kept_report remembered[SIM_MAX_IDCS];
    struct path_truth paths[SIM_MAX_ENTRANCES * SIM_MAX_CARRIERS];
    int64_t decided_us[DECIDE_REVERT + 1]; /* newest decision of the purpose; 0: none */
    int64_t first_us[DECIDE_REVERT + 1];   /* the first one */
    uint32_t case_count;
    struct seen_incident cases[SIM_MAX_CASES];
    int64_t event_us;    /* what an expectation looks back to: the event above it */
    uint32_t most_turns; /* of one share, from less to more or back */
    uint32_t turns[SIM_MAX_ANSWERS * SIM_MAX_IDCS];
    uint32_t orders_seen;
    bool replied;
    int32_t reply; /* to the newest word */
    uint64_t words;
};

/* Processes of probes that were replaced while an IDC was dead, and that speak again long after. */
struct zombies {
    uint32_t left; /* how often they still speak */
    int64_t at_us;
    struct kept_report kept[SIM_MAX_IDCS];
};

/* The oracle's own account of the log, made without the fold. */
struct ledger {
    uint64_t epoch, generation;
    struct writer leader;
    bool yields;
    int64_t newest;   /* of the leader's records */
    int64_t decisive; /* newest CLAIM, OPERATOR, FLEET, RULES or DECIDE that counted */
};

/* A carrier at an IDC. */
struct front {
    int64_t off_until_us;         /* 0: it is not off */
    int64_t off_us, back_us;      /* when it last went off, came back; 0: never */
    int64_t well_us, was_well_us; /* since then; 0: always. was: before it last went off */
};

struct carriers {
    struct rng rng;
    bool fronts_fail, carriers_fail, conduits_fail;
    int64_t next_us;
    struct front fronts[SIM_MAX_CARRIERS][SIM_MAX_IDCS];
};

struct fleets {
    struct rng rng;
    int64_t next_us;
    uint32_t given, followed;
    uint64_t brought[SIM_MAX_ANSWERS]; /* [answer] generation with which it came; 0: the first */
    struct fleet *begins;              /* what a scenario begins with, when it is not all; owned */
};

struct drills {
    struct rng rng;
    int64_t next_us;
    struct drill books[2];
};

/* Rolling upgrades. */
struct upgrades {
    struct rng rng;
    bool on;
    int64_t next_us, newest_us;
};

/* The lead, given by people. */
struct transfers {
    struct rng rng;
    bool on;
    int64_t next_us;
    int64_t offset;    /* of the newest such word in this epoch; -1: none */
    int64_t yields_us; /* since when its leader yields for it; -1: not yet */
};

struct sim {
    uint64_t seed;
    struct rng rng;
    struct rng words;   /* of people's orders */
    struct rng demands; /* of users */
    struct rng extra;   /* for what came later, so that kept seeds mean what they meant */
    struct swarm swarm;
    const struct fleet *first; /* the given one */
    struct fleet
        own; /* the one in force in the log; at first the given one with this seed's policy */
    const struct fleet *fleet;
    int64_t now_us;
    bool healed;
    struct log_entry log[SIM_MAX_RECORDS];
    int64_t log_end;
    struct message messages[SIM_MAX_MESSAGES];
    uint32_t message_top;
    struct node nodes[SIM_MAX_IDCS];
    struct probe probes[SIM_MAX_IDCS];
    struct kept_report newest[SIM_MAX_IDCS]; /* of each partition */
    struct zombies zombies;
    struct virtual_server servers[SIM_MAX_SERVERS];
    struct virtual_routes routes[SIM_MAX_IDCS];
    struct virtual_features features[SIM_MAX_IDCS];
    /* The truth. */
    bool idc_dead[SIM_MAX_IDCS], link_cut[SIM_MAX_LINKS];
    struct carriers carriers;
    struct fleets fleets;
    struct drills drills;
    struct transfers transfers;
    struct upgrades upgrades;
    int64_t idc_died_us[SIM_MAX_IDCS], idc_back_us[SIM_MAX_IDCS]; /* back: also when it will be */
    int64_t idc_well_us[SIM_MAX_IDCS], idc_was_well_us[SIM_MAX_IDCS]; /* since then; 0: always */
    int64_t link_back_us[SIM_MAX_LINKS];
    int64_t probe_back_us[SIM_MAX_IDCS], server_back_us[SIM_MAX_SERVERS];
    int64_t next_fault_us, next_word_us, next_lone_us, next_order_us, next_spike_us;
    struct rng snapshots; /* for what they do */
    bool wipes;           /* leaders write snapshots, and who crashes may lose its journal */
    uint32_t loads;       /* lives that began with a snapshot */
    uint16_t evacuated;   /* an IDC, when everything was well again; FLEET_NONE: not yet */
    int64_t evacuated_us;
    bool evacuation_over;
    int64_t changed_us; /* when the world, or what a probe sees of it, changed last */
    /* The oracle's own fold of the log. */
    struct control reference;
    struct ledger ledger;
    struct arena reference_arena;
    void *reference_memory, *decode_memory, *digest_memory;
    size_t decode_size, digest_size;
    struct digest *digests;   /* [offset] */
    struct generation *plans; /* [generation] */
    struct drift shares[SIM_MAX_ANSWERS * SIM_MAX_IDCS], limits[SIM_MAX_ANSWERS];
    bool drained[FLEET_MAX_CARRIERS][SIM_MAX_IDCS], waits_word[SIM_MAX_IDCS];
    uint32_t healed_plans, most_effects;
    struct plan initial;
    uint64_t decisions, rescues, approvals, false_drains;
    int64_t converged_us; /* since when all is as on the first day; -1: it is not */
    char failure[512];    /* "" while all is well */
    bool trace;
    struct script script;
};

struct sim_result {
    struct digest digest; /* of log and states */
    char failure[512];
    int64_t simulated_us;
    int64_t converged_us; /* after the healing; -1: never */
    uint64_t records, decisions, generations;
    uint32_t healed_plans, most_effects; /* of one node in one second */
    uint64_t false_drains;               /* drains of what was well by the truth */
};

/* Runs one seed; returns 0, or 1 with a failure. */
int sim_run(const struct fleet *f, uint64_t seed, bool trace, struct sim_result *ret_result);

/* The same in pieces, for scenarios: the fleet stays the caller's; start puts GENESIS into the log
 * and starts every node. */
struct sim *sim_new(const struct fleet *f, uint64_t seed, bool trace);
void sim_start(struct sim *s);
void sim_tick(struct sim *s);
struct digest sim_digest(const struct sim *s);
void sim_free(struct sim *s);
/* Reads a fleet file; NULL after it said why on stderr. The caller's, ended with free(). */
struct fleet *sim_load_fleet(const char *path);

void sim_fail(struct sim *s, const char *format, ...) __attribute__((format(printf, 2, 3)));
void sim_trace(struct sim *s, const char *format, ...) __attribute__((format(printf, 2, 3)));
void *sim_alloc(size_t count, size_t size);

/* world.c: the truth, faults, probes, the operator. */
void world_start(struct sim *s);
void world_tick(struct sim *s);
void world_heal(struct sim *s);
void world_restart_probe(struct sim *s, uint16_t o);
/* The fleet is another one now: probes look at what it has. */
void world_refleet(struct sim *s, const struct fleet *was);

/* script.c: the same for a scenario: reach, load, flapping links, forged reports, drills. */
void script_start(struct sim *s);
void script_tick(struct sim *s);
bool script_link_down(const struct sim *s, uint16_t link);
bool script_muted(const struct sim *s, uint16_t idc);
struct observation script_look(struct sim *s, uint16_t o, uint32_t t);
void script_load(struct sim *s, uint16_t o, struct report *r, struct load_sample *loads,
                 struct load_rate *views);
int64_t script_held_us(const struct sim *s, uint16_t o, uint32_t t);
void script_edge(struct sim *s, uint16_t o, uint32_t t, bool down);
struct injection script_injection(const struct sim *s, const struct effect *e);
void script_answer_injections(struct sim *s);
void script_inject(struct sim *s, uint16_t i, const struct injection *wanted);
void script_decided(struct sim *s, const struct decide *d);

/* carriers.c */
void carriers_start(struct sim *s);
void carriers_tick(struct sim *s);
bool carriers_dark(const struct sim *s, uint16_t o, const struct target *t);
bool carriers_were_off(const struct sim *s, uint16_t c, uint16_t idc);
bool carriers_well_for(const struct sim *s, uint16_t c, uint16_t idc, int64_t us);

/* orders.c */
void orders_start(struct sim *s);
void orders_tick(struct sim *s);

/* bus.c: the log and what is on its way. */
void bus_append(struct sim *s, enum record_kind kind, uint8_t *bytes,
                size_t size); /* takes bytes */
void bus_report(struct sim *s, uint16_t from, const struct report *r);
void bus_keep(struct kept_report *k, const struct report *r);
void bus_tick(struct sim *s);
void bus_free(struct sim *s);
int bus_decode(struct sim *s, int64_t offset, struct record *ret_record);

/* node.c: a daemon around a replica. */
void node_start(struct sim *s, uint16_t i);
void node_crash(struct sim *s, uint16_t i);
void node_tick(struct sim *s, uint16_t i);
void node_report(struct sim *s, uint16_t i, uint16_t from, const struct report *r, int64_t offset);
void node_edge(struct sim *s, uint16_t i, uint16_t link, uint8_t end, bool down);
void node_request(struct sim *s, uint16_t i, const struct operator_record *request);
void node_outcome(struct sim *s, uint16_t i, const struct outcome *outcome);
void node_free(struct sim *s, uint16_t i);

/* actuators.c */
void job_tick(struct sim *s, uint16_t i);
bool node_is_running(const struct sim *s, uint16_t i);

/* oracle.c */
void oracle_start(struct sim *s, const struct record *genesis);
void oracle_record(struct sim *s, const struct record *r, int64_t offset);
void oracle_writes(struct sim *s, uint16_t node, const struct record *r);
void oracle_pushes(struct sim *s, uint16_t node, uint16_t server, const struct fence *f);
bool oracle_acknowledged(const struct sim *s, char *why, size_t size);
bool oracle_converged(struct sim *s, char *why, size_t size);
void oracle_acts(struct sim *s, uint16_t node, const struct fence *f);
void oracle_commit(struct sim *s, uint16_t node, const struct control *c);
void oracle_effect(struct sim *s, uint16_t node, const struct effect *e);
void oracle_tick(struct sim *s);
void oracle_end(struct sim *s);

/* fleets.c: fleets follow each other in the simulator with the same things at the same indices:
 * what comes is at the end of its list, and so is what goes. give asks the node, with what o says
 * of the person; followed is called when the reference has a new fleet, with the state before. */
struct fleet *fleets_copy(const struct fleet *f);
bool fleets_has_room(const struct sim *s);
bool fleets_give(struct sim *s, uint16_t node, const struct fleet *next, struct operator_record *o);
void fleets_followed(struct sim *s, const struct control *was);
void fleets_start(struct sim *s);
void fleets_tick(struct sim *s);

/* drills.c */
bool drills_read(const char *name, struct drill *ret_drill);
void drills_start(struct sim *s);
void drills_tick(struct sim *s);
/* Asked before a decision is folded: NULL, or what it does beside a real incident. */
const char *drills_broken(const struct sim *s, const struct decide *d);

/* snapshots.c */
void snapshots_start(struct sim *s);
/* This journal is gone. */
bool snapshots_wipe(struct sim *s);
/* The newest accepted one, as a daemon without a journal finds it; false: there is none. */
bool snapshots_load(struct sim *s, struct arena *a, struct control *ret_c);

/* transfers.c; record: one that counts. */
void transfers_start(struct sim *s);
void transfers_tick(struct sim *s);
void transfers_record(struct sim *s, const struct record *r, int64_t offset);

/* upgrades.c */
void upgrades_start(struct sim *s);
void upgrades_tick(struct sim *s);

/* spikes.c */
void spikes_start(struct sim *s);
void spikes_tick(struct sim *s);

/* oracle_orders.c: asked before a decision is folded: NULL, or what it does to a person's word. */
const char *oracle_orders(const struct sim *s, const struct decide *d);
bool oracle_emptied(const struct sim *s, uint16_t idc);

/* oracle_explain.c: the decision says why it takes from the entrance over the carrier. */
bool oracle_says_why(const struct sim *s, const struct decide *d, uint16_t entrance,
                     uint16_t carrier);

/* oracle_plan.c */
struct generation *oracle_generation(struct sim *s, uint64_t g);
void oracle_generated(struct sim *s, struct generation *g);
void oracle_approved(struct sim *s, const struct operator_record *word);
void oracle_shifts(struct sim *s, uint16_t node, uint16_t server, const struct fence *f);
void oracle_pushed(struct sim *s, uint16_t node, uint16_t server, int status);
void oracle_prompt(struct sim *s, uint16_t node);

#endif
