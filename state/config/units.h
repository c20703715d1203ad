/* units.h: quantities as people write them ("50ms", "2.5%", "100Gbps") <-> exact integers. No
 * floats. */
#ifndef SPILLWAY_CONFIG_UNITS_H
#define SPILLWAY_CONFIG_UNITS_H

#include "base/error.h"
#include "model/fleet.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { UNITS_TEXT_SIZE = 64 };

/* Parsers take the whole text; ERR_INVALID when it has another form or is not exact in the unit,
 * ERR_TOO_LARGE when it does not fit. *ret untouched unless OK. */
int units_parse_integer(const char *s, uint64_t *ret) MUST_CHECK;        /* "8080" */
int units_parse_duration(const char *s, int64_t *ret_us) MUST_CHECK;     /* us, ms, s, min, h */
int units_parse_share(const char *s, uint64_t *ret_ppm) MUST_CHECK;      /* "2.5%" */
int units_parse_cost(const char *s, uint64_t *ret_ppm) MUST_CHECK;       /* "0.2" of a unit */
int units_parse_rate(const char *s, uint64_t *ret_per_s) MUST_CHECK;     /* "200/s" */
int units_parse_bandwidth(const char *s, uint64_t *ret_mbps) MUST_CHECK; /* Mbps, Gbps, Tbps */
int units_parse_bytes(const char *s, uint64_t *ret_bytes) MUST_CHECK;    /* KiB, MiB, GiB, TiB */
int units_parse_address(const char *s, struct address *ret) MUST_CHECK;  /* IPv4 or IPv6 */
int units_parse_prefix(const char *s, struct prefix *ret) MUST_CHECK;    /* "10.1.0.0/16" */

/* The shortest exact text; parses back to the same value. room has at least UNITS_TEXT_SIZE bytes.
 */
void units_put_integer(uint64_t v, char *room);
void units_put_duration(int64_t us, char *room);
void units_put_share(uint64_t ppm, char *room);
void units_put_cost(uint64_t ppm, char *room);
void units_put_rate(uint64_t per_s, char *room);
void units_put_bandwidth(uint64_t mbps, char *room);
void units_put_bytes(uint64_t bytes, char *room);
void units_put_address(const struct address *a, char *room);
void units_put_prefix(const struct prefix *p, char *room);

/* True when the bits after the prefix length are zero. */
bool prefix_is_clean(const struct prefix *p);
/* Clears the bits after the prefix length. */
struct prefix prefix_clean(const struct prefix *p);
/* True when the first `length` bits of both are equal (and the families). */
bool address_shares_prefix(const struct address *a, const struct address *b, unsigned length);
bool address_equal(const struct address *a, const struct address *b);
/* What makes an address unusable as that of a host, or NULL: "unspecified", "multicast",
 * "broadcast". */
const char *address_unusable(const struct address *a);

#endif
