/* test_spillwayd.c: real spillwayds on a development broker or on Apache Kafka: elections, crashes,
 * restarts, bad input, full disks. */
#include "daemon_stage.h"
#include "journal/journal.h"
#include "wire/local.h"
#include "wire/record.h"
#include "wire/report.h"

#include <check.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static struct stage stage;

static void setup(void)
{
    stage_open(&stage);
    stage_broker(&stage);
}

static void teardown(void)
{
    stage_close(&stage);
}

static int64_t applied_of(int daemon)
{
    json_t *status = stage_status(&stage, daemon);
    json_t *applied = json_object_get(status, "applied");
    ck_assert(json_is_integer(applied));
    int64_t value = json_integer_value(applied);
    json_decref(status);
    return value;
}

START_TEST(waits_for_genesis_and_elects)
{
    for (int i = 0; i < STAGE_DAEMONS; i++) {
        stage_start(&stage, i);
        stage_await_text(&stage, i, "phase", "waiting");
    }
    stage_await_number(&stage, 0, "log_end", 0);
    stage_genesis(&stage, 1, 0, 1);
    int first = stage_await_leader(&stage);
    ck_assert_int_eq(stage_stop(&stage, first, SIGKILL), -SIGKILL);
    int second = stage_await_leader(&stage);
    ck_assert_int_ne(first, second);
    stage_start(&stage, first); /* goes on from its journal and catches up */
    stage_await_number(&stage, first, "applied", applied_of(second));
    stage_await_text(&stage, first, "phase", "following");
    ck_assert_int_eq(stage_await_leader(&stage), second);
    json_t *status = stage_status(&stage, first);
    ck_assert(json_is_null(json_object_get(status, "halted")));
    json_decref(status);
    /* A leader that is asked to stop yields: the others need not wait for its lease. */
    ck_assert_int_eq(stage_stop(&stage, second, SIGTERM), 0);
    int third = stage_await_leader(&stage);
    ck_assert_int_ne(second, third);
    for (int i = 0; i < STAGE_DAEMONS; i++) {
        if (i != second) {
            ck_assert_int_eq(stage_stop(&stage, i, SIGTERM), 0);
        }
    }
    ck_assert_int_gt(stage_compare_journals(&stage, 0, 1), 3);
    ck_assert_int_gt(stage_compare_journals(&stage, 1, 2), 3);
}
END_TEST

START_TEST(kill_9_at_any_instant_resumes)
{
    stage_genesis(&stage, 1, 0, 1);
    stage_start(&stage, 1);
    for (int round = 0; round < 8; round++) {
        stage_start(&stage, 0);
        stage_await_text(&stage, 0, "phase", "following");
        stage_await_number(&stage, 0, "applied", round);
        ck_assert_int_eq(stage_stop(&stage, 0, SIGKILL), -SIGKILL);
        struct journal_view *v;
        struct journal *j = stage_journal(&stage, 0, &v);
        journal_view_close(v);
        journal_close(j);
    }
    ck_assert_int_eq(stage_stop(&stage, 1, SIGTERM), 0);
    ck_assert_int_gt(stage_compare_journals(&stage, 0, 1), 1);
}
END_TEST

