/* client.c: the users of one view: a closed loop of visits, each a login and then the service's
 * other features.
 *
 * A user resolves the front name through the view's caching resolver, obeys the TTL, connects anew
 * for every request, never retries, and starts the next visit one period after the last or as soon
 * as it is done, whichever is later. So the load is the demand, and a dead address hurts exactly as
 * it would. The controls file, read each second, may multiply the rate: {"factor": 3}. */
#include "client_stats.h"
#include "dns.h"
#include "lab.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
    STEP_MS = 4,
    MAX_REPLY = 1024,
    MAX_EVENTS = 64,
    QUERY_AGAIN_US = 400000,
    FAILURE_LINES = 100
};

/* One service under its front name, with the cached answer. */
struct front {
    const char *service, *name;
    uint16_t port;
    int resolver; /* connected UDP socket */
    uint16_t query_id;
    int64_t queried_us;       /* 0: no query under way */
    int64_t expires_us;       /* of the answer */
    struct dns_answer answer; /* count 0: none */
    size_t turn;              /* round robin over the addresses */
    size_t feature_count;
    struct stats *features;
};

enum user_state { USER_RESTS, USER_RESOLVES, USER_CONNECTS, USER_READS };

struct user {
    struct front *front;
    enum user_state state;
    int fd;
    int64_t period_us, due_us; /* of the next visit */
    int64_t began_us;          /* of the request under way */
    size_t feature;
    uint32_t address; /* of this visit, host order */
    size_t used;
    char reply[MAX_REPLY];
};

struct program {
    int epoll;
    int64_t timeout_us;
    const char *controls_path;
    double factor;       /* of the rate */
    int64_t controls_us; /* when it was read */
    struct sockaddr_in resolver;
    size_t front_count, user_count;
    struct front *fronts;
    struct user *users;
    int64_t failure_second; /* failures are printed one by one, so many a second at most */
    unsigned failure_lines;
};

static void request_begin(struct program *p, struct user *u, int64_t now);

static void print_failure(struct program *p, const struct user *u, int64_t now, enum outcome o)
{
    p->failure_lines = p->failure_second == now / 1000000 ? p->failure_lines + 1 : 0;
    p->failure_second = now / 1000000;
    if (p->failure_lines >= FAILURE_LINES) {
        return;
    }
    struct in_addr address = {htonl(u->address)};
    const struct stats *s = &u->front->features[u->feature];
    printf("{\"t\":%jd,\"view\":\"%s\",\"service\":\"%s\",\"feature\":\"%s\",\"tier\":%u,"
           "\"failure\":\"%s\","
           "\"address\":\"%s\",\"after_us\":%jd}\n",
           (intmax_t)u->began_us, s->view, s->service, s->feature, s->tier, outcome_name(o),
           inet_ntoa(address), (intmax_t)(now - u->began_us));
}

/* Counts the request; goes on with the visit, or ends it when its core failed or it was the last
 * feature. */
static void request_end(struct program *p, struct user *u, enum outcome o)
{
    int64_t now = lab_now_us();
    if (u->fd >= 0) {
        close(u->fd);
        u->fd = -1;
    }
    u->state = USER_RESTS;
    stats_add(&u->front->features[u->feature], u->began_us, now, o);
    bool good = o == OUTCOME_OK || o == OUTCOME_DEMOTED;
    if (!good) {
        print_failure(p, u, now, o);
    }
    if ((good || u->feature > 0) && u->feature + 1 < u->front->feature_count) {
        u->feature++;
        request_begin(p, u, now);
        return;
    }
    int64_t period_us = (int64_t)((double)u->period_us / p->factor);
    u->due_us = u->due_us + period_us > now ? u->due_us + period_us : now;
}

static void query_send(struct front *f, int64_t now)
{
    uint8_t query[DNS_MAX_QUERY];
    size_t size = dns_query(query, ++f->query_id, f->name, true);
    f->queried_us = now;
    ssize_t sent =
        send(f->resolver, query, size, MSG_DONTWAIT); /* lost or refused: asked again later */
    (void)sent;
}

static enum outcome outcome_of(int error)
{
    switch (error) {
    case ECONNREFUSED: return OUTCOME_REFUSED;
    case EHOSTUNREACH:
    case ENETUNREACH: return OUTCOME_UNREACHABLE;
    case ETIMEDOUT: return OUTCOME_TIMEOUT;
    default: return OUTCOME_RESET;
    }
}

static void choose_address(struct user *u)
{
    struct front *f = u->front;
    for (size_t i = 0; i < f->answer.count && u->feature > 0; i++) {
        if (f->answer.addresses[i] == u->address) {
            return; /* a visit stays where it is as long as it may */
        }
    }
    u->address = f->answer.addresses[f->turn++ % f->answer.count];
}

