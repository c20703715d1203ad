/* test_route.c: the route helper and its client on real routes, in a network namespace of the
 * test's own. */
#include "fixture.h"
#include "netns.h"

#include "actuate/route.h"
#include "actuate/route_hold.h"
#include "actuate/route_wire.h"

#include <arpa/inet.h>
#include <check.h>
#include <fcntl.h>
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
static pid_t helper;
static bool permitted;
static char directory[64], socket_path[80], state_path[80], fleet_path[80];

static uint16_t link_named(const char *name)
{
    uint16_t link = fleet_find_link(&world.fleet, name);
    ck_assert_uint_ne(link, FLEET_NONE);
    return link;
}

static void start_helper(void)
{
    helper = fork();
    ck_assert_int_ge(helper, 0);
    if (helper == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        execl(TEST_ROUTED, "spillway-routed", "--fleet", fleet_path, "--idc", "beijing", "--socket",
              socket_path, "--state", state_path, (char *)NULL);
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

static void stop_helper(int signal)
{
    int status = 0;
    kill(helper, signal);
    waitpid(helper, &status, 0);
    if (signal == SIGTERM)
        ck_assert(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    helper = 0;
}

static void set_up(void)
{
    permitted = netns_enter();
    if (!permitted)
        return;
    world_init(&world);
    ck_assert_int_eq(uv_loop_init(&loop), 0);
    waiter = (struct waiter){.loop = &loop};
    snprintf(directory, sizeof(directory), "/tmp/spillway-test-route-XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(directory));
    snprintf(socket_path, sizeof(socket_path), "%s/socket", directory);
    snprintf(state_path, sizeof(state_path), "%s/fence", directory);
    snprintf(fleet_path, sizeof(fleet_path), "%s/fleet.yaml", directory);
    run("cp %s %s && chmod 0644 %s", TEST_FLEET, fleet_path, fleet_path);
    start_helper();
    ck_assert_int_eq(
        route_client_new(&loop, socket_path, 0, 2000 * 1000, waiter_done, &waiter, &client), OK);
}

static void tear_down(void)
{
    if (!permitted)
        return;
    route_client_free(client);
    loop_end(&loop);
    if (helper != 0)
        stop_helper(SIGTERM);
    run("rm -rf %s", directory);
    world_done(&world);
}

/* To shanghai: directly first or by shenzhen first; to shenzhen likewise. */
static int set_routes(struct fence fence, bool direct)
{
    uint16_t shanghai = link_named("beijing-shanghai"), shenzhen = link_named("beijing-shenzhen");
    struct route_target targets[2] = {
        {1, {2, {direct ? shanghai : shenzhen, direct ? shenzhen : shanghai}}},
        {2, {2, {direct ? shenzhen : shanghai, direct ? shanghai : shenzhen}}},
    };
    unsigned before = waiter.count;
    int status = route_set(client, &world.fleet, &fence, targets, 2, NULL);
    if (status != OK)
        return status;
    ck_assert_msg(waiter_wait(&waiter, before + 1), "no result");
    if (waiter.last.status != OK)
        fprintf(stderr, "%s: %s\n", error_text(waiter.last.status), waiter.last.detail);
    return waiter.last.status;
}

static bool routes_are(const char *expected)
{
    char text[2048];
    output_of("ip -o route show table 100 | awk '{print $1, $3, $5, $9}' | sort -k1,1 -k4,4n", text,
              sizeof(text));
    return strcmp(text, expected) == 0;
}

static const char direct_routes[] = "10.2.0.0/16 10.255.0.2 to-shanghai 1\n"
                                    "10.2.0.0/16 10.255.0.10 to-shenzhen 2\n"
                                    "10.3.0.0/16 10.255.0.10 to-shenzhen 1\n"
                                    "10.3.0.0/16 10.255.0.2 to-shanghai 2\n";
static const char detour_routes[] = "10.2.0.0/16 10.255.0.10 to-shenzhen 1\n"
                                    "10.2.0.0/16 10.255.0.2 to-shanghai 2\n"
                                    "10.3.0.0/16 10.255.0.2 to-shanghai 1\n"
                                    "10.3.0.0/16 10.255.0.10 to-shenzhen 2\n";

/* The interface that the kernel would use to an address. */
static void effective(const char *address, char *ret_interface, size_t size)
{
    char command[128];
    snprintf(command, sizeof(command),
             "ip -o route get %s | sed -n 's/.* dev \\([^ ]*\\).*/\\1/p' | tr -d '\\n'", address);
    output_of(command, ret_interface, size);
}

static bool effective_is(const char *address, const char *interface)
{
    char found[64];
    effective(address, found, sizeof(found));
    return strcmp(found, interface) == 0;
}

static bool goes_by_shenzhen(const char *address)
{
    return effective_is(address, "to-shenzhen");
}

static bool soon(bool (*condition)(const char *), const char *argument)
{
    for (int i = 0; i < 100; i++) {
        if (condition(argument))
            return true;
        loop_run_ms(&loop, 30);
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

TEST_PERMITTED(orders_and_reorders_hops)
{
    ck_assert_int_eq(set_routes(test_fence(1, 1, 0), true), OK);
    ck_assert(routes_are(direct_routes));
    ck_assert(effective_is("10.2.0.1", "to-shanghai"));
    ck_assert_int_eq(set_routes(test_fence(1, 1, 0), false), OK); /* a local step: the same fence */
    ck_assert(routes_are(detour_routes));
    ck_assert(effective_is("10.2.0.1", "to-shenzhen"));
    ck_assert_int_eq(set_routes(test_fence(1, 2, 1), true), OK);
    ck_assert(routes_are(direct_routes));
    char text[256];
    output_of("ip rule show | grep -c 'lookup 100'", text, sizeof(text));
    ck_assert_str_eq(text, "1\n");
    struct fence fence =
        test_fence(1, 3, 1); /* fewer hops: the surplus goes, the other prefix stays */
    struct route_target fewer = {1, {1, {link_named("beijing-shenzhen")}}};
    ck_assert_int_eq(route_set(client, &world.fleet, &fence, &fewer, 1, NULL), OK);
    ck_assert(waiter_wait(&waiter, 4));
    ck_assert(routes_are("10.2.0.0/16 10.255.0.10 to-shenzhen 1\n"
                         "10.3.0.0/16 10.255.0.10 to-shenzhen 1\n"
                         "10.3.0.0/16 10.255.0.2 to-shanghai 2\n"));
    ck_assert_int_eq(set_routes(test_fence(1, 4, 1), true), OK);
    /* Carrier is lost: the kernel itself takes the next hop. */
    stop_helper(SIGKILL);
    run("ip link set far-shanghai down");
    ck_assert(soon(goes_by_shenzhen, "10.2.0.1"));
}

TEST_PERMITTED(refuses_older_and_split_fences)
{
    ck_assert_int_eq(set_routes(test_fence(2, 5, 0), true), OK);
    ck_assert_int_eq(set_routes(test_fence(2, 4, 1), false), ERR_STALE);
    ck_assert_uint_eq(waiter.last.found.generation, 5);
    ck_assert_int_eq(set_routes(test_fence(1, 9, 1), false), ERR_STALE);
    ck_assert_int_eq(set_routes(test_fence(2, 5, 3), false), ERR_FOREIGN);
    ck_assert(routes_are(direct_routes));
    stop_helper(SIGKILL);
    ck_assert(routes_are(direct_routes)); /* a dead helper moves nothing */
    start_helper();
    ck_assert_int_eq(set_routes(test_fence(2, 4, 1), false), ERR_STALE); /* the fence was kept */
    ck_assert_int_eq(set_routes(test_fence(3, 1, 0), false), OK);
    ck_assert(routes_are(detour_routes));
    run("echo 'hold=3 who=bob why=trench open' >> %s", state_path);
    ck_assert_int_eq(set_routes(test_fence(3, 2, 0), true), ERR_HELD);
    ck_assert_str_eq(waiter.last.hold.why, "trench open");
    run("echo garbage > %s", state_path);
    ck_assert_int_eq(set_routes(test_fence(3, 2, 0), true), ERR_CORRUPT);
    ck_assert(routes_are(detour_routes));
}

static struct fence_state held;

static int hold_routes(bool place, uint32_t id)
{
    struct hold_order order = {place, {id, "alice@ops1", "fibre work"}};
    return route_hold(socket_path, 2000, &order, &held);
}

/* A person's word: nothing is set nor put back until it is taken back, also by a helper that was
 * started again. */
TEST_PERMITTED(stops_at_a_hold)
{
    ck_assert_int_eq(hold_routes(true, 7), ERR_NOT_FOUND); /* there is no fence yet */
    ck_assert_int_eq(set_routes(test_fence(1, 1, 0), true), OK);
    ck_assert_int_eq(hold_routes(true, 7), OK);
    ck_assert_uint_eq(held.hold.id, 7);
    ck_assert_int_eq(hold_routes(true, 8), ERR_HELD);
    ck_assert_uint_eq(held.hold.id, 7);
    ck_assert_int_eq(hold_routes(false, 8), ERR_NOT_FOUND);
    ck_assert_int_eq(set_routes(test_fence(1, 2, 1), false), ERR_HELD);
    ck_assert_str_eq(waiter.last.hold.who, "alice@ops1");
    ck_assert_str_eq(waiter.last.hold.why, "fibre work");
    run("ip route del 10.2.0.0/16 metric 1 table 100");
    loop_run_ms(&loop, 500);
    ck_assert(!routes_are(direct_routes));
    stop_helper(SIGKILL);
    start_helper();
    ck_assert_int_eq(set_routes(test_fence(1, 3, 1), true), ERR_HELD);
    ck_assert_int_eq(route_hold_read(socket_path, 2000, &held), OK);
    ck_assert_uint_eq(held.hold.id, 7);
    ck_assert_uint_eq(held.fence.generation, 1);
    ck_assert_int_eq(hold_routes(false, 7), OK);
    ck_assert_uint_eq(held.hold.id, 0);
    ck_assert_int_eq(set_routes(test_fence(1, 3, 1), true), OK);
    ck_assert(routes_are(direct_routes));
    struct hold_order bad = {true, {9, "two words", "x"}};
    ck_assert_int_eq(route_hold(socket_path, 2000, &bad, &held), ERR_PERMISSION);
    bad = (struct hold_order){true, {0, "a", "x"}};
    ck_assert_int_eq(route_hold(socket_path, 2000, &bad, &held), ERR_PERMISSION);
    stop_helper(SIGKILL);
    ck_assert_int_eq(hold_routes(true, 7), ERR_UNAVAILABLE);
}

TEST_PERMITTED(puts_back_and_leaves_others_alone)
{
    run("ip route add 192.0.2.0/24 via 10.255.0.2 table 100 proto 77");
    run("ip route add 10.2.0.0/16 via 10.255.0.2 table 100 metric 900 proto 77");
    run("ip route add 10.9.0.0/16 via 10.255.0.2 table 100 proto 201"); /* ours, of another fleet */
    run("ip route add 10.2.0.0/16 via 10.255.0.10");                    /* in the main table */
    static const char all[] = "10.2.0.0/16 10.255.0.2 to-shanghai 1\n"
                              "10.2.0.0/16 10.255.0.10 to-shenzhen 2\n"
                              "10.2.0.0/16 10.255.0.2 to-shanghai 900\n"
                              "10.3.0.0/16 10.255.0.10 to-shenzhen 1\n"
                              "10.3.0.0/16 10.255.0.2 to-shanghai 2\n"
                              "192.0.2.0/24 10.255.0.2 to-shanghai \n";
    ck_assert_int_eq(set_routes(test_fence(1, 1, 0), true), OK);
    ck_assert(soon(routes_are, all));
    run("ip route del 10.2.0.0/16 metric 1 table 100");
    ck_assert(soon(routes_are, all));
    run("ip route flush table 100");
    ck_assert(soon(routes_are, direct_routes));
    run("ip rule del lookup 100");
    run("ip route replace 10.3.0.0/16 via 10.255.0.2 table 100 metric 1 proto 201");
    ck_assert(soon(routes_are, direct_routes));
    run("for i in 1 2 3 4 5 6 7 8 9; do ip rule show | grep -q 'lookup 100' && exit 0; sleep 0.3; "
        "done;"
        " exit 1");
    run("ip link set to-shanghai down && ip link set to-shanghai up"); /* takes its routes along */
    ck_assert(soon(routes_are, direct_routes));
    stop_helper(SIGTERM);
    run("ip route add 198.51.100.0/24 via 10.255.0.2 table 100 proto 77");
    run("%s --fleet %s --idc beijing --flush", TEST_ROUTED, fleet_path);
    char text[512];
    output_of("ip route show table 100 proto 201; ip rule show | grep 'lookup 100'", text,
              sizeof(text));
    ck_assert_str_eq(text, "");
    output_of("ip route show table 100 198.51.100.0/24; ip route show 10.2.0.0/16", text,
              sizeof(text));
    ck_assert_ptr_nonnull(strstr(text, "198.51.100.0/24"));
    ck_assert_ptr_nonnull(strstr(text, "via 10.255.0.10"));
}

/* A stranger's route at our metric, of which the helper does not know yet, is gone around and not
 * replaced. */
TEST_PERMITTED(goes_around_a_strangers_route)
{
    struct fence fence = test_fence(1, 1, 0);
    struct route_target none = {1, {0, {0}}}, target = {1, {1, {link_named("beijing-shanghai")}}};
    ck_assert_int_eq(route_set(client, &world.fleet, &fence, &none, 1, NULL), OK); /* connects */
    ck_assert(waiter_wait(&waiter, 1));
    kill(helper, SIGSTOP);
    run("ip route add 10.2.0.0/16 via 10.255.0.10 table 100 metric 1 proto 77");
    ck_assert_int_eq(route_set(client, &world.fleet, &fence, &target, 1, NULL), OK);
    kill(helper, SIGCONT);
    ck_assert(waiter_wait(&waiter, 2));
    ck_assert_int_eq(waiter.last.status, OK);
    ck_assert(routes_are(
        "10.2.0.0/16 10.255.0.10 to-shenzhen 1\n10.2.0.0/16 10.255.0.2 to-shanghai 2\n"));
    char text[256];
    output_of("ip route show table 100 proto 77", text, sizeof(text));
    ck_assert_ptr_nonnull(strstr(text, "metric 1"));
}

/* Law 5: whatever happens, a reader of the kernel's table never finds a prefix without a route. */
TEST_PERMITTED(never_leaves_a_prefix_bare)
{
    ck_assert_int_eq(set_routes(test_fence(1, 1, 0), true), OK);
    int ends[2];
    ck_assert_int_eq(pipe(ends), 0);
    pid_t reader = fork();
    if (reader == 0) { /* UDP connect() asks the kernel's table, and fails with ENETUNREACH */
        struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = 9};
        unsigned bare = 0;
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        fcntl(ends[0], F_SETFL, O_NONBLOCK);
        for (char stop; read(ends[0], &stop, 1) < 0;) {
            int fd = socket(AF_INET, SOCK_DGRAM, 0);
            for (unsigned i = 0; i < 100; i++) {
                to.sin_addr.s_addr = htonl(0x0a020001u + (i % 2) * 0x10000u);
                bare += connect(fd, (struct sockaddr *)&to, sizeof(to)) != 0;
            }
            close(fd);
        }
        _exit(bare == 0 ? 0 : 1);
    }
    for (unsigned i = 0; i < 300; i++)
        ck_assert_int_eq(set_routes(test_fence(1, 2 + i, 0), i % 2 == 0), OK);
    uint16_t shanghai = link_named("beijing-shanghai"), shenzhen = link_named("beijing-shenzhen");
    for (unsigned i = 0; i < 100; i++) { /* shrink, exchange and grow */
        struct fence fence = test_fence(1, 1000 + i, 0);
        struct route_target target = {1, {(uint8_t)(1 + i % 2), {shenzhen, shanghai}}};
        if (i % 4 < 2)
            target.hops.links[0] = shanghai, target.hops.links[1] = shenzhen;
        unsigned before = waiter.count;
        ck_assert_int_eq(route_set(client, &world.fleet, &fence, &target, 1, NULL), OK);
        ck_assert(waiter_wait(&waiter, before + 1));
        ck_assert_int_eq(waiter.last.status, OK);
    }
    /* No path known, and hops that cannot be installed: what stands, stays. */
    struct fence fence = test_fence(1, 2000, 0);
    struct route_target nothing = {1, {0, {0}}};
    unsigned before = waiter.count;
    ck_assert_int_eq(route_set(client, &world.fleet, &fence, &nothing, 1, NULL), OK);
    ck_assert(waiter_wait(&waiter, before + 1));
    ck_assert_int_eq(write(ends[1], "x", 1), 1);
    int status = 0;
    waitpid(reader, &status, 0);
    ck_assert_msg(WIFEXITED(status) && WEXITSTATUS(status) == 0, "a prefix had no route");
    run("ip link del to-shenzhen");
    fence.generation++;
    struct route_target gone = {1, {1, {shenzhen}}};
    ck_assert_int_eq(route_set(client, &world.fleet, &fence, &gone, 1, NULL), OK);
    ck_assert(waiter_wait(&waiter, before + 2));
    ck_assert_int_eq(waiter.last.status, ERR_UNAVAILABLE);
    ck_assert(effective_is("10.2.0.1", "to-shanghai"));
}

TEST_PERMITTED(is_told_again_after_a_restart)
{
    ck_assert_int_eq(set_routes(test_fence(1, 1, 0), true), OK);
    stop_helper(SIGKILL);
    run("ip route flush table 100");
    start_helper();
    ck_assert(soon(routes_are, direct_routes)); /* the client repeats its newest job by itself */
    stop_helper(SIGKILL);
    ck_assert_int_eq(set_routes(test_fence(1, 2, 0), false), ERR_UNAVAILABLE);
    start_helper();
    ck_assert(soon(routes_are, detour_routes));
}

/* Sends bytes as a client and says whether the helper closed the connection. */
static bool is_dropped(const void *bytes, size_t size)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    char room[1024];
    memcpy(address.sun_path, socket_path, strlen(socket_path) + 1);
    int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
    ck_assert_int_eq(connect(fd, (struct sockaddr *)&address, sizeof(address)), 0);
    ck_assert_int_eq(send(fd, bytes, size, MSG_NOSIGNAL), (ssize_t)size);
    ssize_t n = recv(fd, room, sizeof(room), 0);
    close(fd);
    return n <= 0;
}

/* Asks as `spillway init` does; gives the era that stands at the helper. */
static uint64_t era_there(void)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    uint8_t bytes[1024];
    uint64_t id = 77;
    struct route_reply reply;
    memcpy(address.sun_path, socket_path, strlen(socket_path) + 1);
    int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
    ck_assert_int_eq(connect(fd, (struct sockaddr *)&address, sizeof(address)), 0);
    struct codec w = codec_writer(bytes, sizeof(bytes));
    route_ask_codec(&w, &id);
    ck_assert_int_eq(send(fd, bytes, w.pos, MSG_NOSIGNAL), (ssize_t)w.pos);
    ssize_t n = recv(fd, bytes, sizeof(bytes), 0);
    close(fd);
    ck_assert_int_gt(n, 0);
    struct codec r = codec_reader(bytes, (size_t)n, NULL);
    route_reply_codec(&r, &reply);
    ck_assert_int_eq(codec_finish(&r), OK);
    ck_assert_uint_eq(reply.id, id);
    ck_assert_int_eq(reply.status, OK);
    return reply.found.era;
}

TEST_PERMITTED(tells_its_fence_and_changes_nothing)
{
    ck_assert_uint_eq(era_there(), 0);
    ck_assert_int_eq(set_routes(test_fence(3, 1, 0), true), OK);
    ck_assert_uint_eq(era_there(), 3);
    ck_assert(routes_are(direct_routes));
    ck_assert_int_eq(set_routes(test_fence(3, 1, 0), false), OK); /* nobody took its fence */
}

TEST_PERMITTED(admits_only_the_fleets_hops_and_prefixes)
{
    struct route_gateway gateway = {"to-shanghai", {4, {10, 255, 0, 2}}};
    struct route_prefix prefix = {.prefix = {{4, {10, 2}}, 16}, .count = 1};
    struct route_request r = {.id = 7,
                              .fence = test_fence(1, 1, 0),
                              .gateway_count = 1,
                              .prefix_count = 1,
                              .gateways = &gateway,
                              .prefixes = &prefix};
    uint8_t bytes[512];
    for (int i = 0; i < 4; i++) {
        struct route_gateway kept_gateway = gateway;
        struct route_prefix kept_prefix = prefix;
        if (i == 0)
            gateway.address.bytes[3] = 3;
        if (i == 1)
            snprintf(gateway.interface, sizeof(gateway.interface), "lo");
        if (i == 2)
            prefix.prefix.length = 0;
        if (i == 3)
            prefix.prefix = (struct prefix){{4, {10, 1}}, 16}; /* this IDC's own */
        struct codec w = codec_writer(bytes, sizeof(bytes));
        route_request_codec(&w, &r);
        ck_assert_int_eq(codec_finish(&w), OK);
        ck_assert(!is_dropped(bytes, w.pos)); /* a proper refusal */
        ck_assert(routes_are(""));
        gateway = kept_gateway;
        prefix = kept_prefix;
    }
    struct codec w = codec_writer(bytes, sizeof(bytes));
    route_request_codec(&w, &r);
    for (size_t cut = 0; cut < w.pos; cut += 7)
        ck_assert(is_dropped(bytes, cut == 0 ? 1 : cut));
    bytes[0] = 9;
    ck_assert(is_dropped(bytes, w.pos));
    ck_assert(routes_are(""));
    ck_assert_int_eq(set_routes(test_fence(1, 1, 0), true), OK);
}

/* The same over IPv6, by a fleet whose backbone speaks it. */
TEST_PERMITTED(speaks_ipv6)
{
    for (uint16_t l = 0; l < world.fleet.link_count; l++) {
        for (int e = 0; e < 2; e++) {
            struct address *a = &world.fleet.links[l].end[e].address;
            uint8_t last =
                (uint8_t)(a->bytes[3] / 10 * 16 + a->bytes[3] % 10); /* as the file reads */
            *a = (struct address){6, {0xfd, 0, 0xff, [13] = 0xff, [15] = last}};
        }
    }
    for (uint16_t i = 0; i < world.fleet.idc_count; i++)
        world.fleet.idcs[i].prefixes[0] = (struct prefix){{6, {0xfd, 0, 0, (uint8_t)(i + 1)}}, 32};
    stop_helper(SIGTERM);
    run("sed -i -E 's/address: 10\\.255\\.0\\.([0-9]+)/address: fd00:ff00::ff:\\1/;"
        "s/prefixes: .10\\.([123])\\.0\\.0.16./prefixes: [\"fd00:\\1::\\/32\"]/' %s",
        fleet_path);
    run("ip address add fd00:ff00::ff:1/126 dev to-shanghai nodad");
    run("ip address add fd00:ff00::ff:9/126 dev to-shenzhen nodad");
    start_helper();
    ck_assert_int_eq(set_routes(test_fence(1, 1, 0), true), OK);
    ck_assert_int_eq(set_routes(test_fence(1, 1, 0), false), OK);
    static const char expected[] = "fd00:2::/32 fd00:ff00::ff:10 to-shenzhen 1\n"
                                   "fd00:2::/32 fd00:ff00::ff:2 to-shanghai 2\n"
                                   "fd00:3::/32 fd00:ff00::ff:2 to-shanghai 1\n"
                                   "fd00:3::/32 fd00:ff00::ff:10 to-shenzhen 2\n";
    char text[1024];
    static const char show[] = "ip -6 -o route show table 100 | awk '{print $1, $3, $5, $9}' | "
                               "sort -k1,1 -k4,4n";
    output_of(show, text, sizeof(text));
    ck_assert_str_eq(text, expected);
    run("ip -6 route flush table 100");
    for (int i = 0; i < 100; i++) {
        loop_run_ms(&loop, 30);
        output_of(show, text, sizeof(text));
        if (strcmp(text, expected) == 0)
            break;
    }
    ck_assert_str_eq(text, expected);
    output_of("ip -6 rule show | grep -c 'lookup 100'", text, sizeof(text));
    ck_assert_str_eq(text, "1\n");
}

TEST_PERMITTED(keeps_one_capability)
{
    char command[160], text[512];
    snprintf(command, sizeof(command),
             "grep -E '^(CapPrm|CapEff|CapInh|CapBnd|CapAmb|NoNewPrivs)' /proc/%d/status | "
             "awk '{print $2}' | tr '\\n' ' '",
             (int)helper);
    output_of(command, text, sizeof(text));
    ck_assert_str_eq(text, "0000000000000000 0000000000001000 0000000000001000 0000000000001000 "
                           "0000000000000000 1 ");
    /* Another user may not connect, nor may a fleet file that others can write be trusted. */
    run("chmod 0666 %s", fleet_path);
    run("! %s --fleet %s --idc beijing --check 2>/dev/null", TEST_ROUTED, fleet_path);
    run("chmod 0644 %s", fleet_path);
    run("%s --fleet %s --idc beijing --check", TEST_ROUTED, fleet_path);
    run("! %s --fleet %s --idc nowhere --check 2>/dev/null", TEST_ROUTED, fleet_path);
    run("%s --nonsense 2>/dev/null; test $? = 2", TEST_ROUTED);
    run("! %s --fleet %s --idc beijing --socket %s 2>/dev/null", TEST_ROUTED, fleet_path,
        socket_path); /* a living one is there */
}

static Suite *suite(void)
{
    Suite *s = suite_create("route");
    TCase *t = tcase_create("helper");
    tcase_set_timeout(t, 60);
    tcase_add_checked_fixture(t, set_up, tear_down);
    tcase_add_test(t, orders_and_reorders_hops);
    tcase_add_test(t, refuses_older_and_split_fences);
    tcase_add_test(t, stops_at_a_hold);
    tcase_add_test(t, puts_back_and_leaves_others_alone);
    tcase_add_test(t, goes_around_a_strangers_route);
    tcase_add_test(t, never_leaves_a_prefix_bare);
    tcase_add_test(t, is_told_again_after_a_restart);
    tcase_add_test(t, admits_only_the_fleets_hops_and_prefixes);
    tcase_add_test(t, tells_its_fence_and_changes_nothing);
    tcase_add_test(t, speaks_ipv6);
    tcase_add_test(t, keeps_one_capability);
    suite_add_tcase(s, t);
    return s;
}

int main(void)
{
    SRunner *runner = srunner_create(suite());
    signal(SIGPIPE, SIG_IGN);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
