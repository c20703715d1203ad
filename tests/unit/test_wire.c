/* test_wire.c: records, reports and local frames as bytes: goldens, round trips, damage. */
#include "wire/local.h"
#include "wire/record.h"
#include "wire/report.h"
#include "wire_samples.h"

#include "base/sha256.h"
#include "config/fleet_config.h"
#include "config/settings.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { ROUNDS = 300 };

/* SHA-256 of the encoding of sample_record(seed = kind). A change of these is a change of the
 * format: only by adding fields, never by editing what is there (record.proto). */
static const char *const golden_records[] = {
    [RECORD_GENESIS] = "d67e0df07e7b51a0cf70259e0492536041c485b56da6d4b3431ff7bd9503eb25",
    [RECORD_CLAIM] = "562035d2a05e2c3647d84b50dc0f33fa3d0dfa89d12effa2c630f5875d1239c4",
    [RECORD_HEARTBEAT] = "308e99dbca5ddced54e66c80db4000b7f57449269c21ae98b4c487f8001325a9",
    [RECORD_DECIDE] = "b9ca1adb0621add94b9dfc78baa2b2c19f183e50fcf48644f787ce0dfc75c03e",
    [RECORD_OPERATOR] = "e7d70c19dd2197cc5d54aa528097e09ffdd07d2c8a2d8f2c365f5f8ab37226f1",
    [RECORD_STEP] = "3a20e1640b56a69bd49cbf17f2e39ac3c722d7c83d98891aa63db2c1d158fd9e",
    [RECORD_SNAPSHOT] = "f63719dfbc2da42be468cdf2265c61260c700a3101d22457ee017fa7769878dc",
    [RECORD_RULES] = "9720698d6d3d6b1b2e653e7f4ebb1e1d5e18c936cdf7682e47c5841be769185f",
};
static const char golden_claim[] = "08021210a0a1a2a3a4a5a6a7a8a9aaabacadaeaf18022108070605040302012"
                                   "8073004380140e0c65b8a010408031052";
static const char golden_report[] =
    "010d70726f62652d6265696a696e67acf461a1b1912d8ad4e3a428dd068f3ff3736e5fb60a3b6cfc2df876a327a0b4"
    "0801110900000000000000180320c0c4072a20feed0000000000000000000000000000000000000000000000000000"
    "0000000030c801380282010201038a0106c0843df0930992010400c0843da20103d83600b201020001ba01020100c2"
    "0103ac0200";

static const uint8_t secret[32] = {1, 2, 3};
static const uint8_t other_secret[32] = {4, 5, 6};
static const struct report_key key = {"probe-beijing", secret, sizeof(secret)};
static const struct report_key next_key = {"probe-beijing-2", other_secret, sizeof(other_secret)};

static uint8_t *sample_memory, *decode_memory, *wire, *wire_again;
static struct arena samples;

static void setup(void)
{
    sample_memory = aligned_alloc(16, SAMPLE_ARENA);
    decode_memory = aligned_alloc(16, record_arena_size(RECORD_MAX_BYTES));
    wire = malloc(RECORD_MAX_BYTES);
    wire_again = malloc(RECORD_MAX_BYTES);
    ck_assert(sample_memory != NULL && decode_memory != NULL);
    ck_assert(wire != NULL && wire_again != NULL);
    arena_init(&samples, sample_memory, SAMPLE_ARENA);
}

static void teardown(void)
{
    free(sample_memory);
    free(decode_memory);
    free(wire);
    free(wire_again);
}

static struct arena decode_arena(size_t encoded)
{
    struct arena a;
    arena_init(&a, decode_memory, record_arena_size(encoded));
    return a;
}

static void hex(const uint8_t *at, size_t size, char *to)
{
    for (size_t i = 0; i < size; i++) {
        snprintf(to + 2 * i, 3, "%02x", at[i]);
    }
}

static size_t encode(const struct record *r)
{
    size_t size = 0;
    ck_assert_int_eq(record_encode(r, wire, RECORD_MAX_BYTES, &size), OK);
    return size;
}

static const enum record_kind kinds[] = {RECORD_GENESIS,  RECORD_CLAIM,    RECORD_HEARTBEAT,
                                         RECORD_DECIDE,   RECORD_OPERATOR, RECORD_STEP,
                                         RECORD_SNAPSHOT, RECORD_RULES};
