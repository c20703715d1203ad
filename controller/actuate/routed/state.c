/* state.c: fence file: read strictly, replaced atomically. tmpfs, so nothing is synced: after a
 * reboot the kernel's routes are gone as well. */
#include "actuate/routed/state.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

enum { STATE_TEXT_SIZE = FENCE_TEXT_SIZE + HOLD_TEXT_SIZE };

static int error_from_errno(void)
{
    switch (errno) {
    case EACCES:
    case EPERM:
    case EROFS: return ERR_PERMISSION;
    case ENOSPC:
    case EDQUOT: return ERR_DISK_FULL;
    case EWOULDBLOCK: return ERR_BUSY;
    default: return ERR_IO;
    }
}

/* The fence on the first line, a hold, when there is one, on the second. */
static int parse(const char *text, size_t len, struct fence_state *ret_found)
{
    struct fence_state found = {0};
    const char *end = memchr(text, '\n', len);
    if (end == NULL)
        return ERR_CORRUPT;
    int status = fence_text_parse(text, (size_t)(end - text), &found.fence);
    size_t left = len - (size_t)(end + 1 - text);
    if (status == OK && left > 0) {
        if (end[left] != '\n')
            return ERR_CORRUPT;
        status = hold_text_parse(end + 1, left - 1, &found.hold);
    }
    if (status == ERR_VERSION)
        return status;
    if (status != OK || found.fence.era == 0)
        return ERR_CORRUPT;
    *ret_found = found;
    return OK;
}

int state_read(const char *path, struct fence_state *ret_found)
{
    char text[STATE_TEXT_SIZE + 1];
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0 && errno == ENOENT) {
        *ret_found = (struct fence_state){0};
        return OK;
    }
    if (fd < 0)
        return error_from_errno();
    ssize_t n = read(fd, text, sizeof(text));
    int status = n < 0 ? error_from_errno() : OK;
    close(fd);
    if (status != OK)
        return status;
    return (size_t)n > STATE_TEXT_SIZE ? ERR_CORRUPT : parse(text, (size_t)n, ret_found);
}

static int store(const char *path, const struct fence_state *wanted)
{
    char temporary[PATH_MAX], text[STATE_TEXT_SIZE], hold[HOLD_TEXT_SIZE];
    int n = snprintf(temporary, sizeof(temporary), "%s.new", path);
    if (n < 0 || (size_t)n >= sizeof(temporary))
        return ERR_TOO_LARGE;
    size_t len = fence_text_format(&wanted->fence, text);
    text[len++] = '\n';
    if (wanted->hold.id != 0) {
        n = hold_text_format(&wanted->hold, hold);
        if (n < 0)
            return n;
        memcpy(text + len, hold, (size_t)n);
        len += (size_t)n;
        text[len++] = '\n';
    }
    int fd = open(temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0)
        return error_from_errno();
    int status = write(fd, text, len) == (ssize_t)len ? OK : error_from_errno();
    close(fd);
    if (status == OK && rename(temporary, path) != 0)
        status = error_from_errno();
    if (status != OK)
        unlink(temporary);
    return status;
}

/* The lock, taken without waiting, and what stands under it. */
static int lock_and_read(const char *path, int *ret_fd, struct fence_state *ret_found)
{
    char lock[PATH_MAX];
    int n = snprintf(lock, sizeof(lock), "%s.lock", path);
    if (n < 0 || (size_t)n >= sizeof(lock))
        return ERR_TOO_LARGE;
    int fd = open(lock, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0)
        return error_from_errno();
    int status = flock(fd, LOCK_EX | LOCK_NB) == 0 ? OK : error_from_errno();
    if (status == OK)
        status = state_read(path, ret_found);
    if (status != OK)
        close(fd); /* releases the lock */
    else
        *ret_fd = fd;
    return status;
}

int state_raise(const char *path, const struct fence *fence, struct fence_state *ret_found)
{
    int lock = -1;
    struct fence_state found, wanted = {.fence = *fence};
    int status = lock_and_read(path, &lock, &found);
    if (status != OK)
        return status;
    *ret_found = found;
    status = actuate_admit(fence, &found.fence, &found.hold);
    bool newer = found.fence.era == 0 || fence_compare(fence, &found.fence) == FENCE_NEWER;
    if (status == OK && newer)
        status = store(path, &wanted);
    close(lock);
    return status;
}

int state_hold(const char *path, const struct hold_order *order, struct fence_state *ret_found)
{
    int lock = -1;
    struct fence_state found;
    int status = lock_and_read(path, &lock, &found);
    if (status != OK)
        return status;
    *ret_found = found;
    status = actuate_admit_hold(order, &found, &found.hold);
    if (status == OK)
        status = store(path, &found);
    if (status == OK)
        *ret_found = found;
    close(lock);
    return status;
}
