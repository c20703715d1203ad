/* stamp.c: the two sockets of one end of a link: STAMP session-sender and stateful reflector. */
#include "checks/stamp.h"

#include "checks/check.h"
#include "checks/clocks.h"
#include "checks/sent_times.h"

#include <errno.h>
#include <linux/net_tstamp.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
    PACKET_ROOM = 256, /* of a received packet; what is behind the base packet is not read */
    CONTROL_ROOM = 128,
    TTL_SENT = 255,
    CLASS_CS6 = 0xc0, /* as routing protocols: not dropped before the users' packets are */
};

struct stamp_io {
    struct mmsghdr messages[STAMP_BATCH];
    struct iovec vectors[STAMP_BATCH];
    struct sockaddr_storage from[STAMP_BATCH];
    uint8_t data[STAMP_BATCH][PACKET_ROOM];
    _Alignas(struct cmsghdr) uint8_t control[STAMP_BATCH][CONTROL_ROOM];
    struct mmsghdr answers[STAMP_BATCH];
    struct iovec answer_vectors[STAMP_BATCH];
    uint8_t answer_data[STAMP_BATCH][STAMP_MAX_SIZE];
};

struct stamp {
    struct stamp_config config; /* without the secret */
    struct stamp_mac *mac;
    int sender, reflector;
    struct sent_times sent;
    struct reflector sessions;
    struct stamp_stats stats;
};

int stamp_io_new(struct stamp_io **ret)
{
    struct stamp_io *io = calloc(1, sizeof(*io));
    if (io == NULL)
        return ERR_MEMORY;
    *ret = io;
    return OK;
}

void stamp_io_free(struct stamp_io *io)
{
    free(io);
}

int stamp_new(const struct stamp_config *config, struct stamp **ret)
{
    struct stamp *s = calloc(1, sizeof(*s));
    if (s == NULL)
        return ERR_MEMORY;
    s->config = *config;
    s->config.secret = NULL;
    s->sender = s->reflector = -1;
    if (config->secret != NULL) {
        int status = stamp_mac_new(config->secret, config->secret_size, &s->mac);
        if (status != OK) {
            free(s);
            return status;
        }
    }
    *ret = s;
    return OK;
}

void stamp_free(struct stamp *s)
{
    if (s == NULL)
        return;
    stamp_close(s);
    stamp_mac_free(s->mac);
    free(s);
}

void stamp_close(struct stamp *s)
{
    if (s->sender >= 0)
        close(s->sender);
    if (s->reflector >= 0)
        close(s->reflector);
    s->sender = s->reflector = -1;
}

static bool set_option(int fd, int level, int option, int value)
{
    return setsockopt(fd, level, option, &value, sizeof(value)) == 0;
}

static bool set_options(int fd, const struct stamp_config *c)
{
    int stamping = SOF_TIMESTAMPING_RX_SOFTWARE | SOF_TIMESTAMPING_SOFTWARE;
    if (setsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, c->interface,
                   (socklen_t)strnlen(c->interface, sizeof(c->interface))) != 0 ||
        !set_option(fd, SOL_SOCKET, SO_TIMESTAMPING, stamping))
        return false;
    /* The device is also the scope of link-local addresses (RFC 4007 section 6).
     * FREEBIND: an address that comes after us (or is still tentative) is not waited for. */
    if (c->local.family == 4)
        return set_option(fd, IPPROTO_IP, IP_FREEBIND, 1) &&
               set_option(fd, IPPROTO_IP, IP_TTL, TTL_SENT) &&
               set_option(fd, IPPROTO_IP, IP_TOS, CLASS_CS6) &&
               set_option(fd, IPPROTO_IP, IP_RECVTTL, 1);
    return set_option(fd, IPPROTO_IPV6, IPV6_FREEBIND, 1) &&
           set_option(fd, IPPROTO_IPV6, IPV6_UNICAST_HOPS, TTL_SENT) &&
           set_option(fd, IPPROTO_IPV6, IPV6_TCLASS, CLASS_CS6) &&
           set_option(fd, IPPROTO_IPV6, IPV6_RECVHOPLIMIT, 1);
}

