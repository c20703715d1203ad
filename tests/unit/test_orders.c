/* test_orders.c: a person's standing words in the fold: how they come, what they keep, how they
 * end, and that the log alone decides it. */
#include "core_world.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

enum { WEB, LEDGER };
enum { BEIJING, SHANGHAI, SHENZHEN };

static struct world *w;
static uint64_t sequence;
static uint8_t request;

static void setup(void)
{
    w = world_of_yaml(FLEETS "/three-idc.yaml");
    sequence = 0;
    request = 0;
}

static void teardown(void)
{
    world_free(w);
}

static struct record leaders(enum record_kind kind)
{
    struct record r;
    memset(&r, 0, sizeof r);
    r.kind = kind;
    r.log_id = w->control.log_id;
    r.writer = w->control.leader;
    r.writer.sequence++;
    r.epoch = w->control.epoch;
    r.base = w->control.applied;
    r.log_time = w->control.log_time;
    if (kind == RECORD_DECIDE) {
        r.decide.purpose = DECIDE_NOTE;
        r.decide.generation = w->control.plan.fence.generation;
        r.decide.plan_digest = w->control.plan.fence.digest;
    }
    return r;
}

/* A word from another replica each second time, so that the flood bound is out of the way. */
static struct record word(enum operator_command command, struct subject subject)
{
    struct record r = leaders(RECORD_OPERATOR);
    sequence++;
    r.writer = (struct writer){(uint16_t)(sequence % 3), 9, sequence};
    r.operator.request.bytes[0] = ++ request;
    r.operator.request.bytes[1] =(uint8_t)(sequence >> 8);
    r.operator.command = command;
    r.operator.subject = subject;
    strcpy(r.operator.identity, "ada (uid 1000)");
    strcpy(r.operator.reason, "a test");
    return r;
}

static enum fold_void put(const struct record *r)
{
    enum fold_void why = FOLD_ACCEPTED;
    int status = fold_apply(&w->control, &w->memory, r, w->control.applied + 1, &why);
    ck_assert_msg(status == OK, "%s: %s", record_kind_name(r->kind), error_text(status));
    ck_assert_ptr_null(control_broken(&w->control));
    return why;
}

static int broken(const struct record *r)
{
    enum fold_void why = FOLD_ACCEPTED;
    int status = fold_apply(&w->control, &w->memory, r, w->control.applied + 1, &why);
    ck_assert_ptr_null(control_broken(&w->control));
    return status;
}

static void beat(int64_t us)
{
    struct record r = leaders(RECORD_HEARTBEAT);
    r.heartbeat.snapshot = -1;
    r.log_time.us += us;
    ck_assert_int_eq(put(&r), FOLD_ACCEPTED);
}

static enum fold_void say(enum operator_command command, struct subject subject)
{
    struct record r = word(command, subject);
    return put(&r);
}

static struct subject idc(uint16_t x)
{
    return (struct subject){SUBJECT_IDC, x, 0};
}

static struct subject features(uint16_t region, uint16_t service)
{
    return (struct subject){SUBJECT_FEATURES, region, service};
}

static enum fold_void say_id(enum operator_command command, uint64_t argument)
{
    struct record r = word(command, (struct subject){0});
    r.operator.argument = argument;
    return put(&r);
}

static enum fold_void demote(uint8_t tier)
{
    struct record r = word(OPERATOR_DEMOTE, features(0, WEB));
    r.operator.tier = tier;
    return put(&r);
}

START_TEST(an_order_stands_until_it_is_taken_back)
{
    ck_assert_int_eq(say(OPERATOR_PIN, idc(SHANGHAI)), FOLD_ACCEPTED);
    ck_assert_int_eq(say(OPERATOR_DRAIN, idc(BEIJING)), FOLD_ACCEPTED);
    const struct order *o = control_order(&w->control, 2);
    ck_assert_ptr_nonnull(o);
    ck_assert_int_eq(o->kind, ORDER_DRAIN);
    ck_assert_uint_eq(o->offset, (uint64_t)w->control.applied);
    ck_assert_str_eq(o->identity, "ada (uid 1000)");
    ck_assert_str_eq(o->reason, "a test");
    ck_assert_int_eq(w->control.decisive, w->control.applied);
    ck_assert_int_eq(say(OPERATOR_UNDRAIN, idc(SHENZHEN)), FOLD_REQUEST_REFUSED);
    ck_assert_int_eq(say(OPERATOR_UNDRAIN, idc(BEIJING)), FOLD_ACCEPTED);
    ck_assert_int_eq(say(OPERATOR_UNDRAIN, idc(BEIJING)), FOLD_REQUEST_REFUSED);
    ck_assert(control_order(&w->control, 2)->ended);
    ck_assert_int_eq(say_id(OPERATOR_RELEASE, 2), FOLD_REQUEST_REFUSED);
    ck_assert_int_eq(say(OPERATOR_FREEZE, (struct subject){0}), FOLD_ACCEPTED);
    ck_assert_int_eq(say_id(OPERATOR_RELEASE, 3), FOLD_ACCEPTED); /* nothing has to come home */
    ck_assert_ptr_null(control_order(&w->control, 3));
    ck_assert_uint_eq(w->control.order_count, 2);
    ck_assert_int_eq(say(OPERATOR_FREEZE, (struct subject){0}), FOLD_ACCEPTED);
    ck_assert_ptr_nonnull(control_order(&w->control, 4)); /* a number is never used again */
}
END_TEST

