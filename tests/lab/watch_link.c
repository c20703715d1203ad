/* watch_link.c: the carrier signal of one IDC's interfaces, from the kernel's own events
 * (RTNLGRP_LINK). */
#include "lab.h"
#include "watch.h"

#include <errno.h>
#include <linux/if.h>
#include <linux/rtnetlink.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

enum { MAX_INTERFACES = 4096 };

struct link_watch {
    const char *idc;
    int fd;
    signed char up[MAX_INTERFACES]; /* by interface index: what was told last; 0: nothing, 1: up,
                                       -1: down */
};

struct link_watch *link_watch_new(const json_t *settings)
{
    struct link_watch *w = lab_alloc(1, sizeof(*w));
    struct sockaddr_nl address = {.nl_family = AF_NETLINK, .nl_groups = RTMGRP_LINK};
    w->idc = lab_string(settings, "idc");
    lab_enter(lab_string(settings, "netns"));
    w->fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_ROUTE);
    if (w->fd < 0 || bind(w->fd, (struct sockaddr *)&address, sizeof(address)) != 0) {
        lab_fail("netlink: %s", strerror(errno));
    }
    return w;
}

static void take(struct link_watch *w, const struct nlmsghdr *message)
{
    const struct ifinfomsg *info = NLMSG_DATA(message);
    if (message->nlmsg_type != RTM_NEWLINK || info->ifi_index <= 0 ||
        info->ifi_index >= MAX_INTERFACES) {
        return;
    }
    signed char up = (info->ifi_flags & IFF_LOWER_UP) != 0 ? 1 : -1;
    if (w->up[info->ifi_index] == up) {
        return;
    }
    w->up[info->ifi_index] = up;
    char name[IFNAMSIZ] = "";
    const char *at = (const char *)info + NLMSG_ALIGN(sizeof(*info));
    const char *end = (const char *)message + message->nlmsg_len;
    while (end - at >= (ptrdiff_t)sizeof(struct rtattr)) {
        struct rtattr a;
        memcpy(&a, at, sizeof(a));
        if (a.rta_type == IFLA_IFNAME) {
            snprintf(name, sizeof(name), "%s", at + RTA_LENGTH(0));
        }
        at += RTA_ALIGN(a.rta_len);
    }
    printf("{\"t\":%jd,\"kind\":\"carrier\",\"idc\":\"%s\",\"device\":\"%s\",\"up\":%s}\n",
           (intmax_t)lab_now_us(), w->idc, name, up > 0 ? "true" : "false");
}

void link_watch_poll(struct link_watch *w)
{
    union {
        struct nlmsghdr header;
        char bytes[16384];
    } buffer;
    ssize_t size;
    while ((size = recv(w->fd, &buffer, sizeof(buffer), MSG_DONTWAIT)) > 0) {
        size_t left = (size_t)size;
        const char *at = buffer.bytes;
        while (left >= sizeof(struct nlmsghdr)) {
            struct nlmsghdr header;
            memcpy(&header, at, sizeof(header));
            size_t step = NLMSG_ALIGN((size_t)header.nlmsg_len);
            if (header.nlmsg_len < sizeof(header) || step > left) {
                break;
            }
            take(w, (const struct nlmsghdr *)(const void *)at);
            at += step;
            left -= step;
        }
    }
}