enum { KINDS = sizeof(kinds) / sizeof(kinds[0]) };

START_TEST(test_record_goldens)
{
    for (unsigned k = 0; k < KINDS; k++) {
        enum record_kind kind = kinds[k];
        struct rng rng = rng_init(kind);
        struct record r = sample_record(&rng, kind, &samples);
        struct digest d = sha256_of(wire, encode(&r));
        char text[2 * DIGEST_SIZE + 1];
        hex(d.bytes, sizeof(d.bytes), text);
        ck_assert_str_eq(text, golden_records[kind]);
    }
}
END_TEST

START_TEST(test_claim_golden)
{
    struct record r = {.kind = RECORD_CLAIM,
                       .log_id = {{0xa0, 0xa1, 0xa2, 0xa3, 0xa4, 0xa5, 0xa6, 0xa7, 0xa8, 0xa9, 0xaa,
                                   0xab, 0xac, 0xad, 0xae, 0xaf}},
                       .writer = {2, 0x0102030405060708, 7},
                       .epoch = 4,
                       .base = -1,
                       .log_time = {1500000},
                       .claim = {.ends_epoch = 3, .names = 41}};
    size_t size = encode(&r);
    char text[512];
    ck_assert_uint_lt(size, sizeof(text) / 2);
    hex(wire, size, text);
    ck_assert_str_eq(text, golden_claim);
}
END_TEST

/* What was decoded encodes to the same bytes, and every field arrives: samples set all of them. */
START_TEST(test_record_round_trips)
{
    for (unsigned i = 0; i < ROUNDS; i++) {
        struct rng rng = rng_init(1000 + i);
        arena_init(&samples, sample_memory, SAMPLE_ARENA);
        struct record r = sample_record(&rng, kinds[i % KINDS], &samples);
        size_t size = encode(&r);
        struct arena a = decode_arena(size);
        struct record back;
        ck_assert_int_eq(record_decode(wire, size, &a, &back), OK);
        size_t again = 0;
        ck_assert_int_eq(record_encode(&back, wire_again, RECORD_MAX_BYTES, &again), OK);
        ck_assert_uint_eq(again, size);
        ck_assert_mem_eq(wire, wire_again, size);
        ck_assert_mem_eq(&back.writer.incarnation, &r.writer.incarnation, 16);
        ck_assert_int_eq(back.base, r.base);
    }
}
END_TEST

START_TEST(test_decide_fields)
{
    struct rng rng = rng_init(77);
    struct record r = sample_record(&rng, RECORD_DECIDE, &samples);
    size_t size = encode(&r);
    struct arena a = decode_arena(size);
    struct record back;
    ck_assert_int_eq(record_decode(wire, size, &a, &back), OK);
    ck_assert_uint_eq(back.decide.evidence_count, r.decide.evidence_count);
    for (uint32_t i = 0; i < r.decide.evidence_count; i++) {
        ck_assert_int_eq(back.decide.evidence[i].partition, r.decide.evidence[i].partition);
        ck_assert_int_eq(back.decide.evidence[i].offset, r.decide.evidence[i].offset);
        ck_assert_int_eq(back.decide.evidence[i].age_us, r.decide.evidence[i].age_us);
    }
    ck_assert_uint_eq(back.decide.verdict_count, r.decide.verdict_count);
    for (uint32_t i = 0; i < r.decide.verdict_count; i++) {
        const struct verdict *x = &back.decide.verdicts[i];
        const struct verdict *y = &r.decide.verdicts[i];
        ck_assert(subject_equal(&x->subject, &y->subject) && x->health == y->health);
        ck_assert(x->rule == y->rule && x->held_us == y->held_us);
        ck_assert_mem_eq(x->for_observers, y->for_observers, sizeof(x->for_observers));
    }
    for (uint32_t i = 0; i < r.decide.guard_count; i++) {
        ck_assert_int_eq(back.decide.guards[i].guard, r.decide.guards[i].guard);
        ck_assert_int_eq(back.decide.guards[i].passed, r.decide.guards[i].passed);
    }
    ck_assert_mem_eq(back.decide.plan_digest.bytes, r.decide.plan_digest.bytes, DIGEST_SIZE);
}
END_TEST

