/* test_probe_checks.c: sockets of the probe on the loopback: STAMP ends, checks, netlink, disk. */
#include "checks/clocks.h"
#include "checks/dns.h"
#include "checks/http.h"
#include "checks/link.h"
#include "checks/stamp.h"
#include "checks/tcp.h"
#include "store.h"

#include <ares.h>
#include <arpa/inet.h>
#include <check.h>
#include <curl/curl.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const struct address here = {4, {127, 0, 0, 1}};

/* ---- STAMP over sockets ---- */

static struct stamp *end_open(uint8_t local, uint8_t peer, uint16_t port, const char *secret)
{
    struct stamp_config config = {.interface = "lo",
                                  .local = {4, {127, 0, 0, local}},
                                  .peer = {4, {127, 0, 0, peer}},
                                  .port = port,
                                  .secret = (const uint8_t *)secret,
                                  .secret_size = secret != NULL ? strlen(secret) : 0};
    struct stamp *s = NULL;
    ck_assert_int_eq(stamp_new(&config, &s), OK);
    ck_assert_int_eq(stamp_open(s), OK);
    return s;
}

static uint32_t exchange(struct stamp *from, struct stamp *to, struct stamp_io *io, uint32_t seq,
                         struct stamp_reply *replies)
{
    uint64_t stamp = 0;
    struct mono sent;
    bool refused, more;
    ck_assert_int_eq(stamp_send(from, seq, &stamp, &sent), OK);
    (void)stamp_reflect(to, io, &more);
    return stamp_receive(from, io, replies, &refused, &more);
}

START_TEST(test_stamp_sockets)
{
    struct stamp_io *io = NULL;
    struct stamp_reply replies[STAMP_BATCH];
    ck_assert_int_eq(stamp_io_new(&io), OK);
    const char *secrets[] = {NULL, "sixteen bytes..."};
    for (int mode = 0; mode < 2; mode++) {
        struct stamp *a = end_open(11, 12, 18863, secrets[mode]);
        struct stamp *b = end_open(12, 11, 18863, secrets[mode]);
        for (uint32_t i = 0; i < 3; i++) {
            ck_assert_uint_eq(exchange(a, b, io, i, replies), 1);
            ck_assert_uint_eq(replies[0].answer.request.seq, i);
            ck_assert_uint_eq(replies[0].answer.seq, i);
            ck_assert_uint_eq(replies[0].answer.request_ttl, 255);
            /* The kernel sends after the packet's own timestamp was read. */
            ck_assert_int_ge(replies[0].kernel_round_us, 0);
            ck_assert_int_le(replies[0].kernel_round_us, replies[0].round_us);
        }
        ck_assert_uint_eq(stamp_stats(a)->unstamped, 0);
        /* The same number again is a replay: not answered. But a newer timestamp would be a
         * restart, so the packet itself must come again: see test_probe_core for that. */
        stamp_free(a);
        stamp_free(b);
    }
    stamp_io_free(io);
}
END_TEST

START_TEST(test_stamp_bad_packets)
{
    struct stamp_io *io = NULL;
    struct stamp_reply replies[STAMP_BATCH];
    bool refused, more;
    ck_assert_int_eq(stamp_io_new(&io), OK);
    struct stamp *a = end_open(11, 12, 18864, "another key of a");
    struct stamp *b = end_open(12, 11, 18864, "sixteen bytes...");
    ck_assert_uint_eq(exchange(a, b, io, 0, replies), 0);
    ck_assert_uint_eq(stamp_stats(b)->forged, 1);

    /* By hand: too short, from the wrong host, and a good one twice. */
    int fd = socket(AF_INET, SOCK_DGRAM, 0);
    struct sockaddr_in from = {.sin_family = AF_INET, .sin_addr.s_addr = inet_addr("127.0.0.11")};
    struct sockaddr_in to = {.sin_family = AF_INET,
                             .sin_port = htons(18864),
                             .sin_addr.s_addr = inet_addr("127.0.0.12")};
    ck_assert_int_eq(bind(fd, (struct sockaddr *)&from, sizeof(from)), 0);
    struct stamp_mac *mac = NULL;
    ck_assert_int_eq(stamp_mac_new((const uint8_t *)"sixteen bytes...", 16, &mac), OK);
    uint8_t packet[STAMP_MAX_SIZE];
    size_t size = 0;
    struct stamp_request r = {.seq = 0, .timestamp = 1, .error_estimate = 1};
    ck_assert_int_eq(stamp_request_encode(&r, mac, packet, &size), OK);
    for (size_t n = size - 50; n <= size; n += 50)
        ck_assert_int_eq(sendto(fd, packet, n, 0, (struct sockaddr *)&to, sizeof(to)), (ssize_t)n);
    ck_assert_int_eq(sendto(fd, packet, size, 0, (struct sockaddr *)&to, sizeof(to)),
                     (ssize_t)size);
    int stranger = socket(AF_INET, SOCK_DGRAM, 0);
    ck_assert_int_eq(sendto(stranger, packet, size, 0, (struct sockaddr *)&to, sizeof(to)),
                     (ssize_t)size);
    ck_assert_uint_eq(stamp_reflect(b, io, &more), 1);
    const struct stamp_stats *stats = stamp_stats(b);
    ck_assert_uint_eq(stats->truncated, 1);
    ck_assert_uint_eq(stats->replayed, 1);
    ck_assert_uint_eq(stats->foreign, 1);
    ck_assert_uint_eq(stats->reflected, 1);

    /* Nobody at the other end: the kernel says so. */
    stamp_free(b);
    uint64_t stamp;
    struct mono sent;
    ck_assert_int_eq(stamp_send(a, 1, &stamp, &sent), OK);
    (void)stamp_receive(a, io, replies, &refused, &more);
    ck_assert(refused);
    stamp_free(a);
    stamp_mac_free(mac);
    close(fd);
    close(stranger);
    stamp_io_free(io);
}
END_TEST

