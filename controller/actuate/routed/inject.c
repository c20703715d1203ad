/* inject.c: one transaction of nftables per request (libnftnl): the old table goes, the new one
 * comes, or nothing happens. */
#include "actuate/routed/inject.h"

#include <errno.h>
#include <libmnl/libmnl.h>
#include <libnftnl/chain.h>
#include <libnftnl/common.h>
#include <libnftnl/expr.h>
#include <libnftnl/rule.h>
#include <libnftnl/set.h>
#include <libnftnl/table.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <stdlib.h>
#include <string.h>

enum {
    BATCH_SIZE = 128 * 1024, /* holds the largest request */
    IFNAME_TYPE = 41,        /* how nft(8) shows the set's keys */
    HOOK_PRIORITY = -400,    /* before everything else, connection tracking included */
    CUT_SET_ID = 1,
};

struct injector {
    const struct policy_of_routes *policy;
    bool allowed;
    struct mnl_socket *socket;
    uint32_t sequence;
    uint8_t *room; /* BATCH_SIZE bytes and as many again, as libmnl wants it */
};

/* A transaction under construction. */
struct batch {
    struct injector *in;
    struct mnl_nlmsg_batch *messages;
    uint32_t expected; /* acknowledgements */
    bool failed;       /* no memory or no room: it must not be sent */
};

static struct nlmsghdr *begin(struct batch *b, uint16_t type, uint16_t flags)
{
    b->expected++;
    return nftnl_nlmsg_build_hdr(mnl_nlmsg_batch_current(b->messages), type, NFPROTO_INET,
                                 (uint16_t)(flags | NLM_F_ACK), b->in->sequence++);
}

static void end(struct batch *b)
{
    b->failed = b->failed || !mnl_nlmsg_batch_next(b->messages);
}

static void put_table(struct batch *b, uint16_t type, uint16_t flags)
{
    struct nftnl_table *t = nftnl_table_alloc();
    if (t == NULL || nftnl_table_set_str(t, NFTNL_TABLE_NAME, INJECT_TABLE) != 0)
        b->failed = true;
    if (!b->failed) {
        nftnl_table_set_u32(t, NFTNL_TABLE_FAMILY, NFPROTO_INET);
        nftnl_table_nlmsg_build_payload(begin(b, type, flags), t);
        end(b);
    }
    if (t != NULL)
        nftnl_table_free(t);
}

static void put_chain(struct batch *b, const char *name, uint32_t hook)
{
    struct nftnl_chain *c = nftnl_chain_alloc();
    if (c == NULL || nftnl_chain_set_str(c, NFTNL_CHAIN_TABLE, INJECT_TABLE) != 0 ||
        nftnl_chain_set_str(c, NFTNL_CHAIN_NAME, name) != 0 ||
        nftnl_chain_set_str(c, NFTNL_CHAIN_TYPE, "filter") != 0)
        b->failed = true;
    if (!b->failed) {
        nftnl_chain_set_u32(c, NFTNL_CHAIN_HOOKNUM, hook);
        nftnl_chain_set_s32(c, NFTNL_CHAIN_PRIO, HOOK_PRIORITY);
        nftnl_chain_nlmsg_build_payload(begin(b, NFT_MSG_NEWCHAIN, NLM_F_CREATE), c);
        end(b);
    }
    if (c != NULL)
        nftnl_chain_free(c);
}

static struct nftnl_expr *expression(struct batch *b, struct nftnl_rule *r, const char *name)
{
    struct nftnl_expr *e = nftnl_expr_alloc(name);
    if (e == NULL)
        b->failed = true;
    else
        nftnl_rule_add_expr(r, e); /* the rule owns it now */
    return e;
}

/* meta KEY @cut drop */
static void fill_rule(struct batch *b, struct nftnl_rule *r, uint32_t key)
{
    struct nftnl_expr *meta = expression(b, r, "meta");
    struct nftnl_expr *lookup = b->failed ? NULL : expression(b, r, "lookup");
    struct nftnl_expr *verdict = b->failed ? NULL : expression(b, r, "immediate");
    if (b->failed || nftnl_expr_set_str(lookup, NFTNL_EXPR_LOOKUP_SET, "cut") != 0) {
        b->failed = true;
        return;
    }
    nftnl_expr_set_u32(meta, NFTNL_EXPR_META_KEY, key);
    nftnl_expr_set_u32(meta, NFTNL_EXPR_META_DREG, NFT_REG_1);
    nftnl_expr_set_u32(lookup, NFTNL_EXPR_LOOKUP_SREG, NFT_REG_1);
    nftnl_expr_set_u32(lookup, NFTNL_EXPR_LOOKUP_SET_ID, CUT_SET_ID);
    nftnl_expr_set_u32(verdict, NFTNL_EXPR_IMM_DREG, NFT_REG_VERDICT);
    nftnl_expr_set_u32(verdict, NFTNL_EXPR_IMM_VERDICT, NF_DROP);
}

