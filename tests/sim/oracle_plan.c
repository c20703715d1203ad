/* oracle_plan.c: what one plan may do after another: the drain budget, a person's word, demotion
 * before a shift, no way to and fro; and that a push neither comes too early nor waits too long. */
#include "sim.h"

#include <string.h>

/* A pusher steps at its deadlines; what is later by this much did not wait for a tick. */
#define PUSH_LATE_US (100 * US_PER_MS)

struct generation *oracle_generation(struct sim *s, uint64_t g)
{
    return g < SIM_MAX_PLANS && s->plans[g].offset >= 0 ? &s->plans[g] : NULL;
}

static unsigned slots_at(const struct sim *s, const struct answer *a, uint16_t idc)
{
    unsigned n = 0;
    for (uint8_t i = 0; i < a->count; i++) {
        uint16_t e = a->slots[i].entrance;
        n += e != FLEET_NONE && s->fleet->entrances[e].idc == idc ? 1 : 0;
    }
    return n;
}

/* --- A new generation ---------------------------------------------------------------------------
 */

/* It went this way now. The other way a while ago, and nothing has happened since shortly before
 * that: then no evidence can have been the reason of both. */
static bool turned(const struct sim *s, struct drift *d, int way)
{
    bool back = d->way == -way && s->changed_us < d->at_us - SIM_DEAD_US;
    *d = (struct drift){.way = way, .at_us = s->now_us};
    return back;
}

/* What took its share away comes back with a person's word only: the IDC's outage, a dead service
 * or pool. A carrier and the backbone come back by themselves. */
static bool waits_for_word(const struct sim *s, uint16_t idc)
{
    bool waits = false;
    for (uint32_t i = 0; i < s->reference.incident_count; i++) {
        const struct incident *n = &s->reference.incidents[i];
        const struct subject *about = &n->subject;
        uint16_t at = about->kind == SUBJECT_IDC       ? about->a
                      : about->kind == SUBJECT_SERVICE ? about->b
                      : about->kind == SUBJECT_PATH    ? s->fleet->entrances[about->a].idc
                                                       : FLEET_NONE;
        bool drains = n->kind == INCIDENT_IDC_OUTAGE || n->kind == INCIDENT_GRAY_FAILURE;
        bool holds = n->state == INCIDENT_CONFIRMED || n->state == INCIDENT_MITIGATED;
        waits = waits || (at == idc && drains && holds);
    }
    return waits && !s->fleet->idcs[idc].auto_restore;
}

static void check_share(struct sim *s, const struct change *ch, uint16_t idc,
                        const struct generation *g)
{
    unsigned from = slots_at(s, &ch->answer.from, idc), to = slots_at(s, &ch->answer.to, idc);
    struct drift *d =
        &s->shares[(size_t)(ch->a * s->fleet->view_count + ch->b) * SIM_MAX_IDCS + idc];
    if (from == to) {
        return;
    }
    bool *drained = &s->drained[s->fleet->views[ch->b].carrier][idc];
    uint32_t *turns = &s->script.turns[d - s->shares];
    *turns += d->way == (to > from ? -1 : 1) ? 1 : 0;
    s->script.most_turns = *turns > s->script.most_turns ? *turns : s->script.most_turns;
    if (g->purpose == DECIDE_REVERT) {
        *d = (struct drift){0}; /* nobody acted upon what is taken back */
        *drained = s->waits_word[idc] = false;
    } else if (turned(s, d, to > from ? 1 : -1)) {
        sim_fail(s, "law 7: record %lld moves a share of IDC %u back, and nothing had changed",
                 (long long)g->offset, idc);
    }
    if (g->purpose == DECIDE_RESCUE && to < from) {
        *drained = true;
        s->waits_word[idc] = waits_for_word(s, idc);
    } else if (g->purpose == DECIDE_RESTORE && to > from) {
        if (s->waits_word[idc]) {
            sim_fail(s, "law 7: record %lld restores IDC %u without a person's word",
                     (long long)g->offset, idc);
        }
        *drained = false;
    }
}

static void check_limit(struct sim *s, const struct change *ch, const struct generation *g)
{
    struct drift *d = &s->limits[ch->a * s->fleet->service_count + ch->b];
    int way = ch->tier.to > ch->tier.from ? 1 : -1;
    /* Down and up again is what a planned shift does; up and down again is a mistake. */
    if (g->purpose == DECIDE_REVERT) {
        *d = (struct drift){0};
    } else if (turned(s, d, way) && way < 0) {
        sim_fail(s, "law 7: record %lld sheds in region %u what had just come back",
                 (long long)g->offset, ch->a);
    }
}

/* IDCs whose outage holds and whose slots were taken from them over the carrier. */
static void check_budget(struct sim *s, const struct generation *g, uint16_t carrier)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < s->reference.incident_count; i++) {
        const struct incident *n = &s->reference.incidents[i];
        bool holds = n->state == INCIDENT_CONFIRMED || n->state == INCIDENT_MITIGATED;
        count += n->kind == INCIDENT_IDC_OUTAGE && holds && s->drained[carrier][n->subject.a];
    }
    if (g->purpose == DECIDE_RESCUE && count > s->fleet->policy.max_drained_idcs) {
        sim_fail(s, "law 5: record %lld makes it %u IDCs that are drained at once over %s, not %u",
                 (long long)g->offset, count, s->fleet->carriers[carrier].name,
                 s->fleet->policy.max_drained_idcs);
    }
}

