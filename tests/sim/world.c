/* world.c: the truth, what goes wrong in it, the probes that see it and the operator who approves.
 */
#include "sim.h"

#include <stdlib.h>
#include <string.h>

#define DETECT_US (150 * US_PER_MS) /* three lost probes */
#define REPORT_US US_PER_SEC
#define TAKEN_US  (5 * US_PER_SEC) /* a death is drained by then, and said in every report */
#define ZOMBIE_US (7 * US_PER_SEC) /* after its return; SIM_DEAD_US is less */

static bool coin(struct sim *s)
{
    return rng_chance(&s->rng, 500000);
}

static void draw_swarm(struct sim *s)
{
    struct swarm *w = &s->swarm;
    w->disasters = !rng_chance(&s->rng, 250000);
    w->crashes = coin(s);
    w->pauses = coin(s);
    w->bus_outages = coin(s);
    w->slow_appends = coin(s);
    w->duplicates = coin(s);
    w->losses = coin(s);
    w->dns_outages = coin(s);
    w->silent_probes = coin(s);
    w->blind_probes = w->disasters && coin(s);
    w->link_cuts = w->disasters && coin(s);
    w->idc_deaths = w->disasters && coin(s);
    w->slow_claims = coin(s);
    w->slow_decides = coin(s);
    w->slow_pushes = coin(s);
    w->busy_operator = coin(s);
    w->zombies = coin(s);
    w->lone_witnesses = w->disasters && rng_chance(&s->extra, 250000);
    w->slow_operator = rng_chance(&s->extra, 250000);
    w->wipeouts = w->idc_deaths && rng_chance(&s->rng, 250000);
    if (w->wipeouts) {
        s->own.policy.max_drained_idcs = s->own.idc_count;
    }
}

void world_start(struct sim *s)
{
    if (s->script.on) {
        s->swarm = (struct swarm){.disasters = true};
        script_start(s);
    } else {
        draw_swarm(s);
        carriers_start(s);
    }
    orders_start(s);
    transfers_start(s);
    upgrades_start(s);
    spikes_start(s);
    snapshots_start(s);
    fleets_start(s);
    drills_start(s);
    for (uint16_t o = 0; o < s->fleet->idc_count; o++) {
        struct probe *p = &s->probes[o];
        int n = targets_for_idc(s->fleet, o, p->targets, SIM_MAX_TARGETS);
        if (n < 0) {
            sim_fail(s, "the fleet has too many targets for the simulator");
            return;
        }
        p->count = (uint32_t)n;
        for (uint32_t t = 0; t < p->count; t++) {
            p->seen[t] = p->said[t] = HEALTH_UP;
            p->since_us[t] = -US_PER_SEC;
        }
        p->incarnation = 1;
        p->report_at_us = (int64_t)rng_below(&s->rng, REPORT_US);
    }
    s->next_lone_us = 8 * US_PER_SEC + (int64_t)rng_below(&s->extra, 40 * US_PER_SEC);
    s->next_fault_us =
        s->script.on ? INT64_MAX
                     : 8 * US_PER_SEC; /* a cold start is a case of its own in the unit tests */
}

/* --- Probes -------------------------------------------------------------------------------------
 */

static enum health look(const struct sim *s, uint16_t o, const struct target *t)
{
    const struct probe *p = &s->probes[o];
    bool cut_off = p->blind;
    switch (t->kind) {
    case TARGET_LINK: {
        uint16_t far = s->fleet->links[t->a].end[1 - t->b].idc;
        bool gone = far != FLEET_NONE && (s->idc_dead[far] || (p->lone && far == p->missed));
        return cut_off || gone || script_link_down(s, t->a) ? HEALTH_DOWN : HEALTH_UP;
    }
    case TARGET_ENTRANCE: {
        uint16_t idc = s->fleet->entrances[t->a].idc;
        bool gone = s->idc_dead[idc] || (p->lone && idc == p->missed);
        bool off = carriers_dark(s, o, t);
        return idc != o && (cut_off || gone || off) ? HEALTH_DOWN : HEALTH_UP;
    }
    case TARGET_REFERENCE:
        return cut_off || p->lone || carriers_dark(s, o, t) ? HEALTH_DOWN : HEALTH_UP;
    }
    return HEALTH_UNKNOWN;
}

