/* fold.c: which records count (PROTOCOL.md, "The log"), and what the small ones do. */
#include "base/bug.h"
#include "fold/fold_internal.h"

#include <string.h>

uint16_t fold_replica(const struct fleet *f, uint16_t partition)
{
    for (uint16_t i = 0; i < f->idc_count; i++) {
        if (f->idcs[i].partition == partition) {
            return i;
        }
    }
    return FLEET_NONE;
}

static bool same_log(const struct log_id *a, const struct log_id *b)
{
    return memcmp(a->bytes, b->bytes, sizeof a->bytes) == 0;
}

static bool is_leader(const struct control *c, const struct record *r)
{
    return c->epoch > 0 && r->epoch == c->epoch && r->writer.replica == c->leader.replica &&
           r->writer.incarnation == c->leader.incarnation;
}

/* Only the leader's records move log time, and never back. */
static void advance_time(struct control *c, const struct record *r)
{
    if (r->log_time.us > c->log_time.us) {
        c->log_time = r->log_time;
        orders_expire(c);
    }
}

/* --- CLAIM ------------------------------------------------------------------------------------ */

/* The plan came from a DECIDE, and no actuator was ever brought to it. What a person gave, with a
 * GENESIS or a new fleet, needs no confirmation. */
bool plan_without_step(const struct control *c)
{
    bool step = c->plan_purpose == DECIDE_NOTE;
    for (uint16_t i = 0; i < c->fleet->dns_server_count; i++) {
        step = step || c->dns[i].generation >= c->plan.fence.generation;
    }
    for (uint16_t i = 0; i < c->fleet->idc_count; i++) {
        step = step || c->routes[i].generation >= c->plan.fence.generation ||
               c->features[i].generation >= c->plan.fence.generation;
    }
    return !step;
}

static enum fold_void claim(struct control *c, const struct record *r, uint16_t idc, int64_t offset)
{
    if (!c->fleet->idcs[idc].candidate) {
        return FOLD_NOT_CANDIDATE;
    }
    if (r->claim.ends_epoch != c->epoch || r->epoch != c->epoch + 1) {
        return FOLD_LATE_CLAIM;
    }
    if (r->claim.names != c->leader_newest && !c->leader_yields && !BUG(CLAIM_CHECK)) {
        return FOLD_LATE_CLAIM;
    }
    advance_time(c, r);
    c->epoch = r->epoch;
    c->leader = r->writer;
    c->leader_newest = offset;
    c->leader_yields = false;
    c->epoch_began = c->log_time;
    c->decisive = offset;
    if (plan_without_step(c)) {
        c->unconfirmed = c->plan_offset;
    }
    return FOLD_ACCEPTED;
}

/* --- HEARTBEAT, DECIDE, SNAPSHOT, RULES ---------------------------------------------------------
 */

uint32_t fold_rules_common(const struct control *c)
{
    uint32_t common = UINT32_MAX, highest = 0;
    for (uint16_t i = 0; i < c->fleet->idc_count; i++) {
        uint32_t version = c->fleet->idcs[i].candidate ? c->alive[i].version : UINT32_MAX;
        common = version < common ? version : common;
        highest = version > highest && version != UINT32_MAX ? version : highest;
    }
    return BUG(RULES_EARLY) ? highest : common;
}

static enum fold_void leader_word_void(const struct control *c, const struct record *r)
{
    if (!is_leader(c, r)) {
        return FOLD_NOT_LEADER;
    }
    if (r->writer.sequence <= c->leader.sequence) {
        return FOLD_DUPLICATE;
    }
    if (r->kind == RECORD_DECIDE && c->decisive > r->base && !BUG(BASE_CHECK)) {
        return FOLD_OVERTAKEN;
    }
    if (r->kind == RECORD_RULES &&
        (r->rules.version <= c->rules || r->rules.version > fold_rules_common(c))) {
        return FOLD_REQUEST_REFUSED;
    }
    return FOLD_ACCEPTED;
}

uint32_t fold_rules_raised(const struct control *c, const struct record *r)
{
    bool counts = r->kind == RECORD_RULES && c->fleet != NULL && same_log(&r->log_id, &c->log_id) &&
                  leader_word_void(c, r) == FOLD_ACCEPTED;
    return counts ? r->rules.version : 0;
}

