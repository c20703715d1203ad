/* change.c: differences between two plans: finding, applying, inverting, encoding. */
#include "model/plan.h"

#include <assert.h>
#include <string.h>

static bool answer_equal(const struct answer *a, const struct answer *b)
{
    bool equal = a->count == b->count;
    for (uint8_t i = 0; equal && i < a->count; i++) {
        equal = a->slots[i].entrance == b->slots[i].entrance &&
                a->slots[i].address == b->slots[i].address;
    }
    return equal;
}

static bool hops_equal(const struct hops *a, const struct hops *b)
{
    return a->count == b->count && memcmp(a->links, b->links, a->count * sizeof a->links[0]) == 0;
}

/* The canonical form of an answer or hops: nothing behind the count. */
static struct answer answer_clean(const struct answer *a)
{
    struct answer clean;
    memset(&clean, 0, sizeof clean);
    clean.count = a->count;
    for (uint8_t i = 0; i < a->count; i++) {
        clean.slots[i].entrance = a->slots[i].entrance;
        clean.slots[i].address = a->slots[i].address;
    }
    return clean;
}

static struct hops hops_clean(const struct hops *h)
{
    struct hops clean;
    memset(&clean, 0, sizeof clean);
    clean.count = h->count;
    memcpy(clean.links, h->links, h->count * sizeof h->links[0]);
    return clean;
}

struct change_list {
    struct change *at;
    uint32_t max, count;
    bool full;
};

static struct change *push(struct change_list *l, enum change_kind kind, size_t a, size_t b)
{
    if (l->count >= l->max) {
        l->full = true;
        return NULL;
    }
    struct change *ch = &l->at[l->count++];
    memset(ch, 0, sizeof *ch);
    ch->kind = kind;
    ch->a = (uint16_t)a;
    ch->b = (uint16_t)b;
    return ch;
}

static void diff_answers(const struct plan *from, const struct plan *to, struct change_list *l)
{
    for (size_t i = 0; i < (size_t)from->service_count * from->view_count; i++) {
        if (!answer_equal(&from->answers[i], &to->answers[i])) {
            struct change *ch = push(l, CHANGE_ANSWER, i / from->view_count, i % from->view_count);
            if (ch != NULL) {
                ch->answer.from = answer_clean(&from->answers[i]);
                ch->answer.to = answer_clean(&to->answers[i]);
            }
        }
    }
}

static void diff_hops(const struct plan *from, const struct plan *to, struct change_list *l)
{
    for (size_t i = 0; i < (size_t)from->idc_count * from->idc_count; i++) {
        if (!hops_equal(&from->hops[i], &to->hops[i])) {
            struct change *ch = push(l, CHANGE_HOPS, i / from->idc_count, i % from->idc_count);
            if (ch != NULL) {
                ch->hops.from = hops_clean(&from->hops[i]);
                ch->hops.to = hops_clean(&to->hops[i]);
            }
        }
    }
}

static void diff_released(const struct plan *from, const struct plan *to, struct change_list *l)
{
    for (size_t i = 0; i < (size_t)from->link_count * 2; i++) {
        if (from->released[i] != to->released[i]) {
            struct change *ch = push(l, CHANGE_RELEASED, i / 2, i % 2);
            if (ch != NULL) {
                ch->released.from = from->released[i];
                ch->released.to = to->released[i];
            }
        }
    }
}

static void diff_tiers(const struct plan *from, const struct plan *to, struct change_list *l)
{
    for (size_t i = 0; i < (size_t)from->region_count * from->service_count; i++) {
        if (from->tier_limits[i] != to->tier_limits[i]) {
            struct change *ch =
                push(l, CHANGE_TIER, i / from->service_count, i % from->service_count);
            if (ch != NULL) {
                ch->tier.from = from->tier_limits[i];
                ch->tier.to = to->tier_limits[i];
            }
        }
    }
}

static void diff_announced(const struct plan *from, const struct plan *to, struct change_list *l)
{
    for (size_t i = 0; i < (size_t)from->service_count * from->idc_count; i++) {
        if (from->announced[i] != to->announced[i]) {
            struct change *ch = push(l, CHANGE_ANNOUNCE, i / from->idc_count, i % from->idc_count);
            if (ch != NULL) {
                ch->announced.from = from->announced[i];
                ch->announced.to = to->announced[i];
            }
        }
    }
}

int plan_diff(const struct plan *from, const struct plan *to, struct change *changes, uint32_t max)
{
    assert(from->service_count == to->service_count && from->view_count == to->view_count);
    assert(from->idc_count == to->idc_count && from->link_count == to->link_count);
    struct change_list l = {.at = changes, .max = max};
    diff_answers(from, to, &l);
    diff_hops(from, to, &l);
    diff_released(from, to, &l);
    diff_tiers(from, to, &l);
    diff_announced(from, to, &l);
    return l.full ? ERR_FULL : (int)l.count;
}

