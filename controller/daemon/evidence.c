/* evidence.c: the reports that this daemon concludes from, as they came, with their ages. */
#include "daemon/daemon.h"

#include "daemon/clock.h"
#include "wire/report.h"

#include <stdlib.h>

/* The probes' own MACs were verified when the reports came; on this socket the kernel vouches for
 * who speaks. A key that everybody knows keeps the form. */
static const uint8_t local_secret[REPORT_MIN_KEY_SIZE];
static const struct report_key local_key = {"local", local_secret, sizeof local_secret};

static json_t *report_json(const struct fleet *f, uint16_t observer, const struct evidence *e)
{
    const struct report *r = e->report;
    size_t bound = report_size_bound(r->count, r->load_count, r->view_count), size = 0;
    uint8_t *bytes = malloc(bound);
    json_t *o = NULL;
    if (bytes != NULL && report_encode(r, &local_key, bytes, bound, &size) == OK) {
        o = json_pack("{s:s, s:i, s:I, s:I, s:b, s:o}", "idc", f->idcs[observer].name, "partition",
                      f->idcs[observer].partition, "offset", (json_int_t)e->offset, "age_us",
                      (json_int_t)e->age_us, "conclusive", e->conclusive, "report",
                      json_of_bytes(bytes, size));
    }
    free(bytes);
    return o;
}

json_t *evidence_json(struct daemon *d)
{
    struct mono now = mono_now();
    const struct evidence *e = d->replica != NULL ? replica_evidence(d->replica, now) : NULL;
    json_t *reports = json_array();
    if (e == NULL || reports == NULL) {
        json_decref(reports);
        return json_pack("{s:b, s:i, s:s, s:s, s:s}", "ok", 0, "status", ERR_UNAVAILABLE, "error",
                         error_text(ERR_UNAVAILABLE), "remedy", error_remedy(ERR_UNAVAILABLE),
                         "why", "no fleet is known yet");
    }
    const struct fleet *f = replica_control(d->replica)->fleet;
    for (uint16_t i = 0; i < f->idc_count; i++) {
        json_t *one = e[i].report != NULL ? report_json(f, i, &e[i]) : NULL;
        if (one != NULL && json_array_append_new(reports, one) != 0) {
            json_decref(reports);
            return NULL;
        }
    }
    return json_pack("{s:b, s:I, s:I, s:o}", "ok", 1, "applied",
                     (json_int_t)replica_control(d->replica)->applied, "log_time_us",
                     (json_int_t)replica_log_time(d->replica, now).us, "reports", reports);
}
