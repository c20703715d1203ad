/* drill_words.h: a drill's run, its moves and its targets, as the verbs of the CLI tell them. */
#ifndef SPILLWAY_CLI_DRILL_WORDS_H
#define SPILLWAY_CLI_DRILL_WORDS_H

#include "model/control.h"

#include <jansson.h>
#include <stdio.h>

/* ": cut (inject)": the step that a running drill's move is about; nothing for other moves. */
void drill_put_step(const struct drill *d, const struct drill_move *m, struct text *t);
/* "comes to cut (inject)", "aborted for a person's word". */
void drill_put_move(const struct drill *d, const struct drill_move *m, struct text *t);
/* "drill 3, fibre-cut on beijing-shanghai" */
void drill_put_run(const struct fleet *f, const struct drill_run *r, struct text *t);
/* What a drill of this kind can strike in the fleet, as far as there is room. */
void drill_put_targets(const struct fleet *f, enum drill_on on, struct text *t);
/* The newest run in two lines for people; indent goes before each. */
void drill_print_run(const struct control *k, const char *indent, FILE *out);
/* The newest run as JSON (spillway(1)); {"run": 0} when there was none. */
json_t *drill_run_json(const struct control *k);

#endif
