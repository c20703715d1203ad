/* lab.h: what the lab's small programs share: the one clock, their JSON settings, namespaces,
 * failing. */
#ifndef SPILLWAY_LAB_H
#define SPILLWAY_LAB_H

#include <jansson.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>

/* CLOCK_MONOTONIC in microseconds: the same in every namespace of the machine, so times of
 * different lab programs compare directly. */
int64_t lab_now_us(void);

/* Says what is wrong and ends the program with status 1. For programs' mains only. */
_Noreturn void lab_fail(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* The settings: one JSON file named on the command line, the only argument. Handles --help. The
 * caller owns the reference. */
json_t *lab_settings(int argc, char **argv, const char *help);

/* Fields of a settings object; a missing or ill-typed field ends the program with its name. Strings
 * and arrays are borrowed from the object. */
const char *lab_string(const json_t *object, const char *key);
int64_t lab_integer(const json_t *object, const char *key);
double lab_number(const json_t *object, const char *key);
json_t *lab_array(const json_t *object, const char *key);

/* Room for count zeroed elements; never NULL. */
void *lab_alloc(size_t count, size_t size);

/* An IPv4 socket address from text. */
struct sockaddr_in lab_address(const char *text, uint16_t port);

/* Moves the calling thread into a named network namespace (ip-netns(8)). Sockets made from then on
 * belong to it for ever. */
void lab_enter(const char *netns);

/* Feature names that a flagd file sets to "off", as "<service>.<feature>", sorted, joined by ','.
 * False when there is no readable file; text is then empty. */
bool lab_features_off(const char *path, char *text, size_t size);

/* A number in a small JSON file that may change or be absent: {"key": ...}, or {"key": {"name":
 * ...}} when name is not NULL. */
double lab_control(const char *path, const char *key, const char *name, double absent);

#endif
