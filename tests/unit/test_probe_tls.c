/* test_probe_tls.c: HTTPS checks against a real TLS server with a throwaway CA. */
#include "checks/clocks.h"
#include "checks/http.h"

#include <arpa/inet.h>
#include <check.h>
#include <curl/curl.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

enum { PATIENCE_MS = 20000, CASES = 8 };

static char dir[] = "/tmp/sw-tls-XXXXXX";
static pid_t server;
static uint16_t port;

/* The server knows one name, web.example, and refuses every other by an alert. Its
 * certificate is of a CA that nobody trusts, and was never valid: it ended before it began to be
 * used. Both must not matter (http.h says why). -HTTP sends files as they are, status line
 * included. */
static const char make_files[] =
    "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 1 "
    "-subj /CN=throwaway -keyout ca.key -out ca.pem 2>/dev/null && "
    "openssl req -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -subj /CN=web.example "
    "-keyout web.key -out web.csr 2>/dev/null && "
    "openssl x509 -req -in web.csr -CA ca.pem -CAkey ca.key -set_serial 2 -days -1 -out web.pem "
    "2>/dev/null && "
    "printf 'HTTP/1.0 200 OK\\r\\n\\r\\nwell' >well && "
    "printf 'HTTP/1.0 503 Sorry\\r\\n\\r\\n' >sick";

static void in_dir(const char *what)
{
    char command[1024];
    snprintf(command, sizeof(command), "cd %s && %s", dir, what);
    ck_assert_msg(system(command) == 0, "failed: %s", command);
}

static int listen_on(uint16_t *ret_port)
{
    int fd = socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0), both = 0;
    struct sockaddr_in6 a = {.sin6_family = AF_INET6};
    socklen_t size = sizeof(a);
    ck_assert_int_eq(setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &both, sizeof(both)), 0);
    ck_assert_int_eq(bind(fd, (struct sockaddr *)&a, size), 0);
    ck_assert_int_eq(getsockname(fd, (struct sockaddr *)&a, &size), 0);
    ck_assert_int_eq(listen(fd, 8), 0);
    *ret_port = ntohs(a.sin6_port);
    return fd;
}

static void start_server(void)
{
    close(listen_on(&port)); /* a free one, of both families */
    char accept[16];
    int out[2];
    snprintf(accept, sizeof(accept), "%u", port);
    ck_assert_int_eq(pipe2(out, O_CLOEXEC), 0);
    server = fork();
    if (server == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        int null = open("/dev/null", O_RDWR);
        dup2(null, STDIN_FILENO);
        dup2(out[1], STDOUT_FILENO);
        dup2(null, STDERR_FILENO);
        if (chdir(dir) == 0)
            execlp("openssl", "openssl", "s_server", "-accept", accept, "-cert", "web.pem", "-key",
                   "web.key", "-cert2", "web.pem", "-key2", "web.key", "-servername", "web.example",
                   "-servername_fatal", "-HTTP", (char *)NULL);
        _exit(127);
    }
    close(out[1]);
    char text[512] = "";
    size_t got = 0;
    ssize_t n = 0; /* "ACCEPT" when it listens */
    while (strstr(text, "ACCEPT") == NULL && got < sizeof(text) - 1 &&
           (n = read(out[0], text + got, sizeof(text) - 1 - got)) > 0) {
        got += (size_t)n;
        text[got] = '\0';
    }
    ck_assert_msg(strstr(text, "ACCEPT") != NULL, "openssl s_server did not start");
    close(out[0]);
}

