/* script.c: the world of a scenario: who reaches what, what flaps, what services carry, who forges
 * reports, and what a drill injects. */
#include "sim.h"

#include "wire/report.h"

#include <stdlib.h>
#include <string.h>

#define FORGED_US   (US_PER_SEC / 2) /* between two forged reports */
#define INJECTED_US (20 * US_PER_MS) /* from the wish to the injector's answer */

void script_start(struct sim *s)
{
    struct script *t = &s->script;
    for (uint16_t v = 0; v < s->fleet->view_count; v++) {
        t->demand_ppm[v] = 1000000;
    }
    for (uint16_t i = 0; i < s->fleet->idc_count; i++) {
        t->injections[i].step = DRILL_MAX_STEPS;
        t->injections[i].view = FLEET_NONE;
    }
}

/* --- What works ---------------------------------------------------------------------------------
 */

static bool injects(const struct sim *s, uint16_t idc)
{
    return s->script.injections[idc].until_us > s->now_us;
}

bool script_link_down(const struct sim *s, uint16_t link)
{
    bool down = s->link_cut[link] || s->script.flap_down[link];
    for (int end = 0; end < 2; end++) {
        uint16_t x = s->fleet->links[link].end[end].idc;
        down = down || (x != FLEET_NONE && injects(s, x) && s->script.injections[x].links[link]);
    }
    return down;
}

bool script_muted(const struct sim *s, uint16_t idc)
{
    return injects(s, idc) && s->script.injections[idc].mute;
}

/* Packets pass both ways. */
static bool link_works(const struct sim *s, uint16_t link)
{
    const uint32_t *loss_ppm = s->script.loss_ppm[link];
    return !script_link_down(s, link) && loss_ppm[0] < 1000000 && loss_ppm[1] < 1000000;
}

/* The IDC reaches the carrier's users, as far as its own uplinks decide that. */
static bool uplink_works(const struct sim *s, uint16_t idc, uint16_t carrier)
{
    bool any = false, works = false;
    for (uint16_t l = 0; l < s->fleet->link_count; l++) {
        const struct link *at = &s->fleet->links[l];
        bool uplink = at->carrier == carrier && link_end_at(at, idc) >= 0;
        any = any || uplink;
        works = works || (uplink && link_works(s, l));
    }
    return !s->script.carrier_out[carrier] && (works || !any);
}

/* The IDC gets out over the carrier, or, with FLEET_NONE, by its own routes over any. */
static bool goes_out(const struct sim *s, uint16_t idc, uint16_t carrier)
{
    uint32_t here = fleet_carriers_at(s->fleet, idc);
    bool out = here == 0;
    for (uint16_t c = 0; c < s->fleet->carrier_count; c++) {
        bool own = carrier == FLEET_NONE ? (here >> c & 1) != 0 : carrier == c;
        out = out || (own && uplink_works(s, idc, c));
    }
    return out;
}

static bool isolated(const struct sim *s, uint16_t idc)
{
    bool any = false, works = false;
    for (uint16_t l = 0; l < s->fleet->link_count; l++) {
        bool span =
            s->fleet->links[l].carrier == FLEET_NONE && link_end_at(&s->fleet->links[l], idc) >= 0;
        any = any || span;
        works = works || (span && link_works(s, l));
    }
    return any && !works;
}

/* It serves, seen from inside its IDC. */
static bool serves(const struct sim *s, uint16_t entrance)
{
    const struct entrance *e = &s->fleet->entrances[entrance];
    return !s->idc_dead[e->idc] && !s->script.service_dead[e->service][e->idc];
}

/* The users of the carrier reach it. */
static bool path_works(const struct sim *s, uint16_t entrance, uint16_t carrier)
{
    uint16_t idc = s->fleet->entrances[entrance].idc;
    return serves(s, entrance) && !s->script.entrance_dead[entrance] &&
           entrance_over(&s->fleet->entrances[entrance], carrier) && uplink_works(s, idc, carrier);
}

