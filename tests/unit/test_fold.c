/* test_fold.c: the table of PROTOCOL.md, "The log", rule by rule: which records count, what they
 * do, and that a broken invariant leaves the control state as it was. */
#include "core_world.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

static struct world *w;
static uint8_t *scratch;
static size_t scratch_size;

/* GENESIS at offset 0, the claim of replica 0 (incarnation 1, sequence 1) at offset 1. */
static void setup(void)
{
    w = world_of_yaml(FLEETS "/three-idc.yaml");
    scratch_size = control_digest_size(&w->control) + 65536;
    scratch = malloc(scratch_size);
    ck_assert_ptr_nonnull(scratch);
}

static void teardown(void)
{
    free(scratch);
    world_free(w);
}

static struct digest digest(void)
{
    return control_digest(&w->control, scratch, scratch_size);
}

static struct record by(enum record_kind kind, uint16_t replica, uint64_t incarnation,
                        uint64_t sequence)
{
    struct record r;
    memset(&r, 0, sizeof r);
    r.kind = kind;
    r.log_id = w->control.log_id;
    r.writer = (struct writer){replica, incarnation, sequence};
    r.epoch = w->control.epoch;
    r.base = w->control.applied;
    r.log_time = w->control.log_time;
    return r;
}

static enum fold_void put(const struct record *r)
{
    enum fold_void why = FOLD_ACCEPTED;
    int status = fold_apply(&w->control, &w->memory, r, w->control.applied + 1, &why);
    ck_assert_msg(status == OK, "%s: %s", record_kind_name(r->kind), error_text(status));
    return why;
}

/* A record that breaks an invariant changes nothing at all. */
static int broken(const struct record *r)
{
    enum fold_void why = FOLD_ACCEPTED;
    struct digest before = digest();
    int status = fold_apply(&w->control, &w->memory, r, w->control.applied + 1, &why);
    struct digest after = digest();
    ck_assert_int_eq(digest_compare(&before, &after), 0);
    ck_assert_ptr_null(control_broken(&w->control));
    return status;
}

static struct record claim_by(uint16_t replica)
{
    struct record r = by(RECORD_CLAIM, replica, 100 + replica, 1);
    r.epoch = w->control.epoch + 1;
    r.claim.ends_epoch = w->control.epoch;
    r.claim.names = w->control.leader_newest;
    return r;
}

static struct record beat(uint64_t sequence)
{
    struct record r = by(RECORD_HEARTBEAT, 0, 1, sequence);
    r.heartbeat.snapshot = -1;
    return r;
}

static struct record note(uint64_t sequence)
{
    struct record r = by(RECORD_DECIDE, 0, 1, sequence);
    r.decide.purpose = DECIDE_NOTE;
    r.decide.generation = w->control.plan.fence.generation;
    r.decide.plan_digest = w->control.plan.fence.digest;
    return r;
}

static struct record word(uint16_t replica, uint64_t sequence, uint8_t id)
{
    struct record r = by(RECORD_OPERATOR, replica, 9, sequence);
    r.operator.request.bytes[0] = id;
    r.operator.command = OPERATOR_SKIP;
    r.operator.argument = 0;
    return r;
}

/* A decision that lowers one tier limit, in ch; its digest is right. */
static struct record demotion(uint64_t sequence, struct change *ch)
{
    struct record r = note(sequence);
    memset(ch, 0, sizeof *ch);
    ch->kind = CHANGE_TIER;
    ch->tier.from = *plan_tier_limit(&w->control.plan, 0, 0);
    ch->tier.to = (uint8_t)(ch->tier.from - 1);
    uint8_t *limit = plan_tier_limit(&w->control.plan, 0, 0);
    *limit = ch->tier.to;
    r.decide.plan_digest = plan_digest(&w->control.plan);
    *limit = ch->tier.from;
    r.decide.purpose = DECIDE_SHED;
    r.decide.generation++;
    r.decide.changes = ch;
    r.decide.change_count = 1;
    return r;
}

static struct record outcome_by(uint16_t replica, uint64_t sequence, enum actuator actuator,
                                uint16_t target)
{
    struct record r = by(RECORD_STEP, replica, 9, sequence);
    r.step.kind = STEP_OUTCOME;
    r.step.actuator = actuator;
    r.step.target = target;
    r.step.fence = w->control.plan.fence;
    return r;
}

