/* status_text.c: `spillway status` for people: one screen, answers in ten seconds. */
#include "cli/drill_words.h"
#include "cli/orders.h"
#include "cli/status.h"
#include "core/explain.h"
#include "fold/fold.h"

#include <inttypes.h>
#include <string.h>

struct paint {
    const char *bad, *warn, *good, *bold, *off;
};

static struct paint paint_of(const struct cli *c)
{
    static const struct paint colours = {"\033[31m", "\033[33m", "\033[32m", "\033[1m", "\033[0m"};
    static const struct paint none = {"", "", "", "", ""};
    return c->colour ? colours : none;
}

static void print_head(const struct cli *c, const struct host *h, const json_t *live,
                       const char *why)
{
    const struct paint p = paint_of(c);
    const struct control *k = &h->control;
    char room[32];
    fprintf(c->out, "%sfleet %s%s  generation %" PRIu64 "  era %" PRIu64 "  record %" PRId64 "\n",
            p.bold, k->fleet->name, p.off, k->plan.fence.generation, k->era, k->applied);
    fprintf(c->out, "leader     %s\n",
            k->epoch == 0 ? "none yet" : replica_name(k->fleet, k->leader.replica, room));
    if (live == NULL) {
        fprintf(c->out, "%sdaemon     %s. What follows is from the journal, and may be old%s\n",
                p.bad, why, p.off);
        return;
    }
    const char *phase = json_string_value(json_object_get(live, "phase"));
    const char *trouble = json_string_value(json_object_get(live, "why"));
    const char *halted = json_string_value(json_object_get(json_object_get(live, "halted"), "why"));
    const bool readable = json_is_true(json_object_get(live, "log_readable"));
    fprintf(c->out, "daemon     alive, %s%s%s%s\n", phase != NULL ? phase : "?",
            readable ? "" : "; the log cannot be read now: traffic stays where it is",
            trouble != NULL ? "; " : "", trouble != NULL ? trouble : "");
    if (halted != NULL) {
        const json_t *at = json_object_get(live, "halted");
        const json_int_t needs = json_integer_value(json_object_get(at, "needs"));
        fprintf(c->out, "%sHALTED     acting has stopped: %s%s\n", p.bad, halted, p.off);
        if (needs > 0) {
            fprintf(c->out,
                    "           the log needs rules version %lld, spillwayd here runs %lld: "
                    "upgrade it\n",
                    (long long)needs, (long long)json_integer_value(json_object_get(at, "runs")));
        }
    }
}

/* What breaks now may be broken on purpose. */
static void print_drill(const struct cli *c, const struct host *h)
{
    const struct paint p = paint_of(c);
    if (drill_under_way(&h->control.drill)) {
        fprintf(c->out, "\n%sDRILL UNDER WAY%s\n", p.bold, p.off);
        drill_print_run(&h->control, "  ", c->out);
        fputs("  end it at once: spillway drill abort --reason TEXT\n", c->out);
    }
}

static void print_broke(const struct cli *c, const struct host *h, const json_t *live)
{
    const struct paint p = paint_of(c);
    const struct control *k = &h->control;
    fputs("\nWHAT BROKE\n", c->out);
    for (uint32_t i = 0; i < k->incident_count; i++) {
        char line[SENTENCE_SIZE], page[PAGE_NAME_SIZE];
        struct text t = text_over(line, sizeof line);
        explain_incident(k->fleet, &k->incidents[i], &t);
        fprintf(c->out, "  %s%s%s\n      page: %s\n", p.warn, line, p.off,
                incident_page(k->incidents[i].kind, page));
    }
    if (k->incident_count == 0) {
        fprintf(c->out, "  %snothing: no open incident%s\n", p.good, p.off);
    }
    size_t i;
    json_t *verdict;
    uint32_t shown = 0;
    json_array_foreach(json_object_get(live, "verdicts"), i, verdict)
    {
        const char *text = json_string_value(json_object_get(verdict, "text"));
        const char *health = json_string_value(json_object_get(verdict, "health"));
        if (text != NULL && health != NULL && strcmp(health, "unknown") != 0 && shown++ < 8) {
            fprintf(c->out, "  seen now: %s\n", text);
        }
    }
}

/* The newest change and the guards that spoke. */
static void print_done(const struct cli *c, const struct host *h)
{
    struct host_record r = {0};
    fputs("\nWHAT WAS DONE, AND WHY\n", c->out);
    if (status_last_change(h, &r) != OK) {
        fputs("  nothing was changed since init\n", c->out);
        return;
    }
    char line[SENTENCE_SIZE];
    record_sentence(h, &r, line);
    fprintf(c->out, "  %s\n", line);
    for (uint32_t i = 0; i < r.record.decide.incident_count && i < 4; i++) {
        const struct incident *incident = &r.record.decide.incidents[i];
        fprintf(c->out, "  why: #%u %s, %s; the rule that named it: %s\n", incident->id,
                incident_kind_name(incident->kind), incident_state_name(incident->state),
                rule_text(incident->rule));
    }
    for (uint32_t i = 0; i < r.record.decide.guard_count; i++) {
        if (!r.record.decide.guards[i].passed) {
            fprintf(c->out, "  held back by guard %s\n",
                    guard_name(r.record.decide.guards[i].guard));
        }
    }
    fprintf(c->out, "  the whole story: spillway explain %lld\n", (long long)r.offset);
    host_record_done(&r);
}