static void note_path(struct sim *s, uint16_t e, uint16_t c)
{
    struct path_truth *p = &s->script.paths[path_index(s->fleet, e, c)];
    const struct entrance *at = &s->fleet->entrances[e];
    bool lost =
        s->fleet->services[at->service].backbone == BACKBONE_REQUIRED && isolated(s, at->idc);
    bool bad = !path_works(s, e, c) || lost;
    if (bad && !p->bad) {
        p->bad_since_us = s->now_us;
        p->was_well_us = p->well_us;
    } else if (!bad && p->bad) {
        p->well_us = s->now_us;
    }
    p->bad = bad;
    p->bad_us = bad ? s->now_us : p->bad_us;
}

/* --- What probes see ----------------------------------------------------------------------------
 */

static struct observation look_link(const struct sim *s, uint16_t o, const struct target *t)
{
    const struct probe *p = &s->probes[o];
    const struct link *l = &s->fleet->links[t->a];
    uint16_t far = l->end[1 - t->b].idc;
    bool gone = far != FLEET_NONE && (s->idc_dead[far] || (p->misses && far == p->missed));
    struct observation seen = {.oper_up = !script_link_down(s, t->a), .health = HEALTH_UP};
    seen.loss_out_ppm = s->script.loss_ppm[t->a][t->b];
    seen.loss_in_ppm = s->script.loss_ppm[t->a][1 - t->b];
    uint32_t worst_ppm =
        seen.loss_out_ppm > seen.loss_in_ppm ? seen.loss_out_ppm : seen.loss_in_ppm;
    if (p->blind || gone || !link_works(s, t->a)) {
        seen.health = HEALTH_DOWN;
    } else if (worst_ppm > s->fleet->policy.degraded_loss_ppm) {
        seen.health = HEALTH_DEGRADED;
    }
    return seen;
}

static bool sees_entrance(const struct sim *s, uint16_t o, const struct target *t)
{
    const struct probe *p = &s->probes[o];
    uint16_t idc = s->fleet->entrances[t->a].idc;
    if (idc == o) {
        return serves(s, t->a);
    }
    bool sees = false;
    for (uint16_t c = 0; c < s->fleet->carrier_count; c++) {
        bool over = t->carrier == FLEET_NONE || t->carrier == c;
        sees = sees || (over && path_works(s, t->a, c));
    }
    return sees && goes_out(s, o, t->carrier) && !p->blind && !(p->misses && idc == p->missed);
}

static bool sees_reference(const struct sim *s, uint16_t o, const struct target *t)
{
    const struct probe *p = &s->probes[o];
    bool sees = false;
    for (uint16_t c = 0; c < s->fleet->carrier_count; c++) {
        bool over = t->carrier == FLEET_NONE ? (s->fleet->references[t->a].carriers >> c & 1) != 0
                                             : t->carrier == c;
        sees = sees || (over && !s->script.carrier_out[c]);
    }
    return sees && goes_out(s, o, t->carrier) && !p->blind && !p->unreferenced;
}

struct observation script_look(struct sim *s, uint16_t o, uint32_t t)
{
    const struct target *at = &s->probes[o].targets[t];
    struct observation seen = {.oper_up = true};
    switch (at->kind) {
    case TARGET_LINK: seen = look_link(s, o, at); break;
    case TARGET_ENTRANCE: seen.health = sees_entrance(s, o, at) ? HEALTH_UP : HEALTH_DOWN; break;
    case TARGET_REFERENCE: seen.health = sees_reference(s, o, at) ? HEALTH_UP : HEALTH_DOWN; break;
    }
    seen.damped_us = damping_left_us(&s->script.damping[o][t], (struct mono){s->now_us});
    return seen;
}

/* The good state of what flapped is held since it is no longer suppressed. */
int64_t script_held_us(const struct sim *s, uint16_t o, uint32_t t)
{
    const struct probe *p = &s->probes[o];
    int64_t since_us = p->since_us[t], until_us = s->script.damping[o][t].until.us;
    if (s->script.on && p->said[t] != HEALTH_DOWN && until_us > since_us) {
        since_us = until_us < s->now_us ? until_us : s->now_us;
    }
    return s->now_us - since_us;
}

void script_edge(struct sim *s, uint16_t o, uint32_t t, bool down)
{
    struct damping_policy policy = damping_policy_of(&s->fleet->policy);
    if (s->script.on && down) {
        damping_flap(&s->script.damping[o][t], &policy, (struct mono){s->now_us});
    }
}

