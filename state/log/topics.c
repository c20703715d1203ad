/* topics.c: are the two topics durable enough to lead on, and making them so where they are absent.
 */
#include "log/topics.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    REQUEST_MS = 3000,
    METADATA_MS = 500,
    REPLICAS = 3,
    MAX_UNANSWERED = 2, /* requests that brokers which are there may leave unanswered */
};

/* A value as the broker tells it, against what is wanted. */
enum wanted { WANT_TEXT, WANT_AT_LEAST };

struct rule {
    const char *name;
    enum wanted wanted;
    const char *text; /* WANT_TEXT */
    int64_t least;    /* WANT_AT_LEAST */
    bool log_only;    /* the reports' retention is free */
};

static const struct rule rules[] = {
    {"min.insync.replicas", WANT_AT_LEAST, NULL, 2, false},
    {"unclean.leader.election.enable", WANT_TEXT, "false", 0, false},
    {"cleanup.policy", WANT_TEXT, "delete", 0, false},
    {"retention.ms", WANT_TEXT, "-1", 0, true},
    {"retention.bytes", WANT_TEXT, "-1", 0, true},
};

static rd_kafka_t *admin_new(const struct bus_config *config, int *ret_status, char *why)
{
    return client_new(RD_KAFKA_PRODUCER, config, NULL, 0, ret_status, why);
}

void topics_check_done(struct topics_check *c)
{
    if (c->rk != NULL) {
        rd_kafka_queue_io_event_enable(c->queue, -1, NULL, 0);
        rd_kafka_queue_destroy(c->queue);
        rd_kafka_destroy(c->rk);
        c->rk = NULL;
        c->queue = NULL;
    }
}

static void ask(struct topics_check *c)
{
    rd_kafka_ConfigResource_t *topics[] = {
        rd_kafka_ConfigResource_new(RD_KAFKA_RESOURCE_TOPIC, BUS_LOG_TOPIC),
        rd_kafka_ConfigResource_new(RD_KAFKA_RESOURCE_TOPIC, BUS_REPORTS_TOPIC)};
    rd_kafka_AdminOptions_t *options =
        rd_kafka_AdminOptions_new(c->rk, RD_KAFKA_ADMIN_OP_DESCRIBECONFIGS);
    char ignored[BUS_TEXT_SIZE];
    rd_kafka_AdminOptions_set_request_timeout(options, REQUEST_MS, ignored, sizeof(ignored));
    rd_kafka_DescribeConfigs(c->rk, topics, 2, options, c->queue);
    rd_kafka_AdminOptions_destroy(options);
    rd_kafka_ConfigResource_destroy_array(topics, 2);
}

int topics_check_start(struct topics_check *c, const struct bus_config *config, int fd,
                       uint16_t partitions, size_t max_record_bytes)
{
    static const uint64_t one = 1; /* what an eventfd takes */
    int status = OK;
    topics_check_done(c);
    *c = (struct topics_check){.partitions = partitions,
                               .max_record_bytes = max_record_bytes,
                               .development = config->development};
    c->rk = admin_new(config, &status, c->why);
    if (c->rk == NULL) {
        return status;
    }
    c->queue = rd_kafka_queue_get_main(c->rk);
    rd_kafka_queue_io_event_enable(c->queue, fd, &one, sizeof(one));
    if (!c->development) {
        ask(c);
    }
    return OK;
}

static void refuse(struct topics_check *c, const char *topic, const char *name, const char *found,
                   const char *expected)
{
    if (c->status == OK) {
        c->status = ERR_REFUSED;
        snprintf(c->why, sizeof(c->why), "topic %s: %s: found %s, expected %s", topic, name, found,
                 expected);
    }
}

static void check_entry(struct topics_check *c, const char *topic, const struct rule *rule,
                        const rd_kafka_ConfigEntry_t *const *entries, size_t count)
{
    const char *found = NULL;
    for (size_t i = 0; i < count && found == NULL; i++) {
        if (strcmp(rd_kafka_ConfigEntry_name(entries[i]), rule->name) == 0) {
            found = rd_kafka_ConfigEntry_value(entries[i]);
        }
    }
    char least[32];
    snprintf(least, sizeof(least), "at least %" PRId64, rule->least);
    const char *expected = rule->wanted == WANT_TEXT ? rule->text : least;
    bool ok =
        found != NULL && (rule->wanted == WANT_TEXT ? strcmp(found, rule->text) == 0
                                                    : strtoll(found, NULL, 10) >= rule->least);
    if (!ok) {
        refuse(c, topic, rule->name, found != NULL ? found : "nothing", expected);
    }
}

