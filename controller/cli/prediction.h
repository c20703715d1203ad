/* prediction.h: what a fault or a command would do to this fleet now: from the journal's control
 * state and live evidence, by core/forecast. */
#ifndef SPILLWAY_CLI_PREDICTION_H
#define SPILLWAY_CLI_PREDICTION_H

#include "cli/host.h"
#include "core/forecast.h"

struct prediction {
    void *memory;
    const struct fleet *fleet;
    const struct control *before; /* borrowed */
    struct forecast *forecast;    /* run until it was quiet after the fault */
    int64_t effect_us;            /* from the fault to the first change of the plan; -1: none */
    uint32_t decisions;
    uint32_t moved_ppm; /* share of all slots that move */
    bool live;          /* on live evidence; else every probe was taken to see all well ... */
    bool unseen;        /* ... since none can have reported on that fleet yet */
    uint32_t observers; /* whose reports it is made on */
};

/* ERR_UNAVAILABLE while nobody leads, ERR_MEMORY, ERR_FULL. */
int prediction_make(const struct cli *c, const struct host *h, const struct drill *d,
                    const struct drill_target *target, struct prediction *ret_p) MUST_CHECK;
/* What a person's command would lead to, until nothing more is decided. *ret_why: what the fold
 * says of it; when that is not FOLD_ACCEPTED there is nothing to tell, and nothing to free. */
int prediction_of_command(const struct cli *c, const struct host *h,
                          const struct operator_record *command, struct prediction *ret_p,
                          enum fold_void *ret_why) MUST_CHECK;
/* What comes after a new fleet is in force, until nothing more is decided: from the control state
 * that it begins with, as if every probe saw all well, since none has reported on it yet. */
int prediction_of_fleet(const struct cli *c, const struct control *next,
                        struct prediction *ret_p) MUST_CHECK;
void prediction_done(struct prediction *p);
/* For people: what would be decided and when, what each IDC would carry, what would be shed. */
void prediction_print(const struct cli *c, const struct prediction *p);
/* The same as JSON; documented in spillway(1). */
json_t *prediction_json(const struct prediction *p);

#endif