/* --- What services tell -------------------------------------------------------------------------
 */

/* What users see: a server that answers, the newest of them. */
static const struct virtual_server *asked_server(const struct sim *s)
{
    const struct virtual_server *asked = &s->servers[0];
    for (uint16_t k = 0; k < s->fleet->dns_server_count; k++) {
        const struct virtual_server *v = &s->servers[k];
        uint16_t at = s->fleet->dns_servers[k].idc;
        bool lives = v->up && (at == FLEET_NONE || !s->idc_dead[at]);
        bool newer = v->fence.generation > asked->fence.generation || asked == &s->servers[0];
        asked = lives && newer ? v : asked;
    }
    return asked;
}

/* Requests of the view that come to the service at the IDC. */
static uint64_t requests_mrps(const struct sim *s, uint16_t service, uint16_t view, uint16_t idc)
{
    const struct virtual_server *v = asked_server(s);
    const struct answer *a = &v->answers[(size_t)service * s->fleet->view_count + view];
    uint64_t here = 0;
    for (uint8_t i = 0; i < a->count; i++) {
        uint16_t e = a->slots[i].entrance;
        here += e != FLEET_NONE && s->fleet->entrances[e].idc == idc ? 1 : 0;
    }
    uint64_t all_mrps =
        fleet_demand_rps(s->fleet, service, view) * s->script.demand_ppm[view] / 1000;
    return a->count == 0 ? 0 : all_mrps * here / a->count;
}

void script_load(struct sim *s, uint16_t o, struct report *r, struct load_sample *loads,
                 struct load_rate *views)
{
    const struct fleet *f = s->fleet;
    uint16_t services[FLEET_MAX_SERVICES];
    const struct injection *injected = &s->script.injections[o];
    r->load_count = loads_for_idc(f, o, services);
    r->view_count = r->load_count == 0 ? 0 : f->view_count;
    r->loads = loads;
    r->load_views = views;
    for (uint32_t i = 0; i < r->load_count; i++) {
        uint16_t service = services[i];
        bool told = !s->script.untold[o] && !s->script.service_dead[service][o];
        uint64_t sum_mrps = 0, true_mrps = 0; /* an injected spike makes nobody fail */
        for (uint16_t v = 0; v < f->view_count; v++) {
            uint64_t mrps = requests_mrps(s, service, v, o);
            true_mrps += mrps;
            bool spike = injects(s, o) && injected->view == v;
            mrps = spike ? mrps * injected->factor_ppm / 1000000 : mrps;
            views[(size_t)i * f->view_count + v] =
                (struct load_rate){.valid = told, .mrps = told ? mrps : 0};
            sum_mrps += mrps;
        }
        uint8_t limit = *plan_tier_limit(&s->reference.plan, f->idcs[o].region, service);
        uint64_t cost_ppm = service_cost_ppm(&f->services[service], limit);
        uint64_t capacity = fleet_capacity_ups(f, service, o);
        uint64_t full_ppm = capacity == 0 ? 1000000 : true_mrps * cost_ppm / 1000 / capacity;
        loads[i] = (struct load_sample){0};
        if (told) {
            loads[i].valid = true;
            loads[i].requests_mrps = sum_mrps;
            loads[i].errors_mrps =
                full_ppm > 1000000 ? true_mrps * (full_ppm - 1000000) / full_ppm : 0;
            loads[i].saturation_ppm = full_ppm > 1000000 ? 1000000 : (uint32_t)full_ppm;
        }
    }
}

/* --- Forged reports -----------------------------------------------------------------------------
 */

/* The verifier knows the IDC's own key; the envelope is signed by another. */
static bool is_believed(const struct sim *s, uint16_t idc, const struct report *r)
{
    static const uint8_t own[REPORT_MIN_KEY_SIZE] = "the-probe's-own", other[] = "one-of-a-thief.";
    struct report_key thief = {s->fleet->idcs[idc].probe_key, other, sizeof other};
    struct report_key key = {s->fleet->idcs[idc].probe_key, own, sizeof own};
    size_t size = report_size_bound(r->count, 0, 0), used = 0;
    uint8_t *bytes = sim_alloc(size, 1);
    struct arena a;
    arena_init(&a, sim_alloc(report_arena_size(r->count), 1), report_arena_size(r->count));
    struct report opened;
    bool believed = report_encode(r, &thief, bytes, size, &used) != OK ||
                    report_open(bytes, used, &key, 1, &a, &opened) != ERR_UNAUTHENTIC;
    free(bytes);
    free(a.base);
    return believed;
}

