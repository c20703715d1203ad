/* kafka_stage.c: what tests do to brokers: by tests/lab/kafka.py to their processes, by librdkafka
 * to their topics. */
#include "kafka_stage.h"

#include "bus_stage.h"

#include <check.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

enum { REQUEST_MS = 20000, LOOK_MS = 100 };

const char *kafka_brokers(void)
{
    return getenv("KAFKA_BROKERS");
}

static void ask_lab(const char *verb, const char *number)
{
    int status = 0;
    pid_t pid = fork();
    ck_assert_int_ge(pid, 0);
    if (pid == 0) {
        execlp("python3", "python3", getenv("KAFKA_LAB"), "--run", getenv("KAFKA_RUN"), verb,
               number, (char *)NULL);
        _exit(127);
    }
    ck_assert_int_eq(waitpid(pid, &status, 0), pid);
    ck_assert_msg(WIFEXITED(status) && WEXITSTATUS(status) == 0, "%s: status %d", verb, status);
}

void kafka_strike(const char *verb, int broker)
{
    char number[12];
    snprintf(number, sizeof(number), "%d", broker);
    ask_lab(verb, number);
}

void kafka_mend(void)
{
    ask_lab("mend", NULL);
}

static void set(rd_kafka_conf_t *conf, const char *name, const char *value)
{
    char why[256];
    ck_assert_msg(rd_kafka_conf_set(conf, name, value, why, sizeof(why)) == RD_KAFKA_CONF_OK, "%s",
                  why);
}

void kafka_file(const char *name, char ret_path[256])
{
    snprintf(ret_path, 256, "%s/kafka/%s", getenv("KAFKA_RUN"), name);
}

rd_kafka_t *kafka_admin(void)
{
    char why[256], path[256];
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    set(conf, "bootstrap.servers", kafka_brokers());
    kafka_file("ca.crt", path);
    if (access(path, R_OK) == 0) {
        set(conf, "security.protocol", "SSL");
        set(conf, "ssl.ca.location", path);
        kafka_file("admin.crt", path);
        set(conf, "ssl.certificate.location", path);
        kafka_file("admin.key", path);
        set(conf, "ssl.key.location", path);
    }
    rd_kafka_conf_set_log_cb(conf, NULL);
    rd_kafka_t *rk = rd_kafka_new(RD_KAFKA_PRODUCER, conf, why, sizeof(why));
    ck_assert_msg(rk != NULL, "%s", why);
    return rk;
}

/* Partitions of a topic as the cluster tells them; 0 when there is no such topic. Asks about all
 * topics, since asking about one by name makes this library wait for it. */
static int partitions_of(rd_kafka_t *rk, const char *topic, int *ret_leader)
{
    const struct rd_kafka_metadata *m = NULL;
    int found = 0;
    if (rd_kafka_metadata(rk, 1, NULL, &m, REQUEST_MS) != RD_KAFKA_RESP_ERR_NO_ERROR) {
        return -1;
    }
    for (int i = 0; i < m->topic_cnt; i++) {
        if (strcmp(m->topics[i].topic, topic) == 0 && m->topics[i].partition_cnt > 0) {
            found = m->topics[i].partition_cnt;
            *ret_leader = m->topics[i].partitions[0].leader;
        }
    }
    rd_kafka_metadata_destroy(m);
    return found;
}

/* Waits until the topic is there, or is not. */
static void await_topic(rd_kafka_t *rk, const char *topic, bool there)
{
    int leader = -1;
    for (int ms = 0; ms < KAFKA_PATIENCE_MS; ms += LOOK_MS) {
        int partitions = partitions_of(rk, topic, &leader);
        if (partitions >= 0 && (partitions > 0 && leader > 0) == there) {
            return;
        }
        poll(NULL, 0, LOOK_MS);
    }
    ck_abort_msg("topic %s is %s", topic, there ? "not made" : "still there");
}

int kafka_log_leader(void)
{
    rd_kafka_t *rk = kafka_admin();
    int leader = -1;
    for (int ms = 0; leader < 1 && ms < KAFKA_PATIENCE_MS; ms += LOOK_MS) {
        ck_assert_int_ne(partitions_of(rk, BUS_LOG_TOPIC, &leader), 0);
        poll(NULL, 0, LOOK_MS);
    }
    rd_kafka_destroy(rk);
    ck_assert_int_ge(leader, 1);
    return leader;
}

