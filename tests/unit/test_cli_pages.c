/* test_cli_pages.c: every open incident leads a person to the page of its kind, in `status` and in
 * `explain`, as text and as JSON. */
#include "core_world.h"

#include "journal/journal.h"
#include "wire/record.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { ANSWER_SIZE = 256 * 1024, RECORD_ROOM = 64 * 1024, KINDS = INCIDENT_LAST };

static char dir[64], path[96], answer[ANSWER_SIZE];

/* One open incident of each kind, numbered as the kinds are. */
static uint32_t open_all(struct incident *at)
{
    static const enum subject_kind about[KINDS + 1] = {
        [INCIDENT_LINK_CUT] = SUBJECT_LINK,           [INCIDENT_CONDUIT_CUT] = SUBJECT_CONDUIT,
        [INCIDENT_CARRIER_OUTAGE] = SUBJECT_CARRIER,  [INCIDENT_IDC_OUTAGE] = SUBJECT_IDC,
        [INCIDENT_IDC_ISOLATED] = SUBJECT_IDC,        [INCIDENT_REGION_DISASTER] = SUBJECT_REGION,
        [INCIDENT_OVERLOAD] = SUBJECT_SERVICE,        [INCIDENT_GRAY_FAILURE] = SUBJECT_SERVICE,
        [INCIDENT_BLIND_OBSERVER] = SUBJECT_OBSERVER, [INCIDENT_HELD] = SUBJECT_TARGET,
        [INCIDENT_SPLIT_FENCE] = SUBJECT_TARGET,
    };
    for (unsigned k = 1; k <= KINDS; k++) {
        at[k - 1] = (struct incident){.id = k,
                                      .kind = (enum incident_kind)k,
                                      .state = INCIDENT_CONFIRMED,
                                      .subject = {about[k], about[k] == SUBJECT_TARGET, 0},
                                      .rule = RULE_QUORUM_DOWN};
    }
    return KINDS;
}

static void put_record(struct journal *j, const struct record *r, int64_t offset)
{
    static uint8_t bytes[RECORD_ROOM];
    size_t size = 0;
    ck_assert_int_eq(record_encode(r, bytes, sizeof bytes, &size), OK);
    journal_put_record(j, offset, FOLD_ACCEPTED, false, bytes, size);
}

/* A decision that opened them all, and one that only notes a measured demand. */
static void put_decisions(struct journal *j, const struct world *w, struct incident *incidents)
{
    struct record r = {.kind = RECORD_DECIDE,
                       .log_id = w->control.log_id,
                       .writer = {w->fleet->idcs[0].partition, 1, 2},
                       .epoch = w->control.epoch,
                       .base = w->control.applied - 1};
    r.decide.purpose = DECIDE_NOTE;
    r.decide.generation = w->control.plan.fence.generation;
    r.decide.plan_digest = w->control.plan.fence.digest;
    r.decide.incidents = incidents;
    r.decide.incident_count = KINDS;
    put_record(j, &r, w->control.applied);
    struct demand_word word = {0};
    r.decide.incident_count = 0;
    r.decide.demands = &word;
    r.decide.demand_count = 1;
    put_record(j, &r, w->control.applied + 1);
}