/* A life of the probe that is newer than the true one, and sees one IDC dead. */
static void forge(struct sim *s, uint16_t idc)
{
    struct forger *g = &s->script.forgers[idc];
    struct probe lie = s->probes[idc];
    struct observation seen[SIM_MAX_TARGETS];
    memset(seen, 0, sizeof seen);
    for (uint32_t t = 0; t < lie.count; t++) {
        const struct target *at = &lie.targets[t];
        uint16_t far =
            at->kind == TARGET_LINK ? s->fleet->links[at->a].end[1 - at->b].idc : FLEET_NONE;
        bool dead = at->kind == TARGET_ENTRANCE ? s->fleet->entrances[at->a].idc == g->missed
                                                : at->kind == TARGET_LINK && far == g->missed;
        seen[t] = (struct observation){
            .health = dead ? HEALTH_DOWN : HEALTH_UP, .held_us = 60 * US_PER_SEC, .oper_up = true};
    }
    struct report r = {.observer = idc,
                       .incarnation = lie.incarnation + 1000,
                       .sequence = ++g->sequence,
                       .sent_us = s->now_us + (int64_t)(idc + 50) * 777 * US_PER_SEC,
                       .fleet = s->reference.fleet_digest,
                       .count = lie.count,
                       .observations = seen};
    g->next_us = s->now_us + FORGED_US;
    if (g->knows_key || is_believed(s, idc, &r)) {
        bus_report(s, idc, &r);
    } else {
        g->dropped++;
    }
}

/* --- Drills -------------------------------------------------------------------------------------
 */

struct injection script_injection(const struct sim *s, const struct effect *e)
{
    struct injection wanted = {.run = e->inject.run,
                               .step = e->inject.step,
                               .view = e->inject.view,
                               .factor_ppm = e->inject.factor_ppm,
                               .mute = e->inject.mute};
    wanted.until_us = e->inject.step == DRILL_MAX_STEPS ? 0 : s->now_us + e->inject.for_us;
    for (uint32_t i = 0; i < e->inject.link_count; i++) {
        wanted.links[e->inject.links[i]] = true;
    }
    return wanted;
}

void script_inject(struct sim *s, uint16_t i, const struct injection *wanted)
{
    s->script.injections[i] = *wanted;
    s->script.injections[i].answer_us = s->now_us + INJECTED_US;
    s->changed_us = s->now_us;
    sim_trace(s, "node %u injects for step %u of drill %u", i, wanted->step, wanted->run);
}

void script_answer_injections(struct sim *s)
{
    for (uint16_t i = 0; i < s->fleet->idc_count; i++) {
        struct injection *at = &s->script.injections[i];
        if (at->answer_us != 0 && at->answer_us <= s->now_us && node_is_running(s, i)) {
            struct outcome o = {
                .actuator = ACTUATOR_INJECT, .target = i, .run = at->run, .step = at->step};
            at->answer_us = 0;
            node_outcome(s, i, &o);
        }
    }
}

/* --- Time ---------------------------------------------------------------------------------------
 */

/* IDCs that the IDC reaches over spans, itself included. */
static uint32_t reached_from(const struct sim *s, uint16_t from)
{
    bool in[SIM_MAX_IDCS] = {false};
    uint32_t count = 1;
    in[from] = true;
    for (uint32_t before = 0; before != count;) {
        before = count;
        for (uint16_t l = 0; l < s->fleet->link_count; l++) {
            uint16_t a = s->fleet->links[l].end[0].idc, b = s->fleet->links[l].end[1].idc;
            bool span = a != FLEET_NONE && b != FLEET_NONE && link_works(s, l) && !s->idc_dead[a] &&
                        !s->idc_dead[b];
            if (span && in[a] != in[b]) {
                in[a] = in[b] = true;
                count++;
            }
        }
    }
    return count;
}

