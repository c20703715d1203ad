/* act.c: bringing DNS servers, this IDC's routes and its features to the plan that is acted upon.
 */
#include "core/act.h"

#include "base/bug.h"

#include <string.h>

#define RETRY_FIRST_US (100 * US_PER_MS)
#define RETRY_MOST_US  (10 * US_PER_SEC)
#define VERIFY_US      (30 * US_PER_SEC) /* between two looks at what should be there already */
#define OUTCOME_US     (60 * US_PER_SEC) /* an effect without an outcome by then has failed */

size_t act_arena_size(const struct fleet *f)
{
    return sizeof(struct job) * f->dns_server_count + routes_arena_size(f) + f->idc_count +
           sizeof(struct change) * f->service_count * f->view_count + 4 * 16;
}

int act_new(const struct fleet *f, struct arena *a, struct act *ret_a)
{
    struct act act;
    memset(&act, 0, sizeof act);
    act.dns = ARENA_NEW(a, struct job, f->dns_server_count);
    act.receivers = ARENA_NEW(a, bool, f->idc_count);
    act.diff = ARENA_NEW(a, struct change, (size_t)f->service_count * f->view_count);
    int status = routes_new(f, a, &act.routes);
    if (status != OK || act.dns == NULL || act.receivers == NULL || act.diff == NULL) {
        return ERR_FULL;
    }
    *ret_a = act;
    return OK;
}

bool act_lags(const struct act *a, const struct control *c)
{
    return fence_compare(&a->plan, &c->plan.fence) != FENCE_EQUAL;
}

/* --- A new plan --------------------------------------------------------------------------------
 */

/* The IDC gets traffic of the service by this plan. */
static bool receives(const struct control *c, uint16_t service, uint16_t idc)
{
    const struct plan *p = &c->plan;
    for (uint16_t v = 0; v < p->view_count; v++) {
        const struct answer *a = plan_answer(p, service, v);
        for (uint8_t i = 0; i < a->count; i++) {
            uint16_t e = a->slots[i].entrance;
            if (e != FLEET_NONE && c->fleet->entrances[e].idc == idc) {
                return true;
            }
        }
    }
    return false;
}

/* Those whose features are demoted by this change and that will get the traffic. */
static bool add_receivers(struct act *a, const struct control *c, const struct change *ch)
{
    bool any = false;
    for (uint16_t i = 0; i < c->fleet->idc_count; i++) {
        if (c->fleet->idcs[i].region == ch->a && receives(c, ch->b, i)) {
            a->receivers[i] = any = true;
        }
    }
    return any;
}

void act_decided(struct act *a, const struct control *c, const struct decide *d, struct mono now)
{
    bool demotes = false;
    a->diff_count = 0;
    a->diff_from = c->previous.fence;
    a->diff_to = c->plan.fence;
    if (!a->waits) {
        memset(a->receivers, 0, c->fleet->idc_count);
    }
    for (uint32_t i = 0; i < d->change_count; i++) {
        const struct change *ch = &d->changes[i];
        if (ch->kind == CHANGE_ANSWER) {
            a->diff[a->diff_count++] = *ch; /* fits: plan_apply() takes each answer once at most */
        } else if (ch->kind == CHANGE_TIER && ch->tier.to < ch->tier.from) {
            demotes = add_receivers(a, c, ch) || demotes;
        }
    }
    struct mono push_at = mono_add(now, c->fleet->policy.rescue_bound_us);
    if (demotes) {
        /* A push that waits already is not put off by the next decision. */
        a->push_at = a->waits ? mono_least(a->push_at, push_at) : push_at;
        a->waits = true;
    }
}

void act_adopt(struct act *a, const struct control *c, uint16_t me, struct mono now)
{
    a->plan = c->plan.fence;
    a->since = now;
    if (me != FLEET_NONE) {
        routes_plan(&a->routes, c->fleet, &c->plan, me);
    }
}

void act_current(struct act *a)
{
    a->routes.changed = a->routes.changed || !a->current;
    a->current = true;
}