START_TEST(bad_control_messages_are_answered_and_counted)
{
    static const char *const bad[] = {
        "nonsense\n",
        "{}\n",
        "[1]\n",
        "{\"request\":3}\n",
        "{\"request\":\"fly\"}\n",
        "{\"request\":\"approve\"}\n",
        "{\"request\":\"approve\",\"id\":\"00\",\"incident\":1,\"reason\":\"x\"}\n",
        "{\"request\":\"approve\",\"id\":\"00112233445566778899aabbccddeeff\",\"incident\":-1,"
        "\"reason\":\"x\"}\n",
        "{\"request\":\"approve\",\"id\":\"00112233445566778899aabbccddeeff\",\"incident\":1,"
        "\"reason\":\"\"}\n",
        "{\"request\":\"approve\",\"id\":\"00112233445566778899aabbccddeeff\",\"incident\":1,"
        "\"reason\":\"a\\nb\"}\n",
        "{\"request\":\"approve\",\"id\":\"00112233445566778899aabbccddeeff\",\"incident\":1,"
        "\"reason\":\"a\\u0085b\"}\n",
        "{\"request\":\"status\",\"request\":\"status\"}\n",
        "\xff\xfe\n",
        "\n",
    };
    int count = (int)(sizeof bad / sizeof bad[0]);
    stage_start(&stage, 0);
    int fd = stage_connect(&stage, 0, "control");
    for (int i = 0; i < count; i++) {
        json_t *answer = stage_ask(fd, bad[i]);
        ck_assert_msg(json_is_false(json_object_get(answer, "ok")), "%s", bad[i]);
        ck_assert_int_eq(json_integer_value(json_object_get(answer, "status")), ERR_INVALID);
        json_decref(answer);
    }
    json_t *answer =
        stage_ask(fd, "{\"request\":\"approve\",\"id\":\"00112233445566778899aabbccddeeff\","
                      "\"incident\":1,\"reason\":\"too early\"}\n");
    ck_assert_int_eq(json_integer_value(json_object_get(answer, "status")), ERR_UNAVAILABLE);
    json_decref(answer);
    size_t size = 5 * 1024 * 1024;
    char *longest = malloc(size);
    ck_assert_ptr_nonnull(longest);
    memset(longest, 'a', size);
    (void)send(fd, longest, size, MSG_NOSIGNAL);
    free(longest);
    json_decref(stage_ask(fd, "\n"));
    ck_assert_ptr_null(
        stage_ask(fd, "{\"request\":\"status\"}\n")); /* that line ended the connection */
    close(fd);
    stage_await_number(&stage, 0, "counters.bad_requests", count + 1);
    struct stat st;
    char path[108];
    stage_path(&stage, 0, "control", path);
    ck_assert_int_eq(stat(path, &st), 0);
    ck_assert_uint_eq(st.st_mode & 0777, 0660);
}
END_TEST

START_TEST(too_many_clients_are_closed)
{
    int fds[20], closed = 0;
    stage_start(&stage, 0);
    for (int i = 0; i < 20; i++) {
        fds[i] = stage_connect(&stage, 0, "control");
    }
    for (int i = 0; i < 20; i++) {
        json_t *status = stage_ask(fds[i], "{\"request\":\"status\"}\n");
        closed += status == NULL ? 1 : 0;
        json_decref(status);
    }
    ck_assert_int_eq(closed, 4);
    for (int i = 0; i < 20; i++) {
        close(fds[i]);
    }
    stage_await_number(&stage, 0, "counters.control_refused", 4);
}
END_TEST

START_TEST(approve_is_answered_by_the_log_and_once)
{
    static const char line[] =
        "{\"request\":\"approve\",\"id\":\"00112233445566778899aabbccddeeff\","
        "\"incident\":7,\"reason\":\"a test\"}\n";
    stage_genesis(&stage, 1, 0, 1);
    stage_start(&stage, 0);
    ck_assert_int_eq(stage_await_leader(&stage), 0);
    int fd = stage_connect(&stage, 0, "control");
    for (int i = 0; i < 2; i++) { /* no such incident: folded, refused, and not again */
        json_t *answer = stage_ask(fd, line);
        ck_assert_int_eq(json_integer_value(json_object_get(answer, "status")), ERR_NOT_FOUND);
        json_decref(answer);
    }
    close(fd);
}
END_TEST

/* Reads one frame from the daemon; the body is thrown away. */
static enum local_type read_frame(int fd, uint16_t *ret_idc)
{
    static uint8_t data[1024 * 1024];
    size_t len = 0, used;
    struct local_message m;
    int status;
    while ((status = local_decode(data, len, &m, &used)) == ERR_TRUNCATED) {
        struct pollfd p = {.fd = fd, .events = POLLIN};
        ck_assert_int_eq(poll(&p, 1, 30000), 1);
        ssize_t n = recv(fd, data + len, sizeof data - len, 0);
        ck_assert_int_gt(n, 0);
        len += (size_t)n;
    }
    ck_assert_int_eq(status, OK);
    *ret_idc = m.type == LOCAL_FLEET ? m.fleet.idc : FLEET_NONE;
    return m.type;
}

