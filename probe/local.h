/* local.h: the unix socket to the local spillwayd: the fleet comes from it, link edges go to it.
 *
 * While it is away the probe goes on with the fleet it has, and tries again four times a second. An
 * edge is one short write; if the socket does not take it at once the connection is given up,
 * because a new one starts with the state of all links: nothing is queued, nothing is lost. */
#ifndef SPILLWAY_PROBE_LOCAL_H
#define SPILLWAY_PROBE_LOCAL_H

#include "wire/local.h"

struct local;

struct local_events {
    /* A LOCAL_FLEET frame came: `frame` of `size` bytes, and what is in it. */
    void (*fleet)(void *context, const struct local_message *m, const uint8_t *frame, size_t size);
    /* A LOCAL_INJECT frame came: what a drill wants of this probe. */
    void (*inject)(void *context, const struct local_message *m);
    /* Connected (status OK), or lost: why. */
    void (*changed)(void *context, bool connected, const char *why);
    void *context;
};

int local_new(const char *path, const struct local_events *events, struct local **ret) MUST_CHECK;
void local_free(struct local *l);
/* -1 while there is no connection. */
int local_fd(const struct local *l);
/* Connects when there is no connection; call it every LOCAL_RETRY_US until local_fd is there. */
void local_connect(struct local *l);
/* Reads what waits. */
void local_readable(struct local *l);
void local_edge(struct local *l, uint16_t link, uint8_t end, bool down, int64_t held_us);

enum { LOCAL_RETRY_US = 250 * 1000 };

#endif
