/* test_dns.c: the DNS pusher against real Knot and real BIND. */
#include "fixture.h"
#include "nameserver.h"
#include "proxy.h"

#include "actuate/dns_hold.h"

#include <check.h>
#include <openssl/evp.h>
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

/* Lets nsupdate change the zone behind the pushers' back. */
static void change_zone(const char *commands)
{
    char command[1024], secret[256], line[1024];
    struct dns_key key = test_key();
    EVP_EncodeBlock((unsigned char *)secret, key.secret, (int)key.size);
    snprintf(command, sizeof(command), "nsupdate -y hmac-sha256:%s:%s", key.name, secret);
    FILE *pipe = popen(command, "w");
    ck_assert_ptr_nonnull(pipe);
    snprintf(line, sizeof(line), "server 127.0.0.1 %u\nzone gslb.example.\n%s\nsend\n", server.port,
             commands);
    fputs(line, pipe);
    ck_assert_int_eq(pclose(pipe), 0);
}

TEST_EACH(stops_at_a_hold)
{
    struct plan one = world_plan(&world, 1, 0), two = world_plan(&world, 2, 1);
    struct dns_pusher *p = pusher_at(server.port);
    char text[FENCE_TEXT_SIZE], commands[1024];
    ck_assert_int_eq(push(p, &one, true), OK);
    fence_text_format(&one.fence, text);
    snprintf(commands, sizeof(commands),
             "update delete _fence.gslb.example. TXT\n"
             "update add _fence.gslb.example. 0 TXT \"%s\" \"hold=4 who=alice why=fibre work\"",
             text);
    change_zone(commands);
    ck_assert_int_eq(push(p, &two, true), ERR_HELD);
    ck_assert_uint_eq(waiter.last.hold.id, 4);
    ck_assert_str_eq(waiter.last.hold.who, "alice");
    ck_assert_int_eq(push_diff(p, &one, &two), ERR_HELD);
    snprintf(commands, sizeof(commands),
             "update delete _fence.gslb.example. TXT\nupdate add _fence.gslb.example. 0 TXT \"%s\"",
             text);
    change_zone(commands);
    ck_assert_int_eq(push(p, &two, true), OK);
    change_zone("update delete _fence.gslb.example. TXT\n"
                "update add _fence.gslb.example. 0 TXT \"v=1 era=x\"");
    ck_assert_int_eq(push(p, &two, true), ERR_CORRUPT);
    change_zone("update delete _fence.gslb.example. TXT\n"
                "update add _fence.gslb.example. 0 TXT \"v=2 anything\"");
    ck_assert_int_eq(push(p, &two, true), ERR_VERSION);
    dns_pusher_free(p);
}

TEST_EACH(puts_back_what_others_change)
{
    struct plan one = world_plan(&world, 1, 0);
    struct dns_pusher *p = pusher_at(server.port);
    ck_assert_int_eq(push(p, &one, true), OK);
    change_zone("update add north-telecom.web.gslb.example. 1 A 203.0.113.9");
    ck_assert_int_eq(push(p, &one, true), OK);
    change_zone("update delete east-unicom.web.gslb.example. A");
    ck_assert_int_eq(push(p, &one, true), OK);
    change_zone("update delete _done.gslb.example. TXT");
    ck_assert_int_eq(push(p, &one, true), OK);
    dns_pusher_free(p);
}

TEST_EACH(finds_keys_and_clocks_wrong)
{
    struct plan one = world_plan(&world, 1, 0);
    struct dns_target target = test_target(server.port);
    target.keys[0].secret[0] ^= 1;
    struct dns_pusher *p = pusher_to(&target);
    ck_assert_int_eq(push(p, &one, true), ERR_UNAUTHENTIC);
    dns_pusher_free(p);
    snprintf(target.keys[0].name, sizeof(target.keys[0].name), "unknown");
    p = pusher_to(&target);
    ck_assert_int_eq(push(p, &one, true), ERR_UNAUTHENTIC);
    dns_pusher_free(p);
    target.keys[1] = test_key(); /* a rotation: the server knows only the second one */
    target.key_count = 2;
    p = pusher_to(&target);
    ck_assert_int_eq(push(p, &one, true), OK);
    dns_pusher_free(p);
    p = pusher_at(server.port);
    nameserver_kill(&server, SIGKILL);
    ck_assert_int_eq(push(p, &one, true), ERR_UNAVAILABLE);
    nameserver_run(&server, TEST_SKEW);
    ck_assert_int_eq(push(p, &one, true), ERR_CLOCK);
    ck_assert_ptr_nonnull(strstr(waiter.last.detail, "3600 s ahead"));
    dns_pusher_free(p);
}

