/* tail.c: a consumer on fixed partitions that knows how far it is and whether it is being told. */
#include "log/tail.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SILENCE_US (BUS_SILENCE_MS * US_PER_MS)

static const char *topic_of(enum tail_kind kind)
{
    return kind == TAIL_LOG ? BUS_LOG_TOPIC : BUS_REPORTS_TOPIC;
}

/* The newest message of a partition and whatever follows; of the log the newest few. */
static int64_t from_newest(const struct tail *t)
{
    return t->kind == TAIL_LOG ? RD_KAFKA_OFFSET_TAIL(BUS_NEWEST_RECORDS) : RD_KAFKA_OFFSET_TAIL(1);
}

int64_t tail_high(const struct tail *t)
{
    int64_t low = -1, high = -1;
    if (t->rk == NULL || rd_kafka_get_watermark_offsets(t->rk, topic_of(t->kind), 0, &low, &high) !=
                             RD_KAFKA_RESP_ERR_NO_ERROR) {
        return -1;
    }
    return high >= 0 ? high : -1;
}

void tail_init(struct tail *t, enum tail_kind kind, int fd, struct bus_stats *stats)
{
    *t = (struct tail){.kind = kind, .fd = fd, .stats = stats};
}

static void drop_current(struct tail *t)
{
    if (t->current != NULL) {
        rd_kafka_event_destroy(t->current);
        t->current = NULL;
    }
}

void tail_done(struct tail *t)
{
    drop_current(t);
    if (t->rk != NULL) {
        rd_kafka_queue_io_event_enable(t->queue, -1, NULL, 0);
        rd_kafka_queue_destroy(t->queue);
        /* There is no group to leave and no offset to commit, so nothing to wait for. */
        rd_kafka_destroy_flags(t->rk, RD_KAFKA_DESTROY_F_NO_CONSUMER_CLOSE);
    }
    free(t->partitions);
    tail_init(t, t->kind, t->fd, t->stats);
}

static rd_kafka_t *consumer_new(enum tail_kind kind, const struct bus_config *config,
                                int *ret_status, char *why)
{
    bool log = kind == TAIL_LOG;
    const struct setting settings[] = {
        {"group.id", "spillway"}, /* assign() wants one; nothing is ever committed under it */
        {"enable.auto.commit", "false"},
        {"enable.auto.offset.store", "false"},
        {"enable.partition.eof", "true"},
        /* A log that does not reach our offset must be an error; reports just go on with the
           newest. */
        {"auto.offset.reset", log ? "error" : "latest"},
        /* Kafka answers as soon as there is data. The development broker sleeps this long first. */
        {"fetch.wait.max.ms", config->development ? (log ? "5" : "20") : "250"},
        {"fetch.error.backoff.ms", "50"},
        {"fetch.message.max.bytes", log ? CLIENT_MAX_MESSAGE : "1048576"},
        {"queued.min.messages", "1000"},
        {"queued.max.messages.kbytes", "16384"},
        {"check.crcs", "true"},
    };
    return client_new(RD_KAFKA_CONSUMER, config, settings, sizeof(settings) / sizeof(settings[0]),
                      ret_status, why);
}

static int assign_all(struct tail *t)
{
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(t->count);
    for (uint16_t i = 0; i < t->count; i++) {
        int64_t next = t->partitions[i].next;
        rd_kafka_topic_partition_list_add(list, topic_of(t->kind), i)->offset =
            next >= 0 ? next : from_newest(t);
    }
    rd_kafka_resp_err_t err = rd_kafka_assign(t->rk, list);
    rd_kafka_topic_partition_list_destroy(list);
    return client_status(err);
}

int tail_start(struct tail *t, const struct bus_config *config, uint16_t count, int64_t first,
               struct mono now)
{
    int status = OK;
    char why[BUS_TEXT_SIZE] = "";
    tail_done(t);
    t->partitions = calloc(count, sizeof(*t->partitions));
    if (t->partitions == NULL) {
        return ERR_MEMORY;
    }
    t->rk = consumer_new(t->kind, config, &status, why);
    if (t->rk == NULL) {
        client_note(t->stats, RD_KAFKA_RESP_ERR__FAIL, why);
        tail_done(t);
        return status;
    }
    static const uint64_t one = 1; /* what an eventfd takes */
    rd_kafka_poll_set_consumer(t->rk);
    t->queue = rd_kafka_queue_get_consumer(t->rk);
    rd_kafka_queue_io_event_enable(t->queue, t->fd, &one, sizeof(one));
    t->count = count;
    t->now = now;
    for (uint16_t i = 0; i < count; i++) {
        t->partitions[i] = (struct tail_partition){.next = first, .heard = now};
    }
    status = assign_all(t);
    if (status != OK) {
        tail_done(t);
    }
    return status;
}

