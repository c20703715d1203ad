/* produce.c: appends are handed over at once and forgotten; reports wait in a ring of the newest.
 */
#include "log/produce.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

static int start(struct producer *p, char *why)
{
    static const struct setting settings[] = {
        {"enable.idempotence",
         "true"}, /* order within a session; duplicates are the fold's to drop */
        {"acks", "all"},
        {"linger.ms", "0"},
        /* A message that waited longer is older than its successor: give the queue to newer ones.
         */
        {"message.timeout.ms", "2500"},
        {"request.timeout.ms", "2500"},
        {"queue.buffering.max.messages", "1000"}, /* above both of our own bounds */
    };
    int status = OK;
    rd_kafka_t *rk = client_new(RD_KAFKA_PRODUCER, p->config, settings,
                                sizeof(settings) / sizeof(settings[0]), &status, why);
    if (rk == NULL) {
        return status;
    }
    static const uint64_t one = 1; /* what an eventfd takes */
    p->rk = rk;
    p->queue = rd_kafka_queue_get_main(rk);
    rd_kafka_queue_io_event_enable(p->queue, p->fd, &one, sizeof(one));
    p->appends_in_flight = 0;
    p->away =
        true; /* until the first acknowledgement: the newest report goes first at the start too */
    p->fatal = false;
    return OK;
}

static void stop(struct producer *p)
{
    if (p->rk != NULL) {
        rd_kafka_queue_io_event_enable(p->queue, -1, NULL, 0);
        rd_kafka_queue_destroy(p->queue);
        rd_kafka_destroy(p->rk);
        p->rk = NULL;
        p->queue = NULL;
    }
}

int producer_init(struct producer *p, const struct bus_config *config, int fd,
                  struct bus_stats *stats, char *why)
{
    *p = (struct producer){.fd = fd, .config = config, .stats = stats};
    return start(p, why);
}

static void slot_free(struct report_slot *s)
{
    free(s->data);
    *s = (struct report_slot){.state = SLOT_FREE};
}

/* Unsettled appends and reports. */
static uint32_t in_flight(const struct producer *p)
{
    uint32_t n = p->appends_in_flight;
    for (size_t i = 0; i < BUS_REPORT_RING; i++) {
        n += p->slots[i].state == SLOT_IN_FLIGHT;
    }
    return n;
}

void producer_done(struct producer *p, int flush_ms)
{
    if (p->rk != NULL && flush_ms > 0 && in_flight(p) > 0) {
        rd_kafka_flush(p->rk, flush_ms);
    }
    stop(p);
    for (size_t i = 0; i < BUS_REPORT_RING; i++) {
        slot_free(&p->slots[i]);
    }
}

/* Hands a message over. number 0 marks an append, else a report of that number. */
static int hand_over(struct producer *p, const char *topic, uint16_t partition, const void *data,
                     size_t size, uint64_t number)
{
    if (p->rk == NULL) {
        return ERR_UNAVAILABLE;
    }
    /* The library copies because of the flag, and does not write through the pointer. */
    const rd_kafka_vu_t message[] = {
        {.vtype = RD_KAFKA_VTYPE_TOPIC, .u.cstr = topic},
        {.vtype = RD_KAFKA_VTYPE_PARTITION, .u.i32 = partition},
        {.vtype = RD_KAFKA_VTYPE_VALUE, .u.mem = {.ptr = (void *)(uintptr_t)data, .size = size}},
        {.vtype = RD_KAFKA_VTYPE_MSGFLAGS, .u.i = RD_KAFKA_MSG_F_COPY},
        {.vtype = RD_KAFKA_VTYPE_OPAQUE, .u.ptr = (void *)(uintptr_t)number},
    };
    rd_kafka_error_t *error =
        rd_kafka_produceva(p->rk, message, sizeof(message) / sizeof(message[0]));
    rd_kafka_resp_err_t err = rd_kafka_error_code(error); /* of NULL: no error */
    rd_kafka_error_destroy(error);
    if (err != RD_KAFKA_RESP_ERR_NO_ERROR) {
        client_note(p->stats, err, NULL);
    }
    return client_status(err);
}

int producer_append(struct producer *p, const void *data, size_t size)
{
    if (p->appends_in_flight >= BUS_MAX_IN_FLIGHT) {
        p->stats->append_refused++;
        return ERR_FULL;
    }
    int status = hand_over(p, BUS_LOG_TOPIC, 0, data, size, 0);
    if (status == OK) {
        p->appends_in_flight++;
    }
    return status;
}

/* The slot of this state with the highest (or lowest) number, or NULL. */
static struct report_slot *pick(struct producer *p, enum slot_state state, bool newest)
{
    struct report_slot *best = NULL;
    for (size_t i = 0; i < BUS_REPORT_RING; i++) {
        struct report_slot *s = &p->slots[i];
        if (s->state == state && (best == NULL || (s->number > best->number) == newest)) {
            best = s;
        }
    }
    return best;
}

/* Hands waiting reports over, the newest first. While the brokers are away only one at a time, so
 * that what arrives in the meantime overtakes what waits. */
