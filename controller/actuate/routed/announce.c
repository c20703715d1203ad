/* announce.c: wanted announcements against the routes of their table. */
#include "actuate/routed/announce.h"

#include <stdlib.h>

enum wish { WISH_NONE, WISH_WITHDRAW, WISH_ANNOUNCE };

struct announcer {
    const struct policy_of_routes *policy;
    struct kernel *kernel;
    bool asked; /* a request was accepted since the start */
    struct kernel_announced table;
    enum wish wishes[ROUTE_MAX_ANNOUNCED]; /* by the policy's prefixes */
};

int announcer_new(const struct policy_of_routes *policy, struct kernel *kernel,
                  struct announcer **ret_announcer)
{
    struct announcer *a = calloc(1, sizeof(*a));
    if (a == NULL)
        return ERR_MEMORY;
    a->policy = policy;
    a->kernel = kernel;
    *ret_announcer = a;
    return OK;
}

void announcer_free(struct announcer *a)
{
    free(a);
}

int announcer_foreign(const struct announcer *a, const struct route_request *r)
{
    for (uint32_t i = 0; i < r->announcement_count; i++) {
        if (policy_announcement(a->policy, &r->announcements[i].prefix) < 0)
            return (int)i;
    }
    return -1;
}

void announcer_want(struct announcer *a, const struct route_request *r)
{
    a->asked = true;
    for (uint32_t i = 0; i < r->announcement_count; i++) {
        int index = policy_announcement(a->policy, &r->announcements[i].prefix);
        if (index >= 0)
            a->wishes[index] = r->announcements[i].on ? WISH_ANNOUNCE : WISH_WITHDRAW;
    }
}

/* Brings the prefixes of one wish to it. */
static int bring(struct announcer *a, enum wish wish, uint32_t *steps)
{
    int status = OK;
    for (uint32_t i = 0; i < a->policy->announced_count; i++) {
        bool on = wish == WISH_ANNOUNCE;
        if (a->wishes[i] != wish || a->table.stands[i] == on)
            continue;
        int one = kernel_announce(a->kernel, &a->policy->announced[i], on);
        status = status == OK ? one : status;
        (*steps)++;
    }
    return status;
}

int announcer_bring(struct announcer *a, uint32_t *ret_steps)
{
    uint32_t steps = 0;
    int status = kernel_read_announced(a->kernel, &a->table, a->asked);
    if (status != OK)
        return status;
    status = bring(a, WISH_ANNOUNCE, &steps);
    int second = bring(a, WISH_WITHDRAW, &steps);
    status = status == OK ? second : status;
    for (uint32_t i = 0; i < a->policy->announced_count; i++) {
        if (status == OK && a->wishes[i] == WISH_WITHDRAW && a->table.foreign[i])
            status = ERR_UNAVAILABLE;
    }
    *ret_steps = steps;
    return status;
}
