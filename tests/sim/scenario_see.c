/* scenario_see.c: what a scenario can expect or forbid: conditions on the world, the log and what
 * is published. Each looks at the truth outside the core. */
#include "scenario.h"

#include "core/diagnose.h"

#include <stdio.h>
#include <string.h>

/* --- Names --------------------------------------------------------------------------------------
 */

void subject_put(const struct fleet *f, const struct subject *subject, char *room, size_t size)
{
    const uint16_t a = subject->a, b = subject->b;
    switch (subject->kind) {
    case SUBJECT_LINK: (void)snprintf(room, size, "%s", f->links[a].name); return;
    case SUBJECT_CONDUIT: (void)snprintf(room, size, "%s", f->conduits[a].name); return;
    case SUBJECT_CARRIER: (void)snprintf(room, size, "%s", f->carriers[a].name); return;
    case SUBJECT_IDC:
    case SUBJECT_OBSERVER:
    case SUBJECT_BACKBONE: (void)snprintf(room, size, "%s", f->idcs[a].name); return;
    case SUBJECT_SERVICE:
        (void)snprintf(room, size, "%s@%s", f->services[a].name, f->idcs[b].name);
        return;
    case SUBJECT_REGION: (void)snprintf(room, size, "%s", f->regions[a].name); return;
    case SUBJECT_ENTRANCE: (void)snprintf(room, size, "%s", f->entrances[a].name); return;
    case SUBJECT_FEATURES:
        (void)snprintf(room, size, "%s@%s", f->services[b].name, f->regions[a].name);
        return;
    case SUBJECT_CARRIER_AT:
        (void)snprintf(room, size, "%s@%s", f->carriers[a].name, f->idcs[b].name);
        return;
    case SUBJECT_PATH:
        (void)snprintf(room, size, "%s@%s", f->entrances[a].name, f->carriers[b].name);
        return;
    case SUBJECT_TARGET:
        (void)snprintf(room, size, "%s@%s", actuator_name((enum actuator)a),
                       a == ACTUATOR_DNS ? f->dns_servers[b].name : f->idcs[b].name);
        return;
    }
    (void)snprintf(room, size, "nothing");
}

static bool is_called(const struct fleet *f, const struct subject *subject, const char *name)
{
    char room[SCENARIO_TEXT_SIZE];
    subject_put(f, subject, room, sizeof room);
    return strcmp(room, name) == 0;
}

/* How many a and b there are. */
static void sizes(const struct fleet *f, enum subject_kind kind, uint16_t *ret_a, uint16_t *ret_b)
{
    *ret_b = 1;
    switch (kind) {
    case SUBJECT_LINK: *ret_a = f->link_count; return;
    case SUBJECT_CONDUIT: *ret_a = f->conduit_count; return;
    case SUBJECT_CARRIER: *ret_a = f->carrier_count; return;
    case SUBJECT_IDC:
    case SUBJECT_OBSERVER:
    case SUBJECT_BACKBONE: *ret_a = f->idc_count; return;
    case SUBJECT_REGION: *ret_a = f->region_count; return;
    case SUBJECT_ENTRANCE: *ret_a = f->entrance_count; return;
    case SUBJECT_SERVICE: *ret_a = f->service_count, *ret_b = f->idc_count; return;
    case SUBJECT_FEATURES: *ret_a = f->region_count, *ret_b = f->service_count; return;
    case SUBJECT_CARRIER_AT: *ret_a = f->carrier_count, *ret_b = f->idc_count; return;
    case SUBJECT_PATH: *ret_a = f->entrance_count, *ret_b = f->carrier_count; return;
    case SUBJECT_TARGET:
        *ret_a = ACTUATOR_FEATURES + 1;
        *ret_b = f->dns_server_count < f->idc_count ? f->dns_server_count : f->idc_count;
        return;
    }
}

bool subject_named(const struct fleet *f, const char *name)
{
    for (unsigned kind = SUBJECT_LINK; kind <= SUBJECT_LAST; kind++) {
        struct subject at = {.kind = (enum subject_kind)kind};
        uint16_t as = 0, bs = 0;
        sizes(f, at.kind, &as, &bs);
        for (at.a = 0; at.a < as; at.a++) {
            for (at.b = 0; at.b < bs; at.b++) {
                if (is_called(f, &at, name)) {
                    return true;
                }
            }
        }
    }
    return false;
}