static void up(void)
{
    strcpy(dir, "/tmp/sw-tls-XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(dir));
    in_dir(make_files);
    signal(SIGPIPE, SIG_IGN); /* s_server's standard output is a pipe that nobody reads */
    start_server();
}

static void down(void)
{
    kill(server, SIGKILL);
    waitpid(server, NULL, 0);
    in_dir("rm ca.* web.* well sick && rmdir $PWD");
}

struct outcome {
    uint32_t ended;
    bool good[CASES];
};

static void on_ended(void *context, uint32_t slot, bool good)
{
    struct outcome *o = context;
    o->good[slot] = good;
    o->ended++;
}

static bool check_once(struct http_checks *h, struct outcome *o, const struct check_request *r)
{
    struct http_check *check = NULL;
    uint32_t slot = o->ended;
    ck_assert_int_eq(http_check_begin(h, r, slot, &check), OK);
    for (int waited = 0; waited < PATIENCE_MS && o->ended == slot; waited++) {
        struct pollfd p = {http_checks_fd(h), POLLIN, 0};
        poll(&p, 1, 1);
        http_checks_events(h, clock_mono());
    }
    ck_assert_uint_eq(o->ended, slot + 1);
    return o->good[slot];
}

START_TEST(test_https)
{
    struct outcome o = {0};
    struct http_checks *h = NULL;
    ck_assert_int_eq(http_checks_new(CASES, on_ended, &o, &h), OK);
    struct check_request r = {.kind = CHECK_HTTPS,
                              .address = {4, {127, 0, 0, 1}},
                              .port = port,
                              .path = "/well",
                              .host = "web.example."};
    ck_assert(check_once(h, &o, &r));
    r.path = "/sick";
    ck_assert(!check_once(h, &o, &r));
    r.expect_status = 503;
    ck_assert(check_once(h, &o, &r));
    r.expect_status = 0;
    r.path = "/well";
    r.host = "other.example."; /* the server's alert: TLS carries the service's name */
    ck_assert(!check_once(h, &o, &r));
    r.host = "web.example.";
    r.kind = CHECK_HTTP; /* TLS does not talk in the clear */
    ck_assert(!check_once(h, &o, &r));
    r.kind = CHECK_HTTPS;
    r.address = (struct address){.family = 6};
    r.address.bytes[15] = 1; /* ::1 */
    ck_assert(check_once(h, &o, &r));
    http_checks_free(h);
}
END_TEST

/* What accepts connections and does not speak TLS is down. */
START_TEST(test_not_tls)
{
    struct outcome o = {0};
    struct http_checks *h = NULL;
    struct http_check *check = NULL;
    struct check_request r = {.kind = CHECK_HTTPS,
                              .address = {4, {127, 0, 0, 1}},
                              .path = "/well",
                              .host = "web.example."};
    int listener = listen_on(&r.port);
    ck_assert_int_eq(http_checks_new(CASES, on_ended, &o, &h), OK);
    ck_assert_int_eq(http_check_begin(h, &r, 0, &check), OK);
    int fd = -1;
    for (int waited = 0; waited < PATIENCE_MS && o.ended == 0; waited++) {
        struct pollfd p[2] = {{http_checks_fd(h), POLLIN, 0}, {listener, POLLIN, 0}};
        poll(p, 2, 1);
        if ((p[1].revents & POLLIN) != 0 && fd < 0) {
            static const char text[] = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";
            fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
            ck_assert_int_eq(send(fd, text, sizeof(text) - 1, MSG_NOSIGNAL), sizeof(text) - 1);
        }
        http_checks_events(h, clock_mono());
    }
    ck_assert_uint_eq(o.ended, 1);
    ck_assert(!o.good[0]);
    close(fd);
    close(listener);
    http_checks_free(h);
}
END_TEST

int main(void)
{
    if (system("command -v openssl >/dev/null") != 0) {
        printf("skipped: needs the openssl command\n");
        return 77; /* meson: skipped */
    }
    curl_global_init(CURL_GLOBAL_DEFAULT);
    Suite *suite = suite_create("probe-tls");
    TCase *c = tcase_create("tls");
    tcase_set_timeout(c, 60);
    tcase_add_checked_fixture(c, up, down);
    tcase_add_test(c, test_https);
    tcase_add_test(c, test_not_tls);
    suite_add_tcase(suite, c);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    curl_global_cleanup();
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