/* Pushes one plan after the other, each with its own answers, until the server knows the key, or no
 * longer does: each has to arrive. */
static uint64_t push_until(struct dns_pusher *p, const struct dns_key *key, bool known,
                           uint64_t generation)
{
    struct dns_target one = test_target(server.port);
    struct fence_state there;
    char detail[ACTUATE_DETAIL_SIZE];
    one.keys[0] = *key;
    for (uint64_t last = generation + 400; generation < last;) {
        generation++;
        struct plan plan = world_plan(&world, generation, (unsigned)generation);
        ck_assert_int_eq(push(p, &plan, false), OK);
        ck_assert(fence_compare(&waiter.last.found, &plan.fence) == FENCE_EQUAL);
        int status = dns_hold_read(&one, &there, detail);
        ck_assert_msg(status == OK || status == ERR_UNAUTHENTIC, "%s", detail);
        if ((status == OK) == known) {
            ck_assert_uint_eq(known ? there.fence.generation : generation, generation);
            return generation;
        }
    }
    ck_abort_msg("%s has not read its keys again", nameserver_name(server.software));
}

/* The hosts read their keys again while a push is out: what was not finished is pushed once more,
 * as the replica does that hears of it. */
static struct dns_pusher *read_keys_again(struct dns_pusher *p, const struct dns_target *target,
                                          uint64_t generation)
{
    struct plan plan = world_plan(&world, generation, (unsigned)generation);
    struct dns_job job = {.fleet = &world.fleet, .plan = &plan};
    ck_assert_int_eq(dns_push(p, &job), OK);
    for (int i = 0; i < 5; i++)
        uv_run(&loop, UV_RUN_NOWAIT);
    dns_pusher_free(p);
    p = pusher_to(target);
    ck_assert_int_eq(push(p, &plan, false), OK);
    return p;
}

/* docs/operations.md, "TSIG, without a gap". */
TEST_EACH(a_key_is_changed_without_a_gap)
{
    struct dns_key keys[2] = {test_key(), test_key()};
    const bool both[2] = {true, true};
    snprintf(keys[1].name, sizeof(keys[1].name), "tsig-spillway-b");
    keys[1].secret[5] ^= 0x55;
    struct dns_target target = test_target(server.port);
    struct dns_pusher *p = pusher_to(&target);
    struct plan one = world_plan(&world, 1, 0);
    ck_assert_int_eq(push(p, &one, true), OK);
    target.keys[1] = keys[1]; /* the hosts have the new one, the server does not */
    target.key_count = 2;
    p = read_keys_again(p, &target, 2);
    nameserver_keys(&server, keys, both, 2);
    uint64_t generation = push_until(p, &keys[1], true, 2);
    nameserver_keys(&server, &keys[1], both, 1);
    generation = push_until(p, &keys[0], false, generation);
    target.keys[0] = keys[1];
    target.key_count = 1;
    p = read_keys_again(p, &target, generation + 1); /* the old one is gone everywhere */
    generation = push_until(p, &keys[1], true, generation + 1);
    dns_pusher_free(p);
    target.keys[0] = keys[0]; /* and who has only that one is refused */
    p = pusher_to(&target);
    struct plan last = world_plan(&world, generation + 1, 0);
    ck_assert_int_eq(push(p, &last, false), ERR_UNAUTHENTIC);
    dns_pusher_free(p);
}

/* The server knows both keys, and lets only the second change the zone. */
TEST_EACH(a_key_that_is_refused_is_not_the_last_one)
{
    struct dns_key keys[2] = {test_key(), test_key()};
    const bool second[2] = {false, true};
    snprintf(keys[1].name, sizeof(keys[1].name), "tsig-spillway-b");
    struct plan one = world_plan(&world, 1, 0), two = world_plan(&world, 2, 1);
    struct dns_target target = test_target(server.port);
    target.keys[1] = keys[1];
    target.key_count = 2;
    struct dns_pusher *p = pusher_to(&target);
    ck_assert_int_eq(push(p, &one, true), OK);
    nameserver_kill(&server, SIGTERM);
    nameserver_keys(&server, keys, second, 2);
    nameserver_run(&server, NULL);
    ck_assert_int_eq(push(p, &two, false), OK);
    struct fence_state there;
    char detail[ACTUATE_DETAIL_SIZE];
    struct fence_hold hold = {.id = 7, .who = "ada", .why = "test"};
    ck_assert_int_eq(dns_hold_read(&target, &there, detail), OK);
    ck_assert_int_eq(dns_hold_write(&target, &there, &hold, NULL, detail), OK);
    dns_pusher_free(p);
    target.key_count = 1; /* BIND lets it read, and Knot does not know it then */
    hold.id = 0;
    int status = dns_hold_read(&target, &there, detail);
    if (status == OK)
        status = dns_hold_write(&target, &there, &hold, NULL, detail);
    ck_assert_int_eq(status, server.software == SOFTWARE_BIND ? ERR_REFUSED : ERR_UNAUTHENTIC);
}