START_TEST(only_records_of_this_log_by_known_replicas_count)
{
    struct record r = beat(2);
    r.log_id.bytes[0] ^= 1;
    ck_assert_int_eq(put(&r), FOLD_FOREIGN_LOG);
    r = beat(2);
    r.writer.replica = 77;
    ck_assert_int_eq(put(&r), FOLD_UNKNOWN_REPLICA);
    r = by(RECORD_GENESIS, REPLICA_PERSON, 1, 1);
    ck_assert_int_eq(put(&r), FOLD_NOT_FIRST);
    r = beat(2);
    ck_assert_int_eq(put(&r), FOLD_ACCEPTED);
    enum fold_void why = FOLD_ACCEPTED;
    ck_assert_int_eq(fold_apply(&w->control, &w->memory, &r, w->control.applied, &why),
                     ERR_INVALID);
}
END_TEST

START_TEST(a_log_that_does_not_begin_with_genesis_stays_void)
{
    struct control c;
    enum fold_void why = FOLD_ACCEPTED;
    control_init(&c);
    struct record r = beat(1);
    ck_assert_int_eq(fold_apply(&c, &w->memory, &r, 0, &why), OK);
    ck_assert_int_eq(why, FOLD_NOT_FIRST);
    ck_assert_int_eq(fold_apply(&c, &w->memory, &r, 1, &why), OK);
    ck_assert_int_eq(why, FOLD_FOREIGN_LOG);
    ck_assert_ptr_null(c.fleet);
}
END_TEST

START_TEST(a_claim_counts_only_while_it_names_the_newest_record)
{
    struct record late = claim_by(1), same = claim_by(2);
    struct record r = beat(2);
    ck_assert_int_eq(put(&r), FOLD_ACCEPTED);
    ck_assert_int_eq(put(&late), FOLD_LATE_CLAIM);
    struct record good = claim_by(1);
    ck_assert_int_eq(put(&good), FOLD_ACCEPTED);
    ck_assert_uint_eq(w->control.epoch, 2);
    ck_assert_uint_eq(w->control.leader.replica, 1);
    ck_assert_int_eq(put(&same), FOLD_LATE_CLAIM);
    ck_assert_int_eq(put(&good), FOLD_LATE_CLAIM);
    r = beat(3);
    r.epoch = 1;
    ck_assert_int_eq(put(&r), FOLD_NOT_LEADER);
}
END_TEST

START_TEST(a_leader_that_yields_can_be_followed_without_naming_its_newest)
{
    struct record late = claim_by(1);
    struct record r = beat(2);
    r.heartbeat.yield = true;
    ck_assert_int_eq(put(&r), FOLD_ACCEPTED);
    ck_assert_int_eq(put(&late), FOLD_ACCEPTED);
    ck_assert(!w->control.leader_yields);
}
END_TEST

START_TEST(only_candidates_claim)
{
    w->fleet->idcs[2].candidate = false;
    struct record r = claim_by(2);
    ck_assert_int_eq(put(&r), FOLD_NOT_CANDIDATE);
}
END_TEST

START_TEST(a_record_behind_a_higher_sequence_of_its_leader_is_dropped)
{
    struct record given_up = note(2), next = beat(3);
    ck_assert_int_eq(put(&next), FOLD_ACCEPTED);
    ck_assert_int_eq(put(&given_up), FOLD_DUPLICATE);
    ck_assert_int_eq(put(&next), FOLD_DUPLICATE);
}
END_TEST

START_TEST(a_step_does_not_make_the_leaders_record_in_flight_old)
{
    struct record in_flight = note(2);
    struct record step = outcome_by(0, 3, ACTUATOR_ROUTES, 0);
    step.writer.incarnation = 1;
    ck_assert_int_eq(put(&step), FOLD_ACCEPTED);
    ck_assert_int_eq(put(&step), FOLD_DUPLICATE);
    ck_assert_int_eq(put(&in_flight), FOLD_ACCEPTED);
}
END_TEST

