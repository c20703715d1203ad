/* test_probe_carriers.c: checks leave by the uplink of their carrier, on real packets: two veth
 * pairs between a namespace of the probe and one of the world. */
#include "checks/clocks.h"
#include "checks/dns.h"
#include "checks/http.h"
#include "checks/tcp.h"
#include "links.h"
#include "targets.h"

#include <ares.h>
#include <arpa/inet.h>
#include <check.h>
#include <curl/curl.h>
#include <fcntl.h>
#include <net/if.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { TELECOM, UNICOM, CARRIERS, PORT = 8053 };

static const struct address service = {4, {203, 0, 113, 9}};
static const char *const interfaces[CARRIERS] = {"tel0", "uni0"};
/* The probe's address on each uplink, by which the world tells them apart. */
static const char *const sources[CARRIERS] = {"10.91.0.1", "10.91.1.1"};

static void run(const char *command)
{
    ck_assert_msg(system(command) == 0, "failed: %s", command);
}

static void enter(const char *netns)
{
    char path[64];
    snprintf(path, sizeof(path), "/run/netns/%s", netns);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ck_assert_int_ge(fd, 0);
    ck_assert_int_eq(setns(fd, CLONE_NEWNET), 0);
    close(fd);
}

static void telecom_up(void)
{
    run("ip link add tel0 netns sw-way-probe type veth peer name tel1 netns sw-way-world;"
        "ip -n sw-way-world addr add 10.91.0.2/24 dev tel1; ip -n sw-way-world link set tel1 up;"
        "ip -n sw-way-probe addr add 10.91.0.1/24 dev tel0; ip -n sw-way-probe link set tel0 up;"
        "ip -n sw-way-probe route add default via 10.91.0.2 dev tel0 metric 10");
}

static void up(void)
{
    (void)!system("ip netns del sw-way-probe 2>/dev/null; ip netns del sw-way-world 2>/dev/null");
    run("ip netns add sw-way-probe && ip netns add sw-way-world");
    run("ip -n sw-way-world link set lo up && ip -n sw-way-world addr add 203.0.113.9 dev lo");
    telecom_up();
    run("ip link add uni0 netns sw-way-probe type veth peer name uni1 netns sw-way-world;"
        "ip -n sw-way-world addr add 10.91.1.2/24 dev uni1; ip -n sw-way-world link set uni1 up;"
        "ip -n sw-way-probe addr add 10.91.1.1/24 dev uni0; ip -n sw-way-probe link set uni0 up;"
        "ip -n sw-way-probe route add default via 10.91.1.2 dev uni0 metric 20");
}

static void down(void)
{
    ck_assert_int_eq(seteuid(0), 0);
    run("ip netns del sw-way-probe; ip netns del sw-way-world");
}

/* ---- the world ---- */

/* By which uplink a peer came: CARRIERS for none. */
static int carrier_of(const struct sockaddr_in *peer)
{
    char text[INET_ADDRSTRLEN];
    inet_ntop(AF_INET, &peer->sin_addr, text, sizeof(text));
    int carrier = 0;
    while (carrier < CARRIERS && strcmp(text, sources[carrier]) != 0)
        carrier++;
    return carrier;
}

static _Atomic uint32_t accepted[CARRIERS + 1];

struct client {
    int fd, carrier;
};

/* The path names the carrier by which its request must come. */
static void *serve_client(void *context)
{
    struct client c = *(struct client *)context;
    free(context);
    char request[1024];
    ssize_t n;
    while ((n = recv(c.fd, request, sizeof(request) - 1, 0)) > 0) {
        request[n] = '\0';
        int wanted = strncmp(request, "GET /unicom", 11) == 0 ? UNICOM : TELECOM;
        const char *answer = wanted == c.carrier
                                 ? "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"
                                 : "HTTP/1.1 503 Sorry\r\nContent-Length: 0\r\n\r\n";
        if (send(c.fd, answer, strlen(answer), MSG_NOSIGNAL) < 0)
            break;
    }
    close(c.fd);
    return NULL;
}

