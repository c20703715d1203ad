/* daemon_stage.h: a broker and spillwayds on loopback in a directory of their own, for tests.
 *
 * The broker is a spillway-broker, or the Apache Kafka beside which tests/lab/kafka.py runs the
 * test. */
#ifndef SPILLWAY_TEST_DAEMON_STAGE_H
#define SPILLWAY_TEST_DAEMON_STAGE_H

#include "journal/journal.h"
#include "model/plan.h"

#include <jansson.h>
#include <sys/types.h>

enum { STAGE_DAEMONS = 3 };

struct stage {
    char dir[64];
    char brokers[64];
    pid_t broker;
    pid_t daemons[STAGE_DAEMONS]; /* 0: not running */
    struct fleet *fleet;          /* runbooks/fleets/three-idc.yaml */
    void *memory;
    char settings[256]; /* more lines of the daemons' settings */
};

void stage_open(struct stage *s);
void stage_close(struct stage *s);
/* An empty log, in place of any before: another spillway-broker, or the topics made anew. */
void stage_broker(struct stage *s);
/* The log is lost: its broker is killed, or its topics are removed. */
void stage_lose_broker(struct stage *s);
/* Appends a GENESIS, as `spillway init` and `reseed` do. The id of the log is this byte repeated.
 */
void stage_genesis(struct stage *s, uint8_t id, uint8_t predecessor, uint64_t era);
/* Appends bytes as they are. */
void stage_append(struct stage *s, const void *bytes, size_t size);

/* Sends a report's bytes to a partition. */
void stage_report(struct stage *s, uint16_t partition, const void *bytes, size_t size);

void stage_start(struct stage *s, int daemon);
/* With a bound on the size of its files, as a full disk. */
void stage_start_bounded(struct stage *s, int daemon, size_t bytes);
/* Sends the signal and waits; gives the exit code, or -signal. */
int stage_stop(struct stage *s, int daemon, int sig);
void stage_path(const struct stage *s, int daemon, const char *name, char ret_path[108]);

/* Connects to a socket of the daemon; fails the test when it does not come up. */
int stage_connect(const struct stage *s, int daemon, const char *name);
/* One line out, one line in, parsed. NULL when the connection ended. */
json_t *stage_ask(int fd, const char *line);
/* Asks for status; never NULL. */
json_t *stage_status(const struct stage *s, int daemon);
/* Waits until the status has this text or number at key (a path with dots). */
void stage_await_text(const struct stage *s, int daemon, const char *key, const char *text);
void stage_await_number(const struct stage *s, int daemon, const char *key, json_int_t at_least);
/* Waits until one of the running daemons leads and the others say so; gives it. */
int stage_await_leader(const struct stage *s);

/* Opens a stopped daemon's journal and verifies all of it. */
struct journal *stage_journal(const struct stage *s, int daemon, struct journal_view **ret_v);
/* Every record that both keep has the same bytes, outcome and chain hash; gives how many. */
int stage_compare_journals(const struct stage *s, int a, int b);

#endif
