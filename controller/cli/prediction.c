/* prediction.c: runs the forecast of a fault and tells what came of it. */
#include "cli/prediction.h"

#include "cli/evidence.h"
#include "cli/plan_text.h"
#include "core/explain.h"
#include "core/load.h"

#include <stdlib.h>
#include <string.h>

#define QUIET_US (10 * US_PER_SEC)
#define LIMIT_US (180 * US_PER_SEC)

/* Where no daemon answers: every observer has just seen everything well, for an hour. */
static int assume_well(const struct control *c, struct live_evidence *ret_e)
{
    const struct fleet *f = c->fleet;
    struct arena a;
    size_t each = sizeof(struct report) + REPORT_MAX_TARGETS * sizeof(struct observation) + 64;
    struct target *targets = calloc(REPORT_MAX_TARGETS, sizeof *targets);
    if (targets == NULL || !cli_arena(&a, f->idc_count * (each + sizeof(struct evidence)) + 64)) {
        free(targets);
        return ERR_MEMORY;
    }
    struct live_evidence e = {.memory = a.base, .now = c->log_time};
    e.at = ARENA_NEW(&a, struct evidence, f->idc_count);
    for (uint16_t o = 0; o < f->idc_count; o++) {
        struct report *r = ARENA_NEW(&a, struct report, 1);
        int n = targets_for_idc(f, o, targets, REPORT_MAX_TARGETS);
        r->observer = o;
        r->fleet = c->fleet_digest;
        r->count = n > 0 ? (uint32_t)n : 0;
        r->observations = ARENA_NEW(&a, struct observation, r->count);
        for (uint32_t i = 0; i < r->count; i++) {
            r->observations[i].health = HEALTH_UP;
            r->observations[i].held_us = 3600 * US_PER_SEC;
        }
        e.at[o] = (struct evidence){.report = r, .conclusive = true};
    }
    free(targets);
    *ret_e = e;
    return OK;
}

static uint32_t share_moved(const struct plan *a, const struct plan *b)
{
    uint64_t moved = 0, all = 0;
    for (size_t i = 0; i < (size_t)a->service_count * a->view_count; i++) {
        for (uint8_t k = 0; k < a->answers[i].count; k++) {
            all++;
            moved += a->answers[i].slots[k].entrance != b->answers[i].slots[k].entrance ? 1 : 0;
        }
    }
    return all == 0 ? 0 : (uint32_t)(moved * 1000000 / all);
}

static void sum_up(struct prediction *p)
{
    uint32_t n;
    const struct forecast_step *s = forecast_steps(p->forecast, &n);
    p->decisions = n;
    p->effect_us = -1;
    for (uint32_t i = 0; i < n && i < FORECAST_MAX_STEPS && p->effect_us < 0; i++) {
        if (s[i].answers + s[i].tiers + s[i].hops > 0) {
            p->effect_us = s[i].at_us;
        }
    }
    p->moved_ppm = share_moved(&p->before->plan, &forecast_control(p->forecast)->plan);
}

/* What is foreseen: a drill's first stroke, a person's command, or neither: only time. */
struct cause {
    const struct drill *drill;
    struct drill_target target;
    const struct operator_record *command;
    bool unseen; /* nobody has reported on that fleet yet */
    int64_t quiet_us, limit_us;
    enum fold_void why; /* what the fold says of the command */
};

static int give(struct forecast *fc, struct cause *cause)
{
    const struct operator_record drain = {.command = OPERATOR_DRAIN,
                                          .subject = {SUBJECT_IDC, cause->target.index, 0}};
    if (cause->drill != NULL && drill_injects(cause->drill)) {
        const struct forecast_fault fault = {cause->drill->on, cause->target,
                                             drill_factor_ppm(cause->drill)};
        forecast_strike(fc, &fault);
        return OK;
    }
    if (cause->drill == NULL && cause->command == NULL) {
        return OK;
    }
    const int status =
        forecast_command(fc, cause->drill != NULL ? &drain : cause->command, &cause->why);
    return status == OK && cause->why != FOLD_ACCEPTED ? ERR_GUARD : status;
}

static int foresee(const struct control *now, const struct live_evidence *e, struct cause *cause,
                   struct prediction *p)
{
    struct arena a;
    if (!cli_arena(&a, forecast_arena_size(now->fleet))) {
        return ERR_MEMORY;
    }
    p->memory = a.base;
    int status = forecast_new(now, e->at, e->now, &a, &p->forecast);
    status = status == OK ? give(p->forecast, cause) : status;
    status = status == OK ? forecast_run(p->forecast, cause->quiet_us, cause->limit_us) : status;
    if (status != OK) {
        prediction_done(p);
        return status;
    }
    sum_up(p);
    return OK;
}