static void send_edge(int fd, bool down, int64_t held_us)
{
    uint8_t frame[LOCAL_EDGE_SIZE];
    size_t size;
    struct local_message m = {.type = LOCAL_EDGE,
                              .edge = {.link = 0, .end = 0, .down = down, .held_us = held_us}};
    ck_assert_int_eq(local_encode(&m, frame, sizeof frame, &size), OK);
    ck_assert_int_eq(send(fd, frame, size, MSG_NOSIGNAL), (ssize_t)size);
}

START_TEST(downs_are_numbered_and_survive_kill_9)
{
    uint16_t idc;
    stage_genesis(&stage, 1, 0, 1);
    stage_start(&stage, 0);
    stage_await_text(&stage, 0, "phase", "following");
    stage_await_text(&stage, 0, "fleet", "three-idc");
    int fd = stage_connect(&stage, 0, "probe");
    ck_assert_int_eq(read_frame(fd, &idc), LOCAL_FLEET);
    ck_assert_uint_eq(idc, 0);
    send_edge(fd, true, 1000);
    send_edge(fd, false, 0);
    send_edge(fd, true, 0);
    stage_await_number(&stage, 0, "counters.edges", 3);
    stage_await_number(&stage, 0, "links.0.number", 2);
    close(fd);
    fd = stage_connect(&stage, 0, "probe"); /* repeats what has held for long: no new down */
    ck_assert_int_eq(read_frame(fd, &idc), LOCAL_FLEET);
    send_edge(fd, true, 3600 * US_PER_SEC);
    stage_await_number(&stage, 0, "counters.edges", 4);
    send(fd, "\xff\xff\xff\xff\xff", 5,
         MSG_NOSIGNAL); /* a frame without sense ends the connection */
    char end;
    ck_assert_int_eq(recv(fd, &end, 1, 0), 0);
    close(fd);
    ck_assert_int_eq(stage_stop(&stage, 0, SIGKILL), -SIGKILL);
    stage_start(&stage, 0);
    stage_await_text(&stage, 0, "phase", "following");
    json_t *status = stage_status(&stage, 0);
    json_t *link = json_array_get(json_object_get(status, "links"), 0);
    ck_assert_int_eq(json_integer_value(json_object_get(link, "number")), 2);
    ck_assert(json_is_true(json_object_get(link, "down")));
    json_decref(status);
}
END_TEST

START_TEST(a_full_disk_stops_acting_and_names_the_remedy)
{
    stage_genesis(&stage, 1, 0, 1);
    stage_start_bounded(&stage, 0, (size_t)_i * 1024);
    stage_await_text(&stage, 0, "phase", "failed");
    json_t *status = stage_status(&stage, 0); /* it lives, and says so */
    const char *why = json_string_value(json_object_get(status, "why"));
    ck_assert_ptr_nonnull(why);
    ck_assert_ptr_nonnull(strstr(why, "free space"));
    json_decref(status);
    ck_assert_int_eq(stage_stop(&stage, 0, SIGTERM), 1);
    stage_start(&stage, 0); /* with room again it goes on */
    ck_assert_int_eq(stage_await_leader(&stage), 0);
}
END_TEST

START_TEST(nothing_is_acted_on_before_the_commit)
{
    char features[108];
    stage_genesis(&stage, 1, 0, 1);
    stage_start_bounded(&stage, 0,
                        (size_t)36 * 1024); /* an empty journal fits, the GENESIS does not */
    stage_await_text(&stage, 0, "phase", "failed");
    stage_path(&stage, 0, "features.json", features);
    ck_assert_int_ne(access(features, F_OK), 0);
    ck_assert_int_eq(stage_stop(&stage, 0, SIGTERM), 1);
    ck_assert_int_ne(access(features, F_OK), 0);
    stage_start(&stage, 0);
    ck_assert_int_eq(stage_await_leader(&stage), 0);
    stage_await_text(&stage, 0, "actuators.3.text", "ok");
    ck_assert_int_eq(access(features, F_OK), 0);
}
END_TEST

