/* logger.c: builds a line in a fixed buffer and writes it by one write(). */
#include "config/logger.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static const char *level_name(enum log_level level)
{
    switch (level) {
    case LOG_ERROR: return "error";
    case LOG_WARNING: return "warning";
    case LOG_INFO: return "info";
    case LOG_DEBUG: return "debug";
    }
    return "?";
}

struct line {
    char at[LOG_LINE_MAX];
    size_t len;
    bool cut;
};

/* Room kept back for the end of a line. */
enum { LINE_TAIL = 16 };
/* Bytes shown of one value; the rest is "...". */
enum { VALUE_MAX = 400 };

static void line_char(struct line *line, char c)
{
    if (line->len >= sizeof line->at - LINE_TAIL) {
        line->cut = true;
        return;
    }
    line->at[line->len++] = c;
}

static void line_put(struct line *line, const char *s)
{
    while (*s != '\0') {
        line_char(line, *s++);
    }
}

/* Quotes what must be: both logfmt and JSON read it back. Control bytes become \u00xx, and whatever
 * is not plain ASCII too, since an outsider's text may be no UTF-8. */
static void line_quoted(struct line *line, const char *s)
{
    line_char(line, '"');
    for (size_t n = 0; *s != '\0'; s++, n++) {
        if (n == VALUE_MAX) {
            line_put(line, "...");
            break;
        }
        unsigned char c = (unsigned char)*s;
        if (c == '"' || c == '\\') {
            line_char(line, '\\');
            line_char(line, *s);
        } else if (c < 0x20 || c >= 0x7f) {
            static const char hex[] = "0123456789abcdef";
            char escape[] = {'\\', 'u', '0', '0', hex[c >> 4], hex[c & 15], '\0'};
            line_put(line, escape);
        } else {
            line_char(line, *s);
        }
    }
    line_char(line, '"');
}

/* A value that logfmt reads back without quotes. */
static bool is_plain(const char *s)
{
    if (*s == '\0') {
        return false;
    }
    for (size_t n = 0; *s != '\0'; s++, n++) {
        if (n == VALUE_MAX || (unsigned char)*s <= 0x20 || (unsigned char)*s >= 0x7f || *s == '"' ||
            *s == '\\' || *s == '=') {
            return false;
        }
    }
    return true;
}

static void line_field(struct line *line, enum log_format format, const struct log_field *f)
{
    char number[24];
    const char *value = f->string;
    if (f->kind == LOG_FIELD_INTEGER) {
        snprintf(number, sizeof number, "%lld", (long long)f->integer);
        value = number;
    }
    switch (format) {
    case LOG_LOGFMT:
        if (line->len > 0) {
            line_char(line, ' ');
        }
        line_put(line, f->key);
        line_char(line, '=');
        break;
    case LOG_JSON:
        line_char(line, line->len == 0 ? '{' : ',');
        line_quoted(line, f->key);
        line_char(line, ':');
        break;
    }
    if (f->kind == LOG_FIELD_INTEGER || (format == LOG_LOGFMT && is_plain(value))) {
        line_put(line, value);
    } else {
        line_quoted(line, value);
    }
}

static void line_end(struct line *line, enum log_format format)
{
    const char *tail = "\n";
    switch (format) {
    case LOG_LOGFMT: tail = line->cut ? " cut=true\n" : "\n"; break;
    case LOG_JSON: tail = line->cut ? ",\"cut\":true}\n" : "}\n"; break;
    }
    size_t n = strlen(tail);
    assert(line->len + n <= sizeof line->at);
    memcpy(line->at + line->len, tail, n);
    line->len += n;
}

/* Writes a field whole or not at all: a line that is cut between two fields is still read back. */
static void line_field_whole(struct line *line, enum log_format format, const struct log_field *f)
{
    size_t before = line->len;
    bool absent = f->kind == LOG_FIELD_STRING && (f->string == NULL || f->string[0] == '\0');
    if (!line->cut && !absent) {
        line_field(line, format, f);
        line->len = line->cut ? before : line->len;
    }
}

void log_fields(const struct logger *l, enum log_level level, const struct log_field *fields,
                size_t count)
{
    if (level > l->level) {
        return;
    }
    struct timespec now;
    struct tm tm;
    char date[32], ts[48];
    clock_gettime(CLOCK_REALTIME, &now);
    gmtime_r(&now.tv_sec, &tm);
    strftime(date, sizeof date, "%Y-%m-%dT%H:%M:%S", &tm);
    snprintf(ts, sizeof ts, "%s.%03dZ", date, (int)(now.tv_nsec / 1000000));

    struct line line = {.len = 0};
    const struct log_field head[] = {LOG_STR("ts", ts), LOG_STR("level", level_name(level)),
                                     LOG_STR("idc", l->identity)};
    for (size_t i = 0; i < sizeof head / sizeof head[0]; i++) {
        line_field_whole(&line, l->format, &head[i]);
    }
    for (size_t i = 0; i < count; i++) {
        line_field_whole(&line, l->format, &fields[i]);
    }
    line_end(&line, l->format);
    ssize_t written = write(l->fd, line.at, line.len);
    (void)written; /* nowhere to say that the log cannot be written */
}

bool log_allow(struct log_limit *limit, struct mono now, int64_t interval_us, uint64_t *ret_silent)
{
    limit->total++;
    if (mono_diff_us(now, limit->next) < 0) {
        limit->silent++;
        return false;
    }
    *ret_silent = limit->silent;
    limit->silent = 0;
    limit->next = mono_add(now, interval_us);
    return true;
}
