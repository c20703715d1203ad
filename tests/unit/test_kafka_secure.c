/* test_kafka_secure.c: the bus on Apache Kafka with TLS and the ACLs that we ship: who may
 * do what, and who may nothing. Run by tests/lab/kafka.py --secure. */
#include "bus_stage.h"
#include "kafka_stage.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* One with this name's certificate, or none (NULL), who believes what this authority signed. */
static struct bus *bus_of(const char *name, const char *authority)
{
    char why[BUS_TEXT_SIZE] = "", base[256], file[512];
    struct bus *bus = NULL;
    kafka_file("", base);
    snprintf(file, sizeof(file), "%s%s-by-%s.properties", base, name != NULL ? name : "nobody",
             authority);
    FILE *f = fopen(file, "w");
    ck_assert_ptr_nonnull(f);
    fprintf(f, "# of a test\n\nsecurity.protocol=SSL\nssl.ca.location=%s%s.crt\n", base, authority);
    if (name != NULL) {
        fprintf(f, "ssl.certificate.location=%s%s.crt\nssl.key.location=%s%s.key\n", base, name,
                base, name);
    }
    ck_assert_int_eq(fclose(f), 0);
    ck_assert_int_eq(chmod(file, 0600), 0);
    struct bus_config config = {.brokers = kafka_brokers(), .client_id = "test", .security = file};
    int status = bus_open(&config, &bus, why, sizeof(why));
    ck_assert_msg(status == OK, "%s", why);
    return bus;
}

static rd_kafka_AclOperation_t operation_of(const char *name)
{
    for (int i = 0; i < RD_KAFKA_ACL_OPERATION__CNT; i++) {
        if (strcmp(rd_kafka_AclOperation_name((rd_kafka_AclOperation_t)i), name) == 0) {
            return (rd_kafka_AclOperation_t)i;
        }
    }
    ck_abort_msg("no operation %s", name);
}

/* Loads runbooks/kafka/acls.txt, as the administrator does. */
static void load_acls(void)
{
    char line[256], who[64], may[32], kind[16], name[64], why[256];
    rd_kafka_AclBinding_t *acls[32];
    size_t count = 0;
    FILE *f = fopen(KAFKA_ACLS, "r");
    ck_assert_ptr_nonnull(f);
    while (fgets(line, sizeof(line), f) != NULL) {
        if (line[0] != '#') {
            ck_assert_int_eq(sscanf(line, "%63s %31s %15s %63s", who, may, kind, name), 4);
            ck_assert_uint_lt(count, sizeof(acls) / sizeof(acls[0]));
            acls[count] = rd_kafka_AclBinding_new(
                strcmp(kind, "topic") == 0 ? RD_KAFKA_RESOURCE_TOPIC : RD_KAFKA_RESOURCE_GROUP,
                name, RD_KAFKA_RESOURCE_PATTERN_LITERAL, who, "*", operation_of(may),
                RD_KAFKA_ACL_PERMISSION_TYPE_ALLOW, why, sizeof(why));
            ck_assert_msg(acls[count] != NULL, "%s", why);
            count++;
        }
    }
    fclose(f);
    rd_kafka_t *rk = kafka_admin();
    rd_kafka_queue_t *queue = rd_kafka_queue_new(rk);
    rd_kafka_CreateAcls(rk, acls, count, NULL, queue);
    kafka_take_answer(queue);
    rd_kafka_AclBinding_destroy_array(acls, count);
    rd_kafka_destroy(rk);
}

/* What an unhappy client says at last holds this text. */
static void complains(struct bus *bus, const char *text)
{
    struct bus_event e;
    struct mono end = mono_add(bus_now(), KAFKA_PATIENCE_MS * US_PER_MS);
    while (strstr(bus_stats(bus)->last_error, text) == NULL) {
        ck_assert_msg(mono_diff_us(end, bus_now()) > 0, "expected %s, last error: %s", text,
                      bus_stats(bus)->last_error);
        bus_rest(bus);
        while (bus_next(bus, &e) == 1) {
        }
    }
}