/* Decodes damaged bytes; what is still accepted must be encodable. */
static int decode_damaged(const uint8_t *data, size_t size)
{
    struct arena a = decode_arena(size);
    struct record r;
    int status = record_decode(data, size, &a, &r);
    if (status == OK) {
        size_t again;
        ck_assert_int_eq(record_encode(&r, wire_again, RECORD_MAX_BYTES, &again), OK);
    }
    ck_assert_int_ne(status, ERR_FULL); /* record_arena_size() is always enough */
    return status;
}

START_TEST(test_record_damage)
{
    struct rng rng = rng_init(5);
    for (unsigned kind = RECORD_GENESIS; kind <= RECORD_RULES;
         kind += kind == RECORD_OPERATOR ? 2 : 1) {
        arena_init(&samples, sample_memory, SAMPLE_ARENA);
        struct record r = sample_record(&rng, (enum record_kind)kind, &samples);
        size_t size = encode(&r);
        for (size_t cut = 0; cut < size; cut++) {
            uint8_t *exact = malloc(cut > 0 ? cut : 1); /* reading behind the end is seen */
            ck_assert_ptr_nonnull(exact);
            memcpy(exact, wire, cut);
            ck_assert_int_ne(decode_damaged(exact, cut), OK);
            free(exact);
        }
        for (unsigned i = 0; i < 2000; i++) {
            size_t at = rng_below(&rng, size);
            uint8_t old = wire[at];
            wire[at] ^= (uint8_t)(1U << rng_below(&rng, 8));
            decode_damaged(wire, size);
            wire[at] = old;
        }
    }
}
END_TEST

START_TEST(test_record_versions)
{
    struct arena a = decode_arena(64);
    struct record r;
    static const uint8_t kind_10[] = {0x08, 10};
    ck_assert_int_eq(record_decode(kind_10, sizeof(kind_10), &a, &r), ERR_VERSION);
    static const uint8_t kind_0[] = {0x10, 0};
    ck_assert_int_eq(record_decode(kind_0, sizeof(kind_0), &a, &r), ERR_INVALID);
    /* An unknown field is tolerated. */
    struct rng rng = rng_init(3);
    struct record rules = sample_record(&rng, RECORD_RULES, &samples);
    size_t size = encode(&rules);
    static const uint8_t field_99[] = {0x98, 0x06, 42};
    memcpy(wire + size, field_99, sizeof(field_99));
    a = decode_arena(size + sizeof(field_99));
    ck_assert_int_eq(record_decode(wire, size + sizeof(field_99), &a, &r), OK);
    ck_assert_uint_eq(r.rules.version, rules.rules.version);
    /* A flood of them is not: memory is bounded by the size of the input. */
    for (size_t i = 0; i < 1000000; i++) {
        memcpy(wire + size + i * 3, field_99, sizeof(field_99));
    }
    a = decode_arena(size + 3000000);
    ck_assert_int_eq(record_decode(wire, size + 3000000, &a, &r), ERR_INVALID);
}
END_TEST

static int encode_operator(const char *reason)
{
    struct record r = {.kind = RECORD_OPERATOR,
                       .operator= {.command = OPERATOR_APPROVE, .argument = 1} };
    memset(r.operator.reason, 'x', RECORD_TEXT_SIZE);
    if (strlen(reason) < RECORD_TEXT_SIZE) {
        strcpy(r.operator.reason, reason);
    }
    size_t size;
    return record_encode(&r, wire, RECORD_MAX_BYTES, &size);
}

START_TEST(test_texts)
{
    ck_assert_int_eq(encode_operator("fibre repaired \xe6\xb0\xb4"), OK);
    static const char *const bad[] = {"a\nb",     "\x1b[2J",      "\xff",
                                      "\xc0\xaf", "\xed\xa0\x80", "\xe6\xb0",
                                      "\xc2\x9b", "\x7f",         "\xf4\x90\x80\x80"};
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        ck_assert_msg(encode_operator(bad[i]) == ERR_INVALID, "text %zu was taken", i);
    }
    char unterminated[RECORD_TEXT_SIZE + 1];
    memset(unterminated, 'x', sizeof(unterminated) - 1);
    unterminated[RECORD_TEXT_SIZE] = '\0';
    ck_assert_int_eq(encode_operator(unterminated), ERR_INVALID);
}
END_TEST