void oracle_generated(struct sim *s, struct generation *g)
{
    for (uint32_t i = 0; i < g->change_count; i++) {
        const struct change *ch = &g->changes[i];
        for (uint16_t x = 0; ch->kind == CHANGE_ANSWER && x < s->fleet->idc_count; x++) {
            check_share(s, ch, x, g);
        }
        if (ch->kind == CHANGE_TIER) {
            check_limit(s, ch, g);
        }
    }
    for (uint16_t c = 0; c < s->fleet->carrier_count; c++) {
        check_budget(s, g, c);
    }
    s->healed_plans += s->healed ? 1 : 0;
    if (s->healed_plans > SIM_HEALED_PLANS + (s->swarm.spikes ? SIM_CALMED_PLANS : 0U)) {
        sim_fail(s, "law 9: %u plans since everything healed", s->healed_plans);
    }
}

/* The word is about the IDC, its region, or something in it. */
static bool is_part(const struct sim *s, const struct subject *about, uint16_t idc)
{
    return (about->kind == SUBJECT_IDC && about->a == idc) ||
           (about->kind == SUBJECT_SERVICE && about->b == idc) ||
           (about->kind == SUBJECT_PATH && s->fleet->entrances[about->a].idc == idc) ||
           (about->kind == SUBJECT_REGION && s->fleet->idcs[idc].region == about->a);
}

void oracle_approved(struct sim *s, const struct operator_record *word)
{
    for (uint32_t i = 0; i < s->reference.incident_count; i++) {
        const struct incident *n = &s->reference.incidents[i];
        if (word->command != OPERATOR_APPROVE || n->id != word->argument) {
            continue;
        }
        for (uint16_t x = 0; x < s->fleet->idc_count; x++) {
            s->waits_word[x] = s->waits_word[x] && !is_part(s, &n->subject, x);
        }
    }
}

/* --- A push -------------------------------------------------------------------------------------
 */

/* The newest generation up to g that changed the limit, if it lowered it; else NULL. */
static struct generation *demoted_by(struct sim *s, uint64_t g, uint16_t region, uint16_t service,
                                     uint64_t *ret_g)
{
    for (uint64_t at = g; at > 1; at--) {
        struct generation *d = oracle_generation(s, at);
        for (uint32_t i = 0; d != NULL && i < d->change_count; i++) {
            const struct change *ch = &d->changes[i];
            if (ch->kind == CHANGE_TIER && ch->a == region && ch->b == service) {
                *ret_g = at;
                return ch->tier.to < ch->tier.from ? d : NULL;
            }
        }
    }
    return NULL;
}

/* Generation g gives the IDC more of the service. */
static void check_receiver(struct sim *s, uint16_t node, uint64_t g, uint16_t service, uint16_t idc)
{
    const struct generation *moves = oracle_generation(s, g);
    uint64_t demotion = 0;
    struct generation *d = demoted_by(s, g, s->fleet->idcs[idc].region, service, &demotion);
    if (d == NULL || s->features[idc].fence.generation >= demotion) {
        return;
    }
    int64_t since_us = s->now_us - d->folded_us[node];
    if (moves->purpose == DECIDE_RESCUE && demotion == g &&
        since_us < s->fleet->policy.rescue_bound_us) {
        sim_fail(s, "law 6: node %u pushes rescue %llu after %lld ms and before IDC %u demoted",
                 node, (unsigned long long)g, (long long)since_us / US_PER_MS, idc);
    } else if (moves->purpose == DECIDE_RESTORE || moves->purpose == DECIDE_SHIFT) {
        sim_fail(s, "law 6: node %u pushes shift %llu to IDC %u, which has not demoted %llu", node,
                 (unsigned long long)g, idc, (unsigned long long)demotion);
    }
}

void oracle_shifts(struct sim *s, uint16_t node, uint16_t server, const struct fence *f)
{
    for (uint64_t at = s->servers[server].fence.generation + 1; at <= f->generation; at++) {
        const struct generation *g = oracle_generation(s, at);
        for (uint32_t i = 0; g != NULL && i < g->change_count; i++) {
            const struct change *ch = &g->changes[i];
            for (uint16_t x = 0; ch->kind == CHANGE_ANSWER && x < s->fleet->idc_count; x++) {
                if (slots_at(s, &ch->answer.to, x) > slots_at(s, &ch->answer.from, x)) {
                    check_receiver(s, node, at, ch->a, x);
                }
            }
        }
    }
}

void oracle_pushed(struct sim *s, uint16_t node, uint16_t server, int status)
{
    s->nodes[node].push_failed[server] = status != OK;
}

/* The leader acts upon a plan, the server is there, and nothing failed: it is being pushed. */
void oracle_prompt(struct sim *s, uint16_t i)
{
    struct node *n = &s->nodes[i];
    uint64_t g = node_is_running(s, i) ? replica_acting(n->replica).generation : 0;
    if (g == 0 || !replica_leads(n->replica) ||
        replica_control(n->replica)->plan.fence.generation != g) {
        n->acting = 0;
        return;
    }
    if (n->acting != g) {
        n->acting = g;
        n->acting_since_us = s->now_us;
    }
    int64_t since_us = s->now_us - n->acting_since_us;
    for (uint16_t k = 0; k < s->fleet->dns_server_count; k++) {
        if (s->servers[k].fence.generation < g && !n->dns[k].busy && !n->push_failed[k] &&
            since_us > s->fleet->policy.rescue_bound_us + PUSH_LATE_US) {
            sim_fail(s, "law 6: node %u has not begun to push %llu to DNS server %u in %lld ms", i,
                     (unsigned long long)g, k, (long long)since_us / US_PER_MS);
        }
    }
}
