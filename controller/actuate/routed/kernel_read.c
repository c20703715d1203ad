/* kernel_read.c: dumps of our tables, and single routes made and deleted. */
#include "actuate/routed/kernel_private.h"

#include <errno.h>
#include <netlink/attr.h>
#include <string.h>

int kernel_family(uint8_t family)
{
    return family == 4 ? AF_INET : AF_INET6;
}

int kernel_error(int nl_error)
{
    switch (-nl_error) {
    case 0: return OK;
    case NLE_NOMEM: return ERR_MEMORY;
    case NLE_PERM:
    case NLE_NOACCESS: return ERR_PERMISSION;
    default: return ERR_IO;
    }
}

static void take_address(struct address *to, uint8_t family, const struct nlattr *from)
{
    int size = family == 4 ? 4 : 16;
    to->family = family;
    memset(to->bytes, 0, sizeof(to->bytes));
    if (from != NULL && nla_len(from) >= size)
        memcpy(to->bytes, nla_data(from), (size_t)size);
}

bool kernel_parse_route(const struct kernel *k, struct nlmsghdr *header,
                        struct kernel_route *ret_route)
{
    struct nlattr *attributes[RTA_MAX + 1];
    if (nlmsg_parse(header, sizeof(struct rtmsg), attributes, RTA_MAX, NULL) < 0)
        return false;
    const struct rtmsg *message = nlmsg_data(header);
    uint32_t table =
        attributes[RTA_TABLE] != NULL ? nla_get_u32(attributes[RTA_TABLE]) : message->rtm_table;
    if ((table != k->policy->table && table != k->policy->announce_table) ||
        (message->rtm_family != AF_INET && message->rtm_family != AF_INET6) ||
        (message->rtm_flags & RTM_F_CLONED) != 0)
        return false;
    uint8_t family = message->rtm_family == AF_INET ? 4 : 6;
    struct kernel_route route = {
        .prefix = {.length = message->rtm_dst_len},
        .table = table,
        .metric = attributes[RTA_PRIORITY] != NULL ? nla_get_u32(attributes[RTA_PRIORITY]) : 0,
        .protocol = message->rtm_protocol,
        .type = message->rtm_type,
        .tos = message->rtm_tos,
    };
    take_address(&route.prefix.address, family, attributes[RTA_DST]);
    if (message->rtm_type == RTN_UNICAST && message->rtm_tos == 0 && attributes[RTA_OIF] != NULL &&
        attributes[RTA_GATEWAY] != NULL) {
        route.hop.index = nla_get_u32(attributes[RTA_OIF]);
        take_address(&route.hop.gateway, family, attributes[RTA_GATEWAY]);
    }
    *ret_route = route;
    return true;
}

struct dump {
    struct kernel *kernel;
    uint32_t table;
    void (*f)(void *user, const struct kernel_route *route);
    void *user;
};

static int on_dumped(struct nl_msg *message, void *arg)
{
    struct dump *d = arg;
    struct nlmsghdr *header = nlmsg_hdr(message);
    struct kernel_route route;
    if (header->nlmsg_type == RTM_NEWROUTE && kernel_parse_route(d->kernel, header, &route) &&
        route.table == d->table)
        d->f(d->user, &route);
    return NL_OK;
}

int kernel_dump_routes(struct kernel *k, int family, uint32_t table,
                       void (*f)(void *user, const struct kernel_route *route), void *user)
{
    struct nl_msg *message = nlmsg_alloc_simple(RTM_GETROUTE, NLM_F_DUMP);
    if (message == NULL)
        return ERR_MEMORY;
    /* The strict check makes the kernel filter by table, so that others' big tables cost nothing.
     */
    struct rtmsg request = {.rtm_family = (unsigned char)family};
    struct dump d = {k, table, f, user};
    int e = nlmsg_append(message, &request, sizeof(request), NLMSG_ALIGNTO);
    if (e == 0)
        e = nla_put_u32(message, RTA_TABLE, table);
    if (e == 0)
        e = nl_send_auto(k->command, message);
    nlmsg_free(message);
    if (e < 0)
        return kernel_error(e);
    nl_socket_modify_cb(k->command, NL_CB_VALID, NL_CB_CUSTOM, on_dumped, &d);
    e = nl_recvmsgs_default(k->command);
    nl_socket_modify_cb(k->command, NL_CB_VALID, NL_CB_DEFAULT, NULL, NULL);
    /* A table that does not exist yet is an empty one. */
    return e == -NLE_OBJ_NOTFOUND ? OK : kernel_error(e < 0 ? e : 0);
}