/* A socket bound to the link; port 0 is one of the kernel's choice. -1 with errno. */
static int socket_open(const struct stamp_config *c, uint16_t port)
{
    int family = c->local.family == 4 ? AF_INET : AF_INET6;
    int fd = socket(family, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return -1;
    struct sockaddr_storage local;
    socklen_t size = check_socket_address(&c->local, port, &local);
    if (set_options(fd, c) && bind(fd, (struct sockaddr *)&local, size) == 0)
        return fd;
    int saved = errno;
    close(fd);
    errno = saved;
    return -1;
}

int stamp_open(struct stamp *s)
{
    stamp_close(s);
    sent_times_lost(&s->sent);
    struct sockaddr_storage peer;
    socklen_t size = check_socket_address(&s->config.peer, s->config.port, &peer);
    s->reflector = socket_open(&s->config, s->config.port);
    if (s->reflector >= 0)
        s->sender = socket_open(&s->config, 0);
    /* The route of connect() is that of the bound interface; without one (carrier lost) it fails,
     * and the link's next event brings us here again. */
    if (s->sender >= 0 && connect(s->sender, (struct sockaddr *)&peer, size) == 0)
        return OK;
    int saved = errno;
    stamp_close(s);
    errno = saved;
    return ERR_IO;
}

int stamp_sender_fd(const struct stamp *s)
{
    return s->sender;
}

int stamp_reflector_fd(const struct stamp *s)
{
    return s->reflector;
}

struct stamp_stats *stamp_stats(struct stamp *s)
{
    return &s->stats;
}

static ssize_t hand_over(struct stamp *s, uint32_t seq, const uint8_t *packet, size_t size)
{
    sent_times_before(&s->sent, s->sender, seq);
    ssize_t sent = send(s->sender, packet, size, MSG_NOSIGNAL);
    if (sent < 0)
        sent_times_lost(&s->sent);
    return sent;
}

int stamp_send(struct stamp *s, uint32_t seq, uint64_t *ret_stamp, struct mono *ret_sent)
{
    uint8_t packet[STAMP_MAX_SIZE];
    size_t size = 0;
    struct stamp_request r = {
        .seq = seq, .timestamp = stamp_time(clock_wall()), .error_estimate = STAMP_ERROR_ESTIMATE};
    if (stamp_request_encode(&r, s->mac, packet, &size) != OK) {
        s->stats.send_starved++;
        return ERR_FULL;
    }
    ssize_t sent = hand_over(s, seq, packet, size);
    if (sent < 0 && errno == ECONNREFUSED) { /* told of an earlier packet; this one was not sent */
        s->stats.refused++;
        sent = hand_over(s, seq, packet, size);
    }
    if (sent < 0 && (errno == ENOBUFS || errno == ENOMEM || errno == EAGAIN || errno == EINTR)) {
        s->stats.send_starved++;
        return ERR_FULL;
    }
    if (sent < 0)
        s->stats.send_failed++;
    else
        s->stats.sent++;
    *ret_stamp = r.timestamp;
    *ret_sent = clock_mono(); /* after the call: a preemption before it is not the link's time */
    return OK;
}

static int receive_batch(int fd, struct stamp_io *io)
{
    for (int i = 0; i < STAMP_BATCH; i++) {
        io->vectors[i] = (struct iovec){io->data[i], PACKET_ROOM};
        io->messages[i].msg_hdr = (struct msghdr){
            .msg_name = &io->from[i],
            .msg_namelen = sizeof(io->from[i]),
            .msg_iov = &io->vectors[i],
            .msg_iovlen = 1,
            .msg_control = io->control[i],
            .msg_controllen = CONTROL_ROOM,
        };
    }
    return recvmmsg(fd, io->messages, STAMP_BATCH, MSG_DONTWAIT, NULL);
}

/* What the kernel says of a packet. */
struct arrival {
    struct timespec wall;
    uint8_t ttl;
};

static struct arrival arrival_of(struct msghdr *header, struct timespec now)
{
    struct arrival a = {now, 0};
    for (struct cmsghdr *c = CMSG_FIRSTHDR(header); c != NULL; c = CMSG_NXTHDR(header, c)) {
        int value = 0;
        if (c->cmsg_level == SOL_SOCKET && c->cmsg_type == SO_TIMESTAMPING) {
            struct timespec software;
            memcpy(&software, CMSG_DATA(c), sizeof(software));
            if (software.tv_sec != 0)
                a.wall = software;
        } else if ((c->cmsg_level == IPPROTO_IP && c->cmsg_type == IP_TTL) ||
                   (c->cmsg_level == IPPROTO_IPV6 && c->cmsg_type == IPV6_HOPLIMIT)) {
            memcpy(&value, CMSG_DATA(c), sizeof(value));
            a.ttl = (uint8_t)value;
        }
    }
    return a;
}

static int64_t timespec_diff_us(struct timespec a, struct timespec b)
{
    return (a.tv_sec - b.tv_sec) * US_PER_SEC + (a.tv_nsec - b.tv_nsec) / 1000;
}

static void count_bad(struct stamp_stats *stats, int status)
{
    if (status == ERR_TRUNCATED)
        stats->truncated++;
    else if (status == ERR_UNAUTHENTIC)
        stats->forged++;
    else
        stats->malformed++;
}

static void take_times(struct stamp *s, struct timespec arrived, struct stamp_reply *reply)
{
    const struct stamp_request *request = &reply->answer.request;
    uint64_t arrival = stamp_time(arrived), sent = sent_times_of(&s->sent, request->seq);
    int64_t dwell = stamp_time_diff_us(reply->answer.timestamp, reply->answer.received);
    reply->round_us = stamp_time_diff_us(arrival, request->timestamp);
    s->stats.unstamped += sent == 0;
    reply->kernel_round_us = sent != 0 ? stamp_time_diff_us(arrival, sent) : -1;
    reply->dwell_us = dwell > 0 ? dwell : 0;
}

uint32_t stamp_receive(struct stamp *s, struct stamp_io *io, struct stamp_reply *ret_replies,
                       bool *ret_refused, bool *ret_more)
{
    *ret_refused = *ret_more = false;
    if (s->sender < 0)
        return 0;
    sent_times_read(&s->sent, s->sender); /* first: what is answered was sent */
    int n = receive_batch(s->sender, io);
    if (n < 0) {
        *ret_refused = errno == ECONNREFUSED;
        *ret_more = *ret_refused || errno == EINTR; /* the error was queued before the packets */
        s->stats.refused += *ret_refused;
        return 0;
    }
    *ret_more = n == STAMP_BATCH;
    struct timespec wall = clock_wall();
    struct mono now = clock_mono();
    uint32_t good = 0;
    for (int i = 0; i < n; i++) {
        struct stamp_reply *reply = &ret_replies[good];
        int status =
            stamp_answer_decode(io->data[i], io->messages[i].msg_len, s->mac, &reply->answer);
        if (status != OK) {
            count_bad(&s->stats, status);
            continue;
        }
        struct arrival arrival = arrival_of(&io->messages[i].msg_hdr, wall);
        int64_t waited = timespec_diff_us(wall, arrival.wall);
        reply->arrived = mono_add(now, waited > 0 ? -waited : 0);
        take_times(s, arrival.wall, reply);
        good++;
    }
    return good;
}

/* True when the packet came from the link's peer; then *ret_port is its source port. */
static bool from_peer(const struct stamp *s, const struct sockaddr_storage *from,
                      uint16_t *ret_port)
{
    const struct address *peer = &s->config.peer;
    if (peer->family == 4) {
        const struct sockaddr_in *in = (const struct sockaddr_in *)from;
        *ret_port = ntohs(in->sin_port);
        return memcmp(&in->sin_addr, peer->bytes, 4) == 0;
    }
    const struct sockaddr_in6 *in6 = (const struct sockaddr_in6 *)from;
    *ret_port = ntohs(in6->sin6_port);
    return memcmp(&in6->sin6_addr, peer->bytes, 16) == 0;
}

/* Judges one request; true when `ret` is the answer to send. */
static bool judge_request(struct stamp *s, struct stamp_io *io, int i, struct timespec wall,
                          struct mono now, struct stamp_answer *ret)
{
    uint16_t port = 0;
    if (!from_peer(s, &io->from[i], &port)) {
        s->stats.foreign++;
        return false;
    }
    struct stamp_request request = {0};
    int status = stamp_request_decode(io->data[i], io->messages[i].msg_len, s->mac, &request);
    if (status != OK) {
        count_bad(&s->stats, status);
        return false;
    }
    uint32_t seq = 0;
    switch (reflector_accept(&s->sessions, port, request.seq, request.timestamp, now, &seq)) {
    case REFLECT_OK: break;
    case REFLECT_REPLAYED: s->stats.replayed++; return false;
    case REFLECT_REFUSED: s->stats.foreign++; return false;
    }
    struct arrival arrival = arrival_of(&io->messages[i].msg_hdr, wall);
    *ret = (struct stamp_answer){
        .seq = seq,
        .error_estimate = STAMP_ERROR_ESTIMATE,
        .received = stamp_time(arrival.wall),
        .request = request,
        .request_ttl = arrival.ttl,
    };
    return true;
}

uint32_t stamp_reflect(struct stamp *s, struct stamp_io *io, bool *ret_more)
{
    *ret_more = false;
    if (s->reflector < 0)
        return 0;
    int n = receive_batch(s->reflector, io);
    *ret_more = n == STAMP_BATCH;
    struct timespec wall = clock_wall();
    struct mono now = clock_mono();
    uint32_t good = 0;
    for (int i = 0; i < n; i++) {
        struct stamp_answer answer;
        size_t size = 0;
        if (!judge_request(s, io, i, wall, now, &answer))
            continue;
        answer.timestamp = stamp_time(clock_wall());
        if (stamp_answer_encode(&answer, s->mac, io->answer_data[good], &size) != OK)
            continue;
        io->answer_vectors[good] = (struct iovec){io->answer_data[good], size};
        io->answers[good].msg_hdr = (struct msghdr){
            .msg_name = &io->from[i],
            .msg_namelen = io->messages[i].msg_hdr.msg_namelen,
            .msg_iov = &io->answer_vectors[good],
            .msg_iovlen = 1,
        };
        good++;
    }
    s->stats.requests += good;
    if (good > 0) {
        int sent = sendmmsg(s->reflector, io->answers, good, MSG_DONTWAIT | MSG_NOSIGNAL);
        s->stats.reflected += sent > 0 ? (uint64_t)sent : 0;
    }
    return good;
}