static void *serve_stream(void *context)
{
    int listener = (int)(intptr_t)context;
    for (;;) {
        struct sockaddr_in peer = {0};
        socklen_t size = sizeof(peer);
        int fd = accept4(listener, (struct sockaddr *)&peer, &size, SOCK_CLOEXEC);
        if (fd < 0)
            return NULL;
        struct client *c = malloc(sizeof(*c));
        *c = (struct client){fd, carrier_of(&peer)};
        accepted[c->carrier]++;
        pthread_t thread;
        pthread_create(&thread, NULL, serve_client, c);
        pthread_detach(thread);
    }
}

/* NOERROR when the name's first label is that of the carrier, else SERVFAIL. */
static void *serve_dns(void *context)
{
    int fd = (int)(intptr_t)context;
    for (;;) {
        uint8_t packet[512];
        struct sockaddr_in peer;
        socklen_t size = sizeof(peer);
        ssize_t n = recvfrom(fd, packet, sizeof(packet), 0, (struct sockaddr *)&peer, &size);
        if (n < 20)
            return NULL;
        int wanted = memcmp(packet + 13, "unicom", 6) == 0 ? UNICOM : TELECOM;
        packet[2] |= 0x80;
        packet[3] = wanted == carrier_of(&peer) ? 0 : 2;
        (void)!sendto(fd, packet, (size_t)n, 0, (struct sockaddr *)&peer, size);
    }
}

static void start_world(void)
{
    enter("sw-way-world");
    struct sockaddr_in any = {.sin_family = AF_INET, .sin_port = htons(PORT)};
    int stream = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    ck_assert_int_eq(bind(stream, (struct sockaddr *)&any, sizeof(any)), 0);
    ck_assert_int_eq(listen(stream, 64), 0);
    any.sin_addr.s_addr = inet_addr("203.0.113.9"); /* the address that it answers from */
    int dns = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    ck_assert_int_eq(bind(dns, (struct sockaddr *)&any, sizeof(any)), 0);
    pthread_t thread;
    pthread_create(&thread, NULL, serve_stream, (void *)(intptr_t)stream);
    pthread_create(&thread, NULL, serve_dns, (void *)(intptr_t)dns);
    enter("sw-way-probe");
}

/* ---- one check at a time ---- */

enum outcome { RUNNING, GOOD, FAILED };

static void on_ended(void *context, uint32_t slot, bool good)
{
    ((enum outcome *)context)[slot] = good ? GOOD : FAILED;
}

static struct check_way way_by(int carrier)
{
    struct check_way way = {.index = (int)if_nametoindex(interfaces[carrier])};
    snprintf(way.interface, sizeof(way.interface), "%s", interfaces[carrier]);
    return way;
}

static struct check_request request_for(const char *path, struct check_way way)
{
    return (struct check_request){
        .address = service, .port = PORT, .path = path, .host = "", .way = way};
}

/* As the probe runs: without privileges. */
static void become_nobody(void)
{
    ck_assert_int_eq(seteuid(65534), 0);
}

START_TEST(test_tcp_leaves_by_its_carrier)
{
    start_world();
    become_nobody();
    enum outcome ended[3] = {RUNNING};
    struct tcp_checks *t = NULL;
    ck_assert_int_eq(tcp_checks_new(on_ended, ended, &t), OK);
    const struct check_way ways[3] = {way_by(TELECOM), way_by(UNICOM), {0}};
    for (uint32_t i = 0; i < 3; i++) {
        struct check_request r = request_for("", ways[i]);
        int fd = -1;
        ck_assert_int_eq(tcp_check_begin(t, &r, i, &fd), OK);
        while (ended[i] == RUNNING)
            tcp_checks_events(t);
        ck_assert_int_eq(ended[i], GOOD);
    }
    while (accepted[TELECOM] + accepted[UNICOM] < 3)
        usleep(1000);
    ck_assert_uint_eq(accepted[TELECOM], 2); /* its own, and the one that the routes sent there */
    ck_assert_uint_eq(accepted[UNICOM], 1);

    /* An interface that is gone is our own matter. */
    struct check_request r = request_for("", (struct check_way){.index = 4711, .interface = "x"});
    int fd = -1;
    ck_assert_int_eq(tcp_check_begin(t, &r, 0, &fd), ERR_FULL);
    tcp_checks_free(t);
}
END_TEST