int kernel_request(struct kernel *k, struct nl_msg *message)
{
    return kernel_error(nl_send_sync(k->command, message));
}

static int change_route(struct kernel *k, const struct kernel_route *route, int type, int flags)
{
    struct nl_msg *message = nlmsg_alloc_simple(type, flags | NLM_F_ACK);
    if (message == NULL)
        return ERR_MEMORY;
    struct rtmsg rt = {
        .rtm_family = (unsigned char)kernel_family(route->prefix.address.family),
        .rtm_dst_len = route->prefix.length,
        .rtm_tos = route->tos,
        .rtm_protocol = route->protocol,
        .rtm_scope = type == RTM_DELROUTE ? RT_SCOPE_NOWHERE : RT_SCOPE_UNIVERSE,
        .rtm_type = route->type,
    };
    int e = nlmsg_append(message, &rt, sizeof(rt), NLMSG_ALIGNTO);
    if (e == 0)
        e = nla_put_u32(message, RTA_TABLE, route->table);
    if (e == 0 && route->metric != 0)
        e = nla_put_u32(message, RTA_PRIORITY, route->metric);
    if (e == 0 && route->prefix.length > 0)
        e = nla_put(message, RTA_DST, route->prefix.address.family == 4 ? 4 : 16,
                    route->prefix.address.bytes);
    if (e != 0) {
        nlmsg_free(message);
        return ERR_MEMORY;
    }
    return kernel_request(k, message);
}

int kernel_delete_route(struct kernel *k, const struct kernel_route *route)
{
    return change_route(k, route, RTM_DELROUTE, 0);
}

int kernel_create_route(struct kernel *k, const struct kernel_route *route)
{
    return change_route(k, route, RTM_NEWROUTE, NLM_F_CREATE | NLM_F_EXCL);
}

/* Routes to delete are collected first: deleting during a dump would make it inconsistent. */
struct reading {
    const struct kernel *kernel;
    struct rib *rib; /* NULL: every route of ours is a stray */
    uint32_t stray_count;
    struct kernel_route strays[256]; /* a bound per turn; the next turn finds the rest */
};

static void note(void *user, const struct kernel_route *route)
{
    struct reading *r = user;
    bool ours = route->protocol == r->kernel->policy->protocol;
    int row = r->rib != NULL ? rib_find(r->rib, &route->prefix) : -1;
    bool in_row = row >= 0 && route->metric >= 1 && route->metric <= RIB_METRICS;
    if (in_row && !ours) {
        r->rib->rows[row].foreign[route->metric - 1] = true;
        return;
    }
    if (!ours)
        return;
    if (in_row && route->hop.index != 0 && r->rib->rows[row].have[route->metric - 1].index == 0) {
        r->rib->rows[row].have[route->metric - 1] = route->hop;
        return;
    }
    if (r->stray_count < sizeof(r->strays) / sizeof(r->strays[0]))
        r->strays[r->stray_count++] = *route;
}

static int read_both(struct kernel *k, uint32_t table, struct reading *r)
{
    if (r->rib != NULL)
        rib_forget_kernel(r->rib);
    r->stray_count = 0;
    int status = kernel_dump_routes(k, AF_INET, table, note, r);
    return status == OK ? kernel_dump_routes(k, AF_INET6, table, note, r) : status;
}

int kernel_read(struct kernel *k, struct rib *rib, bool remove_strays)
{
    struct reading r = {.kernel = k, .rib = rib};
    int status = read_both(k, k->policy->table, &r);
    for (uint32_t i = 0; status == OK && remove_strays && i < r.stray_count; i++) {
        /* Somebody may have been quicker; what is left shows at the next reading. */
        if (kernel_delete_route(k, &r.strays[i]) == ERR_PERMISSION)
            status = ERR_PERMISSION;
    }
    return status;
}

static int flush_table(struct kernel *k, uint32_t table)
{
    struct reading r = {.kernel = k};
    int status = OK;
    do {
        status = read_both(k, table, &r);
        for (uint32_t i = 0; status == OK && i < r.stray_count; i++)
            status = kernel_delete_route(k, &r.strays[i]);
    } while (status == OK && r.stray_count > 0);
    return status;
}

int kernel_flush(struct kernel *k)
{
    int status = flush_table(k, k->policy->announce_table);
    if (status == OK)
        status = flush_table(k, k->policy->table);
    return status == OK ? kernel_flush_rules(k) : status;
}
