/* test_model.c: order of fences, incident transitions, plan differences and digests, fleet codec,
 * targets. */
#include "base/rng.h"
#include "model/plan.h"
#include "model/record.h"
#include "model/report.h"
#include "model/verdict.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

/* Two IDCs, one span, one uplink, one service with two features, one view, two entrances. */
static struct feature features[2] = {{.name = "login", .tier = 0, .cost_ppm = 200000},
                                     {.name = "feed", .tier = 2, .cost_ppm = 500000}};
static struct region regions[2] = {{"north"}, {"south"}};
static struct carrier carriers[1] = {{"telecom"}};
static struct idc idcs[2] = {{.name = "a", .region = 0, .partition = 0, .candidate = true},
                             {.name = "b", .region = 1, .partition = 7}};
static struct link links[2] = {
    {.name = "a-b", .end = {{.idc = 0}, {.idc = 1}}, .carrier = FLEET_NONE, .latency_us = 1000},
    {.name = "a-telecom", .end = {{.idc = 0}, {.idc = FLEET_NONE}}, .carrier = 0}};
static uint16_t prefer[2] = {0, 1};
static struct view views[1] = {{.name = "v", .slots = 2, .prefer_count = 2, .prefer = prefer}};
static struct service services[1] = {{.name = "web",
                                      .dns_name = "web.example.",
                                      .feature_count = 2,
                                      .check_count = 1,
                                      .features = features,
                                      .checks = {{.kind = CHECK_TCP, .port = 80}}}};
static struct address pool[2] = {{4, {192, 0, 2, 1}}, {4, {192, 0, 2, 2}}};
static struct entrance entrances[2] = {
    {.name = "e0", .idc = 0, .carriers = 1, .address_count = 2, .addresses = pool},
    {.name = "e1", .idc = 1, .carriers = 1, .address_count = 2, .addresses = pool}};
static struct reference references[1] = {{.name = "ref", .carriers = 1, .port = 53}};
static uint64_t capacity[2] = {10, 20}, demand[1] = {5};

static struct fleet tiny(void)
{
    return (struct fleet){.name = "tiny",
                          .zone = "example.",
                          .region_count = 2,
                          .carrier_count = 1,
                          .idc_count = 2,
                          .link_count = 2,
                          .view_count = 1,
                          .service_count = 1,
                          .entrance_count = 2,
                          .reference_count = 1,
                          .regions = regions,
                          .carriers = carriers,
                          .idcs = idcs,
                          .links = links,
                          .views = views,
                          .services = services,
                          .entrances = entrances,
                          .references = references,
                          .capacity_ups = capacity,
                          .demand_rps = demand};
}

START_TEST(fences_are_ordered_and_splits_refused)
{
    struct fence a = {.era = 1, .generation = 5}, b = a;
    ck_assert_int_eq(fence_compare(&a, &b), FENCE_EQUAL);
    b.generation = 6;
    ck_assert_int_eq(fence_compare(&a, &b), FENCE_OLDER);
    ck_assert_int_eq(fence_compare(&b, &a), FENCE_NEWER);
    a.era = 2; /* the era outweighs the generation */
    ck_assert_int_eq(fence_compare(&a, &b), FENCE_NEWER);
    b = a;
    b.digest.bytes[31] = 1;
    ck_assert_int_eq(fence_compare(&a, &b), FENCE_SPLIT);
    b = a;
    b.log_id.bytes[0] = 1;
    ck_assert_int_eq(fence_compare(&a, &b), FENCE_SPLIT);
}
END_TEST

START_TEST(incidents_only_go_forward)
{
    ck_assert(incident_may_go(INCIDENT_NONE, INCIDENT_SUSPECTED));
    ck_assert(incident_may_go(INCIDENT_CONFIRMED, INCIDENT_MITIGATED));
    ck_assert(incident_may_go(INCIDENT_RECOVERING, INCIDENT_CONFIRMED)); /* it failed again */
    ck_assert(!incident_may_go(INCIDENT_MITIGATED, INCIDENT_CLOSED));    /* law 7: via recovering */
    ck_assert(!incident_may_go(INCIDENT_CONFIRMED, INCIDENT_SUSPECTED));
    for (int to = INCIDENT_NONE; to <= INCIDENT_CLOSED; to++) {
        ck_assert(!incident_may_go(INCIDENT_CLOSED, (enum incident_state)to));
    }
    ck_assert(!incident_may_go((enum incident_state)99, INCIDENT_CLOSED));
}
END_TEST

static struct plan new_plan(const struct fleet *f, struct arena *a)
{
    struct plan p;
    ck_assert_int_eq(plan_new(f, a, &p), OK);
    return p;
}