START_TEST(test_counts_are_bounded)
{
    struct rng rng = rng_init(9);
    struct record r = sample_record(&rng, RECORD_DECIDE, &samples);
    size_t size;
    r.decide.guard_count = RECORD_MAX_GUARDS + 1;
    ck_assert_int_eq(record_encode(&r, wire, RECORD_MAX_BYTES, &size), ERR_TOO_LARGE);
    r = sample_record(&rng, RECORD_SNAPSHOT, &samples);
    ck_assert_int_eq(record_encode(&r, wire, 10, &size), ERR_FULL);
    /* A count that promises more changes than its bytes can hold: kind DECIDE, change_count 16384.
     */
    static const uint8_t promise[] = {0x08, 4,    0x9a, 0x01, 7,    0x08,
                                      1,    0xd0, 0x02, 0x80, 0x80, 0x01};
    struct arena a = decode_arena(sizeof(promise));
    ck_assert_int_eq(record_decode(promise, sizeof(promise), &a, &r), ERR_INVALID);
}
END_TEST

/* The example fleet, from its file. */
static void load_fleet(struct arena *a, struct fleet *f)
{
    struct config_errors errs = {0};
    char *text = NULL;
    size_t len = 0;
    ck_assert_int_eq(
        config_file_read(FLEETS "/three-idc.yaml", CONFIG_FLEET_MAX_BYTES, &text, &len, &errs), OK);
    ck_assert_int_eq(config_fleet_parse(text, len, a, f, &errs), OK);
    free(text);
    config_errors_done(&errs);
}

START_TEST(test_size_bound)
{
    struct fleet f;
    struct arena fleet_arena;
    uint8_t *memory = aligned_alloc(16, CONFIG_FLEET_ARENA_SIZE);
    ck_assert_ptr_nonnull(memory);
    arena_init(&fleet_arena, memory, CONFIG_FLEET_ARENA_SIZE);
    load_fleet(&fleet_arena, &f);
    struct record r = sample_largest_decide(&f, &samples);
    size_t size = encode(&r);
    ck_assert_uint_le(size, record_size_bound(&f));
    struct arena a = decode_arena(size);
    struct record back;
    ck_assert_int_eq(record_decode(wire, size, &a, &back), OK);
    /* A GENESIS carries fleet, plan and control state; the last holds fleet and plan again. */
    ck_assert_uint_gt(record_size_bound(&f), 2 * fleet_encoded_size(&f));
    ck_assert_uint_lt(record_size_bound(&f), RECORD_MAX_BYTES);
    printf("wire: %zu bytes bound any record of three-idc.yaml, largest DECIDE %zu\n",
           record_size_bound(&f), size);
    free(memory);
}
END_TEST

static size_t encode_report(const struct report *r, const struct report_key *k)
{
    size_t size = 0;
    ck_assert_int_eq(
        report_encode(r, k, wire, report_size_bound(r->count, r->load_count, r->view_count), &size),
        OK);
    return size;
}

static int open_report(size_t size, const struct report_key *keys, uint32_t count,
                       struct report *ret_r)
{
    struct arena a;
    arena_init(&a, decode_memory, report_arena_size(REPORT_MAX_TARGETS));
    return report_open(wire, size, keys, count, &a, ret_r);
}

START_TEST(test_report_golden)
{
    struct observation o[2] = {
        {.health = HEALTH_UP, .held_us = 1000000, .rtt_us = 7000, .oper_up = true, .rx_bytes = 300},
        {.health = HEALTH_DOWN, .held_us = 150000, .loss_out_ppm = 1000000, .flaps = 1}};
    struct report r = {.observer = 1,
                       .incarnation = 9,
                       .sequence = 3,
                       .sent_us = 123456,
                       .fleet = {{0xfe, 0xed}},
                       .lateness_us = 200,
                       .count = 2,
                       .observations = o};
    size_t size = encode_report(&r, &key);
    char text[1024];
    ck_assert_uint_lt(size, sizeof(text) / 2);
    hex(wire, size, text);
    ck_assert_str_eq(text, golden_report);
}
END_TEST

