/* watch_route.c: the effective route of one IDC to some addresses, asked of the kernel
 * (RTM_GETROUTE). */
#include "lab.h"
#include "watch.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

struct watched_route {
    const char *to;
    struct sockaddr_in source, address;
    int device;   /* interface index told last; 0: unreachable */
    int64_t told; /* 0: never */
};

struct route_watch {
    const char *idc, *netns;
    int fd;
    size_t count;
    struct watched_route *routes;
};

struct route_query {
    struct nlmsghdr header;
    struct rtmsg route;
    struct rtattr to_header;
    uint32_t to;
    struct rtattr from_header;
    uint32_t from;
};

struct route_watch *route_watch_new(const json_t *settings)
{
    struct route_watch *w = lab_alloc(1, sizeof(*w));
    json_t *to = lab_array(settings, "to"), *item;
    size_t i;
    w->idc = lab_string(settings, "idc");
    w->netns = lab_string(settings, "netns");
    lab_enter(w->netns);
    w->fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
    if (w->fd < 0) {
        lab_fail("netlink: %s", strerror(errno));
    }
    w->count = json_array_size(to);
    w->routes = lab_alloc(w->count, sizeof(*w->routes));
    json_array_foreach(to, i, item)
    {
        w->routes[i].to = lab_string(item, "idc");
        w->routes[i].source = lab_address(lab_string(settings, "source"), 0);
        w->routes[i].address = lab_address(lab_string(item, "address"), 0);
    }
    return w;
}

/* The interface index by which the kernel would send now, or 0. */
static int effective(const struct route_watch *w, const struct watched_route *r)
{
    struct route_query q = {.header = {.nlmsg_len = sizeof(q),
                                       .nlmsg_type = RTM_GETROUTE,
                                       .nlmsg_flags = NLM_F_REQUEST},
                            .route = {.rtm_family = AF_INET, .rtm_dst_len = 32, .rtm_src_len = 32},
                            .to_header = {.rta_len = RTA_LENGTH(4), .rta_type = RTA_DST},
                            .to = r->address.sin_addr.s_addr,
                            .from_header = {.rta_len = RTA_LENGTH(4), .rta_type = RTA_SRC},
                            .from = r->source.sin_addr.s_addr};
    union {
        struct nlmsghdr header;
        char bytes[4096];
    } reply;
    if (send(w->fd, &q, sizeof(q), 0) != sizeof(q)) {
        lab_fail("netlink: %s", strerror(errno));
    }
    ssize_t size = recv(w->fd, &reply, sizeof(reply), 0); /* the kernel answers within the call */
    if (size < (ssize_t)sizeof(reply.header) || reply.header.nlmsg_type != RTM_NEWROUTE) {
        return 0;
    }
    struct rtmsg *route = NLMSG_DATA(&reply.header);
    if (route->rtm_type != RTN_UNICAST) {
        return 0;
    }
    const char *at = (const char *)RTM_RTA(route), *end = reply.bytes + size;
    while (end - at >= (ptrdiff_t)sizeof(struct rtattr)) {
        struct rtattr a;
        memcpy(&a, at, sizeof(a));
        if (a.rta_type == RTA_OIF) {
            int device;
            memcpy(&device, at + RTA_LENGTH(0), sizeof(device));
            return device;
        }
        at += RTA_ALIGN(a.rta_len);
    }
    return 0;
}

static void tell(const struct route_watch *w, struct watched_route *r, int device, int64_t now)
{
    char name[IF_NAMESIZE] = "";
    r->device = device;
    r->told = now;
    if (device != 0) {
        lab_enter(w->netns); /* an index means something only in its namespace */
        if_indextoname((unsigned)device, name);
    }
    printf("{\"t\":%jd,\"kind\":\"route\",\"idc\":\"%s\",\"to\":\"%s\",\"device\":\"%s\"}\n",
           (intmax_t)now, w->idc, r->to, name);
}

void route_watch_poll(struct route_watch *w)
{
    for (size_t i = 0; i < w->count; i++) {
        struct watched_route *r = &w->routes[i];
        int device = effective(w, r);
        if (device != r->device || r->told == 0) {
            tell(w, r, device, lab_now_us());
        }
    }
}