/* --- Incidents and decisions --------------------------------------------------------------------
 */

/* The newest one, or NULL. */
static const struct seen_incident *find_seen(const struct sim *s, enum incident_kind kind,
                                             const char *subject)
{
    const struct seen_incident *found = NULL;
    for (uint32_t i = 0; i < s->script.case_count; i++) {
        const struct seen_incident *at = &s->script.cases[i];
        found = at->kind == kind && is_called(s->fleet, &at->subject, subject) ? at : found;
    }
    return found;
}

static bool incident_is_open(const struct sim *s, const struct args *a)
{
    const struct seen_incident *c = find_seen(s, (enum incident_kind)a->at[0], a->word[1]);
    return c != NULL && c->state != INCIDENT_CLOSED;
}

/* Since the event: also when it has gone on since. */
static bool incident_reached(const struct sim *s, const struct args *a)
{
    for (uint32_t i = 0; i < s->script.case_count; i++) {
        const struct seen_incident *c = &s->script.cases[i];
        if (c->kind == (enum incident_kind)a->at[0] &&
            is_called(s->fleet, &c->subject, a->word[1]) && c->reached_us[a->at[2]] >= 0 &&
            c->reached_us[a->at[2]] >= s->script.event_us) {
            return true;
        }
    }
    return false;
}

static bool incident_of_kind(const struct sim *s, const struct args *a)
{
    bool any = false;
    for (uint32_t i = 0; i < s->script.case_count; i++) {
        any = any || (s->script.cases[i].kind == (enum incident_kind)a->at[0] &&
                      s->script.cases[i].state != INCIDENT_CLOSED);
    }
    return any;
}

static bool nothing_is_open(const struct sim *s, const struct args *a)
{
    (void)a;
    return s->reference.incident_count == 0;
}

static bool waits_for_a_word(const struct sim *s, const struct args *a)
{
    for (uint32_t i = 0; i < s->reference.incident_count; i++) {
        const struct incident *at = &s->reference.incidents[i];
        if (at->kind == (enum incident_kind)a->at[0] && at->needs_approval && !at->approved &&
            is_called(s->fleet, &at->subject, a->word[1])) {
            return true;
        }
    }
    return false;
}

static bool was_decided(const struct sim *s, const struct args *a)
{
    int64_t us = s->script.decided_us[a->at[0]];
    return us > 0 && us >= s->script.event_us;
}

static bool was_decided_before(const struct sim *s, const struct args *a)
{
    int64_t one = s->script.first_us[a->at[0]], other = s->script.first_us[a->at[1]];
    return one > 0 && (other == 0 || one < other);
}

/* --- What the leader concludes ------------------------------------------------------------------
 */

/* By the log; FLEET_NONE when that one does not run or does not lead any more. */
static uint16_t leader_of(const struct sim *s)
{
    uint16_t i = fold_replica(s->fleet, s->reference.leader.replica);
    bool leads = i != FLEET_NONE && s->reference.epoch > 0 && node_is_running(s, i) &&
                 !s->nodes[i].bus_away && replica_leads(s->nodes[i].replica);
    return leads ? i : FLEET_NONE;
}

static const struct diagnosis *diagnosis_now(const struct sim *s)
{
    uint16_t i = leader_of(s);
    struct mono now = {s->now_us + (int64_t)i * 1000 * US_PER_SEC};
    return i == FLEET_NONE ? NULL : replica_diagnosis(s->nodes[i].replica, now);
}

static bool link_is(const struct sim *s, const struct args *a)
{
    const struct diagnosis *d = diagnosis_now(s);
    return d != NULL && d->links[a->at[0]].health == (enum health)a->at[1];
}

static bool idc_is(const struct sim *s, const struct args *a)
{
    const struct diagnosis *d = diagnosis_now(s);
    return d != NULL && d->idcs[a->at[0]].health == (enum health)a->at[1];
}

