/* test_keys.c: key files that are refused, and that a key is nowhere in memory once it was wiped.
 */
#include "actuate/dns_message.h"
#include "checks/stamp_packet.h"
#include "config/confine.h"
#include "config/keys.h"
#include "config/settings.h"
#include "daemon/actuators.h"
#include "daemon/keyring.h"
#include "memory.h"
#include "wire/report.h"

#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static char dir[64];

static void shell(const char *format, ...) __attribute__((format(printf, 1, 2)));

static void shell(const char *format, ...)
{
    char command[512], whole[640];
    va_list args;
    va_start(args, format);
    vsnprintf(command, sizeof command, format, args);
    va_end(args);
    snprintf(whole, sizeof whole, "cd %s && %s", dir, command);
    ck_assert_msg(system(whole) == 0, "%s", whole);
}

static void setup(void)
{
    strcpy(dir, "/tmp/spillway-keys-XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(dir));
}

static void teardown(void)
{
    shell("rm -rf %s", dir);
}

#define GOOD "MDEyMzQ1Njc4OWFiY2RlZg==" /* "0123456789abcdef" */

/* What is made of the file k.key by a shell command, the error, and what the sentence says. */
static const struct bad {
    const char *make;
    int status;
    const char *says;
    bool root_only; /* it needs root to make it */
} bads[] = {
    {":", ERR_NOT_FOUND, "put the key there", false},
    {"echo " GOOD " >k.key; chmod 640 k.key", ERR_PERMISSION, "0640, expected 0600", false},
    {"echo " GOOD " >k.key; chmod 604 k.key", ERR_PERMISSION, "run chmod 0600", false},
    {"echo " GOOD " >k.key; chmod 620 k.key", ERR_PERMISSION, "run chmod 0600", false},
    {"echo " GOOD " >k.key; chmod 601 k.key", ERR_PERMISSION, "run chmod 0600", false},
    {"echo " GOOD " >k.key; chmod 700 k.key", ERR_PERMISSION, "run chmod 0600", false},
    {"echo " GOOD " >k.key; chmod 4600 k.key", ERR_PERMISSION, "mode 4600", false},
    {"echo " GOOD " >k.key; chmod 600 k.key; chown 4711 k.key", ERR_PERMISSION,
     "belongs to uid 4711", true},
    {"echo " GOOD " >real; chmod 600 real; ln -s real k.key", ERR_PERMISSION, "symbolic link",
     false},
    {"ln -s nowhere k.key", ERR_PERMISSION, "symbolic link", false},
    {"mkdir -m 700 k.key", ERR_PERMISSION, "not a regular file", false},
    {"mkfifo -m 600 k.key", ERR_PERMISSION, "not a regular file", false},
    {"mknod -m 600 k.key c 1 5", ERR_PERMISSION, "not a regular file", true}, /* /dev/zero */
    {"python3 -c 'import socket; socket.socket(socket.AF_UNIX).bind(\"k.key\")'", ERR_PERMISSION,
     "not a regular file", false},
    {"umask 077; : >k.key", ERR_INVALID, "one line of base64", false},
    {"umask 077; echo >k.key", ERR_INVALID, "one line of base64", false},
    {"umask 077; echo MDEyMw== >k.key", ERR_INVALID, "16 to 128 bytes", false},
    {"umask 077; echo 'not base64 at all!!!' >k.key", ERR_INVALID, "one line of base64", false},
    {"umask 077; echo MDEyMzQ1Njc4OWFiY2RlZh== >k.key", ERR_INVALID, "base64",
     false}, /* tail bits */
    {"umask 077; { echo " GOOD "; echo " GOOD "; } >k.key", ERR_INVALID, "one line", false},
    {"umask 077; printf ' " GOOD "\\n' >k.key", ERR_INVALID, "one line", false},
    {"umask 077; head -c 129 /dev/zero | base64 -w0 >k.key", ERR_INVALID, "128 bytes", false},
    {"umask 077; head -c 1000000 /dev/zero | base64 -w0 >k.key", ERR_INVALID, "128 bytes", false},
    {"umask 077; echo " GOOD " >k.key; chmod 770 .", ERR_PERMISSION, "chmod go-w", false},
    {"umask 077; echo " GOOD " >k.key; chmod 1777 .", ERR_PERMISSION, "chmod go-w", false},
    {"umask 077; echo " GOOD " >k.key; chown 4711 .", ERR_PERMISSION, "uid 4711", true},
};

START_TEST(a_bad_key_file_is_refused_in_words)
{
    const struct bad *b = &bads[_i];
    char why[512] = "";
    struct key key = {.size = 77};
    if (b->root_only && geteuid() != 0) {
        return;
    }
    shell("%s", b->make);
    ck_assert_msg(key_load(dir, "k", &key, why, sizeof why) == b->status, "%s: %s", b->make, why);
    ck_assert_msg(strstr(why, b->says) != NULL && strstr(why, dir) != NULL, "%s: %s", b->make, why);
    ck_assert_msg(strchr(why, ':') != NULL, "no remedy: %s", why);
    ck_assert_ptr_null(strstr(why, GOOD));
    ck_assert_uint_eq(key.size, 77);
    ck_assert_int_eq(key_load(dir, "k", &key, NULL, 0), b->status);
}
END_TEST

START_TEST(a_key_id_is_no_path)
{
    static const char *const ids[] = {"", ".", "..", "../k", "a/b", "-k", ".k", "a b", "k\n"};
    char why[512], longest[KEY_ID_SIZE + 1];
    struct key key = {.size = 77};
    for (size_t i = 0; i < sizeof ids / sizeof ids[0]; i++) {
        ck_assert_int_eq(key_load(dir, ids[i], &key, why, sizeof why), ERR_INVALID);
    }
    memset(longest, 'k', KEY_ID_SIZE);
    longest[KEY_ID_SIZE] = '\0';
    ck_assert_int_eq(key_load(dir, longest, &key, why, sizeof why), ERR_INVALID);
}
END_TEST

START_TEST(a_good_one_is_read)
{
    char why[512];
    struct key key = {.size = 0};
    shell("umask 077; echo " GOOD " >k.key; printf " GOOD " >bare.key; chmod 400 bare.key");
    ck_assert_int_eq(key_load(dir, "k", &key, why, sizeof why), OK);
    ck_assert_uint_eq(key.size, 16);
    ck_assert_mem_eq(key.bytes, "0123456789abcdef", 16);
    ck_assert_int_eq(key_load(dir, "bare", &key, why, sizeof why), OK);
    ck_assert_str_eq(key.id, "bare");
    shell("umask 077; head -c 128 /dev/zero | base64 -w0 >k.key");
    ck_assert_int_eq(key_load(dir, "k", &key, why, sizeof why), OK);
    ck_assert_uint_eq(key.size, 128);
    key_wipe(&key);
    ck_assert_uint_eq(key.size, 0);
}
END_TEST

static void sign_report(const struct key *key)
{
    uint8_t room[4096];
    size_t size = 0;
    const struct report report = {.incarnation = 1, .sequence = 1};
    const struct report_key k = {key->id, key->bytes, key->size};
    if (report_encode(&report, &k, room, sizeof room, &size) != OK) {
        _exit(10);
    }
}

static void sign_probe(const struct key *key)
{
    struct stamp_mac *mac = NULL;
    uint8_t packet[STAMP_MAX_SIZE];
    size_t size = 0;
    const struct stamp_request request = {.seq = 1};
    if (stamp_mac_new(key->bytes, key->size, &mac) != OK ||
        stamp_request_encode(&request, mac, packet, &size) != OK) {
        _exit(11);
    }
    stamp_mac_free(mac);
}

static void sign_update(const struct key *key)
{
    struct dns_key k = {.size = key->size};
    struct dns_names names;
    struct dns_request request;
    ldns_pkt *packet = NULL;
    ldns_pkt_rcode rcode;
    char detail[128];
    strcpy(k.name, key->id);
    memcpy(k.secret, key->bytes, key->size);
    if (dns_names_of("gslb.example.", &names) != OK ||
        dns_request_txt(&k, &names.fence, &request) != OK) {
        _exit(12);
    }
    request.wire[2] |= 0x80; /* its own request as a reply: verified, and wrong */
    if (dns_reply_check(&request, request.wire, request.len, 0, &packet, &rcode, detail,
                        sizeof detail) != ERR_UNAUTHENTIC ||
        strstr(detail, "signature is wrong") == NULL) {
        _exit(13);
    }
    dns_request_done(&request);
    explicit_bzero(&k, sizeof k);
}

static void (*const uses[])(const struct key *) = {sign_report, sign_probe, sign_update};

/* Loads, uses and wipes, and stands still before, between and after. */
static void live_with_a_key(void (*use)(const struct key *))
{
    struct key key;
    raise(SIGSTOP);
    if (key_load(dir, "k", &key, NULL, 0) != OK) {
        _exit(9);
    }
    raise(SIGSTOP);
    use(&key);
    key_wipe(&key);
    raise(SIGSTOP);
    _exit(0);
}

/* What is there of the key when the child stands still; lets it go on. */
static long look_into(pid_t pid)
{
    char path[128];
    int status;
    ck_assert_int_eq(waitpid(pid, &status, WUNTRACED), pid);
    ck_assert_msg(WIFSTOPPED(status), "the child ended: %x", (unsigned)status);
    snprintf(path, sizeof path, "%s/k.key", dir);
    long found = memory_count_key(pid, path);
    ck_assert_msg(found >= 0, "%s", strerror(errno));
    kill(pid, SIGCONT);
    return found;
}

START_TEST(a_wiped_key_is_nowhere_in_memory)
{
    int status;
    shell("umask 077; head -c 32 /dev/urandom | base64 >k.key");
    pid_t pid = fork(); /* before anybody here has read it */
    ck_assert_int_ge(pid, 0);
    if (pid == 0) {
        live_with_a_key(uses[_i]);
    }
    ck_assert_int_eq(look_into(pid), 0);
    ck_assert_int_eq(look_into(pid), 2); /* its two halves, in struct key alone */
    ck_assert_int_eq(look_into(pid), 0);
    ck_assert_int_eq(waitpid(pid, &status, 0), pid);
    ck_assert_int_eq(status, 0);
}
END_TEST

static void no_outcome(void *user, const struct outcome *outcome)
{
    (void)user;
    (void)outcome;
}

/* As spillwayd does at a SIGHUP and at its end: a keyring, DNS pushers that have copies, none of
 * both. Stands still after each. */
static void live_as_a_daemon(void)
{
    static struct idc idc = {.name = "beijing", .probe_key = "k"};
    static struct dns_server server = {
        .name = "ns", .address = {.family = 4, .bytes = {127, 0, 0, 1}}, .port = 53};
    static struct fleet f = {.zone = "gslb.example.",
                             .idc_count = 1,
                             .idcs = &idc,
                             .dns_server_count = 1,
                             .dns_servers = &server,
                             .policy = {.dns_timeout_us = US_PER_SEC}};
    static struct spillwayd_settings settings;
    static const struct logger log = {.fd = -1, .level = LOG_ERROR};
    struct keyring ring = {.keys = NULL};
    struct actuators a;
    uv_loop_t loop;
    strcpy(server.tsig_key, "k");
    if (uv_loop_init(&loop) != 0 ||
        actuators_init(&a, &loop, &settings, &log, no_outcome, NULL) != OK ||
        keyring_load(&ring, dir, &f, &log) != OK) {
        _exit(9);
    }
    raise(SIGSTOP);
    if (actuators_equip(&a, &f, 0, &ring) != OK || !a.dns_state[0].configured) {
        _exit(10);
    }
    raise(SIGSTOP);
    keyring_done(&ring);
    raise(SIGSTOP);
    actuators_done(&a);
    uv_run(&loop, UV_RUN_DEFAULT);
    raise(SIGSTOP);
    _exit(uv_loop_close(&loop) == 0 ? 0 : 11);
}

START_TEST(every_copy_of_the_daemon_is_wiped)
{
    int status;
    shell("umask 077; head -c 32 /dev/urandom | base64 >k.key");
    pid_t pid = fork();
    ck_assert_int_ge(pid, 0);
    if (pid == 0) {
        live_as_a_daemon();
    }
    ck_assert_int_eq(look_into(pid), 2); /* the keyring's */
    ck_assert_int_eq(look_into(pid), 4); /* and the pusher's; none on the stack where it came by */
    ck_assert_int_eq(look_into(pid), 2); /* the pusher's */
    ck_assert_int_eq(look_into(pid), 0);
    ck_assert_int_eq(waitpid(pid, &status, 0), pid);
    ck_assert_int_eq(status, 0);
}
END_TEST

/* Another process of the same user; _i: with what the daemons do against it, or without. */
START_TEST(a_confined_memory_is_not_read_by_the_same_user)
{
    int status;
    char path[64];
    pid_t pid = fork();
    if (pid == 0) {
        if ((geteuid() == 0 && (setgid(65534) != 0 || setuid(65534) != 0)) ||
            prctl(PR_SET_DUMPABLE, 1, 0, 0, 0) != 0 || (_i == 1 && confine_memory() != OK)) {
            _exit(1);
        }
        raise(SIGSTOP);
        _exit(0);
    }
    ck_assert_int_eq(waitpid(pid, &status, WUNTRACED), pid);
    ck_assert(WIFSTOPPED(status));
    snprintf(path, sizeof path, "/proc/%d/mem", (int)pid);
    pid_t reader = fork();
    if (reader == 0) {
        if (geteuid() == 0 && (setgid(65534) != 0 || setuid(65534) != 0)) {
            _exit(9);
        }
        _exit(open(path, O_RDONLY | O_CLOEXEC) >= 0 ? 0
              : errno == EACCES || errno == EPERM   ? 1
                                                    : 2);
    }
    ck_assert_int_eq(waitpid(reader, &status, 0), reader);
    kill(pid, SIGKILL);
    ck_assert_int_eq(waitpid(pid, NULL, 0), pid);
    ck_assert(WIFEXITED(status));
    if (_i == 1) { /* without it, the machine's own rules (Yama) may forbid it as well */
        ck_assert_int_eq(WEXITSTATUS(status), 1);
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("keys");
    TCase *c = tcase_create("keys");
    tcase_set_timeout(c, 60);
    tcase_add_checked_fixture(c, setup, teardown);
    tcase_add_loop_test(c, a_bad_key_file_is_refused_in_words, 0, sizeof bads / sizeof bads[0]);
    tcase_add_test(c, a_key_id_is_no_path);
    tcase_add_test(c, a_good_one_is_read);
    tcase_add_loop_test(c, a_wiped_key_is_nowhere_in_memory, 0, sizeof uses / sizeof(uses[0]));
    tcase_add_test(c, every_copy_of_the_daemon_is_wiped);
    tcase_add_loop_test(c, a_confined_memory_is_not_read_by_the_same_user, 0, 2);
    suite_add_tcase(suite, c);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    const int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
