/* cmd_log.c: `spillway log skip`: past the record at which this host's spillwayd halted. */
#include "cli/command.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define ASK_TIMEOUT_MS 5000

static bool parse_record(const char *word, json_int_t *ret)
{
    char *end;
    errno = 0;
    const long long n = strtoll(word + (word[0] == '#'), &end, 10);
    if (errno != 0 || *end != '\0' || n < 1) {
        return false;
    }
    *ret = n;
    return true;
}

/* At which record the daemon here halted, and what that is; steals nothing. */
static int check_halted(const struct cli *c, const json_t *status, json_int_t record)
{
    const json_t *halted = json_object_get(status, "halted");
    const json_int_t at = json_integer_value(json_object_get(halted, "offset"));
    if (!json_is_object(halted)) {
        return cli_fail(c, OK,
                        "log skip: refused: spillwayd here has not halted; ask where one has");
    }
    if (!json_is_string(json_object_get(halted, "record"))) {
        return cli_fail(c, OK, "log skip: refused: spillwayd here has not halted at a record: %s",
                        json_string_value(json_object_get(halted, "why")));
    }
    if (at != record) {
        return cli_fail(c, OK, "log skip: refused: spillwayd here halted at record %lld, not %lld",
                        (long long)at, (long long)record);
    }
    return CLI_OK;
}

/* The person types the number again, or gave --yes. */
static int confirm(const struct cli *c, const json_t *status, json_int_t record)
{
    char line[32];
    const json_t *halted = json_object_get(status, "halted");
    fprintf(
        c->err,
        "Record %lld: %s\n%s.\nEvery replica that halted at it folds it as void and reads on. One "
        "that did not halt at it keeps\nit, and differs from then on: see who halted first "
        "(spillway status). It cannot be taken back.\n",
        (long long)record, json_string_value(json_object_get(halted, "record")),
        json_string_value(json_object_get(halted, "why")));
    if (c->yes) {
        return CLI_OK;
    }
    if (!isatty(STDIN_FILENO)) {
        return cli_misuse(c, "not confirmed: answer on a terminal, or give --yes");
    }
    fprintf(c->err, "Type the record's number to go on: ");
    if (fgets(line, sizeof line, stdin) == NULL) {
        line[0] = '\0';
    }
    line[strcspn(line, "\n")] = '\0';
    json_int_t typed = 0;
    return parse_record(line, &typed) && typed == record
               ? CLI_OK
               : cli_fail(c, OK, "not confirmed; nothing was written");
}

static int skip(const struct cli *c, json_int_t record, const char *id)
{
    char why[CLI_WHY_SIZE];
    json_t *status = host_ask(c, json_pack("{s:s}", "request", "status"), ASK_TIMEOUT_MS, why);
    if (status == NULL) {
        return cli_fail(c, ERR_UNAVAILABLE, "log skip: %s", why);
    }
    int code = check_halted(c, status, record);
    code = code == CLI_OK ? confirm(c, status, record) : code;
    json_decref(status);
    if (code != CLI_OK || c->dry_run) {
        return code;
    }
    json_t *request = json_pack("{s:s, s:s, s:s, s:I}", "request", "skip", "id", id, "reason",
                                c->reason, "record", record);
    return request != NULL ? command_send(c, request, id)
                           : cli_misuse(c, "--reason: expected text in UTF-8");
}

int cli_log(struct cli *c)
{
    char id[REQUEST_ID_SIZE];
    json_int_t record = 0;
    if (c->count != 2 || strcmp(c->args[0], "skip") != 0 || !parse_record(c->args[1], &record)) {
        return cli_misuse(c, "usage: spillway log skip RECORD --reason TEXT [--yes]");
    }
    if (c->reason == NULL || c->reason[0] == '\0') {
        return cli_misuse(c, "log skip needs --reason TEXT: it is kept in the log");
    }
    if (!command_make_id(c->request_id, id)) {
        return cli_misuse(c, "--request-id: expected 32 lower case hex digits");
    }
    return skip(c, record, id);
}
