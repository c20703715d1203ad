/* test_probe_load.c: loads read from real pages: known, unknown, and never zero for want of a word.
 */
#include "checks/clocks.h"
#include "checks/load.h"

#include <arpa/inet.h>
#include <check.h>
#include <curl/curl.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { VIEWS = 2, ROOM = 256 * 1024 };

#define GOOD                                                                                       \
    "{\"requests_per_s\":12.5,\"errors_per_s\":0.5,\"saturation\":0.25,\"views\":{\"east\":7}}"

/* The page of each address: text, or "" to accept and say nothing. */
static char pages[2][ROOM];
static _Atomic uint32_t asked[2];
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

static void set_page(int i, const char *text)
{
    pthread_mutex_lock(&lock);
    snprintf(pages[i], ROOM, "%s", text);
    pthread_mutex_unlock(&lock);
}

struct server {
    int fd, page;
};

static void *serve(void *context)
{
    const struct server *s = context;
    static _Thread_local char answer[ROOM + 256];
    for (;;) {
        int fd = accept(s->fd, NULL, NULL);
        if (fd < 0)
            return NULL;
        char request[1024];
        if (recv(fd, request, sizeof(request), 0) > 0) {
            asked[s->page]++;
            pthread_mutex_lock(&lock);
            int n = pages[s->page][0] == '\0'
                        ? 0
                        : snprintf(answer, sizeof(answer),
                                   "HTTP/1.1 200 OK\r\nContent-Length: %zu\r\n"
                                   "Connection: close\r\n\r\n%s",
                                   strlen(pages[s->page]), pages[s->page]);
            pthread_mutex_unlock(&lock);
            if (n == 0)
                continue; /* left open: it hangs */
            (void)!send(fd, answer, (size_t)n, MSG_NOSIGNAL);
        }
        close(fd);
    }
}

/* 127.0.0.1 and 127.0.0.2 at one port. */
static uint16_t start_servers(void)
{
    static struct server servers[2];
    uint16_t port = 0;
    for (int i = 0; i < 2; i++) {
        struct sockaddr_in a = {.sin_family = AF_INET,
                                .sin_addr.s_addr = htonl(INADDR_LOOPBACK + (uint32_t)i),
                                .sin_port = htons(port)};
        socklen_t size = sizeof(a);
        servers[i] = (struct server){socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), i};
        ck_assert_int_eq(bind(servers[i].fd, (struct sockaddr *)&a, size), 0);
        ck_assert_int_eq(listen(servers[i].fd, 8), 0);
        ck_assert_int_eq(getsockname(servers[i].fd, (struct sockaddr *)&a, &size), 0);
        port = ntohs(a.sin_port);
        pthread_t thread;
        pthread_create(&thread, NULL, serve, &servers[i]);
        pthread_detach(thread);
    }
    return port;
}

/* One service that tells its load, behind one that does not and one that is not here; its addresses
 * lie in two entrances. */
static struct service services[3] = {
    {.name = "quiet"}, {.name = "away", .has_load = true}, {.name = "web", .has_load = true}};
static struct view views[VIEWS] = {{.name = "north"}, {.name = "east"}};
static struct address pools[3][1] = {
    {{4, {127, 0, 0, 1}}}, {{4, {127, 0, 0, 2}}}, {{4, {127, 0, 0, 3}}}};
static struct entrance entrances[5] = {
    {.service = 0, .idc = 0, .address_count = 1, .addresses = pools[2]},
    {.service = 1, .idc = 1, .address_count = 1, .addresses = pools[2]},
    {.service = 2, .idc = 1, .address_count = 1, .addresses = pools[2]},
    {.service = 2, .idc = 0, .address_count = 1, .addresses = pools[0]},
    {.service = 2, .idc = 0, .address_count = 1, .addresses = pools[1]},
};
static struct fleet fleet = {
    .idc_count = 2,
    .services = services,
    .service_count = 3,
    .views = views,
    .view_count = VIEWS,
    .entrances = entrances,
    .entrance_count = 5,
    .policy = {.check_timeout_us = 300 * US_PER_MS, .report_stale_us = 2500 * US_PER_MS},
};

