/* told.c: takes the fresh words of the services out of the reports. */
#include "core/told.h"

enum { WHOLE_PPM = 1000000 };

void told_read_fleet(const struct fleet *f, bool *ret_tells)
{
    for (uint16_t i = 0; i < f->entrance_count; i++) {
        const struct entrance *e = &f->entrances[i];
        ret_tells[(size_t)e->service * f->idc_count + e->idc] = f->services[e->service].has_load;
    }
}

/* The probe vouches for a word as long as for a report of its own; an age from a clock that jumped
 * is none. */
static bool fresh(const struct fleet *f, const struct load_sample *s)
{
    return s->valid && s->age_us >= 0 && s->age_us <= f->policy.report_stale_us &&
           s->requests_mrps <= LOAD_MAX_MRPS && s->errors_mrps <= LOAD_MAX_MRPS;
}

void told_hear(const struct fleet *f, const bool *tells, const struct evidence *e,
               uint16_t observer, struct told *told)
{
    const struct report *r = e->report;
    if (r->load_count == 0 || r->view_count != f->view_count) {
        return;
    }
    uint32_t n = 0;
    for (uint16_t s = 0; s < f->service_count; s++) { /* in the order of loads_for_idc() */
        size_t place = (size_t)s * f->idc_count + observer;
        if (!tells[place] || n >= r->load_count) {
            continue;
        }
        if (fresh(f, &r->loads[n])) {
            told[place] = (struct told){.known = true,
                                        .sample = r->loads[n],
                                        .views = &r->load_views[(size_t)n * f->view_count]};
        }
        n++;
    }
}

static uint32_t share_ppm(uint64_t errors, uint64_t requests)
{
    if (requests == 0) {
        return 0;
    }
    return errors >= requests ? WHOLE_PPM : (uint32_t)(errors * WHOLE_PPM / requests);
}

uint32_t told_errors_ppm(const struct told *t)
{
    return t->known ? share_ppm(t->sample.errors_mrps, t->sample.requests_mrps) : 0;
}

uint32_t told_all_errors_ppm(const struct fleet *f, const struct told *told)
{
    uint64_t errors = 0, requests = 0;
    for (size_t i = 0; i < (size_t)f->service_count * f->idc_count; i++) {
        /* No place tells more than LOAD_MAX_MRPS, in whole requests none of these overflows. */
        errors += told[i].known ? told[i].sample.errors_mrps / 1000 : 0;
        requests += told[i].known ? told[i].sample.requests_mrps / 1000 : 0;
    }
    return share_ppm(errors, requests);
}