/* The daemon beside it says which fleet is in force; while that is down, the last one it said. */
static struct digest fleet_of(struct sim *s, uint16_t o)
{
    struct probe *p = &s->probes[o];
    const struct control *c = node_is_running(s, o) ? replica_control(s->nodes[o].replica) : NULL;
    if (c != NULL && c->fleet != NULL) {
        p->fleet = c->fleet_digest;
        p->told = true;
    }
    return p->told ? p->fleet : s->reference.fleet_digest;
}

static void send_report(struct sim *s, uint16_t o)
{
    struct probe *p = &s->probes[o];
    struct observation seen[SIM_MAX_TARGETS];
    struct load_sample loads[SIM_MAX_SERVICES];
    struct load_rate views[SIM_MAX_ANSWERS];
    memset(seen, 0, sizeof seen);
    for (uint32_t t = 0; t < p->count; t++) {
        if (s->script.on) {
            seen[t] = script_look(s, o, t);
        }
        seen[t].health = p->said[t];
        seen[t].held_us = script_held_us(s, o, t);
        seen[t].oper_up = true;
    }
    struct report r = {.observer = o,
                       .incarnation = p->incarnation,
                       .sequence = ++p->sequence,
                       .sent_us = s->now_us + (int64_t)(o + 50) * 777 * US_PER_SEC + p->skew_us,
                       .fleet = fleet_of(s, o),
                       .count = p->count,
                       .observations = seen};
    if (s->script.on) {
        r.lateness_us = p->starved ? US_PER_SEC / 2 : 0;
    }
    if (s->script.on || s->swarm.spikes) {
        script_load(s, o, &r, loads, views);
    }
    p->report_at_us = s->now_us + REPORT_US;
    for (int i = 0; i < (p->twice ? 2 : 1); i++) {
        bus_report(s, o, &r);
    }
}

static void probe_tick(struct sim *s, uint16_t o)
{
    struct probe *p = &s->probes[o];
    bool edge = false;
    if (s->idc_dead[o]) {
        return;
    }
    for (uint32_t t = 0; t < p->count; t++) {
        enum health h = s->script.on ? script_look(s, o, t).health : look(s, o, &p->targets[t]);
        if (h != p->seen[t]) {
            p->seen[t] = h;
            p->since_us[t] = s->changed_us = s->now_us;
        }
        if (p->seen[t] != p->said[t] && s->now_us - p->since_us[t] >= DETECT_US) {
            p->said[t] = p->seen[t];
            edge = true;
            script_edge(s, o, t, h == HEALTH_DOWN);
            if (p->targets[t].kind == TARGET_LINK) {
                node_edge(s, o, p->targets[t].a, (uint8_t)p->targets[t].b, h == HEALTH_DOWN);
            }
        }
    }
    bool says = !p->silent && !s->nodes[o].bus_away && !script_muted(s, o);
    if (says && (edge || p->report_at_us <= s->now_us)) {
        send_report(s, o);
    }
}

static const struct target *same_target(const struct target *t, const struct target *old,
                                        uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        if (t->kind == old[i].kind && t->a == old[i].a && t->b == old[i].b &&
            t->carrier == old[i].carrier) {
            return &old[i];
        }
    }
    return NULL;
}

void world_refleet(struct sim *s, const struct fleet *was)
{
    for (uint16_t o = 0; o < s->fleet->idc_count; o++) {
        struct probe *p = &s->probes[o];
        static struct probe old;
        old = *p;
        int n = targets_for_idc(s->fleet, o, p->targets, SIM_MAX_TARGETS);
        if (n < 0) {
            sim_fail(s, "the fleet has too many targets for the simulator");
            return;
        }
        p->count = (uint32_t)n;
        p->incarnation += o >= was->idc_count ? 1 : 0;
        for (uint32_t t = 0; t < p->count; t++) {
            const struct target *at = same_target(&p->targets[t], old.targets, old.count);
            size_t i = at == NULL ? 0 : (size_t)(at - old.targets);
            p->seen[t] = at == NULL ? HEALTH_UP : old.seen[i];
            p->said[t] = at == NULL ? HEALTH_UP : old.said[i];
            p->since_us[t] = at == NULL ? s->now_us : old.since_us[i];
        }
    }
    for (uint16_t v = was->view_count; v < s->fleet->view_count; v++) {
        s->script.demand_ppm[v] = 1000000;
    }
}

/* A new life: it knows nothing of the time before. */
void world_restart_probe(struct sim *s, uint16_t o)
{
    struct probe *p = &s->probes[o];
    p->incarnation++;
    p->sequence = 0;
    for (uint32_t t = 0; t < p->count; t++) {
        p->since_us[t] = s->now_us;
    }
}