START_TEST(plan_size_is_exact_enough)
{
    struct fleet f = tiny();
    size_t size = plan_arena_size(&f);
    void *mem = aligned_alloc(16, (size + 15) / 16 * 16);
    struct arena a;
    arena_init(&a, mem, size);
    struct plan p = new_plan(&f, &a);
    ck_assert_uint_eq(*plan_tier_limit(&p, 0, 0), 2); /* every tier is served at first */
    free(mem);
}
END_TEST

static void scramble(struct plan *p, struct rng *rng)
{
    struct answer *an = plan_answer(p, 0, 0);
    an->count = (uint8_t)rng_below(rng, 3);
    for (uint8_t i = 0; i < an->count; i++) {
        an->slots[i] = (struct slot){(uint16_t)rng_below(rng, 2), i};
    }
    struct hops *h = plan_hops(p, 0, 1);
    h->count = (uint8_t)rng_below(rng, 3);
    for (uint8_t i = 0; i < h->count; i++) {
        h->links[i] = (uint16_t)rng_below(rng, 2);
    }
    *plan_released(p, 0, 1) = (uint32_t)rng_below(rng, 3);
    *plan_tier_limit(p, 1, 0) = (uint8_t)rng_below(rng, 3);
    *plan_announced(p, 0, 1) = (uint8_t)rng_below(rng, 2);
}

START_TEST(diff_applied_gives_the_other_plan_and_inverted_the_first)
{
    struct fleet f = tiny();
    _Alignas(16) static uint8_t room[8192];
    struct arena a;
    arena_init(&a, room, sizeof room);
    struct plan from = new_plan(&f, &a), to = new_plan(&f, &a), work = new_plan(&f, &a);
    struct rng rng = rng_init(42);
    struct change changes[8];
    for (int i = 0; i < 2000; i++) {
        scramble(&from, &rng);
        scramble(&to, &rng);
        plan_copy(&work, &from);
        int n = plan_diff(&from, &to, changes, 8);
        ck_assert_int_ge(n, 0);
        struct digest before = plan_digest(&from), after = plan_digest(&to), now;
        ck_assert_int_eq(n == 0, digest_compare(&before, &after) == 0);
        ck_assert_int_eq(plan_apply(&work, changes, (uint32_t)n), OK);
        now = plan_digest(&work);
        ck_assert_int_eq(digest_compare(&now, &after), 0);
        if (n > 0) { /* applied twice, it does not meet its old side */
            ck_assert_int_eq(plan_apply(&work, changes, (uint32_t)n), ERR_INVARIANT);
            plan_copy(&work, &to);
            ck_assert_int_eq(plan_diff(&from, &to, changes, (uint32_t)n - 1), ERR_FULL);
            n = plan_diff(&from, &to, changes, 8);
        }
        changes_invert(changes, (uint32_t)n);
        ck_assert_int_eq(plan_apply(&work, changes, (uint32_t)n), OK);
        now = plan_digest(&work);
        ck_assert_int_eq(digest_compare(&now, &before), 0);
    }
}
END_TEST

START_TEST(change_codec_round_trip)
{
    struct change in = {.kind = CHANGE_TIER, .a = 1, .b = 0, .tier = {3, 1}}, out;
    uint8_t room[256];
    struct codec w = codec_writer(room, sizeof room);
    change_codec(&w, &in);
    struct codec r = codec_reader(room, w.pos, NULL);
    change_codec(&r, &out);
    ck_assert_int_eq(codec_finish(&r), OK);
    ck_assert_mem_eq(&in, &out, sizeof in);
    in = (struct change){.kind = CHANGE_ANNOUNCE, .a = 63, .b = 319, .announced = {1, 0}};
    w = codec_writer(room, sizeof room);
    change_codec(&w, &in);
    r = codec_reader(room, w.pos, NULL);
    change_codec(&r, &out);
    ck_assert_int_eq(codec_finish(&r), OK);
    ck_assert_mem_eq(&in, &out, sizeof in);
    room[0] = 99; /* no such kind */
    r = codec_reader(room, w.pos, NULL);
    change_codec(&r, &out);
    ck_assert_int_eq(codec_finish(&r), ERR_INVALID);
}
END_TEST

START_TEST(fleet_round_trip_is_byte_for_byte)
{
    struct fleet f = tiny(), back;
    size_t size = fleet_encoded_size(&f);
    uint8_t *bytes = malloc(size), *again = malloc(size);
    struct codec w = codec_writer(bytes, size);
    fleet_codec(&w, &f);
    ck_assert_int_eq(codec_finish(&w), OK);
    _Alignas(16) static uint8_t room[65536];
    struct arena a;
    arena_init(&a, room, sizeof room);
    struct codec r = codec_reader(bytes, size, &a);
    memset(&back, 0, sizeof back);
    fleet_codec(&r, &back);
    ck_assert_int_eq(codec_finish(&r), OK);
    w = codec_writer(again, size);
    fleet_codec(&w, &back);
    ck_assert_mem_eq(bytes, again, size);
    ck_assert_str_eq(back.idcs[1].name, "b");
    ck_assert_uint_eq(fleet_capacity_ups(&back, 0, 1), 20);
    free(bytes);
    free(again);
}
END_TEST

