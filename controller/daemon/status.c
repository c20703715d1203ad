/* status.c: the answer to a status request: live evidence, verdicts, actuators, counters, as JSON.
 */
#include "daemon/daemon.h"

#include "core/explain.h"
#include "daemon/clock.h"

#include <jansson.h>
#include <stdio.h>
#include <unistd.h>

static void put(json_t *object, const char *key, json_t *value)
{
    json_object_set_new(object, key, value); /* a missing value or no memory leaves the key out */
}

static void put_int(json_t *object, const char *key, int64_t value)
{
    put(object, key, json_integer(value));
}

static void put_text(json_t *object, const char *key, const char *value)
{
    put(object, key, value != NULL && value[0] != '\0' ? json_string(value) : json_null());
}

static void put_hex(json_t *object, const char *key, const uint8_t *bytes, size_t n)
{
    char hex[2 * DIGEST_SIZE + 1];
    struct text t = text_over(hex, sizeof hex);
    text_put_hex(&t, bytes, n);
    put(object, key, json_string(hex));
}

static json_t *observers_of(struct daemon *d, const struct control *c, struct mono now)
{
    json_t *list = json_array();
    const struct evidence *evidence = replica_evidence(d->replica, now);
    for (uint16_t i = 0; evidence != NULL && i < c->fleet->idc_count; i++) {
        const struct evidence *e = &evidence[i];
        json_t *o = json_object();
        put_text(o, "idc", c->fleet->idcs[i].name);
        put(o, "seen", json_boolean(e->report != NULL));
        if (e->report != NULL) {
            uint32_t down = 0;
            for (uint32_t t = 0; t < e->report->count; t++) {
                down += e->report->observations[t].health == HEALTH_DOWN ? 1 : 0;
            }
            put_int(o, "age_us", e->age_us);
            put(o, "conclusive", json_boolean(e->conclusive));
            put_int(o, "incarnation", (int64_t)e->report->incarnation);
            put_int(o, "sequence", (int64_t)e->report->sequence);
            put_int(o, "lateness_us", e->report->lateness_us);
            put_int(o, "targets", e->report->count);
            put_int(o, "down", down);
        }
        json_array_append_new(list, o);
    }
    return list;
}

static void add_verdict(json_t *list, const struct fleet *f, const struct verdict *v)
{
    if (v->subject.kind == 0 || v->health == HEALTH_UP) {
        return;
    }
    char subject[256], sentence[512];
    struct text t = text_over(subject, sizeof subject), s = text_over(sentence, sizeof sentence);
    explain_subject(f, &v->subject, &t);
    explain_verdict(f, v, &s);
    json_t *o = json_object();
    put_text(o, "kind", subject_kind_name(v->subject.kind));
    put_text(o, "subject", subject);
    put_text(o, "health", health_name(v->health));
    put_int(o, "rule", v->rule);
    put_text(o, "text", sentence);
    put_int(o, "held_us", v->held_us);
    json_array_append_new(list, o);
}

/* What is not plainly up and more than its whole says: an IDC's parts repeat its verdict. */
static void add_parts(json_t *list, const struct fleet *f, const struct diagnosis *g)
{
    for (uint16_t c = 0; c < f->carrier_count; c++) {
        add_verdict(list, f, &g->carriers[c]);
        for (uint16_t x = 0; x < f->idc_count; x++) {
            const struct verdict *v = &g->fronts[(size_t)c * f->idc_count + x];
            bool own = v->rule != g->idcs[x].rule && v->rule != RULE_OBSERVER_SUSPECT &&
                       v->rule != RULE_NO_FRESH_EVIDENCE;
            if (own) {
                add_verdict(list, f, v);
            }
        }
    }
    for (size_t i = 0; i < path_count(f); i++) {
        bool own = g->paths[i].rule == RULE_PATH_DARK || g->paths[i].rule == RULE_PARTLY_SEEN;
        if (own) {
            add_verdict(list, f, &g->paths[i]);
        }
    }
    for (uint16_t i = 0; i < f->conduit_count; i++) {
        if (g->conduits[i].health == HEALTH_DOWN) {
            add_verdict(list, f, &g->conduits[i]);
        }
    }
    for (uint16_t x = 0; x < f->idc_count; x++) {
        if (g->backbones[x].health == HEALTH_DOWN) {
            add_verdict(list, f, &g->backbones[x]);
        }
    }
}

