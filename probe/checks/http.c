/* http.c: HTTP and HTTPS checks with libcurl's multi interface: the expected status in time is
 * good. */
#include "checks/http.h"

#include "checks/clocks.h"

#include <curl/curl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

enum {
    HTTP_EVENTS = 64,
    HTTP_RECEIVE_BUFFER = 2048,
    HTTP_SAFETY_TIMEOUT_S = 300, /* the caller cancels long before */
    HTTP_URL_SIZE = FLEET_DNS_NAME_SIZE + FLEET_PATH_SIZE + 32,
    HTTP_CONNECT_TO_SIZE = FLEET_DNS_NAME_SIZE + CHECK_ADDRESS_TEXT + 32,
};

struct http_check {
    CURL *easy;
    struct curl_slist *connect_to;
    uint32_t slot;
    uint16_t expect_status;
    uint64_t body_bytes;
    struct check_body *body; /* NULL: thrown away */
    struct http_check *next; /* in the list of the idle ones */
};

struct http_checks {
    CURLM *multi;
    int epoll;
    bool timer;
    struct mono due;
    struct http_check *idle; /* kept for reuse: as many as ever ran at once */
    check_ended_fn *ended;
    void *context;
};

static int on_socket(CURL *easy, curl_socket_t fd, int what, void *context, void *known)
{
    (void)easy;
    struct http_checks *h = context;
    if (what == CURL_POLL_REMOVE) {
        epoll_ctl(h->epoll, EPOLL_CTL_DEL, fd, NULL);
        return 0;
    }
    struct epoll_event event = {.data.fd = fd};
    if (what & CURL_POLL_IN)
        event.events |= EPOLLIN;
    if (what & CURL_POLL_OUT)
        event.events |= EPOLLOUT;
    int operation = known != NULL ? EPOLL_CTL_MOD : EPOLL_CTL_ADD;
    curl_multi_assign(h->multi, fd, h); /* any pointer: "this socket is in the set" */
    return epoll_ctl(h->epoll, operation, fd, &event) == 0 ? 0 : -1;
}

static int on_timer(CURLM *multi, long timeout_ms, void *context)
{
    (void)multi;
    struct http_checks *h = context;
    h->timer = timeout_ms >= 0;
    h->due = mono_add(clock_mono(), timeout_ms * US_PER_MS);
    return 0;
}

int http_checks_new(uint32_t connections, check_ended_fn *ended, void *context,
                    struct http_checks **ret)
{
    struct http_checks *h = calloc(1, sizeof(*h));
    if (h == NULL)
        return ERR_MEMORY;
    h->ended = ended;
    h->context = context;
    h->epoll = epoll_create1(EPOLL_CLOEXEC);
    h->multi = curl_multi_init();
    if (h->epoll < 0 || h->multi == NULL ||
        curl_multi_setopt(h->multi, CURLMOPT_SOCKETFUNCTION, on_socket) != CURLM_OK ||
        curl_multi_setopt(h->multi, CURLMOPT_SOCKETDATA, h) != CURLM_OK ||
        curl_multi_setopt(h->multi, CURLMOPT_TIMERFUNCTION, on_timer) != CURLM_OK ||
        curl_multi_setopt(h->multi, CURLMOPT_TIMERDATA, h) != CURLM_OK ||
        curl_multi_setopt(h->multi, CURLMOPT_PIPELINING, CURLPIPE_NOTHING) != CURLM_OK ||
        curl_multi_setopt(h->multi, CURLMOPT_MAXCONNECTS, (long)connections) != CURLM_OK) {
        http_checks_free(h);
        return ERR_IO;
    }
    *ret = h;
    return OK;
}

void http_checks_free(struct http_checks *h)
{
    if (h == NULL)
        return;
    while (h->idle != NULL) {
        struct http_check *check = h->idle;
        h->idle = check->next;
        curl_easy_cleanup(check->easy);
        free(check);
    }
    curl_multi_cleanup(h->multi);
    if (h->epoll >= 0)
        close(h->epoll);
    free(h);
}

int http_checks_fd(const struct http_checks *h)
{
    return h->epoll;
}

bool http_checks_due(const struct http_checks *h, struct mono *ret_due)
{
    if (h->timer)
        *ret_due = h->due;
    return h->timer;
}

