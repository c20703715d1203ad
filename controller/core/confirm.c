/* confirm.c: weighing a decision that nobody acted upon against what is seen now. */
#include "core/confirm.h"

#include "fold/fold.h"

#include <string.h>

enum word { WORD_STANDS, WORD_WAITS, WORD_FALLS };

size_t confirm_arena_size(const struct fleet *f)
{
    return record_max_changes(f) * sizeof(struct change) + INCIDENT_MAX * sizeof(struct incident) +
           f->idc_count * sizeof(struct evidence_ref) + 3 * 16;
}

static const struct verdict *within(const struct verdict *all, size_t at, size_t count)
{
    return at < count ? &all[at] : NULL;
}

/* What is seen of the incident's subject now; NULL for kinds that have no verdict of their own. */
static const struct verdict *seen(const struct control *c, const struct diagnosis *d,
                                  const struct incident *n)
{
    const struct fleet *f = c->fleet;
    const struct subject *s = &n->subject;
    size_t idcs = f->idc_count, at_idc = (size_t)s->a * idcs + s->b;
    switch (s->kind) {
    case SUBJECT_LINK: return within(d->links, s->a, f->link_count);
    case SUBJECT_CONDUIT: return within(d->conduits, s->a, f->conduit_count);
    case SUBJECT_CARRIER: return within(d->carriers, s->a, f->carrier_count);
    case SUBJECT_IDC:
        return within(n->kind == INCIDENT_IDC_ISOLATED ? d->backbones : d->idcs, s->a, idcs);
    case SUBJECT_OBSERVER: return within(d->observers, s->a, idcs);
    case SUBJECT_SERVICE: return within(d->services, at_idc, f->service_count * idcs);
    case SUBJECT_CARRIER_AT: return within(d->fronts, at_idc, f->carrier_count * idcs);
    case SUBJECT_PATH: return within(d->paths, path_index(f, s->a, s->b), path_count(f));
    case SUBJECT_BACKBONE: return within(d->backbones, s->a, idcs);
    case SUBJECT_REGION:
    case SUBJECT_ENTRANCE:
    case SUBJECT_TARGET:
    case SUBJECT_FEATURES: return NULL;
    }
    return NULL;
}

/* Incidents for which plans move something. The others (an overload, a blind observer, a carrier
 * that is down everywhere, a region beside its outages, a mere suspicion) may ride in the same
 * record and prove nothing about its plan. */
static bool moves_plans(const struct incident *n)
{
    bool moves = false;
    switch (n->kind) {
    case INCIDENT_IDC_OUTAGE:
    case INCIDENT_LINK_CUT:
    case INCIDENT_CONDUIT_CUT: moves = true; break;
    case INCIDENT_CARRIER_OUTAGE: moves = n->subject.kind == SUBJECT_CARRIER_AT; break;
    case INCIDENT_IDC_ISOLATED: moves = n->rule == RULE_OFF_BACKBONE; break;
    case INCIDENT_GRAY_FAILURE: moves = n->subject.kind != SUBJECT_LINK; break;
    case INCIDENT_REGION_DISASTER:
    case INCIDENT_OVERLOAD:
    case INCIDENT_HELD:
    case INCIDENT_SPLIT_FENCE:
    case INCIDENT_BLIND_OBSERVER: break;
    }
    return moves && n->state != INCIDENT_SUSPECTED;
}

/* Does what the decision held of this incident still hold? */
static enum word weigh(const struct control *c, const struct diagnosis *d, const struct incident *n)
{
    const struct verdict *v = seen(c, d, n);
    enum health now = v == NULL ? HEALTH_UNKNOWN : v->health;
    if (now == HEALTH_UNKNOWN || now == HEALTH_DEGRADED) {
        return WORD_WAITS; /* not concluded (diagnose.h) */
    }
    bool recovers = n->state == INCIDENT_RECOVERING;
    return (now == HEALTH_UP) == recovers ? WORD_STANDS : WORD_FALLS;
}

