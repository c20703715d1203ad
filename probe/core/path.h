/* path.h: what one end of a link knows of it: STAMP packets sent and answered, carrier, health.
 *
 * A packet is lost when it is unanswered for longer than hardly any answer takes (wait_us). A link
 * is down when `losses` packets in a row are lost; that state is held since the first of them was
 * sent. It is up again after a good run of twice as many; what flaps is damped (damping.h). It is
 * degraded when the window's loss in a direction reaches degraded_ppm, until it falls below half of
 * that. Carrier loss is down at once.
 *
 * What does not count against the link:
 * - Our own lateness: path_judge() is only called after the socket was drained, and answers carry
 * the kernel's receive time, so what had arrived while we did not run is an answer, and on time.
 * - A peer that stood still: its reflector answers late, and all. The link is down meanwhile, for
 * nothing tells this from an outage, but damping does not count it as a flap.
 * - A peer whose kernel refuses our packets (ICMP port unreachable: its reflector is not running).
 * The link carried question and answer; its health is unknown, not down.
 *
 * Directions (RFC 8762 section 4.2.1, stateful reflector): between two answers, what the
 * reflector's sequence number did not count was lost on the way out, the rest on the way back.
 * While no answer comes at all, loss is put to the way out if the peer's own packets still arrive
 * here, else to the way in; both ends together then tell a one-way fault from a cut. */
#ifndef SPILLWAY_PROBE_CORE_PATH_H
#define SPILLWAY_PROBE_CORE_PATH_H

#include "core/track.h"
#include "core/window.h"
#include "model/report.h"

enum {
    PATH_WINDOW = 128,                 /* packets */
    PATH_JUDGED_MIN = PATH_WINDOW / 2, /* fewer do not make a link degraded */
    PATH_REFUSED_US = 2500 * 1000,     /* Linux sends one ICMP error a second to a host */
};

struct path_policy {
    int64_t interval_us; /* between two packets, above 0 */
    int64_t latency_us;  /* one way, as the fleet says: the first guess */
    uint32_t losses;     /* in a row that make it down; clipped to 1..PATH_WINDOW / 2 */
    uint32_t degraded_ppm;
    struct damping_policy damping;
};

enum packet_fate { PACKET_NONE, PACKET_PENDING, PACKET_ANSWERED, PACKET_LOST };
enum packet_way { WAY_UNKNOWN, WAY_OUT, WAY_IN };

struct path_packet {
    struct mono sent;
    uint64_t stamp; /* the timestamp in it, which an answer must echo */
    enum packet_fate fate;
    enum packet_way way; /* of a lost one */
};

struct path {
    struct path_policy policy;
    bool session; /* STAMP runs; false for an uplink, whose health is its carrier alone */
    struct path_packet packets[PATH_WINDOW]; /* by sequence number modulo the window */
    uint32_t next_seq;                       /* of the next packet to send */
    uint32_t judged_seq;                     /* all before it are answered or lost */
    uint32_t window_seq;                  /* loss before it is of an earlier down, and forgotten */
    uint32_t answered_seq, reflected_seq; /* of the newest answer: ours, the reflector's */
    bool answered;                        /* any so far */
    uint32_t lost_run, good_run;
    uint32_t good_seq; /* first of the good run */
    bool down_by_loss; /* the newest down, of a run that begins with down_seq */
    uint32_t down_seq;
    struct mono lost_first, good_first;
    struct mono watched; /* without a stand-still since then; no run is older */
    bool carrier;
    struct mono carrier_at;
    bool heard, refused;
    struct mono heard_at, refused_at;
    struct smooth answer_time; /* question to answer, the reflector's own time included */
    struct times_window rtt;
    struct track track;
};

enum path_answer {
    PATH_ANSWERED,
    PATH_REPLAYED, /* answered before */
    PATH_FOREIGN,  /* a sequence number that is not in flight */
    PATH_FORGED,   /* does not echo our timestamp */
};

void path_init(struct path *p, const struct path_policy *policy, bool session, bool carrier,
               struct mono now);
/* Registers the packet with sequence number next_seq as sent at `at`. A packet that the kernel
 * could not send because of the link counts as sent; one that our own shortage kept back is not
 * registered. */
void path_sent(struct path *p, struct mono at, uint64_t stamp);
/* An answer, of which the kernel says that it arrived at `arrived`; rtt_us is without the
 * reflector's own time. */
enum path_answer path_reply(struct path *p, uint32_t seq, uint32_t reflected_seq, uint64_t stamp,
                            struct mono arrived, uint32_t rtt_us, struct mono now);
/* A packet of the peer's own session arrived. */
void path_heard(struct path *p, struct mono at);
/* The peer's kernel refused a packet. */
void path_refused(struct path *p, struct mono at);
/* The interface's carrier; an edge when it changed the health (true). */
bool path_carrier(struct path *p, bool up, struct mono now);
/* This process stood still until `until`: neither a state nor a run of losses began before. */
void path_unseen(struct path *p, struct mono until);
/* Concludes; call it after draining the sockets. True when the health changed. */
bool path_judge(struct path *p, struct mono now);
/* When path_judge could next find the link down; false while nothing is missing. */
bool path_due(const struct path *p, struct mono *ret_due);
/* Health, loss, times and flaps; carrier and counters are the caller's. */
void path_observe(struct path *p, struct mono now, struct observation *ret);
/* How long an answer is waited for. */
int64_t path_wait_us(const struct path *p);

#endif