static void connect_begin(struct program *p, struct user *u)
{
    choose_address(u);
    struct sockaddr_in to = {.sin_family = AF_INET,
                             .sin_port = htons(u->front->port),
                             .sin_addr.s_addr = htonl(u->address)};
    u->fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    u->state = USER_CONNECTS;
    if (u->fd < 0) {
        lab_fail("socket: %s", strerror(errno));
    }
    if (connect(u->fd, (struct sockaddr *)&to, sizeof(to)) != 0 && errno != EINPROGRESS) {
        request_end(p, u, outcome_of(errno));
        return;
    }
    struct epoll_event event = {.events = EPOLLOUT, .data.ptr = u};
    if (epoll_ctl(p->epoll, EPOLL_CTL_ADD, u->fd, &event) != 0) {
        lab_fail("epoll: %s", strerror(errno));
    }
}

static void request_begin(struct program *p, struct user *u, int64_t now)
{
    struct front *f = u->front;
    u->began_us = now;
    u->used = 0;
    if (f->answer.count > 0 && now < f->expires_us) {
        connect_begin(p, u);
        return;
    }
    u->state = USER_RESOLVES;
    if (f->queried_us == 0) {
        query_send(f, now);
    }
}

static void send_request(struct program *p, struct user *u)
{
    char request[512];
    int error = 0;
    socklen_t size = sizeof(error);
    getsockopt(u->fd, SOL_SOCKET, SO_ERROR, &error, &size);
    if (error != 0) {
        request_end(p, u, outcome_of(error));
        return;
    }
    int n = snprintf(request, sizeof(request),
                     "GET /%s HTTP/1.1\r\nHost: %s\r\nConnection: close\r\n\r\n",
                     u->front->features[u->feature].feature, u->front->name);
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = u};
    if (send(u->fd, request, (size_t)n, MSG_NOSIGNAL) != n ||
        epoll_ctl(p->epoll, EPOLL_CTL_MOD, u->fd, &event) != 0) {
        request_end(p, u, OUTCOME_RESET);
        return;
    }
    u->state = USER_READS;
}

static enum outcome classify(const char *reply)
{
    if (strncmp(reply, "HTTP/1.1 200", 12) == 0) {
        return strstr(reply, "\"demoted\":true") != NULL ? OUTCOME_DEMOTED : OUTCOME_OK;
    }
    return strstr(reply, "capacity") != NULL ? OUTCOME_CAPACITY : OUTCOME_HTTP;
}

static void read_reply(struct program *p, struct user *u)
{
    ssize_t n = recv(u->fd, u->reply + u->used, MAX_REPLY - 1 - u->used, MSG_DONTWAIT);
    if (n < 0 && (errno == EAGAIN || errno == EINTR)) {
        return;
    }
    if (n > 0 && u->used + (size_t)n < MAX_REPLY - 1) {
        u->used += (size_t)n;
        return; /* the service closes when it is done */
    }
    u->reply[u->used] = '\0';
    if (u->used == 0) {
        request_end(p, u, n < 0 ? outcome_of(errno) : OUTCOME_RESET);
    } else {
        request_end(p, u, classify(u->reply));
    }
}

static void read_resolver(struct program *p, struct front *f)
{
    uint8_t reply[DNS_MAX_REPLY];
    struct dns_answer answer;
    ssize_t n = recv(f->resolver, reply, sizeof(reply), MSG_DONTWAIT);
    int64_t now = lab_now_us();
    if (n < 0 || !dns_parse(reply, (size_t)n, &answer) || answer.id != f->query_id ||
        f->queried_us == 0) {
        return;
    }
    f->queried_us = 0;
    f->answer = answer;
    f->expires_us = now + (int64_t)answer.ttl * 1000000;
    for (size_t i = 0; i < p->user_count; i++) {
        struct user *u = &p->users[i];
        if (u->front == f && u->state == USER_RESOLVES) {
            if (answer.count > 0) {
                connect_begin(p, u);
            } else {
                request_end(p, u, OUTCOME_DNS);
            }
        }
    }
}

/* A faster rhythm counts at once: who rests would else wait out the slower one. */
static void read_controls(struct program *p, int64_t now)
{
    if (now - p->controls_us < 1000000) {
        return;
    }
    p->controls_us = now;
    double factor = lab_control(p->controls_path, "factor", NULL, 1);
    if (factor <= 0 || factor == p->factor) {
        return;
    }
    p->factor = factor;
    for (size_t i = 0; i < p->user_count; i++) {
        struct user *u = &p->users[i];
        int64_t latest = now + (int64_t)((double)u->period_us / factor);
        u->due_us = u->due_us > latest ? latest : u->due_us;
    }
}

