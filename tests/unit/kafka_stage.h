/* kafka_stage.h: the brokers that tests/lab/kafka.py started, struck and looked at from outside,
 * for tests. */
#ifndef SPILLWAY_TEST_KAFKA_STAGE_H
#define SPILLWAY_TEST_KAFKA_STAGE_H

#include <librdkafka/rdkafka.h>
#include <stddef.h>

enum {
    KAFKA_BROKERS = 3, /* numbered from 1 */
    KAFKA_PATIENCE_MS = 90000,
    KAFKA_REPORT_PARTITIONS = 3,
    KAFKA_RECORD_BYTES = 4 << 20, /* what the log has to take */
};

/* Where a file of the cluster lies: keys and certificates, when it was started with --secure. */
void kafka_file(const char *name, char ret_path[256]);

/* A client of the brokers' administrator. */
rd_kafka_t *kafka_admin(void);
/* Waits for the answer to what was asked last, which must be no error, and destroys the queue. */
void kafka_take_answer(rd_kafka_queue_t *queue);

/* "host:port,..." of the cluster, or NULL: the test was not started by kafka.py. */
const char *kafka_brokers(void);

/* kill, start (and wait until it serves), pause or resume, by process id. */
void kafka_strike(const char *verb, int broker);
/* Every broker serves again, whatever an earlier test left behind. */
void kafka_mend(void);
/* Which broker leads the log's only partition. */
int kafka_log_leader(void);

/* Removes both topics, and waits until the brokers have forgotten them. */
void kafka_remove_topics(void);
/* Makes a topic with any settings: name and value by turns, NULL at the end. */
void kafka_make_topic(const char *topic, int partitions, int replicas, const char *const *settings);
/* Replaces all of a topic's own settings. */
void kafka_alter_topic(const char *topic, const char *const *settings);
/* Deletes what is before the offset, as a retention that is not unlimited does. */
void kafka_expire_log(int64_t before);
/* Both topics gone and made anew by the bus, as `spillway init` does. */
void kafka_fresh_topics(void);

#endif