START_TEST(test_report_round_trips)
{
    static const uint32_t counts[] = {0, 1, 2, 17, 100, REPORT_MAX_TARGETS};
    for (unsigned i = 0; i < 60; i++) {
        struct rng rng = rng_init(i);
        arena_init(&samples, sample_memory, SAMPLE_ARENA);
        struct report r = sample_report(&rng, counts[i % 6], &samples);
        struct report back;
        ck_assert_int_eq(open_report(encode_report(&r, &key), &key, 1, &back), OK);
        ck_assert_int_eq(back.observer, r.observer);
        ck_assert_uint_eq(back.incarnation, r.incarnation);
        ck_assert_uint_eq(back.sequence, r.sequence);
        ck_assert_int_eq(back.sent_us, r.sent_us);
        ck_assert_int_eq(back.lateness_us, r.lateness_us);
        ck_assert_mem_eq(back.fleet.bytes, r.fleet.bytes, DIGEST_SIZE);
        ck_assert_uint_eq(back.count, r.count);
        for (uint32_t k = 0; k < r.count; k++) {
            const struct observation *x = &back.observations[k];
            const struct observation *y = &r.observations[k];
            ck_assert(x->health == y->health && x->held_us == y->held_us);
            ck_assert(x->loss_out_ppm == y->loss_out_ppm && x->loss_in_ppm == y->loss_in_ppm);
            ck_assert(x->rtt_us == y->rtt_us && x->jitter_us == y->jitter_us);
            ck_assert(x->flaps == y->flaps && x->oper_up == y->oper_up);
            ck_assert(x->rx_bytes == y->rx_bytes && x->tx_bytes == y->tx_bytes);
            ck_assert_int_eq(x->damped_us, y->damped_us);
        }
        ck_assert_uint_eq(back.load_count, r.load_count);
        ck_assert_uint_eq(back.view_count, r.view_count);
        for (uint32_t k = 0; k < r.load_count; k++) {
            const struct load_sample *x = &back.loads[k], *y = &r.loads[k];
            ck_assert(x->valid == y->valid && x->age_us == y->age_us);
            ck_assert(x->requests_mrps == y->requests_mrps && x->errors_mrps == y->errors_mrps);
            ck_assert_uint_eq(x->saturation_ppm, y->saturation_ppm);
        }
        for (uint32_t k = 0; k < r.load_count * r.view_count; k++) {
            ck_assert_int_eq(back.load_views[k].valid, r.load_views[k].valid);
            ck_assert(back.load_views[k].mrps == r.load_views[k].mrps);
        }
    }
}
END_TEST

START_TEST(test_report_authenticity)
{
    struct rng rng = rng_init(8);
    struct report r = sample_report(&rng, 5, &samples);
    struct report back;
    struct report_key both[] = {key, next_key};
    struct report_key forged = {key.id, other_secret, sizeof(other_secret)};
    size_t size = encode_report(&r, &next_key);
    ck_assert_int_eq(open_report(size, both, 2, &back), OK); /* during a rotation */
    ck_assert_int_eq(open_report(size, &key, 1, &back), ERR_UNAUTHENTIC);
    ck_assert_int_eq(open_report(size, &key, 0, &back), ERR_UNAUTHENTIC);
    size = encode_report(&r, &forged);
    ck_assert_int_eq(open_report(size, both, 2, &back), ERR_UNAUTHENTIC);
    /* Every single bit is covered, the key id and the version too. */
    size = encode_report(&r, &key);
    for (size_t bit = 0; bit < 8 * size; bit++) {
        wire[bit / 8] ^= (uint8_t)(1U << bit % 8);
        ck_assert_int_ne(open_report(size, both, 2, &back), OK);
        wire[bit / 8] ^= (uint8_t)(1U << bit % 8);
    }
    for (size_t cut = 0; cut < size; cut++) {
        ck_assert_int_ne(open_report(cut, both, 2, &back), OK);
    }
    ck_assert_int_eq(open_report(size, both, 2, &back), OK);
    struct report_key weak = {"probe-beijing", secret, REPORT_MIN_KEY_SIZE - 1};
    ck_assert_int_eq(report_encode(&r, &weak, wire, RECORD_MAX_BYTES, &size), ERR_INVALID);
}
END_TEST

