/* route.c: the client of the route helper: one job in flight, the newest one waits, repeats after a
 * loss. */
#include "actuate/route.h"

#include "actuate/route_wire.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

enum { RECONNECT_MS = 200 };

/* One encoded request. */
struct job {
    uint64_t id;
    struct fence fence;
    bool repeat; /* after a loss: only a failure is told */
    bool inject; /* of a drill: has no fence, is not repeated */
    size_t size;
    uint8_t bytes[];
};

struct route_client {
    uv_loop_t *loop;
    struct sockaddr_un path;
    uint16_t idc;
    int64_t timeout_us;
    actuate_done *done;
    void *user;
    uint64_t next_id;
    struct job *flying, *waiting;
    struct job *injection; /* waits too, and goes first */
    struct job *newest;    /* last one that went out, to be repeated on a new connection */
    int fd;                /* -1: not connected */
    int failure;     /* of the job in flight, told when the deadline timer fires; OK: a timeout */
    uv_poll_t *poll; /* of fd */
    uv_timer_t deadline, retry;
    unsigned open_handles;
};

static void on_poll(uv_poll_t *poll, int status, int events);
static void on_retry(uv_timer_t *timer);
static void on_deadline(uv_timer_t *timer);

static void on_poll_closed(uv_handle_t *handle)
{
    free(handle);
}

static void disconnect(struct route_client *c)
{
    if (c->fd < 0)
        return;
    uv_poll_stop(c->poll);
    uv_close((uv_handle_t *)c->poll, on_poll_closed);
    close(c->fd);
    c->poll = NULL;
    c->fd = -1;
}

static int connect_now(struct route_client *c)
{
    if (c->fd >= 0)
        return OK;
    int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return ERR_UNAVAILABLE;
    uv_poll_t *poll = calloc(1, sizeof(*poll));
    if (poll == NULL || connect(fd, (const struct sockaddr *)&c->path, sizeof(c->path)) != 0 ||
        uv_poll_init(c->loop, poll, fd) < 0) {
        int e = errno;
        free(poll);
        close(fd);
        return e == EACCES || e == EPERM ? ERR_PERMISSION : ERR_UNAVAILABLE;
    }
    poll->data = c;
    c->poll = poll;
    c->fd = fd;
    uv_poll_start(poll, UV_READABLE | UV_DISCONNECT, on_poll);
    return OK;
}

static bool send_now(struct route_client *c, const struct job *job)
{
    if (send(c->fd, job->bytes, job->size, MSG_NOSIGNAL | MSG_DONTWAIT) == (ssize_t)job->size)
        return true;
    disconnect(c);
    return false;
}

/* The bytes leave now; a failure is told from the loop. A connection from before may be dead
 * already, because the helper was started again: then a new one is tried at once. */
static void send_job(struct route_client *c, struct job *job)
{
    assert(c->flying == NULL);
    c->flying = job;
    if (c->fd < 0 || !send_now(c, job)) {
        c->failure = connect_now(c);
        if (c->failure == OK && !send_now(c, job))
            c->failure = ERR_UNAVAILABLE;
    } else {
        c->failure = OK;
    }
    uv_update_time(c->loop);
    uv_timer_start(&c->deadline, on_deadline,
                   c->failure != OK ? 0 : (uint64_t)(c->timeout_us + 999) / 1000, 0);
}

/* A job that has gone out is kept for repetition, but for an injection: the helper that was told is
 * the one that ends it. */
static void keep_newest(struct route_client *c, struct job *job)
{
    if (job->inject) {
        free(job);
        return;
    }
    if (c->newest != job)
        free(c->newest);
    c->newest = job;
}

static struct job *take_next(struct route_client *c)
{
    struct job **from = c->injection != NULL ? &c->injection : &c->waiting;
    struct job *job = *from;
    *from = NULL;
    return job;
}

