/* drill_report.c: what came of a run of a drill, from the records of this host's journal: objective
 * against measured, what was shed for how long, every decision. */
#include "cli/drill.h"

#include "cli/drill_effect.h"
#include "cli/drill_words.h"
#include "cli/past_fleets.h"
#include "cli/records.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { REPORT_MAX_LINES = 512 }; /* decisions of one run that are shown; more are counted */

/* How long a feature tier was off in a region, by the records' log time. */
struct shed {
    uint16_t region, service;
    uint8_t limit, lowest;              /* now, and at its lowest */
    struct logtime since;               /* of the present limit while it is below `whole` */
    uint8_t whole;                      /* the limit before the run */
    int64_t off_us[FLEET_MAX_TIER + 1]; /* [tier] */
};

struct run_report {
    const struct fleet *fleet;
    struct operator_record asked; /* drill.at is borrowed from the record at `offset` */
    struct drill drill;
    int64_t offset;
    enum drill_state state;
    enum drill_cause cause;
    uint32_t core_errors_ppm;
    uint32_t incident;                               /* of that cause */
    struct logtime asked_at, began, ended, injected; /* us 0: not yet */
    struct drill_effect effect;
    uint32_t slots_moved, decisions;
    uint32_t shed_count;
    struct shed *sheds;
    uint32_t line_count;
    char (*lines)[SENTENCE_SIZE];
};

static struct shed *shed_of(struct run_report *p, uint16_t region, uint16_t service)
{
    for (uint32_t i = 0; i < p->shed_count; i++) {
        if (p->sheds[i].region == region && p->sheds[i].service == service) {
            return &p->sheds[i];
        }
    }
    struct shed *s = &p->sheds[p->shed_count++]; /* room for every pair of the fleet */
    *s = (struct shed){.region = region, .service = service, .limit = UINT8_MAX};
    return s;
}

/* The time that tiers above the present limit were off up to now is added. */
static void account(struct shed *s, struct logtime now)
{
    for (unsigned tier = s->limit + 1U; tier <= s->whole && tier <= FLEET_MAX_TIER; tier++) {
        s->off_us[tier] += logtime_diff_us(now, s->since);
    }
    s->since = now;
}

static void take_change(struct run_report *p, const struct change *ch, struct logtime now)
{
    if (ch->kind == CHANGE_ANSWER) {
        for (uint8_t i = 0; i < ch->answer.to.count && i < ch->answer.from.count; i++) {
            bool moved = ch->answer.to.slots[i].entrance != ch->answer.from.slots[i].entrance;
            p->slots_moved += moved ? 1 : 0;
        }
    } else if (ch->kind == CHANGE_TIER) {
        struct shed *s = shed_of(p, ch->a, ch->b);
        if (s->limit == UINT8_MAX) {
            s->whole = s->lowest = s->limit = ch->tier.from;
            s->since = now;
        }
        account(s, now);
        s->limit = ch->tier.to;
        s->lowest = s->limit < s->lowest ? s->limit : s->lowest;
    }
}

static void take_move(struct run_report *p, const struct drill_move *m, struct logtime now)
{
    const struct drill_step *step = m->step < p->drill.step_count ? &p->drill.steps[m->step] : NULL;
    if (m->state == DRILL_NEVER) {
        return;
    }
    p->state = m->state;
    p->cause = m->cause;
    p->incident = m->incident;
    p->core_errors_ppm =
        m->core_errors_ppm > p->core_errors_ppm ? m->core_errors_ppm : p->core_errors_ppm;
    if (m->state != DRILL_RUNNING && m->state != DRILL_ABORTING) {
        p->ended = now;
    } else if (p->began.us == 0) {
        p->began = now;
    }
    bool strikes =
        step != NULL && m->done && (step->action == DRILL_INJECT || step->action == DRILL_DRAIN);
    if (m->state == DRILL_RUNNING && strikes && p->injected.us == 0) {
        p->injected = now;
    }
}

static void take_line(struct run_report *p, const struct host *h, const struct host_record *r)
{
    char sentence[SENTENCE_SIZE];
    p->decisions += r->record.kind == RECORD_DECIDE ? 1 : 0;
    if (p->line_count == REPORT_MAX_LINES) {
        return;
    }
    record_sentence(h, r, sentence);
    struct text t = text_over(p->lines[p->line_count++], SENTENCE_SIZE);
    text_put_duration(&t, logtime_diff_us(r->record.log_time, p->asked_at));
    text_put(&t, "  ");
    text_put(&t, sentence);
    if (r->record.kind == RECORD_DECIDE && (int64_t)h->control.drill.offset > r->offset) {
        drill_put_step(&p->drill, &r->record.decide.drill, &t); /* of an older run */
    }
}

