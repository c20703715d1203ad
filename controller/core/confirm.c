/* confirm.c: weighing a decision that nobody acted upon against what is seen now. */
#include "core/confirm.h"

#include "fold/fold.h"

#include <string.h>

enum word { WORD_STANDS, WORD_WAITS, WORD_FALLS };

static uint32_t change_bound(const struct fleet *f)
{
    uint32_t n = (uint32_t)f->service_count * f->view_count +
                 (uint32_t)f->idc_count * f->idc_count + 2 * (uint32_t)f->link_count +
                 (uint32_t)f->region_count * f->service_count;
    return n < RECORD_MAX_CHANGES ? n : RECORD_MAX_CHANGES;
}

size_t confirm_arena_size(const struct fleet *f)
{
    return change_bound(f) * sizeof(struct change) + INCIDENT_MAX * sizeof(struct incident) +
           f->idc_count * sizeof(struct evidence_ref) + 3 * 16;
}

/* What is seen of the subject now; HEALTH_UNKNOWN for kinds that have no verdict of their own. */
static enum health seen(const struct control *c, const struct diagnosis *d, const struct subject *s)
{
    const struct fleet *f = c->fleet;
    switch (s->kind) {
    case SUBJECT_LINK: return s->a < f->link_count ? d->links[s->a].health : HEALTH_UNKNOWN;
    case SUBJECT_IDC: return s->a < f->idc_count ? d->idcs[s->a].health : HEALTH_UNKNOWN;
    case SUBJECT_OBSERVER: return s->a < f->idc_count ? d->observers[s->a].health : HEALTH_UNKNOWN;
    case SUBJECT_SERVICE:
        return s->a < f->service_count && s->b < f->idc_count
                   ? d->services[(uint32_t)s->a * f->idc_count + s->b].health
                   : HEALTH_UNKNOWN;
    case SUBJECT_CONDUIT:
    case SUBJECT_CARRIER:
    case SUBJECT_REGION:
    case SUBJECT_ENTRANCE:
    case SUBJECT_FEATURES:
    case SUBJECT_CARRIER_AT:
    case SUBJECT_PATH:
    case SUBJECT_BACKBONE: return HEALTH_UNKNOWN;
    }
    return HEALTH_UNKNOWN;
}

/* Incidents for which plans move something. The others (an overload, a blind observer, an isolated
 * IDC, a mere suspicion) may ride in the same record and prove nothing about its plan. */
static bool moves_plans(const struct incident *n)
{
    bool kind = n->kind == INCIDENT_IDC_OUTAGE || n->kind == INCIDENT_GRAY_FAILURE ||
                n->kind == INCIDENT_LINK_CUT;
    return kind && n->state != INCIDENT_SUSPECTED;
}

/* Does what the decision held of this incident still hold? */
static enum word weigh(const struct control *c, const struct diagnosis *d, const struct incident *n)
{
    enum health now = seen(c, d, &n->subject);
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
    uint32_t bound = change_bound(c->fleet);
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