/* Ends the job in flight; it is kept for repetition. done comes last: it may free the client. */
static void finish(struct route_client *c, int status, const struct route_reply *reply)
{
    struct job *job = c->flying;
    struct actuate_result result = {.actuator = job->inject ? ACTUATOR_INJECT : ACTUATOR_ROUTES,
                                    .target = c->idc,
                                    .attempted = job->fence,
                                    .status = status};
    if (reply != NULL) {
        result.found = reply->found;
        result.hold = reply->hold;
        memcpy(result.detail, reply->detail, sizeof(result.detail));
    }
    bool tell = !job->repeat || status != OK;
    uv_timer_stop(&c->deadline);
    c->flying = NULL;
    keep_newest(c, job);
    job = take_next(c);
    if (job != NULL) {
        send_job(c, job);
    } else if (c->fd < 0) {
        uv_timer_start(&c->retry, on_retry, RECONNECT_MS, 0);
    }
    if (tell)
        c->done(c->user, &result);
}

static void on_deadline(uv_timer_t *timer)
{
    struct route_client *c = timer->data;
    disconnect(c); /* a late reply must not be taken for another job's */
    finish(c, c->failure != OK ? c->failure : ERR_TIMEOUT, NULL);
}

/* A helper that was started again knows the fence but not the hops: it is told them again, so that
 * it can put back what others delete. */
static void on_retry(uv_timer_t *timer)
{
    struct route_client *c = timer->data;
    if (c->flying != NULL || c->newest == NULL || c->fd >= 0)
        return;
    if (connect_now(c) != OK) {
        uv_timer_start(&c->retry, on_retry, RECONNECT_MS, 0);
        return;
    }
    struct job *job = c->newest;
    c->newest = NULL;
    job->repeat = true;
    send_job(c, job);
}

static void on_lost(struct route_client *c)
{
    disconnect(c);
    if (c->flying != NULL)
        finish(c, ERR_UNAVAILABLE, NULL);
    else
        uv_timer_start(&c->retry, on_retry, RECONNECT_MS, 0);
}

static void on_poll(uv_poll_t *poll, int status, int events)
{
    (void)status;
    (void)events;
    struct route_client *c = poll->data;
    uint8_t bytes[1024];
    ssize_t n = recv(c->fd, bytes, sizeof(bytes), MSG_DONTWAIT);
    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    struct route_reply reply = {0};
    struct codec reader = codec_reader(bytes, n > 0 ? (size_t)n : 0, NULL);
    route_reply_codec(&reader, &reply);
    if (n <= 0 || codec_finish(&reader) != OK || c->flying == NULL || reply.id != c->flying->id) {
        on_lost(c);
        return;
    }
    finish(c, reply.status, &reply);
}

int route_client_new(uv_loop_t *loop, const char *socket_path, uint16_t idc, int64_t timeout_us,
                     actuate_done *done, void *user, struct route_client **ret_client)
{
    size_t len = strlen(socket_path);
    if (len == 0 || len >= sizeof(((struct sockaddr_un *)0)->sun_path))
        return ERR_TOO_LARGE;
    struct route_client *c = calloc(1, sizeof(*c));
    if (c == NULL)
        return ERR_MEMORY;
    c->loop = loop;
    c->path.sun_family = AF_UNIX;
    memcpy(c->path.sun_path, socket_path, len + 1);
    c->idc = idc;
    c->timeout_us = timeout_us;
    c->done = done;
    c->user = user;
    c->next_id = 1;
    c->fd = -1;
    uv_timer_init(loop, &c->deadline);
    uv_timer_init(loop, &c->retry);
    c->deadline.data = c->retry.data = c;
    c->open_handles = 2;
    *ret_client = c;
    return OK;
}

static void on_closed(uv_handle_t *handle)
{
    struct route_client *c = handle->data;
    if (--c->open_handles == 0)
        free(c);
}

