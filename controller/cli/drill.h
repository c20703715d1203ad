/* drill.h: the verbs of `spillway drill` that reach beyond the runbook itself. Each returns an exit
 * code. */
#ifndef SPILLWAY_CLI_DRILL_H
#define SPILLWAY_CLI_DRILL_H

#include "cli/host.h"
#include "model/drill.h"

/* What the drill would do now, struck at --on. */
int drill_predict(const struct cli *c, const struct drill *d);
/* Runs it at --on: --mode shadow says what each step would meet, --mode live asks the log. */
int drill_run(const struct cli *c, const struct drill *d);
/* Asks the log for a live run and watches it to its end. */
int drill_begin(const struct cli *c, const struct drill *d, const struct host *h,
                const struct drill_target *target);
/* The drill under way, or the newest one. */
int drill_status(const struct cli *c);
int drill_end(const struct cli *c);
/* What came of a run (NULL: the newest): objective against measured, every decision. */
int drill_report(const struct cli *c, const char *run);
/* The same of the newest run without its records, for who has just seen them; --json has all. */
int drill_score(const struct cli *c);

#endif