static void follow_bus(struct sim *s)
{
    uint32_t members = 0;
    for (uint16_t i = 0; i < s->fleet->idc_count; i++) {
        members += s->fleet->idcs[i].vantage ? 0 : 1;
    }
    for (uint16_t i = 0; i < s->fleet->idc_count; i++) {
        bool cut = s->script.bus_follows_links && !s->fleet->idcs[i].vantage &&
                   2 * reached_from(s, i) <= members;
        s->nodes[i].bus_away = s->script.bus_cut[i] || cut;
        s->nodes[i].bus_back_us = INT64_MAX;
    }
}

void script_tick(struct sim *s)
{
    struct script *t = &s->script;
    for (uint16_t l = 0; l < s->fleet->link_count; l++) {
        t->flap_down[l] = t->flap_us[l] > 0 && s->now_us / t->flap_us[l] % 2 == 1;
    }
    for (uint16_t e = 0; e < s->fleet->entrance_count; e++) {
        for (uint16_t c = 0; c < s->fleet->carrier_count; c++) {
            note_path(s, e, c);
        }
    }
    for (uint16_t i = 0; i < s->fleet->idc_count; i++) {
        if (t->forgers[i].active && t->forgers[i].next_us <= s->now_us) {
            forge(s, i);
        }
    }
    follow_bus(s);
    script_answer_injections(s);
}

static struct seen_incident *find_case(struct script *t, uint32_t id)
{
    for (uint32_t i = 0; i < t->case_count; i++) {
        if (t->cases[i].id == id) {
            return &t->cases[i];
        }
    }
    if (t->case_count == SIM_MAX_CASES) {
        return NULL;
    }
    struct seen_incident *c = &t->cases[t->case_count++];
    c->id = id;
    memset(c->reached_us, 0xff, sizeof c->reached_us);
    return c;
}

static void trace_details(struct sim *s, const struct decide *d)
{
    for (uint32_t i = 0; i < d->change_count; i++) {
        const struct change *ch = &d->changes[i];
        if (ch->kind == CHANGE_TIER) {
            sim_trace(s, "  tiers of %s in %s: up to %u", s->fleet->services[ch->b].name,
                      s->fleet->regions[ch->a].name, ch->tier.to);
        }
    }
    for (uint32_t i = 0; i < d->demand_count; i++) {
        const struct demand_word *w = &d->demands[i];
        sim_trace(s, "  demand of %s by %s: %llu in force, %llu seen",
                  s->fleet->services[w->service].name, s->fleet->views[w->view].name,
                  (unsigned long long)w->rps, (unsigned long long)w->seen_rps);
    }
}

void script_decided(struct sim *s, const struct decide *d)
{
    struct script *t = &s->script;
    trace_details(s, d);
    t->decided_us[d->purpose] = s->now_us;
    t->first_us[d->purpose] = t->first_us[d->purpose] == 0 ? s->now_us : t->first_us[d->purpose];
    for (uint32_t i = 0; i < d->incident_count; i++) {
        struct seen_incident *c = find_case(t, d->incidents[i].id);
        if (c == NULL) {
            sim_fail(s, "more than %d incidents", SIM_MAX_CASES);
            return;
        }
        c->kind = d->incidents[i].kind;
        c->subject = d->incidents[i].subject;
        if (c->state != d->incidents[i].state) {
            c->state = d->incidents[i].state;
            c->reached_us[c->state] = s->now_us;
        }
    }
    const struct drill_run *run = &s->reference.drill;
    if (d->drill.state == DRILL_RUNNING && d->drill.done && run->drill.on == DRILL_ON_IDC &&
        run->drill.steps[d->drill.step].action == DRILL_APPROVE) {
        s->waits_word[run->target.index] = false; /* given with the run */
    }
    bool weighs = t->on || s->swarm.fleets; /* what fits is not as on the first day */
    if ((t->on && d->order != 0) || (weighs && d->demand_count > 0)) {
        s->changed_us = s->now_us; /* a person's word, or what is measured, is news */
    }
}