/* Starts fetching the partition again; the broker's answer is a message or the end. Does not block.
 */
static void ask_again(struct tail *t, uint16_t index, int64_t offset)
{
    struct tail_partition *p = &t->partitions[index];
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(1);
    rd_kafka_topic_partition_list_add(list, topic_of(t->kind), index)->offset = offset;
    rd_kafka_error_t *error = rd_kafka_seek_partitions(t->rk, list, 0);
    if (error != NULL) {
        client_note(t->stats, rd_kafka_error_code(error), rd_kafka_error_string(error));
        rd_kafka_error_destroy(error);
    }
    rd_kafka_topic_partition_list_destroy(list);
    p->asked = true;
    p->asked_at = t->now;
}

/* The partition cannot be read. The seek makes its return an event: of the log at the same place;
 * of reports at the newest one, because a backlog is history and no evidence. */
static void lose(struct tail *t, uint16_t index, int status)
{
    struct tail_partition *p = &t->partitions[index];
    if (!p->lost) {
        p->lost = true;
        p->lost_told = false;
        p->status = status;
        t->any_lost = true;
        ask_again(t, index, t->kind == TAIL_LOG && p->next >= 0 ? p->next : from_newest(t));
    }
}

void tail_pump(struct tail *t, struct mono now)
{
    t->now = now;
    if (t->rk == NULL || t->broken) {
        return;
    }
    for (uint16_t i = 0; i < t->count; i++) {
        struct tail_partition *p = &t->partitions[i];
        if (p->lost) {
            continue;
        }
        if (!p->asked && mono_diff_us(now, p->heard) > SILENCE_US) {
            ask_again(t, i, p->next >= 0 ? p->next : from_newest(t));
        } else if (p->asked && mono_diff_us(now, p->asked_at) > SILENCE_US) {
            lose(t, i, ERR_TIMEOUT);
        }
    }
}

static void heard(struct tail *t, struct tail_partition *p)
{
    p->heard = t->now;
    p->asked = false;
    p->lost = false;
}

/* The log is not the one that we read: stop before anything of it is folded. */
static int log_broken(struct tail *t, int status, int64_t offset, struct bus_event *ret_event)
{
    t->broken = true;
    rd_kafka_assign(t->rk, NULL);
    *ret_event = (struct bus_event){
        .kind = BUS_LOG_BROKEN, .offset = offset, .status = status, .why = t->why};
    return 1;
}

static int take_message(struct tail *t, const rd_kafka_message_t *m, struct bus_event *ret_event)
{
    if (m->partition < 0 || m->partition >= t->count) {
        return 0;
    }
    struct tail_partition *p = &t->partitions[m->partition];
    if (t->kind == TAIL_LOG && m->offset < p->next) {
        return 0; /* fetched before a seek and again after it */
    }
    if (t->kind == TAIL_LOG && p->next >= 0 && m->offset > p->next) {
        snprintf(t->why, sizeof(t->why), "the log goes on at offset %lld where %lld is due",
                 (long long)m->offset, (long long)p->next);
        return log_broken(t, ERR_CORRUPT, p->next, ret_event);
    }
    p->next = m->offset + 1;
    heard(t, p);
    p->fresh = t->any_fresh = true;
    *ret_event = (struct bus_event){.kind = t->kind == TAIL_LOG ? BUS_RECORD : BUS_REPORT,
                                    .partition = (uint16_t)m->partition,
                                    .offset = m->offset,
                                    .data = m->payload,
                                    .size = m->len,
                                    .why = ""};
    return 1;
}

static struct bus_event end_of(const struct tail *t, uint16_t index)
{
    return (struct bus_event){.kind = t->kind == TAIL_LOG ? BUS_LOG_END : BUS_REPORTS_END,
                              .partition = index,
                              .offset = t->partitions[index].next,
                              .why = ""};
}

static int take_end(struct tail *t, const rd_kafka_topic_partition_t *at,
                    struct bus_event *ret_event)
{
    struct tail_partition *p = &t->partitions[at->partition];
    if (t->kind == TAIL_LOG && p->next >= 0 && at->offset != p->next) {
        return 0; /* from before a seek */
    }
    p->next = at->offset;
    heard(t, p);
    *ret_event = end_of(t, (uint16_t)at->partition);
    return 1;
}