static bool observer_is(const struct sim *s, const struct args *a)
{
    const struct diagnosis *d = diagnosis_now(s);
    return d != NULL && d->observers[a->at[0]].health == (enum health)a->at[1];
}

static bool service_is(const struct sim *s, const struct args *a)
{
    const struct diagnosis *d = diagnosis_now(s);
    size_t at = (size_t)a->at[0] * s->fleet->idc_count + (size_t)a->at[1];
    return d != NULL && d->services[at].health == (enum health)a->at[2];
}

static bool carrier_is(const struct sim *s, const struct args *a)
{
    const struct diagnosis *d = diagnosis_now(s);
    return d != NULL && d->carriers[a->at[0]].health == (enum health)a->at[1];
}

static bool conduit_is(const struct sim *s, const struct args *a)
{
    const struct diagnosis *d = diagnosis_now(s);
    return d != NULL && d->conduits[a->at[0]].health == (enum health)a->at[1];
}

static bool backbone_is(const struct sim *s, const struct args *a)
{
    const struct diagnosis *d = diagnosis_now(s);
    return d != NULL && d->backbones[a->at[0]].health == (enum health)a->at[1];
}

static bool front_is(const struct sim *s, const struct args *a)
{
    const struct diagnosis *d = diagnosis_now(s);
    size_t at = (size_t)a->at[0] * s->fleet->idc_count + (size_t)a->at[1];
    return d != NULL && d->fronts[at].health == (enum health)a->at[2];
}

static bool path_is(const struct sim *s, const struct args *a)
{
    const struct diagnosis *d = diagnosis_now(s);
    size_t at = path_index(s->fleet, (uint16_t)a->at[0], (uint16_t)a->at[1]);
    return d != NULL && d->paths[at].health == (enum health)a->at[2];
}

static bool idc_leads(const struct sim *s, const struct args *a)
{
    return leader_of(s) == (uint16_t)a->at[0];
}

static bool nobody_leads(const struct sim *s, const struct args *a)
{
    (void)a;
    return leader_of(s) == FLEET_NONE;
}

/* --- What is published --------------------------------------------------------------------------
 */

static bool server_lives(const struct sim *s, uint16_t k)
{
    uint16_t at = s->fleet->dns_servers[k].idc;
    return s->servers[k].up && (at == FLEET_NONE || !s->idc_dead[at]);
}

static bool is_at(const struct sim *s, struct slot slot, int64_t place)
{
    uint16_t e = slot.entrance;
    return e != FLEET_NONE && (place < s->fleet->idc_count ? s->fleet->entrances[e].idc == place
                                                           : e == place - s->fleet->idc_count);
}

static uint32_t slots_at(const struct sim *s, const struct answer *a, int64_t place)
{
    uint32_t n = 0;
    for (uint8_t i = 0; i < a->count; i++) {
        n += is_at(s, a->slots[i], place) ? 1 : 0;
    }
    return n;
}

/* Fewest and most slots of the place among the servers that live; false: none lives. */
static bool count_slots(const struct sim *s, size_t answer, int64_t place, uint32_t *ret_least,
                        uint32_t *ret_most)
{
    bool any = false;
    *ret_least = UINT32_MAX;
    *ret_most = 0;
    for (uint16_t k = 0; k < s->fleet->dns_server_count; k++) {
        if (server_lives(s, k)) {
            uint32_t n = slots_at(s, &s->servers[k].answers[answer], place);
            *ret_least = n < *ret_least ? n : *ret_least;
            *ret_most = n > *ret_most ? n : *ret_most;
            any = true;
        }
    }
    return any;
}

static size_t answer_at(const struct sim *s, const struct args *a)
{
    return (size_t)a->at[0] * s->fleet->view_count + (size_t)a->at[1];
}

static bool answer_has(const struct sim *s, const struct args *a)
{
    uint32_t least, most;
    return count_slots(s, answer_at(s, a), a->at[2], &least, &most) && least > 0;
}

static bool answer_omits(const struct sim *s, const struct args *a)
{
    uint32_t least, most;
    return count_slots(s, answer_at(s, a), a->at[2], &least, &most) && most == 0;
}

