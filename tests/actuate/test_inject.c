/* test_inject.c: the injector of drills on a real kernel: it drops what passes by the links it was
 * told, and gives everything back by itself. */
#include "fixture.h"
#include "netns.h"

#include "actuate/route.h"
#include "actuate/route_wire.h"

#include <arpa/inet.h>
#include <check.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

static struct world world;
static uv_loop_t loop;
static struct waiter waiter;
static struct route_client *client;
static pid_t helper, far; /* far: holds the namespace behind to-shanghai */
static bool permitted;
static char directory[64], socket_path[80], state_path[80], fleet_path[80];

static void start_helper(bool drills)
{
    helper = fork();
    ck_assert_int_ge(helper, 0);
    if (helper == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        execl(TEST_ROUTED, "spillway-routed", "--fleet", fleet_path, "--idc", "beijing", "--socket",
              socket_path, "--state", state_path, drills ? "--drills" : NULL, (char *)NULL);
        _exit(127);
    }
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    memcpy(address.sun_path, socket_path, strlen(socket_path) + 1);
    for (int i = 0; i < 1000; i++) {
        int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
        int e = connect(fd, (struct sockaddr *)&address, sizeof(address));
        close(fd);
        if (e == 0)
            return;
        usleep(10 * 1000);
    }
    ck_abort_msg("the helper does not listen");
}

static void end(pid_t *pid, int signal)
{
    if (*pid != 0) {
        kill(*pid, signal);
        waitpid(*pid, NULL, 0);
        *pid = 0;
    }
}

/* The far host: answers what comes on ECHO_PORT, and calls TICK_PORT here twenty times a second. */
enum { ECHO_PORT = 7000, TICK_PORT = 7001 };

static struct sockaddr_in at(const char *address, uint16_t port)
{
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons(port)};
    ck_assert_int_eq(inet_pton(AF_INET, address, &a.sin_addr), 1);
    return a;
}

static int udp(uint16_t port, int timeout_ms)
{
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    struct sockaddr_in any = at("0.0.0.0", port);
    struct timeval patience = {.tv_usec = timeout_ms * 1000};
    ck_assert_int_eq(bind(fd, (struct sockaddr *)&any, sizeof(any)), 0);
    ck_assert_int_eq(setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience)), 0);
    return fd;
}

static void be_far(void)
{
    int fd = udp(ECHO_PORT, 50);
    struct sockaddr_in tick = at("10.255.0.1", TICK_PORT), from;
    for (;;) {
        char byte;
        socklen_t len = sizeof(from);
        if (recvfrom(fd, &byte, 1, 0, (struct sockaddr *)&from, &len) == 1)
            sendto(fd, "e", 1, 0, (struct sockaddr *)&from, len);
        sendto(fd, "t", 1, 0, (struct sockaddr *)&tick, sizeof(tick));
    }
}

/* Puts the other end of to-shanghai into a namespace of its own. */
static void start_far(void)
{
    int ready[2];
    char byte;
    ck_assert_int_eq(pipe(ready), 0);
    far = fork();
    ck_assert_int_ge(far, 0);
    if (far == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        if (unshare(CLONE_NEWNET) == 0 && write(ready[1], "y", 1) == 1)
            be_far();
        _exit(1);
    }
    ck_assert_int_eq(read(ready[0], &byte, 1), 1);
    close(ready[0]);
    close(ready[1]);
    run("ip link set far-shanghai netns %d", (int)far);
    run("nsenter --net=/proc/%d/ns/net sh -c 'ip link set lo up; ip address add 10.255.0.2/30 dev "
        "far-shanghai; ip link set far-shanghai up'",
        (int)far);
}

