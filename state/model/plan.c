/* plan.c: plans in an arena, their canonical form, digest, differences, and the order of fences. */
#include "model/plan.h"

#include <assert.h>
#include <string.h>

enum fence_order fence_compare(const struct fence *a, const struct fence *b)
{
    if (a->era != b->era) {
        return a->era < b->era ? FENCE_OLDER : FENCE_NEWER;
    }
    if (a->generation != b->generation) {
        return a->generation < b->generation ? FENCE_OLDER : FENCE_NEWER;
    }
    bool same = memcmp(a->log_id.bytes, b->log_id.bytes, sizeof a->log_id.bytes) == 0 &&
                digest_compare(&a->digest, &b->digest) == 0;
    return same ? FENCE_EQUAL : FENCE_SPLIT;
}

void fence_codec(struct codec *c, struct fence *f)
{
    codec_u64(c, &f->era);
    codec_bytes(c, f->log_id.bytes, sizeof f->log_id.bytes);
    codec_u64(c, &f->generation);
    codec_bytes(c, f->digest.bytes, sizeof f->digest.bytes);
}

static size_t answer_total(const struct plan *p)
{
    return (size_t)p->service_count * p->view_count;
}
static size_t hops_total(const struct plan *p)
{
    return (size_t)p->idc_count * p->idc_count;
}
static size_t released_total(const struct plan *p)
{
    return (size_t)p->link_count * 2;
}
static size_t tier_total(const struct plan *p)
{
    return (size_t)p->region_count * p->service_count;
}

static size_t announced_total(const struct plan *p)
{
    return (size_t)p->service_count * p->idc_count;
}

size_t plan_arena_size(const struct fleet *f)
{
    /* Each of the five arrays may need 15 bytes of alignment. */
    return sizeof(struct answer) * f->service_count * f->view_count +
           sizeof(struct hops) * f->idc_count * f->idc_count +
           sizeof(uint32_t) * 2 * f->link_count + (size_t)f->region_count * f->service_count +
           (size_t)f->service_count * f->idc_count + 5 * 16;
}

int plan_new(const struct fleet *f, struct arena *a, struct plan *ret_plan)
{
    struct plan p = {.service_count = f->service_count,
                     .view_count = f->view_count,
                     .idc_count = f->idc_count,
                     .link_count = f->link_count,
                     .region_count = f->region_count};
    p.answers = ARENA_NEW(a, struct answer, answer_total(&p));
    p.hops = ARENA_NEW(a, struct hops, hops_total(&p));
    p.released = ARENA_NEW(a, uint32_t, released_total(&p));
    p.tier_limits = ARENA_NEW(a, uint8_t, tier_total(&p));
    p.announced = ARENA_NEW(a, uint8_t, announced_total(&p));
    if (p.answers == NULL || p.hops == NULL || p.released == NULL || p.tier_limits == NULL ||
        p.announced == NULL) {
        return ERR_FULL;
    }
    for (uint16_t s = 0; s < f->service_count; s++) {
        for (uint16_t x = 0; x < f->idc_count; x++) {
            *plan_announced(&p, s, x) = fleet_announces(f, s, x);
        }
    }
    for (uint16_t r = 0; r < f->region_count; r++) {
        for (uint16_t s = 0; s < f->service_count; s++) {
            *plan_tier_limit(&p, r, s) = service_top_tier(&f->services[s]);
        }
    }
    *ret_plan = p;
    return OK;
}

void plan_copy(struct plan *to, const struct plan *from)
{
    assert(to->service_count == from->service_count && to->view_count == from->view_count);
    assert(to->idc_count == from->idc_count && to->link_count == from->link_count);
    assert(to->region_count == from->region_count);
    to->fence = from->fence;
    memcpy(to->answers, from->answers, answer_total(from) * sizeof *from->answers);
    memcpy(to->hops, from->hops, hops_total(from) * sizeof *from->hops);
    memcpy(to->released, from->released, released_total(from) * sizeof *from->released);
    memcpy(to->tier_limits, from->tier_limits, tier_total(from) * sizeof *from->tier_limits);
    memcpy(to->announced, from->announced, announced_total(from) * sizeof *from->announced);
}

