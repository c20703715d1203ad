/* test_fold_fleet_void.c: a new fleet that cannot be followed leaves the control state as it was,
 * and nobody who has not read it speaks of its places. */
#include "fleet_stage.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

/* --- What is void -------------------------------------------------------------------------------
 */

/* The new fleet's plan is made as if it could follow, for what a daemon would not even send. */
static enum fold_void forced(struct fleet *next)
{
    int status = prepare(next);
    if (status != OK) {
        ck_assert_int_eq(status, ERR_BUSY);
        struct plan p;
        size_t size = (decide_arena_size(next) + plan_arena_size(next) + 15) & ~(size_t)15;
        struct arena a;
        arena_init(&a, aligned_alloc(16, size), size);
        ck_assert_ptr_nonnull(a.base);
        ck_assert_int_eq(plan_initial(next, &a, &p), OK);
        command.plan = plan_bytes(&p);
        free(a.base);
    }
    enum fold_void why = judged(next);
    free(next);
    return why;
}

START_TEST(another_fleet_is_none_that_follows)
{
    struct fleet *next = fleet_remade(w->fleet, THIS);
    next->name[0] = 'x';
    ck_assert_int_eq(forced(next), FOLD_REQUEST_REFUSED);
    next = fleet_remade(w->fleet, THIS);
    next->zone[0] = 'x';
    ck_assert_int_eq(forced(next), FOLD_REQUEST_REFUSED);
    next = fleet_remade(w->fleet, THIS);
    next->idcs[0].partition = 7; /* an IDC keeps its partition */
    ck_assert_int_eq(forced(next), FOLD_REQUEST_REFUSED);
    next = fleet_remade(w->fleet, THIS);
    next->idcs[0].partition = 1; /* two IDCs exchange theirs */
    next->idcs[1].partition = 0;
    ck_assert_int_eq(forced(next), FOLD_REQUEST_REFUSED);
    next = fleet_remade(w->fleet, THIS);
    memcpy(next->dns_servers[1].name, next->dns_servers[0].name, FLEET_NAME_SIZE);
    ck_assert_int_eq(forced(next), FOLD_REQUEST_REFUSED); /* whose state is it? */
    next = fleet_remade(w->fleet, &(struct remake){.takes = true, .part = PART_SERVER, .index = 1});
    ck_assert_int_eq(forced(next), FOLD_ACCEPTED);
}
END_TEST

START_TEST(an_idc_that_is_new_has_a_partition_of_its_own)
{
    struct world *full = w;
    struct remake how = {.takes = true, .part = PART_IDC, .index = SHANGHAI};
    struct fleet *less = fleet_remade(w->fleet, &how);
    w = world_of_fleet(less);
    struct fleet *next = fleet_remade(full->fleet, THIS);
    next->idcs[SHANGHAI].partition = 2; /* shenzhen's */
    ck_assert_int_eq(forced(next), FOLD_REQUEST_REFUSED);
    ck_assert_int_eq(forced(fleet_remade(full->fleet, THIS)), FOLD_ACCEPTED);
    world_free(w);
    how = (struct remake){.takes = true, .part = PART_REGION, .index = 0}; /* beijing goes */
    struct fleet *least = fleet_remade(less, &how);
    w = world_of_fleet(least);
    next = fleet_remade(full->fleet, THIS);
    next->idcs[SHANGHAI].partition = 0; /* both are new, and are one */
    ck_assert_int_eq(forced(next), FOLD_REQUEST_REFUSED);
    free(least);
    world_free(w);
    w = full;
    free(less);
}
END_TEST