/* The probes of living IDCs are replaced while one has been dead for long enough to be drained. */
static void take_zombies(struct sim *s, uint16_t dead)
{
    struct zombies *z = &s->zombies;
    memset(z, 0, sizeof *z);
    for (uint16_t o = 0; o < s->fleet->idc_count; o++) {
        if (s->idc_dead[o]) {
            continue;
        }
        bus_keep(&z->kept[o], &s->newest[o].report);
        world_restart_probe(s, o);
    }
    sim_trace(s, "the probes are restarted");
    z->left = 4;
    z->at_us = s->idc_back_us[dead] + (int64_t)rng_below(&s->rng, 15 * US_PER_SEC) + ZOMBIE_US;
}

static void zombies_tick(struct sim *s)
{
    struct zombies *z = &s->zombies;
    for (uint16_t i = 0; z->left == 0 && s->swarm.zombies && i < s->fleet->idc_count; i++) {
        if (s->idc_dead[i] && s->now_us - s->idc_died_us[i] > TAKEN_US) {
            take_zombies(s, i);
        }
    }
    if (z->left == 0 || s->now_us < z->at_us) {
        return;
    }
    for (uint16_t o = 0; o < s->fleet->idc_count; o++) {
        if (z->kept[o].report.sequence != 0) {
            bus_report(s, o, &z->kept[o].report);
        }
    }
    s->changed_us = s->now_us;
    sim_trace(s, "the old probes speak again");
    z->left--;
    z->at_us = s->now_us + 300 * US_PER_MS;
}

/* --- Faults -------------------------------------------------------------------------------------
 */

static int64_t soon(struct sim *s, int64_t most_us)
{
    return s->now_us + 50 * US_PER_MS + (int64_t)rng_below(&s->rng, (uint64_t)most_us);
}

static void kill_idc(struct sim *s, uint16_t i)
{
    for (uint16_t k = 0; k < s->fleet->idc_count; k++) {
        if (s->idc_dead[k] && (k == i || !s->swarm.wipeouts)) {
            return;
        }
    }
    sim_trace(s, "IDC %u dies", i);
    s->idc_dead[i] = true;
    s->idc_died_us[i] = s->now_us;
    s->idc_was_well_us[i] = s->idc_well_us[i];
    s->idc_back_us[i] = soon(s, 20 * US_PER_SEC);
    if (s->nodes[i].up && coin(s)) {
        node_crash(s, i);
    }
}

/* One probe misses an IDC that is well, and its references; the others fall silent. */
static void make_lone_witness(struct sim *s)
{
    uint16_t n = s->fleet->idc_count, o = (uint16_t)rng_below(&s->extra, n);
    struct probe *p = &s->probes[o];
    int64_t back_us = s->now_us + (int64_t)(6 + rng_below(&s->extra, 4)) * US_PER_SEC;
    p->lone = true;
    p->missed = (uint16_t)((o + 1 + rng_below(&s->extra, n - 1)) % n);
    for (uint16_t i = 0; i < n; i++) {
        s->probes[i].silent = i != o;
        s->probe_back_us[i] = back_us;
    }
    sim_trace(s, "probe %u is the only one, and misses IDC %u", o, p->missed);
}

static void one_fault(struct sim *s)
{
    const struct swarm *w = &s->swarm;
    uint16_t i = (uint16_t)rng_below(&s->rng, s->fleet->idc_count);
    uint16_t l = (uint16_t)rng_below(&s->rng, s->fleet->link_count);
    uint16_t d = (uint16_t)rng_below(&s->rng, s->fleet->dns_server_count);
    struct node *n = &s->nodes[i];
    switch (rng_below(&s->rng, 8)) {
    case 0:
        if (w->crashes && n->up) {
            node_crash(s, i);
        }
        return;
    case 1:
        if (w->pauses) {
            uint16_t leader = fold_replica(s->fleet, s->reference.leader.replica);
            n = leader != FLEET_NONE && coin(s) ? &s->nodes[leader] : n;
            n->paused_until_us = soon(s, (coin(s) ? 2 : 8) * US_PER_SEC);
            sim_trace(s, "node %u pauses", (unsigned)(n - s->nodes));
        }
        return;
    case 2:
        for (uint16_t k = 0; w->bus_outages && k < s->fleet->idc_count; k++) {
            if (k == i || coin(s)) {
                s->nodes[k].bus_away = true;
                s->nodes[k].bus_back_us = soon(s, 6 * US_PER_SEC);
            }
        }
        return;
    case 3:
        if (w->dns_outages) {
            s->servers[d].up = false;
            s->server_back_us[d] = soon(s, 10 * US_PER_SEC);
        }
        return;
    case 4:
    case 5:
        if (w->silent_probes || w->blind_probes) {
            s->probes[i].silent = w->silent_probes && (!w->blind_probes || coin(s));
            s->probes[i].blind = w->blind_probes && !s->probes[i].silent;
            s->probe_back_us[i] = soon(s, 10 * US_PER_SEC);
        }
        return;
    case 6:
        if (w->link_cuts) {
            s->link_cut[l] = true;
            sim_trace(s, "link %s is cut", s->fleet->links[l].name);
            s->link_back_us[l] = soon(s, 10 * US_PER_SEC);
        }
        return;
    default:
        if (w->idc_deaths) {
            kill_idc(s, i);
        }
        return;
    }
}

