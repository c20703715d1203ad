/* main.c: spillwayd's command line, its settings, and its exit codes. */
#include "daemon/daemon.h"

#include <getopt.h>
#include <malloc.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { EXIT_USAGE = 2 };

static const char usage[] =
    "usage: spillwayd --config FILE [--check]\n"
    "       spillwayd --version | --help\n"
    "\n"
    "Spillway's control daemon: follows the log, decides when it leads, acts for its datacenter.\n"
    "\n"
    "  --config FILE  settings, see spillwayd.yaml(5)\n"
    "  --check        validate the settings and exit\n"
    "  --version      print the version and exit\n"
    "  --help         print this and exit\n";

/* Reads the settings; every error at once to standard error. */
static int read_settings(const char *path, struct spillwayd_settings *ret_settings)
{
    char *text = NULL;
    size_t len = 0;
    struct config_errors errs = {.items = NULL};
    int status = config_file_read(path, SETTINGS_MAX_BYTES, &text, &len, &errs);
    if (status == OK) {
        status = config_spillwayd_parse(text, len, ret_settings, &errs);
    }
    free(text);
    config_errors_print(&errs, path, stderr);
    config_errors_done(&errs);
    return status;
}

int main(int argc, char **argv)
{
    static const struct option options[] = {{"config", required_argument, NULL, 'c'},
                                            {"check", no_argument, NULL, 'k'},
                                            {"version", no_argument, NULL, 'v'},
                                            {"help", no_argument, NULL, 'h'},
                                            {NULL, 0, NULL, 0}};
    const char *config = NULL;
    bool check = false;
    for (int o; (o = getopt_long(argc, argv, "", options, NULL)) != -1;) {
        switch (o) {
        case 'c': config = optarg; break;
        case 'k': check = true; break;
        case 'v': puts("spillwayd " SPILLWAY_VERSION); return EXIT_SUCCESS;
        case 'h': fputs(usage, stdout); return EXIT_SUCCESS;
        default: fputs(usage, stderr); return EXIT_USAGE;
        }
    }
    if (config == NULL || optind != argc) {
        fputs(usage, stderr);
        return EXIT_USAGE;
    }
    static struct daemon daemon; /* large, and lives as long as the process */
    int status = read_settings(config, &daemon.settings);
    if (status != OK || check) {
        return status == OK ? EXIT_SUCCESS : EXIT_FAILURE;
    }
    /* librdkafka's threads would otherwise each have a heap of their own. */
    (void)mallopt(M_ARENA_MAX, 2);
    (void)signal(SIGPIPE, SIG_IGN);
    daemon.config_path = config;
    daemon.log = (struct logger){.fd = STDERR_FILENO,
                                 .format = daemon.settings.log_format,
                                 .level = daemon.settings.log_level};
    memcpy(daemon.log.identity, daemon.settings.idc, sizeof daemon.log.identity);
    return daemon_run(&daemon);
}
