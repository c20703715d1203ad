/* commands.c: from the names of a request to a command, and from what the log made of it to an
 * answer. */
#include "daemon/commands.h"

#include "config/fleet_config.h"
#include "core/decide.h"
#include "core/explain.h"
#include "fold/takeover.h"
#include "wire/record.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define COMMAND_IN_USE                                                                             \
    "an answer uses an entrance, an address or a number of slots that the new fleet does not "     \
    "have, or it takes the last way between two IDCs or a service's last announcer: drain it "     \
    "first (spillway drain), then give the fleet"

/* --- Names --------------------------------------------------------------------------------------
 */

static int find_subject(const struct fleet *f, enum order_kind kind, const char *name,
                        struct subject *ret_subject, char *why)
{
    int status = order_subject_find(f, kind, name, ret_subject);
    if (status == ERR_NOT_FOUND) {
        snprintf(
            why, WHY_SIZE,
            "subject: found \"%s\", expected an IDC, an entrance, SERVICE@IDC or CARRIER@IDC%s "
            "of fleet %s",
            name, kind == ORDER_PIN ? " or a region" : "", f->name);
    } else if (status != OK) {
        snprintf(why, WHY_SIZE,
                 "subject: \"%s\" names several things; put the kind before it: idc:, entrance:, "
                 "service:, carrier-at: or region:",
                 name);
    }
    return status;
}

static int find_features(const struct fleet *f, const struct request *r,
                         struct subject *ret_subject, char *why)
{
    int status = order_features_find(f, r->region, r->service, ret_subject);
    if (status != OK) {
        snprintf(why, WHY_SIZE,
                 "found region \"%s\" and service \"%s\", expected those of fleet %s", r->region,
                 r->service, f->name);
    }
    return status;
}

/* --- Undo ---------------------------------------------------------------------------------------
 */

/* The decision as the journal has it; its arrays live in *ret_memory, to be freed. */
static int read_decision(struct daemon *d, int64_t offset, struct record *ret_record,
                         void **ret_memory, char *why)
{
    void *memory = NULL;
    struct journal_view *view = NULL;
    struct journal_entry entry = {.offset = offset};
    struct arena arena;
    int status = daemon_commit(d) ? journal_view_open(d->store.journal, &view) : ERR_IO;
    status = status == OK ? journal_seek(view, JOURNAL_AT, &entry) : status;
    if (status == OK) {
        size_t room = (record_arena_size(entry.size) + 15) & ~(size_t)15;
        memory = aligned_alloc(16, room);
        arena_init(&arena, memory, memory != NULL ? room : 0);
        status = memory == NULL ? ERR_MEMORY
                                : record_decode(entry.bytes, entry.size, &arena, ret_record);
    }
    bool decided = status == OK && ret_record->kind == RECORD_DECIDE &&
                   entry.outcome == FOLD_ACCEPTED && ret_record->decide.change_count > 0;
    journal_view_close(view);
    if (!decided) {
        free(memory);
        memory = NULL;
    }
    *ret_memory = memory;
    if (status == ERR_NOT_FOUND || (status == OK && !decided)) {
        snprintf(why, WHY_SIZE,
                 "record %lld is no decision that changed the plan, or not kept here",
                 (long long)offset);
        return ERR_NOT_FOUND;
    }
    if (status != OK) {
        snprintf(why, WHY_SIZE, "decision %lld cannot be read: %s", (long long)offset,
                 error_text(status));
    }
    return status;
}

static int prepare_undo(struct daemon *d, const struct request *r, struct operator_record *o,
                        void **ret_memory, char *why)
{
    struct record record;
    const struct control *c = replica_control(d->replica);
    int status = read_decision(d, (int64_t)r->number, &record, ret_memory, why);
    if (status != OK) {
        return status;
    }
    o->changes = record.decide.changes;
    o->change_count = changes_undo(&c->plan, o->changes, record.decide.change_count);
    if (o->change_count == 0) {
        free(*ret_memory);
        *ret_memory = NULL;
        snprintf(why, WHY_SIZE,
                 "nothing of decision %lld stands: later decisions replaced it, undo those "
                 "(spillway history)",
                 (long long)r->number);
        return ERR_STALE;
    }
    return OK;
}

/* --- Drills -------------------------------------------------------------------------------------
 */

