/* stamp.h: the two sockets of one end of a link: STAMP session-sender and stateful reflector.
 *
 * Both are bound to the link's interface and local address; the sender's is connected to the peer's
 * reflector port, so that the kernel drops what comes from elsewhere and tells when the port is
 * closed. Times of arrival are the kernel's (SO_TIMESTAMPING, software), and so is the time at
 * which the sender's packet left (sent_times.h), so that our own lateness is not the link's: the
 * round trip is from kernel to kernel. The two times that a packet itself carries, the sender's in
 * the question and the reflector's of its answer, are read before send(): nothing can be put into
 * a packet that has left. Packets go out with TTL 255 and class CS6. Nothing here blocks, logs or
 * decides.
 */
#ifndef SPILLWAY_PROBE_CHECKS_STAMP_H
#define SPILLWAY_PROBE_CHECKS_STAMP_H

#include "checks/stamp_packet.h"
#include "core/reflector.h"
#include "model/fleet.h"

enum { STAMP_BATCH = 32 }; /* packets of one system call */

struct stamp_config {
    char interface[FLEET_IFNAME_SIZE];
    struct address local, peer; /* of one family */
    uint16_t port;              /* of the reflectors */
    const uint8_t *secret;      /* NULL: unauthenticated mode */
    size_t secret_size;
};

/* Counted since stamp_new. */
struct stamp_stats {
    uint64_t sent, answered, requests, reflected;
    uint64_t unstamped; /* answers to what the kernel did not tell the time of sending of */
    uint64_t truncated, malformed, forged, replayed, foreign;
    uint64_t refused;      /* ICMP: the peer's port is closed */
    uint64_t send_failed;  /* by the link's or the interface's fault */
    uint64_t send_starved; /* by our own shortage of buffers */
};

struct stamp;

/* One received answer. */
struct stamp_reply {
    struct stamp_answer answer;
    struct mono arrived;     /* by the kernel, on the mono clock */
    int64_t round_us;        /* from the timestamp in our packet until then, by the wall clock */
    int64_t kernel_round_us; /* from its sending by the kernel; -1 when that is not known */
    int64_t dwell_us;        /* the reflector's own time by its own clock; never negative */
};

/* Room for a batch; one of them serves all links of a process. */
struct stamp_io;
int stamp_io_new(struct stamp_io **ret) MUST_CHECK;
void stamp_io_free(struct stamp_io *io);

int stamp_new(const struct stamp_config *config, struct stamp **ret) MUST_CHECK;
/* NULL-safe; closes. */
void stamp_free(struct stamp *s);
/* Opens both sockets, on the interface as it is now; sessions of an earlier opening go on. ERR_IO
 * with errno. The caller opens again when the interface was made anew. */
int stamp_open(struct stamp *s) MUST_CHECK;
void stamp_close(struct stamp *s);
/* -1 while closed. */
int stamp_sender_fd(const struct stamp *s);
int stamp_reflector_fd(const struct stamp *s);

/* Sends the packet; *ret_stamp is the timestamp in it, *ret_sent when it was handed to the kernel.
 * OK also when the link refused it (it is lost); ERR_FULL when our own shortage kept it back. */
int stamp_send(struct stamp *s, uint32_t seq, uint64_t *ret_stamp,
               struct mono *ret_sent) MUST_CHECK;
/* Takes up to STAMP_BATCH answers, verified but not yet matched with what was sent; *ret_refused
 * says whether the peer's port was found closed. The socket is empty when *ret_more is false. */
uint32_t stamp_receive(struct stamp *s, struct stamp_io *io, struct stamp_reply *ret_replies,
                       bool *ret_refused, bool *ret_more);
/* Answers up to STAMP_BATCH requests; gives how many of the peer's were good. */
uint32_t stamp_reflect(struct stamp *s, struct stamp_io *io, bool *ret_more);
/* Counts an answer that matched (PATH_ANSWERED) or why not. */
struct stamp_stats *stamp_stats(struct stamp *s);

#endif