START_TEST(only_what_the_fleet_has_can_be_ordered)
{
    static const struct subject drains[] = {
        {SUBJECT_IDC, 3, 0},      {SUBJECT_SERVICE, 2, 0},
        {SUBJECT_SERVICE, 0, 3},  {SUBJECT_ENTRANCE, 5, 0},
        {SUBJECT_REGION, 0, 0},   {SUBJECT_LINK, 0, 0},
        {SUBJECT_OBSERVER, 0, 0}, {0, 0, 0},
    };
    for (size_t i = 0; i < sizeof drains / sizeof drains[0]; i++) {
        ck_assert_int_eq(say(OPERATOR_DRAIN, drains[i]), FOLD_REQUEST_REFUSED);
        beat(US_PER_SEC);
    }
    ck_assert_int_eq(say(OPERATOR_PIN, (struct subject){SUBJECT_REGION, 0, 0}), FOLD_ACCEPTED);
    ck_assert_int_eq(say(OPERATOR_DRAIN, (struct subject){SUBJECT_ENTRANCE, 4, 0}), FOLD_ACCEPTED);
    ck_assert_int_eq(say(OPERATOR_FREEZE, idc(BEIJING)), FOLD_REQUEST_REFUSED);
    ck_assert_int_eq(say(OPERATOR_DEMOTE, idc(BEIJING)), FOLD_REQUEST_REFUSED);
    struct record r = word(OPERATOR_DRAIN, idc(BEIJING));
    r.operator.ttl_us = ORDER_TTL_MAX_US + 1;
    ck_assert_int_eq(put(&r), FOLD_REQUEST_REFUSED);
    ck_assert_uint_eq(w->control.order_count, 2);
}
END_TEST

START_TEST(law_5_core_is_never_demoted_by_a_person_either)
{
    ck_assert_int_eq(demote(0), FOLD_REQUEST_CORE);
    ck_assert_int_eq(demote((uint8_t)(service_top_tier(&w->fleet->services[WEB]) + 1)),
                     FOLD_REQUEST_REFUSED);
    ck_assert_int_eq(demote(1), FOLD_ACCEPTED);
    ck_assert_uint_eq(order_tier_limit(w->fleet, control_order(&w->control, 1)), 0);
    ck_assert_int_eq(demote(1), FOLD_REQUEST_EXISTS);
    ck_assert_int_eq(demote(2), FOLD_ACCEPTED); /* another word on the same; both end together */
    ck_assert_int_eq(say(OPERATOR_PROMOTE, features(0, WEB)), FOLD_ACCEPTED);
    ck_assert(w->control.orders[0].ended && w->control.orders[1].ended);
}
END_TEST

START_TEST(orders_are_bounded)
{
    for (uint32_t i = 0; i < ORDER_MAX; i++) {
        ck_assert_int_eq(say(OPERATOR_PIN, (struct subject){SUBJECT_ENTRANCE, 0, 0}),
                         FOLD_ACCEPTED);
        w->control.orders[i].subject = (struct subject){SUBJECT_REGION, 1, 0}; /* no repetition */
        beat(US_PER_SEC);
    }
    ck_assert_int_eq(say(OPERATOR_PIN, idc(BEIJING)), FOLD_REQUEST_FULL);
    ck_assert_int_eq(say_id(OPERATOR_RELEASE, 7), FOLD_ACCEPTED); /* ended, and keeps its place */
    ck_assert_int_eq(say(OPERATOR_PIN, idc(BEIJING)), FOLD_REQUEST_FULL);
    ck_assert_int_eq(say_id(OPERATOR_RELEASE, 8), FOLD_ACCEPTED);
    ck_assert_int_eq(say(OPERATOR_FREEZE, (struct subject){0}), FOLD_ACCEPTED); /* of two, one */
    ck_assert_ptr_null(control_order(&w->control, 7));
    ck_assert(control_order(&w->control, 8)->ended);
    ck_assert_int_eq(say(OPERATOR_PIN, idc(BEIJING)), FOLD_REQUEST_FULL);
    ck_assert_int_eq(say_id(OPERATOR_RELEASE, 9), FOLD_ACCEPTED);
    ck_assert_int_eq(say(OPERATOR_FREEZE, (struct subject){0}), FOLD_REQUEST_EXISTS);
}
END_TEST