static json_t *verdicts_of(struct daemon *d, const struct control *c, struct mono now)
{
    json_t *list = json_array();
    const struct fleet *f = c->fleet;
    const struct diagnosis *g = replica_diagnosis(d->replica, now);
    if (g == NULL) {
        return list;
    }
    for (uint16_t i = 0; i < f->link_count; i++) {
        add_verdict(list, f, &g->links[i]);
    }
    for (uint16_t i = 0; i < f->idc_count; i++) {
        add_verdict(list, f, &g->idcs[i]);
        add_verdict(list, f, &g->observers[i]);
    }
    for (uint32_t i = 0; i < (uint32_t)f->service_count * f->idc_count; i++) {
        if (f->capacity_ups[i] > 0) {
            add_verdict(list, f, &g->services[i]);
        }
    }
    add_parts(list, f, g);
    return list;
}

static json_t *actuator_of(const struct actuator_state *s, enum actuator kind, const char *target,
                           bool busy, struct mono now)
{
    json_t *o = json_object();
    put_text(o, "actuator", actuator_name(kind));
    put_text(o, "target", target);
    put_text(o, "state", !s->configured ? "unconfigured" : busy ? "busy" : "idle");
    put_int(o, "generation", (int64_t)s->good_generation);
    if (s->tried) {
        put_int(o, "status", s->last.status);
        put_text(o, "text", error_text(s->last.status));
        put_text(o, "detail", s->last.detail);
        put_int(o, "attempted_generation", (int64_t)s->last.attempted.generation);
        put_int(o, "age_us", mono_diff_us(now, s->at));
    }
    if (s->tried && s->last.hold.id != 0) {
        put(o, "hold",
            json_pack("{s:I, s:s, s:s}", "id", (json_int_t)s->last.hold.id, "who", s->last.hold.who,
                      "why", s->last.hold.why));
    }
    return o;
}

static json_t *actuators_of(const struct daemon *d, const struct fleet *f, struct mono now)
{
    const struct actuators *a = &d->actuators;
    const char *here = d->settings.idc;
    json_t *list = json_array();
    for (uint16_t i = 0; i < a->dns_count && i < f->dns_server_count; i++) {
        bool busy = a->dns[i] != NULL && dns_busy(a->dns[i]);
        json_array_append_new(
            list, actuator_of(&a->dns_state[i], ACTUATOR_DNS, f->dns_servers[i].name, busy, now));
    }
    bool busy = a->routes != NULL && route_busy(a->routes);
    json_array_append_new(list, actuator_of(&a->route_state, ACTUATOR_ROUTES, here, busy, now));
    json_array_append_new(list,
                          actuator_of(&a->feature_state, ACTUATOR_FEATURES, here, false, now));
    return list;
}

static json_t *links_of(const struct daemon *d, const struct control *c)
{
    json_t *list = json_array();
    for (uint16_t l = 0; d->downs != NULL && l < c->fleet->link_count; l++) {
        int end = link_end_at(&c->fleet->links[l], d->idc);
        if (end < 0) {
            continue;
        }
        const struct down *down = &d->downs[l * 2 + end];
        uint32_t released = *plan_released(&c->plan, l, (uint8_t)end);
        json_t *o = json_object();
        put_text(o, "link", c->fleet->links[l].name);
        put_int(o, "end", end);
        put(o, "down", json_boolean(down->down));
        put_int(o, "number", down->number);
        put_int(o, "released", released);
        json_array_append_new(list, o);
    }
    return list;
}

