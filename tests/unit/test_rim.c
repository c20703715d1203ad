/* test_rim.c: the parts of spillwayd that stand by themselves: its unix sockets, and the queue of
 * what its actuators did. */
#include "daemon/actuators.h"
#include "daemon/unix_server.h"

#include <check.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

enum { CLIENTS = 2, CALLERS = 9, TURNS = 200 };

static uv_loop_t loop;
static char dir[32];

static void setup(void)
{
    strcpy(dir, "/tmp/test-rim-XXXXXX");
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

/* --- unix_server ------------------------------------------------------------------------------ */

static void on_opened(void *user, struct unix_client *c)
{
    (void)user;
    (void)c;
}

static ssize_t on_received(void *user, struct unix_client *c, const uint8_t *data, size_t size)
{
    (void)user;
    unix_client_send(c, data, size);
    return (ssize_t)size;
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
    int rc = connect(fd, (const struct sockaddr *)&address, sizeof address);
    if (rc != 0) { /* the kernel's queue is full: EAGAIN */
        ck_assert_int_eq(errno, EAGAIN);
        close(fd);
        return -1;
    }
    return fd;
}

/* The server's answer to a byte: 1 served, 0 closed. */
static ssize_t ask(int fd)
{
    char byte = 'x';
    (void)send(fd, &byte, 1, MSG_NOSIGNAL);
    turn();
    return recv(fd, &byte, 1, 0);
}

/* More callers at once than there are places, and the places come free again: nobody is forgotten
 * in the queue, and the listener is not left paused. */
START_TEST(callers_beyond_the_bound_are_closed_and_the_next_are_served)
{
    char path[64];
    int closed = 0, fds[CALLERS];
    struct unix_server *s = NULL;
    snprintf(path, sizeof path, "%s/socket", dir);
    struct unix_server_config config = {.path = path,
                                        .max_clients = CLIENTS,
                                        .max_input = 16,
                                        .max_output = 64,
                                        .user = &closed,
                                        .opened = on_opened,
                                        .received = on_received,
                                        .closed = on_closed};
    ck_assert_int_eq(unix_server_new(&loop, &config, &s), OK);
    for (int round = 0; round < 3; round++) {
        int called = 0, served = 0;
        for (int i = 0; i < CALLERS; i++) {
            fds[i] = call(path);
            called += fds[i] >= 0 ? 1 : 0;
            if (i + 1 == CLIENTS) {
                turn(); /* they have their places; who comes now comes at once, and too many */
            }
        }
        turn();
        for (int i = 0; i < CALLERS; i++) {
            ssize_t answer = fds[i] >= 0 ? ask(fds[i]) : 0;
            ck_assert_msg(answer >= 0 || errno == ECONNRESET, "forgotten: %s", strerror(errno));
            served += answer == 1 ? 1 : 0;
        }
        ck_assert_int_gt(called, CLIENTS + 2);
        ck_assert_int_eq(served, CLIENTS);
        for (int i = 0; i < CALLERS; i++) {
            close(fds[i]);
        }
        turn();
        ck_assert_int_eq(closed, (round + 1) * CLIENTS);
    }
    unix_server_free(s);
}
END_TEST

/* --- actuators -------------------------------------------------------------------------------- */

enum { MOST_TOLD = 64 };

struct told {
    struct actuators a;
    const struct fleet *next; /* not NULL: equipped for at each outcome */
    const struct keyring *ring;
    uint32_t count;
    struct outcome at[MOST_TOLD];
};

static void tell(void *user, const struct outcome *outcome)
{
    struct told *t = user;
    if (t->next != NULL) {
        ck_assert_int_eq(actuators_equip(&t->a, t->next, 0, t->ring), OK);
    }
    ck_assert_uint_lt(t->count, MOST_TOLD);
    t->at[t->count++] = *outcome; /* read after the queue was moved */
}

static const struct logger silent = {.fd = -1, .level = LOG_ERROR};
static const struct spillwayd_settings no_settings;

/* A fleet with this many servers, of which no key is known: every push is refused. */
static struct fleet fleet_with_servers(struct dns_server *servers, uint16_t count)
{
    struct fleet f = {.dns_servers = servers, .dns_server_count = count};
    memset(servers, 0, count * sizeof *servers);
    return f;
}

/* While outcomes wait, fleets come that are smaller and smaller: each outcome is told once, in
 * order, with its fence. */
START_TEST(outcomes_survive_a_new_fleet)
{
    static struct told t;
    struct dns_server many[12], few[1];
    struct fleet large = fleet_with_servers(many, 12), small = fleet_with_servers(few, 1);
    struct keyring ring = {.keys = NULL};
    struct control c = {.fleet = &large, .plan.fence = {.era = 1, .generation = 7}};
    t = (struct told){.next = &small, .ring = &ring};
    ck_assert_int_eq(actuators_init(&t.a, &loop, &no_settings, &silent, tell, &t), OK);
    ck_assert_int_eq(actuators_equip(&t.a, &large, 0, &ring), OK);
    for (uint16_t i = 0; i < 12; i++) {
        struct effect e = {.kind = EFFECT_DNS, .dns.server = i};
        actuators_push_dns(&t.a, &c, &e);
    }
    turn();
    ck_assert_uint_eq(t.count, 12);
    for (uint16_t i = 0; i < 12; i++) {
        ck_assert_uint_eq(t.at[i].target, i);
        ck_assert_uint_eq(t.at[i].fence.generation, 7);
        ck_assert_int_eq(t.at[i].status, ERR_PERMISSION);
    }
    ck_assert(!actuators_busy(&t.a));
    actuators_done(&t.a);
}
END_TEST

/* A push that is under way when the keys are made anew is told as given up, with the fence that it
 * was for: else the replica would not know whose end it is, and wait for a minute. */
START_TEST(what_was_in_flight_is_given_up_by_its_fence)
{
    static struct told t;
    static struct spillwayd_settings settings;
    snprintf(settings.route_helper_socket, sizeof settings.route_helper_socket, "%s/routed", dir);
    struct fleet f = {.idc_count = 1};
    struct keyring ring = {.keys = NULL};
    struct control c = {.fleet = &f, .plan.fence = {.era = 1, .generation = 9}};
    t = (struct told){.ring = &ring};
    ck_assert_int_eq(actuators_init(&t.a, &loop, &settings, &silent, tell, &t), OK);
    ck_assert_int_eq(actuators_equip(&t.a, &f, 0, &ring), OK);
    struct effect e = {.kind = EFFECT_ROUTES, .routes.fence = c.plan.fence};
    actuators_set_routes(&t.a, &c, &e);
    ck_assert(actuators_busy(&t.a)); /* the helper is not there: its client tries again */
    ck_assert_int_eq(actuators_equip(&t.a, &f, 0, &ring), OK);
    uv_run(&loop, UV_RUN_NOWAIT);
    uv_run(&loop, UV_RUN_NOWAIT);
    ck_assert_uint_eq(t.count, 1);
    ck_assert_int_eq(t.at[0].status, ERR_UNAVAILABLE);
    ck_assert_int_eq(t.at[0].actuator, ACTUATOR_ROUTES);
    ck_assert_uint_eq(t.at[0].fence.generation, 9);
    actuators_done(&t.a);
}
END_TEST

static Suite *rim_suite(void)
{
    Suite *s = suite_create("rim");
    TCase *t = tcase_create("rim");
    tcase_add_checked_fixture(t, setup, teardown);
    tcase_add_test(t, callers_beyond_the_bound_are_closed_and_the_next_are_served);
    tcase_add_test(t, outcomes_survive_a_new_fleet);
    tcase_add_test(t, what_was_in_flight_is_given_up_by_its_fence);
    suite_add_tcase(s, t);
    return s;
}

int main(void)
{
    SRunner *runner = srunner_create(rim_suite());
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? 0 : 1;
}