START_TEST(an_order_ends_by_log_time)
{
    struct record r = word(OPERATOR_DRAIN, idc(BEIJING));
    r.operator.ttl_us = 10 * US_PER_SEC;
    ck_assert_int_eq(put(&r), FOLD_ACCEPTED);
    r = word(OPERATOR_FREEZE, (struct subject){0});
    r.operator.ttl_us = 10 * US_PER_SEC;
    ck_assert_int_eq(put(&r), FOLD_ACCEPTED);
    beat(10 * US_PER_SEC - 1);
    ck_assert(control_frozen(&w->control));
    struct record step = leaders(RECORD_STEP); /* not the leader's word: time stands still */
    step.writer = (struct writer){1, 77, 1};
    step.log_time.us += US_PER_SEC;
    step.step.kind = STEP_ALIVE;
    step.step.version = 1;
    step.step.alive_base = w->control.applied;
    ck_assert_int_eq(put(&step), FOLD_ACCEPTED);
    ck_assert(control_frozen(&w->control) && !w->control.orders[0].ended);
    beat(1);
    ck_assert(!control_frozen(&w->control) && w->control.orders[0].ended);
    ck_assert_uint_eq(w->control.order_count, 1);
    beat(1000 * US_PER_SEC);
    ck_assert_uint_eq(w->control.order_count, 1); /* until it is home */
    r = leaders(RECORD_DECIDE);
    r.decide.order = 1;
    ck_assert_int_eq(put(&r), FOLD_ACCEPTED);
    ck_assert_uint_eq(w->control.order_count, 0);
}
END_TEST

START_TEST(a_note_closes_only_what_has_ended)
{
    ck_assert_int_eq(say(OPERATOR_DRAIN, idc(BEIJING)), FOLD_ACCEPTED);
    struct record r = leaders(RECORD_DECIDE);
    r.decide.order = 1;
    ck_assert_int_eq(broken(&r), ERR_INVARIANT);
    r.decide.order = 2;
    ck_assert_int_eq(broken(&r), ERR_INVARIANT);
    ck_assert_uint_eq(w->control.order_count, 1);
}
END_TEST

/* A DECIDE of the changes, with the digest that its plan has. */
static struct record decision(enum decide_purpose purpose, struct change *changes, uint32_t count)
{
    struct record r = leaders(RECORD_DECIDE);
    size_t size = (plan_arena_size(w->fleet) + 79) / 16 * 16;
    void *room = aligned_alloc(16, size);
    struct arena a;
    struct plan p;
    ck_assert_ptr_nonnull(room);
    arena_init(&a, room, size);
    ck_assert_int_eq(plan_new(w->fleet, &a, &p), OK);
    plan_copy(&p, &w->control.plan);
    ck_assert_int_eq(plan_apply(&p, changes, count), OK);
    r.decide.purpose = purpose;
    r.decide.plan_digest = plan_digest(&p);
    r.decide.generation++;
    r.decide.changes = changes;
    r.decide.change_count = count;
    free(room);
    return r;
}

/* Exchanges two slots of the web answer for view 0 and lowers a tier: two changes. */
static void shift(struct change *ch)
{
    memset(ch, 0, 2 * sizeof *ch);
    ch[0].kind = CHANGE_ANSWER;
    ch[0].answer.from = ch[0].answer.to = *plan_answer(&w->control.plan, WEB, 0);
    ch[0].answer.to.slots[0] = ch[0].answer.from.slots[1];
    ch[0].answer.to.slots[1] = ch[0].answer.from.slots[0];
    ch[1].kind = CHANGE_TIER;
    ch[1].tier.from = *plan_tier_limit(&w->control.plan, 0, 0);
    ch[1].tier.to = (uint8_t)(ch[1].tier.from - 1);
}

static int64_t decided(struct change *ch)
{
    shift(ch);
    struct record r = decision(DECIDE_SHED, ch, 2);
    ck_assert_int_eq(put(&r), FOLD_ACCEPTED);
    changes_invert(ch, 2);
    return w->control.applied;
}

