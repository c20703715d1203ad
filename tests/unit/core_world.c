/* core_world.c: the truth, the probes' view of it, and a log of decisions, for tests. */
#include "core_world.h"

#include "config/fleet_config.h"

#include <stdlib.h>
#include <string.h>

void world_require(bool holds, const char *what)
{
    if (!holds) {
        (void)fprintf(stderr, "the world expected %s\n", what);
        abort();
    }
}

static void *must(void *p)
{
    world_require(p != NULL, "memory");
    return p;
}

static void *zeroed(size_t count, size_t size)
{
    return must(calloc(count > 0 ? count : 1, size));
}

/* Folds the record; what the fold says of it. */
static enum fold_void fold_as(struct world *w, struct record *r)
{
    r->log_id = w->control.applied < 0 ? r->log_id : w->control.log_id;
    r->base = w->control.applied;
    r->log_time = w->now;
    r->epoch = w->control.epoch + (r->kind == RECORD_CLAIM ? 1 : 0);
    enum fold_void v = FOLD_ACCEPTED;
    int status = fold_apply(&w->control, &w->memory, r, w->offset, &v);
    if (status != OK) {
        (void)fprintf(stderr, "record %lld: %s\n", (long long)w->offset, error_text(status));
    }
    world_require(status == OK, "a record that can be folded");
    w->offset++;
    return v;
}

static void fold(struct world *w, struct record *r)
{
    enum fold_void v = fold_as(w, r);
    if (v != FOLD_ACCEPTED) {
        (void)fprintf(stderr, "record %lld: %s\n", (long long)w->offset - 1, fold_void_name(v));
    }
    world_require(v == FOLD_ACCEPTED, "a record that counts");
}

static struct writer leader(struct world *w)
{
    return (struct writer){w->fleet->idcs[0].partition, 1, ++w->sequence};
}

static void fold_genesis_and_claim(struct world *w)
{
    const struct fleet *f = w->fleet;
    struct arena scratch;
    arena_init(&scratch, w->arena_memory, w->arena_size);
    struct plan plan;
    world_require(plan_initial(f, &scratch, &plan) == OK, "an initial plan");
    size_t fleet_size = fleet_encoded_size(f);
    struct codec measure = codec_measure();
    plan_codec(&measure, &plan);
    uint8_t *bytes = zeroed(fleet_size + measure.pos, 1);
    struct codec out = codec_writer(bytes, fleet_size);
    struct fleet copy = *f;
    fleet_codec(&out, &copy);
    world_require(codec_finish(&out) == OK, "an encoded fleet");
    out = codec_writer(bytes + fleet_size, measure.pos);
    plan_codec(&out, &plan);
    struct record r = {.kind = RECORD_GENESIS, .writer = {REPLICA_PERSON, 1, 1}};
    r.log_id.bytes[0] = 7;
    r.genesis.era = 1;
    r.genesis.fleet = (struct bytes){bytes, fleet_size};
    r.genesis.plan = (struct bytes){bytes + fleet_size, measure.pos};
    fold(w, &r);
    free(bytes);
    struct record claim = {.kind = RECORD_CLAIM, .writer = leader(w)};
    claim.claim.ends_epoch = 0;
    claim.claim.names = 0;
    fold(w, &claim);
}

static void make_reports(struct world *w)
{
    const struct fleet *f = w->fleet;
    w->reports = zeroed(f->idc_count, sizeof *w->reports);
    w->evidence = zeroed(f->idc_count, sizeof *w->evidence);
    w->since_us = zeroed(f->idc_count, sizeof *w->since_us);
    w->sent_us = zeroed(f->idc_count, sizeof *w->sent_us);
    w->targets = zeroed(REPORT_MAX_TARGETS, sizeof *w->targets);
    for (uint16_t o = 0; o < f->idc_count; o++) {
        int n = targets_for_idc(f, o, w->targets, REPORT_MAX_TARGETS);
        world_require(n >= 0, "targets");
        struct report *r = &w->reports[o];
        r->observer = o;
        r->incarnation = 1;
        r->fleet = w->control.fleet_digest;
        r->count = (uint32_t)n;
        r->observations = zeroed((size_t)n, sizeof *r->observations);
        w->since_us[o] = zeroed((size_t)n, sizeof **w->since_us);
        for (int i = 0; i < n; i++) {
            w->since_us[o][i] = -3600 * US_PER_SEC;
            r->observations[i].health = HEALTH_UP;
        }
        uint16_t services[FLEET_MAX_SERVICES];
        uint32_t loads = loads_for_idc(f, o, services);
        r->loads = zeroed(loads, sizeof *r->loads);
        r->load_views = zeroed((size_t)loads * f->view_count, sizeof *r->load_views);
        w->evidence[o] = (struct evidence){.report = r, .conclusive = true};
    }
}