/* The IDC that the drill takes away. */
static uint16_t lost_idc(const struct run_report *p)
{
    return p->drill.on == DRILL_ON_IDC && drill_injects(&p->drill) ? p->asked.target.index
                                                                   : FLEET_NONE;
}

static void take_record(struct run_report *p, const struct host *h, const struct host_record *r)
{
    struct logtime now = r->record.log_time;
    if (!host_record_counts(r)) {
        return;
    }
    switch (r->record.kind) {
    case RECORD_DECIDE:
        drill_effect_time(&p->effect, r->record.base, now);
        take_move(p, &r->record.decide.drill, now);
        for (uint32_t i = 0; i < r->record.decide.change_count; i++) {
            take_change(p, &r->record.decide.changes[i], now);
        }
        if (p->injected.us != 0) {
            drill_effect_decide(&p->effect, p->fleet, &r->record.decide, lost_idc(p), now);
        }
        take_line(p, h, r);
        break;
    case RECORD_OPERATOR:
        if (r->record.operator.command == OPERATOR_ABORT && p->state == DRILL_RUNNING) {
            p->state = DRILL_ABORTING;
            p->cause = DRILL_CAUSE_PERSON;
        }
        take_line(p, h, r);
        break;
    case RECORD_STEP:
        drill_effect_outcome(&p->effect, &r->record.step, r->offset);
        if (r->record.step.kind == STEP_INJECTION) {
            take_line(p, h, r);
        }
        break;
    case RECORD_CLAIM: take_line(p, h, r); break;
    case RECORD_HEARTBEAT: drill_effect_time(&p->effect, r->record.base, now); break;
    case RECORD_GENESIS:
    case RECORD_SNAPSHOT:
    case RECORD_RULES: break;
    }
}

/* --- Finding ------------------------------------------------------------------------------------
 */

static bool is_ask(const struct host_record *r)
{
    return r->record.kind == RECORD_OPERATOR && host_record_counts(r) &&
           r->record.operator.command == OPERATOR_DRILL;
}

/* The record that asked for the run with this number; runs are counted from the first record. */
static int find_ask(const struct host *h, uint64_t run, struct host_record *ret)
{
    struct host_record r = {0};
    uint64_t seen = 0;
    int status = host_record_seek(h, JOURNAL_FIRST, &r);
    while (status == OK) {
        seen += is_ask(&r) ? 1 : 0;
        if (seen == run) {
            *ret = r;
            return OK;
        }
        struct host_record next = {.offset = r.offset};
        status = host_record_seek(h, JOURNAL_NEXT, &next);
        host_record_done(&r);
        r = next;
    }
    return status;
}

static int begin_report(const struct host *h, const struct host_record *ask, struct run_report *p)
{
    const struct fleet *f = host_fleet_at(h, ask->offset);
    struct codec in =
        codec_reader(ask->record.operator.drill.at, ask->record.operator.drill.size, NULL);
    *p = (struct run_report){.fleet = f, .offset = ask->offset, .state = DRILL_ASKED};
    if (f->region_count == 0) {
        return ERR_NOT_FOUND; /* its fleet is not kept here */
    }
    drill_codec(&in, &p->drill);
    p->asked = ask->record.operator;
    p->asked_at = ask->record.log_time;
    p->sheds = calloc((size_t)f->region_count * f->service_count + 1, sizeof *p->sheds);
    p->lines = calloc(REPORT_MAX_LINES, sizeof *p->lines);
    if (p->sheds == NULL || p->lines == NULL) {
        return ERR_MEMORY;
    }
    return codec_finish(&in) == OK ? OK : ERR_CORRUPT;
}

/* Reads on from the asking until the run has ended, or the journal. */
static int read_run(const struct host *h, struct run_report *p)
{
    struct host_record r = {.offset = p->offset};
    int status = host_record_seek(h, JOURNAL_AT, &r);
    struct logtime last = p->asked_at;
    while (status == OK && p->ended.us == 0) {
        take_record(p, h, &r);
        last = r.record.log_time.us > last.us ? r.record.log_time : last;
        struct host_record next = {.offset = r.offset};
        status = host_record_seek(h, JOURNAL_NEXT, &next);
        host_record_done(&r);
        r = next;
    }
    if (status == OK) {
        host_record_done(&r);
    }
    for (uint32_t i = 0; i < p->shed_count; i++) {
        account(&p->sheds[i], last);
    }
    return status == ERR_NOT_FOUND ? OK : status;
}

