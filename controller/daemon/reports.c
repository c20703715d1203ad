/* reports.c: a report from the bus: its MAC verified with the keys of its partition's IDC, older
 * ones than were taken refused, then stepped.
 *
 * The replica itself drops what is older than what it has; a replica that has just started has
 * nothing. So the journal keeps what was taken: each new incarnation at once, sequences every two
 * seconds. After a crash, then, only reports of the last two seconds before it can be replayed, and
 * only until the probe's next report. */
#include "daemon/daemon.h"

#include "daemon/clock.h"
#include "daemon/judge.h"

#include <stdlib.h>
#include <string.h>

#define TELL_US (10 * US_PER_SEC)
#define SAVE_US (2 * US_PER_SEC)

static void drop(struct daemon *d, const struct bus_event *e, int status, const char *why)
{
    uint64_t silent;
    if (log_allow(&d->counters.bad_reports, mono_now(), TELL_US, &silent)) {
        log_event(&d->log, LOG_WARNING, LOG_CODE("bad-report"), LOG_INT("partition", e->partition),
                  LOG_INT("offset", e->offset), LOG_INT("status", status), LOG_STR("why", why),
                  LOG_INT("untold", silent));
    }
}

void reports_equip(struct daemon *d, const struct fleet *f)
{
    reports_save(d, true);
    free(d->heard);
    d->heard = calloc((size_t)f->idc_count + 1, sizeof *d->heard);
    d->heard_count = d->heard != NULL ? f->idc_count : 0;
    for (uint16_t i = 0; i < d->heard_count; i++) {
        struct heard *h = &d->heard[i];
        h->partition = f->idcs[i].partition;
        int status = store_heard(&d->store, h->partition, &h->newest);
        if (status != OK) {
            log_event(&d->log, LOG_ERROR, LOG_CODE("heard-unread"), LOG_INT("status", status),
                      LOG_STR("idc_heard", f->idcs[i].name));
        }
    }
}

void reports_save(struct daemon *d, bool now)
{
    if (!now && mono_diff_us(mono_now(), d->heard_saved) < SAVE_US) {
        return;
    }
    d->heard_saved = mono_now();
    for (uint16_t i = 0; i < d->heard_count; i++) {
        struct heard *h = &d->heard[i];
        if (h->unsaved) {
            store_put_heard(&d->store, h->partition, &h->newest);
            h->unsaved = false;
        }
    }
}

/* Notes the report; false when an older one was taken already. Of the same life of the probe that
 * is everyday (a bus repeats itself); of an earlier one it is not. */
static bool is_newest(struct daemon *d, const struct bus_event *e, uint16_t idc,
                      const struct report *r)
{
    if (idc >= d->heard_count) {
        return true; /* no memory when the fleet came: the replica still knows its own newest */
    }
    struct heard *h = &d->heard[idc];
    if (r->incarnation < h->newest.incarnation) {
        drop(d, e, ERR_STALE,
             "of an earlier life of its probe: replayed, or the probe lost its incarnation; then "
             "write a higher one than status shows into its state_dir/incarnation and restart it");
        return false;
    }
    bool reborn = r->incarnation > h->newest.incarnation;
    if (!reborn && r->sequence < h->newest.sequence) {
        return false;
    }
    h->newest = (struct journal_heard){.incarnation = r->incarnation, .sequence = r->sequence};
    h->unsaved = true;
    if (reborn) {
        store_put_heard(&d->store, h->partition, &h->newest);
        h->unsaved = false;
    }
    return true;
}

void reports_take(struct daemon *d, const struct bus_event *e)
{
    const struct control *c = d->replica != NULL ? replica_control(d->replica) : NULL;
    if (c == NULL || c->fleet == NULL) {
        return;
    }
    uint16_t idc = judge_observer(c->fleet, e->partition);
    if (idc == FLEET_NONE) {
        drop(d, e, ERR_NOT_FOUND, "no IDC of the fleet has this partition");
        return;
    }
    struct arena arena;
    struct report report;
    if (!daemon_arena(d, report_arena_size(REPORT_MAX_TARGETS), &arena)) {
        drop(d, e, ERR_MEMORY, error_text(ERR_MEMORY));
        return;
    }
    const char *why = NULL;
    int status = judge_report(c->fleet, &c->fleet_digest, &d->keys, idc, e->data, e->size, &arena,
                              &report, &why);
    if (status != OK) {
        drop(d, e, status, why);
        return;
    }
    d->counters.reports++;
    if (!is_newest(d, e, idc, &report)) {
        return;
    }
    struct event event = {
        .kind = EVENT_REPORT,
        .report = {.report = &report, .partition = e->partition, .offset = e->offset}};
    daemon_step(d, &event);
}