struct world *world_of_fleet(const struct fleet *f)
{
    struct world *w = zeroed(1, sizeof *w);
    size_t size = 4 * control_arena_size(f) + diagnosis_arena_size(f) + 4096;
    arena_init(&w->memory, zeroed(1, size), size);
    w->arena_size = decide_arena_size(f);
    w->arena_memory = zeroed(1, w->arena_size);
    control_init(&w->control);
    struct fleet borrowed = *f;
    w->fleet = &borrowed;
    fold_genesis_and_claim(w);
    w->fleet = w->control.fleet;
    f = w->fleet;
    w->idc_dead = zeroed(f->idc_count, sizeof(bool));
    w->idc_isolated = zeroed(f->idc_count, sizeof(bool));
    w->service_dead = zeroed((size_t)f->service_count * f->idc_count, sizeof(bool));
    w->link_cut = zeroed(f->link_count, sizeof(bool));
    w->link_gray = zeroed(f->link_count, sizeof(bool));
    w->carrier_off = zeroed((size_t)f->carrier_count * f->idc_count, sizeof(bool));
    w->carrier_dead = zeroed(f->carrier_count, sizeof(bool));
    w->carriers_at = zeroed(f->idc_count, sizeof *w->carriers_at);
    for (uint16_t x = 0; x < f->idc_count; x++) {
        w->carriers_at[x] = fleet_carriers_at(f, x);
    }
    w->path_dead = zeroed(path_count(f), sizeof(bool));
    w->mood = zeroed(f->idc_count, sizeof *w->mood);
    w->says = zeroed((size_t)f->service_count * f->idc_count, sizeof *w->says);
    w->users_rps = zeroed((size_t)f->service_count * f->view_count, sizeof *w->users_rps);
    for (uint16_t s = 0; s < f->service_count; s++) {
        world_users(w, s, 100);
    }
    w->acknowledge = true;
    make_reports(w);
    world_require(diagnosis_new(f, &w->memory, &w->diagnosis) == OK, "a diagnosis");
    w->now.us = 3600 * US_PER_SEC; /* the cold start is long over */
    return w;
}

struct world *world_of_yaml(const char *path)
{
    FILE *in = must(fopen(path, "r"));
    char *text = zeroed(CONFIG_FLEET_MAX_BYTES / 64, 1);
    size_t len = fread(text, 1, CONFIG_FLEET_MAX_BYTES / 64, in);
    (void)fclose(in);
    struct arena a;
    void *room = zeroed(1, CONFIG_FLEET_ARENA_SIZE);
    arena_init(&a, room, CONFIG_FLEET_ARENA_SIZE);
    struct config_errors errs = {0};
    struct fleet f;
    int status = config_fleet_parse(text, len, &a, &f, &errs);
    config_errors_print(&errs, path, stderr);
    world_require(status == OK, "the step");
    config_errors_done(&errs);
    struct world *w = world_of_fleet(&f);
    free(room);
    free(text);
    return w;
}

void world_free(struct world *w)
{
    for (uint16_t o = 0; o < w->fleet->idc_count; o++) {
        free(w->reports[o].observations);
        free(w->reports[o].loads);
        free(w->reports[o].load_views);
        free(w->since_us[o]);
    }
    free(w->reports);
    free(w->evidence);
    free(w->since_us);
    free(w->sent_us);
    free(w->targets);
    free(w->idc_dead);
    free(w->idc_isolated);
    free(w->service_dead);
    free(w->link_cut);
    free(w->link_gray);
    free(w->carrier_off);
    free(w->carrier_dead);
    free(w->path_dead);
    free(w->carriers_at);
    free(w->mood);
    free(w->says);
    free(w->users_rps);
    free(w->arena_memory);
    free(w->memory.base);
    free(w);
}

/* The carrier carries nothing to or from the IDC: off there or everywhere, or its uplinks are cut.
 */