START_TEST(what_an_answer_needs_stays)
{
    struct fleet *next = fleet_remade(w->fleet, THIS);
    next->views[0].slots = 3;
    ck_assert_int_eq(forced(next), FOLD_REQUEST_IN_USE);
    next = fleet_remade(w->fleet, THIS);
    for (uint16_t i = 0; i < next->entrances[0].address_count; i++) {
        next->entrances[0].addresses[i].bytes[0] = 203; /* other addresses, the same name */
    }
    ck_assert_int_eq(forced(next), FOLD_REQUEST_IN_USE);
    next = fleet_remade(w->fleet, THIS);
    next->entrances[0].idc = SHENZHEN; /* the pool moves under its name */
    ck_assert_int_eq(forced(next), FOLD_REQUEST_IN_USE);
    next = fleet_remade(w->fleet, THIS);
    next->entrances[0].carriers = 2; /* its views reach it no more: told before it is sent */
    ck_assert_int_eq(prepare(next), ERR_BUSY);
    free(next);
    next = fleet_remade(w->fleet, THIS); /* beijing loses both ways to the others */
    struct fleet *lonely;
    next->links[world_link(w, "beijing-shenzhen")].end[0].idc = SHANGHAI;
    lonely = fleet_remade(next, &(struct remake){.takes = true,
                                                 .part = PART_LINK,
                                                 .index = world_link(w, "beijing-shanghai")});
    ck_assert_int_eq(prepare(lonely), ERR_BUSY);
    ck_assert_int_eq(forced(lonely), FOLD_REQUEST_IN_USE);
    for (uint16_t x = 0; x < next->idc_count; x++) {
        next->idcs[x].prefix_count = 0; /* nobody wants to get there any more */
    }
    lonely = fleet_remade(next, &(struct remake){.takes = true,
                                                 .part = PART_LINK,
                                                 .index = world_link(w, "beijing-shanghai")});
    ck_assert_int_eq(forced(lonely), FOLD_ACCEPTED);
    free(next);
}
END_TEST

/* The same of a state that stands nowhere. */
static enum fold_void asked(const struct fleet *next)
{
    struct arena a;
    struct control is = w->control;
    enum fold_void why = FOLD_SKIPPED;
    void *memory = room_for(next, &a);
    ck_assert_int_eq(fold_fleet(&is, &a, &command, w->offset, &why), OK);
    free(memory);
    return why;
}

START_TEST(a_fleet_waits_for_rest)
{
    struct fleet *next = fleet_remade(w->fleet, THIS);
    ck_assert_int_eq(prepare(next), OK);
    say(OPERATOR_FREEZE, 0, 0, 0, 0);
    ck_assert_int_eq(asked(next), FOLD_REQUEST_BUSY);
    w->control.order_count = 0;
    w->control.drill.state = DRILL_ASKED;
    ck_assert_int_eq(asked(next), FOLD_REQUEST_BUSY);
    w->control.drill.state = DRILL_NEVER;
    w->control.unconfirmed = w->control.plan_offset;
    ck_assert_int_eq(asked(next), FOLD_REQUEST_BUSY);
    w->control.unconfirmed = -1;
    w->control.plan_purpose = DECIDE_RESCUE; /* a decision that nobody acts upon yet */
    w->control.plan_followed = false;
    ck_assert_int_eq(asked(next), FOLD_REQUEST_BUSY);
    w->control.plan_purpose = DECIDE_NOTE;
    ck_assert_int_eq(asked(next), FOLD_ACCEPTED);
    free(next);
}
END_TEST

START_TEST(there_is_room_for_its_own_way_home)
{
    struct fleet *next = fleet_remade(w->fleet, THIS);
    ck_assert_int_eq(prepare(next), OK);
    struct order full = {.kind = ORDER_PIN, .subject = {SUBJECT_IDC, 0, 0}};
    for (uint32_t i = 0; i < ORDER_MAX; i++) {
        w->control.orders[i] = full;
        w->control.orders[i].id = w->control.next_order++;
    }
    w->control.order_count = ORDER_MAX;
    ck_assert_int_eq(judged(next), FOLD_REQUEST_FULL);
    w->control.orders[5].ended = true; /* what comes home comes with the new fleet's way */
    ck_assert_int_eq(judged(next), FOLD_ACCEPTED);
    w->control.order_count = 0;
    for (int i = 0; i < 3; i++) { /* the newest fleet's is enough */
        settle();
        ck_assert_int_eq(prepare(next), OK);
        ck_assert_int_eq(world_command(w, &command), FOLD_ACCEPTED);
        ck_assert_uint_eq(w->control.order_count, 1);
        ck_assert_ptr_null(control_broken(&w->control));
    }
    free(next);
}
END_TEST