/* The runbook's bytes stay in the request, which outlives the command. */
static int prepare_drill(const struct fleet *f, const struct request *r, struct operator_record *o,
                         char *why)
{
    struct drill d;
    uint32_t step;
    memset(&d, 0, sizeof d);
    struct codec in = codec_reader(r->drill, r->drill_size, NULL);
    drill_codec(&in, &d);
    const char *broken = codec_finish(&in) != OK ? "it cannot be read" : drill_broken(&d, &step);
    if (broken != NULL || !d.live) {
        snprintf(why, WHY_SIZE, "the runbook: %s",
                 broken != NULL ? broken : "it is not made to be run live");
        return ERR_INVALID;
    }
    o->drill = (struct bytes){r->drill, r->drill_size};
    if (drill_target_find(f, d.on, r->subject, &o->target) != OK) {
        snprintf(why, WHY_SIZE, "found \"%s\", expected a %s of fleet %s", r->subject,
                 drill_on_name(d.on), f->name);
        return ERR_NOT_FOUND;
    }
    return OK;
}

/* --- A new fleet --------------------------------------------------------------------------------
 */

/* The first mistake of the file, as the person sees it. */
static void put_mistake(const struct config_errors *errs, char *why)
{
    snprintf(why, WHY_SIZE, "the fleet cannot be read");
    for (uint32_t i = 0; i < errs->count; i++) {
        if (!errs->items[i].warning) {
            snprintf(why, WHY_SIZE, "the fleet, line %u: %s", errs->items[i].line,
                     errs->items[i].text);
            return;
        }
    }
}

/* Canonical fleet and plan, one behind the other, in memory of their own. */
static int encode_fleet(const struct control *c, struct fleet *f, struct operator_record *o,
                        void **ret_memory)
{
    size_t need = (plan_following_arena_size(c, f) + 15) & ~(size_t)15;
    void *memory = aligned_alloc(16, need);
    struct arena a;
    struct plan plan;
    arena_init(&a, memory, memory != NULL ? need : 0);
    int status = memory == NULL ? ERR_MEMORY : plan_following(c, f, &a, &plan);
    if (status == OK) {
        struct codec m = codec_measure();
        plan_codec(&m, &plan);
        size_t fleet_size = fleet_encoded_size(f);
        uint8_t *bytes = malloc(fleet_size + m.pos);
        status = bytes == NULL ? ERR_MEMORY : OK;
        if (status == OK) {
            struct codec w = codec_writer(bytes, fleet_size);
            fleet_codec(&w, f);
            w = codec_writer(bytes + fleet_size, m.pos);
            plan_codec(&w, &plan);
            o->fleet = (struct bytes){bytes, fleet_size};
            o->plan = (struct bytes){bytes + fleet_size, m.pos};
            *ret_memory = bytes;
        }
    }
    free(memory);
    return status;
}

static int prepare_fleet(struct daemon *d, const struct request *r, struct operator_record *o,
                         void **ret_memory, char *why)
{
    const struct control *c = replica_control(d->replica);
    struct config_errors errs = {0};
    struct arena a;
    struct fleet f;
    void *memory = aligned_alloc(16, CONFIG_FLEET_ARENA_SIZE);
    if (memory == NULL) {
        return ERR_MEMORY;
    }
    arena_init(&a, memory, CONFIG_FLEET_ARENA_SIZE);
    int status = config_fleet_parse(r->fleet, r->fleet_size, &a, &f, &errs);
    if (status == ERR_INVALID) {
        put_mistake(&errs, why);
    }
    config_errors_done(&errs);
    if (status == OK && record_size_bound(&f) > RECORD_MAX_BYTES) {
        status = ERR_TOO_LARGE;
    }
    o->replaces = r->replaces;
    o->argument = (uint64_t)c->fleet_offset;
    status = status == OK ? encode_fleet(c, &f, o, ret_memory) : status;
    if (status == ERR_BUSY) {
        snprintf(why, WHY_SIZE, "%s", COMMAND_IN_USE);
        status = ERR_GUARD;
    }
    free(memory);
    return status;
}

/* --- The lead -----------------------------------------------------------------------------------
 */

static int prepare_transfer(const struct fleet *f, const struct request *r,
                            struct operator_record *o, char *why)
{
    if (r->subject[0] == '\0') {
        return OK;
    }
    o->subject = (struct subject){SUBJECT_IDC, fleet_find_idc(f, r->subject), 0};
    if (o->subject.a == FLEET_NONE) {
        snprintf(why, WHY_SIZE, "to: found \"%s\", expected an IDC of fleet %s", r->subject,
                 f->name);
        return ERR_NOT_FOUND;
    }
    return OK;
}

