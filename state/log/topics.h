/* topics.h: reading the two topics' settings, and making the topics. Internal. */
#ifndef SPILLWAY_LOG_TOPICS_H
#define SPILLWAY_LOG_TOPICS_H

#include "log/client.h"

/* One check, with a client of its own that lives until the answer. */
struct topics_check {
    rd_kafka_t *rk; /* NULL: no check under way */
    rd_kafka_queue_t *queue;
    uint32_t unanswered; /* requests for settings that timed out */
    bool answered;       /* status and why are ready for the caller */
    uint16_t partitions;
    size_t max_record_bytes;
    bool development;
    int status;
    char why[BUS_TEXT_SIZE];
};

/* Begins a check, in place of one that is under way. fd is told when there is something to pump. */
int topics_check_start(struct topics_check *c, const struct bus_config *config, int fd,
                       uint16_t partitions, size_t max_record_bytes) MUST_CHECK;
void topics_check_pump(struct topics_check *c);
void topics_check_done(struct topics_check *c);
/* Creates what is absent of both topics; blocks. why: BUS_TEXT_SIZE bytes. */
int topics_create(const struct bus_config *config, uint16_t partitions, size_t max_record_bytes,
                  int timeout_ms, char *why) MUST_CHECK;

#endif
