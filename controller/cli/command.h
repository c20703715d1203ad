/* command.h: between the files of the verbs that change something. */
#ifndef SPILLWAY_CLI_COMMAND_H
#define SPILLWAY_CLI_COMMAND_H

#include "cli/prediction.h"

enum { REQUEST_ID_SIZE = 33 };

/* 32 hex digits, given or drawn. False: what was given is none, or nothing could be drawn. */
bool command_make_id(const char *given, char *ret_id);
/* Sends the command (stolen), waits until the log has it, and tells what came of it. An exit code.
 */
int command_send(const struct cli *c, json_t *request, const char *id);
/* --dry-run: what the command would lead to, and what of it the guards hold back. */
int command_dry_run(const struct cli *c);
/* A drain of which nothing could be carried out, because nothing else can take what is there: the
 * guard's sentence in why (CLI_WHY_SIZE bytes). False too when that cannot be foreseen. */
bool command_is_futile(const struct cli *c, char *why);

#endif
