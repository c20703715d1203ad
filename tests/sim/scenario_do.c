/* scenario_do.c: what a scenario does to the world: faults and repairs. */
#include "scenario.h"

#include <string.h>

#define HELD_DOWN_US (INT64_MAX / 2)

static uint16_t index_of(const struct args *a, int n)
{
    return (uint16_t)a->at[n];
}

/* --- Links --------------------------------------------------------------------------------------
 */

static void cut_link(struct sim *s, const struct args *a)
{
    s->link_cut[a->at[0]] = true;
}

static void mend_link(struct sim *s, const struct args *a)
{
    s->link_cut[a->at[0]] = false;
    s->script.flap_us[a->at[0]] = 0;
    s->script.loss_ppm[a->at[0]][0] = s->script.loss_ppm[a->at[0]][1] = 0;
}

static void lose_on_link(struct sim *s, const struct args *a)
{
    s->script.loss_ppm[a->at[1]][0] = s->script.loss_ppm[a->at[1]][1] = (uint32_t)a->at[0];
}

static void lose_one_way(struct sim *s, const struct args *a)
{
    int end = link_end_at(&s->fleet->links[a->at[1]], index_of(a, 2));
    if (end >= 0) {
        s->script.loss_ppm[a->at[1]][end] = (uint32_t)a->at[0];
    }
}

static void flap_link(struct sim *s, const struct args *a)
{
    s->script.flap_us[a->at[0]] = a->at[1];
}

static void set_conduit(struct sim *s, const struct args *a, bool cut)
{
    const struct conduit *c = &s->fleet->conduits[a->at[0]];
    for (uint32_t i = 0; i < c->link_count; i++) {
        s->link_cut[c->links[i]] = cut;
    }
}

static void cut_conduit(struct sim *s, const struct args *a)
{
    set_conduit(s, a, true);
}

static void mend_conduit(struct sim *s, const struct args *a)
{
    set_conduit(s, a, false);
}

static void set_spans(struct sim *s, const struct args *a, bool cut)
{
    for (uint16_t l = 0; l < s->fleet->link_count; l++) {
        const struct link *at = &s->fleet->links[l];
        if (at->carrier == FLEET_NONE && link_end_at(at, index_of(a, 0)) >= 0) {
            s->link_cut[l] = cut;
        }
    }
}

static void isolate_idc(struct sim *s, const struct args *a)
{
    set_spans(s, a, true);
}

static void join_idc(struct sim *s, const struct args *a)
{
    set_spans(s, a, false);
}

/* --- IDCs, carriers, services -------------------------------------------------------------------
 */

static void down(struct sim *s, uint16_t idc)
{
    if (s->idc_dead[idc]) {
        return;
    }
    sim_trace(s, "IDC %u dies", idc);
    s->idc_dead[idc] = true;
    s->idc_died_us[idc] = s->now_us;
    s->idc_was_well_us[idc] = s->idc_well_us[idc];
    s->idc_back_us[idc] = HELD_DOWN_US;
    if (s->nodes[idc].up) {
        node_crash(s, idc);
    }
}

static void up(struct sim *s, uint16_t idc)
{
    if (!s->idc_dead[idc]) {
        return;
    }
    sim_trace(s, "IDC %u is back", idc);
    s->idc_dead[idc] = false;
    s->idc_back_us[idc] = s->idc_well_us[idc] = s->now_us;
    world_restart_probe(s, idc);
}

static void kill_idc(struct sim *s, const struct args *a)
{
    down(s, index_of(a, 0));
}

static void revive_idc(struct sim *s, const struct args *a)
{
    up(s, index_of(a, 0));
}

static void each_of_region(struct sim *s, const struct args *a,
                           void (*change)(struct sim *s, uint16_t idc))
{
    for (uint16_t i = 0; i < s->fleet->idc_count; i++) {
        if (s->fleet->idcs[i].region == index_of(a, 0) && !s->fleet->idcs[i].vantage) {
            change(s, i);
        }
    }
}

static void kill_region(struct sim *s, const struct args *a)
{
    each_of_region(s, a, down);
}

static void revive_region(struct sim *s, const struct args *a)
{
    each_of_region(s, a, up);
}

static void lose_carrier(struct sim *s, const struct args *a)
{
    s->script.carrier_out[a->at[0]] = true;
}

static void return_carrier(struct sim *s, const struct args *a)
{
    s->script.carrier_out[a->at[0]] = false;
}