/* A decision that changed no incident (hops, a further step) stands: the next one corrects it. */
static enum word weigh_all(const struct control *c, const struct diagnosis *d)
{
    enum word all = WORD_STANDS;
    for (uint32_t i = 0; i < c->incident_count; i++) {
        if (c->incidents[i].changed_offset == (uint64_t)c->unconfirmed &&
            moves_plans(&c->incidents[i])) {
            enum word one = weigh(c, d, &c->incidents[i]);
            all = one > all ? one : all;
        }
    }
    return all;
}

/* Evidence that has not come by then will not come; a plan that nobody acted upon is then taken
 * back, for silence moves no traffic (law 1). */
static bool waited_enough(const struct control *c, struct logtime now)
{
    const struct policy *p = &c->fleet->policy;
    int64_t bound_us = p->cold_start_us + p->confirmation_us + p->report_stale_us + 2 * p->lease_us;
    return logtime_diff_us(now, c->epoch_began) > bound_us;
}

static void cite(const struct control *c, const struct evidence *evidence, struct decide *d)
{
    for (uint16_t i = 0; i < c->fleet->idc_count; i++) {
        if (evidence[i].report != NULL && evidence[i].conclusive &&
            evidence[i].age_us <= c->fleet->policy.report_stale_us) {
            d->evidence[d->evidence_count++] =
                (struct evidence_ref){.partition = c->fleet->idcs[i].partition,
                                      .offset = evidence[i].offset,
                                      .age_us = evidence[i].age_us};
        }
    }
}

/* The incidents of the decision go the way of its plan: what was mitigated is not, and recovers. */
static void take_back(const struct control *c, struct decide *d)
{
    for (uint32_t i = 0; i < c->incident_count; i++) {
        if (c->incidents[i].changed_offset != (uint64_t)c->unconfirmed) {
            continue;
        }
        struct incident n = c->incidents[i];
        if (n.state == INCIDENT_RECOVERING) {
            n.state = INCIDENT_MITIGATED;
        } else if (n.state == INCIDENT_MITIGATED) {
            n.state = INCIDENT_RECOVERING;
        } else {
            n.state = INCIDENT_CLOSED;
        }
        d->incidents[d->incident_count++] = n;
    }
}

int confirm(const struct control *c, const struct evidence *evidence, const struct diagnosis *d,
            struct logtime now, struct arena *a, struct decide *ret_decide)
{
    struct decide out;
    memset(&out, 0, sizeof out);
    enum word word = weigh_all(c, d);
    bool frozen = word != WORD_STANDS && control_frozen(c); /* nobody acts on it: traffic stays */
    if (frozen || (word == WORD_WAITS && !waited_enough(c, now))) {
        *ret_decide = out;
        return OK;
    }
    uint32_t bound = record_max_changes(c->fleet);
    out.changes = ARENA_NEW(a, struct change, bound);
    out.incidents = ARENA_NEW(a, struct incident, INCIDENT_MAX);
    out.evidence = ARENA_NEW(a, struct evidence_ref, c->fleet->idc_count);
    if (out.changes == NULL || out.incidents == NULL || out.evidence == NULL) {
        return ERR_FULL;
    }
    out.purpose = DECIDE_CONFIRM;
    out.generation = c->plan.fence.generation;
    out.plan_digest = c->plan.fence.digest;
    out.concerns = (uint64_t)c->unconfirmed;
    cite(c, evidence, &out);
    bool known = c->previous.fence.generation + 1 == c->plan.fence.generation;
    if (word != WORD_STANDS && known) {
        int changes = plan_diff(&c->plan, &c->previous, out.changes, bound);
        if (changes < 0) {
            return changes;
        }
        out.purpose = DECIDE_REVERT;
        out.change_count = (uint32_t)changes;
        out.generation++;
        out.plan_digest = c->previous.fence.digest;
        take_back(c, &out);
    }
    *ret_decide = out;
    return OK;
}