/* What we were given was the last there was, by the answer that brought it or a later one. The
 * library tells an end only after an answer without a message: on Kafka after fetch.wait.max.ms of
 * silence, so never on a log that is written to more often. */
static int take_reached_end(struct tail *t, struct bus_event *ret_event)
{
    for (uint16_t i = 0; t->any_fresh && i < t->count; i++) {
        struct tail_partition *p = &t->partitions[i];
        int64_t low = 0;
        int64_t high = -1;
        if (!p->fresh) {
            continue;
        }
        p->fresh = false;
        if (rd_kafka_get_watermark_offsets(t->rk, topic_of(t->kind), i, &low, &high) ==
                RD_KAFKA_RESP_ERR_NO_ERROR &&
            high == p->next) {
            *ret_event = end_of(t, i);
            return 1;
        }
    }
    t->any_fresh = false;
    return 0;
}

/* An error that names a partition. */
static int partition_error(struct tail *t, rd_kafka_event_t *event,
                           const rd_kafka_topic_partition_t *at, struct bus_event *ret_event)
{
    rd_kafka_resp_err_t err = rd_kafka_event_error(event);
    if (at->partition < 0 || at->partition >= t->count) {
        return 0;
    }
    if (err == RD_KAFKA_RESP_ERR__PARTITION_EOF) {
        return take_end(t, at, ret_event);
    }
    client_note(t->stats, err, rd_kafka_event_error_string(event));
    snprintf(t->why, sizeof(t->why), "%s", rd_kafka_event_error_string(event));
    if (t->kind == TAIL_LOG && client_status(err) == ERR_FOREIGN) {
        return log_broken(t, ERR_FOREIGN, t->partitions[at->partition].next, ret_event);
    }
    lose(t, (uint16_t)at->partition, client_status(err));
    return 0;
}

static int take_error(struct tail *t, rd_kafka_event_t *event, struct bus_event *ret_event)
{
    rd_kafka_topic_partition_t *at = rd_kafka_event_topic_partition(event);
    int got = 0;
    if (at != NULL) {
        got = partition_error(t, event, at, ret_event);
        rd_kafka_topic_partition_destroy(at);
        return got;
    }
    client_note(t->stats, rd_kafka_event_error(event), rd_kafka_event_error_string(event));
    if (rd_kafka_event_error(event) == RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN) {
        snprintf(t->why, sizeof(t->why), "%s", rd_kafka_event_error_string(event));
        for (uint16_t i = 0; i < t->count; i++) {
            lose(t, i, ERR_UNAVAILABLE);
        }
    }
    return 0;
}

/* The next loss that the caller does not know yet. */
static int take_loss(struct tail *t, struct bus_event *ret_event)
{
    for (uint16_t i = 0; t->any_lost && i < t->count; i++) {
        struct tail_partition *p = &t->partitions[i];
        if (p->lost && !p->lost_told) {
            p->lost_told = true;
            *ret_event =
                (struct bus_event){.kind = t->kind == TAIL_LOG ? BUS_LOG_LOST : BUS_REPORTS_LOST,
                                   .partition = i,
                                   .offset = p->next,
                                   .status = p->status,
                                   .why = p->status == ERR_TIMEOUT ? "no answer in time" : t->why};
            return 1;
        }
    }
    t->any_lost = false;
    return 0;
}

int tail_next(struct tail *t, struct bus_event *ret_event)
{
    drop_current(t);
    if (t->rk == NULL) {
        return 0;
    }
    int got = take_loss(t, ret_event);
    while (got == 0 && (t->current = rd_kafka_queue_poll(t->queue, 0)) != NULL) {
        rd_kafka_event_type_t type = rd_kafka_event_type(t->current);
        if (!t->broken && type == RD_KAFKA_EVENT_FETCH) {
            const rd_kafka_message_t *m = rd_kafka_event_message_next(t->current);
            got = m != NULL ? take_message(t, m, ret_event) : 0;
        } else if (!t->broken && type == RD_KAFKA_EVENT_ERROR) {
            got = take_error(t, t->current, ret_event);
            got = got == 0 ? take_loss(t, ret_event) : got;
        }
        if (got == 0) {
            drop_current(t);
        }
    }
    return got == 0 && !t->broken ? take_reached_end(t, ret_event) : got;
}