/* People's standing words keep the machine from what it would do: nobody may overlook them. */
static void print_orders(const struct cli *c, const struct host *h)
{
    const struct paint p = paint_of(c);
    if (h->control.order_count > 0) {
        fprintf(c->out, "\n%sORDERS IN FORCE%s\n", p.bold, p.off);
        orders_print(&h->control, c->out, p.bad, p.off);
    }
}

static void print_safe(const struct cli *c, const struct host *h)
{
    const struct paint p = paint_of(c);
    const char *unsafe = status_unsafe(&h->control);
    fputs("\nIS IT SAFE\n", c->out);
    if (unsafe != NULL) {
        fprintf(c->out, "  %sno: %s%s\n", p.bad, unsafe, p.off);
    } else {
        fprintf(c->out, "  %syes: no answer is empty, every core is served, the state is whole%s\n",
                p.good, p.off);
    }
}

static void print_waits(const struct cli *c, const struct host *h)
{
    const struct paint p = paint_of(c);
    struct waits w;
    waits_find(&h->control, &w);
    fputs("\nWHAT WAITS FOR A PERSON, AND HOW TO UNDO\n", c->out);
    for (uint32_t i = 0; i < w.count; i++) {
        fprintf(c->out, "  %s%s%s\n", p.warn, w.items[i].text, p.off);
        if (w.items[i].command[0] != '\0') {
            fprintf(c->out, "      %s\n", w.items[i].command);
        }
    }
    if (w.count == 0) {
        fputs("  nothing: links come back by themselves after their hold-down\n", c->out);
    }
}

static const char *state_of(const struct actuation_state *a, uint64_t generation)
{
    if (a->generation == 0 && a->status_generation == 0) {
        return "not heard of yet";
    }
    if (a->status != OK && a->status_generation >= a->generation) {
        return error_text(a->status);
    }
    return a->generation >= generation ? "at the plan" : "behind";
}

/* Why an actuator of this host failed when it last tried: only the daemon here knows, and only of
 * what it tried itself. */
static void print_trouble(const struct cli *c, const json_t *a)
{
    const struct paint p = paint_of(c);
    if (a == NULL || json_integer_value(json_object_get(a, "status")) == OK) {
        return;
    }
    const char *text = json_string_value(json_object_get(a, "text"));
    const char *detail = json_string_value(json_object_get(a, "detail"));
    const char *what = json_string_value(json_object_get(a, "actuator"));
    const json_int_t tried = json_integer_value(json_object_get(a, "attempted_generation"));
    const json_int_t age = json_integer_value(json_object_get(a, "age_us"));
    fprintf(c->out, "      %s%s tried from here %lld.%lld s ago, generation %lld: %s%s%s%s\n",
            p.warn, what != NULL ? what : "?", (long long)(age / US_PER_SEC),
            (long long)(age % US_PER_SEC / (100 * US_PER_MS)), (long long)tried,
            text != NULL ? text : "?", detail != NULL ? ": " : "", detail != NULL ? detail : "",
            p.off);
    const json_t *hold = json_object_get(a, "hold");
    const char *who = json_string_value(json_object_get(hold, "who"));
    const char *reason = json_string_value(json_object_get(hold, "why"));
    if (who != NULL && reason != NULL) {
        const json_int_t id = json_integer_value(json_object_get(hold, "id"));
        fprintf(
            c->out,
            "      %sHELD by %s: %s%s\n      spillway emergency release %lld --reason \"...\"\n",
            p.bad, who, reason, p.off, (long long)id);
    }
}

static void print_actuators(const struct cli *c, const struct host *h, const json_t *live)
{
    const struct control *k = &h->control;
    const struct fleet *f = k->fleet;
    fputs("\nDNS SERVERS\n", c->out);
    for (uint32_t i = 0; i < f->dns_server_count; i++) {
        fprintf(c->out, "  %-20s generation %-8" PRIu64 " %s\n", f->dns_servers[i].name,
                k->dns[i].generation, state_of(&k->dns[i], k->plan.fence.generation));
        print_trouble(c,
                      status_actuator(live, actuator_name(ACTUATOR_DNS), f->dns_servers[i].name));
    }
    fputs("\nIDCS                 replica           routes at  features at\n", c->out);
    for (uint32_t i = 0; i < f->idc_count; i++) {
        const struct alive_state *a = &k->alive[i];
        const char *state = f->idcs[i].vantage ? "vantage"
                            : a->version == 0  ? "never heard"
                            : a->halted        ? "HALTED"
                            : a->warm          ? "warm"
                                               : "cold";
        const int64_t age = logtime_diff_us(k->log_time, a->at);
        const bool silent = a->version != 0 && age > 30 * US_PER_SEC;
        fprintf(c->out, "  %-18s %s%-16s %10" PRIu64 " %12" PRIu64 "%s\n", f->idcs[i].name, "",
                silent ? "silent" : state, k->routes[i].generation, k->features[i].generation,
                k->epoch > 0 && k->leader.replica == f->idcs[i].partition ? "  leads" : "");
        print_trouble(c, status_actuator(live, actuator_name(ACTUATOR_ROUTES), f->idcs[i].name));
        print_trouble(c, status_actuator(live, actuator_name(ACTUATOR_FEATURES), f->idcs[i].name));
    }
}

int status_print(const struct cli *c, const struct host *h, const json_t *live, const char *why)
{
    print_head(c, h, live, why);
    print_orders(c, h);
    print_drill(c, h);
    demands_print(&h->control, c->out);
    print_broke(c, h, live);
    print_done(c, h);
    print_safe(c, h);
    print_waits(c, h);
    announcements_print(&h->control, c->out);
    print_actuators(c, h, live);
    return CLI_OK;
}
