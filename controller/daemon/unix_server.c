/* unix_server.c: listening, accepting, buffering and closing on libuv.
 *
 * Every client has its place and its buffer from the start, and one place more is there to refuse
 * who comes too many: so no connection asks for memory. libuv reads no further connection until the
 * last one was accepted; one that finds no place therefore is accepted when a place gets free.
 *
 * In turn: what is not served at once waits in the client's buffer, which is not read on meanwhile,
 * and a timer serves it. */
#include "daemon/unix_server.h"

#include "daemon/clock.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

struct unix_client {
    uv_pipe_t pipe;
    struct unix_server *server;
    bool used; /* from its acceptance until the loop has closed it */
    bool closing;
    bool guest; /* of another user ... */
    uid_t uid;
    bool asked;     /* not read until it is admitted */
    bool more;      /* something waits in the buffer that may be a request */
    struct mono at; /* when it came, ended a request or took an answer */
    uint8_t *input; /* max_input bytes */
    size_t limit;   /* of them, as many as this client may have in there */
    size_t len;
    void *state;
};

struct unix_server {
    struct unix_server_config config;
    struct unix_server_stats stats;
    uv_loop_t *loop;
    uv_pipe_t listener;
    uv_timer_t turn, watch; /* serves those who wait; closes those who are quiet */
    struct mono guests_at;  /* before it no other user is served */
    uint32_t next;          /* who is first in the next turn */
    char *path;
    struct unix_client *clients; /* [max_clients + 1] */
    uint8_t *inputs;             /* their buffers */
    uint32_t used, open;
    bool unaccepted; /* a connection waits for a place */
    bool freed;
    uint8_t open_handles; /* of listener, turn, watch */
};

/* Of the loop's time other users get at most one part in so many. */
enum { GUESTS_SHARE = 10 };

static void accept_one(struct unix_server *s);
static void on_read(uv_stream_t *stream, ssize_t n, const uv_buf_t *buf);

static void free_all(struct unix_server *s)
{
    free(s->clients);
    free(s->inputs);
    free(s->path);
    free(s);
}

static void free_when_done(struct unix_server *s)
{
    if (s->freed && s->open_handles == 0 && s->used == 0) {
        free_all(s);
    }
}

static void on_client_closed(uv_handle_t *handle)
{
    struct unix_client *c = handle->data;
    struct unix_server *s = c->server;
    c->used = false;
    s->used--;
    if (s->unaccepted && !s->freed) {
        accept_one(s);
    }
    free_when_done(s);
}

void unix_client_close(struct unix_client *c)
{
    if (c->closing) {
        return;
    }
    c->closing = true;
    c->server->open--;
    if (!c->server->freed) {
        c->server->config.closed(c->server->config.user, c);
    }
    uv_close((uv_handle_t *)&c->pipe, on_client_closed);
}

static void on_alloc(uv_handle_t *handle, size_t suggested, uv_buf_t *ret_buf)
{
    struct unix_client *c = handle->data;
    (void)suggested;
    ret_buf->base = (char *)c->input + c->len;
    ret_buf->len = c->limit - c->len;
}

/* Its place is full of something that is no request: who is not known to be worth more is asked
 * about, others are closed. */
static void overflow(struct unix_client *c)
{
    struct unix_server *s = c->server;
    c->asked = c->limit < s->config.max_input && s->config.overlong(s->config.user, c);
    if (!c->asked) {
        s->stats.overflows++;
        unix_client_close(c);
    }
}

/* Hands over what waits, once; closes a client who does not keep to the rules. */
static void deliver(struct unix_client *c)
{
    struct unix_server *s = c->server;
    ssize_t used = s->config.received(s->config.user, c, c->input, c->len);
    if (c->closing) {
        return;
    }
    if (used < 0) {
        unix_client_close(c);
        return;
    }
    c->more = used > 0 && (size_t)used < c->len;
    if (used > 0) {
        c->at = mono_now();
        c->len -= (size_t)used;
        memmove(c->input, c->input + used, c->len);
    } else if (c->len == c->limit) {
        overflow(c);
    }
}

static bool may_be_served(const struct unix_client *c, struct mono now)
{
    return c->more && !c->closing && uv_stream_get_write_queue_size((uv_stream_t *)&c->pipe) == 0 &&
           (!c->guest || mono_diff_us(now, c->server->guests_at) >= 0);
}

