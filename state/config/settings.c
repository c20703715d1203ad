/* settings.c: the tables of the daemons' local settings, and reading a file. */
#include "config/settings.h"

#include "config/schema.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static const char *const log_formats[] = {"logfmt", "json", NULL};
static const char *const log_levels[] = {"error", "warning", "info", "debug", NULL};

#define IDC(of)                                                                                    \
    {                                                                                              \
        .key = "idc", .type = FIELD_NAME, .required = true, SCHEMA_MEMBER(of, idc),                \
        .meaning = "name of this host's IDC in the fleet"                                          \
    }
#define BROKERS(of)                                                                                \
    {                                                                                              \
        .key = "brokers", .type = FIELD_JOINED, .element = FIELD_ENDPOINT, .required = true,       \
        .min = 1, .max = SETTINGS_MAX_BROKERS, SCHEMA_MEMBER(of, brokers),                         \
        .meaning = "Kafka brokers to start from"                                                   \
    }
#define KAFKA_SECURITY(of)                                                                         \
    PATH(of, kafka_security, NULL,                                                                 \
         "file with TLS and SASL for the brokers, mode 0600; without it plain text")
#define PATH(of, name, default_path, text)                                                         \
    {                                                                                              \
        .key = #name, .type = FIELD_PATH, SCHEMA_MEMBER(of, name), .preset = (default_path),       \
        .meaning = (text)                                                                          \
    }
#define LOGGING(of)                                                                                \
    {.key = "log_format",                                                                          \
     .type = FIELD_ENUM,                                                                           \
     SCHEMA_MEMBER(of, log_format),                                                                \
     .names = log_formats,                                                                         \
     .preset = "logfmt",                                                                           \
     .meaning = "of the lines on standard error"},                                                 \
    {                                                                                              \
        .key = "log_level", .type = FIELD_ENUM, SCHEMA_MEMBER(of, log_level), .names = log_levels, \
        .preset = "info", .meaning = "the least important that is written"                         \
    }

static const struct schema_field spillwayd_fields[] = {
    IDC(struct spillwayd_settings),
    BROKERS(struct spillwayd_settings),
    KAFKA_SECURITY(struct spillwayd_settings),
    PATH(struct spillwayd_settings, journal, "/var/lib/spillway/journal",
         "the LMDB file of records and control state"),
    {.key = "journal_map_size",
     .json = "journal_map_bytes",
     .type = FIELD_BYTES,
     SCHEMA_MEMBER(struct spillwayd_settings, journal_map_bytes),
     .min = UINT64_C(64) << 20,
     .max = UINT64_C(1) << 40,
     .preset = "1GiB",
     .meaning = "most that the journal may take on disk"},
    PATH(struct spillwayd_settings, keys_dir, "/etc/spillway/keys",
         "directory of the secrets, <key-id>.key each"),
    PATH(struct spillwayd_settings, control_socket, "/run/spillway/control.sock",
         "unix socket for the spillway command"),
    {.key = "control_group",
     .type = FIELD_KEY_ID,
     SCHEMA_MEMBER(struct spillwayd_settings, control_group),
     .meaning = "group whose members may look at the control socket; else the daemon's own group"},
    {.key = "operators",
     .type = FIELD_JOINED,
     .element = FIELD_KEY_ID,
     .max = SETTINGS_MAX_NAMES,
     SCHEMA_MEMBER(struct spillwayd_settings, operators),
     .meaning = "users (names or numbers) who may give commands, beside the daemon's own and root"},
    {.key = "operator_groups",
     .type = FIELD_JOINED,
     .element = FIELD_KEY_ID,
     .max = SETTINGS_MAX_NAMES,
     SCHEMA_MEMBER(struct spillwayd_settings, operator_groups),
     .meaning = "groups whose members may give commands"},
    PATH(struct spillwayd_settings, probe_socket, "/run/spillway/probe.sock",
         "unix socket for the local spillway-probe"),
    PATH(struct spillwayd_settings, route_helper_socket, NULL,
         "unix socket of the privileged route helper; without it no routes are set here"),
    PATH(struct spillwayd_settings, feature_file, NULL,
         "flagd file of this IDC's features; without it none is written"),
    {.key = "development_broker",
     .type = FIELD_BOOL,
     SCHEMA_MEMBER(struct spillwayd_settings, development_broker),
     .preset = "false",
     .meaning = "excuses the durability settings of the topics: for spillway-broker only"},
    LOGGING(struct spillwayd_settings),
};
const struct schema spillwayd_schema = {"the settings of spillwayd", "spillwayd",
                                        SCHEMA_FIELDS(spillwayd_fields)};