/* --- Telling ------------------------------------------------------------------------------------
 */

/* From the stroke until then; -1: one of the two was not seen. */
static int64_t since_stroke_us(const struct run_report *p, struct logtime then)
{
    return p->injected.us != 0 && then.us != 0 ? logtime_diff_us(then, p->injected) : -1;
}

static int64_t effect_us(const struct run_report *p)
{
    return since_stroke_us(p, p->effect.done);
}

static bool objective_met(const struct run_report *p)
{
    int64_t effect = effect_us(p);
    return p->state == DRILL_PASSED && effect >= 0 && effect <= p->drill.objective_us &&
           p->core_errors_ppm <= p->drill.objective_ppm;
}

static void print_time(const struct cli *c, const char *what, int64_t us, const char *more)
{
    char room[64];
    struct text t = text_over(room, sizeof room);
    text_put_duration(&t, us);
    fprintf(c->out, "  %s %s%s\n", what, us < 0 ? "not seen" : room, more);
}

static void print_sheds(const struct cli *c, const struct run_report *p)
{
    for (uint32_t i = 0; i < p->shed_count; i++) {
        const struct shed *s = &p->sheds[i];
        const struct service *service = &p->fleet->services[s->service];
        for (uint16_t k = 0; k < service->feature_count; k++) {
            const struct feature *feature = &service->features[k];
            if (s->off_us[feature->tier] > 0) {
                char room[64];
                struct text t = text_over(room, sizeof room);
                text_put_duration(&t, s->off_us[feature->tier]);
                fprintf(c->out, "  shed %s of %s in %s (tier %u) for %s\n", feature->name,
                        service->name, p->fleet->regions[s->region].name, feature->tier, room);
            }
        }
    }
    if (p->shed_count == 0) {
        fputs("  shed no feature\n", c->out);
    }
}

/* Before a refused drill is asked for again. */
static const char *what_to_do(enum drill_cause cause)
{
    switch (cause) {
    case DRILL_CAUSE_INCIDENT: return "wait until `spillway status` shows no open incident";
    case DRILL_CAUSE_ORDER: return "`spillway status` shows it; spillway release ORDER ends it";
    case DRILL_CAUSE_HEADROOM:
        return "core would not fit without what it strikes: spillway drill check tells the loads";
    case DRILL_CAUSE_ERRORS: return "core requests fail already: see to them first";
    case DRILL_CAUSE_NONE:
    case DRILL_CAUSE_PERSON:
    case DRILL_CAUSE_TIME:
    case DRILL_CAUSE_INJECTOR: break;
    }
    return "the records below tell why";
}

static void print_score(const struct cli *c, const struct run_report *p, const char *target)
{
    char limit[64], share[2][64];
    struct text t = text_over(limit, sizeof limit), e = text_over(share[0], sizeof share[0]),
                g = text_over(share[1], sizeof share[1]);
    text_put(&t, "; the objective is ");
    text_put_duration(&t, p->drill.objective_us);
    text_put_share(&e, p->core_errors_ppm);
    text_put_share(&g, p->drill.objective_ppm);
    fprintf(c->out, "drill %s on %s: %s", p->drill.name, target, drill_state_name(p->state));
    if (p->cause != DRILL_CAUSE_NONE) {
        fprintf(c->out, " for %s", drill_cause_name(p->cause));
    }
    if (p->incident != 0) {
        fprintf(c->out, " (spillway explain incident %u)", p->incident);
    }
    if (p->state == DRILL_REFUSED) {
        fprintf(c->out, "; nothing was struck\n  run by %s: %s\n  %s\n", p->asked.identity,
                p->asked.reason, what_to_do(p->cause));
        return;
    }
    fprintf(c->out, ", objective %s\n  run by %s: %s\n", objective_met(p) ? "met" : "missed",
            p->asked.identity, p->asked.reason);
    print_time(c, "from the stroke to the decision:", since_stroke_us(p, p->effect.decided), "");
    print_time(c, "from the stroke to the effect everywhere, at most:", effect_us(p), limit);
    fprintf(c->out, "  core errors at worst %s; the objective is %s (as the services tell)\n",
            share[0], share[1]);
    fprintf(c->out, "  %u slots moved, to and fro, in %u decisions\n", p->slots_moved,
            p->decisions);
    print_sheds(c, p);
}