/* What a lost or damaged reply to an UPDATE may cost: nothing but a look at the fence. */
TEST_EACH(survives_lost_replies)
{
    static const enum proxy_reply modes[] = {PROXY_CLOSE, PROXY_SILENCE,  PROXY_GARBAGE,
                                             PROXY_HALF,  PROXY_OTHER_ID, PROXY_TRUNCATED};
    struct proxy proxy;
    proxy_start(&proxy, &loop, server.port);
    struct dns_target target = test_target(server.port);
    target.timeout_us = 1500 * 1000;
    struct dns_pusher *p = pusher_to(&target);
    struct plan last = world_plan(&world, 1, 0);
    ck_assert_int_eq(push(p, &last, true), OK);
    dns_pusher_free(p);
    for (size_t i = 0; i < sizeof(modes) / sizeof(modes[0]); i++) {
        struct plan next = world_plan(&world, 2 + i, (unsigned)i + 1);
        target.port = proxy.port;
        p = pusher_to(&target);
        proxy.mode = modes[i];
        proxy.times = 1;
        proxy.updates = 0;
        /* Verifying asks by UDP, where the proxy is not: the push itself must have come through. */
        int status = push_diff(p, &last, &next);
        ck_assert_msg(status == ERR_TIMEOUT || status == ERR_UNAVAILABLE, "mode %zu: %s", i,
                      error_text(status));
        ck_assert(fence_compare(&waiter.last.found, &next.fence) == FENCE_EQUAL);
        ck_assert_uint_eq(proxy.updates, 1); /* read back, not sent again */
        dns_pusher_free(p);
        p = pusher_at(server.port);
        ck_assert_int_eq(push(p, &next, false), OK);
        dns_pusher_free(p);
        last = next;
    }
    proxy_stop(&proxy);
}

TEST_EACH(distrusts_a_reply_that_is_not_the_servers)
{
    struct proxy proxy;
    proxy_start(&proxy, &loop, server.port);
    struct plan one = world_plan(&world, 1, 0), two = world_plan(&world, 2, 1);
    struct dns_pusher *p = pusher_at(server.port);
    ck_assert_int_eq(push(p, &one, true), OK);
    dns_pusher_free(p);
    p = pusher_at(proxy.port);
    proxy.mode = PROXY_FLIPPED;
    proxy.all = true;
    proxy.times = 1;
    ck_assert_int_eq(push(p, &two, false), ERR_UNAUTHENTIC);
    ck_assert_uint_eq(proxy.updates, 0); /* nothing is pushed on an unproven fence */
    dns_pusher_free(p);
    proxy_stop(&proxy);
}

TEST_EACH(races_end_with_the_newest)
{
    struct plan plans[6];
    struct dns_pusher *pushers[5];
    struct dns_job job = {.fleet = &world.fleet, .may_create = true};
    for (unsigned i = 0; i < 6; i++)
        plans[i] = world_plan(&world, i + 1, i);
    struct dns_pusher *first = pusher_at(server.port);
    ck_assert_int_eq(push(first, &plans[0], true), OK);
    for (unsigned i = 0; i < 5; i++) {
        pushers[i] = pusher_at(server.port);
        job.plan = &plans[(i * 2) % 5 + 1]; /* 2 4 6 3 5: not in order */
        ck_assert_int_eq(dns_push(pushers[i], &job), OK);
    }
    ck_assert(waiter_wait(&waiter, 6));
    ck_assert_int_eq(push(first, &plans[5], false), OK);
    ck_assert_int_eq(push(first, &plans[4], false), ERR_STALE);
    for (unsigned i = 0; i < 5; i++)
        dns_pusher_free(pushers[i]);
    dns_pusher_free(first);
}

