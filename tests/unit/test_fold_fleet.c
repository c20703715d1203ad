/* test_fold_fleet.c: a person's new fleet: what is said of the old one is said of the new one by
 * names, and nothing moves. */
#include "fleet_stage.h"

#include "core/explain.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

/* --- What has to be the same --------------------------------------------------------------------
 */

static uint16_t find(const void *things, size_t stride, uint16_t count, const char *name)
{
    for (uint16_t i = 0; i < count; i++) {
        if (strcmp((const char *)things + stride * i, name) == 0) {
            return i;
        }
    }
    return FLEET_NONE;
}

/* Where the thing of the old fleet is in the new one. */
#define NOW(was, is, things, count, i)                                                             \
    find((is)->fleet->things, sizeof *(is)->fleet->things, (is)->fleet->count,                     \
         (was)->fleet->things[i].name)

static const struct address *address(const struct control *c, const struct slot *s)
{
    return &c->fleet->entrances[s->entrance].addresses[s->address];
}

static void same_answer(const struct control *was, const struct answer *a, const struct control *is,
                        const struct answer *b)
{
    ck_assert_uint_eq(a->count, b->count);
    for (uint8_t i = 0; i < a->count; i++) {
        ck_assert_int_eq(a->slots[i].entrance == FLEET_NONE, b->slots[i].entrance == FLEET_NONE);
        if (a->slots[i].entrance != FLEET_NONE) {
            const struct entrance *from = &was->fleet->entrances[a->slots[i].entrance];
            const struct entrance *to = &is->fleet->entrances[b->slots[i].entrance];
            ck_assert_str_eq(from->name, to->name);
            ck_assert_mem_eq(address(was, &a->slots[i]), address(is, &b->slots[i]),
                             sizeof(struct address));
        }
    }
}

static void same_service(const struct control *was, uint16_t s, const struct control *is)
{
    uint16_t service = NOW(was, is, services, service_count, s);
    if (service == FLEET_NONE) {
        return;
    }
    for (uint16_t v = 0; v < was->fleet->view_count; v++) {
        uint16_t view = NOW(was, is, views, view_count, v);
        if (view != FLEET_NONE) {
            same_answer(was, plan_answer(&was->plan, s, v), is,
                        plan_answer(&is->plan, service, view));
            ck_assert_mem_eq(&was->demand[(size_t)s * was->fleet->view_count + v],
                             &is->demand[(size_t)service * is->fleet->view_count + view],
                             sizeof(struct demand));
        }
    }
    for (uint16_t r = 0; r < was->fleet->region_count; r++) {
        uint16_t region = NOW(was, is, regions, region_count, r);
        if (region != FLEET_NONE) {
            ck_assert_uint_eq(*plan_tier_limit(&was->plan, r, s),
                              *plan_tier_limit(&is->plan, region, service));
        }
    }
}

static void same_links(const struct control *was, const struct control *is)
{
    for (uint16_t l = 0; l < was->fleet->link_count; l++) {
        uint16_t link = NOW(was, is, links, link_count, l);
        for (uint8_t end = 0; end < 2 && link != FLEET_NONE; end++) {
            ck_assert_uint_eq(*plan_released(&was->plan, l, end),
                              *plan_released(&is->plan, link, end));
            ck_assert_uint_eq(was->link_downs[l * 2 + end], is->link_downs[link * 2 + end]);
            ck_assert_int_eq(was->link_down_at[l * 2 + end].us,
                             is->link_down_at[link * 2 + end].us);
        }
    }
}