START_TEST(a_decision_is_void_when_something_decisive_came_after_its_base)
{
    struct record old = note(2);
    struct record r = word(1, 1, 1);
    ck_assert_int_eq(put(&r), FOLD_ACCEPTED);
    ck_assert_int_eq(put(&old), FOLD_OVERTAKEN);
    struct record again = note(3), twin = note(4);
    ck_assert_int_eq(put(&again), FOLD_ACCEPTED);
    ck_assert_int_eq(put(&twin), FOLD_OVERTAKEN);
    /* What did not count decides nothing. */
    struct record next = note(5);
    r = word(1, 2, 1);
    ck_assert_int_eq(put(&r), FOLD_REQUEST_SEEN);
    ck_assert_int_eq(put(&next), FOLD_ACCEPTED);
}
END_TEST

START_TEST(a_decision_moves_the_fence_by_one_and_remembers_what_it_replaced)
{
    struct change ch;
    struct fence before = w->control.plan.fence;
    struct record r = demotion(2, &ch);
    ck_assert_int_eq(put(&r), FOLD_ACCEPTED);
    ck_assert_uint_eq(w->control.plan.fence.generation, before.generation + 1);
    ck_assert_int_eq(fence_compare(&w->control.previous.fence, &before), FENCE_EQUAL);
    ck_assert_int_eq(w->control.plan_offset, w->control.applied);
    ck_assert_ptr_null(control_broken(&w->control));
}
END_TEST

START_TEST(broken_plans_change_nothing)
{
    struct change ch;
    struct record r = demotion(2, &ch);
    r.decide.plan_digest.bytes[0] ^= 1;
    ck_assert_int_eq(broken(&r), ERR_INVARIANT);
    r = demotion(2, &ch);
    r.decide.generation++;
    ck_assert_int_eq(broken(&r), ERR_INVARIANT);
    r = demotion(2, &ch);
    ch.tier.from++;
    ck_assert_int_eq(broken(&r), ERR_INVARIANT);
    r = note(2);
    r.decide.generation++;
    ck_assert_int_eq(broken(&r), ERR_INVARIANT);
    r = note(2);
    r.decide.purpose = DECIDE_CONFIRM;
    r.decide.concerns = 12345;
    ck_assert_int_eq(broken(&r), ERR_INVARIANT);
}
END_TEST

/* The record r of one change, with the digest that the plan would really have. */
static void with_digest(struct record *r, struct change *ch)
{
    struct arena a;
    size_t size = plan_arena_size(w->fleet) + 64;
    void *room = aligned_alloc(16, (size + 15) / 16 * 16);
    struct plan p;
    ck_assert_ptr_nonnull(room);
    arena_init(&a, room, size);
    ck_assert_int_eq(plan_new(w->fleet, &a, &p), OK);
    plan_copy(&p, &w->control.plan);
    ck_assert_int_eq(plan_apply(&p, ch, 1), OK);
    r->decide.plan_digest = plan_digest(&p);
    r->decide.generation = w->control.plan.fence.generation + 1;
    r->decide.purpose = DECIDE_RESCUE;
    r->decide.changes = ch;
    r->decide.change_count = 1;
    free(room);
}

START_TEST(law_5_no_answer_and_no_route_is_ever_empty)
{
    struct change ch;
    memset(&ch, 0, sizeof ch);
    ch.kind = CHANGE_ANSWER;
    ch.answer.from = *plan_answer(&w->control.plan, 0, 0);
    struct record r = note(2);
    with_digest(&r, &ch);
    ck_assert_int_eq(broken(&r), ERR_INVARIANT);
    ch.answer.to.count = 1; /* one slot, unused: as empty as none */
    ch.answer.to.slots[0].entrance = FLEET_NONE;
    r = note(2);
    with_digest(&r, &ch);
    ck_assert_int_eq(broken(&r), ERR_INVARIANT);
    ch.answer.to = ch.answer.from; /* an address twice */
    ch.answer.to.slots[1] = ch.answer.to.slots[0];
    r = note(2);
    with_digest(&r, &ch);
    ck_assert_int_eq(broken(&r), ERR_INVARIANT);
    ch.answer.to = ch.answer.from; /* one is left: allowed */
    ch.answer.to.count = 1;
    r = note(2);
    with_digest(&r, &ch);
    ck_assert_int_eq(put(&r), FOLD_ACCEPTED);

    memset(&ch, 0, sizeof ch);
    ch.kind = CHANGE_HOPS;
    ch.b = 1;
    ch.hops.from = *plan_hops(&w->control.plan, 0, 1);
    ck_assert_uint_gt(ch.hops.from.count, 0);
    r = note(3);
    with_digest(&r, &ch);
    ck_assert_int_eq(broken(&r), ERR_INVARIANT);
}
END_TEST

