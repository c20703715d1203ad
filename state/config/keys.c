/* keys.c: loading one secret from its own file, with its permissions checked first. */
#include "config/keys.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { KEY_TEXT_MAX = (KEY_MAX_SIZE + 2) / 3 * 4 + 2, KEY_PATH_MAX = 512 };

static int refuse(char *why, size_t size, int status, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

static int refuse(char *why, size_t size, int status, const char *format, ...)
{
    if (why != NULL && size > 0) {
        va_list args;
        va_start(args, format);
        vsnprintf(why, size, format, args);
        va_end(args);
    }
    return status;
}

static bool id_ok(const char *id)
{
    const size_t len = strlen(id);
    return len > 0 && len < KEY_ID_SIZE && id[0] != '.' && id[0] != '-' && id[0] != '_' &&
           strspn(id, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-") == len;
}

static int digit(char c)
{
    static const char alphabet[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    const char *at = c == '\0' ? NULL : strchr(alphabet, c);
    return at == NULL ? -1 : (int)(at - alphabet);
}

/* Canonical base64 (RFC 4648 section 4) of n characters; -1 when it is not, else the number of
 * bytes. */
static int decode(const char *s, size_t n, uint8_t *bytes, size_t room)
{
    size_t out = 0;
    if (n == 0 || n % 4 != 0) {
        return -1;
    }
    for (size_t i = 0; i < n; i += 4) {
        const bool last = i + 4 == n;
        const int pad = last && s[i + 3] == '=' ? (s[i + 2] == '=' ? 2 : 1) : 0;
        uint32_t word = 0;
        for (size_t j = 0; j < 4; j++) {
            const int d = j >= (size_t)(4 - pad) ? 0 : digit(s[i + j]);
            if (d < 0) {
                return -1;
            }
            word = word << 6 | (uint32_t)d;
        }
        for (int j = 0; j < 3 - pad; j++) {
            if (out == room) {
                return -1;
            }
            bytes[out++] = (uint8_t)(word >> (16 - 8 * j));
        }
        if ((pad == 1 && (word & 0xff) != 0) || (pad == 2 && (word & 0xffff) != 0)) {
            return -1;
        }
    }
    return (int)out;
}

/* Who can write the directory can put one key in the place of another. */
static int open_folder(const char *path, char *why, size_t why_size, int *ret_fd)
{
    struct stat st;
    const int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0 || fstat(fd, &st) != 0) {
        const int e = errno;
        if (fd >= 0) {
            close(fd);
        }
        return refuse(why, why_size,
                      e == ENOENT || e == ENOTDIR ? ERR_NOT_FOUND
                      : e == EACCES               ? ERR_PERMISSION
                                                  : ERR_IO,
                      "the directory of keys %s: %s", path, strerror(e));
    }
    if ((st.st_uid != geteuid() && st.st_uid != 0) || (st.st_mode & 022) != 0) {
        close(fd);
        return refuse(why, why_size, ERR_PERMISSION,
                      "the directory of keys %s (of uid %u, mode %04o) can be changed by others: "
                      "run chown root and chmod go-w on it",
                      path, (unsigned)st.st_uid, (unsigned)(st.st_mode & 07777));
    }
    *ret_fd = fd;
    return OK;
}

static int check_file(int fd, const char *path, char *why, size_t why_size)
{
    struct stat st;
    if (fstat(fd, &st) != 0) {
        return refuse(why, why_size, ERR_IO, "%s: %s", path, strerror(errno));
    }
    if (!S_ISREG(st.st_mode)) {
        return refuse(why, why_size, ERR_PERMISSION,
                      "%s is not a regular file: put one there that holds the key", path);
    }
    if ((st.st_mode & 07177) != 0) {
        return refuse(why, why_size, ERR_PERMISSION,
                      "%s has mode %04o, expected 0600 or 0400: run chmod 0600 on it", path,
                      (unsigned)(st.st_mode & 07777));
    }
    if (st.st_uid != geteuid() && st.st_uid != 0) {
        return refuse(why, why_size, ERR_PERMISSION,
                      "%s belongs to uid %u, expected the uid of this process or root: run chown "
                      "on it",
                      path, (unsigned)st.st_uid);
    }
    return OK;
}

static int read_key(int fd, const char *path, struct key *key, char *why, size_t why_size)
{
    char text[KEY_TEXT_MAX + 1];
    size_t len = 0;
    for (;;) {
        const ssize_t n = read(fd, text + len, sizeof text - len);
        if (n < 0 && errno == EINTR) {
            continue;
        }
        if (n < 0) {
            explicit_bzero(text, sizeof text);
            return refuse(why, why_size, ERR_IO, "%s: %s", path, strerror(errno));
        }
        if (n == 0 || len + (size_t)n == sizeof text) {
            len += (size_t)n;
            break;
        }
        len += (size_t)n;
    }
    if (len > 0 && text[len - 1] == '\n') {
        len--;
    }
    const int size = len == sizeof text ? -1 : decode(text, len, key->bytes, sizeof key->bytes);
    explicit_bzero(text, sizeof text);
    if (size < KEY_MIN_SIZE) {
        return refuse(why, why_size, ERR_INVALID,
                      "%s does not hold one line of base64 of %d to %d bytes: write it again "
                      "(head -c 32 /dev/urandom | base64)",
                      path, KEY_MIN_SIZE, KEY_MAX_SIZE);
    }
    key->size = (size_t)size;
    return OK;
}

/* Opens <keys_dir>/<id>.key; path is how it is called to people. */
static int open_file(const char *keys_dir, const char *id, const char *path, char *why,
                     size_t why_size, int *ret_fd)
{
    char name[KEY_ID_SIZE + sizeof ".key"];
    int folder = -1;
    const int status = open_folder(keys_dir, why, why_size, &folder);
    if (status != OK) {
        return status;
    }
    snprintf(name, sizeof name, "%s.key", id);
    const int fd = openat(folder, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    const int e = errno;
    close(folder);
    if (fd >= 0) {
        *ret_fd = fd;
        return OK;
    }
    switch (e) {
    case ENOENT:
        return refuse(why, why_size, ERR_NOT_FOUND, "%s is not there: put the key there", path);
    case ELOOP:
        return refuse(why, why_size, ERR_PERMISSION,
                      "%s is a symbolic link, expected the file itself: put the key there", path);
    case EACCES:
        return refuse(why, why_size, ERR_PERMISSION,
                      "%s may not be read by uid %u: run chown or chmod on it", path,
                      (unsigned)geteuid());
    case ENXIO: /* a socket */
        return refuse(why, why_size, ERR_PERMISSION,
                      "%s is not a regular file: put one there that holds the key", path);
    }
    return refuse(why, why_size, ERR_IO, "%s: %s", path, strerror(e));
}

int key_load(const char *keys_dir, const char *id, struct key *ret_key, char *why, size_t why_size)
{
    char path[KEY_PATH_MAX];
    if (!id_ok(id)) {
        return refuse(why, why_size, ERR_INVALID, "a key id has letters, digits, '.', '_' and '-'");
    }
    const int n = snprintf(path, sizeof path, "%s/%s.key", keys_dir, id);
    if (n < 0 || (size_t)n >= sizeof path) {
        return refuse(why, why_size, ERR_INVALID, "the path of key %s is too long", id);
    }
    int fd = -1;
    int status = open_file(keys_dir, id, path, why, why_size, &fd);
    if (status != OK) {
        return status;
    }
    struct key key = {0};
    memcpy(key.id, id, strlen(id) + 1);
    status = check_file(fd, path, why, why_size);
    if (status == OK) {
        status = read_key(fd, path, &key, why, why_size);
    }
    close(fd);
    if (status == OK) {
        *ret_key = key;
    }
    key_wipe(&key);
    return status;
}

void key_wipe(struct key *key)
{
    explicit_bzero(key, sizeof *key);
}
