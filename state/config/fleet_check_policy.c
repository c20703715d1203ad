/* fleet_check_policy.c: do the intervals, windows and guards make sense together? */
#include "config/fleet_check.h"
#include "config/units.h"

#include <string.h>

struct span_text {
    char text[UNITS_TEXT_SIZE];
};

static struct span_text span(int64_t us)
{
    struct span_text t;
    units_put_duration(us, t.text);
    return t;
}

#define SPAN(us) span(us).text

static const struct yaml_node *policy_key(const struct schema_context *ctx, const char *key)
{
    const struct yaml_node *policy = yaml_get(yaml_root(ctx->yaml), "policy");
    const struct yaml_node *node = yaml_get(policy, key);
    return node != NULL ? node : policy != NULL ? policy : yaml_root(ctx->yaml);
}

/* value must be at least `least`, for the reason. 0 is a value that was refused before, or none. */
static void at_least(struct schema_context *ctx, const char *key, int64_t value, int64_t least,
                     const char *reason)
{
    if (value > 0 && value < least) {
        CHECK_ERROR(ctx, policy_key(ctx, key), "found %s %s, expected at least %s: %s", key,
                    SPAN(value), SPAN(least), reason);
    }
}

static void check_windows(const struct policy *p, struct schema_context *ctx)
{
    at_least(ctx, "confirmation", p->confirmation_us, p->probe_interval_us * p->probe_losses,
             "probe_interval times probe_losses, or links were dead before they are seen down");
    at_least(
        ctx, "confirmation", p->confirmation_us, p->check_interval_us * p->check_failures,
        "check_interval times check_failures, or services were dead before they are seen down");
    at_least(ctx, "report_stale", p->report_stale_us, 2 * p->report_interval_us,
             "twice report_interval, or one late report is taken for silence");
    at_least(ctx, "link_hold_down", p->link_hold_down_us, p->probe_interval_us * p->probe_losses,
             "probe_interval times probe_losses, or a link is released before it was measured");
    at_least(ctx, "idc_hold_down", p->idc_hold_down_us, p->confirmation_us,
             "confirmation, or an IDC comes back faster than it left (law 7)");
    at_least(ctx, "cold_start", p->cold_start_us, p->lease_us,
             "the lease, or a new leader drains before the others know it");
    at_least(ctx, "cold_start", p->cold_start_us, p->report_interval_us,
             "report_interval, or a new leader drains before each probe has spoken");
    at_least(ctx, "step_interval", p->step_interval_us, p->check_interval_us * p->check_failures,
             "check_interval times check_failures, or a step is taken before the last one shows");
    const int64_t detection =
        p->check_timeout_us + p->check_interval_us * ((int64_t)p->check_failures - 1);
    if (p->confirmation_us > 0 && p->confirmation_us < detection) {
        CHECK_WARNING(
            ctx, policy_key(ctx, "confirmation"),
            "found confirmation %s, expected at least %s: a service that swallows packets "
            "is seen down only after check_timeout and further checks",
            SPAN(p->confirmation_us), SPAN(detection));
    }
}

/* A penalty that can never be reached, or is never left, is a mistake. */
static void check_damping(const struct policy *p, struct schema_context *ctx)
{
    if (p->flap_half_life_us <= 0 || p->flap_reuse == 0 || p->flap_suppress == 0) {
        return; /* refused before */
    }
    if (p->flap_reuse >= p->flap_suppress) {
        CHECK_ERROR(ctx, policy_key(ctx, "flap_reuse"),
                    "found flap_reuse %u, expected less than flap_suppress %u", p->flap_reuse,
                    p->flap_suppress);
        return;
    }
    int64_t halves = 0;
    while ((uint64_t)p->flap_reuse << halves <= p->flap_suppress) {
        halves++;
    }
    at_least(ctx, "flap_longest", p->flap_longest_us, halves * p->flap_half_life_us,
             "the half-lives from flap_suppress to below flap_reuse, or it ends before");
}

static void check_guards(const struct fleet *f, struct schema_context *ctx)
{
    const struct policy *p = &f->policy;
    uint32_t serving = 0;
    for (uint32_t i = 0; i < f->idc_count; i++) {
        bool serves = false;
        for (uint32_t j = 0; j < f->entrance_count; j++) {
            serves = serves || f->entrances[j].idc == i;
        }
        serving += serves;
    }
    if (f->idc_count > 1 && p->min_observers >= f->idc_count) {
        CHECK_ERROR(
            ctx, policy_key(ctx, "min_observers"),
            "found min_observers %u with %u observers, expected at most %u: a dead IDC does "
            "not report",
            p->min_observers, f->idc_count, f->idc_count - 1);
    } else if (p->min_observers == 1) {
        CHECK_WARNING(
            ctx, policy_key(ctx, "min_observers"),
            "found min_observers 1, expected 2 or more: one observer may be the blind one");
    }
    if (serving > 1 && p->max_drained_idcs >= serving) {
        CHECK_ERROR(
            ctx, policy_key(ctx, "max_drained_idcs"),
            "found max_drained_idcs %u with %u serving IDCs, expected at most %u: the last is "
            "never drained",
            p->max_drained_idcs, serving, serving - 1);
    } else if (serving == 1) {
        CHECK_WARNING(ctx, policy_key(ctx, "max_drained_idcs"),
                      "found 1 serving IDC, expected 2 or more: there is nowhere to go");
    }
}

static void check_table(const struct fleet *f, struct schema_context *ctx)
{
    if (f->route_table >= 253 && f->route_table <= 255) {
        const struct yaml_node *routes = yaml_get(yaml_root(ctx->yaml), "routes");
        const struct yaml_node *table = yaml_get(routes, "table");
        CHECK_ERROR(ctx, table != NULL ? table : yaml_root(ctx->yaml),
                    "found the kernel's own table %u, expected another than 253 to 255",
                    f->route_table);
    }
}

void fleet_check_policy(const struct fleet *f, struct schema_context *ctx)
{
    check_windows(&f->policy, ctx);
    check_damping(&f->policy, ctx);
    check_guards(f, ctx);
    check_table(f, ctx);
}
