/* sent_times.h: when the kernel sent which packet: its transmit times, matched by sequence number.
 *
 * A packet can only carry a time read before send(); what happens until the device driver has it
 * would count as the link's. The kernel tells that moment afterwards, on the socket's error queue
 * (SOF_TIMESTAMPING_TX_SOFTWARE), by the number of the packet on that socket (OPT_ID), without the
 * packet (OPT_TSONLY). Drivers that do not stamp, and packets never sent, simply have no time.
 *
 * On veth, loopback and drivers that transmit at once the time is there when send() returns. An
 * error queue that is not empty makes epoll report EPOLLERR, so who polls must read it then. */
#ifndef SPILLWAY_PROBE_CHECKS_SENT_TIMES_H
#define SPILLWAY_PROBE_CHECKS_SENT_TIMES_H

#include <stdbool.h>
#include <stdint.h>

enum { SENT_TIMES = 128 }; /* newest packets remembered: as many as core/path.h may wait for */

struct sent_time {
    uint32_t seq;
    uint64_t time; /* NTP format; 0: the kernel told none */
};

struct sent_times {
    struct sent_time packets[SENT_TIMES]; /* by sequence number modulo their count */
    bool in_step;       /* the kernel's numbers are sequence numbers minus first_seq */
    uint32_t first_seq; /* the packet that the kernel calls 0 */
    uint32_t next_seq;
};

/* All zero is a good beginning. Call sent_times_lost for a new socket too. */

/* The next packet handed to the socket is `seq`. */
void sent_times_before(struct sent_times *t, int fd, uint32_t seq);
/* The kernel refused a packet: whether it counted it is not known, so numbers begin anew. */
void sent_times_lost(struct sent_times *t);
/* Takes what the kernel told meanwhile. */
void sent_times_read(struct sent_times *t, int fd);
/* 0 when it is not known. */
uint64_t sent_times_of(const struct sent_times *t, uint32_t seq);

#endif
