/* resolver.h: a c-ares channel that asks one server, on a libuv loop. */
#ifndef SPILLWAY_ACTUATE_RESOLVER_H
#define SPILLWAY_ACTUATE_RESOLVER_H

#include "model/fleet.h"

#include <ares.h>
#include <uv.h>

struct resolver;

/* Questions go by UDP, and by TCP when the answer is truncated; two tries within timeout_us.
 * ERR_INVALID, ERR_MEMORY, ERR_UNAVAILABLE (c-ares cannot start). */
int resolver_new(uv_loop_t *loop, const struct address *address, uint16_t port, int64_t timeout_us,
                 struct resolver **ret_resolver) MUST_CHECK;
/* As ares_query() does; done may be called before this returns. */
void resolver_ask(struct resolver *r, const char *name, int type, ares_callback done, void *user);
/* Open questions end with ARES_EDESTRUCTION; frees itself when the loop has closed its handles. May
 * be called from a done callback. NULL-safe. */
void resolver_free(struct resolver *r);

#endif
