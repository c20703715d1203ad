/* cmd_history.c: `spillway history`: the newest decisions and commands of the journal. */
#include "cli/records.h"

#include <stdlib.h>

enum { DEFAULT_LIMIT = 20 };

/* Offsets of the newest records of history, oldest first; their number. */
static size_t collect(const struct host *h, int64_t *offsets, size_t limit, int *ret_status)
{
    struct host_record r = {0};
    size_t n = 0;
    int status = host_record_seek(h, JOURNAL_LAST, &r);
    while (status == OK && n < limit) {
        if (record_is_history(&r)) {
            offsets[n++] = r.offset;
        }
        host_record_done(&r);
        status = host_record_seek(h, JOURNAL_PREV, &r);
    }
    host_record_done(&r);
    for (size_t i = 0; i < n / 2; i++) {
        const int64_t other = offsets[i];
        offsets[i] = offsets[n - 1 - i];
        offsets[n - 1 - i] = other;
    }
    *ret_status = status == ERR_NOT_FOUND ? OK : status;
    return n;
}

static void show_line(const struct cli *c, const struct host *h, const struct host_record *r)
{
    char line[SENTENCE_SIZE];
    record_sentence(h, r, line);
    if (host_record_counts(r)) {
        fprintf(c->out, "%s\n", line);
    } else {
        fprintf(c->out, "%s (void: %s)\n", line, outcome_name(r->outcome));
    }
}

/* whole: there is nothing older. */
static int show(const struct cli *c, const struct host *h, const int64_t *offsets, size_t count,
                bool whole)
{
    json_t *list = c->json ? json_array() : NULL;
    const int64_t begins = host_begins(h);
    if (!c->json && begins > 0 && whole) {
        fprintf(c->out,
                "History begins at record %lld here: what was before is pruned, or this host began "
                "with a snapshot. The log has it.\n",
                (long long)begins);
    }
    for (size_t i = 0; i < count; i++) {
        struct host_record r = {.offset = offsets[i]};
        const int status = host_record_seek(h, JOURNAL_AT, &r);
        if (status != OK) {
            json_decref(list);
            return cli_fail(c, status, "record %lld", (long long)offsets[i]);
        }
        if (c->json) {
            json_array_append_new(list, record_json(h, &r));
        } else {
            show_line(c, h, &r);
        }
        host_record_done(&r);
    }
    return c->json ? cli_print_json(c, json_pack("{s:b, s:I, s:o}", "ok", 1, "begins",
                                                 (json_int_t)begins, "records", list))
                   : CLI_OK;
}

int cli_history(struct cli *c)
{
    struct host h;
    if (c->count != 0) {
        return cli_misuse(c, "usage: spillway history [--limit N]");
    }
    if (host_open(c, &h) != OK) {
        return CLI_FAILURE;
    }
    const size_t limit = c->limit > 0 ? (size_t)c->limit : DEFAULT_LIMIT;
    int64_t *offsets = calloc(limit, sizeof *offsets);
    int code;
    if (offsets == NULL) {
        code = cli_fail(c, ERR_MEMORY, "history");
    } else {
        int status = OK;
        const size_t n = collect(&h, offsets, limit, &status);
        code = show(c, &h, offsets, n, n < limit);
        if (status != OK && code == CLI_OK) {
            code = cli_fail(c, status, "older records of the journal");
        }
    }
    free(offsets);
    host_close(&h);
    return code;
}