/* Its uplinks stay up and carry nothing. */
static void set_carrier_at(struct sim *s, const struct args *a, uint32_t loss_ppm)
{
    for (uint16_t l = 0; l < s->fleet->link_count; l++) {
        if (s->fleet->links[l].carrier == index_of(a, 0) &&
            link_end_at(&s->fleet->links[l], index_of(a, 1)) >= 0) {
            s->script.loss_ppm[l][0] = s->script.loss_ppm[l][1] = loss_ppm;
        }
    }
}

static void lose_carrier_at(struct sim *s, const struct args *a)
{
    set_carrier_at(s, a, 1000000);
}

static void return_carrier_at(struct sim *s, const struct args *a)
{
    set_carrier_at(s, a, 0);
}

static void kill_service(struct sim *s, const struct args *a)
{
    s->script.service_dead[a->at[0]][a->at[1]] = true;
}

static void revive_service(struct sim *s, const struct args *a)
{
    s->script.service_dead[a->at[0]][a->at[1]] = false;
}

static void kill_entrance(struct sim *s, const struct args *a)
{
    s->script.entrance_dead[a->at[0]] = true;
}

static void revive_entrance(struct sim *s, const struct args *a)
{
    s->script.entrance_dead[a->at[0]] = false;
}

static void set_demand(struct sim *s, const struct args *a)
{
    s->script.demand_ppm[a->at[0]] = (uint32_t)a->at[1];
}

static void set_all_demand(struct sim *s, const struct args *a)
{
    for (uint16_t v = 0; v < s->fleet->view_count; v++) {
        s->script.demand_ppm[v] = (uint32_t)a->at[0];
    }
}

static void tell_no_load(struct sim *s, const struct args *a)
{
    s->script.untold[a->at[0]] = true;
}

static void tell_load(struct sim *s, const struct args *a)
{
    s->script.untold[a->at[0]] = false;
}

/* --- Probes -------------------------------------------------------------------------------------
 */

static void blind(struct sim *s, const struct args *a)
{
    s->probes[a->at[0]].blind = true;
}

static void blind_to_idc(struct sim *s, const struct args *a)
{
    s->probes[a->at[0]].misses = true;
    s->probes[a->at[0]].missed = index_of(a, 1);
}

static void blind_to_references(struct sim *s, const struct args *a)
{
    s->probes[a->at[0]].unreferenced = true;
}

static void open_eyes(struct sim *s, const struct args *a)
{
    struct probe *p = &s->probes[a->at[0]];
    p->blind = p->misses = p->unreferenced = false;
}

static void blind_all(struct sim *s, const struct args *a)
{
    (void)a;
    for (uint16_t i = 0; i < s->fleet->idc_count; i++) {
        s->probes[i].blind = true;
    }
}

static void open_all_eyes(struct sim *s, const struct args *a)
{
    (void)a;
    for (uint16_t i = 0; i < s->fleet->idc_count; i++) {
        s->probes[i].blind = false;
    }
}

static void mute(struct sim *s, const struct args *a)
{
    s->probes[a->at[0]].silent = true;
}

static void unmute(struct sim *s, const struct args *a)
{
    s->probes[a->at[0]].silent = false;
}

static void starve(struct sim *s, const struct args *a)
{
    s->probes[a->at[0]].starved = true;
}

static void feed(struct sim *s, const struct args *a)
{
    s->probes[a->at[0]].starved = false;
}

static void restart_probe(struct sim *s, const struct args *a)
{
    world_restart_probe(s, index_of(a, 0));
}

/* The probe begins anew with its clock there, as after a reboot with a wrong clock. */
static void jump_clock(struct sim *s, const struct args *a)
{
    s->probes[a->at[0]].skew_us += a->at[1];
    world_restart_probe(s, index_of(a, 0));
}

static void jump_clock_back(struct sim *s, const struct args *a)
{
    s->probes[a->at[0]].skew_us -= a->at[1];
    world_restart_probe(s, index_of(a, 0));
}

static void send_twice(struct sim *s, const struct args *a)
{
    s->probes[a->at[0]].twice = true;
}

static void remember(struct sim *s, const struct args *a)
{
    bus_keep(&s->script.remembered[a->at[0]], &s->newest[a->at[0]].report);
}

static void replay(struct sim *s, const struct args *a)
{
    if (s->script.remembered[a->at[0]].report.sequence != 0) {
        bus_report(s, index_of(a, 0), &s->script.remembered[a->at[0]].report);
    }
}

static void set_forger(struct sim *s, const struct args *a, bool knows_key)
{
    struct forger *g = &s->script.forgers[a->at[0]];
    g->active = true;
    g->knows_key = knows_key;
    g->missed = index_of(a, 1);
}

