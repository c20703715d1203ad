/* sandbox.c: runs a command under the system call rules that options of a systemd unit stand for
 * (systemd.exec(5)), where there is no systemd to do so. */
#include <errno.h>
#include <getopt.h>
#include <sched.h>
#include <seccomp.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

enum { FAMILIES = 64 };

static const char usage[] = "usage: sandbox [--calls FILE] [--families N,N,...] [--no-code] "
                            "[--no-realtime] [--no-namespaces] [--no-suid] [--no-personality] -- "
                            "COMMAND...\n";

static int fail(const char *what)
{
    fprintf(stderr, "sandbox: %s: %s\n", what, strerror(errno));
    return 125;
}

/* SystemCallFilter=: the names in the file, one a line, and nothing else. */
static bool allow_only(const char *path)
{
    char name[64];
    int count = 0;
    FILE *f = fopen(path, "re");
    scmp_filter_ctx filter = seccomp_init(SCMP_ACT_KILL_PROCESS);
    bool good = f != NULL && filter != NULL;
    while (good && fscanf(f, "%63s", name) == 1) {
        int number = seccomp_syscall_resolve_name(name);
        if (number >= 0) { /* others are of other machines */
            good = seccomp_rule_add(filter, SCMP_ACT_ALLOW, number, 0) == 0;
            count++;
        }
    }
    good = good && count > 0 && seccomp_load(filter) == 0;
    if (f != NULL) {
        fclose(f);
    }
    seccomp_release(filter);
    return good;
}

static bool deny(scmp_filter_ctx filter, int number, int e, struct scmp_arg_cmp when)
{
    return seccomp_rule_add_array(filter, SCMP_ACT_ERRNO((uint16_t)e), number, 1, &when) == 0;
}

static bool deny_families(scmp_filter_ctx filter, const char *list)
{
    bool allowed[FAMILIES] = {false};
    for (const char *at = list; *at != '\0'; at += strcspn(at, ",") + (strchr(at, ',') != NULL)) {
        allowed[atoi(at) % FAMILIES] = true;
    }
    bool good = true;
    for (unsigned family = 0; family < FAMILIES; family++) {
        good = good && (allowed[family] || deny(filter, SCMP_SYS(socket), EAFNOSUPPORT,
                                                SCMP_A0(SCMP_CMP_EQ, family, 0)));
    }
    return good;
}

/* MemoryDenyWriteExecute= */
static bool deny_code(scmp_filter_ctx filter)
{
    const unsigned both = PROT_WRITE | PROT_EXEC;
    return deny(filter, SCMP_SYS(mmap), EPERM, SCMP_A2(SCMP_CMP_MASKED_EQ, both, both)) &&
           deny(filter, SCMP_SYS(mprotect), EPERM,
                SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, PROT_EXEC)) &&
           deny(filter, SCMP_SYS(pkey_mprotect), EPERM,
                SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, PROT_EXEC));
}

static bool deny_realtime(scmp_filter_ctx filter)
{
    static const unsigned kinds[] = {SCHED_FIFO, SCHED_RR, 6 /* SCHED_DEADLINE */};
    bool good = true;
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        good = good && deny(filter, SCMP_SYS(sched_setscheduler), EPERM,
                            SCMP_A1(SCMP_CMP_MASKED_EQ, 0xff, kinds[i]));
    }
    return good;
}

static bool deny_namespaces(scmp_filter_ctx filter)
{
    static const unsigned kinds[] = {CLONE_NEWNS,   CLONE_NEWCGROUP, CLONE_NEWUTS, CLONE_NEWIPC,
                                     CLONE_NEWUSER, CLONE_NEWPID,    CLONE_NEWNET};
    bool good = seccomp_rule_add(filter, SCMP_ACT_ERRNO(EPERM), SCMP_SYS(unshare), 0) == 0 &&
                seccomp_rule_add(filter, SCMP_ACT_ERRNO(EPERM), SCMP_SYS(setns), 0) == 0 &&
                seccomp_rule_add(filter, SCMP_ACT_ERRNO(ENOSYS), SCMP_SYS(clone3), 0) == 0;
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        good = good && deny(filter, SCMP_SYS(clone), EPERM,
                            SCMP_A0(SCMP_CMP_MASKED_EQ, kinds[i], kinds[i]));
    }
    return good;
}

static bool deny_suid(scmp_filter_ctx filter)
{
    static const unsigned bits[] = {S_ISUID, S_ISGID};
    bool good = true;
    for (size_t i = 0; i < 2; i++) {
        good =
            good &&
            deny(filter, SCMP_SYS(chmod), EPERM, SCMP_A1(SCMP_CMP_MASKED_EQ, bits[i], bits[i])) &&
            deny(filter, SCMP_SYS(fchmod), EPERM, SCMP_A1(SCMP_CMP_MASKED_EQ, bits[i], bits[i])) &&
            deny(filter, SCMP_SYS(fchmodat), EPERM, SCMP_A2(SCMP_CMP_MASKED_EQ, bits[i], bits[i]));
    }
    return good;
}

int main(int argc, char **argv)
{
    static const struct option names[] = {
        {"calls", required_argument, NULL, 'c'},    {"families", required_argument, NULL, 'f'},
        {"no-code", no_argument, NULL, 'x'},        {"no-realtime", no_argument, NULL, 'r'},
        {"no-namespaces", no_argument, NULL, 'n'},  {"no-suid", no_argument, NULL, 's'},
        {"no-personality", no_argument, NULL, 'p'}, {NULL, 0, NULL, 0}};
    const char *calls = NULL;
    scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ALLOW);
    bool good = filter != NULL;
    int option;
    while (good && (option = getopt_long(argc, argv, "+", names, NULL)) != -1) {
        switch (option) {
        case 'c': calls = optarg; break;
        case 'f': good = deny_families(filter, optarg); break;
        case 'x': good = deny_code(filter); break;
        case 'r': good = deny_realtime(filter); break;
        case 'n': good = deny_namespaces(filter); break;
        case 's': good = deny_suid(filter); break;
        case 'p':
            good = seccomp_rule_add(filter, SCMP_ACT_ERRNO(EPERM), SCMP_SYS(personality), 0) == 0;
            break;
        default: fputs(usage, stderr); return 125;
        }
    }
    if (!good || optind >= argc || prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) {
        return fail("rules");
    }
    good = seccomp_load(filter) == 0;
    seccomp_release(filter);
    if (!good || (calls != NULL && !allow_only(calls))) {
        return fail("filter");
    }
    execvp(argv[optind], argv + optind);
    return fail(argv[optind]);
}
