/* explain_internal.h: names by index, safe for indices that come from outside. */
#ifndef SPILLWAY_CORE_EXPLAIN_INTERNAL_H
#define SPILLWAY_CORE_EXPLAIN_INTERNAL_H

#include "core/explain.h"

void put_idc(const struct fleet *f, uint16_t idc, struct text *t);
void put_service(const struct fleet *f, uint16_t service, struct text *t);
void put_region(const struct fleet *f, uint16_t region, struct text *t);
void put_view(const struct fleet *f, uint16_t view, struct text *t);
void put_carrier(const struct fleet *f, uint16_t carrier, struct text *t);
void put_link(const struct fleet *f, uint16_t link, struct text *t);
void put_entrance(const struct fleet *f, uint16_t entrance, struct text *t);
/* The IDC whose report partition it is: a replica's name. */
void put_replica(const struct fleet *f, uint16_t partition, struct text *t);
/* "1 slot", "2 slots". */
void put_count(struct text *t, int64_t n, const char *one, const char *many);
/* "a", "a and b", "a, b and c": the separator before item i of n. */
void put_separator(struct text *t, uint32_t i, uint32_t n);

#endif