static int leader_word(struct control *c, const struct record *r, int64_t offset,
                       enum fold_void *ret_void)
{
    enum fold_void why = leader_word_void(c, r);
    if (why != FOLD_ACCEPTED) {
        *ret_void = why;
        return OK;
    }
    if (r->kind == RECORD_DECIDE) {
        int status = fold_decide(c, r, offset);
        if (status != OK) {
            return status;
        }
    } else if (r->kind == RECORD_RULES) {
        if (r->rules.version > FOLD_RULES_NEWEST) {
            return ERR_VERSION;
        }
        c->rules = r->rules.version;
        c->decisive = offset;
    } else if (r->kind == RECORD_HEARTBEAT) {
        c->leader_yields = r->heartbeat.yield;
    } else {
        c->snapshot = offset;
    }
    /* A record that its writer made before it had read the plan says nothing about it: on the
     * return of a bus, a late decision and the heartbeat that gave it up may come one behind the
     * other. */
    c->plan_followed = c->plan_offset != offset && (c->plan_followed || r->base >= c->plan_offset);
    advance_time(c, r);
    c->leader.sequence = r->writer.sequence;
    c->leader_newest = offset;
    *ret_void = FOLD_ACCEPTED;
    return OK;
}

/* --- STEP ---------------------------------------------------------------------------------------
 */

static struct actuation_state *actuation_of(struct control *c, const struct step *s, uint16_t idc)
{
    switch (s->actuator) {
    case ACTUATOR_DNS: return s->target < c->fleet->dns_server_count ? &c->dns[s->target] : NULL;
    case ACTUATOR_ROUTES: return s->target == idc ? &c->routes[idc] : NULL;
    case ACTUATOR_FEATURES: return s->target == idc ? &c->features[idc] : NULL;
    case ACTUATOR_INJECT: return NULL;
    }
    return NULL;
}

static bool outcome(struct control *c, const struct step *s, uint16_t idc)
{
    struct actuation_state *a = actuation_of(c, s, idc);
    if (a == NULL || s->fence.era != c->era || !same_log(&s->fence.log_id, &c->log_id) ||
        s->fence.generation > c->plan.fence.generation) {
        return false;
    }
    if (s->status == OK && s->fence.generation > a->generation) {
        a->generation = s->fence.generation;
    }
    if (s->fence.generation >= a->status_generation) {
        a->status = s->status;
        a->status_generation = s->fence.generation;
        a->at = c->log_time;
    }
    return true;
}

static bool link_down(struct control *c, const struct step *s, uint16_t idc)
{
    if (s->link >= c->fleet->link_count || s->end > 1 ||
        c->fleet->links[s->link].end[s->end].idc != idc) {
        return false;
    }
    uint32_t at = (uint32_t)s->link * 2 + s->end;
    if (s->down_number > c->link_downs[at]) {
        c->link_downs[at] = s->down_number;
        c->link_down_at[at] = c->log_time;
    }
    return true;
}

static bool alive(struct control *c, const struct step *s, uint16_t idc, int64_t offset)
{
    struct alive_state *a = &c->alive[idc];
    if (s->alive_base >= offset || s->version == 0) {
        return false;
    }
    if (a->version == 0 || s->alive_base >= a->base) {
        *a = (struct alive_state){.version = s->version,
                                  .base = s->alive_base,
                                  .control = s->control,
                                  .warm = s->warm,
                                  .halted = s->halted,
                                  .at = c->log_time};
    }
    return true;
}

static enum fold_void step(struct control *c, const struct record *r, uint16_t idc, int64_t offset)
{
    bool known = false, old = r->base < c->fleet_offset; /* its indices are another fleet's */
    if (old && (r->step.kind == STEP_OUTCOME || r->step.kind == STEP_LINK_DOWN)) {
        return FOLD_OVERTAKEN;
    }
    switch (r->step.kind) {
    case STEP_OUTCOME: known = outcome(c, &r->step, idc); break;
    case STEP_LINK_DOWN: known = link_down(c, &r->step, idc); break;
    case STEP_ALIVE: known = alive(c, &r->step, idc, offset); break;
    case STEP_INJECTION: known = drill_injection(c, &r->step, idc); break;
    }
    return known ? FOLD_ACCEPTED : FOLD_REQUEST_REFUSED;
}

