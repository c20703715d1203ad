/* client.c: librdkafka's settings that all our clients share, and its errors in our table. */
#include "log/client.h"

#include "log/security.h"

#include <stdio.h>
#include <string.h>

/* Why each differs from the default: ADR 22. */
static const struct setting shared[] = {
    /* After an outage the default backoff (10 s) costs 7.8 s until the first acknowledgement. */
    {"reconnect.backoff.ms", "50"},
    {"reconnect.backoff.max.ms", "1000"},
    {"retry.backoff.ms", "50"},
    {"socket.timeout.ms", "3000"},
    {"socket.connection.setup.timeout.ms", "2000"},
    {"socket.nagle.disable", "true"},
    {"socket.keepalive.enable", "true"},
    {"topic.metadata.refresh.fast.interval.ms", "100"},
    {"topic.metadata.refresh.interval.ms", "10000"},
    {"topic.metadata.propagation.max.ms", "5000"},
    {"message.max.bytes", CLIENT_MAX_MESSAGE},
    {"receive.message.max.bytes", CLIENT_MAX_ANSWER},
};

static int apply(rd_kafka_conf_t *conf, const struct setting *settings, size_t count, char *why)
{
    for (size_t i = 0; i < count; i++) {
        if (rd_kafka_conf_set(conf, settings[i].name, settings[i].value, why, BUS_TEXT_SIZE) !=
            RD_KAFKA_CONF_OK) {
            return ERR_INVALID;
        }
    }
    return OK;
}

rd_kafka_t *client_new(rd_kafka_type_t type, const struct bus_config *config,
                       const struct setting *settings, size_t count, int *ret_status, char *why)
{
    const struct setting own[] = {{"bootstrap.servers", config->brokers},
                                  {"client.id", config->client_id}};
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    int status = apply(conf, shared, sizeof(shared) / sizeof(shared[0]), why);
    if (status == OK) {
        status = apply(conf, own, sizeof(own) / sizeof(own[0]), why);
    }
    if (status == OK && config->security[0] != '\0') {
        status = security_apply(conf, config->security, why);
    }
    if (status == OK) {
        status = apply(conf, settings, count, why);
    }
    rd_kafka_t *rk = NULL;
    if (status == OK) {
        rd_kafka_conf_set_log_cb(conf, NULL); /* libraries do not log; errors come as events */
        rd_kafka_conf_set_events(conf, RD_KAFKA_EVENT_DR | RD_KAFKA_EVENT_ERROR);
        rk = rd_kafka_new(type, conf, why, BUS_TEXT_SIZE);
        status = rk != NULL ? OK : ERR_IO;
    }
    if (rk == NULL) {
        rd_kafka_conf_destroy(conf);
        *ret_status = status;
    }
    return rk;
}

int client_status(rd_kafka_resp_err_t err)
{
    switch ((
        int)err) { /* an open set: new brokers may answer codes that this library has no name for */
    case RD_KAFKA_RESP_ERR_NO_ERROR: return OK;
    case RD_KAFKA_RESP_ERR__AUTO_OFFSET_RESET:
    case RD_KAFKA_RESP_ERR_OFFSET_OUT_OF_RANGE: return ERR_FOREIGN;
    case RD_KAFKA_RESP_ERR__TIMED_OUT:
    case RD_KAFKA_RESP_ERR__MSG_TIMED_OUT:
    case RD_KAFKA_RESP_ERR_REQUEST_TIMED_OUT: return ERR_TIMEOUT;
    case RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC:
    case RD_KAFKA_RESP_ERR__UNKNOWN_PARTITION:
    case RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART: return ERR_NOT_FOUND;
    case RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE:
    case RD_KAFKA_RESP_ERR_RECORD_LIST_TOO_LARGE: return ERR_TOO_LARGE;
    case RD_KAFKA_RESP_ERR__QUEUE_FULL: return ERR_FULL;
    case RD_KAFKA_RESP_ERR__AUTHENTICATION:
    case RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED:
    case RD_KAFKA_RESP_ERR_CLUSTER_AUTHORIZATION_FAILED: return ERR_PERMISSION;
    case RD_KAFKA_RESP_ERR__BAD_MSG:
    case RD_KAFKA_RESP_ERR_INVALID_MSG: return ERR_CORRUPT;
    case RD_KAFKA_RESP_ERR_TOPIC_ALREADY_EXISTS: return ERR_EXISTS;
    default: return ERR_UNAVAILABLE;
    }
}

void client_note(struct bus_stats *stats, rd_kafka_resp_err_t err, const char *text)
{
    stats->errors++;
    stats->last_status = client_status(err);
    snprintf(stats->last_error, sizeof(stats->last_error), "%s: %s", rd_kafka_err2name(err),
             text != NULL ? text : rd_kafka_err2str(err));
}
