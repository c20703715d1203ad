/* fleet_apply.c: `spillway fleet apply`: what a new fleet changes, told, foreseen, confirmed, and
 * sent. */
#include "cli/fleet_apply.h"

#include "cli/command.h"
#include "cli/fleet_diff.h"
#include "cli/past_fleets.h"
#include "config/fleet_config.h"
#include "core/decide.h"
#include "core/explain.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* The new fleet tried on a copy of what is. */
struct trial {
    struct host host;
    struct fleet_file file;
    json_t *differences;
    void *bytes; /* canonical fleet and plan of the command */
    struct operator_record command;
    struct arena arena; /* of next */
    struct control next;
    enum fold_void why; /* what the fold says */
    struct prediction prediction;
};

/* --- Reading ------------------------------------------------------------------------------------
 */

static int load_record(const struct cli *c, const char *name, struct fleet_file *ret)
{
    struct host h;
    struct fleet_file file = {0};
    int64_t before = 0;
    void *memory = NULL;
    char *end = NULL;
    const long long offset = strtoll(name + 1, &end, 10);
    int status = host_open(c, &h);
    if (status != OK) {
        return status;
    }
    status = end != name + 1 && *end == '\0' && offset >= 0 ? OK : ERR_NOT_FOUND;
    status = status == OK ? host_fleet_given(&h, offset, &file.fleet, &before, &memory) : status;
    host_close(&h);
    if (status != OK) {
        (void)cli_fail(c, OK, "%s: no record of this journal that gave a fleet", name);
        return status;
    }
    file.arena.base = memory;
    *ret = file;
    return OK;
}

int fleet_load_named(const struct cli *c, const char *name, struct fleet_file *ret)
{
    return name[0] == '@' ? load_record(c, name, ret) : fleet_file_load(c, name, ret);
}

/* --- Trying -------------------------------------------------------------------------------------
 */

static void trial_done(struct trial *t)
{
    prediction_done(&t->prediction);
    free(t->arena.base);
    free(t->bytes);
    json_decref(t->differences);
    fleet_file_done(&t->file);
    host_close(&t->host);
}

/* The command as the daemon will make it. ERR_BUSY: an answer needs what is gone. */
static int make_command(struct trial *t)
{
    struct fleet *f = &t->file.fleet;
    const struct control *c = &t->host.control;
    struct arena a;
    struct plan plan;
    if (!cli_arena(&a, plan_following_arena_size(c, f))) {
        return ERR_MEMORY;
    }
    int status = plan_following(c, f, &a, &plan);
    if (status == OK) {
        struct codec m = codec_measure();
        plan_codec(&m, &plan);
        const size_t size = fleet_encoded_size(f);
        t->bytes = malloc(size + m.pos);
        status = t->bytes == NULL ? ERR_MEMORY : OK;
        if (status == OK) {
            uint8_t *at = t->bytes;
            struct codec w = codec_writer(at, size);
            fleet_codec(&w, f);
            w = codec_writer(at + size, m.pos);
            plan_codec(&w, &plan);
            t->command = (struct operator_record){.command = OPERATOR_FLEET,
                                                  .argument = (uint64_t)c->fleet_offset,
                                                  .replaces = c->fleet_digest,
                                                  .fleet = {at, size},
                                                  .plan = {at + size, m.pos}};
        }
    }
    free(a.base);
    return status;
}

static int try_fold(struct trial *t)
{
    int status = make_command(t);
    if (status == ERR_BUSY) {
        t->why = FOLD_REQUEST_IN_USE;
        return OK;
    }
    size_t room =
        control_arena_size(&t->file.fleet) + fleet_carry_arena_size(t->host.control.fleet);
    if (status != OK || !cli_arena(&t->arena, room)) {
        return status != OK ? status : ERR_MEMORY;
    }
    t->next = t->host.control;
    t->next.plan_followed = true; /* by a heartbeat that the journal does not have yet */
    return fold_fleet(&t->next, &t->arena, &t->command, t->next.applied + 1, &t->why);
}

/* On failure nothing is left to free. */
static int trial_make(const struct cli *c, const char *name, struct trial *t)
{
    memset(t, 0, sizeof *t);
    int status = fleet_load_named(c, name, &t->file);
    if (status != OK) {
        return status; /* it was told */
    }
    status = host_open(c, &t->host);
    if (status != OK) {
        fleet_file_done(&t->file);
        return status;
    }
    t->differences = fleet_diff(t->host.control.fleet, &t->file.fleet);
    status = t->differences == NULL ? ERR_MEMORY : try_fold(t);
    if (status == OK && t->why == FOLD_ACCEPTED) {
        status = prediction_of_fleet(c, &t->next, &t->prediction);
        status = status == ERR_UNAVAILABLE ? OK : status; /* nobody leads: nothing is foreseen */
    }
    if (status != OK) {
        (void)cli_fail(c, status, "fleet apply: cannot be foreseen");
        trial_done(t);
    }
    return status;
}

/* --- Telling ------------------------------------------------------------------------------------
 */

static const char *refusal(enum fold_void why)
{
    switch (why) {
    case FOLD_REQUEST_IN_USE:
        return "an answer uses an entrance, an address or a number of slots that the new fleet "
               "does not have, or it takes the last way between two IDCs or a service's last "
               "announcer: drain it first (spillway drain), then apply";
    case FOLD_REQUEST_BUSY:
        return "a drill runs, a freeze holds, or a decision waits for its confirmation: apply when "
               "that is over (spillway status)";
    case FOLD_REQUEST_REFUSED:
        return "a fleet keeps its name and its zone, and an IDC its name and its partition, for "
               "ever: what is replaced gets new ones";
    case FOLD_ACCEPTED:
    case FOLD_DUPLICATE:
    case FOLD_FOREIGN_LOG:
    case FOLD_NOT_FIRST:
    case FOLD_LATE_CLAIM:
    case FOLD_NOT_CANDIDATE:
    case FOLD_NOT_LEADER:
    case FOLD_OVERTAKEN:
    case FOLD_UNKNOWN_REPLICA:
    case FOLD_SKIPPED:
    case FOLD_VERSION:
    case FOLD_REQUEST_SEEN:
    case FOLD_REQUEST_LATE:
    case FOLD_REQUEST_FLOOD:
    case FOLD_REQUEST_FULL:
    case FOLD_REQUEST_EXISTS:
    case FOLD_REQUEST_CORE:
    case FOLD_REQUEST_OVERTAKEN: break;
    }
    return fold_void_name(why);
}

