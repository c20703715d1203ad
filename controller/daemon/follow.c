/* follow.c: the bus's events in order, and the judgement whether this log is the one our journal is
 * of.
 *
 * With a journal the log is read from the newest folded record on, and that record must be the very
 * bytes that the journal has: a truncated, refilled or other log is not read on. Then, and when the
 * log ends or changes its name under a running daemon, offset 0 is looked at: a GENESIS that
 * succeeds our log with a higher era is followed, anything else is refused. While there is none (a
 * person is about to reseed) it is waited for. */
#include "daemon/daemon.h"

#include "daemon/clock.h"
#include "wire/record.h"

#include <stdlib.h>
#include <string.h>

enum { EVENTS_PER_WAKE = 1000 };

#define PRUNE_US (10 * US_PER_SEC) /* between two looks at the journal's oldest records */
#define TELL_US  (10 * US_PER_SEC)
#define DOUBT_US (10 * US_PER_SEC) /* between two looks at offset 0 for foreign records */

static void tail_from(struct daemon *d, int64_t offset)
{
    int status = bus_tail_log(d->bus, offset, mono_now());
    if (status != OK) {
        log_event(&d->log, LOG_ERROR, LOG_CODE("log-unread"), LOG_INT("status", status),
                  LOG_STR("why", error_text(status)));
    }
}

void follow_start(struct daemon *d)
{
    if (d->replica != NULL) {
        d->phase = PHASE_RESUMING;
        tail_from(d, replica_control(d->replica)->applied);
    } else if (d->phase != PHASE_REFUSED) {
        d->phase = d->store.bound ? PHASE_CHECKING : PHASE_WAITING;
        tail_from(d, 0);
    }
}

void follow_reread(struct daemon *d)
{
    tail_from(d, d->store.newest + 1);
}

/* Acting goes on by the last plan; nothing more is read from this log or appended to it. */
static void refuse(struct daemon *d, const char *what)
{
    static const char remedy[] =
        "; nothing was changed here. Point brokers at the right log; or, if it was lost, delete "
        "the topic and begin it anew from the newest journal: spillway reseed; or move the "
        "journal away to follow this one";
    if (d->phase == PHASE_REFUSED) {
        return;
    }
    struct text t = text_over(d->why, sizeof d->why);
    text_put(&t, what);
    text_put(&t, remedy);
    d->phase = PHASE_REFUSED;
    log_event(&d->log, LOG_ERROR, LOG_CODE("log-refused"), LOG_STR("why", d->why));
    struct event lost = {.kind = EVENT_LOG_LOST};
    daemon_step(d, &lost);
}

static bool same_log(const struct log_id *a, const struct log_id *b)
{
    return memcmp(a, b, sizeof *a) == 0;
}

/* The log is not ours as we left it: looks at its first record. */
static void check_genesis(struct daemon *d, const char *what)
{
    struct text t = text_over(d->why, sizeof d->why);
    text_put(&t, what);
    log_event(&d->log, LOG_WARNING, LOG_CODE("log-differs"), LOG_STR("why", d->why));
    d->phase = PHASE_CHECKING;
    d->in_doubt = false;
    struct event lost = {.kind = EVENT_LOG_LOST};
    daemon_step(d, &lost);
    tail_from(d, 0);
}

/* A record of another log: one that strayed into ours, or ours was replaced and refilled. Its first
 * record tells; the fold has dropped this one. */
static void doubt_log(struct daemon *d)
{
    struct mono now = mono_now();
    if (d->phase != PHASE_FOLLOWING || mono_diff_us(now, d->doubted) < DOUBT_US) {
        return;
    }
    check_genesis(d, "a record of another log stands in this one");
    d->doubted = now;
    d->in_doubt = true;
}

/* Makes an empty replica for the fleet that a GENESIS brings. */
static int begin_log(struct daemon *d, const struct record *r)
{
    struct bytes fleet = r->genesis.fleet;
    for (size_t room = 256 * 1024; room <= 64 * 1024 * 1024; room *= 2) {
        void *memory = aligned_alloc(16, room);
        if (memory == NULL) {
            return ERR_MEMORY;
        }
        struct arena arena;
        arena_init(&arena, memory, room);
        struct fleet *f = ARENA_NEW(&arena, struct fleet, 1);
        struct codec c = codec_reader(fleet.at, fleet.size, &arena);
        fleet_codec(&c, f);
        int status = codec_finish(&c);
        if (status == OK) {
            status = equip_replica(d, f, NULL, false);
        }
        free(memory);
        if (status != ERR_FULL) {
            return status;
        }
    }
    return ERR_TOO_LARGE;
}