/* _i: how many records more than the journal's the other log has; fewer when negative. */
START_TEST(another_log_is_refused_and_a_successor_is_followed)
{
    stage_genesis(&stage, 1, 0, 1);
    stage_start(&stage, 0);
    ck_assert_int_eq(stage_await_leader(&stage), 0);
    ck_assert_int_eq(stage_stop(&stage, 0, SIGTERM), 0);
    int64_t applied;
    size_t size;
    struct journal_view *v;
    struct journal *j = stage_journal(&stage, 0, &v);
    ck_assert_int_eq(journal_control_size(v, &size, &applied), OK);
    journal_view_close(v);
    journal_close(j);

    stage_broker(&stage); /* its log is gone with it */
    stage_genesis(&stage, 2, 0, 2);
    for (int64_t i = 1; i <= applied + _i; i++) {
        stage_append(&stage, "filled again", 12);
    }
    stage_start(&stage, 0);
    stage_await_text(&stage, 0, "phase", "refused");
    json_t *status = stage_status(&stage, 0);
    ck_assert_int_eq(json_integer_value(json_object_get(status, "applied")), applied);
    ck_assert_int_eq(json_integer_value(json_object_get(status, "era")), 1);
    json_decref(status);
    ck_assert_int_eq(stage_stop(&stage, 0, SIGTERM), 0);

    stage_broker(&stage);
    stage_genesis(&stage, 3, 1, 2);
    stage_start(&stage, 0);
    stage_await_text(&stage, 0, "phase", "following");
    stage_await_number(&stage, 0, "era", 2);
    ck_assert_int_eq(stage_await_leader(&stage), 0);
    char archive[108];
    stage_path(&stage, 0, "journal.era-1", archive);
    ck_assert_int_eq(access(archive, F_OK), 0);
}
END_TEST

START_TEST(a_log_that_is_made_anew_under_a_running_daemon_is_refused)
{
    stage_genesis(&stage, 1, 0, 1);
    stage_start(&stage, 0);
    ck_assert_int_eq(stage_await_leader(&stage), 0);
    int64_t applied = applied_of(0);
    stage_await_number(&stage, 0, "applied", applied + 4);
    stage_broker(&stage);
    stage_genesis(&stage, 2, 0, 2);
    stage_await_text(&stage, 0, "phase", "refused");
    json_t *status = stage_status(&stage, 0);
    ck_assert_int_eq(json_integer_value(json_object_get(status, "era")), 1);
    json_decref(status);
    ck_assert_int_eq(stage_stop(&stage, 0, SIGTERM), 0);
}
END_TEST

static json_int_t number_of(int daemon, const char *key)
{
    json_t *status = stage_status(&stage, daemon);
    json_int_t n = json_integer_value(json_object_get(status, key));
    json_decref(status);
    return n;
}

/* Until nothing is left of what was on its way: else a late heartbeat takes offset 0 of the next.
 */
static void lose_broker(void)
{
    stage_lose_broker(&stage);
    for (int i = 0; i < 2; i++) {
        stage_await_number(&stage, i, "uptime_us", number_of(i, "uptime_us") + 6 * US_PER_SEC);
    }
}

/* A disaster of the bus: the log is gone under running daemons, and a person begins its successor.
 * They go over to it by themselves, with what only they know, and leave the old log archived. */
