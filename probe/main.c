/* main.c: spillway-probe: options, settings, signals and the event loop. */
#include "config/confine.h"
#include "probe.h"

#include <ares.h>
#include <curl/curl.h>
#include <errno.h>
#include <getopt.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <systemd/sd-daemon.h>
#include <unistd.h>
#include <uv.h>

enum { EXIT_USAGE = 2 };

static const char usage[] =
    "usage: spillway-probe --config FILE [--check]\n"
    "       spillway-probe --version | --help\n"
    "\n"
    "Watches the links, entrances and references of one datacenter and reports what it sees.\n"
    "\n"
    "  --config FILE  local settings (YAML; spillway-probe(1) explains the keys)\n"
    "  --check        check the settings, print every error, and exit\n"
    "  --version      print the version and exit\n"
    "  --help         print this and exit\n";

struct options {
    const char *config;
    bool check;
};

struct daemon {
    uv_loop_t loop;
    uv_poll_t poll;
    uv_check_t turn;
    uv_signal_t term, interrupt, hangup;
    struct probe *probe;
    struct logger *log;
    const char *config; /* path of the settings */
};

/* OK, or the exit code + 1 of an invocation that ends here. */
static int parse_options(int argc, char **argv, struct options *ret)
{
    static const struct option options[] = {
        {"config", required_argument, NULL, 'c'},
        {"check", no_argument, NULL, 'k'},
        {"version", no_argument, NULL, 'v'},
        {"help", no_argument, NULL, 'h'},
        {NULL, 0, NULL, 0},
    };
    int option;
    while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
        if (option == 'c') {
            ret->config = optarg;
        } else if (option == 'k') {
            ret->check = true;
        } else if (option == 'v') {
            puts("spillway-probe " SPILLWAY_VERSION);
            return EXIT_SUCCESS + 1;
        } else if (option == 'h') {
            fputs(usage, stdout);
            return EXIT_SUCCESS + 1;
        } else {
            fputs(usage, stderr);
            return EXIT_USAGE + 1;
        }
    }
    if (optind == argc && ret->config != NULL)
        return OK;
    fputs(usage, stderr);
    return EXIT_USAGE + 1;
}

static int load_settings(const char *path, struct probe_settings *ret, struct config_errors *errors)
{
    char *text = NULL;
    size_t size = 0;
    int status = config_file_read(path, SETTINGS_MAX_BYTES, &text, &size, errors);
    if (status == OK)
        status = config_probe_parse(text, size, ret, errors);
    free(text);
    return status;
}

/* Every error at once to standard error. */
static int load_first_settings(const char *path, struct probe_settings *ret)
{
    struct config_errors errors = {0};
    int status = load_settings(path, ret, &errors);
    config_errors_print(&errors, path, stderr);
    config_errors_done(&errors);
    return status;
}

/* A prober that waits for the processor blames links for it. Real time needs a privilege
 * (CAP_SYS_NICE); without it the lateness is noticed and reported (core/schedule.h). Threads of
 * libraries stay ordinary. */
static void run_promptly(const struct logger *log)
{
    const struct sched_param parameter = {.sched_priority = 1};
    if (sched_setscheduler(0, SCHED_RR | SCHED_RESET_ON_FORK, &parameter) != 0)
        log_event(log, LOG_INFO, LOG_CODE("no-real-time"), LOG_STR("why", strerror(errno)));
}

/* Before there are threads: the STAMP port alone may need a privilege, now and with each new fleet.
 */
static bool confine_probe(void)
{
    static const cap_value_t keep[] = {CAP_NET_BIND_SERVICE};
    int status = confine(keep, 1);
    if (status != OK)
        fprintf(stderr, "spillway-probe: giving up its privileges: %s\n", error_text(status));
    return status == OK;
}

/* Each running check holds a descriptor. */
static void raise_file_limit(void)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
        limit.rlim_cur = limit.rlim_max;
        (void)setrlimit(RLIMIT_NOFILE, &limit);
    }
}