/* One request, if it is its turn; what it took of the loop's time other users pay with a pause. */
static void serve(struct unix_client *c)
{
    struct mono begin = mono_now();
    if (!may_be_served(c, begin)) {
        return;
    }
    deliver(c);
    if (c->guest) {
        struct mono end = mono_now();
        c->server->guests_at = mono_add(end, (GUESTS_SHARE - 1) * mono_diff_us(end, begin));
    }
}

static void on_turn(uv_timer_t *timer);

/* Reads on from who waits for nothing. Who has more comes back by the timer, or, while an answer
 * waits to be sent, by its end. */
static void settle(struct unix_client *c)
{
    struct unix_server *s = c->server;
    if (c->closing) {
        return;
    }
    bool sending = uv_stream_get_write_queue_size((uv_stream_t *)&c->pipe) > 0;
    if (!c->more && !sending && !c->asked) {
        int rc = uv_read_start((uv_stream_t *)&c->pipe, on_alloc, on_read);
        if (rc != 0 && rc != UV_EALREADY) {
            unix_client_close(c);
        }
        return;
    }
    (void)uv_read_stop((uv_stream_t *)&c->pipe);
    if (c->more && !sending) {
        int64_t pause_us = c->guest ? mono_diff_us(s->guests_at, mono_now()) : 0;
        uint64_t pause_ms = pause_us > 0 ? (uint64_t)(pause_us + 999) / 1000 : 0;
        if (!uv_is_active((uv_handle_t *)&s->turn) || pause_ms < uv_timer_get_due_in(&s->turn)) {
            (void)uv_timer_start(&s->turn, on_turn, pause_ms, 0);
        }
    }
}

static void on_turn(uv_timer_t *timer)
{
    struct unix_server *s = timer->data;
    uint32_t places = s->config.max_clients + 1, first = s->next;
    s->next = (s->next + 1) % places;
    for (uint32_t i = 0; i < places; i++) {
        struct unix_client *c = &s->clients[(first + i) % places];
        if (c->used && c->more && !c->closing) {
            serve(c);
        }
    }
    for (uint32_t i = 0; i < places; i++) {
        if (s->clients[i].used) {
            settle(&s->clients[i]);
        }
    }
}

static void on_read(uv_stream_t *stream, ssize_t n, const uv_buf_t *buf)
{
    struct unix_client *c = stream->data;
    (void)buf;
    if (n < 0) {
        unix_client_close(c);
        return;
    }
    c->len += (size_t)n;
    c->more = c->len > 0;
    if (c->server->config.in_turn) {
        serve(c);
        settle(c);
        return;
    }
    while (c->more && !c->closing) {
        deliver(c);
    }
}

static void on_watch(uv_timer_t *timer)
{
    struct unix_server *s = timer->data;
    struct mono now = mono_now();
    for (uint32_t i = 0; i <= s->config.max_clients; i++) {
        struct unix_client *c = &s->clients[i];
        if (c->used && !c->closing && mono_diff_us(now, c->at) >= s->config.quiet_us) {
            s->stats.quiet++;
            unix_client_close(c);
        }
    }
}

void unix_client_admit(struct unix_client *c)
{
    c->limit = c->server->config.max_input;
    c->asked = false;
    settle(c);
}

int unix_client_peer(const struct unix_client *c, struct peer *ret_peer)
{
    uv_os_fd_t fd;
    return uv_fileno((const uv_handle_t *)&c->pipe, &fd) == 0 ? peer_of(fd, ret_peer) : ERR_IO;
}

/* Other users who are here; of one of them, or with like NULL of all. */
static uint32_t guests(const struct unix_server *s, const struct unix_client *like)
{
    uint32_t n = 0;
    for (uint32_t i = 0; i <= s->config.max_clients; i++) {
        const struct unix_client *c = &s->clients[i];
        n += c->used && !c->closing && c->guest && (like == NULL || c->uid == like->uid) ? 1 : 0;
    }
    return n;
}

