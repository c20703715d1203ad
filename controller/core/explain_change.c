/* explain_change.c: differences between plans as sentences: shares, requests, features, next hops.
 */
#include "core/explain_internal.h"

/* How many slots of an answer an entrance fills. */
static uint32_t slots_of(const struct answer *a, uint16_t entrance)
{
    uint32_t n = 0;
    for (uint8_t i = 0; i < a->count; i++) {
        n += a->slots[i].entrance == entrance ? 1 : 0;
    }
    return n;
}

/* Position i is the first slot of its entrance in the answer. */
static bool first_of(const struct answer *a, uint8_t i)
{
    for (uint8_t k = 0; k < i; k++) {
        if (a->slots[k].entrance == a->slots[i].entrance) {
            return false;
        }
    }
    return true;
}

/* What `more` has of each entrance beyond what `less` has: "2 of 4 slots (50 %, 50 requests/s)
 * NAME". */
static uint32_t put_surplus(const struct fleet *f, const struct change *ch,
                            const struct answer *more, const struct answer *less, bool shares,
                            struct text *t)
{
    uint32_t listed = 0, total = 0;
    for (uint8_t pass = 0; pass < 2; pass++) {
        for (uint8_t i = 0; i < more->count; i++) {
            uint16_t e = more->slots[i].entrance;
            uint32_t has = slots_of(more, e), had = slots_of(less, e);
            if (e == FLEET_NONE || !first_of(more, i) || has <= had) {
                continue;
            }
            if (pass == 0) {
                total++;
                continue;
            }
            put_separator(t, listed++, total);
            put_entrance(f, e, t);
            if (!shares) {
                continue;
            }
            text_put(t, " (");
            put_count(t, has - had, "slot", "slots");
            text_put(t, ", ");
            text_put_share(t, (int64_t)(has - had) * 1000000 / more->count);
            if (ch->a < f->service_count && ch->b < f->view_count) {
                text_put(t, ", ");
                text_put_int(
                    t, (int64_t)(fleet_demand_rps(f, ch->a, ch->b) * (has - had) / more->count));
                text_put(t, " requests/s");
            }
            text_put(t, ")");
        }
    }
    return listed;
}

static void put_answer(const struct fleet *f, const struct change *ch, struct text *t)
{
    put_service(f, ch->a, t);
    text_put(t, " for ");
    put_view(f, ch->b, t);
    text_put(t, ": from ");
    if (put_surplus(f, ch, &ch->answer.from, &ch->answer.to, false, t) == 0) {
        text_put(t, "nobody (the same addresses in another order)");
    }
    text_put(t, " to ");
    if (put_surplus(f, ch, &ch->answer.to, &ch->answer.from, true, t) == 0) {
        text_put(t, "the same");
    }
}

static void put_hops(const struct fleet *f, const struct hops *h, struct text *t)
{
    for (uint8_t i = 0; i < h->count; i++) {
        text_put(t, i > 0 ? ", then " : "");
        put_link(f, h->links[i], t);
    }
    if (h->count == 0) {
        text_put(t, "none");
    }
}

/* Names of the features of the tiers in (low, high]. */
static void put_features(const struct fleet *f, uint16_t service, uint8_t low, uint8_t high,
                         struct text *t)
{
    const struct service *s = &f->services[service];
    uint32_t listed = 0, total = 0;
    for (uint16_t i = 0; i < s->feature_count; i++) {
        total += s->features[i].tier > low && s->features[i].tier <= high ? 1 : 0;
    }
    for (uint16_t i = 0; i < s->feature_count; i++) {
        if (s->features[i].tier > low && s->features[i].tier <= high) {
            put_separator(t, listed++, total);
            text_put(t, s->features[i].name);
        }
    }
}

static void put_tier(const struct fleet *f, const struct change *ch, struct text *t)
{
    bool down = ch->tier.to < ch->tier.from;
    uint8_t low = down ? ch->tier.to : ch->tier.from, high = down ? ch->tier.from : ch->tier.to;
    put_service(f, ch->b, t);
    text_put(t, " in region ");
    put_region(f, ch->a, t);
    text_put(t, down ? ": demoted " : ": brought back ");
    if (ch->b < f->service_count) {
        put_features(f, ch->b, low, high, t);
    }
    text_put(t, down ? "; tiers 0 to " : "; now tiers 0 to ");
    text_put_int(t, ch->tier.to);
    text_put(t, down ? " stay" : " are served");
}

static void put_announcement(const struct fleet *f, const struct change *ch, struct text *t)
{
    put_service(f, ch->a, t);
    text_put(t, " at ");
    put_idc(f, ch->b, t);
    text_put(t, ch->announced.to == 1 ? ": announced by BGP again" : ": withdrawn from BGP");
}

void explain_change(const struct fleet *f, const struct change *ch, struct text *t)
{
    switch (ch->kind) {
    case CHANGE_ANSWER: put_answer(f, ch, t); return;
    case CHANGE_HOPS:
        text_put(t, "routes from ");
        put_idc(f, ch->a, t);
        text_put(t, " to ");
        put_idc(f, ch->b, t);
        text_put(t, ": ");
        put_hops(f, &ch->hops.to, t);
        return;
    case CHANGE_RELEASED:
        text_put(t, "link ");
        put_link(f, ch->a, t);
        text_put(t, ": released at ");
        put_idc(f, ch->a < f->link_count && ch->b < 2 ? f->links[ch->a].end[ch->b].idc : FLEET_NONE,
                t);
        text_put(t, " after its down number ");
        text_put_int(t, ch->released.to);
        return;
    case CHANGE_TIER: put_tier(f, ch, t); return;
    case CHANGE_ANNOUNCE: put_announcement(f, ch, t); return;
    }
    text_put(t, "an unknown change");
}