static void set_up(void)
{
    permitted = netns_enter();
    if (!permitted)
        return;
    world_init(&world);
    ck_assert_int_eq(uv_loop_init(&loop), 0);
    waiter = (struct waiter){.loop = &loop};
    snprintf(directory, sizeof(directory), "/tmp/spillway-test-inject-XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(directory));
    snprintf(socket_path, sizeof(socket_path), "%s/socket", directory);
    snprintf(state_path, sizeof(state_path), "%s/fence", directory);
    snprintf(fleet_path, sizeof(fleet_path), "%s/fleet.yaml", directory);
    run("cp %s %s && chmod 0644 %s", TEST_FLEET, fleet_path, fleet_path);
    start_far();
    ck_assert_int_eq(
        route_client_new(&loop, socket_path, 0, 2000 * 1000, waiter_done, &waiter, &client), OK);
}

static void tear_down(void)
{
    if (!permitted)
        return;
    route_client_free(client);
    loop_end(&loop);
    end(&helper, SIGTERM);
    end(&far, SIGKILL);
    run("rm -rf %s", directory);
    world_done(&world);
}

static int inject(const char *link, uint32_t for_ms)
{
    uint16_t index = link == NULL ? 0 : fleet_find_link(&world.fleet, link);
    unsigned before = waiter.count;
    int status = route_inject(client, &world.fleet, &index, link == NULL ? 0 : 1, for_ms);
    if (status != OK)
        return status;
    ck_assert_msg(waiter_wait(&waiter, before + 1), "no result");
    ck_assert_int_eq(waiter.last.actuator, ACTUATOR_INJECT);
    return waiter.last.status;
}

/* A datagram goes there and its answer comes back. */
static bool passes(void)
{
    int fd = udp(0, 200);
    struct sockaddr_in to = at("10.255.0.2", ECHO_PORT);
    char byte;
    bool heard = false;
    for (int i = 0; i < 3 && !heard; i++) {
        sendto(fd, "?", 1, 0, (struct sockaddr *)&to, sizeof(to));
        heard = recv(fd, &byte, 1, 0) == 1;
    }
    close(fd);
    return heard;
}

/* What the far host sends by itself arrives. */
static bool passes_back(void)
{
    int fd = udp(TICK_PORT, 600);
    char byte;
    bool heard = recv(fd, &byte, 1, 0) == 1;
    close(fd);
    return heard;
}

static bool table_is_there(void)
{
    return system("nft list table inet spillway-drill >/dev/null 2>&1") == 0;
}

static bool passes_soon(void)
{
    for (int i = 0; i < 50; i++) {
        if (passes())
            return true;
    }
    return false;
}

#define TEST_PERMITTED(name)                                                                       \
    static void name##_body(void);                                                                 \
    START_TEST(name)                                                                               \
    {                                                                                              \
        if (permitted)                                                                             \
            name##_body();                                                                         \
        else                                                                                       \
            fprintf(stderr, "%s skipped: needs root and network namespaces\n", #name);             \
    }                                                                                              \
    END_TEST                                                                                       \
    static void name##_body(void)

TEST_PERMITTED(what_is_injected_is_dropped_and_given_back)
{
    start_helper(true);
    ck_assert(passes() && passes_back());
    ck_assert_int_eq(inject("beijing-shanghai", 60 * 1000), OK);
    ck_assert(!passes());
    ck_assert(!passes_back());
    ck_assert_int_eq(inject("beijing-shenzhen", 60 * 1000), OK); /* replaces it */
    ck_assert(passes() && passes_back());
    ck_assert_int_eq(inject("beijing-shanghai", 60 * 1000), OK);
    ck_assert(!passes());
    ck_assert_int_eq(inject(NULL, 0), OK);
    ck_assert(passes() && passes_back());
    ck_assert(!table_is_there());
}

TEST_PERMITTED(it_ends_by_itself_while_the_helper_is_stopped)
{
    start_helper(true);
    ck_assert_int_eq(inject("beijing-shanghai", 2500), OK);
    kill(helper, SIGSTOP);
    ck_assert(!passes());
    ck_assert(passes_soon());
    kill(helper, SIGCONT);
}

TEST_PERMITTED(a_helper_that_ends_or_begins_leaves_nothing)
{
    start_helper(true);
    ck_assert_int_eq(inject("beijing-shanghai", 60 * 1000), OK);
    end(&helper, SIGTERM);
    ck_assert(passes());
    start_helper(true);
    ck_assert_int_eq(inject("beijing-shanghai", 60 * 1000), OK);
    end(&helper, SIGKILL);
    ck_assert(!passes());
    start_helper(true);
    ck_assert(passes());
}

TEST_PERMITTED(nobody_is_struck_who_did_not_agree)
{
    start_helper(false);
    run("nft add table inet spillway-drill"); /* somebody's: not touched without --drills */
    ck_assert_int_eq(inject("beijing-shanghai", 60 * 1000), ERR_GUARD);
    ck_assert_ptr_nonnull(strstr(waiter.last.detail, "--drills"));
    ck_assert_int_eq(inject(NULL, 0), OK); /* the way back is never refused */
    ck_assert(passes());
    ck_assert(table_is_there());
}

TEST_PERMITTED(only_links_of_the_fleet_and_bounded_times)
{
    start_helper(true);
    uint16_t foreign = fleet_find_link(&world.fleet, "shanghai-shenzhen");
    ck_assert_int_eq(route_inject(client, &world.fleet, &foreign, 1, 1000), ERR_INVALID);
    uint16_t own = fleet_find_link(&world.fleet, "beijing-shanghai");
    ck_assert_int_eq(route_inject(client, &world.fleet, &own, 1, INJECT_MAX_MS + 1), ERR_INVALID);
    memcpy(world.fleet.links[own].end[0].interface, "lo", 3);
    ck_assert_int_eq(inject("beijing-shanghai", 1000), ERR_GUARD);
    ck_assert(!table_is_there());
}

TEST_PERMITTED(routes_are_set_beside_an_injection)
{
    start_helper(true);
    struct fence fence = test_fence(1, 1, 0);
    uint16_t link = fleet_find_link(&world.fleet, "beijing-shanghai");
    struct route_target target = {1, {1, {link}}};
    ck_assert_int_eq(route_set(client, &world.fleet, &fence, &target, 1, NULL), OK);
    ck_assert_int_eq(route_inject(client, &world.fleet, &link, 1, 60 * 1000), OK);
    ck_assert(waiter_wait(&waiter, 2));
    ck_assert_int_eq(waiter.last.actuator, ACTUATOR_INJECT);
    ck_assert_int_eq(waiter.last.status, OK);
    ck_assert_int_eq(system("ip route show table 100 | grep -q to-shanghai"), 0);
    ck_assert(!passes());
}

int main(void)
{
    Suite *s = suite_create("inject");
    TCase *tc = tcase_create("inject");
    tcase_set_timeout(tc, 60);
    tcase_add_checked_fixture(tc, set_up, tear_down);
    suite_add_tcase(s, tc);
    tcase_add_test(tc, what_is_injected_is_dropped_and_given_back);
    tcase_add_test(tc, it_ends_by_itself_while_the_helper_is_stopped);
    tcase_add_test(tc, a_helper_that_ends_or_begins_leaves_nothing);
    tcase_add_test(tc, nobody_is_struck_who_did_not_agree);
    tcase_add_test(tc, only_links_of_the_fleet_and_bounded_times);
    tcase_add_test(tc, routes_are_set_beside_an_injection);
    SRunner *r = srunner_create(s);
    srunner_run_all(r, CK_NORMAL);
    int failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
