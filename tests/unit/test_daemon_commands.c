/* test_daemon_commands.c: people's commands on a real spillwayd: who may give which, whose name the
 * log keeps, and that a request counts once, whatever dies in between. */
#include "daemon_stage.h"

#include "base/error.h"

#include <check.h>
#include <errno.h>
#include <grp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

/* Accounts that exist nowhere: numbers suffice. */
enum { LOOKERS = 64001, ONCALL = 64002, NOBODYS = 64003, ADA = 64011, GRACE = 64012, EVE = 64013 };

static struct stage stage;

static void setup(void)
{
    stage_open(&stage);
    stage_broker(&stage);
    stage_genesis(&stage, 1, 0, 1);
}

static void teardown(void)
{
    stage_close(&stage);
}

static json_t *ask(int daemon, const char *line)
{
    int fd = stage_connect(&stage, daemon, "control");
    json_t *answer = stage_ask(fd, line);
    ck_assert_ptr_nonnull(answer);
    close(fd);
    return answer;
}

static json_int_t number(const json_t *answer, const char *key)
{
    return json_integer_value(json_object_get(answer, key));
}

/* Asks and forgets; the answer's status, 0 when it was obeyed. */
static int status_of(int daemon, const char *line)
{
    json_t *answer = ask(daemon, line);
    int status = (int)number(answer, "status");
    json_decref(answer);
    return status;
}

#define COMMAND(name, id, more)                                                                    \
    "{\"request\":\"" name "\",\"id\":\"000000000000000000000000000000" id "\"," more              \
    "\"reason\":\"a test\"}\n"

/* --- Roles --------------------------------------------------------------------------------------
 */

/* The socket's answer to somebody else, in memory of the caller; "" when it may not connect. */
static void ask_as(uid_t uid, gid_t gid, gid_t other, const char *line, char *ret, size_t size)
{
    int ends[2];
    char path[108];
    stage_path(&stage, 0, "control", path);
    ck_assert_int_eq(pipe(ends), 0);
    pid_t child = fork();
    ck_assert_int_ge(child, 0);
    if (child == 0) {
        struct sockaddr_un address = {.sun_family = AF_UNIX};
        char got[4096];
        ssize_t n = 0;
        strcpy(address.sun_path, path);
        int fd = socket(AF_UNIX, SOCK_STREAM, 0);
        if (setgroups(1, &other) == 0 && setgid(gid) == 0 && setuid(uid) == 0 &&
            connect(fd, (const struct sockaddr *)&address, sizeof address) == 0 &&
            send(fd, line, strlen(line), MSG_NOSIGNAL) > 0 &&
            (n = recv(fd, got, sizeof got, 0)) > 0) {
            n = write(ends[1], got, (size_t)n);
        }
        _exit(n > 0 ? 0 : 1);
    }
    close(ends[1]);
    ssize_t n = read(ends[0], ret, size - 1);
    ret[n > 0 ? n : 0] = '\0';
    close(ends[0]);
    ck_assert_int_eq(waitpid(child, NULL, 0), child);
}

static int status_as(uid_t uid, gid_t gid, gid_t other, const char *line)
{
    char text[4096];
    ask_as(uid, gid, other, line, text, sizeof text);
    json_t *answer = json_loads(text, 0, NULL);
    ck_assert_msg(answer != NULL, "%s", text);
    int status = (int)number(answer, "status");
    json_decref(answer);
    return status;
}

