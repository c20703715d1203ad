/* cmd_command.c: the verbs by which a person changes something: through the daemon into the log. */
#include "cli/command.h"

#include "config/units.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

/* The daemon answers within 30 s; a little more for a loaded host. */
enum { COMMAND_TIMEOUT_MS = 35000 };

#define SUBJECTS "SUBJECT: an IDC, SERVICE@IDC, CARRIER@IDC or entrance"

/* Its arguments, by their keys in the request: a number when the last letter is '#'; where: what
 * they are, or where they stand. */
static const struct form {
    const char *verb, *usage, *where;
    const char *keys[3];
} forms[] = {
    {"approve", "approve INCIDENT --reason TEXT", "its number in status", {"incident#"}},
    {"release", "release ORDER --reason TEXT", "its number in status", {"order#"}},
    {"undo", "undo DECISION --reason TEXT", "the number of a DECIDE in history", {"decision#"}},
    {"drain", "drain SUBJECT --reason TEXT", SUBJECTS, {"subject"}},
    {"undrain", "undrain SUBJECT --reason TEXT", SUBJECTS, {"subject"}},
    {"demote",
     "demote REGION SERVICE TIER --reason TEXT",
     "that tier and those above it",
     {"region", "service", "tier#"}},
    {"promote", "promote REGION SERVICE --reason TEXT", "as it was demoted", {"region", "service"}},
    {"pin", "pin SUBJECT --reason TEXT", SUBJECTS ", region:NAME", {"subject"}},
    {"freeze", "freeze --reason TEXT", "no more words", {NULL}},
};

static const struct form *find_form(const char *verb)
{
    for (size_t i = 0; i < sizeof forms / sizeof forms[0]; i++) {
        if (strcmp(forms[i].verb, verb) == 0) {
            return &forms[i];
        }
    }
    return NULL;
}

/* "3" or "#3". */
static bool parse_number(const char *s, json_int_t *ret)
{
    char *end;
    s += s[0] == '#';
    errno = 0;
    const long long v = strtoll(s, &end, 10);
    if (errno != 0 || end == s || *end != '\0' || v < 0) {
        return false;
    }
    *ret = v;
    return true;
}

static bool put_argument(json_t *request, const char *key, const char *value)
{
    char name[32];
    const size_t n = strlen(key);
    json_int_t number;
    if (key[n - 1] != '#') {
        return json_object_set_new(request, key, json_string(value)) == 0;
    }
    snprintf(name, sizeof name, "%.*s", (int)(n - 1), key);
    return parse_number(value, &number) &&
           json_object_set_new(request, name, json_integer(number)) == 0;
}

bool command_make_id(const char *given, char *ret_id)
{
    uint8_t random[16];
    if (given != NULL) {
        snprintf(ret_id, REQUEST_ID_SIZE, "%s", given);
        return strlen(given) == REQUEST_ID_SIZE - 1;
    }
    if (getrandom(random, sizeof random, 0) != (ssize_t)sizeof random) {
        return false;
    }
    struct text t = text_over(ret_id, REQUEST_ID_SIZE);
    text_put_hex(&t, random, sizeof random);
    return true;
}

/* The request of the command line; NULL when its form is not that. */
static json_t *make_request(const struct cli *c, const struct form *form, const char *id)
{
    json_t *request = json_pack("{s:s, s:s, s:s}", "request", form->verb, "id", id, "reason",
                                c->dry_run ? "dry run" : c->reason);
    bool good = request != NULL; /* else the reason is no UTF-8 */
    int wanted = 0;
    int64_t ttl_us = 0;
    while (wanted < 3 && form->keys[wanted] != NULL) {
        wanted++;
    }
    good = good && c->count == wanted;
    for (int i = 0; i < wanted && good; i++) {
        good = put_argument(request, form->keys[i], c->args[i]);
    }
    if (good && c->ttl != NULL) {
        good = units_parse_duration(c->ttl, &ttl_us) == OK &&
               json_object_set_new(request, "ttl_us", json_integer(ttl_us)) == 0;
    }
    if (!good) {
        json_decref(request);
        return NULL;
    }
    return request;
}

