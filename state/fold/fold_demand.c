/* fold_demand.c: what decisions say of the demand, all of it or nothing. */
#include "fold/fold_internal.h"

#include <string.h>

static size_t demand_count(const struct control *c)
{
    return (size_t)c->fleet->service_count * c->fleet->view_count;
}

static bool in_span(uint64_t declared_rps, uint64_t rps)
{
    return rps == 0 || (rps >= demand_least(declared_rps) && rps <= demand_most(declared_rps));
}

static bool empty(const struct demand *d)
{
    return d->rps == 0 && d->seen_rps == 0;
}

static bool word_fits(const struct fleet *f, const struct demand_word *w)
{
    if (w->service >= f->service_count || w->view >= f->view_count) {
        return false;
    }
    uint64_t declared_rps = fleet_demand_rps(f, w->service, w->view);
    return declared_rps > 0 && in_span(declared_rps, w->rps) && in_span(declared_rps, w->seen_rps);
}

bool demand_fits(const struct fleet *f, uint16_t service, uint16_t view, const struct demand *d)
{
    struct demand_word w = {service, view, d->rps, d->seen_rps};
    return word_fits(f, &w);
}

static bool ascending(const struct demand_word *a, const struct demand_word *b)
{
    return a->service != b->service ? a->service < b->service : a->view < b->view;
}

bool demands_fit(const struct control *c, const struct decide *d)
{
    bool fit = d->demand_count == 0 || d->purpose == DECIDE_NOTE;
    for (uint32_t i = 0; i < d->demand_count && fit; i++) {
        fit = word_fits(c->fleet, &d->demands[i]) &&
              (i == 0 || ascending(&d->demands[i - 1], &d->demands[i]));
    }
    return fit;
}

void demands_apply(struct control *c, const struct decide *d, struct logtime now)
{
    for (uint32_t i = 0; i < d->demand_count; i++) {
        const struct demand_word *w = &d->demands[i];
        struct demand *at = &c->demand[(size_t)w->service * c->fleet->view_count + w->view];
        *at = (struct demand){.rps = w->rps, .seen_rps = w->seen_rps, .since = now};
        at->since.us = empty(at) ? 0 : now.us; /* as if never spoken of */
    }
    if (d->demand_count > 0) {
        c->demand_digest = demand_digest(c);
    }
}

/* Those that are not plainly as declared, each with its place. */
static void one_codec(struct codec *c, struct demand *d, uint32_t *place)
{
    codec_u32(c, place);
    codec_u64(c, &d->rps);
    codec_u64(c, &d->seen_rps);
    codec_i64(c, &d->since.us);
}

void demands_codec(struct codec *c, struct control *k)
{
    size_t all = demand_count(k);
    uint32_t count = 0;
    if (!codec_array(c, (void **)&k->demand, all, sizeof *k->demand)) {
        return;
    }
    for (size_t i = 0; i < all && c->mode != CODEC_READ; i++) {
        count += empty(&k->demand[i]) ? 0 : 1;
    }
    codec_count(c, &count, (uint32_t)all);
    uint32_t place = 0;
    for (uint32_t n = 0, next = 0; n < count && c->status == OK; n++, next = place + 1) {
        struct demand d;
        memset(&d, 0, sizeof d);
        for (place = next; c->mode != CODEC_READ && empty(&k->demand[place]);) {
            place++;
        }
        d = c->mode != CODEC_READ ? k->demand[place] : d;
        one_codec(c, &d, &place);
        if (c->status == OK && (place < next || place >= all || empty(&d))) {
            codec_fail(c, ERR_INVALID);
        } else if (c->status == OK && c->mode == CODEC_READ) {
            k->demand[place] = d;
        }
    }
}

struct digest demand_digest(const struct control *c)
{
    uint8_t room[sizeof(struct demand) + sizeof(uint32_t)];
    struct sha256 sha;
    sha256_init(&sha);
    for (uint32_t i = 0; i < demand_count(c); i++) {
        struct demand copy = c->demand[i];
        struct codec w = codec_writer(room, sizeof room);
        if (!empty(&copy)) {
            uint32_t place = i;
            one_codec(&w, &copy, &place);
            sha256_update(&sha, room, w.pos);
        }
    }
    return sha256_final(&sha);
}

const char *demands_broken(const struct control *c)
{
    for (uint16_t s = 0; s < c->fleet->service_count; s++) {
        for (uint16_t v = 0; v < c->fleet->view_count; v++) {
            const struct demand *at = &c->demand[(size_t)s * c->fleet->view_count + v];
            struct demand_word w = {s, v, at->rps, at->seen_rps};
            if (!empty(at) && !word_fits(c->fleet, &w)) {
                return "a demand is outside the span around the declared one";
            }
        }
    }
    struct digest digest = demand_digest(c);
    return digest_compare(&digest, &c->demand_digest) != 0 ? "the demand does not match its digest"
                                                           : NULL;
}
