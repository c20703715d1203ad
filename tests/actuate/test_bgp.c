/* test_bgp.c: announcements from two IDCs through the route helper and BIRD to a BGP peer, each in
 * a network namespace of the test's own. Without BIRD the helper's table is tested alone. */
#include "fixture.h"
#include "netns.h"

#include "actuate/route.h"

#include <check.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

enum { BEIJING, SHANGHAI, IDCS };
enum { WEB, LEDGER };
enum { SKIPPED = 77 };

/* What runs for one IDC. */
struct place {
    pid_t netns; /* holds the namespace; 0: the test's own */
    pid_t helper, bird;
    char socket[96];
    struct route_client *client;
};

static struct world world;
static uv_loop_t loop;
static struct waiter waiter;
static struct place places[IDCS];
static pid_t peer_netns, peer_bird;
static char directory[64], fleet_path[96];
static bool permitted, has_bird;

static const char *const names[IDCS] = {"beijing", "shanghai"};

/* --- Processes and namespaces -------------------------------------------------------------------
 */

__attribute__((format(printf, 2, 3))) static pid_t start(pid_t netns, const char *format, ...)
{
    char command[768], inside[896];
    va_list args;
    va_start(args, format);
    vsnprintf(command, sizeof(command), format, args);
    va_end(args);
    snprintf(inside, sizeof(inside), netns != 0 ? "exec nsenter -t %d -n -- %s" : "exec %.0d%s",
             (int)netns, command);
    pid_t pid = fork();
    ck_assert_int_ge(pid, 0);
    if (pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        execl("/bin/sh", "sh", "-c", inside, (char *)NULL);
        _exit(127);
    }
    return pid;
}

static void stop(pid_t *pid, int signal)
{
    if (*pid == 0)
        return;
    kill(*pid, signal);
    waitpid(*pid, NULL, 0);
    *pid = 0;
}

/* True once the shell command succeeds. */
__attribute__((format(printf, 1, 2))) static bool soon(const char *format, ...)
{
    char command[512];
    va_list args;
    va_start(args, format);
    vsnprintf(command, sizeof(command), format, args);
    va_end(args);
    for (int i = 0; i < 200; i++) {
        if (system(command) == 0)
            return true;
        loop_run_ms(&loop, 50);
    }
    return false;
}

static pid_t new_netns(void)
{
    char command[96];
    pid_t pid = start(0, "unshare -n sleep 1000");
    snprintf(command, sizeof(command),
             "[ \"$(readlink /proc/%d/ns/net)\" != \"$(readlink /proc/self/ns/net)\" ]", (int)pid);
    ck_assert(soon("%s", command));
    return pid;
}

static void start_helper(int i)
{
    struct place *p = &places[i];
    p->helper = start(p->netns, "%s --fleet %s --idc %s --socket %s --state %s/fence-%s",
                      TEST_ROUTED, fleet_path, names[i], p->socket, directory, names[i]);
    ck_assert(soon("[ -S %s ]", p->socket));
    loop_run_ms(&loop, 50);
}

static void start_bird(int i)
{
    if (has_bird)
        places[i].bird = start(places[i].netns, "bird -f -c %s/bird-%s.conf -s %s/bird-%s.ctl",
                               directory, names[i], directory, names[i]);
}

/* The configuration of docs/bgp.md. */
static void write_bird(int i)
{
    char path[128];
    snprintf(path, sizeof(path), "%s/bird-%s.conf", directory, names[i]);
    FILE *f = fopen(path, "w");
    ck_assert_ptr_nonnull(f);
    fprintf(f,
            "router id 10.99.%d.1;\n"
            "ipv4 table spillway4;\n"
            "protocol device { }\n"
            "protocol kernel spillway {\n"
            "  kernel table 101;\n"
            "  learn;\n"
            "  scan time 10;\n"
            "  ipv4 { table spillway4; import where krt_source = 201; export none; };\n"
            "}\n"
            "protocol bgp upstream {\n"
            "  local 10.99.%d.1 as %d;\n"
            "  neighbor 10.99.%d.2 as 65000;\n"
            "  connect retry time 1; connect delay time 1; error wait time 1, 2;\n"
            "  ipv4 { table spillway4; import none; export all; };\n"
            "}\n",
            i + 1, i + 1, 65001 + i, i + 1);
    fclose(f);
}

