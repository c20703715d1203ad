/* load_parse.h: what a service tells of its load, from JSON or Prometheus text, strictly.
 *
 * The formats are in spillway-fleet(5), LOAD. A page is taken whole or not at all: an unknown or
 * repeated key, a value out of range, a cut page are refused, because half a signal could read as
 * little load. Numbers are exact: decimal to thousandths or millionths, what is finer is cut off.
 */
#ifndef SPILLWAY_PROBE_CORE_LOAD_PARSE_H
#define SPILLWAY_PROBE_CORE_LOAD_PARSE_H

#include "base/error.h"
#include "model/report.h"

enum { LOAD_PAGE_MAX = 64 * 1024 }; /* bytes of a page */

struct load_page {
    uint64_t requests_mrps, errors_mrps; /* at most LOAD_MAX_MRPS */
    uint32_t saturation_ppm;
    struct load_rate views[FLEET_MAX_VIEWS]; /* of the fleet, by its indices */
};

/* The text need not end in NUL. Views that the fleet does not have are passed over. ERR_INVALID:
 * it is not such a page; ERR_TOO_LARGE: above LOAD_PAGE_MAX. */
int load_parse(enum load_format format, const char *text, size_t size, const struct fleet *f,
               struct load_page *ret) MUST_CHECK;

#endif
