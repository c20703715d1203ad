/* kernel.c: sockets to the kernel, batched route changes, interfaces and events. */
#include "actuate/routed/kernel_private.h"

#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <netlink/attr.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
    BATCH_STEPS = 256,
    STEP_BYTES = 128, /* of one encoded step, at most */
    SOCKET_BYTES = 1024 * 1024,
};

static int on_event(struct nl_msg *message, void *arg)
{
    struct kernel *k = arg;
    struct nlmsghdr *header = nlmsg_hdr(message);
    struct kernel_route route;
    if (header->nlmsg_pid == nl_socket_get_local_port(k->command))
        return NL_OK; /* what we did ourselves */
    if (header->nlmsg_type != RTM_NEWROUTE && header->nlmsg_type != RTM_DELROUTE)
        k->touched = true; /* links, addresses and rules are few */
    else if (kernel_parse_route(k, header, &route))
        k->touched = true;
    return NL_OK;
}

static int open_events(struct kernel *k)
{
    nl_socket_disable_seq_check(k->events);
    nl_socket_modify_cb(k->events, NL_CB_VALID, NL_CB_CUSTOM, on_event, k);
    int e = nl_connect(k->events, NETLINK_ROUTE);
    if (e == 0)
        e = nl_socket_set_buffer_size(k->events, SOCKET_BYTES, 0);
    if (e == 0)
        e = nl_socket_set_nonblocking(k->events);
    if (e == 0)
        e = nl_socket_add_memberships(k->events, RTNLGRP_LINK, RTNLGRP_IPV4_IFADDR,
                                      RTNLGRP_IPV4_ROUTE, RTNLGRP_IPV4_RULE, RTNLGRP_IPV6_IFADDR,
                                      RTNLGRP_IPV6_ROUTE, RTNLGRP_IPV6_RULE, 0);
    return kernel_error(e);
}

static int open_command(struct kernel *k)
{
    int e = nl_connect(k->command, NETLINK_ROUTE);
    if (e == 0)
        e = nl_socket_set_buffer_size(k->command, SOCKET_BYTES, SOCKET_BYTES);
    if (e != 0)
        return kernel_error(e);
    int on = 1, fd = nl_socket_get_fd(k->command);
    struct timeval patience = {.tv_sec =
                                   2}; /* the kernel answers within the send; never hang on it */
    if (setsockopt(fd, SOL_NETLINK, NETLINK_GET_STRICT_CHK, &on, sizeof(on)) != 0 ||
        setsockopt(fd, SOL_NETLINK, NETLINK_CAP_ACK, &on, sizeof(on)) != 0 ||
        setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience)) != 0)
        return ERR_IO;
    return OK;
}

int kernel_open(const struct policy_of_routes *policy, struct kernel **ret_kernel)
{
    struct kernel *k = calloc(1, sizeof(*k));
    if (k == NULL)
        return ERR_MEMORY;
    k->policy = policy;
    k->sequence = 1;
    k->command = nl_socket_alloc();
    k->events = nl_socket_alloc();
    int status = k->command != NULL && k->events != NULL ? open_command(k) : ERR_MEMORY;
    if (status == OK)
        status = open_events(k);
    if (status != OK) {
        kernel_close(k);
        return status;
    }
    *ret_kernel = k;
    return OK;
}

void kernel_close(struct kernel *k)
{
    if (k == NULL)
        return;
    nl_socket_free(k->command);
    nl_socket_free(k->events);
    free(k);
}

/* A batch is one buffer of messages; only the last asks for an acknowledgement, errors come for
 * each. */
struct batch {
    size_t size;
    uint8_t bytes[BATCH_STEPS * STEP_BYTES];
};

static void put_attribute(struct nlmsghdr *header, uint16_t type, const void *data, size_t size)
{
    enum { HEAD = 4, ROUND = 3 }; /* of an attribute; everything is aligned to 4 bytes */
    size_t at = (header->nlmsg_len + ROUND) & ~(size_t)ROUND;
    struct nlattr *attribute = (struct nlattr *)(void *)((uint8_t *)header + at);
    attribute->nla_type = type;
    attribute->nla_len = (uint16_t)(HEAD + size);
    memcpy((uint8_t *)attribute + HEAD, data, size);
    header->nlmsg_len = (uint32_t)((at + HEAD + size + ROUND) & ~(size_t)ROUND);
}

