/* sent_times.c: when the kernel sent which packet: its transmit times, matched by sequence number.
 */
#include "checks/sent_times.h"

#include "checks/stamp_packet.h"

#include <linux/errqueue.h>
#include <linux/net_tstamp.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

enum {
    READ_BATCH = 8,
    READ_MAX = SENT_TIMES / READ_BATCH,
    CONTROL_ROOM = 256,
    RECEIVED = SOF_TIMESTAMPING_RX_SOFTWARE | SOF_TIMESTAMPING_SOFTWARE,
    BOTH = RECEIVED | SOF_TIMESTAMPING_TX_SOFTWARE | SOF_TIMESTAMPING_OPT_TSONLY |
           SOF_TIMESTAMPING_OPT_ID,
};

static bool ask_for(int fd, int what)
{
    return setsockopt(fd, SOL_SOCKET, SO_TIMESTAMPING, &what, sizeof(what)) == 0;
}

void sent_times_lost(struct sent_times *t)
{
    t->in_step = false;
}

void sent_times_before(struct sent_times *t, int fd, uint32_t seq)
{
    if (!t->in_step || seq != t->next_seq) {
        sent_times_read(t, fd); /* what still has the old numbers */
        t->in_step = ask_for(fd, RECEIVED) && ask_for(fd, BOTH); /* OPT_ID anew begins at 0 */
        t->first_seq = seq;
    }
    t->packets[seq % SENT_TIMES] = (struct sent_time){.seq = seq};
    t->next_seq = seq + 1;
}

/* What one message of the error queue says; false when it is not a transmit time. */
static bool told(struct msghdr *header, uint32_t *ret_number, struct timespec *ret_time)
{
    struct sock_extended_err error = {0};
    struct timespec time = {0};
    for (struct cmsghdr *c = CMSG_FIRSTHDR(header); c != NULL; c = CMSG_NXTHDR(header, c)) {
        if (c->cmsg_level == SOL_SOCKET && c->cmsg_type == SO_TIMESTAMPING)
            memcpy(&time, CMSG_DATA(c), sizeof(time)); /* the first of three: software */
        else if ((c->cmsg_level == IPPROTO_IP && c->cmsg_type == IP_RECVERR) ||
                 (c->cmsg_level == IPPROTO_IPV6 && c->cmsg_type == IPV6_RECVERR))
            memcpy(&error, CMSG_DATA(c), sizeof(error));
    }
    if (error.ee_origin != SO_EE_ORIGIN_TIMESTAMPING || error.ee_info != SCM_TSTAMP_SND ||
        time.tv_sec == 0)
        return false;
    *ret_number = error.ee_data;
    *ret_time = time;
    return true;
}

static void note(struct sent_times *t, struct msghdr *header)
{
    uint32_t number = 0;
    struct timespec time;
    if (!t->in_step || !told(header, &number, &time))
        return;
    struct sent_time *packet = &t->packets[(t->first_seq + number) % SENT_TIMES];
    if (packet->seq == t->first_seq + number && packet->time == 0)
        packet->time = stamp_time(time);
}

void sent_times_read(struct sent_times *t, int fd)
{
    struct mmsghdr messages[READ_BATCH];
    _Alignas(struct cmsghdr) uint8_t control[READ_BATCH][CONTROL_ROOM];
    int n = READ_BATCH;
    for (int batch = 0; n == READ_BATCH && batch < READ_MAX; batch++) {
        for (int i = 0; i < READ_BATCH; i++)
            messages[i].msg_hdr =
                (struct msghdr){.msg_control = control[i], .msg_controllen = CONTROL_ROOM};
        n = recvmmsg(fd, messages, READ_BATCH, MSG_ERRQUEUE | MSG_DONTWAIT, NULL);
        for (int i = 0; i < n; i++)
            note(t, &messages[i].msg_hdr);
    }
}

uint64_t sent_times_of(const struct sent_times *t, uint32_t seq)
{
    const struct sent_time *packet = &t->packets[seq % SENT_TIMES];
    return packet->seq == seq ? packet->time : 0;
}
