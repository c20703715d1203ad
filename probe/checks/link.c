/* link.c: the kernel's interfaces: carrier events at once, counters on demand (libnl, rtnetlink).
 */
#include "checks/link.h"

#include <linux/if.h>
#include <linux/rtnetlink.h>
#include <netlink/msg.h>
#include <netlink/netlink.h>
#include <netlink/route/link.h>
#include <stdlib.h>
#include <string.h>

enum { EVENT_BUFFER = 1024 * 1024 };

struct link_monitor {
    struct nl_sock *events;
    struct nl_sock *queries;
    uint32_t count;
    char (*names)[FLEET_IFNAME_SIZE];
    struct link_state *states;
    link_changed_fn *changed;
    void *context;
    uint64_t resyncs;
};

static struct link_state state_of(struct rtnl_link *link)
{
    unsigned flags = rtnl_link_get_flags(link);
    return (struct link_state){
        .index = rtnl_link_get_ifindex(link),
        .oper_up = (flags & IFF_UP) != 0 && (flags & IFF_LOWER_UP) != 0,
        .rx_bytes = rtnl_link_get_stat(link, RTNL_LINK_RX_BYTES),
        .tx_bytes = rtnl_link_get_stat(link, RTNL_LINK_TX_BYTES),
    };
}

/* Takes over a state; an interface that went keeps its last counters. */
static void apply(struct link_monitor *m, uint32_t i, struct link_state fresh)
{
    struct link_state *known = &m->states[i];
    bool change = fresh.index != known->index || fresh.oper_up != known->oper_up;
    if (fresh.index == 0) {
        fresh.rx_bytes = known->rx_bytes;
        fresh.tx_bytes = known->tx_bytes;
    }
    *known = fresh;
    if (change && m->changed != NULL)
        m->changed(m->context, i, known);
}

static void apply_event(struct link_monitor *m, struct rtnl_link *link, bool gone)
{
    struct link_state fresh = state_of(link);
    const char *name = rtnl_link_get_name(link);
    for (uint32_t i = 0; i < m->count; i++) {
        bool same_name = name != NULL && strcmp(m->names[i], name) == 0;
        bool same_index = m->states[i].index == fresh.index;
        if (same_name && !gone)
            apply(m, i, fresh);
        else if (same_index && (gone || !same_name)) /* deleted, moved away or renamed */
            apply(m, i, (struct link_state){0});
    }
}

static void on_object(struct nl_object *object, void *context)
{
    struct link_monitor *m = context;
    apply_event(m, (struct rtnl_link *)object, nl_object_get_msgtype(object) == RTM_DELLINK);
}

static int on_event(struct nl_msg *message, void *context)
{
    struct nlmsghdr *header = nlmsg_hdr(message);
    if ((header->nlmsg_type == RTM_NEWLINK || header->nlmsg_type == RTM_DELLINK) &&
        nlmsg_valid_hdr(header, sizeof(struct ifinfomsg))) {
        const struct ifinfomsg *info = nlmsg_data(header);
        /* A bridge port's events come again for the bridge's family, without all fields. */
        if (info->ifi_family == AF_UNSPEC)
            (void)nl_msg_parse(message, on_object, context);
    }
    return NL_OK;
}

/* Asks the kernel for every watched interface. */
static int read_all(struct link_monitor *m)
{
    for (uint32_t i = 0; i < m->count; i++) {
        struct rtnl_link *link = NULL;
        int status = rtnl_link_get_kernel(m->queries, 0, m->names[i], &link);
        if (status == -NLE_OBJ_NOTFOUND || status == -NLE_NODEV) {
            apply(m, i, (struct link_state){0});
        } else if (status < 0) {
            return ERR_IO;
        } else {
            apply(m, i, state_of(link));
            rtnl_link_put(link);
        }
    }
    return OK;
}

static int sockets_open(struct link_monitor *m, int buffer_bytes)
{
    m->events = nl_socket_alloc();
    m->queries = nl_socket_alloc();
    if (m->events == NULL || m->queries == NULL)
        return ERR_MEMORY;
    nl_socket_disable_seq_check(m->events); /* events answer no request */
    if (nl_connect(m->events, NETLINK_ROUTE) < 0 || nl_connect(m->queries, NETLINK_ROUTE) < 0 ||
        nl_socket_set_buffer_size(m->events, buffer_bytes, 0) < 0 ||
        nl_socket_set_nonblocking(m->events) < 0 ||
        nl_socket_add_membership(m->events, RTNLGRP_LINK) < 0 ||
        nl_socket_modify_cb(m->events, NL_CB_VALID, NL_CB_CUSTOM, on_event, m) < 0)
        return ERR_IO;
    return OK;
}

int link_monitor_new(const char (*names)[FLEET_IFNAME_SIZE], uint32_t count, int buffer_bytes,
                     link_changed_fn *changed, void *context, struct link_monitor **ret)
{
    struct link_monitor *m = calloc(1, sizeof(*m));
    if (m == NULL)
        return ERR_MEMORY;
    m->count = count;
    m->names = calloc(count + 1, sizeof(*m->names));
    m->states = calloc(count + 1, sizeof(*m->states));
    int status = m->names == NULL || m->states == NULL ? ERR_MEMORY : OK;
    if (status == OK) {
        memcpy(m->names, names, count * sizeof(*m->names));
        status = sockets_open(m, buffer_bytes > 0 ? buffer_bytes : EVENT_BUFFER);
    }
    if (status == OK)
        status = read_all(m);
    if (status != OK) {
        link_monitor_free(m);
        return status;
    }
    m->changed = changed;
    m->context = context;
    *ret = m;
    return OK;
}

void link_monitor_free(struct link_monitor *m)
{
    if (m == NULL)
        return;
    nl_socket_free(m->events);
    nl_socket_free(m->queries);
    free(m->names);
    free(m->states);
    free(m);
}

int link_monitor_fd(const struct link_monitor *m)
{
    return nl_socket_get_fd(m->events);
}

int link_monitor_events(struct link_monitor *m)
{
    bool lost = false;
    int status;
    do {
        status = nl_recvmsgs_default(m->events);
        /* What waits in an overrun socket is older than what was lost: take it first. */
        lost = lost || status == -NLE_NOMEM;
    } while (status >= 0 || status == -NLE_NOMEM || status == -NLE_INTR);
    if (!lost &&
        status != -NLE_AGAIN) /* a message that libnl cannot read: trust the kernel's word */
        lost = true;
    if (!lost)
        return OK;
    m->resyncs++;
    return read_all(m);
}

int link_monitor_counters(struct link_monitor *m)
{
    return read_all(m);
}

const struct link_state *link_monitor_state(const struct link_monitor *m, uint32_t interface)
{
    return &m->states[interface];
}

uint64_t link_monitor_resyncs(const struct link_monitor *m)
{
    return m->resyncs;
}
