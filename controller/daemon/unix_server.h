/* unix_server.h: a unix stream socket of this host: few clients, bounded buffers, for the daemon's
 * own user and root, or for a group as well. */
#ifndef SPILLWAY_DAEMON_UNIX_SERVER_H
#define SPILLWAY_DAEMON_UNIX_SERVER_H

#include "daemon/roles.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <uv.h>

struct unix_server;
struct unix_client;

enum { UNIX_CLOSE = -1 };

struct unix_server_config {
    const char *path;     /* a socket that nobody serves any more is replaced */
    bool group_connects;  /* mode 0660, else 0600 */
    gid_t group;          /* of the socket, (gid_t)-1: the daemon's own */
    uint32_t max_clients; /* one more is closed at once; of other users half as many, and a quarter
                             of one of them */
    size_t max_input;     /* bytes of one client that wait to be understood; more closes it */
    size_t guest_input;   /* the same of another user, until unix_client_admit(); 0: max_input. Only
                             in turn */
    size_t max_output;    /* bytes of one client that wait to be sent; more closes it */
    bool in_turn;         /* a client is served one request at a turn of the loop, and none while an
                             answer waits to be sent; all other users together at most a tenth of
                             the time */
    int64_t quiet_us;     /* who for so long neither ended a request nor took an answer is closed;
                             0: nobody */
    void *user;
    /* A client came. */
    void (*opened)(void *user, struct unix_client *c);
    /* Bytes wait; returns how many were used up (the rest is kept and comes again with more), or
     * UNIX_CLOSE. */
    ssize_t (*received)(void *user, struct unix_client *c, const uint8_t *data, size_t size);
    /* With guest_input: so many bytes of another user wait, and are no request. True: nothing more
     * is read of it until unix_client_admit(); false: it is closed. */
    bool (*overlong)(void *user, struct unix_client *c);
    /* The client is gone and must not be used any more. Not called after unix_server_free(). */
    void (*closed)(void *user, struct unix_client *c);
};

struct unix_server_stats {
    uint64_t accepted;
    uint64_t refused;   /* another user, or too many at once */
    uint64_t overflows; /* closed for input or output beyond its bound */
    uint64_t quiet;     /* closed for silence, or for a request or an answer without an end */
};

/* ERR_BUSY: another process serves the path. ERR_PERMISSION, ERR_NOT_FOUND (no such directory),
 * ERR_EXISTS (no socket is there, but something else), ERR_MEMORY, ERR_IO. */
int unix_server_new(uv_loop_t *loop, const struct unix_server_config *config,
                    struct unix_server **ret_s) MUST_CHECK;
/* Removes the socket, closes everything; freed once the loop has run its close callbacks.
 * NULL-safe. */
void unix_server_free(struct unix_server *s);
const struct unix_server_stats *unix_server_stats(const struct unix_server *s);

/* Sends a copy. A client that does not read enough is closed. */
void unix_client_send(struct unix_client *c, const void *data, size_t size);
void unix_client_close(struct unix_client *c);
/* Takes up to max_input of this client from here on, and reads on. */
void unix_client_admit(struct unix_client *c);
/* Who it is, by the kernel's word; ERR_IO. */
int unix_client_peer(const struct unix_client *c, struct peer *ret_peer) MUST_CHECK;
/* The user of the library hangs its own state on a client; it starts as NULL. */
void unix_client_set(struct unix_client *c, void *state);
void *unix_client_get(const struct unix_client *c);
/* Calls each(user, client) for every open client. */
void unix_server_each(struct unix_server *s, void (*each)(void *user, struct unix_client *c),
                      void *user);

#endif