/* What time alone brings: queries asked again, timeouts, new visits, finished seconds. */
static void step(struct program *p)
{
    int64_t now = lab_now_us();
    read_controls(p, now);
    for (size_t i = 0; i < p->front_count; i++) {
        struct front *f = &p->fronts[i];
        if (f->queried_us != 0 && now - f->queried_us >= QUERY_AGAIN_US) {
            query_send(f, now);
        }
        for (size_t k = 0; k < f->feature_count; k++) {
            stats_print(&f->features[k], (now - p->timeout_us) / 1000000 - 1);
        }
    }
    for (size_t i = 0; i < p->user_count; i++) {
        struct user *u = &p->users[i];
        if (u->state != USER_RESTS && now - u->began_us >= p->timeout_us) {
            request_end(p, u, u->state == USER_RESOLVES ? OUTCOME_DNS : OUTCOME_TIMEOUT);
        } else if (u->state == USER_RESTS && now >= u->due_us) {
            u->feature = 0;
            request_begin(p, u, now);
        }
    }
}

static void front_load(struct program *p, struct front *f, const char *view, const json_t *settings)
{
    json_t *features = lab_array(settings, "features"), *item;
    size_t i;
    *f = (struct front){.service = lab_string(settings, "name"),
                        .name = lab_string(settings, "front"),
                        .port = (uint16_t)lab_integer(settings, "port"),
                        .resolver = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0),
                        .query_id = (uint16_t)lab_now_us(),
                        .feature_count = json_array_size(features)};
    f->features = lab_alloc(f->feature_count, sizeof(*f->features));
    json_array_foreach(features, i, item)
    {
        f->features[i] = (struct stats){.view = view,
                                        .service = f->service,
                                        .feature = lab_string(item, "name"),
                                        .tier = (unsigned)lab_integer(item, "tier")};
    }
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = f};
    if (f->resolver < 0 ||
        connect(f->resolver, (struct sockaddr *)&p->resolver, sizeof(p->resolver)) != 0 ||
        epoll_ctl(p->epoll, EPOLL_CTL_ADD, f->resolver, &event) != 0) {
        lab_fail("resolver: %s", strerror(errno));
    }
}

static void program_load(struct program *p, const json_t *settings)
{
    json_t *services = lab_array(settings, "services"), *item;
    size_t i, next = 0;
    p->epoll = epoll_create1(EPOLL_CLOEXEC);
    p->timeout_us = lab_integer(settings, "timeout_ms") * 1000;
    p->controls_path = lab_string(settings, "controls_file");
    p->factor = 1;
    p->resolver = lab_address(lab_string(settings, "resolver"), 53);
    p->front_count = json_array_size(services);
    p->fronts = lab_alloc(p->front_count, sizeof(*p->fronts));
    json_array_foreach(services, i, item)
    {
        p->user_count += (size_t)lab_integer(item, "users");
    }
    p->users = lab_alloc(p->user_count, sizeof(*p->users));
    int64_t now = lab_now_us();
    json_array_foreach(services, i, item)
    {
        front_load(p, &p->fronts[i], lab_string(settings, "view"), item);
        int64_t users = lab_integer(item, "users"), period = lab_integer(item, "period_us");
        for (int64_t k = 0; k < users; k++) {
            p->users[next++] = (struct user){.front = &p->fronts[i],
                                             .fd = -1,
                                             .period_us = period,
                                             .due_us = now + period * k / users};
        }
    }
}

static void dispatch(struct program *p, const struct epoll_event *event)
{
    for (size_t i = 0; i < p->front_count; i++) {
        if (event->data.ptr == &p->fronts[i]) {
            read_resolver(p, &p->fronts[i]);
            return;
        }
    }
    struct user *u = event->data.ptr;
    switch (u->state) {
    case USER_CONNECTS: send_request(p, u); break;
    case USER_READS: read_reply(p, u); break;
    case USER_RESTS:
    case USER_RESOLVES: break; /* ended earlier in this batch of events */
    }
}

int main(int argc, char **argv)
{
    json_t *settings =
        lab_settings(argc, argv, "The users of one view; a JSON line per feature and second.");
    struct program p = {0};
    program_load(&p, settings);
    int64_t next = 0;
    for (;;) {
        struct epoll_event events[MAX_EVENTS];
        int n = epoll_wait(p.epoll, events, MAX_EVENTS, STEP_MS);
        for (int i = 0; i < n; i++) {
            dispatch(&p, &events[i]);
        }
        if (lab_now_us() >= next) {
            step(&p);
            next = lab_now_us() + STEP_MS * 1000;
        }
    }
}
