/* watch.h: one watched thing: asked at every tick, told only when it changes. */
#ifndef SPILLWAY_LAB_WATCH_H
#define SPILLWAY_LAB_WATCH_H

#include <jansson.h>
#include <stdint.h>

enum { WATCH_TEXT = 8192 };

/* The answers of one DNS server, over UDP from one namespace. */
struct dns_watch;
struct dns_watch *dns_watch_new(const json_t *settings);
void dns_watch_poll(struct dns_watch *w);

/* The effective route of one IDC to some addresses: what the kernel would do now (RTM_GETROUTE). */
struct route_watch;
struct route_watch *route_watch_new(const json_t *settings);
void route_watch_poll(struct route_watch *w);

/* The carrier signal of one IDC's interfaces. */
struct link_watch;
struct link_watch *link_watch_new(const json_t *settings);
void link_watch_poll(struct link_watch *w);

/* The feature file of one IDC. */
struct file_watch;
struct file_watch *file_watch_new(const json_t *settings);
void file_watch_poll(struct file_watch *w);

#endif