static struct record incident_note(uint64_t sequence, struct incident *n)
{
    struct record r = note(sequence);
    r.decide.incidents = n;
    r.decide.incident_count = 1;
    return r;
}

START_TEST(incidents_go_only_where_the_table_lets_them)
{
    struct incident n;
    memset(&n, 0, sizeof n);
    n.id = w->control.next_incident;
    n.kind = INCIDENT_LINK_CUT;
    n.subject.kind = SUBJECT_LINK;
    n.state = INCIDENT_RECOVERING;
    struct record r = incident_note(2, &n);
    ck_assert_int_eq(broken(&r), ERR_INVARIANT);
    n.state = INCIDENT_SUSPECTED;
    n.id++;
    ck_assert_int_eq(broken(&r), ERR_INVARIANT);
    n.id--;
    ck_assert_int_eq(put(&r), FOLD_ACCEPTED);
    ck_assert_uint_eq(w->control.incident_count, 1);
    ck_assert_uint_eq(w->control.incidents[0].opened_offset, (uint64_t)w->control.applied);
    n.state = INCIDENT_MITIGATED;
    r = incident_note(3, &n);
    ck_assert_int_eq(broken(&r), ERR_INVARIANT);
    n.state = INCIDENT_SUSPECTED;
    n.approved = true; /* nobody said so */
    r = incident_note(3, &n);
    ck_assert_int_eq(broken(&r), ERR_INVARIANT);
    n.approved = false;
    n.state = INCIDENT_CLOSED;
    r = incident_note(3, &n);
    ck_assert_int_eq(put(&r), FOLD_ACCEPTED);
    ck_assert_uint_eq(w->control.incident_count, 0);
}
END_TEST

START_TEST(an_incident_is_about_something_of_its_kind_in_the_fleet)
{
    struct incident n;
    memset(&n, 0, sizeof n);
    n.id = w->control.next_incident;
    n.kind = INCIDENT_IDC_OUTAGE;
    n.state = INCIDENT_CONFIRMED;
    n.subject = (struct subject){SUBJECT_IDC, w->fleet->idc_count, 0};
    struct record r = incident_note(2, &n);
    ck_assert_int_eq(broken(&r), ERR_INVARIANT);
    n.subject = (struct subject){SUBJECT_LINK, 0, 0};
    ck_assert_int_eq(broken(&r), ERR_INVARIANT);
    n.subject = (struct subject){SUBJECT_IDC, 0, 0};
    ck_assert_int_eq(put(&r), FOLD_ACCEPTED);
    n.subject.a = 1; /* and stays about it */
    r = incident_note(3, &n);
    ck_assert_int_eq(broken(&r), ERR_INVARIANT);
    w->control.incidents[0].subject.a = w->fleet->idc_count; /* out of a journal or a reseed */
    ck_assert_ptr_nonnull(control_broken(&w->control));
}
END_TEST

START_TEST(a_decision_changes_each_thing_once)
{
    struct change ch[3];
    memset(ch, 0, sizeof ch);
    ch[0].kind = CHANGE_ANSWER;
    ch[0].answer.from = ch[0].answer.to = *plan_answer(&w->control.plan, 0, 0);
    ch[0].answer.to.slots[0].entrance = 60000; /* there and back again */
    ch[1].kind = CHANGE_ANSWER;
    ch[1].answer.from = ch[0].answer.to;
    ch[1].answer.to = ch[0].answer.from;
    struct record r = demotion(2, &ch[2]);
    r.decide.changes = ch;
    r.decide.change_count = 3;
    ck_assert_int_eq(broken(&r), ERR_INVARIANT);
    r.decide.changes = &ch[2];
    r.decide.change_count = 1;
    ck_assert_int_eq(put(&r), FOLD_ACCEPTED);
}
END_TEST