/* Nothing that may be moved is left on it. */
static bool is_drained(const struct sim *s, const struct args *a)
{
    size_t views = s->fleet->view_count;
    for (size_t n = 0; n < s->fleet->service_count * views; n++) {
        uint32_t least, most;
        if (!s->fleet->services[n / views].stateful &&
            (!count_slots(s, n, a->at[0], &least, &most) || most > 0)) {
            return false;
        }
    }
    return true;
}

/* Some server answers less of it than on the first day. */
static bool lost_a_share(const struct sim *s, const struct args *a)
{
    for (size_t n = 0; n < (size_t)s->fleet->service_count * s->fleet->view_count; n++) {
        uint32_t least, most;
        if (count_slots(s, n, a->at[0], &least, &most) &&
            least < slots_at(s, &s->initial.answers[n], a->at[0])) {
            return true;
        }
    }
    return false;
}

static bool route_is_over(const struct sim *s, const struct args *a)
{
    const struct virtual_routes *v = &s->routes[a->at[0]];
    for (uint32_t i = 0; i < v->count; i++) {
        if (v->want[i].destination == a->at[1]) {
            return v->want[i].count > 0 && v->want[i].links[0] == a->at[2];
        }
    }
    return false;
}

static bool tier_is_off(const struct sim *s, const struct args *a)
{
    return *plan_tier_limit(&s->reference.plan, (uint16_t)a->at[2], (uint16_t)a->at[1]) < a->at[0];
}

static bool a_tier_is_off(const struct sim *s, const struct args *a)
{
    (void)a;
    const struct plan *p = &s->reference.plan;
    bool off = false;
    for (size_t i = 0; i < (size_t)p->region_count * p->service_count; i++) {
        off = off || p->tier_limits[i] < s->initial.tier_limits[i];
    }
    return off;
}

/* --- The plan -----------------------------------------------------------------------------------
 */

static bool server_is_at_plan(const struct sim *s, const struct args *a)
{
    const struct virtual_server *v = &s->servers[a->at[0]];
    return v->done && fence_compare(&v->fence, &s->reference.plan.fence) == FENCE_EQUAL;
}

/* Its first chunk is written, its last one is not. */
static bool server_is_half_pushed(const struct sim *s, const struct args *a)
{
    return !s->servers[a->at[0]].done;
}

static bool all_is_acknowledged(const struct sim *s, const struct args *a)
{
    char why[128];
    (void)a;
    return oracle_acknowledged(s, why, sizeof why);
}

static bool same_traffic(const struct plan *a, const struct plan *b)
{
    struct digest one = plan_shape_digest(a), other = plan_shape_digest(b);
    return digest_compare(&one, &other) == 0;
}

/* The very plan of the first day, acknowledged everywhere. */
static bool plan_is_restored(const struct sim *s, const struct args *a)
{
    return all_is_acknowledged(s, a) && same_traffic(&s->reference.plan, &s->initial);
}

static bool plan_changed(const struct sim *s, const struct args *a)
{
    (void)a;
    return s->reference.plan.fence.generation != s->initial.fence.generation;
}

static bool traffic_moved(const struct sim *s, const struct args *a)
{
    (void)a;
    for (size_t n = 0; n < (size_t)s->fleet->service_count * s->fleet->view_count; n++) {
        const struct answer *now = &s->reference.plan.answers[n], *first = &s->initial.answers[n];
        for (uint8_t i = 0; i < now->count; i++) {
            if (now->slots[i].entrance != first->slots[i].entrance) {
                return true;
            }
        }
    }
    return false;
}

static bool more_plans_than(const struct sim *s, const struct args *a)
{
    return s->reference.plan.fence.generation - s->initial.fence.generation > (uint64_t)a->at[0];
}

static bool more_turns_than(const struct sim *s, const struct args *a)
{
    return s->script.most_turns > a->at[0];
}

/* --- People and drills --------------------------------------------------------------------------
 */

static bool order_holds(const struct sim *s, const struct args *a)
{
    for (uint32_t i = 0; i < s->reference.order_count; i++) {
        const struct order *o = &s->reference.orders[i];
        if (o->kind == (enum order_kind)a->at[0] && !o->ended) {
            return true;
        }
    }
    return false;
}

