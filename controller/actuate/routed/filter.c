/* filter.c: the list: what its tests were seen to need under strace, on what it may be used, and
 * what the C library does in its name. No exec, no new executable memory, no network but the
 * netlink sockets that are open already. */
#include "actuate/routed/filter.h"

#include <linux/sockios.h>
#include <seccomp.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/mman.h>
#include <sys/socket.h>

#if defined(__SANITIZE_ADDRESS__)
#define SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define SANITIZED 1
#endif
#endif

static const int allowed[] = {
    /* Requests, netlink, the service manager. */
    SCMP_SYS(poll),
    SCMP_SYS(ppoll),
    SCMP_SYS(accept4),
    SCMP_SYS(recvmsg),
    SCMP_SYS(recvfrom),
    SCMP_SYS(sendmsg),
    SCMP_SYS(sendto),
    SCMP_SYS(getsockopt),
    SCMP_SYS(setsockopt),
    SCMP_SYS(getsockname),
    SCMP_SYS(close),
    SCMP_SYS(getuid), /* sd_notify() compares them */
    SCMP_SYS(geteuid),
    SCMP_SYS(getgid),
    SCMP_SYS(getegid),
    /* The fence file, sysctl, the log. */
    SCMP_SYS(openat),
    SCMP_SYS(read),
    SCMP_SYS(write),
    SCMP_SYS(flock),
    SCMP_SYS(rename),
    SCMP_SYS(unlink),
    SCMP_SYS(fstat),
    SCMP_SYS(newfstatat),
    /* Memory, time and the end, of the C library. */
    SCMP_SYS(brk),
    SCMP_SYS(munmap),
    SCMP_SYS(mremap),
    SCMP_SYS(madvise),
    SCMP_SYS(futex),
    SCMP_SYS(clock_gettime),
    SCMP_SYS(restart_syscall),
    SCMP_SYS(rt_sigreturn),
    SCMP_SYS(rt_sigprocmask),
    SCMP_SYS(getpid),
    SCMP_SYS(gettid),
    SCMP_SYS(tgkill),
    SCMP_SYS(exit),
    SCMP_SYS(exit_group),
#ifdef SANITIZED
    /* The sanitizer's own; its leak check is off in the helper (main.c). */
    SCMP_SYS(sched_yield),
    SCMP_SYS(sigaltstack),
    SCMP_SYS(rt_sigaction),
    SCMP_SYS(readlink),
    SCMP_SYS(mprotect),
#endif
};

/* Those that are allowed for one use only. */
static bool add_limited(scmp_filter_ctx filter)
{
    /* if_nametoindex(): a socket for the question, and the question. */
    const struct scmp_arg_cmp unix_only[] = {SCMP_A0(SCMP_CMP_EQ, AF_UNIX, 0)};
    const struct scmp_arg_cmp index_only[] = {SCMP_A1(SCMP_CMP_EQ, SIOCGIFINDEX, 0)};
    const struct scmp_arg_cmp no_code[] = {SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0)};
    return seccomp_rule_add_array(filter, SCMP_ACT_ALLOW, SCMP_SYS(socket), 1, unix_only) == 0 &&
           seccomp_rule_add_array(filter, SCMP_ACT_ALLOW, SCMP_SYS(ioctl), 1, index_only) == 0 &&
           seccomp_rule_add_array(filter, SCMP_ACT_ALLOW, SCMP_SYS(mmap), 1, no_code) == 0;
}

int filter_install(void)
{
    scmp_filter_ctx filter = seccomp_init(SCMP_ACT_KILL_PROCESS);
    if (filter == NULL)
        return ERR_MEMORY;
    bool good = add_limited(filter);
    for (size_t i = 0; good && i < sizeof(allowed) / sizeof(allowed[0]); i++)
        good = seccomp_rule_add(filter, SCMP_ACT_ALLOW, allowed[i], 0) == 0;
    int status = good && seccomp_load(filter) == 0 ? OK : ERR_PERMISSION;
    seccomp_release(filter);
    return status;
}
