/* explain.c: subjects, rules, verdicts and incidents as sentences. */
#include "core/explain_internal.h"

static void put_name(struct text *t, const char *names, size_t stride, uint32_t count, uint32_t i,
                     const char *kind)
{
    if (i < count) {
        text_put(t, names + stride * i);
        return;
    }
    text_put(t, kind); /* a record of another fleet: the number is all there is */
    text_put(t, " #");
    text_put_int(t, i);
}

void put_idc(const struct fleet *f, uint16_t idc, struct text *t)
{
    put_name(t, f->idcs[0].name, sizeof *f->idcs, f->idc_count, idc, "IDC");
}

void put_service(const struct fleet *f, uint16_t service, struct text *t)
{
    put_name(t, f->services[0].name, sizeof *f->services, f->service_count, service, "service");
}

void put_region(const struct fleet *f, uint16_t region, struct text *t)
{
    put_name(t, f->regions[0].name, sizeof *f->regions, f->region_count, region, "region");
}

void put_view(const struct fleet *f, uint16_t view, struct text *t)
{
    put_name(t, f->views[0].name, sizeof *f->views, f->view_count, view, "view");
}

void put_link(const struct fleet *f, uint16_t link, struct text *t)
{
    put_name(t, f->links[0].name, sizeof *f->links, f->link_count, link, "link");
}

void put_entrance(const struct fleet *f, uint16_t entrance, struct text *t)
{
    put_name(t, f->entrances[0].name, sizeof *f->entrances, f->entrance_count, entrance,
             "entrance");
}

void put_carrier(const struct fleet *f, uint16_t carrier, struct text *t)
{
    put_name(t, f->carrier_count > 0 ? f->carriers[0].name : "", sizeof *f->carriers,
             f->carrier_count, carrier, "carrier");
}

void put_replica(const struct fleet *f, uint16_t partition, struct text *t)
{
    for (uint16_t x = 0; x < f->idc_count; x++) {
        if (f->idcs[x].partition == partition) {
            put_idc(f, x, t);
            return;
        }
    }
    text_put(t, partition == REPLICA_PERSON ? "a person" : "replica #");
    if (partition != REPLICA_PERSON) {
        text_put_int(t, partition);
    }
}

void put_count(struct text *t, int64_t n, const char *one, const char *many)
{
    text_put_int(t, n);
    text_put(t, " ");
    text_put(t, n == 1 ? one : many);
}

void put_separator(struct text *t, uint32_t i, uint32_t n)
{
    if (i > 0) {
        text_put(t, i + 1 == n ? " and " : ", ");
    }
}

const char *rule_text(enum rule r)
{
    switch (r) {
    case RULE_NONE: return "no rule";
    case RULE_NO_FRESH_EVIDENCE: return "no fresh evidence; silence is never taken for a failure";
    case RULE_OBSERVER_SUSPECT:
        return "everything is dark to this observer, its references too, so its word does not "
               "count";
    case RULE_COLD_START: return "the leader is too young to conclude a death";
    case RULE_SEEN_GOOD: return "all observers with fresh evidence see it good";
    case RULE_BOTH_ENDS_DOWN: return "both ends say it is down";
    case RULE_ONE_END_DOWN: return "one end says it is down, the other is silent or differs";
    case RULE_END_DEGRADED: return "an end loses more packets than the bound";
    case RULE_QUORUM_DOWN:
        return "enough observers agree that it is dark, for the whole confirmation window";
    case RULE_LONE_WITNESS_GOOD_REFERENCES:
        return "the observers left agree that it is dark, and their references over the same "
               "carriers were good all that time";
    case RULE_NOT_CONFIRMED_YET: return "dark, but not yet for the confirmation window";
    case RULE_NOT_ENOUGH_OBSERVERS:
        return "dark to too few observers, and they have no good references to prove themselves";
    case RULE_OWN_PROBE_SAYS_ALIVE:
        return "dark from outside, but its own probe reports that it serves: it is isolated, not "
               "dead";
    case RULE_SERVICE_DEAD_INSIDE:
        return "the service is dead to everybody who can see the IDC, its own probe included";
    case RULE_ABSENT_PROBE: return "its own probe was absent before and does not block";
    case RULE_HOLD_DOWN: return "up again, but not yet for the hold-down";
    case RULE_PARTLY_SEEN: return "some observers see it good, some bad";
    case RULE_CARRIER_DARK_HERE:
        return "all that the carrier reaches there is dark to enough observers whose references "
               "over it are good, and the IDC is seen good over something else";
    case RULE_CARRIER_DARK_EVERYWHERE:
        return "everything over this carrier, references too, is dark to enough observers who see "
               "the rest of the world, and nobody sees anything over it";
    case RULE_PATH_DARK:
        return "dark over this carrier to enough observers whose references over it are good, "
               "while other entrances of its IDC are seen over it";
    case RULE_CONDUIT_CUT: return "all links of the conduit are down";
    case RULE_OVER_CAPACITY: return "the plan asks more of it than it has";
    case RULE_SATURATED: return "it says itself that it is full, though the plan fits";
    case RULE_ERRORS: return "its checks are good, and it says itself that it fails its requests";
    case RULE_FENCE_SAYS: return "what stands there itself, as the actuator found it";
    case RULE_LAST_VOICE:
        return "nobody outside is left to see it, its own probe reports that it serves, and its "
               "references are good";
    case RULE_REGION_DOWN: return "all IDCs that serve from the region are down";
    case RULE_OFF_BACKBONE:
        return "all its links to living IDCs are down, and its entrances are seen good from "
               "outside";
    }
    return "an unknown rule";
}