static void thief_speaks(struct sim *s, const struct args *a)
{
    set_forger(s, a, true);
}

static void stranger_speaks(struct sim *s, const struct args *a)
{
    set_forger(s, a, false);
}

static void forger_stops(struct sim *s, const struct args *a)
{
    struct probe *p = &s->probes[a->at[0]];
    s->script.forgers[a->at[0]].active = false;
    p->incarnation += 2000; /* its host was set up anew, with a new key */
    world_restart_probe(s, index_of(a, 0));
}

/* --- Machines, bus, DNS -------------------------------------------------------------------------
 */

static uint16_t leader_of(const struct sim *s)
{
    uint16_t leader = fold_replica(s->fleet, s->reference.leader.replica);
    return leader == FLEET_NONE ? 0 : leader;
}

static void crash_for(struct sim *s, uint16_t i, int64_t us)
{
    if (s->nodes[i].up) {
        node_crash(s, i);
        s->nodes[i].back_at_us = s->now_us + us;
    }
}

static void crash(struct sim *s, const struct args *a)
{
    crash_for(s, index_of(a, 0), HELD_DOWN_US);
}

static void crash_leader(struct sim *s, const struct args *a)
{
    (void)a;
    crash_for(s, leader_of(s), 5 * US_PER_SEC);
}

static void crash_all(struct sim *s, const struct args *a)
{
    (void)a;
    for (uint16_t i = 0; i < s->fleet->idc_count; i++) {
        crash_for(s, i, HELD_DOWN_US);
    }
}

static void start_all(struct sim *s, const struct args *a)
{
    (void)a;
    for (uint16_t i = 0; i < s->fleet->idc_count; i++) {
        s->nodes[i].back_at_us = s->now_us;
    }
}

static void pause_leader(struct sim *s, const struct args *a)
{
    s->nodes[leader_of(s)].paused_until_us = s->now_us + a->at[0];
}

static void disk_is_full(struct sim *s, const struct args *a)
{
    s->nodes[a->at[0]].disk_full = true;
}

static void leaders_disk_is_full(struct sim *s, const struct args *a)
{
    (void)a;
    s->nodes[leader_of(s)].disk_full = true;
}

static void disks_have_room(struct sim *s, const struct args *a)
{
    (void)a;
    for (uint16_t i = 0; i < s->fleet->idc_count; i++) {
        s->nodes[i].disk_full = false;
    }
}

static void bus_leaves(struct sim *s, const struct args *a)
{
    s->script.bus_cut[a->at[0]] = true;
}

static void bus_returns(struct sim *s, const struct args *a)
{
    s->script.bus_cut[a->at[0]] = false;
}

static void bus_dies(struct sim *s, const struct args *a)
{
    (void)a;
    memset(s->script.bus_cut, true, sizeof s->script.bus_cut);
}

static void bus_lives(struct sim *s, const struct args *a)
{
    (void)a;
    memset(s->script.bus_cut, false, sizeof s->script.bus_cut);
}

static void bus_follows(struct sim *s, const struct args *a)
{
    (void)a;
    s->script.bus_follows_links = true;
}

static void dns_dies(struct sim *s, const struct args *a)
{
    s->servers[a->at[0]].up = false;
}

static void dns_returns(struct sim *s, const struct args *a)
{
    s->servers[a->at[0]].up = true;
    s->servers[a->at[0]].slow_us = 0;
}

static void dns_is_slow(struct sim *s, const struct args *a)
{
    s->servers[a->at[0]].slow_us = a->at[1];
}

static void nothing(struct sim *s, const struct args *a)
{
    (void)s, (void)a;
}

