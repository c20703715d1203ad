/* kernel_announce.c: the table of announcements: an unreachable route for each prefix. */
#include "actuate/routed/kernel_private.h"

enum { ANNOUNCE_METRIC = 1 };

static struct kernel_route route_of(const struct kernel *k, const struct prefix *prefix)
{
    return (struct kernel_route){.prefix = *prefix,
                                 .table = k->policy->announce_table,
                                 .metric = ANNOUNCE_METRIC,
                                 .protocol = k->policy->protocol,
                                 .type = RTN_UNREACHABLE};
}

struct reading {
    const struct kernel *kernel;
    struct kernel_announced *table;
    uint32_t stray_count;
    struct kernel_route strays[64]; /* a bound per turn; the next turn finds the rest */
};

static void note(void *user, const struct kernel_route *route)
{
    struct reading *r = user;
    const struct policy_of_routes *policy = r->kernel->policy;
    int index = policy_announcement(policy, &route->prefix);
    if (route->protocol != policy->protocol) {
        if (index >= 0)
            r->table->foreign[index] = true;
    } else if (index >= 0 && route->type == RTN_UNREACHABLE && route->metric == ANNOUNCE_METRIC &&
               route->tos == 0) {
        r->table->stands[index] = true;
    } else if (r->stray_count < sizeof(r->strays) / sizeof(r->strays[0])) {
        r->strays[r->stray_count++] = *route;
    }
}

int kernel_read_announced(struct kernel *k, struct kernel_announced *ret_table, bool remove_strays)
{
    struct kernel_announced table = {0};
    struct reading r = {.kernel = k, .table = &table};
    int status = kernel_dump_routes(k, AF_INET, k->policy->announce_table, note, &r);
    if (status == OK)
        status = kernel_dump_routes(k, AF_INET6, k->policy->announce_table, note, &r);
    for (uint32_t i = 0; status == OK && remove_strays && i < r.stray_count; i++) {
        /* Somebody may have been quicker; what is left shows at the next reading. */
        if (kernel_delete_route(k, &r.strays[i]) == ERR_PERMISSION)
            status = ERR_PERMISSION;
    }
    if (status == OK)
        *ret_table = table;
    return status;
}

int kernel_announce(struct kernel *k, const struct prefix *prefix, bool on)
{
    struct kernel_route route = route_of(k, prefix);
    return on ? kernel_create_route(k, &route) : kernel_delete_route(k, &route);
}
