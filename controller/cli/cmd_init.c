/* cmd_init.c: `spillway init FLEET`: shows the plan with nothing known down, and begins the log. */
#include "cli/cli.h"
#include "cli/eras.h"
#include "cli/fleet_file.h"
#include "cli/host.h"
#include "cli/plan_text.h"
#include "core/decide.h"
#include "log/bus.h"
#include "wire/record.h"

#include <errno.h>
#include <poll.h>
#include <pwd.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>
#include <unistd.h>

enum { INIT_TIMEOUT_MS = 20000, TOPICS_TIMEOUT_MS = 15000 };
enum { GO_ON = -1 }; /* not an exit code */

struct genesis {
    uint8_t *parts; /* canonical fleet, then canonical plan */
    uint8_t *bytes; /* the encoded record */
    size_t size;
    struct log_id log_id;
    uint64_t era;
};

static struct mono mono_now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_BOOTTIME, &t);
    return (struct mono){(int64_t)t.tv_sec * US_PER_SEC + t.tv_nsec / 1000};
}

static void identity_of_user(char identity[RECORD_TEXT_SIZE])
{
    char room[1024];
    struct passwd entry, *found = NULL;
    if (getpwuid_r(getuid(), &entry, room, sizeof room, &found) == 0 && found != NULL) {
        snprintf(identity, RECORD_TEXT_SIZE, "%s (uid %u)", found->pw_name, (unsigned)getuid());
    } else {
        snprintf(identity, RECORD_TEXT_SIZE, "uid %u", (unsigned)getuid());
    }
}

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
            "a fleet's first log; to begin anew, move the journals away first",
            c->journal, h.identity.fleet, (unsigned long long)h.identity.era);
    }
    host_close(&h);
    return code;
}

static int encode(const struct fleet *f, struct plan *p, const char *reason, struct genesis *g)
{
    struct codec m = codec_measure();
    plan_codec(&m, p);
    const size_t fleet_size = fleet_encoded_size(f), bound = record_size_bound(f);
    g->parts = malloc(fleet_size + m.pos);
    g->bytes = malloc(bound);
    if (g->parts == NULL || g->bytes == NULL) {
        return ERR_MEMORY;
    }
    struct fleet copy = *f;
    struct codec w = codec_writer(g->parts, fleet_size);
    fleet_codec(&w, &copy);
    int status = codec_finish(&w);
    w = codec_writer(g->parts + fleet_size, m.pos);
    plan_codec(&w, p);
    status = status == OK ? codec_finish(&w) : status;
    struct record *r = calloc(1, sizeof *r);
    if (r == NULL) {
        return ERR_MEMORY;
    }
    *r = (struct record){.kind = RECORD_GENESIS,
                         .log_id = g->log_id,
                         .writer = {.replica = REPLICA_PERSON, .sequence = 1},
                         .base = -1};
    r->genesis.era = g->era;
    r->genesis.fleet = (struct bytes){g->parts, fleet_size};
    r->genesis.plan = (struct bytes){g->parts + fleet_size, m.pos};
    identity_of_user(r->genesis.identity);
    snprintf(r->genesis.reason, RECORD_TEXT_SIZE, "%s", reason);
    if (getrandom(&r->writer.incarnation, sizeof r->writer.incarnation, 0) !=
        (ssize_t)sizeof r->writer.incarnation) {
        status = ERR_IO;
    }
    r->writer.incarnation |= 1; /* 0 means that nothing was seen */
    status = status == OK ? record_encode(r, g->bytes, bound, &g->size) : status;
    free(r);
    return status;
}

static void genesis_done(struct genesis *g)
{
    free(g->parts);
    free(g->bytes);
}

/* The person's word: a terminal and "yes", or --yes. */
static int confirm(const struct cli *c, const struct fleet *f)
{
    char line[16];
    if (c->yes) {
        return CLI_OK;
    }
    if (!isatty(STDIN_FILENO)) {
        return cli_misuse(c, "not confirmed: answer on a terminal, or give --yes");
    }
    fprintf(c->err, "Begin the log of fleet \"%s\" at %s with this plan? Type yes: ", f->name,
            c->brokers);
    if (fgets(line, sizeof line, stdin) == NULL || strcmp(line, "yes\n") != 0) {
        return cli_fail(c, OK, "not confirmed; nothing was written");
    }
    return CLI_OK;
}