/* Where a plan is written. */
static void put_place(const struct fleet *f, const struct subject *s, struct text *t)
{
    if (s->a == ACTUATOR_DNS) {
        text_put(t, "DNS server ");
        text_put(t, s->b < f->dns_server_count ? f->dns_servers[s->b].name : "?");
        return;
    }
    text_put(t, s->a == ACTUATOR_ROUTES ? "routes at " : "features at ");
    put_idc(f, s->b, t);
}

void explain_subject(const struct fleet *f, const struct subject *s, struct text *t)
{
    switch (s->kind) {
    case SUBJECT_LINK:
        text_put(t, "link ");
        put_link(f, s->a, t);
        return;
    case SUBJECT_CONDUIT:
        text_put(t, "conduit ");
        put_name(t, s->a < f->conduit_count ? f->conduits[0].name : "", sizeof *f->conduits,
                 f->conduit_count, s->a, "conduit");
        return;
    case SUBJECT_CARRIER:
        text_put(t, "carrier ");
        put_carrier(f, s->a, t);
        return;
    case SUBJECT_IDC:
        text_put(t, "IDC ");
        put_idc(f, s->a, t);
        return;
    case SUBJECT_SERVICE:
        text_put(t, "service ");
        put_service(f, s->a, t);
        text_put(t, " at ");
        put_idc(f, s->b, t);
        return;
    case SUBJECT_OBSERVER:
        text_put(t, "observer ");
        put_idc(f, s->a, t);
        return;
    case SUBJECT_REGION:
        text_put(t, "region ");
        put_region(f, s->a, t);
        return;
    case SUBJECT_ENTRANCE:
        text_put(t, "entrance ");
        put_entrance(f, s->a, t);
        return;
    case SUBJECT_FEATURES:
        text_put(t, "features of ");
        put_service(f, s->b, t);
        text_put(t, " in region ");
        put_region(f, s->a, t);
        return;
    case SUBJECT_CARRIER_AT:
        text_put(t, "carrier ");
        put_carrier(f, s->a, t);
        text_put(t, " at ");
        put_idc(f, s->b, t);
        return;
    case SUBJECT_PATH:
        text_put(t, "entrance ");
        put_entrance(f, s->a, t);
        text_put(t, " over ");
        put_carrier(f, s->b, t);
        return;
    case SUBJECT_BACKBONE:
        text_put(t, "the backbone at ");
        put_idc(f, s->a, t);
        return;
    case SUBJECT_TARGET: put_place(f, s, t); return;
    }
    text_put(t, "the fleet");
}

static bool supports(const struct verdict *v, uint16_t idc)
{
    return (v->for_observers[idc / 64] >> (idc % 64) & 1) != 0;
}

/* ", seen by a, b and 17 more": a few names, a number for the rest. */
static void put_observers(const struct fleet *f, const struct verdict *v, struct text *t)
{
    enum { NAMED = 4 };
    uint32_t total = 0, named = 0;
    for (uint16_t x = 0; x < f->idc_count; x++) {
        total += supports(v, x) ? 1 : 0;
    }
    if (total == 0) {
        return;
    }
    text_put(t, ", seen by ");
    uint32_t shown = total > NAMED ? NAMED : total;
    uint32_t items = shown + (total > shown ? 1 : 0);
    for (uint16_t x = 0; x < f->idc_count && named < shown; x++) {
        if (supports(v, x)) {
            put_separator(t, named++, items);
            put_idc(f, x, t);
        }
    }
    if (total > shown) {
        put_separator(t, shown, items);
        text_put_int(t, total - shown);
        text_put(t, " more");
    }
}

void explain_verdict(const struct fleet *f, const struct verdict *v, struct text *t)
{
    explain_subject(f, &v->subject, t);
    text_put(t, " is ");
    text_put(t, health_name(v->health));
    if (v->held_us > 0) {
        text_put(t, " for ");
        text_put_duration(t, v->held_us);
    }
    put_observers(f, v, t);
    text_put(t, ": ");
    text_put(t, rule_text(v->rule));
    text_put(t, " (rule ");
    text_put_int(t, v->rule);
    text_put(t, ")");
}

void explain_incident(const struct fleet *f, const struct incident *i, struct text *t)
{
    text_put(t, "incident ");
    text_put_int(t, i->id);
    text_put(t, ": ");
    text_put(t, incident_kind_name(i->kind));
    text_put(t, ", ");
    explain_subject(f, &i->subject, t);
    text_put(t, ", ");
    text_put(t, incident_state_name(i->state));
    if (i->state == INCIDENT_CLOSED) {
        return;
    }
    if (i->kind == INCIDENT_HELD) {
        text_put(t, "; a person's hold stands there, and nothing is written, not even a rescue: "
                    "spillway emergency list says whose, spillway emergency release ID ends it");
    } else if (i->kind == INCIDENT_SPLIT_FENCE) {
        text_put(t, "; another log wrote there at the same generation, and nothing is written: two "
                    "logs are alive, or a hand wrote the fence");
    } else if (i->needs_approval && !i->approved) {
        text_put(t, "; its way back waits for a person: spillway approve ");
        text_put_int(t, i->id);
        text_put(t, " --reason TEXT");
    } else if (i->needs_approval && i->state != INCIDENT_RECOVERING) {
        text_put(t, "; approved, and comes back once it has held");
    }
}