/* Adopts a log that succeeds ours with a higher era; no other (PROTOCOL.md, "Fences"). */
static bool adopt_successor(struct daemon *d, const struct record *r)
{
    const struct journal_identity *ours = &d->store.identity;
    if (r->kind != RECORD_GENESIS || r->genesis.era <= ours->era ||
        !same_log(&r->genesis.predecessor, &ours->log_id)) {
        return false;
    }
    if (!daemon_commit(d)) { /* of the log that is left: its archive is whole */
        return false;
    }
    struct journal_identity next = {.log_id = r->log_id, .era = r->genesis.era};
    memcpy(next.fleet, ours->fleet, sizeof next.fleet);
    int status = store_succeed(&d->store, d->settings.journal, &next);
    if (status != OK) {
        log_event(&d->log, LOG_ERROR, LOG_CODE("adopt-failed"), LOG_INT("status", status),
                  LOG_STR("why", journal_why(d->store.journal)));
        return false;
    }
    log_event(&d->log, LOG_WARNING, LOG_CODE("log-adopted"), LOG_INT("era", next.era),
              LOG_STR("why", "it succeeds the log of this journal"));
    return true;
}

static void first_record(struct daemon *d, const struct bus_event *e, const struct record *r)
{
    if (e->offset != 0 || r->kind != RECORD_GENESIS) {
        refuse(d, "the log does not begin with a GENESIS record");
        return;
    }
    bool ours = d->phase == PHASE_CHECKING && same_log(&r->log_id, &d->store.identity.log_id) &&
                r->genesis.era == d->store.identity.era;
    if (ours && d->in_doubt) {
        d->phase = PHASE_RESUMING; /* the stray record was dropped; all else stands as it was */
        tail_from(d, replica_control(d->replica)->applied);
        return;
    }
    if (ours && d->replica != NULL) {
        refuse(d,
               "this log is the journal's, but it lost or changed records that were read from it");
        return;
    }
    if (d->phase == PHASE_CHECKING && !ours && !adopt_successor(d, r)) {
        if (d->phase != PHASE_FAILED) {
            refuse(d, "the log is another one than the journal's, and does not succeed it");
        }
        return;
    }
    int status = begin_log(d, r);
    if (status != OK) {
        if (d->phase != PHASE_REFUSED) {
            refuse(d, error_text(status));
        }
        return;
    }
    d->phase = PHASE_FOLLOWING;
    d->why[0] = '\0';
    log_event(&d->log, LOG_INFO, LOG_CODE("genesis"), LOG_INT("era", r->genesis.era),
              LOG_STR("by", r->genesis.identity), LOG_STR("reason", r->genesis.reason));
}

static void resumed(struct daemon *d, int64_t offset)
{
    d->phase = PHASE_FOLLOWING;
    d->why[0] = '\0';
    log_event(&d->log, LOG_INFO, LOG_CODE("following"), LOG_INT("offset", offset));
}

/* There was no memory for this record now. It counts for everybody else, so reading stops here, as
 * if the log were away, and begins again at it. */
static void read_again(struct daemon *d, int64_t offset)
{
    struct event lost = {.kind = EVENT_LOG_LOST};
    log_event(&d->log, LOG_ERROR, LOG_CODE("record-not-read"), LOG_INT("offset", offset),
              LOG_INT("status", ERR_MEMORY), LOG_STR("why", error_text(ERR_MEMORY)));
    daemon_step(d, &lost);
    int status = bus_tail_log(d->bus, offset, mono_now());
    if (status != OK) {
        refuse(d, "no memory to go on reading the log");
    }
}

static void take_record(struct daemon *d, const struct bus_event *e)
{
    d->counters.records++;
    if (d->phase == PHASE_RESUMING) {
        bool kept;
        bool differs = store_differs(&d->store, e->offset, e->data, e->size, &kept);
        if (e->offset != replica_control(d->replica)->applied || differs) {
            check_genesis(d, "the log has another record where the journal ends");
            return;
        }
        resumed(d, e->offset);
        catch_up_begin(d);
        return;
    }
    struct arena arena;
    struct record r;
    int status = daemon_arena(d, record_arena_size(e->size), &arena)
                     ? record_decode(e->data, e->size, &arena, &r)
                     : ERR_MEMORY;
    if (status == ERR_MEMORY) {
        read_again(d, e->offset);
        return;
    }
    if (status != OK) {
        uint64_t silent;
        if (log_allow(&d->counters.bad_records, mono_now(), TELL_US, &silent)) {
            log_event(&d->log, LOG_WARNING, LOG_CODE("bad-record"), LOG_INT("offset", e->offset),
                      LOG_INT("status", status), LOG_STR("why", error_text(status)),
                      LOG_INT("untold", silent));
        }
        if (d->phase == PHASE_WAITING || d->phase == PHASE_CHECKING) {
            refuse(d, "the log does not begin with a record of Spillway");
        }
        return;
    }
    if (d->phase == PHASE_WAITING || d->phase == PHASE_CHECKING) {
        first_record(d, e, &r);
    }
    if (d->phase == PHASE_SEEKING || d->phase == PHASE_LOADING) {
        catch_up_record(d, &r, e->offset);
        return;
    }
    if (d->phase == PHASE_FOLLOWING || d->phase == PHASE_PROVING) {
        struct bytes encoded = {.at = e->data, .size = e->size};
        daemon_step_record(d, &r, e->offset, &encoded);
        if (e->offset == 0) {
            catch_up_begin(d);
        } else if (d->store.bound && !same_log(&r.log_id, &d->store.identity.log_id)) {
            doubt_log(d);
        }
    }
}

