/* client_stats.h: what the users of one view saw, second by second. */
#ifndef SPILLWAY_LAB_CLIENT_STATS_H
#define SPILLWAY_LAB_CLIENT_STATS_H

#include <stdint.h>

enum outcome {
    OUTCOME_OK,
    OUTCOME_DEMOTED,     /* answered, cheaply, without the feature */
    OUTCOME_CAPACITY,    /* refused: the IDC has no capacity left */
    OUTCOME_HTTP,        /* another status than 200 */
    OUTCOME_DNS,         /* no address */
    OUTCOME_REFUSED,     /* nobody listens */
    OUTCOME_UNREACHABLE, /* no route */
    OUTCOME_RESET,       /* the connection broke */
    OUTCOME_TIMEOUT,     /* silence */
    OUTCOME_COUNT,
};

const char *outcome_name(enum outcome o);

enum { STATS_SECONDS = 16, STATS_SAMPLES = 1024 };

/* One feature in one second, counted where the request began. */
struct second {
    int64_t second; /* of CLOCK_MONOTONIC; 0: unused */
    unsigned counts[OUTCOME_COUNT];
    unsigned samples; /* of latency, the first STATS_SAMPLES of the second */
    uint32_t latency_us[STATS_SAMPLES];
};

struct stats {
    const char *view, *service, *feature;
    unsigned tier;
    int64_t printed; /* newest second already printed */
    struct second seconds[STATS_SECONDS];
};

/* Counts one request; a second older than the ring is dropped. */
void stats_add(struct stats *s, int64_t began_us, int64_t ended_us, enum outcome o);
/* Prints, as JSON lines, the seconds up to and including `second`, oldest first. */
void stats_print(struct stats *s, int64_t second);

#endif
