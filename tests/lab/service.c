/* service.c: the services of one IDC: answers its features over HTTP and has no more capacity than
 * the fleet says.
 *
 * Every feature of a service is a path (/login, /feed, ...) with its cost in capacity units. A
 * token bucket per service holds what the IDC can do; a request that finds it empty gets 503 with a
 * body that names capacity, whatever its tier: the service does not know priorities, protecting the
 * core is the planner's task. A feature that the feature file (flagd's format) sets to off is
 * answered as demoted, at no cost. The controls file, read each second, may have a share of a
 * service's requests fail: {"errors_percent": {"web": 20}}. */
#include "service_load.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/inotify.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <unistd.h>

enum { MAX_CONNECTIONS = 2048, MAX_REQUEST = 2048, IDLE_US = 5000000, BACKLOG = 512 };

struct feature {
    const char *name;
    double cost; /* capacity units of one request */
    bool counts; /* the first of the core: one visit of a user, which the fleet calls a request */
    bool demoted;
};

struct service {
    const char *name;
    const char *health; /* path of the health check */
    double rate;        /* capacity units per second */
    double tokens;      /* units left, at most burst */
    double burst;
    int64_t filled_us;
    size_t feature_count;
    struct feature *features;
    double units; /* of this second, for the statistics line */
    unsigned served, refused, demoted, failed;
    double errors_percent, errors_due; /* by the controls file; what is left of a whole error */
    struct service_load load;
};

enum source_kind { SOURCE_LISTENER, SOURCE_CONNECTION, SOURCE_FEATURES, SOURCE_SECOND };

struct source {
    enum source_kind kind;
    int fd; /* -1: a free connection */
    struct service *service;
    int64_t since_us;
    size_t used;
    char request[MAX_REQUEST];
};

struct program {
    int epoll;
    const char *idc;
    const char *features_path, *controls_path;
    size_t service_count;
    struct service *services;
    struct source
        *connections; /* [MAX_CONNECTIONS]; when all are taken, newcomers are closed at once */
};

static void watch_fd(const struct program *p, struct source *source)
{
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = source};
    if (epoll_ctl(p->epoll, EPOLL_CTL_ADD, source->fd, &event) != 0) {
        lab_fail("epoll: %s", strerror(errno));
    }
}

static void features_read(struct program *p)
{
    char off[8192];
    if (!lab_features_off(p->features_path, off, sizeof(off))) {
        return; /* no file yet, or half a file: what was known stays */
    }
    for (size_t s = 0; s < p->service_count; s++) {
        for (size_t i = 0; i < p->services[s].feature_count; i++) {
            char full[256];
            struct feature *f = &p->services[s].features[i];
            int n = snprintf(full, sizeof(full), "%s.%s", p->services[s].name, f->name);
            const char *at = off;
            f->demoted = false;
            while ((at = strstr(at, full)) != NULL) {
                bool begins = at == off || at[-1] == ',';
                f->demoted |= begins && (at[n] == ',' || at[n] == '\0');
                at += n;
            }
        }
    }
}

/* Takes cost units when they are there. */
static bool bucket_take(struct service *s, double cost)
{
    int64_t now = lab_now_us();
    s->tokens += s->rate * (double)(now - s->filled_us) / 1e6;
    s->tokens = s->tokens > s->burst ? s->burst : s->tokens;
    s->filled_us = now;
    if (s->tokens < cost) {
        return false;
    }
    s->tokens -= cost;
    s->units += cost;
    return true;
}

static void reply(int fd, const char *status, const char *body)
{
    char head[256];
    int n = snprintf(head, sizeof(head),
                     "HTTP/1.1 %s\r\nContent-Type: application/json\r\nContent-Length: %zu\r\n"
                     "Connection: close\r\n\r\n",
                     status, strlen(body));
    /* A short answer to a fresh socket always fits its buffer; a reset peer is the peer's matter.
     */
    (void)!send(fd, head, (size_t)n, MSG_NOSIGNAL | MSG_DONTWAIT | MSG_MORE);
    (void)!send(fd, body, strlen(body), MSG_NOSIGNAL | MSG_DONTWAIT);
}

/* Every so many-th request fails, exactly by the share. */
static bool error_due(struct service *s)
{
    s->errors_due += s->errors_percent / 100;
    if (s->errors_due < 1) {
        return false;
    }
    s->errors_due -= 1;
    return true;
}