static void check_topic_settings(struct topics_check *c, const rd_kafka_ConfigResource_t *topic)
{
    const char *name = rd_kafka_ConfigResource_name(topic);
    if (rd_kafka_ConfigResource_error(topic) != RD_KAFKA_RESP_ERR_NO_ERROR) {
        refuse(c, name, "settings", rd_kafka_err2str(rd_kafka_ConfigResource_error(topic)),
               "an existing topic (`spillway init` makes it)");
        return;
    }
    size_t count = 0;
    const rd_kafka_ConfigEntry_t *const *entries =
        (const rd_kafka_ConfigEntry_t *const *)rd_kafka_ConfigResource_configs(topic, &count);
    bool log = strcmp(name, BUS_LOG_TOPIC) == 0;
    for (size_t i = 0; i < sizeof(rules) / sizeof(rules[0]); i++) {
        if (log || !rules[i].log_only) {
            check_entry(c, name, &rules[i], entries, count);
        }
    }
    if (log) {
        const struct rule room = {.name = "max.message.bytes",
                                  .wanted = WANT_AT_LEAST,
                                  .least = (int64_t)c->max_record_bytes};
        check_entry(c, name, &room, entries, count);
    }
}

static void check_partitions(struct topics_check *c, const struct rd_kafka_metadata_topic *t)
{
    bool log = strcmp(t->topic, BUS_LOG_TOPIC) == 0;
    char found[32];
    char expected[32];
    snprintf(found, sizeof(found), "%d", t->partition_cnt);
    snprintf(expected, sizeof(expected), log ? "exactly %d" : "at least %d",
             log ? 1 : c->partitions);
    if (t->err != RD_KAFKA_RESP_ERR_NO_ERROR) {
        refuse(c, t->topic, "partitions", rd_kafka_err2str(t->err), expected);
    } else if (log ? t->partition_cnt != 1 : t->partition_cnt < c->partitions) {
        refuse(c, t->topic, "partitions", found, expected);
    }
    for (int i = 0; !c->development && i < t->partition_cnt; i++) {
        if (t->partitions[i].replica_cnt < REPLICAS) {
            snprintf(found, sizeof(found), "%d", t->partitions[i].replica_cnt);
            refuse(c, t->topic, "replication", found, "at least 3");
        }
    }
}

/* Partitions and replicas come with metadata, which this library only gets by waiting; the brokers
 * have just answered, so it is short. */
static rd_kafka_resp_err_t check_metadata(struct topics_check *c)
{
    static const char *const names[] = {BUS_LOG_TOPIC, BUS_REPORTS_TOPIC};
    rd_kafka_resp_err_t err = RD_KAFKA_RESP_ERR_NO_ERROR;
    for (size_t i = 0; i < 2 && err == RD_KAFKA_RESP_ERR_NO_ERROR; i++) {
        const struct rd_kafka_metadata *metadata = NULL;
        rd_kafka_topic_t *topic = rd_kafka_topic_new(c->rk, names[i], NULL);
        if (topic == NULL) {
            return rd_kafka_last_error();
        }
        err = rd_kafka_metadata(c->rk, 0, topic, &metadata, METADATA_MS);
        if (err == RD_KAFKA_RESP_ERR_NO_ERROR) {
            for (int k = 0; k < metadata->topic_cnt; k++) {
                check_partitions(c, &metadata->topics[k]);
            }
            rd_kafka_metadata_destroy(metadata);
        }
        rd_kafka_topic_destroy(topic);
    }
    return err;
}

/* True once some broker has answered anything, so that asking for metadata does not wait long. */
static bool brokers_answer(struct topics_check *c)
{
    char *id = rd_kafka_clusterid(c->rk, 0);
    if (id != NULL) {
        rd_kafka_mem_free(c->rk, id);
    }
    return id != NULL;
}

/* Handles the settings. True when they are judged, false when they must be asked for again. */
static bool take_settings(struct topics_check *c, rd_kafka_event_t *event)
{
    rd_kafka_resp_err_t err = rd_kafka_event_error(event);
    if (err == RD_KAFKA_RESP_ERR_NO_ERROR) {
        size_t count = 0;
        const rd_kafka_ConfigResource_t **topics = rd_kafka_DescribeConfigs_result_resources(
            rd_kafka_event_DescribeConfigs_result(event), &count);
        for (size_t i = 0; i < count; i++) {
            check_topic_settings(c, topics[i]);
        }
        return true;
    }
    /* spillway-broker has no controller to ask, which looks like a controller that is silent. */
    c->unanswered += brokers_answer(c);
    if (err == RD_KAFKA_RESP_ERR__UNSUPPORTED_FEATURE || c->unanswered >= MAX_UNANSWERED) {
        refuse(c, BUS_LOG_TOPIC, "settings", "a broker that does not tell them",
               "Apache Kafka, or development_broker: true");
        return true;
    }
    return false;
}

