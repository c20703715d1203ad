/* plan.h: the plan: the whole desired state, its fence, and the differences between two plans. */
#ifndef SPILLWAY_MODEL_PLAN_H
#define SPILLWAY_MODEL_PLAN_H

#include "model/fleet.h"

/* Identity of a log, random, made by `spillway init`. */
struct log_id {
    uint8_t bytes[16];
};

/* (era, generation) order fences; equal ones with another log id or digest are a split and refused.
 */
struct fence {
    uint64_t era;
    struct log_id log_id;
    uint64_t generation;
    struct digest digest; /* of the plan's canonical form, the fence itself left out */
};

enum fence_order { FENCE_OLDER, FENCE_EQUAL, FENCE_NEWER, FENCE_SPLIT };

/* How a stands to b. */
enum fence_order fence_compare(const struct fence *a, const struct fence *b);
void fence_codec(struct codec *c, struct fence *f);

/* One unit of share: an address of an entrance. */
struct slot {
    uint16_t
        entrance; /* FLEET_NONE: the slot is unused (the view cannot be served by this service) */
    uint8_t address; /* index into the entrance's pool */
};

/* A view's answer for one service. Published is the set of its slots' addresses; they are distinct.
 */
struct answer {
    uint8_t count; /* slots, 0 when no entrance of the service reaches the view */
    struct slot slots[FLEET_MAX_SLOTS];
};

/* Ordered next hops from one IDC to another, best first, as indices of links at the source. */
struct hops {
    uint8_t count;
    uint16_t links[FLEET_MAX_HOPS];
};

struct plan {
    struct fence fence;
    /* Sizes, copied from the fleet that the plan is for. */
    uint16_t service_count, view_count, idc_count, link_count, region_count;
    struct answer *answers; /* [service * view_count + view] */
    struct hops *hops;      /* [source idc * idc_count + destination idc] */
    uint32_t *released; /* [link * 2 + end]: highest number of a local down that this plan has seen
                           over */
    uint8_t *tier_limits; /* [region * service_count + service]: highest tier served there */
    uint8_t *announced;   /* [service * idc_count + idc]: 1: its anycast prefixes, else 0 */
};

/* Bytes of arena that one plan for the fleet takes. */
size_t plan_arena_size(const struct fleet *f);
/* An empty plan (no slots, no hops, every tier served, every IDC announcing) sized for the fleet,
 * in the arena. ERR_FULL when the arena is too small. */
int plan_new(const struct fleet *f, struct arena *a, struct plan *ret_plan) MUST_CHECK;
/* Copies the contents of a plan to another of the same sizes. */
void plan_copy(struct plan *to, const struct plan *from);
/* The plan without its fence, in either direction; reading fills a plan of the right sizes. */
void plan_codec(struct codec *c, struct plan *p);
/* SHA-256 of the canonical form without the fence, computed in small pieces (no scratch needed). */
struct digest plan_digest(const struct plan *p);
/* The same without the releases of links: equal for plans that send the same traffic the same way.
 */
struct digest plan_shape_digest(const struct plan *p);

static inline struct answer *plan_answer(const struct plan *p, uint16_t service, uint16_t view)
{
    return &p->answers[(uint32_t)service * p->view_count + view];
}
static inline struct hops *plan_hops(const struct plan *p, uint16_t from, uint16_t to)
{
    return &p->hops[(uint32_t)from * p->idc_count + to];
}
static inline uint32_t *plan_released(const struct plan *p, uint16_t link, uint8_t end)
{
    return &p->released[(uint32_t)link * 2 + end];
}
static inline uint8_t *plan_tier_limit(const struct plan *p, uint16_t region, uint16_t service)
{
    return &p->tier_limits[(uint32_t)region * p->service_count + service];
}

static inline uint8_t *plan_announced(const struct plan *p, uint16_t service, uint16_t idc)
{
    return &p->announced[(uint32_t)service * p->idc_count + idc];
}

enum change_kind { CHANGE_ANSWER = 1, CHANGE_HOPS, CHANGE_RELEASED, CHANGE_TIER, CHANGE_ANNOUNCE };

/* One difference between two plans. It carries both sides, so the inverse is the same list with old
 * and new exchanged, and applying it checks that it meets what it expects. */
struct change {
    enum change_kind kind;
    uint16_t a; /* service | source idc | link | region | service */
    uint16_t b; /* view | destination idc | end | service | idc */
    union {
        struct {
            struct answer from, to;
        } answer;
        struct {
            struct hops from, to;
        } hops;
        struct {
            uint32_t from, to;
        } released;
        struct {
            uint8_t from, to;
        } tier;
        struct {
            uint8_t from, to;
        } announced;
    };
};

/* Differences from one plan to another of equal sizes, in canonical order, to changes[max].
 * Returns their number, or ERR_FULL. */
int plan_diff(const struct plan *from, const struct plan *to, struct change *changes,
              uint32_t max) MUST_CHECK;
/* Applies the changes; ERR_INVARIANT when one does not meet its old side, an index is out of range,
 * or they are not in the order of plan_diff, each about something else (a list that comes back to
 * the same place could hide anything in between): the plan is then half changed and must be thrown
 * away. The fence is left alone. */
int plan_apply(struct plan *p, const struct change *changes, uint32_t count) MUST_CHECK;
/* True when the plan has the change's old side. */
bool plan_has(const struct plan *p, const struct change *ch);
/* Gives the change's place its new side, whatever was there. */
void plan_put(struct plan *p, const struct change *ch);
/* The change's place with what the plan has there on both sides. */
struct change plan_value(const struct plan *p, const struct change *place);
/* By place, in the order of plan_diff: below 0, 0 (the same place) or above 0. */
int change_compare(const struct change *a, const struct change *b);
/* Inverts the changes of a decision and keeps those, at the front, whose places the plan still has:
 * what can be undone. Returns their number. */
uint32_t changes_undo(const struct plan *p, struct change *changes, uint32_t count);
/* Exchanges old and new of every change, in place. */
void changes_invert(struct change *changes, uint32_t count);
void change_codec(struct codec *c, struct change *ch);
void answer_codec(struct codec *c, struct answer *a);
void hops_codec(struct codec *c, struct hops *h);

#endif