static void write_peer(void)
{
    char path[128];
    snprintf(path, sizeof(path), "%s/peer.conf", directory);
    FILE *f = fopen(path, "w");
    ck_assert_ptr_nonnull(f);
    fputs("router id 10.99.0.1;\nprotocol device { }\n", f);
    for (int i = 0; i < IDCS; i++)
        fprintf(f,
                "protocol bgp %s {\n"
                "  local 10.99.%d.2 as 65000;\n"
                "  neighbor 10.99.%d.1 as %d;\n"
                "  connect retry time 1; connect delay time 1; error wait time 1, 2;\n"
                "  ipv4 { import all; export none; };\n"
                "}\n",
                names[i], i + 1, i + 1, 65001 + i);
    fclose(f);
}

static void wire(int i)
{
    char inside[32] = "";
    if (places[i].netns != 0)
        snprintf(inside, sizeof(inside), "nsenter -t %d -n", (int)places[i].netns);
    run("%s ip link set lo up", inside);
    run("%s ip link add bgp type veth peer name from-%s netns %d", inside, names[i],
        (int)peer_netns);
    run("%s ip address add 10.99.%d.1/24 dev bgp && %s ip link set bgp up", inside, i + 1, inside);
    run("nsenter -t %d -n ip address add 10.99.%d.2/24 dev from-%s", (int)peer_netns, i + 1,
        names[i]);
    run("nsenter -t %d -n ip link set from-%s up", (int)peer_netns, names[i]);
}