START_TEST(a_successor_is_adopted_while_running)
{
    uint16_t idc;
    char archive[108];
    stage_genesis(&stage, 1, 0, 1);
    stage_start(&stage, 0);
    stage_start(&stage, 1);
    int leader = stage_await_leader(&stage);
    stage_await_text(&stage, 0, "fleet", "three-idc");
    int fd = stage_connect(&stage, 0, "probe");
    ck_assert_int_eq(read_frame(fd, &idc), LOCAL_FLEET);
    send_edge(fd, true, 1000);
    stage_await_number(&stage, 0, "links.0.number", 1);
    stage_await_number(&stage, leader, "applied", applied_of(leader) + 4);
    lose_broker();
    stage_broker(&stage);
    stage_await_text(&stage, 0, "phase", "refused"); /* waits for a word at offset 0 */
    stage_genesis(&stage, 3, 1, 2);
    for (int i = 0; i < 2; i++) {
        stage_await_number(&stage, i, "era", 2);
        stage_await_text(&stage, i, "phase", "following");
        stage_path(&stage, i, "journal.era-1", archive);
        ck_assert_int_eq(access(archive, F_OK), 0);
    }
    leader = stage_await_leader(&stage);
    ck_assert_int_eq(read_frame(fd, &idc), LOCAL_FLEET); /* the probe is told again */
    stage_await_number(&stage, 0, "links.0.number", 1);
    close(fd);
    stage_await_number(&stage, leader, "applied", 4);
    ck_assert_int_eq(stage_stop(&stage, 0, SIGTERM), 0);
    ck_assert_int_eq(stage_stop(&stage, 1, SIGTERM), 0);
    ck_assert_int_gt(stage_compare_journals(&stage, 0, 1), 1);
    stage_start(&stage, 0);
    stage_await_text(&stage, 0, "phase", "following");
    stage_await_number(&stage, 0, "era", 2);
}
END_TEST

/* One link more, at the front: every index moves. */
static void grow_fleet(void)
{
    struct fleet *f = stage.fleet;
    static struct link links[FLEET_MAX_LINKS];
    ck_assert_uint_lt(f->link_count, FLEET_MAX_LINKS);
    memcpy(&links[1], f->links, f->link_count * sizeof *links);
    links[0] = links[1];
    strcpy(links[0].name, "another");
    for (int end = 0; end < 2; end++) {
        strcpy(links[0].end[end].interface, "another0");
    }
    f->links = links;
    f->link_count++;
    for (uint16_t i = 0; i < f->conduit_count; i++) {
        for (uint16_t n = 0; n < f->conduits[i].link_count; n++) {
            f->conduits[i].links[n]++;
        }
    }
}

/* Everything that is made from the fleet is made anew when another one is folded, and what this
 * host knows of a link follows its name. */
START_TEST(another_fleet_is_equipped_while_running)
{
    uint16_t idc;
    stage_genesis(&stage, 1, 0, 1);
    stage_start(&stage, 0);
    stage_start(&stage, 1);
    (void)stage_await_leader(&stage);
    stage_await_text(&stage, 0, "fleet", "three-idc");
    json_t *status = stage_status(&stage, 0);
    size_t ends = json_array_size(json_object_get(status, "links"));
    json_decref(status);
    int fd = stage_connect(&stage, 0, "probe");
    ck_assert_int_eq(read_frame(fd, &idc), LOCAL_FLEET);
    send_edge(fd, true, 1000);
    stage_await_number(&stage, 0, "links.0.number", 1);
    lose_broker();
    stage_broker(&stage);
    grow_fleet();
    stage_genesis(&stage, 3, 1, 2);
    stage_await_number(&stage, 0, "era", 2);
    ck_assert_int_eq(read_frame(fd, &idc), LOCAL_FLEET);
    close(fd);
    stage_await_text(&stage, 0, "links.0.link", "another");
    status = stage_status(&stage, 0);
    json_t *links = json_object_get(status, "links");
    ck_assert_uint_eq(json_array_size(links), ends + 1);
    for (size_t i = 0; i < 2; i++) {
        json_t *number = json_object_get(json_array_get(links, i), "number");
        ck_assert_int_eq(json_integer_value(number), (json_int_t)i);
    }
    json_decref(status);
    (void)stage_await_leader(&stage);
    stage_await_text(&stage, 0, "actuators.3.text", "ok"); /* features: acted on again */
}
END_TEST

