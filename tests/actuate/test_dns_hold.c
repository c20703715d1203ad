/* test_dns_hold.c: a person's hold and answer at real Knot and real BIND, and what pushers make of
 * them. */
#include "fixture.h"
#include "nameserver.h"
#include "proxy.h"

#include "actuate/dns_hold.h"

#include <check.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct world world;
static struct nameserver server;
static uv_loop_t loop;
static struct waiter waiter;
static struct dns_target target;
static struct dns_pusher *pusher;
static char detail[ACTUATE_DETAIL_SIZE];

static const struct fence_hold none, alice = {4711, "alice@ops1", "the resolvers lie"};

static void set_up(enum software software)
{
    world_init(&world);
    nameserver_start(&server, software);
    ck_assert_int_eq(uv_loop_init(&loop), 0);
    waiter = (struct waiter){.loop = &loop};
    target = test_target(server.port);
    ck_assert_int_eq(dns_pusher_new(&loop, &target, waiter_done, &waiter, &pusher), OK);
}

static void tear_down(void)
{
    dns_pusher_free(pusher);
    loop_end(&loop);
    nameserver_end(&server);
    world_done(&world);
}

static int push(const struct plan *plan, const struct plan *from)
{
    static struct change changes[1024];
    struct dns_job job = {.fleet = &world.fleet, .plan = plan, .may_create = true};
    unsigned before = waiter.count;
    if (from != NULL) {
        job.predecessor = from->fence;
        job.changes = changes;
        job.change_count = (uint32_t)plan_diff(from, plan, changes, 1024);
    }
    ck_assert_int_eq(dns_push(pusher, &job), OK);
    ck_assert_msg(waiter_wait(&waiter, before + 1), "no result");
    return waiter.last.status;
}

static struct fence_state there(void)
{
    struct fence_state found = {0};
    ck_assert_int_eq(dns_hold_read(&target, &found, detail), OK);
    return found;
}

static int place(const struct fence_hold *hold)
{
    struct fence_state now = there();
    return dns_hold_write(&target, &now, hold, NULL, detail);
}

