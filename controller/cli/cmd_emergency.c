/* cmd_emergency.c: `spillway emergency`: a person takes the wheel from the machine, and gives it
 * back. */
#include "cli/emergency.h"
#include "cli/fleet_file.h"
#include "cli/host.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>
#include <unistd.h>

enum { STATUS_TIMEOUT_MS = 2000, LOG_TIMEOUT_MS = 10000 };

static const char usage_text[] =
    "usage: spillway emergency list\n"
    "       spillway emergency hold SERVER|routes|features|all --reason TEXT\n"
    "       spillway emergency set SERVER SERVICE VIEW ENTRANCE ... --reason TEXT\n"
    "       spillway emergency release ID --reason TEXT";

/* One word of a person, from typing to the outcome. */
struct emergency {
    struct host host;
    struct fleet_file file;
    bool from_file;
    const struct fleet *fleet;
    struct places places;
    const char *act; /* hold, set, release */
    struct hold_order order;
    bool answered; /* set: there is an answer */
    struct dns_answer answer;
    const char *logged; /* whether the log was told */
};

/* The fleet of the journal here, or of the file that is named. */
static int fleet_open(const struct cli *c, struct emergency *e)
{
    if (c->fleet != NULL) {
        e->from_file = true;
        const int status = fleet_file_load(c, c->fleet, &e->file);
        e->fleet = &e->file.fleet;
        return status;
    }
    const int status = host_open(c, &e->host);
    if (status != OK) {
        (void)cli_fail(c, OK, "without the journal, name the fleet's file: --fleet FILE");
        return status;
    }
    e->fleet = e->host.control.fleet;
    return OK;
}

static void fleet_close(struct emergency *e)
{
    if (e->from_file) {
        fleet_file_done(&e->file);
    } else {
        host_close(&e->host);
    }
}

/* --- What will be sent -------------------------------------------------------------------------
 */

static const char *name_text(const struct dns_name *name, char ret_text[DNS_NAME_SIZE + 1])
{
    size_t at = 0, out = 0;
    while (name->wire[at] != 0) {
        const size_t n = name->wire[at];
        memcpy(ret_text + out, name->wire + at + 1, n);
        out += n;
        ret_text[out++] = '.';
        at += n + 1;
    }
    ret_text[out] = '\0';
    return ret_text;
}

static const char *address_text(const struct address *a, char ret_text[INET6_ADDRSTRLEN])
{
    ret_text[0] = '\0';
    (void)inet_ntop(a->family == 6 ? AF_INET6 : AF_INET, a->bytes, ret_text, INET6_ADDRSTRLEN);
    return ret_text;
}

static void print_txt(const struct fleet *f, const char *verb, const struct fence_state *s,
                      FILE *out)
{
    char fence[FENCE_TEXT_SIZE], hold[HOLD_TEXT_SIZE];
    fence_text_format(&s->fence, fence);
    fprintf(out, "      %s _fence.%s TXT \"%s\"", verb, f->zone, fence);
    if (s->hold.id != 0 && hold_text_format(&s->hold, hold) > 0) {
        fprintf(out, " \"%s\"", hold);
    }
    fputc('\n', out);
}

static void print_answer(const struct dns_answer *a, const char *zone, FILE *out)
{
    char name[DNS_NAME_SIZE + 1], address[INET6_ADDRSTRLEN];
    name_text(&a->name, name);
    fprintf(out, "      delete   %s A and AAAA\n", name);
    for (uint32_t i = 0; i < (uint32_t)a->count4 + a->count6; i++) {
        fprintf(out, "      add      %s %u %s %s\n", name, a->ttl_s, i < a->count4 ? "A" : "AAAA",
                address_text(&a->addresses[i], address));
    }
    fprintf(out, "      delete   _done.%s TXT: after the release the whole plan is written anew\n",
            zone);
}

