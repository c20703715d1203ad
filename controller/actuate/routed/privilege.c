/* privilege.c: capabilities by libcap; every step is checked, and the result once more. */
#include "actuate/routed/privilege.h"

#include <grp.h>
#include <linux/securebits.h>
#include <sys/capability.h>
#include <sys/prctl.h>
#include <unistd.h>

static int become(uid_t uid, gid_t gid)
{
    if (geteuid() == uid && getegid() == gid)
        return OK;
    if (prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0) != 0 || setgroups(0, NULL) != 0 ||
        setresgid(gid, gid, gid) != 0 || setresuid(uid, uid, uid) != 0)
        return ERR_PERMISSION;
    return OK;
}

/* A later exec as root must give nothing back. Needs CAP_SETPCAP; who never had it has no bounding
 * set worth closing either, and no_new_privs holds in both cases. */
static int close_bounds(void)
{
    cap_flag_value_t has = CAP_CLEAR;
    cap_t present = cap_get_proc();
    if (present == NULL || cap_get_flag(present, CAP_SETPCAP, CAP_EFFECTIVE, &has) != 0) {
        cap_free(present);
        return ERR_PERMISSION;
    }
    cap_free(present);
    if (has != CAP_SET)
        return OK;
    for (cap_value_t cap = 0; cap_get_bound(cap) >= 0; cap++) {
        if (cap != CAP_NET_ADMIN && cap_drop_bound(cap) != 0)
            return ERR_PERMISSION;
    }
    int bits = SECBIT_NOROOT | SECBIT_NOROOT_LOCKED | SECBIT_KEEP_CAPS;
    return prctl(PR_SET_SECUREBITS, bits, 0, 0, 0) == 0 ? OK : ERR_PERMISSION;
}

/* Sets the process to exactly CAP_NET_ADMIN, or compares it with that. */
static int only_net_admin(int (*act)(cap_t wanted))
{
    const cap_value_t keep[] = {CAP_NET_ADMIN};
    cap_t wanted = cap_init();
    int status = ERR_PERMISSION;
    if (wanted != NULL && cap_set_flag(wanted, CAP_PERMITTED, 1, keep, CAP_SET) == 0 &&
        cap_set_flag(wanted, CAP_EFFECTIVE, 1, keep, CAP_SET) == 0)
        status = act(wanted);
    cap_free(wanted);
    return status;
}

static int set(cap_t wanted)
{
    return cap_set_proc(wanted) == 0 ? OK : ERR_PERMISSION;
}

static int matches(cap_t wanted)
{
    cap_t present = cap_get_proc();
    int status = present != NULL && cap_compare(present, wanted) == 0 ? OK : ERR_PERMISSION;
    cap_free(present);
    return status;
}

int privilege_drop(uid_t uid, gid_t gid)
{
    cap_t all = cap_get_proc();
    cap_reset_ambient();
    int status = become(uid, gid);
    /* The change of the user clears the effective set; the permitted one was kept. */
    if (status == OK && all != NULL && cap_set_proc(all) != 0)
        status = ERR_PERMISSION;
    cap_free(all);
    if (status == OK)
        status = close_bounds();
    if (status == OK)
        status = only_net_admin(set);
    if (status == OK && prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0)
        status = ERR_PERMISSION;
    return status == OK ? only_net_admin(matches) : status;
}
