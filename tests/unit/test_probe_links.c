/* test_probe_links.c: the links of a probe against a peer played by the test: bad packets counted
 * and dropped on both sockets, and links over IPv6 between two network namespaces. */
#include "checks/clocks.h"
#include "links.h"

#include <arpa/inet.h>
#include <check.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { PORT = 18871, PATIENCE_MS = 5000 };

static const char secret[] = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=\n"; /* 0 to 31 */

static uint32_t changes;
static void on_change(void *context, uint32_t i, enum health before)
{
    (void)context;
    (void)i;
    (void)before;
    changes++;
}

/* A probe's links with one span, from 127.0.0.21 to the test at 127.0.0.22. */
struct rig {
    char dir[32];
    struct fleet fleet;
    struct link link;
    struct target target;
    struct logger log;
    struct links *links;
    struct stamp_mac *mac;
    int peer; /* the test's socket, at the reflector's port of the other end */
};

static struct sockaddr_in at(uint8_t last, uint16_t port)
{
    return (struct sockaddr_in){.sin_family = AF_INET,
                                .sin_port = htons(port),
                                .sin_addr.s_addr = htonl(0x7f000000U + last)};
}

static void rig_up(struct rig *r)
{
    memset(r, 0, sizeof(*r));
    strcpy(r->dir, "/tmp/sw-links-XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(r->dir));
    char path[64];
    snprintf(path, sizeof(path), "%s/span.key", r->dir);
    int fd = open(path, O_WRONLY | O_CREAT, 0600);
    ck_assert_int_eq(write(fd, secret, sizeof(secret) - 1), sizeof(secret) - 1);
    close(fd);
    r->link = (struct link){.name = "span",
                            .end = {{.idc = 0, .interface = "lo", .address = {4, {127, 0, 0, 21}}},
                                    {.idc = 1, .interface = "lo", .address = {4, {127, 0, 0, 22}}}},
                            .carrier = FLEET_NONE,
                            .key = "span"};
    r->fleet.stamp_port = PORT;
    r->fleet.link_count = 1;
    r->fleet.links = &r->link;
    r->fleet.policy.probe_interval_us = US_PER_SEC;
    r->fleet.policy.probe_losses = 3;
    r->target.kind = TARGET_LINK;
    r->log = (struct logger){.fd = STDERR_FILENO, .level = LOG_ERROR};
    const struct links_config config = {.fleet = &r->fleet,
                                        .targets = &r->target,
                                        .count = 1,
                                        .keys_dir = r->dir,
                                        .log = &r->log,
                                        .changed = on_change};
    r->peer = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    struct sockaddr_in here = at(22, PORT);
    ck_assert_int_eq(bind(r->peer, (struct sockaddr *)&here, sizeof(here)), 0);
    ck_assert_int_eq(links_new(&config, NULL, false, clock_mono(), &r->links), OK);
    uint8_t key[32];
    for (uint8_t i = 0; i < sizeof(key); i++)
        key[i] = i;
    ck_assert_int_eq(stamp_mac_new(key, sizeof(key), &r->mac), OK);
}

static void rig_down(struct rig *r)
{
    links_free(r->links);
    stamp_mac_free(r->mac);
    close(r->peer);
    char command[64];
    snprintf(command, sizeof(command), "rm -r %s", r->dir);
    ck_assert_int_eq(system(command), 0);
}

static uint64_t counted(const struct rig *r)
{
    struct stamp_stats s = links_stats(r->links);
    return s.answered + s.requests + s.truncated + s.malformed + s.forged + s.replayed + s.foreign;
}

/* Until one more packet was counted as something; events of interfaces come in between. */
static void await(struct rig *r)
{
    uint64_t before = counted(r);
    while (counted(r) == before) {
        struct pollfd p = {links_fd(r->links), POLLIN, 0};
        ck_assert_int_eq(poll(&p, 1, PATIENCE_MS), 1);
        links_events(r->links);
    }
    ck_assert_uint_eq(counted(r), before + 1);
}

/* Makes the links ask; gives the question, and its sender. */
static void take_question(struct rig *r, struct stamp_request *ret, struct sockaddr_in *ret_from)
{
    uint8_t packet[STAMP_MAX_SIZE];
    socklen_t size = sizeof(*ret_from);
    links_tick(r->links, clock_mono());
    ssize_t n = recvfrom(r->peer, packet, sizeof(packet), 0, (struct sockaddr *)ret_from, &size);
    ck_assert_int_eq(stamp_request_decode(packet, (size_t)n, r->mac, ret), OK);
}

static void send_bytes(int fd, const uint8_t *packet, size_t size, struct sockaddr_in to)
{
    ck_assert_int_eq(sendto(fd, packet, size, 0, (struct sockaddr *)&to, sizeof(to)),
                     (ssize_t)size);
}

static void answer(struct rig *r, const struct stamp_answer *a, struct sockaddr_in to)
{
    uint8_t packet[STAMP_MAX_SIZE];
    size_t size = 0;
    ck_assert_int_eq(stamp_answer_encode(a, r->mac, packet, &size), OK);
    send_bytes(r->peer, packet, size, to);
    await(r);
}

START_TEST(test_bad_answers)
{
    struct rig r;
    struct sockaddr_in from;
    struct stamp_answer good = {.error_estimate = STAMP_ERROR_ESTIMATE, .request_ttl = 255};
    rig_up(&r);
    take_question(&r, &good.request, &from);
    uint8_t packet[STAMP_MAX_SIZE];
    size_t size = 0;
    ck_assert_int_eq(stamp_answer_encode(&good, r.mac, packet, &size), OK);

    send_bytes(r.peer, packet, size - 1, from);
    await(&r);
    ck_assert_uint_eq(links_stats(r.links).truncated, 1);

    packet[5] ^= 1; /* must be zero and is ignored, but signed */
    send_bytes(r.peer, packet, size, from);
    await(&r);
    ck_assert_uint_eq(links_stats(r.links).forged, 1);

    struct stamp_answer bad = good;
    bad.error_estimate = 0; /* rightly signed, but corrupt by RFC 4656 */
    answer(&r, &bad, from);
    ck_assert_uint_eq(links_stats(r.links).malformed, 1);

    bad = good;
    bad.request.timestamp++; /* not what we sent under that number */
    answer(&r, &bad, from);
    ck_assert_uint_eq(links_stats(r.links).forged, 2);

    bad = good;
    bad.request.seq += 1000; /* never sent */
    answer(&r, &bad, from);
    ck_assert_uint_eq(links_stats(r.links).foreign, 1);
    ck_assert_uint_eq(links_stats(r.links).answered, 0);

    answer(&r, &good, from);
    ck_assert_uint_eq(links_stats(r.links).answered, 1);
    answer(&r, &good, from);
    struct stamp_stats s = links_stats(r.links);
    ck_assert_uint_eq(s.replayed, 1);
    ck_assert_uint_eq(s.answered, 1);
    ck_assert_uint_eq(s.truncated + s.malformed + s.forged + s.foreign, 5); /* each once */
    rig_down(&r);
}
END_TEST

START_TEST(test_bad_requests)
{
    struct rig r;
    rig_up(&r);
    uint8_t packet[STAMP_MAX_SIZE];
    size_t size = 0;
    struct sockaddr_in to = at(21, PORT);
    struct stamp_request q = {.seq = 5, .timestamp = 9, .error_estimate = STAMP_ERROR_ESTIMATE};
    ck_assert_int_eq(stamp_request_encode(&q, r.mac, packet, &size), OK);
    send_bytes(r.peer, packet, size - 1, to);
    await(&r);
    ck_assert_uint_eq(links_stats(r.links).truncated, 1);
    packet[0] ^= 1;
    send_bytes(r.peer, packet, size, to);
    await(&r);
    ck_assert_uint_eq(links_stats(r.links).forged, 1);
    packet[0] ^= 1;
    send_bytes(r.peer, packet, size, to);
    await(&r);
    ck_assert_uint_eq(links_stats(r.links).reflected, 1);
    send_bytes(r.peer, packet, size, to);
    await(&r);
    ck_assert_uint_eq(links_stats(r.links).replayed, 1);
    q.error_estimate = 0;
    ck_assert_int_eq(stamp_request_encode(&q, r.mac, packet, &size), OK);
    send_bytes(r.peer, packet, size, to);
    await(&r);
    ck_assert_uint_eq(links_stats(r.links).malformed, 1);
    int stranger = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    struct sockaddr_in elsewhere = at(23, 0);
    ck_assert_int_eq(bind(stranger, (struct sockaddr *)&elsewhere, sizeof(elsewhere)), 0);
    send_bytes(stranger, packet, size, to);
    await(&r);
    close(stranger);
    struct stamp_stats s = links_stats(r.links);
    ck_assert_uint_eq(s.foreign, 1);
    ck_assert_uint_eq(s.requests, 1);
    ck_assert_uint_eq(s.reflected, 1);
    ck_assert_uint_eq(s.truncated + s.malformed + s.forged + s.replayed, 4);
    rig_down(&r);
}
END_TEST

/* ---- IPv6 ---- */

static struct stamp *end_open6(const char *interface, const char *local, const char *peer)
{
    struct stamp_config c = {.local = {.family = 6},
                             .peer = {.family = 6},
                             .port = PORT,
                             .secret = (const uint8_t *)"sixteen bytes...",
                             .secret_size = 16};
    snprintf(c.interface, sizeof(c.interface), "%s", interface);
    ck_assert_int_eq(inet_pton(AF_INET6, local, c.local.bytes), 1);
    ck_assert_int_eq(inet_pton(AF_INET6, peer, c.peer.bytes), 1);
    struct stamp *s = NULL;
    ck_assert_int_eq(stamp_new(&c, &s), OK);
    ck_assert_int_eq(stamp_open(s), OK);
    return s;
}

static void await_socket(int fd)
{
    struct pollfd p = {fd, POLLIN, 0};
    ck_assert_int_eq(poll(&p, 1, PATIENCE_MS), 1);
}

/* A thousand questions in a row would be a benchmark; three tell of every field. */
static void converse6(struct stamp *a, struct stamp *b)
{
    struct stamp_io *io = NULL;
    struct stamp_reply replies[STAMP_BATCH];
    ck_assert_int_eq(stamp_io_new(&io), OK);
    for (uint32_t i = 0; i < 3; i++) {
        uint64_t stamp = 0;
        struct mono sent;
        bool refused = false, more = false;
        ck_assert_int_eq(stamp_send(a, i, &stamp, &sent), OK);
        await_socket(stamp_reflector_fd(b));
        ck_assert_uint_eq(stamp_reflect(b, io, &more), 1);
        await_socket(stamp_sender_fd(a));
        ck_assert_uint_eq(stamp_receive(a, io, replies, &refused, &more), 1);
        ck_assert_uint_eq(replies[0].answer.request.seq, i);
        ck_assert_uint_eq(replies[0].answer.request.timestamp, stamp);
        ck_assert_uint_eq(replies[0].answer.seq, i);
        ck_assert_uint_eq(replies[0].answer.request_ttl, 255); /* the hop limit */
        ck_assert_int_ge(replies[0].kernel_round_us, 0);
        ck_assert_int_le(replies[0].kernel_round_us, replies[0].round_us);
    }
    stamp_io_free(io);
}

static void run(const char *command)
{
    ck_assert_msg(system(command) == 0, "failed: %s", command);
}

/* Two namespaces with a cable; they live as long as this process. Global and link-local addresses;
 * the latter need the interface as their scope. */
START_TEST(test_ipv6_links)
{
    if (unshare(CLONE_NEWNET) != 0) {
        printf("skipped part: IPv6 links need privileges for network namespaces\n");
        return;
    }
    int first = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
    ck_assert_int_eq(unshare(CLONE_NEWNET), 0);
    int second = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
    char command[128];
    snprintf(command, sizeof(command), "ip link add v1 type veth peer name v0 netns /proc/%d/fd/%d",
             getpid(), first);
    run(command);
    run("ip link set v1 addrgenmode none && ip link set v1 up && "
        "ip addr add fd00::2/64 dev v1 nodad && ip addr add fe80::2/64 dev v1 nodad");
    ck_assert_int_eq(setns(first, CLONE_NEWNET), 0);
    run("ip link set v0 addrgenmode none && ip link set v0 up && "
        "ip addr add fd00::1/64 dev v0 nodad && ip addr add fe80::1/64 dev v0 nodad");
    static const char *const pairs[][2] = {{"fd00::1", "fd00::2"}, {"fe80::1", "fe80::2"}};
    for (int i = 0; i < 2; i++) {
        ck_assert_int_eq(setns(first, CLONE_NEWNET), 0);
        struct stamp *a = end_open6("v0", pairs[i][0], pairs[i][1]);
        ck_assert_int_eq(setns(second, CLONE_NEWNET), 0);
        struct stamp *b = end_open6("v1", pairs[i][1], pairs[i][0]);
        converse6(a, b);
        converse6(b, a);
        ck_assert_uint_eq(stamp_stats(a)->foreign + stamp_stats(b)->foreign, 0);
        stamp_free(a);
        stamp_free(b);
    }
    close(first);
    close(second);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("probe-links");
    TCase *c = tcase_create("links");
    tcase_set_timeout(c, 60);
    tcase_add_test(c, test_bad_answers);
    tcase_add_test(c, test_bad_requests);
    tcase_add_test(c, test_ipv6_links);
    suite_add_tcase(suite, c);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