START_TEST(the_group_may_look_and_operators_may_command)
{
    char text[4096], path[108];
    struct stat st;
    if (geteuid() != 0) {
        return; /* only root can be other people */
    }
    snprintf(stage.settings, sizeof stage.settings,
             "control_group: '%d'\noperators: ['%d']\noperator_groups: ['%d']\n", LOOKERS, ADA,
             ONCALL);
    ck_assert_int_eq(chmod(stage.dir, 0755), 0);
    stage_start(&stage, 0);
    ck_assert_int_eq(stage_await_leader(&stage), 0);
    stage_path(&stage, 0, "control", path);
    ck_assert_int_eq(stat(path, &st), 0);
    ck_assert_uint_eq(st.st_mode & 0777, 0660);
    ck_assert_uint_eq(st.st_gid, LOOKERS);
    stage_path(&stage, 0, "probe", path);
    ck_assert_int_eq(stat(path, &st), 0);
    ck_assert_uint_eq(st.st_mode & 0777, 0600);

    ask_as(EVE, NOBODYS, NOBODYS, "{\"request\":\"status\"}\n", text, sizeof text);
    ck_assert_str_eq(text, "");
    ask_as(EVE, LOOKERS, NOBODYS, "{\"request\":\"status\"}\n", text, sizeof text);
    ck_assert_ptr_nonnull(strstr(text, "\"ok\""));
    ck_assert_int_eq(status_as(EVE, LOOKERS, NOBODYS, COMMAND("freeze", "01", "")), ERR_PERMISSION);
    ck_assert_int_eq(status_as(ADA, LOOKERS, NOBODYS, COMMAND("freeze", "02", "")), OK);
    ck_assert_int_eq(status_as(GRACE, LOOKERS, ONCALL, COMMAND("release", "03", "\"order\":1,")),
                     OK);
    ck_assert_int_eq(status_as(GRACE, NOBODYS, LOOKERS, COMMAND("freeze", "04", "")),
                     ERR_PERMISSION);
    /* A name that the client gives itself is nothing. */
    ask_as(ADA, LOOKERS, NOBODYS,
           COMMAND("pin", "05", "\"subject\":\"beijing\",\"identity\":\"root (uid 0)\","), text,
           sizeof text);
    ck_assert_ptr_nonnull(strstr(text, "by uid 64011: a test"));
    ck_assert_int_eq(status_of(0, COMMAND("freeze", "06", "")), OK); /* the daemon's own user */
}
END_TEST

/* A status request after so many spaces, as somebody else; 1: answered, 0: told that it is too
 * long, and closed; -1: neither. */
static int long_line_as(uid_t uid, size_t spaces)
{
    char path[108];
    stage_path(&stage, 0, "control", path);
    char *line = malloc(spaces + 32);
    ck_assert_ptr_nonnull(line);
    memset(line, ' ', spaces);
    strcpy(line + spaces, "{\"request\":\"status\"}\n");
    pid_t child = fork();
    ck_assert_int_ge(child, 0);
    if (child == 0) {
        struct sockaddr_un address = {.sun_family = AF_UNIX};
        static char got[65536];
        size_t sent = 0, size = strlen(line), len = 0;
        ssize_t n = 0;
        strcpy(address.sun_path, path);
        int fd = socket(AF_UNIX, SOCK_STREAM, 0);
        if (setgroups(0, NULL) != 0 || setgid(LOOKERS) != 0 || setuid(uid) != 0 ||
            connect(fd, (const struct sockaddr *)&address, sizeof address) != 0) {
            _exit(3);
        }
        while (sent < size && (n = send(fd, line + sent, size - sent, MSG_NOSIGNAL)) > 0) {
            sent += (size_t)n;
        }
        while (memchr(got, '\n', len) == NULL &&
               (n = recv(fd, got + len, sizeof got - 1 - len, 0)) > 0) {
            len += (size_t)n;
        }
        bool refused = strstr(got, "longer than 64 KiB") != NULL;
        char byte;
        if (refused && recv(fd, &byte, 1, 0) > 0) {
            _exit(3);
        }
        _exit(refused ? 0 : strstr(got, "\"phase\"") != NULL ? 1 : 3);
    }
    free(line);
    int status = 0;
    ck_assert_int_eq(waitpid(child, &status, 0), child);
    return WIFEXITED(status) && WEXITSTATUS(status) < 2 ? WEXITSTATUS(status) : -1;
}