/* Whom the socket's mode lets connect may stay, but guests leave places for the daemon's user. */
static bool peer_allowed(struct unix_client *c)
{
    struct peer peer;
    if (unix_client_peer(c, &peer) != OK) {
        return false;
    }
    uint32_t most = c->server->config.max_clients;
    c->uid = peer.uid;
    c->guest = peer.uid != geteuid() && peer.uid != 0;
    if (c->guest && c->server->config.guest_input > 0) {
        c->limit = c->server->config.guest_input;
    }
    return !c->guest || (c->server->config.group_connects && guests(c->server, NULL) <= most / 2 &&
                         guests(c->server, c) <= most / 4);
}

/* An unused place, made ready; NULL when there is none. */
static struct unix_client *take_place(struct unix_server *s)
{
    uint32_t i = 0;
    while (i <= s->config.max_clients && s->clients[i].used) {
        i++;
    }
    struct unix_client *c = i <= s->config.max_clients ? &s->clients[i] : NULL;
    if (c != NULL) {
        *c = (struct unix_client){.server = s,
                                  .used = true,
                                  .input = s->inputs + i * s->config.max_input,
                                  .limit = s->config.max_input,
                                  .at = mono_now()};
        (void)uv_pipe_init(s->loop, &c->pipe, 0); /* only fills in the handle */
        c->pipe.data = c;
        s->used++;
    }
    return c;
}

static void accept_one(struct unix_server *s)
{
    struct unix_client *c = take_place(s);
    s->unaccepted = c == NULL;
    if (c == NULL) {
        return;
    }
    s->open++;
    if (uv_accept((uv_stream_t *)&s->listener, (uv_stream_t *)&c->pipe) != 0 ||
        s->open > s->config.max_clients || !peer_allowed(c)) {
        s->stats.refused++;
        c->closing = true;
        s->open--;
        uv_close((uv_handle_t *)&c->pipe, on_client_closed);
        return;
    }
    s->stats.accepted++;
    s->config.opened(s->config.user, c);
    if (!c->closing && uv_read_start((uv_stream_t *)&c->pipe, on_alloc, on_read) != 0) {
        unix_client_close(c);
    }
}

static void on_connection(uv_stream_t *listener, int status)
{
    if (status == 0) {
        accept_one(listener->data);
    }
}

static int from_errno(int e)
{
    switch (e) {
    case EACCES:
    case EPERM:
    case EROFS: return ERR_PERMISSION;
    case ENOENT:
    case ENOTDIR: return ERR_NOT_FOUND;
    case ENOMEM:
    case EMFILE: return ERR_MEMORY;
    }
    return ERR_IO;
}

/* Removes a socket that a dead process left; ERR_BUSY when it is served. */
static int clear_path(const struct sockaddr_un *address)
{
    struct stat st;
    if (lstat(address->sun_path, &st) != 0) {
        return errno == ENOENT ? OK : from_errno(errno);
    }
    if (!S_ISSOCK(st.st_mode)) {
        return ERR_EXISTS;
    }
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0) {
        return from_errno(errno);
    }
    int rc = connect(fd, (const struct sockaddr *)address, sizeof *address);
    int e = errno;
    close(fd);
    if (rc == 0 || e == EAGAIN) {
        return ERR_BUSY;
    }
    if (e != ECONNREFUSED) {
        return from_errno(e);
    }
    return unlink(address->sun_path) == 0 ? OK : from_errno(errno);
}

/* A listening socket, of mode 0600 from its first moment on, and then open to its group. */
static int make_socket(const struct unix_server_config *config, int *ret_fd)
{
    const char *path = config->path;
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    if (strlen(path) >= sizeof address.sun_path) {
        return ERR_TOO_LARGE;
    }
    strcpy(address.sun_path, path);
    int status = clear_path(&address);
    if (status != OK) {
        return status;
    }
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0) {
        return from_errno(errno);
    }
    mode_t before = umask(0177);
    int rc = bind(fd, (const struct sockaddr *)&address, sizeof address);
    int e = errno;
    umask(before);
    if (rc == 0 && config->group_connects &&
        ((config->group != (gid_t)-1 && chown(path, (uid_t)-1, config->group) != 0) ||
         chmod(path, 0660) != 0)) {
        e = errno;
        rc = -1;
    }
    if (rc != 0) {
        close(fd);
        return from_errno(e);
    }
    *ret_fd = fd;
    return OK;
}

static void on_handle_closed(uv_handle_t *handle)
{
    struct unix_server *s = handle->data;
    s->open_handles--;
    free_when_done(s);
}