static bool is_same(const struct trial *t)
{
    return t->bytes != NULL &&
           digest_compare(&t->host.control.fleet_digest, &t->next.fleet_digest) == 0;
}

/* Orders of people that are about what is gone. */
static uint32_t orders_gone(const struct control *before, const struct control *after)
{
    uint32_t n = 0;
    for (uint32_t i = 0; i < before->order_count; i++) {
        const struct order *o = &before->orders[i];
        n += o->kind != ORDER_FLEET && control_order(after, o->id) == NULL ? 1 : 0;
    }
    return n;
}

static void print_trial(const struct cli *c, const struct trial *t)
{
    const uint32_t orders = orders_gone(&t->host.control, &t->next);
    const uint32_t incidents = t->host.control.incident_count - t->next.incident_count;
    fprintf(c->out, "Against the fleet in force (- gone, + new, ~ changed):%s\n",
            json_array_size(t->differences) == 0 ? " only the order of its lists" : "");
    fleet_diff_print(t->differences, c->out);
    fputs("At once: nothing moves of what is in both; what is new begins at its home.\n", c->out);
    if (orders + incidents > 0) {
        fprintf(c->out, "%u orders and %u incidents end, since what they are about is gone.\n",
                orders, incidents);
    }
    if (t->prediction.forecast != NULL) {
        fputs("Then, in the steps of every decision: ", c->out);
        prediction_print(c, &t->prediction);
    }
    fprintf(c->out, "Undo: spillway fleet apply @%lld --reason TEXT\n",
            (long long)t->host.control.fleet_offset);
}

static int tell_dry_run(const struct cli *c, const struct trial *t)
{
    if (!c->json) {
        fputs("Nothing was written. ", c->out);
        print_trial(c, t);
        return CLI_OK;
    }
    return cli_print_json(
        c, json_pack("{s:b, s:b, s:O, s:I, s:o?}", "ok", 1, "dry_run", 1, "differences",
                     t->differences, "undo", (json_int_t)t->host.control.fleet_offset, "prediction",
                     t->prediction.forecast != NULL ? prediction_json(&t->prediction) : NULL));
}

/* --- Doing --------------------------------------------------------------------------------------
 */

static int confirm(const struct cli *c, const struct trial *t)
{
    char line[16];
    if (c->yes) {
        return CLI_OK;
    }
    if (!isatty(STDIN_FILENO)) {
        return cli_misuse(c, "not confirmed: answer on a terminal, or give --yes");
    }
    fprintf(c->err,
            "Give this fleet to the log of \"%s\"? Type yes: ", t->host.control.fleet->name);
    if (fgets(line, sizeof line, stdin) == NULL || strcmp(line, "yes\n") != 0) {
        return cli_fail(c, OK, "not confirmed; nothing was written");
    }
    return CLI_OK;
}

static int send_fleet(const struct cli *c, const struct trial *t)
{
    char id[REQUEST_ID_SIZE], replaces[2 * DIGEST_SIZE + 1];
    struct text digits = text_over(replaces, sizeof replaces);
    char *text = NULL;
    size_t size = 0;
    if (!command_make_id(c->request_id, id)) {
        return cli_misuse(c, "--request-id: expected 32 lower case hex digits");
    }
    FILE *out = open_memstream(&text, &size);
    if (out == NULL) {
        return cli_fail(c, ERR_MEMORY, "fleet apply");
    }
    config_fleet_print_yaml(&t->file.fleet, out);
    json_t *request = NULL;
    text_put_hex(&digits, t->command.replaces.bytes, DIGEST_SIZE);
    if (fclose(out) == 0) {
        request = json_pack("{s:s, s:s, s:s, s:s, s:s#}", "request", "fleet", "id", id, "reason",
                            c->reason, "replaces", replaces, "fleet", text, (int)size);
    }
    free(text);
    if (request == NULL) {
        return cli_misuse(c, "--reason: expected text in UTF-8");
    }
    return command_send(c, request, id);
}

static int carry_out(const struct cli *c, const struct trial *t)
{
    if (!c->json) {
        print_trial(c, t);
        fflush(c->out);
    }
    const int code = confirm(c, t);
    return code == CLI_OK ? send_fleet(c, t) : code;
}

int fleet_apply(const struct cli *c)
{
    struct trial t;
    if (!c->dry_run && (c->reason == NULL || c->reason[0] == '\0')) {
        return cli_misuse(c, "fleet apply needs --reason TEXT: it is kept in the log");
    }
    if (trial_make(c, c->args[1], &t) != OK) {
        return CLI_FAILURE;
    }
    int code;
    if (t.why != FOLD_ACCEPTED) {
        code = cli_fail(c, OK, "fleet apply: would be refused: %s", refusal(t.why));
    } else if (c->request_id == NULL && is_same(&t)) {
        code = cli_fail(c, OK, "fleet apply: this is the fleet in force already");
    } else {
        code = c->dry_run ? tell_dry_run(c, &t) : carry_out(c, &t);
    }
    trial_done(&t);
    return code;
}