/* True when the request did not fail. */
static bool answer_feature(const struct program *p, int fd, struct service *s,
                           const struct feature *f)
{
    char body[256];
    if (error_due(s)) {
        s->failed++;
        reply(fd, "500 Internal Server Error", "{\"error\":\"by the controls\"}\n");
        return false;
    }
    if (f->demoted) {
        s->demoted++;
        reply(fd, "200 OK", "{\"demoted\":true}\n");
        return true;
    }
    if (bucket_take(s, f->cost)) {
        s->served++;
        snprintf(body, sizeof(body), "{\"idc\":\"%s\",\"feature\":\"%s\"}\n", p->idc, f->name);
        reply(fd, "200 OK", body);
        return true;
    }
    s->refused++;
    snprintf(body, sizeof(body), "{\"refused\":\"capacity\",\"idc\":\"%s\"}\n", p->idc);
    reply(fd, "503 Service Unavailable", body);
    return false;
}

static void answer(const struct program *p, int fd, struct service *s, const char *path)
{
    struct sockaddr_in peer = {0};
    socklen_t size = sizeof(peer);
    if (strcmp(path, s->health) == 0) {
        reply(fd, "200 OK", "{\"health\":\"ok\"}\n");
        return;
    }
    if (s->load.path != NULL && strcmp(path, s->load.path) == 0) {
        static char page[LOAD_PAGE_SIZE];
        service_load_page(&s->load, page);
        reply(fd, "200 OK", page);
        return;
    }
    for (size_t i = 0; i < s->feature_count; i++) {
        if (strcmp(path + 1, s->features[i].name) == 0) {
            bool good = answer_feature(p, fd, s, &s->features[i]);
            if (s->features[i].counts && getpeername(fd, (struct sockaddr *)&peer, &size) == 0) {
                service_load_count(&s->load, peer.sin_addr, !good);
            }
            return;
        }
    }
    reply(fd, "404 Not Found", "{\"refused\":\"no such feature\"}\n");
}

static void connection_end(struct source *c)
{
    close(c->fd);
    c->fd = -1;
}

static void connection_read(const struct program *p, struct source *c)
{
    ssize_t n = recv(c->fd, c->request + c->used, MAX_REQUEST - 1 - c->used, MSG_DONTWAIT);
    if (n < 0 && (errno == EAGAIN || errno == EINTR)) {
        return;
    }
    if (n <= 0) {
        connection_end(c);
        return;
    }
    c->used += (size_t)n;
    c->request[c->used] = '\0';
    if (strstr(c->request, "\r\n\r\n") == NULL) {
        if (c->used == MAX_REQUEST - 1) {
            connection_end(c);
        }
        return;
    }
    char path[256];
    if (sscanf(c->request, "GET %255s", path) == 1 && path[0] == '/') {
        answer(p, c->fd, c->service, path);
    } else {
        reply(c->fd, "400 Bad Request", "{\"refused\":\"not a GET\"}\n");
    }
    connection_end(c);
}

static void listener_accept(const struct program *p, const struct source *listener)
{
    int fd;
    while ((fd = accept4(listener->fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK)) >= 0) {
        struct source *c = NULL;
        for (size_t i = 0; i < MAX_CONNECTIONS && c == NULL; i++) {
            c = p->connections[i].fd < 0 ? &p->connections[i] : NULL;
        }
        if (c == NULL) {
            close(fd);
            continue;
        }
        c->fd = fd;
        c->service = listener->service;
        c->since_us = lab_now_us();
        c->used = 0;
        watch_fd(p, c);
    }
}

static void second(struct program *p, const struct source *timer)
{
    uint64_t ticks;
    if (read(timer->fd, &ticks, sizeof(ticks)) != sizeof(ticks)) {
        return;
    }
    int64_t now = lab_now_us();
    for (size_t i = 0; i < MAX_CONNECTIONS; i++) {
        if (p->connections[i].fd >= 0 && now - p->connections[i].since_us > IDLE_US) {
            connection_end(&p->connections[i]);
        }
    }
    for (size_t i = 0; i < p->service_count; i++) {
        struct service *s = &p->services[i];
        printf("{\"t\":%jd,\"idc\":\"%s\",\"service\":\"%s\",\"served\":%u,\"demoted\":%u,"
               "\"refused\":%u,\"failed\":%u,"
               "\"units\":%.1f,\"capacity\":%.1f}\n",
               (intmax_t)now, p->idc, s->name, s->served, s->demoted, s->refused, s->failed,
               s->units, s->rate);
        service_load_second(&s->load, s->units, s->rate);
        s->served = s->demoted = s->refused = s->failed = 0;
        s->units = 0;
        s->errors_percent = lab_control(p->controls_path, "errors_percent", s->name, 0);
    }
    features_read(p); /* inotify tells of changes at once; this only mends a missed one */
}