static void print_lines(const struct cli *c, const struct run_report *p)
{
    fputs("records, by log time since it was asked for:\n", c->out);
    for (uint32_t i = 0; i < p->line_count; i++) {
        fprintf(c->out, "  %s\n", p->lines[i]);
    }
}

static json_t *sheds_json(const struct run_report *p)
{
    json_t *list = json_array();
    for (uint32_t i = 0; i < p->shed_count; i++) {
        const struct shed *s = &p->sheds[i];
        const struct service *service = &p->fleet->services[s->service];
        for (uint16_t k = 0; k < service->feature_count; k++) {
            const struct feature *feature = &service->features[k];
            json_array_append_new(list, json_pack("{s:s, s:s, s:s, s:i, s:I}", "region",
                                                  p->fleet->regions[s->region].name, "service",
                                                  service->name, "feature", feature->name, "tier",
                                                  feature->tier, "off_us",
                                                  (json_int_t)s->off_us[feature->tier]));
        }
    }
    return list;
}

static json_t *report_json(const struct run_report *p, const char *target)
{
    json_t *lines = json_array();
    for (uint32_t i = 0; i < p->line_count; i++) {
        json_array_append_new(lines, json_string(p->lines[i]));
    }
    const int64_t decided = since_stroke_us(p, p->effect.decided);
    return json_pack(
        "{s:b, s:s, s:s, s:s, s:s, s:i, s:s, s:s, s:b, s:I, s:I, s:I, s:I, s:I, s:i, s:i, "
        "s:o, s:o}",
        "ok", p->state == DRILL_PASSED, "drill", p->drill.name, "target", target, "state",
        drill_state_name(p->state), "cause", drill_cause_name(p->cause), "incident",
        (int)p->incident, "identity", p->asked.identity, "reason", p->asked.reason, "objective_met",
        objective_met(p), "decided_us", (json_int_t)decided, "effect_us", (json_int_t)effect_us(p),
        "objective_effect_us", (json_int_t)p->drill.objective_us, "core_errors_ppm",
        (json_int_t)p->core_errors_ppm, "objective_core_errors_ppm",
        (json_int_t)p->drill.objective_ppm, "slots_moved", (int)p->slots_moved, "decisions",
        (int)p->decisions, "shed", sheds_json(p), "records", lines);
}

static int tell(const struct cli *c, const struct run_report *p, bool brief)
{
    char target[2 * FLEET_NAME_SIZE + 2];
    struct text t = text_over(target, sizeof target);
    drill_target_put(p->fleet, p->drill.on, &p->asked.target, &t);
    if (c->json) {
        return cli_print_json(c, report_json(p, target));
    }
    print_score(c, p, target);
    if (brief) {
        fputs("every record of it: spillway drill report\n", c->out);
    } else {
        print_lines(c, p);
    }
    return CLI_OK;
}

static int report_on(const struct cli *c, const struct host *h, uint64_t run, bool brief)
{
    struct host_record ask = {0};
    struct run_report p = {0};
    int status = find_ask(h, run, &ask);
    if (status != OK) {
        return status == ERR_NOT_FOUND
                   ? cli_fail(c, OK, "no drill %llu in this host's journal; the newest is %u",
                              (unsigned long long)run, h->control.drill.id)
                   : cli_fail(c, status, "the records of drill %llu", (unsigned long long)run);
    }
    status = begin_report(h, &ask, &p);
    status = status == OK ? read_run(h, &p) : status;
    int code = status == OK ? tell(c, &p, brief) : cli_fail(c, status, "the records of the run");
    host_record_done(&ask);
    free(p.sheds);
    free(p.lines);
    return code;
}

int drill_score(const struct cli *c)
{
    struct host h;
    if (host_open(c, &h) != OK) {
        return CLI_FAILURE;
    }
    int code = report_on(c, &h, h.control.drill.id, true);
    host_close(&h);
    return code;
}

int drill_report(const struct cli *c, const char *run)
{
    struct host h;
    char *end = NULL;
    errno = 0;
    uint64_t wanted = run == NULL ? 0 : strtoull(run, &end, 10);
    if (run != NULL && (errno != 0 || end == run || *end != '\0' || wanted == 0)) {
        return cli_misuse(c, "a run is a number: spillway drill report 3");
    }
    if (host_open(c, &h) != OK) {
        return CLI_FAILURE;
    }
    wanted = wanted == 0 ? h.control.drill.id : wanted;
    int code = wanted == 0 ? cli_fail(c, OK, "no drill was run in this log")
                           : report_on(c, &h, wanted, false);
    host_close(&h);
    return code;
}
