/* fold_orders.c: orders come, are taken back, run out, and leave when what they moved is home. */
#include "fold/fold_internal.h"

#include <string.h>

bool control_frozen(const struct control *c)
{
    bool frozen = false;
    for (uint32_t i = 0; i < c->order_count; i++) {
        frozen = frozen || c->orders[i].kind == ORDER_FREEZE;
    }
    return frozen;
}

const struct order *control_order(const struct control *c, uint64_t id)
{
    for (uint32_t i = 0; i < c->order_count; i++) {
        if (c->orders[i].id == id) {
            return &c->orders[i];
        }
    }
    return NULL;
}

/* Lies between first and last; the array is in the order of places. */
const struct fixed *control_fixed(const struct control *c, const struct change *place)
{
    uint32_t low = 0, high = c->fixed_count;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        int side = change_compare(&c->fixed[middle].change, place);
        if (side == 0) {
            return &c->fixed[middle];
        }
        low = side < 0 ? middle + 1 : low;
        high = side < 0 ? high : middle;
    }
    return NULL;
}

struct digest fixed_digest(const struct control *c)
{
    uint8_t room[sizeof(struct fixed)];
    struct sha256 sha;
    sha256_init(&sha);
    for (uint32_t i = 0; i < c->fixed_count; i++) {
        struct codec w = codec_writer(room, sizeof room);
        struct fixed copy = c->fixed[i];
        fixed_codec(&w, &copy);
        sha256_update(&sha, room, w.pos);
    }
    return sha256_final(&sha);
}

/* --- Values to keep -----------------------------------------------------------------------------
 */

static void release_fixed(struct control *c, uint32_t order)
{
    uint32_t kept = 0;
    for (uint32_t i = 0; i < c->fixed_count; i++) {
        if (c->fixed[i].order != order) {
            c->fixed[kept++] = c->fixed[i];
        }
    }
    c->fixed_count = kept;
    c->fixed_digest = fixed_digest(c);
}

/* The plan still has what the decision had put there, and what it replaced can be put back. */
static bool undoable(const struct control *c, const struct change *ch)
{
    return plan_has(&c->plan, ch) && change_broken(c->fleet, ch) == NULL;
}

static bool in_order(const struct change *changes, uint32_t count)
{
    for (uint32_t i = 1; i < count; i++) {
        if (change_compare(&changes[i - 1], &changes[i]) >= 0) {
            return false;
        }
    }
    return true;
}

/* How many of the changes stand, and how many kept places they replace: a newer word wins. */
static uint32_t count_standing(const struct control *c, const struct operator_record *o,
                               uint32_t *ret_replaced)
{
    uint32_t standing = 0;
    *ret_replaced = 0;
    for (uint32_t i = 0; i < o->change_count; i++) {
        if (undoable(c, &o->changes[i])) {
            standing++;
            *ret_replaced += control_fixed(c, &o->changes[i]) != NULL ? 1 : 0;
        }
    }
    return standing;
}

static const struct change *find_change(const struct operator_record *o, const struct change *place)
{
    for (uint32_t i = 0; i < o->change_count; i++) {
        if (change_compare(&o->changes[i], place) == 0) {
            return &o->changes[i];
        }
    }
    return NULL;
}

static void drop_replaced(struct control *c, const struct operator_record *o)
{
    uint32_t kept = 0;
    for (uint32_t i = 0; i < c->fixed_count; i++) {
        const struct change *ch = find_change(o, &c->fixed[i].change);
        if (ch == NULL || !undoable(c, ch)) {
            c->fixed[kept++] = c->fixed[i];
        }
    }
    c->fixed_count = kept;
}

/* Merges what stands of the changes into the list, from its end. */
static void fix(struct control *c, const struct operator_record *o, uint32_t standing, uint32_t id)
{
    drop_replaced(c, o);
    uint32_t left = c->fixed_count, more = o->change_count, to = left + standing;
    c->fixed_count = to;
    while (more > 0) {
        const struct change *ch = &o->changes[more - 1];
        if (!undoable(c, ch)) {
            more--;
        } else if (left > 0 && change_compare(&c->fixed[left - 1].change, ch) > 0) {
            c->fixed[--to] = c->fixed[--left];
        } else {
            c->fixed[--to] = (struct fixed){.order = id, .change = *ch};
            more--;
        }
    }
    c->fixed_digest = fixed_digest(c);
}

