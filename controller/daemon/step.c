/* step.c: one event into the replica; what it changed into the journal; then its effects, in order.
 *
 * Effects borrow from the replica until its next step, so a step that asks for something is
 * committed and carried out before the next event; steps that ask for nothing gather in one
 * transaction. */
#include "daemon/daemon.h"

#include "core/explain.h"
#include "daemon/clock.h"
#include "wire/record.h"

#include <stdlib.h>

bool daemon_arena(struct daemon *d, size_t size, struct arena *ret_arena)
{
    if (size > d->arena_size) {
        size_t rounded = (size + 4095) & ~(size_t)4095;
        void *room = aligned_alloc(16, rounded);
        if (room == NULL) {
            return false;
        }
        free(d->arena);
        d->arena = room;
        d->arena_size = rounded;
    }
    arena_init(ret_arena, d->arena, d->arena_size);
    return true;
}

bool daemon_commit(struct daemon *d)
{
    if (d->store.status == OK && d->store.open) {
        d->counters.commits++;
    }
    int status = store_commit(&d->store, d->replica != NULL ? replica_control(d->replica) : NULL);
    if (status != OK && d->phase != PHASE_FAILED) {
        struct text t = text_over(d->why, sizeof d->why);
        text_put(&t, journal_why(d->store.journal));
        if (t.len == 0) {
            text_put(&t, error_text(status));
        }
        d->phase = PHASE_FAILED;
        log_event(&d->log, LOG_ERROR, LOG_CODE("journal-failed"), LOG_INT("status", status),
                  LOG_STR("why", d->why), LOG_STR("effect", "acting has stopped until a restart"));
    }
    return status == OK;
}

/* Encodes into d->encoded, which grows to what the largest record took. */
static int encode(struct daemon *d, const struct record *r, size_t *ret_size)
{
    for (;;) {
        int status = d->encoded_size == 0 ? ERR_FULL
                                          : record_encode(r, d->encoded, d->encoded_size, ret_size);
        if (status != ERR_FULL || d->encoded_size >= RECORD_MAX_BYTES) {
            return status;
        }
        size_t size = d->encoded_size == 0 ? 16384 : d->encoded_size * 2;
        uint8_t *room = realloc(d->encoded, size);
        if (room == NULL) {
            return ERR_MEMORY;
        }
        d->encoded = room;
        d->encoded_size = size;
    }
}

static void append(struct daemon *d, const struct record *r)
{
    if (r->kind == RECORD_CLAIM && d->topics_status != OK) {
        d->counters.claims_withheld++; /* who may not lead lets others claim */
        return;
    }
    if (d->phase != PHASE_FOLLOWING) {
        d->counters.append_refused++; /* the log was not seen to be ours */
        return;
    }
    size_t size = 0;
    int status = encode(d, r, &size);
    if (status == OK) {
        status = bus_append(d->bus, d->encoded, size);
    }
    if (status != OK) {
        d->counters.append_refused++;
        log_event(&d->log, status == ERR_FULL ? LOG_DEBUG : LOG_ERROR, LOG_CODE("append-refused"),
                  LOG_STR("record", record_kind_name(r->kind)), LOG_INT("status", status),
                  LOG_STR("why", error_text(status)));
    }
}

static void carry_out(struct daemon *d, const struct effect *e)
{
    const struct control *c = replica_control(d->replica);
    switch (e->kind) {
    case EFFECT_APPEND: append(d, &e->append); break;
    case EFFECT_DNS: actuators_push_dns(&d->actuators, c, e); break;
    case EFFECT_ROUTES: actuators_set_routes(&d->actuators, c, e); break;
    case EFFECT_FEATURES: actuators_set_features(&d->actuators, c, e); break;
    case EFFECT_INJECT: actuators_inject(&d->actuators, c, e, probe_socket_inject(d, e)); break;
    case EFFECT_REPLY:
        control_socket_reply(d, &e->reply.request, e->reply.status, e->reply.offset);
        break;
    case EFFECT_NOTICE: notices_log(d, e); break;
    case EFFECT_REREAD: follow_reread(d); break;
    }
}