static void on_events(uv_poll_t *handle, int status, int events)
{
    (void)status;
    (void)events;
    struct daemon *d = handle->data;
    probe_events(d->probe);
}

static void on_turn(uv_check_t *handle)
{
    struct daemon *d = handle->data;
    probe_turn(d->probe);
}

/* SIGHUP: keys, and the log's level and format; all else needs a restart. */
static void reload(struct daemon *d)
{
    struct config_errors errors = {0};
    struct probe_settings fresh;
    int status = load_settings(d->config, &fresh, &errors);
    if (status == OK) {
        d->log->format = fresh.log_format;
        d->log->level = fresh.log_level;
    }
    log_event(d->log, status == OK ? LOG_INFO : LOG_ERROR, LOG_CODE("reloaded"),
              LOG_INT("status", status),
              LOG_STR("why", errors.count > 0 ? errors.items[0].text : error_text(status)));
    config_errors_done(&errors);
    probe_reread(d->probe);
}

static void on_signal(uv_signal_t *handle, int number)
{
    struct daemon *d = handle->data;
    if (number == SIGHUP) {
        reload(d);
        return;
    }
    log_event(d->log, LOG_INFO, LOG_CODE("stopping"), LOG_INT("signal", number));
    (void)sd_notify(0, "STOPPING=1");
    uv_stop(&d->loop);
}

static bool watch_signal(struct daemon *d, uv_signal_t *handle, int number)
{
    handle->data = d;
    return uv_signal_init(&d->loop, handle) == 0 && uv_signal_start(handle, on_signal, number) == 0;
}

static void close_handle(uv_handle_t *handle, void *context)
{
    (void)context;
    if (!uv_is_closing(handle))
        uv_close(handle, NULL);
}

static int run(struct daemon *d)
{
    if (uv_loop_init(&d->loop) != 0)
        return ERR_IO;
    d->poll.data = d->turn.data = d;
    int status = OK;
    if (uv_poll_init(&d->loop, &d->poll, probe_fd(d->probe)) != 0 ||
        uv_poll_start(&d->poll, UV_READABLE, on_events) != 0 ||
        uv_check_init(&d->loop, &d->turn) != 0 || uv_check_start(&d->turn, on_turn) != 0 ||
        !watch_signal(d, &d->term, SIGTERM) || !watch_signal(d, &d->interrupt, SIGINT) ||
        !watch_signal(d, &d->hangup, SIGHUP))
        status = ERR_IO;
    if (status == OK) {
        probe_turn(d->probe); /* sets the alarm */
        (void)sd_notify(0, "READY=1");
        uv_run(&d->loop, UV_RUN_DEFAULT);
    }
    uv_walk(&d->loop, close_handle, NULL);
    uv_run(&d->loop, UV_RUN_DEFAULT);
    uv_loop_close(&d->loop);
    return status;
}

int main(int argc, char **argv)
{
    struct options options = {0};
    static struct probe_settings settings;
    int done = parse_options(argc, argv, &options);
    if (done != OK)
        return done - 1;
    if (load_first_settings(options.config, &settings) != OK)
        return EXIT_FAILURE;
    if (options.check)
        return EXIT_SUCCESS;

    struct logger log = {STDERR_FILENO, settings.log_format, settings.log_level, ""};
    memcpy(log.identity, settings.idc, sizeof(log.identity));
    signal(SIGPIPE, SIG_IGN);
    raise_file_limit();
    run_promptly(&log);
    if (!confine_probe())
        return EXIT_FAILURE;
    if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK ||
        ares_library_init(ARES_LIB_INIT_ALL) != ARES_SUCCESS)
        return EXIT_FAILURE;

    struct daemon d = {.log = &log, .config = options.config};
    int status = probe_new(&settings, &log, &d.probe);
    if (status == OK) {
        status = run(&d);
        probe_free(d.probe);
    }
    ares_library_cleanup();
    curl_global_cleanup();
    return status == OK ? EXIT_SUCCESS : EXIT_FAILURE;
}
