/* test_daemon_signals.c: what spillwayd tells the service manager, and what SIGHUP makes it read.
 */
#include "daemon_stage.h"
#include "memory.h"

#include <check.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { PATIENCE_MS = 40000, STEP_MS = 20, LOG_MAX = 256 * 1024 };

static struct stage stage;
static int manager; /* the socket of the test, in the place of systemd's */

static void setup(void)
{
    stage_open(&stage);
    stage_broker(&stage);
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    snprintf(address.sun_path, sizeof address.sun_path, "%s/notify", stage.dir);
    manager = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    ck_assert_int_eq(bind(manager, (const struct sockaddr *)&address, sizeof address), 0);
    setenv("NOTIFY_SOCKET", address.sun_path, 1);
}

static void teardown(void)
{
    close(manager);
    stage_close(&stage);
}

/* Waits for a message of the daemon; nothing else than messages it knows may come before. */
static void await_message(const char *text)
{
    for (;;) {
        struct pollfd p = {.fd = manager, .events = POLLIN};
        ck_assert_msg(poll(&p, 1, PATIENCE_MS) == 1, "no %s", text);
        char got[64] = "";
        ck_assert_int_gt(recv(manager, got, sizeof got - 1, 0), 0);
        if (strcmp(got, text) == 0) {
            return;
        }
        ck_assert_msg(strcmp(got, "WATCHDOG=1") == 0, "%s instead of %s", got, text);
    }
}

static const char *log_of(int daemon)
{
    static char text[LOG_MAX];
    char path[108];
    stage_path(&stage, daemon, "log", path);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t n = fd >= 0 ? read(fd, text, sizeof text - 1) : 0;
    text[n > 0 ? n : 0] = '\0';
    if (fd >= 0) {
        close(fd);
    }
    return text;
}

static uint32_t lines_with(int daemon, const char *what)
{
    uint32_t n = 0;
    for (const char *at = log_of(daemon); (at = strstr(at, what)) != NULL; at++) {
        n++;
    }
    return n;
}

static void await_lines(int daemon, const char *what, uint32_t count)
{
    for (int waited = 0; lines_with(daemon, what) < count; waited += STEP_MS) {
        ck_assert_msg(waited < PATIENCE_MS, "not %u lines with %s in:\n%s", count, what,
                      log_of(daemon));
        nanosleep(&(struct timespec){.tv_nsec = STEP_MS * 1000000}, NULL);
    }
}

/* DNS servers that cannot be pushed to: without its key none is configured. */
static uint32_t servers_without_key(void)
{
    json_t *status = stage_status(&stage, 0), *actuator;
    size_t i;
    uint32_t n = 0, servers = 0;
    json_array_foreach(json_object_get(status, "actuators"), i, actuator)
    {
        bool dns = strcmp(json_string_value(json_object_get(actuator, "actuator")), "dns") == 0;
        const char *state = json_string_value(json_object_get(actuator, "state"));
        servers += dns;
        n += dns && strcmp(state, "unconfigured") == 0;
    }
    json_decref(status);
    ck_assert_uint_eq(servers, stage.fleet->dns_server_count);
    return n;
}

/* Changes the settings file of daemon 0: the lines after those of the stage. */
static void append_settings(const char *lines)
{
    char path[108];
    stage_path(&stage, 0, "settings.yaml", path);
    FILE *f = fopen(path, "a");
    ck_assert_ptr_nonnull(f);
    ck_assert_int_ge(fputs(lines, f), 0);
    ck_assert_int_eq(fclose(f), 0);
}

START_TEST(tells_the_service_manager)
{
    stage_start(&stage, 0);
    await_message("READY=1");
    char path[108];
    stage_path(&stage, 0, "control", path);
    ck_assert_int_eq(access(path, F_OK), 0); /* ready means that it can be asked */
    await_message("WATCHDOG=1");
    await_message("WATCHDOG=1");
    ck_assert_int_eq(stage_stop(&stage, 0, SIGTERM), 0);
    await_message("STOPPING=1");
}
END_TEST

/* A daemon that cannot start never says that it is ready. */
START_TEST(is_not_ready_when_it_cannot_start)
{
    char journal[108];
    stage_path(&stage, 0, "journal", journal);
    FILE *f = fopen(journal, "w");
    ck_assert_ptr_nonnull(f);
    ck_assert_int_ge(fputs("this is no journal", f), 0);
    ck_assert_int_eq(fclose(f), 0);
    stage_start(&stage, 0);
    ck_assert_int_eq(stage_stop(&stage, 0, 0), 1);
    struct pollfd p = {.fd = manager, .events = POLLIN};
    ck_assert_int_eq(poll(&p, 1, 0), 0);
}
END_TEST

