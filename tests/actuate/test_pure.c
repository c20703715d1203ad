/* test_pure.c: the actuators' parts without I/O: names, answers, messages and their replies, route
 * steps; and the filter of the route helper's system calls. */
#include "fixture.h"

#include "actuate/dns_message.h"
#include "actuate/routed/filter.h"
#include "actuate/routed/rib.h"
#include "base/rng.h"

#include <check.h>
#include <net/if.h>
#include <openssl/evp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/personality.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static struct dns_key key_of(const char *name)
{
    struct dns_key key = {.size = 32};
    memcpy(key.name, name, strlen(name) + 1);
    memset(key.secret, 5, sizeof(key.secret));
    return key;
}

START_TEST(names_are_strict)
{
    struct dns_name n, m;
    char text[400];
    ck_assert_int_eq(dns_name_from_text("web.gslb.example.", &n), OK);
    ck_assert_uint_eq(n.len, 18);
    ck_assert(memcmp(n.wire, "\3web\4gslb\7example\0", 18) == 0);
    ck_assert_int_eq(dns_name_from_text("WEB.gslb.Example.", &m), OK);
    ck_assert(dns_name_equal(&n, &m));
    static const char *const bad[] = {"",     ".",      "a",    "a..b.",    ".a.",
                                      "a b.", "a\\.b.", "a\".", "\xc3\xa9."};
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        ck_assert_int_eq(dns_name_from_text(bad[i], &m), ERR_INVALID);
    for (size_t len = 1; len < 300; len++) { /* labels of at most 63, and a whole of at most 255 */
        for (size_t i = 0; i < len; i++)
            text[i] = i % 64 == 63 ? '.' : 'a';
        text[len] = '.';
        text[len + 1] = '\0';
        bool fits = len + 2 <= DNS_NAME_SIZE && len % 64 != 0;
        ck_assert_int_eq(dns_name_from_text(text, &m), fits ? OK : ERR_INVALID);
    }
    memset(text, 'a', 64);
    text[64] = '\0';
    ck_assert_int_eq(dns_name_prepend(text, &n, &m), ERR_INVALID);
    text[63] = '\0';
    ck_assert_int_eq(dns_name_prepend(text, &n, &m), OK);
    ck_assert_int_eq(dns_name_prepend("a.b", &n, &m), ERR_INVALID);
}
END_TEST

START_TEST(answers_follow_the_plan)
{
    struct world w;
    struct dns_content *c = NULL;
    world_init(&w);
    struct plan p = world_plan(&w, 1, 0);
    ck_assert_int_eq(dns_content_new(&w.fleet, &p, NULL, 0, &c), OK);
    ck_assert_uint_eq(c->answer_count, 8);
    ck_assert_uint_eq(c->answers[0].count4, 4);
    ck_assert_uint_eq(c->answers[0].ttl_s, 1);
    for (uint32_t i = 0; i + 1 < 4; i++) /* sorted and distinct */
        ck_assert_int_lt(
            memcmp(c->answers[0].addresses[i].bytes, c->answers[0].addresses[i + 1].bytes, 4), 0);
    dns_content_free(c);
    plan_answer(&p, 0, 0)->slots[3] = plan_answer(&p, 0, 0)->slots[0];
    ck_assert_int_eq(dns_content_new(&w.fleet, &p, NULL, 0, &c), OK);
    ck_assert_uint_eq(c->answers[0].count4, 3);
    dns_content_free(c);
    plan_answer(&p, 0, 0)->slots[3].address = 200;
    ck_assert_int_eq(dns_content_new(&w.fleet, &p, NULL, 0, &c), ERR_INVALID);
    plan_answer(&p, 0, 0)->count = 0;
    ck_assert_int_eq(dns_content_new(&w.fleet, &p, NULL, 0, &c), ERR_GUARD);
    for (uint16_t e = 0; e < w.fleet.entrance_count; e++)
        w.fleet.entrances[e].carriers &= ~(UINT32_C(1) << w.fleet.views[0].carrier);
    plan_answer(&p, 1, 0)->count = 0; /* nothing reaches the view any more: it may be absent */
    for (uint16_t v = 0; v < w.fleet.view_count; v++) {
        if (w.fleet.views[v].carrier == w.fleet.views[0].carrier)
            plan_answer(&p, 0, v)->count = plan_answer(&p, 1, v)->count = 0;
    }
    ck_assert_int_eq(dns_content_new(&w.fleet, &p, NULL, 0, &c), OK);
    dns_content_free(c);
    world_done(&w);
}
END_TEST