/* A new fleet is long; who may not give one has no use for such a line. */
START_TEST(long_lines_are_for_who_may_command)
{
    if (geteuid() != 0) {
        return;
    }
    snprintf(stage.settings, sizeof stage.settings, "control_group: '%d'\noperators: ['%d']\n",
             LOOKERS, ADA);
    ck_assert_int_eq(chmod(stage.dir, 0755), 0);
    stage_start(&stage, 0);
    json_decref(stage_status(&stage, 0));
    ck_assert_int_eq(long_line_as(EVE, 60 * 1024), 1);
    ck_assert_int_eq(long_line_as(EVE, 65 * 1024), 0);
    ck_assert_int_eq(long_line_as(EVE, 2 * 1024 * 1024), 0);
    ck_assert_int_eq(long_line_as(ADA, 65 * 1024), 1);
    ck_assert_int_eq(long_line_as(ADA, 2 * 1024 * 1024), 1);
    ck_assert_int_eq(long_line_as(0, 2 * 1024 * 1024), 1);
}
END_TEST

START_TEST(guests_leave_places_for_the_daemons_user)
{
    enum { GUESTS = 14 };
    char path[108];
    int ends[2], kept = 0;
    if (geteuid() != 0) {
        return;
    }
    snprintf(stage.settings, sizeof stage.settings, "control_group: '%d'\n", LOOKERS);
    ck_assert_int_eq(chmod(stage.dir, 0755), 0);
    stage_start(&stage, 0);
    close(stage_connect(&stage, 0, "control"));
    stage_path(&stage, 0, "control", path);
    ck_assert_int_eq(pipe(ends), 0);
    pid_t child = fork();
    if (child == 0) {
        struct sockaddr_un address = {.sun_family = AF_UNIX};
        char answers[GUESTS] = {0};
        strcpy(address.sun_path, path);
        if (setgid(LOOKERS) != 0 || setuid(EVE) != 0) {
            _exit(1);
        }
        for (int i = 0; i < GUESTS; i++) {
            int fd = socket(AF_UNIX, SOCK_STREAM, 0);
            char got[8];
            static const char line[] = "{\"request\":\"nothing\"}\n";
            (void)connect(fd, (const struct sockaddr *)&address, sizeof address);
            answers[i] = send(fd, line, sizeof line - 1, MSG_NOSIGNAL) > 0 &&
                         recv(fd, got, sizeof got, 0) > 0;
        }
        (void)write(ends[1], answers, sizeof answers);
        pause(); /* and stays */
    }
    char answers[GUESTS];
    ck_assert_int_eq(read(ends[0], answers, sizeof answers), (ssize_t)sizeof answers);
    for (int i = 0; i < GUESTS; i++) {
        kept += answers[i];
    }
    ck_assert_int_eq(kept, 4); /* of one user: a quarter of the places, half for all guests */
    json_decref(stage_status(&stage, 0));
    ck_assert_int_eq(kill(child, SIGKILL), 0);
    ck_assert_int_eq(waitpid(child, NULL, 0), child);
    close(ends[0]);
    close(ends[1]);
}
END_TEST

/* --- Once ---------------------------------------------------------------------------------------
 */

START_TEST(a_request_counts_once_on_every_replica_and_over_kill_9)
{
    static const char drain[] = COMMAND("drain", "10", "\"subject\":\"shenzhen\",");
    stage_start(&stage, 0);
    stage_start(&stage, 1);
    (void)stage_await_leader(&stage);
    json_t *first = ask(0, drain);
    ck_assert_msg(json_is_true(json_object_get(first, "ok")), "%s", json_dumps(first, 0));
    ck_assert_int_eq(number(first, "order"), 1);
    stage_await_number(&stage, 1, "applied", number(first, "offset"));
    json_t *second = ask(1, drain);
    ck_assert(json_equal(first, second));
    json_decref(second);
    ck_assert_int_eq(stage_stop(&stage, 0, SIGKILL), -SIGKILL);
    (void)stage_await_leader(&stage);
    stage_start(&stage, 0);
    stage_await_text(&stage, 0, "phase", "following");
    stage_await_number(&stage, 0, "applied", number(first, "offset"));
    second = ask(0, drain);
    ck_assert(json_equal(first, second));
    json_decref(second);
    json_decref(first);
    /* Another request that says the same is another word. */
    ck_assert_int_eq(status_of(1, COMMAND("drain", "11", "\"subject\":\"shenzhen\",")), ERR_EXISTS);
}
END_TEST

