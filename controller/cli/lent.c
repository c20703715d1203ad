/* lent.c: asks the daemon for stretches of its journal and walks in them (spillwayd(8)). */
#include "cli/lent.h"

#include "cli/host.h"

#include <stdlib.h>
#include <string.h>

enum { LENT_TIMEOUT_MS = 10000 };

struct lent {
    const struct cli *c;
    json_t *answer; /* the newest stretch; its records lie in one direction */
    bool backwards;
    int64_t from;   /* it begins behind this offset, that way */
    uint8_t *bytes; /* of the entry given last */
};

static int digit(char ch)
{
    return ch >= '0' && ch <= '9' ? ch - '0' : ch >= 'a' && ch <= 'f' ? ch - 'a' + 10 : -1;
}

uint8_t *bytes_of_hex(const char *text, size_t *ret_size)
{
    const size_t n = text == NULL ? 0 : strlen(text) / 2;
    uint8_t *bytes = n > 0 ? malloc(n) : NULL;
    for (size_t i = 0; i < n && bytes != NULL; i++) {
        const int high = digit(text[2 * i]), low = digit(text[2 * i + 1]);
        if (high < 0 || low < 0) {
            free(bytes);
            return NULL;
        }
        bytes[i] = (uint8_t)(high << 4 | low);
    }
    *ret_size = n;
    return bytes;
}

/* Asks; NULL with a sentence in why. */
static json_t *ask(const struct cli *c, json_t *request, char *why)
{
    json_t *answer = host_ask(c, request, LENT_TIMEOUT_MS, why);
    if (answer != NULL && !json_is_true(json_object_get(answer, "ok"))) {
        const char *said = json_string_value(json_object_get(answer, "why"));
        snprintf(why, CLI_WHY_SIZE, "%s", said != NULL ? said : "the daemon does not say why");
        json_decref(answer);
        return NULL;
    }
    return answer;
}

int lent_open(const struct cli *c, struct lent **ret_l, uint8_t **ret_control, size_t *ret_size,
              char *why)
{
    struct lent *l = calloc(1, sizeof *l);
    json_t *answer = l != NULL ? ask(c, json_pack("{s:s}", "request", "control"), why) : NULL;
    size_t size = 0;
    uint8_t *control = bytes_of_hex(json_string_value(json_object_get(answer, "control")), &size);
    json_decref(answer);
    if (control == NULL) {
        free(l);
        return ERR_UNAVAILABLE;
    }
    l->c = c;
    *ret_l = l;
    *ret_control = control;
    *ret_size = size;
    return OK;
}

void lent_close(struct lent *l)
{
    if (l != NULL) {
        json_decref(l->answer);
        free(l->bytes);
        free(l);
    }
}

static int64_t offset_of(const json_t *record)
{
    return json_integer_value(json_object_get(record, "offset"));
}

/* The first record behind the offset, that way, in the stretch at hand; NULL: it cannot tell. */
static const json_t *find(const struct lent *l, int64_t offset, bool backwards)
{
    const json_t *list = json_object_get(l->answer, "records"), *record;
    int64_t before = l->from;
    size_t i;
    if (l->answer == NULL || l->backwards != backwards) {
        return NULL;
    }
    json_array_foreach(list, i, record)
    {
        const int64_t at = offset_of(record);
        if (backwards ? at < offset && before >= offset : at > offset && before <= offset) {
            return record;
        }
        before = at;
    }
    return NULL;
}

static int fetch(struct lent *l, int64_t offset, bool backwards)
{
    char why[CLI_WHY_SIZE];
    json_t *answer = ask(l->c,
                         json_pack("{s:s, s:I}", "request", "records",
                                   backwards ? "before" : "after", (json_int_t)offset),
                         why);
    if (answer == NULL) {
        return ERR_UNAVAILABLE;
    }
    json_decref(l->answer);
    l->answer = answer;
    l->backwards = backwards;
    l->from = offset;
    return OK;
}

static int take(struct lent *l, const json_t *record, struct journal_entry *entry)
{
    size_t size = 0, chain_size = 0;
    uint8_t *bytes = bytes_of_hex(json_string_value(json_object_get(record, "bytes")), &size);
    uint8_t *chain = bytes_of_hex(json_string_value(json_object_get(record, "chain")), &chain_size);
    struct journal_entry e = {.offset = offset_of(record),
                              .outcome =
                                  (uint8_t)json_integer_value(json_object_get(record, "outcome")),
                              .leaf = json_is_true(json_object_get(record, "leaf")),
                              .bytes = bytes,
                              .size = size};
    if (bytes == NULL || chain == NULL || chain_size != sizeof e.chain.bytes) {
        free(bytes);
        free(chain);
        return ERR_CORRUPT;
    }
    memcpy(e.chain.bytes, chain, chain_size);
    free(chain);
    free(l->bytes);
    l->bytes = bytes;
    *entry = e;
    return OK;
}

int lent_seek(struct lent *l, enum journal_move move, struct journal_entry *entry)
{
    const bool backwards = move == JOURNAL_PREV || move == JOURNAL_LAST;
    const int64_t offset = move == JOURNAL_FIRST                        ? -1
                           : move == JOURNAL_LAST                       ? INT64_MAX
                           : move == JOURNAL_AT || move == JOURNAL_FROM ? entry->offset - 1
                                                                        : entry->offset;
    const json_t *record = find(l, offset, backwards);
    if (record == NULL) {
        const int status = fetch(l, offset, backwards);
        if (status != OK) {
            return status;
        }
        record = find(l, offset, backwards);
    }
    if (record == NULL || (move == JOURNAL_AT && offset_of(record) != entry->offset)) {
        return ERR_NOT_FOUND;
    }
    return take(l, record, entry);
}
