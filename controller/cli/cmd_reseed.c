/* cmd_reseed.c: `spillway reseed`: begins a log anew from this host's journal, after the log was
 * lost. */
#include "cli/cli.h"
#include "cli/eras.h"
#include "cli/genesis.h"
#include "cli/host.h"
#include "fold/fold.h"
#include "wire/record.h"

#include <stdlib.h>
#include <string.h>

/* The canonical fleet, then the canonical control state, of the journal. */
static int encode(const struct host *h, const char *reason, struct genesis *g, struct record *r)
{
    const struct control *c = &h->control;
    const size_t fleet_size = fleet_encoded_size(c->fleet), size = control_encoded_size(c);
    struct control *copy = malloc(sizeof *copy);
    g->parts = malloc(fleet_size + size);
    if (g->parts == NULL || copy == NULL) {
        free(copy);
        return ERR_MEMORY;
    }
    *copy = *c;
    struct codec w = codec_writer(g->parts, fleet_size);
    fleet_codec(&w, copy->fleet);
    int status = codec_finish(&w);
    w = codec_writer(g->parts + fleet_size, size);
    control_codec(&w, copy);
    status = status == OK ? codec_finish(&w) : status;
    free(copy);
    r->log_time = c->log_time;
    r->genesis.predecessor = c->log_id;
    r->genesis.fleet = (struct bytes){g->parts, fleet_size};
    r->genesis.control = (struct bytes){g->parts + fleet_size, size};
    return status == OK ? genesis_encode(g, r, reason, record_size_bound(c->fleet)) : status;
}

/* The record is folded here before anybody else has to. */
static int try_fold(const struct host *h, const struct record *r)
{
    struct control *next = malloc(sizeof *next);
    struct arena a;
    enum fold_void why = FOLD_SKIPPED;
    if (next == NULL || !cli_arena(&a, 2 * control_arena_size(h->control.fleet))) {
        free(next);
        return ERR_MEMORY;
    }
    control_init(next);
    int status = fold_apply(next, &a, r, 0, &why);
    status = status == OK && why != FOLD_ACCEPTED ? ERR_INVALID : status;
    free(a.base);
    free(next);
    return status;
}

/* No fence that stands anywhere may be of a plan that this journal does not know. */
static int check_fences(const struct cli *c, const struct host *h, const struct eras *eras)
{
    const struct fence *ours = &h->control.plan.fence;
    for (uint32_t i = 0; i < eras->count; i++) {
        const struct era_place *at = &eras->at[i];
        if (at->era > ours->era || (at->era == ours->era && at->generation > ours->generation)) {
            return cli_fail(c, OK,
                            "%s is at era %llu generation %llu, journal %s at era %llu generation "
                            "%llu: another host's journal is newer. Reseed there, or bring it here "
                            "(spillway journal backup) and give --journal FILE",
                            at->name, (unsigned long long)at->era,
                            (unsigned long long)at->generation, c->journal,
                            (unsigned long long)ours->era, (unsigned long long)ours->generation);
        }
    }
    return CLI_OK;
}

static int verify(const struct cli *c, const struct host *h)
{
    struct journal_check check = {.bad_offset = -1};
    if (h->lent != NULL) {
        return cli_fail(c, ERR_PERMISSION, "journal %s: a log is begun by who can read it",
                        c->journal);
    }
    const int status = journal_verify(h->view, &check);
    return status == OK ? CLI_OK
                        : cli_fail(c, status, "journal %s: %s; use another host's", c->journal,
                                   check.fault != NULL ? check.fault : "damaged");
}

static void describe(const struct cli *c, const struct host *h, const struct genesis *g,
                     const struct eras *eras)
{
    const struct control *k = &h->control;
    fprintf(c->out,
            "Journal %s: fleet \"%s\", era %llu, record %lld, generation %llu; %u incidents, %u "
            "orders go on.\nOf all hosts' journals the one with the highest record has to be taken "
            "(spillway status says it on each).\n",
            c->journal, k->fleet->name, (unsigned long long)k->era, (long long)k->applied,
            (unsigned long long)k->plan.fence.generation, k->incident_count, k->order_count);
    eras_print(eras, g->era, c->out);
    fflush(c->out);
}

static int report(const struct cli *c, const struct host *h, const struct genesis *g)
{
    char id[2 * sizeof g->log_id.bytes + 1];
    struct text t = text_over(id, sizeof id);
    text_put_hex(&t, g->log_id.bytes, sizeof g->log_id.bytes);
    const struct control *k = &h->control;
    if (c->json) {
        return cli_print_json(c, json_pack("{s:b, s:s, s:s, s:I, s:I, s:I}", "ok", 1, "fleet",
                                           k->fleet->name, "log_id", id, "era", (json_int_t)g->era,
                                           "offset", (json_int_t)0, "generation",
                                           (json_int_t)k->plan.fence.generation));
    }
    fprintf(c->out,
            "The log of fleet \"%s\" has begun anew: log %s, era %llu, generation %llu. Every "
            "spillwayd that follows the log before goes over to it by itself.\n",
            k->fleet->name, id, (unsigned long long)g->era,
            (unsigned long long)k->plan.fence.generation);
    return CLI_OK;
}

static int run(const struct cli *c, const struct host *h, struct record *r, const char *reason)
{
    char question[CLI_WHY_SIZE];
    struct eras eras = {.count = 0};
    struct genesis g = {
        .not_empty = ", so it is not one that was lost whole. Cut off, refilled or another "
                     "fleet's: if it is really not to be kept, delete the topic on the brokers, "
                     "then reseed"};
    int status = eras_ask(c, h->control.fleet, &eras);
    g.era = (eras.highest > h->control.era ? eras.highest : h->control.era) + 1;
    status = status == OK ? genesis_new_log(&g) : status;
    status = status == OK ? encode(h, reason, &g, r) : status;
    status = status == OK ? try_fold(h, r) : status;
    int code = status == OK ? CLI_OK : cli_fail(c, status, "the control state of the journal");
    if (code == CLI_OK && !c->json) {
        describe(c, h, &g, &eras);
    }
    code = code == CLI_OK ? check_fences(c, h, &eras) : code;
    snprintf(question, sizeof question, "Begin the log of fleet \"%s\" at %s anew from this?",
             h->control.fleet->name, c->brokers);
    code = code == CLI_OK ? genesis_confirm(c, question) : code;
    code = code == CLI_OK ? genesis_begin_log(c, h->control.fleet, &g) : code;
    code = code == CLI_OK ? report(c, h, &g) : code;
    genesis_done(&g);
    return code;
}

int cli_reseed(struct cli *c)
{
    struct host h;
    if (c->count != 0 || c->reason == NULL || c->reason[0] == '\0' ||
        strlen(c->reason) >= RECORD_TEXT_SIZE) {
        return cli_misuse(c, "usage: spillway reseed --reason TEXT [--yes] [--brokers LIST] "
                             "[--journal FILE] [--development]");
    }
    if (host_open(c, &h) != OK) {
        return CLI_FAILURE;
    }
    struct record *r = calloc(1, sizeof *r);
    int code = r == NULL ? cli_fail(c, ERR_MEMORY, "the record") : verify(c, &h);
    code = code == CLI_OK ? run(c, &h, r, c->reason) : code;
    free(r);
    host_close(&h);
    return code;
}