/* Of the ways, the first hop: where packets go. whole: no link was taken away. */
static void same_hops(const struct control *was, const struct control *is, bool whole)
{
    for (uint16_t a = 0; a < was->fleet->idc_count; a++) {
        for (uint16_t b = 0; b < was->fleet->idc_count; b++) {
            uint16_t from = NOW(was, is, idcs, idc_count, a), to = NOW(was, is, idcs, idc_count, b);
            if (from == FLEET_NONE || to == FLEET_NONE || !whole) {
                continue;
            }
            const struct hops *x = plan_hops(&was->plan, a, b);
            const struct hops *y = plan_hops(&is->plan, from, to);
            ck_assert_uint_eq(x->count, y->count);
            for (uint8_t i = 0; i < x->count; i++) {
                ck_assert_str_eq(was->fleet->links[x->links[i]].name,
                                 is->fleet->links[y->links[i]].name);
            }
        }
    }
}

static void same_rescued(const struct control *was, uint16_t i, const struct control *is,
                         uint16_t x)
{
    for (uint16_t c = 0; c < was->fleet->carrier_count; c++) {
        uint16_t carrier = NOW(was, is, carriers, carrier_count, c);
        if (carrier != FLEET_NONE) {
            ck_assert_uint_eq(was->rescued[i] >> c & 1, is->rescued[x] >> carrier & 1);
        }
    }
}

static void same_replicas(const struct control *was, const struct control *is)
{
    for (uint16_t i = 0; i < was->fleet->idc_count; i++) {
        uint16_t x = NOW(was, is, idcs, idc_count, i);
        if (x != FLEET_NONE) {
            ck_assert_mem_eq(&was->alive[i], &is->alive[x], sizeof is->alive[x]);
            ck_assert_mem_eq(&was->routes[i], &is->routes[x], sizeof is->routes[x]);
            ck_assert_mem_eq(&was->features[i], &is->features[x], sizeof is->features[x]);
            ck_assert_mem_eq(&was->injections[i], &is->injections[x], sizeof is->injections[x]);
            ck_assert_mem_eq(&was->writers[i], &is->writers[x], sizeof is->writers[x]);
            same_rescued(was, i, is, x);
        }
    }
    for (uint16_t i = 0; i < was->fleet->dns_server_count; i++) {
        uint16_t server = NOW(was, is, dns_servers, dns_server_count, i);
        if (server != FLEET_NONE) {
            ck_assert_mem_eq(&was->dns[i], &is->dns[server], sizeof is->dns[server]);
        }
    }
}

static const char *said(const struct fleet *f, const struct subject *s, char *room, size_t size)
{
    struct text t = text_over(room, size);
    if (s->kind == 0) {
        text_put(&t, "all");
    } else {
        explain_subject(f, s, &t);
    }
    return room;
}

/* The incidents and orders that are left are the same, about the same. */
static void same_lists(const struct control *was, const struct control *is)
{
    char a[256], b[256];
    for (uint32_t i = 0; i < is->incident_count; i++) {
        const struct incident *now = &is->incidents[i], *then = was->incidents;
        while (then->id != now->id) {
            ck_assert_ptr_ne(++then, &was->incidents[was->incident_count]);
        }
        ck_assert_str_eq(said(was->fleet, &then->subject, a, sizeof a),
                         said(is->fleet, &now->subject, b, sizeof b));
        ck_assert(then->kind == now->kind && then->state == now->state);
    }
    for (uint32_t i = 0; i < is->order_count; i++) {
        const struct order *now = &is->orders[i], *then = control_order(was, now->id);
        if (now->kind == ORDER_FLEET && then == NULL) {
            ck_assert_uint_eq(i, is->order_count - 1); /* its own way home */
            continue;
        }
        ck_assert_ptr_nonnull(then);
        ck_assert_str_eq(said(was->fleet, &then->subject, a, sizeof a),
                         said(is->fleet, &now->subject, b, sizeof b));
        ck_assert(then->kind == now->kind && then->tier == now->tier && then->ended == now->ended);
    }
}