void route_client_free(struct route_client *c)
{
    if (c == NULL)
        return;
    disconnect(c);
    free(c->flying);
    free(c->waiting);
    free(c->injection);
    free(c->newest);
    uv_close((uv_handle_t *)&c->deadline, on_closed);
    uv_close((uv_handle_t *)&c->retry, on_closed);
}

/* The index of the link's next hop in the request, added when it is new. */
static int gateway_index(const struct fleet *f, uint16_t idc, uint16_t link,
                         struct route_request *r, uint16_t *ret_index)
{
    int end = link < f->link_count ? link_end_at(&f->links[link], idc) : -1;
    if (end < 0 || f->links[link].end[1 - end].idc == FLEET_NONE)
        return ERR_INVALID;
    struct route_gateway gateway = {.address = f->links[link].end[1 - end].address};
    memcpy(gateway.interface, f->links[link].end[end].interface, sizeof(gateway.interface));
    for (uint32_t i = 0; i < r->gateway_count; i++) {
        if (memcmp(&r->gateways[i], &gateway, sizeof(gateway)) == 0) {
            *ret_index = (uint16_t)i;
            return OK;
        }
    }
    if (r->gateway_count == ROUTE_MAX_GATEWAYS)
        return ERR_INVALID;
    *ret_index = (uint16_t)r->gateway_count;
    r->gateways[r->gateway_count++] = gateway;
    return OK;
}

/* The prefix with those of the hops that can carry its family. Without any, its routes are left as
 * they are. */
static int add_prefix(const struct prefix *prefix, const struct route_prefix *hops,
                      struct route_request *r)
{
    struct route_prefix p = {.prefix = *prefix};
    for (uint8_t i = 0; i < hops->count; i++) {
        if (r->gateways[hops->gateways[i]].address.family == prefix->address.family)
            p.gateways[p.count++] = hops->gateways[i];
    }
    if (p.count == 0)
        return OK;
    if (r->prefix_count == ROUTE_MAX_PREFIXES)
        return ERR_INVALID;
    r->prefixes[r->prefix_count++] = p;
    return OK;
}

static int add_target(const struct fleet *f, uint16_t idc, const struct route_target *target,
                      struct route_request *r)
{
    if (target->destination >= f->idc_count || target->destination == idc ||
        target->hops.count > FLEET_MAX_HOPS)
        return ERR_INVALID;
    struct route_prefix hops = {.count = target->hops.count};
    int status = OK;
    for (uint8_t i = 0; status == OK && i < hops.count; i++)
        status = gateway_index(f, idc, target->hops.links[i], r, &hops.gateways[i]);
    const struct idc *destination = &f->idcs[target->destination];
    for (uint16_t i = 0; status == OK && i < destination->prefix_count; i++)
        status = add_prefix(&destination->prefixes[i], &hops, r);
    return status;
}

/* The anycast prefixes of the services that are served here. */
static void add_announcements(const struct fleet *f, uint16_t idc, const uint8_t *announced,
                              struct route_request *r)
{
    for (uint16_t s = 0; announced != NULL && s < f->service_count; s++) {
        const struct service *service = &f->services[s];
        for (uint16_t i = 0; i < service->anycast_count && fleet_announces(f, s, idc); i++)
            r->announcements[r->announcement_count++] = (struct route_announcement){
                .prefix = service->anycast[i],
                .on = announced[s] == 1,
            };
    }
}

static int encode(struct route_request *r, struct job **ret_job)
{
    struct codec measure = codec_measure();
    route_request_codec(&measure, r);
    if (measure.status != OK || measure.pos > ROUTE_MESSAGE_MAX)
        return ERR_INVALID;
    struct job *job = malloc(sizeof(*job) + measure.pos);
    if (job == NULL)
        return ERR_MEMORY;
    *job = (struct job){.id = r->id, .fence = r->fence, .size = measure.pos};
    struct codec writer = codec_writer(job->bytes, job->size);
    route_request_codec(&writer, r);
    assert(writer.status == OK && writer.pos == job->size);
    *ret_job = job;
    return OK;
}