static const struct schema_field probe_fields[] = {
    IDC(struct probe_settings),
    BROKERS(struct probe_settings),
    KAFKA_SECURITY(struct probe_settings),
    PATH(struct probe_settings, keys_dir, "/etc/spillway/keys",
         "directory of the secrets, <key-id>.key each"),
    PATH(struct probe_settings, probe_socket, "/run/spillway/probe.sock",
         "unix socket of the local spillwayd"),
    PATH(struct probe_settings, state_dir, "/var/lib/spillway-probe",
         "where the incarnation and the last fleet are kept"),
    LOGGING(struct probe_settings),
};
const struct schema probe_schema = {"the settings of spillway-probe", "spillway-probe",
                                    SCHEMA_FIELDS(probe_fields)};

/* Decodes one settings file into `object`, which the caller throws away unless OK. */
static int parse(const char *text, size_t len, const struct schema *s, void *object,
                 struct config_errors *errs)
{
    const uint32_t before = errs->error_count;
    struct yaml *yaml = NULL;
    int status = yaml_parse(text, len, SETTINGS_MAX_BYTES, errs, &yaml);
    if (status == OK) {
        struct schema_context ctx = {.errs = errs, .yaml = yaml, .root = object};
        schema_decode(&ctx, s, yaml_root(yaml), object);
        status = ctx.status;
    }
    config_errors_sort(errs);
    yaml_free(yaml);
    return errs->error_count > before && status != ERR_MEMORY ? ERR_INVALID : status;
}

int config_spillwayd_parse(const char *text, size_t len, struct spillwayd_settings *ret,
                           struct config_errors *errs)
{
    struct spillwayd_settings settings = {0};
    int status = parse(text, len, &spillwayd_schema, &settings, errs);
    if (status == OK) {
        *ret = settings;
    }
    return status;
}

int config_probe_parse(const char *text, size_t len, struct probe_settings *ret,
                       struct config_errors *errs)
{
    struct probe_settings settings = {0};
    int status = parse(text, len, &probe_schema, &settings, errs);
    if (status == OK) {
        *ret = settings;
    }
    return status;
}

void config_settings_print_reference(FILE *out)
{
    schema_print_reference(&spillwayd_schema, out);
    schema_print_reference(&probe_schema, out);
}

int config_file_read(const char *path, size_t max, char **ret_text, size_t *ret_len,
                     struct config_errors *errs)
{
    FILE *file = fopen(path, "re");
    if (file == NULL) {
        config_error_add(errs, false, 0, 0, "found no readable file (%s), expected one",
                         strerror(errno));
        return errno == ENOENT ? ERR_NOT_FOUND : ERR_IO;
    }
    int status = OK;
    char *text = malloc(max + 2);
    size_t len = 0;
    if (text == NULL) {
        status = ERR_MEMORY;
    } else {
        len = fread(text, 1, max + 1, file);
        if (ferror(file) != 0) {
            config_error_add(errs, false, 0, 0,
                             "found a file that cannot be read (%s), expected one",
                             strerror(errno));
            status = ERR_IO;
        } else if (len > max) {
            config_error_add(errs, false, 0, 0, "found more than %zu bytes, expected at most that",
                             max);
            status = ERR_TOO_LARGE;
        }
    }
    fclose(file);
    if (status != OK) {
        free(text);
        return status;
    }
    text[len] = '\0';
    *ret_text = text;
    *ret_len = len;
    return OK;
}
