/* emergency_words.c: who types, and the file that keeps every word before it is carried out (law
 * 3).
 */
#include "cli/emergency.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <pwd.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* As a hold's text takes it: visible, no quotes. */
static void put_plain(struct text *t, const char *s)
{
    for (; *s != '\0'; s++) {
        char one[2] = {*s > ' ' && *s <= '~' && *s != '"' && *s != '\\' ? *s : '_', '\0'};
        text_put(t, one);
    }
}

static void put_user(struct text *t, uid_t uid)
{
    char room[1024];
    struct passwd entry, *found = NULL;
    if (getpwuid_r(uid, &entry, room, sizeof room, &found) == 0 && found != NULL) {
        put_plain(t, found->pw_name);
    } else {
        text_put(t, "uid");
        text_put_int(t, uid);
    }
}

/* The uid of the login that this process descends from; the present one where the kernel keeps
 * none. */
static uid_t login_uid(void)
{
    unsigned long uid = UINT32_MAX;
    FILE *f = fopen("/proc/self/loginuid", "re");
    if (f != NULL) {
        char line[32];
        if (fgets(line, sizeof line, f) != NULL) {
            uid = strtoul(line, NULL, 10);
        }
        fclose(f);
    }
    return uid < UINT32_MAX ? (uid_t)uid : getuid();
}

void emergency_who(char ret_who[HOLD_WHO_SIZE])
{
    char host[256] = "";
    struct text t = text_over(ret_who, HOLD_WHO_SIZE);
    const uid_t login = login_uid();
    put_user(&t, login);
    if (login != getuid()) {
        text_put(&t, "/");
        put_user(&t, getuid());
    }
    if (gethostname(host, sizeof host - 1) == 0 && host[0] != '\0') {
        text_put(&t, "@");
        put_plain(&t, host);
    }
}

static int error_of(int e)
{
    switch (e) {
    case EACCES:
    case EPERM:
    case EROFS:
    case ELOOP: return ERR_PERMISSION;
    case ENOSPC:
    case EDQUOT: return ERR_DISK_FULL;
    case ENOENT: return ERR_NOT_FOUND;
    default: return ERR_IO;
    }
}

/* A new file lasts only when its directory is synced too. */
static int sync_directory(const char *path)
{
    char room[SETTINGS_PATH_SIZE + 16];
    snprintf(room, sizeof room, "%s", path);
    const int fd = open(dirname(room), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0) {
        return error_of(errno);
    }
    const int status = fsync(fd) == 0 ? OK : error_of(errno);
    close(fd);
    return status;
}

int wordbook_open(const struct cli *c, struct wordbook *ret_book)
{
    struct wordbook b = {.fd = -1};
    const int n = snprintf(b.path, sizeof b.path, "%s.emergency", c->journal);
    if (n < 0 || (size_t)n >= sizeof b.path) {
        return ERR_TOO_LARGE;
    }
    b.fd = open(b.path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (b.fd < 0) {
        return error_of(errno);
    }
    const int status = sync_directory(b.path);
    if (status != OK) {
        close(b.fd);
        return status;
    }
    *ret_book = b;
    return OK;
}

int wordbook_add(const struct wordbook *b, json_t *line)
{
    char *text = line != NULL ? json_dumps(line, JSON_COMPACT) : NULL;
    json_decref(line);
    if (text == NULL) {
        return ERR_MEMORY;
    }
    const size_t n = strlen(text);
    text[n] = '\n'; /* the place of its NUL */
    const ssize_t written = write(b->fd, text, n + 1);
    int status = written == (ssize_t)(n + 1) ? OK : written < 0 ? error_of(errno) : ERR_DISK_FULL;
    free(text);
    if (status == OK && fsync(b->fd) != 0) {
        status = error_of(errno);
    }
    return status;
}

void wordbook_close(struct wordbook *b)
{
    if (b->fd >= 0) {
        close(b->fd);
    }
    b->fd = -1;
}
