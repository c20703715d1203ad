/* requests.c: sending operators' commands until they are read back. */
#include "core/requests.h"

#include <string.h>

#define GIVE_UP_US (60 * US_PER_SEC) /* later the fold would refuse it anyway */

static void reply(struct out *o, const struct request_id *id, int status, int64_t offset)
{
    struct effect *e = out_effect(o, EFFECT_REPLY);
    if (e != NULL) {
        e->reply.request = *id;
        e->reply.status = status;
        e->reply.offset = offset;
    }
}

static bool same_id(const struct request_id *a, const struct request_id *b)
{
    return memcmp(a->bytes, b->bytes, sizeof a->bytes) == 0;
}

static const struct request_state *answered(const struct control *c, const struct request_id *id)
{
    for (uint32_t i = 0; i < CONTROL_MAX_REQUESTS; i++) {
        if (c->requests[i].offset != 0 && same_id(&c->requests[i].id, id)) {
            return &c->requests[i];
        }
    }
    return NULL;
}

size_t requests_arena_size(const struct fleet *f)
{
    return record_max_changes(f) * sizeof(struct change) + 16;
}

int requests_new(const struct fleet *f, struct arena *a, struct requests *ret_q)
{
    struct requests q = {.change_max = record_max_changes(f)};
    q.changes = ARENA_NEW(a, struct change, q.change_max);
    if (q.changes == NULL) {
        return ERR_FULL;
    }
    *ret_q = q;
    return OK;
}

/* OK when the changes are the requests' own now; a command without any has none to copy. */
static int take_changes(struct requests *q, struct operator_record *command)
{
    bool busy = false;
    for (uint32_t i = 0; i < REQUESTS_MAX; i++) {
        busy = busy || (q->at[i].used && q->at[i].command.change_count > 0);
    }
    if (command->change_count == 0) {
        command->changes = NULL;
        return OK;
    }
    if (busy || command->change_count > q->change_max) {
        return busy ? ERR_BUSY : ERR_TOO_LARGE;
    }
    memcpy(q->changes, command->changes, command->change_count * sizeof *q->changes);
    command->changes = q->changes;
    return OK;
}

/* The same of a runbook. */
static int take_drill(struct requests *q, struct operator_record *command)
{
    bool busy = false;
    for (uint32_t i = 0; i < REQUESTS_MAX; i++) {
        busy = busy || (q->at[i].used && q->at[i].command.drill.size > 0);
    }
    if (command->drill.size == 0) {
        command->drill = (struct bytes){0};
        return OK;
    }
    if (busy || command->drill.size > sizeof q->drill) {
        return busy ? ERR_BUSY : ERR_TOO_LARGE;
    }
    memcpy(q->drill, command->drill.at, command->drill.size);
    command->drill.at = q->drill;
    return OK;
}

/* The same of a fleet and its plan; their room grows in the arena. */
static int take_fleet(struct requests *q, struct arena *a, struct operator_record *command)
{
    bool busy = false;
    size_t size = command->fleet.size + command->plan.size;
    for (uint32_t i = 0; i < REQUESTS_MAX; i++) {
        busy = busy || (q->at[i].used && q->at[i].command.fleet.size > 0);
    }
    if (size == 0) {
        command->fleet = command->plan = (struct bytes){0};
        return OK;
    }
    if (busy || size > RECORD_MAX_BYTES) {
        return busy ? ERR_BUSY : ERR_TOO_LARGE;
    }
    if (q->fleet_size < size) {
        uint8_t *room = ARENA_NEW(a, uint8_t, size);
        if (room == NULL) {
            return ERR_FULL;
        }
        q->fleet = room;
        q->fleet_size = size;
    }
    memcpy(q->fleet, command->fleet.at, command->fleet.size);
    memcpy(q->fleet + command->fleet.size, command->plan.at, command->plan.size);
    command->fleet.at = q->fleet;
    command->plan.at = q->fleet + command->fleet.size;
    return OK;
}