static struct record undo(int64_t offset, struct change *ch, uint32_t count)
{
    struct record r = word(OPERATOR_UNDO, (struct subject){0});
    r.operator.argument =(uint64_t) offset;
    r.operator.changes = ch;
    r.operator.change_count = count;
    return r;
}

START_TEST(an_undo_keeps_what_still_stands)
{
    struct change ch[2], again[2];
    int64_t offset = decided(ch);
    struct record r = undo(offset, ch, 2);
    ck_assert_int_eq(put(&r), FOLD_ACCEPTED);
    ck_assert_uint_eq(w->control.fixed_count, 2);
    ck_assert_ptr_nonnull(control_fixed(&w->control, &ch[0]));
    ck_assert_uint_eq(control_order(&w->control, 1)->decision, (uint64_t)offset);
    /* Another decision changed the answer: only the tier stands. The newer word takes its place. */
    struct change other = ch[0];
    other.answer.to.slots[0] = ch[0].answer.from.slots[2];
    other.answer.to.slots[2] = ch[0].answer.from.slots[0];
    other.answer.to.slots[1] = ch[0].answer.from.slots[1];
    r = decision(DECIDE_SHED, &other, 1);
    ck_assert_int_eq(put(&r), FOLD_ACCEPTED);
    memcpy(again, ch, sizeof again);
    r = undo(offset, again, 2);
    ck_assert_int_eq(put(&r), FOLD_ACCEPTED);
    ck_assert_uint_eq(w->control.fixed_count, 2);
    ck_assert_uint_eq(control_fixed(&w->control, &ch[0])->order, 1);
    ck_assert_uint_eq(control_fixed(&w->control, &ch[1])->order, 2);
    r = undo(offset, ch, 1);
    ck_assert_int_eq(put(&r), FOLD_REQUEST_OVERTAKEN);
    ck_assert_int_eq(say_id(OPERATOR_RELEASE, 1), FOLD_ACCEPTED);
    ck_assert_uint_eq(w->control.fixed_count, 1);
    ck_assert(control_order(&w->control, 1)->ended);
    ck_assert_ptr_null(control_fixed(&w->control, &ch[0]));
}
END_TEST

START_TEST(an_undo_is_of_something_before_it_and_of_values_that_a_plan_can_have)
{
    struct change ch[2];
    int64_t offset = decided(ch);
    struct record r = undo(w->control.applied + 1, ch, 2);
    ck_assert_int_eq(put(&r), FOLD_REQUEST_REFUSED);
    r = undo(offset, ch, 0);
    ck_assert_int_eq(put(&r), FOLD_REQUEST_OVERTAKEN);
    struct change swapped[2] = {ch[1], ch[0]};
    r = undo(offset, swapped, 2);
    ck_assert_int_eq(put(&r), FOLD_REQUEST_OVERTAKEN);
    ch[0].answer.to.count = 0; /* it would empty an answer */
    r = undo(offset, ch, 2);
    ck_assert_int_eq(put(&r), FOLD_ACCEPTED);
    ck_assert_uint_eq(w->control.fixed_count, 1);
    ck_assert_int_eq(w->control.fixed[0].change.kind, CHANGE_TIER);
}
END_TEST

START_TEST(a_revert_carries_out_an_undo_and_nothing_else)
{
    struct change ch[2];
    int64_t offset = decided(ch);
    struct record r = undo(offset, &ch[1], 1);
    ck_assert_int_eq(put(&r), FOLD_ACCEPTED);
    ck_assert_int_eq(say(OPERATOR_FREEZE, (struct subject){0}), FOLD_ACCEPTED);
    r = decision(DECIDE_REVERT, ch, 2);
    r.decide.order = 1;
    r.decide.concerns = (uint64_t)offset;
    ck_assert_int_eq(broken(&r), ERR_INVARIANT); /* the answer was not undone */
    r = decision(DECIDE_SHED, &ch[1], 1);
    ck_assert_int_eq(broken(&r), ERR_INVARIANT); /* a frozen plan */
    r = decision(DECIDE_REVERT, &ch[1], 1);
    r.decide.order = 1;
    r.decide.concerns = (uint64_t)offset + 1;
    ck_assert_int_eq(broken(&r), ERR_INVARIANT);
    r.decide.concerns = (uint64_t)offset;
    ck_assert_int_eq(put(&r), FOLD_ACCEPTED); /* a person's word passes the freeze */
    ck_assert_uint_eq(*plan_tier_limit(&w->control.plan, 0, 0), ch[1].tier.to);
}
END_TEST

