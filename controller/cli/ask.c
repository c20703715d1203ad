/* ask.c: one request to the daemon's control socket, one answer (spillwayd(8)). */
#include "cli/host.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

enum { ANSWER_MAX = 16 * 1024 * 1024, ANSWER_CHUNK = 64 * 1024 };

static int64_t now_ms(void)
{
    struct timespec t;
    clock_gettime(CLOCK_BOOTTIME, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

/* The connection, or a negative code with a sentence in why. */
static int connect_to(const char *path, char *why)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    if (strlen(path) >= sizeof address.sun_path) {
        snprintf(why, CLI_WHY_SIZE, "the socket's path %s is too long", path);
        return ERR_TOO_LARGE;
    }
    memcpy(address.sun_path, path, strlen(path) + 1);
    const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0 || connect(fd, (struct sockaddr *)&address, sizeof address) != 0) {
        const int failure = errno;
        if (fd >= 0) {
            close(fd);
        }
        if (failure == EACCES) {
            snprintf(why, CLI_WHY_SIZE,
                     "you may not use spillwayd's socket %s: root may, spillwayd's own user, and "
                     "who is in its control_group (spillwayd.yaml(5))",
                     path);
            return ERR_PERMISSION;
        }
        snprintf(why, CLI_WHY_SIZE, "spillwayd does not answer at %s: %s", path, strerror(failure));
        return ERR_UNAVAILABLE;
    }
    return fd;
}

static bool send_all(int fd, const char *data, size_t size)
{
    while (size > 0) {
        const ssize_t n = send(fd, data, size, MSG_NOSIGNAL);
        if (n < 0 && errno == EINTR) {
            continue;
        }
        if (n <= 0) {
            return false;
        }
        data += n;
        size -= (size_t)n;
    }
    return true;
}

/* One line, without its end; NULL on silence, a closed connection, or too much. Freed by the
 * caller. */
static char *read_line(int fd, int64_t deadline, char *why)
{
    size_t len = 0, room = 0;
    char *line = NULL;
    for (;;) {
        if (len + 1 >= room) {
            char *more = room < ANSWER_MAX ? realloc(line, room + ANSWER_CHUNK) : NULL;
            if (more == NULL) {
                snprintf(why, CLI_WHY_SIZE, "the daemon's answer is too large");
                break;
            }
            line = more;
            room += ANSWER_CHUNK;
        }
        struct pollfd p = {.fd = fd, .events = POLLIN};
        const int64_t left = deadline - now_ms();
        if (left <= 0 || poll(&p, 1, (int)left) == 0) {
            snprintf(why, CLI_WHY_SIZE, "spillwayd took the request and gave no answer in time");
            break;
        }
        const ssize_t n = recv(fd, line + len, room - len - 1, 0);
        if (n < 0 && errno == EINTR) {
            continue;
        }
        if (n <= 0) {
            snprintf(why, CLI_WHY_SIZE, "spillwayd closed the connection");
            break;
        }
        char *end = memchr(line + len, '\n', (size_t)n);
        len += (size_t)n;
        if (end != NULL) {
            *end = '\0';
            return line;
        }
    }
    free(line);
    return NULL;
}

int host_ask_for(const struct cli *c, json_t *request, int timeout_ms, json_t **ret_answer,
                 char *why)
{
    why[0] = '\0';
    char *text = request != NULL ? json_dumps(request, JSON_COMPACT) : NULL;
    json_decref(request);
    int status = text != NULL ? OK : ERR_MEMORY;
    json_t *answer = NULL;
    const int fd = text != NULL ? connect_to(c->control, why) : -1;
    if (fd < 0) {
        free(text);
        return status == OK ? fd : status;
    }
    if (send_all(fd, text, strlen(text)) && send_all(fd, "\n", 1)) {
        char *line = read_line(fd, now_ms() + timeout_ms, why);
        answer = line != NULL ? json_loads(line, 0, NULL) : NULL;
        if (line != NULL && !json_is_object(answer)) {
            snprintf(why, CLI_WHY_SIZE, "spillwayd gave an answer that is not JSON");
            json_decref(answer);
            answer = NULL;
        }
        free(line);
        status = answer == NULL ? ERR_TIMEOUT : OK;
    } else {
        snprintf(why, CLI_WHY_SIZE, "the request could not be sent to spillwayd");
        status = ERR_UNAVAILABLE; /* without its end it is no request */
    }
    close(fd);
    free(text);
    if (status == OK) {
        *ret_answer = answer;
    }
    return status;
}

json_t *host_ask(const struct cli *c, json_t *request, int timeout_ms, char *why)
{
    json_t *answer = NULL;
    return host_ask_for(c, request, timeout_ms, &answer, why) == OK ? answer : NULL;
}

int cli_print_json(const struct cli *c, json_t *object)
{
    if (object == NULL) {
        return cli_fail(c, ERR_MEMORY, "JSON");
    }
    const int failed = json_dumpf(object, c->out, JSON_INDENT(2));
    fputc('\n', c->out);
    json_decref(object);
    return failed == 0 ? CLI_OK : cli_fail(c, ERR_IO, "JSON");
}