static void print_dns(const struct emergency *e, const struct place *at, FILE *out)
{
    const struct dns_server *s = &e->fleet->dns_servers[at->server];
    struct fence_state after = at->found;
    char address[INET6_ADDRSTRLEN];
    fprintf(out, "    one UPDATE to %s port %u:\n", address_text(&s->address, address), s->port);
    print_txt(e->fleet, "only if ", &at->found, out);
    if (actuate_admit_hold(&e->order, &at->found, &after.hold) == OK) {
        print_txt(e->fleet, "write   ", &after, out);
    }
    if (e->answered) {
        print_answer(&e->answer, e->fleet->zone, out);
    }
}

static void print_intent(const struct emergency *e, FILE *out)
{
    fprintf(out, "%s %u by %s: %s\n", e->act, e->order.hold.id, e->order.hold.who,
            e->order.hold.why);
    for (uint32_t i = 0; i < e->places.count; i++) {
        const struct place *at = &e->places.at[i];
        if (!at->wanted) {
            continue;
        }
        place_print(at, out);
        if (at->status == OK && at->found.fence.era != 0 && at->actuator == ACTUATOR_DNS) {
            print_dns(e, at, out);
        }
    }
    fputs(e->order.place
              ? "While it holds, Spillway writes nothing there, not even a rescue. It never lapses "
                "by itself.\n"
              : "Then Spillway goes on there by itself: traffic may move at once.\n",
          out);
}

/* The person types the fleet's name, or gave --yes. */
static int confirm(const struct cli *c, const struct emergency *e)
{
    char line[FLEET_NAME_SIZE + 2];
    if (!c->json || !c->yes) {
        print_intent(e, c->err);
    }
    if (c->yes) {
        return CLI_OK;
    }
    if (!isatty(STDIN_FILENO)) {
        return cli_misuse(c, "not confirmed: answer on a terminal, or give --yes");
    }
    fprintf(c->err, "Type the fleet's name, %s, to go on: ", e->fleet->name);
    if (fgets(line, sizeof line, stdin) == NULL) {
        line[0] = '\0';
    }
    line[strcspn(line, "\n")] = '\0';
    return strcmp(line, e->fleet->name) == 0
               ? CLI_OK
               : cli_fail(c, OK, "not confirmed; nothing was written");
}

/* --- Carrying it out ----------------------------------------------------------------------------
 */

static json_t *line_of(const struct emergency *e, const char *act)
{
    char when[32];
    struct tm tm;
    const time_t now = time(NULL);
    gmtime_r(&now, &tm);
    strftime(when, sizeof when, "%Y-%m-%dT%H:%M:%SZ", &tm);
    return json_pack("{s:s, s:s, s:s, s:I, s:s, s:I, s:s}", "time", when, "fleet", e->fleet->name,
                     "act", act, "id", (json_int_t)e->order.hold.id, "who", e->order.hold.who,
                     "uid", (json_int_t)getuid(), "why", e->order.hold.why);
}

static json_t *intent_line(const struct emergency *e)
{
    json_t *line = line_of(e, e->act), *targets = json_array();
    for (uint32_t i = 0; i < e->places.count; i++) {
        if (e->places.at[i].wanted) {
            json_array_append_new(targets, json_string(e->places.at[i].name));
        }
    }
    if (line != NULL && e->answered) {
        char name[DNS_NAME_SIZE + 1], address[INET6_ADDRSTRLEN];
        json_t *addresses = json_array();
        for (uint32_t i = 0; i < (uint32_t)e->answer.count4 + e->answer.count6; i++) {
            json_array_append_new(addresses,
                                  json_string(address_text(&e->answer.addresses[i], address)));
        }
        json_object_set_new(line, "name", json_string(name_text(&e->answer.name, name)));
        json_object_set_new(line, "addresses", addresses);
    }
    if (line == NULL || json_object_set_new(line, "targets", targets) != 0) {
        json_decref(line);
        return NULL;
    }
    return line;
}

static json_t *outcome_line(const struct emergency *e, const struct place *at)
{
    json_t *line = line_of(e, "outcome");
    if (line != NULL) {
        json_object_set_new(line, "target", json_string(at->name));
        json_object_set_new(line, "status", json_integer(at->status));
        json_object_set_new(line, "text", json_string(error_text(at->status)));
    }
    return line;
}