static uint16_t partitions_of(const struct fleet *f)
{
    uint16_t most = 0;
    for (uint32_t i = 0; i < f->idc_count; i++) {
        most = f->idcs[i].partition > most ? f->idcs[i].partition : most;
    }
    return (uint16_t)(most + 1);
}

/* What one event means: GO_ON, or an exit code. */
static int on_event(const struct cli *c, struct bus *bus, const struct bus_event *e,
                    const struct genesis *g, bool *appended)
{
    if (e->kind == BUS_RECORD) {
        if (e->offset == 0 && e->size == g->size && memcmp(e->data, g->bytes, g->size) == 0) {
            return CLI_OK;
        }
        return cli_fail(c, ERR_EXISTS, "the log at %s has been begun already", c->brokers);
    }
    if (e->kind == BUS_LOG_END && !*appended) {
        if (e->offset != 0) {
            return cli_fail(c, ERR_EXISTS, "the log at %s is not empty", c->brokers);
        }
        *appended = true;
        const int status = bus_append(bus, g->bytes, g->size);
        return status == OK ? GO_ON : cli_fail(c, status, "appending GENESIS");
    }
    if (e->kind == BUS_LOG_BROKEN) {
        return cli_fail(c, ERR_EXISTS, "the log at %s does not begin at its start: %s", c->brokers,
                        e->why);
    }
    return GO_ON;
}

/* Appends once the log was seen empty, and is content only when GENESIS was read back at offset 0.
 */
static int append_genesis(const struct cli *c, struct bus *bus, const struct genesis *g)
{
    const struct mono deadline = mono_add(mono_now(), INIT_TIMEOUT_MS * US_PER_MS);
    bool appended = false;
    int status = bus_tail_log(bus, 0, mono_now());
    if (status != OK) {
        return cli_fail(c, status, "reading the log");
    }
    while (mono_diff_us(deadline, mono_now()) > 0) {
        struct pollfd p = {.fd = bus_fd(bus), .events = POLLIN};
        (void)poll(&p, 1, 50); /* a wake too many costs a turn, nothing else */
        bus_pump(bus, mono_now());
        struct bus_event e;
        while (bus_next(bus, &e) == 1) {
            const int code = on_event(c, bus, &e, g, &appended);
            if (code != GO_ON) {
                return code;
            }
        }
    }
    const char *last = bus_stats(bus)->last_error;
    return cli_fail(c, ERR_TIMEOUT, "%s%s%s",
                    appended
                        ? "GENESIS was sent and not read back: it may or may not be in the log; "
                          "running init again tells"
                        : "the log could not be read; nothing was written",
                    last[0] != '\0' ? ": " : "", last);
}

static int begin_log(const struct cli *c, const struct fleet *f, const struct genesis *g)
{
    char why[CLI_WHY_SIZE] = "";
    struct bus *bus = NULL;
    const struct bus_config config = {.brokers = c->brokers,
                                      .client_id = "spillway-init",
                                      .development = c->development,
                                      .security = c->settings.kafka_security};
    int status = bus_open(&config, &bus, why, sizeof why);
    if (status != OK) {
        return cli_fail(c, status, "brokers %s: %s", c->brokers, why);
    }
    if (!c->development) {
        status = bus_create_topics(bus, partitions_of(f), record_size_bound(f), TOPICS_TIMEOUT_MS,
                                   why, sizeof why);
    }
    const int code = status == OK ? append_genesis(c, bus, g)
                                  : cli_fail(c, status, "topics at %s: %s", c->brokers, why);
    bus_close(bus, 2000);
    return code;
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
    struct genesis g = {0};
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
    if (status == OK &&
        getrandom(g.log_id.bytes, sizeof g.log_id.bytes, 0) != (ssize_t)sizeof g.log_id.bytes) {
        status = ERR_IO;
    }
    status = status == OK ? encode(f, &plan, reason, &g) : status;
    int code = status == OK ? CLI_OK : cli_fail(c, status, "planning for fleet \"%s\"", f->name);
    if (code == CLI_OK && !c->json) {
        plan_print(f, &plan, c->out);
        eras_print(&eras, c->out);
        fflush(c->out);
    }
    code = code == CLI_OK ? confirm(c, f) : code;
    code = code == CLI_OK ? begin_log(c, f, &g) : code;
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