static bool is_off(const struct world *w, uint16_t c, uint16_t idc)
{
    const struct fleet *f = w->fleet;
    uint32_t uplinks = 0, cut = 0;
    for (uint16_t l = 0; l < f->link_count; l++) {
        if (f->links[l].carrier == c && link_end_at(&f->links[l], idc) >= 0) {
            uplinks++;
            cut += w->link_cut[l] ? 1 : 0;
        }
    }
    return w->carrier_dead[c] || w->carrier_off[(size_t)c * f->idc_count + idc] ||
           (uplinks > 0 && cut == uplinks);
}

/* By own routes: over whatever uplink there is. */
static bool all_off(const struct world *w, uint16_t idc)
{
    uint32_t carriers = w->carriers_at[idc];
    bool off = carriers != 0;
    for (uint16_t c = 0; c < w->fleet->carrier_count; c++) {
        off = off && ((carriers >> c & 1) == 0 || is_off(w, c, idc));
    }
    return off;
}

static enum health see_entrance(const struct world *w, uint16_t o, const struct target *t,
                                bool cut_off)
{
    const struct fleet *f = w->fleet;
    const struct entrance *e = &f->entrances[t->a];
    uint16_t c = t->carrier;
    if (w->service_dead[(size_t)e->service * f->idc_count + e->idc]) {
        return HEALTH_DOWN;
    }
    bool away = e->idc != o && (cut_off || w->idc_dead[e->idc] || w->idc_isolated[e->idc]);
    bool off = e->idc != o && (c == FLEET_NONE ? all_off(w, o)
                                               : is_off(w, c, o) || is_off(w, c, e->idc) ||
                                                     w->path_dead[path_index(f, t->a, c)]);
    return away || off ? HEALTH_DOWN : HEALTH_UP;
}

/* What the observer sees of one target. */
static enum health see(const struct world *w, uint16_t o, const struct target *t)
{
    const struct fleet *f = w->fleet;
    bool cut_off = w->mood[o] == MOOD_BLIND || w->idc_isolated[o];
    switch (t->kind) {
    case TARGET_LINK: {
        uint16_t far = f->links[t->a].end[1 - t->b].idc;
        bool far_gone = far != FLEET_NONE && (w->idc_dead[far] || w->idc_isolated[far]);
        bool down = cut_off || far_gone || w->link_cut[t->a];
        return down ? HEALTH_DOWN : w->link_gray[t->a] ? HEALTH_DEGRADED : HEALTH_UP;
    }
    case TARGET_ENTRANCE: return see_entrance(w, o, t, cut_off);
    case TARGET_REFERENCE: {
        bool off = t->carrier == FLEET_NONE ? all_off(w, o) : is_off(w, t->carrier, o);
        return cut_off || off ? HEALTH_DOWN : HEALTH_UP;
    }
    }
    return HEALTH_UNKNOWN;
}

void world_users(struct world *w, uint16_t service, uint64_t percent)
{
    for (uint16_t v = 0; v < w->fleet->view_count; v++) {
        w->users_rps[(size_t)service * w->fleet->view_count + v] =
            fleet_demand_rps(w->fleet, service, v) * percent / 100;
    }
}

/* Users follow the plan in force at once. */
static uint64_t arrive_mrps(const struct world *w, uint16_t s, uint16_t v, uint16_t idc)
{
    uint64_t users = w->users_rps[(size_t)s * w->fleet->view_count + v], slots = 0;
    const struct answer *a = plan_answer(&w->control.plan, s, v);
    for (uint8_t i = 0; i < a->count; i++) {
        uint16_t e = a->slots[i].entrance;
        slots += e != FLEET_NONE && w->fleet->entrances[e].idc == idc ? 1 : 0;
    }
    return a->count == 0 ? 0 : users * 1000 * slots / a->count;
}

/* The service's word on itself. */
static struct load_sample sample(const struct world *w, uint16_t s, uint16_t idc,
                                 struct load_rate *views)
{
    const struct fleet *f = w->fleet;
    const struct place_says *says = &w->says[(size_t)s * f->idc_count + idc];
    uint64_t times = says->times == 0 ? 1 : says->times, requests = 0;
    for (uint16_t v = 0; v < f->view_count; v++) {
        uint64_t mrps = arrive_mrps(w, s, v, idc) * times;
        views[v] = (struct load_rate){w->loads == LOADS_VIEWS, w->loads == LOADS_VIEWS ? mrps : 0};
        requests += mrps;
    }
    uint8_t limit = *plan_tier_limit(&w->control.plan, f->idcs[idc].region, s);
    uint64_t work = requests * service_cost_ppm(&f->services[s], limit) / 1000;
    uint64_t room = fleet_capacity_ups(f, s, idc), full = room == 0 ? 1000000 : work / room;
    full = says->saturation_ppm > 0 ? says->saturation_ppm : full;
    return (struct load_sample){.valid = true,
                                .requests_mrps = requests,
                                .errors_mrps = requests * says->errors_ppm / 1000000,
                                .saturation_ppm = full > 1000000 ? 1000000 : (uint32_t)full};
}