static void take_log_end(struct daemon *d, const struct bus_event *e)
{
    bool first = d->log_end < 0;
    d->log_end = e->offset;
    d->log_readable = true;
    switch (d->phase) {
    case PHASE_WAITING:
        if (first) {
            log_event(&d->log, LOG_INFO, LOG_CODE("waiting"),
                      LOG_STR("why", "the log is empty; create it with: spillway init FLEET"));
        }
        break;
    case PHASE_RESUMING:
        if (e->offset <= replica_control(d->replica)->applied) {
            check_genesis(d, "the log ends before the journal does");
        }
        break;
    case PHASE_SEEKING:
    case PHASE_PROVING: catch_up_end(d); break;
    case PHASE_LOADING:
    case PHASE_CHECKING:
    case PHASE_REFUSED:
    case PHASE_FAILED: break;
    case PHASE_FOLLOWING: {
        struct event end = {.kind = EVENT_LOG_END, .log_end = e->offset};
        daemon_step(d, &end);
        break;
    }
    }
}

static void take_log_lost(struct daemon *d, const struct bus_event *e)
{
    if (d->log_readable || d->log_end < 0) {
        log_event(&d->log, LOG_WARNING, LOG_CODE("log-lost"), LOG_INT("status", e->status),
                  LOG_STR("why", e->why));
    }
    d->log_readable = false;
    struct event lost = {.kind = EVENT_LOG_LOST};
    daemon_step(d, &lost);
}

static void take_log_broken(struct daemon *d, const struct bus_event *e)
{
    switch (d->phase) {
    case PHASE_RESUMING:
    case PHASE_SEEKING:
    case PHASE_LOADING:
    case PHASE_PROVING:
    case PHASE_FOLLOWING: check_genesis(d, e->why); break;
    case PHASE_WAITING:
    case PHASE_CHECKING: refuse(d, e->why); break;
    case PHASE_REFUSED:
    case PHASE_FAILED: break;
    }
}

static void take_topics(struct daemon *d, const struct bus_event *e)
{
    bool news = d->topics_status != e->status;
    d->topics_asking = false;
    d->topics_status = e->status;
    struct text t = text_over(d->topics_why, sizeof d->topics_why);
    text_put(&t, e->why);
    if (news) {
        log_event(&d->log, e->status == OK ? LOG_INFO : LOG_ERROR,
                  LOG_CODE(e->status == OK ? "topics-ok" : "topics-refused"),
                  LOG_INT("status", e->status), LOG_STR("why", e->why));
    }
}

static void take(struct daemon *d, const struct bus_event *e)
{
    struct event event = {.kind = EVENT_TICK};
    switch (e->kind) {
    case BUS_RECORD: take_record(d, e); break;
    case BUS_LOG_END: take_log_end(d, e); break;
    case BUS_LOG_LOST: take_log_lost(d, e); break;
    case BUS_LOG_BROKEN: take_log_broken(d, e); break;
    case BUS_REPORT: reports_take(d, e); break;
    case BUS_REPORTS_END:
        event.kind = EVENT_PARTITION_END;
        event.partition = e->partition;
        daemon_step(d, &event);
        break;
    case BUS_REPORTS_LOST:
        event.kind = EVENT_PARTITION_LOST;
        event.partition = e->partition;
        daemon_step(d, &event);
        break;
    case BUS_TOPICS: take_topics(d, e); break;
    }
}

/* What is older than a snapshot that is our own state and than the fleet lets journals go back. */
static void prune(struct daemon *d)
{
    int64_t base;
    struct mono now = mono_now();
    if (d->replica == NULL || d->phase != PHASE_FOLLOWING ||
        mono_diff_us(now, d->pruned) < PRUNE_US || replica_snapshot(d->replica, &base) < 0) {
        return;
    }
    const struct control *c = replica_control(d->replica);
    struct logtime before = {c->log_time.us - c->fleet->policy.journal_keep_us};
    int64_t first = store_prune(&d->store, base, before);
    d->pruned = now;
    if (first >= 0 && daemon_commit(d)) {
        log_event(&d->log, LOG_INFO, LOG_CODE("pruned"), LOG_INT("first", first));
    }
}

void follow_pump(struct daemon *d)
{
    d->pumped = mono_now();
    bus_pump(d->bus, d->pumped);
    struct bus_event e;
    for (int n = 0; n < EVENTS_PER_WAKE && bus_next(d->bus, &e) == 1; n++) {
        take(d, &e);
    }
    if (d->phase != PHASE_FAILED) {
        reports_save(d, false);
        (void)daemon_commit(d); /* a failure has its phase and its line already */
        prune(d);
        equip_edges(d);
        equip_check_topics(d);
    }
}
