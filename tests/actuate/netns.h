/* netns.h: a network namespace of the test's own, with links, and a look at its routes. */
#ifndef SPILLWAY_TESTS_ACTUATE_NETNS_H
#define SPILLWAY_TESTS_ACTUATE_NETNS_H

#include <stdbool.h>
#include <stddef.h>

/* Moves the process into a new namespace with lo and the interfaces of beijing in the example fleet
 * (to-shanghai, to-shenzhen), their peers inside a second, nameless namespace left out: both ends
 * are here. False when that is not permitted. */
bool netns_enter(void);
/* Runs a command; the test fails when it fails. */
void run(const char *format, ...) __attribute__((format(printf, 1, 2)));
/* Output of a command, cut to size. */
void output_of(const char *command, char *ret_text, size_t size);

#endif