static int predict(const struct cli *c, const struct control *now, struct cause *cause,
                   struct prediction *ret_p)
{
    struct prediction p = {.fleet = now->fleet, .before = now};
    struct live_evidence e;
    char why[CLI_WHY_SIZE];
    int status = cause->unseen ? ERR_UNAVAILABLE : live_evidence_get(c, now->fleet, &e, why);
    p.live = status == OK;
    p.unseen = cause->unseen;
    status = p.live ? OK : assume_well(now, &e);
    if (status != OK) {
        return status;
    }
    for (uint16_t o = 0; o < p.fleet->idc_count; o++) {
        p.observers += e.at[o].report != NULL && e.at[o].conclusive ? 1 : 0;
    }
    status = foresee(now, &e, cause, &p);
    live_evidence_done(&e);
    if (status == OK) {
        *ret_p = p;
    }
    return status;
}

int prediction_make(const struct cli *c, const struct host *h, const struct drill *d,
                    const struct drill_target *target, struct prediction *ret_p)
{
    struct cause cause = {
        .drill = d, .target = *target, .quiet_us = QUIET_US, .limit_us = LIMIT_US};
    return predict(c, &h->control, &cause, ret_p);
}

/* Long enough for a whole evacuation in steps. */
static struct cause in_steps(const struct fleet *f)
{
    const int64_t interval_us = f->policy.step_interval_us;
    return (struct cause){.quiet_us = interval_us + QUIET_US,
                          .limit_us = FORECAST_MAX_STEPS * interval_us + LIMIT_US,
                          .why = FOLD_ACCEPTED};
}

int prediction_of_fleet(const struct cli *c, const struct control *next, struct prediction *ret_p)
{
    struct cause cause = in_steps(next->fleet);
    cause.unseen = true;
    return predict(c, next, &cause, ret_p);
}

int prediction_of_command(const struct cli *c, const struct host *h,
                          const struct operator_record *command, struct prediction *ret_p,
                          enum fold_void *ret_why)
{
    struct cause cause = in_steps(h->control.fleet);
    cause.command = command;
    const int status = predict(c, &h->control, &cause, ret_p);
    *ret_why = cause.why;
    return cause.why == FOLD_ACCEPTED ? status : OK;
}

void prediction_done(struct prediction *p)
{
    free(p->memory);
    *p = (struct prediction){0};
}

/* Load of a service at an IDC under the plan, in ppm of its capacity there. */
static uint64_t use_ppm(const struct prediction *p, const struct plan *plan, struct load *load,
                        uint16_t s, uint16_t x)
{
    uint64_t capacity = fleet_capacity_ups(p->fleet, s, x);
    load_compute(p->fleet, plan, s, load);
    return capacity == 0 ? 0 : load->idc[x] / capacity;
}

static void put_share(FILE *out, uint64_t ppm)
{
    fprintf(out, "%llu.%llu %%", (unsigned long long)(ppm / 10000),
            (unsigned long long)(ppm / 1000 % 10));
}

static void print_loads(const struct cli *c, const struct prediction *p, struct load *load)
{
    const struct plan *after = &forecast_control(p->forecast)->plan;
    for (uint16_t s = 0; s < p->fleet->service_count; s++) {
        for (uint16_t x = 0; x < p->fleet->idc_count; x++) {
            if (fleet_capacity_ups(p->fleet, s, x) == 0) {
                continue;
            }
            fprintf(c->out, "  load of %s at %-12s ", p->fleet->services[s].name,
                    p->fleet->idcs[x].name);
            put_share(c->out, use_ppm(p, &p->before->plan, load, s, x));
            fputs(" -> ", c->out);
            put_share(c->out, use_ppm(p, after, load, s, x));
            fputc('\n', c->out);
        }
    }
}

/* The feature is served in the region before, and is not after. */
static bool is_shed(const struct prediction *p, uint16_t r, uint16_t s, uint8_t tier)
{
    const struct plan *after = &forecast_control(p->forecast)->plan;
    return tier <= *plan_tier_limit(&p->before->plan, r, s) && tier > *plan_tier_limit(after, r, s);
}

static void print_shed(const struct cli *c, const struct prediction *p)
{
    bool any = false;
    for (uint16_t r = 0; r < p->fleet->region_count; r++) {
        for (uint16_t s = 0; s < p->fleet->service_count; s++) {
            const struct service *service = &p->fleet->services[s];
            for (uint16_t i = 0; i < service->feature_count; i++) {
                if (is_shed(p, r, s, service->features[i].tier)) {
                    fprintf(c->out, "  sheds %s of %s in %s (tier %u)\n", service->features[i].name,
                            service->name, p->fleet->regions[r].name, service->features[i].tier);
                    any = true;
                }
            }
        }
    }
    fputs(any ? "" : "  sheds no feature\n", c->out);
}