static bool word_was_taken(const struct sim *s, const struct args *a)
{
    (void)a;
    return s->script.replied && s->script.reply == OK;
}

static bool word_was_refused(const struct sim *s, const struct args *a)
{
    (void)a;
    return s->script.replied && s->script.reply != OK;
}

/* All that it wants otherwise has come. */
static bool fleet_is_home(const struct sim *s, const struct args *a)
{
    bool home = true;
    (void)a;
    for (uint32_t i = 0; i < s->reference.order_count; i++) {
        home = home && s->reference.orders[i].kind != ORDER_FLEET;
    }
    return home;
}

static bool fleet_in_force(const struct sim *s, const struct args *a)
{
    return s->fleets.followed == (uint32_t)a->at[0];
}

static bool drill_is(const struct sim *s, const struct args *a)
{
    return s->reference.drill.state == (enum drill_state)a->at[0];
}

static bool drill_injects_now(const struct sim *s, const struct args *a)
{
    bool any = false;
    (void)a;
    for (uint16_t i = 0; i < s->fleet->idc_count; i++) {
        any = any || s->script.injections[i].until_us > s->now_us;
    }
    return any;
}

static bool forgeries_were_dropped(const struct sim *s, const struct args *a)
{
    uint64_t dropped = 0;
    (void)a;
    for (uint16_t i = 0; i < s->fleet->idc_count; i++) {
        dropped += s->script.forgers[i].dropped;
    }
    return dropped > 0;
}

const struct phrase CONDITION_PHRASES[] = {
    {"incident <incident> <subject>", .holds = incident_is_open},
    {"incident <incident> <subject> <state>", .holds = incident_reached},
    {"incident <incident>", .holds = incident_of_kind},
    {"no incident is open", .holds = nothing_is_open},
    {"incident <incident> <subject> waits for a person", .holds = waits_for_a_word},
    {"decided <purpose>", .holds = was_decided},
    {"decided <purpose> before <purpose>", .holds = was_decided_before},
    {"link <link> is <health>", .holds = link_is},
    {"idc <idc> is <health>", .holds = idc_is},
    {"observer <idc> is <health>", .holds = observer_is},
    {"service <service> at <idc> is <health>", .holds = service_is},
    {"carrier <carrier> is <health>", .holds = carrier_is},
    {"conduit <conduit> is <health>", .holds = conduit_is},
    {"backbone of <idc> is <health>", .holds = backbone_is},
    {"carrier <carrier> at <idc> is <health>", .holds = front_is},
    {"entrance <entrance> over <carrier> is <health>", .holds = path_is},
    {"<idc> leads", .holds = idc_leads},
    {"nobody leads", .holds = nobody_leads},
    {"answer <service> <view> has <place>", .holds = answer_has},
    {"answer <service> <view> omits <place>", .holds = answer_omits},
    {"<place> is drained", .holds = is_drained},
    {"<place> lost a share", .holds = lost_a_share},
    {"route <idc> to <idc> is over <link>", .holds = route_is_over},
    {"tier <n> of <service> is off in <region>", .holds = tier_is_off},
    {"a tier is off", .holds = a_tier_is_off},
    {"dns <server> is at the plan", .holds = server_is_at_plan},
    {"dns <server> is half pushed", .holds = server_is_half_pushed},
    {"all is acknowledged", .holds = all_is_acknowledged},
    {"the plan is restored", .holds = plan_is_restored},
    {"the plan changed", .holds = plan_changed},
    {"traffic moved", .holds = traffic_moved},
    {"more than <n> plans", .holds = more_plans_than},
    {"more than <n> turns of a share", .holds = more_turns_than},
    {"order <order> holds", .holds = order_holds},
    {"the word was taken", .holds = word_was_taken},
    {"the word was refused", .holds = word_was_refused},
    {"the fleet is home", .holds = fleet_is_home},
    {"fleet <n> is in force", .holds = fleet_in_force}, /* 0: the first one */
    {"drill is <drill-state>", .holds = drill_is},
    {"a drill injects", .holds = drill_injects_now},
    {"forged reports were dropped", .holds = forgeries_were_dropped},
    {0},
};
