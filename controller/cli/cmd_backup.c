/* cmd_backup.c: `spillway journal backup|restore FILE`: a verified copy of this host's journal, and
 * the way back, guarded. */
#include "cli/backup.h"

#include "cli/host.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* What a journal is, as far as guards need it. */
struct sort {
    struct journal_identity identity;
    struct journal_check check;
    struct control control; /* its memory is freed: numbers only */
};

/* Verifies all of an open journal, and that spillwayd could go on from it. */
static int examine(const struct cli *c, const char *path, struct sort *ret)
{
    struct cli other = *c;
    struct host h;
    struct journal_check check = {.bad_offset = -1};
    other.journal = path;
    if (host_open(&other, &h) != OK) {
        return CLI_FAILURE; /* it was told */
    }
    int code = CLI_OK;
    const int status = h.lent != NULL ? ERR_PERMISSION : journal_verify(h.view, &check);
    if (status != OK) {
        code = cli_fail(c, status, "journal %s: %s", path,
                        check.fault != NULL ? check.fault : "it cannot be read whole");
    } else {
        ret->identity = h.identity;
        ret->check = check;
        ret->control = h.control;
    }
    host_close(&h);
    return code;
}

static int report(const struct cli *c, const char *what, const char *from, const char *to,
                  const struct sort *s)
{
    if (c->json) {
        return cli_print_json(c, json_pack("{s:b, s:s, s:s, s:s, s:I, s:I, s:I, s:I}", "ok", 1,
                                           "from", from, "to", to, "fleet", s->identity.fleet,
                                           "era", (json_int_t)s->identity.era, "records",
                                           (json_int_t)s->check.records, "first_offset",
                                           (json_int_t)s->check.first_offset, "applied",
                                           (json_int_t)s->check.applied));
    }
    fprintf(c->out, "%s %s to %s: fleet \"%s\", era %llu, records %lld to %lld; verified.\n", what,
            from, to, s->identity.fleet, (unsigned long long)s->identity.era,
            (long long)s->check.first_offset, (long long)s->check.last_offset);
    return CLI_OK;
}

static void remove_journal(const char *path)
{
    char lock[4096];
    (void)unlink(path);
    if (snprintf(lock, sizeof lock, "%s-lock", path) < (int)sizeof lock) {
        (void)unlink(lock);
    }
}

/* Copies the journal at `from` to `to`, which must not be there; readable by its owner only. */
static int copy(const struct cli *c, const char *from, const char *to)
{
    char room[CLI_WHY_SIZE];
    struct text why = text_over(room, sizeof room);
    struct journal *j = NULL;
    const mode_t before = umask(077);
    int status = journal_open(from, JOURNAL_READ, 0, &why, &j);
    if (status != OK) {
        (void)umask(before);
        return cli_fail(c, OK, "%s", room);
    }
    status = journal_archive(j, to);
    journal_close(j);
    (void)umask(before);
    return status == OK ? CLI_OK : cli_fail(c, status, "copying journal %s to %s", from, to);
}

int cli_backup(struct cli *c)
{
    const char *to = c->args[1];
    struct sort s;
    if (access(to, F_OK) == 0) {
        return cli_fail(c, ERR_EXISTS, "%s: a backup is never written over another file", to);
    }
    int code = copy(c, c->journal, to);
    if (code != CLI_OK) {
        return code;
    }
    code = examine(c, to, &s);
    if (code != CLI_OK) {
        remove_journal(to);
        return code;
    }
    return report(c, "Copied", c->journal, to, &s);
}

/* --- The way back ------------------------------------------------------------------------------
 */