START_TEST(what_was_made_for_another_state_is_overtaken)
{
    struct fleet *next = fleet_remade(w->fleet, THIS);
    ck_assert_int_eq(prepare(next), OK);
    command.argument++;
    ck_assert_int_eq(judged(next), FOLD_REQUEST_OVERTAKEN);
    command.argument--;
    command.replaces.bytes[0] ^= 1;
    ck_assert_int_eq(judged(next), FOLD_REQUEST_OVERTAKEN);
    command.replaces.bytes[0] ^= 1;
    w->idc_dead[SHANGHAI] = true; /* and the answers are others by now */
    world_run(w, 10 * US_PER_SEC, STEP_US, 20);
    settle();
    ck_assert_uint_eq(world_slots(w, world_entrance(w, "web-shanghai")), 0);
    ck_assert_int_eq(judged(next), FOLD_REQUEST_OVERTAKEN);
    ck_assert_int_eq(prepare(next), OK);
    ck_assert_int_eq(judged(next), FOLD_ACCEPTED);
    ck_assert_int_eq(world_command(w, &command), FOLD_ACCEPTED);
    ck_assert_int_eq(world_command(w, &command), FOLD_REQUEST_OVERTAKEN); /* it is in force */
    free(next);
}
END_TEST

/* --- The log ------------------------------------------------------------------------------------
 */

static enum fold_void put(struct record *r, int64_t base)
{
    enum fold_void why = FOLD_ACCEPTED;
    r->log_id = w->control.log_id;
    r->base = base;
    r->log_time = w->control.log_time;
    r->epoch = w->control.epoch;
    ck_assert_int_eq(fold_apply(&w->control, &w->memory, r, w->offset, &why), OK);
    w->offset++;
    return why;
}

static enum fold_void word(enum operator_command what, uint64_t argument, int64_t base)
{
    struct record r = {.kind = RECORD_OPERATOR, .writer = {2, 5, ++w->sequence}};
    struct change ch = {.kind = CHANGE_TIER};
    ch.tier.from = *plan_tier_limit(&w->control.plan, 0, 0);
    memcpy(r.operator.request.bytes, &w->sequence, sizeof w->sequence);
    r.operator.command = what;
    r.operator.argument = argument;
    r.operator.subject.kind = what == OPERATOR_FREEZE || what == OPERATOR_UNDO ? 0 : SUBJECT_IDC;
    r.operator.changes = & ch;
    r.operator.change_count = what == OPERATOR_UNDO ? 1 : 0;
    return put(&r, base);
}

START_TEST(who_has_not_read_the_new_fleet_speaks_of_no_place_in_it)
{
    struct fleet *next = fleet_remade(w->fleet, &(struct remake){.reverse = true});
    ck_assert_int_eq(prepare(next), OK);
    ck_assert_int_eq(world_command(w, &command), FOLD_ACCEPTED);
    int64_t since = w->control.fleet_offset, before = since - 1;
    ck_assert_int_eq(since, w->offset - 1);
    struct record r = {.kind = RECORD_STEP, .writer = {2, 5, ++w->sequence}};
    r.step = (struct step){.kind = STEP_OUTCOME, .actuator = ACTUATOR_DNS, .status = ERR_TIMEOUT};
    r.step.fence = w->control.plan.fence;
    ck_assert_int_eq(put(&r, before), FOLD_OVERTAKEN); /* server 0 was another one then */
    ck_assert_int_eq(w->control.dns[0].status, OK);
    r.writer.sequence = ++w->sequence;
    ck_assert_int_eq(put(&r, since), FOLD_ACCEPTED);
    r.writer.sequence = ++w->sequence;
    r.step = (struct step){.kind = STEP_LINK_DOWN, .link = 7, .down_number = 9};
    ck_assert_uint_eq(w->control.fleet->links[7].end[1].idc, 0); /* shenzhen's, as link 7 is now */
    r.step.end = 1;
    ck_assert_int_eq(put(&r, before), FOLD_OVERTAKEN);
    r.writer.sequence = ++w->sequence;
    ck_assert_int_eq(put(&r, since), FOLD_ACCEPTED);
    ck_assert_int_eq(word(OPERATOR_DRAIN, 0, before), FOLD_REQUEST_OVERTAKEN);
    ck_assert_int_eq(word(OPERATOR_PIN, 0, before), FOLD_REQUEST_OVERTAKEN);
    ck_assert_int_eq(word(OPERATOR_FREEZE, 0, before), FOLD_ACCEPTED); /* of no place */
    ck_assert_int_eq(word(OPERATOR_DRAIN, 0, since), FOLD_ACCEPTED);
    struct record beat = {.kind = RECORD_HEARTBEAT, .writer = {0, 1, ++w->sequence}};
    beat.heartbeat.snapshot = -1;
    beat.writer.sequence += 100;
    ck_assert_int_eq(put(&beat, since), FOLD_ACCEPTED);
    ck_assert(w->control.plan_followed);
    free(next);
}
END_TEST

