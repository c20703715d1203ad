/* feature.c: replaces the feature file atomically, under its lock and its fence. */
#include "actuate/feature.h"

#include "actuate/feature_file.h"
#include "base/text.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

enum { FEATURE_FILE_MAX_BYTES = 4 * 1024 * 1024 };

static int error_from_errno(int e)
{
    switch (e) {
    case ENOENT: return ERR_NOT_FOUND;
    case EACCES:
    case EPERM:
    case EROFS:
    case ELOOP: return ERR_PERMISSION;
    case ENOSPC:
    case EDQUOT:
    case EFBIG: return ERR_DISK_FULL;
    case ENOMEM: return ERR_MEMORY;
    case EWOULDBLOCK: return ERR_BUSY;
    default: return ERR_IO;
    }
}

/* Reads at most FEATURE_FILE_MAX_BYTES; ERR_TOO_LARGE beyond. */
static int read_all(int fd, char **ret_text, size_t *ret_len)
{
    struct stat st;
    if (fstat(fd, &st) != 0)
        return error_from_errno(errno);
    if (!S_ISREG(st.st_mode))
        return ERR_CORRUPT;
    if (st.st_size > FEATURE_FILE_MAX_BYTES)
        return ERR_TOO_LARGE;
    size_t size = (size_t)st.st_size, len = 0;
    char *text = malloc(size + 1);
    if (text == NULL)
        return ERR_MEMORY;
    while (len < size) {
        ssize_t n = read(fd, text + len, size - len);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0) {
            int status = error_from_errno(errno);
            free(text);
            return status;
        }
        if (n == 0)
            break;
        len += (size_t)n;
    }
    *ret_text = text;
    *ret_len = len;
    return OK;
}

int feature_read(const char *path, struct feature_file *ret_file)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0)
        return error_from_errno(errno);
    char *text = NULL;
    size_t len = 0;
    int status = read_all(fd, &text, &len);
    close(fd);
    if (status != OK)
        return status;
    status = feature_file_parse(text, len, ret_file);
    free(text);
    return status;
}

/* Law 5 once more, just before writing, on what will be written. */
static bool serves_core(const struct feature_file *file)
{
    for (uint32_t i = 0; i < file->flag_count; i++) {
        if (file->flags[i].tier == 0 && !file->flags[i].on)
            return false;
    }
    return true;
}

/* Writes and syncs a new file at path; nothing of it is left behind after a failure. */
static int write_new(const char *path, const char *text, size_t len)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0644);
    if (fd < 0)
        return error_from_errno(errno);
    int status = fchmod(fd, 0644) == 0 ? OK : error_from_errno(errno);
    size_t done = 0;
    while (status == OK && done < len) {
        ssize_t n = write(fd, text + done, len - done);
        if (n >= 0)
            done += (size_t)n;
        else if (errno != EINTR)
            status = error_from_errno(errno);
    }
    if (status == OK && fsync(fd) != 0)
        status = error_from_errno(errno);
    if (close(fd) != 0 && status == OK)
        status = error_from_errno(errno);
    if (status != OK)
        unlink(path);
    return status;
}

static int sync_directory(const char *path)
{
    char directory[PATH_MAX];
    const char *slash = strrchr(path, '/');
    size_t n = slash == NULL ? 0 : (size_t)(slash - path);
    if (slash == path)
        n = 1;
    memcpy(directory, slash == NULL ? "." : path, n + (slash == NULL));
    directory[n + (slash == NULL)] = '\0';
    int fd = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return error_from_errno(errno);
    int status = fsync(fd) == 0 ? OK : error_from_errno(errno);
    close(fd);
    return status;
}

static int replace(const char *path, const struct feature_file *file, const char *flag_set)
{
    char temporary[PATH_MAX];
    int n = snprintf(temporary, sizeof(temporary), "%s.new", path);
    if (n < 0 || (size_t)n >= sizeof(temporary))
        return ERR_TOO_LARGE;
    char *text = NULL;
    size_t len = 0;
    int status = feature_file_print(file, flag_set, &text, &len);
    if (status != OK)
        return status;
    status = write_new(temporary, text, len);
    free(text);
    if (status == OK && rename(temporary, path) != 0) {
        status = error_from_errno(errno);
        unlink(temporary);
    }
    return status == OK ? sync_directory(path) : status;
}

/* Under the lock: reads what is there, lets the fence decide, writes when something differs. */
static int bring(const char *path, const struct feature_file *wanted, const char *flag_set,
                 struct actuate_result *result)
{
    struct feature_file present = {0};
    int status = feature_read(path, &present);
    if (status != OK && status != ERR_NOT_FOUND) {
        snprintf(result->detail, sizeof(result->detail), "the present file cannot be used: %s",
                 error_text(status));
        return status;
    }
    result->found = present.fence;
    result->hold = present.hold;
    status = actuate_admit(&wanted->fence, &present.fence, &present.hold);
    bool same = status == OK && feature_file_equal(&present, wanted);
    feature_file_done(&present);
    if (status != OK || same)
        return status;
    if (!serves_core(wanted))
        return ERR_GUARD;
    status = replace(path, wanted, flag_set);
    if (status == OK)
        result->found = wanted->fence;
    return status;
}

/* The lock of the file, taken without waiting. */
static int lock_file(const char *path, int *ret_fd)
{
    char lock[PATH_MAX];
    int n = snprintf(lock, sizeof(lock), "%s.lock", path);
    if (n < 0 || (size_t)n >= sizeof(lock))
        return ERR_TOO_LARGE;
    int fd = open(lock, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0) {
        int status = error_from_errno(errno);
        return status == ERR_NOT_FOUND ? ERR_IO : status; /* its directory is missing */
    }
    if (flock(fd, LOCK_EX | LOCK_NB) != 0) {
        int status = error_from_errno(errno);
        close(fd);
        return status;
    }
    *ret_fd = fd;
    return OK;
}

static int lock_and_bring(const char *path, const struct feature_file *wanted, const char *flag_set,
                          struct actuate_result *result)
{
    int lock = -1;
    int status = lock_file(path, &lock);
    if (status != OK)
        return status;
    status = bring(path, wanted, flag_set, result);
    close(lock); /* releases it */
    return status;
}

int feature_hold(const char *path, const struct hold_order *order, struct fence_state *ret_found)
{
    int lock = -1;
    struct feature_file file = {0};
    int status = lock_file(path, &lock);
    if (status != OK)
        return status;
    status = feature_read(path, &file);
    if (status == OK) {
        *ret_found = (struct fence_state){file.fence, file.hold};
        status = actuate_admit_hold(order, ret_found, &file.hold);
        if (status == OK)
            status = replace(path, &file, file.flag_set);
        if (status == OK)
            ret_found->hold = file.hold;
    }
    feature_file_done(&file);
    close(lock); /* releases it */
    return status;
}

int feature_apply(const char *path, const struct fleet *f, const struct plan *p, uint16_t idc,
                  struct actuate_result *ret_result)
{
    struct actuate_result result = {
        .actuator = ACTUATOR_FEATURES, .target = idc, .attempted = p->fence};
    struct feature_file wanted;
    result.status = feature_file_wanted(f, p, idc, &wanted);
    if (result.status == OK) {
        result.status = lock_and_bring(path, &wanted, f->idcs[idc].name, &result);
        feature_file_done(&wanted);
    }
    *ret_result = result;
    return result.status;
}
