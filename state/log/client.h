/* client.h: what producer and tails share: configuring librdkafka and converting its errors.
 * Internal. */
#ifndef SPILLWAY_LOG_CLIENT_H
#define SPILLWAY_LOG_CLIENT_H

#include "log/bus.h"

#include <librdkafka/rdkafka.h>

struct setting {
    const char *name, *value;
};

/* Bytes of the largest message that our clients send or take, above any record's bound. */
#define CLIENT_MAX_MESSAGE "9437184"
/* ... and of any answer with such a message in it. */
#define CLIENT_MAX_ANSWER "67108864"

/* Makes a client of this type; settings come after those that all clients share. NULL on failure,
 * with the code in *ret_status and a sentence in why (BUS_TEXT_SIZE bytes). */
rd_kafka_t *client_new(rd_kafka_type_t type, const struct bus_config *config,
                       const struct setting *settings, size_t count, int *ret_status, char *why);
/* The code of our table for one of librdkafka's. */
int client_status(rd_kafka_resp_err_t err);
/* Counts an error and keeps its text. */
void client_note(struct bus_stats *stats, rd_kafka_resp_err_t err, const char *text);

#endif