START_TEST(orders_are_part_of_the_state)
{
    struct change ch[2];
    int64_t offset = decided(ch);
    size_t scratch_size = 2 * control_encoded_size(&w->control) + 65536;
    uint8_t *scratch = malloc(scratch_size);
    ck_assert_ptr_nonnull(scratch);
    struct digest before = control_digest(&w->control, scratch, scratch_size);
    struct record r = undo(offset, ch, 2);
    ck_assert_int_eq(put(&r), FOLD_ACCEPTED);
    struct digest after = control_digest(&w->control, scratch, scratch_size);
    ck_assert_int_ne(digest_compare(&before, &after), 0);
    size_t size = control_encoded_size(&w->control);
    size_t room = (control_arena_size(w->fleet) + 15) / 16 * 16;
    uint8_t *bytes = malloc(size);
    void *memory = aligned_alloc(16, room);
    struct arena a;
    struct control back;
    ck_assert(bytes != NULL && memory != NULL);
    struct codec out = codec_writer(bytes, size);
    control_codec(&out, &w->control);
    ck_assert_int_eq(codec_finish(&out), OK);
    arena_init(&a, memory, room);
    struct codec in = codec_reader(bytes, size, &a);
    control_init(&back);
    control_codec(&in, &back);
    ck_assert_int_eq(codec_finish(&in), OK);
    ck_assert_ptr_null(control_broken(&back));
    struct digest again = control_digest(&back, scratch, scratch_size);
    ck_assert_int_eq(digest_compare(&after, &again), 0);
    back.fixed[1].change.tier.to ^= 1;
    ck_assert_ptr_nonnull(control_broken(&back));
    back.fixed[1].change.tier.to ^= 1;
    back.orders[0].ended = true;
    ck_assert_ptr_nonnull(control_broken(&back));
    free(scratch);
    free(bytes);
    free(memory);
}
END_TEST

/* Many undone places in any order stay sorted and found: against the plain list. */
START_TEST(kept_values_are_found_by_their_place)
{
    struct rng rng = rng_init(7);
    struct change all[8];
    uint32_t count = 0;
    for (uint16_t region = 0; region < w->fleet->region_count; region++) {
        for (uint16_t s = 0; s < 2; s++) {
            memset(&all[count], 0, sizeof all[0]);
            all[count].kind = CHANGE_TIER;
            all[count].a = region;
            all[count].b = s;
            all[count].tier.from = *plan_tier_limit(&w->control.plan, region, s);
            count++;
        }
    }
    for (int round = 0; round < 40; round++) {
        struct change some[8];
        uint32_t n = 0;
        for (uint32_t i = 0; i < count; i++) {
            if (rng_below(&rng, 2) == 1) {
                some[n] = all[i];
                some[n++].tier.to = (uint8_t)rng_below(&rng, 3);
            }
        }
        struct record r = undo(1, some, n);
        ck_assert_int_eq(put(&r), n > 0 ? FOLD_ACCEPTED : FOLD_REQUEST_OVERTAKEN);
        for (uint32_t i = 0; i < n; i++) {
            const struct fixed *x = control_fixed(&w->control, &some[i]);
            ck_assert_ptr_nonnull(x);
            ck_assert_uint_eq(x->order, w->control.next_order - 1);
            ck_assert_uint_eq(x->change.tier.to, some[i].tier.to);
        }
        beat(US_PER_SEC);
    }
    ck_assert_uint_eq(w->control.fixed_count, count);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("orders");
    TCase *t = tcase_create("fold");
    tcase_add_checked_fixture(t, setup, teardown);
    tcase_set_timeout(t, 60);
    tcase_add_test(t, an_order_stands_until_it_is_taken_back);
    tcase_add_test(t, only_what_the_fleet_has_can_be_ordered);
    tcase_add_test(t, law_5_core_is_never_demoted_by_a_person_either);
    tcase_add_test(t, orders_are_bounded);
    tcase_add_test(t, an_order_ends_by_log_time);
    tcase_add_test(t, a_note_closes_only_what_has_ended);
    tcase_add_test(t, an_undo_keeps_what_still_stands);
    tcase_add_test(t, an_undo_is_of_something_before_it_and_of_values_that_a_plan_can_have);
    tcase_add_test(t, a_revert_carries_out_an_undo_and_nothing_else);
    tcase_add_test(t, orders_are_part_of_the_state);
    tcase_add_test(t, kept_values_are_found_by_their_place);
    suite_add_tcase(s, t);
    SRunner *r = srunner_create(s);
    srunner_run_all(r, CK_ENV);
    int failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