/* The addresses of a name, in order, as the server tells them. */
static void served(const char *name, char *ret_text, size_t size)
{
    char command[256];
    snprintf(command, sizeof(command), "dig @127.0.0.1 -p %u +short %s A | sort | tr '\\n' ' '",
             server.port, name);
    FILE *f = popen(command, "r");
    ck_assert_ptr_nonnull(f);
    size_t n = fread(ret_text, 1, size - 1, f);
    ret_text[n] = '\0';
    pclose(f);
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

TEST_EACH(holds_and_releases)
{
    struct plan one = world_plan(&world, 1, 0), two = world_plan(&world, 2, 1);
    ck_assert_uint_eq(there().fence.era, 0);
    ck_assert_int_eq(place(&alice), ERR_NOT_FOUND);
    ck_assert_int_eq(push(&one, NULL), OK);
    struct fence_state before = there();
    ck_assert_int_eq(place(&alice), OK);
    struct fence_state held = there();
    ck_assert_uint_eq(held.hold.id, 4711);
    ck_assert_str_eq(held.hold.why, "the resolvers lie");
    ck_assert(fence_compare(&held.fence, &one.fence) == FENCE_EQUAL);
    ck_assert_int_eq(push(&two, NULL), ERR_HELD);
    ck_assert_str_eq(waiter.last.hold.who, "alice@ops1");
    ck_assert_int_eq(push(&two, &one), ERR_HELD);
    /* What was read before is no longer there: a second person is not overwritten. */
    ck_assert_int_eq(dns_hold_write(&target, &before, &none, NULL, detail), ERR_BUSY);
    ck_assert_uint_eq(there().hold.id, 4711);
    ck_assert_int_eq(place(&none), OK);
    ck_assert_uint_eq(there().hold.id, 0);
    ck_assert_int_eq(push(&two, &one), OK); /* the done mark had been left: a diff suffices */
}

/* One answer by hand, under a hold; after its release the plan comes back whole. */
TEST_EACH(sets_an_answer_under_a_hold)
{
    struct plan one = world_plan(&world, 1, 0), two = world_plan(&world, 2, 0);
    struct dns_answer answer;
    char before[256], by_hand[256], after[256];
    static const char name[] = "north-telecom.web.gslb.example";
    uint16_t entrances[] = {2}, empty = 0;
    ck_assert_int_eq(push(&one, NULL), OK);
    served(name, before, sizeof(before));
    ck_assert_int_eq(dns_hold_answer(&world.fleet, 0, 0, &empty, 0, &answer), ERR_GUARD);
    ck_assert_int_eq(dns_hold_answer(&world.fleet, 0, 0, entrances, 1, &answer), OK);
    struct fence_state now = there();
    ck_assert_int_eq(dns_hold_write(&target, &now, &alice, &answer, detail), OK);
    served(name, by_hand, sizeof(by_hand));
    ck_assert_str_ne(by_hand, before);
    ck_assert_uint_eq(there().hold.id, 4711);
    ck_assert_int_eq(push(&two, &one), ERR_HELD);
    served(name, after, sizeof(after));
    ck_assert_str_eq(after, by_hand);
    /* Law 5, also for a person: whatever the answer says of itself. */
    struct dns_answer nothing = {.name = answer.name, .may_be_empty = true};
    now = there();
    ck_assert_int_eq(dns_hold_write(&target, &now, &alice, &nothing, detail), ERR_GUARD);
    ck_assert_int_eq(place(&none), OK);
    /* The next plan differs in nothing: only the done mark, which is gone, tells that a diff will
     * not do. */
    ck_assert_int_eq(push(&two, &one), OK);
    served(name, after, sizeof(after));
    ck_assert_str_eq(after, before);
}

struct call {
    struct dns_target target;
    struct fence_state there;
    int status;
    bool over;
};

static void *write_in_thread(void *user)
{
    struct call *c = user;
    char room[ACTUATE_DETAIL_SIZE];
    c->status = dns_hold_write(&c->target, &c->there, &alice, NULL, room);
    __atomic_store_n(&c->over, true, __ATOMIC_RELEASE);
    return NULL;
}

/* A reply that does not come, or is none, costs a reading: the person is told what is true. */
TEST_EACH(survives_lost_replies)
{
    static const enum proxy_reply modes[] = {PROXY_CLOSE, PROXY_SILENCE, PROXY_GARBAGE, PROXY_HALF};
    struct plan one = world_plan(&world, 1, 0);
    struct proxy proxy;
    ck_assert_int_eq(push(&one, NULL), OK);
    proxy_start(&proxy, &loop, server.port);
    for (size_t i = 0; i < sizeof(modes) / sizeof(modes[0]); i++) {
        pthread_t thread;
        proxy.mode = modes[i];
        proxy.times = 1;
        proxy.updates = 0;
        struct call call = {.target = target, .there = there()};
        call.target.port = proxy.port;
        call.target.timeout_us = 1500 * 1000;
        ck_assert_int_eq(pthread_create(&thread, NULL, write_in_thread, &call), 0);
        while (!__atomic_load_n(&call.over, __ATOMIC_ACQUIRE))
            loop_run_ms(&loop, 20);
        pthread_join(thread, NULL);
        ck_assert_msg(call.status == OK, "mode %zu: %s", i, error_text(call.status));
        ck_assert_uint_eq(proxy.updates, 1);
        ck_assert_uint_eq(there().hold.id, 4711);
        ck_assert_int_eq(place(&none), OK);
    }
    proxy_stop(&proxy);
    loop_run_ms(&loop, 20); /* it is on this stack */
}

/* During a rotation the server may know the second key alone; without any it is refused. */
TEST_EACH(knows_either_key)
{
    struct plan one = world_plan(&world, 1, 0);
    ck_assert_int_eq(push(&one, NULL), OK);
    target.keys[1] = target.keys[0];
    snprintf(target.keys[0].name, sizeof(target.keys[0].name), "not-known");
    target.key_count = 2;
    ck_assert_int_eq(place(&alice), OK);
    target.key_count = 1;
    struct fence_state found;
    ck_assert_int_eq(dns_hold_read(&target, &found, detail), ERR_UNAUTHENTIC);
    ck_assert_ptr_nonnull(strstr(detail, "BADKEY"));
    nameserver_kill(&server, SIGKILL);
    ck_assert_int_eq(dns_hold_read(&target, &found, detail), ERR_UNAVAILABLE);
}

static Suite *suite(void)
{
    Suite *s = suite_create("dns-hold");
    TCase *t = tcase_create("servers");
    tcase_set_timeout(t, 100);
    tcase_add_loop_test(t, holds_and_releases, 0, SOFTWARE_COUNT);
    tcase_add_loop_test(t, sets_an_answer_under_a_hold, 0, SOFTWARE_COUNT);
    tcase_add_loop_test(t, survives_lost_replies, 0, SOFTWARE_COUNT);
    tcase_add_loop_test(t, knows_either_key, 0, SOFTWARE_COUNT);
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
