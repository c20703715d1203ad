/* lab.c: what the lab's small programs share (see lab.h). */
#include "lab.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { MAX_OFF = 256 };

int64_t lab_now_us(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

void lab_fail(const char *format, ...)
{
    va_list args;
    va_start(args, format);
    fprintf(stderr, "%s: ", program_invocation_short_name);
    vfprintf(stderr, format, args);
    fputc('\n', stderr);
    va_end(args);
    exit(1);
}

json_t *lab_settings(int argc, char **argv, const char *help)
{
    if (argc == 2 && strcmp(argv[1], "--help") == 0) {
        printf("usage: %s SETTINGS.json\n%s\n", program_invocation_short_name, help);
        exit(0);
    }
    if (argc != 2) {
        fprintf(stderr, "usage: %s SETTINGS.json\n", program_invocation_short_name);
        exit(2);
    }
    json_error_t error;
    json_t *settings = json_load_file(argv[1], 0, &error);
    if (settings == NULL) {
        lab_fail("%s:%d:%d: %s", argv[1], error.line, error.column, error.text);
    }
    setvbuf(stdout, NULL, _IOLBF, 1 << 16);
    return settings;
}

static json_t *field(const json_t *object, const char *key)
{
    json_t *value = json_object_get(object, key);
    if (value == NULL) {
        lab_fail("settings: no \"%s\"", key);
    }
    return value;
}

const char *lab_string(const json_t *object, const char *key)
{
    const char *text = json_string_value(field(object, key));
    if (text == NULL) {
        lab_fail("settings: \"%s\" is not a string", key);
    }
    return text;
}

int64_t lab_integer(const json_t *object, const char *key)
{
    const json_t *value = field(object, key);
    if (!json_is_integer(value)) {
        lab_fail("settings: \"%s\" is not an integer", key);
    }
    return json_integer_value(value);
}

double lab_number(const json_t *object, const char *key)
{
    const json_t *value = field(object, key);
    if (!json_is_number(value)) {
        lab_fail("settings: \"%s\" is not a number", key);
    }
    return json_number_value(value);
}

json_t *lab_array(const json_t *object, const char *key)
{
    json_t *value = field(object, key);
    if (!json_is_array(value)) {
        lab_fail("settings: \"%s\" is not an array", key);
    }
    return value;
}

void *lab_alloc(size_t count, size_t size)
{
    void *room = calloc(count == 0 ? 1 : count, size);
    if (room == NULL) {
        lab_fail("out of memory");
    }
    return room;
}

struct sockaddr_in lab_address(const char *text, uint16_t port)
{
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons(port)};
    if (inet_pton(AF_INET, text, &a.sin_addr) != 1) {
        lab_fail("settings: \"%s\" is not an IPv4 address", text);
    }
    return a;
}

void lab_enter(const char *netns)
{
    char path[512];
    snprintf(path, sizeof(path), "/run/netns/%s", netns);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0 || setns(fd, CLONE_NEWNET) != 0) {
        lab_fail("%s: %s", path, strerror(errno));
    }
    close(fd);
}

static int by_text(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

bool lab_features_off(const char *path, char *text, size_t size)
{
    text[0] = '\0';
    json_t *file = json_load_file(path, 0, NULL);
    json_t *flags = json_object_get(file, "flags");
    if (!json_is_object(flags)) {
        json_decref(file);
        return false;
    }
    const char *off[MAX_OFF];
    size_t count = 0;
    const char *name;
    json_t *flag;
    json_object_foreach(flags, name, flag)
    {
        const char *variant = json_string_value(json_object_get(flag, "defaultVariant"));
        if (variant != NULL && strcmp(variant, "off") == 0 && count < MAX_OFF) {
            off[count++] = name;
        }
    }
    qsort(off, count, sizeof(off[0]), by_text);
    size_t used = 0;
    for (size_t i = 0; i < count && used < size; i++) {
        int n = snprintf(text + used, size - used, "%s%s", i == 0 ? "" : ",", off[i]);
        used += (size_t)n;
    }
    json_decref(file);
    return true;
}

double lab_control(const char *path, const char *key, const char *name, double absent)
{
    json_t *file = json_load_file(path, 0, NULL);
    const json_t *value = json_object_get(file, key);
    if (name != NULL) {
        value = json_object_get(value, name);
    }
    double number = json_is_number(value) ? json_number_value(value) : absent;
    json_decref(file);
    return number;
}
