/* test_dns.c: the DNS pusher against real Knot and real BIND. */
#include "fixture.h"
#include "nameserver.h"
#include "proxy.h"

#include <check.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct world world;
static struct nameserver server;
static uv_loop_t loop;
static struct waiter waiter;

static void set_up(enum software software)
{
    world_init(&world);
    nameserver_start(&server, software);
    ck_assert_int_eq(uv_loop_init(&loop), 0);
    waiter = (struct waiter){.loop = &loop};
}

static void tear_down(void)
{
    loop_end(&loop);
    nameserver_end(&server);
    world_done(&world);
}

static struct dns_pusher *pusher_to(const struct dns_target *target)
{
    struct dns_pusher *p = NULL;
    ck_assert_int_eq(dns_pusher_new(&loop, target, waiter_done, &waiter, &p), OK);
    return p;
}

static struct dns_pusher *pusher_at(uint16_t port)
{
    struct dns_target target = test_target(port);
    return pusher_to(&target);
}

/* Pushes the whole plan and returns the status. */
static int push(struct dns_pusher *p, const struct plan *plan, bool may_create)
{
    struct dns_job job = {.fleet = &world.fleet, .plan = plan, .may_create = may_create};
    unsigned before = waiter.count;
    int status = dns_push(p, &job);
    if (status != OK)
        return status;
    ck_assert_msg(waiter_wait(&waiter, before + 1), "no result");
    if (waiter.last.status != OK)
        fprintf(stderr, "%s: %s: %s\n", nameserver_name(server.software),
                error_text(waiter.last.status), waiter.last.detail);
    return waiter.last.status;
}

static int push_diff(struct dns_pusher *p, const struct plan *from, const struct plan *to)
{
    static struct change changes[1024];
    int n = plan_diff(from, to, changes, 1024);
    ck_assert_int_gt(n, 0);
    struct dns_job job = {&world.fleet, to, false, from->fence, changes, (uint32_t)n};
    unsigned before = waiter.count;
    int status = dns_push(p, &job);
    if (status != OK)
        return status;
    ck_assert_msg(waiter_wait(&waiter, before + 1), "no result");
    return waiter.last.status;
}

#define TEST_EACH(name)                                                                            \
    static void name##_body(void);                                                                 \
    START_TEST(name)                                                                               \
    {                                                                                              \
        if (!nameserver_available((enum software)_i))                                              \
            return;                                                                                \
        set_up((enum software)_i);                                                                 \
        name##_body();                                                                             \
        tear_down();                                                                               \
    }                                                                                              \
    END_TEST                                                                                       \
    static void name##_body(void)

TEST_EACH(creates_then_updates)
{
    struct plan one = world_plan(&world, 1, 0), two = world_plan(&world, 2, 1);
    struct plan three = world_plan(&world, 3, 2);
    struct dns_pusher *p = pusher_at(server.port);
    ck_assert_int_eq(push(p, &one, false), ERR_NOT_FOUND);
    ck_assert_int_eq(push(p, &one, true), OK);
    ck_assert_int_eq(push(p, &one, false), OK); /* equal with done: nothing to do */
    ck_assert_int_eq(push_diff(p, &one, &two), OK);
    ck_assert(fence_compare(&waiter.last.found, &two.fence) == FENCE_EQUAL);
    ck_assert_int_eq(push(p, &three, false), OK); /* whole onto an older one */
    ck_assert_int_eq(push(p, &two, false), ERR_STALE);
    ck_assert(fence_compare(&waiter.last.found, &three.fence) == FENCE_EQUAL);
    struct plan split = world_plan(&world, 3, 0);
    ck_assert_int_eq(push(p, &split, false), ERR_FOREIGN);
    dns_pusher_free(p);
}

static Suite *suite(void)
{
    Suite *s = suite_create("dns");
    TCase *t = tcase_create("servers");
    tcase_set_timeout(t, 60);
    tcase_add_loop_test(t, creates_then_updates, 0, SOFTWARE_COUNT);
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
