/* kernel_rule.c: the one routing rule per family that leads to our table. */
#include "actuate/routed/kernel_private.h"

#include <netlink/attr.h>
#include <string.h>

struct rules {
    uint32_t table;
    uint8_t protocol;
    bool present; /* a rule without selectors leads to our table, whoever made it */
    bool ours;    /* ... with our protocol */
};

static int on_rule(struct nl_msg *message, void *arg)
{
    struct rules *r = arg;
    struct nlattr *attributes[FRA_MAX + 1];
    struct nlmsghdr *header = nlmsg_hdr(message);
    if (header->nlmsg_type != RTM_NEWRULE ||
        nlmsg_parse(header, sizeof(struct fib_rule_hdr), attributes, FRA_MAX, NULL) < 0)
        return NL_OK;
    const struct fib_rule_hdr *rule = nlmsg_data(header);
    uint32_t table =
        attributes[FRA_TABLE] != NULL ? nla_get_u32(attributes[FRA_TABLE]) : rule->table;
    bool plain = rule->src_len == 0 && rule->dst_len == 0 && rule->tos == 0 &&
                 attributes[FRA_IIFNAME] == NULL && attributes[FRA_OIFNAME] == NULL &&
                 attributes[FRA_FWMARK] == NULL && (rule->flags & FIB_RULE_INVERT) == 0;
    if (table != r->table || rule->action != FR_ACT_TO_TBL || !plain)
        return NL_OK;
    r->present = true;
    if (attributes[FRA_PROTOCOL] != NULL && nla_get_u8(attributes[FRA_PROTOCOL]) == r->protocol)
        r->ours = true;
    return NL_OK;
}

static int read_rules(struct kernel *k, int family, struct rules *ret_rules)
{
    struct rules r = {.table = k->policy->table, .protocol = k->policy->protocol};
    struct fib_rule_hdr request = {.family = (unsigned char)family};
    int e = nl_send_simple(k->command, RTM_GETRULE, NLM_F_DUMP, &request, sizeof(request));
    if (e < 0)
        return kernel_error(e);
    nl_socket_modify_cb(k->command, NL_CB_VALID, NL_CB_CUSTOM, on_rule, &r);
    e = nl_recvmsgs_default(k->command);
    nl_socket_modify_cb(k->command, NL_CB_VALID, NL_CB_DEFAULT, NULL, NULL);
    if (e < 0)
        return kernel_error(e);
    *ret_rules = r;
    return OK;
}

static int change_rule(struct kernel *k, int family, int type)
{
    int flags = type == RTM_NEWRULE ? NLM_F_CREATE | NLM_F_EXCL | NLM_F_ACK : NLM_F_ACK;
    struct nl_msg *message = nlmsg_alloc_simple(type, flags);
    if (message == NULL)
        return ERR_MEMORY;
    struct fib_rule_hdr rule = {.family = (unsigned char)family, .action = FR_ACT_TO_TBL};
    int e = nlmsg_append(message, &rule, sizeof(rule), NLMSG_ALIGNTO);
    if (e == 0)
        e = nla_put_u32(message, FRA_TABLE, k->policy->table);
    if (e == 0)
        e = nla_put_u32(message, FRA_PRIORITY, RULE_PRIORITY);
    if (e == 0)
        e = nla_put_u8(message, FRA_PROTOCOL, k->policy->protocol);
    if (e != 0) {
        nlmsg_free(message);
        return ERR_MEMORY;
    }
    return kernel_request(k, message);
}

static bool has_family(const struct policy_of_routes *policy, uint8_t family)
{
    for (uint32_t i = 0; i < policy->prefix_count; i++) {
        if (policy->prefixes[i].address.family == family)
            return true;
    }
    return false;
}

int kernel_ensure_rule(struct kernel *k)
{
    for (uint8_t family = 4; family <= 6; family += 2) {
        struct rules rules = {0};
        if (!has_family(k->policy, family))
            continue;
        int status = read_rules(k, kernel_family(family), &rules);
        if (status == OK && !rules.present)
            status = change_rule(k, kernel_family(family), RTM_NEWRULE);
        if (status != OK)
            return status;
    }
    return OK;
}

int kernel_flush_rules(struct kernel *k)
{
    for (uint8_t family = 4; family <= 6; family += 2) {
        struct rules rules = {0};
        int status = read_rules(k, kernel_family(family), &rules);
        if (status == OK && rules.ours)
            status = change_rule(k, kernel_family(family), RTM_DELRULE);
        if (status != OK)
            return status;
    }
    return OK;
}
