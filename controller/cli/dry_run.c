/* dry_run.c: a command tried on a copy of what is, by the same core that would carry it out. */
#include "cli/command.h"

#include "cli/records.h"
#include "config/units.h"
#include "core/explain.h"

#include <stdlib.h>
#include <string.h>

enum { DRY_MAX_LINES = 40 };

/* A command made from the command line, over this host's journal. */
struct trial {
    struct host host;
    struct host_record decision; /* of an undo */
    struct operator_record command;
    struct prediction prediction;
    enum fold_void why;
};

static enum operator_command command_of(const char *verb)
{
    for (unsigned c = OPERATOR_APPROVE; c <= OPERATOR_LAST; c++) {
        if (strcmp(operator_command_name((enum operator_command)c), verb) == 0) {
            return (enum operator_command)c;
        }
    }
    return 0;
}

static uint64_t number_of(const char *word)
{
    return strtoull(word + (word[0] == '#'), NULL, 10);
}

static int read_undo(struct trial *t)
{
    t->decision.offset = (int64_t)t->command.argument;
    const int status = host_record_seek(&t->host, JOURNAL_AT, &t->decision);
    struct record *r = &t->decision.record;
    if (status != OK || r->kind != RECORD_DECIDE || !host_record_counts(&t->decision)) {
        return ERR_NOT_FOUND;
    }
    t->command.changes = r->decide.changes;
    t->command.change_count =
        changes_undo(&t->host.control.plan, r->decide.changes, r->decide.change_count);
    return OK;
}

/* What the words of the command line mean to the fleet of the journal. */
static int read_command(const struct cli *c, struct trial *t)
{
    const struct fleet *f = t->host.control.fleet;
    struct operator_record *o = &t->command;
    o->command = command_of(c->verb);
    snprintf(o->reason, sizeof o->reason, "%s", "dry run");
    snprintf(o->identity, sizeof o->identity, "%s", "dry run");
    if (c->ttl != NULL && units_parse_duration(c->ttl, &o->ttl_us) != OK) {
        return ERR_INVALID;
    }
    switch (o->command) {
    case OPERATOR_DRAIN:
    case OPERATOR_UNDRAIN: return order_subject_find(f, ORDER_DRAIN, c->args[0], &o->subject);
    case OPERATOR_PIN: return order_subject_find(f, ORDER_PIN, c->args[0], &o->subject);
    case OPERATOR_DEMOTE: o->tier = (uint8_t)number_of(c->args[2]); /* fall through */
    case OPERATOR_PROMOTE: return order_features_find(f, c->args[0], c->args[1], &o->subject);
    case OPERATOR_APPROVE:
    case OPERATOR_RELEASE:
    case OPERATOR_SKIP: o->argument = number_of(c->args[0]); return OK;
    case OPERATOR_UNDO: o->argument = number_of(c->args[0]); return read_undo(t);
    case OPERATOR_FREEZE:
    case OPERATOR_DRILL:
    case OPERATOR_ABORT:
    case OPERATOR_HOLD:
    case OPERATOR_UNHOLD:
    case OPERATOR_FLEET:
    case OPERATOR_TRANSFER: return OK; /* fleet apply and leader transfer foresee by themselves */
    }
    return ERR_INVALID;
}

static void trial_done(struct trial *t)
{
    prediction_done(&t->prediction);
    host_record_done(&t->decision);
    host_close(&t->host);
}

/* Runs the command on a copy. On failure nothing is left to free. */
static int trial_run(const struct cli *c, struct trial *t)
{
    memset(t, 0, sizeof *t);
    int status = host_open(c, &t->host);
    if (status != OK) {
        return status;
    }
    status = read_command(c, t);
    status = status == OK ? prediction_of_command(c, &t->host, &t->command, &t->prediction, &t->why)
                          : status;
    if (status != OK) {
        trial_done(t);
    }
    return status;
}

/* The differences that the plan would have in the end, to be freed; NULL when there is no memory.
 */
static struct change *changes_of(const struct trial *t, uint32_t *ret_count)
{
    const struct control *now = &t->host.control;
    const uint32_t max = record_max_changes(now->fleet);
    struct change *changes = calloc(max, sizeof *changes);
    const int n =
        changes != NULL
            ? plan_diff(&now->plan, &forecast_control(t->prediction.forecast)->plan, changes, max)
            : 0;
    *ret_count = n > 0 ? (uint32_t)n : 0;
    return changes;
}

static void print_changes(const struct cli *c, const struct trial *t)
{
    uint32_t n = 0;
    struct change *changes = changes_of(t, &n);
    fprintf(c->out, "In the end, against now:%s\n", n == 0 ? " nothing has changed" : "");
    for (uint32_t i = 0; i < n && i < DRY_MAX_LINES && changes != NULL; i++) {
        char line[SENTENCE_SIZE];
        struct text text = text_over(line, sizeof line);
        explain_change(t->host.control.fleet, &changes[i], &text);
        fprintf(c->out, "  %s\n", line);
    }
    if (n > DRY_MAX_LINES) {
        fprintf(c->out, "  and %u more\n", n - DRY_MAX_LINES);
    }
    free(changes);
}