/* For the audit, through the log when there is one. It changes no plan, and nobody waits long for
 * it. */
static void tell_log(const struct cli *c, struct emergency *e)
{
    char why[CLI_WHY_SIZE], id[33];
    uint8_t random[16];
    json_t *live = host_ask(c, json_pack("{s:s}", "request", "status"), STATUS_TIMEOUT_MS, why);
    const bool readable = json_is_true(json_object_get(live, "log_readable"));
    e->logged = live == NULL ? "spillwayd does not answer here"
                : !readable  ? "spillwayd cannot read the log now"
                             : "the log has not answered";
    json_decref(live);
    if (!readable || getrandom(random, sizeof random, 0) != (ssize_t)sizeof random) {
        return;
    }
    struct text t = text_over(id, sizeof id);
    text_put_hex(&t, random, sizeof random);
    json_t *answer =
        host_ask(c,
                 json_pack("{s:s, s:s, s:I, s:s}", "request",
                           e->order.place ? "emergency-hold" : "emergency-release", "id", id,
                           "hold", (json_int_t)e->order.hold.id, "reason", e->order.hold.why),
                 LOG_TIMEOUT_MS, why);
    if (json_is_true(json_object_get(answer, "ok"))) {
        e->logged = NULL;
    }
    json_decref(answer);
}

static int report(const struct cli *c, const struct emergency *e)
{
    uint32_t failed = 0;
    json_t *list = json_array();
    for (uint32_t i = 0; i < e->places.count; i++) {
        const struct place *at = &e->places.at[i];
        if (!at->wanted) {
            continue;
        }
        failed += at->status != OK ? 1 : 0;
        json_array_append_new(list, place_json(at));
        if (!c->json) {
            fprintf(c->out, "  %-24s %s%s%s%s\n", at->name,
                    at->status != OK  ? "NOT DONE: "
                    : !e->order.place ? "released"
                    : e->answered     ? "answer set, and held"
                                      : "held",
                    at->status != OK ? error_text(at->status) : "",
                    at->detail[0] != '\0' ? ": " : "", at->detail);
        }
    }
    if (c->json) {
        const int printed = cli_print_json(
            c, json_pack("{s:b, s:s, s:I, s:s, s:o, s:b, s:s?}", "ok", failed == 0, "act", e->act,
                         "id", (json_int_t)e->order.hold.id, "fleet", e->fleet->name, "targets",
                         list, "in_log", e->logged == NULL, "log_why", e->logged));
        return failed == 0 ? printed : CLI_FAILURE;
    }
    json_decref(list);
    fprintf(c->out, "In the log: %s%s\n", e->logged == NULL ? "yes" : "no, ",
            e->logged == NULL ? "" : e->logged);
    if (e->order.place) {
        fprintf(c->out, "To give it back: spillway emergency release %u --reason \"...\"\n",
                e->order.hold.id);
    }
    return failed == 0 ? CLI_OK : CLI_FAILURE;
}

/* Confirmed, kept here, then sent. A release is told to the log before, a hold is too urgent. */
static int carry_out(const struct cli *c, struct emergency *e)
{
    struct wordbook book;
    int code = confirm(c, e);
    if (code != CLI_OK) {
        return code;
    }
    int status = wordbook_open(c, &book);
    if (status != OK) {
        return cli_fail(c, status,
                        "%s.emergency, where your word is kept first, cannot be opened; "
                        "nothing was written",
                        c->journal);
    }
    status = wordbook_add(&book, intent_line(e));
    if (status != OK) {
        wordbook_close(&book);
        return cli_fail(c, status, "your word could not be kept in %s; nothing was written",
                        book.path);
    }
    if (!e->order.place) {
        tell_log(c, e);
    }
    for (uint32_t i = 0; i < e->places.count; i++) {
        struct place *at = &e->places.at[i];
        if (!at->wanted) {
            continue;
        }
        place_write(c, e->fleet, at, &e->order, e->answered ? &e->answer : NULL);
        if (wordbook_add(&book, outcome_line(e, at)) != OK) {
            (void)cli_fail(c, OK, "%s: the outcome at %s could not be kept", book.path, at->name);
        }
    }
    wordbook_close(&book);
    if (e->order.place) {
        tell_log(c, e);
    }
    return report(c, e);
}