static enum outcome http_check(struct http_checks *h, enum outcome *ended, const char *path,
                               struct check_way way)
{
    struct check_request r = request_for(path, way);
    struct http_check *check = NULL;
    r.kind = CHECK_HTTP;
    *ended = RUNNING;
    ck_assert_int_eq(http_check_begin(h, &r, 0, &check), OK);
    while (*ended == RUNNING) {
        struct pollfd p = {http_checks_fd(h), POLLIN, 0};
        poll(&p, 1, 1);
        http_checks_events(h, clock_mono());
    }
    return *ended;
}

START_TEST(test_http_keeps_connections_apart)
{
    start_world();
    become_nobody();
    enum outcome ended = RUNNING;
    struct http_checks *h = NULL;
    ck_assert_int_eq(http_checks_new(8, on_ended, &ended, &h), OK);
    struct check_way telecom = way_by(TELECOM), unicom = way_by(UNICOM);
    /* Known for long, so that what was opened since may be kept. */
    telecom.since = unicom.since = mono_add(clock_mono(), -100 * US_PER_SEC);
    for (int i = 0; i < 4; i++) {
        ck_assert_int_eq(http_check(h, &ended, "/telecom", telecom), GOOD);
        ck_assert_int_eq(http_check(h, &ended, "/unicom", unicom), GOOD);
        ck_assert_int_eq(http_check(h, &ended, "/telecom", unicom), FAILED);
    }
    ck_assert_uint_eq(accepted[TELECOM], 1); /* kept */
    ck_assert_uint_eq(accepted[UNICOM], 1);

    /* The interface is another one since just now, or since two seconds: what was opened before is
     * not used again. */
    usleep(2500 * 1000);
    telecom.since = clock_mono();
    ck_assert_int_eq(http_check(h, &ended, "/telecom", telecom), GOOD);
    ck_assert_uint_eq(accepted[TELECOM], 2);
    unicom.since = mono_add(clock_mono(), -2 * US_PER_SEC);
    ck_assert_int_eq(http_check(h, &ended, "/unicom", unicom), GOOD);
    ck_assert_uint_eq(accepted[UNICOM], 2);
    struct check_request r = request_for("/", (struct check_way){.index = 4711, .interface = "x"});
    struct http_check *check = NULL;
    ck_assert_int_eq(http_check_begin(h, &r, 0, &check), ERR_FULL);
    http_checks_free(h);
}
END_TEST

static int dns_check(struct dns_checks *d, enum outcome *ended, const char *name,
                     struct check_way way)
{
    struct check_request r = request_for(name, way);
    struct dns_check *check = NULL;
    *ended = RUNNING;
    int status = dns_check_begin(d, &r, 0, &check);
    while (status == OK && *ended == RUNNING) {
        struct pollfd p = {dns_checks_fd(d), POLLIN, 0};
        poll(&p, 1, 1);
        dns_checks_events(d);
    }
    return status == OK ? (int)*ended : status;
}

START_TEST(test_dns_leaves_by_its_carrier)
{
    start_world();
    become_nobody();
    enum outcome ended = RUNNING;
    struct dns_checks *d = NULL;
    ck_assert_int_eq(dns_checks_new(US_PER_SEC, on_ended, &ended, &d), OK);
    struct check_way telecom = way_by(TELECOM), unicom = way_by(UNICOM);
    for (int i = 0; i < 3; i++) {
        ck_assert_int_eq(dns_check(d, &ended, "telecom.example", telecom), GOOD);
        ck_assert_int_eq(dns_check(d, &ended, "unicom.example", unicom), GOOD);
        ck_assert_int_eq(dns_check(d, &ended, "unicom.example", telecom), FAILED);
        ck_assert_int_eq(dns_check(d, &ended, "telecom.example", (struct check_way){0}), GOOD);
    }
    /* The name means another interface than it did: no socket goes without one. */
    int index = telecom.index;
    telecom.index = 4711;
    ck_assert_int_eq(dns_check(d, &ended, "telecom.example", telecom), ERR_FULL);
    telecom.index = index;
    ck_assert_int_eq(dns_check(d, &ended, "telecom.example", telecom), GOOD);
    dns_checks_free(d);
}
END_TEST

/* ---- all together ---- */

static struct targets *targets;
static uint32_t downs;
static int chosen[CARRIERS] = {TELECOM, UNICOM}; /* whose interface is the carrier's uplink */