static void same_meaning(const struct control *was, const struct control *is, bool whole)
{
    for (uint16_t s = 0; s < was->fleet->service_count; s++) {
        same_service(was, s, is);
    }
    same_links(was, is);
    same_hops(was, is, whole);
    same_replicas(was, is);
    same_lists(was, is);
    ck_assert_uint_eq(is->plan.fence.generation, was->plan.fence.generation + 1);
    ck_assert_uint_eq(is->next_incident, was->next_incident);
    ck_assert_uint_eq(is->next_order, was->next_order + 1);
    ck_assert_int_eq(is->last_restore.us, was->last_restore.us);
    ck_assert_int_eq(is->answers_moved.us, was->answers_moved.us);
}

/* The fleet follows; whole: all links of before are there. Returns the state's memory. */
static void *follows(const struct fleet *next, bool whole, struct control *ret_is)
{
    struct arena a;
    void *memory = room_for(next, &a);
    ck_assert_int_eq(prepare(next), OK);
    enum fold_void why = tried(ret_is, &a);
    ck_assert_msg(why == FOLD_ACCEPTED, "%s", fold_void_name(why));
    same_meaning(&w->control, ret_is, whole);
    same_when_restored(ret_is);
    return memory;
}

static void expect_follows(const struct fleet *next, bool whole)
{
    struct control is;
    free(follows(next, whole, &is));
}

/* --- Following ----------------------------------------------------------------------------------
 */

START_TEST(numbers_change_and_nothing_else_does)
{
    make_busy();
    struct fleet *next = fleet_remade(w->fleet, THIS);
    next->capacity_ups[0] *= 3;
    next->entrances[0].capacity_ups *= 3;
    next->links[0].latency_us += 5000;
    next->policy.max_drained_idcs = 2;
    struct control is;
    void *memory = follows(next, true, &is);
    struct digest was = plan_digest(&w->control.plan), now = plan_digest(&is.plan);
    ck_assert_int_eq(digest_compare(&was, &now), 0);
    ck_assert_uint_eq(is.incident_count, w->control.incident_count);
    ck_assert_uint_eq(is.order_count, 5);
    ck_assert_uint_eq(is.fixed_count, 4);
    ck_assert_int_eq(digest_compare(&is.fixed_digest, &w->control.fixed_digest), 0);
    ck_assert_uint_eq(is.fleet->policy.max_drained_idcs, 2);
    ck_assert(!is.plan_followed && is.plan_offset == w->offset && is.unconfirmed < 0);
    free(memory);
    free(next);
}
END_TEST

/* By names: what is kept at the places that were fixed. */
static void same_fixed(const struct control *is)
{
    const struct control *was = &w->control;
    ck_assert_uint_eq(is->fixed_count, was->fixed_count);
    for (uint32_t i = 0; i < was->fixed_count; i++) {
        const struct change *ch = &was->fixed[i].change;
        struct change place = {.kind = ch->kind};
        if (ch->kind == CHANGE_ANSWER) {
            place.a = NOW(was, is, services, service_count, ch->a);
            place.b = NOW(was, is, views, view_count, ch->b);
        } else if (ch->kind == CHANGE_HOPS) {
            place.a = NOW(was, is, idcs, idc_count, ch->a);
            place.b = NOW(was, is, idcs, idc_count, ch->b);
        } else {
            place.a = NOW(was, is, regions, region_count, ch->a);
            place.b = NOW(was, is, services, service_count, ch->b);
        }
        const struct fixed *x = control_fixed(is, &place);
        ck_assert_ptr_nonnull(x);
        ck_assert_uint_eq(x->order, was->fixed[i].order);
        if (ch->kind == CHANGE_ANSWER) {
            same_answer(was, &ch->answer.from, is, &x->change.answer.from);
            same_answer(was, &ch->answer.to, is, &x->change.answer.to);
        } else if (ch->kind == CHANGE_HOPS) {
            ck_assert_str_eq(was->fleet->links[ch->hops.to.links[0]].name,
                             is->fleet->links[x->change.hops.to.links[0]].name);
        } else {
            ck_assert_uint_eq(x->change.tier.to, ch->tier.to);
        }
    }
}

