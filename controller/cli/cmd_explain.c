/* cmd_explain.c: `spillway explain`: the story of a record, of an incident, or of the newest
 * decision. */
#include "cli/past_fleets.h"
#include "cli/records.h"
#include "core/explain.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static bool parse_number(const char *s, int64_t *ret)
{
    char *end;
    errno = 0;
    const long long v = strtoll(s, &end, 10);
    if (errno != 0 || end == s || *end != '\0' || v < 0) {
        return false;
    }
    *ret = v;
    return true;
}

/* The story of a decision, or the sentence of any other record. */
static char *story_of(const struct host *h, const struct host_record *r)
{
    char *room = malloc(STORY_SIZE);
    if (room == NULL) {
        return NULL;
    }
    const struct fleet *f = host_fleet_at(h, r->offset);
    struct text t = text_over(room, STORY_SIZE);
    if (r->record.kind == RECORD_DECIDE) {
        explain_decision(f, &r->record.decide, r->offset, &t);
    } else {
        explain_line(f, &r->record, r->offset, &t);
    }
    if (!host_record_counts(r)) {
        text_put(&t, "\nIt did not count: ");
        text_put(&t, outcome_name(r->outcome));
        text_put(&t, ".");
    }
    if (t.len == 0 || room[t.len - 1] != '\n') {
        text_put(&t, "\n");
    }
    return room;
}

static int tell(const struct cli *c, const struct host *h, const struct host_record *r,
                json_t *list)
{
    char *story = story_of(h, r);
    if (story == NULL) {
        return cli_fail(c, ERR_MEMORY, "the story");
    }
    if (list != NULL) {
        json_t *o = record_json(h, r);
        json_object_set_new(o, "story", json_string(story));
        json_array_append_new(list, o);
    } else {
        fputs(story, c->out);
    }
    free(story);
    return CLI_OK;
}

static int explain_record(const struct cli *c, const struct host *h, int64_t offset, json_t *list)
{
    struct host_record r = {.offset = offset};
    const int status = host_record_seek(h, JOURNAL_AT, &r);
    const int64_t begins = host_begins(h);
    if (status == ERR_NOT_FOUND && offset < begins) {
        return cli_fail(c, OK,
                        "record %lld is gone from this journal, which begins at record %lld: older "
                        "ones are pruned, or this host began with a snapshot. The log has it, and "
                        "other hosts' journals may (--journal FILE)",
                        (long long)offset, (long long)begins);
    }
    if (status != OK) {
        return cli_fail(
            c, status, "record %lld is not in this journal (of heartbeats only the newest is kept)",
            (long long)offset);
    }
    const int code = tell(c, h, &r, list);
    host_record_done(&r);
    return code;
}

/* The newest accepted decision that changed the plan, else the newest at all. */
static int explain_newest(const struct cli *c, const struct host *h, json_t *list)
{
    struct host_record r = {0};
    int64_t newest = h->control.newest_decide, chosen = -1;
    int status = host_record_seek(h, JOURNAL_LAST, &r);
    while (status == OK && chosen < 0) {
        if (r.record.kind == RECORD_DECIDE && host_record_counts(&r) &&
            r.record.decide.change_count > 0) {
            chosen = r.offset;
        }
        host_record_done(&r);
        status = chosen < 0 ? host_record_seek(h, JOURNAL_PREV, &r) : OK;
    }
    chosen = chosen >= 0 ? chosen : newest;
    if (chosen < 0) {
        if (!c->json) {
            fputs("Nothing was decided yet: the plan is the one that init began with.\n", c->out);
        }
        return CLI_OK;
    }
    return explain_record(c, h, chosen, list);
}

/* The incident as the decision left it; NULL when it did not touch it. */
static const struct incident *decided(const struct host_record *r, uint32_t incident)
{
    if (r->record.kind == RECORD_DECIDE) {
        for (uint32_t i = 0; i < r->record.decide.incident_count; i++) {
            if (r->record.decide.incidents[i].id == incident) {
                return &r->record.decide.incidents[i];
            }
        }
    }
    return NULL;
}

static bool mentions(const struct host_record *r, uint32_t incident)
{
    return decided(r, incident) != NULL ||
           (r->record.kind == RECORD_OPERATOR &&
            r->record.operator.command == OPERATOR_APPROVE && r->record.operator.argument ==
            incident);
}

static int explain_incident_story(const struct cli *c, const struct host *h, uint32_t id,
                                  json_t *list)
{
    struct host_record r = {0};
    int code = CLI_OK;
    uint32_t told = 0;
    char page[PAGE_NAME_SIZE] = "";
    for (uint32_t i = 0; i < h->control.incident_count && list == NULL; i++) {
        if (h->control.incidents[i].id == id) {
            char line[SENTENCE_SIZE];
            struct text t = text_over(line, sizeof line);
            explain_incident(h->control.fleet, &h->control.incidents[i], &t);
            fprintf(c->out, "Now: %s\n\n", line);
        }
    }
    int status = host_record_seek(h, JOURNAL_FIRST, &r);
    while (status == OK && code == CLI_OK) {
        if (mentions(&r, id)) {
            if (told++ > 0 && list == NULL) {
                fputc('\n', c->out);
            }
            code = tell(c, h, &r, list);
            const struct incident *i = decided(&r, id);
            if (i != NULL) {
                (void)incident_page(i->kind, page);
            }
        }
        host_record_done(&r);
        status = host_record_seek(h, JOURNAL_NEXT, &r);
    }
    if (code == CLI_OK && told == 0) {
        code = cli_fail(c, ERR_NOT_FOUND,
                        "incident #%u is in no record of this journal, which begins at record %lld",
                        id, (long long)host_begins(h));
    } else if (page[0] != '\0' && list == NULL) {
        fprintf(c->out, "\npage: %s\n", page);
    }
    return code;
}

int cli_explain(struct cli *c)
{
    struct host h;
    int64_t number = -1;
    const bool named = c->count == 2 && strcmp(c->args[0], "incident") == 0;
    const bool incident = named || (c->count == 1 && c->args[0][0] == '#');
    const char *word = named ? c->args[1] : c->count == 1 ? c->args[0] + incident : NULL;
    if ((word == NULL && c->count > 0) || (word != NULL && !parse_number(word, &number)) ||
        (incident && number > UINT32_MAX)) {
        return cli_misuse(c, "usage: spillway explain [OFFSET | incident N]");
    }
    if (host_open(c, &h) != OK) {
        return CLI_FAILURE;
    }
    json_t *list = c->json ? json_array() : NULL;
    int code;
    if (incident) {
        code = explain_incident_story(c, &h, (uint32_t)number, list);
    } else if (number >= 0) {
        code = explain_record(c, &h, number, list);
    } else {
        code = explain_newest(c, &h, list);
    }
    if (code == CLI_OK && list != NULL) {
        code = cli_print_json(c, json_pack("{s:b, s:o}", "ok", 1, "records", list));
    } else {
        json_decref(list);
    }
    host_close(&h);
    return code;
}