/* A server's reply to the request, signed with a key and algorithm. */
static uint8_t *reply_to(const struct dns_request *r, const struct dns_key *key,
                         const char *algorithm, ldns_pkt_rcode rcode, size_t *ret_len)
{
    ldns_pkt *packet = NULL;
    uint8_t *wire = NULL;
    char secret[256];
    ck_assert_int_eq(ldns_wire2pkt(&packet, r->wire, r->len), LDNS_STATUS_OK);
    ldns_rr_free(ldns_pkt_tsig(packet));
    ldns_pkt_set_tsig(packet, NULL);
    ldns_pkt_set_qr(packet, true);
    ldns_pkt_set_rcode(packet, (uint8_t)rcode);
    ldns_rr *txt = NULL;
    ck_assert_int_eq(
        ldns_rr_new_frm_str(&txt, "_fence.gslb.example. 0 IN TXT \"v=1 era=1\"", 0, NULL, NULL),
        LDNS_STATUS_OK);
    ldns_pkt_push_rr(packet, LDNS_SECTION_ANSWER, txt);
    EVP_EncodeBlock((unsigned char *)secret, key->secret, (int)key->size);
    ldns_rdf *mac = ldns_native2rdf_int16_data(sizeof(r->mac), (uint8_t *)(uintptr_t)r->mac);
    ck_assert_int_eq(ldns_pkt_tsig_sign(packet, key->name, secret, 300, algorithm, mac),
                     LDNS_STATUS_OK);
    ldns_rdf_deep_free(mac);
    ck_assert_int_eq(ldns_pkt2wire(&wire, packet, ret_len), LDNS_STATUS_OK);
    ldns_pkt_free(packet);
    return wire;
}

static int judge(const struct dns_request *r, const uint8_t *wire, size_t len, int64_t now_s)
{
    ldns_pkt *packet = NULL;
    ldns_pkt_rcode rcode;
    char detail[128] = "";
    struct dns_names names;
    struct dns_txt txt;
    int status = dns_reply_check(r, wire, len, now_s, &packet, &rcode, detail, sizeof(detail));
    if (status == OK) {
        ck_assert_int_eq(dns_names_of("gslb.example.", &names), OK);
        int ignored = dns_reply_txt(packet, &names.fence, &txt);
        (void)ignored;
        ldns_pkt_free(packet);
    }
    return status;
}