static int uplink(void *context, uint16_t carrier, const char **ret_interface)
{
    (void)context;
    *ret_interface = interfaces[chosen[carrier]];
    return (int)if_nametoindex(*ret_interface);
}

static struct observation observe(uint32_t i)
{
    struct observation o;
    targets_observe(targets, i, clock_mono(), &o);
    return o;
}

static void on_changed(void *context, uint32_t i, enum health before)
{
    (void)context;
    (void)before;
    downs += observe(i).health == HEALTH_DOWN;
}

static void turn(void)
{
    struct pollfd p = {targets_fd(targets), POLLIN, 0};
    poll(&p, 1, 1);
    targets_events(targets);
    targets_turn(targets, clock_mono());
}

static void wait_for(uint32_t i, enum health health)
{
    for (int n = 0; n < 20000 && observe(i).health != health; n++)
        turn();
    ck_assert_int_eq(observe(i).health, health);
}

static struct targets_config watch(struct fleet *f, const struct target *list, uint32_t count)
{
    static struct carrier carriers[CARRIERS] = {{"telecom"}, {"unicom"}};
    static const struct lateness lateness;
    f->carriers = carriers;
    f->carrier_count = CARRIERS;
    f->policy = (struct policy){.check_interval_us = 20 * US_PER_MS,
                                .check_timeout_us = 400 * US_PER_MS,
                                .check_failures = 2};
    return (struct targets_config){.fleet = f,
                                   .targets = list,
                                   .count = count,
                                   .lateness = &lateness,
                                   .changed = on_changed,
                                   .uplink = uplink};
}

/* Two references (HTTP and DNS) that are good over telecom alone, each checked over both. */
START_TEST(test_targets_over_carriers)
{
    start_world();
    struct reference references[2] = {
        {"page", 3, CHECK_HTTP, PORT, service, "/telecom"},
        {"name", 3, CHECK_DNS, PORT, service, "telecom.example"},
    };
    struct fleet fleet = {.references = references, .reference_count = 2};
    const struct target list[4] = {{TARGET_REFERENCE, 0, 0, TELECOM},
                                   {TARGET_REFERENCE, 0, 0, UNICOM},
                                   {TARGET_REFERENCE, 1, 0, TELECOM},
                                   {TARGET_REFERENCE, 1, 0, UNICOM}};
    struct targets_config config = watch(&fleet, list, 4);
    ck_assert_int_eq(targets_new(&config, NULL, clock_mono(), &targets), OK);
    wait_for(0, HEALTH_UP);
    wait_for(2, HEALTH_UP);
    wait_for(1, HEALTH_DOWN);
    wait_for(3, HEALTH_DOWN);
    for (int n = 0; n < 500; n++)
        turn();
    ck_assert_int_eq(observe(0).health, HEALTH_UP);
    ck_assert_int_eq(observe(1).health, HEALTH_DOWN);
    ck_assert_int_eq(observe(2).health, HEALTH_UP);
    ck_assert_int_eq(observe(3).health, HEALTH_DOWN);
    ck_assert_str_eq(targets_carrier(targets, 1), "unicom");
    ck_assert_uint_eq(targets_without_uplink(targets), 0);

    /* No interface is nothing known, and is counted. */
    downs = 0;
    run("ip -n sw-way-probe link del tel0");
    wait_for(0, HEALTH_UNKNOWN);
    wait_for(2, HEALTH_UNKNOWN);
    ck_assert_uint_gt(targets_without_uplink(targets), 0);

    /* A new one under the same name: no kept connection or socket of the old one misleads. */
    telecom_up();
    wait_for(0, HEALTH_UP);
    wait_for(2, HEALTH_UP);
    ck_assert_uint_eq(downs, 0);
    targets_free(targets);
}
END_TEST

