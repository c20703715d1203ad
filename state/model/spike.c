/* spike.c: multiplies the load that services told of one view. */
#include "model/spike.h"

enum { WHOLE_PPM = 1000000 };

static uint64_t bounded(uint64_t mrps)
{
    return mrps < LOAD_MAX_MRPS ? mrps : LOAD_MAX_MRPS;
}

void spike_apply(const struct spike *s, struct load_sample *sample, struct load_rate *views,
                 uint32_t view_count)
{
    if (s->view >= view_count || s->factor_ppm <= WHOLE_PPM || !sample->valid ||
        !views[s->view].valid) {
        return;
    }
    /* LOAD_MAX_MRPS times any factor below 2^32 overflows: thousandths of the factor do not. */
    uint64_t more = views[s->view].mrps / 1000 * ((s->factor_ppm - WHOLE_PPM) / 1000);
    views[s->view].mrps = bounded(views[s->view].mrps + more);
    sample->requests_mrps = bounded(sample->requests_mrps + more);
}