/* Memory for all that will ever be: NULL when there is none. */
static struct unix_server *allocate(const struct unix_server_config *config)
{
    size_t places = (size_t)config->max_clients + 1;
    struct unix_server *s = calloc(1, sizeof *s);
    if (s == NULL) {
        return NULL;
    }
    s->config = *config;
    s->path = strdup(config->path);
    s->clients = calloc(places, sizeof *s->clients);
    s->inputs = calloc(places, config->max_input);
    s->config.path = s->path;
    if (s->path == NULL || s->clients == NULL || s->inputs == NULL) {
        free_all(s);
        return NULL;
    }
    return s;
}

int unix_server_new(uv_loop_t *loop, const struct unix_server_config *config,
                    struct unix_server **ret_s)
{
    struct unix_server *s = allocate(config);
    if (s == NULL) {
        return ERR_MEMORY;
    }
    int fd = -1;
    int status = make_socket(&s->config, &fd);
    if (status != OK) {
        free_all(s);
        return status;
    }
    s->loop = loop;
    s->listener.data = s->turn.data = s->watch.data = s;
    (void)uv_pipe_init(loop, &s->listener, 0); /* these only fill in the handles */
    (void)uv_timer_init(loop, &s->turn);
    (void)uv_timer_init(loop, &s->watch);
    s->open_handles = 3;
    if (uv_pipe_open(&s->listener, fd) != 0) {
        close(fd);
        unix_server_free(s);
        return ERR_IO;
    }
    if (uv_listen((uv_stream_t *)&s->listener, (int)config->max_clients, on_connection) != 0) {
        unix_server_free(s);
        return ERR_IO;
    }
    if (config->quiet_us > 0) {
        uint64_t period_ms = (uint64_t)config->quiet_us / 4000 + 1;
        (void)uv_timer_start(&s->watch, on_watch, period_ms, period_ms);
    }
    *ret_s = s;
    return OK;
}

void unix_server_free(struct unix_server *s)
{
    if (s == NULL || s->freed) {
        return;
    }
    s->freed = true;
    (void)unlink(s->path);
    for (uint32_t i = 0; i <= s->config.max_clients; i++) {
        if (s->clients[i].used) {
            unix_client_close(&s->clients[i]);
        }
    }
    uv_close((uv_handle_t *)&s->listener, on_handle_closed);
    uv_close((uv_handle_t *)&s->turn, on_handle_closed);
    uv_close((uv_handle_t *)&s->watch, on_handle_closed);
}

const struct unix_server_stats *unix_server_stats(const struct unix_server *s)
{
    return &s->stats;
}

struct send {
    uv_write_t request;
    uint8_t data[];
};

static void on_sent(uv_write_t *request, int status)
{
    struct unix_client *c = request->handle->data;
    free(request->data);
    c->at = mono_now();
    if (status != 0) {
        unix_client_close(c);
    } else if (c->server->config.in_turn && !c->server->freed) {
        settle(c);
    }
}

void unix_client_send(struct unix_client *c, const void *data, size_t size)
{
    if (c->closing) {
        return;
    }
    size_t waiting = uv_stream_get_write_queue_size((uv_stream_t *)&c->pipe);
    struct send *send = NULL;
    if (size <= c->server->config.max_output - waiting) {
        send = malloc(sizeof *send + size);
    } else {
        c->server->stats.overflows++;
    }
    if (send == NULL) {
        unix_client_close(c);
        return;
    }
    memcpy(send->data, data, size);
    send->request.data = send;
    uv_buf_t buf = uv_buf_init((char *)send->data, (unsigned)size);
    if (uv_write(&send->request, (uv_stream_t *)&c->pipe, &buf, 1, on_sent) != 0) {
        free(send);
        unix_client_close(c);
    }
}

void unix_client_set(struct unix_client *c, void *state)
{
    c->state = state;
}

void *unix_client_get(const struct unix_client *c)
{
    return c->state;
}

void unix_server_each(struct unix_server *s, void (*each)(void *user, struct unix_client *c),
                      void *user)
{
    for (uint32_t i = 0; i <= s->config.max_clients; i++) {
        struct unix_client *c = &s->clients[i];
        if (c->used && !c->closing) {
            each(user, c);
        }
    }
}