START_TEST(every_list_in_another_order_means_the_same)
{
    make_busy();
    struct fleet *next = fleet_remade(w->fleet, &(struct remake){.reverse = true});
    struct control is;
    void *memory = follows(next, true, &is);
    ck_assert_uint_eq(is.incident_count, w->control.incident_count);
    ck_assert_uint_eq(is.order_count, w->control.order_count + 1);
    same_fixed(&is);
    free(memory);
    free(next);
}
END_TEST

/* Whatever the fleet loses, it is refused because it is in use, or what is left stays. */
START_TEST(each_thing_can_be_taken_out_unless_an_answer_needs_it)
{
    make_busy();
    uint32_t followed = 0, refused = 0;
    for (unsigned part = 0; part < PARTS; part++) {
        for (uint16_t i = 0; i < fleet_count(w->fleet, (enum part)part); i++) {
            struct remake how = {.takes = true, .part = (enum part)part, .index = i};
            struct fleet *next = fleet_remade(w->fleet, &how);
            how.reverse = true;
            struct fleet *other = fleet_remade(w->fleet, &how);
            int status = prepare(next);
            ck_assert(status == OK || status == ERR_BUSY);
            if (status == OK) {
                bool whole = next->link_count == w->fleet->link_count;
                expect_follows(next, whole);
                expect_follows(other, whole);
                followed++;
            } else {
                ck_assert_int_eq(prepare(other), ERR_BUSY);
                refused++;
            }
            free(next);
            free(other);
        }
    }
    ck_assert_uint_ge(followed, 15);
    ck_assert_uint_ge(refused, 4); /* beijing, shenzhen, their entrances */
}
END_TEST

START_TEST(each_thing_can_be_put_in)
{
    struct world *full = w;
    for (unsigned part = 0; part < PARTS; part++) {
        for (uint16_t i = 0; i < fleet_count(full->fleet, (enum part)part); i++) {
            struct remake how = {.takes = true, .part = (enum part)part, .index = i};
            struct fleet *less = fleet_remade(full->fleet, &how);
            w = world_of_fleet(less);
            expect_follows(full->fleet, true);
            how = (struct remake){.reverse = true};
            struct fleet *other = fleet_remade(full->fleet, &how);
            expect_follows(other, true);
            world_free(w);
            free(other);
            free(less);
        }
    }
    w = full;
}
END_TEST

START_TEST(an_idc_leaves_once_it_is_empty)
{
    struct fleet *next = fleet_remade(
        w->fleet, &(struct remake){.takes = true, .part = PART_IDC, .index = SHANGHAI});
    ck_assert_int_eq(prepare(next), ERR_BUSY);
    say(OPERATOR_DRAIN, SUBJECT_IDC, SHANGHAI, 0, 0);
    world_run(w, 60 * US_PER_SEC, STEP_US, 30);
    settle();
    ck_assert_uint_eq(world_slots(w, world_entrance(w, "web-shanghai")), 0);
    struct control is;
    void *memory = follows(next, false, &is);
    ck_assert_uint_eq(is.order_count, 1); /* the drain went with what was drained */
    ck_assert_int_eq(is.orders[0].kind, ORDER_FLEET);
    ck_assert_uint_eq(fold_replica(is.fleet, 1), FLEET_NONE);
    free(memory);
    free(next);
}
END_TEST

START_TEST(incidents_and_orders_end_with_what_they_are_about)
{
    make_busy();
    uint16_t link = world_link(w, "beijing-shenzhen");
    ck_assert_ptr_nonnull(world_incident(w, INCIDENT_LINK_CUT, link, 0));
    struct remake how = {.takes = true, .part = PART_LINK, .index = link};
    struct fleet *next = fleet_remade(w->fleet, &how);
    struct control is;
    void *memory = follows(next, false, &is);
    ck_assert_uint_eq(is.incident_count, w->control.incident_count - 1);
    ck_assert_uint_eq(is.fixed_count, 3); /* the way over it is kept no more */
    free(memory);
    free(next);
    next = fleet_remade(w->fleet, THIS); /* another link under the old name is not the old link */
    next->links[link].end[1].idc = SHANGHAI;
    memory = follows(next, false, &is);
    ck_assert_uint_eq(is.incident_count, w->control.incident_count - 1);
    ck_assert_uint_eq(*plan_released(&is.plan, link, 0), 0);
    free(memory);
    free(next);
}
END_TEST

