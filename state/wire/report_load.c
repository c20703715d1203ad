/* report_load.c: the loads of a report, from and to its columns (report.proto). */
#include "wire/report_load.h"

#include <stdlib.h>

enum {
    SAMPLE_MAX = 1 + 3 * 10 + 5, /* bytes of one load over its columns, at most */
    RATE_MAX = 10,
    OVERHEAD = 6 * 8, /* tags and lengths of the columns */
    MILLION = 1000000,
};

size_t report_load_bound(uint32_t loads, uint32_t views)
{
    return OVERHEAD + (size_t)loads * (SAMPLE_MAX + (size_t)views * RATE_MAX);
}

size_t report_load_arena(void)
{
    return FLEET_MAX_SERVICES *
               (sizeof(struct load_sample) + FLEET_MAX_VIEWS * sizeof(struct load_rate)) +
           32;
}

static bool sample_sound(const struct load_sample *s)
{
    if (!s->valid) {
        return s->age_us == 0 && s->requests_mrps == 0 && s->errors_mrps == 0 &&
               s->saturation_ppm == 0;
    }
    return s->age_us >= 0 && s->age_us <= US_MAX && s->requests_mrps <= LOAD_MAX_MRPS &&
           s->errors_mrps <= LOAD_MAX_MRPS && s->saturation_ppm <= MILLION;
}

static bool rate_sound(const struct load_rate *rate, bool sample_valid)
{
    return rate->valid ? sample_valid && rate->mrps <= LOAD_MAX_MRPS : rate->mrps == 0;
}

bool report_load_sound(const struct report *r)
{
    bool ok = r->load_count <= FLEET_MAX_SERVICES && r->view_count <= FLEET_MAX_VIEWS &&
              (r->load_count > 0 || r->view_count == 0);
    for (uint32_t i = 0; ok && i < r->load_count; i++) {
        ok = sample_sound(&r->loads[i]);
        for (uint32_t v = 0; ok && v < r->view_count; v++) {
            ok = rate_sound(&r->load_views[i * r->view_count + v], r->loads[i].valid);
        }
    }
    return ok;
}

/* All columns in one block, the widest first, so that each starts aligned. */
struct load_columns {
    int64_t *age;
    uint64_t *requests, *errors, *views;
    uint32_t *saturation;
    protobuf_c_boolean *valid;
};

static int columns_new(struct load_columns *c, size_t loads, size_t rates, void **ret_memory)
{
    uint8_t *at = calloc(1, (3 * loads + rates) * sizeof(uint64_t) +
                                loads * (sizeof(uint32_t) + sizeof(protobuf_c_boolean)));
    if (at == NULL) {
        return ERR_MEMORY;
    }
    *ret_memory = at;
    c->age = (int64_t *)(void *)at;
    c->requests = (uint64_t *)(void *)at + loads;
    c->errors = c->requests + loads;
    c->views = c->errors + loads;
    c->saturation = (uint32_t *)(void *)(c->views + rates);
    c->valid = (protobuf_c_boolean *)(void *)(c->saturation + loads);
    return OK;
}

int report_load_put(const struct report *r, Spillway__ReportWire *w, void **ret_memory)
{
    struct load_columns c;
    const size_t n = r->load_count, rates = n * r->view_count;
    if (n == 0) {
        *ret_memory = NULL;
        return OK;
    }
    int status = columns_new(&c, n, rates, ret_memory);
    if (status != OK) {
        return status;
    }
    bool any = false;
    for (size_t i = 0; i < n; i++) {
        const struct load_sample *s = &r->loads[i];
        any = any || s->valid;
        c.valid[i] = s->valid;
        c.age[i] = s->age_us;
        c.requests[i] = s->requests_mrps;
        c.errors[i] = s->errors_mrps;
        c.saturation[i] = s->saturation_ppm;
    }
    bool told = false;
    for (size_t i = 0; i < rates; i++) {
        const struct load_rate *rate = &r->load_views[i];
        told = told || rate->valid;
        c.views[i] = rate->valid ? rate->mrps + 1 : 0;
    }
    w->load_valid = c.valid;
    w->n_load_valid = n;
    w->load_age_us = c.age;
    w->load_requests_mrps = c.requests;
    w->load_errors_mrps = c.errors;
    w->load_saturation_ppm = c.saturation;
    w->n_load_age_us = w->n_load_requests_mrps = w->n_load_errors_mrps = w->n_load_saturation_ppm =
        any ? n : 0;
    w->load_views = r->view_count;
    w->load_view_mrps_1 = c.views;
    w->n_load_view_mrps_1 = told ? rates : 0;
    return OK;
}

static bool columns_match(const Spillway__ReportWire *w)
{
    const size_t lengths[] = {w->n_load_age_us, w->n_load_requests_mrps, w->n_load_errors_mrps,
                              w->n_load_saturation_ppm};
    bool ok = true;
    for (size_t i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++) {
        ok = ok && (lengths[i] == 0 || lengths[i] == w->n_load_valid);
    }
    size_t rates = w->n_load_valid * w->load_views;
    return ok && (w->n_load_view_mrps_1 == 0 || w->n_load_view_mrps_1 == rates);
}

static void take_sample(const Spillway__ReportWire *w, size_t i, struct load_sample *s)
{
    *s = (struct load_sample){
        .valid = w->load_valid[i] != 0,
        .age_us = w->n_load_age_us > 0 ? w->load_age_us[i] : 0,
        .requests_mrps = w->n_load_requests_mrps > 0 ? w->load_requests_mrps[i] : 0,
        .errors_mrps = w->n_load_errors_mrps > 0 ? w->load_errors_mrps[i] : 0,
        .saturation_ppm = w->n_load_saturation_ppm > 0 ? w->load_saturation_ppm[i] : 0,
    };
}

int report_load_take(const Spillway__ReportWire *w, struct arena *a, struct report *r)
{
    if (w->n_load_valid > FLEET_MAX_SERVICES || w->load_views > FLEET_MAX_VIEWS) {
        return ERR_TOO_LARGE;
    }
    if (!columns_match(w)) {
        return ERR_INVALID;
    }
    r->load_count = (uint32_t)w->n_load_valid;
    r->view_count = w->load_views;
    const uint32_t rates = r->load_count * r->view_count;
    r->loads = ARENA_NEW(a, struct load_sample, r->load_count);
    r->load_views = ARENA_NEW(a, struct load_rate, rates);
    if (r->loads == NULL || r->load_views == NULL) {
        return ERR_FULL;
    }
    for (uint32_t i = 0; i < r->load_count; i++) {
        take_sample(w, i, &r->loads[i]);
    }
    for (uint32_t i = 0; i < rates; i++) {
        uint64_t told = w->n_load_view_mrps_1 > 0 ? w->load_view_mrps_1[i] : 0;
        r->load_views[i] = (struct load_rate){.valid = told > 0, .mrps = told > 0 ? told - 1 : 0};
    }
    return OK;
}