static void print_steps(const struct cli *c, const struct prediction *p)
{
    uint32_t n;
    const struct forecast_step *s = forecast_steps(p->forecast, &n);
    for (uint32_t i = 0; i < n && i < FORECAST_MAX_STEPS; i++) {
        char room[1024];
        struct text t = text_over(room, sizeof room);
        text_put(&t, s[i].at_us > 0 ? "after " : "at once");
        if (s[i].at_us > 0) {
            text_put_duration(&t, s[i].at_us);
        }
        text_put(&t, ": ");
        text_put(&t, decide_purpose_name(s[i].purpose));
        if (s[i].incident_count > 0) {
            text_put(&t, ", ");
            explain_incident(p->fleet, &s[i].incident, &t);
        }
        fprintf(c->out, "  %s\n", room);
    }
    if (n == 0) {
        fputs("  nothing would be decided\n", c->out);
    }
}

void prediction_print(const struct cli *c, const struct prediction *p)
{
    struct arena a;
    struct load load;
    fprintf(c->out, "prediction, %s:\n",
            p->live     ? "on live evidence"
            : p->unseen ? "as if every probe saw all well (none has reported on this fleet yet)"
                        : "as if every probe saw all well (the daemon was not there to ask)");
    print_steps(c, p);
    fputs("  ", c->out);
    put_share(c->out, p->moved_ppm);
    fputs(" of all shares would move\n", c->out);
    if (cli_arena(&a, load_arena_size(p->fleet) + 64)) {
        if (load_new(p->fleet, p->before->demand, &a, &load) == OK) {
            print_loads(c, p, &load);
        }
        free(a.base);
    }
    print_shed(c, p);
}

static json_t *steps_json(const struct prediction *p)
{
    uint32_t n;
    const struct forecast_step *s = forecast_steps(p->forecast, &n);
    json_t *list = json_array();
    for (uint32_t i = 0; i < n && i < FORECAST_MAX_STEPS; i++) {
        json_array_append_new(
            list, json_pack("{s:I, s:s, s:i, s:i, s:i}", "at_us", (json_int_t)s[i].at_us, "purpose",
                            decide_purpose_name(s[i].purpose), "answers", (int)s[i].answers,
                            "tiers", (int)s[i].tiers, "hops", (int)s[i].hops));
    }
    return list;
}

static json_t *loads_json(const struct prediction *p)
{
    struct arena a;
    struct load load;
    json_t *list = json_array();
    if (!cli_arena(&a, load_arena_size(p->fleet) + 64)) {
        return list;
    }
    int status = load_new(p->fleet, p->before->demand, &a, &load);
    const struct plan *after = &forecast_control(p->forecast)->plan;
    for (uint16_t s = 0; s < p->fleet->service_count && status == OK; s++) {
        for (uint16_t x = 0; x < p->fleet->idc_count; x++) {
            if (fleet_capacity_ups(p->fleet, s, x) > 0) {
                json_array_append_new(
                    list, json_pack("{s:s, s:s, s:I, s:I}", "service", p->fleet->services[s].name,
                                    "idc", p->fleet->idcs[x].name, "before_ppm",
                                    (json_int_t)use_ppm(p, &p->before->plan, &load, s, x),
                                    "after_ppm", (json_int_t)use_ppm(p, after, &load, s, x)));
            }
        }
    }
    free(a.base);
    return list;
}

static json_t *shed_json(const struct prediction *p)
{
    json_t *list = json_array();
    for (uint16_t r = 0; r < p->fleet->region_count; r++) {
        for (uint16_t s = 0; s < p->fleet->service_count; s++) {
            const struct service *service = &p->fleet->services[s];
            for (uint16_t i = 0; i < service->feature_count; i++) {
                if (is_shed(p, r, s, service->features[i].tier)) {
                    json_array_append_new(list, json_pack("{s:s, s:s, s:s, s:i}", "region",
                                                          p->fleet->regions[r].name, "service",
                                                          service->name, "feature",
                                                          service->features[i].name, "tier",
                                                          service->features[i].tier));
                }
            }
        }
    }
    return list;
}

json_t *prediction_json(const struct prediction *p)
{
    return json_pack("{s:b, s:I, s:i, s:i, s:o, s:o, s:o}", "live_evidence", p->live, "effect_us",
                     (json_int_t)p->effect_us, "decisions", (int)p->decisions, "moved_ppm",
                     (int)p->moved_ppm, "steps", steps_json(p), "loads", loads_json(p), "shed",
                     shed_json(p));
}
