/* drill_run.c: what a drill would do, and running it: as a shadow here, or live by the log. */
#include "cli/drill.h"

#include "cli/drill_words.h"
#include "cli/evidence.h"
#include "cli/prediction.h"
#include "cli/records.h"
#include "core/explain.h"

#include <stdlib.h>
#include <string.h>

/* A drill with what it strikes, on this host's fleet. */
struct aim {
    struct host host;
    struct drill_target target;
};

/* One at a time: what is foreseen or begun beside a drill under way would be mixed with it. */
static int tell_busy(const struct cli *c, const struct host *h)
{
    const struct drill_run *r = &h->control.drill;
    char room[SENTENCE_SIZE];
    struct text t = text_over(room, sizeof room);
    drill_put_run(h->control.fleet, r, &t);
    return cli_fail(c, OK,
                    "%s, is under way, run by %s: %s. One drill at a time: wait for its end "
                    "(spillway drill status), or end it: spillway drill abort --reason TEXT",
                    room, r->identity, r->reason);
}

/* Opens the journal and finds the target. CLI_OK, or the exit code after the failure was told. */
static int take_aim(const struct cli *c, const struct drill *d, struct aim *ret)
{
    struct aim aim;
    if (c->on == NULL) {
        return cli_misuse(c, "a drill strikes something: --on %s", drill_on_name(d->on));
    }
    if (host_open(c, &aim.host) != OK) {
        return CLI_FAILURE;
    }
    if (drill_target_find(aim.host.control.fleet, d->on, c->on, &aim.target) != OK) {
        char there[CLI_WHY_SIZE] = "";
        struct text t = text_over(there, sizeof there);
        drill_put_targets(aim.host.control.fleet, d->on, &t);
        host_close(&aim.host);
        return cli_fail(c, OK,
                        "the drill %s is on %s %s, and the fleet has none named %s; it has: %s",
                        d->name, d->on == DRILL_ON_IDC ? "an" : "a", drill_on_name(d->on), c->on,
                        there[0] != '\0' ? there : "none");
    }
    if (drill_under_way(&aim.host.control.drill)) {
        int code = tell_busy(c, &aim.host);
        host_close(&aim.host);
        return code;
    }
    *ret = aim;
    return CLI_OK;
}

int drill_predict(const struct cli *c, const struct drill *d)
{
    struct aim aim;
    struct prediction p;
    int code = take_aim(c, d, &aim);
    if (code != CLI_OK) {
        return code;
    }
    int status = prediction_make(c, &aim.host, d, &aim.target, &p);
    if (status != OK) {
        code = cli_fail(c, status, "the drill %s on %s cannot be foretold", d->name, c->on);
    } else if (c->json) {
        json_t *foretold = prediction_json(&p);
        (void)json_object_set_new(foretold, "ok", json_true());
        code = cli_print_json(c, foretold);
    } else {
        fprintf(c->out, "drill %s on %s, ", d->name, c->on);
        prediction_print(c, &p);
    }
    if (status == OK) {
        prediction_done(&p);
    }
    host_close(&aim.host);
    return code;
}

/* --- Shadow -------------------------------------------------------------------------------------
 */

/* The drill as a person's command; its bytes go to room. */
static struct operator_record command_of(const struct drill *d, const struct drill_target *target,
                                         uint8_t room[DRILL_MAX_BYTES])
{
    struct operator_record o;
    struct drill live = *d;
    memset(&o, 0, sizeof o);
    live.live = true; /* inside a forecast nothing is struck */
    struct codec w = codec_writer(room, DRILL_MAX_BYTES);
    drill_codec(&w, &live);
    o.command = OPERATOR_DRILL;
    o.drill = (struct bytes){room, w.pos};
    o.target = *target;
    return o;
}

static int play(struct forecast *fc, const struct drill *d, const struct drill_target *target,
                enum fold_void *ret_why)
{
    uint8_t room[DRILL_MAX_BYTES];
    struct operator_record o = command_of(d, target, room);
    int status = forecast_command(fc, &o, ret_why);
    while (status == OK && *ret_why == FOLD_ACCEPTED &&
           drill_under_way(&forecast_control(fc)->drill)) {
        status = forecast_run(fc, INT64_MAX, US_PER_SEC);
    }
    return status;
}

static void put_step(const struct fleet *f, const struct drill *d, const struct forecast_step *s,
                     struct text *t)
{
    text_put_duration(t, s->at_us);
    text_put(t, "  ");
    if (s->drill.state == DRILL_RUNNING && s->drill.step < d->step_count) {
        const struct drill_step *step = &d->steps[s->drill.step];
        text_put(t, s->drill.done ? "does " : "comes to ");
        text_put(t, step->name);
        text_put(t, " (");
        text_put(t, drill_action_name(step->action));
        text_put(t, ")");
    } else if (s->drill.state != DRILL_NEVER) {
        text_put(t, "the drill ");
        text_put(t, drill_state_name(s->drill.state));
        if (s->drill.cause != DRILL_CAUSE_NONE) {
            text_put(t, " for ");
            text_put(t, drill_cause_name(s->drill.cause));
        }
    } else {
        text_put(t, decide_purpose_name(s->purpose));
    }
    if (s->incident_count > 0) {
        text_put(t, "; ");
        explain_incident(f, &s->incident, t);
    }
}