START_TEST(an_approval_comes_from_an_operator_once)
{
    struct incident n;
    memset(&n, 0, sizeof n);
    n.id = w->control.next_incident;
    n.kind = INCIDENT_IDC_OUTAGE;
    n.subject.kind = SUBJECT_IDC;
    n.state = INCIDENT_CONFIRMED;
    n.needs_approval = true;
    struct record r = incident_note(2, &n);
    ck_assert_int_eq(put(&r), FOLD_ACCEPTED);
    struct record yes = word(2, 1, 5);
    yes.operator.command = OPERATOR_APPROVE;
    yes.operator.argument = n.id + 1;
    ck_assert_int_eq(put(&yes), FOLD_REQUEST_REFUSED);
    yes = word(2, 2, 5);
    yes.operator.command = OPERATOR_APPROVE;
    yes.operator.argument = n.id;
    ck_assert_int_eq(put(&yes), FOLD_ACCEPTED);
    ck_assert(w->control.incidents[0].approved);
    struct record other = yes;
    other.writer = (struct writer){1, 4, 1}; /* another replica sends the same request */
    ck_assert_int_eq(put(&other), FOLD_REQUEST_SEEN);
}
END_TEST

START_TEST(requests_that_are_late_or_too_many_are_void)
{
    struct record late = word(1, 1, 1);
    struct record r = beat(2);
    r.log_time.us += 61 * US_PER_SEC;
    ck_assert_int_eq(put(&r), FOLD_ACCEPTED);
    ck_assert_int_eq(put(&late), FOLD_REQUEST_LATE);
    r = word(1, 2, 1);
    r.log_time.us += 1; /* its base lies behind the newest record: no honest clock says so */
    ck_assert_int_eq(put(&r), FOLD_REQUEST_LATE);
    for (uint8_t i = 0; i < 5; i++) {
        r = word(1, 3 + i, (uint8_t)(10 + i));
        ck_assert_int_eq(put(&r), FOLD_ACCEPTED);
    }
    r = word(1, 20, 20);
    ck_assert_int_eq(put(&r), FOLD_REQUEST_FLOOD);
    r = word(2, 1, 21);
    ck_assert_int_eq(put(&r), FOLD_ACCEPTED);
    r = beat(3);
    r.log_time.us += US_PER_SEC;
    ck_assert_int_eq(put(&r), FOLD_ACCEPTED);
    r = word(1, 21, 22);
    ck_assert_int_eq(put(&r), FOLD_ACCEPTED);
}
END_TEST

START_TEST(log_time_comes_from_the_leader_and_never_runs_back)
{
    int64_t before = w->control.log_time.us;
    struct record r = outcome_by(1, 1, ACTUATOR_ROUTES, 1);
    r.log_time.us = before + 100 * US_PER_SEC;
    ck_assert_int_eq(put(&r), FOLD_ACCEPTED);
    ck_assert_int_eq(w->control.log_time.us, before);
    r = beat(2);
    r.log_time.us = before + US_PER_SEC;
    ck_assert_int_eq(put(&r), FOLD_ACCEPTED);
    ck_assert_int_eq(w->control.log_time.us, before + US_PER_SEC);
    r = beat(3);
    r.log_time.us = before;
    ck_assert_int_eq(put(&r), FOLD_ACCEPTED);
    ck_assert_int_eq(w->control.log_time.us, before + US_PER_SEC);
}
END_TEST

START_TEST(rules_wait_for_every_candidate_and_fleets_for_rules)
{
    struct record r = by(RECORD_RULES, 0, 1, 2);
    r.rules.version = 2;
    ck_assert_int_eq(put(&r), FOLD_REQUEST_REFUSED);
    for (uint16_t i = 0; i < w->fleet->idc_count; i++) {
        struct record a = by(RECORD_STEP, w->fleet->idcs[i].partition, 9, 1);
        a.step.kind = STEP_ALIVE;
        a.step.version = 2;
        a.step.alive_base = w->control.applied;
        ck_assert_int_eq(put(&a), FOLD_ACCEPTED);
    }
    r = by(RECORD_RULES, 0, 1, 3);
    r.rules.version = 2;
    ck_assert_int_eq(broken(&r), ERR_VERSION); /* this binary knows version 1 only */
}
END_TEST

