/* eras.c: reads the fences that stand in DNS and in the feature file, before a log begins. */
#include "cli/eras.h"

#include "actuate/fence_text.h"

#include <ares.h>
#include <arpa/inet.h>
#include <arpa/nameser.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <sys/select.h>
#include <time.h>

enum { ASK_TIMEOUT_MS = 1000, ASK_TRIES = 3 };

struct answer_era {
    bool answered;
    uint64_t era; /* 0: no fence there */
};

static uint64_t era_of_text(const char *text, size_t len)
{
    struct fence f;
    return fence_text_parse(text, len, &f) == OK ? f.era : 0;
}

static void take_answer(void *user, int status, int timeouts, unsigned char *answer, int len)
{
    struct answer_era *a = user;
    struct ares_txt_reply *first = NULL;
    (void)timeouts;
    a->answered = status == ARES_SUCCESS || status == ARES_ENODATA || status == ARES_ENOTFOUND;
    if (status != ARES_SUCCESS || ares_parse_txt_reply(answer, len, &first) != ARES_SUCCESS) {
        return;
    }
    for (const struct ares_txt_reply *t = first; t != NULL; t = t->next) {
        uint64_t era = era_of_text((const char *)t->txt, t->length);
        a->era = era > a->era ? era : a->era;
    }
    ares_free_data(first);
}

/* Runs the channel until nothing is open; each question ends by itself, by its timeout. */
static void wait_for(ares_channel channel)
{
    for (;;) {
        fd_set readable, writable;
        struct timeval most = {.tv_sec = 1}, next;
        FD_ZERO(&readable);
        FD_ZERO(&writable);
        int n = ares_fds(channel, &readable, &writable);
        if (n == 0) {
            return;
        }
        (void)select(n, &readable, &writable, NULL, ares_timeout(channel, &most, &next));
        ares_process(channel, &readable, &writable);
    }
}

static int ask(const struct fleet *f, const struct dns_server *server, struct answer_era *ret)
{
    struct ares_options options = {.timeout = ASK_TIMEOUT_MS, .tries = ASK_TRIES};
    struct ares_addr_port_node node = {.udp_port = server->port, .tcp_port = server->port};
    char name[FLEET_DNS_NAME_SIZE + 8];
    ares_channel channel;
    if (ares_init_options(&channel, &options, ARES_OPT_TIMEOUTMS | ARES_OPT_TRIES) !=
        ARES_SUCCESS) {
        return ERR_MEMORY;
    }
    node.family = server->address.family == 6 ? AF_INET6 : AF_INET;
    memcpy(&node.addr, server->address.bytes, server->address.family == 6 ? 16 : 4);
    int status = ares_set_servers_ports(channel, &node) == ARES_SUCCESS ? OK : ERR_MEMORY;
    if (status == OK) {
        (void)snprintf(name, sizeof name, "_fence.%s", f->zone);
        ares_query(channel, name, ns_c_in, ns_t_txt, take_answer, ret);
        wait_for(channel);
    }
    ares_destroy(channel);
    return status;
}

/* The string metadata.fence of a flagd file; whatever cannot be read is no fence. */
static uint64_t era_of_features(const char *path)
{
    json_t *root = path[0] != '\0' ? json_load_file(path, 0, NULL) : NULL;
    const char *text =
        json_string_value(json_object_get(json_object_get(root, "metadata"), "fence"));
    uint64_t era = text != NULL ? era_of_text(text, strlen(text)) : 0;
    json_decref(root);
    return era;
}

int eras_highest(const struct cli *c, const struct fleet *f, uint64_t *ret_era)
{
    uint64_t highest = era_of_features(c->settings.feature_file);
    if (ares_library_init(ARES_LIB_INIT_ALL) != ARES_SUCCESS) {
        return ERR_MEMORY;
    }
    int status = OK;
    for (uint16_t i = 0; i < f->dns_server_count && status == OK; i++) {
        struct answer_era a = {0};
        status = ask(f, &f->dns_servers[i], &a);
        highest = a.era > highest ? a.era : highest;
        if (status == OK && !a.answered) {
            fprintf(c->err, "spillway: %s does not answer: the era of its fence is not known\n",
                    f->dns_servers[i].name);
        }
    }
    ares_library_cleanup();
    if (status == OK) {
        *ret_era = highest;
    }
    return status;
}
