/* scenario.h: named disasters as text, run in the simulator and judged line by line.
 *
 * A scenario is a timeline of sentences (tests/sim/scenarios/README.md). Each sentence matches one
 * phrase of a table: words, and places in <> that are filled by names, times and numbers. */
#ifndef SPILLWAY_SIM_SCENARIO_H
#define SPILLWAY_SIM_SCENARIO_H

#include "sim.h"

enum {
    SCENARIO_MAX_LINES = 96,
    SCENARIO_MAX_WORDS = 24,
    SCENARIO_MAX_ARGS = 6,
    SCENARIO_TEXT_SIZE = 256,
};

/* What stood in a phrase's places: its index or value, and the word itself. */
struct args {
    int64_t at[SCENARIO_MAX_ARGS];
    const char *word[SCENARIO_MAX_ARGS];
};

/* A sentence that may be said. Exactly one of do_it (to the world) and holds (of it) is set. */
struct phrase {
    const char *pattern;
    void (*do_it)(struct sim *s, const struct args *a);
    bool (*holds)(const struct sim *s, const struct args *a);
};

enum line_kind {
    LINE_WITH,   /* before it begins */
    LINE_AT,     /* an event at a time */
    LINE_WHEN,   /* an event as soon as a condition holds */
    LINE_WITHIN, /* the condition comes true so soon after the event above */
    LINE_FROM,   /* it holds from one time after the event above to another */
    LINE_NEVER,
    LINE_ALWAYS,
    LINE_FINALLY, /* it holds at the end */
};

struct line {
    enum line_kind kind;
    unsigned number; /* in the file */
    char text[SCENARIO_TEXT_SIZE];
    char words[SCENARIO_TEXT_SIZE]; /* the same, cut into words, to which args point */
    const struct phrase *does, *condition;
    struct args does_args, args;
    bool negated;
    int64_t from_us, to_us; /* AT: from_us; WITHIN: to_us */
    uint32_t event;         /* of an expectation: the line of the event above */
    /* While it runs. */
    int64_t fired_us; /* event; -1: not yet */
    bool met;
};

struct scenario {
    char name[SCENARIO_TEXT_SIZE], about[SCENARIO_TEXT_SIZE], fleet[SCENARIO_TEXT_SIZE];
    char bug[SCENARIO_TEXT_SIZE]; /* of state/base/bug.h, that this case finds; "" for none */
    uint64_t seed;
    int64_t end_us;
    uint32_t count;
    struct line lines[SCENARIO_MAX_LINES];
    struct fleet *own; /* for this case alone; the scenario frees it */
};

/* Reads a file; errors go to stderr as file:line. 0 or -1. fleets: where fleet files are. Either
 * way scenario_done is called for it once. */
int scenario_read(const char *path, const char *fleets, struct scenario *ret_scenario);
void scenario_done(struct scenario *c);
/* Matches the words against the table and fills the places; NULL and *ret_problem when none does.
 */
const struct phrase *phrase_find(const struct phrase *table, const struct fleet *f, char **words,
                                 uint32_t count, struct args *ret_args, const char **ret_problem);
/* Runs it; 0, or 1 with what was wrong in ret_why. */
int scenario_run(struct scenario *c, bool trace, struct digest *ret_digest, char *ret_why,
                 size_t size);

/* The tables; each ends with an empty phrase. */
extern const struct phrase SETUP_PHRASES[], FAULT_PHRASES[], WORD_PHRASES[], FLEET_PHRASES[],
    BEGIN_PHRASES[], CONDITION_PHRASES[];

/* A person begins to speak: fills who and which word it is; the node that listens. The answer, when
 * there is none to wait for. */
uint16_t say_as(struct sim *s, enum operator_command command, struct operator_record *o);
void say_refused(struct sim *s, int status);

/* How a subject is called in scenarios: "beijing", "web@beijing", "telecom@beijing", ... */
void subject_put(const struct fleet *f, const struct subject *subject, char *room, size_t size);
/* Some subject of the fleet is called so. */
bool subject_named(const struct fleet *f, const char *name);

#endif
