/* test_socket.c: what a person without rights can do to the control socket: nothing that others
 * feel. */
#include "daemon/clock.h"
#include "daemon/unix_server.h"

#include <check.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

enum { TURNS = 200 };

static uv_loop_t loop;
static char dir[32];

static void setup(void)
{
    strcpy(dir, "/tmp/test-socket-XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(dir));
    ck_assert_int_eq(uv_loop_init(&loop), 0);
}

static void teardown(void)
{
    uv_run(&loop, UV_RUN_DEFAULT);
    ck_assert_int_eq(uv_loop_close(&loop), 0);
    ck_assert_int_eq(rmdir(dir), 0);
}

static void turn(void)
{
    for (int i = 0; i < TURNS; i++) {
        uv_run(&loop, UV_RUN_NOWAIT);
    }
}

static void on_opened(void *user, struct unix_client *c)
{
    (void)user;
    (void)c;
}

static void on_closed(void *user, struct unix_client *c)
{
    int *closed = user;
    (void)c;
    (*closed)++;
}

static int call(const char *path)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    strcpy(address.sun_path, path);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (connect(fd, (const struct sockaddr *)&address, sizeof address) != 0) {
        ck_assert_int_eq(errno, EAGAIN); /* the kernel's queue is full */
        close(fd);
        return -1;
    }
    return fd;
}

enum { PLACES = 8, LINE = 8, ANSWER = 64 * 1024 };

static int answers, slow; /* given by on_line */

/* A line is answered with much; "slow" lines take a while. */
static ssize_t on_line(void *user, struct unix_client *c, const uint8_t *data, size_t size)
{
    static uint8_t much[ANSWER];
    const uint8_t *end = memchr(data, '\n', size);
    (void)user;
    if (end == NULL) {
        return 0;
    }
    if (data[0] == 's') {
        usleep(20000);
        slow++;
    }
    answers++;
    unix_client_send(c, data[0] == 'b' ? much : data, data[0] == 'b' ? sizeof much : 1);
    return end - data + 1;
}

static struct unix_server *server_in_turn(const char *path, int64_t quiet_us, int *closed)
{
    struct unix_server *s = NULL;
    struct unix_server_config config = {.path = path,
                                        .group_connects = true,
                                        .group = (gid_t)-1,
                                        .max_clients = PLACES,
                                        .max_input = 64,
                                        .max_output = 2 * ANSWER,
                                        .in_turn = true,
                                        .quiet_us = quiet_us,
                                        .user = closed,
                                        .opened = on_opened,
                                        .received = on_line,
                                        .closed = on_closed};
    ck_assert_int_eq(unix_server_new(&loop, &config, &s), OK);
    return s;
}

/* Who asks for much and reads nothing costs one answer, and others are served. */
START_TEST(who_does_not_read_gets_one_answer)
{
    char path[64], room[4096];
    int closed = 0, small = 1;
    snprintf(path, sizeof path, "%s/socket", dir);
    struct unix_server *s = server_in_turn(path, 0, &closed);
    answers = 0;
    int fd = call(path), other = call(path);
    ck_assert_int_eq(setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &small, sizeof small), 0);
    for (int i = 0; i < 20; i++) {
        (void)send(fd, "b\nb\nb\n", 6, MSG_NOSIGNAL);
        turn();
    }
    int before = answers; /* what the kernel's buffers take, and one more */
    ck_assert_int_lt(before, 20);
    turn();
    ck_assert_int_eq(answers, before);
    (void)send(other, "\n\n\n", 3, MSG_NOSIGNAL); /* more than one turn */
    turn();
    ck_assert_int_eq(recv(other, room, sizeof room, 0), 3);
    ck_assert_int_eq(answers, before + 3);
    size_t got = 0;
    while (got < (size_t)60 * ANSWER) { /* and when it reads, it gets them all */
        ssize_t n = recv(fd, room, sizeof room, 0);
        got += n > 0 ? (size_t)n : 0;
        if (n <= 0) {
            uv_run(&loop, UV_RUN_NOWAIT);
        }
    }
    ck_assert_int_eq(closed, 0);
    ck_assert_uint_eq(unix_server_stats(s)->overflows, 0);
    close(fd);
    close(other);
    turn();
    unix_server_free(s);
}
END_TEST

/* Silence, half a request byte by byte, an answer that is not taken: each ends. */
START_TEST(the_quiet_are_closed)
{
    char path[64], byte;
    int closed = 0;
    snprintf(path, sizeof path, "%s/socket", dir);
    struct unix_server *s = server_in_turn(path, US_PER_SEC, &closed);
    int silent_one = call(path), trickle = call(path), deaf = call(path), busy = call(path);
    (void)send(deaf, "b\nb\nb\nb\nb\nb\nb\nb\nb\nb\n", 20, MSG_NOSIGNAL);
    for (int i = 0; i < 5000 && unix_server_stats(s)->quiet < 3; i++) {
        (void)send(trickle, "x", i % 10 == 0 ? 1 : 0, MSG_NOSIGNAL);
        (void)send(busy, "x\n", 2, MSG_NOSIGNAL);
        usleep(10000);
        turn();
        while (recv(busy, &byte, 1, 0) == 1) {
            ck_assert_int_eq(byte, 'x');
        }
        ck_assert_int_eq(errno, EAGAIN);
    }
    ck_assert_uint_eq(unix_server_stats(s)->quiet, 3);
    ck_assert_int_eq(recv(silent_one, &byte, 1, 0), 0);
    int fds[] = {silent_one, trickle, deaf, busy};
    for (size_t i = 0; i < 4; i++) {
        close(fds[i]);
    }
    turn();
    unix_server_free(s);
}
END_TEST

