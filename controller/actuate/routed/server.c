/* server.c: sockets, signals and the period of the route helper. */
#include "actuate/routed/server.h"

#include "actuate/routed/filter.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <systemd/sd-daemon.h>
#include <time.h>
#include <unistd.h>

enum {
    ASSERT_PERIOD_MS = 2000, /* between two comparisons when nothing happens */
    ASSERT_PAUSE_MS = 10,    /* at least, when others keep changing things */
};

struct server {
    int listener, client, signals; /* client -1: none */
    uid_t uid;
    struct keeper *keeper;
    struct injector *injector;
    const struct logger *log;
    int64_t last_assert_ms;
    bool dirty;    /* something happened that a comparison must look at */
    int complaint; /* status of the last comparison that was logged */
    struct log_limit limit;
    uint8_t *room; /* ROUTE_MESSAGE_MAX + 1 bytes */
};

static int64_t now_ms(void)
{
    struct timespec t;
    clock_gettime(CLOCK_BOOTTIME, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static int path_address(const char *path, struct sockaddr_un *ret_address)
{
    *ret_address = (struct sockaddr_un){.sun_family = AF_UNIX};
    size_t len = strlen(path);
    if (len == 0 || len >= sizeof(ret_address->sun_path))
        return ERR_TOO_LARGE;
    memcpy(ret_address->sun_path, path, len + 1);
    return OK;
}

/* A socket that nobody listens on is left over from a crash. */
static int remove_dead(const struct sockaddr_un *address)
{
    int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return ERR_IO;
    int e = connect(fd, (const struct sockaddr *)address, sizeof(*address)) == 0 ? 0 : errno;
    close(fd);
    if (e == 0 || e == EAGAIN)
        return ERR_BUSY;
    return e != ECONNREFUSED || unlink(address->sun_path) == 0 ? OK : ERR_PERMISSION;
}

int server_listen(const char *path, uid_t uid, int *ret_fd)
{
    struct sockaddr_un address;
    int status = path_address(path, &address);
    if (status == OK)
        status = remove_dead(&address);
    if (status != OK)
        return status;
    int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return ERR_IO;
    mode_t mask = umask(0177);
    int bound = bind(fd, (const struct sockaddr *)&address, sizeof(address));
    umask(mask);
    if (bound != 0 || listen(fd, 4) != 0 ||
        (uid != geteuid() && chown(path, uid, (gid_t)-1) != 0)) {
        status = errno == EACCES || errno == EPERM ? ERR_PERMISSION : ERR_IO;
        close(fd);
        return status;
    }
    *ret_fd = fd;
    return OK;
}

static void drop_client(struct server *s)
{
    if (s->client >= 0)
        close(s->client);
    s->client = -1;
}

static void accept_client(struct server *s)
{
    struct ucred peer = {0};
    socklen_t len = sizeof(peer);
    uint64_t silent = 0;
    int fd = accept4(s->listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
    if (fd < 0)
        return;
    if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &len) != 0 ||
        (peer.uid != s->uid && peer.uid != 0)) {
        close(fd);
        if (log_allow(&s->limit, (struct mono){now_ms() * 1000}, US_PER_SEC, &silent))
            log_event(s->log, LOG_WARNING, LOG_CODE("route-peer-refused"), LOG_INT("uid", peer.uid),
                      LOG_INT("silent", silent));
        return;
    }
    drop_client(s);
    s->client = fd;
}

static void log_reply(struct server *s, const struct route_reply *reply)
{
    uint64_t silent = 0;
    if (reply->status == OK)
        return;
    if (log_allow(&s->limit, (struct mono){now_ms() * 1000}, US_PER_SEC, &silent))
        log_event(s->log, LOG_WARNING, LOG_CODE("route-request-refused"),
                  LOG_STR("why", error_text(reply->status)), LOG_STR("detail", reply->detail),
                  LOG_INT("silent", silent));
}

static void serve_client(struct server *s)
{
    struct route_reply reply;
    uint8_t bytes[1024];
    ssize_t n = recv(s->client, s->room, ROUTE_MESSAGE_MAX + 1, MSG_DONTWAIT);
    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (n <= 0) {
        drop_client(s);
        return;
    }
    bool drill = route_operation(s->room, (size_t)n) == ROUTE_INJECT;
    bool held = route_operation(s->room, (size_t)n) == ROUTE_HOLD;
    if (drill ? !injector_serve(s->injector, s->room, (size_t)n, &reply)
              : !keeper_serve(s->keeper, s->room, (size_t)n, &reply)) {
        uint64_t silent = 0;
        drop_client(s);
        if (log_allow(&s->limit, (struct mono){now_ms() * 1000}, US_PER_SEC, &silent))
            log_event(s->log, LOG_WARNING, LOG_CODE("route-request-malformed"),
                      LOG_INT("silent", silent));
        return;
    }
    struct codec writer = codec_writer(bytes, sizeof(bytes));
    route_reply_codec(&writer, &reply);
    if (writer.status != OK ||
        send(s->client, bytes, writer.pos, MSG_NOSIGNAL | MSG_DONTWAIT) != (ssize_t)writer.pos)
        drop_client(s);
    if (drill && reply.status == OK)
        log_event(s->log, LOG_WARNING, LOG_CODE("drill-injected"));
    if (held && reply.status == OK)
        log_event(s->log, LOG_WARNING, LOG_CODE("hold-changed"), LOG_INT("hold", reply.hold.id),
                  LOG_STR("by", reply.hold.who), LOG_STR("reason", reply.hold.why));
    log_reply(s, &reply);
}

static void assert_routes(struct server *s)
{
    uint32_t mended = 0;
    uint64_t silent = 0;
    int status = keeper_assert(s->keeper, &mended);
    s->last_assert_ms = now_ms();
    s->dirty = false;
    if (status == OK && mended > 0 &&
        log_allow(&s->limit, (struct mono){now_ms() * 1000}, US_PER_SEC, &silent))
        log_event(s->log, LOG_WARNING, LOG_CODE("route-restored"), LOG_INT("steps", mended),
                  LOG_INT("silent", silent));
    if (status != OK && status != s->complaint)
        log_event(s->log, LOG_ERROR, LOG_CODE("route-kernel"), LOG_STR("why", error_text(status)));
    s->complaint = status;
}

/* How long to wait for events, in milliseconds. */
static int patience(const struct server *s)
{
    int64_t due = s->last_assert_ms + (s->dirty ? ASSERT_PAUSE_MS : ASSERT_PERIOD_MS) - now_ms();
    return due > 0 ? (int)due : 0;
}

static bool turn(struct server *s)
{
    struct pollfd fds[] = {
        {s->signals, POLLIN, 0},
        {kernel_event_fd(keeper_kernel(s->keeper)), POLLIN, 0},
        {s->listener, POLLIN, 0},
        {s->client, POLLIN, 0}, /* poll passes over a negative descriptor */
    };
    if (poll(fds, sizeof(fds) / sizeof(fds[0]), patience(s)) < 0 && errno != EINTR)
        return false;
    if (fds[0].revents != 0)
        return false;
    if (fds[3].revents != 0)
        serve_client(s);
    if (fds[2].revents != 0)
        accept_client(s);
    if (fds[1].revents != 0 && kernel_events(keeper_kernel(s->keeper)))
        s->dirty = true;
    if (patience(s) == 0)
        assert_routes(s);
    return true;
}

int server_run(int listen_fd, uid_t uid, struct keeper *keeper, struct injector *injector,
               const struct logger *log)
{
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGINT);
    struct server s = {
        .listener = listen_fd,
        .client = -1,
        .signals = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK),
        .uid = uid,
        .keeper = keeper,
        .injector = injector,
        .log = log,
        .room = malloc(ROUTE_MESSAGE_MAX + 1),
    };
    int status = s.signals >= 0 && s.room != NULL ? OK : ERR_MEMORY;
    if (status == OK) {
        assert_routes(&s);
        status = filter_install(); /* all that it needs besides serving is open by now */
    }
    if (status == OK) {
        sd_notify(0, "READY=1");
        while (turn(&s))
            ;
        sd_notify(0, "STOPPING=1");
    }
    drop_client(&s);
    if (s.signals >= 0)
        close(s.signals);
    free(s.room);
    return status;
}