/* The kernel counts what the socket sends. A number that was skipped, a packet that it refused, and
 * a new socket must not give a packet the time of another. */
START_TEST(test_stamp_send_times)
{
    struct stamp_io *io = NULL;
    struct stamp_reply replies[STAMP_BATCH];
    bool refused, more;
    uint64_t stamp = 0;
    struct mono sent;
    ck_assert_int_eq(stamp_io_new(&io), OK);
    struct stamp *a = end_open(11, 12, 18865, NULL);
    ck_assert_int_eq(stamp_send(a, 0, &stamp, &sent), OK); /* nobody there: refused */
    ck_assert_int_eq(stamp_send(a, 1, &stamp, &sent), OK); /* told of it, sent twice, refused */
    (void)stamp_receive(a, io, replies, &refused, &more);
    struct stamp *b = end_open(12, 11, 18865, NULL);
    static const uint32_t numbers[] = {2, 3, 7, 8, UINT32_MAX, 0};
    for (uint32_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
        if (i == 3)
            ck_assert_int_eq(stamp_open(a), OK);
        ck_assert_uint_eq(exchange(a, b, io, numbers[i], replies), 1);
        ck_assert_uint_eq(replies[0].answer.request.seq, numbers[i]);
        ck_assert_int_ge(replies[0].kernel_round_us, 0);
        ck_assert_int_le(replies[0].kernel_round_us, replies[0].round_us);
    }
    ck_assert_uint_eq(stamp_stats(a)->unstamped, 0);

    /* Many at once: each has its own time. */
    for (uint32_t i = 1; i <= 20; i++)
        ck_assert_int_eq(stamp_send(a, i, &stamp, &sent), OK);
    ck_assert_uint_eq(stamp_reflect(b, io, &more), 20);
    ck_assert_uint_eq(stamp_receive(a, io, replies, &refused, &more), 20);
    for (uint32_t i = 0; i < 20; i++) {
        ck_assert_int_ge(replies[i].kernel_round_us, 0);
        ck_assert_int_le(replies[i].kernel_round_us, replies[i].round_us);
    }

    /* Nothing is left that would wake the loop. */
    struct pollfd quiet = {stamp_sender_fd(a), POLLIN, 0};
    ck_assert_int_eq(poll(&quiet, 1, 0), 0);

    /* As with a driver that does not stamp: counted, and the answer counts as ever. */
    int none = 0;
    ck_assert_int_eq(
        setsockopt(stamp_sender_fd(a), SOL_SOCKET, SO_TIMESTAMPING, &none, sizeof(none)), 0);
    ck_assert_uint_eq(exchange(a, b, io, 21, replies), 1);
    ck_assert_int_eq(replies[0].kernel_round_us, -1);
    ck_assert_int_ge(replies[0].round_us, 0);
    ck_assert_uint_eq(stamp_stats(a)->unstamped, 1);
    stamp_free(a);
    stamp_free(b);
    stamp_io_free(io);
}
END_TEST

/* ---- checks ---- */

struct outcome {
    uint32_t ended;
    bool good[8];
    bool told[8];
};

