/* settings.h: the local settings of the daemons: small YAML files (`--config`), checked like the
 * fleet.
 *
 * Everything that is the same on all hosts is in the fleet; these files hold only what differs: who
 * this host is and where its files are. All strings are NUL-terminated; "" means "not set". The
 * tables with type, bounds, default and meaning of each key are in settings.c; docs/man explains
 * them. */
#ifndef SPILLWAY_CONFIG_SETTINGS_H
#define SPILLWAY_CONFIG_SETTINGS_H

#include "config/errors.h"
#include "model/fleet.h"

#include <stddef.h>

enum {
    SETTINGS_PATH_SIZE = 256,
    SETTINGS_SOCKET_SIZE = 108, /* sun_path of a unix socket, NUL included */
    SETTINGS_MAX_BYTES = 64 * 1024,
    SETTINGS_MAX_BROKERS = 16,
    SETTINGS_BROKER_SIZE = 256, /* "host:port" or "[v6]:port" */
    SETTINGS_MAX_NAMES = 32,
    SETTINGS_NAMES_SIZE = SETTINGS_MAX_NAMES * FLEET_NAME_SIZE,
    SETTINGS_BROKERS_SIZE = SETTINGS_MAX_BROKERS * SETTINGS_BROKER_SIZE,
};

enum log_format { LOG_LOGFMT, LOG_JSON };
enum log_level { LOG_ERROR, LOG_WARNING, LOG_INFO, LOG_DEBUG };

/* spillwayd. Keys of the file in comments where they differ from the field. */
struct spillwayd_settings {
    char idc[FLEET_NAME_SIZE];           /* name of this host's IDC in the fleet; required */
    char brokers[SETTINGS_BROKERS_SIZE]; /* a list in the file; here joined by commas, as librdkafka
                                            takes it; required */
    char journal[SETTINGS_PATH_SIZE];    /* path of the LMDB file; /var/lib/spillway/journal */
    uint64_t journal_map_bytes;          /* journal_map_size: 64MiB to 1TiB; 1GiB */
    char keys_dir[SETTINGS_PATH_SIZE];   /* /etc/spillway/keys */
    char control_socket[SETTINGS_SOCKET_SIZE]; /* for the CLI; /run/spillway/control.sock */
    char control_group[FLEET_NAME_SIZE]; /* whose members may look; "": the daemon's own group */
    char operators[SETTINGS_NAMES_SIZE]; /* who may give commands beside its own user and root */
    char operator_groups[SETTINGS_NAMES_SIZE]; /* both joined by commas; names or numbers */
    char kafka_security[SETTINGS_PATH_SIZE];   /* "" (key absent): plain text, nobody's name */
    char probe_socket[SETTINGS_SOCKET_SIZE];   /* for spillway-probe; /run/spillway/probe.sock */
    char route_helper_socket[SETTINGS_SOCKET_SIZE]; /* "" (key absent): routes are not acted on here
                                                     */
    char feature_file[SETTINGS_PATH_SIZE]; /* "" (key absent): features are not acted on here */
    bool development_broker; /* excuses the log topic's durability settings (spillway-broker); false
                              */
    enum log_format log_format;
    enum log_level log_level;
};

/* spillway-probe. */
struct probe_settings {
    char idc[FLEET_NAME_SIZE];               /* required */
    char brokers[SETTINGS_BROKERS_SIZE];     /* joined by commas; required */
    char kafka_security[SETTINGS_PATH_SIZE]; /* "" (key absent): plain text, nobody's name */
    char keys_dir[SETTINGS_PATH_SIZE];       /* /etc/spillway/keys */
    char probe_socket[SETTINGS_SOCKET_SIZE]; /* of the local spillwayd; /run/spillway/probe.sock */
    char state_dir[SETTINGS_PATH_SIZE]; /* incarnation and last fleet; /var/lib/spillway-probe */
    enum log_format log_format;
    enum log_level log_level;
};

/* Parses len bytes of text. Every error is added to errs (sorted by place). Returns OK (warnings
 * possible), ERR_INVALID when errs holds an error, or ERR_MEMORY; *ret untouched unless OK. */
int config_spillwayd_parse(const char *text, size_t len, struct spillwayd_settings *ret,
                           struct config_errors *errs) MUST_CHECK;
int config_probe_parse(const char *text, size_t len, struct probe_settings *ret,
                       struct config_errors *errs) MUST_CHECK;

/* Prints the reference of both files' keys as Markdown, from the same tables. */
void config_settings_print_reference(FILE *out);

/* Reads a whole file of at most max bytes into *ret_text (malloc, NUL after the end, free it). A
 * failure is added to errs without a place: the usual daemon does config_file_read(path,
 * SETTINGS_MAX_BYTES, &text, &len, &errs) then config_spillwayd_parse(...), prints errs with
 * config_errors_print(), and exits 1 when either was not OK. */
int config_file_read(const char *path, size_t max, char **ret_text, size_t *ret_len,
                     struct config_errors *errs) MUST_CHECK;

#endif
