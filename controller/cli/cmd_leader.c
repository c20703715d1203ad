/* cmd_leader.c: `spillway leader transfer`: the lead to another candidate, and who could take it.
 */
#include "cli/command.h"

#include "fold/takeover.h"

#include <string.h>

static const char *leader_name(const struct control *c)
{
    for (uint16_t i = 0; i < c->fleet->idc_count; i++) {
        if (takeover_of(c, i) == TAKEOVER_LEADS) {
            return c->fleet->idcs[i].name;
        }
    }
    return NULL;
}

static json_t *takeovers_json(const struct control *c, bool possible)
{
    const char *leader = leader_name(c);
    json_t *list = json_array();
    for (uint16_t i = 0; i < c->fleet->idc_count; i++) {
        const enum takeover t = takeover_of(c, i);
        if (c->fleet->idcs[i].candidate) {
            json_array_append_new(list,
                                  json_pack("{s:s, s:b, s:s}", "idc", c->fleet->idcs[i].name, "can",
                                            t == TAKEOVER_CAN, "text", takeover_text(t)));
        }
    }
    return json_pack("{s:b, s:b, s:s?, s:I, s:o}", "ok", possible, "dry_run", 1, "leader", leader,
                     "epoch", (json_int_t)c->epoch, "candidates", list);
}

static void print_takeovers(const struct cli *c, const struct control *control)
{
    const char *leader = leader_name(control);
    fprintf(c->out, "Nothing was written. %s leads (epoch %llu).\n",
            leader != NULL ? leader : "Nobody", (unsigned long long)control->epoch);
    for (uint16_t i = 0; i < control->fleet->idc_count; i++) {
        const struct idc *at = &control->fleet->idcs[i];
        const enum takeover t = takeover_of(control, i);
        if (at->candidate && t != TAKEOVER_LEADS) {
            fprintf(c->out, "  %s %s\n", at->name, takeover_text(t));
        }
    }
}

/* By what this host's journal knows: each candidate tells it every ten seconds. */
static int dry_run(const struct cli *c)
{
    struct host h;
    struct subject to = {0};
    int status = host_open(c, &h);
    if (status != OK) {
        return CLI_FAILURE;
    }
    if (c->to != NULL) {
        to = (struct subject){SUBJECT_IDC, fleet_find_idc(h.control.fleet, c->to), 0};
    }
    if (c->to != NULL && to.a == FLEET_NONE) {
        status = cli_fail(c, OK, "leader: --to %s: there is no such IDC in the fleet", c->to);
        host_close(&h);
        return status;
    }
    const bool possible = takeover_is_possible(&h.control, &to);
    if (c->json) {
        (void)cli_print_json(c, takeovers_json(&h.control, possible));
    } else {
        print_takeovers(c, &h.control);
    }
    status = possible ? CLI_OK : CLI_FAILURE;
    if (!possible && !c->json) {
        (void)cli_fail(c, OK, "leader transfer: would be refused: %s %s",
                       c->to != NULL ? c->to : "no candidate",
                       c->to != NULL ? takeover_text(takeover_of(&h.control, to.a))
                                     : takeover_text(TAKEOVER_CAN));
    }
    host_close(&h);
    return status;
}

int cli_leader(struct cli *c)
{
    char id[REQUEST_ID_SIZE];
    if (c->count != 1 || strcmp(c->args[0], "transfer") != 0) {
        return cli_misuse(c, "usage: spillway leader transfer [--to IDC] --reason TEXT");
    }
    if (c->dry_run) {
        return dry_run(c);
    }
    if (c->reason == NULL || c->reason[0] == '\0') {
        return cli_misuse(c, "leader transfer needs --reason TEXT: it is kept in the log");
    }
    if (!command_make_id(c->request_id, id)) {
        return cli_misuse(c, "--request-id: expected 32 lower case hex digits");
    }
    json_t *request = json_pack("{s:s, s:s, s:s, s:s*}", "request", "leader-transfer", "id", id,
                                "reason", c->reason, "to", c->to);
    if (request == NULL) {
        return cli_misuse(c, "--reason and --to: expected text in UTF-8");
    }
    return command_send(c, request, id);
}