/* --- Outcomes ----------------------------------------------------------------------------------
 */

struct job *act_job(struct act *a, const struct control *c, enum actuator actuator, uint16_t target,
                    uint16_t me)
{
    switch (actuator) {
    case ACTUATOR_DNS: return target < c->fleet->dns_server_count ? &a->dns[target] : NULL;
    case ACTUATOR_ROUTES: return target == me ? &a->routing : NULL;
    case ACTUATOR_FEATURES: return target == me ? &a->features : NULL;
    case ACTUATOR_INJECT: return NULL; /* no part of the plan */
    }
    return NULL;
}

static const struct actuation_state *folded(const struct control *c, enum actuator actuator,
                                            uint16_t target)
{
    switch (actuator) {
    case ACTUATOR_DNS: return &c->dns[target];
    case ACTUATOR_ROUTES: return &c->routes[target];
    case ACTUATOR_FEATURES: return &c->features[target];
    case ACTUATOR_INJECT: break;
    }
    return NULL;
}

static int64_t backoff_us(uint32_t failures)
{
    int64_t us = BUG(NO_BACKOFF) ? 0 : RETRY_FIRST_US;
    for (uint32_t i = 1; i < failures && us < RETRY_MOST_US; i++) {
        us *= 2;
    }
    return us < RETRY_MOST_US ? us : RETRY_MOST_US;
}

static void failed(struct job *j, int status, struct mono now)
{
    j->failures++;
    j->retry_at = mono_add(now, status == ERR_HELD ? RETRY_MOST_US : backoff_us(j->failures));
}

void act_outcome(struct act *a, struct out *o, const struct outcome *outcome)
{
    struct job *j = act_job(a, o->control, outcome->actuator, outcome->target, o->me);
    if (j == NULL || !j->busy || fence_compare(&outcome->fence, &j->trying) != FENCE_EQUAL) {
        return; /* none of ours, or of one that was given up */
    }
    j->busy = false;
    bool found = outcome->found.era != 0;
    if (outcome->status == OK) {
        j->at = outcome->fence;
        j->failures = 0;
        j->retry_at = o->now;
        j->verify_at = mono_add(o->now, VERIFY_US);
    } else {
        if (found) {
            j->at = outcome->found;
        }
        failed(j, outcome->status, o->now);
    }
    if (found && fence_compare(&outcome->found, &a->plan) == FENCE_SPLIT) {
        out_notice(o, NOTICE_FENCE_SPLIT, -1, outcome->status, outcome->target);
    }
    if (outcome->status == ERR_HELD) {
        out_notice(o, NOTICE_HELD, -1, ERR_HELD, outcome->target);
    }
    /* A newer fence that won is no news: whoever wrote it tells. */
    const struct actuation_state *s = folded(o->control, outcome->actuator, outcome->target);
    bool known = s->status_generation == outcome->fence.generation && s->status == outcome->status;
    j->untold = outcome->status != ERR_STALE && !known;
    j->told = outcome->fence;
    j->status = outcome->status;
    j->told_at = (struct mono){INT64_MIN / 2};
}

/* --- Pushing -----------------------------------------------------------------------------------
 */

/* reached: it is known from elsewhere that the plan is there. more: there is something to do
 * although the fence is right. */
static bool job_due(struct job *j, struct out *o, const struct fence *want, bool reached, bool more)
{
    if (j->busy) {
        struct mono lost = mono_add(j->since, OUTCOME_US);
        if (!is_due(lost, o->now)) {
            out_wake(o, lost);
            return false;
        }
        j->busy = false;
        failed(j, ERR_TIMEOUT, o->now);
    }
    enum fence_order order = fence_compare(&j->at, want);
    if (j->at.generation != 0 && order == FENCE_NEWER) {
        return false; /* we are behind; our plan will come through the log */
    }
    struct mono at = j->retry_at;
    if (!more && (order == FENCE_EQUAL || reached) && j->failures == 0) {
        at = j->verify_at;
    }
    if (!is_due(at, o->now)) {
        out_wake(o, at);
        return false;
    }
    return true;
}