static void put_rule(struct batch *b, const char *chain, uint32_t key)
{
    struct nftnl_rule *r = nftnl_rule_alloc();
    if (r == NULL || nftnl_rule_set_str(r, NFTNL_RULE_TABLE, INJECT_TABLE) != 0 ||
        nftnl_rule_set_str(r, NFTNL_RULE_CHAIN, chain) != 0)
        b->failed = true;
    if (!b->failed)
        fill_rule(b, r, key);
    if (!b->failed) {
        nftnl_rule_set_u32(r, NFTNL_RULE_FAMILY, NFPROTO_INET);
        nftnl_rule_nlmsg_build_payload(begin(b, NFT_MSG_NEWRULE, NLM_F_CREATE | NLM_F_APPEND), r);
        end(b);
    }
    if (r != NULL)
        nftnl_rule_free(r);
}

static void add_element(struct batch *b, struct nftnl_set *s, const char *interface,
                        uint32_t for_ms)
{
    struct nftnl_set_elem *e = nftnl_set_elem_alloc();
    if (e == NULL || nftnl_set_elem_set(e, NFTNL_SET_ELEM_KEY, interface, FLEET_IFNAME_SIZE) != 0) {
        b->failed = true;
        if (e != NULL)
            nftnl_set_elem_free(e);
        return;
    }
    nftnl_set_elem_set_u64(e, NFTNL_SET_ELEM_TIMEOUT, for_ms);
    nftnl_set_elem_add(s, e); /* the set owns it now */
}

/* The set itself, then its elements: both messages come from the same object. */
static void put_set(struct batch *b, const struct inject_request *r)
{
    struct nftnl_set *s = nftnl_set_alloc();
    if (s == NULL || nftnl_set_set_str(s, NFTNL_SET_TABLE, INJECT_TABLE) != 0 ||
        nftnl_set_set_str(s, NFTNL_SET_NAME, "cut") != 0)
        b->failed = true;
    if (!b->failed) {
        nftnl_set_set_u32(s, NFTNL_SET_FAMILY, NFPROTO_INET);
        nftnl_set_set_u32(s, NFTNL_SET_FLAGS, NFT_SET_TIMEOUT);
        nftnl_set_set_u32(s, NFTNL_SET_KEY_TYPE, IFNAME_TYPE);
        nftnl_set_set_u32(s, NFTNL_SET_KEY_LEN, FLEET_IFNAME_SIZE);
        nftnl_set_set_u32(s, NFTNL_SET_ID, CUT_SET_ID);
        nftnl_set_nlmsg_build_payload(begin(b, NFT_MSG_NEWSET, NLM_F_CREATE), s);
        end(b);
    }
    for (uint32_t i = 0; !b->failed && i < r->count; i++)
        add_element(b, s, r->interfaces[i], r->for_ms);
    if (!b->failed) {
        nftnl_set_elems_nlmsg_build_payload(begin(b, NFT_MSG_NEWSETELEM, NLM_F_CREATE), s);
        end(b);
    }
    if (s != NULL)
        nftnl_set_free(s);
}

/* Reads until every message was acknowledged or one was refused. */
static int hear(struct injector *in, uint32_t expected)
{
    char bytes[8192];
    while (expected > 0) {
        ssize_t n = mnl_socket_recvfrom(in->socket, bytes, sizeof(bytes));
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return ERR_IO;
        int left = (int)n;
        for (const struct nlmsghdr *m = (const struct nlmsghdr *)(const void *)bytes;
             mnl_nlmsg_ok(m, left); m = mnl_nlmsg_next(m, &left)) {
            const struct nlmsgerr *e = mnl_nlmsg_get_payload(m);
            if (m->nlmsg_type == NLMSG_ERROR && e->error != 0)
                return e->error == -EPERM ? ERR_PERMISSION : ERR_IO;
            expected -= m->nlmsg_type == NLMSG_ERROR && expected > 0 ? 1 : 0;
        }
    }
    return OK;
}

