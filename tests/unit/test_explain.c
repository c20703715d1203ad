/* test_explain.c: the sentences, word for word (law 8). */
#include "core/explain.h"
#include "core_world.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct world *three(void)
{
    return world_of_yaml(FLEETS "/three-idc.yaml");
}

static char room[16384];

static const char *story(const struct world *w)
{
    struct text t = text_over(room, sizeof room);
    explain_decision(w->fleet, &w->decide, w->offset - 1, &t);
    ck_assert(!t.truncated);
    return room;
}

/* Runs until the next decision with this purpose. */
static void until(struct world *w, enum decide_purpose purpose)
{
    w->acknowledge = false;
    for (int i = 0; i < 400; i++) {
        if (world_tick(w, 50000) == purpose) {
            return;
        }
    }
    ck_abort_msg("the decision did not come");
}

static void expect(const char *golden, const char *got)
{
    ck_assert_msg(strcmp(golden, got) == 0, "expected:\n%s\ngot:\n%s", golden, got);
}

START_TEST(a_rescue)
{
    struct world *w = three();
    w->idc_dead[0] = true;
    until(w, DECIDE_RESCUE);
    expect(
        "Decision 2: rescue: traffic moved away from what is dead; now generation 2\n"
        "  incident 1: idc-outage, IDC beijing, confirmed; its way back waits for a person: "
        "spillway approve 1 --reason TEXT\n"
        "Seen:\n"
        "  IDC beijing is down for 2 s, seen by shanghai and shenzhen: enough observers agree that "
        "it is dark, for the whole confirmation window (rule 8)\n"
        "  link beijing-shanghai is down for 2 s, seen by shanghai: one end says it is down, the "
        "other is silent or differs (rule 6)\n"
        "  link beijing-shenzhen is down for 2 s, seen by shenzhen: one end says it is down, the "
        "other is silent or differs (rule 6)\n"
        "  from 2 fresh reports, the oldest 0 us old\n"
        "Changed:\n"
        "  web in region east: demoted recommend; tiers 0 to 2 stay\n"
        "  web for north-telecom: from web-beijing to web-shanghai (2 slots, 50 %, 50 requests/s) "
        "and web-shenzhen (2 slots, 50 %, 50 requests/s)\n"
        "  routes from shanghai to shenzhen: shanghai-shenzhen\n"
        "  routes from shenzhen to shanghai: shanghai-shenzhen\n"
        "Not done:\n"
        "  service ledger at beijing: not moved: it keeps state, and moving its users could lose "
        "data; a person decides: spillway drain SERVICE@IDC (guard stateful)\n"
        "  entrance web-shanghai over telecom: full: what it could not take went to the next that "
        "its "
        "users prefer (guard capacity)\n"
        "Guards passed: never-last, last-idc, core, quorum, cold-start, drain-budget, "
        "restore, pin and freeze\n"
        "Undo:\n"
        "  spillway approve 1 --reason TEXT brings it back in steps, once it is up and has held\n"
        "  spillway undo 2 --reason TEXT puts back what it replaced, and keeps it there (--dry-run "
        "first)\n",
        story(w));
    world_free(w);
}
END_TEST

START_TEST(a_cut)
{
    struct world *w = three();
    w->link_cut[0] = true;
    until(w, DECIDE_ROUTES);
    expect("Decision 2: next hops between IDCs; now generation 2\n"
           "  incident 1: link-cut, link beijing-shanghai, confirmed\n"
           "Seen:\n"
           "  link beijing-shanghai is down for 2 s, seen by beijing and shanghai: both ends say "
           "it is down (rule 5)\n"
           "  from 3 fresh reports, the oldest 0 us old\n"
           "Changed:\n"
           "  routes from beijing to shanghai: beijing-shenzhen, then beijing-shanghai\n"
           "  routes from shanghai to beijing: shanghai-shenzhen, then beijing-shanghai\n"
           "  routes from shenzhen to beijing: beijing-shenzhen\n"
           "  routes from shenzhen to shanghai: shanghai-shenzhen\n"
           "Guards passed: never-last, last-idc, core, quorum, cold-start, stateful, capacity, "
           "drain-budget, restore, pin and freeze\n"
           "Undo:\n"
           "  by itself, step by step, when what broke is up and has held\n"
           "  spillway undo 2 --reason TEXT puts back what it replaced, and keeps it there "
           "(--dry-run first)\n",
           story(w));
    world_free(w);
}
END_TEST