START_TEST(steps_speak_only_of_what_their_writer_can_know)
{
    struct record r = outcome_by(1, 1, ACTUATOR_ROUTES, 2);
    ck_assert_int_eq(put(&r), FOLD_REQUEST_REFUSED);
    r = outcome_by(1, 2, ACTUATOR_DNS, w->fleet->dns_server_count);
    ck_assert_int_eq(put(&r), FOLD_REQUEST_REFUSED);
    r = outcome_by(1, 3, ACTUATOR_DNS, 0);
    r.step.fence.generation++;
    ck_assert_int_eq(put(&r), FOLD_REQUEST_REFUSED);
    r = outcome_by(1, 4, ACTUATOR_DNS, 0);
    ck_assert_int_eq(put(&r), FOLD_ACCEPTED);
    ck_assert_uint_eq(w->control.dns[0].generation, w->control.plan.fence.generation);
    r = by(RECORD_STEP, 0, 9, 1);
    r.step.kind = STEP_LINK_DOWN;
    r.step.link = 0;
    r.step.end = 1; /* beijing-shanghai: end 0 is beijing's */
    r.step.down_number = 4;
    ck_assert_int_eq(put(&r), FOLD_REQUEST_REFUSED);
    r.writer.sequence = 2;
    r.step.end = 0;
    ck_assert_int_eq(put(&r), FOLD_ACCEPTED);
    ck_assert_uint_eq(w->control.link_downs[0], 4);
    r.writer.sequence = 3;
    r.step.down_number = 3;
    ck_assert_int_eq(put(&r), FOLD_ACCEPTED);
    ck_assert_uint_eq(w->control.link_downs[0], 4);
}
END_TEST

START_TEST(a_new_leader_has_to_confirm_a_plan_without_a_step)
{
    struct change ch;
    struct record r = demotion(2, &ch);
    ck_assert_int_eq(put(&r), FOLD_ACCEPTED);
    int64_t plan = w->control.applied;
    r = claim_by(1);
    ck_assert_int_eq(put(&r), FOLD_ACCEPTED);
    ck_assert_int_eq(w->control.unconfirmed, plan);
    r = note(2);
    r.writer = (struct writer){1, 101, 2};
    r.decide.purpose = DECIDE_CONFIRM;
    r.decide.concerns = (uint64_t)plan;
    ck_assert_int_eq(put(&r), FOLD_ACCEPTED);
    ck_assert_int_eq(w->control.unconfirmed, -1);
}
END_TEST

START_TEST(a_plan_with_a_step_needs_no_confirmation)
{
    struct change ch;
    struct record r = demotion(2, &ch);
    ck_assert_int_eq(put(&r), FOLD_ACCEPTED);
    r = outcome_by(2, 1, ACTUATOR_FEATURES, 2);
    ck_assert_int_eq(put(&r), FOLD_ACCEPTED);
    r = claim_by(1);
    ck_assert_int_eq(put(&r), FOLD_ACCEPTED);
    ck_assert_int_eq(w->control.unconfirmed, -1);
}
END_TEST

START_TEST(only_a_word_of_somebody_who_had_read_the_plan_follows_it)
{
    struct change ch;
    struct record r = demotion(2, &ch), gave_up = beat(3);
    ck_assert_int_eq(put(&r), FOLD_ACCEPTED);
    ck_assert(!w->control.plan_followed);
    ck_assert_int_eq(put(&gave_up), FOLD_ACCEPTED); /* its base lies before the decision */
    ck_assert(!w->control.plan_followed);
    r = outcome_by(0, 1, ACTUATOR_FEATURES, 0);
    ck_assert_int_eq(put(&r), FOLD_ACCEPTED);
    r = claim_by(1);
    ck_assert_int_eq(put(&r), FOLD_ACCEPTED);
    ck_assert(!w->control.plan_followed);
    r = beat(2);
    r.writer = (struct writer){1, 101, 2};
    ck_assert_int_eq(put(&r), FOLD_ACCEPTED);
    ck_assert(w->control.plan_followed);
}
END_TEST