static void leave(struct control *c, uint32_t i)
{
    size_t after = c->order_count - i - 1;
    memmove(&c->orders[i], &c->orders[i + 1], after * sizeof c->orders[0]);
    c->order_count--;
    memset(&c->orders[c->order_count], 0, sizeof c->orders[0]);
}

/* --- Giving -------------------------------------------------------------------------------------
 */

/* The same word is in force already. */
static bool repeats(const struct control *c, enum order_kind kind, const struct operator_record *o)
{
    bool same = false;
    for (uint32_t i = 0; i < c->order_count; i++) {
        const struct order *at = &c->orders[i];
        same = same || (!at->ended && at->kind == kind && kind != ORDER_UNDO &&
                        subject_equal(&at->subject, &o->subject) && at->tier == o->tier);
    }
    return same;
}

/* Ended orders that may leave before what they moved is home: one of them is enough to know that
 * something has to come. */
static uint32_t can_leave(const struct control *c)
{
    uint32_t ended = 0;
    for (uint32_t i = 0; i < c->order_count; i++) {
        ended += c->orders[i].ended ? 1 : 0;
    }
    return ended > 1 ? ended - 1 : 0;
}

static void make_room(struct control *c)
{
    uint32_t i = 0;
    while (c->order_count == ORDER_MAX && i < c->order_count && !c->orders[i].ended) {
        i++;
    }
    if (c->order_count == ORDER_MAX && i < c->order_count) {
        leave(c, i); /* the oldest */
    }
}

/* Why the order cannot be given; ret_standing: how much of an UNDO stands. */
static enum fold_void order_void(const struct control *c, enum order_kind kind,
                                 const struct operator_record *o, uint32_t *ret_standing)
{
    uint32_t standing = 0, replaced = 0;
    if (!order_subject_fits(c->fleet, kind, &o->subject) || o->ttl_us < 0 ||
        o->ttl_us > ORDER_TTL_MAX_US) {
        return FOLD_REQUEST_REFUSED;
    }
    if (kind == ORDER_DEMOTE && o->tier == 0) {
        return FOLD_REQUEST_CORE;
    }
    if (kind == ORDER_DEMOTE && o->tier > service_top_tier(&c->fleet->services[o->subject.b])) {
        return FOLD_REQUEST_REFUSED;
    }
    if (kind == ORDER_UNDO) {
        standing = in_order(o->changes, o->change_count) ? count_standing(c, o, &replaced) : 0;
    }
    if (kind == ORDER_UNDO && standing == 0) {
        return FOLD_REQUEST_OVERTAKEN;
    }
    if (c->order_count - can_leave(c) == ORDER_MAX ||
        c->fixed_count + standing - replaced > record_max_changes(c->fleet)) {
        return FOLD_REQUEST_FULL;
    }
    *ret_standing = standing;
    return repeats(c, kind, o) ? FOLD_REQUEST_EXISTS : FOLD_ACCEPTED;
}

bool order_new_fleet(struct control *c, const struct operator_record *o, int64_t offset)
{
    uint32_t i = 0;
    while (i < c->order_count && c->orders[i].kind != ORDER_FLEET) {
        i++;
    }
    if (i < c->order_count) {
        leave(c, i); /* this one follows it */
    }
    make_room(c);
    if (c->order_count == ORDER_MAX) {
        return false;
    }
    struct order *new = &c->orders[c->order_count++];
    memset(new, 0, sizeof *new);
    new->id = c->next_order++;
    new->kind = ORDER_FLEET;
    new->ended = true;
    new->since = c->log_time;
    new->offset = (uint64_t)offset;
    memcpy(new->identity, o->identity, sizeof new->identity);
    memcpy(new->reason, o->reason, sizeof new->reason);
    return true;
}

