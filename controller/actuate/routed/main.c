/* main.c: spillway-routed, the route helper: the only process of Spillway with CAP_NET_ADMIN. */
#include "actuate/routed/privilege.h"
#include "actuate/routed/server.h"

#include <fcntl.h>
#include <getopt.h>
#include <pwd.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <systemd/sd-daemon.h>
#include <unistd.h>

#if defined(__SANITIZE_ADDRESS__)
#define SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define SANITIZED 1
#endif
#endif
#ifdef SANITIZED
/* The leak check at the end would clone and trace the process, which the filter is there to forbid.
 * Everything else of the sanitizer stays on; the parts' leaks are checked in their own tests. */
int __lsan_is_turned_off(void);
int __lsan_is_turned_off(void)
{
    return 1;
}
#endif

enum { EXIT_OK = 0, EXIT_FAILED = 1, EXIT_USAGE = 2 };

struct options {
    const char *fleet, *idc, *socket, *state, *user, *client;
    bool check, flush, drills;
};

static const char usage[] =
    "usage: spillway-routed --fleet FILE --idc NAME [--socket PATH] [--state PATH]\n"
    "                       [--client USER] [--user USER] [--drills] [--check | --flush]\n"
    "\n"
    "  --fleet FILE   the fleet file, of root: which prefixes and next hops are allowed\n"
    "  --config FILE  the same as --fleet\n"
    "  --idc NAME     the IDC of this host\n"
    "  --socket PATH  where spillwayd connects; /run/spillway-routed/socket\n"
    "  --state PATH   the fence, on tmpfs; /run/spillway-routed/fence\n"
    "  --client USER  who may connect (and root); default: the present user\n"
    "  --user USER    whom to become, with CAP_NET_ADMIN alone; default: nobody changes\n"
    "  --drills       drills may drop what passes by the links of this host, for a bounded time\n"
    "  --check        check the fleet file and exit\n"
    "  --flush        remove our routes, announcements and rules, nothing else, and exit\n"
    "  --version, --help\n";

/* OK, a negative code for wrong use, or 1 when all is done. */
static int parse(int argc, char **argv, struct options *o)
{
    static const struct option names[] = {
        {"fleet", required_argument, NULL, 'f'},
        {"config", required_argument, NULL, 'f'},
        {"idc", required_argument, NULL, 'i'},
        {"socket", required_argument, NULL, 's'},
        {"state", required_argument, NULL, 't'},
        {"client", required_argument, NULL, 'c'},
        {"user", required_argument, NULL, 'u'},
        {"check", no_argument, NULL, 'k'},
        {"drills", no_argument, NULL, 'd'},
        {"flush", no_argument, NULL, 'x'},
        {"version", no_argument, NULL, 'V'},
        {"help", no_argument, NULL, 'h'},
        {NULL, 0, NULL, 0},
    };
    int opt;
    while ((opt = getopt_long(argc, argv, "", names, NULL)) != -1) {
        switch (opt) {
        case 'f': o->fleet = optarg; break;
        case 'i': o->idc = optarg; break;
        case 's': o->socket = optarg; break;
        case 't': o->state = optarg; break;
        case 'c': o->client = optarg; break;
        case 'u': o->user = optarg; break;
        case 'k': o->check = true; break;
        case 'd': o->drills = true; break;
        case 'x': o->flush = true; break;
        case 'V': printf("spillway-routed %s\n", SPILLWAY_VERSION); return 1;
        case 'h': fputs(usage, stdout); return 1;
        default: return ERR_USAGE;
        }
    }
    bool odd = optind != argc || o->fleet == NULL || o->idc == NULL || (o->check && o->flush);
    return odd ? ERR_USAGE : OK;
}