/* A person's word and what was made of it, down to how to end it. */
START_TEST(a_drain)
{
    struct world *w = three();
    struct operator_record drain = {.command = OPERATOR_DRAIN, .subject = {SUBJECT_IDC, 0, 0}};
    w->acknowledge = true;
    world_run(w, 10 * US_PER_SEC, 50000, 0);
    ck_assert_int_eq(world_command(w, &drain), FOLD_ACCEPTED);
    while (world_tick(w, 50000) != DECIDE_SHIFT) {
        ck_assert_int_lt(w->now.us, 3700 * US_PER_SEC);
    }
    struct text t = text_over(room, sizeof room);
    explain_order(w->fleet, &w->control.orders[0], w->control.log_time, &t);
    expect("order 1: drain of IDC beijing, by ann: checked; until it is taken back: spillway "
           "release 1 --reason TEXT",
           room);
    t = text_over(room, sizeof room);
    explain_decision(w->fleet, &w->decide, 2, &t);
    expect(
        "Decision 2: planned shift: one step away from what a person drains; now generation 3; "
        "follows order 1\n"
        "Seen: nothing out of order now\n"
        "  from 3 fresh reports, the oldest 0 us old\n"
        "Changed:\n"
        "  web for north-telecom: from web-beijing to web-shanghai (2 slots, 50 %, 50 "
        "requests/s)\n"
        "Not done:\n"
        "  service ledger at beijing: not moved: it keeps state, and moving its users could lose "
        "data; a person decides: spillway drain SERVICE@IDC (guard stateful)\n"
        "Guards passed: never-last, last-idc, core, quorum, cold-start, capacity, drain-budget, "
        "restore, pin and freeze\n"
        "Undo:\n"
        "  spillway release 1 --reason TEXT ends the order, and brings it back in steps\n"
        "  spillway undo 2 --reason TEXT puts back what it replaced, and keeps it there "
        "(--dry-run first)\n",
        room);
    world_free(w);
}
END_TEST

/* The worked example of docs/diagnosis.md and docs/planning.md. */
START_TEST(a_carrier)
{
    struct world *w = three();
    w->carrier_off[0] = true;
    until(w, DECIDE_RESCUE);
    expect(
        "Decision 2: rescue: traffic moved away from what is dead; now generation 2\n"
        "  incident 1: carrier-outage, carrier telecom at beijing, confirmed\n"
        "Seen:\n"
        "  carrier telecom is degraded for 2 s, seen by beijing: some observers see it good, some "
        "bad (rule 16)\n"
        "  carrier telecom at beijing is down for 2 s, seen by shanghai and shenzhen: all that the "
        "carrier reaches there is dark to enough observers whose references over it are good, and "
        "the IDC is seen good over something else (rule 17)\n"
        "  from 3 fresh reports, the oldest 0 us old\n"
        "Changed:\n"
        "  web in region east: demoted recommend; tiers 0 to 2 stay\n"
        "  web for north-telecom: from web-beijing to web-shanghai (2 slots, 50 %, 50 requests/s) "
        "and web-shenzhen (2 slots, 50 %, 50 requests/s)\n"
        "Not done:\n"
        "  service ledger at beijing: not moved: it keeps state, and moving its users could lose "
        "data; a person decides: spillway drain SERVICE@IDC (guard stateful)\n"
        "  entrance web-shanghai over telecom: full: what it could not take went to the next that "
        "its users prefer (guard capacity)\n"
        "Guards passed: never-last, last-idc, core, quorum, cold-start, drain-budget, restore, "
        "pin and freeze\n"
        "Undo:\n"
        "  by itself, step by step, when what broke is up and has held\n"
        "  spillway undo 2 --reason TEXT puts back what it replaced, and keeps it there (--dry-run "
        "first)\n",
        story(w));
    world_free(w);
}
END_TEST

START_TEST(a_carrier_everywhere)
{
    struct world *w = three();
    w->carrier_dead[0] = true;
    until(w, DECIDE_NOTE);
    expect(
        "Decision 2: noted, nothing moved; still generation 1\n"
        "  incident 1: carrier-outage, carrier telecom, confirmed\n"
        "Seen:\n"
        "  carrier telecom is down for 2 s, seen by beijing, shanghai and shenzhen: everything "
        "over this carrier, references too, is dark to enough observers who see the rest of the "
        "world, and nobody sees anything over it (rule 18)\n"
        "  from 3 fresh reports, the oldest 0 us old\n"
        "Changed: nothing\n"
        "Not done:\n"
        "  carrier telecom: its users' answers stay as they are, because nothing is seen over it "
        "anywhere (guard last-idc)\n"
        "Guards passed: never-last, core, quorum, cold-start, stateful, capacity, drain-budget, "
        "restore, pin and freeze\n"
        "Undo: there is nothing to undo\n",
        story(w));
    world_free(w);
}
END_TEST

