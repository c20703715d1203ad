/* proxy.c: see proxy.h. The server is asked over a blocking socket: it is on loopback, and this is
 * a test. */
#include "proxy.h"

#include <arpa/inet.h>
#include <check.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { MESSAGE_MAX = 65537, OPCODE_UPDATE = 5 };

struct session {
    uv_tcp_t tcp;
    struct proxy *proxy;
    size_t len;
    uint8_t in[MESSAGE_MAX];
    uint8_t out[MESSAGE_MAX];
};

static void on_session_closed(uv_handle_t *handle)
{
    free(handle->data);
}

static void on_alloc(uv_handle_t *handle, size_t suggested, uv_buf_t *buf)
{
    (void)suggested;
    struct session *s = handle->data;
    *buf = uv_buf_init((char *)s->in + s->len, (unsigned)(sizeof(s->in) - s->len));
}

/* Sends a frame to the real server and reads its frame; 0 when it gives none. */
static size_t ask_server(uint16_t port, const uint8_t *frame, size_t len, uint8_t *reply)
{
    struct sockaddr_in in = {.sin_family = AF_INET, .sin_port = htons(port)};
    in.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    size_t got = 0;
    if (connect(fd, (struct sockaddr *)&in, sizeof(in)) == 0 &&
        send(fd, frame, len, MSG_NOSIGNAL) == (ssize_t)len) {
        for (;;) {
            ssize_t n = recv(fd, reply + got, MESSAGE_MAX - got, 0);
            if (n <= 0)
                break;
            got += (size_t)n;
            if (got >= 2 && got >= 2 + ((size_t)reply[0] << 8 | reply[1]))
                break;
        }
    }
    close(fd);
    return got;
}

static void on_written(uv_write_t *request, int status)
{
    (void)status;
    free(request);
}

static void put(struct session *s, size_t len)
{
    uv_write_t *request = malloc(sizeof(*request));
    uv_buf_t buf = uv_buf_init((char *)s->out, (unsigned)len);
    ck_assert_ptr_nonnull(request);
    uv_write(request, (uv_stream_t *)&s->tcp, &buf, 1, on_written);
}

static void end(struct session *s)
{
    if (!uv_is_closing((uv_handle_t *)&s->tcp))
        uv_close((uv_handle_t *)&s->tcp, on_session_closed);
}

static void treat(struct session *s, enum proxy_reply mode, size_t len)
{
    switch (mode) {
    case PROXY_PASS: put(s, len); break;
    case PROXY_CLOSE: end(s); break;
    case PROXY_SILENCE: break;
    case PROXY_GARBAGE:
        memset(s->out + 2, 0xff, len - 2);
        put(s, len);
        break;
    case PROXY_HALF:
        put(s, len / 2);
        uv_run(s->proxy->loop, UV_RUN_NOWAIT);
        end(s);
        break;
    case PROXY_OTHER_ID:
        s->out[2] ^= 1;
        put(s, len);
        break;
    case PROXY_FLIPPED:
        s->out[len - 10] ^=
            1; /* before the original id, the error and the length of nothing more */
        put(s, len);
        break;
    case PROXY_TRUNCATED:
        s->out[4] |= 2;
        put(s, len);
        break;
    }
}

static void on_request(struct session *s, size_t frame)
{
    struct proxy *p = s->proxy;
    bool update = ((s->in[4] >> 3) & 15) == OPCODE_UPDATE;
    p->updates += update;
    if (update && p->blocked_update)
        return;
    size_t len = ask_server(p->server_port, s->in, frame, s->out);
    s->len = 0;
    if (len == 0) {
        end(s);
        return;
    }
    bool special = (update || p->all) && p->times > 0;
    if (special)
        p->times--;
    treat(s, special ? p->mode : PROXY_PASS, len);
}

static void on_read(uv_stream_t *stream, ssize_t n, const uv_buf_t *buf)
{
    (void)buf;
    struct session *s = stream->data;
    if (n < 0) {
        end(s);
        return;
    }
    s->len += (size_t)n;
    size_t frame = s->len < 2 ? SIZE_MAX : 2 + ((size_t)s->in[0] << 8 | s->in[1]);
    if (s->len >= frame)
        on_request(s, frame);
}

static void on_connection(uv_stream_t *listener, int status)
{
    ck_assert_int_eq(status, 0);
    struct session *s = calloc(1, sizeof(*s));
    ck_assert_ptr_nonnull(s);
    s->proxy = listener->data;
    uv_tcp_init(s->proxy->loop, &s->tcp);
    s->tcp.data = s;
    ck_assert_int_eq(uv_accept(listener, (uv_stream_t *)&s->tcp), 0);
    uv_read_start((uv_stream_t *)&s->tcp, on_alloc, on_read);
}

void proxy_start(struct proxy *p, uv_loop_t *loop, uint16_t server_port)
{
    struct sockaddr_in in;
    int len = sizeof(in);
    *p = (struct proxy){.loop = loop, .server_port = server_port};
    uv_ip4_addr("127.0.0.1", 0, &in);
    uv_tcp_init(loop, &p->listener);
    p->listener.data = p;
    ck_assert_int_eq(uv_tcp_bind(&p->listener, (struct sockaddr *)&in, 0), 0);
    ck_assert_int_eq(uv_listen((uv_stream_t *)&p->listener, 8, on_connection), 0);
    uv_tcp_getsockname(&p->listener, (struct sockaddr *)&in, &len);
    p->port = ntohs(in.sin_port);
}

void proxy_stop(struct proxy *p)
{
    uv_close((uv_handle_t *)&p->listener, NULL);
}

static uint8_t datagram[65536];

static void on_udp_alloc(uv_handle_t *handle, size_t suggested, uv_buf_t *buf)
{
    (void)handle;
    (void)suggested;
    *buf = uv_buf_init((char *)datagram, sizeof(datagram));
}

static void on_datagram(uv_udp_t *relay, ssize_t n, const uv_buf_t *buf,
                        const struct sockaddr *from, unsigned flags)
{
    (void)flags;
    if (n <= 0 || from == NULL)
        return;
    struct sockaddr_in in = {.sin_family = AF_INET,
                             .sin_port = htons((uint16_t)(uintptr_t)relay->data)};
    in.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    ssize_t got = -1;
    if (connect(fd, (struct sockaddr *)&in, sizeof(in)) == 0 &&
        send(fd, buf->base, (size_t)n, 0) == n)
        got = recv(fd, datagram, sizeof(datagram), 0);
    close(fd);
    uv_buf_t reply = uv_buf_init((char *)datagram, got > 0 ? (unsigned)got : 0);
    if (got > 0)
        uv_udp_try_send(relay, &reply, 1, from);
}

void udp_relay_start(uv_udp_t *relay, uv_loop_t *loop, uint16_t port, uint16_t server_port)
{
    struct sockaddr_in in;
    uv_ip4_addr("127.0.0.1", port, &in);
    uv_udp_init(loop, relay);
    relay->data = (void *)(uintptr_t)server_port;
    ck_assert_int_eq(uv_udp_bind(relay, (struct sockaddr *)&in, 0), 0);
    uv_udp_recv_start(relay, on_udp_alloc, on_datagram);
}