/* Another user, who connects again and again, each time with many requests. */
static pid_t guest(const char *path, uid_t uid)
{
    static const char lines[] = "s\ns\ns\ns\ns\ns\ns\ns\ns\ns\n";
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    strcpy(address.sun_path, path);
    pid_t pid = fork();
    ck_assert_int_ge(pid, 0);
    if (pid != 0) {
        return pid;
    }
    if (setuid(uid) != 0) {
        _exit(1);
    }
    alarm(60);
    for (;;) {
        int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
        if (fd >= 0 && connect(fd, (const struct sockaddr *)&address, sizeof address) == 0) {
            (void)send(fd, lines, strlen(lines), MSG_NOSIGNAL);
        }
        usleep(2000); /* it keeps what it has, until it has no more descriptors */
    }
}

static void count_one(void *user, struct unix_client *c)
{
    uint32_t *n = user;
    (void)c;
    (*n)++;
}

static uint32_t here(struct unix_server *s)
{
    uint32_t n = 0;
    unix_server_each(s, count_one, &n);
    return n;
}

/* One of the daemon's own user, who is served. */
static int call_own(const char *path)
{
    char byte;
    for (int tries = 0; tries < 5000; tries++) {
        int fd = call(path);
        for (int i = 0; fd >= 0 && i < 20; i++) {
            (void)send(fd, i == 0 ? "x\n" : "", i == 0 ? 2 : 0, MSG_NOSIGNAL);
            uv_run(&loop, UV_RUN_NOWAIT);
            usleep(1000);
            if (recv(fd, &byte, 1, 0) == 1) {
                return fd;
            }
        }
        close(fd);
        uv_run(&loop, UV_RUN_NOWAIT);
    }
    return -1;
}

/* A reader who opens all it can leaves places for other readers, they all together for the daemon's
 * own user, and their slow requests take a tenth of the time. */
START_TEST(other_users_share_a_part)
{
    static const uint32_t places[] = {PLACES / 4, PLACES / 2, PLACES / 2};
    enum { GUESTS = 3, SLOW = 6 };
    char path[64];
    int closed = 0, own[PLACES / 2];
    pid_t pids[GUESTS];
    if (geteuid() != 0) {
        return; /* needs root to be others */
    }
    ck_assert_int_eq(chmod(dir, 0755), 0);
    snprintf(path, sizeof path, "%s/socket", dir);
    struct unix_server *s = server_in_turn(path, 0, &closed);
    slow = 0;
    struct mono begin = mono_now();
    for (int i = 0; i < GUESTS; i++) {
        pids[i] = guest(path, (uid_t)(4711 + i));
        for (int tries = 0; tries < 20000 && here(s) < places[i]; tries++) {
            uv_run(&loop, UV_RUN_NOWAIT);
            usleep(1000);
        }
        uint64_t enough = unix_server_stats(s)->refused + 200; /* each has tried by then */
        for (int tries = 0; tries < 20000 && unix_server_stats(s)->refused < enough; tries++) {
            uv_run(&loop, UV_RUN_NOWAIT);
            usleep(1000);
        }
        ck_assert_uint_eq(here(s), places[i]);
    }
    for (int i = 0; i < PLACES / 2; i++) {
        own[i] = call_own(path);
        ck_assert_msg(own[i] >= 0, "the daemon's own user found no place");
    }
    ck_assert_uint_eq(here(s), PLACES);
    while (slow < SLOW) {
        uv_run(&loop, UV_RUN_ONCE);
    }
    ck_assert_int_ge(mono_diff_us(mono_now(), begin), (int64_t)(SLOW - 1) * 10 * 20000);
    ck_assert_uint_gt(unix_server_stats(s)->refused, 0);
    for (int i = 0; i < GUESTS; i++) {
        kill(pids[i], SIGKILL);
        ck_assert_int_eq(waitpid(pids[i], NULL, 0), pids[i]);
    }
    for (int i = 0; i < PLACES / 2; i++) {
        close(own[i]);
    }
    unix_server_free(s);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("socket");
    TCase *c = tcase_create("guests");
    tcase_set_timeout(c, 100);
    tcase_add_checked_fixture(c, setup, teardown);
    tcase_add_test(c, who_does_not_read_gets_one_answer);
    tcase_add_test(c, the_quiet_are_closed);
    tcase_add_test(c, other_users_share_a_part);
    suite_add_tcase(suite, c);
    SRunner *runner = srunner_create(suite);
    signal(SIGPIPE, SIG_IGN);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
