/* security.c: TLS and SASL of the clients, from a file of the library's own settings. */
#include "log/security.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { MAX_LINE = 1024 };

/* What the file may set: who we are and whom we believe, and nothing of how the bus works. */
static const char *const allowed[] = {
    "security.protocol", "ssl.ca.location",  "ssl.certificate.location",
    "ssl.key.location",  "ssl.key.password", "ssl.endpoint.identification.algorithm",
    "sasl.mechanism",    "sasl.username",    "sasl.password",
};

static bool is_allowed(const char *name)
{
    for (size_t i = 0; i < sizeof(allowed) / sizeof(allowed[0]); i++) {
        if (strcmp(name, allowed[i]) == 0) {
            return true;
        }
    }
    return false;
}

/* One line: a comment, nothing, or name=value. What is wrong is told without the value. */
static int apply_line(rd_kafka_conf_t *conf, const char *path, char *line, char *why)
{
    char ignored[BUS_TEXT_SIZE];
    line[strcspn(line, "\r\n")] = '\0';
    char *value = strchr(line, '=');
    if (line[0] == '\0' || line[0] == '#') {
        return OK;
    }
    if (value == NULL) {
        snprintf(why, BUS_TEXT_SIZE, "%s: found a line without '=', expected name=value", path);
        return ERR_INVALID;
    }
    *value++ = '\0';
    if (!is_allowed(line)) {
        snprintf(why, BUS_TEXT_SIZE, "%s: found %.64s, expected a setting of TLS or SASL", path,
                 line);
        return ERR_INVALID;
    }
    if (rd_kafka_conf_set(conf, line, value, ignored, sizeof(ignored)) != RD_KAFKA_CONF_OK) {
        snprintf(why, BUS_TEXT_SIZE, "%.120s: %.64s: found a value that is not known there", path,
                 line);
        return ERR_INVALID;
    }
    return OK;
}

/* There may be a password in it: the reader's own, or root's, and nobody else's to read. */
static int open_private(const char *path, FILE **ret_file, char *why)
{
    struct stat st;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    if (fd < 0) {
        snprintf(why, BUS_TEXT_SIZE, "%s: %s", path, strerror(errno));
        return errno == ENOENT ? ERR_NOT_FOUND : ERR_IO;
    }
    if (fstat(fd, &st) != 0 || !S_ISREG(st.st_mode) || (st.st_uid != geteuid() && st.st_uid != 0) ||
        (st.st_mode & 07177) != 0) {
        snprintf(why, BUS_TEXT_SIZE,
                 "%s: expected a regular file of mode 0600 or 0400, of this user or root", path);
        close(fd);
        return ERR_PERMISSION;
    }
    *ret_file = fdopen(fd, "r");
    if (*ret_file == NULL) {
        close(fd);
        return ERR_MEMORY;
    }
    return OK;
}

int security_apply(rd_kafka_conf_t *conf, const char *path, char *why)
{
    char line[MAX_LINE];
    FILE *file = NULL;
    int status = open_private(path, &file, why);
    if (status != OK) {
        return status;
    }
    while (status == OK && fgets(line, sizeof(line), file) != NULL) {
        if (strchr(line, '\n') == NULL && !feof(file)) {
            snprintf(why, BUS_TEXT_SIZE, "%s: found a line of more than %d bytes", path,
                     MAX_LINE - 2);
            status = ERR_TOO_LARGE;
        } else {
            status = apply_line(conf, path, line, why);
        }
    }
    if (status == OK && ferror(file) != 0) {
        snprintf(why, BUS_TEXT_SIZE, "%s: cannot be read", path);
        status = ERR_IO;
    }
    explicit_bzero(line, sizeof(line));
    fclose(file);
    return status;
}
