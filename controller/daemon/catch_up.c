/* catch_up.c: beginning with the log's newest SNAPSHOT instead of reading everything before it.
 *
 * A daemon that is further behind the log's end than a leader lets snapshots be apart (its journal
 * is new, or it was away for long) looks through the newest records for the leader's heartbeats,
 * which name the newest accepted SNAPSHOT, takes the control state out of that, and folds on behind
 * its base. The journal stays as it was and nothing is acted upon until an accepted heartbeat bears
 * the state out: it names that very snapshot and has the same control digest. Whatever goes wrong
 * before that only costs time: the log is then read from where the journal ends. */
#include "daemon/daemon.h"

#include "daemon/clock.h"
#include "wire/record.h"

#include <stdlib.h>
#include <string.h>

enum { ARENA_FIRST = 1024 * 1024, ARENA_MOST = 512 * 1024 * 1024 };

static bool same_log(const struct log_id *a, const struct log_id *b)
{
    return memcmp(a, b, sizeof *a) == 0;
}

static int tail_from(struct daemon *d, int64_t offset)
{
    return bus_tail_log(d->bus, offset, mono_now());
}

/* Goes on from the journal, as it would have without a snapshot. */
static void give_up(struct daemon *d, const char *why)
{
    struct restored restored;
    log_event(&d->log, LOG_WARNING, LOG_CODE("catch-up-failed"), LOG_STR("why", why),
              LOG_INT("snapshot", d->catch_up.named));
    int status = OK;
    if (d->phase == PHASE_PROVING) {
        status = store_restore(&d->store, &restored);
        if (status == OK) {
            status = equip_replica(d, restored.control.fleet, &restored.control, false);
            restored_done(&restored);
        }
    }
    d->phase = PHASE_FOLLOWING;
    status = status == OK ? tail_from(d, replica_control(d->replica)->applied + 1) : status;
    if (status != OK) {
        struct text t = text_over(d->why, sizeof d->why);
        text_put(&t, "the journal cannot be gone on from: ");
        text_put(&t, error_text(status));
        d->phase = PHASE_REFUSED;
        log_event(&d->log, LOG_ERROR, LOG_CODE("log-refused"), LOG_STR("why", d->why));
    }
}

void catch_up_begin(struct daemon *d)
{
    const struct control *c = replica_control(d->replica);
    if (d->catch_up.tried || c->fleet == NULL || d->phase != PHASE_FOLLOWING) {
        return;
    }
    int64_t behind = bus_log_high(d->bus) - 1 - c->applied;
    d->catch_up = (struct catch_up){.tried = true, .named = -1};
    if (c->fleet->policy.snapshot_records == 0 || behind <= c->fleet->policy.snapshot_records ||
        !daemon_commit(d)) {
        return;
    }
    log_event(&d->log, LOG_INFO, LOG_CODE("catch-up"), LOG_INT("behind", behind),
              LOG_INT("applied", c->applied));
    d->phase = PHASE_SEEKING;
    if (bus_tail_newest(d->bus, mono_now()) != OK) {
        give_up(d, "the log's newest records cannot be read");
    }
}

/* Decodes with an arena that is doubled until it suffices. The caller frees *ret_memory. */
static int read_control(const struct record *r, struct control *ret_c, void **ret_memory)
{
    for (size_t room = ARENA_FIRST; room <= ARENA_MOST; room *= 2) {
        struct arena arena;
        void *memory = aligned_alloc(16, room);
        if (memory == NULL) {
            return ERR_MEMORY;
        }
        arena_init(&arena, memory, room);
        int status = snapshot_read(r, &arena, ret_c);
        if (status == OK) {
            *ret_memory = memory;
            return OK;
        }
        free(memory);
        if (status != ERR_FULL) {
            return status;
        }
    }
    return ERR_TOO_LARGE;
}

/* NULL, or why this state cannot be one of our log's future. */
static const char *unusable(const struct daemon *d, const struct control *c)
{
    const struct control *ours = replica_control(d->replica);
    if (c->era != d->store.identity.era || !same_log(&c->log_id, &d->store.identity.log_id)) {
        return "the snapshot is of another log";
    }
    if (c->applied <= ours->applied) {
        return "the newest snapshot is older than the journal";
    }
    if (c->plan.fence.generation < ours->plan.fence.generation || c->epoch < ours->epoch) {
        return "the snapshot's plan or epoch is older than the journal's";
    }
    return NULL;
}

static void load(struct daemon *d, const struct record *r, int64_t offset)
{
    struct control *c = malloc(sizeof *c);
    void *memory = NULL;
    int status = c == NULL ? ERR_MEMORY : OK;
    if (status == OK && (offset != d->catch_up.named || r->kind != RECORD_SNAPSHOT)) {
        status = ERR_NOT_FOUND;
    }
    status = status == OK ? read_control(r, c, &memory) : status;
    const char *why = status == OK ? unusable(d, c)
                                   : "the record named by the leader is no "
                                     "snapshot that can be read";
    if (why == NULL) {
        status = equip_replica(d, c->fleet, c, true);
        why = status == OK ? NULL : error_text(status);
    }
    if (why == NULL) {
        d->phase = PHASE_PROVING;
        d->catch_up.base = sha256_of(r->snapshot.control.at, r->snapshot.control.size);
        log_event(&d->log, LOG_INFO, LOG_CODE("snapshot-loaded"), LOG_INT("offset", offset),
                  LOG_INT("base", r->base));
        equip_parts(d);
        if (tail_from(d, r->base + 1) != OK) {
            give_up(d, "the log cannot be read behind the snapshot");
        }
    } else if (d->phase != PHASE_REFUSED) {
        give_up(d, why);
    }
    free(memory);
    free(c);
}

void catch_up_record(struct daemon *d, const struct record *r, int64_t offset)
{
    if (d->phase == PHASE_LOADING) {
        load(d, r, offset);
    } else if (r->kind == RECORD_HEARTBEAT && r->epoch >= d->catch_up.epoch &&
               same_log(&r->log_id, &d->store.identity.log_id)) {
        d->catch_up.epoch = r->epoch;
        d->catch_up.named = r->heartbeat.snapshot;
    }
}

void catch_up_end(struct daemon *d)
{
    if (d->phase == PHASE_PROVING) {
        give_up(d, "nothing in the log bears the snapshot out");
        return;
    }
    if (d->catch_up.named <= replica_control(d->replica)->applied) {
        give_up(d, "the newest heartbeats name no snapshot that is newer than the journal");
        return;
    }
    d->phase = PHASE_LOADING;
    if (tail_from(d, d->catch_up.named) != OK) {
        give_up(d, "the log cannot be read at the snapshot");
    }
}

void catch_up_folded(struct daemon *d, int64_t offset)
{
    if (replica_unproven(d->replica)) {
        return;
    }
    store_restart(&d->store, &d->catch_up.base);
    d->phase = PHASE_FOLLOWING;
    log_event(&d->log, LOG_INFO, LOG_CODE("caught-up"), LOG_INT("offset", offset),
              LOG_INT("snapshot", d->catch_up.named));
}