/* One story, since each part stands on the one before. */
START_TEST(test_who_may_what)
{
    char why[BUS_TEXT_SIZE] = "";
    struct bus *daemon = bus_of("spillwayd", "ca");
    /* Before the ACLs: known, and allowed nothing. */
    ck_assert_int_ne(bus_create_topics(daemon, KAFKA_REPORT_PARTITIONS, KAFKA_RECORD_BYTES, 10000,
                                       why, sizeof(why)),
                     OK);
    load_acls();
    int status = ERR_PERMISSION;
    for (int tries = 0; status != OK && tries < 50; tries++) {
        status = bus_create_topics(daemon, KAFKA_REPORT_PARTITIONS, KAFKA_RECORD_BYTES, 10000, why,
                                   sizeof(why));
        bus_rest(daemon);
    }
    ck_assert_msg(status == OK, "%s", why);
    struct bus_event e = {.status = ERR_REFUSED};
    for (int tries = 0; e.status != OK && tries < 20; tries++) {
        ck_assert_int_eq(bus_check_topics(daemon, KAFKA_REPORT_PARTITIONS, KAFKA_RECORD_BYTES), OK);
        e = bus_await(daemon, BUS_TOPICS);
    }
    ck_assert_msg(e.status == OK, "%s", e.why);
    /* A daemon appends and reads. */
    ck_assert_int_eq(bus_tail_log(daemon, 0, bus_now()), OK);
    ck_assert_int_eq(bus_append(daemon, "decided", 7), OK);
    e = bus_await_for(daemon, BUS_RECORD, KAFKA_PATIENCE_MS);
    ck_assert_mem_eq(e.data, "decided", 7);
    /* A probe reports, and is read; it may not append, nor read the log. */
    struct bus *probe = bus_of("spillway-probe", "ca");
    ck_assert_int_eq(bus_report(probe, 1, "seen", 4), OK);
    struct mono end = mono_add(bus_now(), KAFKA_PATIENCE_MS * US_PER_MS);
    while (bus_stats(probe)->reports_sent == 0) {
        ck_assert_msg(mono_diff_us(end, bus_now()) > 0, "%s", bus_stats(probe)->last_error);
        bus_rest(probe);
    }
    ck_assert_int_eq(bus_tail_reports(daemon, KAFKA_REPORT_PARTITIONS, bus_now()), OK);
    e = bus_await(daemon, BUS_REPORT);
    ck_assert_mem_eq(e.data, "seen", 4);
    ck_assert_int_eq(bus_append(probe, "forged", 6), OK);
    complains(probe, "AUTHORIZATION_FAILED");
    ck_assert_uint_eq(bus_stats(probe)->appended, 0);
    ck_assert_int_eq(bus_tail_log(daemon, 1, bus_now()), OK);
    ck_assert_int_eq(bus_await(daemon, BUS_LOG_END).offset, 1);
    bus_close(probe, 0);
    bus_close(daemon, 0);
}
END_TEST

/* Without a certificate, and with a broker that nobody signed for whom we believe. */
START_TEST(test_who_is_nobody)
{
    struct bus *nobody[] = {bus_of(NULL, "ca"), bus_of("spillwayd", "other")};
    for (size_t i = 0; i < 2; i++) {
        struct bus_event e;
        ck_assert_int_eq(bus_append(nobody[i], "x", 1), OK);
        while (bus_stats(nobody[i])->append_failed == 0) {
            bus_rest(nobody[i]);
            ck_assert_int_eq(bus_next(nobody[i], &e), 0);
            ck_assert_uint_eq(bus_stats(nobody[i])->appended, 0);
        }
        bus_close(nobody[i], 0);
    }
}
END_TEST

/* A file that is not as it should be is refused with a sentence that tells no password. */
START_TEST(test_bad_files_are_refused)
{
    static const struct {
        const char *text;
        mode_t mode;
        int status;
    } bad[] = {
        {"ssl.key.password=hush\n", 0644, ERR_PERMISSION},
        {"acks=hush\n", 0600, ERR_INVALID},
        {"security.protocol=hush\n", 0600, ERR_INVALID},
        {"hush\n", 0600, ERR_INVALID},
    };
    char why[BUS_TEXT_SIZE], file[256];
    struct bus *bus = NULL;
    kafka_file("bad.properties", file);
    struct bus_config config = {.brokers = "127.0.0.1:1", .client_id = "test", .security = file};
    ck_assert_int_eq(bus_open(&config, &bus, why, sizeof(why)), ERR_NOT_FOUND);
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        FILE *f = fopen(file, "w");
        ck_assert_ptr_nonnull(f);
        fputs(bad[i].text, f);
        ck_assert_int_eq(fclose(f), 0);
        ck_assert_int_eq(chmod(file, bad[i].mode), 0);
        ck_assert_int_eq(bus_open(&config, &bus, why, sizeof(why)), bad[i].status);
        ck_assert_ptr_nonnull(strstr(why, file));
        ck_assert_ptr_null(strstr(why, "hush"));
    }
    ck_assert_ptr_null(bus);
}
END_TEST

int main(void)
{
    if (kafka_brokers() == NULL) {
        fprintf(stderr,
                "test-kafka-secure: run it as `kafka.py --secure with test-kafka-secure`\n");
        return EXIT_FAILURE;
    }
    Suite *s = suite_create("kafka-secure");
    TCase *c = tcase_create("kafka-secure");
    tcase_set_timeout(c, 240);
    tcase_add_test(c, test_bad_files_are_refused);
    tcase_add_test(c, test_who_may_what);
    tcase_add_test(c, test_who_is_nobody);
    suite_add_tcase(s, c);
    SRunner *r = srunner_create(s);
    srunner_run_all(r, CK_VERBOSE);
    int failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