TEST_EACH(coalesces_and_survives_restarts)
{
    struct plan plans[5];
    struct dns_job job = {.fleet = &world.fleet, .may_create = true};
    struct dns_pusher *p = pusher_at(server.port);
    for (unsigned i = 0; i < 5; i++) {
        plans[i] = world_plan(&world, i + 1, i);
        job.plan = &plans[i];
        ck_assert_int_eq(dns_push(p, &job), OK);
    }
    job.plan = &plans[0];
    ck_assert_int_eq(dns_push(p, &job), ERR_STALE);
    ck_assert(waiter_wait(&waiter, 2)); /* the first, and the newest of those that waited */
    ck_assert_uint_eq(waiter.last.attempted.generation, 5);
    ck_assert_int_eq(waiter.last.status, OK);
    ck_assert(!dns_busy(p));
    nameserver_kill(&server, SIGKILL);
    nameserver_run(&server, NULL);
    ck_assert_int_eq(push(p, &plans[3], false), ERR_STALE); /* fence and answers were kept */
    ck_assert_int_eq(push(p, &plans[4], false), OK);
    nameserver_kill(&server, SIGSTOP);
    struct plan six = world_plan(&world, 6, 0);
    ck_assert_int_eq(push_diff(p, &plans[4], &six), ERR_TIMEOUT);
    nameserver_kill(&server, SIGCONT);
    ck_assert_int_eq(push(p, &six, false), OK);
    dns_pusher_free(p);
}

/* A plan of many messages: 2,000 names. */
TEST_EACH(pushes_in_chunks)
{
    enum { VIEWS = 250, SERVICES = 8 };
    struct fleet *f = &world.fleet;
    struct view *views = calloc(VIEWS, sizeof(*views));
    struct service *services = calloc(SERVICES, sizeof(*services));
    ck_assert(views != NULL && services != NULL);
    for (unsigned i = 0; i < VIEWS; i++) {
        views[i] = f->views[0];
        snprintf(views[i].name, sizeof(views[i].name), "view-%u", i);
    }
    for (unsigned i = 0; i < SERVICES; i++) {
        services[i] = f->services[0];
        snprintf(services[i].dns_name, sizeof(services[i].dns_name), "s%u.gslb.example.", i);
    }
    struct fleet big = *f;
    big.views = views;
    big.view_count = VIEWS;
    big.services = services;
    big.service_count = SERVICES;
    struct entrance entrances[SERVICES];
    for (unsigned i = 0; i < SERVICES; i++) {
        entrances[i] = f->entrances[0];
        entrances[i].service = (uint16_t)i;
    }
    big.entrances = entrances;
    big.entrance_count = SERVICES;
    struct plan plan;
    ck_assert_int_eq(plan_new(&big, &world.arena, &plan), OK);
    for (uint32_t i = 0; i < VIEWS * SERVICES; i++) {
        plan.answers[i].count = 4;
        for (uint8_t j = 0; j < 4; j++)
            plan.answers[i].slots[j] = (struct slot){(uint16_t)(i / VIEWS), j};
    }
    plan.fence = test_fence(1, 1, 0);
    struct dns_job job = {.fleet = &big, .plan = &plan, .may_create = true};
    struct proxy proxy;
    proxy_start(&proxy, &loop, server.port);
    struct dns_pusher *p = pusher_at(proxy.port);
    ck_assert_int_eq(dns_push(p, &job), OK);
    ck_assert(waiter_wait(&waiter, 1));
    ck_assert_uint_ge(proxy.updates, 5);
    dns_pusher_free(p);
    p = pusher_at(server.port);
    ck_assert_int_eq(dns_push(p, &job), OK);
    ck_assert(waiter_wait(&waiter, 2));
    ck_assert_int_eq(waiter.last.status, OK); /* all 4,000 questions answered as planned */
    /* A push that dies between its chunks leaves its fence without a done mark: the next one is
     * whole. */
    change_zone("update delete _done.gslb.example. TXT\nupdate delete view-3.s5.gslb.example. A");
    ck_assert_int_eq(dns_push(p, &job), OK);
    ck_assert(waiter_wait(&waiter, 3));
    ck_assert_int_eq(waiter.last.status, OK);
    dns_pusher_free(p);
    proxy_stop(&proxy);
    free(views);
    free(services);
}

