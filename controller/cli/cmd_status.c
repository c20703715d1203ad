/* cmd_status.c: `spillway status`: gathers what the journal and the daemon say; tells it as JSON.
 */
#include "cli/drill_words.h"
#include "cli/orders.h"
#include "cli/plan_text.h"
#include "cli/status.h"
#include "core/explain.h"
#include "fold/fold.h"

#include <string.h>

enum { LIVE_TIMEOUT_MS = 3000 };

int status_last_change(const struct host *h, struct host_record *r)
{
    int status = host_record_seek(h, JOURNAL_LAST, r);
    while (status == OK) {
        if (r->record.kind == RECORD_DECIDE && host_record_counts(r) &&
            r->record.decide.change_count > 0) {
            return OK;
        }
        host_record_done(r);
        status = host_record_seek(h, JOURNAL_PREV, r);
    }
    return status;
}

static bool any_open(const struct control *c, enum incident_kind kind)
{
    bool any = false;
    for (uint32_t i = 0; i < c->incident_count; i++) {
        any = any || c->incidents[i].kind == kind;
    }
    return any;
}

/* Every server that was tried failed, and none has the plan. */
static bool nobody_serves(const struct control *c)
{
    bool failed = false, any = c->fleet->dns_server_count == 0;
    for (uint16_t i = 0; i < c->fleet->dns_server_count; i++) {
        any = any || c->dns[i].generation >= c->plan.fence.generation;
        failed = failed || c->dns[i].status != OK;
    }
    return failed && !any;
}

const char *status_unsafe(const struct control *c)
{
    const struct fleet *f = c->fleet;
    const char *broken = control_broken(c);
    if (broken != NULL) {
        return broken;
    }
    for (uint16_t s = 0; s < f->service_count; s++) {
        for (uint16_t v = 0; v < f->view_count; v++) {
            if (fleet_demand_rps(f, s, v) > 0 && plan_answer(&c->plan, s, v)->count == 0) {
                return "an answer that users ask for is empty";
            }
        }
    }
    if (any_open(c, INCIDENT_HELD)) {
        return "a person's break-glass hold stands: nothing is written there, not even a rescue";
    }
    if (any_open(c, INCIDENT_SPLIT_FENCE)) {
        return "another log writes where this one does: nothing is written there";
    }
    if (nobody_serves(c)) {
        return "no DNS server has the plan: users follow an older one";
    }
    return NULL;
}

static json_t *waits_json(const struct control *c)
{
    struct waits w;
    json_t *list = json_array();
    waits_find(c, &w);
    for (uint32_t i = 0; i < w.count; i++) {
        const struct wait *item = &w.items[i];
        json_array_append_new(
            list,
            json_pack("{s:o, s:s?, s:s, s:s?}", "incident",
                      item->incident != 0 ? json_integer(item->incident) : json_null(), "service",
                      item->service == FLEET_NONE ? NULL : c->fleet->services[item->service].name,
                      "text", item->text, "command",
                      item->command[0] != '\0' ? item->command : NULL));
    }
    return list;
}

const json_t *status_actuator(const json_t *live, const char *actuator, const char *target)
{
    size_t i;
    const json_t *a;
    json_array_foreach(json_object_get(live, "actuators"), i, a)
    {
        const char *kind = json_string_value(json_object_get(a, "actuator"));
        const char *name = json_string_value(json_object_get(a, "target"));
        if (kind != NULL && name != NULL && strcmp(kind, actuator) == 0 &&
            strcmp(name, target) == 0) {
            return a;
        }
    }
    return NULL;
}

static json_t *actuation_json(const char *name, const struct actuation_state *a,
                              uint64_t generation, const json_t *here)
{
    return json_pack("{s:s, s:I, s:i, s:s, s:b, s:s?}", "name", name, "generation",
                     (json_int_t)a->generation, "status", a->status, "text", error_text(a->status),
                     "at_plan", a->generation >= generation, "detail",
                     json_string_value(json_object_get(here, "detail")));
}

static json_t *dns_json(const struct control *c, const json_t *live)
{
    json_t *list = json_array();
    for (uint32_t i = 0; i < c->fleet->dns_server_count; i++) {
        const char *name = c->fleet->dns_servers[i].name;
        json_array_append_new(
            list, actuation_json(name, &c->dns[i], c->plan.fence.generation,
                                 status_actuator(live, actuator_name(ACTUATOR_DNS), name)));
    }
    return list;
}