/* What is not known is no zero, and what is no load says nothing. */
START_TEST(test_report_load_bounds)
{
    struct load_sample loads[2] = {{.valid = true, .requests_mrps = LOAD_MAX_MRPS}, {0}};
    struct load_rate views[4] = {{true, 0}, {0}, {0}, {0}};
    struct report r = {.incarnation = 1,
                       .sequence = 1,
                       .load_count = 2,
                       .view_count = 2,
                       .loads = loads,
                       .load_views = views};
    struct report back;
    ck_assert_int_eq(open_report(encode_report(&r, &key), &key, 1, &back), OK);
    ck_assert(back.load_views[0].valid && back.load_views[0].mrps == 0);
    ck_assert(!back.load_views[1].valid && !back.loads[1].valid);
    size_t size;
    struct load_sample *out[] = {&loads[0], &loads[1]};
    const struct load_sample good[] = {loads[0], loads[1]};
    const struct load_sample wrong[][2] = {
        {{.valid = true, .requests_mrps = LOAD_MAX_MRPS + 1}, good[1]},
        {{.valid = true, .errors_mrps = LOAD_MAX_MRPS + 1}, good[1]},
        {{.valid = true, .saturation_ppm = 1000001}, good[1]},
        {{.valid = true, .age_us = -1}, good[1]},
        {{.valid = true, .age_us = US_MAX + 1}, good[1]},
        {good[0], {.requests_mrps = 1}},
        {good[0], {.saturation_ppm = 1}},
        {{0}, good[1]}, /* views[0] then belongs to nothing */
    };
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        *out[0] = wrong[i][0];
        *out[1] = wrong[i][1];
        ck_assert_int_eq(report_encode(&r, &key, wire, RECORD_MAX_BYTES, &size), ERR_INVALID);
    }
    *out[0] = good[0];
    *out[1] = good[1];
    views[1].mrps = 1; /* not valid, but not zero */
    ck_assert_int_eq(report_encode(&r, &key, wire, RECORD_MAX_BYTES, &size), ERR_INVALID);
    views[1] = (struct load_rate){true, LOAD_MAX_MRPS + 1};
    ck_assert_int_eq(report_encode(&r, &key, wire, RECORD_MAX_BYTES, &size), ERR_INVALID);
    views[1] = (struct load_rate){true, LOAD_MAX_MRPS};
    ck_assert_int_eq(report_encode(&r, &key, wire, RECORD_MAX_BYTES, &size), OK);
    r.load_count = FLEET_MAX_SERVICES + 1;
    ck_assert_int_eq(report_encode(&r, &key, wire, RECORD_MAX_BYTES, &size), ERR_INVALID);
    r.load_count = 0; /* views of nothing */
    ck_assert_int_eq(report_encode(&r, &key, wire, RECORD_MAX_BYTES, &size), ERR_INVALID);
}
END_TEST

START_TEST(test_report_bounds)
{
    struct rng rng = rng_init(8);
    struct report r = sample_report(&rng, 5, &samples);
    size_t size;
    r.observations[4].loss_in_ppm = 1000001;
    ck_assert_int_eq(report_encode(&r, &key, wire, RECORD_MAX_BYTES, &size), ERR_INVALID);
    r.observations[4].loss_in_ppm = 0;
    r.observations[4].held_us = -1;
    ck_assert_int_eq(report_encode(&r, &key, wire, RECORD_MAX_BYTES, &size), ERR_INVALID);
    r.observations[4].held_us = US_MAX + 1; /* with its age it would overflow */
    ck_assert_int_eq(report_encode(&r, &key, wire, RECORD_MAX_BYTES, &size), ERR_INVALID);
    r.observations[4].held_us = US_MAX;
    r.observations[4].damped_us = US_MAX + 1;
    ck_assert_int_eq(report_encode(&r, &key, wire, RECORD_MAX_BYTES, &size), ERR_INVALID);
    r.observations[4].damped_us = US_MAX;
    r.sent_us = INT64_MAX;
    ck_assert_int_eq(report_encode(&r, &key, wire, RECORD_MAX_BYTES, &size), ERR_INVALID);
    r.sent_us = US_MAX;
    ck_assert_int_eq(report_encode(&r, &key, wire, RECORD_MAX_BYTES, &size), OK);
    r.sequence = 0;
    ck_assert_int_eq(report_encode(&r, &key, wire, RECORD_MAX_BYTES, &size), ERR_INVALID);
    r.sequence = 1;
    ck_assert_int_eq(report_encode(&r, &key, wire, 20, &size), ERR_FULL);
    r.count = REPORT_MAX_TARGETS + 1;
    ck_assert_int_eq(report_encode(&r, &key, wire, RECORD_MAX_BYTES, &size), ERR_INVALID);
}
END_TEST