/* --- All ----------------------------------------------------------------------------------------
 */

/* Sequences of those kinds that any replica may write; the leader's own words are counted in
 * c->leader, so that a STEP beside a DECIDE in flight does not make the DECIDE old. */
static bool seen_before(struct writer_state *w, const struct writer *from)
{
    if (w->incarnation == from->incarnation && from->sequence <= w->sequence) {
        return true;
    }
    w->incarnation = from->incarnation;
    w->sequence = from->sequence;
    return false;
}

static int apply(struct control *c, struct arena *arena, const struct record *r, int64_t offset,
                 enum fold_void *ret_void)
{
    bool first = offset == 0;
    if (first != (r->kind == RECORD_GENESIS)) {
        *ret_void = FOLD_NOT_FIRST;
        return OK;
    }
    if (first) {
        int status = fold_genesis(c, arena, r);
        if (status == OK) {
            *ret_void = FOLD_ACCEPTED;
        }
        return status;
    }
    if (c->fleet == NULL || !same_log(&r->log_id, &c->log_id)) {
        *ret_void = FOLD_FOREIGN_LOG;
        return OK;
    }
    uint16_t idc = fold_replica(c->fleet, r->writer.replica);
    if (idc == FLEET_NONE) {
        *ret_void = FOLD_UNKNOWN_REPLICA;
        return OK;
    }
    struct writer_state before = c->writers[idc];
    bool again = (r->kind == RECORD_OPERATOR || r->kind == RECORD_STEP) &&
                 seen_before(&c->writers[idc], &r->writer);
    enum fold_void why = FOLD_DUPLICATE;
    switch (r->kind) {
    case RECORD_CLAIM: why = claim(c, r, idc, offset); break;
    case RECORD_HEARTBEAT:
    case RECORD_DECIDE:
    case RECORD_SNAPSHOT:
    case RECORD_RULES: return leader_word(c, r, offset, ret_void);
    case RECORD_OPERATOR:
        if (!again) {
            int status = fold_operator(c, arena, r, idc, offset, ret_void);
            if (status != OK) {
                c->writers[idc] = before; /* it was not folded */
            }
            return status;
        }
        break;
    case RECORD_STEP: why = again ? why : step(c, r, idc, offset); break;
    case RECORD_GENESIS: why = FOLD_NOT_FIRST; break;
    }
    *ret_void = why;
    return OK;
}

int fold_apply(struct control *c, struct arena *arena, const struct record *r, int64_t offset,
               enum fold_void *ret_void)
{
    if (offset <= c->applied) {
        return ERR_INVALID;
    }
    int status = apply(c, arena, r, offset, ret_void);
    if (status == OK) {
        c->applied = offset;
    }
    return status;
}

void fold_skip(struct control *c, int64_t offset)
{
    c->applied = offset > c->applied ? offset : c->applied;
}

const char *fold_void_name(enum fold_void v)
{
    switch (v) {
    case FOLD_ACCEPTED: return "accepted";
    case FOLD_DUPLICATE: return "duplicate";
    case FOLD_FOREIGN_LOG: return "foreign-log";
    case FOLD_NOT_FIRST: return "not-first";
    case FOLD_LATE_CLAIM: return "late-claim";
    case FOLD_NOT_CANDIDATE: return "not-candidate";
    case FOLD_NOT_LEADER: return "not-leader";
    case FOLD_OVERTAKEN: return "overtaken";
    case FOLD_REQUEST_SEEN: return "request-seen";
    case FOLD_REQUEST_LATE: return "request-late";
    case FOLD_REQUEST_FLOOD: return "request-flood";
    case FOLD_REQUEST_REFUSED: return "request-refused";
    case FOLD_UNKNOWN_REPLICA: return "unknown-replica";
    case FOLD_SKIPPED: return "skipped";
    case FOLD_VERSION: return "version";
    case FOLD_REQUEST_FULL: return "request-full";
    case FOLD_REQUEST_EXISTS: return "request-exists";
    case FOLD_REQUEST_CORE: return "request-core";
    case FOLD_REQUEST_OVERTAKEN: return "request-overtaken";
    case FOLD_REQUEST_IN_USE: return "request-in-use";
    case FOLD_REQUEST_BUSY: return "request-busy";
    }
    return "?";
}