/* A failure over what was the uplink says nothing about what is. */
START_TEST(test_uplink_changes_under_way)
{
    start_world();
    struct reference reference = {"port", 1, CHECK_TCP, PORT, service, ""};
    struct fleet fleet = {.references = &reference, .reference_count = 1};
    const struct target list[1] = {{TARGET_REFERENCE, 0, 0, TELECOM}};
    struct targets_config config = watch(&fleet, list, 1);
    ck_assert_int_eq(targets_new(&config, NULL, clock_mono(), &targets), OK);
    wait_for(0, HEALTH_UP);
    run("ip -n sw-way-world route add blackhole 10.91.0.1; "
        "ip -n sw-way-world route add blackhole 10.91.1.1");
    struct mono dark = clock_mono();
    while (mono_diff_us(clock_mono(), dark) < 200 * US_PER_MS)
        turn();
    ck_assert_int_eq(observe(0).health, HEALTH_UP);
    chosen[TELECOM] = UNICOM;
    struct mono changed = clock_mono();
    wait_for(0, HEALTH_DOWN);
    ck_assert_int_le(observe(0).held_us, mono_diff_us(clock_mono(), changed));
    ck_assert_uint_gt(targets_left_out(targets), 0);
    targets_free(targets);
}
END_TEST

static void on_link(void *context, uint32_t i, enum health before)
{
    (void)context;
    (void)i;
    (void)before;
}

static void wait_uplink(struct links *l, const char *interface)
{
    const char *name = "";
    int index = 0;
    for (int n = 0; n < 5000 && strcmp(name, interface) != 0; n++) {
        struct pollfd p = {links_fd(l), POLLIN, 0};
        poll(&p, 1, 1);
        links_events(l);
        index = links_uplink(l, TELECOM, &name);
    }
    ck_assert_str_eq(name, interface);
    ck_assert_int_eq(index, (int)if_nametoindex(interface));
}

/* Two uplinks to one carrier: the first that has its link, in the order of the fleet. */
START_TEST(test_choice_of_uplink)
{
    enter("sw-way-probe");
    struct link uplinks[3] = {
        {.name = "absent", .carrier = UNICOM, .end = {{0, "no0", {0}}, {FLEET_NONE, "", {0}}}},
        {.name = "first", .carrier = TELECOM, .end = {{0, "tel0", {0}}, {FLEET_NONE, "", {0}}}},
        {.name = "second", .carrier = TELECOM, .end = {{0, "uni0", {0}}, {FLEET_NONE, "", {0}}}},
    };
    struct fleet fleet = {
        .links = uplinks, .link_count = 3, .policy = {.probe_interval_us = 50 * US_PER_MS}};
    const struct target list[3] = {
        {TARGET_LINK, 0, 0, UNICOM}, {TARGET_LINK, 1, 0, TELECOM}, {TARGET_LINK, 2, 0, TELECOM}};
    const struct links_config config = {
        .fleet = &fleet, .targets = list, .count = 3, .changed = on_link};
    struct links *l = NULL;
    const char *name = "";
    ck_assert_int_eq(links_new(&config, NULL, false, clock_mono(), &l), OK);
    ck_assert_int_eq(links_uplink(l, UNICOM, &name), 0);
    wait_uplink(l, "tel0");
    run("ip -n sw-way-world link set tel1 down");
    wait_uplink(l, "uni0");
    /* None has its link: the first goes on, and its checks fail for a reason. */
    run("ip -n sw-way-world link set uni1 down");
    wait_uplink(l, "tel0");
    run("ip -n sw-way-world link set uni1 up");
    wait_uplink(l, "uni0");
    run("ip -n sw-way-world link set tel1 up");
    wait_uplink(l, "tel0");
    links_free(l);
}
END_TEST

int main(void)
{
    if (geteuid() != 0 ||
        system("ip netns add sw-way-try 2>/dev/null && ip netns del sw-way-try") != 0) {
        printf("skipped: needs privileges for network namespaces\n");
        return 77; /* meson: skipped */
    }
    curl_global_init(CURL_GLOBAL_DEFAULT);
    ares_library_init(ARES_LIB_INIT_ALL);
    Suite *suite = suite_create("probe-carriers");
    TCase *c = tcase_create("carriers");
    tcase_set_timeout(c, 100);
    tcase_add_checked_fixture(c, up, down);
    tcase_add_test(c, test_tcp_leaves_by_its_carrier);
    tcase_add_test(c, test_http_keeps_connections_apart);
    tcase_add_test(c, test_dns_leaves_by_its_carrier);
    tcase_add_test(c, test_targets_over_carriers);
    tcase_add_test(c, test_uplink_changes_under_way);
    tcase_add_test(c, test_choice_of_uplink);
    suite_add_tcase(suite, c);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    ares_library_cleanup();
    curl_global_cleanup();
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