TEST_EACH(refuses_to_empty_an_answer)
{
    struct plan one = world_plan(&world, 1, 0), two = world_plan(&world, 2, 1);
    struct dns_pusher *p = pusher_at(server.port);
    ck_assert_int_eq(push(p, &one, true), OK);
    plan_answer(&two, 0, 1)->count = 0;
    ck_assert_int_eq(push(p, &two, false), ERR_GUARD);
    ck_assert_int_eq(push_diff(p, &one, &two), ERR_GUARD);
    for (uint8_t i = 0; i < FLEET_MAX_SLOTS; i++)
        plan_answer(&two, 0, 1)->slots[i].entrance = FLEET_NONE;
    plan_answer(&two, 0, 1)->count = 4;
    ck_assert_int_eq(push(p, &two, false), ERR_GUARD);
    ck_assert_int_eq(push(p, &one, false), OK); /* nothing was sent */
    dns_pusher_free(p);
}

/* A server that takes an UPDATE for show: its replies are the real server's to another zone's
 * content. */
TEST_EACH(finds_a_lying_server)
{
    struct plan one = world_plan(&world, 1, 0), two = world_plan(&world, 2, 1);
    struct nameserver other;
    struct dns_pusher *p = pusher_at(server.port);
    ck_assert_int_eq(push(p, &one, true), OK);
    dns_pusher_free(p);
    /* TCP reaches one server, UDP on the same port another one, which has the fence and old
     * answers. */
    nameserver_start(&other, server.software);
    p = pusher_at(other.port);
    two.fence = one.fence;
    ck_assert_int_eq(push(p, &two, true), OK);
    dns_pusher_free(p);
    struct proxy proxy;
    nameserver_kill(&other, SIGKILL);
    nameserver_run(&other, NULL);
    proxy_start(&proxy, &loop, server.port);
    uv_udp_t relay;
    udp_relay_start(&relay, &loop, proxy.port, other.port);
    p = pusher_at(proxy.port);
    ck_assert_int_eq(push(p, &one, false), ERR_LYING);
    ck_assert_ptr_nonnull(strstr(waiter.last.detail, "gslb.example."));
    dns_pusher_free(p);
    uv_close((uv_handle_t *)&relay, NULL);
    proxy_stop(&proxy);
    nameserver_end(&other);
}

TEST_EACH(can_be_freed_at_any_moment)
{
    struct plan one = world_plan(&world, 1, 0), two = world_plan(&world, 2, 1);
    struct dns_job job = {.fleet = &world.fleet, .may_create = true};
    for (unsigned turns = 0; turns < 40; turns++) {
        struct dns_pusher *p = pusher_at(server.port);
        job.plan = turns % 2 == 0 ? &one : &two;
        ck_assert_int_eq(dns_push(p, &job), OK);
        for (unsigned i = 0; i < turns; i++)
            uv_run(&loop, UV_RUN_NOWAIT);
        dns_pusher_free(p);
        uv_run(&loop, UV_RUN_NOWAIT);
    }
}

static Suite *suite(void)
{
    Suite *s = suite_create("dns");
    TCase *t = tcase_create("servers");
    tcase_set_timeout(t, 100);
    tcase_add_loop_test(t, creates_then_updates, 0, SOFTWARE_COUNT);
    tcase_add_loop_test(t, stops_at_a_hold, 0, SOFTWARE_COUNT);
    tcase_add_loop_test(t, puts_back_what_others_change, 0, SOFTWARE_COUNT);
    tcase_add_loop_test(t, finds_keys_and_clocks_wrong, 0, SOFTWARE_COUNT);
    tcase_add_loop_test(t, a_key_is_changed_without_a_gap, 0, SOFTWARE_COUNT);
    tcase_add_loop_test(t, a_key_that_is_refused_is_not_the_last_one, 0, SOFTWARE_COUNT);
    tcase_add_loop_test(t, survives_lost_replies, 0, SOFTWARE_COUNT);
    tcase_add_loop_test(t, distrusts_a_reply_that_is_not_the_servers, 0, SOFTWARE_COUNT);
    tcase_add_loop_test(t, races_end_with_the_newest, 0, SOFTWARE_COUNT);
    tcase_add_loop_test(t, coalesces_and_survives_restarts, 0, SOFTWARE_COUNT);
    tcase_add_loop_test(t, pushes_in_chunks, 0, SOFTWARE_COUNT);
    tcase_add_loop_test(t, refuses_to_empty_an_answer, 0, SOFTWARE_COUNT);
    tcase_add_loop_test(t, finds_a_lying_server, 0, SOFTWARE_COUNT);
    tcase_add_loop_test(t, can_be_freed_at_any_moment, 0, SOFTWARE_COUNT);
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