/* One stray record of another log makes a daemon look at the first record again, and go on. */
START_TEST(a_record_of_another_log_strays_into_ours)
{
    uint8_t bytes[4096];
    size_t size;
    struct record r = {.kind = RECORD_CLAIM,
                       .log_id = {.bytes = {9}},
                       .writer = {.replica = 0, .incarnation = 1, .sequence = 1},
                       .epoch = 1};
    ck_assert_int_eq(record_encode(&r, bytes, sizeof bytes, &size), OK);
    stage_genesis(&stage, 1, 0, 1);
    stage_start(&stage, 0);
    ck_assert_int_eq(stage_await_leader(&stage), 0);
    stage_append(&stage, bytes, size);
    int64_t applied = applied_of(0);
    stage_await_number(&stage, 0, "applied", applied + 8);
    stage_await_text(&stage, 0, "phase", "following");
    ck_assert_int_eq(stage_await_leader(&stage), 0);
}
END_TEST

/* A crash between leaving the old log and folding the first record of the new one. */
START_TEST(a_journal_that_is_bound_and_empty_follows_its_log)
{
    char path[108];
    struct journal *j = NULL;
    struct journal_identity identity = {.fleet = "three-idc", .era = 2};
    memset(&identity.log_id, 3, sizeof identity.log_id);
    stage_path(&stage, 0, "journal", path);
    ck_assert_int_eq(journal_open(path, JOURNAL_WRITE, 0, NULL, &j), OK);
    ck_assert_int_eq(journal_begin(j), OK);
    journal_put_identity(j, &identity);
    ck_assert_int_eq(journal_commit(j), OK);
    journal_close(j);
    stage_genesis(&stage, 3, 1, 2);
    stage_start(&stage, 0);
    stage_await_text(&stage, 0, "phase", "following");
    stage_await_number(&stage, 0, "era", 2);
}
END_TEST

START_TEST(a_log_that_is_not_ours_is_refused)
{
    stage_append(&stage, "what is this?", 13);
    stage_start(&stage, 0);
    stage_await_text(&stage, 0, "phase", "refused");
}
END_TEST

START_TEST(garbage_in_the_log_is_dropped)
{
    stage_genesis(&stage, 1, 0, 1);
    stage_append(&stage, "garbage", 7);
    stage_start(&stage, 0);
    ck_assert_int_eq(stage_await_leader(&stage), 0);
    stage_append(&stage, "", 0);
    stage_append(&stage, "\x08\x01\xff\xff\xff", 5);
    stage_await_number(&stage, 0, "counters.bad_records", 3);
    int64_t applied = applied_of(0);
    stage_await_number(&stage, 0, "applied", applied + 4); /* it still leads */
    ck_assert_int_eq(stage_stop(&stage, 0, SIGTERM), 0);
    stage_start(&stage, 0);
    ck_assert_int_eq(stage_await_leader(&stage), 0);
}
END_TEST

static const uint8_t secret[32] = "a secret that the probe also has";

static void write_key(const char *id)
{
    char path[128];
    snprintf(path, sizeof path, "%s/%s.key", stage.dir, id);
    FILE *f = fopen(path, "w");
    ck_assert_ptr_nonnull(f);
    fputs("YSBzZWNyZXQgdGhhdCB0aGUgcHJvYmUgYWxzbyBoYXM=\n", f);
    ck_assert_int_eq(fclose(f), 0);
    ck_assert_int_eq(chmod(path, 0600), 0);
}