static void send_waiting(struct producer *p)
{
    struct report_slot *s;
    while ((s = pick(p, SLOT_WAITING, true)) != NULL &&
           !(p->away && pick(p, SLOT_IN_FLIGHT, true) != NULL)) {
        int status = hand_over(p, BUS_REPORTS_TOPIC, s->partition, s->data, s->size, s->number);
        if (status == ERR_TOO_LARGE) {
            p->stats->reports_dropped++;
            slot_free(s);
        } else if (status != OK) {
            return; /* the library's queue is full: the next settled message brings us back */
        } else {
            s->state = SLOT_IN_FLIGHT;
        }
    }
}

int producer_report(struct producer *p, uint16_t partition, const void *data, size_t size)
{
    struct report_slot *s = pick(p, SLOT_FREE, true);
    if (s == NULL) {
        s = pick(p, SLOT_WAITING, false);
        if (s == NULL) {
            s = pick(p, SLOT_IN_FLIGHT,
                     false); /* its settlement will find another number and do nothing */
        }
        assert(s != NULL);
    }
    uint8_t *copy = malloc(size > 0 ? size : 1);
    if (copy == NULL) {
        return ERR_MEMORY;
    }
    memcpy(copy, data, size);
    if (s->state != SLOT_FREE) {
        p->stats->reports_dropped++;
        p->dropped = s->number;
        slot_free(s);
    }
    *s = (struct report_slot){.state = SLOT_WAITING,
                              .partition = partition,
                              .number = ++p->next_number,
                              .data = copy,
                              .size = size};
    send_waiting(p);
    return OK;
}

static void settle_append(struct producer *p, rd_kafka_resp_err_t err)
{
    assert(p->appends_in_flight > 0);
    p->appends_in_flight--;
    if (err == RD_KAFKA_RESP_ERR_NO_ERROR) {
        p->stats->appended++;
    } else {
        p->stats->append_failed++;
    }
}

static void settle_report(struct producer *p, uint64_t number, rd_kafka_resp_err_t err)
{
    if (err == RD_KAFKA_RESP_ERR_NO_ERROR) {
        p->stats->reports_sent++;
    }
    for (size_t i = 0; i < BUS_REPORT_RING; i++) {
        struct report_slot *s = &p->slots[i];
        if (s->state != SLOT_IN_FLIGHT || s->number != number) {
            continue;
        }
        if (err == RD_KAFKA_RESP_ERR_NO_ERROR) {
            slot_free(s);
        } else if (client_status(err) == ERR_TOO_LARGE || number < p->dropped) {
            p->stats->reports_dropped++;
            slot_free(s);
        } else {
            p->stats->reports_retried++;
            s->state = SLOT_WAITING;
        }
    }
}

/* A fatal error ends the session of an idempotent producer (a broker that lost its state, say): a
 * new one begins. What was in flight may or may not have arrived, as always. */
static void restart(struct producer *p)
{
    char why[BUS_TEXT_SIZE] = "";
    p->stats->append_failed += p->appends_in_flight;
    stop(p);
    for (size_t i = 0; i < BUS_REPORT_RING; i++) {
        if (p->slots[i].state == SLOT_IN_FLIGHT) {
            p->slots[i].state = SLOT_WAITING;
        }
    }
    p->stats->restarts++;
    if (start(p, why) != OK) {
        /* The same settings worked at bus_open: only memory or threads can be short. Appends and
         * reports answer with an error until a later attempt works. */
        client_note(p->stats, RD_KAFKA_RESP_ERR__CRIT_SYS_RESOURCE, why);
    }
}

static void handle_deliveries(struct producer *p, rd_kafka_event_t *event)
{
    const rd_kafka_message_t *m;
    while ((m = rd_kafka_event_message_next(event)) != NULL) {
        uint64_t number = (uint64_t)(uintptr_t)m->_private;
        if (m->err != RD_KAFKA_RESP_ERR_NO_ERROR) {
            client_note(p->stats, m->err, NULL);
        }
        p->away = m->err != RD_KAFKA_RESP_ERR_NO_ERROR;
        if (number == 0) {
            settle_append(p, m->err);
        } else {
            settle_report(p, number, m->err);
        }
    }
}

void producer_pump(struct producer *p)
{
    rd_kafka_event_t *event;
    while (p->rk != NULL && (event = rd_kafka_queue_poll(p->queue, 0)) != NULL) {
        rd_kafka_event_type_t type = rd_kafka_event_type(event);
        if (type == RD_KAFKA_EVENT_DR) {
            handle_deliveries(p, event);
        } else if (type == RD_KAFKA_EVENT_ERROR) {
            client_note(p->stats, rd_kafka_event_error(event), rd_kafka_event_error_string(event));
            p->fatal = p->fatal || rd_kafka_event_error_is_fatal(event) != 0;
        }
        rd_kafka_event_destroy(event);
    }
    if (p->fatal || p->rk == NULL) {
        restart(p);
    }
    send_waiting(p);
}
