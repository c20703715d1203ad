/* bus.h: the bus: topics spillway.log and spillway.reports over librdkafka, without threads of
 * ours.
 *
 * Put bus_fd() into the event loop. When it is readable, and at least every BUS_PUMP_MS, call
 * bus_pump() and then bus_next() until it gives 0:
 *
 *     bus_pump(bus, now);
 *     while (bus_next(bus, &e) == 1) { ... }
 *
 * The fd stays readable until bus_next() has given 0, so a caller may stop earlier and come back.
 * Nothing here blocks except where it says so. Nothing here logs: what went wrong is in events and
 * in bus_stats. */
#ifndef SPILLWAY_LOG_BUS_H
#define SPILLWAY_LOG_BUS_H

#include "base/error.h"
#include "base/times.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define BUS_LOG_TOPIC     "spillway.log"
#define BUS_REPORTS_TOPIC "spillway.reports"

enum {
    BUS_PUMP_MS = 250,
    BUS_TEXT_SIZE = 256,
    BUS_MAX_PARTITIONS = 1024, /* of spillway.reports */
    BUS_NEWEST_RECORDS = 200,  /* many heartbeats' worth */
    BUS_MAX_IN_FLIGHT = 64,    /* appends handed over and not yet settled */
    BUS_REPORT_RING = 64,      /* newest reports kept while the bus is away */
    BUS_SILENCE_MS = 2000, /* without a word from a partition its end is asked for again; after as
                              long again without an answer it is reported as lost */
};

struct bus_config {
    const char *brokers;   /* "host:port,host:port" */
    const char *client_id; /* shown in the brokers' logs */
    const char *security;  /* file with settings of TLS and SASL, read for each client that is made;
                              NULL or "": none */
    bool development;      /* excuses weak topic settings, and tails as spillway-broker needs it */
};

enum bus_event_kind {
    BUS_RECORD = 1, /* the next record of the log: offset, data, size */
    BUS_LOG_END,    /* all of the log before offset was given: offset is its end now. Comes right
                       behind the last record that there is, and again at least every BUS_SILENCE_MS
                       while the log is readable */
    BUS_LOG_LOST, /* the log cannot be read now: status, why. Goes on by itself at the same offset;
                     BUS_RECORD or BUS_LOG_END say that it is back */
    BUS_LOG_BROKEN, /* the log is not the one that was read before; nothing more comes from it until
                       bus_tail_log() is called again. status ERR_FOREIGN: it does not reach our
                       offset (truncated, expired, made anew); ERR_CORRUPT: offsets are missing. why
                     */
    BUS_REPORT,     /* a report: partition, offset, data, size. Old ones may come twice */
    BUS_REPORTS_END,  /* the partition was read to its end: partition, offset */
    BUS_REPORTS_LOST, /* the partition cannot be read now: partition, status, why. On its return its
                         newest report comes first, not its backlog */
    BUS_TOPICS,       /* answer to bus_check_topics: status OK, or ERR_REFUSED and why */
};

struct bus_event {
    enum bus_event_kind kind;
    uint16_t partition;
    int64_t offset;
    const uint8_t *data; /* borrowed until the next call with this bus */
    size_t size;
    int status;
    const char
        *why; /* one sentence; borrowed likewise; never NULL, "" when there is nothing to say */
};

/* Counted since bus_open. */
struct bus_stats {
    uint64_t appended;        /* records acknowledged by the brokers */
    uint64_t append_failed;   /* not acknowledged in time: they may be in the log all the same */
    uint64_t append_refused;  /* BUS_MAX_IN_FLIGHT was reached */
    uint64_t reports_sent;    /* acknowledged */
    uint64_t reports_retried; /* not acknowledged in time, back to the ring */
    uint64_t reports_dropped; /* the oldest of a full ring */
    uint64_t errors;          /* of the client library, all kinds */
    uint64_t restarts;        /* of the producer after a fatal error of its session */
    int last_status;          /* of the newest error */
    char last_error[BUS_TEXT_SIZE];
};

struct bus;

/* Makes a bus; the producer starts to connect at once. ERR_INVALID: the brokers' list; ERR_MEMORY;
 * ERR_IO. why, when not NULL, gets one sentence. */
int bus_open(const struct bus_config *config, struct bus **ret_bus, char *why,
             size_t why_size) MUST_CHECK;
/* Ends everything; NULL-safe. Blocks for at most flush_ms until what was appended or reported is
 * settled, and then until the library's threads have ended. */
void bus_close(struct bus *bus, int flush_ms);

int bus_fd(const struct bus *bus);
/* Moves everything that time or the brokers ask for. */
void bus_pump(struct bus *bus, struct mono now);
/* The next event: 1, or 0 when there is none now. Log before reports. */
int bus_next(struct bus *bus, struct bus_event *ret_event) MUST_CHECK;
const struct bus_stats *bus_stats(const struct bus *bus);

/* Tails the log from this absolute offset (0: from the start). Called again it starts over there.
 */
int bus_tail_log(struct bus *bus, int64_t offset, struct mono now) MUST_CHECK;
/* The same from up to BUS_NEWEST_RECORDS before the log's end, to look at what it holds newest. */
int bus_tail_newest(struct bus *bus, struct mono now) MUST_CHECK;
/* Offset of the log's end as the brokers last told it with records; -1: nothing came yet. */
int64_t bus_log_high(const struct bus *bus);
/* Tails partitions 0 to partitions - 1 of the reports from the newest report of each. Called again
 * it changes to the new number of partitions. */
int bus_tail_reports(struct bus *bus, uint16_t partitions, struct mono now) MUST_CHECK;

/* Appends a record to the log: fire and forget, copied. ERR_FULL when BUS_MAX_IN_FLIGHT are
 * unsettled, ERR_TOO_LARGE. Neither OK nor any error, nor stats, say whether it is in the log: only
 * reading does. */
int bus_append(struct bus *bus, const void *data, size_t size) MUST_CHECK;
/* Sends a report to its partition; copied. Kept in a ring of the newest while the bus is away; on
 * return the newest goes first. ERR_TOO_LARGE, ERR_MEMORY. */
int bus_report(struct bus *bus, uint16_t partition, const void *data, size_t size) MUST_CHECK;

/* Asks for the settings of both topics; BUS_TOPICS answers once the brokers did. The log must have
 * one partition, min.insync.replicas >= 2, replication >= 3, cleanup delete, unlimited retention,
 * unclean election off and max.message.bytes of at least max_record_bytes; the reports at least
 * `partitions` partitions and the same durability (their retention is free). The development flag
 * excuses all but the numbers of partitions. Blocks bus_pump() once, for at most a second, when
 * brokers are there. */
int bus_check_topics(struct bus *bus, uint16_t partitions, size_t max_record_bytes) MUST_CHECK;

/* For `spillway init` on a real cluster: creates both topics with the settings that
 * bus_check_topics wants, where they are absent. Blocks for at most timeout_ms. OK when both are
 * there afterwards. */
int bus_create_topics(struct bus *bus, uint16_t partitions, size_t max_record_bytes, int timeout_ms,
                      char *why, size_t why_size) MUST_CHECK;

#endif