/* Asks for what is missing. True when the check is over. */
static bool advance(struct topics_check *c)
{
    bool judged = c->development && brokers_answer(c);
    rd_kafka_event_t *event;
    while (!judged && (event = rd_kafka_queue_poll(c->queue, 0)) != NULL) {
        if (rd_kafka_event_type(event) == RD_KAFKA_EVENT_DESCRIBECONFIGS_RESULT) {
            judged = take_settings(c, event);
            if (!judged) {
                ask(c);
            }
        }
        rd_kafka_event_destroy(event);
    }
    if (judged && c->status == OK && check_metadata(c) != RD_KAFKA_RESP_ERR_NO_ERROR) {
        judged = false;
        if (!c->development) {
            ask(c);
        }
    }
    return judged;
}

void topics_check_pump(struct topics_check *c)
{
    if (c->rk != NULL && advance(c)) {
        c->answered = true;
        topics_check_done(c);
    }
}

static rd_kafka_NewTopic_t *describe(const char *name, int partitions, size_t max_record_bytes,
                                     char *why)
{
    rd_kafka_NewTopic_t *topic =
        rd_kafka_NewTopic_new(name, partitions, REPLICAS, why, BUS_TEXT_SIZE);
    bool log = strcmp(name, BUS_LOG_TOPIC) == 0;
    for (size_t i = 0; topic != NULL && i < sizeof(rules) / sizeof(rules[0]); i++) {
        char least[32];
        snprintf(least, sizeof(least), "%" PRId64, rules[i].least);
        if (log || !rules[i].log_only) {
            rd_kafka_NewTopic_set_config(topic, rules[i].name,
                                         rules[i].wanted == WANT_TEXT ? rules[i].text : least);
        }
    }
    if (topic != NULL && log) {
        char bytes[32];
        snprintf(bytes, sizeof(bytes), "%zu", max_record_bytes);
        rd_kafka_NewTopic_set_config(topic, "max.message.bytes", bytes);
    }
    return topic;
}

/* OK when every topic was made or was there before. */
static int created(rd_kafka_event_t *event, char *why)
{
    rd_kafka_resp_err_t err = rd_kafka_event_error(event);
    if (err != RD_KAFKA_RESP_ERR_NO_ERROR) {
        snprintf(why, BUS_TEXT_SIZE, "%s", rd_kafka_event_error_string(event));
        return client_status(err);
    }
    size_t count = 0;
    const rd_kafka_topic_result_t **results =
        rd_kafka_CreateTopics_result_topics(rd_kafka_event_CreateTopics_result(event), &count);
    for (size_t i = 0; i < count; i++) {
        err = rd_kafka_topic_result_error(results[i]);
        if (err != RD_KAFKA_RESP_ERR_NO_ERROR && err != RD_KAFKA_RESP_ERR_TOPIC_ALREADY_EXISTS) {
            snprintf(why, BUS_TEXT_SIZE, "topic %s: %s", rd_kafka_topic_result_name(results[i]),
                     rd_kafka_topic_result_error_string(results[i]));
            return client_status(err);
        }
    }
    return OK;
}

static int create_with(rd_kafka_t *rk, rd_kafka_NewTopic_t **topics, size_t count, int timeout_ms,
                       char *why)
{
    rd_kafka_AdminOptions_t *options =
        rd_kafka_AdminOptions_new(rk, RD_KAFKA_ADMIN_OP_CREATETOPICS);
    rd_kafka_queue_t *queue = rd_kafka_queue_new(rk);
    rd_kafka_AdminOptions_set_request_timeout(options, timeout_ms, why, BUS_TEXT_SIZE);
    rd_kafka_AdminOptions_set_operation_timeout(options, timeout_ms, why, BUS_TEXT_SIZE);
    rd_kafka_CreateTopics(rk, topics, count, options, queue);
    rd_kafka_event_t *event = rd_kafka_queue_poll(queue, timeout_ms);
    int status = ERR_TIMEOUT;
    if (event != NULL) {
        status = created(event, why);
        rd_kafka_event_destroy(event);
    } else {
        snprintf(why, BUS_TEXT_SIZE, "no broker answered in %d ms", timeout_ms);
    }
    rd_kafka_queue_destroy(queue);
    rd_kafka_AdminOptions_destroy(options);
    return status;
}

int topics_create(const struct bus_config *config, uint16_t partitions, size_t max_record_bytes,
                  int timeout_ms, char *why)
{
    int status = OK;
    rd_kafka_t *rk = admin_new(config, &status, why);
    if (rk == NULL) {
        return status;
    }
    rd_kafka_NewTopic_t *topics[] = {
        describe(BUS_LOG_TOPIC, 1, max_record_bytes, why),
        describe(BUS_REPORTS_TOPIC, partitions, max_record_bytes, why)};
    if (topics[0] != NULL && topics[1] != NULL) {
        status = create_with(rk, topics, 2, timeout_ms, why);
    } else {
        status = ERR_INVALID;
    }
    for (size_t i = 0; i < 2; i++) {
        if (topics[i] != NULL) {
            rd_kafka_NewTopic_destroy(topics[i]);
        }
    }
    rd_kafka_destroy(rk);
    return status;
}