static void on_ended(void *context, uint32_t slot, bool good)
{
    struct outcome *o = context;
    o->ended++;
    ck_assert(!o->told[slot]); /* once */
    o->told[slot] = true;
    o->good[slot] = good;
}

static int listen_on(uint16_t *ret_port, int type)
{
    int fd = socket(AF_INET, type, 0);
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof(a);
    ck_assert_int_eq(bind(fd, (struct sockaddr *)&a, size), 0);
    ck_assert_int_eq(getsockname(fd, (struct sockaddr *)&a, &size), 0);
    if (type == SOCK_STREAM)
        ck_assert_int_eq(listen(fd, 8), 0);
    *ret_port = ntohs(a.sin_port);
    return fd;
}

static uint16_t closed_port(void)
{
    uint16_t port = 0;
    close(listen_on(&port, SOCK_STREAM));
    return port;
}

START_TEST(test_tcp)
{
    struct outcome o = {0};
    struct tcp_checks *t = NULL;
    uint16_t port = 0;
    int server = listen_on(&port, SOCK_STREAM), fd = -1;
    ck_assert_int_eq(tcp_checks_new(on_ended, &o, &t), OK);
    struct check_request r = {
        .kind = CHECK_TCP, .address = here, .port = port, .path = "", .host = ""};
    ck_assert_int_eq(tcp_check_begin(t, &r, 0, &fd), OK);
    r.port = closed_port();
    ck_assert_int_eq(tcp_check_begin(t, &r, 1, &fd), OK);
    while (o.ended < 2)
        tcp_checks_events(t);
    ck_assert(o.good[0]);
    ck_assert(!o.good[1]);
    /* A server whose queue is full answers nothing; a cancelled check is not told. */
    r = (struct check_request){
        .address = {4, {127, 0, 0, 1}}, .port = port, .path = "", .host = ""};
    ck_assert_int_eq(tcp_check_begin(t, &r, 2, &fd), OK);
    tcp_check_cancel(t, fd);
    tcp_checks_events(t);
    ck_assert_uint_eq(o.ended, 2);
    close(server);
    tcp_checks_free(t);
}
END_TEST

/* Answers by the path: /200, /503, /301, /huge, /close (connection closed after each). */
static void *http_server(void *context)
{
    int fd = accept((int)(intptr_t)context, NULL, NULL);
    for (; fd >= 0; fd = accept((int)(intptr_t)context, NULL, NULL)) {
        char request[2048];
        ssize_t n;
        while ((n = recv(fd, request, sizeof(request) - 1, 0)) > 0) {
            request[n] = '\0';
            char answer[256];
            int status = atoi(request + strlen("GET /"));
            bool huge = strncmp(request, "GET /huge", 9) == 0;
            bool named = strstr(request, "Host: web.example:") != NULL;
            int size = snprintf(answer, sizeof(answer),
                                "HTTP/1.1 %d X\r\nLocation: /200\r\nContent-Length: %d\r\n\r\n",
                                !named ? 400
                                : huge ? 200
                                       : status,
                                huge ? HTTP_BODY_MAX + 1 : 0);
            (void)!send(fd, answer, (size_t)size, MSG_NOSIGNAL);
            static char body[4096];
            for (int i = 0; huge && i <= HTTP_BODY_MAX / (int)sizeof(body); i++)
                if (send(fd, body, sizeof(body), MSG_NOSIGNAL) < 0)
                    break;
            if (status == 204) /* an impolite server: closes without saying */
                break;
        }
        close(fd);
    }
    return NULL;
}

static void http_wait(struct http_checks *h, const struct outcome *o, uint32_t ended)
{
    for (int i = 0; i < 5000 && o->ended < ended; i++) {
        struct pollfd p = {http_checks_fd(h), POLLIN, 0};
        poll(&p, 1, 1);
        http_checks_events(h, clock_mono());
    }
    ck_assert_uint_eq(o->ended, ended);
}