const struct phrase FAULT_PHRASES[] = {
    {"cut link <link>", .do_it = cut_link},
    {"mend link <link>", .do_it = mend_link},
    {"lose <share> on link <link>", .do_it = lose_on_link},
    {"lose <share> on link <link> from <idc>", .do_it = lose_one_way},
    {"flap link <link> every <time>", .do_it = flap_link},
    {"cut conduit <conduit>", .do_it = cut_conduit},
    {"mend conduit <conduit>", .do_it = mend_conduit},
    {"kill idc <idc>", .do_it = kill_idc},
    {"revive idc <idc>", .do_it = revive_idc},
    {"kill region <region>", .do_it = kill_region},
    {"revive region <region>", .do_it = revive_region},
    {"isolate idc <idc>", .do_it = isolate_idc},
    {"join idc <idc>", .do_it = join_idc},
    {"lose carrier <carrier>", .do_it = lose_carrier},
    {"return carrier <carrier>", .do_it = return_carrier},
    {"lose carrier <carrier> at <idc>", .do_it = lose_carrier_at},
    {"return carrier <carrier> at <idc>", .do_it = return_carrier_at},
    {"kill service <service> at <idc>", .do_it = kill_service},
    {"revive service <service> at <idc>", .do_it = revive_service},
    {"kill entrance <entrance>", .do_it = kill_entrance},
    {"revive entrance <entrance>", .do_it = revive_entrance},
    {"demand of <view> is <share>", .do_it = set_demand},
    {"demand is <share>", .do_it = set_all_demand},
    {"<idc> tells no load", .do_it = tell_no_load},
    {"<idc> tells its load", .do_it = tell_load},
    {"blind <idc>", .do_it = blind},
    {"blind <idc> to idc <idc>", .do_it = blind_to_idc},
    {"blind <idc> to references", .do_it = blind_to_references},
    {"open the eyes of <idc>", .do_it = open_eyes},
    {"blind all", .do_it = blind_all},
    {"open all eyes", .do_it = open_all_eyes},
    {"mute <idc>", .do_it = mute},
    {"unmute <idc>", .do_it = unmute},
    {"starve <idc>", .do_it = starve},
    {"feed <idc>", .do_it = feed},
    {"restart the probe of <idc>", .do_it = restart_probe},
    {"clock of <idc> jumps ahead <time>", .do_it = jump_clock},
    {"clock of <idc> jumps back <time>", .do_it = jump_clock_back},
    {"<idc> sends each report twice", .do_it = send_twice},
    {"remember the report of <idc>", .do_it = remember},
    {"replay the report of <idc>", .do_it = replay},
    {"a thief with the key of <idc> says <idc> is dead", .do_it = thief_speaks},
    {"a stranger as <idc> says <idc> is dead", .do_it = stranger_speaks},
    {"the false <idc> is caught", .do_it = forger_stops},
    {"crash <idc>", .do_it = crash},
    {"crash the leader", .do_it = crash_leader},
    {"crash all", .do_it = crash_all},
    {"start all", .do_it = start_all},
    {"pause the leader for <time>", .do_it = pause_leader},
    {"disk of <idc> is full", .do_it = disk_is_full},
    {"disk of the leader is full", .do_it = leaders_disk_is_full},
    {"disks have room", .do_it = disks_have_room},
    {"bus leaves <idc>", .do_it = bus_leaves},
    {"bus returns to <idc>", .do_it = bus_returns},
    {"bus dies", .do_it = bus_dies},
    {"bus lives", .do_it = bus_lives},
    {"dns <server> dies", .do_it = dns_dies},
    {"dns <server> returns", .do_it = dns_returns},
    {"dns <server> takes <time>", .do_it = dns_is_slow},
    {"look", .do_it = nothing},
    {0},
};

/* --- Before it begins ---------------------------------------------------------------------------
 */

static struct fleet *own_fleet(struct sim *s)
{
    return &s->own;
}

static void with_budget(struct sim *s, const struct args *a)
{
    own_fleet(s)->policy.max_drained_idcs = (uint32_t)a->at[0];
}

static void with_observers(struct sim *s, const struct args *a)
{
    own_fleet(s)->policy.min_observers = (uint32_t)a->at[0];
}

static void with_auto_restore(struct sim *s, const struct args *a)
{
    own_fleet(s)->idcs[a->at[0]].auto_restore = true;
}

static void with_need(struct sim *s, const struct args *a)
{
    static const struct {
        const char *word;
        enum backbone_need need;
    } needs[] = {{"required", BACKBONE_REQUIRED},
                 {"preferred", BACKBONE_PREFERRED},
                 {"none", BACKBONE_NONE}};
    for (size_t i = 0; i < sizeof needs / sizeof needs[0]; i++) {
        if (strcmp(needs[i].word, a->word[1]) == 0) {
            own_fleet(s)->services[a->at[0]].backbone = needs[i].need;
        }
    }
}

static void with_first(struct sim *s, const struct args *a)
{
    s->script.first = index_of(a, 0);
}

const struct phrase SETUP_PHRASES[] = {
    {"<idc> leads first", .do_it = with_first},
    {"bus follows the links", .do_it = bus_follows},
    {"<n> IDCs may be drained", .do_it = with_budget},
    {"<n> observers agree", .do_it = with_observers},
    {"<idc> comes back by itself", .do_it = with_auto_restore},
    {"<service> needs the backbone <name>", .do_it = with_need},
    {0},
};
