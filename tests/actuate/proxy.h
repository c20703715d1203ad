/* proxy.h: a TCP server on the test's own loop: passes DNS messages on, loses replies, or answers
 * by itself. */
#ifndef SPILLWAY_TESTS_ACTUATE_PROXY_H
#define SPILLWAY_TESTS_ACTUATE_PROXY_H

#include <stdbool.h>
#include <stdint.h>
#include <uv.h>

enum proxy_reply {
    PROXY_PASS,      /* the server's reply */
    PROXY_CLOSE,     /* the request reaches the server; its reply is lost, the connection closed */
    PROXY_SILENCE,   /* the request reaches the server; its reply never comes */
    PROXY_GARBAGE,   /* bytes that are no message */
    PROXY_HALF,      /* half of the reply, then the end */
    PROXY_OTHER_ID,  /* the reply with another id */
    PROXY_FLIPPED,   /* the reply with one bit of the signature's MAC changed */
    PROXY_TRUNCATED, /* the reply with the TC bit, signature now wrong too */
};

struct proxy {
    uv_loop_t *loop;
    uv_tcp_t listener;
    uint16_t port, server_port;
    enum proxy_reply mode; /* of the replies to UPDATEs; other replies pass ... */
    bool all;              /* ... unless this is set */
    unsigned times;        /* how many replies to treat so; afterwards all pass */
    unsigned updates;      /* requests seen that were UPDATEs */
    bool blocked_update;   /* UPDATEs do not reach the server at all */
};

void proxy_start(struct proxy *p, uv_loop_t *loop, uint16_t server_port);
void proxy_stop(struct proxy *p);
/* UDP on `port` is answered by the server on another port. Close the handle to end it. */
void udp_relay_start(uv_udp_t *relay, uv_loop_t *loop, uint16_t port, uint16_t server_port);

#endif