START_TEST(replies_are_distrusted)
{
    struct dns_key key = key_of("tsig-spillway"), other = key_of("tsig-spillway"),
                   alias = key_of("b");
    struct dns_names names;
    struct dns_request r;
    size_t len = 0;
    int64_t now_s = (int64_t)time(NULL);
    other.secret[3] ^= 1;
    ck_assert_int_eq(dns_names_of("gslb.example.", &names), OK);
    ck_assert_int_eq(dns_request_txt(&key, &names.fence, &r), OK);
    uint8_t *good = reply_to(&r, &key, "hmac-sha256.", LDNS_RCODE_NOERROR, &len);
    ck_assert_int_eq(judge(&r, good, len, now_s), OK);
    ck_assert_int_eq(judge(&r, good, len, now_s + 400), ERR_CLOCK);
    ck_assert_int_eq(judge(&r, good, len, now_s - 400), ERR_CLOCK);
    struct {
        const struct dns_key *key;
        const char *algorithm;
        ldns_pkt_rcode rcode;
        int status;
    } cases[] = {
        {&other, "hmac-sha256.", LDNS_RCODE_NOERROR, ERR_UNAUTHENTIC},
        {&alias, "hmac-sha256.", LDNS_RCODE_NOERROR, ERR_UNAUTHENTIC},
        {&key, "hmac-sha1.", LDNS_RCODE_NOERROR, ERR_UNAUTHENTIC},
        {&key, "hmac-sha256.", LDNS_RCODE_REFUSED, ERR_REFUSED},
        {&key, "hmac-sha256.", LDNS_RCODE_NOTAUTH, ERR_REFUSED},
        {&key, "hmac-sha256.", LDNS_RCODE_SERVFAIL, ERR_UNAVAILABLE},
        {&key, "hmac-sha256.", LDNS_RCODE_NXRRSET, OK},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        size_t n = 0;
        uint8_t *wire = reply_to(&r, cases[i].key, cases[i].algorithm, cases[i].rcode, &n);
        ck_assert_int_eq(judge(&r, wire, n, now_s), cases[i].status);
        free(wire);
    }
    struct rng rng = rng_init(11);
    uint8_t *mutated = malloc(len);
    for (unsigned i = 0; i < 30000; i++) {
        size_t n = rng_chance(&rng, 300000) ? (size_t)rng_below(&rng, len + 1) : len;
        for (size_t k = 0; k < len; k++)
            mutated[k] = good[k];
        bool changed = n < len;
        for (uint64_t k = 1 + rng_below(&rng, 4); k > 0; k--) {
            size_t at = (size_t)rng_below(&rng, len);
            mutated[at] = (uint8_t)rng_next(&rng);
        }
        changed = changed || memcmp(mutated, good, len) != 0;
        int status = judge(&r, mutated, n, now_s);
        /* Bits that a signature does not cover decide nothing: case of names, class and TTL of the
         * TSIG. */
        if (changed && status == OK)
            ck_assert(n == len);
    }
    free(mutated);
    free(good);
    dns_request_done(&r);
}
END_TEST

enum { GATEWAYS = 3, ROWS = 2 };

static const struct prefix prefixes[ROWS] = {{{4, {10, 2}}, 16}, {{4, {10, 3}}, 16}};

static bool has_route(const struct rib_row *row)
{
    for (unsigned m = 0; m < RIB_METRICS; m++) {
        if (row->have[m].index != 0)
            return true;
    }
    return false;
}

/* Carries out steps on a model kernel that refuses hops whose bit in `broken` is set; checks law 5
 * after each. */
static void carry_out(struct rib *rib, const struct rib_step *steps, uint32_t count,
                      unsigned broken)
{
    for (uint32_t i = 0; i < count; i++) {
        struct rib_row *row = &rib->rows[steps[i].row];
        struct rib_hop *slot = &row->have[steps[i].metric - 1];
        bool before = has_route(row);
        ck_assert(!row->foreign[steps[i].metric - 1]);
        if (steps[i].kind == RIB_CREATE)
            ck_assert_uint_eq(slot->index, 0);
        else
            ck_assert_uint_ne(slot->index, 0);
        if (steps[i].kind != RIB_DELETE && (broken & (1U << steps[i].hop.index)) != 0)
            continue;
        rib_done(rib, &steps[i]);
        ck_assert_msg(!before || has_route(row), "a prefix lost its last route");
    }
}

