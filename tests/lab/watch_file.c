/* watch_file.c: the feature file of one IDC: which features it sets to off. */
#include "lab.h"
#include "watch.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

struct file_watch {
    const char *idc, *path;
    struct stat seen; /* of the state read last */
    bool told, there;
    char off[WATCH_TEXT];
};

struct file_watch *file_watch_new(const json_t *settings)
{
    struct file_watch *w = lab_alloc(1, sizeof(*w));
    w->idc = lab_string(settings, "idc");
    w->path = lab_string(settings, "file");
    return w;
}

static bool same(const struct stat *a, const struct stat *b)
{
    return a->st_ino == b->st_ino && a->st_size == b->st_size &&
           a->st_mtim.tv_sec == b->st_mtim.tv_sec && a->st_mtim.tv_nsec == b->st_mtim.tv_nsec;
}

void file_watch_poll(struct file_watch *w)
{
    struct stat now = {0};
    char off[WATCH_TEXT];
    if (stat(w->path, &now) != 0) {
        now = (struct stat){0};
    }
    if (w->told && same(&now, &w->seen)) {
        return;
    }
    bool there = lab_features_off(w->path, off, sizeof(off));
    if (!there && now.st_ino != 0) {
        return; /* half a file: the next tick reads it again, and a writer that does that is found
                   out */
    }
    w->seen = now;
    if (w->told && there == w->there && strcmp(off, w->off) == 0) {
        return;
    }
    snprintf(w->off, sizeof(w->off), "%s", off);
    w->told = true;
    w->there = there;
    printf("{\"t\":%jd,\"kind\":\"features\",\"idc\":\"%s\",\"there\":%s,\"off\":\"%s\"}\n",
           (intmax_t)lab_now_us(), w->idc, there ? "true" : "false", off);
}