static int commit(struct batch *b)
{
    nftnl_batch_end(mnl_nlmsg_batch_current(b->messages), b->in->sequence++);
    end(b);
    if (b->failed)
        return ERR_FULL;
    ssize_t sent = mnl_socket_sendto(b->in->socket, mnl_nlmsg_batch_head(b->messages),
                                     mnl_nlmsg_batch_size(b->messages));
    return sent < 0 ? ERR_IO : hear(b->in, b->expected);
}

/* Brings the table to the request; one without interfaces or time removes it. */
static int inject(struct injector *in, const struct inject_request *r)
{
    struct batch b = {.in = in, .messages = mnl_nlmsg_batch_start(in->room, BATCH_SIZE)};
    if (b.messages == NULL)
        return ERR_MEMORY;
    nftnl_batch_begin(mnl_nlmsg_batch_current(b.messages), in->sequence++);
    end(&b);
    put_table(&b, NFT_MSG_NEWTABLE, NLM_F_CREATE); /* so that there is one to delete */
    put_table(&b, NFT_MSG_DELTABLE, 0);
    if (r->count > 0 && r->for_ms > 0) {
        put_table(&b, NFT_MSG_NEWTABLE, NLM_F_CREATE);
        put_set(&b, r);
        put_chain(&b, "arriving", NF_INET_PRE_ROUTING);
        put_chain(&b, "leaving", NF_INET_POST_ROUTING);
        put_rule(&b, "arriving", NFT_META_IIFNAME);
        put_rule(&b, "leaving", NFT_META_OIFNAME);
    }
    int status = commit(&b);
    mnl_nlmsg_batch_stop(b.messages);
    return status;
}

static int open_socket(struct injector *in)
{
    in->room = malloc((size_t)2 * BATCH_SIZE);
    in->socket = mnl_socket_open2(NETLINK_NETFILTER, SOCK_CLOEXEC);
    if (in->room == NULL || in->socket == NULL)
        return ERR_MEMORY;
    return mnl_socket_bind(in->socket, 0, MNL_SOCKET_AUTOPID) == 0 ? OK : ERR_IO;
}

int injector_new(const struct policy_of_routes *policy, bool allowed,
                 struct injector **ret_injector)
{
    struct injector *in = calloc(1, sizeof(*in));
    if (in == NULL)
        return ERR_MEMORY;
    in->policy = policy;
    in->allowed = allowed;
    const struct inject_request nothing = {0};
    int status = allowed ? open_socket(in) : OK;
    if (status == OK && allowed)
        status = inject(in, &nothing);
    if (status != OK) {
        in->allowed = false;
        injector_free(in);
        return status;
    }
    *ret_injector = in;
    return OK;
}

void injector_free(struct injector *in)
{
    if (in == NULL)
        return;
    const struct inject_request nothing = {0};
    /* When it fails the timeouts in the kernel still end it. */
    int status = in->allowed ? inject(in, &nothing) : OK;
    (void)status;
    if (in->socket != NULL)
        mnl_socket_close(in->socket);
    free(in->room);
    free(in);
}

static int serve(struct injector *in, const struct inject_request *r, struct route_reply *reply)
{
    if (!in->allowed && (r->count == 0 || r->for_ms == 0))
        return OK; /* nothing was ever injected here */
    if (!in->allowed) {
        snprintf(reply->detail, sizeof(reply->detail),
                 "drills may not strike this host: spillway-routed runs without --drills");
        return ERR_GUARD;
    }
    for (uint32_t i = 0; i < r->count; i++) {
        if (!policy_interface(in->policy, r->interfaces[i])) {
            snprintf(reply->detail, sizeof(reply->detail),
                     "interface %u of the request belongs to no link of the helper's fleet file",
                     i + 1);
            return ERR_GUARD;
        }
    }
    return inject(in, r);
}

bool injector_serve(struct injector *in, const uint8_t *bytes, size_t size,
                    struct route_reply *ret_reply)
{
    struct inject_request request;
    struct route_reply reply = {0};
    memset(&request, 0, sizeof(request));
    struct codec reader = codec_reader(bytes, size, NULL);
    inject_request_codec(&reader, &request);
    if (codec_finish(&reader) != OK)
        return false;
    reply.id = request.id;
    reply.status = serve(in, &request, &reply);
    *ret_reply = reply;
    return true;
}