static void job_start(struct job *j, struct out *o, const struct fence *want)
{
    j->busy = true;
    j->trying = *want;
    j->since = o->now;
    out_wake(o, mono_add(o->now, OUTCOME_US));
}

static void run_routes(struct act *a, struct out *o)
{
    if (!job_due(&a->routing, o, &a->plan, false, a->routes.changed)) {
        return;
    }
    struct effect *e = out_effect(o, EFFECT_ROUTES);
    if (e != NULL) {
        e->routes.fence = a->plan;
        e->routes.count = a->routes.want_count;
        e->routes.want = a->routes.want;
        e->routes.announced = a->current && !act_lags(a, o->control) ? a->routes.announced : NULL;
        a->routes.changed = false;
        job_start(&a->routing, o, &a->plan);
    }
}

static void run_features(struct act *a, struct out *o)
{
    if (!job_due(&a->features, o, &a->plan, false, false)) {
        return;
    }
    struct effect *e = out_effect(o, EFFECT_FEATURES);
    if (e != NULL) {
        e->features.fence = a->plan;
        job_start(&a->features, o, &a->plan);
    }
}

/* Law 6: true while the push still waits for a receiver's demotion. */
static bool rescue_waits(struct act *a, struct out *o)
{
    bool ready = true;
    for (uint16_t i = 0; a->waits && i < o->control->fleet->idc_count; i++) {
        uint64_t there = o->control->features[i].generation;
        if (i == o->me && a->features.at.generation > there) {
            there = a->features.at.generation;
        }
        ready = ready && (!a->receivers[i] || there >= a->plan.generation);
    }
    bool over = is_due(a->push_at, o->now) && !BUG(RESCUE_WAITS);
    if (a->waits && (ready || over || BUG(RESCUE_FIRST))) {
        a->waits = false;
    }
    if (a->waits) {
        out_wake(o, a->push_at);
    }
    return a->waits;
}

/* A replica helps its own IDC's server when the leader does not reach it. */
static bool may_push(const struct act *a, struct out *o, uint16_t server, bool leads, bool reached)
{
    if (leads) {
        return true;
    }
    struct mono lagging = mono_add(a->since, 2 * out_lease_us(o));
    if (reached || o->control->fleet->dns_servers[server].idc != o->me) {
        return false;
    }
    if (!is_due(lagging, o->now)) {
        out_wake(o, lagging);
        return false;
    }
    return true;
}

static void run_dns(struct act *a, struct out *o, uint16_t server, bool leads)
{
    struct job *j = &a->dns[server];
    bool reached = o->control->dns[server].generation >= a->plan.generation;
    if (!may_push(a, o, server, leads, reached) || !job_due(j, o, &a->plan, reached, false)) {
        return;
    }
    struct effect *e = out_effect(o, EFFECT_DNS);
    if (e == NULL) {
        return;
    }
    e->dns.server = server;
    e->dns.may_create = leads;
    /* Only to get there: a look at what is there already looks at the whole plan. */
    if (a->diff_from.generation != 0 && fence_compare(&a->diff_to, &a->plan) == FENCE_EQUAL &&
        fence_compare(&j->at, &a->plan) != FENCE_EQUAL) {
        e->dns.predecessor = a->diff_from;
        e->dns.changes = a->diff;
        e->dns.change_count = a->diff_count;
    }
    job_start(j, o, &a->plan);
}

void act_run(struct act *a, struct out *o, bool leads)
{
    if (a->plan.generation == 0 || o->me == FLEET_NONE) {
        return;
    }
    run_routes(a, o);
    if (act_lags(a, o->control)) {
        return; /* the control state holds a plan that is not to be acted upon yet */
    }
    run_features(a, o);
    if (!rescue_waits(a, o)) {
        for (uint16_t i = 0; i < o->control->fleet->dns_server_count; i++) {
            run_dns(a, o, i, leads);
        }
    }
}