/* The state that comes back from its bytes. */
static struct control reread(uint8_t **ret_bytes, void **ret_room)
{
    size_t size = control_encoded_size(&w->control), room = control_arena_size(w->fleet);
    struct control back;
    struct arena a;
    *ret_bytes = malloc(size);
    *ret_room = aligned_alloc(16, (room + 15) / 16 * 16);
    ck_assert(*ret_bytes != NULL && *ret_room != NULL);
    struct codec out = codec_writer(*ret_bytes, size);
    control_codec(&out, &w->control);
    ck_assert_int_eq(codec_finish(&out), OK);
    arena_init(&a, *ret_room, room);
    struct codec in = codec_reader(*ret_bytes, size, &a);
    control_init(&back);
    control_codec(&in, &back);
    ck_assert_int_eq(codec_finish(&in), OK);
    return back;
}

START_TEST(the_state_comes_back_from_its_bytes_and_the_digest_knows_every_record)
{
    uint8_t *bytes;
    void *room;
    struct change ch;
    struct digest before = digest();
    struct record r = demotion(2, &ch);
    ck_assert_int_eq(put(&r), FOLD_ACCEPTED);
    struct digest after = digest();
    ck_assert_int_ne(digest_compare(&before, &after), 0);
    struct control back = reread(&bytes, &room);
    struct digest again = control_digest(&back, scratch, scratch_size);
    ck_assert_int_eq(digest_compare(&after, &again), 0);
    ck_assert_ptr_null(control_broken(&back));
    r = outcome_by(77, 1, ACTUATOR_ROUTES, 0); /* void, and still another offset */
    ck_assert_int_eq(put(&r), FOLD_UNKNOWN_REPLICA);
    again = digest();
    ck_assert_int_ne(digest_compare(&after, &again), 0);
    free(bytes);
    free(room);
}
END_TEST

START_TEST(damaged_bytes_are_refused_or_read_never_crash)
{
    size_t size = control_encoded_size(&w->control), room = control_arena_size(w->fleet);
    uint8_t *bytes = malloc(size);
    void *memory = aligned_alloc(16, (room + 15) / 16 * 16);
    ck_assert(bytes != NULL && memory != NULL);
    struct codec out = codec_writer(bytes, size);
    control_codec(&out, &w->control);
    for (size_t i = 0; i < size; i++) {
        struct arena a;
        struct control back;
        bytes[i] ^= 0xff;
        arena_init(&a, memory, room);
        struct codec in = codec_reader(bytes, i % 3 == 0 ? i : size, &a);
        control_init(&back);
        control_codec(&in, &back);
        if (codec_finish(&in) == OK) {
            (void)control_broken(&back);
        }
        bytes[i] ^= 0xff;
    }
    free(bytes);
    free(memory);
}
END_TEST

START_TEST(a_skip_moves_the_offset_and_nothing_else)
{
    struct control before = w->control;
    fold_skip(&w->control, w->control.applied + 1);
    before.applied++;
    ck_assert_mem_eq(&before, &w->control, sizeof before);
}
END_TEST