/* --- The words ----------------------------------------------------------------------------------
 */

/* A number that is on no hold that can be seen from here. */
static int new_id(const struct places *p, uint32_t *ret_id)
{
    for (;;) {
        uint32_t id = 0;
        if (getrandom(&id, sizeof id, 0) != (ssize_t)sizeof id) {
            return ERR_IO;
        }
        id = 1 + id % EMERGENCY_ID_MAX;
        bool taken = false;
        for (uint32_t i = 0; i < p->count; i++) {
            taken = taken || p->at[i].found.hold.id == id;
        }
        if (!taken) {
            *ret_id = id;
            return OK;
        }
    }
}

static int fill_order(const struct cli *c, struct emergency *e, bool place, uint32_t id)
{
    char text[HOLD_TEXT_SIZE];
    struct fence_hold *h = &e->order.hold;
    e->order.place = place;
    h->id = id;
    emergency_who(h->who);
    snprintf(h->why, sizeof h->why, "%s", c->reason);
    return strlen(c->reason) < sizeof h->why && hold_text_format(h, text) > 0
               ? CLI_OK
               : cli_misuse(c, "a reason has 1 to %d letters of ASCII, no quotes, no backslash",
                            HOLD_WHY_SIZE - 1);
}

static int act_hold(const struct cli *c, struct emergency *e)
{
    uint32_t id;
    if (c->count != 2) {
        return cli_misuse(c, "%s", usage_text);
    }
    if (places_want(&e->places, c->args[1]) != OK) {
        return cli_fail(c, ERR_NOT_FOUND,
                        "target \"%s\": expected a DNS server of fleet %s, routes, features or all",
                        c->args[1], e->fleet->name);
    }
    int status = new_id(&e->places, &id);
    if (status != OK) {
        return cli_fail(c, status, "no random bytes");
    }
    const int code = fill_order(c, e, true, id);
    return code == CLI_OK ? carry_out(c, e) : code;
}

static bool parse_id(const char *s, uint32_t *ret_id)
{
    char *end;
    s += s[0] == '#';
    errno = 0;
    const unsigned long v = strtoul(s, &end, 10);
    if (errno != 0 || end == s || *end != '\0' || v < 1 || v > UINT32_MAX) {
        return false;
    }
    *ret_id = (uint32_t)v;
    return true;
}

static int act_release(const struct cli *c, struct emergency *e)
{
    uint32_t id;
    if (c->count != 2 || !parse_id(c->args[1], &id)) {
        return cli_misuse(c, "%s", usage_text);
    }
    if (places_want_hold(&e->places, id) == 0) {
        for (uint32_t i = 0; i < e->places.count; i++) {
            place_print(&e->places.at[i], c->err);
        }
        return cli_fail(c, ERR_NOT_FOUND,
                        "hold %u stands nowhere that can be read from here; holds on routes and "
                        "features are released on their own host",
                        id);
    }
    const int code = fill_order(c, e, false, id);
    return code == CLI_OK ? carry_out(c, e) : code;
}

static uint16_t find_view(const struct fleet *f, const char *name)
{
    for (uint16_t i = 0; i < f->view_count; i++) {
        if (strcmp(f->views[i].name, name) == 0) {
            return i;
        }
    }
    return FLEET_NONE;
}

static uint16_t find_entrance(const struct fleet *f, const char *name)
{
    for (uint16_t i = 0; i < f->entrance_count; i++) {
        if (strcmp(f->entrances[i].name, name) == 0) {
            return i;
        }
    }
    return FLEET_NONE;
}

