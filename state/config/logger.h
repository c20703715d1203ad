/* logger.h: one line of logfmt or JSON per event on standard error, for daemons and adapters only.
 *
 *     log_event(&log, LOG_WARNING, LOG_CODE("report-dropped"), LOG_STR("observer", name));
 *
 * gives  ts=2026-11-24T05:55:19.123Z level=warning event=report-dropped observer=beijing
 *
 * Event codes are stable: runbooks name them. What comes from outside is quoted and escaped, so
 * that a line stays a line. Bad input must not flood the log: count it and ask log_allow() before
 * each line. */
#ifndef SPILLWAY_CONFIG_LOGGER_H
#define SPILLWAY_CONFIG_LOGGER_H

#include "base/times.h"
#include "config/settings.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { LOG_LINE_MAX = 2048 }; /* bytes of a line; of a longer one the last fields are left out */

struct logger {
    int fd; /* where lines go: STDERR_FILENO in a daemon */
    enum log_format format;
    enum log_level level;           /* least important level that is still written */
    char identity[FLEET_NAME_SIZE]; /* written into every line as idc, or "" while unknown */
};

enum log_field_kind { LOG_FIELD_STRING, LOG_FIELD_INTEGER };

struct log_field {
    const char *key;
    enum log_field_kind kind;
    const char *string; /* NULL or "": the field is left out */
    int64_t integer;
};

#define LOG_STR(k, v) ((struct log_field){(k), LOG_FIELD_STRING, (v), 0})
#define LOG_INT(k, v) ((struct log_field){(k), LOG_FIELD_INTEGER, NULL, (int64_t)(v)})
/* The stable event code; the first field of every line. */
#define LOG_CODE(code) LOG_STR("event", (code))

#define log_event(logger, level, ...)                                                              \
    log_fields((logger), (level), (const struct log_field[]){__VA_ARGS__},                         \
               sizeof((const struct log_field[]){__VA_ARGS__}) / sizeof(struct log_field))

/* Writes one line by one write(); a failing or full standard error loses it, the daemon goes on. */
void log_fields(const struct logger *l, enum log_level level, const struct log_field *fields,
                size_t count);

/* At most one line per interval for one kind of bad input; all of it is counted. */
struct log_limit {
    struct mono next; /* when a line is allowed again */
    uint64_t total;   /* counted since the start */
    uint64_t silent;  /* counted since the last line */
};

/* Counts one, and says whether to write a line about it; then *ret_silent is how many were counted
 * without a line since the last one. */
bool log_allow(struct log_limit *limit, struct mono now, int64_t interval_us, uint64_t *ret_silent);

#endif