/* Sends a report of beijing's probe to a partition, signed with this secret. */
static void report_of(uint16_t partition, const uint8_t *key_bytes, uint64_t incarnation,
                      uint64_t sequence)
{
    static struct target targets[REPORT_MAX_TARGETS];
    static struct observation observations[REPORT_MAX_TARGETS];
    static uint8_t bytes[REPORT_MAX_BYTES], fleet[256 * 1024];
    int count = targets_for_idc(stage.fleet, 0, targets, REPORT_MAX_TARGETS);
    ck_assert_int_gt(count, 0);
    for (int i = 0; i < count; i++) {
        observations[i] = (struct observation){.health = HEALTH_UP, .held_us = 1000000};
    }
    struct report r = {.observer = 0,
                       .incarnation = incarnation,
                       .sequence = sequence,
                       .sent_us = (int64_t)sequence * 1000,
                       .fleet = fleet_digest(stage.fleet, fleet, sizeof fleet),
                       .count = (uint32_t)count,
                       .observations = observations};
    struct report_key key = {.id = "probe-beijing", .secret = key_bytes, .size = 32};
    size_t size;
    ck_assert_int_eq(report_encode(&r, &key, bytes, sizeof bytes, &size), OK);
    stage_report(&stage, partition, bytes, size);
}

static void report(uint16_t partition, const uint8_t *key_bytes, uint64_t sequence)
{
    report_of(partition, key_bytes, 1, sequence);
}

/* Signed once, replayed later: a daemon that has just started knows from its journal what it took
 * before, and believes neither an earlier life of the probe nor earlier words of this one. */
START_TEST(old_reports_stay_refused_after_a_restart)
{
    write_key("probe-beijing");
    stage_genesis(&stage, 1, 0, 1);
    stage_start(&stage, 0);
    ck_assert_int_eq(stage_await_leader(&stage), 0);
    report_of(0, secret, 5, 100);
    stage_await_number(&stage, 0, "observers.0.incarnation", 5);
    report_of(0, secret, 6, 1);
    stage_await_number(&stage, 0, "observers.0.incarnation", 6);
    ck_assert_int_eq(stage_stop(&stage, 0, SIGKILL), -SIGKILL); /* a new life is kept at once */
    report_of(0, secret, 5, 101); /* so that the newest in its partition is a replay */
    stage_start(&stage, 0);
    ck_assert_int_eq(stage_await_leader(&stage), 0);
    report_of(0, secret, 5, 102);
    stage_await_number(&stage, 0, "counters.bad_reports", 2);
    report_of(0, secret, 6, 7);
    stage_await_number(&stage, 0, "observers.0.sequence", 7);
    ck_assert_int_eq(stage_stop(&stage, 0, SIGTERM), 0); /* an orderly end keeps the sequence too */
    report_of(0, secret, 6, 5);
    stage_start(&stage, 0);
    ck_assert_int_eq(stage_await_leader(&stage), 0);
    report_of(0, secret, 6, 6);
    stage_await_number(&stage, 0, "counters.reports", 2);
    json_t *status = stage_status(&stage, 0);
    json_t *seat = json_array_get(json_object_get(status, "observers"), 0);
    ck_assert(json_is_false(json_object_get(seat, "seen")));
    json_decref(status);
    report_of(0, secret, 6, 8);
    stage_await_number(&stage, 0, "observers.0.sequence", 8);
}
END_TEST

START_TEST(reports_are_verified)
{
    static const uint8_t wrong[32] = "a secret that nobody else knows.";
    write_key("probe-beijing");
    stage_genesis(&stage, 1, 0, 1);
    stage_start(&stage, 0);
    ck_assert_int_eq(stage_await_leader(&stage), 0);
    report(0, wrong, 7); /* forged */
    stage_await_number(&stage, 0, "counters.bad_reports", 1);
    report(1, secret, 8); /* another observer's partition */
    stage_await_number(&stage, 0, "counters.bad_reports", 2);
    json_t *status = stage_status(&stage, 0);
    json_t *seat = json_array_get(json_object_get(status, "observers"), 0);
    ck_assert(json_is_false(json_object_get(seat, "seen")));
    json_decref(status);
    report(0, secret, 9);
    stage_await_number(&stage, 0, "observers.0.sequence", 9);
    report(0, secret, 8); /* replayed: history, not evidence */
    report(0, secret, 10);
    stage_await_number(&stage, 0, "observers.0.sequence", 10);
    stage_await_number(&stage, 0, "counters.reports", 3);
}
END_TEST