/* What stands at the journal's place is nothing, or older than the backup and of the same log. */
static int older(const struct cli *c, const char *backup, const struct sort *from)
{
    struct sort there;
    int code = examine(c, c->journal, &there);
    if (code != CLI_OK) {
        return cli_fail(c, OK,
                        "journal %s is there and is no journal to compare with; move it away "
                        "(mv %s %s.broken, and its -lock) and ask again",
                        c->journal, c->journal, c->journal);
    }
    const bool same =
        memcmp(&there.identity.log_id, &from->identity.log_id, sizeof there.identity.log_id) == 0;
    if (!same) {
        return cli_fail(c, ERR_FOREIGN,
                        "journal %s follows another log (era %llu) than the backup (era %llu); if "
                        "the backup's is the right one, move the journal away first",
                        c->journal, (unsigned long long)there.identity.era,
                        (unsigned long long)from->identity.era);
    }
    if (there.check.applied >= from->check.applied) {
        return cli_fail(c, ERR_EXISTS,
                        "journal %s is at record %lld, backup %s at %lld: a newer journal is never "
                        "replaced by an older one",
                        c->journal, (long long)there.check.applied, backup,
                        (long long)from->check.applied);
    }
    return CLI_OK;
}

static int confirm(const struct cli *c, const char *backup)
{
    char line[16];
    if (c->yes) {
        return CLI_OK;
    }
    if (!isatty(STDIN_FILENO)) {
        return cli_misuse(c, "not confirmed: answer on a terminal, or give --yes");
    }
    fprintf(c->err, "Put %s at the place of journal %s? Type yes: ", backup, c->journal);
    if (fgets(line, sizeof line, stdin) == NULL || strcmp(line, "yes\n") != 0) {
        return cli_fail(c, OK, "not confirmed; nothing was changed");
    }
    return CLI_OK;
}

/* Puts the copy at its place: over a journal that we hold, so that no daemon can begin to write it;
 * or where there is none, by a link, which fails if one came in between. */
static int place(const struct cli *c, const char *part, struct journal *held)
{
    struct stat file;
    char lock[4096];
    int rc = 0;
    if (held != NULL && stat(c->journal, &file) == 0) {
        rc = chown(part, file.st_uid, file.st_gid);
        rc = rc == 0 ? rename(part, c->journal) : rc;
    } else {
        rc = link(part, c->journal);
    }
    const int error = errno;
    (void)unlink(part);
    if (rc != 0) {
        return cli_fail(c, OK, "journal %s: %s; nothing was changed", c->journal, strerror(error));
    }
    if (snprintf(lock, sizeof lock, "%s-lock", c->journal) < (int)sizeof lock) {
        (void)unlink(lock); /* it spoke of the file that was there */
    }
    return CLI_OK;
}

/* The whole way, with the journal that is there held, or none there. */
static int put_back(const struct cli *c, const char *backup, struct journal *held)
{
    char part[4096];
    struct sort from;
    int code = examine(c, backup, &from);
    code = code == CLI_OK && held != NULL ? older(c, backup, &from) : code;
    code = code == CLI_OK ? confirm(c, backup) : code;
    if (code != CLI_OK) {
        return code;
    }
    if (snprintf(part, sizeof part, "%s.restore", c->journal) >= (int)sizeof part) {
        return cli_fail(c, ERR_TOO_LARGE, "journal %s", c->journal);
    }
    remove_journal(part); /* of a restore that was ended */
    code = copy(c, backup, part);
    code = code == CLI_OK ? place(c, part, held) : code;
    return code == CLI_OK ? report(c, "Restored", backup, c->journal, &from) : code;
}

int cli_restore(struct cli *c)
{
    char room[CLI_WHY_SIZE];
    struct text why = text_over(room, sizeof room);
    struct journal *held = NULL;
    if (access(c->journal, F_OK) == 0) {
        const int status = journal_open(c->journal, JOURNAL_WRITE, 0, &why, &held);
        if (status == ERR_BUSY) {
            return cli_fail(c, OK, "journal %s is a living spillwayd's: stop it first", c->journal);
        }
        if (status != OK) {
            return cli_fail(c, OK, "%s; or move that journal away and ask again", room);
        }
    }
    const int code = put_back(c, c->args[1], held);
    journal_close(held);
    return code;
}