START_TEST(test_http)
{
    struct outcome o = {0};
    struct http_checks *h = NULL;
    struct http_check *check = NULL;
    uint16_t port = 0;
    int server = listen_on(&port, SOCK_STREAM);
    pthread_t threads[4];
    for (int i = 0; i < 4; i++)
        pthread_create(&threads[i], NULL, http_server, (void *)(intptr_t)server);
    ck_assert_int_eq(http_checks_new(8, on_ended, &o, &h), OK);
    const struct {
        const char *path;
        uint16_t expect;
        bool good;
    } cases[] = {{"/200", 0, true},   {"/503", 0, false}, {"/301", 0, false}, {"/301", 301, true},
                 {"/huge", 0, false}, {"/204", 0, true},  {"/204", 0, true}};
    uint32_t n = 0;
    for (; n < sizeof(cases) / sizeof(cases[0]); n++) {
        const struct check_request r = {.kind = CHECK_HTTP,
                                        .address = here,
                                        .port = port,
                                        .path = cases[n].path,
                                        .host = "web.example.",
                                        .expect_status = cases[n].expect};
        ck_assert_int_eq(http_check_begin(h, &r, n, &check), OK);
        http_wait(h, &o, n + 1);
        ck_assert_msg(o.good[n] == cases[n].good, "case %u", n);
    }
    const struct check_request r = {
        .kind = CHECK_HTTP, .address = here, .port = closed_port(), .path = "/", .host = ""};
    ck_assert_int_eq(http_check_begin(h, &r, 7, &check), OK);
    http_wait(h, &o, 8);
    ck_assert(!o.good[7]);
    ck_assert_int_eq(http_check_begin(h, &r, 6, &check), OK);
    http_check_cancel(h, check);
    http_checks_events(h, clock_mono());
    ck_assert_uint_eq(o.ended, 8);
    http_checks_free(h);
    shutdown(server, SHUT_RDWR);
    for (int i = 0; i < 4; i++)
        pthread_join(threads[i], NULL);
    close(server);
}
END_TEST

/* A name server that answers with the next of these codes, without records. */
static void *dns_server(void *context)
{
    int fd = (int)(intptr_t)context;
    static const uint8_t codes[] = {0 /* NOERROR */, 2 /* SERVFAIL */, 3 /* NXDOMAIN */};
    for (int i = 0; i < 3; i++) {
        uint8_t packet[512];
        struct sockaddr_in from;
        socklen_t size = sizeof(from);
        ssize_t n = recvfrom(fd, packet, sizeof(packet), 0, (struct sockaddr *)&from, &size);
        if (n < 12)
            break;
        packet[2] |= 0x80;
        packet[3] = codes[i];
        (void)!sendto(fd, packet, (size_t)n, 0, (struct sockaddr *)&from, size);
    }
    return NULL;
}

static void dns_wait(struct dns_checks *d, const struct outcome *o, uint32_t ended)
{
    for (int i = 0; i < 5000 && o->ended < ended; i++) {
        struct pollfd p = {dns_checks_fd(d), POLLIN, 0};
        poll(&p, 1, 1);
        dns_checks_events(d);
    }
    ck_assert_uint_eq(o->ended, ended);
}

START_TEST(test_dns)
{
    struct outcome o = {0};
    struct dns_checks *d = NULL;
    struct dns_check *check = NULL;
    uint16_t port = 0;
    int server = listen_on(&port, SOCK_DGRAM);
    pthread_t thread;
    pthread_create(&thread, NULL, dns_server, (void *)(intptr_t)server);
    ck_assert_int_eq(dns_checks_new(US_PER_SEC, on_ended, &o, &d), OK);
    const struct check_request r = {
        .kind = CHECK_DNS, .address = here, .port = port, .path = "www.example.", .host = ""};
    for (uint32_t i = 0; i < 3; i++) {
        ck_assert_int_eq(dns_check_begin(d, &r, i, &check), OK);
        dns_wait(d, &o, i + 1);
        ck_assert_msg(o.good[i] == (i == 0), "answer %u", i);
    }
    pthread_join(thread, NULL);
    ck_assert_int_eq(dns_check_begin(d, &r, 3, &check), OK); /* silence now; freed while it runs */
    dns_check_cancel(check);
    ck_assert_int_eq(dns_check_begin(d, &r, 4, &check), OK);
    dns_checks_sweep(d);
    dns_checks_free(d);
    ck_assert_uint_eq(o.ended, 3);
    close(server);
}
END_TEST

/* ---- netlink ---- */

static uint32_t changes;
static bool last_up;
static void on_link(void *context, uint32_t interface, const struct link_state *state)
{
    (void)context;
    ck_assert_uint_eq(interface, 0);
    changes++;
    last_up = state->oper_up;
}