START_TEST(route_steps_never_leave_a_prefix_bare)
{
    struct rib_row rows[ROWS];
    struct rib rib = {ROWS, rows};
    struct rib_hop gateways[GATEWAYS];
    struct rib_step steps[ROWS * RIB_METRICS];
    struct rng rng = rng_init(5);
    for (unsigned turn = 0; turn < 50000; turn++) {
        memset(rows, 0, sizeof(rows));
        for (unsigned g = 0; g < GATEWAYS; g++)
            gateways[g] =
                (struct rib_hop){rng_chance(&rng, 900000) ? g + 1 : 0, {4, {10, 255, 0, 1}}};
        for (unsigned i = 0; i < ROWS; i++) {
            rows[i].prefix = prefixes[i];
            for (unsigned m = 0; m < 4; m++) {
                uint64_t dice = rng_below(&rng, 4);
                rows[i].foreign[m] = dice == 0;
                if (dice == 1)
                    rows[i].have[m] = (struct rib_hop){(uint32_t)rng_below(&rng, GATEWAYS) + 1,
                                                       {4, {10, 255, 0, 1}}};
            }
            rows[i].wanted = rng_chance(&rng, 900000);
            rows[i].want_count = rows[i].wanted ? (uint8_t)(1 + rng_below(&rng, GATEWAYS)) : 0;
            unsigned first = (unsigned)rng_below(&rng, GATEWAYS);
            for (unsigned h = 0; h < rows[i].want_count; h++)
                rows[i].want[h] = (uint16_t)((first + h) % GATEWAYS);
        }
        unsigned broken = (unsigned)rng_below(&rng, 1 << (GATEWAYS + 1));
        carry_out(&rib, steps, rib_puts(&rib, gateways, steps), broken);
        carry_out(&rib, steps, rib_deletes(&rib, gateways, steps), broken);
        for (unsigned i = 0; i < ROWS && broken == 0 && rib_bare(&rib, gateways) == 0; i++) {
            unsigned present = 0, wanted = 0; /* nothing of ours is left over, nothing is missing */
            for (unsigned m = 0; m < RIB_METRICS; m++)
                present += rows[i].have[m].index != 0;
            for (unsigned h = 0; h < rows[i].want_count; h++)
                wanted += gateways[rows[i].want[h]].index != 0;
            ck_assert(!rows[i].wanted || present == wanted);
        }
        uint32_t again = broken == 0 ? rib_puts(&rib, gateways, steps) : 0;
        ck_assert_uint_eq(again, 0);
    }
}
END_TEST

/* How a child ends that does this under the route helper's filter. */
static int ends_of(void (*act)(void))
{
    int status = -1;
    pid_t child = fork();
    ck_assert_int_ge(child, 0);
    if (child == 0) {
        if (filter_install() != OK)
            _exit(3);
        act();
        _exit(7);
    }
    ck_assert_int_eq(waitpid(child, &status, 0), child);
    return status;
}

static void work(void)
{
    free(malloc(1 << 20));
    if (if_nametoindex("lo") == 0)
        _exit(4);
}

static void run_a_program(void)
{
    execl("/bin/true", "true", (char *)NULL);
}

static void speak_to_the_world(void)
{
    (void)socket(AF_INET, SOCK_STREAM, 0);
}

static void bring_code(void)
{
    (void)mmap(NULL, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
}

static void send_to_a_terminal(void)
{
    char byte = 'x';
    (void)ioctl(0, TIOCSTI, &byte);
}

static void change_itself(void)
{
    (void)personality(0xffffffff);
}

START_TEST(the_filter_kills_what_is_not_listed)
{
    static void (*const acts[])(void) = {run_a_program, speak_to_the_world, bring_code,
                                         send_to_a_terminal, change_itself};
    int status = ends_of(work);
    ck_assert_msg(WIFEXITED(status) && WEXITSTATUS(status) == 7, "status %x", status);
    for (size_t i = 0; i < sizeof acts / sizeof acts[0]; i++) {
        status = ends_of(acts[i]);
        ck_assert_msg(WIFSIGNALED(status) && WTERMSIG(status) == SIGSYS, "%zu: %x", i, status);
    }
}
END_TEST

static Suite *suite(void)
{
    Suite *s = suite_create("actuate");
    TCase *t = tcase_create("pure");
    tcase_set_timeout(t, 60);
    tcase_add_test(t, names_are_strict);
    tcase_add_test(t, answers_follow_the_plan);
    tcase_add_test(t, replies_are_distrusted);
    tcase_add_test(t, route_steps_never_leave_a_prefix_bare);
    tcase_add_test(t, the_filter_kills_what_is_not_listed);
    suite_add_tcase(s, t);
    return s;
}

int main(void)
{
    SRunner *runner = srunner_create(suite());
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
