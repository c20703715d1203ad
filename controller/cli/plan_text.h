/* plan_text.h: a plan for people: who answers for which view, and which tiers are served. */
#ifndef SPILLWAY_CLI_PLAN_TEXT_H
#define SPILLWAY_CLI_PLAN_TEXT_H

#include "model/plan.h"

#include <stdio.h>

/* One line per answer that has demand, one per demoted tier, one on the routes. */
void plan_print(const struct fleet *f, const struct plan *p, FILE *out);
/* Slots of a service at an IDC, over all views. */
uint32_t plan_slots_at(const struct fleet *f, const struct plan *p, uint16_t service, uint16_t idc);

#endif