static void set_up(void)
{
    permitted = netns_enter();
    has_bird = system("command -v bird >/dev/null && command -v birdc >/dev/null") == 0;
    if (!permitted)
        return;
    memset(places, 0, sizeof(places));
    ck_assert_int_eq(uv_loop_init(&loop), 0);
    waiter = (struct waiter){.loop = &loop};
    snprintf(directory, sizeof(directory), "/tmp/spillway-test-bgp-XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(directory));
    snprintf(fleet_path, sizeof(fleet_path), "%s/fleet.yaml", directory);
    run("sed 's|^    stateful: false|    anycast: [203.0.113.0/24, \"2001:db8:a::/48\"]|' %s >%s "
        "&& chmod 0644 %s",
        TEST_FLEET, fleet_path, fleet_path);
    world_init_file(&world, fleet_path);
    peer_netns = new_netns();
    places[SHANGHAI].netns = new_netns();
    for (int i = 0; i < IDCS; i++) {
        snprintf(places[i].socket, sizeof(places[i].socket), "%s/socket-%s", directory, names[i]);
        wire(i);
        write_bird(i);
        start_bird(i);
        start_helper(i);
        ck_assert_int_eq(route_client_new(&loop, places[i].socket, (uint16_t)i, 2000 * 1000,
                                          waiter_done, &waiter, &places[i].client),
                         OK);
    }
    write_peer();
    if (has_bird)
        peer_bird =
            start(peer_netns, "bird -f -c %s/peer.conf -s %s/peer.ctl", directory, directory);
}

static void tear_down(void)
{
    if (!permitted)
        return;
    for (int i = 0; i < IDCS; i++) {
        route_client_free(places[i].client);
        stop(&places[i].helper, SIGTERM);
        stop(&places[i].bird, SIGTERM);
    }
    loop_end(&loop);
    stop(&peer_bird, SIGTERM);
    stop(&places[SHANGHAI].netns, SIGKILL);
    stop(&peer_netns, SIGKILL);
    run("rm -rf %s", directory);
    world_done(&world);
}

/* --- What is asked, what stands ------------------------------------------------------------------
 */

static int announce(int i, uint64_t generation, uint8_t on)
{
    const uint8_t announced[] = {[WEB] = on, [LEDGER] = 1}; /* ledger has no anycast prefix */
    struct fence fence = test_fence(1, generation, (unsigned)generation);
    unsigned before = waiter.count;
    ck_assert_int_eq(route_set(places[i].client, &world.fleet, &fence, NULL, 0, announced), OK);
    ck_assert_msg(waiter_wait(&waiter, before + 1), "no result");
    return waiter.last.status;
}

/* The table of announcements: prefixes of both families. */
static bool table_is(int i, const char *expected)
{
    char command[256], inside[32] = "", text[512];
    if (places[i].netns != 0)
        snprintf(inside, sizeof(inside), "nsenter -t %d -n", (int)places[i].netns);
    snprintf(command, sizeof(command),
             "{ %s ip -o -4 route show table 101; %s ip -o -6 route show table 101; } 2>/dev/null "
             "| awk '{print $1, $2}'",
             inside, inside);
    output_of(command, text, sizeof(text));
    return strcmp(text, expected) == 0;
}

static const char both[] = "unreachable 203.0.113.0/24\nunreachable 2001:db8:a::/48\n";

static bool table_is_soon(int i, const char *expected)
{
    for (int n = 0; n < 200; n++) {
        if (table_is(i, expected))
            return true;
        loop_run_ms(&loop, 30);
    }
    return false;
}

/* The peer has the prefix from exactly these. */
static bool peer_has(bool beijing, bool shanghai)
{
    static const char ask[] =
        "birdc -s %s/peer.ctl show route 203.0.113.0/24 2>/dev/null | grep -o 'via 10.99.[0-9].1' "
        "| sort | tr -d '\\n' | grep -qx '%s'";
    return soon(ask, directory,
                beijing && shanghai ? "via 10.99.1.1via 10.99.2.1"
                : beijing           ? "via 10.99.1.1"
                                    : "via 10.99.2.1");
}

#define TEST_PERMITTED(name, needed)                                                               \
    static void name##_body(void);                                                                 \
    START_TEST(name)                                                                               \
    {                                                                                              \
        if (permitted && (needed))                                                                 \
            name##_body();                                                                         \
        else                                                                                       \
            fprintf(stderr, "%s skipped: needs root, network namespaces%s\n", #name,               \
                    permitted ? ", bird2" : "");                                                   \
    }                                                                                              \
    END_TEST                                                                                       \
    static void name##_body(void)

/* --- The helper's table -------------------------------------------------------------------------
 */

TEST_PERMITTED(announces_and_withdraws_its_own, true)
{
    ck_assert(table_is(BEIJING, ""));
    ck_assert_int_eq(announce(BEIJING, 1, 1), OK);
    ck_assert(table_is(BEIJING, both));
    run("ip route add blackhole 192.0.2.0/24 table 101"); /* a stranger's */
    ck_assert_int_eq(announce(BEIJING, 2, 0), OK);
    ck_assert(table_is(BEIJING, "blackhole 192.0.2.0/24\n"));
    char text[64];
    output_of("ip rule show | grep -c 'lookup 101' | tr -d '\\n'", text, sizeof(text));
    ck_assert_str_eq(text, "0"); /* it carries no traffic */
}

TEST_PERMITTED(an_older_fence_announces_nothing, true)
{
    ck_assert_int_eq(announce(BEIJING, 5, 0), OK);
    struct fence older = test_fence(1, 4, 4);
    const uint8_t announced[] = {1, 1};
    unsigned before = waiter.count;
    ck_assert_int_eq(route_set(places[BEIJING].client, &world.fleet, &older, NULL, 0, announced),
                     OK);
    ck_assert(waiter_wait(&waiter, before + 1));
    ck_assert_int_eq(waiter.last.status, ERR_STALE);
    ck_assert(table_is(BEIJING, ""));
}

TEST_PERMITTED(admits_only_what_this_idc_announces, true)
{
    struct prefix *prefix = &world.fleet.services[WEB].anycast[0];
    prefix->length = 25;
    ck_assert_int_eq(announce(BEIJING, 1, 1), ERR_GUARD);
    prefix->length = 24;
    ck_assert(table_is(BEIJING, ""));
    ck_assert_int_eq(announce(BEIJING, 1, 1), OK); /* its fence was not taken */
}

TEST_PERMITTED(puts_back_what_others_change, true)
{
    ck_assert_int_eq(announce(BEIJING, 1, 1), OK);
    run("ip route flush table 101 && ip -6 route flush table 101");
    ck_assert(table_is_soon(BEIJING, both));
    ck_assert_int_eq(announce(BEIJING, 2, 0), OK);
    run("ip route add unreachable 203.0.113.0/24 table 101 metric 1 proto 201");
    ck_assert(table_is_soon(BEIJING, ""));
}

/* Law 1: neither the end nor the start of a helper withdraws anything; what the fleet no longer has
 * goes with the first request after it. */
TEST_PERMITTED(stopping_and_starting_changes_nothing, true)
{
    ck_assert_int_eq(announce(BEIJING, 1, 1), OK);
    stop(&places[BEIJING].helper, SIGKILL);
    loop_run_ms(&loop, 300);
    ck_assert(table_is(BEIJING, both));
    route_client_free(places[BEIJING].client); /* nobody who repeats the newest job */
    run("sed -i 's|203.0.113.0/24|203.0.113.0/25|' %s && rm -f %s", fleet_path,
        places[BEIJING].socket);
    start_helper(BEIJING);
    loop_run_ms(&loop, 2500); /* a turn of its own */
    ck_assert(table_is(BEIJING, both));
    ck_assert_int_eq(route_client_new(&loop, places[BEIJING].socket, BEIJING, 2000 * 1000,
                                      waiter_done, &waiter, &places[BEIJING].client),
                     OK);
    world.fleet.services[WEB].anycast[0].length = 25;
    ck_assert_int_eq(announce(BEIJING, 2, 1), OK);
    ck_assert(table_is_soon(BEIJING, "unreachable 203.0.113.0/25\nunreachable 2001:db8:a::/48\n"));
}

TEST_PERMITTED(a_strangers_route_that_announces_on_is_told, true)
{
    ck_assert_int_eq(announce(BEIJING, 1, 1), OK);
    run("ip route add blackhole 203.0.113.0/24 table 101 metric 7");
    ck_assert_int_eq(announce(BEIJING, 2, 0), ERR_UNAVAILABLE);
    ck_assert_ptr_nonnull(strstr(waiter.last.detail, "somebody else's route"));
    ck_assert(table_is(BEIJING, "blackhole 203.0.113.0/24\n"));
    run("ip route del 203.0.113.0/24 table 101");
    ck_assert_int_eq(announce(BEIJING, 3, 0), OK);
}

TEST_PERMITTED(flush_takes_ours_and_nothing_else, true)
{
    ck_assert_int_eq(announce(BEIJING, 1, 1), OK);
    run("ip route add blackhole 192.0.2.0/24 table 101");
    stop(&places[BEIJING].helper, SIGTERM);
    ck_assert(table_is(BEIJING, "blackhole 192.0.2.0/24\nunreachable 203.0.113.0/24\n"
                                "unreachable 2001:db8:a::/48\n"));
    run("%s --fleet %s --idc beijing --flush", TEST_ROUTED, fleet_path);
    ck_assert(table_is(BEIJING, "blackhole 192.0.2.0/24\n"));
}

/* --- The peer's view ----------------------------------------------------------------------------
 */

TEST_PERMITTED(a_peer_hears_of_it_from_both_and_of_each_withdrawal, has_bird)
{
    ck_assert_int_eq(announce(BEIJING, 1, 1), OK);
    ck_assert_int_eq(announce(SHANGHAI, 1, 1), OK);
    ck_assert(peer_has(true, true));
    ck_assert_int_eq(announce(BEIJING, 2, 0), OK);
    ck_assert(peer_has(false, true));
    ck_assert_int_eq(announce(BEIJING, 3, 1), OK);
    ck_assert(peer_has(true, true));
    ck_assert_int_eq(announce(SHANGHAI, 3, 0), OK);
    ck_assert(peer_has(true, false));
}

/* Each part may end and begin again: what is announced is in the kernel. */
TEST_PERMITTED(restarts_lose_no_announcement, has_bird)
{
    ck_assert_int_eq(announce(BEIJING, 1, 1), OK);
    ck_assert_int_eq(announce(SHANGHAI, 1, 1), OK);
    ck_assert(peer_has(true, true));
    stop(&places[BEIJING].helper, SIGKILL);
    loop_run_ms(&loop, 500);
    ck_assert(peer_has(true, true));
    stop(&places[BEIJING].bird, SIGKILL); /* the session ends: the peer sees that by itself */
    ck_assert(peer_has(false, true));
    start_bird(BEIJING);
    ck_assert(peer_has(true, true)); /* while the helper is still dead */
    run("rm -f %s", places[BEIJING].socket);
    start_helper(BEIJING);
    ck_assert_int_eq(announce(BEIJING, 2, 0), OK);
    ck_assert(peer_has(false, true));
}

int main(void)
{
    Suite *s = suite_create("bgp");
    TCase *t = tcase_create("bgp");
    tcase_add_checked_fixture(t, set_up, tear_down);
    tcase_set_timeout(t, 120);
    tcase_add_test(t, announces_and_withdraws_its_own);
    tcase_add_test(t, an_older_fence_announces_nothing);
    tcase_add_test(t, admits_only_what_this_idc_announces);
    tcase_add_test(t, puts_back_what_others_change);
    tcase_add_test(t, stopping_and_starting_changes_nothing);
    tcase_add_test(t, a_strangers_route_that_announces_on_is_told);
    tcase_add_test(t, flush_takes_ours_and_nothing_else);
    tcase_add_test(t, a_peer_hears_of_it_from_both_and_of_each_withdrawal);
    tcase_add_test(t, restarts_lose_no_announcement);
    suite_add_tcase(s, t);
    SRunner *r = srunner_create(s);
    srunner_run_all(r, CK_ENV);
    int failed = srunner_ntests_failed(r);
    srunner_free(r);
    if (failed == 0 && system("command -v bird >/dev/null && command -v birdc >/dev/null") != 0) {
        fprintf(stderr, "bgp: skipped in part: there is no bird (apt install bird2)\n");
        return SKIPPED;
    }
    return failed == 0 ? 0 : 1;
}
