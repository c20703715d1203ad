/* cmd_journal.c: `spillway journal verify|dump|backup|restore`: this host's journal, checked and
 * printed. */
#include "cli/backup.h"
#include "cli/past_fleets.h"
#include "cli/records.h"

#include <string.h>

static void hex_of(const struct digest *d, char room[2 * DIGEST_SIZE + 1])
{
    struct text t = text_over(room, 2 * DIGEST_SIZE + 1);
    text_put_hex(&t, d->bytes, DIGEST_SIZE);
}

static json_t *check_json(const struct journal_check *check, bool good)
{
    char head[2 * DIGEST_SIZE + 1];
    hex_of(&check->head, head);
    return json_pack("{s:b, s:I, s:I, s:I, s:I, s:I, s:s, s:s?, s:I}", "ok", good, "records",
                     (json_int_t)check->records, "first_offset", (json_int_t)check->first_offset,
                     "last_offset", (json_int_t)check->last_offset, "applied",
                     (json_int_t)check->applied, "control_bytes", (json_int_t)check->control_bytes,
                     "head", head, "fault", check->fault, "bad_offset",
                     (json_int_t)check->bad_offset);
}

static int tell_check(const struct cli *c, int status, const struct journal_check *check)
{
    char head[2 * DIGEST_SIZE + 1];
    hex_of(&check->head, head);
    if (c->json) {
        const int printed = cli_print_json(c, check_json(check, status == OK));
        return status == OK ? printed : CLI_FAILURE;
    }
    if (status == OK) {
        fprintf(c->out,
                "journal %s: good\n"
                "  %llu records, offsets %lld to %lld; control state of %llu bytes at %lld\n"
                "  chain %s\n",
                c->journal, (unsigned long long)check->records, (long long)check->first_offset,
                (long long)check->last_offset, (unsigned long long)check->control_bytes,
                (long long)check->applied, head);
        return CLI_OK;
    }
    const char *fault = check->fault != NULL ? check->fault : "damaged";
    if (check->bad_offset >= 0) {
        return cli_fail(c, status, "journal %s: at record %lld: %s", c->journal,
                        (long long)check->bad_offset, fault);
    }
    return cli_fail(c, status, "journal %s: %s", c->journal, fault);
}

static int verify(const struct cli *c)
{
    struct host h;
    struct journal_check check = {.bad_offset = -1};
    if (host_open_journal(c, &h) != OK) {
        return CLI_FAILURE;
    }
    const int status = journal_verify(h.view, &check);
    const int code = tell_check(c, status, &check);
    host_close(&h);
    return code;
}

static void dump_json(const struct cli *c, const struct host *h, const struct host_record *r)
{
    char chain[2 * DIGEST_SIZE + 1], incarnation[17];
    hex_of(&r->chain, chain);
    snprintf(incarnation, sizeof incarnation, "%016llx",
             (unsigned long long)r->record.writer.incarnation);
    json_t *o = record_json(h, r);
    json_object_set_new(o, "base", json_integer(r->record.base));
    json_object_set_new(o, "incarnation", json_string(incarnation));
    json_object_set_new(o, "sequence", json_integer((json_int_t)r->record.writer.sequence));
    json_object_set_new(o, "chain", json_string(chain));
    json_dumpf(o, c->out, JSON_COMPACT);
    fputc('\n', c->out);
    json_decref(o);
}

static void dump_text(const struct cli *c, const struct host *h, const struct host_record *r)
{
    char line[SENTENCE_SIZE], chain[2 * DIGEST_SIZE + 1], room[32];
    hex_of(&r->chain, chain);
    record_sentence(h, r, line);
    fprintf(c->out,
            "%lld %s writer=%s seq=%llu epoch=%llu base=%lld bytes=%zu outcome=%s chain=%.16s\n"
            "    %s\n",
            (long long)r->offset, record_kind_name(r->record.kind),
            replica_name(host_fleet_at(h, r->offset), r->record.writer.replica, room),
            (unsigned long long)r->record.writer.sequence, (unsigned long long)r->record.epoch,
            (long long)r->record.base, r->size, outcome_name(r->outcome), chain, line);
}

/* All records, oldest first; with --limit the newest N. */
static int dump(const struct cli *c)
{
    struct host h;
    struct host_record r = {0};
    if (host_open(c, &h) != OK) {
        return CLI_FAILURE;
    }
    int status = host_record_seek(&h, c->limit > 0 ? JOURNAL_LAST : JOURNAL_FIRST, &r);
    for (int64_t back = 1; status == OK && back < c->limit; back++) {
        struct host_record before = {.offset = r.offset};
        if (host_record_seek(&h, JOURNAL_PREV, &before) != OK) {
            break; /* fewer than N: from the first */
        }
        host_record_done(&r);
        r = before;
    }
    while (status == OK) {
        if (c->json) {
            dump_json(c, &h, &r);
        } else {
            dump_text(c, &h, &r);
        }
        host_record_done(&r);
        status = host_record_seek(&h, JOURNAL_NEXT, &r);
    }
    host_close(&h);
    return status == ERR_NOT_FOUND ? CLI_OK : cli_fail(c, status, "journal %s", c->journal);
}

int cli_journal(struct cli *c)
{
    if (c->count == 1 && strcmp(c->args[0], "verify") == 0) {
        return verify(c);
    }
    if (c->count == 1 && strcmp(c->args[0], "dump") == 0) {
        return dump(c);
    }
    if (c->count == 2 && strcmp(c->args[0], "backup") == 0) {
        return cli_backup(c);
    }
    if (c->count == 2 && strcmp(c->args[0], "restore") == 0) {
        return cli_restore(c);
    }
    return cli_misuse(c, "usage: spillway journal verify, journal dump [--limit N], "
                         "journal backup FILE, or journal restore FILE [--yes]");
}