void answer_codec(struct codec *c, struct answer *a)
{
    codec_u8(c, &a->count);
    if (a->count > FLEET_MAX_SLOTS) {
        codec_fail(c, ERR_TOO_LARGE);
        a->count = 0;
    }
    for (uint8_t i = 0; i < a->count; i++) {
        codec_u16(c, &a->slots[i].entrance);
        codec_u8(c, &a->slots[i].address);
    }
}

void hops_codec(struct codec *c, struct hops *h)
{
    codec_u8(c, &h->count);
    if (h->count > FLEET_MAX_HOPS) {
        codec_fail(c, ERR_TOO_LARGE);
        h->count = 0;
    }
    for (uint8_t i = 0; i < h->count; i++) {
        codec_u16(c, &h->links[i]);
    }
}

enum { PART_ANSWERS, PART_HOPS, PART_RELEASED, PART_TIERS, PART_ANNOUNCED, PLAN_PARTS };

static void row_codec(struct codec *c, struct plan *p, size_t part, size_t i)
{
    switch (part) {
    case PART_ANSWERS: answer_codec(c, &p->answers[i]); break;
    case PART_HOPS: hops_codec(c, &p->hops[i]); break;
    case PART_RELEASED: codec_u32(c, &p->released[i]); break;
    case PART_TIERS: codec_u8(c, &p->tier_limits[i]); break;
    default: codec_u8(c, &p->announced[i]); break;
    }
}

static size_t part_total(const struct plan *p, size_t part)
{
    const size_t totals[PLAN_PARTS] = {answer_total(p), hops_total(p), released_total(p),
                                       tier_total(p), announced_total(p)};
    return totals[part];
}

static void sizes_codec(struct codec *c, const struct plan *p)
{
    const uint16_t sizes[5] = {p->service_count, p->view_count, p->idc_count, p->link_count,
                               p->region_count};
    for (size_t i = 0; i < 5; i++) {
        uint16_t v = sizes[i];
        codec_u16(c, &v);
        if (v != sizes[i]) {
            codec_fail(c, ERR_FOREIGN); /* a plan for a fleet of another shape */
        }
    }
}

void plan_codec(struct codec *c, struct plan *p)
{
    sizes_codec(c, p);
    for (size_t part = 0; part < PLAN_PARTS; part++) {
        for (size_t i = 0; i < part_total(p, part) && c->status == OK; i++) {
            row_codec(c, p, part, i);
        }
    }
}

/* SHA-256 of the canonical form of the parts that are named as bits. */
static struct digest parts_digest(const struct plan *p, unsigned parts)
{
    uint8_t room[1 + sizeof(struct answer)]; /* every row's encoding is smaller than its largest
                                                struct */
    struct sha256 sha;
    sha256_init(&sha);
    struct codec c = codec_writer(room, sizeof room);
    sizes_codec(&c, p);
    sha256_update(&sha, room, c.pos);
    struct plan copy = *p; /* codecs take non-const pointers; writing changes nothing */
    for (size_t part = 0; part < PLAN_PARTS; part++) {
        for (size_t i = 0; (parts >> part & 1) != 0 && i < part_total(p, part); i++) {
            c = codec_writer(room, sizeof room);
            row_codec(&c, &copy, part, i);
            assert(c.status == OK);
            sha256_update(&sha, room, c.pos);
        }
    }
    return sha256_final(&sha);
}

struct digest plan_digest(const struct plan *p)
{
    return parts_digest(p, (1U << PLAN_PARTS) - 1);
}

struct digest plan_shape_digest(const struct plan *p)
{
    return parts_digest(p, ((1U << PLAN_PARTS) - 1) & ~(1U << PART_RELEASED));
}
