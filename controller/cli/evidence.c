/* evidence.c: reads the daemon's answer to "evidence" (spillwayd(8)). */
#include "cli/evidence.h"

#include "wire/report.h"

#include <stdlib.h>
#include <string.h>

enum { EVIDENCE_TIMEOUT_MS = 5000 };

static const uint8_t local_secret[REPORT_MIN_KEY_SIZE]; /* as in the daemon's evidence.c */
static const struct report_key local_key = {"local", local_secret, sizeof local_secret};

static int read_one(const struct fleet *f, const json_t *object, struct arena *a,
                    struct live_evidence *e)
{
    const char *name = json_string_value(json_object_get(object, "idc"));
    uint16_t idc = name == NULL ? FLEET_NONE : fleet_find_idc(f, name);
    size_t size = 0;
    uint8_t *bytes = bytes_of_hex(json_string_value(json_object_get(object, "report")), &size);
    struct report *r = ARENA_NEW(a, struct report, 1);
    int status = idc == FLEET_NONE || bytes == NULL || r == NULL ? ERR_INVALID : OK;
    status = status == OK ? report_open(bytes, size, &local_key, 1, a, r) : status;
    free(bytes);
    if (status == OK) {
        e->at[idc] = (struct evidence){
            .report = r,
            .age_us = json_integer_value(json_object_get(object, "age_us")),
            .offset = json_integer_value(json_object_get(object, "offset")),
            .conclusive = json_is_true(json_object_get(object, "conclusive")),
        };
    }
    return status;
}

static int read_all(const struct fleet *f, const json_t *answer, struct live_evidence *e)
{
    const json_t *reports = json_object_get(answer, "reports"), *one;
    struct arena a;
    size_t each = report_arena_size(REPORT_MAX_TARGETS) + sizeof(struct report) + 64, i;
    size_t size = json_array_size(reports) * each + f->idc_count * sizeof *e->at + 64;
    if (!cli_arena(&a, size)) {
        return ERR_MEMORY;
    }
    e->memory = a.base;
    e->at = ARENA_NEW(&a, struct evidence, f->idc_count);
    e->now.us = json_integer_value(json_object_get(answer, "log_time_us"));
    int status = e->at == NULL ? ERR_FULL : OK;
    json_array_foreach(reports, i, one)
    {
        status = status == OK ? read_one(f, one, &a, e) : status;
    }
    return status;
}

int live_evidence_get(const struct cli *c, const struct fleet *f, struct live_evidence *ret_e,
                      char *why)
{
    struct live_evidence e = {0};
    json_t *answer =
        host_ask(c, json_pack("{s:s}", "request", "evidence"), EVIDENCE_TIMEOUT_MS, why);
    if (answer == NULL) {
        return ERR_UNAVAILABLE;
    }
    if (!json_is_true(json_object_get(answer, "ok"))) {
        const char *said = json_string_value(json_object_get(answer, "why"));
        snprintf(why, CLI_WHY_SIZE, "%s", said != NULL ? said : "the daemon has no evidence");
        json_decref(answer);
        return ERR_UNAVAILABLE;
    }
    int status = read_all(f, answer, &e);
    json_decref(answer);
    if (status != OK) {
        snprintf(why, CLI_WHY_SIZE, "the daemon's evidence cannot be read: %s", error_text(status));
        live_evidence_done(&e);
        return ERR_UNAVAILABLE;
    }
    *ret_e = e;
    return OK;
}

void live_evidence_done(struct live_evidence *e)
{
    free(e->memory);
    *e = (struct live_evidence){0};
}