START_TEST(decisions_of_before_are_not_undone)
{
    say(OPERATOR_DEMOTE, SUBJECT_FEATURES, 0, WEB, 3);
    world_run(w, 5 * US_PER_SEC, STEP_US, 10);
    settle();
    int64_t decision = w->control.newest_decide;
    ck_assert_int_gt(decision, 0);
    struct fleet *next = fleet_remade(w->fleet, THIS);
    ck_assert_int_eq(prepare(next), OK);
    ck_assert_int_eq(world_command(w, &command), FOLD_ACCEPTED);
    int64_t since = w->control.fleet_offset;
    ck_assert_int_eq(word(OPERATOR_UNDO, (uint64_t)decision, since), FOLD_REQUEST_OVERTAKEN);
    ck_assert_int_eq(word(OPERATOR_UNDO, (uint64_t)since + 1, since), FOLD_ACCEPTED);
    free(next);
}
END_TEST

START_TEST(who_leads_after_it_has_nothing_to_confirm)
{
    struct fleet *next = fleet_remade(w->fleet, THIS);
    ck_assert_int_eq(prepare(next), OK);
    ck_assert_int_eq(world_command(w, &command), FOLD_ACCEPTED);
    struct record claim = {.kind = RECORD_CLAIM, .writer = {1, 5, 1}};
    claim.claim.ends_epoch = w->control.epoch;
    claim.claim.names = w->control.leader_newest;
    w->control.epoch++; /* put() takes it from there */
    int64_t base = w->control.applied;
    claim.claim.ends_epoch = w->control.epoch - 1;
    enum fold_void why;
    claim.log_id = w->control.log_id;
    claim.base = base;
    claim.log_time = w->control.log_time;
    claim.epoch = w->control.epoch--;
    ck_assert_int_eq(fold_apply(&w->control, &w->memory, &claim, w->offset, &why), OK);
    ck_assert_int_eq(why, FOLD_ACCEPTED);
    ck_assert_int_lt(w->control.unconfirmed, 0);
    free(next);
}
END_TEST

/* --- Damage -------------------------------------------------------------------------------------
 */

START_TEST(too_little_room_leaves_the_state_as_it_was)
{
    struct fleet *next = fleet_remade(w->fleet, THIS);
    ck_assert_int_eq(prepare(next), OK);
    struct record r = {.kind = RECORD_OPERATOR, .writer = {2, 5, 1}, .operator= command };
    r.log_id = w->control.log_id;
    r.base = w->control.applied;
    r.log_time = w->control.log_time;
    r.operator.request.bytes[0] = 77;
    size_t full = control_arena_size(next) + fleet_carry_arena_size(w->fleet);
    uint8_t *memory = aligned_alloc(16, (full + 15) & ~(size_t)15);
    ck_assert_ptr_nonnull(memory);
    int status = ERR_FULL;
    uint32_t tries = 0;
    for (size_t room = 0; status == ERR_FULL; room += 97) {
        size_t before_size, after_size;
        uint8_t *before = state_bytes(&w->control, &before_size);
        struct control was = w->control;
        struct arena a;
        enum fold_void why;
        ck_assert_uint_le(room, full + 97);
        arena_init(&a, memory, room < full ? room : full);
        status = fold_apply(&w->control, &a, &r, w->offset, &why);
        ck_assert(status == ERR_FULL || (status == OK && why == FOLD_ACCEPTED));
        if (status == ERR_FULL) {
            uint8_t *after = state_bytes(&w->control, &after_size);
            ck_assert(before_size == after_size && memcmp(before, after, after_size) == 0);
            ck_assert(memcmp(&was, &w->control, sizeof was) == 0);
            free(after);
            tries++;
        }
        free(before);
    }
    ck_assert_uint_gt(tries, 20);
    ck_assert_ptr_null(control_broken(&w->control));
    free(memory);
    free(next);
}
END_TEST