void requests_take(struct requests *q, struct arena *a, struct out *o,
                   const struct operator_record *command)
{
    const struct request_state *before = answered(o->control, &command->request);
    struct request *room = NULL;
    if (before != NULL) {
        reply(o, &command->request, before->status, (int64_t)before->offset);
        return;
    }
    for (uint32_t i = 0; i < REQUESTS_MAX; i++) {
        struct request *r = &q->at[i];
        if (r->used && same_id(&r->command.request, &command->request)) {
            return; /* under way */
        }
        room = r->used ? room : r;
    }
    int status = room == NULL ? ERR_BUSY : o->me == FLEET_NONE ? ERR_UNAVAILABLE : OK;
    struct operator_record own = *command;
    status = status == OK ? take_changes(q, &own) : status;
    status = status == OK ? take_drill(q, &own) : status;
    status = status == OK ? take_fleet(q, a, &own) : status;
    if (status != OK) {
        reply(o, &command->request, status, -1);
        return;
    }
    *room = (struct request){.used = true,
                             .command = own,
                             .base = o->control->applied,
                             .log_time = o->control->log_time,
                             .began = o->now,
                             .sent = {INT64_MIN / 2}};
}

int requests_renew(const struct fleet *f, struct arena *a, struct out *o, struct requests *q)
{
    struct requests old = *q;
    int status = requests_new(f, a, q);
    for (uint32_t i = 0; i < REQUESTS_MAX && status == OK; i++) {
        const struct operator_record *command = &old.at[i].command;
        bool stays = !operator_names_places(command->command) && command->command != OPERATOR_FLEET;
        bool here = o->me != FLEET_NONE; /* else this IDC was taken out, and writes no more */
        if (old.at[i].used && stays && here) {
            q->at[i] = old.at[i];
        } else if (old.at[i].used) {
            reply(o, &command->request, here ? ERR_STALE : ERR_UNAVAILABLE, -1);
        }
    }
    return status;
}

static int status_of(enum fold_void why)
{
    switch (why) {
    case FOLD_ACCEPTED:
    case FOLD_REQUEST_SEEN: return OK;
    case FOLD_REQUEST_LATE: return ERR_TIMEOUT;
    case FOLD_REQUEST_FLOOD: return ERR_BUSY;
    case FOLD_REQUEST_REFUSED: return ERR_NOT_FOUND;
    case FOLD_VERSION: return ERR_VERSION;
    case FOLD_REQUEST_FULL: return ERR_FULL;
    case FOLD_REQUEST_EXISTS: return ERR_EXISTS;
    case FOLD_REQUEST_CORE: return ERR_GUARD;
    case FOLD_REQUEST_OVERTAKEN: return ERR_STALE;
    case FOLD_REQUEST_IN_USE: return ERR_GUARD;
    case FOLD_REQUEST_BUSY: return ERR_BUSY;
    case FOLD_DUPLICATE:
    case FOLD_FOREIGN_LOG:
    case FOLD_NOT_FIRST:
    case FOLD_LATE_CLAIM:
    case FOLD_NOT_CANDIDATE:
    case FOLD_NOT_LEADER:
    case FOLD_OVERTAKEN:
    case FOLD_UNKNOWN_REPLICA:
    case FOLD_SKIPPED: return ERR_REFUSED;
    }
    return ERR_REFUSED;
}

void requests_folded(struct requests *q, struct out *o, const struct record *r, int64_t offset,
                     enum fold_void why)
{
    for (uint32_t i = 0; i < REQUESTS_MAX; i++) {
        struct request *p = &q->at[i];
        /* A duplicate says nothing: its first copy was answered, or was overtaken and is resent. */
        if (p->used && why != FOLD_DUPLICATE &&
            same_id(&p->command.request, &r->operator.request)) {
            p->used = false;
            reply(o, &p->command.request, status_of(why), offset);
        }
    }
}

void requests_run(struct requests *q, struct out *o, bool writes)
{
    for (uint32_t i = 0; i < REQUESTS_MAX; i++) {
        struct request *p = &q->at[i];
        struct mono again = mono_add(p->sent, out_lease_us(o));
        if (!p->used) {
            continue;
        }
        if (is_due(mono_add(p->began, GIVE_UP_US), o->now)) {
            p->used = false;
            reply(o, &p->command.request, ERR_TIMEOUT, -1);
            continue;
        }
        out_wake(o, mono_add(p->began, GIVE_UP_US));
        struct effect *e = NULL;
        if (writes && is_due(again, o->now) && (e = out_effect(o, EFFECT_APPEND)) != NULL) {
            e->append = out_record(o, RECORD_OPERATOR, p->log_time);
            e->append.base = p->base;
            e->append.operator= p->command;
            p->sent = o->now;
        }
        if (writes) {
            out_wake(o, mono_add(p->sent, out_lease_us(o)));
        }
    }
}
