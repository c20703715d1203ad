/* node.c: a daemon around a replica, as spillwayd is: steps, one commit per wake, then the effects.
 */
#include "sim.h"
#include "wire/record.h"

#include <stdlib.h>
#include <string.h>

bool node_is_running(const struct sim *s, uint16_t i)
{
    const struct node *n = &s->nodes[i];
    return n->up && !s->idc_dead[i] && n->paused_until_us <= s->now_us;
}

static void drop_pending(struct node *n)
{
    for (uint32_t i = 0; i < n->pending.count; i++) {
        free(n->pending.bytes[i]);
        n->pending.bytes[i] = NULL;
    }
    n->pending.count = 0;
}

/* Effects borrow from the replica until its next step, so what they need is copied at once. */
static void keep_effect(struct sim *s, struct node *n, const struct effect *e)
{
    uint32_t at = n->pending.count;
    const struct control *c = replica_control(n->replica);
    if (at == sizeof n->pending.at / sizeof n->pending.at[0]) {
        sim_fail(s, "too many effects before a commit");
        return;
    }
    n->pending.at[at] = *e;
    n->pending.bytes[at] = NULL;
    n->pending.count++;
    if (e->kind == EFFECT_APPEND) {
        oracle_writes(s, (uint16_t)(n - s->nodes), &e->append);
        size_t size = record_size_bound(c->fleet);
        n->pending.bytes[at] = sim_alloc(size, 1);
        int status = record_encode(&e->append, n->pending.bytes[at], size, &n->pending.size[at]);
        if (status != OK) {
            sim_fail(s, "a %s cannot be encoded: %d", record_kind_name(e->append.kind), status);
        }
    } else if (e->kind == EFFECT_DNS) {
        struct job *j = &n->pending.jobs[e->dns.server];
        memset(j, 0, sizeof *j);
        j->fence = c->plan.fence;
        j->predecessor = e->dns.predecessor;
        j->change_count = e->dns.change_count;
        if (j->change_count > 0) {
            memcpy(j->changes, e->dns.changes, j->change_count * sizeof j->changes[0]);
        }
        j->services = c->plan.service_count;
        j->views = c->plan.view_count;
        memcpy(j->answers, c->plan.answers,
               (size_t)c->plan.service_count * c->plan.view_count * sizeof j->answers[0]);
    } else if (e->kind == EFFECT_ROUTES) {
        struct job *j = &n->pending.jobs[SIM_MAX_SERVERS];
        memset(j, 0, sizeof *j);
        j->fence = e->routes.fence;
        j->routes.count = e->routes.count;
        memcpy(j->routes.want, e->routes.want, e->routes.count * sizeof j->routes.want[0]);
    } else if (e->kind == EFFECT_INJECT) {
        n->pending.injection = script_injection(s, e);
    }
}

static void step(struct sim *s, uint16_t i, struct event *e)
{
    static struct effect effects[REPLICA_MAX_EFFECTS];
    struct node *n = &s->nodes[i];
    e->now.us = s->now_us + (int64_t)i * 1000 * US_PER_SEC; /* each machine has its own clock */
    int count = replica_step(n->replica, e, effects, REPLICA_MAX_EFFECTS);
    if (count < 0) {
        sim_fail(s, "node %u: replica_step says %d", i, count);
        return;
    }
    for (int k = 0; k < count; k++) {
        oracle_effect(s, i, &effects[k]);
        keep_effect(s, n, &effects[k]);
    }
}

/* What the disk holds matters only to the next life, so it is written when this one ends. */
static void write_disk(struct node *n)
{
    const struct control *c = replica_control(n->replica);
    if (c->fleet == NULL || replica_unproven(n->replica)) {
        return;
    }
    size_t size = control_encoded_size(c);
    uint8_t *bytes = sim_alloc(size, 1);
    struct control copy = *c;
    struct codec w = codec_writer(bytes, size);
    control_codec(&w, &copy);
    free(n->disk.control);
    n->disk.control = bytes;
    n->disk.size = size;
}

static void commit(struct sim *s, uint16_t i)
{
    struct node *n = &s->nodes[i];
    const struct control *c = replica_control(n->replica);
    if (c->fleet == NULL || c->applied == n->disk.applied) {
        return;
    }
    if (replica_unproven(n->replica)) {
        oracle_commit(s, i, c); /* it must be equal all the same */
        return;
    }
    if (BUG(ACT_FIRST)) {
        write_disk(n);
    }
    n->disk.applied = c->applied;
    oracle_commit(s, i, c);
}

