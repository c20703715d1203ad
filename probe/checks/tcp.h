/* tcp.h: TCP checks: a connection that the other side accepts in time is good. */
#ifndef SPILLWAY_PROBE_CHECKS_TCP_H
#define SPILLWAY_PROBE_CHECKS_TCP_H

#include "checks/check.h"

/* All TCP checks of a process, behind one epoll descriptor. */
struct tcp_checks;

int tcp_checks_new(check_ended_fn *ended, void *context, struct tcp_checks **ret) MUST_CHECK;
void tcp_checks_free(struct tcp_checks *t);
int tcp_checks_fd(const struct tcp_checks *t);
void tcp_checks_events(struct tcp_checks *t);
/* Begins one; it ends by `ended` with this slot, or by tcp_check_cancel. *ret_fd is its handle.
 * ERR_REFUSED: it failed at once; ERR_FULL: our own shortage. */
int tcp_check_begin(struct tcp_checks *t, const struct check_request *r, uint32_t slot,
                    int *ret_fd) MUST_CHECK;
void tcp_check_cancel(struct tcp_checks *t, int fd);

#endif