/* The journal of a host that has seen one disaster of each kind. */
static void setup(void)
{
    strcpy(dir, "/tmp/test-cli-pages-XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(dir));
    snprintf(path, sizeof path, "%s/journal", dir);
    struct world *w = world_of_yaml(FLEETS "/three-idc.yaml");
    struct control *k = &w->control;
    k->incident_count = open_all(k->incidents);
    k->next_incident = KINDS + 1;
    size_t size = control_encoded_size(k);
    uint8_t *bytes = malloc(size);
    ck_assert_ptr_nonnull(bytes);
    struct codec out = codec_writer(bytes, size);
    control_codec(&out, k);
    ck_assert_int_eq(codec_finish(&out), OK);
    struct journal *j = NULL;
    ck_assert_int_eq(journal_open(path, JOURNAL_WRITE, 0, NULL, &j), OK);
    ck_assert_int_eq(journal_begin(j), OK);
    struct journal_identity identity = {.log_id = k->log_id, .era = k->era};
    snprintf(identity.fleet, sizeof identity.fleet, "%s", w->fleet->name);
    journal_put_identity(j, &identity);
    put_decisions(j, w, k->incidents);
    journal_put_control(j, k->applied, bytes, size);
    ck_assert_int_eq(journal_commit(j), OK);
    journal_close(j);
    free(bytes);
    world_free(w);
}

static void teardown(void)
{
    char lock[128];
    snprintf(lock, sizeof lock, "%s-lock", path);
    (void)unlink(path);
    (void)unlink(lock);
    ck_assert_int_eq(rmdir(dir), 0);
}

static const char *ask(const char *words)
{
    char command[512];
    snprintf(command, sizeof command, "%s %s --journal %s --control %s/none", SPILLWAY, words, path,
             dir);
    FILE *in = popen(command, "r");
    ck_assert_ptr_nonnull(in);
    size_t got = fread(answer, 1, sizeof answer - 1, in);
    answer[got] = '\0';
    ck_assert_msg(pclose(in) == 0, "%s: %s", command, answer);
    return answer;
}

START_TEST(status_names_the_page_of_each_incident)
{
    const char *at = ask("status");
    for (unsigned k = 1; k <= KINDS; k++) {
        char line[128];
        snprintf(line, sizeof line, "page: runbooks/incidents/%s.md\n",
                 incident_kind_name((enum incident_kind)k));
        at = strstr(at, line);
        ck_assert_msg(at != NULL, "no %s in:\n%s", line, answer);
    }
}
END_TEST

START_TEST(explain_names_the_page_of_its_incident_alone)
{
    for (unsigned k = 1; k <= KINDS; k++) {
        char words[64], line[128];
        snprintf(words, sizeof words, "explain incident %u", k);
        snprintf(line, sizeof line, "\npage: runbooks/incidents/%s.md\n",
                 incident_kind_name((enum incident_kind)k));
        const char *at = strstr(ask(words), "\npage: ");
        ck_assert_msg(at != NULL && strcmp(at, line) == 0, "not %s at the end of:\n%s", line,
                      answer);
    }
}
END_TEST

START_TEST(json_has_the_page_as_a_field)
{
    (void)ask("status --json");
    for (unsigned k = 1; k <= KINDS; k++) {
        char field[128];
        snprintf(field, sizeof field, "\"page\": \"runbooks/incidents/%s.md\"",
                 incident_kind_name((enum incident_kind)k));
        ck_assert_msg(strstr(answer, field) != NULL, "no %s in:\n%s", field, answer);
    }
}
END_TEST

/* What is measured changes all the time; nobody would find anything else among it. */
START_TEST(history_is_not_drowned_by_what_is_measured)
{
    ck_assert_ptr_nonnull(strstr(ask("journal dump"), "demand measured"));
    ck_assert_ptr_nonnull(strstr(ask("history"), "link-cut"));
    ck_assert_ptr_null(strstr(answer, "demand measured"));
}
END_TEST

/* The names of the pages are those of the kinds, and each is there. */
START_TEST(each_page_is_there)
{
    for (unsigned k = 1; k <= KINDS; k++) {
        char page[256];
        snprintf(page, sizeof page, "%s/%s.md", PAGES, incident_kind_name((enum incident_kind)k));
        ck_assert_msg(access(page, R_OK) == 0, "%s is not there", page);
    }
}
END_TEST

int main(void)
{
    Suite *s = suite_create("cli-pages");
    TCase *t = tcase_create("pages");
    tcase_add_checked_fixture(t, setup, teardown);
    tcase_add_test(t, status_names_the_page_of_each_incident);
    tcase_add_test(t, explain_names_the_page_of_its_incident_alone);
    tcase_add_test(t, json_has_the_page_as_a_field);
    tcase_add_test(t, history_is_not_drowned_by_what_is_measured);
    tcase_add_test(t, each_page_is_there);
    suite_add_tcase(s, t);
    SRunner *r = srunner_create(s);
    srunner_run_all(r, CK_ENV);
    int failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
