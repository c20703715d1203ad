/* produce.h: the producing half of the bus: appends to the log, and a ring of the newest reports.
 * Internal. */
#ifndef SPILLWAY_LOG_PRODUCE_H
#define SPILLWAY_LOG_PRODUCE_H

#include "log/client.h"

enum slot_state { SLOT_FREE, SLOT_WAITING, SLOT_IN_FLIGHT };

/* A report until it is acknowledged. */
struct report_slot {
    enum slot_state state;
    uint16_t partition;
    uint64_t number; /* order of arrival */
    uint8_t *data;   /* owned */
    size_t size;
};

struct producer {
    rd_kafka_t *rk; /* NULL while a restart has not worked yet */
    rd_kafka_queue_t *queue;
    int fd; /* told when the queue has something; the bus's */
    const struct bus_config *config;
    struct bus_stats *stats;
    uint32_t appends_in_flight;
    bool away;  /* the newest word from the brokers was a failure */
    bool fatal; /* the session has ended: a new client is due */
    uint64_t next_number;
    uint64_t dropped; /* highest number that the full ring gave up: nothing older is kept either */
    struct report_slot slots[BUS_REPORT_RING];
};

/* config and stats are borrowed for the producer's life. */
int producer_init(struct producer *p, const struct bus_config *config, int fd,
                  struct bus_stats *stats, char *why) MUST_CHECK;
void producer_done(struct producer *p, int flush_ms);
int producer_append(struct producer *p, const void *data, size_t size) MUST_CHECK;
int producer_report(struct producer *p, uint16_t partition, const void *data,
                    size_t size) MUST_CHECK;
/* Handles what the library has to say: deliveries and errors. */
void producer_pump(struct producer *p);

#endif