START_TEST(fleet_reader_survives_every_flipped_byte)
{
    struct fleet f = tiny(), back;
    size_t size = fleet_encoded_size(&f);
    uint8_t *bytes = malloc(size);
    struct codec w = codec_writer(bytes, size);
    fleet_codec(&w, &f);
    _Alignas(16) static uint8_t room[65536];
    size_t refused = 0;
    for (size_t i = 0; i < size; i++) {
        struct arena a;
        arena_init(&a, room, sizeof room);
        bytes[i] ^= 0xff;
        struct codec r = codec_reader(bytes, size, &a);
        memset(&back, 0, sizeof back);
        fleet_codec(&r, &back);
        refused += codec_finish(&r) != OK;
        bytes[i] ^= 0xff;
    }
    ck_assert_uint_gt(refused, 0); /* counts, indices and enumerations are checked */
    free(bytes);
}
END_TEST

START_TEST(costs_follow_the_tier_limit)
{
    ck_assert_uint_eq(service_cost_ppm(&services[0], 0), 200000);
    ck_assert_uint_eq(service_cost_ppm(&services[0], 1), 200000);
    ck_assert_uint_eq(service_cost_ppm(&services[0], 2), 700000);
    ck_assert_uint_eq(service_top_tier(&services[0]), 2);
}
END_TEST

START_TEST(both_sides_derive_the_same_targets)
{
    struct fleet f = tiny();
    struct target t[8];
    ck_assert_int_eq(targets_for_idc(&f, 0, t, 8), 5); /* 2 links, 2 entrances, 1 reference */
    ck_assert_int_eq(t[0].kind, TARGET_LINK);
    ck_assert_int_eq(t[2].kind, TARGET_ENTRANCE);
    ck_assert_int_eq(t[4].kind, TARGET_REFERENCE);
    ck_assert_int_eq(targets_for_idc(&f, 1, t, 8), 4); /* 1 link end */
    ck_assert_uint_eq(t[0].b, 1);
    ck_assert_int_eq(targets_for_idc(&f, 0, t, 4), ERR_FULL);
}
END_TEST

START_TEST(another_idcs_entrance_is_checked_over_each_carrier_in_common)
{
    struct fleet f = tiny();
    struct link two[3] = {links[0], links[1], links[1]};
    two[1].carrier = 0;
    two[2].carrier = 2;
    f.links = two;
    f.link_count = 3;
    struct entrance both[2] = {entrances[0], entrances[1]};
    f.entrances = both;
    both[1].carriers = 0x7;
    uint16_t here = two[1].end[0].idc;
    both[1].idc = (uint16_t)(1 - here);
    both[0].idc = here;
    struct target t[16];
    ck_assert_int_eq(targets_for_idc(&f, here, t, 16), 3 + 1 + 2 + 1);
    ck_assert_uint_eq(t[3].carrier, FLEET_NONE); /* the own one, from inside */
    ck_assert_uint_eq(t[4].carrier, 0);
    ck_assert_uint_eq(t[5].carrier, 2);
    ck_assert_uint_eq(t[4].a, 1);
    ck_assert_uint_eq(t[5].a, 1);
    ck_assert_int_eq(targets_for_idc(&f, (uint16_t)(1 - here), t, 16), 1 + 2 + 1);
    ck_assert_uint_eq(t[1].carrier, FLEET_NONE); /* no uplink there: by its own routes */
}
END_TEST

int main(void)
{
    Suite *s = suite_create("model");
    TCase *tc = tcase_create("model");
    suite_add_tcase(s, tc);
    tcase_add_test(tc, fences_are_ordered_and_splits_refused);
    tcase_add_test(tc, incidents_only_go_forward);
    tcase_add_test(tc, plan_size_is_exact_enough);
    tcase_add_test(tc, diff_applied_gives_the_other_plan_and_inverted_the_first);
    tcase_add_test(tc, change_codec_round_trip);
    tcase_add_test(tc, fleet_round_trip_is_byte_for_byte);
    tcase_add_test(tc, fleet_reader_survives_every_flipped_byte);
    tcase_add_test(tc, costs_follow_the_tier_limit);
    tcase_add_test(tc, both_sides_derive_the_same_targets);
    tcase_add_test(tc, another_idcs_entrance_is_checked_over_each_carrier_in_common);
    SRunner *r = srunner_create(s);
    srunner_run_all(r, CK_NORMAL);
    int failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