static void print_guards(const struct cli *c, const struct trial *t)
{
    uint32_t n = 0;
    const struct guard_result *g = forecast_guards(t->prediction.forecast, &n);
    const char *lead = "Held back:\n";
    for (uint32_t i = 0; i < n; i++) {
        if (!g[i].passed) {
            char line[SENTENCE_SIZE];
            struct text text = text_over(line, sizeof line);
            explain_guard(t->host.control.fleet, &g[i], &text);
            fprintf(c->out, "%s  %s\n", lead, line);
            lead = "";
        }
    }
}

static json_t *trial_json(const struct trial *t)
{
    uint32_t n = 0;
    const struct fleet *f = t->host.control.fleet;
    char line[SENTENCE_SIZE];
    json_t *list = json_array(), *held = json_array();
    struct change *changes = changes_of(t, &n);
    for (uint32_t i = 0; i < n && changes != NULL; i++) {
        struct text text = text_over(line, sizeof line);
        explain_change(f, &changes[i], &text);
        json_array_append_new(list, json_string(line));
    }
    free(changes);
    const struct guard_result *g = forecast_guards(t->prediction.forecast, &n);
    for (uint32_t i = 0; i < n; i++) {
        if (!g[i].passed) {
            struct text text = text_over(line, sizeof line);
            explain_guard(f, &g[i], &text);
            json_array_append_new(
                held, json_pack("{s:s, s:s}", "guard", guard_name(g[i].guard), "text", line));
        }
    }
    return json_pack("{s:b, s:b, s:o, s:o, s:o}", "ok", 1, "dry_run", 1, "changes", list,
                     "held_back", held, "prediction", prediction_json(&t->prediction));
}

int command_dry_run(const struct cli *c)
{
    struct trial t;
    const int status = trial_run(c, &t);
    if (status == ERR_NOT_FOUND && strcmp(c->verb, "undo") == 0) {
        return cli_fail(c, status,
                        "undo: would be refused: record %s is no decision, or not kept here",
                        c->args[0]);
    }
    if (status != OK) {
        return cli_fail(c, status, "%s: cannot be foreseen", c->verb);
    }
    int code = CLI_OK;
    if (t.why != FOLD_ACCEPTED) {
        code =
            cli_fail(c, OK, "%s: would be refused by the log: %s", c->verb, fold_void_name(t.why));
    } else if (c->json) {
        code = cli_print_json(c, trial_json(&t));
    } else {
        fputs("Nothing was written. ", c->out);
        prediction_print(c, &t.prediction);
        print_changes(c, &t);
        print_guards(c, &t);
    }
    trial_done(&t);
    return code;
}

/* Slots where the drain is that it may move. */
static uint32_t slots_there(const struct control *c, const struct subject *subject)
{
    const struct order o = {.kind = ORDER_DRAIN, .subject = *subject};
    uint32_t n = 0;
    for (uint32_t i = 0; i < (uint32_t)c->plan.service_count * c->plan.view_count; i++) {
        const struct answer *a = &c->plan.answers[i];
        const uint16_t carrier = c->fleet->views[i % c->plan.view_count].carrier;
        for (uint8_t k = 0; k < a->count; k++) {
            const uint16_t e = a->slots[k].entrance;
            n += e != FLEET_NONE && order_moves(c->fleet, &o, e, carrier) ? 1 : 0;
        }
    }
    return n;
}

static bool refuses_drains(enum guard g)
{
    return g == GUARD_LAST_IDC || g == GUARD_NEVER_LAST || g == GUARD_CAPACITY;
}

bool command_is_futile(const struct cli *c, char *why)
{
    struct trial t;
    if (strcmp(c->verb, "drain") != 0 || trial_run(c, &t) != OK) {
        return false;
    }
    uint32_t n = 0;
    bool futile = false;
    if (t.why == FOLD_ACCEPTED && t.prediction.live && t.prediction.observers > 0) {
        const struct guard_result *g = forecast_guards(t.prediction.forecast, &n);
        const uint32_t before = slots_there(&t.host.control, &t.command.subject);
        const uint32_t after =
            slots_there(forecast_control(t.prediction.forecast), &t.command.subject);
        for (uint32_t i = 0; i < n && before > 0 && after == before && !futile; i++) {
            if (!g[i].passed && refuses_drains(g[i].guard)) {
                struct text text = text_over(why, CLI_WHY_SIZE);
                explain_guard(t.host.control.fleet, &g[i], &text);
                futile = true;
            }
        }
    }
    trial_done(&t);
    return futile;
}