static void listen_on(const struct program *p, struct service *s, const char *address,
                      uint16_t port)
{
    struct sockaddr_in at = lab_address(address, port);
    int one = 1;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one)) != 0 ||
        bind(fd, (struct sockaddr *)&at, sizeof(at)) != 0 || listen(fd, BACKLOG) != 0) {
        lab_fail("%s port %u: %s", address, port, strerror(errno));
    }
    struct source *listener = lab_alloc(1, sizeof(*listener));
    *listener = (struct source){.kind = SOURCE_LISTENER, .fd = fd, .service = s};
    watch_fd(p, listener);
}

static void service_load(const struct program *p, struct service *s, const json_t *settings)
{
    json_t *features = lab_array(settings, "features"), *listens = lab_array(settings, "listen"),
           *item;
    size_t i;
    *s = (struct service){.name = lab_string(settings, "name"),
                          .health = lab_string(settings, "health"),
                          .rate = lab_number(settings, "capacity"),
                          .burst = lab_number(settings, "burst"),
                          .filled_us = lab_now_us(),
                          .feature_count = json_array_size(features)};
    s->tokens = s->burst;
    if (json_object_get(settings, "load") != NULL) {
        service_load_init(&s->load, json_object_get(settings, "load"));
    }
    s->features = lab_alloc(s->feature_count, sizeof(*s->features));
    json_array_foreach(features, i, item)
    {
        s->features[i] = (struct feature){.name = lab_string(item, "name"),
                                          .cost = lab_number(item, "cost"),
                                          .counts = json_is_true(json_object_get(item, "counts"))};
    }
    json_array_foreach(listens, i, item)
    {
        listen_on(p, s, lab_string(item, "address"), (uint16_t)lab_integer(item, "port"));
    }
}

static void program_load(struct program *p, const json_t *settings)
{
    json_t *services = lab_array(settings, "services"), *item;
    size_t i;
    p->epoll = epoll_create1(EPOLL_CLOEXEC);
    p->idc = lab_string(settings, "idc");
    p->features_path = lab_string(settings, "features_file");
    p->controls_path = lab_string(settings, "controls_file");
    p->service_count = json_array_size(services);
    p->services = lab_alloc(p->service_count, sizeof(*p->services));
    p->connections = lab_alloc(MAX_CONNECTIONS, sizeof(*p->connections));
    for (i = 0; i < MAX_CONNECTIONS; i++) {
        p->connections[i].kind = SOURCE_CONNECTION;
        p->connections[i].fd = -1;
    }
    json_array_foreach(services, i, item)
    {
        service_load(p, &p->services[i], item);
    }
}

static void watch_second(const struct program *p, struct source *timer)
{
    struct itimerspec each = {.it_interval.tv_sec = 1, .it_value.tv_sec = 1};
    *timer = (struct source){.kind = SOURCE_SECOND,
                             .fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK)};
    if (timer->fd < 0 || timerfd_settime(timer->fd, 0, &each, NULL) != 0) {
        lab_fail("timer: %s", strerror(errno));
    }
    watch_fd(p, timer);
}

static void watch_features(struct program *p, const json_t *settings, struct source *changes)
{
    *changes =
        (struct source){.kind = SOURCE_FEATURES, .fd = inotify_init1(IN_CLOEXEC | IN_NONBLOCK)};
    const char *folder = lab_string(settings, "features_folder");
    if (inotify_add_watch(changes->fd, folder, IN_MOVED_TO | IN_CLOSE_WRITE) < 0) {
        lab_fail("%s: %s", folder, strerror(errno));
    }
    watch_fd(p, changes);
    features_read(p);
}

static void dispatch(struct program *p, struct source *source)
{
    char drained[4096];
    switch (source->kind) {
    case SOURCE_LISTENER: listener_accept(p, source); break;
    case SOURCE_CONNECTION:
        if (source->fd >= 0) {
            connection_read(p, source);
        }
        break;
    case SOURCE_FEATURES:
        while (read(source->fd, drained, sizeof(drained)) > 0) {
        }
        features_read(p);
        break;
    case SOURCE_SECOND: second(p, source); break;
    }
}

int main(int argc, char **argv)
{
    json_t *settings =
        lab_settings(argc, argv, "Serves the features of one IDC; a JSON line each second.");
    struct program p = {0};
    struct source timer, changes;
    program_load(&p, settings);
    watch_second(&p, &timer);
    watch_features(&p, settings, &changes);
    for (;;) {
        struct epoll_event events[64];
        int n = epoll_wait(p.epoll, events, 64, -1);
        for (int i = 0; i < n; i++) {
            dispatch(&p, events[i].data.ptr);
        }
    }
}