/* Before the steps of a tick: whether their commit will be reached. */
static void draw_doom(struct sim *s, uint16_t i)
{
    struct node *n = &s->nodes[i];
    n->doomed = n->disk_full || (s->swarm.crashes && !s->healed && rng_chance(&s->rng, 20));
    if (n->doomed && !BUG(ACT_FIRST)) {
        write_disk(n);
    }
}

/* NULL: the trace says it elsewhere. */
static const char *notice_text(enum notice n)
{
    switch (n) {
    case NOTICE_HALTED: return "halts";
    case NOTICE_RESUMED: return "acts again";
    case NOTICE_CLAIMED: return "claims";
    case NOTICE_LEADING: return "leads";
    case NOTICE_LOST_LEAD: return "leads no more";
    case NOTICE_VOID_DECISION: return "decided in vain";
    case NOTICE_UNDECIDED: return "cannot decide";
    case NOTICE_FENCE_SPLIT: return "finds a split fence";
    case NOTICE_HELD: return "finds a hold";
    case NOTICE_BUS_LOST: return "cannot read the log";
    case NOTICE_BUS_BACK: return "reads the log again";
    case NOTICE_SNAPSHOT: return "has verified a snapshot";
    case NOTICE_SNAPSHOT_DIFFERS: return "finds a snapshot that is not its own state";
    case NOTICE_DECIDED:
    case NOTICE_INCIDENT:
    case NOTICE_REPORT_DROPPED: return NULL;
    }
    return NULL;
}

static void carry_out_one(struct sim *s, uint16_t i, uint32_t k)
{
    struct node *n = &s->nodes[i];
    struct effect *e = &n->pending.at[k];
    struct job *j = NULL;
    switch (e->kind) {
    case EFFECT_APPEND:
        if (!n->bus_away) {
            bus_append(s, e->append.kind, n->pending.bytes[k], n->pending.size[k]);
            n->pending.bytes[k] = NULL;
        }
        return;
    case EFFECT_DNS:
        j = &n->dns[e->dns.server];
        *j = n->pending.jobs[e->dns.server];
        break;
    case EFFECT_ROUTES:
        j = &n->routes;
        *j = n->pending.jobs[SIM_MAX_SERVERS];
        break;
    case EFFECT_FEATURES:
        j = &n->features;
        memset(j, 0, sizeof *j);
        j->fence = e->features.fence;
        break;
    case EFFECT_INJECT: script_inject(s, i, &n->pending.injection); return;
    case EFFECT_NOTICE:
        if (e->notice.notice == NOTICE_SNAPSHOT_DIFFERS) {
            sim_fail(s, "law 10: the snapshot at record %lld is not node %u's state",
                     (long long)e->notice.offset, i);
        }
        if (e->notice.notice == NOTICE_HALTED) {
            sim_fail(s, "node %u halted at %lld: %d", i, (long long)e->notice.offset,
                     e->notice.status);
        }
        if (notice_text(e->notice.notice) != NULL) {
            sim_trace(s, "node %u %s at record %lld", i, notice_text(e->notice.notice),
                      (long long)e->notice.offset);
        }
        return;
    case EFFECT_REPLY:
        s->script.replied = true;
        s->script.reply = e->reply.status;
        return;
    case EFFECT_REREAD: return;
    }
    j->busy = true;
    j->phase = 0;
    j->next_us = s->now_us + 500 + (int64_t)rng_below(&s->rng, 3000);
}

/* Law 3: what the steps asked for happens after the commit; a crash may come between any two. */
static void flush(struct sim *s, uint16_t i)
{
    struct node *n = &s->nodes[i];
    bool unlucky = s->swarm.crashes && !s->healed;
    if (n->doomed) {
        node_crash(s, i);
        return;
    }
    if (!BUG(ACT_FIRST)) {
        commit(s, i);
    }
    for (uint32_t k = 0; k < n->pending.count && s->failure[0] == '\0'; k++) {
        if (unlucky && rng_chance(&s->rng, 40)) {
            node_crash(s, i);
            return;
        }
        carry_out_one(s, i, k);
    }
    drop_pending(n);
    if (BUG(ACT_FIRST) && s->now_us % (20 * SIM_TICK_US) == 0) {
        commit(s, i);
    }
}

static void tell_edges(struct sim *s, uint16_t i)
{
    for (uint16_t l = 0; l < s->fleet->link_count; l++) {
        int end = link_end_at(&s->fleet->links[l], i);
        bool down = false;
        for (uint32_t t = 0; t < s->probes[i].count; t++) {
            const struct target *at = &s->probes[i].targets[t];
            down = down ||
                   (at->kind == TARGET_LINK && at->a == l && s->probes[i].said[t] == HEALTH_DOWN);
        }
        if (end >= 0) {
            struct event e = {.kind = EVENT_LINK_EDGE};
            e.edge = (struct link_edge){l, (uint8_t)end, down, s->nodes[i].disk.downs[l]};
            step(s, i, &e);
        }
    }
}