START_TEST(test_netlink_overrun)
{
    if (unshare(CLONE_NEWNET) != 0) {
        printf("skipped part: netlink needs privileges for a network namespace\n");
        return;
    }
    static const char names[1][FLEET_IFNAME_SIZE] = {"v0"};
    struct link_monitor *m = NULL;
    ck_assert_int_eq(system("ip link add v0 type veth peer name v1 && ip link set v0 up"), 0);
    ck_assert_int_eq(link_monitor_new(names, 1, 0, on_link, NULL, &m), OK);
    ck_assert(!link_monitor_state(m, 0)->oper_up);
    ck_assert_int_eq(system("ip link set v1 up"), 0);
    ck_assert_int_eq(link_monitor_events(m), OK);
    ck_assert(last_up && link_monitor_state(m, 0)->oper_up);
    ck_assert_uint_eq(link_monitor_resyncs(m), 0); /* by the event, not by reading all again */
    link_monitor_free(m);
    ck_assert_int_eq(link_monitor_new(names, 1, 4096, on_link, NULL, &m), OK);

    /* More events than the small socket holds, and the one that matters is lost among them. */
    ck_assert_int_eq(system("for i in $(seq 60); do ip link set v0 mtu $((1400 + i)); done; "
                            "ip link set v1 down"),
                     0);
    ck_assert_int_eq(link_monitor_events(m), OK);
    ck_assert_uint_ge(link_monitor_resyncs(m), 1);
    ck_assert(!last_up && !link_monitor_state(m, 0)->oper_up);

    int index = link_monitor_state(m, 0)->index;
    ck_assert_int_eq(system("ip link set v1 up; ip link del v0"), 0);
    ck_assert_int_eq(link_monitor_events(m), OK);
    ck_assert_int_eq(link_monitor_state(m, 0)->index, 0);
    ck_assert_int_eq(system("ip link add v0 type veth peer name v1 && ip link set v0 up && "
                            "ip link set v1 up"),
                     0);
    ck_assert_int_eq(link_monitor_events(m), OK);
    ck_assert_int_ne(link_monitor_state(m, 0)->index, index);
    ck_assert(link_monitor_state(m, 0)->oper_up);
    ck_assert_int_eq(link_monitor_counters(m), OK);
    link_monitor_free(m);
}
END_TEST

/* ---- disk ---- */

START_TEST(test_store)
{
    char dir[] = "/tmp/sw-store-XXXXXX", path[64], command[64];
    ck_assert_ptr_nonnull(mkdtemp(dir));
    uint64_t first = 0, second = 0;
    ck_assert_int_eq(store_next_incarnation(dir, &first), OK);
    ck_assert_int_eq(store_next_incarnation(dir, &second), OK);
    ck_assert_uint_gt(second, first); /* within the same second too */
    snprintf(path, sizeof(path), "%s/incarnation", dir);
    FILE *file = fopen(path, "w");
    fputs("99999999999\n", file); /* the wall clock was ahead once */
    fclose(file);
    ck_assert_int_eq(store_next_incarnation(dir, &second), OK);
    ck_assert_uint_eq(second, UINT64_C(100000000000));
    file = fopen(path, "w");
    fputs("12x\n", file);
    fclose(file);
    ck_assert_int_eq(store_next_incarnation(dir, &second), ERR_CORRUPT);

    uint8_t *frame = NULL;
    size_t size = 0;
    ck_assert_int_eq(store_fleet_read(dir, &frame, &size), ERR_NOT_FOUND);
    ck_assert_int_eq(store_fleet_write(dir, (const uint8_t *)"a fleet", 7), OK);
    ck_assert_int_eq(store_fleet_read(dir, &frame, &size), OK);
    ck_assert_uint_eq(size, 7);
    ck_assert_mem_eq(frame, "a fleet", 7);
    free(frame);
    snprintf(path, sizeof(path), "%s/fleet", dir);
    ck_assert_int_eq(truncate(path, 36), 0);
    ck_assert_int_eq(store_fleet_read(dir, &frame, &size), ERR_CORRUPT);
    snprintf(command, sizeof(command), "rm -r %s", dir);
    ck_assert_int_eq(system(command), 0);
}
END_TEST

int main(void)
{
    curl_global_init(CURL_GLOBAL_DEFAULT);
    ares_library_init(ARES_LIB_INIT_ALL);
    Suite *suite = suite_create("probe-checks");
    TCase *c = tcase_create("checks");
    tcase_set_timeout(c, 60);
    tcase_add_test(c, test_stamp_sockets);
    tcase_add_test(c, test_stamp_bad_packets);
    tcase_add_test(c, test_stamp_send_times);
    tcase_add_test(c, test_tcp);
    tcase_add_test(c, test_http);
    tcase_add_test(c, test_dns);
    tcase_add_test(c, test_netlink_overrun);
    tcase_add_test(c, test_store);
    suite_add_tcase(suite, c);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    ares_library_cleanup();
    curl_global_cleanup();
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