bool plan_has(const struct plan *p, const struct change *ch)
{
    switch (ch->kind) {
    case CHANGE_ANSWER:
        return ch->a < p->service_count && ch->b < p->view_count &&
               answer_equal(plan_answer(p, ch->a, ch->b), &ch->answer.from);
    case CHANGE_HOPS:
        return ch->a < p->idc_count && ch->b < p->idc_count &&
               hops_equal(plan_hops(p, ch->a, ch->b), &ch->hops.from);
    case CHANGE_RELEASED:
        return ch->a < p->link_count && ch->b <= 1 &&
               *plan_released(p, ch->a, (uint8_t)ch->b) == ch->released.from;
    case CHANGE_TIER:
        return ch->a < p->region_count && ch->b < p->service_count &&
               *plan_tier_limit(p, ch->a, ch->b) == ch->tier.from;
    case CHANGE_ANNOUNCE:
        return ch->a < p->service_count && ch->b < p->idc_count &&
               *plan_announced(p, ch->a, ch->b) == ch->announced.from;
    }
    return false;
}

void plan_put(struct plan *p, const struct change *ch)
{
    switch (ch->kind) {
    case CHANGE_ANSWER: *plan_answer(p, ch->a, ch->b) = answer_clean(&ch->answer.to); return;
    case CHANGE_HOPS: *plan_hops(p, ch->a, ch->b) = hops_clean(&ch->hops.to); return;
    case CHANGE_RELEASED: *plan_released(p, ch->a, (uint8_t)ch->b) = ch->released.to; return;
    case CHANGE_TIER: *plan_tier_limit(p, ch->a, ch->b) = ch->tier.to; return;
    case CHANGE_ANNOUNCE: *plan_announced(p, ch->a, ch->b) = ch->announced.to; return;
    }
}

struct change plan_value(const struct plan *p, const struct change *place)
{
    struct change ch;
    memset(&ch, 0, sizeof ch);
    ch.kind = place->kind;
    ch.a = place->a;
    ch.b = place->b;
    switch (ch.kind) {
    case CHANGE_ANSWER: ch.answer.from = ch.answer.to = *plan_answer(p, ch.a, ch.b); break;
    case CHANGE_HOPS: ch.hops.from = ch.hops.to = *plan_hops(p, ch.a, ch.b); break;
    case CHANGE_RELEASED:
        ch.released.from = ch.released.to = *plan_released(p, ch.a, (uint8_t)ch.b);
        break;
    case CHANGE_TIER: ch.tier.from = ch.tier.to = *plan_tier_limit(p, ch.a, ch.b); break;
    case CHANGE_ANNOUNCE:
        ch.announced.from = ch.announced.to = *plan_announced(p, ch.a, ch.b);
        break;
    }
    return ch;
}

int change_compare(const struct change *a, const struct change *b)
{
    if (a->kind != b->kind) {
        return a->kind < b->kind ? -1 : 1;
    }
    return a->a != b->a ? (int)a->a - (int)b->a : (int)a->b - (int)b->b;
}

int plan_apply(struct plan *p, const struct change *changes, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        bool ordered = i == 0 || change_compare(&changes[i - 1], &changes[i]) < 0;
        if (!ordered || !plan_has(p, &changes[i])) {
            return ERR_INVARIANT;
        }
        plan_put(p, &changes[i]);
    }
    return OK;
}

static void invert_one(struct change *ch)
{
    switch (ch->kind) {
    case CHANGE_ANSWER: {
        struct answer old = ch->answer.from;
        ch->answer.from = ch->answer.to;
        ch->answer.to = old;
        break;
    }
    case CHANGE_HOPS: {
        struct hops old = ch->hops.from;
        ch->hops.from = ch->hops.to;
        ch->hops.to = old;
        break;
    }
    case CHANGE_RELEASED: {
        uint32_t old = ch->released.from;
        ch->released.from = ch->released.to;
        ch->released.to = old;
        break;
    }
    case CHANGE_TIER: {
        uint8_t old = ch->tier.from;
        ch->tier.from = ch->tier.to;
        ch->tier.to = old;
        break;
    }
    case CHANGE_ANNOUNCE: {
        uint8_t old = ch->announced.from;
        ch->announced.from = ch->announced.to;
        ch->announced.to = old;
        break;
    }
    }
}

void changes_invert(struct change *changes, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        invert_one(&changes[i]);
    }
}

uint32_t changes_undo(const struct plan *p, struct change *changes, uint32_t count)
{
    uint32_t kept = 0;
    changes_invert(changes, count);
    for (uint32_t i = 0; i < count; i++) {
        if (plan_has(p, &changes[i])) {
            changes[kept++] = changes[i];
        }
    }
    return kept;
}

void change_codec(struct codec *c, struct change *ch)
{
    uint8_t kind = (uint8_t)ch->kind;
    codec_u8(c, &kind);
    if (c->mode == CODEC_READ) {
        memset(ch, 0, sizeof *ch);
    }
    ch->kind = (enum change_kind)kind;
    codec_u16(c, &ch->a);
    codec_u16(c, &ch->b);
    switch (ch->kind) {
    case CHANGE_ANSWER:
        answer_codec(c, &ch->answer.from);
        answer_codec(c, &ch->answer.to);
        return;
    case CHANGE_HOPS:
        hops_codec(c, &ch->hops.from);
        hops_codec(c, &ch->hops.to);
        return;
    case CHANGE_RELEASED:
        codec_u32(c, &ch->released.from);
        codec_u32(c, &ch->released.to);
        return;
    case CHANGE_TIER:
        codec_u8(c, &ch->tier.from);
        codec_u8(c, &ch->tier.to);
        return;
    case CHANGE_ANNOUNCE:
        codec_u8(c, &ch->announced.from);
        codec_u8(c, &ch->announced.to);
        return;
    }
    codec_fail(c, ERR_INVALID);
}
