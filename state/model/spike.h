/* spike.h: a traffic spike on purpose: what services tell of one view is multiplied in the report.
 *
 * For drills (ADR 70): the decisions that follow are real, and no user is needed for it. */
#ifndef SPILLWAY_MODEL_SPIKE_H
#define SPILLWAY_MODEL_SPIKE_H

#include "model/report.h"

struct spike {
    uint16_t view; /* FLEET_NONE: none */
    uint32_t factor_ppm;
};

/* Multiplies what the service told of the view, and its whole by as much. A view of which nothing
 * is known stays unknown: a spike invents no signal. */
void spike_apply(const struct spike *s, struct load_sample *sample, struct load_rate *views,
                 uint32_t view_count);

#endif