START_TEST(tiers_come_and_go_and_a_demotion_stays_one)
{
    make_busy();
    uint8_t *north = plan_tier_limit(&w->control.plan, 0, WEB);
    ck_assert_uint_le(*north, 3);
    uint8_t before = *north;
    struct fleet *next = fleet_remade(w->fleet, THIS);
    struct service *web = &next->services[WEB];
    web->features[web->feature_count] = web->features[3];
    memcpy(web->features[web->feature_count].name, "more", 5);
    web->features[web->feature_count++].tier = 5;
    struct control is;
    struct arena a;
    void *memory = room_for(next, &a);
    ck_assert_int_eq(prepare(next), OK);
    ck_assert_int_eq(tried(&is, &a), FOLD_ACCEPTED);
    for (uint16_t r = 0; r < next->region_count; r++) {
        uint8_t was = *plan_tier_limit(&w->control.plan, r, WEB);
        ck_assert_uint_eq(*plan_tier_limit(&is.plan, r, WEB), was == 3 ? 5 : was);
    }
    free(memory);
    free(next);
    next = fleet_remade(w->fleet, THIS);
    next->services[WEB].feature_count = 2; /* tiers 0 and 1 are left */
    ck_assert_int_eq(prepare(next), OK);
    memory = room_for(next, &a);
    ck_assert_int_eq(tried(&is, &a), FOLD_ACCEPTED);
    ck_assert_uint_eq(*plan_tier_limit(&is.plan, 0, WEB), before < 1 ? before : 1);
    free(memory);
    free(next);
}
END_TEST

/* A view that no entrance reached is served by one that comes with the new fleet. */
START_TEST(an_answer_that_nobody_could_fill_is_filled)
{
    struct fleet *full = fleet_remade(w->fleet, THIS), *less = fleet_remade(w->fleet, THIS);
    for (uint16_t e = 0; e < less->entrance_count; e++) {
        less->entrances[e].carriers &= 1; /* telecom only: east-unicom is not served */
    }
    struct world *whole = w;
    w = world_of_fleet(less);
    ck_assert_uint_eq(plan_answer(&w->control.plan, WEB, 2)->slots[0].entrance == FLEET_NONE ||
                          plan_answer(&w->control.plan, WEB, 2)->count == 0,
                      1);
    ck_assert_int_eq(prepare(full), OK);
    struct arena a;
    struct control is;
    void *memory = room_for(full, &a);
    ck_assert_int_eq(tried(&is, &a), FOLD_ACCEPTED);
    ck_assert_uint_eq(plan_answer(&is.plan, WEB, 2)->count, 4);
    free(memory);
    world_free(w);
    w = whole;
    free(less);
    free(full);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("fold-fleet");
    TCase *t = tcase_create("a new fleet");
    tcase_add_checked_fixture(t, setup, teardown);
    tcase_set_timeout(t, 120);
    tcase_add_test(t, numbers_change_and_nothing_else_does);
    tcase_add_test(t, every_list_in_another_order_means_the_same);
    tcase_add_test(t, each_thing_can_be_taken_out_unless_an_answer_needs_it);
    tcase_add_test(t, each_thing_can_be_put_in);
    tcase_add_test(t, an_idc_leaves_once_it_is_empty);
    tcase_add_test(t, incidents_and_orders_end_with_what_they_are_about);
    tcase_add_test(t, tiers_come_and_go_and_a_demotion_stays_one);
    tcase_add_test(t, an_answer_that_nobody_could_fill_is_filled);
    suite_add_tcase(s, t);
    SRunner *r = srunner_create(s);
    srunner_run_all(r, CK_ENV);
    int failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
