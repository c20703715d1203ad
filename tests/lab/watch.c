/* watch.c: sees from outside, on one clock: DNS answers, kernel routes, carrier signals, feature
 * files; prints their changes.
 *
 * Each is asked every interval (5 ms by default) with CLOCK_MONOTONIC; one JSON line per change,
 * the first state included. It asks the servers, the kernel and the file system, never Spillway. */
#include "watch.h"

#include "lab.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/timerfd.h>
#include <unistd.h>

struct program {
    size_t dns_count, route_count, link_count, file_count;
    struct dns_watch **dns;
    struct route_watch **routes;
    struct link_watch **links;
    struct file_watch **files;
};

static void program_load(struct program *p, const json_t *settings)
{
    json_t *dns = lab_array(settings, "dns"), *routes = lab_array(settings, "routes");
    json_t *links = lab_array(settings, "links"), *files = lab_array(settings, "features"), *item;
    size_t i;
    p->dns_count = json_array_size(dns);
    p->route_count = json_array_size(routes);
    p->link_count = json_array_size(links);
    p->file_count = json_array_size(files);
    p->dns = lab_alloc(p->dns_count, sizeof(struct dns_watch *));
    p->routes = lab_alloc(p->route_count, sizeof(struct route_watch *));
    p->links = lab_alloc(p->link_count, sizeof(struct link_watch *));
    p->files = lab_alloc(p->file_count, sizeof(struct file_watch *));
    json_array_foreach(dns, i, item)
    {
        p->dns[i] = dns_watch_new(item);
    }
    json_array_foreach(routes, i, item)
    {
        p->routes[i] = route_watch_new(item);
    }
    json_array_foreach(links, i, item)
    {
        p->links[i] = link_watch_new(item);
    }
    json_array_foreach(files, i, item)
    {
        p->files[i] = file_watch_new(item);
    }
}

/* Causes before effects: a carrier signal is read before the routes that follow it. */
static void poll_all(const struct program *p)
{
    for (size_t i = 0; i < p->link_count; i++) {
        link_watch_poll(p->links[i]);
    }
    for (size_t i = 0; i < p->dns_count; i++) {
        dns_watch_poll(p->dns[i]);
    }
    for (size_t i = 0; i < p->route_count; i++) {
        route_watch_poll(p->routes[i]);
    }
    for (size_t i = 0; i < p->file_count; i++) {
        file_watch_poll(p->files[i]);
    }
}

int main(int argc, char **argv)
{
    json_t *settings =
        lab_settings(argc, argv, "Prints changes of DNS answers, kernel routes, feature files.");
    int64_t interval = lab_integer(settings, "interval_us");
    struct program p = {0};
    program_load(&p, settings);
    struct itimerspec each = {.it_interval.tv_sec = interval / 1000000,
                              .it_interval.tv_nsec = interval % 1000000 * 1000};
    each.it_value = each.it_interval;
    int timer = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC);
    if (timer < 0 || timerfd_settime(timer, 0, &each, NULL) != 0) {
        lab_fail("timer: %s", strerror(errno));
    }
    for (;;) {
        uint64_t ticks;
        if (read(timer, &ticks, sizeof(ticks)) != sizeof(ticks)) {
            lab_fail("timer: %s", strerror(errno));
        }
        poll_all(&p);
    }
}
