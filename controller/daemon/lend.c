/* lend.c: the journal's contents for who may look at the daemon and cannot read its files. */
#include "daemon/daemon.h"

#include <stdlib.h>

enum { LEND_MAX_RECORDS = 256, LEND_MAX_BYTES = 4 * 1024 * 1024 };

json_t *json_of_bytes(const uint8_t *bytes, size_t size)
{
    static const char digits[] = "0123456789abcdef";
    char *text = malloc(2 * size + 1);
    if (text == NULL) {
        return NULL;
    }
    for (size_t i = 0; i < size; i++) {
        text[2 * i] = digits[bytes[i] >> 4];
        text[2 * i + 1] = digits[bytes[i] & 15];
    }
    json_t *string = json_stringn(text, 2 * size);
    free(text);
    return string;
}

/* A snapshot of what is committed; NULL: none can be had. */
static struct journal_view *open_view(struct daemon *d)
{
    struct journal_view *view = NULL;
    if (d->store.journal == NULL || !daemon_commit(d) ||
        journal_view_open(d->store.journal, &view) != OK) {
        return NULL;
    }
    return view;
}

json_t *lend_control(struct daemon *d)
{
    struct journal_view *view = open_view(d);
    size_t size = 0;
    int64_t applied = -1;
    json_t *answer = NULL;
    if (view == NULL || journal_control_size(view, &size, &applied) != OK) {
        journal_view_close(view);
        return NULL;
    }
    uint8_t *bytes = malloc(size > 0 ? size : 1);
    if (bytes != NULL && journal_control_read(view, bytes, size) == OK) {
        answer = json_pack("{s:b, s:I, s:o}", "ok", 1, "applied", (json_int_t)applied, "control",
                           json_of_bytes(bytes, size));
    }
    free(bytes);
    journal_view_close(view);
    return answer;
}

static json_t *entry_json(const struct journal_entry *e)
{
    return json_pack("{s:I, s:i, s:b, s:o, s:o}", "offset", (json_int_t)e->offset, "outcome",
                     e->outcome, "leaf", e->leaf, "chain",
                     json_of_bytes(e->chain.bytes, sizeof e->chain.bytes), "bytes",
                     json_of_bytes(e->bytes, e->size));
}

json_t *lend_records(struct daemon *d, int64_t offset, bool backwards)
{
    enum journal_move move = backwards ? JOURNAL_PREV : JOURNAL_NEXT;
    struct journal_view *view = open_view(d);
    struct journal_entry e = {.offset = offset};
    json_t *list = view != NULL ? json_array() : NULL;
    size_t bytes = 0;
    for (int n = 0; list != NULL && n < LEND_MAX_RECORDS && bytes < LEND_MAX_BYTES &&
                    journal_seek(view, move, &e) == OK;
         n++) {
        bytes += e.size;
        (void)json_array_append_new(list, entry_json(&e));
    }
    journal_view_close(view);
    return list != NULL ? json_pack("{s:b, s:o}", "ok", 1, "records", list) : NULL;
}
