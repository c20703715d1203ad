/* commands.h: a person's command from a request: what its names mean, what it undoes, and the
 * answer. */
#ifndef SPILLWAY_DAEMON_COMMANDS_H
#define SPILLWAY_DAEMON_COMMANDS_H

#include "daemon/daemon.h"
#include "daemon/request.h"

#include <jansson.h>

/* The command without identity. Its changes live in *ret_memory, which the caller frees.
 * ERR_NOT_FOUND, ERR_INVALID, ERR_STALE, ERR_MEMORY, ERR_CORRUPT: why (WHY_SIZE bytes) says what is
 * wrong. Call it for new requests only: what a request folded before undid stands no more. */
int command_prepare(struct daemon *d, const struct request *r, struct operator_record *ret_command,
                    void **ret_memory, char *why) MUST_CHECK;
/* The request was folded before: the log's answer is known. */
bool command_was_folded(const struct daemon *d, const struct request_id *id);
/* What came of a command that the log took, for the person. */
json_t *command_answer(struct daemon *d, const struct operator_record *command, int64_t offset);
/* Why the log refused it, as a sentence in why (WHY_SIZE bytes). */
void command_refusal(const struct daemon *d, const struct operator_record *command, int status,
                     char *why);

#endif
