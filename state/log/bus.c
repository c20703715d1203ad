/* bus.c: one descriptor and one queue of events over a producer, two tails and a check of the
 * topics. */
#include "log/produce.h"
#include "log/tail.h"
#include "log/topics.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

struct bus {
    int fd;                   /* an eventfd that all queues of the library write to */
    struct bus_config config; /* owned copies of the strings */
    struct bus_stats stats;
    struct producer producer;
    struct tail log, reports;
    struct topics_check check;
    char why[BUS_TEXT_SIZE];
};

static void tell(char *why, size_t why_size, const char *sentence)
{
    if (why != NULL && why_size > 0) {
        snprintf(why, why_size, "%s", sentence);
    }
}

/* Everything of a bus but its clients. */
static struct bus *bus_new(const struct bus_config *config)
{
    struct bus *bus = calloc(1, sizeof(*bus));
    if (bus == NULL) {
        return NULL;
    }
    bus->config.development = config->development;
    bus->config.brokers = strdup(config->brokers);
    bus->config.client_id = strdup(config->client_id);
    bus->config.security = strdup(config->security != NULL ? config->security : "");
    bus->fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    tail_init(&bus->log, TAIL_LOG, bus->fd, &bus->stats);
    tail_init(&bus->reports, TAIL_REPORTS, bus->fd, &bus->stats);
    if (bus->config.brokers == NULL || bus->config.client_id == NULL ||
        bus->config.security == NULL || bus->fd < 0) {
        bus_close(bus, 0);
        return NULL;
    }
    return bus;
}

int bus_open(const struct bus_config *config, struct bus **ret_bus, char *why, size_t why_size)
{
    if (config->brokers[0] == '\0') {
        tell(why, why_size, "no brokers given");
        return ERR_INVALID;
    }
    struct bus *bus = bus_new(config);
    if (bus == NULL) {
        tell(why, why_size, "out of memory or file descriptors");
        return ERR_MEMORY;
    }
    int status = producer_init(&bus->producer, &bus->config, bus->fd, &bus->stats, bus->why);
    if (status != OK) {
        tell(why, why_size, bus->why);
        bus_close(bus, 0);
        return status;
    }
    *ret_bus = bus;
    return OK;
}

void bus_close(struct bus *bus, int flush_ms)
{
    if (bus == NULL) {
        return;
    }
    producer_done(&bus->producer, flush_ms);
    tail_done(&bus->log);
    tail_done(&bus->reports);
    topics_check_done(&bus->check);
    if (bus->fd >= 0) {
        close(bus->fd);
    }
    free((void *)(uintptr_t)bus->config.brokers);
    free((void *)(uintptr_t)bus->config.client_id);
    free((void *)(uintptr_t)bus->config.security);
    free(bus);
}

int bus_fd(const struct bus *bus)
{
    return bus->fd;
}

const struct bus_stats *bus_stats(const struct bus *bus)
{
    return &bus->stats;
}

void bus_pump(struct bus *bus, struct mono now)
{
    producer_pump(&bus->producer);
    topics_check_pump(&bus->check);
    tail_pump(&bus->log, now);
    tail_pump(&bus->reports, now);
}

static int take_event(struct bus *bus, struct bus_event *ret_event)
{
    if (tail_next(&bus->log, ret_event) == 1 || tail_next(&bus->reports, ret_event) == 1) {
        return 1;
    }
    if (bus->check.answered) {
        bus->check.answered = false;
        *ret_event = (struct bus_event){
            .kind = BUS_TOPICS, .status = bus->check.status, .why = bus->check.why};
        return 1;
    }
    return 0;
}

int bus_next(struct bus *bus, struct bus_event *ret_event)
{
    if (take_event(bus, ret_event) == 1) {
        return 1;
    }
    /* The fd is cleared only when all is empty, and before looking once more: what comes later
     * makes it readable again. */
    uint64_t count;
    ssize_t n = read(bus->fd, &count, sizeof(count));
    producer_pump(&bus->producer);
    topics_check_pump(&bus->check);
    if (take_event(bus, ret_event) == 0) {
        return 0;
    }
    /* Something came in between, and there may be more behind it whose signal was cleared. */
    count = 1;
    n = write(bus->fd, &count, sizeof(count));
    (void)n; /* EAGAIN is no failure of either: it was clear already, or is readable already */
    return 1;
}

int bus_tail_log(struct bus *bus, int64_t offset, struct mono now)
{
    return offset < 0 ? ERR_INVALID : tail_start(&bus->log, &bus->config, 1, offset, now);
}

int bus_tail_newest(struct bus *bus, struct mono now)
{
    return tail_start(&bus->log, &bus->config, 1, -1, now);
}

int64_t bus_log_high(const struct bus *bus)
{
    return tail_high(&bus->log);
}

int bus_tail_reports(struct bus *bus, uint16_t partitions, struct mono now)
{
    if (partitions == 0 || partitions > BUS_MAX_PARTITIONS) {
        return ERR_INVALID;
    }
    return tail_start(&bus->reports, &bus->config, partitions, -1, now);
}

int bus_append(struct bus *bus, const void *data, size_t size)
{
    return producer_append(&bus->producer, data, size);
}

int bus_report(struct bus *bus, uint16_t partition, const void *data, size_t size)
{
    return producer_report(&bus->producer, partition, data, size);
}

int bus_check_topics(struct bus *bus, uint16_t partitions, size_t max_record_bytes)
{
    return topics_check_start(&bus->check, &bus->config, bus->fd, partitions, max_record_bytes);
}

int bus_create_topics(struct bus *bus, uint16_t partitions, size_t max_record_bytes, int timeout_ms,
                      char *why, size_t why_size)
{
    int status = topics_create(&bus->config, partitions, max_record_bytes, timeout_ms, bus->why);
    if (status != OK) {
        tell(why, why_size, bus->why);
    }
    return status;
}
