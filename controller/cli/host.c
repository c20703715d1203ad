/* host.c: the journal of this host, read for the CLI. */
#include "cli/past_fleets.h"

#include "fold/fold.h"
#include "wire/record.h"

#include <stdlib.h>
#include <string.h>

enum { ARENA_FIRST = 1 << 20, ARENA_MOST = 1 << 28 };

/* why gets a sentence on failure. */
static int open_journal(const struct cli *c, struct host *ret_h, char *why)
{
    struct text text = text_over(why, CLI_WHY_SIZE);
    struct host h = {.past = past_fleets_new()};
    int status = h.past == NULL ? ERR_MEMORY : OK;
    status = status == OK ? journal_open(c->journal, JOURNAL_READ, 0, &text, &h.journal) : status;
    status = status == OK ? journal_view_open(h.journal, &h.view) : status;
    if (status != OK) {
        if (text.len == 0) {
            snprintf(why, CLI_WHY_SIZE, "journal %s: %s", c->journal, error_text(status));
        }
        host_close(&h);
        return status;
    }
    *ret_h = h;
    return OK;
}

int host_open_journal(const struct cli *c, struct host *ret_h)
{
    char why[CLI_WHY_SIZE];
    int status = open_journal(c, ret_h, why);
    if (status != OK) {
        (void)cli_fail(c, OK, "%s", why);
    }
    return status;
}

/* The arena is doubled until it suffices: its need depends on a fleet known only after decoding. */
static int decode_control(const uint8_t *bytes, size_t size, struct host *h)
{
    for (size_t room = ARENA_FIRST; room <= ARENA_MOST; room *= 2) {
        struct arena arena;
        if (!cli_arena(&arena, room)) {
            return ERR_MEMORY;
        }
        control_init(&h->control);
        struct codec c = codec_reader(bytes, size, &arena);
        control_codec(&c, &h->control);
        const int status = codec_finish(&c);
        if (status == OK && h->control.fleet != NULL && control_broken(&h->control) == NULL) {
            h->memory = arena.base;
            return OK;
        }
        free(arena.base);
        if (status != ERR_FULL) {
            return ERR_CORRUPT;
        }
    }
    return ERR_CORRUPT;
}

static int load_control(struct host *h)
{
    size_t size = 0;
    int64_t applied = -1;
    int status = journal_identity(h->view, &h->identity);
    status = status == OK ? journal_control_size(h->view, &size, &applied) : status;
    if (status != OK) {
        return status;
    }
    uint8_t *bytes = malloc(size > 0 ? size : 1);
    status = bytes == NULL ? ERR_MEMORY : journal_control_read(h->view, bytes, size);
    status = status == OK ? decode_control(bytes, size, h) : status;
    free(bytes);
    return status;
}

/* Who cannot read the journal asks the daemon for it. */
static int open_lent(const struct cli *c, struct host *ret_h)
{
    char why[CLI_WHY_SIZE] = "";
    struct host h = {.past = past_fleets_new()};
    uint8_t *bytes = NULL;
    size_t size = 0;
    int status = h.past == NULL ? ERR_MEMORY : lent_open(c, &h.lent, &bytes, &size, why);
    status = status == OK ? decode_control(bytes, size, &h) : status;
    free(bytes);
    if (status != OK) {
        (void)cli_fail(c, OK, "journal %s may not be read by you, and spillwayd lends nothing: %s",
                       c->journal, why);
        host_close(&h);
        return status;
    }
    struct text t = text_over(h.identity.fleet, sizeof h.identity.fleet);
    text_put(&t, h.control.fleet->name);
    h.identity.log_id = h.control.log_id;
    h.identity.era = h.control.era;
    *ret_h = h;
    return OK;
}

int host_open(const struct cli *c, struct host *ret_h)
{
    struct host h;
    char why[CLI_WHY_SIZE];
    int status = open_journal(c, &h, why);
    if (status == ERR_PERMISSION) {
        return open_lent(c, ret_h);
    }
    if (status != OK) {
        (void)cli_fail(c, OK, "%s", why);
        return status;
    }
    status = load_control(&h);
    if (status == ERR_NOT_FOUND) {
        (void)cli_fail(
            c, OK,
            "journal %s: no log yet; create one with `spillway init FLEET`, and see that "
            "spillwayd runs here",
            c->journal);
    } else if (status != OK) {
        (void)cli_fail(c, status, "journal %s: the control state", c->journal);
    }
    if (status != OK) {
        host_close(&h);
        return status;
    }
    *ret_h = h;
    return OK;
}

void host_close(struct host *h)
{
    journal_view_close(h->view);
    journal_close(h->journal);
    lent_close(h->lent);
    past_fleets_free(h->past);
    free(h->memory);
    h->past = NULL;
    h->view = NULL;
    h->journal = NULL;
    h->lent = NULL;
    h->memory = NULL;
}

int host_record_seek(const struct host *h, enum journal_move move, struct host_record *r)
{
    struct journal_entry entry = {.offset = r->offset};
    int status =
        h->lent != NULL ? lent_seek(h->lent, move, &entry) : journal_seek(h->view, move, &entry);
    if (status != OK) {
        return status;
    }
    struct arena arena;
    if (!cli_arena(&arena, record_arena_size(entry.size))) {
        return ERR_MEMORY;
    }
    struct record record;
    status = record_decode(entry.bytes, entry.size, &arena, &record);
    if (status != OK) {
        free(arena.base);
        return status;
    }
    *r = (struct host_record){.offset = entry.offset,
                              .outcome = entry.outcome,
                              .size = entry.size,
                              .chain = entry.chain,
                              .memory = arena.base,
                              .record = record};
    return OK;
}

int64_t host_begins(const struct host *h)
{
    struct journal_entry first = {.offset = -1};
    const int status = h->lent != NULL ? lent_seek(h->lent, JOURNAL_FIRST, &first)
                                       : journal_seek(h->view, JOURNAL_FIRST, &first);
    return status == OK ? first.offset : -1;
}

void host_record_done(struct host_record *r)
{
    free(r->memory);
    r->memory = NULL;
}

bool host_record_counts(const struct host_record *r)
{
    return r->outcome == FOLD_ACCEPTED || r->outcome == JOURNAL_OUTCOME_UNKNOWN;
}