/* Why nobody, or not the one that was named, takes over. */
static void put_takeovers(const struct control *c, const struct subject *to, struct text *t)
{
    if (c->epoch == 0) {
        text_put(t, "nobody leads");
        return;
    }
    bool first = true;
    for (uint16_t i = 0; i < c->fleet->idc_count; i++) {
        bool meant = (unsigned)to->kind == 0 ? c->fleet->idcs[i].candidate : to->a == i;
        if (meant) {
            text_put(t, first ? "" : "; ");
            text_put(t, c->fleet->idcs[i].name);
            text_put(t, " ");
            text_put(t, takeover_text(takeover_of(c, i)));
            first = false;
        }
    }
}

/* --- A record that broke ------------------------------------------------------------------------
 */

/* Only where it broke: a replica that folded it keeps it. */
static int prepare_skip(const struct daemon *d, const struct request *r, char *why)
{
    int64_t at = -1;
    const char *halted = replica_halted(d->replica, &at);
    const uint32_t needs = replica_needs(d->replica);
    if (needs != 0) {
        snprintf(why, WHY_SIZE,
                 "the log needs rules version %u, and spillwayd here runs %u: upgrade it", needs,
                 (unsigned)FOLD_RULES_NEWEST);
        return ERR_VERSION;
    }
    if (halted != NULL && at > replica_control(d->replica)->applied && (uint64_t)at == r->number) {
        return OK;
    }
    snprintf(why, WHY_SIZE, "record %llu is not where this replica has halted (spillway status)",
             (unsigned long long)r->number);
    return ERR_NOT_FOUND;
}

/* --- All ----------------------------------------------------------------------------------------
 */

int command_prepare(struct daemon *d, const struct request *r, struct operator_record *ret_command,
                    void **ret_memory, char *why)
{
    const struct fleet *f = replica_control(d->replica)->fleet;
    struct operator_record o = {.request = r->id,
                                .command = r->command,
                                .argument = r->number,
                                .tier = r->tier,
                                .ttl_us = r->ttl_us};
    int status = OK;
    *ret_memory = NULL;
    memcpy(o.reason, r->reason, sizeof o.reason);
    switch (r->command) {
    case OPERATOR_DRAIN:
    case OPERATOR_UNDRAIN:
        status = find_subject(f, ORDER_DRAIN, r->subject, &o.subject, why);
        break;
    case OPERATOR_PIN: status = find_subject(f, ORDER_PIN, r->subject, &o.subject, why); break;
    case OPERATOR_DEMOTE:
    case OPERATOR_PROMOTE: status = find_features(f, r, &o.subject, why); break;
    case OPERATOR_UNDO: status = prepare_undo(d, r, &o, ret_memory, why); break;
    case OPERATOR_DRILL: status = prepare_drill(f, r, &o, why); break;
    case OPERATOR_SKIP: status = prepare_skip(d, r, why); break;
    case OPERATOR_APPROVE:
    case OPERATOR_RELEASE:
    case OPERATOR_FREEZE:
    case OPERATOR_ABORT:
    case OPERATOR_HOLD:
    case OPERATOR_UNHOLD: break;
    case OPERATOR_FLEET: status = prepare_fleet(d, r, &o, ret_memory, why); break;
    case OPERATOR_TRANSFER: status = prepare_transfer(f, r, &o, why); break;
    }
    if (status == OK) {
        *ret_command = o;
    }
    return status;
}

bool command_was_folded(const struct daemon *d, const struct request_id *id)
{
    const struct control *c = replica_control(d->replica);
    for (uint32_t i = 0; i < CONTROL_MAX_REQUESTS; i++) {
        if (c->requests[i].offset != 0 && memcmp(&c->requests[i].id, id, sizeof *id) == 0) {
            return true;
        }
    }
    return false;
}

/* --- Answers ------------------------------------------------------------------------------------
 */

static const struct order *order_at(const struct control *c, int64_t offset)
{
    for (uint32_t i = 0; i < c->order_count; i++) {
        if (c->orders[i].offset == (uint64_t)offset) {
            return &c->orders[i];
        }
    }
    return NULL;
}

/* How many places the order keeps, and how many of its decision's a later one had taken. */
static void put_undone(struct daemon *d, const struct order *o, json_t *answer)
{
    const struct control *c = replica_control(d->replica);
    struct record record;
    char why[WHY_SIZE];
    void *memory;
    uint32_t kept = 0;
    for (uint32_t i = 0; i < c->fixed_count; i++) {
        kept += c->fixed[i].order == o->id ? 1 : 0;
    }
    json_object_set_new(answer, "undone", json_integer(kept));
    if (read_decision(d, (int64_t)o->decision, &record, &memory, why) == OK) {
        uint32_t all = record.decide.change_count;
        json_object_set_new(answer, "overtaken", json_integer(all > kept ? all - kept : 0));
        free(memory);
    }
}