/* A decision in people's words, on every replica (law 8). */
static void log_decision(const struct daemon *d, const struct record *r, int64_t offset)
{
    char room[512];
    struct text t = text_over(room, sizeof room);
    if (r->kind == RECORD_DECIDE && replica_control(d->replica)->applied >= offset &&
        replica_last_void(d->replica) == FOLD_ACCEPTED) {
        explain_line(replica_control(d->replica)->fleet, r, offset, &t);
        log_event(&d->log, LOG_INFO, LOG_CODE("decision"), LOG_INT("offset", offset),
                  LOG_STR("purpose", decide_purpose_name(r->decide.purpose)),
                  LOG_INT("generation", r->decide.generation), LOG_STR("what", room));
    }
}

/* What a person has to know before it is skipped; the journal has it only then. */
static void note_broken(struct daemon *d, const struct record *r, int64_t offset)
{
    int64_t at = -1;
    const struct control *c = replica_control(d->replica);
    const bool halted = replica_halted(d->replica, &at) != NULL && at > c->applied;
    if (!halted) {
        d->broken_record[0] = '\0';
    } else if (at == offset) {
        struct text t = text_over(d->broken_record, sizeof d->broken_record);
        text_put(&t, record_kind_name(r->kind));
        if (c->fleet != NULL) {
            text_put(&t, ", ");
            explain_line(c->fleet, r, offset, &t);
        }
    }
}

/* A record belongs into the journal once it is folded; a halted replica folds none. */
static void keep_record(struct daemon *d, const struct record *r, int64_t offset,
                        const struct bytes *encoded)
{
    const struct control *c = replica_control(d->replica);
    if (c->applied < offset) {
        return;
    }
    if (!d->store.bound && c->fleet != NULL) {
        struct journal_identity identity = {.log_id = c->log_id, .era = c->era};
        struct text t = text_over(identity.fleet, sizeof identity.fleet);
        text_put(&t, c->fleet->name);
        store_put_identity(&d->store, &identity);
    }
    store_put_record(&d->store, offset, replica_last_void(d->replica), r->kind == RECORD_HEARTBEAT,
                     encoded->at, encoded->size);
}

/* Commits, then acts; in this order (law 3). */
static void act(struct daemon *d, int count)
{
    if (count == 0 || !daemon_commit(d)) {
        return;
    }
    for (int i = 0; i < count; i++) {
        carry_out(d, &d->effects[i]);
    }
}

static void step(struct daemon *d, struct event *e, const struct bytes *encoded)
{
    if (d->replica == NULL || d->phase == PHASE_FAILED) {
        return;
    }
    e->now = mono_now();
    int count = replica_step(d->replica, e, d->effects, REPLICA_MAX_EFFECTS);
    if (encoded != NULL) {
        note_broken(d, e->record.record, e->record.offset);
    }
    if (encoded != NULL && d->phase == PHASE_PROVING) {
        catch_up_folded(d, e->record.offset);
    }
    if (encoded != NULL && d->phase != PHASE_PROVING) {
        keep_record(d, e->record.record, e->record.offset, encoded); /* folded even if it failed */
    }
    if (count < 0) {
        log_event(&d->log, LOG_ERROR, LOG_CODE("step-failed"), LOG_INT("status", count),
                  LOG_INT("kind", e->kind), LOG_STR("why", error_text(count)));
        return;
    }
    /* The fleet of a GENESIS has to have its actuators before the first effect that needs them. */
    equip_parts(d);
    act(d, count);
    if (encoded != NULL) {
        log_decision(d, e->record.record, e->record.offset);
    }
}

void daemon_step(struct daemon *d, struct event *e)
{
    step(d, e, NULL);
}

void daemon_step_record(struct daemon *d, const struct record *r, int64_t offset,
                        const struct bytes *encoded)
{
    if (d->replica != NULL && offset <= replica_control(d->replica)->applied) {
        /* Read again after a skip: the skipped record itself was folded as void without being kept.
         */
        store_put_record(&d->store, offset, FOLD_SKIPPED, r->kind == RECORD_HEARTBEAT, encoded->at,
                         encoded->size);
        return;
    }
    struct event e = {.kind = EVENT_RECORD, .record = {.record = r, .offset = offset}};
    step(d, &e, encoded);
}
