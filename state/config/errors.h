/* errors.h: what is wrong with a configuration, all of it at once, each place by line and column.
 */
#ifndef SPILLWAY_CONFIG_ERRORS_H
#define SPILLWAY_CONFIG_ERRORS_H

#include "base/error.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

enum { CONFIG_MAX_ERRORS = 1000 }; /* kept; more are only counted */

struct config_error {
    uint32_t line, column; /* from 1; 0 when there is no place (the file could not be read) */
    uint32_t order;        /* of finding, so that sorting is stable */
    bool warning;          /* worth reading, does not refuse the file */
    char *text;            /* "found X, expected Y" */
};

/* Owned by the caller; start with zeros, end with config_errors_done(). */
struct config_errors {
    struct config_error *items; /* sorted by place once the parser returned */
    uint32_t count, capacity;
    uint32_t error_count, warning_count; /* all that were found, kept or not */
};

void config_errors_done(struct config_errors *errs);
/* Adds one. Text that cannot be kept is still counted. */
void config_error_add(struct config_errors *errs, bool warning, uint32_t line, uint32_t column,
                      const char *format, ...) __attribute__((format(printf, 5, 6)));
/* By line, then column, then order of finding; drops exact repetitions. */
void config_errors_sort(struct config_errors *errs);
/* One line each: "file:line:column: text", warnings as "file:line:column: warning: text". */
void config_errors_print(const struct config_errors *errs, const char *filename, FILE *out);

#endif
