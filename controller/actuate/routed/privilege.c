/* privilege.c: the user first, then the capabilities. */
#include "actuate/routed/privilege.h"

#include "config/confine.h"

#include <grp.h>
#include <sys/prctl.h>
#include <unistd.h>

/* The change of the user clears the effective set; the permitted one is kept, and raised again. */
static int become(uid_t uid, gid_t gid)
{
    if (geteuid() == uid && getegid() == gid)
        return OK;
    if (prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0) != 0)
        return ERR_PERMISSION;
    cap_t all = cap_get_proc();
    bool good = all != NULL && setgroups(0, NULL) == 0 && setresgid(gid, gid, gid) == 0 &&
                setresuid(uid, uid, uid) == 0 && cap_set_proc(all) == 0;
    cap_free(all);
    return good ? OK : ERR_PERMISSION;
}

int privilege_drop(uid_t uid, gid_t gid)
{
    static const cap_value_t keep[] = {CAP_NET_ADMIN};
    int status = become(uid, gid);
    if (status == OK)
        status = confine(keep, 1);
    return status == OK && !confine_has(CAP_NET_ADMIN) ? ERR_PERMISSION : status;
}