static json_t *replicas_json(const struct control *c)
{
    json_t *list = json_array();
    for (uint32_t i = 0; i < c->fleet->idc_count; i++) {
        const struct alive_state *a = &c->alive[i];
        json_array_append_new(
            list, json_pack("{s:s, s:b, s:b, s:b, s:b, s:b, s:I, s:I, s:I, s:I}", "idc",
                            c->fleet->idcs[i].name, "candidate", c->fleet->idcs[i].candidate,
                            "seen", a->version != 0, "warm", a->warm, "halted", a->halted, "leads",
                            c->epoch > 0 && c->leader.replica == c->fleet->idcs[i].partition,
                            "base", (json_int_t)a->base, "alive_us", (json_int_t)a->at.us,
                            "routes_generation", (json_int_t)c->routes[i].generation,
                            "features_generation", (json_int_t)c->features[i].generation));
    }
    return list;
}

static json_t *incidents_json(const struct control *c)
{
    json_t *list = json_array();
    for (uint32_t i = 0; i < c->incident_count; i++) {
        json_array_append_new(list, incident_json(c->fleet, &c->incidents[i]));
    }
    return list;
}

static json_t *last_change_json(const struct host *h)
{
    struct host_record r = {0};
    if (status_last_change(h, &r) != OK) {
        return json_null();
    }
    json_t *o = record_json(h, &r);
    host_record_done(&r);
    return o;
}

int status_print_json(const struct cli *c, const struct host *h, json_t *live, const char *why)
{
    const struct control *k = &h->control;
    char room[32], id[2 * sizeof k->log_id.bytes + 1];
    struct text t = text_over(id, sizeof id);
    text_put_hex(&t, k->log_id.bytes, sizeof k->log_id.bytes);
    const char *leader = k->epoch == 0 ? NULL : replica_name(k->fleet, k->leader.replica, room);
    const char *unsafe = status_unsafe(k);
    return cli_print_json(
        c, json_pack(
               "{s:b, s:s, s:s, s:I, s:I, s:I, s:I, s:I, s:s?, s:o, s:o, s:b, s:s?, s:o, s:o, s:o, "
               "s:o, s:o, s:s?, s:o, s:b, s:o, s:o, s:o}",
               "ok", 1, "fleet", k->fleet->name, "log_id", id, "era", (json_int_t)k->era,
               "generation", (json_int_t)k->plan.fence.generation, "applied",
               (json_int_t)k->applied, "log_time_us", (json_int_t)k->log_time.us, "epoch",
               (json_int_t)k->epoch, "leader", leader, "incidents", incidents_json(k),
               "last_change", last_change_json(h), "safe", unsafe == NULL, "unsafe_why", unsafe,
               "waits", waits_json(k), "dns_servers", dns_json(k, live), "replicas",
               replicas_json(k), "daemon", live != NULL ? json_incref(live) : json_null(),
               "daemon_alive", json_boolean(live != NULL), "daemon_why", live != NULL ? NULL : why,
               "orders", orders_json(k), "frozen", control_frozen(k), "demand", demands_json(k),
               "announcements", announcements_json(k), "drill",
               drill_under_way(&k->drill) ? drill_run_json(k) : json_null()));
}

/* The journal gave no state: what the daemon is like may be the reason. */
static void tell_daemon(const struct cli *c, const json_t *live, const char *why)
{
    const char *phase = json_string_value(json_object_get(live, "phase"));
    const char *trouble = json_string_value(json_object_get(live, "why"));
    if (live == NULL) {
        fprintf(c->err, "spillway: spillwayd is dead: %s\n", why);
        return;
    }
    fprintf(c->err, "spillway: spillwayd is %s%s%s\n", phase != NULL ? phase : "alive",
            trouble != NULL ? ": " : "", trouble != NULL ? trouble : "");
}

int cli_status(struct cli *c)
{
    struct host h;
    char why[CLI_WHY_SIZE];
    json_t *live = NULL;
    if (c->count != 0) {
        return cli_misuse(c, "usage: spillway status");
    }
    const int asked =
        host_ask_for(c, json_pack("{s:s}", "request", "status"), LIVE_TIMEOUT_MS, &live, why);
    int code = host_open(c, &h) == OK ? CLI_OK : CLI_FAILURE;
    if (code != CLI_OK) {
        if (asked != ERR_PERMISSION) { /* that was said */
            tell_daemon(c, live, why);
        }
        json_decref(live);
        return code;
    }
    if (c->json) {
        code = status_print_json(c, &h, live, why);
    } else {
        char told[CLI_WHY_SIZE + 16];
        snprintf(told, sizeof told, "%s%s", asked == ERR_PERMISSION ? "" : "dead here: ", why);
        code = status_print(c, &h, live, told);
    }
    json_decref(live);
    host_close(&h);
    return code;
}
