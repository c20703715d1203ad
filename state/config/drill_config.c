/* drill_config.c: the tables of a runbook's keys, and a runbook from text to a checked drill. */
#include "config/drill_config.h"

#include "config/schema.h"

#define MS  UINT64_C(1000)
#define SEC UINT64_C(1000000)
#define MIN (60 * SEC)

static const char *const on_names[] = {"link", "conduit", "carrier", "idc", "view", NULL};
static const char *const action_names[] = {"inject",  "restore", "drain", "undrain",
                                           "approve", "wait",    NULL};
/* The first of each is "absent". */
static const char *const is_names[] = {"", "quiet", "acknowledged", "restored", "empty", NULL};
static const char *const incident_names[] = {"",
                                             "link-cut",
                                             "conduit-cut",
                                             "carrier-outage",
                                             "idc-outage",
                                             "idc-isolated",
                                             "region-disaster",
                                             "overload",
                                             "gray-failure",
                                             "blind-observer",
                                             NULL};
static const char *const state_names[] = {"",           "suspected", "confirmed", "mitigated",
                                          "recovering", "closed",    NULL};

static const struct schema_field condition_fields[] = {
    {.key = "is",
     .type = FIELD_ENUM,
     SCHEMA_MEMBER(struct drill_condition, is),
     .names = is_names,
     .meaning = "a state of the whole: quiet (no incident but the run's own, no order in force), "
                "acknowledged (every reachable actuator is at the plan), restored (the very plan "
                "from before the run), empty (nothing that may move is left on the target)"},
    {.key = "headroom",
     .json = "headroom_ppm",
     .type = FIELD_SHARE,
     SCHEMA_MEMBER(struct drill_condition, headroom_ppm),
     .min = 1,
     .max = 900000,
     .meaning = "with the target lost, this much capacity is predicted to stay free for core"},
    {.key = "incident",
     .type = FIELD_ENUM,
     SCHEMA_MEMBER(struct drill_condition, incident),
     .names = incident_names,
     .meaning = "an incident about the target ..."},
    {.key = "reaches",
     .type = FIELD_ENUM,
     SCHEMA_MEMBER(struct drill_condition, reaches),
     .names = state_names,
     .meaning = "... has come to this state; closed: none is open"},
};
static const struct schema condition_schema = {"a condition", "steps[].before[], steps[].after[]",
                                               SCHEMA_FIELDS(condition_fields)};