static struct loads *loads;
static struct load_sample sample;
static struct load_rate rates[VIEWS];
static bool told_known;

static void on_changed(void *context, uint32_t i, bool known)
{
    (void)context;
    ck_assert_uint_eq(i, 0);
    ck_assert(known != told_known); /* told once */
    told_known = known;
}

static void turn(void)
{
    struct mono now = clock_mono(), due;
    ck_assert(loads_due(loads, &due));
    struct pollfd p = {loads_fd(loads), POLLIN, 0};
    int64_t left = mono_diff_us(due, now) / 1000;
    poll(&p, 1, left < 0 ? 0 : left > 10 ? 10 : (int)left);
    loads_events(loads);
    loads_turn(loads, clock_mono());
    loads_observe(loads, clock_mono(), &sample, rates);
}

static void wait_for(bool valid)
{
    for (int i = 0; i < 20000 && (sample.valid != valid || told_known != valid); i++)
        turn();
    ck_assert_int_eq(sample.valid, valid);
    ck_assert_int_eq(told_known, valid);
}

START_TEST(test_loads)
{
    services[2].load.port = start_servers();
    snprintf(services[2].load.path, sizeof(services[2].load.path), "/load");
    services[1].load = services[2].load;
    set_page(0, GOOD);
    ck_assert_int_eq(loads_new(&fleet, 0, on_changed, NULL, clock_mono(), &loads), OK);
    ck_assert_uint_eq(loads_count(loads), 1); /* neither the quiet one nor the one elsewhere */
    ck_assert_str_eq(loads_name(loads, 0), "web");
    loads_observe(loads, clock_mono(), &sample, rates);
    ck_assert(!sample.valid);

    wait_for(true);
    ck_assert_uint_eq(sample.requests_mrps, 12500);
    ck_assert_uint_eq(sample.errors_mrps, 500);
    ck_assert_uint_eq(sample.saturation_ppm, 250000);
    ck_assert(!rates[0].valid && rates[1].valid);
    ck_assert_uint_eq(rates[1].mrps, 7000);
    ck_assert_uint_eq(asked[1], 0); /* the first address goes on answering */

    /* A page that is none, at both: unknown once it is stale, and then it has no number. */
    set_page(0, "{\"requests_per_s\":0}");
    set_page(1, "");
    int64_t oldest = 0;
    while (sample.valid) {
        ck_assert_uint_eq(sample.requests_mrps, 12500);
        ck_assert_int_ge(sample.age_us, oldest);
        ck_assert_int_le(sample.age_us, fleet.policy.report_stale_us);
        oldest = sample.age_us;
        turn();
    }
    ck_assert_uint_eq(sample.requests_mrps, 0);
    ck_assert(!rates[1].valid);
    wait_for(false);
    while (asked[1] == 0)
        turn();

    /* It hangs at one address and answers at the other. */
    set_page(0, "");
    set_page(1, GOOD);
    wait_for(true);
    ck_assert_uint_gt(asked[1], 0);

    /* Too large, though it begins well: white space behind. */
    static char large[LOAD_PAGE_MAX + 2];
    memset(large, ' ', LOAD_PAGE_MAX + 1);
    memcpy(large, GOOD, strlen(GOOD));
    set_page(0, large);
    set_page(1, large);
    wait_for(false);
    large[LOAD_PAGE_MAX] = '\0';
    set_page(1, large);
    wait_for(true);
    loads_free(loads);
}
END_TEST

START_TEST(test_no_loads)
{
    struct mono due;
    fleet.service_count = 1;
    ck_assert_int_eq(loads_new(&fleet, 0, on_changed, NULL, clock_mono(), &loads), OK);
    ck_assert_uint_eq(loads_count(loads), 0);
    ck_assert(!loads_due(loads, &due));
    loads_turn(loads, clock_mono());
    loads_free(loads);
}
END_TEST

int main(void)
{
    curl_global_init(CURL_GLOBAL_DEFAULT);
    Suite *suite = suite_create("probe-load");
    TCase *c = tcase_create("load");
    tcase_set_timeout(c, 100);
    tcase_add_test(c, test_loads);
    tcase_add_test(c, test_no_loads);
    suite_add_tcase(suite, c);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    curl_global_cleanup();
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
