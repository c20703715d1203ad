/* roles.c: asks the kernel who the peer is, and the accounts what it is called. */
#include "daemon/roles.h"

#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

int peer_of(int fd, struct peer *ret_peer)
{
    struct ucred cred;
    struct peer p;
    socklen_t size = sizeof cred, groups = sizeof p.groups;
    memset(&p, 0, sizeof p);
    if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &cred, &size) != 0) {
        return ERR_IO;
    }
    /* Who is in more groups than there is room for counts with the first one alone. */
    if (getsockopt(fd, SOL_SOCKET, SO_PEERGROUPS, p.groups, &groups) == 0) {
        p.group_count = (uint32_t)(groups / sizeof p.groups[0]);
    }
    if (p.group_count < ROLE_MAX_GROUPS) {
        p.groups[p.group_count++] = cred.gid;
    }
    p.uid = cred.uid;
    *ret_peer = p;
    return OK;
}

/* The list has the name, or the number. */
static bool listed(const char *list, const char *name, unsigned number)
{
    char digits[16];
    snprintf(digits, sizeof digits, "%u", number);
    while (*list != '\0') {
        const size_t n = strcspn(list, ",");
        if ((n == strlen(name) && memcmp(list, name, n) == 0) ||
            (n == strlen(digits) && memcmp(list, digits, n) == 0)) {
            return true;
        }
        list += n + (list[n] == ',' ? 1 : 0);
    }
    return false;
}

/* The user's name, or "" when there is no such account. */
static void name_of(uid_t uid, char *ret_name, size_t size)
{
    struct passwd entry, *found = NULL;
    char room[4096];
    bool known = getpwuid_r(uid, &entry, room, sizeof room, &found) == 0 && found != NULL;
    snprintf(ret_name, size, "%s", known ? found->pw_name : "");
}

static bool in_group(gid_t gid, const char *groups)
{
    struct group entry, *found = NULL;
    char room[65536];
    bool known = getgrgid_r(gid, &entry, room, sizeof room, &found) == 0 && found != NULL;
    return listed(groups, known ? found->gr_name : "", (unsigned)gid);
}

bool peer_is_operator(const struct peer *p, uid_t own, const char *users, const char *groups)
{
    char name[RECORD_TEXT_SIZE];
    if (p->uid == own || p->uid == 0) {
        return true;
    }
    if (users[0] != '\0') {
        name_of(p->uid, name, sizeof name);
        if (listed(users, name, (unsigned)p->uid)) {
            return true;
        }
    }
    for (uint32_t i = 0; i < p->group_count && groups[0] != '\0'; i++) {
        if (in_group(p->groups[i], groups)) {
            return true;
        }
    }
    return false;
}

void peer_identity(const struct peer *p, char ret_identity[RECORD_TEXT_SIZE])
{
    char name[RECORD_TEXT_SIZE / 2];
    name_of(p->uid, name, sizeof name);
    if (name[0] != '\0') {
        snprintf(ret_identity, RECORD_TEXT_SIZE, "%s (uid %u)", name, (unsigned)p->uid);
    } else {
        snprintf(ret_identity, RECORD_TEXT_SIZE, "uid %u", (unsigned)p->uid);
    }
}
