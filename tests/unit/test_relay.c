/* test_relay.c: the development relay carries bytes, ends and refusals, and stops when told. */
#include "log/relay.h"

#include <arpa/inet.h>
#include <check.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

enum { AMOUNT = 1 << 20 }; /* above all buffers on the way */

struct child {
    pid_t pid;
    int stop; /* closing it stops the relay */
};

static struct endpoint any_port(void)
{
    struct endpoint e;
    ck_assert_int_eq(endpoint_parse("127.0.0.1:0", strlen("127.0.0.1:0"), &e), OK);
    return e;
}

/* Where a listening socket of an ephemeral port listens. */
static struct endpoint told(int fd)
{
    struct endpoint e = {.size = sizeof(e.address)};
    ck_assert_int_eq(getsockname(fd, (struct sockaddr *)&e.address, &e.size), 0);
    return e;
}

static struct child relay_start(int listen_fd, const struct endpoint *target)
{
    int pipes[2];
    ck_assert_int_eq(pipe(pipes), 0);
    pid_t pid = fork();
    ck_assert_int_ge(pid, 0);
    if (pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        close(pipes[1]);
        _exit(relay_run(listen_fd, target, pipes[0]) == OK ? 0 : 1);
    }
    close(pipes[0]);
    close(listen_fd);
    return (struct child){pid, pipes[1]};
}

static int relay_stop(struct child c)
{
    int status = 0;
    close(c.stop);
    waitpid(c.pid, &status, 0);
    return status;
}

static int dial(const struct endpoint *e)
{
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    ck_assert_int_ge(fd, 0);
    ck_assert_int_eq(connect(fd, (const struct sockaddr *)&e->address, e->size), 0);
    return fd;
}

/* A child that sends back all that it reads from one connection, then ends. */
static pid_t echo_start(int listen_fd)
{
    pid_t pid = fork();
    ck_assert_int_ge(pid, 0);
    if (pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        static char all[AMOUNT];
        size_t len = 0;
        ssize_t n;
        while ((n = accept(listen_fd, NULL, NULL)) < 0) {
            usleep(1000);
        }
        int fd = (int)n;
        while (len < sizeof(all) && (n = read(fd, all + len, sizeof(all) - len)) > 0) {
            len += (size_t)n;
        }
        for (size_t sent = 0; sent < len && n >= 0; sent += (size_t)n) {
            n = write(fd, all + sent, len - sent);
        }
        _exit(0);
    }
    return pid;
}

START_TEST(test_carries_both_ways)
{
    struct endpoint any = any_port();
    int server = relay_listen(&any);
    int front = relay_listen(&any);
    ck_assert(server >= 0 && front >= 0);
    struct endpoint target = told(server);
    struct endpoint entry = told(front);
    pid_t echo = echo_start(server);
    struct child relay = relay_start(front, &target);
    static uint8_t out[AMOUNT];
    static uint8_t in[AMOUNT];
    for (size_t i = 0; i < sizeof(out); i++) {
        out[i] = (uint8_t)(i * 7 + i / 251);
    }
    int fd = dial(&entry);
    for (size_t sent = 0; sent < sizeof(out);) {
        ssize_t n = write(fd, out + sent, sizeof(out) - sent);
        ck_assert_int_gt(n, 0);
        sent += (size_t)n;
    }
    ck_assert_int_eq(shutdown(fd, SHUT_WR), 0); /* the end goes through, and the way back stays */
    size_t got = 0;
    ssize_t n;
    while ((n = read(fd, in + got, sizeof(in) - got)) > 0) {
        got += (size_t)n;
    }
    ck_assert_uint_eq(got, sizeof(in));
    ck_assert_mem_eq(in, out, sizeof(in));
    close(fd);
    waitpid(echo, NULL, 0);
    close(server);
    int status = relay_stop(relay);
    ck_assert(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}
END_TEST

START_TEST(test_refused_target)
{
    struct endpoint any = any_port();
    int server = relay_listen(&any);
    struct endpoint target = told(server);
    close(server); /* nobody there any more */
    int front = relay_listen(&any);
    struct endpoint entry = told(front);
    struct child relay = relay_start(front, &target);
    for (int i = 0; i < 2 * RELAY_MAX_PAIRS; i++) { /* ended pairs are given back */
        int fd = dial(&entry);
        char c;
        ck_assert_int_le(read(fd, &c, 1), 0);
        close(fd);
    }
    int status = relay_stop(relay);
    ck_assert(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}
END_TEST

START_TEST(test_endpoints)
{
    struct endpoint e;
    static const char *const good[] = {"127.0.0.1:9092", "[::1]:9092", "0.0.0.0:0"};
    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
        ck_assert_int_eq(endpoint_parse(good[i], strlen(good[i]), &e), OK);
    }
    static const char *const bad[] = {"",
                                      ":",
                                      "127.0.0.1",
                                      "127.0.0.1:",
                                      ":9092",
                                      "host:9092",
                                      "127.0.0.1:99999x",
                                      "[]:1",
                                      "1.2.3:4x",
                                      "127.0.0.1:-1",
                                      "127.0.0.1:65536"};
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        ck_assert_msg(endpoint_parse(bad[i], strlen(bad[i]), &e) == ERR_INVALID, "%s", bad[i]);
    }
}
END_TEST

int main(void)
{
    Suite *s = suite_create("relay");
    TCase *c = tcase_create("relay");
    tcase_set_timeout(c, 60);
    tcase_add_test(c, test_carries_both_ways);
    tcase_add_test(c, test_refused_target);
    tcase_add_test(c, test_endpoints);
    suite_add_tcase(s, c);
    SRunner *r = srunner_create(s);
    srunner_run_all(r, CK_NORMAL);
    int failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
