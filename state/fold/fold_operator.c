/* fold_operator.c: a person's word: whether it counts, and what it does. */
#include "fold/fold_internal.h"
#include "fold/takeover.h"

#include <string.h>

#define REQUEST_LATE_US (60 * US_PER_SEC)
enum { REQUESTS_PER_SECOND = 5 };

static bool request_seen(const struct control *c, const struct request_id *id)
{
    for (uint32_t i = 0; i < CONTROL_MAX_REQUESTS; i++) {
        if (c->requests[i].offset != 0 &&
            memcmp(c->requests[i].id.bytes, id->bytes, sizeof id->bytes) == 0) {
            return true;
        }
    }
    return false;
}

/* Counts the request in its writer's second of log time. */
static bool floods(struct control *c, struct writer_state *w)
{
    if (logtime_diff_us(c->log_time, w->window) >= US_PER_SEC) {
        w->window = c->log_time;
        w->window_requests = 0;
    }
    if (w->window_requests >= REQUESTS_PER_SECOND) {
        return true;
    }
    w->window_requests++;
    return false;
}

/* The word on a region is the word on each of its outages. */
static void approve_region(struct control *c, uint16_t region)
{
    for (uint32_t i = 0; i < c->incident_count; i++) {
        struct incident *n = &c->incidents[i];
        if (n->kind == INCIDENT_IDC_OUTAGE && c->fleet->idcs[n->subject.a].region == region) {
            n->approved = true;
        }
    }
}

static bool approve(struct control *c, uint64_t id)
{
    for (uint32_t i = 0; i < c->incident_count; i++) {
        struct incident *n = &c->incidents[i];
        if (n->id == id) {
            n->approved = true;
            if (n->kind == INCIDENT_REGION_DISASTER) {
                approve_region(c, n->subject.a);
            }
            return true;
        }
    }
    return false;
}

static enum fold_void done(bool well)
{
    return well ? FOLD_ACCEPTED : FOLD_REQUEST_REFUSED;
}

/* What a decision about another fleet replaced says nothing about this one. */
static enum fold_void undo(struct control *c, const struct operator_record *o, int64_t offset)
{
    bool of_this_fleet = o->argument > (uint64_t)c->fleet_offset;
    return of_this_fleet ? order_give(c, ORDER_UNDO, o, offset) : FOLD_REQUEST_OVERTAKEN;
}

static enum fold_void obey(struct control *c, const struct operator_record *o, int64_t offset)
{
    bool before = o->argument < (uint64_t)offset;
    switch (o->command) {
    case OPERATOR_APPROVE: return done(approve(c, o->argument));
    case OPERATOR_RELEASE: return done(order_end_id(c, o->argument));
    case OPERATOR_SKIP: return done(before); /* done already, by the halted */
    case OPERATOR_UNDRAIN: return done(order_end_subject(c, ORDER_DRAIN, &o->subject));
    case OPERATOR_PROMOTE: return done(order_end_subject(c, ORDER_DEMOTE, &o->subject));
    case OPERATOR_UNDO: return before ? undo(c, o, offset) : FOLD_REQUEST_REFUSED;
    case OPERATOR_DRILL: return drill_ask(c, o, offset);
    case OPERATOR_ABORT: return drill_abort(c, o->argument);
    case OPERATOR_HOLD:
    case OPERATOR_UNHOLD: return FOLD_ACCEPTED; /* what counts is what stands at the place */
    case OPERATOR_TRANSFER: return done(takeover_is_possible(c, &o->subject));
    case OPERATOR_FLEET: return FOLD_VERSION; /* needs room: fold_apply() only */
    case OPERATOR_DRAIN:
    case OPERATOR_DEMOTE:
    case OPERATOR_PIN:
    case OPERATOR_FREEZE: return order_give(c, order_of_command(o->command), o, offset);
    }
    return FOLD_VERSION;
}

static enum fold_void request_void(struct control *c, const struct record *r, uint16_t idc)
{
    int64_t late_us = logtime_diff_us(c->log_time, r->log_time);
    if (request_seen(c, &r->operator.request)) {
        return FOLD_REQUEST_SEEN;
    }
    if (late_us > REQUEST_LATE_US || late_us < 0) {
        return FOLD_REQUEST_LATE;
    }
    if (floods(c, &c->writers[idc])) {
        return FOLD_REQUEST_FLOOD;
    }
    bool old = r->base < c->fleet_offset && operator_names_places(r->operator.command);
    return old ? FOLD_REQUEST_OVERTAKEN : FOLD_ACCEPTED;
}

/* log_time of a record from a replica that does not lead is the log time at its base. */
int fold_operator(struct control *c, struct arena *arena, const struct record *r, uint16_t idc,
                  int64_t offset, enum fold_void *ret_void)
{
    enum fold_void why = request_void(c, r, idc);
    int status = OK;
    if (why == FOLD_ACCEPTED && r->operator.command == OPERATOR_FLEET) {
        status = fold_fleet(c, arena, &r->operator, offset, &why);
    } else if (why == FOLD_ACCEPTED) {
        why = obey(c, &r->operator, offset);
    }
    if (status != OK) {
        return status;
    }
    *ret_void = why;
    if (why == FOLD_ACCEPTED) {
        c->requests[c->request_next] = (struct request_state){
            .id = r->operator.request, .status = OK, .offset = (uint64_t)offset};
        c->request_next = (c->request_next + 1) % CONTROL_MAX_REQUESTS;
        c->decisive = offset;
    }
    return OK;
}