void kafka_take_answer(rd_kafka_queue_t *queue)
{
    rd_kafka_event_t *event = rd_kafka_queue_poll(queue, REQUEST_MS);
    ck_assert_ptr_nonnull(event);
    ck_assert_msg(rd_kafka_event_error(event) == RD_KAFKA_RESP_ERR_NO_ERROR, "%s",
                  rd_kafka_event_error_string(event));
    rd_kafka_event_destroy(event);
    rd_kafka_queue_destroy(queue);
}

void kafka_remove_topics(void)
{
    static const char *const names[] = {BUS_LOG_TOPIC, BUS_REPORTS_TOPIC};
    rd_kafka_t *rk = kafka_admin();
    rd_kafka_queue_t *queue = rd_kafka_queue_new(rk);
    rd_kafka_DeleteTopic_t *topics[] = {rd_kafka_DeleteTopic_new(names[0]),
                                        rd_kafka_DeleteTopic_new(names[1])};
    rd_kafka_DeleteTopics(rk, topics, 2, NULL, queue); /* what is not there is no error of all */
    kafka_take_answer(queue);
    rd_kafka_DeleteTopic_destroy_array(topics, 2);
    for (size_t i = 0; i < 2; i++) {
        await_topic(rk, names[i], false);
    }
    rd_kafka_destroy(rk);
}

void kafka_make_topic(const char *topic, int partitions, int replicas, const char *const *settings)
{
    char why[256];
    rd_kafka_t *rk = kafka_admin();
    rd_kafka_queue_t *queue = rd_kafka_queue_new(rk);
    rd_kafka_NewTopic_t *made =
        rd_kafka_NewTopic_new(topic, partitions, replicas, why, sizeof(why));
    ck_assert_msg(made != NULL, "%s", why);
    for (; *settings != NULL; settings += 2) {
        ck_assert_int_eq(rd_kafka_NewTopic_set_config(made, settings[0], settings[1]), 0);
    }
    rd_kafka_CreateTopics(rk, &made, 1, NULL, queue);
    kafka_take_answer(queue);
    rd_kafka_NewTopic_destroy(made);
    await_topic(rk, topic, true);
    rd_kafka_destroy(rk);
}

void kafka_alter_topic(const char *topic, const char *const *settings)
{
    rd_kafka_t *rk = kafka_admin();
    rd_kafka_queue_t *queue = rd_kafka_queue_new(rk);
    rd_kafka_ConfigResource_t *wanted = rd_kafka_ConfigResource_new(RD_KAFKA_RESOURCE_TOPIC, topic);
    for (; *settings != NULL; settings += 2) {
        ck_assert_int_eq(rd_kafka_ConfigResource_set_config(wanted, settings[0], settings[1]), 0);
    }
    rd_kafka_AlterConfigs(rk, &wanted, 1, NULL, queue);
    kafka_take_answer(queue);
    rd_kafka_ConfigResource_destroy(wanted);
    rd_kafka_destroy(rk);
}

void kafka_expire_log(int64_t before)
{
    rd_kafka_t *rk = kafka_admin();
    rd_kafka_queue_t *queue = rd_kafka_queue_new(rk);
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(1);
    rd_kafka_topic_partition_list_add(list, BUS_LOG_TOPIC, 0)->offset = before;
    rd_kafka_DeleteRecords_t *records = rd_kafka_DeleteRecords_new(list);
    rd_kafka_DeleteRecords(rk, &records, 1, NULL, queue);
    kafka_take_answer(queue);
    rd_kafka_DeleteRecords_destroy(records);
    rd_kafka_topic_partition_list_destroy(list);
    rd_kafka_destroy(rk);
}

void kafka_fresh_topics(void)
{
    char why[BUS_TEXT_SIZE] = "";
    struct bus *bus = NULL;
    struct bus_config config = {.brokers = kafka_brokers(), .client_id = "stage"};
    kafka_remove_topics();
    ck_assert_int_eq(bus_open(&config, &bus, why, sizeof(why)), OK);
    int status = bus_create_topics(bus, KAFKA_REPORT_PARTITIONS, KAFKA_RECORD_BYTES, REQUEST_MS,
                                   why, sizeof(why));
    bus_close(bus, 0);
    ck_assert_msg(status == OK, "%s", why);
    rd_kafka_t *rk = kafka_admin();
    await_topic(rk, BUS_LOG_TOPIC, true);
    await_topic(rk, BUS_REPORTS_TOPIC, true);
    rd_kafka_destroy(rk);
}
