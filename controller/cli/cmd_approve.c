/* cmd_approve.c: `spillway approve INCIDENT --reason`: a person's word, through the daemon into the
 * log. */
#include "cli/host.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/random.h>

/* The daemon answers within 30 s; a little more for a loaded host. */
enum { APPROVE_TIMEOUT_MS = 35000 };

/* "3" or "#3". */
static bool parse_incident(const char *s, json_int_t *ret)
{
    char *end;
    s += s[0] == '#';
    errno = 0;
    const long long v = strtoll(s, &end, 10);
    if (errno != 0 || end == s || *end != '\0' || v < 1 || v > UINT32_MAX) {
        return false;
    }
    *ret = v;
    return true;
}

static int tell(const struct cli *c, json_t *answer, json_int_t incident)
{
    const bool ok = json_is_true(json_object_get(answer, "ok"));
    if (c->json) {
        const int printed = cli_print_json(c, answer);
        return ok ? printed : CLI_FAILURE;
    }
    int code = CLI_OK;
    if (ok) {
        fprintf(c->out,
                "Incident #%lld is approved (record %lld). Its way back is taken in steps; "
                "`spillway status` shows them.\n",
                (long long)incident,
                (long long)json_integer_value(json_object_get(answer, "offset")));
    } else {
        const char *why = json_string_value(json_object_get(answer, "why"));
        code = cli_fail(c, (int)json_integer_value(json_object_get(answer, "status")),
                        "incident #%lld was not approved: %s", (long long)incident,
                        why != NULL ? why : "no reason given");
    }
    json_decref(answer);
    return code;
}

int cli_approve(struct cli *c)
{
    char why[CLI_WHY_SIZE], id[33];
    uint8_t random[16];
    json_int_t incident;
    if (c->count != 1 || !parse_incident(c->args[0], &incident)) {
        return cli_misuse(c, "usage: spillway approve INCIDENT --reason TEXT");
    }
    if (c->reason == NULL || c->reason[0] == '\0') {
        return cli_misuse(c, "an approval needs --reason TEXT: it is kept in the log");
    }
    if (getrandom(random, sizeof random, 0) != (ssize_t)sizeof random) {
        return cli_fail(c, ERR_IO, "no random bytes");
    }
    struct text t = text_over(id, sizeof id);
    text_put_hex(&t, random, sizeof random);
    json_t *request = json_pack("{s:s, s:s, s:I, s:s}", "request", "approve", "id", id, "incident",
                                incident, "reason", c->reason);
    if (request == NULL) {
        return cli_misuse(c, "the reason is not valid UTF-8");
    }
    json_t *answer = host_ask(c, request, APPROVE_TIMEOUT_MS, why);
    if (answer == NULL) {
        return cli_fail(c, ERR_UNAVAILABLE, "incident #%lld: no word on the approval: %s",
                        (long long)incident, why);
    }
    return tell(c, answer, incident);
}
