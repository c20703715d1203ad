/* genesis.c: the first record of a log, made by a person, appended, and read back. */
#include "cli/genesis.h"

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

/* Everything but what the verbs put into it. */
int genesis_encode(struct genesis *g, struct record *r, const char *reason, size_t bound)
{
    r->kind = RECORD_GENESIS;
    r->log_id = g->log_id;
    r->writer = (struct writer){.replica = REPLICA_PERSON, .sequence = 1};
    r->base = -1;
    r->genesis.era = g->era;
    identity_of_user(r->genesis.identity);
    snprintf(r->genesis.reason, RECORD_TEXT_SIZE, "%s", reason);
    if (getrandom(&r->writer.incarnation, sizeof r->writer.incarnation, 0) !=
        (ssize_t)sizeof r->writer.incarnation) {
        return ERR_IO;
    }
    r->writer.incarnation |= 1; /* 0 means that nothing was seen */
    g->bytes = malloc(bound);
    return g->bytes == NULL ? ERR_MEMORY : record_encode(r, g->bytes, bound, &g->size);
}

int genesis_new_log(struct genesis *g)
{
    return getrandom(g->log_id.bytes, sizeof g->log_id.bytes, 0) == (ssize_t)sizeof g->log_id.bytes
               ? OK
               : ERR_IO;
}

void genesis_done(struct genesis *g)
{
    free(g->parts);
    free(g->bytes);
}

int genesis_confirm(const struct cli *c, const char *question)
{
    char line[16];
    if (c->yes) {
        return CLI_OK;
    }
    if (!isatty(STDIN_FILENO)) {
        return cli_misuse(c, "not confirmed: answer on a terminal, or give --yes");
    }
    fprintf(c->err, "%s Type yes: ", question);
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
        return cli_fail(c, ERR_EXISTS, "the log at %s has been begun already%s", c->brokers,
                        g->not_empty);
    }
    if (e->kind == BUS_LOG_END && !*appended) {
        if (e->offset != 0) {
            return cli_fail(c, ERR_EXISTS, "the log at %s is not empty%s", c->brokers,
                            g->not_empty);
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
                          "asking again tells"
                        : "the log could not be read; nothing was written",
                    last[0] != '\0' ? ": " : "", last);
}

int genesis_begin_log(const struct cli *c, const struct fleet *f, const struct genesis *g)
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