static size_t on_body(char *data, size_t size, size_t count, void *context)
{
    struct http_check *check = context;
    struct check_body *body = check->body;
    size_t n = size * count;
    check->body_bytes += n;
    if (check->body_bytes > (body != NULL ? body->max : HTTP_BODY_MAX))
        return 0;
    if (body != NULL) {
        memcpy(body->room + body->size, data, n);
        body->size += n;
    }
    return n;
}

/* Where the request goes: the URL carries the name, connect_to the address. */
static bool set_target(struct http_check *check, const struct check_request *r)
{
    char address[CHECK_ADDRESS_TEXT], bracketed[CHECK_ADDRESS_TEXT + 2], host[FLEET_DNS_NAME_SIZE];
    char url[HTTP_URL_SIZE], connect_to[HTTP_CONNECT_TO_SIZE];
    check_address_text(&r->address, address);
    snprintf(bracketed, sizeof(bracketed), r->address.family == 6 ? "[%s]" : "%s", address);
    snprintf(host, sizeof(host), "%s", r->host[0] != '\0' ? r->host : bracketed);
    size_t length = strlen(host);
    if (length > 1 && host[length - 1] == '.')
        host[length - 1] = '\0';
    const char *scheme = r->kind == CHECK_HTTPS ? "https" : "http";
    int url_size = snprintf(url, sizeof(url), "%s://%s:%u%s", scheme, host, r->port,
                            r->path[0] != '\0' ? r->path : "/");
    int to_size = snprintf(connect_to, sizeof(connect_to), "::%s:%u", bracketed, r->port);
    if (url_size >= (int)sizeof(url) || to_size >= (int)sizeof(connect_to))
        return false;
    check->connect_to = curl_slist_append(NULL, connect_to);
    return check->connect_to != NULL &&
           curl_easy_setopt(check->easy, CURLOPT_CONNECT_TO, check->connect_to) == CURLE_OK &&
           curl_easy_setopt(check->easy, CURLOPT_URL, url) == CURLE_OK;
}

/* libcurl uses a kept connection only for the same interface name. Of these, ones that were opened
 * before the name meant this interface are closed: their lifetime is bounded by its age. Whole
 * seconds round down, so what is new may be opened twice. */
static bool set_way(struct http_check *check, const struct check_way *way, struct mono now)
{
    char option[sizeof("if!") + FLEET_IFNAME_SIZE] = "";
    long known_s = 0;
    if (way->index != 0) {
        if (!check_way_usable(way))
            return false; /* libcurl would bind to an address instead */
        snprintf(option, sizeof(option), "if!%s", way->interface);
        known_s = (long)(mono_diff_us(now, way->since) / US_PER_SEC) - 1;
    }
    bool fresh = way->index != 0 && known_s < 1;
    CURL *e = check->easy;
    return curl_easy_setopt(e, CURLOPT_INTERFACE, option[0] != '\0' ? option : NULL) == CURLE_OK &&
           curl_easy_setopt(e, CURLOPT_FRESH_CONNECT, fresh ? 1L : 0L) == CURLE_OK &&
           curl_easy_setopt(e, CURLOPT_MAXLIFETIME_CONN, fresh ? 0L : known_s) == CURLE_OK;
}

static bool set_options(struct http_check *check)
{
    CURL *e = check->easy;
    return curl_easy_setopt(e, CURLOPT_PRIVATE, check) == CURLE_OK &&
           curl_easy_setopt(e, CURLOPT_WRITEFUNCTION, on_body) == CURLE_OK &&
           curl_easy_setopt(e, CURLOPT_WRITEDATA, check) == CURLE_OK &&
           curl_easy_setopt(e, CURLOPT_NOSIGNAL, 1L) == CURLE_OK &&
           curl_easy_setopt(e, CURLOPT_PROXY, "") == CURLE_OK &&
           curl_easy_setopt(e, CURLOPT_PATH_AS_IS, 1L) == CURLE_OK &&
           curl_easy_setopt(e, CURLOPT_PROTOCOLS_STR, "http,https") == CURLE_OK &&
           curl_easy_setopt(e, CURLOPT_HTTP_VERSION, CURL_HTTP_VERSION_1_1) == CURLE_OK &&
           curl_easy_setopt(e, CURLOPT_SSL_VERIFYPEER, 0L) == CURLE_OK &&
           curl_easy_setopt(e, CURLOPT_SSL_VERIFYHOST, 0L) == CURLE_OK &&
           curl_easy_setopt(e, CURLOPT_BUFFERSIZE, (long)HTTP_RECEIVE_BUFFER) == CURLE_OK &&
           curl_easy_setopt(e, CURLOPT_TIMEOUT, (long)HTTP_SAFETY_TIMEOUT_S) == CURLE_OK &&
           curl_easy_setopt(e, CURLOPT_USERAGENT, "spillway-probe/" SPILLWAY_VERSION) == CURLE_OK;
}

