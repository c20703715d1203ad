/* nameserver.h: a real Knot or BIND on a loopback port, with a zone, a key and a directory of its
 * own. */
#ifndef SPILLWAY_TESTS_ACTUATE_NAMESERVER_H
#define SPILLWAY_TESTS_ACTUATE_NAMESERVER_H

#include "actuate/dns.h"

#include <stdbool.h>
#include <sys/types.h>

enum software { SOFTWARE_KNOT, SOFTWARE_BIND, SOFTWARE_COUNT };

struct nameserver {
    enum software software;
    uint16_t port;
    pid_t pid; /* 0: not running */
    char directory[64];
};

/* False when the program is not installed. */
bool nameserver_available(enum software software);
const char *nameserver_name(enum software software);
/* Makes the directory, configuration and empty zone gslb.example, and starts it; the key is
 * test_key(). */
void nameserver_start(struct nameserver *n, enum software software);
/* Gives it these keys instead, each known there, and allowed to change the zone when so said; a
 * running one is told to read them. */
void nameserver_keys(struct nameserver *n, const struct dns_key *keys, const bool *allowed,
                     size_t count);
/* Starts it again on the same port and data. preload: a library to load into it, or NULL. */
void nameserver_run(struct nameserver *n, const char *preload);
void nameserver_kill(struct nameserver *n, int signal);
/* Stops it and removes its directory. */
void nameserver_end(struct nameserver *n);

/* A port of 127.0.0.1 that is free for TCP and UDP now. */
uint16_t free_port(void);
struct dns_key test_key(void);
/* How a pusher reaches port on 127.0.0.1 with the test key. */
struct dns_target test_target(uint16_t port);

#endif
