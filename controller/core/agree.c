/* agree.c: comparing control digests at the same base. */
#include "core/agree.h"

#include <string.h>

void agree_init(struct agree *g)
{
    memset(g, 0, sizeof *g);
    for (uint32_t i = 0; i < AGREE_RING; i++) {
        g->ring[i].offset = -1;
    }
}

void agree_renew(struct agree *g)
{
    memset(g->with, 0, sizeof g->with);
    g->leader_differs = false;
}

void agree_own(struct agree *g, int64_t offset, const struct digest *d)
{
    g->ring[g->next].offset = offset;
    g->ring[g->next].digest = *d;
    g->next = (g->next + 1) % AGREE_RING;
}

const struct digest *agree_at(const struct agree *g, int64_t offset)
{
    for (uint32_t i = 0; i < AGREE_RING; i++) {
        if (g->ring[i].offset == offset && offset >= 0) {
            return &g->ring[i].digest;
        }
    }
    return NULL;
}

void agree_alive(struct agree *g, uint16_t idc, int64_t base, const struct digest *d)
{
    const struct digest *own = agree_at(g, base);
    if (own != NULL) {
        g->with[idc] = digest_compare(own, d) == 0 ? AGREE_SAME : AGREE_DIFFERS;
    }
}

void agree_heartbeat(struct agree *g, int64_t base, const struct digest *d)
{
    const struct digest *own = agree_at(g, base);
    if (own != NULL) {
        g->leader_differs = digest_compare(own, d) != 0;
    }
}

bool agree_halts(const struct agree *g, const struct control *c, uint16_t me, bool leads)
{
    const struct fleet *f = c->fleet;
    uint32_t candidates = 0, same = 0, differ = 0;
    for (uint16_t i = 0; i < f->idc_count; i++) {
        if (f->idcs[i].candidate) {
            candidates++;
            same += i == me || g->with[i] == AGREE_SAME;
            differ += i != me && g->with[i] == AGREE_DIFFERS && !c->alive[i].halted;
        }
    }
    uint32_t majority = candidates / 2 + 1;
    return leads ? differ >= majority : g->leader_differs && same < majority;
}
