/* report_load.h: the loads of a report, from and to its columns (report.proto). */
#ifndef SPILLWAY_WIRE_REPORT_LOAD_H
#define SPILLWAY_WIRE_REPORT_LOAD_H

#include "model/report.h"
#include "report.pb-c.h"

/* Bytes of the columns of so many loads and views, at most; of the arena that taking any of them
 * needs. */
size_t report_load_bound(uint32_t loads, uint32_t views);
size_t report_load_arena(void);
/* What is not valid is zero, and nothing is out of bounds. */
bool report_load_sound(const struct report *r);
/* Fills the columns from a sound report; *ret_memory, to be freed when the message is packed, is
 * what they lie in (NULL without loads). ERR_MEMORY. */
int report_load_put(const struct report *r, Spillway__ReportWire *w, void **ret_memory) MUST_CHECK;
/* ERR_INVALID, ERR_TOO_LARGE, ERR_FULL: arena. */
int report_load_take(const Spillway__ReportWire *w, struct arena *a, struct report *r) MUST_CHECK;

#endif
