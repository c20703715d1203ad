/* reporter.c: full-state reports to the bus, signed with the probe's key. */
#include "reporter.h"

#include "config/keys.h"
#include "wire/report.h"

#include <stdlib.h>
#include <string.h>

#define COMPLAINT_US (60 * US_PER_SEC)

struct reporter {
    struct bus *bus;
    const struct logger *log;
    char keys_dir[SETTINGS_PATH_SIZE];
    struct key key;
    bool key_loaded;
    uint64_t incarnation, sequence;
    uint8_t *room;
    size_t room_size;
    bool away; /* the bus, as the log was told */
    uint64_t errors, sent;
    struct log_limit key_missing, failed;
};

int reporter_new(const char *brokers, const char *security, const char *keys_dir,
                 uint64_t incarnation, const struct logger *log, struct reporter **ret, char *why,
                 size_t why_size)
{
    struct reporter *r = calloc(1, sizeof(*r));
    if (r == NULL)
        return ERR_MEMORY;
    r->log = log;
    r->incarnation = incarnation;
    strncpy(r->keys_dir, keys_dir, sizeof(r->keys_dir) - 1);
    const struct bus_config config = {
        .brokers = brokers, .client_id = "spillway-probe", .security = security};
    int status = bus_open(&config, &r->bus, why, why_size);
    if (status != OK) {
        free(r);
        return status;
    }
    *ret = r;
    return OK;
}

void reporter_free(struct reporter *r, int flush_ms)
{
    if (r == NULL)
        return;
    bus_close(r->bus, flush_ms);
    key_wipe(&r->key);
    free(r->room);
    free(r);
}

int reporter_fd(const struct reporter *r)
{
    return bus_fd(r->bus);
}

void reporter_pump(struct reporter *r, struct mono now)
{
    struct bus_event event;
    bus_pump(r->bus, now);
    while (bus_next(r->bus, &event) == 1)
        continue; /* a probe reads nothing */
    const struct bus_stats *stats = bus_stats(r->bus);
    if (stats->errors != r->errors && stats->reports_sent == r->sent && !r->away) {
        r->away = true;
        log_event(r->log, LOG_WARNING, LOG_CODE("bus-away"), LOG_STR("why", stats->last_error));
    } else if (stats->reports_sent != r->sent && r->away) {
        r->away = false;
        log_event(r->log, LOG_INFO, LOG_CODE("bus-back"),
                  LOG_INT("dropped", stats->reports_dropped));
    }
    r->errors = stats->errors;
    r->sent = stats->reports_sent;
}

void reporter_forget_key(struct reporter *r)
{
    key_wipe(&r->key);
    r->key_loaded = false;
}

uint64_t reporter_sequence(const struct reporter *r)
{
    return r->sequence;
}

/* Whoever reads accepts both keys. So that a key can be changed without a gap it is the file that
 * says which one is in use: the second is taken where the first is not. */
static bool have_key(struct reporter *r, const struct idc *idc, struct mono now)
{
    const char *next = idc->probe_key_next;
    if (r->key_loaded && (strcmp(r->key.id, idc->probe_key) == 0 || strcmp(r->key.id, next) == 0))
        return true;
    char why[256] = "";
    r->key_loaded = key_load(r->keys_dir, idc->probe_key, &r->key, why, sizeof(why)) == OK ||
                    (next[0] != '\0' && key_load(r->keys_dir, next, &r->key, NULL, 0) == OK);
    uint64_t silent = 0;
    if (!r->key_loaded && log_allow(&r->key_missing, now, COMPLAINT_US, &silent))
        log_event(r->log, LOG_ERROR, LOG_CODE("report-key-missing"), LOG_STR("why", why),
                  LOG_INT("not_sent", silent));
    return r->key_loaded;
}

static bool have_room(struct reporter *r, const struct report *report)
{
    size_t need = report_size_bound(report->count, report->load_count, report->view_count);
    if (need <= r->room_size)
        return true;
    uint8_t *room = realloc(r->room, need);
    if (room == NULL)
        return false;
    r->room = room;
    r->room_size = need;
    return true;
}

void reporter_send(struct reporter *r, struct world *w, int64_t lateness_us, struct mono now)
{
    const struct idc *idc = &w->fleet.idcs[w->idc];
    if (!have_key(r, idc, now))
        return;
    world_observe(w, now);
    const struct report report = {
        .observer = w->idc,
        .incarnation = r->incarnation,
        .sequence = r->sequence + 1,
        .sent_us = now.us,
        .fleet = w->digest,
        .lateness_us = lateness_us,
        .count = w->count,
        .observations = w->observed,
        .load_count = loads_count(w->loads),
        .view_count = loads_count(w->loads) > 0 ? w->fleet.view_count : 0,
        .loads = w->loads_observed,
        .load_views = w->load_views,
    };
    const struct report_key key = {r->key.id, r->key.bytes, r->key.size};
    size_t size = 0;
    int status = have_room(r, &report) ? OK : ERR_MEMORY;
    if (status == OK)
        status = report_encode(&report, &key, r->room, r->room_size, &size);
    if (status == OK)
        status = bus_report(r->bus, idc->partition, r->room, size);
    uint64_t silent = 0;
    if (status == OK)
        r->sequence++;
    else if (log_allow(&r->failed, now, COMPLAINT_US, &silent))
        log_event(r->log, LOG_ERROR, LOG_CODE("report-failed"), LOG_STR("why", error_text(status)),
                  LOG_INT("more", silent));
}