/* The answer that the arguments name; its service must be that of every entrance. */
static int read_answer(const struct cli *c, struct emergency *e)
{
    const struct fleet *f = e->fleet;
    uint16_t entrances[FLEET_MAX_SLOTS];
    const uint16_t service = fleet_find_service(f, c->args[2]), view = find_view(f, c->args[3]);
    const int count = c->count - 4;
    if (service == FLEET_NONE || view == FLEET_NONE || count > FLEET_MAX_SLOTS) {
        return cli_fail(c, ERR_NOT_FOUND, "service \"%s\", view \"%s\": expected those of fleet %s",
                        c->args[2], c->args[3], f->name);
    }
    for (int i = 0; i < count; i++) {
        const char *name = c->args[4 + i];
        entrances[i] = find_entrance(f, name);
        if (entrances[i] == FLEET_NONE || f->entrances[entrances[i]].service != service) {
            return cli_fail(c, ERR_NOT_FOUND, "\"%s\" is no entrance of service %s", name,
                            c->args[2]);
        }
        if ((f->entrances[entrances[i]].carriers & UINT32_C(1) << f->views[view].carrier) == 0) {
            fprintf(c->err, "spillway: warning: %s is not declared to be reached over %s\n", name,
                    f->carriers[f->views[view].carrier].name);
        }
    }
    const int status = dns_hold_answer(f, service, view, entrances, (uint32_t)count, &e->answer);
    e->answered = status == OK;
    return status == OK ? CLI_OK : cli_fail(c, status, "the answer");
}

static int act_set(const struct cli *c, struct emergency *e)
{
    uint32_t id;
    const struct place *at = NULL;
    if (c->count < 5) {
        return cli_misuse(c, "an answer is never empty: name an entrance\n%s", usage_text);
    }
    for (uint32_t i = 0; i < e->places.count && at == NULL; i++) {
        at = strcmp(e->places.at[i].name, c->args[1]) == 0 ? &e->places.at[i] : NULL;
    }
    if (at == NULL || at->actuator != ACTUATOR_DNS || places_want(&e->places, at->name) != OK) {
        return cli_fail(c, ERR_NOT_FOUND, "\"%s\" is no DNS server of fleet %s", c->args[1],
                        e->fleet->name);
    }
    int code = read_answer(c, e);
    if (code != CLI_OK) {
        return code;
    }
    const int status = new_id(&e->places, &id);
    code = status == OK ? fill_order(c, e, true, id) : cli_fail(c, status, "no random bytes");
    if (code == CLI_OK && at->found.hold.id != 0) {
        e->order.hold = at->found.hold; /* under the hold that stands, which stays as it is */
    }
    return code == CLI_OK ? carry_out(c, e) : code;
}

static int act_list(const struct cli *c, struct emergency *e)
{
    json_t *list = json_array();
    for (uint32_t i = 0; i < e->places.count; i++) {
        if (!c->json) {
            place_print(&e->places.at[i], c->out);
        }
        json_array_append_new(list, place_json(&e->places.at[i]));
    }
    if (c->json) {
        return cli_print_json(
            c, json_pack("{s:b, s:s, s:o}", "ok", 1, "fleet", e->fleet->name, "targets", list));
    }
    json_decref(list);
    return CLI_OK;
}

int cli_emergency(struct cli *c)
{
    static const struct {
        const char *name;
        int (*run)(const struct cli *c, struct emergency *e);
        bool needs_reason;
    } acts[] = {{"list", act_list, false},
                {"hold", act_hold, true},
                {"set", act_set, true},
                {"release", act_release, true}};
    for (size_t i = 0; c->count > 0 && i < sizeof acts / sizeof acts[0]; i++) {
        if (strcmp(c->args[0], acts[i].name) != 0) {
            continue;
        }
        if (acts[i].needs_reason && (c->reason == NULL || c->reason[0] == '\0')) {
            return cli_misuse(c,
                              "it needs --reason TEXT, which stands in the fence for all to see");
        }
        struct emergency *e = calloc(1, sizeof *e);
        if (e == NULL) {
            return cli_fail(c, ERR_MEMORY, "emergency");
        }
        e->act = acts[i].name;
        int code = CLI_FAILURE;
        if (fleet_open(c, e) == OK) {
            places_read(c, e->fleet, &e->places);
            code = acts[i].run(c, e);
            fleet_close(e);
        }
        free(e);
        return code;
    }
    return cli_misuse(c, "%s", usage_text);
}