START_TEST(test_local_frames)
{
    uint8_t room[256];
    size_t size = 0;
    size_t used = 0;
    struct local_message edge = {.type = LOCAL_EDGE,
                                 .edge = {.link = 7, .end = 1, .down = true, .held_us = 150000}};
    struct local_message back;
    ck_assert_int_eq(local_encode(&edge, room, sizeof(room), &size), OK);
    ck_assert_uint_eq(size, LOCAL_EDGE_SIZE);
    static const uint8_t golden[] = {13, 0, 0, 0, 2, 7, 0, 1, 1, 0xf0, 0x49, 2, 0, 0, 0, 0, 0};
    ck_assert_mem_eq(room, golden, sizeof(golden));
    for (size_t cut = 0; cut < size; cut++) {
        ck_assert_int_eq(local_decode(room, cut, &back, &used), ERR_TRUNCATED);
    }
    ck_assert_int_eq(local_decode(room, size, &back, &used), OK);
    ck_assert(used == size && back.type == LOCAL_EDGE && back.edge.link == 7);
    ck_assert(back.edge.end == 1 && back.edge.down && back.edge.held_us == 150000);
    room[7] = 2; /* a link has two ends */
    ck_assert_int_eq(local_decode(room, size, &back, &used), ERR_INVALID);
    room[4] = 99; /* of a newer version */
    ck_assert_int_eq(local_decode(room, size, &back, &used), OK);
    ck_assert(back.type == LOCAL_UNKNOWN && used == size);
    memset(room, 0xff, 4);
    ck_assert_int_eq(local_decode(room, size, &back, &used), ERR_TOO_LARGE);
    memset(room, 0, 4);
    ck_assert_int_eq(local_decode(room, size, &back, &used), ERR_INVALID);
    struct local_message fleet = {.type = LOCAL_FLEET,
                                  .fleet = {.idc = 3, .fleet = {(const uint8_t *)"fleet", 5}}};
    ck_assert_int_eq(local_encode(&fleet, room, 11, &size), ERR_FULL);
    ck_assert_int_eq(local_encode(&fleet, room, sizeof(room), &size), OK);
    ck_assert_int_eq(local_decode(room, size + 9, &back, &used), OK);
    ck_assert(used == size && back.fleet.idc == 3 && back.fleet.fleet.size == 5);
    ck_assert_mem_eq(back.fleet.fleet.at, "fleet", 5);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("wire");
    TCase *c = tcase_create("wire");
    tcase_add_checked_fixture(c, setup, teardown);
    tcase_set_timeout(c, 60);
    tcase_add_test(c, test_record_goldens);
    tcase_add_test(c, test_claim_golden);
    tcase_add_test(c, test_record_round_trips);
    tcase_add_test(c, test_decide_fields);
    tcase_add_test(c, test_record_damage);
    tcase_add_test(c, test_record_versions);
    tcase_add_test(c, test_texts);
    tcase_add_test(c, test_counts_are_bounded);
    tcase_add_test(c, test_size_bound);
    tcase_add_test(c, test_report_golden);
    tcase_add_test(c, test_report_round_trips);
    tcase_add_test(c, test_report_authenticity);
    tcase_add_test(c, test_report_bounds);
    tcase_add_test(c, test_report_load_bounds);
    tcase_add_test(c, test_local_frames);
    suite_add_tcase(s, c);
    SRunner *r = srunner_create(s);
    srunner_run_all(r, CK_NORMAL);
    int failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