START_TEST(a_reseed_goes_on_from_the_control_state_of_the_log_before)
{
    uint8_t *bytes;
    void *room;
    struct change ch;
    struct record r = demotion(2, &ch);
    ck_assert_int_eq(put(&r), FOLD_ACCEPTED);
    struct fence old = w->control.plan.fence;
    (void)reread(&bytes, &room);
    size_t fleet_size = fleet_encoded_size(w->fleet);
    uint8_t *fleet = malloc(fleet_size);
    struct codec out = codec_writer(fleet, fleet_size);
    fleet_codec(&out, w->fleet);
    r = by(RECORD_GENESIS, REPLICA_PERSON, 1, 1);
    r.log_id.bytes[0] = 99;
    r.genesis.predecessor = w->control.log_id;
    r.genesis.era = w->control.era + 1;
    r.genesis.fleet = (struct bytes){fleet, fleet_size};
    r.genesis.control = (struct bytes){bytes, control_encoded_size(&w->control)};
    struct control c;
    struct arena a;
    size_t size = 2 * control_arena_size(w->fleet);
    void *memory = aligned_alloc(16, (size + 15) / 16 * 16);
    ck_assert_ptr_nonnull(memory);
    arena_init(&a, memory, size);
    control_init(&c);
    enum fold_void why = FOLD_VERSION;
    ck_assert_int_eq(fold_apply(&c, &a, &r, 0, &why), OK);
    ck_assert_int_eq(why, FOLD_ACCEPTED);
    ck_assert_int_eq(fence_compare(&old, &c.plan.fence), FENCE_OLDER);
    ck_assert_int_eq(digest_compare(&old.digest, &c.plan.fence.digest), 0);
    ck_assert_uint_eq(c.epoch, 0);
    ck_assert_ptr_null(control_broken(&c));
    bytes[0] ^= 1; /* unreadable: no state, and the caller halts */
    control_init(&c);
    ck_assert_int_eq(fold_apply(&c, &a, &r, 0, &why), ERR_INVALID);
    ck_assert_ptr_null(c.fleet);
    free(memory);
    free(fleet);
    free(bytes);
    free(room);
}
END_TEST

static void add_rules(TCase *t)
{
    tcase_add_test(t, only_records_of_this_log_by_known_replicas_count);
    tcase_add_test(t, a_log_that_does_not_begin_with_genesis_stays_void);
    tcase_add_test(t, a_claim_counts_only_while_it_names_the_newest_record);
    tcase_add_test(t, a_leader_that_yields_can_be_followed_without_naming_its_newest);
    tcase_add_test(t, only_candidates_claim);
    tcase_add_test(t, a_record_behind_a_higher_sequence_of_its_leader_is_dropped);
    tcase_add_test(t, a_step_does_not_make_the_leaders_record_in_flight_old);
    tcase_add_test(t, a_decision_is_void_when_something_decisive_came_after_its_base);
    tcase_add_test(t, an_approval_comes_from_an_operator_once);
    tcase_add_test(t, requests_that_are_late_or_too_many_are_void);
    tcase_add_test(t, log_time_comes_from_the_leader_and_never_runs_back);
    tcase_add_test(t, rules_wait_for_every_candidate_and_fleets_for_rules);
    tcase_add_test(t, steps_speak_only_of_what_their_writer_can_know);
    tcase_add_test(t, a_new_leader_has_to_confirm_a_plan_without_a_step);
    tcase_add_test(t, a_plan_with_a_step_needs_no_confirmation);
    tcase_add_test(t, only_a_word_of_somebody_who_had_read_the_plan_follows_it);
}

static void add_states(TCase *t)
{
    tcase_add_test(t, a_decision_moves_the_fence_by_one_and_remembers_what_it_replaced);
    tcase_add_test(t, broken_plans_change_nothing);
    tcase_add_test(t, law_5_no_answer_and_no_route_is_ever_empty);
    tcase_add_test(t, incidents_go_only_where_the_table_lets_them);
    tcase_add_test(t, an_incident_is_about_something_of_its_kind_in_the_fleet);
    tcase_add_test(t, a_decision_changes_each_thing_once);
    tcase_add_test(t, the_state_comes_back_from_its_bytes_and_the_digest_knows_every_record);
    tcase_add_test(t, damaged_bytes_are_refused_or_read_never_crash);
    tcase_add_test(t, a_skip_moves_the_offset_and_nothing_else);
    tcase_add_test(t, a_reseed_goes_on_from_the_control_state_of_the_log_before);
}

int main(void)
{
    Suite *s = suite_create("fold");
    TCase *rules = tcase_create("which records count");
    TCase *states = tcase_create("what they do");
    tcase_add_checked_fixture(rules, setup, teardown);
    tcase_add_checked_fixture(states, setup, teardown);
    tcase_set_timeout(states, 120);
    add_rules(rules);
    add_states(states);
    suite_add_tcase(s, rules);
    suite_add_tcase(s, states);
    SRunner *r = srunner_create(s);
    srunner_run_all(r, CK_ENV);
    int failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
