/* dns_exchange.c: DNS over TCP on a libuv loop. */
#include "actuate/dns_exchange.h"

#include <assert.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

enum { FRAME_MAX = 2 + UINT16_MAX };

struct dns_exchange {
    uv_tcp_t tcp;
    uv_timer_t timer; /* the deadline of what goes on, or 0 ms to report a failure from the loop */
    uv_connect_t connect;
    uv_write_t write;
    unsigned open_handles;
    int64_t timeout_us;
    dns_exchange_done *done;
    void *user;
    bool connected, writing, closed;
    int failure; /* to be reported when the timer fires, OK: a timeout */
    size_t out_len, in_len;
    uint8_t out[FRAME_MAX];
    uint8_t in[FRAME_MAX];
};

int dns_sockaddr(const struct address *address, uint16_t port, struct sockaddr_storage *ret_address)
{
    struct sockaddr_storage storage = {0};
    if (address->family == 4) {
        struct sockaddr_in in = {.sin_family = AF_INET, .sin_port = htons(port)};
        memcpy(&in.sin_addr, address->bytes, sizeof(in.sin_addr));
        memcpy(&storage, &in, sizeof(in));
    } else if (address->family == 6) {
        struct sockaddr_in6 in = {.sin6_family = AF_INET6, .sin6_port = htons(port)};
        memcpy(&in.sin6_addr, address->bytes, sizeof(in.sin6_addr));
        memcpy(&storage, &in, sizeof(in));
    } else {
        return ERR_INVALID;
    }
    *ret_address = storage;
    return OK;
}

static void report(struct dns_exchange *x, int status, const uint8_t *wire, size_t len)
{
    if (x->closed)
        return;
    uv_timer_stop(&x->timer);
    x->done(x->user, status, wire, len);
}

static void on_timer(uv_timer_t *timer)
{
    struct dns_exchange *x = timer->data;
    report(x, x->failure != OK ? x->failure : ERR_TIMEOUT, NULL, 0);
}

static void start_timer(struct dns_exchange *x)
{
    uint64_t ms = x->failure != OK ? 0 : (uint64_t)(x->timeout_us + 999) / 1000;
    uv_update_time(x->tcp.loop);
    uv_timer_start(&x->timer, on_timer, ms, 0);
}

/* A failure inside a call of ours: reported from the loop, as promised. */
static void fail_later(struct dns_exchange *x, int status)
{
    x->failure = status;
    start_timer(x);
}

static void on_allocate(uv_handle_t *handle, size_t suggested, uv_buf_t *buf)
{
    (void)suggested;
    struct dns_exchange *x = handle->data;
    buf->base = (char *)x->in + x->in_len;
    buf->len = sizeof(x->in) - x->in_len; /* never 0: a whole frame is taken out at once */
}

static void on_read(uv_stream_t *stream, ssize_t n, const uv_buf_t *buf)
{
    (void)buf;
    struct dns_exchange *x = stream->data;
    if (x->closed || n == 0)
        return;
    if (n < 0) {
        report(x, x->in_len > 0 ? ERR_TRUNCATED : ERR_UNAVAILABLE, NULL, 0);
        return;
    }
    x->in_len += (size_t)n;
    if (x->in_len < 2)
        return;
    size_t len = (size_t)x->in[0] << 8 | x->in[1];
    if (x->in_len < 2 + len)
        return;
    /* More than the reply, or a reply to what is not all sent yet, belongs to nothing that we
     * asked. */
    bool odd = x->in_len > 2 + len || x->writing || x->out_len == 0;
    x->in_len = 0;
    x->out_len = 0;
    if (odd)
        report(x, ERR_INVALID, NULL, 0);
    else
        report(x, OK, x->in + 2, len);
}

static void on_write(uv_write_t *request, int status)
{
    struct dns_exchange *x = request->data;
    x->writing = false;
    if (status < 0 && status != UV_ECANCELED)
        report(x, ERR_UNAVAILABLE, NULL, 0);
}

static void write_out(struct dns_exchange *x)
{
    uv_buf_t buf = uv_buf_init((char *)x->out, (unsigned)x->out_len);
    x->write.data = x;
    int e = uv_write(&x->write, (uv_stream_t *)&x->tcp, &buf, 1, on_write);
    if (e < 0) {
        fail_later(x, e == UV_ENOMEM ? ERR_MEMORY : ERR_UNAVAILABLE);
        return;
    }
    x->writing = true;
    start_timer(x);
}

static void on_connect(uv_connect_t *request, int status)
{
    struct dns_exchange *x = request->data;
    if (x->closed)
        return;
    if (status < 0 || uv_read_start((uv_stream_t *)&x->tcp, on_allocate, on_read) < 0) {
        report(x, status == UV_ETIMEDOUT ? ERR_TIMEOUT : ERR_UNAVAILABLE, NULL, 0);
        return;
    }
    x->connected = true;
    uv_timer_stop(&x->timer);
    if (x->out_len > 0)
        write_out(x);
}

static void on_closed(uv_handle_t *handle)
{
    struct dns_exchange *x = handle->data;
    if (--x->open_handles == 0)
        free(x);
}

int dns_exchange_open(uv_loop_t *loop, const struct address *address, uint16_t port,
                      int64_t timeout_us, dns_exchange_done *done, void *user,
                      struct dns_exchange **ret_exchange)
{
    struct sockaddr_storage storage;
    int status = dns_sockaddr(address, port, &storage);
    if (status != OK)
        return status;
    struct dns_exchange *x = calloc(1, sizeof(*x));
    if (x == NULL)
        return ERR_MEMORY;
    x->timeout_us = timeout_us;
    x->done = done;
    x->user = user;
    x->failure = OK;
    uv_tcp_init(loop, &x->tcp); /* makes no socket yet, cannot fail */
    uv_timer_init(loop, &x->timer);
    x->tcp.data = x->timer.data = x->connect.data = x;
    x->open_handles = 2;
    int e = uv_tcp_connect(&x->connect, &x->tcp, (struct sockaddr *)&storage, on_connect);
    if (e < 0) {
        fail_later(x, ERR_UNAVAILABLE);
    } else {
        uv_tcp_nodelay(&x->tcp, 1);
        start_timer(x);
    }
    *ret_exchange = x;
    return OK;
}

void dns_exchange_send(struct dns_exchange *x, const uint8_t *wire, size_t len)
{
    assert(!x->closed && x->out_len == 0 && len <= UINT16_MAX);
    x->out[0] = (uint8_t)(len >> 8);
    x->out[1] = (uint8_t)len;
    memcpy(x->out + 2, wire, len);
    x->out_len = 2 + len;
    if (x->connected)
        write_out(x);
}

void dns_exchange_close(struct dns_exchange *x)
{
    if (x == NULL || x->closed)
        return;
    x->closed = true;
    uv_close((uv_handle_t *)&x->tcp, on_closed);
    uv_close((uv_handle_t *)&x->timer, on_closed);
}