static void mutate(struct rng *r, uint8_t *bytes, size_t size)
{
    for (uint64_t n = 1 + rng_below(r, 3); n > 0; n--) {
        size_t at = rng_below(r, size);
        switch (rng_below(r, 3)) {
        case 0: bytes[at] = (uint8_t)rng_next(r); break;
        case 1: bytes[at] ^= (uint8_t)(1U << rng_below(r, 8)); break;
        default: bytes[at] = rng_chance(r, 500000) ? 0 : 0xff; break;
        }
    }
}

START_TEST(damaged_fleets_and_plans_are_void_or_sound)
{
    make_busy();
    struct fleet *next = fleet_remade(w->fleet, &(struct remake){.reverse = true});
    ck_assert_int_eq(prepare(next), OK);
    struct operator_record good = command;
    struct rng r = rng_init(11);
    uint32_t accepted = 0;
    for (uint32_t i = 0; i < 6000; i++) {
        bool plan = rng_chance(&r, 400000), cut = rng_chance(&r, 50000);
        const struct bytes *from = plan ? &good.plan : &good.fleet;
        uint8_t *bytes = malloc(from->size);
        ck_assert_ptr_nonnull(bytes);
        memcpy(bytes, from->at, from->size);
        struct bytes damaged = {bytes, cut ? rng_below(&r, from->size) : from->size};
        mutate(&r, bytes, from->size);
        command = good;
        *(plan ? &command.plan : &command.fleet) = damaged;
        struct control is;
        struct arena a;
        size_t room = (size_t)8 * 1024 * 1024;
        void *memory = aligned_alloc(16, room);
        ck_assert_ptr_nonnull(memory);
        arena_init(&a, memory, room);
        enum fold_void why = FOLD_ACCEPTED;
        is = w->control;
        int status = fold_fleet(&is, &a, &command, w->offset, &why);
        ck_assert(status == OK || status == ERR_FULL);
        if (status == OK && why == FOLD_ACCEPTED) {
            ck_assert_ptr_null(control_broken(&is));
            same_when_restored(&is);
            accepted++;
        } else {
            ck_assert(memcmp(&is, &w->control, sizeof is) == 0);
        }
        free(memory);
        free(bytes);
    }
    command = good;
    ck_assert_uint_gt(accepted, 100); /* another capacity is another fleet, and sound */
    free(next);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("fold-fleet-void");
    TCase *t = tcase_create("a new fleet");
    tcase_add_checked_fixture(t, setup, teardown);
    tcase_set_timeout(t, 120);
    tcase_add_test(t, another_fleet_is_none_that_follows);
    tcase_add_test(t, an_idc_that_is_new_has_a_partition_of_its_own);
    tcase_add_test(t, what_an_answer_needs_stays);
    tcase_add_test(t, a_fleet_waits_for_rest);
    tcase_add_test(t, there_is_room_for_its_own_way_home);
    tcase_add_test(t, what_was_made_for_another_state_is_overtaken);
    tcase_add_test(t, who_has_not_read_the_new_fleet_speaks_of_no_place_in_it);
    tcase_add_test(t, decisions_of_before_are_not_undone);
    tcase_add_test(t, who_leads_after_it_has_nothing_to_confirm);
    tcase_add_test(t, too_little_room_leaves_the_state_as_it_was);
    tcase_add_test(t, damaged_fleets_and_plans_are_void_or_sound);
    suite_add_tcase(s, t);
    SRunner *r = srunner_create(s);
    srunner_run_all(r, CK_ENV);
    int failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
