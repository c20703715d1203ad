/* cmd_init.c: `spillway init FLEET`: shows the plan with nothing known down, and begins the log. */
#include "cli/cli.h"
#include "cli/eras.h"
#include "cli/fleet_file.h"
#include "cli/genesis.h"
#include "cli/host.h"
#include "cli/plan_text.h"
#include "core/decide.h"
#include "wire/record.h"

#include <stdlib.h>
#include <string.h>

/* A journal that belongs to a log already is not given another one by init. */
static int check_journal(const struct cli *c)
{
    struct text none = text_over(NULL, 0);
    struct host h = {0};
    if (journal_open(c->journal, JOURNAL_READ, 0, &none, &h.journal) != OK) {
        return CLI_OK; /* no journal here yet, or none that this user may read: nothing to compare
                        */
    }
    int code = CLI_OK;
    if (journal_view_open(h.journal, &h.view) == OK &&
        journal_identity(h.view, &h.identity) == OK) {
        code = cli_fail(
            c, ERR_EXISTS,
            "journal %s follows a log of fleet \"%s\" already (era %llu): init is only for "
            "a fleet's first log; when that log was lost: spillway reseed",
            c->journal, h.identity.fleet, (unsigned long long)h.identity.era);
    }
    host_close(&h);
    return code;
}

static int encode(const struct fleet *f, struct plan *p, const char *reason, struct genesis *g)
{
    struct codec m = codec_measure();
    plan_codec(&m, p);
    const size_t fleet_size = fleet_encoded_size(f);
    g->parts = malloc(fleet_size + m.pos);
    struct record *r = calloc(1, sizeof *r);
    if (g->parts == NULL || r == NULL) {
        free(r);
        return ERR_MEMORY;
    }
    struct fleet copy = *f;
    struct codec w = codec_writer(g->parts, fleet_size);
    fleet_codec(&w, &copy);
    int status = codec_finish(&w);
    w = codec_writer(g->parts + fleet_size, m.pos);
    plan_codec(&w, p);
    status = status == OK ? codec_finish(&w) : status;
    r->genesis.fleet = (struct bytes){g->parts, fleet_size};
    r->genesis.plan = (struct bytes){g->parts + fleet_size, m.pos};
    status = status == OK ? genesis_encode(g, r, reason, record_size_bound(f)) : status;
    free(r);
    return status;
}

static int report(const struct cli *c, const struct fleet *f, const struct plan *p,
                  const struct genesis *g)
{
    char id[2 * sizeof g->log_id.bytes + 1], digest[2 * DIGEST_SIZE + 1];
    struct text t = text_over(id, sizeof id);
    text_put_hex(&t, g->log_id.bytes, sizeof g->log_id.bytes);
    t = text_over(digest, sizeof digest);
    text_put_hex(&t, p->fence.digest.bytes, DIGEST_SIZE);
    if (c->json) {
        return cli_print_json(c, json_pack("{s:b, s:s, s:s, s:I, s:I, s:I, s:s}", "ok", 1, "fleet",
                                           f->name, "log_id", id, "era", (json_int_t)g->era,
                                           "offset", (json_int_t)0, "generation", (json_int_t)1,
                                           "plan_digest", digest));
    }
    fprintf(c->out, "The log of fleet \"%s\" has begun: log %s, era %llu, generation 1.\n", f->name,
            id, (unsigned long long)g->era);
    return CLI_OK;
}

static int run(struct cli *c, const struct fleet *f, const char *reason)
{
    struct arena a;
    struct plan plan;
    struct genesis g = {.not_empty = ""};
    char question[CLI_WHY_SIZE];
    struct eras eras = {.count = 0};
    if (record_size_bound(f) > RECORD_MAX_BYTES) {
        return cli_fail(c, ERR_TOO_LARGE, "the fleet's records would be larger than any may be");
    }
    if (!cli_arena(&a, decide_arena_size(f) + plan_arena_size(f))) {
        return cli_fail(c, ERR_MEMORY, "the plan");
    }
    int status = plan_initial(f, &a, &plan);
    status = status == OK ? eras_ask(c, f, &eras) : status;
    g.era = eras.highest + 1;
    status = status == OK ? genesis_new_log(&g) : status;
    status = status == OK ? encode(f, &plan, reason, &g) : status;
    int code = status == OK ? CLI_OK : cli_fail(c, status, "planning for fleet \"%s\"", f->name);
    if (code == CLI_OK && !c->json) {
        plan_print(f, &plan, c->out);
        eras_print(&eras, g.era, c->out);
        fflush(c->out);
    }
    snprintf(question, sizeof question, "Begin the log of fleet \"%s\" at %s with this plan?",
             f->name, c->brokers);
    code = code == CLI_OK ? genesis_confirm(c, question) : code;
    code = code == CLI_OK ? genesis_begin_log(c, f, &g) : code;
    code = code == CLI_OK ? report(c, f, &plan, &g) : code;
    genesis_done(&g);
    free(a.base);
    return code;
}

int cli_init(struct cli *c)
{
    struct fleet_file file;
    if (c->count != 1) {
        return cli_misuse(c, "usage: spillway init FLEET [--yes] [--brokers LIST] [--reason TEXT] "
                             "[--development]");
    }
    const char *reason = c->reason != NULL ? c->reason : "the fleet's first log";
    if (reason[0] == '\0' || strlen(reason) >= RECORD_TEXT_SIZE) {
        return cli_misuse(c, "a reason has 1 to %d bytes", RECORD_TEXT_SIZE - 1);
    }
    if (fleet_file_load(c, c->args[0], &file) != OK) {
        return CLI_FAILURE;
    }
    int code = check_journal(c);
    code = code == CLI_OK ? run(c, &file.fleet, reason) : code;
    fleet_file_done(&file);
    return code;
}
