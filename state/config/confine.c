/* confine.c: capabilities by libcap, memory by prctl(2); every step is checked, and the result once
 * more. */
#include "config/confine.h"

#include <linux/securebits.h>
#include <sys/prctl.h>

static bool in(const cap_value_t *list, uint32_t count, cap_value_t capability)
{
    bool found = false;
    for (uint32_t i = 0; i < count; i++)
        found = found || list[i] == capability;
    return found;
}

static bool flag_of(cap_value_t capability, cap_flag_t flag)
{
    cap_flag_value_t value = CAP_CLEAR;
    cap_t present = cap_get_proc();
    bool good = present != NULL && cap_get_flag(present, capability, flag, &value) == 0;
    cap_free(present);
    return good && value == CAP_SET;
}

bool confine_has(cap_value_t capability)
{
    return flag_of(capability, CAP_EFFECTIVE);
}

/* A later exec as root must give nothing back. Needs CAP_SETPCAP; who never had it has no bounding
 * set worth closing either, and no_new_privs holds in both cases. */
static int close_bounds(const cap_value_t *keep, uint32_t count)
{
    if (!confine_has(CAP_SETPCAP))
        return OK;
    for (cap_value_t capability = 0; cap_get_bound(capability) >= 0; capability++) {
        if (!in(keep, count, capability) && cap_drop_bound(capability) != 0)
            return ERR_PERMISSION;
    }
    int bits = SECBIT_NOROOT | SECBIT_NOROOT_LOCKED | SECBIT_KEEP_CAPS;
    return prctl(PR_SET_SECUREBITS, bits, 0, 0, 0) == 0 ? OK : ERR_PERMISSION;
}

/* What is kept of what is permitted now. */
static cap_t kept(const cap_value_t *keep, uint32_t count)
{
    cap_t wanted = cap_init();
    for (uint32_t i = 0; wanted != NULL && i < count; i++) {
        if (!flag_of(keep[i], CAP_PERMITTED))
            continue;
        if (cap_set_flag(wanted, CAP_PERMITTED, 1, &keep[i], CAP_SET) != 0 ||
            cap_set_flag(wanted, CAP_EFFECTIVE, 1, &keep[i], CAP_SET) != 0) {
            cap_free(wanted);
            return NULL;
        }
    }
    return wanted;
}

static bool matches(cap_t wanted)
{
    cap_t present = cap_get_proc();
    bool same = present != NULL && cap_compare(present, wanted) == 0;
    cap_free(present);
    return same;
}

int confine_memory(void)
{
    return prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) == 0 && prctl(PR_GET_DUMPABLE, 0, 0, 0, 0) == 0
               ? OK
               : ERR_PERMISSION;
}

int confine(const cap_value_t *keep, uint32_t count)
{
    cap_reset_ambient();
    cap_t wanted = kept(keep, count);
    int status = wanted != NULL ? close_bounds(keep, count) : ERR_MEMORY;
    if (status == OK && cap_set_proc(wanted) != 0)
        status = ERR_PERMISSION;
    if (status == OK && prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0)
        status = ERR_PERMISSION;
    if (status == OK && !matches(wanted))
        status = ERR_PERMISSION;
    if (status == OK)
        status = confine_memory(); /* last: a change of capabilities may set it anew */
    cap_free(wanted);
    return status;
}