static int find_user(const char *name, uid_t *ret_uid, gid_t *ret_gid)
{
    if (name == NULL)
        return OK;
    const struct passwd *user = getpwnam(name);
    if (user == NULL) {
        fprintf(stderr, "spillway-routed: no user named %s\n", name);
        return ERR_NOT_FOUND;
    }
    *ret_uid = user->pw_uid;
    *ret_gid = user->pw_gid;
    return OK;
}

static int fail(const char *what, int status)
{
    fprintf(stderr, "spillway-routed: %s: %s (%s)\n", what, error_text(status),
            error_remedy(status));
    return EXIT_FAILED;
}

/* A socket from the service manager, or one of our own. */
static int get_listener(const char *path, uid_t client, int *ret_fd)
{
    if (sd_listen_fds(1) == 1 &&
        sd_is_socket_unix(SD_LISTEN_FDS_START, SOCK_SEQPACKET, 1, NULL, 0) > 0) {
        *ret_fd = SD_LISTEN_FDS_START;
        return fcntl(*ret_fd, F_SETFL, O_NONBLOCK) == 0 ? OK : ERR_IO;
    }
    return server_listen(path, client, ret_fd);
}

static int flush(const struct policy_of_routes *policy)
{
    struct kernel *kernel = NULL;
    int status = kernel_open(policy, &kernel);
    if (status == OK)
        status = kernel_flush(kernel);
    kernel_close(kernel);
    return status == OK ? EXIT_OK : fail("removing our routes", status);
}

static int run(const struct options *o, const struct policy_of_routes *policy)
{
    struct logger log = {.fd = STDERR_FILENO, .format = LOG_LOGFMT, .level = LOG_INFO};
    uid_t uid = geteuid(), client = geteuid();
    gid_t gid = getegid(), unused = 0;
    int listener = -1;
    struct keeper *keeper = NULL;
    struct injector *injector = NULL;
    snprintf(log.identity, sizeof(log.identity), "%s", o->idc);
    if (find_user(o->user, &uid, &gid) != OK || find_user(o->client, &client, &unused) != OK)
        return EXIT_FAILED;
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGINT);
    sigprocmask(SIG_BLOCK, &set, NULL);
    int status = get_listener(o->socket, client, &listener);
    if (status != OK)
        return fail(o->socket, status);
    status = privilege_drop(uid, gid);
    if (status != OK)
        return fail("keeping CAP_NET_ADMIN alone", status);
    status = keeper_new(policy, o->state, &keeper);
    if (status != OK)
        return fail("reading the kernel's routes", status);
    status = injector_new(policy, o->drills, &injector);
    if (status != OK)
        return fail("removing what a drill left behind", status);
    log_event(&log, LOG_INFO, LOG_CODE("route-helper-started"), LOG_INT("table", policy->table),
              LOG_INT("prefixes", policy->prefix_count), LOG_INT("hops", policy->gateway_count));
    status = server_run(listener, client, keeper, injector, &log);
    injector_free(injector);
    keeper_free(keeper);
    close(listener);
    /* The routes stay: a stopped helper moves no traffic (law 1). */
    log_event(&log, LOG_INFO, LOG_CODE("route-helper-stopped"));
    return status == OK ? EXIT_OK : fail("serving", status);
}

int main(int argc, char **argv)
{
    struct options o = {.socket = "/run/spillway-routed/socket",
                        .state = "/run/spillway-routed/fence"};
    int status = parse(argc, argv, &o);
    if (status == 1)
        return EXIT_OK;
    if (status != OK) {
        fputs(usage, stderr);
        return EXIT_USAGE;
    }
    struct policy_of_routes *policy = malloc(sizeof(*policy));
    if (policy == NULL)
        return fail("starting", ERR_MEMORY);
    int code = EXIT_FAILED;
    if (policy_load(o.fleet, o.idc, stderr, policy) == OK) {
        if (o.check)
            code = EXIT_OK;
        else if (o.flush)
            code = flush(policy);
        else
            code = run(&o, policy);
    }
    free(policy);
    return code;
}
