/* verify.c: the whole journal walked once: every hash, the chain's head and count, the control
 * state. */
#include "journal/internal.h"

#include <stdlib.h>
#include <string.h>

static int broken(struct journal_check *check, int64_t offset, const char *fault)
{
    check->bad_offset = offset;
    check->fault = fault;
    return ERR_CORRUPT;
}

/* Walks the records; *ret_end is the chain as they make it. */
static int verify_records(const struct journal_view *v, const struct chain *stored,
                          struct journal_check *check, struct chain *ret_end)
{
    struct chain end = {.base = stored->base, .head = stored->base, .newest = -1, .leaf = -1};
    struct journal_entry e = {.offset = -1};
    int status = journal_seek(v, JOURNAL_FIRST, &e);
    for (; status == OK; status = journal_seek(v, JOURNAL_NEXT, &e)) {
        struct digest hash = journal_chain_next(&end.head, e.offset, e.outcome, e.bytes, e.size);
        if (digest_compare(&hash, &e.chain) != 0) {
            return broken(check, e.offset, "the record does not match its hash");
        }
        if (e.leaf && end.leaf >= 0) {
            return broken(check, e.offset, "a second heartbeat is kept");
        }
        if (e.leaf) {
            end.leaf = e.offset;
        } else {
            end.head = hash;
            end.count++;
        }
        check->first_offset = check->records == 0 ? e.offset : check->first_offset;
        check->last_offset = end.newest = e.offset;
        check->records++;
    }
    *ret_end = end;
    if (status == ERR_CORRUPT) {
        return broken(check, end.newest, "what follows this record cannot be read");
    }
    return status == ERR_NOT_FOUND ? OK : status;
}

static int verify_control(const struct journal_view *v, const struct chain *end,
                          struct journal_check *check)
{
    size_t size;
    int status = journal_control_size(v, &size, &check->applied);
    if (status == ERR_NOT_FOUND) {
        return OK;
    }
    if (status != OK) {
        return broken(check, -1, "the account of the control state cannot be read");
    }
    if (check->applied > end->newest) {
        return broken(check, check->applied, "the control state is newer than the newest record");
    }
    void *room = malloc(size > 0 ? size : 1);
    if (room == NULL) {
        return ERR_MEMORY;
    }
    status = journal_control_read(v, room, size);
    free(room);
    check->control_bytes = size;
    return status == ERR_CORRUPT ? broken(check, -1, "the control state does not match its digest")
                                 : status;
}

int journal_verify(const struct journal_view *v, struct journal_check *ret_check)
{
    struct journal_check *check = ret_check;
    struct chain stored, end;
    *check = (struct journal_check){
        .first_offset = -1, .last_offset = -1, .applied = -1, .bad_offset = -1};
    int status = journal_value_get(v->txn, v->journal->meta, "chain", chain_codec, &stored);
    if (status != OK) {
        return broken(check, -1, "the account of the chain cannot be read");
    }
    status = verify_records(v, &stored, check, &end);
    if (status != OK) {
        return status;
    }
    check->head = end.head;
    if (end.count != stored.count || digest_compare(&end.head, &stored.head) != 0) {
        return broken(check, end.newest, "records are missing or too many");
    }
    if (end.newest != stored.newest || end.leaf != stored.leaf) {
        return broken(check, end.newest, "the newest record is not the one that was put last");
    }
    return verify_control(v, &end, check);
}