void node_start(struct sim *s, uint16_t i)
{
    struct node *n = &s->nodes[i];
    size_t size = 3 * replica_size(s->first); /* for the fleet that follows, beside this one */
    struct control restored;
    struct replica_config config = {.replica = s->fleet->idcs[i].partition,
                                    .incarnation = rng_next(&s->rng) | 1,
                                    .seed = rng_next(&s->rng),
                                    .candidate = true,
                                    .version = n->upgraded ? FOLD_RULES_NEWEST : 1};
    n->memory = n->memory == NULL ? aligned_alloc(16, (size + 15) / 16 * 16) : n->memory;
    size_t most = snapshot_arena_size(s->fleet) + snapshot_arena_size(s->first);
    void *room = sim_alloc(1, most);
    struct arena a;
    arena_init(&a, room, most);
    control_init(&restored);
    if (n->disk.control != NULL) {
        struct codec r = codec_reader(n->disk.control, n->disk.size, &a);
        control_codec(&r, &restored);
        if (codec_finish(&r) != OK || control_broken(&restored) != NULL) {
            sim_fail(s, "node %u cannot read its journal", i);
        }
    }
    struct mono now = {s->now_us + (int64_t)i * 1000 * US_PER_SEC};
    config.unproven = n->disk.control == NULL && !n->from_start && snapshots_load(s, &a, &restored);
    n->from_start = false;
    bool has_state = n->disk.control != NULL || config.unproven;
    int64_t applied = config.unproven ? restored.applied : n->disk.applied;
    int status =
        replica_new(n->memory, size, &config, has_state ? &restored : NULL, now, &n->replica);
    free(room);
    if (status != OK) {
        sim_fail(s, "node %u: replica_new says %d", i, status);
        return;
    }
    n->fleet = replica_control(n->replica)->fleet_digest;
    n->up = true;
    n->lives++;
    n->read = applied + 1;
    memset(n->ended, 0, sizeof n->ended);
    n->told_away = n->doomed = false;
    n->told_end_us = 0;
    n->acting = 0;
    memset(n->push_failed, 0, sizeof n->push_failed);
    memset(n->dns, 0, sizeof n->dns);
    n->routes.busy = n->features.busy = false;
    if (has_state) {
        tell_edges(s, i); /* what it asks for happens with the first flush of this life */
    }
}

void node_crash(struct sim *s, uint16_t i)
{
    struct node *n = &s->nodes[i];
    sim_trace(s, "node %u crashes", i);
    if (!n->doomed && !BUG(ACT_FIRST)) {
        write_disk(n); /* between two ticks everything is committed */
    }
    if (snapshots_wipe(s)) {
        free(n->disk.control);
        n->disk.control = NULL;
        n->disk.applied = -1;
        sim_trace(s, "node %u loses its journal", i);
    }
    drop_pending(n);
    n->up = false;
    n->replica = NULL;
    n->back_at_us = s->now_us + 100 * US_PER_MS + (int64_t)rng_below(&s->rng, 4 * US_PER_SEC);
}

/* The daemon has read a new fleet: what was under way for the old one is given up, the report
 * partitions are read anew. */
static void equip(struct sim *s, uint16_t i)
{
    struct node *n = &s->nodes[i];
    static const struct digest none;
    if (digest_compare(&n->fleet, &none) != 0) {
        memset(n->dns, 0, sizeof n->dns);
        n->routes.busy = n->features.busy = false;
        memset(n->ended, 0, sizeof n->ended);
        sim_trace(s, "node %u has a new fleet", i);
    }
    n->fleet = replica_control(n->replica)->fleet_digest;
}

static void read_log(struct sim *s, uint16_t i)
{
    struct node *n = &s->nodes[i];
    bool knew = replica_control(n->replica)->fleet != NULL, news = n->read < s->log_end;
    for (int most = 1 + (int)rng_below(&s->rng, 20); most > 0 && n->read < s->log_end; most--) {
        struct record r;
        if (bus_decode(s, n->read, &r) != OK) {
            sim_fail(s, "node %u cannot decode record %lld", i, (long long)n->read);
            return;
        }
        struct event e = {.kind = EVENT_RECORD};
        e.record.record = &r;
        e.record.offset = n->read++;
        step(s, i, &e);
    }
    if (n->read == s->log_end && replica_unproven(n->replica)) {
        sim_trace(s, "node %u begins with the first record: nobody bears its snapshot out", i);
        n->from_start = true;
        drop_pending(n);
        node_start(s, i);
        return;
    }
    if (n->read == s->log_end && (news || s->now_us - n->told_end_us >= 100 * US_PER_MS)) {
        n->told_end_us = s->now_us;
        struct event e = {.kind = EVENT_LOG_END, .log_end = s->log_end};
        step(s, i, &e);
    }
    const struct control *c = replica_control(n->replica);
    if (c->fleet != NULL && (!knew || digest_compare(&n->fleet, &c->fleet_digest) != 0)) {
        equip(s, i);
        tell_edges(s, i);
    }
}

