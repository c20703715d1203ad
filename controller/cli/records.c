/* records.c: records and incidents as sentences and JSON. */
#include "cli/records.h"

#include "cli/drill_words.h"
#include "cli/past_fleets.h"
#include "core/explain.h"
#include "fold/fold.h"

const char *outcome_name(uint8_t outcome)
{
    return outcome == JOURNAL_OUTCOME_UNKNOWN ? "unknown" : fold_void_name((enum fold_void)outcome);
}

const char *replica_name(const struct fleet *f, uint16_t replica, char *room)
{
    if (replica == REPLICA_PERSON) {
        return "a person";
    }
    for (uint32_t i = 0; i < f->idc_count; i++) {
        if (f->idcs[i].partition == replica) {
            return f->idcs[i].name;
        }
    }
    snprintf(room, 32, "replica %u", replica);
    return room;
}

void record_sentence(const struct host *h, const struct host_record *r, char *room)
{
    struct text t = text_over(room, SENTENCE_SIZE);
    const struct drill_run *run = &h->control.drill;
    explain_line(host_fleet_at(h, r->offset), &r->record, r->offset, &t);
    /* A move names its step by number; the newest run's runbook is at hand. */
    if (r->record.kind == RECORD_DECIDE && run->state != DRILL_NEVER &&
        r->offset > (int64_t)run->offset) {
        drill_put_step(&run->drill, &r->record.decide.drill, &t);
    }
}

/* It notes what services measure and nothing else: so many of them that people would see no other.
 */
static bool only_measures(const struct decide *d)
{
    return d->purpose == DECIDE_NOTE && d->demand_count > 0 && d->incident_count == 0 &&
           d->order == 0 && d->drill.state == DRILL_NEVER;
}

bool record_is_history(const struct host_record *r)
{
    switch (r->record.kind) {
    case RECORD_DECIDE: return !only_measures(&r->record.decide);
    case RECORD_GENESIS:
    case RECORD_CLAIM:
    case RECORD_OPERATOR:
    case RECORD_RULES: return true;
    case RECORD_STEP: return r->record.step.kind == STEP_LINK_DOWN;
    case RECORD_HEARTBEAT:
    case RECORD_SNAPSHOT: return false;
    }
    return false;
}

/* "decide", "claim": the table's names in lower case, as all words in --json are. */
static json_t *lower(const char *name)
{
    char word[32];
    size_t n = 0;
    for (; name[n] != '\0' && n + 1 < sizeof word; n++) {
        word[n] = (char)(name[n] >= 'A' && name[n] <= 'Z' ? name[n] + ('a' - 'A') : name[n]);
    }
    return json_stringn(word, n);
}

static void put_decide(json_t *o, const struct decide *d)
{
    json_object_set_new(o, "purpose", json_string(decide_purpose_name(d->purpose)));
    json_object_set_new(o, "generation", json_integer((json_int_t)d->generation));
    json_object_set_new(o, "changes", json_integer(d->change_count));
    json_t *guards = json_array();
    for (uint32_t i = 0; i < d->guard_count; i++) {
        json_array_append_new(guards,
                              json_pack("{s:s, s:b}", "guard", guard_name(d->guards[i].guard),
                                        "passed", d->guards[i].passed));
    }
    json_object_set_new(o, "guards", guards);
    json_object_set_new(o, "order", json_integer(d->order));
    json_object_set_new(o, "concerns", json_integer((json_int_t)d->concerns));
    json_t *incidents = json_array();
    for (uint32_t i = 0; i < d->incident_count; i++) {
        json_array_append_new(incidents, json_integer(d->incidents[i].id));
    }
    json_object_set_new(o, "incidents", incidents);
}

json_t *record_json(const struct host *h, const struct host_record *r)
{
    char sentence[SENTENCE_SIZE], room[32];
    record_sentence(h, r, sentence);
    json_t *o = json_object();
    json_object_set_new(o, "offset", json_integer(r->offset));
    json_object_set_new(o, "kind", lower(record_kind_name(r->record.kind)));
    json_object_set_new(o, "epoch", json_integer((json_int_t)r->record.epoch));
    json_object_set_new(
        o, "writer",
        json_string(replica_name(host_fleet_at(h, r->offset), r->record.writer.replica, room)));
    json_object_set_new(o, "log_time_us", json_integer(r->record.log_time.us));
    json_object_set_new(o, "counts", json_boolean(host_record_counts(r)));
    json_object_set_new(o, "outcome", json_string(outcome_name(r->outcome)));
    json_object_set_new(o, "bytes", json_integer((json_int_t)r->size));
    if (r->record.kind == RECORD_DECIDE) {
        put_decide(o, &r->record.decide);
    }
    if (r->record.kind == RECORD_OPERATOR) {
        json_object_set_new(o, "command",
                            json_string(operator_command_name(r->record.operator.command)));
        json_object_set_new(o, "identity", json_string(r->record.operator.identity));
        json_object_set_new(o, "reason", json_string(r->record.operator.reason));
    }
    json_object_set_new(o, "text", json_string(sentence));
    return o;
}

const char *incident_page(enum incident_kind k, char *room)
{
    snprintf(room, PAGE_NAME_SIZE, "runbooks/incidents/%s.md", incident_kind_name(k));
    return room;
}

json_t *incident_json(const struct fleet *f, const struct incident *i)
{
    char page[PAGE_NAME_SIZE];
    char subject[SENTENCE_SIZE], sentence[SENTENCE_SIZE];
    struct text t = text_over(subject, sizeof subject), s = text_over(sentence, sizeof sentence);
    explain_subject(f, &i->subject, &t);
    explain_incident(f, i, &s);
    return json_pack(
        "{s:I, s:s, s:s, s:s, s:s, s:s, s:b, s:b, s:I, s:I, s:I, s:I, s:s, s:s}", "id",
        (json_int_t)i->id, "kind", incident_kind_name(i->kind), "state",
        incident_state_name(i->state), "subject_kind", subject_kind_name(i->subject.kind),
        "subject", subject, "rule", rule_text(i->rule), "needs_approval", i->needs_approval,
        "approved", i->approved, "opened_us", (json_int_t)i->opened.us, "changed_us",
        (json_int_t)i->changed.us, "opened_offset", (json_int_t)i->opened_offset, "changed_offset",
        (json_int_t)i->changed_offset, "text", sentence, "page", incident_page(i->kind, page));
}