START_TEST(a_trench)
{
    struct world *w = three();
    w->link_cut[world_link(w, "shanghai-shenzhen")] = true;
    w->link_cut[world_link(w, "beijing-shenzhen")] = true;
    until(w, DECIDE_ROUTES);
    expect(
        "Decision 2: next hops between IDCs; now generation 2\n"
        "  incident 1: idc-isolated, IDC shenzhen, confirmed\n"
        "  incident 2: conduit-cut, conduit coast-trench, confirmed\n"
        "Seen:\n"
        "  conduit coast-trench is down for 2.7 s, seen by beijing, shanghai and shenzhen: all "
        "links of the conduit are down (rule 20)\n"
        "  the backbone at shenzhen is down for 2.7 s, seen by beijing, shanghai and shenzhen: "
        "all its links to living IDCs are down, and its entrances are seen good from outside "
        "(rule 21)\n"
        "  link shanghai-shenzhen is down for 2.7 s, seen by shanghai and shenzhen: both ends say "
        "it is down (rule 5)\n"
        "  link beijing-shenzhen is down for 2.7 s, seen by beijing and shenzhen: both ends say "
        "it is down (rule 5)\n"
        "  from 3 fresh reports, the oldest 0 us old\n"
        "Changed:\n"
        "  routes from beijing to shanghai: beijing-shanghai\n"
        "  routes from shanghai to beijing: beijing-shanghai\n"
        "Not done:\n"
        "  service ledger at shenzhen: not moved: it keeps state, and moving its users could lose "
        "data; a person decides: spillway drain SERVICE@IDC (guard stateful)\n"
        "Guards passed: never-last, last-idc, core, quorum, cold-start, capacity, drain-budget, "
        "restore, pin and freeze\n"
        "Undo:\n"
        "  by itself, step by step, when what broke is up and has held\n"
        "  spillway undo 2 --reason TEXT puts back what it replaced, and keeps it there (--dry-run "
        "first)\n",
        story(w));
    world_free(w);
}
END_TEST

START_TEST(a_line)
{
    struct world *w = three();
    w->idc_dead[0] = true;
    until(w, DECIDE_RESCUE);
    struct record r = {.kind = RECORD_DECIDE, .decide = w->decide};
    struct text t = text_over(room, sizeof room);
    explain_line(w->fleet, &r, 3, &t);
    expect("3 DECIDE: rescue, generation 2: 4 slots moved, 1 demotion, 2 routes changed; "
           "idc-outage of IDC beijing confirmed",
           room);
    world_free(w);
}
END_TEST

/* "Changed:" of the decision. */
static const char *changed(const struct world *w)
{
    char *from = strstr(story(w), "Changed:");
    ck_assert_ptr_nonnull(from);
    char *end = strstr(from, "\nGuards");
    end = end == NULL ? strstr(from, "\nUndo") : end;
    ck_assert_ptr_nonnull(end);
    *end = '\0';
    return from;
}

START_TEST(a_spike)
{
    struct world *w = three();
    w->loads = LOADS_VIEWS;
    w->users_rps[0] = 320;
    w->says[0].saturation_ppm = 500000;
    ck_assert_int_eq(world_tick(w, 50000), DECIDE_NOTE);
    expect("Changed:\n"
           "  demand of web in north-telecom is as declared, 100/s; 320/s is measured and counts "
           "when it has held",
           changed(w));
    for (int i = 0; i < 400 && w->control.demand[0].rps == 0; i++) {
        (void)world_tick(w, 50000);
    }
    expect("Changed:\n  demand of web in north-telecom is now 320/s, measured; declared 100/s",
           changed(w));
    struct record r = {.kind = RECORD_DECIDE, .decide = w->decide};
    struct text t = text_over(room, sizeof room);
    explain_line(w->fleet, &r, 3, &t);
    expect("3 DECIDE: note: 1 demand measured", room);
    world_free(w);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("explain");
    TCase *t = tcase_create("sentences");
    tcase_add_test(t, a_rescue);
    tcase_add_test(t, a_cut);
    tcase_add_test(t, a_carrier);
    tcase_add_test(t, a_carrier_everywhere);
    tcase_add_test(t, a_trench);
    tcase_add_test(t, a_drain);
    tcase_add_test(t, a_line);
    tcase_add_test(t, a_spike);
    suite_add_tcase(s, t);
    SRunner *r = srunner_create(s);
    srunner_run_all(r, CK_NORMAL);
    int failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed == 0 ? 0 : 1;
}