/* An idle one, or a new one. */
static struct http_check *check_take(struct http_checks *h)
{
    struct http_check *check = h->idle;
    if (check != NULL) {
        h->idle = check->next;
        return check;
    }
    check = calloc(1, sizeof(*check));
    if (check == NULL)
        return NULL;
    check->easy = curl_easy_init();
    if (check->easy == NULL || !set_options(check)) {
        curl_easy_cleanup(check->easy);
        free(check);
        return NULL;
    }
    return check;
}

static void check_release(struct http_checks *h, struct http_check *check)
{
    curl_slist_free_all(check->connect_to);
    check->connect_to = NULL;
    check->next = h->idle;
    h->idle = check;
}

int http_check_begin(struct http_checks *h, const struct check_request *r, uint32_t slot,
                     struct http_check **ret)
{
    struct http_check *check = check_take(h);
    if (check == NULL)
        return ERR_FULL;
    check->slot = slot;
    check->expect_status = r->expect_status;
    check->body_bytes = 0;
    check->body = r->body;
    if (r->body != NULL)
        r->body->size = 0;
    /* The request starts from http_checks_events, which on_timer asks for. */
    if (!set_way(check, &r->way, clock_mono()) || !set_target(check, r) ||
        curl_multi_add_handle(h->multi, check->easy) != CURLM_OK) {
        check_release(h, check);
        return ERR_FULL;
    }
    *ret = check;
    return OK;
}

void http_check_cancel(struct http_checks *h, struct http_check *check)
{
    curl_multi_remove_handle(h->multi, check->easy);
    check_release(h, check);
}

static bool status_good(const struct http_check *check, CURLcode result)
{
    long status = 0;
    if (result != CURLE_OK ||
        curl_easy_getinfo(check->easy, CURLINFO_RESPONSE_CODE, &status) != CURLE_OK)
        return false;
    if (check->expect_status != 0)
        return status == check->expect_status;
    return status >= 200 && status < 300;
}

static void collect(struct http_checks *h)
{
    int left = 0;
    CURLMsg *message;
    while ((message = curl_multi_info_read(h->multi, &left)) != NULL) {
        if (message->msg != CURLMSG_DONE)
            continue;
        char *private = NULL;
        CURLcode result = message->data.result;
        curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, &private);
        struct http_check *check = (struct http_check *)(void *)private;
        bool good = status_good(check, result);
        uint32_t slot = check->slot;
        http_check_cancel(h, check);
        h->ended(h->context, slot, good);
    }
}

void http_checks_events(struct http_checks *h, struct mono now)
{
    struct epoll_event events[HTTP_EVENTS];
    int running = 0;
    int n = epoll_wait(h->epoll, events, HTTP_EVENTS, 0);
    for (int i = 0; i < n; i++) {
        int what = 0;
        if (events[i].events & (EPOLLIN | EPOLLHUP | EPOLLERR))
            what |= CURL_CSELECT_IN;
        if (events[i].events & EPOLLOUT)
            what |= CURL_CSELECT_OUT;
        if (events[i].events & EPOLLERR)
            what |= CURL_CSELECT_ERR;
        curl_multi_socket_action(h->multi, events[i].data.fd, what, &running);
    }
    if (h->timer && now.us >= h->due.us) {
        h->timer = false;
        curl_multi_socket_action(h->multi, CURL_SOCKET_TIMEOUT, 0, &running);
    }
    collect(h);
}
