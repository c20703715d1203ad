/* watch_dns.c: the answers of one DNS server, asked over UDP; silence for a while is told as dark.
 */
#include "dns.h"
#include "lab.h"
#include "watch.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

enum { DARK_US = 200000, NAME_BITS = 9, MAX_NAMES = 1 << NAME_BITS };

struct watched_name {
    const char *name;
    char text[WATCH_TEXT]; /* the state told last, as JSON */
    int64_t answered_us;
    int64_t asked_us; /* first question since the last answer; 0: none */
};

struct dns_watch {
    const char *server;
    int fd;
    uint16_t round;
    size_t count;
    struct watched_name *names;
};

struct dns_watch *dns_watch_new(const json_t *settings)
{
    struct dns_watch *w = lab_alloc(1, sizeof(*w));
    json_t *names = lab_array(settings, "names");
    struct sockaddr_in to =
        lab_address(lab_string(settings, "address"), (uint16_t)lab_integer(settings, "port"));
    lab_enter(lab_string(settings, "netns"));
    w->server = lab_string(settings, "server");
    w->fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (w->fd < 0 || connect(w->fd, (struct sockaddr *)&to, sizeof(to)) != 0) {
        lab_fail("%s: %s", w->server, strerror(errno));
    }
    w->count = json_array_size(names);
    if (w->count > MAX_NAMES) {
        lab_fail("%s: more than %d names", w->server, MAX_NAMES);
    }
    w->names = lab_alloc(w->count, sizeof(*w->names));
    for (size_t i = 0; i < w->count; i++) {
        w->names[i].name = json_string_value(json_array_get(names, i));
    }
    return w;
}

static void tell(const struct dns_watch *w, struct watched_name *n, int64_t at, const char *text)
{
    if (strcmp(n->text, text) != 0) {
        snprintf(n->text, sizeof(n->text), "%s", text);
        printf("{\"t\":%jd,\"kind\":\"dns\",\"server\":\"%s\",\"name\":\"%s\",\"answer\":%s}\n",
               (intmax_t)at, w->server, n->name, text);
    }
}

/* The high bits say which round asked, the low ones for which name. */
static uint16_t query_id(const struct dns_watch *w, size_t name)
{
    return (uint16_t)((unsigned)w->round << NAME_BITS | (unsigned)name);
}

static void take(const struct dns_watch *w, const struct dns_answer *answer, int64_t now)
{
    size_t index = answer->id & (MAX_NAMES - 1);
    if (index >= w->count || answer->id != query_id(w, index)) {
        return; /* an answer that lingered is not news */
    }
    struct watched_name *n = &w->names[index];
    char text[WATCH_TEXT];
    size_t used = (size_t)snprintf(text, sizeof(text), "[");
    for (size_t i = 0; i < answer->count; i++) {
        uint32_t a = answer->addresses[i];
        used += (size_t)snprintf(text + used, sizeof(text) - used, "%s\"%u.%u.%u.%u\"",
                                 i == 0 ? "" : ",", a >> 24, a >> 16 & 255, a >> 8 & 255, a & 255);
    }
    snprintf(text + used, sizeof(text) - used, "]");
    n->answered_us = now;
    n->asked_us = 0;
    tell(w, n, now, text);
}

void dns_watch_poll(struct dns_watch *w)
{
    uint8_t bytes[DNS_MAX_REPLY];
    struct dns_answer answer;
    ssize_t n;
    while ((n = recv(w->fd, bytes, sizeof(bytes), MSG_DONTWAIT)) >= 0 || errno == ECONNREFUSED) {
        if (n >= 0 && dns_parse(bytes, (size_t)n, &answer)) {
            take(w, &answer, lab_now_us());
        }
    }
    w->round++;
    int64_t now = lab_now_us();
    for (size_t i = 0; i < w->count; i++) {
        struct watched_name *name = &w->names[i];
        size_t size = dns_query(bytes, query_id(w, i), name->name, false);
        ssize_t sent = send(w->fd, bytes, size, MSG_DONTWAIT); /* lost: silence tells */
        (void)sent;
        name->asked_us = name->asked_us == 0 ? now : name->asked_us;
        if (now - name->asked_us > DARK_US) {
            tell(w, name, name->asked_us, "null");
        }
    }
}