START_TEST(reads_settings_and_keys_again)
{
    stage_start(&stage, 0);
    await_message("READY=1");
    stage_genesis(&stage, 1, 0, 1);
    stage_await_text(&stage, 0, "phase", "following");
    ck_assert_uint_eq(servers_without_key(), stage.fleet->dns_server_count);
    uint32_t missing = lines_with(0, "event=key-missing");

    /* The missing keys come, and the log's format changes: both are taken on the signal. */
    char command[256];
    snprintf(command, sizeof command,
             "cd %s && for k in $(sed -n 's/.*event=key-missing.* key=\\([^ ]*\\).*/\\1/p' "
             "beijing-log); do echo AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8= >$k.key; "
             "chmod 600 $k.key; done",
             stage.dir);
    ck_assert_int_eq(system(command), 0);
    append_settings("log_format: json\n");
    ck_assert_int_eq(kill(stage.daemons[0], SIGHUP), 0);
    await_lines(0, "\"event\":\"reloaded\"", 1);
    ck_assert_uint_eq(lines_with(0, "event=reloaded"), 0);
    ck_assert_uint_eq(servers_without_key(), 0);

    /* Bad settings are told, and change nothing. */
    append_settings("log_level: loud\n");
    ck_assert_int_eq(kill(stage.daemons[0], SIGHUP), 0);
    await_lines(0, "\"event\":\"reloaded\"", 2);
    ck_assert_uint_eq(lines_with(0, "loud"), 1);
    ck_assert_uint_eq(servers_without_key(), 0);
    ck_assert_uint_eq(lines_with(0, "key-missing"), missing); /* all are there */

    /* It lives, and follows the log as before. */
    stage_await_text(&stage, 0, "phase", "following");
    ck_assert_int_eq(stage_stop(&stage, 0, SIGTERM), 0);
    ck_assert_uint_eq(lines_with(0, "\"event\":\"stopped\""), 1);
}
END_TEST

/* New secrets for every key that the daemon asks for; the old files stay beside, as NAME.old. */
static void new_secrets(void)
{
    char command[512];
    snprintf(
        command, sizeof command,
        "cd %s && umask 077 && for k in $(sed -n "
        "'s/.*event=key-missing.* key=\\([^ ]*\\).*/\\1/p' beijing-log | sort -u); do "
        "if [ -e $k.key ]; then mv $k.key $k.old; fi; head -c 32 /dev/urandom | base64 >$k.key; "
        "done",
        stage.dir);
    ck_assert_int_eq(system(command), 0);
}

/* How often parts of the key in this file are in the memory of daemon 0; -1: who runs the tests may
 * not look there. */
static long key_in_memory(const char *key, const char *suffix)
{
    char path[192];
    pid_t pid = stage.daemons[0];
    snprintf(path, sizeof path, "%s/%s.%s", stage.dir, key, suffix);
    kill(pid, SIGSTOP);
    ck_assert_int_eq(waitpid(pid, NULL, WUNTRACED), pid);
    long found = memory_count_key(pid, path);
    kill(pid, SIGCONT);
    return found;
}

START_TEST(an_old_key_leaves_no_trace)
{
    const char *dns = stage.fleet->dns_servers[0].tsig_key, *probe = stage.fleet->idcs[1].probe_key;
    stage_start(&stage, 0);
    stage_genesis(&stage, 1, 0, 1);
    stage_await_text(&stage, 0, "phase", "following");
    await_lines(0, "event=key-missing", 1);
    ck_assert_uint_eq(servers_without_key(), stage.fleet->dns_server_count);
    new_secrets();
    ck_assert_int_eq(kill(stage.daemons[0], SIGHUP), 0);
    await_lines(0, "event=reloaded", 1);
    ck_assert_uint_eq(servers_without_key(), 0);
    if (key_in_memory(dns, "key") < 0) {
        return; /* not root: the daemon's memory is closed, as it has to be */
    }
    ck_assert_int_ge(key_in_memory(dns, "key"), 4);   /* keyring and pusher, two halves each */
    ck_assert_int_ge(key_in_memory(probe, "key"), 2); /* keyring */
    new_secrets();
    ck_assert_int_eq(kill(stage.daemons[0], SIGHUP), 0);
    await_lines(0, "event=reloaded", 2);
    ck_assert_int_ge(key_in_memory(dns, "key"), 4);
    ck_assert_int_eq(key_in_memory(dns, "old"), 0);
    ck_assert_int_eq(key_in_memory(probe, "old"), 0);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("daemon-signals");
    TCase *c = tcase_create("signals");
    tcase_set_timeout(c, 120);
    tcase_add_checked_fixture(c, setup, teardown);
    tcase_add_test(c, tells_the_service_manager);
    tcase_add_test(c, is_not_ready_when_it_cannot_start);
    tcase_add_test(c, reads_settings_and_keys_again);
    tcase_add_test(c, an_old_key_leaves_no_trace);
    suite_add_tcase(suite, c);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