/* What was done, for people. */
static void tell_done(const struct cli *c, const json_t *answer, const char *id)
{
    const char *text = json_string_value(json_object_get(answer, "text"));
    const json_t *undone = json_object_get(answer, "undone");
    const json_t *overtaken = json_object_get(answer, "overtaken");
    fprintf(c->out, "%s: done (record %lld, request %s)\n", c->verb,
            (long long)json_integer_value(json_object_get(answer, "offset")), id);
    if (text != NULL) {
        fprintf(c->out, "%s\n", text);
    }
    if (json_is_integer(undone)) {
        fprintf(c->out,
                "%lld places of the plan go back to what they were, as far as the guards let them",
                (long long)json_integer_value(undone));
        if (json_integer_value(overtaken) > 0) {
            fprintf(c->out, "; %lld others were changed again by later decisions, and stay",
                    (long long)json_integer_value(overtaken));
        }
        fputc('\n', c->out);
    }
    fputs("`spillway status` shows what comes of it.\n", c->out);
}

/* The log may have the command or not. */
static int tell_unknown(const struct cli *c, const char *id, const char *why)
{
    cli_fail(c, OK,
             "%s: no answer yet, it may still count: %s. Ask again, which does nothing twice, with "
             "--request-id %s",
             c->verb, why, id);
    return CLI_UNKNOWN;
}

static int tell(const struct cli *c, json_t *answer, const char *id)
{
    const bool ok = json_is_true(json_object_get(answer, "ok"));
    const int status = (int)json_integer_value(json_object_get(answer, "status"));
    const char *why = json_string_value(json_object_get(answer, "why"));
    int code = ok ? CLI_OK : status == ERR_TIMEOUT ? CLI_UNKNOWN : CLI_FAILURE;
    why = why != NULL ? why : "no reason given";
    if (c->json) {
        json_object_set_new(answer, "request_id", json_string(id));
        (void)cli_print_json(c, json_incref(answer));
    } else if (ok) {
        tell_done(c, answer, id);
    } else if (code == CLI_UNKNOWN) {
        (void)tell_unknown(c, id, why);
    } else {
        (void)cli_fail(c, status, "%s: refused: %s", c->verb, why);
    }
    json_decref(answer);
    return code;
}

int command_send(const struct cli *c, json_t *request, const char *id)
{
    char why[CLI_WHY_SIZE];
    json_t *answer = NULL;
    const int status = host_ask_for(c, request, COMMAND_TIMEOUT_MS, &answer, why);
    if (status == ERR_TIMEOUT) {
        return tell_unknown(c, id, why);
    }
    if (status != OK) {
        return cli_fail(c, status, "%s: %s", c->verb, why);
    }
    return tell(c, answer, id);
}

int cli_command(struct cli *c)
{
    char why[CLI_WHY_SIZE], id[REQUEST_ID_SIZE];
    const struct form *form = find_form(c->verb);
    if (!c->dry_run && (c->reason == NULL || c->reason[0] == '\0')) {
        return cli_misuse(c, "%s needs --reason TEXT: it is kept in the log", c->verb);
    }
    int64_t ttl_us = 0;
    if (c->ttl != NULL && units_parse_duration(c->ttl, &ttl_us) != OK) {
        return cli_misuse(c, "--ttl %s: expected a duration such as 90s, 30min or 8h", c->ttl);
    }
    if (!command_make_id(c->request_id, id)) {
        return cli_misuse(c, "--request-id: expected 32 lower case hex digits");
    }
    json_t *request = make_request(c, form, id);
    if (request == NULL) {
        return cli_misuse(c, "usage: spillway %s (%s)", form->usage, form->where);
    }
    if (c->dry_run) {
        json_decref(request);
        return command_dry_run(c);
    }
    if (command_is_futile(c, why)) {
        json_decref(request);
        return cli_fail(c, ERR_GUARD, "%s: refused, nothing of it could be done: %s", c->verb, why);
    }
    return command_send(c, request, id);
}