static json_t *counters_of(const struct daemon *d)
{
    const struct counters *n = &d->counters;
    const struct bus_stats *b = bus_stats(d->bus);
    const struct {
        const char *name;
        uint64_t value;
    } all[] = {
        {"records", n->records},
        {"reports", n->reports},
        {"edges", n->edges},
        {"commits", n->commits},
        {"bad_records", n->bad_records.total},
        {"bad_reports", n->bad_reports.total},
        {"bad_requests", n->bad_requests.total},
        {"bad_edges", n->bad_edges.total},
        {"append_refused", n->append_refused + b->append_refused},
        {"claims_withheld", n->claims_withheld},
        {"control_refused", unix_server_stats(d->control)->refused},
        {"control_overflows", unix_server_stats(d->control)->overflows},
        {"control_quiet", unix_server_stats(d->control)->quiet},
        {"probe_refused", unix_server_stats(d->probe)->refused},
        {"probe_overflows", unix_server_stats(d->probe)->overflows},
        {"bus_appended", b->appended},
        {"bus_append_failed", b->append_failed},
        {"bus_errors", b->errors},
    };
    json_t *o = json_object();
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) {
        put_int(o, all[i].name, (int64_t)all[i].value);
    }
    return o;
}

/* What only a replica with a fleet can tell. */
static void put_control(json_t *o, struct daemon *d, const struct control *c, struct mono now)
{
    put_text(o, "fleet", c->fleet->name);
    put_hex(o, "log_id", c->log_id.bytes, sizeof c->log_id.bytes);
    put_int(o, "era", (int64_t)c->era);
    put_int(o, "generation", (int64_t)c->plan.fence.generation);
    put_int(o, "acting_generation", (int64_t)replica_acting(d->replica).generation);
    put_hex(o, "plan_digest", c->plan.fence.digest.bytes, DIGEST_SIZE);
    put_int(o, "applied", c->applied);
    put_int(o, "log_time_us", replica_log_time(d->replica, now).us);
    put_int(o, "epoch", (int64_t)c->epoch);
    put(o, "leads", json_boolean(replica_leads(d->replica)));
    const struct idc *here = d->idc != FLEET_NONE ? &c->fleet->idcs[d->idc] : NULL;
    put(o, "candidate", json_boolean(here != NULL && here->candidate));
    put_int(o, "replica", here != NULL ? here->partition : -1);
    const char *leader = NULL;
    for (uint16_t i = 0; c->epoch > 0 && i < c->fleet->idc_count; i++) {
        leader = c->fleet->idcs[i].partition == c->leader.replica ? c->fleet->idcs[i].name : leader;
    }
    put_text(o, "leader", leader);
    put(o, "observers", observers_of(d, c, now));
    put(o, "verdicts", verdicts_of(d, c, now));
    put(o, "actuators", actuators_of(d, c->fleet, now));
    put(o, "links", links_of(d, c));
}

char *status_text(struct daemon *d)
{
    struct mono now = mono_now();
    json_t *o = json_object();
    const struct control *c = d->replica != NULL ? replica_control(d->replica) : NULL;
    int64_t halted_at = -1;
    const char *halted = d->replica != NULL ? replica_halted(d->replica, &halted_at) : NULL;
    put(o, "ok", json_true());
    put_text(o, "version", SPILLWAY_VERSION);
    put_int(o, "pid", getpid());
    put_text(o, "idc", d->settings.idc);
    put_int(o, "uptime_us", mono_diff_us(now, d->started));
    put_text(o, "phase", phase_name(d->phase));
    put_text(o, "why", d->why);
    put_int(o, "log_end", d->log_end);
    put(o, "log_readable", json_boolean(d->log_readable));
    put_text(o, "topics",
             d->topics_status == OK                ? "ok"
             : d->topics_status == ERR_UNAVAILABLE ? "unknown"
                                                   : d->topics_why);
    if (halted != NULL) {
        put(o, "halted",
            json_pack("{s:s, s:I, s:i, s:i, s:s?}", "why", halted, "offset", (json_int_t)halted_at,
                      "needs", (int)replica_needs(d->replica), "runs", (int)FOLD_RULES_NEWEST,
                      "record", d->broken_record[0] != '\0' ? d->broken_record : NULL));
    } else {
        put(o, "halted", json_null());
    }
    put(o, "probe", json_pack("{s:b}", "connected", d->probes > 0));
    if (c != NULL && c->fleet != NULL && d->is_equipped) {
        put_control(o, d, c, now);
    }
    put(o, "counters", counters_of(d));
    char *text = json_dumps(o, JSON_COMPACT);
    json_decref(o);
    return text;
}
