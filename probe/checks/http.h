/* http.h: HTTP and HTTPS checks with libcurl's multi interface: the expected status in time is
 * good.
 *
 * Connections are kept and used again over the same way, so a check costs one request; a server
 * that closed one gets a new connection by libcurl. The request goes to the checked address under
 * the service's name (Host and TLS server name). The certificate is not judged: it is the same
 * everywhere, so an expired one must alarm a person and not look like the death of every
 * datacenter. Redirects are not followed. */
#ifndef SPILLWAY_PROBE_CHECKS_HTTP_H
#define SPILLWAY_PROBE_CHECKS_HTTP_H

#include "base/times.h"
#include "checks/check.h"

enum { HTTP_BODY_MAX = 1024 * 1024 }; /* a health page that is larger is a failure */

struct http_checks;
struct http_check;

/* connections: how many are kept open. Checks over a way and checks without one must not share a
 * runner: libcurl would use the connections of the former for the latter. */
int http_checks_new(uint32_t connections, check_ended_fn *ended, void *context,
                    struct http_checks **ret) MUST_CHECK;
void http_checks_free(struct http_checks *h);
int http_checks_fd(const struct http_checks *h);
/* Does what its sockets or its clock ask for. */
void http_checks_events(struct http_checks *h, struct mono now);
/* When http_checks_events is due even without an event; false for never. */
bool http_checks_due(const struct http_checks *h, struct mono *ret_due);
/* ERR_FULL: our own shortage. */
int http_check_begin(struct http_checks *h, const struct check_request *r, uint32_t slot,
                     struct http_check **ret) MUST_CHECK;
void http_check_cancel(struct http_checks *h, struct http_check *check);

#endif
