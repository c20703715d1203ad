/* eras.c: reads the fences that stand in DNS, in the feature file and at the route helper, before a
 * log begins. */
#include "cli/eras.h"

#include "actuate/fence_text.h"
#include "actuate/route_wire.h"

#include <ares.h>
#include <arpa/inet.h>
#include <arpa/nameser.h>
#include <jansson.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/select.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

enum { ASK_TIMEOUT_MS = 1000, ASK_TRIES = 3 };

struct answer_era {
    bool answered;
    struct fence fence; /* era 0: no fence there */
};

/* The greater of the two. */
static struct fence greater(const struct fence *a, const struct fence *b)
{
    bool first = a->era > b->era || (a->era == b->era && a->generation > b->generation);
    return first ? *a : *b;
}

static struct fence fence_of_text(const char *text, size_t len)
{
    struct fence f = {0};
    return fence_text_parse(text, len, &f) == OK ? f : (struct fence){0};
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
        struct fence fence = fence_of_text((const char *)t->txt, t->length);
        a->fence = greater(&fence, &a->fence);
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

/* The string metadata.fence of a flagd file; a file that is not there has none. */
static enum era_answer ask_features(const char *path, struct fence *ret_fence)
{
    if (path[0] == '\0') {
        return ERA_UNSET;
    }
    if (access(path, F_OK) != 0) {
        return ERA_NONE;
    }
    json_t *root = json_load_file(path, 0, NULL);
    const char *text =
        json_string_value(json_object_get(json_object_get(root, "metadata"), "fence"));
    *ret_fence = text != NULL ? fence_of_text(text, strlen(text)) : (struct fence){0};
    json_decref(root);
    return root == NULL ? ERA_UNREACHED : ret_fence->era > 0 ? ERA_FOUND : ERA_NONE;
}

static int connect_to(const char *path)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    if (strlen(path) >= sizeof address.sun_path) {
        return -1;
    }
    strcpy(address.sun_path, path);
    int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd >= 0 && connect(fd, (const struct sockaddr *)&address, sizeof address) != 0) {
        close(fd);
        return -1;
    }
    return fd;
}

/* The route helper serves one client: spillwayd, if it runs, loses its connection and makes it
 * anew.
 */
static enum era_answer ask_routes(const char *path, struct fence *ret_fence)
{
    uint8_t bytes[1024];
    struct route_reply reply = {0};
    uint64_t id = 1;
    if (path[0] == '\0') {
        return ERA_UNSET;
    }
    int fd = connect_to(path);
    if (fd < 0) {
        return ERA_UNREACHED;
    }
    struct codec w = codec_writer(bytes, sizeof bytes);
    route_ask_codec(&w, &id);
    struct pollfd p = {.fd = fd, .events = POLLIN};
    ssize_t n = send(fd, bytes, w.pos, MSG_NOSIGNAL);
    n = n == (ssize_t)w.pos && poll(&p, 1, ASK_TIMEOUT_MS) == 1 ? recv(fd, bytes, sizeof bytes, 0)
                                                                : -1;
    close(fd);
    struct codec r = codec_reader(bytes, n > 0 ? (size_t)n : 0, NULL);
    route_reply_codec(&r, &reply);
    if (codec_finish(&r) != OK || reply.id != id || reply.status != OK) {
        return ERA_UNREACHED;
    }
    *ret_fence = reply.found;
    return reply.found.era > 0 ? ERA_FOUND : ERA_NONE;
}

static void note(struct eras *e, const char *name, enum era_answer answer,
                 const struct fence *fence)
{
    struct era_place *at = &e->at[e->count++];
    *at = (struct era_place){.answer = answer, .era = fence->era, .generation = fence->generation};
    (void)snprintf(at->name, sizeof at->name, "%s", name);
    e->highest = fence->era > e->highest ? fence->era : e->highest;
}

int eras_ask(const struct cli *c, const struct fleet *f, struct eras *ret_eras)
{
    struct eras e = {.highest = 0};
    if (ares_library_init(ARES_LIB_INIT_ALL) != ARES_SUCCESS) {
        return ERR_MEMORY;
    }
    int status = OK;
    for (uint16_t i = 0; i < f->dns_server_count && status == OK; i++) {
        struct answer_era a = {0};
        status = ask(f, &f->dns_servers[i], &a);
        enum era_answer answer = a.fence.era > 0 ? ERA_FOUND
                                 : a.answered    ? ERA_NONE
                                                 : ERA_UNREACHED;
        note(&e, f->dns_servers[i].name, answer, &a.fence);
    }
    ares_library_cleanup();
    if (status != OK) {
        return status;
    }
    struct fence features = {0}, routes = {0};
    enum era_answer answer = ask_features(c->settings.feature_file, &features);
    note(&e, "features here", answer, &features);
    answer = ask_routes(c->settings.route_helper_socket, &routes);
    note(&e, "routes here", answer, &routes);
    *ret_eras = e;
    return OK;
}

static const char *answer_text(enum era_answer a)
{
    switch (a) {
    case ERA_NONE: return "no fence";
    case ERA_FOUND: return "era";
    case ERA_UNREACHED: return "NOT REACHED";
    case ERA_UNSET: return "not in the settings of this host";
    }
    return "";
}

void eras_print(const struct eras *e, uint64_t next, FILE *out)
{
    uint32_t unreached = 0;
    fprintf(out, "Fences asked for:");
    for (uint32_t i = 0; i < e->count; i++) {
        const struct era_place *at = &e->at[i];
        fprintf(out, "%s %s: %s", i == 0 ? "" : ",", at->name, answer_text(at->answer));
        if (at->answer == ERA_FOUND) {
            fprintf(out, " %llu", (unsigned long long)at->era);
        }
        unreached += at->answer == ERA_UNREACHED ? 1 : 0;
    }
    fprintf(out,
            ".\nThe new log takes era %llu. Features and routes of other hosts cannot be asked "
            "from here%s.\n",
            (unsigned long long)next,
            unreached == 0 ? ""
                           : "; a newer fence at what was not reached will refuse the plan there");
}