static int run(const char *a, const char *b, const char *c)
{
    pid_t pid = fork();
    if (pid == 0) {
        ck_assert_ptr_nonnull(freopen("/dev/null", "w", stdout));
        ck_assert_ptr_nonnull(freopen("/dev/null", "w", stderr));
        execl(SPILLWAYD, "spillwayd", a, b, c, (char *)NULL);
        _exit(127);
    }
    int status;
    ck_assert_int_eq(waitpid(pid, &status, 0), pid);
    return WEXITSTATUS(status);
}

START_TEST(the_command_line)
{
    char path[108];
    stage_path(&stage, 0, "bad.yaml", path);
    FILE *f = fopen(path, "w");
    fputs("idc: 3\nspeed: fast\n", f);
    fclose(f);
    ck_assert_int_eq(run("--help", NULL, NULL), 0);
    ck_assert_int_eq(run("--version", NULL, NULL), 0);
    ck_assert_int_eq(run("--fly", NULL, NULL), 2);
    ck_assert_int_eq(run(NULL, NULL, NULL), 2);
    ck_assert_int_eq(run("--config", "/nonexistent", NULL), 1);
    ck_assert_int_eq(run("--config", path, "--check"), 1);
    stage_start(&stage, 0);
    stage_await_text(&stage, 0, "phase", "waiting");
    stage_path(&stage, 0, "settings.yaml", path);
    ck_assert_int_eq(run("--config", path, "--check"), 0);
    ck_assert_int_eq(run("--config", path, NULL), 1); /* the journal has its writer */
    stage_await_text(&stage, 0, "phase", "waiting");  /* ... which has not noticed */
}
END_TEST

static Suite *spillwayd_suite(void)
{
    Suite *s = suite_create("spillwayd");
    TCase *t = tcase_create("spillwayd");
    tcase_set_timeout(t, 180);
    tcase_add_checked_fixture(t, setup, teardown);
    tcase_add_test(t, the_command_line);
    tcase_add_test(t, bad_control_messages_are_answered_and_counted);
    tcase_add_test(t, too_many_clients_are_closed);
    tcase_add_test(t, downs_are_numbered_and_survive_kill_9);
    tcase_add_loop_test(t, a_full_disk_stops_acting_and_names_the_remedy, 64, 65);
    tcase_add_loop_test(t, another_log_is_refused_and_a_successor_is_followed, -1, 2);
    suite_add_tcase(s, t);
    TCase *log = tcase_create("the log"); /* on Apache Kafka too, in tests/run */
    tcase_set_timeout(log, 180);
    tcase_add_checked_fixture(log, setup, teardown);
    tcase_add_test(log, waits_for_genesis_and_elects);
    tcase_add_test(log, kill_9_at_any_instant_resumes);
    tcase_add_test(log, approve_is_answered_by_the_log_and_once);
    tcase_add_test(log, garbage_in_the_log_is_dropped);
    tcase_add_test(log, reports_are_verified);
    tcase_add_test(log, a_log_that_is_not_ours_is_refused);
    suite_add_tcase(s, log);
    TCase *law = tcase_create("laws 1, 3 and 4");
    tcase_set_timeout(law, 180);
    tcase_add_checked_fixture(law, setup, teardown);
    tcase_add_test(law, old_reports_stay_refused_after_a_restart);
    tcase_add_test(law, nothing_is_acted_on_before_the_commit);
    tcase_add_test(law, a_log_that_is_made_anew_under_a_running_daemon_is_refused);
    suite_add_tcase(s, law);
    TCase *other = tcase_create("another log");
    tcase_set_timeout(other, 180);
    tcase_add_checked_fixture(other, setup, teardown);
    tcase_add_test(other, a_successor_is_adopted_while_running);
    tcase_add_test(other, another_fleet_is_equipped_while_running);
    tcase_add_test(other, a_record_of_another_log_strays_into_ours);
    tcase_add_test(other, a_journal_that_is_bound_and_empty_follows_its_log);
    suite_add_tcase(s, other);
    return s;
}

int main(void)
{
    SRunner *runner = srunner_create(spillwayd_suite());
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? 0 : 1;
}