static void put_step(struct batch *b, const struct kernel *k, const struct prefix *prefix,
                     const struct rib_step *step, uint32_t sequence, bool last)
{
    struct nlmsghdr *header = (struct nlmsghdr *)(void *)(b->bytes + b->size);
    size_t width = prefix->address.family == 4 ? 4 : 16;
    uint16_t flags = NLM_F_REQUEST;
    bool deletes = step->kind == RIB_DELETE;
    if (step->kind == RIB_CREATE)
        flags |= NLM_F_CREATE | NLM_F_EXCL; /* EXCL: a stranger's route is never replaced */
    if (step->kind == RIB_REPLACE)
        flags |= NLM_F_CREATE | NLM_F_REPLACE;
    memset(header, 0, STEP_BYTES);
    header->nlmsg_len = NLMSG_LENGTH(sizeof(struct rtmsg));
    header->nlmsg_type = deletes ? RTM_DELROUTE : RTM_NEWROUTE;
    header->nlmsg_flags = (uint16_t)(flags | (last ? NLM_F_ACK : 0));
    header->nlmsg_seq = sequence;
    header->nlmsg_pid = nl_socket_get_local_port(k->command);
    struct rtmsg *rt = NLMSG_DATA(header);
    rt->rtm_family = (unsigned char)kernel_family(prefix->address.family);
    rt->rtm_dst_len = prefix->length;
    rt->rtm_protocol = k->policy->protocol;
    rt->rtm_scope = deletes ? RT_SCOPE_NOWHERE : RT_SCOPE_UNIVERSE;
    rt->rtm_type = RTN_UNICAST;
    rt->rtm_flags =
        deletes ? 0 : RTNH_F_ONLINK; /* the fleet says that the gateway is on this link */
    put_attribute(header, RTA_TABLE, &k->policy->table, 4);
    put_attribute(header, RTA_PRIORITY, &step->metric, 4);
    put_attribute(header, RTA_OIF, &step->hop.index, 4);
    put_attribute(header, RTA_GATEWAY, step->hop.gateway.bytes, width);
    if (prefix->length > 0)
        put_attribute(header, RTA_DST, prefix->address.bytes, width);
    b->size += NLMSG_ALIGN(header->nlmsg_len);
}

/* Reads acknowledgements until that of the last step; failed[i] is set for each step that has an
 * error. */
static int read_acks(struct kernel *k, uint32_t first, uint32_t count, bool *failed)
{
    int fd = nl_socket_get_fd(k->command);
    _Alignas(struct nlmsghdr) uint8_t room[32768];
    for (;;) {
        ssize_t n = recv(fd, room, sizeof(room), 0);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return ERR_IO;
        int left = (int)n;
        for (struct nlmsghdr *h = (struct nlmsghdr *)(void *)room; nlmsg_ok(h, left);
             h = nlmsg_next(h, &left)) {
            uint32_t place = h->nlmsg_seq - first;
            if (h->nlmsg_type != NLMSG_ERROR || place >= count)
                continue;
            const struct nlmsgerr *e = NLMSG_DATA(h);
            failed[place] = e->error != 0;
            if (e->error == -EPERM)
                return ERR_PERMISSION;
            if (place == count - 1)
                return OK;
        }
    }
}

static int apply_batch(struct kernel *k, struct rib *rib, const struct rib_step *steps,
                       uint32_t count)
{
    struct batch b = {0};
    bool failed[BATCH_STEPS] = {0};
    uint32_t first = k->sequence;
    k->sequence += count;
    for (uint32_t i = 0; i < count; i++) {
        put_step(&b, k, &rib->rows[steps[i].row].prefix, &steps[i], first + i, i == count - 1);
    }
    if (send(nl_socket_get_fd(k->command), b.bytes, b.size, 0) != (ssize_t)b.size)
        return ERR_IO;
    int status = read_acks(k, first, count, failed);
    if (status != OK)
        return status;
    int failures = 0;
    for (uint32_t i = 0; i < count; i++) {
        if (failed[i])
            failures++;
        else
            rib_done(rib, &steps[i]);
    }
    return failures;
}

int kernel_apply(struct kernel *k, struct rib *rib, const struct rib_step *steps, uint32_t count)
{
    int failures = 0;
    for (uint32_t at = 0; at < count; at += BATCH_STEPS) {
        uint32_t n = count - at < BATCH_STEPS ? count - at : BATCH_STEPS;
        int status = apply_batch(k, rib, steps + at, n);
        if (status < 0)
            return status;
        failures += status;
    }
    return failures;
}

void kernel_resolve(struct kernel *k, struct rib_hop *ret_hops)
{
    for (uint32_t i = 0; i < k->policy->gateway_count; i++) {
        ret_hops[i] = (struct rib_hop){
            .index = if_nametoindex(k->policy->gateways[i].interface),
            .gateway = k->policy->gateways[i].address,
        };
    }
}

static bool write_one(const char *family, const char *interface)
{
    char path[128];
    snprintf(path, sizeof(path), "/proc/sys/net/%s/conf/%s/ignore_routes_with_linkdown", family,
             interface);
    int fd = open(path, O_WRONLY | O_CLOEXEC);
    if (fd < 0)
        return errno == ENOENT; /* no such interface now: it is set when it comes */
    bool ok = write(fd, "1\n", 2) == 2;
    close(fd);
    return ok;
}

int kernel_ignore_linkdown(struct kernel *k)
{
    int failures = 0;
    for (uint32_t i = 0; i < k->policy->gateway_count; i++) {
        const struct route_gateway *gateway = &k->policy->gateways[i];
        failures += !write_one(gateway->address.family == 4 ? "ipv4" : "ipv6", gateway->interface);
    }
    return failures;
}

int kernel_event_fd(const struct kernel *k)
{
    return nl_socket_get_fd(k->events);
}

bool kernel_events(struct kernel *k)
{
    k->touched = false;
    for (;;) {
        int e = nl_recvmsgs_default(k->events);
        if (e == -NLE_AGAIN)
            return k->touched;
        if (e < 0)
            k->touched =
                true; /* an overrun, or worse: what was lost is not known, so look at all */
        if (e < 0 && e != -NLE_NOMEM)
            return true;
    }
}