static void tell_bus(struct sim *s, uint16_t i)
{
    struct node *n = &s->nodes[i];
    if (n->bus_away == n->told_away) {
        return;
    }
    n->told_away = n->bus_away;
    for (uint16_t k = 0; k < s->fleet->idc_count && n->bus_away; k++) {
        struct event e = {.kind = EVENT_PARTITION_LOST, .partition = s->fleet->idcs[k].partition};
        step(s, i, &e);
        n->ended[k] = false;
    }
    n->told_end_us = 0;
    if (n->bus_away) {
        struct event e = {.kind = EVENT_LOG_LOST};
        step(s, i, &e);
    }
}

/* After a start or an absence: what is there, of which the newest matters, and then its end. */
static void read_partitions(struct sim *s, uint16_t i)
{
    struct node *n = &s->nodes[i];
    for (uint16_t k = 0; k < s->fleet->idc_count; k++) {
        if (n->ended[k] || replica_control(n->replica)->fleet == NULL) {
            continue;
        }
        const struct kept_report *kept = &s->newest[k];
        struct event e = {.kind = EVENT_REPORT};
        e.report.report = &kept->report;
        e.report.partition = s->fleet->idcs[k].partition;
        e.report.offset = s->probes[k].offset - 1;
        if (kept->report.sequence != 0) {
            step(s, i, &e);
        }
        e = (struct event){.kind = EVENT_PARTITION_END, .partition = s->fleet->idcs[k].partition};
        step(s, i, &e);
        n->ended[k] = true;
    }
}

void node_tick(struct sim *s, uint16_t i)
{
    struct node *n = &s->nodes[i];
    if (!n->up && n->back_at_us <= s->now_us && !s->idc_dead[i] && i < s->fleet->idc_count) {
        node_start(s, i);
    }
    if (n->bus_away && n->bus_back_us <= s->now_us) {
        n->bus_away = false;
    }
    if (!node_is_running(s, i) || s->failure[0] != '\0') {
        return;
    }
    draw_doom(s, i);
    tell_bus(s, i);
    if (!n->bus_away) {
        read_partitions(s, i);
        read_log(s, i);
    }
    struct event tick = {.kind = EVENT_TICK};
    if (replica_deadline(n->replica).us <= s->now_us + (int64_t)i * 1000 * US_PER_SEC) {
        step(s, i, &tick);
    }
    flush(s, i);
}

static void step_and_flush(struct sim *s, uint16_t i, struct event *e)
{
    if (node_is_running(s, i) && s->failure[0] == '\0') {
        draw_doom(s, i);
        step(s, i, e);
        flush(s, i);
    }
}

void node_report(struct sim *s, uint16_t i, uint16_t from, const struct report *r, int64_t offset)
{
    struct event e = {.kind = EVENT_REPORT};
    if (from >= s->fleet->idc_count) {
        return; /* it was taken out */
    }
    e.report.report = r;
    e.report.partition = s->fleet->idcs[from].partition;
    e.report.offset = offset;
    struct event end = {.kind = EVENT_PARTITION_END, .partition = e.report.partition};
    if (!s->nodes[i].bus_away) {
        step_and_flush(s, i, &e);
        step_and_flush(s, i, &end);
    }
}

void node_edge(struct sim *s, uint16_t i, uint16_t link, uint8_t end, bool down)
{
    struct event e = {.kind = EVENT_LINK_EDGE};
    struct disk *d = &s->nodes[i].disk;
    if (node_is_running(s, i)) {
        d->downs[link] += down ? 1 : 0; /* counted and committed before it is stepped */
        e.edge = (struct link_edge){link, end, down, d->downs[link]};
        step_and_flush(s, i, &e);
    }
}

void node_request(struct sim *s, uint16_t i, const struct operator_record *request)
{
    struct event e = {.kind = EVENT_REQUEST, .request = *request};
    step_and_flush(s, i, &e);
}

void node_outcome(struct sim *s, uint16_t i, const struct outcome *outcome)
{
    struct event e = {.kind = EVENT_OUTCOME, .outcome = *outcome};
    step_and_flush(s, i, &e);
}

void node_free(struct sim *s, uint16_t i)
{
    drop_pending(&s->nodes[i]);
    free(s->nodes[i].memory);
    free(s->nodes[i].disk.control);
}