json_t *command_answer(struct daemon *d, const struct operator_record *command, int64_t offset)
{
    const struct control *c = replica_control(d->replica);
    const struct order *o = order_at(c, offset);
    json_t *answer =
        json_pack("{s:b, s:s, s:I}", "ok", 1, "command", operator_command_name(command->command),
                  "offset", (json_int_t)offset);
    if (answer != NULL && o != NULL) {
        char room[1024];
        struct text t = text_over(room, sizeof room);
        explain_order(c->fleet, o, o->since, &t); /* the same whenever it is asked */
        json_object_set_new(answer, "order", json_integer(o->id));
        json_object_set_new(answer, "text", json_string(room));
        if (o->kind == ORDER_UNDO) {
            put_undone(d, o, answer);
        }
    }
    return answer;
}

static void put_not_found(const struct control *c, const struct operator_record *o, struct text *t)
{
    const struct fleet *f = c->fleet;
    switch (o->command) {
    case OPERATOR_APPROVE: text_put(t, "incident "); break;
    case OPERATOR_RELEASE: text_put(t, "order "); break;
    case OPERATOR_UNDRAIN:
    case OPERATOR_PROMOTE:
        text_put(t, o->command == OPERATOR_UNDRAIN ? "no drain of " : "no demotion of ");
        explain_subject(f, &o->subject, t);
        text_put(t, " is in force");
        return;
    case OPERATOR_DEMOTE: text_put(t, "the service has no feature of that tier or above"); return;
    case OPERATOR_SKIP:
    case OPERATOR_UNDO:
    case OPERATOR_DRILL:
    case OPERATOR_ABORT:
    case OPERATOR_HOLD:
    case OPERATOR_UNHOLD:
    case OPERATOR_DRAIN:
    case OPERATOR_PIN:
    case OPERATOR_FREEZE: text_put(t, "there is no such thing"); return;
    case OPERATOR_TRANSFER: put_takeovers(c, &o->subject, t); return;
    case OPERATOR_FLEET:
        text_put(t,
                 "the log cannot follow to that fleet: it keeps its name and its zone, and an IDC "
                 "its name and its partition");
        return;
    }
    text_put_int(t, (int64_t)o->argument);
    text_put(t, o->command == OPERATOR_APPROVE ? " is not open" : " is not in force");
}

/* The order that says so already. */
static void put_existing(const struct control *c, const struct operator_record *o, struct text *t)
{
    for (uint32_t i = 0; i < c->order_count; i++) {
        const struct order *at = &c->orders[i];
        if (!at->ended && at->kind == order_of_command(o->command) &&
            subject_equal(&at->subject, &o->subject)) {
            text_put(t, "already said: ");
            explain_order(c->fleet, at, c->log_time, t);
            return;
        }
    }
    text_put(t, "already said");
}

void command_refusal(const struct daemon *d, const struct operator_record *command, int status,
                     char *why)
{
    const struct control *c = replica_control(d->replica);
    struct text t = text_over(why, WHY_SIZE);
    switch (status) {
    case ERR_NOT_FOUND: put_not_found(c, command, &t); return;
    case ERR_FULL:
        text_put(&t, "there are ");
        text_put_int(&t, ORDER_MAX);
        text_put(&t, " orders: release one first (spillway status shows them)");
        return;
    case ERR_EXISTS: put_existing(c, command, &t); return;
    case ERR_GUARD:
        text_put(&t, command->command == OPERATOR_FLEET ? COMMAND_IN_USE
                                                        : "guard core: tier 0 is never demoted");
        return;
    case ERR_STALE:
        if (command->command == OPERATOR_FLEET) {
            text_put(&t, "the fleet or the plan in force is another one by now: look again");
            return;
        }
        text_put(&t, "nothing of that decision stands any more: later decisions replaced it");
        return;
    case ERR_BUSY:
        text_put(&t, command->command == OPERATOR_FLEET
                         ? "a drill runs, a freeze holds, a decision waits for its confirmation, "
                           "or there are too many requests: again when that is over"
                         : "too many requests at once");
        return;
    case ERR_TIMEOUT:
        text_put(&t, "the log has not answered; it may still count: ask again with the same id");
        return;
    default: text_put(&t, "the log did not take it"); return;
    }
}