static json_t *shadow_json(const struct forecast *fc, const struct drill *d)
{
    uint32_t n;
    const struct forecast_step *s = forecast_steps(fc, &n);
    const struct control *k = forecast_control(fc);
    json_t *list = json_array();
    for (uint32_t i = 0; i < n && i < FORECAST_MAX_STEPS; i++) {
        char room[SENTENCE_SIZE];
        struct text t = text_over(room, sizeof room);
        put_step(k->fleet, d, &s[i], &t);
        json_array_append_new(list,
                              json_pack("{s:I, s:s, s:s, s:s}", "at_us", (json_int_t)s[i].at_us,
                                        "purpose", decide_purpose_name(s[i].purpose), "drill",
                                        drill_state_name(s[i].drill.state), "text", room));
    }
    return json_pack("{s:b, s:s, s:s, s:s, s:s, s:o}", "ok", k->drill.state == DRILL_PASSED,
                     "drill", d->name, "mode", "shadow", "state", drill_state_name(k->drill.state),
                     "cause", drill_cause_name(k->drill.cause), "steps", list);
}

static int tell_shadow(const struct cli *c, const struct forecast *fc, const struct drill *d)
{
    const struct drill_run *r = &forecast_control(fc)->drill;
    bool passed = r->state == DRILL_PASSED;
    if (c->json) {
        int printed = cli_print_json(c, shadow_json(fc, d));
        return passed ? printed : CLI_FAILURE;
    }
    uint32_t n;
    const struct forecast_step *s = forecast_steps(fc, &n);
    fprintf(c->out, "shadow of %s on %s: nothing is injected, nobody acts\n", d->name, c->on);
    for (uint32_t i = 0; i < n && i < FORECAST_MAX_STEPS; i++) {
        char room[SENTENCE_SIZE];
        struct text t = text_over(room, sizeof room);
        put_step(forecast_control(fc)->fleet, d, &s[i], &t);
        fprintf(c->out, "  %s\n", room);
    }
    if (passed) {
        fputs("it would pass, and leave the very plan from before\n", c->out);
    } else {
        fprintf(c->out, "it would be %s for %s\n", drill_state_name(r->state),
                drill_cause_name(r->cause));
    }
    return passed ? CLI_OK : CLI_FAILURE;
}

static int run_shadow(const struct cli *c, const struct drill *d, const struct aim *aim)
{
    const struct control *k = &aim->host.control;
    struct live_evidence e;
    char why[CLI_WHY_SIZE];
    struct arena a;
    struct forecast *fc;
    enum fold_void void_why = FOLD_ACCEPTED;
    if (live_evidence_get(c, k->fleet, &e, why) != OK) {
        return cli_fail(c, ERR_UNAVAILABLE, "a shadow runs on live evidence: %s", why);
    }
    int code = CLI_FAILURE, status = cli_arena(&a, forecast_arena_size(k->fleet)) ? OK : ERR_MEMORY;
    if (status == OK) {
        status = forecast_new(k, e.at, e.now, &a, &fc);
        status = status == OK ? play(fc, d, &aim->target, &void_why) : status;
        if (status == OK && void_why == FOLD_ACCEPTED) {
            code = tell_shadow(c, fc, d);
        }
    }
    if (status != OK || void_why != FOLD_ACCEPTED) {
        code = cli_fail(c, status, "the shadow of %s: %s", d->name, fold_void_name(void_why));
    }
    free(status == ERR_MEMORY ? NULL : a.base);
    live_evidence_done(&e);
    return code;
}

int drill_run(const struct cli *c, const struct drill *d)
{
    struct aim aim;
    bool shadow = c->mode != NULL && strcmp(c->mode, "shadow") == 0;
    bool live = c->mode != NULL && strcmp(c->mode, "live") == 0;
    if (!shadow && !live) {
        return cli_misuse(c, "say which: --mode shadow, or --mode live");
    }
    if (live && !d->live) {
        return cli_misuse(c, "the drill %s is not made to be run live", d->name);
    }
    if (live && (c->reason == NULL || c->reason[0] == '\0')) {
        return cli_misuse(c, "a live drill needs --reason TEXT: it is kept in the log");
    }
    int code = take_aim(c, d, &aim);
    if (code != CLI_OK) {
        return code;
    }
    code = shadow ? run_shadow(c, d, &aim) : drill_begin(c, d, &aim.host, &aim.target);
    host_close(&aim.host);
    return code;
}
