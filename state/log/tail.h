/* tail.h: reading partitions of one topic to their ends, and knowing whether they can be read.
 * Internal.
 *
 * A partition that has been silent is asked for its end again, by a seek to where we are: an answer
 * proves that it is readable and that there is nothing new; no answer means that it is lost. */
#ifndef SPILLWAY_LOG_TAIL_H
#define SPILLWAY_LOG_TAIL_H

#include "log/client.h"

enum tail_kind { TAIL_LOG, TAIL_REPORTS };

struct tail_partition {
    int64_t next;         /* offset of the next message; -1: not known yet */
    struct mono heard;    /* newest message or end, or when we began */
    struct mono asked_at; /* when the end was asked for again */
    bool asked;           /* ... since heard */
    bool fresh;           /* a message was given, and whether it was the last is to be looked up */
    bool lost, lost_told; /* cannot be read now; and the caller knows */
    int status;           /* why it is lost */
};

struct tail {
    enum tail_kind kind;
    rd_kafka_t *rk; /* NULL: not tailing */
    rd_kafka_queue_t *queue;
    int fd; /* told when the queue has something; the bus's */
    struct bus_stats *stats;
    struct mono now;           /* of the newest pump */
    rd_kafka_event_t *current; /* holds the message that the caller borrows */
    bool any_lost;             /* some partition has a loss to tell */
    bool any_fresh;            /* some partition is fresh */
    bool broken;
    char why[BUS_TEXT_SIZE];
    uint16_t count;
    struct tail_partition *partitions;
};

void tail_init(struct tail *t, enum tail_kind kind, int fd, struct bus_stats *stats);
void tail_done(struct tail *t);
/* Starts over with this many partitions. first: offset of partition 0, or -1 for the newest
 * message. */
int tail_start(struct tail *t, const struct bus_config *config, uint16_t count, int64_t first,
               struct mono now) MUST_CHECK;
/* End of partition 0 as the newest answer of its broker had it; -1: not known. Does not ask. */
int64_t tail_high(const struct tail *t);
void tail_pump(struct tail *t, struct mono now);
/* 1 with the next event, or 0. */
int tail_next(struct tail *t, struct bus_event *ret_event) MUST_CHECK;

#endif