static int make_job(struct route_client *c, const struct fleet *f, const struct fence *fence,
                    const struct route_target *targets, uint32_t count, const uint8_t *announced,
                    struct job **ret_job)
{
    struct route_request r = {.id = c->next_id, .fence = *fence};
    size_t prefixes = (size_t)count * FLEET_MAX_PREFIXES + 1;
    r.gateways = calloc(ROUTE_MAX_GATEWAYS, sizeof(*r.gateways));
    r.prefixes = calloc(prefixes, sizeof(*r.prefixes));
    r.announcements = calloc(ROUTE_MAX_ANNOUNCED, sizeof(*r.announcements));
    bool room = r.gateways != NULL && r.prefixes != NULL && r.announcements != NULL;
    int status = room ? OK : ERR_MEMORY;
    for (uint32_t i = 0; status == OK && i < count; i++)
        status = add_target(f, c->idc, &targets[i], &r);
    if (status == OK) {
        add_announcements(f, c->idc, announced, &r);
        status = encode(&r, ret_job);
    }
    if (status == OK)
        c->next_id++;
    free(r.gateways);
    free(r.prefixes);
    free(r.announcements);
    return status;
}

int route_set(struct route_client *c, const struct fleet *f, const struct fence *fence,
              const struct route_target *targets, uint32_t count, const uint8_t *announced)
{
    const struct job *newest = c->waiting != NULL                        ? c->waiting
                               : c->flying != NULL && !c->flying->inject ? c->flying
                                                                         : NULL;
    if (newest != NULL && fence_compare(fence, &newest->fence) == FENCE_OLDER)
        return ERR_STALE;
    if (count > FLEET_MAX_IDCS)
        return ERR_INVALID;
    struct job *job = NULL;
    int status = make_job(c, f, fence, targets, count, announced, &job);
    if (status != OK)
        return status;
    if (c->flying != NULL) {
        free(c->waiting);
        c->waiting = job;
    } else {
        send_job(c, job);
    }
    return OK;
}

/* The interfaces here of the links, each once. */
static int name_interfaces(const struct route_client *c, const struct fleet *f,
                           const uint16_t *links, uint32_t count, struct inject_request *r)
{
    for (uint32_t i = 0; i < count; i++) {
        int end = links[i] < f->link_count ? link_end_at(&f->links[links[i]], c->idc) : -1;
        if (end < 0 || r->count == ROUTE_MAX_GATEWAYS)
            return ERR_INVALID;
        memcpy(r->interfaces[r->count++], f->links[links[i]].end[end].interface, FLEET_IFNAME_SIZE);
    }
    return OK;
}

int route_inject(struct route_client *c, const struct fleet *f, const uint16_t *links,
                 uint32_t count, uint32_t for_ms)
{
    struct inject_request r = {.id = c->next_id, .for_ms = for_ms};
    if (for_ms > INJECT_MAX_MS || name_interfaces(c, f, links, count, &r) != OK)
        return ERR_INVALID;
    struct codec measure = codec_measure();
    inject_request_codec(&measure, &r);
    struct job *job = malloc(sizeof(*job) + measure.pos);
    if (job == NULL)
        return ERR_MEMORY;
    *job = (struct job){.id = r.id, .inject = true, .size = measure.pos};
    struct codec writer = codec_writer(job->bytes, job->size);
    inject_request_codec(&writer, &r);
    assert(writer.status == OK && writer.pos == job->size);
    c->next_id++;
    if (c->flying != NULL) {
        free(c->injection);
        c->injection = job;
    } else {
        send_job(c, job);
    }
    return OK;
}

bool route_busy(const struct route_client *c)
{
    return c->waiting != NULL || (c->flying != NULL && !c->flying->inject);
}