/* The request is sent and the client is gone: the word counts all the same, once. */
START_TEST(a_client_that_goes_away_has_said_it)
{
    static const char freeze[] = COMMAND("freeze", "20", "");
    stage_start(&stage, 0);
    (void)stage_await_leader(&stage);
    for (int i = 0; i < 5; i++) {
        int fd = stage_connect(&stage, 0, "control");
        ck_assert_int_eq(send(fd, freeze, strlen(freeze), MSG_NOSIGNAL), (ssize_t)strlen(freeze));
        if (i > 0) {
            json_decref(stage_status(&stage, 0)); /* a while later */
        }
        close(fd);
    }
    json_t *answer = ask(0, freeze);
    ck_assert(json_is_true(json_object_get(answer, "ok")));
    ck_assert_int_eq(number(answer, "order"), 1);
    json_decref(answer);
    ck_assert_int_eq(status_of(0, COMMAND("freeze", "21", "")), ERR_EXISTS);
}
END_TEST

/* --- What cannot be read ------------------------------------------------------------------------
 */

START_TEST(commands_that_make_no_sense_are_answered)
{
    static const struct {
        const char *line;
        int status;
    } bad[] = {
        {COMMAND("drain", "30", ""), ERR_INVALID},
        {COMMAND("drain", "31", "\"subject\":\"\","), ERR_INVALID},
        {COMMAND("drain", "32", "\"subject\":\"a b\","), ERR_INVALID},
        {COMMAND("drain", "33", "\"subject\":\"atlantis\","), ERR_NOT_FOUND},
        {COMMAND("drain", "34", "\"subject\":\"region:north\","), ERR_NOT_FOUND},
        {COMMAND("drain", "35", "\"subject\":\"beijing\",\"ttl_us\":0,"), ERR_INVALID},
        {COMMAND("drain", "36", "\"subject\":\"beijing\",\"ttl_us\":9223372036854775807,"),
         ERR_INVALID},
        {COMMAND("demote", "37", "\"region\":\"north\",\"service\":\"web\",\"tier\":10,"),
         ERR_INVALID},
        {COMMAND("demote", "38", "\"region\":\"north\",\"service\":\"web\",\"tier\":0,"),
         ERR_GUARD},
        {COMMAND("demote", "39", "\"region\":\"mars\",\"service\":\"web\",\"tier\":1,"),
         ERR_NOT_FOUND},
        {COMMAND("release", "3a", "\"order\":-1,"), ERR_INVALID},
        {COMMAND("undo", "3b", "\"decision\":1,"), ERR_NOT_FOUND},
        {COMMAND("undo", "3c", "\"decision\":123456789,"), ERR_NOT_FOUND},
        {COMMAND("skip", "3d", "\"record\":123456789,"), ERR_NOT_FOUND},
    };
    stage_start(&stage, 0);
    (void)stage_await_leader(&stage);
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        int status = status_of(0, bad[i].line);
        ck_assert_msg(status == bad[i].status, "%s %d", bad[i].line, status);
    }
}
END_TEST

int main(void)
{
    Suite *s = suite_create("daemon-commands");
    TCase *t = tcase_create("commands");
    tcase_add_checked_fixture(t, setup, teardown);
    tcase_set_timeout(t, 240);
    tcase_add_test(t, the_group_may_look_and_operators_may_command);
    tcase_add_test(t, long_lines_are_for_who_may_command);
    tcase_add_test(t, guests_leave_places_for_the_daemons_user);
    tcase_add_test(t, a_request_counts_once_on_every_replica_and_over_kill_9);
    tcase_add_test(t, a_client_that_goes_away_has_said_it);
    tcase_add_test(t, commands_that_make_no_sense_are_answered);
    suite_add_tcase(s, t);
    SRunner *r = srunner_create(s);
    srunner_run_all(r, CK_ENV);
    int failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