enum fold_void order_give(struct control *c, enum order_kind kind, const struct operator_record *o,
                          int64_t offset)
{
    uint32_t standing = 0;
    enum fold_void why = order_void(c, kind, o, &standing);
    if (why != FOLD_ACCEPTED) {
        return why;
    }
    make_room(c);
    struct order *new = &c->orders[c->order_count++];
    memset(new, 0, sizeof *new);
    new->id = c->next_order++;
    new->kind = kind;
    new->tier = kind == ORDER_DEMOTE ? o->tier : 0;
    new->subject = o->subject;
    new->since = c->log_time;
    new->expires.us = o->ttl_us > 0 ? c->log_time.us + o->ttl_us : 0;
    new->offset = (uint64_t)offset;
    new->decision = kind == ORDER_UNDO ? o->argument : 0;
    memcpy(new->identity, o->identity, sizeof new->identity);
    memcpy(new->reason, o->reason, sizeof new->reason);
    if (kind == ORDER_UNDO) {
        fix(c, o, standing, new->id);
    }
    return FOLD_ACCEPTED;
}

/* --- Ending -------------------------------------------------------------------------------------
 */

/* The order at i is in force no more. False: it left the list. */
static bool end(struct control *c, uint32_t i)
{
    struct order *o = &c->orders[i];
    if (o->kind == ORDER_UNDO) {
        release_fixed(c, o->id);
    }
    if (!order_comes_home(o->kind)) {
        leave(c, i);
        return false;
    }
    o->ended = true;
    return true;
}

bool order_end_subject(struct control *c, enum order_kind kind, const struct subject *subject)
{
    bool any = false;
    for (uint32_t i = 0; i < c->order_count; i++) {
        const struct order *o = &c->orders[i];
        if (o->kind == kind && !o->ended && subject_equal(&o->subject, subject)) {
            any = true;
            (void)end(c, i); /* what comes home stays in its place */
        }
    }
    return any;
}

bool order_end_id(struct control *c, uint64_t id)
{
    for (uint32_t i = 0; i < c->order_count; i++) {
        if (c->orders[i].id == id && !c->orders[i].ended) {
            (void)end(c, i);
            return true;
        }
    }
    return false;
}

void orders_expire(struct control *c)
{
    uint32_t i = 0;
    while (i < c->order_count) {
        const struct order *o = &c->orders[i];
        bool over = !o->ended && o->expires.us != 0 && o->expires.us <= c->log_time.us;
        i += !over || end(c, i) ? 1 : 0;
    }
}

void order_home(struct control *c, uint32_t id)
{
    for (uint32_t i = 0; i < c->order_count; i++) {
        if (c->orders[i].id == id && c->orders[i].ended) {
            leave(c, i);
            return;
        }
    }
}

/* --- What must hold -----------------------------------------------------------------------------
 */

static const char *fixed_broken(const struct control *c)
{
    for (uint32_t i = 0; i < c->fixed_count; i++) {
        const struct fixed *x = &c->fixed[i];
        const struct order *o = control_order(c, x->order);
        if (o == NULL || o->kind != ORDER_UNDO || o->ended) {
            return "a value is kept for no order";
        }
        if (i > 0 && change_compare(&c->fixed[i - 1].change, &x->change) >= 0) {
            return "kept values are not in the order of their places";
        }
        if (change_broken(c->fleet, &x->change) != NULL) {
            return "a kept value is none that the plan could have";
        }
    }
    struct digest digest = fixed_digest(c);
    return digest_compare(&digest, &c->fixed_digest) != 0
               ? "the kept values do not match their digest"
               : NULL;
}

const char *orders_broken(const struct control *c)
{
    uint32_t last = 0;
    for (uint32_t i = 0; i < c->order_count; i++) {
        const struct order *o = &c->orders[i];
        if (o->id <= last || o->id >= c->next_order) {
            return "orders are not in the order of their ids";
        }
        if (!order_subject_fits(c->fleet, o->kind, &o->subject)) {
            return "an order is about something that the fleet does not have";
        }
        bool never = (o->ended && !order_comes_home(o->kind)) ||
                     (o->kind == ORDER_FLEET && !o->ended) ||
                     (o->kind == ORDER_DEMOTE && o->tier == 0);
        if (never) {
            return "an order is none that can be given";
        }
        last = o->id;
    }
    return fixed_broken(c);
}