#define CONDITIONS(name, text)                                                                     \
    {                                                                                              \
        .key = #name, .type = FIELD_LIST, .element = FIELD_OBJECT, .min = 0,                       \
        .max = DRILL_MAX_CONDITIONS, .offset = offsetof(struct drill_step, name),                  \
        .size = sizeof(struct drill_condition), .child = &condition_schema, .in_place = true,      \
        .class = CLASS_NONE, SCHEMA_COUNTED(struct drill_step, name##_count), .meaning = (text)    \
    }

static const struct schema_field step_fields[] = {
    {.key = "name",
     .type = FIELD_NAME,
     .required = true,
     SCHEMA_MEMBER(struct drill_step, name),
     .meaning = "the step's name, as the report shows it"},
    {.key = "do",
     .type = FIELD_ENUM,
     .required = true,
     SCHEMA_MEMBER(struct drill_step, action),
     .names = action_names,
     .meaning =
         "inject: begin the injection; restore: end it; drain, undrain: evacuate the IDC and bring "
         "it home; approve: the word that the target's outage waits for; wait: let time pass"},
    {.key = "for",
     .json = "for_us",
     .type = FIELD_DURATION,
     SCHEMA_MEMBER(struct drill_step, for_us),
     .min = 100 * MS,
     .max = 60 * MIN,
     .meaning = "inject: the injector restores by itself after so long, whatever else has failed; "
                "wait: how long"},
    {.key = "factor",
     .json = "factor_ppm",
     .type = FIELD_SHARE,
     SCHEMA_MEMBER(struct drill_step, factor_ppm),
     .min = 1000000,
     .max = 10000000,
     .meaning = "inject on a view: its measured demand is multiplied by this (300% is threefold)"},
    {.key = "within",
     .json = "within_us",
     .type = FIELD_DURATION,
     SCHEMA_MEMBER(struct drill_step, within_us),
     .min = 100 * MS,
     .max = 60 * MIN,
     .meaning = "time for the step's conditions to hold; over it the drill aborts and restores"},
    CONDITIONS(before, "what must hold before the step is done"),
    CONDITIONS(after, "what must hold before the next step"),
};
static const struct schema step_schema = {"a step", "steps[]", SCHEMA_FIELDS(step_fields)};

static const struct schema_field objective_fields[] = {
    {.key = "effect",
     .json = "effect_us",
     .type = FIELD_DURATION,
     .required = true,
     SCHEMA_MEMBER(struct drill, objective_us),
     .min = MS,
     .max = 60 * MIN,
     .meaning = "from the injection to the plan in effect, at most"},
    {.key = "core_errors",
     .json = "core_errors_ppm",
     .type = FIELD_SHARE,
     SCHEMA_MEMBER(struct drill, objective_ppm),
     .min = 0,
     .max = 1000000,
     .preset = "0.1%",
     .meaning = "failed core requests over the run, at most"},
};
static const struct schema objective_schema = {"the objective", "objective",
                                               SCHEMA_FIELDS(objective_fields)};

static const struct schema_field abort_fields[] = {
    {.key = "core_errors",
     .json = "core_errors_ppm",
     .type = FIELD_SHARE,
     .required = true,
     SCHEMA_MEMBER(struct drill, abort_ppm),
     .min = 1,
     .max = 1000000,
     .meaning = "failed core requests in any second that end the drill at once"},
};
static const struct schema abort_schema = {"the abort condition", "abort",
                                           SCHEMA_FIELDS(abort_fields)};

static const struct schema_field drill_fields[] = {
    {.key = "drill",
     .type = FIELD_NAME,
     .required = true,
     SCHEMA_MEMBER(struct drill, name),
     .meaning = "the drill's name"},
    {.key = "about",
     .type = FIELD_TEXT,
     .required = true,
     SCHEMA_MEMBER(struct drill, about),
     .meaning = "what it shows, in one line"},
    {.key = "on",
     .type = FIELD_ENUM,
     .required = true,
     SCHEMA_MEMBER(struct drill, on),
     .names = on_names,
     .meaning = "what it strikes: `spillway drill run` takes a name of this kind"},
    {.key = "live",
     .type = FIELD_BOOL,
     .required = true,
     SCHEMA_MEMBER(struct drill, live),
     .meaning = "may be run with real injections; every drill may be run as a shadow"},
    {.key = "limit",
     .json = "limit_us",
     .type = FIELD_DURATION,
     .required = true,
     SCHEMA_MEMBER(struct drill, limit_us),
     .min = SEC,
     .max = 24 * 60 * MIN,
     .meaning = "of the whole run; over it the drill aborts and restores"},
    {.key = "objective",
     .type = FIELD_OBJECT,
     .required = true,
     .child = &objective_schema,
     .meaning = "what the score compares with"},
    {.key = "abort",
     .type = FIELD_OBJECT,
     .required = true,
     .child = &abort_schema,
     .meaning = "ends it at once, beside a real incident and a person's word"},
    {.key = "steps",
     .type = FIELD_LIST,
     .element = FIELD_OBJECT,
     .required = true,
     .min = 1,
     .max = DRILL_MAX_STEPS,
     .offset = offsetof(struct drill, steps),
     .size = sizeof(struct drill_step),
     .child = &step_schema,
     .in_place = true,
     .class = CLASS_NONE,
     SCHEMA_COUNTED(struct drill, step_count),
     .meaning = "one after the other"},
};
static const struct schema drill_schema = {"a drill", "(top level)", SCHEMA_FIELDS(drill_fields)};

/* Where a step stands in the file; the whole when there is no such step. */
static const struct yaml_node *place(const struct yaml_node *root, uint32_t step)
{
    const struct yaml_node *steps = yaml_get(root, "steps");
    const struct yaml_node *at = steps == NULL ? NULL : steps->first;
    for (uint32_t i = 0; i < step && at != NULL; i++) {
        at = at->next;
    }
    return step < DRILL_MAX_STEPS && at != NULL ? at : root;
}

/* A drill that is sound in form may still be one that nobody should run. */
static void check(const struct drill *d, const struct yaml_node *root, struct config_errors *errs)
{
    uint32_t step;
    const char *why = drill_broken(d, &step);
    if (why != NULL) {
        const struct yaml_node *at = place(root, step);
        const char *name = step < d->step_count ? d->steps[step].name : d->name;
        config_error_add(errs, false, at->line, at->column,
                         "found \"%s\" against a rule, expected: %s", name, why);
    }
}

int config_drill_parse(const char *text, size_t len, struct drill *ret_drill,
                       struct config_errors *errs)
{
    const uint32_t before = errs->error_count;
    struct yaml *yaml = NULL;
    struct drill drill = {0};
    int status = yaml_parse(text, len, CONFIG_DRILL_MAX_BYTES, errs, &yaml);
    if (status == OK) {
        struct schema_context ctx = {.errs = errs, .yaml = yaml, .root = &drill};
        schema_decode(&ctx, &drill_schema, yaml_root(yaml), &drill);
        status = ctx.status;
        if (status == OK && errs->error_count == before) {
            check(&drill, yaml_root(yaml), errs);
        }
    }
    config_errors_sort(errs);
    yaml_free(yaml);
    if (errs->error_count > before && status != ERR_MEMORY) {
        status = ERR_INVALID;
    }
    if (status == OK) {
        *ret_drill = drill;
    }
    return status;
}

static const char *no_names(const void *root, enum schema_class class, uint32_t index)
{
    (void)root;
    (void)class;
    (void)index;
    return NULL;
}

void config_drill_print_yaml(const struct drill *d, FILE *out)
{
    schema_print_yaml(&drill_schema, d, d, no_names, out);
}

void config_drill_print_json(const struct drill *d, FILE *out)
{
    schema_print_json(&drill_schema, d, d, no_names, out);
}

void config_drill_print_reference(FILE *out)
{
    schema_print_reference(&drill_schema, out);
}