static void repair(struct sim *s, bool all)
{
    for (uint16_t i = 0; i < s->fleet->idc_count; i++) {
        if (s->idc_dead[i] && (all || s->idc_back_us[i] <= s->now_us)) {
            sim_trace(s, "IDC %u is back", i);
            s->idc_dead[i] = false;
            s->idc_back_us[i] = s->idc_well_us[i] = s->now_us;
            world_restart_probe(s, i);
        }
        if (all || s->probe_back_us[i] <= s->now_us) {
            s->probes[i].silent = s->probes[i].blind = s->probes[i].lone = false;
        }
    }
    for (uint16_t l = 0; l < s->fleet->link_count; l++) {
        s->link_cut[l] = s->link_cut[l] && !all && s->link_back_us[l] > s->now_us;
    }
    for (uint16_t d = 0; d < s->fleet->dns_server_count; d++) {
        s->servers[d].up = s->servers[d].up || all || s->server_back_us[d] <= s->now_us;
    }
}

void world_heal(struct sim *s)
{
    s->healed = true;
    s->changed_us = s->now_us;
    repair(s, true);
    for (uint16_t i = 0; i < s->fleet->idc_count; i++) {
        s->nodes[i].bus_away = false;
        s->nodes[i].paused_until_us = s->now_us;
    }
}

/* --- The operator --------------------------------------------------------------------------------
 */

static void speak(struct sim *s)
{
    bool busy = s->swarm.busy_operator && !s->healed;
    int64_t slow_us = s->swarm.slow_operator ? (int64_t)rng_below(&s->extra, 15 * US_PER_SEC) : 0;
    s->next_word_us = s->now_us + (busy ? US_PER_SEC / 4 : US_PER_SEC) + slow_us;
    for (uint32_t i = 0; i < s->reference.incident_count; i++) {
        const struct incident *in = &s->reference.incidents[i];
        bool back = in->subject.kind != SUBJECT_IDC || !s->idc_dead[in->subject.a];
        bool asked = in->needs_approval && !in->approved;
        if (!back || !(asked || (busy && coin(s)))) {
            continue;
        }
        struct operator_record word = {.identity = "ann",
                                       .reason = "seen to be well",
                                       .command = OPERATOR_APPROVE,
                                       .argument = in->id};
        uint64_t id = rng_next(&s->rng);
        memcpy(word.request.bytes, &id, sizeof id);
        s->approvals++;
        node_request(s, (uint16_t)rng_below(&s->rng, s->fleet->idc_count), &word);
    }
}

void world_tick(struct sim *s)
{
    if (!s->healed && !s->script.on) {
        repair(s, false);
        if (s->next_fault_us <= s->now_us) {
            s->next_fault_us = soon(s, 3 * US_PER_SEC);
            s->changed_us = s->now_us;
            one_fault(s);
        }
        if (s->swarm.lone_witnesses && s->next_lone_us <= s->now_us) {
            s->next_lone_us = s->now_us + 20 * US_PER_SEC;
            s->changed_us = s->now_us;
            make_lone_witness(s);
        }
    }
    carriers_tick(s);
    for (uint16_t o = 0; o < s->fleet->idc_count && s->failure[0] == '\0'; o++) {
        probe_tick(s, o);
    }
    zombies_tick(s);
    if (!s->script.on && s->next_word_us <= s->now_us) {
        speak(s);
    }
    orders_tick(s);
    transfers_tick(s);
    upgrades_tick(s);
    spikes_tick(s);
    fleets_tick(s);
    drills_tick(s);
}