static void weigh_loads(struct world *w, uint16_t o)
{
    struct report *r = &w->reports[o];
    uint16_t services[FLEET_MAX_SERVICES];
    uint32_t n = w->loads == LOADS_UNTOLD ? 0 : loads_for_idc(w->fleet, o, services);
    uint16_t views = w->fleet->view_count;
    r->load_count = n;
    r->view_count = n == 0 ? 0 : views;
    for (uint32_t i = 0; i < n; i++) {
        bool lost = w->says[(size_t)services[i] * w->fleet->idc_count + o].nothing;
        memset(&r->load_views[i * views], 0, views * sizeof *r->load_views);
        r->loads[i] =
            lost ? (struct load_sample){0} : sample(w, services[i], o, &r->load_views[i * views]);
    }
}

static void observe(struct world *w, uint16_t o)
{
    struct report *r = &w->reports[o];
    if (w->idc_dead[o] || w->mood[o] == MOOD_SILENT) {
        w->evidence[o].age_us = w->now.us - w->sent_us[o];
        return;
    }
    int n = targets_for_idc(w->fleet, o, w->targets, REPORT_MAX_TARGETS);
    for (int i = 0; i < n; i++) {
        enum health h = see(w, o, &w->targets[i]);
        if (h != r->observations[i].health) {
            r->observations[i].health = h;
            w->since_us[o][i] = w->now.us;
        }
        r->observations[i].held_us = w->now.us - w->since_us[o][i];
    }
    weigh_loads(w, o);
    w->sent_us[o] = w->now.us;
    w->evidence[o].age_us = 0;
}

void world_look(struct world *w)
{
    for (uint16_t o = 0; o < w->fleet->idc_count; o++) {
        observe(w, o);
    }
    diagnose(&w->control, w->evidence, w->now, &w->diagnosis);
}

static void acknowledge(struct world *w, enum actuator actuator, uint16_t target, uint16_t replica)
{
    struct record r = {.kind = RECORD_STEP};
    r.writer = (struct writer){w->fleet->idcs[replica].partition, 1, ++w->sequence};
    r.step = (struct step){.kind = STEP_OUTCOME,
                           .actuator = actuator,
                           .target = target,
                           .fence = w->control.plan.fence};
    fold(w, &r);
}

static void acknowledge_all(struct world *w)
{
    for (uint16_t s = 0; s < w->fleet->dns_server_count; s++) {
        uint16_t at = w->fleet->dns_servers[s].idc;
        if (at == FLEET_NONE || !w->idc_dead[at]) {
            acknowledge(w, ACTUATOR_DNS, s, 0);
        }
    }
    for (uint16_t x = 0; x < w->fleet->idc_count; x++) {
        if (!w->idc_dead[x]) {
            acknowledge(w, ACTUATOR_ROUTES, x, x);
            acknowledge(w, ACTUATOR_FEATURES, x, x);
        }
    }
}

void world_acknowledge(struct world *w)
{
    acknowledge_all(w);
}

enum decide_purpose world_tick(struct world *w, int64_t us)
{
    w->now.us += us;
    world_look(w);
    struct arena a;
    arena_init(&a, w->arena_memory, w->arena_size);
    int status =
        decide(&w->control, w->evidence, &w->diagnosis, w->now, &a, &w->decide, &w->next_us);
    world_require(status == OK, "the step");
    if (w->decide.purpose != 0) {
        struct record r = {.kind = RECORD_DECIDE, .writer = leader(w), .decide = w->decide};
        fold(w, &r);
        w->records++;
        if (w->acknowledge && w->decide.change_count > 0) {
            acknowledge_all(w);
        }
    }
    return w->decide.purpose;
}

uint32_t world_run(struct world *w, int64_t total_us, int64_t step_us, uint32_t max_records)
{
    uint32_t before = w->records;
    for (int64_t t = 0; t < total_us; t += step_us) {
        (void)world_tick(w, step_us);
        world_require(w->records - before <= max_records, "as few records as that");
    }
    return w->records - before;
}

void world_fold(struct world *w, uint16_t idc, struct record *r)
{
    struct record beat = {.kind = RECORD_HEARTBEAT, .writer = leader(w)};
    beat.heartbeat.snapshot = -1;
    fold(w, &beat);
    r->writer = (struct writer){w->fleet->idcs[idc].partition, 1, ++w->sequence};
    fold(w, r);
}

enum fold_void world_command(struct world *w, const struct operator_record *command)
{
    struct record beat = {.kind = RECORD_HEARTBEAT, .writer = leader(w)};
    beat.heartbeat.snapshot = -1;
    fold(w, &beat);
    struct record r = {.kind = RECORD_OPERATOR, .operator= * command };
    r.writer = (struct writer){w->fleet->idcs[0].partition, 1, ++w->sequence};
    memcpy(r.operator.request.bytes, &w->sequence, sizeof w->sequence);
    memcpy(r.operator.identity, "ann", 4);
    memcpy(r.operator.reason, "checked", 8);
    return fold_as(w, &r);
}

void world_approve(struct world *w, uint32_t incident)
{
    struct operator_record approve = {.command = OPERATOR_APPROVE, .argument = incident};
    world_require(world_command(w, &approve) == FOLD_ACCEPTED, "an approval that counts");
}

const struct incident *world_case(const struct world *w, enum incident_kind kind,
                                  struct subject subject)
{
    for (uint32_t i = 0; i < w->control.incident_count; i++) {
        const struct incident *at = &w->control.incidents[i];
        if (at->kind == kind && subject_equal(&at->subject, &subject)) {
            return at;
        }
    }
    return NULL;
}

const struct guard_result *world_stopped(const struct world *w, enum guard guard)
{
    for (uint32_t i = 0; i < w->decide.guard_count; i++) {
        if (w->decide.guards[i].guard == guard && !w->decide.guards[i].passed) {
            return &w->decide.guards[i];
        }
    }
    return NULL;
}

uint32_t world_slots_over(const struct world *w, uint16_t entrance, uint16_t carrier)
{
    uint32_t n = 0;
    const struct plan *p = &w->control.plan;
    for (size_t i = 0; i < (size_t)p->service_count * p->view_count; i++) {
        bool over = w->fleet->views[i % p->view_count].carrier == carrier;
        for (uint8_t k = 0; k < p->answers[i].count; k++) {
            n += over && p->answers[i].slots[k].entrance == entrance ? 1 : 0;
        }
    }
    return n;
}

static uint16_t named(const char *first, size_t stride, uint16_t count, const char *name)
{
    uint16_t i = 0;
    while (i < count && strcmp(first + stride * i, name) != 0) {
        i++;
    }
    world_require(i < count, name);
    return i;
}

uint16_t world_idc(const struct world *w, const char *name)
{
    return named(w->fleet->idcs[0].name, sizeof *w->fleet->idcs, w->fleet->idc_count, name);
}

uint16_t world_link(const struct world *w, const char *name)
{
    return named(w->fleet->links[0].name, sizeof *w->fleet->links, w->fleet->link_count, name);
}

uint16_t world_entrance(const struct world *w, const char *name)
{
    return named(w->fleet->entrances[0].name, sizeof *w->fleet->entrances, w->fleet->entrance_count,
                 name);
}

uint16_t world_carrier(const struct world *w, const char *name)
{
    return named(w->fleet->carriers[0].name, sizeof *w->fleet->carriers, w->fleet->carrier_count,
                 name);
}

const struct incident *world_incident(const struct world *w, enum incident_kind kind, uint16_t a,
                                      uint16_t b)
{
    for (uint32_t i = 0; i < w->control.incident_count; i++) {
        const struct incident *at = &w->control.incidents[i];
        if (at->kind == kind && at->subject.a == a && at->subject.b == b) {
            return at;
        }
    }
    return NULL;
}

uint32_t world_slots(const struct world *w, uint16_t entrance)
{
    uint32_t n = 0;
    const struct plan *p = &w->control.plan;
    for (size_t i = 0; i < (size_t)p->service_count * p->view_count; i++) {
        for (uint8_t k = 0; k < p->answers[i].count; k++) {
            n += p->answers[i].slots[k].entrance == entrance ? 1 : 0;
        }
    }
    return n;
}
